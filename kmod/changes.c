// SPDX-License-Identifier: GPL-2.0
/*
 * changes.c: a number that moves with every change of a policy or an SA.
 *
 * Below bundle.c, and tells hold.c of SAs that have got their keys.
 *
 * What a bundle was made of can be asked whether it still holds: the policy,
 * the SA and the route carry marks.  What would be chosen *instead* today leaves
 * no mark on it: a policy of a higher priority, a newer SA, one that is not near
 * its end.  The kernel does mark SAs that a new one supersedes, but it does so
 * just before the new one can be found: who resolves in between takes the old SA
 * with the new mark.
 *
 * So we listen as a key manager does, without ever managing a key.  The kernel
 * tells key managers what has changed after the change can be seen and before
 * the call that made it returns to user space.  Who reads the number and then
 * resolves has either seen the change or has the old number; who starts after
 * the call has returned reads the new one.
 */
#include <linux/xfrm.h>
#include <net/xfrm.h>

#include "port.h"

static atomic_t changes;

static void moved(void)
{
	/* Pairs with the acquire in xport_changes(). */
	atomic_fetch_inc_release(&changes);
}

u32 xport_changes(void)
{
	return atomic_read_acquire(&changes);
}

static int state_changed(struct xfrm_state *x, const struct km_event *c)
{
	/*
	 * Counters that the kernel reports change nothing; those that somebody
	 * has set may.  A warning does: an SA near its end yields to one that
	 * is not, even to an older.
	 */
	if (c->event != XFRM_MSG_NEWAE || c->data.aevent == XFRM_AE_CU)
		moved();
	if (c->event == XFRM_MSG_NEWSA || c->event == XFRM_MSG_UPDSA)
		xport_hold_end(x);
	return 0;
}

static int policy_changed(struct xfrm_policy *xp, int dir,
			  const struct km_event *c)
{
	moved();
	return 0;
}

/* Not us, go on asking: the answer of the others stands. */
static int acquire(struct xfrm_state *x, struct xfrm_tmpl *t,
		   struct xfrm_policy *xp)
{
	return -ESRCH;
}

static struct xfrm_policy *compile_policy(struct sock *sk, int opt, u8 *data,
					  int len, int *dir)
{
	return NULL;
}

static struct xfrm_mgr listener = {
	.notify = state_changed,
	.notify_policy = policy_changed,
	.acquire = acquire,
	.compile_policy = compile_policy,
};

void xport_changes_init(void)
{
	xfrm_register_km(&listener);
}

void xport_changes_exit(void)
{
	xfrm_unregister_km(&listener);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * hold.c: packets that are earlier than the keys of their SA.
 *
 * A key manager first asks the kernel for an SPI and tells its peer.  Until it
 * gives the SA its keys the kernel knows a larval SA, and drops what is for it.
 * The peer may have all it needs by then and send with the new SA: at each
 * rekey some packets are lost, as many as come within the last part of an
 * exchange.  Here they wait, a few seconds at most, and are received when the
 * keys are there.
 *
 * Below receive.c, which hands packets over, and handlers.c, which takes them
 * again; called by changes.c, which hears of the keys.
 */
#include <linux/ip.h>
#include <linux/slab.h>
#include <linux/snmp.h>
#include <linux/workqueue.h>
#include <net/xfrm.h>

#include "port.h"

/* For each namespace: what a busy tunnel sends within a round trip. */
#define HELD_MAX 64
/* For all of them, so that they are neither much memory nor a long list. */
#define HELD_ALL_MAX 256
/* Time for a message of the exchange to be lost and sent once more. */
#define HELD_FOR (3 * HZ)
#define SWEEP_EVERY (HZ / 2)

/* A packet that waits, and what its SA is known by.  Holds its device. */
struct held {
	struct list_head node;
	struct sk_buff *skb;
	unsigned long until;
	int mib;			/* the kernel's counter of its loss */
	u32 if_id;			/* of the larval SA, or 0 */
	xfrm_address_t daddr;
	__be32 spi;
	unsigned short family;
	u8 proto;
};

/* In the order in which they came. */
static LIST_HEAD(waiting);
static unsigned int n_waiting;
static DEFINE_SPINLOCK(waiting_lock);

/* What this CPU has ended to hold and has not given away yet.  BHs are off. */
static DEFINE_PER_CPU(const struct sk_buff *, released);

static void sweep(struct work_struct *work);
static DECLARE_DELAYED_WORK(sweep_work, sweep);

/*
 * The kernel has counted each packet as lost when it was not yet, and that is
 * taken back for the time that it waits.
 */
static void count_as_lost(struct net *net, int mib, int n)
{
#ifdef CONFIG_XFRM_STATISTICS
	SNMP_ADD_STATS(net->mib.xfrm_statistics, mib, n);
#endif
}

static void free_held(struct held *held)
{
	struct net_device *dev = held->skb->dev;

	kfree_skb(held->skb);
	dev_put(dev);
	kfree(held);
}

static void give_up(struct list_head *list)
{
	struct held *held, *next;

	list_for_each_entry_safe(held, next, list, node) {
		struct net *net = dev_net(held->skb->dev);
		struct xport *port;

		rcu_read_lock();
		local_bh_disable();
		count_as_lost(net, held->mib, 1);
		port = xport_find(net, held->if_id);
		if (port)
			xport_count_bad(port, XPORT_RX_TRANSFORM);
		local_bh_enable();
		rcu_read_unlock();
		free_held(held);
	}
}

/* Called with the lock. */
static void take_out(struct held *held, struct list_head *list)
{
	list_move_tail(&held->node, list);
	WRITE_ONCE(n_waiting, n_waiting - 1);
}

/* Moves to LIST what has waited until NOW, or what came by DEV. */
static void collect(struct list_head *list, unsigned long now,
		    const struct net_device *dev)
{
	struct held *held, *next;

	spin_lock_bh(&waiting_lock);
	list_for_each_entry_safe(held, next, &waiting, node) {
		if (dev ? held->skb->dev == dev
			: time_after_eq(now, held->until))
			take_out(held, list);
	}
	if (!list_empty(&waiting))
		schedule_delayed_work(&sweep_work, SWEEP_EVERY);
	spin_unlock_bh(&waiting_lock);
}

static void sweep(struct work_struct *work)
{
	LIST_HEAD(old);

	collect(&old, jiffies, NULL);
	give_up(&old);
}

static bool is_for(const struct held *held, struct xfrm_state *x)
{
	return held->spi == x->id.spi && held->proto == x->id.proto &&
	       held->family == x->props.family &&
	       xfrm_addr_equal(&held->daddr, &x->id.daddr, held->family) &&
	       (held->skb->mark & x->mark.m) == x->mark.v &&
	       net_eq(dev_net(held->skb->dev), xs_net(x));
}

/*
 * X has become what packets can be received with: those that have waited for
 * it are, in the order in which they came.
 */
void xport_hold_end(struct xfrm_state *x)
{
	struct held *held, *next;
	LIST_HEAD(list);

	/*
	 * Either this sees a packet that is being added, or who adds it sees
	 * that the SA is larval no more: pairs with the barrier in xport_hold().
	 */
	smp_mb();
	if (likely(!READ_ONCE(n_waiting)))
		return;
	spin_lock_bh(&waiting_lock);
	list_for_each_entry_safe(held, next, &waiting, node) {
		if (is_for(held, x))
			take_out(held, &list);
	}
	spin_unlock_bh(&waiting_lock);

	/* In one go, or newer ones would get in between. */
	rcu_read_lock();
	local_bh_disable();
	list_for_each_entry_safe(held, next, &list, node) {
		struct net_device *dev = held->skb->dev;
		struct xport *port = xport_find(xs_net(x), x->if_id);

		if (port)
			xport_count(port, XPORT_RX_HELD);
		this_cpu_write(released, held->skb);
		xport_receive_again(held->skb, held->family);
		this_cpu_write(released, NULL);
		dev_put(dev);
		kfree(held);
	}
	local_bh_enable();
	rcu_read_unlock();
}

/* Whether one more packet in NET may wait.  Called with the lock. */
static bool room_for(const struct net *net)
{
	struct held *other;
	unsigned int n = 0;

	if (n_waiting >= HELD_ALL_MAX)
		return false;
	list_for_each_entry(other, &waiting, node)
		n += net_eq(dev_net(other->skb->dev), net);
	return n < HELD_MAX;
}

/* A copy of SKB that keeps nothing for longer but its device and route. */
static struct sk_buff *waiting_copy(struct sk_buff *skb)
{
	struct sk_buff *copy = skb_clone(skb, GFP_ATOMIC);

	if (!copy)
		return NULL;
	/*
	 * A path of its own first: what shares extensions with another packet
	 * does not let go of the SAs in them.
	 */
	if (!secpath_set(copy)) {
		kfree_skb(copy);
		return NULL;
	}
	secpath_reset(copy);
	nf_reset_ct(copy);
	dev_hold(copy->dev);
	return copy;
}

/*
 * Keeps a copy of SKB, which is for the SA X without keys and about to be
 * dropped for that, for which the kernel has counted it in MIB.  SKB is as it was
 * when the handler of its protocol got it.  Returns false if it does not.
 * Called with BHs off and an RCU read lock held.
 */
bool xport_hold(struct sk_buff *skb, struct xfrm_state *x, int mib)
{
	struct net *net = xs_net(x);
	struct held *held = NULL;
	struct xfrm_state *now;
	u8 state;

	/* Once is enough. */
	if (this_cpu_read(released) == skb)
		return false;
	/* Another's, if the SA says whose it is. */
	if (x->if_id && !xport_find(net, x->if_id))
		return false;
	if (!(skb->dev->flags & IFF_UP))
		return false;

	spin_lock(&waiting_lock);
	if (room_for(net))
		held = kmalloc(sizeof(*held), GFP_ATOMIC);
	if (held) {
		held->skb = waiting_copy(skb);
		if (!held->skb) {
			kfree(held);
			held = NULL;
		}
	}
	if (held) {
		held->until = jiffies + HELD_FOR;
		held->mib = mib;
		held->if_id = x->if_id;
		held->daddr = x->id.daddr;
		held->spi = x->id.spi;
		held->proto = x->id.proto;
		held->family = x->props.family;
		if (list_empty(&waiting))
			schedule_delayed_work(&sweep_work, SWEEP_EVERY);
		list_add_tail(&held->node, &waiting);
		WRITE_ONCE(n_waiting, n_waiting + 1);
		count_as_lost(net, mib, -1);
	}
	spin_unlock(&waiting_lock);
	if (!held)
		return false;

	/* Who gave the SA its keys may have looked before the packet was there. */
	smp_mb();
	state = READ_ONCE(x->km.state);
	if (state == XFRM_STATE_ACQ || state == XFRM_STATE_VOID)
		return true;
	now = xfrm_state_lookup(net, skb->mark, &x->id.daddr, x->id.spi,
				x->id.proto, x->props.family);
	if (now) {
		if (READ_ONCE(now->km.state) == XFRM_STATE_VALID)
			xport_hold_end(now);
		xfrm_state_put(now);
	}
	return true;
}

/* A device that goes away does not have to wait for packets. */
static int device_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	LIST_HEAD(list);

	if (event == NETDEV_DOWN || event == NETDEV_UNREGISTER) {
		collect(&list, 0, netdev_notifier_info_to_dev(ptr));
		give_up(&list);
	}
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

int xport_hold_init(void)
{
	return register_netdevice_notifier(&device_notifier);
}

/* When nobody can call xport_hold() or xport_hold_end() any more. */
void xport_hold_exit(void)
{
	unregister_netdevice_notifier(&device_notifier);
	cancel_delayed_work_sync(&sweep_work);
	give_up(&waiting);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * bundle.c: remembers, per CPU, which bundle (SAs, policy and outer route) the
 * packets of a flow take, so that not each of them is resolved anew.
 *
 * Below transmit.c.  An entry is keyed by everything that the lookup of policy
 * and SA depends on, and it is checked for each packet:
 *
 *   - dst_check() sees a policy that was deleted, replaced or has expired, an
 *     SA that is gone, another outer route, a device that is down, another path
 *     MTU;
 *   - changes.c counts what makes another policy or SA the better choice, and
 *     the kernel counts routes: dst_check() does not see that an IPv6 route which
 *     is asked first has come into another table;
 *   - after a second an entry is resolved again whatever the checks say, which
 *     also keeps the use time of the policy right.
 *
 * An entry gives way only to a flow that asks for its place twice while nobody
 * else does, the flow that has the place included.  So any number of flows, or of
 * packets that are the only ones of their flow, neither evict the busy ones nor
 * pay for being kept.
 *
 * Entries hold SAs and, through them, devices, so they go when a device or a
 * port goes, and a sweep takes those that no packet asks for any more.
 */
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "bundle.h"
#include "port.h"

#define N_ENTRIES_LOG 11
#define N_ENTRIES BIT(N_ENTRIES_LOG)
#define MAX_AGE HZ
#define SWEEP_EVERY (5 * HZ)

struct bundle_entry {
	struct xport_bundle_key key;
	struct dst_entry *dst;		/* NULL: empty */
	unsigned long until;		/* jiffies */
	u32 changes;
	int genid;
	int routes6;			/* if the outer route is an IPv6 one */
	bool outer6;
	u32 suitor;			/* hash of who asked last, in vain */
};

struct bundle_placeholder {
	struct net *net;
	struct dst_entry *dst;
};

struct bundle_cache {
	spinlock_t lock;		/* all below */
	unsigned int used;
	struct bundle_placeholder placeholders[2];	/* IPv4, IPv6 */
	struct bundle_entry entries[N_ENTRIES];
};

static struct bundle_cache **caches;	/* by CPU */

static int n_words(const struct xport_bundle_key *key)
{
	return key->family == AF_INET ? XPORT_KEY_WORDS4 : XPORT_KEY_WORDS6;
}

static u64 mix(u64 h, u64 word)
{
	return (h ^ word) * GOLDEN_RATIO_64;
}

static u32 hash_key(const struct xport_bundle_key *key)
{
	const u64 *w = key->words;
	u64 h;
	int i;

	h = mix(mix(mix(mix(w[0], w[1]), w[2]), w[3]), w[4]);
	if (key->family != AF_INET)
		for (i = XPORT_KEY_WORDS4; i < XPORT_KEY_WORDS6; i++)
			h = mix(h, w[i]);
	return h >> 32;
}

static struct bundle_entry *entry_of(struct bundle_cache *c, u32 hash)
{
	return &c->entries[hash >> (32 - N_ENTRIES_LOG)];
}

/* The words that both families have tell them apart. */
static bool same_key(const struct xport_bundle_key *a,
		     const struct xport_bundle_key *b)
{
	const u64 *v = a->words, *w = b->words;

	if ((v[0] ^ w[0]) | (v[1] ^ w[1]) | (v[2] ^ w[2]) | (v[3] ^ w[3]) |
	    (v[4] ^ w[4]))
		return false;
	return b->family == AF_INET ||
	       !memcmp(v + XPORT_KEY_WORDS4, w + XPORT_KEY_WORDS4,
		       (XPORT_KEY_WORDS6 - XPORT_KEY_WORDS4) * sizeof(*w));
}

static int routes6(struct net *net)
{
#if IS_ENABLED(CONFIG_IPV6)
	return atomic_read(&net->ipv6.fib6_sernum);
#else
	return 0;
#endif
}

static bool is_current(const struct bundle_entry *e, struct net *net)
{
	/*
	 * What neither policy nor SA is, such as security labels, moves the
	 * number of IPv4.  That of IPv6 moves with the routes of any neighbour.
	 */
	return e->changes == xport_changes() &&
	       e->genid == rt_genid_ipv4(net) &&
	       (!e->outer6 || e->routes6 == routes6(net)) &&
	       time_before(jiffies, e->until);
}

static void drop_entry(struct bundle_cache *c, struct bundle_entry *e)
{
	dst_release(e->dst);
	e->dst = NULL;
	c->used--;
}

static void drop_placeholder(struct bundle_placeholder *ph)
{
	dst_release(ph->dst);
	ph->dst = NULL;
	ph->net = NULL;
}

/*
 * The bundle for KEY with a reference, or NULL.  Called with BHs off, which
 * keeps the CPU.
 */
struct dst_entry *xport_bundle_find(struct net *net,
				    const struct xport_bundle_key *key)
{
	struct bundle_cache *c = caches[smp_processor_id()];
	struct dst_entry *dst = NULL;
	struct bundle_entry *e;

	e = entry_of(c, hash_key(key));
	spin_lock(&c->lock);
	if (e->dst && same_key(&e->key, key)) {
		if (is_current(e, net) && dst_check(e->dst, 0)) {
			dst = e->dst;
			dst_hold(dst);
			e->suitor = 0;
		} else {
			drop_entry(c, e);
		}
	}
	spin_unlock(&c->lock);
	return dst;
}

/* Call it before the packet is resolved: what changes later makes it void. */
void xport_bundle_moment(struct net *net, struct xport_bundle_moment *moment)
{
	moment->changes = xport_changes();
	moment->genid = rt_genid_ipv4(net);
	moment->routes6 = routes6(net);
	/* Pairs with the full barrier in the increment of the generation. */
	smp_rmb();
}

/*
 * Remembers DST, which was resolved for KEY after MOMENT, unless the place is
 * taken.  Called with BHs off.
 */
void xport_bundle_keep(struct net *net, const struct xport_bundle_key *key,
		       struct dst_entry *dst,
		       const struct xport_bundle_moment *moment)
{
	struct bundle_cache *c = caches[smp_processor_id()];
	const struct xfrm_dst *xdst = (const struct xfrm_dst *)dst;
	u32 hash = hash_key(key);
	struct bundle_entry *e;

	/* The kernel's check looks at the first policy of a bundle only. */
	if (xdst->num_pols != 1 || !dst->obsolete)
		return;
	e = entry_of(c, hash);
	spin_lock(&c->lock);
	if (e->dst && is_current(e, net) && e->suitor != hash) {
		e->suitor = hash;
		goto out;
	}
	if (e->dst)
		drop_entry(c, e);
	memcpy(e->key.words, key->words, n_words(key) * sizeof(u64));
	e->changes = moment->changes;
	e->genid = moment->genid;
	e->routes6 = moment->routes6;
	e->outer6 = xfrm_dst_path(dst)->ops->family == AF_INET6;
	e->until = jiffies + MAX_AGE;
	e->suitor = 0;
	dst_hold(dst);
	e->dst = dst;
	c->used++;
out:
	spin_unlock(&c->lock);
}

static struct dst_entry *make_placeholder(struct net *net,
					  unsigned short family)
{
	struct dst_entry *dst = NULL;
	struct rt6_info *rt6;
	struct rtable *rt4;

	if (family == AF_INET) {
		rt4 = rt_dst_alloc(net->loopback_dev, 0, RTN_UNICAST, true);
		if (rt4)
			dst = &rt4->dst;
	} else {
		rt6 = ip6_dst_alloc(net, net->loopback_dev, 0);
		if (rt6)
			dst = &rt6->dst;
	}
	/* It leads nowhere, so no change of a route makes it wrong. */
	if (dst)
		dst->obsolete = DST_OBSOLETE_NONE;
	return dst;
}

/*
 * A route that stands for none, with a reference, or NULL.  It is on the
 * loopback device, which lives as long as the namespace and whose MTU limits
 * nothing.  Called with BHs off.
 */
struct dst_entry *xport_placeholder(struct net *net, unsigned short family)
{
	struct bundle_cache *c = caches[smp_processor_id()];
	struct bundle_placeholder *ph = &c->placeholders[family != AF_INET];
	struct dst_entry *dst;

	spin_lock(&c->lock);
	if (ph->dst && ph->net != net)
		drop_placeholder(ph);
	if (!ph->dst) {
		ph->dst = make_placeholder(net, family);
		ph->net = net;
	}
	dst = ph->dst;
	if (dst)
		dst_hold(dst);
	spin_unlock(&c->lock);
	return dst;
}

/* Forgets what belongs to PORT, or everything if it is NULL. */
void xport_bundle_forget(const struct xport *port)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct bundle_cache *c = caches[cpu];

		spin_lock_bh(&c->lock);
		for (i = 0; c->used && i < N_ENTRIES; i++) {
			struct bundle_entry *e = &c->entries[i];

			if (e->dst && (!port || e->key.port == port))
				drop_entry(c, e);
		}
		for (i = 0; i < ARRAY_SIZE(c->placeholders); i++)
			if (c->placeholders[i].dst &&
			    (!port || c->placeholders[i].net == port->key.net))
				drop_placeholder(&c->placeholders[i]);
		spin_unlock_bh(&c->lock);
	}
}

static void sweep(struct work_struct *work);
static DECLARE_DELAYED_WORK(sweep_work, sweep);

static void sweep(struct work_struct *work)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct bundle_cache *c = caches[cpu];

		if (!READ_ONCE(c->used))
			continue;
		spin_lock_bh(&c->lock);
		for (i = 0; i < N_ENTRIES; i++) {
			struct bundle_entry *e = &c->entries[i];

			if (e->dst && time_after_eq(jiffies, e->until))
				drop_entry(c, e);
		}
		spin_unlock_bh(&c->lock);
	}
	schedule_delayed_work(&sweep_work, SWEEP_EVERY);
}

static int device_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	if (event == NETDEV_DOWN || event == NETDEV_UNREGISTER)
		xport_bundle_forget(NULL);
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

static void free_caches(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		vfree(caches[cpu]);
	kfree(caches);
}

int xport_bundle_init(void)
{
	int cpu, err;

	BUILD_BUG_ON(sizeof(struct xport_bundle_key) !=
		     sizeof_field(struct xport_bundle_key, words));
	caches = kcalloc(nr_cpu_ids, sizeof(*caches), GFP_KERNEL);
	if (!caches)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		caches[cpu] = vzalloc_node(sizeof(*caches[cpu]),
					   cpu_to_node(cpu));
		if (!caches[cpu]) {
			free_caches();
			return -ENOMEM;
		}
		spin_lock_init(&caches[cpu]->lock);
	}
	err = register_netdevice_notifier(&device_notifier);
	if (err) {
		free_caches();
		return err;
	}
	schedule_delayed_work(&sweep_work, SWEEP_EVERY);
	return 0;
}

/* After the last port is gone. */
void xport_bundle_exit(void)
{
	cancel_delayed_work_sync(&sweep_work);
	unregister_netdevice_notifier(&device_notifier);
	xport_bundle_forget(NULL);
	free_caches();
}

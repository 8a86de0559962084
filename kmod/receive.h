/* SPDX-License-Identifier: GPL-2.0 */
/*
 * receive.h: what handlers.c, which gives packets to the kernel's
 * xfrm_input(), and receive.c, which that calls when it is done with one, know
 * of each other.
 */
#ifndef XPORT_RECEIVE_H
#define XPORT_RECEIVE_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/snmp.h>
#include <net/xfrm.h>

/* Where the kernel may have IPComp, whose packets may be IP in IP. */
#if IS_REACHABLE(CONFIG_INET_XFRM_TUNNEL) && \
	IS_REACHABLE(CONFIG_INET6_XFRM_TUNNEL)
#define XPORT_IPCOMP
#endif

/* How many packets this CPU has refused, by what the kernel says of them. */
struct refused {
	unsigned long mode;		/* of another mode than the SA */
	unsigned long larval;		/* the SA had no keys */
	unsigned long invalid;		/* the SA was not one to receive with */
};

/*
 * What this CPU's handler has given to xfrm_input() and has not got back, and
 * what had been refused by then.  BHs are off.
 */
struct hand {
	struct sk_buff *skb;
	struct refused before;
};

DECLARE_PER_CPU(struct hand, xport_in_hand);

#ifdef CONFIG_XFRM_STATISTICS
#define XPORT_REFUSED(NET, MIB) \
	this_cpu_read((NET)->mib.xfrm_statistics->mibs[LINUX_MIB_XFRM##MIB])
#else
#define XPORT_REFUSED(NET, MIB) 0
#endif

static inline struct refused xport_refused_so_far(struct net *net)
{
	return (struct refused) {
		.mode = XPORT_REFUSED(net, INSTATEMODEERROR),
		.larval = XPORT_REFUSED(net, ACQUIREERROR),
		.invalid = XPORT_REFUSED(net, INSTATEINVALID),
	};
}

/* The protocol in the outer header, or in the last one before the SA's. */
static inline u8 xport_outer_protocol(const struct sk_buff *skb,
				      unsigned short family)
{
	return family == AF_INET ? ip_hdr(skb)->protocol
				 : skb_network_header(skb)[IP6CB(skb)->nhoff];
}

extern const struct xfrm_if_cb xport_if_cb;

int xport_received(struct sk_buff *skb, int err);

#endif

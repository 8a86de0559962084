/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bundle.h: the memory of bundles, see bundle.c.
 */
#ifndef XPORT_BUNDLE_H
#define XPORT_BUNDLE_H

#include <linux/in6.h>
#include <linux/types.h>

struct dst_entry;
struct net;
struct xport;

/*
 * All that policy and SA are chosen by.  Zeroed before it is filled; compared
 * by words.
 */
struct xport_bundle_key {
	union {
		struct {
			const struct xport *port;
			struct in6_addr saddr, daddr;
			u32 uli;		/* ports, ICMP type, ... */
			u32 mark;
			u32 secid;
			u32 if_id;
			int link;
			__be32 flowlabel;
			u16 family;
			u8 proto;
			u8 tos;
			u32 zero;
		};
		u64 words[9];
	};
};

struct dst_entry *xport_bundle_find(struct net *net,
				    const struct xport_bundle_key *key);
void xport_bundle_keep(const struct xport_bundle_key *key,
		       struct dst_entry *dst, int genid);
struct dst_entry *xport_stub_route(struct net *net, unsigned short family);
void xport_bundle_forget(const struct xport *port);
int xport_bundle_init(void);
void xport_bundle_exit(void);

#endif

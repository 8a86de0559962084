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
 * All that policy and SA are chosen by.  Every byte of the words that the family
 * uses is set; they are hashed and compared.
 */
#define XPORT_KEY_WORDS4 5
#define XPORT_KEY_WORDS6 9

struct xport_bundle_key {
	union {
		struct {
			const struct xport *port;
			u32 uli;		/* ports, ICMP type, ... */
			u32 mark;
			u32 secid;
			u32 if_id;
			int link;
			u16 family;
			u8 proto;
			u8 tos;
			union {
				struct {
					__be32 saddr4, daddr4;
				};
				struct {
					struct in6_addr saddr6, daddr6;
					__be32 flowlabel;
					u32 zero;
				};
			};
		};
		u64 words[XPORT_KEY_WORDS6];
	};
};

/* When a bundle was resolved, in numbers that move with what it depends on. */
struct xport_bundle_moment {
	u32 changes;
	int genid;
	int routes6;
};

struct dst_entry *xport_bundle_find(struct net *net,
				    const struct xport_bundle_key *key);
void xport_bundle_moment(struct net *net, struct xport_bundle_moment *moment);
void xport_bundle_keep(struct net *net, const struct xport_bundle_key *key,
		       struct dst_entry *dst,
		       const struct xport_bundle_moment *moment);
struct dst_entry *xport_placeholder(struct net *net, unsigned short family);
void xport_bundle_forget(const struct xport *port);
int xport_bundle_init(void);
void xport_bundle_exit(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_SELECTOR_H
#define XFRM_SELECTOR_H 1

/* Addresses, prefixes and traffic selectors (RFC 4301 section 4.4.1.1).
 *
 * Value types without pointers: copied by assignment.  Every byte that the
 * family does not use is zero, so that two equal values are equal as memory.
 * Pure; below xfrm-spec. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ds;

struct xfrm_addr {
    uint16_t family;            /* AF_INET, AF_INET6, or AF_UNSPEC: none. */
    uint16_t pad;               /* Always 0. */
    union {
        ovs_be32 ip4;
        struct in6_addr ip6;
    };
};

struct xfrm_prefix {
    struct xfrm_addr addr;      /* Bits past 'plen' are zero. */
    uint32_t plen;              /* 0..32 or 0..128. */
};

/* What a policy or an SA applies to.  'src' and 'dst' have the same family,
 * that of the selector; AF_UNSPEC means that it matches everything (then the
 * rest is zero).  Ports are network order as in 'struct xfrm_selector' of
 * linux/xfrm.h; for ICMP the type is in 'sport' and the code in 'dport'. */
struct xfrm_sel {
    struct xfrm_prefix src;
    struct xfrm_prefix dst;
    ovs_be16 sport, sport_mask;
    ovs_be16 dport, dport_mask;
    uint8_t proto;              /* IPPROTO_*, 0: any. */
    uint8_t draft;              /* 0 but between xfrm_sel_set() and
                                 * xfrm_sel_finish(). */
    uint8_t pad[2];             /* Always 0. */
};

size_t xfrm_addr_len(uint16_t family);      /* Bytes: 4, 16, or 0. */
unsigned int xfrm_addr_bits(uint16_t family);
bool xfrm_addr_from_string(const char *, struct xfrm_addr *);
bool xfrm_addr_is_unicast(const struct xfrm_addr *);
bool xfrm_addr_is_any(const struct xfrm_addr *);
bool xfrm_addr_equals(const struct xfrm_addr *, const struct xfrm_addr *);
void xfrm_addr_format(const struct xfrm_addr *, struct ds *);

struct xfrm_prefix xfrm_prefix_host(const struct xfrm_addr *);
struct xfrm_prefix xfrm_prefix_any(uint16_t family);
bool xfrm_prefix_is_host(const struct xfrm_prefix *);
int xfrm_prefix_from_string(const char *, struct xfrm_prefix *,
                            char **errorp);
bool xfrm_prefix_equals(const struct xfrm_prefix *,
                        const struct xfrm_prefix *);
void xfrm_prefix_format(const struct xfrm_prefix *, struct ds *);

bool xfrm_sel_equals(const struct xfrm_sel *, const struct xfrm_sel *);
bool xfrm_sel_is_any(const struct xfrm_sel *);
uint32_t xfrm_sel_hash(const struct xfrm_sel *, uint32_t basis);
void xfrm_sel_format(const struct xfrm_sel *, struct ds *);
char *xfrm_sel_check(const struct xfrm_sel *);

/* Selectors as pairs of a key ("src", "dst", "proto", "sport", "dport",
 * "icmp-type", "icmp-code") and a value, in any order. */
int xfrm_sel_set(struct xfrm_sel *, const char *key, const char *value,
                 char **errorp);
int xfrm_sel_finish(struct xfrm_sel *, char **errorp);
void xfrm_sel_for_each_pair(const struct xfrm_sel *,
                            void (*cb)(const char *key, const char *value,
                                       void *aux), void *aux);

#endif /* xfrm-selector.h */

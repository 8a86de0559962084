/* SPDX-License-Identifier: Apache-2.0 */

/* Addresses, prefixes and traffic selectors; see xfrm-selector.h.  Uses
 * xfrm-text; above it stands xfrm-spec. */

#include <config.h>

#include "xfrm-selector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "xfrm-text.h"

/* Comparison and hash treat the values as memory. */
BUILD_ASSERT_DECL(sizeof(struct xfrm_addr) == 20);
BUILD_ASSERT_DECL(sizeof(struct xfrm_prefix) == 24);
BUILD_ASSERT_DECL(sizeof(struct xfrm_sel) == 60);

/* Returns the length of an address in bytes, 0 if there is none. */
size_t
xfrm_addr_len(uint16_t family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* Same in bits. */
unsigned int
xfrm_addr_bits(uint16_t family)
{
    return 8 * xfrm_addr_len(family);
}

static const uint8_t *
addr_bytes(const struct xfrm_addr *addr)
{
    return addr->ip6.s6_addr;
}

/* Reads an IPv4 or IPv6 address in the usual notation and nothing else.
 * Returns false with '*addr' zeroed if 's' is none. */
bool
xfrm_addr_from_string(const char *s, struct xfrm_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    if (inet_pton(AF_INET, s, &addr->ip4) == 1) {
        addr->family = AF_INET;
        return true;
    }
    memset(addr, 0, sizeof *addr);
    if (inet_pton(AF_INET6, s, &addr->ip6) == 1) {
        addr->family = AF_INET6;
        return true;
    }
    memset(addr, 0, sizeof *addr);
    return false;
}

/* Can 'addr' be one end of a tunnel? */
bool
xfrm_addr_is_unicast(const struct xfrm_addr *addr)
{
    switch (addr->family) {
    case AF_INET:
        return (addr->ip4 != htonl(INADDR_ANY)
                && addr->ip4 != htonl(INADDR_BROADCAST)
                && !IN_MULTICAST(ntohl(addr->ip4)));
    case AF_INET6:
        return (!IN6_IS_ADDR_UNSPECIFIED(&addr->ip6)
                && !IN6_IS_ADDR_MULTICAST(&addr->ip6));
    default:
        return false;
    }
}

/* Is 'addr' the address of all zeros, or none at all? */
bool
xfrm_addr_is_any(const struct xfrm_addr *addr)
{
    return IN6_IS_ADDR_UNSPECIFIED(&addr->ip6);
}

bool
xfrm_addr_equals(const struct xfrm_addr *a, const struct xfrm_addr *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* Appends 'addr', or "any" if there is none. */
void
xfrm_addr_format(const struct xfrm_addr *addr, struct ds *ds)
{
    char s[INET6_ADDRSTRLEN];

    if (xfrm_addr_len(addr->family)
        && inet_ntop(addr->family, addr_bytes(addr), s, sizeof s)) {
        ds_put_cstr(ds, s);
    } else {
        ds_put_cstr(ds, "any");
    }
}

/* Returns the prefix that holds 'addr' alone. */
struct xfrm_prefix
xfrm_prefix_host(const struct xfrm_addr *addr)
{
    return (struct xfrm_prefix) {
        .addr = *addr,
        .plen = xfrm_addr_bits(addr->family),
    };
}

/* Returns the prefix that holds all addresses of 'family'. */
struct xfrm_prefix
xfrm_prefix_any(uint16_t family)
{
    struct xfrm_prefix prefix;

    memset(&prefix, 0, sizeof prefix);
    prefix.addr.family = family;
    return prefix;
}

bool
xfrm_prefix_is_host(const struct xfrm_prefix *prefix)
{
    return (prefix->addr.family != AF_UNSPEC
            && prefix->plen == xfrm_addr_bits(prefix->addr.family));
}

/* Zeroes the bits past the length. */
static void
prefix_mask(struct xfrm_prefix *prefix)
{
    uint8_t *bytes = prefix->addr.ip6.s6_addr;
    unsigned int plen = prefix->plen;

    for (size_t i = 0; i < xfrm_addr_len(prefix->addr.family); i++) {
        unsigned int keep = plen > 8 * i ? MIN(plen - 8 * i, 8) : 0;

        bytes[i] &= 0xff00 >> keep;
    }
}

/* Reads "ADDRESS/LENGTH", or "ADDRESS" for a single host.  Returns 0, or
 * EINVAL with '*prefix' zeroed and '*errorp' a malloc'd reason. */
int
xfrm_prefix_from_string(const char *s, struct xfrm_prefix *prefix,
                        char **errorp)
{
    char addr_s[INET6_ADDRSTRLEN + 1];
    const char *slash = strchr(s, '/');
    size_t addr_len = slash ? (size_t) (slash - s) : strlen(s);
    struct xfrm_prefix masked;
    uint64_t plen;

    *errorp = NULL;
    memset(prefix, 0, sizeof *prefix);

    if (addr_len < sizeof addr_s) {
        memcpy(addr_s, s, addr_len);
        addr_s[addr_len] = '\0';
    } else {
        addr_s[0] = '\0';
    }
    if (!xfrm_addr_from_string(addr_s, &prefix->addr)) {
        char *quoted = xfrm_text_quote(s);

        *errorp = xasprintf("%s is not an IPv4 or IPv6 prefix", quoted);
        free(quoted);
        return EINVAL;
    }

    plen = xfrm_addr_bits(prefix->addr.family);
    if (slash && !xfrm_text_to_decimal(slash + 1, plen, &plen)) {
        char *quoted = xfrm_text_quote(s);

        *errorp = xasprintf("%s is not a prefix: its length must be 0..%u",
                            quoted, xfrm_addr_bits(prefix->addr.family));
        free(quoted);
        memset(prefix, 0, sizeof *prefix);
        return EINVAL;
    }
    prefix->plen = plen;

    masked = *prefix;
    prefix_mask(&masked);
    if (!xfrm_prefix_equals(&masked, prefix)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        xfrm_prefix_format(prefix, &ds);
        ds_put_cstr(&ds, " has host bits set; did you mean ");
        xfrm_prefix_format(&masked, &ds);
        *errorp = ds_steal_cstr(&ds);
        memset(prefix, 0, sizeof *prefix);
        return EINVAL;
    }
    return 0;
}

bool
xfrm_prefix_equals(const struct xfrm_prefix *a, const struct xfrm_prefix *b)
{
    return !memcmp(a, b, sizeof *a);
}

void
xfrm_prefix_format(const struct xfrm_prefix *prefix, struct ds *ds)
{
    xfrm_addr_format(&prefix->addr, ds);
    if (prefix->addr.family != AF_UNSPEC) {
        ds_put_format(ds, "/%"PRIu32, prefix->plen);
    }
}

bool
xfrm_sel_equals(const struct xfrm_sel *a, const struct xfrm_sel *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* Does 'sel' match everything, in both families? */
bool
xfrm_sel_is_any(const struct xfrm_sel *sel)
{
    return sel->src.addr.family == AF_UNSPEC;
}

uint32_t
xfrm_sel_hash(const struct xfrm_sel *sel, uint32_t basis)
{
    return hash_bytes(sel, sizeof *sel, basis);
}

/* Protocols by name; the first of two names is the one to print.  The others
 * have numbers only. */
static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {
    { "icmp", IPPROTO_ICMP },
    { "igmp", IPPROTO_IGMP },
    { "ipip", IPPROTO_IPIP },
    { "tcp", IPPROTO_TCP },
    { "udp", IPPROTO_UDP },
    { "dccp", IPPROTO_DCCP },
    { "ipv6", IPPROTO_IPV6 },
    { "gre", IPPROTO_GRE },
    { "esp", IPPROTO_ESP },
    { "ah", IPPROTO_AH },
    { "icmpv6", IPPROTO_ICMPV6 },
    { "ipv6-icmp", IPPROTO_ICMPV6 },
    { "ospf", 89 },
    { "ipcomp", IPPROTO_COMP },
    { "vrrp", 112 },
    { "l2tp", 115 },
    { "sctp", IPPROTO_SCTP },
    { "udplite", IPPROTO_UDPLITE },
};

static bool
protocol_has_ports(uint8_t proto)
{
    return (proto == IPPROTO_TCP || proto == IPPROTO_UDP
            || proto == IPPROTO_UDPLITE || proto == IPPROTO_SCTP
            || proto == IPPROTO_DCCP);
}

static bool
protocol_is_icmp(uint8_t proto)
{
    return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static void
format_protocol(uint8_t proto, struct ds *ds)
{
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
        if (protocols[i].number == proto) {
            ds_put_cstr(ds, protocols[i].name);
            return;
        }
    }
    ds_put_format(ds, "%"PRIu8, proto);
}

static bool
parse_protocol(const char *s, uint8_t *protop)
{
    uint64_t number;

    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
        if (!strcmp(protocols[i].name, s)) {
            *protop = protocols[i].number;
            return true;
        }
    }
    if (!xfrm_text_to_decimal(s, UINT8_MAX, &number) || !number) {
        return false;
    }
    *protop = number;
    return true;
}

static void
format_port(const char *name, ovs_be16 port, ovs_be16 mask, struct ds *ds)
{
    if (mask) {
        ds_put_format(ds, " %s %"PRIu16, name, ntohs(port));
        if (mask != OVS_BE16_MAX) {
            ds_put_format(ds, "/0x%"PRIx16, ntohs(mask));
        }
    }
}

/* Appends e.g. "src 10.1.0.0/16 dst 10.2.0.0/16 proto 6 dport 443", or
 * "any". */
void
xfrm_sel_format(const struct xfrm_sel *sel, struct ds *ds)
{
    bool icmp = protocol_is_icmp(sel->proto);

    if (xfrm_sel_is_any(sel)) {
        ds_put_cstr(ds, "any");
        return;
    }
    ds_put_cstr(ds, "src ");
    xfrm_prefix_format(&sel->src, ds);
    ds_put_cstr(ds, " dst ");
    xfrm_prefix_format(&sel->dst, ds);
    if (sel->proto) {
        ds_put_format(ds, " proto %"PRIu8, sel->proto);
    }
    format_port(icmp ? "icmp-type" : "sport", sel->sport, sel->sport_mask,
                ds);
    format_port(icmp ? "icmp-code" : "dport", sel->dport, sel->dport_mask,
                ds);
}

/* Returns NULL if 'sel' keeps the rules of its structure, otherwise a malloc'd
 * reason that does not repeat the selector. */
char *
xfrm_sel_check(const struct xfrm_sel *sel)
{
    uint16_t family = sel->src.addr.family;

    if (family != sel->dst.addr.family) {
        return xstrdup("both prefixes must be IPv4 or both IPv6");
    }
    if (family == AF_UNSPEC) {
        return (sel->proto || sel->sport_mask || sel->dport_mask
                ? xstrdup("src or dst must say whether it is for IPv4 or "
                          "IPv6, for instance src=0.0.0.0/0")
                : NULL);
    }
    if ((sel->proto == IPPROTO_ICMP && family != AF_INET)
        || (sel->proto == IPPROTO_ICMPV6 && family != AF_INET6)) {
        return xasprintf("proto must be %s with %s prefixes",
                         family == AF_INET ? "icmp" : "icmpv6",
                         family == AF_INET ? "IPv4" : "IPv6");
    }
    if ((sel->sport_mask || sel->dport_mask)
        && !protocol_has_ports(sel->proto) && !protocol_is_icmp(sel->proto)) {
        return xstrdup("with sport or dport, proto must be tcp, udp, "
                       "udplite, sctp or dccp");
    }
    if (protocol_is_icmp(sel->proto)
        && sel->dport_mask && !sel->sport_mask) {
        return xstrdup("with icmp-code there must be icmp-type");
    }
    return NULL;
}

/* ## Selectors as pairs. ## */

/* What the ports of a selector under construction were given as. */
enum { DRAFT_PORTS = 1, DRAFT_ICMP = 2 };

enum sel_key { SEL_SRC, SEL_DST, SEL_PROTO, SEL_SPORT, SEL_DPORT,
               SEL_ICMP_TYPE, SEL_ICMP_CODE, N_SEL_KEYS };

static const char *const sel_keys[N_SEL_KEYS] = {
    [SEL_SRC] = "src",
    [SEL_DST] = "dst",
    [SEL_PROTO] = "proto",
    [SEL_SPORT] = "sport",
    [SEL_DPORT] = "dport",
    [SEL_ICMP_TYPE] = "icmp-type",
    [SEL_ICMP_CODE] = "icmp-code",
};

static int
sel_error(const char *key, const char *value, const char *reason,
          char **errorp)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "selector \"");
    xfrm_text_put_escaped(&ds, key);
    ds_put_char(&ds, '=');
    xfrm_text_put_escaped(&ds, value);
    ds_put_format(&ds, "\": %s", reason);
    *errorp = ds_steal_cstr(&ds);
    return EINVAL;
}

static int
sel_set_prefix(const char *key, const char *value, struct xfrm_prefix *prefix,
               char **errorp)
{
    struct xfrm_prefix new;
    char *reason;
    int error;

    if (!xfrm_prefix_from_string(value, &new, &reason)) {
        *prefix = new;
        return 0;
    }
    error = sel_error(key, value, reason, errorp);
    free(reason);
    return error;
}

/* 'draft' says which pair of keys 'key' belongs to. */
static int
sel_set_port(struct xfrm_sel *sel, const char *key, const char *value,
             uint8_t draft, ovs_be16 *port, ovs_be16 *mask, char **errorp)
{
    unsigned int max = draft == DRAFT_ICMP ? UINT8_MAX : UINT16_MAX;
    uint64_t number;

    if (sel->draft && sel->draft != draft) {
        return sel_error(key, value, "a selector has ports or an ICMP type, "
                         "not both", errorp);
    }
    if (!xfrm_text_to_decimal(value, max, &number)) {
        return sel_error(key, value, draft == DRAFT_ICMP
                         ? "it must be a number 0..255"
                         : "it must be a number 0..65535", errorp);
    }
    sel->draft = draft;
    *port = htons(number);
    *mask = OVS_BE16_MAX;
    return 0;
}

/* Adds 'key' and 'value' to '*sel', which was all zero before the first.
 * Returns 0, or EINVAL with '*errorp' a malloc'd sentence and '*sel' as it
 * was.  What was made so is good for nothing before xfrm_sel_finish(). */
int
xfrm_sel_set(struct xfrm_sel *sel, const char *key, const char *value,
             char **errorp)
{
    size_t i;

    *errorp = NULL;
    for (i = 0; i < N_SEL_KEYS && strcmp(sel_keys[i], key); i++) {
        continue;
    }
    switch (i) {
    case SEL_SRC:
        return sel_set_prefix(key, value, &sel->src, errorp);
    case SEL_DST:
        return sel_set_prefix(key, value, &sel->dst, errorp);
    case SEL_PROTO:
        return (parse_protocol(value, &sel->proto) ? 0
                : sel_error(key, value, "it must be a number 1..255, or a "
                            "name such as tcp, udp, sctp, icmp, icmpv6, gre",
                            errorp));
    case SEL_SPORT:
        return sel_set_port(sel, key, value, DRAFT_PORTS, &sel->sport,
                            &sel->sport_mask, errorp);
    case SEL_DPORT:
        return sel_set_port(sel, key, value, DRAFT_PORTS, &sel->dport,
                            &sel->dport_mask, errorp);
    case SEL_ICMP_TYPE:
        return sel_set_port(sel, key, value, DRAFT_ICMP, &sel->sport,
                            &sel->sport_mask, errorp);
    case SEL_ICMP_CODE:
        return sel_set_port(sel, key, value, DRAFT_ICMP, &sel->dport,
                            &sel->dport_mask, errorp);
    default:
        return sel_error(key, value, "the key must be src, dst, proto, "
                         "sport, dport, icmp-type or icmp-code", errorp);
    }
}

/* Completes '*sel' after the last xfrm_sel_set(): a missing prefix is that of
 * the whole family.  No pair at all gives what matches everything.  Returns 0,
 * or EINVAL with '*errorp' a malloc'd sentence; then '*sel' must not be
 * used. */
int
xfrm_sel_finish(struct xfrm_sel *sel, char **errorp)
{
    uint16_t src_family = sel->src.addr.family;
    uint16_t dst_family = sel->dst.addr.family;
    uint16_t family = (src_family ? src_family
                       : dst_family ? dst_family
                       : sel->proto == IPPROTO_ICMP ? AF_INET
                       : sel->proto == IPPROTO_ICMPV6 ? AF_INET6
                       : AF_UNSPEC);
    struct ds proto = DS_EMPTY_INITIALIZER;

    *errorp = NULL;
    if (sel->proto) {
        format_protocol(sel->proto, &proto);
    } else {
        ds_put_cstr(&proto, "missing");
    }
    if (sel->draft == DRAFT_ICMP && !protocol_is_icmp(sel->proto)) {
        *errorp = xasprintf("selector: with icmp-type or icmp-code, proto "
                            "must be icmp or icmpv6, but it is %s",
                            ds_cstr(&proto));
    } else if (sel->draft == DRAFT_PORTS && !protocol_has_ports(sel->proto)) {
        *errorp = xasprintf("selector: with sport or dport, proto must be "
                            "tcp, udp, udplite, sctp or dccp, but it is "
                            "%s",
                            ds_cstr(&proto));
    }
    ds_destroy(&proto);

    if (!*errorp) {
        char *reason;

        if (!src_family) {
            sel->src = xfrm_prefix_any(family);
        }
        if (!dst_family) {
            sel->dst = xfrm_prefix_any(family);
        }
        reason = xfrm_sel_check(sel);
        if (reason) {
            *errorp = xasprintf("selector: %s", reason);
            free(reason);
        } else {
            sel->draft = 0;
        }
    }
    return *errorp ? EINVAL : 0;
}

static void
pair_port(enum sel_key key, ovs_be16 port, ovs_be16 mask,
          void (*cb)(const char *key, const char *value, void *aux),
          void *aux)
{
    char value[32];

    if (mask == OVS_BE16_MAX) {
        snprintf(value, sizeof value, "%"PRIu16, ntohs(port));
    } else {
        snprintf(value, sizeof value, "%"PRIu16"/0x%"PRIx16, ntohs(port),
                 ntohs(mask));
    }
    if (mask) {
        cb(sel_keys[key], value, aux);
    }
}

/* Calls 'cb' for each pair that 'sel' consists of.  xfrm_sel_set() and
 * xfrm_sel_finish() make the same selector of them, but for port masks, which
 * only foreign selectors have ("1000/0xfff8"). */
void
xfrm_sel_for_each_pair(const struct xfrm_sel *sel,
                       void (*cb)(const char *key, const char *value,
                                  void *aux), void *aux)
{
    bool icmp = protocol_is_icmp(sel->proto);
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (xfrm_sel_is_any(sel)) {
        return;
    }
    xfrm_prefix_format(&sel->src, &ds);
    cb(sel_keys[SEL_SRC], ds_cstr(&ds), aux);
    ds_clear(&ds);
    xfrm_prefix_format(&sel->dst, &ds);
    cb(sel_keys[SEL_DST], ds_cstr(&ds), aux);
    if (sel->proto) {
        ds_clear(&ds);
        format_protocol(sel->proto, &ds);
        cb(sel_keys[SEL_PROTO], ds_cstr(&ds), aux);
    }
    ds_destroy(&ds);
    pair_port(icmp ? SEL_ICMP_TYPE : SEL_SPORT, sel->sport, sel->sport_mask,
              cb, aux);
    pair_port(icmp ? SEL_ICMP_CODE : SEL_DPORT, sel->dport, sel->dport_mask,
              cb, aux);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Addresses, prefixes and traffic selectors; see xfrm-selector.h.  Uses
 * xfrm-text; above it stands xfrm-spec. */

#include <config.h>

#include "xfrm-selector.h"

#include <arpa/inet.h>
#include <errno.h>
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
    format_port("sport", sel->sport, sel->sport_mask, ds);
    format_port("dport", sel->dport, sel->dport_mask, ds);
}

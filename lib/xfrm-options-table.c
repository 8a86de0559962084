/* SPDX-License-Identifier: Apache-2.0 */

/* The table of options, one row for each; see xfrm-options-table.h.  What
 * concerns more than one option is in xfrm-options.c, which stands above. */

#include <config.h>

#include "xfrm-options-table.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "xfrm-text.h"

/* A list makes policies by the product of local and remote items. */
#define MAX_TS 64

/* Reading and writing each option. */

static bool
parse_u32(const char *value, uint32_t *u32)
{
    uint64_t u64;
    bool ok = xfrm_text_to_uint(value, UINT32_MAX, &u64) && u64;

    *u32 = ok ? u64 : 0;
    return ok;
}

static bool
parse_if_id(const char *value, struct xfrm_port_options *o,
            char **reasonp OVS_UNUSED)
{
    return parse_u32(value, &o->if_id);
}

static void
format_if_id(const struct xfrm_port_options *o, struct ds *ds)
{
    ds_put_format(ds, "%"PRIu32, o->if_id);
}

static bool
parse_mode(const char *value, struct xfrm_port_options *o,
           char **reasonp OVS_UNUSED)
{
    return xfrm_mode_from_name(value, &o->mode);
}

static void
format_mode(const struct xfrm_port_options *o, struct ds *ds)
{
    if (o->mode != XFRM_SPEC_TUNNEL) {
        ds_put_cstr(ds, xfrm_mode_name(o->mode));
    }
}

static bool
parse_ip(const char *value, struct xfrm_addr *addr)
{
    return (xfrm_addr_from_string(value, addr)
            && xfrm_addr_is_unicast(addr));
}

static void
format_ip(const struct xfrm_addr *addr, struct ds *ds)
{
    if (addr->family != AF_UNSPEC) {
        xfrm_addr_format(addr, ds);
    }
}

static bool
parse_local_ip(const char *value, struct xfrm_port_options *o,
               char **reasonp OVS_UNUSED)
{
    return parse_ip(value, &o->local_ip);
}

static void
format_local_ip(const struct xfrm_port_options *o, struct ds *ds)
{
    format_ip(&o->local_ip, ds);
}

static bool
parse_remote_ip(const char *value, struct xfrm_port_options *o,
                char **reasonp OVS_UNUSED)
{
    return parse_ip(value, &o->remote_ip);
}

static void
format_remote_ip(const struct xfrm_port_options *o, struct ds *ds)
{
    format_ip(&o->remote_ip, ds);
}

/* Reads one item of a list into the next free element of 'ts'. */
static bool
parse_ts_item(const char *item, struct xfrm_prefix *ts, size_t *n_ts,
              char **reasonp)
{
    if (!*item) {
        *reasonp = xstrdup("an item of the list is empty");
        return false;
    }
    if (*n_ts >= MAX_TS) {
        *reasonp = xasprintf("the list has more than %d items", MAX_TS);
        return false;
    }
    if (xfrm_prefix_from_string(item, &ts[*n_ts], reasonp)) {
        return false;
    }
    for (size_t i = 0; i < *n_ts; i++) {
        if (xfrm_prefix_equals(&ts[i], &ts[*n_ts])) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            xfrm_prefix_format(&ts[i], &ds);
            ds_put_cstr(&ds, " is listed twice");
            *reasonp = ds_steal_cstr(&ds);
            return false;
        }
    }
    ++*n_ts;
    return true;
}

/* Cuts blanks off both ends of 's', in place. */
static char *
trim(char *s)
{
    size_t len;

    s += strspn(s, " \t");
    len = strlen(s);
    while (len && strchr(" \t", s[len - 1])) {
        s[--len] = '\0';
    }
    return s;
}

static bool
parse_ts(const char *value, struct xfrm_prefix **tsp, size_t *n_tsp,
         char **reasonp)
{
    struct xfrm_prefix *ts = xmalloc(MAX_TS * sizeof *ts);
    char *copy = xstrdup(value);
    char *next = copy;
    char *item;
    size_t n = 0;
    bool ok = true;

    while (ok && (item = strsep(&next, ",")) != NULL) {
        ok = parse_ts_item(trim(item), ts, &n, reasonp);
    }
    free(copy);

    if (!ok) {
        free(ts);
        return false;
    }
    *tsp = xrealloc(ts, n * sizeof *ts);
    *n_tsp = n;
    return true;
}

static void
format_ts(const struct xfrm_prefix *ts, size_t n, struct ds *ds)
{
    for (size_t i = 0; i < n; i++) {
        if (i) {
            ds_put_char(ds, ',');
        }
        xfrm_prefix_format(&ts[i], ds);
    }
}

static bool
parse_local_ts(const char *value, struct xfrm_port_options *o, char **reasonp)
{
    return parse_ts(value, &o->local_ts, &o->n_local_ts, reasonp);
}

static void
format_local_ts(const struct xfrm_port_options *o, struct ds *ds)
{
    format_ts(o->local_ts, o->n_local_ts, ds);
}

static bool
parse_remote_ts(const char *value, struct xfrm_port_options *o,
                char **reasonp)
{
    return parse_ts(value, &o->remote_ts, &o->n_remote_ts, reasonp);
}

static void
format_remote_ts(const struct xfrm_port_options *o, struct ds *ds)
{
    format_ts(o->remote_ts, o->n_remote_ts, ds);
}

static bool
parse_reqid(const char *value, struct xfrm_port_options *o,
            char **reasonp OVS_UNUSED)
{
    return parse_u32(value, &o->reqid);
}

static void
format_reqid(const struct xfrm_port_options *o, struct ds *ds)
{
    if (o->reqid != o->if_id) {
        ds_put_format(ds, "%"PRIu32, o->reqid);
    }
}

static bool
parse_sa_file(const char *value, struct xfrm_port_options *o,
              char **reasonp OVS_UNUSED)
{
    if (value[0] != '/' || strlen(value) >= PATH_MAX) {
        return false;
    }
    o->sa_file = xstrdup(value);
    return true;
}

static void
format_sa_file(const struct xfrm_port_options *o, struct ds *ds)
{
    if (o->sa_file) {
        ds_put_cstr(ds, o->sa_file);
    }
}

static bool
parse_keying(const char *value, struct xfrm_port_options *o,
             char **reasonp OVS_UNUSED)
{
    return xfrm_keying_from_name(value, &o->keying);
}

static void
format_keying(const struct xfrm_port_options *o, struct ds *ds)
{
    if (o->keying != XFRM_KEYING_MANAGED) {
        ds_put_cstr(ds, xfrm_keying_name(o->keying));
    }
}

static bool
parse_offload(const char *value, struct xfrm_port_options *o,
              char **reasonp OVS_UNUSED)
{
    return xfrm_offload_from_name(value, &o->offload);
}

static void
format_offload(const struct xfrm_port_options *o, struct ds *ds)
{
    if (o->offload != XFRM_OFF_NO) {
        ds_put_cstr(ds, xfrm_offload_name(o->offload));
    }
}

/* What the kernel takes as the name of a device. */
static bool
parse_dev(const char *value, struct xfrm_port_options *o,
          char **reasonp OVS_UNUSED)
{
    size_t len = strlen(value);

    if (!len || len >= sizeof o->dev
        || !strcmp(value, ".") || !strcmp(value, "..")) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = value[i];

        if (c == '/' || c == ':' || isspace(c) || iscntrl(c)) {
            return false;
        }
    }
    ovs_strlcpy(o->dev, value, sizeof o->dev);
    return true;
}

static void
format_dev(const struct xfrm_port_options *o, struct ds *ds)
{
    ds_put_cstr(ds, o->dev);
}

static bool
parse_encap(const char *value, struct xfrm_port_options *o,
            char **reasonp OVS_UNUSED)
{
    char *error;

    /* The table says what is allowed, as for each option. */
    if (xfrm_encap_from_string(value, &o->encap, &error)) {
        free(error);
        return false;
    }
    return true;
}

static void
format_encap(const struct xfrm_port_options *o, struct ds *ds)
{
    if (o->encap.sport == XFRM_ENCAP_PORT
        && o->encap.dport == XFRM_ENCAP_PORT) {
        ds_put_cstr(ds, "udp");
    } else if (o->encap.sport || o->encap.dport) {
        ds_put_format(ds, "udp:%"PRIu16":%"PRIu16,
                      o->encap.sport, o->encap.dport);
    }
}

/* The table. */

#define ALLOWED_U32 "1..4294967295 (decimal or 0x...)"
#define ALLOWED_IP "a unicast IPv4 or IPv6 address"
#define ALLOWED_TS "1 to 64 IPv4 or IPv6 prefixes, separated by commas"

#define OPTION(NAME) \
    .name = #NAME, .parse = parse_##NAME, .format = format_##NAME

const struct xfrm_option xfrm_option_table[] = {
    { OPTION(if_id), .required = true,
      .allowed = ALLOWED_U32,
      .values = "1 to 4294967295, decimal or with ``0x`` hexadecimal",
      .default_ = "required",
      .meaning = "Interface ID: what ties the device to its policies and "
                 "SAs.  One port per value and network namespace." },
    { OPTION(mode),
      .allowed = "tunnel, transport or beet",
      .values = "``tunnel``, ``transport``, ``beet``",
      .default_ = "``tunnel``",
      .meaning = "Mode of the generated policies.  The SAs must agree." },
    { OPTION(local_ip),
      .allowed = ALLOWED_IP,
      .values = "unicast IPv4 or IPv6 address",
      .default_ = "none",
      .meaning = "Outer address of this end.  With both addresses set, "
                 "policies for all three directions are generated; with "
                 "neither, none are." },
    { OPTION(remote_ip),
      .allowed = ALLOWED_IP,
      .values = "unicast IPv4 or IPv6 address, same family as ``local_ip``",
      .default_ = "none",
      .meaning = "Outer address of the peer." },
    { OPTION(local_ts),
      .allowed = ALLOWED_TS,
      .values = "1 to 64 prefixes, separated by commas",
      .default_ = "everything (tunnel), ``local_ip`` (transport, beet)",
      .meaning = "Inner addresses on this side that the policies match.  In "
                 "transport mode nothing but ``local_ip`` is possible, in "
                 "beet mode a single host, given together with "
                 "``remote_ts``." },
    { OPTION(remote_ts),
      .allowed = ALLOWED_TS,
      .values = "1 to 64 prefixes, separated by commas",
      .default_ = "everything (tunnel), ``remote_ip`` (transport, beet)",
      .meaning = "Same for the side of the peer." },
    { OPTION(reqid),
      .allowed = ALLOWED_U32,
      .values = "1 to 4294967295, decimal or with ``0x`` hexadecimal",
      .default_ = "value of ``if_id``",
      .meaning = "Request ID, which binds the policies to the SAs." },
    { OPTION(sa_file),
      .allowed = "an absolute path of less than 4096 bytes",
      .values = "absolute path",
      .default_ = "none",
      .meaning = "JSON file with the SAs, keys included.  Must not be "
                 "readable by others." },
    { OPTION(keying),
      .allowed = "managed or external",
      .values = "``managed``, ``external``",
      .default_ = "``managed``",
      .meaning = "``external``: another daemon owns the SAs and policies of "
                 "this ``if_id``; the port watches and reports them and "
                 "writes nothing." },
    { OPTION(offload),
      .allowed = "no, crypto, packet or auto",
      .values = "``no``, ``crypto``, ``packet``, ``auto``",
      .default_ = "``no``",
      .meaning = "Hardware offload on ``dev``, which ``crypto`` and "
                 "``packet`` need.  The outcome is in the ``status`` "
                 "column." },
    { OPTION(dev),
      .allowed = "the name of a network device, 1 to 15 bytes without "
                 "blanks, \"/\" and \":\"",
      .values = "name of a network device",
      .default_ = "none",
      .meaning = "Underlying device.  Never required but for offload." },
    { OPTION(encap),
      .allowed = "none, udp or udp:SPORT:DPORT with ports 1..65535",
      .values = "``none``, ``udp``, ``udp:SPORT:DPORT``",
      .default_ = "``none``",
      .meaning = "UDP encapsulation of ESP (RFC 3948), as it crosses NAT.  "
                 "``udp`` alone means port 4500 at both ends." },
};

const size_t xfrm_option_table_len = ARRAY_SIZE(xfrm_option_table);

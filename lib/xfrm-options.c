/* SPDX-License-Identifier: Apache-2.0 */

/* The options column of an Interface row of type "xfrm"; see xfrm-options.h.
 * What concerns one option is in xfrm-options-table.c; here are the rules
 * between options, the messages and the set as a whole.  Above stand
 * xfrm-plan, xfrm-json and netdev-xfrm. */

#include <config.h>

#include "xfrm-options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "util.h"
#include "xfrm-options-table.h"
#include "xfrm-text.h"

/* Unknown options that one warning names. */
#define MAX_UNKNOWN 8

static const struct xfrm_option *
find_option(const char *name)
{
    for (size_t i = 0; i < xfrm_option_table_len; i++) {
        if (!strcmp(xfrm_option_table[i].name, name)) {
            return &xfrm_option_table[i];
        }
    }
    return NULL;
}

static const char *
option_name_at(size_t index)
{
    return (index < xfrm_option_table_len
            ? xfrm_option_table[index].name : NULL);
}

/* Messages. */

/* Returns "options:NAME "VALUE" is not valid: [REASON; ]it must be ALLOWED".
 * Frees 'reason', which may be NULL. */
static char *
invalid_value(const struct xfrm_option *option, const char *value,
              char *reason)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "options:%s ", option->name);
    xfrm_text_put_quoted(&ds, value);
    ds_put_cstr(&ds, " is not valid: ");
    if (reason) {
        ds_put_format(&ds, "%s; ", reason);
    }
    ds_put_format(&ds, "it must be %s", option->allowed);
    free(reason);
    return ds_steal_cstr(&ds);
}

/* Returns "options:NAME "VALUE" RULE", where the value is the canonical one of
 * 'o'. */
static char *
broken_rule(const struct xfrm_port_options *o, const char *name,
            const char *rule)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ds value = DS_EMPTY_INITIALIZER;

    find_option(name)->format(o, &value);
    ds_put_format(&ds, "options:%s ", name);
    xfrm_text_put_quoted(&ds, ds_cstr(&value));
    ds_put_format(&ds, " %s", rule);
    ds_destroy(&value);
    return ds_steal_cstr(&ds);
}

/* Rules between options.  Each returns a malloc'd error, or NULL. */

static char *
check_ips(const struct xfrm_port_options *o)
{
    if (!o->local_ip.family && !o->remote_ip.family) {
        return NULL;
    }
    if (!o->local_ip.family) {
        return broken_rule(o, "remote_ip", "needs options:local_ip: they must "
                           "be given both or neither");
    }
    if (!o->remote_ip.family) {
        return broken_rule(o, "local_ip", "needs options:remote_ip: they must "
                           "be given both or neither");
    }
    if (o->local_ip.family != o->remote_ip.family) {
        struct ds rule = DS_EMPTY_INITIALIZER;
        char *error;

        ds_put_cstr(&rule, "is not of the family of options:local_ip \"");
        xfrm_addr_format(&o->local_ip, &rule);
        ds_put_cstr(&rule, "\": they must be both IPv4 or both IPv6");
        error = broken_rule(o, "remote_ip", ds_cstr(&rule));
        ds_destroy(&rule);
        return error;
    }
    return NULL;
}

static bool
is_lone_host(const struct xfrm_prefix *ts, size_t n)
{
    return n == 1 && xfrm_prefix_is_host(&ts[0]);
}

static bool
is_lone_addr(const struct xfrm_prefix *ts, size_t n,
             const struct xfrm_addr *addr)
{
    return is_lone_host(ts, n) && xfrm_addr_equals(&ts[0].addr, addr);
}

static char *
check_ts_transport(const struct xfrm_port_options *o)
{
    if (o->mode != XFRM_SPEC_TRANSPORT) {
        return NULL;
    }
    if (o->n_local_ts
        && !is_lone_addr(o->local_ts, o->n_local_ts, &o->local_ip)) {
        return broken_rule(o, "local_ts", "is not possible in transport mode, "
                           "which protects the two hosts only: it must be "
                           "absent or options:local_ip");
    }
    if (o->n_remote_ts
        && !is_lone_addr(o->remote_ts, o->n_remote_ts, &o->remote_ip)) {
        return broken_rule(o, "remote_ts", "is not possible in transport "
                           "mode, which protects the two hosts only: it must "
                           "be absent or options:remote_ip");
    }
    return NULL;
}

static char *
check_ts_beet(const struct xfrm_port_options *o)
{
    static const char *lone_host
        = "is not possible in beet mode, which binds one inner host to each "
          "end: it must be absent or a single host address";

    if (o->mode != XFRM_SPEC_BEET) {
        return NULL;
    }
    if (o->n_local_ts && !is_lone_host(o->local_ts, o->n_local_ts)) {
        return broken_rule(o, "local_ts", lone_host);
    }
    if (o->n_remote_ts && !is_lone_host(o->remote_ts, o->n_remote_ts)) {
        return broken_rule(o, "remote_ts", lone_host);
    }
    if (o->n_local_ts && !o->n_remote_ts) {
        return broken_rule(o, "local_ts", "needs options:remote_ts: in beet "
                           "mode they must be given both or neither");
    }
    if (o->n_remote_ts && !o->n_local_ts) {
        return broken_rule(o, "remote_ts", "needs options:local_ts: in beet "
                           "mode they must be given both or neither");
    }
    return NULL;
}

static bool
has_family(const struct xfrm_prefix *ts, size_t n, uint16_t family)
{
    for (size_t i = 0; i < n; i++) {
        if (ts[i].addr.family == family) {
            return true;
        }
    }
    return false;
}

static char *
check_ts_families(const struct xfrm_port_options *o)
{
    if (!o->n_local_ts || !o->n_remote_ts) {
        return NULL;
    }
    for (size_t i = 0; i < o->n_local_ts; i++) {
        if (has_family(o->remote_ts, o->n_remote_ts,
                       o->local_ts[i].addr.family)) {
            return NULL;
        }
    }
    return broken_rule(o, "remote_ts", "has no prefix of the family of "
                       "options:local_ts: at least one pair must be both IPv4 "
                       "or both IPv6");
}

static char *
check_keying(const struct xfrm_port_options *o)
{
    if (o->keying == XFRM_KEYING_EXTERNAL && o->sa_file) {
        return broken_rule(o, "sa_file", "is not possible with "
                           "options:keying=external: there another daemon "
                           "owns the SAs and none are written; it must be "
                           "absent, or options:keying must be managed");
    }
    return NULL;
}

static char *
check_offload(const struct xfrm_port_options *o)
{
    if ((o->offload == XFRM_OFF_CRYPTO || o->offload == XFRM_OFF_PACKET)
        && !o->dev[0]) {
        return broken_rule(o, "offload", "needs options:dev, the device that "
                           "does it; without one it must be no or auto");
    }
    return NULL;
}

static char *(*const rules[])(const struct xfrm_port_options *) = {
    check_ips,
    check_ts_transport,
    check_ts_beet,
    check_ts_families,
    check_keying,
    check_offload,
};

/* Warnings, joined by "; ". */

static void
start_warning(struct ds *ds)
{
    if (ds->length) {
        ds_put_cstr(ds, "; ");
    }
}

/* Lists all options unless '*listed' says that it was done before. */
static void
warn_unknown(const char *name, bool *listed, struct ds *ds)
{
    const char *nearest = xfrm_text_nearest(name, option_name_at);

    start_warning(ds);
    ds_put_cstr(ds, "options:");
    xfrm_text_put_escaped(ds, name);
    ds_put_cstr(ds, " is not an option of type=xfrm");
    if (nearest) {
        ds_put_format(ds, "; did you mean \"%s\"?", nearest);
    } else if (!*listed) {
        *listed = true;
        ds_put_cstr(ds, ", those are ");
        for (size_t i = 0; i < xfrm_option_table_len; i++) {
            ds_put_format(ds, "%s%s", i ? ", " : "",
                          xfrm_option_table[i].name);
        }
    }
}

/* In the order of the names: that of the map depends on hashes. */
static void
warn_all_unknown(const struct smap *smap, struct ds *ds)
{
    const struct smap_node **nodes = smap_sort(smap);
    size_t n = smap_count(smap);
    size_t n_unknown = 0;
    bool listed = false;

    for (size_t i = 0; i < n; i++) {
        if (!find_option(nodes[i]->key) && n_unknown++ < MAX_UNKNOWN) {
            warn_unknown(nodes[i]->key, &listed, ds);
        }
    }
    if (n_unknown > MAX_UNKNOWN) {
        start_warning(ds);
        ds_put_format(ds, "and %"PRIuSIZE" more unknown options",
                      n_unknown - MAX_UNKNOWN);
    }
    free(nodes);
}

static void
warn_lonely_ts(const struct xfrm_port_options *o, const char *name,
               const struct xfrm_prefix *ts, size_t n,
               const struct xfrm_prefix *other, size_t n_other, struct ds *ds)
{
    for (size_t i = 0; i < n && n_other; i++) {
        if (!has_family(other, n_other, ts[i].addr.family)) {
            char *warning = broken_rule(o, name, "has a prefix that does "
                                        "nothing: the other side has none of "
                                        "its family");

            start_warning(ds);
            ds_put_cstr(ds, warning);
            free(warning);
            return;
        }
    }
}

static void
warn_ts(const struct xfrm_port_options *o, struct ds *ds)
{
    if ((o->n_local_ts || o->n_remote_ts) && !o->local_ip.family) {
        start_warning(ds);
        ds_put_format(ds, "options:%s has no effect without options:local_ip "
                      "and options:remote_ip",
                      o->n_local_ts ? "local_ts" : "remote_ts");
    }
    warn_lonely_ts(o, "local_ts", o->local_ts, o->n_local_ts,
                   o->remote_ts, o->n_remote_ts, ds);
    warn_lonely_ts(o, "remote_ts", o->remote_ts, o->n_remote_ts,
                   o->local_ts, o->n_local_ts, ds);
}

/* The options as a whole. */

static char *
parse_options(const struct smap *smap, struct xfrm_port_options *o)
{
    for (size_t i = 0; i < xfrm_option_table_len; i++) {
        const struct xfrm_option *option = &xfrm_option_table[i];
        const char *value = smap_get(smap, option->name);
        char *reason = NULL;

        if (value) {
            if (!option->parse(value, o, &reason)) {
                return invalid_value(option, value, reason);
            }
        } else if (option->required) {
            return xasprintf("options:%s is missing: it must be %s",
                             option->name, option->allowed);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        char *error = rules[i](o);

        if (error) {
            return error;
        }
    }
    if (!o->reqid) {
        o->reqid = o->if_id;
    }
    return NULL;
}

/* Reads the options of a row into 'o', whose former content is not looked at.
 *
 * Returns 0, or EINVAL with '*errorp' the first error in the order of the
 * table, malloc'd; 'o' is then as xfrm_options_init() makes it.  Either way
 * '*warningp' is a malloc'd text about what was ignored, or NULL; after an
 * error it often holds the reason (a misspelt name). */
int
xfrm_options_parse(const struct smap *smap, struct xfrm_port_options *o,
                   char **errorp, char **warningp)
{
    struct ds warning = DS_EMPTY_INITIALIZER;

    xfrm_options_init(o);
    *errorp = parse_options(smap, o);

    warn_all_unknown(smap, &warning);
    if (*errorp) {
        xfrm_options_destroy(o);
    } else {
        warn_ts(o, &warning);
    }
    *warningp = warning.length ? ds_steal_cstr(&warning) : NULL;
    ds_destroy(&warning);
    return *errorp ? EINVAL : 0;
}

/* Everything at its default, and an if_id of 0, which no valid set has. */
void
xfrm_options_init(struct xfrm_port_options *o)
{
    memset(o, 0, sizeof *o);
    o->mode = XFRM_SPEC_TUNNEL;
    o->keying = XFRM_KEYING_MANAGED;
    o->offload = XFRM_OFF_NO;
}

static struct xfrm_prefix *
clone_ts(const struct xfrm_prefix *ts, size_t n)
{
    return n ? xmemdup(ts, n * sizeof *ts) : NULL;
}

void
xfrm_options_clone(struct xfrm_port_options *dst,
                   const struct xfrm_port_options *src)
{
    *dst = *src;
    dst->local_ts = clone_ts(src->local_ts, src->n_local_ts);
    dst->remote_ts = clone_ts(src->remote_ts, src->n_remote_ts);
    dst->sa_file = nullable_xstrdup(src->sa_file);
}

/* Frees what 'o' owns; it is then as xfrm_options_init() makes it. */
void
xfrm_options_destroy(struct xfrm_port_options *o)
{
    if (o) {
        free(o->local_ts);
        free(o->remote_ts);
        free(o->sa_file);
        xfrm_options_init(o);
    }
}

static bool
ts_equals(const struct xfrm_prefix *a, size_t n_a,
          const struct xfrm_prefix *b, size_t n_b)
{
    return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof *a));
}

bool
xfrm_options_equals(const struct xfrm_port_options *a,
                    const struct xfrm_port_options *b)
{
    return (a->if_id == b->if_id
            && a->mode == b->mode
            && xfrm_addr_equals(&a->local_ip, &b->local_ip)
            && xfrm_addr_equals(&a->remote_ip, &b->remote_ip)
            && ts_equals(a->local_ts, a->n_local_ts,
                         b->local_ts, b->n_local_ts)
            && ts_equals(a->remote_ts, a->n_remote_ts,
                         b->remote_ts, b->n_remote_ts)
            && a->reqid == b->reqid
            && nullable_string_is_equal(a->sa_file, b->sa_file)
            && a->keying == b->keying
            && a->offload == b->offload
            && !strcmp(a->dev, b->dev)
            && a->encap.sport == b->encap.sport
            && a->encap.dport == b->encap.dport);
}

/* Adds to 'smap' the options that differ from their default, and if_id, in
 * canonical form.  Parsing them gives 'o' again. */
void
xfrm_options_to_smap(const struct xfrm_port_options *o, struct smap *smap)
{
    for (size_t i = 0; i < xfrm_option_table_len; i++) {
        struct ds value = DS_EMPTY_INITIALIZER;

        xfrm_option_table[i].format(o, &value);
        if (value.length) {
            smap_add(smap, xfrm_option_table[i].name, ds_cstr(&value));
        }
        ds_destroy(&value);
    }
}

/* Appends the table of options as reStructuredText. */
void
xfrm_options_format_manual(struct ds *ds)
{
    ds_put_cstr(ds, ".. list-table::\n"
                    "   :header-rows: 1\n"
                    "\n"
                    "   * - Option\n"
                    "     - Values\n"
                    "     - Default\n"
                    "     - Meaning\n");
    for (size_t i = 0; i < xfrm_option_table_len; i++) {
        const struct xfrm_option *option = &xfrm_option_table[i];

        ds_put_format(ds, "   * - ``%s``\n"
                          "     - %s\n"
                          "     - %s\n"
                          "     - %s\n",
                      option->name, option->values, option->default_,
                      option->meaning);
    }
}

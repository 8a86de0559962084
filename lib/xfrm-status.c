/* SPDX-License-Identifier: Apache-2.0 */

/* A port's status in words: see xfrm-status.h. */

#include <config.h>

#include <inttypes.h>
#include <time.h>

#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-status.h"

static const char *
inbound_policy(const struct xfrm_port_status *status)
{
    return status->caps.enforces_inbound ? "enforced" : "not-enforced";
}

const struct xfrm_listing *
xfrm_status_listing(const struct xfrm_port_status *status)
{
    static const struct xfrm_listing empty;

    return status->listing ? status->listing : &empty;
}

void
xfrm_status_to_smap(const struct xfrm_port_status *status, struct smap *smap)
{
    smap_add_format(smap, "xfrm_if_id", "%"PRIu32, status->options.if_id);
    smap_add(smap, "xfrm_mode", xfrm_mode_name(status->options.mode));
    smap_add(smap, "xfrm_keying", xfrm_keying_name(status->options.keying));
    smap_add(smap, "xfrm_datapath", status->caps.datapath);
    smap_add(smap, "xfrm_inbound_policy", inbound_policy(status));
    if (status->mtu) {
        smap_add_format(smap, "xfrm_path_mtu", "%d", status->mtu);
    }
    smap_add(smap, "xfrm_offload", status->offload ? status->offload : "no");
    smap_add(smap, "xfrm_state", xfrm_port_state_name(status->state));
    smap_add_format(smap, "xfrm_sas", "in:%"PRIuSIZE",out:%"PRIuSIZE,
                    status->tally.n_sas_in,
                    status->tally.n_sas_out);
}

/* Statistics. */

static void
add_counter(struct netdev_custom_stats *stats, const char *name,
            uint64_t value)
{
    struct netdev_custom_counter *c = &stats->counters[stats->size++];

    ovs_strlcpy(c->name, name, sizeof c->name);
    c->value = value;
}

/* "XfrmInNoStates" -> "xfrm_ns_in_no_states".  The prefix says that the
 * kernel counts these for the whole network namespace. */
static void
counter_name(const char *kernel_name, char *name, size_t size)
{
    static const char prefix[] = "xfrm_ns";
    size_t n = strlen(prefix);

    ovs_strlcpy(name, prefix, size);
    if (!strncmp(kernel_name, "Xfrm", 4)) {
        kernel_name += 4;
    }
    for (size_t i = 0; kernel_name[i] && n + 2 < size; i++) {
        char c = kernel_name[i];

        if (c >= 'A' && c <= 'Z') {
            name[n++] = '_';
            c += 'a' - 'A';
        }
        name[n++] = c;
    }
    name[n] = '\0';
}

void
xfrm_status_to_custom_stats(const struct xfrm_port_status *status,
                            const struct xfrm_counter *counters, size_t n,
                            const struct xfrm_counter *own, size_t n_own,
                            struct netdev_custom_stats *stats)
{
    enum { N_SA_COUNTERS = 7 };
    const struct xfrm_tally *tally = &status->tally;

    stats->size = 0;
    stats->counters = xcalloc(N_SA_COUNTERS + n_own + n,
                              sizeof *stats->counters);
    add_counter(stats, "xfrm_sa_rx_bytes", tally->rx_bytes);
    add_counter(stats, "xfrm_sa_rx_packets", tally->rx_packets);
    add_counter(stats, "xfrm_sa_tx_bytes", tally->tx_bytes);
    add_counter(stats, "xfrm_sa_tx_packets", tally->tx_packets);
    add_counter(stats, "xfrm_rx_replayed", tally->replays);
    add_counter(stats, "xfrm_rx_outside_window", tally->outside_window);
    add_counter(stats, "xfrm_rx_integrity_failed", tally->integrity_failed);
    for (size_t i = 0; i < n_own; i++) {
        char name[NETDEV_CUSTOM_STATS_NAME_SIZE];

        snprintf(name, sizeof name, "xfrm_%s", own[i].name);
        add_counter(stats, name, own[i].value);
    }
    for (size_t i = 0; i < n; i++) {
        char name[NETDEV_CUSTOM_STATS_NAME_SIZE];

        counter_name(counters[i].name, name, sizeof name);
        add_counter(stats, name, counters[i].value);
    }
}

/* Text. */

static void
format_ago(uint64_t when, struct ds *s)
{
    uint64_t now = time_wall();

    if (!when) {
        ds_put_cstr(s, "never");
    } else if (when >= now) {
        ds_put_cstr(s, "now");
    } else {
        ds_put_format(s, "%"PRIu64" s ago", now - when);
    }
}

void
xfrm_sa_state_format(const struct xfrm_sa_state *sa, struct ds *s)
{
    xfrm_sa_spec_format(&sa->spec, s);
    if (!sa->valid) {
        ds_put_cstr(s, " (not valid)");
    }
    ds_put_format(s, "\n      %"PRIu64" packets, %"PRIu64" bytes, "
                  "sequence number %"PRIu64", used ",
                  sa->packets, sa->bytes,
                  sa->spec.dir == XFRM_DIR_IN ? sa->seq : sa->oseq);
    format_ago(sa->used, s);
    if (sa->replays || sa->replay_errors || sa->integrity_failed) {
        ds_put_format(s, "\n      dropped: %"PRIu32" replayed, %"PRIu32
                      " outside the replay window, %"PRIu32
                      " with a wrong integrity check value",
                      sa->replays, sa->replay_errors, sa->integrity_failed);
    }
    ds_put_char(s, '\n');
}

void
xfrm_status_format(const struct xfrm_port_status *status, struct ds *s)
{
    const struct xfrm_listing *listing = xfrm_status_listing(status);
    const struct xfrm_port_options *o = &status->options;

    ds_put_format(s, "%s: %s", status->link.name,
                  xfrm_port_state_name(status->state));
    if (!status->settled) {
        ds_put_cstr(s, " (changes are being applied)");
    }
    ds_put_char(s, '\n');
    if (status->error) {
        ds_put_format(s, "  error: %s\n", status->error);
    }
    ds_put_format(s, "  if_id %"PRIu32", mode %s, reqid %"PRIu32", keying %s",
                  o->if_id, xfrm_mode_name(o->mode), o->reqid,
                  xfrm_keying_name(o->keying));
    if (o->local_ip.family) {
        ds_put_cstr(s, ", ");
        xfrm_addr_format(&o->local_ip, s);
        ds_put_cstr(s, " -> ");
        xfrm_addr_format(&o->remote_ip, s);
    }
    ds_put_char(s, '\n');
    ds_put_format(s, "  datapath %s: inbound policy %s, offload %s, ",
                  status->caps.datapath, inbound_policy(status),
                  status->offload ? status->offload : "no");
    if (status->mtu) {
        ds_put_format(s, "MTU %d\n", status->mtu);
    } else {
        ds_put_cstr(s, "MTU not computed\n");
    }
    ds_put_format(s, "  %s send\n", status->can_send ? "can" : "can NOT");

    ds_put_format(s, "  SAs (%"PRIuSIZE" in, %"PRIuSIZE" out):\n",
                  status->tally.n_sas_in, status->tally.n_sas_out);
    for (size_t i = 0; i < listing->n_sas; i++) {
        ds_put_cstr(s, "    ");
        xfrm_sa_state_format(&listing->sas[i], s);
    }
    ds_put_format(s, "  policies (%"PRIuSIZE"):\n", status->tally.n_policies);
    for (size_t i = 0; i < listing->n_policies; i++) {
        ds_put_cstr(s, "    ");
        xfrm_policy_spec_format(&listing->policies[i], s);
        ds_put_char(s, '\n');
    }
    ds_put_format(s, "  compared %"PRIu64" times, %"PRIu64" changes made, "
                  "%"PRIu64" foreign changes repaired\n",
                  status->n_reconciled, status->n_writes, status->n_drift);
}

/* JSON. */

static void
put_string(struct json *object, const char *name, const char *value)
{
    json_object_put_string(object, name, value);
}

static void
put_uint(struct json *object, const char *name, uint64_t value)
{
    /* JSON integers of OVS end at INT64_MAX. */
    json_object_put(object, name,
                    json_integer_create(MIN(value, (uint64_t) INT64_MAX)));
}

static void
put_bool(struct json *object, const char *name, bool value)
{
    json_object_put(object, name, json_boolean_create(value));
}

static void
put_addr(struct json *object, const char *name, const struct xfrm_addr *addr)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_addr_format(addr, &s);
    put_string(object, name, ds_cstr(&s));
    ds_destroy(&s);
}

static void
put_sel(struct json *object, const struct xfrm_sel *sel)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_sel_format(sel, &s);
    put_string(object, "selector", ds_cstr(&s));
    ds_destroy(&s);
}

static void
put_spi(struct json *object, uint32_t spi)
{
    char text[16];

    snprintf(text, sizeof text, "0x%08"PRIx32, spi);
    put_string(object, "spi", text);
}

struct json *
xfrm_sa_state_to_json(const struct xfrm_sa_state *sa)
{
    const struct xfrm_sa_spec *spec = &sa->spec;
    struct json *o = json_object_create();

    put_string(o, "direction", xfrm_dir_name(spec->dir));
    put_uint(o, "if_id", spec->if_id);
    put_addr(o, "src", &spec->src);
    put_addr(o, "dst", &spec->dst);
    put_spi(o, spec->spi);
    put_string(o, "mode", xfrm_mode_name(spec->mode));
    put_uint(o, "reqid", spec->reqid);
    put_string(o, "algorithm", spec->algo ? spec->algo->name : "unknown");
    put_uint(o, "replay_window", spec->replay_window);
    put_bool(o, "esn", spec->esn);
    put_sel(o, &spec->sel);
    put_string(o, "offload", xfrm_offload_name(spec->offload));
    put_bool(o, "valid", sa->valid);
    put_uint(o, "packets", sa->packets);
    put_uint(o, "bytes", sa->bytes);
    put_uint(o, "sequence_number",
             spec->dir == XFRM_DIR_IN ? sa->seq : sa->oseq);
    put_uint(o, "added", sa->added);
    put_uint(o, "last_used", sa->used);
    put_uint(o, "replayed", sa->replays);
    put_uint(o, "outside_window", sa->replay_errors);
    put_uint(o, "integrity_failed", sa->integrity_failed);
    return o;
}

struct json *
xfrm_policy_to_json(const struct xfrm_policy_spec *policy)
{
    struct json *o = json_object_create();
    struct json *templates = json_array_create_empty();

    put_string(o, "direction", xfrm_dir_name(policy->dir));
    put_uint(o, "if_id", policy->if_id);
    put_sel(o, &policy->sel);
    put_uint(o, "priority", policy->priority);
    put_string(o, "action", xfrm_action_name(policy->action));
    for (size_t i = 0; i < policy->n_templates; i++) {
        const struct xfrm_template *t = &policy->templates[i];
        struct json *to = json_object_create();

        put_addr(to, "src", &t->src);
        put_addr(to, "dst", &t->dst);
        put_string(to, "mode", xfrm_mode_name(t->mode));
        put_uint(to, "reqid", t->reqid);
        if (t->spi) {
            put_spi(to, t->spi);
        }
        json_array_add(templates, to);
    }
    json_object_put(o, "templates", templates);
    return o;
}

struct json *
xfrm_status_to_json(const struct xfrm_port_status *status)
{
    const struct xfrm_listing *listing = xfrm_status_listing(status);
    const struct xfrm_port_options *options = &status->options;
    struct json *o = json_object_create();
    struct json *sas = json_array_create_empty();
    struct json *policies = json_array_create_empty();

    put_string(o, "name", status->link.name);
    put_string(o, "state", xfrm_port_state_name(status->state));
    put_bool(o, "settled", status->settled);
    put_bool(o, "can_send", status->can_send);
    if (status->error) {
        put_string(o, "error", status->error);
    }
    put_uint(o, "if_id", options->if_id);
    put_string(o, "mode", xfrm_mode_name(options->mode));
    put_uint(o, "reqid", options->reqid);
    put_string(o, "keying", xfrm_keying_name(options->keying));
    if (options->local_ip.family) {
        put_addr(o, "local_ip", &options->local_ip);
        put_addr(o, "remote_ip", &options->remote_ip);
    }
    put_string(o, "datapath", status->caps.datapath);
    put_string(o, "inbound_policy", inbound_policy(status));
    put_string(o, "offload", status->offload ? status->offload : "no");
    put_uint(o, "mtu", status->mtu);
    put_uint(o, "sas_in", status->tally.n_sas_in);
    put_uint(o, "sas_out", status->tally.n_sas_out);
    for (size_t i = 0; i < listing->n_sas; i++) {
        json_array_add(sas, xfrm_sa_state_to_json(&listing->sas[i]));
    }
    for (size_t i = 0; i < listing->n_policies; i++) {
        json_array_add(policies, xfrm_policy_to_json(&listing->policies[i]));
    }
    json_object_put(o, "sas", sas);
    json_object_put(o, "policies", policies);
    put_uint(o, "reconciled", status->n_reconciled);
    put_uint(o, "writes", status->n_writes);
    put_uint(o, "drift", status->n_drift);
    return o;
}

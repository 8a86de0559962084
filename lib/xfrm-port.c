/* SPDX-License-Identifier: Apache-2.0 */

/* One port in the engine's thread: its configuration, its SA file, and what
 * it leaves behind.  The comparison with the datapath is in xfrm-reconcile.c,
 * the result for the outside in xfrm-outcome.c.  See xfrm-port.h. */

#include <config.h>

#include "xfrm-port.h"

#include <errno.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-plan.h"

VLOG_DEFINE_THIS_MODULE(xfrm_port);

/* A file that is written twice within one tick of the clock that the file
 * system stamps it with keeps its stamp, so one this young is read again. */
#define FILE_SETTLE_SECONDS 2

void
xfrm_port_make_due(struct xfrm_port *port, struct xfrm_port_context *ctx,
                   long long int when)
{
    port->due = MIN(port->due, MAX(when, port->not_before));
    ctx->next_due = MIN(ctx->next_due, port->due);
}

struct xfrm_port *
xfrm_port_by_if_id(const struct xfrm_port_context *ctx, uint32_t if_id)
{
    struct xfrm_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, if_id_node, hash_int(if_id, 0),
                             &ctx->ports) {
        if (port->config.options.if_id == if_id && !port->removing) {
            return port;
        }
    }
    return NULL;
}

/* Takes ownership of 'text'. */
void
xfrm_trouble_add(struct xfrm_trouble *trouble, char *text)
{
    if (trouble->n++) {
        free(text);
    } else {
        trouble->first = text;
    }
}

void
xfrm_trouble_clear(struct xfrm_trouble *trouble)
{
    free(trouble->first);
    trouble->first = NULL;
    trouble->n = 0;
}

bool
xfrm_port_config_equals(const struct xfrm_port_config *a,
                        const struct xfrm_port_config *b)
{
    /* 'adopted' and 'prior_if_id' tell how it was, which no later change
     * alters. */
    return (!strcmp(a->link.name, b->link.name)
            && a->link.if_id == b->link.if_id
            && !strcmp(a->link.dev, b->link.dev)
            && a->ifindex == b->ifindex
            && a->owned == b->owned
            && xfrm_options_equals(&a->options, &b->options));
}

void
xfrm_port_config_clone(struct xfrm_port_config *dst,
                       const struct xfrm_port_config *src)
{
    *dst = *src;
    xfrm_options_clone(&dst->options, &src->options);
}

void
xfrm_port_config_destroy(struct xfrm_port_config *config)
{
    xfrm_options_destroy(&config->options);
}

struct xfrm_port *
xfrm_port_create(const char *name)
{
    struct xfrm_port *port = xzalloc(sizeof *port);

    port->name = xstrdup(name);
    ovs_list_init(&port->departures);
    ovs_list_init(&port->rows);
    hmap_init(&port->row_ids);
    hmap_init(&port->sa_ids);
    hmap_init(&port->policy_ids);
    hmap_init(&port->changes);
    ovs_list_init(&port->change_list);
    port->due = LLONG_MAX;
    port->link_ok = true;
    return port;
}

static void
departure_free(struct xfrm_departure *departure)
{
    ovs_list_remove(&departure->list_node);
    xfrm_sa_specs_free(departure->sas, departure->n_sas);
    free(departure->policies);
    free(departure);
}

/* Makes 'sas' the desired set; takes ownership of it. */
static void
set_sas(struct xfrm_port *port, struct xfrm_port_context *ctx,
        struct xfrm_sa_spec *sas, size_t n_sas)
{
    struct xfrm_memo **memos = NULL;

    /* First the new references, so that what is in both sets is kept. */
    if (n_sas) {
        memos = xcalloc(n_sas, sizeof *memos);
        for (size_t i = 0; i < n_sas; i++) {
            memos[i] = xfrm_memos_ref(&ctx->memos, &sas[i]);
        }
    }
    for (size_t i = 0; i < port->n_sas; i++) {
        xfrm_memo_unref(port->memos[i], port);
    }
    free(port->memos);
    xfrm_sa_specs_free(port->sas, port->n_sas);

    port->sas = sas;
    port->memos = memos;
    port->n_sas = n_sas;
    hmap_clear(&port->sa_ids);
    free(port->sa_nodes);
    port->sa_nodes = xcalloc(n_sas + 1, sizeof *port->sa_nodes);
    for (size_t i = 0; i < n_sas; i++) {
        port->sa_nodes[i].index = i;
        hmap_insert(&port->sa_ids, &port->sa_nodes[i].node,
                    xfrm_sa_spec_hash_id(&sas[i]));
    }
    xfrm_memos_sweep(&ctx->memos);
}

/* Makes those policies the desired ones that the options ask for. */
static void
plan_policies(struct xfrm_port *port)
{
    const struct xfrm_port_options *options = &port->config.options;

    free(port->policies);
    port->policies = NULL;
    port->n_policies = 0;
    if (options->keying == XFRM_KEYING_MANAGED) {
        xfrm_plan_policies(options, &port->policies, &port->n_policies);
    }

    hmap_clear(&port->policy_ids);
    free(port->policy_nodes);
    port->policy_nodes = xcalloc(port->n_policies + 1,
                                 sizeof *port->policy_nodes);
    for (size_t i = 0; i < port->n_policies; i++) {
        port->policy_nodes[i].index = i;
        hmap_insert(&port->policy_ids, &port->policy_nodes[i].node,
                    xfrm_policy_spec_hash_id(&port->policies[i]));
    }
}

/* The port must not be in use by 'ctx->memos' any more than this releases. */
void
xfrm_port_destroy(struct xfrm_port *port)
{
    struct xfrm_departure *departure;
    struct xfrm_row *row;

    if (!port) {
        return;
    }
    LIST_FOR_EACH_SAFE (row, port_node, &port->rows) {
        xfrm_port_detach_row(row, NULL);
    }
    xfrm_port_forget_changes(port);
    hmap_destroy(&port->changes);
    hmap_destroy(&port->row_ids);
    hmap_destroy(&port->sa_ids);
    free(port->sa_nodes);
    hmap_destroy(&port->policy_ids);
    free(port->policy_nodes);
    for (size_t i = 0; i < port->n_sas; i++) {
        xfrm_memo_unref(port->memos[i], port);
    }
    free(port->memos);
    xfrm_sa_specs_free(port->sas, port->n_sas);
    free(port->policies);
    xfrm_packet_clear(&port->packet);
    LIST_FOR_EACH_SAFE (departure, list_node, &port->departures) {
        departure_free(departure);
    }
    if (port->gen) {
        xfrm_port_config_destroy(&port->config);
    }
    xfrm_port_close_encaps(port);
    free(port->encap_error);
    free(port->file_error);
    xfrm_trouble_clear(&port->kernel_trouble);
    xfrm_trouble_clear(&port->key_trouble);
    xfrm_trouble_clear(&port->depart_trouble);
    free(port->name);
    free(port);
}

/* All that the device has under an if_id from before this process. */
static void
add_prior_departure(struct xfrm_port *port,
                    const struct xfrm_port_config *config)
{
    struct xfrm_departure *departure = xzalloc(sizeof *departure);

    departure->if_id = config->prior_if_id;
    departure->local_ip = config->options.local_ip;
    ovs_list_push_back(&port->departures, &departure->list_node);
}

static void
add_departure(struct xfrm_port *port, bool only_known)
{
    struct xfrm_departure *departure = xzalloc(sizeof *departure);

    departure->if_id = port->config.options.if_id;
    departure->local_ip = port->config.options.local_ip;
    departure->only_known = only_known;
    if (only_known) {
        size_t n = port->n_sas + port->n_rows + 1;
        const struct xfrm_row *row;

        departure->sas = xcalloc(n, sizeof *departure->sas);
        for (size_t i = 0; i < port->n_sas; i++) {
            xfrm_sa_spec_clone_sans_key(&departure->sas[i], &port->sas[i]);
        }
        departure->n_sas = port->n_sas;
        xfrm_port_all_policies(port, true, &departure->policies,
                               &departure->n_policies, NULL);
        LIST_FOR_EACH (row, port_node, &port->rows) {
            if (row->kind == XFRM_ROW_SA) {
                xfrm_sa_spec_clone_sans_key(
                    &departure->sas[departure->n_sas++], row->sa);
            }
        }
    }
    ovs_list_push_back(&port->departures, &departure->list_node);
}

/* Whether SAs that were read from a file under 'a' fit 'b'. */
static bool
same_sa_source(const struct xfrm_port_options *a,
               const struct xfrm_port_options *b)
{
    return (a->if_id == b->if_id
            && a->mode == b->mode
            && a->reqid == b->reqid
            && a->encap.sport == b->encap.sport
            && a->encap.dport == b->encap.dport
            && a->keying == b->keying
            && nullable_string_is_equal(a->sa_file, b->sa_file));
}

void
xfrm_port_configure(struct xfrm_port *port, struct xfrm_port_context *ctx,
                    struct xfrm_port_config *config, uint64_t gen)
{
    const struct xfrm_port_options *new = &config->options;
    bool managed = new->keying == XFRM_KEYING_MANAGED;

    if (port->gen) {
        const struct xfrm_port_options *old = &port->config.options;

        if (old->keying == XFRM_KEYING_MANAGED) {
            if (old->if_id != new->if_id) {
                add_departure(port, false);
            } else if (!managed) {
                add_departure(port, true);
            }
        }
        if (old->offload != new->offload || strcmp(old->dev, new->dev)
            || port->packet.of_policies) {
            xfrm_packet_clear(&port->packet);
        }
        if (!same_sa_source(old, new)) {
            port->good = port->keep = false;
        }
        if (old->if_id != new->if_id || old->keying != new->keying
            || old->reqid != new->reqid) {
            xfrm_port_detach_rows(port, ctx);
        }
        xfrm_port_config_destroy(&port->config);
    } else if (config->owned && config->prior_if_id
               && config->prior_if_id != new->if_id) {
        add_prior_departure(port, config);
    }
    if (managed) {
        struct xfrm_departure *departure;

        /* What comes back is compared, not removed. */
        LIST_FOR_EACH_SAFE (departure, list_node, &port->departures) {
            if (departure->if_id == new->if_id) {
                departure_free(departure);
            }
        }
    }

    port->config = *config;
    port->gen = gen;
    port->in_sync = false;
    port->mtu = port->widest_mtu = 0;

    plan_policies(port);
    xfrm_port_poll_file(port, ctx, true);
    xfrm_port_attach_rows(port, ctx);
}

static void
load_file(struct xfrm_port *port, struct xfrm_port_context *ctx,
          const struct xfrm_file_stamp *stamp)
{
    const struct xfrm_port_options *options = &port->config.options;
    struct xfrm_file_stamp read_stamp;
    struct xfrm_sa_spec *sas = NULL;
    char *message = NULL;
    size_t n_sas = 0;
    int error;

    error = xfrm_json_read_sa_file(options->sa_file, options, &sas, &n_sas,
                                   &read_stamp, &message);

    /* The stamp of before: if the file changed since, the next look sees
     * it. */
    port->stamp = *stamp;
    port->reread = (!stamp->error
                    && llabs((long long int) time_wall()
                             - (long long int) stamp->mtime.tv_sec)
                       < FILE_SETTLE_SECONDS);
    free(port->file_error);
    port->file_error = NULL;
    if (error) {
        size_t len = strlen(options->sa_file);

        /* The sentence may begin with the path already. */
        port->file_error = xasprintf(
            "options:sa_file=%s: %s", options->sa_file,
            !message ? ovs_strerror(error)
            : !strncmp(message, options->sa_file, len)
              && !strncmp(message + len, ": ", 2) ? message + len + 2
            : message);
    }
    free(message);

    if (!error) {
        set_sas(port, ctx, sas, n_sas);
        port->good = true;
        port->keep = false;
    } else if (error == ENOENT) {
        /* Taking the file away is how keys are taken away. */
        set_sas(port, ctx, NULL, 0);
        port->good = port->keep = false;
    } else if (!port->good) {
        /* A restart with a broken file must not cut traffic that flows. */
        port->keep = port->keep || (port->config.adopted && !port->loaded);
        set_sas(port, ctx, NULL, 0);
    }
    port->loaded = true;
}

bool
xfrm_port_poll_file(struct xfrm_port *port, struct xfrm_port_context *ctx,
                    bool force)
{
    const struct xfrm_port_options *options = &port->config.options;
    struct xfrm_file_stamp stamp;

    if (!options->sa_file || options->keying != XFRM_KEYING_MANAGED) {
        if (force) {
            set_sas(port, ctx, NULL, 0);
            free(port->file_error);
            port->file_error = NULL;
            port->good = port->keep = port->reread = false;
            port->loaded = true;
        }
        return force;
    }

    xfrm_file_stamp_get(options->sa_file, &stamp);
    if (!force && !port->reread
        && xfrm_file_stamp_equals(&stamp, &port->stamp)) {
        return false;
    }
    load_file(port, ctx, &stamp);
    port->in_sync = false;
    return true;
}

/* What departs. */

static enum xfrm_dir
guess_dir(const struct xfrm_port_context *ctx, const struct xfrm_port *port,
          const struct xfrm_addr *local_ip, const struct xfrm_sa_spec *sa)
{
    const struct xfrm_memo *memo;

    if (!port || port->config.options.keying == XFRM_KEYING_MANAGED) {
        memo = xfrm_memos_find(&ctx->memos, &sa->dst, sa->spi, sa->proto,
                               port);
        if (memo) {
            return memo->dir;
        }
    }
    return (local_ip->family != AF_UNSPEC
            && xfrm_addr_equals(&sa->dst, local_ip)
            ? XFRM_DIR_IN
            : XFRM_DIR_OUT);
}

void
xfrm_port_slice(const struct xfrm_port *port,
                const struct xfrm_port_context *ctx,
                struct xfrm_sa_state **sasp, size_t *n_sasp,
                struct xfrm_policy_spec **policiesp, size_t *n_policiesp)
{
    const struct xfrm_port_options *options = &port->config.options;

    xfrm_snapshot_slice(&ctx->snapshot, options->if_id, sasp, n_sasp,
                        policiesp, n_policiesp);
    for (size_t i = 0; i < *n_sasp; i++) {
        struct xfrm_sa_spec *sa = &(*sasp)[i].spec;

        sa->dir = guess_dir(ctx, port, &options->local_ip, sa);
    }
}

static bool
lists_sa(const struct xfrm_departure *departure, const struct xfrm_sa_spec *sa)
{
    for (size_t i = 0; i < departure->n_sas; i++) {
        if (xfrm_sa_spec_same_id(&departure->sas[i], sa)) {
            return true;
        }
    }
    return false;
}

static bool
lists_policy(const struct xfrm_departure *departure,
             const struct xfrm_policy_spec *policy)
{
    for (size_t i = 0; i < departure->n_policies; i++) {
        if (xfrm_policy_spec_same_id(&departure->policies[i], policy)) {
            return true;
        }
    }
    return false;
}

/* Deletes what 'departure' stands for: outbound SAs, policies, inbound SAs.
 * One object that stays does not keep the others.  Returns the number of
 * operations. */
static size_t
clear_if_id(struct xfrm_port_context *ctx,
            const struct xfrm_departure *departure,
            struct xfrm_trouble *trouble)
{
    const struct xfrm_backend_class *class = ctx->backend->class;
    const struct xfrm_desired desired = { .n_sas = 0 };
    struct xfrm_policy_spec *policies, *some_policies;
    struct xfrm_sa_state *sas, *some_sas;
    struct xfrm_actual actual;
    size_t n_sas, n_policies;
    struct xfrm_op *ops;
    size_t n_ops;

    xfrm_snapshot_slice(&ctx->snapshot, departure->if_id, &sas, &n_sas,
                        &policies, &n_policies);

    /* Shallow copies, which own nothing. */
    some_sas = xcalloc(n_sas + 1, sizeof *some_sas);
    some_policies = xcalloc(n_policies + 1, sizeof *some_policies);
    actual.n_sas = actual.n_policies = 0;
    for (size_t i = 0; i < n_sas; i++) {
        if (!departure->only_known || lists_sa(departure, &sas[i].spec)) {
            struct xfrm_sa_state *sa = &some_sas[actual.n_sas++];

            *sa = sas[i];
            sa->spec.dir = guess_dir(ctx, NULL, &departure->local_ip,
                                     &sa->spec);
        }
    }
    for (size_t i = 0; i < n_policies; i++) {
        if (!departure->only_known || lists_policy(departure, &policies[i])) {
            some_policies[actual.n_policies++] = policies[i];
        }
    }
    actual.sas = some_sas;
    actual.policies = some_policies;

    xfrm_diff(&desired, &actual, &ops, &n_ops);
    for (size_t i = 0; i < n_ops; i++) {
        char *message = NULL;
        int error = class->apply(ctx->backend, &ops[i], &message);

        if (error) {
            struct ds s = DS_EMPTY_INITIALIZER;

            xfrm_op_format(&ops[i], &s);
            ds_put_format(&s, ": %s",
                          message ? message : ovs_strerror(error));
            xfrm_trouble_add(trouble, ds_steal_cstr(&s));
        }
        free(message);
    }
    free(ops);
    free(some_sas);
    free(some_policies);
    return n_ops;
}

static bool
in_use(uint32_t if_id, const uint32_t *if_ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (if_ids[i] == if_id) {
            return true;
        }
    }
    return false;
}

bool
xfrm_port_depart(struct xfrm_port *port, struct xfrm_port_context *ctx,
                 const uint32_t *if_ids, size_t n, bool *wrotep)
{
    struct xfrm_departure *departure;

    xfrm_trouble_clear(&port->depart_trouble);
    LIST_FOR_EACH_SAFE (departure, list_node, &port->departures) {
        struct xfrm_trouble trouble = { NULL, 0 };

        if (departure->only_known || !in_use(departure->if_id, if_ids, n)) {
            size_t n_ops = clear_if_id(ctx, departure, &trouble);

            port->n_writes += n_ops;
            if (n_ops) {
                *wrotep = true;
            }
        }
        if (!trouble.n) {
            departure_free(departure);
        } else {
            xfrm_trouble_add(&port->depart_trouble, trouble.first);
        }
    }
    return ovs_list_is_empty(&port->departures);
}

bool
xfrm_port_purge(struct xfrm_port_context *ctx, uint32_t if_id,
                bool *wrotep, char **errorp)
{
    struct xfrm_trouble trouble = { NULL, 0 };
    struct xfrm_departure departure;

    memset(&departure, 0, sizeof departure);
    departure.if_id = if_id;
    if (clear_if_id(ctx, &departure, &trouble)) {
        *wrotep = true;
    }
    *errorp = trouble.first;
    return !trouble.n;
}

bool
xfrm_port_remove(struct xfrm_port *port, struct xfrm_port_context *ctx,
                 const uint32_t *if_ids, size_t n, bool *wrotep)
{
    const struct xfrm_backend_class *class = ctx->backend->class;
    char *message = NULL;
    int error = 0;

    xfrm_port_detach_rows(port, ctx);
    if (port->config.options.keying == XFRM_KEYING_MANAGED) {
        struct xfrm_departure *departure;
        bool listed = false;

        LIST_FOR_EACH (departure, list_node, &port->departures) {
            listed |= departure->if_id == port->config.options.if_id;
        }
        if (!listed) {
            add_departure(port, false);
        }
    }
    if (!xfrm_port_depart(port, ctx, if_ids, n, wrotep)) {
        return false;
    }

    if (ctx->backend->caps.needs_routes) {
        error = class->routes_set(ctx->backend, port->name,
                                  port->config.ifindex, false, &message);
    }
    if (!error && port->config.owned) {
        free(message);
        message = NULL;
        error = class->link_delete(ctx->backend, port->name, &message);
    }
    if (error) {
        xfrm_trouble_add(&port->depart_trouble,
                         message ? message : xstrdup(ovs_strerror(error)));
    } else {
        free(message);
    }
    return !error;
}

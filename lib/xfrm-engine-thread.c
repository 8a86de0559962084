/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's thread.
 *
 * It works in passes: it takes what is new from the registry, works without
 * the mutex, and publishes statuses.  What makes a port due (a configuration,
 * a file, a failure that may heal) and when stands here, what events do in
 * xfrm-engine-events.c; what is then done stands in xfrm-port.
 *
 * Above xfrm-port; xfrm-engine.c is the other half. */

#include <config.h>

#include "xfrm-engine-thread.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-port.h"

VLOG_DEFINE_THIS_MODULE(xfrm_engine_thread);

/* Milliseconds. */
#define POLL_INTERVAL 1000      /* Counters, MTU, stamps of files. */
#define FULL_INTERVAL 30000     /* Everything, in case an event was missed. */
#define BACKOFF_MAX 60000

/* A poll may take this fraction of the time, at most. */
#define POLL_LOAD 20

/* Takes what the main thread has changed.  Returns false if the thread is to
 * end. */
static bool
take_changes(struct engine *e, uint64_t *ticketp)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_entry *entry;
    bool releasing = false;
    bool go_on;

    xfrm_entries_empty_graveyard();
    e->n = e->n_if_ids = 0;

    ovs_mutex_lock(&xfrm_shared.mutex);
    go_on = !xfrm_shared.stopping;
    if (go_on) {
        ovs_list_push_back_all(&e->row_changes, &xfrm_shared.row_changes);
    }
    if (e->ctx.hold && !xfrm_shared.hold) {
        releasing = true;
    }
    e->ctx.hold = xfrm_shared.hold;
    e->watched = xfrm_shared.watched;
    *ticketp = xfrm_shared.ticket_given;
    if (xfrm_shared.prune_wanted) {
        svec_clear(&e->prune);
        svec_append(&e->prune, &xfrm_shared.prune_names);
        e->pruning = true;
        e->next_prune = 0;
        xfrm_shared.prune_wanted = false;
    }

    LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
        if (e->n >= e->allocated) {
            e->entries = x2nrealloc(e->entries, &e->allocated,
                                    sizeof *e->entries);
        }
        e->entries[e->n++] = entry;

        if (!entry->port) {
            entry->port = xfrm_port_create(entry->name);
        }
        entry->port->removing = entry->removing;
        if (entry->removing) {
            if (!entry->removal_begun) {
                entry->removal_begun = true;
                entry->port->due = 0;
            }
        } else {
            if (e->n_if_ids >= e->allocated_if_ids) {
                e->if_ids = x2nrealloc(e->if_ids, &e->allocated_if_ids,
                                       sizeof *e->if_ids);
            }
            e->if_ids[e->n_if_ids++] = entry->config.options.if_id;
        }
        if (releasing) {
            entry->port->due = 0;
        }
        if (entry->kick) {
            entry->kick = false;
            entry->port->due = 0;
            entry->port->n_hasty = 0;
            e->next_files = 0;
            e->next_dump = 0;
            e->next_open = 0;
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return go_on;
}

/* Gives new configurations to the ports. */
static void
configure_ports(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_entry *entry = e->entries[i];
        struct xfrm_port *port = entry->port;
        struct xfrm_port_config config;
        uint64_t gen;

        ovs_mutex_lock(&xfrm_shared.mutex);
        gen = entry->gen;
        if (gen != port->gen) {
            xfrm_port_config_clone(&config, &entry->config);
        }
        ovs_mutex_unlock(&xfrm_shared.mutex);

        if (gen != port->gen) {
            xfrm_port_configure(port, &e->ctx, &config, gen);
            port->due = 0;
            port->backoff = port->n_hasty = 0;
        }
    }
}

static void
take_rows(struct engine *e)
{
    struct xfrm_port **ports;
    size_t n = 0;

    if (ovs_list_is_empty(&e->row_changes)) {
        return;
    }
    ports = xcalloc(e->n + 1, sizeof *ports);
    for (size_t i = 0; i < e->n; i++) {
        if (!e->entries[i]->port->removing) {
            ports[n++] = e->entries[i]->port;
        }
    }
    xfrm_engine_do_row_changes(&e->ctx, &e->row_changes, ports, n);
    free(ports);
}

static void
open_resources(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_port_context *ctx = &e->ctx;
    long long int now = time_msec();

    if ((ctx->backend && ctx->nonces) || now < e->next_open) {
        return;
    }
    e->next_open = now + BACKOFF_MIN * 5;

    if (!ctx->backend) {
        char *message = NULL;
        int error = e->class->open(true, &ctx->backend, &message);

        if (error) {
            ctx->backend = NULL;
            if (!message) {
                message = xasprintf("cannot open the %s datapath: %s",
                                    e->class->name, ovs_strerror(error));
            }
            if (!nullable_string_is_equal(message, ctx->backend_error)) {
                VLOG_WARN("%s", message);
            }
        } else {
            free(message);
            message = NULL;
            xfrm_engine_make_all_due(e);
        }
        free(ctx->backend_error);
        ctx->backend_error = message;
    }
    if (!ctx->nonces) {
        char *message = NULL;

        if (xfrm_nonce_open(e->nonce_path, &ctx->nonces, &message)) {
            ctx->nonces = NULL;
            if (!nullable_string_is_equal(message, ctx->nonce_error)) {
                VLOG_WARN("%s", message);
            }
        } else {
            free(message);
            message = NULL;
            xfrm_engine_make_all_due(e);
        }
        free(ctx->nonce_error);
        ctx->nonce_error = message;
    }

    ovs_mutex_lock(&xfrm_shared.mutex);
    if (ctx->backend) {
        xfrm_shared.caps = ctx->backend->caps;
    }
    if (!xfrm_shared.started_up) {
        xfrm_shared.started_up = true;
        xpthread_cond_broadcast(&xfrm_shared.cond);
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

static bool
take_snapshot(struct engine *e, bool keys)
{
    struct xfrm_port_context *ctx = &e->ctx;
    char *message;

    if (xfrm_snapshot_take(&ctx->snapshot, ctx->backend, keys, &message)) {
        if (!nullable_string_is_equal(message, ctx->backend_error)) {
            VLOG_WARN("%s", message);
        }
        free(ctx->backend_error);
        ctx->backend_error = message;
        e->dump_backoff = MIN(MAX(e->dump_backoff * 2, BACKOFF_MIN),
                              BACKOFF_MAX);
        e->next_dump = time_msec() + e->dump_backoff;
        return false;
    }
    free(ctx->backend_error);
    ctx->backend_error = NULL;
    ctx->has_snapshot = true;
    e->dump_backoff = 0;
    return true;
}

/* Says when the port is to be compared again after it was. */
static void
reschedule(struct xfrm_port *port, bool ok)
{
    if (ok) {
        port->due = LLONG_MAX;
        port->backoff = port->n_hasty = 0;
    } else {
        port->backoff = MIN(MAX(port->backoff * 2, BACKOFF_MIN),
                            BACKOFF_MAX);
        port->due = time_msec() + port->backoff;
    }
}

static void
log_transition(const struct xfrm_entry *entry,
               const struct xfrm_port_status *new)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    const struct xfrm_port_status *old = &entry->status;

    if (new->error && !nullable_string_is_equal(old->error, new->error)) {
        VLOG_WARN("%s: %s", entry->name, new->error);
    }
    if (!old->n_reconciled || old->state != new->state) {
        VLOG_INFO("%s: state %s, %"PRIuSIZE" inbound and %"PRIuSIZE" outbound "
                  "SAs", entry->name, xfrm_port_state_name(new->state),
                  new->n_sas_in, new->n_sas_out);
    }
}

/* Publishes the status of an entry. */
static void
publish(struct engine *e, struct xfrm_entry *entry)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_port_status new;
    struct xfrm_port_status old;
    bool settled;

    xfrm_port_report(entry->port, &e->ctx, &new);

    /* A port is settled by a comparison of its present configuration, even
     * one with errors, which are the answer then. */
    settled = entry->port->n_reconciled > 0 || e->ctx.backend_error;

    ovs_mutex_lock(&xfrm_shared.mutex);
    settled = settled && entry->gen == entry->port->gen;
    new.settled = settled;
    log_transition(entry, &new);
    if (settled != entry->settled
        || !xfrm_port_status_same(&new, &entry->status)) {
        entry->change++;
        e->changed = true;
    }
    old = entry->status;
    entry->status = new;
    entry->settled = settled;
    ovs_mutex_unlock(&xfrm_shared.mutex);

    xfrm_port_status_destroy(&old);
}

/* Takes removed ports away, and what changed ports have left behind.  Returns
 * true if the datapath was written to. */
static bool
run_departures(struct engine *e, long long int now)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    bool wrote = false;

    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_entry *entry = e->entries[i];
        struct xfrm_port *port = entry->port;
        bool ok;

        if (port->due > now) {
            continue;
        }
        if (!port->removing) {
            if (!ovs_list_is_empty(&port->departures)) {
                xfrm_port_depart(port, &e->ctx, e->if_ids, e->n_if_ids,
                                 &wrote);
            }
            continue;
        }

        ok = xfrm_port_remove(port, &e->ctx, e->if_ids, e->n_if_ids, &wrote);
        reschedule(port, ok);
        if (!ok) {
            if (port->backoff == BACKOFF_MIN) {
                VLOG_WARN("%s: cannot be removed yet: %s", port->name,
                          port->depart_trouble.first);
            }
            continue;
        }
        ovs_mutex_lock(&xfrm_shared.mutex);
        if (entry->removing) {
            /* forget_all() may have buried it already. */
            if (xfrm_entry_find(entry->name) == entry) {
                xfrm_entry_bury(entry);
            }
        } else {
            /* It came back while it was going: begin anew. */
            entry->removal_begun = false;
            port->due = 0;
        }
        ovs_mutex_unlock(&xfrm_shared.mutex);
        e->changed = true;
    }
    return wrote;
}

static void
run_prune(struct engine *e, bool *wrotep)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    const struct xfrm_entry *entry;
    struct svec names;

    /* Ports that were declared since this pass began count as well. */
    svec_clone(&names, &e->prune);
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
        svec_add(&names, entry->name);
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    svec_sort(&names);
    e->pruning = !xfrm_ports_prune(&e->ctx, &names, e->if_ids, e->n_if_ids,
                                   wrotep);
    e->next_prune = time_msec() + 5 * BACKOFF_MIN;
    svec_destroy(&names);
}

/* The kernel tells nobody of packets for SAs that do not exist, but counts
 * them. */
static void
note_unknown_spis(struct engine *e, const struct xfrm_counter *counters,
                  size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(counters[i].name, "XfrmInNoStates")) {
            uint64_t value = counters[i].value;

            if (e->has_no_states && value > e->no_states) {
                xfrm_port_note(&e->ctx, XFRM_NOTE_BAD_SPI, 0, xasprintf(
                    "dropped %"PRIu64" packets for SAs that do not exist",
                    value - e->no_states))->count = value - e->no_states;
            }
            e->has_no_states = true;
            e->no_states = value;
        }
    }
}

static void
poll_counters(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_counter *new, *old;
    size_t n;

    if (e->class->counters(e->ctx.backend, &new, &n)) {
        return;
    }
    note_unknown_spis(e, new, n);
    ovs_mutex_lock(&xfrm_shared.mutex);
    old = xfrm_shared.counters;
    xfrm_shared.counters = new;
    xfrm_shared.n_counters = n;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    free(old);
}

static void
poll_files(struct engine *e, long long int now)
{
    if (now < e->next_files) {
        return;
    }
    e->next_files = now + POLL_INTERVAL;
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;

        if (!port->removing && xfrm_port_poll_file(port, &e->ctx, false)) {
            xfrm_engine_make_due(port, now);
            port->n_hasty = 0;
        }
    }
}

/* Compares the ports whose time has come. */
static bool
run_reconcile(struct engine *e, long long int now)
{
    bool wrote = false;

    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;
        bool was_rival = port->has_rival;
        bool ok;

        if (port->removing || port->due > now) {
            continue;
        }
        ok = xfrm_port_reconcile(port, &e->ctx, &wrote);
        reschedule(port, ok && ovs_list_is_empty(&port->departures));
        if (was_rival && !port->has_rival) {
            e->changed = true;
        }
    }
    return wrote;
}

/* A key that became free may be what another port waits for. */
static void
wake_rivals(struct engine *e, long long int now)
{
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;

        if (!port->removing && port->has_rival) {
            xfrm_engine_make_due(port, now);
        }
    }
}

/* One pass over everything that is due at 'now'. */
static void
run_pass(struct engine *e, long long int now)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    bool poll = e->n && now >= e->next_poll;
    bool full = now >= e->next_full;
    bool due = false, departing = false;
    bool wrote = false;

    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;

        /* With 'keep' set, only a comparison knows the keys that are in use
         * and extends their reservations. */
        if ((full || (poll && port->keep)) && !port->removing) {
            xfrm_engine_make_due(port, now);
        }
        if (port->due <= now) {
            due = true;
            departing |= port->removing
                         || !ovs_list_is_empty(&port->departures);
        }
    }
    if (full) {
        e->next_full = now + FULL_INTERVAL;
    }
    departing |= e->pruning && now >= e->next_prune;
    if (!due && !poll && !departing) {
        return;
    }
    if (due) {
        wake_rivals(e, now);
        e->last_route_pass = now;
    }

    if (!e->ctx.backend || now < e->next_dump
        || !take_snapshot(e, due || departing)) {
        goto publish_all;
    }
    if (departing) {
        wrote = run_departures(e, now);
        if (e->pruning && now >= e->next_prune) {
            run_prune(e, &wrote);
        }
        if (wrote && due && !take_snapshot(e, true)) {
            goto publish_all;
        }
    }
    wrote = false;
    if (due) {
        wrote = run_reconcile(e, now);
        if (wrote && !take_snapshot(e, false)) {
            goto publish_all;
        }
    }
    poll_counters(e);
    e->next_poll = time_msec() + MAX(POLL_INTERVAL,
                                     POLL_LOAD * e->ctx.snapshot.cost);

publish_all:
    if (e->ctx.backend_error && e->next_poll <= now) {
        e->next_poll = time_msec() + POLL_INTERVAL;
    }
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_entry *entry = e->entries[i];

        if (entry->port->removing) {
            continue;
        }
        if (e->ctx.backend_error && entry->port->due <= now) {
            xfrm_port_blind_rows(entry->port, &e->ctx);
        }
        if (!e->ctx.backend_error
            && xfrm_port_observe(entry->port, &e->ctx)) {
            entry->port->due = 0;
        }
        publish(e, entry);
    }
}

static long long int
next_wakeup(const struct engine *e)
{
    long long int when = e->n ? MIN(e->next_poll, e->next_files) : LLONG_MAX;
    const struct xfrm_port_context *ctx = &e->ctx;

    when = MIN(when, e->next_full);
    if (!ctx->backend || !ctx->nonces) {
        when = MIN(when, e->next_open);
    }
    for (size_t i = 0; i < e->n; i++) {
        long long int due = e->entries[i]->port->due;

        if (due != LLONG_MAX) {
            due = MAX(due, ctx->backend ? e->next_dump : e->next_open);
        }
        when = MIN(when, due);
    }
    if (e->pruning) {
        when = MIN(when, MAX(MAX(e->next_prune, e->next_dump),
                             ctx->backend ? 0 : e->next_open));
    }
    return when;
}

void *
xfrm_engine_thread_args(const struct xfrm_backend_class *class,
                        const char *nonce_path)
{
    struct engine *e;

    e = xzalloc(sizeof *e);
    e->class = class;
    e->nonce_path = xstrdup(nonce_path);
    e->next_full = time_msec() + FULL_INTERVAL;
    svec_init(&e->prune);
    ovs_list_init(&e->row_changes);
    xfrm_memos_init(&e->ctx.memos);
    xfrm_snapshot_init(&e->ctx.snapshot);
    xfrm_rows_init(&e->ctx.rows);
    ovs_list_init(&e->ctx.touched);
    ovs_list_init(&e->ctx.results);
    ovs_list_init(&e->ctx.notes);
    return e;
}

void *
xfrm_engine_thread(void *e_)
{
    struct engine *e = e_;

    for (;;) {
        uint64_t seqno = seq_read(xfrm_shared.wake_seq);
        uint64_t ticket;
        long long int now;

        if (!take_changes(e, &ticket)) {
            break;
        }
        open_resources(e);
        configure_ports(e);
        take_rows(e);
        xfrm_engine_receive_events(e);
        now = time_msec();
        poll_files(e, now);
        run_pass(e, now);
        xfrm_port_publish_rows(&e->ctx);
        e->changed |= xfrm_engine_give_results(&e->ctx.results,
                                               &e->ctx.notes);

        ovs_mutex_lock(&xfrm_shared.mutex);
        if (xfrm_shared.ticket_done != ticket) {
            xfrm_shared.ticket_done = ticket;
            e->changed = true;
        }
        ovs_mutex_unlock(&xfrm_shared.mutex);
        if (e->changed) {
            e->changed = false;
            seq_change(xfrm_shared.status_seq);
        }

        seq_wait(xfrm_shared.wake_seq, seqno);
        if (e->ctx.backend) {
            e->class->event_wait(e->ctx.backend);
        }
        poll_timer_wait_until(next_wakeup(e));
        poll_block();
    }

    /* Ports first: they hold references to memos. */
    for (size_t i = 0; i < e->n; i++) {
        xfrm_port_destroy(e->entries[i]->port);
        e->entries[i]->port = NULL;
    }
    xfrm_rows_destroy(&e->ctx.rows);
    xfrm_snapshot_destroy(&e->ctx.snapshot);
    xfrm_memos_destroy(&e->ctx.memos);
    xfrm_nonce_close(e->ctx.nonces);
    if (e->ctx.backend) {
        e->class->close(e->ctx.backend);
    }
    free(e->ctx.backend_error);
    free(e->ctx.nonce_error);
    free(e->nonce_path);
    svec_destroy(&e->prune);
    free(e->entries);
    free(e->if_ids);
    free(e);
    return NULL;
}

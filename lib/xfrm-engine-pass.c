/* SPDX-License-Identifier: Apache-2.0 */

/* A pass of the engine's thread over the ports: those whose time has come are
 * compared with the datapath, all are looked at once in a while, and what came
 * of it is published.
 *
 * Above xfrm-port; below xfrm-engine-thread.c. */

#include <config.h>

#include "xfrm-engine-thread.h"

#include <string.h>

#include "hash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-port.h"

VLOG_DEFINE_THIS_MODULE(xfrm_engine_pass);

/* Milliseconds. */
#define BACKOFF_MAX 60000
#define MAX_REST 1000           /* Between two comparisons. */

/* Devices of an earlier process wait for their rows: this long after the last
 * of them was declared if it is not known whether there are any, and longer if
 * there is a database that has them.  Ten thousand take a while. */
#define START_GRACE 5000
#define LOAD_GRACE 60000

/* A poll may take this fraction of the time, at most. */
#define POLL_LOAD 20

/* What was read ahead may be that old.  SAs that send go on meanwhile, and one
 * that is installed anew begins XFRM_NONCE_STEP / 2 numbers, 8.4 million, behind
 * what was read: an SA would have to send 1.7 million packets a second. */
#define AHEAD_MAX 5000

void
xfrm_engine_forget_ahead(struct engine *e)
{
    xfrm_snapshot_clear(&e->ahead);
    e->ahead_at = 0;
}

/* While the rows of the database are on their way, and all ports wait for
 * them, there is time to read what the datapath contains.  That is good as long
 * as no event tells of a change. */
static void
look_ahead(struct engine *e, long long int now)
{
    bool waiting = false;
    char *message;

    if (e->ahead_at && (!e->ctx.hold || now - e->ahead_at > AHEAD_MAX)) {
        xfrm_engine_forget_ahead(e);
    }
    if (!e->ctx.hold || !e->wants_ahead || !e->ctx.backend
        || now < e->next_dump) {
        return;
    }
    for (size_t i = 0; i < e->n && !waiting; i++) {
        waiting = e->entries[i]->port->not_before > now;
    }
    if (waiting) {
        e->wants_ahead = false;
        if (!xfrm_snapshot_take(&e->ahead, e->ctx.backend, true, &message)) {
            e->ahead_at = now;
        }
        free(message);
    }
}

/* The first look at the datapath may have been taken already. */
static bool
use_ahead(struct engine *e)
{
    if (!e->ahead_at) {
        return false;
    }
    if (time_msec() - e->ahead_at > AHEAD_MAX) {
        xfrm_engine_forget_ahead(e);
        return false;
    }
    xfrm_snapshot_move(&e->ctx.snapshot, &e->ahead);
    e->ahead_at = 0;
    free(e->ctx.backend_error);
    e->ctx.backend_error = NULL;
    e->dump_backoff = 0;
    e->ctx.has_seen = true;
    return true;
}

static bool
take_snapshot(struct engine *e, bool keys)
{
    struct xfrm_port_context *ctx = &e->ctx;
    long long int start = time_msec();
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
    ctx->has_seen = true;
    e->dump_backoff = 0;
    e->dump_cost = time_msec() - start;
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
                  new->tally.n_sas_in, new->tally.n_sas_out);
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

        if (port->gen) {
            xfrm_acquires_depart(&e->acquires, e->ctx.backend,
                                 port->config.options.if_id);
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
            xfrm_port_make_due(port, &e->ctx, 0);
        }
        ovs_mutex_unlock(&xfrm_shared.mutex);
        e->changed = true;
    }
    return wrote;
}

/* Deletes device 'link' unless it is a port's or becomes one.  The main thread
 * may take it over at any time, so that is decided last.  Returns true if
 * nothing is left to do. */
static bool
prune_device(struct engine *e, const struct xfrm_link_state *link,
             bool *wrotep)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    const char *name = link->spec.name;
    bool claimed, keep, ok;

    ovs_mutex_lock(&xfrm_shared.mutex);
    claimed = xfrm_shared.claimed && !strcmp(xfrm_shared.claimed, name);
    keep = claimed || xfrm_entry_find(name);
    if (!keep) {
        xfrm_shared.pruned = name;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    if (keep) {
        return !claimed;
    }

    ok = xfrm_prune_device(&e->ctx, link, e->if_ids, e->n_if_ids, wrotep);

    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.pruned = NULL;
    xpthread_cond_broadcast(&xfrm_shared.cond);
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return ok;
}

static bool
prune_routes(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_backend *backend = e->ctx.backend;
    const struct xfrm_entry *entry;
    struct svec names;
    int error;

    svec_clone(&names, &e->prune);
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
        svec_add(&names, entry->name);
    }
    if (xfrm_shared.claimed) {
        svec_add(&names, xfrm_shared.claimed);
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    svec_sort(&names);
    error = backend->class->routes_prune(
        backend, (const char *const *) names.names, names.n);
    svec_destroy(&names);
    if (error) {
        VLOG_WARN("cannot remove routes of devices that no port has any more "
                  "(%s)", ovs_strerror(error));
    }
    return !error;
}

static void
run_prune(struct engine *e, bool *wrotep)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_link_state *links = NULL;
    bool ok = true;
    size_t n = 0;
    int error;

    error = xfrm_prune_list(&e->ctx, &links, &n);
    if (error) {
        VLOG_WARN("cannot look for devices that no port has any more (%s)",
                  ovs_strerror(error));
        ok = false;
    } else {
        for (size_t i = 0; i < n; i++) {
            if (!svec_contains(&e->prune, links[i].spec.name)) {
                ok &= prune_device(e, &links[i], wrotep);
            }
        }
        ok &= prune_routes(e);
    }
    free(links);
    e->pruning = !ok;
    e->next_prune = time_msec() + 5 * BACKOFF_MIN;
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

void
xfrm_engine_poll_files(struct engine *e, long long int now)
{
    if (now < e->next_files) {
        return;
    }
    e->next_files = now + POLL_INTERVAL;
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;

        if (!port->removing && xfrm_port_poll_file(port, &e->ctx, false)) {
            xfrm_port_make_due(port, &e->ctx, now);
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
            xfrm_port_make_due(port, &e->ctx, now);
        }
    }
}

/* Does what changed rows ask for, port by port, or finds out that a port must
 * be compared. */
void
xfrm_engine_run_rows(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct ovs_list *changed = &e->ctx.changed;
    bool any = false;

    while (!ovs_list_is_empty(changed)) {
        struct xfrm_port *port = CONTAINER_OF(ovs_list_front(changed),
                                              struct xfrm_port, changed_node);
        struct xfrm_entry *entry;

        /* This takes it out of the list. */
        if (!xfrm_port_reconcile_rows(port, &e->ctx)) {
            /* Not before all rows have come, if it waits for that. */
            if (!e->ctx.hold || port->n_reconciled
                || !port->config.adopted) {
                xfrm_port_make_due(port, &e->ctx, 0);
            }
            port->in_sync = false;
            port->backoff = port->n_hasty = 0;
            continue;
        }
        any = true;
        ovs_mutex_lock(&xfrm_shared.mutex);
        entry = xfrm_entry_find(port->name);
        ovs_mutex_unlock(&xfrm_shared.mutex);
        if (entry && entry->port == port) {
            publish(e, entry);
        }
    }
    if (any) {
        xfrm_engine_forget_ahead(e);
    }
    if (any && e->n_rivals) {
        wake_rivals(e, 0);
    }
}

/* Gives those who asked for it a list of what their ports have. */
static void
make_listings(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_entry *entry = e->entries[i];
        struct xfrm_listing *listing = NULL;
        bool wanted;

        ovs_mutex_lock(&xfrm_shared.mutex);
        wanted = entry->list;
        entry->list = false;
        ovs_mutex_unlock(&xfrm_shared.mutex);
        if (!wanted) {
            continue;
        }
        if (!e->ctx.backend_error) {
            struct xfrm_policy_spec *policies;
            struct xfrm_sa_state *sas;
            size_t n_sas, n_policies;

            xfrm_port_slice(entry->port, &e->ctx, &sas, &n_sas, &policies,
                            &n_policies);
            listing = xfrm_listing_create(sas, n_sas, policies, n_policies);
        }
        ovs_mutex_lock(&xfrm_shared.mutex);
        xfrm_listing_unref(entry->listing);
        entry->listing = listing;
        ovs_mutex_unlock(&xfrm_shared.mutex);
    }
    e->listing = false;
}

/* Brings up to date what is known of all ports together. */
void
xfrm_engine_update_index(struct engine *e)
{
    struct xfrm_port_context *ctx = &e->ctx;

    hmap_clear(&ctx->ports);
    ctx->next_due = LLONG_MAX;
    e->n_curious = e->n_rivals = 0;
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;

        ctx->next_due = MIN(ctx->next_due, port->due);
        e->n_curious += (port->conflict || port->removing
                         || !ovs_list_is_empty(&port->departures));
        e->n_rivals += port->has_rival;
        if (port->gen && !port->removing) {
            hmap_insert(&ctx->ports, &port->if_id_node,
                        hash_int(port->config.options.if_id, 0));
        }
    }
}

/* Whether a comparison was due at 'now' but had to wait, so that the many that
 * others may cause do not keep the thread busy all the time.  'now' is that of
 * the pass: by another clock the rest might be over and nothing done yet. */
bool
xfrm_engine_is_resting(const struct engine *e, long long int now)
{
    return e->ctx.next_due <= now && now < e->rest_until;
}

/* Until when all that are not known yet are waited for. */
long long int
xfrm_engine_grace_end(const struct engine *e)
{
    return (!e->ctx.hold ? 0
            : e->last_config + (e->watched ? LOAD_GRACE : START_GRACE));
}

/* Whether nothing can be said of any port yet, so that it would be a waste to
 * look. */
static bool
all_wait(const struct engine *e, long long int now)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->entries[i]->port->not_before <= now) {
            return false;
        }
    }
    return true;
}

/* Looks at everything that is due at 'now', according to 'due' and 'poll', and
 * corrects it.  Returns true if a snapshot shows the outcome; it sets '*aheadp'
 * if that one is not new. */
static bool
compare(struct engine *e, long long int now, bool due, bool departing,
        bool *aheadp)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    bool wrote = false;

    if (!e->ctx.backend || now < e->next_dump) {
        return false;
    }
    if (use_ahead(e)) {
        *aheadp = true;
    } else if (!take_snapshot(e, due || departing)) {
        return false;
    }
    if (departing) {
        wrote = run_departures(e, now);
        if (e->pruning && now >= e->next_prune
            && now >= xfrm_engine_grace_end(e)) {
            run_prune(e, &wrote);
        }
        if (wrote && due && !take_snapshot(e, true)) {
            return false;
        }
    }
    if (due && run_reconcile(e, now) && !take_snapshot(e, false)) {
        return false;
    }
    poll_counters(e);
    return true;
}

/* Publishes what became of all ports. */
static void
publish_all(struct engine *e, long long int now, bool due, bool seen,
            bool ahead)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_entry *entry = e->entries[i];
        struct xfrm_port *port = entry->port;

        if (port->removing) {
            continue;
        }
        if (!seen && due && port->due <= now) {
            xfrm_port_blind_rows(port, &e->ctx);
        }
        if (seen && xfrm_port_observe(port, &e->ctx, ahead)) {
            xfrm_port_make_due(port, &e->ctx, 0);
        }
        publish(e, entry);
    }
}

/* One pass over everything that is due at 'now'. */
void
xfrm_engine_run_pass(struct engine *e, long long int now)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    bool full = now >= e->next_full;
    bool departing = (e->pruning && now >= e->next_prune
                      && now >= xfrm_engine_grace_end(e));
    bool poll = e->listing, ahead = false;
    long long int cost;
    bool due, seen;

    if (e->n && now >= e->next_poll) {
        if (all_wait(e, now)) {
            e->next_poll = now + POLL_INTERVAL;
        } else {
            poll = true;
        }
    }
    if (full || poll) {
        for (size_t i = 0; i < e->n; i++) {
            struct xfrm_port *port = e->entries[i]->port;

            /* With 'keep' set, only a comparison knows the keys that are in
             * use and extends their reservations. */
            if ((full || port->keep) && !port->removing) {
                xfrm_port_make_due(port, &e->ctx, now);
            }
        }
    }
    if (full) {
        /* Also if nothing comes of it, without a port for example: a time that
         * lies in the past would wake the thread again at once. */
        e->next_full = now + FULL_INTERVAL;
    }
    due = e->ctx.next_due <= now && now >= e->rest_until;
    if (!due && !poll && !departing) {
        look_ahead(e, now);
        return;
    }
    if (due) {
        wake_rivals(e, now);
        e->last_route_pass = now;
        for (size_t i = 0; i < e->n; i++) {
            const struct xfrm_port *port = e->entries[i]->port;

            departing |= (port->due <= now
                          && (port->removing
                              || !ovs_list_is_empty(&port->departures)));
        }
    }

    seen = compare(e, now, due, departing, &ahead);
    publish_all(e, now, due, seen, ahead);
    if (e->listing) {
        make_listings(e);
    }
    xfrm_snapshot_clear(&e->ctx.snapshot);
    xfrm_engine_update_index(e);

    cost = time_msec() - now;
    if (due) {
        e->rest_until = now + cost + MIN(cost, MAX_REST);
    }
    if (full) {
        e->next_full = now + MAX(FULL_INTERVAL, POLL_LOAD * cost);
    }
    e->next_poll = now + (ahead ? POLL_INTERVAL
                          : MAX(POLL_INTERVAL, POLL_LOAD * cost));
}

long long int
xfrm_engine_next_wakeup(const struct engine *e)
{
    long long int when = e->n ? MIN(e->next_poll, e->next_files) : LLONG_MAX;
    const struct xfrm_port_context *ctx = &e->ctx;

    when = MIN(when, e->next_full);
    when = MIN(when, xfrm_acquires_next(&e->acquires));
    if (xfrm_engine_lacks_resources(e)) {
        when = MIN(when, e->next_open);
    }
    if (ctx->next_due != LLONG_MAX) {
        when = MIN(when, MAX(MAX(ctx->next_due, e->rest_until),
                             ctx->backend ? e->next_dump : e->next_open));
    }
    if (e->pruning) {
        long long int ready = MAX(e->next_prune, xfrm_engine_grace_end(e));

        when = MIN(when, MAX(MAX(ready, e->next_dump),
                             ctx->backend ? 0 : e->next_open));
    }
    return when;
}

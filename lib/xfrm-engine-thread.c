/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's thread.
 *
 * It works in passes: it takes what is new from the registry, works without
 * the mutex, and publishes statuses.  Here stand the loop and what begins a
 * pass; xfrm-engine-pass.c does the rest of it, and xfrm-engine-events.c hears
 * events.
 *
 * Above xfrm-port; xfrm-engine.c is the other half. */

#include <config.h>

#include "xfrm-engine-thread.h"

#include <errno.h>
#include <string.h>

#include "coverage.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-heap.h"
#include "xfrm-port.h"

VLOG_DEFINE_THIS_MODULE(xfrm_engine_thread);

COVERAGE_DEFINE(xfrm_engine_turn);  /* The thread was awake. */

/* Notes what the main thread wants of 'entry'. */
static void
take_entry(struct engine *e, struct xfrm_entry *entry)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    struct xfrm_port *port;

    if (e->n >= e->allocated) {
        e->entries = x2nrealloc(e->entries, &e->allocated,
                                sizeof *e->entries);
    }
    e->entries[e->n++] = entry;

    if (!entry->port) {
        entry->port = xfrm_port_create(entry->name);
    }
    port = entry->port;
    port->removing = entry->removing;
    if (!entry->removing) {
        if (e->n_if_ids >= e->allocated_if_ids) {
            e->if_ids = x2nrealloc(e->if_ids, &e->allocated_if_ids,
                                   sizeof *e->if_ids);
        }
        e->if_ids[e->n_if_ids++] = entry->config.options.if_id;
    } else if (!entry->removal_begun) {
        entry->removal_begun = true;
        port->not_before = 0;
        xfrm_port_make_due(port, &e->ctx, 0);
    }
    if (entry->kick) {
        entry->kick = false;
        port->not_before = 0;
        xfrm_port_make_due(port, &e->ctx, 0);
        port->n_hasty = 0;
        e->next_files = e->next_dump = e->next_open = e->rest_until = 0;
    }
    e->listing |= entry->list;
}

/* Ports that wait for their rows wait no longer, or more patiently, when it is
 * known whether there are rows. */
static void
adjust_waiting(struct engine *e, bool released)
{
    long long int end = released ? 0 : xfrm_engine_grace_end(e);

    for (size_t i = 0; i < e->n; i++) {
        struct xfrm_port *port = e->entries[i]->port;

        if (port->not_before && !port->n_reconciled) {
            port->due = port->not_before = end;
        }
        if (released) {
            xfrm_port_make_due(port, &e->ctx, 0);
        }
    }
    xfrm_engine_update_index(e);
}

/* Takes what the main thread has changed.  Returns false if the thread is to
 * end. */
static bool
take_changes(struct engine *e, uint64_t *ticketp)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct ovs_list dead = OVS_LIST_INITIALIZER(&dead);
    struct xfrm_entry *entry;
    bool was_watched = e->watched;
    bool releasing, go_on;

    ovs_mutex_lock(&xfrm_shared.mutex);
    go_on = !xfrm_shared.stopping;
    if (go_on) {
        xfrm_row_changes_move(&e->row_changes, &xfrm_shared.row_changes);
    }
    releasing = e->ctx.hold && !xfrm_shared.hold;
    e->ctx.hold = xfrm_shared.hold;
    e->watched = xfrm_shared.watched;
    e->wants_ahead |= xfrm_shared.look_ahead;
    xfrm_shared.look_ahead = false;
    *ticketp = xfrm_shared.ticket_given;
    if (xfrm_shared.prune_wanted) {
        svec_clear(&e->prune);
        svec_append(&e->prune, &xfrm_shared.prune_names);
        e->pruning = true;
        e->next_prune = 0;
        xfrm_shared.prune_wanted = false;
    }

    /* Most of the time only rows have changed, and then nothing here may take
     * longer because there are many ports. */
    e->reconfigured = xfrm_shared.registry_changed;
    xfrm_shared.registry_changed = false;
    if (e->reconfigured) {
        ovs_list_push_back_all(&dead, &xfrm_shared.graveyard);
        e->n = e->n_if_ids = 0;
        LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
            take_entry(e, entry);
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);

    if (e->reconfigured) {
        xfrm_entries_free(&dead);
        xfrm_engine_update_index(e);
        e->last_config = time_msec();
    }
    if (releasing
        || (e->ctx.hold && (e->reconfigured || e->watched != was_watched))) {
        adjust_waiting(e, releasing);
    }
    return go_on;
}

/* Gives new configurations to the ports. */
static void
configure_ports(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    for (size_t i = 0; e->reconfigured && i < e->n; i++) {
        struct xfrm_entry *entry = e->entries[i];
        struct xfrm_port *port = entry->port;
        struct xfrm_port_config config;
        bool waits;
        uint64_t gen;

        ovs_mutex_lock(&xfrm_shared.mutex);
        gen = entry->gen;
        if (gen != port->gen) {
            xfrm_port_config_clone(&config, &entry->config);
        }
        ovs_mutex_unlock(&xfrm_shared.mutex);
        if (gen == port->gen) {
            continue;
        }

        if (port->gen && e->ctx.backend
            && port->config.options.if_id != config.options.if_id) {
            xfrm_acquires_depart(&e->acquires, e->ctx.backend,
                                 port->config.options.if_id);
        }

        /* After a restart all ports are compared at once, when it is known
         * what is wanted, instead of over and over while they come. */
        waits = !port->gen && config.adopted && e->ctx.hold;
        xfrm_port_configure(port, &e->ctx, &config, gen);
        port->not_before = waits ? xfrm_engine_grace_end(e) : 0;
        port->due = LLONG_MAX;
        xfrm_port_make_due(port, &e->ctx, 0);
        port->backoff = port->n_hasty = 0;
    }
    if (e->reconfigured) {
        xfrm_engine_update_index(e);
    }
}

static void
take_rows(struct engine *e)
{
    if (e->row_changes.n) {
        xfrm_engine_do_row_changes(&e->ctx, &e->row_changes);
    }
}

static void
open_resources(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_port_context *ctx = &e->ctx;
    long long int now = time_msec();

    if (!xfrm_engine_lacks_resources(e) || now < e->next_open) {
        return;
    }

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
    if (!ctx->nonces && e->n) {
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
    e->next_open = xfrm_engine_lacks_resources(e) ? now + BACKOFF_MIN * 5 : 0;

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

/* With nothing to do, nobody reads the datapath any more.  That it could not be
 * read the last time then keeps nobody from anything, and would be told for
 * ever. */
static void
forget_trouble(struct engine *e)
{
    struct xfrm_port_context *ctx = &e->ctx;

    if (ctx->backend && ctx->backend_error && !e->n && !e->pruning) {
        free(ctx->backend_error);
        ctx->backend_error = NULL;
    }
}

/* Finds out about algorithms, where that is possible, in a thread of its own:
 * it may take seconds. */
static void *
probe_algos(void *class_)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    const struct xfrm_backend_class *class = class_;
    struct xfrm_algo_set missing;

    ovsrcu_quiesce_start();
    memset(&missing, 0, sizeof missing);
    if (class->missing_algos) {
        missing = class->missing_algos();
    }
    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.missing_algos = missing;
    xfrm_shared.knows_algos = true;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(xfrm_shared.status_seq);
    return NULL;
}

/* What controllers are told of the host as a whole. */
static void
publish_host(struct engine *e)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    const char *trouble = (e->ctx.backend_error ? e->ctx.backend_error
                           : e->ctx.nonce_error);

    ovs_mutex_lock(&xfrm_shared.mutex);
    if (e->ctx.backend && memcmp(&xfrm_shared.caps, &e->ctx.backend->caps,
                                 sizeof xfrm_shared.caps)) {
        xfrm_shared.caps = e->ctx.backend->caps;
        e->changed = true;
    }
    if (!nullable_string_is_equal(trouble, xfrm_shared.trouble)) {
        free(xfrm_shared.trouble);
        xfrm_shared.trouble = nullable_xstrdup(trouble);
        e->changed = true;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);

    if (e->watched && e->ctx.backend && !e->probing) {
        e->probing = true;
        e->prober = ovs_thread_create("xfrm_algos", probe_algos,
                                      CONST_CAST(void *, (const void *)
                                                 e->class));
    }
}

void *
xfrm_engine_thread_args(const struct xfrm_backend_class *class,
                        const char *nonce_path)
{
    struct engine *e;

    e = xzalloc(sizeof *e);
    e->class = class;
    e->nonce_path = xstrdup(nonce_path);
    e->last_config = time_msec();
    e->next_poll = e->last_config + POLL_INTERVAL;
    e->next_full = e->last_config + FULL_INTERVAL;
    svec_init(&e->prune);
    xfrm_acquires_init(&e->acquires);
    xfrm_memos_init(&e->ctx.memos);
    xfrm_snapshot_init(&e->ctx.snapshot);
    xfrm_snapshot_init(&e->ahead);
    xfrm_rows_init(&e->ctx.rows);
    hmap_init(&e->ctx.ports);
    e->ctx.next_due = LLONG_MAX;
    ovs_list_init(&e->ctx.changed);
    ovs_list_init(&e->ctx.touched);
    ovs_list_init(&e->ctx.results);
    ovs_list_init(&e->ctx.notes);
    return e;
}

void *
xfrm_engine_thread(void *e_)
{
    struct engine *e = e_;

    /* Nothing here is protected by RCU, and with many SAs a turn of the loop
     * takes seconds.  Open vSwitch's main thread waits now and then until all
     * threads have been quiescent: when it changes ports, for example. */
    ovsrcu_quiesce_start();
    xfrm_heap_prepare();

    for (;;) {
        uint64_t seqno = seq_read(xfrm_shared.wake_seq);
        uint64_t ticket;
        long long int now;

        if (!take_changes(e, &ticket)) {
            break;
        }
        open_resources(e);
        forget_trouble(e);
        configure_ports(e);
        take_rows(e);
        xfrm_engine_receive_events(e);
        if (e->ctx.backend) {
            xfrm_acquires_run(&e->acquires, e->ctx.backend);
        }
        COVERAGE_INC(xfrm_engine_turn);
        now = time_msec();
        xfrm_engine_poll_files(e, now);
        xfrm_engine_run_rows(e);
        xfrm_engine_run_pass(e, now);
        xfrm_port_publish_rows(&e->ctx);
        e->changed |= xfrm_engine_give_results(&e->ctx.results,
                                               &e->ctx.notes);

        ovs_mutex_lock(&xfrm_shared.mutex);
        if (!xfrm_engine_is_resting(e, now)
            && xfrm_shared.ticket_done != ticket) {
            xfrm_shared.ticket_done = ticket;
            e->changed = true;
        }
        ovs_mutex_unlock(&xfrm_shared.mutex);
        publish_host(e);
        if (e->changed) {
            e->changed = false;
            seq_change(xfrm_shared.status_seq);
        }

        seq_wait(xfrm_shared.wake_seq, seqno);
        if (e->ctx.backend) {
            e->class->event_wait(e->ctx.backend);
        }
        poll_timer_wait_until(xfrm_engine_next_wakeup(e));
        poll_block();
    }

    if (e->probing) {
        xpthread_join(e->prober, NULL);
    }

    /* Ports first: they hold references to memos. */
    hmap_clear(&e->ctx.ports);
    for (size_t i = 0; i < e->n; i++) {
        xfrm_port_destroy(e->entries[i]->port);
        e->entries[i]->port = NULL;
    }
    hmap_destroy(&e->ctx.ports);
    xfrm_rows_destroy(&e->ctx.rows);
    xfrm_snapshot_destroy(&e->ctx.snapshot);
    xfrm_snapshot_destroy(&e->ahead);
    xfrm_memos_destroy(&e->ctx.memos);
    xfrm_acquires_destroy(&e->acquires);
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

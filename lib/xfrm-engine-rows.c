/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's functions for whoever reads SAs and policies from a database:
 * rows go in, results and notes come out.  See xfrm-engine.h; the rest of the
 * main thread's functions is in xfrm-engine.c.  Below xfrm-db. */

#include <config.h>

#include "xfrm-engine-private.h"

#include <string.h>

#include "seq.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-port.h"

/* Notes that wait for the main thread, which may have no database to write
 * them into. */
#define MAX_NOTES 4096

static void
row_change_free(struct xfrm_row_change *change)
{
    if (!change->removed) {
        xfrm_row_config_destroy(&change->config);
    }
    free(change);
}

/* Main thread only. */
static struct ovs_list held = OVS_LIST_INITIALIZER(&held);
static bool holding;

static void
give_held(void)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);

    if (!ovs_list_is_empty(&held)) {
        ovs_mutex_lock(&xfrm_shared.mutex);
        ovs_list_push_back_all(&xfrm_shared.row_changes, &held);
        ovs_mutex_unlock(&xfrm_shared.mutex);
        seq_change(wake);
    }
}

static void
add_change(struct xfrm_row_change *change)
{
    ovs_list_push_back(&held, &change->list_node);
    if (!holding) {
        give_held();
    }
}

void
xfrm_engine_hold_rows(void)
{
    holding = true;
}

void
xfrm_engine_give_rows(void)
{
    holding = false;
    give_held();
}

void
xfrm_engine_set_row(struct xfrm_row_config *config)
{
    struct xfrm_row_change *change = xzalloc(sizeof *change);

    change->uuid = config->uuid;
    change->config = *config;
    add_change(change);
}

void
xfrm_engine_remove_row(const struct uuid *uuid)
{
    struct xfrm_row_change *change = xzalloc(sizeof *change);

    change->uuid = *uuid;
    change->removed = true;
    add_change(change);
}

void
xfrm_engine_hold(bool hold)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);

    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.hold = hold;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(wake);
}

void
xfrm_engine_watch(bool watched)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);

    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.watched = watched;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(wake);
}

uint64_t
xfrm_engine_ticket(void)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);
    uint64_t ticket;

    ovs_mutex_lock(&xfrm_shared.mutex);
    ticket = ++xfrm_shared.ticket_given;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(wake);
    return ticket;
}

bool
xfrm_engine_take_result(struct xfrm_row_result *result)
{
    bool found = false;

    ovs_mutex_lock(&xfrm_shared.mutex);
    if (!ovs_list_is_empty(&xfrm_shared.results)) {
        struct xfrm_result_node *node = CONTAINER_OF(
            ovs_list_pop_front(&xfrm_shared.results),
            struct xfrm_result_node, list_node);

        hmap_remove(&xfrm_shared.results_by_uuid, &node->hmap_node);
        *result = node->result;
        free(node);
        found = true;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return found;
}

struct xfrm_note *
xfrm_engine_take_note(void)
{
    struct xfrm_note *note = NULL;

    ovs_mutex_lock(&xfrm_shared.mutex);
    if (!ovs_list_is_empty(&xfrm_shared.notes)) {
        note = CONTAINER_OF(ovs_list_pop_front(&xfrm_shared.notes),
                            struct xfrm_note, list_node);
        xfrm_shared.n_notes--;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return note;
}

/* For the thread. */

static struct xfrm_result_node *
find_result(const struct uuid *uuid)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    struct xfrm_result_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, hmap_node, uuid_hash(uuid),
                             &xfrm_shared.results_by_uuid) {
        if (uuid_equals(&node->result.uuid, uuid)) {
            return node;
        }
    }
    return NULL;
}

bool
xfrm_engine_give_results(struct ovs_list *results, struct ovs_list *notes)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct ovs_list surplus = OVS_LIST_INITIALIZER(&surplus);
    struct xfrm_result_node *node;
    struct xfrm_note *note;
    bool any = !ovs_list_is_empty(results) || !ovs_list_is_empty(notes);

    if (!any) {
        return false;
    }
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH_POP (node, list_node, results) {
        struct xfrm_result_node *old = find_result(&node->result.uuid);

        /* The newest is the only one that matters, so there are never more
         * of them than rows. */
        if (old) {
            xfrm_row_result_destroy(&old->result);
            old->result = node->result;
            free(node);
        } else {
            hmap_insert(&xfrm_shared.results_by_uuid, &node->hmap_node,
                        uuid_hash(&node->result.uuid));
            ovs_list_push_back(&xfrm_shared.results, &node->list_node);
        }
    }
    LIST_FOR_EACH_POP (note, list_node, notes) {
        ovs_list_push_back(&xfrm_shared.notes, &note->list_node);
        if (++xfrm_shared.n_notes > MAX_NOTES) {
            ovs_list_push_back(&surplus,
                               ovs_list_pop_front(&xfrm_shared.notes));
            xfrm_shared.n_notes--;
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);

    LIST_FOR_EACH_POP (note, list_node, &surplus) {
        xfrm_note_free(note);
    }
    return true;
}

/* Does the changes in 'changes' to the rows of 'ctx'. */
void
xfrm_engine_do_row_changes(struct xfrm_port_context *ctx,
                           struct ovs_list *changes)
{
    struct xfrm_row_change *change;

    LIST_FOR_EACH_POP (change, list_node, changes) {
        struct xfrm_row *row = xfrm_rows_find(&ctx->rows, &change->uuid);

        if (row && !change->removed && !row->error
            && xfrm_row_equals(row, &change->config)) {
            /* Said once more, perhaps by a database that was away and has
             * lost what was written there. */
            row->published = false;
            xfrm_port_touch_row(ctx, row);
            row_change_free(change);
            continue;
        }
        if (row) {
            xfrm_port_detach_row(row, ctx);
            xfrm_rows_remove(&ctx->rows, row);
        }
        if (!change->removed) {
            row = xfrm_rows_add(&ctx->rows, &change->config);
            xfrm_port_attach_row(
                xfrm_port_by_if_id(ctx, xfrm_row_if_id(row)), ctx, row);
        }
        row_change_free(change);
    }
    xfrm_memos_sweep(&ctx->memos);
}

/* When there is no thread any more. */
void
xfrm_engine_forget_rows(void)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_row_change *change;
    struct xfrm_row_result result;
    struct xfrm_note *note;

    holding = false;
    give_held();
    while (xfrm_engine_take_result(&result)) {
        xfrm_row_result_destroy(&result);
    }
    while ((note = xfrm_engine_take_note()) != NULL) {
        xfrm_note_free(note);
    }
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH_POP (change, list_node, &xfrm_shared.row_changes) {
        row_change_free(change);
    }
    xfrm_shared.hold = xfrm_shared.watched = false;
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's functions for whoever reads SAs and policies from a database:
 * rows go in, results and notes come out.  See xfrm-engine.h; the functions of
 * the main thread are in xfrm-engine.c.  Below xfrm-db. */

#include <config.h>

#include "xfrm-engine-private.h"

#include <string.h>

#include "seq.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-port.h"

/* Notes that wait for whoever has a database to write them into, which may be
 * nobody. */
#define MAX_NOTES 4096

/* Only for the one thread that has the rows. */
static struct xfrm_row_changes held;
static bool holding;

static void
row_changes_add(struct xfrm_row_changes *changes, const struct uuid *uuid,
                struct xfrm_row *row)
{
    if (changes->n >= changes->allocated) {
        changes->changes = x2nrealloc(changes->changes, &changes->allocated,
                                      sizeof *changes->changes);
    }
    changes->changes[changes->n++] = (struct xfrm_row_change) { *uuid, row };
}

/* Frees 'changes' and the rows that are still in it. */
static void
row_changes_clear(struct xfrm_row_changes *changes)
{
    for (size_t i = 0; i < changes->n; i++) {
        xfrm_row_free(changes->changes[i].row);
    }
    free(changes->changes);
    memset(changes, 0, sizeof *changes);
}

/* Appends what is in 'src' to 'dst' and leaves 'src' empty. */
void
xfrm_row_changes_move(struct xfrm_row_changes *dst,
                      struct xfrm_row_changes *src)
{
    if (!dst->n) {
        struct xfrm_row_changes empty = *dst;

        *dst = *src;
        *src = empty;
        return;
    }
    for (size_t i = 0; i < src->n; i++) {
        struct xfrm_row_change *change = &src->changes[i];

        row_changes_add(dst, &change->uuid, change->row);
        change->row = NULL;
    }
    row_changes_clear(src);
}

static void
give_held(void)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);

    if (held.n) {
        ovs_mutex_lock(&xfrm_shared.mutex);
        xfrm_row_changes_move(&xfrm_shared.row_changes, &held);
        ovs_mutex_unlock(&xfrm_shared.mutex);
        seq_change(wake);
    }
}

static void
add_change(const struct uuid *uuid, struct xfrm_row *row)
{
    row_changes_add(&held, uuid, row);
    if (!holding) {
        give_held();
    }
}

void
xfrm_engine_hold_rows(void)
{
    holding = true;
}

uint64_t
xfrm_engine_give_rows(bool all)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);
    uint64_t ticket;

    /* In one go: a pass that began in between would not reach the ticket, and
     * the next one may have to wait for as long as this one took. */
    holding = false;
    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_row_changes_move(&xfrm_shared.row_changes, &held);
    xfrm_shared.hold &= !all;
    ticket = ++xfrm_shared.ticket_given;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(wake);
    return ticket;
}

void
xfrm_engine_set_row(struct xfrm_row_config *config)
{
    const struct uuid uuid = config->uuid;

    add_change(&uuid, xfrm_row_create(config));
}

void
xfrm_engine_remove_row(const struct uuid *uuid)
{
    add_change(uuid, NULL);
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
xfrm_engine_look_ahead(void)
{
    struct seq *wake = (xfrm_engine_seq(), xfrm_shared.wake_seq);

    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.look_ahead = true;
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

/* Does the changes in 'changes' to the rows of 'ctx', and frees them. */
void
xfrm_engine_do_row_changes(struct xfrm_port_context *ctx,
                           struct xfrm_row_changes *changes)
{
    for (size_t i = 0; i < changes->n; i++) {
        struct xfrm_row_change *change = &changes->changes[i];
        struct xfrm_row *row = xfrm_rows_find(&ctx->rows, &change->uuid);

        if (row && change->row && !row->error
            && xfrm_row_equals(row, change->row)) {
            /* Said once more, perhaps by a database that was away and has
             * lost what was written there. */
            row->published = false;
            xfrm_port_touch_row(ctx, row);
            continue;
        }
        if (row) {
            xfrm_port_detach_row(row, ctx);
            xfrm_rows_remove(&ctx->rows, row);
        }
        if (change->row) {
            row = change->row;
            change->row = NULL;
            xfrm_rows_insert(&ctx->rows, row);
            xfrm_port_attach_row(
                xfrm_port_by_if_id(ctx, xfrm_row_if_id(row)), ctx, row);
        }
    }
    row_changes_clear(changes);
    xfrm_memos_sweep(&ctx->memos);
}

/* When there is no thread any more. */
void
xfrm_engine_forget_rows(void)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
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
    row_changes_clear(&xfrm_shared.row_changes);
    xfrm_shared.hold = xfrm_shared.watched = false;
    xfrm_shared.look_ahead = false;
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

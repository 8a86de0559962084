/* SPDX-License-Identifier: Apache-2.0 */

/* Results and notes of the engine -> the OVS_XFRM database.
 *
 * A row's state and error are written at once, its counters every few seconds;
 * notes become rows of Notification, of which only the newest are kept.  See
 * xfrm-db-private.h; below xfrm-db.c. */

#include <config.h>

#include "xfrm-db-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-idl.h"
#include "ovsdb-schema/xfrm-idl.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-engine.h"

#define COUNTER_INTERVAL 5000   /* Milliseconds, as Open vSwitch's own. */
#define MAX_ROWS 500            /* In one transaction. */
#define MAX_NOTES 100           /* Likewise. */
#define KEEP_NOTES 1000         /* Without other_config:max-notifications. */

/* Rows whose state is to be written, and those whose counters are to be. */
static struct ovs_list dirty = OVS_LIST_INITIALIZER(&dirty);
static struct ovs_list counting = OVS_LIST_INITIALIZER(&counting);
static struct ovs_list notes = OVS_LIST_INITIALIZER(&notes);
static size_t n_notes;

/* Written by the transaction that is under way. */
static struct ovs_list written = OVS_LIST_INITIALIZER(&written);

void
xfrm_db_status_init(void)
{
    ovs_list_init(&dirty);
    ovs_list_init(&counting);
    ovs_list_init(&notes);
    ovs_list_init(&written);
    n_notes = 0;
}

void
xfrm_db_status_destroy(void)
{
    struct xfrm_note *note;

    LIST_FOR_EACH_POP (note, list_node, &notes) {
        xfrm_note_free(note);
    }
    n_notes = 0;
}

static void
move_to(struct xfrm_db_row *row, struct ovs_list *list)
{
    xfrm_db_status_forget(row);
    ovs_list_push_back(list, &row->dirty_node);
}

void
xfrm_db_status_forget(struct xfrm_db_row *row)
{
    /* A row that is zero was never in a list. */
    if (row->dirty_node.next && !ovs_list_is_empty(&row->dirty_node)) {
        ovs_list_remove(&row->dirty_node);
    }
    ovs_list_init(&row->dirty_node);
}

void
xfrm_db_status_touch(struct xfrm_db_row *row)
{
    row->dirty = true;
    move_to(row, &dirty);
}

static struct xfrm_note *
pop_note(void)
{
    n_notes--;
    return CONTAINER_OF(ovs_list_pop_front(&notes), struct xfrm_note,
                        list_node);
}

void
xfrm_db_status_take(struct xfrm_db_row *(*find)(const struct uuid *))
{
    struct xfrm_row_result result;
    struct xfrm_note *note;

    while (xfrm_engine_take_result(&result)) {
        struct xfrm_db_row *row = find(&result.uuid);

        if (!row || row->parse_error) {
            xfrm_row_result_destroy(&result);
            continue;
        }
        if (!row->has_result || row->result.state != result.state
            || !nullable_string_is_equal(row->result.error, result.error)) {
            xfrm_db_status_touch(row);
        } else if (!row->dirty) {
            if (row->counters_due == LLONG_MAX) {
                row->counters_due = time_msec() + COUNTER_INTERVAL;
            }
            move_to(row, &counting);
        }
        xfrm_row_result_destroy(&row->result);
        row->result = result;
        row->has_result = true;
    }
    while ((note = xfrm_engine_take_note()) != NULL) {
        ovs_list_push_back(&notes, &note->list_node);
        if (++n_notes > KEEP_NOTES) {
            /* Without a database there is nobody to tell. */
            xfrm_note_free(pop_note());
        }
    }
}

static bool
counters_pending(void)
{
    const struct xfrm_db_row *row;

    LIST_FOR_EACH (row, dirty_node, &counting) {
        if (row->counters_due <= time_msec()) {
            return true;
        }
    }
    return false;
}

bool
xfrm_db_status_pending(struct ovsdb_idl *idl)
{
    return (!ovs_list_is_empty(&dirty) || counters_pending()
            || (n_notes && xfrmrec_xfrm_global_first(idl)));
}

static void
write_row(struct ovsdb_idl *idl, const struct xfrm_db_row *row)
{
    const struct xfrm_row_result *r = &row->result;
    const char *state = (row->parse_error ? "error"
                         : row->has_result ? xfrm_row_state_name(r->state)
                         : "pending");
    const char *error = (row->parse_error ? row->parse_error
                         : row->has_result ? r->error : NULL);

    if (row->kind == XFRM_ROW_SA) {
        const struct xfrmrec_sa *sa = xfrmrec_sa_get_for_uuid(idl, &row->uuid);

        if (sa) {
            static const char *const names[] = {
                "bytes", "packets", "sequence-number", "added", "last-used",
                "replay-window-errors", "replays", "integrity-failed",
            };
            const int64_t values[] = {
                r->bytes, r->packets, r->number, r->added, r->used,
                r->replay_errors, r->replays, r->integrity_failed,
            };

            BUILD_ASSERT_DECL(ARRAY_SIZE(names) == ARRAY_SIZE(values));
            xfrmrec_sa_set_state(sa, state);
            xfrmrec_sa_set_error(sa, error);
            xfrmrec_sa_set_statistics(
                sa, (const char **) names, values,
                row->has_result && r->has_counters ? ARRAY_SIZE(names) : 0);
        }
    } else {
        const struct xfrmrec_policy *policy
            = xfrmrec_policy_get_for_uuid(idl, &row->uuid);

        if (policy) {
            xfrmrec_policy_set_state(policy, state);
            xfrmrec_policy_set_error(policy, error);
        }
    }
}

/* Notifications. */

static int
compare_numbers(const void *a_, const void *b_)
{
    const struct xfrmrec_notification *const *ap = a_;
    const struct xfrmrec_notification *const *bp = b_;
    int64_t a = (*ap)->number, b = (*bp)->number;

    return a < b ? -1 : a > b;
}

static size_t
max_notifications(struct ovsdb_idl *idl)
{
    const struct xfrmrec_xfrm_global *global = xfrmrec_xfrm_global_first(idl);
    int n = global ? smap_get_int(&global->other_config, "max-notifications",
                                  KEEP_NOTES) : KEEP_NOTES;

    return MIN(MAX(n, 1), 10000);
}

static void
insert_note(struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn,
            const struct xfrm_note *note, int64_t number)
{
    struct xfrmrec_notification *rec = xfrmrec_notification_insert(txn);

    xfrmrec_notification_set_type(rec, xfrm_note_type_name(note->type));
    xfrmrec_notification_set_number(rec, number);
    xfrmrec_notification_set_time(rec, note->when);
    xfrmrec_notification_set_message(rec, note->message);
    if (note->if_id) {
        int64_t if_id = note->if_id;

        xfrmrec_notification_set_if_id(rec, &if_id, 1);
    }
    if (note->count) {
        int64_t count = note->count;

        xfrmrec_notification_set_count(rec, &count, 1);
    }
    if (note->has_sa) {
        const struct xfrmrec_sa *sa = xfrmrec_sa_get_for_uuid(idl, &note->row);
        struct ds src = DS_EMPTY_INITIALIZER;
        struct ds dst = DS_EMPTY_INITIALIZER;
        int64_t spi = note->spi;

        xfrm_addr_format(&note->src, &src);
        xfrm_addr_format(&note->dst, &dst);
        xfrmrec_notification_set_direction(rec, xfrm_dir_name(note->dir));
        xfrmrec_notification_set_src(rec, ds_cstr(&src));
        xfrmrec_notification_set_dst(rec, ds_cstr(&dst));
        xfrmrec_notification_set_proto(rec, xfrm_proto_name(note->proto));
        if (spi) {
            xfrmrec_notification_set_spi(rec, &spi, 1);
        }
        if (sa) {
            xfrmrec_notification_set_sa(rec, sa);
        }
        ds_destroy(&src);
        ds_destroy(&dst);
    }
}

static void
write_notes(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_txn *txn = ovsdb_idl_txn_get(
        &xfrmrec_xfrm_global_first(idl)->header_);
    const struct xfrmrec_notification **old, *rec;
    size_t n_old = 0, allocated = 0, max, n_new = 0;
    int64_t number = 0;

    old = NULL;
    XFRMREC_NOTIFICATION_FOR_EACH (rec, idl) {
        if (n_old >= allocated) {
            old = x2nrealloc(old, &allocated, sizeof *old);
        }
        old[n_old++] = rec;
        number = MAX(number, rec->number);
    }
    while (!ovs_list_is_empty(&notes) && n_new < MAX_NOTES) {
        struct xfrm_note *note = pop_note();

        insert_note(idl, txn, note, ++number);
        xfrm_note_free(note);
        n_new++;
    }
    max = max_notifications(idl);
    if (n_old && n_old + n_new > max) {
        size_t n_surplus = MIN(n_old + n_new - max, n_old);

        qsort(old, n_old, sizeof *old, compare_numbers);
        for (size_t i = 0; i < n_surplus; i++) {
            xfrmrec_notification_delete(old[i]);
        }
    }
    free(old);
}

bool
xfrm_db_status_write(struct ovsdb_idl *idl)
{
    struct xfrm_db_row *row;
    size_t n = 0;

    LIST_FOR_EACH_SAFE (row, dirty_node, &written) {
        xfrm_db_status_forget(row);
    }
    while (!ovs_list_is_empty(&dirty) && n < MAX_ROWS) {
        row = CONTAINER_OF(ovs_list_front(&dirty), struct xfrm_db_row,
                           dirty_node);
        write_row(idl, row);
        row->dirty = false;
        row->counters_due = LLONG_MAX;
        move_to(row, &written);
        n++;
    }
    LIST_FOR_EACH_SAFE (row, dirty_node, &counting) {
        if (n >= MAX_ROWS) {
            break;
        }
        if (row->counters_due <= time_msec()) {
            write_row(idl, row);
            row->counters_due = LLONG_MAX;
            move_to(row, &written);
            n++;
        }
    }
    if (xfrmrec_xfrm_global_first(idl)) {
        write_notes(idl);
    }
    return ovs_list_is_empty(&dirty);
}

void
xfrm_db_status_undo(void)
{
    struct xfrm_db_row *row;

    LIST_FOR_EACH_SAFE (row, dirty_node, &written) {
        xfrm_db_status_touch(row);
    }
}

void
xfrm_db_status_wait(void)
{
    const struct xfrm_db_row *row;

    if (!ovs_list_is_empty(&dirty)) {
        poll_immediate_wake();
    }
    LIST_FOR_EACH (row, dirty_node, &counting) {
        poll_timer_wait_until(row->counters_due);
    }
}

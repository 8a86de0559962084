/* SPDX-License-Identifier: Apache-2.0 */

/* Results of the engine -> the OVS_XFRM database.
 *
 * A row's state and error are written at once, its counters every few seconds.
 * What the database says already is not written: after a restart with nothing
 * changed, that is all but the counters, which are those of a process that has
 * ended and are written soon.  Notes are in xfrm-db-notes.c.  See
 * xfrm-db-private.h; below xfrm-db.c. */

#include <config.h>

#include "xfrm-db-private.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-db-notes.h"
#include "xfrm-engine.h"
#include "xfrm-heap.h"

#define COUNTER_INTERVAL 5000   /* Milliseconds, as Open vSwitch's own. */
#define MAX_ROWS 250            /* In one transaction, so that composing it is
                                 * no long pause for everybody else. */

static xfrm_db_find_func *find;

/* Rows whose state is to be written, and those whose counters are to be; the
 * latter in the order of 'counters_due'. */
static struct ovs_list dirty = OVS_LIST_INITIALIZER(&dirty);
static struct ovs_list counting = OVS_LIST_INITIALIZER(&counting);

/* Written by the transaction that is under way. */
static struct ovs_list written = OVS_LIST_INITIALIZER(&written);

static size_t n_news;           /* Written since 'dirty' was empty. */

void
xfrm_db_status_init(xfrm_db_find_func *find_)
{
    find = find_;
    ovs_list_init(&dirty);
    ovs_list_init(&counting);
    ovs_list_init(&written);
}

void
xfrm_db_status_destroy(void)
{
    xfrm_db_notes_destroy();
}

struct xfrm_db_rare *
xfrm_db_row_rare(struct xfrm_db_row *row)
{
    if (!row->rare) {
        row->rare = xzalloc(sizeof *row->rare);
    }
    return row->rare;
}

static const char *
row_error(const struct xfrm_db_row *row)
{
    return (!row->rare ? NULL
            : row->rare->parse_error ? row->rare->parse_error
            : row->rare->error);
}

static uint8_t
row_state(const struct xfrm_db_row *row)
{
    return (xfrm_db_row_parse_error(row) ? XFRM_ROW_ERROR
            : row->has_state ? row->state
            : XFRM_ROW_PENDING);
}

/* The database says what it should about the state of 'row'. */
static bool
is_written(const struct xfrm_db_row *row)
{
    return (row->written_state == row_state(row)
            && nullable_string_is_equal(row->rare ? row->rare->written_error
                                                  : NULL, row_error(row)));
}

static void
move_to(struct xfrm_db_row *row, struct ovs_list *list)
{
    ovs_list_remove(&row->list_node);
    ovs_list_push_back(list, &row->list_node);
    row->writing = list == &written;
}

void
xfrm_db_status_forget(struct xfrm_db_row *row)
{
    ovs_list_remove(&row->list_node);
    ovs_list_init(&row->list_node);
    row->writing = row->dirty = false;
    free(row->counters);
    row->counters = NULL;
}

static void
make_dirty(struct xfrm_db_row *row)
{
    row->dirty = true;
    move_to(row, &dirty);
}

void
xfrm_db_status_known(struct xfrm_db_row *row, const char *state,
                     const char *error)
{
    row->written_state = XFRM_DB_NO_STATE;
    for (int i = 0; state && i <= XFRM_ROW_ERROR; i++) {
        if (!strcmp(state, xfrm_row_state_name(i))) {
            row->written_state = i;
        }
    }
    if (error || row->rare) {
        struct xfrm_db_rare *rare = xfrm_db_row_rare(row);

        free(rare->written_error);
        rare->written_error = nullable_xstrdup(error);
    }
}

static void
keep_counters(struct xfrm_db_row *row, const struct xfrm_row_counters *new)
{
    if (!row->counters) {
        row->counters = xmalloc(sizeof *row->counters);
    }
    *row->counters = *new;
}

void
xfrm_db_status_restart(struct xfrm_db_row *row)
{
    static const struct xfrm_row_counters none;
    bool bad = xfrm_db_row_parse_error(row) != NULL;

    if (bad) {
        row->has_state = false;
        free(row->rare->error);
        row->rare->error = NULL;
        keep_counters(row, &none);
    }
    /* What makes sense is told by the engine before long. */
    if (bad && (!is_written(row) || row->writing)) {
        make_dirty(row);
    }
}

/* Has the counters of 'row' written, at once after a restart, before all that
 * are due later. */
static void
count(struct xfrm_db_row *row)
{
    if (row->stale && row->counters->any) {
        row->counters_due = time_msec();
        ovs_list_remove(&row->list_node);
        ovs_list_push_front(&counting, &row->list_node);
    } else if (row->counters_due == LLONG_MAX) {
        row->counters_due = time_msec() + COUNTER_INTERVAL;
        move_to(row, &counting);
    }
}

/* Takes over the contents of 'result'. */
static void
take_result(struct xfrm_row_result *result)
{
    struct xfrm_db_row *row = find(&result->uuid);

    if (!row || !row->given) {
        xfrm_row_result_destroy(result);
        return;
    }
    if (row->kind == XFRM_ROW_SA) {
        keep_counters(row, &result->counters);
    }
    row->state = result->state;
    row->has_state = true;
    if (result->error || row->rare) {
        struct xfrm_db_rare *rare = xfrm_db_row_rare(row);

        free(rare->error);
        rare->error = result->error;
        result->error = NULL;
    }
    if (!is_written(row) || row->writing) {
        make_dirty(row);
    } else if (!row->dirty && row->counters) {
        count(row);
    }
}

void
xfrm_db_status_take(void)
{
    struct xfrm_row_result result;

    while (xfrm_engine_take_result(&result)) {
        take_result(&result);
    }
    xfrm_db_notes_take();
}

static const struct xfrm_db_row *
first_counting(void)
{
    return (ovs_list_is_empty(&counting) ? NULL
            : CONTAINER_OF(ovs_list_front(&counting), struct xfrm_db_row,
                           list_node));
}

static bool
counters_pending(void)
{
    const struct xfrm_db_row *row = first_counting();

    return row && row->counters_due <= time_msec();
}

bool
xfrm_db_status_pending(bool global)
{
    return (!ovs_list_is_empty(&dirty) || counters_pending()
            || (global && xfrm_db_notes_pending()));
}

static struct json *
counters_to_json(const struct xfrm_row_counters *c)
{
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {
        { "bytes", c->bytes },
        { "packets", c->packets },
        { "sequence-number", c->number },
        { "added", c->added },
        { "last-used", c->used },
        { "replay-window-errors", c->replay_errors },
        { "replays", c->replays },
        { "integrity-failed", c->integrity_failed },
    };
    struct json *map = json_array_create_empty();

    for (size_t i = 0; c->any && i < ARRAY_SIZE(values); i++) {
        json_array_add(map, json_array_create_2(
                                json_string_create(values[i].name),
                                json_integer_create(MIN(values[i].value,
                                                        INT64_MAX))));
    }
    return json_array_create_2(json_string_create("map"), map);
}

/* Adds to 'columns' a column, unless the database has none of that name. */
static void
put(const struct xfrm_db_feed *feed, enum xfrm_db_table table,
    struct json *columns, const char *name, struct json *value)
{
    if (xfrm_db_feed_has_column(feed, table, name)) {
        json_object_put(columns, name, value);
    } else {
        json_destroy(value);
    }
}

static void
write_row(const struct xfrm_db_feed *feed, struct xfrm_db_row *row,
          struct json *operations)
{
    enum xfrm_db_table table = (row->kind == XFRM_ROW_SA ? XFRM_DB_SA
                                                         : XFRM_DB_POLICY);
    struct json *columns = json_object_create();
    struct json *update = json_object_create();
    const char *error = row_error(row);

    if (row->dirty) {
        put(feed, table, columns, "state",
            json_string_create(xfrm_row_state_name(row_state(row))));
        put(feed, table, columns, "error",
            error ? json_string_create(error)
            : json_array_create_2(json_string_create("set"),
                                  json_array_create_empty()));
        row->written_state = row_state(row);
        if (error || row->rare) {
            struct xfrm_db_rare *rare = xfrm_db_row_rare(row);

            free(rare->written_error);
            rare->written_error = nullable_xstrdup(error);
        }
    }
    if (row->counters && table == XFRM_DB_SA) {
        put(feed, table, columns, "statistics",
            counters_to_json(row->counters));
        row->stale &= !row->counters->any;
    }
    json_object_put_string(update, "op", "update");
    json_object_put_string(update, "table", xfrm_db_table_class(table)->name);
    json_object_put(update, "where", xfrm_db_where_uuid(&row->uuid));
    json_object_put(update, "row", columns);
    json_array_add(operations, update);

    row->dirty = false;
    row->counters_due = LLONG_MAX;
    move_to(row, &written);
}

bool
xfrm_db_status_write(const struct xfrm_db_feed *feed, struct json *operations,
                     bool global, size_t max_notes)
{
    struct xfrm_db_row *row;
    size_t n = 0;

    LIST_FOR_EACH_SAFE (row, list_node, &dirty) {
        if (n++ >= MAX_ROWS) {
            break;
        }
        write_row(feed, row, operations);
        n_news++;
    }
    LIST_FOR_EACH_SAFE (row, list_node, &counting) {
        if (n++ >= MAX_ROWS || row->counters_due > time_msec()) {
            break;
        }
        write_row(feed, row, operations);
    }
    if (global) {
        xfrm_db_notes_write(find, operations, max_notes);
    }
    return ovs_list_is_empty(&dirty);
}

void
xfrm_db_status_written(bool success)
{
    struct xfrm_db_row *row;

    /* Those that got news meanwhile are in another list. */
    LIST_FOR_EACH_SAFE (row, list_node, &written) {
        if (success) {
            xfrm_db_status_forget(row);
        } else {
            row->written_state = XFRM_DB_NO_STATE;
            make_dirty(row);
        }
    }
    if (ovs_list_is_empty(&dirty)) {
        xfrm_heap_give_back(n_news);
        n_news = 0;
    }
    if (!success) {
        LIST_FOR_EACH (row, list_node, &dirty) {
            row->written_state = XFRM_DB_NO_STATE;
        }
    }
}

void
xfrm_db_status_wait(void)
{
    if (!ovs_list_is_empty(&dirty)) {
        poll_immediate_wake();
    } else if (!ovs_list_is_empty(&counting)) {
        poll_timer_wait_until(first_counting()->counters_due);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The connection to the OVS_XFRM database: see xfrm-db-feed.h.
 *
 * What may be very much, the templates, SAs and policies that there are when
 * the connection is made, comes another way (xfrm-db-load.c).  The monitor is
 * asked for what changes afterwards.  A row that it names while the others are
 * read may be among those as it was before, as it was afterwards, or not at all:
 * at the end all such rows are read once more.  The answer to that comes after
 * every change that the others may have been read with or without. */

#include <config.h>

#include "xfrm-db-feed.h"

#include <string.h>

#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-cs.h"
#include "ovsdb-error.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-db-hush.h"
#include "xfrm-db-load.h"
#include "xfrm-db-wanted.h"
#include "xfrm-heap.h"
#include "xfrm-ovs-json.h"
#include "xfrm-secret.h"

VLOG_DEFINE_THIS_MODULE(xfrm_db_feed);

#define DATABASE "OVS_XFRM"
#define SLICE_ROWS 16           /* Rows between two looks at the clock. */
#define LOAD_BACKOFF 1000       /* Milliseconds after a failure to read all. */
#define N_LOADED XFRM_DB_NOTIFICATION   /* The first so many tables. */

struct xfrm_db_feed {
    const struct xfrm_db_feed_ops *ops;
    long long int slice;        /* Microseconds in one turn. */
    char *remote;
    struct ovsdb_cs *cs;
    struct shash *schema;       /* Sets of columns by table, or NULL. */
    struct ovs_list events;     /* "struct ovsdb_cs_event"s: updates. */

    /* The change that is under way. */
    bool changing;              /* Between begin() and end(). */
    bool all;
    bool may_end;               /* As the caller said last... */
    bool at_end;                /* ...and nothing else is waited for. */
    bool done;                  /* Only what it came with is to be freed. */
    struct ovsdb_cs_event *event;       /* NULL: only 'fetch'. */
    struct ovsdb_cs_db_update *update;
    bool loading;               /* All is read beside the monitor... */
    struct xfrm_db_load *load;  /* ...until it is here (NULL). */
    long long int load_at;      /* Not before this. */
    bool received;              /* 'ops' was told that it is here. */
    bool barrier;               /* Something is to be asked once it is. */
    int table;                  /* Next one: table and row. */
    size_t row;
    size_t n_rows;              /* So far. */
    struct xfrm_db_wanted_list fetch;   /* Of this change. */
    struct json *fetch_id;      /* Request for them, or NULL. */
    struct jsonrpc_msg *fetched;        /* Answer to it, or NULL. */
    size_t fetch_row;           /* Next one. */

    /* After 'fetch', or as a change of its own. */
    struct xfrm_db_wanted_list refresh;

    struct json *txn_id;        /* Transaction that is open, or NULL. */
    enum xfrm_db_outcome outcome;
};

/* What is read, and monitored unless only we write it. */
static const char *const results[] = { "state", "error", "cur_cfg" };

static bool
wants_column(enum xfrm_db_table table, const char *name)
{
    static const char *const no[] = {
        "external_ids", "statistics", "state", "error",
    };

    switch (table) {
    case XFRM_DB_NOTIFICATION:
        return !strcmp(name, "number");
    case XFRM_DB_GLOBAL:
        return !strcmp(name, "next_cfg") || !strcmp(name, "other_config");
    case XFRM_DB_TEMPLATE:
    case XFRM_DB_SA:
    case XFRM_DB_POLICY:
    case XFRM_DB_N_TABLES:
        break;
    }
    for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
        if (!strcmp(name, no[i])) {
            return false;
        }
    }
    return true;
}

static bool
is_result(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        if (!strcmp(name, results[i])) {
            return true;
        }
    }
    return false;
}

bool
xfrm_db_feed_has_column(const struct xfrm_db_feed *feed,
                        enum xfrm_db_table table, const char *column)
{
    const struct sset *columns
        = (feed->schema
           ? shash_find_data(feed->schema, xfrm_db_table_class(table)->name)
           : NULL);

    return columns && sset_contains(columns, column);
}

/* Names of those columns of 'table' that are monitored, or that only we write
 * ('result'), as far as the database has them.  NULL: there are none. */
static struct json *
columns_to_json(const struct xfrm_db_feed *feed, enum xfrm_db_table table,
                bool result, bool complain)
{
    const struct ovsdb_idl_table_class *class = xfrm_db_table_class(table);
    struct json *names = NULL;

    for (size_t i = 0; i < class->n_columns; i++) {
        const char *name = class->columns[i].name;

        if (result ? !is_result(name) : !wants_column(table, name)) {
            continue;
        }
        if (!xfrm_db_feed_has_column(feed, table, name)) {
            if (complain) {
                VLOG_WARN("%s table in %s database lacks %s column (database "
                          "needs upgrade?)", class->name, DATABASE, name);
            }
            continue;
        }
        if (!names) {
            names = json_array_create_empty();
        }
        json_array_add(names, json_string_create(name));
    }
    return names;
}

static struct json *
monitor_request(struct json *columns, const char *const no[], size_t n)
{
    struct json *request = json_object_create();
    struct json *select = json_object_create();

    for (size_t i = 0; i < n; i++) {
        json_object_put(select, no[i], json_boolean_create(false));
    }
    json_object_put(request, "columns", columns);
    json_object_put(request, "select", select);
    return request;
}

static struct json *
compose_monitor_requests(const struct json *schema, void *feed_)
{
    static const char *const changes[] = { "insert", "delete", "modify" };
    static const char *const initial[] = { "initial" };
    struct xfrm_db_feed *feed = feed_;
    struct json *requests = json_object_create();

    ovsdb_cs_free_schema(feed->schema);
    feed->schema = ovsdb_cs_parse_schema(schema);
    for (int table = 0; table < XFRM_DB_N_TABLES; table++) {
        bool loaded = table < N_LOADED;
        struct json *list = json_array_create_empty();
        struct json *columns;

        columns = columns_to_json(feed, table, false, true);
        if (columns) {
            json_array_add(list, monitor_request(columns, initial, loaded));
        }
        columns = (loaded ? NULL
                   : columns_to_json(feed, table, true, false));
        if (columns) {
            json_array_add(list, monitor_request(columns, changes,
                                                 ARRAY_SIZE(changes)));
        }
        if (xfrm_ovs_json_n(list)) {
            json_object_put(requests, xfrm_db_table_class(table)->name, list);
        } else {
            json_destroy(list);
        }
    }
    return requests;
}

/* Begins to read all that is there. */
static void
start_load(struct xfrm_db_feed *feed)
{
    struct json *columns[N_LOADED];

    for (int table = 0; table < N_LOADED; table++) {
        struct json *results = columns_to_json(feed, table, true, false);

        columns[table] = columns_to_json(feed, table, false, false);
        for (size_t i = 0; columns[table] && results && i < xfrm_ovs_json_n(results); i++) {
            json_array_add(columns[table],
                           json_clone(xfrm_ovs_json_at(results, i)));
        }
        json_destroy(results);
    }
    feed->load = xfrm_db_load_create(feed->remote, columns, N_LOADED);
}

static const struct ovsdb_cs_ops cs_ops = {
    .compose_monitor_requests = compose_monitor_requests,
};

struct xfrm_db_feed *
xfrm_db_feed_create(const char *remote, const struct xfrm_db_feed_ops *ops,
                    int slice)
{
    struct xfrm_db_feed *feed = xzalloc(sizeof *feed);

    feed->ops = ops;
    feed->slice = slice * 1000LL;
    feed->remote = xstrdup(remote);
    ovs_list_init(&feed->events);
    feed->cs = ovsdb_cs_create(DATABASE, 3, &cs_ops, feed);
    ovsdb_cs_set_remote(feed->cs, remote, true);
    return feed;
}

/* Wipes the keys in 'columns' before their memory is freed. */
static void
wipe_keys(const struct shash *columns)
{
    const struct json *key = shash_find_data(columns, "keymat");

    if (key && key->type == JSON_STRING) {
        char *text = CONST_CAST(char *, json_string(key));

        xfrm_wipe(text, strlen(text));
    }
}

/* Frees 'columns', which belong to an update that is ours alone.  The rest of
 * the update may be destroyed as before. */
static void
free_columns(const struct shash *columns_)
{
    struct shash *columns = CONST_CAST(struct shash *, columns_);
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, columns) {
        json_destroy(node->data);
        shash_delete(columns, node);
    }
}

static void
end_fetch(struct xfrm_db_feed *feed)
{
    json_destroy(feed->fetch_id);
    feed->fetch_id = NULL;
    jsonrpc_msg_destroy(feed->fetched);
    feed->fetched = NULL;
    feed->fetch_row = 0;
}

static void
end_change(struct xfrm_db_feed *feed)
{
    xfrm_db_load_destroy(feed->load);
    feed->load = NULL;
    feed->loading = feed->barrier = false;
    ovsdb_cs_db_update_destroy(feed->update);
    feed->update = NULL;
    ovsdb_cs_event_destroy(feed->event);
    feed->event = NULL;
    feed->changing = feed->done = false;
    feed->fetch.n = 0;
    end_fetch(feed);
}

void
xfrm_db_feed_destroy(struct xfrm_db_feed *feed)
{
    struct ovsdb_cs_event *event;

    if (!feed) {
        return;
    }
    end_change(feed);
    LIST_FOR_EACH_POP (event, list_node, &feed->events) {
        ovsdb_cs_event_destroy(event);
    }
    xfrm_db_wanted_destroy(&feed->fetch);
    xfrm_db_wanted_destroy(&feed->refresh);
    json_destroy(feed->txn_id);
    ovsdb_cs_destroy(feed->cs);
    ovsdb_cs_free_schema(feed->schema);
    free(feed->remote);
    free(feed);
}

/* The server is there: a connection that rests after attempts that failed, for
 * up to eight seconds, is attempted at once. */
void
xfrm_db_feed_hurry(struct xfrm_db_feed *feed)
{
    if (!ovsdb_cs_is_connected(feed->cs)) {
        /* There is no other way to end its rest. */
        ovsdb_cs_set_remote(feed->cs, NULL, true);
        ovsdb_cs_set_remote(feed->cs, feed->remote, true);
    }
}

/* Rows that are read as a whole. */

void
xfrm_db_feed_refresh(struct xfrm_db_feed *feed, enum xfrm_db_table table,
                     const struct uuid *uuid)
{
    xfrm_db_want(&feed->refresh, table, uuid);
}

struct json *
xfrm_db_feed_operations(void)
{
    return json_array_create_1(json_string_create(DATABASE));
}

static void
send_fetch(struct xfrm_db_feed *feed)
{
    struct json *columns[XFRM_DB_N_TABLES];
    struct json *operations;

    if (!ovsdb_cs_may_send_transaction(feed->cs)) {
        return;
    }
    for (int table = 0; table < XFRM_DB_N_TABLES; table++) {
        columns[table] = columns_to_json(feed, table, false, false);
    }
    operations = xfrm_db_feed_operations();
    xfrm_db_wanted_select(&feed->fetch, columns, operations);
    for (int table = 0; table < XFRM_DB_N_TABLES; table++) {
        json_destroy(columns[table]);
    }
    feed->fetch_id = ovsdb_cs_send_transaction(feed->cs, operations);
}

/* Changes. */

static void
give_row(struct xfrm_db_feed *feed, enum xfrm_db_table table,
         const struct ovsdb_cs_row_update *row)
{
    bool partial = row->type == OVSDB_CS_ROW_XOR;

    if (row->type == OVSDB_CS_ROW_DELETE) {
        feed->ops->row(table, &row->row_uuid, NULL, false);
    } else if (partial && shash_is_empty(row->columns)) {
        /* A result that we wrote: the server says that the row has changed,
         * and leaves out in what. */
    } else if (partial && (table != XFRM_DB_GLOBAL
                           || shash_find(row->columns, "other_config"))) {
        xfrm_db_want(&feed->fetch, table, &row->row_uuid);
    } else {
        feed->ops->row(table, &row->row_uuid, row->columns, partial);
    }
    if (row->columns) {
        wipe_keys(row->columns);
    }
    feed->n_rows++;
}

/* Frees what is big in a row of an update.  All rows at once would keep the
 * thread from everything else for too long.  Each of them as soon as it
 * has been read would leave holes between those to come, into which goes what
 * is kept, so that the memory could not be given back. */
static void
free_row(struct xfrm_db_feed *feed OVS_UNUSED,
         enum xfrm_db_table table OVS_UNUSED,
         const struct ovsdb_cs_row_update *row)
{
    if (row->columns) {
        free_columns(row->columns);
    }
}

/* Calls 'give' for part of the rows of the update.  True: that was the last
 * one. */
static bool
run_update(struct xfrm_db_feed *feed,
           void (*give)(struct xfrm_db_feed *, enum xfrm_db_table,
                        const struct ovsdb_cs_row_update *))
{
    for (int n = 0; n < SLICE_ROWS; ) {
        const struct ovsdb_cs_table_update *update;

        if (!feed->update || feed->table >= XFRM_DB_N_TABLES) {
            return true;
        }
        update = ovsdb_cs_db_update_find_table(
            feed->update, xfrm_db_table_class(feed->table)->name);
        if (!update || feed->row >= update->n) {
            feed->table++;
            feed->row = 0;
            continue;
        }
        give(feed, feed->table, &update->row_updates[feed->row++]);
        n++;
    }
    return false;
}

/* The same for what is read beside the monitor, which may have to begin
 * again. */
static bool
run_load(struct xfrm_db_feed *feed, bool *waitp)
{
    *waitp = false;
    if (!feed->load) {
        if (time_msec() < feed->load_at) {
            *waitp = true;
            return false;
        }
        start_load(feed);
        feed->received = false;
    }
    xfrm_db_load_run(feed->load);
    if (!feed->received && xfrm_db_load_has_all(feed->load)) {
        feed->received = true;
        feed->ops->received();
    }
    for (int n = 0; n < SLICE_ROWS; n++) {
        enum xfrm_db_table table;
        struct json *columns;
        struct uuid uuid;

        switch (xfrm_db_load_next(feed->load, &table, &uuid, &columns)) {
        case XFRM_DB_LOAD_ROW:
            feed->ops->row(table, &uuid, json_object(columns), false);
            wipe_keys(json_object(columns));
            json_destroy(columns);
            feed->n_rows++;
            break;
        case XFRM_DB_LOAD_WAIT:
            *waitp = true;
            return false;
        case XFRM_DB_LOAD_DONE:
            xfrm_db_load_destroy(feed->load);
            feed->load = NULL;
            return true;
        case XFRM_DB_LOAD_FAILED:
            xfrm_db_load_destroy(feed->load);
            feed->load = NULL;
            feed->load_at = time_msec() + LOAD_BACKOFF;
            feed->ops->begin(true);
            *waitp = true;
            return false;
        }
    }
    return false;
}

/* The same for those that were read as a whole, in the order of the tables,
 * since a policy needs its templates. */
static bool
run_fetched(struct xfrm_db_feed *feed)
{
    for (int n = 0; n < SLICE_ROWS; n++) {
        const struct shash *columns;
        const struct xfrm_db_wanted *row;
        size_t i;

        if (feed->fetch_row >= feed->fetch.n) {
            return true;
        }
        i = feed->fetch_row++;
        row = &feed->fetch.rows[i];
        if (xfrm_db_wanted_columns(feed->fetched->result, i, &columns)) {
            feed->ops->row(row->table, &row->uuid, columns, false);
            if (columns) {
                wipe_keys(columns);
            }
        }
    }
    return false;
}

/* What is to be read anew is read now. */
static void
swap_wanted(struct xfrm_db_feed *feed)
{
    struct xfrm_db_wanted_list fetch = feed->fetch;

    feed->fetch = feed->refresh;
    feed->refresh = fetch;
    feed->refresh.n = 0;
}

/* Takes the oldest update.  False, and it is gone, if it makes no sense. */
static bool
pop_event(struct xfrm_db_feed *feed, struct ovsdb_cs_event **eventp,
          struct ovsdb_cs_db_update **updatep)
{
    const struct ovsdb_cs_update_event *update;
    struct ovsdb_error *error;

    *eventp = CONTAINER_OF(ovs_list_pop_front(&feed->events),
                           struct ovsdb_cs_event, list_node);
    update = &(*eventp)->update;
    error = ovsdb_cs_parse_db_update(update->table_updates, update->version,
                                     updatep);
    if (error) {
        /* The error quotes the update, keys and all. */
        ovsdb_error_destroy(error);
        VLOG_WARN("%s: an update is not understood, connecting anew",
                  DATABASE);
        *updatep = NULL;
        ovsdb_cs_event_destroy(*eventp);
        *eventp = NULL;
        ovsdb_cs_flag_inconsistency(feed->cs);
        return false;
    }
    return true;
}

/* Puts the rows of all updates that have come, which may be older than what was
 * read beside the monitor, into 'list'.  If one of these updates begins anew,
 * the present change is dropped. */
static void
absorb_events(struct xfrm_db_feed *feed, struct xfrm_db_wanted_list *list)
{
    while (!ovs_list_is_empty(&feed->events)) {
        struct ovsdb_cs_event *event
            = CONTAINER_OF(ovs_list_front(&feed->events),
                           struct ovsdb_cs_event, list_node);
        struct ovsdb_cs_db_update *update;

        if (event->update.clear) {
            feed->refresh.n = 0;
            end_change(feed);
            return;
        }
        if (!pop_event(feed, &event, &update)) {
            continue;
        }
        for (int table = 0; table < XFRM_DB_N_TABLES; table++) {
            const struct ovsdb_cs_table_update *rows
                = ovsdb_cs_db_update_find_table(
                    update, xfrm_db_table_class(table)->name);

            for (size_t i = 0; rows && i < rows->n; i++) {
                xfrm_db_want(list, table, &rows->row_updates[i].row_uuid);
                if (rows->row_updates[i].columns) {
                    wipe_keys(rows->row_updates[i].columns);
                }
            }
        }
        ovsdb_cs_db_update_destroy(update);
        ovsdb_cs_event_destroy(event);
    }
}

/* Begins with the next change.  Returns false if there is none. */
static bool
begin_change(struct xfrm_db_feed *feed)
{
    if (!ovs_list_is_empty(&feed->events)) {
        if (!pop_event(feed, &feed->event, &feed->update)) {
            return true;
        }
        feed->all = feed->loading = feed->event->update.clear;
    } else if (feed->refresh.n) {
        swap_wanted(feed);
        feed->all = false;
    } else {
        return false;
    }
    feed->changing = true;
    feed->table = 0;
    feed->row = feed->n_rows = 0;
    feed->ops->begin(feed->all);
    return true;
}

/* Goes on with the changes.  Returns false if nothing can be done now. */
static bool
run_change(struct xfrm_db_feed *feed)
{
    if (!feed->changing) {
        return begin_change(feed);
    }
    if (feed->done) {
        if (run_update(feed, free_row)) {
            end_change(feed);
            xfrm_heap_give_back(feed->n_rows);
        }
        return true;
    }
    if (feed->loading) {
        bool wait;

        if (!run_load(feed, &wait)) {
            return !wait;
        }
        feed->loading = false;
        feed->barrier = true;
        absorb_events(feed, &feed->fetch);
        return true;
    }
    if (!feed->fetched) {
        if (feed->fetch_id) {
            return false;       /* Wait for the answer. */
        }
        if (!run_update(feed, give_row)) {
            return true;
        }
        if (feed->fetch.n || feed->barrier) {
            xfrm_db_wanted_sort(&feed->fetch);
            send_fetch(feed);
            return feed->fetch_id != NULL;
        }
    } else if (!run_fetched(feed)) {
        return true;
    }

    /* What these rows made necessary to read belongs to the same change. */
    end_fetch(feed);
    feed->fetch.n = 0;
    if (feed->refresh.n) {
        swap_wanted(feed);
        return true;
    }
    feed->at_end = !feed->may_end;
    if (feed->at_end) {
        return false;
    }
    feed->ops->end(feed->all);
    feed->done = true;
    feed->table = 0;
    feed->row = 0;
    return true;
}

static void
take_reply(struct xfrm_db_feed *feed, struct jsonrpc_msg *reply)
{
    if (feed->fetch_id && json_equal(reply->id, feed->fetch_id)) {
        json_destroy(feed->fetch_id);
        feed->fetch_id = NULL;
        feed->fetched = jsonrpc_msg_clone(reply);
        feed->fetch_row = 0;
        if (feed->barrier) {
            feed->barrier = false;
            absorb_events(feed, &feed->refresh);
        }
    } else if (feed->txn_id && json_equal(reply->id, feed->txn_id)) {
        const struct json *result = reply->result;

        json_destroy(feed->txn_id);
        feed->txn_id = NULL;
        feed->outcome = XFRM_DB_SUCCEEDED;
        if (reply->type != JSONRPC_REPLY || !result
            || result->type != JSON_ARRAY) {
            feed->outcome = XFRM_DB_FAILED;
            return;
        }
        for (size_t i = 0; i < xfrm_ovs_json_n(result); i++) {
            const struct json *one = xfrm_ovs_json_at(result, i);

            if (one->type == JSON_OBJECT
                && shash_find(json_object(one), "error")) {
                char *text = json_to_string(one, JSSF_SORT);

                VLOG_DBG("%s: cannot write: %s", DATABASE, text);
                free(text);
                feed->outcome = XFRM_DB_FAILED;
            }
        }
    }
}

static void
reconnected(struct xfrm_db_feed *feed)
{
    /* What was asked for is asked again. */
    json_destroy(feed->fetch_id);
    feed->fetch_id = NULL;
    if (feed->txn_id) {
        json_destroy(feed->txn_id);
        feed->txn_id = NULL;
        feed->outcome = XFRM_DB_FAILED;
    }
}

void
xfrm_db_feed_run(struct xfrm_db_feed *feed, bool may_end)
{
    struct ovs_list events;
    struct ovsdb_cs_event *event;
    long long int deadline;

    feed->may_end = may_end;
    feed->at_end = false;
    xfrm_db_hush(!may_end);
    ovsdb_cs_run(feed->cs, &events);
    xfrm_db_unhush();
    LIST_FOR_EACH_POP (event, list_node, &events) {
        switch (event->type) {
        case OVSDB_CS_EVENT_TYPE_UPDATE:
            ovs_list_push_back(&feed->events, &event->list_node);
            event = NULL;
            break;
        case OVSDB_CS_EVENT_TYPE_TXN_REPLY:
            take_reply(feed, event->txn_reply);
            break;
        case OVSDB_CS_EVENT_TYPE_RECONNECT:
            reconnected(feed);
            break;
        case OVSDB_CS_EVENT_TYPE_LOCKED:
            break;
        }
        ovsdb_cs_event_destroy(event);
    }

    deadline = time_usec() + feed->slice;
    while (run_change(feed) && time_usec() < deadline) {
        continue;
    }
}

void
xfrm_db_feed_wait(const struct xfrm_db_feed *feed)
{
    bool rows_left = feed->update && feed->table < XFRM_DB_N_TABLES;

    ovsdb_cs_wait(feed->cs);
    if (feed->at_end) {
        /* The caller wakes us when it may end. */
    } else if (feed->loading && feed->load) {
        xfrm_db_load_wait(feed->load);
    } else if (feed->loading) {
        poll_timer_wait_until(feed->load_at);
    } else if (feed->changing
               ? (feed->done
                  || (!feed->fetch_id
                      && (rows_left || feed->fetched
                          || !(feed->fetch.n || feed->barrier))))
               : !ovs_list_is_empty(&feed->events) || feed->refresh.n) {
        poll_immediate_wake();
    }
}

/* Transactions. */

bool
xfrm_db_feed_may_send(const struct xfrm_db_feed *feed)
{
    return !feed->txn_id && ovsdb_cs_may_send_transaction(feed->cs);
}

void
xfrm_db_feed_send(struct xfrm_db_feed *feed, struct json *operations)
{
    feed->txn_id = ovsdb_cs_send_transaction(feed->cs, operations);
    feed->outcome = feed->txn_id ? XFRM_DB_OPEN : XFRM_DB_FAILED;
}

enum xfrm_db_outcome
xfrm_db_feed_take_outcome(struct xfrm_db_feed *feed)
{
    enum xfrm_db_outcome outcome = feed->outcome;

    feed->outcome = XFRM_DB_OPEN;
    return outcome;
}

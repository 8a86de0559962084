/* SPDX-License-Identifier: Apache-2.0 */

/* The OVS_XFRM database <-> the engine: see xfrm-db.h.
 *
 * Rows are parsed when they change (xfrm-db-feed.c brings them) and handed to
 * the engine, those of one change together; of a row, little more is kept than
 * that it is there.  What became of them, and what happened besides, is written
 * back (xfrm-db-status.c, xfrm-db-notes.c).  The database may come, go and come
 * back at any time.  While it is gone, all stays as it was. */

#include <config.h>

#include "xfrm-db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "seq.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-db-host.h"
#include "xfrm-db-hush.h"
#include "xfrm-db-notes.h"
#include "xfrm-db-parse.h"
#include "xfrm-db-private.h"
#include "xfrm-db-probe.h"
#include "xfrm-engine.h"

VLOG_DEFINE_THIS_MODULE(xfrm_db);

#define DATABASE "OVS_XFRM"
#define FILE_INTERVAL 1000      /* Milliseconds between looks at key files. */
#define TXN_BACKOFF 1000        /* Milliseconds after a refused transaction. */

static char *remote;
static int slice;               /* Milliseconds in one turn. */
static struct xfrm_db_probe *probe;
static enum xfrm_db_presence presence;
static struct xfrm_db_feed *feed;   /* NULL: there is no database. */
static bool writing;            /* A transaction is open. */
static long long int next_txn;  /* No transaction before this. */
static bool loaded;             /* The contents were there once. */
static uint64_t engine_seqno;

static struct hmap rows = HMAP_INITIALIZER(&rows);
static struct hmap templates = HMAP_INITIALIZER(&templates);
static size_t n_key_files;
static long long int next_files;

/* The global row. */
static bool has_global;
static struct uuid global_uuid;
static size_t max_notes;
static bool described;          /* It says what this host can do. */
static int64_t next_cfg;        /* As in the change that is under way. */
static bool has_next_cfg;
static int64_t cfg;             /* As in what the engine was given... */
static bool has_cfg;
static uint64_t cfg_ticket;     /* ...and when it has it. */
static int64_t cur_cfg;         /* As far as it is known... */
static bool has_cur_cfg;        /* ...which it is. */

static xfrm_db_find_func find_row;

void
xfrm_db_init(const char *remote_, int slice_)
{
    remote = xstrdup(remote_);
    slice = slice_;
    probe = xfrm_db_probe_create(remote, DATABASE);
    xfrm_db_status_init(find_row);
    xfrm_engine_hold(true);
}

static struct xfrm_db_row *
find_row(const struct uuid *uuid)
{
    struct xfrm_db_row *row;

    HMAP_FOR_EACH_WITH_HASH (row, node, uuid_hash(uuid), &rows) {
        if (uuid_equals(&row->uuid, uuid)) {
            return row;
        }
    }
    return NULL;
}

static void
set_key_file(struct xfrm_db_row *row, const char *path)
{
    const char *old = row->rare ? row->rare->key_file : NULL;

    if (!nullable_string_is_equal(old, path)) {
        struct xfrm_db_rare *rare = xfrm_db_row_rare(row);

        n_key_files += !!path;
        n_key_files -= !!rare->key_file;
        free(rare->key_file);
        rare->key_file = nullable_xstrdup(path);
    }
}

static struct xfrm_db_row *
add_row(const struct uuid *uuid, enum xfrm_row_kind kind)
{
    struct xfrm_db_row *row = xzalloc(sizeof *row);

    row->uuid = *uuid;
    row->kind = kind;
    row->counters_due = LLONG_MAX;
    row->written_state = XFRM_DB_NO_STATE;
    row->stale = !loaded;
    ovs_list_init(&row->list_node);
    hmap_insert(&rows, &row->node, uuid_hash(uuid));
    return row;
}

static void
remove_row(struct xfrm_db_row *row)
{
    if (row->given) {
        xfrm_engine_remove_row(&row->uuid);
    }
    xfrm_db_status_forget(row);
    set_key_file(row, NULL);
    hmap_remove(&rows, &row->node);
    if (row->rare) {
        free(row->rare->parse_error);
        free(row->rare->error);
        free(row->rare->written_error);
        free(row->rare);
    }
    free(row->templates);
    free(row);
}

/* Gives the engine what 'row' says now: 'config', or nothing because of
 * 'error', which is taken over.  A row that makes no sense is not in force,
 * not even as it was before. */
static void
give_row(struct xfrm_db_row *row, struct xfrm_row_config *config, char *error)
{
    if (error || row->rare) {
        struct xfrm_db_rare *rare = xfrm_db_row_rare(row);

        free(rare->parse_error);
        rare->parse_error = error;
    }
    if (!error) {
        xfrm_engine_set_row(config);
        row->given = true;
    } else if (row->given) {
        xfrm_engine_remove_row(&row->uuid);
        row->given = false;
    }
    xfrm_db_status_restart(row);
}

/* Templates, which policies refer to. */

static struct xfrm_db_template *
find_template(const struct uuid *uuid)
{
    struct xfrm_db_template *template;

    HMAP_FOR_EACH_WITH_HASH (template, node, uuid_hash(uuid), &templates) {
        if (uuid_equals(&template->uuid, uuid)) {
            return template;
        }
    }
    return NULL;
}

static void
remove_template(struct xfrm_db_template *template)
{
    hmap_remove(&templates, &template->node);
    free(template->error);
    free(template);
}

static void
update_template(const struct uuid *uuid, const struct shash *columns)
{
    struct xfrm_db_template *template = find_template(uuid);
    struct xfrm_db_record record;
    struct xfrm_db_row *row;

    if (!columns) {
        if (template) {
            remove_template(template);
        }
        return;
    }
    if (!template) {
        template = xzalloc(sizeof *template);
        template->uuid = *uuid;
        hmap_insert(&templates, &template->node, uuid_hash(uuid));
    } else {
        HMAP_FOR_EACH (row, node, &rows) {
            for (size_t i = 0; i < row->n_templates; i++) {
                if (uuid_equals(&row->templates[i], uuid)) {
                    xfrm_db_feed_refresh(feed, XFRM_DB_POLICY, &row->uuid);
                }
            }
        }
    }
    xfrm_db_record_init(&record, XFRM_DB_TEMPLATE, uuid, columns);
    free(template->error);
    template->error = xfrm_db_parse_template(&record.u.template,
                                             &template->spec);
    xfrm_db_record_destroy(&record);
}

/* Finds the templates of 'record', in the order of their numbers, stores up to
 * XFRM_MAX_TEMPLATES of them in 'found' and their number in '*n'.  False: one
 * is not known, so that the policy must be newer than the change that is under
 * way, which some other change will explain. */
static bool
find_templates(const struct xfrm_db_record *record,
               struct xfrm_db_policy_template *found, size_t *n)
{
    const struct ovsdb_datum *datum
        = xfrm_db_record_datum(record, &xfrmrec_policy_col_templates);

    *n = MIN(datum->n, XFRM_MAX_TEMPLATES);
    for (size_t i = 0; i < *n; i++) {
        found[i].number = datum->keys[i].integer;
        found[i].template = find_template(&datum->values[i].uuid);
        if (!found[i].template) {
            return false;
        }
    }
    return true;
}

/* SAs and policies. */

static void
parse_row(struct xfrm_db_row *row, const struct xfrm_db_record *record)
{
    struct xfrm_row_config config;
    char *error;

    if (row->kind == XFRM_ROW_SA) {
        struct xfrm_file_stamp stamp;

        memset(&stamp, 0, sizeof stamp);
        error = xfrm_db_parse_sa(&record->u.sa, &config, &stamp);
        set_key_file(row, record->u.sa.key_file);
        if (row->rare) {
            row->rare->stamp = stamp;
        }
    } else {
        struct xfrm_db_policy_template found[XFRM_MAX_TEMPLATES];
        size_t n;

        if (!find_templates(record, found, &n)) {
            return;
        }
        free(row->templates);
        row->templates = n ? xmalloc(n * sizeof *row->templates) : NULL;
        row->n_templates = n;
        for (size_t i = 0; i < n; i++) {
            row->templates[i] = found[i].template->uuid;
        }
        error = xfrm_db_parse_policy(&record->u.policy, found, n, &config);
    }
    give_row(row, &config, error);
}

static void
update_row(enum xfrm_row_kind kind, const struct uuid *uuid,
           const struct shash *columns)
{
    struct xfrm_db_row *row = find_row(uuid);
    struct xfrm_db_record record;

    if (!columns) {
        if (row) {
            remove_row(row);
        }
        return;
    }
    if (!row) {
        row = add_row(uuid, kind);
    }
    row->seen = true;
    xfrm_db_record_init(&record, kind == XFRM_ROW_SA ? XFRM_DB_SA
                                                     : XFRM_DB_POLICY,
                        uuid, columns);
    if (shash_find(columns, "state") || shash_find(columns, "error")
        || row->written_state == XFRM_DB_NO_STATE) {
        if (kind == XFRM_ROW_SA) {
            xfrm_db_status_known(row, record.u.sa.state, record.u.sa.error);
        } else {
            xfrm_db_status_known(row, record.u.policy.state,
                                 record.u.policy.error);
        }
    }
    parse_row(row, &record);
    xfrm_db_record_destroy(&record);
}

/* The global row. */

static void
update_global(const struct uuid *uuid, const struct shash *columns,
              bool partial)
{
    struct xfrm_db_record record;

    if (!columns) {
        if (has_global && uuid_equals(uuid, &global_uuid)) {
            has_global = has_cfg = described = false;
        }
        return;
    }
    if (!has_global || !uuid_equals(uuid, &global_uuid)) {
        has_global = true;
        global_uuid = *uuid;
        has_cfg = has_cur_cfg = described = false;
    }
    xfrm_db_record_init(&record, XFRM_DB_GLOBAL, uuid, columns);
    if (!partial) {
        int n = smap_get_int(&record.u.global.other_config,
                             "max-notifications", XFRM_DB_KEEP_NOTES);

        max_notes = MIN(MAX(n, 0), 10000);
    }
    if (shash_find(columns, "cur_cfg")) {
        cur_cfg = record.u.global.cur_cfg;
        has_cur_cfg = true;
    }
    if (!partial || shash_find(columns, "next_cfg")) {
        next_cfg = record.u.global.next_cfg;
        has_next_cfg = true;
    }
    xfrm_db_record_destroy(&record);
}

/* Changes of the database. */

static void
begin_change(bool all)
{
    struct xfrm_db_row *row;

    xfrm_engine_hold_rows();
    has_next_cfg = false;
    if (all) {
        struct xfrm_db_template *template;

        HMAP_FOR_EACH (row, node, &rows) {
            row->seen = false;
            row->stale = true;
            row->written_state = XFRM_DB_NO_STATE;
        }
        HMAP_FOR_EACH_SAFE (template, node, &templates) {
            remove_template(template);
        }
        xfrm_db_status_forget_notes();
        has_global = has_cfg = described = false;
    }
}

static void
change_row(enum xfrm_db_table table, const struct uuid *uuid,
           const struct shash *columns, bool partial)
{
    struct xfrm_db_record record;

    switch (table) {
    case XFRM_DB_TEMPLATE:
        update_template(uuid, columns);
        break;
    case XFRM_DB_SA:
        update_row(XFRM_ROW_SA, uuid, columns);
        break;
    case XFRM_DB_POLICY:
        update_row(XFRM_ROW_POLICY, uuid, columns);
        break;
    case XFRM_DB_NOTIFICATION:
        if (columns) {
            xfrm_db_record_init(&record, table, uuid, columns);
            xfrm_db_status_note(uuid, &record.u.notification.number);
            xfrm_db_record_destroy(&record);
        } else {
            xfrm_db_status_note(uuid, NULL);
        }
        break;
    case XFRM_DB_GLOBAL:
        update_global(uuid, columns, partial);
        break;
    case XFRM_DB_N_TABLES:
        OVS_NOT_REACHED();
    }
}

static void
end_change(bool all)
{
    uint64_t ticket;

    if (all) {
        struct xfrm_db_row *row;

        HMAP_FOR_EACH_SAFE (row, node, &rows) {
            if (!row->seen) {
                remove_row(row);
            }
        }
    }
    loaded |= all;
    ticket = xfrm_engine_give_rows(loaded);
    if (has_next_cfg && (!has_cfg || cfg != next_cfg)) {
        cfg = next_cfg;
        cfg_ticket = ticket;
        has_cfg = true;
    }
}

static const struct xfrm_db_feed_ops feed_ops = {
    .begin = begin_change,
    .row = change_row,
    .received = xfrm_engine_look_ahead,
    .end = end_change,
};

/* A key file may get another key while its row stays as it is. */
static void
poll_key_files(void)
{
    struct xfrm_db_row *row;

    if (!n_key_files || time_msec() < next_files) {
        return;
    }
    next_files = time_msec() + FILE_INTERVAL;
    HMAP_FOR_EACH (row, node, &rows) {
        if (row->rare && row->rare->key_file) {
            struct xfrm_file_stamp stamp;

            xfrm_file_stamp_get(row->rare->key_file, &stamp);
            if (!xfrm_file_stamp_equals(&stamp, &row->rare->stamp)) {
                xfrm_db_feed_refresh(feed, XFRM_DB_SA, &row->uuid);
            }
        }
    }
}

static void
connect_feed(void)
{
    VLOG_INFO("%s: found", DATABASE);
    xfrm_engine_watch(true);
    feed = xfrm_db_feed_create(remote, &feed_ops, slice);
    loaded = has_global = described = has_cfg = writing = false;
}

static void
disconnect_feed(void)
{
    if (writing) {
        xfrm_db_status_written(false);
        writing = false;
    }
    /* A change of which only a part came is given as far as it came: the rest
     * will come with everything else. */
    xfrm_engine_give_rows(false);
    xfrm_db_feed_destroy(feed);
    feed = NULL;
    loaded = has_global = false;
    xfrm_engine_watch(false);
}

static void
run_probe(bool ready)
{
    enum xfrm_db_presence now = xfrm_db_probe_run(probe);

    if (xfrm_db_probe_has_returned(probe) && feed) {
        xfrm_db_feed_hurry(feed);
    }
    if (now == presence || (now == XFRM_DB_ABSENT && !ready)) {
        return;
    }
    presence = now;
    if (presence == XFRM_DB_PRESENT && !feed) {
        connect_feed();
    } else if (presence == XFRM_DB_ABSENT) {
        if (feed) {
            disconnect_feed();
            if (!hmap_is_empty(&rows)) {
                VLOG_WARN("%s: the database is gone; its %"PRIuSIZE" SAs and "
                          "policies stay as they are until it is back",
                          DATABASE, hmap_count(&rows));
            }
        }
        xfrm_engine_hold(false);
    }
}

/* Transactions. */

static void
start_txn(void)
{
    bool cfg_done = has_cfg && xfrm_engine_reached(cfg_ticket);
    struct json *operations, *columns, *update;
    bool changed, all;

    /* The ticket first, then the results that belong to it. */
    xfrm_db_status_take();
    cfg_done = (cfg_done && has_global
                && (!has_cur_cfg || cur_cfg != cfg));
    if (!xfrm_db_feed_may_send(feed)) {
        return;
    }
    changed = has_global && (xfrm_db_host_changed() || !described);
    if (!cfg_done && !changed && !xfrm_db_status_pending(has_global)) {
        return;
    }

    operations = xfrm_db_feed_operations();
    all = xfrm_db_status_write(feed, operations, has_global, max_notes);
    columns = json_object_create();
    if (changed) {
        xfrm_db_host_describe(feed, columns);
        described = true;
    }
    if (cfg_done && all) {
        json_object_put(columns, "cur_cfg", json_integer_create(cfg));
        cur_cfg = cfg;
        has_cur_cfg = true;
    }
    if (shash_is_empty(json_object(columns))) {
        json_destroy(columns);
    } else {
        update = json_object_create();
        json_object_put_string(update, "op", "update");
        json_object_put_string(update, "table", "XFRM_Global");
        json_object_put(update, "where", xfrm_db_where_uuid(&global_uuid));
        json_object_put(update, "row", columns);
        json_array_add(operations, update);
    }
    xfrm_db_feed_send(feed, operations);
    writing = true;
}

static void
finish_txn(void)
{
    enum xfrm_db_outcome outcome = xfrm_db_feed_take_outcome(feed);

    if (outcome != XFRM_DB_OPEN) {
        writing = false;
        xfrm_db_status_written(outcome == XFRM_DB_SUCCEEDED);
        if (outcome == XFRM_DB_FAILED) {
            described = has_cur_cfg = false;
            next_txn = time_msec() + TXN_BACKOFF;
        }
    }
}

void
xfrm_db_run(bool ready)
{
    if (!probe) {
        return;
    }
    if (ready) {
        run_probe(true);
    } else {
        xfrm_db_hush(true);
        run_probe(false);
        xfrm_db_unhush();
    }
    if (feed) {
        xfrm_db_feed_run(feed, ready);
    }
    engine_seqno = seq_read(xfrm_engine_seq());
    if (!feed || !loaded) {
        xfrm_db_status_take();
        return;
    }
    poll_key_files();
    if (writing) {
        finish_txn();
    }
    if (!writing && time_msec() >= next_txn) {
        start_txn();
    }
}

void
xfrm_db_wait(void)
{
    if (!probe) {
        return;
    }
    xfrm_db_probe_wait(probe);
    if (feed) {
        xfrm_db_feed_wait(feed);
        if (writing) {
            /* The answer wakes us. */
        } else if (time_msec() < next_txn) {
            poll_timer_wait_until(next_txn);
        } else if (loaded && xfrm_db_feed_may_send(feed)) {
            xfrm_db_status_wait();
        }
        /* What xfrm_db_run() would not do must not wake us. */
        if (loaded && n_key_files) {
            poll_timer_wait_until(next_files);
        }
        if (loaded && described && !writing && xfrm_db_feed_may_send(feed)) {
            poll_timer_wait_until(xfrm_db_host_next());
        }
    }
    seq_wait(xfrm_engine_seq(), engine_seqno);
}

void
xfrm_db_destroy(void)
{
    struct xfrm_db_template *template;
    struct xfrm_db_row *row;

    if (!probe) {
        return;
    }
    if (feed) {
        disconnect_feed();
    }
    HMAP_FOR_EACH_SAFE (row, node, &rows) {
        row->given = false;     /* The datapath stays as it is. */
        remove_row(row);
    }
    hmap_destroy(&rows);
    hmap_init(&rows);
    HMAP_FOR_EACH_SAFE (template, node, &templates) {
        remove_template(template);
    }
    hmap_destroy(&templates);
    hmap_init(&templates);
    xfrm_db_status_destroy();
    xfrm_db_host_destroy();
    xfrm_db_probe_destroy(probe);
    probe = NULL;
    free(remote);
    remote = NULL;
}

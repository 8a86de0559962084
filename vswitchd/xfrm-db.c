/* SPDX-License-Identifier: Apache-2.0 */

/* The OVS_XFRM database <-> the engine: see xfrm-db.h.
 *
 * Rows are parsed when they change and handed to the engine one by one; what
 * became of them, and what happened besides, is written back
 * (xfrm-db-status.c).  The database may come, go and come back at any time.
 * While it is gone, all stays as it was. */

#include <config.h>

#include "xfrm-db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "ovsdb-schema/xfrm-idl.h"
#include "seq.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-db-parse.h"
#include "xfrm-db-private.h"
#include "xfrm-db-probe.h"
#include "xfrm-engine.h"

VLOG_DEFINE_THIS_MODULE(xfrm_db);

#define DATABASE "OVS_XFRM"
#define FILE_INTERVAL 1000      /* Milliseconds between looks at key files. */
#define TXN_BACKOFF 1000        /* Milliseconds after a refused transaction. */

static char *remote;
static struct xfrm_db_probe *probe;
static enum xfrm_db_presence presence;
static struct ovsdb_idl *idl;   /* NULL: there is no database. */
static struct ovsdb_idl_txn *txn;   /* Being committed, or NULL. */
static long long int next_txn;  /* No transaction before this. */
static bool loaded;             /* The contents were there once. */
static unsigned int idl_seqno;
static uint64_t engine_seqno;

static struct hmap rows = HMAP_INITIALIZER(&rows);
static size_t n_key_files;
static long long int next_files;

/* The newest next_cfg that was seen, and when the engine has it. */
static int64_t cfg;
static bool has_cfg;
static uint64_t cfg_ticket;
static bool described;          /* The global row has our capabilities. */

void
xfrm_db_init(const char *remote_)
{
    remote = xstrdup(remote_);
    probe = xfrm_db_probe_create(remote, DATABASE);
    xfrm_db_status_init();
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
    if (!nullable_string_is_equal(row->key_file, path)) {
        n_key_files += !!path;
        n_key_files -= !!row->key_file;
        free(row->key_file);
        row->key_file = nullable_xstrdup(path);
    }
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
    free(row->parse_error);
    xfrm_row_result_destroy(&row->result);
    free(row);
}

/* Gives the engine what 'row' says now.  A row that makes no sense is not in
 * force, not even as it was before. */
static void
give_row(struct xfrm_db_row *row, const struct xfrmrec_sa *sa,
         const struct xfrmrec_policy *policy)
{
    struct xfrm_row_config config;

    free(row->parse_error);
    if (sa) {
        set_key_file(row, sa->key_file);
        row->parse_error = xfrm_db_parse_sa(sa, &config, &row->stamp);
    } else {
        row->parse_error = xfrm_db_parse_policy(policy, &config);
    }
    if (!row->parse_error) {
        xfrm_engine_set_row(&config);
        row->given = true;
    } else if (row->given) {
        xfrm_engine_remove_row(&row->uuid);
        row->given = false;
    }
    if (row->parse_error) {
        xfrm_row_result_destroy(&row->result);
        row->has_result = false;
    }
    xfrm_db_status_touch(row);
}

/* The row with 'uuid' of table SA or Policy came, went or changed. */
static void
update_row(const struct uuid *uuid, enum xfrm_row_kind kind)
{
    const struct xfrmrec_sa *sa = (kind == XFRM_ROW_SA
                                   ? xfrmrec_sa_get_for_uuid(idl, uuid)
                                   : NULL);
    const struct xfrmrec_policy *policy
        = (kind == XFRM_ROW_POLICY ? xfrmrec_policy_get_for_uuid(idl, uuid)
           : NULL);
    struct xfrm_db_row *row = find_row(uuid);

    if (!sa && !policy) {
        if (row) {
            remove_row(row);
        }
        return;
    }
    if (!row) {
        row = xzalloc(sizeof *row);
        row->uuid = *uuid;
        row->kind = kind;
        row->counters_due = LLONG_MAX;
        hmap_insert(&rows, &row->node, uuid_hash(uuid));
    }
    row->seen = true;
    give_row(row, sa, policy);
}

/* Everything, after the database appeared or came back. */
static void
update_all_rows(void)
{
    const struct xfrmrec_policy *policy;
    const struct xfrmrec_sa *sa;
    struct xfrm_db_row *row;

    HMAP_FOR_EACH (row, node, &rows) {
        row->seen = false;
    }
    XFRMREC_SA_FOR_EACH (sa, idl) {
        update_row(&sa->header_.uuid, XFRM_ROW_SA);
    }
    XFRMREC_POLICY_FOR_EACH (policy, idl) {
        update_row(&policy->header_.uuid, XFRM_ROW_POLICY);
    }
    HMAP_FOR_EACH_SAFE (row, node, &rows) {
        if (!row->seen) {
            remove_row(row);
        }
    }
}

/* What changed since the last time.  A row that is both deleted and inserted
 * in there, because the server was away, is looked up like any other. */
static void
update_changed_rows(void)
{
    const struct xfrmrec_template *template;
    const struct xfrmrec_policy *policy;
    const struct xfrmrec_sa *sa;
    bool templates = false;

    XFRMREC_SA_FOR_EACH_TRACKED (sa, idl) {
        update_row(&sa->header_.uuid, XFRM_ROW_SA);
    }
    XFRMREC_TEMPLATE_FOR_EACH_TRACKED (template, idl) {
        templates |= !xfrmrec_template_is_new(template)
                     && !xfrmrec_template_is_deleted(template);
    }
    if (templates) {
        XFRMREC_POLICY_FOR_EACH (policy, idl) {
            if (policy->n_templates) {
                update_row(&policy->header_.uuid, XFRM_ROW_POLICY);
            }
        }
    }
    XFRMREC_POLICY_FOR_EACH_TRACKED (policy, idl) {
        update_row(&policy->header_.uuid, XFRM_ROW_POLICY);
    }
}

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
        if (row->key_file) {
            struct xfrm_file_stamp stamp;

            xfrm_file_stamp_get(row->key_file, &stamp);
            if (!xfrm_file_stamp_equals(&stamp, &row->stamp)) {
                const struct xfrmrec_sa *sa
                    = xfrmrec_sa_get_for_uuid(idl, &row->uuid);

                if (sa) {
                    give_row(row, sa, NULL);
                }
            }
        }
    }
}

static void
connect_idl(void)
{
    /* Columns that only we write must neither wake nor confuse us. */
    static const struct ovsdb_idl_column *const ours[] = {
        &xfrmrec_sa_col_state, &xfrmrec_sa_col_error,
        &xfrmrec_sa_col_statistics,
        &xfrmrec_policy_col_state, &xfrmrec_policy_col_error,
        &xfrmrec_policy_col_statistics,
        &xfrmrec_xfrm_global_col_cur_cfg, &xfrmrec_xfrm_global_col_datapath,
        &xfrmrec_xfrm_global_col_kernel, &xfrmrec_xfrm_global_col_modes,
        &xfrmrec_xfrm_global_col_algorithms, &xfrmrec_xfrm_global_col_error,
        &xfrmrec_xfrm_global_col_statistics,
        &xfrmrec_xfrm_global_col_offload_devices,
    };

    VLOG_INFO("%s: found", DATABASE);
    xfrm_engine_watch(true);
    idl = ovsdb_idl_create(remote, &xfrmrec_idl_class, true, true);
    ovsdb_idl_track_add_all(idl);
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        ovsdb_idl_omit_alert(idl, ours[i]);
    }
    ovsdb_idl_omit(idl, &xfrmrec_sa_col_external_ids);
    ovsdb_idl_omit(idl, &xfrmrec_policy_col_external_ids);
    loaded = described = has_cfg = false;
    idl_seqno = 0;
}

static void
disconnect_idl(void)
{
    if (txn) {
        ovsdb_idl_txn_destroy(txn);
        xfrm_db_status_undo();
        txn = NULL;
    }
    ovsdb_idl_destroy(idl);
    idl = NULL;
    loaded = false;
    xfrm_engine_watch(false);
}

static void
run_probe(void)
{
    enum xfrm_db_presence now = xfrm_db_probe_run(probe);

    if (now == presence) {
        return;
    }
    presence = now;
    if (presence == XFRM_DB_PRESENT && !idl) {
        connect_idl();
    } else if (presence == XFRM_DB_ABSENT) {
        if (idl) {
            disconnect_idl();
            if (!hmap_is_empty(&rows)) {
                VLOG_WARN("%s: the database is gone; its %"PRIuSIZE" SAs and "
                          "policies stay as they are until it is back",
                          DATABASE, hmap_count(&rows));
            }
        }
        xfrm_engine_hold(false);
    }
}

/* Puts into the global row what this host can do. */
static void
describe(const struct xfrmrec_xfrm_global *global)
{
    static const char *modes[XFRM_SPEC_N_MODES];
    struct svec algorithms = SVEC_EMPTY_INITIALIZER;
    const struct xfrm_algo *algo;
    struct xfrm_capabilities caps;
    struct utsname uts;
    size_t n = 0;

    xfrm_engine_get_capabilities(&caps);
    xfrmrec_xfrm_global_set_datapath(global, caps.datapath[0] ? caps.datapath
                                                              : NULL);
    if (!uname(&uts)) {
        xfrmrec_xfrm_global_set_kernel(global, uts.release);
    }
    for (enum xfrm_mode mode = 0; mode < XFRM_SPEC_N_MODES; mode++) {
        if (mode != XFRM_SPEC_TRANSPORT || caps.sends_transport) {
            modes[n++] = xfrm_mode_name(mode);
        }
    }
    xfrmrec_xfrm_global_set_modes(global, modes, n);
    for (size_t i = 0; (algo = xfrm_algo_at(i)) != NULL; i++) {
        svec_add(&algorithms, algo->name);
    }
    svec_sort_unique(&algorithms);
    xfrmrec_xfrm_global_set_algorithms(
        global, (const char **) algorithms.names, algorithms.n);
    svec_destroy(&algorithms);
}

static void
start_txn(void)
{
    const struct xfrmrec_xfrm_global *global = xfrmrec_xfrm_global_first(idl);
    bool cfg_done = has_cfg && xfrm_engine_reached(cfg_ticket);
    bool all;

    /* The ticket first, then the results that belong to it. */
    xfrm_db_status_take(find_row);
    cfg_done = cfg_done && global && global->cur_cfg != cfg;
    if (!cfg_done && (described || !global) && !xfrm_db_status_pending(idl)) {
        return;
    }

    txn = ovsdb_idl_txn_create(idl);
    all = xfrm_db_status_write(idl);
    if (global && !described) {
        describe(global);
        described = true;
    }
    if (cfg_done && all) {
        xfrmrec_xfrm_global_set_cur_cfg(global, cfg);
    }
}

static void
commit_txn(void)
{
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);

    if (status == TXN_INCOMPLETE) {
        return;
    }
    if (status != TXN_SUCCESS && status != TXN_UNCHANGED) {
        VLOG_DBG("cannot write status (%s): %s",
                 ovsdb_idl_txn_status_to_string(status),
                 ovsdb_idl_txn_get_error(txn));
        xfrm_db_status_undo();
        described = false;
    }
    ovsdb_idl_txn_destroy(txn);
    txn = NULL;
    if (status == TXN_TRY_AGAIN) {
        poll_immediate_wake();
    } else if (status != TXN_SUCCESS && status != TXN_UNCHANGED) {
        next_txn = time_msec() + TXN_BACKOFF;
    }
}

void
xfrm_db_run(void)
{
    const struct xfrmrec_xfrm_global *global;

    if (!probe) {
        return;
    }
    run_probe();
    if (!idl) {
        engine_seqno = seq_read(xfrm_engine_seq());
        xfrm_db_status_take(find_row);
        return;
    }

    ovsdb_idl_run(idl);
    if (!ovsdb_idl_has_ever_connected(idl)) {
        return;
    }
    if (ovsdb_idl_get_seqno(idl) != idl_seqno) {
        idl_seqno = ovsdb_idl_get_seqno(idl);
        if (loaded) {
            update_changed_rows();
        } else {
            update_all_rows();
            loaded = true;
            xfrm_engine_hold(false);
        }
        ovsdb_idl_track_clear(idl);

        global = xfrmrec_xfrm_global_first(idl);
        if (!global) {
            has_cfg = described = false;
        } else if (!has_cfg || cfg != global->next_cfg) {
            cfg = global->next_cfg;
            cfg_ticket = xfrm_engine_ticket();
            has_cfg = true;
        }
    }
    poll_key_files();

    engine_seqno = seq_read(xfrm_engine_seq());
    if (!txn && time_msec() >= next_txn) {
        start_txn();
    }
    if (txn) {
        commit_txn();
    }
}

void
xfrm_db_wait(void)
{
    if (!probe) {
        return;
    }
    xfrm_db_probe_wait(probe);
    if (idl) {
        ovsdb_idl_wait(idl);
        if (txn) {
            ovsdb_idl_txn_wait(txn);
        } else if (time_msec() < next_txn) {
            poll_timer_wait_until(next_txn);
        } else if (loaded) {
            xfrm_db_status_wait();
        }
        if (n_key_files) {
            poll_timer_wait_until(next_files);
        }
    }
    seq_wait(xfrm_engine_seq(), engine_seqno);
}

void
xfrm_db_destroy(void)
{
    struct xfrm_db_row *row;

    if (!probe) {
        return;
    }
    if (idl) {
        disconnect_idl();
    }
    HMAP_FOR_EACH_SAFE (row, node, &rows) {
        row->given = false;     /* The datapath stays as it is. */
        remove_row(row);
    }
    hmap_destroy(&rows);
    hmap_init(&rows);
    xfrm_db_status_destroy();
    xfrm_db_probe_destroy(probe);
    probe = NULL;
    free(remote);
    remote = NULL;
}

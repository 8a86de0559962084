/* SPDX-License-Identifier: Apache-2.0 */

/* Writes what the engine found wrong into Interface:error.
 *
 * The bridge writes that column only while it configures ports, and clears it
 * whenever a port could be configured.  The engine finds things out later, in
 * its own thread.  So this module keeps a small connection of its own to the
 * database, which sees only the rows of type "xfrm", and the bridge's own
 * writes pass through xfrm_report_set_error(), so that the bridge and we never
 * take turns in writing different things.
 *
 * Above: ovs-vswitchd.c, bridge.c.  Below: netdev-xfrm. */

#include <config.h>

#include "lib/netdev-xfrm.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "seq.h"
#include "svec.h"
#include "util.h"
#include "xfrm-engine.h"
#include "xfrm-options.h"
#include "xfrm-report.h"

VLOG_DEFINE_THIS_MODULE(xfrm_report);

static struct ovsdb_idl *idl;
static struct ovsdb_idl_txn *txn;   /* Being committed, or NULL. */
static unsigned int idl_seqno;
static unsigned int prune_seqno;
static uint64_t engine_seqno;
static bool recheck;
static bool pruned;             /* Once at least, for 'pruned_names'. */
static struct svec pruned_names = SVEC_EMPTY_INITIALIZER;

void
xfrm_report_init(const char *remote)
{
    idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    ovsdb_idl_add_table(idl, &ovsrec_table_interface);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_type);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_options);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_error);

    struct ovsdb_idl_condition cond;
    ovsdb_idl_condition_init(&cond);
    ovsrec_interface_add_clause_type(&cond, OVSDB_F_EQ, "xfrm");
    ovsrec_interface_set_condition(idl, &cond);
    ovsdb_idl_condition_destroy(&cond);
    recheck = true;
}

void
xfrm_report_destroy(void)
{
    if (txn) {
        ovsdb_idl_txn_destroy(txn);
        txn = NULL;
    }
    ovsdb_idl_destroy(idl);
    idl = NULL;
    svec_destroy(&pruned_names);
    svec_init(&pruned_names);
}

void
xfrm_report_set_error(const struct ovsrec_interface *row, const char *error)
{
    char *text = NULL;

    if (!error && !strcmp(row->type, "xfrm")) {
        netdev_xfrm_get_error(row->name, &text);
    }
    ovsrec_interface_set_error(row, error ? error : text);
    free(text);
}

static bool
options_are_good(const struct ovsrec_interface *row)
{
    struct xfrm_port_options options;
    char *error = NULL, *warning = NULL;
    bool good = !xfrm_options_parse(&row->options, &options, &error,
                                    &warning);

    if (good) {
        xfrm_options_destroy(&options);
    }
    free(error);
    free(warning);
    return good;
}

/* Once the rows are known for the first time, what earlier processes left
 * behind goes, unless there is a row that may want it.  Ports of this process
 * need no such help, but a row that never became a port does: so the same
 * again whenever one goes. */
static void
prune(void)
{
    const struct ovsrec_interface *row;
    struct svec names = SVEC_EMPTY_INITIALIZER;
    bool missing = false;
    const char *name;
    size_t i;

    OVSREC_INTERFACE_FOR_EACH (row, idl) {
        if (!strcmp(row->type, "xfrm") && options_are_good(row)) {
            svec_add(&names, row->name);
        }
    }
    svec_sort_unique(&names);
    SVEC_FOR_EACH (i, name, &pruned_names) {
        missing |= !svec_contains(&names, name);
    }
    if (!pruned || missing) {
        netdev_xfrm_prune(&names);
        pruned = true;
    }
    svec_swap(&names, &pruned_names);
    svec_destroy(&names);
}

static void
update_rows(void)
{
    const struct ovsrec_interface *row;

    OVSREC_INTERFACE_FOR_EACH (row, idl) {
        char *text;

        if (!strcmp(row->type, "xfrm")
            && netdev_xfrm_get_error(row->name, &text)) {
            if (!nullable_string_is_equal(text, row->error)) {
                if (!txn) {
                    txn = ovsdb_idl_txn_create(idl);
                }
                ovsrec_interface_set_error(row, text);
            }
            free(text);
        }
    }
}

void
xfrm_report_run(void)
{
    if (!idl) {
        return;
    }
    ovsdb_idl_run(idl);
    if (!ovsdb_idl_has_ever_connected(idl)) {
        return;
    }

    unsigned int new_idl_seqno = ovsdb_idl_get_seqno(idl);
    if (!pruned || new_idl_seqno != prune_seqno) {
        prune_seqno = new_idl_seqno;
        prune();
    }

    if (!txn) {
        uint64_t new_engine_seqno = seq_read(xfrm_engine_seq());

        if (recheck || new_idl_seqno != idl_seqno
            || new_engine_seqno != engine_seqno) {
            recheck = false;
            idl_seqno = new_idl_seqno;
            engine_seqno = new_engine_seqno;
            update_rows();
        }
    }
    if (txn) {
        enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);

        if (status != TXN_INCOMPLETE) {
            if (status != TXN_SUCCESS && status != TXN_UNCHANGED) {
                VLOG_DBG("could not write Interface:error (%s)",
                         ovsdb_idl_txn_status_to_string(status));
            }
            ovsdb_idl_txn_destroy(txn);
            txn = NULL;
            /* The rows may have changed meanwhile, and a transaction that
             * failed is to be tried again once the database changed. */
            recheck = status == TXN_SUCCESS || status == TXN_TRY_AGAIN;
        }
    }
}

void
xfrm_report_wait(void)
{
    if (!idl) {
        return;
    }
    ovsdb_idl_wait(idl);
    if (txn) {
        ovsdb_idl_txn_wait(txn);
    } else if (ovsdb_idl_has_ever_connected(idl)) {
        seq_wait(xfrm_engine_seq(), engine_seqno);
    }
}

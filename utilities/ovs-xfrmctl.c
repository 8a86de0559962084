/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl: the OVS_XFRM database from the command line.
 *
 * This file runs the command line, which ovs-xfrmctl-options.c reads, as one
 * transaction and, with --wait, sees it into the kernel.  The commands
 * themselves are in the other ovs-xfrmctl-*.c files, which stand below it,
 * next to Open vSwitch's db-ctl-base.  Nothing stands above. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrmctl);

/* For xfrmctl_exit(), which is also called from deep inside a command. */
static struct ovsdb_idl *the_idl;
static struct ovsdb_idl_txn *the_idl_txn;

static const struct xfrmctl_standalone standalone[] = {
    { "init", xfrmctl_init_run },
    { "monitor", xfrmctl_monitor_run },
    { "rekey", xfrmctl_rekey_run },
};

const struct ctl_command_syntax xfrmctl_standalone_commands[] = {
    {"init", 0, 0, "", NULL, NULL, NULL,
     "--from=,--db-file=,--server=", RW},
    {"monitor", 0, 1, "[IF_ID]", NULL, NULL, NULL, "--count=", RO},
    {"rekey", 1, 1, "IF_ID", NULL, NULL, NULL,
     "--peer=,--peer-if-id=,--step=,--rollback,--drain=", RW},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

static const struct ctl_table_class tables[XFRMREC_N_TABLES] = {
    [XFRMREC_TABLE_SA].row_ids[0] = {&xfrmrec_sa_col_spi, NULL, NULL},
    [XFRMREC_TABLE_NOTIFICATION].row_ids[0]
    = {&xfrmrec_notification_col_number, NULL, NULL},
};

/* Frees what is open and exits: for a clean report of a leak checker. */
void
xfrmctl_exit(int status)
{
    if (the_idl_txn) {
        ovsdb_idl_txn_abort(the_idl_txn);
        ovsdb_idl_txn_destroy(the_idl_txn);
        the_idl_txn = NULL;
    }
    ovsdb_idl_destroy(the_idl);
    the_idl = NULL;
    exit(status);
}

struct xfrmctl_context *
xfrmctl_context_cast(struct ctl_context *ctx)
{
    return CONTAINER_OF(ctx, struct xfrmctl_context, base);
}

/* Remembers that the command worked on 'row'. */
void
xfrmctl_touch(struct ctl_context *ctx_, const struct ovsdb_idl_row *row)
{
    struct xfrmctl_context *ctx = xfrmctl_context_cast(ctx_);

    if (ctx->n_touched >= ctx->allocated_touched) {
        ctx->touched = x2nrealloc(ctx->touched, &ctx->allocated_touched,
                                  sizeof *ctx->touched);
    }
    ctx->touched[ctx->n_touched++] = (struct xfrmctl_touched) {
        .table = row->table->class_,
        .uuid = row->uuid,
    };
}

/* Connecting. */

/* Returns an IDL for the OVS_XFRM database at 'db', all columns in it; the
 * keys only if 'with_keys'. */
struct ovsdb_idl *
xfrmctl_connect(const char *db, bool with_keys)
{
    struct ovsdb_idl *idl;
    char *error;

    /* The IDL waits for a database that is not there. */
    if (!xfrmctl_rpc_has_database(db, &error)) {
        if (error) {
            ctl_fatal("%s: %s", db, error);
        }
        char *file_name = xfrmctl_default_db_file();

        if (!strncmp(db, "unix:", 5) && !access(file_name, F_OK)) {
            ctl_fatal("%s: ovsdb-server does not serve the database OVS_XFRM, "
                      "although %s exists; \"ovs-xfrmctl init\" adds it",
                      db, file_name);
        }
        ctl_fatal("%s: ovsdb-server has no database OVS_XFRM; "
                  "\"ovs-xfrmctl init\" on its host creates it", db);
    }

    idl = ovsdb_idl_create(db, &xfrmrec_idl_class, true, false);
    if (!with_keys) {
        ovsdb_idl_omit(idl, &xfrmrec_sa_col_keymat);
    }
    return idl;
}

/* Lets 'idl' work, and ends the program if it lost its database. */
void
xfrmctl_idl_run(struct ovsdb_idl *idl, const char *db)
{
    ovsdb_idl_run(idl);
    if (!ovsdb_idl_is_alive(idl)) {
        int retval = ovsdb_idl_get_last_error(idl);

        ctl_fatal("%s: database connection failed (%s)",
                  db, ovs_retval_to_string(retval));
    }
}

/* Ends the program if the time is up; 'what' says what it waited for. */
void
xfrmctl_check_deadline(const char *what)
{
    if (time_msec() >= xfrmctl.deadline) {
        ctl_fatal("timed out after %u s: %s", xfrmctl.timeout, what);
    }
}

/* Running a transaction. */

static void
xfrmctl_context_init(struct xfrmctl_context *ctx, struct ctl_command *command,
                     struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn,
                     struct ovsdb_symbol_table *symtab)
{
    memset(ctx, 0, sizeof *ctx);
    ctl_context_init(&ctx->base, command, idl, txn, symtab, NULL);
    ctx->global = txn ? xfrmrec_xfrm_global_first(idl) : NULL;
}

static void
run_prerequisites(struct ctl_command *commands, size_t n_commands,
                  struct ovsdb_idl *idl)
{
    for (struct ctl_command *c = commands; c < &commands[n_commands]; c++) {
        struct xfrmctl_context ctx;

        if (!c->syntax->prerequisites) {
            continue;
        }
        ds_init(&c->output);
        c->table = NULL;
        xfrmctl_context_init(&ctx, c, idl, NULL, NULL);
        c->syntax->prerequisites(&ctx.base);
        if (ctx.base.error) {
            ctl_fatal("%s", ctx.base.error);
        }
        ctl_context_done(&ctx.base, c);
    }
}

static void
destroy_output(struct ctl_command *c)
{
    ds_destroy(&c->output);
    ds_init(&c->output);
    table_destroy(c->table);
    free(c->table);
    c->table = NULL;
}

static void
print_output(struct ctl_command *c)
{
    size_t len = strlen(c->syntax->name);

    if (c->table) {
        struct table_style style = xfrmctl.style;

        if (!xfrmctl.format_given && len > 5
            && !strcmp(c->syntax->name + len - 5, "-list")) {
            style.format = TF_TABLE;
            style.cell_format = CF_BARE;
        }
        table_print(c->table, &style);
    } else {
        fputs(ds_cstr(&c->output), stdout);
    }
}

/* Ends the program because the database did not take 'txn'; 'db' says which
 * database, if that is a question.  What the server says is JSON. */
void
xfrmctl_refused(const char *db, const struct ovsdb_idl_txn *txn)
{
    const char *text = ovsdb_idl_txn_get_error(txn);
    struct json *json = json_from_string(text);
    const struct json *details
        = (json->type == JSON_OBJECT
           ? shash_find_data(json_object(json), "details") : NULL);

    if (details && details->type == JSON_STRING) {
        text = json_string(details);
    }
    ctl_fatal("%s%sthe database refused the transaction: %s",
              db ? db : "", db ? ": " : "", text);
}

/* Makes the temporary UUIDs of inserted rows the ones they have now. */
static void
resolve_touched(struct xfrmctl_context *ctx, struct ovsdb_idl_txn *txn)
{
    for (size_t i = 0; i < ctx->n_touched; i++) {
        struct xfrmctl_touched *t = &ctx->touched[i];
        const struct uuid *real = ovsdb_idl_txn_get_insert_uuid(txn, &t->uuid);

        if (real) {
            t->uuid = *real;
        }
    }
}

static void
check_symbols(const struct ovsdb_symbol_table *symtab)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &symtab->sh) {
        const struct ovsdb_symbol *symbol = node->data;

        if (!symbol->created) {
            ctl_fatal("row id \"%s\" is referenced but never created (e.g. "
                      "with \"-- --id=%s create ...\")",
                      node->name, node->name);
        }
        if (!symbol->strong_ref) {
            ovs_error(0, "row id \"%s\" was created but nothing refers to "
                      "it, so it will not be in the database", node->name);
        }
    }
}

/* Runs the commands as a transaction.  Returns false if the database changed
 * meanwhile, or a command waits for something: then it must be tried again
 * when the database has changed.  On success stores the value that cur_cfg
 * must reach for --wait in '*next_cfg', and the rows in '*done'. */
static bool
try_transaction(const char *args, struct ctl_command *commands,
                size_t n_commands, struct ovsdb_idl *idl,
                struct xfrmctl_context *done, int64_t *next_cfg)
{
    struct ovsdb_symbol_table *symtab = ovsdb_symbol_table_create();
    struct ctl_command *end = &commands[n_commands];
    enum ovsdb_idl_txn_status status;
    struct ovsdb_idl_txn *txn;
    struct xfrmctl_context ctx;
    bool again = false;

    txn = the_idl_txn = ovsdb_idl_txn_create(idl);
    if (xfrmctl.dry_run) {
        ovsdb_idl_txn_set_dry_run(txn);
    }
    ovsdb_idl_txn_add_comment(txn, "ovs-xfrmctl: %s", args);

    for (struct ctl_command *c = commands; c < end; c++) {
        ds_init(&c->output);
        c->table = NULL;
    }
    xfrmctl_context_init(&ctx, NULL, idl, txn, symtab);
    if (xfrmctl.wait) {
        if (!ctx.global) {
            ctl_fatal("--wait: the database has no row XFRM_Global, without "
                      "which ovs-vswitchd does nothing; \"ovs-xfrmctl init\" "
                      "creates it");
        }
        ovsdb_idl_txn_increment(txn, &ctx.global->header_,
                                &xfrmrec_xfrm_global_col_next_cfg, true);
    }
    for (struct ctl_command *c = commands; c < end && !again; c++) {
        /* Partial updates (the last argument) would hide from later code
         * what a row holds. */
        ctl_context_init_command(&ctx.base, c, false);
        if (c->syntax->run) {
            c->syntax->run(&ctx.base);
        }
        if (!ctx.base.error) {
            xfrmctl_db_finish(&ctx.base, c);
        }
        if (ctx.base.error) {
            ctl_fatal("%s", ctx.base.error);
        }
        again = ctx.base.try_again;
        ctl_context_done_command(&ctx.base, c);
    }
    if (again) {
        ovsdb_idl_txn_abort(txn);
        goto again;
    }
    check_symbols(symtab);

    status = ovsdb_idl_txn_commit_block(txn);
    if (status == TXN_UNCHANGED || status == TXN_SUCCESS) {
        for (struct ctl_command *c = commands; c < end; c++) {
            if (c->syntax->postprocess) {
                struct xfrmctl_context post;

                xfrmctl_context_init(&post, c, idl, txn, symtab);
                c->syntax->postprocess(&post.base);
                if (post.base.error) {
                    ctl_fatal("%s", post.base.error);
                }
                ctl_context_done(&post.base, c);
            }
        }
        resolve_touched(&ctx, txn);
        if (xfrmctl.wait && status == TXN_SUCCESS) {
            *next_cfg = ovsdb_idl_txn_get_increment_new_value(txn);
        }
    } else if (status == TXN_TRY_AGAIN) {
        goto again;
    } else {
        xfrmctl_refused(NULL, txn);
    }

    ovsdb_idl_txn_destroy(txn);
    the_idl_txn = NULL;
    ovsdb_symbol_table_destroy(symtab);
    *done = ctx;
    return true;

again:
    ovsdb_idl_txn_destroy(txn);
    the_idl_txn = NULL;
    ovsdb_symbol_table_destroy(symtab);
    free(ctx.touched);
    for (struct ctl_command *c = commands; c < end; c++) {
        destroy_output(c);
    }
    return false;
}

/* Prints what stands in the way of 'row'.  Returns true if it is nothing. */
static bool
row_is_fine(const struct ovsdb_idl *idl, const struct xfrmctl_touched *touched)
{
    const struct ovsdb_idl_row *row
        = ovsdb_idl_get_row_for_uuid(idl, touched->table, &touched->uuid);
    struct ds name = DS_EMPTY_INITIALIZER;
    const char *error = NULL;

    if (!row) {
        return true;
    }
    if (touched->table == &xfrmrec_table_sa) {
        const struct xfrmrec_sa *sa
            = CONTAINER_OF(row, struct xfrmrec_sa, header_);

        xfrmctl_sa_name(sa, &name);
        error = sa->error;
    } else if (touched->table == &xfrmrec_table_policy) {
        const struct xfrmrec_policy *policy
            = CONTAINER_OF(row, struct xfrmrec_policy, header_);

        ds_put_format(&name, "policy %s of if_id %"PRId64", ",
                      policy->direction, policy->if_id);
        xfrmctl_selector_format(&policy->selector, &name);
        error = policy->error;
    } else if (touched->table == &xfrmrec_table_xfrm_global) {
        const struct xfrmrec_xfrm_global *global
            = CONTAINER_OF(row, struct xfrmrec_xfrm_global, header_);

        ds_put_cstr(&name, "XFRM_Global");
        error = global->error;
    }
    if (error) {
        ovs_error(0, "%s: %s", ds_cstr(&name), error);
    }
    ds_destroy(&name);
    return !error;
}

/* Waits until ovs-vswitchd has seen 'next_cfg'.  Returns an exit status. */
static int
wait_for_daemon(struct ovsdb_idl *idl, int64_t next_cfg,
                const struct xfrmctl_context *ctx)
{
    int status = EXIT_SUCCESS;

    for (;;) {
        const struct xfrmrec_xfrm_global *global;

        xfrmctl_idl_run(idl, xfrmctl.db);
        global = xfrmrec_xfrm_global_first(idl);
        if (!global) {
            ctl_fatal("the row XFRM_Global was deleted while waiting for "
                      "ovs-vswitchd");
        }
        if (global->cur_cfg >= next_cfg) {
            break;
        }
        if (time_msec() >= xfrmctl.deadline) {
            ctl_fatal("timed out after %u s: the change is in the database, "
                      "but ovs-vswitchd has not confirmed it (cur_cfg is "
                      "%"PRId64", not %"PRId64"); does it run, and with this "
                      "database?", xfrmctl.timeout, global->cur_cfg,
                      next_cfg);
        }
        ovsdb_idl_wait(idl);
        poll_timer_wait_until(xfrmctl.deadline);
        poll_block();
    }
    for (size_t i = 0; i < ctx->n_touched; i++) {
        if (!row_is_fine(idl, &ctx->touched[i])) {
            status = EXIT_FAILURE;
        }
    }
    return status;
}

static int
run_transaction(const char *args, struct ctl_command *commands,
                size_t n_commands)
{
    struct ovsdb_idl *idl = the_idl = xfrmctl_connect(xfrmctl.db, false);
    unsigned int seqno = ovsdb_idl_get_seqno(idl);
    struct xfrmctl_context ctx;
    int64_t next_cfg = 0;
    int status = EXIT_SUCCESS;

    run_prerequisites(commands, n_commands, idl);
    for (;;) {
        xfrmctl_idl_run(idl, xfrmctl.db);
        if (seqno != ovsdb_idl_get_seqno(idl)) {
            seqno = ovsdb_idl_get_seqno(idl);
            if (try_transaction(args, commands, n_commands, idl, &ctx,
                                &next_cfg)) {
                break;
            }
        }
        if (seqno == ovsdb_idl_get_seqno(idl)) {
            xfrmctl_check_deadline(
                ovsdb_idl_has_ever_connected(idl)
                ? "what the command waits for did not happen"
                : "the database did not answer");
            ovsdb_idl_wait(idl);
            poll_timer_wait_until(xfrmctl.deadline);
            poll_block();
        }
    }

    for (size_t i = 0; i < n_commands; i++) {
        print_output(&commands[i]);
        destroy_output(&commands[i]);
    }
    fflush(stdout);
    if (xfrmctl.wait && !xfrmctl.dry_run) {
        status = wait_for_daemon(idl, next_cfg, &ctx);
    }
    free(ctx.touched);
    return status;
}

int
main(int argc, char *argv[])
{
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    const struct xfrmctl_standalone *alone = NULL;
    struct ctl_command *commands;
    size_t n_commands;
    char *args, *error;
    int status;

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    vlog_set_levels_from_string_assert("reconnect:warn");
    /* What it warns of we say ourselves. */
    vlog_set_levels_from_string_assert("ovsdb_idl:console:err");

    ctl_init(&xfrmrec_idl_class, xfrmrec_table_classes, tables, NULL,
             xfrmctl_exit);
    ctl_register_commands(xfrmctl_standalone_commands);
    ctl_register_commands(xfrmctl_sa_commands);
    ctl_register_commands(xfrmctl_policy_commands);
    ctl_register_commands(xfrmctl_show_commands);
    ctl_register_commands(xfrmctl_export_commands);

    args = process_escape_args(argv);
    argv = xfrmctl_permute(argc, argv);
    xfrmctl_parse_options(argc, argv, &local_options);
    error = ctl_parse_commands(argc - optind, argv + optind, &local_options,
                               &commands, &n_commands);
    if (error) {
        ctl_fatal("%s", error);
    }
    shash_destroy_free_data(&local_options);

    for (size_t i = 0; i < n_commands; i++) {
        xfrmctl_db_guard(&commands[i]);
        for (size_t j = 0; j < ARRAY_SIZE(standalone); j++) {
            if (!strcmp(commands[i].syntax->name, standalone[j].name)) {
                alone = &standalone[j];
            }
        }
    }
    if (alone && n_commands > 1) {
        ctl_fatal("\"%s\" is no part of a transaction: it stands alone on a "
                  "command line", alone->name);
    }

    /* From here on there is no key in it. */
    VLOG(ctl_might_write_to_db(commands, n_commands) ? VLL_INFO : VLL_DBG,
         "Called as %s", args);

    status = (alone
              ? alone->run(&commands[0])
              : run_transaction(args, commands, n_commands));

    for (size_t i = 0; i < n_commands; i++) {
        shash_destroy_free_data(&commands[i].options);
    }
    free(commands);
    free(argv);
    free(args);
    xfrmctl_exit(status);
}

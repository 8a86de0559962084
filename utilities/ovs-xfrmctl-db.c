/* SPDX-License-Identifier: Apache-2.0 */

/* The generic database verbs of Open vSwitch's db-ctl-base, made safe for keys
 * (none is taken from the command line, none is shown), and what --wait has to
 * know of them.
 *
 * ovs-xfrmctl.c calls this for each command before and after it runs. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <string.h>
#include <strings.h>

#include "ovsdb-error.h"
#include "util.h"
#include "xfrm-secret.h"
#include "xfrm-text.h"

/* Where in the arguments of a verb the columns are. */
struct verb {
    const char *name;
    int first_column;           /* Index of the first column, 0: none. */
    bool one_column;            /* One column, then its values. */
    bool takes_values;          /* Columns have values behind them. */
    bool writes;                /* Names the record that it changes. */
};

static const struct verb verbs[] = {
    { "get", 3, false, false, false },
    { "list", 0, false, false, false },
    { "find", 2, false, true, false },
    { "set", 3, false, true, true },
    { "add", 3, true, true, true },
    { "remove", 3, true, true, true },
    { "clear", 3, false, false, true },
    { "create", 2, false, true, false },
    { "wait-until", 3, false, true, false },
};

static const struct verb *
find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (!strcmp(verbs[i].name, name)) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* Does 'arg' start with what db-ctl-base takes for the column "keymat"?  It
 * takes any beginning, in either case.  Those that may also be the beginning
 * of another column are refused by it, but after its message has repeated
 * them.  No column of another table starts like it. */
static bool
is_keymat(const char *arg, const char **restp)
{
    const char *keymat = xfrmrec_sa_col_keymat.name;
    size_t quote = arg[0] == '"';
    size_t len = strspn(arg + quote, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    if (restp) {
        *restp = arg + quote + len;
    }
    return (len && len <= strlen(keymat)
            && !strncasecmp(keymat, arg + quote, len));
}

/* Ends the program if command 'c' has a key among its arguments. */
void
xfrmctl_db_guard(struct ctl_command *c)
{
    const struct verb *verb = find_verb(c->syntax->name);

    if (!verb || !verb->takes_values) {
        return;
    }
    for (int i = verb->first_column; i < c->argc; i++) {
        const char *rest = "";

        if (verb->one_column) {
            if (i == verb->first_column && is_keymat(c->argv[i], NULL)) {
                ctl_fatal("%s%s", xfrmctl_key_refusal,
                          !strcmp(verb->name, "remove")
                          ? " (\"clear\" removes one)" : "");
            }
        } else if (is_keymat(c->argv[i], &rest)) {
            size_t op = strspn(rest, "=!<>{}");

            /* "keymat=[]" and the like ask whether there is one. */
            if (strcmp(rest + op, "[]")) {
                ctl_fatal("%s", xfrmctl_key_refusal);
            }
        }
    }
}

static void
hide_in_table(struct table *table)
{
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
        struct cell *cell = &table->cells[i];

        if (cell->type == &xfrmrec_sa_col_keymat.type
            && cell->json && cell->json->type == JSON_STRING) {
            json_destroy(cell->json);
            cell->json = json_string_create(XFRM_SECRET_HIDDEN);
        }
    }
}

/* "get" prints one line for each of its columns. */
static void
hide_in_lines(struct ctl_context *ctx, int first_column)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    const char *line = ds_cstr(&ctx->output);

    for (int i = first_column; i < ctx->argc && *line; i++) {
        size_t len = strcspn(line, "\n");

        if (is_keymat(ctx->argv[i], NULL) && strncmp(line, "[]", len)) {
            ds_put_cstr(&ds, "\""XFRM_SECRET_HIDDEN"\"");
        } else {
            ds_put_buffer(&ds, line, len);
        }
        ds_put_char(&ds, '\n');
        line += len + (line[len] == '\n');
    }
    xfrm_wipe(ctx->output.string, ctx->output.length);
    ds_swap(&ctx->output, &ds);
    ds_destroy(&ds);
}

static const struct ovsdb_idl_table_class *
find_table(const char *name)
{
    for (size_t i = 0; i < xfrmrec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_table_class *table
            = &xfrmrec_idl_class.tables[i];

        if (!strncasecmp(table->name, name, strlen(name))) {
            return table;
        }
    }
    return NULL;
}

/* Called when 'c' has run without an error. */
void
xfrmctl_db_finish(struct ctl_context *ctx, struct ctl_command *c)
{
    const struct verb *verb = find_verb(c->syntax->name);

    if (!verb) {
        return;
    }
    if (!xfrmctl.show_keys) {
        if (ctx->table) {
            hide_in_table(ctx->table);
        } else if (!strcmp(verb->name, "get")) {
            hide_in_lines(ctx, verb->first_column);
        }
    }

    const struct ovsdb_idl_table_class *table = find_table(ctx->argv[1]);
    const struct ovsdb_idl_row *row = NULL;
    if (table && verb->writes) {
        char *error = ctl_get_row(ctx, table, ctx->argv[2], false, &row);

        free(error);
    } else if (table && !strcmp(verb->name, "create")) {
        struct uuid uuid;

        /* Its output until the transaction is through. */
        if (uuid_from_string(&uuid, ds_cstr(&ctx->output))) {
            row = ovsdb_idl_get_row_for_uuid(ctx->idl, table, &uuid);
        }
    }
    if (row) {
        xfrmctl_touch(ctx, row);
    }
}

/* For xfrm_text_nearest(). */
static const struct ovsdb_idl_table_class *the_table;

static const char *
column_name_at(size_t index)
{
    return (index < the_table->n_columns
            ? the_table->columns[index].name : NULL);
}

/* Returns the column of 'table' that "COLUMN=VALUE" or "COLUMN:KEY=VALUE"
 * sets, or NULL with a malloc'd reason: columns with keys and those that only
 * ovs-vswitchd writes are not for COLUMN=VALUE. */
const struct ovsdb_idl_column *
xfrmctl_db_find_column(const struct ovsdb_idl_table_class *table,
                       const char *arg, char **errorp)
{
    char *name = xmemdup0(arg, strcspn(arg, ":="));
    const struct ovsdb_idl_column *column = NULL;
    char *quoted = xfrm_text_quote(name);

    *errorp = NULL;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!strcmp(table->columns[i].name, name)) {
            column = &table->columns[i];
        }
    }
    if (table == &xfrmrec_table_sa
        && (column == &xfrmrec_sa_col_keymat || !strcasecmp(name, "key")
            || xfrmctl_looks_like_key(name))) {
        *errorp = xstrdup(xfrmctl_key_refusal);
    } else if (arg[strlen(name)] == '\0') {
        *errorp = xasprintf("%s is not of the form COLUMN=VALUE", quoted);
    } else if (!column) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        const char *nearest;

        the_table = table;
        nearest = xfrm_text_nearest(name, column_name_at);
        ds_put_format(&ds, "%s is no column of table %s", quoted,
                      table->name);
        if (nearest) {
            ds_put_format(&ds, "; did you mean %s?", nearest);
        } else {
            ds_put_char(&ds, '.');
        }
        ds_put_cstr(&ds, "  Columns:");
        for (size_t i = 0; i < table->n_columns; i++) {
            if (!xfrmctl_column_is_status(table, &table->columns[i])) {
                ds_put_format(&ds, " %s", table->columns[i].name);
            }
        }
        *errorp = ds_steal_cstr(&ds);
    } else if (xfrmctl_column_is_status(table, column)) {
        *errorp = xasprintf("column %s is what ovs-vswitchd reports; it "
                            "cannot be set", column->name);
        column = NULL;
    }
    free(quoted);
    free(name);
    return *errorp ? NULL : column;
}

/* Sets what "COLUMN=VALUE" or "COLUMN:KEY=VALUE" in 'arg' says in 'row'.
 * Where a column holds one string, VALUE is that string: "encap=udp:4500:4500"
 * needs none of the quotes that "set" would want.  Returns NULL, or a malloc'd
 * reason. */
char *
xfrmctl_set_column(struct ctl_context *ctx, const struct ovsdb_idl_row *row,
                   const char *arg)
{
    const struct ovsdb_idl_table_class *table = row->table->class_;
    const struct ovsdb_idl_column *column;
    const char *value = strchr(arg, '=');
    char *error, *reason;

    column = xfrmctl_db_find_column(table, arg, &error);
    if (!column) {
        return error;
    }
    if (column->type.key.type == OVSDB_TYPE_STRING
        && column->type.value.type == OVSDB_TYPE_VOID
        && column->type.n_max == 1 && value
        && !memchr(arg, ':', value - arg)
        && value[1] != '"' && value[1] != '[') {
        struct json *json = json_string_create(value + 1);
        struct ovsdb_error *ovsdb_error;
        struct ovsdb_datum datum;

        ovsdb_error = ovsdb_datum_from_json(&datum, &column->type, json,
                                            NULL);
        json_destroy(json);
        if (!ovsdb_error) {
            ovsdb_idl_txn_write(row, column, &datum);
            return NULL;
        }
        reason = ovsdb_error_to_string_free(ovsdb_error);
    } else {
        reason = ctl_set_column(table->name, row, arg, ctx->symtab);
    }
    if (!reason) {
        return NULL;
    }
    /* Open vSwitch says which value is wrong, but not of what. */
    error = xasprintf("column %s: %s", column->name, reason);
    free(reason);
    return error;
}

/* Puts the value of 'column', which is no set or map, into 'cell': text as it
 * is, no value as no text. */
void
xfrmctl_fill_cell(struct cell *cell, const struct ovsdb_idl_row *row,
                  const struct ovsdb_idl_column *column)
{
    const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

    if (!datum->n) {
        cell->text = xstrdup("");
    } else if (column->type.key.type == OVSDB_TYPE_STRING) {
        cell->text = xstrdup(datum->keys[0].s->string);
    } else {
        cell->json = ovsdb_datum_to_json(datum, &column->type);
        cell->type = &column->type;
    }
}

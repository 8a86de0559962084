/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl export, and the reading of what it wrote for "init --from".
 *
 * An export is what was configured, nothing that ovs-vswitchd reported, in
 * plain JSON: {"format": ..., "version": ..., "global": {...}, "sas": [...],
 * "policies": [...]}, where a row is an object with a member for each column
 * that has a value, a map is an object, a set an array, and the templates of a
 * policy are an array of objects.  What a column may hold is taken from the
 * schema, so that a new column needs no line here. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ovsdb-error.h"
#include "smap.h"
#include "util.h"
#include "xfrm-file.h"
#include "xfrm-secret.h"
#include "xfrm-text.h"

#define EXPORT_FORMAT "ovs-xfrm-export"
#define EXPORT_VERSION 1

/* The largest export that is read, in bytes. */
#define IMPORT_MAX (256 * 1024 * 1024)

/* Is 'column' a part of an export? */
static bool
is_exported(const struct ovsdb_idl_table_class *table,
            const struct ovsdb_idl_column *column)
{
    return (!xfrmctl_column_is_status(table, column)
            && column != &xfrmrec_xfrm_global_col_next_cfg);
}

/* Export. */

static struct json *
atom_to_plain(const union ovsdb_atom *atom, enum ovsdb_atomic_type type)
{
    return ovsdb_atom_to_json(atom, type);
}

static struct json *
datum_to_plain(const struct ovsdb_datum *datum, const struct ovsdb_type *type)
{
    if (ovsdb_type_is_map(type)) {
        struct json *map = json_object_create();

        for (size_t i = 0; i < datum->n; i++) {
            json_object_put(map, datum->keys[i].s->string,
                            atom_to_plain(&datum->values[i],
                                          type->value.type));
        }
        return map;
    } else if (type->n_max > 1) {
        struct json *set = json_array_create_empty();

        for (size_t i = 0; i < datum->n; i++) {
            json_array_add(set, atom_to_plain(&datum->keys[i],
                                              type->key.type));
        }
        return set;
    }
    return atom_to_plain(&datum->keys[0], type->key.type);
}

static struct json *
row_to_plain(const struct ovsdb_idl_row *row)
{
    const struct ovsdb_idl_table_class *table = row->table->class_;
    struct json *json = json_object_create();

    for (size_t i = 0; i < table->n_columns; i++) {
        const struct ovsdb_idl_column *column = &table->columns[i];
        const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

        if (!datum->n || !is_exported(table, column)
            || column == &xfrmrec_policy_col_templates) {
            continue;
        }
        if (column == &xfrmrec_sa_col_keymat && !xfrmctl.show_keys) {
            json_object_put_string(json, column->name, XFRM_SECRET_HIDDEN);
        } else {
            json_object_put(json, column->name,
                            datum_to_plain(datum, &column->type));
        }
    }
    return json;
}

static struct json *
policy_to_plain(const struct xfrmrec_policy *policy)
{
    struct json *json = row_to_plain(&policy->header_);

    if (policy->n_templates) {
        struct json *templates = json_array_create_empty();

        for (size_t i = 0; i < policy->n_templates; i++) {
            json_array_add(templates,
                           row_to_plain(&policy->value_templates[i]->header_));
        }
        json_object_put(json, xfrmrec_policy_col_templates.name, templates);
    }
    return json;
}

/* Writes 'text' into 'file_name' for nobody else to read, as a whole or not at
 * all.  Returns NULL, or a malloc'd reason. */
static char *
write_private(const char *file_name, const char *text)
{
    char *tmp = xasprintf("%s.tmp%ld", file_name, (long int) getpid());
    FILE *stream = NULL;
    char *error = NULL;
    int fd;

    /* What an export left that was killed, or a link that somebody put there. */
    unlink(tmp);
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        stream = fdopen(fd, "w");
    }
    if (!stream || fputs(text, stream) < 0 || fflush(stream)
        || fsync(fd) || rename(tmp, file_name)) {
        error = xasprintf("cannot write %s (%s)", file_name,
                          ovs_strerror(errno));
        if (fd >= 0) {
            unlink(tmp);
        }
    }
    if (stream) {
        fclose(stream);
    }
    free(tmp);
    return error;
}

static void
pre_export(struct ctl_context *ctx)
{
    /* Also without --show-keys: an SA that has a key must say so. */
    ovsdb_idl_add_column(ctx->idl, &xfrmrec_sa_col_keymat);
}

static void
cmd_export(struct ctl_context *ctx)
{
    const struct xfrmrec_xfrm_global *global
        = xfrmctl_context_cast(ctx)->global;
    struct json *json = json_object_create();
    struct json *policies = json_array_create_empty();
    struct json *sas = json_array_create_empty();
    const struct xfrmrec_policy *policy;
    const struct xfrmrec_sa *sa;

    json_object_put_string(json, "format", EXPORT_FORMAT);
    json_object_put(json, "version", json_integer_create(EXPORT_VERSION));
    json_object_put_string(json, "schema", xfrmrec_get_db_version());
    json_object_put(json, "global",
                    global ? row_to_plain(&global->header_)
                    : json_object_create());
    XFRMREC_SA_FOR_EACH (sa, ctx->idl) {
        json_array_add(sas, row_to_plain(&sa->header_));
    }
    XFRMREC_POLICY_FOR_EACH (policy, ctx->idl) {
        json_array_add(policies, policy_to_plain(policy));
    }
    json_object_put(json, "sas", sas);
    json_object_put(json, "policies", policies);

    json_to_ds(json, JSSF_PRETTY | JSSF_SORT, &ctx->output);
    json_destroy(json);
    ds_put_char(&ctx->output, '\n');
    if (ctx->argc > 1) {
        ctx->error = write_private(ctx->argv[1], ds_cstr(&ctx->output));
        xfrm_wipe(ctx->output.string, ctx->output.length);
        ds_clear(&ctx->output);
    }
}

const struct ctl_command_syntax xfrmctl_export_commands[] = {
    {"export", 0, 1, "[FILE]", pre_export, cmd_export, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

/* Import. */

/* Turns what datum_to_plain() made into what the IDL reads. */
static struct json *
plain_to_ovsdb(const struct json *plain, const struct ovsdb_type *type)
{
    if (ovsdb_type_is_map(type) && plain->type == JSON_OBJECT) {
        struct json *pairs = json_array_create_empty();
        const struct shash_node *node;

        SHASH_FOR_EACH (node, json_object(plain)) {
            json_array_add(pairs, json_array_create_2(
                json_string_create(node->name), json_clone(node->data)));
        }
        return json_array_create_2(json_string_create("map"), pairs);
    } else if (type->n_max > 1 && plain->type == JSON_ARRAY) {
        return json_array_create_2(json_string_create("set"),
                                   json_clone(plain));
    } else if (plain->type == JSON_ARRAY || plain->type == JSON_OBJECT) {
        /* Nothing of that kind belongs here; "null" is of no type. */
        return json_null_create();
    }
    return json_clone(plain);
}

static char *
import_column(const struct ovsdb_idl_row *row, const char *name,
              const struct json *value)
{
    const struct ovsdb_idl_table_class *table = row->table->class_;
    const struct ovsdb_idl_column *column = NULL;
    struct ovsdb_error *error;
    struct ovsdb_datum datum;
    struct json *json;
    char *s;

    for (size_t i = 0; i < table->n_columns; i++) {
        if (!strcmp(table->columns[i].name, name)
            && is_exported(table, &table->columns[i])) {
            column = &table->columns[i];
        }
    }
    if (!column) {
        char *quoted = xfrm_text_quote(name);

        s = xasprintf("%s is no column of table %s", quoted, table->name);
        free(quoted);
        return s;
    }
    if (column == &xfrmrec_sa_col_keymat && value->type == JSON_STRING
        && !strcmp(json_string(value), XFRM_SECRET_HIDDEN)) {
        return xstrdup("its key is not in the export; "
                       "\"export --show-keys\" writes keys");
    }
    json = plain_to_ovsdb(value, &column->type);
    error = ovsdb_datum_from_json(&datum, &column->type, json, NULL);
    json_destroy(json);
    if (error) {
        char *text = ovsdb_error_to_string_free(error);

        /* It may repeat the value, which may be a key. */
        s = (column == &xfrmrec_sa_col_keymat
             ? xstrdup("keymat must be a string")
             : xasprintf("%s: %s", name, text));
        free(text);
        return s;
    }
    ovsdb_idl_txn_write(row, column, &datum);
    return NULL;
}

static char *
import_templates(const struct xfrmrec_policy *policy, const struct json *json,
                 struct ovsdb_idl_txn *txn);

static char *
import_row(const struct ovsdb_idl_row *row, const struct json *json,
           struct ovsdb_idl_txn *txn)
{
    const struct shash_node *node;

    if (json->type != JSON_OBJECT) {
        return xstrdup("is not an object");
    }
    SHASH_FOR_EACH (node, json_object(json)) {
        const struct json *value = node->data;
        char *error;

        if (row->table->class_ == &xfrmrec_table_policy
            && !strcmp(node->name, xfrmrec_policy_col_templates.name)) {
            error = import_templates(CONTAINER_OF(row, struct xfrmrec_policy,
                                                  header_), value, txn);
        } else {
            error = import_column(row, node->name, value);
        }
        if (error) {
            return error;
        }
    }
    return NULL;
}

static char *
import_templates(const struct xfrmrec_policy *policy, const struct json *json,
                 struct ovsdb_idl_txn *txn)
{
    unsigned int max = xfrmrec_policy_col_templates.type.n_max;
    struct xfrmrec_template **templates;
    char *error = NULL;
    int64_t *keys;
    size_t n;

    if (json->type != JSON_ARRAY || xfrm_ovs_json_n(json) > max) {
        return xasprintf("templates must be an array of at most %u objects",
                         max);
    }
    n = xfrm_ovs_json_n(json);
    keys = xcalloc(n, sizeof *keys);
    templates = xcalloc(n, sizeof *templates);
    for (size_t i = 0; i < n && !error; i++) {
        keys[i] = i;
        templates[i] = xfrmrec_template_insert(txn);
        error = import_row(&templates[i]->header_, xfrm_ovs_json_at(json, i),
                           txn);
    }
    if (!error) {
        xfrmrec_policy_set_templates(policy, keys, templates, n);
    }
    free(keys);
    free(templates);
    return error;
}

static char *
import_rows(const struct json *export, const char *name,
            const struct ovsdb_idl_table_class *table,
            struct ovsdb_idl_txn *txn)
{
    const struct json *rows = shash_find_data(json_object(export), name);

    for (size_t i = 0; i < xfrm_ovs_json_n(rows); i++) {
        const struct ovsdb_idl_row *row = ovsdb_idl_txn_insert(txn, table,
                                                               NULL);
        char *error = import_row(row, xfrm_ovs_json_at(rows, i), txn);

        if (error) {
            char *whole = xasprintf("%s[%"PRIuSIZE"]: %s", name, i, error);

            free(error);
            return whole;
        }
    }
    return NULL;
}

/* Puts 'export', which xfrmctl_import_read() has read, into the database that
 * has nothing but the row 'global'.  On failure '*errorp' is a malloc'd reason
 * and the caller aborts 'txn', otherwise NULL. */
void
xfrmctl_import(const struct json *export, struct ovsdb_idl_txn *txn,
               const struct xfrmrec_xfrm_global *global, char **errorp)
{
    const struct json *g = shash_find_data(json_object(export), "global");
    char *error;

    error = import_row(&global->header_, g, txn);
    if (error) {
        *errorp = xasprintf("global: %s", error);
        free(error);
        return;
    }
    *errorp = import_rows(export, "sas", &xfrmrec_table_sa, txn);
    if (!*errorp) {
        *errorp = import_rows(export, "policies", &xfrmrec_table_policy, txn);
    }
}

/* Reads the export in 'file_name' into '*jsonp', which the caller destroys.
 * Returns NULL, or a malloc'd reason. */
char *
xfrmctl_import_read(const char *file_name, struct json **jsonp)
{
    static const struct {
        const char *name;
        enum json_type type;
    } members[] = {
        { "format", JSON_STRING }, { "version", JSON_INTEGER },
        { "global", JSON_OBJECT }, { "sas", JSON_ARRAY },
        { "policies", JSON_ARRAY },
    };
    struct json *json;
    struct stat st;

    *jsonp = NULL;
    if (!stat(file_name, &st) && S_ISFIFO(st.st_mode)) {
        /* <(...) of a shell. */
        json = json_from_file(file_name);
    } else {
        struct xfrm_file_stamp stamp;
        char *text, *error;
        size_t len;

        /* It may hold keys, and decides about all of them. */
        if (xfrm_file_read(file_name, IMPORT_MAX, &stamp, &text, &len,
                           &error)) {
            return error;
        }
        json = json_from_string(text);
        xfrm_file_free(text, len);
    }
    if (json->type == JSON_STRING) {
        /* Behind the place, Open vSwitch's parser may repeat a word of the
         * input, such as a key that lost its quotes. */
        const char *text = json_string(json);
        int len = strncmp(text, "line ", 5) ? strlen(text)
                                            : strcspn(text, ":");
        char *error = xasprintf("%s is not JSON: %.*s", file_name, len, text);

        json_destroy(json);
        return error;
    }
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const struct json *member
            = (json->type == JSON_OBJECT
               ? shash_find_data(json_object(json), members[i].name) : NULL);

        if (!member || member->type != members[i].type) {
            json_destroy(json);
            return xasprintf("%s is no file that \"export\" wrote: \"%s\" is "
                             "missing or of the wrong type", file_name,
                             members[i].name);
        }
    }

    const struct shash *object = json_object(json);
    char *error = NULL;
    const char *format = json_string(shash_find_data(object, "format"));
    if (strcmp(format, EXPORT_FORMAT)) {
        error = xasprintf("%s is no file that \"export\" wrote: \"format\" "
                          "must be \""EXPORT_FORMAT"\"", file_name);
    } else if (json_integer(shash_find_data(object, "version"))
               != EXPORT_VERSION) {
        error = xasprintf("%s has version %"PRId64", this ovs-xfrmctl reads "
                          "version %d", file_name,
                          json_integer(shash_find_data(object, "version")),
                          EXPORT_VERSION);
    }
    if (error) {
        json_destroy(json);
    } else {
        *jsonp = json;
    }
    return error;
}

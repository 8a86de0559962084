/* SPDX-License-Identifier: Apache-2.0 */

/* One row of OVS_XFRM, for a moment: see xfrm-db-record.h. */

#include <config.h>

#include "xfrm-db-record.h"

#include <string.h>

#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-error.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(xfrm_db_record);

const struct ovsdb_idl_table_class *
xfrm_db_table_class(enum xfrm_db_table table)
{
    switch (table) {
    case XFRM_DB_TEMPLATE:
        return &xfrmrec_table_template;
    case XFRM_DB_SA:
        return &xfrmrec_table_sa;
    case XFRM_DB_POLICY:
        return &xfrmrec_table_policy;
    case XFRM_DB_NOTIFICATION:
        return &xfrmrec_table_notification;
    case XFRM_DB_GLOBAL:
        return &xfrmrec_table_xfrm_global;
    case XFRM_DB_N_TABLES:
        break;
    }
    OVS_NOT_REACHED();
}

struct json *
xfrm_db_uuid_to_json(const struct uuid *uuid)
{
    return json_array_create_2(json_string_create("uuid"),
                               json_string_create_nocopy(
                                   xasprintf(UUID_FMT, UUID_ARGS(uuid))));
}

struct json *
xfrm_db_where_uuid(const struct uuid *uuid)
{
    return json_array_create_1(json_array_create_3(
        json_string_create("_uuid"), json_string_create("=="),
        xfrm_db_uuid_to_json(uuid)));
}

/* The generated code follows references into an IDL. */
static bool
is_reference(const struct ovsdb_idl_column *column)
{
    return (column->type.key.type == OVSDB_TYPE_UUID
            || column->type.value.type == OVSDB_TYPE_UUID);
}

static void
init_datum(const struct xfrm_db_record *record,
           const struct ovsdb_idl_column *column, const struct json *json,
           struct ovsdb_datum *datum)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    struct ovsdb_error *error;

    if (json) {
        error = ovsdb_datum_from_json(datum, &column->type, json, NULL);
        if (!error) {
            return;
        }
        /* The error may quote the value, which may be a key. */
        VLOG_WARN_RL(&rl, "%s "UUID_FMT": the value of column %s is not "
                     "understood and left out", record->class->name,
                     UUID_ARGS(&record->u.header_.uuid), column->name);
        ovsdb_error_destroy(error);
    }
    ovsdb_datum_init_default(datum, &column->type);
}

void
xfrm_db_record_init(struct xfrm_db_record *record, enum xfrm_db_table table,
                    const struct uuid *uuid, const struct shash *columns)
{
    memset(record, 0, sizeof *record);
    record->class = xfrm_db_table_class(table);
    record->u.header_.uuid = *uuid;
    record->data = xmalloc(record->class->n_columns * sizeof *record->data);
    for (size_t i = 0; i < record->class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &record->class->columns[i];

        init_datum(record, column, shash_find_data(columns, column->name),
                   &record->data[i]);
        if (!is_reference(column)) {
            column->parse(&record->u.header_, &record->data[i]);
        }
    }
}

void
xfrm_db_record_destroy(struct xfrm_db_record *record)
{
    for (size_t i = 0; i < record->class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &record->class->columns[i];

        if (!is_reference(column)) {
            column->unparse(&record->u.header_);
        }
        ovsdb_datum_destroy(&record->data[i], &column->type);
    }
    free(record->data);
}

const struct ovsdb_datum *
xfrm_db_record_datum(const struct xfrm_db_record *record,
                     const struct ovsdb_idl_column *column)
{
    return &record->data[column - record->class->columns];
}

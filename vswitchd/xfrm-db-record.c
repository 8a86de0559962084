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
#include "ovs-thread.h"
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

/* A row that has nothing but defaults.  Of the columns of an SA, few are given,
 * so that a row begins as a copy of this one.  A map cannot be copied like that:
 * it may point to itself. */
struct blank {
    struct xfrm_db_record record;
    struct shash columns;       /* Index of each column by name, plus one. */
};

static struct blank blanks[XFRM_DB_N_TABLES];

static void
init_blanks(void)
{
    for (int table = 0; table < XFRM_DB_N_TABLES; table++) {
        struct blank *blank = &blanks[table];
        struct xfrm_db_record *record = &blank->record;

        shash_init(&blank->columns);
        record->class = xfrm_db_table_class(table);
        ovs_assert(record->class->n_columns <= 64);
        record->data = xmalloc(record->class->n_columns
                               * sizeof *record->data);
        for (size_t i = 0; i < record->class->n_columns; i++) {
            const struct ovsdb_idl_column *column
                = &record->class->columns[i];

            shash_add(&blank->columns, column->name, (void *) (i + 1));
            ovsdb_datum_init_default(&record->data[i], &column->type);
            if (is_reference(column)) {
                /* Nothing to parse. */
            } else if (ovsdb_type_is_map(&column->type)) {
                record->maps |= UINT64_C(1) << i;
            } else {
                column->parse(&record->u.header_, &record->data[i]);
            }
        }
    }
}

/* Takes over the value of the column with index 'i', unless it makes no
 * sense. */
static void
take_value(struct xfrm_db_record *record, size_t i, const struct json *json)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    const struct ovsdb_idl_column *column = &record->class->columns[i];
    struct ovsdb_error *error;
    struct ovsdb_datum datum;

    error = ovsdb_datum_from_json(&datum, &column->type, json, NULL);
    if (error) {
        /* The error may quote the value, which may be a key. */
        VLOG_WARN_RL(&rl, "%s "UUID_FMT": the value of column %s is not "
                     "understood and left out", record->class->name,
                     UUID_ARGS(&record->u.header_.uuid), column->name);
        ovsdb_error_destroy(error);
        return;
    }
    record->data[i] = datum;
    record->given |= UINT64_C(1) << i;
    if (!is_reference(column)) {
        column->parse(&record->u.header_, &record->data[i]);
    }
}

void
xfrm_db_record_init(struct xfrm_db_record *record, enum xfrm_db_table table,
                    const struct uuid *uuid, const struct shash *columns)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    const struct blank *blank = &blanks[table];
    const struct shash_node *node;

    if (ovsthread_once_start(&once)) {
        init_blanks();
        ovsthread_once_done(&once);
    }
    *record = blank->record;
    record->u.header_.uuid = *uuid;
    record->data = xmemdup(blank->record.data, (record->class->n_columns
                                                * sizeof *record->data));
    SHASH_FOR_EACH (node, columns) {
        size_t i = (size_t) shash_find_data(&blank->columns, node->name);

        if (i) {
            take_value(record, i - 1, node->data);
        }
    }
    for (uint64_t left = record->maps & ~record->given; left;
         left = zero_rightmost_1bit(left)) {
        size_t i = raw_ctz(left);

        record->class->columns[i].parse(&record->u.header_,
                                        &record->data[i]);
    }
}

void
xfrm_db_record_destroy(struct xfrm_db_record *record)
{
    for (uint64_t left = record->given | record->maps; left;
         left = zero_rightmost_1bit(left)) {
        size_t i = raw_ctz(left);
        const struct ovsdb_idl_column *column = &record->class->columns[i];

        if (!is_reference(column)) {
            column->unparse(&record->u.header_);
        }
        if (record->given & UINT64_C(1) << i) {
            ovsdb_datum_destroy(&record->data[i], &column->type);
        }
    }
    free(record->data);
}

const struct ovsdb_datum *
xfrm_db_record_datum(const struct xfrm_db_record *record,
                     const struct ovsdb_idl_column *column)
{
    return &record->data[column - record->class->columns];
}

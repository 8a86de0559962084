/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_RECORD_H
#define XFRM_DB_RECORD_H 1

/* One row of OVS_XFRM as the structure that the generated code of the IDL
 * makes of it, but without an IDL.
 *
 * An IDL keeps each row twice, as data and as structure: some 3.4 kB for an
 * SA, all of it keys and text that the engine has in its own form anyway.
 * Here a row exists while it is looked at.  Above ovsdb-schema; below
 * xfrm-db. */

#include "ovsdb-idl-provider.h"
#include "ovsdb-schema/xfrm-idl.h"

struct json;
struct shash;

enum xfrm_db_table {            /* In the order in which they are needed. */
    XFRM_DB_TEMPLATE,
    XFRM_DB_SA,
    XFRM_DB_POLICY,
    XFRM_DB_NOTIFICATION,
    XFRM_DB_GLOBAL,
    XFRM_DB_N_TABLES
};
const struct ovsdb_idl_table_class *xfrm_db_table_class(enum xfrm_db_table);

/* A row's name: ["uuid", "..."] and [["_uuid", "==", ["uuid", "..."]]]. */
struct json *xfrm_db_uuid_to_json(const struct uuid *);
struct json *xfrm_db_where_uuid(const struct uuid *);

struct xfrm_db_record {
    const struct ovsdb_idl_table_class *class;
    struct ovsdb_datum *data;   /* One for each column. */
    uint64_t given;             /* Bit I: data[I] is no default... */
    uint64_t maps;              /* ...and column I is a map. */
    union {
        struct ovsdb_idl_row header_;
        struct xfrmrec_sa sa;
        struct xfrmrec_policy policy;
        struct xfrmrec_template template;
        struct xfrmrec_notification notification;
        struct xfrmrec_xfrm_global global;
    } u;
};

/* 'columns' maps names to JSON values and has to outlive the record.  A column
 * that it lacks, or whose value makes no sense, has its default.  References
 * to other rows are in xfrm_db_record_datum() only. */
void xfrm_db_record_init(struct xfrm_db_record *, enum xfrm_db_table,
                         const struct uuid *, const struct shash *columns);
void xfrm_db_record_destroy(struct xfrm_db_record *);
const struct ovsdb_datum *xfrm_db_record_datum(
    const struct xfrm_db_record *, const struct ovsdb_idl_column *);

#endif /* xfrm-db-record.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* Rows whose contents are wanted: see xfrm-db-wanted.h. */

#include <config.h>

#include "xfrm-db-wanted.h"

#include <stdlib.h>

#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "xfrm-ovs-json.h"

void
xfrm_db_want(struct xfrm_db_wanted_list *list, enum xfrm_db_table table,
             const struct uuid *uuid)
{
    if (list->n >= list->allocated) {
        list->rows = x2nrealloc(list->rows, &list->allocated,
                                sizeof *list->rows);
    }
    list->rows[list->n++] = (struct xfrm_db_wanted) { table, *uuid };
}

void
xfrm_db_wanted_destroy(struct xfrm_db_wanted_list *list)
{
    free(list->rows);
}

static int
compare_wanted(const void *a_, const void *b_)
{
    const struct xfrm_db_wanted *a = a_, *b = b_;

    return (a->table != b->table
            ? (a->table < b->table ? -1 : 1)
            : uuid_compare_3way(&a->uuid, &b->uuid));
}

void
xfrm_db_wanted_sort(struct xfrm_db_wanted_list *list)
{
    size_t n = 0;

    if (list->n) {      /* Else there may be no array, which qsort() wants. */
        qsort(list->rows, list->n, sizeof *list->rows, compare_wanted);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!n || compare_wanted(&list->rows[n - 1], &list->rows[i])) {
            list->rows[n++] = list->rows[i];
        }
    }
    list->n = n;
}

void
xfrm_db_wanted_select(const struct xfrm_db_wanted_list *list,
                      struct json *const columns[], struct json *operations)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct xfrm_db_wanted *row = &list->rows[i];
        struct json *select = json_object_create();

        json_object_put_string(select, "op", "select");
        json_object_put_string(select, "table",
                               xfrm_db_table_class(row->table)->name);
        json_object_put(select, "where", xfrm_db_where_uuid(&row->uuid));
        json_object_put(select, "columns", json_clone(columns[row->table]));
        json_array_add(operations, select);
    }
}

bool
xfrm_db_wanted_columns(const struct json *result, size_t i,
                       const struct shash **columns)
{
    const struct json *rows;

    *columns = NULL;
    if (!result || result->type != JSON_ARRAY
        || i >= xfrm_ovs_json_n(result)
        || xfrm_ovs_json_at(result, i)->type != JSON_OBJECT) {
        return false;
    }
    rows = shash_find_data(json_object(xfrm_ovs_json_at(result, i)), "rows");
    if (!rows || rows->type != JSON_ARRAY) {
        return false;
    }
    if (xfrm_ovs_json_n(rows)
        && xfrm_ovs_json_at(rows, 0)->type == JSON_OBJECT) {
        *columns = json_object(xfrm_ovs_json_at(rows, 0));
    }
    return true;
}

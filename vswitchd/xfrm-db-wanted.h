/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_WANTED_H
#define XFRM_DB_WANTED_H 1

/* Rows of OVS_XFRM whose contents are wanted: an update named them without
 * saying all that is in them, or somebody needs them once more.
 *
 * A list grows row by row and becomes one transaction; the answer to that has
 * the rows in the order of the list.  Above xfrm-db-record; below
 * xfrm-db-feed, which sends the one and receives the other. */

#include "uuid.h"
#include "xfrm-db-record.h"

struct json;
struct shash;

/* A row to be read as a whole. */
struct xfrm_db_wanted {
    enum xfrm_db_table table;
    struct uuid uuid;
};

/* Empty if it is all zeros. */
struct xfrm_db_wanted_list {
    struct xfrm_db_wanted *rows;
    size_t n, allocated;
};

void xfrm_db_want(struct xfrm_db_wanted_list *, enum xfrm_db_table,
                  const struct uuid *);
void xfrm_db_wanted_destroy(struct xfrm_db_wanted_list *);

/* Sorts the list and takes out what is in it twice. */
void xfrm_db_wanted_sort(struct xfrm_db_wanted_list *);

/* Adds to 'operations' one that selects 'columns' of its table for each row of
 * the list. */
void xfrm_db_wanted_select(const struct xfrm_db_wanted_list *,
                           struct json *const columns[],
                           struct json *operations);

/* What 'result', the answer to all of them (NULL: none), says about row 'i':
 * its columns, or NULL if it is gone by now.  False: there is no answer. */
bool xfrm_db_wanted_columns(const struct json *result, size_t i,
                            const struct shash **columns);

#endif /* xfrm-db-wanted.h */

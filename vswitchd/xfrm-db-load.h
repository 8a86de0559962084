/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_LOAD_H
#define XFRM_DB_LOAD_H 1

/* All rows of some tables of OVS_XFRM, read once, as fast as can be.
 *
 * A connection of its own asks for the tables one by one: the server composes
 * the next one while the rows of the last one are read here.  Above
 * Open vSwitch's stream; below xfrm-db-feed, which makes a whole of this and of
 * the changes that it hears of meanwhile. */

#include "xfrm-db-record.h"

struct json;
struct shash;
struct uuid;
struct xfrm_db_load;

/* 'columns' has, for each of the 'n' first tables, the names of the columns as
 * an array, which is taken over, or NULL: not this one. */
struct xfrm_db_load *xfrm_db_load_create(const char *remote,
                                         struct json *columns[], size_t n);
void xfrm_db_load_destroy(struct xfrm_db_load *);

enum xfrm_db_load_status {
    XFRM_DB_LOAD_ROW,           /* Here is a row. */
    XFRM_DB_LOAD_WAIT,          /* Nothing yet. */
    XFRM_DB_LOAD_DONE,          /* That was all. */
    XFRM_DB_LOAD_FAILED,        /* There will be no more: begin anew. */
};

/* Sends and receives.  Call it often, so that the server need not wait. */
void xfrm_db_load_run(struct xfrm_db_load *);
void xfrm_db_load_wait(struct xfrm_db_load *);

/* Whether all of the tables are here, as text. */
bool xfrm_db_load_has_all(const struct xfrm_db_load *);

/* Takes the next row; the caller destroys '*columns', an object. */
enum xfrm_db_load_status xfrm_db_load_next(struct xfrm_db_load *,
                                           enum xfrm_db_table *,
                                           struct uuid *,
                                           struct json **columns);

#endif /* xfrm-db-load.h */

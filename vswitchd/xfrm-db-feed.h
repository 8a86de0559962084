/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_FEED_H
#define XFRM_DB_FEED_H 1

/* The connection to the OVS_XFRM database: rows come in as they change, and
 * transactions go out.
 *
 * Nothing is kept of a row: one of which only a part has changed is read anew
 * as a whole.  The rows of one change come between begin() and end(), however
 * long that takes; a turn of the loop does a part of it.  Above Open vSwitch's
 * ovsdb-cs; below xfrm-db. */

#include "xfrm-db-record.h"

struct json;
struct shash;
struct uuid;

struct xfrm_db_feed_ops {
    /* A change begins.  With 'all' it has every row that there is; others are
     * gone. */
    void (*begin)(bool all);

    /* A row is new or has changed, or is gone ('columns' is NULL).  'columns'
     * maps names to JSON values; values that are the default may be missing.
     * An XFRM_Global may come with those columns only that have changed
     * ('partial'). */
    void (*row)(enum xfrm_db_table, const struct uuid *,
                const struct shash *columns, bool partial);

    /* Between begin(true) and end(true), once: the server has sent all rows. */
    void (*received)(void);

    void (*end)(bool all);
};

/* A turn takes some 'slice' milliseconds of time. */
struct xfrm_db_feed *xfrm_db_feed_create(const char *remote,
                                         const struct xfrm_db_feed_ops *,
                                         int slice);
void xfrm_db_feed_destroy(struct xfrm_db_feed *);
void xfrm_db_feed_hurry(struct xfrm_db_feed *);

/* Until it is 'may_end', no change comes to its end(). */
void xfrm_db_feed_run(struct xfrm_db_feed *, bool may_end);
void xfrm_db_feed_wait(const struct xfrm_db_feed *);

/* Reads a row anew, as part of the change that is under way or else as a
 * change of its own. */
void xfrm_db_feed_refresh(struct xfrm_db_feed *, enum xfrm_db_table,
                          const struct uuid *);

/* The database's schema may be older than ours. */
bool xfrm_db_feed_has_column(const struct xfrm_db_feed *, enum xfrm_db_table,
                             const char *column);

/* Transactions, one at a time: 'operations' is an array without the name of
 * the database, which begin() made.  While one is open, nothing can be sent;
 * take_outcome() then says what became of it. */
struct json *xfrm_db_feed_operations(void);
bool xfrm_db_feed_may_send(const struct xfrm_db_feed *);
void xfrm_db_feed_send(struct xfrm_db_feed *, struct json *operations);

enum xfrm_db_outcome { XFRM_DB_OPEN, XFRM_DB_SUCCEEDED, XFRM_DB_FAILED };
enum xfrm_db_outcome xfrm_db_feed_take_outcome(struct xfrm_db_feed *);

#endif /* xfrm-db-feed.h */

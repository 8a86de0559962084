/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_PRIVATE_H
#define XFRM_DB_PRIVATE_H 1

/* What xfrm-db.c (rows in) and xfrm-db-status.c (results out) share. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "xfrm-file.h"
#include "xfrm-row.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;

/* One row of SA or Policy, as long as it exists. */
struct xfrm_db_row {
    struct hmap_node node;      /* In 'rows', by uuid. */
    struct uuid uuid;
    enum xfrm_row_kind kind;
    bool given;                 /* The engine has it. */
    bool seen;                  /* In the present contents. */
    char *parse_error;          /* Why the engine does not have it. */

    char *key_file;             /* Watched, or NULL. */
    struct xfrm_file_stamp stamp;

    /* What the engine said last. */
    bool has_result;
    struct xfrm_row_result result;
    struct ovs_list dirty_node; /* In 'dirty', or empty. */
    bool dirty;                 /* State or error are to be written. */
    long long int counters_due; /* When to write counters; LLONG_MAX: no
                                 * need. */
};

/* xfrm-db-status.c. */
void xfrm_db_status_init(void);
void xfrm_db_status_destroy(void);

/* Puts 'row' among those whose state is to be written. */
void xfrm_db_status_touch(struct xfrm_db_row *);
void xfrm_db_status_forget(struct xfrm_db_row *);

/* Takes over what the engine has to say.  'find' maps a uuid to its row. */
void xfrm_db_status_take(struct xfrm_db_row *(*find)(const struct uuid *));

/* Something is to be written now. */
bool xfrm_db_status_pending(struct ovsdb_idl *);

/* Writes what is pending, but not all of it at once if there is much: the
 * main thread has other work.  Returns true if no state or error is left that
 * was taken so far. */
bool xfrm_db_status_write(struct ovsdb_idl *);
void xfrm_db_status_wait(void);

/* The transaction failed: what it wrote is to be written again. */
void xfrm_db_status_undo(void);

#endif /* xfrm-db-private.h */

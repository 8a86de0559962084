/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_PRIVATE_H
#define XFRM_DB_PRIVATE_H 1

/* What xfrm-db.c (rows in) and xfrm-db-status.c (results out) share. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "xfrm-db-feed.h"
#include "xfrm-file.h"
#include "xfrm-row.h"

struct xfrm_row_counters;

/* What few rows have. */
struct xfrm_db_rare {
    char *parse_error;          /* Why the engine does not have it. */
    char *error;                /* What the engine said last. */
    char *written_error;        /* What the database says. */
    char *key_file;             /* Watched, or NULL. */
    struct xfrm_file_stamp stamp;
};

/* One row of SA or Policy, as long as it exists: there may be very many. */
struct xfrm_db_row {
    struct hmap_node node;      /* In 'rows', by uuid. */
    struct uuid uuid;
    struct ovs_list list_node;  /* In a list of xfrm-db-status.c, or empty. */
    struct xfrm_db_rare *rare;  /* NULL: none of it. */
    struct xfrm_row_counters *counters;  /* To be written, or NULL. */
    struct uuid *templates;     /* Those of a policy. */
    long long int counters_due; /* When to write them; LLONG_MAX: no need. */
    uint8_t n_templates;
    uint8_t kind;               /* enum xfrm_row_kind. */
    uint8_t state;              /* enum xfrm_row_state, as of the engine. */
    uint8_t written_state;      /* That of the database, or NO_STATE. */
    bool has_state : 1;         /* The engine said something. */
    bool given : 1;             /* The engine has it. */
    bool seen : 1;              /* In the present contents. */
    bool dirty : 1;             /* State or error are to be written. */
    bool writing : 1;           /* In the transaction that is open. */
    bool stale : 1;             /* Its counters in the database are those of
                                 * another process, or none. */
};
#define XFRM_DB_NO_STATE UINT8_MAX

static inline const char *
xfrm_db_row_parse_error(const struct xfrm_db_row *row)
{
    return row->rare ? row->rare->parse_error : NULL;
}

struct xfrm_db_rare *xfrm_db_row_rare(struct xfrm_db_row *);

/* xfrm-db-status.c. */
typedef struct xfrm_db_row *xfrm_db_find_func(const struct uuid *);

void xfrm_db_status_init(xfrm_db_find_func *);
void xfrm_db_status_destroy(void);

/* The database says this about 'row' ('state' and 'error' may be NULL). */
void xfrm_db_status_known(struct xfrm_db_row *, const char *state,
                          const char *error);

/* The engine takes 'row' anew, or its parse error has changed. */
void xfrm_db_status_restart(struct xfrm_db_row *);
void xfrm_db_status_forget(struct xfrm_db_row *);

/* A notification that is in the database ('number' NULL: no longer). */
void xfrm_db_status_note(const struct uuid *, const int64_t *number);
void xfrm_db_status_forget_notes(void);

/* Takes over what the engine has to say. */
void xfrm_db_status_take(void);

/* Something is to be written now.  Notes need a global row. */
bool xfrm_db_status_pending(bool global);

/* Adds operations for what is pending, but not for all of it at once if there
 * is much: there is other work.  Returns true if no state or error
 * is left that was taken so far.  With a 'global' row, notes are written too,
 * and 'max_notes' of them are left in the database. */
bool xfrm_db_status_write(const struct xfrm_db_feed *,
                          struct json *operations, bool global,
                          size_t max_notes);
void xfrm_db_status_wait(void);

/* The transaction succeeded, or failed and is to be written again. */
void xfrm_db_status_written(bool success);

#endif /* xfrm-db-private.h */

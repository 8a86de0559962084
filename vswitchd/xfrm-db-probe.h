/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_PROBE_H
#define XFRM_DB_PROBE_H 1

#include <stdbool.h>

/* Whether an OVSDB server has a database of a given name, asked again and
 * again: the IDL connects to a database that is there, and has no way to say
 * quietly that it is not.  Below xfrm-db. */

enum xfrm_db_presence {
    XFRM_DB_UNKNOWN,            /* The server has not answered yet. */
    XFRM_DB_ABSENT,
    XFRM_DB_PRESENT,
};

struct xfrm_db_probe;

struct xfrm_db_probe *xfrm_db_probe_create(const char *remote,
                                           const char *database);
void xfrm_db_probe_destroy(struct xfrm_db_probe *);

/* The last answer, which stays while the server is away. */
enum xfrm_db_presence xfrm_db_probe_run(struct xfrm_db_probe *);
void xfrm_db_probe_wait(struct xfrm_db_probe *);

/* The server has answered for the first time since a connection was made.
 * True once for each.  The probe tries every second, while other connections to
 * the same server may rest for eight. */
bool xfrm_db_probe_has_returned(struct xfrm_db_probe *);

#endif /* xfrm-db-probe.h */

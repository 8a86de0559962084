/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_H
#define XFRM_DB_H 1

/* The OVS_XFRM database <-> the engine.  Above: xfrm-db-thread.  Below:
 * xfrm-db-parse, xfrm-db-status, xfrm-engine. */

#include <stdbool.h>

/* xfrm_db_run() takes some 'slice' milliseconds at a time. */
void xfrm_db_init(const char *remote, int slice);

/* Until it is 'ready', the first contents of the database are read, but the
 * engine is not told that they are complete; and nothing is written. */
void xfrm_db_run(bool ready);
void xfrm_db_wait(void);
void xfrm_db_destroy(void);

#endif /* xfrm-db.h */

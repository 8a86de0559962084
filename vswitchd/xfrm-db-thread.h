/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_THREAD_H
#define XFRM_DB_THREAD_H 1

/* The thread that reads and writes OVS_XFRM.
 *
 * Above: ovs-vswitchd.c, whose main thread calls all of these.  Below: xfrm-db,
 * which nobody else calls. */

#include <stdbool.h>

void xfrm_db_thread_init(const char *remote);

/* Goes on with the database if 'in_charge', and leaves it alone otherwise. */
void xfrm_db_thread_run(bool in_charge);
void xfrm_db_thread_wait(bool in_charge);

/* Ends the thread.  What it holds stays until xfrm_db_thread_destroy(). */
void xfrm_db_thread_stop(void);
void xfrm_db_thread_destroy(void);

#endif /* xfrm-db-thread.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_THREAD_H
#define XFRM_DB_THREAD_H 1

/* The thread that reads and writes OVS_XFRM.
 *
 * Above: ovs-vswitchd.c, whose main thread calls all of these.  Below: xfrm-db,
 * which nobody else calls. */

void xfrm_db_thread_init(const char *remote);

/* What is to be done now. */
enum xfrm_db_work {
    XFRM_DB_REST,               /* Leave the database alone. */
    XFRM_DB_READ,               /* Read what is there, and do nothing with it:
                                 * the ports are on their way. */
    XFRM_DB_WORK,
};
void xfrm_db_thread_run(enum xfrm_db_work);
void xfrm_db_thread_wait(enum xfrm_db_work);

/* Ends the thread.  What it holds stays until xfrm_db_thread_destroy(). */
void xfrm_db_thread_stop(void);
void xfrm_db_thread_destroy(void);

#endif /* xfrm-db-thread.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_HUSH_H
#define XFRM_DB_HUSH_H 1

/* Keeps keys out of the log while messages of OVS_XFRM are dealt with.
 *
 * Above: xfrm-db and xfrm-db-feed, which hush, and ovs-vswitchd.c, which runs commands
 * that change log levels.  Below: Open vSwitch's vlog. */

#include <stdbool.h>

/* Between these two, no module of Open vSwitch writes whole messages.  With
 * 'terminal', nor does anything go to stderr of how the connection fares: the
 * daemon has not detached yet, and whoever started it looks on.  For one
 * thread. */
void xfrm_db_hush(bool terminal);
void xfrm_db_unhush(void);

/* Commands, which may change log levels, run only between these two, which
 * never are between the two above.  begin() returns false if that can't be now;
 * then xfrm_db_levels_wait() wakes the caller when it can, and until it has
 * tried again nobody can hush, or until it gives up. */
bool xfrm_db_levels_begin(void);
void xfrm_db_levels_end(void);
void xfrm_db_levels_wait(void);
void xfrm_db_levels_give_up(void);

#endif /* xfrm-db-hush.h */

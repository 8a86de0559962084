/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_CHARGE_H
#define XFRM_CHARGE_H 1

/* Whether this process is the ovs-vswitchd that is in charge. */

#include <stdbool.h>

struct ovsdb_idl;

bool xfrm_charge_is_ours(void);

/* The bridge is configured for the first time, and who started the daemon has
 * been told so: from now on there is no terminal to write to. */
bool xfrm_charge_is_complete(void);

/* In place of what bridge.c calls. */
bool xfrm_charge_has_lock(const struct ovsdb_idl *);
bool xfrm_charge_is_contended(const struct ovsdb_idl *);
void xfrm_charge_daemonize_complete(void);

#endif /* xfrm-charge.h */

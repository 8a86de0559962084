/* SPDX-License-Identifier: Apache-2.0 */

/* Of several ovs-vswitchd processes with one database the bridge lets one work,
 * by a lock in ovsdb-server, and makes the others wait until it ends.  What we
 * do beside the bridge must wait with it: two processes that both write status
 * columns would contradict each other for ever.
 *
 * The bridge tells nobody, so bridge.c is compiled with the two functions that
 * it asks about the lock replaced by those below, and the one by which it says
 * that all is configured.
 *
 * Above: ovs-vswitchd.c, bridge.c.  Below: ovsdb-idl. */

#include <config.h>

#include "daemon.h"
#include "ovsdb-idl.h"
#include "xfrm-charge.h"

static bool ours;
static bool complete;

/* While the server is away nobody has the lock, and nothing changes. */
bool
xfrm_charge_is_ours(void)
{
    return ours;
}

bool
xfrm_charge_has_lock(const struct ovsdb_idl *idl)
{
    bool has_lock = ovsdb_idl_has_lock(idl);

    ours |= has_lock;
    return has_lock;
}

bool
xfrm_charge_is_contended(const struct ovsdb_idl *idl)
{
    bool contended = ovsdb_idl_is_lock_contended(idl);

    ours &= !contended;
    return contended;
}

bool
xfrm_charge_is_complete(void)
{
    return complete;
}

void
xfrm_charge_daemonize_complete(void)
{
    daemonize_complete();
    complete = true;
}

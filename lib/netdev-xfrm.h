/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETDEV_XFRM_H
#define NETDEV_XFRM_H 1

/* The netdev provider "xfrm".
 *
 * netdev-xfrm.c makes the Linux device that an Interface row of type "xfrm"
 * asks for and declares the port to the engine, which does everything about
 * SAs and policies.  Every function here belongs to the main thread. */

#include <stdbool.h>

struct netdev;
struct svec;

/* Registers the class and starts the engine.  With 'dummy' true both work in
 * memory (ovs-vswitchd --enable-dummy). */
void netdev_xfrm_register(bool dummy);

/* Stops the engine.  netdev_xfrm_exiting() comes first: it tells whether the
 * closing of all netdevs that follows means that their ports are to go
 * ('cleanup') or that a restart is under way, which leaves the datapath
 * alone. */
void netdev_xfrm_exiting(bool cleanup);
void netdev_xfrm_unregister(void);

/* 'in_charge' is false while another process has the database: nothing of a
 * port that is closed then is removed. */
void netdev_xfrm_run(bool in_charge);
void netdev_xfrm_wait(void);

/* Returns true if 'name' is a configured port of ours and then sets '*errorp'
 * to what its row should show (malloc'd), or NULL. */
bool netdev_xfrm_get_error(const char *name, char **errorp);

/* Removes what rows that exist no more have left: 'names' are the names of
 * all Interface rows of type "xfrm" with good options. */
void netdev_xfrm_prune(const struct svec *names);

/* For dpif-netlink-xfrm.c: the netdev types that OVS's kernel dpif is to
 * see. */
const char *netdev_xfrm_dpif_type(const struct netdev *);
const char *netdev_xfrm_dpif_type_from_name(const char *name);

#endif /* netdev-xfrm.h */

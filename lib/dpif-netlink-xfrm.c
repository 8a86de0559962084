/* SPDX-License-Identifier: Apache-2.0 */

/* The one seam into Open vSwitch's kernel datapath.
 *
 * dpif-netlink.c chooses the kernel's vport type from the type of a netdev, and
 * refuses types that it has never heard of.  Here it is compiled with the two
 * functions that it asks renamed to functions of ours, which say "system" for a
 * port of class "xfrm" on the way down, and "xfrm" for a kernel port that is
 * one of ours on the way up.  Open vSwitch stays as it is; if a later version
 * asks in another way, this stops to compile or the tests fail.
 *
 * Above: ofproto, through the dpif interface.  Below: netdev-xfrm.c, which
 * answers. */

#include <config.h>

/* Before the names change: these headers declare what they replace. */
#include "netdev.h"
#include "lib/netdev-xfrm.h"

#define netdev_get_type netdev_xfrm_dpif_type
#define netdev_get_type_from_name netdev_xfrm_dpif_type_from_name

#include "dpif-netlink.c"

// SPDX-License-Identifier: GPL-2.0
/*
 * main.c: brings the parts of the module up and takes them down in reverse.
 *
 * The module serves the rtnl kind "xfrm" in place of the kernel's own
 * xfrm_interface and goes by the same module name.
 */
#include <linux/module.h>

#include "bundle.h"
#include "port.h"

static int __init xport_module_init(void)
{
	int err;

	err = xport_table_init();
	if (err)
		return err;
	err = xport_hold_init();
	if (err)
		goto table;
	xport_changes_init();
	err = xport_bundle_init();
	if (err)
		goto changes;
	err = xport_handlers_init();
	if (err)
		goto bundle;
	err = xport_encap_init();
	if (err)
		goto handlers;
	err = xport_link_init();
	if (err)
		goto encap;
	return 0;

encap:
	xport_encap_exit();
handlers:
	xport_handlers_exit();
bundle:
	xport_bundle_exit();
changes:
	xport_changes_exit();
	xport_hold_exit();
table:
	xport_table_exit();
	return err;
}

static void __exit xport_module_exit(void)
{
	xport_link_exit();
	xport_encap_exit();
	xport_handlers_exit();
	xport_bundle_exit();
	xport_changes_exit();
	xport_hold_exit();
	xport_table_exit();
}

module_init(xport_module_init);
module_exit(xport_module_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XPORT_VERSION);
MODULE_DESCRIPTION("XFRM interface for routed hosts and bridge ports");
MODULE_ALIAS_RTNL_LINK("xfrm");
MODULE_ALIAS_NETDEV("xfrm0");

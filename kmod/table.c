// SPDX-License-Identifier: GPL-2.0
/*
 * table.c: finds a port by namespace and if_id, in constant time however many
 * ports there are.
 *
 * One table serves all namespaces, so that no packet that is still in flight
 * can meet a table that went with its namespace.  Writers hold the RTNL,
 * readers an RCU read lock.
 */
#include "port.h"

static const struct rhashtable_params port_params = {
	.key_len = sizeof(struct xport_key),
	.key_offset = offsetof(struct xport, key),
	.head_offset = offsetof(struct xport, node),
	.automatic_shrinking = true,
};

static struct rhashtable ports;

int xport_table_init(void)
{
	BUILD_BUG_ON(sizeof(struct xport_key) != sizeof(void *) + sizeof(u64));
	return rhashtable_init(&ports, &port_params);
}

void xport_table_exit(void)
{
	rhashtable_destroy(&ports);
}

/* -EEXIST if the namespace has a port of that if_id. */
int xport_table_add(struct xport *port)
{
	return rhashtable_lookup_insert_fast(&ports, &port->node, port_params);
}

void xport_table_remove(struct xport *port)
{
	rhashtable_remove_fast(&ports, &port->node, port_params);
}

/*
 * Gives PORT another if_id.  Packets that arrive in between find no port and
 * are dropped, as they would be while a port is taken down.
 */
int xport_table_rekey(struct xport *port, u32 if_id)
{
	u32 old = xport_if_id(port);
	int err;

	if (if_id == old)
		return 0;
	if (xport_find_any(port->key.net, if_id))
		return -EEXIST;
	xport_table_remove(port);
	/* A reader may still stand on the node that is about to move. */
	synchronize_net();
	WRITE_ONCE(port->key.if_id, if_id);
	err = xport_table_add(port);
	if (err) {
		WRITE_ONCE(port->key.if_id, old);
		if (xport_table_add(port))
			netdev_err(port->dev,
				   "no memory to find this device by if_id\n");
	}
	return err;
}

struct xport *xport_find_any(struct net *net, u32 if_id)
{
	struct xport_key key = { .net = net, .if_id = if_id };

	return rhashtable_lookup_fast(&ports, &key, port_params);
}

/*
 * The port that packets of an SA with IF_ID belong to, or NULL.  SAs without
 * an if_id belong to no port.  The caller holds an RCU read lock.
 */
struct xport *xport_find(struct net *net, u32 if_id)
{
	struct xport *port;

	if (!if_id)
		return NULL;
	port = xport_find_any(net, if_id);
	return port ? port : xport_find_any(net, 0);
}

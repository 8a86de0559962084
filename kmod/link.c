// SPDX-License-Identifier: GPL-2.0
/*
 * link.c: the life of a port as a network device: rtnetlink, namespaces.
 *
 * A port stays tied to the namespace that it was created in, where its SAs
 * and policies are looked up, also after the device has moved to another.
 */
#include <linux/if_arp.h>
#include <linux/module.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "bundle.h"
#include "compat.h"
#include "port.h"

/* Room for outer header, UDP, ESP and IV, to spare copies on output. */
#define XPORT_HEADROOM (sizeof(struct ipv6hdr) + 8 + 8 + 16)

#define XPORT_FEATURES (NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | \
			NETIF_F_GSO_SOFTWARE)

/* Every port, under the RTNL. */
static LIST_HEAD(all_ports);

struct xport_config {
	u32 if_id;
	int link;
	bool external;
};

static void read_config(struct nlattr *data[], struct xport_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	if (!data)
		return;
	if (data[IFLA_XFRM_IF_ID])
		cfg->if_id = nla_get_u32(data[IFLA_XFRM_IF_ID]);
	if (data[IFLA_XFRM_LINK])
		cfg->link = nla_get_u32(data[IFLA_XFRM_LINK]);
	cfg->external = data[IFLA_XFRM_COLLECT_METADATA];
}

static int dev_init(struct net_device *dev)
{
	struct xport *port = netdev_priv(dev);
	struct net_device *below = NULL;
	int err;

	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats)
		return -ENOMEM;
	err = xport_stats_init(port);
	if (err)
		goto no_counters;
	ratelimit_state_init(&port->pmtu_limit, HZ / 10, 50);
	ratelimit_set_flags(&port->pmtu_limit, RATELIMIT_MSG_ON_RELEASE);

	dev->needed_headroom = XPORT_HEADROOM + LL_MAX_HEADER;
	if (port->link)
		below = __dev_get_by_index(port->key.net, port->link);
	if (below) {
		dev->needed_headroom = XPORT_HEADROOM + LL_RESERVED_SPACE(below);
		dev->needed_tailroom = below->needed_tailroom;
	}
	err = xport_table_add(port);
	if (err)
		goto no_place;
	list_add(&port->all, &all_ports);
	return 0;

no_place:
	xport_stats_free(port);
no_counters:
	free_percpu(dev->tstats);
	dev->tstats = NULL;
	return err;
}

static void dev_uninit(struct net_device *dev)
{
	struct xport *port = netdev_priv(dev);

	list_del(&port->all);
	xport_table_remove(port);
	/*
	 * A device that could not be registered is freed at once, and somebody
	 * may have found it meanwhile.
	 */
	if (dev->reg_state != NETREG_UNREGISTERING)
		synchronize_net();
	/* Its last packet was sent before the device went down. */
	xport_bundle_forget(port);
}

/* After the last reader is gone, unlike dev_uninit(). */
static void dev_destructor(struct net_device *dev)
{
	xport_stats_free(netdev_priv(dev));
	free_percpu(dev->tstats);
	dev->tstats = NULL;
}

static int dev_get_link(const struct net_device *dev)
{
	const struct xport *port = netdev_priv(dev);

	return READ_ONCE(port->link);
}

static const struct net_device_ops port_ops = {
	.ndo_init = dev_init,
	.ndo_uninit = dev_uninit,
	.ndo_start_xmit = xport_transmit,
	.ndo_get_stats64 = dev_get_tstats64,
	.ndo_get_iflink = dev_get_link,
};

bool xport_is_port(const struct net_device *dev)
{
	return dev->netdev_ops == &port_ops;
}

static void dev_setup(struct net_device *dev)
{
	dev->netdev_ops = &port_ops;
	dev->ethtool_ops = &xport_ethtool_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_NOARP;
	dev->addr_assign_type = NET_ADDR_RANDOM;
	dev->mtu = ETH_DATA_LEN;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU;
	dev->features |= XPORT_FEATURES;
	dev->hw_features |= XPORT_FEATURES;
	xport_set_lockless(dev);
	netif_keep_dst(dev);
	dev->needs_free_netdev = true;
}

static int check_config(const struct xport_config *cfg,
			struct netlink_ext_ack *extack)
{
	if (cfg->external) {
		if (cfg->if_id || cfg->link) {
			NL_SET_ERR_MSG(extack,
				       "an external interface takes no if_id and no underlying device");
			return -EINVAL;
		}
	} else if (!cfg->if_id) {
		NL_SET_ERR_MSG(extack, "if_id is required, 1 to 4294967295");
		return -EINVAL;
	}
	return 0;
}

static void refuse_twin(struct net *net, const struct xport_config *cfg,
			struct netlink_ext_ack *extack)
{
	if (cfg->external)
		NL_SET_ERR_MSG(extack,
			       "the namespace has an external interface already");
	else
		NL_SET_ERR_MSG(extack,
			       "another interface of the namespace has this if_id");
}

static int make_port(struct net_device *dev, struct nlattr *data[],
		     struct netlink_ext_ack *extack)
{
	struct xport *port = netdev_priv(dev);
	struct xport_config cfg;
	int err;

	read_config(data, &cfg);
	err = check_config(&cfg, extack);
	if (err)
		return err;
	if (xport_find_any(dev_net(dev), cfg.if_id)) {
		refuse_twin(dev_net(dev), &cfg, extack);
		return -EEXIST;
	}
	port->dev = dev;
	port->key.net = dev_net(dev);
	port->key.if_id = cfg.if_id;
	port->link = cfg.link;
	port->external = cfg.external;
	/* From here on the core frees the device through the destructor. */
	dev->priv_destructor = dev_destructor;
	return register_netdevice(dev);
}

XPORT_NEW_LINK(new_link, make_port)

static int change_link(struct net_device *dev, struct nlattr *tb[],
		       struct nlattr *data[], struct netlink_ext_ack *extack)
{
	struct xport *port = netdev_priv(dev);
	struct xport_config cfg;
	int err;

	read_config(data, &cfg);
	if (cfg.external || port->external) {
		NL_SET_ERR_MSG(extack,
			       "an external interface cannot be changed, nor made of another");
		return -EINVAL;
	}
	err = check_config(&cfg, extack);
	if (err)
		return err;
	if (cfg.if_id != xport_if_id(port) &&
	    xport_find_any(port->key.net, cfg.if_id)) {
		refuse_twin(port->key.net, &cfg, extack);
		return -EEXIST;
	}
	if (cfg.link != port->link) {
		NL_SET_ERR_MSG(extack,
			       "the underlying device of an interface cannot be changed");
		return -EINVAL;
	}
	err = xport_table_rekey(port, cfg.if_id);
	if (err)
		return err;
	netdev_state_change(dev);
	return 0;
}

static void del_link(struct net_device *dev, struct list_head *head)
{
	unregister_netdevice_queue(dev, head);
}

static size_t get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32)) +	/* IFLA_XFRM_LINK */
	       nla_total_size(sizeof(u32)) +	/* IFLA_XFRM_IF_ID */
	       nla_total_size(0);		/* IFLA_XFRM_COLLECT_METADATA */
}

static int fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct xport *port = netdev_priv(dev);

	if (nla_put_u32(skb, IFLA_XFRM_LINK, port->link) ||
	    nla_put_u32(skb, IFLA_XFRM_IF_ID, xport_if_id(port)) ||
	    (port->external &&
	     nla_put_flag(skb, IFLA_XFRM_COLLECT_METADATA)))
		return -EMSGSIZE;
	return 0;
}

static struct net *get_link_net(const struct net_device *dev)
{
	const struct xport *port = netdev_priv(dev);

	return READ_ONCE(port->key.net);
}

static const struct nla_policy link_policy[IFLA_XFRM_MAX + 1] = {
	[IFLA_XFRM_UNSPEC] = { .strict_start_type = IFLA_XFRM_COLLECT_METADATA },
	[IFLA_XFRM_LINK] = { .type = NLA_U32 },
	[IFLA_XFRM_IF_ID] = { .type = NLA_U32 },
	[IFLA_XFRM_COLLECT_METADATA] = { .type = NLA_FLAG },
};

struct rtnl_link_ops xport_link_ops __read_mostly = {
	.kind = "xfrm",
	.maxtype = IFLA_XFRM_MAX,
	.policy = link_policy,
	.priv_size = sizeof(struct xport),
	.setup = dev_setup,
	.newlink = new_link,
	.changelink = change_link,
	.dellink = del_link,
	.get_size = get_size,
	.fill_info = fill_info,
	.get_link_net = get_link_net,
};

/*
 * A port whose SAs go away goes too, wherever its device has moved.  All
 * namespaces that end are without references, so one pass serves the batch.
 */
static void net_exit_batch(struct list_head *nets)
{
	struct xport *port;
	LIST_HEAD(gone);

	rtnl_lock();
	list_for_each_entry(port, &all_ports, all)
		if (!check_net(port->key.net))
			unregister_netdevice_queue(port->dev, &gone);
	unregister_netdevice_many(&gone);
	rtnl_unlock();
}

/* A device operation: runs before those that take the devices away. */
static struct pernet_operations net_ops = {
	.exit_batch = net_exit_batch,
};

int xport_link_init(void)
{
	int err;

	err = register_pernet_device(&net_ops);
	if (err)
		return err;
	err = rtnl_link_register(&xport_link_ops);
	if (err)
		unregister_pernet_device(&net_ops);
	return err;
}

void xport_link_exit(void)
{
	rtnl_link_unregister(&xport_link_ops);
	unregister_pernet_device(&net_ops);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h: where the supported kernels (6.1, 6.12) differ.  Nothing else in
 * this directory asks for a kernel version.
 *
 * With what is here for later kernels the module compiles for 7.3; it has not
 * run there.
 */
#ifndef XPORT_COMPAT_H
#define XPORT_COMPAT_H

#include <linux/netdevice.h>
#include <linux/version.h>
#include <net/flow.h>
#include <net/inet_dscp.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>
#include <net/xfrm.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>
#endif

static inline int xport_decode_session(struct net *net, struct sk_buff *skb,
				       struct flowi *fl, unsigned int family)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return xfrm_decode_session(net, skb, fl, family);
#else
	return xfrm_decode_session(skb, fl, family);
#endif
}

/* Makes FN(dev, data, extack) what rtnetlink calls NAME for a new device. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define XPORT_NEW_LINK(NAME, FN) \
static int NAME(struct net_device *dev, struct rtnl_newlink_params *params, \
		struct netlink_ext_ack *extack) \
{ \
	return FN(dev, params->data, extack); \
}
#else
#define XPORT_NEW_LINK(NAME, FN) \
static int NAME(struct net *src_net, struct net_device *dev, \
		struct nlattr *tb[], struct nlattr *data[], \
		struct netlink_ext_ack *extack) \
{ \
	return FN(dev, data, extack); \
}
#endif

/* From 6.18 on a flow has the DSCP alone. */
static inline u8 xport_flow_tos(const struct flowi *fl)
{
#ifdef flowi4_dscp
	return inet_dscp_to_dsfield(fl->flowi_dscp);
#else
	return fl->flowi_tos;
#endif
}

static inline void xport_set_lockless(struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

/* Marks the tunnel key of INFO as one that carries an identifier. */
static inline void xport_set_tunnel_key(struct ip_tunnel_info *info)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	__set_bit(IP_TUNNEL_KEY_BIT, info->key.tun_flags);
#else
	info->key.tun_flags |= TUNNEL_KEY;
#endif
}

/* Whether the device does all of ESP for X.  Before 6.2 none does. */
static inline bool xport_is_packet_offload(const struct xfrm_state *x)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return x->xso.type == XFRM_DEV_OFFLOAD_PACKET;
#else
	return false;
#endif
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h: where the supported kernels (6.1, 6.12) differ.  Nothing else in
 * this directory asks for a kernel version.
 */
#ifndef XPORT_COMPAT_H
#define XPORT_COMPAT_H

#include <linux/netdevice.h>
#include <linux/version.h>
#include <net/ip_tunnels.h>
#include <net/xfrm.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define xport_decode_session(net, skb, fl, family) \
	xfrm_decode_session(net, skb, fl, family)
#else
#define xport_decode_session(net, skb, fl, family) \
	xfrm_decode_session(skb, fl, family)
#endif

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

#endif

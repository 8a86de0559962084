// SPDX-License-Identifier: GPL-2.0
/*
 * transmit.c: a packet that is sent into a port leaves through the outbound
 * policy of its if_id, or not at all.
 *
 * Stands above xfrm_lookup_with_ifid(), which resolves policy, SAs and outer
 * route.  It wants a route to start from.  In tunnel and BEET mode that route
 * has no influence on where the packet goes, so it is a stub and no route to
 * the inner destination needs to exist.  In transport mode it is the outer
 * route, and it must not lead back into the port.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dst_metadata.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "bundle.h"
#include "compat.h"
#include "port.h"

struct xport_way {
	struct net *net;
	struct flowi fl;
	u32 if_id;
	int link;
	unsigned short family;
};

/* The route of the packet itself, which transport mode does not change. */
static struct dst_entry *own_route(const struct xport_way *way)
{
	struct flowi fl = way->fl;
	struct dst_entry *dst;
	struct rtable *rt;

	if (way->family == AF_INET) {
		fl.u.ip4.flowi4_flags |= FLOWI_FLAG_ANYSRC;
		rt = __ip_route_output_key(way->net, &fl.u.ip4);
		return IS_ERR(rt) ? NULL : &rt->dst;
	}
	fl.u.ip6.flowi6_flags |= FLOWI_FLAG_ANYSRC;
	dst = ip6_route_output(way->net, NULL, &fl.u.ip6);
	if (dst->error) {
		dst_release(dst);
		return NULL;
	}
	return dst;
}

/* Resolves WAY, starting from ROUTE, whose reference it takes. */
static struct dst_entry *look_up(const struct xport_way *way,
				 struct dst_entry *route)
{
	struct flowi fl = way->fl;
	struct dst_entry *dst;

	dst_hold(route);
	dst = xfrm_lookup_with_ifid(way->net, route, &fl, NULL, 0, way->if_id);
	dst_release(route);
	return dst;
}

/*
 * Finds the bundle for WAY.  Returns NULL and sets *REASON if there is none
 * that the packet may take.
 */
static struct dst_entry *resolve(struct xport *port,
				 const struct xport_way *way,
				 enum xport_reason *reason)
{
	bool outer = READ_ONCE(port->outer_route);
	struct dst_entry *dst, *route, *path;
	bool again = false;

retry:
	route = outer ? own_route(way) : xport_stub_route(way->net, way->family);
	if (!route) {
		if (outer && !again) {
			/* The hint may be out of date. */
			outer = false;
			again = true;
			goto retry;
		}
		*reason = XPORT_TX_NO_ROUTE;
		return NULL;
	}
	if (outer && route->dev == port->dev) {
		dst_release(route);
		if (!again) {
			outer = false;
			again = true;
			goto retry;
		}
		*reason = XPORT_TX_LOOP;
		return NULL;
	}
	/* Only compared with, never looked into, once look_up() returned. */
	path = route;
	dst = look_up(way, route);
	if (IS_ERR(dst)) {
		switch (PTR_ERR(dst)) {
		case -EAGAIN:
		case -EREMOTE:
			*reason = XPORT_TX_NO_SA;
			break;
		case -EPERM:
			*reason = XPORT_TX_NO_POLICY;
			break;
		default:
			*reason = XPORT_TX_NO_ROUTE;
		}
		return NULL;
	}
	/* Without a policy the lookup hands back what it was given. */
	if (!dst->xfrm) {
		dst_release(dst);
		*reason = XPORT_TX_NO_POLICY;
		return NULL;
	}
	if (!outer && xfrm_dst_path(dst) == path) {
		/* Transport mode only: the stub leads nowhere. */
		dst_release(dst);
		if (again) {
			/* The own route was tried first and was no good. */
			*reason = XPORT_TX_LOOP;
			return NULL;
		}
		outer = true;
		again = true;
		goto retry;
	}
	if (outer != READ_ONCE(port->outer_route))
		WRITE_ONCE(port->outer_route, outer);
	if (outer && !again && xfrm_dst_path(dst) != path) {
		/* The hint was wrong; the route must not limit the MTU. */
		dst_release(dst);
		WRITE_ONCE(port->outer_route, false);
		outer = false;
		again = true;
		goto retry;
	}
	if (dst->xfrm->if_id != way->if_id) {
		dst_release(dst);
		*reason = XPORT_TX_NO_SA;
		return NULL;
	}
	if (dst->dev == port->dev) {
		dst_release(dst);
		*reason = XPORT_TX_LOOP;
		return NULL;
	}
	return dst;
}

static void make_key(struct xport_bundle_key *key, const struct xport *port,
		     const struct xport_way *way)
{
	const struct flowi *fl = &way->fl;

	memset(key, 0, sizeof(*key));
	key->port = port;
	key->mark = fl->flowi_mark;
	key->secid = fl->flowi_secid;
	key->if_id = way->if_id;
	key->link = way->link;
	key->family = way->family;
	key->proto = fl->flowi_proto;
	key->tos = xport_flow_tos(fl);
	BUILD_BUG_ON(sizeof(fl->u.ip4.uli) != sizeof(key->uli));
	if (way->family == AF_INET) {
		key->saddr.s6_addr32[0] = fl->u.ip4.saddr;
		key->daddr.s6_addr32[0] = fl->u.ip4.daddr;
		memcpy(&key->uli, &fl->u.ip4.uli, sizeof(key->uli));
	} else {
		key->saddr = fl->u.ip6.saddr;
		key->daddr = fl->u.ip6.daddr;
		key->flowlabel = fl->u.ip6.flowlabel;
		memcpy(&key->uli, &fl->u.ip6.uli, sizeof(key->uli));
	}
}

/* The bundle for WAY, remembered or resolved; NULL with *REASON set. */
static struct dst_entry *find_bundle(struct xport *port,
				     const struct xport_way *way,
				     enum xport_reason *reason)
{
	struct xport_bundle_key key;
	struct dst_entry *dst;
	int genid;

	make_key(&key, port, way);
	dst = xport_bundle_find(way->net, &key);
	if (dst)
		return dst;
	/* Read first: what changes from here on makes the entry useless. */
	genid = rt_genid_ipv4(way->net);
	/* Pairs with the full barrier in the increment of the number. */
	smp_rmb();
	dst = resolve(port, way, reason);
	if (dst)
		xport_bundle_keep(&key, dst, genid);
	return dst;
}

/*
 * Checks the header, since what comes from a bridge was checked by nobody,
 * and cuts the padding of short Ethernet frames, which transport mode would
 * make part of the payload.
 */
static bool take_header(struct sk_buff *skb, unsigned short *family)
{
	unsigned int len, min;

	skb_reset_network_header(skb);
	if (skb->protocol == htons(ETH_P_IP)) {
		if (!pskb_may_pull(skb, sizeof(struct iphdr)))
			return false;
		min = ip_hdr(skb)->ihl * 4;
		if (ip_hdr(skb)->version != 4 || min < sizeof(struct iphdr) ||
		    !pskb_may_pull(skb, min))
			return false;
		len = ntohs(ip_hdr(skb)->tot_len);
		*family = AF_INET;
	} else {
		min = sizeof(struct ipv6hdr);
		if (!pskb_may_pull(skb, min) || ipv6_hdr(skb)->version != 6)
			return false;
		len = min + ntohs(ipv6_hdr(skb)->payload_len);
		*family = AF_INET6;
	}
	if (skb_is_gso(skb))
		return true;
	return len >= min && len <= skb->len &&
	       !pskb_trim_rcsum(skb, len);
}

/* Where an external port's packet says it wants to go. */
static bool read_metadata(const struct sk_buff *skb, struct xport_way *way)
{
	const struct xfrm_md_info *md = skb_xfrm_md_info(skb);
	const struct ip_tunnel_info *tun;

	if (md) {
		way->if_id = md->if_id;
		way->link = md->link;
		return way->if_id;
	}
	/* Open vSwitch knows tunnel keys only. */
	tun = skb_tunnel_info(skb);
	if (tun && tun->mode & IP_TUNNEL_INFO_TX) {
		way->if_id = be32_to_cpu(tunnel_id_to_key32(tun->key.tun_id));
		way->link = 0;
		return way->if_id;
	}
	return false;
}

/* Whether the sender has to learn that SKB is too big for MTU. */
static bool too_big(const struct sk_buff *skb, unsigned short family, u32 mtu)
{
	if (xport_fits(skb, mtu))
		return false;
	/* What may be fragmented is, after encryption. */
	return family == AF_INET6 || ip_hdr(skb)->frag_off & htons(IP_DF) ||
	       skb_is_gso(skb);
}

static enum xport_reason send(struct xport *port, struct sk_buff *skb)
{
	struct xport_way way = { .net = port->key.net };
	enum xport_reason reason = XPORT_TX_NO_ROUTE;
	struct dst_entry *dst;
	unsigned int len;
	u32 mtu;
	int err;

	if (!take_header(skb, &way.family))
		return XPORT_TX_MALFORMED;
	if (port->external) {
		if (!read_metadata(skb, &way))
			return XPORT_TX_NO_KEY;
	} else {
		way.if_id = xport_if_id(port);
		way.link = READ_ONCE(port->link);
	}
	memset(skb->cb, 0, max(sizeof(struct inet_skb_parm),
			       sizeof(struct inet6_skb_parm)));
	if (way.family == AF_INET6) {
		/* decode_session() finds ports by the first next header. */
		IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
	}
	if (xport_decode_session(way.net, skb, &way.fl, way.family))
		return XPORT_TX_MALFORMED;
	way.fl.flowi_oif = way.link;

	dst = find_bundle(port, &way, &reason);
	if (!dst)
		return reason;

	mtu = min_t(u32, dst_mtu(dst), READ_ONCE(port->dev->mtu));
	if (way.family == AF_INET6)
		mtu = max_t(u32, mtu, IPV6_MIN_MTU);
	if (too_big(skb, way.family, mtu)) {
		dst_release(dst);
		xport_pmtu_answer(port, skb, mtu);
		return XPORT_TX_TOO_BIG;
	}

	len = skb->len;
	skb_scrub_packet(skb, !net_eq(way.net, dev_net(port->dev)));
	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	skb->dev = dst->dev;
	/* Takes the packet, whatever it returns. */
	err = dst_output(way.net, skb->sk, skb);
	if (net_xmit_eval(err) == 0) {
		dev_sw_netstats_tx_add(port->dev, 1, len);
		return XPORT_N_REASONS;
	}
	DEV_STATS_INC(port->dev, tx_errors);
	DEV_STATS_INC(port->dev, tx_aborted_errors);
	xport_count(port, XPORT_TX_OUTPUT);
	return XPORT_N_REASONS;
}

netdev_tx_t xport_transmit(struct sk_buff *skb, struct net_device *dev)
{
	struct xport *port = netdev_priv(dev);
	enum xport_reason reason = XPORT_TX_PROTOCOL;

	if (skb->protocol == htons(ETH_P_IP) ||
	    skb->protocol == htons(ETH_P_IPV6))
		reason = send(port, skb);
	if (reason == XPORT_N_REASONS)
		return NETDEV_TX_OK;

	xport_count(port, reason);
	DEV_STATS_INC(dev, tx_errors);
	DEV_STATS_INC(dev, tx_dropped);
	if (reason == XPORT_TX_LOOP)
		DEV_STATS_INC(dev, collisions);
	else if (reason != XPORT_TX_TOO_BIG)
		DEV_STATS_INC(dev, tx_carrier_errors);
	if ((reason == XPORT_TX_NO_ROUTE || reason == XPORT_TX_NO_SA ||
	     reason == XPORT_TX_NO_POLICY) && skb_valid_dst(skb))
		dst_link_failure(skb);
	kfree_skb(skb);
	return NETDEV_TX_OK;
}

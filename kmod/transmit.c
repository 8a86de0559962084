// SPDX-License-Identifier: GPL-2.0
/*
 * transmit.c: a packet that is sent into a port leaves through the outbound
 * policy of its if_id, or not at all.
 *
 * Stands above xfrm_lookup_with_ifid(), which resolves policy, SAs and outer
 * route.  It wants a route to start from.  In tunnel and BEET mode that route
 * has no influence on where the packet goes, so any serves and no route to the
 * inner destination needs to exist.  In transport mode it is the outer
 * route, and it must not lead back into the port.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <net/dst_metadata.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "bundle.h"
#include "compat.h"
#include "port.h"

/* Where a packet wants to go. */
struct xport_goal {
	struct net *net;
	u32 if_id;
	int link;
	unsigned short family;
};

/* The same as the kernel's lookup wants it: large, so only for who needs it. */
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
	/* Why the own route was no good, if it was tried first. */
	enum xport_reason own = XPORT_TX_NO_ROUTE;
	struct dst_entry *dst, *route, *path;
	bool again = false;

retry:
	route = outer ? own_route(way)
		      : xport_placeholder(way->net, way->family);
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
			own = XPORT_TX_LOOP;
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
		/* Transport mode only, and that route leads nowhere. */
		dst_release(dst);
		if (again) {
			*reason = own;
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

/* KEY of the flow that was decoded. */
static void make_key(struct xport_bundle_key *key, const struct xport_way *way)
{
	const struct flowi *fl = &way->fl;

	key->mark = fl->flowi_mark;
	key->secid = fl->flowi_secid;
	key->proto = fl->flowi_proto;
	key->tos = xport_flow_tos(fl);
	BUILD_BUG_ON(sizeof(fl->u.ip4.uli) != sizeof(key->uli));
	if (way->family == AF_INET) {
		key->saddr4 = fl->u.ip4.saddr;
		key->daddr4 = fl->u.ip4.daddr;
		memcpy(&key->uli, &fl->u.ip4.uli, sizeof(key->uli));
	} else {
		key->saddr6 = fl->u.ip6.saddr;
		key->daddr6 = fl->u.ip6.daddr;
		key->flowlabel = fl->u.ip6.flowlabel;
		key->zero = 0;
		memcpy(&key->uli, &fl->u.ip6.uli, sizeof(key->uli));
	}
}

/*
 * The same KEY as make_key() would find, for the packets that nearly all are,
 * without decoding them for the kernel's lookup first.  False for all others.
 */
static bool read_key(struct xport_bundle_key *key, struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	unsigned int ihl = iph->ihl * 4;
	const u8 *l4;
	u32 uli = 0;

	/* A security label comes from the path. */
	if (skb->protocol != htons(ETH_P_IP) || ip_is_fragment(iph) ||
	    secpath_exists(skb))
		return false;
	switch (iph->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		if (!pskb_may_pull(skb, ihl + 4))
			return false;
		iph = ip_hdr(skb);
		l4 = (const u8 *)iph + ihl;
		memcpy(&uli, l4, 4);
		break;
	default:
		return false;
	}
	key->uli = uli;
	key->mark = skb->mark;
	key->secid = 0;
	key->proto = iph->protocol;
	key->tos = iph->tos & ~INET_ECN_MASK;
	key->saddr4 = iph->saddr;
	key->daddr4 = iph->daddr;
	return true;
}

static bool decode(struct xport_way *way, struct sk_buff *skb)
{
	if (way->family == AF_INET6) {
		/* decode_session() finds ports by the first next header. */
		IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
	}
	if (xport_decode_session(way->net, skb, &way->fl, way->family))
		return false;
	way->fl.flowi_oif = way->link;
	return true;
}

/*
 * The bundle for SKB by the kernel's lookup, unless KEY has to be decoded first
 * and the bundle for it is remembered.  Not inline: all that this needs would be
 * zeroed for every packet.
 */
static noinline struct dst_entry *
decode_and_find(struct xport *port, const struct xport_goal *goal,
		struct sk_buff *skb, struct xport_bundle_key *key,
		bool have_key, enum xport_reason *reason)
{
	struct xport_way way = {
		.net = goal->net,
		.if_id = goal->if_id,
		.link = goal->link,
		.family = goal->family,
	};
	struct xport_bundle_moment moment;
	struct dst_entry *dst;

	if (!decode(&way, skb)) {
		*reason = XPORT_TX_MALFORMED;
		return NULL;
	}
	if (!have_key) {
		make_key(key, &way);
		dst = xport_bundle_find(way.net, key);
		if (dst)
			return dst;
	}
	xport_bundle_moment(way.net, &moment);
	dst = resolve(port, &way, reason);
	if (dst)
		xport_bundle_keep(way.net, key, dst, &moment);
	return dst;
}

/* The bundle for SKB, remembered or resolved; NULL with *REASON set. */
static struct dst_entry *find_bundle(struct xport *port,
				     const struct xport_goal *goal,
				     struct sk_buff *skb,
				     enum xport_reason *reason)
{
	struct xport_bundle_key key;
	struct dst_entry *dst;
	bool have_key;

	key.port = port;
	key.if_id = goal->if_id;
	key.link = goal->link;
	key.family = goal->family;
	have_key = read_key(&key, skb);
	if (have_key) {
		dst = xport_bundle_find(goal->net, &key);
		if (dst)
			return dst;
	}
	return decode_and_find(port, goal, skb, &key, have_key, reason);
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
	/* Where a bridge found nothing that it knows, it has set none. */
	if (!skb_transport_header_was_set(skb))
		skb_set_transport_header(skb, skb_network_offset(skb) + min);
	if (skb_is_gso(skb))
		return true;
	return len >= min && len <= skb->len &&
	       !pskb_trim_rcsum(skb, len);
}

/* Where an external port's packet says it wants to go. */
static bool read_metadata(const struct sk_buff *skb, struct xport_goal *goal)
{
	const struct xfrm_md_info *md = skb_xfrm_md_info(skb);
	const struct ip_tunnel_info *tun;

	if (md) {
		goal->if_id = md->if_id;
		goal->link = md->link;
		return goal->if_id;
	}
	/* Open vSwitch knows tunnel keys only. */
	tun = skb_tunnel_info(skb);
	if (tun && tun->mode & IP_TUNNEL_INFO_TX) {
		goal->if_id = be32_to_cpu(tunnel_id_to_key32(tun->key.tun_id));
		goal->link = 0;
		return goal->if_id;
	}
	return false;
}

/*
 * How long SKB may be, which is to take DST.  In BEET mode the kernel takes the
 * outer header's length for the inner one's, which ESP leaves out, and so rounds
 * down to the cipher's blocks at another place than the packet will: for IPv4 the
 * result may be too long.
 */
static u32 path_mtu(const struct sk_buff *skb, const struct dst_entry *dst,
		    unsigned short family)
{
	struct xfrm_state *x = dst->xfrm;
	u32 mtu = dst_mtu(dst), longer, exact;

	if (x->props.mode != XFRM_MODE_BEET || family != AF_INET)
		return mtu;
	longer = x->props.family == AF_INET ? 0 : sizeof(struct ipv6hdr) -
						  sizeof(struct iphdr);
	/*
	 * The kernel puts this aside, and room for the header that replaces
	 * options, whether there are any or not.
	 */
	exact = xfrm_state_mtu(x, dst_mtu(xfrm_dst_child(dst)) + longer +
				  IPV4_BEET_PHMAXLEN) - longer;
	if (ip_hdr(skb)->ihl > 5)
		exact -= IPV4_BEET_PHMAXLEN;
	return min(mtu, exact);
}

/*
 * Whether the sender has to learn that SKB, which is to take DST, is too big for
 * MTU.
 */
static bool too_big(const struct sk_buff *skb, const struct dst_entry *dst,
		    unsigned short family, u32 mtu)
{
	if (xport_fits(skb, mtu))
		return false;
	/*
	 * What may be fragmented is, after encryption; a large segment is cut
	 * before, but not by a device that does all of ESP.
	 */
	return family == AF_INET6 || ip_hdr(skb)->frag_off & htons(IP_DF) ||
	       (skb_is_gso(skb) && xport_is_packet_offload(dst->xfrm));
}

/* What the kernel's output of IPv6 packets does but for their size. */
static int output_whole(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	if (unlikely(!skb_dst(skb)->xfrm)) {
		/* A netfilter hook has taken another route. */
		IP6CB(skb)->flags |= IP6SKB_REROUTED;
		return dst_output(net, sk, skb);
	}
	return xfrm_output(sk, skb);
}

/*
 * Gives SKB, which has its bundle, to the SA; takes it, whatever it returns.
 * NARROW: IPv6 must carry it and the path, with what ESP adds, does not.  Then it
 * is cut behind ESP.  In tunnel mode the kernel would cut it before, though it may
 * be another host's; in the other modes it is for us to allow it.
 */
static int output(struct net *net, struct sk_buff *skb, bool narrow)
{
	struct sock *sk = skb_to_full_sk(skb);
	struct dst_entry *dst = skb_dst(skb);

	if (narrow && dst->xfrm->props.mode == XFRM_MODE_TUNNEL)
		return NF_HOOK(NFPROTO_IPV6, NF_INET_POST_ROUTING, net, sk, skb,
			       skb->dev, dst->dev, output_whole);
	if (narrow)
		skb->ignore_df = 1;
	return dst_output(net, sk, skb);
}

static enum xport_reason send(struct xport *port, struct sk_buff *skb)
{
	enum xport_reason reason;
	struct xport_goal goal;
	struct dst_entry *dst;
	unsigned int len;
	u32 mtu, path;
	int err;

	goal.net = port->key.net;
	if (!take_header(skb, &goal.family))
		return XPORT_TX_MALFORMED;
	if (port->external) {
		if (!read_metadata(skb, &goal))
			return XPORT_TX_NO_KEY;
	} else {
		goal.if_id = xport_if_id(port);
		goal.link = READ_ONCE(port->link);
	}
	memset(skb->cb, 0, max(sizeof(struct inet_skb_parm),
			       sizeof(struct inet6_skb_parm)));
	dst = find_bundle(port, &goal, skb, &reason);
	if (!dst)
		return reason;

	path = path_mtu(skb, dst, goal.family);
	mtu = min_t(u32, path, READ_ONCE(port->dev->mtu));
	if (goal.family == AF_INET6)
		mtu = max_t(u32, mtu, IPV6_MIN_MTU);
	if (too_big(skb, dst, goal.family, mtu)) {
		dst_release(dst);
		xport_pmtu_answer(port, skb, mtu);
		return XPORT_TX_TOO_BIG;
	}
	/*
	 * A bridge that sends a packet to several ports gives each the same
	 * bytes.  What is before the payload becomes ours alone.
	 */
	if (skb_cow_head(skb, dst->header_len + LL_RESERVED_SPACE(dst->dev))) {
		dst_release(dst);
		return XPORT_TX_NO_MEMORY;
	}

	len = skb->len;
	skb_scrub_packet(skb, !net_eq(goal.net, dev_net(port->dev)));
	skb_dst_set(skb, dst);
	skb->dev = dst->dev;
	/*
	 * A socket of this host makes the kernel look for a neighbour of the
	 * inner address in the underlay.  Behind a bridge there is none, though
	 * the socket may be on this host, in a container.
	 */
	if (xport_is_packet_offload(dst->xfrm) &&
	    rcu_access_pointer(port->dev->rx_handler))
		skb_orphan(skb);
	err = output(goal.net, skb,
		     goal.family == AF_INET6 && path < IPV6_MIN_MTU);
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

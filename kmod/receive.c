// SPDX-License-Identifier: GPL-2.0
/*
 * receive.c: a packet that an SA has decrypted becomes one that its port
 * received.
 *
 * The stack checks the inbound policy of what it delivers.  Nobody does for a
 * device whose packets a bridge takes (any rx_handler), or that has moved to
 * another namespace: there the check happens here, for every packet, with no
 * verdict remembered, since the kernel has no number that moves with every
 * change of a policy.
 *
 * Stands below handlers.c, which the kernel gives its packets.
 */
#include <linux/module.h>
#include <net/dst_metadata.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/xfrm.h>
#include <linux/snmp.h>

#include "compat.h"
#include "port.h"
#include "receive.h"

/* ------------------------------------------------------------------------
 * Which port a packet belongs to, as the policy code asks.
 */

static bool decode_session(struct sk_buff *skb, unsigned short family,
			   struct xfrm_if_decode_session_result *res)
{
	struct net_device *dev = skb->dev;
	struct xport *port;
	int slave = 0;

	if (!dev || !secpath_exists(skb) || !skb_sec_path(skb)->len)
		return false;
	/* Behind a VRF the packet's device is the VRF. */
	if (family == AF_INET)
		slave = inet_sdif(skb);
	else if (family == AF_INET6)
		slave = inet6_sdif(skb);
	if (slave)
		dev = dev_get_by_index_rcu(dev_net(dev), slave);
	if (!dev || !(dev->flags & IFF_UP) || !xport_is_port(dev))
		return false;

	port = netdev_priv(dev);
	res->net = port->key.net;
	res->if_id = port->external ? xfrm_input_state(skb)->if_id
				    : xport_if_id(port);
	return true;
}

const struct xfrm_if_cb xport_if_cb = {
	.decode_session = decode_session,
};

/* ------------------------------------------------------------------------
 * Inbound policy.
 */

static void count_dropped(struct xport *port, enum xport_reason reason)
{
	xport_count(port, reason);
	DEV_STATS_INC(port->dev, rx_dropped);
}

#ifdef CONFIG_XFRM_STATISTICS
/* The kernel says why it refuses in its own counters only. */
static const struct {
	int mib;
	enum xport_reason reason;
} verdicts[] = {
	{ LINUX_MIB_XFRMINNOPOLS, XPORT_RX_NO_POLICY },
	{ LINUX_MIB_XFRMINSTATEMISMATCH, XPORT_RX_SELECTOR },
	{ LINUX_MIB_XFRMINTMPLMISMATCH, XPORT_RX_TEMPLATE },
	{ LINUX_MIB_XFRMINPOLBLOCK, XPORT_RX_DISCARD },
};

static unsigned long verdict_count(struct net *net, int i)
{
	return this_cpu_read(net->mib.xfrm_statistics->mibs[verdicts[i].mib]);
}
#endif

/* Why SKB, which an SA of NET has refused, was refused. */
static enum xport_reason refusal(const struct sk_buff *skb, struct net *net)
{
	const struct hand *hand = this_cpu_ptr(&xport_in_hand);

	return hand->skb == skb &&
	       hand->before.mode != xport_refused_so_far(net).mode
	       ? XPORT_RX_MODE : XPORT_RX_TRANSFORM;
}

/*
 * The kernel takes crypto offload of the SA for permission where there is no
 * policy.  Where a policy has permitted a packet of tunnel or BEET mode, the
 * last SA is one of those that it has verified.
 */
static bool has_policy(struct sk_buff *skb, bool transport)
{
	const struct sec_path *sp = skb_sec_path(skb);

	return transport || sp->verified_cnt == sp->len;
}

/* Called with BHs off: this CPU's counters move for this packet only. */
static bool policy_allows(struct xport *port, struct sk_buff *skb,
			  unsigned short family, bool transport)
{
	enum xport_reason reason = XPORT_RX_POLICY;
#ifdef CONFIG_XFRM_STATISTICS
	unsigned long before[ARRAY_SIZE(verdicts)];
	int i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++)
		before[i] = verdict_count(port->key.net, i);
#endif
	/*
	 * Not xfrm_policy_check(), which lets devices and routes opt out and
	 * takes no policy at all for permission.
	 */
	if (__xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, family)) {
		if (has_policy(skb, transport))
			return true;
#ifdef CONFIG_XFRM_STATISTICS
		SNMP_INC_STATS(port->key.net->mib.xfrm_statistics,
			       LINUX_MIB_XFRMINNOPOLS);
#endif
		reason = XPORT_RX_NO_POLICY;
	}
#ifdef CONFIG_XFRM_STATISTICS
	for (i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (verdict_count(port->key.net, i) != before[i])
			reason = verdicts[i].reason;
#endif
	count_dropped(port, reason);
	return false;
}

/* ------------------------------------------------------------------------
 * Delivery.
 */

/*
 * Makes the policy check see the inner packet and nothing of the outer one,
 * whose control block (offset of the next header, VRF) and connection are
 * still attached.  In transport mode both packets have one IP header, and the
 * offset stays true.
 */
static void forget_outer(struct sk_buff *skb, unsigned short family,
			 bool transport)
{
	nf_reset_ct(skb);
	if (!transport)
		memset(skb->cb, 0, max(sizeof(struct inet_skb_parm),
				       sizeof(struct inet6_skb_parm)));
	else if (family == AF_INET)
		IPCB(skb)->flags &= ~IPSKB_L3SLAVE;
	else
		IP6CB(skb)->flags &= ~IP6SKB_L3SLAVE;
}

/*
 * Checks the inner header, which a bridge may use without another look, and
 * cuts what the sender has put behind the packet (RFC 4303, 2.7).
 */
static bool inner_header_ok(struct sk_buff *skb, unsigned short family)
{
	unsigned int len, min;

	if (family == AF_INET) {
		if (!pskb_may_pull(skb, sizeof(struct iphdr)))
			return false;
		min = ip_hdr(skb)->ihl * 4;
		len = ntohs(ip_hdr(skb)->tot_len);
		if (ip_hdr(skb)->version != 4 || min < sizeof(struct iphdr) ||
		    len < min || !pskb_may_pull(skb, min))
			return false;
	} else {
		min = sizeof(struct ipv6hdr);
		if (!pskb_may_pull(skb, min) || ipv6_hdr(skb)->version != 6)
			return false;
		len = min + ntohs(ipv6_hdr(skb)->payload_len);
	}
	return len <= skb->len && !pskb_trim_rcsum(skb, len);
}

/*
 * Transport mode: the IP header still names the protocol of the SA.  Writes
 * the one that was inside, as the stack will in a moment.
 */
static void uncover_protocol(struct sk_buff *skb, unsigned short family)
{
	u8 protocol = XFRM_MODE_SKB_CB(skb)->protocol;

	if (family == AF_INET)
		ip_hdr(skb)->protocol = protocol;
	else
		skb_network_header(skb)[IP6CB(skb)->nhoff] = protocol;
}

/* Transport mode: puts the IP header before the payload again. */
static void restore_header(struct sk_buff *skb, unsigned short family)
{
	unsigned int header = skb->data - skb_network_header(skb);

	__skb_push(skb, header);
	if (family == AF_INET) {
		ip_hdr(skb)->tot_len = htons(skb->len);
		ip_send_check(ip_hdr(skb));
		skb->protocol = htons(ETH_P_IP);
	} else {
		ipv6_hdr(skb)->payload_len =
			htons(skb->len - sizeof(struct ipv6hdr));
		/* Unlike IPv4's, this header does not sum up to nothing. */
		skb_postpush_rcsum(skb, skb_network_header(skb), header);
		skb->protocol = htons(ETH_P_IPV6);
	}
	skb->pkt_type = PACKET_HOST;
}

/* SKB, which is whole, arrives at its device. */
static void arrive(struct sk_buff *skb)
{
	skb_reset_mac_header(skb);
	skb_reset_mac_len(skb);
	nf_reset_ct(skb);
	if (skb_valid_dst(skb))
		skb_dst_drop(skb);
	netif_rx(skb);
}

static bool attach_metadata(struct sk_buff *skb, u32 if_id, int link,
			    bool bridge)
{
	struct metadata_dst *md;

	md = metadata_dst_alloc(0, bridge ? METADATA_IP_TUNNEL : METADATA_XFRM,
				GFP_ATOMIC);
	if (!md)
		return false;
	if (bridge) {
		md->u.tun_info.key.tun_id =
			key32_to_tunnel_id(cpu_to_be32(if_id));
		xport_set_tunnel_key(&md->u.tun_info);
	} else {
		md->u.xfrm_info.if_id = if_id;
		md->u.xfrm_info.link = link;
	}
	skb_dst_drop(skb);
	skb_dst_set(skb, &md->dst);
	return true;
}

/*
 * Makes SKB a packet of PORT, which X was the last SA of: 0, or a negative errno
 * and it is counted as dropped.  A bridge takes PORT's packets if BRIDGE, which
 * is asked once for a packet: it may change at any time.  *WHOLE becomes true
 * if it is a packet of transport mode for a bridge, with its IP header back in
 * place.
 */
static int take(struct xport *port, struct sk_buff *skb,
		const struct xfrm_state *x, bool bridge, bool *whole)
{
	bool transport = x->props.mode == XFRM_MODE_TRANSPORT;
	struct net_device *dev = port->dev;
	unsigned int len = skb->len;
	int link = skb->dev->ifindex;
	unsigned short family;
	bool moved;

	*whole = false;
	skb->dev = dev;
	moved = !net_eq(port->key.net, dev_net(dev));
	if (bridge || moved) {
		if (transport)
			family = x->props.family;
		else
			family = skb->protocol == htons(ETH_P_IP) ? AF_INET
								  : AF_INET6;
		if (!transport && bridge && !inner_header_ok(skb, family)) {
			xport_count_bad(port, XPORT_RX_MALFORMED);
			return -EINVAL;
		}
		forget_outer(skb, family, transport);
		if (transport)
			uncover_protocol(skb, family);
		if (!policy_allows(port, skb, family, transport))
			return -EPERM;
	}
	if (moved && !bridge)
		skb_scrub_packet(skb, true);
	else if (moved)
		skb->mark = 0;
	/* The stack routes it anew, as a packet that came in by this device. */
	if (transport && !bridge)
		skb_dst_drop(skb);
	if (port->external && !attach_metadata(skb, x->if_id, link, bridge)) {
		count_dropped(port, XPORT_RX_NO_MEMORY);
		return -ENOMEM;
	}
	if (bridge && transport) {
		restore_header(skb, family);
		secpath_reset(skb);
		*whole = true;
	}
	dev_sw_netstats_rx_add(dev, len);
	return 0;
}

/*
 * Whether GRO may have SKB, of which the stack is going to ask by which SA it
 * came.  GRO looks through the headers of tunnels.  Where it comes to one of ESP,
 * with esp4_offload or esp6_offload loaded, it finds that the packet has come by
 * an SA already, and gives it back without its path, so that no policy is asked
 * at all.  Behind TCP there is no other header.
 */
static bool gro_may_have(const struct sk_buff *skb, bool transport)
{
	u8 protocol;

	if (transport)
		protocol = XFRM_MODE_SKB_CB(skb)->protocol;
	else if (skb->protocol == htons(ETH_P_IP))
		protocol = ip_hdr(skb)->protocol;
	else
		protocol = ipv6_hdr(skb)->nexthdr;
	return protocol == IPPROTO_TCP;
}

/*
 * Whether xfrm_input() goes on with SKB itself once it is a packet of PORT,
 * whose packets a bridge takes if BRIDGE.
 *
 * Not in transport mode into a bridge: it would route the packet to its own
 * address.  Nor with metadata, which IPv4 takes for a route that leads nowhere.
 * Nor what GRO, which it would get into, must not have.
 * And not behind a cipher that has worked asynchronously: there
 * xfrm_input() holds the device below and lets go of the device that the packet
 * has *then*.
 */
static bool goes_on(const struct xport *port, struct sk_buff *skb,
		    const struct xfrm_state *x, bool bridge)
{
	bool transport = x->props.mode == XFRM_MODE_TRANSPORT;
	const struct xfrm_offload *xo = xfrm_offload(skb);
	bool from_gro = xo && xo->flags & XFRM_GRO;

	if (transport && (bridge || port->external))
		return false;
	if ((!transport || from_gro) && !bridge &&
	    !gro_may_have(skb, transport))
		return false;
	if (likely(this_cpu_read(xport_in_hand.skb) == skb))
		return true;
	/*
	 * GRO calls xfrm_input() past our handlers, in soft interrupts.  So may
	 * an accelerator call back, which looks the same: behind GRO, such a
	 * packet is not told apart.
	 */
	return from_gro && in_serving_softirq();
}

/*
 * What xfrm_input() does not go on with ends there: a copy of its descriptor
 * is what PORT receives.
 */
static void take_copy(struct xport *port, struct sk_buff *skb,
		      const struct xfrm_state *x, bool bridge)
{
	struct sk_buff *out = skb_clone(skb, GFP_ATOMIC);
	struct sec_path *sp;
	bool whole;

	if (!out) {
		count_dropped(port, XPORT_RX_NO_MEMORY);
		return;
	}
	if (take(port, out, x, bridge, &whole)) {
		kfree_skb(out);
		return;
	}
	if (!whole && x->props.mode == XFRM_MODE_TRANSPORT) {
		uncover_protocol(out, x->props.family);
		restore_header(out, x->props.family);
	}
	sp = skb_sec_path(out);
	if (sp)
		sp->olen = 0;
	arrive(out);
}

/*
 * Whether SKB, which X has decrypted, is one that IPComp has left as it was
 * since it would not have become smaller (RFC 3173, 2.2): IP in IP, for which
 * the kernel gives each IPComp SA one of that kind.
 */
static bool is_uncompressed(struct sk_buff *skb, struct xfrm_state *x)
{
#ifdef XPORT_IPCOMP
	u8 protocol = XFRM_MODE_SKB_CB(skb)->protocol;
	struct net *net = xs_net(x);
	struct xfrm_state *t;
	__be32 spi;
	bool ours;

	if (likely(x->props.mode != XFRM_MODE_TRANSPORT ||
		   (protocol != IPPROTO_IPIP && protocol != IPPROTO_IPV6)))
		return false;
	if (x->props.family == AF_INET) {
		spi = ip_hdr(skb)->saddr;
		protocol = IPPROTO_IPIP;
	} else {
		spi = xfrm6_tunnel_spi_lookup(net, (const xfrm_address_t *)
						   &ipv6_hdr(skb)->saddr);
		protocol = IPPROTO_IPV6;
	}
	t = spi ? xfrm_state_lookup(net, skb->mark, &x->id.daddr, spi,
				    protocol, x->props.family) : NULL;
	if (!t)
		return false;
	ours = t->if_id == x->if_id;
	xfrm_state_put(t);
	return ours;
#else
	return false;
#endif
}

/*
 * Whether SKB, which was refused by the last SA of SP, waits for its keys: it
 * was refused for having none, nothing has been done to it, and how it came is
 * plain.  An SA that has just replaced a larval one can be found a moment before
 * it may be used.
 */
static bool waits(struct sk_buff *skb, const struct sec_path *sp)
{
	const struct hand *hand = this_cpu_ptr(&xport_in_hand);
	struct xfrm_state *x = sp->xvec[0];
	struct refused now;
	u8 protocol, state;
	int mib;

	if (sp->len != 1 || hand->skb != skb)
		return false;
	if (x->id.proto != IPPROTO_ESP && x->id.proto != IPPROTO_AH)
		return false;
	protocol = xport_outer_protocol(skb, x->props.family);
	if (protocol != x->id.proto && protocol != IPPROTO_UDP)
		return false;

	now = xport_refused_so_far(xs_net(x));
	state = READ_ONCE(x->km.state);
	if (now.larval != hand->before.larval)
		mib = LINUX_MIB_XFRMACQUIREERROR;
	else if (now.invalid != hand->before.invalid &&
		 (!x->type || state == XFRM_STATE_VOID ||
		  state == XFRM_STATE_VALID))
		mib = LINUX_MIB_XFRMINSTATEINVALID;
	else
		return false;
	return xport_hold(skb, x, mib);
}

/*
 * The transformation of SKB has ended, with ERR.  Returns 1 if it is no
 * packet of ours, 0 to go on with it, a negative errno to drop it.
 */
int xport_received(struct sk_buff *skb, int err)
{
	const struct sec_path *sp = skb_sec_path(skb);
	struct net_device *dev, *below;
	struct xfrm_state *x;
	struct xport *port;
	bool bridge, whole;

	/* No path: it failed before an SA was found. */
	if (!sp || !sp->len)
		return 1;
	x = sp->xvec[sp->len - 1];
	if (err && waits(skb, sp))
		return 0;
	port = xport_find(xs_net(x), x->if_id);
	if (!port)
		return 1;
	dev = port->dev;
	/* What was dropped below is announced here once more. */
	if (err && !skb->protocol)
		return 0;
	below = skb->dev;
	bridge = rcu_access_pointer(dev->rx_handler);
	if (!(dev->flags & IFF_UP)) {
		count_dropped(port, XPORT_RX_DOWN);
		err = -ENETDOWN;
	} else if (err) {
		xport_count_bad(port, refusal(skb, xs_net(x)));
		return 0;
	} else if (is_uncompressed(skb, x)) {
		/* The stack will find the other SA, and we the packet again. */
		return 0;
	} else if (goes_on(port, skb, x, bridge)) {
		err = take(port, skb, x, bridge, &whole);
	} else {
		take_copy(port, skb, x, bridge);
		err = -EINPROGRESS;
	}
	if (err) {
		skb->dev = below;
		skb->protocol = 0;
	}
	return err;
}

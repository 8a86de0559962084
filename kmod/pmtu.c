// SPDX-License-Identifier: GPL-2.0
/*
 * pmtu.c: tells senders that a packet is too big for the path.
 *
 * For a routed device the stack answers.  A device that belongs to a bridge
 * has no address and no route to the sender: the answer comes out of the port
 * as if the far end had sent it, and the bridge delivers it.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <net/dst_metadata.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "compat.h"
#include "port.h"

/* RFC 1812 4.3.2.3 and RFC 4443 2.4 (c). */
#define ANSWER4_MAX 576

/* Whether SKB, or every segment that will be made of it, fits into MTU. */
bool xport_fits(const struct sk_buff *skb, u32 mtu)
{
	if (skb->len <= mtu)
		return true;
	return skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu);
}

static bool may_answer4(const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	u8 _type, *type;

	if (iph->frag_off & htons(IP_OFFSET) ||
	    ipv4_is_multicast(iph->daddr) || ipv4_is_lbcast(iph->daddr) ||
	    ipv4_is_multicast(iph->saddr) || ipv4_is_lbcast(iph->saddr) ||
	    ipv4_is_zeronet(iph->saddr) || ipv4_is_loopback(iph->saddr))
		return false;
	if (iph->protocol != IPPROTO_ICMP)
		return true;
	type = skb_header_pointer(skb, skb_network_offset(skb) + iph->ihl * 4,
				  sizeof(_type), &_type);
	return type && !icmp_is_err(*type);
}

static struct sk_buff *answer4(const struct sk_buff *skb, u32 mtu)
{
	unsigned int quote = min_t(unsigned int, skb->len,
				   ANSWER4_MAX - sizeof(struct iphdr) -
				   sizeof(struct icmphdr));
	unsigned int len = sizeof(struct icmphdr) + quote;
	const struct iphdr *cause = ip_hdr(skb);
	struct icmphdr *icmp;
	struct sk_buff *a;
	struct iphdr *iph;

	a = alloc_skb(LL_MAX_HEADER + sizeof(*iph) + len, GFP_ATOMIC);
	if (!a)
		return NULL;
	skb_reserve(a, LL_MAX_HEADER);
	skb_reset_network_header(a);
	iph = skb_put_zero(a, sizeof(*iph));
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = IPTOS_PREC_INTERNETCONTROL;
	iph->tot_len = htons(sizeof(*iph) + len);
	iph->ttl = IPDEFTTL;
	iph->protocol = IPPROTO_ICMP;
	iph->saddr = cause->daddr;
	iph->daddr = cause->saddr;
	ip_send_check(iph);
	skb_set_transport_header(a, sizeof(*iph));
	icmp = skb_put_zero(a, sizeof(*icmp));
	icmp->type = ICMP_DEST_UNREACH;
	icmp->code = ICMP_FRAG_NEEDED;
	icmp->un.frag.mtu = htons(min_t(u32, mtu, 0xffff));
	if (skb_copy_bits(skb, skb_network_offset(skb), skb_put(a, quote),
			  quote)) {
		kfree_skb(a);
		return NULL;
	}
	icmp->checksum = ip_compute_csum(icmp, len);
	a->protocol = htons(ETH_P_IP);
	return a;
}

static bool may_answer6(const struct sk_buff *skb)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	u8 next = iph->nexthdr, _type, *type;
	__be16 frag_off;
	int offset;

	if (ipv6_addr_any(&iph->saddr) || ipv6_addr_loopback(&iph->saddr) ||
	    ipv6_addr_is_multicast(&iph->saddr) ||
	    ipv6_addr_is_multicast(&iph->daddr))
		return false;
	offset = ipv6_skip_exthdr(skb, skb_network_offset(skb) + sizeof(*iph),
				  &next, &frag_off);
	if (offset < 0 || frag_off & htons(~0x7))
		return false;
	if (next != IPPROTO_ICMPV6)
		return true;
	type = skb_header_pointer(skb, offset, sizeof(_type), &_type);
	return type && *type & ICMPV6_INFOMSG_MASK;
}

static struct sk_buff *answer6(const struct sk_buff *skb, u32 mtu)
{
	unsigned int quote = min_t(unsigned int, skb->len,
				   IPV6_MIN_MTU - sizeof(struct ipv6hdr) -
				   sizeof(struct icmp6hdr));
	unsigned int len = sizeof(struct icmp6hdr) + quote;
	const struct ipv6hdr *cause = ipv6_hdr(skb);
	struct icmp6hdr *icmp;
	struct ipv6hdr *iph;
	struct sk_buff *a;

	a = alloc_skb(LL_MAX_HEADER + sizeof(*iph) + len, GFP_ATOMIC);
	if (!a)
		return NULL;
	skb_reserve(a, LL_MAX_HEADER);
	skb_reset_network_header(a);
	iph = skb_put_zero(a, sizeof(*iph));
	iph->version = 6;
	iph->payload_len = htons(len);
	iph->nexthdr = IPPROTO_ICMPV6;
	iph->hop_limit = IPV6_DEFAULT_HOPLIMIT;
	iph->saddr = cause->daddr;
	iph->daddr = cause->saddr;
	skb_set_transport_header(a, sizeof(*iph));
	icmp = skb_put_zero(a, sizeof(*icmp));
	icmp->icmp6_type = ICMPV6_PKT_TOOBIG;
	icmp->icmp6_mtu = htonl(mtu);
	if (skb_copy_bits(skb, skb_network_offset(skb), skb_put(a, quote),
			  quote)) {
		kfree_skb(a);
		return NULL;
	}
	icmp->icmp6_cksum = csum_ipv6_magic(&iph->saddr, &iph->daddr, len,
					    IPPROTO_ICMPV6,
					    csum_partial(icmp, len, 0));
	a->protocol = htons(ETH_P_IPV6);
	return a;
}

/*
 * Answers SKB, which the caller goes on to drop, with the MTU that would have
 * passed.  Called with BHs off, SKB's network header pulled.
 */
void xport_pmtu_answer(struct xport *port, struct sk_buff *skb, u32 mtu)
{
	bool v4 = skb->protocol == htons(ETH_P_IP);
	struct sk_buff *a;

	if (!rcu_access_pointer(port->dev->rx_handler)) {
		/* The stack takes whatever a packet has for a route. */
		if (!skb_valid_dst(skb)) {
			xport_count(port, XPORT_PMTU_LIMITED);
			return;
		}
		skb_dst_update_pmtu_no_confirm(skb, mtu);
		if (v4)
			icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
				      htonl(mtu));
		else
			icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
		xport_count(port, XPORT_PMTU_SENT);
		return;
	}
	if (!(v4 ? may_answer4(skb) : may_answer6(skb)) ||
	    !__ratelimit(&port->pmtu_limit)) {
		xport_count(port, XPORT_PMTU_LIMITED);
		return;
	}
	a = v4 ? answer4(skb, mtu) : answer6(skb, mtu);
	if (!a)
		return;
	skb_reset_mac_header(a);
	a->dev = port->dev;
	a->ip_summed = CHECKSUM_UNNECESSARY;
	netif_rx(a);
	xport_count(port, XPORT_PMTU_SENT);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * errors.c: ICMP errors about packets that a port has sent: what a router on the
 * way says about the outer packet changes the route that the next ones take.
 *
 * Below handlers.c.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ah.h>
#include <net/esp.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipcomp.h>
#include <net/ndisc.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "port.h"

/*
 * Finds the SPI behind a header of LEN bytes; true if PROTOCOL has one.  Both
 * ICMP layers have pulled eight bytes behind the header that they quote.
 */
static bool spi_of(const struct sk_buff *skb, int len, u8 protocol,
		   __be32 *spi)
{
	const u8 *p = skb->data + len;

	switch (protocol) {
	case IPPROTO_ESP:
		*spi = ((const struct ip_esp_hdr *)p)->spi;
		return true;
	case IPPROTO_AH:
		*spi = ((const struct ip_auth_hdr *)p)->spi;
		return true;
	case IPPROTO_COMP:
		*spi = htonl(ntohs(((const struct ip_comp_hdr *)p)->cpi));
		return true;
	}
	return false;
}

static bool sent_by_port(struct net *net, u32 mark,
			 const xfrm_address_t *daddr, __be32 spi, u8 protocol,
			 unsigned short family)
{
	struct xfrm_state *x;
	bool ours;

	x = xfrm_state_lookup(net, mark, daddr, spi, protocol, family);
	if (!x)
		return false;
	ours = xport_find(net, x->if_id);
	xfrm_state_put(x);
	return ours;
}

int xport_error4(struct sk_buff *skb, u32 info)
{
	const struct iphdr *iph = (const struct iphdr *)skb->data;
	const struct icmphdr *icmp = icmp_hdr(skb);
	struct net *net = dev_net(skb->dev);
	u8 protocol = iph->protocol;
	__be32 spi;

	if (icmp->type != ICMP_REDIRECT &&
	    !(icmp->type == ICMP_DEST_UNREACH &&
	      icmp->code == ICMP_FRAG_NEEDED))
		return 0;
	if (!spi_of(skb, iph->ihl * 4, protocol, &spi))
		return 0;
	if (!sent_by_port(net, skb->mark, (const xfrm_address_t *)&iph->daddr,
			  spi, protocol, AF_INET))
		return -1;
	if (icmp->type == ICMP_DEST_UNREACH)
		ipv4_update_pmtu(skb, net, info, 0, protocol);
	else
		ipv4_redirect(skb, net, 0, protocol);
	return 0;
}

int xport_error6(struct sk_buff *skb, struct inet6_skb_parm *opt, u8 type,
		 u8 code, int offset, __be32 info)
{
	const struct ipv6hdr *iph = (const struct ipv6hdr *)skb->data;
	struct net *net = dev_net(skb->dev);
	u8 protocol = iph->nexthdr;
	__be32 spi;

	if (type != ICMPV6_PKT_TOOBIG && type != NDISC_REDIRECT)
		return 0;
	if (!spi_of(skb, offset, protocol, &spi))
		return 0;
	if (!sent_by_port(net, skb->mark, (const xfrm_address_t *)&iph->daddr,
			  spi, protocol, AF_INET6))
		return -1;
	if (type == NDISC_REDIRECT)
		ip6_redirect(skb, net, skb->dev->ifindex, 0,
			     sock_net_uid(net, NULL));
	else
		ip6_update_pmtu(skb, net, info, 0, 0, sock_net_uid(net, NULL));
	return 0;
}

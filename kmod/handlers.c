// SPDX-License-Identifier: GPL-2.0
/*
 * handlers.c: the module's place among the handlers of ESP, AH, IPComp and IP in
 * IP, and what it does there: it hands a packet to the kernel's xfrm_input(), and
 * says so to receive.c, which xfrm_input() calls when an SA is done with it.
 */
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/xfrm.h>

#include "compat.h"
#include "port.h"
#include "receive.h"

DEFINE_PER_CPU(struct hand, xport_in_hand);

/*
 * A packet that came out of a tunnel and is for another SA has to be one that
 * the policy lets come out of the first; else no policy would ever ask for that
 * one.  Not what the device below has decrypted, which has come out of nothing
 * yet.
 */
static bool may_go_in(struct sk_buff *skb, unsigned short family)
{
	const struct sec_path *sp = skb_sec_path(skb);

	return likely(!sp || !sp->len) || xfrm_offload(skb) ||
	       xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, family);
}

static struct hand take_in_hand(struct sk_buff *skb)
{
	struct hand before = *this_cpu_ptr(&xport_in_hand);

	*this_cpu_ptr(&xport_in_hand) = (struct hand) {
		.skb = skb,
		.before = xport_refused_so_far(dev_net(skb->dev)),
	};
	return before;
}

static void put_down(struct hand before)
{
	*this_cpu_ptr(&xport_in_hand) = before;
}

static int receive4(struct sk_buff *skb)
{
	struct hand before;
	int ret;

	if (!may_go_in(skb, AF_INET)) {
		kfree_skb(skb);
		return 0;
	}
	before = take_in_hand(skb);
	ret = xfrm4_rcv(skb);
	put_down(before);
	return ret;
}

static int receive6(struct sk_buff *skb)
{
	struct hand before;
	int ret;

	if (!may_go_in(skb, AF_INET6)) {
		kfree_skb(skb);
		return 0;
	}
	before = take_in_hand(skb);
	ret = xfrm6_rcv(skb);
	put_down(before);
	return ret;
}

/* Out of UDP. */
static int receive_encap(struct sk_buff *skb, int nexthdr, __be32 spi,
			 int encap)
{
	struct hand before;
	int ret;

	if (!may_go_in(skb, XFRM_SPI_SKB_CB(skb)->family)) {
		kfree_skb(skb);
		return 0;
	}
	before = take_in_hand(skb);
	ret = xfrm_input(skb, nexthdr, spi, encap);
	put_down(before);
	return ret;
}

/*
 * Takes SKB of the outer FAMILY, which has waited.  Called with BHs off and an
 * RCU read lock held.
 */
void xport_receive_again(struct sk_buff *skb, unsigned short family)
{
	bool udp = xport_outer_protocol(skb, family) == IPPROTO_UDP;

	if (family == AF_INET && udp)
		xfrm4_rcv_encap(skb, IPPROTO_ESP, 0, UDP_ENCAP_ESPINUDP);
	else if (family == AF_INET)
		receive4(skb);
	else if (udp)
		xfrm6_rcv_encap(skb, IPPROTO_ESP, 0, UDP_ENCAP_ESPINUDP);
	else
		receive6(skb);
}

/* ------------------------------------------------------------------------
 * Registration.  Before the kernel's own handlers of the same protocols: the
 * first that knows a packet decides.
 */

#define HANDLER4 { \
	.handler = receive4, \
	.input_handler = receive_encap, \
	.cb_handler = xport_received, \
	.err_handler = xport_error4, \
	.priority = 10, \
}
#define HANDLER6 { \
	.handler = receive6, \
	.input_handler = receive_encap, \
	.cb_handler = xport_received, \
	.err_handler = xport_error6, \
	.priority = 10, \
}

/* IPv4 and IPv6. */
enum { N_FAMILIES = 2 };

#ifdef XPORT_IPCOMP
/* IP in IP: the address stands for the SPI. */

static int receive_ip4(struct sk_buff *skb)
{
	struct hand before = take_in_hand(skb);
	int ret;

	ret = xfrm4_rcv_spi(skb, IPPROTO_IPIP, ip_hdr(skb)->saddr);
	put_down(before);
	return ret;
}

static int receive_ip6(struct sk_buff *skb)
{
	const struct in6_addr *from = &ipv6_hdr(skb)->saddr;
	struct hand before = take_in_hand(skb);
	__be32 spi;
	int ret;

	spi = xfrm6_tunnel_spi_lookup(dev_net(skb->dev),
				      (const xfrm_address_t *)from);
	ret = xfrm6_rcv_spi(skb, IPPROTO_IPV6, spi, NULL);
	put_down(before);
	return ret;
}

/*
 * Behind the tunnel devices, which know what is theirs, and before the kernel's
 * own handlers, whose priorities nobody else may have: 4 and 3 for IPv4, 3 for
 * IPv6.
 */
#define TUNNEL4(PRIORITY) { \
	.handler = receive_ip4, \
	.cb_handler = xport_received, \
	.err_handler = xport_error4, \
	.priority = (PRIORITY), \
}
#define TUNNEL6 { \
	.handler = receive_ip6, \
	.cb_handler = xport_received, \
	.err_handler = xport_error6, \
	.priority = 2, \
}

/* By what is inside. */
static const unsigned short families[N_FAMILIES] = { AF_INET, AF_INET6 };
static struct xfrm_tunnel tunnels4[N_FAMILIES] = { TUNNEL4(3), TUNNEL4(2) };
static struct xfrm6_tunnel tunnels6[N_FAMILIES] = { TUNNEL6, TUNNEL6 };

static void unregister_tunnels(int n4, int n6)
{
	while (n6-- > 0)
		xfrm6_tunnel_deregister(&tunnels6[n6], families[n6]);
	while (n4-- > 0)
		xfrm4_tunnel_deregister(&tunnels4[n4], families[n4]);
}

static int register_tunnels(void)
{
	int i, err;

	for (i = 0; i < N_FAMILIES; i++) {
		err = xfrm4_tunnel_register(&tunnels4[i], families[i]);
		if (err) {
			unregister_tunnels(i, 0);
			return err;
		}
	}
	for (i = 0; i < N_FAMILIES; i++) {
		err = xfrm6_tunnel_register(&tunnels6[i], families[i]);
		if (err) {
			unregister_tunnels(N_FAMILIES, i);
			return err;
		}
	}
	return 0;
}
#else
static void unregister_tunnels(int n4, int n6)
{
}

static int register_tunnels(void)
{
	return 0;
}
#endif

static const u8 protocols[] = { IPPROTO_ESP, IPPROTO_AH, IPPROTO_COMP };
static struct xfrm4_protocol handlers4[] = { HANDLER4, HANDLER4, HANDLER4 };
static struct xfrm6_protocol handlers6[] = { HANDLER6, HANDLER6, HANDLER6 };

static void unregister_handlers(int n4, int n6)
{
	while (n6-- > 0)
		xfrm6_protocol_deregister(&handlers6[n6], protocols[n6]);
	while (n4-- > 0)
		xfrm4_protocol_deregister(&handlers4[n4], protocols[n4]);
}

int xport_handlers_init(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		err = xfrm4_protocol_register(&handlers4[i], protocols[i]);
		if (err) {
			unregister_handlers(i, 0);
			return err;
		}
	}
	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		err = xfrm6_protocol_register(&handlers6[i], protocols[i]);
		if (err) {
			unregister_handlers(ARRAY_SIZE(protocols), i);
			return err;
		}
	}
	err = register_tunnels();
	if (err) {
		unregister_handlers(ARRAY_SIZE(protocols),
				    ARRAY_SIZE(protocols));
		return err;
	}
	xfrm_if_register_cb(&xport_if_cb);
	return 0;
}

void xport_handlers_exit(void)
{
	xfrm_if_unregister_cb();
	unregister_tunnels(N_FAMILIES, N_FAMILIES);
	unregister_handlers(ARRAY_SIZE(protocols), ARRAY_SIZE(protocols));
	/* Callers of the session callback hold an RCU read lock only. */
	synchronize_net();
}

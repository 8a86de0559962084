/* SPDX-License-Identifier: GPL-2.0 */
/*
 * port.h: what the files of this module share: the port, which is the private
 * part of a network device of rtnl kind "xfrm", and its counters.
 */
#ifndef XPORT_PORT_H
#define XPORT_PORT_H

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/ratelimit.h>
#include <linux/rhashtable.h>
#include <linux/u64_stats_sync.h>
#include <net/xfrm.h>

/*
 * One table gives every reason its number and its name in "ethtool -S".  A
 * packet that is dropped is counted under exactly one of them with "drop" in
 * its name.
 */
#define XPORT_REASONS(R) \
	R(RX_NO_POLICY, "rx_drop_no_policy") \
	R(RX_SELECTOR, "rx_drop_selector") \
	R(RX_TEMPLATE, "rx_drop_template") \
	R(RX_DISCARD, "rx_drop_discard") \
	R(RX_MODE, "rx_drop_mode") \
	R(RX_POLICY, "rx_drop_policy_other") \
	R(RX_TRANSFORM, "rx_drop_transform") \
	R(RX_MALFORMED, "rx_drop_malformed") \
	R(RX_DOWN, "rx_drop_down") \
	R(RX_NO_MEMORY, "rx_drop_no_memory") \
	R(TX_PROTOCOL, "tx_drop_protocol") \
	R(TX_MALFORMED, "tx_drop_malformed") \
	R(TX_NO_KEY, "tx_drop_no_metadata") \
	R(TX_NO_POLICY, "tx_drop_no_policy") \
	R(TX_NO_SA, "tx_drop_no_sa") \
	R(TX_NO_ROUTE, "tx_drop_no_route") \
	R(TX_LOOP, "tx_drop_loop") \
	R(TX_TOO_BIG, "tx_drop_too_big") \
	R(TX_NO_MEMORY, "tx_drop_no_memory") \
	R(TX_OUTPUT, "tx_drop_output") \
	R(RX_HELD, "rx_held") \
	R(PMTU_SENT, "pmtu_answers") \
	R(PMTU_LIMITED, "pmtu_suppressed")

enum xport_reason {
#define R(ID, NAME) XPORT_##ID,
	XPORT_REASONS(R)
#undef R
	XPORT_N_REASONS
};

struct xport_counters {
	u64_stats_t n[XPORT_N_REASONS];
	struct u64_stats_sync syncp;
};

/*
 * What a port is found by: the namespace where its SAs and policies live and
 * its if_id.  An external port, of which a namespace has one, has if_id 0.
 * No padding: the key is hashed and compared as bytes.
 */
struct xport_key {
	struct net *net;
	u64 if_id;
};

struct xport {
	struct xport_key key;
	struct net_device *dev;
	int link;			/* ifindex below, or 0 */
	bool external;			/* if_id comes with each packet */
	bool outer_route;		/* hint: transport mode was seen */
	struct xport_counters __percpu *counters;
	struct ratelimit_state pmtu_limit;
	struct rhash_head node;
	struct list_head all;
};

extern struct rtnl_link_ops xport_link_ops;
extern const struct ethtool_ops xport_ethtool_ops;

static inline u32 xport_if_id(const struct xport *port)
{
	return READ_ONCE(port->key.if_id);
}

bool xport_is_port(const struct net_device *dev);

/* table.c */
int xport_table_init(void);
void xport_table_exit(void);
int xport_table_add(struct xport *port);
void xport_table_remove(struct xport *port);
int xport_table_rekey(struct xport *port, u32 if_id);
struct xport *xport_find(struct net *net, u32 if_id);
struct xport *xport_find_any(struct net *net, u32 if_id);

/* changes.c */
void xport_changes_init(void);
void xport_changes_exit(void);
u32 xport_changes(void);

/* link.c */
int xport_link_init(void);
void xport_link_exit(void);

/* transmit.c */
netdev_tx_t xport_transmit(struct sk_buff *skb, struct net_device *dev);

/* handlers.c */
int xport_handlers_init(void);
void xport_handlers_exit(void);
void xport_receive_again(struct sk_buff *skb, unsigned short family);

/* hold.c */
int xport_hold_init(void);
void xport_hold_exit(void);
bool xport_hold(struct sk_buff *skb, struct xfrm_state *x, int mib);
void xport_hold_end(struct xfrm_state *x);

/* errors.c */
int xport_error4(struct sk_buff *skb, u32 info);
int xport_error6(struct sk_buff *skb, struct inet6_skb_parm *opt, u8 type,
		 u8 code, int offset, __be32 info);

/* pmtu.c */
bool xport_fits(const struct sk_buff *skb, u32 mtu);
void xport_pmtu_answer(struct xport *port, struct sk_buff *skb, u32 mtu);

/* stats.c */
int xport_stats_init(struct xport *port);
void xport_stats_free(struct xport *port);
void xport_count(struct xport *port, enum xport_reason reason);
void xport_count_bad(struct xport *port, enum xport_reason reason);

/* encap.c */
int xport_encap_init(void);
void xport_encap_exit(void);

#endif

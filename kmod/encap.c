// SPDX-License-Identifier: GPL-2.0
/*
 * encap.c: routes that choose the if_id of an external port
 * ("ip route add ... encap xfrm if_id N [link_dev DEV] dev PORT").
 */
#include <net/dst_metadata.h>
#include <net/lwtunnel.h>

#include "port.h"

static const struct nla_policy encap_policy[LWT_XFRM_MAX + 1] = {
	[LWT_XFRM_IF_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[LWT_XFRM_LINK] = NLA_POLICY_MIN(NLA_S32, 1),
};

static int build_state(struct net *net, struct nlattr *attr,
		       unsigned int family, const void *cfg,
		       struct lwtunnel_state **statep,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[LWT_XFRM_MAX + 1];
	struct lwtunnel_state *state;
	struct xfrm_md_info *info;
	int err;

	err = nla_parse_nested(tb, LWT_XFRM_MAX, attr, encap_policy, extack);
	if (err)
		return err;
	if (!tb[LWT_XFRM_IF_ID]) {
		NL_SET_ERR_MSG(extack, "xfrm encapsulation needs an if_id");
		return -EINVAL;
	}
	state = lwtunnel_state_alloc(sizeof(*info));
	if (!state)
		return -ENOMEM;
	state->type = LWTUNNEL_ENCAP_XFRM;
	info = lwt_xfrm_info(state);
	info->if_id = nla_get_u32(tb[LWT_XFRM_IF_ID]);
	info->link = tb[LWT_XFRM_LINK] ? nla_get_s32(tb[LWT_XFRM_LINK]) : 0;
	*statep = state;
	return 0;
}

static int fill_encap(struct sk_buff *skb, struct lwtunnel_state *state)
{
	const struct xfrm_md_info *info = lwt_xfrm_info(state);

	if (nla_put_u32(skb, LWT_XFRM_IF_ID, info->if_id) ||
	    (info->link && nla_put_s32(skb, LWT_XFRM_LINK, info->link)))
		return -EMSGSIZE;
	return 0;
}

static int encap_size(struct lwtunnel_state *state)
{
	return 2 * nla_total_size(sizeof(u32));
}

static int cmp_encap(struct lwtunnel_state *a, struct lwtunnel_state *b)
{
	const struct xfrm_md_info *x = lwt_xfrm_info(a);
	const struct xfrm_md_info *y = lwt_xfrm_info(b);

	return x->if_id != y->if_id || x->link != y->link;
}

static const struct lwtunnel_encap_ops encap_ops = {
	.build_state = build_state,
	.fill_encap = fill_encap,
	.get_encap_size = encap_size,
	.cmp_encap = cmp_encap,
	.owner = THIS_MODULE,
};

int xport_encap_init(void)
{
	return lwtunnel_encap_add_ops(&encap_ops, LWTUNNEL_ENCAP_XFRM);
}

void xport_encap_exit(void)
{
	lwtunnel_encap_del_ops(&encap_ops, LWTUNNEL_ENCAP_XFRM);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Samples for the tests of xfrm-netlink: see test-xfrm-netlink-samples.h. */

#include <config.h>

#undef NDEBUG
#include "tests/test-xfrm-netlink-samples.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "util.h"
#include "xfrm-netlink.h"
#include "xfrm-netlink-uapi.h"

/* ## Specs. ## */

struct xfrm_addr
sample_addr(const char *s)
{
    struct xfrm_addr a;

    assert(xfrm_addr_from_string(s, &a));
    return a;
}

static struct xfrm_prefix
prefix(const char *s)
{
    struct xfrm_prefix p;
    char *error;

    assert(!xfrm_prefix_from_string(s, &p, &error));
    return p;
}

struct xfrm_sel
sample_selector(const char *src, const char *dst)
{
    struct xfrm_sel sel;

    memset(&sel, 0, sizeof sel);
    sel.src = prefix(src);
    sel.dst = prefix(dst);
    sel.sport = htons(1000);
    sel.sport_mask = htons(0xffff);
    sel.dport = htons(53);
    sel.dport_mask = htons(0xfff0);
    sel.proto = IPPROTO_UDP;
    return sel;
}

/* An SA that varies in all respects with 'i'. */
void
sample_sa(unsigned int i, struct xfrm_sa_spec *sa)
{
    static const uint32_t windows[] = { 0, 1, 32, 33, 64, 128, 1000, 4096 };
    const struct xfrm_algo *algo;
    uint8_t key[XFRM_SECRET_MAX];
    size_t n_algos = 0;

    while (xfrm_algo_at(n_algos)) {
        n_algos++;
    }
    algo = xfrm_algo_at(i % n_algos);

    memset(sa, 0, sizeof *sa);
    sa->if_id = i + 1;
    sa->spi = 0x1000 + i;
    sa->proto = algo->proto;
    sa->src = sample_addr(i & 1 ? "192.0.2.1" : "2001:db8::1");
    sa->dst = sample_addr(i & 1 ? "192.0.2.2" : "2001:db8::2");
    sa->dir = XFRM_DIR_OUT;
    sa->mode = i / 2 % XFRM_SPEC_N_MODES;
    sa->reqid = i * 7;
    sa->algo = algo;
    for (size_t j = 0; j < sizeof key; j++) {
        key[j] = i + j;
    }
    xfrm_secret_init(&sa->key, key, xfrm_algo_key_len(algo));
    if (i / 19 & 1) {
        sa->mark.value = i & 0xff;
        sa->mark.mask = i & 2 ? 0xff : UINT32_MAX;
        sa->output_mark.value = i & 1;
        sa->output_mark.mask = i & 4 ? 1 : UINT32_MAX;
    }
    sa->flags = i / 23 & XFRM_SA_ALL_FLAGS;
    sa->replay_window = windows[i / 3 % ARRAY_SIZE(windows)];
    sa->esn = i / 5 & 1;
    if (sa->esn && !sa->replay_window) {
        sa->replay_window = 1;
    }
    if (i / 7 & 1) {
        sa->encap.sport = 4500;
        sa->encap.dport = 4501;
    }
    if (i / 11 & 1) {
        sa->lifetime.soft_bytes = 1000;
        sa->lifetime.hard_packets = UINT64_C(1) << 40;
        sa->lifetime.hard_seconds = 3600;
    }
    switch (i / 13 % 3) {
    case 0:
        break;
    case 1:
        sa->sel = sample_selector("10.1.0.0/16", "10.2.0.0/15");
        break;
    case 2:
        sa->sel = sample_selector("fd00:1::/33", "::/0");
        break;
    }
    sa->offload = i / 17 % 3;
}

void
sample_policy(unsigned int i, struct xfrm_policy_spec *policy)
{
    static const uint8_t protos[] = { IPPROTO_ESP, IPPROTO_AH, IPPROTO_COMP };

    memset(policy, 0, sizeof *policy);
    policy->if_id = i + 1;
    policy->dir = i % XFRM_N_DIRS;
    policy->sel = (i & 1 ? sample_selector("10.1.0.0/16", "0.0.0.0/0")
                   : sample_selector("fd00:1::/33", "fd00::1/128"));
    if (i / 5 & 1) {
        policy->mark.value = i & 0xf0;
        policy->mark.mask = 0xf0;
    }
    policy->index = i * 8;
    policy->offload = i / 7 & 1 ? XFRM_OFF_PACKET : XFRM_OFF_NO;
    policy->priority = i * 1000;
    policy->action = i / 3 & 1 ? XFRM_ACTION_DISCARD : XFRM_ACTION_PROTECT;
    if (policy->action == XFRM_ACTION_PROTECT) {
        policy->n_templates = 1 + i % XFRM_MAX_TEMPLATES;
    }
    for (size_t j = 0; j < policy->n_templates; j++) {
        struct xfrm_template *t = &policy->templates[j];

        t->mode = (i + j) % XFRM_SPEC_N_MODES;
        if (t->mode != XFRM_SPEC_TRANSPORT) {
            t->src = sample_addr(j & 1 ? "192.0.2.1" : "2001:db8::1");
            t->dst = sample_addr(j & 1 ? "192.0.2.2" : "2001:db8::2");
        }
        t->reqid = i;
        t->spi = j;
        t->proto = protos[(i + j) / 2 % ARRAY_SIZE(protos)];
        t->optional = (i + j) / 3 & 1;
    }
}

/* ## Messages. ## */

static void
msg_begin(struct nl_msg *msg, int type, const void *body, size_t len)
{
    nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
    assert(nlmsg_put(msg, 0, 0, type, 0, 0));
    assert(!nlmsg_append(msg, (void *) body, len, NLMSG_ALIGNTO));
}

/* An SA is wanted for an IPv4 packet, which goes through IPComp in an IPv6
 * tunnel and ESP in transport mode; it is ESP that has none. */
void
make_acquire(struct nl_msg *msg)
{
    struct xfrm_user_acquire acquire;
    struct xfrm_user_tmpl tmpls[2];
    struct xfrm_addr src = sample_addr("2001:db8::1");
    struct xfrm_addr dst = sample_addr("2001:db8::2");
    struct kernel_xfrm_mark mark = { 0x10, 0xff };

    memset(tmpls, 0, sizeof tmpls);
    for (size_t i = 0; i < 2; i++) {
        tmpls[i].family = AF_INET6;
        tmpls[i].reqid = 7 + i;
        tmpls[i].aalgos = tmpls[i].ealgos = tmpls[i].calgos = UINT32_MAX;
    }
    tmpls[0].id.proto = IPPROTO_COMP;
    tmpls[0].mode = XFRM_MODE_TUNNEL;
    memcpy(&tmpls[0].saddr, &src.ip6, sizeof src.ip6);
    memcpy(&tmpls[0].id.daddr, &dst.ip6, sizeof dst.ip6);
    tmpls[1].id.proto = IPPROTO_ESP;
    tmpls[1].mode = XFRM_MODE_TRANSPORT;

    memset(&acquire, 0, sizeof acquire);
    acquire.id.proto = IPPROTO_ESP;
    memcpy(&acquire.id.daddr, &dst.ip6, sizeof dst.ip6);
    memcpy(&acquire.saddr, &src.ip6, sizeof src.ip6);
    acquire.sel.family = AF_INET;
    acquire.sel.saddr.a4 = htonl(0x0a000001);
    acquire.sel.daddr.a4 = htonl(0x0a010001);
    acquire.sel.prefixlen_s = acquire.sel.prefixlen_d = 32;
    acquire.sel.proto = IPPROTO_UDP;
    acquire.sel.dport = htons(53);
    acquire.sel.dport_mask = OVS_BE16_MAX;
    acquire.policy.dir = XFRM_POLICY_OUT;
    acquire.policy.sel.family = AF_INET;
    acquire.seq = 99;

    msg_begin(msg, XFRM_MSG_ACQUIRE, &acquire, sizeof acquire);
    assert(!nla_put(msg, XFRMA_TMPL, sizeof tmpls, tmpls));
    assert(!nla_put(msg, XFRMA_MARK, sizeof mark, &mark));
    assert(!nla_put_u32(msg, XFRMA_IF_ID, 42));
}

void
make_expire(struct nl_msg *msg, bool hard)
{
    struct xfrm_addr src = sample_addr("2001:db8::1");
    struct xfrm_addr dst = sample_addr("2001:db8::2");
    struct xfrm_user_expire expire;

    memset(&expire, 0, sizeof expire);
    expire.state.family = AF_INET6;
    expire.state.id.spi = htonl(5);
    expire.state.id.proto = IPPROTO_AH;
    memcpy(&expire.state.id.daddr, &dst.ip6, sizeof dst.ip6);
    memcpy(&expire.state.saddr, &src.ip6, sizeof src.ip6);
    expire.hard = hard;
    msg_begin(msg, XFRM_MSG_EXPIRE, &expire, sizeof expire);
    assert(!nla_put_u32(msg, XFRMA_IF_ID, 9));
}

void
make_mapping(struct nl_msg *msg)
{
    struct xfrm_user_mapping mapping;

    memset(&mapping, 0, sizeof mapping);
    mapping.id.family = AF_INET;
    mapping.id.daddr.a4 = htonl(0xc0000201);
    mapping.id.spi = htonl(0x1001);
    mapping.id.proto = IPPROTO_ESP;
    mapping.old_saddr.a4 = htonl(0xc0000202);
    mapping.new_saddr.a4 = htonl(0xc0000203);
    mapping.old_sport = htons(4500);
    mapping.new_sport = htons(1025);
    msg_begin(msg, XFRM_MSG_MAPPING, &mapping, sizeof mapping);
}

void
make_policy_expire(struct nl_msg *msg, bool hard)
{
    struct xfrm_user_polexpire expire;

    memset(&expire, 0, sizeof expire);
    expire.pol.sel.family = AF_INET;
    expire.pol.dir = XFRM_POLICY_FWD;
    expire.hard = hard;
    msg_begin(msg, XFRM_MSG_POLEXPIRE, &expire, sizeof expire);
    assert(!nla_put_u32(msg, XFRMA_IF_ID, 9));
}

/* As the kernel tells it after a deletion by index: the body has no
 * selector. */
void
make_policy_del_by_index(struct nl_msg *msg)
{
    struct xfrm_userpolicy_info info;
    struct xfrm_userpolicy_id id;

    memset(&id, 0, sizeof id);
    id.dir = XFRM_POLICY_IN;
    id.index = 80;
    memset(&info, 0, sizeof info);
    info.sel.family = AF_INET;
    info.sel.saddr.a4 = htonl(0x0a000000);
    info.sel.prefixlen_s = 8;
    info.dir = XFRM_POLICY_IN;
    info.index = 80;
    msg_begin(msg, XFRM_MSG_DELPOLICY, &id, sizeof id);
    assert(!nla_put(msg, XFRMA_POLICY, sizeof info, &info));
    assert(!nla_put_u32(msg, XFRMA_IF_ID, 9));
}

void
make_flush(struct nl_msg *msg, bool sas)
{
    struct xfrm_usersa_flush flush = { .proto = 0 };

    if (sas) {
        msg_begin(msg, XFRM_MSG_FLUSHSA, &flush, sizeof flush);
    } else {
        nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
        assert(nlmsg_put(msg, 0, 0, XFRM_MSG_FLUSHPOLICY, 0, 0));
    }
}

/* A description of a device such as the kernel gives. */
void
make_link(struct nl_msg *msg)
{
    struct ifinfomsg ifi = { .ifi_index = 12, .ifi_flags = 1 };
    struct nlattr *info, *data;

    nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
    assert(nlmsg_put(msg, 0, 0, RTM_NEWLINK, 0, 0));
    assert(!nlmsg_append(msg, &ifi, sizeof ifi, NLMSG_ALIGNTO));
    assert(!nla_put_string(msg, IFLA_IFNAME, "xfrm0"));
    assert(!nla_put_u32(msg, IFLA_MTU, 1438));
    assert(!nla_put_string(msg, IFLA_IFALIAS, XFRM_LINK_ALIAS));
    info = nla_nest_start(msg, IFLA_LINKINFO);
    assert(info);
    assert(!nla_put_string(msg, IFLA_INFO_KIND, "xfrm"));
    data = nla_nest_start(msg, IFLA_INFO_DATA);
    assert(data);
    assert(!nla_put_u32(msg, IFLA_XFRM_LINK, 3));
    assert(!nla_put_u32(msg, IFLA_XFRM_IF_ID, 42));
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    assert(!nla_put_u32(msg, IFLA_LINK_NETNSID, 1));
}

void
make_route(struct nl_msg *msg)
{
    struct rtmsg rtm = { .rtm_family = AF_INET, .rtm_dst_len = 32 };
    struct nlattr *metrics;

    nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
    assert(nlmsg_put(msg, 0, 0, RTM_NEWROUTE, 0, 0));
    assert(!nlmsg_append(msg, &rtm, sizeof rtm, NLMSG_ALIGNTO));
    assert(!nla_put_u32(msg, RTA_OIF, 9));
    metrics = nla_nest_start(msg, RTA_METRICS);
    assert(metrics);
    assert(!nla_put_u32(msg, RTAX_MTU, 1400));
    nla_nest_end(msg, metrics);
}

/* An error such as the kernel gives, with a text. */
void
make_error(struct nl_msg *msg, int error, bool capped, const char *text)
{
    struct nlmsghdr orig = { .nlmsg_len = sizeof orig + 4 };
    int code = -error;

    nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
    assert(nlmsg_put(msg, 0, 0, NLMSG_ERROR, 0,
                     NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0)));
    assert(!nlmsg_append(msg, &code, sizeof code, NLMSG_ALIGNTO));
    assert(!nlmsg_append(msg, &orig, sizeof orig, NLMSG_ALIGNTO));
    if (!capped) {
        assert(!nlmsg_append(msg, "abcd", 4, NLMSG_ALIGNTO));
    }
    assert(!nla_put_u32(msg, NLMSGERR_ATTR_OFFS, 20));
    assert(!nla_put_string(msg, NLMSGERR_ATTR_MSG, text));
}

bool
make_sample(unsigned int i, struct nl_msg *msg)
{
    struct xfrm_nl_rule rule = { AF_INET, 7, "xfrm0" };
    struct xfrm_policy_spec policy;
    struct xfrm_sa_spec sa;
    struct xfrm_op op;

    memset(&op, 0, sizeof op);
    op.start_seq = 100;
    if (i < 60) {
        op.type = i & 1 ? XFRM_OP_SA_ADD : XFRM_OP_SA_DEL;
        op.sa = &sa;
        sample_sa(i * 5, &sa);
        assert(!xfrm_nl_encode_op(msg, &op, 3));
        xfrm_sa_spec_destroy(&sa);
    } else if (i < 80) {
        op.type = i & 1 ? XFRM_OP_POLICY_SET : XFRM_OP_POLICY_DEL;
        op.policy = &policy;
        sample_policy(i, &policy);
        assert(!xfrm_nl_encode_op(msg, &op, 0));
    } else if (i == 80) {
        make_expire(msg, true);
    } else if (i == 81) {
        make_link(msg);
    } else if (i == 82) {
        make_route(msg);
    } else if (i == 83) {
        assert(!xfrm_nl_encode_rule(msg, &rule, true));
    } else if (i == 84) {
        make_error(msg, EPERM, false, "some text");
    } else if (i == 85) {
        make_error(msg, EPERM, true, "some text");
    } else if (i == 86) {
        make_acquire(msg);
    } else if (i == 87) {
        make_mapping(msg);
    } else if (i == 88) {
        make_policy_expire(msg, false);
    } else if (i == 89) {
        make_policy_del_by_index(msg);
    } else if (i == 90) {
        make_flush(msg, true);
    } else if (i == 91) {
        make_flush(msg, false);
    } else {
        return false;
    }
    return true;
}

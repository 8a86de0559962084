/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: messages of the kernel.  An SA or a policy that is decoded and
 * that is valid must be the same after it was encoded and decoded again. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "util.h"
#include "xfrm-netlink.h"
#include "xfrm-netlink-uapi.h"

static void
sa_again(const struct xfrm_sa_state *sa, int ifindex)
{
    struct xfrm_op op = { .type = XFRM_OP_SA_ADD, .sa = &sa->spec };
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct xfrm_sa_state again;
    int ifindex2;

    op.start_oseq = sa->oseq;
    op.start_seq = sa->seq;
    if (!xfrm_nl_encode_op(msg, &op, ifindex)) {
        struct nlmsghdr *nlh = nlmsg_hdr(msg);

        ovs_assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &again,
                                     &ifindex2));
        ovs_assert(xfrm_sa_spec_equals(&sa->spec, &again.spec));
        ovs_assert(again.spec.offload == sa->spec.offload);
        xfrm_sa_spec_destroy(&again.spec);
    }
    xfrm_nl_msg_destroy(msg);
}

static void
policy_again(const struct xfrm_policy_spec *policy, int ifindex)
{
    struct xfrm_op op = { .type = XFRM_OP_POLICY_SET, .policy = policy };
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    struct xfrm_policy_spec again;
    int ifindex2;

    ovs_assert(!xfrm_nl_encode_op(msg, &op, ifindex));
    ovs_assert(!xfrm_nl_parse_policy(nlh, nlh->nlmsg_len, &again,
                                     &ifindex2));
    ovs_assert(xfrm_policy_spec_equals(policy, &again));
    ovs_assert(again.index == policy->index && ifindex2 == ifindex);
    xfrm_nl_msg_destroy(msg);
}

static bool
fuzz_xfrm(const void *msg, size_t len)
{
    bool accepted = false;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct xfrm_policy_spec policy;
    struct xfrm_sa_state sa;
    struct xfrm_event event;
    char *error = NULL;
    int ifindex;

    if (!xfrm_nl_parse_sa(msg, len, true, &sa, &ifindex)) {
        accepted = true;
        ovs_assert(sa.spec.if_id && sa.spec.spi);
        ovs_assert(!sa.spec.algo
                   || sa.spec.key.len == xfrm_algo_key_len(sa.spec.algo));
        xfrm_sa_spec_format(&sa.spec, &ds);
        if (sa.spec.offload != XFRM_OFF_NO) {
            ovs_strlcpy(sa.spec.offload_dev, "eth0",
                        sizeof sa.spec.offload_dev);
        }
        if (!xfrm_sa_spec_validate(&sa.spec, &error)) {
            sa_again(&sa, ifindex);
        }
        fuzz_check_sentence(error);
        xfrm_sa_spec_destroy(&sa.spec);
    }
    if (!xfrm_nl_parse_policy(msg, len, &policy, &ifindex)) {
        accepted = true;
        ovs_assert(policy.if_id && policy.n_templates <= XFRM_MAX_TEMPLATES);
        xfrm_policy_spec_format(&policy, &ds);
        if (policy.offload == XFRM_OFF_NO
            && !xfrm_policy_spec_validate(&policy, &error)) {
            policy_again(&policy, ifindex);
            error = NULL;
        }
        fuzz_check_sentence(error);
    }
    if (!xfrm_nl_parse_xfrm_event(msg, len, &event)) {
        accepted = true;
        ovs_assert(event.type <= XFRM_EVENT_MAPPING);
        xfrm_sel_format(&event.sel, &ds);
        xfrm_addr_format(&event.dst, &ds);
    }
    ds_destroy(&ds);
    return accepted;
}

static bool
fuzz_rtnl(const void *msg, size_t len)
{
    bool accepted = false;
    struct xfrm_link_state link;
    struct xfrm_nl_rule rule;
    struct xfrm_event event;
    uint32_t mtu;
    int ifindex;

    if (!xfrm_nl_parse_link(msg, len, &link, &ifindex)) {
        accepted = true;
        ovs_assert(memchr(link.spec.name, 0, sizeof link.spec.name));
    }
    if (!xfrm_nl_parse_rule(msg, len, &rule)) {
        accepted = true;
        ovs_assert(memchr(rule.oif, 0, sizeof rule.oif));
    }
    if (!xfrm_nl_parse_route_get(msg, len, &ifindex, &mtu)) {
        accepted = true;
    }
    if (!xfrm_nl_parse_rtnl_event(msg, len, &event)) {
        accepted = true;
        ovs_assert(memchr(event.name, 0, sizeof event.name));
    }
    return accepted;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xfrm_nl_answer answer;
    const void *buf = data;
    size_t left = size;
    bool accepted = false;
    const void *msg;
    size_t len;

    while ((msg = xfrm_nl_next(&buf, &left, &len)) != NULL) {
        accepted = (xfrm_nl_parse_end(msg, len, &answer) != XFRM_NL_DATA
                    || accepted);
        ovs_assert(memchr(answer.text, 0, sizeof answer.text));
        accepted = fuzz_xfrm(msg, len) || accepted;
        accepted = fuzz_rtnl(msg, len) || accepted;
    }
    /* Also what claims to be longer than it is. */
    xfrm_nl_parse_end(data, size, &answer);
    fuzz_xfrm(data, size);
    fuzz_rtnl(data, size);
    return accepted ? 0 : -1;
}

/* ## Seeds. ## */

static struct xfrm_addr
addr(const char *s)
{
    struct xfrm_addr a;

    ovs_assert(xfrm_addr_from_string(s, &a));
    return a;
}

/* An SA of the 'i'-th algorithm. */
static void
seed_sa(size_t i, const struct xfrm_algo *algo, struct nl_msg *msg)
{
    struct xfrm_op op = { .type = XFRM_OP_SA_ADD };
    uint8_t key[XFRM_SECRET_MAX];
    struct xfrm_sa_spec sa;

    memset(key, i, sizeof key);
    memset(&sa, 0, sizeof sa);
    sa.if_id = sa.reqid = 42;
    sa.algo = algo;
    sa.proto = algo->proto;
    sa.spi = 0x1001;
    sa.src = addr(i & 1 ? "192.0.2.1" : "2001:db8::1");
    sa.dst = addr(i & 1 ? "192.0.2.2" : "2001:db8::2");
    xfrm_secret_init(&sa.key, key, xfrm_algo_key_len(algo));
    if (sa.proto != IPPROTO_COMP) {
        sa.replay_window = i & 2 ? 32 : 128;
        sa.esn = i & 4;
        op.start_oseq = op.start_seq = i;
    }
    sa.flags = i & 7;
    if (sa.proto == IPPROTO_ESP && i & 8) {
        sa.encap.sport = sa.encap.dport = 4500;
    }
    if (i & 4) {
        sa.mark = sa.output_mark = (struct xfrm_mark) { 0x10, 0xff };
    }
    op.sa = &sa;
    ovs_assert(!xfrm_nl_encode_op(msg, &op, 0));
    xfrm_sa_spec_destroy(&sa);
}

static void
seed_policy(size_t i, struct nl_msg *msg)
{
    struct xfrm_op op = { .type = i & 4 ? XFRM_OP_POLICY_DEL
                                        : XFRM_OP_POLICY_SET };
    struct xfrm_policy_spec policy;

    memset(&policy, 0, sizeof policy);
    policy.if_id = 42;
    policy.dir = i % XFRM_N_DIRS;
    policy.sel.src = xfrm_prefix_any(i & 1 ? AF_INET : AF_INET6);
    policy.sel.dst = policy.sel.src;
    policy.index = 8 * i;
    policy.n_templates = 1 + i % 3;
    for (size_t j = 0; j < policy.n_templates; j++) {
        struct xfrm_template *t = &policy.templates[j];

        t->proto = j ? IPPROTO_ESP : IPPROTO_COMP;
        t->src = addr("192.0.2.1");
        t->dst = addr("192.0.2.2");
        t->optional = !j && policy.dir != XFRM_DIR_OUT;
    }
    op.policy = &policy;
    ovs_assert(!xfrm_nl_encode_op(msg, &op, 0));
}

static void
begin(struct nl_msg *msg, int type, const void *body, size_t len)
{
    nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
    ovs_assert(nlmsg_put(msg, 0, 0, type, 0, 0));
    ovs_assert(!nlmsg_append(msg, (void *) body, len, NLMSG_ALIGNTO));
}

static void
seed_event(size_t i, struct nl_msg *msg)
{
    struct xfrm_user_acquire acquire;
    struct xfrm_user_expire expire;
    struct xfrm_user_mapping mapping;
    struct xfrm_user_tmpl tmpl;

    memset(&tmpl, 0, sizeof tmpl);
    tmpl.family = AF_INET;
    tmpl.id.proto = IPPROTO_ESP;
    switch (i) {
    case 0:
        memset(&acquire, 0, sizeof acquire);
        acquire.id.proto = IPPROTO_ESP;
        acquire.sel.family = AF_INET;
        acquire.policy.dir = XFRM_POLICY_OUT;
        begin(msg, XFRM_MSG_ACQUIRE, &acquire, sizeof acquire);
        ovs_assert(!nla_put(msg, XFRMA_TMPL, sizeof tmpl, &tmpl));
        break;
    case 1:
        memset(&expire, 0, sizeof expire);
        expire.state.family = AF_INET;
        expire.state.id.spi = htonl(5);
        expire.state.id.proto = IPPROTO_ESP;
        begin(msg, XFRM_MSG_EXPIRE, &expire, sizeof expire);
        break;
    case 2:
        memset(&mapping, 0, sizeof mapping);
        mapping.id.family = AF_INET6;
        begin(msg, XFRM_MSG_MAPPING, &mapping, sizeof mapping);
        break;
    }
    ovs_assert(!nla_put_u32(msg, XFRMA_IF_ID, 42));
}

static void
seed_rtnl(size_t i, struct nl_msg *msg)
{
    struct xfrm_link_spec spec = { .name = "xfrm0", .if_id = 42 };
    struct xfrm_nl_rule rule = { AF_INET6, 7, "xfrm0" };
    struct xfrm_addr dst = addr("192.0.2.2");
    int error = -1;

    memset(&rule.oif[5], 0, sizeof rule.oif - 5);
    switch (i) {
    case 0:
        ovs_assert(!xfrm_nl_encode_link_new(msg, &spec, 3));
        ((struct ifinfomsg *) nlmsg_data(nlmsg_hdr(msg)))->ifi_index = 5;
        break;
    case 1:
        ovs_assert(!xfrm_nl_encode_rule(msg, &rule, true));
        break;
    case 2:
        ovs_assert(!xfrm_nl_encode_route(msg, AF_INET, 5, true));
        break;
    case 3:
        ovs_assert(!xfrm_nl_encode_route_get(msg, &dst, &dst));
        nlmsg_hdr(msg)->nlmsg_type = RTM_NEWROUTE;
        break;
    case 4:
        begin(msg, NLMSG_ERROR, &error, sizeof error);
        ovs_assert(!nlmsg_append(msg, nlmsg_hdr(msg), NLMSG_HDRLEN,
                                 NLMSG_ALIGNTO));
        nlmsg_hdr(msg)->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
        ovs_assert(!nla_put_string(msg, NLMSGERR_ATTR_MSG, "text"));
        break;
    }
}

bool
fuzz_seed(size_t i, struct ds *seed)
{
    enum { N_POLICIES = 12, N_EVENTS = 3, N_RTNL = 5 };
    struct nl_msg *msg = xfrm_nl_msg_new();
    size_t n_algos = 0;
    bool found = true;

    while (xfrm_algo_at(n_algos)) {
        n_algos++;
    }
    if (i < n_algos) {
        seed_sa(i, xfrm_algo_at(i), msg);
    } else {
        i -= n_algos;
        if (i < N_POLICIES) {
            seed_policy(i, msg);
        } else if (i < N_POLICIES + N_EVENTS) {
            seed_event(i - N_POLICIES, msg);
        } else if (i < N_POLICIES + N_EVENTS + N_RTNL) {
            seed_rtnl(i - N_POLICIES - N_EVENTS, msg);
        } else {
            found = false;
        }
    }
    if (found) {
        ds_put_buffer(seed, (const char *) nlmsg_hdr(msg),
                      nlmsg_hdr(msg)->nlmsg_len);
    }
    xfrm_nl_msg_destroy(msg);
    return found;
}

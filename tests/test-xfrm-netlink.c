/* SPDX-License-Identifier: Apache-2.0 */

/* Tests of xfrm-netlink: what is encoded comes back when decoded, and nothing
 * that a decoder is given makes it read past the end (to be seen with
 * AddressSanitizer). */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "tests/test-xfrm.h"
#include "util.h"
#include "xfrm-netlink.h"
#include "xfrm-netlink-uapi.h"

/* ## Samples. ## */

static struct xfrm_addr
addr(const char *s)
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

static struct xfrm_sel
selector(const char *src, const char *dst)
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
static void
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
    sa->src = addr(i & 1 ? "192.0.2.1" : "2001:db8::1");
    sa->dst = addr(i & 1 ? "192.0.2.2" : "2001:db8::2");
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
        sa->sel = selector("10.1.0.0/16", "10.2.0.0/15");
        break;
    case 2:
        sa->sel = selector("fd00:1::/33", "::/0");
        break;
    }
    sa->offload = i / 17 % 3;
}

static void
sample_policy(unsigned int i, struct xfrm_policy_spec *policy)
{
    static const uint8_t protos[] = { IPPROTO_ESP, IPPROTO_AH, IPPROTO_COMP };

    memset(policy, 0, sizeof *policy);
    policy->if_id = i + 1;
    policy->dir = i % XFRM_N_DIRS;
    policy->sel = (i & 1 ? selector("10.1.0.0/16", "0.0.0.0/0")
                   : selector("fd00:1::/33", "fd00::1/128"));
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
            t->src = addr(j & 1 ? "192.0.2.1" : "2001:db8::1");
            t->dst = addr(j & 1 ? "192.0.2.2" : "2001:db8::2");
        }
        t->reqid = i;
        t->spi = j;
        t->proto = protos[(i + j) / 2 % ARRAY_SIZE(protos)];
        t->optional = (i + j) / 3 & 1;
    }
}

static bool
sa_same(const struct xfrm_sa_spec *a, const struct xfrm_sa_spec *b)
{
    return (a->if_id == b->if_id
            && a->spi == b->spi
            && a->proto == b->proto
            && xfrm_addr_equals(&a->src, &b->src)
            && xfrm_addr_equals(&a->dst, &b->dst)
            && a->mode == b->mode
            && a->reqid == b->reqid
            && a->algo == b->algo
            && xfrm_secret_equals(&a->key, &b->key)
            && a->replay_window == b->replay_window
            && a->esn == b->esn
            && a->encap.sport == b->encap.sport
            && a->encap.dport == b->encap.dport
            && !memcmp(&a->lifetime, &b->lifetime, sizeof a->lifetime)
            && !memcmp(&a->sel, &b->sel, sizeof a->sel)
            && !memcmp(&a->mark, &b->mark, sizeof a->mark)
            && !memcmp(&a->output_mark, &b->output_mark,
                       sizeof a->output_mark)
            && a->flags == b->flags
            && a->offload == b->offload);
}

/* ## Round trips. ## */

static void
check_sa_event(const struct xfrm_sa_spec *sa, const struct xfrm_event *event,
               bool gone)
{
    assert(event->type == XFRM_EVENT_SA && event->identified);
    assert(event->gone == gone);
    assert(event->spi == sa->spi && event->proto == sa->proto);
    assert(xfrm_addr_equals(&event->dst, &sa->dst));
    assert(xfrm_mark_equals(&event->mark, &sa->mark));
}

static void
check_policy_event(const struct xfrm_policy_spec *policy,
                   const struct xfrm_event *event, bool gone)
{
    assert(event->type == XFRM_EVENT_POLICY && event->identified);
    assert(event->gone == gone);
    assert(event->if_id == policy->if_id && event->dir == policy->dir);
    assert(xfrm_sel_equals(&event->sel, &policy->sel));
    assert(xfrm_mark_equals(&event->mark, &policy->mark));
}

static void
run_round_trip(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    enum { N = 2000 };
    unsigned int largest = 0;

    for (unsigned int i = 0; i < N; i++) {
        struct nl_msg *msg = xfrm_nl_msg_new();
        struct nlmsghdr *nlh = nlmsg_hdr(msg);
        struct xfrm_policy_spec policy, policy2;
        struct xfrm_sa_spec sa;
        struct xfrm_sa_state state;
        struct xfrm_event event;
        struct xfrm_op op;
        int ifindex;

        sample_sa(i, &sa);
        memset(&op, 0, sizeof op);
        op.type = XFRM_OP_SA_ADD;
        op.sa = &sa;
        op.start_oseq = (sa.esn ? UINT64_C(0x1234567890) : 0xfedcba98) + i;
        op.start_seq = i % 4 ? op.start_oseq / i : 0;
        assert(!xfrm_nl_encode_op(msg, &op, 77));
        largest = MAX(largest, nlh->nlmsg_len);
        assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state,
                                 &ifindex));
        assert(sa_same(&sa, &state.spec));
        assert(ifindex == (sa.offload == XFRM_OFF_NO ? 0 : 77));
        assert(state.oseq == op.start_oseq);
        assert(state.seq == op.start_seq);
        assert(state.valid);
        xfrm_sa_spec_destroy(&state.spec);

        assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, false, &state,
                                 &ifindex));
        assert(state.spec.algo == sa.algo && !state.spec.key.data);
        xfrm_sa_spec_destroy(&state.spec);

        assert(!xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event));
        check_sa_event(&sa, &event, false);
        assert(event.if_id == sa.if_id);
        assert(xfrm_addr_equals(&event.src, &sa.src));

        /* The kernel tells the if_id of what was deleted. */
        op.type = XFRM_OP_SA_DEL;
        assert(!xfrm_nl_encode_op(msg, &op, 0));
        assert(xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event)
               == ENODATA);
        assert(!nla_put_u32(msg, XFRMA_IF_ID, sa.if_id));
        assert(!xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event));
        check_sa_event(&sa, &event, true);

        /* A request for one SA has the same form as its deletion. */
        assert(!xfrm_nl_encode_get_sa(msg, &sa.dst, sa.spi, sa.proto,
                                      &sa.mark));
        assert(nlh->nlmsg_type == XFRM_MSG_GETSA);
        nlh->nlmsg_type = XFRM_MSG_DELSA;
        assert(!nla_put_u32(msg, XFRMA_IF_ID, sa.if_id));
        assert(!xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event));
        check_sa_event(&sa, &event, true);
        xfrm_sa_spec_destroy(&sa);

        sample_policy(i, &policy);
        op.type = XFRM_OP_POLICY_SET;
        op.policy = &policy;
        assert(!xfrm_nl_encode_op(msg, &op, 77));
        largest = MAX(largest, nlh->nlmsg_len);
        assert(!xfrm_nl_parse_policy(nlh, nlh->nlmsg_len, &policy2,
                                     &ifindex));
        assert(!memcmp(&policy, &policy2, sizeof policy));
        assert(ifindex == (policy.offload == XFRM_OFF_NO ? 0 : 77));
        assert(!xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event));
        check_policy_event(&policy, &event, false);

        op.type = XFRM_OP_POLICY_DEL;
        assert(!xfrm_nl_encode_op(msg, &op, 0));
        assert(!xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event));
        check_policy_event(&policy, &event, true);

        assert(!xfrm_nl_encode_get_policy(msg, &policy));
        assert(nlh->nlmsg_type == XFRM_MSG_GETPOLICY);
        nlh->nlmsg_type = XFRM_MSG_DELPOLICY;
        assert(!xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event));
        check_policy_event(&policy, &event, true);
        xfrm_nl_msg_destroy(msg);
    }
    assert(largest <= XFRM_NL_MSG_SIZE / 2);
    printf("%d SAs and policies came back\n", N);
}

/* Counters that an SA cannot have, and a window with everything seen. */
static void
run_counters(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    struct xfrm_sa_spec sa;
    struct xfrm_op op;

    sample_sa(0, &sa);
    memset(&op, 0, sizeof op);
    op.type = XFRM_OP_SA_ADD;
    op.sa = &sa;

    for (int esn = 0; esn < 2; esn++) {
        for (sa.replay_window = 1; sa.replay_window <= 4096;
             sa.replay_window *= 2) {
            for (int i = 0; i < 3; i++) {
                static const uint64_t starts[] = {
                    0, UINT32_MAX, UINT64_C(1) << 32
                };
                struct xfrm_usersa_info *info = nlmsg_data(nlh);
                struct nlattr *rv, *re;
                int error;

                sa.esn = esn;
                op.start_oseq = op.start_seq = starts[i];
                error = xfrm_nl_encode_op(msg, &op, 0);
                assert(error == (i == 2 && !esn ? EOVERFLOW : 0));
                if (error) {
                    continue;
                }
                rv = nlmsg_find_attr(nlh, sizeof *info, XFRMA_REPLAY_VAL);
                re = nlmsg_find_attr(nlh, sizeof *info,
                                     XFRMA_REPLAY_ESN_VAL);
                if (esn || sa.replay_window > 32) {
                    struct xfrm_replay_state_esn *r = nla_data(re);

                    assert(!rv && !info->replay_window);
                    assert(r->replay_window == sa.replay_window);
                    assert(r->bmp_len == DIV_ROUND_UP(sa.replay_window, 32));
                    for (size_t j = 0; j < r->bmp_len; j++) {
                        assert(r->bmp[j] == (i ? UINT32_MAX : 0));
                    }
                } else {
                    struct xfrm_replay_state *r = rv ? nla_data(rv) : NULL;

                    assert(!re && info->replay_window == sa.replay_window);
                    assert(i ? r && r->bitmap == UINT32_MAX : !r);
                }
            }
        }
    }
    xfrm_sa_spec_destroy(&sa);
    xfrm_nl_msg_destroy(msg);
    printf("ok\n");
}

/* Foreign objects: they are seen, and never equal to a wanted one. */
static void
run_foreign(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    struct xfrm_usersa_info *info;
    struct xfrm_userpolicy_info *pinfo;
    struct xfrm_user_tmpl *tmpl;
    struct xfrm_policy_spec policy;
    struct xfrm_sa_state state;
    struct xfrm_event event;
    struct xfrm_sa_spec sa;
    struct nlattr *nla;
    struct xfrm_op op;
    int ifindex;

    sample_sa(0, &sa);
    memset(&op, 0, sizeof op);
    op.type = XFRM_OP_SA_ADD;
    op.sa = &sa;

    /* Unknown algorithm. */
    assert(!xfrm_nl_encode_op(msg, &op, 0));
    info = nlmsg_data(nlh);
    nla = nlmsg_find_attr(nlh, sizeof *info, XFRMA_ALG_AEAD);
    assert(nla);
    ((char *) nla_data(nla))[0] ^= 1;
    assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state, &ifindex));
    assert(!state.spec.algo && !state.spec.key.data);

    /* AH, unknown mode, acquire. */
    assert(!xfrm_nl_encode_op(msg, &op, 0));

    /* What the kernel puts beside IPComp in tunnel mode. */
    info->id.proto = IPPROTO_IPIP;
    assert(xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state, &ifindex)
           == ENODATA);
    assert(xfrm_nl_parse_xfrm_event(nlh, nlh->nlmsg_len, &event) == ENODATA);

    /* Flags that a spec has no name for. */
    info->id.proto = IPPROTO_ESP;
    info->flags |= XFRM_STATE_WILDRECV;
    assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, false, &state, &ifindex));
    assert(!state.spec.algo);
    assert(!xfrm_nl_encode_op(msg, &op, 0));
    assert(!nla_put_u32(msg, XFRMA_SA_EXTRA_FLAGS, 0x80));
    assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, false, &state, &ifindex));
    assert(!state.spec.algo);
    assert(!xfrm_nl_encode_op(msg, &op, 0));

    info->id.proto = IPPROTO_AH;
    assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state, &ifindex));
    assert(!state.spec.algo && state.spec.proto == IPPROTO_AH);
    info->id.proto = IPPROTO_ESP;
    info->mode = 5;
    assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state, &ifindex));
    assert(!state.spec.algo);
    xfrm_sa_spec_destroy(&state.spec);
    info->id.spi = 0;
    assert(xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state, &ifindex)
           == ENODATA);

    /* Direction, and a passed limit. */
    assert(!xfrm_nl_encode_op(msg, &op, 0));
    assert(!nla_put_u8(msg, 33, 1));
    info->lft.hard_packet_limit = info->curlft.packets = 5;
    assert(!xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, false, &state, &ifindex));
    assert(state.spec.dir == XFRM_DIR_IN && !state.valid);
    xfrm_sa_spec_destroy(&state.spec);

    /* No if_id. */
    sa.if_id = 0;
    assert(!xfrm_nl_encode_op(msg, &op, 0));
    assert(xfrm_nl_parse_sa(nlh, nlh->nlmsg_len, true, &state, &ifindex)
           == ENODATA);
    xfrm_sa_spec_destroy(&sa);

    /* A template that asks for particular algorithms. */
    sample_policy(0, &policy);
    op.type = XFRM_OP_POLICY_SET;
    op.policy = &policy;
    assert(!xfrm_nl_encode_op(msg, &op, 0));
    pinfo = nlmsg_data(nlh);
    nla = nlmsg_find_attr(nlh, sizeof *pinfo, XFRMA_TMPL);
    assert(nla);
    tmpl = nla_data(nla);
    tmpl->ealgos = 1;
    assert(!xfrm_nl_parse_policy(nlh, nlh->nlmsg_len, &policy, &ifindex));
    assert(policy.n_templates == 1 && !policy.templates[0].proto);

    /* A policy of a socket. */
    pinfo->dir = 3;
    assert(xfrm_nl_parse_policy(nlh, nlh->nlmsg_len, &policy, &ifindex)
           == ENODATA);

    xfrm_nl_msg_destroy(msg);
    printf("ok\n");
}

/* ## Notifications. ## */

static void
msg_begin(struct nl_msg *msg, int type, const void *body, size_t len)
{
    nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
    assert(nlmsg_put(msg, 0, 0, type, 0, 0));
    assert(!nlmsg_append(msg, (void *) body, len, NLMSG_ALIGNTO));
}

/* An SA is wanted for an IPv4 packet, which goes through IPComp in an IPv6
 * tunnel and ESP in transport mode; it is ESP that has none. */
static void
make_acquire(struct nl_msg *msg)
{
    struct xfrm_user_acquire acquire;
    struct xfrm_user_tmpl tmpls[2];
    struct xfrm_addr src = addr("2001:db8::1");
    struct xfrm_addr dst = addr("2001:db8::2");
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

static void
make_expire(struct nl_msg *msg, bool hard)
{
    struct xfrm_addr src = addr("2001:db8::1");
    struct xfrm_addr dst = addr("2001:db8::2");
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

static void
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

static void
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
static void
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

static void
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

static void
parse_event(struct nl_msg *msg, struct xfrm_event *event)
{
    assert(!xfrm_nl_parse_xfrm_event(nlmsg_hdr(msg),
                                     nlmsg_hdr(msg)->nlmsg_len, event));
}

static void
run_events(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_addr addr1 = addr("2001:db8::1");
    struct xfrm_addr addr2 = addr("2001:db8::2");
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    struct xfrm_user_acquire *acquire;
    struct xfrm_event event;
    struct xfrm_sel sel;

    make_acquire(msg);
    parse_event(msg, &event);
    assert(event.type == XFRM_EVENT_ACQUIRE && event.if_id == 42);
    assert(event.dir == XFRM_DIR_OUT && event.seq == 99);
    assert(xfrm_addr_equals(&event.src, &addr1));
    assert(xfrm_addr_equals(&event.dst, &addr2));
    assert(!event.spi && event.proto == IPPROTO_ESP);
    assert(event.mark.value == 0x10 && event.mark.mask == 0xff);
    sel = selector("10.0.0.1/32", "10.1.0.1/32");
    sel.sport = sel.sport_mask = 0;
    sel.dport_mask = OVS_BE16_MAX;
    assert(xfrm_sel_equals(&event.sel, &sel));
    assert(event.template.mode == XFRM_SPEC_TRANSPORT);
    assert(event.template.reqid == 8 && event.template.proto == IPPROTO_ESP);

    /* Now it is IPComp that has none; then none is the right template. */
    acquire = nlmsg_data(nlh);
    acquire->id.proto = IPPROTO_COMP;
    parse_event(msg, &event);
    assert(event.template.mode == XFRM_SPEC_TUNNEL);
    assert(event.template.reqid == 7
           && xfrm_addr_equals(&event.template.dst, &addr2));
    acquire->id.proto = IPPROTO_AH;
    parse_event(msg, &event);
    assert(!event.template.proto && event.proto == IPPROTO_AH);

    for (int hard = 0; hard < 2; hard++) {
        make_expire(msg, hard);
        parse_event(msg, &event);
        assert(event.type == XFRM_EVENT_EXPIRE && event.hard == hard);
        assert(event.identified && event.if_id == 9);
        assert(event.spi == 5 && event.proto == IPPROTO_AH);
        assert(xfrm_addr_equals(&event.src, &addr1));
        assert(xfrm_addr_equals(&event.dst, &addr2));

        make_policy_expire(msg, hard);
        parse_event(msg, &event);
        assert(event.type == XFRM_EVENT_POLICY && event.gone == hard);
        assert(event.identified && event.dir == XFRM_DIR_FWD);

        make_flush(msg, hard);
        parse_event(msg, &event);
        assert(event.type == (hard ? XFRM_EVENT_SA : XFRM_EVENT_POLICY));
        assert(event.gone && !event.identified && !event.if_id);
    }

    make_policy_del_by_index(msg);
    parse_event(msg, &event);
    assert(event.type == XFRM_EVENT_POLICY && event.gone);
    assert(event.identified && event.dir == XFRM_DIR_IN);
    assert(event.sel.src.plen == 8 && event.sel.src.addr.family == AF_INET);

    make_mapping(msg);
    parse_event(msg, &event);
    assert(event.type == XFRM_EVENT_MAPPING && event.identified);
    assert(event.spi == 0x1001 && event.new_sport == 1025);
    assert(event.src.ip4 == htonl(0xc0000202));
    assert(event.new_src.ip4 == htonl(0xc0000203));

    xfrm_nl_msg_destroy(msg);
    printf("ok\n");
}

/* ## rtnetlink. ## */

/* A description of a device such as the kernel gives. */
static void
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

static void
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

static void
run_rtnl(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_nl_rule rule = { AF_INET6, 7, "xfrm0" }, rule2;
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    struct xfrm_link_state link;
    struct xfrm_event event;
    int ifindex, dev;
    uint32_t mtu;

    make_link(msg);
    assert(!xfrm_nl_parse_link(nlh, nlh->nlmsg_len, &link, &dev));
    assert(!strcmp(link.spec.name, "xfrm0") && link.spec.if_id == 42);
    assert(!strcmp(link.spec.dev, "?") && dev == 3 && link.ifindex == 12);
    assert(link.is_xfrm && !link.external && link.ours && link.up);
    assert(link.mtu == 1438);
    assert(!xfrm_nl_parse_rtnl_event(nlh, nlh->nlmsg_len, &event));
    assert(event.type == XFRM_EVENT_LINK && event.ifindex == 12);
    assert(!strcmp(event.name, "xfrm0"));

    /* What we send has the same form, but for the index. */
    link.spec.if_id = 4000000000;
    assert(!xfrm_nl_encode_link_new(msg, &link.spec, 0));
    ((struct ifinfomsg *) nlmsg_data(nlh))->ifi_index = 1;
    assert(!xfrm_nl_parse_link(nlh, nlh->nlmsg_len, &link, &dev));
    assert(link.is_xfrm && link.spec.if_id == 4000000000 && !dev);
    assert(!link.ours && !link.up);

    assert(!xfrm_nl_encode_rule(msg, &rule, true));
    assert(!xfrm_nl_parse_rule(nlh, nlh->nlmsg_len, &rule2));
    assert(rule2.family == rule.family && rule2.priority == rule.priority);
    assert(!strcmp(rule2.oif, rule.oif));
    ((struct fib_rule_hdr *) nlmsg_data(nlh))->flags = FIB_RULE_INVERT;
    assert(xfrm_nl_parse_rule(nlh, nlh->nlmsg_len, &rule2) == ENODATA);

    make_route(msg);
    assert(!xfrm_nl_parse_route_get(nlh, nlh->nlmsg_len, &ifindex, &mtu));
    assert(ifindex == 9 && mtu == 1400);
    assert(!xfrm_nl_parse_rtnl_event(nlh, nlh->nlmsg_len, &event));
    assert(event.type == XFRM_EVENT_ROUTE);

    xfrm_nl_msg_destroy(msg);
    printf("ok\n");
}

/* ## Answers. ## */

/* An error such as the kernel gives, with a text. */
static void
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

static void
run_answers(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    struct xfrm_nl_answer answer;
    char longer[1000];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';

    for (int capped = 0; capped < 2; capped++) {
        make_error(msg, EPROTONOSUPPORT, capped, "a\nb\033c");
        assert(xfrm_nl_parse_end(nlh, nlh->nlmsg_len, &answer)
               == XFRM_NL_ACK);
        assert(answer.error == EPROTONOSUPPORT);
        assert(!strcmp(answer.text, "a?b?c"));

        make_error(msg, 0, capped, longer);
        assert(xfrm_nl_parse_end(nlh, nlh->nlmsg_len, &answer)
               == XFRM_NL_ACK);
        assert(!answer.error);
        assert(strlen(answer.text) == sizeof answer.text - 1);
    }

    /* Something that is no errno must not pass for success. */
    make_error(msg, -5, true, "");
    assert(xfrm_nl_parse_end(nlh, nlh->nlmsg_len, &answer) == XFRM_NL_ACK);
    assert(answer.error == EBADMSG);
    assert(xfrm_nl_parse_end(nlh, NLMSG_HDRLEN + 3, &answer) == XFRM_NL_ACK);
    assert(answer.error == EBADMSG);

    xfrm_nl_msg_destroy(msg);
    printf("ok\n");
}

/* ## Hostile input. ## */

static void
decode_everything(const void *msg, size_t len)
{
    struct xfrm_policy_spec policy;
    struct xfrm_nl_answer answer;
    struct xfrm_link_state link;
    struct xfrm_sa_state state;
    struct xfrm_nl_rule rule;
    struct xfrm_event event;
    const void *buf = msg;
    size_t left = len, n;
    uint32_t mtu;
    int ifindex;

    while (xfrm_nl_next(&buf, &left, &n)) {
        continue;
    }
    xfrm_nl_parse_end(msg, len, &answer);
    if (!xfrm_nl_parse_sa(msg, len, true, &state, &ifindex)) {
        assert(!state.spec.algo
               || state.spec.key.len == xfrm_algo_key_len(state.spec.algo));
        xfrm_sa_spec_destroy(&state.spec);
    }
    xfrm_nl_parse_policy(msg, len, &policy, &ifindex);
    xfrm_nl_parse_xfrm_event(msg, len, &event);
    xfrm_nl_parse_link(msg, len, &link, &ifindex);
    xfrm_nl_parse_rule(msg, len, &rule);
    xfrm_nl_parse_route_get(msg, len, &ifindex, &mtu);
    xfrm_nl_parse_rtnl_event(msg, len, &event);
}

/* Decodes a copy of 'msg' that ends where its memory ends. */
static void
decode_copy(const void *msg, size_t len)
{
    void *copy = len ? xmemdup(msg, len) : xmalloc(1);

    decode_everything(copy, len);
    free(copy);
}

/* Fills 'msg' with the 'i'-th kind of sample, or returns false. */
static bool
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

/* Every beginning of every kind of message, once with the length in its header
 * as it was and once with that adapted. */
static void
run_truncate(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    unsigned int i;

    for (i = 0; make_sample(i, msg); i++) {
        struct nlmsghdr *nlh = nlmsg_hdr(msg);
        size_t len = nlh->nlmsg_len;

        for (size_t n = 0; n <= len; n++) {
            decode_copy(nlh, n);
            if (n >= sizeof *nlh) {
                nlh->nlmsg_len = n;
                decode_copy(nlh, n);
                nlh->nlmsg_len = len;
            }
        }
    }
    xfrm_nl_msg_destroy(msg);
    printf("%u kinds of messages\n", i);
}

/* Random changes; the arguments are a seed and how many messages. */
static void
run_mutate(struct ovs_cmdl_context *ctx)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    unsigned int kinds = 0;
    unsigned int seed, n;

    if (!str_to_uint(ctx->argv[1], 10, &seed)
        || !str_to_uint(ctx->argv[2], 10, &n)) {
        ovs_fatal(0, "usage: netlink-mutate SEED N");
    }
    random_set_seed(seed ? seed : 1);
    while (make_sample(kinds, msg)) {
        kinds++;
    }
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *bytes = (uint8_t *) nlmsg_hdr(msg);
        size_t len;

        make_sample(random_range(kinds), msg);
        len = nlmsg_hdr(msg)->nlmsg_len;
        for (int j = random_range(6); j >= 0; j--) {
            size_t ofs = random_range(len);

            switch (random_range(4)) {
            case 0:
                bytes[ofs] = random_uint8();
                break;
            case 1:
                bytes[ofs] ^= 1 << random_range(8);
                break;
            case 2:
                /* Lengths and types are 16 bits at even offsets. */
                ofs &= ~1;
                if (ofs + 2 <= len) {
                    uint16_t x = random_range(3) ? random_range(256)
                                                 : random_uint16();
                    memcpy(&bytes[ofs], &x, sizeof x);
                }
                break;
            case 3:
                bytes[ofs] = random_range(2) ? 0xff : 0;
                break;
            }
        }
        if (random_range(2)) {
            nlmsg_hdr(msg)->nlmsg_len = len;
        }
        decode_copy(bytes, len);
    }
    xfrm_nl_msg_destroy(msg);
    printf("%u messages\n", n);
}

const struct ovs_cmdl_command test_xfrm_netlink_commands[] = {
    { "netlink-round-trip", NULL, 0, 0, run_round_trip, OVS_RO },
    { "netlink-counters", NULL, 0, 0, run_counters, OVS_RO },
    { "netlink-foreign", NULL, 0, 0, run_foreign, OVS_RO },
    { "netlink-events", NULL, 0, 0, run_events, OVS_RO },
    { "netlink-rtnl", NULL, 0, 0, run_rtnl, OVS_RO },
    { "netlink-answers", NULL, 0, 0, run_answers, OVS_RO },
    { "netlink-truncate", NULL, 0, 0, run_truncate, OVS_RO },
    { "netlink-mutate", "SEED N", 2, 2, run_mutate, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

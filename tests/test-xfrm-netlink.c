/* SPDX-License-Identifier: Apache-2.0 */

/* Tests of xfrm-netlink: what is encoded comes back when decoded, and nothing
 * that a decoder is given makes it read past the end (to be seen with
 * AddressSanitizer).  They are given what test-xfrm-netlink-samples.c makes. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "tests/test-xfrm.h"
#include "tests/test-xfrm-netlink-samples.h"
#include "util.h"
#include "xfrm-netlink.h"
#include "xfrm-netlink-uapi.h"

/* ## Round trips. ## */

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
parse_event(struct nl_msg *msg, struct xfrm_event *event)
{
    assert(!xfrm_nl_parse_xfrm_event(nlmsg_hdr(msg),
                                     nlmsg_hdr(msg)->nlmsg_len, event));
}

static void
run_events(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_addr addr1 = sample_addr("2001:db8::1");
    struct xfrm_addr addr2 = sample_addr("2001:db8::2");
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
    sel = sample_selector("10.0.0.1/32", "10.1.0.1/32");
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

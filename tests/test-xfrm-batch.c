/* SPDX-License-Identifier: Apache-2.0 */

/* Tests of the contract in xfrm-backend.h that hold for every backend: many
 * changes at a time, single objects, and events that name their object.  The
 * unit tests run them on the dummy, the system tests on the kernel.
 *
 * Also makes many SAs and policies for measurements, with apply_batch() or as
 * input of "ip -batch". */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-backend.h"
#include "xfrm-dummy.h"

#define IF_ID 0xfffffff0

static const struct xfrm_backend_class *
class_from_name(const char *name)
{
    if (!strcmp(name, "kernel")) {
        return &xfrm_backend_kernel;
    } else if (!strcmp(name, "dummy")) {
        return &xfrm_backend_dummy;
    }
    ovs_fatal(0, "%s: no such backend", name);
}

static struct xfrm_backend *
open_handle(const struct xfrm_backend_class *class, bool events)
{
    struct xfrm_backend *backend;
    char *error;

    if (class->open(events, &backend, &error)) {
        ovs_fatal(0, "%s", error);
    }
    return backend;
}

static struct xfrm_addr
addr(const char *s)
{
    struct xfrm_addr a;

    ovs_assert(xfrm_addr_from_string(s, &a));
    return a;
}

static struct xfrm_prefix
prefix(const char *s)
{
    struct xfrm_prefix p;
    char *error;

    ovs_assert(!xfrm_prefix_from_string(s, &p, &error));
    return p;
}

/* ## Objects. ## */

/* The 'i'-th of a set in which each algorithm comes up, with marks, flags,
 * selectors and both families. */
static void
sample_sa(unsigned int i, struct xfrm_sa_spec *sa)
{
    uint8_t key[XFRM_SECRET_MAX];
    size_t n_algos = 0;
    char *error;

    while (xfrm_algo_at(n_algos)) {
        n_algos++;
    }
    memset(sa, 0, sizeof *sa);
    sa->if_id = sa->reqid = IF_ID;
    sa->algo = xfrm_algo_at(i % n_algos);
    sa->proto = sa->algo->proto;
    sa->spi = 0x1000 + i;
    sa->src = addr(i & 1 ? "192.0.2.1" : "2001:db8::1");
    sa->dst = addr(i & 1 ? "192.0.2.2" : "2001:db8::2");
    sa->dir = XFRM_DIR_OUT;
    sa->mode = i / 2 & 1 ? XFRM_SPEC_TUNNEL : XFRM_SPEC_TRANSPORT;
    memset(key, i, sizeof key);
    xfrm_secret_init(&sa->key, key, xfrm_algo_key_len(sa->algo));
    if (sa->proto != IPPROTO_COMP) {
        sa->replay_window = i / 4 & 1 ? 32 : 4096;
        sa->esn = i / 8 & 1;
    }
    if (sa->mode == XFRM_SPEC_TUNNEL) {
        sa->sel.src = prefix("10.0.0.0/8");
        sa->sel.dst = prefix("10.1.0.0/16");
        sa->sel.proto = IPPROTO_TCP;
        sa->sel.dport = htons(i);
        sa->sel.dport_mask = OVS_BE16_MAX;
    }
    if (i / 3 & 1) {
        sa->mark = (struct xfrm_mark) { 0x10, 0xf0 };
        sa->output_mark = (struct xfrm_mark) { i & 1, 0xff };
    }
    sa->flags = i % XFRM_SA_OSEQ_MAY_WRAP;
    if (!sa->algo->counter_mode && !sa->esn && sa->proto != IPPROTO_COMP) {
        sa->flags |= XFRM_SA_OSEQ_MAY_WRAP;
    }
    sa->lifetime.hard_seconds = 3600;
    sa->lifetime.soft_packets = 1000 + i;
    sa->lifetime.hard_packets = UINT64_C(1) << 40;
    if (xfrm_sa_spec_validate(sa, &error)) {
        ovs_fatal(0, "SA %u: %s", i, error);
    }
}

/* Policies of every direction, action and kind of template. */
static void
sample_policy(unsigned int i, struct xfrm_policy_spec *policy)
{
    char *error;

    memset(policy, 0, sizeof *policy);
    policy->if_id = IF_ID;
    policy->dir = i % XFRM_N_DIRS;
    policy->sel.src = prefix(i & 1 ? "10.0.0.0/8" : "fd00::/8");
    policy->sel.dst = prefix(i & 1 ? "10.1.0.0/16" : "::/0");
    policy->sel.proto = IPPROTO_UDP;
    policy->sel.sport = htons(i);
    policy->sel.sport_mask = OVS_BE16_MAX;
    if (i / 3 & 1) {
        policy->mark = (struct xfrm_mark) { 0x20, 0xf0 };
    }
    policy->priority = i;
    policy->action = i / 2 % 4 ? XFRM_ACTION_PROTECT : XFRM_ACTION_DISCARD;
    if (policy->action == XFRM_ACTION_PROTECT) {
        struct xfrm_template *t = policy->templates;

        if (i / 4 & 1) {
            /* Compressed in an IPv4 tunnel, then ESP around that. */
            t->proto = IPPROTO_COMP;
            t->mode = XFRM_SPEC_TUNNEL;
            t->src = addr("192.0.2.1");
            t->dst = addr("192.0.2.2");
            t->optional = policy->dir != XFRM_DIR_OUT;
            t++;
            t->proto = IPPROTO_ESP;
            t->mode = XFRM_SPEC_TRANSPORT;
            t->reqid = 7;
            t++;
        }
        t->proto = i / 5 & 1 ? IPPROTO_AH : IPPROTO_ESP;
        t->mode = XFRM_SPEC_TUNNEL;
        t->src = addr("2001:db8::1");
        t->dst = addr("2001:db8::2");
        t->reqid = i;
        t->spi = i & 1 ? 0x1000 : 0;
        t++;
        policy->n_templates = t - policy->templates;
    }
    if (xfrm_policy_spec_validate(policy, &error)) {
        ovs_fatal(0, "policy %u: %s", i, error);
    }
}

static void
free_results(struct xfrm_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(results[i].message);
    }
    free(results);
}

static void
print_unexpected(const struct xfrm_op *op, const struct xfrm_result *result)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    xfrm_op_format(op, &ds);
    printf("%s: %s\n", ds_cstr(&ds),
           result->message ? result->message : "succeeded");
    ds_destroy(&ds);
}

/* Counts the events for each of the 'n' operations, which were done in one
 * batch.  Those of other objects don't count. */
static void
count_events(const struct xfrm_backend_class *class,
             struct xfrm_backend *backend, const struct xfrm_op *ops,
             size_t n, unsigned int *counts)
{
    struct xfrm_event event;

    memset(counts, 0, n * sizeof *counts);
    while (!class->event_recv(backend, &event)) {
        ovs_assert(event.type != XFRM_EVENT_OVERRUN);
        if ((event.type != XFRM_EVENT_SA && event.type != XFRM_EVENT_POLICY)
            || event.if_id != IF_ID) {
            continue;
        }
        ovs_assert(event.identified);
        for (size_t i = 0; i < n; i++) {
            const struct xfrm_op *op = &ops[i];
            bool gone = (op->type == XFRM_OP_SA_DEL
                         || op->type == XFRM_OP_POLICY_DEL);

            if (event.gone == gone
                && (event.type == XFRM_EVENT_SA
                    ? op->sa && op->sa->spi == event.spi
                      && op->sa->proto == event.proto
                      && xfrm_addr_equals(&op->sa->dst, &event.dst)
                      && xfrm_mark_equals(&op->sa->mark, &event.mark)
                    : op->policy && op->policy->dir == event.dir
                      && xfrm_sel_equals(&op->policy->sel, &event.sel)
                      && xfrm_mark_equals(&op->policy->mark, &event.mark))) {
                counts[i]++;
            }
        }
    }
}

/* ## The contract. ## */

enum { N_SAS = 157, N_POLICIES = 60 };

struct check {
    const struct xfrm_backend_class *class;
    struct xfrm_backend *backend;       /* Hears events itself. */
    struct xfrm_backend *listener;
    struct xfrm_sa_spec sas[N_SAS];
    struct xfrm_policy_spec policies[N_POLICIES];
    struct xfrm_op ops[N_SAS + N_POLICIES];
    unsigned int problems;
};

/* Does all of 'c->ops'; each is to end with 'error'. */
static void
run_ops(struct check *c, enum xfrm_op_type sa_type,
        enum xfrm_op_type policy_type, int sa_error, bool events)
{
    enum { N = N_SAS + N_POLICIES };
    struct xfrm_result *results = xcalloc(N, sizeof *results);
    unsigned int counts[N];
    struct xfrm_event event;
    int retval;

    for (size_t i = 0; i < N; i++) {
        c->ops[i].type = i < N_SAS ? sa_type : policy_type;
    }
    retval = c->class->apply_batch(c->backend, c->ops, N, results);
    ovs_assert(retval == sa_error);
    for (size_t i = 0; i < N; i++) {
        int error = i < N_SAS ? sa_error : 0;

        ovs_assert(!results[i].error == !results[i].message);
        if (results[i].error != error) {
            print_unexpected(&c->ops[i], &results[i]);
            c->problems++;
        }
    }
    count_events(c->class, c->listener, c->ops, N, counts);
    for (size_t i = 0; i < N; i++) {
        bool expected = events && !results[i].error;

        if ((counts[i] != 0) != expected) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            xfrm_op_format(&c->ops[i], &ds);
            printf("%s: %u events\n", ds_cstr(&ds), counts[i]);
            ds_destroy(&ds);
            c->problems++;
        }
    }
    while (!c->class->event_recv(c->backend, &event)) {
        ovs_assert(event.if_id != IF_ID);
    }
    free_results(results, N);
}

static void
complain(struct check *c, const char *text, const struct xfrm_sa_spec *sa,
         const struct xfrm_policy_spec *policy)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (sa) {
        xfrm_sa_spec_format(sa, &ds);
    } else {
        xfrm_policy_spec_format(policy, &ds);
    }
    printf("%s: %s\n", ds_cstr(&ds), text);
    ds_destroy(&ds);
    c->problems++;
}

static void
get_all(struct check *c, bool there)
{
    static const struct xfrm_mark other_mark = { 0x30, 0xf0 };

    for (size_t i = 0; i < N_SAS; i++) {
        const struct xfrm_sa_spec *sa = &c->sas[i];
        struct xfrm_sa_state state;
        int error;

        error = c->class->get_sa(c->backend, &sa->dst, sa->spi, sa->proto,
                                 &sa->mark, i & 1, &state);
        if (error != (there ? 0 : ESRCH)) {
            complain(c, ovs_strerror(error), sa, NULL);
        }
        if (!error) {
            if (!xfrm_sa_spec_equals(sa, &state.spec)) {
                complain(c, "came back as", sa, NULL);
                complain(c, "this", &state.spec, NULL);
            }
            ovs_assert(!state.spec.key.len
                       == (!(i & 1) || !sa->key.len));
            xfrm_sa_spec_destroy(&state.spec);
        }
        if (sa->mark.mask
            && c->class->get_sa(c->backend, &sa->dst, sa->spi, sa->proto,
                                &other_mark, false, &state) != ESRCH) {
            complain(c, "found by another mark", sa, NULL);
        }
    }
    for (size_t i = 0; i < N_POLICIES; i++) {
        const struct xfrm_policy_spec *policy = &c->policies[i];
        struct xfrm_policy_spec id = *policy;
        struct xfrm_policy_spec found;
        int error;

        error = c->class->get_policy(c->backend, policy, &found);
        if (error != (there ? 0 : ENOENT)) {
            complain(c, ovs_strerror(error), NULL, policy);
        }
        if (!error) {
            ovs_assert(found.index);
            if (!xfrm_policy_spec_equals(policy, &found)) {
                complain(c, "came back as", NULL, policy);
                complain(c, "this", NULL, &found);
            }
        }
        id.mark = other_mark;
        if (c->class->get_policy(c->backend, &id, &found) != ENOENT) {
            complain(c, "found by another mark", NULL, policy);
        }
        id = *policy;
        id.if_id--;
        if (c->class->get_policy(c->backend, &id, &found) != ENOENT) {
            complain(c, "found by another if_id", NULL, policy);
        }
    }
}

static void
run_check(struct ovs_cmdl_context *ctx)
{
    struct check *c = xzalloc(sizeof *c);

    c->class = class_from_name(ctx->argv[1]);
    c->backend = open_handle(c->class, true);
    c->listener = open_handle(c->class, true);
    for (size_t i = 0; i < N_SAS; i++) {
        sample_sa(i, &c->sas[i]);
        c->ops[i].sa = &c->sas[i];
    }
    for (size_t i = 0; i < N_POLICIES; i++) {
        sample_policy(i, &c->policies[i]);
        c->ops[N_SAS + i].policy = &c->policies[i];
    }

    get_all(c, false);
    run_ops(c, XFRM_OP_SA_ADD, XFRM_OP_POLICY_SET, 0, true);
    get_all(c, true);

    /* Again: taken identities, and policies replaced by their like. */
    run_ops(c, XFRM_OP_SA_ADD, XFRM_OP_POLICY_SET, EEXIST, true);
    get_all(c, true);

    run_ops(c, XFRM_OP_SA_DEL, XFRM_OP_POLICY_DEL, 0, true);
    get_all(c, false);

    /* Deleting what is not there is a success. */
    run_ops(c, XFRM_OP_SA_DEL, XFRM_OP_POLICY_DEL, 0,
            c->class == &xfrm_backend_dummy);

    ovs_assert(!c->class->apply_batch(c->backend, NULL, 0, NULL));
    c->class->close(c->listener);
    c->class->close(c->backend);
    for (size_t i = 0; i < N_SAS; i++) {
        xfrm_sa_spec_destroy(&c->sas[i]);
    }
    if (c->problems) {
        ovs_fatal(0, "%u problems", c->problems);
    }
    free(c);
    printf("%d SAs and %d policies\n", N_SAS, N_POLICIES);
}

/* A batch with refusals in it: each operation has its own outcome. */
static void
run_mixed(struct ovs_cmdl_context *ctx)
{
    enum { N = 300 };
    const struct xfrm_backend_class *class = class_from_name(ctx->argv[1]);
    struct xfrm_backend *backend = open_handle(class, false);
    struct xfrm_op *ops = xcalloc(N, sizeof *ops);
    struct xfrm_result *results = xcalloc(N, sizeof *results);
    struct xfrm_sa_spec *sas = xcalloc(N, sizeof *sas);
    size_t refused = 0;

    /* Each third SA has the identity of the one before, and each seventh an
     * offload device that does not exist. */
    for (size_t i = 0; i < N; i++) {
        struct xfrm_sa_spec *sa = &sas[i];
        uint8_t key[20];

        memset(key, i, sizeof key);
        sa->if_id = IF_ID;
        sa->proto = IPPROTO_ESP;
        sa->spi = 0x2000 + i - (i % 3 == 2);
        sa->src = addr("192.0.2.1");
        sa->dst = addr("192.0.2.2");
        sa->dir = XFRM_DIR_OUT;
        sa->algo = xfrm_algo_from_name("aes128gcm16");
        xfrm_secret_init(&sa->key, key, sizeof key);
        if (i % 7 == 0) {
            sa->offload = XFRM_OFF_PACKET;
            ovs_strlcpy(sa->offload_dev, "nonesuch", sizeof sa->offload_dev);
        }
        ops[i].type = XFRM_OP_SA_ADD;
        ops[i].sa = sa;
    }
    ovs_assert(class->apply_batch(backend, ops, N, results));
    for (size_t i = 0; i < N; i++) {
        bool no_device = i % 7 == 0;
        bool taken = i % 3 == 2 && (i - 1) % 7;
        struct xfrm_sa_state state;

        if (!results[i].error != !(no_device || taken)) {
            print_unexpected(&ops[i], &results[i]);
            ovs_fatal(0, "operation %"PRIuSIZE, i);
        }
        if (taken && !no_device) {
            ovs_assert(results[i].error == EEXIST);
        }
        refused += results[i].error != 0;
        if (!results[i].error) {
            struct xfrm_mark none = { 0, 0 };

            ovs_assert(!class->get_sa(backend, &sas[i].dst, sas[i].spi,
                                      IPPROTO_ESP, &none, true, &state));
            ovs_assert(xfrm_sa_spec_equals(&sas[i], &state.spec));
            xfrm_sa_spec_destroy(&state.spec);
        }
        free(results[i].message);
        ops[i].type = XFRM_OP_SA_DEL;
    }
    ovs_assert(!class->apply_batch(backend, ops, N, results));
    free_results(results, N);
    xfrm_sa_specs_free(sas, N);
    free(ops);
    class->close(backend);
    printf("%"PRIuSIZE" of %d refused\n", refused, N);
}

/* What the dummy can be made to do. */
static void
run_faults(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    enum { N = 8 };
    const struct xfrm_backend_class *class = &xfrm_backend_dummy;
    struct xfrm_backend *backend = open_handle(class, false);
    struct xfrm_backend *listener = open_handle(class, true);
    struct xfrm_addr inner1 = addr("10.0.0.1"), inner2 = addr("10.1.0.1");
    struct xfrm_result results[N];
    struct xfrm_policy_spec policy, found;
    struct xfrm_sa_spec sas[N];
    struct xfrm_sa_state state;
    struct xfrm_op ops[N];
    struct xfrm_event event;
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *text;

    memset(ops, 0, sizeof ops);
    for (size_t i = 0; i < N; i++) {
        sample_sa(i, &sas[i]);
        ops[i].type = XFRM_OP_SA_ADD;
        ops[i].sa = &sas[i];
    }

    /* One operation fails, the others don't. */
    ovs_assert(xfrm_dummy_fail("sa_add", ENOMEM, 1));
    ovs_assert(class->apply_batch(backend, ops, N, results) == ENOMEM);
    for (size_t i = 0; i < N; i++) {
        ovs_assert(results[i].error == (i ? 0 : ENOMEM));
        free(results[i].message);
    }
    xfrm_dummy_reset();

    /* Lost answers: nobody knows without looking. */
    ovs_assert(xfrm_dummy_fail("apply_batch", ENOBUFS, 1));
    ovs_assert(class->apply_batch(backend, ops, N, results) == EINPROGRESS);
    for (size_t i = 0; i < N; i++) {
        int error = class->get_sa(backend, &sas[i].dst, sas[i].spi,
                                  sas[i].proto, &sas[i].mark, false, &state);

        ovs_assert(results[i].error == (i < N / 2 ? 0 : EINPROGRESS));
        ovs_assert(error == (i < N / 2 || !(i & 1) ? 0 : ESRCH));
        if (!error) {
            xfrm_sa_spec_destroy(&state.spec);
        }
        free(results[i].message);
    }

    ovs_assert(xfrm_dummy_fail("get_sa", ENOMEM, 1));
    ovs_assert(class->get_sa(backend, &sas[0].dst, sas[0].spi, sas[0].proto,
                             &sas[0].mark, false, &state) == ENOMEM);
    sample_policy(4, &policy);
    policy.dir = XFRM_DIR_OUT;
    policy.sel.src = prefix("10.0.0.0/8");
    policy.sel.dst = prefix("10.1.0.0/16");
    ops[0].type = XFRM_OP_POLICY_SET;
    ops[0].sa = NULL;
    ops[0].policy = &policy;
    ovs_assert(!class->apply(backend, &ops[0], &text));
    ovs_assert(xfrm_dummy_fail("get_policy", ENOMEM, 1));
    ovs_assert(class->get_policy(backend, &policy, &found) == ENOMEM);
    ovs_assert(!class->get_policy(backend, &policy, &found));

    /* Packet offload of a policy needs a device that does it. */
    policy.offload = XFRM_OFF_PACKET;
    ovs_strlcpy(policy.offload_dev, "lo", sizeof policy.offload_dev);
    ovs_assert(class->apply(backend, &ops[0], &text) == EINVAL);
    free(text);
    ovs_assert(!xfrm_dummy_link_set_offload("lo", XFRM_OFF_PACKET));
    ovs_assert(!class->apply(backend, &ops[0], &text));

    /* Events that are no changes. */
    while (!class->event_recv(listener, &event)) {
        continue;
    }
    ovs_assert(!xfrm_dummy_acquire(IF_ID, &inner1, &inner2));
    ovs_assert(!class->event_recv(listener, &event));
    ovs_assert(event.type == XFRM_EVENT_ACQUIRE && event.if_id == IF_ID);
    ovs_assert(event.template.proto == policy.templates[0].proto);
    ovs_assert(xfrm_prefix_is_host(&event.sel.src) && event.seq);
    ovs_assert(xfrm_dummy_acquire(IF_ID + 1, &inner1, &inner2) == ENOENT);
    ovs_assert(xfrm_dummy_mapping(&inner1, 1, &inner2, 4500) == ESRCH);
    sas[1].encap.sport = sas[1].encap.dport = 4500;
    ops[1].type = XFRM_OP_SA_DEL;
    ovs_assert(!class->apply(listener, &ops[1], &text));
    ops[1].type = XFRM_OP_SA_ADD;
    ovs_assert(!class->apply(listener, &ops[1], &text));
    ovs_assert(!xfrm_dummy_mapping(&sas[1].dst, sas[1].spi, &inner1, 1025));
    ovs_assert(!class->event_recv(listener, &event));
    ovs_assert(event.type == XFRM_EVENT_MAPPING && event.new_sport == 1025);
    ovs_assert(event.spi == sas[1].spi && !event.if_id);
    ovs_assert(class->event_recv(listener, &event) == EAGAIN);

    xfrm_dummy_show(&ds);
    fputs(ds_cstr(&ds), stdout);
    ds_destroy(&ds);
    for (size_t i = 0; i < N; i++) {
        xfrm_sa_spec_destroy(&sas[i]);
    }
    class->close(backend);
    class->close(listener);
}

/* ## Measurements. ## */

/* The 'i'-th of many SAs between two hosts, outbound, with a selector each as
 * the SAs of hosts behind a gateway have. */
static void
bulk_sa(unsigned int i, struct xfrm_sa_spec *sa)
{
    uint8_t key[20];

    memset(sa, 0, sizeof *sa);
    memset(key, 0, sizeof key);
    memcpy(key, &i, sizeof i);
    sa->if_id = IF_ID;
    sa->reqid = 1 + i;
    sa->proto = IPPROTO_ESP;
    sa->spi = 0x100000 + i;
    sa->src = addr("192.0.2.1");
    sa->dst = addr("192.0.2.2");
    sa->dir = XFRM_DIR_OUT;
    sa->algo = xfrm_algo_from_name("aes128gcm16");
    xfrm_secret_init(&sa->key, key, sizeof key);
    sa->replay_window = 32;
}

static void
bulk_policy(unsigned int i, struct xfrm_policy_spec *policy)
{
    memset(policy, 0, sizeof *policy);
    policy->if_id = IF_ID;
    policy->dir = XFRM_DIR_OUT;
    policy->sel.src = prefix("10.0.0.0/8");
    policy->sel.dst.addr.family = AF_INET;
    policy->sel.dst.addr.ip4 = htonl(0x0b000000 + i);
    policy->sel.dst.plen = 32;
    policy->priority = 1000;
    policy->n_templates = 1;
    policy->templates[0].src = addr("192.0.2.1");
    policy->templates[0].dst = addr("192.0.2.2");
    policy->templates[0].reqid = 1 + i;
    policy->templates[0].proto = IPPROTO_ESP;
}

static unsigned int
number(const char *s)
{
    unsigned int n;

    if (!str_to_uint(s, 10, &n) || !n || n > 1000000) {
        ovs_fatal(0, "%s: not a number up to 1000000", s);
    }
    return n;
}

static void
bulk(const struct xfrm_backend_class *class, struct xfrm_backend *backend,
     const char *what, struct xfrm_op *ops, size_t n)
{
    struct xfrm_result *results = xcalloc(n, sizeof *results);
    long long int start = time_usec();

    if (class->apply_batch(backend, ops, n, results)) {
        for (size_t i = 0; i < n; i++) {
            if (results[i].error) {
                ovs_fatal(0, "%s", results[i].message);
            }
        }
    }
    printf("%s %lld us\n", what, time_usec() - start);
    fflush(stdout);
    free_results(results, n);
}

/* "batch-bulk CLASS N [keep]": adds N SAs and N policies and says how long
 * that took, and the same for their deletion unless they are to be kept. */
static void
run_bulk(struct ovs_cmdl_context *ctx)
{
    const struct xfrm_backend_class *class = class_from_name(ctx->argv[1]);
    struct xfrm_backend *backend = open_handle(class, false);
    unsigned int n = number(ctx->argv[2]);
    struct xfrm_policy_spec *policies = xcalloc(n, sizeof *policies);
    struct xfrm_sa_spec *sas = xcalloc(n, sizeof *sas);
    struct xfrm_op *sa_ops = xcalloc(n, sizeof *sa_ops);
    struct xfrm_op *policy_ops = xcalloc(n, sizeof *policy_ops);

    for (unsigned int i = 0; i < n; i++) {
        bulk_sa(i, &sas[i]);
        bulk_policy(i, &policies[i]);
        sa_ops[i].sa = &sas[i];
        sa_ops[i].type = XFRM_OP_SA_ADD;
        policy_ops[i].policy = &policies[i];
        policy_ops[i].type = XFRM_OP_POLICY_SET;
    }
    bulk(class, backend, "add SAs", sa_ops, n);
    bulk(class, backend, "add policies", policy_ops, n);
    if (ctx->argc < 4) {
        for (unsigned int i = 0; i < n; i++) {
            sa_ops[i].type = XFRM_OP_SA_DEL;
            policy_ops[i].type = XFRM_OP_POLICY_DEL;
        }
        bulk(class, backend, "delete SAs", sa_ops, n);
        bulk(class, backend, "delete policies", policy_ops, n);
    }
    class->close(backend);
    xfrm_sa_specs_free(sas, n);
    free(policies);
    free(sa_ops);
    free(policy_ops);
}

/* "batch-ip sa|policy N": the same objects as input of "ip -batch". */
static void
run_ip(struct ovs_cmdl_context *ctx)
{
    bool sas = !strcmp(ctx->argv[1], "sa");
    unsigned int n = number(ctx->argv[2]);

    for (unsigned int i = 0; i < n; i++) {
        if (sas) {
            struct ds hex = DS_EMPTY_INITIALIZER;
            struct xfrm_sa_spec sa;

            bulk_sa(i, &sa);
            xfrm_secret_format_hex(&sa.key, &hex);
            printf("xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp "
                   "spi 0x%"PRIx32" mode tunnel reqid %"PRIu32" if_id "
                   "%"PRIu32" replay-window 32 flag af-unspec "
                   "aead rfc4106(gcm(aes)) 0x%s 128\n",
                   sa.spi, sa.reqid, sa.if_id, ds_cstr(&hex));
            ds_destroy(&hex);
            xfrm_sa_spec_destroy(&sa);
        } else {
            struct xfrm_policy_spec policy;
            struct ds dst = DS_EMPTY_INITIALIZER;

            bulk_policy(i, &policy);
            xfrm_prefix_format(&policy.sel.dst, &dst);
            printf("xfrm policy update src 10.0.0.0/8 dst %s dir out "
                   "priority 1000 if_id %"PRIu32" tmpl src 192.0.2.1 "
                   "dst 192.0.2.2 proto esp reqid %"PRIu32" mode tunnel\n",
                   ds_cstr(&dst), policy.if_id, policy.templates[0].reqid);
            ds_destroy(&dst);
        }
    }
}

const struct ovs_cmdl_command test_xfrm_batch_commands[] = {
    { "batch-check", "kernel|dummy", 1, 1, run_check, OVS_RW },
    { "batch-mixed", "kernel|dummy", 1, 1, run_mixed, OVS_RW },
    { "batch-faults", NULL, 0, 0, run_faults, OVS_RW },
    { "batch-bulk", "kernel|dummy N [keep]", 2, 3, run_bulk, OVS_RW },
    { "batch-ip", "sa|policy N", 2, 2, run_ip, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of xfrm-diff: a scenario that shows the order of operations, and
 * random sets on which the result is applied to a model of the datapath.
 * tests/unit-diff.at stands above. */

#include <config.h>

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "random.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-diff.h"

extern const struct ovs_cmdl_command test_xfrm_diff_commands[];

static struct xfrm_addr
addr(const char *s)
{
    struct xfrm_addr a;

    ovs_assert(xfrm_addr_from_string(s, &a));
    return a;
}

/* Number 'n' is the identity, 'variant' what may differ. */
static void
make_sa(struct xfrm_sa_spec *sa, uint32_t n, enum xfrm_dir dir, int variant)
{
    uint8_t key[20];

    memset(sa, 0, sizeof *sa);
    sa->if_id = 42;
    sa->spi = 256 + n;
    sa->proto = IPPROTO_ESP;
    sa->src = addr(dir == XFRM_DIR_OUT ? "192.0.2.1" : "192.0.2.2");
    sa->dst = addr(dir == XFRM_DIR_OUT ? "192.0.2.2" : "192.0.2.1");
    sa->dir = dir;
    sa->mode = XFRM_SPEC_TUNNEL;
    sa->reqid = 42;
    sa->algo = xfrm_algo_from_name("aes128gcm16");
    sa->replay_window = 64 + variant;
    memset(key, 0, sizeof key);
    memcpy(key, &n, sizeof n);
    key[10] = dir;
    key[11] = variant;
    xfrm_secret_init(&sa->key, key, sizeof key);
}

static void
make_policy(struct xfrm_policy_spec *policy, uint32_t n, enum xfrm_dir dir,
            int variant)
{
    memset(policy, 0, sizeof *policy);
    policy->if_id = 42;
    policy->dir = dir;
    policy->sel.src = xfrm_prefix_any(AF_INET);
    policy->sel.dst.addr.family = AF_INET;
    policy->sel.dst.addr.ip4 = htonl(0x0a000000 + n);
    policy->sel.dst.plen = 32;
    policy->priority = 100 + variant;
    policy->action = XFRM_ACTION_PROTECT;
}

/* The model of a datapath, and of what is wanted. */
struct model {
    struct xfrm_sa_state *sas;
    size_t n_sas;
    struct xfrm_policy_spec *policies;
    size_t n_policies;
};

static void
model_add_sa(struct model *m, const struct xfrm_sa_spec *sa, bool valid)
{
    m->sas = xrealloc(m->sas, (m->n_sas + 1) * sizeof *m->sas);
    memset(&m->sas[m->n_sas], 0, sizeof *m->sas);
    xfrm_sa_spec_clone(&m->sas[m->n_sas].spec, sa);
    m->sas[m->n_sas++].valid = valid;
}

static size_t
model_find_sa(const struct model *m, const struct xfrm_sa_spec *sa)
{
    size_t i;

    for (i = 0; i < m->n_sas; i++) {
        if (xfrm_sa_spec_same_id(&m->sas[i].spec, sa)) {
            break;
        }
    }
    return i;
}

static size_t
model_find_policy(const struct model *m, const struct xfrm_policy_spec *policy)
{
    size_t i;

    for (i = 0; i < m->n_policies; i++) {
        if (xfrm_policy_spec_same_id(&m->policies[i], policy)) {
            break;
        }
    }
    return i;
}

static void
model_add_policy(struct model *m, const struct xfrm_policy_spec *policy)
{
    m->policies = xrealloc(m->policies,
                           (m->n_policies + 1) * sizeof *m->policies);
    m->policies[m->n_policies++] = *policy;
}

static void
model_destroy(struct model *m)
{
    xfrm_sa_states_free(m->sas, m->n_sas);
    free(m->policies);
    memset(m, 0, sizeof *m);
}

static void
model_clone(struct model *dst, const struct model *src)
{
    memset(dst, 0, sizeof *dst);
    for (size_t i = 0; i < src->n_sas; i++) {
        model_add_sa(dst, &src->sas[i].spec, src->sas[i].valid);
    }
    for (size_t i = 0; i < src->n_policies; i++) {
        model_add_policy(dst, &src->policies[i]);
    }
}

/* Fails like a datapath would: adding what is there, deleting what is not. */
static void
model_apply(struct model *m, const struct xfrm_op *op)
{
    size_t i;

    switch (op->type) {
    case XFRM_OP_SA_ADD:
        ovs_assert(op->sa && !op->policy);
        ovs_assert(!op->start_oseq && !op->start_seq);
        ovs_assert(model_find_sa(m, op->sa) == m->n_sas);
        model_add_sa(m, op->sa, true);
        break;
    case XFRM_OP_SA_DEL:
        i = model_find_sa(m, op->sa);
        ovs_assert(i < m->n_sas);
        xfrm_sa_spec_destroy(&m->sas[i].spec);
        m->sas[i] = m->sas[--m->n_sas];
        break;
    case XFRM_OP_POLICY_SET:
        ovs_assert(op->policy && !op->sa);
        i = model_find_policy(m, op->policy);
        if (i < m->n_policies) {
            m->policies[i] = *op->policy;
        } else {
            model_add_policy(m, op->policy);
        }
        break;
    case XFRM_OP_POLICY_DEL:
        i = model_find_policy(m, op->policy);
        ovs_assert(i < m->n_policies);
        m->policies[i] = m->policies[--m->n_policies];
        break;
    default:
        OVS_NOT_REACHED();
    }
}

static struct xfrm_actual
model_actual(const struct model *m)
{
    return (struct xfrm_actual) { m->sas, m->n_sas,
                                  m->policies, m->n_policies };
}

/* Step of the procedure that 'ops[i]' belongs to. */
static int
op_step(const struct xfrm_op *ops, size_t i, size_t n)
{
    const struct xfrm_op *op = &ops[i];
    bool in = op->sa && op->sa->dir == XFRM_DIR_IN;

    switch (op->type) {
    case XFRM_OP_SA_ADD:
        return in ? 1 : 3;
    case XFRM_OP_SA_DEL:
        if (i + 1 < n && ops[i + 1].type == XFRM_OP_SA_ADD
            && xfrm_sa_spec_same_id(ops[i + 1].sa, op->sa)) {
            return op_step(ops, i + 1, n);
        }
        return in ? 6 : 4;
    case XFRM_OP_POLICY_SET:
        return 2;
    case XFRM_OP_POLICY_DEL:
        return 5;
    default:
        OVS_NOT_REACHED();
    }
}

static void
random_sets(struct model *actual, struct model *desired, uint32_t max)
{
    static const enum xfrm_dir dirs[] = {
        XFRM_DIR_IN, XFRM_DIR_OUT, XFRM_DIR_FWD,
    };

    memset(actual, 0, sizeof *actual);
    memset(desired, 0, sizeof *desired);
    for (int set = 0; set < 2; set++) {
        struct model *m = set ? desired : actual;
        uint32_t n = random_range(max + 1);

        for (uint32_t i = 0; i < n; i++) {
            struct xfrm_sa_spec sa;

            make_sa(&sa, random_range(max), dirs[random_range(2)],
                    random_range(2));
            /* The datapath has no duplicates; who asks may. */
            if (set || model_find_sa(m, &sa) == m->n_sas) {
                model_add_sa(m, &sa, set || random_range(8));
            }
            xfrm_sa_spec_destroy(&sa);

            struct xfrm_policy_spec policy;
            make_policy(&policy, random_range(max), dirs[random_range(3)],
                        random_range(2));
            if (set || model_find_policy(m, &policy) == m->n_policies) {
                model_add_policy(m, &policy);
            }
        }
    }
}

static void
check_reached(const struct model *model, const struct model *desired)
{
    size_t n = 0;

    for (size_t i = 0; i < desired->n_sas; i++) {
        const struct xfrm_sa_spec *sa = &desired->sas[i].spec;

        if (model_find_sa(desired, sa) == i) {
            size_t j = model_find_sa(model, sa);
            ovs_assert(j < model->n_sas && model->sas[j].valid);
            ovs_assert(xfrm_sa_spec_equals(sa, &model->sas[j].spec));
            n++;
        }
    }
    ovs_assert(n == model->n_sas);

    n = 0;
    for (size_t i = 0; i < desired->n_policies; i++) {
        const struct xfrm_policy_spec *policy = &desired->policies[i];

        if (model_find_policy(desired, policy) == i) {
            size_t j = model_find_policy(model, policy);
            ovs_assert(j < model->n_policies);
            ovs_assert(xfrm_policy_spec_equals(policy, &model->policies[j]));
            n++;
        }
    }
    ovs_assert(n == model->n_policies);
}

/* The specs of 'm', which still owns what they point to. */
static struct xfrm_sa_spec *
borrow_specs(const struct model *m)
{
    struct xfrm_sa_spec *specs = xcalloc(m->n_sas + 1, sizeof *specs);

    for (size_t i = 0; i < m->n_sas; i++) {
        specs[i] = m->sas[i].spec;
    }
    return specs;
}

static void
run_diff_random(struct ovs_cmdl_context *ctx)
{
    uint32_t seed = atoi(ctx->argv[1]);
    int n_runs = atoi(ctx->argv[2]);

    random_set_seed(seed ? seed : 1);
    for (int run = 0; run < n_runs; run++) {
        struct model actual, desired, model;
        struct xfrm_op *ops, *again;
        size_t n_ops, n_again;

        random_sets(&actual, &desired, 1 + random_range(12));
        struct xfrm_sa_spec *specs = borrow_specs(&desired);
        struct xfrm_desired d = { specs, desired.n_sas,
                                  desired.policies, desired.n_policies };
        struct xfrm_actual a = model_actual(&actual);
        xfrm_diff(&d, &a, &ops, &n_ops);

        /* Deterministic. */
        xfrm_diff(&d, &a, &again, &n_again);
        ovs_assert(n_ops == n_again);
        for (size_t i = 0; i < n_ops; i++) {
            ovs_assert(ops[i].type == again[i].type
                       && ops[i].sa == again[i].sa
                       && ops[i].policy == again[i].policy);
        }
        free(again);

        model_clone(&model, &actual);
        int step = 0;
        for (size_t i = 0; i < n_ops; i++) {
            ovs_assert(op_step(ops, i, n_ops) >= step);
            step = op_step(ops, i, n_ops);
            model_apply(&model, &ops[i]);
        }
        check_reached(&model, &desired);
        free(ops);

        a = model_actual(&model);
        xfrm_diff(&d, &a, &ops, &n_ops);
        ovs_assert(!n_ops);
        free(ops);

        free(specs);
        model_destroy(&model);
        model_destroy(&desired);
        model_destroy(&actual);
    }
    printf("%d runs\n", n_runs);
}

/* Prints short names, so that the order is what the eye sees. */
static void
print_op(const struct xfrm_op *op)
{
    static const char *types[] = {
        [XFRM_OP_SA_ADD] = "add SA",
        [XFRM_OP_SA_DEL] = "delete SA",
        [XFRM_OP_POLICY_SET] = "set policy",
        [XFRM_OP_POLICY_DEL] = "delete policy",
    };
    struct ds s = DS_EMPTY_INITIALIZER;

    printf("%s %s", types[op->type],
           xfrm_dir_name(op->sa ? op->sa->dir : op->policy->dir));
    if (op->sa) {
        printf(" %"PRIu32"\n", op->sa->spi - 256);
    } else {
        printf(" %"PRIu32"\n", ntohl(op->policy->sel.dst.addr.ip4) & 0xff);
    }

    /* The long form begins the same way, and hides the key. */
    xfrm_op_format(op, &s);
    ovs_assert(!strncmp(ds_cstr(&s), types[op->type],
                        strlen(types[op->type])));
    ovs_assert(!strchr(ds_cstr(&s), '\n'));
    ds_destroy(&s);
}

static void
run_diff_order(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct model actual = { .n_sas = 0 };
    struct model desired = { .n_sas = 0 };
    struct xfrm_policy_spec policy;
    struct xfrm_sa_spec sa;
    struct xfrm_op *ops;
    size_t n_ops;

#define SA(MODEL, N, DIR, VARIANT, VALID) \
    make_sa(&sa, N, DIR, VARIANT); \
    model_add_sa(MODEL, &sa, VALID); \
    xfrm_sa_spec_destroy(&sa)
#define POLICY(MODEL, N, DIR, VARIANT) \
    make_policy(&policy, N, DIR, VARIANT); \
    model_add_policy(MODEL, &policy)

    SA(&actual, 1, XFRM_DIR_IN, 0, true);       /* Goes. */
    SA(&actual, 2, XFRM_DIR_OUT, 0, true);      /* Goes. */
    SA(&actual, 3, XFRM_DIR_IN, 0, true);       /* Changes. */
    SA(&actual, 4, XFRM_DIR_OUT, 0, true);      /* Changes. */
    SA(&actual, 5, XFRM_DIR_IN, 0, true);       /* Stays. */
    SA(&actual, 6, XFRM_DIR_OUT, 0, false);     /* Expired. */
    POLICY(&actual, 1, XFRM_DIR_OUT, 0);        /* Goes. */
    POLICY(&actual, 2, XFRM_DIR_OUT, 0);        /* Changes. */
    POLICY(&actual, 3, XFRM_DIR_IN, 0);         /* Stays. */

    SA(&desired, 8, XFRM_DIR_OUT, 0, true);     /* Comes. */
    SA(&desired, 6, XFRM_DIR_OUT, 0, true);
    SA(&desired, 5, XFRM_DIR_IN, 0, true);
    SA(&desired, 4, XFRM_DIR_OUT, 1, true);
    SA(&desired, 3, XFRM_DIR_IN, 1, true);
    SA(&desired, 7, XFRM_DIR_IN, 0, true);      /* Comes. */
    SA(&desired, 7, XFRM_DIR_IN, 1, true);      /* A duplicate. */
    POLICY(&desired, 4, XFRM_DIR_FWD, 0);       /* Comes. */
    POLICY(&desired, 3, XFRM_DIR_IN, 0);
    POLICY(&desired, 2, XFRM_DIR_OUT, 1);
    POLICY(&desired, 4, XFRM_DIR_FWD, 1);       /* A duplicate. */

    struct xfrm_sa_spec *specs = borrow_specs(&desired);
    struct xfrm_desired d = { specs, desired.n_sas,
                              desired.policies, desired.n_policies };
    struct xfrm_actual a = model_actual(&actual);
    xfrm_diff(&d, &a, &ops, &n_ops);
    for (size_t i = 0; i < n_ops; i++) {
        print_op(&ops[i]);
    }
    free(ops);
    free(specs);
    model_destroy(&desired);
    model_destroy(&actual);
}

/* N SAs and policies on both sides, of which half differ. */
static void
run_diff_large(struct ovs_cmdl_context *ctx)
{
    size_t n = atoi(ctx->argv[1]);
    struct xfrm_sa_spec *sas = xcalloc(n, sizeof *sas);
    struct xfrm_sa_state *states = xcalloc(n, sizeof *states);
    struct xfrm_policy_spec *policies = xcalloc(n, sizeof *policies);
    struct xfrm_policy_spec *actual_policies = xcalloc(n, sizeof *policies);

    for (size_t i = 0; i < n; i++) {
        enum xfrm_dir dir = i & 1 ? XFRM_DIR_IN : XFRM_DIR_OUT;

        make_sa(&sas[i], i, dir, 0);
        make_sa(&states[i].spec, n + n / 2 - i, dir, 0);
        states[i].valid = true;
        make_policy(&policies[i], i, dir, 0);
        make_policy(&actual_policies[i], i, dir, i % 4 == 0);
    }

    struct xfrm_desired d = { sas, n, policies, n };
    struct xfrm_actual a = { states, n, actual_policies, n };
    struct xfrm_op *ops;
    size_t n_ops;
    long long int start = time_usec();
    xfrm_diff(&d, &a, &ops, &n_ops);
    long long int elapsed = time_usec() - start;
    fprintf(stderr, "%"PRIuSIZE" operations in %lld us\n", n_ops, elapsed);
    printf("%s\n", elapsed < 1000 * 1000 ? "fast" : "slow");

    free(ops);
    xfrm_sa_specs_free(sas, n);
    xfrm_sa_states_free(states, n);
    free(policies);
    free(actual_policies);
}

const struct ovs_cmdl_command test_xfrm_diff_commands[] = {
    { "diff-order", NULL, 0, 0, run_diff_order, OVS_RO },
    { "diff-random", "SEED RUNS", 2, 2, run_diff_random, OVS_RO },
    { "diff-large", "N", 1, 1, run_diff_large, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

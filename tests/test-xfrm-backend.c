/* SPDX-License-Identifier: Apache-2.0 */

/* A command line for the kernel backend, for system tests and for people who
 * want to see what it does.  Each command opens a handle, does one thing and
 * prints what came of it; the exit status is 1 if that failed.
 *
 * Objects are given as NAME=VALUE arguments, see sa_from_args() and
 * policy_from_args() in test-xfrm-backend-args.c. */

#include <config.h>

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "smap.h"
#include "tests/test-xfrm.h"
#include "tests/test-xfrm-backend-args.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-backend.h"

static const struct xfrm_backend_class *const class = &xfrm_backend_kernel;

static struct xfrm_backend *
open_backend(bool events)
{
    struct xfrm_backend *backend;
    char *error;

    if (class->open(events, &backend, &error)) {
        ovs_fatal(0, "%s", error);
    }
    return backend;
}

/* Ends the program if 'error', or says that all is well. */
static void
result(struct xfrm_backend *backend, int error, char *text)
{
    if (backend) {
        class->close(backend);
    }
    if (error) {
        ovs_fatal(0, "%s", text ? text : ovs_strerror(error));
    }
    if (text) {
        ovs_fatal(0, "success with an error message: %s", text);
    }
}

/* ## SAs and policies. ## */

static void
print_sa(const struct xfrm_sa_state *sa)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    xfrm_sa_spec_format(&sa->spec, &ds);
    ds_put_format(&ds, " oseq=%"PRIu64" seq=%"PRIu64" packets=%"PRIu64
                  " bytes=%"PRIu64" replay_errors=%"PRIu32
                  " replays=%"PRIu32" integrity_failed=%"PRIu32"%s",
                  sa->oseq, sa->seq, sa->packets, sa->bytes,
                  sa->replay_errors, sa->replays, sa->integrity_failed,
                  sa->valid ? "" : " not-valid");
    printf("sa %s\n", ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
run_dump(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_policy_spec *policies;
    struct xfrm_sa_state *sas;
    size_t n_sas, n_policies;
    int error;

    error = class->dump_sas(backend, true, &sas, &n_sas);
    if (error) {
        result(backend, error, xasprintf("dumping SAs: %s",
                                         ovs_strerror(error)));
    }
    error = class->dump_policies(backend, &policies, &n_policies);
    if (error) {
        result(backend, error, xasprintf("dumping policies: %s",
                                         ovs_strerror(error)));
    }
    for (size_t i = 0; i < n_sas; i++) {
        print_sa(&sas[i]);
    }
    for (size_t i = 0; i < n_policies; i++) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        xfrm_policy_spec_format(&policies[i], &ds);
        printf("policy %s\n", ds_cstr(&ds));
        ds_destroy(&ds);
    }
    xfrm_sa_states_free(sas, n_sas);
    free(policies);
    result(backend, 0, NULL);
}

static void
sa_op(struct ovs_cmdl_context *ctx, enum xfrm_op_type type)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_op op = { .type = type };
    struct xfrm_sa_spec sa;
    struct smap args;
    char *text;
    int error;

    args_to_smap(ctx, 1, &args);
    sa_from_args(&args, &sa);
    op.sa = &sa;
    op.start_oseq = args_number(&args, "oseq", 0);
    op.start_seq = args_number(&args, "seq", 0);
    error = class->apply(backend, &op, &text);
    xfrm_sa_spec_destroy(&sa);
    smap_destroy(&args);
    result(backend, error, text);
}

static void
run_sa_add(struct ovs_cmdl_context *ctx)
{
    sa_op(ctx, XFRM_OP_SA_ADD);
}

static void
run_sa_del(struct ovs_cmdl_context *ctx)
{
    sa_op(ctx, XFRM_OP_SA_DEL);
}

static void
policy_op(struct ovs_cmdl_context *ctx, enum xfrm_op_type type)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_op op = { .type = type };
    struct xfrm_policy_spec policy;
    struct smap args;
    char *text;
    int error;

    args_to_smap(ctx, 1, &args);
    policy_from_args(&args, &policy);
    op.policy = &policy;
    error = class->apply(backend, &op, &text);
    smap_destroy(&args);
    result(backend, error, text);
}

static void
run_policy_set(struct ovs_cmdl_context *ctx)
{
    policy_op(ctx, XFRM_OP_POLICY_SET);
}

static void
run_policy_del(struct ovs_cmdl_context *ctx)
{
    policy_op(ctx, XFRM_OP_POLICY_DEL);
}

/* Finds the one SA with the identity of 'sa'. */
static bool
find_sa(struct xfrm_backend *backend, const struct xfrm_sa_spec *sa,
        struct xfrm_sa_state *state)
{
    struct xfrm_sa_state *sas;
    bool found = false;
    size_t n;

    if (class->dump_sas(backend, true, &sas, &n)) {
        return false;
    }
    for (size_t i = 0; i < n && !found; i++) {
        if (xfrm_sa_spec_same_id(&sas[i].spec, sa)) {
            *state = sas[i];
            xfrm_sa_spec_clone(&state->spec, &sas[i].spec);
            found = true;
        }
    }
    xfrm_sa_states_free(sas, n);
    return found;
}

/* Adds an SA of each algorithm, in each way to count and with both families,
 * and checks that the kernel gives back what it got, the counters included.
 * The kernel may lack an algorithm, so that each is a line of output. */
static void
run_algos(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    static const uint32_t windows[] = { 0, 32, 128, 4096 };
    struct xfrm_backend *backend = open_backend(false);
    const struct xfrm_algo *algo;
    bool failed = false;

    for (size_t i = 0; (algo = xfrm_algo_at(i)) != NULL; i++) {
        char *problem = NULL;
        size_t n = 0;

        for (unsigned int v = 0; v < 48 && !problem; v++) {
            struct xfrm_op op = { .type = XFRM_OP_SA_ADD };
            struct xfrm_sa_state state;
            struct xfrm_sa_spec sa;
            char *text;

            memset(&sa, 0, sizeof sa);
            sa.if_id = 0xfffffff0 + v % 8;
            sa.proto = algo->proto;
            sa.spi = (sa.proto == IPPROTO_COMP ? 0x1234 : 0x12340000) + v;
            xfrm_addr_from_string(v & 1 ? "192.0.2.1" : "2001:db8::1",
                                  &sa.src);
            xfrm_addr_from_string(v & 1 ? "192.0.2.2" : "2001:db8::2",
                                  &sa.dst);
            sa.dir = v & 8 ? XFRM_DIR_IN : XFRM_DIR_OUT;
            sa.mode = v / 16;
            sa.reqid = v;
            sa.algo = algo;
            args_default_key(algo, &sa.key);
            if (sa.mode == XFRM_SPEC_BEET && sa.proto != IPPROTO_ESP) {
                xfrm_sa_spec_destroy(&sa);
                continue;
            }
            if (sa.proto != IPPROTO_COMP) {
                sa.replay_window = windows[v / 2 % 4];
                sa.esn = sa.replay_window && v & 8;
            }
            if (sa.mode != XFRM_SPEC_TUNNEL) {
                sa.sel.src = xfrm_prefix_host(&sa.src);
                sa.sel.dst = xfrm_prefix_host(&sa.dst);
            }
            op.sa = &sa;
            if (sa.proto != IPPROTO_COMP) {
                op.start_oseq = sa.esn ? UINT64_C(0x500000007) : 0x70000000;
                op.start_seq = sa.esn ? UINT64_C(0x300000009) : 0x60000000;
            }
            if (class->apply(backend, &op, &text)) {
                problem = text;
            } else if (!find_sa(backend, &sa, &state)) {
                problem = xstrdup("not found after adding");
            } else {
                struct xfrm_fingerprint a, b;

                xfrm_sa_spec_fingerprint(&sa, &a);
                xfrm_sa_spec_fingerprint(&state.spec, &b);
                if (!xfrm_sa_spec_equals(&sa, &state.spec)
                    || memcmp(&a, &b, sizeof a)) {
                    problem = xstrdup("came back changed");
                    print_sa(&state);
                } else if (state.oseq != op.start_oseq
                           || state.seq != op.start_seq) {
                    problem = xstrdup("counters start elsewhere");
                    print_sa(&state);
                }
                xfrm_sa_spec_destroy(&state.spec);

                if (!problem && class->apply(backend, &op, &text) != EEXIST) {
                    problem = xstrdup("could be added twice");
                }
                free(text);
            }
            op.type = XFRM_OP_SA_DEL;
            for (int again = 0; again < 2; again++) {
                if (class->apply(backend, &op, &text)) {
                    free(problem);
                    problem = text;
                }
            }
            if (find_sa(backend, &sa, &state)) {
                xfrm_sa_spec_destroy(&state.spec);
                free(problem);
                problem = xstrdup("still there after deleting");
            }
            xfrm_sa_spec_destroy(&sa);
            n++;
        }
        if (problem) {
            printf("%s: %s\n", algo->name, problem);
            failed = true;
        } else {
            printf("%s: ok, %"PRIuSIZE" variants\n", algo->name, n);
        }
        free(problem);
    }
    result(backend, failed ? EINVAL : 0,
           failed ? xstrdup("some algorithms failed") : NULL);
}

/* ## Devices and routes. ## */

static void
print_link(const struct xfrm_link_state *link)
{
    printf("link %s %s if_id=%"PRIu32" dev=%s mtu=%d%s%s%s\n",
           link->spec.name, link->is_xfrm ? "xfrm" : "other",
           link->spec.if_id, link->spec.dev, link->mtu,
           link->external ? " external" : "", link->ours ? " ours" : "",
           link->up ? " up" : "");
}

static void
run_link_create(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_link_state state;
    struct xfrm_link_spec spec;
    struct smap args;
    char *text;
    int error;

    memset(&spec, 0, sizeof spec);
    ovs_strlcpy(spec.name, ctx->argv[1], sizeof spec.name);
    args_to_smap(ctx, 2, &args);
    spec.if_id = args_number(&args, "if_id", 0);
    ovs_strlcpy(spec.dev, smap_get_def(&args, "dev", ""), sizeof spec.dev);
    smap_destroy(&args);
    error = class->link_create(backend, &spec, &state, &text);
    if (!error) {
        print_link(&state);
    }
    result(backend, error, text);
}

static void
run_link_get(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_link_state state;
    int error;

    error = class->link_get(backend, ctx->argv[1], &state);
    if (!error) {
        print_link(&state);
    }
    result(backend, error, NULL);
}

static void
run_link_dump(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_link_state *links;
    size_t n;
    int error;

    error = class->link_dump(backend, &links, &n);
    for (size_t i = 0; i < n; i++) {
        print_link(&links[i]);
    }
    free(links);
    result(backend, error, NULL);
}

static void
run_link_set(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    const char *name = ctx->argv[1];
    struct smap args;
    char *text = NULL;
    int error = 0;

    args_to_smap(ctx, 2, &args);
    if (smap_get(&args, "if_id")) {
        error = class->link_set_if_id(backend, name,
                                      args_number(&args, "if_id", 0), &text);
    }
    if (!error && smap_get(&args, "mtu")) {
        error = class->link_set_mtu(backend, name,
                                    args_number(&args, "mtu", 0), &text);
    }
    if (!error && smap_get(&args, "up")) {
        error = class->link_set_up(backend, name, &text);
    }
    smap_destroy(&args);
    result(backend, error, text);
}

static void
run_link_delete(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    char *text;
    int error;

    error = class->link_delete(backend, ctx->argv[1], &text);
    result(backend, error, text);
}

static void
run_routes_set(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    char *text;
    int error;

    error = class->routes_set(backend, ctx->argv[1],
                              if_nametoindex(ctx->argv[1]), true, &text);
    result(backend, error, text);
}

static void
run_routes_unset(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    char *text;
    int error;

    error = class->routes_set(backend, ctx->argv[1],
                              if_nametoindex(ctx->argv[1]), false, &text);
    result(backend, error, text);
}

static void
run_routes_prune(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    int error;

    error = class->routes_prune(backend,
                                (const char *const *) ctx->argv + 1,
                                ctx->argc - 1);
    result(backend, error, NULL);
}

static void
run_route_mtu(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_addr src, dst;
    struct smap args;
    int error, mtu;

    args_to_smap(ctx, 1, &args);
    src = args_address(&args, "src");
    dst = args_address(&args, "dst");
    smap_destroy(&args);
    error = class->route_mtu(backend, &src, &dst, &mtu);
    if (!error) {
        printf("mtu %d\n", mtu);
    }
    result(backend, error, NULL);
}

/* ## The rest. ## */

static void
run_capabilities(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_backend *backend = open_backend(false);
    const struct xfrm_capabilities *caps = &backend->caps;

    printf("datapath=%s enforces_inbound=%d sends_transport=%d "
           "needs_routes=%d\n", caps->datapath, caps->enforces_inbound,
           caps->sends_transport, caps->needs_routes);
    result(backend, 0, NULL);
}

static void
run_counters(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct xfrm_backend *backend = open_backend(false);
    struct xfrm_counter *counters;
    int error;
    size_t n;

    error = class->counters(backend, &counters, &n);
    for (size_t i = 0; i < n; i++) {
        printf("%s=%"PRIu64"\n", counters[i].name, counters[i].value);
    }
    free(counters);
    result(backend, error, NULL);
}

static void
put_event_sa(const struct xfrm_event *event, struct ds *ds)
{
    if (!event->identified) {
        ds_put_cstr(ds, " any");
        return;
    }
    ds_put_format(ds, " %s spi=0x%"PRIx32" dst=",
                  xfrm_proto_name(event->proto), event->spi);
    xfrm_addr_format(&event->dst, ds);
    ds_put_cstr(ds, " mark=");
    xfrm_mark_format(&event->mark, ds);
    ds_put_cstr(ds, event->gone ? " gone" : "");
}

static void
put_event_policy(const struct xfrm_event *event, struct ds *ds)
{
    if (!event->identified) {
        ds_put_cstr(ds, " any");
        return;
    }
    ds_put_format(ds, " %s ", xfrm_dir_name(event->dir));
    xfrm_sel_format(&event->sel, ds);
    ds_put_cstr(ds, " mark=");
    xfrm_mark_format(&event->mark, ds);
    ds_put_cstr(ds, event->gone ? " gone" : "");
}

static void
print_event(const struct xfrm_event *event)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    switch (event->type) {
    case XFRM_EVENT_SA:
        ds_put_format(&ds, "sa if_id=%"PRIu32, event->if_id);
        put_event_sa(event, &ds);
        break;
    case XFRM_EVENT_POLICY:
        ds_put_format(&ds, "policy if_id=%"PRIu32, event->if_id);
        put_event_policy(event, &ds);
        break;
    case XFRM_EVENT_EXPIRE:
        ds_put_format(&ds, "expire if_id=%"PRIu32" %s", event->if_id,
                      event->hard ? "hard" : "soft");
        put_event_sa(event, &ds);
        break;
    case XFRM_EVENT_ACQUIRE:
        ds_put_format(&ds, "acquire if_id=%"PRIu32, event->if_id);
        put_event_sa(event, &ds);
        put_event_policy(event, &ds);
        ds_put_format(&ds, " reqid=%"PRIu32" mode=%s", event->template.reqid,
                      xfrm_mode_name(event->template.mode));
        break;
    case XFRM_EVENT_MAPPING:
        ds_put_cstr(&ds, "mapping");
        put_event_sa(event, &ds);
        ds_put_cstr(&ds, " now ");
        xfrm_addr_format(&event->new_src, &ds);
        ds_put_format(&ds, ":%"PRIu16, event->new_sport);
        break;
    case XFRM_EVENT_LINK:
        ds_put_format(&ds, "link %s", event->name);
        break;
    case XFRM_EVENT_ROUTE:
        ds_put_cstr(&ds, "route");
        break;
    case XFRM_EVENT_OVERRUN:
        ds_put_cstr(&ds, "overrun");
        break;
    }
    printf("event %s\n", ds_cstr(&ds));
    fflush(stdout);
    ds_destroy(&ds);
}

/* Prints events for a number of seconds.  Meanwhile adds and deletes an SA and
 * a rule itself, which must not be heard. */
static void
run_events(struct ovs_cmdl_context *ctx)
{
    struct xfrm_backend *backend = open_backend(true);
    struct xfrm_op op = { .type = XFRM_OP_SA_ADD };
    struct xfrm_sa_spec sa;
    struct smap args;
    unsigned int seconds;
    long long int end;
    char *text;

    if (!str_to_uint(ctx->argv[1], 10, &seconds)) {
        ovs_fatal(0, "usage: backend-events SECONDS");
    }
    end = time_msec() + seconds * 1000LL;

    smap_init(&args);
    smap_add(&args, "if_id", "4000000000");
    smap_add(&args, "src", "192.0.2.1");
    smap_add(&args, "dst", "192.0.2.2");
    sa_from_args(&args, &sa);
    smap_destroy(&args);
    op.sa = &sa;
    for (int i = 0; i < 2; i++) {
        if (class->apply(backend, &op, &text)
            || class->routes_set(backend, "nonesuch", 0, !i, &text)) {
            ovs_fatal(0, "%s", text);
        }
        op.type = XFRM_OP_SA_DEL;
    }
    xfrm_sa_spec_destroy(&sa);
    class->hear_acquires(backend, true);
    printf("listening\n");
    fflush(stdout);

    while (time_msec() < end) {
        struct xfrm_event event;

        while (!class->event_recv(backend, &event)) {
            print_event(&event);
        }
        class->event_wait(backend);
        poll_timer_wait_until(end);
        poll_block();
    }
    result(backend, 0, NULL);
}

const struct ovs_cmdl_command test_xfrm_backend_commands[] = {
    { "backend-dump", NULL, 0, 0, run_dump, OVS_RO },
    { "backend-sa-add", "NAME=VALUE...", 0, INT_MAX, run_sa_add, OVS_RW },
    { "backend-sa-del", "NAME=VALUE...", 0, INT_MAX, run_sa_del, OVS_RW },
    { "backend-policy-set", "NAME=VALUE...", 0, INT_MAX, run_policy_set,
      OVS_RW },
    { "backend-policy-del", "NAME=VALUE...", 0, INT_MAX, run_policy_del,
      OVS_RW },
    { "backend-algos", NULL, 0, 0, run_algos, OVS_RW },
    { "backend-link-create", "DEVICE NAME=VALUE...", 1, INT_MAX,
      run_link_create, OVS_RW },
    { "backend-link-get", "DEVICE", 1, 1, run_link_get, OVS_RO },
    { "backend-link-dump", NULL, 0, 0, run_link_dump, OVS_RO },
    { "backend-link-set", "DEVICE NAME=VALUE...", 2, INT_MAX, run_link_set,
      OVS_RW },
    { "backend-link-delete", "DEVICE", 1, 1, run_link_delete, OVS_RW },
    { "backend-routes-set", "DEVICE", 1, 1, run_routes_set, OVS_RW },
    { "backend-routes-unset", "DEVICE", 1, 1, run_routes_unset, OVS_RW },
    { "backend-routes-prune", "DEVICE...", 0, INT_MAX, run_routes_prune,
      OVS_RW },
    { "backend-route-mtu", "NAME=VALUE...", 1, 2, run_route_mtu, OVS_RO },
    { "backend-capabilities", NULL, 0, 0, run_capabilities, OVS_RO },
    { "backend-counters", NULL, 0, 0, run_counters, OVS_RO },
    { "backend-events", "SECONDS", 1, 1, run_events, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

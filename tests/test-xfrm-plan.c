/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of xfrm-plan: what policies and SA selectors a set of options
 * gives.  tests/unit-plan.at stands above. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "tests/test-xfrm.h"
#include "util.h"
#include "xfrm-plan.h"

extern const struct ovs_cmdl_command test_xfrm_plan_commands[];

static void
parse_options(char *argv[], struct xfrm_port_options *options)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *error = NULL;
    char *warning = NULL;

    for (; *argv; argv++) {
        char *value = strchr(*argv, '=');
        ovs_assert(value);
        smap_add_nocopy(&smap, xmemdup0(*argv, value - *argv),
                        xstrdup(value + 1));
    }
    if (xfrm_options_parse(&smap, options, &error, &warning)) {
        ovs_fatal(0, "%s", error);
    }
    free(warning);
    smap_destroy(&smap);
}

static void
print_policy(const struct xfrm_policy_spec *policy)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s ", xfrm_dir_name(policy->dir));
    xfrm_prefix_format(&policy->sel.src, &s);
    ds_put_cstr(&s, " > ");
    xfrm_prefix_format(&policy->sel.dst, &s);
    ds_put_format(&s, " if_id=%"PRIu32" priority=0x%"PRIx32" %s",
                  policy->if_id, policy->priority,
                  xfrm_action_name(policy->action));
    for (size_t i = 0; i < policy->n_templates; i++) {
        const struct xfrm_template *t = &policy->templates[i];
        ds_put_format(&s, " [%s ", xfrm_mode_name(t->mode));
        xfrm_addr_format(&t->src, &s);
        ds_put_cstr(&s, " > ");
        xfrm_addr_format(&t->dst, &s);
        ds_put_format(&s, " proto=%u reqid=%"PRIu32" spi=%"PRIu32"]",
                      t->proto, t->reqid, t->spi);
    }
    puts(ds_cstr(&s));
    ds_destroy(&s);
}

static void
run_plan_policies(struct ovs_cmdl_context *ctx)
{
    struct xfrm_policy_spec *policies, *again;
    struct xfrm_port_options options;
    size_t n, n_again;

    parse_options(ctx->argv + 1, &options);
    xfrm_plan_policies(&options, &policies, &n);
    for (size_t i = 0; i < n; i++) {
        print_policy(&policies[i]);
    }
    printf("%"PRIuSIZE" policies\n", n);

    /* The same each time. */
    xfrm_plan_policies(&options, &again, &n_again);
    ovs_assert(n == n_again);
    for (size_t i = 0; i < n; i++) {
        ovs_assert(xfrm_policy_spec_equals(&policies[i], &again[i]));
    }
    free(again);
    free(policies);
    xfrm_options_destroy(&options);
}

/* Traffic selectors that come twice change nothing. */
static void
run_plan_duplicates(struct ovs_cmdl_context *ctx)
{
    struct xfrm_policy_spec *policies, *again;
    struct xfrm_port_options options;
    size_t n, n_again;

    parse_options(ctx->argv + 1, &options);
    xfrm_plan_policies(&options, &policies, &n);

    size_t n_ts = options.n_local_ts;
    options.local_ts = xrealloc(options.local_ts,
                                2 * n_ts * sizeof *options.local_ts);
    for (size_t i = 0; i < n_ts; i++) {
        options.local_ts[n_ts + i] = options.local_ts[i];
    }
    options.n_local_ts *= 2;
    xfrm_plan_policies(&options, &again, &n_again);

    ovs_assert(n && n == n_again);
    for (size_t i = 0; i < n; i++) {
        ovs_assert(xfrm_policy_spec_equals(&policies[i], &again[i]));
    }
    printf("%"PRIuSIZE" policies\n", n);
    free(again);
    free(policies);
    xfrm_options_destroy(&options);
}

static void
run_plan_selector(struct ovs_cmdl_context *ctx)
{
    static const enum xfrm_dir dirs[] = { XFRM_DIR_OUT, XFRM_DIR_IN };
    struct xfrm_port_options options;

    parse_options(ctx->argv + 1, &options);
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        struct xfrm_sel sel = xfrm_plan_sa_selector(&options, dirs[i]);
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_format(&s, "%s ", xfrm_dir_name(dirs[i]));
        if (sel.src.addr.family == AF_UNSPEC) {
            ds_put_cstr(&s, "unspec");
        } else {
            xfrm_prefix_format(&sel.src, &s);
            ds_put_cstr(&s, " > ");
            xfrm_prefix_format(&sel.dst, &s);
        }
        puts(ds_cstr(&s));
        ds_destroy(&s);
    }
    xfrm_options_destroy(&options);
}

const struct ovs_cmdl_command test_xfrm_plan_commands[] = {
    { "plan-policies", "OPTION=VALUE...", 1, INT_MAX, run_plan_policies,
      OVS_RO },
    { "plan-duplicates", "OPTION=VALUE...", 1, INT_MAX, run_plan_duplicates,
      OVS_RO },
    { "plan-selector", "OPTION=VALUE...", 1, INT_MAX, run_plan_selector,
      OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

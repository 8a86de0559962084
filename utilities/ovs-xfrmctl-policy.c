/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl policy-add, policy-del, policy-list.
 *
 * Below: the readers of arguments.  ovs-vswitchd checks everything again. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <string.h>

#include "smap.h"
#include "util.h"
#include "xfrm-selector.h"
#include "xfrm-spec.h"
#include "xfrm-text.h"

static const char *const directions[] = { "in", "out", "fwd", "both", NULL };
static const char *const protos[] = { "esp", "ah", "ipcomp", NULL };
static const char *const modes[] = { "tunnel", "transport", "beet", NULL };
static const char *const booleans[] = { "true", "false", NULL };

static const char policy_syntax[] =
    "policy-add IF_ID in|out|fwd|both [SELECTOR=VALUE]... [COLUMN=VALUE]... "
    "followed by \"discard\" or \"protect esp|ah|ipcomp MODE [SRC DST] "
    "[reqid=N] [spi=N] [optional=true]\"";

struct template_args {
    const char *proto, *mode;
    char *src, *dst;            /* Owned, or NULL: any. */
    uint32_t reqid;
    uint32_t spi;               /* 0: any. */
    bool optional;
};

struct policy_args {
    uint32_t if_id;
    const char *direction;      /* Of "both", the one that is looked at. */
    struct smap selector;
    char **columns;             /* Point into the command line. */
    size_t n_columns;
    const char *action;
    struct template_args templates[XFRM_MAX_TEMPLATES];
    size_t n_templates;
};

static void
policy_args_destroy(struct policy_args *args)
{
    smap_destroy(&args->selector);
    for (size_t i = 0; i < args->n_templates; i++) {
        free(args->templates[i].src);
        free(args->templates[i].dst);
    }
    free(args->columns);
}

/* Selectors. */

/* Returns the value that goes into the database for 'name', malloc'd: one way
 * to write a prefix, since the selector is a part of the index.  What else is
 * wrong, check_selector() finds. */
static char *
selector_value(const char *name, const char *value, char **errorp)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct xfrm_prefix prefix;
    char *error;

    *errorp = NULL;
    if (strcmp(name, "src") && strcmp(name, "dst")) {
        return xstrdup(value);
    }
    if (xfrm_prefix_from_string(value, &prefix, &error)) {
        *errorp = xasprintf("selector %s: %s", name, error);
        free(error);
        return NULL;
    }
    xfrm_prefix_format(&prefix, &ds);
    return ds_steal_cstr(&ds);
}

static const char *const selector_names[] = {
    "src", "dst", "proto", "sport", "dport", "icmp-type", "icmp-code", NULL
};

/* If 'arg' is SELECTOR=VALUE, adds it to 'selector' and returns true, perhaps
 * with an error. */
static bool
parse_selector(const char *arg, struct smap *selector, char **errorp)
{
    size_t len = strcspn(arg, "=");
    char *name = xmemdup0(arg, len);
    bool found = false;

    *errorp = NULL;
    for (size_t i = 0; selector_names[i] && arg[len] && !found; i++) {
        if (!strcmp(selector_names[i], name)) {
            char *value = selector_value(name, arg + len + 1, errorp);

            found = true;
            if (!value) {
                break;
            } else if (smap_get(selector, name)) {
                *errorp = xasprintf("selector %s is given twice", name);
                free(value);
            } else {
                smap_add_nocopy(selector, xstrdup(name), value);
            }
        }
    }
    free(name);
    return found;
}

static char *
check_selector(const struct smap *selector)
{
    const struct smap_node *node;
    struct xfrm_sel sel;
    char *error = NULL;

    memset(&sel, 0, sizeof sel);
    SMAP_FOR_EACH (node, selector) {
        if (xfrm_sel_set(&sel, node->key, node->value, &error)) {
            return error;
        }
    }
    xfrm_sel_finish(&sel, &error);
    return error;
}

static void
swap_keys(struct smap *map, const char *a, const char *b)
{
    char *a_value = nullable_xstrdup(smap_get(map, a));
    char *b_value = nullable_xstrdup(smap_get(map, b));

    smap_remove(map, a);
    smap_remove(map, b);
    if (a_value) {
        smap_add_nocopy(map, xstrdup(b), a_value);
    }
    if (b_value) {
        smap_add_nocopy(map, xstrdup(a), b_value);
    }
}

/* Appends e.g. "src 10.1.0.0/16 proto tcp", or "any". */
void
xfrmctl_selector_format(const struct smap *selector, struct ds *ds)
{
    bool any = true;

    for (size_t i = 0; selector_names[i]; i++) {
        const char *value = smap_get(selector, selector_names[i]);

        if (value) {
            ds_put_format(ds, "%s%s ", any ? "" : " ", selector_names[i]);
            xfrm_text_put_escaped(ds, value);
            any = false;
        }
    }
    if (any) {
        ds_put_cstr(ds, "any");
    }
}

/* Templates. */

static bool
is_action(const char *arg)
{
    return !strcmp(arg, "protect") || !strcmp(arg, "discard");
}

/* Reads what follows "protect" from argument 'i' on.  Returns the index of the
 * first argument that is no part of it, or 0 with a malloc'd reason. */
static int
parse_template(struct ctl_context *ctx, int i, struct template_args *t,
               char **errorp)
{
    memset(t, 0, sizeof *t);
    *errorp = NULL;
    if (i + 2 > ctx->argc) {
        *errorp = xstrdup("\"protect\" needs a protocol and a mode: protect "
                          "esp|ah|ipcomp tunnel|transport|beet [SRC DST]");
        return 0;
    }
    if (!xfrmctl_parse_choice("the protocol", ctx->argv[i], protos, &t->proto,
                              errorp)
        || !xfrmctl_parse_choice("the mode", ctx->argv[i + 1], modes,
                                 &t->mode, errorp)) {
        return 0;
    }
    i += 2;
    if (i < ctx->argc && !is_action(ctx->argv[i])
        && !strchr(ctx->argv[i], '=')) {
        if (i + 1 >= ctx->argc) {
            *errorp = xstrdup("\"protect\": an address is missing, SRC and "
                              "DST come together");
            return 0;
        }
        t->src = xfrmctl_parse_addr("SRC", ctx->argv[i], errorp);
        t->dst = t->src ? xfrmctl_parse_addr("DST", ctx->argv[i + 1], errorp)
                        : NULL;
        if (!t->dst) {
            return 0;
        }
        if (!strchr(t->src, ':') != !strchr(t->dst, ':')) {
            *errorp = xasprintf("\"protect\": SRC %s and DST %s must be both "
                                "IPv4 or both IPv6", t->src, t->dst);
            return 0;
        }
        i += 2;
    } else if (strcmp(t->mode, "transport")) {
        *errorp = xasprintf("\"protect %s %s\" needs SRC and DST, the outer "
                            "addresses", t->proto, t->mode);
        return 0;
    }
    for (; i < ctx->argc && !is_action(ctx->argv[i]); i++) {
        const char *arg = ctx->argv[i];
        const char *value = strchr(arg, '=');

        if (!strncmp(arg, "reqid=", 6)) {
            xfrmctl_parse_u32("reqid", value + 1, 0, UINT32_MAX, &t->reqid,
                              errorp);
        } else if (!strncmp(arg, "spi=", 4)) {
            xfrmctl_parse_u32("spi", value + 1, 1, UINT32_MAX, &t->spi,
                              errorp);
        } else if (!strncmp(arg, "optional=", 9)) {
            const char *boolean;

            if (xfrmctl_parse_choice("optional", value + 1, booleans,
                                     &boolean, errorp)) {
                t->optional = boolean == booleans[0];
            }
        } else {
            char *quoted = xfrm_text_quote(arg);

            *errorp = xasprintf("%s after \"protect\" is none of reqid=N, "
                                "spi=N and optional=true; selectors and "
                                "columns stand before it", quoted);
            free(quoted);
        }
        if (*errorp) {
            return 0;
        }
    }
    return i;
}

/* Appends e.g. "esp tunnel 192.0.2.1 192.0.2.2 reqid 7". */
void
xfrmctl_template_format(const struct xfrmrec_template *t, struct ds *ds)
{
    ds_put_format(ds, "%s %s", t->proto, t->mode);
    if (t->src || t->dst) {
        ds_put_format(ds, " %s %s", t->src ? t->src : "any",
                      t->dst ? t->dst : "any");
    }
    if (t->reqid) {
        ds_put_format(ds, " reqid %"PRId64, t->reqid);
    }
    if (t->n_spi) {
        ds_put_format(ds, " spi 0x%08"PRIx64, (uint64_t) *t->spi);
    }
    if (t->optional) {
        ds_put_cstr(ds, " optional");
    }
}

/* Reading a command. */

static char *
bad_argument(const char *arg)
{
    char *quoted = xfrm_text_quote(arg);
    char *one_of, *error;

    if (strchr(arg, '=')) {
        char *name = xmemdup0(arg, strcspn(arg, "="));

        one_of = xfrmctl_one_of(name, selector_names);
        xfrmctl_db_find_column(&xfrmrec_table_policy, arg, &error);
        char *joined = xasprintf("%s.  A selector %s", error, one_of);

        free(error);
        free(name);
        error = joined;
    } else {
        static const char *const actions[] = { "protect", "discard", NULL };

        one_of = xfrmctl_one_of(arg, actions);
        error = xasprintf("the action is %s, it %s", quoted, one_of);
    }
    free(one_of);
    free(quoted);
    return error;
}

/* Reads IF_ID DIR [SELECTOR=VALUE]... and, unless 'selector_only', what else
 * policy-add takes.  The caller destroys 'args', also after a failure. */
static char *
parse_policy(struct ctl_context *ctx, bool selector_only,
             struct policy_args *args)
{
    char *error = NULL;
    int i;

    memset(args, 0, sizeof *args);
    smap_init(&args->selector);
    if (!xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &args->if_id,
                           &error)
        || !xfrmctl_parse_choice("the direction", ctx->argv[2], directions,
                                 &args->direction, &error)) {
        return error;
    }
    args->columns = xcalloc(ctx->argc, sizeof *args->columns);
    for (i = 3; i < ctx->argc && !is_action(ctx->argv[i]); i++) {
        if (parse_selector(ctx->argv[i], &args->selector, &error)) {
            if (error) {
                return error;
            }
        } else if (!selector_only && strchr(ctx->argv[i], '=')
                   && xfrmctl_db_find_column(&xfrmrec_table_policy,
                                             ctx->argv[i], &error)) {
            args->columns[args->n_columns++] = ctx->argv[i];
        } else {
            free(error);
            return bad_argument(ctx->argv[i]);
        }
    }
    error = check_selector(&args->selector);
    if (error || selector_only) {
        return (error ? error
                : i < ctx->argc ? xstrdup("policy-del takes no action")
                : NULL);
    }
    if (i >= ctx->argc) {
        return xasprintf("what shall the policy do?  %s", policy_syntax);
    }
    args->action = ctx->argv[i];
    if (!strcmp(args->action, "discard")) {
        return (i + 1 == ctx->argc ? NULL
                : xstrdup("\"discard\" must be the last argument"));
    }
    while (i < ctx->argc) {
        if (strcmp(ctx->argv[i], "protect")) {
            return xstrdup("a policy either discards or protects");
        }
        if (args->n_templates >= XFRM_MAX_TEMPLATES) {
            return xasprintf("a policy has at most %d templates (\"protect\")",
                             XFRM_MAX_TEMPLATES);
        }
        i = parse_template(ctx, i + 1, &args->templates[args->n_templates++],
                           &error);
        if (error) {
            return error;
        }
    }
    return NULL;
}

/* Finding. */

static const struct xfrmrec_policy *
find_policy(const struct ovsdb_idl *idl, const struct policy_args *args)
{
    const struct xfrmrec_policy *policy;

    XFRMREC_POLICY_FOR_EACH (policy, idl) {
        if (policy->if_id == args->if_id
            && !strcmp(policy->direction, args->direction)
            && smap_equal(&policy->selector, &args->selector)) {
            return policy;
        }
    }
    return NULL;
}

static void
put_policy_name(const struct policy_args *args, struct ds *ds)
{
    ds_put_format(ds, "policy %s of if_id %"PRIu32" for ", args->direction,
                  args->if_id);
    xfrmctl_selector_format(&args->selector, ds);
}

/* Turns what was said about packets that leave into the same about those that
 * arrive. */
static void
reverse(struct policy_args *args)
{
    swap_keys(&args->selector, "src", "dst");
    swap_keys(&args->selector, "sport", "dport");
    for (size_t i = 0; i < args->n_templates; i++) {
        struct template_args *t = &args->templates[i];
        char *src = t->src;

        t->src = t->dst;
        t->dst = src;
    }
}

/* Calls 'cb' for each direction that 'args' names. */
static void
for_each_direction(struct ctl_context *ctx, struct policy_args *args,
                   void (*cb)(struct ctl_context *, struct policy_args *))
{
    if (strcmp(args->direction, "both")) {
        cb(ctx, args);
        return;
    }
    args->direction = "out";
    cb(ctx, args);
    reverse(args);
    args->direction = "in";
    if (!ctx->error) {
        cb(ctx, args);
    }
    args->direction = "fwd";
    if (!ctx->error) {
        cb(ctx, args);
    }
}

/* policy-add. */

static void
add_policy(struct ctl_context *ctx, struct policy_args *args)
{
    struct xfrmrec_template *templates[XFRM_MAX_TEMPLATES];
    int64_t keys[XFRM_MAX_TEMPLATES];
    const struct xfrmrec_policy *policy;

    if (find_policy(ctx->idl, args)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        put_policy_name(args, &ds);
        ctl_error(ctx, "there is already a %s; interface ID, direction and "
                  "selector together must be unique", ds_cstr(&ds));
        ds_destroy(&ds);
        return;
    }
    policy = xfrmrec_policy_insert(ctx->txn);
    xfrmrec_policy_set_if_id(policy, args->if_id);
    xfrmrec_policy_set_direction(policy, args->direction);
    xfrmrec_policy_set_selector(policy, &args->selector);
    xfrmrec_policy_set_action(policy, args->action);
    for (size_t i = 0; i < args->n_templates; i++) {
        const struct template_args *t = &args->templates[i];
        int64_t spi = t->spi;

        keys[i] = i;
        templates[i] = xfrmrec_template_insert(ctx->txn);
        xfrmrec_template_set_proto(templates[i], t->proto);
        xfrmrec_template_set_mode(templates[i], t->mode);
        if (t->src) {
            xfrmrec_template_set_src(templates[i], t->src);
            xfrmrec_template_set_dst(templates[i], t->dst);
        }
        xfrmrec_template_set_reqid(templates[i], t->reqid);
        xfrmrec_template_set_spi(templates[i], &spi, spi != 0);
        xfrmrec_template_set_optional(templates[i], t->optional);
    }
    xfrmrec_policy_set_templates(policy, keys, templates, args->n_templates);
    for (size_t i = 0; i < args->n_columns && !ctx->error; i++) {
        ctx->error = xfrmctl_set_column(ctx, &policy->header_,
                                        args->columns[i]);
    }
    xfrmctl_touch(ctx, &policy->header_);
}

static void
cmd_policy_add(struct ctl_context *ctx)
{
    struct policy_args args;

    ctx->error = parse_policy(ctx, false, &args);
    if (!ctx->error) {
        for_each_direction(ctx, &args, add_policy);
    }
    policy_args_destroy(&args);
    if (!ctx->error && !xfrmctl_context_cast(ctx)->global) {
        ovs_error(0, "warning: the database has no row XFRM_Global, without "
                  "which ovs-vswitchd does nothing; \"ovs-xfrmctl init\" "
                  "creates it");
    }
}

/* policy-del. */

static void
delete_policy(struct ctl_context *ctx, struct policy_args *args)
{
    const struct xfrmrec_policy *policy = find_policy(ctx->idl, args);

    if (policy) {
        xfrmrec_policy_delete(policy);
    } else if (!shash_find(&ctx->options, "--if-exists")) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        put_policy_name(args, &ds);
        ctl_error(ctx, "there is no %s; \"policy-list\" shows those there "
                  "are", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

static void
cmd_policy_del(struct ctl_context *ctx)
{
    struct policy_args args;

    if (shash_find(&ctx->options, "--all")) {
        const struct xfrmrec_policy *policy, *next;
        uint32_t if_id;
        char *error;

        if (ctx->argc != 2) {
            ctl_error(ctx, "policy-del --all takes IF_ID and nothing else");
            return;
        }
        if (!xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &if_id,
                               &error)) {
            ctx->error = error;
            return;
        }
        XFRMREC_POLICY_FOR_EACH_SAFE (policy, next, ctx->idl) {
            if (policy->if_id == if_id) {
                xfrmrec_policy_delete(policy);
            }
        }
        return;
    }
    if (ctx->argc < 3) {
        ctl_error(ctx, "policy-del takes IF_ID in|out|fwd|both "
                  "[SELECTOR=VALUE]..., or --all IF_ID");
        return;
    }
    ctx->error = parse_policy(ctx, true, &args);
    if (!ctx->error) {
        for_each_direction(ctx, &args, delete_policy);
    }
    policy_args_destroy(&args);
}

/* policy-list. */

static int
compare_policies(const void *a_, const void *b_)
{
    const struct xfrmrec_policy *const *ap = a_, *const *bp = b_;
    const struct xfrmrec_policy *a = *ap, *b = *bp;
    int64_t a_priority = a->n_priority ? *a->priority : 1000;
    int64_t b_priority = b->n_priority ? *b->priority : 1000;
    int cmp = a->if_id < b->if_id ? -1 : a->if_id > b->if_id;

    cmp = cmp ? cmp : strcmp(a->direction, b->direction);
    cmp = cmp ? cmp : a_priority < b_priority ? -1 : a_priority > b_priority;
    return cmp ? cmp : uuid_compare_3way(&a->header_.uuid, &b->header_.uuid);
}

static void
put_column(struct table *table, const struct xfrmrec_policy *policy,
           const struct ovsdb_idl_column *column)
{
    xfrmctl_fill_cell(table_add_cell(table), &policy->header_, column);
}

static void
add_policy_to_table(const struct xfrmrec_policy *policy, struct table *table)
{
    struct ds selector = DS_EMPTY_INITIALIZER;
    struct ds action = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&action, policy->action);
    for (size_t i = 0; i < policy->n_templates; i++) {
        ds_put_cstr(&action, i ? ", " : ": ");
        xfrmctl_template_format(policy->value_templates[i], &action);
    }
    xfrmctl_selector_format(&policy->selector, &selector);

    table_add_row(table);
    put_column(table, policy, &xfrmrec_policy_col_if_id);
    put_column(table, policy, &xfrmrec_policy_col_direction);
    table_add_cell(table)->text = ds_steal_cstr(&selector);
    put_column(table, policy, &xfrmrec_policy_col_priority);
    table_add_cell(table)->text = ds_steal_cstr(&action);
    put_column(table, policy, &xfrmrec_policy_col_state);
    put_column(table, policy, &xfrmrec_policy_col_error);
}

static void
cmd_policy_list(struct ctl_context *ctx)
{
    static const char *headings[] = {
        "if_id", "direction", "selector", "priority", "action", "state",
        "error"
    };
    const struct xfrmrec_policy **policies = NULL;
    const struct xfrmrec_policy *policy;
    size_t n = 0, allocated = 0;
    uint32_t if_id = 0;
    char *error;

    if (ctx->argc > 1
        && !xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &if_id,
                              &error)) {
        ctx->error = error;
        return;
    }
    XFRMREC_POLICY_FOR_EACH (policy, ctx->idl) {
        if (!if_id || policy->if_id == if_id) {
            if (n >= allocated) {
                policies = x2nrealloc(policies, &allocated, sizeof *policies);
            }
            policies[n++] = policy;
        }
    }
    if (n) {
        qsort(policies, n, sizeof *policies, compare_policies);
    }

    ctx->table = xmalloc(sizeof *ctx->table);
    table_init(ctx->table);
    for (size_t i = 0; i < ARRAY_SIZE(headings); i++) {
        table_add_column(ctx->table, "%s", headings[i]);
    }
    for (size_t i = 0; i < n; i++) {
        add_policy_to_table(policies[i], ctx->table);
    }
    free(policies);
}

const struct ctl_command_syntax xfrmctl_policy_commands[] = {
    {"policy-add", 3, INT_MAX,
     "IF_ID DIRECTION [SELECTOR=VALUE]... ACTION",
     NULL, cmd_policy_add, NULL, "", RW},
    {"policy-del", 1, INT_MAX, "IF_ID [DIRECTION] [SELECTOR=VALUE]...",
     NULL, cmd_policy_del, NULL, "--if-exists,--all", RW},
    {"policy-list", 0, 1, "[IF_ID]", NULL, cmd_policy_list, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

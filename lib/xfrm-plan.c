/* SPDX-License-Identifier: Apache-2.0 */

/* From the options of a port to the policies that protect it.
 *
 * The engine above takes the result as its desired policies, and xfrm-json
 * asks here which selector an SA of the port carries.  Below stand
 * xfrm-options and xfrm-spec.  Everything here is a function of its arguments
 * alone: the same options give the same policies in the same order, so that a
 * restart finds nothing to change. */

#include <config.h>
#include "xfrm-plan.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

/* Traffic selectors of one side. */
struct ts_list {
    const struct xfrm_prefix *ts;
    size_t n;
    struct xfrm_prefix defaults[2];
};

static void
ts_list_init(struct ts_list *list, const struct xfrm_prefix *given, size_t n,
             const struct xfrm_port_options *options,
             const struct xfrm_addr *host)
{
    if (n) {
        list->ts = given;
        list->n = n;
        return;
    }

    list->ts = list->defaults;
    if (options->mode == XFRM_SPEC_TUNNEL) {
        list->defaults[0] = xfrm_prefix_any(AF_INET);
        list->defaults[1] = xfrm_prefix_any(AF_INET6);
        list->n = 2;
    } else {
        list->defaults[0] = xfrm_prefix_host(host);
        list->n = 1;
    }
}

static struct xfrm_sel
sel_from_prefixes(const struct xfrm_prefix *src, const struct xfrm_prefix *dst)
{
    struct xfrm_sel sel;

    memset(&sel, 0, sizeof sel);
    sel.src = *src;
    sel.dst = *dst;
    return sel;
}

static bool
have_addresses(const struct xfrm_port_options *options)
{
    return (options->local_ip.family != AF_UNSPEC
            && options->remote_ip.family != AF_UNSPEC);
}

static struct xfrm_policy_spec
make_policy(const struct xfrm_port_options *options, enum xfrm_dir dir,
            const struct xfrm_prefix *local, const struct xfrm_prefix *remote)
{
    bool out = dir == XFRM_DIR_OUT;
    struct xfrm_policy_spec policy;

    memset(&policy, 0, sizeof policy);
    policy.if_id = options->if_id;
    policy.dir = dir;
    policy.sel = (out
                  ? sel_from_prefixes(local, remote)
                  : sel_from_prefixes(remote, local));
    policy.priority = XFRM_PLAN_PRIORITY;
    policy.action = XFRM_ACTION_PROTECT;

    /* The addresses are there in transport mode too, where they only narrow
     * the search for the SA: the kernel reports a template as it was
     * written. */
    struct xfrm_template *template = &policy.templates[policy.n_templates++];
    template->src = out ? options->local_ip : options->remote_ip;
    template->dst = out ? options->remote_ip : options->local_ip;
    template->reqid = options->reqid;
    template->spi = 0;
    template->proto = IPPROTO_ESP;
    template->mode = options->mode;
    return policy;
}

static int
compare_prefixes(const struct xfrm_prefix *a, const struct xfrm_prefix *b)
{
    if (a->addr.family != b->addr.family) {
        return a->addr.family < b->addr.family ? -1 : 1;
    }

    /* Both forms of an address are in network order, so that the order of the
     * bytes is that of the addresses. */
    int cmp = (a->addr.family == AF_INET
               ? memcmp(&a->addr.ip4, &b->addr.ip4, sizeof a->addr.ip4)
               : memcmp(&a->addr.ip6, &b->addr.ip6, sizeof a->addr.ip6));
    if (cmp) {
        return cmp;
    }
    return a->plen < b->plen ? -1 : a->plen > b->plen;
}

/* Out, then in, then fwd, each by selector. */
static int
compare_policies(const void *a_, const void *b_)
{
    static const int rank[XFRM_N_DIRS] = {
        [XFRM_DIR_OUT] = 0, [XFRM_DIR_IN] = 1, [XFRM_DIR_FWD] = 2,
    };
    const struct xfrm_policy_spec *a = a_;
    const struct xfrm_policy_spec *b = b_;

    if (a->dir != b->dir) {
        return rank[a->dir] < rank[b->dir] ? -1 : 1;
    }
    int cmp = compare_prefixes(&a->sel.src, &b->sel.src);
    return cmp ? cmp : compare_prefixes(&a->sel.dst, &b->sel.dst);
}

/* Stores in '*policiesp' a malloc'd array of the policies that 'options' ask
 * for, sorted and without duplicates, and their number in '*n_policiesp'. */
void
xfrm_plan_policies(const struct xfrm_port_options *options,
                   struct xfrm_policy_spec **policiesp, size_t *n_policiesp)
{
    static const enum xfrm_dir dirs[] = {
        XFRM_DIR_OUT, XFRM_DIR_IN, XFRM_DIR_FWD,
    };
    struct xfrm_policy_spec *policies = NULL;
    size_t allocated = 0;
    size_t n = 0;

    *policiesp = NULL;
    *n_policiesp = 0;
    if (options->keying != XFRM_KEYING_MANAGED || !have_addresses(options)) {
        return;
    }

    struct ts_list local, remote;
    ts_list_init(&local, options->local_ts, options->n_local_ts, options,
                 &options->local_ip);
    ts_list_init(&remote, options->remote_ts, options->n_remote_ts, options,
                 &options->remote_ip);

    for (size_t i = 0; i < local.n; i++) {
        for (size_t j = 0; j < remote.n; j++) {
            if (local.ts[i].addr.family != remote.ts[j].addr.family) {
                continue;
            }
            for (size_t k = 0; k < ARRAY_SIZE(dirs); k++) {
                if (n >= allocated) {
                    policies = x2nrealloc(policies, &allocated,
                                          sizeof *policies);
                }
                policies[n++] = make_policy(options, dirs[k], &local.ts[i],
                                            &remote.ts[j]);
            }
        }
    }
    if (!n) {
        return;
    }

    qsort(policies, n, sizeof *policies, compare_policies);

    size_t n_unique = 1;
    for (size_t i = 1; i < n; i++) {
        if (!xfrm_policy_spec_same_id(&policies[n_unique - 1],
                                      &policies[i])) {
            policies[n_unique++] = policies[i];
        }
    }

    *policiesp = policies;
    *n_policiesp = n_unique;
}

/* BEET carries no inner addresses in its packets: the SA's selector holds
 * them, so it must name two hosts.  They are the first two hosts of one family
 * among the traffic selectors, by default the outer addresses. */
static void
beet_hosts(const struct xfrm_port_options *options, struct xfrm_prefix *local,
           struct xfrm_prefix *remote)
{
    struct ts_list locals, remotes;

    ts_list_init(&locals, options->local_ts, options->n_local_ts, options,
                 &options->local_ip);
    ts_list_init(&remotes, options->remote_ts, options->n_remote_ts, options,
                 &options->remote_ip);
    for (size_t i = 0; i < locals.n; i++) {
        for (size_t j = 0; j < remotes.n; j++) {
            if (locals.ts[i].addr.family == remotes.ts[j].addr.family
                && xfrm_prefix_is_host(&locals.ts[i])
                && xfrm_prefix_is_host(&remotes.ts[j])) {
                *local = locals.ts[i];
                *remote = remotes.ts[j];
                return;
            }
        }
    }
    *local = xfrm_prefix_host(&options->local_ip);
    *remote = xfrm_prefix_host(&options->remote_ip);
}

/* Returns the selector of an SA of the port in direction 'dir'.
 *
 * In tunnel mode it is AF_UNSPEC, which lets one SA carry IPv4 and IPv6.  The
 * kernel knows that form (XFRM_STATE_AF_UNSPEC) for tunnels; the other modes
 * get a selector with a family, because a zero family would be replaced by the
 * kernel with that of the SA, and what it reports would not be what was asked.
 *
 * Without local_ip and remote_ip nothing is known but the mode: the result is
 * AF_UNSPEC then, and xfrm-json fills in the addresses of the SA itself. */
struct xfrm_sel
xfrm_plan_sa_selector(const struct xfrm_port_options *options,
                      enum xfrm_dir dir)
{
    struct xfrm_prefix local, remote;
    struct xfrm_sel sel;

    memset(&sel, 0, sizeof sel);
    if (options->mode == XFRM_SPEC_TUNNEL || !have_addresses(options)) {
        return sel;
    }

    if (options->mode == XFRM_SPEC_TRANSPORT) {
        local = remote = xfrm_prefix_any(options->local_ip.family);
    } else {
        beet_hosts(options, &local, &remote);
    }
    return (dir == XFRM_DIR_OUT
            ? sel_from_prefixes(&local, &remote)
            : sel_from_prefixes(&remote, &local));
}

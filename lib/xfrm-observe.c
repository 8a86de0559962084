/* SPDX-License-Identifier: Apache-2.0 */

/* One port's SAs while they are in use: how far their sequence numbers have
 * come, when they end, what MTU they leave.  See xfrm-port.h; below
 * xfrm-reconcile.c and the engine's thread. */

#include <config.h>

#include "xfrm-port.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_observe);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

/* An SA whose use cannot be recorded is taken away when this much of what is
 * reserved for it is left: more than goes out until that is done. */
#define NONCE_RESERVE (XFRM_NONCE_STEP / 4)

/* The caller frees the result. */
char *
xfrm_sa_name(enum xfrm_dir dir, uint32_t spi, const struct xfrm_addr *dst)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s SA 0x%08"PRIx32" to ",
                  dir == XFRM_DIR_IN ? "inbound" : "outbound", spi);
    xfrm_addr_format(dst, &s);
    return ds_steal_cstr(&s);
}

bool
xfrm_port_needs_nonce(const struct xfrm_sa_spec *sa)
{
    return sa->dir == XFRM_DIR_OUT && sa->algo && sa->algo->counter_mode;
}

/* Tells the nonce store how far 'sa', which is in the datapath, has come. */
int
xfrm_port_extend(struct xfrm_port_context *ctx,
                 const struct xfrm_fingerprint *fp, uint64_t oseq,
                 char **errorp)
{
    *errorp = NULL;
    if (!ctx->nonces) {
        *errorp = xstrdup(ctx->nonce_error ? ctx->nonce_error
                                           : "the nonce state file is closed");
        return EBADF;
    }
    return xfrm_nonce_extend(ctx->nonces, fp, oseq, errorp);
}

void
xfrm_port_exhaust(struct xfrm_port *port, struct xfrm_port_context *ctx,
                  struct xfrm_memo *memo)
{
    if (!memo->exhausted) {
        char *name = xfrm_sa_name(memo->dir, memo->spi, &memo->dst);

        VLOG_WARN("%s: %s reached its hard lifetime", port->name, name);
        free(name);
        memo->exhausted = true;
        port->in_sync = false;  /* What is missing now is no drift. */
    }
    if (!memo->exhaust_recorded && ctx->nonces) {
        char *message = NULL;

        if (!xfrm_nonce_exhaust(ctx->nonces, &memo->fp, &message)) {
            memo->exhaust_recorded = true;
        } else {
            VLOG_WARN_RL(&rl, "%s: %s", port->name, message);
        }
        free(message);
    }
}

/* What fits into 'sa', an outbound SA or not, where 'outer' bytes fit: the
 * worse of the inner families that it can carry; 0 if there is nothing to
 * say. */
static int
inner_mtu(int outer, uint16_t outer_family, const struct xfrm_sa_spec *sa)
{
    static const uint16_t families[] = { AF_INET, AF_INET6 };
    uint16_t only = (sa->mode == XFRM_SPEC_TRANSPORT
                     ? outer_family : sa->sel.src.addr.family);
    int worst = 0;

    if (sa->dir != XFRM_DIR_OUT || !sa->algo) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        int inner;

        if (only != AF_UNSPEC && only != families[i]) {
            continue;
        }
        inner = xfrm_spec_inner_mtu(outer, outer_family, families[i],
                                    sa->mode, sa->algo, sa->encap.sport != 0);
        if (inner > 0 && (!worst || inner < worst)) {
            worst = inner;
        }
    }
    return worst;
}

/* The MTU inside: the worst of all SAs that may send, and of both inner
 * families. */
static void
observe_mtu(struct xfrm_port *port, struct xfrm_port_context *ctx,
            const struct xfrm_sa_state *sas, size_t n)
{
    const struct xfrm_port_options *options = &port->config.options;
    struct xfrm_addr src, dst;
    int outer = 0, widest = 0, worst = 0;

    memset(&dst, 0, sizeof dst);
    for (size_t i = 0; i < n; i++) {
        const struct xfrm_sa_spec *sa = &sas[i].spec;
        bool given = options->remote_ip.family != AF_UNSPEC;
        int inner;

        if (!sas[i].valid || sa->dir != XFRM_DIR_OUT || !sa->algo) {
            continue;
        }
        if (!outer || (!given && !xfrm_addr_equals(&dst, &sa->dst))) {
            src = given ? options->local_ip : sa->src;
            dst = given ? options->remote_ip : sa->dst;
            if (ctx->backend->class->route_mtu(ctx->backend, &src, &dst,
                                               &outer)) {
                outer = 0;
                if (given) {
                    return;     /* No route now: the last MTU stands. */
                }
                continue;
            }
        }
        widest = MAX(widest, outer);
        port->outer_mtu = outer;
        port->outer_dst = dst;
        inner = inner_mtu(outer, dst.family, sa);
        if (inner > 0 && (!worst || inner < worst)) {
            worst = inner;
        }
    }
    if (worst) {
        port->mtu = worst;
        port->widest_mtu = widest;
    }
}

/* An offload may be taken without an error and not be in force.  (An SA from
 * before it was asked for, which could not be replaced yet, proves nothing.) */
static void
observe_offload(struct xfrm_memo *memo, const struct xfrm_sa_state *sa)
{
    if (memo->offload.known && memo->offload.taken
        && sa->spec.offload != memo->offload.level
        && sa->spec.offload == XFRM_OFF_NO) {
        memo->offload.level = sa->spec.offload;
        memo->offload.silent = true;
    }
}

/* 'sa' has just been installed: what the next look at all SAs would find out
 * that matters before.  Corrects 'sa->spec.offload'. */
void
xfrm_port_observe_new_sa(struct xfrm_port *port,
                         struct xfrm_port_context *ctx,
                         struct xfrm_sa_state *sa, struct xfrm_memo *memo)
{
    struct xfrm_backend *backend = ctx->backend;
    struct xfrm_sa_state actual;
    int mtu;

    sa->spec.offload = memo->offload.level;
    if (sa->spec.offload != XFRM_OFF_NO
        && !backend->class->get_sa(backend, &sa->spec.dst, sa->spec.spi,
                                   sa->spec.proto, &sa->spec.mark, false,
                                   &actual)) {
        sa->spec.offload = actual.spec.offload;
        observe_offload(memo, sa);
        xfrm_sa_spec_destroy(&actual.spec);
    }

    /* Without a new look at the route: that is what polls are for. */
    mtu = (xfrm_addr_equals(&port->outer_dst,
                            port->config.options.remote_ip.family
                            ? &port->config.options.remote_ip
                            : &sa->spec.dst)
           ? inner_mtu(port->outer_mtu, port->outer_dst.family, &sa->spec)
           : 0);
    if (mtu > 0 && (!port->mtu || mtu < port->mtu)) {
        port->mtu = mtu;
        port->widest_mtu = MAX(port->widest_mtu, port->outer_mtu);
    }
}

/* Takes note of how far one desired SA has come.  Returns true if it must be
 * compared at once. */
static bool
observe_sa(struct xfrm_port *port, struct xfrm_port_context *ctx,
           const struct xfrm_sa_spec *spec, struct xfrm_memo *memo)
{
    const struct xfrm_sa_state *sa;
    bool urgent = false;
    char *message;

    if (memo->owner != port || !memo->installed) {
        return false;
    }
    sa = xfrm_snapshot_find(&ctx->snapshot, &spec->dst, spec->spi,
                            spec->proto);
    if (!sa || sa->spec.if_id != spec->if_id) {
        return false;
    }

    xfrm_memo_observe(memo, sa);
    observe_offload(memo, sa);
    if (xfrm_port_needs_nonce(spec)) {
        if (!xfrm_port_extend(ctx, &memo->fp, sa->oseq, &message)) {
            memo->safe_until = MAX(memo->safe_until,
                                   sa->oseq + XFRM_NONCE_STEP / 2);
        } else {
            VLOG_WARN_RL(&rl, "%s: %s", port->name, message);
            if (!memo->withheld
                && (sa->oseq >= memo->safe_until
                    || memo->safe_until - sa->oseq <= NONCE_RESERVE)) {
                memo->withheld = true;
                urgent = true;
            }
        }
        free(message);
    }
    return urgent;
}

bool
xfrm_port_observe(struct xfrm_port *port, struct xfrm_port_context *ctx,
                  bool hasty)
{
    struct xfrm_row *row;
    struct xfrm_policy_spec *policies;
    struct xfrm_sa_state *sas;
    size_t n_sas, n_policies;
    bool urgent = false;

    xfrm_port_slice(port, ctx, &sas, &n_sas, &policies, &n_policies);
    xfrm_tally_take(&port->tally, sas, n_sas, policies, n_policies);
    /* That asks for a route for each peer.  After a restart with many of them,
     * it would take as long as everything else together. */
    if (!hasty || !port->config.adopted) {
        observe_mtu(port, ctx, sas, n_sas);
    }

    if (port->config.options.keying != XFRM_KEYING_MANAGED) {
        return false;
    }
    for (size_t i = 0; i < port->n_sas; i++) {
        urgent |= observe_sa(port, ctx, &port->sas[i], port->memos[i]);
    }
    LIST_FOR_EACH (row, port_node, &port->rows) {
        if (row->kind == XFRM_ROW_SA && row->enabled) {
            urgent |= observe_sa(port, ctx, row->sa, row->memo);
        }
    }
    return xfrm_port_observe_rows(port, ctx) || urgent;
}

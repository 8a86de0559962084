/* SPDX-License-Identifier: Apache-2.0 */

/* One port against the datapath: compare and correct.
 *
 * What to change is xfrm-diff's business, what must not be done that of
 * xfrm-choose.c.  If nothing but rows has changed, xfrm-reconcile-rows.c does
 * the same with less.  See xfrm-port.h; xfrm-observe.c watches what comes of
 * it. */

#include <config.h>

#include "xfrm-run.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(xfrm_reconcile);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

/* Tells the log and the controllers what is being repaired. */
static void
note_drift(struct xfrm_run *run, const struct xfrm_op *ops, size_t n)
{
    struct xfrm_port *port = run->port;
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n && i < 3; i++) {
        ds_put_cstr(&s, i ? "; " : "");
        xfrm_op_format(&ops[i], &s);
    }
    if (n > 3) {
        ds_put_format(&s, "; and %"PRIuSIZE" more", n - 3);
    }
    VLOG_WARN_RL(&rl, "%s: repairing what somebody else changed: %s",
                 port->name, ds_cstr(&s));
    xfrm_port_note(run->ctx, XFRM_NOTE_DRIFT, port->config.options.if_id,
                   xasprintf("port \"%s\": repaired what somebody else "
                             "changed: %s", port->name, ds_cstr(&s)))->count
        = n;
    port->n_drift += n;
    ds_destroy(&s);
}

/* Takes the deletions that are not half of a replacement out of 'ops': all of
 * them with 'policies', else only those of SAs.  Returns the new number. */
static size_t
drop_deletions(struct xfrm_op *ops, size_t n, bool policies)
{
    size_t n_left = 0;

    for (size_t i = 0; i < n; i++) {
        bool replaced = (i + 1 < n && ops[i].type == XFRM_OP_SA_DEL
                         && ops[i + 1].type == XFRM_OP_SA_ADD
                         && xfrm_sa_spec_same_id(ops[i].sa, ops[i + 1].sa));

        if (!(ops[i].type == XFRM_OP_SA_DEL && !replaced)
            && !(ops[i].type == XFRM_OP_POLICY_DEL && policies)) {
            ops[n_left++] = ops[i];
        }
    }
    return n_left;
}

/* Decides about the SAs of the file and of the rows: the port's own come
 * first, so that a row that wants the same loses and is told. */
static void
choose_sas(struct xfrm_run *run)
{
    struct xfrm_port *port = run->port;
    struct xfrm_row *row;

    xfrm_run_init(run, port->n_sas + port->n_rows);
    xfrm_run_settle_packet(run);
    for (size_t i = 0; i < port->n_sas; i++) {
        xfrm_run_choose_sa(run, &port->sas[i], port->memos[i], NULL);
    }
    LIST_FOR_EACH (row, port_node, &port->rows) {
        if (row->kind == XFRM_ROW_SA && row->enabled
            && !xfrm_port_row_loses(port, row)) {
            xfrm_run_choose_sa(run, row->sa, row->memo, row);
        }
    }
}

static void
reconcile_objects(struct xfrm_run *run)
{
    struct xfrm_port *port = run->port;
    bool was_in_sync = port->in_sync;
    struct xfrm_desired desired;
    struct xfrm_actual actual;
    struct xfrm_policy_spec *policies;
    struct xfrm_sa_state *sas;
    size_t n_sas, n_policies;
    struct xfrm_op *ops;
    struct xfrm_row *row;
    size_t n_ops;

    xfrm_port_slice(port, run->ctx, &sas, &n_sas, &policies, &n_policies);
    LIST_FOR_EACH (row, port_node, &port->rows) {
        xfrm_run_begin_row(row);
    }
    for (size_t i = 0; i < port->n_sas; i++) {
        port->memos[i]->installed = false;
    }
    xfrm_run_take_note(run, sas, n_sas);

    /* With rows still to come, the next comparison finds more to do, and it is
     * nobody else who changed anything then. */
    port->in_sync = !run->ctx->hold;
    choose_sas(run);
    xfrm_run_offload_policies(run);
    /* A row that is still to come may be what a default would replace. */
    xfrm_port_all_policies(port, !run->ctx->hold, &run->policies,
                           &run->n_policies,
                           &run->policy_rows);

    desired.sas = run->eff;
    desired.n_sas = run->n_eff;
    desired.policies = run->policies;
    desired.n_policies = run->n_policies;
    actual.sas = sas;
    actual.n_sas = n_sas;
    actual.policies = policies;
    actual.n_policies = n_policies;
    xfrm_diff(&desired, &actual, &ops, &n_ops);
    if (port->keep || run->ctx->hold) {
        n_ops = drop_deletions(ops, n_ops, run->ctx->hold);
    }
    xfrm_run_force_ops(run, &ops, &n_ops);

    if (was_in_sync && port->in_sync && n_ops) {
        note_drift(run, ops, n_ops);
    }
    xfrm_run_apply(run, ops, n_ops);
    LIST_FOR_EACH (row, port_node, &port->rows) {
        xfrm_run_end_row(run, row);
    }
    for (size_t i = 0; i < XFRM_N_FAMILIES; i++) {
        for (enum xfrm_dir dir = 0; dir < XFRM_N_DIRS; dir++) {
            struct xfrm_policy_spec policy;

            xfrm_port_default_policy(port, i, dir, &policy);
            port->defaults[i][dir] = xfrm_port_wants_default(port, &policy);
        }
    }

    free(ops);
    xfrm_run_destroy(run);
}

bool
xfrm_port_reconcile(struct xfrm_port *port, struct xfrm_port_context *ctx,
                    bool *wrotep)
{
    struct xfrm_run run = {
        .port = port, .ctx = ctx, .actual = &ctx->snapshot,
    };

    xfrm_port_forget_changes(port);
    xfrm_trouble_clear(&port->kernel_trouble);
    xfrm_trouble_clear(&port->key_trouble);
    port->conflict = port->has_rival = false;

    if (!xfrm_port_reconcile_link(port, ctx)) {
        run.retry = true;
    }
    if (port->config.options.keying == XFRM_KEYING_MANAGED) {
        reconcile_objects(&run);
    } else {
        port->in_sync = true;
    }
    port->n_reconciled++;
    port->n_writes += run.n_writes;
    if (run.n_writes) {
        *wrotep = true;
    }
    return !run.retry;
}

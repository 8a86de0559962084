/* SPDX-License-Identifier: Apache-2.0 */

/* A few rows of one port against the datapath.
 *
 * A port that was in sync and that nothing but rows has changed since needs no
 * dump: what the datapath has under the identities that changed is known, or
 * can be asked for one by one.  From there on everything is as in
 * xfrm-reconcile.c, with fewer SAs and policies: the same decisions
 * (xfrm-choose.c), the same order (xfrm-diff), the same answers to failures
 * (xfrm-apply.c).  Whenever something is not as expected, a full comparison
 * finds out.
 *
 * An SA that is new is not looked for: if there is one already, the datapath
 * says so.  One that goes or changes is looked at first, since how far its
 * sequence numbers have come must be known later. */

#include <config.h>

#include "xfrm-run.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_reconcile_rows);

/* Looking at SAs one by one costs more than a dump if there are more of them
 * than this, and than a quarter of all. */
#define MANY 64

/* What is compared, beside what is in 'struct xfrm_run'. */
struct scope {
    struct xfrm_row **fresh;    /* Rows that are not in the datapath. */
    size_t n_fresh, allocated;
    struct xfrm_snapshot actual;
    struct xfrm_policy_spec *old;   /* Policies that are there. */
    size_t n_old;
};

/* Calls for each row of 'port' with the identity of 'change'. */
#define ROW_FOR_EACH(ROW, CHANGE, PORT)                                 \
    HMAP_FOR_EACH_WITH_HASH (ROW, id_node, (CHANGE)->node.hash,         \
                             &(PORT)->row_ids)                          \
        if (has_id(ROW, CHANGE))

static bool
has_id(const struct xfrm_row *row, const struct xfrm_change *change)
{
    if (row->kind != change->kind) {
        return false;
    }
    return (row->kind == XFRM_ROW_SA
            ? (row->sa->spi == change->spi
               && row->sa->proto == change->proto
               && xfrm_addr_equals(&row->sa->dst, &change->dst))
            : (row->policy->dir == change->dir
               && xfrm_sel_equals(&row->policy->sel, &change->sel)
               && xfrm_mark_equals(&row->policy->mark, &change->mark)));
}

/* Whether all that may have happened to 'port' since the last comparison is
 * in its 'changes'. */
static bool
is_steady(const struct xfrm_port *port, const struct xfrm_port_context *ctx)
{
    return (port->gen && !port->removing
            && port->config.options.keying == XFRM_KEYING_MANAGED
            && port->in_sync && port->due == LLONG_MAX && !port->backoff
            && port->link_ok && !port->keep && !port->conflict
            && !port->has_rival && !port->kernel_trouble.n
            && ovs_list_is_empty(&port->departures)
            && ctx->backend && !ctx->backend_error && !ctx->hold);
}

/* Default policies come with the first policy of a row and go with the
 * last. */
static void
change_defaults(struct xfrm_port *port)
{
    for (size_t i = 0; i < XFRM_N_FAMILIES; i++) {
        for (enum xfrm_dir dir = 0; dir < XFRM_N_DIRS; dir++) {
            struct xfrm_policy_spec policy;

            xfrm_port_default_policy(port, i, dir, &policy);
            if (port->defaults[i][dir]
                != xfrm_port_wants_default(port, &policy)) {
                xfrm_port_change_policy(port, &policy);
            }
        }
    }
}

/* The default policy with the identity of 'change', if there may be one: it is
 * stored in '*policy', and the function returns what says whether the datapath
 * has it. */
static bool *
find_default(struct xfrm_port *port, const struct xfrm_change *change,
             struct xfrm_policy_spec *policy)
{
    struct xfrm_policy_spec id;

    xfrm_change_policy_id(port, change, &id);
    for (size_t i = 0; i < XFRM_N_FAMILIES; i++) {
        xfrm_port_default_policy(port, i, change->dir, policy);
        if (xfrm_policy_spec_same_id(policy, &id)) {
            return &port->defaults[i][change->dir];
        }
    }
    return NULL;
}

/* Looks at the SAs that changed rows have put into the datapath. */
static bool
look(struct xfrm_run *run, struct scope *scope)
{
    const struct xfrm_port *port = run->port;
    struct xfrm_backend *backend = run->ctx->backend;
    const struct xfrm_change *change;
    struct xfrm_sa_state *sas;
    size_t n = 0, n_sas = 0;
    bool ok = true;

    LIST_FOR_EACH (change, list_node, &port->change_list) {
        n_sas += change->kind == XFRM_ROW_SA && change->was_in_force;
    }
    if (n_sas > MANY && n_sas > port->tally.n_sas / 4) {
        return false;
    }
    sas = xcalloc(n_sas + 1, sizeof *sas);
    LIST_FOR_EACH (change, list_node, &port->change_list) {
        struct xfrm_sa_state *sa = &sas[n];

        if (change->kind != XFRM_ROW_SA || !change->was_in_force) {
            continue;
        }
        if (backend->class->get_sa(backend, &change->dst, change->spi,
                                   change->proto, &change->mark, true, sa)) {
            memset(sa, 0, sizeof *sa);
            ok = false;
            break;
        }
        n++;
        sa->spec.dir = change->dir;
        if (sa->spec.if_id != port->config.options.if_id || !sa->valid
            || !xfrm_mark_equals(&sa->spec.mark, &change->mark)) {
            ok = false;
            break;
        }
    }
    xfrm_snapshot_set(&scope->actual, sas, n, NULL, 0);
    return ok;
}

/* Collects the rows that the changes concern, and makes them start afresh, but
 * for those that are in the datapath and stay there. */
static bool
begin_rows(struct xfrm_run *run, struct scope *scope)
{
    struct xfrm_port *port = run->port;
    struct xfrm_change *change;

    LIST_FOR_EACH (change, list_node, &port->change_list) {
        struct xfrm_memo *own = (change->kind == XFRM_ROW_SA
                                 ? xfrm_port_own_sa(port, &change->dst,
                                                    change->spi,
                                                    change->proto)
                                 : NULL);
        bool own_installed = own && own->installed;
        struct xfrm_row *holder = NULL;
        size_t first = scope->n_fresh;
        struct xfrm_row *row;

        ROW_FOR_EACH (row, change, port) {
            if (row->in_force) {
                holder = row;
                continue;
            }
            if (scope->n_fresh >= scope->allocated) {
                scope->fresh = x2nrealloc(scope->fresh, &scope->allocated,
                                          sizeof *scope->fresh);
            }
            scope->fresh[scope->n_fresh++] = row;
        }
        for (size_t i = first; i < scope->n_fresh; i++) {
            scope->fresh[i]->fresh = true;
            xfrm_run_begin_row(scope->fresh[i]);
        }

        /* What stays must be what is to be there.  It may share its memo with
         * a twin that came or went. */
        if (own_installed) {
            own->installed = true;
            own->owner = port;
        }
        if (holder) {
            if (change->was_in_force || !holder->enabled
                || xfrm_port_row_loses(port, holder)) {
                return false;
            }
            if (holder->memo) {
                holder->memo->installed = true;
                holder->memo->owner = port;
            }
        }
    }
    return true;
}

static void
choose_sas(struct xfrm_run *run, struct scope *scope)
{
    xfrm_run_init(run, scope->n_fresh);
    for (size_t i = 0; i < scope->n_fresh; i++) {
        struct xfrm_row *row = scope->fresh[i];

        if (row->kind == XFRM_ROW_SA && row->enabled
            && !xfrm_port_row_loses(run->port, row)) {
            xfrm_run_choose_sa(run, row->sa, row->memo, row);
        }
    }
}

/* Finds out which policies are there and which are to be there, under the
 * identities that changed. */
static bool
choose_policies(struct xfrm_run *run, struct scope *scope)
{
    struct xfrm_port *port = run->port;
    size_t n = hmap_count(&port->changes) + 1;
    struct xfrm_change *change;

    run->policies = xcalloc(n, sizeof *run->policies);
    run->policy_rows = xcalloc(n, sizeof *run->policy_rows);
    scope->old = xcalloc(n, sizeof *scope->old);
    LIST_FOR_EACH (change, list_node, &port->change_list) {
        struct xfrm_policy_spec id, def;
        const bool *has_default;
        const struct xfrm_policy_spec *old, *new;
        struct xfrm_row *winner;

        if (change->kind != XFRM_ROW_POLICY) {
            continue;
        }
        xfrm_change_policy_id(port, change, &id);
        has_default = find_default(port, change, &def);
        winner = xfrm_port_find_policy_row(port, &id);
        old = (change->old ? change->old
               : has_default && *has_default ? &def
               : NULL);
        if (winner ? !winner->fresh : xfrm_port_has_own_policy(port, &id)) {
            /* What is there stays. */
            if (old) {
                return false;
            }
            continue;
        }
        new = (winner ? (xfrm_port_row_loses(port, winner) ? NULL
                         : winner->policy)
               : has_default && xfrm_port_wants_default(port, &id) ? &def
               : NULL);
        if (old) {
            scope->old[scope->n_old++] = *old;
        }
        if (new) {
            run->policy_rows[run->n_policies] = winner;
            run->policies[run->n_policies++] = *new;
        }
    }
    for (size_t i = 0; i < scope->n_fresh; i++) {
        struct xfrm_row *row = scope->fresh[i];

        if (row->kind == XFRM_ROW_POLICY && row->enabled) {
            xfrm_port_row_loses(port, row);
        }
    }
    return true;
}

/* Brings the tally of the port up to date: 'scope' has what was there, 'run'
 * what is there now. */
static void
count(struct xfrm_run *run, struct scope *scope)
{
    struct xfrm_port *port = run->port;
    struct xfrm_tally *tally = &port->tally;

    for (size_t i = 0; i < scope->actual.n_sas; i++) {
        xfrm_tally_remove_sa(tally, &scope->actual.sas[i]);
    }
    for (size_t i = 0; i < run->n_eff; i++) {
        struct xfrm_sa_state sa;

        memset(&sa, 0, sizeof sa);
        sa.spec = run->eff[i];          /* Shallow. */
        sa.valid = true;
        xfrm_port_observe_new_sa(port, run->ctx, &sa, run->memos[i]);
        xfrm_tally_add_sa(tally, &sa);
    }
    for (size_t i = 0; i < scope->n_old; i++) {
        xfrm_tally_remove_policy(tally, &scope->old[i]);
    }
    for (size_t i = 0; i < run->n_policies; i++) {
        xfrm_tally_add_policy(tally, &run->policies[i]);
    }
}

static void
note_defaults(struct xfrm_port *port)
{
    struct xfrm_change *change;

    LIST_FOR_EACH (change, list_node, &port->change_list) {
        struct xfrm_policy_spec def;
        bool *in_force = (change->kind == XFRM_ROW_POLICY
                          ? find_default(port, change, &def)
                          : NULL);

        if (in_force) {
            *in_force = xfrm_port_wants_default(port, &def);
        }
    }
}

static bool
reconcile(struct xfrm_run *run, struct scope *scope)
{
    struct xfrm_port *port = run->port;
    struct xfrm_desired desired;
    struct xfrm_actual actual;
    struct xfrm_op *ops;
    size_t n_ops;

    change_defaults(port);
    if (!look(run, scope) || !begin_rows(run, scope)) {
        return false;
    }
    xfrm_run_take_note(run, scope->actual.sas, scope->actual.n_sas);
    choose_sas(run, scope);
    for (size_t i = 0; i < run->n_eff; i++) {
        if (run->ctx->backend->caps.needs_encap_sockets
            && !xfrm_port_has_encap(port, &run->eff[i])) {
            return false;
        }
    }
    if (!choose_policies(run, scope) || !port->in_sync
        || port->packet.in_policies != xfrm_port_has_packet(port)) {
        return false;
    }

    desired.sas = run->eff;
    desired.n_sas = run->n_eff;
    desired.policies = run->policies;
    desired.n_policies = run->n_policies;
    actual.sas = scope->actual.sas;
    actual.n_sas = scope->actual.n_sas;
    actual.policies = scope->old;
    actual.n_policies = scope->n_old;
    xfrm_diff(&desired, &actual, &ops, &n_ops);
    xfrm_run_force_ops(run, &ops, &n_ops);
    xfrm_run_apply(run, ops, n_ops);
    free(ops);

    if (!port->in_sync || run->retry) {
        return false;
    }
    note_defaults(port);
    count(run, scope);
    return true;
}

bool
xfrm_port_reconcile_rows(struct xfrm_port *port,
                         struct xfrm_port_context *ctx)
{
    struct scope scope = { .n_fresh = 0 };
    struct xfrm_run run = {
        .port = port, .ctx = ctx, .actual = &scope.actual,
    };
    bool ok = is_steady(port, ctx);

    if (ok) {
        xfrm_snapshot_init(&scope.actual);
        ok = reconcile(&run, &scope);
        port->n_writes += run.n_writes;
        for (size_t i = 0; i < scope.n_fresh; i++) {
            struct xfrm_row *row = scope.fresh[i];

            row->fresh = false;
            if (ok) {
                xfrm_run_end_row(&run, row);
            } else {
                xfrm_row_clear(row, row->enabled ? XFRM_ROW_PENDING
                                                 : XFRM_ROW_STAGED);
                row->in_force = false;
            }
        }
        VLOG_DBG("%s: %"PRIuSIZE" changes by rows, %"PRIuSIZE" writes%s",
                 port->name, hmap_count(&port->changes), run.n_writes,
                 ok ? "" : ", to be compared in full");
        xfrm_run_destroy(&run);
        xfrm_snapshot_destroy(&scope.actual);
        free(scope.fresh);
        free(scope.old);
    }
    xfrm_port_forget_changes(port);
    return ok;
}

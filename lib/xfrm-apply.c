/* SPDX-License-Identifier: Apache-2.0 */

/* From operations to a datapath that has them: where the sequence numbers of
 * new SAs begin, what an offload that was refused falls back to, and what each
 * refusal means.  See xfrm-run.h; below xfrm-reconcile.c. */

#include <config.h>

#include "xfrm-run.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_apply);

/* An SA in a cipher that is no counter mode may repeat numbers, but its peer
 * drops what it takes for a replay: a re-added one starts this far past the
 * last number known, which is more than goes out between two polls. */
#define RESTART_MARGIN (UINT64_C(1) << 20)

/* From this many operations on, they go to the datapath and to the disk
 * together. */
#define MIN_BATCH 8

static bool
has_hard_limit(const struct xfrm_sa_spec *sa)
{
    const struct xfrm_lifetime *l = &sa->lifetime;

    return l->hard_bytes || l->hard_packets || l->hard_seconds;
}

static uint64_t
highest_seq(const struct xfrm_sa_spec *sa)
{
    return sa->esn ? UINT64_MAX : UINT32_MAX;
}

void
xfrm_run_set_offload(struct xfrm_sa_spec *sa, const char *dev,
                     enum xfrm_offload level)
{
    sa->offload = level;
    ovs_strzcpy(sa->offload_dev, level == XFRM_OFF_NO ? "" : dev,
                sizeof sa->offload_dev);
}

static int
apply(struct xfrm_run *run, const struct xfrm_op *op, char **errorp)
{
    struct xfrm_backend *backend = run->ctx->backend;
    int error;

    *errorp = NULL;
    run->n_writes++;
    error = backend->class->apply(backend, op, errorp);
    if (VLOG_IS_DBG_ENABLED()) {
        struct ds s = DS_EMPTY_INITIALIZER;

        xfrm_op_format(op, &s);
        VLOG_DBG("%s: %s%s%s", run->port->name, ds_cstr(&s),
                 error ? ": " : "",
                 error ? (*errorp ? *errorp : ovs_strerror(error)) : "");
        ds_destroy(&s);
    }
    return error;
}

/* Whether an SA might have been taken if it had not asked for offload. */
static bool
may_be_offload(int error)
{
    return (error != EEXIST && error != EPERM && error != ENOMEM
            && error != ENOBUFS);
}

/* Adds an SA with the offload that it asks for, or else with none. */
static int
add_with_offload(struct xfrm_run *run, const struct xfrm_op *op,
                 struct xfrm_memo *memo, char **errorp)
{
    const struct xfrm_row *row = run->rows[op->sa - run->eff];
    bool follows = xfrm_run_follows_packet(run, row);
    struct xfrm_memo_offload *mo = &memo->offload;
    struct xfrm_sa_spec sa = *op->sa;       /* Shallow. */
    struct xfrm_op try = *op;
    struct xfrm_link_state link;
    char *reason;
    int error;

    if (follows && run->port->packet.refusal) {
        mo->level = XFRM_OFF_NO;    /* Since this SA was chosen. */
    }
    try.sa = &sa;
    xfrm_run_set_offload(&sa, mo->dev, mo->level);
    error = apply(run, &try, errorp);
    if (!error) {
        mo->taken = true;
    }
    if (!error || mo->level == XFRM_OFF_NO || !may_be_offload(error)) {
        return error;
    }

    reason = xfrm_port_words(error, *errorp);
    *errorp = NULL;
    xfrm_run_set_offload(&sa, mo->dev, XFRM_OFF_NO);
    error = apply(run, &try, errorp);
    if (!error) {
        struct xfrm_backend *backend = run->ctx->backend;
        bool no_device = backend->class->link_get(backend, mo->dev,
                                                  &link) == ENODEV;

        if (no_device) {
            free(reason);
            reason = xasprintf("there is no device \"%s\"", mo->dev);
        }
        mo->level = XFRM_OFF_NO;
        if (follows) {
            xfrm_run_refuse_packet(run, reason, false, no_device);
            run->retry = true;      /* For what is in the device already. */
        } else {
            mo->no_device = no_device;
            free(mo->reason);
            mo->reason = reason;
        }
    } else {
        free(reason);
    }
    return error;
}

/* A policy that the device is to have, if it is one of the port's own. */
static int
set_policy(struct xfrm_run *run, const struct xfrm_op *op, char **errorp)
{
    struct xfrm_policy_spec policy = *op->policy;
    struct xfrm_op try = *op;
    int error;

    if (policy.offload == XFRM_OFF_NO
        || !xfrm_port_has_own_policy(run->port, &policy)) {
        return apply(run, op, errorp);
    }
    /* An SA may have been refused since the port was compared. */
    if (xfrm_port_has_packet(run->port)) {
        error = apply(run, op, errorp);
        if (!error || !may_be_offload(error)) {
            return error;
        }
        struct xfrm_backend *backend = run->ctx->backend;
        struct xfrm_link_state link;

        xfrm_run_refuse_packet(
            run, xfrm_port_words(error, *errorp), true,
            backend->class->link_get(backend, policy.offload_dev,
                                     &link) == ENODEV);
        run->retry = true;
        *errorp = NULL;
    }
    policy.offload = XFRM_OFF_NO;
    policy.offload_dev[0] = '\0';
    try.policy = &policy;
    return apply(run, &try, errorp);
}

/* Finds out where the counters of an SA start.  Returns false if the SA must
 * not be installed. */
static bool
choose_start(struct xfrm_run *run, struct xfrm_op *op, struct xfrm_memo *memo)
{
    const struct xfrm_sa_spec *sa = op->sa;
    struct xfrm_nonce_store *nonces = run->ctx->nonces;
    uint64_t limit = highest_seq(sa);
    char *message = NULL;
    uint64_t start;
    int error;

    if (sa->dir == XFRM_DIR_IN) {
        op->start_seq = memo->seq;
    } else if (memo->oseq) {
        op->start_oseq = (memo->oseq < limit - RESTART_MARGIN
                          ? memo->oseq + RESTART_MARGIN
                          : limit);
    }

    if (xfrm_port_needs_nonce(sa)) {
        if (!nonces) {
            xfrm_run_complain_about_key(run, sa, xstrdup(
                run->ctx->nonce_error ? run->ctx->nonce_error
                                      : "the nonce state file is closed"));
            run->retry = true;
            return false;
        }
    } else if (!nonces || !has_hard_limit(sa)) {
        return true;
    } else {
        /* Only to learn whether an earlier process saw it end. */
        limit = UINT64_MAX;
    }

    if (memo->reserved) {
        /* The last attempt failed and used none of it. */
        op->start_oseq = memo->reserved_start;
        return true;
    }
    /* What was seen to be used counts, even if it could not be recorded while
     * the SA was there. */
    error = (xfrm_port_needs_nonce(sa) && memo->oseq
             ? xfrm_nonce_extend(nonces, &memo->fp, memo->oseq, &message)
             : 0);
    if (!error) {
        error = xfrm_nonce_reserve(nonces, &memo->fp, limit, &start,
                                   &message);
    }
    if (!error) {
        if (xfrm_port_needs_nonce(sa)) {
            op->start_oseq = start;
            memo->safe_until = start + XFRM_NONCE_STEP;
            memo->reserved = true;
            memo->reserved_start = start;
        }
        return true;
    } else if (error != EKEYEXPIRED && !xfrm_port_needs_nonce(sa)) {
        free(message);
        return true;
    }
    xfrm_run_complain_about_key(run, sa, xfrm_port_words(error, message));
    if (error != EKEYEXPIRED) {
        run->retry = true;
    }
    return false;
}

/* Whether an SA that was refused with 'error' certainly is not in the
 * datapath, so that no packet can have used its sequence numbers. */
static bool
is_definite(int error)
{
    return (error != ENOBUFS && error != ETIMEDOUT && error != EAGAIN
            && error != EINTR && error != EIO && error != EINPROGRESS);
}

/* The row that 'op' is to bring into the datapath, or NULL. */
static struct xfrm_row *
row_of_op(const struct xfrm_run *run, const struct xfrm_op *op)
{
    switch (op->type) {
    case XFRM_OP_SA_ADD:
        return run->rows[op->sa - run->eff];
    case XFRM_OP_POLICY_SET:
        return run->policy_rows[op->policy - run->policies];
    case XFRM_OP_SA_DEL:
    case XFRM_OP_POLICY_DEL:
        break;
    }
    return NULL;
}

/* 'op' failed.  A backend's own words, which 'message' is unless it is NULL,
 * say what was tried.  Takes ownership of 'message'. */
static void
complain_about_kernel(struct xfrm_run *run, const struct xfrm_op *op,
                      int error, char *message)
{
    struct xfrm_row *row;

    if (!message) {
        struct ds s = DS_EMPTY_INITIALIZER;

        xfrm_op_format(op, &s);
        message = xfrm_port_words(error, NULL);
        ds_put_format(&s, ": %s", message);
        free(message);
        message = ds_steal_cstr(&s);
    }
    row = row_of_op(run, op);
    if (row) {
        xfrm_row_complain(row, message);
    } else {
        xfrm_trouble_add(&run->port->kernel_trouble, message);
    }
    run->port->in_sync = false;
    run->retry = true;
}

/* The datapath has answered to 'op', which adds an SA.  Takes ownership of
 * 'message'. */
static void
finish_sa_add(struct xfrm_run *run, const struct xfrm_op *op, int error,
              char *message)
{
    struct xfrm_memo *memo = run->memos[op->sa - run->eff];

    if (!error || !is_definite(error)) {
        memo->reserved = false;
    }
    if (!error) {
        free(message);
        memo->installed = true;
        memo->seen = false;     /* It is a new one. */
        return;
    }
    if (error == EEXIST) {
        /* The dump did not show it: it is younger, or has no if_id. */
        char *name = xfrm_sa_name(op->sa->dir, op->sa->spi, &op->sa->dst);

        free(message);
        message = xasprintf("%s: another SA with this SPI and destination "
                            "exists in the kernel, outside this port", name);
        free(name);
        run->port->conflict = true;
    }
    complain_about_kernel(run, op, error, message);
}

static void
finish(struct xfrm_run *run, const struct xfrm_op *op, int error,
       char *message)
{
    if (op->type == XFRM_OP_SA_ADD) {
        finish_sa_add(run, op, error, message);
    } else if (error) {
        complain_about_kernel(run, op, error, message);
    } else {
        free(message);
    }
}

/* Finds out where all new SAs begin, with a single write to disk if there are
 * many.  'ready[i]' becomes true if operation 'i' may go to the datapath. */
static void
choose_starts(struct xfrm_run *run, struct xfrm_op *ops, size_t n, bool *ready)
{
    struct xfrm_nonce_store *nonces = run->ctx->nonces;
    bool *fresh = xcalloc(n + 1, sizeof *fresh);
    bool batch = nonces && n >= MIN_BATCH;
    char *message = NULL;

    if (batch) {
        xfrm_nonce_begin(nonces);
    }
    for (size_t i = 0; i < n; i++) {
        ready[i] = true;
        if (ops[i].type == XFRM_OP_SA_ADD) {
            struct xfrm_memo *memo = run->memos[ops[i].sa - run->eff];
            bool was_reserved = memo->reserved;

            ready[i] = choose_start(run, &ops[i], memo);
            fresh[i] = memo->reserved && !was_reserved;
            run->port->in_sync &= ready[i];
        }
    }
    if (batch && xfrm_nonce_commit(nonces, &message)) {
        for (size_t i = 0; i < n; i++) {
            if (fresh[i]) {
                run->memos[ops[i].sa - run->eff]->reserved = false;
                xfrm_run_complain_about_key(run, ops[i].sa, xstrdup(message));
                run->port->in_sync = ready[i] = false;
                run->retry = true;
            }
        }
        free(message);
    }
    free(fresh);
}

/* Whether the answer to 'op' decides how it is tried again. */
static bool
goes_alone(const struct xfrm_op *op)
{
    return (op->type == XFRM_OP_SA_ADD
            ? op->sa->offload != XFRM_OFF_NO
            : op->type == XFRM_OP_POLICY_SET
            && op->policy->offload != XFRM_OFF_NO);
}

static void
apply_many(struct xfrm_run *run, const struct xfrm_op *ops, size_t n)
{
    const struct xfrm_backend_class *class = run->ctx->backend->class;
    struct xfrm_result *results = xcalloc(n, sizeof *results);

    run->n_writes += n;
    class->apply_batch(run->ctx->backend, ops, n, results);
    for (size_t i = 0; i < n; i++) {
        finish(run, &ops[i], results[i].error, results[i].message);
    }
    free(results);
}

/* Does 'ops' in their order.  What fails goes to the port's or the row's
 * troubles. */
void
xfrm_run_apply(struct xfrm_run *run, struct xfrm_op *ops, size_t n)
{
    bool *ready = xcalloc(n + 1, sizeof *ready);
    struct xfrm_op *many = xcalloc(n + 1, sizeof *many);
    size_t n_many = 0;

    choose_starts(run, ops, n, ready);
    for (size_t i = 0; i <= n; i++) {
        if (i < n && ready[i] && n >= MIN_BATCH && !goes_alone(&ops[i])) {
            many[n_many++] = ops[i];
            continue;
        }
        if (n_many) {
            apply_many(run, many, n_many);
            n_many = 0;
        }
        if (i < n && ready[i]) {
            char *message = NULL;
            int error = (ops[i].type == XFRM_OP_SA_ADD
                         ? add_with_offload(run, &ops[i],
                                            run->memos[ops[i].sa - run->eff],
                                            &message)
                         : ops[i].type == XFRM_OP_POLICY_SET
                         ? set_policy(run, &ops[i], &message)
                         : apply(run, &ops[i], &message));

            finish(run, &ops[i], error, message);
        }
    }
    free(many);
    free(ready);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* One port against the datapath: compare and correct.
 *
 * What to change is xfrm-diff's business;
 * here stands what must not be done (installing a key twice, a sequence
 * number twice, an SA past its end) and what to do when the datapath says no.
 * See xfrm-port.h; xfrm-observe.c watches what comes of it. */

#include <config.h>

#include "xfrm-port.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(xfrm_reconcile);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

/* An SA in a cipher that is no counter mode may repeat numbers, but its peer
 * drops what it takes for a replay: a re-added one starts this far past the
 * last number known, which is more than goes out between two polls. */
#define RESTART_MARGIN (UINT64_C(1) << 20)

/* One run over one port. */
struct run {
    struct xfrm_port *port;
    struct xfrm_port_context *ctx;
    struct xfrm_sa_spec *eff;   /* Desired now; shallow copies. */
    struct xfrm_memo **memos;   /* One for each of 'eff'. */
    struct xfrm_row **rows;     /* Likewise; NULL: not from a row. */
    size_t n_eff;
    struct xfrm_policy_spec *policies;  /* Desired. */
    struct xfrm_row **policy_rows;      /* One for each of 'policies'. */
    size_t n_policies;
    size_t n_writes;
    bool retry;                 /* Something failed that may heal itself. */
};

/* The row that 'sa', one of 'run->eff' or of those in the datapath, is from,
 * or NULL. */
static struct xfrm_row *
row_of(const struct run *run, const struct xfrm_sa_spec *sa)
{
    if (run->eff && sa >= run->eff && sa <= &run->eff[run->n_eff]) {
        return run->rows[sa - run->eff];
    }
    return xfrm_port_find_sa_row(run->port, &sa->dst, sa->spi, sa->proto);
}

/* An SA of a row complains there, others do in the port.  Takes ownership of
 * 'text'. */
static void
complain_about(struct run *run, struct xfrm_trouble *trouble,
               const struct xfrm_sa_spec *sa, char *text)
{
    struct xfrm_row *row = row_of(run, sa);

    if (row) {
        xfrm_row_complain(row, text);
    } else {
        char *name = xfrm_sa_name(sa->dir, sa->spi, &sa->dst);

        xfrm_trouble_add(trouble, xasprintf("%s: %s", name, text));
        free(name);
        free(text);
    }
}

/* A refusal by the nonce store begins with its keyword, which stays in
 * front.  Takes ownership of 'text'. */
static void
complain_about_key(struct run *run, const struct xfrm_sa_spec *sa, char *text)
{
    static const char keyword[] = "needs-rekey: ";

    if (!row_of(run, sa) && !strncmp(text, keyword, strlen(keyword))) {
        char *name = xfrm_sa_name(sa->dir, sa->spi, &sa->dst);

        xfrm_trouble_add(&run->port->key_trouble,
                         xasprintf("%s%s: %s", keyword, name,
                                   text + strlen(keyword)));
        free(name);
        free(text);
    } else {
        complain_about(run, &run->port->key_trouble, sa, text);
    }
}

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

/* Offload. */

enum xfrm_offload
xfrm_port_first_offload(const struct xfrm_port *port)
{
    const struct xfrm_port_options *options = &port->config.options;

    if (!options->dev[0]) {
        return XFRM_OFF_NO;
    }
    return (options->offload == XFRM_OFF_AUTO
            ? XFRM_OFF_PACKET
            : options->offload);
}

/* What is asked for an SA: what its row says, else what the port does. */
static enum xfrm_offload
wish(const struct run *run, const struct xfrm_row *row, const char **devp)
{
    const struct xfrm_port_options *options = &run->port->config.options;
    enum xfrm_offload asked = options->offload;

    *devp = options->dev;
    if (row && row->config.has_offload) {
        asked = row->config.offload;
        if (row->config.offload_dev[0]) {
            *devp = row->config.offload_dev;
        }
    }
    return (*devp)[0] ? asked : XFRM_OFF_NO;
}

static void
set_offload(struct xfrm_sa_spec *sa, const char *dev, enum xfrm_offload level)
{
    sa->offload = level;
    ovs_strzcpy(sa->offload_dev, level == XFRM_OFF_NO ? "" : dev,
                sizeof sa->offload_dev);
}

/* Decides how 'sa' is to be offloaded.  'actual' is that SA in the datapath,
 * or NULL.  Returns true if the two differ. */
static bool
choose_offload(const struct run *run, struct xfrm_sa_spec *sa,
               struct xfrm_memo *memo, const struct xfrm_row *row,
               const struct xfrm_sa_state *actual)
{
    const char *dev;
    enum xfrm_offload asked = wish(run, row, &dev);
    struct xfrm_memo_offload *mo = &memo->offload;

    if (mo->known && mo->asked == asked && !strcmp(mo->dev, dev)
        && mo->no_device) {
        struct xfrm_link_state link;

        /* Nothing but the device was missing, and now it is there. */
        if (!run->ctx->backend->class->link_get(run->ctx->backend,
                                                dev, &link)) {
            xfrm_memo_offload_clear(memo);
            run->port->in_sync = false;
        }
    } else if (mo->known && (mo->asked != asked
                             || strcmp(mo->dev, dev))) {
        xfrm_memo_offload_clear(memo);
    } else if (!mo->known && actual) {
        enum xfrm_offload found = actual->spec.offload;

        /* The first sight of an SA from before this process.  It may have
         * been refused an offload then; trying again would interrupt it. */
        if (asked == XFRM_OFF_AUTO
            || (asked != XFRM_OFF_NO && found == XFRM_OFF_NO)) {
            mo->level = found;
            mo->silent = asked != XFRM_OFF_AUTO;
            goto known;
        }
    }
    if (!mo->known) {
        mo->level = asked == XFRM_OFF_AUTO ? XFRM_OFF_PACKET : asked;
known:
        mo->known = true;
        mo->asked = asked;
        ovs_strlcpy(mo->dev, dev, sizeof mo->dev);
    }
    set_offload(sa, mo->dev, mo->level);
    return actual && (actual->spec.offload != sa->offload
                      || (sa->offload != XFRM_OFF_NO
                          && strcmp(actual->spec.offload_dev,
                                    sa->offload_dev)));
}

/* Applying. */

static int
apply(struct run *run, const struct xfrm_op *op, char **errorp)
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

static int
add_with_offload(struct run *run, const struct xfrm_op *op,
                 struct xfrm_memo *memo, char **errorp)
{
    struct xfrm_memo_offload *mo = &memo->offload;
    enum xfrm_offload first = mo->level;
    enum xfrm_offload level = first;
    char *reason = NULL;
    struct xfrm_link_state link;
    int error;

    for (;;) {
        struct xfrm_sa_spec sa = *op->sa;       /* Shallow. */
        struct xfrm_op try = *op;

        set_offload(&sa, mo->dev, level);
        try.sa = &sa;
        error = apply(run, &try, errorp);
        if (!error || level == XFRM_OFF_NO || !may_be_offload(error)) {
            break;
        }
        free(reason);
        reason = xfrm_port_words(error, *errorp);
        *errorp = NULL;
        level = (mo->asked == XFRM_OFF_AUTO && level == XFRM_OFF_PACKET
                 ? XFRM_OFF_CRYPTO
                 : XFRM_OFF_NO);
    }
    if (!error && level != first) {
        struct xfrm_backend *backend = run->ctx->backend;

        mo->level = level;
        mo->no_device = backend->class->link_get(backend, mo->dev,
                                                 &link) == ENODEV;
        if (mo->no_device) {
            free(reason);
            reason = xasprintf("there is no device \"%s\"", mo->dev);
        }
        free(mo->reason);
        mo->reason = reason;
    } else {
        free(reason);
    }
    return error;
}

/* Finds out where the counters of an SA start.  Returns false if the SA must
 * not be installed. */
static bool
choose_start(struct run *run, struct xfrm_op *op, struct xfrm_memo *memo)
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
            complain_about_key(run, sa, xstrdup(
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
    error = xfrm_nonce_reserve(nonces, &memo->fp, limit, &start, &message);
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
    complain_about_key(run, sa, xfrm_port_words(error, message));
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
            && error != EINTR && error != EIO);
}

/* The row that 'op' is to bring into the datapath, or NULL. */
static struct xfrm_row *
row_of_op(const struct run *run, const struct xfrm_op *op)
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
complain_about_kernel(struct run *run, const struct xfrm_op *op, int error,
                      char *message)
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

static void
apply_sa_add(struct run *run, struct xfrm_op *op)
{
    struct xfrm_memo *memo = run->memos[op->sa - run->eff];
    char *message = NULL;
    int error;

    if (!choose_start(run, op, memo)) {
        run->port->in_sync = false;
        return;
    }
    error = add_with_offload(run, op, memo, &message);
    if (!error || !is_definite(error)) {
        memo->reserved = false;
    }
    if (!error) {
        memo->installed = true;
        memo->seen = false;     /* It is a new one. */
    } else {
        if (error == EEXIST) {
            /* The dump did not show it: it is younger, or has no if_id. */
            char *name = xfrm_sa_name(op->sa->dir, op->sa->spi, &op->sa->dst);

            free(message);
            message = xasprintf("%s: another SA with this SPI and destination "
                                "exists in the kernel, outside this port",
                                name);
            free(name);
            run->port->conflict = true;
        }
        complain_about_kernel(run, op, error, message);
    }
}

static void
apply_other(struct run *run, const struct xfrm_op *op)
{
    char *message;
    int error = apply(run, op, &message);

    if (error) {
        complain_about_kernel(run, op, error, message);
    }
}

/* Looks at the SAs that are there, before anything is deleted. */
static void
take_note(struct run *run, const struct xfrm_sa_state *sas, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct xfrm_sa_state *sa = &sas[i];
        struct xfrm_memo *memo;

        if (!sa->spec.algo || !sa->spec.key.len) {
            continue;
        }
        memo = xfrm_memos_ref(&run->ctx->memos, &sa->spec);
        xfrm_memo_observe(memo, sa);
        memo->installed = true;
        memo->reserved = false;
        if (xfrm_port_needs_nonce(&sa->spec)) {
            char *message;

            /* A key that the store has never seen is recorded here. */
            if (xfrm_port_extend(run->ctx, &memo->fp, sa->oseq, &message)) {
                complain_about_key(run, &sa->spec, message);
                run->retry = true;
            } else {
                memo->safe_until = MAX(memo->safe_until, sa->oseq
                                       + XFRM_NONCE_STEP / 2);
            }
        }
        xfrm_memo_unref(memo, NULL);
    }
}

/* Decides about one SA of the file.  Returns true if it is to be in the
 * datapath; '*forcep' says that it must be installed anew. */
static bool
choose_sa(struct run *run, const struct xfrm_sa_spec *spec,
          struct xfrm_memo *memo, struct xfrm_row *row, bool *forcep)
{
    struct xfrm_port *port = run->port;
    struct xfrm_sa_spec *sa = &run->eff[run->n_eff];
    const struct xfrm_sa_state *actual;
    const struct xfrm_memo *rival;

    *sa = *spec;
    run->rows[run->n_eff] = row;
    actual = xfrm_snapshot_find(&run->ctx->snapshot, &sa->dst, sa->spi,
                                sa->proto);
    if (actual && actual->spec.if_id != sa->if_id) {
        complain_about(run, &port->kernel_trouble, sa, xasprintf(
            "an SA with this SPI and destination exists already with if_id "
            "%"PRIu32, actual->spec.if_id));
        port->conflict = true;
        run->retry = true;
        port->in_sync = false;
        return false;
    }

    if (!actual && xfrm_memo_was_expired(memo, time_wall())) {
        xfrm_port_exhaust(port, run->ctx, memo);
    }
    if (memo->exhausted) {
        xfrm_port_exhaust(port, run->ctx, memo);
        complain_about(run, &port->key_trouble, sa, xstrdup(
            "reached its hard lifetime: give new keys"));
        if (row) {
            row->state = XFRM_ROW_EXPIRED;
        }
        return false;
    }

    rival = xfrm_memos_rival(&run->ctx->memos, memo, port);
    if (rival) {
        char *name = xfrm_sa_name(rival->dir, rival->spi, &rival->dst);

        complain_about(run, &port->key_trouble, sa, xasprintf(
            "its key is in use by port \"%s\" (%s): each SA needs a key of "
            "its own", rival->owner->name, name));
        free(name);
        port->has_rival = true;
        port->in_sync = false;
        return false;
    }
    memo->owner = port;

    if (memo->withheld) {
        char *name = xfrm_sa_name(sa->dir, sa->spi, &sa->dst);

        port->in_sync = false;
        run->retry = true;
        if (actual) {
            VLOG_WARN("%s: taking %s away, since its use cannot be recorded",
                      port->name, name);
            free(name);
            complain_about_key(run, sa, xstrdup(
                "taken away, since its use cannot be recorded in the nonce "
                "state file"));
            return false;
        }
        free(name);
        memo->withheld = false;
    }

    *forcep = choose_offload(run, sa, memo, row, actual);
    run->memos[run->n_eff++] = memo;
    return true;
}

/* Tells the log and the controllers what is being repaired. */
static void
note_drift(struct run *run, const struct xfrm_op *ops, size_t n)
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

/* Adds a delete and an add for each of the SAs in 'force' that 'ops' leaves
 * alone. */
static void
force_ops(const struct run *run, const bool *force,
          struct xfrm_op **opsp, size_t *n_opsp)
{
    bool *added = xcalloc(run->n_eff + 1, sizeof *added);
    size_t n = *n_opsp;

    for (size_t i = 0; i < n; i++) {
        if ((*opsp)[i].type == XFRM_OP_SA_ADD) {
            added[(*opsp)[i].sa - run->eff] = true;
        }
    }
    for (size_t i = 0; i < run->n_eff; i++) {
        if (force[i] && !added[i]) {
            *opsp = xrealloc(*opsp, (n + 2) * sizeof **opsp);
            (*opsp)[n++] = (struct xfrm_op) {
                .type = XFRM_OP_SA_DEL, .sa = &run->eff[i],
            };
            (*opsp)[n++] = (struct xfrm_op) {
                .type = XFRM_OP_SA_ADD, .sa = &run->eff[i],
            };
        }
    }
    *n_opsp = n;
    free(added);
}

/* Decides about the SAs of the file and of the rows: the port's own come
 * first, so that a row that wants the same loses and is told. */
static bool *
choose_sas(struct run *run)
{
    struct xfrm_port *port = run->port;
    size_t max = port->n_sas + port->n_rows;
    bool *force = xcalloc(max + 1, sizeof *force);
    struct xfrm_row *row;

    run->eff = xcalloc(max + 1, sizeof *run->eff);
    run->memos = xcalloc(max + 1, sizeof *run->memos);
    run->rows = xcalloc(max + 1, sizeof *run->rows);
    for (size_t i = 0; i < port->n_sas; i++) {
        bool forced = false;

        if (choose_sa(run, &port->sas[i], port->memos[i], NULL, &forced)) {
            force[run->n_eff - 1] = forced;
        }
    }
    LIST_FOR_EACH (row, port_node, &port->rows) {
        const struct xfrm_row *twin;
        bool forced = false;

        if (row->config.kind != XFRM_ROW_SA || !row->config.enabled) {
            continue;
        }
        twin = xfrm_port_twin(port, row);
        if (twin) {
            xfrm_row_complain(row, xasprintf(
                "another row has the same SPI, destination and protocol: "
                UUID_FMT, UUID_ARGS(&twin->config.uuid)));
        } else if (xfrm_port_lists_sa(port, &row->sa)) {
            xfrm_row_complain(row, xasprintf(
                "port \"%s\" has an SA with the same SPI, destination and "
                "protocol from its options:sa_file", port->name));
        } else if (choose_sa(run, &row->sa, row->memo, row, &forced)) {
            force[run->n_eff - 1] = forced;
        }
    }
    return force;
}

/* What became of the rows, before the datapath was told. */
static void
begin_rows(struct run *run)
{
    struct xfrm_row *row;

    LIST_FOR_EACH (row, port_node, &run->port->rows) {
        xfrm_row_clear(row, row->config.enabled ? XFRM_ROW_INSTALLED
                                                : XFRM_ROW_STAGED);
        row->in_force = row->config.enabled;
        if (row->memo) {
            row->memo->installed = false;
        }
    }
}

static void
end_rows(struct run *run)
{
    struct xfrm_row *row;

    LIST_FOR_EACH (row, port_node, &run->port->rows) {
        row->in_force = row->config.enabled && !row->error;
        row->counted &= row->in_force;
        xfrm_port_touch_row(run->ctx, row);
    }
}

static void
reconcile_objects(struct run *run)
{
    struct xfrm_port *port = run->port;
    bool was_in_sync = port->in_sync;
    struct xfrm_desired desired;
    struct xfrm_actual actual;
    struct xfrm_policy_spec *policies;
    struct xfrm_sa_state *sas;
    size_t n_sas, n_policies;
    struct xfrm_op *ops;
    size_t n_ops;
    bool *force;

    xfrm_snapshot_slice(&run->ctx->snapshot, port->config.options.if_id,
                        &sas, &n_sas, &policies, &n_policies);
    xfrm_port_set_dirs(port, run->ctx, sas, n_sas);
    begin_rows(run);
    for (size_t i = 0; i < port->n_sas; i++) {
        port->memos[i]->installed = false;
    }
    take_note(run, sas, n_sas);

    port->in_sync = true;
    force = choose_sas(run);
    xfrm_port_all_policies(port, &run->policies, &run->n_policies,
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
    force_ops(run, force, &ops, &n_ops);

    if (was_in_sync && port->in_sync && n_ops) {
        note_drift(run, ops, n_ops);
    }
    for (size_t i = 0; i < n_ops; i++) {
        if (ops[i].type == XFRM_OP_SA_ADD) {
            apply_sa_add(run, &ops[i]);
        } else {
            apply_other(run, &ops[i]);
        }
    }
    end_rows(run);

    free(ops);
    free(force);
    free(run->memos);
    free(run->rows);
    free(run->eff);             /* Shallow: the keys belong to the port. */
    run->eff = NULL;
    free(run->policies);
    free(run->policy_rows);
}

bool
xfrm_port_reconcile(struct xfrm_port *port, struct xfrm_port_context *ctx,
                    bool *wrotep)
{
    struct run run = { .port = port, .ctx = ctx };

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

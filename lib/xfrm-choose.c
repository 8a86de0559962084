/* SPDX-License-Identifier: Apache-2.0 */

/* What must not be done when a port is corrected: installing a key twice, a
 * sequence number twice, an SA past its end, an offload that was refused.  See
 * xfrm-run.h; above xfrm-memo, below xfrm-reconcile.c and
 * xfrm-reconcile-rows.c. */

#include <config.h>

#include "xfrm-run.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_choose);

/* Room for 'max' SAs. */
void
xfrm_run_init(struct xfrm_run *run, size_t max)
{
    run->eff = xcalloc(max + 1, sizeof *run->eff);
    run->memos = xcalloc(max + 1, sizeof *run->memos);
    run->rows = xcalloc(max + 1, sizeof *run->rows);
    run->force = xcalloc(max + 1, sizeof *run->force);
}

void
xfrm_run_destroy(struct xfrm_run *run)
{
    free(run->force);
    free(run->memos);
    free(run->rows);
    free(run->eff);             /* Shallow: the keys belong to the port. */
    run->eff = NULL;
    free(run->policies);
    free(run->policy_rows);
}

/* What becomes of 'row', before the datapath was told. */
void
xfrm_run_begin_row(struct xfrm_row *row)
{
    xfrm_row_clear(row, row->enabled ? XFRM_ROW_INSTALLED : XFRM_ROW_STAGED);
    row->in_force = row->enabled;
    if (row->memo) {
        row->memo->installed = false;
    }
}

/* ...and after it was. */
void
xfrm_run_end_row(struct xfrm_run *run, struct xfrm_row *row)
{
    row->in_force = row->enabled && !row->error;
    row->counted &= row->in_force;
    xfrm_port_touch_row(run->ctx, row);
}

/* The row that 'sa', one of 'run->eff' or of those in the datapath, is from,
 * or NULL. */
static struct xfrm_row *
row_of(const struct xfrm_run *run, const struct xfrm_sa_spec *sa)
{
    if (run->eff && sa >= run->eff && sa <= &run->eff[run->n_eff]) {
        return run->rows[sa - run->eff];
    }
    return xfrm_port_find_sa_row(run->port, &sa->dst, sa->spi, sa->proto);
}

/* An SA of a row complains there, others do in the port.  Takes ownership of
 * 'text'. */
static void
complain_about(struct xfrm_run *run, struct xfrm_trouble *trouble,
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
void
xfrm_run_complain_about_key(struct xfrm_run *run,
                            const struct xfrm_sa_spec *sa, char *text)
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

/* Offload. */

/* What is asked for an SA: what its row says, else what the port does. */
static enum xfrm_offload
wish(const struct xfrm_run *run, const struct xfrm_row *row, const char **devp)
{
    const struct xfrm_port_options *options = &run->port->config.options;
    enum xfrm_offload asked = options->offload;

    *devp = options->dev;
    if (row && row->has_offload) {
        asked = row->offload;
        if (row->offload_dev[0]) {
            *devp = row->offload_dev;
        }
    }
    return (*devp)[0] ? asked : XFRM_OFF_NO;
}

/* Decides how 'sa' is to be offloaded.  'actual' is that SA in the datapath,
 * or NULL.  Returns true if the two differ. */
static bool
choose_offload(const struct xfrm_run *run, struct xfrm_sa_spec *sa,
               struct xfrm_memo *memo, const struct xfrm_row *row,
               const struct xfrm_sa_state *actual)
{
    const char *dev;
    enum xfrm_offload asked = wish(run, row, &dev);
    bool follows = xfrm_run_follows_packet(run, row);
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
    } else if (!mo->known && actual && !follows) {
        enum xfrm_offload found = actual->spec.offload;

        /* The first sight of an SA from before this process.  It may have
         * been refused an offload then; trying again would interrupt it. */
        if (asked == XFRM_OFF_AUTO
            || (asked != XFRM_OFF_NO && found == XFRM_OFF_NO)) {
            /* "auto" has no packet offload: the policies would need it. */
            mo->level = found == XFRM_OFF_PACKET ? XFRM_OFF_CRYPTO : found;
            mo->silent = found == XFRM_OFF_NO;
            goto known;
        }
    }
    if (!mo->known) {
        mo->level = asked == XFRM_OFF_AUTO ? XFRM_OFF_CRYPTO : asked;
known:
        mo->known = true;
        mo->asked = asked;
        ovs_strlcpy(mo->dev, dev, sizeof mo->dev);
    }
    if (follows) {
        mo->level = run->port->packet.refusal ? XFRM_OFF_NO : XFRM_OFF_PACKET;
    }
    xfrm_run_set_offload(sa, mo->dev, mo->level);
    return actual && (actual->spec.offload != sa->offload
                      || (sa->offload != XFRM_OFF_NO
                          && strcmp(actual->spec.offload_dev,
                                    sa->offload_dev)));
}

/* The memo of 'sa', which is in the datapath.  The caller unrefs it. */
static struct xfrm_memo *
take_memo(struct xfrm_run *run, const struct xfrm_sa_spec *sa)
{
    const struct xfrm_row *row = xfrm_port_find_sa_row(run->port, &sa->dst,
                                                       sa->spi, sa->proto);

    /* To compare keys is much cheaper than to make fingerprints of them. */
    if (row && row->memo && row->sa->algo == sa->algo
        && xfrm_secret_equals(&row->sa->key, &sa->key)) {
        xfrm_memo_ref(row->memo, sa->dir);
        return row->memo;
    }
    return xfrm_memos_ref(&run->ctx->memos, sa);
}

/* Looks at the SAs that are there, before anything is deleted. */
void
xfrm_run_take_note(struct xfrm_run *run, const struct xfrm_sa_state *sas,
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct xfrm_sa_state *sa = &sas[i];
        struct xfrm_memo *memo;

        if (!sa->spec.algo || !sa->spec.key.len) {
            continue;
        }
        memo = take_memo(run, &sa->spec);
        xfrm_memo_observe(memo, sa);
        memo->installed = true;
        memo->reserved = false;
        if (xfrm_port_needs_nonce(&sa->spec)) {
            char *message;

            /* A key that the store has never seen is recorded here. */
            if (xfrm_port_extend(run->ctx, &memo->fp, sa->oseq, &message)) {
                xfrm_run_complain_about_key(run, &sa->spec, message);
                run->retry = true;
            } else {
                memo->safe_until = MAX(memo->safe_until, sa->oseq
                                       + XFRM_NONCE_STEP / 2);
            }
        }
        xfrm_memo_unref(memo, NULL);
    }
}

/* Decides about one SA, of the file or of 'row'.  One that is to be in the
 * datapath becomes the next of 'run->eff'. */
void
xfrm_run_choose_sa(struct xfrm_run *run, const struct xfrm_sa_spec *spec,
                   struct xfrm_memo *memo, struct xfrm_row *row)
{
    struct xfrm_port *port = run->port;
    struct xfrm_sa_spec *sa = &run->eff[run->n_eff];
    const struct xfrm_sa_state *actual;
    const struct xfrm_memo *rival;

    *sa = *spec;
    run->rows[run->n_eff] = row;
    actual = xfrm_snapshot_find(run->actual, &sa->dst, sa->spi, sa->proto);
    if (actual && actual->spec.if_id != sa->if_id) {
        complain_about(run, &port->kernel_trouble, sa, xasprintf(
            "an SA with this SPI and destination exists already with if_id "
            "%"PRIu32, actual->spec.if_id));
        port->conflict = true;
        run->retry = true;
        port->in_sync = false;
        return;
    }

    if (!actual && xfrm_memo_was_expired(memo)) {
        xfrm_port_exhaust(port, run->ctx, memo);
    }
    if (memo->exhausted) {
        xfrm_port_exhaust(port, run->ctx, memo);
        complain_about(run, &port->key_trouble, sa, xstrdup(
            "reached its hard lifetime: give new keys"));
        if (row) {
            row->state = XFRM_ROW_EXPIRED;
        }
        return;
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
        return;
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
            xfrm_run_complain_about_key(run, sa, xstrdup(
                "taken away, since its use cannot be recorded in the nonce "
                "state file"));
            return;
        }
        free(name);
        memo->withheld = false;
    }

    run->force[run->n_eff] = choose_offload(run, sa, memo, row, actual);
    run->memos[run->n_eff++] = memo;
}

/* Adds a delete and an add for each of the SAs that must be installed anew and
 * that 'ops' leaves alone. */
void
xfrm_run_force_ops(const struct xfrm_run *run, struct xfrm_op **opsp,
                   size_t *n_opsp)
{
    bool *added = xcalloc(run->n_eff + 1, sizeof *added);
    size_t n = *n_opsp;

    for (size_t i = 0; i < n; i++) {
        if ((*opsp)[i].type == XFRM_OP_SA_ADD) {
            added[(*opsp)[i].sa - run->eff] = true;
        }
    }
    for (size_t i = 0; i < run->n_eff; i++) {
        if (run->force[i] && !added[i]) {
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

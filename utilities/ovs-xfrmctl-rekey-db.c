/* SPDX-License-Identifier: Apache-2.0 */

/* The two ends of a rekey (see ovs-xfrmctl-rekey.h).
 *
 * Above: the steps in ovs-xfrmctl-rekey.c.  Below: the IDL. */

#include <config.h>

#include "ovs-xfrmctl-rekey.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-text.h"

/* How long a step may take without --timeout, in seconds. */
#define STEP_TIMEOUT 10

/* How long the server may take to notice that an earlier rekey was killed, in
 * milliseconds. */
#define LOCK_PATIENCE 2000

/* Which SAs belong together. */

bool
rekey_is_new(const struct xfrmrec_sa *sa)
{
    const char *role = smap_get(&sa->external_ids, ROLE);

    return role && !strcmp(role, ROLE_NEW);
}

/* Returns the SPI of the SA that 'sa' is to replace, 0 if it says none. */
static int64_t
replaced_spi(const struct xfrmrec_sa *sa)
{
    uint64_t spi;

    xfrm_text_to_uint(smap_get_def(&sa->external_ids, REPLACES, ""),
                      UINT32_MAX, &spi);
    return spi;
}

/* Returns the SA in the database of 'side' that the kernel would find by
 * these, or NULL. */
const struct xfrmrec_sa *
rekey_find_sa(const struct side *side, const char *dst, int64_t spi,
              const char *proto)
{
    const struct xfrmrec_sa *found = NULL, *sa;
    struct xfrmrec_sa *key = xfrmrec_sa_index_init_row(side->by_spi);

    xfrmrec_sa_index_set_spi(key, spi);
    XFRMREC_SA_FOR_EACH_EQUAL (sa, key, side->by_spi) {
        if (!strcmp(sa->dst, dst) && !strcmp(sa->proto, proto)) {
            found = sa;
            break;
        }
    }
    xfrmrec_sa_index_destroy_row(key);
    return found;
}

/* Is 'sa' one that 'side' uses for traffic of 'direction'?  What has no key
 * (IPComp) or is only staged needs no new one. */
bool
rekey_is_used(const struct side *side, const struct xfrmrec_sa *sa,
              const char *direction)
{
    return (sa->if_id == side->if_id && !strcmp(sa->direction, direction)
            && strcmp(sa->proto, "ipcomp")
            && (!sa->n_enabled || *sa->enabled));
}

/* Returns the SA of 'side' for the same packets as 'sa' at the other end. */
const struct xfrmrec_sa *
rekey_counterpart(const struct side *side, const struct xfrmrec_sa *sa)
{
    const char *direction = strcmp(sa->direction, "in") ? "in" : "out";
    const struct xfrmrec_sa *other = rekey_find_sa(side, sa->dst, sa->spi,
                                                   sa->proto);

    return other && rekey_is_used(side, other, direction) ? other : NULL;
}

static struct flow *
add_flow(struct rekey *rekey, int receiver)
{
    struct flow *flow;

    if (rekey->n_flows >= rekey->allocated_flows) {
        rekey->flows = x2nrealloc(rekey->flows, &rekey->allocated_flows,
                                  sizeof *rekey->flows);
    }
    flow = &rekey->flows[rekey->n_flows++];
    *flow = (struct flow) { .receiver = receiver };
    return flow;
}

/* Finds the flows into 'receiver'. */
static void
collect_into(struct rekey *rekey, int receiver)
{
    const struct side *in_side = &rekey->sides[receiver];
    const struct side *out_side = &rekey->sides[!receiver];
    size_t first = rekey->n_flows;
    const struct xfrmrec_sa *sa;

    XFRMREC_SA_FOR_EACH (sa, in_side->idl) {
        if (rekey_is_used(in_side, sa, "in") && !rekey_is_new(sa)) {
            struct flow *flow = add_flow(rekey, receiver);

            flow->old_in = sa;
            flow->old_out = rekey_counterpart(out_side, sa);
        }
    }
    XFRMREC_SA_FOR_EACH (sa, in_side->idl) {
        int64_t spi = replaced_spi(sa);
        struct flow *flow = NULL;

        if (!rekey_is_used(in_side, sa, "in") || !rekey_is_new(sa)) {
            continue;
        }
        for (size_t i = first; i < rekey->n_flows; i++) {
            const struct xfrmrec_sa *old = rekey->flows[i].old_in;

            if (old && old->spi == spi && !strcmp(old->dst, sa->dst)
                && !strcmp(old->proto, sa->proto)) {
                flow = &rekey->flows[i];
            }
        }
        if (!flow || flow->new_in) {
            flow = add_flow(rekey, receiver);
        }
        flow->new_in = sa;
        flow->new_out = rekey_counterpart(out_side, sa);
        if (flow->new_out && (!flow->old_in || !flow->old_out)) {
            rekey->finishing = true;
        }
    }
}

/* Finds all flows.  Inbound SAs that nobody at the other end sends to are left
 * out: they belong to somebody else. */
void
rekey_collect(struct rekey *rekey)
{
    size_t n = 0;

    rekey->n_flows = 0;
    rekey->finishing = false;
    collect_into(rekey, 0);
    collect_into(rekey, 1);
    for (size_t i = 0; i < rekey->n_flows; i++) {
        const struct flow *flow = &rekey->flows[i];

        if (flow->old_out || flow->new_in) {
            rekey->flows[n++] = *flow;
        }
    }
    rekey->n_flows = n;
}

/* Talking to both databases. */

/* Lets both IDLs work, and ends the program if one lost its database. */
void
rekey_run_idls(struct rekey *rekey)
{
    for (size_t i = 0; i < 2; i++) {
        const struct side *side = &rekey->sides[i];

        ovsdb_idl_run(side->idl);
        if (!ovsdb_idl_is_alive(side->idl)) {
            int retval = ovsdb_idl_get_last_error(side->idl);

            ctl_fatal("%s: database connection failed (%s); %s", side->db,
                      ovs_retval_to_string(retval), rekey->advice);
        }
    }
}

void
rekey_wait_idls(struct rekey *rekey, long long int deadline)
{
    for (size_t i = 0; i < 2; i++) {
        ovsdb_idl_wait(rekey->sides[i].idl);
    }
    poll_timer_wait_until(deadline);
    poll_block();
}

static long long int
step_deadline(void)
{
    return (xfrmctl.timeout ? xfrmctl.deadline
            : time_msec() + 1000LL * STEP_TIMEOUT);
}

/* Connects to both databases.  Two who rekey the same port at the same time
 * would each clean up after the other: hence the locks. */
void
rekey_connect(struct rekey *rekey)
{
    long long int deadline = step_deadline();
    long long int patience = time_msec() + LOCK_PATIENCE;
    long long int saved_deadline = xfrmctl.deadline;

    /* The first question to a server has no other limit. */
    xfrmctl.deadline = deadline;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = &rekey->sides[i];
        char *lock = xasprintf("ovs_xfrm_rekey_%"PRIu32, side->if_id);

        side->idl = xfrmctl_connect(side->db, true);
        side->by_spi = ovsdb_idl_index_create1(side->idl,
                                               &xfrmrec_sa_col_spi);
        ovsdb_idl_set_lock(side->idl, lock);
        free(lock);
    }
    xfrmctl.deadline = saved_deadline;
    for (;;) {
        size_t n_ready = 0;

        rekey_run_idls(rekey);
        for (size_t i = 0; i < 2; i++) {
            struct side *side = &rekey->sides[i];

            if (ovsdb_idl_is_lock_contended(side->idl)
                && time_msec() >= patience) {
                ctl_fatal("%s: another rekey of if_id %"PRIu32" is running",
                          side->db, side->if_id);
            }
            n_ready += (ovsdb_idl_has_ever_connected(side->idl)
                        && ovsdb_idl_has_lock(side->idl));
        }
        if (n_ready == 2) {
            break;
        }
        if (time_msec() >= deadline) {
            ctl_fatal("a database did not answer in time; %s",
                      rekey->advice);
        }
        rekey_wait_idls(rekey, (time_msec() < patience
                                ? MIN(patience, deadline) : deadline));
    }
    for (size_t i = 0; i < 2; i++) {
        if (!xfrmrec_xfrm_global_first(rekey->sides[i].idl)) {
            ctl_fatal("%s: the database has no row XFRM_Global, without which "
                      "ovs-vswitchd does nothing", rekey->sides[i].db);
        }
    }
}

/* Commits 'txn' of 'side', and ends the program if the server does not answer:
 * it may be gone without a word.  Returns what ovsdb_idl_txn_commit_block()
 * would. */
enum ovsdb_idl_txn_status
rekey_commit(struct rekey *rekey, const struct side *side,
             struct ovsdb_idl_txn *txn)
{
    long long int deadline = step_deadline();

    for (;;) {
        enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);

        if (status != TXN_INCOMPLETE) {
            return status;
        }
        if (time_msec() >= deadline) {
            ctl_fatal("%s: the database did not answer in time; %s", side->db,
                      rekey->advice);
        }
        ovsdb_idl_txn_wait(txn);
        rekey_wait_idls(rekey, deadline);
        rekey_run_idls(rekey);
    }
}

/* Lets 'edit' loose on all flows in the database of 'side_idx', as one
 * transaction.  With 'confirm' the daemon is asked to confirm even if there
 * was nothing to change: an earlier run, which did it, may not have lived to
 * see it confirmed, and what the rows say may be older than the kernel. */
static void
edit_side(struct rekey *rekey, int side_idx, edit_func *edit, bool confirm)
{
    struct side *side = &rekey->sides[side_idx];

    for (;;) {
        enum ovsdb_idl_txn_status status;
        struct ovsdb_idl_txn *txn;
        bool changed = false;

        rekey_run_idls(rekey);
        rekey_collect(rekey);
        if (!xfrmrec_xfrm_global_first(side->idl)) {
            ctl_fatal("%s: the row XFRM_Global is gone; %s", side->db,
                      rekey->advice);
        }
        txn = ovsdb_idl_txn_create(side->idl);
        ovsdb_idl_txn_add_comment(txn, "ovs-xfrmctl: rekey %"PRIu32,
                                  side->if_id);
        for (size_t i = 0; i < rekey->n_flows; i++) {
            changed |= edit(rekey, side_idx, &rekey->flows[i], txn);
        }
        if (!changed && !confirm) {
            ovsdb_idl_txn_abort(txn);
            ovsdb_idl_txn_destroy(txn);
            return;
        }
        ovsdb_idl_txn_increment(
            txn, &xfrmrec_xfrm_global_first(side->idl)->header_,
            &xfrmrec_xfrm_global_col_next_cfg, true);
        status = rekey_commit(rekey, side, txn);
        if (status == TXN_SUCCESS) {
            side->next_cfg = ovsdb_idl_txn_get_increment_new_value(txn);
            ovsdb_idl_txn_destroy(txn);
            return;
        } else if (status != TXN_TRY_AGAIN) {
            xfrmctl_refused(side->db, txn);
        }
        ovsdb_idl_txn_destroy(txn);
    }
}

void
rekey_edit_both(struct rekey *rekey, edit_func *edit, bool confirm)
{
    edit_side(rekey, 0, edit, confirm);
    edit_side(rekey, 1, edit, confirm);
}

/* What became of a new SA. */
enum outcome { OUTCOME_OK, OUTCOME_WAIT, OUTCOME_FAILED };

static enum outcome
sa_outcome(const struct xfrmrec_sa *sa)
{
    const char *state = sa->state ? sa->state : "";

    if (sa->error || !strcmp(state, "error") || !strcmp(state, "needs-rekey")
        || !strcmp(state, "expired")) {
        return OUTCOME_FAILED;
    }
    return (!strcmp(state, "installed") || !strcmp(state, "expiring")
            ? OUTCOME_OK : OUTCOME_WAIT);
}

static char *
describe(const struct side *side, const struct xfrmrec_sa *sa)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "%s: ", side->name);
    xfrmctl_sa_name(sa, &ds);
    ds_put_format(&ds, " is %s",
                  sa->state ? sa->state : "not seen by ovs-vswitchd");
    if (sa->error) {
        ds_put_format(&ds, ": %s", sa->error);
    }
    return ds_steal_cstr(&ds);
}

/* Looks at the new SAs of 'direction' ("in", "out", or NULL for none), and
 * whether both daemons have confirmed.  Unless all is well '*reasonp' is a
 * malloc'd reason. */
static enum outcome
look(struct rekey *rekey, const char *direction, char **reasonp)
{
    *reasonp = NULL;
    rekey_collect(rekey);
    for (size_t i = 0; direction && i < rekey->n_flows; i++) {
        const struct flow *flow = &rekey->flows[i];
        bool in = !strcmp(direction, "in");
        const struct xfrmrec_sa *sa = in ? flow->new_in : flow->new_out;
        enum outcome outcome = sa ? sa_outcome(sa) : OUTCOME_OK;

        if (outcome != OUTCOME_OK) {
            int side = in ? flow->receiver : !flow->receiver;

            *reasonp = describe(&rekey->sides[side], sa);
            return outcome;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const struct side *side = &rekey->sides[i];
        const struct xfrmrec_xfrm_global *global
            = xfrmrec_xfrm_global_first(side->idl);

        if (!global || global->cur_cfg < side->next_cfg) {
            *reasonp = xasprintf("%s: ovs-vswitchd has not confirmed the "
                                 "change; does it run?", side->name);
            return OUTCOME_WAIT;
        }
    }
    return OUTCOME_OK;
}

/* Waits until both ends have what was asked for.  Returns NULL, or a malloc'd
 * reason; then '*failedp' says that waiting longer would not help. */
char *
rekey_wait_sides(struct rekey *rekey, const char *direction, bool *failedp)
{
    long long int deadline = step_deadline();

    for (;;) {
        enum outcome outcome;
        char *reason;

        rekey_run_idls(rekey);
        outcome = look(rekey, direction, &reason);
        *failedp = outcome == OUTCOME_FAILED;
        if (outcome == OUTCOME_OK || *failedp || time_msec() >= deadline) {
            return reason;
        }
        free(reason);
        rekey_wait_idls(rekey, deadline);
    }
}

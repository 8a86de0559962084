/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl rekey: new keys for all SAs of a port, at both ends, without a
 * moment in which a packet finds no SA (RFC 9061, section 5.3.1):
 *
 *   1. New inbound SAs at both ends: each end can receive with either key.
 *   2. New outbound SAs at both ends: the kernel sends with the newest.
 *   3. The old outbound SAs go, when the packets that had found them before
 *      step 2 are out; and when those have arrived, the old inbound ones.
 *
 * All state is in the two databases: a new SA has external_ids:rekey=new and
 * external_ids:rekey-replaces, the SPI of the old one, until step 3 is done.
 * So whoever runs it next, from wherever, knows how far it came.  Up to the
 * end of step 2 the old SAs are untouched, and --rollback leaves them so. */

#include <config.h>

#include "ovs-xfrmctl-rekey.h"

#include <stdlib.h>
#include <string.h>

#include "smap.h"
#include "timeval.h"
#include "util.h"

/* How long packets may wait in the queues of a sender, and how long they may
 * be under way, in milliseconds, without --drain. */
#define DRAIN_DEFAULT 500

static const char untouched[] = "nothing was changed";
static const char again[] =
    "the old SAs still work; run the same command again to finish, or "
    "with --rollback to go back";
static const char in_force[] =
    "the new SAs are in force; run the same command again to finish";

/* The steps. */

/* Makes a new SA like 'old' in all that was configured. */
static const struct xfrmrec_sa *
clone_sa(const struct xfrmrec_sa *old, int64_t spi, const char *keymat,
         struct ovsdb_idl_txn *txn)
{
    const struct xfrmrec_sa *sa = xfrmrec_sa_insert(txn);
    struct smap ids;

    for (size_t i = 0; i < XFRMREC_SA_N_COLUMNS; i++) {
        const struct ovsdb_idl_column *column = &xfrmrec_sa_columns[i];

        if (column != &xfrmrec_sa_col_keymat
            && column != &xfrmrec_sa_col_key_file
            && !xfrmctl_column_is_status(&xfrmrec_table_sa, column)) {
            ovsdb_idl_txn_write_clone(&sa->header_, column,
                                      ovsdb_idl_read(&old->header_, column));
        }
    }
    xfrmrec_sa_set_spi(sa, spi);
    xfrmrec_sa_set_keymat(sa, keymat);

    smap_clone(&ids, &old->external_ids);
    smap_replace(&ids, ROLE, ROLE_NEW);
    smap_remove(&ids, REPLACES);
    smap_add_format(&ids, REPLACES, "0x%08"PRIx64, (uint64_t) old->spi);
    xfrmrec_sa_set_external_ids(sa, &ids);
    smap_destroy(&ids);
    return sa;
}

/* Is there no SA at either end that 'spi' would be mistaken for? */
static bool
spi_is_free(const struct rekey *rekey, const char *dst, const char *proto,
            uint32_t spi)
{
    return (!rekey_find_sa(&rekey->sides[0], dst, spi, proto)
            && !rekey_find_sa(&rekey->sides[1], dst, spi, proto));
}

static bool
edit_add_in(struct rekey *rekey, int side, const struct flow *flow,
            struct ovsdb_idl_txn *txn)
{
    const struct xfrmrec_sa *old = flow->old_in;
    char *error, *keymat;
    uint32_t spi;

    if (side != flow->receiver || flow->new_in || !old) {
        return false;
    }
    do {
        spi = xfrmctl_random_spi(old->proto);
    } while (!spi_is_free(rekey, old->dst, old->proto, spi));
    error = xfrmctl_key_generate(old->proto, old->algorithm, &keymat);
    if (error) {
        ctl_fatal("%s: %s", rekey->sides[side].name, error);
    }
    clone_sa(old, spi, keymat, txn);
    xfrmctl_key_free(keymat);
    return true;
}

static bool
edit_add_out(struct rekey *rekey, int side, const struct flow *flow,
             struct ovsdb_idl_txn *txn)
{
    if (side == flow->receiver || flow->new_out || !flow->new_in
        || !flow->old_out) {
        return false;
    }
    if (!flow->new_in->keymat) {
        ctl_fatal("%s: the key of the new inbound SA is gone; --rollback "
                  "starts again", rekey->sides[flow->receiver].name);
    }
    clone_sa(flow->old_out, flow->new_in->spi, flow->new_in->keymat, txn);
    return true;
}

static bool
edit_del_old_out(struct rekey *rekey OVS_UNUSED, int side,
                 const struct flow *flow,
                 struct ovsdb_idl_txn *txn OVS_UNUSED)
{
    if (side == flow->receiver || !flow->old_out || !flow->new_in
        || !flow->new_out) {
        return false;
    }
    xfrmrec_sa_delete(flow->old_out);
    return true;
}

static bool
edit_del_old_in(struct rekey *rekey OVS_UNUSED, int side,
                const struct flow *flow, struct ovsdb_idl_txn *txn OVS_UNUSED)
{
    if (side != flow->receiver || !flow->old_in || !flow->new_in
        || !flow->new_out || flow->old_out) {
        return false;
    }
    xfrmrec_sa_delete(flow->old_in);
    return true;
}

static bool
unmark(const struct xfrmrec_sa *sa)
{
    if (!sa || !rekey_is_new(sa)) {
        return false;
    }
    xfrmrec_sa_update_external_ids_delkey(sa, ROLE);
    xfrmrec_sa_update_external_ids_delkey(sa, REPLACES);
    return true;
}

/* With the old pair gone the new one is as good as any. */
static bool
edit_unmark(struct rekey *rekey OVS_UNUSED, int side, const struct flow *flow,
            struct ovsdb_idl_txn *txn OVS_UNUSED)
{
    if (flow->old_out && !flow->new_in && side != flow->receiver) {
        /* An earlier run got no further than the other end. */
        return unmark(flow->old_out);
    }
    if (!flow->new_in || !flow->new_out || flow->old_in || flow->old_out) {
        return false;
    }
    return unmark(side == flow->receiver ? flow->new_in : flow->new_out);
}

static bool
edit_del_new_out(struct rekey *rekey OVS_UNUSED, int side,
                 const struct flow *flow,
                 struct ovsdb_idl_txn *txn OVS_UNUSED)
{
    if (side == flow->receiver || !flow->new_out || !flow->new_in) {
        return false;
    }
    xfrmrec_sa_delete(flow->new_out);
    return true;
}

static bool
edit_del_new_in(struct rekey *rekey OVS_UNUSED, int side,
                const struct flow *flow, struct ovsdb_idl_txn *txn OVS_UNUSED)
{
    if (side != flow->receiver || !flow->new_in || flow->new_out) {
        return false;
    }
    xfrmrec_sa_delete(flow->new_in);
    return true;
}

/* Deletes new outbound SAs whose inbound SA is not there: with them this end
 * sends what the other drops. */
static void
delete_orphans(struct rekey *rekey, int side_idx)
{
    struct side *side = &rekey->sides[side_idx];
    const struct side *other = &rekey->sides[!side_idx];
    enum ovsdb_idl_txn_status status;

    do {
        const struct xfrmrec_sa *sa, *next;
        struct ovsdb_idl_txn *txn;

        rekey_run_idls(rekey);
        txn = ovsdb_idl_txn_create(side->idl);
        XFRMREC_SA_FOR_EACH_SAFE (sa, next, side->idl) {
            if (rekey_is_used(side, sa, "out") && rekey_is_new(sa)
                && !rekey_counterpart(other, sa)) {
                xfrmrec_sa_delete(sa);
            }
        }
        status = rekey_commit(rekey, side, txn);
        ovsdb_idl_txn_destroy(txn);
    } while (status == TXN_TRY_AGAIN);
}

/* Waits for as long as packets may be on their way from or to an SA. */
static void
drain(struct rekey *rekey)
{
    long long int end = time_msec() + rekey->drain;

    while (time_msec() < end) {
        rekey_run_idls(rekey);
        rekey_wait_idls(rekey, end);
    }
}

/* Deletes what is new, outbound first. */
static void
roll_back(struct rekey *rekey)
{
    bool failed;
    char *reason;

    rekey->advice = again;
    rekey_edit_both(rekey, edit_del_new_out, true);
    reason = rekey_wait_sides(rekey, NULL, &failed);
    if (reason) {
        ctl_fatal("%s; the new inbound SAs stay until --rollback is run "
                  "again", reason);
    }
    drain(rekey);
    rekey_edit_both(rekey, edit_del_new_in, true);
    reason = rekey_wait_sides(rekey, NULL, &failed);
    if (reason) {
        ctl_fatal("%s; the old SAs are in force", reason);
    }
}

/* Runs 'edit', which adds SAs of 'direction', and sees them into both kernels.
 * Goes back to the old SAs if a kernel does not take them. */
static void
add_step(struct rekey *rekey, edit_func *edit, const char *direction)
{
    bool failed;
    char *reason;

    rekey->advice = again;
    rekey_edit_both(rekey, edit, true);
    reason = rekey_wait_sides(rekey, direction, &failed);
    if (reason && failed) {
        roll_back(rekey);
        ctl_fatal("%s; rolled back, the old SAs are in force", reason);
    } else if (reason) {
        ctl_fatal("%s; %s", reason, again);
    }
}

static bool
has_old_out(const struct rekey *rekey)
{
    for (size_t i = 0; i < rekey->n_flows; i++) {
        if (rekey->flows[i].old_out) {
            return true;
        }
    }
    return false;
}

/* Runs 'edit', which deletes, and sees it through in both kernels. */
static void
delete_step(struct rekey *rekey, edit_func *edit)
{
    bool failed;
    char *reason;

    rekey->advice = in_force;
    rekey_edit_both(rekey, edit, true);
    reason = rekey_wait_sides(rekey, NULL, &failed);
    if (reason) {
        ctl_fatal("%s; %s", reason, in_force);
    }
}

static void
finish_step(struct rekey *rekey)
{
    bool failed;
    char *reason;

    /* All of it must be in force before anything goes. */
    rekey->advice = again;
    reason = rekey_wait_sides(rekey, "in", &failed);
    reason = reason ? reason : rekey_wait_sides(rekey, "out", &failed);
    if (reason) {
        ctl_fatal("%s; %s", reason, again);
    }
    if (has_old_out(rekey)) {
        /* The kernel drops what has found an SA and finds it deleted before
         * it was used. */
        drain(rekey);
    }
    delete_step(rekey, edit_del_old_out);
    drain(rekey);
    delete_step(rekey, edit_del_old_in);
    rekey_edit_both(rekey, edit_unmark, false);
}

/* What can be known beforehand. */

static void
check_flows(struct rekey *rekey)
{
    if (!rekey->n_flows) {
        ctl_fatal("no SA of if_id %"PRIu32" in %s has a counterpart (same "
                  "destination, SPI and protocol, other direction) with if_id "
                  "%"PRIu32" in %s", rekey->sides[0].if_id, rekey->sides[0].db,
                  rekey->sides[1].if_id, rekey->sides[1].db);
    }
    for (size_t i = 0; i < rekey->n_flows; i++) {
        const struct flow *flow = &rekey->flows[i];

        if (flow->old_in && flow->old_out
            && strcmp(flow->old_in->algorithm, flow->old_out->algorithm)) {
            ctl_fatal("the two ends disagree: to %s with SPI 0x%08"PRIx64" "
                      "one has %s, the other %s", flow->old_in->dst,
                      (uint64_t) flow->old_in->spi,
                      flow->old_out->algorithm, flow->old_in->algorithm);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const struct side *side = &rekey->sides[i];
        const struct xfrmrec_policy *policy;

        XFRMREC_POLICY_FOR_EACH (policy, side->idl) {
            for (size_t j = 0; j < policy->n_templates; j++) {
                if (policy->if_id == side->if_id
                    && policy->value_templates[j]->n_spi) {
                    ctl_fatal("%s: a policy of if_id %"PRIu32" names an SPI "
                              "(0x%08"PRIx64"): it would not use the new SA; "
                              "use reqid instead", side->name, side->if_id,
                              (uint64_t) *policy->value_templates[j]->spi);
                }
            }
        }
    }
}

static void
check_step(const struct rekey *rekey, int step)
{
    for (size_t i = 0; i < rekey->n_flows; i++) {
        const struct flow *flow = &rekey->flows[i];

        if (step > 1 && !flow->new_in && !rekey->finishing) {
            ctl_fatal("--step=%d: there is no new inbound SA to %s yet; run "
                      "--step=1", step, flow->old_in->dst);
        }
        if (step > 2 && flow->new_in && !flow->new_out) {
            ctl_fatal("--step=3: there is no new outbound SA to %s yet; run "
                      "--step=2", flow->new_in->dst);
        }
    }
    if (rekey->finishing && step && step < 3) {
        ctl_fatal("--step=%d: a rekey is in step 3; finish it first", step);
    }
}

/* Prints which SPIs follow on which, as long as it is known. */
static void
put_summary(const struct rekey *rekey, struct ds *ds)
{
    for (size_t i = 0; i < rekey->n_flows; i++) {
        const struct flow *flow = &rekey->flows[i];

        if (flow->new_in) {
            ds_put_format(ds, "%s to %s, %s: SPI %s -> 0x%08"PRIx64"\n",
                          flow->new_in->src, flow->new_in->dst,
                          flow->new_in->proto,
                          smap_get_def(&flow->new_in->external_ids, REPLACES,
                                       "?"), (uint64_t) flow->new_in->spi);
        }
    }
}

static void
rekey_run(struct rekey *rekey, int step, bool rollback)
{
    struct ds summary = DS_EMPTY_INITIALIZER;

    delete_orphans(rekey, 0);
    delete_orphans(rekey, 1);
    rekey_run_idls(rekey);
    rekey_collect(rekey);
    check_flows(rekey);
    check_step(rekey, step);
    if (rollback) {
        if (rekey->finishing) {
            ctl_fatal("--rollback: old SAs are gone already; run rekey "
                      "without it to finish");
        }
        roll_back(rekey);
        printf("rolled back\n");
        return;
    }
    if (!rekey->finishing) {
        if (!step || step == 1) {
            add_step(rekey, edit_add_in, "in");
        }
        if (!step || step == 2) {
            add_step(rekey, edit_add_out, "out");
        }
        rekey_collect(rekey);
    }
    put_summary(rekey, &summary);
    if (!step || step == 3) {
        finish_step(rekey);
    }
    fputs(ds_cstr(&summary), stdout);
    ds_destroy(&summary);
}

int
xfrmctl_rekey_run(struct ctl_command *c)
{
    const char *drain_s = shash_find_data(&c->options, "--drain");
    const char *step_s = shash_find_data(&c->options, "--step");
    const char *peer_id = shash_find_data(&c->options, "--peer-if-id");
    const char *peer = shash_find_data(&c->options, "--peer");
    bool rollback = shash_find(&c->options, "--rollback");
    struct rekey rekey = { .drain = DRAIN_DEFAULT, .advice = untouched };
    uint32_t step = 0;
    char *error;

    rekey.sides[0] = (struct side) { .name = "local", .db = xfrmctl.db };
    rekey.sides[1] = (struct side) { .name = "peer", .db = peer };
    if (!peer) {
        ctl_fatal("rekey needs --peer=DB, the database of the other end (as "
                  "for --db, e.g. ssl:192.0.2.2:6640): both ends change keys "
                  "together");
    }
    if (xfrmctl.dry_run) {
        ctl_fatal("rekey has no --dry-run: each step needs the one before");
    }
    if (rollback && step_s) {
        ctl_fatal("--rollback and --step exclude each other");
    }
    if (!xfrmctl_parse_u32("IF_ID", c->argv[1], 1, UINT32_MAX,
                           &rekey.sides[0].if_id, &error)
        || !xfrmctl_parse_u32("--peer-if-id", peer_id ? peer_id : c->argv[1],
                              1, UINT32_MAX, &rekey.sides[1].if_id, &error)
        || (step_s && !xfrmctl_parse_u32("--step", step_s, 1, 3, &step,
                                         &error))
        || (drain_s && !xfrmctl_parse_u32("--drain", drain_s, 0, 600000,
                                          &rekey.drain, &error))) {
        ctl_fatal("%s", error);
    }
    if (!strcmp(peer, xfrmctl.db)
        && rekey.sides[0].if_id == rekey.sides[1].if_id) {
        ctl_fatal("--peer is %s, which is the database of this end (--db); "
                  "it must be that of the other end", peer);
    }

    rekey_connect(&rekey);
    rekey_run(&rekey, step, rollback);

    for (size_t i = 0; i < 2; i++) {
        ovsdb_idl_destroy(rekey.sides[i].idl);
    }
    free(rekey.flows);
    return EXIT_SUCCESS;
}

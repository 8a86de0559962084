/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_XFRMCTL_REKEY_H
#define OVS_XFRMCTL_REKEY_H 1

/* The two ends of a rekey: which of their SAs belong together, and how to
 * change and to await them.  ovs-xfrmctl-rekey.c, which has the steps, stands
 * above; ovs-xfrmctl-rekey-db.c implements this. */

#include "ovs-xfrmctl.h"

/* Keys and value in SA:external_ids. */
#define ROLE "rekey"
#define ROLE_NEW "new"
#define REPLACES "rekey-replaces"

/* One end. */
struct side {
    const char *name;           /* "local" or "peer", for messages. */
    const char *db;
    uint32_t if_id;
    struct ovsdb_idl *idl;
    struct ovsdb_idl_index *by_spi;     /* Of its SAs; owned by 'idl'. */
    int64_t next_cfg;           /* What its daemon must confirm. */
};

/* One direction of traffic: from the outbound SA of one end to the inbound SA
 * of the other, old and new.  Each may be NULL. */
struct flow {
    int receiver;               /* Index of the end that receives. */
    const struct xfrmrec_sa *old_in, *old_out;
    const struct xfrmrec_sa *new_in, *new_out;
};

struct rekey {
    struct side sides[2];       /* 0: local, 1: peer. */
    uint32_t drain;             /* Milliseconds. */
    struct flow *flows;         /* Owned.  Valid until an IDL runs. */
    size_t n_flows, allocated_flows;
    bool finishing;             /* Something of the old pairs is gone. */
    const char *advice;         /* What holds if a database fails now. */
};

bool rekey_is_new(const struct xfrmrec_sa *);
bool rekey_is_used(const struct side *, const struct xfrmrec_sa *,
                   const char *direction);
const struct xfrmrec_sa *rekey_counterpart(const struct side *,
                                           const struct xfrmrec_sa *);
const struct xfrmrec_sa *rekey_find_sa(const struct side *, const char *dst,
                                       int64_t spi, const char *proto);
void rekey_collect(struct rekey *);

/* Changes what 'side' has of 'flow' in 'txn'.  Returns true if it did. */
typedef bool edit_func(struct rekey *, int side, const struct flow *,
                       struct ovsdb_idl_txn *);

void rekey_connect(struct rekey *);
enum ovsdb_idl_txn_status rekey_commit(struct rekey *, const struct side *,
                                       struct ovsdb_idl_txn *);
void rekey_run_idls(struct rekey *);
void rekey_wait_idls(struct rekey *, long long int deadline);
void rekey_edit_both(struct rekey *, edit_func *, bool confirm);
char *rekey_wait_sides(struct rekey *, const char *direction, bool *failedp);

#endif /* ovs-xfrmctl-rekey.h */

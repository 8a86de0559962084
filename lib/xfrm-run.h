/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_RUN_H
#define XFRM_RUN_H 1

/* One comparison of one port with the datapath.
 *
 * xfrm-reconcile.c (all of the port) and xfrm-reconcile-rows.c (only what rows
 * have changed) find out what is to be done, xfrm-choose.c what must not be,
 * and xfrm-apply.c does it.  Nobody else needs to know. */

#include "xfrm-port.h"

struct xfrm_run {
    struct xfrm_port *port;
    struct xfrm_port_context *ctx;
    const struct xfrm_snapshot *actual; /* What is there, as far as needed. */
    struct xfrm_sa_spec *eff;   /* Desired now; shallow copies. */
    struct xfrm_memo **memos;   /* One for each of 'eff'. */
    struct xfrm_row **rows;     /* Likewise; NULL: not from a row. */
    bool *force;                /* Likewise: must be installed anew. */
    size_t n_eff;
    struct xfrm_policy_spec *policies;  /* Desired. */
    struct xfrm_row **policy_rows;      /* One for each of 'policies'. */
    size_t n_policies;
    size_t n_writes;
    bool retry;                 /* Something failed that may heal itself. */
};

/* xfrm-choose.c. */
void xfrm_run_init(struct xfrm_run *, size_t max);
void xfrm_run_destroy(struct xfrm_run *);
void xfrm_run_begin_row(struct xfrm_row *);
void xfrm_run_end_row(struct xfrm_run *, struct xfrm_row *);
void xfrm_run_take_note(struct xfrm_run *, const struct xfrm_sa_state *,
                        size_t n);
void xfrm_run_choose_sa(struct xfrm_run *, const struct xfrm_sa_spec *,
                        struct xfrm_memo *, struct xfrm_row *);
void xfrm_run_force_ops(const struct xfrm_run *, struct xfrm_op **,
                        size_t *n_ops);

/* A refusal by the nonce store begins with its keyword, which stays in
 * front.  Takes ownership of 'text'. */
void xfrm_run_complain_about_key(struct xfrm_run *,
                                 const struct xfrm_sa_spec *, char *text);

/* xfrm-packet.c. */
void xfrm_run_settle_packet(struct xfrm_run *);
bool xfrm_run_follows_packet(const struct xfrm_run *, const struct xfrm_row *);
void xfrm_run_refuse_packet(struct xfrm_run *, char *reason, bool of_policies,
                            bool no_device);
void xfrm_run_offload_policies(struct xfrm_run *);

void xfrm_run_set_offload(struct xfrm_sa_spec *, const char *dev,
                          enum xfrm_offload);
void xfrm_run_apply(struct xfrm_run *, struct xfrm_op *, size_t n);

#endif /* xfrm-run.h */

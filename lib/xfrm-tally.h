/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_TALLY_H
#define XFRM_TALLY_H 1

/* How many SAs and policies a port has in the datapath, and of what sort: all
 * that its status tells of them.  A port may have tens of thousands, so that
 * nobody keeps them themselves.
 *
 * Pure; above xfrm-spec, below xfrm-engine. */

#include "xfrm-spec.h"

struct xfrm_tally {
    size_t n_sas;
    size_t n_sas_in, n_sas_out; /* Valid ones. */
    size_t n_out[XFRM_SPEC_N_MODES];    /* Of 'n_sas_out'. */
    size_t n_offload[XFRM_N_OFFLOADS];  /* Of 'n_sas', by what is in force. */
    size_t n_policies;
    size_t n_senders;           /* Outbound policies that protect... */
    size_t n_tunnelers;         /* ...not in transport mode alone. */
    bool expiring;              /* An SA is near its end and has no
                                 * successor. */

    /* Sums over all SAs, as of the last xfrm_tally_take(). */
    uint64_t rx_bytes, rx_packets;
    uint64_t tx_bytes, tx_packets;
    uint64_t replays, outside_window, integrity_failed;
};

/* Counts all, from nothing.  The SAs must have a direction. */
void xfrm_tally_take(struct xfrm_tally *,
                     const struct xfrm_sa_state *, size_t n_sas,
                     const struct xfrm_policy_spec *, size_t n_policies);

/* One came, or one went that was counted before. */
void xfrm_tally_add_sa(struct xfrm_tally *, const struct xfrm_sa_state *);
void xfrm_tally_remove_sa(struct xfrm_tally *, const struct xfrm_sa_state *);
void xfrm_tally_add_policy(struct xfrm_tally *,
                           const struct xfrm_policy_spec *);
void xfrm_tally_remove_policy(struct xfrm_tally *,
                              const struct xfrm_policy_spec *);

#endif /* xfrm-tally.h */

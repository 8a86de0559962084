/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ACQUIRE_H
#define XFRM_ACQUIRE_H 1

/* What the datapath keeps of packets that lacked an SA, and taking it away.
 *
 * While a state waits for an SA, the kernel tells of no other packet of the
 * same template: one that stays for a second keeps a flood of packets from
 * becoming a flood of events.  One that stays longer only outlives its port.
 *
 * Used by the engine's thread only; above xfrm-backend. */

#include "openvswitch/list.h"
#include "xfrm-backend.h"

struct xfrm_acquires {
    struct ovs_list waiting;    /* "struct waiting"s, the first due first. */
    size_t n_waiting;
    struct ovs_list departed;   /* "struct departed"s, oldest first. */
};

void xfrm_acquires_init(struct xfrm_acquires *);
void xfrm_acquires_destroy(struct xfrm_acquires *);

/* The datapath told of 'event', whose if_id belongs to a port of ours. */
void xfrm_acquires_add(struct xfrm_acquires *, struct xfrm_backend *,
                       const struct xfrm_event *);

/* The same, if no port has that if_id: goes at once if one had it a moment
 * ago. */
void xfrm_acquires_add_late(struct xfrm_acquires *, struct xfrm_backend *,
                            const struct xfrm_event *);

/* No port is to have 'if_id' any more: what waits goes at once. */
void xfrm_acquires_depart(struct xfrm_acquires *, struct xfrm_backend *,
                          uint32_t if_id);

/* Takes away what is due; xfrm_acquires_next() says when there is more. */
void xfrm_acquires_run(struct xfrm_acquires *, struct xfrm_backend *);
long long int xfrm_acquires_next(const struct xfrm_acquires *);

#endif /* xfrm-acquire.h */

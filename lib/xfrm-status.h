/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_STATUS_H
#define XFRM_STATUS_H 1

/* A port's status for people, programs and the row: text, JSON, smap.
 *
 * Pure; on top of xfrm-engine's types, below netdev-xfrm and
 * vswitchd/xfrm-unixctl.  Nothing here ever sees a key. */

#include "xfrm-engine.h"

struct ds;
struct json;
struct netdev_custom_stats;
struct smap;

/* Interface:status. */
void xfrm_status_to_smap(const struct xfrm_port_status *, struct smap *);

/* Interface:statistics: what the SAs of the port counted, the drop counters of
 * the namespace ('n' of them) and those of the device ('n_own'). */
void xfrm_status_to_custom_stats(const struct xfrm_port_status *,
                                 const struct xfrm_counter *, size_t n,
                                 const struct xfrm_counter *own, size_t n_own,
                                 struct netdev_custom_stats *);

/* The SAs and policies in 'status', or an empty list. */
const struct xfrm_listing *
xfrm_status_listing(const struct xfrm_port_status *);

void xfrm_status_format(const struct xfrm_port_status *, struct ds *);
struct json *xfrm_status_to_json(const struct xfrm_port_status *);

void xfrm_sa_state_format(const struct xfrm_sa_state *, struct ds *);
struct json *xfrm_sa_state_to_json(const struct xfrm_sa_state *);
struct json *xfrm_policy_to_json(const struct xfrm_policy_spec *);

#endif /* xfrm-status.h */

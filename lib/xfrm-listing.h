/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_LISTING_H
#define XFRM_LISTING_H 1

/* The SAs and policies of one port, one by one, for somebody who asked: made
 * by the engine's thread, read by the main thread, gone when the last
 * reference is.  It has no keys.
 *
 * Above xfrm-spec, below xfrm-engine. */

#include "ovs-atomic.h"
#include "xfrm-spec.h"

struct xfrm_listing {
    struct ovs_refcount refs;
    struct xfrm_sa_state *sas;
    size_t n_sas;
    struct xfrm_policy_spec *policies;
    size_t n_policies;
};

/* Copies the arrays, but for the keys.  The caller owns a reference. */
struct xfrm_listing *xfrm_listing_create(const struct xfrm_sa_state *,
                                         size_t n_sas,
                                         const struct xfrm_policy_spec *,
                                         size_t n_policies);

/* Both take NULL. */
struct xfrm_listing *xfrm_listing_ref(struct xfrm_listing *);
void xfrm_listing_unref(struct xfrm_listing *);

#endif /* xfrm-listing.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* What a port has, one by one: see xfrm-listing.h.  Above xfrm-spec, below
 * xfrm-engine. */

#include <config.h>

#include "xfrm-listing.h"

#include <stdlib.h>

#include "util.h"

struct xfrm_listing *
xfrm_listing_create(const struct xfrm_sa_state *sas, size_t n_sas,
                    const struct xfrm_policy_spec *policies,
                    size_t n_policies)
{
    struct xfrm_listing *listing = xzalloc(sizeof *listing);

    ovs_refcount_init(&listing->refs);
    if (n_sas) {
        listing->sas = xmemdup(sas, n_sas * sizeof *sas);
        listing->n_sas = n_sas;
        for (size_t i = 0; i < n_sas; i++) {
            xfrm_sa_spec_clone_sans_key(&listing->sas[i].spec, &sas[i].spec);
        }
    }
    if (n_policies) {
        listing->policies = xmemdup(policies, n_policies * sizeof *policies);
        listing->n_policies = n_policies;
    }
    return listing;
}

struct xfrm_listing *
xfrm_listing_ref(struct xfrm_listing *listing)
{
    if (listing) {
        ovs_refcount_ref(&listing->refs);
    }
    return listing;
}

void
xfrm_listing_unref(struct xfrm_listing *listing)
{
    if (listing && ovs_refcount_unref(&listing->refs) == 1) {
        xfrm_sa_states_free(listing->sas, listing->n_sas);
        free(listing->policies);
        free(listing);
    }
}

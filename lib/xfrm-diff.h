/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DIFF_H
#define XFRM_DIFF_H 1

/* (desired, actual) -> ordered operations.
 *
 * Pure, and the whole algorithm: applying the result to 'actual' gives
 * 'desired', and applying it twice does nothing the second time.  Above
 * xfrm-spec, below the engine. */

#include "xfrm-spec.h"

enum xfrm_op_type {
    XFRM_OP_SA_ADD,
    XFRM_OP_SA_DEL,
    XFRM_OP_POLICY_SET,         /* Adds, or replaces at one stroke. */
    XFRM_OP_POLICY_DEL,
};

/* One change of the kernel.  Points into the sets that it was made from. */
struct xfrm_op {
    enum xfrm_op_type type;
    const struct xfrm_sa_spec *sa;
    const struct xfrm_policy_spec *policy;

    /* For XFRM_OP_SA_ADD, filled in by the engine: where the counters of the
     * new SA start (RFC 4303 section 3.3.3 starts at 0). */
    uint64_t start_oseq;        /* Last number considered sent. */
    uint64_t start_seq;         /* Highest number considered received. */
};

/* A set of SAs and policies of one if_id, borrowed. */
struct xfrm_desired {
    const struct xfrm_sa_spec *sas;
    size_t n_sas;
    const struct xfrm_policy_spec *policies;
    size_t n_policies;
};

struct xfrm_actual {
    const struct xfrm_sa_state *sas;
    size_t n_sas;
    const struct xfrm_policy_spec *policies;
    size_t n_policies;
};

void xfrm_diff(const struct xfrm_desired *, const struct xfrm_actual *,
               struct xfrm_op **opsp, size_t *n_opsp);
void xfrm_op_format(const struct xfrm_op *, struct ds *);

#endif /* xfrm-diff.h */

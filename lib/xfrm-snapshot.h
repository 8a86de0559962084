/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_SNAPSHOT_H
#define XFRM_SNAPSHOT_H 1

/* What a datapath contains, from one round of dumps: one round serves every
 * port, since dumping is what costs.  Above xfrm-backend, below xfrm-port. */

#include "openvswitch/hmap.h"
#include "xfrm-backend.h"

struct xfrm_snapshot_node;

struct xfrm_snapshot {
    struct xfrm_sa_state *sas;  /* Sorted by if_id. */
    size_t n_sas;
    struct xfrm_policy_spec *policies;  /* Sorted by if_id. */
    size_t n_policies;

    struct hmap index;          /* SAs by what the kernel finds them by. */
    struct xfrm_snapshot_node *nodes;
};

void xfrm_snapshot_init(struct xfrm_snapshot *);
void xfrm_snapshot_destroy(struct xfrm_snapshot *);

/* Frees what it contains. */
void xfrm_snapshot_clear(struct xfrm_snapshot *);

/* Replaces the contents of 'dst' by those of 'src', which is empty then. */
void xfrm_snapshot_move(struct xfrm_snapshot *dst, struct xfrm_snapshot *src);

/* Replaces the contents; on failure they stay, with the cause in words in
 * '*errorp'. */
int xfrm_snapshot_take(struct xfrm_snapshot *, struct xfrm_backend *,
                       bool keys, char **errorp);

/* Replaces the contents with what is given and takes ownership of it. */
void xfrm_snapshot_set(struct xfrm_snapshot *,
                       struct xfrm_sa_state *, size_t n_sas,
                       struct xfrm_policy_spec *, size_t n_policies);

/* The slices that belong to 'if_id'.  Both pointers may be modified. */
void xfrm_snapshot_slice(const struct xfrm_snapshot *, uint32_t if_id,
                         struct xfrm_sa_state **sasp, size_t *n_sasp,
                         struct xfrm_policy_spec **policiesp,
                         size_t *n_policiesp);

struct xfrm_sa_state *xfrm_snapshot_find(const struct xfrm_snapshot *,
                                         const struct xfrm_addr *dst,
                                         uint32_t spi, uint8_t proto);

#endif /* xfrm-snapshot.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* What a datapath contains: see xfrm-snapshot.h.  Above xfrm-backend, below
 * xfrm-port. */

#include <config.h>

#include "xfrm-snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/util.h"
#include "util.h"

struct xfrm_snapshot_node {
    struct hmap_node hmap_node;
    struct xfrm_sa_state *sa;
};

static uint32_t
hash_id(const struct xfrm_addr *dst, uint32_t spi, uint8_t proto)
{
    return hash_bytes(dst, sizeof *dst, hash_2words(spi, proto));
}

static int
compare_u32(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int
compare_sas(const void *a_, const void *b_)
{
    const struct xfrm_sa_spec *a = &((const struct xfrm_sa_state *) a_)->spec;
    const struct xfrm_sa_spec *b = &((const struct xfrm_sa_state *) b_)->spec;
    int cmp = compare_u32(a->if_id, b->if_id);

    cmp = cmp ? cmp : compare_u32(a->spi, b->spi);
    return cmp ? cmp : memcmp(&a->dst, &b->dst, sizeof a->dst);
}

static int
compare_policies(const void *a_, const void *b_)
{
    const struct xfrm_policy_spec *a = a_;
    const struct xfrm_policy_spec *b = b_;
    int cmp = compare_u32(a->if_id, b->if_id);

    cmp = cmp ? cmp : compare_u32(a->dir, b->dir);
    return cmp ? cmp : memcmp(&a->sel, &b->sel, sizeof a->sel);
}

void
xfrm_snapshot_init(struct xfrm_snapshot *snapshot)
{
    memset(snapshot, 0, sizeof *snapshot);
    hmap_init(&snapshot->index);
}

void
xfrm_snapshot_clear(struct xfrm_snapshot *snapshot)
{
    xfrm_sa_states_free(snapshot->sas, snapshot->n_sas);
    free(snapshot->policies);
    free(snapshot->nodes);
    hmap_destroy(&snapshot->index);
    xfrm_snapshot_init(snapshot);
}

void
xfrm_snapshot_destroy(struct xfrm_snapshot *snapshot)
{
    xfrm_snapshot_clear(snapshot);
    hmap_destroy(&snapshot->index);
}

void
xfrm_snapshot_move(struct xfrm_snapshot *dst, struct xfrm_snapshot *src)
{
    xfrm_snapshot_destroy(dst);
    *dst = *src;
    hmap_moved(&dst->index);
    xfrm_snapshot_init(src);
}

static char *
dump_error(const char *what, int error)
{
    return xasprintf("cannot read the kernel's %s: %s%s", what,
                     ovs_strerror(error),
                     error == EPERM || error == EACCES
                     ? " (CAP_NET_ADMIN is needed)" : "");
}

int
xfrm_snapshot_take(struct xfrm_snapshot *snapshot,
                   struct xfrm_backend *backend, bool keys, char **errorp)
{
    struct xfrm_policy_spec *policies;
    struct xfrm_sa_state *sas;
    size_t n_sas, n_policies;
    int error;

    *errorp = NULL;
    error = backend->class->dump_sas(backend, keys, &sas, &n_sas);
    if (error) {
        *errorp = dump_error("SAs", error);
        return error;
    }
    error = backend->class->dump_policies(backend, &policies, &n_policies);
    if (error) {
        xfrm_sa_states_free(sas, n_sas);
        *errorp = dump_error("policies", error);
        return error;
    }

    xfrm_snapshot_set(snapshot, sas, n_sas, policies, n_policies);
    return 0;
}

void
xfrm_snapshot_set(struct xfrm_snapshot *snapshot,
                  struct xfrm_sa_state *sas, size_t n_sas,
                  struct xfrm_policy_spec *policies, size_t n_policies)
{
    xfrm_snapshot_clear(snapshot);
    if (n_sas) {
        qsort(sas, n_sas, sizeof *sas, compare_sas);
    }
    if (n_policies) {
        qsort(policies, n_policies, sizeof *policies, compare_policies);
    }
    snapshot->sas = sas;
    snapshot->n_sas = n_sas;
    snapshot->policies = policies;
    snapshot->n_policies = n_policies;

    snapshot->nodes = xcalloc(n_sas ? n_sas : 1, sizeof *snapshot->nodes);
    hmap_reserve(&snapshot->index, n_sas);
    for (size_t i = 0; i < n_sas; i++) {
        const struct xfrm_sa_spec *sa = &sas[i].spec;

        snapshot->nodes[i].sa = &sas[i];
        hmap_insert(&snapshot->index, &snapshot->nodes[i].hmap_node,
                    hash_id(&sa->dst, sa->spi, sa->proto));
    }
}

void
xfrm_snapshot_slice(const struct xfrm_snapshot *snapshot, uint32_t if_id,
                    struct xfrm_sa_state **sasp, size_t *n_sasp,
                    struct xfrm_policy_spec **policiesp, size_t *n_policiesp)
{
    size_t lo = 0, hi = snapshot->n_sas;
    size_t n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (snapshot->sas[mid].spec.if_id < if_id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (n = 0; lo + n < snapshot->n_sas
                && snapshot->sas[lo + n].spec.if_id == if_id; n++) {
        continue;
    }
    *sasp = n ? &snapshot->sas[lo] : NULL;
    *n_sasp = n;

    lo = 0;
    hi = snapshot->n_policies;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (snapshot->policies[mid].if_id < if_id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (n = 0; lo + n < snapshot->n_policies
                && snapshot->policies[lo + n].if_id == if_id; n++) {
        continue;
    }
    *policiesp = n ? &snapshot->policies[lo] : NULL;
    *n_policiesp = n;
}

struct xfrm_sa_state *
xfrm_snapshot_find(const struct xfrm_snapshot *snapshot,
                   const struct xfrm_addr *dst, uint32_t spi, uint8_t proto)
{
    struct xfrm_snapshot_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, hmap_node, hash_id(dst, spi, proto),
                             &snapshot->index) {
        const struct xfrm_sa_spec *sa = &node->sa->spec;

        if (sa->spi == spi && sa->proto == proto
            && xfrm_addr_equals(&sa->dst, dst)) {
            return node->sa;
        }
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What a port has, in numbers: see xfrm-tally.h.  Above xfrm-spec, below
 * xfrm-engine. */

#include <config.h>

#include "xfrm-tally.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "timeval.h"
#include "util.h"

static void
step(size_t *count, bool up)
{
    /* A count that is wrong for a while must not become huge. */
    if (up) {
        ++*count;
    } else if (*count) {
        --*count;
    }
}

static void
count_sa(struct xfrm_tally *t, const struct xfrm_sa_state *sa, bool up)
{
    step(&t->n_sas, up);
    step(&t->n_offload[sa->spec.offload], up);
    if (!sa->valid) {
        return;
    }
    if (sa->spec.dir == XFRM_DIR_IN) {
        step(&t->n_sas_in, up);
    } else {
        step(&t->n_sas_out, up);
        step(&t->n_out[sa->spec.mode], up);
    }
}

/* Of several templates, such as ESP in transport mode around IPComp in tunnel
 * mode, one suffices. */
static bool
tunnels(const struct xfrm_policy_spec *policy)
{
    for (size_t i = 0; i < policy->n_templates; i++) {
        if (policy->templates[i].mode != XFRM_SPEC_TRANSPORT) {
            return true;
        }
    }
    return false;
}

static void
count_policy(struct xfrm_tally *t, const struct xfrm_policy_spec *policy,
             bool up)
{
    step(&t->n_policies, up);
    if (policy->dir == XFRM_DIR_OUT
        && policy->action == XFRM_ACTION_PROTECT) {
        step(&t->n_senders, up);
        if (tunnels(policy)) {
            step(&t->n_tunnelers, up);
        }
    }
}

void
xfrm_tally_add_sa(struct xfrm_tally *t, const struct xfrm_sa_state *sa)
{
    count_sa(t, sa, true);
}

void
xfrm_tally_remove_sa(struct xfrm_tally *t, const struct xfrm_sa_state *sa)
{
    count_sa(t, sa, false);
}

void
xfrm_tally_add_policy(struct xfrm_tally *t,
                      const struct xfrm_policy_spec *policy)
{
    count_policy(t, policy, true);
}

void
xfrm_tally_remove_policy(struct xfrm_tally *t,
                         const struct xfrm_policy_spec *policy)
{
    count_policy(t, policy, false);
}

/* Expiry. */

static bool
reached(uint64_t limit, uint64_t value)
{
    return limit && value >= limit;
}

static bool
sa_expires(const struct xfrm_sa_state *sa, uint64_t now)
{
    const struct xfrm_lifetime *l = &sa->spec.lifetime;

    return (reached(l->soft_bytes, sa->bytes)
            || reached(l->soft_packets, sa->packets)
            || (sa->added && now >= sa->added
                && reached(l->soft_seconds, now - sa->added))
            || (sa->spec.dir == XFRM_DIR_OUT && !sa->spec.esn
                && sa->oseq > UINT32_MAX / 10 * 9));
}

static bool
same_purpose(const struct xfrm_sa_spec *a, const struct xfrm_sa_spec *b)
{
    return (a->dir == b->dir
            && a->mode == b->mode
            && xfrm_addr_equals(&a->src, &b->src)
            && xfrm_addr_equals(&a->dst, &b->dst)
            && xfrm_sel_equals(&a->sel, &b->sel));
}

static uint32_t
hash_purpose(const struct xfrm_sa_spec *sa)
{
    uint32_t hash = hash_2words(sa->dir, sa->mode);

    hash = hash_bytes(&sa->src, sizeof sa->src, hash);
    hash = hash_bytes(&sa->dst, sizeof sa->dst, hash);
    return xfrm_sel_hash(&sa->sel, hash);
}

/* A valid SA that does not expire. */
struct successor {
    struct hmap_node node;
    const struct xfrm_sa_spec *sa;
};

static bool
has_successor(const struct hmap *successors, const struct xfrm_sa_spec *sa)
{
    const struct successor *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash_purpose(sa), successors) {
        if (same_purpose(s->sa, sa)) {
            return true;
        }
    }
    return false;
}

/* Whether an SA is near its end that has no successor yet. */
static bool
is_expiring(const struct xfrm_sa_state *sas, size_t n)
{
    uint64_t now = time_wall();
    struct hmap successors;
    struct successor *nodes;
    size_t n_ending = 0;
    bool result = false;

    for (size_t i = 0; i < n; i++) {
        n_ending += sas[i].valid && sa_expires(&sas[i], now);
    }
    if (!n_ending) {
        return false;
    }

    nodes = xmalloc(n * sizeof *nodes);
    hmap_init(&successors);
    for (size_t i = 0; i < n; i++) {
        const struct xfrm_sa_spec *sa = &sas[i].spec;

        /* One of each sort is enough, and keeps the lists short. */
        if (sas[i].valid && !sa_expires(&sas[i], now)
            && !has_successor(&successors, sa)) {
            nodes[i].sa = sa;
            hmap_insert(&successors, &nodes[i].node, hash_purpose(sa));
        }
    }
    for (size_t i = 0; i < n && !result; i++) {
        result = (sas[i].valid && sa_expires(&sas[i], now)
                  && !has_successor(&successors, &sas[i].spec));
    }
    hmap_destroy(&successors);
    free(nodes);
    return result;
}

void
xfrm_tally_take(struct xfrm_tally *t,
                const struct xfrm_sa_state *sas, size_t n_sas,
                const struct xfrm_policy_spec *policies, size_t n_policies)
{
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < n_sas; i++) {
        const struct xfrm_sa_state *sa = &sas[i];

        count_sa(t, sa, true);
        if (sa->spec.dir == XFRM_DIR_IN) {
            t->rx_bytes += sa->bytes;
            t->rx_packets += sa->packets;
        } else {
            t->tx_bytes += sa->bytes;
            t->tx_packets += sa->packets;
        }
        t->replays += sa->replays;
        t->outside_window += sa->replay_errors;
        t->integrity_failed += sa->integrity_failed;
    }
    for (size_t i = 0; i < n_policies; i++) {
        count_policy(t, &policies[i], true);
    }
    t->expiring = is_expiring(sas, n_sas);
}

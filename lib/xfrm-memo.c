/* SPDX-License-Identifier: Apache-2.0 */

/* What the engine remembers of SAs: see xfrm-memo.h.  Above xfrm-spec, below
 * xfrm-port. */

#include <config.h>

#include "xfrm-memo.h"

#include <string.h>

#include "hash.h"
#include "timeval.h"
#include "util.h"

/* A memo without an SA is worth keeping only as long as its key may come
 * back; with more of them than this (a year of hourly rekeying), they go. */
#define MAX_IDLE_MEMOS 16384

static uint32_t
hash_id(const struct xfrm_addr *dst, uint32_t spi, uint8_t proto)
{
    return hash_bytes(dst, sizeof *dst, hash_2words(spi, proto));
}

static uint32_t
hash_fp(const struct xfrm_fingerprint *fp)
{
    return hash_bytes(fp->bytes, sizeof fp->bytes, 0);
}

static bool
fp_equals(const struct xfrm_fingerprint *a, const struct xfrm_fingerprint *b)
{
    return !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static bool
has_id(const struct xfrm_memo *memo, const struct xfrm_addr *dst,
       uint32_t spi, uint8_t proto)
{
    return (memo->spi == spi && memo->proto == proto
            && xfrm_addr_equals(&memo->dst, dst));
}

void
xfrm_memos_init(struct xfrm_memos *memos)
{
    hmap_init(&memos->by_id);
    hmap_init(&memos->by_fp);
    memos->n_idle = 0;
}

static void
memo_free(struct xfrm_memos *memos, struct xfrm_memo *memo)
{
    hmap_remove(&memos->by_id, &memo->id_node);
    hmap_remove(&memos->by_fp, &memo->fp_node);
    xfrm_memo_offload_clear(memo);
    free(memo);
}

void
xfrm_memos_destroy(struct xfrm_memos *memos)
{
    struct xfrm_memo *memo;

    HMAP_FOR_EACH_SAFE (memo, id_node, &memos->by_id) {
        memo_free(memos, memo);
    }
    hmap_destroy(&memos->by_id);
    hmap_destroy(&memos->by_fp);
}

struct xfrm_memo *
xfrm_memos_ref(struct xfrm_memos *memos, const struct xfrm_sa_spec *sa)
{
    uint32_t hash = hash_id(&sa->dst, sa->spi, sa->proto);
    struct xfrm_fingerprint fp;
    struct xfrm_memo *memo;

    xfrm_sa_spec_fingerprint(sa, &fp);
    HMAP_FOR_EACH_WITH_HASH (memo, id_node, hash, &memos->by_id) {
        if (has_id(memo, &sa->dst, sa->spi, sa->proto)
            && fp_equals(&memo->fp, &fp)) {
            xfrm_memo_ref(memo, sa->dir);
            return memo;
        }
    }

    memo = xzalloc(sizeof *memo);
    memo->memos = memos;
    memo->dst = sa->dst;
    memo->spi = sa->spi;
    memo->proto = sa->proto;
    memo->fp = fp;
    memo->dir = sa->dir;
    memo->counter_mode = sa->algo && sa->algo->counter_mode;
    memo->n_refs = 1;
    hmap_insert(&memos->by_id, &memo->id_node, hash);
    hmap_insert(&memos->by_fp, &memo->fp_node, hash_fp(&fp));
    return memo;
}

void
xfrm_memo_ref(struct xfrm_memo *memo, enum xfrm_dir dir)
{
    memo->dir = dir;
    memo->memos->n_idle -= !memo->n_refs++;
}

void
xfrm_memo_unref(struct xfrm_memo *memo, const struct xfrm_port *port)
{
    ovs_assert(memo->n_refs > 0);
    memo->memos->n_idle += !--memo->n_refs;
    if (memo->owner == port) {
        memo->owner = NULL;
    }
}

struct xfrm_memo *
xfrm_memos_find(const struct xfrm_memos *memos, const struct xfrm_addr *dst,
                uint32_t spi, uint8_t proto, const struct xfrm_port *port)
{
    struct xfrm_memo *memo, *best = NULL;

    HMAP_FOR_EACH_WITH_HASH (memo, id_node, hash_id(dst, spi, proto),
                             &memos->by_id) {
        if (!has_id(memo, dst, spi, proto)) {
            continue;
        }
        if (port && memo->owner == port) {
            return memo;
        }
        if (!best || (memo->owner && !best->owner)
            || (memo->n_refs && !best->n_refs)) {
            best = memo;
        }
    }
    return best;
}

const struct xfrm_memo *
xfrm_memos_rival(const struct xfrm_memos *memos, const struct xfrm_memo *memo,
                 const struct xfrm_port *port)
{
    const struct xfrm_memo *other;

    if (memo->owner && memo->owner != port) {
        return memo;
    }
    if (!memo->counter_mode || memo->dir != XFRM_DIR_OUT) {
        return NULL;
    }
    HMAP_FOR_EACH_WITH_HASH (other, fp_node, hash_fp(&memo->fp),
                             &memos->by_fp) {
        if (other != memo && other->owner && other->counter_mode
            && other->dir == XFRM_DIR_OUT && fp_equals(&other->fp,
                                                       &memo->fp)) {
            return other;
        }
    }
    return NULL;
}

void
xfrm_memos_sweep(struct xfrm_memos *memos)
{
    struct xfrm_memo *memo;

    if (memos->n_idle <= MAX_IDLE_MEMOS) {
        return;
    }
    HMAP_FOR_EACH_SAFE (memo, id_node, &memos->by_id) {
        /* What must not be installed again is in the nonce store as well. */
        if (!memo->n_refs) {
            memo_free(memos, memo);
        }
    }
    memos->n_idle = 0;
}

void
xfrm_memo_offload_clear(struct xfrm_memo *memo)
{
    free(memo->offload.reason);
    memset(&memo->offload, 0, sizeof memo->offload);
}

void
xfrm_memo_observe(struct xfrm_memo *memo, const struct xfrm_sa_state *sa)
{
    /* The kernel says by the wall clock when an SA was added, but what that
     * clock does from now on must not matter. */
    if (!memo->seen || memo->added != sa->added) {
        uint64_t now = time_wall();

        memo->born = time_msec();
        if (now > sa->added) {
            memo->born -= (long long int) (now - sa->added) * 1000;
        }
    }
    memo->seen = true;
    memo->seq = MAX(memo->seq, sa->seq);
    memo->oseq = MAX(memo->oseq, sa->oseq);
    memo->bytes = sa->bytes;
    memo->packets = sa->packets;
    memo->added = sa->added;
    memo->hard_bytes = sa->spec.lifetime.hard_bytes;
    memo->hard_packets = sa->spec.lifetime.hard_packets;
    memo->hard_seconds = sa->spec.lifetime.hard_seconds;
}

static bool
reached(uint64_t limit, uint64_t value)
{
    return limit && value >= limit;
}

uint64_t
xfrm_memo_age(const struct xfrm_memo *memo)
{
    long long int age = time_msec() - memo->born;

    return memo->seen && memo->added && age > 0 ? age / 1000 : 0;
}

bool
xfrm_memo_was_expired(const struct xfrm_memo *memo)
{
    return (memo->seen
            && (reached(memo->hard_bytes, memo->bytes)
                || reached(memo->hard_packets, memo->packets)
                || reached(memo->hard_seconds, xfrm_memo_age(memo))));
}

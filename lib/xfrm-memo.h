/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_MEMO_H
#define XFRM_MEMO_H 1

/* What the engine remembers of an SA while it is not in the datapath.
 *
 * One memo stands for one SA with one key: (dst, spi, proto) and the key's
 * fingerprint.  It outlives the SA, the file that held it and the port, so
 * that an SA that comes back neither accepts old packets again nor repeats
 * what a device has refused already.
 *
 * Used by the engine's thread only; above xfrm-spec, below xfrm-port. */

#include "openvswitch/hmap.h"
#include "xfrm-spec.h"

struct xfrm_port;

/* How the wish for offload ended. */
struct xfrm_memo_offload {
    bool known;                 /* The rest is meaningful. */
    enum xfrm_offload asked;    /* options:offload when it was tried. */
    char dev[IFNAMSIZ];
    enum xfrm_offload level;    /* To be installed with. */
    bool taken;                 /* The datapath took an SA with 'level': what
                                 * it shows is what came of that. */
    bool silent;                /* Taken without an error, but not in force. */
    bool no_device;             /* Refused because 'dev' was not there. */
    char *reason;               /* Of the refusal, or NULL. */
};

struct xfrm_memo {
    struct hmap_node id_node;   /* In struct xfrm_memos's 'by_id'. */
    struct hmap_node fp_node;   /* In struct xfrm_memos's 'by_fp'. */
    struct xfrm_memos *memos;   /* That it is in. */
    size_t n_refs;              /* Desired sets that contain it. */
    struct xfrm_port *owner;    /* Port that has it in force, or NULL. */

    struct xfrm_addr dst;
    uint32_t spi;
    uint8_t proto;
    struct xfrm_fingerprint fp;
    enum xfrm_dir dir;
    bool counter_mode;

    /* As last seen in the datapath. */
    bool seen;
    bool installed;             /* With this very key, for all we know. */
    uint64_t seq, oseq;
    uint64_t bytes, packets, added;
    long long int born;         /* 'added', in ms of the monotonic clock. */
    uint64_t hard_bytes, hard_packets, hard_seconds;

    bool exhausted;             /* Must never be installed again. */
    bool exhaust_recorded;      /* ...and the nonce store knows. */
    bool withheld;              /* Ran out of reserved sequence numbers. */
    uint64_t safe_until;        /* Reserved at least up to here. */
    bool reserved;              /* Reserved, but certainly not used. */
    uint64_t reserved_start;

    struct xfrm_memo_offload offload;
};

struct xfrm_memos {
    struct hmap by_id;
    struct hmap by_fp;
    size_t n_idle;              /* Those without references. */
};

void xfrm_memos_init(struct xfrm_memos *);
void xfrm_memos_destroy(struct xfrm_memos *);

/* The memo of 'sa', which is made if need be; the caller owns a reference. */
struct xfrm_memo *xfrm_memos_ref(struct xfrm_memos *,
                                 const struct xfrm_sa_spec *sa);

/* One more reference to a memo that there is, for an SA of the same identity
 * and key with direction 'dir'. */
void xfrm_memo_ref(struct xfrm_memo *, enum xfrm_dir dir);
void xfrm_memo_unref(struct xfrm_memo *, const struct xfrm_port *);

/* The memo of an SA whose key is not known, preferably one of 'port',
 * else one that any port has in force. */
struct xfrm_memo *xfrm_memos_find(const struct xfrm_memos *,
                                  const struct xfrm_addr *dst, uint32_t spi,
                                  uint8_t proto, const struct xfrm_port *);

/* The port other than 'port' (or another SA of 'port' itself) that sends with
 * the same key, or NULL. */
const struct xfrm_memo *xfrm_memos_rival(const struct xfrm_memos *,
                                         const struct xfrm_memo *,
                                         const struct xfrm_port *);

/* Forgets the oldest knowledge if there is too much of it. */
void xfrm_memos_sweep(struct xfrm_memos *);

void xfrm_memo_offload_clear(struct xfrm_memo *);

/* Takes over what the datapath says about the SA. */
void xfrm_memo_observe(struct xfrm_memo *, const struct xfrm_sa_state *);

/* Seconds since the SA was added, whatever has become of the wall clock since
 * it was first seen. */
uint64_t xfrm_memo_age(const struct xfrm_memo *);

/* Whether an SA that is gone had reached one of its hard limits. */
bool xfrm_memo_was_expired(const struct xfrm_memo *);

#endif /* xfrm-memo.h */

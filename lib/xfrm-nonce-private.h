/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_NONCE_PRIVATE_H
#define XFRM_NONCE_PRIVATE_H 1

/* The log of high-water marks: xfrm-nonce.c writes it, and says what it looks
 * like; xfrm-nonce-read.c reads it. */

#include <inttypes.h>
#include <sys/types.h>

#include "openvswitch/hmap.h"
#include "xfrm-nonce.h"

#define NONCE_MAGIC "ovs-xfrm-nonce "
#define NONCE_MAGIC_LEN (sizeof NONCE_MAGIC - 1)
#define NONCE_CRC_LEN 9                 /* Eight digits and a line feed. */
#define NONCE_HEADER_LEN (NONCE_MAGIC_LEN + 2 + 17 + NONCE_CRC_LEN)
#define NONCE_FP_DIGITS (2 * XFRM_FINGERPRINT_LEN)
#define NONCE_RECORD_LEN (2 + NONCE_FP_DIGITS + 1 + 17 + NONCE_CRC_LEN)

#define NONCE_USED_UP UINT64_MAX
#define NONCE_MAX_FILE (INT64_C(1) << 30)   /* Bytes: 15 million keys. */
#define NONCE_COMPACT_MIN 1024              /* Lines. */

struct nonce_key {
    struct hmap_node node;              /* In 'keys' of the store. */
    struct xfrm_fingerprint fp;
    uint64_t mark;
    bool doubtful;
    uint64_t last;                      /* While loading: index of its last
                                         * line. */
};

struct xfrm_nonce_store {
    char *path;
    char *damaged_path;
    char *tmp_path;
    int lock_fd;
    int fd;                             /* The log, or -1. */
    uint64_t n_lines;                   /* In the log, without the header. */
    uint64_t compact_at;                /* Lines. */
    bool rewrite;                       /* The log is in an unknown state. */
    bool batching;                      /* Nothing goes to disk now. */
    struct nonce_undo *undos;           /* What the batch has changed. */
    size_t n_undos, allocated_undos;
    struct hmap keys;                   /* "struct nonce_key"s. */
};

struct nonce_key *xfrm_nonce_find_key(const struct xfrm_nonce_store *,
                                      const struct xfrm_fingerprint *);
struct nonce_key *xfrm_nonce_add_key(struct xfrm_nonce_store *,
                                     const struct xfrm_fingerprint *);
int xfrm_nonce_write_anew(struct xfrm_nonce_store *, bool damaged);
int xfrm_nonce_mourn(struct xfrm_nonce_store *);
bool xfrm_nonce_had_log(const struct xfrm_nonce_store *);
int xfrm_nonce_load(struct xfrm_nonce_store *, char **errorp);
char *xfrm_nonce_advice(const struct xfrm_nonce_store *, const char *file,
                        int error);

/* For tests: what is about to be done to the disk ("create", "write", "sync",
 * "rename", "sync-dir").  "sync" has a descriptor, "write" the rest as well. */
struct xfrm_nonce_step {
    const char *what;
    int fd;
    const char *data;
    size_t size;
    off_t ofs;
};

/* Unless NULL: called before each step, which fails if this returns an
 * errno. */
extern int (*xfrm_nonce_step)(const struct xfrm_nonce_step *);

#endif /* xfrm-nonce-private.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_NONCE_H
#define XFRM_NONCE_H 1

/* Nonce safety: high-water marks of sequence numbers, kept in a file.
 *
 * A cipher in counter mode must never protect two packets with one key and
 * one sequence number (RFC 4106 section 3, RFC 7296 section 5).  Before an
 * outbound SA with such a key goes to the kernel, the engine reserves a range
 * of sequence numbers here; the reservation is on disk (fsync) before
 * xfrm_nonce_reserve() returns.  While the SA is in use the engine extends
 * the reservation before it runs out.  A re-installed SA starts at the mark,
 * where no number was ever used.
 *
 * Used by the engine's thread only. */

#include <stdbool.h>
#include <stdint.h>

#include "xfrm-secret.h"

/* Sequence numbers that one reservation takes: about 16 million packets, so
 * that a busy SA causes one fsync in seconds at most. */
#define XFRM_NONCE_STEP (UINT64_C(1) << 24)

struct xfrm_nonce_store;

/* These return 0 or a positive errno, then with a malloc'd sentence in
 * '*errorp'.  EKEYEXPIRED means that this key must not be used any more; the
 * sentence then begins with "needs-rekey: ".  Any other errno is that of the
 * file, and trying again may help. */
int xfrm_nonce_open(const char *path, struct xfrm_nonce_store **,
                    char **errorp);
void xfrm_nonce_close(struct xfrm_nonce_store *);

/* Puts into '*startp' a number that the key never used (the last one to be
 * taken as sent), with XFRM_NONCE_STEP more reserved.  'limit' is the highest
 * number that the SA can send. */
int xfrm_nonce_reserve(struct xfrm_nonce_store *,
                       const struct xfrm_fingerprint *, uint64_t limit,
                       uint64_t *startp, char **errorp);

/* Tells that a live SA has sent 'used'.  Records keys that are unknown, so it
 * is also what adopts an SA that was there before.  Writes seldom. */
int xfrm_nonce_extend(struct xfrm_nonce_store *,
                      const struct xfrm_fingerprint *, uint64_t used,
                      char **errorp);

/* Between these two, nothing goes to disk; commit() then writes all of it at
 * once.  What reserve() gave in between must not be used unless commit()
 * returns 0; otherwise it was not given. */
void xfrm_nonce_begin(struct xfrm_nonce_store *);
int xfrm_nonce_commit(struct xfrm_nonce_store *, char **errorp);

/* The key is used up for ever. */
int xfrm_nonce_exhaust(struct xfrm_nonce_store *,
                       const struct xfrm_fingerprint *, char **errorp);

#endif /* xfrm-nonce.h */

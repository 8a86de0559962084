/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_SECRET_H
#define XFRM_SECRET_H 1

/* Key material.
 *
 * Every key that ovs-xfrm holds lives in a 'struct xfrm_secret': it is wiped
 * before its memory goes back to the allocator, and the only way to print one
 * is xfrm_secret_format_hex(), which is called for "--show-keys" alone.
 * Everything else prints XFRM_SECRET_HIDDEN.
 *
 * Nothing stands below this module; xfrm-spec.[ch] embeds it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;

#define XFRM_SECRET_HIDDEN "<hidden>"

/* The largest key that any algorithm in xfrm-algo.c takes, in bytes, salt and
 * integrity key included. */
#define XFRM_SECRET_MAX 128

/* Owns 'data'.  An all-zero structure is a valid, empty secret. */
struct xfrm_secret {
    uint8_t *data;              /* 'len' bytes, or NULL if 'len' is 0. */
    size_t len;                 /* Bytes. */
};

/* Identifies a key without revealing it (see xfrm_secret_fingerprint()). */
#define XFRM_FINGERPRINT_LEN 20
struct xfrm_fingerprint {
    uint8_t bytes[XFRM_FINGERPRINT_LEN];
};

void xfrm_secret_init(struct xfrm_secret *, const void *data, size_t len);
void xfrm_secret_clone(struct xfrm_secret *dst, const struct xfrm_secret *src);
void xfrm_secret_destroy(struct xfrm_secret *);
bool xfrm_secret_equals(const struct xfrm_secret *,
                        const struct xfrm_secret *);
int xfrm_secret_from_hex(struct xfrm_secret *, const char *hex,
                         char **errorp);
void xfrm_secret_fingerprint(const struct xfrm_secret *, const char *context,
                             struct xfrm_fingerprint *);
void xfrm_secret_format_hex(const struct xfrm_secret *, struct ds *);

void xfrm_wipe(void *, size_t len);

#endif /* xfrm-secret.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ALGO_H
#define XFRM_ALGO_H 1

/* The algorithms that an SA can use: one table.
 *
 * Whatever needs a fact about an algorithm (name for people, kernel name, IANA
 * transform number, sizes) takes it from here.  Pure; above xfrm-secret and
 * below xfrm-spec. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;

enum xfrm_algo_kind {
    XFRM_ALGO_AEAD,             /* One combined-mode algorithm, RFC 4303. */
    XFRM_ALGO_CIPHER_AUTH,      /* Cipher (perhaps null) plus integrity. */
    XFRM_ALGO_AUTH,             /* Integrity alone: AH, RFC 4302. */
    XFRM_ALGO_COMP,             /* Compression: IPComp, RFC 3173. */
};

struct xfrm_algo {
    const char *name;           /* What people type, e.g. "aes128gcm16". */
    enum xfrm_algo_kind kind;
    uint8_t proto;              /* Whose SAs: IPPROTO_ESP, _AH or _COMP. */

    /* Kernel crypto API names.  'crypt_name' is that of XFRMA_ALG_AEAD,
     * XFRMA_ALG_CRYPT or XFRMA_ALG_COMP, 'auth_name' that of
     * XFRMA_ALG_AUTH_TRUNC; each is NULL where the kind has none. */
    const char *crypt_name;
    const char *auth_name;

    /* IANA "Transform Type 1" and "Transform Type 3" numbers (IKEv2
     * registry), for IPComp its "Notification IPCOMP Transform ID"; 0 where
     * there is none. */
    uint16_t encr_id;
    uint16_t integ_id;

    /* All in bytes.  A key is written cipher key, then salt, then integrity
     * key. */
    uint8_t crypt_key_len;
    uint8_t salt_len;           /* Implicit nonce part, RFC 4106 section 4. */
    uint8_t auth_key_len;
    uint8_t iv_len;             /* Explicit IV in each packet. */
    uint8_t block_len;          /* ESP padding granularity, at least 4; 0
                                 * for other protocols. */
    uint8_t icv_len;

    /* The cipher runs in counter mode, so that one (key, sequence number)
     * pair must never protect two packets. */
    bool counter_mode;
};

/* Some of the algorithms, each by its index; all zero: none. */
#define XFRM_ALGO_MAX 128
struct xfrm_algo_set {
    uint64_t words[XFRM_ALGO_MAX / 64];
};

static inline bool
xfrm_algo_set_has(const struct xfrm_algo_set *set, size_t index)
{
    return set->words[index / 64] & UINT64_C(1) << index % 64;
}

static inline void
xfrm_algo_set_put(struct xfrm_algo_set *set, size_t index, bool on)
{
    uint64_t bit = UINT64_C(1) << index % 64;

    set->words[index / 64] &= ~bit;
    set->words[index / 64] |= on ? bit : 0;
}

/* ESP only, and of any protocol.  No name stands for two algorithms. */
const struct xfrm_algo *xfrm_algo_from_name(const char *name);
const struct xfrm_algo *xfrm_algo_from_name_of(uint8_t proto,
                                               const char *name);
const struct xfrm_algo *xfrm_algo_from_kernel(
    const char *crypt_name, size_t crypt_key_bits,
    const char *auth_name, size_t auth_key_bits, size_t icv_bits);
const struct xfrm_algo *xfrm_algo_at(size_t index);     /* All of them. */
size_t xfrm_algo_key_len(const struct xfrm_algo *);
void xfrm_algo_format_kernel_names(const struct xfrm_algo *, struct ds *);
void xfrm_algo_format_names(struct ds *);               /* ESP only. */
void xfrm_algo_format_names_of(uint8_t proto, struct ds *);
const struct xfrm_algo *xfrm_algo_nearest(const char *name);
const struct xfrm_algo *xfrm_algo_nearest_of(uint8_t proto,
                                             const char *name);

#endif /* xfrm-algo.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* The table of algorithms; see xfrm-algo.h.  Uses xfrm-text; above it stands
 * xfrm-spec. */

#include <config.h>

#include "xfrm-algo.h"

#include <netinet/in.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "xfrm-secret.h"
#include "xfrm-text.h"

/* IANA, "Internet Key Exchange Version 2 (IKEv2) Parameters", Transform Type
 * 1: encryption. */
enum {
    ENCR_NULL = 11,
    ENCR_AES_CBC = 12,
    ENCR_AES_CTR = 13,
    ENCR_AES_CCM_8 = 14,
    ENCR_AES_CCM_12 = 15,
    ENCR_AES_CCM_16 = 16,
    ENCR_AES_GCM_8 = 18,
    ENCR_AES_GCM_12 = 19,
    ENCR_AES_GCM_16 = 20,
    ENCR_NULL_AUTH_AES_GMAC = 21,
    ENCR_CAMELLIA_CBC = 23,
    ENCR_CHACHA20_POLY1305 = 28,
};

/* Same, Transform Type 3: integrity. */
enum {
    AUTH_HMAC_SHA1_96 = 2,
    AUTH_AES_XCBC_96 = 5,
    AUTH_AES_CMAC_96 = 8,
    AUTH_HMAC_SHA2_256_128 = 12,
    AUTH_HMAC_SHA2_384_192 = 13,
    AUTH_HMAC_SHA2_512_256 = 14,
};

/* Same, "IKEv2 Notification IPCOMP Transform IDs". */
enum { IPCOMP_DEFLATE = 2 };

/* RFC 4303 section 2.4 aligns the trailer to 4 bytes, however small the
 * cipher's block is. */
#define ESP_ALIGN 4
#define AES_BLOCK 16
#define CAMELLIA_BLOCK 16

/* Every AEAD here has 8 bytes of explicit IV and builds its nonce from salt
 * and IV, and the IV is the sequence number. */
#define AEAD(NAME, KERNEL, ENCR, KEY, SALT, ICV)                        \
    { .name = NAME, .kind = XFRM_ALGO_AEAD, .proto = IPPROTO_ESP,       \
      .crypt_name = KERNEL, .encr_id = ENCR,                            \
      .crypt_key_len = KEY, .salt_len = SALT, .iv_len = 8,              \
      .block_len = ESP_ALIGN, .icv_len = ICV, .counter_mode = true }

#define GCM(BITS, ICV)                                                  \
    AEAD("aes" #BITS "gcm" #ICV, "rfc4106(gcm(aes))",                   \
         ENCR_AES_GCM_##ICV, (BITS) / 8, 4, ICV)
#define CCM(BITS, ICV)                                                  \
    AEAD("aes" #BITS "ccm" #ICV, "rfc4309(ccm(aes))",                   \
         ENCR_AES_CCM_##ICV, (BITS) / 8, 3, ICV)
#define GCM_ALL(ICV) GCM(128, ICV), GCM(192, ICV), GCM(256, ICV)
#define CCM_ALL(ICV) CCM(128, ICV), CCM(192, ICV), CCM(256, ICV)
#define GMAC(BITS)                                                      \
    AEAD("aes" #BITS "gmac", "rfc4543(gcm(aes))",                       \
         ENCR_NULL_AUTH_AES_GMAC, (BITS) / 8, 4, 16)

/* CIPHER and AUTH stand for the argument lists below. */
#define PAIR(...) PAIR__(__VA_ARGS__)
#define PAIR__(CNAME, CKERNEL, ENCR, CKEY, SALT, IV, BLOCK, COUNTER,    \
               ANAME, AKERNEL, INTEG, AKEY, ICV)                        \
    { .name = CNAME "-" ANAME, .kind = XFRM_ALGO_CIPHER_AUTH,           \
      .proto = IPPROTO_ESP,                                             \
      .crypt_name = CKERNEL, .auth_name = AKERNEL,                      \
      .encr_id = ENCR, .integ_id = INTEG,                               \
      .crypt_key_len = CKEY, .salt_len = SALT, .auth_key_len = AKEY,    \
      .iv_len = IV, .block_len = BLOCK, .icv_len = ICV,                 \
      .counter_mode = COUNTER }

/* A cipher goes with every integrity algorithm. */
#define CIPHER(...)                                                     \
    PAIR(__VA_ARGS__, SHA256), PAIR(__VA_ARGS__, SHA384),               \
    PAIR(__VA_ARGS__, SHA512), PAIR(__VA_ARGS__, XCBC),                 \
    PAIR(__VA_ARGS__, CMAC), PAIR(__VA_ARGS__, SHA1)

#define AH(...) AH__(__VA_ARGS__)
#define AH__(ANAME, AKERNEL, INTEG, AKEY, ICV)                          \
    { .name = ANAME, .kind = XFRM_ALGO_AUTH, .proto = IPPROTO_AH,       \
      .auth_name = AKERNEL, .integ_id = INTEG, .auth_key_len = AKEY,    \
      .icv_len = ICV }

#define CBC(BITS)                                                       \
    "aes" #BITS, "cbc(aes)", ENCR_AES_CBC, (BITS) / 8, 0,               \
    AES_BLOCK, AES_BLOCK, false
#define CTR(BITS)                                                       \
    "aes" #BITS "ctr", "rfc3686(ctr(aes))", ENCR_AES_CTR, (BITS) / 8, 4,\
    8, ESP_ALIGN, true
#define CAMELLIA(BITS)                                                  \
    "camellia" #BITS, "cbc(camellia)", ENCR_CAMELLIA_CBC, (BITS) / 8, 0,\
    CAMELLIA_BLOCK, CAMELLIA_BLOCK, false
#define NUL                                                             \
    "null", "ecb(cipher_null)", ENCR_NULL, 0, 0, 0, ESP_ALIGN, false

#define SHA1 "sha1", "hmac(sha1)", AUTH_HMAC_SHA1_96, 20, 12
#define SHA256 "sha256", "hmac(sha256)", AUTH_HMAC_SHA2_256_128, 32, 16
#define SHA384 "sha384", "hmac(sha384)", AUTH_HMAC_SHA2_384_192, 48, 24
#define SHA512 "sha512", "hmac(sha512)", AUTH_HMAC_SHA2_512_256, 64, 32
#define XCBC "aesxcbc", "xcbc(aes)", AUTH_AES_XCBC_96, 16, 12
#define CMAC "aescmac", "cmac(aes)", AUTH_AES_CMAC_96, 16, 12

/* What the Linux kernel and IKEv2's registry have in common, without what RFC
 * 8221 and RFC 9395 say not to use any more: single and triple DES, Blowfish,
 * CAST and HMAC-MD5.  (Serpent, Twofish, RIPEMD-160, SM3 and SM4 have no number
 * in that registry.)
 *
 * Of names that begin alike, the one to recommend comes first: an unfinished
 * name is completed with it. */
static const struct xfrm_algo algos[] = {
    GCM_ALL(16), GCM_ALL(12), GCM_ALL(8),
    CCM_ALL(16), CCM_ALL(12), CCM_ALL(8),

    AEAD("chacha20poly1305", "rfc7539esp(chacha20,poly1305)",
         ENCR_CHACHA20_POLY1305, 32, 4, 16),

    /* Integrity without encryption. */
    GMAC(128), GMAC(192), GMAC(256),

    CIPHER(CBC(128)), CIPHER(CBC(192)), CIPHER(CBC(256)),
    CIPHER(CTR(128)), CIPHER(CTR(192)), CIPHER(CTR(256)),
    CIPHER(CAMELLIA(128)), CIPHER(CAMELLIA(192)), CIPHER(CAMELLIA(256)),

    /* Integrity without encryption. */
    CIPHER(NUL),

    AH(SHA256), AH(SHA384), AH(SHA512), AH(XCBC), AH(CMAC), AH(SHA1),

    { .name = "deflate", .kind = XFRM_ALGO_COMP, .proto = IPPROTO_COMP,
      .crypt_name = "deflate", .encr_id = IPCOMP_DEFLATE },
};

/* Returns the algorithm at 'index', or NULL past the last. */
const struct xfrm_algo *
xfrm_algo_at(size_t index)
{
    BUILD_ASSERT_DECL(ARRAY_SIZE(algos) <= XFRM_ALGO_MAX);
    return index < ARRAY_SIZE(algos) ? &algos[index] : NULL;
}

/* Returns the algorithm for SAs of 'proto' that people call 'name', or
 * NULL. */
const struct xfrm_algo *
xfrm_algo_from_name_of(uint8_t proto, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(algos); i++) {
        if (algos[i].proto == proto && !strcmp(algos[i].name, name)) {
            return &algos[i];
        }
    }
    return NULL;
}

const struct xfrm_algo *
xfrm_algo_from_name(const char *name)
{
    return xfrm_algo_from_name_of(IPPROTO_ESP, name);
}

static bool
name_equals(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : !a && !b;
}

/* Returns the algorithm that the kernel describes so, or NULL if it is not in
 * our table.  'crypt_key_bits' includes the salt, as in the kernel's messages;
 * without 'crypt_name' or 'auth_name' its number of bits is ignored. */
const struct xfrm_algo *
xfrm_algo_from_kernel(const char *crypt_name, size_t crypt_key_bits,
                      const char *auth_name, size_t auth_key_bits,
                      size_t icv_bits)
{
    for (size_t i = 0; i < ARRAY_SIZE(algos); i++) {
        const struct xfrm_algo *algo = &algos[i];
        size_t crypt_key_len = algo->crypt_key_len + algo->salt_len;

        if (name_equals(algo->crypt_name, crypt_name)
            && name_equals(algo->auth_name, auth_name)
            && (!crypt_name || 8 * crypt_key_len == crypt_key_bits)
            && (!auth_name || 8 * algo->auth_key_len == auth_key_bits)
            && 8 * algo->icv_len == icv_bits) {
            return algo;
        }
    }
    return NULL;
}

/* Returns the length of a whole key: cipher key, salt, integrity key. */
size_t
xfrm_algo_key_len(const struct xfrm_algo *algo)
{
    return algo->crypt_key_len + algo->salt_len + algo->auth_key_len;
}

/* Appends what the kernel must have for 'algo'. */
void
xfrm_algo_format_kernel_names(const struct xfrm_algo *algo, struct ds *ds)
{
    const char *crypt = algo->crypt_name;
    const char *auth = algo->auth_name;

    ds_put_format(ds, "%s%s%s", crypt ? crypt : "",
                  crypt && auth ? ", " : "", auth ? auth : "");
}

/* Appends the names of all algorithms for SAs of 'proto', separated by
 * commas. */
void
xfrm_algo_format_names_of(uint8_t proto, struct ds *ds)
{
    bool first = true;

    for (size_t i = 0; i < ARRAY_SIZE(algos); i++) {
        if (algos[i].proto == proto) {
            ds_put_format(ds, "%s%s", first ? "" : ", ", algos[i].name);
            first = false;
        }
    }
}

void
xfrm_algo_format_names(struct ds *ds)
{
    xfrm_algo_format_names_of(IPPROTO_ESP, ds);
}

/* Those of one protocol are neighbours in the table. */
static const char *
name_at(uint8_t proto, size_t index)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(algos) && algos[i].proto != proto) {
        i++;
    }
    return (index < ARRAY_SIZE(algos) - i && algos[i + index].proto == proto
            ? algos[i + index].name : NULL);
}

static const char *
esp_name_at(size_t index)
{
    return name_at(IPPROTO_ESP, index);
}

static const char *
ah_name_at(size_t index)
{
    return name_at(IPPROTO_AH, index);
}

static const char *
comp_name_at(size_t index)
{
    return name_at(IPPROTO_COMP, index);
}

/* Returns the algorithm for SAs of 'proto' that somebody who wrote 'name' most
 * likely meant, or NULL. */
const struct xfrm_algo *
xfrm_algo_nearest_of(uint8_t proto, const char *name)
{
    const char *nearest = xfrm_text_nearest(
        name, proto == IPPROTO_AH ? ah_name_at
              : proto == IPPROTO_COMP ? comp_name_at : esp_name_at);

    return nearest ? xfrm_algo_from_name_of(proto, nearest) : NULL;
}

const struct xfrm_algo *
xfrm_algo_nearest(const char *name)
{
    return xfrm_algo_nearest_of(IPPROTO_ESP, name);
}

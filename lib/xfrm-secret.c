/* SPDX-License-Identifier: Apache-2.0 */

/* Key material; see xfrm-secret.h.  Below it stand only OVS's utilities, above
 * it xfrm-spec. */

#include <config.h>

#include "xfrm-secret.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "sha1.h"
#include "util.h"

/* Overwrites 'len' bytes at 'p' in a way that the compiler keeps even right
 * before free(). */
void
xfrm_wipe(void *p, size_t len)
{
    if (len) {
        explicit_bzero(p, len);
    }
}

/* Makes 'secret' a copy of the 'len' bytes at 'data'.  What 'secret' held
 * before is not looked at. */
void
xfrm_secret_init(struct xfrm_secret *secret, const void *data, size_t len)
{
    secret->data = len ? xmemdup(data, len) : NULL;
    secret->len = len;
}

void
xfrm_secret_clone(struct xfrm_secret *dst, const struct xfrm_secret *src)
{
    xfrm_secret_init(dst, src->data, src->len);
}

/* Wipes and frees; 'secret' is valid and empty afterwards. */
void
xfrm_secret_destroy(struct xfrm_secret *secret)
{
    if (secret) {
        xfrm_wipe(secret->data, secret->len);
        free(secret->data);
        secret->data = NULL;
        secret->len = 0;
    }
}

/* Takes the same time wherever the first difference is; the length is not
 * secret. */
bool
xfrm_secret_equals(const struct xfrm_secret *a, const struct xfrm_secret *b)
{
    uint8_t difference = 0;

    if (a->len != b->len) {
        return false;
    }
    for (size_t i = 0; i < a->len; i++) {
        difference |= a->data[i] ^ b->data[i];
    }
    return !difference;
}

static int
hex_digit(char c)
{
    return (c >= '0' && c <= '9' ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
            : -1);
}

/* Initializes 'secret' from hexadecimal digits, which may follow "0x".
 * Returns 0, or EINVAL with 'secret' empty and '*errorp' a malloc'd reason,
 * in which no part of 'hex' appears. */
int
xfrm_secret_from_hex(struct xfrm_secret *secret, const char *hex,
                     char **errorp)
{
    size_t n_digits;
    size_t prefix = hex[0] == '0' && (hex[1] == 'x' || hex[1] == 'X') ? 2 : 0;

    xfrm_secret_init(secret, NULL, 0);
    *errorp = NULL;

    hex += prefix;
    for (n_digits = 0; hex[n_digits]; n_digits++) {
        if (hex_digit(hex[n_digits]) < 0) {
            *errorp = xasprintf("character %"PRIuSIZE" of the key is not a "
                                "hexadecimal digit", prefix + n_digits + 1);
            return EINVAL;
        }
    }
    if (!n_digits) {
        *errorp = xstrdup("the key is empty, it must be hexadecimal digits");
        return EINVAL;
    }
    if (n_digits % 2) {
        *errorp = xasprintf("the key has %"PRIuSIZE" hexadecimal digits, it "
                            "must have an even number", n_digits);
        return EINVAL;
    }
    if (n_digits / 2 > XFRM_SECRET_MAX) {
        *errorp = xasprintf("the key has %"PRIuSIZE" bytes, no algorithm "
                            "takes more than %d", n_digits / 2,
                            XFRM_SECRET_MAX);
        return EINVAL;
    }

    secret->len = n_digits / 2;
    secret->data = xmalloc(secret->len);
    for (size_t i = 0; i < secret->len; i++) {
        secret->data[i] = (hex_digit(hex[2 * i]) << 4
                           | hex_digit(hex[2 * i + 1]));
    }
    return 0;
}

/* Stores in '*fp' what tells this key from others without giving it away.
 * 'context' names the purpose, so that fingerprints made for one purpose say
 * nothing in another. */
void
xfrm_secret_fingerprint(const struct xfrm_secret *secret, const char *context,
                        struct xfrm_fingerprint *fp)
{
    struct sha1_ctx ctx;

    BUILD_ASSERT_DECL(XFRM_FINGERPRINT_LEN == SHA1_DIGEST_SIZE);

    sha1_init(&ctx);
    /* With its NUL: the end of the context cannot move into the key. */
    sha1_update(&ctx, context, strlen(context) + 1);
    if (secret->len) {
        sha1_update(&ctx, secret->data, secret->len);
    }
    sha1_final(&ctx, fp->bytes);

    /* OVS's own SHA-1 keeps the last block of input there. */
    xfrm_wipe(&ctx, sizeof ctx);
}

/* Appends the key in clear.  For "--show-keys" only; the caller wipes 'ds'. */
void
xfrm_secret_format_hex(const struct xfrm_secret *secret, struct ds *ds)
{
    /* At once, so that no half of the key stays behind in a buffer that
     * realloc() left. */
    ds_reserve(ds, ds->length + 2 * secret->len);
    for (size_t i = 0; i < secret->len; i++) {
        ds_put_char(ds, "0123456789abcdef"[secret->data[i] >> 4]);
        ds_put_char(ds, "0123456789abcdef"[secret->data[i] & 15]);
    }
}

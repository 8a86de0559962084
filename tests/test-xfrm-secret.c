/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of xfrm-secret and xfrm-text.  tests/unit-spec.at stands
 * above. */

#include <config.h>

#undef NDEBUG
#include "xfrm-secret.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "sha1.h"
#include "tests/test-xfrm.h"
#include "util.h"
#include "xfrm-text.h"

extern const struct ovs_cmdl_command test_xfrm_secret_commands[];

/* "secret-hex HEX...": the keys in canonical form, or the errors. */
static void
test_secret_hex(struct ovs_cmdl_context *ctx)
{
    for (int i = 1; i < ctx->argc; i++) {
        struct xfrm_secret secret;
        char *error;

        if (xfrm_secret_from_hex(&secret, ctx->argv[i], &error)) {
            ovs_assert(!secret.data && !secret.len);
            printf("error: %s\n", error);
            free(error);
        } else {
            struct ds ds = DS_EMPTY_INITIALIZER;

            ovs_assert(!error);
            ds_put_format(&ds, "%"PRIuSIZE" ", secret.len);
            xfrm_secret_format_hex(&secret, &ds);
            puts(ds_cstr(&ds));
            ds_destroy(&ds);
        }
        xfrm_secret_destroy(&secret);
    }
}

/* No piece of a wrong key stands in the error about it. */
static void
test_secret_error(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    static const char *texts[] = {
        "deadbeefcafe0", "0xdeadbeefcafez0", "deadbeef cafe", "-deadbeefcafe",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct xfrm_secret secret;
        char *error;

        ovs_assert(xfrm_secret_from_hex(&secret, texts[i], &error) == EINVAL);
        ovs_assert(!strstr(error, "dead") && !strstr(error, "beef")
                   && !strstr(error, "cafe"));
        free(error);
    }
    puts("ok");
}

/* "secret-fingerprint CONTEXT HEX": the fingerprint. */
static void
test_secret_fingerprint(struct ovs_cmdl_context *ctx)
{
    struct xfrm_fingerprint fp;
    struct xfrm_secret secret;
    char *error;

    if (xfrm_secret_from_hex(&secret, ctx->argv[2], &error)) {
        ovs_fatal(0, "%s", error);
    }
    xfrm_secret_fingerprint(&secret, ctx->argv[1], &fp);
    printf(SHA1_FMT"\n", SHA1_ARGS(fp.bytes));
    xfrm_secret_destroy(&secret);
}

static void
test_secret_life(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    static const uint8_t key[] = { 1, 2, 3, 4, 0, 255 };
    struct xfrm_secret a, b, empty;
    uint8_t buffer[sizeof key];

    xfrm_secret_init(&a, key, sizeof key);
    xfrm_secret_clone(&b, &a);
    ovs_assert(a.data != b.data && a.data != key);
    ovs_assert(xfrm_secret_equals(&a, &b));
    for (size_t i = 0; i < sizeof key; i++) {
        b.data[i] ^= 0x80;
        ovs_assert(!xfrm_secret_equals(&a, &b));
        b.data[i] ^= 0x80;
    }
    b.len--;
    ovs_assert(!xfrm_secret_equals(&a, &b));
    b.len++;

    xfrm_secret_init(&empty, key, 0);
    ovs_assert(!empty.data && !empty.len);
    ovs_assert(xfrm_secret_equals(&empty, &empty));
    ovs_assert(!xfrm_secret_equals(&empty, &a));

    xfrm_secret_destroy(&a);
    ovs_assert(!a.data && !a.len);
    xfrm_secret_destroy(&a);
    xfrm_secret_destroy(&b);
    xfrm_secret_clone(&b, &empty);
    xfrm_secret_destroy(&b);
    xfrm_secret_destroy(&empty);
    xfrm_secret_destroy(NULL);

    memcpy(buffer, key, sizeof buffer);
    xfrm_wipe(buffer, sizeof buffer - 1);
    ovs_assert(is_all_zeros(buffer, sizeof buffer - 1));
    ovs_assert(buffer[sizeof buffer - 1] == 255);
    xfrm_wipe(NULL, 0);
    puts("ok");
}

/* "secret-number MAX TEXT...": the numbers, decimal or hexadecimal. */
static void
test_secret_number(struct ovs_cmdl_context *ctx)
{
    uint64_t max = strtoull(ctx->argv[1], NULL, 0);

    for (int i = 2; i < ctx->argc; i++) {
        uint64_t value;

        if (xfrm_text_to_uint(ctx->argv[i], max, &value)) {
            printf("%"PRIu64"\n", value);
        } else {
            ovs_assert(!value);
            puts("error");
        }
    }
}

/* "secret-quote TEXT...": the texts, fit for a message. */
static void
test_secret_quote(struct ovs_cmdl_context *ctx)
{
    for (int i = 1; i < ctx->argc; i++) {
        char *quoted = xfrm_text_quote(ctx->argv[i]);

        puts(quoted);
        free(quoted);
    }
}

const struct ovs_cmdl_command test_xfrm_secret_commands[] = {
    { "secret-hex", "HEX...", 1, INT_MAX, test_secret_hex, OVS_RO },
    { "secret-error", NULL, 0, 0, test_secret_error, OVS_RO },
    { "secret-fingerprint", "CONTEXT HEX", 2, 2, test_secret_fingerprint,
      OVS_RO },
    { "secret-life", NULL, 0, 0, test_secret_life, OVS_RO },
    { "secret-number", "MAX TEXT...", 2, INT_MAX, test_secret_number,
      OVS_RO },
    { "secret-quote", "TEXT...", 1, INT_MAX, test_secret_quote, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

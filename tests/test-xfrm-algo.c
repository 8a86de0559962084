/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of xfrm-algo.  tests/unit-spec.at stands above. */

#include <config.h>

#undef NDEBUG
#include "xfrm-algo.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/test-xfrm.h"
#include "util.h"
#include "xfrm-secret.h"

extern const struct ovs_cmdl_command test_xfrm_algo_commands[];

/* The whole table, a row a line. */
static void
test_algo_list(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    const struct xfrm_algo *algo;

    for (size_t i = 0; (algo = xfrm_algo_at(i)) != NULL; i++) {
        printf("%s: %s %s encr %d integ %d key %d+%d+%d=%"PRIuSIZE
               " iv %d block %d icv %d%s\n",
               algo->name, algo->crypt_name ? algo->crypt_name : "-",
               algo->auth_name ? algo->auth_name : "-",
               algo->encr_id, algo->integ_id,
               algo->crypt_key_len, algo->salt_len, algo->auth_key_len,
               xfrm_algo_key_len(algo), algo->iv_len, algo->block_len,
               algo->icv_len, algo->counter_mode ? " counter" : "");
    }
}

/* What must hold for every row. */
static void
test_algo_check(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    const struct xfrm_algo *algo;
    struct ds names = DS_EMPTY_INITIALIZER;
    struct ds expected = DS_EMPTY_INITIALIZER;
    size_t i;

    for (i = 0; (algo = xfrm_algo_at(i)) != NULL; i++) {
        size_t crypt_bits = 8 * (algo->crypt_key_len + algo->salt_len);
        size_t auth_bits = 8 * algo->auth_key_len;
        size_t icv_bits = 8 * algo->icv_len;

        /* Also shows that no two rows have the same name or look the same to
         * the kernel. */
        ovs_assert(xfrm_algo_from_name_of(algo->proto, algo->name) == algo);
        ovs_assert(xfrm_algo_from_name(algo->name)
                   == (algo->proto == IPPROTO_ESP ? algo : NULL));
        ovs_assert(xfrm_algo_from_kernel(algo->crypt_name, crypt_bits,
                                         algo->auth_name, auth_bits,
                                         icv_bits) == algo);
        ovs_assert(xfrm_algo_nearest_of(algo->proto, algo->name) == algo);

        ovs_assert(!algo->crypt_name
                   || !xfrm_algo_from_kernel(algo->crypt_name, crypt_bits + 8,
                                             algo->auth_name, auth_bits,
                                             icv_bits));
        ovs_assert(!xfrm_algo_from_kernel(algo->crypt_name, crypt_bits,
                                          algo->auth_name, auth_bits,
                                          icv_bits + 1));
        ovs_assert((algo->kind == XFRM_ALGO_AUTH)
                   == (algo->proto == IPPROTO_AH));
        ovs_assert((algo->kind == XFRM_ALGO_COMP)
                   == (algo->proto == IPPROTO_COMP));
        ovs_assert(!algo->crypt_name == (algo->kind == XFRM_ALGO_AUTH));
        if (!algo->auth_name) {
            ovs_assert(algo->kind == XFRM_ALGO_AEAD
                       || algo->kind == XFRM_ALGO_COMP);
            ovs_assert(!algo->integ_id && !algo->auth_key_len);
            ovs_assert(!xfrm_algo_from_kernel(algo->crypt_name, crypt_bits,
                                              "hmac(sha1)", 160, icv_bits));
        } else {
            ovs_assert(algo->integ_id && algo->auth_key_len);
            ovs_assert(!xfrm_algo_from_kernel(algo->crypt_name, crypt_bits,
                                              NULL, 0, icv_bits));
            ovs_assert(!xfrm_algo_from_kernel(algo->crypt_name, crypt_bits,
                                              algo->auth_name, auth_bits - 8,
                                              icv_bits));
        }
        ovs_assert(algo->counter_mode == (algo->salt_len > 0));
        if (algo->proto == IPPROTO_ESP) {
            ovs_assert(algo->block_len >= 4 && !(algo->block_len % 4));
            ds_put_format(&expected, "%s%s", i ? ", " : "", algo->name);
        } else {
            ovs_assert(!algo->block_len && !algo->iv_len);
        }
        ovs_assert(!xfrm_algo_key_len(algo)
                   == (algo->kind == XFRM_ALGO_COMP));
        ovs_assert(xfrm_algo_key_len(algo) <= XFRM_SECRET_MAX);
    }
    ovs_assert(i && !xfrm_algo_at(i + 1) && !xfrm_algo_at(SIZE_MAX));
    ovs_assert(!xfrm_algo_from_kernel(NULL, 0, NULL, 0, 0));
    ovs_assert(!xfrm_algo_from_name(""));
    ovs_assert(!xfrm_algo_from_name_of(IPPROTO_AH, "aes128gcm16"));
    ovs_assert(!xfrm_algo_from_name_of(0, "aes128gcm16"));

    xfrm_algo_format_names(&names);
    ovs_assert(!strcmp(ds_cstr(&names), ds_cstr(&expected)));
    ds_clear(&names);
    xfrm_algo_format_names_of(IPPROTO_AH, &names);
    ovs_assert(!strcmp(ds_cstr(&names), "sha256, sha384, sha512, "
                        "aesxcbc, aescmac, sha1"));
    ds_clear(&names);
    xfrm_algo_format_names_of(IPPROTO_COMP, &names);
    ovs_assert(!strcmp(ds_cstr(&names), "deflate"));
    ds_destroy(&names);
    ds_destroy(&expected);
    puts("ok");
}

/* "algo-nearest [ah:|ipcomp:]NAME...": the best guesses. */
static void
test_algo_nearest(struct ovs_cmdl_context *ctx)
{
    for (int i = 1; i < ctx->argc; i++) {
        const struct xfrm_algo *algo;
        const char *name = ctx->argv[i];

        if (!strncmp(name, "ah:", 3)) {
            algo = xfrm_algo_nearest_of(IPPROTO_AH, name + 3);
        } else if (!strncmp(name, "ipcomp:", 7)) {
            algo = xfrm_algo_nearest_of(IPPROTO_COMP, name + 7);
        } else {
            algo = xfrm_algo_nearest(name);
        }
        printf("%s: %s\n", name, algo ? algo->name : "no idea");
    }
}

/* The 'n' bytes from 'first' on of the key that the 'i'-th algorithm has in
 * "algo-ip". */
static void
put_key(size_t i, size_t first, size_t n, struct ds *ds)
{
    for (size_t j = first; j < first + n; j++) {
        ds_put_format(ds, "%02x", (unsigned int) (17 * i + 7 * j + 3) & 0xff);
    }
}

/* "algo-ip": for each algorithm its protocol, its name, a key ("-" if it has
 * none), and the same as arguments of "ip xfrm state". */
static void
test_algo_ip(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    const struct xfrm_algo *algo;

    for (size_t i = 0; (algo = xfrm_algo_at(i)) != NULL; i++) {
        size_t crypt_len = algo->crypt_key_len + algo->salt_len;
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_format(&ds, "%s %s ", algo->proto == IPPROTO_ESP ? "esp"
                      : algo->proto == IPPROTO_AH ? "ah" : "comp",
                      algo->name);
        put_key(i, 0, xfrm_algo_key_len(algo), &ds);
        ds_put_cstr(&ds, xfrm_algo_key_len(algo) ? "" : "-");
        if (algo->kind == XFRM_ALGO_AEAD) {
            ds_put_format(&ds, " aead '%s' 0x", algo->crypt_name);
            put_key(i, 0, crypt_len, &ds);
            ds_put_format(&ds, " %d", algo->icv_len * 8);
        } else if (algo->kind == XFRM_ALGO_CIPHER_AUTH) {
            ds_put_format(&ds, " enc '%s' '%s", algo->crypt_name,
                          crypt_len ? "0x" : "");
            put_key(i, 0, crypt_len, &ds);
            ds_put_char(&ds, '\'');
        } else if (algo->kind == XFRM_ALGO_COMP) {
            ds_put_format(&ds, " comp %s", algo->crypt_name);
        }
        if (algo->auth_name) {
            ds_put_format(&ds, " auth-trunc '%s' 0x", algo->auth_name);
            put_key(i, crypt_len, algo->auth_key_len, &ds);
            ds_put_format(&ds, " %d", algo->icv_len * 8);
        }
        puts(ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

const struct ovs_cmdl_command test_xfrm_algo_commands[] = {
    { "algo-list", NULL, 0, 0, test_algo_list, OVS_RO },
    { "algo-ip", NULL, 0, 0, test_algo_ip, OVS_RO },
    { "algo-check", NULL, 0, 0, test_algo_check, OVS_RO },
    { "algo-nearest", "NAME...", 1, INT_MAX, test_algo_nearest, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

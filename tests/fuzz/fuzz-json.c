/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: SA files.  What is accepted must be valid; what is refused must
 * be refused in words, and none of it may be left behind. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "util.h"
#include "xfrm-json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool accepted = false;

    for (unsigned int mode = 0; mode < XFRM_SPEC_N_MODES; mode++) {
        struct xfrm_port_options options;
        struct xfrm_sa_spec *sas;
        char *error;
        size_t n;

        xfrm_options_init(&options);
        options.if_id = options.reqid = 42;
        options.mode = mode;
        ovs_assert(xfrm_addr_from_string("192.0.2.1", &options.local_ip));
        ovs_assert(xfrm_addr_from_string("192.0.2.2", &options.remote_ip));
        if (!xfrm_json_parse_sas((const char *) data, size, &options, &sas,
                                 &n, &error)) {
            ovs_assert(!error);
            accepted = true;
            for (size_t i = 0; i < n; i++) {
                struct ds ds = DS_EMPTY_INITIALIZER;

                ovs_assert(!xfrm_sa_spec_validate(&sas[i], &error));
                ovs_assert(sas[i].if_id == 42 && sas[i].mode == mode);
                xfrm_sa_spec_format(&sas[i], &ds);
                ds_destroy(&ds);
            }
            xfrm_sa_specs_free(sas, n);
        } else {
            ovs_assert(error && !sas && !n);
            fuzz_check_sentence(error);
        }
        xfrm_options_destroy(&options);
    }
    return accepted ? 0 : -1;
}

#define KEY19 "0102030405060708090a0b0c0d0e0f10111213"
#define KEY20 "00" KEY19
#define KEY48 KEY20 KEY20 "0011223344556677"

bool
fuzz_seed(size_t i, struct ds *seed)
{
    static const char *const seeds[] = {
        "{\"sas\": []}",
        "{\"sas\": [{\"direction\": \"out\", \"spi\": \"0x1001\", "
        "\"algorithm\": \"aes128gcm16\", \"key\": \"" KEY20 "\"}, "
        "{\"direction\": \"in\", \"spi\": 4098, "
        "\"algorithm\": \"aes128gcm16\", \"key\": \"0xAb" KEY19 "\"}]}",
        "{\"sas\": [{\"direction\": \"in\", \"spi\": 4098, "
        "\"src\": \"192.0.2.2\", \"dst\": \"192.0.2.1\", "
        "\"mode\": \"tunnel\", "
        "\"algorithm\": \"aes128-sha256\", \"key\": \"" KEY48 "\", "
        "\"reqid\": 42, \"replay_window\": 4096, \"esn\": true, "
        "\"encap\": \"udp:4500:4501\", \"lifetime\": {"
        "\"soft_bytes\": 1000, \"hard_bytes\": 2000, "
        "\"soft_packets\": 1, \"hard_packets\": 9007199254740993, "
        "\"soft_seconds\": 0, \"hard_seconds\": 3600}}]}",
        " {\"sas\":\n[\t{\"spi\":\"\\u0033\\u0030\\u0030\","
        "\"direction\":\"out\",\"algorithm\":\"null-sha1\","
        "\"key\":\"" KEY20 "\"}]}\n",
    };

    if (i >= ARRAY_SIZE(seeds)) {
        return false;
    }
    ds_put_cstr(seed, seeds[i]);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: Interface options, and the small texts that the database has
 * (keys, selectors, marks, flags and so on).  An input is lines of KEY=VALUE.  What
 * is accepted must mean the same when it is written and read again. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "smap.h"
#include "util.h"
#include "xfrm-algo.h"
#include "xfrm-options.h"
#include "xfrm-secret.h"

static bool
fuzz_options(const struct smap *smap)
{
    struct xfrm_port_options options, again;
    char *error, *warning;

    if (!xfrm_options_parse(smap, &options, &error, &warning)) {
        struct smap copy = SMAP_INITIALIZER(&copy);

        ovs_assert(!error);
        fuzz_check_sentence(warning);
        xfrm_options_to_smap(&options, &copy);
        ovs_assert(!xfrm_options_parse(&copy, &again, &error, &warning));
        free(warning);
        ovs_assert(xfrm_options_equals(&options, &again));
        xfrm_options_destroy(&again);
        smap_destroy(&copy);
        xfrm_options_destroy(&options);
        return true;
    }
    ovs_assert(error);
    fuzz_check_sentence(error);
    fuzz_check_sentence(warning);
    return false;
}

static void
set_pair(const char *key, const char *value, void *sel)
{
    char *error;

    ovs_assert(!xfrm_sel_set(sel, key, value, &error));
}

static bool
fuzz_sel(const struct smap *smap)
{
    struct xfrm_sel sel, again;
    const struct smap_node *node;
    char *error = NULL;

    memset(&sel, 0, sizeof sel);
    memset(&again, 0, sizeof again);
    SMAP_FOR_EACH (node, smap) {
        /* Keys of other kinds are no reason to stop here. */
        if (xfrm_sel_set(&sel, node->key, node->value, &error)) {
            ovs_assert(error);
            fuzz_check_sentence(error);
        }
    }
    if (!xfrm_sel_finish(&sel, &error)) {
        ovs_assert(!error && !sel.draft && !xfrm_sel_check(&sel));
        xfrm_sel_for_each_pair(&sel, set_pair, &again);
        ovs_assert(!xfrm_sel_finish(&again, &error));
        ovs_assert(xfrm_sel_equals(&sel, &again));
        return !xfrm_sel_is_any(&sel);
    }
    ovs_assert(error);
    fuzz_check_sentence(error);
    return false;
}

/* What is said about a key depends on where it has digits and where something
 * else, but not on which: another of the same shape is refused in the same
 * words, so that they hold nothing of it. */
static void
fuzz_key(const char *s)
{
    struct xfrm_secret secret, again;
    char *error;

    if (!xfrm_secret_from_hex(&secret, s, &error)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ovs_assert(!error && secret.len && secret.len <= XFRM_SECRET_MAX);
        xfrm_secret_format_hex(&secret, &ds);
        ovs_assert(!xfrm_secret_from_hex(&again, ds_cstr(&ds), &error));
        ovs_assert(xfrm_secret_equals(&secret, &again));
        xfrm_secret_destroy(&again);
        xfrm_secret_destroy(&secret);
        ds_destroy(&ds);
    } else {
        size_t prefix = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 2 : 0;
        char *other = xstrdup(s);
        char *other_error;

        ovs_assert(!secret.len && !secret.data);
        for (char *p = other + prefix; *p; p++) {
            *p = isxdigit((unsigned char) *p) ? (*p == '5' ? '6' : '5')
                                              : (*p == '!' ? '?' : '!');
        }
        ovs_assert(xfrm_secret_from_hex(&again, other, &other_error));
        ovs_assert(!strcmp(error, other_error));
        free(other);
        fuzz_check_sentence(other_error);
        fuzz_check_sentence(error);
    }
}

static void
fuzz_value(const char *s)
{
    struct xfrm_mark mark, again;
    struct xfrm_encap encap;
    uint8_t proto;
    uint32_t flag;
    char *error;

    if (!xfrm_mark_from_string(s, &mark, &error)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ovs_assert(!error && mark.mask && !(mark.value & ~mark.mask));
        xfrm_mark_format(&mark, &ds);
        ovs_assert(!xfrm_mark_from_string(ds_cstr(&ds), &again, &error));
        ovs_assert(xfrm_mark_equals(&mark, &again));
        ds_destroy(&ds);
    } else {
        fuzz_check_sentence(error);
    }
    if (!xfrm_encap_from_string(s, &encap, &error)) {
        ovs_assert(!encap.sport == !encap.dport);
    } else {
        fuzz_check_sentence(error);
    }
    if (xfrm_proto_from_name(s, &proto, &error)) {
        fuzz_check_sentence(error);
    } else {
        ovs_assert(!strcmp(xfrm_proto_name(proto), s));
    }
    if (xfrm_sa_flag_from_name(s, &flag, &error)) {
        fuzz_check_sentence(error);
    } else {
        ovs_assert(!strcmp(xfrm_sa_flag_name(flag), s));
    }
    fuzz_key(s);
    xfrm_algo_nearest(s);
    xfrm_algo_nearest_of(IPPROTO_AH, s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *text = xmemdup0((const char *) data, size);
    char *save = NULL;
    bool accepted;

    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *equals = strchr(line, '=');

        if (equals) {
            *equals = '\0';
            smap_replace(&smap, line, equals + 1);
            fuzz_value(equals + 1);
        }
    }
    accepted = fuzz_options(&smap);
    accepted = fuzz_sel(&smap) || accepted;
    smap_destroy(&smap);
    free(text);
    return accepted ? 0 : -1;
}

bool
fuzz_seed(size_t i, struct ds *seed)
{
    static const char *const seeds[] = {
        "if_id=42\n",
        "if_id=0xffffffff\nmode=transport\nlocal_ip=192.0.2.1\n"
        "remote_ip=192.0.2.2\nreqid=7\nkeying=external\n",
        "if_id=1\nlocal_ip=2001:db8::1\nremote_ip=2001:db8::2\n"
        "local_ts=10.0.0.0/8,fd00::/8\nremote_ts=0.0.0.0/0,::/0\n"
        "sa_file=/etc/openvswitch/xfrm/x.json\noffload=crypto\ndev=eth0\n"
        "encap=udp:4500:4501\n",
        "if_id=1\nmode=beet\nlocal_ip=192.0.2.1\nremote_ip=192.0.2.2\n"
        "local_ts=10.0.0.1\nremote_ts=10.0.0.2\nencap=udp\noffload=auto\n",
        "src=10.0.0.0/8\ndst=10.1.0.0/16\nproto=tcp\nsport=1\ndport=443\n",
        "proto=icmp\nicmp-type=8\nicmp-code=0\n",
        "dst=fd00::/8\nproto=58\nicmp-type=128\n",
        "mark=0x10/0xff\nmark2=16\nencap=none\nflag=decap-dscp\n"
        "flag2=dont-encap-dscp\nproto=ipcomp\nalgorithm=aes128gcm16\n"
        "src=10.0.0.0/8\n",
        "src=10.0.0.0/8\nkey=00112233445566778899aabbccddeeff01020304\n"
        "key2=0xFFEEDDCCBBAA99887766554433221100\nkey3=001122334g5566\n"
        "key4=0x123\n",
    };

    if (i >= ARRAY_SIZE(seeds)) {
        return false;
    }
    ds_put_cstr(seed, seeds[i]);
    return true;
}

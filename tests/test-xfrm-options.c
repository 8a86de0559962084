/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of xfrm-options.  tests/unit-options.at stands above. */

#include <config.h>

#undef NDEBUG
#include "xfrm-options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "random.h"
#include "smap.h"
#include "tests/test-xfrm.h"
#include "util.h"
#include "xfrm-text.h"

extern const struct ovs_cmdl_command test_xfrm_options_commands[];

static void
print_smap(const struct smap *smap)
{
    const struct smap_node **nodes = smap_sort(smap);

    for (size_t i = 0; i < smap_count(smap); i++) {
        printf("%s%s=%s", i ? " " : "", nodes[i]->key, nodes[i]->value);
    }
    putchar('\n');
    free(nodes);
}

/* What xfrm_options_parse() gave is equal to its clone, and to what one gets
 * from parsing its canonical form. */
static void
check_round_trip(const struct xfrm_port_options *o, bool show)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct xfrm_port_options clone, again;
    char *error, *warning;

    xfrm_options_clone(&clone, o);
    ovs_assert(xfrm_options_equals(o, &clone));
    clone.if_id ^= 1;
    ovs_assert(!xfrm_options_equals(o, &clone));
    xfrm_options_destroy(&clone);
    xfrm_options_destroy(&clone);

    xfrm_options_to_smap(o, &smap);
    if (show) {
        print_smap(&smap);
    }
    ovs_assert(!xfrm_options_parse(&smap, &again, &error, &warning));
    ovs_assert(xfrm_options_equals(o, &again));
    xfrm_options_destroy(&again);
    free(warning);
    smap_destroy(&smap);
}

static bool
parse(const struct smap *smap, bool show)
{
    struct xfrm_port_options o;
    char *error, *warning;
    int retval;

    retval = xfrm_options_parse(smap, &o, &error, &warning);
    ovs_assert(retval == (error ? EINVAL : 0));
    if (warning && show) {
        printf("warning: %s\n", warning);
    }
    if (error) {
        struct xfrm_port_options initial;

        if (show) {
            printf("error: %s\n", error);
        }
        xfrm_options_init(&initial);
        ovs_assert(xfrm_options_equals(&o, &initial));
    } else {
        ovs_assert(o.if_id && o.reqid);
        ovs_assert(!o.local_ip.family == !o.remote_ip.family);
        check_round_trip(&o, show);
    }
    xfrm_options_destroy(&o);
    free(error);
    free(warning);
    return !retval;
}

/* "options-parse [KEY=VALUE...]": the canonical form, or the error; before it
 * the warning. */
static void
test_options_parse(struct ovs_cmdl_context *ctx)
{
    struct smap smap = SMAP_INITIALIZER(&smap);

    for (int i = 1; i < ctx->argc; i++) {
        char *name = xstrdup(ctx->argv[i]);
        char *equals = strchr(name, '=');

        ovs_assert(equals);
        *equals = '\0';
        smap_replace(&smap, name, equals + 1);
        free(name);
    }
    parse(&smap, true);
    smap_destroy(&smap);
}

/* "options-try KEY VALUE...": parses each of the values beside a valid
 * if_id. */
static void
test_options_try(struct ovs_cmdl_context *ctx)
{
    for (int i = 2; i < ctx->argc; i++) {
        struct smap smap = SMAP_INITIALIZER(&smap);

        smap_add(&smap, "if_id", "42");
        smap_replace(&smap, ctx->argv[1], ctx->argv[i]);
        parse(&smap, true);
        smap_destroy(&smap);
    }
}

/* "options-ts-list N": a list of N prefixes as local_ts. */
static void
test_options_ts_list(struct ovs_cmdl_context *ctx)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct ds ds = DS_EMPTY_INITIALIZER;
    int n = atoi(ctx->argv[1]);

    for (int i = 0; i < n; i++) {
        ds_put_format(&ds, "%s10.%d.0.0/16", i ? "," : "", i);
    }
    smap_add(&smap, "if_id", "42");
    smap_add(&smap, "local_ip", "192.0.2.1");
    smap_add(&smap, "remote_ip", "192.0.2.2");
    smap_add(&smap, "local_ts", ds_cstr(&ds));
    parse(&smap, true);
    ds_destroy(&ds);
    smap_destroy(&smap);
}

static void
test_options_manual(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    xfrm_options_format_manual(&ds);
    fputs(ds_cstr(&ds), stdout);
    ds_destroy(&ds);
}

/* Random rows. */

static const char *const words[] = {
    "if_id", "mode", "local_ip", "remote_ip", "local_ts", "remote_ts",
    "reqid", "sa_file", "keying", "offload", "dev", "encap",
    "tunnel", "transport", "beet", "managed", "external", "no", "crypto",
    "packet", "auto", "none", "udp", "udp:", "4500", ":", ",", "/", " ", "-",
    "+", "0x", "0", "1", "42", "4294967295", "4294967296", "ffffffff",
    "10.0.0.0/8", "192.0.2.1", "192.0.2.2", "fd00::/8", "2001:db8::1",
    "2001:db8::2", "/32", "/128", "/129", "::", "255.255.255.255",
    "224.0.0.1", "ff02::1", "/etc/sa.json", "eth0", ".", "\n", "\"", "\\",
    "\xff", "%s%n", "18446744073709551616",
};

static char *
random_text(void)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    /* Now and then something very long. */
    int n = random_range(50) ? random_range(5) : random_range(3000);

    for (int i = 0; i < n; i++) {
        if (random_range(4)) {
            ds_put_cstr(&ds, words[random_range(ARRAY_SIZE(words))]);
        } else {
            ds_put_char(&ds, 1 + random_range(255));
        }
    }
    return ds_steal_cstr(&ds);
}

/* A value that is right more often than not, so that the rules between
 * options are reached as well. */
static char *
random_value(const char *name)
{
    static const char *const likely[][5] = {
        { "if_id", "1", "0x2a", "4294967295", NULL },
        { "mode", "tunnel", "transport", "beet", NULL },
        { "local_ip", "192.0.2.1", "2001:db8::1", NULL },
        { "remote_ip", "192.0.2.2", "2001:db8::2", NULL },
        { "local_ts", "192.0.2.1", "10.0.0.0/8, fd00::/8", "fd00::1/128",
          NULL },
        { "remote_ts", "192.0.2.2", "10.0.0.0/8,10.0.0.0/9", "::/0", NULL },
        { "reqid", "1", "0x2a", NULL },
        { "sa_file", "/a", "/etc/b.json", NULL },
        { "keying", "managed", "external", NULL },
        { "offload", "no", "crypto", "packet", "auto" },
        { "dev", "eth0", "a", NULL },
        { "encap", "none", "udp", "udp:4500:4500", "udp:1:65535" },
    };

    if (random_range(8)) {
        for (size_t i = 0; i < ARRAY_SIZE(likely); i++) {
            if (!strcmp(likely[i][0], name)) {
                const char *value = likely[i][1 + random_range(4)];

                return xstrdup(value ? value : likely[i][1]);
            }
        }
    }
    return random_text();
}

static void
fuzz_row(unsigned int *n_valid)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    int n = random_range(9);

    for (int i = 0; i < n; i++) {
        /* The first dozen of the words are the names of options. */
        char *name = (random_range(16) ? xstrdup(words[random_range(12)])
                      : random_text());

        smap_replace_nocopy(&smap, name, random_value(name));
        free(name);
    }
    if (random_range(8)) {
        smap_replace(&smap, "if_id", "42");
    }
    *n_valid += parse(&smap, false);
    smap_destroy(&smap);
}

static void
fuzz_text(void)
{
    char *text = random_text();
    char *quoted = xfrm_text_quote(text);
    struct xfrm_prefix prefix;
    struct xfrm_secret secret;
    struct xfrm_addr addr;
    uint64_t value;
    char *error;

    for (const char *p = quoted; *p; p++) {
        ovs_assert(*p >= 0x20 && *p < 0x7f);
    }
    free(quoted);

    if (xfrm_addr_from_string(text, &addr)) {
        ovs_assert(addr.family);
    }
    if (!xfrm_prefix_from_string(text, &prefix, &error)) {
        ovs_assert(prefix.plen <= xfrm_addr_bits(prefix.addr.family));
    } else {
        ovs_assert(error && strlen(error) < 1000);
        free(error);
    }
    if (xfrm_secret_from_hex(&secret, text, &error)) {
        free(error);
    }
    xfrm_secret_destroy(&secret);
    if (xfrm_text_to_uint(text, 1000, &value)) {
        ovs_assert(value <= 1000);
    }
    xfrm_algo_nearest(text);
    free(text);
}

/* "options-fuzz SEED N": N random rows and N random texts. */
static void
test_options_fuzz(struct ovs_cmdl_context *ctx)
{
    uint32_t seed = strtoul(ctx->argv[1], NULL, 0);
    int n = atoi(ctx->argv[2]);
    unsigned int n_valid = 0;

    random_set_seed(seed ? seed : 1);
    for (int i = 0; i < n; i++) {
        fuzz_row(&n_valid);
        fuzz_text();
    }
    /* Both outcomes must occur, or the rows prove little. */
    printf("%s\n", n < 1000 || (n_valid > 0 && n_valid < (unsigned int) n)
           ? "ok" : "rows are one-sided");
}

const struct ovs_cmdl_command test_xfrm_options_commands[] = {
    { "options-parse", "[KEY=VALUE...]", 0, INT_MAX, test_options_parse,
      OVS_RO },
    { "options-try", "KEY VALUE...", 2, INT_MAX, test_options_try, OVS_RO },
    { "options-ts-list", "N", 1, 1, test_options_ts_list, OVS_RO },
    { "options-manual", NULL, 0, 0, test_options_manual, OVS_RO },
    { "options-fuzz", "SEED N", 2, 2, test_options_fuzz, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

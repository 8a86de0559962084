/* SPDX-License-Identifier: Apache-2.0 */

/* Arguments of the command line for backends: see test-xfrm-backend-args.h. */

#include <config.h>

#include "tests/test-xfrm-backend-args.h"

#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "smap.h"
#include "util.h"

uint64_t
args_number(const struct smap *args, const char *name, uint64_t def)
{
    const char *s = smap_get(args, name);
    unsigned long long int value;

    if (!s) {
        return def;
    }
    if (!str_to_ullong(s, 0, &value)) {
        ovs_fatal(0, "%s=%s: not a number", name, s);
    }
    return value;
}

struct xfrm_addr
args_address(const struct smap *args, const char *name)
{
    const char *s = smap_get(args, name);
    struct xfrm_addr addr;

    memset(&addr, 0, sizeof addr);
    if (s && !xfrm_addr_from_string(s, &addr)) {
        ovs_fatal(0, "%s=%s: not an address", name, s);
    }
    return addr;
}

static struct xfrm_mark
mark(const struct smap *args, const char *name)
{
    const char *s = smap_get(args, name);
    struct xfrm_mark m;
    char *error;

    memset(&m, 0, sizeof m);
    if (s && xfrm_mark_from_string(s, &m, &error)) {
        ovs_fatal(0, "%s", error);
    }
    return m;
}

/* Of names with commas between. */
static uint32_t
flags(const char *names)
{
    char *copy = xstrdup(names);
    uint32_t all = 0;
    char *save = NULL;

    for (char *s = strtok_r(copy, ",", &save); s;
         s = strtok_r(NULL, ",", &save)) {
        uint32_t flag;
        char *error;

        if (xfrm_sa_flag_from_name(s, &flag, &error)) {
            ovs_fatal(0, "%s", error);
        }
        all |= flag;
    }
    free(copy);
    return all;
}

static struct xfrm_sel
selector(const struct smap *args)
{
    const char *src = smap_get(args, "ssrc");
    const char *dst = smap_get(args, "sdst");
    struct xfrm_sel sel;
    char *error;

    memset(&sel, 0, sizeof sel);
    if ((src && xfrm_prefix_from_string(src, &sel.src, &error))
        || (dst && xfrm_prefix_from_string(dst, &sel.dst, &error))) {
        ovs_fatal(0, "%s", error);
    }
    sel.proto = args_number(args, "sproto", 0);
    return sel;
}

#define PARSE_ENUM(ARGS, NAME, DEFAULT, PARSE, OUT)                     \
    do {                                                                \
        const char *s__ = smap_get_def(ARGS, NAME, DEFAULT);            \
        if (!PARSE(s__, OUT)) {                                         \
            ovs_fatal(0, "%s=%s: unknown", NAME, s__);                  \
        }                                                               \
    } while (0)

void
args_to_smap(const struct ovs_cmdl_context *ctx, int first, struct smap *args)
{
    smap_init(args);
    for (int i = first; i < ctx->argc; i++) {
        const char *eq = strchr(ctx->argv[i], '=');

        if (!eq) {
            ovs_fatal(0, "%s: not NAME=VALUE", ctx->argv[i]);
        }
        smap_add_nocopy(args, xmemdup0(ctx->argv[i], eq - ctx->argv[i]),
                        xstrdup(eq + 1));
    }
}

void
args_default_key(const struct xfrm_algo *algo, struct xfrm_secret *key)
{
    uint8_t bytes[XFRM_SECRET_MAX];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i * 7 + 3;
    }
    xfrm_secret_init(key, bytes, xfrm_algo_key_len(algo));
}

void
sa_from_args(const struct smap *args, struct xfrm_sa_spec *sa)
{
    const char *algo = smap_get_def(args, "algo", "aes128gcm16");
    const char *key = smap_get(args, "key");
    char *error;

    memset(sa, 0, sizeof *sa);
    sa->if_id = args_number(args, "if_id", 0);
    sa->spi = args_number(args, "spi", 0x1001);
    if (xfrm_proto_from_name(smap_get_def(args, "proto", "esp"), &sa->proto,
                             &error)) {
        ovs_fatal(0, "%s", error);
    }
    sa->src = args_address(args, "src");
    sa->dst = args_address(args, "dst");
    PARSE_ENUM(args, "dir", "out", xfrm_dir_from_name, &sa->dir);
    PARSE_ENUM(args, "mode", "tunnel", xfrm_mode_from_name, &sa->mode);
    PARSE_ENUM(args, "offload", "no", xfrm_offload_from_name, &sa->offload);
    ovs_strlcpy(sa->offload_dev, smap_get_def(args, "offload_dev", ""),
                sizeof sa->offload_dev);
    sa->reqid = args_number(args, "reqid", sa->if_id);
    sa->algo = xfrm_algo_from_name_of(sa->proto, algo);
    if (!sa->algo) {
        ovs_fatal(0, "algo=%s: unknown", algo);
    }
    if (!key) {
        args_default_key(sa->algo, &sa->key);
    } else if (!key[0]) {
        xfrm_secret_init(&sa->key, NULL, 0);
    } else if (xfrm_secret_from_hex(&sa->key, key, &error)) {
        ovs_fatal(0, "key: %s", error);
    }
    sa->replay_window = args_number(args, "window",
                                    XFRM_REPLAY_WINDOW_DEFAULT);
    sa->esn = args_number(args, "esn", 0);
    sa->encap.sport = args_number(args, "sport", 0);
    sa->encap.dport = args_number(args, "dport", 0);
    sa->lifetime.soft_bytes = args_number(args, "soft_bytes", 0);
    sa->lifetime.hard_bytes = args_number(args, "hard_bytes", 0);
    sa->lifetime.soft_packets = args_number(args, "soft_packets", 0);
    sa->lifetime.hard_packets = args_number(args, "hard_packets", 0);
    sa->lifetime.soft_seconds = args_number(args, "soft_seconds", 0);
    sa->lifetime.hard_seconds = args_number(args, "hard_seconds", 0);
    sa->mark = mark(args, "mark");
    sa->output_mark = mark(args, "output_mark");
    sa->flags = flags(smap_get_def(args, "flags", ""));
    sa->sel = selector(args);
}

/* Templates "PROTO/MODE[/optional],...": those in tunnel mode are between the
 * addresses of 'args', the 'i'-th has 'i' added to the reqid. */
static void
templates(const struct smap *args, struct xfrm_policy_spec *policy)
{
    char *list = xstrdup(smap_get_def(args, "tmpl", "esp/tunnel"));
    char *save = NULL;

    for (char *s = strtok_r(list, ",", &save); s;
         s = strtok_r(NULL, ",", &save)) {
        struct xfrm_template *t = &policy->templates[policy->n_templates];
        char *save2 = NULL;
        const char *proto = strtok_r(s, "/", &save2);
        const char *mode = strtok_r(NULL, "/", &save2);
        char *error;

        ovs_assert(policy->n_templates < XFRM_MAX_TEMPLATES);
        if (!mode || xfrm_proto_from_name(proto, &t->proto, &error)
            || !xfrm_mode_from_name(mode, &t->mode)) {
            ovs_fatal(0, "tmpl: not PROTO/MODE[/optional],...");
        }
        t->optional = strtok_r(NULL, "/", &save2) != NULL;
        if (t->mode != XFRM_SPEC_TRANSPORT) {
            t->src = args_address(args, "src");
            t->dst = args_address(args, "dst");
        }
        t->reqid = args_number(args, "reqid", policy->if_id)
                   + policy->n_templates++;
    }
    free(list);
}

void
policy_from_args(const struct smap *args, struct xfrm_policy_spec *policy)
{
    memset(policy, 0, sizeof *policy);
    policy->if_id = args_number(args, "if_id", 0);
    PARSE_ENUM(args, "dir", "out", xfrm_dir_from_name, &policy->dir);
    PARSE_ENUM(args, "action", "protect", xfrm_action_from_name,
               &policy->action);
    policy->sel = selector(args);
    policy->mark = mark(args, "mark");
    policy->priority = args_number(args, "priority", 1000);
    if (policy->action == XFRM_ACTION_PROTECT) {
        templates(args, policy);
    }
}

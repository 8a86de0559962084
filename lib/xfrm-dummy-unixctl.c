/* SPDX-License-Identifier: Apache-2.0 */

/* The strings of xfrm-dummy.h as "ovs-appctl xfrm-dummy/..." commands, for
 * tests of the whole daemon. */

#include <config.h>

#include "xfrm-dummy.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "ovs-thread.h"
#include "unixctl.h"
#include "util.h"

/* Replies with what 'error' means. */
static void
reply(struct unixctl_conn *conn, int error)
{
    if (error) {
        unixctl_command_reply_error(conn, ovs_strerror(error));
    } else {
        unixctl_command_reply(conn, NULL);
    }
}

/* Parses 's' as a number of at most 'max'; on failure replies. */
static bool
parse_number(struct unixctl_conn *conn, const char *s, uint64_t max,
             uint64_t *value)
{
    unsigned long long int n;

    if (!str_to_ullong(s, 0, &n) || n > max) {
        char *text = xasprintf("%s: not a number up to %llu", s,
                               (unsigned long long int) max);

        unixctl_command_reply_error(conn, text);
        free(text);
        return false;
    }
    *value = n;
    return true;
}

static bool
parse_addr(struct unixctl_conn *conn, const char *s, struct xfrm_addr *addr)
{
    if (!xfrm_addr_from_string(s, addr)) {
        unixctl_command_reply_error(conn, "not an IP address");
        return false;
    }
    return true;
}

/* Parses 's', which is 'yes' or 'no'. */
static bool
parse_choice(struct unixctl_conn *conn, const char *s, const char *yes,
             const char *no, bool *value)
{
    if (strcmp(s, yes) && strcmp(s, no)) {
        char *text = xasprintf("%s: neither %s nor %s", s, yes, no);

        unixctl_command_reply_error(conn, text);
        free(text);
        return false;
    }
    *value = !strcmp(s, yes);
    return true;
}

static int
errno_from_name(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } names[] = {
#define E(NAME) { #NAME, NAME }
        E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(EAGAIN),
        E(ENOMEM), E(EACCES), E(EBUSY), E(EEXIST), E(ENODEV), E(EINVAL),
        E(ENOSPC), E(ERANGE), E(ENOSYS), E(EOPNOTSUPP), E(EPROTONOSUPPORT),
        E(ENOBUFS), E(ENETDOWN), E(ENETUNREACH), E(ENOPROTOOPT),
        E(EAFNOSUPPORT), E(ETIMEDOUT), E(EPROTO),
#undef E
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(name, names[i].name)) {
            return names[i].error;
        }
    }
    return 0;
}

static void
cmd_fail(struct unixctl_conn *conn, int argc, const char *argv[],
         void *aux OVS_UNUSED)
{
    uint64_t error = errno_from_name(argv[2]);
    uint64_t count = 1;

    if ((!error && !parse_number(conn, argv[2], 4095, &error))
        || (argc > 3 && !parse_number(conn, argv[3], UINT_MAX, &count))) {
        return;
    }
    if (xfrm_dummy_fail(argv[1], error, count)) {
        reply(conn, 0);
    } else {
        unixctl_command_reply_error(conn, "no such operation");
    }
}

static void
cmd_delay(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
          void *aux OVS_UNUSED)
{
    uint64_t ms;

    if (parse_number(conn, argv[1], 60000, &ms)) {
        xfrm_dummy_set_delay(ms);
        reply(conn, 0);
    }
}

static void
cmd_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
         const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_dummy_show(&s);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
cmd_log(struct unixctl_conn *conn, int argc, const char *argv[],
        void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (argc > 1 && strcmp(argv[1], "clear")) {
        unixctl_command_reply_error(conn, "only \"clear\" may follow");
        return;
    }
    xfrm_dummy_log(&s, argc > 1);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
cmd_calls(struct unixctl_conn *conn, int argc, const char *argv[],
          void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (argc > 1 && strcmp(argv[1], "clear")) {
        unixctl_command_reply_error(conn, "only \"clear\" may follow");
        return;
    }
    xfrm_dummy_calls(&s, argc > 1);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
cmd_reset(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    xfrm_dummy_reset();
    reply(conn, 0);
}

/* Reads a key in hexadecimal from the first line of 'file_name'. */
static int
read_key(const char *file_name, struct xfrm_secret *key)
{
    FILE *stream = fopen(file_name, "r");
    char line[2 * XFRM_SECRET_MAX + 2];
    char *message;
    int error;

    if (!stream) {
        return errno;
    }
    error = fgets(line, sizeof line, stream) ? 0 : EINVAL;
    fclose(stream);
    if (!error) {
        line[strcspn(line, "\n")] = '\0';
        error = xfrm_secret_from_hex(key, line, &message);
        if (error) {
            free(message);
        }
    }
    xfrm_wipe(line, sizeof line);
    return error;
}

/* The key is in a file, since arguments of commands go to the log. */
static void
cmd_sa_add(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    struct xfrm_secret key = { NULL, 0 };
    struct xfrm_addr src, dst;
    uint64_t if_id, spi;

    if (parse_number(conn, argv[1], UINT32_MAX, &if_id)
        && parse_addr(conn, argv[2], &src)
        && parse_addr(conn, argv[3], &dst)
        && parse_number(conn, argv[4], UINT32_MAX, &spi)) {
        int error = argc > 5 ? read_key(argv[5], &key) : 0;

        if (!error) {
            error = (argc > 5
                     ? xfrm_dummy_sa_add_key(
                         if_id, &src, &dst, spi,
                         xfrm_algo_from_name("aes128gcm16"), &key)
                     : xfrm_dummy_sa_add(if_id, &src, &dst, spi));
        }
        reply(conn, error);
    }
    xfrm_secret_destroy(&key);
}

static void
cmd_sa_del(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[], void *aux OVS_UNUSED)
{
    struct xfrm_addr dst;
    uint64_t spi;

    if (parse_addr(conn, argv[1], &dst)
        && parse_number(conn, argv[2], UINT32_MAX, &spi)) {
        reply(conn, xfrm_dummy_sa_del(&dst, spi));
    }
}

/* A policy of somebody else: everything, one tunnel template. */
static void
cmd_policy_set(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[], void *aux OVS_UNUSED)
{
    struct xfrm_policy_spec policy;
    uint64_t if_id;

    memset(&policy, 0, sizeof policy);
    if (!parse_number(conn, argv[1], UINT32_MAX, &if_id)
        || !parse_addr(conn, argv[3], &policy.templates[0].src)
        || !parse_addr(conn, argv[4], &policy.templates[0].dst)) {
        return;
    }
    if (!xfrm_dir_from_name(argv[2], &policy.dir)) {
        unixctl_command_reply_error(conn, "no such direction");
        return;
    }
    policy.if_id = if_id;
    policy.sel.src = xfrm_prefix_any(AF_INET);
    policy.sel.dst = xfrm_prefix_any(AF_INET);
    policy.priority = 1000;
    policy.action = XFRM_ACTION_PROTECT;
    policy.n_templates = 1;
    policy.templates[0].proto = IPPROTO_ESP;
    policy.templates[0].mode = XFRM_SPEC_TUNNEL;
    xfrm_dummy_policy_set(&policy);
    reply(conn, 0);
}

static void
cmd_policy_del(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[], void *aux OVS_UNUSED)
{
    enum xfrm_dir dir;
    uint64_t if_id;

    if (!parse_number(conn, argv[1], UINT32_MAX, &if_id)) {
        return;
    }
    if (!xfrm_dir_from_name(argv[2], &dir)) {
        unixctl_command_reply_error(conn, "no such direction");
        return;
    }
    reply(conn, xfrm_dummy_policy_del(if_id, dir));
}

static void
cmd_flush(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    xfrm_dummy_flush();
    reply(conn, 0);
}

static void
cmd_expire(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[], void *aux OVS_UNUSED)
{
    uint64_t spi;
    bool hard;

    if (parse_number(conn, argv[1], UINT32_MAX, &spi)
        && parse_choice(conn, argv[2], "hard", "soft", &hard)) {
        reply(conn, xfrm_dummy_expire(spi, hard));
    }
}

static void
cmd_overrun(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    xfrm_dummy_overrun();
    reply(conn, 0);
}

static void
cmd_acquire(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[], void *aux OVS_UNUSED)
{
    struct xfrm_addr src, dst;
    uint64_t if_id;

    if (parse_number(conn, argv[1], UINT32_MAX, &if_id)
        && parse_addr(conn, argv[2], &src)
        && parse_addr(conn, argv[3], &dst)) {
        reply(conn, xfrm_dummy_acquire(if_id, &src, &dst));
    }
}

static void
cmd_mapping(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[], void *aux OVS_UNUSED)
{
    struct xfrm_addr src, dst;
    uint64_t spi, sport;

    if (parse_addr(conn, argv[1], &dst)
        && parse_number(conn, argv[2], UINT32_MAX, &spi)
        && parse_addr(conn, argv[3], &src)
        && parse_number(conn, argv[4], UINT16_MAX, &sport)) {
        reply(conn, xfrm_dummy_mapping(&dst, spi, &src, sport));
    }
}

static void
cmd_traffic(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[], void *aux OVS_UNUSED)
{
    uint64_t n;

    if (parse_number(conn, argv[2], UINT64_MAX, &n)) {
        reply(conn, xfrm_dummy_traffic(argv[1], n));
    }
}

static void
cmd_add_link(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    uint64_t if_id = 0;

    if (argc <= 3 || parse_number(conn, argv[3], UINT32_MAX, &if_id)) {
        reply(conn, xfrm_dummy_link_add(argv[1], argv[2], if_id));
    }
}

static void
cmd_del_link(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *aux OVS_UNUSED)
{
    reply(conn, xfrm_dummy_link_del(argv[1]));
}

static void
cmd_set_link(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *aux OVS_UNUSED)
{
    bool up;

    if (parse_choice(conn, argv[2], "up", "down", &up)) {
        reply(conn, xfrm_dummy_link_set_up(argv[1], up));
    }
}

static void
cmd_set_offload(struct unixctl_conn *conn, int argc OVS_UNUSED,
                const char *argv[], void *aux OVS_UNUSED)
{
    enum xfrm_offload offload;

    if (!xfrm_offload_from_name(argv[2], &offload)
        || offload == XFRM_OFF_AUTO) {
        unixctl_command_reply_error(conn, "not no, crypto or packet");
        return;
    }
    reply(conn, xfrm_dummy_link_set_offload(argv[1], offload));
}

static void
cmd_set_caps(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *aux OVS_UNUSED)
{
    bool on;

    if (!parse_choice(conn, argv[2], "on", "off", &on)) {
        return;
    }
    if (xfrm_dummy_set_cap(argv[1], on)) {
        reply(conn, 0);
    } else {
        unixctl_command_reply_error(conn, "no such capability");
    }
}

static void
cmd_set_algo(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *aux OVS_UNUSED)
{
    bool on;

    if (!parse_choice(conn, argv[2], "on", "off", &on)) {
        return;
    }
    if (xfrm_dummy_set_algo(argv[1], on)) {
        reply(conn, 0);
    } else {
        unixctl_command_reply_error(conn, "no such algorithm");
    }
}

static void
cmd_set_module(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[], void *aux OVS_UNUSED)
{
    bool on;

    if (parse_choice(conn, argv[1], "on", "off", &on)) {
        xfrm_dummy_set_module(on);
        reply(conn, 0);
    }
}

static void
cmd_route_mtu(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[], void *aux OVS_UNUSED)
{
    uint64_t mtu;

    if (parse_number(conn, argv[1], 65536, &mtu)) {
        xfrm_dummy_set_route_mtu(mtu);
        reply(conn, 0);
    }
}

static void
cmd_set_counter(struct unixctl_conn *conn, int argc OVS_UNUSED,
                const char *argv[], void *aux OVS_UNUSED)
{
    uint64_t value;

    if (!parse_number(conn, argv[2], UINT64_MAX, &value)) {
        return;
    }
    if (xfrm_dummy_set_counter(argv[1], value)) {
        reply(conn, 0);
    } else {
        unixctl_command_reply_error(conn, "no such counter");
    }
}

/* Registers the commands, the first time that it is called. */
void
xfrm_dummy_unixctl_init(void)
{
    static const struct {
        const char *name;
        const char *usage;
        int min_args, max_args;
        unixctl_cb_func *cb;
    } commands[] = {
        { "fail", "OPERATION ERRNO|NAME [COUNT]", 2, 3, cmd_fail },
        { "delay", "MILLISECONDS", 1, 1, cmd_delay },
        { "show", "", 0, 0, cmd_show },
        { "log", "[clear]", 0, 1, cmd_log },
        { "calls", "[clear]", 0, 1, cmd_calls },
        { "reset", "", 0, 0, cmd_reset },
        { "sa-add", "IF_ID SRC DST SPI [KEY_FILE]", 4, 5, cmd_sa_add },
        { "sa-del", "DST SPI", 2, 2, cmd_sa_del },
        { "policy-set", "IF_ID in|out|fwd SRC DST", 4, 4, cmd_policy_set },
        { "policy-del", "IF_ID in|out|fwd", 2, 2, cmd_policy_del },
        { "flush", "", 0, 0, cmd_flush },
        { "expire", "SPI hard|soft", 2, 2, cmd_expire },
        { "overrun", "", 0, 0, cmd_overrun },
        { "acquire", "IF_ID SRC DST", 3, 3, cmd_acquire },
        { "mapping", "DST SPI NEW_SRC NEW_SPORT", 4, 4, cmd_mapping },
        { "traffic", "NAME N", 2, 2, cmd_traffic },
        { "add-link", "NAME KIND [IF_ID]", 2, 3, cmd_add_link },
        { "del-link", "NAME", 1, 1, cmd_del_link },
        { "set-link", "NAME up|down", 2, 2, cmd_set_link },
        { "set-offload", "NAME no|crypto|packet", 2, 2, cmd_set_offload },
        { "set-caps", "transport|routes|inbound|pmtu on|off", 2, 2, cmd_set_caps },
        { "set-algo", "NAME on|off", 2, 2, cmd_set_algo },
        { "set-module", "on|off", 1, 1, cmd_set_module },
        { "route-mtu", "BYTES", 1, 1, cmd_route_mtu },
        { "set-counter", "NAME VALUE", 2, 2, cmd_set_counter },
    };
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
            char *name = xasprintf("xfrm-dummy/%s", commands[i].name);

            /* The table of commands keeps a copy of the name, but points to
             * the usage. */
            unixctl_command_register(name, commands[i].usage,
                                     commands[i].min_args,
                                     commands[i].max_args,
                                     commands[i].cb, NULL);
            free(name);
        }
        ovsthread_once_done(&once);
    }
}

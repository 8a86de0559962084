/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of lib/xfrm-engine.c on the dummy datapath, in one process: the
 * test is the main thread, the engine has its own.
 *
 * The command runs a script of actions (see engine_actions below), so that
 * tests/unit-engine*.at read like what somebody does to a system. */

#include <config.h>

#undef NDEBUG
#include "xfrm-engine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "smap.h"
#include "svec.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-dummy.h"
#include "xfrm-text.h"

/* No wait in here takes longer, in ms, unless the test fails. */
#define PATIENCE 20000

/* The handle of the main thread, like that of netdev-xfrm. */
static struct xfrm_backend *handle;

static void
action_start(char *args[])
{
    char *message;

    if (!handle) {
        ovs_assert(!xfrm_backend_dummy.open(false, &handle, &message));
    }
    ovs_assert(!xfrm_engine_start(&xfrm_backend_dummy,
                                  args[0] ? args[0] : "marks", &message));
}

static void
action_stop(char *args[] OVS_UNUSED)
{
    xfrm_engine_stop();
}

/* The absolute name of a file in the working directory. */
static char *
here(const char *name)
{
    char *cwd = getcwd(NULL, 0);
    char *s = xasprintf("%s/%s", cwd, name);

    free(cwd);
    return s;
}

/* port:NAME:OPTION=VALUE[ OPTION=VALUE...]: what netdev-xfrm does. */
static void
action_port(char *args[])
{
    struct xfrm_port_config config;
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct xfrm_link_state link;
    char *warning, *message;
    char *save = NULL;

    memset(&config, 0, sizeof config);
    for (char *p = strtok_r(args[1], " ", &save); p;
         p = strtok_r(NULL, " ", &save)) {
        char *value = strchr(p, '=');

        ovs_assert(value);
        *value++ = '\0';
        /* ":" separates arguments. */
        for (char *q = value; *q; q++) {
            *q = *q == '!' ? ':' : *q;
        }
        if (!strcmp(p, "sa_file") && value[0] != '/') {
            smap_add_nocopy(&smap, xstrdup(p), here(value));
        } else {
            smap_add(&smap, p, value);
        }
    }
    if (xfrm_options_parse(&smap, &config.options, &message, &warning)) {
        ovs_fatal(0, "%s", message);
    }
    free(warning);
    smap_destroy(&smap);

    ovs_strlcpy(config.link.name, args[0], sizeof config.link.name);
    config.link.if_id = config.options.if_id;
    config.owned = true;
    xfrm_engine_settle_removal(args[0]);
    if (!handle->class->link_get(handle, args[0], &link)) {
        config.adopted = true;
        config.prior_if_id = link.spec.if_id;
    } else if (handle->class->link_create(handle, &config.link, &link,
                                          &message)) {
        ovs_fatal(0, "%s", message);
    }
    config.ifindex = link.ifindex;
    xfrm_engine_set_port(&config);
    xfrm_options_destroy(&config.options);
}

static void
action_remove(char *args[])
{
    xfrm_engine_remove_port(args[0]);
}

/* hold:on|off: whether there are rows of a database still to come. */
static void
action_hold(char *args[])
{
    xfrm_engine_hold(!strcmp(args[0], "on"));
}

/* watch:on|off: whether there is a database. */
static void
action_watch(char *args[])
{
    xfrm_engine_watch(!strcmp(args[0], "on"));
}

/* ahead: the rows of the database are there, but not yet known. */
static void
action_ahead(char *args[] OVS_UNUSED)
{
    xfrm_engine_look_ahead();
}

static void
action_forget(char *args[] OVS_UNUSED)
{
    xfrm_engine_forget_all();
}

static void
action_flush(char *args[] OVS_UNUSED)
{
    ovs_assert(xfrm_engine_flush_removals(PATIENCE));
}

static void
action_prune(char *args[])
{
    struct svec names;

    svec_init(&names);
    for (; *args; args++) {
        svec_add(&names, *args);
    }
    xfrm_engine_prune((const char *const *) names.names, names.n);
    svec_destroy(&names);
}

/* claim[:NAME]: that device is about to become a port's, or none is. */
static void
action_claim(char *args[])
{
    if (args[0]) {
        xfrm_engine_claim_device(args[0]);
    } else {
        xfrm_engine_unclaim_device();
    }
}

static void
action_abandon(char *args[])
{
    xfrm_engine_abandon(args[0]);
}

static void
wait_for_ticket(uint64_t ticket)
{
    long long int deadline = time_msec() + PATIENCE;

    while (!xfrm_engine_reached(ticket)) {
        ovs_assert(time_msec() < deadline);
        usleep(2000);
    }
}

/* Compares everything and waits for the end of it. */
static void
action_sync(char *args[])
{
    wait_for_ticket(xfrm_engine_reconcile(args[0]));
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
    char *tmp = xasprintf("%s.tmp", name);
    size_t len = strlen(text);
    int fd;

    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC, mode);
    ovs_assert(fd >= 0 && write(fd, text, len) == (ssize_t) len);
    close(fd);
    ovs_assert(!rename(tmp, name));
    free(tmp);
}

/* sas:FILE[:DIR,SPI,LETTER[,MORE]...]: writes an SA file.  A key consists of
 * LETTER, a hexadecimal digit; MORE is JSON with "!" for ":". */
static void
action_sas(char *args[])
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *name = args[0];

    ds_put_cstr(&s, "{\"sas\": [");
    for (int i = 1; args[i]; i++) {
        char *save = NULL;
        const char *dir = strtok_r(args[i], ",", &save);
        const char *spi = strtok_r(NULL, ",", &save);
        const char *letter = strtok_r(NULL, ",", &save);
        char *more = strtok_r(NULL, "", &save);
        bool cbc = more && more[0] == '@';

        more = cbc ? (more[1] ? more + 1 : NULL) : more;
        for (char *q = more; q && *q; q++) {
            *q = *q == '!' ? ':' : *q;
        }
        ds_put_format(&s, "%s{\"direction\": \"%s\", \"spi\": \"%s\", "
                      "\"algorithm\": \"%s\", \"key\": \"0x",
                      i > 1 ? ", " : "", dir, spi,
                      cbc ? "aes128-sha256" : "aes128gcm16");
        ds_put_char_multiple(&s, letter[0], cbc ? 96 : 40);
        ds_put_format(&s, "\"%s%s}", more ? ", " : "", more ? more : "");
    }
    ds_put_cstr(&s, "]}");
    write_file(name, ds_cstr(&s), 0600);
    ds_destroy(&s);
}

static void
action_text(char *args[])
{
    write_file(args[0], args[1] ? args[1] : "", 0600);
}

static void
action_unlink(char *args[])
{
    ovs_assert(!unlink(args[0]));
}

/* fail:OP:ERRNO:COUNT */
static void
action_fail(char *args[])
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {
        { "EPERM", EPERM }, { "EINVAL", EINVAL }, { "ENOMEM", ENOMEM },
        { "EEXIST", EEXIST }, { "EOPNOTSUPP", EOPNOTSUPP },
        { "ENOBUFS", ENOBUFS }, { "EBUSY", EBUSY },
    };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        if (!strcmp(errors[i].name, args[1])) {
            ovs_assert(xfrm_dummy_fail(args[0], errors[i].error,
                                       atoi(args[2])));
            return;
        }
    }
    ovs_fatal(0, "%s: unknown error", args[1]);
}

static void
action_log(char *args[] OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_dummy_log(&s, true);
    fputs(s.length ? ds_cstr(&s) : "(no writes)\n", stdout);
    ds_destroy(&s);
}

static void
action_clear(char *args[] OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_dummy_log(&s, true);
    ds_destroy(&s);
}

/* Waits until what 'format' writes has 'text'. */
static void
wait_for_text(void (*format)(struct ds *, bool clear), const char *text)
{
    long long int deadline = time_msec() + PATIENCE;
    bool found;

    do {
        struct ds s = DS_EMPTY_INITIALIZER;

        ovs_assert(time_msec() < deadline);
        format(&s, false);
        found = s.length && strstr(ds_cstr(&s), text);
        ds_destroy(&s);
        usleep(2000);
    } while (!found);
}

/* written:TEXT: waits until the log has TEXT. */
static void
action_written(char *args[])
{
    wait_for_text(xfrm_dummy_log, args[0]);
}

/* calls[:quiet]: what the engine called since the last time; with "quiet" this
 * is only forgotten. */
static void
action_calls(char *args[])
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_dummy_calls(&s, true);
    if (!args[0]) {
        fputs(s.length ? ds_cstr(&s) : "(no calls)\n", stdout);
    }
    ds_destroy(&s);
}

/* called:TEXT: waits until the engine's calls have a line TEXT. */
static void
action_called(char *args[])
{
    wait_for_text(xfrm_dummy_calls, args[0]);
}

/* atmost:N: the log has at most N writes. */
static void
action_atmost(char *args[])
{
    ovs_assert(xfrm_dummy_n_writes() <= (unsigned int) atoi(args[0]));
}

static void
action_show(char *args[] OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_dummy_show(&s);
    fputs(ds_cstr(&s), stdout);
    ds_destroy(&s);
}

static void
format_status(const char *name, struct ds *s)
{
    struct xfrm_port_status status;

    if (!xfrm_engine_get_status(name, &status)) {
        ds_put_format(s, "%s: no such port\n", name);
        return;
    }
    ds_put_format(s, "%s: %s, %s, in=%"PRIuSIZE" out=%"PRIuSIZE" "
                  "policies=%"PRIuSIZE" mtu=%d offload=%s drift=%"PRIu64"%s\n",
                  name, xfrm_port_state_name(status.state),
                  status.can_send ? "can send" : "cannot send",
                  status.tally.n_sas_in, status.tally.n_sas_out,
                  status.tally.n_policies,
                  status.mtu, status.offload, status.n_drift,
                  status.settled ? "" : " (not settled)");
    if (status.error) {
        char *prefix = here("");
        char *found = strstr(status.error, prefix);

        /* The same wherever the test runs. */
        if (found) {
            size_t len = strlen(prefix);

            memmove(found, found + len, strlen(found + len) + 1);
        }
        free(prefix);
        ds_put_format(s, "  error: %s\n", status.error);
    }
    xfrm_port_status_destroy(&status);
}

/* list:NAME: the SAs and policies, one by one. */
static void
action_list(char *args[])
{
    struct xfrm_port_status status;
    struct ds s = DS_EMPTY_INITIALIZER;

    wait_for_ticket(xfrm_engine_list(args[0]));
    ovs_assert(xfrm_engine_get_status(args[0], &status) && status.listing);
    for (size_t i = 0; i < status.listing->n_sas; i++) {
        ovs_assert(!status.listing->sas[i].spec.key.len);
        xfrm_sa_spec_format(&status.listing->sas[i].spec, &s);
        ds_put_char(&s, '\n');
    }
    for (size_t i = 0; i < status.listing->n_policies; i++) {
        xfrm_policy_spec_format(&status.listing->policies[i], &s);
        ds_put_char(&s, '\n');
    }
    fputs(ds_cstr(&s), stdout);
    ds_destroy(&s);
    xfrm_port_status_destroy(&status);
    xfrm_engine_drop_listings();
    ovs_assert(xfrm_engine_get_status(args[0], &status) && !status.listing);
    xfrm_port_status_destroy(&status);
}

/* status:NAME */
static void
action_status(char *args[])
{
    struct ds s = DS_EMPTY_INITIALIZER;

    format_status(args[0], &s);
    fputs(ds_cstr(&s), stdout);
    ds_destroy(&s);
}

/* Waits until the status of NAME contains TEXT, or, with 'present' false, does
 * not, and then prints that status if 'print' is true. */
static void
wait_for(char *args[], bool present, bool print)
{
    long long int deadline = time_msec() + PATIENCE;

    for (;;) {
        struct ds s = DS_EMPTY_INITIALIZER;
        bool found;

        format_status(args[0], &s);
        found = (!!strstr(ds_cstr(&s), args[1]) == present
                 && !strstr(ds_cstr(&s), "not settled"));
        if (!found && time_msec() >= deadline) {
            ovs_fatal(0, "waited for \"%s\" in: %s", args[1], ds_cstr(&s));
        }
        if (found && print) {
            fputs(ds_cstr(&s), stdout);
        }
        ds_destroy(&s);
        if (found) {
            return;
        }
        usleep(2000);
    }
}

/* wait:NAME:TEXT */
static void
action_wait(char *args[])
{
    wait_for(args, true, false);
}

/* when:NAME:TEXT: the same, and prints the status. */
static void
action_when(char *args[])
{
    wait_for(args, true, true);
}

/* lack:NAME:TEXT: waits until TEXT is gone. */
static void
action_lack(char *args[])
{
    wait_for(args, false, false);
}

/* seqs: the sequence numbers of all SAs. */
static void
action_seqs(char *args[] OVS_UNUSED)
{
    struct xfrm_sa_state *sas;
    size_t n;

    ovs_assert(!handle->class->dump_sas(handle, false, &sas, &n));
    for (size_t i = 0; i < n; i++) {
        printf("0x%"PRIx32": oseq=0x%"PRIx64" seq=0x%"PRIx64"\n",
               sas[i].spec.spi, sas[i].oseq, sas[i].seq);
    }
    xfrm_sa_states_free(sas, n);
}

/* del:DST:SPI: somebody else deletes an SA. */
static void
action_del(char *args[])
{
    struct xfrm_addr dst;

    ovs_assert(xfrm_addr_from_string(args[0], &dst));
    ovs_assert(!xfrm_dummy_sa_del(&dst, strtoul(args[1], NULL, 0)));
}

/* add:IF_ID:SRC:DST:SPI: somebody else adds an SA. */
static void
action_add(char *args[])
{
    struct xfrm_addr src, dst;

    ovs_assert(xfrm_addr_from_string(args[1], &src));
    ovs_assert(xfrm_addr_from_string(args[2], &dst));
    ovs_assert(!xfrm_dummy_sa_add(strtoul(args[0], NULL, 0), &src, &dst,
                                  strtoul(args[3], NULL, 0)));
}

static void
action_wipe(char *args[] OVS_UNUSED)
{
    xfrm_dummy_flush();
}

static void
action_overrun(char *args[] OVS_UNUSED)
{
    xfrm_dummy_overrun();
}

static void
action_traffic(char *args[])
{
    ovs_assert(!xfrm_dummy_traffic(args[0], strtoull(args[1], NULL, 0)));
}

static void
action_expire(char *args[])
{
    ovs_assert(!xfrm_dummy_expire(strtoul(args[0], NULL, 0),
                                  !strcmp(args[1], "hard")));
}

/* link:NAME:KIND[:IF_ID] */
static void
action_link(char *args[])
{
    ovs_assert(!xfrm_dummy_link_add(args[0], args[1],
                                    args[2] ? strtoul(args[2], NULL, 0)
                                            : 0));
}

static void
action_unlink_dev(char *args[])
{
    ovs_assert(!xfrm_dummy_link_del(args[0]));
}

/* updown:NAME: a device goes down and comes up again. */
static void
action_updown(char *args[])
{
    ovs_assert(!xfrm_dummy_link_set_up(args[0], false));
    ovs_assert(!xfrm_dummy_link_set_up(args[0], true));
}

static void
action_device(char *args[])
{
    enum xfrm_offload offload;

    ovs_assert(xfrm_offload_from_name(args[1], &offload));
    ovs_assert(!xfrm_dummy_link_set_offload(args[0], offload));
}

static void
action_cap(char *args[])
{
    ovs_assert(xfrm_dummy_set_cap(args[0], !strcmp(args[1], "on")));
}

static void
action_mtu(char *args[])
{
    xfrm_dummy_set_route_mtu(atoi(args[0]));
}

static void
action_reset(char *args[] OVS_UNUSED)
{
    xfrm_dummy_reset();
}

static void
action_sleep(char *args[])
{
    usleep(atoi(args[0]) * 1000);
}

/* delay:MS: each call of the engine to the datapath takes MS longer. */
static void
action_delay(char *args[])
{
    xfrm_dummy_set_delay(atoi(args[0]));
}

/* fast ... fast:MS: what stands between these took less than MS. */
static void
action_fast(char *args[])
{
    static long long int fast_start;

    if (!fast_start) {
        fast_start = time_msec();
    } else {
        ovs_assert(time_msec() - fast_start < atoi(args[0]));
        fast_start = 0;
    }
}

/* quiet:MS: nothing visible changes, while counters do. */
static void
action_quiet(char *args[])
{
    uint64_t seqno = seq_read(xfrm_engine_seq());

    usleep(atoi(args[0]) * 1000);
    ovs_assert(seq_read(xfrm_engine_seq()) == seqno);
}

static void
action_names(char *args[] OVS_UNUSED)
{
    struct svec names;
    char *s;

    xfrm_engine_get_names(&names);
    s = svec_join(&names, " ", "\n");
    fputs(s, stdout);
    free(s);
    svec_destroy(&names);
}

static const struct {
    const char *name;
    void (*run)(char *args[]);
} engine_actions[] = {
    { "start", action_start },          /* start[:MARKS] */
    { "stop", action_stop },
    { "port", action_port },
    { "remove", action_remove },
    { "forget", action_forget },
    { "hold", action_hold },
    { "watch", action_watch },
    { "ahead", action_ahead },
    { "flush", action_flush },          /* Waits for removals. */
    { "claim", action_claim },          /* claim[:NAME] */
    { "prune", action_prune },          /* prune[:NAME...] */
    { "abandon", action_abandon },      /* abandon:NAME */
    { "sync", action_sync },
    { "sas", action_sas },
    { "text", action_text },            /* text:FILE:TEXT */
    { "unlink", action_unlink },
    { "fail", action_fail },
    { "log", action_log },
    { "clear", action_clear },          /* The log. */
    { "written", action_written },
    { "calls", action_calls },
    { "called", action_called },
    { "atmost", action_atmost },
    { "show", action_show },
    { "list", action_list },
    { "status", action_status },
    { "wait", action_wait },
    { "when", action_when },
    { "lack", action_lack },
    { "seqs", action_seqs },
    { "del", action_del },
    { "add", action_add },
    { "wipe", action_wipe },
    { "overrun", action_overrun },
    { "traffic", action_traffic },
    { "expire", action_expire },
    { "link", action_link },
    { "linkdel", action_unlink_dev },
    { "updown", action_updown },
    { "device", action_device },
    { "cap", action_cap },
    { "mtu", action_mtu },
    { "reset", action_reset },
    { "sleep", action_sleep },
    { "delay", action_delay },
    { "fast", action_fast },
    { "quiet", action_quiet },
    { "names", action_names },
};

#define MAX_ARGS 64

static void
run_action(const char *text)
{
    char *copy = xstrdup(text);
    char *args[MAX_ARGS + 2];
    size_t n = 0;

    args[n++] = copy;
    for (char *p = copy; *p; p++) {
        if (*p == ':' && n < MAX_ARGS) {
            *p = '\0';
            args[n++] = p + 1;
        }
    }
    args[n] = args[n + 1] = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(engine_actions); i++) {
        if (!strcmp(engine_actions[i].name, args[0])) {
            engine_actions[i].run(&args[1]);
            free(copy);
            return;
        }
    }
    ovs_fatal(0, "%s: unknown action", args[0]);
}

/* engine ACTION...: "@FILE" stands for the actions in FILE, one a line. */
static void
test_engine(struct ovs_cmdl_context *ctx)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < ctx->argc; i++) {
        if (ctx->argv[i][0] == '@') {
            FILE *stream = fopen(ctx->argv[i] + 1, "r");
            struct ds line = DS_EMPTY_INITIALIZER;

            if (!stream) {
                ovs_fatal(errno, "%s", ctx->argv[i] + 1);
            }
            while (!ds_get_line(&line, stream)) {
                if (line.length && line.string[0] != '#') {
                    run_action(ds_cstr(&line));
                }
            }
            ds_destroy(&line);
            fclose(stream);
        } else {
            run_action(ctx->argv[i]);
        }
    }
    xfrm_engine_stop();
    if (handle) {
        handle->class->close(handle);
        handle = NULL;
    }
}

const struct ovs_cmdl_command test_xfrm_engine_commands[] = {
    { "engine", "ACTION...", 1, INT_MAX, test_engine, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

/* SPDX-License-Identifier: Apache-2.0 */

/* A port's life while each call to the datapath is refused in turn, whoever
 * makes it: the engine or, as netdev-xfrm does, the main thread.
 *
 * What tests/test-xfrm-fault.c does for rows of a database, for everything
 * else: opening the datapath, devices that a process of before left, the port's
 * own policies, its SA file, changes behind our back, another if_id, offload, a
 * port with keys of somebody else, and packets that wait for an SA.  Of each
 * operation the Nth call is refused, for N = 1, 2, ...: only that one, or all
 * that follow as well until whoever must say so has said so.  Then all must be
 * as without the fault.
 *
 * Which operations there are comes from the datapath's own table: one that is
 * never refused here fails the test. */

#include <config.h>

#undef NDEBUG
#include "netdev-xfrm-private.h"
#include "tests/test-xfrm-fault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-dummy.h"
#include "xfrm-engine.h"
#include "xfrm-row.h"

#define LOG_FILE "fault-port.log"
#define MAX_OPS 64

enum stage {
    STAGE_PRUNED, STAGE_ADDED, STAGE_REKEYED, STAGE_ROW, STAGE_ROW_CHANGED,
    STAGE_REPAIRED, STAGE_MOVED, STAGE_OFFLOADED, STAGE_RAISED, STAGE_REMADE,
    STAGE_REMOVED,
    N_STAGES
};

/* Who must tell that an operation is refused. */
enum teller {
    PORT,                       /* The port, or the engine, or a row; when
                                 * there is no port, the log. */
    LOG,                        /* The log. */
    NOBODY,                     /* It is tried again, done without, or of no
                                 * consequence. */
    UNCALLED,                   /* Nobody calls it but "test-xfrm backend". */
};

static const struct {
    const char *op;
    enum teller teller;
} cases[] = {
    { "open", PORT },
    { "dump_sas", PORT },
    { "dump_policies", PORT },
    { "sa_add", PORT },
    { "sa_del", PORT },
    { "policy_set", PORT },
    { "policy_del", PORT },
    { "apply_batch", NOBODY },  /* Answers get lost: one looks again. */
    { "get_sa", NOBODY },       /* Then a dump tells. */
    { "get_policy", UNCALLED },
    { "link_get", PORT },
    { "link_dump", LOG },
    { "link_create", PORT },
    { "link_set_if_id", PORT },
    { "link_set_up", PORT },
    { "link_set_mtu", UNCALLED },
    { "link_delete", LOG },
    { "routes_set", PORT },
    { "routes_prune", LOG },
    { "route_mtu", NOBODY },    /* The last MTU stands. */
    { "counters", NOBODY },     /* So do the last counters. */
    { "link_counters", NOBODY },
    { "drop_acquire", NOBODY }, /* The kernel does it, later. */
};

static char *golden[N_STAGES];
static bool refused[MAX_OPS];   /* By number of operation. */

/* This time. */
static struct {
    int error;
    bool lasts;
    bool seen;                  /* The call came, and who must told of it. */
    size_t op;
    off_t log_start;
    bool row_complained;
    bool row_installed;
} now;

static const struct uuid row_uuid = { { 0x2000, 0, 0, 1 } };

static size_t
op_number(const char *name)
{
    for (size_t i = 0; xfrm_dummy_op_name(i); i++) {
        if (!strcmp(xfrm_dummy_op_name(i), name)) {
            ovs_assert(i < MAX_OPS);
            return i;
        }
    }
    OVS_NOT_REACHED();
}

static enum teller
teller_of(size_t op)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (!strcmp(cases[i].op, xfrm_dummy_op_name(op))) {
            return cases[i].teller;
        }
    }
    ovs_fatal(0, "operation %s has no case in this test",
              xfrm_dummy_op_name(op));
}

/* Whether the log has 'text' since the scenario began. */
static bool
log_has(const char *text)
{
    FILE *stream = fopen(LOG_FILE, "r");
    struct ds line = DS_EMPTY_INITIALIZER;
    bool found = false;

    ovs_assert(stream && !fseeko(stream, now.log_start, SEEK_SET));
    while (!found && !ds_get_line(&line, stream)) {
        found = strstr(ds_cstr(&line), text) != NULL;
    }
    ds_destroy(&line);
    fclose(stream);
    return found;
}

static void
take_results(void)
{
    struct xfrm_row_result result;

    while (xfrm_engine_take_result(&result)) {
        now.row_installed = result.state == XFRM_ROW_INSTALLED;
        now.row_complained |= (result.error && now.error
                               && strstr(result.error,
                                         ovs_strerror(now.error)));
        xfrm_row_result_destroy(&result);
    }
}

/* The error of port 'name', which the caller frees, or NULL. */
static char *
port_error(const char *name)
{
    struct xfrm_port_status status;
    char *error;

    if (!xfrm_engine_get_status(name, &status)) {
        return NULL;
    }
    error = nullable_xstrdup(status.error);
    xfrm_port_status_destroy(&status);
    return error;
}

static bool
says_why(char *text)
{
    bool does = text && strstr(text, ovs_strerror(now.error));

    free(text);
    return does;
}

static bool
is_told(size_t op, enum stage stage)
{
    enum teller teller = teller_of(op);
    const char *name = xfrm_dummy_op_name(op);

    if (!strcmp(name, "link_dump") && stage != STAGE_PRUNED) {
        /* Only to say who has an if_id. */
        teller = NOBODY;
    } else if (now.error == EINPROGRESS
               && (!strncmp(name, "sa_", 3) || !strncmp(name, "policy_", 7))) {
        /* It may be found done before anybody hears of an error. */
        teller = NOBODY;
    }
    if (teller == NOBODY || !now.lasts) {
        return true;
    } else if (teller == LOG || stage == STAGE_PRUNED
               || stage == STAGE_REMOVED) {
        return log_has(ovs_strerror(now.error));
    }
    return (now.row_complained || says_why(xfrm_engine_get_trouble())
            || says_why(port_error("x0")) || says_why(port_error("x1")));
}

/* The call came and is answered for. */
static void
end_fault(void)
{
    now.seen = true;
    refused[now.op] = true;
    xfrm_dummy_fail_nth(NULL, 0, 0, false);
}

/* The call came, and is not answered for yet. */
static bool
fault_began(void)
{
    char *id;
    const char *op = xfrm_dummy_fail_nth_op(&id);

    free(id);
    return op && !now.seen;
}

/* Ends the fault as soon as it did what it had to do.  Returns false if it goes
 * on. */
static bool
check_fault(enum stage stage)
{
    char *id;
    const char *op = xfrm_dummy_fail_nth_op(&id);

    free(id);
    if (!op || now.seen) {
        return true;
    }
    now.op = op_number(op);
    if (is_told(now.op, stage)) {
        end_fault();
    }
    return now.seen;
}

/* A call of the main thread failed with 'error' and 'message', which this
 * frees: only as ordered, and it must say why. */
static void
main_failed(int error, char *message)
{
    char *id;
    const char *op = xfrm_dummy_fail_nth_op(&id);

    free(id);
    ovs_assert(op && !now.seen && error == now.error);
    now.op = op_number(op);
    if (!message || !(strstr(message, ovs_strerror(error))
                      || (error == EEXIST && strstr(message, "already used")))) {
        ovs_fatal(0, "%s failed with %s: %s", op, ovs_strerror(error),
                  message ? message : "no word about it");
    }
    free(message);
    end_fault();
}

static bool
all_is_well(bool row)
{
    char *x0 = port_error("x0");
    char *x1 = port_error("x1");
    char *trouble = xfrm_engine_get_trouble();
    bool well = !x0 && !x1 && !trouble && (!row || now.row_installed);

    free(x0);
    free(x1);
    free(trouble);
    return well;
}

static void
wait_for(uint64_t ticket)
{
    long long int deadline = time_msec() + FAULT_PATIENCE;

    while (!xfrm_engine_reached(ticket)) {
        ovs_assert(time_msec() < deadline);
        usleep(500);
    }
    take_results();
}

/* The datapath, but for what waits for an SA and the engine was not let drop,
 * which the kernel does when it is old. */
static char *
picture_now(void)
{
    char *picture = fault_picture();
    char *acquire = strstr(picture, "acquire ");

    if (acquire && now.seen && now.op == op_number("drop_acquire")) {
        char *end = strchr(acquire, '\n') + 1;

        memmove(acquire, end, strlen(end) + 1);
    }
    return picture;
}

/* Waits until the datapath is as it should be after 'stage'. */
static void
converge(enum stage stage)
{
    bool row = stage == STAGE_ROW || stage == STAGE_ROW_CHANGED;
    long long int deadline = time_msec() + FAULT_PATIENCE;

    for (;;) {
        const char *keep[] = { "x0", "x1" };
        bool ended, done;
        char *picture;

        if (stage == STAGE_PRUNED) {
            xfrm_engine_prune(keep, ARRAY_SIZE(keep));
        }
        wait_for(xfrm_engine_reconcile(NULL));
        if (stage == STAGE_REMOVED) {
            xfrm_engine_flush_removals(10);
        }
        ended = check_fault(stage);
        picture = picture_now();
        if (!golden[stage] && all_is_well(row)
            && (stage != STAGE_PRUNED || !strstr(picture, "old"))
            && (stage != STAGE_REMOVED || xfrm_engine_flush_removals(0))) {
            golden[stage] = picture;
            return;
        }
        done = (ended && golden[stage] && !strcmp(picture, golden[stage])
                && all_is_well(row));
        if (!done && time_msec() > deadline) {
            char *error = port_error("x0");

            ovs_fatal(0, "stage %d, %s %s, x0: %s\n%sinstead of:\n%s", stage,
                      xfrm_dummy_op_name(now.op), ended ? "ended" : "untold",
                      error ? error : "well", picture, golden[stage]);
        }
        free(picture);
        if (done) {
            return;
        }
    }
}

/* The main thread. */

/* Has device 'name', as netdev-xfrm does it, and declares its port. */
static void
ensure_port(const char *name, uint32_t if_id, const char *dev,
            const char *const options[][2])
{
    struct xfrm_port_config config;
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct xfrm_link_state link;
    char *message, *warning;
    bool existed;
    int error;

    memset(&config, 0, sizeof config);
    smap_add_format(&smap, "if_id", "%"PRIu32, if_id);
    for (; (*options)[0]; options++) {
        if (!strcmp((*options)[0], "sa_file")) {
            char *cwd = getcwd(NULL, 0);

            smap_add_format(&smap, "sa_file", "%s/%s", cwd, (*options)[1]);
            free(cwd);
        } else {
            smap_add(&smap, (*options)[0], (*options)[1]);
        }
    }
    if (dev[0]) {
        smap_add(&smap, "dev", dev);
    }
    ovs_assert(!xfrm_options_parse(&smap, &config.options, &message,
                                   &warning));
    ovs_assert(!warning);
    smap_destroy(&smap);
    ovs_strlcpy(config.link.name, name, sizeof config.link.name);
    ovs_strlcpy(config.link.dev, dev, sizeof config.link.dev);
    config.link.if_id = if_id;
    config.owned = true;

    while ((error = xfrm_device_open(&message)) != 0) {
        main_failed(error, message);
    }
    xfrm_engine_settle_removal(name);
    xfrm_engine_claim_device(name);
    while ((error = xfrm_device_ensure(&config.link, &link, &existed,
                                       &config.prior_if_id, &message)) != 0) {
        main_failed(error, message);
    }
    config.ifindex = link.ifindex;
    xfrm_engine_set_port(&config);
    xfrm_engine_unclaim_device();
    xfrm_options_destroy(&config.options);

    /* Whatever the kernel says just then, a port that is there is not taken
     * for one that was removed. */
    ovs_assert(xfrm_device_is_intact(name, if_id, true));
}

/* A device whose if_id another has is refused, with words. */
static void
try_conflict(uint32_t if_id)
{
    struct xfrm_link_spec want;
    struct xfrm_link_state link;
    bool existed;
    uint32_t prior;
    char *message;
    int error;

    memset(&want, 0, sizeof want);
    ovs_strlcpy(want.name, "x2", sizeof want.name);
    want.if_id = if_id;
    for (;;) {
        error = xfrm_device_ensure(&want, &link, &existed, &prior, &message);
        ovs_assert(error);
        if (error == EEXIST && strstr(message, "already used by")) {
            break;
        }
        main_failed(error, message);
    }
    free(message);
}

static void
take_counters(void)
{
    struct xfrm_counter *counters;
    size_t n;

    xfrm_device_get_counters("x0", &counters, &n);
    ovs_assert(!n && !counters);
}

/* Who else changes things. */

/* An SA file with 'n' SAs a direction, from number 'first' on. */
static void
write_sa_file(unsigned int first, unsigned int n)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    int fd;

    ds_put_cstr(&s, "{\"sas\": [");
    for (unsigned int i = 0; i < 2 * n; i++) {
        unsigned int spi = (i % 2 ? 0x1000 : 0x2000) + first + i / 2;

        ds_put_format(&s, "%s{\"direction\": \"%s\", \"spi\": \"0x%x\", "
                      "\"algorithm\": \"aes128gcm16\", \"key\": \"%040x\"}",
                      i ? ", " : "", i % 2 ? "out" : "in", spi, spi);
    }
    ds_put_cstr(&s, "]}");
    fd = open("sa.json.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ovs_assert(fd >= 0);
    ovs_assert(write(fd, ds_cstr(&s), s.length) == (ssize_t) s.length);
    close(fd);
    ovs_assert(!rename("sa.json.tmp", "sa.json"));
    ds_destroy(&s);
}

static struct xfrm_addr
addr(const char *text)
{
    struct xfrm_addr a;

    ovs_assert(xfrm_addr_from_string(text, &a));
    return a;
}

static void
foreign_sa(uint32_t if_id, uint32_t spi)
{
    struct xfrm_addr src = addr("192.0.2.7"), dst = addr("192.0.2.8");

    ovs_assert(!xfrm_dummy_sa_add(if_id, &src, &dst, spi));
}

static void
foreign_policy(uint32_t if_id)
{
    struct xfrm_policy_spec policy;

    memset(&policy, 0, sizeof policy);
    policy.if_id = if_id;
    policy.dir = XFRM_DIR_OUT;
    policy.sel.src = policy.sel.dst = xfrm_prefix_any(AF_INET);
    policy.action = XFRM_ACTION_DISCARD;
    xfrm_dummy_policy_set(&policy);
}

/* What a process of before left: a device with our mark and all that belongs to
 * one, and routes of a device that is gone. */
static void
leave_behind(void)
{
    static const char *const names[] = { "old0", "old1" };
    struct xfrm_backend *b;
    char *message;

    ovs_assert(!xfrm_backend_dummy.open(false, &b, &message));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct xfrm_link_spec spec;
        struct xfrm_link_state link;

        memset(&spec, 0, sizeof spec);
        ovs_strlcpy(spec.name, names[i], sizeof spec.name);
        spec.if_id = 77 + i;
        ovs_assert(!b->class->link_create(b, &spec, &link, &message));
        ovs_assert(!b->class->routes_set(b, names[i], link.ifindex, true,
                                         &message));
    }
    b->class->close(b);
    ovs_assert(!xfrm_dummy_link_del("old1"));
    foreign_sa(77, 0x7700);
    foreign_policy(77);
}

static void
set_row(uint32_t spi)
{
    long long int deadline = time_msec() + FAULT_PATIENCE;
    struct xfrm_row_config config;
    uint8_t key[20];

    memset(&config, 0, sizeof config);
    config.uuid = row_uuid;
    config.kind = XFRM_ROW_SA;
    config.enabled = true;
    config.sa.if_id = 42;
    config.sa.spi = spi;
    config.sa.proto = IPPROTO_ESP;
    config.sa.dir = XFRM_DIR_OUT;
    config.sa.src = addr("192.0.2.1");
    config.sa.dst = addr("192.0.2.2");
    config.sa.algo = xfrm_algo_from_name("aes128gcm16");
    memset(key, 0x5a, sizeof key);
    key[0] = spi >> 8;
    key[1] = spi;
    xfrm_secret_init(&config.sa.key, key, sizeof key);
    config.sa.replay_window = 64;
    now.row_installed = false;
    xfrm_engine_set_row(&config);

    /* Left alone, the engine looks at the row only, not at the whole port. */
    while (!now.row_installed && !fault_began()) {
        ovs_assert(time_msec() < deadline);
        usleep(500);
        take_results();
    }
}

/* A packet without SA, of which a note comes. */
static void
lack_sa(void)
{
    long long int deadline = time_msec() + FAULT_PATIENCE;
    struct xfrm_addr src = addr("10.0.0.1"), dst = addr("10.0.0.2");
    bool noted = false;

    ovs_assert(!xfrm_dummy_acquire(43, &src, &dst));
    while (!noted) {
        struct xfrm_note *note = xfrm_engine_take_note();

        if (note) {
            noted = note->type == XFRM_NOTE_ACQUIRE;
            xfrm_note_free(note);
        } else {
            ovs_assert(time_msec() < deadline);
            usleep(500);
        }
    }
}

/* Plays the scenario; call 'nth' of 'op' fails with 'error', and if it 'lasts',
 * so do later ones until somebody has told.  Returns whether there was such a
 * call. */
static bool
play(const char *op, unsigned int nth, int error, bool lasts)
{
    static const char *const managed[][2] = {
        { "local_ip", "192.0.2.1" }, { "remote_ip", "192.0.2.2" },
        { "sa_file", "sa.json" }, { NULL, NULL },
    };
    static const char *const offloaded[][2] = {
        { "local_ip", "192.0.2.1" }, { "remote_ip", "192.0.2.2" },
        { "sa_file", "sa.json" }, { "offload", "crypto" }, { NULL, NULL },
    };
    static const char *const external[][2] = {
        { "keying", "external" }, { NULL, NULL },
    };
    struct stat st;
    char *message;

    ovs_assert(!stat(LOG_FILE, &st));
    memset(&now, 0, sizeof now);
    now.error = error;
    now.lasts = lasts;
    now.log_start = st.st_size;
    unlink("marks");
    unlink("marks.lock");
    xfrm_dummy_fail_nth(NULL, 0, 0, false);
    xfrm_dummy_reset();
    leave_behind();
    ovs_assert(!xfrm_dummy_link_add("eth0", "veth", 0));
    ovs_assert(!xfrm_dummy_link_set_offload("eth0", XFRM_OFF_CRYPTO));

    xfrm_dummy_fail_nth(op, nth, error, lasts);
    ovs_assert(!xfrm_engine_start(&xfrm_backend_dummy, "marks", &message));
    xfrm_engine_watch(true);
    converge(STAGE_PRUNED);

    write_sa_file(1, 5);
    ensure_port("x0", 42, "eth0", managed);
    ensure_port("x1", 44, "", external);
    foreign_sa(44, 0x4400);
    foreign_policy(44);
    take_counters();
    converge(STAGE_ADDED);

    write_sa_file(3, 4);
    ensure_port("x0", 42, "eth0", managed);
    converge(STAGE_REKEYED);

    set_row(0x5001);
    converge(STAGE_ROW);
    set_row(0x5002);
    converge(STAGE_ROW_CHANGED);
    xfrm_engine_remove_row(&row_uuid);

    foreign_sa(42, 0x4200);
    foreign_policy(42);
    ovs_assert(!xfrm_dummy_policy_del(42, XFRM_DIR_IN));
    converge(STAGE_REPAIRED);

    ensure_port("x0", 43, "eth0", managed);
    converge(STAGE_MOVED);

    ensure_port("x0", 43, "eth0", offloaded);
    converge(STAGE_OFFLOADED);

    ovs_assert(!xfrm_dummy_link_set_up("x0", false));
    ensure_port("x0", 43, "eth0", offloaded);
    try_conflict(43);
    converge(STAGE_RAISED);

    ensure_port("x1", 44, "eth0", external);
    converge(STAGE_REMADE);

    lack_sa();
    xfrm_engine_remove_port("x0");
    xfrm_engine_remove_port("x1");
    xfrm_dummy_policy_del(44, XFRM_DIR_OUT);
    converge(STAGE_REMOVED);
    xfrm_engine_stop();
    xfrm_device_close();
    xfrm_dummy_fail_nth(NULL, 0, 0, false);
    unlink("sa.json");
    return now.seen;
}

void
test_fault_port(struct ovs_cmdl_context *ctx)
{
    int error = fault_error_from_name(ctx->argv[1]);
    bool lasts = !strcmp(ctx->argv[2], "lasting");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        op_number(cases[i].op);         /* There is such an operation. */
    }
    xfrm_device_init(&xfrm_backend_dummy);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    vlog_set_log_file(LOG_FILE);
    vlog_set_levels(NULL, VLF_FILE, VLL_WARN);
    ovs_assert(!play(NULL, 0, 0, false));
    for (size_t i = 0; xfrm_dummy_op_name(i); i++) {
        for (unsigned int n = 1; play(xfrm_dummy_op_name(i), n, error, lasts);
             n++) {
            continue;
        }
        if (refused[i] == (teller_of(i) == UNCALLED)) {
            ovs_fatal(0, "operation %s was %srefused", xfrm_dummy_op_name(i),
                      refused[i] ? "" : "never ");
        }
    }
    for (size_t i = 0; i < N_STAGES; i++) {
        free(golden[i]);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The engine with rows of a database, while each call to the datapath is
 * refused in turn: the Nth call of a scenario fails, for N = 1, 2, ... until
 * there is no Nth call.  Each stage of the scenario must end as it does without
 * a fault, with nothing half installed and nothing left over, and the row that
 * the call was for must have said what was wrong, and no other. */

#include <config.h>

#undef NDEBUG
#include "xfrm-engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "tests/test-xfrm-fault.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-dummy.h"
#include "xfrm-row.h"

#define N_STAGES 7
#define N_ROWS 32

static struct xfrm_backend *handle;
static char *golden[N_STAGES];

/* What is known of the rows, by their number. */
static struct {
    bool set;
    enum xfrm_row_state state;
    char *error;
    bool complained;            /* Since the scenario began. */
    char id[32];                /* Part of its lines in the log. */
} rows[N_ROWS];

static struct uuid
row_uuid(int i)
{
    struct uuid uuid = { { 0x1000, 0, 0, i } };

    return uuid;
}

static void
set_sa(int i, enum xfrm_dir dir, uint32_t spi)
{
    struct xfrm_row_config config;
    uint8_t key[20];

    memset(&config, 0, sizeof config);
    config.uuid = row_uuid(i);
    config.kind = XFRM_ROW_SA;
    config.enabled = true;
    config.sa.if_id = 42;
    config.sa.spi = spi;
    config.sa.proto = IPPROTO_ESP;
    config.sa.dir = dir;
    ovs_assert(xfrm_addr_from_string("192.0.2.1", dir == XFRM_DIR_OUT
                                     ? &config.sa.src : &config.sa.dst));
    ovs_assert(xfrm_addr_from_string("192.0.2.2", dir == XFRM_DIR_OUT
                                     ? &config.sa.dst : &config.sa.src));
    config.sa.algo = xfrm_algo_from_name("aes128gcm16");
    memset(key, 0, sizeof key);
    key[0] = spi >> 8;
    key[1] = spi;
    xfrm_secret_init(&config.sa.key, key, sizeof key);
    config.sa.replay_window = 64;
    xfrm_engine_set_row(&config);
    rows[i].set = true;
    snprintf(rows[i].id, sizeof rows[i].id, "spi=0x%08"PRIx32, spi);
}

/* A policy for 10.I.0.0/16, with two templates or none. */
static void
set_policy(int i, enum xfrm_dir dir, bool protect, uint32_t priority)
{
    struct xfrm_row_config config;
    struct xfrm_policy_spec *p = xzalloc(sizeof *p);
    char *prefix = xasprintf("10.%d.0.0/16", i);
    char *message;

    memset(&config, 0, sizeof config);
    config.uuid = row_uuid(i);
    config.kind = XFRM_ROW_POLICY;
    config.enabled = true;
    config.policy = p;
    p->if_id = 42;
    p->dir = dir;
    ovs_assert(!xfrm_prefix_from_string(prefix, &p->sel.src, &message));
    p->sel.dst = xfrm_prefix_any(AF_INET);
    p->priority = priority;
    p->action = protect ? XFRM_ACTION_PROTECT : XFRM_ACTION_DISCARD;
    p->n_templates = protect ? 2 : 0;
    for (size_t j = 0; j < p->n_templates; j++) {
        struct xfrm_template *t = &p->templates[j];

        ovs_assert(xfrm_addr_from_string("192.0.2.1", dir == XFRM_DIR_OUT
                                         ? &t->src : &t->dst));
        ovs_assert(xfrm_addr_from_string("192.0.2.2", dir == XFRM_DIR_OUT
                                         ? &t->dst : &t->src));
        t->reqid = 42 + j;
        t->proto = j ? IPPROTO_ESP : IPPROTO_COMP;
        t->mode = j ? XFRM_SPEC_TRANSPORT : XFRM_SPEC_TUNNEL;
    }
    xfrm_engine_set_row(&config);
    rows[i].set = true;
    snprintf(rows[i].id, sizeof rows[i].id, "%s src %s ", xfrm_dir_name(dir),
             prefix);
    free(prefix);
}

static void
remove_row(int i)
{
    struct uuid uuid = row_uuid(i);

    xfrm_engine_remove_row(&uuid);
    rows[i].set = false;
}

static void
take_results(void)
{
    struct xfrm_row_result result;

    while (xfrm_engine_take_result(&result)) {
        int i = result.uuid.parts[3];

        ovs_assert(i < N_ROWS);
        free(rows[i].error);
        rows[i].error = nullable_xstrdup(result.error);
        rows[i].state = result.state;
        rows[i].complained |= result.error != NULL;
        xfrm_row_result_destroy(&result);
    }
}

static void
sync_engine(void)
{
    uint64_t ticket = xfrm_engine_reconcile(NULL);
    long long int deadline = time_msec() + FAULT_PATIENCE;

    while (!xfrm_engine_reached(ticket)) {
        ovs_assert(time_msec() < deadline);
        usleep(500);
    }
    take_results();
}

char *
fault_picture(void)
{
    struct ds all = DS_EMPTY_INITIALIZER;
    struct ds out = DS_EMPTY_INITIALIZER;
    char *save = NULL;

    xfrm_dummy_show(&all);
    for (char *line = strtok_r(ds_cstr(&all), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *oseq = strstr(line, " oseq=");

        if (oseq) {
            *oseq = '\0';
        }
        ds_put_format(&out, "%s\n", line);
    }
    ds_destroy(&all);
    return ds_steal_cstr(&out);
}

static bool
all_is_well(void)
{
    struct xfrm_port_status status;
    bool well = true;

    for (int i = 0; i < N_ROWS; i++) {
        well &= !rows[i].set || (rows[i].state == XFRM_ROW_INSTALLED
                                 && !rows[i].error);
    }
    if (xfrm_engine_get_status("x0", &status)) {
        well &= !status.error;
        xfrm_port_status_destroy(&status);
    }
    return well;
}

/* The call that was refused was for a row: that one has an error, which tells
 * 'error', and no other has. */
static bool blamed;
static bool fired;              /* There was such a call. */

static void
check_blame(int error)
{
    char *id;
    const char *op = xfrm_dummy_fail_nth_op(&id);

    if (op && !blamed) {
        blamed = fired = true;
        for (int i = 0; i < N_ROWS && id; i++) {
            bool mine = (rows[i].set && strstr(id, rows[i].id)
                         && (!strcmp(op, "sa_add")
                             || !strcmp(op, "policy_set")));

            /* What was done although its answer got lost may be found to be
             * there before anybody hears of an error. */
            if (mine != rows[i].complained && error != EEXIST
                && !(mine && error == EINPROGRESS)) {
                ovs_fatal(0, "%s (%s) failed with %s: row %d (%s): %s", op, id,
                          ovs_strerror(error), i, rows[i].id,
                          rows[i].error ? rows[i].error : "no error");
            }
            if (mine && error != EEXIST && error != EINPROGRESS) {
                ovs_assert(rows[i].error
                           ? strstr(rows[i].error, ovs_strerror(error)) != NULL
                           : rows[i].complained);
            }
        }
        xfrm_dummy_fail_nth(NULL, 0, 0, false);
    }
    free(id);
}

/* Waits until the datapath is as it should be after 'stage'. */
static void
converge(int stage, int error)
{
    long long int deadline = time_msec() + FAULT_PATIENCE;

    for (;;) {
        char *now;
        bool done;

        sync_engine();
        check_blame(error);
        now = fault_picture();
        if (!golden[stage]) {
            ovs_assert(!error);
            golden[stage] = now;
            ovs_assert(all_is_well());
            return;
        }
        done = !strcmp(now, golden[stage]) && all_is_well();
        if (!done && time_msec() > deadline) {
            ovs_fatal(0, "stage %d:\n%sinstead of:\n%s", stage, now,
                      golden[stage]);
        }
        free(now);
        if (done) {
            return;
        }
    }
}

/* Plays the scenario; call 'nth' fails with 'error'.  Returns whether there was
 * one. */
static bool
play(unsigned int nth, int error)
{
    struct xfrm_port_config config;
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct xfrm_link_state link;
    char *message, *warning;
    long long int deadline;

    for (int i = 0; i < N_ROWS; i++) {
        free(rows[i].error);
        memset(&rows[i], 0, sizeof rows[i]);
    }
    blamed = fired = false;
    unlink("marks");
    unlink("marks.lock");
    xfrm_dummy_reset();
    ovs_assert(!xfrm_backend_dummy.open(false, &handle, &message));
    ovs_assert(!xfrm_engine_start(&xfrm_backend_dummy, "marks", &message));

    memset(&config, 0, sizeof config);
    smap_add(&smap, "if_id", "42");
    ovs_assert(!xfrm_options_parse(&smap, &config.options, &message,
                                   &warning));
    smap_destroy(&smap);
    ovs_strlcpy(config.link.name, "x0", sizeof config.link.name);
    config.link.if_id = 42;
    config.owned = true;
    ovs_assert(!handle->class->link_create(handle, &config.link, &link,
                                           &message));
    config.ifindex = link.ifindex;

    xfrm_dummy_fail_nth(NULL, nth, error, false);
    xfrm_engine_set_port(&config);
    set_sa(0, XFRM_DIR_IN, 0x1000);
    set_sa(1, XFRM_DIR_OUT, 0x1001);
    set_policy(2, XFRM_DIR_OUT, true, 100);
    set_policy(3, XFRM_DIR_IN, true, 100);
    set_policy(4, XFRM_DIR_OUT, false, 7);
    converge(0, error);
    set_sa(1, XFRM_DIR_OUT, 0x1002);            /* Another identity. */
    set_policy(2, XFRM_DIR_OUT, true, 99);      /* Another attribute. */
    converge(1, error);
    remove_row(0);
    remove_row(4);
    converge(2, error);
    for (int i = 10; i < 20; i++) {             /* Many at once. */
        set_sa(i, i % 2 ? XFRM_DIR_IN : XFRM_DIR_OUT, 0x2000 + i);
    }
    converge(3, error);
    for (int i = 10; i < 20; i++) {
        remove_row(i);
    }
    remove_row(2);
    remove_row(3);
    converge(4, error);
    remove_row(1);
    converge(5, error);
    set_sa(5, XFRM_DIR_OUT, 0x1003);
    sync_engine();
    check_blame(error);
    xfrm_engine_remove_port("x0");
    deadline = time_msec() + FAULT_PATIENCE;
    while (!xfrm_engine_flush_removals(100)) {
        ovs_assert(time_msec() < deadline);
        check_blame(error);
    }
    remove_row(5);
    converge(6, error);
    xfrm_engine_stop();
    handle->class->close(handle);
    xfrm_options_destroy(&config.options);
    return fired;
}

int
fault_error_from_name(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {
        { "ENOMEM", ENOMEM }, { "EEXIST", EEXIST }, { "ESRCH", ESRCH },
        { "EINVAL", EINVAL }, { "ENOBUFS", ENOBUFS },
        { "EINPROGRESS", EINPROGRESS }, { "EPERM", EPERM },
    };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        if (!strcmp(name, errors[i].name)) {
            return errors[i].error;
        }
    }
    ovs_fatal(0, "%s: not an error of these tests", name);
}

/* fault ERROR... */
static void
test_fault(struct ovs_cmdl_context *ctx)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    ovs_assert(!play(0, 0));
    for (int i = 1; i < ctx->argc; i++) {
        int error = fault_error_from_name(ctx->argv[i]);
        unsigned int n;

        for (n = 1; play(n, error); n++) {
            continue;
        }
        /* Or else nothing was tried. */
        ovs_assert(n > 60);
    }
}

const struct ovs_cmdl_command test_xfrm_fault_commands[] = {
    { "fault", "ERROR...", 1, INT_MAX, test_fault, OVS_RW },
    { "fault-port", "ERROR once|lasting", 2, 2, test_fault_port, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

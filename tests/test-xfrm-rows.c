/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of a database that come, go and change at random, on the dummy
 * datapath: whatever the engine does for them one by one must be what a
 * comparison of everything would have done.  So after each step everything is
 * compared, and that must neither write nor change what anybody can see. */

#include <config.h>

#undef NDEBUG
#include "xfrm-engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "smap.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-dummy.h"
#include "xfrm-row.h"

/* No wait in here takes longer, in ms, unless the test fails. */
#define PATIENCE 60000

#define IF_ID 42
#define MAX_ROWS 24

static struct xfrm_backend *handle;
static bool verbose;

/* What the engine said last about each row, by the row's number. */
static struct {
    bool exists;
    bool has_result;
    enum xfrm_row_state state;
    char *error;
} rows[MAX_ROWS];

static struct uuid
row_uuid(unsigned int i)
{
    struct uuid uuid = { .parts = { 0x1234, 0, 0, i + 1 } };

    return uuid;
}

static unsigned int
below(unsigned int n)
{
    return random_range(n);
}

static void
wait_for_ticket(uint64_t ticket)
{
    long long int deadline = time_msec() + PATIENCE;

    while (!xfrm_engine_reached(ticket)) {
        ovs_assert(time_msec() < deadline);
        usleep(200);
    }
}

static struct xfrm_addr
addr(const char *s)
{
    struct xfrm_addr a;

    ovs_assert(xfrm_addr_from_string(s, &a));
    return a;
}

static void
declare_port(const char *name, uint32_t if_id, const char *const *options)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct xfrm_port_config config;
    struct xfrm_link_state link;
    char *warning, *message;

    memset(&config, 0, sizeof config);
    smap_add_format(&smap, "if_id", "%"PRIu32, if_id);
    for (; *options; options += 2) {
        smap_add(&smap, options[0], options[1]);
    }
    ovs_assert(!xfrm_options_parse(&smap, &config.options, &message,
                                   &warning));
    smap_destroy(&smap);
    free(warning);
    ovs_strlcpy(config.link.name, name, sizeof config.link.name);
    config.link.if_id = if_id;
    config.owned = true;
    ovs_assert(!handle->class->link_create(handle, &config.link, &link,
                                           &message));
    config.ifindex = link.ifindex;
    xfrm_engine_set_port(&config);
    xfrm_options_destroy(&config.options);
}

/* Rows.  There are few values of each sort, so that rows often want the same:
 * identities, keys, policies. */

enum kind { SIMPLE, WILD };     /* SIMPLE: nothing that others forbid. */

static void
make_sa(struct xfrm_row_config *config, unsigned int i, enum kind kind)
{
    struct xfrm_sa_spec *sa = &config->sa;
    uint8_t key[20];

    config->kind = XFRM_ROW_SA;
    sa->if_id = IF_ID;
    sa->proto = IPPROTO_ESP;
    sa->dir = below(2) ? XFRM_DIR_OUT : XFRM_DIR_IN;
    sa->spi = 0x1000 + (kind == SIMPLE ? i : below(6));
    sa->src = addr(sa->dir == XFRM_DIR_OUT ? "192.0.2.1" : "192.0.2.2");
    sa->dst = addr(sa->dir == XFRM_DIR_OUT ? "192.0.2.2" : "192.0.2.1");
    sa->mode = XFRM_SPEC_TUNNEL;
    sa->reqid = below(3) ? 0 : 7;
    sa->algo = xfrm_algo_from_name("aes128gcm16");
    memset(key, kind == SIMPLE ? i : below(8), sizeof key);
    key[1] = kind == SIMPLE ? below(3) : 0;
    xfrm_secret_init(&sa->key, key, sizeof key);
    sa->replay_window = 64 << below(2);
    if (kind == WILD && !below(5)) {
        config->has_offload = true;
        config->offload = below(2) ? XFRM_OFF_CRYPTO : XFRM_OFF_AUTO;
        ovs_strlcpy(config->offload_dev, below(2) ? "eth0" : "eth9",
                    sizeof config->offload_dev);
    }
}

static void
make_policy(struct xfrm_row_config *config)
{
    struct xfrm_policy_spec *p = xzalloc(sizeof *p);
    uint16_t family = below(2) ? AF_INET : AF_INET6;

    config->kind = XFRM_ROW_POLICY;
    config->policy = p;
    p->if_id = IF_ID;
    p->dir = below(XFRM_N_DIRS);
    p->sel.src = p->sel.dst = xfrm_prefix_any(family);
    if (below(3)) {
        struct xfrm_addr a = addr(family == AF_INET ? "10.0.0.1"
                                                    : "2001:db8::1");

        p->sel.src = xfrm_prefix_host(&a);
        p->sel.sport = htons(below(3));
        p->sel.sport_mask = p->sel.sport ? OVS_BE16_MAX : 0;
        p->sel.proto = IPPROTO_TCP;
    }
    p->priority = 1 + below(4);
    if (below(3)) {
        p->action = XFRM_ACTION_PROTECT;
        p->n_templates = 1;
        p->templates[0].src = addr("192.0.2.1");
        p->templates[0].dst = addr("192.0.2.2");
        p->templates[0].reqid = below(2) ? 0 : 9;
        p->templates[0].proto = IPPROTO_ESP;
        p->templates[0].mode = XFRM_SPEC_TUNNEL;
    } else {
        p->action = XFRM_ACTION_DISCARD;
    }
}

static void
change_row(unsigned int i, enum kind kind)
{
    struct xfrm_row_config config;
    struct uuid uuid = row_uuid(i);

    if (rows[i].exists && !below(2)) {
        xfrm_engine_remove_row(&uuid);
        rows[i].exists = rows[i].has_result = false;
        free(rows[i].error);
        rows[i].error = NULL;
        return;
    }
    memset(&config, 0, sizeof config);
    config.uuid = uuid;
    config.enabled = below(6) != 0;
    if (i < MAX_ROWS / 2) {
        make_sa(&config, i, kind);
    } else {
        make_policy(&config);
    }
    xfrm_engine_set_row(&config);
    rows[i].exists = true;
}

/* Takes what the engine says about rows.  With 'still' true it must have
 * nothing new to say, but for counters. */
static void
take_results(bool still)
{
    struct xfrm_row_result result;

    while (xfrm_engine_take_result(&result)) {
        unsigned int i = result.uuid.parts[3] - 1;

        ovs_assert(i < MAX_ROWS);
        if (still && rows[i].exists
            && (!rows[i].has_result || rows[i].state != result.state
                || !nullable_string_is_equal(rows[i].error, result.error))) {
            ovs_fatal(0, "row %u: was %s (%s), is %s (%s)", i,
                      xfrm_row_state_name(rows[i].state),
                      rows[i].error ? rows[i].error : "no error",
                      xfrm_row_state_name(result.state),
                      result.error ? result.error : "no error");
        }
        if (rows[i].exists) {
            rows[i].has_result = true;
            rows[i].state = result.state;
            free(rows[i].error);
            rows[i].error = result.error;
            result.error = NULL;
        }
        xfrm_row_result_destroy(&result);
    }
}

/* What can be seen of the port, but for counters. */
static char *
port_status(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct xfrm_port_status status;

    ovs_assert(xfrm_engine_get_status("xf0", &status));
    ds_put_format(&s, "%s %s in=%"PRIuSIZE" out=%"PRIuSIZE" sas=%"PRIuSIZE
                  " policies=%"PRIuSIZE" senders=%"PRIuSIZE" offload=%s "
                  "error=%s", xfrm_port_state_name(status.state),
                  status.can_send ? "sends" : "silent",
                  status.tally.n_sas_in, status.tally.n_sas_out,
                  status.tally.n_sas, status.tally.n_policies,
                  status.tally.n_senders, status.offload,
                  status.error ? status.error : "none");
    xfrm_port_status_destroy(&status);
    return ds_steal_cstr(&s);
}

/* How often the engine has called operation 'op' since the last time. */
static unsigned int
n_calls(const char *op)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *line, *save = NULL;
    unsigned int n = 0;

    xfrm_dummy_calls(&s, true);
    for (line = strtok_r(ds_cstr(&s), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        size_t len = strlen(op);

        if (!strncmp(line, op, len) && line[len] == ' ') {
            n = atoi(line + len);
        }
    }
    ds_destroy(&s);
    return n;
}

/* How much more often than 'xf1', which has no rows, 'xf0' was compared: what
 * the clock brings is the same for both. */
static uint64_t
n_own_comparisons(void)
{
    struct xfrm_port_status xf0, xf1;
    uint64_t n;

    ovs_assert(xfrm_engine_get_status("xf0", &xf0)
               && xfrm_engine_get_status("xf1", &xf1));
    n = xf0.n_reconciled - xf1.n_reconciled;
    xfrm_port_status_destroy(&xf0);
    xfrm_port_status_destroy(&xf1);
    return n;
}

static void
clear_log(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    xfrm_dummy_log(&s, true);
    if (verbose) {
        fputs(ds_cstr(&s), stdout);
    }
    ds_destroy(&s);
}

/* Compares everything, which must change nothing. */
static void
check(unsigned int step)
{
    char *before = port_status();
    char *after;

    clear_log();
    wait_for_ticket(xfrm_engine_reconcile(NULL));
    if (xfrm_dummy_n_writes()) {
        struct ds s = DS_EMPTY_INITIALIZER;

        xfrm_dummy_log(&s, true);
        ovs_fatal(0, "step %u: a full comparison had to write:\n%s", step,
                  ds_cstr(&s));
    }
    take_results(true);
    after = port_status();
    if (strcmp(before, after)) {
        ovs_fatal(0, "step %u: status was: %s\nbut is: %s", step, before,
                  after);
    }
    free(before);
    free(after);
}

static const char *const harmful[] = {
    "sa_add", "sa_del", "policy_set", "policy_del", "get_sa", "apply_batch",
    "dump_sas",
};

/* A misfortune that the engine must recover from.  Returns true if somebody
 * else has changed the datapath. */
static bool
do_harm(void)
{
    static const int errors[] = { ENOMEM, EEXIST, EINVAL, ENOBUFS };

    if (below(3)) {
        ovs_assert(xfrm_dummy_fail(harmful[below(ARRAY_SIZE(harmful))],
                                   errors[below(ARRAY_SIZE(errors))],
                                   1 + below(3)));
        return false;
    } else {
        struct xfrm_addr dst = addr(below(2) ? "192.0.2.1" : "192.0.2.2");
        uint32_t spi = 0x1000 + below(6);

        if (below(2)) {
            xfrm_dummy_sa_del(&dst, spi);
        } else {
            struct xfrm_addr src = addr("192.0.2.9");

            xfrm_dummy_sa_add(below(2) ? IF_ID : 99, &src, &dst, spi);
        }
        return true;
    }
}

/* The port says that something is wrong with it. */
static bool
has_error(void)
{
    struct xfrm_port_status status;
    bool result;

    ovs_assert(xfrm_engine_get_status("xf0", &status));
    result = status.error != NULL;
    xfrm_port_status_destroy(&status);
    return result;
}

static void
end_harm(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(harmful); i++) {
        xfrm_dummy_fail(harmful[i], 0, 0);
    }
}

/* Takes away what somebody else has put in the way. */
static void
clear_foreign(void)
{
    for (uint32_t spi = 0x1000; spi < 0x1006; spi++) {
        for (size_t i = 0; i < 2; i++) {
            struct xfrm_addr dst = addr(i ? "192.0.2.1" : "192.0.2.2");
            const struct xfrm_mark mark = { 0, 0 };
            struct xfrm_sa_state sa;

            if (!handle->class->get_sa(handle, &dst, spi, IPPROTO_ESP, &mark,
                                       false, &sa)) {
                if (sa.spec.if_id == 99) {
                    xfrm_dummy_sa_del(&dst, spi);
                }
                xfrm_sa_spec_destroy(&sa.spec);
            }
        }
    }
}

/* rows-random SEED STEPS simple|wild|harm [NAME VALUE]...: options of the
 * port may follow. */
static void
test_rows_random(struct ovs_cmdl_context *ctx)
{
    static const char *const no_options[] = { NULL };
    unsigned int n_steps = atoi(ctx->argv[2]);
    const char *what = ctx->argv[3];
    enum kind kind = !strcmp(what, "simple") ? SIMPLE : WILD;
    bool harm = !strcmp(what, "harm");
    uint64_t n_own;
    char *message;

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    setvbuf(stdout, NULL, _IOLBF, 0);
    verbose = getenv("VERBOSE") != NULL;
    random_set_seed(atoi(ctx->argv[1]) + 1);
    ovs_assert(!xfrm_backend_dummy.open(false, &handle, &message));
    ovs_assert(!xfrm_engine_start(&xfrm_backend_dummy, "marks", &message));
    xfrm_dummy_link_add("eth0", "eth", 0);
    xfrm_dummy_link_set_offload("eth0", XFRM_OFF_CRYPTO);
    declare_port("xf0", IF_ID, (const char *const *) &ctx->argv[4]);
    declare_port("xf1", IF_ID + 1, no_options);
    wait_for_ticket(xfrm_engine_reconcile(NULL));
    n_own = n_own_comparisons();

    for (unsigned int step = 0; step < n_steps; step++) {
        unsigned int n = below(8) ? 1 + below(3) : 1 + below(12);
        bool foreign = harm && !below(3) && do_harm();
        uint64_t n_full;

        xfrm_dummy_traffic("xf0", below(3));
        n_calls("");
        for (unsigned int i = 0; i < n; i++) {
            change_row(below(MAX_ROWS), kind);
        }
        wait_for_ticket(xfrm_engine_give_rows(false));
        n_full = n_calls("link_get");
        take_results(false);
        end_harm();
        if (harm && !foreign && !n_full && !has_error()) {
            /* Nothing was noticed, so nothing must have gone wrong. */
            check(step);
        }
        if (harm) {
            if (below(2)) {
                clear_foreign();
            }
            wait_for_ticket(xfrm_engine_reconcile(NULL));
            take_results(false);
        }
        if (harm || !below(3)) {
            check(step);
        }
    }
    check(n_steps);

    /* With nothing in the way, all goes without comparing everything. */
    n_own = n_own_comparisons() - n_own;
    printf("%s\n", kind == SIMPLE && n_own ? "full comparisons" : "ok");
    if (verbose) {
        printf("%"PRIu64" full comparisons in %u steps\n", n_own, n_steps);
    }
    xfrm_engine_stop();
    take_results(false);
    handle->class->close(handle);
    for (size_t i = 0; i < MAX_ROWS; i++) {
        free(rows[i].error);
    }
}

const struct ovs_cmdl_command test_xfrm_rows_commands[] = {
    { "rows-random", "SEED STEPS simple|wild|harm [NAME VALUE]...", 3, 20,
      test_rows_random, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl show and monitor: how things are, and what happens. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-secret.h"
#include "xfrm-text.h"

VLOG_DEFINE_THIS_MODULE(xfrmctl_monitor);

/* How many notifications "show" prints. */
#define SHOWN_NOTIFICATIONS 5

/* show. */

static int
compare_if_ids(const void *a_, const void *b_)
{
    const int64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Returns the interface IDs in the database, sorted, each once. */
static int64_t *
collect_if_ids(const struct ovsdb_idl *idl, size_t *np)
{
    const struct xfrmrec_policy *policy;
    const struct xfrmrec_sa *sa;
    size_t n = 0, allocated = 0, n_unique = 0;
    int64_t *ids = NULL;

    XFRMREC_SA_FOR_EACH (sa, idl) {
        if (n >= allocated) {
            ids = x2nrealloc(ids, &allocated, sizeof *ids);
        }
        ids[n++] = sa->if_id;
    }
    XFRMREC_POLICY_FOR_EACH (policy, idl) {
        if (n >= allocated) {
            ids = x2nrealloc(ids, &allocated, sizeof *ids);
        }
        ids[n++] = policy->if_id;
    }
    if (n) {
        qsort(ids, n, sizeof *ids, compare_if_ids);
    }
    for (size_t i = 0; i < n; i++) {
        if (!n_unique || ids[i] != ids[n_unique - 1]) {
            ids[n_unique++] = ids[i];
        }
    }
    *np = n_unique;
    return ids;
}

static void
show_state(const char *state, const char *error, struct ds *ds)
{
    ds_put_format(ds, ": %s\n", state ? state : "not seen by ovs-vswitchd");
    if (error) {
        ds_put_cstr(ds, "        error: ");
        ds_put_cstr(ds, error);
        ds_put_char(ds, '\n');
    }
}

static void
show_sa(const struct xfrmrec_sa *sa, struct ds *ds)
{
    const char *role = smap_get(&sa->external_ids, "rekey");

    ds_put_format(ds, "    SA %s %s to %s, %s spi 0x%08"PRIx64", %s, %s",
                  sa->direction, sa->src, sa->dst, sa->proto,
                  (uint64_t) sa->spi, sa->mode, sa->algorithm);
    if (role) {
        ds_put_cstr(ds, ", rekey ");
        xfrm_text_put_escaped(ds, role);
    }
    show_state(sa->state, sa->error, ds);
    for (size_t i = 0; i < sa->n_statistics; i++) {
        ds_put_format(ds, "%s%s %"PRId64, i ? ", " : "        ",
                      sa->key_statistics[i], sa->value_statistics[i]);
    }
    if (sa->n_statistics) {
        ds_put_char(ds, '\n');
    }
    if (xfrmctl.show_keys && sa->keymat) {
        ds_put_format(ds, "        key %s\n", sa->keymat);
    }
}

static void
show_policy(const struct xfrmrec_policy *policy, struct ds *ds)
{
    ds_put_format(ds, "    policy %s ", policy->direction);
    xfrmctl_selector_format(&policy->selector, ds);
    ds_put_format(ds, ", %s", policy->action);
    for (size_t i = 0; i < policy->n_templates; i++) {
        ds_put_cstr(ds, i ? " + " : " ");
        xfrmctl_template_format(policy->value_templates[i], ds);
    }
    show_state(policy->state, policy->error, ds);
}

static void
show_global(const struct xfrmrec_xfrm_global *global, struct ds *ds)
{
    if (!global) {
        ds_put_cstr(ds, "no row XFRM_Global: ovs-vswitchd ignores this "
                    "database (\"ovs-xfrmctl init\" creates it)\n");
        return;
    }
    ds_put_format(ds, "datapath: %s\nkernel: %s\nconfiguration: %s "
                  "(next_cfg %"PRId64", cur_cfg %"PRId64")\n",
                  global->datapath ? global->datapath : "unknown",
                  global->kernel ? global->kernel : "unknown",
                  global->cur_cfg >= global->next_cfg
                  ? "in force" : "waiting for ovs-vswitchd",
                  global->next_cfg, global->cur_cfg);
    if (global->error) {
        ds_put_format(ds, "error: %s\n", global->error);
    }
}

static void
put_notification(const struct xfrmrec_notification *n, struct ds *ds)
{
    char *time = xastrftime_msec("%Y-%m-%dT%H:%M:%SZ", n->time * 1000LL, true);

    ds_put_format(ds, "%s %s: %s", time, n->type, n->message);
    if (n->n_count && *n->count > 1) {
        ds_put_format(ds, " (%"PRId64" times)", *n->count);
    }
    ds_put_char(ds, '\n');
    free(time);
}

static int
compare_notifications(const void *a_, const void *b_)
{
    const struct xfrmrec_notification *const *a = a_, *const *b = b_;

    return (*a)->number < (*b)->number ? -1 : (*a)->number > (*b)->number;
}

static void
show_notifications(const struct ovsdb_idl *idl, int64_t if_id, struct ds *ds)
{
    const struct xfrmrec_notification **all = NULL;
    const struct xfrmrec_notification *n;
    size_t n_all = 0, allocated = 0;

    XFRMREC_NOTIFICATION_FOR_EACH (n, idl) {
        if (!if_id || (n->n_if_id && *n->if_id == if_id)) {
            if (n_all >= allocated) {
                all = x2nrealloc(all, &allocated, sizeof *all);
            }
            all[n_all++] = n;
        }
    }
    if (n_all) {
        size_t first = (n_all > SHOWN_NOTIFICATIONS
                        ? n_all - SHOWN_NOTIFICATIONS : 0);

        qsort(all, n_all, sizeof *all, compare_notifications);
        ds_put_format(ds, "notifications (last %"PRIuSIZE" of %"PRIuSIZE"):\n",
                      n_all - first, n_all);
        for (size_t i = first; i < n_all; i++) {
            ds_put_cstr(ds, "    ");
            put_notification(all[i], ds);
        }
    }
    free(all);
}

static void
pre_show(struct ctl_context *ctx)
{
    if (xfrmctl.show_keys) {
        ovsdb_idl_add_column(ctx->idl, &xfrmrec_sa_col_keymat);
    }
}

static void
cmd_show(struct ctl_context *ctx)
{
    const struct xfrmrec_policy *policy;
    const struct xfrmrec_sa *sa;
    uint32_t only = 0;
    bool found = false;
    int64_t *if_ids;
    char *error;
    size_t n;

    if (ctx->argc > 1
        && !xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &only,
                              &error)) {
        ctx->error = error;
        return;
    }
    show_global(xfrmctl_context_cast(ctx)->global, &ctx->output);
    if_ids = collect_if_ids(ctx->idl, &n);
    for (size_t i = 0; i < n; i++) {
        if (only && if_ids[i] != only) {
            continue;
        }
        found = true;
        ds_put_format(&ctx->output, "if_id %"PRId64"\n", if_ids[i]);
        XFRMREC_SA_FOR_EACH (sa, ctx->idl) {
            if (sa->if_id == if_ids[i]) {
                show_sa(sa, &ctx->output);
            }
        }
        XFRMREC_POLICY_FOR_EACH (policy, ctx->idl) {
            if (policy->if_id == if_ids[i]) {
                show_policy(policy, &ctx->output);
            }
        }
    }
    if (only && !found) {
        ds_put_format(&ctx->output, "if_id %"PRIu32"\n"
                      "    no SA and no policy in this database\n", only);
    }
    free(if_ids);
    show_notifications(ctx->idl, only, &ctx->output);
}

const struct ctl_command_syntax xfrmctl_show_commands[] = {
    {"show", 0, 1, "[IF_ID]", pre_show, cmd_show, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

/* monitor. */

/* What was last printed of an SA, so that a change of its statistics is no
 * news. */
struct seen_sa {
    struct hmap_node node;      /* By hash of 'uuid'. */
    struct uuid uuid;
    char *name;
    char *state;
    char *error;
};

struct monitor {
    struct hmap sas;            /* Contains "struct seen_sa"s. */
    uint32_t if_id;             /* 0: all. */
    uint64_t n_printed;
    bool quiet;                 /* Do not print, only remember. */
};

static void
print_line(struct monitor *m, const char *line)
{
    if (!m->quiet) {
        fputs(line, stdout);
        fflush(stdout);
        m->n_printed++;
    }
}

static void
put_json(struct json *json, struct ds *ds)
{
    json_to_ds(json, JSSF_SORT, ds);
    ds_put_char(ds, '\n');
    json_destroy(json);
}

static void
print_sa(struct monitor *m, const char *name, const struct xfrmrec_sa *sa,
         const char *state, const char *error)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (xfrmctl.style.format == TF_JSON) {
        struct json *json = json_object_create();

        json_object_put_string(json, "event", "sa");
        json_object_put_string(json, "sa", name);
        json_object_put_string(json, "state", state);
        if (error) {
            json_object_put_string(json, "error", error);
        }
        if (sa) {
            json_object_put(json, "if_id", json_integer_create(sa->if_id));
            json_object_put_string(json, "direction", sa->direction);
            json_object_put_string(json, "dst", sa->dst);
            json_object_put_string(json, "proto", sa->proto);
            json_object_put(json, "spi", json_integer_create(sa->spi));
        }
        put_json(json, &ds);
    } else {
        char *time = xastrftime_msec("%Y-%m-%dT%H:%M:%SZ", time_wall_msec(),
                                     true);

        ds_put_format(&ds, "%s sa: %s: %s%s%s\n", time, name, state,
                      error ? ": " : "", error ? error : "");
        free(time);
    }
    print_line(m, ds_cstr(&ds));
    ds_destroy(&ds);
}

static bool
same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void
seen_sa_destroy(struct monitor *m, struct seen_sa *seen)
{
    hmap_remove(&m->sas, &seen->node);
    free(seen->name);
    free(seen->state);
    free(seen->error);
    free(seen);
}

static void
monitor_sa(struct monitor *m, const struct xfrmrec_sa *sa)
{
    const struct uuid *uuid = &sa->header_.uuid;
    struct seen_sa *seen = NULL, *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, uuid_hash(uuid), &m->sas) {
        if (uuid_equals(&s->uuid, uuid)) {
            seen = s;
        }
    }
    if (xfrmrec_sa_is_deleted(sa)) {
        if (seen) {
            print_sa(m, seen->name, NULL, "deleted", NULL);
            seen_sa_destroy(m, seen);
        }
        return;
    }
    if (m->if_id && sa->if_id != m->if_id) {
        return;
    }
    if (!seen) {
        struct ds name = DS_EMPTY_INITIALIZER;

        xfrmctl_sa_name(sa, &name);
        seen = xzalloc(sizeof *seen);
        seen->uuid = *uuid;
        seen->name = ds_steal_cstr(&name);
        hmap_insert(&m->sas, &seen->node, uuid_hash(uuid));
    } else if (same_text(seen->state, sa->state)
               && same_text(seen->error, sa->error)) {
        return;
    }
    free(seen->state);
    free(seen->error);
    seen->state = nullable_xstrdup(sa->state);
    seen->error = nullable_xstrdup(sa->error);
    print_sa(m, seen->name, sa, sa->state ? sa->state : "new", sa->error);
}

static void
monitor_notification(struct monitor *m, const struct xfrmrec_notification *n)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (xfrmrec_notification_is_deleted(n)
        || (m->if_id && (!n->n_if_id || *n->if_id != m->if_id))) {
        return;
    }
    if (xfrmctl.style.format == TF_JSON) {
        struct json *json = json_object_create();

        json_object_put_string(json, "event", "notification");
        for (size_t i = 0; i < XFRMREC_NOTIFICATION_N_COLUMNS; i++) {
            const struct ovsdb_idl_column *column
                = &xfrmrec_notification_columns[i];
            const struct ovsdb_datum *datum
                = ovsdb_idl_read(&n->header_, column);

            if (datum->n) {
                json_object_put(json, column->name,
                                ovsdb_datum_to_json(datum, &column->type));
            }
        }
        put_json(json, &ds);
    } else {
        put_notification(n, &ds);
    }
    print_line(m, ds_cstr(&ds));
    ds_destroy(&ds);
}

/* Prints what changed in order: notifications by number. */
static void
monitor_run(struct monitor *m, const struct ovsdb_idl *idl, uint64_t max)
{
    const struct xfrmrec_notification **all = NULL;
    const struct xfrmrec_notification *n;
    size_t n_all = 0, allocated = 0;
    const struct xfrmrec_sa *sa;

    XFRMREC_NOTIFICATION_FOR_EACH_TRACKED (n, idl) {
        if (n_all >= allocated) {
            all = x2nrealloc(all, &allocated, sizeof *all);
        }
        all[n_all++] = n;
    }
    if (n_all) {
        qsort(all, n_all, sizeof *all, compare_notifications);
    }
    for (size_t i = 0; i < n_all && m->n_printed < max; i++) {
        monitor_notification(m, all[i]);
    }
    free(all);
    XFRMREC_SA_FOR_EACH_TRACKED (sa, idl) {
        if (m->n_printed < max) {
            monitor_sa(m, sa);
        }
    }
}

/* Prints events until there were --count of them, or the time is up. */
int
xfrmctl_monitor_run(struct ctl_command *c)
{
    const char *count = shash_find_data(&c->options, "--count");
    struct monitor m = { .quiet = true };
    uint64_t max = UINT64_MAX;
    struct seen_sa *s, *next;
    struct ovsdb_idl *idl;
    char *error;

    if (c->argc > 1
        && !xfrmctl_parse_u32("IF_ID", c->argv[1], 1, UINT32_MAX, &m.if_id,
                              &error)) {
        ctl_fatal("%s", error);
    }
    if (count && (!xfrm_text_to_decimal(count, UINT32_MAX, &max) || !max)) {
        ctl_fatal("--count is %s, it must be a number above 0", count);
    }

    idl = xfrmctl_connect(xfrmctl.db, false);
    ovsdb_idl_track_add_all(idl);
    hmap_init(&m.sas);
    while (m.n_printed < max && time_msec() < xfrmctl.deadline) {
        xfrmctl_idl_run(idl, xfrmctl.db);
        if (ovsdb_idl_has_ever_connected(idl)) {
            monitor_run(&m, idl, max);
            if (m.quiet) {
                /* What was there before is no event. */
                m.quiet = false;
                VLOG_INFO("watching %s", xfrmctl.db);
            }
        }
        ovsdb_idl_track_clear(idl);
        if (m.n_printed < max) {
            ovsdb_idl_wait(idl);
            poll_timer_wait_until(xfrmctl.deadline);
            poll_block();
        }
    }
    ovsdb_idl_destroy(idl);
    HMAP_FOR_EACH_SAFE (s, next, node, &m.sas) {
        seen_sa_destroy(&m, s);
    }
    hmap_destroy(&m.sas);
    if (count && m.n_printed < max) {
        ctl_fatal("timed out after %u s: %"PRIu64" of %"PRIu64" events came",
                  xfrmctl.timeout, m.n_printed, max);
    }
    return EXIT_SUCCESS;
}

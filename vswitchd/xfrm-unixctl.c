/* SPDX-License-Identifier: Apache-2.0 */

/* "ovs-appctl xfrm/show", "xfrm/sa", "xfrm/policy" and "xfrm/reconcile".
 *
 * Every command takes "--format json" (or text, the default) and an optional
 * port.  None of them shows a key: the status that they print has none.
 *
 * Above: ovs-vswitchd.c.  Below: the engine, xfrm-status. */

#include <config.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "svec.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "xfrm-engine.h"
#include "xfrm-status.h"
#include "xfrm-unixctl.h"

/* How long a command waits for the engine, in ms. */
#define ENGINE_TIMEOUT_MS 30000

struct args {
    bool json;
    const char *port;           /* NULL: all. */
};

struct view;

/* A command that has not been answered yet. */
struct pending {
    struct ovs_list node;
    struct unixctl_conn *conn;
    char *port;
    bool json;
    const struct view *view;
    uint64_t ticket;
    long long int deadline;
};
static struct ovs_list pendings = OVS_LIST_INITIALIZER(&pendings);

/* Understands "[--format text|json] [PORT]" in any order.  On failure answers
 * 'conn' itself and returns false. */
static bool
parse_args(struct unixctl_conn *conn, int argc, const char *argv[],
           struct args *args)
{
    char *error = NULL;

    *args = (struct args) { .json = false };
    for (int i = 1; i < argc && !error; i++) {
        const char *format = NULL;

        if (!strcmp(argv[i], "--format") || !strcmp(argv[i], "-f")) {
            format = i + 1 < argc ? argv[++i] : "";
        } else if (!strncmp(argv[i], "--format=", 9)) {
            format = argv[i] + 9;
        } else if (argv[i][0] == '-') {
            error = xasprintf("unknown option \"%s\": the only one is "
                              "--format text|json", argv[i]);
        } else if (args->port) {
            error = xasprintf("at most one port can be named, found \"%s\" "
                              "and \"%s\"", args->port, argv[i]);
        } else {
            args->port = argv[i];
        }

        if (format) {
            if (!strcmp(format, "json")) {
                args->json = true;
            } else if (!strcmp(format, "text")) {
                args->json = false;
            } else {
                error = xasprintf("unknown format \"%s\": allowed are text "
                                  "and json", format);
            }
        }
    }

    if (error) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return false;
    }
    return true;
}

/* Stores the statuses that 'port' (NULL: all) names.  Returns false and
 * answers 'conn' if there is no such port. */
static bool
get_statuses(struct unixctl_conn *conn, const char *port,
             struct xfrm_port_status **statusesp, size_t *np)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    struct xfrm_port_status *statuses;
    const char *name;
    size_t i, n = 0;

    if (port) {
        svec_add(&names, port);
    } else {
        xfrm_engine_get_names(&names);
    }

    statuses = xmalloc((names.n + 1) * sizeof *statuses);
    SVEC_FOR_EACH (i, name, &names) {
        if (xfrm_engine_get_status(name, &statuses[n])) {
            n++;
        }
    }
    svec_destroy(&names);

    if (port && !n) {
        char *error = xasprintf("%s: there is no such xfrm port; "
                                "\"xfrm/show\" lists all, and Interface:error "
                                "says why one could not be made", port);
        unixctl_command_reply_error(conn, error);
        free(error);
        free(statuses);
        return false;
    }
    *statusesp = statuses;
    *np = n;
    return true;
}

static void
free_statuses(struct xfrm_port_status *statuses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        xfrm_port_status_destroy(&statuses[i]);
    }
    free(statuses);
}

static void
reply_json(struct unixctl_conn *conn, struct json *json)
{
    char *text = json_to_string(json, JSSF_PRETTY | JSSF_SORT);

    unixctl_command_reply(conn, text);
    free(text);
    json_destroy(json);
}

/* What a command prints of each port. */
struct view {
    void (*format)(const struct xfrm_port_status *, struct ds *);
    void (*add_json)(const struct xfrm_port_status *, struct json *array);
};

static void
format_sas(const struct xfrm_port_status *status, struct ds *s)
{
    const struct xfrm_listing *listing = xfrm_status_listing(status);

    ds_put_format(s, "%s:\n", status->link.name);
    for (size_t i = 0; i < listing->n_sas; i++) {
        ds_put_cstr(s, "    ");
        xfrm_sa_state_format(&listing->sas[i], s);
    }
    if (!listing->n_sas) {
        ds_put_cstr(s, "    no SAs\n");
    }
}

static void
format_policies(const struct xfrm_port_status *status, struct ds *s)
{
    const struct xfrm_listing *listing = xfrm_status_listing(status);

    ds_put_format(s, "%s:\n", status->link.name);
    for (size_t i = 0; i < listing->n_policies; i++) {
        ds_put_cstr(s, "    ");
        xfrm_policy_spec_format(&listing->policies[i], s);
        ds_put_char(s, '\n');
    }
    if (!listing->n_policies) {
        ds_put_cstr(s, "    no policies\n");
    }
}

static void
add_port_json(const struct xfrm_port_status *status, struct json *array)
{
    json_array_add(array, xfrm_status_to_json(status));
}

/* SAs and policies come as one flat list, with the port's name in each. */
static void
add_named(struct json *array, struct json *object, const char *name)
{
    json_object_put_string(object, "port", name);
    json_array_add(array, object);
}

static void
add_sas_json(const struct xfrm_port_status *status, struct json *array)
{
    const struct xfrm_listing *listing = xfrm_status_listing(status);

    for (size_t i = 0; i < listing->n_sas; i++) {
        add_named(array, xfrm_sa_state_to_json(&listing->sas[i]),
                  status->link.name);
    }
}

static void
add_policies_json(const struct xfrm_port_status *status, struct json *array)
{
    const struct xfrm_listing *listing = xfrm_status_listing(status);

    for (size_t i = 0; i < listing->n_policies; i++) {
        add_named(array, xfrm_policy_to_json(&listing->policies[i]),
                  status->link.name);
    }
}

static const struct view show_view = { xfrm_status_format, add_port_json };
static const struct view sa_view = { format_sas, add_sas_json };
static const struct view policy_view = { format_policies,
                                         add_policies_json };

static void
reply_view(struct unixctl_conn *conn, const struct args *args,
           const struct view *view)
{
    struct xfrm_port_status *statuses;
    size_t n;

    if (!get_statuses(conn, args->port, &statuses, &n)) {
        return;
    }
    if (args->json) {
        struct json *array = json_array_create_empty();

        for (size_t i = 0; i < n; i++) {
            view->add_json(&statuses[i], array);
        }
        reply_json(conn, array);
    } else {
        struct ds s = DS_EMPTY_INITIALIZER;

        for (size_t i = 0; i < n; i++) {
            view->format(&statuses[i], &s);
        }
        unixctl_command_reply(conn, n ? ds_cstr(&s) : "no xfrm ports\n");
        ds_destroy(&s);
    }
    free_statuses(statuses, n);
}

/* Answers 'conn' with 'view' once the engine has reached 'ticket'. */
static void
reply_later(struct unixctl_conn *conn, const struct args *args,
            const struct view *view, uint64_t ticket)
{
    struct pending *p = xmalloc(sizeof *p);

    p->conn = conn;
    p->port = nullable_xstrdup(args->port);
    p->json = args->json;
    p->view = view;
    p->ticket = ticket;
    p->deadline = time_msec() + ENGINE_TIMEOUT_MS;
    ovs_list_push_back(&pendings, &p->node);
}

/* Understands the arguments and looks whether the port exists.  On failure
 * answers 'conn' itself and returns false. */
static bool
begin(struct unixctl_conn *conn, int argc, const char *argv[],
      struct args *args)
{
    struct xfrm_port_status *statuses;
    size_t n;

    if (!parse_args(conn, argc, argv, args)
        || !get_statuses(conn, args->port, &statuses, &n)) {
        return false;
    }
    free_statuses(statuses, n);
    return true;
}

static void
xfrm_unixctl_view(struct unixctl_conn *conn, int argc, const char *argv[],
                  void *view)
{
    struct args args;

    if (begin(conn, argc, argv, &args)) {
        reply_later(conn, &args, view, xfrm_engine_list(args.port));
    }
}

static void
format_outcome(const struct xfrm_port_status *status, struct ds *s)
{
    ds_put_format(s, "%s: %s%s%s\n", status->link.name,
                  xfrm_port_state_name(status->state),
                  status->error ? ", error: " : "",
                  status->error ? status->error : "");
}

static const struct view outcome_view = { format_outcome, add_port_json };

static void
xfrm_unixctl_reconcile(struct unixctl_conn *conn, int argc,
                       const char *argv[], void *aux OVS_UNUSED)
{
    struct args args;

    if (begin(conn, argc, argv, &args)) {
        if (args.json) {
            xfrm_engine_list(args.port);
        }
        reply_later(conn, &args, &outcome_view,
                    xfrm_engine_reconcile(args.port));
    }
}

void
xfrm_unixctl_run(void)
{
    struct pending *p;

    LIST_FOR_EACH_SAFE (p, node, &pendings) {
        if (xfrm_engine_reached(p->ticket)) {
            struct args args = { .json = p->json, .port = p->port };
            reply_view(p->conn, &args, p->view);
        } else if (time_msec() >= p->deadline) {
            unixctl_command_reply_error(p->conn,
                                        "the datapath did not answer in time");
        } else {
            continue;
        }
        ovs_list_remove(&p->node);
        free(p->port);
        free(p);
        if (ovs_list_is_empty(&pendings)) {
            xfrm_engine_drop_listings();
        }
    }
}

void
xfrm_unixctl_wait(void)
{
    struct pending *p;

    /* The engine's seq wakes the main loop when a ticket is reached
     * (netdev_xfrm_wait()). */
    LIST_FOR_EACH (p, node, &pendings) {
        poll_timer_wait_until(p->deadline);
    }
}

void
xfrm_unixctl_init(void)
{
    const char *usage = "[--format text|json] [PORT]";

    unixctl_command_register("xfrm/show", usage, 0, 3, xfrm_unixctl_view,
                             CONST_CAST(struct view *, &show_view));
    unixctl_command_register("xfrm/sa", usage, 0, 3, xfrm_unixctl_view,
                             CONST_CAST(struct view *, &sa_view));
    unixctl_command_register("xfrm/policy", usage, 0, 3, xfrm_unixctl_view,
                             CONST_CAST(struct view *, &policy_view));
    unixctl_command_register("xfrm/reconcile", usage, 0, 3,
                             xfrm_unixctl_reconcile, NULL);
}

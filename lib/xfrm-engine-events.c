/* SPDX-License-Identifier: Apache-2.0 */

/* What happens in the datapath, by itself or because of somebody else, and
 * which ports must look at it.
 *
 * Above xfrm-port; beside xfrm-engine-thread.c, which calls this in each of
 * its passes. */

#include <config.h>

#include "xfrm-engine-thread.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-port.h"

VLOG_DEFINE_THIS_MODULE(xfrm_engine_events);

/* Milliseconds. */
#define COALESCE 50             /* One answer to events that come together. */
#define ROUTE_COALESCE 1000     /* Routes of others change all the time. */

#define MAX_HASTY 5             /* Retries for events before back-off rules. */

/* Something happened outside that concerns 'port'.  A port in trouble may be
 * healed by it, but must not be made busy by it. */
static void
make_due_by_event(struct engine *e, struct xfrm_port *port)
{
    long long int delay = MAX(COALESCE, 2 * e->dump_cost);

    if (port->backoff && ++port->n_hasty > MAX_HASTY) {
        delay = MAX(delay, BACKOFF_MIN);
    }
    xfrm_port_make_due(port, &e->ctx, time_msec() + delay);
}

void
xfrm_engine_make_all_due(struct engine *e)
{
    for (size_t i = 0; i < e->n; i++) {
        make_due_by_event(e, e->entries[i]->port);
    }
}

static void
handle_expire(struct engine *e, const struct xfrm_event *event)
{
    struct xfrm_memo *memo;

    memo = xfrm_memos_find(&e->ctx.memos, &event->dst, event->spi,
                           event->proto, NULL);
    if (memo && memo->owner
        && (!event->if_id
            || memo->owner->config.options.if_id == event->if_id)) {
        struct xfrm_row *row = xfrm_port_find_sa_row(
            memo->owner, &event->dst, event->spi, event->proto);

        if (event->hard && memo->installed) {
            xfrm_port_exhaust(memo->owner, &e->ctx, memo);
            if (row) {
                xfrm_port_note_hard(&e->ctx, row);
            }
        } else if (!event->hard && row) {
            xfrm_port_note_soft(&e->ctx, row);
        }
        make_due_by_event(e, memo->owner);
    }
}

static void
handle_acquire(struct engine *e, const struct xfrm_event *event)
{
    struct xfrm_port *port = xfrm_port_by_if_id(&e->ctx, event->if_id);

    if (port && port->config.options.keying == XFRM_KEYING_MANAGED) {
        xfrm_port_note_acquire(port, &e->ctx, event);
        xfrm_acquires_add(&e->acquires, e->ctx.backend, event);
    } else if (!port) {
        xfrm_acquires_add_late(&e->acquires, e->ctx.backend, event);
    }
}

static bool
concerns(const struct xfrm_port *port, const struct xfrm_event *event)
{
    const struct xfrm_departure *departure;

    switch (event->type) {
    case XFRM_EVENT_SA:
    case XFRM_EVENT_POLICY:
    case XFRM_EVENT_EXPIRE:
        if (!event->if_id || event->if_id == port->config.options.if_id
            || port->conflict) {
            return true;
        }
        LIST_FOR_EACH (departure, list_node, &port->departures) {
            if (departure->if_id == event->if_id) {
                return true;
            }
        }
        return false;

    case XFRM_EVENT_LINK:
        return (!strcmp(event->name, port->name)
                || (port->config.options.dev[0]
                    && !strcmp(event->name, port->config.options.dev))
                || (event->ifindex
                    && event->ifindex == port->config.ifindex));

    case XFRM_EVENT_ACQUIRE:
    case XFRM_EVENT_MAPPING:
        return false;           /* Nothing of ours changed. */

    case XFRM_EVENT_ROUTE:
    case XFRM_EVENT_OVERRUN:
        return true;
    }
    return true;
}

/* Whether only the port that has the if_id of 'event' can be concerned.  Most
 * events are of this kind, and there may be many of them and many ports. */
static bool
is_about_one_port(const struct engine *e, const struct xfrm_event *event)
{
    return (event->if_id && !e->n_curious
            && (event->type == XFRM_EVENT_SA
                || event->type == XFRM_EVENT_POLICY
                || event->type == XFRM_EVENT_EXPIRE));
}

/* A device that goes down takes its SAs with it, and nobody tells. */
static bool
is_offload_device(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->n; i++) {
        if (!strcmp(e->entries[i]->port->config.options.dev, name)) {
            return true;
        }
    }
    return false;
}

void
xfrm_engine_receive_events(struct engine *e)
{
    struct xfrm_event event;

    if (!e->ctx.backend) {
        return;
    }
    if (e->hearing != e->watched) {
        e->hearing = e->watched;
        e->class->hear_acquires(e->ctx.backend, e->hearing);
    }
    while (!e->class->event_recv(e->ctx.backend, &event)) {
        if (e->ahead_at && event.type != XFRM_EVENT_ROUTE
            && (event.type != XFRM_EVENT_LINK
                || is_offload_device(e, event.name))) {
            xfrm_engine_forget_ahead(e);
        }
        if (event.type == XFRM_EVENT_ROUTE) {
            long long int when = MAX(time_msec() + COALESCE,
                                     e->last_route_pass + ROUTE_COALESCE);

            for (size_t i = 0; i < e->n; i++) {
                xfrm_port_make_due(e->entries[i]->port, &e->ctx, when);
            }
            continue;
        }
        if (event.type == XFRM_EVENT_OVERRUN) {
            VLOG_INFO("events were lost; comparing everything");
        } else if (event.type == XFRM_EVENT_EXPIRE) {
            handle_expire(e, &event);
        } else if (event.type == XFRM_EVENT_ACQUIRE) {
            handle_acquire(e, &event);
        }
        if (is_about_one_port(e, &event)) {
            struct xfrm_port *port = xfrm_port_by_if_id(&e->ctx,
                                                        event.if_id);

            if (port) {
                make_due_by_event(e, port);
            }
            continue;
        }
        for (size_t i = 0; i < e->n; i++) {
            if (concerns(e->entries[i]->port, &event)) {
                make_due_by_event(e, e->entries[i]->port);
            }
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The dummy datapath: the log of what was written to it and the events that
 * its handles hear.  See xfrm-dummy-table.h; beside xfrm-dummy.c. */

#include <config.h>

#include "xfrm-dummy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "seq.h"
#include "util.h"
#include "xfrm-dummy-table.h"

#define DUMMY_MAX_EVENTS 4096           /* More are lost, as in a socket. */
#define DUMMY_MAX_LOG 1000000           /* Lines. */

/* One write, 'error' being its outcome.  Takes over 'text'. */
void
xdummy_log_write(char *text, int error) OVS_REQUIRES(xdummy_mutex)
{
    if (xdummy.n_log < DUMMY_MAX_LOG) {
        ds_put_cstr(&xdummy.log, text);
        if (error) {
            ds_put_format(&xdummy.log, " failed: %s", ovs_strerror(error));
        }
        ds_put_char(&xdummy.log, '\n');
        xdummy.n_log++;
    }
    free(text);
}

static void
queue_event(struct dummy_backend *b, const struct xfrm_event *event)
    OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_event *e;

    if (b->n_events > DUMMY_MAX_EVENTS) {
        return;                         /* An OVERRUN is the last of them. */
    }
    e = xmalloc(sizeof *e);
    e->event = *event;
    if (b->n_events == DUMMY_MAX_EVENTS) {
        memset(&e->event, 0, sizeof e->event);
        e->event.type = XFRM_EVENT_OVERRUN;
    }
    ovs_list_push_back(&b->events, &e->node);
    b->n_events++;
    seq_change(b->seq);
}

/* Tells all handles but 'self'. */
void
xdummy_tell(const struct dummy_backend *self, const struct xfrm_event *event)
    OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_backend *b;

    LIST_FOR_EACH (b, node, &xdummy.handles) {
        if (b->hears && b != self) {
            queue_event(b, event);
        }
    }
}

void
xdummy_tell_type(const struct dummy_backend *self, enum xfrm_event_type type,
                 uint32_t if_id) OVS_REQUIRES(xdummy_mutex)
{
    struct xfrm_event event;

    memset(&event, 0, sizeof event);
    event.type = type;
    event.if_id = if_id;
    xdummy_tell(self, &event);
}

void
xdummy_tell_link(const struct dummy_backend *self,
                 const struct dummy_link *link)
    OVS_REQUIRES(xdummy_mutex)
{
    struct xfrm_event event;

    memset(&event, 0, sizeof event);
    event.type = XFRM_EVENT_LINK;
    event.ifindex = link->state.ifindex;
    ovs_strlcpy(event.name, link->state.spec.name, sizeof event.name);
    xdummy_tell(self, &event);
}

static void
set_event_sa(struct xfrm_event *event, enum xfrm_event_type type,
             const struct xfrm_sa_spec *sa)
{
    memset(event, 0, sizeof *event);
    event->type = type;
    event->identified = true;
    event->if_id = sa->if_id;
    event->src = sa->src;
    event->dst = sa->dst;
    event->spi = sa->spi;
    event->proto = sa->proto;
    event->mark = sa->mark;
}

void
xdummy_tell_sa(const struct dummy_backend *self,
               const struct xfrm_sa_spec *sa, bool gone)
    OVS_REQUIRES(xdummy_mutex)
{
    struct xfrm_event event;

    set_event_sa(&event, XFRM_EVENT_SA, sa);
    event.gone = gone;
    xdummy_tell(self, &event);
}

void
xdummy_tell_expire(const struct xfrm_sa_spec *sa, bool hard)
    OVS_REQUIRES(xdummy_mutex)
{
    struct xfrm_event event;

    set_event_sa(&event, XFRM_EVENT_EXPIRE, sa);
    event.hard = hard;
    xdummy_tell(NULL, &event);
}

void
xdummy_tell_policy(const struct dummy_backend *self,
                   const struct xfrm_policy_spec *policy, bool gone)
    OVS_REQUIRES(xdummy_mutex)
{
    struct xfrm_event event;

    memset(&event, 0, sizeof event);
    event.type = XFRM_EVENT_POLICY;
    event.identified = true;
    event.gone = gone;
    event.if_id = policy->if_id;
    event.dir = policy->dir;
    event.sel = policy->sel;
    event.mark = policy->mark;
    xdummy_tell(self, &event);
}

/* A packet from 'src' to 'dst' finds an outbound policy of 'if_id', but no SA
 * for its first template.  ENOENT if there is no such policy. */
int
xfrm_dummy_acquire(uint32_t if_id, const struct xfrm_addr *src,
                   const struct xfrm_addr *dst)
{
    static uint32_t seq;                /* Protected by 'xdummy_mutex'. */
    struct dummy_policy *policy;
    int error = ENOENT;

    xdummy_lock();
    HMAP_FOR_EACH (policy, node, &xdummy.policies) {
        const struct xfrm_policy_spec *spec = &policy->spec;

        if (spec->if_id == if_id && spec->dir == XFRM_DIR_OUT
            && spec->n_templates
            && spec->sel.src.addr.family == src->family) {
            struct dummy_acquire *acquire;
            struct xfrm_event event;

            memset(&event, 0, sizeof event);
            event.type = XFRM_EVENT_ACQUIRE;
            event.identified = true;
            event.if_id = if_id;
            event.dir = spec->dir;
            event.sel.src = xfrm_prefix_host(src);
            event.sel.dst = xfrm_prefix_host(dst);
            event.mark = spec->mark;
            event.template = spec->templates[0];
            event.src = event.template.src;
            event.dst = event.template.dst;
            event.proto = event.template.proto;
            event.seq = ++seq;
            acquire = xmalloc(sizeof *acquire);
            acquire->event = event;
            ovs_list_push_back(&xdummy.acquires, &acquire->node);
            xdummy_tell(NULL, &event);
            error = 0;
            break;
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

/* Packets of an SA with UDP encapsulation come from 'src' and 'sport' now. */
int
xfrm_dummy_mapping(const struct xfrm_addr *dst, uint32_t spi,
                   const struct xfrm_addr *src, uint16_t sport)
{
    struct dummy_sa *sa;
    int error = 0;

    xdummy_lock();
    sa = xdummy_find_sa(dst, spi, IPPROTO_ESP);
    if (sa && sa->state.spec.encap.sport) {
        struct xfrm_event event;

        set_event_sa(&event, XFRM_EVENT_MAPPING, &sa->state.spec);
        event.if_id = 0;                /* Linux does not tell. */
        memset(&event.mark, 0, sizeof event.mark);
        event.new_src = *src;
        event.new_sport = sport;
        xdummy_tell(NULL, &event);
    } else {
        error = ESRCH;
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* States that wait for an SA: see xfrm-acquire.h.  Above xfrm-backend, below
 * the engine's thread. */

#include <config.h>

#include "xfrm-acquire.h"

#include <limits.h>
#include <stdlib.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_acquire);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

#define KEEP 1000               /* Milliseconds. */
#define MAX_WAITING 4096        /* More than that go at once. */
#define REMEMBER 10000          /* Milliseconds, for departed if_ids. */

struct waiting {
    struct ovs_list node;
    struct xfrm_event event;
    long long int due;
};

struct departed {
    struct ovs_list node;
    uint32_t if_id;
    long long int until;
};

void
xfrm_acquires_init(struct xfrm_acquires *acquires)
{
    ovs_list_init(&acquires->waiting);
    acquires->n_waiting = 0;
    ovs_list_init(&acquires->departed);
}

void
xfrm_acquires_destroy(struct xfrm_acquires *acquires)
{
    struct departed *departed;
    struct waiting *waiting;

    LIST_FOR_EACH_POP (waiting, node, &acquires->waiting) {
        free(waiting);
    }
    LIST_FOR_EACH_POP (departed, node, &acquires->departed) {
        free(departed);
    }
}

/* The kernel takes away by itself what we cannot. */
static void
drop(struct xfrm_backend *backend, const struct xfrm_event *event)
{
    int error = backend->class->drop_acquire(backend, event);

    if (error) {
        VLOG_INFO_RL(&rl, "cannot remove the state of a packet that lacks an "
                     "SA (%s)", ovs_strerror(error));
    }
}

static void
drop_waiting(struct xfrm_acquires *acquires, struct xfrm_backend *backend,
             struct waiting *waiting)
{
    drop(backend, &waiting->event);
    ovs_list_remove(&waiting->node);
    acquires->n_waiting--;
    free(waiting);
}

void
xfrm_acquires_add(struct xfrm_acquires *acquires,
                  struct xfrm_backend *backend,
                  const struct xfrm_event *event)
{
    struct waiting *waiting;

    if (acquires->n_waiting >= MAX_WAITING) {
        drop(backend, event);
        return;
    }
    waiting = xmalloc(sizeof *waiting);
    waiting->event = *event;
    waiting->due = time_msec() + KEEP;
    ovs_list_push_back(&acquires->waiting, &waiting->node);
    acquires->n_waiting++;
}

void
xfrm_acquires_depart(struct xfrm_acquires *acquires,
                     struct xfrm_backend *backend, uint32_t if_id)
{
    struct departed *departed = xmalloc(sizeof *departed);
    struct waiting *waiting;

    departed->if_id = if_id;
    departed->until = time_msec() + REMEMBER;
    ovs_list_push_back(&acquires->departed, &departed->node);
    LIST_FOR_EACH_SAFE (waiting, node, &acquires->waiting) {
        if (waiting->event.if_id == if_id) {
            drop_waiting(acquires, backend, waiting);
        }
    }
}

void
xfrm_acquires_add_late(struct xfrm_acquires *acquires,
                       struct xfrm_backend *backend,
                       const struct xfrm_event *event)
{
    const struct departed *departed;

    LIST_FOR_EACH (departed, node, &acquires->departed) {
        if (departed->if_id == event->if_id
            && departed->until > time_msec()) {
            drop(backend, event);
            return;
        }
    }
}

void
xfrm_acquires_run(struct xfrm_acquires *acquires,
                  struct xfrm_backend *backend)
{
    long long int now = time_msec();
    struct departed *departed;
    struct waiting *waiting;

    LIST_FOR_EACH_SAFE (waiting, node, &acquires->waiting) {
        if (waiting->due > now) {
            break;
        }
        drop_waiting(acquires, backend, waiting);
    }
    LIST_FOR_EACH_SAFE (departed, node, &acquires->departed) {
        if (departed->until > now) {
            break;
        }
        ovs_list_remove(&departed->node);
        free(departed);
    }
}

long long int
xfrm_acquires_next(const struct xfrm_acquires *acquires)
{
    return (ovs_list_is_empty(&acquires->waiting) ? LLONG_MAX
            : CONTAINER_OF(ovs_list_front(&acquires->waiting),
                           struct waiting, node)->due);
}

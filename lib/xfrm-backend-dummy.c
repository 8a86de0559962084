/* SPDX-License-Identifier: Apache-2.0 */

/* A datapath in memory, for tests: the contract of xfrm-backend.h without a
 * kernel.
 *
 * Here are handles, SAs, policies and events; devices and routes are in
 * xfrm-backend-dummy-link.c.  Below the engine and netdev-xfrm.
 *
 * All handles share one table (xfrm-dummy-table.c), as all sockets share one
 * kernel, and see each other's changes as events.  What it refuses, and what it
 * silently does otherwise than asked, follows Linux: an identity that is taken
 * (whoever's it is), an if_id that is taken, crypto offload on a device that
 * has none (accepted, not done), events lost when nobody reads them, and no
 * memory of the direction of an SA.
 *
 * The strings to pull are in xfrm-dummy.h. */

#include <config.h>

#include "xfrm-backend-dummy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "openvswitch/poll-loop.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-dummy.h"

/* Handles. */

/* Counts operation 'op', on the object that 'id' (or NULL) names, and returns
 * the error that it was ordered to fail with by xfrm_dummy_fail() or
 * xfrm_dummy_fail_nth(), or 0. */
static int
ordered_failure(const struct dummy_backend *b, enum dummy_op op,
                const char *id)
    OVS_REQUIRES(xdummy_mutex)
{
    int error = xdummy_nth_failure(op, id);

    if (b && b->hears) {
        xdummy.calls[op]++;
    }
    if (error || !xdummy.failures[op].count) {
        return error;
    }
    if (xdummy.failures[op].count != UINT_MAX) {
        xdummy.failures[op].count--;
    }
    return xdummy.failures[op].error;
}

int
xdummy_begin(struct dummy_backend *b, enum dummy_op op)
    OVS_ACQUIRES(xdummy_mutex)
{
    xdummy_lock();
    if (b && b->hears && xdummy.delay) {
        struct timespec delay = {
            .tv_sec = xdummy.delay / 1000,
            .tv_nsec = xdummy.delay % 1000 * 1000000L,
        };

        ovs_mutex_unlock(&xdummy_mutex);
        /* Like a call of the kernel: Open vSwitch's own functions for this
         * would make the thread quiescent. */
        nanosleep(&delay, NULL);
        xdummy_lock();
    }
    if (b) {
        /* Here, since 'caps' belongs to the thread of the handle. */
        b->up.caps = xdummy.caps;
    }
    return op < N_OPS ? ordered_failure(b, op, NULL) : 0;
}

int
xdummy_end(int error, char **errorp, const char *what)
    OVS_RELEASES(xdummy_mutex)
{
    ovs_mutex_unlock(&xdummy_mutex);
    if (errorp) {
        *errorp = error ? xasprintf("%s: %s", what, ovs_strerror(error))
                        : NULL;
    }
    return error;
}

static int
dummy_open(bool events, struct xfrm_backend **backendp, char **errorp)
{
    struct dummy_backend *b;
    int error;

    xfrm_dummy_unixctl_init();
    *backendp = NULL;
    error = xdummy_begin(NULL, OP_OPEN);
    if (error) {
        return xdummy_end(error, errorp, "dummy datapath");
    }
    b = xzalloc(sizeof *b);
    b->up.class = &xfrm_backend_dummy;
    b->up.caps = xdummy.caps;
    b->hears = events;
    ovs_list_init(&b->events);
    b->seq = seq_create();
    b->last_seq = seq_read(b->seq);
    ovs_list_push_back(&xdummy.handles, &b->node);
    *backendp = &b->up;
    return xdummy_end(0, errorp, NULL);
}

static void
dummy_close(struct xfrm_backend *backend)
{
    struct dummy_event *e;
    struct dummy_backend *b;

    if (!backend) {
        return;
    }
    b = dummy_cast(backend);
    xdummy_lock();
    ovs_list_remove(&b->node);
    ovs_mutex_unlock(&xdummy_mutex);

    LIST_FOR_EACH_POP (e, node, &b->events) {
        free(e);
    }
    seq_destroy(b->seq);
    free(b);
}

/* What a caller gets of 'sa'. */
static void
copy_sa(const struct xfrm_sa_state *sa, bool keys, struct xfrm_sa_state *copy)
{
    *copy = *sa;
    (keys ? xfrm_sa_spec_clone : xfrm_sa_spec_clone_sans_key)(
        &copy->spec, &sa->spec);
    copy->spec.dir = XFRM_DIR_OUT;      /* Linux does not know. */
}

/* Would Linux find 'sa' when asked with 'mark'? */
static bool
mark_finds(const struct xfrm_mark *mark, const struct xfrm_sa_spec *sa)
{
    return (mark->value & mark->mask & sa->mark.mask) == sa->mark.value;
}

static void
put_mark(struct ds *s, const struct xfrm_mark *mark)
{
    if (mark->mask) {
        ds_put_cstr(s, " mark=");
        xfrm_mark_format(mark, s);
    }
}

static int
dummy_dump_sas(struct xfrm_backend *backend, bool keys,
               struct xfrm_sa_state **sasp, size_t *np)
{
    int error = xdummy_begin(dummy_cast(backend), OP_DUMP_SAS);
    struct xfrm_sa_state *sas = NULL;
    size_t n = 0;

    if (!error) {
        struct dummy_sa *sa;

        sas = xcalloc(hmap_count(&xdummy.sas) + 1, sizeof *sas);
        HMAP_FOR_EACH (sa, node, &xdummy.sas) {
            if (sa->state.spec.if_id) {
                copy_sa(&sa->state, keys, &sas[n++]);
            }
        }
    }
    *sasp = sas;
    *np = n;
    return xdummy_end(error, NULL, NULL);
}

static int
dummy_dump_policies(struct xfrm_backend *backend,
                    struct xfrm_policy_spec **policiesp, size_t *np)
{
    int error = xdummy_begin(dummy_cast(backend), OP_DUMP_POLICIES);
    struct xfrm_policy_spec *policies = NULL;
    size_t n = 0;

    if (!error) {
        struct dummy_policy *policy;

        policies = xcalloc(hmap_count(&xdummy.policies) + 1, sizeof *policies);
        HMAP_FOR_EACH (policy, node, &xdummy.policies) {
            if (policy->spec.if_id) {
                policies[n++] = policy->spec;
            }
        }
    }
    *policiesp = policies;
    *np = n;
    return xdummy_end(error, NULL, NULL);
}

static int
dummy_get_sa(struct xfrm_backend *backend, const struct xfrm_addr *dst,
             uint32_t spi, uint8_t proto, const struct xfrm_mark *mark,
             bool keys, struct xfrm_sa_state *state)
{
    int error = xdummy_begin(dummy_cast(backend), OP_GET_SA);

    if (!error) {
        const struct dummy_sa *sa = xdummy_find_sa(dst, spi, proto);

        if (sa && sa->state.spec.if_id && mark_finds(mark, &sa->state.spec)) {
            copy_sa(&sa->state, keys, state);
        } else {
            error = ESRCH;
        }
    }
    return xdummy_end(error, NULL, NULL);
}

static int
dummy_get_policy(struct xfrm_backend *backend,
                 const struct xfrm_policy_spec *id,
                 struct xfrm_policy_spec *policy)
{
    int error = xdummy_begin(dummy_cast(backend), OP_GET_POLICY);

    if (!error) {
        const struct dummy_policy *found = xdummy_find_policy(id);

        if (found && found->spec.if_id) {
            *policy = found->spec;
        } else {
            error = ENOENT;
        }
    }
    return xdummy_end(error, NULL, NULL);
}

/* What becomes of the offload that 'sa' asks for. */
static int
place_offload(const struct xfrm_sa_spec *sa, enum xfrm_offload *result)
    OVS_REQUIRES(xdummy_mutex)
{
    const struct dummy_link *link = xdummy_find_link(sa->offload_dev);
    enum xfrm_offload capable = link ? link->offload : XFRM_OFF_NO;

    *result = XFRM_OFF_NO;
    if (sa->offload == XFRM_OFF_PACKET) {
        if (capable != XFRM_OFF_PACKET) {
            return EINVAL;
        }
        *result = XFRM_OFF_PACKET;
    } else if (sa->offload == XFRM_OFF_CRYPTO) {
        if (sa->offload_dev[0] && !link) {
            return EINVAL;
        }
        if (capable != XFRM_OFF_NO) {
            *result = XFRM_OFF_CRYPTO;
        }
    }
    return 0;
}

static int
apply_sa_add(const struct xfrm_op *op) OVS_REQUIRES(xdummy_mutex)
{
    const struct xfrm_sa_spec *spec = op->sa;
    enum xfrm_offload offload;
    struct dummy_sa *sa;
    int error;

    if (xdummy_find_sa(&spec->dst, spec->spi, spec->proto)) {
        return EEXIST;
    }
    for (size_t i = 0; xfrm_algo_at(i); i++) {
        if (xfrm_algo_at(i) == spec->algo
            && xfrm_algo_set_has(&xdummy.missing_algos, i)) {
            return ENOSYS;
        }
    }
    if (!spec->esn && MAX(op->start_oseq, op->start_seq) > UINT32_MAX) {
        return EINVAL;
    }
    error = place_offload(spec, &offload);
    if (error) {
        return error;
    }
    sa = xzalloc(sizeof *sa);
    xfrm_sa_spec_clone(&sa->state.spec, spec);
    sa->state.spec.offload = offload;
    sa->state.oseq = op->start_oseq;
    sa->state.seq = op->start_seq;

    /* Linux has nothing of the kind. */
    sa->state.spec.lifetime.soft_idle = 0;
    sa->state.spec.lifetime.hard_idle = 0;
    xdummy_insert_sa(sa);
    xdummy_remove_acquires(0, spec);
    return 0;
}

static int
apply_policy_set(const struct xfrm_policy_spec *spec)
    OVS_REQUIRES(xdummy_mutex)
{
    if (xfrm_sel_is_any(&spec->sel)) {
        return EINVAL;
    }
    if (spec->offload != XFRM_OFF_NO) {
        const struct dummy_link *link = xdummy_find_link(spec->offload_dev);

        if (!link) {
            return ENODEV;
        }
        if (link->offload != XFRM_OFF_PACKET) {
            return EINVAL;
        }
    }
    xdummy_set_policy(spec);
    return 0;
}

static void
put_sa_id(struct ds *s, const struct xfrm_sa_spec *sa)
{
    ds_put_format(s, "if_id=%"PRIu32" ", sa->if_id);
    xfrm_addr_format(&sa->src, s);
    ds_put_cstr(s, " -> ");
    xfrm_addr_format(&sa->dst, s);
    ds_put_format(s, " spi=0x%08"PRIx32, sa->spi);
    if (sa->proto != IPPROTO_ESP) {
        ds_put_format(s, " proto=%s", xfrm_proto_name(sa->proto));
    }
    put_mark(s, &sa->mark);
}

static void
put_policy_id(struct ds *s, const struct xfrm_policy_spec *policy)
{
    ds_put_format(s, "if_id=%"PRIu32" %s ", policy->if_id,
                  xfrm_dir_name(policy->dir));
    xfrm_sel_format(&policy->sel, s);
    put_mark(s, &policy->mark);
}

static char *
op_to_string(const struct xfrm_op *op)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    switch (op->type) {
    case XFRM_OP_SA_ADD:
        ds_put_format(&s, "sa-add %s ", xfrm_dir_name(op->sa->dir));
        put_sa_id(&s, op->sa);
        ds_put_format(&s, " oseq=%"PRIu64" seq=%"PRIu64,
                      op->start_oseq, op->start_seq);
        break;
    case XFRM_OP_SA_DEL:
        ds_put_cstr(&s, "sa-del ");
        put_sa_id(&s, op->sa);
        break;
    case XFRM_OP_POLICY_SET:
        ds_put_cstr(&s, "policy-set ");
        put_policy_id(&s, op->policy);
        break;
    case XFRM_OP_POLICY_DEL:
        ds_put_cstr(&s, "policy-del ");
        put_policy_id(&s, op->policy);
        break;
    }
    return ds_steal_cstr(&s);
}

/* Does 'op', writes that to the log and tells the others. */
static int
apply_op(struct dummy_backend *b, const struct xfrm_op *op, const char *what)
    OVS_REQUIRES(xdummy_mutex)
{
    static const enum dummy_op ops[] = {
        [XFRM_OP_SA_ADD] = OP_SA_ADD,
        [XFRM_OP_SA_DEL] = OP_SA_DEL,
        [XFRM_OP_POLICY_SET] = OP_POLICY_SET,
        [XFRM_OP_POLICY_DEL] = OP_POLICY_DEL,
    };
    struct dummy_policy *policy;
    struct dummy_sa *sa;
    bool lost;
    int error;

    if (xfrm_dummy_hook) {
        xfrm_dummy_hook(op, -1);
    }
    error = ordered_failure(b, ops[op->type], what);
    lost = error == EINPROGRESS;
    if (!error || lost) {
        error = 0;
        switch (op->type) {
        case XFRM_OP_SA_ADD:
            error = apply_sa_add(op);
            break;
        case XFRM_OP_SA_DEL:
            sa = xdummy_find_sa(&op->sa->dst, op->sa->spi, op->sa->proto);
            if (sa && mark_finds(&op->sa->mark, &sa->state.spec)) {
                xdummy_remove_sa(sa);
            }
            break;
        case XFRM_OP_POLICY_SET:
            error = apply_policy_set(op->policy);
            break;
        case XFRM_OP_POLICY_DEL:
            policy = xdummy_find_policy(op->policy);
            if (policy) {
                xdummy_remove_policy(policy);
            }
            break;
        }
    }
    if (xfrm_dummy_hook) {
        xfrm_dummy_hook(op, error);
    }
    xdummy_log_write(xstrdup(what), error);
    if (!error) {
        if (op->type == XFRM_OP_SA_ADD || op->type == XFRM_OP_SA_DEL) {
            xdummy_tell_sa(b, op->sa, op->type == XFRM_OP_SA_DEL);
        } else {
            xdummy_tell_policy(b, op->policy,
                               op->type == XFRM_OP_POLICY_DEL);
        }
    }
    return lost ? EINPROGRESS : error;
}

static int
dummy_apply(struct xfrm_backend *backend, const struct xfrm_op *op,
            char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    char *what = op_to_string(op);
    int error;

    xdummy_begin(b, N_OPS);
    error = xdummy_end(apply_op(b, op, what), errorp, what);
    free(what);
    return error;
}

static int
dummy_apply_batch(struct xfrm_backend *backend, const struct xfrm_op *ops,
                  size_t n, struct xfrm_result *results)
{
    struct dummy_backend *b = dummy_cast(backend);
    bool lose = xdummy_begin(b, OP_APPLY_BATCH) != 0;
    int error = 0;

    for (size_t i = 0; i < n; i++) {
        struct xfrm_result *result = &results[i];
        bool lost = lose && i >= n / 2;
        char *what = op_to_string(&ops[i]);

        result->error = lost && i % 2 ? 0 : apply_op(b, &ops[i], what);
        if (lost) {
            result->error = EINPROGRESS;
        }
        result->message = (result->error
                           ? xasprintf("%s: %s", what,
                                       ovs_strerror(result->error))
                           : NULL);
        error = error ? error : result->error;
        free(what);
    }
    return xdummy_end(error, NULL, NULL);
}

static int
dummy_event_recv(struct xfrm_backend *backend, struct xfrm_event *event)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = EAGAIN;

    /* Before the look at the queue, so that event_wait() misses nothing. */
    b->last_seq = seq_read(b->seq);

    xdummy_lock();
    if (b->n_events) {
        struct dummy_event *e = CONTAINER_OF(ovs_list_pop_front(&b->events),
                                             struct dummy_event, node);

        b->n_events--;
        *event = e->event;
        free(e);
        error = 0;
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

/* Here it costs nothing to hear them always. */
static void
dummy_hear_acquires(struct xfrm_backend *backend OVS_UNUSED,
                    bool hear OVS_UNUSED)
{
}

static void
dummy_event_wait(struct xfrm_backend *backend)
{
    struct dummy_backend *b = dummy_cast(backend);
    bool pending;

    xdummy_lock();
    pending = b->n_events > 0;
    ovs_mutex_unlock(&xdummy_mutex);
    if (pending) {
        poll_immediate_wake();
    } else {
        seq_wait(b->seq, b->last_seq);
    }
}

static int
dummy_counters(struct xfrm_backend *backend, struct xfrm_counter **countersp,
               size_t *np)
{
    int error = xdummy_begin(dummy_cast(backend), OP_COUNTERS);

    *countersp = NULL;
    *np = 0;
    if (!error) {
        *np = XDUMMY_N_COUNTERS;
        *countersp = xcalloc(*np, sizeof **countersp);
        for (size_t i = 0; i < *np; i++) {
            (*countersp)[i].name = xdummy_counter_names[i];
            (*countersp)[i].value = xdummy.counters[i];
        }
    }
    return xdummy_end(error, NULL, NULL);
}

static struct xfrm_algo_set
dummy_missing_algos(void)
{
    struct xfrm_algo_set missing;

    xdummy_lock();
    missing = xdummy.missing_algos;
    ovs_mutex_unlock(&xdummy_mutex);
    return missing;
}

static int
dummy_drop_acquire(struct xfrm_backend *backend,
                   const struct xfrm_event *acquire)
{
    int error = xdummy_begin(dummy_cast(backend), OP_DROP_ACQUIRE);

    if (!error) {
        xdummy_remove_acquires(acquire->seq, NULL);
    }
    return xdummy_end(error, NULL, NULL);
}

const struct xfrm_backend_class xfrm_backend_dummy = {
    .name = "dummy",
    .open = dummy_open,
    .close = dummy_close,
    .dump_sas = dummy_dump_sas,
    .dump_policies = dummy_dump_policies,
    .apply = dummy_apply,
    .apply_batch = dummy_apply_batch,
    .get_sa = dummy_get_sa,
    .get_policy = dummy_get_policy,
    .link_get = dummy_link_get,
    .link_dump = dummy_link_dump,
    .link_create = dummy_link_create,
    .link_set_if_id = dummy_link_set_if_id,
    .link_set_up = dummy_link_set_up,
    .link_set_mtu = dummy_link_set_mtu,
    .link_delete = dummy_link_delete,
    .routes_set = dummy_routes_set,
    .routes_prune = dummy_routes_prune,
    .route_mtu = dummy_route_mtu,
    .event_recv = dummy_event_recv,
    .event_wait = dummy_event_wait,
    .hear_acquires = dummy_hear_acquires,
    .missing_algos = dummy_missing_algos,
    .makes_links = dummy_makes_links,
    .offload_devices = dummy_offload_devices,
    .drop_acquire = dummy_drop_acquire,
    .counters = dummy_counters,
    .link_counters = dummy_link_counters,
};

/* SPDX-License-Identifier: Apache-2.0 */

/* The dummy datapath without its handles: the strings for tests to pull.  The
 * table is in xfrm-dummy-table.c, the log and the events are in
 * xfrm-dummy-event.c.
 *
 * What happens here happens behind the engine's back, as far as the engine
 * can tell.  See xfrm-dummy.h; xfrm-backend-dummy.c stands beside. */

#include <config.h>

#include "xfrm-dummy.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-dummy-table.h"

#define DUMMY_PACKET_LEN 100            /* Bytes. */

static const char *const op_names[N_OPS] = {
#define DUMMY_OP(ENUM, NAME) NAME,
    DUMMY_OPS
#undef DUMMY_OP
};

/* Whoever adds a member to the class says here how it fails. */
BUILD_ASSERT_DECL((sizeof(struct xfrm_backend_class)
                   - offsetof(struct xfrm_backend_class, open))
                  / sizeof(void (*)(void))
                  == N_OPS - DUMMY_N_APPLY + 1 + DUMMY_N_INFALLIBLE);

void (*xfrm_dummy_hook)(const struct xfrm_op *, int error);

void
xfrm_dummy_reset(void)
{
    struct dummy_link *link;

    xdummy_lock();
    xdummy_flush_objects();
    LIST_FOR_EACH_SAFE (link, node, &xdummy.links) {
        xdummy_remove_link(link);
    }
    sset_clear(&xdummy.rules);
    ds_clear(&xdummy.log);
    xdummy.n_log = 0;
    xdummy_set_first_state();
    xdummy_tell_type(NULL, XFRM_EVENT_OVERRUN, 0);
    ovs_mutex_unlock(&xdummy_mutex);
}

bool
xfrm_dummy_fail(const char *op, int error, unsigned int count)
{
    for (size_t i = 0; i < N_OPS; i++) {
        if (!strcmp(op, op_names[i])) {
            xdummy_lock();
            xdummy.failures[i].error = error;
            xdummy.failures[i].count = error ? count : 0;
            ovs_mutex_unlock(&xdummy_mutex);
            return true;
        }
    }
    return false;
}

const char *
xfrm_dummy_op_name(size_t i)
{
    return i < N_OPS ? op_names[i] : NULL;
}

void
xfrm_dummy_fail_nth(const char *op, unsigned int n, int error, bool lasts)
{
    xdummy_lock();
    xdummy.nth_left = n;
    xdummy.nth_wanted = op;
    xdummy.nth_error = error;
    xdummy.nth_lasts = lasts;
    xdummy.nth_op = NULL;
    free(xdummy.nth_id);
    xdummy.nth_id = NULL;
    ovs_mutex_unlock(&xdummy_mutex);
}

const char *
xfrm_dummy_fail_nth_op(char **id)
{
    const char *op;

    xdummy_lock();
    op = xdummy.nth_op;
    *id = nullable_xstrdup(xdummy.nth_id);
    ovs_mutex_unlock(&xdummy_mutex);
    return op;
}

/* The error that this call, which is of operation 'op' and about 'id' (or
 * NULL), is to fail with because it is the one, or 0. */
int
xdummy_nth_failure(enum dummy_op op, const char *id)
    OVS_REQUIRES(xdummy_mutex)
{
    /* Where its numbers begin is not what makes it another operation. */
    const char *numbers = id ? strstr(id, " oseq=") : NULL;
    size_t len = numbers ? (size_t) (numbers - id) : id ? strlen(id) : 0;

    if (xdummy.nth_op == op_names[op]
        && (xdummy.nth_lasts
            || (id && xdummy.nth_id
                && !strncmp(id, xdummy.nth_id, len) && !xdummy.nth_id[len]))) {
        return xdummy.nth_error;
    }
    if (!xdummy.nth_left
        || (xdummy.nth_wanted && strcmp(xdummy.nth_wanted, op_names[op]))
        || --xdummy.nth_left) {
        return 0;
    }
    xdummy.nth_op = op_names[op];
    xdummy.nth_id = id ? xmemdup0(id, len) : NULL;
    return xdummy.nth_error;
}

void
xfrm_dummy_set_delay(unsigned int ms)
{
    xdummy_lock();
    xdummy.delay = ms;
    ovs_mutex_unlock(&xdummy_mutex);
}

static void
put_mark(const char *name, const struct xfrm_mark *mark, struct ds *s)
{
    if (mark->mask) {
        ds_put_cstr(s, name);
        xfrm_mark_format(mark, s);
    }
}

static void
show_sa(const struct dummy_sa *sa, struct ds *s)
{
    const struct xfrm_sa_spec *spec = &sa->state.spec;

    /* 'if_id' and so on first, since the lines are sorted as text. */
    ds_put_format(s, "sa if_id=%"PRIu32" ", spec->if_id);
    xfrm_addr_format(&spec->src, s);
    ds_put_cstr(s, " -> ");
    xfrm_addr_format(&spec->dst, s);
    ds_put_format(s, " spi=0x%08"PRIx32" %s %s reqid=%"PRIu32,
                  spec->spi, xfrm_mode_name(spec->mode),
                  spec->algo ? spec->algo->name : "foreign", spec->reqid);
    if (spec->proto != IPPROTO_ESP) {
        ds_put_format(s, " proto=%s", xfrm_proto_name(spec->proto));
    }
    put_mark(" mark=", &spec->mark, s);
    put_mark(" output-mark=", &spec->output_mark, s);
    for (uint32_t flag = 1; flag < 1u << XFRM_SA_N_FLAGS; flag <<= 1) {
        if (spec->flags & flag) {
            ds_put_format(s, " %s", xfrm_sa_flag_name(flag));
        }
    }
    if (spec->encap.sport || spec->encap.dport) {
        ds_put_format(s, " encap=%"PRIu16":%"PRIu16,
                      spec->encap.sport, spec->encap.dport);
    }
    if (!xfrm_sel_is_any(&spec->sel)) {
        ds_put_cstr(s, " sel ");
        xfrm_sel_format(&spec->sel, s);
    }
    ds_put_format(s, " offload=%s oseq=%"PRIu64" seq=%"PRIu64
                  " packets=%"PRIu64, xfrm_offload_name(spec->offload),
                  sa->state.oseq, sa->state.seq, sa->state.packets);
}

static void
show_policy(const struct xfrm_policy_spec *policy, struct ds *s)
{
    ds_put_format(s, "policy if_id=%"PRIu32" %s ", policy->if_id,
                  xfrm_dir_name(policy->dir));
    xfrm_sel_format(&policy->sel, s);
    ds_put_format(s, " priority=%"PRIu32" %s", policy->priority,
                  xfrm_action_name(policy->action));
    put_mark(" mark=", &policy->mark, s);
    if (policy->offload != XFRM_OFF_NO) {
        ds_put_format(s, " offload=%s dev=%s",
                      xfrm_offload_name(policy->offload),
                      policy->offload_dev);
    }
    for (size_t i = 0; i < policy->n_templates; i++) {
        const struct xfrm_template *t = &policy->templates[i];

        ds_put_cstr(s, " tmpl ");
        xfrm_addr_format(&t->src, s);
        ds_put_cstr(s, " -> ");
        xfrm_addr_format(&t->dst, s);
        ds_put_format(s, " %s reqid=%"PRIu32, xfrm_mode_name(t->mode),
                      t->reqid);
        if (t->proto != IPPROTO_ESP) {
            ds_put_format(s, " proto=%s", xfrm_proto_name(t->proto));
        }
        if (t->optional) {
            ds_put_cstr(s, " optional");
        }
    }
}

static void
show_link(const struct dummy_link *link, struct ds *s)
{
    const struct xfrm_link_state *state = &link->state;

    ds_put_format(s, "link %s ifindex=%d kind=%s", state->spec.name,
                  state->ifindex, link->kind);
    if (state->is_xfrm) {
        ds_put_format(s, " if_id=%"PRIu32, state->spec.if_id);
    }
    if (state->spec.dev[0]) {
        ds_put_format(s, " dev=%s", state->spec.dev);
    }
    ds_put_format(s, " mtu=%d %s%s%s", state->mtu,
                  state->up ? "up" : "down", state->ours ? " ours" : "",
                  link->routes ? " routes" : "");
}

void
xfrm_dummy_show(struct ds *out)
{
    const struct dummy_policy *policy;
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    const struct dummy_acquire *acquire;
    const struct dummy_link *link;
    const struct dummy_sa *sa;
    const char *rule;
    const char *line;
    size_t i;

    xdummy_lock();
    HMAP_FOR_EACH (sa, node, &xdummy.sas) {
        struct ds s = DS_EMPTY_INITIALIZER;

        show_sa(sa, &s);
        svec_add_nocopy(&lines, ds_steal_cstr(&s));
    }
    HMAP_FOR_EACH (policy, node, &xdummy.policies) {
        struct ds s = DS_EMPTY_INITIALIZER;

        show_policy(&policy->spec, &s);
        svec_add_nocopy(&lines, ds_steal_cstr(&s));
    }
    LIST_FOR_EACH (link, node, &xdummy.links) {
        struct ds s = DS_EMPTY_INITIALIZER;

        show_link(link, &s);
        svec_add_nocopy(&lines, ds_steal_cstr(&s));
    }
    LIST_FOR_EACH (acquire, node, &xdummy.acquires) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_format(&s, "acquire if_id=%"PRIu32" ", acquire->event.if_id);
        xfrm_addr_format(&acquire->event.src, &s);
        ds_put_cstr(&s, " -> ");
        xfrm_addr_format(&acquire->event.dst, &s);
        svec_add_nocopy(&lines, ds_steal_cstr(&s));
    }
    SSET_FOR_EACH (rule, &xdummy.rules) {
        svec_add_nocopy(&lines, xasprintf("rule oif %s", rule));
    }
    ovs_mutex_unlock(&xdummy_mutex);

    svec_sort(&lines);
    SVEC_FOR_EACH (i, line, &lines) {
        ds_put_format(out, "%s\n", line);
    }
    svec_destroy(&lines);
}

void
xfrm_dummy_log(struct ds *out, bool clear)
{
    xdummy_lock();
    if (out) {
        ds_put_buffer(out, ds_cstr(&xdummy.log), xdummy.log.length);
    }
    if (clear) {
        ds_clear(&xdummy.log);
        xdummy.n_log = 0;
    }
    ovs_mutex_unlock(&xdummy_mutex);
}

unsigned int
xfrm_dummy_n_writes(void)
{
    unsigned int n;

    xdummy_lock();
    n = xdummy.n_log;
    ovs_mutex_unlock(&xdummy_mutex);
    return n;
}

void
xfrm_dummy_calls(struct ds *out, bool clear)
{
    xdummy_lock();
    for (size_t i = 0; i < N_OPS; i++) {
        if (out && xdummy.calls[i]) {
            ds_put_format(out, "%s %u\n", op_names[i], xdummy.calls[i]);
        }
    }
    if (clear) {
        memset(xdummy.calls, 0, sizeof xdummy.calls);
    }
    ovs_mutex_unlock(&xdummy_mutex);
}

int
xfrm_dummy_sa_add(uint32_t if_id, const struct xfrm_addr *src,
                  const struct xfrm_addr *dst, uint32_t spi)
{
    const struct xfrm_secret none = { NULL, 0 };

    return xfrm_dummy_sa_add_key(if_id, src, dst, spi, NULL, &none);
}

int
xfrm_dummy_sa_add_key(uint32_t if_id, const struct xfrm_addr *src,
                      const struct xfrm_addr *dst, uint32_t spi,
                      const struct xfrm_algo *algo,
                      const struct xfrm_secret *key)
{
    int error = 0;

    xdummy_lock();
    if (xdummy_find_sa(dst, spi, IPPROTO_ESP)) {
        error = EEXIST;
    } else {
        struct dummy_sa *sa = xzalloc(sizeof *sa);

        sa->state.spec.if_id = if_id;
        sa->state.spec.spi = spi;
        sa->state.spec.proto = IPPROTO_ESP;
        sa->state.spec.src = *src;
        sa->state.spec.dst = *dst;
        sa->state.spec.dir = XFRM_DIR_OUT;
        sa->state.spec.algo = algo;
        xfrm_secret_clone(&sa->state.spec.key, key);
        xdummy_insert_sa(sa);
        xdummy_tell_sa(NULL, &sa->state.spec, false);
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

int
xfrm_dummy_sa_del(const struct xfrm_addr *dst, uint32_t spi)
{
    struct dummy_sa *sa;
    int error = 0;

    xdummy_lock();
    sa = xdummy_find_sa_any(dst, spi);
    if (sa) {
        xdummy_tell_sa(NULL, &sa->state.spec, true);
        xdummy_remove_sa(sa);
    } else {
        error = ESRCH;
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

void
xfrm_dummy_policy_set(const struct xfrm_policy_spec *spec)
{
    xdummy_lock();
    xdummy_set_policy(spec);
    xdummy_tell_policy(NULL, spec, false);
    ovs_mutex_unlock(&xdummy_mutex);
}

int
xfrm_dummy_policy_del(uint32_t if_id, enum xfrm_dir dir)
{
    struct dummy_policy *policy;
    int error = ENOENT;

    xdummy_lock();
    HMAP_FOR_EACH_SAFE (policy, node, &xdummy.policies) {
        if (policy->spec.if_id == if_id && policy->spec.dir == dir) {
            xdummy_tell_policy(NULL, &policy->spec, true);
            xdummy_remove_policy(policy);
            error = 0;
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

void
xfrm_dummy_flush(void)
{
    xdummy_lock();
    xdummy_flush_objects();
    xdummy_tell_type(NULL, XFRM_EVENT_SA, 0);
    xdummy_tell_type(NULL, XFRM_EVENT_POLICY, 0);
    ovs_mutex_unlock(&xdummy_mutex);
}

int
xfrm_dummy_expire(uint32_t spi, bool hard)
{
    struct dummy_sa *sa;
    int error = ESRCH;

    xdummy_lock();
    HMAP_FOR_EACH_SAFE (sa, node, &xdummy.sas) {
        if (sa->state.spec.spi == spi) {
            xdummy_tell_expire(&sa->state.spec, hard);
            if (hard) {
                xdummy_remove_sa(sa);
            }
            error = 0;
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

void
xfrm_dummy_overrun(void)
{
    xdummy_lock();
    xdummy_tell_type(NULL, XFRM_EVENT_OVERRUN, 0);
    ovs_mutex_unlock(&xdummy_mutex);
}

static bool
is_past(uint64_t used, uint64_t limit)
{
    return limit && used >= limit;
}

int
xfrm_dummy_traffic(const char *name, uint64_t n)
{
    const struct dummy_link *link;
    struct dummy_sa *sa;
    int error = 0;

    xdummy_lock();
    link = xdummy_find_link(name);
    if (!link || !link->state.is_xfrm) {
        error = ENODEV;
    } else {
        HMAP_FOR_EACH_SAFE (sa, node, &xdummy.sas) {
            struct xfrm_sa_state *state = &sa->state;
            const struct xfrm_lifetime *life = &state->spec.lifetime;
            uint64_t *seq = (state->spec.dir == XFRM_DIR_IN
                             ? &state->seq : &state->oseq);
            uint64_t limit = state->spec.esn ? UINT64_MAX : UINT32_MAX;
            uint64_t passed = MIN(n, limit - *seq);
            bool counts = state->spec.proto != IPPROTO_COMP;

            if (state->spec.if_id != link->state.spec.if_id) {
                continue;
            }
            *seq += counts ? passed : 0;
            state->packets += passed;
            state->bytes += passed * DUMMY_PACKET_LEN;
            state->used = time_wall();
            if (is_past(state->packets, life->hard_packets)
                || is_past(state->bytes, life->hard_bytes)) {
                xdummy_tell_expire(&state->spec, true);
                xdummy_remove_sa(sa);
            } else if (!sa->soft_told
                       && (is_past(state->packets, life->soft_packets)
                           || is_past(state->bytes, life->soft_bytes))) {
                sa->soft_told = true;
                xdummy_tell_expire(&state->spec, false);
            }
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

int
xfrm_dummy_link_add(const char *name, const char *kind, uint32_t if_id)
{
    struct xfrm_link_spec spec;
    int error = 0;

    if (!name[0] || strlen(name) >= sizeof spec.name) {
        return EINVAL;
    }
    memset(&spec, 0, sizeof spec);
    ovs_strlcpy(spec.name, name, sizeof spec.name);
    spec.if_id = if_id;

    xdummy_lock();
    if (xdummy_find_link(name)
        || (!strcmp(kind, "xfrm") && xdummy_if_id_is_taken(if_id))) {
        error = EEXIST;
    } else {
        struct dummy_link *link = xdummy_add_link(&spec, kind);

        link->state.up = true;
        xdummy_tell_link(NULL, link);
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

int
xfrm_dummy_link_del(const char *name)
{
    struct dummy_link *link;
    int error = 0;

    xdummy_lock();
    link = xdummy_find_link(name);
    if (link) {
        xdummy_tell_link(NULL, link);
        xdummy_remove_link(link);
    } else {
        error = ENODEV;
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

int
xfrm_dummy_link_set_up(const char *name, bool up)
{
    struct dummy_link *link;
    int error = 0;

    xdummy_lock();
    link = xdummy_find_link(name);
    if (link) {
        link->state.up = up;
        if (!up && link->routes) {
            link->routes = false;
            xdummy_tell_type(NULL, XFRM_EVENT_ROUTE, 0);
        }
        xdummy_tell_link(NULL, link);
    } else {
        error = ENODEV;
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

int
xfrm_dummy_link_set_offload(const char *name, enum xfrm_offload offload)
{
    struct dummy_link *link;
    int error = 0;

    xdummy_lock();
    link = xdummy_find_link(name);
    if (link) {
        link->offload = offload;
    } else {
        error = ENODEV;
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return error;
}

bool
xfrm_dummy_set_cap(const char *which, bool on)
{
    bool known = true;

    xdummy_lock();
    if (!strcmp(which, "transport")) {
        xdummy.caps.sends_transport = on;
    } else if (!strcmp(which, "routes")) {
        xdummy.caps.needs_routes = on;
    } else if (!strcmp(which, "inbound")) {
        xdummy.caps.enforces_inbound = on;
    } else if (!strcmp(which, "pmtu")) {
        xdummy.caps.answers_pmtu = on;
    } else {
        known = false;
    }
    if (known) {
        xdummy_tell_type(NULL, XFRM_EVENT_OVERRUN, 0);
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return known;
}

/* What makes devices is there, or is not; those that were made stay. */
void
xfrm_dummy_set_module(bool on)
{
    xdummy_lock();
    xdummy.lacks_module = !on;
    ovs_mutex_unlock(&xdummy_mutex);
}

/* The datapath has algorithm 'name', or lacks it. */
bool
xfrm_dummy_set_algo(const char *name, bool on)
{
    const struct xfrm_algo *algo;
    bool known = false;

    xdummy_lock();
    for (size_t i = 0; (algo = xfrm_algo_at(i)) != NULL; i++) {
        if (!strcmp(algo->name, name)) {
            xfrm_algo_set_put(&xdummy.missing_algos, i, !on);
            known = true;
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return known;
}

void
xfrm_dummy_set_route_mtu(int mtu)
{
    xdummy_lock();
    xdummy.route_mtu = mtu;
    xdummy_tell_type(NULL, XFRM_EVENT_ROUTE, 0);
    ovs_mutex_unlock(&xdummy_mutex);
}

bool
xfrm_dummy_set_counter(const char *name, uint64_t value)
{
    bool known = false;

    xdummy_lock();
    for (size_t i = 0; i < XDUMMY_N_COUNTERS; i++) {
        if (!strcmp(name, xdummy_counter_names[i])) {
            xdummy.counters[i] = value;
            known = true;
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
    return known;
}

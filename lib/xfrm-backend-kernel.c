/* SPDX-License-Identifier: Apache-2.0 */

/* The Linux kernel as a backend: SAs, policies and events.  Sockets are in
 * xfrm-backend-kernel-sock.c, devices and routes in
 * xfrm-backend-kernel-link.c, what /proc and /sys tell is in
 * xfrm-backend-kernel-proc.c.
 *
 * Below the engine and netdev-xfrm, above xfrm-netlink. */

#include <config.h>

#include "xfrm-backend-kernel.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdlib.h>

#include "coverage.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xfrm-netlink-uapi.h"

VLOG_DEFINE_THIS_MODULE(xfrm_backend_kernel);

/* What the kernel is asked about SAs and policies: "ovs-appctl
 * coverage/read-counter NAME" tells tests and benchmarks. */
COVERAGE_DEFINE(xfrm_dump);     /* Everything was read. */
COVERAGE_DEFINE(xfrm_get);      /* One object was. */
COVERAGE_DEFINE(xfrm_write);    /* One message that changes something. */

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* ## Opening and closing. ## */

static void
kernel_close(struct xfrm_backend *backend)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);

    kernel_sock_close(&kb->xfrm);
    kernel_sock_close(&kb->route);
    kernel_sock_close(&kb->xfrm_events);
    kernel_sock_close(&kb->route_events);
    free(kb);
}

static int
kernel_open(bool events, struct xfrm_backend **backendp, char **errorp)
{
    struct kernel_backend *kb = xzalloc(sizeof *kb);
    const char *what = "NETLINK_ROUTE";
    int error;

    *backendp = NULL;
    *errorp = NULL;
    kb->up.class = &xfrm_backend_kernel;

    /* Requests first: the other one is to leave out what they cause. */
    error = kernel_sock_open(&kb->route, NETLINK_ROUTE, NULL);
    if (!error && events) {
        error = kernel_sock_open(&kb->route_events, NETLINK_ROUTE,
                                 &kb->route);
    }
    if (!error) {
        what = "NETLINK_XFRM";
        error = kernel_sock_open(&kb->xfrm, NETLINK_XFRM, NULL);
    }
    if (!error && events) {
        error = kernel_sock_open(&kb->xfrm_events, NETLINK_XFRM, &kb->xfrm);
    }
    if (error) {
        *errorp = kernel_error(error, "", error == EPROTONOSUPPORT
                               ? "this kernel has no IPsec (module xfrm_user)"
                               : NULL, "opening a %s socket", what);
        kernel_close(&kb->up);
        return error;
    }

    kernel_probe_capabilities(&kb->up.caps);
    *backendp = &kb->up;
    return 0;
}

/* ## SAs and policies. ## */

/* Stores the name of device 'ifindex' (0: none) in 'name'. */
static void
name_offload_dev(int ifindex, char name[IFNAMSIZ])
{
    if (ifindex && !if_indextoname(ifindex, name)) {
        ovs_strlcpy(name, "?", IFNAMSIZ);
    }
}

struct sa_dump {
    bool keys;
    struct xfrm_sa_state *sas;
    size_t n, allocated;
};

static void
sa_dump_restart(void *dump_)
{
    struct sa_dump *dump = dump_;

    for (size_t i = 0; i < dump->n; i++) {
        xfrm_sa_spec_destroy(&dump->sas[i].spec);
    }
    dump->n = 0;
}

static void
sa_dump_cb(const void *msg, size_t len, void *dump_)
{
    struct sa_dump *dump = dump_;
    struct xfrm_sa_state sa;
    int error, ifindex;

    error = xfrm_nl_parse_sa(msg, len, dump->keys, &sa, &ifindex);
    if (error) {
        if (error != ENODATA) {
            VLOG_WARN_RL(&rl, "the kernel's description of an SA is not "
                         "understood and left out");
        }
        return;
    }
    name_offload_dev(ifindex, sa.spec.offload_dev);
    if (dump->n >= dump->allocated) {
        dump->sas = x2nrealloc(dump->sas, &dump->allocated,
                               sizeof *dump->sas);
    }
    dump->sas[dump->n++] = sa;
}

static int
kernel_dump_sas(struct xfrm_backend *backend, bool keys,
                struct xfrm_sa_state **sasp, size_t *np)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct sa_dump dump = { .keys = keys };
    struct nl_msg *msg = xfrm_nl_msg_new();
    int error;

    COVERAGE_INC(xfrm_dump);
    error = xfrm_nl_encode_dump_sas(msg);
    if (!error) {
        error = kernel_dump(&kb->xfrm, msg, sa_dump_cb, sa_dump_restart,
                            &dump);
    }
    xfrm_nl_msg_destroy(msg);
    if (error) {
        sa_dump_restart(&dump);
        free(dump.sas);
        dump.sas = NULL;
    }
    *sasp = dump.sas;
    *np = dump.n;
    return error;
}

struct policy_dump {
    struct xfrm_policy_spec *policies;
    size_t n, allocated;
};

static void
policy_dump_restart(void *dump_)
{
    struct policy_dump *dump = dump_;

    dump->n = 0;
}

static void
policy_dump_cb(const void *msg, size_t len, void *dump_)
{
    struct policy_dump *dump = dump_;
    struct xfrm_policy_spec *policy;
    int error, ifindex;

    if (dump->n >= dump->allocated) {
        dump->policies = x2nrealloc(dump->policies, &dump->allocated,
                                    sizeof *dump->policies);
    }
    policy = &dump->policies[dump->n];
    error = xfrm_nl_parse_policy(msg, len, policy, &ifindex);
    if (!error) {
        name_offload_dev(ifindex, policy->offload_dev);
        dump->n++;
    } else if (error != ENODATA) {
        VLOG_WARN_RL(&rl, "the kernel's description of a policy is not "
                     "understood and left out");
    }
}

static int
kernel_dump_policies(struct xfrm_backend *backend,
                     struct xfrm_policy_spec **policiesp, size_t *np)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct policy_dump dump = { .n = 0 };
    int error;

    COVERAGE_INC(xfrm_dump);
    error = xfrm_nl_encode_dump_policies(msg);
    if (!error) {
        error = kernel_dump(&kb->xfrm, msg, policy_dump_cb,
                            policy_dump_restart, &dump);
    }
    xfrm_nl_msg_destroy(msg);
    if (error) {
        free(dump.policies);
        dump.policies = NULL;
        dump.n = 0;
    }
    *policiesp = dump.policies;
    *np = dump.n;
    return error;
}

/* Names 'op' for an error message. */
static void
format_op(const struct xfrm_op *op, struct ds *ds)
{
    if (op->type == XFRM_OP_SA_ADD || op->type == XFRM_OP_SA_DEL) {
        const struct xfrm_sa_spec *sa = op->sa;

        ds_put_format(ds, "%s SA ",
                      op->type == XFRM_OP_SA_ADD ? "adding" : "deleting");
        if (op->type == XFRM_OP_SA_ADD) {
            ds_put_format(ds, "%s ", xfrm_dir_name(sa->dir));
        }
        xfrm_proto_format(sa->proto, ds);
        ds_put_format(ds, " spi 0x%"PRIx32" dst ", sa->spi);
        xfrm_addr_format(&sa->dst, ds);
    } else {
        const struct xfrm_policy_spec *policy = op->policy;

        ds_put_format(ds, "%s policy %s if_id %"PRIu32" ",
                      op->type == XFRM_OP_POLICY_SET ? "setting" : "deleting",
                      xfrm_dir_name(policy->dir), policy->if_id);
        xfrm_sel_format(&policy->sel, ds);
    }
}

/* What a person can do about 'error' of 'op', in '*hint', perhaps nothing. */
static void
hint_op(const struct xfrm_op *op, int error, struct ds *hint)
{
    const struct xfrm_sa_spec *sa = op->sa;

    if (op->type != XFRM_OP_SA_ADD) {
        return;
    }
    switch (error) {
    case EEXIST:
        ds_put_cstr(hint, "an SA with this destination, SPI and protocol "
                    "exists already, perhaps of another if_id");
        break;
    case EPROTONOSUPPORT:
        /* esp4 and esp6, ah4 and ah6, but ipcomp and ipcomp6. */
        ds_put_format(hint, "is the module %s%s missing?",
                      xfrm_proto_name(sa->proto),
                      sa->dst.family == AF_INET6 ? "6"
                      : sa->proto == IPPROTO_COMP ? "" : "4");
        break;
    case EAFNOSUPPORT:
        ds_put_format(hint, "does this kernel have IPv%c?",
                      sa->dst.family == AF_INET6 ? '6' : '4');
        break;
    case ENOSYS:
    case ENOENT:
        ds_put_format(hint, "this kernel has no algorithm %s (",
                      sa->algo->name);
        xfrm_algo_format_kernel_names(sa->algo, hint);
        ds_put_char(hint, ')');
        break;
    case EOVERFLOW:
        ds_put_cstr(hint, "its sequence numbers are used up, it needs a new "
                    "key");
        break;
    case EINVAL:
    case EOPNOTSUPP:
        if (sa->offload != XFRM_OFF_NO) {
            ds_put_format(hint, "can device %s offload this SA in mode %s?",
                          sa->offload_dev[0] ? sa->offload_dev : "(by route)",
                          xfrm_offload_name(sa->offload));
        }
        break;
    }
}

/* The sentence for 'error' of 'op'; 'text' is what the kernel said, perhaps
 * nothing. */
static char *
op_error(const struct xfrm_op *op, int error, const char *text)
{
    struct ds hint = DS_EMPTY_INITIALIZER;
    struct ds what = DS_EMPTY_INITIALIZER;
    char *message;

    format_op(op, &what);
    hint_op(op, error, &hint);
    message = kernel_error(error, text, hint.length ? ds_cstr(&hint) : NULL,
                           "%s", ds_cstr(&what));
    ds_destroy(&hint);
    ds_destroy(&what);
    return message;
}

/* Fills 'msg' with 'op'.  Otherwise returns a positive errno and stores a
 * sentence in '*errorp'. */
static int
encode_op(const struct xfrm_op *op, struct nl_msg *msg, char **errorp)
{
    const char *dev = "";
    int ifindex = 0;
    int error;

    if (op->type == XFRM_OP_SA_ADD && op->sa->offload != XFRM_OFF_NO) {
        dev = op->sa->offload_dev;
    } else if (op->type == XFRM_OP_POLICY_SET
               && op->policy->offload != XFRM_OFF_NO) {
        dev = op->policy->offload_dev;
    }
    if (dev[0]) {
        ifindex = if_nametoindex(dev);
        if (!ifindex) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            format_op(op, &ds);
            ds_put_format(&ds, ": the offload device %s does not exist", dev);
            *errorp = ds_steal_cstr(&ds);
            return ENODEV;
        }
    }
    error = xfrm_nl_encode_op(msg, op, ifindex);
    if (error) {
        *errorp = op_error(op, error, "");
    }
    return error;
}

/* What 'error', the kernel's answer to 'op', is for our caller.  The kernel
 * has one number for SAs and another for policies that are not there. */
static int
op_result(const struct xfrm_op *op, int error)
{
    if ((op->type == XFRM_OP_SA_DEL && error == ESRCH)
        || (op->type == XFRM_OP_POLICY_DEL && error == ENOENT)) {
        return 0;
    }
    return error;
}

static int
kernel_apply(struct xfrm_backend *backend, const struct xfrm_op *op,
             char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_nl_answer answer;
    struct nl_msg *msg;
    int error;

    *errorp = NULL;
    msg = xfrm_nl_msg_new();
    error = encode_op(op, msg, errorp);
    if (!error) {
        COVERAGE_INC(xfrm_write);
        error = kernel_transact(&kb->xfrm, msg, NULL, NULL, &answer);
        error = op_result(op, error);
        if (error) {
            *errorp = op_error(op, error, answer.text);
        }
    }
    xfrm_nl_msg_destroy(msg);
    return error;
}

struct batch {
    const struct xfrm_op *ops;          /* Those of one kernel_batch(). */
    struct xfrm_result *results;
    size_t *indexes;                    /* From its messages to both. */
};

static void
batch_cb(size_t i, const struct xfrm_nl_answer *answer, void *batch_)
{
    struct batch *batch = batch_;
    size_t index = batch->indexes[i];
    struct xfrm_result *result = &batch->results[index];
    const struct xfrm_op *op = &batch->ops[index];

    result->error = op_result(op, answer->error);
    if (result->error) {
        result->message = op_error(op, result->error, answer->text);
    }
}

static int
kernel_apply_batch(struct xfrm_backend *backend, const struct xfrm_op *ops,
                   size_t n, struct xfrm_result *results)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct kernel_batch *kbatch = kernel_batch_new();
    size_t indexes[KERNEL_BATCH_MAX];
    struct batch batch = { ops, results, indexes };
    int error = 0;

    for (size_t i = 0; i < n; i++) {
        results[i].message = NULL;
        results[i].error = encode_op(&ops[i], msg, &results[i].message);
        if (!results[i].error) {
            COVERAGE_INC(xfrm_write);
            indexes[kernel_batch_count(kbatch)] = i;
            kernel_batch_add(kbatch, msg);
        }
        if (kernel_batch_is_full(kbatch) || i == n - 1) {
            kernel_batch_run(&kb->xfrm, kbatch, batch_cb, &batch);
        }
    }
    kernel_batch_destroy(kbatch);
    xfrm_nl_msg_destroy(msg);

    for (size_t i = 0; i < n && !error; i++) {
        error = results[i].error;
    }
    return error;
}

static int
kernel_get_sa(struct xfrm_backend *backend, const struct xfrm_addr *dst,
              uint32_t spi, uint8_t proto, const struct xfrm_mark *mark,
              bool keys, struct xfrm_sa_state *state)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct sa_dump dump = { .keys = keys };
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct xfrm_nl_answer answer;
    int error;

    COVERAGE_INC(xfrm_get);
    error = xfrm_nl_encode_get_sa(msg, dst, spi, proto, mark);
    if (!error) {
        error = kernel_transact(&kb->xfrm, msg, sa_dump_cb, &dump, &answer);
    }
    xfrm_nl_msg_destroy(msg);
    if (!error) {
        error = dump.n == 1 ? 0 : ESRCH;
    }
    if (!error) {
        *state = dump.sas[0];
    } else {
        sa_dump_restart(&dump);
    }
    free(dump.sas);
    return error;
}

static int
kernel_get_policy(struct xfrm_backend *backend,
                  const struct xfrm_policy_spec *id,
                  struct xfrm_policy_spec *policy)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct policy_dump dump = { .n = 0 };
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct xfrm_nl_answer answer;
    int error;

    COVERAGE_INC(xfrm_get);
    error = xfrm_nl_encode_get_policy(msg, id);
    if (!error) {
        error = kernel_transact(&kb->xfrm, msg, policy_dump_cb, &dump,
                                &answer);
    }
    xfrm_nl_msg_destroy(msg);
    if (!error) {
        error = dump.n == 1 ? 0 : ENOENT;
    }
    if (!error) {
        *policy = dump.policies[0];
    }
    free(dump.policies);
    return error;
}

/* ## Events. ## */

/* Reads one event of 'sock'; those that 'sock->own' caused are left out, also
 * those from before the kernel did so. */
static int
kernel_sock_event(struct kernel_sock *sock, struct xfrm_event *event)
{
    const struct kernel_sock *own = sock->own;

    if (!sock->nl) {
        return EAGAIN;
    }
    for (;;) {
        const void *msg;
        size_t len;
        int error;

        while (sock->left && (msg = xfrm_nl_next(&sock->pos, &sock->left,
                                                 &len))) {
            struct nlmsghdr nlh;

            memcpy(&nlh, msg, sizeof nlh);
            if (own && own->nl && nlh.nlmsg_pid
                && nlh.nlmsg_pid == nl_socket_get_local_port(own->nl)) {
                continue;
            }
            error = (sock->protocol == NETLINK_XFRM
                     ? xfrm_nl_parse_xfrm_event(msg, len, event)
                     : xfrm_nl_parse_rtnl_event(msg, len, event));
            if (error == EBADMSG) {
                /* Something happened, and this was to say what. */
                memset(event, 0, sizeof *event);
                event->type = XFRM_EVENT_OVERRUN;
                error = 0;
            }
            if (!error) {
                return 0;
            }
        }
        kernel_sock_wipe(sock);

        error = kernel_sock_recv(sock, &sock->left);
        if (error) {
            sock->left = 0;
            if (error == EAGAIN) {
                return EAGAIN;
            }
            if (error != ENOBUFS && error != EMSGSIZE) {
                VLOG_WARN_RL(&rl, "receiving netlink events: %s",
                             ovs_strerror(error));
            }
            memset(event, 0, sizeof *event);
            event->type = XFRM_EVENT_OVERRUN;
            return 0;
        }
        sock->pos = sock->buf;
    }
}

static int
kernel_event_recv(struct xfrm_backend *backend, struct xfrm_event *event)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    int error;

    error = kernel_sock_event(&kb->xfrm_events, event);
    if (error) {
        error = kernel_sock_event(&kb->route_events, event);
    }
    return error;
}

static void
kernel_event_wait(struct xfrm_backend *backend)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct kernel_sock *socks[] = { &kb->xfrm_events, &kb->route_events };

    for (size_t i = 0; i < ARRAY_SIZE(socks); i++) {
        if (socks[i]->nl) {
            if (socks[i]->left) {
                poll_immediate_wake();
            }
            poll_fd_wait(nl_socket_get_fd(socks[i]->nl), POLLIN);
        }
    }
}

static void
kernel_hear_acquires(struct xfrm_backend *backend, bool hear)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);

    if (kb->xfrm_events.nl) {
        if (hear) {
            nl_socket_add_membership(kb->xfrm_events.nl, XFRMNLGRP_ACQUIRE);
        } else {
            nl_socket_drop_membership(kb->xfrm_events.nl, XFRMNLGRP_ACQUIRE);
        }
    }
}

static void
spi_cb(const void *msg, size_t len, void *spi_)
{
    uint32_t *spi = spi_;

    if (xfrm_nl_parse_spi(msg, len, spi)) {
        *spi = 0;
    }
}

/* A state without SPI has no identity by which it could be deleted, but its
 * number gets it one.  If it went meanwhile the kernel makes another, which is
 * then what goes. */
static int
kernel_drop_acquire(struct xfrm_backend *backend,
                    const struct xfrm_event *acquire)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct xfrm_nl_answer answer;
    uint32_t spi = 0;
    int error;

    error = xfrm_nl_encode_alloc_spi(msg, acquire);
    if (!error) {
        error = kernel_transact(&kb->xfrm, msg, spi_cb, &spi, &answer);
    }
    if (!error && spi) {
        struct xfrm_sa_spec sa;
        struct xfrm_op op = { .type = XFRM_OP_SA_DEL, .sa = &sa };

        memset(&sa, 0, sizeof sa);
        sa.dst = acquire->dst;
        sa.spi = spi;
        sa.proto = acquire->proto;
        sa.mark = acquire->mark;
        error = xfrm_nl_encode_op(msg, &op, 0);
        if (!error) {
            error = op_result(&op, kernel_transact(&kb->xfrm, msg, NULL, NULL,
                                                   &answer));
        }
    } else if (!error) {
        error = EPROTO;
    }
    xfrm_nl_msg_destroy(msg);
    return error;
}

const struct xfrm_backend_class xfrm_backend_kernel = {
    .name = "kernel",
    .open = kernel_open,
    .close = kernel_close,
    .dump_sas = kernel_dump_sas,
    .dump_policies = kernel_dump_policies,
    .apply = kernel_apply,
    .apply_batch = kernel_apply_batch,
    .get_sa = kernel_get_sa,
    .get_policy = kernel_get_policy,
    .link_get = kernel_link_get,
    .link_dump = kernel_link_dump,
    .link_create = kernel_link_create,
    .link_set_if_id = kernel_link_set_if_id,
    .link_set_up = kernel_link_set_up,
    .link_set_mtu = kernel_link_set_mtu,
    .link_delete = kernel_link_delete,
    .routes_set = kernel_routes_set,
    .routes_prune = kernel_routes_prune,
    .route_mtu = kernel_route_mtu,
    .makes_links = kernel_makes_links,
    .offload_devices = kernel_offload_devices,
    .event_recv = kernel_event_recv,
    .event_wait = kernel_event_wait,
    .hear_acquires = kernel_hear_acquires,
    .drop_acquire = kernel_drop_acquire,
    .counters = kernel_counters,
    .link_counters = kernel_link_counters,
};

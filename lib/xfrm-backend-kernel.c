/* SPDX-License-Identifier: Apache-2.0 */

/* The Linux kernel as a backend: netlink sockets, SAs, policies and events.
 * Devices and routes are in xfrm-backend-kernel-link.c, what /proc and /sys
 * tell is in xfrm-backend-kernel-proc.c.
 *
 * The only place besides its other parts that opens netlink sockets with
 * libnl.  Below the engine and netdev-xfrm, above xfrm-netlink. */

#include <config.h>

#include "xfrm-backend-kernel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xfrm-netlink-uapi.h"

VLOG_DEFINE_THIS_MODULE(xfrm_backend_kernel);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* How often a dump that a change interrupted is tried again. */
enum { DUMP_TRIES = 6 };

/* Room for the notifications of a few thousand changes at one stroke. */
enum { EVENT_RCVBUF = 4 * 1024 * 1024 };

/* ## Sockets. ## */

static void
kernel_sock_close(struct kernel_sock *sock)
{
    nl_socket_free(sock->nl);
    sock->nl = NULL;
    if (sock->buf) {
        xfrm_wipe(sock->buf, KERNEL_BUF_SIZE);
        free(sock->buf);
        sock->buf = NULL;
    }
    sock->left = 0;
}

static int
kernel_sock_join(struct nl_sock *nl, int protocol)
{
    int error;

    if (protocol == NETLINK_XFRM) {
        error = nl_socket_add_memberships(nl, XFRMNLGRP_SA, XFRMNLGRP_POLICY,
                                          XFRMNLGRP_EXPIRE, 0);
    } else {
        error = nl_socket_add_memberships(nl, RTNLGRP_LINK,
                                          RTNLGRP_IPV4_ROUTE,
                                          RTNLGRP_IPV6_ROUTE,
                                          RTNLGRP_IPV4_RULE,
                                          RTNLGRP_IPV6_RULE,
                                          RTNLGRP_IPV4_IFADDR,
                                          RTNLGRP_IPV6_IFADDR, 0);
    }
    return error;
}

static int
kernel_sock_open(struct kernel_sock *sock, int protocol, bool events)
{
    int one = 1;
    int fd;

    sock->protocol = protocol;
    sock->events = events;
    sock->nl = nl_socket_alloc();
    if (!sock->nl) {
        out_of_memory();
    }

    /* libnl has error numbers of its own, with some of errno's merged, but
     * leaves errno as the system call set it. */
    errno = 0;
    if (nl_connect(sock->nl, protocol)
        || (events && (kernel_sock_join(sock->nl, protocol)
                       || nl_socket_set_nonblocking(sock->nl)))) {
        int error = errno ? errno : EIO;

        kernel_sock_close(sock);
        return error;
    }

    /* All of these make things better and work without. */
    fd = nl_socket_get_fd(sock->nl);
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
    if (events) {
        int size = EVENT_RCVBUF;

        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) {
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        }
    }
    sock->buf = xmalloc(KERNEL_BUF_SIZE);
    return 0;
}

/* A request that failed half way may have left answers on their way or a dump
 * that the kernel deems unfinished: a new socket has neither. */
static void
kernel_sock_reset(struct kernel_sock *sock)
{
    uint32_t seq = sock->seq;
    int error;

    kernel_sock_close(sock);
    error = kernel_sock_open(sock, sock->protocol, sock->events);
    if (error) {
        VLOG_WARN_RL(&rl, "opening a netlink socket anew: %s",
                     ovs_strerror(error));
    }
    sock->seq = seq;
}

/* Receives one datagram of the kernel into 'sock->buf', its length into
 * '*len'. */
static int
kernel_sock_recv(struct kernel_sock *sock, size_t *len)
{
    for (;;) {
        struct iovec iov = { sock->buf, KERNEL_BUF_SIZE };
        struct sockaddr_nl from;
        struct msghdr mh = {
            .msg_name = &from, .msg_namelen = sizeof from,
            .msg_iov = &iov, .msg_iovlen = 1,
        };
        ssize_t n;

        memset(&from, 0, sizeof from);
        n = recvmsg(nl_socket_get_fd(sock->nl), &mh,
                    sock->events ? MSG_DONTWAIT : 0);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        if (mh.msg_namelen != sizeof from || from.nl_pid) {
            continue;           /* Some process, not the kernel. */
        }
        if (mh.msg_flags & MSG_TRUNC) {
            xfrm_wipe(sock->buf, n < KERNEL_BUF_SIZE ? n : KERNEL_BUF_SIZE);
            return EMSGSIZE;
        }
        sock->received = *len = n;
        return 0;
    }
}

/* Forgets what was received. */
static void
kernel_sock_wipe(struct kernel_sock *sock)
{
    xfrm_wipe(sock->buf, sock->received);
    sock->received = 0;
    sock->left = 0;
}

static int
kernel_sock_send(struct kernel_sock *sock, struct nl_msg *msg)
{
    struct sockaddr_nl to = { .nl_family = AF_NETLINK };
    struct nlmsghdr *nlh = nlmsg_hdr(msg);

    nlh->nlmsg_seq = ++sock->seq;
    nlh->nlmsg_pid = nl_socket_get_local_port(sock->nl);
    for (;;) {
        if (sendto(nl_socket_get_fd(sock->nl), nlh, nlh->nlmsg_len, 0,
                   (struct sockaddr *) &to, sizeof to) >= 0) {
            return 0;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
}

static int
kernel_transact__(struct kernel_sock *sock, struct nl_msg *msg,
                  kernel_msg_cb *cb, void *aux,
                  struct xfrm_nl_answer *answer, bool *interrupted)
{
    int error = 0;

    memset(answer, 0, sizeof *answer);
    *interrupted = false;

    if (!sock->nl) {
        kernel_sock_reset(sock);
        if (!sock->nl) {
            return answer->error = ENOTCONN;
        }
    }
    error = kernel_sock_send(sock, msg);
    if (error) {
        return answer->error = error;
    }
    for (;;) {
        const void *buf, *m;
        size_t left, len;
        bool done = false;

        error = kernel_sock_recv(sock, &left);
        if (error) {
            kernel_sock_reset(sock);
            return answer->error = error;
        }

        buf = sock->buf;
        len = left;
        while (!done && (m = xfrm_nl_next(&buf, &left, &len))) {
            struct nlmsghdr nlh;

            memcpy(&nlh, m, sizeof nlh);
            if (nlh.nlmsg_seq != sock->seq) {
                continue;
            }
            if (nlh.nlmsg_flags & NLM_F_DUMP_INTR) {
                *interrupted = true;
            }
            switch (xfrm_nl_parse_end(m, len, answer)) {
            case XFRM_NL_DATA:
                if (cb) {
                    cb(m, len, aux);
                }
                break;
            case XFRM_NL_ACK:
            case XFRM_NL_DONE:
                done = true;
                break;
            case XFRM_NL_NOISE:
                break;
            }
        }
        kernel_sock_wipe(sock);
        if (done) {
            return answer->error;
        }
    }
}

/* Sends 'msg', passes the messages of the answer to 'cb' and waits for its
 * end.  Returns 'answer->error'. */
int
kernel_transact(struct kernel_sock *sock, struct nl_msg *msg,
                kernel_msg_cb *cb, void *aux, struct xfrm_nl_answer *answer)
{
    bool interrupted;

    return kernel_transact__(sock, msg, cb, aux, answer, &interrupted);
}

/* As kernel_transact() for a dump, which is done anew, after 'restart', if
 * something changed meanwhile. */
int
kernel_dump(struct kernel_sock *sock, struct nl_msg *msg, kernel_msg_cb *cb,
            void (*restart)(void *aux), void *aux)
{
    for (int i = 0; i < DUMP_TRIES; i++) {
        struct xfrm_nl_answer answer;
        bool interrupted;
        int error;

        error = kernel_transact__(sock, msg, cb, aux, &answer, &interrupted);
        if (error || !interrupted) {
            return error;
        }
        restart(aux);
    }
    return EAGAIN;
}

/* Makes a sentence of what was tried ('format'), the error, the kernel's words
 * ('text', perhaps empty) and what to do about it ('hint', or NULL). */
char *
kernel_error(int error, const char *text, const char *hint,
             const char *format, ...)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&ds, format, args);
    va_end(args);
    ds_put_format(&ds, ": %s", ovs_strerror(error));
    if (text[0]) {
        ds_put_format(&ds, " (%s)", text);
    }
    if (error == EPERM) {
        hint = "CAP_NET_ADMIN is needed";
    }
    if (hint) {
        ds_put_format(&ds, ": %s", hint);
    }
    return ds_steal_cstr(&ds);
}

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

    error = kernel_sock_open(&kb->route, NETLINK_ROUTE, false);
    if (!error && events) {
        error = kernel_sock_open(&kb->route_events, NETLINK_ROUTE, true);
    }
    if (!error) {
        what = "NETLINK_XFRM";
        error = kernel_sock_open(&kb->xfrm, NETLINK_XFRM, false);
    }
    if (!error && events) {
        error = kernel_sock_open(&kb->xfrm_events, NETLINK_XFRM, true);
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
    if (ifindex && !if_indextoname(ifindex, sa.spec.offload_dev)) {
        ovs_strlcpy(sa.spec.offload_dev, "?", sizeof sa.spec.offload_dev);
    }
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
    int error;

    if (dump->n >= dump->allocated) {
        dump->policies = x2nrealloc(dump->policies, &dump->allocated,
                                    sizeof *dump->policies);
    }
    error = xfrm_nl_parse_policy(msg, len, &dump->policies[dump->n]);
    if (!error) {
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

static int
kernel_apply(struct xfrm_backend *backend, const struct xfrm_op *op,
             char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_nl_answer answer = { .error = 0 };
    struct nl_msg *msg;
    int ifindex = 0;
    int error;

    *errorp = NULL;
    if (op->type == XFRM_OP_SA_ADD && op->sa->offload != XFRM_OFF_NO
        && op->sa->offload_dev[0]) {
        ifindex = if_nametoindex(op->sa->offload_dev);
        if (!ifindex) {
            *errorp = xasprintf("adding SA spi 0x%"PRIx32": the offload "
                                "device %s does not exist", op->sa->spi,
                                op->sa->offload_dev);
            return ENODEV;
        }
    }

    msg = xfrm_nl_msg_new();
    error = xfrm_nl_encode_op(msg, op, ifindex);
    if (!error) {
        error = kernel_transact(&kb->xfrm, msg, NULL, NULL, &answer);
    }
    xfrm_nl_msg_destroy(msg);

    /* The kernel has one number for SAs and another for policies that are not
     * there. */
    if ((op->type == XFRM_OP_SA_DEL && error == ESRCH)
        || (op->type == XFRM_OP_POLICY_DEL && error == ENOENT)) {
        error = 0;
    }
    if (error) {
        struct ds hint = DS_EMPTY_INITIALIZER;
        struct ds what = DS_EMPTY_INITIALIZER;

        format_op(op, &what);
        hint_op(op, error, &hint);
        *errorp = kernel_error(error, answer.text,
                               hint.length ? ds_cstr(&hint) : NULL,
                               "%s", ds_cstr(&what));
        ds_destroy(&hint);
        ds_destroy(&what);
    }
    return error;
}

/* ## Events. ## */

/* Reads one event of 'sock'; those that port 'own' caused are left out. */
static int
kernel_sock_event(struct kernel_sock *sock, const struct kernel_sock *own,
                  struct xfrm_event *event)
{
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
            if (own->nl && nlh.nlmsg_pid
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

    error = kernel_sock_event(&kb->xfrm_events, &kb->xfrm, event);
    if (error) {
        error = kernel_sock_event(&kb->route_events, &kb->route, event);
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

const struct xfrm_backend_class xfrm_backend_kernel = {
    .name = "kernel",
    .open = kernel_open,
    .close = kernel_close,
    .dump_sas = kernel_dump_sas,
    .dump_policies = kernel_dump_policies,
    .apply = kernel_apply,
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
    .event_recv = kernel_event_recv,
    .event_wait = kernel_event_wait,
    .counters = kernel_counters,
};

/* SPDX-License-Identifier: Apache-2.0 */

/* The Linux kernel as a backend: netlink sockets, requests and dumps, one by
 * one and many at a time (see xfrm-backend-kernel.h).
 *
 * The only place that opens netlink sockets with libnl.  Below the other parts
 * of the backend, above xfrm-netlink. */

#include <config.h>

#include "xfrm-backend-kernel.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xfrm-netlink-uapi.h"

VLOG_DEFINE_THIS_MODULE(xfrm_backend_kernel_sock);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* How often a dump that a change interrupted is tried again. */
enum { DUMP_TRIES = 6 };

/* Room for the notifications of a few thousand changes at one stroke. */
enum { EVENT_RCVBUF = 4 * 1024 * 1024 };

/* ## Sockets. ## */

void
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
                                          XFRMNLGRP_EXPIRE,
                                          XFRMNLGRP_MAPPING, 0);
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

/* Makes 'sock', which hears events, leave out what 'sock->own' causes: a bulk
 * of changes of our own would only displace the events that matter.  Without
 * effect where filters are not to be had; the reader sorts out as well. */
static void
kernel_sock_filter(struct kernel_sock *sock)
{
    uint32_t port = nl_socket_get_local_port(sock->own->nl);
    struct sock_filter insns[] = {
        /* The classic filter reads numbers in network order, netlink has them
         * in the host's. */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct nlmsghdr, nlmsg_pid)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = { ARRAY_SIZE(insns), insns };

    setsockopt(nl_socket_get_fd(sock->nl), SOL_SOCKET, SO_ATTACH_FILTER,
               &program, sizeof program);
}

/* Opens '*sock', which is all zero.  With 'own' it hears events, but not those
 * that requests on 'own' cause. */
int
kernel_sock_open(struct kernel_sock *sock, int protocol,
                 struct kernel_sock *own)
{
    bool events = own != NULL;
    int one = 1;
    int fd;

    sock->protocol = protocol;
    sock->events = events;
    sock->own = own;
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
    if (events) {
        own->listener = sock;
        if (own->nl) {
            kernel_sock_filter(sock);
        }
    } else if (sock->listener && sock->listener->nl) {
        /* This one was opened anew and has another port. */
        kernel_sock_filter(sock->listener);
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
    error = kernel_sock_open(sock, sock->protocol, sock->own);
    if (error) {
        VLOG_WARN_RL(&rl, "opening a netlink socket anew: %s",
                     ovs_strerror(error));
    }
    sock->seq = seq;
}

/* Receives one datagram of the kernel into 'sock->buf', its length into
 * '*len'. */
int
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
void
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

/* ## Many requests at a time. ## */

/* Requests that go to the kernel with one system call.  All but the last ask
 * for no acknowledgment: the kernel works on one after the other and answers
 * anyway where something fails, so that the last one's acknowledgment is good
 * for all that have no answer. */
struct kernel_batch {
    size_t n;                   /* Requests. */
    size_t len;                 /* Bytes. */
    uint32_t last_ofs;          /* Of the last request. */
    uint32_t buf[KERNEL_BATCH_SIZE / 4];
};

struct kernel_batch *
kernel_batch_new(void)
{
    return xzalloc(sizeof(struct kernel_batch));
}

/* Wipes and frees 'batch', which may hold keys. */
void
kernel_batch_destroy(struct kernel_batch *batch)
{
    xfrm_wipe(batch, sizeof *batch);
    free(batch);
}

/* Number of requests in 'batch', the index of the next one. */
size_t
kernel_batch_count(const struct kernel_batch *batch)
{
    return batch->n;
}

/* Is there no room for one more request? */
bool
kernel_batch_is_full(const struct kernel_batch *batch)
{
    return (batch->n >= KERNEL_BATCH_MAX
            || sizeof batch->buf - batch->len < XFRM_NL_MSG_SIZE);
}

/* Adds a copy of 'msg' to 'batch', which is not full. */
void
kernel_batch_add(struct kernel_batch *batch, struct nl_msg *msg)
{
    const struct nlmsghdr *nlh = nlmsg_hdr(msg);
    size_t step = NLMSG_ALIGN((size_t) nlh->nlmsg_len);
    uint8_t *to = (uint8_t *) batch->buf + batch->len;

    ovs_assert(!kernel_batch_is_full(batch) && step <= XFRM_NL_MSG_SIZE);
    memset(to, 0, step);
    memcpy(to, nlh, nlh->nlmsg_len);
    ((struct nlmsghdr *) to)->nlmsg_flags &= ~NLM_F_ACK;
    batch->last_ofs = batch->len;
    batch->len += step;
    batch->n++;
}

/* Gives each request its number and the last one its flag. */
static uint32_t
batch_seal(struct kernel_sock *sock, struct kernel_batch *batch)
{
    uint32_t port = nl_socket_get_local_port(sock->nl);
    uint8_t *base = (uint8_t *) batch->buf;
    uint32_t first = sock->seq + 1;

    for (size_t ofs = 0; ofs < batch->len; ) {
        struct nlmsghdr *nlh = (struct nlmsghdr *) (base + ofs);

        nlh->nlmsg_seq = ++sock->seq;
        nlh->nlmsg_pid = port;
        if (ofs == batch->last_ofs) {
            nlh->nlmsg_flags |= NLM_F_ACK;
        }
        ofs += NLMSG_ALIGN((size_t) nlh->nlmsg_len);
    }
    return first;
}

/* Tells 'cb' about all requests of 'batch' from 'i' on that there is no
 * answer. */
static void
batch_fail(const struct kernel_batch *batch, size_t i, int error,
           const char *text, kernel_batch_cb *cb, void *aux)
{
    struct xfrm_nl_answer answer = { .error = error };

    ovs_strlcpy(answer.text, text, sizeof answer.text);
    for (; i < batch->n; i++) {
        cb(i, &answer, aux);
    }
}

/* Reads answers until that of the last request and passes each to 'cb'.
 * '*next' is the first request without an answer so far. */
static int
batch_answers(struct kernel_sock *sock, const struct kernel_batch *batch,
              uint32_t first, size_t *next, kernel_batch_cb *cb, void *aux)
{
    static const struct xfrm_nl_answer success;

    while (*next < batch->n) {
        const void *buf, *m;
        size_t left, len;
        int error;

        error = kernel_sock_recv(sock, &left);
        if (error) {
            return error;
        }
        buf = sock->buf;
        while ((m = xfrm_nl_next(&buf, &left, &len))) {
            struct xfrm_nl_answer answer;
            struct nlmsghdr nlh;
            uint32_t i;

            memcpy(&nlh, m, sizeof nlh);
            i = nlh.nlmsg_seq - first;
            if (i < *next || i >= batch->n
                || xfrm_nl_parse_end(m, len, &answer) != XFRM_NL_ACK) {
                continue;
            }
            for (; *next < i; ++*next) {
                cb(*next, &success, aux);
            }
            cb((*next)++, &answer, aux);
        }
        kernel_sock_wipe(sock);
    }
    return 0;
}

/* Sends all requests of 'batch', tells 'cb' about each in order what became of
 * it, and empties 'batch'. */
void
kernel_batch_run(struct kernel_sock *sock, struct kernel_batch *batch,
                 kernel_batch_cb *cb, void *aux)
{
    struct sockaddr_nl to = { .nl_family = AF_NETLINK };
    size_t next = 0;
    uint32_t first;
    int error = 0;
    ssize_t n;

    if (!batch->n) {
        return;
    }
    if (!sock->nl) {
        kernel_sock_reset(sock);
    }
    if (!sock->nl) {
        batch_fail(batch, 0, ENOTCONN, "", cb, aux);
    } else {
        first = batch_seal(sock, batch);
        do {
            n = sendto(nl_socket_get_fd(sock->nl), batch->buf, batch->len, 0,
                       (struct sockaddr *) &to, sizeof to);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
            batch_fail(batch, 0, errno, "", cb, aux);
        } else {
            error = batch_answers(sock, batch, first, &next, cb, aux);
        }
    }
    if (error) {
        /* They were sent, and nobody knows. */
        batch_fail(batch, next, EINPROGRESS, ovs_strerror(error), cb, aux);
        kernel_sock_reset(sock);
    }
    xfrm_wipe(batch->buf, batch->len);
    batch->n = batch->len = 0;
}

/* ## Errors. ## */

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

/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets that receive ESP in UDP: see xfrm-encap.h. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "util.h"
#include "xfrm-encap.h"

/* Socket options that the C library's headers do not have everywhere. */
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

struct xfrm_encap_socket {
    struct ovs_list node;       /* In 'sockets'. */
    struct xfrm_addr local;
    uint16_t port;              /* Host order. */
    unsigned int n_refs;
    int fd;
};

static struct ovs_list sockets = OVS_LIST_INITIALIZER(&sockets);

static int
set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) ? errno : 0;
}

static int
bind_to(int fd, const struct xfrm_addr *local, uint16_t port)
{
    struct sockaddr_storage ss;
    socklen_t len;

    memset(&ss, 0, sizeof ss);
    if (local->family == AF_INET) {
        struct sockaddr_in *sin = (struct sockaddr_in *) &ss;

        sin->sin_family = AF_INET;
        sin->sin_addr.s_addr = local->ip4;
        sin->sin_port = htons(port);
        len = sizeof *sin;
    } else {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *) &ss;

        sin6->sin6_family = AF_INET6;
        sin6->sin6_addr = local->ip6;
        sin6->sin6_port = htons(port);
        len = sizeof *sin6;
    }
    return bind(fd, (struct sockaddr *) &ss, len) ? errno : 0;
}

static int
open_socket(const struct xfrm_addr *local, uint16_t port, int *fdp)
{
    bool v4 = local->family == AF_INET;
    int fd = socket(local->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    if (fd < 0) {
        return errno;
    }

    /* The address may come later than the row.  What is not ESP piles up in
     * the socket and is never read: let that be little. */
    int error = (v4 ? set_option(fd, IPPROTO_IP, IP_FREEBIND, 1)
                 : set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1));
    if (!error && !v4) {
        error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (!error) {
        error = set_option(fd, SOL_SOCKET, SO_RCVBUF, 1);
    }
    if (!error) {
        error = bind_to(fd, local, port);
    }
    if (!error) {
        error = set_option(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP);
    }
    if (error) {
        close(fd);
        return error;
    }
    *fdp = fd;
    return 0;
}

bool
xfrm_encap_is_for(const struct xfrm_encap_socket *sock,
                  const struct xfrm_addr *local, uint16_t port)
{
    return sock->port == port && xfrm_addr_equals(&sock->local, local);
}

int
xfrm_encap_ref(const struct xfrm_addr *local, uint16_t port,
               struct xfrm_encap_socket **sockp, char **errorp)
{
    struct xfrm_encap_socket *sock;
    int fd = -1;

    *sockp = NULL;
    *errorp = NULL;
    LIST_FOR_EACH (sock, node, &sockets) {
        if (xfrm_encap_is_for(sock, local, port)) {
            sock->n_refs++;
            *sockp = sock;
            return 0;
        }
    }

    int error = open_socket(local, port, &fd);
    if (error) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&s, "encap: cannot receive ESP in UDP at ");
        xfrm_addr_format(local, &s);
        ds_put_format(&s, " port %"PRIu16": ", port);
        if (error == EADDRINUSE) {
            ds_put_cstr(&s, "another process has that port; if it is not an "
                        "IKE daemon, which would receive for all, stop it or "
                        "choose another port (udp:SPORT:DPORT)");
        } else {
            ds_put_cstr(&s, ovs_strerror(error));
        }
        *errorp = ds_steal_cstr(&s);
        return error;
    }

    sock = xmalloc(sizeof *sock);
    sock->local = *local;
    sock->port = port;
    sock->n_refs = 1;
    sock->fd = fd;
    ovs_list_push_back(&sockets, &sock->node);
    *sockp = sock;
    return 0;
}

void
xfrm_encap_unref(struct xfrm_encap_socket *sock)
{
    if (sock && !--sock->n_refs) {
        ovs_list_remove(&sock->node);
        close(sock->fd);
        free(sock);
    }
}

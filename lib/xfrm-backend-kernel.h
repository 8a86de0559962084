/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_BACKEND_KERNEL_H
#define XFRM_BACKEND_KERNEL_H 1

/* What the parts of the kernel backend share: sockets, SAs, policies and
 * events are in xfrm-backend-kernel.c, devices and routes in
 * xfrm-backend-kernel-link.c, what /sys and /proc tell in
 * xfrm-backend-kernel-proc.c.  Nobody else includes this. */

#include "util.h"
#include "xfrm-netlink.h"

struct nl_sock;

/* The kernel never makes a message of a dump larger than 32 kB. */
#define KERNEL_BUF_SIZE 65536

struct kernel_sock {
    struct nl_sock *nl;
    int protocol;               /* NETLINK_XFRM or NETLINK_ROUTE. */
    bool events;                /* Hears events; otherwise for requests. */
    uint32_t seq;

    /* What was received.  May hold keys. */
    uint32_t *buf;              /* KERNEL_BUF_SIZE bytes. */
    size_t received;            /* Bytes of 'buf' in use. */
    const void *pos;            /* Events: what is still to be read. */
    size_t left;
};

struct kernel_backend {
    struct xfrm_backend up;
    struct kernel_sock xfrm;
    struct kernel_sock route;
    struct kernel_sock xfrm_events; /* 'nl' is NULL if not wanted. */
    struct kernel_sock route_events;
};

static inline struct kernel_backend *
kernel_backend_cast(struct xfrm_backend *backend)
{
    return CONTAINER_OF(backend, struct kernel_backend, up);
}

/* Called for each message with data in it. */
typedef void kernel_msg_cb(const void *msg, size_t len, void *aux);

int kernel_transact(struct kernel_sock *, struct nl_msg *, kernel_msg_cb *,
                    void *aux, struct xfrm_nl_answer *);
int kernel_dump(struct kernel_sock *, struct nl_msg *, kernel_msg_cb *,
                void (*restart)(void *aux), void *aux);
void kernel_probe_capabilities(struct xfrm_capabilities *);
char *kernel_error(int error, const char *text, const char *hint,
                   const char *format, ...) OVS_PRINTF_FORMAT(4, 5);

/* Methods of the class. */
int kernel_link_get(struct xfrm_backend *, const char *name,
                    struct xfrm_link_state *);
int kernel_link_dump(struct xfrm_backend *, struct xfrm_link_state **,
                     size_t *);
int kernel_link_create(struct xfrm_backend *, const struct xfrm_link_spec *,
                       struct xfrm_link_state *, char **errorp);
int kernel_link_set_if_id(struct xfrm_backend *, const char *name,
                          uint32_t if_id, char **errorp);
int kernel_link_set_up(struct xfrm_backend *, const char *name,
                       char **errorp);
int kernel_link_set_mtu(struct xfrm_backend *, const char *name, int mtu,
                        char **errorp);
int kernel_link_delete(struct xfrm_backend *, const char *name,
                       char **errorp);
int kernel_routes_set(struct xfrm_backend *, const char *name, int ifindex,
                      bool present, char **errorp);
int kernel_routes_prune(struct xfrm_backend *, const char *const *names,
                        size_t n);
int kernel_route_mtu(struct xfrm_backend *, const struct xfrm_addr *src,
                     const struct xfrm_addr *dst, int *mtu);
int kernel_counters(struct xfrm_backend *, struct xfrm_counter **, size_t *);

#endif /* xfrm-backend-kernel.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_BACKEND_KERNEL_H
#define XFRM_BACKEND_KERNEL_H 1

/* What the parts of the kernel backend share: sockets are in
 * xfrm-backend-kernel-sock.c, SAs, policies and events in
 * xfrm-backend-kernel.c, devices and routes in
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
    struct kernel_sock *own;    /* Events: the one for requests. */
    struct kernel_sock *listener;   /* Requests: the one that hears events
                                     * and leaves out ours, or NULL. */
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

void kernel_sock_close(struct kernel_sock *);
int kernel_sock_open(struct kernel_sock *, int protocol,
                     struct kernel_sock *own);
int kernel_sock_recv(struct kernel_sock *, size_t *len);
void kernel_sock_wipe(struct kernel_sock *);
int kernel_transact(struct kernel_sock *, struct nl_msg *, kernel_msg_cb *,
                    void *aux, struct xfrm_nl_answer *);
int kernel_dump(struct kernel_sock *, struct nl_msg *, kernel_msg_cb *,
                void (*restart)(void *aux), void *aux);

/* Many requests at a time.  The answers to all fit into a socket's receive
 * buffer as it is by default, some 200 kB, even if each is an error. */
#define KERNEL_BATCH_MAX 64             /* Requests. */
#define KERNEL_BATCH_SIZE 65536         /* Bytes. */

/* Called once for each request, in order, 'i' being its index. */
typedef void kernel_batch_cb(size_t i, const struct xfrm_nl_answer *,
                             void *aux);

struct kernel_batch *kernel_batch_new(void);
void kernel_batch_destroy(struct kernel_batch *);
size_t kernel_batch_count(const struct kernel_batch *);
bool kernel_batch_is_full(const struct kernel_batch *);
void kernel_batch_add(struct kernel_batch *, struct nl_msg *);
void kernel_batch_run(struct kernel_sock *, struct kernel_batch *,
                      kernel_batch_cb *, void *aux);

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
bool kernel_makes_links(void);
void kernel_offload_devices(struct smap *);
int kernel_link_counters(struct xfrm_backend *, const char *name,
                         struct xfrm_counter **, size_t *);

#endif /* xfrm-backend-kernel.h */

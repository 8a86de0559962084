/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_BACKEND_DUMMY_H
#define XFRM_BACKEND_DUMMY_H 1

/* What the parts of the dummy backend share: handles, SAs, policies and events
 * are in xfrm-backend-dummy.c, devices and routes in
 * xfrm-backend-dummy-link.c.  Nobody else includes this. */

#include "util.h"
#include "xfrm-dummy-table.h"

static inline struct dummy_backend *
dummy_cast(struct xfrm_backend *backend)
{
    return CONTAINER_OF(backend, struct dummy_backend, up);
}

/* Begins operation 'op' (N_OPS: of no name): takes the xdummy_mutex and
 * returns the error that the operation was ordered to fail with, or 0. */
int xdummy_begin(struct dummy_backend *, enum dummy_op op)
    OVS_ACQUIRES(xdummy_mutex);

/* Ends what xdummy_begin() began; 'what' is the object that it was about. */
int xdummy_end(int error, char **errorp, const char *what)
    OVS_RELEASES(xdummy_mutex);

/* Methods of the class. */
int dummy_link_get(struct xfrm_backend *, const char *name,
                   struct xfrm_link_state *);
int dummy_link_dump(struct xfrm_backend *, struct xfrm_link_state **,
                    size_t *);
int dummy_link_create(struct xfrm_backend *, const struct xfrm_link_spec *,
                      struct xfrm_link_state *, char **errorp);
int dummy_link_set_if_id(struct xfrm_backend *, const char *name,
                         uint32_t if_id, char **errorp);
int dummy_link_set_up(struct xfrm_backend *, const char *name,
                      char **errorp);
int dummy_link_set_mtu(struct xfrm_backend *, const char *name, int mtu,
                       char **errorp);
int dummy_link_delete(struct xfrm_backend *, const char *name,
                      char **errorp);
int dummy_routes_set(struct xfrm_backend *, const char *name, int ifindex,
                     bool present, char **errorp);
int dummy_routes_prune(struct xfrm_backend *, const char *const *names,
                       size_t n);
int dummy_route_mtu(struct xfrm_backend *, const struct xfrm_addr *src,
                    const struct xfrm_addr *dst, int *mtu);
bool dummy_makes_links(void);
void dummy_offload_devices(struct smap *);
int dummy_link_counters(struct xfrm_backend *, const char *name,
                        struct xfrm_counter **, size_t *);

#endif /* xfrm-backend-dummy.h */

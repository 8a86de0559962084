/* SPDX-License-Identifier: Apache-2.0 */

/* What an earlier process left and no row names any more.  See xfrm-port.h;
 * below the engine's thread. */

#include <config.h>

#include "xfrm-port.h"

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_prune);

static bool
uses_if_id(const uint32_t *if_ids, size_t n, uint32_t if_id)
{
    for (size_t i = 0; i < n; i++) {
        if (if_ids[i] == if_id) {
            return true;
        }
    }
    return false;
}

bool
xfrm_prune_device(struct xfrm_port_context *ctx,
                  const struct xfrm_link_state *link,
                  const uint32_t *if_ids, size_t n, bool *wrotep)
{
    struct xfrm_backend *backend = ctx->backend;
    const char *name = link->spec.name;
    char *message = NULL;
    int error = 0;
    bool ok = true;

    VLOG_INFO("%s: removing device that no port has any more", name);
    if (link->spec.if_id && !uses_if_id(if_ids, n, link->spec.if_id)) {
        ok = xfrm_port_purge(ctx, link->spec.if_id, wrotep, &message);
    }
    if (ok && backend->caps.needs_routes) {
        error = backend->class->routes_set(backend, name, link->ifindex,
                                           false, &message);
    }
    if (ok && !error) {
        free(message);
        message = NULL;
        error = backend->class->link_delete(backend, name, &message);
    }
    if (!ok || error) {
        VLOG_WARN("%s: %s", name, message ? message : ovs_strerror(error));
        ok = false;
    }
    free(message);
    return ok;
}

int
xfrm_prune_list(struct xfrm_port_context *ctx,
                struct xfrm_link_state **linksp, size_t *np)
{
    int error = ctx->backend->class->link_dump(ctx->backend, linksp, np);

    if (!error) {
        size_t n = 0;

        for (size_t i = 0; i < *np; i++) {
            if ((*linksp)[i].ours) {
                (*linksp)[n++] = (*linksp)[i];
            }
        }
        *np = n;
    }
    return error;
}

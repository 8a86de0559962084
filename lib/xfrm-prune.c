/* SPDX-License-Identifier: Apache-2.0 */

/* What an earlier process left and no row names any more.  See xfrm-port.h;
 * below the engine's thread. */

#include <config.h>

#include "xfrm-port.h"

#include "openvswitch/vlog.h"
#include "svec.h"
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

static bool
prune_link(struct xfrm_port_context *ctx, const struct xfrm_link_state *link,
           bool clear_if_id, bool *wrotep)
{
    struct xfrm_backend *backend = ctx->backend;
    const char *name = link->spec.name;
    char *message = NULL;
    int error = 0;
    bool ok = true;

    VLOG_INFO("%s: removing device that no port has any more", name);
    if (clear_if_id) {
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

bool
xfrm_ports_prune(struct xfrm_port_context *ctx, const struct svec *names,
                 const uint32_t *if_ids, size_t n, bool *wrotep)
{
    const struct xfrm_backend_class *class = ctx->backend->class;
    struct xfrm_link_state *links = NULL;
    size_t n_links = 0;
    bool ok = true;

    if (class->link_dump(ctx->backend, &links, &n_links)) {
        return false;
    }
    for (size_t i = 0; i < n_links; i++) {
        const struct xfrm_link_spec *spec = &links[i].spec;

        if (links[i].ours && !svec_contains(names, spec->name)) {
            ok &= prune_link(ctx, &links[i],
                             spec->if_id && !uses_if_id(if_ids, n,
                                                        spec->if_id),
                             wrotep);
        }
    }
    free(links);
    ok &= !class->routes_prune(ctx->backend,
                               (const char *const *) names->names, names->n);
    return ok;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A datapath in memory as a backend: devices, rules and routes (see
 * xfrm-backend-dummy.h for the other parts).
 *
 * Below the engine and netdev-xfrm, above the table of xfrm-dummy-table.h. */

#include <config.h>

#include "xfrm-backend-dummy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "smap.h"
#include "util.h"

int
dummy_link_get(struct xfrm_backend *backend, const char *name,
               struct xfrm_link_state *state)
{
    int error = xdummy_begin(dummy_cast(backend), OP_LINK_GET);

    if (!error) {
        const struct dummy_link *link = xdummy_find_link(name);

        if (link) {
            *state = link->state;
        } else {
            error = ENODEV;
        }
    }
    return xdummy_end(error, NULL, NULL);
}

int
dummy_link_dump(struct xfrm_backend *backend, struct xfrm_link_state **linksp,
                size_t *np)
{
    int error = xdummy_begin(dummy_cast(backend), OP_LINK_DUMP);
    struct xfrm_link_state *links = NULL;
    size_t n = 0;

    if (!error) {
        const struct dummy_link *link;

        links = xcalloc(ovs_list_size(&xdummy.links) + 1, sizeof *links);
        LIST_FOR_EACH (link, node, &xdummy.links) {
            if (link->state.is_xfrm) {
                links[n++] = link->state;
            }
        }
    }
    *linksp = links;
    *np = n;
    return xdummy_end(error, NULL, NULL);
}

int
dummy_link_create(struct xfrm_backend *backend,
                  const struct xfrm_link_spec *spec,
                  struct xfrm_link_state *state, char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = xdummy_begin(b, OP_LINK_CREATE);

    if (error) {
        /* As ordered. */
    } else if (xdummy.lacks_module) {
        error = EOPNOTSUPP;
    } else if (!spec->name[0] || !spec->if_id) {
        error = EINVAL;
    } else if (xdummy_find_link(spec->name)
               || xdummy_if_id_is_taken(spec->if_id)) {
        error = EEXIST;
    } else if (spec->dev[0] && !xdummy_find_link(spec->dev)) {
        error = ENODEV;
    } else {
        struct dummy_link *link = xdummy_add_link(spec, "xfrm");

        link->state.ours = true;
        link->state.up = true;
        *state = link->state;
        xdummy_tell_link(b, link);
    }
    xdummy_log_write(xasprintf("link-create %s if_id=%"PRIu32"%s%s",
                               spec->name, spec->if_id,
                               spec->dev[0] ? " dev=" : "", spec->dev),
                     error);
    return xdummy_end(error, errorp, spec->name);
}

int
dummy_link_set_if_id(struct xfrm_backend *backend, const char *name,
                     uint32_t if_id, char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = xdummy_begin(b, OP_LINK_SET_IF_ID);
    struct dummy_link *link = xdummy_find_link(name);

    if (error) {
        /* As ordered. */
    } else if (!link) {
        error = ENODEV;
    } else if (!link->state.is_xfrm || link->state.external) {
        error = EOPNOTSUPP;
    } else if (!if_id) {
        error = EINVAL;
    } else if (link->state.spec.if_id != if_id
               && xdummy_if_id_is_taken(if_id)) {
        error = EEXIST;
    } else {
        link->state.spec.if_id = if_id;
        xdummy_tell_link(b, link);
    }
    xdummy_log_write(xasprintf("link-if-id %s %"PRIu32, name, if_id), error);
    return xdummy_end(error, errorp, name);
}

int
dummy_link_set_up(struct xfrm_backend *backend, const char *name,
                  char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = xdummy_begin(b, OP_LINK_SET_UP);
    struct dummy_link *link = xdummy_find_link(name);

    if (!error && !link) {
        error = ENODEV;
    }
    if (error || !link->state.up) {
        xdummy_log_write(xasprintf("link-up %s", name), error);
    }
    if (!error && !link->state.up) {
        link->state.up = true;
        xdummy_tell_link(b, link);
    }
    return xdummy_end(error, errorp, name);
}

int
dummy_link_set_mtu(struct xfrm_backend *backend, const char *name, int mtu,
                   char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = xdummy_begin(b, OP_LINK_SET_MTU);
    struct dummy_link *link = xdummy_find_link(name);

    if (error) {
        /* As ordered. */
    } else if (!link) {
        error = ENODEV;
    } else if (mtu < 68 || mtu > 65535) {
        error = EINVAL;
    }
    if (error || link->state.mtu != mtu) {
        xdummy_log_write(xasprintf("link-mtu %s %d", name, mtu), error);
    }
    if (!error && link->state.mtu != mtu) {
        link->state.mtu = mtu;
        xdummy_tell_link(b, link);
    }
    return xdummy_end(error, errorp, name);
}

int
dummy_link_delete(struct xfrm_backend *backend, const char *name,
                  char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = xdummy_begin(b, OP_LINK_DELETE);
    struct dummy_link *link = xdummy_find_link(name);

    xdummy_log_write(xasprintf("link-delete %s", name), error);
    if (!error && link) {
        xdummy_tell_link(b, link);
        xdummy_remove_link(link);
    }
    return xdummy_end(error, errorp, name);
}

int
dummy_routes_set(struct xfrm_backend *backend, const char *name, int ifindex,
                 bool present, char **errorp)
{
    struct dummy_backend *b = dummy_cast(backend);
    int error = xdummy_begin(b, OP_ROUTES_SET);
    struct dummy_link *link = xdummy_find_link(name);
    bool rule = sset_contains(&xdummy.rules, name);
    bool routes = link && link->routes;

    if (!error && present
        && (!link || link->state.ifindex != ifindex)) {
        error = ENODEV;
    } else if (!error && present && !link->state.up) {
        error = ENETDOWN;
    }
    if (error || (present ? !rule || !routes : rule || routes)) {
        xdummy_log_write(xasprintf("routes-%s %s", present ? "add" : "del",
                                   name), error);
    }
    if (!error && present) {
        sset_add(&xdummy.rules, name);
        link->routes = true;
    } else if (!error) {
        sset_find_and_delete(&xdummy.rules, name);
        if (link) {
            link->routes = false;
        }
    }
    return xdummy_end(error, errorp, name);
}

int
dummy_routes_prune(struct xfrm_backend *backend, const char *const *names,
                   size_t n)
{
    int error = xdummy_begin(dummy_cast(backend), OP_ROUTES_PRUNE);

    if (!error) {
        struct sset keep = SSET_INITIALIZER(&keep);
        const char **rules = sset_sort(&xdummy.rules);

        for (size_t i = 0; i < n; i++) {
            sset_add(&keep, names[i]);
        }
        for (size_t i = 0; rules[i]; i++) {
            if (!sset_contains(&keep, rules[i])) {
                struct dummy_link *link = xdummy_find_link(rules[i]);

                if (link) {
                    link->routes = false;
                }
                xdummy_log_write(xasprintf("routes-del %s", rules[i]), 0);
                sset_find_and_delete(&xdummy.rules, rules[i]);
            }
        }
        free(rules);
        sset_destroy(&keep);
    }
    return xdummy_end(error, NULL, NULL);
}

int
dummy_route_mtu(struct xfrm_backend *backend,
                const struct xfrm_addr *src OVS_UNUSED,
                const struct xfrm_addr *dst OVS_UNUSED, int *mtu)
{
    int error = xdummy_begin(dummy_cast(backend), OP_ROUTE_MTU);

    *mtu = error ? 0 : xdummy.route_mtu;
    return xdummy_end(error, NULL, NULL);
}

bool
dummy_makes_links(void)
{
    xdummy_lock();
    bool makes = !xdummy.lacks_module;
    ovs_mutex_unlock(&xdummy_mutex);
    return makes;
}

void
dummy_offload_devices(struct smap *devices)
{
    const struct dummy_link *link;

    xdummy_lock();
    LIST_FOR_EACH (link, node, &xdummy.links) {
        if (link->offload != XFRM_OFF_NO) {
            smap_replace(devices, link->state.spec.name,
                         link->offload == XFRM_OFF_PACKET ? "crypto,packet"
                         : "crypto");
        }
    }
    ovs_mutex_unlock(&xdummy_mutex);
}

/* What happens in memory is not a packet that could be dropped. */
int
dummy_link_counters(struct xfrm_backend *backend, const char *name OVS_UNUSED,
                    struct xfrm_counter **countersp, size_t *np)
{
    int error = xdummy_begin(dummy_cast(backend), OP_LINK_COUNTERS);

    *countersp = NULL;
    *np = 0;
    return xdummy_end(error, NULL, NULL);
}

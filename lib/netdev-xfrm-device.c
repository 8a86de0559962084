/* SPDX-License-Identifier: Apache-2.0 */

/* The Linux devices of xfrm ports: see netdev-xfrm-private.h.
 *
 * A device is made, or one that is there is adopted, changed or refused, with
 * the reason in words.  Above: netdev-xfrm.c, which knows ports.  Below: a
 * handle of the backend that is the main thread's. */

#include <config.h>

#include "netdev-xfrm-private.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>

#include "util.h"
#include "xfrm-backend.h"
#include "xfrm-engine.h"

static const struct xfrm_backend_class *backend_class;

/* dpif-netlink may ask for the kind of a device from another thread, hence the
 * mutex. */
static struct ovs_mutex backend_mutex = OVS_MUTEX_INITIALIZER;
static struct xfrm_backend *backend OVS_GUARDED_BY(backend_mutex);
static char *backend_error OVS_GUARDED_BY(backend_mutex);

void
xfrm_device_init(const struct xfrm_backend_class *class)
{
    backend_class = class;
}

static int
open_backend(void)
    OVS_REQUIRES(backend_mutex)
{
    if (backend) {
        return 0;
    }
    free(backend_error);
    backend_error = NULL;
    return backend_class->open(false, &backend, &backend_error);
}

int
xfrm_device_open(char **errp)
{
    ovs_mutex_lock(&backend_mutex);
    int error = open_backend();
    if (error) {
        *errp = xstrdup(backend_error ? backend_error : ovs_strerror(error));
    }
    ovs_mutex_unlock(&backend_mutex);
    return error;
}

void
xfrm_device_close(void)
{
    ovs_mutex_lock(&backend_mutex);
    if (backend) {
        backend_class->close(backend);
        backend = NULL;
    }
    free(backend_error);
    backend_error = NULL;
    ovs_mutex_unlock(&backend_mutex);
}

void
xfrm_device_get_capabilities(struct xfrm_capabilities *caps)
{
    ovs_mutex_lock(&backend_mutex);
    *caps = backend->caps;
    ovs_mutex_unlock(&backend_mutex);
}

void
xfrm_device_get_counters(const char *name, struct xfrm_counter **countersp,
                         size_t *n)
{
    *countersp = NULL;
    *n = 0;
    ovs_mutex_lock(&backend_mutex);
    if (backend) {
        /* A device that is gone by now has counted nothing. */
        backend_class->link_counters(backend, name, countersp, n);
    }
    ovs_mutex_unlock(&backend_mutex);
}

/* What is there. */

bool
xfrm_device_is_missing(const char *name)
{
    struct xfrm_link_state link;
    bool missing;

    ovs_mutex_lock(&backend_mutex);
    missing = (strlen(name) < IFNAMSIZ && !open_backend()
               && backend_class->link_get(backend, name, &link) == ENODEV);
    ovs_mutex_unlock(&backend_mutex);
    return missing;
}

bool
xfrm_device_is_port(const char *name)
{
    struct xfrm_link_state link;
    bool is_port;

    ovs_mutex_lock(&backend_mutex);
    is_port = (!open_backend()
               && !backend_class->link_get(backend, name, &link)
               && link.is_xfrm && !link.external);
    ovs_mutex_unlock(&backend_mutex);
    return is_port;
}

bool
xfrm_device_is_intact(const char *name, uint32_t if_id, bool owned)
{
    struct xfrm_link_state link;
    int error;

    ovs_mutex_lock(&backend_mutex);
    error = backend_class->link_get(backend, name, &link);
    ovs_mutex_unlock(&backend_mutex);
    if (error) {
        /* A kernel that could not say is no reason to take a port away that
         * works. */
        return error != ENODEV;
    }
    return (link.is_xfrm && !link.external
            && (owned || link.spec.if_id == if_id));
}

/* Making it so. */

/* Returns words for who else in this namespace has 'if_id', or NULL. */
static char *
find_if_id_holder(uint32_t if_id, const char *name)
    OVS_REQUIRES(backend_mutex)
{
    struct xfrm_link_state *links;
    char *holder = NULL;
    size_t n;

    if (!backend_class->link_dump(backend, &links, &n)) {
        for (size_t i = 0; i < n && !holder; i++) {
            if (links[i].spec.if_id == if_id
                && strcmp(links[i].spec.name, name)) {
                holder = xasprintf("device \"%s\"%s", links[i].spec.name,
                                   links[i].ours ? " (a port that is just "
                                   "being removed)" : "");
            }
        }
        free(links);
    }
    return holder;
}

static int
create_device(const struct xfrm_link_spec *want, struct xfrm_link_state *link,
              char **errp)
    OVS_REQUIRES(backend_mutex)
{
    int error = backend_class->link_create(backend, want, link, errp);
    if (error == EEXIST) {
        char *holder = find_if_id_holder(want->if_id, want->name);

        free(*errp);
        *errp = xasprintf("options:if_id=%"PRIu32" is already used by %s: "
                          "each xfrm device of a network namespace needs an "
                          "if_id of its own", want->if_id,
                          holder ? holder : "another device");
        free(holder);
    }
    return error;
}

static int
ensure_device(const struct xfrm_link_spec *want, struct xfrm_link_state *link,
              bool *existed, uint32_t *prior, char **errp)
    OVS_REQUIRES(backend_mutex)
{
    int error = backend_class->link_get(backend, want->name, link);
    *existed = !error;
    *prior = error ? 0 : link->spec.if_id;
    if (error == ENODEV) {
        return create_device(want, link, errp);
    } else if (error) {
        *errp = xasprintf("could not look up device \"%s\" (%s)", want->name,
                          ovs_strerror(error));
        return error;
    }

    if (!link->is_xfrm) {
        *errp = xasprintf("a device \"%s\" exists that is not an xfrm "
                          "interface: give the port another name or remove "
                          "the device", want->name);
        return EEXIST;
    } else if (link->external) {
        *errp = xasprintf("device \"%s\" is an \"external\" xfrm interface, "
                          "which has no if_id: give the port another name or "
                          "remove the device", want->name);
        return EEXIST;
    }

    bool same_dev = !strcmp(link->spec.dev, want->dev);
    if (link->spec.if_id == want->if_id && same_dev) {
        return (link->up ? 0
                : backend_class->link_set_up(backend, want->name, errp));
    }
    if (!link->ours) {
        *errp = (link->spec.if_id != want->if_id
                 ? xasprintf("device \"%s\" exists with if_id %"PRIu32" and "
                             "is not ours, options:if_id is %"PRIu32": give "
                             "the port another name, set options:if_id=%"PRIu32
                             " to use the device as it is, or remove it",
                             want->name, link->spec.if_id, want->if_id,
                             link->spec.if_id)
                 : xasprintf("device \"%s\" exists on device \"%s\" and is "
                             "not ours, options:dev is \"%s\": the underlying "
                             "device can't be changed, remove the device or "
                             "change options:dev", want->name,
                             link->spec.dev, want->dev));
        return EEXIST;
    }

    if (same_dev) {
        /* The engine changes it, after it has taken away what is there under
         * the old if_id. */
        char *holder = find_if_id_holder(want->if_id, want->name);

        if (holder) {
            *errp = xasprintf("options:if_id=%"PRIu32" is already used by %s",
                              want->if_id, holder);
            free(holder);
            /* The holder may wait for ours in turn. */
            xfrm_engine_abandon(want->name);
            return EEXIST;
        }
        return (link->up ? 0
                : backend_class->link_set_up(backend, want->name, errp));
    }

    /* The kernel can't move a device to another 'dev'. */
    error = backend_class->link_delete(backend, want->name, errp);
    if (!error) {
        *existed = false;
        error = create_device(want, link, errp);
    }
    return error;
}

int
xfrm_device_ensure(const struct xfrm_link_spec *want,
                   struct xfrm_link_state *link, bool *existed,
                   uint32_t *prior, char **errp)
{
    ovs_mutex_lock(&backend_mutex);
    int error = ensure_device(want, link, existed, prior, errp);
    ovs_mutex_unlock(&backend_mutex);
    return error;
}

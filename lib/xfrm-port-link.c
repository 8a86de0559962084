/* SPDX-License-Identifier: Apache-2.0 */

/* One port's device, routes and encapsulation socket.  See xfrm-port.h; below
 * xfrm-reconcile.c, which corrects the SAs and policies. */

#include <config.h>

#include "xfrm-port.h"

#include <errno.h>

#include "util.h"
#include "xfrm-encap.h"

/* Takes ownership of 'message', which may be NULL. */
char *
xfrm_port_words(int error, char *message)
{
    if (message) {
        return message;
    }
    return xasprintf("%s%s", ovs_strerror(error),
                     error == EPERM ? " (CAP_NET_ADMIN is needed)" : "");
}

/* Looks after the device and its routes. */
static bool
reconcile_device(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    struct xfrm_backend *backend = ctx->backend;
    struct xfrm_link_state link;
    char *message = NULL;
    char *text = NULL;
    int error;

    error = backend->class->link_get(backend, port->name, &link);
    if (error == ENODEV) {
        text = xasprintf("device \"%s\" does not exist any more", port->name);
    } else if (error) {
        text = xasprintf("cannot look at device \"%s\": %s", port->name,
                         ovs_strerror(error));
    } else if (!link.is_xfrm) {
        text = xasprintf("device \"%s\" is not an xfrm interface any more",
                         port->name);
    } else if (!link.external && port->config.owned
               && link.spec.if_id != port->config.options.if_id) {
        /* Only now: until what the old if_id had is gone, the device tells
         * the next process about it, should this one be killed. */
        error = backend->class->link_set_if_id(backend, port->name,
                                               port->config.options.if_id,
                                               &message);
        if (error) {
            text = xfrm_port_words(error, message);
            message = NULL;
        }
    } else if (link.external
               || link.spec.if_id != port->config.options.if_id) {
        text = xasprintf("device \"%s\" has if_id %"PRIu32" instead of "
                         "%"PRIu32, port->name,
                         link.external ? 0 : link.spec.if_id,
                         port->config.options.if_id);
    }
    port->link_ok = !text;
    if (text) {
        xfrm_trouble_add(&port->kernel_trouble, text);
        return false;
    }

    port->config.ifindex = link.ifindex;
    if (backend->caps.needs_routes) {
        error = backend->class->routes_set(backend, port->name, link.ifindex,
                                           true, &message);
        if (error) {
            message = xfrm_port_words(error, message);
            xfrm_trouble_add(&port->kernel_trouble,
                             xasprintf("routes through \"%s\": %s",
                                       port->name, message));
        }
        free(message);
    }
    return !error;
}

/* Looks after the socket that receives ESP in UDP. */
static bool
reconcile_encap(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    const struct xfrm_port_options *options = &port->config.options;
    bool wanted = (options->keying == XFRM_KEYING_MANAGED
                   && options->encap.sport && options->local_ip.family
                   && ctx->backend->caps.needs_encap_sockets);
    char *message;

    if (port->encap
        && (!wanted || !xfrm_encap_is_for(port->encap, &options->local_ip,
                                          options->encap.sport))) {
        xfrm_encap_unref(port->encap);
        port->encap = NULL;
    }
    if (wanted && !port->encap
        && xfrm_encap_ref(&options->local_ip, options->encap.sport,
                          &port->encap, &message)) {
        xfrm_trouble_add(&port->kernel_trouble, message);
        return false;
    }
    return true;
}

/* Sees to it that the port has what its SAs and policies work on: the device
 * (which somebody else may have taken), the routes through it, and the socket
 * for ESP in UDP.  Returns false if trying again may help. */
bool
xfrm_port_reconcile_link(struct xfrm_port *port,
                         struct xfrm_port_context *ctx)
{
    bool device_ok = reconcile_device(port, ctx);

    return reconcile_encap(port, ctx) && device_ok;
}

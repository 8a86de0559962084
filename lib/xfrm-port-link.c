/* SPDX-License-Identifier: Apache-2.0 */

/* One port's device, routes and encapsulation sockets.  See xfrm-port.h; below
 * xfrm-reconcile.c, which corrects the SAs and policies. */

#include <config.h>

#include "xfrm-port.h"

#include <errno.h>
#include <stdlib.h>

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

/* The socket at 'local' and 'udp_port' among 'n' of them, or NULL. */
static struct xfrm_encap_socket *
find_encap(struct xfrm_encap_socket *const *encaps, size_t n,
           const struct xfrm_addr *local, uint16_t udp_port)
{
    for (size_t i = 0; i < n; i++) {
        if (xfrm_encap_is_for(encaps[i], local, udp_port)) {
            return encaps[i];
        }
    }
    return NULL;
}

bool
xfrm_port_has_encap(const struct xfrm_port *port,
                    const struct xfrm_sa_spec *sa)
{
    return (sa->dir != XFRM_DIR_IN || !sa->encap.dport
            || find_encap(port->encaps, port->n_encaps, &sa->dst,
                          sa->encap.dport));
}

void
xfrm_port_close_encaps(struct xfrm_port *port)
{
    for (size_t i = 0; i < port->n_encaps; i++) {
        xfrm_encap_unref(port->encaps[i]);
    }
    free(port->encaps);
    port->encaps = NULL;
    port->n_encaps = 0;
}

/* The sockets that a comparison finds to be needed. */
struct encap_run {
    struct xfrm_port *port;
    struct xfrm_encap_socket **encaps;
    size_t n, allocated;

    /* What could not be had, lately: thousands of SAs may want the same. */
    struct xfrm_addr no_local;
    uint16_t no_udp_port;
};

static void
want_encap(struct encap_run *run, const struct xfrm_addr *local,
           uint16_t udp_port)
{
    struct xfrm_encap_socket *sock;
    char *message;

    if (!udp_port || !local->family
        || find_encap(run->encaps, run->n, local, udp_port)
        || (udp_port == run->no_udp_port
            && xfrm_addr_equals(local, &run->no_local))) {
        return;
    }

    int error = xfrm_encap_ref(local, udp_port, &sock, &message);
    if (!error) {
        if (run->n >= run->allocated) {
            run->encaps = x2nrealloc(run->encaps, &run->allocated,
                                     sizeof *run->encaps);
        }
        run->encaps[run->n++] = sock;
        return;
    }
    run->no_local = *local;
    run->no_udp_port = udp_port;
    if (error != EADDRINUSE) {
        xfrm_trouble_add(&run->port->kernel_trouble, message);
    } else if (!run->port->encap_error) {
        run->port->encap_error = message;
    } else {
        free(message);
    }
}

static void
want_encap_of(struct encap_run *run, const struct xfrm_sa_spec *sa)
{
    if (sa->dir == XFRM_DIR_IN) {
        want_encap(run, &sa->dst, sa->encap.dport);
    }
}

/* Looks after the sockets that receive ESP in UDP: for the options, for the SAs
 * of the file and for those of rows. */
static bool
reconcile_encap(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    const struct xfrm_port_options *options = &port->config.options;
    struct encap_run run = { .port = port };
    const struct xfrm_row *row;
    /* At first nobody has counted yet. */
    uint64_t n_packets = (port->n_reconciled ? port->tally.rx_packets
                          : UINT64_MAX);

    port->encap_packets = (port->encap_error
                           ? MIN(port->encap_packets, n_packets) : n_packets);
    free(port->encap_error);
    port->encap_error = NULL;
    if (options->keying == XFRM_KEYING_MANAGED
        && ctx->backend->caps.needs_encap_sockets) {
        want_encap(&run, &options->local_ip, options->encap.sport);
        for (size_t i = 0; i < port->n_sas; i++) {
            want_encap_of(&run, &port->sas[i]);
        }
        LIST_FOR_EACH (row, port_node, &port->rows) {
            if (row->kind == XFRM_ROW_SA && row->enabled) {
                want_encap_of(&run, row->sa);
            }
        }
    }

    /* Now those that are no longer needed may go. */
    xfrm_port_close_encaps(port);
    port->encaps = run.encaps;
    port->n_encaps = run.n;
    return !run.no_udp_port;
}

/* Sees to it that the port has what its SAs and policies work on: the device
 * (which somebody else may have taken), the routes through it, and the sockets
 * for ESP in UDP.  Returns false if trying again may help. */
bool
xfrm_port_reconcile_link(struct xfrm_port *port,
                         struct xfrm_port_context *ctx)
{
    bool device_ok = reconcile_device(port, ctx);

    return reconcile_encap(port, ctx) && device_ok;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What became of a port, in words and numbers: the status that the engine
 * publishes.  Pure: reads the port, changes nothing.  See
 * xfrm-port.h; below xfrm-engine. */

#include <config.h>

#include "xfrm-port.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

enum { ETHERNET_MTU = 1500 };

const char *
xfrm_port_state_name(enum xfrm_port_state state)
{
    switch (state) {
    case XFRM_PORT_UP:
        return "up";
    case XFRM_PORT_NO_SA:
        return "no-sa";
    case XFRM_PORT_NO_POLICY:
        return "no-policy";
    case XFRM_PORT_EXPIRING:
        return "expiring";
    case XFRM_PORT_ERROR:
        return "error";
    }
    OVS_NOT_REACHED();
}

void
xfrm_port_status_destroy(struct xfrm_port_status *status)
{
    if (status) {
        xfrm_options_destroy(&status->options);
        free(status->error);
        free(status->offload);
        xfrm_listing_unref(status->listing);
        memset(status, 0, sizeof *status);
    }
}

void
xfrm_port_status_clone(struct xfrm_port_status *dst,
                       const struct xfrm_port_status *src)
{
    *dst = *src;
    xfrm_options_clone(&dst->options, &src->options);
    dst->error = nullable_xstrdup(src->error);
    dst->offload = nullable_xstrdup(src->offload);
    dst->listing = xfrm_listing_ref(src->listing);
}

/* Whether two statuses look alike to those who wait for changes.  Counters
 * do not matter: they change with every packet. */
bool
xfrm_port_status_same(const struct xfrm_port_status *a,
                      const struct xfrm_port_status *b)
{
    return (a->state == b->state
            && a->settled == b->settled
            && a->can_send == b->can_send
            && nullable_string_is_equal(a->error, b->error)
            && nullable_string_is_equal(a->offload, b->offload)
            && a->mtu == b->mtu
            && a->device_mtu == b->device_mtu
            && a->tally.n_sas_in == b->tally.n_sas_in
            && a->tally.n_sas_out == b->tally.n_sas_out
            && a->tally.n_sas == b->tally.n_sas
            && a->tally.n_policies == b->tally.n_policies
            && a->n_drift == b->n_drift
            && !strcmp(a->caps.datapath, b->caps.datapath)
            && a->caps.enforces_inbound == b->caps.enforces_inbound
            && a->caps.sends_transport == b->caps.sends_transport);
}

static void
add_error(struct ds *errors, const char *text)
{
    ds_put_format(errors, "%s%s", errors->length ? "; " : "", text);
}

static void
add_trouble(struct ds *errors, const struct xfrm_trouble *trouble)
{
    if (trouble->n) {
        add_error(errors, trouble->first);
        if (trouble->n > 1) {
            ds_put_format(errors, " (and %"PRIuSIZE" more)", trouble->n - 1);
        }
    }
}

/* The outcome of options:offload, and what is to say about it. */
static char *
report_offload(const struct xfrm_port *port, struct ds *errors)
{
    const struct xfrm_port_options *options = &port->config.options;
    const size_t *counts = port->tally.n_offload;
    size_t n = port->tally.n_sas;
    enum xfrm_offload best = XFRM_OFF_NO;
    const struct xfrm_memo_offload *fell_back = NULL;

    if (port->packet.refusal) {
        char *error = xasprintf(
            "options:offload=%s: device \"%s\" did not take the %s: %s; "
            "packets are encrypted in software",
            xfrm_offload_name(options->offload), options->dev,
            port->packet.of_policies ? "policies" : "SAs",
            port->packet.refusal);

        add_error(errors, error);
        free(error);
        return xasprintf("no (refused: %s)", port->packet.refusal);
    }

    /* Without a wish none can have been refused. */
    for (size_t i = 0; options->offload != XFRM_OFF_NO && i < port->n_sas;
         i++) {
        const struct xfrm_memo *memo = port->memos[i];
        const struct xfrm_memo_offload *mo = &memo->offload;

        if (memo->owner != port || !memo->installed || !mo->known
            || mo->asked == mo->level) {
            continue;
        }
        if (mo->asked == XFRM_OFF_AUTO) {
            /* No error, but the user wants to know why. */
            if (mo->level == XFRM_OFF_NO && (mo->reason || mo->silent)) {
                fell_back = mo;
            }
            continue;
        }
        if (mo->reason) {
            char *error = xasprintf(
                "options:offload=%s: device \"%s\" did not take the SAs: %s; "
                "packets are encrypted in software",
                xfrm_offload_name(mo->asked), options->dev, mo->reason);

            add_error(errors, error);
            free(error);
            return xasprintf("%s (refused: %s)",
                             xfrm_offload_name(mo->level), mo->reason);
        } else if (mo->silent) {
            char *error = xasprintf(
                "options:offload=%s: device \"%s\" did not take the SAs: it "
                "has no ESP offload; packets are encrypted in software",
                xfrm_offload_name(mo->asked), options->dev);

            add_error(errors, error);
            free(error);
            return xasprintf("no (device \"%s\" has no ESP offload)",
                             options->dev);
        }
    }

    for (size_t i = 0; i < XFRM_N_OFFLOADS; i++) {
        if (counts[i] && i != XFRM_OFF_AUTO) {
            best = MAX(best, i);
        }
    }
    if (best == XFRM_OFF_NO && fell_back) {
        return (fell_back->silent
                ? xasprintf("no (device \"%s\" has no ESP offload)",
                            fell_back->dev)
                : xasprintf("no (refused: %s)", fell_back->reason));
    }
    return (counts[best] == n
            ? xstrdup(xfrm_offload_name(best))
            : xasprintf("%s (%"PRIuSIZE" of %"PRIuSIZE" SAs)",
                        xfrm_offload_name(best), counts[best], n));
}

static bool
mode_sends(enum xfrm_mode mode, const struct xfrm_capabilities *caps)
{
    return mode != XFRM_SPEC_TRANSPORT || caps->sends_transport;
}

void
xfrm_port_report(const struct xfrm_port *port,
                 const struct xfrm_port_context *ctx,
                 struct xfrm_port_status *status)
{
    static const struct xfrm_capabilities no_caps;
    const struct xfrm_port_options *options = &port->config.options;
    const struct xfrm_capabilities *caps = ctx->backend ? &ctx->backend->caps
                                                        : &no_caps;
    struct ds errors = DS_EMPTY_INITIALIZER;
    const struct xfrm_tally *tally = &port->tally;
    bool have_sender = false;
    bool transport = (options->mode == XFRM_SPEC_TRANSPORT
                      || (tally->n_out[XFRM_SPEC_TRANSPORT]
                          && (!tally->n_senders
                              || tally->n_tunnelers < tally->n_senders)));
    bool blind = !ctx->backend || !ctx->has_seen || ctx->backend_error;

    memset(status, 0, sizeof *status);
    xfrm_options_clone(&status->options, options);
    status->link = port->config.link;
    status->caps = *caps;
    status->settled = true;
    status->mtu = port->mtu;
    /* A datapath that answers what is too big has to see it.  Hosts send what
     * fits their Ethernet, and at least that passes the device.  (The MTU of
     * the loopback device exceeds what any other can have.) */
    status->device_mtu = (caps->answers_pmtu && port->mtu
                          ? MIN(MAX(port->widest_mtu, ETHERNET_MTU), UINT16_MAX)
                          : port->mtu);
    status->n_reconciled = port->n_reconciled;
    status->n_writes = port->n_writes;
    status->n_drift = port->n_drift;

    status->tally = *tally;

    for (enum xfrm_mode mode = 0; mode < XFRM_SPEC_N_MODES; mode++) {
        have_sender |= tally->n_out[mode] && mode_sends(mode, caps);
    }
    status->can_send = have_sender && tally->n_senders && port->link_ok;

    /* The error, the most important part first. */
    if (ctx->backend_error) {
        add_error(&errors, ctx->backend_error);
    }
    if (port->file_error) {
        add_error(&errors, port->file_error);
    }
    add_trouble(&errors, &port->kernel_trouble);
    add_trouble(&errors, &port->depart_trouble);
    add_trouble(&errors, &port->key_trouble);
    if (port->encap_error && tally->rx_packets <= port->encap_packets) {
        /* Else it has been seen to receive for us. */
        add_error(&errors, port->encap_error);
    }
    transport = transport && ctx->backend && !caps->sends_transport;
    if (transport) {
        char *text = xasprintf(
            "options:mode=transport: this kernel's xfrm interface module (%s) "
            "cannot send in transport mode (it takes its own packets for a "
            "routing loop), and what it receives goes to the host's own stack, "
            "not to the bridge: use tunnel or beet, or the ovs-xfrm kernel "
            "module", caps->datapath);

        add_error(&errors, text);
        free(text);
    }
    status->offload = report_offload(port, &errors);
    if (port->file_error && port->keep && tally->n_sas) {
        add_error(&errors, "the SAs that were in the kernel already are left "
                  "as they are");
    } else if (port->file_error && port->good) {
        add_error(&errors, "the SAs that were last read from it stay in "
                  "force");
    }
    status->error = errors.length ? ds_steal_cstr(&errors) : NULL;
    ds_destroy(&errors);

    if (blind || port->kernel_trouble.n || port->depart_trouble.n
        || (transport && !status->can_send)) {
        status->state = XFRM_PORT_ERROR;
    } else if (!tally->n_sas_out) {
        status->state = XFRM_PORT_NO_SA;
    } else if (!tally->n_senders) {
        status->state = XFRM_PORT_NO_POLICY;
    } else if (tally->expiring) {
        status->state = XFRM_PORT_EXPIRING;
    } else {
        status->state = XFRM_PORT_UP;
    }
}

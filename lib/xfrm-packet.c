/* SPDX-License-Identifier: Apache-2.0 */

/* Packet offload of a port: the device does all of ESP.
 *
 * The kernel finds an SA with packet offload only for a policy that the device
 * has as well, and for such a policy no other SA.  So there is one verdict for
 * all of a port's SAs and policies: they go to the device, or, once it has
 * refused one of them, none does.  A refusal holds until the option, the device
 * or, where it was a policy, any option is changed, or a missing device comes.
 * SAs of rows that ask for an offload of their own take no part.
 *
 * Beside xfrm-choose.c and xfrm-apply.c; see xfrm-run.h. */

#include <config.h>

#include "xfrm-run.h"

#include <string.h>

#include "util.h"

void
xfrm_packet_clear(struct xfrm_packet *packet)
{
    free(packet->refusal);
    packet->refusal = NULL;
    packet->of_policies = packet->no_device = false;
}

static bool
wants_packet(const struct xfrm_port *port)
{
    const struct xfrm_port_options *options = &port->config.options;

    return options->offload == XFRM_OFF_PACKET && options->dev[0];
}

static bool
row_takes_part(const struct xfrm_row *row)
{
    return row->kind == XFRM_ROW_SA && row->enabled && !row->has_offload;
}

/* Whether an SA, of 'row' or of the file, does as its port does. */
bool
xfrm_run_follows_packet(const struct xfrm_run *run,
                        const struct xfrm_row *row)
{
    return wants_packet(run->port) && !(row && row->has_offload);
}

/* Whether the SAs and policies of 'port' are to be in the device.  Without an SA
 * nothing tells whether it takes them: Linux before 6.2 takes such a policy and
 * keeps it to itself. */
bool
xfrm_port_has_packet(const struct xfrm_port *port)
{
    const struct xfrm_row *row;

    if (!wants_packet(port) || port->packet.refusal) {
        return false;
    }
    if (port->n_sas) {
        return true;
    }
    LIST_FOR_EACH (row, port_node, &port->rows) {
        if (row_takes_part(row)) {
            return true;
        }
    }
    return false;
}

/* Gives packet offload up for 'reason', which becomes the port's.  What is in
 * the device already is changed by the next comparison. */
void
xfrm_run_refuse_packet(struct xfrm_run *run, char *reason, bool of_policies,
                       bool no_device)
{
    struct xfrm_packet *packet = &run->port->packet;

    free(packet->refusal);
    packet->refusal = reason;
    packet->of_policies = of_policies;
    packet->no_device = no_device;
    run->port->in_sync = false;
}

/* Whether 'sa', as it is in the datapath, shows that packet offload was refused:
 * taken without an error but not in force, or in software since before this
 * process, where trying again would interrupt it. */
static bool
shows_refusal(const struct xfrm_run *run, const struct xfrm_sa_spec *sa,
              const struct xfrm_memo *memo)
{
    const struct xfrm_memo_offload *mo = &memo->offload;
    const struct xfrm_sa_state *actual;

    actual = xfrm_snapshot_find(run->actual, &sa->dst, sa->spi, sa->proto);
    return (actual && actual->spec.if_id == sa->if_id
            && actual->spec.offload == XFRM_OFF_NO
            && (!mo->known
                || (mo->asked == XFRM_OFF_PACKET && mo->silent
                    && !strcmp(mo->dev, run->port->config.options.dev))));
}

/* Finds out, before the SAs are chosen, whether they are for the device. */
void
xfrm_run_settle_packet(struct xfrm_run *run)
{
    struct xfrm_port *port = run->port;
    const char *dev = port->config.options.dev;
    struct xfrm_link_state link;
    bool refused = false;
    struct xfrm_row *row;

    if (!wants_packet(port)) {
        xfrm_packet_clear(&port->packet);
        return;
    }
    if (port->packet.no_device
        && !run->ctx->backend->class->link_get(run->ctx->backend, dev,
                                               &link)) {
        xfrm_packet_clear(&port->packet);
        port->in_sync = false;
    }
    if (port->packet.refusal) {
        return;
    }
    for (size_t i = 0; i < port->n_sas; i++) {
        refused |= shows_refusal(run, &port->sas[i], port->memos[i]);
    }
    LIST_FOR_EACH (row, port_node, &port->rows) {
        refused |= (row_takes_part(row)
                    && shows_refusal(run, row->sa, row->memo));
    }
    if (refused) {
        xfrm_run_refuse_packet(
            run, xstrdup("the kernel has one without packet offload"),
            false, false);
    }
}

/* In the device there is no use for "fwd": a bridge, too, gets what "in" lets
 * pass. */
void
xfrm_run_offload_policies(struct xfrm_run *run)
{
    struct xfrm_port *port = run->port;
    bool packet = xfrm_port_has_packet(port);

    port->packet.in_policies = packet;
    for (size_t i = 0; i < port->n_policies; i++) {
        struct xfrm_policy_spec *policy = &port->policies[i];
        bool offload = packet && policy->dir != XFRM_DIR_FWD;

        policy->offload = offload ? XFRM_OFF_PACKET : XFRM_OFF_NO;
        ovs_strzcpy(policy->offload_dev,
                    offload ? port->config.options.dev : "",
                    sizeof policy->offload_dev);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Gives a packet its Ethernet header back behind a port that takes none.
 *
 * Open vSwitch takes the header away before it sends a packet to such a port
 * (NETDEV_PT_LEGACY_L3, as ours are) and knows no way back when an output to an
 * Ethernet port follows in the same list of actions: "output:xfrm0,output:eth0",
 * a mirror of what goes to our port.  It aborts, and with it the daemon, as it
 * does with any tunnel port of that kind (seen with 3.1.0 and GRE).
 *
 * Above: ofproto-dpif-xlate.c.  Below: commit_odp_actions(). */

#include <config.h>

#include "xfrm-xlate.h"

#include "flow.h"
#include "packets.h"

/* The same as commit_odp_actions(), which see. */
enum slow_path_reason
xfrm_commit_odp_actions(const struct flow *flow, struct flow *base,
                        struct ofpbuf *odp_actions, struct flow_wildcards *wc,
                        bool use_masked, bool pending_encap,
                        bool pending_decap, struct ofpbuf *encap_data)
{
    if (!pending_encap && !pending_decap
        && flow->packet_type == htonl(PT_ETH)
        && pt_ns(base->packet_type) == OFPHTN_ETHERTYPE) {
        switch (ntohl(base->packet_type)) {
        case PT_NSH:
        case PT_MPLS:
        case PT_MPLS_MC:
            /* Headers of their own, which it takes away by itself. */
            break;
        default:
            pending_encap = true;
            /* The header is this packet's, so the flow is for such packets. */
            WC_MASK_FIELD(wc, dl_src);
            WC_MASK_FIELD(wc, dl_dst);
        }
    }
    return commit_odp_actions(flow, base, odp_actions, wc, use_masked,
                              pending_encap, pending_decap, encap_data);
}

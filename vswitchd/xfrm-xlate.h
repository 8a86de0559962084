/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_XLATE_H
#define XFRM_XLATE_H 1

/* What ofproto-dpif-xlate.c asks of the datapath's actions passes through here:
 * it is compiled with commit_odp_actions() renamed to this. */

#include <stdbool.h>

#include "odp-util.h"

enum slow_path_reason xfrm_commit_odp_actions(
    const struct flow *, struct flow *base, struct ofpbuf *odp_actions,
    struct flow_wildcards *, bool use_masked, bool pending_encap,
    bool pending_decap, struct ofpbuf *encap_data);

#endif /* xfrm-xlate.h */

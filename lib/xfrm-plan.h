/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_PLAN_H
#define XFRM_PLAN_H 1

/* From the options of a port to the policies that protect it.  Pure; above
 * xfrm-options, below the engine. */

#include "xfrm-options.h"

/* Priority of generated policies; a database row may come before or after. */
#define XFRM_PLAN_PRIORITY 0x8000

void xfrm_plan_policies(const struct xfrm_port_options *,
                        struct xfrm_policy_spec **policiesp,
                        size_t *n_policiesp);
struct xfrm_sel xfrm_plan_sa_selector(const struct xfrm_port_options *,
                                      enum xfrm_dir);

#endif /* xfrm-plan.h */

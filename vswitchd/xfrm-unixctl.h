/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_UNIXCTL_H
#define XFRM_UNIXCTL_H 1

/* "ovs-appctl xfrm/...": see ovs-xfrm(7). */

void xfrm_unixctl_init(void);
void xfrm_unixctl_run(void);
void xfrm_unixctl_wait(void);

#endif /* xfrm-unixctl.h */

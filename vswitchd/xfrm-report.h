/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_REPORT_H
#define XFRM_REPORT_H 1

/* Interface:error of xfrm ports, for what is found out after the bridge has
 * configured a port: an SA file gone bad, a refusal of the kernel. */

struct ovsrec_interface;

void xfrm_report_init(const char *remote);
void xfrm_report_run(void);
void xfrm_report_wait(void);
void xfrm_report_destroy(void);

/* bridge.c is compiled with ovsrec_interface_set_error() renamed to this. */
void xfrm_report_set_error(const struct ovsrec_interface *, const char *);

#endif /* xfrm-report.h */

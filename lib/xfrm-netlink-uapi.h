/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_NETLINK_UAPI_H
#define XFRM_NETLINK_UAPI_H 1

/* <linux/xfrm.h> beside our own names, what newer kernels added to it, and how
 * its numbers relate to those of a spec.  For the few files that handle
 * NETLINK_XFRM messages. */

#include <netinet/in.h>         /* Must come before <linux/in6.h>. */
#include <stdint.h>

#include "xfrm-spec.h"

/* The kernel's header has structures of the same names as ours. */
#define xfrm_algo kernel_xfrm_algo
#define xfrm_mark kernel_xfrm_mark
#include <linux/xfrm.h>
#undef xfrm_algo
#undef xfrm_mark

/* XFRMA_SA_DIR and its values came with Linux 6.10, XFRM_OFFLOAD_PACKET with
 * 6.2, and they cannot be tested for where they are enumerators. */
enum {
    NL_SA_DIR = 33,
    NL_SA_DIR_IN = 1,
    NL_SA_DIR_OUT = 2,
    NL_OFFLOAD_PACKET = 4,
};

/* From a spec's mode and direction to the kernel's. */
extern const uint8_t xfrm_nl_modes[XFRM_SPEC_N_MODES];
extern const uint8_t xfrm_nl_dirs[XFRM_N_DIRS];

#endif /* xfrm-netlink-uapi.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_NETLINK_UAPI_H
#define XFRM_NETLINK_UAPI_H 1

/* <linux/xfrm.h> beside our own names, what newer kernels added to it, how its
 * numbers relate to those of a spec, and what the decoders share.  For the few
 * files that handle NETLINK_XFRM messages. */

#include <netinet/in.h>         /* Must come before <linux/in6.h>. */
#include <stdint.h>

#include "xfrm-netlink.h"
#include "xfrm-spec.h"

/* The kernel's header has structures of the same names as ours. */
#define xfrm_algo kernel_xfrm_algo
#define xfrm_mark kernel_xfrm_mark
#include <linux/xfrm.h>
#undef xfrm_algo
#undef xfrm_mark

/* XFRMA_SA_DIR and its values came with Linux 6.10, XFRM_OFFLOAD_PACKET with
 * 6.2, XFRM_SA_XFLAG_OSEQ_MAY_WRAP with 5.9, and they cannot be tested for
 * where they are enumerators. */
enum {
    NL_XFLAG_OSEQ_MAY_WRAP = 2,
    NL_SA_DIR = 33,
    NL_SA_DIR_IN = 1,
    NL_SA_DIR_OUT = 2,
    NL_OFFLOAD_PACKET = 4,
};

/* From a spec's mode and direction to the kernel's. */
extern const uint8_t xfrm_nl_modes[XFRM_SPEC_N_MODES];
extern const uint8_t xfrm_nl_dirs[XFRM_N_DIRS];

/* From a flag of a spec to that of 'struct xfrm_usersa_info' or that of
 * XFRMA_SA_EXTRA_FLAGS. */
#define XFRM_NL_N_FLAGS XFRM_SA_N_FLAGS
struct xfrm_nl_flag {
    uint32_t flag;              /* enum xfrm_sa_flag. */
    uint8_t state_flag;         /* XFRM_STATE_*, or 0. */
    uint32_t extra_flag;        /* XFRM_SA_XFLAG_*, or 0. */
};
extern const struct xfrm_nl_flag xfrm_nl_flags[XFRM_NL_N_FLAGS];

/* ## Decoding (xfrm-netlink-parse.c). ##
 *
 * Each returns false for what is not what it claims to be. */

/* Attributes that we look at have lower numbers. */
enum { XFRM_NL_N_ATTRS = 34 };

/* Returns the type of the message, or 0 if it isn't whole, and cuts '*len'
 * down to its length. */
uint16_t xfrm_nl_msg_type(const void *msg, size_t *len);

/* Checks that 'msg' has a body of at least 'size' bytes, copies those to
 * 'body' and indexes the attributes behind. */
bool xfrm_nl_msg_open(const void *msg, size_t len, void *body, size_t size,
                      struct xfrm_nl_attr attrs[XFRM_NL_N_ATTRS]);

bool xfrm_nl_family_is_ip(uint16_t family);
bool xfrm_nl_proto_is_ours(uint8_t proto);
struct xfrm_addr xfrm_nl_addr_decode(uint16_t family, const xfrm_address_t *);
bool xfrm_nl_sel_decode(const struct xfrm_selector *, struct xfrm_sel *);
bool xfrm_nl_dir_decode(uint8_t kernel_dir, enum xfrm_dir *);
bool xfrm_nl_template_decode(const struct xfrm_user_tmpl *,
                             struct xfrm_template *);
bool xfrm_nl_if_id_decode(const struct xfrm_nl_attr attrs[], uint32_t *if_id);
bool xfrm_nl_mark_decode(const struct xfrm_nl_attr attrs[],
                         struct xfrm_mark *);

#endif /* xfrm-netlink-uapi.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_OPTIONS_H
#define XFRM_OPTIONS_H 1

/* The options column of an Interface row of type "xfrm".
 *
 * One table drives reading, checking, printing and the manual.  Pure; above
 * xfrm-spec, below xfrm-plan, xfrm-json and netdev-xfrm. */

#include "xfrm-spec.h"

struct ds;
struct smap;

struct xfrm_port_options {
    uint32_t if_id;             /* Never 0. */
    enum xfrm_mode mode;
    struct xfrm_addr local_ip;  /* AF_UNSPEC if not given; both or none. */
    struct xfrm_addr remote_ip;
    struct xfrm_prefix *local_ts;   /* As given; NULL: default. */
    size_t n_local_ts;
    struct xfrm_prefix *remote_ts;
    size_t n_remote_ts;
    uint32_t reqid;
    char *sa_file;              /* Absolute path, or NULL. */
    enum xfrm_keying keying;
    enum xfrm_offload offload;
    char dev[IFNAMSIZ];         /* "" if not given. */
    struct xfrm_encap encap;
};

int xfrm_options_parse(const struct smap *, struct xfrm_port_options *,
                       char **errorp, char **warningp);
void xfrm_options_init(struct xfrm_port_options *);
void xfrm_options_clone(struct xfrm_port_options *,
                        const struct xfrm_port_options *);
void xfrm_options_destroy(struct xfrm_port_options *);
bool xfrm_options_equals(const struct xfrm_port_options *,
                         const struct xfrm_port_options *);
void xfrm_options_to_smap(const struct xfrm_port_options *, struct smap *);
void xfrm_options_format_manual(struct ds *);

#endif /* xfrm-options.h */

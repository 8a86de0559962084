/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_NETLINK_H
#define XFRM_NETLINK_H 1

/* Specs <-> netlink messages.
 *
 * Encoders fill a 'struct nl_msg' (libnl-3) of the caller, decoders read one
 * received message given as pointer and length.  No sockets, no name lookups,
 * no other I/O, so that all of it can be fuzzed.  NETLINK_XFRM is in
 * xfrm-netlink.c (encoders), xfrm-netlink-parse.c (decoders) and
 * xfrm-netlink-event.c (notifications), rtnetlink and what all netlink
 * messages have in common in xfrm-netlink-link.c.
 *
 * Above xfrm-spec and xfrm-diff's operations, below xfrm-backend-kernel.
 * Nothing that includes this file may include Open vSwitch's "netlink.h" or
 * "netlink-socket.h": libnl uses the same names for other things. */

#include "xfrm-backend.h"

struct nl_msg;

/* Size of the largest message that an encoder makes, rounded up: an SA with
 * the longest key and the largest replay window, or a policy with all its
 * templates, is below 2 kB. */
#define XFRM_NL_MSG_SIZE 4096

struct nl_msg *xfrm_nl_msg_new(void);
void xfrm_nl_msg_destroy(struct nl_msg *);

/* Every encoder starts the message anew and returns 0, EMSGSIZE if it does
 * not fit, or what is documented here.  Sequence number and port are left
 * zero.  Every request asks for an acknowledgment or is a dump, so that its
 * answer ends with what xfrm_nl_parse_end() calls XFRM_NL_ACK or
 * XFRM_NL_DONE. */

/* Decoders return 0, ENODATA for a well-formed message that is none of our
 * business, or EBADMSG for one that is not what it claims to be.  'len' bytes
 * at 'msg' must start with a netlink header; any 'len' is safe. */

/* ## Common parts. ## */

/* The next message of what one recvmsg() gave: moves '*bufp' and '*lenp' past
 * it and returns it with its length in '*msg_len', or NULL at the end and at
 * the first message whose length is a lie.  Buffers must be aligned to 4. */
const void *xfrm_nl_next(const void **bufp, size_t *lenp, size_t *msg_len);

enum xfrm_nl_end {
    XFRM_NL_DATA,               /* Not the end: decode it. */
    XFRM_NL_ACK,                /* An acknowledgment or an error. */
    XFRM_NL_DONE,               /* The end of a dump. */
    XFRM_NL_NOISE,              /* Something to skip. */
};

/* What the kernel says about a request. */
struct xfrm_nl_answer {
    int error;                  /* 0 or positive errno. */
    char text[160];             /* The kernel's words, printable, or "". */
};

enum xfrm_nl_end xfrm_nl_parse_end(const void *msg, size_t len,
                                   struct xfrm_nl_answer *);

/* Attributes of one message or of one nested attribute.  Each slot of an
 * array points into the message, or is NULL.  Where a type comes twice the
 * last one wins, as in the kernel. */
struct xfrm_nl_attr {
    const uint8_t *data;
    size_t len;
};
bool xfrm_nl_attrs(const void *, size_t len, struct xfrm_nl_attr[],
                   size_t n);
bool xfrm_nl_attr_u32(const struct xfrm_nl_attr *, uint32_t *);
bool xfrm_nl_attr_string(const struct xfrm_nl_attr *, char *, size_t size);

/* ## NETLINK_XFRM. ## */

/* 'offload_ifindex' is the device for XFRMA_OFFLOAD_DEV; 0 lets the kernel
 * find it by route.  EOVERFLOW if a counter starts where the SA has none
 * left. */
int xfrm_nl_encode_op(struct nl_msg *, const struct xfrm_op *,
                      int offload_ifindex);
int xfrm_nl_encode_dump_sas(struct nl_msg *);
int xfrm_nl_encode_dump_policies(struct nl_msg *);

/* One object, by its identity.  The answer is one message for
 * xfrm_nl_parse_sa() or xfrm_nl_parse_policy(), or an error. */
int xfrm_nl_encode_get_sa(struct nl_msg *, const struct xfrm_addr *dst,
                          uint32_t spi, uint8_t proto,
                          const struct xfrm_mark *);

/* Gives a number to the state that the kernel keeps of 'acquire', an
 * XFRM_EVENT_ACQUIRE, and so an identity to delete it by.  The answer is an SA
 * for xfrm_nl_parse_spi(). */
int xfrm_nl_encode_alloc_spi(struct nl_msg *,
                             const struct xfrm_event *acquire);
int xfrm_nl_parse_spi(const void *msg, size_t len, uint32_t *spi);

int xfrm_nl_encode_get_policy(struct nl_msg *,
                              const struct xfrm_policy_spec *id);

/* Decodes XFRM_MSG_NEWSA and XFRM_MSG_UPDSA.  '*sa' is to be destroyed with
 * xfrm_sa_spec_destroy(&sa->spec) after success only.
 *
 * Kernels before 6.10 don't tell the direction of an SA: then 'spec.dir' is
 * XFRM_DIR_OUT, whatever it is.  Index of the offload device (0: none) goes to
 * '*offload_ifindex'; 'spec.offload_dev' is left empty.  SAs with algorithms,
 * modes or flags that a spec does not know have a NULL 'spec.algo'.  ENODATA
 * includes what the kernel makes by itself: acquire states, and the IP-in-IP
 * states beside IPComp in tunnel mode. */
int xfrm_nl_parse_sa(const void *msg, size_t len, bool keys,
                     struct xfrm_sa_state *sa, int *offload_ifindex);

/* Decodes XFRM_MSG_NEWPOLICY and XFRM_MSG_UPDPOLICY.  A template that says
 * something that a spec can't express (particular algorithms, an unknown mode)
 * has a 'proto' of 0, so that it equals no wanted one.  Offload as in
 * xfrm_nl_parse_sa(). */
int xfrm_nl_parse_policy(const void *msg, size_t len,
                         struct xfrm_policy_spec *, int *offload_ifindex);

/* Decodes a notification of NETLINK_XFRM. */
int xfrm_nl_parse_xfrm_event(const void *msg, size_t len,
                             struct xfrm_event *);

/* ## NETLINK_ROUTE. ## */

/* 'dev_ifindex' is that of the underlying device, 0 for none. */
int xfrm_nl_encode_link_new(struct nl_msg *, const struct xfrm_link_spec *,
                            int dev_ifindex);
int xfrm_nl_encode_link_if_id(struct nl_msg *, int ifindex, uint32_t if_id,
                              int dev_ifindex);

/* Keeps IPv6 from giving the device an address, and from sending router
 * solicitations and the like: what a port carries is the bridge's business. */
int xfrm_nl_encode_link_quiet(struct nl_msg *, int ifindex);

/* Each of 'alias', 'up' and 'mtu' is left alone if NULL, false and 0. */
int xfrm_nl_encode_link_set(struct nl_msg *, int ifindex, const char *alias,
                            bool up, int mtu);
int xfrm_nl_encode_link_del(struct nl_msg *, int ifindex);

/* Asks for one device, by name or, with a NULL 'name', by index. */
int xfrm_nl_encode_link_get(struct nl_msg *, const char *name, int ifindex);
int xfrm_nl_encode_link_dump(struct nl_msg *);

/* Index of the underlying device in '*dev_ifindex', 0 for none;
 * 'spec.dev' is "?" if that device is in another namespace, otherwise
 * empty. */
int xfrm_nl_parse_link(const void *msg, size_t len, struct xfrm_link_state *,
                       int *dev_ifindex);

/* A rule "oif NAME lookup TABLE".  Decoding leaves out (ENODATA) what does not
 * look up XFRM_ROUTE_TABLE on behalf of XFRM_ROUTE_PROTO. */
struct xfrm_nl_rule {
    uint8_t family;             /* AF_INET or AF_INET6. */
    uint32_t priority;
    char oif[IFNAMSIZ];
};

int xfrm_nl_encode_rule(struct nl_msg *, const struct xfrm_nl_rule *,
                        bool add);
int xfrm_nl_encode_rule_dump(struct nl_msg *, uint8_t family);
int xfrm_nl_parse_rule(const void *msg, size_t len, struct xfrm_nl_rule *);

/* Default route of 'family' through device 'ifindex' in XFRM_ROUTE_TABLE. */
int xfrm_nl_encode_route(struct nl_msg *, uint8_t family, int ifindex,
                         bool add);

/* The way to 'dst'; 'src' may be AF_UNSPEC.  '*mtu' is 0 if the answer has
 * none: then that of device '*ifindex' counts. */
int xfrm_nl_encode_route_get(struct nl_msg *, const struct xfrm_addr *src,
                             const struct xfrm_addr *dst);
int xfrm_nl_parse_route_get(const void *msg, size_t len, int *ifindex,
                            uint32_t *mtu);

/* Decodes a notification of NETLINK_ROUTE. */
int xfrm_nl_parse_rtnl_event(const void *msg, size_t len,
                             struct xfrm_event *);

#endif /* xfrm-netlink.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_SPEC_H
#define XFRM_SPEC_H 1

/* Value types for links, SAs and policies.
 *
 * Input is parsed and checked at the edge (xfrm-options, xfrm-json, later the
 * database); everything below works on these.  A spec in the hands of
 * xfrm-diff, the engine or a backend is valid: nothing there checks it again.
 * Every member that is zero means what it meant before it existed.  SAs are in
 * xfrm-spec.c, policies in xfrm-spec-policy.c, names and texts in
 * xfrm-spec-text.c.
 *
 * Pure; above xfrm-secret, xfrm-algo, xfrm-selector. */

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xfrm-algo.h"
#include "xfrm-secret.h"
#include "xfrm-selector.h"

struct ds;

/* One table in xfrm-spec.c gives the names of each of these enumerations; the
 * values are not those of the kernel. */
enum xfrm_mode { XFRM_SPEC_TUNNEL, XFRM_SPEC_TRANSPORT, XFRM_SPEC_BEET,
                 XFRM_SPEC_N_MODES };
enum xfrm_dir { XFRM_DIR_IN, XFRM_DIR_OUT, XFRM_DIR_FWD, XFRM_N_DIRS };
enum xfrm_action { XFRM_ACTION_PROTECT, XFRM_ACTION_DISCARD,
                   XFRM_N_ACTIONS };
enum xfrm_offload { XFRM_OFF_NO, XFRM_OFF_CRYPTO, XFRM_OFF_PACKET,
                    XFRM_OFF_AUTO, XFRM_N_OFFLOADS };
enum xfrm_keying { XFRM_KEYING_MANAGED, XFRM_KEYING_EXTERNAL,
                   XFRM_N_KEYINGS };

const char *xfrm_mode_name(enum xfrm_mode);
const char *xfrm_dir_name(enum xfrm_dir);
const char *xfrm_action_name(enum xfrm_action);
const char *xfrm_offload_name(enum xfrm_offload);
const char *xfrm_keying_name(enum xfrm_keying);
bool xfrm_mode_from_name(const char *, enum xfrm_mode *);
bool xfrm_dir_from_name(const char *, enum xfrm_dir *);
bool xfrm_action_from_name(const char *, enum xfrm_action *);
bool xfrm_offload_from_name(const char *, enum xfrm_offload *);
bool xfrm_keying_from_name(const char *, enum xfrm_keying *);

/* The protocols that SAs and templates have: "esp", "ah" and "ipcomp" for
 * IPPROTO_ESP, IPPROTO_AH and IPPROTO_COMP. */
const char *xfrm_proto_name(uint8_t proto);
void xfrm_proto_format(uint8_t proto, struct ds *);
int xfrm_proto_from_name(const char *, uint8_t *proto, char **errorp);

/* UDP encapsulation of ESP, RFC 3948.  Both ports zero: none. */
struct xfrm_encap {
    uint16_t sport;             /* Host order. */
    uint16_t dport;             /* Host order. */
};
#define XFRM_ENCAP_PORT 4500    /* RFC 3948 section 2. */

/* "none", "udp" (port 4500 at both ends) or "udp:SPORT:DPORT". */
int xfrm_encap_from_string(const char *, struct xfrm_encap *, char **errorp);

/* A packet mark: "(packet's mark & mask) == value" where something is looked
 * up, "packet's mark = value in the bits of mask" where it is set.  Mask 0
 * (then 'value' is 0 too): no mark. */
struct xfrm_mark {
    uint32_t value;             /* No bits outside 'mask'. */
    uint32_t mask;
};

/* "VALUE" (all bits) or "VALUE/MASK", decimal or 0x. */
int xfrm_mark_from_string(const char *, struct xfrm_mark *, char **errorp);
void xfrm_mark_format(const struct xfrm_mark *, struct ds *);
bool xfrm_mark_equals(const struct xfrm_mark *, const struct xfrm_mark *);

/* What an SA does besides protecting, bits of struct xfrm_sa_spec. */
enum xfrm_sa_flag {
    XFRM_SA_NOECN = 1 << 0,         /* Outer ECN is not copied inwards. */
    XFRM_SA_DECAP_DSCP = 1 << 1,    /* Outer DSCP is copied inwards. */
    XFRM_SA_DONT_ENCAP_DSCP = 1 << 2,   /* Inner DSCP stays inside. */
    XFRM_SA_NOPMTUDISC = 1 << 3,    /* Outer packets may be fragmented. */
    XFRM_SA_ICMP = 1 << 4,          /* ICMP errors are matched by what they
                                     * quote. */
    XFRM_SA_OSEQ_MAY_WRAP = 1 << 5, /* Starts again after 2**32 packets. */
};
#define XFRM_SA_N_FLAGS 6
#define XFRM_SA_ALL_FLAGS ((1u << XFRM_SA_N_FLAGS) - 1)

/* By name ("noecn", "decap-dscp", "dont-encap-dscp", "nopmtudisc", "icmp",
 * "oseq-may-wrap"); xfrm_sa_flag_name() takes a single bit. */
const char *xfrm_sa_flag_name(uint32_t flag);
int xfrm_sa_flag_from_name(const char *, uint32_t *flag, char **errorp);

/* Lifetimes; 0 means without limit. */
struct xfrm_lifetime {
    uint64_t soft_bytes, hard_bytes;
    uint64_t soft_packets, hard_packets;
    uint64_t soft_seconds, hard_seconds;    /* Since the SA was added. */

    /* Seconds without a packet.  The engine watches over these: the kernel
     * has nothing of the kind, so that backends neither get nor report
     * them. */
    uint64_t soft_idle, hard_idle;
};

#define XFRM_SPI_MIN 256                /* RFC 4303 section 2.1. */
#define XFRM_CPI_MAX UINT16_MAX         /* RFC 3173 section 3.3: an IPComp
                                         * CPI, in the place of the SPI. */
#define XFRM_REPLAY_WINDOW_MAX 4096     /* Packets; the kernel's limit. */
#define XFRM_REPLAY_WINDOW_DEFAULT 128

/* What an SA is: nothing in it changes while packets flow. */
struct xfrm_sa_spec {
    /* Identity.  The kernel finds an SA by (dst, spi, proto). */
    uint32_t if_id;
    uint32_t spi;               /* Host order. */
    uint8_t proto;              /* IPPROTO_ESP, _AH or _COMP. */
    struct xfrm_addr src, dst;  /* Outer addresses, same family. */

    enum xfrm_dir dir;          /* XFRM_DIR_IN or XFRM_DIR_OUT. */
    enum xfrm_mode mode;
    uint32_t reqid;
    const struct xfrm_algo *algo;   /* NULL: foreign, not in our table. */
    struct xfrm_secret key;     /* Empty in copies that are only shown. */
    uint32_t replay_window;     /* Packets. */
    bool esn;                   /* Extended sequence numbers, RFC 4303 2.2.1 */
    struct xfrm_encap encap;
    struct xfrm_lifetime lifetime;
    struct xfrm_sel sel;        /* AF_UNSPEC: both families (tunnel mode). */
    struct xfrm_mark mark;      /* Which packets may use it. */
    struct xfrm_mark output_mark;   /* What its outer packets get. */
    uint32_t flags;             /* enum xfrm_sa_flag. */
    enum xfrm_offload offload;  /* Asked for; only NO, CRYPTO, PACKET. */
    char offload_dev[IFNAMSIZ]; /* Device, or "". */
};

/* An SA as a backend reported it. */
struct xfrm_sa_state {
    struct xfrm_sa_spec spec;   /* 'spec.offload' is what is in force. */
    uint64_t bytes, packets;    /* Protected or accepted so far. */
    uint64_t oseq;              /* Last sequence number sent. */
    uint64_t seq;               /* Highest sequence number received. */
    uint64_t added;             /* Seconds since the epoch. */
    uint64_t used;              /* Seconds since the epoch, 0: never. */
    uint32_t replay_errors;     /* Packets outside the replay window. */
    uint32_t replays;           /* Packets seen twice. */
    uint32_t integrity_failed;
    bool valid;                 /* In the kernel's state "valid". */
};

#define XFRM_MAX_TEMPLATES 6    /* XFRM_MAX_DEPTH of the kernel. */

struct xfrm_template {
    struct xfrm_addr src, dst;  /* Outer; AF_UNSPEC in transport mode: any. */
    uint32_t reqid;
    uint32_t spi;               /* Host order, 0: any. */
    uint8_t proto;              /* IPPROTO_ESP, _AH or _COMP. */
    enum xfrm_mode mode;
    bool optional;              /* Inbound packets may lack it (IPComp leaves
                                 * out what does not shrink). */
};

/* Without pointers: copied by assignment. */
struct xfrm_policy_spec {
    /* Identity: (if_id, dir, sel, mark). */
    uint32_t if_id;
    enum xfrm_dir dir;
    struct xfrm_sel sel;        /* Never AF_UNSPEC: the kernel has policies
                                 * of one family only. */
    struct xfrm_mark mark;

    uint32_t index;             /* The kernel's number for it, only as
                                 * reported; 0 in what is wanted. */
    uint32_t priority;          /* Lower numbers come first. */
    enum xfrm_action action;
    enum xfrm_offload offload;  /* Only NO and PACKET. */
    char offload_dev[IFNAMSIZ]; /* Device, or "" without offload. */

    /* The first one is applied first on the way out (the innermost). */
    size_t n_templates;
    struct xfrm_template templates[XFRM_MAX_TEMPLATES];
};

/* A kernel device, as wanted ('ifindex' 0) or as found. */
struct xfrm_link_spec {
    char name[IFNAMSIZ];
    uint32_t if_id;
    char dev[IFNAMSIZ];         /* Underlying device, or "". */
};

struct xfrm_link_state {
    struct xfrm_link_spec spec;
    int ifindex;
    bool is_xfrm;               /* rtnl kind "xfrm"; else only the name,
                                 * ifindex and mtu are meaningful. */
    bool external;              /* An xfrm device that has no if_id. */
    bool ours;                  /* Carries our mark (alias). */
    bool up;                    /* IFF_UP. */
    int mtu;
};

void xfrm_sa_spec_clone(struct xfrm_sa_spec *dst, const struct xfrm_sa_spec *);
void xfrm_sa_spec_clone_sans_key(struct xfrm_sa_spec *dst,
                                 const struct xfrm_sa_spec *);
void xfrm_sa_spec_destroy(struct xfrm_sa_spec *);
void xfrm_sa_specs_free(struct xfrm_sa_spec *, size_t n);
void xfrm_sa_states_free(struct xfrm_sa_state *, size_t n);
int xfrm_sa_spec_validate(const struct xfrm_sa_spec *, char **errorp);
bool xfrm_sa_spec_same_id(const struct xfrm_sa_spec *,
                          const struct xfrm_sa_spec *);
bool xfrm_sa_spec_equals(const struct xfrm_sa_spec *desired,
                         const struct xfrm_sa_spec *actual);
uint32_t xfrm_sa_spec_hash_id(const struct xfrm_sa_spec *);
void xfrm_sa_spec_format(const struct xfrm_sa_spec *, struct ds *);
void xfrm_sa_spec_fingerprint(const struct xfrm_sa_spec *,
                              struct xfrm_fingerprint *);

int xfrm_policy_spec_validate(const struct xfrm_policy_spec *,
                              char **errorp);
bool xfrm_policy_spec_same_id(const struct xfrm_policy_spec *,
                              const struct xfrm_policy_spec *);
bool xfrm_policy_spec_equals(const struct xfrm_policy_spec *,
                             const struct xfrm_policy_spec *);
uint32_t xfrm_policy_spec_hash_id(const struct xfrm_policy_spec *);
void xfrm_policy_spec_format(const struct xfrm_policy_spec *, struct ds *);

int xfrm_spec_inner_mtu(int outer_mtu, uint16_t outer_family,
                        uint16_t inner_family, enum xfrm_mode,
                        const struct xfrm_algo *, bool udp_encap);

#endif /* xfrm-spec.h */

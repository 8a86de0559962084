/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_BACKEND_H
#define XFRM_BACKEND_H 1

/* The contract of a datapath: dump, apply, events.
 *
 * A backend is where specs become objects: the Linux kernel
 * (xfrm-backend-kernel.c) or memory (xfrm-backend-dummy.c, for tests).  It
 * never decides; it does one thing when told, and tells what is there.
 *
 * A handle ('struct xfrm_backend *') belongs to one thread: the engine opens
 * one, netdev-xfrm in the main thread opens another.  All handles of a class
 * show the same datapath.  Functions return 0 or a positive errno; those with
 * 'errorp' store a malloc'd sentence there on failure (the kernel's own words
 * included, where it gives any), which the caller frees, and NULL on
 * success.
 *
 * Below the engine and netdev-xfrm, above xfrm-netlink. */

#include "xfrm-algo.h"
#include "xfrm-diff.h"
#include "xfrm-spec.h"

struct smap;

/* What this datapath does, found when the handle is opened. */
struct xfrm_capabilities {
    char datapath[32];          /* "in-tree", "kmod 0.1.0", "dummy". */
    bool enforces_inbound;      /* Inbound policies hold on bridge ports. */
    bool sends_transport;       /* Transport mode can send. */
    bool needs_encap_sockets;   /* Receiving ESP in UDP needs a socket with
                                 * UDP_ENCAP in this namespace. */
    bool answers_pmtu;          /* A packet that exceeds the path MTU is
                                 * answered out of the port, which therefore
                                 * must not be kept from the device. */
    bool needs_routes;          /* Sending needs a route to the inner
                                 * destination through the device. */
};

enum xfrm_event_type {
    XFRM_EVENT_SA,              /* An SA came, went or changed. */
    XFRM_EVENT_POLICY,          /* A policy came, went or changed. */
    XFRM_EVENT_EXPIRE,          /* A lifetime ran out. */
    XFRM_EVENT_ACQUIRE,         /* A packet found a policy, but no SA. */
    XFRM_EVENT_MAPPING,         /* ESP in UDP came from elsewhere. */
    XFRM_EVENT_LINK,            /* A device came, went or changed. */
    XFRM_EVENT_ROUTE,           /* A route, rule or address changed. */
    XFRM_EVENT_OVERRUN,         /* Events were lost: dump anew. */
};

/* Changes that the same handle made itself are not reported (best effort).
 * A member that does not belong to the type is zero. */
struct xfrm_event {
    enum xfrm_event_type type;
    uint32_t if_id;             /* SA, POLICY, EXPIRE, ACQUIRE; 0: any.  The
                                 * kernel does not tell it in MAPPING. */

    /* SA, POLICY: the members below tell which object is concerned.
     * Otherwise it may be any one of 'if_id', or all (somebody flushed). */
    bool identified;
    bool gone;                  /* SA, POLICY: it is no longer there. */
    bool hard;                  /* EXPIRE: the SA is no longer there. */

    /* SA, EXPIRE, MAPPING: the SA; 'src' as far as known.
     * ACQUIRE: an SA wanted from 'src' to 'dst', 'spi' 0. */
    struct xfrm_addr src;
    struct xfrm_addr dst;
    uint32_t spi;               /* Host order. */
    uint8_t proto;
    struct xfrm_mark mark;      /* Not in MAPPING.  Of POLICY as well. */

    /* POLICY: the policy.  ACQUIRE: the packet (its selector names hosts and
     * ports) and the direction of the policy that it found. */
    enum xfrm_dir dir;
    struct xfrm_sel sel;

    /* ACQUIRE only: the template that has no SA ('proto' 0 if the kernel did
     * not say), and the number by which an SA answers ('seq' of the
     * kernel). */
    struct xfrm_template template;
    uint32_t seq;

    /* MAPPING only: where packets come from now. */
    struct xfrm_addr new_src;
    uint16_t new_sport;         /* Host order. */

    /* LINK only. */
    int ifindex;
    char name[IFNAMSIZ];
};

/* What became of one operation of a batch. */
struct xfrm_result {
    int error;                  /* 0 or positive errno. */
    char *message;              /* Malloc'd sentence, NULL on success. */
};

/* A drop counter of the whole namespace (/proc/net/xfrm_stat) or of a device.
 * The names are those of the kernel (e.g. "XfrmInNoStates",
 * "rx_drop_no_policy") and live as long as the process. */
struct xfrm_counter {
    const char *name;
    uint64_t value;
};

struct xfrm_backend {
    const struct xfrm_backend_class *class;
    struct xfrm_capabilities caps;
};

struct xfrm_backend_class {
    const char *name;           /* "kernel" or "dummy". */

    /* Opens a handle, with 'events' one that hears events as well. */
    int (*open)(bool events, struct xfrm_backend **, char **errorp);
    void (*close)(struct xfrm_backend *);

    /* Complete lists of what exists, of all if_ids but 0 (objects without
     * if_id do not belong to an xfrm interface), acquire states left out.
     * The caller frees them with xfrm_sa_states_free() and free().  With
     * 'keys' false the keys are left out.  EINTR-like inconsistencies of a
     * dump (NLM_F_DUMP_INTR) are retried inside. */
    int (*dump_sas)(struct xfrm_backend *, bool keys,
                    struct xfrm_sa_state **, size_t *);
    int (*dump_policies)(struct xfrm_backend *,
                         struct xfrm_policy_spec **, size_t *);

    /* One change.  XFRM_OP_SA_ADD of an SA whose (dst, spi, proto) exists
     * fails with EEXIST; deleting what is not there is a success. */
    int (*apply)(struct xfrm_backend *, const struct xfrm_op *,
                 char **errorp);

    /* Many changes, in order and each as by apply(), but without waiting for
     * one before the next is on its way.  A failure does not stop those that
     * follow: what depends on each other does not belong into one batch.
     * Returns 0 if all succeeded, otherwise the first error; 'results' has 'n'
     * elements, whose messages the caller frees.  Where it is not known
     * whether an operation was done (the answer got lost), the error is
     * EINPROGRESS: look, with get_sa() or a dump. */
    int (*apply_batch)(struct xfrm_backend *, const struct xfrm_op *ops,
                       size_t n, struct xfrm_result *results);

    /* One object, found by its identity, if a dump would tell it.  ESRCH if
     * there is no such SA; the caller destroys 'state->spec' after success
     * only.  ENOENT if there is no policy with the if_id, direction, selector
     * and mark of 'id'. */
    int (*get_sa)(struct xfrm_backend *, const struct xfrm_addr *dst,
                  uint32_t spi, uint8_t proto, const struct xfrm_mark *mark,
                  bool keys, struct xfrm_sa_state *state);
    int (*get_policy)(struct xfrm_backend *, const struct xfrm_policy_spec *id,
                      struct xfrm_policy_spec *);

    /* Devices.  link_get(): ENODEV if there is no device 'name' at all.
     * link_create() makes the device, marks it ours and brings it up; on
     * failure nothing is left.  link_set_if_id() changes a device in place.
     * link_delete(): deleting what is not there is a success. */
    int (*link_get)(struct xfrm_backend *, const char *name,
                    struct xfrm_link_state *);
    int (*link_dump)(struct xfrm_backend *, struct xfrm_link_state **,
                     size_t *);     /* xfrm devices only. */
    int (*link_create)(struct xfrm_backend *, const struct xfrm_link_spec *,
                       struct xfrm_link_state *, char **errorp);
    int (*link_set_if_id)(struct xfrm_backend *, const char *name,
                          uint32_t if_id, char **errorp);
    int (*link_set_up)(struct xfrm_backend *, const char *name,
                       char **errorp);
    int (*link_set_mtu)(struct xfrm_backend *, const char *name, int mtu,
                        char **errorp);
    int (*link_delete)(struct xfrm_backend *, const char *name,
                       char **errorp);

    /* Makes sure that packets sent into the device find a route through it
     * (rule "oif NAME" and default routes in XFRM_ROUTE_TABLE, both
     * families), or that none of this is left.  Does nothing if all is
     * so. */
    int (*routes_set)(struct xfrm_backend *, const char *name, int ifindex,
                      bool present, char **errorp);

    /* Removes the rules of ours whose device is none of the 'n' names. */
    int (*routes_prune)(struct xfrm_backend *, const char *const *names,
                        size_t n);

    /* MTU of the route to 'dst' ('src' may be AF_UNSPEC), in bytes. */
    int (*route_mtu)(struct xfrm_backend *, const struct xfrm_addr *src,
                     const struct xfrm_addr *dst, int *mtu);

    /* What the datapath certainly lacks.  In any thread; may take seconds.
     * NULL where only a try can tell: the Linux kernel loads, and tests, each
     * algorithm that it is asked about. */
    struct xfrm_algo_set (*missing_algos)(void);

    /* Whether what makes devices is there and at work: a kernel's module may
     * be missing, or on its way out.  Cheap, loads nothing, works without a
     * handle. */
    bool (*makes_links)(void);

    /* Adds the devices that can take over ESP to 'devices', by name, each with
     * "crypto" or "crypto,packet".  In any thread. */
    void (*offload_devices)(struct smap *devices);

    /* Reads one event: 0, or EAGAIN if there is none. */
    int (*event_recv)(struct xfrm_backend *, struct xfrm_event *);
    void (*event_wait)(struct xfrm_backend *);

    /* Whether XFRM_EVENT_ACQUIRE is heard; at first it is not.  As long as
     * anybody hears it, the kernel keeps a state without SPI for each template
     * that lacks an SA (sysctl net.core.xfrm_acq_expires: 165 s) and says
     * nothing of further packets until that is gone. */
    void (*hear_acquires)(struct xfrm_backend *, bool hear);

    /* Takes the state away of which 'acquire' told.  A success if it is gone
     * already, because an SA came or because of its age. */
    int (*drop_acquire)(struct xfrm_backend *,
                        const struct xfrm_event *acquire);

    /* Counters of the namespace; the caller frees '*countersp'. */
    int (*counters)(struct xfrm_backend *, struct xfrm_counter **countersp,
                    size_t *n);

    /* What device 'name' counts by reason: nothing, with success, where the
     * datapath does not count so.  The caller frees '*countersp'. */
    int (*link_counters)(struct xfrm_backend *, const char *name,
                         struct xfrm_counter **countersp, size_t *n);
};

/* Our mark on devices (IFLA_IFALIAS), routing table, rule priority and
 * protocol number (rtm_protocol and FRA_PROTOCOL) for routes and rules. */
#define XFRM_LINK_ALIAS "ovs-xfrm port"
#define XFRM_ROUTE_TABLE 7872
#define XFRM_RULE_PRIORITY 7872
#define XFRM_ROUTE_PROTO 120

extern const struct xfrm_backend_class xfrm_backend_kernel;
extern const struct xfrm_backend_class xfrm_backend_dummy;

#endif /* xfrm-backend.h */

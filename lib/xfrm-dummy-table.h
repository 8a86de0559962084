/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DUMMY_TABLE_H
#define XFRM_DUMMY_TABLE_H 1

/* The one table of the dummy datapath, which its handles
 * (xfrm-backend-dummy.c, xfrm-backend-dummy-link.c) and everybody else who
 * changes a kernel (xfrm-dummy.c) work on (xfrm-dummy-table.c), and what both
 * tell (xfrm-dummy-event.c).  For these files only. */

#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovs-thread.h"
#include "sset.h"
#include "xfrm-backend.h"

/* What can be refused.  apply() is four operations; the members of struct
 * xfrm_backend_class that are none are close, event_recv, event_wait,
 * hear_acquires, missing_algos, makes_links and offload_devices, which cannot
 * fail. */
#define DUMMY_N_APPLY 4
#define DUMMY_N_INFALLIBLE 7
#define DUMMY_OPS                       \
    DUMMY_OP(OPEN, "open")              \
    DUMMY_OP(DUMP_SAS, "dump_sas")      \
    DUMMY_OP(DUMP_POLICIES, "dump_policies") \
    DUMMY_OP(SA_ADD, "sa_add")          \
    DUMMY_OP(SA_DEL, "sa_del")          \
    DUMMY_OP(POLICY_SET, "policy_set")  \
    DUMMY_OP(POLICY_DEL, "policy_del")  \
    DUMMY_OP(APPLY_BATCH, "apply_batch") \
    DUMMY_OP(GET_SA, "get_sa")          \
    DUMMY_OP(GET_POLICY, "get_policy")  \
    DUMMY_OP(LINK_GET, "link_get")      \
    DUMMY_OP(LINK_DUMP, "link_dump")    \
    DUMMY_OP(LINK_CREATE, "link_create") \
    DUMMY_OP(LINK_SET_IF_ID, "link_set_if_id") \
    DUMMY_OP(LINK_SET_UP, "link_set_up") \
    DUMMY_OP(LINK_SET_MTU, "link_set_mtu") \
    DUMMY_OP(LINK_DELETE, "link_delete") \
    DUMMY_OP(ROUTES_SET, "routes_set")  \
    DUMMY_OP(ROUTES_PRUNE, "routes_prune") \
    DUMMY_OP(ROUTE_MTU, "route_mtu")    \
    DUMMY_OP(COUNTERS, "counters")      \
    DUMMY_OP(LINK_COUNTERS, "link_counters") \
    DUMMY_OP(DROP_ACQUIRE, "drop_acquire")

enum dummy_op {
#define DUMMY_OP(ENUM, NAME) OP_##ENUM,
    DUMMY_OPS
#undef DUMMY_OP
    N_OPS
};

struct dummy_sa {
    struct hmap_node node;              /* In 'sas', by (dst, spi, proto). */
    struct xfrm_sa_state state;
    bool soft_told;                     /* The soft limit was reported. */
};

struct dummy_policy {
    struct hmap_node node;              /* In 'policies', by identity. */
    struct xfrm_policy_spec spec;
};

struct dummy_acquire {
    struct ovs_list node;               /* In 'acquires'. */
    struct xfrm_event event;
};

struct dummy_link {
    struct ovs_list node;               /* In 'links'. */
    struct xfrm_link_state state;
    char *kind;
    enum xfrm_offload offload;          /* What the device can do. */
    bool routes;                        /* Our default routes are there. */
};

struct dummy_event {
    struct ovs_list node;               /* In 'events' of a handle. */
    struct xfrm_event event;
};

struct dummy_backend {
    struct xfrm_backend up;
    struct ovs_list node;               /* In 'handles'. */
    bool hears;
    struct ovs_list events;             /* "struct dummy_event"s. */
    size_t n_events;
    struct seq *seq;                    /* Changes with each new event. */
    uint64_t last_seq;                  /* Used by the owner only. */
};

#define XDUMMY_N_COUNTERS 11

struct xdummy {
    struct xfrm_capabilities caps;
    struct xfrm_algo_set missing_algos;
    bool lacks_module;                  /* No device can be made. */
    struct hmap sas;
    struct hmap policies;
    struct ovs_list links;
    struct ovs_list acquires;           /* SAs that packets wait for. */
    struct sset rules;                  /* Devices with our "oif" rule. */
    struct ovs_list handles;
    struct ds log;
    unsigned int n_log;
    int next_ifindex;
    int route_mtu;
    unsigned int delay;
    uint64_t counters[XDUMMY_N_COUNTERS];
    unsigned int calls[N_OPS];          /* On handles that hear events. */
    struct {
        int error;
        unsigned int count;
    } failures[N_OPS];

    /* The failure of whatever comes 'nth_left' calls from now (0: none). */
    unsigned int nth_left;
    const char *nth_wanted;             /* Operation that counts, or NULL. */
    int nth_error;
    bool nth_lasts;
    const char *nth_op;                 /* What it was, or NULL. */
    char *nth_id;
};

extern struct ovs_mutex xdummy_mutex;
extern struct xdummy xdummy OVS_GUARDED_BY(xdummy_mutex);
extern const char *const xdummy_counter_names[XDUMMY_N_COUNTERS];

int xdummy_nth_failure(enum dummy_op, const char *id)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_lock(void) OVS_ACQUIRES(xdummy_mutex);

/* SAs and policies go, and what waits for an SA.  Device "lo" comes, and
 * capabilities, counters and orders to fail are as at first. */
void xdummy_flush_objects(void) OVS_REQUIRES(xdummy_mutex);
void xdummy_set_first_state(void) OVS_REQUIRES(xdummy_mutex);

struct dummy_sa *xdummy_find_sa(const struct xfrm_addr *dst, uint32_t spi,
                                uint8_t proto) OVS_REQUIRES(xdummy_mutex);
struct dummy_sa *xdummy_find_sa_any(const struct xfrm_addr *dst, uint32_t spi)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_insert_sa(struct dummy_sa *) OVS_REQUIRES(xdummy_mutex);
void xdummy_remove_sa(struct dummy_sa *) OVS_REQUIRES(xdummy_mutex);

void xdummy_remove_acquires(uint32_t seq, const struct xfrm_sa_spec *)
    OVS_REQUIRES(xdummy_mutex);

struct dummy_policy *xdummy_find_policy(const struct xfrm_policy_spec *)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_set_policy(const struct xfrm_policy_spec *)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_remove_policy(struct dummy_policy *) OVS_REQUIRES(xdummy_mutex);

struct dummy_link *xdummy_find_link(const char *name)
    OVS_REQUIRES(xdummy_mutex);
bool xdummy_if_id_is_taken(uint32_t if_id) OVS_REQUIRES(xdummy_mutex);
struct dummy_link *xdummy_add_link(const struct xfrm_link_spec *,
                                   const char *kind)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_remove_link(struct dummy_link *) OVS_REQUIRES(xdummy_mutex);

/* Takes 'text' over; 'error' is the outcome of the write. */
void xdummy_log_write(char *text, int error) OVS_REQUIRES(xdummy_mutex);

/* Tell all handles but 'self'. */
void xdummy_tell(const struct dummy_backend *self, const struct xfrm_event *)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_tell_type(const struct dummy_backend *self, enum xfrm_event_type,
                      uint32_t if_id) OVS_REQUIRES(xdummy_mutex);
void xdummy_tell_sa(const struct dummy_backend *self,
                    const struct xfrm_sa_spec *, bool gone)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_tell_expire(const struct xfrm_sa_spec *, bool hard)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_tell_policy(const struct dummy_backend *self,
                        const struct xfrm_policy_spec *, bool gone)
    OVS_REQUIRES(xdummy_mutex);
void xdummy_tell_link(const struct dummy_backend *self,
                      const struct dummy_link *) OVS_REQUIRES(xdummy_mutex);

#endif /* xfrm-dummy-table.h */

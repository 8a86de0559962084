/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETDEV_XFRM_PRIVATE_H
#define NETDEV_XFRM_PRIVATE_H 1

/* What netdev-xfrm.c (the port) and netdev-xfrm-io.c (packets, and the class
 * that works without a kernel) share. */

#include "netdev-linux-private.h"
#include "openvswitch/shash.h"
#include "xfrm-options.h"

struct netdev_xfrm {
    struct netdev_linux up;

    /* The main thread's, no lock. */
    struct xfrm_port_options options;   /* Valid if 'configured'. */
    char *warning;              /* About options that do not exist. */
    bool configured;            /* Declared to the engine. */
    bool owned;                 /* See struct xfrm_port_config. */
    bool check_mtu;             /* Compare the MTU in the next run. */
    uint64_t change;            /* Last state of the engine seen. */

    /* Read by any thread. */
    atomic_bool carrier;

    /* For the class without a kernel. */
    struct ovs_mutex dummy_mutex;
    int dummy_mtu OVS_GUARDED;
    enum netdev_flags dummy_flags OVS_GUARDED;
};

static inline struct netdev_xfrm *
netdev_xfrm_cast(const struct netdev *netdev)
{
    return CONTAINER_OF(netdev, struct netdev_xfrm, up.up);
}

int netdev_xfrm_rxq_recv(struct netdev_rxq *, struct dp_packet_batch *,
                         int *qfill);
int netdev_xfrm_send(struct netdev *, int qid, struct dp_packet_batch *,
                     bool concurrent_txq);
void netdev_xfrm_io_make_dummy(struct netdev_class *);

#endif /* netdev-xfrm-private.h */

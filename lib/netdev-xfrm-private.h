/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETDEV_XFRM_PRIVATE_H
#define NETDEV_XFRM_PRIVATE_H 1

/* What netdev-xfrm.c (the port), netdev-xfrm-device.c (its Linux device) and
 * netdev-xfrm-io.c (packets, and the class that works without a kernel)
 * share. */

#include "netdev-linux-private.h"
#include "openvswitch/shash.h"
#include "xfrm-options.h"

struct xfrm_backend_class;
struct xfrm_capabilities;
struct xfrm_counter;
struct xfrm_link_spec;
struct xfrm_link_state;

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

/* netdev-xfrm-device.c.  The functions may be called by any thread, after
 * xfrm_device_init(); errors are positive errnos, with the reason in words,
 * malloc'd, in '*errp'. */

void xfrm_device_init(const struct xfrm_backend_class *);

/* Opens the handle of the backend, if that has not been done. */
int xfrm_device_open(char **errp);
void xfrm_device_close(void);

/* Of the backend, which must be open. */
void xfrm_device_get_capabilities(struct xfrm_capabilities *);

/* What the device counts itself.  The caller frees '*countersp'. */
void xfrm_device_get_counters(const char *name,
                              struct xfrm_counter **countersp, size_t *n);

/* There is no device 'name', for sure. */
bool xfrm_device_is_missing(const char *name);

/* The device 'name' is one that may be a port of ours. */
bool xfrm_device_is_port(const char *name);

/* The device of a port that is configured with 'if_id' is still there, for all
 * that can be found out, and still what it was made as, but for an if_id that
 * the engine sets right if the device is ours ('owned').  A change of it by hand
 * is as good as its loss: the bridge takes the port away and adds it anew.  The
 * backend must be open. */
bool xfrm_device_is_intact(const char *name, uint32_t if_id, bool owned);

/* Makes sure that the device 'want' exists, perhaps with the if_id of before,
 * which '*prior' becomes (0: there was none).  Stores what was found or made in
 * '*link', and whether it was there before in '*existed'.  The backend must be
 * open. */
int xfrm_device_ensure(const struct xfrm_link_spec *want,
                       struct xfrm_link_state *link, bool *existed,
                       uint32_t *prior, char **errp);

/* netdev-xfrm-io.c. */

int netdev_xfrm_rxq_recv(struct netdev_rxq *, struct dp_packet_batch *,
                         int *qfill);
int netdev_xfrm_send(struct netdev *, int qid, struct dp_packet_batch *,
                     bool concurrent_txq);
void netdev_xfrm_io_make_dummy(struct netdev_class *);

#endif /* netdev-xfrm-private.h */

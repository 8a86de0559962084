/* SPDX-License-Identifier: Apache-2.0 */

/* Packets of an xfrm device in the userspace datapath, and the class that
 * works without a kernel.
 *
 * An xfrm device has no link layer: what AF_PACKET gives starts with the IP
 * header, and what it takes must.  The kernel datapath never comes here.
 *
 * Below netdev-xfrm.c, on top of OVS's netdev-linux. */

#include <config.h>

#include <errno.h>

#include "dp-packet.h"
#include "netdev-xfrm-private.h"
#include "openvswitch/packets.h"
#include "packets.h"
#include "util.h"

/* The packet type that the first byte tells, or 0 if it is neither IPv4 nor
 * IPv6. */
static ovs_be32
ip_packet_type(const struct dp_packet *packet)
{
    if (dp_packet_size(packet) >= IP_HEADER_LEN) {
        const uint8_t *first = dp_packet_data(packet);

        switch (*first >> 4) {
        case 4:
            return htonl(PT_IPV4);
        case 6:
            if (dp_packet_size(packet) >= IPV6_HEADER_LEN) {
                return htonl(PT_IPV6);
            }
            break;
        }
    }
    return 0;
}

/* Receives as netdev-linux does, then says what the packets are: without it
 * the datapath would take IP headers for Ethernet headers. */
int
netdev_xfrm_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
                     int *qfill)
{
    int error = netdev_linux_class.rxq_recv(rxq, batch, qfill);
    if (error) {
        return error;
    }

    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;
    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        ovs_be32 packet_type = ip_packet_type(packet);

        if (!packet_type) {
            dp_packet_delete(packet);
            continue;
        }
        packet->packet_type = packet_type;
        dp_packet_reset_offsets(packet);
        dp_packet_set_l3(packet, dp_packet_data(packet));
        dp_packet_batch_add(batch, packet);
    }
    return 0;
}

/* Sends the IP packets of 'batch'.  ofproto pops the Ethernet header for a
 * port of NETDEV_PT_LEGACY_L3; whatever still has one, or is not IP, must not
 * reach the device, which would read it as something else. */
int
netdev_xfrm_send(struct netdev *netdev, int qid,
                 struct dp_packet_batch *batch, bool concurrent_txq)
{
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        if (packet->packet_type == htonl(PT_ETH) || !ip_packet_type(packet)) {
            dp_packet_delete(packet);
            continue;
        }
        dp_packet_batch_add(batch, packet);
    }
    if (dp_packet_batch_is_empty(batch)) {
        return 0;
    }
    return netdev_linux_class.send(netdev, qid, batch, concurrent_txq);
}

/* The class without a kernel, for "ovs-vswitchd --enable-dummy": a device that
 * is always there, drops what it is given and receives nothing. */

static int
dummy_send(struct netdev *netdev OVS_UNUSED, int qid OVS_UNUSED,
           struct dp_packet_batch *batch, bool concurrent_txq OVS_UNUSED)
{
    dp_packet_delete_batch(batch, true);
    return 0;
}

static int
dummy_get_etheraddr(const struct netdev *netdev OVS_UNUSED,
                    struct eth_addr *mac)
{
    *mac = eth_addr_zero;
    return 0;
}

static int
dummy_get_mtu(const struct netdev *netdev, int *mtup)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    ovs_mutex_lock(&dev->dummy_mutex);
    *mtup = dev->dummy_mtu;
    ovs_mutex_unlock(&dev->dummy_mutex);
    return 0;
}

static int
dummy_set_mtu(struct netdev *netdev, int mtu)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    ovs_mutex_lock(&dev->dummy_mutex);
    bool changed = dev->dummy_mtu != mtu;
    dev->dummy_mtu = mtu;
    ovs_mutex_unlock(&dev->dummy_mutex);
    if (changed) {
        netdev_change_seq_changed(netdev);
    }
    return 0;
}

static int
dummy_update_flags(struct netdev *netdev, enum netdev_flags off,
                   enum netdev_flags on, enum netdev_flags *old_flagsp)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    ovs_mutex_lock(&dev->dummy_mutex);
    *old_flagsp = dev->dummy_flags;
    dev->dummy_flags = (dev->dummy_flags & ~off) | on;
    bool changed = dev->dummy_flags != *old_flagsp;
    ovs_mutex_unlock(&dev->dummy_mutex);
    if (changed) {
        netdev_change_seq_changed(netdev);
    }
    return 0;
}

static int
dummy_get_stats(const struct netdev *netdev OVS_UNUSED,
                struct netdev_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    return 0;
}

static int
dummy_get_ifindex(const struct netdev *netdev OVS_UNUSED)
{
    return -EOPNOTSUPP;
}

/* Makes of 'class', whose other methods reach for a kernel device, one that
 * has nothing but what netdev-xfrm.c put there and the above.  By 'init', 'run'
 * and 'wait' netdev-linux recognizes its kind. */
void
netdev_xfrm_io_make_dummy(struct netdev_class *class)
{
    *class = (struct netdev_class) {
        .type = class->type,
        .init = class->init,
        .run = class->run,
        .wait = class->wait,
        .alloc = class->alloc,
        .construct = class->construct,
        .destruct = class->destruct,
        .dealloc = class->dealloc,
        .get_config = class->get_config,
        .set_config = class->set_config,
        .get_status = class->get_status,
        .get_carrier = class->get_carrier,
        .get_custom_stats = class->get_custom_stats,
        .get_pt_mode = class->get_pt_mode,
        .send = dummy_send,
        .get_etheraddr = dummy_get_etheraddr,
        .get_mtu = dummy_get_mtu,
        .set_mtu = dummy_set_mtu,
        .get_ifindex = dummy_get_ifindex,
        .update_flags = dummy_update_flags,
        .get_stats = dummy_get_stats,
    };
}

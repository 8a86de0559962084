/* SPDX-License-Identifier: Apache-2.0 */

/* The netdev provider "xfrm": from an Interface row to a Linux device.
 *
 * The class is a copy of netdev-linux's, so that MTU, flags, statistics, QoS
 * and AF_PACKET come from there.  What is ours: the device is made, adopted,
 * changed and deleted, the port is declared to the engine, and what the
 * engine found out is handed to the bridge as status, statistics, carrier and
 * MTU.  This file knows ports, netdev-xfrm-device.c links, neither keys.
 *
 * Deleting is put off to the end of a turn of the main loop: the bridge closes
 * and opens netdevs for reasons of its own (a changed "ofport_request", a row
 * that comes back in the same transaction), and a device that is wanted again
 * at the end of the turn must not have lost its SAs in between.
 *
 * Above: bridge.c through netdev.h, ovs-vswitchd.c.  Below: the engine, and
 * netdev-xfrm-device.c. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>

#include "dirs.h"
#include "if-notifier.h"
#include "netdev-xfrm-private.h"
#include "netdev-xfrm.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "smap.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-backend.h"
#include "xfrm-engine.h"
#include "xfrm-status.h"

VLOG_DEFINE_THIS_MODULE(netdev_xfrm);

static struct netdev_class netdev_xfrm_class;
static const struct xfrm_backend_class *backend_class;

/* All netdevs of the class, by name, and the names of configured ones that
 * were closed in this turn.  The netdev layer may close from any thread. */
static struct ovs_mutex registry_mutex = OVS_MUTEX_INITIALIZER;
static struct shash netdevs OVS_GUARDED_BY(registry_mutex)
    = SHASH_INITIALIZER(&netdevs);
static struct sset orphans OVS_GUARDED_BY(registry_mutex)
    = SSET_INITIALIZER(&orphans);
static struct seq *orphan_seq;

static bool exiting;            /* Closing leaves everything in place. */
static uint64_t engine_seqno;
static uint64_t orphan_seqno;

/* A row failed because the kernel's module for xfrm interfaces was not there,
 * or on its way out: nobody but us tells the bridge when one is.  To look for it
 * costs less than to try, which would have the kernel run modprobe. */
static bool module_missing;

/* The device of a row could not be made, for want of memory, or since another
 * device, which may be on its way out, has its name or if_id.  Such a thing may
 * pass without a word to the bridge, so that we ask it to look at the rows
 * again, less often each time.  Whether a row is still there and wants the same
 * is its business alone. */
#define RETRY_MIN 1000          /* Milliseconds. */
#define RETRY_MAX 60000
static long long int retry_at = LLONG_MAX;
static int retry_backoff;
static bool retrying;           /* We have asked, and it looks in this turn. */

/* The life of a netdev. */

static struct netdev *
netdev_xfrm_alloc(void)
{
    struct netdev_xfrm *dev = xzalloc(sizeof *dev);
    return &dev->up.up;
}

static void
netdev_xfrm_dealloc(struct netdev *netdev)
{
    free(netdev_xfrm_cast(netdev));
}

/* netdev-linux asks for the flags of the device with an ioctl that makes the
 * kernel look for a module of that name if there is no such device: it runs
 * modprobe twice, which takes longer than everything else that a new port
 * costs.  A device that is known to be missing, as that of a new port is, is
 * not asked for, but the one that is always there. */
static int
construct_linux(struct netdev *netdev)
{
    char *name = netdev->name;
    bool reserved = !strcmp(name, "default") || !strcmp(name, "all");
    int error;

    if (reserved || !xfrm_device_is_missing(name)) {
        return netdev_linux_construct(netdev);
    }
    netdev->name = CONST_CAST(char *, "lo");
    error = netdev_linux_construct(netdev);
    netdev->name = name;
    netdev_xfrm_cast(netdev)->up.ifi_flags = 0;
    return error;
}

static int
netdev_xfrm_construct(struct netdev *netdev)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    /* netdev-linux refuses a device that does not exist, but only after it
     * has set up everything: the device is made once the options are known,
     * in set_config(). */
    int error = construct_linux(netdev);
    if (error && error != ENODEV) {
        return error;
    }

    xfrm_options_init(&dev->options);
    atomic_init(&dev->carrier, false);
    ovs_mutex_init(&dev->dummy_mutex);
    ovs_mutex_lock(&dev->dummy_mutex);
    dev->dummy_mtu = ETH_PAYLOAD_MAX;
    dev->dummy_flags = NETDEV_UP;
    ovs_mutex_unlock(&dev->dummy_mutex);

    ovs_mutex_lock(&registry_mutex);
    shash_replace(&netdevs, netdev->name, dev);
    ovs_mutex_unlock(&registry_mutex);
    return 0;
}

static void
netdev_xfrm_destruct(struct netdev *netdev)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    ovs_mutex_lock(&registry_mutex);
    if (shash_find_data(&netdevs, netdev->name) == dev) {
        shash_find_and_delete(&netdevs, netdev->name);
    }
    if (dev->configured && !exiting) {
        sset_add(&orphans, netdev->name);
        seq_change(orphan_seq);
    }
    ovs_mutex_unlock(&registry_mutex);

    xfrm_options_destroy(&dev->options);
    free(dev->warning);
    ovs_mutex_destroy(&dev->dummy_mutex);
    netdev_linux_class.destruct(netdev);
}

/* Configuration. */

/* Returns the name of the configured port other than 'dev' that has 'if_id',
 * malloc'd, or NULL. */
static char *
port_with_if_id(uint32_t if_id, const struct netdev_xfrm *dev)
{
    struct shash_node *node;
    char *name = NULL;

    ovs_mutex_lock(&registry_mutex);
    SHASH_FOR_EACH (node, &netdevs) {
        const struct netdev_xfrm *other = node->data;

        if (other != dev && other->configured
            && other->options.if_id == if_id) {
            name = xstrdup(node->name);
            break;
        }
    }
    ovs_mutex_unlock(&registry_mutex);
    return name;
}

static void
set_warning(struct netdev_xfrm *dev, char *warning)
{
    if (warning && (!dev->warning || strcmp(warning, dev->warning))) {
        VLOG_WARN("%s: %s", netdev_get_name(&dev->up.up), warning);
    }
    free(dev->warning);
    dev->warning = warning;
}

static void
try_again_later(void)
{
    if (!retrying) {
        retry_backoff = RETRY_MIN;
    } else if (retry_at == LLONG_MAX) {
        retry_backoff = MIN(retry_backoff * 2, RETRY_MAX);
    }
    retry_at = MIN(retry_at, time_msec() + retry_backoff);
}

static int
apply_options(struct netdev_xfrm *dev, struct xfrm_port_options *options,
              char **errp)
{
    const char *name = netdev_get_name(&dev->up.up);
    struct xfrm_port_config config = { .adopted = false };
    struct xfrm_capabilities caps;
    struct xfrm_link_state link;
    bool existed;
    int error;

    if (strlen(name) >= IFNAMSIZ) {
        *errp = xasprintf("port name \"%s\" is too long: Linux allows at most "
                          "%d characters in the name of a device", name,
                          IFNAMSIZ - 1);
        return ENAMETOOLONG;
    }
    /* For "%d" Linux would put a number. */
    if (name[strcspn(name, "%/: \t\n\v\f\r")]
        || !strcmp(name, ".") || !strcmp(name, "..")) {
        *errp = xasprintf("port name \"%s\": the name of a device has neither "
                          "\"%%\", \"/\", \":\" nor white space, and is not "
                          "\".\" or \"..\"", name);
        return EINVAL;
    }

    char *other = port_with_if_id(options->if_id, dev);
    if (other) {
        *errp = xasprintf("options:if_id=%"PRIu32" is already used by port "
                          "\"%s\": each port needs an if_id of its own",
                          options->if_id, other);
        free(other);
        return EEXIST;
    }

    error = xfrm_device_open(errp);
    if (error) {
        try_again_later();
        return error;
    }

    if (dev->configured) {
        bool intact = xfrm_device_is_intact(name, dev->options.if_id,
                                            dev->owned);

        if (intact && xfrm_options_equals(&dev->options, options)) {
            /* "mtu_request" may have gone, which nobody tells us. */
            dev->check_mtu = true;
            return 0;
        } else if (!intact || strcmp(dev->options.dev, options->dev)) {
            /* The datapath's port goes with the device, so that the bridge
             * has to remove and add it: it does so at once on an error from
             * here. */
            dev->configured = false;
            ovs_mutex_lock(&registry_mutex);
            sset_add(&orphans, name);
            ovs_mutex_unlock(&registry_mutex);
            *errp = (intact
                     ? xasprintf("options:dev changed: the port is made anew")
                     : xasprintf("device \"%s\" was removed or changed behind "
                                 "our back: the port is made anew", name));
            return ENODEV;
        }
    }

    ovs_strlcpy(config.link.name, name, sizeof config.link.name);
    ovs_strlcpy(config.link.dev, options->dev, sizeof config.link.dev);
    config.link.if_id = options->if_id;

    if (backend_class == &xfrm_backend_kernel
        && options->dev[0] && !if_nametoindex(options->dev)) {
        *errp = xasprintf("options:dev=\"%s\": no such device exists; the "
                          "port is made when it appears", options->dev);
        return ENODEV;
    }

    xfrm_engine_settle_removal(name);
    xfrm_engine_claim_device(name);
    error = xfrm_device_ensure(&config.link, &link, &existed,
                               &config.prior_if_id, errp);
    if (error) {
        if (!dev->configured) {
            /* A port of that name may have been on its way out. */
            xfrm_engine_remove_port(name);
        }
        xfrm_engine_unclaim_device();
        module_missing |= (error == EOPNOTSUPP
                           && !backend_class->makes_links());
        try_again_later();
        return error;
    }

    config.ifindex = link.ifindex;
    config.owned = link.ours;
    config.adopted = existed && !dev->configured;
    xfrm_options_clone(&config.options, options);
    xfrm_engine_set_port(&config);
    xfrm_engine_unclaim_device();
    xfrm_options_destroy(&config.options);

    VLOG_DBG("%s: %s device, if_id %"PRIu32, name,
             existed ? "existing" : "new", options->if_id);
    if (!dev->configured) {
        xfrm_device_get_capabilities(&caps);
        VLOG_INFO("%s: datapath %s, inbound policies %s", name,
                  caps.datapath, caps.enforces_inbound
                  ? "enforced" : "not enforced on what goes to the bridge");
    }
    if (!dev->configured && existed) {
        /* A device that was there may carry traffic: until the engine has
         * looked, its carrier is what it was. */
        atomic_store_relaxed(&dev->carrier, true);
    }
    dev->configured = true;
    dev->owned = link.ours;
    dev->check_mtu = true;
    xfrm_options_destroy(&dev->options);
    dev->options = *options;
    xfrm_options_init(options);
    return 0;
}

static int
netdev_xfrm_set_config(struct netdev *netdev, const struct smap *args,
                       char **errp)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);
    struct xfrm_port_options options;
    char *warning = NULL;
    int error;

    *errp = NULL;
    error = xfrm_options_parse(args, &options, errp, &warning);
    if (error) {
        /* There is no port whose status could show the warning, and a misspelt
         * name is often why an option is missing. */
        if (warning) {
            char *both = xasprintf("%s; %s", *errp, warning);

            free(*errp);
            free(warning);
            *errp = both;
        }
    } else {
        set_warning(dev, warning);
        error = apply_options(dev, &options, errp);
        xfrm_options_destroy(&options);
    }

    if (error) {
        VLOG(retrying ? VLL_DBG : VLL_WARN, "%s: %s", netdev_get_name(netdev),
             *errp ? *errp : ovs_strerror(error));
    } else {
        netdev_change_seq_changed(netdev);
    }
    return error;
}

static int
netdev_xfrm_get_config(const struct netdev *netdev, struct smap *args)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    if (dev->configured) {
        xfrm_options_to_smap(&dev->options, args);
    }
    return 0;
}

static enum netdev_pt_mode
netdev_xfrm_get_pt_mode(const struct netdev *netdev OVS_UNUSED)
{
    /* The device has no Ethernet header: ofproto adds one on input and pops
     * it on output. */
    return NETDEV_PT_LEGACY_L3;
}

/* What the row gets back. */

static int
netdev_xfrm_get_status(const struct netdev *netdev, struct smap *smap)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);
    struct xfrm_port_status status;

    if (backend_class == &xfrm_backend_kernel
        && netdev_linux_class.get_status(netdev, smap)) {
        /* No driver information: not worth failing. */
    }
    if (xfrm_engine_get_status(netdev_get_name(netdev), &status)) {
        xfrm_status_to_smap(&status, smap);
        xfrm_port_status_destroy(&status);
    }
    if (dev->warning) {
        smap_add(smap, "xfrm_warning", dev->warning);
    }
    return 0;
}

static int
netdev_xfrm_get_carrier(const struct netdev *netdev, bool *carrier)
{
    struct netdev_xfrm *dev = netdev_xfrm_cast(netdev);

    if (backend_class == &xfrm_backend_kernel) {
        int error = netdev_linux_class.get_carrier(netdev, carrier);
        if (error || !*carrier) {
            return error;
        }
    }
    atomic_read_relaxed(&dev->carrier, carrier);
    return 0;
}

static int
netdev_xfrm_get_custom_stats(const struct netdev *netdev,
                             struct netdev_custom_stats *stats)
{
    struct xfrm_port_status status;

    if (!xfrm_engine_get_status(netdev_get_name(netdev), &status)) {
        stats->size = 0;
        stats->counters = NULL;
        return EOPNOTSUPP;
    }

    struct xfrm_counter *counters, *own = NULL;
    size_t n, n_own = 0;
    xfrm_engine_get_counters(&counters, &n);
    xfrm_device_get_counters(netdev_get_name(netdev), &own, &n_own);
    xfrm_status_to_custom_stats(&status, counters, n, own, n_own, stats);
    free(counters);
    free(own);
    xfrm_port_status_destroy(&status);
    return 0;
}

bool
netdev_xfrm_get_error(const char *name, char **errorp)
{
    struct xfrm_port_status status;

    *errorp = NULL;
    ovs_mutex_lock(&registry_mutex);
    const struct netdev_xfrm *dev = shash_find_data(&netdevs, name);
    bool ours = dev && dev->configured;
    ovs_mutex_unlock(&registry_mutex);

    if (ours && xfrm_engine_get_status(name, &status)) {
        *errorp = status.error;
        status.error = NULL;
        xfrm_port_status_destroy(&status);
    }
    return ours;
}

/* The MTU that the engine wants, unless the row says "mtu_request". */
static void
update_mtu(struct netdev *netdev, int mtu)
{
    int current;

    if (mtu && !netdev_mtu_is_user_config(netdev)
        && !netdev_get_mtu(netdev, &current) && current != mtu) {
        int error = netdev_set_mtu(netdev, mtu);
        if (error) {
            VLOG_WARN("%s: could not set MTU %d (%s)",
                      netdev_get_name(netdev), mtu, ovs_strerror(error));
        } else {
            VLOG_INFO("%s: MTU is now %d", netdev_get_name(netdev), mtu);
        }
    }
}

/* Carries what the engine found out over to the netdev. */
static void
refresh_netdev(struct netdev_xfrm *dev)
{
    struct netdev *netdev = &dev->up.up;
    uint64_t change;
    bool can_send;
    int mtu;

    if (!dev->configured
        || !xfrm_engine_get_brief(netdev_get_name(netdev), &can_send, &mtu,
                                  &change)) {
        return;
    }
    if (change != dev->change || dev->check_mtu) {
        dev->check_mtu = false;
        if (change) {
            atomic_store_relaxed(&dev->carrier, can_send);
        }
        update_mtu(netdev, mtu);
        dev->change = change;
        netdev_change_seq_changed(netdev);
    }
}

/* Ports that were closed go, with their devices.  If we are not 'in_charge' the
 * bridge has closed them since they are another process's now. */
static void
remove_orphans(bool in_charge)
{
    struct sset names;
    const char *name;

    ovs_mutex_lock(&registry_mutex);
    sset_clone(&names, &orphans);
    sset_clear(&orphans);
    SSET_FOR_EACH (name, &names) {
        const struct netdev_xfrm *dev = shash_find_data(&netdevs, name);
        if (in_charge && (!dev || !dev->configured)) {
            xfrm_engine_remove_port(name);
        }
    }
    ovs_mutex_unlock(&registry_mutex);
    if (!in_charge && !sset_is_empty(&names)) {
        xfrm_engine_forget_all();
    }
    sset_destroy(&names);
}

void
netdev_xfrm_run(bool in_charge)
{
    orphan_seqno = seq_read(orphan_seq);
    remove_orphans(in_charge);

    uint64_t seqno = seq_read(xfrm_engine_seq());
    bool engine_changed = seqno != engine_seqno;
    engine_seqno = seqno;

    if (module_missing && backend_class->makes_links()) {
        retry_at = 0;
    }
    retrying = time_msec() >= retry_at;
    if (retrying) {
        retry_at = LLONG_MAX;
        module_missing = false;
        if_notifier_manual_report();
    }

    struct shash_node *node;
    struct svec opened = SVEC_EMPTY_INITIALIZER;
    ovs_mutex_lock(&registry_mutex);
    SHASH_FOR_EACH (node, &netdevs) {
        struct netdev_xfrm *dev = node->data;

        if (engine_changed || dev->check_mtu) {
            svec_add(&opened, node->name);
        }
    }
    ovs_mutex_unlock(&registry_mutex);

    const char *name;
    size_t i;
    SVEC_FOR_EACH (i, name, &opened) {
        /* A reference, since netdevs may be closed at any time. */
        struct netdev *netdev = netdev_from_name(name);

        if (netdev) {
            if (netdev_get_class(netdev) == &netdev_xfrm_class) {
                refresh_netdev(netdev_xfrm_cast(netdev));
            }
            netdev_close(netdev);
        }
    }
    svec_destroy(&opened);
}

void
netdev_xfrm_wait(void)
{
    seq_wait(xfrm_engine_seq(), engine_seqno);
    seq_wait(orphan_seq, orphan_seqno);
    if (module_missing) {
        poll_timer_wait(1000);
    }
    if (retry_at != LLONG_MAX) {
        poll_timer_wait_until(retry_at);
    }
}

void
netdev_xfrm_prune(const struct svec *names)
{
    xfrm_engine_prune((const char *const *) names->names, names->n);
}

/* The seam into dpif-netlink. */

const char *
netdev_xfrm_dpif_type(const struct netdev *netdev)
{
    const char *type = netdev_get_type(netdev);
    return strcmp(type, netdev_xfrm_class.type) ? type : "system";
}

/* True if some netdev 'name' is open because somebody asked for its type.
 * Routing and tunnel code opens devices by name alone, which makes them
 * "system" for the time being: that says nothing. */
static bool
type_is_settled(const char *name)
{
    struct netdev *netdev = netdev_from_name(name);
    bool settled = netdev && !netdev->auto_classified;

    netdev_close(netdev);
    return settled;
}

/* After a restart the datapath has ports that no netdev is open for yet.
 * Called "system", such a port would be opened as one, and the row's own
 * open, as "xfrm", would fail. */
const char *
netdev_xfrm_dpif_type_from_name(const char *name)
{
    const char *type = netdev_get_type_from_name(name);
    if (backend_class != &xfrm_backend_kernel
        || (type && (strcmp(type, "system") || type_is_settled(name)))) {
        return type;
    }

    return xfrm_device_is_port(name) ? netdev_xfrm_class.type : type;
}

/* Start and end. */

void
netdev_xfrm_register(bool dummy)
{
    backend_class = dummy ? &xfrm_backend_dummy : &xfrm_backend_kernel;
    xfrm_device_init(backend_class);
    orphan_seq = seq_create();

    netdev_xfrm_class = netdev_linux_class;
    netdev_xfrm_class.type = "xfrm";
    netdev_xfrm_class.alloc = netdev_xfrm_alloc;
    netdev_xfrm_class.construct = netdev_xfrm_construct;
    netdev_xfrm_class.destruct = netdev_xfrm_destruct;
    netdev_xfrm_class.dealloc = netdev_xfrm_dealloc;
    netdev_xfrm_class.get_config = netdev_xfrm_get_config;
    netdev_xfrm_class.set_config = netdev_xfrm_set_config;
    netdev_xfrm_class.get_status = netdev_xfrm_get_status;
    netdev_xfrm_class.get_carrier = netdev_xfrm_get_carrier;
    netdev_xfrm_class.get_custom_stats = netdev_xfrm_get_custom_stats;
    netdev_xfrm_class.get_pt_mode = netdev_xfrm_get_pt_mode;
    netdev_xfrm_class.rxq_recv = netdev_xfrm_rxq_recv;
    netdev_xfrm_class.send = netdev_xfrm_send;
    if (dummy) {
        netdev_xfrm_io_make_dummy(&netdev_xfrm_class);
    }

    char *path = xasprintf("%s/xfrm-nonce.db", ovs_dbdir());
    char *error_text = NULL;
    int error = xfrm_engine_start(backend_class, path, &error_text);
    if (error) {
        VLOG_ERR("could not start the xfrm engine: %s",
                 error_text ? error_text : ovs_strerror(error));
    }
    free(error_text);
    free(path);

    netdev_register_provider(&netdev_xfrm_class);
}

void
netdev_xfrm_exiting(bool cleanup)
{
    ovs_mutex_lock(&registry_mutex);
    exiting = !cleanup;
    ovs_mutex_unlock(&registry_mutex);
}

void
netdev_xfrm_unregister(void)
{
    if (exiting) {
        xfrm_engine_forget_all();
    } else {
        remove_orphans(true);
        if (!xfrm_engine_flush_removals(10000)) {
            VLOG_WARN("some xfrm ports could not be removed in time");
        }
    }
    xfrm_engine_stop();
    xfrm_device_close();
}

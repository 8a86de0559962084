/* SPDX-License-Identifier: Apache-2.0 */

/* The Linux kernel as a backend: what /sys, /proc and ethtool tell, which is
 * the capabilities of the datapath and the drop counters.
 *
 * Below xfrm-backend-kernel.c. */

#include <config.h>

#include "xfrm-backend-kernel.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smap.h"
#include "socket-util.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(xfrm_backend_kernel_proc);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* ## Capabilities. ## */

/* The kernel's own module has no version; ours has one, under the same
 * name. */
void
kernel_probe_capabilities(struct xfrm_capabilities *caps)
{
    char version[16];
    ssize_t n = -1;
    int fd;

    fd = open("/sys/module/xfrm_interface/version", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, version, sizeof version - 1);
        close(fd);
    }

    memset(caps, 0, sizeof *caps);
    if (n > 0) {
        size_t len = 0;

        while (len < (size_t) n && isgraph((unsigned char) version[len])) {
            len++;
        }
        version[len] = '\0';
        snprintf(caps->datapath, sizeof caps->datapath, "kmod %s", version);
        caps->enforces_inbound = true;
        caps->sends_transport = true;
        caps->answers_pmtu = true;
        caps->needs_routes = false;
    } else {
        ovs_strlcpy(caps->datapath, "in-tree", sizeof caps->datapath);
        caps->enforces_inbound = false;
        caps->sends_transport = false;
        caps->answers_pmtu = false;
        caps->needs_routes = true;
    }
    caps->needs_encap_sockets = true;
}

/* The directory is there before the module works, and until it has ended. */
bool
kernel_makes_links(void)
{
    char state[8];
    ssize_t n = -1;
    int fd;

    fd = open("/sys/module/xfrm_interface/initstate", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, state, sizeof state);
        close(fd);
    }
    return n >= 4 && !memcmp(state, "live", 4);
}

/* ## Drop counters. ## */

/* Names of counters, which must outlive every handle.  The kernel has some
 * 30 for a namespace, and our module some 20 for a device. */
enum { MAX_COUNTERS = 128 };
static struct ovs_mutex counter_mutex = OVS_MUTEX_INITIALIZER;
static char *counter_names[MAX_COUNTERS] OVS_GUARDED_BY(counter_mutex);

static const char *
intern_counter(const char *name)
{
    const char *found = NULL;

    ovs_mutex_lock(&counter_mutex);
    for (size_t i = 0; i < MAX_COUNTERS && !found; i++) {
        if (!counter_names[i]) {
            counter_names[i] = xstrdup(name);
        }
        if (!strcmp(counter_names[i], name)) {
            found = counter_names[i];
        }
    }
    ovs_mutex_unlock(&counter_mutex);
    return found;
}

/* Parses one line, a name of letters and digits, blanks, and a number. */
static bool
parse_counter(char *line, struct xfrm_counter *counter)
{
    char *p = line, *end;

    while (isalnum((unsigned char) *p)) {
        p++;
    }
    if (p == line || p - line > 63 || (*p != ' ' && *p != '\t')) {
        return false;
    }
    *p++ = '\0';
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    if (!isdigit((unsigned char) *p)) {
        return false;
    }
    errno = 0;
    counter->value = strtoull(p, &end, 10);
    if (errno || (*end != '\n' && *end != '\0')) {
        return false;
    }
    counter->name = intern_counter(line);
    return counter->name != NULL;
}

int
kernel_counters(struct xfrm_backend *backend OVS_UNUSED,
                struct xfrm_counter **countersp, size_t *np)
{
    struct xfrm_counter *counters = NULL;
    size_t n = 0, allocated = 0;
    char line[128];
    FILE *file;

    *countersp = NULL;
    *np = 0;
    file = fopen("/proc/net/xfrm_stat", "re");
    if (!file) {
        return errno;
    }
    while (n < MAX_COUNTERS && fgets(line, sizeof line, file)) {
        if (n >= allocated) {
            counters = x2nrealloc(counters, &allocated, sizeof *counters);
        }
        if (parse_counter(line, &counters[n])) {
            n++;
        } else {
            VLOG_WARN_RL(&rl, "/proc/net/xfrm_stat has a line that is not "
                         "a name and a number");
        }
    }
    fclose(file);
    *countersp = counters;
    *np = n;
    return 0;
}

static int
ethtool(const char *name, void *request)
{
    struct ifreq ifr;

    memset(&ifr, 0, sizeof ifr);
    ovs_strlcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
    ifr.ifr_data = request;
    return af_inet_ioctl(SIOCETHTOOL, &ifr);
}

int
kernel_link_counters(struct xfrm_backend *backend OVS_UNUSED,
                     const char *name, struct xfrm_counter **countersp,
                     size_t *np)
{
    struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
    int error;

    *countersp = NULL;
    *np = 0;
    error = ethtool(name, &info);
    if (error || !info.n_stats) {
        /* The kernel's own module has no counters of this kind. */
        return error == EOPNOTSUPP ? 0 : error;
    }

    uint32_t n = MIN(info.n_stats, MAX_COUNTERS);
    /* Room for what is there, should it be more than a moment ago. */
    struct ethtool_gstrings *names
        = xzalloc(sizeof *names + MAX_COUNTERS * ETH_GSTRING_LEN);
    struct ethtool_stats *values
        = xzalloc(sizeof *values + MAX_COUNTERS * sizeof values->data[0]);
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_STATS;
    names->len = n;
    values->cmd = ETHTOOL_GSTATS;
    values->n_stats = n;
    if (info.n_stats > MAX_COUNTERS) {
        error = E2BIG;
    } else {
        error = ethtool(name, names);
        if (!error) {
            error = ethtool(name, values);
        }
    }
    if (!error && (names->len != n || values->n_stats != n)) {
        error = EAGAIN;         /* Another device by now: next time. */
    }
    if (!error) {
        struct xfrm_counter *counters = xcalloc(n, sizeof *counters);

        for (size_t i = 0; i < n; i++) {
            char text[ETH_GSTRING_LEN + 1];

            ovs_strlcpy(text, (char *) &names->data[i * ETH_GSTRING_LEN],
                        sizeof text);
            counters[*np].name = intern_counter(text);
            counters[*np].value = values->data[i];
            if (counters[*np].name) {
                ++*np;
            }
        }
        *countersp = counters;
    }
    free(names);
    free(values);
    return error;
}

/* ## Offload. ## */

#define MAX_FEATURES 1024       /* The kernel knows some 60. */

/* The number of the feature 'wanted', which is the same for all devices, or -1
 * if device 'name' does not tell. */
static int
find_feature(const char *name, const char *wanted)
{
    union {
        struct ethtool_sset_info info;
        char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
    } sset = { .info = { .cmd = ETHTOOL_GSSET_INFO,
                         .sset_mask = 1u << ETH_SS_FEATURES } };
    struct ethtool_gstrings *names;
    int found = -1;

    if (ethtool(name, &sset) || !sset.info.sset_mask
        || sset.info.data[0] > MAX_FEATURES) {
        return -1;
    }
    names = xzalloc(sizeof *names + MAX_FEATURES * ETH_GSTRING_LEN);
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_FEATURES;
    names->len = sset.info.data[0];
    if (!ethtool(name, names)) {
        for (uint32_t i = 0; i < names->len && i < MAX_FEATURES; i++) {
            if (!strncmp((char *) &names->data[i * ETH_GSTRING_LEN], wanted,
                         ETH_GSTRING_LEN)) {
                found = i;
            }
        }
    }
    free(names);
    return found;
}

/* Whether a device says that it does ESP, or can be told to.  (There is no such
 * word for offload of whole packets: only a try can tell.) */
void
kernel_offload_devices(struct smap *devices)
{
    enum { BLOCKS = MAX_FEATURES / 32 };
    struct if_nameindex *links = if_nameindex();
    struct ethtool_gfeatures *features;
    int index = -1;

    features = xmalloc(sizeof *features
                       + BLOCKS * sizeof features->features[0]);
    for (const struct if_nameindex *link = links; link && link->if_name;
         link++) {
        const struct ethtool_get_features_block *block;

        if (index < 0) {
            index = find_feature(link->if_name, "esp-hw-offload");
            if (index < 0) {
                continue;
            }
        }
        block = &features->features[index / 32];
        memset(features, 0,
               sizeof *features + BLOCKS * sizeof features->features[0]);
        features->cmd = ETHTOOL_GFEATURES;
        features->size = BLOCKS;
        if (!ethtool(link->if_name, features)
            && (block->active | block->available) & 1u << index % 32) {
            smap_replace(devices, link->if_name, "crypto");
        }
    }
    free(features);
    if (links) {
        if_freenameindex(links);
    }
}

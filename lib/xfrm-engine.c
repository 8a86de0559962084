/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's functions for the main thread, and the registry.  See
 * xfrm-engine.h for what it is for; xfrm-engine-thread.c does the work.
 * Below netdev-xfrm. */

#include <config.h>

#include "xfrm-engine-private.h"

#include <errno.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-port.h"

VLOG_DEFINE_THIS_MODULE(xfrm_engine);

/* The main thread waits no longer than this for a removal, in ms. */
#define SETTLE_TIMEOUT 3000

struct xfrm_shared xfrm_shared = {
    .mutex = OVS_MUTEX_INITIALIZER,
    .registry = HMAP_INITIALIZER(&xfrm_shared.registry),
    .entries = OVS_LIST_INITIALIZER(&xfrm_shared.entries),
    .graveyard = OVS_LIST_INITIALIZER(&xfrm_shared.graveyard),
    .results = OVS_LIST_INITIALIZER(&xfrm_shared.results),
    .results_by_uuid = HMAP_INITIALIZER(&xfrm_shared.results_by_uuid),
    .notes = OVS_LIST_INITIALIZER(&xfrm_shared.notes),
    .prune_names = SVEC_EMPTY_INITIALIZER,
    .abandoned = SVEC_EMPTY_INITIALIZER,
};

/* Main thread only. */
static bool running;
static pthread_t thread_id;

static void
engine_init(void)
{
    if (!xfrm_shared.status_seq) {
        pthread_condattr_t attr;

        /* Else who waits until a deadline would wait for hours if the wall
         * clock were set back by hours meanwhile. */
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        xpthread_cond_init(&xfrm_shared.cond, &attr);
        pthread_condattr_destroy(&attr);

        xfrm_shared.status_seq = seq_create();
        xfrm_shared.wake_seq = seq_create();
    }
}

/* The registry. */

struct xfrm_entry *
xfrm_entry_find(const char *name)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    struct xfrm_entry *entry;

    HMAP_FOR_EACH_WITH_HASH (entry, node, hash_string(name, 0),
                             &xfrm_shared.registry) {
        if (!strcmp(entry->name, name)) {
            return entry;
        }
    }
    return NULL;
}

void
xfrm_entry_bury(struct xfrm_entry *entry)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    hmap_remove(&xfrm_shared.registry, &entry->node);
    ovs_list_remove(&entry->list_node);
    ovs_list_push_back(&xfrm_shared.graveyard, &entry->list_node);
    xfrm_shared.registry_changed = true;
    xpthread_cond_broadcast(&xfrm_shared.cond);
}

/* Frees 'dead', entries that were in the graveyard: what the main thread has
 * forgotten.  Called by the thread, or when there is none. */
void
xfrm_entries_free(struct ovs_list *dead)
{
    struct xfrm_entry *entry;

    LIST_FOR_EACH_SAFE (entry, list_node, dead) {
        ovs_list_remove(&entry->list_node);
        xfrm_port_destroy(entry->port);
        xfrm_port_config_destroy(&entry->config);
        xfrm_port_status_destroy(&entry->status);
        xfrm_listing_unref(entry->listing);
        free(entry->name);
        free(entry);
    }
}

/* Functions of the main thread. */

/* Starts the engine on datapath 'class', with the state of counter-mode keys
 * in file 'nonce_path'.  A datapath or a file that can't be opened does not
 * make this fail: the ports say so in their status, and it is tried again. */
int
xfrm_engine_start(const struct xfrm_backend_class *class,
                  const char *nonce_path, char **errorp)
{
    *errorp = NULL;
    if (running) {
        *errorp = xstrdup("the xfrm engine is running already");
        return EALREADY;
    }
    engine_init();

    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.stopping = xfrm_shared.started_up = false;
    xfrm_shared.class = class;
    xfrm_shared.registry_changed = true;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    running = true;
    thread_id = ovs_thread_create(
        "xfrm", xfrm_engine_thread,
        xfrm_engine_thread_args(class, nonce_path));

    /* So that capabilities are known from the beginning. */
    ovs_mutex_lock(&xfrm_shared.mutex);
    while (!xfrm_shared.started_up) {
        ovs_mutex_cond_wait(&xfrm_shared.cond, &xfrm_shared.mutex);
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return 0;
}

void
xfrm_engine_stop(void)
{
    if (!running) {
        return;
    }
    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_shared.stopping = true;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(xfrm_shared.wake_seq);
    xpthread_join(thread_id, NULL);
    running = false;

    xfrm_engine_forget_all();
    xfrm_engine_forget_rows();
    ovs_mutex_lock(&xfrm_shared.mutex);
    xfrm_entries_free(&xfrm_shared.graveyard);
    free(xfrm_shared.counters);
    xfrm_shared.counters = NULL;
    xfrm_shared.n_counters = 0;
    free(xfrm_shared.trouble);
    xfrm_shared.trouble = NULL;
    xfrm_shared.knows_algos = false;
    xfrm_shared.ticket_done = xfrm_shared.ticket_given;
    xfrm_shared.prune_wanted = xfrm_shared.prune_known = false;
    svec_destroy(&xfrm_shared.prune_names);
    svec_init(&xfrm_shared.prune_names);
    svec_destroy(&xfrm_shared.abandoned);
    svec_init(&xfrm_shared.abandoned);
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

void
xfrm_engine_set_port(const struct xfrm_port_config *config)
{
    const char *name = config->link.name;
    struct xfrm_entry *entry;
    bool changed = true;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    entry = xfrm_entry_find(name);
    if (!entry) {
        entry = xzalloc(sizeof *entry);
        entry->name = xstrdup(name);
        xfrm_options_init(&entry->config.options);
        xfrm_options_init(&entry->status.options);
        entry->status.state = XFRM_PORT_NO_SA;
        hmap_insert(&xfrm_shared.registry, &entry->node, hash_string(name, 0));
        ovs_list_push_back(&xfrm_shared.entries, &entry->list_node);
    } else if (!entry->removing
               && xfrm_port_config_equals(&entry->config, config)) {
        changed = false;
    } else if (entry->removing && !entry->removal_begun
               && xfrm_port_config_equals(&entry->config, config)) {
        /* It goes and comes in the same breath: nothing happened. */
        entry->removing = changed = false;
        xfrm_shared.registry_changed = true;
        seq_change(xfrm_shared.status_seq);
    }
    if (changed) {
        entry->removing = false;
        xfrm_port_config_destroy(&entry->config);
        xfrm_port_config_clone(&entry->config, config);
        entry->gen = ++xfrm_shared.last_gen;
        xfrm_shared.registry_changed = true;
        entry->settled = false;
        entry->change++;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);

    if (changed) {
        seq_change(xfrm_shared.status_seq);
        seq_change(xfrm_shared.wake_seq);
    }
}

void
xfrm_engine_remove_port(const char *name)
{
    struct xfrm_entry *entry;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    entry = xfrm_entry_find(name);
    if (entry && !entry->removing) {
        entry->removing = true;
        entry->removal_begun = false;
        xfrm_shared.registry_changed = true;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    if (entry) {
        seq_change(xfrm_shared.status_seq);
        seq_change(xfrm_shared.wake_seq);
    }
}

void
xfrm_engine_forget_all(void)
{
    struct xfrm_entry *entry;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH_SAFE (entry, list_node, &xfrm_shared.entries) {
        xfrm_entry_bury(entry);
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(xfrm_shared.status_seq);
    seq_change(xfrm_shared.wake_seq);
}

/* Waits for 'cond' until 'deadline' at most.  Returns false if that has
 * passed. */
static bool
wait_until(long long int deadline)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    long long int left = deadline - time_msec();
    struct timespec ts;

    if (left <= 0) {
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += left / 1000;
    ts.tv_nsec += left % 1000 * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    pthread_cond_timedwait(&xfrm_shared.cond, &xfrm_shared.mutex.lock, &ts);
    return true;
}

void
xfrm_engine_settle_removal(const char *name)
{
    long long int deadline = time_msec() + SETTLE_TIMEOUT;
    struct xfrm_entry *entry;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    entry = xfrm_entry_find(name);
    if (entry && entry->removing) {
        xfrm_shared.registry_changed = true;
        if (!entry->removal_begun || !running) {
            entry->removing = false;
        } else {
            entry->kick = true;
            seq_change(xfrm_shared.wake_seq);
            do {
                entry = xfrm_entry_find(name);
                if (!entry || !entry->removing) {
                    break;
                }
            } while (wait_until(deadline));
            if (entry && entry->removing) {
                VLOG_WARN("%s: removal takes too long", name);
            }
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

void
xfrm_engine_claim_device(const char *name)
{
    long long int deadline = time_msec() + SETTLE_TIMEOUT;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    free(xfrm_shared.claimed);
    xfrm_shared.claimed = xstrdup(name);
    while (xfrm_shared.pruned && !strcmp(xfrm_shared.pruned, name)) {
        if (!wait_until(deadline)) {
            VLOG_WARN("%s: removal takes too long", name);
            break;
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

void
xfrm_engine_unclaim_device(void)
{
    ovs_mutex_lock(&xfrm_shared.mutex);
    free(xfrm_shared.claimed);
    xfrm_shared.claimed = NULL;
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

bool
xfrm_engine_flush_removals(long long int timeout_ms)
{
    long long int deadline = time_msec() + timeout_ms;
    bool done;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    do {
        struct xfrm_entry *entry;

        done = true;
        LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
            if (entry->removing) {
                done = false;
                break;
            }
        }
    } while (!done && running && wait_until(deadline));
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return done;
}

/* The entry of a port that is there for the main thread. */
static struct xfrm_entry *
entry_visible(const char *name)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    struct xfrm_entry *entry = xfrm_entry_find(name);

    return entry && !entry->removing ? entry : NULL;
}

bool
xfrm_engine_get_status(const char *name, struct xfrm_port_status *status)
{
    const struct xfrm_entry *entry;

    ovs_mutex_lock(&xfrm_shared.mutex);
    entry = entry_visible(name);
    if (entry) {
        xfrm_port_status_clone(status, &entry->status);
        xfrm_options_destroy(&status->options);
        xfrm_options_clone(&status->options, &entry->config.options);
        status->link = entry->config.link;
        status->settled = entry->settled;
        status->listing = xfrm_listing_ref(entry->listing);
        if (!status->caps.datapath[0]) {
            status->caps = xfrm_shared.caps;
        }
        if (!status->offload) {
            status->offload = xstrdup("no");
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return entry != NULL;
}

bool
xfrm_engine_get_brief(const char *name, bool *can_send, int *device_mtu,
                      uint64_t *change)
{
    const struct xfrm_entry *entry;

    ovs_mutex_lock(&xfrm_shared.mutex);
    entry = entry_visible(name);
    if (entry) {
        *can_send = entry->status.can_send;
        *device_mtu = entry->status.device_mtu;
        *change = entry->change;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return entry != NULL;
}

void
xfrm_engine_get_names(struct svec *names)
{
    struct xfrm_entry *entry;

    svec_init(names);
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
        if (!entry->removing) {
            svec_add(names, entry->name);
        }
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    svec_sort(names);
}

/* Asks for something of port 'name', or of all of them (NULL): 'kick' to have
 * them compared, 'list' to have what they have listed.  Returns a ticket. */
static uint64_t
ask_ports(const char *name, bool kick, bool list)
    OVS_EXCLUDED(xfrm_shared.mutex)
{
    struct xfrm_entry *entry;
    uint64_t ticket;

    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
        if (!name || !strcmp(entry->name, name)) {
            entry->kick |= kick;
            entry->list |= list;
        }
    }
    xfrm_shared.registry_changed = true;
    ticket = ++xfrm_shared.ticket_given;
    if (!running) {
        xfrm_shared.ticket_done = ticket;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(xfrm_shared.wake_seq);
    return ticket;
}

uint64_t
xfrm_engine_reconcile(const char *name)
{
    return ask_ports(name, true, false);
}

uint64_t
xfrm_engine_list(const char *name)
{
    return ask_ports(name, false, true);
}

void
xfrm_engine_drop_listings(void)
{
    struct xfrm_entry *entry;

    ovs_mutex_lock(&xfrm_shared.mutex);
    LIST_FOR_EACH (entry, list_node, &xfrm_shared.entries) {
        xfrm_listing_unref(entry->listing);
        entry->listing = NULL;
    }
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

bool
xfrm_engine_reached(uint64_t ticket)
{
    bool reached;

    ovs_mutex_lock(&xfrm_shared.mutex);
    reached = xfrm_shared.ticket_done >= ticket;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return reached;
}

/* Takes what was abandoned out of 'prune_names'. */
static void
drop_abandoned(void)
    OVS_REQUIRES(xfrm_shared.mutex)
{
    const char *name;
    size_t i;

    if (xfrm_shared.prune_known) {
        SVEC_FOR_EACH (i, name, &xfrm_shared.abandoned) {
            if (svec_contains(&xfrm_shared.prune_names, name)) {
                svec_del(&xfrm_shared.prune_names, name);
            }
        }
        svec_clear(&xfrm_shared.abandoned);
        xfrm_shared.prune_wanted = true;
    }
}

void
xfrm_engine_prune(const char *const *names, size_t n)
{
    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    svec_clear(&xfrm_shared.prune_names);
    for (size_t i = 0; i < n; i++) {
        svec_add(&xfrm_shared.prune_names, names[i]);
    }
    svec_sort_unique(&xfrm_shared.prune_names);
    xfrm_shared.prune_known = true;
    drop_abandoned();
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(xfrm_shared.wake_seq);
}

void
xfrm_engine_abandon(const char *name)
{
    engine_init();
    ovs_mutex_lock(&xfrm_shared.mutex);
    svec_add(&xfrm_shared.abandoned, name);
    drop_abandoned();
    ovs_mutex_unlock(&xfrm_shared.mutex);
    seq_change(xfrm_shared.wake_seq);
}

/* The caller frees '*countersp'. */
void
xfrm_engine_get_counters(struct xfrm_counter **countersp, size_t *n)
{
    ovs_mutex_lock(&xfrm_shared.mutex);
    *n = xfrm_shared.n_counters;
    *countersp = (xfrm_shared.n_counters
                  ? xmemdup(xfrm_shared.counters,
                             xfrm_shared.n_counters
                             * sizeof *xfrm_shared.counters)
                  : NULL);
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

void
xfrm_engine_get_capabilities(struct xfrm_capabilities *caps)
{
    ovs_mutex_lock(&xfrm_shared.mutex);
    *caps = xfrm_shared.caps;
    ovs_mutex_unlock(&xfrm_shared.mutex);
}

void
xfrm_engine_get_offload_devices(struct smap *devices)
{
    const struct xfrm_backend_class *class;

    ovs_mutex_lock(&xfrm_shared.mutex);
    class = xfrm_shared.class;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    if (class) {
        class->offload_devices(devices);
    }
}

bool
xfrm_engine_get_missing_algos(struct xfrm_algo_set *missing)
{
    bool known;

    ovs_mutex_lock(&xfrm_shared.mutex);
    known = xfrm_shared.knows_algos;
    *missing = xfrm_shared.missing_algos;
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return known;
}

char *
xfrm_engine_get_trouble(void)
{
    char *trouble;

    ovs_mutex_lock(&xfrm_shared.mutex);
    trouble = nullable_xstrdup(xfrm_shared.trouble);
    ovs_mutex_unlock(&xfrm_shared.mutex);
    return trouble;
}

struct seq *
xfrm_engine_seq(void)
{
    engine_init();
    return xfrm_shared.status_seq;
}

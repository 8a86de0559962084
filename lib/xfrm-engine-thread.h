/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ENGINE_THREAD_H
#define XFRM_ENGINE_THREAD_H 1

/* The state of the engine's thread, for the files that make up the thread:
 * xfrm-engine-thread.c, xfrm-engine-pass.c and xfrm-engine-events.c. */

#include "svec.h"
#include "xfrm-acquire.h"
#include "xfrm-engine-private.h"
#include "xfrm-port.h"

/* Milliseconds. */
#define BACKOFF_MIN 1000        /* Before the first retry of what failed. */
#define POLL_INTERVAL 1000      /* Counters, MTU, stamps of files. */
#define FULL_INTERVAL 30000     /* Everything, in case an event was missed. */

/* The thread's own state. */
struct engine {
    const struct xfrm_backend_class *class;
    char *nonce_path;
    struct xfrm_port_context ctx;

    long long int next_open;    /* When to try again to open what is not. */
    long long int next_dump;    /* Not before this, after a failed dump. */
    unsigned int dump_backoff;
    long long int next_poll;
    long long int next_files;
    long long int next_full;
    long long int last_route_pass;
    long long int last_config;  /* Last time that the registry changed. */

    /* How long dumps and whole passes take, in ms: those that many ports or
     * SAs make expensive come less often. */
    long long int dump_cost;
    long long int rest_until;   /* No comparison before this. */

    /* What the datapath contained before the rows of the database had come:
     * valid if 'ahead_at' is not 0, which is when it was read. */
    struct xfrm_snapshot ahead;
    long long int ahead_at;
    bool wants_ahead;

    uint64_t no_states;         /* Last value of XfrmInNoStates. */
    bool has_no_states;

    struct svec prune;
    bool pruning;
    long long int next_prune;

    struct xfrm_row_changes row_changes;
    bool watched;               /* Somebody reads the notes. */
    bool hearing;               /* ...and the datapath was told so. */
    struct xfrm_acquires acquires;
    bool probing;               /* 'prober' was started. */
    pthread_t prober;

    /* The registry, as of the last time that it changed. */
    struct xfrm_entry **entries;
    size_t n, allocated;
    uint32_t *if_ids;           /* Of all ports that stay. */
    size_t n_if_ids, allocated_if_ids;

    /* As of the last xfrm_engine_update_index(): ports that something of
     * another if_id may concern, and those that wait for a key. */
    size_t n_curious, n_rivals;

    /* This pass. */
    bool reconfigured;          /* The registry has changed. */
    bool listing;               /* Somebody wants to see all SAs. */
    bool changed;               /* Observers must look. */
};

/* Is something not open that is needed?  A process without ports needs no
 * marks: it may be one that waits for another ovs-vswitchd to end, which has the
 * file locked. */
static inline bool
xfrm_engine_lacks_resources(const struct engine *e)
{
    return !e->ctx.backend || (!e->ctx.nonces && e->n);
}

/* xfrm-engine-events.c. */
void xfrm_engine_make_all_due(struct engine *);
void xfrm_engine_receive_events(struct engine *);

/* xfrm-engine-pass.c. */
void xfrm_engine_update_index(struct engine *);
void xfrm_engine_run_rows(struct engine *) OVS_EXCLUDED(xfrm_shared.mutex);
void xfrm_engine_poll_files(struct engine *, long long int now);
long long int xfrm_engine_grace_end(const struct engine *);
void xfrm_engine_forget_ahead(struct engine *);
void xfrm_engine_run_pass(struct engine *, long long int now)
    OVS_EXCLUDED(xfrm_shared.mutex);
bool xfrm_engine_is_resting(const struct engine *, long long int now);
long long int xfrm_engine_next_wakeup(const struct engine *);

#endif /* xfrm-engine-thread.h */

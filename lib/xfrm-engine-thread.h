/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ENGINE_THREAD_H
#define XFRM_ENGINE_THREAD_H 1

/* The state of the engine's thread, for the files that make up the thread:
 * xfrm-engine-thread.c (its passes) and xfrm-engine-events.c. */

#include "svec.h"
#include "xfrm-engine-private.h"
#include "xfrm-port.h"

/* The first retry of what failed comes after this, in ms. */
#define BACKOFF_MIN 1000

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

    uint64_t no_states;         /* Last value of XfrmInNoStates. */
    bool has_no_states;

    struct svec prune;
    bool pruning;
    long long int next_prune;

    struct ovs_list row_changes;
    bool watched;               /* Somebody reads the notes. */
    bool hearing;               /* ...and the datapath was told so. */

    /* This pass. */
    struct xfrm_entry **entries;
    size_t n, allocated;
    uint32_t *if_ids;           /* Of all ports that stay. */
    size_t n_if_ids, allocated_if_ids;
    bool changed;               /* Observers must look. */
};

/* xfrm-engine-events.c. */
void xfrm_engine_make_due(struct xfrm_port *, long long int when);
void xfrm_engine_make_all_due(const struct engine *);
void xfrm_engine_receive_events(struct engine *);

#endif /* xfrm-engine-thread.h */

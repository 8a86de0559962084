/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ENGINE_PRIVATE_H
#define XFRM_ENGINE_PRIVATE_H 1

/* What the engine's two threads share: the registry of ports.
 *
 * xfrm-engine.c has the functions of the main thread, xfrm-engine-thread.c the
 * thread.  'mutex' guards everything here but 'port' in an entry, and is never
 * held while the datapath, a file or the disk is waited for.
 *
 * Only the thread frees entries, so that it may use them all through one of
 * its passes; what the main thread forgets goes to the graveyard. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovs-thread.h"
#include "svec.h"
#include "xfrm-engine.h"
#include "xfrm-row.h"

struct xfrm_port;
struct xfrm_port_context;

/* A row that is new or has changed, or is gone. */
struct xfrm_row_change {
    struct uuid uuid;
    struct xfrm_row *row;       /* NULL: gone. */
};

/* Several of them, oldest first.  An array, since ten thousand small pieces,
 * between as many parts of rows that stay, would be memory that nobody gets
 * back. */
struct xfrm_row_changes {
    struct xfrm_row_change *changes;
    size_t n, allocated;
};

struct xfrm_entry {
    struct hmap_node node;      /* In 'registry', by name. */
    struct ovs_list list_node;  /* In 'entries' or 'graveyard'. */
    char *name;

    struct xfrm_port_config config;
    uint64_t gen;               /* Changes with 'config'. */
    bool removing;              /* The main thread wants it gone. */
    bool removal_begun;         /* The datapath may have changed already. */
    bool kick;                  /* Compare at once. */
    bool list;                  /* Somebody wants a 'listing'. */
    struct xfrm_listing *listing;       /* NULL: nobody wanted it. */
    struct xfrm_port_status status;     /* Without options, link, listing. */
    bool settled;               /* 'status' is about 'gen'. */
    uint64_t change;            /* Changes with what can be seen. */

    /* Only used by the thread. */
    struct xfrm_port *port;
};

struct xfrm_shared {
    struct ovs_mutex mutex;

    struct hmap registry OVS_GUARDED;   /* Contains "struct xfrm_entry"s. */
    struct ovs_list entries OVS_GUARDED;    /* The same, oldest first. */
    struct ovs_list graveyard OVS_GUARDED;  /* Those to be freed. */
    uint64_t last_gen OVS_GUARDED;
    bool registry_changed OVS_GUARDED;  /* The thread must look at it all. */

    uint64_t ticket_given OVS_GUARDED;
    uint64_t ticket_done OVS_GUARDED;

    bool prune_wanted OVS_GUARDED;
    bool prune_known OVS_GUARDED;           /* 'prune_names' was set. */
    struct svec prune_names OVS_GUARDED;    /* Sorted. */
    struct svec abandoned OVS_GUARDED;      /* Not to be among them. */
    char *claimed OVS_GUARDED;              /* Device that a port is about to
                                             * have, or NULL. */
    const char *pruned OVS_GUARDED;         /* Being deleted, or NULL. */

    const struct xfrm_backend_class *class OVS_GUARDED; /* NULL: none yet. */
    struct xfrm_capabilities caps OVS_GUARDED;
    bool knows_algos OVS_GUARDED;
    struct xfrm_algo_set missing_algos OVS_GUARDED;
    char *trouble OVS_GUARDED;              /* NULL: none. */
    struct xfrm_counter *counters OVS_GUARDED;
    size_t n_counters OVS_GUARDED;

    /* Rows of a database: what is new, and what came of them. */
    struct xfrm_row_changes row_changes OVS_GUARDED;
    bool hold OVS_GUARDED;
    bool watched OVS_GUARDED;   /* Somebody reads the notes. */
    bool look_ahead OVS_GUARDED;        /* See xfrm_engine_look_ahead(). */
    struct ovs_list results OVS_GUARDED;        /* "xfrm_result_node"s. */
    struct hmap results_by_uuid OVS_GUARDED;    /* The same. */
    struct ovs_list notes OVS_GUARDED;          /* "struct xfrm_note"s. */
    size_t n_notes OVS_GUARDED;

    bool started_up OVS_GUARDED;    /* The first open was tried. */
    bool stopping OVS_GUARDED;

    /* Signalled when an entry or a pruned device is gone, and when the thread
     * has started up. */
    pthread_cond_t cond;

    struct seq *status_seq;     /* Changes for observers. */
    struct seq *wake_seq;       /* Changes to wake the thread. */
};
extern struct xfrm_shared xfrm_shared;

struct xfrm_entry *xfrm_entry_find(const char *name)
    OVS_REQUIRES(xfrm_shared.mutex);
void xfrm_entry_bury(struct xfrm_entry *)
    OVS_REQUIRES(xfrm_shared.mutex);
void xfrm_entries_free(struct ovs_list *dead);

/* xfrm-engine-rows.c, for the thread. */
bool xfrm_engine_give_results(struct ovs_list *results, struct ovs_list *notes)
    OVS_EXCLUDED(xfrm_shared.mutex);
void xfrm_row_changes_move(struct xfrm_row_changes *dst,
                           struct xfrm_row_changes *src);
void xfrm_engine_do_row_changes(struct xfrm_port_context *,
                                struct xfrm_row_changes *);
void xfrm_engine_forget_rows(void) OVS_EXCLUDED(xfrm_shared.mutex);

/* The thread.  The argument, from xfrm_engine_thread_args(), is its own. */
void *xfrm_engine_thread_args(const struct xfrm_backend_class *,
                              const char *nonce_path);
void *xfrm_engine_thread(void *args);

#endif /* xfrm-engine-private.h */

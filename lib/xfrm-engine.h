/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ENGINE_H
#define XFRM_ENGINE_H 1

/* The engine: desired state against the datapath's, in a thread of its own.
 *
 * The main thread (netdev-xfrm, xfrm-unixctl, xfrm-report) declares ports and
 * reads their status; it never waits for the datapath.  What the threads share
 * is one registry behind one mutex, and one 'struct seq' that changes whenever
 * a port's status did.  The functions here are for the main thread, but those
 * about rows and notes, and what they need, for the one thread that has the
 * rows (xfrm-db).
 *
 * Above xfrm-backend, xfrm-diff, xfrm-plan, xfrm-json, xfrm-nonce; below
 * netdev-xfrm. */

#include "xfrm-backend.h"
#include "xfrm-listing.h"
#include "xfrm-options.h"
#include "xfrm-tally.h"

/* What a port is to the engine. */
struct xfrm_port_config {
    struct xfrm_link_spec link; /* The device, which exists already; the
                                 * engine gives it this if_id if it is owned
                                 * and has another. */
    uint32_t prior_if_id;       /* That it had before (0: unknown): what is
                                 * there under that one goes first. */
    int ifindex;
    bool owned;                 /* We made the device and delete it. */
    bool adopted;               /* The device was there before this process:
                                 * SAs that it has may carry traffic. */
    struct xfrm_port_options options;
};

enum xfrm_port_state {
    XFRM_PORT_UP,
    XFRM_PORT_NO_SA,            /* No SA to send with. */
    XFRM_PORT_NO_POLICY,        /* No policy: nothing can be sent. */
    XFRM_PORT_EXPIRING,         /* Works, but an SA is near its end. */
    XFRM_PORT_ERROR,
};
const char *xfrm_port_state_name(enum xfrm_port_state);

/* A consistent picture of one port, owned by the caller. */
struct xfrm_port_status {
    struct xfrm_port_options options;
    struct xfrm_link_spec link;
    struct xfrm_capabilities caps;
    enum xfrm_port_state state;
    bool settled;               /* Reconciled at least once since the last
                                 * change of the configuration. */
    bool can_send;              /* A valid outbound SA, an out policy, and a
                                 * datapath that sends this mode. */
    char *error;                /* For Interface:error, or NULL. */
    char *offload;              /* Outcome in words, e.g. "no". */
    int mtu;                    /* Inner MTU, or 0 if unknown. */
    int device_mtu;             /* What the device should have, or 0: not the
                                 * same where the datapath answers packets
                                 * that are too big. */
    struct xfrm_tally tally;    /* Of SAs and policies. */
    struct xfrm_listing *listing;   /* The same one by one, if
                                     * xfrm_engine_list() asked for them, else
                                     * NULL. */
    uint64_t n_reconciled;      /* Runs that compared this port. */
    uint64_t n_writes;          /* Operations sent to the datapath. */
    uint64_t n_drift;           /* Repairs of foreign changes. */
};
void xfrm_port_status_destroy(struct xfrm_port_status *);

int xfrm_engine_start(const struct xfrm_backend_class *,
                      const char *nonce_path, char **errorp);
void xfrm_engine_stop(void);

/* Declares port 'config->link.name', or changes it; takes a copy.  Only what
 * the change touches is planned anew. */
void xfrm_engine_set_port(const struct xfrm_port_config *);

/* Takes a port away: outbound SAs, policies, inbound SAs, routes and then, if
 * it is owned, the device.  Happens in the engine's thread. */
void xfrm_engine_remove_port(const char *name);

/* Forgets all ports and leaves the datapath as it is, for a restart or since
 * another process has them now. */
void xfrm_engine_forget_all(void);

/* If 'name' is being removed, waits until that is done (milliseconds), so
 * that the caller may create the device anew. */
void xfrm_engine_settle_removal(const char *name);

/* The caller is about to make device 'name', or to take one over that is there,
 * and to declare its port: until xfrm_engine_unclaim_device() it is not pruned.
 * If that has begun, waits until it is done.  One device at a time. */
void xfrm_engine_claim_device(const char *name);
void xfrm_engine_unclaim_device(void);

/* Waits until every removal is done, 'timeout_ms' at most. */
bool xfrm_engine_flush_removals(long long int timeout_ms);

bool xfrm_engine_get_status(const char *name, struct xfrm_port_status *);

/* Cheap version of the above for the fields that are read often; returns
 * false if there is no such port. */
bool xfrm_engine_get_brief(const char *name, bool *can_send, int *device_mtu,
                           uint64_t *change);

/* Names of all ports, sorted; the caller destroys 'names'. */
struct svec;
void xfrm_engine_get_names(struct svec *names);

/* Compares port 'name' (NULL: all) with the datapath even though nothing is
 * known to have changed.  xfrm_engine_reached() tells when it is done. */
uint64_t xfrm_engine_reconcile(const char *name);
bool xfrm_engine_reached(uint64_t ticket);

/* Makes the SAs and policies of port 'name' (NULL: of all) part of its status.
 * The datapath is read for that, so it takes a while: xfrm_engine_reached()
 * tells when it is done.  xfrm_engine_drop_listings() ends it. */
uint64_t xfrm_engine_list(const char *name);
void xfrm_engine_drop_listings(void);

/* SAs and policies one by one, from the rows of a database (xfrm-row.h).  A row
 * belongs to the port that has its if_id, now or later.  set_row() adds a row
 * or replaces it, and takes over the contents of the configuration. */
struct uuid;
struct xfrm_note;
struct xfrm_row_config;
struct xfrm_row_result;
void xfrm_engine_set_row(struct xfrm_row_config *);
void xfrm_engine_remove_row(const struct uuid *);

/* Between these two, rows that are set or removed are put by; then the engine
 * gets them all at once, so that it sees what belongs together as a whole.  With
 * 'all', there are no others, and xfrm_engine_hold() ends.  Returns a ticket for
 * xfrm_engine_reached(): by then, the rows are in the datapath or have an error,
 * and their results can be taken. */
void xfrm_engine_hold_rows(void);
uint64_t xfrm_engine_give_rows(bool all);

/* While this is on, not all rows are known yet, and nothing is deleted that
 * one of them might ask for: after a restart, the rows come later than the
 * ports.  Takes effect after the rows that were set before. */
void xfrm_engine_hold(bool);

/* The rows are there, and will be known as soon as they are parsed.  If ports
 * wait for them, this is the time to read what the datapath contains: earlier,
 * it might be too old when it is wanted. */
void xfrm_engine_look_ahead(void);

/* Takes the oldest result of a row whose state, error or counters changed:
 * false if there is none.  The caller destroys it. */
bool xfrm_engine_take_result(struct xfrm_row_result *);

/* Whether somebody is there who reads the notes; without, packets that lack an
 * SA are not noted, since the kernel makes that expensive. */
void xfrm_engine_watch(bool);

/* Takes the oldest note, or NULL.  The caller frees it. */
struct xfrm_note *xfrm_engine_take_note(void);

/* Deletes devices that carry our mark but belong to none of the 'n' names,
 * together with the SAs, policies and rules of their if_ids (what a row that
 * vanished while no daemon ran has left behind). */
void xfrm_engine_prune(const char *const *names, size_t n);

/* No row can use device 'name', which an earlier process left, as it is: it is
 * pruned even though it may be one of the names above. */
void xfrm_engine_abandon(const char *name);

/* Counters of the whole namespace, as of the last poll. */
void xfrm_engine_get_counters(struct xfrm_counter **, size_t *n);

/* What the datapath does, as far as it is known: 'datapath' is "" before it
 * could be opened. */
void xfrm_engine_get_capabilities(struct xfrm_capabilities *);

/* What the datapath lacks.  Found out when the notes begin to be watched: false
 * before. */
bool xfrm_engine_get_missing_algos(struct xfrm_algo_set *);

/* Adds the devices that can take over ESP, with what they can do: "crypto",
 * or "crypto,packet" if it is known that they do that.  In any thread; asks the
 * datapath about each device. */
struct smap;
void xfrm_engine_get_offload_devices(struct smap *);

/* What keeps the engine from its work as a whole, or NULL.  The caller frees
 * it. */
char *xfrm_engine_get_trouble(void);

/* Changes whenever any port's status, or the progress of a ticket, did. */
struct seq *xfrm_engine_seq(void);

#endif /* xfrm-engine.h */

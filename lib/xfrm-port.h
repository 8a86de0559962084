/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_PORT_H
#define XFRM_PORT_H 1

/* One port in the engine's thread: what it should have in the datapath, and
 * the steps that bring it there.
 *
 * Used by the engine's thread only, without any lock.  Above xfrm-snapshot,
 * xfrm-memo, xfrm-nonce, xfrm-plan, xfrm-json; below xfrm-engine.
 *
 * xfrm-port.c has the configuration, xfrm-port-rows.c what comes from the rows
 * of a database and xfrm-port-changes.c which of them have changed,
 * xfrm-port-link.c its device, xfrm-reconcile.c the corrections and
 * xfrm-reconcile-rows.c those that changed rows ask for, xfrm-observe.c what
 * is watched in between, xfrm-prune.c what no port is left for, and
 * xfrm-outcome.c turns a port into a 'struct xfrm_port_status'. */

#include <limits.h>

#include "openvswitch/list.h"
#include "xfrm-engine.h"
#include "xfrm-json.h"
#include "xfrm-memo.h"
#include "xfrm-nonce.h"
#include "xfrm-row.h"
#include "xfrm-snapshot.h"

/* A result on its way to the main thread. */
struct xfrm_result_node {
    struct ovs_list list_node;
    struct hmap_node hmap_node; /* By uuid, once the main thread can see it. */
    struct xfrm_row_result result;
};

/* What all ports share. */
struct xfrm_port_context {
    struct xfrm_backend *backend;       /* NULL: could not be opened. */
    char *backend_error;                /* Why, or why a dump failed. */
    struct xfrm_nonce_store *nonces;    /* NULL: could not be opened. */
    char *nonce_error;                  /* Why. */
    struct xfrm_memos memos;
    struct xfrm_snapshot snapshot;
    bool has_seen;                      /* There was a snapshot once. */

    struct hmap ports;                  /* "struct xfrm_port"s that have a
                                         * configuration and stay, by if_id. */
    long long int next_due;             /* No port is due before this. */

    struct xfrm_rows rows;
    bool hold;                          /* Not all rows are known yet: delete
                                         * nothing that one might ask for. */
    struct ovs_list changed;            /* Ports with changed rows. */
    struct ovs_list touched;            /* "struct xfrm_row"s to publish. */
    struct ovs_list results;            /* "struct xfrm_result_node"s. */
    struct ovs_list notes;              /* "struct xfrm_note"s. */
};

/* Several problems of one sort, of which the first is shown. */
struct xfrm_trouble {
    char *first;
    size_t n;
};

/* Objects that a port leaves behind: those of an if_id that it has no more,
 * or that it hands over to another daemon. */
struct xfrm_departure {
    struct ovs_list list_node;  /* In struct xfrm_port's 'departures'. */
    uint32_t if_id;
    struct xfrm_addr local_ip;  /* Tells the direction of SAs. */
    bool only_known;            /* Only those that are listed here. */
    struct xfrm_sa_spec *sas;   /* Without keys. */
    size_t n_sas;
    struct xfrm_policy_spec *policies;
    size_t n_policies;
};

/* Something with this identity has come, gone or changed. */
struct xfrm_change {
    struct hmap_node node;      /* In struct xfrm_port's 'changes'. */
    struct ovs_list list_node;  /* In its 'change_list'. */
    enum xfrm_row_kind kind;
    bool was_in_force;          /* A row that is gone put one into the
                                 * datapath. */

    /* Identity of an SA; its direction and mark if it was in force. */
    struct xfrm_addr dst;
    uint32_t spi;
    uint8_t proto;

    /* Identity of a policy; itself if it was in force. */
    enum xfrm_dir dir;
    struct xfrm_mark mark;
    struct xfrm_sel sel;
    struct xfrm_policy_spec *old;
};

/* An index of an array by identity. */
struct xfrm_id_node {
    struct hmap_node node;
    size_t index;
};

/* Packet offload of a port: see xfrm-packet.c. */
struct xfrm_packet {
    bool in_policies;           /* The port's policies ask for it. */
    char *refusal;              /* Why it was given up, or NULL. */
    bool of_policies;           /* It was policies that were refused. */
    bool no_device;             /* Refused because there was no device. */
};

/* Inner families, of default policies among others. */
#define XFRM_N_FAMILIES 2

struct xfrm_port {
    struct hmap_node if_id_node;    /* In a context's 'ports', perhaps. */
    char *name;
    struct xfrm_port_config config;
    uint64_t gen;               /* Version of 'config'; 0: none yet. */
    bool removing;

    /* Desired. */
    struct xfrm_sa_spec *sas;
    struct xfrm_memo **memos;   /* One for each of 'sas'. */
    size_t n_sas;
    struct xfrm_policy_spec *policies;
    size_t n_policies;
    struct xfrm_packet packet;
    struct hmap sa_ids, policy_ids; /* "struct xfrm_id_node"s of these two. */
    struct xfrm_id_node *sa_nodes, *policy_nodes;
    struct ovs_list departures; /* Contains "struct xfrm_departure"s. */

    /* Database rows with our if_id. */
    struct ovs_list rows;       /* "struct xfrm_row"s, oldest first. */
    struct hmap row_ids;        /* The same, by identity. */
    size_t n_rows, n_policy_rows;

    /* What the rows have changed since the last comparison. */
    struct hmap changes;        /* "struct xfrm_change"s by identity. */
    struct ovs_list change_list;    /* The same, oldest first. */
    struct xfrm_change_block *change_blocks;    /* Their memory. */
    bool changed;
    struct ovs_list changed_node;   /* In a context's 'changed'. */
    bool defaults[XFRM_N_FAMILIES][XFRM_N_DIRS];    /* Those in force. */

    /* The SA file. */
    struct xfrm_file_stamp stamp;
    bool reread;                /* Changed too recently to trust the stamp. */
    bool loaded;                /* Read once, well or badly. */
    bool good;                  /* 'sas' is what a file said. */
    bool keep;                  /* Leave the SAs of the kernel alone. */
    char *file_error;

    /* Result of the last comparison. */
    struct xfrm_trouble kernel_trouble;
    struct xfrm_trouble key_trouble;
    struct xfrm_trouble depart_trouble;
    long long int next_acquire; /* No note of a missing SA before this, ms. */
    uint64_t n_acquires;        /* Since the last note. */
    bool conflict;              /* A foreign SA is in the way. */
    bool has_rival;             /* Another port's key is in the way. */
    bool in_sync;               /* Nothing failed, nothing has changed. */
    bool link_ok;               /* The device exists and is ours. */
    struct xfrm_tally tally;    /* What it has, as last seen. */
    struct xfrm_encap_socket **encaps;  /* Those that receive ESP in UDP. */
    size_t n_encaps;
    char *encap_error;          /* Somebody else has a UDP port, and... */
    uint64_t encap_packets;     /* ...this was 'tally.rx_packets' then. */
    int mtu;                    /* Inner MTU, or 0 if unknown. */
    int widest_mtu;             /* Of the widest route to a peer, or 0. */
    int outer_mtu;              /* Of the route to 'outer_dst', lately. */
    struct xfrm_addr outer_dst;
    uint64_t n_reconciled, n_writes, n_drift;

    /* When to compare again (LLONG_MAX: no need). */
    long long int due;
    long long int not_before;   /* After a restart, for the sake of rows that
                                 * are still to come; 0: does not wait. */
    unsigned int backoff;       /* ms; 0: the last time all went well. */
    unsigned int n_hasty;       /* Retries by events since it went well. */
};

/* Makes the port due at 'when', if it is not due before. */
void xfrm_port_make_due(struct xfrm_port *, struct xfrm_port_context *,
                        long long int when);

/* The port that has 'if_id' and stays, or NULL. */
struct xfrm_port *xfrm_port_by_if_id(const struct xfrm_port_context *,
                                     uint32_t if_id);

void xfrm_trouble_add(struct xfrm_trouble *, char *text);
void xfrm_trouble_clear(struct xfrm_trouble *);

struct xfrm_port *xfrm_port_create(const char *name);
void xfrm_port_destroy(struct xfrm_port *);

bool xfrm_port_config_equals(const struct xfrm_port_config *,
                             const struct xfrm_port_config *);
void xfrm_port_config_clone(struct xfrm_port_config *,
                            const struct xfrm_port_config *);
void xfrm_port_config_destroy(struct xfrm_port_config *);

/* Takes 'config' over.  What the port has no more becomes a departure. */
void xfrm_port_configure(struct xfrm_port *, struct xfrm_port_context *,
                         struct xfrm_port_config *config, uint64_t gen);

/* Reads the SA file if it has changed or if 'force' is true.  Returns true if
 * the port must be compared again. */
bool xfrm_port_poll_file(struct xfrm_port *, struct xfrm_port_context *,
                         bool force);

/* Removes what is listed in 'departures' but does not belong to one of the
 * 'n' if_ids that are in use.  '*wrotep' becomes true if anything was
 * written.  Returns true if all of it is done. */
bool xfrm_port_depart(struct xfrm_port *, struct xfrm_port_context *,
                      const uint32_t *if_ids, size_t n, bool *wrotep);

/* The same for an if_id without a port. */
bool xfrm_port_purge(struct xfrm_port_context *, uint32_t if_id,
                     bool *wrotep, char **errorp);

/* Devices that carry our mark, a port's or not.  The caller frees '*links'.
 * Returns 0 or a positive errno value. */
int xfrm_prune_list(struct xfrm_port_context *,
                    struct xfrm_link_state **links, size_t *n);

/* Deletes the device of 'link', and what is there under its if_id unless that
 * is one of the 'n' in use.  Returns true if nothing is left to do. */
bool xfrm_prune_device(struct xfrm_port_context *,
                       const struct xfrm_link_state *link,
                       const uint32_t *if_ids, size_t n, bool *wrotep);

/* Takes away what the port is, the device included if it is owned. */
bool xfrm_port_remove(struct xfrm_port *, struct xfrm_port_context *,
                      const uint32_t *if_ids, size_t n, bool *wrotep);

/* Compares with the snapshot (taken with keys) and corrects.  Returns true if
 * nothing failed.  Without a snapshot it only looks after the device and the
 * routes. */
bool xfrm_port_reconcile(struct xfrm_port *, struct xfrm_port_context *,
                         bool *wrotep);

/* xfrm-port-link.c.  Whether the port has the socket that 'sa' receives by, if
 * it needs one; gives all of them back.  What no SA needs any more stays until
 * the next comparison of the whole port. */
bool xfrm_port_has_encap(const struct xfrm_port *, const struct xfrm_sa_spec *);
void xfrm_port_close_encaps(struct xfrm_port *);

/* Corrects what the changed rows of the port ask for and nothing else, without
 * a snapshot.  Returns false if that is not enough, and the port must be
 * compared. */
bool xfrm_port_reconcile_rows(struct xfrm_port *, struct xfrm_port_context *);

/* Takes note of the counters in the snapshot: extends reservations, computes
 * the MTU, finds out how an offload ended.  Returns true if the port must be
 * compared at once.  With 'hasty', the MTU of a device of an earlier process is
 * left to the next look at all SAs, a second later. */
bool xfrm_port_observe(struct xfrm_port *, struct xfrm_port_context *,
                       bool hasty);

void xfrm_port_observe_new_sa(struct xfrm_port *, struct xfrm_port_context *,
                              struct xfrm_sa_state *, struct xfrm_memo *);

/* An SA of this port reached its hard limit. */
void xfrm_port_exhaust(struct xfrm_port *, struct xfrm_port_context *,
                       struct xfrm_memo *);

/* xfrm-port-rows.c.  'port' may be NULL if no port has the if_id. */
void xfrm_port_attach_row(struct xfrm_port *, struct xfrm_port_context *,
                          struct xfrm_row *);
void xfrm_port_detach_row(struct xfrm_row *, struct xfrm_port_context *);
void xfrm_port_attach_rows(struct xfrm_port *, struct xfrm_port_context *);
void xfrm_port_detach_rows(struct xfrm_port *, struct xfrm_port_context *);
struct xfrm_row *xfrm_port_find_policy_row(const struct xfrm_port *,
                                           const struct xfrm_policy_spec *id);
struct xfrm_row *xfrm_port_find_sa_row(const struct xfrm_port *,
                                       const struct xfrm_addr *dst,
                                       uint32_t spi, uint8_t proto);
struct xfrm_memo *xfrm_port_own_sa(const struct xfrm_port *,
                                   const struct xfrm_addr *dst, uint32_t spi,
                                   uint8_t proto);
bool xfrm_port_has_own_policy(const struct xfrm_port *,
                              const struct xfrm_policy_spec *id);
bool xfrm_port_row_loses(const struct xfrm_port *, struct xfrm_row *);
void xfrm_port_default_policy(const struct xfrm_port *, size_t family,
                              enum xfrm_dir, struct xfrm_policy_spec *);
bool xfrm_port_wants_default(const struct xfrm_port *,
                             const struct xfrm_policy_spec *);
void xfrm_port_all_policies(const struct xfrm_port *, bool defaults,
                            struct xfrm_policy_spec **, size_t *,
                            struct xfrm_row ***);

/* xfrm-port-changes.c. */
void xfrm_port_note_change(struct xfrm_port *, struct xfrm_port_context *,
                           const struct xfrm_row *);
struct xfrm_change *xfrm_port_change_policy(struct xfrm_port *,
                                            const struct xfrm_policy_spec *);
void xfrm_change_policy_id(const struct xfrm_port *,
                           const struct xfrm_change *,
                           struct xfrm_policy_spec *id);
void xfrm_port_forget_changes(struct xfrm_port *);

/* xfrm-port-rows.c again. */
void xfrm_port_blind_rows(struct xfrm_port *, struct xfrm_port_context *);
void xfrm_port_touch_row(struct xfrm_port_context *, struct xfrm_row *);
void xfrm_port_publish_rows(struct xfrm_port_context *);
bool xfrm_port_observe_rows(struct xfrm_port *, struct xfrm_port_context *);
struct xfrm_note *xfrm_port_note(struct xfrm_port_context *,
                                 enum xfrm_note_type, uint32_t if_id,
                                 char *message);
void xfrm_port_note_acquire(struct xfrm_port *, struct xfrm_port_context *,
                            const struct xfrm_event *);
void xfrm_port_note_soft(struct xfrm_port_context *, struct xfrm_row *);
void xfrm_port_note_hard(struct xfrm_port_context *, struct xfrm_row *);

/* xfrm-port-link.c.  xfrm_port_words() takes ownership of 'message', which may
 * be NULL, and returns it or what is known of 'error'. */
bool xfrm_port_reconcile_link(struct xfrm_port *, struct xfrm_port_context *);
char *xfrm_port_words(int error, char *message);

/* What xfrm-observe.c and xfrm-reconcile.c share. */
char *xfrm_sa_name(enum xfrm_dir, uint32_t spi, const struct xfrm_addr *dst);
bool xfrm_port_needs_nonce(const struct xfrm_sa_spec *);
int xfrm_port_extend(struct xfrm_port_context *,
                     const struct xfrm_fingerprint *, uint64_t oseq,
                     char **errorp);

/* What the snapshot has of a port, with the directions of the SAs, which the
 * kernel reports without. */
void xfrm_port_slice(const struct xfrm_port *,
                     const struct xfrm_port_context *,
                     struct xfrm_sa_state **, size_t *n_sas,
                     struct xfrm_policy_spec **, size_t *n_policies);

/* xfrm-packet.c. */
void xfrm_packet_clear(struct xfrm_packet *);
bool xfrm_port_has_packet(const struct xfrm_port *);

/* xfrm-outcome.c: a new status, whose 'settled' is true. */
void xfrm_port_report(const struct xfrm_port *,
                      const struct xfrm_port_context *,
                      struct xfrm_port_status *);
void xfrm_port_status_clone(struct xfrm_port_status *,
                            const struct xfrm_port_status *);
bool xfrm_port_status_same(const struct xfrm_port_status *,
                           const struct xfrm_port_status *);

#endif /* xfrm-port.h */

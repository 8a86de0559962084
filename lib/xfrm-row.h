/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ROW_H
#define XFRM_ROW_H 1

/* SAs and policies that come one by one, from the rows of a database.
 *
 * The database's thread (xfrm-db) hands out a 'struct xfrm_row_config' for each row
 * that makes sense and gets back 'struct xfrm_row_result's and 'struct
 * xfrm_note's.  'struct xfrm_row' is what the engine's thread makes of a
 * configuration.
 *
 * Above xfrm-spec, xfrm-memo; below xfrm-port and xfrm-engine. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/uuid.h"
#include "xfrm-spec.h"

struct xfrm_memo;
struct xfrm_port;

enum xfrm_row_kind { XFRM_ROW_SA, XFRM_ROW_POLICY };

/* A validated row.  A 'reqid' of 0 in an SA or a template stands for that of
 * the port. */
struct xfrm_row_config {
    struct uuid uuid;
    enum xfrm_row_kind kind;
    bool enabled;               /* False: only staged. */
    bool has_offload;           /* Else what the port's options say. */
    enum xfrm_offload offload;
    char offload_dev[IFNAMSIZ]; /* "": options:dev. */
    struct xfrm_sa_spec sa;             /* XFRM_ROW_SA. */
    struct xfrm_policy_spec *policy;    /* XFRM_ROW_POLICY, malloc'd. */
};
void xfrm_row_config_destroy(struct xfrm_row_config *);

enum xfrm_row_state {
    XFRM_ROW_STAGED,            /* Not enabled. */
    XFRM_ROW_PENDING,           /* No port has the if_id, or not yet. */
    XFRM_ROW_INSTALLED,
    XFRM_ROW_EXPIRING,          /* Past a soft limit. */
    XFRM_ROW_EXPIRED,           /* Past a hard limit: gone. */
    XFRM_ROW_NEEDS_REKEY,       /* The key must not be used again. */
    XFRM_ROW_ERROR,
};
const char *xfrm_row_state_name(enum xfrm_row_state);

/* What an SA in force has counted. */
struct xfrm_row_counters {
    bool any;                   /* False: nothing, the rest has no meaning. */
    uint64_t bytes, packets;
    uint64_t number;            /* Sequence number, sent or received last. */
    uint64_t added, used;       /* Seconds since the epoch; 0: never. */
    uint32_t replay_errors, replays, integrity_failed;
};

/* What became of a row. */
struct xfrm_row_result {
    struct uuid uuid;
    enum xfrm_row_kind kind;
    enum xfrm_row_state state;
    char *error;                /* Malloc'd, or NULL. */
    struct xfrm_row_counters counters;
};
void xfrm_row_result_destroy(struct xfrm_row_result *);

/* Something that a controller should know.  The values are those of the
 * column Notification:type, see xfrm_note_type_name(). */
enum xfrm_note_type {
    XFRM_NOTE_ACQUIRE,          /* A packet needs an SA that is missing. */
    XFRM_NOTE_SOFT_EXPIRE,
    XFRM_NOTE_HARD_EXPIRE,
    XFRM_NOTE_SEQUENCE_OVERFLOW,    /* Near the last sequence number. */
    XFRM_NOTE_REPLAY,           /* Packets were dropped as replays. */
    XFRM_NOTE_INTEGRITY,        /* Packets failed their integrity check. */
    XFRM_NOTE_BAD_SPI,          /* Packets came for SAs that do not exist. */
    XFRM_NOTE_DRIFT,            /* Somebody else's change was repaired. */
    XFRM_N_NOTES
};
const char *xfrm_note_type_name(enum xfrm_note_type);

struct xfrm_note {
    struct ovs_list list_node;
    enum xfrm_note_type type;
    long long int when;         /* Milliseconds since the epoch. */
    char *message;              /* Malloc'd. */
    uint32_t if_id;             /* 0: none in particular. */
    uint64_t count;             /* Packets or changes; 0: does not apply. */
    bool has_sel;
    struct xfrm_sel sel;        /* The packet that was to be sent. */
    bool has_sa;                /* The rest is meaningful. */
    struct uuid row;            /* All zero: no row. */
    enum xfrm_dir dir;
    struct xfrm_addr src, dst;
    uint32_t spi;               /* Host order; 0: none. */
    uint8_t proto;
};
void xfrm_note_free(struct xfrm_note *);

/* The engine's side.  There may be tens of thousands of these, so that none
 * holds anything twice. */

struct xfrm_row {
    struct hmap_node uuid_node; /* In struct xfrm_rows's 'by_uuid'. */
    struct xfrm_row_group *group;   /* Rows with that if_id... */
    struct ovs_list group_node; /* ...and in 'rows' of it. */
    struct uuid uuid;
    enum xfrm_row_kind kind;
    bool enabled, has_offload;
    enum xfrm_offload offload;
    char offload_dev[IFNAMSIZ];
    union {
        struct xfrm_sa_spec *sa;    /* XFRM_ROW_SA. */
        struct xfrm_policy_spec *policy;    /* XFRM_ROW_POLICY. */
    };
    uint32_t own_reqids;        /* 1-bit: this template (bit 0: the SA) has a
                                 * reqid of its own. */
    struct xfrm_port *port;     /* Port with that if_id, or NULL. */

    /* While 'port' is set. */
    struct ovs_list port_node;  /* In struct xfrm_port's 'rows'. */
    struct hmap_node id_node;   /* In struct xfrm_port's 'row_ids'. */
    uint64_t order;             /* Of two with one identity the older wins. */
    struct xfrm_memo *memo;     /* SAs only. */

    /* Result. */
    bool touched;
    struct ovs_list touched_node;   /* In a context's 'touched'. */
    enum xfrm_row_state state;
    char *error;
    bool in_force;              /* In the datapath, for all we know. */
    bool fresh;                 /* What comes of it is being decided. */
    bool counted;               /* The counters below mean something. */
    bool published;             /* These three are: */
    enum xfrm_row_state last_state;
    char *last_error;
    struct xfrm_row_counters last;
    uint64_t packets;
    long long int active;       /* When 'packets' last changed; monotonic. */
    bool soft_noted, number_noted;
};

/* All rows of one if_id.  It is there as long as one of them is. */
struct xfrm_row_group {
    struct hmap_node node;      /* In struct xfrm_rows's 'by_if_id'. */
    uint32_t if_id;
    struct ovs_list rows;       /* Contains "struct xfrm_row"s, oldest first. */
};

struct xfrm_rows {
    struct hmap by_uuid;
    struct hmap by_if_id;       /* Contains "struct xfrm_row_group"s. */
};

void xfrm_rows_init(struct xfrm_rows *);
void xfrm_rows_destroy(struct xfrm_rows *);
struct xfrm_row *xfrm_rows_find(const struct xfrm_rows *, const struct uuid *);

/* NULL if there are none. */
struct xfrm_row_group *xfrm_rows_of(const struct xfrm_rows *, uint32_t if_id);

/* Takes over the contents of 'config', whose destruction is harmless then.  The
 * row is in no set of rows and belongs to no port. */
struct xfrm_row *xfrm_row_create(struct xfrm_row_config *);
void xfrm_row_free(struct xfrm_row *);

/* 'rows' take the row over. */
void xfrm_rows_insert(struct xfrm_rows *, struct xfrm_row *);

/* The row must not belong to a port. */
void xfrm_rows_remove(struct xfrm_rows *, struct xfrm_row *);

uint32_t xfrm_row_if_id(const struct xfrm_row *);

/* Whether 'row' says what 'new' does, which belongs to no port. */
bool xfrm_row_equals(const struct xfrm_row *row, const struct xfrm_row *new);

/* Fills in the request ID of the port where the row leaves it open; 0 takes it
 * out again. */
void xfrm_row_set_reqid(struct xfrm_row *, uint32_t reqid);

/* The outcome of a comparison; takes ownership of 'error'.  Only the first
 * error of a comparison counts. */
void xfrm_row_clear(struct xfrm_row *, enum xfrm_row_state);
void xfrm_row_complain(struct xfrm_row *, char *error);

#endif /* xfrm-row.h */

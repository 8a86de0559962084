/* SPDX-License-Identifier: Apache-2.0 */

/* Database rows and the port that they belong to: they come, they go, and what
 * happens to their SAs becomes results and notes for whoever wrote them.  See
 * xfrm-port.h; above xfrm-row, below xfrm-reconcile.c and the engine's
 * thread. */

#include <config.h>

#include "xfrm-port.h"

#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(xfrm_port_rows);

/* Sequence numbers that are left when a controller is told. */
#define NUMBERS_LEFT (UINT32_MAX / 16)

/* Milliseconds between two notes of missing SAs of one port. */
#define ACQUIRE_INTERVAL 1000

/* Results. */

/* What can be seen of 'row' may have changed. */
void
xfrm_port_touch_row(struct xfrm_port_context *ctx, struct xfrm_row *row)
{
    if (!row->touched) {
        row->touched = true;
        ovs_list_push_back(&ctx->touched, &row->touched_node);
    }
}

/* Makes results of the rows that were touched and that have changed. */
void
xfrm_port_publish_rows(struct xfrm_port_context *ctx)
{
    struct xfrm_row *row;

    LIST_FOR_EACH_POP (row, touched_node, &ctx->touched) {
        struct xfrm_result_node *node;

        row->touched = false;
        if (row->published && row->last_state == row->state
            && nullable_string_is_equal(row->last_error, row->error)
            && row->last.any == row->counted) {
            continue;
        }
        row->published = true;
        row->last_state = row->state;
        row->last.any = row->counted;
        free(row->last_error);
        row->last_error = nullable_xstrdup(row->error);

        node = xmalloc(sizeof *node);
        node->result = (struct xfrm_row_result) {
            .uuid = row->uuid,
            .kind = row->kind,
            .state = row->state,
            .error = nullable_xstrdup(row->error),
            .counters = row->last,
        };
        ovs_list_push_back(&ctx->results, &node->list_node);
    }
}

/* The same if only the counters may have changed. */
static void
publish_counters(struct xfrm_row *row, const struct xfrm_sa_state *sa)
{
    struct xfrm_row_counters *last = &row->last;
    uint64_t number = row->sa->dir == XFRM_DIR_IN ? sa->seq : sa->oseq;

    if (row->published && row->counted
        && last->bytes == sa->bytes && last->packets == sa->packets
        && last->number == number && last->added == sa->added
        && last->used == sa->used
        && last->replay_errors == sa->replay_errors
        && last->replays == sa->replays
        && last->integrity_failed == sa->integrity_failed) {
        return;
    }
    last->bytes = sa->bytes;
    last->packets = sa->packets;
    last->number = number;
    last->added = sa->added;
    last->used = sa->used;
    last->replay_errors = sa->replay_errors;
    last->replays = sa->replays;
    last->integrity_failed = sa->integrity_failed;
    row->counted = true;
    row->published = false;
}

/* Notes. */

/* Takes ownership of 'message'.  The caller may fill in more. */
struct xfrm_note *
xfrm_port_note(struct xfrm_port_context *ctx, enum xfrm_note_type type,
               uint32_t if_id, char *message)
{
    struct xfrm_note *note = xzalloc(sizeof *note);

    note->type = type;
    note->when = time_wall_msec();
    note->if_id = if_id;
    note->message = message;
    ovs_list_push_back(&ctx->notes, &note->list_node);
    return note;
}

/* A note about the SA of 'row'; 'text' goes on after its name. */
static void
note_row(struct xfrm_port_context *ctx, const struct xfrm_row *row,
         enum xfrm_note_type type, uint64_t count, const char *text)
{
    const struct xfrm_sa_spec *sa = row->sa;
    char *name = xfrm_sa_name(sa->dir, sa->spi, &sa->dst);
    struct xfrm_note *note;

    note = xfrm_port_note(ctx, type, sa->if_id,
                          xasprintf("%s: %s", name, text));
    note->count = count;
    note->has_sa = true;
    note->row = row->uuid;
    note->dir = sa->dir;
    note->src = sa->src;
    note->dst = sa->dst;
    note->spi = sa->spi;
    note->proto = sa->proto;
    free(name);
}

/* Coming and going. */

static uint32_t
row_hash(const struct xfrm_row *row)
{
    return (row->kind == XFRM_ROW_SA
            ? xfrm_sa_spec_hash_id(row->sa)
            : xfrm_policy_spec_hash_id(row->policy));
}

/* Of the rows that are enabled and have one identity the oldest is in force;
 * the others are told. */
static void
prefer_older(struct xfrm_row *row, struct xfrm_row **bestp)
{
    if (!*bestp || row->order < (*bestp)->order) {
        *bestp = row;
    }
}

static struct xfrm_row *
find_sa_row(const struct xfrm_port *port, uint32_t hash,
            const struct xfrm_sa_spec *id)
{
    struct xfrm_row *row, *best = NULL;

    HMAP_FOR_EACH_WITH_HASH (row, id_node, hash, &port->row_ids) {
        if (row->kind == XFRM_ROW_SA && row->enabled
            && xfrm_sa_spec_same_id(row->sa, id)) {
            prefer_older(row, &best);
        }
    }
    return best;
}

struct xfrm_row *
xfrm_port_find_sa_row(const struct xfrm_port *port,
                      const struct xfrm_addr *dst, uint32_t spi,
                      uint8_t proto)
{
    struct xfrm_sa_spec id;

    memset(&id, 0, sizeof id);
    id.dst = *dst;
    id.spi = spi;
    id.proto = proto;
    return find_sa_row(port, xfrm_sa_spec_hash_id(&id), &id);
}

struct xfrm_row *
xfrm_port_find_policy_row(const struct xfrm_port *port,
                          const struct xfrm_policy_spec *id)
{
    struct xfrm_row *row, *best = NULL;

    HMAP_FOR_EACH_WITH_HASH (row, id_node, xfrm_policy_spec_hash_id(id),
                             &port->row_ids) {
        if (row->kind == XFRM_ROW_POLICY && row->enabled
            && xfrm_policy_spec_same_id(row->policy, id)) {
            prefer_older(row, &best);
        }
    }
    return best;
}

/* The memo of the SA that 'port' has from its SA file, or NULL. */
struct xfrm_memo *
xfrm_port_own_sa(const struct xfrm_port *port, const struct xfrm_addr *dst,
                 uint32_t spi, uint8_t proto)
{
    const struct xfrm_id_node *node;
    struct xfrm_sa_spec id;

    memset(&id, 0, sizeof id);
    id.dst = *dst;
    id.spi = spi;
    id.proto = proto;
    HMAP_FOR_EACH_WITH_HASH (node, node, xfrm_sa_spec_hash_id(&id),
                             &port->sa_ids) {
        if (xfrm_sa_spec_same_id(&port->sas[node->index], &id)) {
            return port->memos[node->index];
        }
    }
    return NULL;
}

/* Whether 'port' has such a policy from its options. */
bool
xfrm_port_has_own_policy(const struct xfrm_port *port,
                         const struct xfrm_policy_spec *id)
{
    const struct xfrm_id_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, node, xfrm_policy_spec_hash_id(id),
                             &port->policy_ids) {
        if (xfrm_policy_spec_same_id(&port->policies[node->index], id)) {
            return true;
        }
    }
    return false;
}

/* Whether 'row', which is enabled, yields to something else that has its
 * identity: to an older row, or to what the port itself is asked for.  Then it
 * is told. */
bool
xfrm_port_row_loses(const struct xfrm_port *port, struct xfrm_row *row)
{
    bool is_sa = row->kind == XFRM_ROW_SA;
    const struct xfrm_row *winner
        = (is_sa ? find_sa_row(port, row->id_node.hash, row->sa)
           : xfrm_port_find_policy_row(port, row->policy));

    if (winner != row) {
        xfrm_row_complain(row, xasprintf(
            is_sa ? "another row has the same SPI, destination and protocol: "
                    UUID_FMT
            : "another row has the same selector and direction: " UUID_FMT,
            UUID_ARGS(&winner->uuid)));
        return true;
    }
    if (is_sa && xfrm_port_own_sa(port, &row->sa->dst, row->sa->spi,
                                  row->sa->proto)) {
        xfrm_row_complain(row, xasprintf(
            "port \"%s\" has an SA with the same SPI, destination and "
            "protocol from its options:sa_file", port->name));
        return true;
    }
    if (!is_sa && xfrm_port_has_own_policy(port, row->policy)) {
        xfrm_row_complain(row, xasprintf(
            "port \"%s\" has a policy with the same selector and "
            "direction from its options:local_ip and "
            "options:remote_ip", port->name));
        return true;
    }
    return false;
}

static void
attach(struct xfrm_port *port, struct xfrm_port_context *ctx,
       struct xfrm_row *row)
{
    const struct xfrm_port_options *options = &port->config.options;
    static uint64_t next_order;

    row->port = port;
    row->order = ++next_order;
    xfrm_row_set_reqid(row, options->reqid);
    if (row->kind == XFRM_ROW_SA) {
        row->memo = xfrm_memos_ref(&ctx->memos, row->sa);
    } else {
        port->n_policy_rows++;
    }
    port->n_rows++;
    ovs_list_push_back(&port->rows, &row->port_node);
    hmap_insert(&port->row_ids, &row->id_node, row_hash(row));
    xfrm_port_note_change(port, ctx, row);
}

/* 'ctx' is NULL if the port goes as well. */
void
xfrm_port_detach_row(struct xfrm_row *row, struct xfrm_port_context *ctx)
{
    struct xfrm_port *port = row->port;

    if (!port) {
        return;
    }
    if (ctx) {
        xfrm_port_note_change(port, ctx, row);
    }
    ovs_list_remove(&row->port_node);
    hmap_remove(&port->row_ids, &row->id_node);
    port->n_rows--;
    if (row->memo) {
        xfrm_memo_unref(row->memo, port);
        row->memo = NULL;
    }
    if (row->kind == XFRM_ROW_POLICY) {
        port->n_policy_rows--;
    }
    xfrm_row_set_reqid(row, 0);
    row->port = NULL;
    row->in_force = row->counted = false;
    row->soft_noted = row->number_noted = false;
}

/* Looks for the port of 'row', among 'port' (or none) and says what comes of
 * it. */
void
xfrm_port_attach_row(struct xfrm_port *port, struct xfrm_port_context *ctx,
                     struct xfrm_row *row)
{
    ovs_assert(!row->port);
    xfrm_row_clear(row, row->enabled ? XFRM_ROW_PENDING
                                            : XFRM_ROW_STAGED);
    if (port && port->config.options.keying != XFRM_KEYING_MANAGED) {
        xfrm_row_complain(row, xasprintf(
            "if_id=%"PRIu32": port \"%s\" has options:keying=external: "
            "another program owns its SAs and policies",
            xfrm_row_if_id(row), port->name));
    } else if (port) {
        attach(port, ctx, row);
    }
    xfrm_port_touch_row(ctx, row);
}

void
xfrm_port_detach_rows(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    struct xfrm_row *row;

    LIST_FOR_EACH_SAFE (row, port_node, &port->rows) {
        xfrm_port_detach_row(row, ctx);
        xfrm_port_attach_row(NULL, ctx, row);
    }
}

void
xfrm_port_attach_rows(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    struct xfrm_row_group *group = xfrm_rows_of(&ctx->rows,
                                                port->config.options.if_id);
    struct xfrm_row *row;

    if (!group) {
        return;
    }
    LIST_FOR_EACH (row, group_node, &group->rows) {
        if (!row->port) {
            xfrm_port_attach_row(port, ctx, row);
        }
    }
}

/* The policy that discards what no other policy of 'dir' and 'family'
 * names. */
void
xfrm_port_default_policy(const struct xfrm_port *port, size_t family,
                         enum xfrm_dir dir, struct xfrm_policy_spec *p)
{
    static const uint16_t families[XFRM_N_FAMILIES] = { AF_INET, AF_INET6 };

    memset(p, 0, sizeof *p);
    p->if_id = port->config.options.if_id;
    p->dir = dir;
    p->sel.src = p->sel.dst = xfrm_prefix_any(families[family]);
    p->priority = UINT32_MAX;
    p->action = XFRM_ACTION_DISCARD;
}

/* Whether 'port' is to have 'policy', a default policy: if there are policies
 * of rows and none of all policies has the same identity. */
bool
xfrm_port_wants_default(const struct xfrm_port *port,
                        const struct xfrm_policy_spec *policy)
{
    return (port->n_policy_rows
            && !xfrm_port_has_own_policy(port, policy)
            && !xfrm_port_find_policy_row(port, policy));
}

/* Stores in '*policiesp' a malloc'd array of the policies that 'port' is to
 * have: those of its options, then those of the rows, then, with 'defaults',
 * the default policies.  Of two with one identity only the first is there,
 * which is what the other's row is told.  'rowsp', unless it is NULL, gets an
 * array with the row of each policy, or NULL. */
void
xfrm_port_all_policies(const struct xfrm_port *port, bool defaults,
                       struct xfrm_policy_spec **policiesp, size_t *np,
                       struct xfrm_row ***rowsp)
{
    size_t max = port->n_policies + port->n_policy_rows
                 + XFRM_N_FAMILIES * XFRM_N_DIRS;
    struct xfrm_policy_spec *policies = xcalloc(max, sizeof *policies);
    struct xfrm_row **rows = xcalloc(max, sizeof *rows);
    size_t n = port->n_policies;
    struct xfrm_row *row;

    if (n) {
        memcpy(policies, port->policies, n * sizeof *policies);
    }
    LIST_FOR_EACH (row, port_node, &port->rows) {
        if (row->kind == XFRM_ROW_POLICY && row->enabled
            && !xfrm_port_row_loses(port, row)) {
            rows[n] = row;
            policies[n++] = *row->policy;
        }
    }
    for (size_t i = 0; i < (defaults ? XFRM_N_FAMILIES : 0); i++) {
        for (enum xfrm_dir dir = 0; dir < XFRM_N_DIRS; dir++) {
            xfrm_port_default_policy(port, i, dir, &policies[n]);
            n += xfrm_port_wants_default(port, &policies[n]);
        }
    }

    *policiesp = policies;
    *np = n;
    if (rowsp) {
        *rowsp = rows;
    } else {
        free(rows);
    }
}

/* The datapath cannot be seen. */
void
xfrm_port_blind_rows(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    struct xfrm_row *row;

    LIST_FOR_EACH (row, port_node, &port->rows) {
        if (row->enabled) {
            xfrm_row_clear(row, XFRM_ROW_PENDING);
            xfrm_row_complain(row, xstrdup(ctx->backend_error));
            xfrm_port_touch_row(ctx, row);
        }
    }
}

/* In use. */

static bool
past(uint64_t limit, uint64_t value)
{
    return limit && value >= limit;
}

/* Looks at the limits that the kernel does not know or tells of only once. */
static bool
observe_limits(struct xfrm_port *port, struct xfrm_port_context *ctx,
               struct xfrm_row *row, const struct xfrm_sa_state *sa)
{
    const struct xfrm_lifetime *l = &row->sa->lifetime;
    uint64_t number = row->sa->dir == XFRM_DIR_IN ? sa->seq : sa->oseq;
    long long int now = time_msec();
    uint64_t idle;

    if (!row->active || row->packets != sa->packets) {
        row->packets = sa->packets;
        row->active = now;
    }
    idle = (now - row->active) / 1000;

    if (past(l->hard_idle, idle)) {
        xfrm_port_exhaust(port, ctx, row->memo);
        note_row(ctx, row, XFRM_NOTE_HARD_EXPIRE, 0, "hard idle limit");
        return true;
    }
    if (past(l->soft_bytes, sa->bytes) || past(l->soft_packets, sa->packets)
        || past(l->soft_seconds, xfrm_memo_age(row->memo))
        || past(l->soft_idle, idle)) {
        xfrm_row_clear(row, XFRM_ROW_EXPIRING);
        xfrm_port_note_soft(ctx, row);
    }
    if (!row->sa->esn && row->sa->proto != IPPROTO_COMP
        && number > UINT32_MAX - NUMBERS_LEFT && !row->number_noted) {
        row->number_noted = true;
        note_row(ctx, row, XFRM_NOTE_SEQUENCE_OVERFLOW, 0,
                 "near its last sequence number: rekey");
    }
    return false;
}

/* A packet found a policy but no SA.  The kernel says so for each flow; one
 * note in a while is enough. */
void
xfrm_port_note_acquire(struct xfrm_port *port, struct xfrm_port_context *ctx,
                       const struct xfrm_event *event)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct xfrm_note *note;

    port->n_acquires++;
    if (time_msec() < port->next_acquire) {
        return;
    }
    port->next_acquire = time_msec() + ACQUIRE_INTERVAL;

    ds_put_format(&s, "port \"%s\": a packet needs an SA from ", port->name);
    xfrm_addr_format(&event->src, &s);
    ds_put_cstr(&s, " to ");
    xfrm_addr_format(&event->dst, &s);
    ds_put_cstr(&s, ": ");
    xfrm_sel_format(&event->sel, &s);
    note = xfrm_port_note(ctx, XFRM_NOTE_ACQUIRE, event->if_id,
                          ds_steal_cstr(&s));
    note->count = port->n_acquires;
    note->has_sel = true;
    note->sel = event->sel;
    note->has_sa = true;
    note->dir = event->dir;
    note->src = event->src;
    note->dst = event->dst;
    note->proto = event->proto ? event->proto : IPPROTO_ESP;
    port->n_acquires = 0;
}

/* Once for each SA. */
void
xfrm_port_note_soft(struct xfrm_port_context *ctx, struct xfrm_row *row)
{
    if (!row->soft_noted) {
        row->soft_noted = true;
        note_row(ctx, row, XFRM_NOTE_SOFT_EXPIRE, 0,
                 "reached a soft limit: rekey");
    }
}

void
xfrm_port_note_hard(struct xfrm_port_context *ctx, struct xfrm_row *row)
{
    note_row(ctx, row, XFRM_NOTE_HARD_EXPIRE, 0,
             "reached a hard limit and is gone");
}

static void
observe_failures(struct xfrm_port_context *ctx, const struct xfrm_row *row,
                 const struct xfrm_sa_state *sa)
{
    uint64_t replays = (uint64_t) sa->replays + sa->replay_errors;
    uint64_t old = (uint64_t) row->last.replays + row->last.replay_errors;

    if (!row->counted) {
        return;                 /* The first look. */
    }
    if (replays > old) {
        note_row(ctx, row, XFRM_NOTE_REPLAY, replays - old,
                 "dropped packets that were replayed or too late");
    }
    if (sa->integrity_failed > row->last.integrity_failed) {
        note_row(ctx, row, XFRM_NOTE_INTEGRITY,
                 sa->integrity_failed - row->last.integrity_failed,
                 "dropped packets whose integrity check failed");
    }
}

bool
xfrm_port_observe_rows(struct xfrm_port *port, struct xfrm_port_context *ctx)
{
    struct xfrm_row *row;
    bool urgent = false;

    LIST_FOR_EACH (row, port_node, &port->rows) {
        const struct xfrm_sa_state *sa;

        if (row->kind != XFRM_ROW_SA || !row->in_force) {
            continue;
        }
        sa = xfrm_snapshot_find(&ctx->snapshot, &row->sa->dst, row->sa->spi,
                                row->sa->proto);
        if (sa && sa->spec.if_id == row->sa->if_id) {
            urgent |= observe_limits(port, ctx, row, sa);
            observe_failures(ctx, row, sa);
            publish_counters(row, sa);
            xfrm_port_touch_row(ctx, row);
        }
    }
    return urgent;
}

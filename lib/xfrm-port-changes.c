/* SPDX-License-Identifier: Apache-2.0 */

/* Which SAs and policies of a port have come, gone or changed since it was
 * last compared, by identity.  As long as nothing else has happened to the
 * port, these are all that must be looked at.  See xfrm-port.h; above xfrm-row,
 * below xfrm-port-rows.c and xfrm-reconcile-rows.c. */

#include <config.h>

#include "xfrm-port.h"

#include <string.h>

#include "util.h"

/* Memory of changes.  They all go at once, after rows were made that stay: one
 * by one they would leave holes between these. */
struct xfrm_change_block {
    struct xfrm_change_block *next;
    size_t n, allocated;
    struct xfrm_change changes[];
};

#define FIRST_BLOCK 4           /* Changes. */
#define BLOCK 128

static struct xfrm_change *
allocate(struct xfrm_port *port)
{
    struct xfrm_change_block *block = port->change_blocks;

    if (!block || block->n >= block->allocated) {
        size_t n = block ? BLOCK : FIRST_BLOCK;

        block = xzalloc(sizeof *block + n * sizeof *block->changes);
        block->allocated = n;
        block->next = port->change_blocks;
        port->change_blocks = block;
    }
    return &block->changes[block->n++];
}

/* The identity of 'change', a policy, in the form that lookups want. */
void
xfrm_change_policy_id(const struct xfrm_port *port,
                      const struct xfrm_change *change,
                      struct xfrm_policy_spec *id)
{
    memset(id, 0, sizeof *id);
    id->if_id = port->config.options.if_id;
    id->dir = change->dir;
    id->sel = change->sel;
    id->mark = change->mark;
}

static bool
is_about_sa(const struct xfrm_change *change, const struct xfrm_sa_spec *sa)
{
    return (change->kind == XFRM_ROW_SA
            && change->spi == sa->spi
            && change->proto == sa->proto
            && xfrm_addr_equals(&change->dst, &sa->dst));
}

static bool
is_about_policy(const struct xfrm_change *change,
                const struct xfrm_policy_spec *policy)
{
    return (change->kind == XFRM_ROW_POLICY
            && change->dir == policy->dir
            && xfrm_sel_equals(&change->sel, &policy->sel)
            && xfrm_mark_equals(&change->mark, &policy->mark));
}

static struct xfrm_change *
add_change(struct xfrm_port *port, enum xfrm_row_kind kind, uint32_t hash)
{
    struct xfrm_change *change = allocate(port);

    change->kind = kind;
    hmap_insert(&port->changes, &change->node, hash);
    ovs_list_push_back(&port->change_list, &change->list_node);
    return change;
}

static struct xfrm_change *
change_sa(struct xfrm_port *port, const struct xfrm_sa_spec *sa)
{
    uint32_t hash = xfrm_sa_spec_hash_id(sa);
    struct xfrm_change *change;

    HMAP_FOR_EACH_WITH_HASH (change, node, hash, &port->changes) {
        if (is_about_sa(change, sa)) {
            return change;
        }
    }
    change = add_change(port, XFRM_ROW_SA, hash);
    change->dst = sa->dst;
    change->spi = sa->spi;
    change->proto = sa->proto;
    return change;
}

struct xfrm_change *
xfrm_port_change_policy(struct xfrm_port *port,
                        const struct xfrm_policy_spec *policy)
{
    uint32_t hash = xfrm_policy_spec_hash_id(policy);
    struct xfrm_change *change;

    HMAP_FOR_EACH_WITH_HASH (change, node, hash, &port->changes) {
        if (is_about_policy(change, policy)) {
            return change;
        }
    }
    change = add_change(port, XFRM_ROW_POLICY, hash);
    change->dir = policy->dir;
    change->sel = policy->sel;
    change->mark = policy->mark;
    return change;
}

/* 'row' of 'port' has just come or is about to go. */
void
xfrm_port_note_change(struct xfrm_port *port, struct xfrm_port_context *ctx,
                      const struct xfrm_row *row)
{
    if (row->kind == XFRM_ROW_SA) {
        struct xfrm_change *change = change_sa(port, row->sa);

        if (row->in_force) {
            change->was_in_force = true;
            change->dir = row->sa->dir;
            change->mark = row->sa->mark;
        }
    } else {
        struct xfrm_change *change = xfrm_port_change_policy(port,
                                                             row->policy);

        if (row->in_force && !change->old) {
            change->was_in_force = true;
            change->old = xmemdup(row->policy, sizeof *row->policy);
        }
    }
    if (!port->changed) {
        port->changed = true;
        ovs_list_push_back(&ctx->changed, &port->changed_node);
    }
}

/* All is about to be compared, or nothing ever will. */
void
xfrm_port_forget_changes(struct xfrm_port *port)
{
    struct xfrm_change_block *block;
    struct xfrm_change *change;

    LIST_FOR_EACH_POP (change, list_node, &port->change_list) {
        free(change->old);
    }
    while ((block = port->change_blocks) != NULL) {
        port->change_blocks = block->next;
        free(block);
    }
    hmap_clear(&port->changes);
    if (port->changed) {
        port->changed = false;
        ovs_list_remove(&port->changed_node);
    }
}

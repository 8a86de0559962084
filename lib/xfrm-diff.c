/* SPDX-License-Identifier: Apache-2.0 */

/* (desired, actual) -> ordered operations.
 *
 * Above stands the engine, which applies the operations one by one; below
 * stands xfrm-spec, which says what "the same" and "equal" mean.
 *
 * The order is the one in which nothing is lost: a host can receive with a new
 * SA before anybody sends with it, a policy finds its SA, and what goes away
 * goes away only after its replacement is there, outbound first.  An SA that
 * must change cannot be replaced at one stroke (its identity is taken), so it
 * is deleted immediately before it is added. */

#include <config.h>
#include "xfrm-diff.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "util.h"

/* One element of a set, in a hash table by identity. */
struct diff_node {
    struct hmap_node hmap_node;
    size_t index;               /* In the set that it comes from. */
    bool matched;               /* Both sets have this identity. */
};

struct op_list {
    struct xfrm_op *ops;
    size_t n;
    size_t allocated;
};

static void
add_op(struct op_list *list, enum xfrm_op_type type,
       const struct xfrm_sa_spec *sa, const struct xfrm_policy_spec *policy)
{
    if (list->n >= list->allocated) {
        list->ops = x2nrealloc(list->ops, &list->allocated,
                               sizeof *list->ops);
    }
    list->ops[list->n++] = (struct xfrm_op) {
        .type = type, .sa = sa, .policy = policy,
    };
}

/* What is not inbound is treated as outbound: the kernel does not know the
 * direction of an SA, and one that is removed early is better than one that
 * still sends after its peer has stopped listening. */
static bool
is_inbound(const struct xfrm_sa_spec *sa)
{
    return sa->dir == XFRM_DIR_IN;
}

static struct diff_node *
find_sa(const struct hmap *map, const struct xfrm_sa_state *sas,
        const struct xfrm_sa_spec *key)
{
    struct diff_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, hmap_node, xfrm_sa_spec_hash_id(key), map) {
        if (xfrm_sa_spec_same_id(&sas[node->index].spec, key)) {
            return node;
        }
    }
    return NULL;
}

static struct diff_node *
find_policy(const struct hmap *map, const struct xfrm_policy_spec *policies,
            const struct xfrm_policy_spec *key)
{
    struct diff_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, hmap_node, xfrm_policy_spec_hash_id(key),
                             map) {
        if (xfrm_policy_spec_same_id(&policies[node->index], key)) {
            return node;
        }
    }
    return NULL;
}

/* Returns, for each desired SA, what to do with it: bit 0, delete its
 * predecessor; bit 1, add it. */
enum { DO_DEL = 1 << 0, DO_ADD = 1 << 1 };

static uint8_t *
plan_sas(const struct xfrm_desired *desired, const struct xfrm_actual *actual,
         const struct hmap *actual_map, const struct xfrm_sa_spec **olds)
{
    uint8_t *actions = xcalloc(desired->n_sas + 1, sizeof *actions);
    struct diff_node *nodes = xcalloc(desired->n_sas + 1, sizeof *nodes);
    struct hmap seen = HMAP_INITIALIZER(&seen);

    hmap_reserve(&seen, desired->n_sas);
    for (size_t i = 0; i < desired->n_sas; i++) {
        const struct xfrm_sa_spec *sa = &desired->sas[i];
        uint32_t hash = xfrm_sa_spec_hash_id(sa);
        struct diff_node *node;
        bool duplicate = false;

        HMAP_FOR_EACH_WITH_HASH (node, hmap_node, hash, &seen) {
            if (xfrm_sa_spec_same_id(&desired->sas[node->index], sa)) {
                duplicate = true;
                break;
            }
        }
        if (duplicate) {
            continue;
        }
        nodes[i].index = i;
        hmap_insert(&seen, &nodes[i].hmap_node, hash);

        node = find_sa(actual_map, actual->sas, sa);
        if (!node) {
            actions[i] = DO_ADD;
            continue;
        }

        const struct xfrm_sa_state *state = &actual->sas[node->index];
        node->matched = true;
        if (!state->valid || !xfrm_sa_spec_equals(sa, &state->spec)) {
            actions[i] = DO_DEL | DO_ADD;
            olds[i] = &state->spec;
        }
    }
    hmap_destroy(&seen);
    free(nodes);
    return actions;
}

static void
emit_sa_adds(struct op_list *list, const struct xfrm_desired *desired,
             const uint8_t *actions, const struct xfrm_sa_spec **olds,
             bool inbound)
{
    for (size_t i = 0; i < desired->n_sas; i++) {
        if (is_inbound(&desired->sas[i]) != inbound) {
            continue;
        }
        if (actions[i] & DO_DEL) {
            add_op(list, XFRM_OP_SA_DEL, olds[i], NULL);
        }
        if (actions[i] & DO_ADD) {
            add_op(list, XFRM_OP_SA_ADD, &desired->sas[i], NULL);
        }
    }
}

static void
emit_sa_dels(struct op_list *list, const struct xfrm_actual *actual,
             const struct diff_node *nodes, bool inbound)
{
    for (size_t i = 0; i < actual->n_sas; i++) {
        if (!nodes[i].matched && is_inbound(&actual->sas[i].spec) == inbound) {
            add_op(list, XFRM_OP_SA_DEL, &actual->sas[i].spec, NULL);
        }
    }
}

static void
emit_policy_sets(struct op_list *list, const struct xfrm_desired *desired,
                 const struct xfrm_actual *actual,
                 const struct hmap *actual_map)
{
    struct diff_node *nodes = xcalloc(desired->n_policies + 1, sizeof *nodes);
    struct hmap seen = HMAP_INITIALIZER(&seen);

    hmap_reserve(&seen, desired->n_policies);
    for (size_t i = 0; i < desired->n_policies; i++) {
        const struct xfrm_policy_spec *policy = &desired->policies[i];
        if (find_policy(&seen, desired->policies, policy)) {
            continue;
        }
        nodes[i].index = i;
        hmap_insert(&seen, &nodes[i].hmap_node,
                    xfrm_policy_spec_hash_id(policy));

        struct diff_node *node = find_policy(actual_map, actual->policies,
                                             policy);
        if (node) {
            node->matched = true;
        }
        if (!node || !xfrm_policy_spec_equals(
                policy, &actual->policies[node->index])) {
            add_op(list, XFRM_OP_POLICY_SET, NULL, policy);
        }
    }
    hmap_destroy(&seen);
    free(nodes);
}

/* Stores in '*opsp' a malloc'd array of the operations that turn 'actual' into
 * 'desired', in the order in which they are to be applied, and their number in
 * '*n_opsp'.  They point into 'desired' and 'actual'.
 *
 * Within each step the order is that of the input.  If an identity occurs
 * twice in 'desired', the first one counts. */
void
xfrm_diff(const struct xfrm_desired *desired, const struct xfrm_actual *actual,
          struct xfrm_op **opsp, size_t *n_opsp)
{
    struct diff_node *sa_nodes = xcalloc(actual->n_sas + 1, sizeof *sa_nodes);
    struct diff_node *policy_nodes = xcalloc(actual->n_policies + 1,
                                             sizeof *policy_nodes);
    struct hmap sa_map = HMAP_INITIALIZER(&sa_map);
    struct hmap policy_map = HMAP_INITIALIZER(&policy_map);
    struct op_list list = { NULL, 0, 0 };

    /* The first of two actual elements with one identity must be the one that
     * a search finds, and the second must not be deleted: the deletion would
     * hit the first. */
    hmap_reserve(&sa_map, actual->n_sas);
    for (size_t i = 0; i < actual->n_sas; i++) {
        const struct xfrm_sa_spec *sa = &actual->sas[i].spec;

        sa_nodes[i].index = i;
        if (find_sa(&sa_map, actual->sas, sa)) {
            sa_nodes[i].matched = true;
        } else {
            hmap_insert(&sa_map, &sa_nodes[i].hmap_node,
                        xfrm_sa_spec_hash_id(sa));
        }
    }
    hmap_reserve(&policy_map, actual->n_policies);
    for (size_t i = 0; i < actual->n_policies; i++) {
        const struct xfrm_policy_spec *policy = &actual->policies[i];

        policy_nodes[i].index = i;
        if (find_policy(&policy_map, actual->policies, policy)) {
            policy_nodes[i].matched = true;
        } else {
            hmap_insert(&policy_map, &policy_nodes[i].hmap_node,
                        xfrm_policy_spec_hash_id(policy));
        }
    }

    const struct xfrm_sa_spec **olds = xcalloc(desired->n_sas + 1,
                                               sizeof *olds);
    uint8_t *actions = plan_sas(desired, actual, &sa_map, olds);

    emit_sa_adds(&list, desired, actions, olds, true);
    emit_policy_sets(&list, desired, actual, &policy_map);
    emit_sa_adds(&list, desired, actions, olds, false);

    emit_sa_dels(&list, actual, sa_nodes, false);
    for (size_t i = 0; i < actual->n_policies; i++) {
        if (!policy_nodes[i].matched) {
            add_op(&list, XFRM_OP_POLICY_DEL, NULL, &actual->policies[i]);
        }
    }
    emit_sa_dels(&list, actual, sa_nodes, true);

    free(actions);
    free(olds);
    hmap_destroy(&policy_map);
    hmap_destroy(&sa_map);
    free(policy_nodes);
    free(sa_nodes);

    *opsp = list.ops;
    *n_opsp = list.n;
}

/* Appends one line without newline, and without keys. */
void
xfrm_op_format(const struct xfrm_op *op, struct ds *s)
{
    switch (op->type) {
    case XFRM_OP_SA_ADD:
        ds_put_cstr(s, "add SA: ");
        xfrm_sa_spec_format(op->sa, s);
        if (op->start_oseq || op->start_seq) {
            ds_put_format(s, " start_oseq=%"PRIu64" start_seq=%"PRIu64,
                          op->start_oseq, op->start_seq);
        }
        break;

    case XFRM_OP_SA_DEL:
        ds_put_cstr(s, "delete SA: ");
        xfrm_sa_spec_format(op->sa, s);
        break;

    case XFRM_OP_POLICY_SET:
        ds_put_cstr(s, "set policy: ");
        xfrm_policy_spec_format(op->policy, s);
        break;

    case XFRM_OP_POLICY_DEL:
        ds_put_cstr(s, "delete policy: ");
        xfrm_policy_spec_format(op->policy, s);
        break;

    default:
        OVS_NOT_REACHED();
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* SAs and policies that come one by one: see xfrm-row.h.  Above xfrm-spec,
 * below xfrm-port. */

#include <config.h>

#include "xfrm-row.h"

#include <string.h>

#include "hash.h"
#include "util.h"
#include "uuid.h"

static const char *const state_names[] = {
    [XFRM_ROW_STAGED] = "staged",
    [XFRM_ROW_PENDING] = "pending",
    [XFRM_ROW_INSTALLED] = "installed",
    [XFRM_ROW_EXPIRING] = "expiring",
    [XFRM_ROW_EXPIRED] = "expired",
    [XFRM_ROW_NEEDS_REKEY] = "needs-rekey",
    [XFRM_ROW_ERROR] = "error",
};

const char *
xfrm_row_state_name(enum xfrm_row_state state)
{
    ovs_assert((size_t) state < ARRAY_SIZE(state_names));
    return state_names[state];
}

static const char *const note_names[XFRM_N_NOTES] = {
    [XFRM_NOTE_ACQUIRE] = "acquire",
    [XFRM_NOTE_SOFT_EXPIRE] = "soft-expire",
    [XFRM_NOTE_HARD_EXPIRE] = "hard-expire",
    [XFRM_NOTE_SEQUENCE_OVERFLOW] = "sequence-overflow",
    [XFRM_NOTE_REPLAY] = "replay",
    [XFRM_NOTE_INTEGRITY] = "integrity",
    [XFRM_NOTE_BAD_SPI] = "bad-spi",
    [XFRM_NOTE_DRIFT] = "drift",
};

const char *
xfrm_note_type_name(enum xfrm_note_type type)
{
    ovs_assert(type < XFRM_N_NOTES);
    return note_names[type];
}

void
xfrm_note_free(struct xfrm_note *note)
{
    if (note) {
        free(note->message);
        free(note);
    }
}

void
xfrm_row_config_destroy(struct xfrm_row_config *config)
{
    if (config->kind == XFRM_ROW_SA) {
        xfrm_sa_spec_destroy(&config->sa);
    }
    free(config->policy);
    config->policy = NULL;
}

void
xfrm_row_result_destroy(struct xfrm_row_result *result)
{
    free(result->error);
    result->error = NULL;
}

void
xfrm_rows_init(struct xfrm_rows *rows)
{
    hmap_init(&rows->by_uuid);
    hmap_init(&rows->by_if_id);
}

void
xfrm_rows_destroy(struct xfrm_rows *rows)
{
    struct xfrm_row *row;

    HMAP_FOR_EACH_SAFE (row, uuid_node, &rows->by_uuid) {
        xfrm_rows_remove(rows, row);
    }
    hmap_destroy(&rows->by_uuid);
    hmap_destroy(&rows->by_if_id);
}

struct xfrm_row *
xfrm_rows_find(const struct xfrm_rows *rows, const struct uuid *uuid)
{
    struct xfrm_row *row;

    HMAP_FOR_EACH_WITH_HASH (row, uuid_node, uuid_hash(uuid),
                             &rows->by_uuid) {
        if (uuid_equals(&row->uuid, uuid)) {
            return row;
        }
    }
    return NULL;
}

uint32_t
xfrm_row_if_id(const struct xfrm_row *row)
{
    return row->kind == XFRM_ROW_SA ? row->sa->if_id : row->policy->if_id;
}

/* The request IDs that a row may leave open. */
static size_t
n_reqids(const struct xfrm_row *row)
{
    return row->kind == XFRM_ROW_SA ? 1 : row->policy->n_templates;
}

static uint32_t *
reqid_at(struct xfrm_row *row, size_t i)
{
    return (row->kind == XFRM_ROW_SA
            ? &row->sa->reqid
            : &row->policy->templates[i].reqid);
}

void
xfrm_row_set_reqid(struct xfrm_row *row, uint32_t reqid)
{
    for (size_t i = 0; i < n_reqids(row); i++) {
        if (!(row->own_reqids & (1u << i))) {
            *reqid_at(row, i) = reqid;
        }
    }
}

static bool
sas_equal(const struct xfrm_sa_spec *a, const struct xfrm_sa_spec *b)
{
    return (xfrm_sa_spec_equals(a, b)
            && a->dir == b->dir
            && xfrm_secret_equals(&a->key, &b->key)
            && a->lifetime.soft_idle == b->lifetime.soft_idle
            && a->lifetime.hard_idle == b->lifetime.hard_idle
            && a->offload == b->offload
            && !strcmp(a->offload_dev, b->offload_dev));
}

bool
xfrm_row_equals(const struct xfrm_row *row, const struct xfrm_row *new)
{
    if (row->kind != new->kind
        || row->enabled != new->enabled
        || row->has_offload != new->has_offload
        || row->offload != new->offload
        || strcmp(row->offload_dev, new->offload_dev)) {
        return false;
    }
    if (row->kind == XFRM_ROW_SA) {
        struct xfrm_sa_spec sa = *row->sa;      /* Shallow. */

        sa.reqid = row->own_reqids & 1 ? sa.reqid : 0;
        return sas_equal(&sa, new->sa);
    } else {
        struct xfrm_policy_spec policy = *row->policy;

        for (size_t i = 0; i < policy.n_templates; i++) {
            if (!(row->own_reqids & (1u << i))) {
                policy.templates[i].reqid = 0;
            }
        }
        return xfrm_policy_spec_equals(&policy, new->policy);
    }
}

struct xfrm_row *
xfrm_row_create(struct xfrm_row_config *config)
{
    struct xfrm_row *row = xzalloc(sizeof *row);

    row->uuid = config->uuid;
    row->kind = config->kind;
    row->enabled = config->enabled;
    row->has_offload = config->has_offload;
    row->offload = config->offload;
    ovs_strzcpy(row->offload_dev, config->offload_dev,
                sizeof row->offload_dev);
    if (row->kind == XFRM_ROW_SA) {
        row->sa = xmemdup(&config->sa, sizeof config->sa);
        memset(&config->sa, 0, sizeof config->sa);
    } else {
        row->policy = config->policy;
        config->policy = NULL;
    }
    for (size_t i = 0; i < n_reqids(row); i++) {
        row->own_reqids |= (uint32_t) !!*reqid_at(row, i) << i;
    }
    row->state = XFRM_ROW_PENDING;
    return row;
}

void
xfrm_row_free(struct xfrm_row *row)
{
    if (!row) {
        return;
    }
    if (row->kind == XFRM_ROW_SA) {
        xfrm_sa_spec_destroy(row->sa);
        free(row->sa);
    } else {
        free(row->policy);
    }
    free(row->error);
    free(row->last_error);
    free(row);
}

struct xfrm_row_group *
xfrm_rows_of(const struct xfrm_rows *rows, uint32_t if_id)
{
    struct xfrm_row_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, hash_int(if_id, 0),
                             &rows->by_if_id) {
        if (group->if_id == if_id) {
            return group;
        }
    }
    return NULL;
}

void
xfrm_rows_insert(struct xfrm_rows *rows, struct xfrm_row *row)
{
    uint32_t if_id = xfrm_row_if_id(row);
    struct xfrm_row_group *group = xfrm_rows_of(rows, if_id);

    if (!group) {
        group = xzalloc(sizeof *group);
        group->if_id = if_id;
        ovs_list_init(&group->rows);
        hmap_insert(&rows->by_if_id, &group->node, hash_int(if_id, 0));
    }
    row->group = group;
    ovs_list_push_back(&group->rows, &row->group_node);
    hmap_insert(&rows->by_uuid, &row->uuid_node, uuid_hash(&row->uuid));
}

void
xfrm_rows_remove(struct xfrm_rows *rows, struct xfrm_row *row)
{
    ovs_assert(!row->port);
    if (row->touched) {
        ovs_list_remove(&row->touched_node);
    }
    hmap_remove(&rows->by_uuid, &row->uuid_node);
    ovs_list_remove(&row->group_node);
    if (ovs_list_is_empty(&row->group->rows)) {
        hmap_remove(&rows->by_if_id, &row->group->node);
        free(row->group);
    }
    xfrm_row_free(row);
}

void
xfrm_row_clear(struct xfrm_row *row, enum xfrm_row_state state)
{
    free(row->error);
    row->error = NULL;
    row->state = state;
}

void
xfrm_row_complain(struct xfrm_row *row, char *error)
{
    static const char keyword[] = "needs-rekey: ";

    if (row->error) {
        free(error);
        return;
    }
    row->error = error;
    row->state = (!strncmp(error, keyword, strlen(keyword))
                  ? XFRM_ROW_NEEDS_REKEY
                  : XFRM_ROW_ERROR);
}

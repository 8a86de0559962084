/* SPDX-License-Identifier: Apache-2.0 */

/* Notes of the engine -> the OVS_XFRM database: see xfrm-db-notes.h. */

#include <config.h>

#include "xfrm-db-notes.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-engine.h"

#define MAX_NOTES 100           /* In one transaction. */

/* Not written yet: "struct xfrm_note"s. */
static struct ovs_list notes = OVS_LIST_INITIALIZER(&notes);
static size_t n_notes;

/* In the database. */
struct old_note {
    struct hmap_node node;      /* In 'old_notes', by uuid. */
    struct uuid uuid;
    int64_t number;
};
static struct hmap old_notes = HMAP_INITIALIZER(&old_notes);
static int64_t last_number;

static struct xfrm_note *
pop_note(void)
{
    n_notes--;
    return CONTAINER_OF(ovs_list_pop_front(&notes), struct xfrm_note,
                        list_node);
}

void
xfrm_db_notes_take(void)
{
    struct xfrm_note *note;

    while ((note = xfrm_engine_take_note()) != NULL) {
        ovs_list_push_back(&notes, &note->list_node);
        if (++n_notes > XFRM_DB_KEEP_NOTES) {
            /* Without a database there is nobody to tell. */
            xfrm_note_free(pop_note());
        }
    }
}

bool
xfrm_db_notes_pending(void)
{
    return n_notes > 0;
}

static void
forget(struct old_note *old)
{
    hmap_remove(&old_notes, &old->node);
    free(old);
}

void
xfrm_db_status_note(const struct uuid *uuid, const int64_t *number)
{
    struct old_note *old, *found = NULL;

    HMAP_FOR_EACH_WITH_HASH (old, node, uuid_hash(uuid), &old_notes) {
        if (uuid_equals(&old->uuid, uuid)) {
            found = old;
        }
    }
    if (!number) {
        if (found) {
            forget(found);
        }
        return;
    }
    if (!found) {
        found = xmalloc(sizeof *found);
        found->uuid = *uuid;
        hmap_insert(&old_notes, &found->node, uuid_hash(uuid));
    }
    found->number = *number;
    last_number = MAX(last_number, *number);
}

void
xfrm_db_status_forget_notes(void)
{
    struct old_note *old;

    HMAP_FOR_EACH_SAFE (old, node, &old_notes) {
        forget(old);
    }
    last_number = 0;
}

static int
compare_numbers(const void *a_, const void *b_)
{
    const struct old_note *const *a = a_;
    const struct old_note *const *b = b_;

    return ((*a)->number < (*b)->number ? -1
            : (*a)->number > (*b)->number);
}

static void
put_string(struct json *row, const char *column, char *value)
{
    json_object_put(row, column, json_string_create_nocopy(value));
}

static void
put_integer(struct json *row, const char *column, uint64_t value)
{
    json_object_put(row, column,
                    json_integer_create(MIN(value, INT64_MAX)));
}

static void
add_pair(const char *key, const char *value, void *map)
{
    json_array_add(map, json_array_create_2(json_string_create(key),
                                            json_string_create(value)));
}

static struct json *
note_to_json(const struct xfrm_note *note, xfrm_db_find_func *find)
{
    struct json *row = json_object_create();

    json_object_put_string(row, "type", xfrm_note_type_name(note->type));
    put_integer(row, "number", ++last_number);
    put_integer(row, "time", note->when);
    json_object_put_string(row, "message", note->message);
    if (note->if_id) {
        put_integer(row, "if_id", note->if_id);
    }
    if (note->count) {
        put_integer(row, "count", note->count);
    }
    if (note->has_sel) {
        struct json *map = json_array_create_empty();

        xfrm_sel_for_each_pair(&note->sel, add_pair, map);
        json_object_put(row, "selector",
                        json_array_create_2(json_string_create("map"), map));
    }
    if (note->has_sa) {
        struct ds src = DS_EMPTY_INITIALIZER;
        struct ds dst = DS_EMPTY_INITIALIZER;

        xfrm_addr_format(&note->src, &src);
        xfrm_addr_format(&note->dst, &dst);
        json_object_put_string(row, "direction", xfrm_dir_name(note->dir));
        put_string(row, "src", ds_steal_cstr(&src));
        put_string(row, "dst", ds_steal_cstr(&dst));
        json_object_put_string(row, "proto", xfrm_proto_name(note->proto));
        if (note->spi) {
            put_integer(row, "spi", note->spi);
        }
        if (find(&note->row)) {
            json_object_put(row, "sa", xfrm_db_uuid_to_json(&note->row));
        }
    }
    return row;
}

/* Deletes the oldest of those in the database, 'n' of them. */
static void
delete_oldest(struct json *operations, size_t n)
{
    const struct old_note **sorted;
    const struct old_note *old;
    size_t i = 0;

    n = MIN(n, hmap_count(&old_notes));
    if (!n) {
        return;
    }
    sorted = xmalloc(hmap_count(&old_notes) * sizeof *sorted);
    HMAP_FOR_EACH (old, node, &old_notes) {
        sorted[i++] = old;
    }
    qsort(sorted, i, sizeof *sorted, compare_numbers);
    for (i = 0; i < n; i++) {
        struct json *delete = json_object_create();

        json_object_put_string(delete, "op", "delete");
        json_object_put_string(delete, "table", "Notification");
        json_object_put(delete, "where",
                        xfrm_db_where_uuid(&sorted[i]->uuid));
        json_array_add(operations, delete);
    }
    free(sorted);
}

/* Adds operations that insert notes and leave 'max' of them all. */
void
xfrm_db_notes_write(xfrm_db_find_func *find, struct json *operations,
                    size_t max)
{
    size_t n_new = 0, n;

    while (n_notes > max) {
        /* These would be the first to go. */
        xfrm_note_free(pop_note());
    }
    while (n_notes && n_new < MAX_NOTES) {
        struct xfrm_note *note = pop_note();
        struct json *insert = json_object_create();

        json_object_put_string(insert, "op", "insert");
        json_object_put_string(insert, "table", "Notification");
        json_object_put(insert, "row", note_to_json(note, find));
        json_array_add(operations, insert);
        xfrm_note_free(note);
        n_new++;
    }
    n = hmap_count(&old_notes) + n_new;
    if (n > max) {
        delete_oldest(operations, n - max);
    }
}

void
xfrm_db_notes_destroy(void)
{
    while (n_notes) {
        xfrm_note_free(pop_note());
    }
    xfrm_db_status_forget_notes();
    hmap_destroy(&old_notes);
    hmap_init(&old_notes);
}

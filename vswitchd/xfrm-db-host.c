/* SPDX-License-Identifier: Apache-2.0 */

/* What the global row says of this host: see xfrm-db-host.h. */

#include <config.h>

#include "xfrm-db-host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "openvswitch/json.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-db-feed.h"
#include "xfrm-engine.h"

/* Milliseconds. */
#define COUNTER_INTERVAL 5000   /* As for those of rows. */
#define DEVICE_INTERVAL 30000   /* The kernel is asked about each device. */

/* What the row says, or is to say. */
static struct xfrm_capabilities described_caps;
static bool knows_algos;
static struct xfrm_algo_set missing_algos;
static char *trouble;           /* Column "error", or NULL. */
static struct xfrm_counter *counters;   /* Column "statistics". */
static size_t n_counters;
static long long int next_counters;     /* When to look at them again. */
static struct smap devices = SMAP_INITIALIZER(&devices);
static long long int next_devices;

static void
put_global(const struct xfrm_db_feed *feed, struct json *columns,
           const char *name, struct json *value)
{
    if (xfrm_db_feed_has_column(feed, XFRM_DB_GLOBAL, name)) {
        json_object_put(columns, name, value);
    } else {
        json_destroy(value);
    }
}

static struct json *
strings_to_json(const struct svec *strings)
{
    struct json *set = json_array_create_empty();
    const char *s;
    size_t i;

    SVEC_FOR_EACH (i, s, strings) {
        json_array_add(set, json_string_create(s));
    }
    return json_array_create_2(json_string_create("set"), set);
}

bool
xfrm_db_host_changed(void)
{
    struct xfrm_capabilities caps;
    struct xfrm_algo_set missing;
    bool known = xfrm_engine_get_missing_algos(&missing);
    char *now = xfrm_engine_get_trouble();
    bool changed = false;

    xfrm_engine_get_capabilities(&caps);
    if (memcmp(&caps, &described_caps, sizeof caps) || known != knows_algos
        || memcmp(&missing, &missing_algos, sizeof missing)
        || !nullable_string_is_equal(now, trouble)) {
        described_caps = caps;
        knows_algos = known;
        missing_algos = missing;
        free(trouble);
        trouble = now;
        now = NULL;
        changed = true;
    }
    free(now);

    if (time_msec() >= next_devices) {
        struct smap new = SMAP_INITIALIZER(&new);

        next_devices = time_msec() + DEVICE_INTERVAL;
        xfrm_engine_get_offload_devices(&new);
        if (!smap_equal(&new, &devices)) {
            smap_destroy(&devices);
            smap_clone(&devices, &new);
            changed = true;
        }
        smap_destroy(&new);
    }
    if (time_msec() >= next_counters) {
        struct xfrm_counter *new;
        size_t n;

        next_counters = time_msec() + COUNTER_INTERVAL;
        xfrm_engine_get_counters(&new, &n);
        if (n != n_counters
            || (n && memcmp(new, counters, n * sizeof *new))) {
            free(counters);
            counters = new;
            n_counters = n;
            changed = true;
        } else {
            free(new);
        }
    }
    return changed;
}

static struct json *
counters_to_json(void)
{
    struct json *map = json_array_create_empty();

    for (size_t i = 0; i < n_counters; i++) {
        json_array_add(map, json_array_create_2(
            json_string_create(counters[i].name),
            json_integer_create(MIN(counters[i].value, INT64_MAX))));
    }
    return json_array_create_2(json_string_create("map"), map);
}

static struct json *
devices_to_json(void)
{
    struct json *map = json_array_create_empty();
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &devices) {
        json_array_add(map, json_array_create_2(
            json_string_create(node->key), json_string_create(node->value)));
    }
    return json_array_create_2(json_string_create("map"), map);
}

void
xfrm_db_host_describe(const struct xfrm_db_feed *feed, struct json *columns)
{
    const struct xfrm_capabilities *caps = &described_caps;
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const struct xfrm_algo *algo;
    struct utsname uts;

    if (caps->datapath[0]) {
        svec_add(&names, caps->datapath);
    }
    put_global(feed, columns, "datapath", strings_to_json(&names));
    if (!uname(&uts)) {
        put_global(feed, columns, "kernel", json_string_create(uts.release));
    }
    svec_clear(&names);
    for (enum xfrm_mode mode = 0;
         caps->datapath[0] && mode < XFRM_SPEC_N_MODES; mode++) {
        if (mode != XFRM_SPEC_TRANSPORT || caps->sends_transport) {
            svec_add(&names, xfrm_mode_name(mode));
        }
    }
    put_global(feed, columns, "modes", strings_to_json(&names));
    svec_clear(&names);
    for (size_t i = 0; knows_algos && (algo = xfrm_algo_at(i)) != NULL; i++) {
        if (!xfrm_algo_set_has(&missing_algos, i)) {
            svec_add(&names, algo->name);
        }
    }
    svec_sort_unique(&names);
    put_global(feed, columns, "algorithms", strings_to_json(&names));
    svec_clear(&names);
    if (trouble) {
        svec_add(&names, trouble);
    }
    put_global(feed, columns, "offload_devices", devices_to_json());
    put_global(feed, columns, "error", strings_to_json(&names));
    put_global(feed, columns, "statistics", counters_to_json());
    svec_destroy(&names);
}

long long int
xfrm_db_host_next(void)
{
    return MIN(next_counters, next_devices);
}

void
xfrm_db_host_destroy(void)
{
    free(trouble);
    trouble = NULL;
    free(counters);
    counters = NULL;
    n_counters = 0;
    smap_destroy(&devices);
    smap_init(&devices);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Rows whose device could not be made: see netdev-xfrm-private.h.
 *
 * The bridge hands us a row when the database or some device has changed, not
 * because something failed before.  But what was in the way may pass without
 * either: there is memory again, or the module is back.  So we try to make the
 * device, at growing intervals, and once it is there the bridge is asked to
 * look.
 *
 * The bridge is not asked to try, since each look costs it work for all ports,
 * and a line in the log for each row that is wrong.
 *
 * Above: netdev-xfrm.c, in the main thread.  Below: netdev-xfrm-device.c. */

#include <config.h>

#include "netdev-xfrm-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-backend.h"
#include "xfrm-engine.h"

/* Milliseconds. */
#define BACKOFF_MIN 1000
#define BACKOFF_MAX 16000

/* Many rows may fail at a time, and OpenFlow must not wait for all of them. */
#define TRIES_PER_TURN 16

struct retry {
    struct xfrm_link_spec want;
    char *text;                 /* What the row shows. */
    bool lacks_module;          /* Trying has the kernel run modprobe. */
    int made;                   /* ifindex of what a try has made, or 0. */
    int backoff;
    long long int at;           /* When to try. */
};

static const struct xfrm_backend_class *backend_class;
static struct shash retries = SHASH_INITIALIZER(&retries);  /* By row. */
static long long int next_try = LLONG_MAX;      /* Not after the first 'at'. */

/* Names of all rows that may have a device, once they are known. */
static struct sset rows = SSET_INITIALIZER(&rows);
static bool rows_known;

void
xfrm_retry_init(const struct xfrm_backend_class *class)
{
    backend_class = class;
}

static bool
link_spec_equals(const struct xfrm_link_spec *a,
                 const struct xfrm_link_spec *b)
{
    return (a->if_id == b->if_id && !strcmp(a->name, b->name)
            && !strcmp(a->dev, b->dev));
}

/* Puts the next try off, each time for longer. */
static void
put_off(struct retry *retry)
{
    retry->at = time_msec() + retry->backoff;
    retry->backoff = MIN(retry->backoff * 2, BACKOFF_MAX);
}

bool
xfrm_retry_add(const struct xfrm_link_spec *want, int error, const char *text)
{
    struct retry *retry = shash_find_data(&retries, want->name);
    bool news = !retry || strcmp(retry->text, text);

    if (!retry) {
        retry = xzalloc(sizeof *retry);
        shash_add(&retries, want->name, retry);
    }
    if (!link_spec_equals(&retry->want, want)) {
        retry->want = *want;
        retry->backoff = BACKOFF_MIN;
        put_off(retry);
    } else if (retry->at <= time_msec()) {
        /* This was the try. */
        put_off(retry);
    }
    retry->lacks_module = error == EOPNOTSUPP && !backend_class->makes_links();
    if (news) {
        free(retry->text);
        retry->text = xstrdup(text);
    }
    next_try = MIN(next_try, retry->at);
    return news;
}

static int
end_retry(struct shash_node *node, bool keep)
{
    struct retry *retry = node->data;
    int made = retry->made;

    if (made && !keep) {
        xfrm_device_unmake(node->name, made);
    }
    free(retry->text);
    free(retry);
    shash_delete(&retries, node);
    if (shash_is_empty(&retries)) {
        next_try = LLONG_MAX;
    }
    return made;
}

int
xfrm_retry_end(const char *name, bool keep)
{
    struct shash_node *node = shash_find(&retries, name);

    return node ? end_retry(node, keep) : 0;
}

void
xfrm_retry_set_rows(const struct svec *names)
{
    struct sset old = SSET_INITIALIZER(&old);
    struct shash_node *node;
    const char *name;
    size_t i;

    sset_swap(&old, &rows);
    SVEC_FOR_EACH (i, name, names) {
        sset_add(&rows, name);
    }
    SHASH_FOR_EACH_SAFE (node, &retries) {
        /* One that is in neither list is new, and in the next list. */
        if (sset_contains(&old, node->name)
            && !sset_contains(&rows, node->name)) {
            end_retry(node, false);
        }
    }
    sset_destroy(&old);
    rows_known = true;
}

/* Tries to make the device of 'retry'.  Returns true if the bridge would get
 * another answer than last time. */
static bool
try_device(struct retry *retry)
{
    const char *name = retry->want.name;
    struct xfrm_link_state link;
    bool existed, conflict;
    char *text = NULL;
    uint32_t prior;
    int error;

    put_off(retry);
    error = xfrm_device_open(&text);
    if (!error) {
        xfrm_engine_claim_device(name);
        error = xfrm_device_ensure(&retry->want, &link, &existed, &prior,
                                   &conflict, &text);
        xfrm_engine_unclaim_device();
    }
    if (!error) {
        if (!existed) {
            retry->made = link.ifindex;
        }
        return true;
    }

    bool changed = strcmp(text ? text : ovs_strerror(error), retry->text);
    retry->lacks_module = error == EOPNOTSUPP && !backend_class->makes_links();
    free(text);
    return changed;
}

bool
xfrm_retry_run(void)
{
    long long int now = time_msec();
    struct shash_node *node;
    bool look = false;
    int has_module = -1;
    int n = 0;

    if (now < next_try) {
        return false;
    }

    next_try = LLONG_MAX;
    SHASH_FOR_EACH_SAFE (node, &retries) {
        struct retry *retry = node->data;

        if (retry->lacks_module && has_module < 0) {
            has_module = backend_class->makes_links();
        }
        if (retry->at > now || look || n >= TRIES_PER_TURN) {
            /* Not now.  When the bridge looks it tries all rows. */
        } else if (rows_known && !sset_contains(&rows, node->name)) {
            /* The row has gone, which the bridge had not heard of when it
             * tried, or it is so new that we have not heard of it: the bridge
             * tries it again if there is one. */
            end_retry(node, false);
            look = true;
            continue;
        } else if (xfrm_engine_is_removing(node->name)
                   || (retry->lacks_module && !has_module)) {
            retry->at = now + BACKOFF_MIN;
        } else {
            look = try_device(retry);
            n++;
        }
        next_try = MIN(next_try, retry->at);
    }
    return look;
}

void
xfrm_retry_wait(void)
{
    if (next_try != LLONG_MAX) {
        poll_timer_wait_until(next_try);
    }
}

void
xfrm_retry_destroy(bool keep)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &retries) {
        end_retry(node, keep);
    }
    sset_clear(&rows);
    rows_known = false;
}

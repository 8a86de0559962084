/* SPDX-License-Identifier: Apache-2.0 */

/* The thread that reads and writes OVS_XFRM: see xfrm-db-thread.h.
 *
 * A transaction of a controller may bring ten thousand rows, and all that comes
 * after it is long: the text is parsed, rows become specs, results become text
 * again.  OpenFlow must not wait for any of it. */

#include <config.h>

#include "xfrm-db-thread.h"

#include <string.h>

#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "util.h"
#include "xfrm-db.h"
#include "xfrm-db-hush.h"
#include "xfrm-heap.h"

/* Without a thread, the main thread does the work.  Open vSwitch keeps what it
 * knows of TLS (certificates, keys) in variables without locks, which the
 * bridge changes whenever it likes: a connection with TLS must belong to the
 * bridge's thread. */
static bool threaded;

/* Milliseconds in one turn.  OpenFlow waits for the main thread; a turn of
 * our own costs as much as some fifty rows. */
#define MAIN_SLICE 5
#define THREAD_SLICE 50

static pthread_t thread;
static bool started;
static struct latch exit_latch;
static atomic_int allowed;      /* What the main thread said last... */
static struct seq *allowed_seq; /* ...and moves when it says so. */
static enum xfrm_db_work was_allowed;   /* Main thread only. */

void
xfrm_db_thread_init(const char *remote)
{
    threaded = !strstr(remote, "ssl:");
    allowed_seq = seq_create();
    latch_init(&exit_latch);
    atomic_init(&allowed, XFRM_DB_REST);
    xfrm_db_init(remote, threaded ? THREAD_SLICE : MAIN_SLICE);
}

static void *
xfrm_db_thread_main(void *aux OVS_UNUSED)
{
    /* Nothing here is protected by RCU, and nobody is to wait for us. */
    ovsrcu_quiesce_start();
    xfrm_heap_prepare();

    while (!latch_is_set(&exit_latch)) {
        uint64_t seqno = seq_read(allowed_seq);
        int now;

        atomic_read(&allowed, &now);
        if (now != XFRM_DB_REST) {
            xfrm_db_run(now == XFRM_DB_WORK);
            xfrm_db_wait();
        }
        seq_wait(allowed_seq, seqno);
        latch_wait(&exit_latch);
        poll_block();
    }
    return NULL;
}

void
xfrm_db_thread_run(enum xfrm_db_work work)
{
    if (!threaded) {
        if (work != XFRM_DB_REST) {
            xfrm_db_run(work == XFRM_DB_WORK);
        }
        return;
    }
    if (work != was_allowed) {
        was_allowed = work;
        atomic_store(&allowed, work);
        seq_change(allowed_seq);
    }
    if (work != XFRM_DB_REST && !started) {
        started = true;
        thread = ovs_thread_create("xfrm_db", xfrm_db_thread_main, NULL);
    }
}

void
xfrm_db_thread_wait(enum xfrm_db_work work)
{
    if (!threaded && work != XFRM_DB_REST) {
        xfrm_db_wait();
    }
}

void
xfrm_db_thread_stop(void)
{
    if (started) {
        latch_set(&exit_latch);
        xfrm_db_levels_give_up();
        xpthread_join(thread, NULL);
        started = false;
    }
}

void
xfrm_db_thread_destroy(void)
{
    xfrm_db_thread_stop();
    xfrm_db_destroy();
    latch_destroy(&exit_latch);
    seq_destroy(allowed_seq);
    allowed_seq = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Keeps keys out of the log: see xfrm-db-hush.h.
 *
 * Messages of OVS_XFRM hold keys, and some modules of Open vSwitch write whole
 * messages into the log if they are told to ("ovs-appctl vlog/set dbg").  So
 * they keep quiet while they deal with that database; the levels, and what they
 * say about Open vSwitch's own database, stay as somebody wanted them.
 *
 * Levels belong to the process, but OVS_XFRM has a thread of its own.  A level
 * that is changed while the thread is at it would let a key out, and would be
 * put back to what it was afterwards: hence the lock. */

#include <config.h>

#include "xfrm-db-hush.h"

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "seq.h"
#include "util.h"

static const char *const talkative[] = { "jsonrpc", "ovsdb_cs" };

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* What the levels were.  Protected by 'mutex'. */
static enum vlog_level saved[ARRAY_SIZE(talkative)][VLF_N_DESTINATIONS];

/* Moves when the mutex is given back by xfrm_db_unhush(). */
static struct seq *
unhushed_seq(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static struct seq *seq;

    if (ovsthread_once_start(&once)) {
        seq = seq_create();
        ovsthread_once_done(&once);
    }
    return seq;
}

void
xfrm_db_hush(void)
    OVS_ACQUIRES(mutex)
{
    ovs_mutex_lock(&mutex);
    for (size_t i = 0; i < ARRAY_SIZE(talkative); i++) {
        struct vlog_module *module = vlog_module_from_name(talkative[i]);

        for (int j = 0; module && j < VLF_N_DESTINATIONS; j++) {
            saved[i][j] = vlog_get_level(module, j);
            if (saved[i][j] > VLL_INFO) {
                vlog_set_levels(module, j, VLL_INFO);
            }
        }
    }
}

void
xfrm_db_unhush(void)
    OVS_RELEASES(mutex)
{
    for (size_t i = 0; i < ARRAY_SIZE(talkative); i++) {
        struct vlog_module *module = vlog_module_from_name(talkative[i]);

        for (int j = 0; module && j < VLF_N_DESTINATIONS; j++) {
            if (saved[i][j] > VLL_INFO) {
                vlog_set_levels(module, j, saved[i][j]);
            }
        }
    }
    ovs_mutex_unlock(&mutex);
    seq_change(unhushed_seq());
}

/* Never blocks: whoever runs commands has OpenFlow to care for. */
bool
xfrm_db_levels_begin(void)
    OVS_TRY_LOCK(true, mutex)
{
    return !ovs_mutex_trylock(&mutex);
}

void
xfrm_db_levels_end(void)
    OVS_RELEASES(mutex)
{
    ovs_mutex_unlock(&mutex);
}

void
xfrm_db_levels_wait(void)
{
    uint64_t seqno = seq_read(unhushed_seq());

    if (xfrm_db_levels_begin()) {
        xfrm_db_levels_end();
        poll_immediate_wake();
    } else {
        seq_wait(unhushed_seq(), seqno);
    }
}

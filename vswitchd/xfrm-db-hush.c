/* SPDX-License-Identifier: Apache-2.0 */

/* Keeps keys out of the log: see xfrm-db-hush.h.
 *
 * Messages of OVS_XFRM hold keys, and some modules of Open vSwitch write whole
 * messages into the log: if they are told to ("ovs-appctl vlog/set dbg"), or if
 * they don't understand them.  So they keep quiet while that database is dealt
 * with.
 *
 * Levels belong to the process, but OVS_XFRM has a thread of its own.  A level
 * that is changed while the thread is at it would let a key out, and would be
 * put back to what it was afterwards: hence the lock.  What the same modules
 * have to say about Open vSwitch's own database is lost meanwhile. */

#include <config.h>

#include "xfrm-db-hush.h"

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "seq.h"
#include "util.h"

/* Above these levels the modules show contents, or say on a terminal what
 * nobody there has asked for. */
static const struct {
    const char *module;
    enum vlog_level level;
    bool terminal;              /* Only there, and only if that is meant. */
} quiet[] = {
    { "jsonrpc", VLL_INFO, false },
    { "ovsdb_cs", VLL_ERR, false },
    { "reconnect", VLL_WARN, true },
    { "xfrm_db", VLL_WARN, true },
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* Whoever runs commands found the mutex taken, and gets it next. */
static atomic_bool commands_wait = ATOMIC_VAR_INIT(false);
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

/* What the levels were.  Protected by 'mutex'. */
static enum vlog_level saved[ARRAY_SIZE(quiet)][VLF_N_DESTINATIONS];
static bool no_terminal;

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

static bool
commands_are_waiting(void)
{
    bool waiting;

    atomic_read(&commands_wait, &waiting);
    return waiting;
}

/* Whether what module 'i' says to destination 'j' is limited. */
static bool
is_quiet(size_t i, int j)
    OVS_REQUIRES(mutex)
{
    return !quiet[i].terminal || (no_terminal && j == VLF_CONSOLE);
}

void
xfrm_db_hush(bool terminal)
    OVS_ACQUIRES(mutex)
{
    ovs_mutex_lock(&mutex);
    while (commands_are_waiting()) {
        ovs_mutex_cond_wait(&cond, &mutex);
    }
    no_terminal = terminal;
    for (size_t i = 0; i < ARRAY_SIZE(quiet); i++) {
        struct vlog_module *module = vlog_module_from_name(quiet[i].module);

        for (int j = 0; module && j < VLF_N_DESTINATIONS; j++) {
            saved[i][j] = vlog_get_level(module, j);
            if (is_quiet(i, j) && saved[i][j] > quiet[i].level) {
                vlog_set_levels(module, j, quiet[i].level);
            }
        }
    }
}

void
xfrm_db_unhush(void)
    OVS_RELEASES(mutex)
{
    for (size_t i = 0; i < ARRAY_SIZE(quiet); i++) {
        struct vlog_module *module = vlog_module_from_name(quiet[i].module);

        for (int j = 0; module && j < VLF_N_DESTINATIONS; j++) {
            if (is_quiet(i, j) && saved[i][j] > quiet[i].level) {
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
    if (ovs_mutex_trylock(&mutex)) {
        atomic_store(&commands_wait, true);
        return false;
    }
    atomic_store(&commands_wait, false);
    return true;
}

void
xfrm_db_levels_end(void)
    OVS_RELEASES(mutex)
{
    xpthread_cond_signal(&cond);
    ovs_mutex_unlock(&mutex);
}

void
xfrm_db_levels_wait(void)
{
    uint64_t seqno = seq_read(unhushed_seq());

    if (!ovs_mutex_trylock(&mutex)) {
        ovs_mutex_unlock(&mutex);
        poll_immediate_wake();
    } else {
        seq_wait(unhushed_seq(), seqno);
    }
}

void
xfrm_db_levels_give_up(void)
{
    ovs_mutex_lock(&mutex);
    atomic_store(&commands_wait, false);
    xpthread_cond_signal(&cond);
    ovs_mutex_unlock(&mutex);
}

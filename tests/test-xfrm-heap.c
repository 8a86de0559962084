/* SPDX-License-Identifier: Apache-2.0 */

/* Unit test of xfrm-heap.  tests/unit-heap.at stands above. */

#include <config.h>

#undef NDEBUG
#include "xfrm-heap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ovs-thread.h"
#include "tests/test-xfrm.h"
#include "util.h"

extern const struct ovs_cmdl_command test_xfrm_heap_commands[];

/* Bytes that may be written in the mapping that 'p' is in. */
static uintptr_t
mapping_size(const void *p)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    uintptr_t size = 0;
    char line[512];

    ovs_assert(maps);
    while (fgets(line, sizeof line, maps)) {
        uintptr_t begin, end;

        if (sscanf(line, "%"SCNxPTR"-%"SCNxPTR" rw", &begin, &end) == 2
            && begin <= (uintptr_t) p && (uintptr_t) p < end) {
            size = end - begin;
        }
    }
    fclose(maps);
    return size;
}

static long
resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long pages;

    ovs_assert(statm);
    ovs_assert(fscanf(statm, "%*d %ld", &pages) == 1);
    fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

static void *
heap_thread(void *prepare)
{
    long before = resident_bytes();
    void *p;

    if (prepare) {
        xfrm_heap_prepare();
    }
    p = xmalloc(1000);
    printf("%s: accessible %s, used %s\n", prepare ? "prepared" : "plain",
           mapping_size(p) >= 50 << 20 ? "in one go" : "page by page",
           resident_bytes() - before < 4 << 20 ? "little" : "much");
    free(p);
    return NULL;
}

/* Whether memory comes from glibc: a sanitizer brings its own malloc(). */
static void
test_heap_is_ours(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
#if defined(__GLIBC__) && defined(__LP64__) && !defined(__SANITIZE_ADDRESS__)
    puts("yes");
#else
    puts("no");
#endif
}

static void
test_heap_prepare(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    static char yes;

    xpthread_join(ovs_thread_create("plain", heap_thread, NULL), NULL);
    xpthread_join(ovs_thread_create("prepared", heap_thread, &yes), NULL);
}

const struct ovs_cmdl_command test_xfrm_heap_commands[] = {
    { "heap-is-ours", NULL, 0, 0, test_heap_is_ours, OVS_RO },
    { "heap-prepare", NULL, 0, 0, test_heap_prepare, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

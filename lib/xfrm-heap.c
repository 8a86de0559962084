/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of threads that handle very many rows: see xfrm-heap.h. */

#include <config.h>

#include "xfrm-heap.h"

#include "util.h"
#include "xfrm-version.h"

#ifdef __GLIBC__
#include <malloc.h>
#include <stdlib.h>

#define BULK 1000               /* Rows after which memory is given back. */

/* A heap of glibc's ends at 64 MB on machines of 64 bits, and at 1 MB on
 * others.  Blocks must be too small to be mapped one by one (128 kB). */
#define HEAP_BYTES (sizeof(void *) < 8 ? 512u << 10 : 60u << 20)
#define BLOCK_BYTES (96u << 10)
#endif

/* The heap of a thread is reserved as a whole, but made accessible page by page
 * as it grows, by a system call each: 20,000 of them for 10,000 SAs and
 * policies, and every one has all CPUs forget where pages are.  What has been
 * accessible once stays so when the memory is given back. */
void
xfrm_heap_prepare(void)
{
#ifdef __GLIBC__
    void *blocks[HEAP_BYTES / BLOCK_BYTES];

#if !XFRM_OVS_LOCK_ON_FAULT
    if (memory_locked()) {
        return;                 /* All of it would be filled at once. */
    }
#endif
    size_t n = 0;

    /* Not xmalloc(): nothing depends on it. */
    while (n < ARRAY_SIZE(blocks) && (blocks[n] = malloc(BLOCK_BYTES))) {
        n++;
    }
    while (n) {
        free(blocks[--n]);
    }
#endif
}

void
xfrm_heap_give_back(size_t n_rows OVS_UNUSED)
{
#ifdef __GLIBC__
    if (n_rows >= BULK) {
        malloc_trim(0);
    }
#endif
}

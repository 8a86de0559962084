/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_HEAP_H
#define XFRM_HEAP_H 1

/* How a thread that handles very many rows at a time gets memory, and gives it
 * back.  Of glibc's malloc; nothing elsewhere.  Below everything that has such
 * a thread: xfrm-engine-thread.c, xfrm-db. */

#include <stddef.h>

/* Makes the heap of the calling thread grow in one go, which costs address
 * space, and nothing if there is not enough.  Call it before anything else in the thread. */
void xfrm_heap_prepare(void);

/* Gives memory back to the system if that many rows were dealt with: their
 * text, and what was needed for them, leaves holes everywhere. */
void xfrm_heap_give_back(size_t n_rows);

#endif /* xfrm-heap.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* What the scenarios with faults at every call share. */

#ifndef TEST_XFRM_FAULT_H
#define TEST_XFRM_FAULT_H 1

#include "command-line.h"

#define FAULT_PATIENCE 60000    /* ms. */

/* The datapath, without what depends on how it came to be so.  The caller frees
 * it. */
char *fault_picture(void);

/* The errno that 'name' stands for.  Does not return if it is none that the
 * scenarios know. */
int fault_error_from_name(const char *name);

/* fault-port ERROR once|lasting */
void test_fault_port(struct ovs_cmdl_context *);

#endif /* tests/test-xfrm-fault.h */

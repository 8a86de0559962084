/* SPDX-License-Identifier: Apache-2.0 */

/* Something that UBSan reports and that has no effect without it, for the test
 * that such reports reach a file: tests/unit.at. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "command-line.h"
#include "tests/test-xfrm.h"
#include "util.h"

static int
compare(const void *a OVS_UNUSED, const void *b OVS_UNUSED)
{
    return 0;
}

static void
run_undefined(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    void *volatile nothing = NULL;

    /* As a daemon that has detached: nobody reads its stderr. */
    ignore(freopen("/dev/null", "w", stderr) != NULL);
    qsort(nothing, 0, 1, compare);
    puts("not reported");
}

const struct ovs_cmdl_command test_xfrm_sanitizer_commands[] = {
    { "sanitizer-undefined", NULL, 0, 0, run_undefined, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

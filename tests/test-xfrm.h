/* SPDX-License-Identifier: Apache-2.0 */

/* What the unit tests of ovs-xfrm share.
 *
 * "test-xfrm COMMAND [ARG...]" runs one command.  Each tests/test-xfrm-NAME.c
 * has a table of commands, which ends with an entry of NULLs; NAME stands in
 * the list below and in tests/automake.mk.  Command names are unique across
 * all tables: let them begin with NAME.  The autotest suite (tests/unit.at)
 * stands above and compares what the commands print. */

#ifndef TEST_XFRM_H
#define TEST_XFRM_H 1

#include "command-line.h"

#define TEST_XFRM_MODULES                       \
    TEST_XFRM_MODULE(secret)                    \
    TEST_XFRM_MODULE(algo)                      \
    TEST_XFRM_MODULE(spec)                      \
    TEST_XFRM_MODULE(options)                   \
    TEST_XFRM_MODULE(json)                      \
    TEST_XFRM_MODULE(plan)                      \
    TEST_XFRM_MODULE(diff)                      \
    TEST_XFRM_MODULE(netlink)                   \
    TEST_XFRM_MODULE(backend)                   \
    TEST_XFRM_MODULE(batch)                     \
    TEST_XFRM_MODULE(nonce)                     \
    TEST_XFRM_MODULE(crash)                     \
    TEST_XFRM_MODULE(engine)                    \
    TEST_XFRM_MODULE(fault)                     \
    TEST_XFRM_MODULE(rows)                      \
    TEST_XFRM_MODULE(heap)                      \
    TEST_XFRM_MODULE(sanitizer)

#define TEST_XFRM_MODULE(NAME) \
    extern const struct ovs_cmdl_command test_xfrm_##NAME##_commands[];
TEST_XFRM_MODULES
#undef TEST_XFRM_MODULE

#endif /* tests/test-xfrm.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* Main program of the unit tests: puts the commands of all modules into one
 * table and runs the one that is asked for.  See test-xfrm.h. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "fatal-signal.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "tests/test-xfrm.h"
#include "util.h"
#include "xfrm-version.h"

static const struct ovs_cmdl_command *const modules[] = {
#define TEST_XFRM_MODULE(NAME) test_xfrm_##NAME##_commands,
    TEST_XFRM_MODULES
#undef TEST_XFRM_MODULE
};

static struct ovs_cmdl_command *commands;
static size_t n_commands;

static void
add_command(const struct ovs_cmdl_command *command)
{
    /* Of two commands with one name the second could never run, and its test
     * would test something else. */
    for (size_t i = 0; i < n_commands; i++) {
        if (!strcmp(commands[i].name, command->name)) {
            ovs_fatal(0, "%s: two commands of this name", command->name);
        }
    }

    commands = xrealloc(commands, (n_commands + 2) * sizeof *commands);
    commands[n_commands++] = *command;
    memset(&commands[n_commands], 0, sizeof *commands);
}

static void
run_help(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    printf("%s: unit tests of ovs-xfrm %s\n"
           "usage: %s COMMAND [ARG...]\n"
           "where COMMAND is one of:\n",
           program_name, XFRM_VERSION, program_name);
    ovs_cmdl_print_commands(commands);
}

int
main(int argc, char *argv[])
{
    static const struct ovs_cmdl_command help = {
        "--help", NULL, 0, 0, run_help, OVS_RO
    };
    struct ovs_cmdl_context ctx;

    set_program_name(argv[0]);
    ovsthread_id_init();
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_SYSLOG, VLL_OFF);

    add_command(&help);
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        for (const struct ovs_cmdl_command *c = modules[i]; c->name; c++) {
            add_command(c);
        }
    }

    if (argc < 2) {
        ovs_fatal(0, "a command is needed; use --help for a list");
    }
    ctx.argc = argc - 1;
    ctx.argv = argv + 1;
    ctx.pvt = NULL;
    ovs_cmdl_run_command(&ctx, commands);

    free(commands);
    return 0;
}

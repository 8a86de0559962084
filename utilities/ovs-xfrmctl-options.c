/* SPDX-License-Identifier: Apache-2.0 */

/* The options of ovs-xfrmctl, and its help.
 *
 * Above: ovs-xfrmctl.c.  Below: Open vSwitch's tables of common options. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "openvswitch/vlog.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-text.h"

struct xfrmctl_options xfrmctl = {
    .style = TABLE_STYLE_DEFAULT,
    .deadline = LLONG_MAX,
};

OVS_NO_RETURN static void
usage(void)
{
    printf("\
%s: SAs and policies of xfrm ports, in the OVS_XFRM database\n\
usage: %s [OPTIONS] COMMAND [ARG...]\n\
\n\
Database:\n\
  init [--from=FILE]          create the database, add it to ovsdb-server\n\
    --db-file=FILE            the database's file\n\
    --server=TARGET           control socket of ovsdb-server\n\
  export [FILE]               print the configuration as JSON\n\
  show [IF_ID]                print an overview\n\
  monitor [IF_ID]             print notifications and states as they come\n\
    --count=N                 end after N of them\n\
\n\
Security associations:\n\
  sa-add IF_ID in|out SRC DST SPI|auto ALGORITHM [COLUMN=VALUE]...\n\
                              add an SA; its key comes from one of\n\
    --key-file=FILE           hexadecimal digits in FILE, - is standard input\n\
    --generate-key            random, right for ALGORITHM;\n\
    --save-key=FILE           also write the key to FILE, for the other end\n\
  sa-del IF_ID SPI [DST]      delete an SA; sa-del --all IF_ID: all of them\n\
  sa-list [IF_ID]             print the SAs\n\
  rekey IF_ID --peer=DB       new keys at both ends, without a lost packet\n\
    --step=1|2|3              only one of the three steps of RFC 9061\n\
    --rollback                delete what an interrupted rekey left\n\
    --peer-if-id=IF_ID        interface ID of the other end, if it differs\n\
    --drain=MS                how long packets may be under way (500)\n\
\n\
Policies:\n\
  policy-add IF_ID in|out|fwd|both [SELECTOR=VALUE]... [COLUMN=VALUE]... \\\n\
      discard | protect esp|ah|ipcomp MODE [SRC DST] [reqid=N] [...]\n\
                              \"both\": as seen from here; makes out, in, fwd\n\
  policy-del IF_ID DIR [SELECTOR=VALUE]...\n\
                              delete a policy; policy-del --all IF_ID: all\n\
  policy-list [IF_ID]         print the policies\n\
\n\
%s\
%s\
\n\
Options:\n\
  --db=DATABASE               connect to DATABASE\n\
                              (default: %s)\n\
  --wait                      wait until the kernel has the change; fail with\n\
                              the error of a row that the command changed\n\
  --show-keys                 print keys, which are \"<hidden>\" otherwise\n\
  -t, --timeout=SECS          give up after SECS seconds\n\
  --dry-run                   do not commit changes to database\n",
           program_name, program_name, ctl_get_db_cmd_usage(),
           ctl_list_db_tables_usage(), ctl_default_db());
    table_usage();
    vlog_usage();
    stream_usage("database", true, true, false);
    printf("\n\
Other options:\n\
  --commands, --options       list commands, options (for shell completion)\n\
  -h, --help                  display this help message\n\
  -V, --version               display version information\n");
    exit(EXIT_SUCCESS);
}

/* For xfrm_text_nearest(). */
static const struct option *known_options;

static const char *
option_name_at(size_t index)
{
    const char *name = known_options[index].name;

    /* Do not recommend what is refused. */
    return (name && (!strcmp(name, "key") || !strcmp(name, "keymat"))
            ? "key-file" : name);
}

/* getopt's own messages repeat the whole argument, and people who guess at an
 * option for a key write the key behind it. */
OVS_NO_RETURN static void
bad_option(const char *arg, const struct option *options, bool missing)
{
    char *name = xmemdup0(arg, strcspn(arg, "="));
    char *quoted = xfrm_text_quote(name);
    const char *nearest;

    if (missing) {
        ctl_fatal("option %s needs an argument (or takes none and has one); "
                  "see --help", quoted);
    }
    known_options = options;
    nearest = (!strncmp(name, "--", 2)
               ? xfrm_text_nearest(name + 2, option_name_at) : NULL);
    if (nearest) {
        ctl_fatal("unknown option %s; did you mean --%s?", quoted, nearest);
    }
    ctl_fatal("unknown option %s; see --help", quoted);
}

/* The messages of jsonrpc contain whatever the database does. */
static void
keep_keys_out_of_the_log(void)
{
    struct vlog_module *module = vlog_module_from_name("jsonrpc");

    for (int i = 0; module && i < VLF_N_DESTINATIONS; i++) {
        if (vlog_get_level(module, i) > VLL_INFO) {
            vlog_set_levels(module, i, VLL_INFO);
        }
    }
}

/* Open vSwitch's own message would not say what is allowed. */
static void
check_choice(const char *option, const char *s, const char *const choices[])
{
    const char *choice;
    char *error;

    if (!xfrmctl_parse_choice(option, s, choices, &choice, &error)) {
        ctl_fatal("%s", error);
    }
}

static void
parse_timeout(const char *s)
{
    if (!str_to_uint(s, 10, &xfrmctl.timeout) || !xfrmctl.timeout) {
        ctl_fatal("value %s on -t or --timeout is invalid; it must be a "
                  "number of seconds above 0", s);
    }
}

/* Does the option 'arg' of a command need a value? */
static bool
takes_value(const char *arg)
{
    static const struct ctl_command_syntax *const all[] = {
        xfrmctl_sa_commands, xfrmctl_policy_commands, xfrmctl_show_commands,
        xfrmctl_export_commands, xfrmctl_standalone_commands,
    };
    size_t len = strlen(arg);

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        for (const struct ctl_command_syntax *c = all[i]; c->name; c++) {
            const char *p = strstr(c->options, arg);

            if (p && p[len] == '=') {
                return true;
            }
        }
    }
    return (!strcmp(arg, "--db") || !strcmp(arg, "--timeout")
            || !strcmp(arg, "--format") || !strcmp(arg, "--data")
            || !strcmp(arg, "--columns") || !strcmp(arg, "--id"));
}

/* db-ctl-base wants the options of a command before its name, and people
 * write them behind it.  Returns a copy of 'argv' as the former wants it,
 * which the caller frees; the strings are those of 'argv'. */
char **
xfrmctl_permute(int argc, char *argv[])
{
    char **copy = xcalloc(argc + 1, sizeof *copy);
    int i = 1, n = 1;

    copy[0] = argv[0];
    while (i < argc) {
        int start = i, end = i, command;

        while (end < argc && strcmp(argv[end], "--")) {
            end++;
        }
        for (command = start; command < end && argv[command][0] == '-';
             command++) {
            if (takes_value(argv[command])) {
                command++;
            }
        }
        for (i = start; i < MIN(command, end); i++) {
            copy[n++] = argv[i];
        }
        bool keep = command < end && !strcmp(argv[command], "comment");
        for (i = command; i < end && !keep; i++) {
            if (!strncmp(argv[i], "--", 2)) {
                if (takes_value(argv[i])) {
                    ctl_fatal("write %s=VALUE, with an equals sign, when it "
                              "stands behind the command", argv[i]);
                }
                copy[n++] = argv[i];
            }
        }
        for (i = command; i < end; i++) {
            if (keep || strncmp(argv[i], "--", 2)) {
                copy[n++] = argv[i];
            }
        }
        i = end;
        if (i < argc) {
            copy[n++] = argv[i++];
        }
    }
    ovs_assert(n == argc);
    return copy;
}

/* Reads the options into 'xfrmctl' and those of the first command into
 * 'local_options', as getopt does: 'optind' is then the first command. */
void
xfrmctl_parse_options(int argc, char *argv[],
                      struct shash *local_options)
{
    enum {
        OPT_DB = UCHAR_MAX + 1,
        OPT_WAIT,
        OPT_SHOW_KEYS,
        OPT_DRY_RUN,
        OPT_NO_SYSLOG,
        OPT_COMMANDS,
        OPT_OPTIONS,
        OPT_KEY,
        OPT_PEER_CA_CERT,
        OPT_LOCAL,
        VLOG_OPTION_ENUMS,
        TABLE_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option global_long_options[] = {
        {"db", required_argument, NULL, OPT_DB},
        {"wait", no_argument, NULL, OPT_WAIT},
        {"show-keys", no_argument, NULL, OPT_SHOW_KEYS},
        {"dry-run", no_argument, NULL, OPT_DRY_RUN},
        {"no-syslog", no_argument, NULL, OPT_NO_SYSLOG},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"commands", no_argument, NULL, OPT_COMMANDS},
        {"options", no_argument, NULL, OPT_OPTIONS},
        VLOG_LONG_OPTIONS,
        TABLE_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
        {NULL, 0, NULL, 0},
    };
    static const char *const formats[] = {
        "table", "list", "html", "csv", "json", NULL
    };
    static const char *const cell_formats[] = {
        "string", "bare", "json", NULL
    };
    /* Only to be refused: what people try first. */
    static const struct option key_options[] = {
        {"key", optional_argument, NULL, OPT_KEY},
        {"keymat", optional_argument, NULL, OPT_KEY},
    };
    const char *env = getenv("OVS_CTL_TIMEOUT");
    size_t n_global = ARRAY_SIZE(global_long_options) - 1;
    size_t allocated, n_options, n_constant;
    struct option *options;
    char *short_options;

    short_options = ovs_cmdl_long_options_to_short_options(
        global_long_options);
    n_options = n_constant = n_global + ARRAY_SIZE(key_options);
    allocated = n_options;
    options = xmalloc(allocated * sizeof *options);
    memcpy(options, global_long_options, n_global * sizeof *options);
    memcpy(options + n_global, key_options, sizeof key_options);
    ctl_add_cmd_options(&options, &n_options, &allocated, OPT_LOCAL);

    if (env && env[0]) {
        parse_timeout(env);
    }

    char *spec = xasprintf("+:%s", short_options);
    opterr = 0;
    for (;;) {
        int at = optind;
        int idx;
        int c = getopt_long(argc, argv, spec, options, &idx);

        if (c == -1) {
            break;
        }
        switch (c) {
        case OPT_DB:
            xfrmctl.db = optarg;
            break;

        case OPT_WAIT:
            xfrmctl.wait = true;
            break;

        case OPT_SHOW_KEYS:
            xfrmctl.show_keys = true;
            break;

        case OPT_DRY_RUN:
            xfrmctl.dry_run = true;
            break;

        case OPT_NO_SYSLOG:
            vlog_set_levels(vlog_module_from_name("xfrmctl"), VLF_SYSLOG,
                            VLL_WARN);
            break;

        case OPT_KEY:
            ctl_fatal("%s", xfrmctl_key_refusal);

        case OPT_COMMANDS:
            ctl_print_commands();
            OVS_NOT_REACHED();

        case OPT_OPTIONS:
            ctl_print_options(global_long_options);
            OVS_NOT_REACHED();

        case OPT_LOCAL: {
            char *name = xasprintf("--%s", options[idx].name);

            if (shash_find(local_options, name)) {
                ctl_fatal("option %s is given twice", name);
            }
            shash_add_nocopy(local_options, name, nullable_xstrdup(optarg));
            break;
        }

        case 'f':
            check_choice("--format", optarg, formats);
            xfrmctl.format_given = true;
            table_parse_format(&xfrmctl.style, optarg);
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(0, 0);
            printf("ovs-xfrm %s\nDB Schema %s\n", XFRM_VERSION,
                   xfrmrec_get_db_version());
            exit(EXIT_SUCCESS);

        case 't':
            parse_timeout(optarg);
            break;

        case 'd':
            check_choice("--data", optarg, cell_formats);
            table_parse_cell_format(&xfrmctl.style, optarg);
            break;

        case OPT_NO_HEADINGS:
            xfrmctl.style.headings = false;
            break;

        case OPT_PRETTY:
            xfrmctl.style.json_flags |= JSSF_PRETTY;
            break;

        case OPT_BARE:
            xfrmctl.format_given = true;
            xfrmctl.style.format = TF_LIST;
            xfrmctl.style.cell_format = CF_BARE;
            xfrmctl.style.headings = false;
            break;

        case OPT_MAX_COLUMN_WIDTH:
            xfrmctl.style.max_column_width = atoi(optarg);
            break;

        VLOG_OPTION_HANDLERS

        STREAM_SSL_OPTION_HANDLERS

        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;

        case ':':
        case '?':
            bad_option(argv[at], options,
                       c == ':' || (optopt && !strncmp(argv[at], "--", 2)));

        default:
            OVS_NOT_REACHED();
        }
    }
    free(spec);
    free(short_options);

    if (!xfrmctl.db) {
        xfrmctl.db = ctl_default_db();
    }
    if (xfrmctl.timeout) {
        xfrmctl.deadline = time_msec() + 1000LL * xfrmctl.timeout;
        /* We say better what went wrong, unless we hang in a call. */
        ctl_timeout_setup(MIN(xfrmctl.timeout, UINT_MAX - 1) + 1);
    }
    if (!xfrmctl.show_keys) {
        keep_keys_out_of_the_log();
    }

    for (size_t i = n_constant; options[i].name; i++) {
        free(CONST_CAST(char *, options[i].name));
    }
    free(options);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The switch daemon: Open vSwitch's bridge layer with netdevs of class "xfrm".
 *
 * It has the command line, the files and the control socket of the stock
 * ovs-vswitchd, so that scripts and tools cannot tell them apart until they
 * ask for the version.  Below: Open vSwitch's bridge.c, which is compiled from
 * its tree, and our provider, its reports to the database and its unixctl
 * commands.  Nothing stands above. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "command-line.h"
#include "daemon.h"
#include "dirs.h"
#include "dns-resolve.h"
#include "dpdk.h"
#include "dpif.h"
#include "dummy.h"
#include "fatal-signal.h"
#include "lib/netdev-xfrm.h"
#include "memory.h"
#include "netdev.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "ovs-router.h"
#include "ovs-thread.h"
#include "simap.h"
#include "stream.h"
#include "stream-ssl.h"
#include "unixctl.h"
#include "util.h"
#include "vswitchd/bridge.h"
#include "vswitchd/xfrm-charge.h"
#include "vswitchd/xfrm-db-hush.h"
#include "vswitchd/xfrm-db-thread.h"
#include "vswitchd/xfrm-report.h"
#include "vswitchd/xfrm-unixctl.h"
#include "xfrm-version.h"

VLOG_DEFINE_THIS_MODULE(vswitchd);

/* What the command line asks for. */
struct vswitchd_config {
    char *remote;               /* Owned.  Where ovsdb-server listens. */
    const char *unixctl_path;   /* NULL for the default. */
    bool lock_memory;           /* --mlockall. */
    bool dummy;                 /* --enable-dummy. */
    bool hw_rawio;              /* --hw-rawio-access. */
};

/* Requests to exit, which are answered when the bridges are gone. */
struct vswitchd_exit {
    bool requested;
    bool cleanup;
    struct unixctl_conn **conns;
    size_t n_conns;
};

OVS_NO_RETURN static void
print_usage(void)
{
    printf("%s: Open vSwitch daemon with IPsec ports (ovs-xfrm %s)\n"
           "usage: %s [OPTIONS] [DATABASE]\n"
           "where DATABASE is a socket on which ovsdb-server is listening\n"
           "      (default: \"unix:%s/db.sock\").\n",
           program_name, XFRM_VERSION, program_name, ovs_rundir());
    stream_usage("DATABASE", true, false, true);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --unixctl=SOCKET          override default control socket name\n"
           "  --mlockall                lock all memory into RAM\n"
#if XFRM_OVS_HW_RAWIO
           "  --hw-rawio-access         keep CAP_SYS_RAWIO with --user\n"
#endif
           "  -h, --help                display this help message\n"
           "  -V, --version             display version information\n");
    exit(EXIT_SUCCESS);
}

OVS_NO_RETURN static void
print_version(void)
{
    /* The first line is the stock daemon's: scripts parse it. */
    ovs_print_version(0, 0);
    printf("ovs-xfrm %s\n", XFRM_VERSION);
    print_dpdk_version();
    exit(EXIT_SUCCESS);
}

static void
parse_command_line(int argc, char *argv[], struct vswitchd_config *config)
{
    enum {
        OPT_UNIXCTL = UCHAR_MAX + 1,
        OPT_MLOCKALL,
        OPT_PEER_CA_CERT,
        OPT_BOOTSTRAP_CA_CERT,
        OPT_ENABLE_DUMMY,
        OPT_DUMMY_NUMA,
        OPT_DISABLE_SYSTEM,
        OPT_DISABLE_SYSTEM_ROUTE,
        OPT_DPDK,
        OPT_HW_RAWIO,
        DAEMON_OPTION_ENUMS,
        VLOG_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"mlockall", no_argument, NULL, OPT_MLOCKALL},
        {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
        {"bootstrap-ca-cert", required_argument, NULL, OPT_BOOTSTRAP_CA_CERT},
        {"enable-dummy", optional_argument, NULL, OPT_ENABLE_DUMMY},
        {"dummy-numa", required_argument, NULL, OPT_DUMMY_NUMA},
        {"disable-system", no_argument, NULL, OPT_DISABLE_SYSTEM},
        {"disable-system-route", no_argument, NULL, OPT_DISABLE_SYSTEM_ROUTE},
        {"dpdk", optional_argument, NULL, OPT_DPDK},
#if XFRM_OVS_HW_RAWIO
        {"hw-rawio-access", no_argument, NULL, OPT_HW_RAWIO},
#endif
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(options);
    int c;

    while ((c = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
        switch (c) {
        case 'h':
            print_usage();

        case 'V':
            print_version();

        case OPT_UNIXCTL:
            config->unixctl_path = optarg;
            break;

        case OPT_MLOCKALL:
            config->lock_memory = true;
            break;

        case OPT_ENABLE_DUMMY:
            dummy_enable(optarg);
            config->dummy = true;
            break;

        case OPT_DUMMY_NUMA:
            ovs_numa_set_dummy(optarg);
            break;

        case OPT_DISABLE_SYSTEM:
            dp_disallow_provider("system");
            break;

        case OPT_DISABLE_SYSTEM_ROUTE:
            ovs_router_disable_system_routing_table();
            break;

        case OPT_HW_RAWIO:
            config->hw_rawio = true;
            break;

        case OPT_DPDK:
            ovs_fatal(0, "--dpdk: not supported, DPDK is configured through "
                      "the database");

        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS

        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;

        case OPT_BOOTSTRAP_CA_CERT:
            stream_ssl_set_ca_cert_file(optarg, true);
            break;

        case '?':
            /* getopt_long() has said what is wrong. */
            exit(EXIT_FAILURE);

        default:
            OVS_NOT_REACHED();
        }
    }
    free(short_options);

    if (argc - optind > 1) {
        VLOG_FATAL("at most one non-option argument accepted; "
                   "use --help for usage");
    }
    config->remote = (optind < argc
                      ? xstrdup(argv[optind])
                      : xasprintf("unix:%s/db.sock", ovs_rundir()));
}

/* Keeps the daemon, keys included, out of swap. */
static void
lock_memory(void)
{
#if XFRM_OVS_LOCK_ON_FAULT && defined(MCL_ONFAULT)
    /* Later versions of Open vSwitch prefer to lock pages as they are used.
     * A kernel that does not know how gets everything locked at once. */
    if (!mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) {
        return;
    }
#endif
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        VLOG_ERR("--mlockall: cannot lock memory: %s", ovs_strerror(errno));
        return;
    }
#if XFRM_OVS_LOCK_ON_FAULT
    set_all_memory_locked();
#else
    set_memory_locked();
#endif
}

static void
unixctl_exit(struct unixctl_conn *conn, int argc, const char *argv[],
             void *exit_)
{
    struct vswitchd_exit *request = exit_;

    /* A client that hears of success may rely on it that the kernel is clean,
     * hence no answer yet. */
    request->requested = true;
    request->cleanup |= argc > 1 && !strcmp(argv[1], "--cleanup");
    request->conns = xrealloc(request->conns, ((request->n_conns + 1)
                                               * sizeof *request->conns));
    request->conns[request->n_conns++] = conn;
}

static void
report_memory_usage(void)
{
    struct simap usage = SIMAP_INITIALIZER(&usage);

    bridge_get_memory_usage(&usage);
    memory_report(&usage);
    simap_destroy(&usage);
}

/* Runs the switch until 'request' says otherwise. */
static void
run_until_exit(struct unixctl_server *unixctl, struct vswitchd_exit *request)
{
    while (!request->requested) {
        enum xfrm_db_work db;
        bool commands;

        memory_run();
        if (memory_should_report()) {
            report_memory_usage();
        }
        bridge_run();
        commands = xfrm_db_levels_begin();
        if (commands) {
            unixctl_server_run(unixctl);
            xfrm_db_levels_end();
        }
        netdev_run();
        netdev_xfrm_run(xfrm_charge_is_ours());
        if (xfrm_charge_is_ours()) {
            xfrm_report_run();
        }
        db = (!xfrm_charge_is_ours() ? XFRM_DB_REST
              : !xfrm_charge_is_complete() ? XFRM_DB_READ
              : XFRM_DB_WORK);
        xfrm_db_thread_run(db);
        xfrm_unixctl_run();

        memory_wait();
        bridge_wait();
        if (commands) {
            unixctl_server_wait(unixctl);
        } else {
            xfrm_db_levels_wait();
        }
        netdev_wait();
        netdev_xfrm_wait();
        if (xfrm_charge_is_ours()) {
            xfrm_report_wait();
        }
        xfrm_db_thread_wait(db);
        xfrm_unixctl_wait();
        if (request->requested) {
            poll_immediate_wake();
        }
        poll_block();
    }
}

int
main(int argc, char *argv[])
{
    struct vswitchd_config config = { .remote = NULL };
    struct vswitchd_exit request = { .requested = false };
    struct unixctl_server *unixctl;

    set_program_name(argv[0]);
    ovsthread_id_init();
    dns_resolve_init(true);
    ovs_cmdl_proctitle_init(argc, argv);
    parse_command_line(argc, argv, &config);
    fatal_ignore_sigpipe();

#if XFRM_OVS_HW_RAWIO
    daemonize_start(true, config.hw_rawio);
#else
    daemonize_start(true);
#endif
    /* Locks do not survive the fork above. */
    if (config.lock_memory) {
        lock_memory();
    }

    if (unixctl_server_create(config.unixctl_path, &unixctl)) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "[--cleanup]", 0, 1, unixctl_exit,
                             &request);

    /* The class must be known before the first row is read, or its ports
     * would fail as being of an unknown type. */
    netdev_xfrm_register(config.dummy);
    xfrm_report_init(config.remote);
    xfrm_db_thread_init(config.remote);
    xfrm_unixctl_init();
    bridge_init(config.remote);

    run_until_exit(unixctl, &request);

    xfrm_db_thread_stop();
    netdev_xfrm_exiting(request.cleanup);
    bridge_exit(request.cleanup);
    netdev_xfrm_unregister();
    xfrm_db_thread_destroy();
    xfrm_report_destroy();

    for (size_t i = 0; i < request.n_conns; i++) {
        unixctl_command_reply(request.conns[i], NULL);
    }
    free(request.conns);
    unixctl_server_destroy(unixctl);
    free(config.remote);
    vlog_disable_async();
    ovsrcu_exit();
    dns_resolve_destroy();

    return 0;
}

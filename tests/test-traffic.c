/* SPDX-License-Identifier: Apache-2.0 */

/* test-traffic: numbered UDP packets between two network namespaces, both ways
 * at once, with an account of each.
 *
 * For system tests that change or break things under traffic and must know
 * exactly what was lost.  One process has a socket in each namespace, so that
 * sent and received numbers meet without any protocol.  It runs until SIGTERM
 * or SIGINT, waits for what is still under way, and prints an account; the
 * exit status is 0 only if each packet arrived once and unharmed.
 *
 * It must lose nothing for reasons of its own, on a machine of which a part may
 * stand still for a second at any time.  So it does not send at a rate but in a
 * window that slides, as TCP does: as fast as packets arrive, but none that is
 * WINDOW numbers or more ahead of one that has not arrived.  So they fit into
 * each queue between the two.  Nor can one that waits in the queue of a CPU that
 * stands still be overtaken by so many that the replay window of an SA has left
 * it behind, if that is as large as WINDOW. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bitmap.h"
#include "util.h"

/* Not to be mistaken for anything else that comes to the port. */
#define MAGIC 0x78f7a4f1

/* The most numbers of a direction: an hour at some 18,000 packets a second. */
#define MAX_PACKETS (64u * 1024 * 1024)

#define MAX_SIZE 9000           /* Bytes of UDP payload. */
#define SOCKET_BUFFER (8 * 1024 * 1024)

/* If nothing arrives for so long, what is under way is taken for lost, and
 * more is sent; when it was the end, the account is closed.  In milliseconds;
 * should it arrive nevertheless, it is counted then. */
#define PATIENCE 5000

#define STATUS_INTERVAL 50      /* Milliseconds. */

/* What is in front of each packet, in host byte order: both ends are here. */
struct header {
    uint32_t magic;
    uint32_t run;               /* Our process. */
    uint32_t direction;
    uint32_t number;
};

/* One namespace, with what it sends to the other. */
struct end {
    const char *netns;          /* Name. */
    struct sockaddr_storage addr;
    int fd;

    uint32_t n_sent;
    uint32_t oldest;            /* All before it have arrived, or are taken for
                                 * lost. */

    /* At the other end. */
    unsigned long *seen;        /* Bitmap of numbers. */
    uint32_t n_received;        /* Different ones. */
    uint32_t n_duplicated;
    uint32_t n_harmed;          /* Not what was sent. */
    uint32_t n_reordered;       /* After one with a higher number. */
    uint32_t next_number;       /* Highest number received + 1. */
    long long int last_ms;      /* When one came. */
    long long int longest_ms;   /* Longest time without one. */
};

static struct end ends[2];
static size_t size = 512;
static unsigned int window = 64;
static unsigned int port = 7777;
static const char *status_file;
static uint32_t run;
static volatile sig_atomic_t stop;

static void
handle_signal(int sig OVS_UNUSED)
{
    stop = 1;
}

static long long int
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Opens the socket of 'end', whose argument is NETNS,ADDRESS. */
static void
end_open(struct end *end, char *arg)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *) &end->addr;
    struct sockaddr_in *sin = (struct sockaddr_in *) &end->addr;
    char *comma = strchr(arg, ',');
    int buffer = SOCKET_BUFFER;
    char path[256];
    int fd;

    if (!comma) {
        ovs_fatal(0, "\"%s\" is not of the form NETNS,ADDRESS", arg);
    }
    *comma = '\0';
    end->netns = arg;
    if (inet_pton(AF_INET, comma + 1, &sin->sin_addr) == 1) {
        sin->sin_family = AF_INET;
        sin->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, comma + 1, &sin6->sin6_addr) == 1) {
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(port);
    } else {
        ovs_fatal(0, "\"%s\" is no address", comma + 1);
    }

    snprintf(path, sizeof path, "/run/netns/%s", end->netns);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET)) {
        ovs_fatal(errno, "cannot enter network namespace %s", end->netns);
    }
    close(fd);
    end->fd = socket(end->addr.ss_family,
                     SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (end->fd < 0
        || setsockopt(end->fd, SOL_SOCKET, SO_RCVBUFFORCE,
                      &buffer, sizeof buffer)
        || setsockopt(end->fd, SOL_SOCKET, SO_SNDBUFFORCE,
                      &buffer, sizeof buffer)
        || bind(end->fd, (struct sockaddr *) &end->addr, sizeof end->addr)) {
        ovs_fatal(errno, "%s: cannot open a socket", end->netns);
    }
    end->seen = bitmap_allocate(MAX_PACKETS);
    end->last_ms = now_ms();
}

/* What is behind the header depends on the number. */
static void
fill(uint8_t *packet, const struct header *header)
{
    memcpy(packet, header, sizeof *header);
    for (size_t i = sizeof *header; i < size; i++) {
        packet[i] = header->number * 7 + header->direction + i;
    }
}

/* Sends from 'end' to 'other' as much as the window allows.  Returns true if
 * there was any. */
static bool
end_send(struct end *end, const struct end *other)
{
    struct header header = {
        .magic = MAGIC, .run = run, .direction = end - ends
    };
    uint8_t packet[MAX_SIZE];
    bool any = false;

    while (end->n_sent - end->oldest < window) {
        if (end->n_sent >= MAX_PACKETS) {
            ovs_fatal(0, "too many packets for one account");
        }
        header.number = end->n_sent;
        fill(packet, &header);
        if (sendto(end->fd, packet, size, 0, (struct sockaddr *) &other->addr,
                   sizeof other->addr) < 0) {
            if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) {
                break;
            }
            ovs_fatal(errno, "%s: cannot send", end->netns);
        }
        end->n_sent++;
        any = true;
    }
    return any;
}

static void
account(const uint8_t *packet, size_t len)
{
    uint8_t expected[MAX_SIZE];
    struct header header;
    struct end *from;
    long long int now;

    if (len < sizeof header) {
        return;
    }
    memcpy(&header, packet, sizeof header);
    if (header.magic != MAGIC || header.run != run
        || header.direction >= ARRAY_SIZE(ends)) {
        return;
    }
    from = &ends[header.direction];
    fill(expected, &header);
    if (len != size || memcmp(packet, expected, len)
        || header.number >= from->n_sent) {
        from->n_harmed++;
        return;
    }
    if (bitmap_is_set(from->seen, header.number)) {
        from->n_duplicated++;
        return;
    }
    bitmap_set1(from->seen, header.number);
    from->n_received++;
    while (from->oldest < from->n_sent
           && bitmap_is_set(from->seen, from->oldest)) {
        from->oldest++;
    }
    if (header.number < from->next_number) {
        from->n_reordered++;
    } else {
        from->next_number = header.number + 1;
    }
    now = now_ms();
    from->longest_ms = MAX(from->longest_ms, now - from->last_ms);
    from->last_ms = now;
}

/* Receives what has come to 'end'.  Returns true if there was any. */
static bool
end_receive(struct end *end)
{
    uint8_t packet[MAX_SIZE];
    bool any = false;

    for (;;) {
        ssize_t len = recv(end->fd, packet, sizeof packet, MSG_TRUNC);

        if (len < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                ovs_fatal(errno, "%s: cannot receive", end->netns);
            }
            return any;
        }
        account(packet, len);
        any = true;
    }
}

/* For the tests: how far we are, as a whole line or not at all. */
static void
write_status(void)
{
    static long long int next;
    char *tmp;
    FILE *f;

    if (!status_file || now_ms() < next) {
        return;
    }
    next = now_ms() + STATUS_INTERVAL;
    tmp = xasprintf("%s.tmp", status_file);
    f = fopen(tmp, "w");
    if (!f) {
        ovs_fatal(errno, "%s", tmp);
    }
    fprintf(f, "%"PRIu32" %"PRIu32" %"PRIu32" %"PRIu32"\n",
            ends[0].n_sent, ends[0].n_received,
            ends[1].n_sent, ends[1].n_received);
    fclose(f);
    if (rename(tmp, status_file)) {
        ovs_fatal(errno, "%s", status_file);
    }
    free(tmp);
}

static bool
everything_arrived(void)
{
    return (ends[0].n_received == ends[0].n_sent
            && ends[1].n_received == ends[1].n_sent);
}

static void
run_traffic(void)
{
    for (;;) {
        struct pollfd pollfds[2];
        bool active = false;
        long long int now;

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
            if (!stop) {
                active |= end_send(&ends[i], &ends[!i]);
            }
            active |= end_receive(&ends[!i]);
            pollfds[i].fd = ends[i].fd;
            pollfds[i].events = POLLIN;
        }
        write_status();
        if (stop && everything_arrived()) {
            return;
        }

        now = now_ms();
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
            if (now - ends[i].last_ms > PATIENCE) {
                ends[i].oldest = ends[i].n_sent;
            }
        }
        if (stop && now - ends[0].last_ms > PATIENCE
            && now - ends[1].last_ms > PATIENCE) {
            return;
        }
        if (!active) {
            poll(pollfds, ARRAY_SIZE(pollfds), STATUS_INTERVAL);
        }
    }
}

/* Prints the account of 'from'.  Returns true if all is well. */
static bool
report(const struct end *from, const struct end *to, double seconds)
{
    uint32_t n_missing = from->n_sent - from->n_received;
    unsigned int shown = 0;

    printf("%s to %s: %"PRIu32" sent, %"PRIu32" missing, %"PRIu32
           " duplicated, %"PRIu32" harmed, %"PRIu32" reordered, "
           "%.0f packets/s, longest pause %lld ms\n",
           from->netns, to->netns, from->n_sent, n_missing,
           from->n_duplicated, from->n_harmed, from->n_reordered,
           from->n_received / seconds, from->longest_ms);
    for (uint32_t i = 0; n_missing && i < from->n_sent && shown < 20; i++) {
        if (!bitmap_is_set(from->seen, i)) {
            printf("%s%"PRIu32, shown++ ? " " : "    missing: ", i);
        }
    }
    if (shown) {
        printf("%s\n", shown < n_missing ? " ..." : "");
    }
    return (from->n_sent && !n_missing && !from->n_duplicated
            && !from->n_harmed);
}

static unsigned int
parse_number(const char *option, const char *s, int min, int max)
{
    int value;

    if (!str_to_int(s, 10, &value) || value < min || value > max) {
        ovs_fatal(0, "--%s must be from %d to %d", option, min, max);
    }
    return value;
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "size", required_argument, NULL, 's' },
        { "window", required_argument, NULL, 'w' },
        { "port", required_argument, NULL, 'p' },
        { "status", required_argument, NULL, 'S' },
        { NULL, 0, NULL, 0 },
    };
    struct sigaction action = { .sa_handler = handle_signal };
    long long int start;
    double seconds;
    bool ok = true;
    int c;

    set_program_name(argv[0]);
    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (c) {
        case 's':
            size = parse_number("size", optarg, sizeof(struct header),
                                MAX_SIZE);
            break;
        case 'w':
            window = parse_number("window", optarg, 1, 10000);
            break;
        case 'p':
            port = parse_number("port", optarg, 1, 65535);
            break;
        case 'S':
            status_file = optarg;
            break;
        default:
            return EXIT_FAILURE;
        }
    }
    if (argc - optind != 2) {
        ovs_fatal(0, "usage: %s [--size=BYTES] [--window=PACKETS] [--port=N] "
                  "[--status=FILE] NETNS,ADDRESS NETNS,ADDRESS",
                  program_name);
    }
    run = getpid();
    errno = 0;
    /* What is left of the machine is ours, and no more: else those who are to
     * do something under this traffic would wait for it. */
    if (nice(19) == -1 && errno) {
        ovs_fatal(errno, "nice");
    }
    end_open(&ends[0], argv[optind]);
    end_open(&ends[1], argv[optind + 1]);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    start = now_ms();
    run_traffic();
    seconds = MAX(now_ms() - start, 1) / 1000.0;
    ok &= report(&ends[0], &ends[1], seconds);
    ok &= report(&ends[1], &ends[0], seconds);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

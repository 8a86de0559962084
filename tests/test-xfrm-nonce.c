/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of lib/xfrm-nonce.c: what it answers, what it leaves on disk, and
 * that no damage to the file makes it hand out a number twice. */

#include <config.h>

#undef NDEBUG
#include "xfrm-nonce.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "random.h"
#include "tests/test-xfrm.h"
#include "util.h"

#define LIMIT32 UINT64_C(0xffffffff)

static struct xfrm_fingerprint
fingerprint(const char *name)
{
    struct xfrm_fingerprint fp;

    memset(&fp, 0x5a, sizeof fp);
    memcpy(&fp, name, MIN(strlen(name), sizeof fp));
    return fp;
}

static void
print_outcome(const char *what, int error, char *text)
{
    printf("%s: %s%s%s\n", what,
           error == EKEYEXPIRED ? "EKEYEXPIRED"
           : error ? ovs_strerror(error) : "ok",
           text ? ": " : "", text ? text : "");
    ovs_assert(!error == !text);
    free(text);
}

static uint64_t
parse_number(const char *s)
{
    unsigned long long n;

    if (!s || !str_to_ullong(s, 0, &n)) {
        ovs_fatal(0, "%s: bad number", s ? s : "(none)");
    }
    return n;
}

/* nonce FILE ACTION...: opens FILE and performs each ACTION:
 *
 *   reserve:KEY[:LIMIT]    extend:KEY:USED    exhaust:KEY
 *   reopen                 rm:NAME            mv:FROM:TO
 */
static void
test_nonce(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    struct xfrm_nonce_store *store;
    char *text;
    int error;

    error = xfrm_nonce_open(path, &store, &text);
    if (error) {
        print_outcome("open", error, text);
        return;
    }
    for (int i = 2; i < ctx->argc; i++) {
        char *copy = xstrdup(ctx->argv[i]);
        char *save = NULL;
        const char *action = strtok_r(copy, ":", &save);
        const char *name = strtok_r(NULL, ":", &save);
        const char *arg = strtok_r(NULL, ":", &save);
        struct xfrm_fingerprint fp = fingerprint(name ? name : "");

        text = NULL;
        if (!strcmp(action, "reserve")) {
            uint64_t start;

            error = xfrm_nonce_reserve(store, &fp,
                                       arg ? parse_number(arg) : LIMIT32,
                                       &start, &text);
            if (!error) {
                printf("%s: %#"PRIx64"\n", ctx->argv[i], start);
                free(copy);
                continue;
            }
        } else if (!strcmp(action, "extend")) {
            error = xfrm_nonce_extend(store, &fp, parse_number(arg), &text);
        } else if (!strcmp(action, "exhaust")) {
            error = xfrm_nonce_exhaust(store, &fp, &text);
        } else if (!strcmp(action, "reopen")) {
            xfrm_nonce_close(store);
            error = xfrm_nonce_open(path, &store, &text);
            if (error) {
                store = NULL;
                i = ctx->argc - 1;
            }
        } else if (!strcmp(action, "rm")) {
            error = unlink(name) ? errno : 0;
        } else if (!strcmp(action, "mv")) {
            error = rename(name, arg) ? errno : 0;
        } else {
            ovs_fatal(0, "%s: unknown action", action);
        }
        print_outcome(i < ctx->argc ? ctx->argv[i] : "reopen", error, text);
        free(copy);
    }
    xfrm_nonce_close(store);
}

static char *
read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *data = xmalloc(1 << 16);

    ovs_assert(f);
    *size = fread(data, 1, 1 << 16, f);
    fclose(f);
    return data;
}

static void
write_all(const char *path, const char *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    ovs_assert(f);
    ovs_assert(fwrite(data, 1, size, f) == size);
    ovs_assert(!fclose(f));
}

#define N_KEYS 4

struct outcome {
    unsigned int n_granted, n_refused, n_not_opened;
};

/* Writes 'data' as the store's file and expects that no key is handed out
 * below its mark in 'marks', neither with PATH.damaged nor without it. */
static void
check_damaged(const char *path, const char *data, size_t size,
              const uint64_t marks[N_KEYS], struct outcome *outcome)
{
    char *damaged = xasprintf("%s.damaged", path);

    unlink(damaged);
    write_all(path, data, size);
    for (int round = 0; round < 2; round++) {
        struct xfrm_nonce_store *store;
        char *text;
        int error;

        error = xfrm_nonce_open(path, &store, &text);
        if (error) {
            struct stat s;

            /* Refused as a whole, and left alone. */
            ovs_assert(text && !stat(path, &s)
                       && (size_t) s.st_size == size);
            free(text);
            outcome->n_not_opened++;
            break;
        }
        for (int i = 0; i < N_KEYS; i++) {
            char name[2] = { 'A' + i, 0 };
            struct xfrm_fingerprint fp = fingerprint(name);
            uint64_t start;

            error = xfrm_nonce_reserve(store, &fp, UINT64_MAX, &start, &text);
            if (!error) {
                if (start < marks[i]) {
                    ovs_fatal(0, "key %s: %#"PRIx64" handed out again, "
                              "mark was %#"PRIx64, name, start, marks[i]);
                }
                outcome->n_granted++;
            } else {
                ovs_assert(error == EKEYEXPIRED
                           && !strncmp(text, "needs-rekey: ", 13));
                free(text);
                outcome->n_refused++;
            }
        }
        xfrm_nonce_close(store);
        unlink(damaged);
    }
    free(damaged);
}

/* Makes a log in which A and B have several lines, C is used up and D was
 * extended. */
static char *
make_log(const char *path, uint64_t marks[N_KEYS], size_t *size)
{
    struct xfrm_fingerprint fp[N_KEYS];
    struct xfrm_nonce_store *store;
    uint64_t start;
    char *text;

    unlink(path);
    ovs_assert(!xfrm_nonce_open(path, &store, &text));
    for (int i = 0; i < N_KEYS; i++) {
        char name[2] = { 'A' + i, 0 };
        fp[i] = fingerprint(name);
    }
    ovs_assert(!xfrm_nonce_reserve(store, &fp[0], LIMIT32, &start, &text));
    ovs_assert(!xfrm_nonce_reserve(store, &fp[1], LIMIT32, &start, &text));
    ovs_assert(!xfrm_nonce_reserve(store, &fp[0], LIMIT32, &start, &text));
    ovs_assert(!xfrm_nonce_exhaust(store, &fp[2], &text));
    ovs_assert(!xfrm_nonce_extend(store, &fp[3], 12345, &text));
    ovs_assert(!xfrm_nonce_extend(store, &fp[1], XFRM_NONCE_STEP - 1, &text));
    xfrm_nonce_close(store);
    marks[0] = 2 * XFRM_NONCE_STEP;
    marks[1] = 2 * XFRM_NONCE_STEP - 1;
    marks[2] = UINT64_MAX;
    marks[3] = XFRM_NONCE_STEP + 12345;
    return read_all(path, size);
}

/* nonce-damage FILE: every truncation, every changed byte, zeroed stretches
 * and lost lines. */
static void
test_nonce_damage(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    struct outcome truncated = { 0, 0, 0 };
    struct outcome flipped = { 0, 0, 0 };
    struct outcome zeroed = { 0, 0, 0 };
    struct outcome whole = { 0, 0, 0 };
    uint64_t marks[N_KEYS];
    char *log;
    size_t size;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    log = make_log(path, marks, &size);

    check_damaged(path, log, size, marks, &whole);
    /* A, B and D twice; C is used up. */
    ovs_assert(whole.n_granted == 6 && whole.n_refused == 2);

    for (size_t n = 0; n < size; n++) {
        check_damaged(path, log, n, marks, &truncated);
    }
    /* Each of these files lacks something that had been acknowledged. */
    ovs_assert(!truncated.n_granted && !truncated.n_not_opened);

    for (size_t i = 0; i < size; i++) {
        char *copy = xmemdup(log, size);

        copy[i] ^= 1 << random_range(8);
        check_damaged(path, copy, size, marks, &flipped);
        free(copy);
    }
    ovs_assert(flipped.n_granted && flipped.n_refused);

    for (size_t i = 0; i < 50; i++) {
        char *copy = xmemdup(log, size);
        size_t start = random_range(size);

        memset(copy + start, 0, 1 + random_range(size - start));
        check_damaged(path, copy, size, marks, &zeroed);
        free(copy);
    }
    free(log);
    unlink(path);
}

/* nonce-torn FILE: a line that was being written when the machine stopped
 * costs nothing. */
static void
test_nonce_torn(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    char *damaged = xasprintf("%s.damaged", path);
    uint64_t marks[N_KEYS];
    char *log, *longer;
    size_t size;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    log = make_log(path, marks, &size);
    longer = xzalloc(size + 100);
    memcpy(longer, log, size);

    /* Up to a whole line, of zeros or of the start of a real one. */
    size_t line = strlen("m ") + 40 + 1 + 16 + 1 + 8 + 1;
    for (size_t n = 1; n <= line; n += 17) {
        for (int real = 0; real < 2; real++) {
            struct outcome outcome = { 0, 0, 0 };

            memset(longer + size, 0, line);
            if (real) {
                memcpy(longer + size, log + size - line, n);
                longer[size + n - 1] ^= 0x20;
            }
            check_damaged(path, longer, size + n, marks, &outcome);
            ovs_assert(outcome.n_granted == 6 && outcome.n_refused == 2);
            ovs_assert(access(damaged, F_OK));
        }
    }
    free(longer);
    free(log);
    free(damaged);
    unlink(path);
}

/* nonce-kill FILE: a child is killed at any moment; it told through a pipe
 * what it was granted, and nothing of that may be granted again. */
static void
test_nonce_kill(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    char *damaged = xasprintf("%s.damaged", path);
    uint64_t next[N_KEYS] = { 0, 0, 0, 0 };
    unsigned int n_granted = 0;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    for (int round = 0; round < 30; round++) {
        struct grant { uint64_t key, start; } grant;
        int fds[2];
        pid_t pid;

        ovs_assert(!pipe(fds));
        pid = fork();
        ovs_assert(pid >= 0);
        if (!pid) {
            struct xfrm_nonce_store *store;
            char *text;

            if (xfrm_nonce_open(path, &store, &text)) {
                _exit(1);
            }
            for (uint64_t i = 0; ; i++) {
                char name[2] = { 'A' + i % N_KEYS, 0 };
                struct xfrm_fingerprint fp = fingerprint(name);

                grant.key = i % N_KEYS;
                if (xfrm_nonce_reserve(store, &fp, UINT64_MAX, &grant.start,
                                       &text)
                    || write(fds[1], &grant, sizeof grant) != sizeof grant) {
                    _exit(1);
                }
            }
        }
        close(fds[1]);
        usleep(1000 + random_range(20000));
        kill(pid, SIGKILL);
        while (read(fds[0], &grant, sizeof grant) == sizeof grant) {
            ovs_assert(grant.start >= next[grant.key]);
            next[grant.key] = grant.start + XFRM_NONCE_STEP;
            n_granted++;
        }
        close(fds[0]);

        int status;
        ovs_assert(waitpid(pid, &status, 0) == pid);
        ovs_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ovs_assert(access(damaged, F_OK));
    }
    ovs_assert(n_granted > 0);
    free(damaged);
}

/* nonce-full FILE: the disk is full for a while. */
static void
test_nonce_full(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    struct rlimit limit, unlimited;
    struct xfrm_fingerprint a = fingerprint("A");
    struct xfrm_fingerprint b = fingerprint("B");
    struct xfrm_nonce_store *store;
    uint64_t start;
    struct stat s;
    char *text;
    int error;

    signal(SIGXFSZ, SIG_IGN);
    ovs_assert(!getrlimit(RLIMIT_FSIZE, &unlimited));
    ovs_assert(!xfrm_nonce_open(path, &store, &text));
    ovs_assert(!xfrm_nonce_reserve(store, &a, LIMIT32, &start, &text));
    ovs_assert(!stat(path, &s));

    /* Room for a part of a line only. */
    limit = unlimited;
    limit.rlim_cur = s.st_size + 20;
    ovs_assert(!setrlimit(RLIMIT_FSIZE, &limit));
    for (int i = 0; i < 2; i++) {
        error = xfrm_nonce_reserve(store, &b, LIMIT32, &start, &text);
        ovs_assert(error == EFBIG && strstr(text, path));
        free(text);
        error = xfrm_nonce_reserve(store, &a, LIMIT32, &start, &text);
        ovs_assert(error == EFBIG && !start);
        free(text);
        error = xfrm_nonce_extend(store, &a, 1, &text);
        ovs_assert(!error);
    }
    ovs_assert(!setrlimit(RLIMIT_FSIZE, &unlimited));

    ovs_assert(!xfrm_nonce_reserve(store, &b, LIMIT32, &start, &text));
    ovs_assert(!start);
    ovs_assert(!xfrm_nonce_reserve(store, &a, LIMIT32, &start, &text));
    ovs_assert(start == XFRM_NONCE_STEP);
    xfrm_nonce_close(store);

    ovs_assert(!xfrm_nonce_open(path, &store, &text));
    ovs_assert(!xfrm_nonce_reserve(store, &b, LIMIT32, &start, &text));
    ovs_assert(start == XFRM_NONCE_STEP);
    xfrm_nonce_close(store);
}

/* nonce-compact FILE: the log does not grow with the number of writes. */
static void
test_nonce_compact(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    struct xfrm_fingerprint a = fingerprint("A");
    struct xfrm_fingerprint b = fingerprint("B");
    struct xfrm_nonce_store *store;
    uint64_t start;
    off_t max = 0;
    char *text;

    ovs_assert(!xfrm_nonce_open(path, &store, &text));
    ovs_assert(!xfrm_nonce_reserve(store, &a, UINT64_MAX, &start, &text));
    for (int i = 0; i < 2500; i++) {
        struct stat s;

        ovs_assert(!xfrm_nonce_reserve(store, &b, UINT64_MAX, &start, &text));
        ovs_assert(start == i * XFRM_NONCE_STEP);
        ovs_assert(!stat(path, &s) && (s.st_mode & 07777) == 0600);
        max = MAX(max, s.st_size);
    }
    ovs_assert(max < 1100 * 70);
    xfrm_nonce_close(store);

    ovs_assert(!xfrm_nonce_open(path, &store, &text));
    ovs_assert(!xfrm_nonce_reserve(store, &a, UINT64_MAX, &start, &text));
    ovs_assert(start == XFRM_NONCE_STEP);
    ovs_assert(!xfrm_nonce_reserve(store, &b, UINT64_MAX, &start, &text));
    ovs_assert(start == 2500 * XFRM_NONCE_STEP);
    xfrm_nonce_close(store);
}

/* nonce-lock FILE: a second opener is refused while the first is there, and not
 * any more when it has closed the store, even if a child still has the file. */
static void
test_nonce_lock(struct ovs_cmdl_context *ctx)
{
    const char *path = ctx->argv[1];
    struct xfrm_nonce_store *a, *b;
    char *text;
    pid_t child;

    ovs_assert(!xfrm_nonce_open(path, &a, &text));
    ovs_assert(xfrm_nonce_open(path, &b, &text) == EWOULDBLOCK && !b);
    printf("%s\n", text);
    free(text);
    child = fork();
    ovs_assert(child >= 0);
    if (!child) {
        pause();
        _exit(0);
    }
    xfrm_nonce_close(a);
    ovs_assert(!xfrm_nonce_open(path, &b, &text));
    xfrm_nonce_close(b);
    ovs_assert(!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
    xfrm_nonce_close(NULL);
}

const struct ovs_cmdl_command test_xfrm_nonce_commands[] = {
    { "nonce", "FILE ACTION...", 1, INT_MAX, test_nonce, OVS_RW },
    { "nonce-damage", "FILE", 1, 1, test_nonce_damage, OVS_RW },
    { "nonce-torn", "FILE", 1, 1, test_nonce_torn, OVS_RW },
    { "nonce-kill", "FILE", 1, 1, test_nonce_kill, OVS_RW },
    { "nonce-full", "FILE", 1, 1, test_nonce_full, OVS_RW },
    { "nonce-compact", "FILE", 1, 1, test_nonce_compact, OVS_RW },
    { "nonce-lock", "FILE", 1, 1, test_nonce_lock, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

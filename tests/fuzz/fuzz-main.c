/* SPDX-License-Identifier: Apache-2.0 */

/* Drives a fuzz target where there is no fuzzing engine: builds with gcc.
 *
 *     fuzz-NAME [--seconds=N] [--runs=N] [--seed=N] [--corpus=DIR] [FILE...]
 *     fuzz-NAME --write-corpus=DIR
 *
 * Runs the target on each FILE, or, without any, on its seeds, on the files of
 * DIR, and then on random changes of both until the time or the number of runs
 * is over.  The same seed makes the same inputs.  When a run ends in a crash or a sanitizer's
 * report, its input is left in fuzz-NAME.crash in the working directory. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "random.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* Inputs do not grow beyond this, in bytes. */
enum { MAX_LEN = 16384 };

/* The input of the run that is under way, for whoever buries it. */
static const uint8_t *current;
static size_t current_len;
static char crash_file[128];

static void
save_input(void)
{
    int fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd >= 0) {
        ignore(write(fd, current, current_len));
        close(fd);
    }
}

static void
crashed(int sig)
{
    save_input();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Of the sanitizers, where there are any. */
void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static void
watch_crashes(void)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

    snprintf(crash_file, sizeof crash_file, "%s.crash", program_name);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(save_input);
    }
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        signal(signals[i], crashed);
    }
}

/* Runs the target on a copy of 'data' that ends where its memory ends.  Returns
 * whether it accepted that. */
static bool
run(const void *data, size_t len)
{
    uint8_t *copy = len ? xmemdup(data, len) : xmalloc(1);
    int retval;

    current = copy;
    current_len = len;
    retval = LLVMFuzzerTestOneInput(copy, len);
    current_len = 0;
    free(copy);
    return !retval;
}

static void
read_file(const char *name, struct ds *data)
{
    FILE *stream = fopen(name, "r");
    char buf[4096];
    size_t n;

    if (!stream) {
        ovs_fatal(errno, "%s", name);
    }
    ds_init(data);
    while ((n = fread(buf, 1, sizeof buf, stream)) > 0) {
        ds_put_buffer(data, buf, n);
    }
    fclose(stream);
}

static void
run_file(const char *name)
{
    struct ds data;

    read_file(name, &data);
    printf("%s: %s\n", name,
           run(data.string, data.length) ? "accepted" : "refused");
    ds_destroy(&data);
}

/* ## Random changes. ## */

struct seeds {
    struct ds *seeds;
    size_t n;
    size_t n_own;               /* The first ones are those of the target. */
};

static void
add_seed(struct seeds *seeds, const struct ds *seed)
{
    seeds->seeds = xrealloc(seeds->seeds,
                            (seeds->n + 1) * sizeof *seeds->seeds);
    seeds->seeds[seeds->n++] = *seed;
}

/* The files of 'dir', in the order of their names. */
static void
add_corpus(struct seeds *seeds, const char *dir)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);

    if (n < 0) {
        ovs_fatal(errno, "%s", dir);
    }
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *name = xasprintf("%s/%s", dir, entries[i]->d_name);
            struct ds seed;

            read_file(name, &seed);
            add_seed(seeds, &seed);
            free(name);
        }
        free(entries[i]);
    }
    free(entries);
    if (seeds->n == seeds->n_own) {
        ovs_fatal(0, "%s: there are no files", dir);
    }
}

static size_t
random_below(size_t n)
{
    return n ? random_range(MIN(n, INT32_MAX)) : 0;
}

/* Replaces 'cut' bytes at 'ofs' by 'n' bytes at 'insert'. */
static void
replace(struct ds *s, size_t ofs, size_t cut, const void *insert, size_t n)
{
    struct ds out = DS_EMPTY_INITIALIZER;

    if (s->length - cut + n > MAX_LEN) {
        return;
    }
    ds_put_buffer(&out, s->string, ofs);
    ds_put_buffer(&out, insert, n);
    ds_put_buffer(&out, s->string + ofs + cut, s->length - ofs - cut);
    ds_swap(s, &out);
    ds_destroy(&out);
}

static void
mutate(struct ds *s, const struct seeds *seeds)
{
    static const uint32_t numbers[] = {
        0, 1, 4, 8, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
        0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
    };
    size_t ofs = random_below(s->length + 1);
    size_t rest = s->length - ofs;
    const struct ds *other;
    size_t from;

    switch (random_range(rest ? 9 : 2)) {
    case 0: {                   /* Something of another seed. */
        other = &seeds->seeds[random_below(seeds->n)];
        from = random_below(other->length);
        replace(s, ofs, 0, other->string + from,
               random_below(MIN(other->length - from, 64) + 1));
        break;
    }
    case 1: {                   /* A byte more. */
        uint8_t byte = random_uint8();

        replace(s, ofs, 0, &byte, 1);
        break;
    }
    case 2:                     /* Another byte. */
        s->string[ofs] = random_uint8();
        break;
    case 3:                     /* Another bit. */
        s->string[ofs] ^= 1 << random_range(8);
        break;
    case 4:                     /* Some bytes less. */
        replace(s, ofs, 1 + random_below(MIN(rest, 32)), "", 0);
        break;
    case 5: {                   /* Some of its own again. */
        char copy[64];
        size_t n = 1 + random_below(MIN(rest, sizeof copy));

        memcpy(copy, s->string + ofs, n);
        replace(s, random_below(s->length + 1), 0, copy, n);
        break;
    }
    case 6: {                   /* A number at a place for numbers. */
        uint32_t number = numbers[random_range(ARRAY_SIZE(numbers))];
        size_t n = random_range(2) ? 2 : 4;

        ofs &= ~(n - 1);
        if (s->length - ofs >= n) {
            memcpy(s->string + ofs, &number, n);
        }
        break;
    }
    case 7:                     /* The end of another seed. */
        other = &seeds->seeds[random_below(seeds->n)];
        from = MIN(ofs, other->length);
        replace(s, ofs, rest, other->string + from, other->length - from);
        break;
    case 8:                     /* No more than a beginning. */
        if (!random_range(4)) {
            ds_truncate(s, ofs);
        }
        break;
    }
}

static void
fuzz(const struct seeds *seeds, long long int seconds, uint64_t runs)
{
    long long int deadline = time_msec() + seconds * 1000;
    uint64_t n = 0, accepted = 0;

    for (size_t i = 0; i < seeds->n; i++, n++) {
        bool ok = run(seeds->seeds[i].string, seeds->seeds[i].length);

        /* Changes of what is refused anyway would find little.  In a corpus
         * there may be what was found earlier. */
        if (!ok && i < seeds->n_own) {
            ovs_fatal(0, "seed %"PRIuSIZE" is refused", i);
        }
        accepted += ok;
    }
    while ((!runs || n < runs) && (!seconds || time_msec() < deadline)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_clone(&s, &seeds->seeds[random_below(seeds->n)]);
        for (int i = random_range(8); i >= 0; i--) {
            mutate(&s, seeds);
        }
        accepted += run(s.string, s.length);
        ds_destroy(&s);
        n++;
    }
    printf("%s: %"PRIu64" inputs, %"PRIu64" accepted\n", program_name, n,
           accepted);
}

static void
write_corpus(const struct seeds *seeds, const char *dir)
{
    for (size_t i = 0; i < seeds->n; i++) {
        char *name = xasprintf("%s/%03"PRIuSIZE, dir, i);
        FILE *stream = fopen(name, "w");

        if (!stream) {
            ovs_fatal(errno, "%s", name);
        }
        fwrite(seeds->seeds[i].string, 1, seeds->seeds[i].length, stream);
        if (fclose(stream)) {
            ovs_fatal(errno, "%s", name);
        }
        free(name);
    }
}

static unsigned long long int
number_arg(const char *s)
{
    unsigned long long int n;

    if (!str_to_ullong(s, 10, &n) || n > UINT32_MAX) {
        ovs_fatal(0, "%s: not a number of 32 bits", s);
    }
    return n;
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "seconds", required_argument, NULL, 't' },
        { "runs", required_argument, NULL, 'r' },
        { "seed", required_argument, NULL, 's' },
        { "corpus", required_argument, NULL, 'c' },
        { "write-corpus", required_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 },
    };
    unsigned long long int seconds = 0, runs = 0, seed = 1;
    const char *corpus = NULL, *more = NULL;
    struct seeds seeds = { NULL, 0, 0 };
    struct ds s = DS_EMPTY_INITIALIZER;
    int c;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 't':
            seconds = number_arg(optarg);
            break;
        case 'r':
            runs = number_arg(optarg);
            break;
        case 's':
            seed = number_arg(optarg);
            break;
        case 'c':
            more = optarg;
            break;
        case 'w':
            corpus = optarg;
            break;
        default:
            ovs_fatal(0, "usage: %s [--seconds=N] [--runs=N] [--seed=N] "
                      "[--corpus=DIR] [--write-corpus=DIR] [FILE...]",
                      program_name);
        }
    }

    watch_crashes();
    random_set_seed(seed ? seed : 1);
    while (fuzz_seed(seeds.n, &s)) {
        add_seed(&seeds, &s);
        ds_init(&s);
    }
    seeds.n_own = seeds.n;
    ovs_assert(seeds.n);
    if (more) {
        add_corpus(&seeds, more);
    }

    if (corpus) {
        write_corpus(&seeds, corpus);
    } else if (optind < argc) {
        for (int i = optind; i < argc; i++) {
            run_file(argv[i]);
        }
    } else {
        fuzz(&seeds, seconds ? seconds : !runs, runs);
    }
    for (size_t i = 0; i < seeds.n; i++) {
        ds_destroy(&seeds.seeds[i]);
    }
    free(seeds.seeds);
    return 0;
}

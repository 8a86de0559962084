/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of xfrm-json: SA files, good, bad and hostile.
 * tests/unit-json.at stands above. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "random.h"
#include "smap.h"
#include "tests/test-xfrm.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-json.h"
#include "xfrm-json-text.h"

extern const struct ovs_cmdl_command test_xfrm_json_commands[];

/* Options of a port, some of them replaced (or with an empty value removed)
 * by the NAME=VALUE in 'argv'. */
static void
parse_options(char *argv[], struct xfrm_port_options *options)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *error = NULL;
    char *warning = NULL;

    smap_add(&smap, "if_id", "42");
    smap_add(&smap, "local_ip", "192.0.2.1");
    smap_add(&smap, "remote_ip", "192.0.2.2");
    for (; *argv; argv++) {
        char *value = strchr(*argv, '=');
        ovs_assert(value);
        char *name = xmemdup0(*argv, value - *argv);
        smap_remove(&smap, name);
        if (value[1]) {
            smap_add(&smap, name, value + 1);
        }
        free(name);
    }
    if (xfrm_options_parse(&smap, options, &error, &warning)) {
        ovs_fatal(0, "%s", error);
    }
    free(warning);
    smap_destroy(&smap);
}

/* All that xfrm-json fills in, keys by length only. */
static void
print_sa(const struct xfrm_sa_spec *sa)
{
    const struct xfrm_lifetime *lt = &sa->lifetime;
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s ", xfrm_dir_name(sa->dir));
    xfrm_addr_format(&sa->src, &s);
    ds_put_cstr(&s, " > ");
    xfrm_addr_format(&sa->dst, &s);
    ds_put_format(&s, " if_id=%"PRIu32" proto=%u spi=0x%"PRIx32" %s %s "
                  "key=%"PRIuSIZE" reqid=%"PRIu32" window=%"PRIu32"%s",
                  sa->if_id, sa->proto, sa->spi, xfrm_mode_name(sa->mode),
                  sa->algo->name, sa->key.len, sa->reqid, sa->replay_window,
                  sa->esn ? " esn" : "");
    if (sa->encap.sport) {
        ds_put_format(&s, " udp:%u:%u", sa->encap.sport, sa->encap.dport);
    }
    if (sa->offload != XFRM_OFF_NO) {
        ds_put_format(&s, " offload=%s:%s", xfrm_offload_name(sa->offload),
                      sa->offload_dev);
    }
    if (sa->sel.src.addr.family != AF_UNSPEC) {
        ds_put_cstr(&s, " sel=");
        xfrm_prefix_format(&sa->sel.src, &s);
        ds_put_char(&s, '>');
        xfrm_prefix_format(&sa->sel.dst, &s);
    }
    ds_put_format(&s, " life=%"PRIu64"/%"PRIu64",%"PRIu64"/%"PRIu64
                  ",%"PRIu64"/%"PRIu64, lt->soft_bytes, lt->hard_bytes,
                  lt->soft_packets, lt->hard_packets,
                  lt->soft_seconds, lt->hard_seconds);
    puts(ds_cstr(&s));
    ds_destroy(&s);
}

/* Checks what must hold of every result, prints it, and returns the exit
 * status. */
static int
finish(int error, struct xfrm_sa_spec *sas, size_t n, char *message)
{
    ovs_assert(!error == !message);
    ovs_assert(!error || (!sas && !n));
    if (error) {
        puts(message);
    } else {
        for (size_t i = 0; i < n; i++) {
            print_sa(&sas[i]);
        }
        printf("%"PRIuSIZE" SAs\n", n);
    }
    xfrm_sa_specs_free(sas, n);
    free(message);
    return error ? 1 : 0;
}

static void
exit_with(int status)
{
    if (status) {
        fflush(stdout);
        exit(status);
    }
}

static void
run_json_parse(struct ovs_cmdl_context *ctx)
{
    struct xfrm_port_options options;
    struct xfrm_sa_spec *sas;
    struct ds text = DS_EMPTY_INITIALIZER;
    char *message;
    size_t n;
    int c;

    parse_options(ctx->argv + 2, &options);
    FILE *stream = fopen(ctx->argv[1], "r");
    if (!stream) {
        ovs_fatal(errno, "%s", ctx->argv[1]);
    }
    while ((c = getc(stream)) != EOF) {
        ds_put_char(&text, c);
    }
    fclose(stream);

    int error = xfrm_json_parse_sas(ds_cstr(&text), text.length, &options,
                                    &sas, &n, &message);
    ds_destroy(&text);
    xfrm_options_destroy(&options);
    exit_with(finish(error, sas, n, message));
}

static void
run_json_read(struct ovs_cmdl_context *ctx)
{
    struct xfrm_port_options options;
    struct xfrm_file_stamp stamp, now;
    struct xfrm_sa_spec *sas;
    char *message;
    size_t n;

    parse_options(ctx->argv + 2, &options);
    int error = xfrm_json_read_sa_file(ctx->argv[1], &options, &sas, &n,
                                       &stamp, &message);
    xfrm_file_stamp_get(ctx->argv[1], &now);
    ovs_assert(xfrm_file_stamp_equals(&stamp, &now));
    xfrm_options_destroy(&options);
    exit_with(finish(error, sas, n, message));
}

/* Runs a shell command and tells whether the stamp of a file moved. */
static void
run_json_stamp(struct ovs_cmdl_context *ctx)
{
    struct xfrm_file_stamp before, after;

    for (int i = 2; i < ctx->argc; i++) {
        xfrm_file_stamp_get(ctx->argv[1], &before);
        if (system(ctx->argv[i])) {
            ovs_fatal(0, "%s: failed", ctx->argv[i]);
        }
        xfrm_file_stamp_get(ctx->argv[1], &after);
        printf("%s\n", (xfrm_file_stamp_equals(&before, &after)
                        ? "same" : "changed"));
    }
}

/* Keys of the test texts.  No digit stands in a string of the program, so
 * that what is found in memory later came out of the text. */
#define N_DIGITS 40

static char
key_digit(uint32_t n, size_t i)
{
    return "0123456789abcdef"[(hash_int(n, i) >> 7) & 15];
}

static void
put_key(struct ds *s, uint32_t n)
{
    for (size_t i = 0; i < N_DIGITS; i++) {
        ds_put_char(s, key_digit(n, i));
    }
}

static void
put_sa(struct ds *s, uint32_t n, bool full)
{
    ds_put_format(s, "%s{\"direction\":\"%s\",\"spi\":%"PRIu32","
                  "\"algorithm\":\"aes128gcm16\",\"key\":\"",
                  s->string[s->length - 1] == '}' ? "," : "",
                  n & 1 ? "in" : "out", 256 + n);
    put_key(s, n);
    ds_put_char(s, '"');
    if (full) {
        ds_put_cstr(s, ",\"src\":\"192.0.2.9\",\"dst\":\"192.0.2.8\","
                    "\"mode\":\"tunnel\",\"reqid\":42,\"replay_window\":64,"
                    "\"esn\":true,\"encap\":\"udp:4500:4501\","
                    "\"lifetime\":{\"soft_bytes\":1,\"hard_bytes\":2,"
                    "\"soft_packets\":3,\"hard_packets\":4,"
                    "\"soft_seconds\":5,\"hard_seconds\":6}");
    }
    ds_put_char(s, '}');
}

static void
mutate(struct ds *s)
{
    static const char *const tokens[] = {
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "null", "true",
        "-1", "1e9", "0x", "99999999999999999999", "\"key\":\"", "\"sas\":[",
        "\"lifetime\":{", "\x80", "\xf4\x90\x80\x80", "\t", "{\"a\":1}", "//",
        "\"fwd\"", "\"packet\"", "::1", "NaN", "'",
    };
    size_t at = random_range(s->length + 1);
    size_t n = random_range(MIN(s->length - at, 40) + 1);
    struct ds out = DS_EMPTY_INITIALIZER;

    ds_put_buffer(&out, s->string, at);
    switch (random_range(6)) {
    case 0:                     /* Change a byte. */
        ds_put_char(&out, random_uint8());
        n = MIN(s->length - at, 1);
        break;
    case 1:                     /* Delete. */
        break;
    case 2:                     /* Double. */
        ds_put_buffer(&out, s->string + at, n);
        n = 0;
        break;
    case 3:                     /* Insert. */
        ds_put_cstr(&out, tokens[random_range(ARRAY_SIZE(tokens))]);
        n = 0;
        break;
    case 4:                     /* Replace. */
        ds_put_cstr(&out, tokens[random_range(ARRAY_SIZE(tokens))]);
        break;
    case 5:                     /* Truncate, now and then. */
        n = random_range(8) ? 0 : s->length - at;
        break;
    }
    ds_put_buffer(&out, s->string + at + n, s->length - at - n);
    ds_swap(s, &out);
    ds_destroy(&out);
}

/* How many digits of a key in a row are too many. */
#define N_SHOWN 9

/* True if N_SHOWN digits in a row of one of the keys are in 's'. */
static bool
shows_key(const char *s, uint32_t n_keys)
{
    size_t len = strlen(s);

    for (uint32_t n = 0; n < n_keys; n++) {
        for (size_t first = 0; first + N_SHOWN <= N_DIGITS; first++) {
            for (size_t i = 0; i + N_SHOWN <= len; i++) {
                size_t j = 0;
                while (j < N_SHOWN && s[i + j] == key_digit(n, first + j)) {
                    j++;
                }
                if (j == N_SHOWN) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void
run_json_fuzz(struct ovs_cmdl_context *ctx)
{
    uint32_t seed = atoi(ctx->argv[1]);
    int n_runs = atoi(ctx->argv[2]);
    struct xfrm_port_options options;
    int n_good = 0;

    parse_options(ctx->argv + 3, &options);
    random_set_seed(seed ? seed : 1);
    for (int i = 0; i < n_runs; i++) {
        struct ds text = DS_EMPTY_INITIALIZER;
        struct xfrm_sa_spec *sas;
        char *message;
        size_t n;

        ds_put_cstr(&text, "{\"sas\":[");
        for (uint32_t j = 0; j < 3; j++) {
            put_sa(&text, j, random_range(2));
        }
        ds_put_cstr(&text, "]}\n");
        for (int j = random_range(4); j >= 0; j--) {
            mutate(&text);
        }

        /* A buffer of the exact size, for the sanitizer. */
        char *copy = xmalloc(text.length);
        memcpy(copy, text.string, text.length);
        int error = xfrm_json_parse_sas(copy, text.length, &options, &sas, &n,
                                        &message);
        ovs_assert(!error == !message);
        ovs_assert(!error || (!sas && !n));
        if (error) {
            ovs_assert(!shows_key(message, 3));
            ovs_assert(!strchr(message, '\n'));
        } else {
            n_good++;
            for (size_t j = 0; j < n; j++) {
                char *invalid;
                ovs_assert(!xfrm_sa_spec_validate(&sas[j], &invalid));
            }
        }
        xfrm_sa_specs_free(sas, n);
        free(message);
        free(copy);
        ds_destroy(&text);
    }
    xfrm_options_destroy(&options);
    fprintf(stderr, "%d of %d were good\n", n_good, n_runs);
    printf("%d runs\n", n_runs);
}

/* The largest texts that are looked at, filled with what is dear to parse. */
static void
run_json_hostile(struct ovs_cmdl_context *ctx OVS_UNUSED)
{
    static const struct {
        const char *start, *fill, *end;
    } texts[] = {
        { "", "[", "" },
        { "", "{\"sas\":", "" },
        { "{\"sas\":[", "{},", "{}]}" },
        { "{\"sas\":[", "[],", "[]]}" },
        { "{\"sas\":[", "0,", "0]}" },
        { "{\"sas\":[", "[", "]}" },
        { "{\"sas\":[{", "\"a\":0,", "\"a\":0}]}" },
        { "{\"sas\":[{\"key\":\"", "a", "\"}]}" },
        { "{\"sas\":[{\"", "a", "\":1}]}" },
        { "{\"sas\":[{\"spi\":", "1", "}]}" },
        { "{\"sas\":[{\"spi\":", "1 ", "}]}" },
        { "{\"sas\":[{", "\n", "}]}" },
        { "{\"sas\":[{\"lifetime\":", "{\"soft_bytes\":", "}]}" },
        { "{\"sas\":[{", ",", "}]}" },
        { "{\"sas\":[{", "\"spi\"", "}]}" },
        { "{\"sas\":[{\"spi\":", ":", "}]}" },
        { "{\"sas\":[{\"spi\":", "\"1\"", "}]}" },
        { "{\"sas\":[{\"key\":", "\"1\"", "}]}" },
        { "{\"sas\":[", "{\"spi\":1,\"lifetime\":{\"soft_bytes\":0}},",
          "{}]}" },
        { "{\"sas\":[", "{\"direction\":\"in\",\"spi\":256},", "{}]}" },
    };
    struct xfrm_port_options options;
    char *no_args[] = { NULL };

    parse_options(no_args, &options);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct ds text = DS_EMPTY_INITIALIZER;
        struct xfrm_sa_spec *sas;
        char *message;
        size_t n;

        ds_put_cstr(&text, texts[i].start);
        while (text.length + strlen(texts[i].fill) + strlen(texts[i].end)
               <= XFRM_SA_FILE_MAX) {
            ds_put_cstr(&text, texts[i].fill);
        }
        ds_put_cstr(&text, texts[i].end);

        long long int start = time_usec();
        int error = xfrm_json_parse_sas(ds_cstr(&text), text.length, &options,
                                        &sas, &n, &message);
        long long int elapsed = time_usec() - start;
        ovs_assert(error && message);
        fprintf(stderr, "%6lld us: %s\n", elapsed, message);
        if (elapsed > 5 * 1000 * 1000) {
            printf("slow: %s%s\n", texts[i].start, texts[i].fill);
        }
        free(message);
        ds_destroy(&text);
    }
    xfrm_options_destroy(&options);

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "peak memory %ld kB\n", usage.ru_maxrss);
    printf("done\n");
}

/* As many SAs as one file may have, or one more. */
static void
run_json_many(struct ovs_cmdl_context *ctx)
{
    uint32_t n_sas = atoi(ctx->argv[1]);
    struct ds text = DS_EMPTY_INITIALIZER;
    struct xfrm_port_options options;
    struct xfrm_sa_spec *sas;
    char *message;
    size_t n;

    parse_options(ctx->argv + 2, &options);
    ds_put_cstr(&text, "{\"sas\":[");
    for (uint32_t i = 0; i < n_sas; i++) {
        put_sa(&text, i, false);
    }
    ds_put_cstr(&text, "]}");

    long long int start = time_usec();
    int error = xfrm_json_parse_sas(ds_cstr(&text), text.length, &options,
                                    &sas, &n, &message);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "%"PRIuSIZE" bytes: %lld us, peak memory %ld kB\n",
            text.length, time_usec() - start, usage.ru_maxrss);
    if (error) {
        puts(message);
    } else {
        printf("%"PRIuSIZE" SAs\n", n);
    }
    xfrm_sa_specs_free(sas, n);
    free(message);
    ds_destroy(&text);
    xfrm_options_destroy(&options);
}

/* Looks for a key in the heap, as digits and as bytes.  The window is no part
 * of the heap. */
static bool
heap_has_key(uint32_t n)
{
    static uint8_t window[1 << 16];
    unsigned long long int start = 0, end = 0;
    char line[512];

    FILE *maps = fopen("/proc/self/maps", "r");
    ovs_assert(maps);
    while (fgets(line, sizeof line, maps)) {
        if (strstr(line, "[heap]")) {
            ovs_assert(sscanf(line, "%llx-%llx", &start, &end) == 2);
            break;
        }
    }
    fclose(maps);

    int fd = open("/proc/self/mem", O_RDONLY);
    bool found = false;
    ovs_assert(fd >= 0);
    while (start < end && !found) {
        size_t want = MIN(sizeof window, end - start);
        ovs_assert(pread(fd, window, want, start) == (ssize_t) want);
        for (size_t i = 0; i + N_DIGITS <= want && !found; i++) {
            size_t text = 0, bytes = 0;

            /* The allocator writes its lists over the first 16 bytes of what
             * is freed. */
            while (text < 20
                   && window[i + text] == key_digit(n, 20 + text)) {
                text++;
            }
            while (bytes < 4
                   && window[i + bytes] == (hexit_value(
                          key_digit(n, 32 + 2 * bytes)) << 4
                      | hexit_value(key_digit(n, 33 + 2 * bytes)))) {
                bytes++;
            }
            found = text == 20 || bytes == 4;
        }
        start += MIN(want, sizeof window - N_DIGITS);
        memset(window, 0, sizeof window);
    }
    close(fd);
    return found;
}

/* Nothing of a key is left in memory, whatever became of the file. */
static void
run_json_wipe(struct ovs_cmdl_context *ctx)
{
    static const char *const ends[] = {
        "]}",                   /* Good. */
        "",                     /* Truncated. */
        "]}x",                  /* Bad for the scan. */
        ",{\"spi\" 1}]}",       /* Bad for json-c. */
        ",{\"spi\":1}]}",       /* Bad for the reader of the tree. */
    };
    const char *path = ctx->argv[1];
    struct xfrm_port_options options;
    char *no_args[] = { NULL };

    /* The sanitizer's allocator has no [heap]. */
#ifdef __SANITIZE_ADDRESS__
    bool can_look = false;
#else
    bool can_look = true;
#endif

    parse_options(no_args, &options);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        struct ds text = DS_EMPTY_INITIALIZER;
        struct xfrm_file_stamp stamp;
        struct xfrm_sa_spec *sas;
        char *message;
        size_t n;

        ds_reserve(&text, 4096);
        ds_put_cstr(&text, "{\"sas\":[");
        put_sa(&text, 7 + i, false);
        put_sa(&text, 50 + i, true);
        ds_put_cstr(&text, ends[i]);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ovs_assert(fd >= 0);
        ovs_assert(write(fd, text.string, text.length)
                   == (ssize_t) text.length);
        close(fd);
        ovs_assert(!can_look || heap_has_key(7 + i));
        xfrm_wipe(text.string, text.allocated);
        ds_destroy(&text);

        int error = xfrm_json_read_sa_file(path, &options, &sas, &n, &stamp,
                                           &message);
        ovs_assert(!error == !i);
        xfrm_sa_specs_free(sas, n);
        free(message);
        ovs_assert(!can_look || (!heap_has_key(7 + i)
                                 && !heap_has_key(50 + i)));
    }
    xfrm_options_destroy(&options);
    printf("nothing left\n");
}

/* Goes through all of 'at'; returns the number of members and elements. */
static int
walk_text(struct xfrm_json_span at, int depth, bool print)
{
    bool object = at.begin < at.end && *at.begin == '{';
    struct xfrm_json_span name, value;
    int n = 0;

    while (object ? xfrm_json_next_member(&at, &name, &value)
           : xfrm_json_next_element(&at, &value)) {
        ovs_assert(value.begin < value.end && value.end <= at.end);
        if (print) {
            printf("%*s", 2 * depth, "");
            if (object) {
                printf("%.*s: ", (int) (name.end - name.begin), name.begin);
            }
            printf("%.*s\n", (int) (value.end - value.begin), value.begin);
        }
        n++;
        if (*value.begin == '{' || *value.begin == '[') {
            n += walk_text(value, depth + 1, print);
        }
    }
    return n;
}

/* "json-text TEXT": what is found in the text; and what is found in each of its
 * beginnings, and with each of its bytes changed, is not past the end. */
static void
run_json_text(struct ovs_cmdl_context *ctx)
{
    size_t len = strlen(ctx->argv[1]);
    struct xfrm_json_end end = { .depth = 0 };
    bool complete = false;
    size_t used = 0;
    char *text;

    /* By bytes, as slowly as messages can come. */
    while (used < len && !complete) {
        used += xfrm_json_end_feed(&end, ctx->argv[1] + used, 1, &complete);
    }
    printf("%s after %"PRIuSIZE" of %"PRIuSIZE" bytes\n",
           complete ? "complete" : "incomplete", used, len);
    text = xmemdup(ctx->argv[1], len);
    walk_text((struct xfrm_json_span) { text, text + len }, 0, true);
    free(text);

    for (size_t n = 1; n <= len; n++) {
        static const char hostile[] = "\"\\{}[],: x";

        for (size_t i = 0; i < sizeof hostile; i++) {
            struct xfrm_json_span at;

            /* Of the exact size, for AddressSanitizer. */
            text = xmemdup(ctx->argv[1], n);
            text[n - 1] = i ? hostile[i - 1] : text[n - 1];
            at.begin = text;
            at.end = text + n;
            walk_text(at, 0, false);
            ovs_assert(!xfrm_json_enter(&at, "a")
                       || (at.begin > text && at.begin < at.end));
            free(text);

            text = xmemdup(ctx->argv[1], len);
            text[n - 1] = i ? hostile[i - 1] : text[n - 1];
            walk_text((struct xfrm_json_span) { text, text + len }, 0, false);
            free(text);
        }
    }
}

const struct ovs_cmdl_command test_xfrm_json_commands[] = {
    { "json-text", "TEXT", 1, 1, run_json_text, OVS_RO },
    { "json-parse", "FILE [OPTION=VALUE]...", 1, INT_MAX, run_json_parse,
      OVS_RO },
    { "json-read", "FILE [OPTION=VALUE]...", 1, INT_MAX, run_json_read,
      OVS_RO },
    { "json-stamp", "FILE COMMAND...", 2, INT_MAX, run_json_stamp, OVS_RO },
    { "json-fuzz", "SEED RUNS [OPTION=VALUE]...", 2, INT_MAX, run_json_fuzz,
      OVS_RO },
    { "json-hostile", NULL, 0, 0, run_json_hostile, OVS_RO },
    { "json-many", "N [OPTION=VALUE]...", 1, INT_MAX, run_json_many, OVS_RO },
    { "json-wipe", "FILE", 1, 1, run_json_wipe, OVS_RO },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: the nonce state file.  Whatever is in it, a number that was
 * given out is never given out again, and none below one that an SA is known
 * to have used. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "util.h"
#include "xfrm-nonce.h"

static char *dir;               /* In $TMPDIR: most of a run is files. */
static char *path;

/* No state file, and nothing that tells of an earlier one. */
static void
remove_all(void)
{
    static const char *const suffixes[] = { "", ".lock", ".damaged", ".tmp" };

    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        char *name = xasprintf("%s%s", path, suffixes[i]);

        unlink(name);
        free(name);
    }
}

static void
clean_up(void)
{
    remove_all();
    rmdir(dir);
    free(path);
    free(dir);
}

static void
set_up(void)
{
    if (!path) {
        const char *tmp = getenv("TMPDIR");

        dir = xasprintf("%s/fuzz-nonce.XXXXXX", tmp && *tmp ? tmp : "/tmp");
        if (!mkdtemp(dir)) {
            ovs_fatal(errno, "%s", dir);
        }
        path = xasprintf("%s/nonces", dir);
        atexit(clean_up);
    }
    remove_all();
}

static struct xfrm_fingerprint
fingerprint(uint8_t i)
{
    struct xfrm_fingerprint fp;

    memset(&fp, i, sizeof fp);
    return fp;
}

enum { N_KEYS = 3 };

/* Reserves numbers for each key; 'floors' are what must not come. */
static void
reserve_all(struct xfrm_nonce_store *store, uint64_t floors[N_KEYS])
{
    for (int i = 0; i < N_KEYS; i++) {
        struct xfrm_fingerprint fp = fingerprint(i);
        uint64_t start;
        char *error;
        int retval;

        retval = xfrm_nonce_reserve(store, &fp, UINT32_MAX, &start, &error);
        if (!retval) {
            ovs_assert(!error && start >= floors[i]);
            floors[i] = start + XFRM_NONCE_STEP;
        } else {
            ovs_assert(retval == EKEYEXPIRED
                       && !strncmp(error, "needs-rekey: ", 13));
            fuzz_check_sentence(error);
            floors[i] = UINT64_MAX;     /* And never again. */
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t floors[N_KEYS] = { 0, 0, 0 };
    struct xfrm_fingerprint fp = fingerprint(N_KEYS - 1);
    struct xfrm_nonce_store *store;
    char *error;
    int fd;

    set_up();
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ovs_assert(fd >= 0 && write(fd, data, size) == (ssize_t) size
               && !close(fd));

    if (xfrm_nonce_open(path, &store, &error)) {
        ovs_assert(error);
        fuzz_check_sentence(error);
        return -1;
    }
    /* The last key comes with an SA that has sent this much. */
    if (!xfrm_nonce_extend(store, &fp, 1000000, &error)) {
        floors[N_KEYS - 1] = 1000000;
    }
    fuzz_check_sentence(error);
    for (int i = 0; i < 2; i++) {
        reserve_all(store, floors);
        xfrm_nonce_close(store);
        if (xfrm_nonce_open(path, &store, &error)) {
            ovs_fatal(0, "reading what we wrote: %s", error);
        }
    }
    reserve_all(store, floors);
    xfrm_nonce_close(store);
    return 0;
}

/* Logs as they come to be. */
bool
fuzz_seed(size_t i, struct ds *seed)
{
    struct xfrm_nonce_store *store;
    uint64_t start;
    char buf[4096];
    char *error;
    ssize_t n;
    int fd;

    if (i > 3) {
        return false;
    }
    set_up();
    ovs_assert(!xfrm_nonce_open(path, &store, &error));
    for (int key = 0; key < N_KEYS; key++) {
        struct xfrm_fingerprint fp = fingerprint(key);

        for (size_t j = 0; j < i * (key + 1); j++) {
            ovs_assert(!xfrm_nonce_reserve(store, &fp, UINT32_MAX, &start,
                                           &error));
        }
        if (i == 3 && key == 1) {
            ovs_assert(!xfrm_nonce_exhaust(store, &fp, &error));
        }
    }
    xfrm_nonce_close(store);
    fd = open(path, O_RDONLY);
    ovs_assert(fd >= 0);
    while ((n = read(fd, buf, sizeof buf)) > 0) {
        ds_put_buffer(seed, buf, n);
    }
    close(fd);
    return true;
}

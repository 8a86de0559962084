/* SPDX-License-Identifier: Apache-2.0 */

/* Reads the log of high-water marks back, and tells what a power cut leaves
 * from what is damage: see xfrm-nonce.c for its format and the rules.  Below
 * xfrm-nonce.c. */

#include <config.h>

#include "xfrm-nonce-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_nonce_read);

static bool
crc_is_good(const char *line, size_t len)
{
    bool ok;
    uintmax_t crc = hexits_value(line + len - NONCE_CRC_LEN, 8, &ok);

    return (ok && line[len - 1] == '\n'
            && crc == ntohl(crc32c((const uint8_t *) line,
                                   len - NONCE_CRC_LEN)));
}

static bool
parse_record(const char *line, struct xfrm_fingerprint *fp, uint64_t *mark,
             bool *doubtful)
{
    const char *p = line + 2;
    bool ok;

    if ((line[0] != 'm' && line[0] != 'd')
        || !crc_is_good(line, NONCE_RECORD_LEN)) {
        return false;
    }
    for (size_t i = 0; i < XFRM_FINGERPRINT_LEN; i++, p += 2) {
        fp->bytes[i] = hexits_value(p, 2, &ok);
        if (!ok) {
            return false;
        }
    }
    *mark = hexits_value(p + 1, 16, &ok);
    *doubtful = line[0] == 'd';
    return ok;
}

/* What was found in a file. */
struct nonce_scan {
    bool ours;                  /* Or else it is somebody else's file. */
    bool other_version;
    bool damaged;
    uint64_t n_lines;           /* Good ones at the start. */
    bool torn;                  /* A last line was dropped. */
};

static bool
is_all_zero(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i]) {
            return false;
        }
    }
    return true;
}

/* Reads 'data', the contents of a log, into the empty 'store'. */
static void
scan(struct xfrm_nonce_store *store, const char *data, size_t size,
     struct nonce_scan *result)
{
    bool have_header = false;
    uint64_t count = UINT64_MAX;
    uint64_t n_good = 0;
    uint64_t n_bad = 0;
    uint64_t n_whole = 0;
    uint64_t last_bad = 0;
    bool rest = false;

    memset(result, 0, sizeof *result);
    if (size >= NONCE_HEADER_LEN && crc_is_good(data, NONCE_HEADER_LEN)
        && !memcmp(data, NONCE_MAGIC, NONCE_MAGIC_LEN)) {
        bool ok;

        if (memcmp(data + NONCE_MAGIC_LEN, "1 ", 2)) {
            result->other_version = true;
            return;
        }
        count = hexits_value(data + NONCE_MAGIC_LEN + 2, 16, &ok);
        have_header = ok;
    }

    if (size > NONCE_HEADER_LEN) {
        n_whole = (size - NONCE_HEADER_LEN) / NONCE_RECORD_LEN;
        rest = (size - NONCE_HEADER_LEN) % NONCE_RECORD_LEN != 0;
    }
    for (uint64_t i = 0; i < n_whole; i++) {
        struct xfrm_fingerprint fp;
        struct nonce_key *key;
        uint64_t mark;
        bool doubtful;

        if (!parse_record(data + NONCE_HEADER_LEN + i * NONCE_RECORD_LEN,
                          &fp, &mark, &doubtful)) {
            n_bad++;
            last_bad = i;
            continue;
        }
        n_good++;
        key = xfrm_nonce_find_key(store, &fp);
        if (!key) {
            key = xfrm_nonce_add_key(store, &fp);
        }
        key->mark = MAX(key->mark, mark);
        key->doubtful = doubtful;
        key->last = i;
    }

    result->ours = (have_header || n_good || is_all_zero(data, size)
                    || !memcmp(data, NONCE_MAGIC,
                               MIN(size, NONCE_MAGIC_LEN)));
    result->n_lines = n_whole;
    if (have_header && n_whole >= count) {
        if (!n_bad) {
            result->torn = rest;
            return;
        }
        if (n_bad == 1 && !rest && last_bad == n_whole - 1
            && last_bad >= count) {
            result->torn = true;
            result->n_lines = n_whole - 1;
            return;
        }
    }

    bool complete = have_header && n_whole >= count;
    struct nonce_key *key;

    result->damaged = true;
    HMAP_FOR_EACH (key, node, &store->keys) {
        if (!complete || key->last < last_bad) {
            key->doubtful = true;
        }
    }
}

static int
read_file(int fd, const char *path, char **datap, size_t *sizep,
          char **errorp)
{
    struct stat s;
    size_t size;
    size_t ofs;
    char *data;

    if (fstat(fd, &s)) {
        int error = errno;

        *errorp = xasprintf("%s: %s", path, ovs_strerror(error));
        return error;
    }
    if (!S_ISREG(s.st_mode) || s.st_size > NONCE_MAX_FILE) {
        *errorp = xasprintf("nonce state file \"%s\" %s", path,
                            S_ISREG(s.st_mode) ? "is larger than 1 GiB"
                            : "is not a regular file");
        return S_ISREG(s.st_mode) ? EFBIG : EINVAL;
    }

    size = s.st_size;
    data = xmalloc(size + 1);
    for (ofs = 0; ofs < size; ) {
        ssize_t n = pread(fd, data + ofs, size - ofs, ofs);

        if (!n) {
            break;
        } else if (n > 0) {
            ofs += n;
        } else if (errno != EINTR) {
            int error = errno;

            /* An unreadable sector is not a reason to begin anew. */
            *errorp = xasprintf("nonce state file \"%s\": read failed (%s)",
                                path, ovs_strerror(error));
            free(data);
            return error;
        }
    }
    *datap = data;
    *sizep = ofs;
    return 0;
}

/* Opens the log of 'store' and reads it, or begins a new one. */
int
xfrm_nonce_load(struct xfrm_nonce_store *store, char **errorp)
{
    struct nonce_scan result;
    char *data = NULL;
    size_t size = 0;
    int error;

    store->fd = open(store->path,
                     O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (store->fd < 0) {
        error = errno;
        if (error == ENOENT) {
            error = 0;
            if (xfrm_nonce_had_log(store)) {
                VLOG_WARN("%s: is gone; keys whose record may have been in it "
                          "are refused until %s is removed",
                          store->path, store->damaged_path);
                error = xfrm_nonce_mourn(store);
            }
            if (!error) {
                error = xfrm_nonce_write_anew(store, false);
            }
        }
        if (error) {
            char *advice = xfrm_nonce_advice(store, store->path, error);

            *errorp = xasprintf("nonce state file \"%s\": %s%s", store->path,
                                error == ELOOP ? "is a symbolic link"
                                : ovs_strerror(error), advice);
            free(advice);
        }
        return error;
    }

    error = read_file(store->fd, store->path, &data, &size, errorp);
    if (error) {
        return error;
    }
    scan(store, data, size, &result);
    free(data);

    if (result.other_version) {
        *errorp = xasprintf("nonce state file \"%s\" was written by another "
                            "version of ovs-xfrm", store->path);
        return EINVAL;
    } else if (!result.ours) {
        *errorp = xasprintf("\"%s\" exists and is no nonce state file: "
                            "it is left as it is", store->path);
        return EINVAL;
    } else if (result.damaged) {
        VLOG_WARN("%s: damaged, kept as %s; keys whose record may be lost "
                  "are refused", store->path, store->damaged_path);
        error = xfrm_nonce_write_anew(store, true);
        if (error) {
            *errorp = xasprintf("nonce state file \"%s\" is damaged and "
                                "cannot be written anew (%s)",
                                store->path, ovs_strerror(error));
        }
        return error;
    }

    if (result.torn) {
        VLOG_INFO("%s: dropped a line that was not finished", store->path);
    }
    store->n_lines = result.n_lines;
    store->compact_at = MAX(2 * hmap_count(&store->keys), store->n_lines)
                        + NONCE_COMPACT_MIN;
    return 0;
}

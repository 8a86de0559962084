/* SPDX-License-Identifier: Apache-2.0 */

/* Nonce safety: high-water marks of sequence numbers, kept in a file.
 *
 * The file is a log in ASCII of lines with fixed length:
 *
 *     ovs-xfrm-nonce 1 COUNT CRC
 *     m FINGERPRINT MARK CRC
 *     d FINGERPRINT MARK CRC
 *     ...
 *
 * All numbers are hexadecimal.  CRC is the CRC32C of the line up to it.  "m":
 * no number above MARK was ever used with the key (all ones: the key is used
 * up); of several lines for one key the last holds.  "d": doubtful, the mark
 * may have been higher.  COUNT says how many lines are known to be on disk:
 * it is written after they are, so that it never is too high, and is behind
 * by one line at most, plus what the last power cut took.
 *
 * A new line is appended and synced before the mark in it is used, hence:
 *
 *   - A bad or incomplete last line past COUNT is one that was being written
 *     when the machine stopped.  Nobody had been told of it: it is dropped.
 *
 *   - Any other bad line, or fewer lines than COUNT, is damage: a mark may be
 *     lost, of any key.  The file is then kept aside as PATH.damaged, and each
 *     key in it becomes doubtful unless the file is complete and the key has
 *     a good line behind the last bad one.  As long as PATH.damaged exists, a
 *     key that is not recorded becomes doubtful too when somebody asks for
 *     it.  A doubtful key is refused, until a live SA tells how far it is
 *     (xfrm_nonce_extend()).  So the way back for an administrator is to
 *     remove PATH.damaged and then to give new keys; in the wrong order this
 *     costs one more key and never a nonce.
 *
 *   - A file that does not exist is created.  Who deletes it vouches that no
 *     key of the past comes back, and so does who puts back an old copy.
 *
 * The log is written anew (PATH.tmp, fsync, rename, fsync of the directory)
 * when most of its lines are obsolete, after a failed sync (what the page
 * cache then holds is not known), and if somebody deleted or replaced it.
 * A line per key stays for ever: 69 bytes for each rekey.
 *
 * PATH.lock keeps a second process out; it is a file of its own because the
 * log is replaced by renaming. */

#include <config.h>

#include "xfrm-nonce.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_nonce);

#define NONCE_MAGIC "ovs-xfrm-nonce "
#define NONCE_MAGIC_LEN (sizeof NONCE_MAGIC - 1)
#define NONCE_CRC_LEN 9                 /* Eight digits and a line feed. */
#define NONCE_HEADER_LEN (NONCE_MAGIC_LEN + 2 + 17 + NONCE_CRC_LEN)
#define NONCE_FP_DIGITS (2 * XFRM_FINGERPRINT_LEN)
#define NONCE_RECORD_LEN (2 + NONCE_FP_DIGITS + 1 + 17 + NONCE_CRC_LEN)

#define NONCE_USED_UP UINT64_MAX
#define NONCE_MAX_FILE (INT64_C(1) << 30)   /* Bytes: 15 million keys. */
#define NONCE_COMPACT_MIN 1024              /* Lines. */

struct nonce_key {
    struct hmap_node node;              /* In 'keys' of the store. */
    struct xfrm_fingerprint fp;
    uint64_t mark;
    bool doubtful;
    uint64_t last;                      /* While loading: index of its last
                                         * line. */
};

struct xfrm_nonce_store {
    char *path;
    char *damaged_path;
    char *tmp_path;
    int lock_fd;
    int fd;                             /* The log, or -1. */
    uint64_t n_lines;                   /* In the log, without the header. */
    uint64_t compact_at;                /* Lines. */
    bool rewrite;                       /* The log is in an unknown state. */
    struct hmap keys;                   /* "struct nonce_key"s. */
};

static void
put_crc(char *line, size_t len)
{
    char crc[NONCE_CRC_LEN + 1];

    snprintf(crc, sizeof crc, "%08"PRIx32"\n",
             ntohl(crc32c((const uint8_t *) line, len - NONCE_CRC_LEN)));
    memcpy(line + len - NONCE_CRC_LEN, crc, NONCE_CRC_LEN);
}

static bool
crc_is_good(const char *line, size_t len)
{
    bool ok;
    uintmax_t crc = hexits_value(line + len - NONCE_CRC_LEN, 8, &ok);

    return (ok && line[len - 1] == '\n'
            && crc == ntohl(crc32c((const uint8_t *) line,
                                   len - NONCE_CRC_LEN)));
}

static void
format_header(uint64_t count, char line[NONCE_HEADER_LEN + 1])
{
    memset(line, ' ', NONCE_HEADER_LEN + 1);
    snprintf(line, NONCE_HEADER_LEN + 1, NONCE_MAGIC"1 %016"PRIx64" ", count);
    put_crc(line, NONCE_HEADER_LEN);
}

static void
format_record(const struct nonce_key *key, char line[NONCE_RECORD_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *p = line;

    *p++ = key->doubtful ? 'd' : 'm';
    *p++ = ' ';
    for (size_t i = 0; i < XFRM_FINGERPRINT_LEN; i++) {
        *p++ = digits[key->fp.bytes[i] >> 4];
        *p++ = digits[key->fp.bytes[i] & 15];
    }
    snprintf(p, 19, " %016"PRIx64" ", key->mark);
    put_crc(line, NONCE_RECORD_LEN);
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

static struct nonce_key *
find_key(const struct xfrm_nonce_store *store,
         const struct xfrm_fingerprint *fp)
{
    struct nonce_key *key;

    HMAP_FOR_EACH_WITH_HASH (key, node, hash_bytes(fp, sizeof *fp, 0),
                             &store->keys) {
        if (!memcmp(&key->fp, fp, sizeof *fp)) {
            return key;
        }
    }
    return NULL;
}

static struct nonce_key *
add_key(struct xfrm_nonce_store *store, const struct xfrm_fingerprint *fp)
{
    struct nonce_key *key = xzalloc(sizeof *key);

    key->fp = *fp;
    hmap_insert(&store->keys, &key->node, hash_bytes(fp, sizeof *fp, 0));
    return key;
}

static bool
is_suspect(const struct xfrm_nonce_store *store)
{
    struct stat s;

    /* Only a clear "no" is one. */
    return !lstat(store->damaged_path, &s) || errno != ENOENT;
}

/* Writing. */

static int
write_at(int fd, const char *data, size_t size, off_t ofs)
{
    while (size) {
        ssize_t n = pwrite(fd, data, size, ofs);

        if (n > 0) {
            data += n;
            size -= n;
            ofs += n;
        } else if (!n) {
            return ENOSPC;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int
write_tmp(struct xfrm_nonce_store *store, int *fdp)
{
    char line[MAX(NONCE_HEADER_LEN, NONCE_RECORD_LEN) + 1];
    const struct nonce_key *key;
    struct ds s;
    int error;
    int fd;

    unlink(store->tmp_path);
    fd = open(store->tmp_path,
              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno;
    }

    ds_init(&s);
    ds_reserve(&s, NONCE_HEADER_LEN
                   + hmap_count(&store->keys) * NONCE_RECORD_LEN);
    format_header(hmap_count(&store->keys), line);
    ds_put_buffer(&s, line, NONCE_HEADER_LEN);
    HMAP_FOR_EACH (key, node, &store->keys) {
        format_record(key, line);
        ds_put_buffer(&s, line, NONCE_RECORD_LEN);
    }
    error = write_at(fd, s.string, s.length, 0);
    ds_destroy(&s);
    if (!error && fsync(fd)) {
        error = errno;
    }
    if (error) {
        close(fd);
        unlink(store->tmp_path);
        return error;
    }
    *fdp = fd;
    return 0;
}

/* Replaces the log by one with what is in memory.  With 'damaged' the old one
 * is kept: it goes aside first, so that in each moment there is either the
 * damaged log or the sign that there was one. */
static int
write_anew(struct xfrm_nonce_store *store, bool damaged)
{
    int fd = -1;
    int error;

    error = write_tmp(store, &fd);
    if (error) {
        return error;
    }
    if (damaged) {
        if (rename(store->path, store->damaged_path)) {
            error = errno;
        } else {
            error = fsync_parent_dir(store->path);
        }
    }
    if (!error && rename(store->tmp_path, store->path)) {
        error = errno;
    }
    if (error) {
        close(fd);
        unlink(store->tmp_path);
        return error;
    }

    if (store->fd >= 0) {
        close(store->fd);
    }
    store->fd = fd;
    store->n_lines = hmap_count(&store->keys);
    store->compact_at = 2 * store->n_lines + NONCE_COMPACT_MIN;

    /* As long as the directory is not on disk, the old log may come back. */
    error = fsync_parent_dir(store->path);
    store->rewrite = error != 0;
    return error;
}

/* Whether 'path' still is the file that we append to. */
static bool
is_in_place(const struct xfrm_nonce_store *store)
{
    struct stat a, b;

    return (!fstat(store->fd, &a) && !lstat(store->path, &b)
            && a.st_dev == b.st_dev && a.st_ino == b.st_ino
            && (uint64_t) a.st_size >= NONCE_HEADER_LEN
                                       + store->n_lines * NONCE_RECORD_LEN);
}

static int
append(struct xfrm_nonce_store *store, const struct nonce_key *key)
{
    char record[NONCE_RECORD_LEN + 1];
    char header[NONCE_HEADER_LEN + 1];
    int error;

    /* What a failed attempt left behind is overwritten. */
    format_record(key, record);
    error = write_at(store->fd, record, NONCE_RECORD_LEN,
                     NONCE_HEADER_LEN + store->n_lines * NONCE_RECORD_LEN);
    if (!error && fdatasync(store->fd)) {
        error = errno;
        store->rewrite = true;
    }
    if (error) {
        return error;
    }
    store->n_lines++;

    /* Goes to disk with the next line. */
    format_header(store->n_lines, header);
    if (write_at(store->fd, header, NONCE_HEADER_LEN, 0)) {
        store->rewrite = true;
    }

    if (store->n_lines >= store->compact_at) {
        error = write_anew(store, false);
        if (error) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

            VLOG_WARN_RL(&rl, "%s: cannot compact (%s)", store->path,
                         ovs_strerror(error));
            store->compact_at = store->n_lines + NONCE_COMPACT_MIN;
        }
    }
    return 0;
}

/* Records 'mark' for 'fp', in memory and on disk or not at all. */
static int
record_mark(struct xfrm_nonce_store *store, const struct xfrm_fingerprint *fp,
            uint64_t mark, bool doubtful, char **errorp)
{
    struct nonce_key *key = find_key(store, fp);
    bool is_new = !key;
    struct nonce_key old;
    int error;

    if (is_new) {
        key = add_key(store, fp);
    }
    old = *key;
    key->mark = mark;
    key->doubtful = doubtful;

    if (store->rewrite || store->fd < 0 || !is_in_place(store)) {
        error = write_anew(store, false);
    } else {
        error = append(store, key);
    }
    if (error) {
        *errorp = xasprintf("the nonce state file \"%s\" cannot be written "
                            "(%s), and without it no SA whose cipher runs in "
                            "counter mode is installed",
                            store->path, ovs_strerror(error));
        if (is_new) {
            hmap_remove(&store->keys, &key->node);
            free(key);
        } else {
            key->mark = old.mark;
            key->doubtful = old.doubtful;
        }
    }
    return error;
}

/* Reading. */

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
        key = find_key(store, &fp);
        if (!key) {
            key = add_key(store, &fp);
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

static int
load(struct xfrm_nonce_store *store, char **errorp)
{
    struct nonce_scan result;
    char *data = NULL;
    size_t size = 0;
    int error;

    store->fd = open(store->path,
                     O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (store->fd < 0) {
        error = errno == ENOENT ? write_anew(store, false) : errno;
        if (error) {
            *errorp = xasprintf("nonce state file \"%s\": %s", store->path,
                                error == ELOOP ? "is a symbolic link"
                                : ovs_strerror(error));
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
        error = write_anew(store, true);
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

/* Opens the store in file 'path', which is created if it does not exist, and
 * keeps others out until xfrm_nonce_close(). */
int
xfrm_nonce_open(const char *path, struct xfrm_nonce_store **storep,
                char **errorp)
{
    struct xfrm_nonce_store *store = xzalloc(sizeof *store);
    char *lock_path = xasprintf("%s.lock", path);
    int error = 0;

    *storep = NULL;
    *errorp = NULL;
    store->path = xstrdup(path);
    store->damaged_path = xasprintf("%s.damaged", path);
    store->tmp_path = xasprintf("%s.tmp", path);
    store->fd = -1;
    hmap_init(&store->keys);

    store->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
                          | O_NONBLOCK, 0600);
    if (store->lock_fd < 0) {
        error = errno;
        *errorp = xasprintf("nonce state file \"%s\": cannot open \"%s\" "
                            "(%s)", path, lock_path, ovs_strerror(error));
    } else if (flock(store->lock_fd, LOCK_EX | LOCK_NB)) {
        error = errno;
        *errorp = error == EWOULDBLOCK
                  ? xasprintf("nonce state file \"%s\" is in use by another "
                              "process", path)
                  : xasprintf("nonce state file \"%s\": cannot lock \"%s\" "
                              "(%s)", path, lock_path, ovs_strerror(error));
    } else {
        error = load(store, errorp);
    }
    free(lock_path);

    if (error) {
        xfrm_nonce_close(store);
        return error;
    }
    if (is_suspect(store)) {
        VLOG_WARN("%s exists: keys that have no record are refused until it "
                  "is removed", store->damaged_path);
    }
    *storep = store;
    return 0;
}

void
xfrm_nonce_close(struct xfrm_nonce_store *store)
{
    struct nonce_key *key;

    if (!store) {
        return;
    }
    HMAP_FOR_EACH_POP (key, node, &store->keys) {
        free(key);
    }
    hmap_destroy(&store->keys);
    if (store->fd >= 0) {
        close(store->fd);
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);          /* Gives the lock up. */
    }
    free(store->path);
    free(store->damaged_path);
    free(store->tmp_path);
    free(store);
}

static int
refuse_doubtful(const struct xfrm_nonce_store *store, char **errorp)
{
    *errorp = is_suspect(store)
        ? xasprintf("needs-rekey: the nonce state file \"%s\" was damaged and "
                    "how far this key was used may be lost: remove \"%s\" and "
                    "then give a new key", store->path, store->damaged_path)
        : xasprintf("needs-rekey: the nonce state file \"%s\" was damaged and "
                    "how far this key was used may be lost: give a new key",
                    store->path);
    return EKEYEXPIRED;
}

/* Reserves XFRM_NONCE_STEP sequence numbers of the key 'fp' and puts the one
 * before the first into '*startp'.  The reservation is on disk when this
 * returns 0. */
int
xfrm_nonce_reserve(struct xfrm_nonce_store *store,
                   const struct xfrm_fingerprint *fp, uint64_t limit,
                   uint64_t *startp, char **errorp)
{
    const struct nonce_key *key = find_key(store, fp);
    uint64_t start;
    int error;

    *errorp = NULL;
    *startp = 0;

    if (!key && is_suspect(store)) {
        /* On disk as well, or else this very key would be taken for a new
         * one after PATH.damaged is removed. */
        error = record_mark(store, fp, 0, true, errorp);
        return error ? error : refuse_doubtful(store, errorp);
    } else if (key && key->mark == NONCE_USED_UP) {
        *errorp = xstrdup("needs-rekey: this key is used up: give a new key");
        return EKEYEXPIRED;
    } else if (key && key->doubtful) {
        return refuse_doubtful(store, errorp);
    }

    start = key ? key->mark : 0;
    if (limit < XFRM_NONCE_STEP || start > limit - XFRM_NONCE_STEP) {
        *errorp = xasprintf("needs-rekey: this key may have been used up to "
                            "sequence number %"PRIu64" of %"PRIu64": give a "
                            "new key", start, limit);
        return EKEYEXPIRED;
    }
    error = record_mark(store, fp, start + XFRM_NONCE_STEP, false, errorp);
    if (!error) {
        *startp = start;
    }
    return error;
}

/* Takes note that a live SA with key 'fp' has sent number 'used'. */
int
xfrm_nonce_extend(struct xfrm_nonce_store *store,
                  const struct xfrm_fingerprint *fp, uint64_t used,
                  char **errorp)
{
    const struct nonce_key *key = find_key(store, fp);
    uint64_t mark;

    *errorp = NULL;
    if (key && (key->mark == NONCE_USED_UP
                || (!key->doubtful && key->mark > used
                    && key->mark - used >= XFRM_NONCE_STEP / 2))) {
        return 0;
    }
    mark = used <= UINT64_MAX - XFRM_NONCE_STEP ? used + XFRM_NONCE_STEP
                                                : NONCE_USED_UP;
    if (key) {
        mark = MAX(mark, key->mark);
    }
    return record_mark(store, fp, mark, false, errorp);
}

/* Sees to it that the key 'fp' is never reserved again. */
int
xfrm_nonce_exhaust(struct xfrm_nonce_store *store,
                   const struct xfrm_fingerprint *fp, char **errorp)
{
    const struct nonce_key *key = find_key(store, fp);

    *errorp = NULL;
    if (key && key->mark == NONCE_USED_UP) {
        return 0;
    }
    return record_mark(store, fp, NONCE_USED_UP, false, errorp);
}

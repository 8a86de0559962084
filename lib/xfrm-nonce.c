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
 *   - A file that does not exist is created.  But if there was one once, which
 *     PATH.lock tells, it was deleted: PATH.damaged is made, empty, and keys
 *     without a record are refused as above.  Who deletes all three, or puts
 *     back an old copy, vouches that no key of the past comes back: that
 *     cannot be told from a new machine.
 *
 * The log is written anew (PATH.tmp, fsync, rename, fsync of the directory)
 * when most of its lines are obsolete, after a failed sync (what the page
 * cache then holds is not known), and if somebody deleted or replaced it.
 * A line per key stays for ever: 69 bytes for each rekey.
 *
 * PATH.lock keeps a second process out; it is a file of its own because the
 * log is replaced by renaming.  A line in it says that there is a log.
 *
 * Whatever changes the disk passes through step() first, where tests make it
 * fail or end the process. */

#include <config.h>

#include "xfrm-nonce-private.h"

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

int (*xfrm_nonce_step)(const struct xfrm_nonce_step *);

/* Returns 0, or the errno that a test wants 'what' to fail with. */
static int
step(const char *what, int fd)
{
    struct xfrm_nonce_step s = { .what = what, .fd = fd };

    return xfrm_nonce_step ? xfrm_nonce_step(&s) : 0;
}

static void
put_crc(char *line, size_t len)
{
    char crc[NONCE_CRC_LEN + 1];

    snprintf(crc, sizeof crc, "%08"PRIx32"\n",
             ntohl(crc32c((const uint8_t *) line, len - NONCE_CRC_LEN)));
    memcpy(line + len - NONCE_CRC_LEN, crc, NONCE_CRC_LEN);
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

struct nonce_key *
xfrm_nonce_find_key(const struct xfrm_nonce_store *store,
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

struct nonce_key *
xfrm_nonce_add_key(struct xfrm_nonce_store *store,
                   const struct xfrm_fingerprint *fp)
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
    if (xfrm_nonce_step) {
        struct xfrm_nonce_step s = { "write", fd, data, size, ofs };
        int error = xfrm_nonce_step(&s);

        if (error) {
            return error;
        }
    }
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
sync_fd(int fd)
{
    int error = step("sync", fd);

    return error ? error : fdatasync(fd) ? errno : 0;
}

static int
sync_dir(const struct xfrm_nonce_store *store)
{
    int error = step("sync-dir", -1);

    return error ? error : fsync_parent_dir(store->path);
}

static int
rename_file(const char *from, const char *to)
{
    int error = step("rename", -1);

    return error ? error : rename(from, to) ? errno : 0;
}

static int
create_file(const char *path, int *fdp)
{
    int error = step("create", -1);

    if (!error) {
        *fdp = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    0600);
        error = *fdp < 0 ? errno : 0;
    }
    return error;
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
    error = create_file(store->tmp_path, &fd);
    if (error) {
        return error;
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
    if (!error) {
        error = sync_fd(fd);
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
int
xfrm_nonce_write_anew(struct xfrm_nonce_store *store, bool damaged)
{
    int fd = -1;
    int error;

    error = write_tmp(store, &fd);
    if (error) {
        return error;
    }
    if (damaged) {
        error = rename_file(store->path, store->damaged_path);
        if (!error) {
            error = sync_dir(store);
        }
    }
    if (!error) {
        error = rename_file(store->tmp_path, store->path);
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
    error = sync_dir(store);
    store->rewrite = error != 0;
    return error;
}

/* The line in PATH.lock. */
static const char log_exists[] = "The nonce state file exists.\n";

/* The log is gone although there was one: leaves the sign of damage, so that
 * no key is taken for a new one.  The contents are what an administrator
 * reads. */
int
xfrm_nonce_mourn(struct xfrm_nonce_store *store)
{
    int fd = -1;
    int error = create_file(store->damaged_path, &fd);

    if (fd >= 0) {
        close(fd);
    }
    return error == EEXIST || !error ? sync_dir(store) : error;
}

/* Whether there was a log once. */
bool
xfrm_nonce_had_log(const struct xfrm_nonce_store *store)
{
    struct stat s;

    /* Only a clear "no" is one. */
    return fstat(store->lock_fd, &s) || s.st_size > 0;
}

/* From now on, a log that is missing was lost. */
static int
remember_log(struct xfrm_nonce_store *store)
{
    int error = 0;

    if (!xfrm_nonce_had_log(store)) {
        error = write_at(store->lock_fd, log_exists, strlen(log_exists), 0);
        if (!error) {
            error = sync_fd(store->lock_fd);
        }
        if (!error) {
            error = sync_dir(store);
        }
    }
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
    if (error) {
        return error;
    }
    error = sync_fd(store->fd);
    if (error) {
        store->rewrite = true;
        return error;
    }
    store->n_lines++;

    /* Goes to disk with the next line. */
    format_header(store->n_lines, header);
    if (write_at(store->fd, header, NONCE_HEADER_LEN, 0)) {
        store->rewrite = true;
    }

    if (store->n_lines >= store->compact_at) {
        error = xfrm_nonce_write_anew(store, false);
        if (error) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

            VLOG_WARN_RL(&rl, "%s: cannot compact (%s)", store->path,
                         ovs_strerror(error));
            store->compact_at = store->n_lines + NONCE_COMPACT_MIN;
        }
    }
    return 0;
}

/* One change of a key in memory that may have to be taken back. */
struct nonce_undo {
    struct nonce_key *key;
    bool is_new;
    uint64_t mark;
    bool doubtful;
};

static void
undo(struct xfrm_nonce_store *store, const struct nonce_undo *u)
{
    if (u->is_new) {
        hmap_remove(&store->keys, &u->key->node);
        free(u->key);
    } else {
        u->key->mark = u->mark;
        u->key->doubtful = u->doubtful;
    }
}

/* What to do if 'error' means that we may not open or make 'file', which is one
 * of the store's: a clause to put behind what went wrong, malloc'd, maybe empty.
 * All of the store's files then belong to whom the daemon was before --user. */
char *
xfrm_nonce_advice(const struct xfrm_nonce_store *store, const char *file,
                  int error)
{
    uintmax_t uid = geteuid();
    uintmax_t gid = getegid();
    char *advice = NULL;
    struct stat s;

    if (error != EACCES && error != EPERM) {
        return xstrdup("");
    }
    if (!lstat(file, &s)) {
        unsigned int mode = s.st_mode & 07777;

        return s.st_uid != uid
            ? xasprintf(": it belongs to user %ju (mode %04o), and "
                        "ovs-vswitchd runs as user %ju: run chown %ju:%ju "
                        "%s*", (uintmax_t) s.st_uid, mode, uid, uid, gid,
                        store->path)
            : xasprintf(": it has mode %04o: run chmod 600 %s*", mode,
                        store->path);
    }

    char *dir = dir_name(file);
    if (!stat(dir, &s) && access(dir, W_OK | X_OK)) {
        advice = xasprintf(": the directory %s belongs to user %ju (mode "
                           "%04o), and ovs-vswitchd, which runs as user %ju, "
                           "must be able to make files there", dir,
                           (uintmax_t) s.st_uid,
                           (unsigned int) s.st_mode & 07777, uid);
    }
    free(dir);
    return advice ? advice : xstrdup("");
}

static char *
write_error(const struct xfrm_nonce_store *store, int error)
{
    char *advice = xfrm_nonce_advice(store, store->tmp_path, error);
    char *message = xasprintf("the nonce state file \"%s\" cannot be written "
                              "(%s), and without it no SA whose cipher runs "
                              "in counter mode is installed%s",
                              store->path, ovs_strerror(error), advice);

    free(advice);
    return message;
}

/* Records 'mark' for 'fp', in memory and on disk or not at all; within a
 * batch, in memory only. */
static int
record_mark(struct xfrm_nonce_store *store, const struct xfrm_fingerprint *fp,
            uint64_t mark, bool doubtful, char **errorp)
{
    struct nonce_key *key = xfrm_nonce_find_key(store, fp);
    struct nonce_undo u = { .key = key, .is_new = !key };
    int error;

    if (u.is_new) {
        u.key = key = xfrm_nonce_add_key(store, fp);
    }
    u.mark = key->mark;
    u.doubtful = key->doubtful;
    key->mark = mark;
    key->doubtful = doubtful;

    if (store->batching) {
        if (store->n_undos >= store->allocated_undos) {
            store->undos = x2nrealloc(store->undos, &store->allocated_undos,
                                      sizeof *store->undos);
        }
        store->undos[store->n_undos++] = u;
        return 0;
    }

    if (store->rewrite || store->fd < 0 || !is_in_place(store)) {
        error = xfrm_nonce_write_anew(store, false);
    } else {
        error = append(store, key);
    }
    if (error) {
        *errorp = write_error(store, error);
        undo(store, &u);
    }
    return error;
}

void
xfrm_nonce_begin(struct xfrm_nonce_store *store)
{
    ovs_assert(!store->batching);
    store->batching = true;
}

/* The whole log is written anew, which is atomic: either all of the batch is
 * on disk or nothing of it. */
int
xfrm_nonce_commit(struct xfrm_nonce_store *store, char **errorp)
{
    int error = 0;

    ovs_assert(store->batching);
    store->batching = false;
    *errorp = NULL;
    if (store->n_undos) {
        error = xfrm_nonce_write_anew(store, false);
        if (error) {
            *errorp = write_error(store, error);
            while (store->n_undos) {
                undo(store, &store->undos[--store->n_undos]);
            }
        }
    }
    free(store->undos);
    store->undos = NULL;
    store->n_undos = store->allocated_undos = 0;
    return error;
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

        char *advice = xfrm_nonce_advice(store, lock_path, error);
        *errorp = xasprintf("nonce state file \"%s\": cannot open \"%s\" "
                            "(%s)%s", path, lock_path, ovs_strerror(error),
                            advice);
        free(advice);
    } else if (flock(store->lock_fd, LOCK_EX | LOCK_NB)) {
        error = errno;
        *errorp = error == EWOULDBLOCK
                  ? xasprintf("nonce state file \"%s\" is in use by another "
                              "process", path)
                  : xasprintf("nonce state file \"%s\": cannot lock \"%s\" "
                              "(%s)", path, lock_path, ovs_strerror(error));
    } else {
        error = xfrm_nonce_load(store, errorp);
        if (!error) {
            error = remember_log(store);
            if (error) {
                *errorp = xasprintf("nonce state file \"%s\": cannot write "
                                    "\"%s\" (%s)", path, lock_path,
                                    ovs_strerror(error));
            }
        }
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
        /* close() alone gives it up when nobody else has the file open any more:
         * not a child that was made meanwhile, nor who looks at /proc. */
        flock(store->lock_fd, LOCK_UN);
        close(store->lock_fd);
    }
    free(store->path);
    free(store->damaged_path);
    free(store->tmp_path);
    free(store->undos);
    free(store);
}

static int
refuse_doubtful(const struct xfrm_nonce_store *store, char **errorp)
{
    *errorp = is_suspect(store)
        ? xasprintf("needs-rekey: the nonce state file \"%s\" was damaged or "
                    "deleted, and how far this key was used may be lost: remove \"%s\" and "
                    "then give a new key", store->path, store->damaged_path)
        : xasprintf("needs-rekey: the nonce state file \"%s\" was damaged or "
                    "deleted, and how far this key was used may be lost: give a new key",
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
    const struct nonce_key *key = xfrm_nonce_find_key(store, fp);
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
    const struct nonce_key *key = xfrm_nonce_find_key(store, fp);
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
    const struct nonce_key *key = xfrm_nonce_find_key(store, fp);

    *errorp = NULL;
    if (key && key->mark == NONCE_USED_UP) {
        return 0;
    }
    return record_mark(store, fp, NONCE_USED_UP, false, errorp);
}

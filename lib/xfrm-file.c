/* SPDX-License-Identifier: Apache-2.0 */

/* Files with keys: see xfrm-file.h.  The file is opened by the steps
 * of a suspicious reader: nothing is opened before its type is known, nothing
 * is read before its owner, permissions and size are. */

#include <config.h>
#include "xfrm-file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"
#include "xfrm-secret.h"

/* A file, found but not opened. */
struct found_file {
    int dir_fd;                 /* Its directory, or -1. */
    char name[NAME_MAX + 1];    /* Its name there, no symbolic link. */
    struct stat st;
};

static void
found_file_close(struct found_file *file)
{
    if (file->dir_fd >= 0) {
        close(file->dir_fd);
    }
}

/* Finds the file that 'path' names.  A symbolic link is followed only once,
 * and only to a name in its own directory: so a new version can be put in
 * place by renaming a link, but nobody who may write a link can make us read a
 * file that only we may read elsewhere.
 *
 * Returns 0 or a positive errno, then (if 'errorp' is nonnull) with what is
 * wrong.  The caller closes 'file' in both cases. */
static int
find_file(const char *path, struct found_file *file, char **errorp)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *dir = (!slash ? xstrdup(".")
                 : slash == path ? xstrdup("/")
                 : xmemdup0(path, slash - path));
    int error = 0;

    memset(file, 0, sizeof *file);
    file->dir_fd = -1;
    if (!*name || strlen(name) > NAME_MAX) {
        error = *name ? ENAMETOOLONG : EISDIR;
        goto exit;
    }
    ovs_strlcpy(file->name, name, sizeof file->name);

    file->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file->dir_fd < 0
        || fstatat(file->dir_fd, file->name, &file->st,
                   AT_SYMLINK_NOFOLLOW)) {
        error = errno;
        goto exit;
    }
    if (S_ISLNK(file->st.st_mode)) {
        char target[NAME_MAX + 1];
        ssize_t n = readlinkat(file->dir_fd, file->name, target,
                               sizeof target);
        if (n < 0) {
            error = errno;
            goto exit;
        }
        if ((size_t) n >= sizeof target || memchr(target, '/', n)) {
            error = ELOOP;
            if (errorp) {
                *errorp = xstrdup("is a symbolic link to elsewhere; allowed: "
                                  "a file, or a link to a file in the same "
                                  "directory");
            }
            goto exit;
        }
        target[n] = '\0';
        ovs_strlcpy(file->name, target, sizeof file->name);
        if (fstatat(file->dir_fd, file->name, &file->st,
                    AT_SYMLINK_NOFOLLOW)) {
            error = errno;
            goto exit;
        }
        if (S_ISLNK(file->st.st_mode)) {
            error = ELOOP;
            if (errorp) {
                *errorp = xstrdup("is a symbolic link to a symbolic link; "
                                  "allowed: a file, or a link to a file in "
                                  "the same directory");
            }
            goto exit;
        }
    }

exit:
    if (error && errorp && !*errorp) {
        *errorp = xstrdup(ovs_strerror(error));
    }
    free(dir);
    return error;
}

static void
stamp_from_stat(struct xfrm_file_stamp *stamp, const struct stat *st)
{
    memset(stamp, 0, sizeof *stamp);
    stamp->dev = st->st_dev;
    stamp->ino = st->st_ino;
    stamp->size = st->st_size;
    stamp->mtime = st->st_mtim;
    stamp->ctime = st->st_ctim;
}

static void
stamp_from_error(struct xfrm_file_stamp *stamp, int error)
{
    memset(stamp, 0, sizeof *stamp);
    stamp->error = error;
}

/* Describes the file that 'path' names, without opening it.  As long as it
 * does not change, the result equals that of xfrm_file_read(), whatever that
 * one thought of it. */
void
xfrm_file_stamp_get(const char *path, struct xfrm_file_stamp *stamp)
{
    struct found_file file;
    int error = find_file(path, &file, NULL);

    if (error) {
        stamp_from_error(stamp, error);
    } else {
        stamp_from_stat(stamp, &file.st);
    }
    found_file_close(&file);
}

static bool
timespec_equals(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
xfrm_file_stamp_equals(const struct xfrm_file_stamp *a,
                       const struct xfrm_file_stamp *b)
{
    return (a->error == b->error
            && a->dev == b->dev
            && a->ino == b->ino
            && a->size == b->size
            && timespec_equals(&a->mtime, &b->mtime)
            && timespec_equals(&a->ctime, &b->ctime));
}

/* The mode that a file should have: one of root's, if we are not root, is read
 * by right of our group. */
static const char *
good_mode(const struct stat *st)
{
    return st->st_uid == geteuid() ? "600" : "640";
}

static int
check_file(const char *path, const struct stat *st, size_t max,
           char **errorp)
{
    unsigned int mode = st->st_mode & 07777;

    if (!S_ISREG(st->st_mode)) {
        *errorp = xstrdup("is not a regular file");
        return S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        *errorp = xasprintf("belongs to user %ju; allowed: root, or the user "
                            "that runs ovs-vswitchd (%ju)",
                            (uintmax_t) st->st_uid, (uintmax_t) geteuid());
        return EPERM;
    }
    if (mode & 0007) {
        *errorp = xasprintf("is %s by others (mode %04o): run chmod %s %s",
                            mode & 0004 ? "readable"
                            : mode & 0002 ? "writable" : "executable",
                            mode, good_mode(st), path);
        return EPERM;
    }
    if (mode & 0020) {
        *errorp = xasprintf("is writable by its group (mode %04o): run chmod "
                            "%s %s", mode, good_mode(st), path);
        return EPERM;
    }
    if (st->st_size < 0 || (uintmax_t) st->st_size > max) {
        *errorp = xasprintf("has %jd bytes; allowed: %"PRIuSIZE" at most",
                            (intmax_t) st->st_size, max);
        return EFBIG;
    }
    return 0;
}

/* Why a file that passed the checks could not be opened, malloc'd. */
static char *
open_error(const char *path, const struct stat *st, int error)
{
    unsigned int mode = st->st_mode & 07777;

    if (error != EACCES) {
        return xstrdup(ovs_strerror(error));
    }
    return st->st_uid == geteuid()
        ? xasprintf("%s (mode %04o): run chmod 600 %s", ovs_strerror(error),
                    mode, path)
        : xasprintf("%s: it belongs to user %ju and group %ju (mode %04o), "
                    "and %s runs as user %ju and group %ju: run chgrp %ju %s "
                    "&& chmod 640 %s", ovs_strerror(error),
                    (uintmax_t) st->st_uid, (uintmax_t) st->st_gid, mode,
                    program_name, (uintmax_t) geteuid(), (uintmax_t) getegid(),
                    (uintmax_t) getegid(), path, path);
}

/* Reads up to 'size' bytes; returns the number, or a negative errno. */
static ssize_t
read_fully(int fd, char *buf, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t retval = read(fd, buf + n, size - n);
        if (!retval) {
            break;
        } else if (retval > 0) {
            n += retval;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return n;
}

static int
read_text(int fd, const struct stat *st, char **textp, size_t *lenp,
          char **errorp)
{
    /* One byte more than there should be tells whether the file grew. */
    size_t size = st->st_size;
    char *text = xmalloc(size + 1);
    ssize_t n = read_fully(fd, text, size + 1);

    if (n >= 0 && (size_t) n == size) {
        text[size] = '\0';
        *textp = text;
        *lenp = size;
        return 0;
    }
    xfrm_wipe(text, size + 1);
    free(text);
    *errorp = xstrdup(n < 0 ? ovs_strerror(-n) : "changed while it was read");
    return n < 0 ? -n : EAGAIN;
}

int
xfrm_file_read(const char *path, size_t max, struct xfrm_file_stamp *stamp,
               char **textp, size_t *lenp, char **errorp)
{
    struct found_file file;
    char *what = NULL;
    int fd = -1;
    int error;

    *textp = NULL;
    *lenp = 0;
    *errorp = NULL;

    error = find_file(path, &file, &what);
    if (error) {
        stamp_from_error(stamp, error);
        goto exit;
    }
    stamp_from_stat(stamp, &file.st);
    error = check_file(path, &file.st, max, &what);
    if (error) {
        goto exit;
    }

    /* Whatever was put in its place by now is neither followed nor waited
     * for, and is checked like the first one. */
    fd = openat(file.dir_fd, file.name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file.st)) {
        error = errno;
        what = open_error(path, &file.st, error);
        goto exit;
    }
    stamp_from_stat(stamp, &file.st);
    error = check_file(path, &file.st, max, &what);
    if (!error) {
        error = read_text(fd, &file.st, textp, lenp, &what);
    }

exit:
    if (fd >= 0) {
        close(fd);
    }
    found_file_close(&file);
    if (error) {
        *errorp = xasprintf("%s: %s", path, what);
    }
    free(what);
    return error;
}

void
xfrm_file_free(char *text, size_t len)
{
    if (text) {
        xfrm_wipe(text, len);
        free(text);
    }
}

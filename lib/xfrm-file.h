/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_FILE_H
#define XFRM_FILE_H 1

/* Files with keys: who may have written one, who may read it, and whether it
 * changed.  Above xfrm-secret; below xfrm-json (SA files) and xfrm-db (key
 * files). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* What tells one version of a file from the next. */
struct xfrm_file_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
    struct timespec ctime;
    int error;                  /* errno of the failed open or stat, or 0. */
};

void xfrm_file_stamp_get(const char *path, struct xfrm_file_stamp *);
bool xfrm_file_stamp_equals(const struct xfrm_file_stamp *,
                            const struct xfrm_file_stamp *);

/* Reads the file 'path', of 'max' bytes at most, if it belongs to root or to
 * this process's user and others may neither read nor write it.  Returns 0 and
 * stores its text, with a null byte behind it, which the caller frees with
 * xfrm_file_free(); or a positive errno with a malloc'd sentence in '*errorp'
 * that begins with 'path'.  In both cases stores in '*stamp' which version of
 * the file that is about. */
int xfrm_file_read(const char *path, size_t max, struct xfrm_file_stamp *,
                   char **textp, size_t *lenp, char **errorp);
void xfrm_file_free(char *text, size_t len);

#endif /* xfrm-file.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* Keys of ovs-xfrmctl: where they come from and how long they must be.
 *
 * A key is a string of lower-case hexadecimal digits here, because that is
 * what the database holds; whoever gets one frees it with xfrmctl_key_free(),
 * which wipes it.  No message contains any part of one.  Above: the commands
 * that make SAs.  Below: lib/xfrm-algo.c and lib/xfrm-secret.c. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"
#include "xfrm-algo.h"
#include "xfrm-file.h"
#include "xfrm-secret.h"
#include "xfrm-spec.h"
#include "xfrm-text.h"

/* What a file with one key in it can hold at most, in bytes. */
#define KEY_FILE_MAX (2 * XFRM_SECRET_MAX + 64)

static uint8_t
proto_number(const char *name)
{
    uint8_t proto;
    char *error;

    if (xfrm_proto_from_name(name, &proto, &error)) {
        free(error);
        return IPPROTO_ESP;
    }
    return proto;
}

/* Stores in '*lenp' the length of a key for 'algorithm' in bytes, salt
 * included.  Returns NULL, or a malloc'd reason. */
char *
xfrmctl_key_len(const char *proto, const char *algorithm, size_t *lenp)
{
    uint8_t number = proto_number(proto);
    const struct xfrm_algo *algo = xfrm_algo_from_name_of(number, algorithm);

    *lenp = 0;
    if (algo) {
        *lenp = xfrm_algo_key_len(algo);
        return NULL;
    }

    const struct xfrm_algo *nearest = xfrm_algo_nearest_of(number, algorithm);
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "the algorithm is ");
    xfrm_text_put_quoted(&ds, algorithm);
    if (nearest) {
        ds_put_format(&ds, "; did you mean %s?", nearest->name);
    }
    ds_put_format(&ds, "  Allowed for %s: ", proto);
    xfrm_algo_format_names_of(number, &ds);
    return ds_steal_cstr(&ds);
}

/* Appends what a key of 'algorithm' consists of. */
static void
put_expected(const char *proto, const char *algorithm, size_t len,
             struct ds *ds)
{
    const struct xfrm_algo *algo
        = xfrm_algo_from_name_of(proto_number(proto), algorithm);

    ds_put_format(ds, "%s takes %"PRIuSIZE" bytes, which is %"PRIuSIZE" "
                  "hexadecimal digits", algorithm, len, 2 * len);
    if (algo && algo->salt_len) {
        ds_put_format(ds, " (cipher key of %u bytes, salt of %u",
                      algo->crypt_key_len, algo->salt_len);
        if (algo->auth_key_len) {
            ds_put_format(ds, ", integrity key of %u", algo->auth_key_len);
        }
        ds_put_char(ds, ')');
    }
}

void
xfrmctl_key_free(char *hex)
{
    if (hex) {
        xfrm_wipe(hex, strlen(hex));
        free(hex);
    }
}

static char *
secret_to_hex(const struct xfrm_secret *secret)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    xfrm_secret_format_hex(secret, &ds);
    return ds_steal_cstr(&ds);
}

/* Reads all of 'fd' into 'buf', of 'size' bytes.  Returns 0 or a positive
 * errno. */
static int
read_all(int fd, char *buf, size_t size, size_t *lenp)
{
    *lenp = 0;
    for (;;) {
        ssize_t n = read(fd, buf + *lenp, size - *lenp);

        if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0) {
            return errno;
        } else if (!n) {
            return 0;
        }
        *lenp += n;
        if (*lenp == size) {
            return EFBIG;
        }
    }
}

/* Is 'file_name' a pipe?  <(...) of a shell is one. */
static bool
is_pipe(const char *file_name)
{
    struct stat st;

    return !stat(file_name, &st) && S_ISFIFO(st.st_mode);
}

/* Reads 'file_name', or standard input, into 'buf' of KEY_FILE_MAX bytes.
 * Returns NULL, or a malloc'd reason that names the file. */
static char *
read_key_text(const char *file_name, char *buf, size_t *lenp)
{
    bool is_stdin = !strcmp(file_name, "-");
    const char *name = is_stdin ? "standard input" : file_name;
    struct xfrm_file_stamp stamp;
    char *text, *error;
    int retval, fd;

    if (!is_stdin && !is_pipe(file_name)) {
        if (xfrm_file_read(file_name, KEY_FILE_MAX - 1, &stamp, &text, lenp,
                           &error)) {
            return error;
        }
        memcpy(buf, text, *lenp);
        xfrm_file_free(text, *lenp);
        return NULL;
    }
    fd = is_stdin ? STDIN_FILENO : open(file_name, O_RDONLY | O_CLOEXEC);
    retval = fd < 0 ? errno : read_all(fd, buf, KEY_FILE_MAX - 1, lenp);
    if (!is_stdin && fd >= 0) {
        close(fd);
    }
    return (!retval ? NULL
            : retval == EFBIG ? xasprintf("%s: too long for one key", name)
            : xasprintf("%s: %s", name, ovs_strerror(retval)));
}

/* Reads the key for 'algorithm' from 'file_name', or from standard input if
 * that is "-".  Returns NULL, or a malloc'd reason. */
char *
xfrmctl_key_read(const char *file_name, const char *proto,
                 const char *algorithm, char **hexp)
{
    const char *name = strcmp(file_name, "-") ? file_name : "standard input";
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct xfrm_secret secret;
    char buf[KEY_FILE_MAX];
    char *reason = NULL;
    size_t want, len = 0;
    char *error;

    *hexp = NULL;
    error = xfrmctl_key_len(proto, algorithm, &want);
    if (error) {
        return error;
    }
    reason = read_key_text(file_name, buf, &len);
    if (reason) {
        ds_put_format(&ds, "key file %s", reason);
        free(reason);
        goto exit;
    }
    while (len && strchr(" \t\r\n", buf[len - 1])) {
        len--;
    }
    buf[len] = '\0';
    if (strlen(buf) != len) {
        ds_put_format(&ds, "key file %s: is binary; it must hold hexadecimal "
                      "digits (xxd -p makes them)", name);
        goto exit;
    }
    if (!xfrm_secret_from_hex(&secret, buf, &reason)) {
        if (secret.len == want) {
            *hexp = secret_to_hex(&secret);
        } else {
            ds_put_format(&ds, "key file %s: the key has %"PRIuSIZE" bytes, "
                          "but ", name, secret.len);
            put_expected(proto, algorithm, want, &ds);
        }
        xfrm_secret_destroy(&secret);
    } else {
        ds_put_format(&ds, "key file %s: %s", name, reason);
        free(reason);
    }

exit:
    xfrm_wipe(buf, sizeof buf);
    if (*hexp) {
        ds_destroy(&ds);
        return NULL;
    }
    return ds_steal_cstr(&ds);
}

static void
random_or_die(void *p_, size_t n)
{
    uint8_t *p = p_;

    while (n) {
        ssize_t retval = getrandom(p, n, 0);

        if (retval > 0) {
            p += retval;
            n -= retval;
        } else if (errno != EINTR) {
            /* A weaker source would make a weaker key. */
            ctl_fatal("the kernel gives no random numbers (%s)",
                      ovs_strerror(errno));
        }
    }
}

/* Makes a key for 'algorithm'.  Returns NULL, or a malloc'd reason. */
char *
xfrmctl_key_generate(const char *proto, const char *algorithm, char **hexp)
{
    uint8_t bytes[XFRM_SECRET_MAX];
    struct xfrm_secret secret;
    size_t len;
    char *error;

    *hexp = NULL;
    error = xfrmctl_key_len(proto, algorithm, &len);
    if (error) {
        return error;
    }
    if (!len) {
        return NULL;
    }
    ovs_assert(len <= sizeof bytes);
    random_or_die(bytes, len);
    xfrm_secret_init(&secret, bytes, len);
    xfrm_wipe(bytes, sizeof bytes);
    *hexp = secret_to_hex(&secret);
    xfrm_secret_destroy(&secret);
    return NULL;
}

/* Writes 'hex' into the new file 'file_name', for its owner only.  Returns
 * NULL, or a malloc'd reason. */
char *
xfrmctl_key_save(const char *file_name, const char *hex)
{
    int fd = open(file_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t len = strlen(hex);
    int error;

    if (fd < 0) {
        return xasprintf("cannot create key file %s (%s)", file_name,
                         ovs_strerror(errno));
    }
    error = write(fd, hex, len) == (ssize_t) len && write(fd, "\n", 1) == 1
            && !fsync(fd) ? 0 : errno ? errno : EIO;
    if (close(fd) && !error) {
        error = errno;
    }
    if (error) {
        unlink(file_name);
        return xasprintf("cannot write key file %s (%s)", file_name,
                         ovs_strerror(error));
    }
    return NULL;
}

/* Returns a random SPI (for ipcomp: a CPI, RFC 3173 section 3.3). */
uint32_t
xfrmctl_random_spi(const char *proto)
{
    uint32_t spi;

    do {
        random_or_die(&spi, sizeof spi);
        if (!strcmp(proto, "ipcomp")) {
            /* 61440 and above are for private use. */
            spi &= 0xefff;
        }
    } while (spi < XFRM_SPI_MIN);
    return spi;
}

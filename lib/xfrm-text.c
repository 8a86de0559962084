/* SPDX-License-Identifier: Apache-2.0 */

/* Text that strangers wrote; see xfrm-text.h.  Below it stand only OVS's
 * utilities, above it every parser of ovs-xfrm. */

#include <config.h>

#include "xfrm-text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* How much of a stranger's text goes into a message, in bytes. */
#define SHOWN_MAX 80

/* An unfinished name is completed from this length on, in bytes. */
#define COMPLETE_MIN 3

/* Longest name that is worth a guess, in bytes.  Bounds the work and the
 * stack of edit_distance(). */
#define NEAREST_MAX 40

/* The C library's strtoul() takes blanks, signs and octal, which turn a typing
 * error into another number: so not here. */
static bool
parse_digits(const char *s, unsigned int base, uint64_t max, uint64_t *valuep)
{
    uint64_t value = 0;

    *valuep = 0;
    if (!*s) {
        return false;
    }
    for (; *s; s++) {
        unsigned int digit;

        if (*s >= '0' && *s <= '9') {
            digit = *s - '0';
        } else if (*s >= 'a' && *s <= 'f') {
            digit = *s - 'a' + 10;
        } else if (*s >= 'A' && *s <= 'F') {
            digit = *s - 'A' + 10;
        } else {
            return false;
        }
        if (digit >= base || digit > max || value > (max - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    *valuep = value;
    return true;
}

/* Reads decimal digits and nothing else into '*valuep'.  Returns false, with
 * '*valuep' 0, if 's' is anything else or is above 'max'.  A leading zero is
 * refused: half of the world's tools read it as octal. */
bool
xfrm_text_to_decimal(const char *s, uint64_t max, uint64_t *valuep)
{
    if (s[0] == '0' && s[1]) {
        *valuep = 0;
        return false;
    }
    return parse_digits(s, 10, max, valuep);
}

/* Like xfrm_text_to_decimal(), and takes hexadecimal after "0x" as well. */
bool
xfrm_text_to_uint(const char *s, uint64_t max, uint64_t *valuep)
{
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        return parse_digits(s + 2, 16, max, valuep);
    }
    return xfrm_text_to_decimal(s, max, valuep);
}

/* Appends 's' so that it stays on one line, moves no cursor and has a bounded
 * length, whatever is in it. */
void
xfrm_text_put_escaped(struct ds *ds, const char *s)
{
    size_t i;

    for (i = 0; s[i] && i < SHOWN_MAX; i++) {
        unsigned char c = s[i];

        if (c == '"' || c == '\\') {
            ds_put_format(ds, "\\%c", c);
        } else if (c >= 0x20 && c < 0x7f) {
            ds_put_char(ds, c);
        } else {
            ds_put_format(ds, "\\x%02x", c);
        }
    }
    if (s[i]) {
        ds_put_cstr(ds, "...");
    }
}

/* Same in double quotes. */
void
xfrm_text_put_quoted(struct ds *ds, const char *s)
{
    ds_put_char(ds, '"');
    xfrm_text_put_escaped(ds, s);
    ds_put_char(ds, '"');
}

/* Same as a string of its own, which the caller frees. */
char *
xfrm_text_quote(const char *s)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    xfrm_text_put_quoted(&ds, s);
    return ds_steal_cstr(&ds);
}

static bool
same_letter(char a, char b)
{
    return tolower((unsigned char) a) == tolower((unsigned char) b);
}

/* Insertions, deletions, replacements and swaps of neighbours that make 'a'
 * into 'b'; case does not count.  Both lengths are at most NEAREST_MAX. */
static size_t
edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAREST_MAX + 1];

    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before_last = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t cost = last[j - 1] + !same_letter(a[i - 1], b[j - 1]);

            cost = MIN(cost, last[j] + 1);
            cost = MIN(cost, row[j - 1] + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2])
                && same_letter(a[i - 2], b[j - 1])) {
                cost = MIN(cost, before_last[j - 2] + 1);
            }
            row[j] = cost;
        }
    }
    return rows[a_len % 3][b_len];
}

/* How far 'name' is from what was written. */
static size_t
name_distance(const char *s, size_t len, const char *name, size_t name_len)
{
    if (len >= COMPLETE_MIN && len < name_len && !strncasecmp(s, name, len)) {
        /* Unfinished, which is one mistake whatever is missing. */
        return 1;
    }
    return edit_distance(s, len, name, name_len);
}

/* Returns the name that 's' most likely stands for among name_at(0),
 * name_at(1), ... up to the first NULL, or NULL if none is near.  The first
 * wins among equals. */
const char *
xfrm_text_nearest(const char *s, const char *(*name_at)(size_t index))
{
    size_t len = strnlen(s, NEAREST_MAX + 1);
    size_t best_distance = len / 3 + 2;
    const char *best = NULL;
    const char *name;

    if (!len || len > NEAREST_MAX) {
        return NULL;
    }
    for (size_t i = 0; (name = name_at(i)) != NULL; i++) {
        size_t name_len = strlen(name);

        if (name_len <= NEAREST_MAX) {
            size_t distance = name_distance(s, len, name, name_len);

            /* A guess that shares nothing with the name is no guess. */
            if (distance < best_distance && distance < MAX(len, name_len)) {
                best_distance = distance;
                best = name;
            }
        }
    }
    return best;
}

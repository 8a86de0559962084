/* SPDX-License-Identifier: Apache-2.0 */

/* Arguments of ovs-xfrmctl's commands: reading them, and saying what is wrong
 * with them in words that name what is allowed.
 *
 * The commands stand above, lib/xfrm-text.c and lib/xfrm-selector.c below. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <string.h>

#include "util.h"
#include "xfrm-selector.h"
#include "xfrm-text.h"

const char xfrmctl_key_refusal[] =
    "a key does not belong on the command line: every user of this machine "
    "can read it there (in ps and /proc) and the shell's history keeps it; "
    "use --key-file=FILE, --key-file=- (standard input) or --generate-key";

/* For xfrm_text_nearest(). */
static const char *const *the_choices;

static const char *
choice_at(size_t index)
{
    return the_choices[index];
}

/* Returns "must be a, b or c", and what 's' was perhaps meant to be.
 * 'choices' ends with NULL. */
char *
xfrmctl_one_of(const char *s, const char *const choices[])
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    const char *nearest;

    ds_put_cstr(&ds, "must be ");
    for (size_t i = 0; choices[i]; i++) {
        ds_put_format(&ds, "%s%s",
                      !i ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
    }
    the_choices = choices;
    nearest = xfrm_text_nearest(s, choice_at);
    if (nearest) {
        ds_put_format(&ds, "; did you mean %s?", nearest);
    }
    return ds_steal_cstr(&ds);
}

/* Could 's' be key material?  No key of an algorithm that we know is shorter
 * than 32 digits. */
bool
xfrmctl_looks_like_key(const char *s)
{
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        s += 2;
    }
    return strlen(s) >= 32 && !s[strspn(s, "0123456789abcdefABCDEF")];
}

/* Reads a number, decimal or hexadecimal with 0x, from 's'.  On failure
 * returns false with a malloc'd reason, in which 'what' names the argument. */
bool
xfrmctl_parse_u32(const char *what, const char *s, uint32_t min, uint32_t max,
                  uint32_t *valuep, char **errorp)
{
    uint64_t value;

    *errorp = NULL;
    if (!xfrm_text_to_uint(s, max, &value) || value < min) {
        char *quoted = xfrm_text_quote(s);

        *errorp = xasprintf("%s is %s, it must be a number from %"PRIu32
                            " to %"PRIu32" (0x%"PRIx32")",
                            what, quoted, min, max, max);
        free(quoted);
        return false;
    }
    *valuep = value;
    return true;
}

/* Returns the address 's' in its usual notation, malloc'd: what is written in
 * two ways must not be two rows.  On failure returns NULL with a malloc'd
 * reason. */
char *
xfrmctl_parse_addr(const char *what, const char *s, char **errorp)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct xfrm_addr addr;

    *errorp = NULL;
    if (!xfrm_addr_from_string(s, &addr) || !xfrm_addr_is_unicast(&addr)) {
        char *quoted = xfrm_text_quote(s);

        *errorp = xasprintf("%s is %s, it must be a unicast IPv4 or IPv6 "
                            "address", what, quoted);
        free(quoted);
        return NULL;
    }
    xfrm_addr_format(&addr, &ds);
    return ds_steal_cstr(&ds);
}

/* Stores in '*choicep' the one of 'choices' that equals 's'. */
bool
xfrmctl_parse_choice(const char *what, const char *s,
                     const char *const choices[], const char **choicep,
                     char **errorp)
{
    *errorp = NULL;
    for (size_t i = 0; choices[i]; i++) {
        if (!strcmp(s, choices[i])) {
            *choicep = choices[i];
            return true;
        }
    }

    char *quoted = xfrm_text_quote(s);
    char *allowed = xfrmctl_one_of(s, choices);
    *errorp = xasprintf("%s is %s, it %s", what, quoted, allowed);
    free(allowed);
    free(quoted);
    return false;
}

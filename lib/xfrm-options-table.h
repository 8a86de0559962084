/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_OPTIONS_TABLE_H
#define XFRM_OPTIONS_TABLE_H 1

/* The table behind xfrm-options.[ch]: how each option is read, how it is
 * written back, and how messages and the manual put it.
 *
 * For xfrm-options.c alone; uses xfrm-spec and xfrm-text. */

#include "xfrm-options.h"

struct xfrm_option {
    const char *name;
    bool required;

    /* Reads 'value' into the options.  Returns false if it is wrong, with
     * '*reasonp' a malloc'd reason if there is more to say than 'allowed'
     * does. */
    bool (*parse)(const char *value, struct xfrm_port_options *,
                  char **reasonp);

    /* Appends the canonical value, nothing if that is the default. */
    void (*format)(const struct xfrm_port_options *, struct ds *);

    /* Continues "it must be ". */
    const char *allowed;

    /* reStructuredText for the manual. */
    const char *values;
    const char *default_;
    const char *meaning;
};

/* In the order of reading, messages and the manual. */
extern const struct xfrm_option xfrm_option_table[];
extern const size_t xfrm_option_table_len;

#endif /* xfrm-options-table.h */

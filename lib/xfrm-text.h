/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_TEXT_H
#define XFRM_TEXT_H 1

/* Text that strangers wrote: reading numbers from it, showing it again in a
 * message, and guessing what was meant.
 *
 * Nothing stands below this module; everything that parses uses it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;

bool xfrm_text_to_uint(const char *, uint64_t max, uint64_t *);
bool xfrm_text_to_decimal(const char *, uint64_t max, uint64_t *);

void xfrm_text_put_escaped(struct ds *, const char *);
void xfrm_text_put_quoted(struct ds *, const char *);
char *xfrm_text_quote(const char *);

const char *xfrm_text_nearest(const char *,
                              const char *(*name_at)(size_t index));

#endif /* xfrm-text.h */

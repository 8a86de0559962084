/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_JSON_TEXT_H
#define XFRM_JSON_TEXT_H 1

/* Pieces of a JSON text, found without a parser.
 *
 * What a parser makes of the text of ten thousand rows is ten times as big as
 * the text and takes most of the time that a restart takes.  So the text stays
 * as it came, and only one row at a time is parsed.  Pure; the text comes from a
 * server that writes valid JSON, but no text makes these functions read
 * past its end.  Above nothing; below xfrm-db-load. */

#include <stdbool.h>
#include <stddef.h>

/* Finds the end of a message that comes in pieces.  Begin with zeros. */
struct xfrm_json_end {
    size_t depth;
    bool in_string;
    bool escaped;
};

/* Returns how many of the 'n' bytes at 'text' belong to the message, and sets
 * '*complete' if the last of these ends it. */
size_t xfrm_json_end_feed(struct xfrm_json_end *, const char *text, size_t n,
                          bool *complete);

struct xfrm_json_span {
    char *begin, *end;
};

/* Goes through the members of an object, or the elements of an array: returns
 * false after the last one, or where the text makes no sense.  'at' is the
 * whole object or array at first, what is left of it later.  Strings keep their
 * quotation marks and escapes. */
bool xfrm_json_next_member(struct xfrm_json_span *at,
                           struct xfrm_json_span *name,
                           struct xfrm_json_span *value);
bool xfrm_json_next_element(struct xfrm_json_span *at,
                            struct xfrm_json_span *value);

/* Whether there was no further member or element because the object or array
 * ends here, and not because the text makes no sense. */
bool xfrm_json_ended(const struct xfrm_json_span *at);

/* Goes to the value of the next member of the object 'at': 'at' begins with the
 * value then, and the caller has to get to its end. */
bool xfrm_json_next_name(struct xfrm_json_span *at,
                         struct xfrm_json_span *name);

/* Goes to the value of the first member of the object 'at', if that is called
 * 'name': 'at' begins with the value then, without a look at where that ends.
 * 'name' needs no escapes. */
bool xfrm_json_enter(struct xfrm_json_span *at, const char *name);

/* Whether 'span' is a string that says 'text', which needs no escapes. */
bool xfrm_json_span_is_string(const struct xfrm_json_span *span,
                              const char *text);

#endif /* xfrm-json-text.h */

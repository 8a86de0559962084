/* SPDX-License-Identifier: Apache-2.0 */

/* Pieces of a JSON text: see xfrm-json-text.h. */

#include <config.h>

#include "xfrm-json-text.h"

#include <string.h>

/* Characters that matter outside and inside of strings. */
static const bool outside[256] = {
    ['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
};
static const bool inside[256] = { ['"'] = true, ['\\'] = true };

size_t
xfrm_json_end_feed(struct xfrm_json_end *end, const char *text_, size_t n,
                   bool *complete)
{
    const unsigned char *text = (const unsigned char *) text_;
    size_t i = 0;

    *complete = false;
    while (i < n) {
        const bool *matters = end->in_string ? inside : outside;

        if (end->escaped) {
            end->escaped = false;
            i++;
            continue;
        }
        while (i < n && !matters[text[i]]) {
            i++;
        }
        if (i >= n) {
            break;
        }
        switch (text[i++]) {
        case '"':
            end->in_string = !end->in_string;
            break;
        case '\\':
            end->escaped = true;
            break;
        case '{':
        case '[':
            end->depth++;
            break;
        default:
            if (!end->depth || !--end->depth) {
                *complete = true;
                return i;
            }
        }
    }
    return i;
}

static void
skip_space(struct xfrm_json_span *at)
{
    while (at->begin < at->end && strchr(" \t\r\n", *at->begin)
           && *at->begin) {
        at->begin++;
    }
}

static bool
skip_char(struct xfrm_json_span *at, char c)
{
    skip_space(at);
    if (at->begin < at->end && *at->begin == c) {
        at->begin++;
        return true;
    }
    return false;
}

/* Takes the value that 'at' begins with. */
static bool
take_value(struct xfrm_json_span *at, struct xfrm_json_span *value)
{
    skip_space(at);
    if (at->begin >= at->end) {
        return false;
    }
    value->begin = at->begin;
    if (*at->begin == '{' || *at->begin == '[') {
        struct xfrm_json_end end = { .depth = 0 };
        bool complete;

        at->begin += xfrm_json_end_feed(&end, at->begin, at->end - at->begin,
                                        &complete);
        if (!complete) {
            return false;
        }
    } else if (*at->begin == '"') {
        bool escaped = false;

        while (++at->begin < at->end && (escaped || *at->begin != '"')) {
            escaped = !escaped && *at->begin == '\\';
        }
        if (at->begin >= at->end) {
            return false;
        }
        at->begin++;
    } else {
        while (at->begin < at->end && *at->begin
               && !strchr(",]} \t\r\n", *at->begin)) {
            at->begin++;
        }
    }
    value->end = at->begin;
    return value->end > value->begin;
}

/* Gets to the first or next member or element; false if there is none.  The
 * bracket that begins the whole, or the comma, goes. */
static bool
advance(struct xfrm_json_span *at, char open, char close)
{
    struct xfrm_json_span rest;

    if (!skip_char(at, open) && !skip_char(at, ',')) {
        return false;
    }
    rest = *at;
    return !skip_char(&rest, close);
}

bool
xfrm_json_ended(const struct xfrm_json_span *at)
{
    struct xfrm_json_span rest = *at;

    return skip_char(&rest, '}') || skip_char(&rest, ']');
}

bool
xfrm_json_next_name(struct xfrm_json_span *at, struct xfrm_json_span *name)
{
    if (!advance(at, '{', '}')
        || !take_value(at, name) || *name->begin != '"'
        || !skip_char(at, ':')) {
        return false;
    }
    skip_space(at);
    return at->begin < at->end;
}

bool
xfrm_json_next_member(struct xfrm_json_span *at, struct xfrm_json_span *name,
                      struct xfrm_json_span *value)
{
    return xfrm_json_next_name(at, name) && take_value(at, value);
}

bool
xfrm_json_next_element(struct xfrm_json_span *at,
                       struct xfrm_json_span *value)
{
    return advance(at, '[', ']') && take_value(at, value);
}

bool
xfrm_json_span_is_string(const struct xfrm_json_span *span, const char *text)
{
    size_t n = strlen(text);

    return ((size_t) (span->end - span->begin) == n + 2
            && *span->begin == '"' && !memcmp(span->begin + 1, text, n));
}

bool
xfrm_json_enter(struct xfrm_json_span *at, const char *wanted)
{
    struct xfrm_json_span name;

    return (xfrm_json_next_name(at, &name)
            && xfrm_json_span_is_string(&name, wanted));
}

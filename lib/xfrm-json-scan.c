/* SPDX-License-Identifier: Apache-2.0 */

/* A look at the raw text of an SA file before json-c gets it: see
 * xfrm-json-scan.h.
 *
 * This is no parser: it knows strings, nesting and member names, and leaves
 * the grammar to json-c.  What it takes for a string is one for json-c too, or
 * json-c refuses the text. */

#include <config.h>
#include "xfrm-json-scan.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "xfrm-secret.h"
#include "xfrm-text.h"

/* An object or array that is open. */
struct level {
    char type;                  /* '{' or '['. */
    enum xfrm_json_scope scope; /* Of the members, or of the elements. */
    bool name_next;
    bool value_seen;            /* That of 'member'. */
    const struct xfrm_json_member *member;  /* The current one, or NULL. */
    uint64_t seen;              /* Bitmap of indexes in the schema. */
    size_t index;               /* Of the current element. */
};

struct scanner {
    const struct xfrm_json_schema *schema;
    const char *text;
    size_t len;
    size_t pos;
    bool finished;              /* The outermost object is closed. */
    struct level levels[XFRM_JSON_MAX_DEPTH];
    size_t depth;
    struct xfrm_json_scan *out;
    size_t allocated_keys;
};

/* Returns true if the 'len' bytes at 's' may stand in a message.  A key can be
 * in the wrong place of a file, so a text is quoted only if it cannot hold
 * one. */
bool
xfrm_json_may_show(const char *s, size_t len)
{
    size_t run = 0;

    if (len > INET6_ADDRSTRLEN) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\') {
            return false;
        }
        run = hexit_value(s[i]) >= 0 ? run + 1 : 0;
        if (run > 8) {          /* An SPI has 8. */
            return false;
        }
    }

    /* A misplaced quotation mark leaves pieces of a key. */
    return run < len || len <= 3;
}

char *
xfrm_json_describe_text(const char *s, size_t len)
{
    return (xfrm_json_may_show(s, len)
            ? xasprintf("\"%.*s\"", (int) len, s)
            : xasprintf("a string of %"PRIuSIZE" bytes", len));
}

/* Members of all objects are candidates: a known one may only be in the wrong
 * place. */
static void
put_nearest(const struct xfrm_json_schema *schema, enum xfrm_json_scope scope,
            const char *name, struct ds *s)
{
    const char *nearest = xfrm_text_nearest(name, schema->name_at);
    const struct xfrm_json_member *member = NULL;

    for (size_t i = 0; nearest && i < schema->n_members; i++) {
        if (!strcmp(schema->members[i].name, nearest)) {
            member = &schema->members[i];
        }
    }
    if (!member) {
        return;
    } else if (member->scope == scope) {
        ds_put_format(s, " (did you mean \"%s\"?)", nearest);
        return;
    }
    for (size_t i = 0; i < schema->n_members; i++) {
        const struct xfrm_json_member *outer = &schema->members[i];
        if (outer->container && outer->inner == member->scope) {
            ds_put_format(s, " (did you mean \"%s\" in \"%s\"?)",
                          nearest, outer->name);
        }
    }
}

static char *
unknown_member(const struct xfrm_json_schema *schema,
               enum xfrm_json_scope scope, const char *name, size_t len)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (xfrm_json_may_show(name, len)) {
        char *copy = xmemdup0(name, len);
        ds_put_format(&s, "unknown member \"%s\"", copy);
        put_nearest(schema, scope, copy, &s);
        free(copy);
    } else {
        ds_put_format(&s, "unknown member, a name of %"PRIuSIZE" bytes", len);
    }
    ds_put_cstr(&s, "; allowed:");
    for (size_t i = 0; i < schema->n_members; i++) {
        if (schema->members[i].scope == scope) {
            ds_put_format(&s, " %s", schema->members[i].name);
        }
    }
    return ds_steal_cstr(&s);
}

/* A syntax error names a place and never the text there. */
char *
xfrm_json_error_at(const char *text, size_t pos, const char *what)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < pos; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else {
            column++;
        }
    }
    return xasprintf("line %"PRIuSIZE" column %"PRIuSIZE": %s",
                     line, column, what);
}

static char *
scan_error(const struct scanner *scan, const char *what)
{
    return xfrm_json_error_at(scan->text, scan->pos, what);
}

/* Prefixes 'what', which it frees, with the path of the current value, or with
 * 'outer' true that of the object or array that it stands in. */
static char *
scan_path_error(const struct scanner *scan, bool outer, char *what)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < scan->depth; i++) {
        const struct level *level = &scan->levels[i];
        if (outer && i + 1 == scan->depth) {
            break;
        }
        if (level->type == '[') {
            ds_put_format(&s, "[%"PRIuSIZE"]", level->index);
        } else if (level->member) {
            ds_put_format(&s, "%s%s", s.length ? "." : "",
                          level->member->name);
        }
    }
    ds_put_format(&s, "%s%s", s.length ? ": " : "", what);
    free(what);
    return ds_steal_cstr(&s);
}

static struct level *
scan_top(struct scanner *scan)
{
    return scan->depth ? &scan->levels[scan->depth - 1] : NULL;
}

/* Checks that a value that begins with 'c' may stand here. */
static char *
scan_value(struct scanner *scan, char c)
{
    struct level *top = scan_top(scan);

    if (scan->finished) {
        return scan_error(scan, "text after the end of the JSON object");
    } else if (!top) {
        return (c == '{' ? NULL
                : scan_error(scan, "an SA file is a JSON object: "
                             "{\"sas\": [...]}"));
    } else if (top->type == '[') {
        if (top->index >= XFRM_JSON_MAX_SAS) {
            return xasprintf("sas: more than %d SAs", XFRM_JSON_MAX_SAS);
        }
        return (c == '{' ? NULL
                : scan_path_error(scan, false,
                                  xstrdup("each SA is an object")));
    } else if (!top->member) {
        return scan_error(scan, "syntax error: a member begins with its name "
                          "in double quotes");
    } else if (top->value_seen) {
        return scan_error(scan, "syntax error: a comma or the end of the "
                          "object expected");
    } else if (top->member->container != ((c == '{' || c == '[') ? c : 0)) {
        return scan_path_error(scan, false, xasprintf(
            "%s is not allowed; allowed: %s",
            c == '{' ? "an object" : c == '[' ? "an array"
            : c == '"' ? "a string" : "this value",
            top->member->allowed));
    } else if (top->member->secret && c != '"') {
        return scan_path_error(scan, false, xasprintf(
            "not a string; allowed: %s", top->member->allowed));
    }
    top->value_seen = true;
    return NULL;
}

static char *
scan_open(struct scanner *scan, char c)
{
    struct level *top = scan_top(scan);
    enum xfrm_json_scope scope;
    char *error;

    error = scan_value(scan, c);
    if (error) {
        return error;
    }
    scope = (!top ? XFRM_JSON_FILE
             : top->type == '[' ? top->scope
             : top->member->inner);
    if (scan->depth >= XFRM_JSON_MAX_DEPTH) {
        return scan_error(scan, "nested too deeply");
    }

    struct level *level = &scan->levels[scan->depth++];
    memset(level, 0, sizeof *level);
    level->type = c;
    level->scope = scope;
    level->name_next = c == '{';
    return NULL;
}

static char *
scan_close(struct scanner *scan, char c)
{
    struct level *top = scan_top(scan);

    if (!top || top->type != (c == '}' ? '{' : '[')) {
        return scan_error(scan, "syntax error: nothing to close here");
    }
    scan->depth--;
    scan->finished = !scan->depth;
    return NULL;
}

static char *
scan_comma(struct scanner *scan)
{
    struct level *top = scan_top(scan);

    if (!top) {
        return scan_error(scan, "syntax error: comma outside of everything");
    } else if (top->type == '{') {
        top->name_next = true;
        top->member = NULL;
    } else {
        top->index++;
    }
    return NULL;
}

static char *
scan_name(struct scanner *scan, const char *name, size_t len)
{
    struct level *top = scan_top(scan);

    top->name_next = false;
    top->value_seen = false;
    for (size_t i = 0; i < scan->schema->n_members; i++) {
        const struct xfrm_json_member *member = &scan->schema->members[i];

        if (member->scope == top->scope && strlen(member->name) == len
            && !memcmp(member->name, name, len)) {
            top->member = member;
            if (top->seen & (UINT64_C(1) << i)) {
                return scan_path_error(scan, false, xstrdup(
                    "stands twice in one object"));
            }
            top->seen |= UINT64_C(1) << i;
            return NULL;
        }
    }
    return scan_path_error(scan, true,
                           unknown_member(scan->schema, top->scope, name,
                                          len));
}

/* Remembers where the key of the current SA is, and takes it out of the
 * copy. */
static void
blank_key(struct scanner *scan, size_t start, size_t len)
{
    /* The levels are the file object, the array and the SA. */
    size_t index = scan->levels[1].index;
    struct xfrm_json_scan *out = scan->out;

    while (out->n_keys <= index) {
        if (out->n_keys >= scan->allocated_keys) {
            out->keys = x2nrealloc(out->keys, &scan->allocated_keys,
                                   sizeof *out->keys);
        }
        out->keys[out->n_keys++] = (struct xfrm_json_key_text) { NULL, 0 };
    }
    out->keys[index].start = scan->text + start;
    out->keys[index].len = len;
    memset(out->copy + start, 'x', len);
}

static char *
scan_string(struct scanner *scan)
{
    size_t start = scan->pos + 1;
    size_t end;

    for (end = start; end < scan->len && scan->text[end] != '"'; end++) {
        if ((unsigned char) scan->text[end] < ' ') {
            scan->pos = end;
            return scan_error(scan, "control character in a string");
        }
        if (scan->text[end] == '\\' && end + 1 < scan->len) {
            end++;
        }
        if (end - start >= XFRM_JSON_MAX_STRING) {
            return scan_error(scan, "a string of more than "
                              OVS_STRINGIZE(XFRM_JSON_MAX_STRING) " bytes");
        }
    }
    if (end >= scan->len) {
        scan->pos = scan->len;
        return scan_error(scan, "the text ends within a string "
                          "(is the file truncated?)");
    }

    struct level *top = scan_top(scan);
    char *error;
    if (top && top->type == '{' && top->name_next) {
        error = scan_name(scan, scan->text + start, end - start);
    } else {
        error = scan_value(scan, '"');
        if (!error && top->member->secret) {
            blank_key(scan, start, end - start);
        }
    }
    scan->pos = end + 1;
    return error;
}

/* A number, "true", "null", or something that json-c will refuse. */
static char *
scan_token(struct scanner *scan)
{
    const char *s = scan->text + scan->pos;
    size_t max = scan->len - scan->pos;
    size_t n = 0;
    char *error;

    error = scan_value(scan, *s);
    if (error) {
        return error;
    }
    while (n < max && !strchr(" \t\r\n,:{}[]\"", s[n])) {
        if (++n > XFRM_JSON_MAX_TOKEN) {
            return scan_error(scan, "syntax error: a number or word of more "
                              "than " OVS_STRINGIZE(XFRM_JSON_MAX_TOKEN)
                              " bytes");
        }
    }

    /* json-c reads 0400 as 400, which may not be what was meant. */
    size_t sign = n && s[0] == '-';
    if (n >= sign + 2 && s[sign] == '0'
        && s[sign + 1] >= '0' && s[sign + 1] <= '9') {
        return scan_error(scan, "syntax error: a number begins with 0");
    }
    scan->pos += n;
    return NULL;
}

static char *
scan_text(struct scanner *scan)
{
    const char *nul = memchr(scan->text, '\0', scan->len);
    if (nul) {
        scan->pos = nul - scan->text;
        return scan_error(scan, "a NUL byte");
    }

    while (scan->pos < scan->len) {
        char c = scan->text[scan->pos];
        char *error = NULL;

        switch (c) {
        case ' ': case '\t': case '\r': case '\n': case ':':
            scan->pos++;
            break;
        case '{': case '[':
            error = scan_open(scan, c);
            scan->pos++;
            break;
        case '}': case ']':
            error = scan_close(scan, c);
            scan->pos++;
            break;
        case ',':
            error = scan_comma(scan);
            scan->pos++;
            break;
        case '"':
            error = scan_string(scan);
            break;
        default:
            error = scan_token(scan);
            break;
        }
        if (error) {
            return error;
        }
    }
    if (!scan->finished) {
        return (scan->depth
                ? scan_error(scan, "the text ends within an object or array "
                             "(is the file truncated?)")
                : xstrdup("the text is empty; allowed: {\"sas\": [...]}"));
    }
    return NULL;
}

/* Scans the 'len' bytes at 'text'.  Returns NULL, or what is wrong, malloc'd.
 * In both cases the caller destroys '*out', which points into 'text'. */
char *
xfrm_json_scan(const char *text, size_t len,
               const struct xfrm_json_schema *schema,
               struct xfrm_json_scan *out)
{
    struct scanner scan = {
        .schema = schema, .text = text, .len = len, .out = out,
    };

    memset(out, 0, sizeof *out);
    out->copy = xmemdup0(text, len);
    out->len = len;
    return scan_text(&scan);
}

void
xfrm_json_scan_destroy(struct xfrm_json_scan *scan)
{
    xfrm_wipe(scan->copy, scan->len);
    free(scan->copy);
    free(scan->keys);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_JSON_SCAN_H
#define XFRM_JSON_SCAN_H 1

/* A look at the raw text of an SA file before json-c gets it.
 *
 * It checks the nesting, the member names (unknown, twice in one object) and
 * every count and length, so that a hostile text is refused before a tree is
 * built of it: json-c takes some 700 bytes for each "{}".  It also blanks the
 * keys in the copy that json-c gets.  So json-c, which does not wipe its
 * memory, never sees a key, and no error path can leave one behind.
 *
 * Private to xfrm-json.c, which stands above it; xfrm-text stands below. */

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* Limits of one file. */
#define XFRM_JSON_MAX_SAS 65536
#define XFRM_JSON_MAX_DEPTH 8       /* The format itself needs 4. */
#define XFRM_JSON_MAX_STRING 1024   /* Bytes; longest key: 256 digits. */
#define XFRM_JSON_MAX_TOKEN 32      /* Bytes of a number or a word. */

/* Objects of the format. */
enum xfrm_json_scope {
    XFRM_JSON_FILE,
    XFRM_JSON_SA,
    XFRM_JSON_LIFETIME,
};

struct xfrm_json_member {
    enum xfrm_json_scope scope;
    const char *name;
    bool required;
    bool secret;                /* A key: blanked for json-c. */
    char container;             /* '{' or '[', or 0: no object or array. */
    enum xfrm_json_scope inner; /* Scope of the objects within. */
    const char *allowed;        /* For people. */

    /* Returns NULL, or what is wrong with the value, malloc'd.  'aux' is that
     * of the reader of the tree. */
    char *(*parse)(const struct xfrm_json_member *, struct json_object *,
                   void *aux);
    size_t offset;              /* For 'parse'. */
};

struct xfrm_json_schema {
    const struct xfrm_json_member *members;
    size_t n_members;           /* At most 64. */
    const char *(*name_at)(size_t index);   /* NULL past the end. */
};

/* Where the text of a key is, within the text of the file; quotes not
 * included. */
struct xfrm_json_key_text {
    const char *start;          /* NULL: no key. */
    size_t len;                 /* Bytes. */
};

/* Result of a scan. */
struct xfrm_json_scan {
    char *copy;                         /* 'len' bytes of text, no keys. */
    size_t len;
    struct xfrm_json_key_text *keys;    /* By index in the array. */
    size_t n_keys;
};

char *xfrm_json_scan(const char *text, size_t len,
                     const struct xfrm_json_schema *, struct xfrm_json_scan *);
void xfrm_json_scan_destroy(struct xfrm_json_scan *);

char *xfrm_json_error_at(const char *text, size_t pos, const char *what);
bool xfrm_json_may_show(const char *, size_t len);
char *xfrm_json_describe_text(const char *, size_t len);

#endif /* xfrm-json-scan.h */

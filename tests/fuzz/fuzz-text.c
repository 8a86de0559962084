/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: pieces of a JSON text, as ovsdb-server sends it.  Where a message
 * ends must not depend on the pieces that it comes in, and nothing is found
 * outside of the text. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "util.h"
#include "xfrm-json-text.h"

/* Each level needs a byte of text, but the stack shall not overflow here. */
#define MAX_DEPTH 1000

static void
walk(struct xfrm_json_span at, int depth)
{
    bool object = at.begin < at.end && *at.begin == '{';
    struct xfrm_json_span name, value;

    while (object ? xfrm_json_next_member(&at, &name, &value)
           : xfrm_json_next_element(&at, &value)) {
        ovs_assert(value.begin < value.end && value.end <= at.begin
                   && at.begin <= at.end);
        ovs_assert(!object
                   || (name.begin < name.end && name.end < value.begin));
        if ((*value.begin == '{' || *value.begin == '[')
            && depth < MAX_DEPTH) {
            walk(value, depth + 1);
        }
    }
}

/* Where the message ends that comes as 'first' bytes and then the rest. */
static size_t
end_of(const char *text, size_t n, size_t first, bool *complete)
{
    struct xfrm_json_end end = { .depth = 0 };
    size_t used = xfrm_json_end_feed(&end, text, first, complete);

    if (!*complete) {
        used += xfrm_json_end_feed(&end, text + used, n - used, complete);
    }
    return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of the exact size, for AddressSanitizer; and it may be written to. */
    char *text = size ? xmemdup(data, size) : xmalloc(1);
    struct xfrm_json_span all = { text, text + size };
    bool complete, in_pieces;
    size_t used = end_of(text, size, 0, &complete);

    ovs_assert(used <= size && (complete || used == size));
    for (size_t i = 0; i < 8; i++) {
        ovs_assert(end_of(text, size, size * i / 8, &in_pieces) == used
                   && in_pieces == complete);
    }
    walk(all, 0);
    if (xfrm_json_enter(&all, "result")) {
        ovs_assert(all.begin > text && all.begin < all.end);
        walk(all, 0);
    }
    free(text);
    return complete ? 0 : -1;
}

bool
fuzz_seed(size_t i, struct ds *seed)
{
    static const char *const seeds[] = {
        "{\"id\":0,\"result\":{\"SA\":{"
        "\"155b568e-8cf1-4e9d-a774-39d22a49f4cf\":{\"initial\":{"
        "\"spi\":4097,\"keymat\":\"\\\"\\\\}\",\"selector\":[\"map\",[]]}}}},"
        "\"error\":null}",
        "{\"method\":\"echo\",\"params\":[],\"id\":\"echo\"}",
        "{\"result\" : { \"a\" : [ 1 , -2.5e3 , { \"c\" : null } ] } } {",
    };

    if (i >= ARRAY_SIZE(seeds)) {
        return false;
    }
    ds_put_cstr(seed, seeds[i]);
    return true;
}

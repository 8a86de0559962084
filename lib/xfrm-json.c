/* SPDX-License-Identifier: Apache-2.0 */

/* From the text of an SA file to SAs.
 *
 * xfrm-json-file.c and the tests call this; below stand json-c (through
 * xfrm-jsonc.h), xfrm-plan, xfrm-options and xfrm-spec.
 *
 * A text goes through three stages: xfrm-json-scan looks at it before any
 * memory is spent and takes the keys out of what json-c sees; json-c parses
 * it (grammar, numbers, UTF-8); then the tree is turned into SAs, and the SAs
 * are compared with each other.  One table, 'members', drives the first and
 * the last stage and the messages. */

#include <config.h>
#include "xfrm-json.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "util.h"
#include "xfrm-json-scan.h"
#include "xfrm-jsonc.h"
#include "xfrm-plan.h"
#include "xfrm-text.h"

/* An SA while it is read. */
struct sa_reader {
    const struct xfrm_port_options *options;
    struct xfrm_sa_spec *spec;
    struct xfrm_json_key_text key;
    bool encap_given;
};

typedef char *parse_func(const struct xfrm_json_member *,
                         struct json_object *, void *reader);
static parse_func parse_direction, parse_spi, parse_algorithm, parse_key,
    parse_src, parse_dst, parse_mode, parse_reqid, parse_replay_window,
    parse_esn, parse_encap, parse_limit;

/* A scalar member of an SA. */
#define SCALAR(NAME, ALLOWED, ...) \
    { .scope = XFRM_JSON_SA, .name = #NAME, .allowed = ALLOWED, \
      .parse = parse_##NAME, __VA_ARGS__ }
#define LIMIT(NAME) \
    { .scope = XFRM_JSON_LIFETIME, .name = #NAME, .parse = parse_limit, \
      .allowed = "an integer from 0 (no limit) to 9223372036854775807", \
      .offset = offsetof(struct xfrm_lifetime, NAME) }

/* The format.  Members of one scope are parsed in this order ("key" needs
 * "algorithm"), and Documentation/sa-file.rst describes each. */
static const struct xfrm_json_member members[] = {
    { .scope = XFRM_JSON_FILE, .name = "sas", .required = true,
      .container = '[', .inner = XFRM_JSON_SA,
      .allowed = "an array of objects, one for each SA" },

    SCALAR(direction, "\"in\" or \"out\"", .required = true),
    SCALAR(spi, "256 to 4294967295, as a number or as a string such as "
           "\"0x1000\"", .required = true),
    SCALAR(algorithm, "the name of an algorithm", .required = true),
    SCALAR(key, "a string of hexadecimal digits: cipher key, salt, integrity "
           "key", .required = true, .secret = true),
    SCALAR(src, "an IPv4 or IPv6 address of one host"),
    SCALAR(dst, "an IPv4 or IPv6 address of one host"),
    SCALAR(mode, "the mode of the port"),
    SCALAR(reqid, "the reqid of the port"),
    SCALAR(replay_window, "an integer from 0 to "
           OVS_STRINGIZE(XFRM_REPLAY_WINDOW_MAX)),
    SCALAR(esn, "true or false"),
    SCALAR(encap, "\"none\", \"udp\" or \"udp:SPORT:DPORT\" with ports from 1 "
           "to 65535"),

    { .scope = XFRM_JSON_SA, .name = "lifetime",
      .container = '{', .inner = XFRM_JSON_LIFETIME,
      .allowed = "an object with limits" },
    LIMIT(soft_bytes), LIMIT(hard_bytes),
    LIMIT(soft_packets), LIMIT(hard_packets),
    LIMIT(soft_seconds), LIMIT(hard_seconds),
};

static const char *
member_name_at(size_t index)
{
    return index < ARRAY_SIZE(members) ? members[index].name : NULL;
}

static const struct xfrm_json_schema schema = {
    .members = members,
    .n_members = ARRAY_SIZE(members),
    .name_at = member_name_at,
};
BUILD_ASSERT_DECL(ARRAY_SIZE(members) <= 64);

/* json-c puts the nearest value that it can hold in the place of a larger
 * one. */
static char *
describe_int(int64_t n)
{
    return (n == INT64_MAX || n == INT64_MIN
            ? xstrdup("a number of more than 63 bits")
            : xasprintf("%"PRId64, n));
}

static char *
describe(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return xstrdup("null");
    case json_type_boolean:
        return xstrdup(json_object_get_boolean(value) ? "true" : "false");
    case json_type_double:
        return xstrdup("a number with a fraction or an exponent");
    case json_type_int:
        return describe_int(json_object_get_int64(value));
    case json_type_object:
        return xstrdup("an object");
    case json_type_array:
        return xstrdup("an array");
    case json_type_string:
        return xfrm_json_describe_text(json_object_get_string(value),
                                       json_object_get_string_len(value));
    }
    OVS_NOT_REACHED();
}

static char *
not_allowed(const struct xfrm_json_member *member, struct json_object *value)
{
    char *what = describe(value);
    char *error = xasprintf("%s is not allowed; allowed: %s",
                            what, member->allowed);
    free(what);
    return error;
}

/* Returns the string in 'value', or NULL if it is no string, or one with a NUL
 * character (\\u0000) in it. */
static const char *
get_cstr(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) {
        return NULL;
    }
    const char *s = json_object_get_string(value);
    return strlen(s) == (size_t) json_object_get_string_len(value) ? s : NULL;
}

static bool
get_uint(struct json_object *value, uint64_t min, uint64_t max, uint64_t *n)
{
    if (!json_object_is_type(value, json_type_int)
        || json_object_get_int64(value) < 0) {
        return false;
    }
    *n = json_object_get_uint64(value);
    return *n >= min && *n <= max;
}

/* Second stage: json-c. */

static char *
parse_tree(const char *text, size_t len, struct json_object **rootp)
{
    struct json_tokener *tok = json_tokener_new_ex(XFRM_JSON_MAX_DEPTH);
    char *error = NULL;

    *rootp = NULL;
    if (!tok) {
        out_of_memory();
    }
    json_tokener_set_flags(tok, (JSON_TOKENER_STRICT
                                 | JSON_TOKENER_VALIDATE_UTF8));
    *rootp = json_tokener_parse_ex(tok, text, len);

    enum json_tokener_error jerr = json_tokener_get_error(tok);
    size_t end = json_tokener_get_parse_end(tok);
    if (jerr == json_tokener_continue) {
        error = xfrm_json_error_at(text, len, "the text ends too early");
    } else if (jerr != json_tokener_success) {
        /* json-c's words for its error codes are fixed texts. */
        char *what = xasprintf("syntax error: %s",
                               json_tokener_error_desc(jerr));
        error = xfrm_json_error_at(text, MIN(end, len), what);
        free(what);
    } else if (!json_object_is_type(*rootp, json_type_object)) {
        error = xstrdup("an SA file is a JSON object: {\"sas\": [...]}");
    }
    if (error && *rootp) {
        json_object_put(*rootp);
        *rootp = NULL;
    }
    json_tokener_free(tok);
    return error;
}

/* Third stage: from the tree to SAs. */

static char *
parse_direction(const struct xfrm_json_member *member,
                struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    const char *s = get_cstr(value);

    if (!s || !xfrm_dir_from_name(s, &reader->spec->dir)
        || reader->spec->dir == XFRM_DIR_FWD) {
        return not_allowed(member, value);
    }
    return NULL;
}

static char *
parse_spi(const struct xfrm_json_member *member,
          struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    const char *s = get_cstr(value);
    uint64_t spi;

    if (!(s
          ? xfrm_text_to_uint(s, UINT32_MAX, &spi) && spi >= XFRM_SPI_MIN
          : get_uint(value, XFRM_SPI_MIN, UINT32_MAX, &spi))) {
        return not_allowed(member, value);
    }
    reader->spec->spi = spi;
    return NULL;
}

static char *
parse_algorithm(const struct xfrm_json_member *member,
                struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    const char *name = get_cstr(value);

    if (!name) {
        return not_allowed(member, value);
    }
    reader->spec->algo = xfrm_algo_from_name(name);
    if (!reader->spec->algo) {
        struct ds s = DS_EMPTY_INITIALIZER;
        char *what = describe(value);

        ds_put_format(&s, "%s is no algorithm", what);
        if (xfrm_json_may_show(name, strlen(name))) {
            const struct xfrm_algo *nearest = xfrm_algo_nearest(name);
            if (nearest) {
                ds_put_format(&s, " (did you mean \"%s\"?)",
                              nearest->name);
            }
        }
        ds_put_cstr(&s, "; allowed: ");
        xfrm_algo_format_names(&s);
        free(what);
        return ds_steal_cstr(&s);
    }
    return NULL;
}

static char *
parse_key(const struct xfrm_json_member *member,
          struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    const struct xfrm_algo *algo = reader->spec->algo;

    if (!json_object_is_type(value, json_type_string) || !reader->key.start) {
        return xasprintf("not a string; allowed: %s", member->allowed);
    }

    char *hex = xmemdup0(reader->key.start, reader->key.len);
    char *error = NULL;
    int retval = xfrm_secret_from_hex(&reader->spec->key, hex, &error);
    xfrm_wipe(hex, reader->key.len);
    free(hex);
    if (retval) {
        return error ? error : xasprintf("not a key; allowed: %s",
                                         member->allowed);
    }

    if (reader->spec->key.len != xfrm_algo_key_len(algo)) {
        return xasprintf("%"PRIuSIZE" bytes, but %s needs %"PRIuSIZE" (%d "
                         "bytes of cipher key, %d of salt, %d of integrity "
                         "key)",
                         reader->spec->key.len, algo->name,
                         xfrm_algo_key_len(algo), algo->crypt_key_len,
                         algo->salt_len, algo->auth_key_len);
    }
    return NULL;
}

static char *
parse_addr(const struct xfrm_json_member *member, struct json_object *value,
           struct xfrm_addr *addr)
{
    const char *s = get_cstr(value);

    if (!s || !xfrm_addr_from_string(s, addr) || !xfrm_addr_is_unicast(addr)) {
        return not_allowed(member, value);
    }
    return NULL;
}

static char *
parse_src(const struct xfrm_json_member *member,
          struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    return parse_addr(member, value, &reader->spec->src);
}

static char *
parse_dst(const struct xfrm_json_member *member,
          struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    return parse_addr(member, value, &reader->spec->dst);
}

/* The port's policies ask for the port's mode and reqid, so an SA with others
 * would never be used. */
static char *
parse_mode(const struct xfrm_json_member *member,
           struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    const char *s = get_cstr(value);

    if (!s || !xfrm_mode_from_name(s, &reader->spec->mode)
        || reader->spec->mode != reader->options->mode) {
        char *what = describe(value);
        char *error = xasprintf("%s is not %s; allowed: \"%s\", as in "
                                "options:mode", what, member->allowed,
                                xfrm_mode_name(reader->options->mode));
        free(what);
        return error;
    }
    return NULL;
}

static char *
parse_reqid(const struct xfrm_json_member *member, struct json_object *value,
            void *reader_)
{
    struct sa_reader *reader = reader_;
    uint64_t reqid;

    if (!get_uint(value, 0, UINT32_MAX, &reqid)
        || reqid != reader->options->reqid) {
        char *what = describe(value);
        char *error = xasprintf("%s is not %s; allowed: %"PRIu32, what,
                                member->allowed, reader->options->reqid);
        free(what);
        return error;
    }
    return NULL;
}

static char *
parse_replay_window(const struct xfrm_json_member *member,
                    struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    uint64_t window;

    if (!get_uint(value, 0, XFRM_REPLAY_WINDOW_MAX, &window)) {
        return not_allowed(member, value);
    }
    reader->spec->replay_window = window;
    return NULL;
}

static char *
parse_esn(const struct xfrm_json_member *member,
          struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    if (!json_object_is_type(value, json_type_boolean)) {
        return not_allowed(member, value);
    }
    reader->spec->esn = json_object_get_boolean(value);
    return NULL;
}

static char *
parse_encap(const struct xfrm_json_member *member,
            struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    const char *s = get_cstr(value);
    char *error = NULL;

    if (!s || xfrm_encap_from_string(s, &reader->spec->encap, &error)) {
        free(error);            /* The table says what is allowed. */
        return not_allowed(member, value);
    }
    reader->encap_given = true;
    return NULL;
}

static char *
parse_limit(const struct xfrm_json_member *member,
            struct json_object *value, void *reader_)
{
    struct sa_reader *reader = reader_;
    char *lifetime = (char *) &reader->spec->lifetime;
    uint64_t limit;

    if (!get_uint(value, 0, INT64_MAX, &limit)) {
        return not_allowed(member, value);
    }
    memcpy(lifetime + member->offset, &limit, sizeof limit);
    return NULL;
}

static char *
parse_members(struct json_object *object, enum xfrm_json_scope scope,
              struct sa_reader *reader)
{
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const struct xfrm_json_member *member = &members[i];
        struct json_object *value;
        char *error = NULL;

        if (member->scope != scope) {
            continue;
        } else if (!json_object_object_get_ex(object, member->name, &value)) {
            if (member->required) {
                error = xasprintf("missing, and required; allowed: %s",
                                  member->allowed);
            }
        } else if (member->parse) {
            error = member->parse(member, value, reader);
        } else if (!json_object_is_type(value, json_type_object)) {
            error = not_allowed(member, value);
        } else {
            error = parse_members(value, member->inner, reader);
            if (error) {
                char *inner = error;
                error = xasprintf("%s.%s", member->name, inner);
                free(inner);
                return error;
            }
        }
        if (error) {
            char *inner = error;
            error = xasprintf("%s: %s", member->name, inner);
            free(inner);
            return error;
        }
    }
    return NULL;
}

static char *
default_addr(struct xfrm_addr *addr, const struct xfrm_addr *option,
             const char *name, const char *option_name)
{
    if (addr->family == AF_UNSPEC) {
        if (option->family == AF_UNSPEC) {
            return xasprintf("\"%s\" is missing, and required because the "
                             "port has no options:%s", name, option_name);
        }
        *addr = *option;
    }
    return NULL;
}

/* Fills in what the file does not say and what depends on the direction. */
static char *
complete_sa(struct sa_reader *reader)
{
    const struct xfrm_port_options *options = reader->options;
    struct xfrm_sa_spec *spec = reader->spec;
    bool out = spec->dir == XFRM_DIR_OUT;
    char *error;

    error = default_addr(&spec->src,
                         out ? &options->local_ip : &options->remote_ip,
                         "src", out ? "local_ip" : "remote_ip");
    if (!error) {
        error = default_addr(&spec->dst,
                             out ? &options->remote_ip : &options->local_ip,
                             "dst", out ? "remote_ip" : "local_ip");
    }
    if (error) {
        return error;
    }
    if (spec->src.family != spec->dst.family) {
        return xstrdup("one of \"src\" and \"dst\" is IPv4 and the other "
                       "IPv6; allowed: two addresses of the same family");
    }

    /* The option describes what this host sends, the SA what its packets
     * carry. */
    if (!reader->encap_given) {
        spec->encap.sport = out ? options->encap.sport : options->encap.dport;
        spec->encap.dport = out ? options->encap.dport : options->encap.sport;
    }

    spec->sel = xfrm_plan_sa_selector(options, spec->dir);
    if (spec->mode != XFRM_SPEC_TUNNEL
        && spec->sel.src.addr.family == AF_UNSPEC) {
        /* The port has no addresses, but the SA does. */
        bool transport = spec->mode == XFRM_SPEC_TRANSPORT;
        spec->sel.src = (transport ? xfrm_prefix_any(spec->src.family)
                         : xfrm_prefix_host(&spec->src));
        spec->sel.dst = (transport ? xfrm_prefix_any(spec->dst.family)
                         : xfrm_prefix_host(&spec->dst));
    }

    /* A spec asks for one thing: "auto" asks for "crypto" here, and going on
     * without offload if the device refuses is the engine's part, which knows
     * the option as well. */
    spec->offload = (options->offload == XFRM_OFF_AUTO ? XFRM_OFF_CRYPTO
                     : options->offload);
    if (spec->offload != XFRM_OFF_NO) {
        ovs_strlcpy(spec->offload_dev, options->dev, sizeof spec->offload_dev);
    }

    xfrm_sa_spec_validate(spec, &error);
    return error;
}

/* Returns NULL, or what is wrong, to be put after "sas[INDEX]". */
static char *
parse_sa(struct json_object *object, const struct xfrm_json_key_text *key,
         const struct xfrm_port_options *options, struct xfrm_sa_spec *spec)
{
    struct sa_reader reader = {
        .options = options, .spec = spec, .key = *key,
    };

    spec->if_id = options->if_id;
    spec->proto = IPPROTO_ESP;
    spec->mode = options->mode;
    spec->reqid = options->reqid;
    spec->replay_window = XFRM_REPLAY_WINDOW_DEFAULT;

    const char *separator = ".";
    char *error = parse_members(object, XFRM_JSON_SA, &reader);
    if (!error) {
        separator = ": ";
        error = complete_sa(&reader);
    }
    if (error) {
        char *inner = error;
        error = xasprintf("%s%s", separator, inner);
        free(inner);
    }
    return error;
}

struct sa_node {
    struct hmap_node id_node;
    struct hmap_node key_node;
    struct xfrm_fingerprint fingerprint;
    size_t index;
};

static char *
check_duplicates__(const struct xfrm_sa_spec *sas, size_t n,
                   struct sa_node *nodes, struct hmap *ids, struct hmap *keys)
{
    for (size_t i = 0; i < n; i++) {
        const struct xfrm_sa_spec *sa = &sas[i];
        uint32_t hash = xfrm_sa_spec_hash_id(sa);
        struct sa_node *node = &nodes[i];
        struct sa_node *other;

        node->index = i;
        HMAP_FOR_EACH_WITH_HASH (other, id_node, hash, ids) {
            if (xfrm_sa_spec_same_id(sa, &sas[other->index])) {
                return xasprintf("sas[%"PRIuSIZE"] and sas[%"PRIuSIZE"] have "
                                 "the same dst and spi 0x%08"PRIx32"; "
                                 "allowed: one SA for each dst and spi",
                                 other->index, i, sa->spi);
            }
        }
        hmap_insert(ids, &node->id_node, hash);

        if (!sa->algo->counter_mode) {
            continue;
        }
        xfrm_sa_spec_fingerprint(sa, &node->fingerprint);
        hash = hash_bytes(node->fingerprint.bytes, XFRM_FINGERPRINT_LEN, 0);
        HMAP_FOR_EACH_WITH_HASH (other, key_node, hash, keys) {
            if (!memcmp(node->fingerprint.bytes, other->fingerprint.bytes,
                        XFRM_FINGERPRINT_LEN)) {
                return xasprintf("sas[%"PRIuSIZE"].key and sas[%"PRIuSIZE"]."
                                 "key are the same: with %s two SAs of one "
                                 "key use the same nonces, which reveals what "
                                 "they carry and allows forgery; allowed: a "
                                 "key of its own for each SA and direction",
                                 other->index, i, sa->algo->name);
            }
        }
        hmap_insert(keys, &node->key_node, hash);
    }
    return NULL;
}

static char *
check_duplicates(const struct xfrm_sa_spec *sas, size_t n)
{
    struct sa_node *nodes = xcalloc(n + 1, sizeof *nodes);
    struct hmap ids = HMAP_INITIALIZER(&ids);
    struct hmap keys = HMAP_INITIALIZER(&keys);

    hmap_reserve(&ids, n);
    hmap_reserve(&keys, n);
    char *error = check_duplicates__(sas, n, nodes, &ids, &keys);
    hmap_destroy(&ids);
    hmap_destroy(&keys);
    free(nodes);
    return error;
}

static char *
parse_file(struct json_object *root, const struct xfrm_json_scan *scan,
           const struct xfrm_port_options *options,
           struct xfrm_sa_spec **sasp, size_t *n_sasp)
{
    struct json_object *array;

    if (!json_object_object_get_ex(root, "sas", &array)
        || !json_object_is_type(array, json_type_array)) {
        return xstrdup("sas: missing, and required; allowed: an array of "
                       "objects, one for each SA");
    }

    size_t n = json_object_array_length(array);
    struct xfrm_sa_spec *sas = xcalloc(n + 1, sizeof *sas);
    char *error = NULL;
    for (size_t i = 0; i < n && !error; i++) {
        static const struct xfrm_json_key_text no_key = { NULL, 0 };
        char *inner = parse_sa(json_object_array_get_idx(array, i),
                               i < scan->n_keys ? &scan->keys[i] : &no_key,
                               options, &sas[i]);
        if (inner) {
            error = xasprintf("sas[%"PRIuSIZE"]%s", i, inner);
            free(inner);
        }
    }
    if (!error) {
        error = check_duplicates(sas, n);
    }
    if (error) {
        xfrm_sa_specs_free(sas, n);
        return error;
    }
    *sasp = sas;
    *n_sasp = n;
    return NULL;
}

/* Parses the 'len' bytes at 'text' as an SA file for the port with 'options'.
 * Returns 0 and stores the SAs, which the caller frees with
 * xfrm_sa_specs_free(), or a positive errno with a malloc'd sentence in
 * '*errorp' and no SAs. */
int
xfrm_json_parse_sas(const char *text, size_t len,
                    const struct xfrm_port_options *options,
                    struct xfrm_sa_spec **sasp, size_t *n_sasp, char **errorp)
{
    struct json_object *root = NULL;

    *sasp = NULL;
    *n_sasp = 0;
    *errorp = NULL;
    if (len > XFRM_SA_FILE_MAX) {
        *errorp = xasprintf("%"PRIuSIZE" bytes of text; allowed: %"PRIuSIZE
                            " at most", len, XFRM_SA_FILE_MAX);
        return EFBIG;
    }

    struct xfrm_json_scan scan;
    *errorp = xfrm_json_scan(text, len, &schema, &scan);
    if (!*errorp) {
        *errorp = parse_tree(scan.copy, len, &root);
    }
    if (!*errorp) {
        *errorp = parse_file(root, &scan, options, sasp, n_sasp);
    }
    if (root) {
        json_object_put(root);
    }
    xfrm_json_scan_destroy(&scan);
    return *errorp ? EINVAL : 0;
}

/* Reads the SA file 'path' of the port with 'options'.  Returns 0 and stores
 * the SAs, which the caller frees with xfrm_sa_specs_free(), or a positive
 * errno with a malloc'd sentence in '*errorp' that begins with 'path', and no
 * SAs.  In both cases stores in '*stamp' which version of the file that is
 * about. */
int
xfrm_json_read_sa_file(const char *path,
                       const struct xfrm_port_options *options,
                       struct xfrm_sa_spec **sasp, size_t *n_sasp,
                       struct xfrm_file_stamp *stamp, char **errorp)
{
    char *text, *what = NULL;
    size_t len;
    int error;

    *sasp = NULL;
    *n_sasp = 0;
    error = xfrm_file_read(path, XFRM_SA_FILE_MAX, stamp, &text, &len,
                           errorp);
    if (error) {
        return error;
    }
    if (!len) {
        what = xstrdup("is empty; allowed: {\"sas\": [...]}");
        error = EINVAL;
    } else {
        error = xfrm_json_parse_sas(text, len, options, sasp, n_sasp, &what);
    }
    if (error) {
        *errorp = xasprintf("%s: %s", path, what);
    }
    free(what);
    xfrm_file_free(text, len);
    return error;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Value types: their names, and small values from and to text (see
 * xfrm-spec.h).  Uses xfrm-text; beside xfrm-spec and xfrm-spec-policy, above
 * it stands every edge where text comes in. */

#include <config.h>

#include "xfrm-spec.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "xfrm-text.h"

/* Enumerations. */

static const char *
value_to_name(const char *const names[], size_t n, unsigned int value)
{
    return value < n ? names[value] : "unknown";
}

static bool
name_to_value(const char *const names[], size_t n, const char *name,
              unsigned int *valuep)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(names[i], name)) {
            *valuep = i;
            return true;
        }
    }
    return false;
}

/* Defines xfrm_<WHAT>_name() and xfrm_<WHAT>_from_name().  The latter leaves
 * its output alone if there is no such name. */
#define XFRM_NAMES(WHAT, N, ...)                                        \
    static const char *const WHAT##_names[N] = { __VA_ARGS__ };         \
                                                                        \
    const char *                                                        \
    xfrm_##WHAT##_name(enum xfrm_##WHAT value)                          \
    {                                                                   \
        return value_to_name(WHAT##_names, N, value);                   \
    }                                                                   \
                                                                        \
    bool                                                                \
    xfrm_##WHAT##_from_name(const char *name, enum xfrm_##WHAT *valuep) \
    {                                                                   \
        unsigned int value;                                             \
                                                                        \
        if (!name_to_value(WHAT##_names, N, name, &value)) {            \
            return false;                                               \
        }                                                               \
        *valuep = value;                                                \
        return true;                                                    \
    }

XFRM_NAMES(mode, XFRM_SPEC_N_MODES,
           [XFRM_SPEC_TUNNEL] = "tunnel",
           [XFRM_SPEC_TRANSPORT] = "transport",
           [XFRM_SPEC_BEET] = "beet")
XFRM_NAMES(dir, XFRM_N_DIRS,
           [XFRM_DIR_IN] = "in",
           [XFRM_DIR_OUT] = "out",
           [XFRM_DIR_FWD] = "fwd")
XFRM_NAMES(action, XFRM_N_ACTIONS,
           [XFRM_ACTION_PROTECT] = "protect",
           [XFRM_ACTION_DISCARD] = "discard")
XFRM_NAMES(offload, XFRM_N_OFFLOADS,
           [XFRM_OFF_NO] = "no",
           [XFRM_OFF_CRYPTO] = "crypto",
           [XFRM_OFF_PACKET] = "packet",
           [XFRM_OFF_AUTO] = "auto")
XFRM_NAMES(keying, XFRM_N_KEYINGS,
           [XFRM_KEYING_MANAGED] = "managed",
           [XFRM_KEYING_EXTERNAL] = "external")

/* Makes the error for 's', which is not what 'what' may be. */
static int
bad_text(const char *what, const char *s, const char *allowed, char **errorp)
{
    char *quoted = xfrm_text_quote(s);

    *errorp = xasprintf("%s %s: it must be %s", what, quoted, allowed);
    free(quoted);
    return EINVAL;
}

/* Protocols. */

static const struct {
    const char *name;
    uint8_t proto;
} protos[] = {
    { "esp", IPPROTO_ESP },
    { "ah", IPPROTO_AH },
    { "ipcomp", IPPROTO_COMP },
};

/* Returns the name of an IPsec protocol, or "unknown". */
const char *
xfrm_proto_name(uint8_t proto)
{
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        if (protos[i].proto == proto) {
            return protos[i].name;
        }
    }
    return "unknown";
}

/* Appends the name of 'proto', or its number if it is no IPsec protocol. */
void
xfrm_proto_format(uint8_t proto, struct ds *ds)
{
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        if (protos[i].proto == proto) {
            ds_put_cstr(ds, protos[i].name);
            return;
        }
    }
    ds_put_format(ds, "proto-%"PRIu8, proto);
}

/* Returns 0, or EINVAL with '*errorp' a malloc'd sentence and '*proto' left
 * alone. */
int
xfrm_proto_from_name(const char *s, uint8_t *proto, char **errorp)
{
    *errorp = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        if (!strcmp(protos[i].name, s)) {
            *proto = protos[i].proto;
            return 0;
        }
    }
    return bad_text("proto", s, "esp, ah or ipcomp", errorp);
}

/* Flags of SAs. */

static const char *const flag_names[XFRM_SA_N_FLAGS] = {
    "noecn", "decap-dscp", "dont-encap-dscp", "nopmtudisc", "icmp",
    "oseq-may-wrap",
};
BUILD_ASSERT_DECL(XFRM_SA_OSEQ_MAY_WRAP == 1 << (XFRM_SA_N_FLAGS - 1));

/* Returns the name of 'flag', a single bit, or "unknown". */
const char *
xfrm_sa_flag_name(uint32_t flag)
{
    for (size_t i = 0; i < XFRM_SA_N_FLAGS; i++) {
        if (flag == UINT32_C(1) << i) {
            return flag_names[i];
        }
    }
    return "unknown";
}

/* Stores in '*flag' the bit that is called 's'.  Returns 0, or EINVAL with
 * '*errorp' a malloc'd sentence and '*flag' left alone. */
int
xfrm_sa_flag_from_name(const char *s, uint32_t *flag, char **errorp)
{
    struct ds allowed = DS_EMPTY_INITIALIZER;
    int error;

    *errorp = NULL;
    for (size_t i = 0; i < XFRM_SA_N_FLAGS; i++) {
        if (!strcmp(flag_names[i], s)) {
            *flag = UINT32_C(1) << i;
            ds_destroy(&allowed);
            return 0;
        }
        ds_put_format(&allowed, "%s%s", i == 0 ? ""
                      : i == XFRM_SA_N_FLAGS - 1 ? " or " : ", ",
                      flag_names[i]);
    }
    error = bad_text("flag", s, ds_cstr(&allowed), errorp);
    ds_destroy(&allowed);
    return error;
}

/* Marks. */

/* Returns 0, or EINVAL with '*errorp' a malloc'd sentence and '*mark'
 * zeroed. */
int
xfrm_mark_from_string(const char *s, struct xfrm_mark *mark, char **errorp)
{
    uint64_t value, mask = UINT32_MAX;
    const char *slash = strchr(s, '/');
    char buf[sizeof "0xffffffff"];
    size_t len = slash ? (size_t) (slash - s) : strlen(s);

    *errorp = NULL;
    memset(mark, 0, sizeof *mark);
    if (len >= sizeof buf) {
        len = 0;                /* Longer than any number. */
    }
    memcpy(buf, s, len);
    buf[len] = '\0';
    if (!xfrm_text_to_uint(buf, UINT32_MAX, &value)
        || (slash && !xfrm_text_to_uint(slash + 1, UINT32_MAX, &mask))) {
        return bad_text("mark", s, "VALUE or VALUE/MASK, numbers of 32 bits "
                        "in decimal or after 0x", errorp);
    }
    if (!mask) {
        return bad_text("mark", s, "with a mask other than 0 (no mark at all "
                        "matches every packet)", errorp);
    }
    if (value & ~mask) {
        char *quoted = xfrm_text_quote(s);

        *errorp = xasprintf("mark %s: its value has bits outside of its "
                            "mask; did you mean 0x%"PRIx64"/0x%"PRIx64,
                            quoted, value & mask, mask);
        free(quoted);
        return EINVAL;
    }
    mark->value = value;
    mark->mask = mask;
    return 0;
}

/* Appends e.g. "0x10/0xff", "0x10" if the mask is all bits, or "none". */
void
xfrm_mark_format(const struct xfrm_mark *mark, struct ds *ds)
{
    if (!mark->mask) {
        ds_put_cstr(ds, "none");
        return;
    }
    ds_put_format(ds, "0x%"PRIx32, mark->value);
    if (mark->mask != UINT32_MAX) {
        ds_put_format(ds, "/0x%"PRIx32, mark->mask);
    }
}

bool
xfrm_mark_equals(const struct xfrm_mark *a, const struct xfrm_mark *b)
{
    return a->value == b->value && a->mask == b->mask;
}

/* UDP encapsulation. */

static bool
parse_port(const char *s, uint16_t *port)
{
    uint64_t value;

    if (!xfrm_text_to_decimal(s, UINT16_MAX, &value) || !value) {
        return false;
    }
    *port = value;
    return true;
}

/* Returns 0, or EINVAL with '*errorp' a malloc'd sentence and '*encap'
 * zeroed. */
int
xfrm_encap_from_string(const char *s, struct xfrm_encap *encap, char **errorp)
{
    char ports[sizeof "65535:65535"];
    char *colon;

    *errorp = NULL;
    memset(encap, 0, sizeof *encap);
    if (!strcmp(s, "none")) {
        return 0;
    }
    if (!strcmp(s, "udp")) {
        encap->sport = encap->dport = XFRM_ENCAP_PORT;
        return 0;
    }
    if (!strncmp(s, "udp:", 4) && strlen(s + 4) < sizeof ports) {
        ovs_strlcpy(ports, s + 4, sizeof ports);
        colon = strchr(ports, ':');
        if (colon) {
            *colon = '\0';
            if (parse_port(ports, &encap->sport)
                && parse_port(colon + 1, &encap->dport)) {
                return 0;
            }
            memset(encap, 0, sizeof *encap);
        }
    }
    return bad_text("encap", s, "none, udp or udp:SPORT:DPORT with ports "
                    "1..65535", errorp);
}

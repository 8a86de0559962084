/* SPDX-License-Identifier: Apache-2.0 */

/* Value types: SAs (see xfrm-spec.h).  Uses xfrm-secret, xfrm-algo and
 * xfrm-selector; above it stands everything that handles SAs. */

#include <config.h>

#include "xfrm-spec.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* SAs. */

/* Makes 'dst' an independent copy of 'src'. */
void
xfrm_sa_spec_clone(struct xfrm_sa_spec *dst, const struct xfrm_sa_spec *src)
{
    *dst = *src;
    xfrm_secret_clone(&dst->key, &src->key);
}

/* Same with an empty key, for whoever has no business with it. */
void
xfrm_sa_spec_clone_sans_key(struct xfrm_sa_spec *dst,
                            const struct xfrm_sa_spec *src)
{
    *dst = *src;
    xfrm_secret_init(&dst->key, NULL, 0);
}

/* Frees what 'spec' owns, not 'spec' itself. */
void
xfrm_sa_spec_destroy(struct xfrm_sa_spec *spec)
{
    if (spec) {
        xfrm_secret_destroy(&spec->key);
    }
}

/* Frees an array of 'n' SAs. */
void
xfrm_sa_specs_free(struct xfrm_sa_spec *specs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        xfrm_sa_spec_destroy(&specs[i]);
    }
    free(specs);
}

void
xfrm_sa_states_free(struct xfrm_sa_state *states, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        xfrm_sa_spec_destroy(&states[i].spec);
    }
    free(states);
}

static char *
check_identity(const struct xfrm_sa_spec *spec)
{
    uint32_t spi_max = (spec->proto == IPPROTO_COMP
                        ? XFRM_CPI_MAX : UINT32_MAX);

    if (!spec->if_id) {
        return xstrdup("if_id 0: it must be 1..4294967295");
    }
    if (spec->dir != XFRM_DIR_IN && spec->dir != XFRM_DIR_OUT) {
        return xasprintf("direction \"%s\": it must be in or out",
                         xfrm_dir_name(spec->dir));
    }
    if (spec->proto != IPPROTO_ESP && spec->proto != IPPROTO_AH
        && spec->proto != IPPROTO_COMP) {
        return xasprintf("proto %"PRIu8": it must be %d (ESP), %d (AH) or %d "
                         "(IPComp)", spec->proto, IPPROTO_ESP, IPPROTO_AH,
                         IPPROTO_COMP);
    }
    if (spec->spi < XFRM_SPI_MIN) {
        return xasprintf("spi %"PRIu32": it must be %d..%"PRIu32,
                         spec->spi, XFRM_SPI_MIN, spi_max);
    }
    if (spec->spi > spi_max) {
        return xasprintf("spi %"PRIu32": with proto ipcomp it is a CPI and "
                         "must be %d..%"PRIu32,
                         spec->spi, XFRM_SPI_MIN, spi_max);
    }
    return NULL;
}

static char *
check_address(const char *name, const struct xfrm_addr *addr)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (xfrm_addr_is_unicast(addr)) {
        return NULL;
    }
    ds_put_format(&ds, "%s ", name);
    xfrm_addr_format(addr, &ds);
    ds_put_cstr(&ds, ": it must be a unicast IPv4 or IPv6 address");
    return ds_steal_cstr(&ds);
}

static char *
check_addresses(const struct xfrm_sa_spec *spec)
{
    char *error = check_address("src", &spec->src);

    if (!error) {
        error = check_address("dst", &spec->dst);
    }
    if (!error && spec->src.family != spec->dst.family) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&ds, "src ");
        xfrm_addr_format(&spec->src, &ds);
        ds_put_cstr(&ds, " and dst ");
        xfrm_addr_format(&spec->dst, &ds);
        ds_put_cstr(&ds, ": both must be IPv4 or both IPv6");
        error = ds_steal_cstr(&ds);
    }
    return error;
}

static char *
check_selector(const struct xfrm_sa_spec *spec)
{
    const struct xfrm_sel *sel = &spec->sel;
    bool given = !xfrm_sel_is_any(sel);
    char *reason = xfrm_sel_check(sel);

    if (reason) {
        /* That is it. */
    } else if (spec->mode == XFRM_SPEC_BEET
               && !(xfrm_prefix_is_host(&sel->src)
                    && xfrm_prefix_is_host(&sel->dst))) {
        reason = xstrdup("in beet mode it must be one host for src and one "
                         "for dst");
    } else if (spec->mode == XFRM_SPEC_TRANSPORT && given
               && sel->src.addr.family != spec->src.family) {
        reason = xstrdup("in transport mode it must have the family of the "
                         "SA's addresses");
    }

    if (reason) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&ds, "selector \"");
        xfrm_sel_format(sel, &ds);
        ds_put_format(&ds, "\": %s", reason);
        free(reason);
        return ds_steal_cstr(&ds);
    }
    return NULL;
}

static char *
check_algorithm(const struct xfrm_sa_spec *spec)
{
    const struct xfrm_algo *algo = spec->algo;

    if (!algo || algo->proto != spec->proto) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        if (algo) {
            ds_put_format(&ds, "algorithm \"%s\": with proto %s it must be "
                          "one of ", algo->name, xfrm_proto_name(spec->proto));
        } else {
            ds_put_cstr(&ds, "algorithm is missing: it must be one of ");
        }
        xfrm_algo_format_names_of(spec->proto, &ds);
        return ds_steal_cstr(&ds);
    }
    if (spec->key.len != xfrm_algo_key_len(algo)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        if (!xfrm_algo_key_len(algo)) {
            return xasprintf("key of %"PRIuSIZE" bytes: %s takes none",
                             spec->key.len, algo->name);
        }
        ds_put_format(&ds, "key of %"PRIuSIZE" bytes: %s takes %"PRIuSIZE" (",
                      spec->key.len, algo->name, xfrm_algo_key_len(algo));
        if (algo->crypt_key_len) {
            ds_put_format(&ds, "cipher key %d, ", algo->crypt_key_len);
        }
        if (algo->salt_len) {
            ds_put_format(&ds, "salt %d, ", algo->salt_len);
        }
        if (algo->auth_key_len) {
            ds_put_format(&ds, "integrity key %d, ", algo->auth_key_len);
        }
        ds_chomp(&ds, ' ');
        ds_chomp(&ds, ',');
        ds_put_char(&ds, ')');
        return ds_steal_cstr(&ds);
    }
    return NULL;
}

static char *
check_sequence(const struct xfrm_sa_spec *spec)
{
    if (spec->proto == IPPROTO_COMP) {
        if (spec->replay_window) {
            /* The kernel would drop each packet, their number being 0. */
            return xasprintf("replay_window %"PRIu32": with proto ipcomp, "
                             "which has no sequence numbers, it must be 0",
                             spec->replay_window);
        }
        if (spec->esn) {
            return xstrdup("esn: with proto ipcomp, which has no sequence "
                           "numbers, it must be false");
        }
    }
    if (spec->replay_window > XFRM_REPLAY_WINDOW_MAX) {
        return xasprintf("replay_window %"PRIu32": it must be 0..%d",
                         spec->replay_window, XFRM_REPLAY_WINDOW_MAX);
    }
    if (spec->esn && !spec->replay_window) {
        return xasprintf("replay_window 0: with esn it must be 1..%d",
                         XFRM_REPLAY_WINDOW_MAX);
    }
    return NULL;
}

static char *
check_lifetime(const char *unit, uint64_t soft, uint64_t hard)
{
    if (hard && soft > hard) {
        return xasprintf("soft_%s %"PRIu64": it must be 0..%"PRIu64", the "
                         "value of hard_%s", unit, soft, hard, unit);
    }
    return NULL;
}

static char *
check_lifetimes(const struct xfrm_sa_spec *spec)
{
    const struct xfrm_lifetime *lt = &spec->lifetime;
    char *error = check_lifetime("bytes", lt->soft_bytes, lt->hard_bytes);

    if (!error) {
        error = check_lifetime("packets", lt->soft_packets, lt->hard_packets);
    }
    if (!error) {
        error = check_lifetime("seconds", lt->soft_seconds, lt->hard_seconds);
    }
    if (!error) {
        error = check_lifetime("idle", lt->soft_idle, lt->hard_idle);
    }
    return error;
}

static char *
check_mark(const char *name, const struct xfrm_mark *mark)
{
    if (mark->value & ~mark->mask) {
        return xasprintf("%s 0x%"PRIx32"/0x%"PRIx32": the value must have no "
                         "bits outside the mask", name, mark->value,
                         mark->mask);
    }
    return NULL;
}

static char *
check_marks(const struct xfrm_sa_spec *spec)
{
    char *error = check_mark("mark", &spec->mark);

    return error ? error : check_mark("output_mark", &spec->output_mark);
}

static char *
check_flags(const struct xfrm_sa_spec *spec)
{
    if (spec->flags & ~XFRM_SA_ALL_FLAGS) {
        return xasprintf("flags 0x%"PRIx32": there are only those of 0x%x",
                         spec->flags, XFRM_SA_ALL_FLAGS);
    }
    if (spec->flags & XFRM_SA_OSEQ_MAY_WRAP) {
        if (spec->algo && spec->algo->counter_mode) {
            return xasprintf("flag oseq-may-wrap: with %s a sequence number "
                             "must never be used twice", spec->algo->name);
        }
        if (spec->esn || spec->proto == IPPROTO_COMP) {
            return xasprintf("flag oseq-may-wrap: with %s there is nothing "
                             "that could wrap", spec->esn ? "esn" : "ipcomp");
        }
    }
    return NULL;
}

static char *
check_delivery(const struct xfrm_sa_spec *spec)
{
    if (spec->proto != IPPROTO_ESP) {
        const char *proto = xfrm_proto_name(spec->proto);

        if (spec->encap.sport || spec->encap.dport) {
            return xasprintf("encap: with proto %s it must be none", proto);
        }
        if (spec->offload != XFRM_OFF_NO) {
            return xasprintf("offload \"%s\": with proto %s it must be no",
                             xfrm_offload_name(spec->offload), proto);
        }
        if (spec->mode == XFRM_SPEC_BEET) {
            return xasprintf("mode \"beet\": with proto %s it must be tunnel "
                             "or transport", proto);
        }
    }
    if (!spec->encap.sport != !spec->encap.dport) {
        return xasprintf("encap ports %"PRIu16" and %"PRIu16": both must be "
                         "1..65535, or both 0 for none",
                         spec->encap.sport, spec->encap.dport);
    }
    if (spec->offload != XFRM_OFF_NO && spec->offload != XFRM_OFF_CRYPTO
        && spec->offload != XFRM_OFF_PACKET) {
        return xasprintf("offload \"%s\": it must be no, crypto or packet",
                         xfrm_offload_name(spec->offload));
    }
    if (spec->offload != XFRM_OFF_NO && !spec->offload_dev[0]) {
        return xasprintf("offload \"%s\": it needs a device",
                         xfrm_offload_name(spec->offload));
    }
    return NULL;
}

/* Checks every rule that an SA must keep.  Returns 0, or EINVAL with
 * '*errorp' a malloc'd text that names the field, its value and what is
 * allowed.  The text holds nothing of the key. */
int
xfrm_sa_spec_validate(const struct xfrm_sa_spec *spec, char **errorp)
{
    static char *(*const checks[])(const struct xfrm_sa_spec *) = {
        check_identity,
        check_addresses,
        check_algorithm,
        check_sequence,
        check_lifetimes,
        check_marks,
        check_flags,
        check_delivery,
        check_selector,
    };

    *errorp = NULL;
    if (spec->mode >= XFRM_SPEC_N_MODES) {
        *errorp = xasprintf("mode %d: it must be tunnel, transport or beet",
                            spec->mode);
    }
    for (size_t i = 0; i < ARRAY_SIZE(checks) && !*errorp; i++) {
        *errorp = checks[i](spec);
    }
    return *errorp ? EINVAL : 0;
}

/* Would the kernel take 'a' and 'b' for the same SA?  It finds an SA by
 * destination, SPI and protocol; the if_id does not matter. */
bool
xfrm_sa_spec_same_id(const struct xfrm_sa_spec *a,
                     const struct xfrm_sa_spec *b)
{
    return (a->spi == b->spi
            && a->proto == b->proto
            && xfrm_addr_equals(&a->dst, &b->dst));
}

/* Without the idle times, which no backend knows. */
static bool
lifetime_equals(const struct xfrm_lifetime *a, const struct xfrm_lifetime *b)
{
    return (a->soft_bytes == b->soft_bytes
            && a->hard_bytes == b->hard_bytes
            && a->soft_packets == b->soft_packets
            && a->hard_packets == b->hard_packets
            && a->soft_seconds == b->soft_seconds
            && a->hard_seconds == b->hard_seconds);
}

/* Is 'actual', as a backend reported it, what 'desired' asks for?
 *
 * An empty key in 'actual' was left out of the dump and counts as equal.  The
 * direction is derived on the way back and the offload is up to the hardware:
 * a difference there is no reason to replace an SA that carries traffic. */
bool
xfrm_sa_spec_equals(const struct xfrm_sa_spec *desired,
                    const struct xfrm_sa_spec *actual)
{
    return (xfrm_sa_spec_same_id(desired, actual)
            && desired->if_id == actual->if_id
            && xfrm_addr_equals(&desired->src, &actual->src)
            && desired->mode == actual->mode
            && desired->reqid == actual->reqid
            && desired->algo == actual->algo
            && (!actual->key.len
                || xfrm_secret_equals(&desired->key, &actual->key))
            && desired->replay_window == actual->replay_window
            && desired->esn == actual->esn
            && desired->encap.sport == actual->encap.sport
            && desired->encap.dport == actual->encap.dport
            && lifetime_equals(&desired->lifetime, &actual->lifetime)
            && xfrm_mark_equals(&desired->mark, &actual->mark)
            && xfrm_mark_equals(&desired->output_mark, &actual->output_mark)
            && desired->flags == actual->flags
            && xfrm_sel_equals(&desired->sel, &actual->sel));
}

/* A hash that is equal whenever xfrm_sa_spec_same_id() is true. */
uint32_t
xfrm_sa_spec_hash_id(const struct xfrm_sa_spec *spec)
{
    return hash_bytes(&spec->dst, sizeof spec->dst,
                      hash_2words(spec->spi, spec->proto));
}

static void
format_limit(const char *name, uint64_t soft, uint64_t hard, struct ds *ds)
{
    if (soft) {
        ds_put_format(ds, " soft-%s %"PRIu64, name, soft);
    }
    if (hard) {
        ds_put_format(ds, " hard-%s %"PRIu64, name, hard);
    }
}

/* Appends one line, without the key and without a new-line. */
void
xfrm_sa_spec_format(const struct xfrm_sa_spec *spec, struct ds *ds)
{
    const struct xfrm_lifetime *lt = &spec->lifetime;

    ds_put_format(ds, "%s ", xfrm_dir_name(spec->dir));
    xfrm_proto_format(spec->proto, ds);
    ds_put_format(ds, " spi 0x%08"PRIx32" ", spec->spi);
    xfrm_addr_format(&spec->src, ds);
    ds_put_cstr(ds, " -> ");
    xfrm_addr_format(&spec->dst, ds);
    ds_put_format(ds, " %s %s reqid %"PRIu32" if_id %"PRIu32,
                  xfrm_mode_name(spec->mode),
                  spec->algo ? spec->algo->name : "unknown-algorithm",
                  spec->reqid, spec->if_id);
    ds_put_format(ds, " replay-window %"PRIu32, spec->replay_window);
    if (spec->esn) {
        ds_put_cstr(ds, " esn");
    }
    if (spec->encap.sport || spec->encap.dport) {
        ds_put_format(ds, " encap udp:%"PRIu16":%"PRIu16,
                      spec->encap.sport, spec->encap.dport);
    }
    format_limit("bytes", lt->soft_bytes, lt->hard_bytes, ds);
    format_limit("packets", lt->soft_packets, lt->hard_packets, ds);
    format_limit("seconds", lt->soft_seconds, lt->hard_seconds, ds);
    format_limit("idle", lt->soft_idle, lt->hard_idle, ds);
    if (spec->mark.mask) {
        ds_put_cstr(ds, " mark ");
        xfrm_mark_format(&spec->mark, ds);
    }
    if (spec->output_mark.mask) {
        ds_put_cstr(ds, " output-mark ");
        xfrm_mark_format(&spec->output_mark, ds);
    }
    for (uint32_t flag = 1; flag < 1u << XFRM_SA_N_FLAGS; flag <<= 1) {
        if (spec->flags & flag) {
            ds_put_format(ds, " %s", xfrm_sa_flag_name(flag));
        }
    }
    if (!xfrm_sel_is_any(&spec->sel)) {
        ds_put_cstr(ds, " sel ");
        xfrm_sel_format(&spec->sel, ds);
    }
    if (spec->offload != XFRM_OFF_NO) {
        ds_put_format(ds, " offload %s", xfrm_offload_name(spec->offload));
        if (spec->offload_dev[0]) {
            ds_put_format(ds, " dev %s", spec->offload_dev);
        }
    }
}

/* Stores in '*fp' what identifies the space of nonces that 'spec' uses up.
 *
 * Those are the cipher key and the salt alone.  Another SPI, other addresses
 * or another integrity key do not make a nonce fresh; nor does another
 * algorithm (GCM, GMAC and CTR turn the same key, salt and IV into the same
 * key stream, whatever the length of the ICV), so its name is left out. */
void
xfrm_sa_spec_fingerprint(const struct xfrm_sa_spec *spec,
                         struct xfrm_fingerprint *fp)
{
    struct xfrm_secret nonce_key = spec->key;       /* Borrowed. */

    if (spec->algo) {
        size_t len = spec->algo->crypt_key_len + spec->algo->salt_len;

        nonce_key.len = MIN(nonce_key.len, len);
    }
    xfrm_secret_fingerprint(&nonce_key, "ovs-xfrm sa nonce 1", fp);
}

/* MTU. */

static int
ip_header_len(uint16_t family)
{
    return family == AF_INET6 ? 40 : 20;
}

/* Returns the length in bytes of the largest inner IP packet whose outer packet
 * fits 'outer_mtu' bytes, or 0 if none does.  IPv4 options and IPv6 extension
 * headers are not counted, nor is what IPComp may gain.
 *
 * In beet mode with ESP somewhat larger ones would fit, but the kernel does not
 * let them pass: it keeps room for the pseudo header of IPv4 options, and
 * reckons with an inner header of the outer family. */
int
xfrm_spec_inner_mtu(int outer_mtu, uint16_t outer_family,
                    uint16_t inner_family, enum xfrm_mode mode,
                    const struct xfrm_algo *algo, bool udp_encap)
{
    enum { ESP_HEADER_LEN = 8, ESP_TRAILER_LEN = 2, UDP_HEADER_LEN = 8,
           AH_HEADER_LEN = 12, AH_ALIGN = 8, BEET_PSEUDO_HEADER_LEN = 8 };

    /* The IP header before ESP is a new one or, in transport mode, that of the
     * inner packet. */
    int header = ip_header_len(mode == XFRM_SPEC_TRANSPORT
                               ? inner_family : outer_family);
    /* What of the inner packet ESP does not carry. */
    int bare = mode == XFRM_SPEC_TUNNEL ? 0 : ip_header_len(inner_family);
    int block, room, mtu;

    if (!algo || outer_mtu <= 0) {
        return 0;
    }

    /* No IP packet is longer, whatever the device says (loopback: 65536). */
    room = MIN(outer_mtu, UINT16_MAX) - header;
    if (algo->proto != IPPROTO_ESP) {
        if (algo->proto == IPPROTO_AH) {
            room -= ROUND_UP(AH_HEADER_LEN + algo->icv_len, AH_ALIGN);
        }
        return room > 0 ? MIN(room + bare, UINT16_MAX) : 0;
    }

    room -= ((udp_encap ? UDP_HEADER_LEN : 0)
             + ESP_HEADER_LEN + algo->iv_len + algo->icv_len);
    block = MAX(algo->block_len, 4);
    if (room < block) {
        return 0;
    }
    mtu = room - room % block - ESP_TRAILER_LEN + bare;
    if (mode == XFRM_SPEC_BEET) {
        bare = ip_header_len(outer_family);
        if (inner_family == AF_INET) {
            room -= BEET_PSEUDO_HEADER_LEN + bare - ip_header_len(AF_INET);
        }
        mtu = (room < block ? 0
               : MIN(mtu, room - room % block - ESP_TRAILER_LEN + bare));
    }
    return mtu;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* NETLINK_XFRM: messages to SAs and policies (see xfrm-netlink.h; the way
 * there is in xfrm-netlink.c, notifications are in xfrm-netlink-event.c).
 *
 * Structures are copied out of received messages before they are read: netlink
 * aligns to 4 bytes, and the XFRM structures hold 64-bit members.
 *
 * Below xfrm-backend-kernel, above xfrm-spec. */

#include <config.h>

#include "xfrm-netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "util.h"
#include "xfrm-netlink-uapi.h"

static bool
mode_from_kernel(uint8_t kernel_mode, enum xfrm_mode *mode)
{
    for (size_t i = 0; i < XFRM_SPEC_N_MODES; i++) {
        if (xfrm_nl_modes[i] == kernel_mode) {
            *mode = i;
            return true;
        }
    }
    *mode = XFRM_SPEC_TUNNEL;
    return false;
}

bool
xfrm_nl_dir_decode(uint8_t kernel_dir, enum xfrm_dir *dir)
{
    for (size_t i = 0; i < XFRM_N_DIRS; i++) {
        if (xfrm_nl_dirs[i] == kernel_dir) {
            *dir = i;
            return true;
        }
    }
    return false;
}

/* ## Addresses and selectors. ## */

/* 'family' must be AF_INET or AF_INET6. */
struct xfrm_addr
xfrm_nl_addr_decode(uint16_t family, const xfrm_address_t *a)
{
    struct xfrm_addr addr;

    memset(&addr, 0, sizeof addr);
    addr.family = family;
    if (family == AF_INET) {
        addr.ip4 = a->a4;
    } else {
        memcpy(&addr.ip6, a, sizeof addr.ip6);
    }
    return addr;
}

bool
xfrm_nl_family_is_ip(uint16_t family)
{
    return family == AF_INET || family == AF_INET6;
}

bool
xfrm_nl_proto_is_ours(uint8_t proto)
{
    return (proto == IPPROTO_ESP || proto == IPPROTO_AH
            || proto == IPPROTO_COMP);
}

static bool
prefix_decode(uint16_t family, const xfrm_address_t *a, uint8_t plen,
              struct xfrm_prefix *prefix)
{
    size_t len = family == AF_INET ? 4 : 16;
    uint8_t bytes[16];
    xfrm_address_t masked;

    if (plen > len * 8) {
        return false;
    }
    /* The kernel keeps the bits past the prefix as it got them. */
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, a, len);
    for (size_t i = plen; i < len * 8; i++) {
        bytes[i / 8] &= ~(0x80 >> i % 8);
    }
    memset(&masked, 0, sizeof masked);
    memcpy(&masked, bytes, sizeof bytes);

    memset(prefix, 0, sizeof *prefix);
    prefix->addr = xfrm_nl_addr_decode(family, &masked);
    prefix->plen = plen;
    return true;
}

bool
xfrm_nl_sel_decode(const struct xfrm_selector *s, struct xfrm_sel *sel)
{
    memset(sel, 0, sizeof *sel);
    if (s->family == AF_UNSPEC) {
        return true;
    }
    if (!xfrm_nl_family_is_ip(s->family)
        || !prefix_decode(s->family, &s->saddr, s->prefixlen_s, &sel->src)
        || !prefix_decode(s->family, &s->daddr, s->prefixlen_d, &sel->dst)) {
        return false;
    }
    sel->sport = s->sport;
    sel->sport_mask = s->sport_mask;
    sel->dport = s->dport;
    sel->dport_mask = s->dport_mask;
    sel->proto = s->proto;
    return true;
}

/* ## Messages. ## */

/* Checks that 'msg' is whole and has a body of at least 'size' bytes, copies
 * those to 'body' and indexes the attributes behind. */
bool
xfrm_nl_msg_open(const void *msg, size_t len, void *body, size_t size,
                 struct xfrm_nl_attr attrs[XFRM_NL_N_ATTRS])
{
    size_t hdr = NLMSG_HDRLEN + NLMSG_ALIGN(size);

    if (len < NLMSG_HDRLEN + size) {
        return false;
    }
    memcpy(body, (const uint8_t *) msg + NLMSG_HDRLEN, size);
    return xfrm_nl_attrs((const uint8_t *) msg + MIN(hdr, len),
                         len - MIN(hdr, len), attrs, XFRM_NL_N_ATTRS);
}

/* Returns the type of the message, or 0 if it isn't whole. */
uint16_t
xfrm_nl_msg_type(const void *msg, size_t *len)
{
    struct nlmsghdr nlh;

    if (*len < sizeof nlh) {
        return 0;
    }
    memcpy(&nlh, msg, sizeof nlh);
    if (nlh.nlmsg_len < NLMSG_HDRLEN || nlh.nlmsg_len > *len) {
        return 0;
    }
    *len = nlh.nlmsg_len;
    return nlh.nlmsg_type;
}

/* The if_id of an object, 0 if it has none. */
bool
xfrm_nl_if_id_decode(const struct xfrm_nl_attr attrs[], uint32_t *if_id)
{
    *if_id = 0;
    return (!attrs[XFRMA_IF_ID].data
            || xfrm_nl_attr_u32(&attrs[XFRMA_IF_ID], if_id));
}

/* The mark by which an object is looked up, zero if it has none.  The kernel
 * keeps what it got, and a mask of 0 is no mark. */
bool
xfrm_nl_mark_decode(const struct xfrm_nl_attr attrs[], struct xfrm_mark *mark)
{
    const struct xfrm_nl_attr *attr = &attrs[XFRMA_MARK];
    struct kernel_xfrm_mark km;

    memset(mark, 0, sizeof *mark);
    if (!attr->data) {
        return true;
    }
    if (attr->len < sizeof km) {
        return false;
    }
    memcpy(&km, attr->data, sizeof km);
    mark->value = km.v;
    mark->mask = km.m;
    return true;
}

/* The mark that an SA sets; without a mask it sets all bits. */
static bool
set_mark_decode(const struct xfrm_nl_attr attrs[], struct xfrm_mark *mark)
{
    memset(mark, 0, sizeof *mark);
    if (!attrs[XFRMA_SET_MARK].data) {
        return true;
    }
    mark->mask = UINT32_MAX;
    return (xfrm_nl_attr_u32(&attrs[XFRMA_SET_MARK], &mark->value)
            && (!attrs[XFRMA_SET_MARK_MASK].data
                || xfrm_nl_attr_u32(&attrs[XFRMA_SET_MARK_MASK],
                                    &mark->mask)));
}

/* '*known' says whether a spec can express all flags. */
static bool
flags_decode(const struct xfrm_nl_attr attrs[], uint8_t state_flags,
             uint32_t *flags, bool *known)
{
    uint32_t extra = 0;

    *flags = 0;
    if (attrs[XFRMA_SA_EXTRA_FLAGS].data
        && !xfrm_nl_attr_u32(&attrs[XFRMA_SA_EXTRA_FLAGS], &extra)) {
        return false;
    }
    for (size_t i = 0; i < XFRM_NL_N_FLAGS; i++) {
        const struct xfrm_nl_flag *f = &xfrm_nl_flags[i];

        if (state_flags & f->state_flag || extra & f->extra_flag) {
            *flags |= f->flag;
        }
        state_flags &= ~f->state_flag;
        extra &= ~f->extra_flag;
    }
    *known = !extra && !(state_flags & (XFRM_STATE_WILDRECV
                                        | XFRM_STATE_ALIGN4));
    return true;
}

/* One algorithm attribute: a fixed part of 'fixed' bytes, which starts with a
 * name of 64 bytes and the length of the key in bits, then the key. */
struct algo_attr {
    const char *name;           /* In the message, null-terminated; or NULL. */
    uint32_t key_bits;
    uint32_t icv_bits;
    const uint8_t *key;
    size_t key_len;             /* Bytes. */
};

static bool
algo_attr_decode(const struct xfrm_nl_attr *attr, size_t fixed,
                 struct algo_attr *a)
{
    enum { NAME_LEN = 64 };

    memset(a, 0, sizeof *a);
    if (!attr->data) {
        return true;
    }
    if (attr->len < fixed || !memchr(attr->data, '\0', NAME_LEN)) {
        return false;
    }
    memcpy(&a->key_bits, attr->data + NAME_LEN, sizeof a->key_bits);
    if (fixed >= NAME_LEN + 2 * sizeof(uint32_t)) {
        memcpy(&a->icv_bits, attr->data + NAME_LEN + sizeof a->key_bits,
               sizeof a->icv_bits);
    }
    a->key_len = a->key_bits / 8 + (a->key_bits % 8 != 0);
    if (a->key_len > attr->len - fixed) {
        return false;
    }
    a->name = (const char *) attr->data;
    a->key = attr->data + fixed;
    return true;
}

static bool
algo_decode(const struct xfrm_nl_attr attrs[], bool keys,
            struct xfrm_sa_spec *sa)
{
    struct algo_attr aead, crypt, auth, comp;
    const struct xfrm_algo *algo = NULL;
    size_t crypt_len, auth_len;
    uint8_t key[XFRM_SECRET_MAX];

    if (!algo_attr_decode(&attrs[XFRMA_ALG_AEAD],
                          sizeof(struct xfrm_algo_aead), &aead)
        || !algo_attr_decode(&attrs[XFRMA_ALG_CRYPT],
                             sizeof(struct kernel_xfrm_algo), &crypt)
        || !algo_attr_decode(&attrs[XFRMA_ALG_AUTH_TRUNC],
                             sizeof(struct xfrm_algo_auth), &auth)
        || !algo_attr_decode(&attrs[XFRMA_ALG_COMP],
                             sizeof(struct kernel_xfrm_algo), &comp)) {
        return false;
    }

    /* An SA has one of these, a cipher perhaps with integrity. */
    if (!!aead.name + (crypt.name || auth.name) + !!comp.name == 1) {
        struct algo_attr *a = (aead.name ? &aead : comp.name ? &comp
                               : &crypt);

        algo = xfrm_algo_from_kernel(a->name, a->key_bits, auth.name,
                                     auth.key_bits,
                                     aead.name ? aead.icv_bits
                                               : auth.icv_bits);
        crypt = *a;
    }
    if (!algo || algo->proto != sa->proto) {
        return true;
    }

    crypt_len = algo->crypt_key_len + algo->salt_len;
    auth_len = algo->auth_key_len;
    if (crypt.key_len != crypt_len || auth.key_len != auth_len
        || crypt_len + auth_len > sizeof key) {
        return true;
    }
    sa->algo = algo;
    if (keys) {
        if (crypt_len) {
            memcpy(key, crypt.key, crypt_len);
        }
        if (auth_len) {
            memcpy(key + crypt_len, auth.key, auth_len);
        }
        xfrm_secret_init(&sa->key, key, crypt_len + auth_len);
        xfrm_wipe(key, sizeof key);
    }
    return true;
}

static bool
replay_decode(const struct xfrm_nl_attr attrs[],
              const struct xfrm_usersa_info *info, struct xfrm_sa_state *sa)
{
    const struct xfrm_nl_attr *attr = &attrs[XFRMA_REPLAY_ESN_VAL];

    if (attr->data) {
        struct xfrm_replay_state_esn esn;

        if (attr->len < sizeof esn) {
            return false;
        }
        memcpy(&esn, attr->data, sizeof esn);
        sa->spec.replay_window = esn.replay_window;
        sa->oseq = (uint64_t) esn.oseq_hi << 32 | esn.oseq;
        sa->seq = (uint64_t) esn.seq_hi << 32 | esn.seq;
        return true;
    }

    sa->spec.replay_window = info->replay_window;
    attr = &attrs[XFRMA_REPLAY_VAL];
    if (attr->data) {
        struct xfrm_replay_state replay;

        if (attr->len < sizeof replay) {
            return false;
        }
        memcpy(&replay, attr->data, sizeof replay);
        sa->oseq = replay.oseq;
        sa->seq = replay.seq;
    }
    return true;
}

static bool
encap_decode(const struct xfrm_nl_attr *attr, struct xfrm_sa_spec *sa)
{
    struct xfrm_encap_tmpl encap;

    if (!attr->data) {
        return true;
    }
    if (attr->len < sizeof encap) {
        return false;
    }
    memcpy(&encap, attr->data, sizeof encap);
    sa->encap.sport = ntohs(encap.encap_sport);
    sa->encap.dport = ntohs(encap.encap_dport);
    if (encap.encap_type != 2) {
        /* ESP in TCP or the old kind of ESP in UDP. */
        sa->algo = NULL;
    }
    return true;
}

static bool
offload_decode(const struct xfrm_nl_attr *attr, enum xfrm_offload *mode,
               int *ifindex)
{
    struct xfrm_user_offload offload;

    *ifindex = 0;
    *mode = XFRM_OFF_NO;
    if (!attr->data) {
        return true;
    }
    if (attr->len < sizeof offload) {
        return false;
    }
    memcpy(&offload, attr->data, sizeof offload);
    *mode = (offload.flags & NL_OFFLOAD_PACKET
             ? XFRM_OFF_PACKET : XFRM_OFF_CRYPTO);
    *ifindex = MAX(offload.ifindex, 0);
    return true;
}

static uint64_t
limit_decode(uint64_t limit)
{
    return limit == XFRM_INF ? 0 : limit;
}

static bool
sa_decode(const struct xfrm_usersa_info *info,
          const struct xfrm_nl_attr attrs[], bool keys,
          struct xfrm_sa_state *sa, int *offload_ifindex)
{
    struct xfrm_sa_spec *spec = &sa->spec;
    const struct xfrm_nl_attr *attr;
    bool known_mode, known_flags;

    spec->spi = ntohl(info->id.spi);
    spec->proto = info->id.proto;
    spec->src = xfrm_nl_addr_decode(info->family, &info->saddr);
    spec->dst = xfrm_nl_addr_decode(info->family, &info->id.daddr);
    spec->dir = XFRM_DIR_OUT;
    spec->reqid = info->reqid;
    spec->esn = info->flags & XFRM_STATE_ESN;
    spec->lifetime.soft_bytes = limit_decode(info->lft.soft_byte_limit);
    spec->lifetime.hard_bytes = limit_decode(info->lft.hard_byte_limit);
    spec->lifetime.soft_packets = limit_decode(info->lft.soft_packet_limit);
    spec->lifetime.hard_packets = limit_decode(info->lft.hard_packet_limit);
    spec->lifetime.soft_seconds =
        limit_decode(info->lft.soft_add_expires_seconds);
    spec->lifetime.hard_seconds =
        limit_decode(info->lft.hard_add_expires_seconds);
    known_mode = mode_from_kernel(info->mode, &spec->mode);

    sa->bytes = info->curlft.bytes;
    sa->packets = info->curlft.packets;
    sa->added = info->curlft.add_time;
    sa->used = info->curlft.use_time;
    sa->replay_errors = info->stats.replay_window;
    sa->replays = info->stats.replay;
    sa->integrity_failed = info->stats.integrity_failed;

    /* Messages don't tell the state, but these are the conditions for
     * "expired"; acquire states have been sorted out by the caller. */
    sa->valid = (sa->bytes < info->lft.hard_byte_limit
                 && sa->packets < info->lft.hard_packet_limit);

    if (!xfrm_nl_sel_decode(&info->sel, &spec->sel)
        || !replay_decode(attrs, info, sa)
        || !xfrm_nl_mark_decode(attrs, &spec->mark)
        || !set_mark_decode(attrs, &spec->output_mark)
        || !flags_decode(attrs, info->flags, &spec->flags, &known_flags)
        || !offload_decode(&attrs[XFRMA_OFFLOAD_DEV], &spec->offload,
                           offload_ifindex)) {
        return false;
    }

    attr = &attrs[NL_SA_DIR];
    if (attr->data) {
        if (attr->len < 1) {
            return false;
        }
        spec->dir = attr->data[0] == NL_SA_DIR_IN ? XFRM_DIR_IN
                                                  : XFRM_DIR_OUT;
    }

    /* Last, since it allocates. */
    if (!algo_decode(attrs, keys, spec)) {
        return false;
    }
    if (!encap_decode(&attrs[XFRMA_ENCAP], spec)) {
        xfrm_sa_spec_destroy(spec);
        return false;
    }
    if (!known_mode || !known_flags) {
        spec->algo = NULL;
    }
    return true;
}

int
xfrm_nl_parse_sa(const void *msg, size_t len, bool keys,
                 struct xfrm_sa_state *sa, int *offload_ifindex)
{
    struct xfrm_nl_attr attrs[XFRM_NL_N_ATTRS];
    struct xfrm_usersa_info info;
    uint32_t if_id;

    switch (xfrm_nl_msg_type(msg, &len)) {
    case 0:
        return EBADMSG;
    case XFRM_MSG_NEWSA:
    case XFRM_MSG_UPDSA:
        break;
    default:
        return ENODATA;
    }
    if (!xfrm_nl_msg_open(msg, len, &info, sizeof info, attrs)
        || !xfrm_nl_if_id_decode(attrs, &if_id)) {
        return EBADMSG;
    }
    if (!if_id || !info.id.spi || !xfrm_nl_proto_is_ours(info.id.proto)) {
        /* Without if_id it is not for an XFRM interface, and without SPI it
         * is what the kernel remembers an acquire by.  Of other protocols are
         * the states that it puts beside IPComp in tunnel mode, and nobody
         * else can make or remove those. */
        return ENODATA;
    }
    if (!xfrm_nl_family_is_ip(info.family)) {
        return EBADMSG;
    }

    memset(sa, 0, sizeof *sa);
    sa->spec.if_id = if_id;
    return sa_decode(&info, attrs, keys, sa, offload_ifindex) ? 0 : EBADMSG;
}

bool
xfrm_nl_template_decode(const struct xfrm_user_tmpl *ut,
                        struct xfrm_template *t)
{
    memset(t, 0, sizeof *t);
    if (!xfrm_nl_family_is_ip(ut->family)) {
        return false;
    }
    t->src = xfrm_nl_addr_decode(ut->family, &ut->saddr);
    t->dst = xfrm_nl_addr_decode(ut->family, &ut->id.daddr);

    /* All zero is the kernel's "any", which a spec writes as no address. */
    if (xfrm_addr_is_any(&t->src)) {
        memset(&t->src, 0, sizeof t->src);
    }
    if (xfrm_addr_is_any(&t->dst)) {
        memset(&t->dst, 0, sizeof t->dst);
    }
    t->reqid = ut->reqid;
    t->spi = ntohl(ut->id.spi);
    t->proto = ut->id.proto;
    t->optional = ut->optional;
    if (!mode_from_kernel(ut->mode, &t->mode)
        || ut->share != XFRM_SHARE_ANY
        || ut->aalgos != UINT32_MAX || ut->ealgos != UINT32_MAX
        || ut->calgos != UINT32_MAX) {
        t->proto = 0;
    }
    return true;
}

int
xfrm_nl_parse_policy(const void *msg, size_t len,
                     struct xfrm_policy_spec *policy, int *offload_ifindex)
{
    struct xfrm_nl_attr attrs[XFRM_NL_N_ATTRS];
    struct xfrm_userpolicy_info info;
    const struct xfrm_nl_attr *attr;
    uint32_t if_id;

    switch (xfrm_nl_msg_type(msg, &len)) {
    case 0:
        return EBADMSG;
    case XFRM_MSG_NEWPOLICY:
    case XFRM_MSG_UPDPOLICY:
        break;
    default:
        return ENODATA;
    }
    if (!xfrm_nl_msg_open(msg, len, &info, sizeof info, attrs)
        || !xfrm_nl_if_id_decode(attrs, &if_id)) {
        return EBADMSG;
    }

    memset(policy, 0, sizeof *policy);
    attr = &attrs[XFRMA_POLICY_TYPE];
    if (!if_id || !xfrm_nl_dir_decode(info.dir, &policy->dir)
        || (attr->data && attr->len && attr->data[0] != 0)) {
        /* Not for an XFRM interface, or of one socket, or of the kind that
         * MIPv6 has ("sub"). */
        return ENODATA;
    }
    policy->if_id = if_id;
    if (!xfrm_nl_sel_decode(&info.sel, &policy->sel)
        || !xfrm_nl_mark_decode(attrs, &policy->mark)
        || !offload_decode(&attrs[XFRMA_OFFLOAD_DEV], &policy->offload,
                           offload_ifindex)) {
        return EBADMSG;
    }
    policy->index = info.index;
    policy->priority = info.priority;
    policy->action = (info.action == XFRM_POLICY_ALLOW
                      ? XFRM_ACTION_PROTECT : XFRM_ACTION_DISCARD);

    attr = &attrs[XFRMA_TMPL];
    if (attr->data) {
        struct xfrm_user_tmpl ut;
        size_t n = attr->len / sizeof ut;

        if (attr->len % sizeof ut || n > XFRM_MAX_TEMPLATES) {
            return EBADMSG;
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(&ut, attr->data + i * sizeof ut, sizeof ut);
            if (!xfrm_nl_template_decode(&ut, &policy->templates[i])) {
                return EBADMSG;
            }
        }
        policy->n_templates = n;
    }
    return 0;
}

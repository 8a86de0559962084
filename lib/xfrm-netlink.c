/* SPDX-License-Identifier: Apache-2.0 */

/* NETLINK_XFRM: SAs and policies to messages (see xfrm-netlink.h; the way back
 * is in xfrm-netlink-parse.c).
 *
 * Below xfrm-backend-kernel, above xfrm-spec. */

#include <config.h>

#include "xfrm-netlink.h"

#include <errno.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "util.h"
#include "xfrm-netlink-uapi.h"

const uint8_t xfrm_nl_modes[XFRM_SPEC_N_MODES] = {
    [XFRM_SPEC_TUNNEL] = XFRM_MODE_TUNNEL,
    [XFRM_SPEC_TRANSPORT] = XFRM_MODE_TRANSPORT,
    [XFRM_SPEC_BEET] = XFRM_MODE_BEET,
};

const uint8_t xfrm_nl_dirs[XFRM_N_DIRS] = {
    [XFRM_DIR_IN] = XFRM_POLICY_IN,
    [XFRM_DIR_OUT] = XFRM_POLICY_OUT,
    [XFRM_DIR_FWD] = XFRM_POLICY_FWD,
};

const struct xfrm_nl_flag xfrm_nl_flags[XFRM_NL_N_FLAGS] = {
    { XFRM_SA_NOECN, XFRM_STATE_NOECN, 0 },
    { XFRM_SA_DECAP_DSCP, XFRM_STATE_DECAP_DSCP, 0 },
    { XFRM_SA_DONT_ENCAP_DSCP, 0, XFRM_SA_XFLAG_DONT_ENCAP_DSCP },
    { XFRM_SA_NOPMTUDISC, XFRM_STATE_NOPMTUDISC, 0 },
    { XFRM_SA_ICMP, XFRM_STATE_ICMP, 0 },
    { XFRM_SA_OSEQ_MAY_WRAP, 0, NL_XFLAG_OSEQ_MAY_WRAP },
};

/* ## Addresses and selectors. ## */

static xfrm_address_t
addr_encode(const struct xfrm_addr *addr)
{
    xfrm_address_t a;

    memset(&a, 0, sizeof a);
    if (addr->family == AF_INET) {
        a.a4 = addr->ip4;
    } else if (addr->family == AF_INET6) {
        memcpy(&a, &addr->ip6, sizeof addr->ip6);
    }
    return a;
}

static struct xfrm_selector
sel_encode(const struct xfrm_sel *sel)
{
    struct xfrm_selector s;

    memset(&s, 0, sizeof s);
    s.family = sel->src.addr.family;
    if (s.family != AF_UNSPEC) {
        s.saddr = addr_encode(&sel->src.addr);
        s.daddr = addr_encode(&sel->dst.addr);
        s.prefixlen_s = sel->src.plen;
        s.prefixlen_d = sel->dst.plen;
        s.sport = sel->sport;
        s.sport_mask = sel->sport_mask;
        s.dport = sel->dport;
        s.dport_mask = sel->dport_mask;
        s.proto = sel->proto;
    }
    return s;
}

/* ## Encoding. ## */

/* Starts 'msg' anew as a request of 'type' whose body is 'len' bytes at
 * 'body'. */
static int
msg_start(struct nl_msg *msg, int type, int flags, const void *body,
          size_t len)
{
    struct nlmsghdr *nlh = nlmsg_hdr(msg);

    nlh->nlmsg_len = NLMSG_HDRLEN;
    nlh = nlmsg_put(msg, 0, 0, type, 0, NLM_F_REQUEST | flags);
    if (!nlh) {
        return EMSGSIZE;
    }
    return len && nlmsg_append(msg, (void *) body, len, NLMSG_ALIGNTO)
           ? EMSGSIZE : 0;
}

/* Appends an attribute of 'len' zero bytes for the caller to fill in, which
 * spares a copy of key material. */
static void *
put_zero(struct nl_msg *msg, int type, size_t len)
{
    struct nlattr *nla = nla_reserve(msg, type, len);

    if (!nla) {
        return NULL;
    }
    memset(nla_data(nla), 0, len);
    return nla_data(nla);
}

static int
put(struct nl_msg *msg, int type, const void *data, size_t len)
{
    return nla_put(msg, type, len, data) ? EMSGSIZE : 0;
}

/* An algorithm without a length of its ICV, 'type' being its attribute. */
static int
put_plain_algo(struct nl_msg *msg, int type, const char *name,
               const uint8_t *key, size_t key_len)
{
    struct kernel_xfrm_algo *plain;

    plain = put_zero(msg, type, sizeof *plain + key_len);
    if (!plain) {
        return EMSGSIZE;
    }
    ovs_strlcpy(plain->alg_name, name, sizeof plain->alg_name);
    plain->alg_key_len = key_len * 8;
    if (key_len) {
        memcpy(plain->alg_key, key, key_len);
    }
    return 0;
}

static int
put_aead(struct nl_msg *msg, const struct xfrm_algo *algo,
         const uint8_t *key, size_t key_len)
{
    struct xfrm_algo_aead *aead;

    aead = put_zero(msg, XFRMA_ALG_AEAD, sizeof *aead + key_len);
    if (!aead) {
        return EMSGSIZE;
    }
    ovs_strlcpy(aead->alg_name, algo->crypt_name, sizeof aead->alg_name);
    aead->alg_key_len = key_len * 8;
    aead->alg_icv_len = algo->icv_len * 8;
    if (key_len) {
        memcpy(aead->alg_key, key, key_len);
    }
    return 0;
}

static int
put_auth(struct nl_msg *msg, const struct xfrm_algo *algo, const uint8_t *key)
{
    size_t key_len = algo->auth_key_len;
    struct xfrm_algo_auth *auth;

    auth = put_zero(msg, XFRMA_ALG_AUTH_TRUNC, sizeof *auth + key_len);
    if (!auth) {
        return EMSGSIZE;
    }
    ovs_strlcpy(auth->alg_name, algo->auth_name, sizeof auth->alg_name);
    auth->alg_key_len = key_len * 8;
    auth->alg_trunc_len = algo->icv_len * 8;
    if (key_len) {
        memcpy(auth->alg_key, key, key_len);
    }
    return 0;
}

static int
put_algo(struct nl_msg *msg, const struct xfrm_sa_spec *sa)
{
    const struct xfrm_algo *algo = sa->algo;
    size_t crypt_len = algo->crypt_key_len + algo->salt_len;
    const uint8_t *key = sa->key.data;
    int error;

    if (sa->key.len != xfrm_algo_key_len(algo) || algo->proto != sa->proto) {
        return EINVAL;
    }
    switch (algo->kind) {
    case XFRM_ALGO_AEAD:
        return put_aead(msg, algo, key, crypt_len);
    case XFRM_ALGO_CIPHER_AUTH:
        error = put_plain_algo(msg, XFRMA_ALG_CRYPT, algo->crypt_name, key,
                               crypt_len);
        return error ? error : put_auth(msg, algo, key + crypt_len);
    case XFRM_ALGO_AUTH:
        return put_auth(msg, algo, key);
    case XFRM_ALGO_COMP:
        return put_plain_algo(msg, XFRMA_ALG_COMP, algo->crypt_name, key, 0);
    }
    return EINVAL;
}

/* The counters of an SA that starts past zero also get a full bitmap: nothing
 * is known about the numbers at and below 'start_seq', so that all of them
 * count as seen. */
static int
put_replay(struct nl_msg *msg, const struct xfrm_op *op, bool bitmap)
{
    const struct xfrm_sa_spec *sa = op->sa;

    if (!sa->esn
        && (op->start_oseq > UINT32_MAX || op->start_seq > UINT32_MAX)) {
        return EOVERFLOW;
    }

    if (bitmap) {
        /* The kernel refuses an ESN SA without a window, even one that only
         * sends. */
        uint32_t window = MAX(sa->replay_window, 1);
        size_t words = DIV_ROUND_UP(window, 32);
        struct xfrm_replay_state_esn *esn;

        if (window > XFRM_REPLAY_WINDOW_MAX) {
            return EINVAL;
        }
        esn = put_zero(msg, XFRMA_REPLAY_ESN_VAL,
                       sizeof *esn + words * sizeof esn->bmp[0]);
        if (!esn) {
            return EMSGSIZE;
        }
        esn->bmp_len = words;
        esn->replay_window = window;
        esn->oseq = op->start_oseq;
        esn->oseq_hi = op->start_oseq >> 32;
        esn->seq = op->start_seq;
        esn->seq_hi = op->start_seq >> 32;
        if (op->start_seq) {
            memset(esn->bmp, 0xff, words * sizeof esn->bmp[0]);
        }
        return 0;
    } else if (op->start_oseq || op->start_seq) {
        struct xfrm_replay_state replay = {
            .oseq = op->start_oseq,
            .seq = op->start_seq,
            .bitmap = op->start_seq ? UINT32_MAX : 0,
        };

        return put(msg, XFRMA_REPLAY_VAL, &replay, sizeof replay);
    } else {
        return 0;
    }
}

/* Marks that look something up. */
static int
put_mark(struct nl_msg *msg, const struct xfrm_mark *mark)
{
    struct kernel_xfrm_mark km = { .v = mark->value, .m = mark->mask };

    return mark->mask ? put(msg, XFRMA_MARK, &km, sizeof km) : 0;
}

static int
put_u32(struct nl_msg *msg, int type, uint32_t value)
{
    return value ? put(msg, type, &value, sizeof value) : 0;
}

static int
put_set_mark(struct nl_msg *msg, const struct xfrm_mark *mark)
{
    int error = 0;

    if (mark->mask) {
        /* Zero is a value, too. */
        error = put(msg, XFRMA_SET_MARK, &mark->value, sizeof mark->value);
        if (!error) {
            error = put(msg, XFRMA_SET_MARK_MASK, &mark->mask,
                        sizeof mark->mask);
        }
    }
    return error;
}

static uint64_t
limit_encode(uint64_t limit)
{
    return limit ? limit : XFRM_INF;
}

static int
encode_sa_add(struct nl_msg *msg, const struct xfrm_op *op,
              int offload_ifindex)
{
    const struct xfrm_sa_spec *sa = op->sa;
    const struct xfrm_lifetime *lt = &sa->lifetime;
    bool bitmap = sa->esn || sa->replay_window > 32;
    struct xfrm_usersa_info info;
    uint32_t extra_flags = 0;
    int error;

    if (!sa->algo) {
        return EINVAL;
    }

    memset(&info, 0, sizeof info);
    info.sel = sel_encode(&sa->sel);
    info.id.daddr = addr_encode(&sa->dst);
    info.id.spi = htonl(sa->spi);
    info.id.proto = sa->proto;
    info.saddr = addr_encode(&sa->src);
    info.lft.soft_byte_limit = limit_encode(lt->soft_bytes);
    info.lft.hard_byte_limit = limit_encode(lt->hard_bytes);
    info.lft.soft_packet_limit = limit_encode(lt->soft_packets);
    info.lft.hard_packet_limit = limit_encode(lt->hard_packets);
    info.lft.soft_add_expires_seconds = lt->soft_seconds;
    info.lft.hard_add_expires_seconds = lt->hard_seconds;
    info.reqid = sa->reqid;
    info.family = sa->dst.family;
    info.mode = xfrm_nl_modes[sa->mode];
    info.replay_window = bitmap ? 0 : sa->replay_window;
    if (sa->sel.src.addr.family == AF_UNSPEC) {
        /* Otherwise the kernel puts the outer family into the selector, and a
         * tunnel carries no more than that one. */
        info.flags |= XFRM_STATE_AF_UNSPEC;
    }
    if (sa->esn) {
        info.flags |= XFRM_STATE_ESN;
    }
    for (size_t i = 0; i < XFRM_NL_N_FLAGS; i++) {
        const struct xfrm_nl_flag *f = &xfrm_nl_flags[i];

        if (sa->flags & f->flag) {
            info.flags |= f->state_flag;
            extra_flags |= f->extra_flag;
        }
    }

    error = msg_start(msg, XFRM_MSG_NEWSA, NLM_F_ACK | NLM_F_CREATE
                                           | NLM_F_EXCL, &info, sizeof info);
    if (!error) {
        error = put_algo(msg, sa);
    }
    if (!error) {
        error = put_replay(msg, op, bitmap);
    }
    if (!error && (sa->encap.sport || sa->encap.dport)) {
        struct xfrm_encap_tmpl *encap;

        encap = put_zero(msg, XFRMA_ENCAP, sizeof *encap);
        if (encap) {
            encap->encap_type = 2;      /* UDP_ENCAP_ESPINUDP, RFC 3948. */
            encap->encap_sport = htons(sa->encap.sport);
            encap->encap_dport = htons(sa->encap.dport);
        } else {
            error = EMSGSIZE;
        }
    }
    if (!error) {
        error = put_mark(msg, &sa->mark);
    }
    if (!error) {
        error = put_set_mark(msg, &sa->output_mark);
    }
    if (!error) {
        error = put_u32(msg, XFRMA_SA_EXTRA_FLAGS, extra_flags);
    }
    if (!error) {
        error = put_u32(msg, XFRMA_IF_ID, sa->if_id);
    }
    if (!error && sa->offload != XFRM_OFF_NO) {
        struct xfrm_user_offload offload;

        memset(&offload, 0, sizeof offload);
        offload.ifindex = offload_ifindex;
        offload.flags =
            (sa->dir == XFRM_DIR_IN ? XFRM_OFFLOAD_INBOUND : 0)
            | (sa->offload == XFRM_OFF_PACKET ? NL_OFFLOAD_PACKET : 0);
        error = put(msg, XFRMA_OFFLOAD_DEV, &offload, sizeof offload);
    }
    return error;
}

/* A request of 'type' that names one SA. */
static int
encode_sa_id(struct nl_msg *msg, int type, const struct xfrm_addr *dst,
             uint32_t spi, uint8_t proto, const struct xfrm_mark *mark)
{
    struct xfrm_usersa_id id;
    int error;

    memset(&id, 0, sizeof id);
    id.daddr = addr_encode(dst);
    id.spi = htonl(spi);
    id.family = dst->family;
    id.proto = proto;
    error = msg_start(msg, type, NLM_F_ACK, &id, sizeof id);
    return error ? error : put_mark(msg, mark);
}

static int
encode_policy_set(struct nl_msg *msg, const struct xfrm_policy_spec *policy,
                  int offload_ifindex)
{
    uint16_t family = policy->sel.src.addr.family;
    struct xfrm_userpolicy_info info;
    int error;

    if (policy->n_templates > XFRM_MAX_TEMPLATES) {
        return EINVAL;
    }

    memset(&info, 0, sizeof info);
    info.sel = sel_encode(&policy->sel);
    info.lft.soft_byte_limit = XFRM_INF;
    info.lft.hard_byte_limit = XFRM_INF;
    info.lft.soft_packet_limit = XFRM_INF;
    info.lft.hard_packet_limit = XFRM_INF;
    info.index = policy->index;
    info.priority = policy->priority;
    info.dir = xfrm_nl_dirs[policy->dir];
    info.action = (policy->action == XFRM_ACTION_PROTECT
                   ? XFRM_POLICY_ALLOW : XFRM_POLICY_BLOCK);
    info.share = XFRM_SHARE_ANY;

    error = msg_start(msg, XFRM_MSG_UPDPOLICY, NLM_F_ACK | NLM_F_CREATE
                                               | NLM_F_REPLACE,
                      &info, sizeof info);
    if (!error && policy->n_templates) {
        struct xfrm_user_tmpl *tmpls;

        tmpls = put_zero(msg, XFRMA_TMPL,
                         policy->n_templates * sizeof *tmpls);
        if (!tmpls) {
            return EMSGSIZE;
        }
        for (size_t i = 0; i < policy->n_templates; i++) {
            const struct xfrm_template *t = &policy->templates[i];
            struct xfrm_user_tmpl *ut = &tmpls[i];

            ut->id.daddr = addr_encode(&t->dst);
            ut->id.spi = htonl(t->spi);
            ut->id.proto = t->proto;
            ut->saddr = addr_encode(&t->src);
            /* Without addresses, that of the packets that it gets. */
            family = (t->dst.family ? t->dst.family
                      : t->src.family ? t->src.family : family);
            ut->family = family;
            ut->optional = t->optional;
            ut->reqid = t->reqid;
            ut->mode = xfrm_nl_modes[t->mode];
            ut->share = XFRM_SHARE_ANY;
            ut->aalgos = UINT32_MAX;
            ut->ealgos = UINT32_MAX;
            ut->calgos = UINT32_MAX;
        }
    }
    if (!error) {
        error = put_mark(msg, &policy->mark);
    }
    if (!error) {
        error = put_u32(msg, XFRMA_IF_ID, policy->if_id);
    }
    if (!error && policy->offload != XFRM_OFF_NO) {
        struct xfrm_user_offload offload;

        memset(&offload, 0, sizeof offload);
        offload.ifindex = offload_ifindex;
        offload.flags = NL_OFFLOAD_PACKET;
        error = put(msg, XFRMA_OFFLOAD_DEV, &offload, sizeof offload);
    }
    return error;
}

/* A request of 'type' that names one policy. */
static int
encode_policy_id(struct nl_msg *msg, int type,
                 const struct xfrm_policy_spec *policy)
{
    struct xfrm_userpolicy_id id;
    int error;

    memset(&id, 0, sizeof id);
    id.sel = sel_encode(&policy->sel);
    id.dir = xfrm_nl_dirs[policy->dir];
    error = msg_start(msg, type, NLM_F_ACK, &id, sizeof id);
    if (!error) {
        error = put_mark(msg, &policy->mark);
    }
    return error ? error : put_u32(msg, XFRMA_IF_ID, policy->if_id);
}

int
xfrm_nl_encode_op(struct nl_msg *msg, const struct xfrm_op *op,
                  int offload_ifindex)
{
    switch (op->type) {
    case XFRM_OP_SA_ADD:
        return encode_sa_add(msg, op, offload_ifindex);
    case XFRM_OP_SA_DEL:
        return encode_sa_id(msg, XFRM_MSG_DELSA, &op->sa->dst, op->sa->spi,
                            op->sa->proto, &op->sa->mark);
    case XFRM_OP_POLICY_SET:
        return encode_policy_set(msg, op->policy, offload_ifindex);
    case XFRM_OP_POLICY_DEL:
        return encode_policy_id(msg, XFRM_MSG_DELPOLICY, op->policy);
    }
    return EINVAL;
}

int
xfrm_nl_encode_get_sa(struct nl_msg *msg, const struct xfrm_addr *dst,
                      uint32_t spi, uint8_t proto,
                      const struct xfrm_mark *mark)
{
    return encode_sa_id(msg, XFRM_MSG_GETSA, dst, spi, proto, mark);
}

int
xfrm_nl_encode_alloc_spi(struct nl_msg *msg, const struct xfrm_event *acquire)
{
    bool comp = acquire->proto == IPPROTO_COMP;
    struct xfrm_userspi_info spi;
    int error;

    memset(&spi, 0, sizeof spi);
    spi.info.family = acquire->dst.family;
    spi.info.saddr = addr_encode(&acquire->src);
    spi.info.id.daddr = addr_encode(&acquire->dst);
    spi.info.id.proto = acquire->proto;
    spi.info.mode = xfrm_nl_modes[acquire->template.mode];
    spi.info.reqid = acquire->template.reqid;
    spi.info.seq = acquire->seq;
    spi.min = XFRM_SPI_MIN;
    spi.max = comp ? XFRM_CPI_MAX : UINT32_MAX;
    error = msg_start(msg, XFRM_MSG_ALLOCSPI, NLM_F_ACK, &spi, sizeof spi);
    if (!error) {
        error = put_mark(msg, &acquire->mark);
    }
    if (!error) {
        error = put_u32(msg, XFRMA_IF_ID, acquire->if_id);
    }
    return error;
}

int
xfrm_nl_encode_get_policy(struct nl_msg *msg,
                          const struct xfrm_policy_spec *id)
{
    return encode_policy_id(msg, XFRM_MSG_GETPOLICY, id);
}

int
xfrm_nl_encode_dump_sas(struct nl_msg *msg)
{
    /* The kernel expects attributes, if anything, right after the header. */
    return msg_start(msg, XFRM_MSG_GETSA, NLM_F_DUMP, NULL, 0);
}

int
xfrm_nl_encode_dump_policies(struct nl_msg *msg)
{
    return msg_start(msg, XFRM_MSG_GETPOLICY, NLM_F_DUMP, NULL, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What all netlink messages have in common, and rtnetlink: devices, rules and
 * routes (see xfrm-netlink.h).
 *
 * Below xfrm-backend-kernel, above xfrm-spec. */

#include <config.h>

#include "xfrm-netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "util.h"

/* IFLA_XFRM_COLLECT_METADATA came with Linux 6.1. */
enum { NL_XFRM_COLLECT_METADATA = 3 };

/* ## Common parts. ## */

struct nl_msg *
xfrm_nl_msg_new(void)
{
    struct nl_msg *msg = nlmsg_alloc_size(XFRM_NL_MSG_SIZE);

    if (!msg) {
        out_of_memory();
    }
    return msg;
}

/* Wipes and frees 'msg': it may hold keys, and libnl knows nothing of it. */
void
xfrm_nl_msg_destroy(struct nl_msg *msg)
{
    if (msg) {
        xfrm_wipe(nlmsg_hdr(msg), nlmsg_get_max_size(msg));
        nlmsg_free(msg);
    }
}

const void *
xfrm_nl_next(const void **bufp, size_t *lenp, size_t *msg_len)
{
    const uint8_t *msg = *bufp;
    struct nlmsghdr nlh;
    size_t step;

    if (*lenp < sizeof nlh) {
        return NULL;
    }
    memcpy(&nlh, msg, sizeof nlh);
    if (nlh.nlmsg_len < NLMSG_HDRLEN || nlh.nlmsg_len > *lenp) {
        return NULL;
    }

    /* The last message needs no padding. */
    step = MIN(NLMSG_ALIGN((size_t) nlh.nlmsg_len), *lenp);
    *bufp = msg + step;
    *lenp -= step;
    *msg_len = nlh.nlmsg_len;
    return msg;
}

bool
xfrm_nl_attrs(const void *data, size_t len, struct xfrm_nl_attr attrs[],
              size_t n)
{
    const uint8_t *p = data;

    memset(attrs, 0, n * sizeof *attrs);
    while (len >= NLA_HDRLEN) {
        struct nlattr nla;
        uint16_t type;
        size_t step;

        memcpy(&nla, p, sizeof nla);
        if (nla.nla_len < NLA_HDRLEN || nla.nla_len > len) {
            return false;
        }
        type = nla.nla_type & NLA_TYPE_MASK;
        if (type < n) {
            attrs[type].data = p + NLA_HDRLEN;
            attrs[type].len = nla.nla_len - NLA_HDRLEN;
        }
        step = MIN(NLA_ALIGN((size_t) nla.nla_len), len);
        p += step;
        len -= step;
    }

    /* Less than a header left over is padding, if it is zero. */
    for (; len; len--) {
        if (*p++) {
            return false;
        }
    }
    return true;
}

bool
xfrm_nl_attr_u32(const struct xfrm_nl_attr *attr, uint32_t *value)
{
    if (!attr->data || attr->len < sizeof *value) {
        return false;
    }
    memcpy(value, attr->data, sizeof *value);
    return true;
}

/* Copies the string in 'attr', which must fit in 'size' bytes and have a
 * terminator. */
bool
xfrm_nl_attr_string(const struct xfrm_nl_attr *attr, char *s, size_t size)
{
    const uint8_t *end = attr->data ? memchr(attr->data, 0, attr->len) : NULL;
    size_t n;

    s[0] = '\0';
    if (!end) {
        return false;
    }
    n = end - attr->data;
    if (n >= size) {
        return false;
    }
    memcpy(s, attr->data, n + 1);
    return true;
}

/* The kernel's words in the attributes that follow the answer's fixed part.
 * They end up in logs and in the database, so anything odd is replaced. */
static void
parse_extack(const uint8_t *data, size_t len, struct xfrm_nl_answer *answer)
{
    struct xfrm_nl_attr attrs[NLMSGERR_ATTR_MSG + 1];
    const struct xfrm_nl_attr *text = &attrs[NLMSGERR_ATTR_MSG];
    size_t i;

    if (!xfrm_nl_attrs(data, len, attrs, ARRAY_SIZE(attrs)) || !text->data) {
        return;
    }
    for (i = 0; i < text->len && i < sizeof answer->text - 1; i++) {
        uint8_t c = text->data[i];

        if (!c) {
            break;
        }
        answer->text[i] = c >= 0x20 && c < 0x7f ? c : '?';
    }
    answer->text[i] = '\0';
}

enum xfrm_nl_end
xfrm_nl_parse_end(const void *msg_, size_t len, struct xfrm_nl_answer *answer)
{
    const uint8_t *msg = msg_;
    struct nlmsghdr nlh, orig;
    enum xfrm_nl_end end;
    size_t ofs;
    int error;

    memset(answer, 0, sizeof *answer);
    if (len < sizeof nlh) {
        return XFRM_NL_NOISE;
    }
    memcpy(&nlh, msg, sizeof nlh);
    len = MIN(len, nlh.nlmsg_len);

    switch (nlh.nlmsg_type) {
    case NLMSG_ERROR:
        end = XFRM_NL_ACK;
        break;
    case NLMSG_DONE:
        end = XFRM_NL_DONE;
        break;
    case NLMSG_NOOP:
    case NLMSG_OVERRUN:
        return XFRM_NL_NOISE;
    default:
        return XFRM_NL_DATA;
    }

    ofs = NLMSG_HDRLEN + sizeof error;
    if (len < ofs) {
        if (end == XFRM_NL_ACK) {
            answer->error = EBADMSG;
        }
        return end;
    }
    memcpy(&error, msg + NLMSG_HDRLEN, sizeof error);

    /* A dump that ends well says how many bytes it had, or zero. */
    answer->error = error < 0 && error >= -4095 ? -error : 0;
    if (end == XFRM_NL_ACK && error && !answer->error) {
        answer->error = EBADMSG;
    }

    if (end == XFRM_NL_ACK) {
        if (len < ofs + sizeof orig) {
            return end;
        }
        memcpy(&orig, msg + ofs, sizeof orig);
        if (nlh.nlmsg_flags & NLM_F_CAPPED) {
            ofs += sizeof orig;
        } else {
            if (orig.nlmsg_len < sizeof orig
                || orig.nlmsg_len > len - ofs) {
                return end;
            }
            ofs = MIN(ofs + NLMSG_ALIGN((size_t) orig.nlmsg_len), len);
        }
    }
    if (nlh.nlmsg_flags & NLM_F_ACK_TLVS) {
        parse_extack(msg + ofs, len - ofs, answer);
    }
    return end;
}

/* Starts 'msg' anew as a request of 'type' with 'len' bytes of body. */
static int
msg_start(struct nl_msg *msg, int type, int flags, const void *body,
          size_t len)
{
    struct nlmsghdr *nlh = nlmsg_hdr(msg);

    nlh->nlmsg_len = NLMSG_HDRLEN;
    nlh = nlmsg_put(msg, 0, 0, type, 0, NLM_F_REQUEST | flags);
    return (!nlh || nlmsg_append(msg, (void *) body, len, NLMSG_ALIGNTO)
            ? EMSGSIZE : 0);
}

/* Appends an attribute, unless '*error' says that something failed before. */
static void
put(struct nl_msg *msg, int *error, int type, const void *data, size_t len)
{
    if (!*error && nla_put(msg, type, len, data)) {
        *error = EMSGSIZE;
    }
}

static void
put_u32(struct nl_msg *msg, int *error, int type, uint32_t value)
{
    put(msg, error, type, &value, sizeof value);
}

static void
put_string(struct nl_msg *msg, int *error, int type, const char *s)
{
    put(msg, error, type, s, strlen(s) + 1);
}

static struct nlattr *
nest_start(struct nl_msg *msg, int *error, int type)
{
    struct nlattr *nest = *error ? NULL : nla_nest_start(msg, type);

    if (!nest && !*error) {
        *error = EMSGSIZE;
    }
    return nest;
}

static void
nest_end(struct nl_msg *msg, int *error, struct nlattr *nest)
{
    if (!*error && nest) {
        nla_nest_end(msg, nest);
    }
}

/* Checks that 'msg' is whole, of 'type', and has a body of at least 'size'
 * bytes, copies those to 'body' and indexes the attributes behind. */
static int
msg_open(const void *msg_, size_t len, uint16_t type, void *body, size_t size,
         struct xfrm_nl_attr attrs[], size_t n)
{
    const uint8_t *msg = msg_;
    struct nlmsghdr nlh;
    size_t ofs;

    if (len < sizeof nlh) {
        return EBADMSG;
    }
    memcpy(&nlh, msg, sizeof nlh);
    if (nlh.nlmsg_len < NLMSG_HDRLEN || nlh.nlmsg_len > len) {
        return EBADMSG;
    }
    if (nlh.nlmsg_type != type) {
        return ENODATA;
    }
    len = nlh.nlmsg_len;
    if (len < NLMSG_HDRLEN + size) {
        return EBADMSG;
    }
    memcpy(body, msg + NLMSG_HDRLEN, size);
    ofs = MIN(NLMSG_HDRLEN + NLMSG_ALIGN(size), len);
    return xfrm_nl_attrs(msg + ofs, len - ofs, attrs, n) ? 0 : EBADMSG;
}

/* ## Devices. ## */

static void
put_linkinfo(struct nl_msg *msg, int *error, uint32_t if_id, int dev_ifindex)
{
    struct nlattr *info, *data;

    info = nest_start(msg, error, IFLA_LINKINFO);
    put_string(msg, error, IFLA_INFO_KIND, "xfrm");
    data = nest_start(msg, error, IFLA_INFO_DATA);
    if (dev_ifindex) {
        put_u32(msg, error, IFLA_XFRM_LINK, dev_ifindex);
    }
    put_u32(msg, error, IFLA_XFRM_IF_ID, if_id);
    nest_end(msg, error, data);
    nest_end(msg, error, info);
}

int
xfrm_nl_encode_link_new(struct nl_msg *msg, const struct xfrm_link_spec *spec,
                        int dev_ifindex)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
    int error;

    error = msg_start(msg, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                      &ifi, sizeof ifi);
    put_string(msg, &error, IFLA_IFNAME, spec->name);
    put_linkinfo(msg, &error, spec->if_id, dev_ifindex);
    return error;
}

int
xfrm_nl_encode_link_if_id(struct nl_msg *msg, int ifindex, uint32_t if_id,
                          int dev_ifindex)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
                             .ifi_index = ifindex };
    int error;

    error = msg_start(msg, RTM_NEWLINK, NLM_F_ACK, &ifi, sizeof ifi);
    put_linkinfo(msg, &error, if_id, dev_ifindex);
    return error;
}

int
xfrm_nl_encode_link_quiet(struct nl_msg *msg, int ifindex)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
                             .ifi_index = ifindex };
    const uint8_t none = 1;     /* IN6_ADDR_GEN_MODE_NONE */
    struct nlattr *spec, *inet6;
    int error;

    error = msg_start(msg, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof ifi);
    spec = nest_start(msg, &error, IFLA_AF_SPEC);
    inet6 = nest_start(msg, &error, AF_INET6);
    put(msg, &error, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
    nest_end(msg, &error, inet6);
    nest_end(msg, &error, spec);
    return error;
}

int
xfrm_nl_encode_link_set(struct nl_msg *msg, int ifindex, const char *alias,
                        bool up, int mtu)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
                             .ifi_index = ifindex };
    int error;

    if (up) {
        ifi.ifi_flags = IFF_UP;
        ifi.ifi_change = IFF_UP;
    }
    error = msg_start(msg, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof ifi);
    if (alias) {
        put_string(msg, &error, IFLA_IFALIAS, alias);
    }
    if (mtu) {
        put_u32(msg, &error, IFLA_MTU, mtu);
    }
    return error;
}

int
xfrm_nl_encode_link_del(struct nl_msg *msg, int ifindex)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
                             .ifi_index = ifindex };

    return msg_start(msg, RTM_DELLINK, NLM_F_ACK, &ifi, sizeof ifi);
}

int
xfrm_nl_encode_link_get(struct nl_msg *msg, const char *name, int ifindex)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
                             .ifi_index = name ? 0 : ifindex };
    int error;

    error = msg_start(msg, RTM_GETLINK, NLM_F_ACK, &ifi, sizeof ifi);
    if (name) {
        put_string(msg, &error, IFLA_IFNAME, name);
    }
    return error;
}

/* Lists only devices of kind "xfrm" where the kernel can filter, otherwise
 * all. */
int
xfrm_nl_encode_link_dump(struct nl_msg *msg)
{
    struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
    struct nlattr *info;
    int error;

    error = msg_start(msg, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof ifi);
    info = nest_start(msg, &error, IFLA_LINKINFO);
    put_string(msg, &error, IFLA_INFO_KIND, "xfrm");
    nest_end(msg, &error, info);
    return error;
}

static int
parse_linkinfo(const struct xfrm_nl_attr *attr, struct xfrm_link_state *link,
               int *dev_ifindex)
{
    struct xfrm_nl_attr info[IFLA_INFO_DATA + 1];
    struct xfrm_nl_attr data[NL_XFRM_COLLECT_METADATA + 1];
    char kind[32];
    uint32_t dev;

    if (!attr->data) {
        return 0;
    }
    if (!xfrm_nl_attrs(attr->data, attr->len, info, ARRAY_SIZE(info))) {
        return EBADMSG;
    }
    if (!xfrm_nl_attr_string(&info[IFLA_INFO_KIND], kind, sizeof kind)
        || strcmp(kind, "xfrm")) {
        return 0;
    }

    link->is_xfrm = true;
    attr = &info[IFLA_INFO_DATA];
    if (!attr->data) {
        return 0;
    }
    if (!xfrm_nl_attrs(attr->data, attr->len, data, ARRAY_SIZE(data))) {
        return EBADMSG;
    }
    if (data[IFLA_XFRM_IF_ID].data
        && !xfrm_nl_attr_u32(&data[IFLA_XFRM_IF_ID], &link->spec.if_id)) {
        return EBADMSG;
    }
    if (data[IFLA_XFRM_LINK].data) {
        if (!xfrm_nl_attr_u32(&data[IFLA_XFRM_LINK], &dev)
            || dev > INT32_MAX) {
            return EBADMSG;
        }
        *dev_ifindex = dev;
    }
    link->external = data[NL_XFRM_COLLECT_METADATA].data != NULL;
    return 0;
}

int
xfrm_nl_parse_link(const void *msg, size_t len, struct xfrm_link_state *link,
                   int *dev_ifindex)
{
    struct xfrm_nl_attr attrs[IFLA_LINK_NETNSID + 1];
    char alias[sizeof XFRM_LINK_ALIAS];
    struct ifinfomsg ifi;
    uint32_t mtu = 0;
    int error;

    *dev_ifindex = 0;
    memset(link, 0, sizeof *link);
    error = msg_open(msg, len, RTM_NEWLINK, &ifi, sizeof ifi, attrs,
                     ARRAY_SIZE(attrs));
    if (error) {
        return error;
    }
    if (ifi.ifi_family != AF_UNSPEC) {
        return ENODATA;         /* Bridge ports and the like. */
    }
    if (ifi.ifi_index <= 0
        || !xfrm_nl_attr_string(&attrs[IFLA_IFNAME], link->spec.name,
                                sizeof link->spec.name)
        || (attrs[IFLA_MTU].data
            && !xfrm_nl_attr_u32(&attrs[IFLA_MTU], &mtu))) {
        return EBADMSG;
    }
    link->ifindex = ifi.ifi_index;
    link->up = ifi.ifi_flags & IFF_UP;
    link->mtu = MIN(mtu, INT32_MAX);

    error = parse_linkinfo(&attrs[IFLA_LINKINFO], link, dev_ifindex);
    if (error) {
        return error;
    }
    link->ours = (link->is_xfrm
                  && xfrm_nl_attr_string(&attrs[IFLA_IFALIAS], alias,
                                         sizeof alias)
                  && !strcmp(alias, XFRM_LINK_ALIAS));
    if (*dev_ifindex && attrs[IFLA_LINK_NETNSID].data) {
        ovs_strlcpy(link->spec.dev, "?", sizeof link->spec.dev);
    }
    return 0;
}

/* ## Rules. ## */

int
xfrm_nl_encode_rule(struct nl_msg *msg, const struct xfrm_nl_rule *rule,
                    bool add)
{
    struct fib_rule_hdr frh = {
        .family = rule->family,
        .table = RT_TABLE_UNSPEC,
        .action = FR_ACT_TO_TBL,
    };
    uint8_t proto = XFRM_ROUTE_PROTO;
    int error;

    error = msg_start(msg, add ? RTM_NEWRULE : RTM_DELRULE,
                      NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0),
                      &frh, sizeof frh);
    put_string(msg, &error, FRA_OIFNAME, rule->oif);
    put_u32(msg, &error, FRA_TABLE, XFRM_ROUTE_TABLE);
    put_u32(msg, &error, FRA_PRIORITY, rule->priority);
    put(msg, &error, FRA_PROTOCOL, &proto, sizeof proto);
    return error;
}

int
xfrm_nl_encode_rule_dump(struct nl_msg *msg, uint8_t family)
{
    struct fib_rule_hdr frh = { .family = family };

    return msg_start(msg, RTM_GETRULE, NLM_F_DUMP, &frh, sizeof frh);
}

int
xfrm_nl_parse_rule(const void *msg, size_t len, struct xfrm_nl_rule *rule)
{
    struct xfrm_nl_attr attrs[FRA_PROTOCOL + 1];
    struct fib_rule_hdr frh;
    uint32_t table;
    int error;

    memset(rule, 0, sizeof *rule);
    error = msg_open(msg, len, RTM_NEWRULE, &frh, sizeof frh, attrs,
                     ARRAY_SIZE(attrs));
    if (error) {
        return error;
    }
    table = frh.table;
    if ((attrs[FRA_TABLE].data
         && !xfrm_nl_attr_u32(&attrs[FRA_TABLE], &table))
        || (attrs[FRA_PRIORITY].data
            && !xfrm_nl_attr_u32(&attrs[FRA_PRIORITY], &rule->priority))) {
        return EBADMSG;
    }
    if ((frh.family != AF_INET && frh.family != AF_INET6)
        || frh.action != FR_ACT_TO_TBL || frh.flags & FIB_RULE_INVERT
        || frh.src_len || frh.dst_len || table != XFRM_ROUTE_TABLE
        || !attrs[FRA_PROTOCOL].len
        || attrs[FRA_PROTOCOL].data[0] != XFRM_ROUTE_PROTO
        || !xfrm_nl_attr_string(&attrs[FRA_OIFNAME], rule->oif,
                                sizeof rule->oif)) {
        return ENODATA;
    }
    rule->family = frh.family;
    return 0;
}

/* ## Routes. ## */

/* Adding one that exists fails with EEXIST.
 *
 * Several devices share the table.  IPv4 keeps apart two default routes of one
 * table by their metric alone, so each device has one of its own.  IPv6 must
 * have the same metric for all: it looks at the device among equals only, and
 * takes the lowest metric before, whatever device that has. */
int
xfrm_nl_encode_route(struct nl_msg *msg, uint8_t family, int ifindex,
                     bool add)
{
    struct rtmsg rtm = {
        .rtm_family = family,
        .rtm_table = RT_TABLE_UNSPEC,
        .rtm_protocol = XFRM_ROUTE_PROTO,
        .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    int flags = NLM_F_ACK;
    int error;

    if (add) {
        /* NLM_F_EXCL would make IPv6 refuse the second device. */
        flags |= NLM_F_CREATE | (family == AF_INET ? NLM_F_EXCL
                                                   : NLM_F_APPEND);
    }
    error = msg_start(msg, add ? RTM_NEWROUTE : RTM_DELROUTE, flags,
                      &rtm, sizeof rtm);
    put_u32(msg, &error, RTA_TABLE, XFRM_ROUTE_TABLE);
    put_u32(msg, &error, RTA_OIF, ifindex);
    if (family == AF_INET) {
        put_u32(msg, &error, RTA_PRIORITY, ifindex);
    }
    return error;
}

int
xfrm_nl_encode_route_get(struct nl_msg *msg, const struct xfrm_addr *src,
                         const struct xfrm_addr *dst)
{
    size_t len = xfrm_addr_len(dst->family);
    struct rtmsg rtm = {
        .rtm_family = dst->family,
        .rtm_dst_len = len * 8,
        .rtm_src_len = src->family == dst->family ? len * 8 : 0,
    };
    int error;

    error = msg_start(msg, RTM_GETROUTE, NLM_F_ACK, &rtm, sizeof rtm);
    put(msg, &error, RTA_DST, &dst->ip6, len);
    if (rtm.rtm_src_len) {
        put(msg, &error, RTA_SRC, &src->ip6, len);
    }
    return error;
}

int
xfrm_nl_parse_route_get(const void *msg, size_t len, int *ifindex,
                        uint32_t *mtu)
{
    struct xfrm_nl_attr metrics[RTAX_MTU + 1];
    struct xfrm_nl_attr attrs[RTA_TABLE + 1];
    struct rtmsg rtm;
    uint32_t oif = 0;
    int error;

    *ifindex = 0;
    *mtu = 0;
    error = msg_open(msg, len, RTM_NEWROUTE, &rtm, sizeof rtm, attrs,
                     ARRAY_SIZE(attrs));
    if (error) {
        return error;
    }
    if (attrs[RTA_OIF].data
        && (!xfrm_nl_attr_u32(&attrs[RTA_OIF], &oif) || oif > INT32_MAX)) {
        return EBADMSG;
    }
    if (attrs[RTA_METRICS].data) {
        if (!xfrm_nl_attrs(attrs[RTA_METRICS].data, attrs[RTA_METRICS].len,
                           metrics, ARRAY_SIZE(metrics))
            || (metrics[RTAX_MTU].data
                && !xfrm_nl_attr_u32(&metrics[RTAX_MTU], mtu))) {
            return EBADMSG;
        }
    }
    *ifindex = oif;
    return 0;
}

/* ## Events. ## */

int
xfrm_nl_parse_rtnl_event(const void *msg, size_t len,
                         struct xfrm_event *event)
{
    struct xfrm_nl_attr attrs[IFLA_IFNAME + 1];
    struct ifinfomsg ifi;
    struct nlmsghdr nlh;
    int error;

    memset(event, 0, sizeof *event);
    if (len < sizeof nlh) {
        return EBADMSG;
    }
    memcpy(&nlh, msg, sizeof nlh);
    switch (nlh.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        error = msg_open(msg, len, nlh.nlmsg_type, &ifi, sizeof ifi, attrs,
                         ARRAY_SIZE(attrs));
        if (error) {
            return error;
        }
        if (ifi.ifi_family != AF_UNSPEC) {
            return ENODATA;
        }
        if (ifi.ifi_index <= 0
            || !xfrm_nl_attr_string(&attrs[IFLA_IFNAME], event->name,
                                    sizeof event->name)) {
            return EBADMSG;
        }
        event->type = XFRM_EVENT_LINK;
        event->ifindex = ifi.ifi_index;
        return 0;

    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_NEWRULE:
    case RTM_DELRULE:
    case RTM_NEWADDR:
    case RTM_DELADDR:
        event->type = XFRM_EVENT_ROUTE;
        return nlh.nlmsg_len >= NLMSG_HDRLEN && nlh.nlmsg_len <= len
               ? 0 : EBADMSG;

    default:
        return ENODATA;
    }
}

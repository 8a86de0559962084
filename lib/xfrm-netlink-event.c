/* SPDX-License-Identifier: Apache-2.0 */

/* NETLINK_XFRM: notifications to events (see xfrm-netlink.h).
 *
 * An event names the object that it is about, so that the engine can look at
 * that one alone.
 *
 * Below xfrm-backend-kernel, beside xfrm-netlink-parse. */

#include <config.h>

#include "xfrm-netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "util.h"
#include "xfrm-netlink-uapi.h"

/* Each decoder of a kind of message returns 0, ENODATA or EBADMSG. */

static int
sa_info_event(const struct xfrm_usersa_info *info, struct xfrm_event *event)
{
    if (!xfrm_nl_family_is_ip(info->family)) {
        return EBADMSG;
    }
    event->src = xfrm_nl_addr_decode(info->family, &info->saddr);
    event->dst = xfrm_nl_addr_decode(info->family, &info->id.daddr);
    event->spi = ntohl(info->id.spi);
    event->proto = info->id.proto;
    event->identified = true;

    /* Acquire states, and what the kernel makes by itself. */
    return (event->spi && xfrm_nl_proto_is_ours(event->proto)
            ? 0 : ENODATA);
}

static int
sa_event(const void *msg, size_t len, struct xfrm_event *event,
         struct xfrm_nl_attr attrs[])
{
    struct xfrm_usersa_info info;

    event->type = XFRM_EVENT_SA;
    return (xfrm_nl_msg_open(msg, len, &info, sizeof info, attrs)
            ? sa_info_event(&info, event) : EBADMSG);
}

static int
sa_del_event(const void *msg, size_t len, struct xfrm_event *event,
             struct xfrm_nl_attr attrs[])
{
    struct xfrm_usersa_id id;

    event->type = XFRM_EVENT_SA;
    event->gone = true;
    if (!xfrm_nl_msg_open(msg, len, &id, sizeof id, attrs)
        || !xfrm_nl_family_is_ip(id.family)) {
        return EBADMSG;
    }
    event->dst = xfrm_nl_addr_decode(id.family, &id.daddr);
    event->spi = ntohl(id.spi);
    event->proto = id.proto;
    event->identified = true;
    return (event->spi && xfrm_nl_proto_is_ours(event->proto)
            ? 0 : ENODATA);
}

static int
expire_event(const void *msg, size_t len, struct xfrm_event *event,
             struct xfrm_nl_attr attrs[])
{
    struct xfrm_user_expire expire;

    event->type = XFRM_EVENT_EXPIRE;
    if (!xfrm_nl_msg_open(msg, len, &expire, sizeof expire, attrs)) {
        return EBADMSG;
    }
    event->hard = expire.hard;
    return sa_info_event(&expire.state, event);
}

static int
policy_info_event(const struct xfrm_userpolicy_info *info,
                  struct xfrm_event *event)
{
    if (!xfrm_nl_dir_decode(info->dir, &event->dir)) {
        return ENODATA;         /* Of a socket. */
    }
    event->identified = true;
    return xfrm_nl_sel_decode(&info->sel, &event->sel) ? 0 : EBADMSG;
}

static int
policy_event(const void *msg, size_t len, struct xfrm_event *event,
             struct xfrm_nl_attr attrs[])
{
    struct xfrm_userpolicy_info info;

    event->type = XFRM_EVENT_POLICY;
    return (xfrm_nl_msg_open(msg, len, &info, sizeof info, attrs)
            ? policy_info_event(&info, event) : EBADMSG);
}

static int
policy_del_event(const void *msg, size_t len, struct xfrm_event *event,
                 struct xfrm_nl_attr attrs[])
{
    const struct xfrm_nl_attr *attr = &attrs[XFRMA_POLICY];
    struct xfrm_userpolicy_id id;

    event->type = XFRM_EVENT_POLICY;
    event->gone = true;
    if (!xfrm_nl_msg_open(msg, len, &id, sizeof id, attrs)) {
        return EBADMSG;
    }
    if (attr->data) {
        /* The whole policy.  The body has only an index if that is how it was
         * deleted. */
        struct xfrm_userpolicy_info info;

        if (attr->len < sizeof info) {
            return EBADMSG;
        }
        memcpy(&info, attr->data, sizeof info);
        return policy_info_event(&info, event);
    }
    if (!xfrm_nl_dir_decode(id.dir, &event->dir)) {
        return ENODATA;
    }
    event->identified = !id.index;
    return xfrm_nl_sel_decode(&id.sel, &event->sel) ? 0 : EBADMSG;
}

static int
policy_expire_event(const void *msg, size_t len, struct xfrm_event *event,
                    struct xfrm_nl_attr attrs[])
{
    struct xfrm_user_polexpire expire;

    event->type = XFRM_EVENT_POLICY;
    if (!xfrm_nl_msg_open(msg, len, &expire, sizeof expire, attrs)) {
        return EBADMSG;
    }
    event->gone = expire.hard;
    return policy_info_event(&expire.pol, event);
}

/* Finds among the templates of the policy the one that an SA is wanted for.
 * Several may have the same addresses and protocol, then it is the first. */
static int
acquire_template(const struct xfrm_nl_attr *attr, struct xfrm_event *event)
{
    struct xfrm_user_tmpl ut;
    size_t n = attr->len / sizeof ut;

    if (!attr->data) {
        return 0;
    }
    if (attr->len % sizeof ut || n > XFRM_MAX_TEMPLATES) {
        return EBADMSG;
    }
    for (size_t i = 0; i < n; i++) {
        struct xfrm_template t;

        memcpy(&ut, attr->data + i * sizeof ut, sizeof ut);
        if (!xfrm_nl_template_decode(&ut, &t)) {
            return EBADMSG;
        }
        if (t.proto == event->proto
            && (t.dst.family == AF_UNSPEC
                || xfrm_addr_equals(&t.dst, &event->dst))
            && (t.src.family == AF_UNSPEC
                || xfrm_addr_equals(&t.src, &event->src))) {
            event->template = t;
            break;
        }
    }
    return 0;
}

/* The message has no family of the addresses outside: that is found by the
 * template, whose own addresses have it, or is that of the packet. */
static uint16_t
acquire_family(const struct xfrm_user_acquire *acquire,
               const struct xfrm_nl_attr *tmpls)
{
    struct xfrm_user_tmpl ut;
    size_t n = tmpls->data ? tmpls->len / sizeof ut : 0;

    for (size_t i = 0; i < n; i++) {
        memcpy(&ut, tmpls->data + i * sizeof ut, sizeof ut);
        if (ut.id.proto == acquire->id.proto
            && xfrm_nl_family_is_ip(ut.family)) {
            struct xfrm_addr want, have;

            want = xfrm_nl_addr_decode(ut.family, &ut.id.daddr);
            have = xfrm_nl_addr_decode(ut.family, &acquire->id.daddr);
            if (xfrm_addr_is_any(&want) || xfrm_addr_equals(&want, &have)) {
                return ut.family;
            }
        }
    }
    return acquire->sel.family;
}

static int
acquire_event(const void *msg, size_t len, struct xfrm_event *event,
              struct xfrm_nl_attr attrs[])
{
    struct xfrm_user_acquire acquire;
    uint16_t family;

    event->type = XFRM_EVENT_ACQUIRE;
    if (!xfrm_nl_msg_open(msg, len, &acquire, sizeof acquire, attrs)
        || !xfrm_nl_sel_decode(&acquire.sel, &event->sel)) {
        return EBADMSG;
    }
    if (!xfrm_nl_dir_decode(acquire.policy.dir, &event->dir)
        || !xfrm_nl_proto_is_ours(acquire.id.proto)) {
        return ENODATA;
    }
    family = acquire_family(&acquire, &attrs[XFRMA_TMPL]);
    if (!xfrm_nl_family_is_ip(family)) {
        return EBADMSG;
    }
    event->identified = true;
    event->src = xfrm_nl_addr_decode(family, &acquire.saddr);
    event->dst = xfrm_nl_addr_decode(family, &acquire.id.daddr);
    event->proto = acquire.id.proto;
    event->seq = acquire.seq;
    return acquire_template(&attrs[XFRMA_TMPL], event);
}

/* Not an event, but what becomes of one. */
int
xfrm_nl_parse_spi(const void *msg, size_t len, uint32_t *spi)
{
    struct xfrm_nl_attr attrs[XFRM_NL_N_ATTRS];
    struct xfrm_usersa_info info;
    uint16_t type = xfrm_nl_msg_type(msg, &len);

    if (!type) {
        return EBADMSG;
    } else if (type != XFRM_MSG_NEWSA) {
        return ENODATA;
    } else if (!xfrm_nl_msg_open(msg, len, &info, sizeof info, attrs)) {
        return EBADMSG;
    }
    *spi = ntohl(info.id.spi);
    return *spi ? 0 : EBADMSG;
}

static int
mapping_event(const void *msg, size_t len, struct xfrm_event *event,
              struct xfrm_nl_attr attrs[])
{
    struct xfrm_user_mapping mapping;

    event->type = XFRM_EVENT_MAPPING;
    if (!xfrm_nl_msg_open(msg, len, &mapping, sizeof mapping, attrs)
        || !xfrm_nl_family_is_ip(mapping.id.family)) {
        return EBADMSG;
    }
    event->identified = true;
    event->dst = xfrm_nl_addr_decode(mapping.id.family, &mapping.id.daddr);
    event->src = xfrm_nl_addr_decode(mapping.id.family, &mapping.old_saddr);
    event->new_src = xfrm_nl_addr_decode(mapping.id.family,
                                         &mapping.new_saddr);
    event->new_sport = ntohs(mapping.new_sport);
    event->spi = ntohl(mapping.id.spi);
    event->proto = mapping.id.proto;
    return 0;
}

static int
sa_flush_event(const void *msg, size_t len, struct xfrm_event *event,
               struct xfrm_nl_attr attrs[])
{
    struct xfrm_usersa_flush flush;

    event->type = XFRM_EVENT_SA;
    event->gone = true;
    return xfrm_nl_msg_open(msg, len, &flush, sizeof flush, attrs)
           ? 0 : EBADMSG;
}

static int
policy_flush_event(const void *msg, size_t len, struct xfrm_event *event,
                   struct xfrm_nl_attr attrs[])
{
    char nothing;

    event->type = XFRM_EVENT_POLICY;
    event->gone = true;
    return xfrm_nl_msg_open(msg, len, &nothing, 0, attrs) ? 0 : EBADMSG;
}

int
xfrm_nl_parse_xfrm_event(const void *msg, size_t len,
                         struct xfrm_event *event)
{
    static const struct {
        uint16_t type;
        bool any;               /* Also without an if_id. */
        int (*decode)(const void *msg, size_t len, struct xfrm_event *,
                      struct xfrm_nl_attr attrs[]);
    } kinds[] = {
        { XFRM_MSG_NEWSA, false, sa_event },
        { XFRM_MSG_UPDSA, false, sa_event },
        { XFRM_MSG_DELSA, false, sa_del_event },
        { XFRM_MSG_FLUSHSA, true, sa_flush_event },
        { XFRM_MSG_EXPIRE, false, expire_event },
        { XFRM_MSG_NEWPOLICY, false, policy_event },
        { XFRM_MSG_UPDPOLICY, false, policy_event },
        { XFRM_MSG_DELPOLICY, false, policy_del_event },
        { XFRM_MSG_POLEXPIRE, false, policy_expire_event },
        { XFRM_MSG_FLUSHPOLICY, true, policy_flush_event },
        { XFRM_MSG_ACQUIRE, false, acquire_event },
        { XFRM_MSG_MAPPING, true, mapping_event },
    };
    struct xfrm_nl_attr attrs[XFRM_NL_N_ATTRS];
    uint16_t type = xfrm_nl_msg_type(msg, &len);

    memset(event, 0, sizeof *event);
    if (!type) {
        return EBADMSG;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (kinds[i].type == type) {
            int error = kinds[i].decode(msg, len, event, attrs);

            if (!error
                && (!xfrm_nl_if_id_decode(attrs, &event->if_id)
                    || !xfrm_nl_mark_decode(attrs, &event->mark))) {
                error = EBADMSG;
            }
            if (!error && !event->if_id && !kinds[i].any) {
                error = ENODATA;
            }
            return error;
        }
    }
    return ENODATA;
}

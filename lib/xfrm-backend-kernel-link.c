/* SPDX-License-Identifier: Apache-2.0 */

/* The Linux kernel as a backend: devices, rules and routes (see
 * xfrm-backend-kernel.h for the other parts).
 *
 * Below the engine and netdev-xfrm, above xfrm-netlink. */

#include <config.h>

#include "xfrm-backend-kernel.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "sset.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm_backend_kernel_link);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* A device of one name or index. */
struct link_get {
    struct xfrm_link_state link;
    int dev_ifindex;
    bool found;
};

static void
resolve_dev(struct xfrm_link_state *link, int dev_ifindex)
{
    if (dev_ifindex && !link->spec.dev[0]
        && !if_indextoname(dev_ifindex, link->spec.dev)) {
        ovs_strlcpy(link->spec.dev, "?", sizeof link->spec.dev);
    }
}

static void
link_get_cb(const void *msg, size_t len, void *get_)
{
    struct link_get *get = get_;

    if (!get->found) {
        get->found = !xfrm_nl_parse_link(msg, len, &get->link,
                                         &get->dev_ifindex);
    }
}

static int
link_get__(struct kernel_backend *kb, const char *name, int ifindex,
           struct link_get *get)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct xfrm_nl_answer answer;
    int error;

    memset(get, 0, sizeof *get);
    error = xfrm_nl_encode_link_get(msg, name, ifindex);
    if (!error) {
        error = kernel_transact(&kb->route, msg, link_get_cb, get, &answer);
    }
    xfrm_nl_msg_destroy(msg);
    if (!error && !get->found) {
        error = EBADMSG;
    }
    return error;
}

int
kernel_link_get(struct xfrm_backend *backend, const char *name,
                struct xfrm_link_state *link)
{
    struct link_get get;
    int error;

    error = link_get__(kernel_backend_cast(backend), name, 0, &get);
    if (!error) {
        resolve_dev(&get.link, get.dev_ifindex);
    }
    *link = get.link;
    return error;
}

struct link_dump {
    struct xfrm_link_state *links;
    size_t n, allocated;
};

static void
link_dump_restart(void *dump_)
{
    struct link_dump *dump = dump_;

    dump->n = 0;
}

static void
link_dump_cb(const void *msg, size_t len, void *dump_)
{
    struct link_dump *dump = dump_;
    int dev_ifindex;
    int error;

    if (dump->n >= dump->allocated) {
        dump->links = x2nrealloc(dump->links, &dump->allocated,
                                 sizeof *dump->links);
    }
    error = xfrm_nl_parse_link(msg, len, &dump->links[dump->n],
                               &dev_ifindex);
    if (!error && dump->links[dump->n].is_xfrm) {
        resolve_dev(&dump->links[dump->n++], dev_ifindex);
    } else if (error && error != ENODATA) {
        VLOG_WARN_RL(&rl, "the kernel's description of a device is not "
                     "understood and left out");
    }
}

int
kernel_link_dump(struct xfrm_backend *backend,
                 struct xfrm_link_state **linksp, size_t *np)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct nl_msg *msg = xfrm_nl_msg_new();
    struct link_dump dump = { .n = 0 };
    int error;

    error = xfrm_nl_encode_link_dump(msg);
    if (!error) {
        error = kernel_dump(&kb->route, msg, link_dump_cb, link_dump_restart,
                            &dump);
        if (error == EOPNOTSUPP) {
            /* A kernel without devices of this kind cannot filter by it. */
            error = 0;
            dump.n = 0;
        }
    }
    xfrm_nl_msg_destroy(msg);
    if (error) {
        free(dump.links);
        dump.links = NULL;
        dump.n = 0;
    }
    *linksp = dump.links;
    *np = dump.n;
    return error;
}

/* Sends 'msg', unless 'error' tells that encoding it failed, and frees it. */
static int
link_request(struct kernel_backend *kb, struct nl_msg *msg, int error,
             struct xfrm_nl_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    if (!error) {
        error = kernel_transact(&kb->route, msg, NULL, NULL, answer);
    }
    xfrm_nl_msg_destroy(msg);
    return error;
}

static int
link_delete_index(struct kernel_backend *kb, int ifindex,
                  struct xfrm_nl_answer *answer)
{
    struct nl_msg *msg = xfrm_nl_msg_new();
    int error;

    error = link_request(kb, msg, xfrm_nl_encode_link_del(msg, ifindex),
                         answer);
    return error == ENODEV ? 0 : error;
}

/* Says why device 'spec' could not be created or changed: EEXIST means one of
 * two things. */
static char *
link_error(struct kernel_backend *kb, const char *verb,
           const struct xfrm_link_spec *spec, bool create, int error,
           const char *text)
{
    const char *hint = NULL;

    if (error == EEXIST) {
        struct xfrm_link_state *links;
        struct link_get get;
        char *s = NULL;
        size_t n;

        if (create && !link_get__(kb, spec->name, 0, &get)) {
            return xasprintf("%s device %s: a device of this name exists",
                             verb, spec->name);
        }
        kernel_link_dump(&kb->up, &links, &n);
        for (size_t i = 0; i < n && !s; i++) {
            if (links[i].spec.if_id == spec->if_id && !links[i].external) {
                s = xasprintf("%s device %s: if_id %"PRIu32" is in use by "
                              "device %s", verb, spec->name, spec->if_id,
                              links[i].spec.name);
            }
        }
        free(links);
        if (s) {
            return s;
        }
    } else if (error == EOPNOTSUPP && create) {
        hint = "this kernel has no xfrm interfaces (module xfrm_interface)";
    }
    return kernel_error(error, text, hint, "%s device %s", verb, spec->name);
}

int
kernel_link_create(struct xfrm_backend *backend,
                   const struct xfrm_link_spec *spec,
                   struct xfrm_link_state *link, char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_nl_answer answer;
    struct link_get get;
    struct nl_msg *msg;
    int dev_ifindex = 0;
    int error;

    *errorp = NULL;
    memset(link, 0, sizeof *link);
    if (spec->dev[0]) {
        dev_ifindex = if_nametoindex(spec->dev);
        if (!dev_ifindex) {
            *errorp = xasprintf("creating device %s: the underlying device "
                                "%s does not exist", spec->name, spec->dev);
            return ENODEV;
        }
    }

    msg = xfrm_nl_msg_new();
    error = link_request(kb, msg,
                         xfrm_nl_encode_link_new(msg, spec, dev_ifindex),
                         &answer);
    if (error) {
        *errorp = link_error(kb, "creating", spec, true, error, answer.text);
        return error;
    }

    /* The module may have been loaded just now. */
    kernel_probe_capabilities(&backend->caps);

    error = link_get__(kb, spec->name, 0, &get);
    if (!error && (!get.link.is_xfrm || get.link.spec.if_id != spec->if_id)) {
        /* Somebody was faster in taking the name away from it. */
        error = EBUSY;
    }
    if (error) {
        *errorp = kernel_error(error, "", NULL, "reading back new device %s",
                               spec->name);
        return error;
    }

    /* A kernel without IPv6 refuses this, and does not need it. */
    msg = xfrm_nl_msg_new();
    link_request(kb, msg, xfrm_nl_encode_link_quiet(msg, get.link.ifindex),
                 &answer);

    msg = xfrm_nl_msg_new();
    error = link_request(kb, msg,
                         xfrm_nl_encode_link_set(msg, get.link.ifindex,
                                                 XFRM_LINK_ALIAS, true, 0),
                         &answer);
    if (error) {
        *errorp = kernel_error(error, answer.text, NULL,
                               "marking new device %s and bringing it up",
                               spec->name);
    } else {
        error = kernel_link_get(backend, spec->name, link);
        if (error) {
            *errorp = kernel_error(error, "", NULL,
                                   "reading back new device %s", spec->name);
        }
    }
    if (error) {
        link_delete_index(kb, get.link.ifindex, &answer);
    }
    return error;
}

/* Finds xfrm device 'name' for 'verb'. */
static int
link_find(struct kernel_backend *kb, const char *verb, const char *name,
          struct link_get *get, char **errorp)
{
    int error;

    *errorp = NULL;
    error = link_get__(kb, name, 0, get);
    if (error) {
        *errorp = kernel_error(error, "", NULL, "%s device %s", verb, name);
    } else if (!get->link.is_xfrm) {
        error = EINVAL;
        *errorp = xasprintf("%s device %s: it is not an xfrm device",
                            verb, name);
    }
    return error;
}

int
kernel_link_set_if_id(struct xfrm_backend *backend, const char *name,
                      uint32_t if_id, char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_link_spec spec = { .if_id = if_id };
    struct xfrm_nl_answer answer;
    struct link_get get;
    struct nl_msg *msg;
    int error;

    error = link_find(kb, "changing if_id of", name, &get, errorp);
    if (error || get.link.spec.if_id == if_id) {
        return error;
    }

    /* The kernel refuses a change of the underlying device, and takes silence
     * about it for one. */
    msg = xfrm_nl_msg_new();
    error = link_request(kb, msg,
                         xfrm_nl_encode_link_if_id(msg, get.link.ifindex,
                                                   if_id, get.dev_ifindex),
                         &answer);
    if (error) {
        ovs_strlcpy(spec.name, name, sizeof spec.name);
        *errorp = link_error(kb, "changing if_id of", &spec, false, error,
                             answer.text);
    }
    return error;
}

int
kernel_link_set_up(struct xfrm_backend *backend, const char *name,
                   char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_nl_answer answer;
    struct link_get get;
    struct nl_msg *msg;
    int error;

    error = link_find(kb, "bringing up", name, &get, errorp);
    if (error || get.link.up) {
        return error;
    }
    msg = xfrm_nl_msg_new();
    error = link_request(kb, msg,
                         xfrm_nl_encode_link_set(msg, get.link.ifindex, NULL,
                                                 true, 0), &answer);
    if (error) {
        *errorp = kernel_error(error, answer.text, NULL,
                               "bringing up device %s", name);
    }
    return error;
}

int
kernel_link_set_mtu(struct xfrm_backend *backend, const char *name, int mtu,
                    char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_nl_answer answer;
    struct link_get get;
    struct nl_msg *msg;
    int error;

    error = link_find(kb, "setting MTU of", name, &get, errorp);
    if (error || get.link.mtu == mtu) {
        return error;
    }
    msg = xfrm_nl_msg_new();
    error = link_request(kb, msg,
                         xfrm_nl_encode_link_set(msg, get.link.ifindex, NULL,
                                                 false, mtu), &answer);
    if (error) {
        *errorp = kernel_error(error, answer.text, NULL,
                               "setting MTU of device %s to %d", name, mtu);
    }
    return error;
}

int
kernel_link_delete(struct xfrm_backend *backend, const char *name,
                   char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct xfrm_nl_answer answer;
    struct link_get get;
    int error;

    error = link_find(kb, "deleting", name, &get, errorp);
    if (error == ENODEV) {
        free(*errorp);
        *errorp = NULL;
        return 0;
    }
    if (!error) {
        error = link_delete_index(kb, get.link.ifindex, &answer);
        if (error) {
            *errorp = kernel_error(error, answer.text, NULL,
                                   "deleting device %s", name);
        }
    }
    return error;
}

/* ## Rules and routes. ## */

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* Whether 'error' of a request about IPv6 says that the kernel or the device
 * has none. */
static bool
no_ipv6(uint8_t family, int error)
{
    return (family == AF_INET6
            && (error == EACCES || error == ENODEV || error == EOPNOTSUPP
                || error == EAFNOSUPPORT || error == EPFNOSUPPORT));
}

static const char *
family_name(uint8_t family)
{
    return family == AF_INET6 ? "IPv6" : "IPv4";
}

static int
rule_request(struct kernel_backend *kb, const struct xfrm_nl_rule *rule,
             bool add, struct xfrm_nl_answer *answer)
{
    struct nl_msg *msg = xfrm_nl_msg_new();

    return link_request(kb, msg, xfrm_nl_encode_rule(msg, rule, add), answer);
}

static int
route_request(struct kernel_backend *kb, uint8_t family, int ifindex,
              bool add, struct xfrm_nl_answer *answer)
{
    struct nl_msg *msg = xfrm_nl_msg_new();

    return link_request(kb, msg,
                        xfrm_nl_encode_route(msg, family, ifindex, add),
                        answer);
}

static int
rule_delete(struct kernel_backend *kb, const struct xfrm_nl_rule *rule,
            struct xfrm_nl_answer *answer)
{
    int error = 0;

    /* There may be several that are alike, if others made some; the bound is
     * for those who go on making them. */
    for (int i = 0; i < 64 && !error; i++) {
        error = rule_request(kb, rule, false, answer);
    }
    return error == ENOENT || error == ESRCH ? 0 : error;
}

/* Looking and writing are one step here: the kernel refuses to add what is
 * there (EEXIST) and to delete what is not, and then nothing changes and
 * nobody is notified. */
static int
routes_set_family(struct kernel_backend *kb, uint8_t family,
                  const char *name, int ifindex, bool present, char **errorp)
{
    struct xfrm_nl_rule rule = { .family = family,
                                 .priority = XFRM_RULE_PRIORITY };
    struct xfrm_nl_answer answer;
    int error;

    ovs_strlcpy(rule.oif, name, sizeof rule.oif);
    if (present) {
        error = rule_request(kb, &rule, true, &answer);
        error = error == EEXIST ? 0 : error;
    } else {
        error = rule_delete(kb, &rule, &answer);
    }
    if (no_ipv6(family, error)) {
        return 0;
    }
    if (error) {
        *errorp = kernel_error(error, answer.text, NULL,
                               "%s %s routing rule for device %s",
                               present ? "adding" : "deleting",
                               family_name(family), name);
        return error;
    }

    /* Routes go with their device. */
    if (ifindex <= 0) {
        return 0;
    }
    error = route_request(kb, family, ifindex, present, &answer);
    if (no_ipv6(family, error)
        || (present && error == EEXIST)
        || (!present && (error == ESRCH || error == ENOENT
                         || error == ENODEV))) {
        error = 0;
    }
    if (error) {
        *errorp = kernel_error(error, answer.text, NULL,
                               "%s %s default route through device %s",
                               present ? "adding" : "deleting",
                               family_name(family), name);
    }
    return error;
}

int
kernel_routes_set(struct xfrm_backend *backend, const char *name,
                  int ifindex, bool present, char **errorp)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    int retval = 0;

    *errorp = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        char *s = NULL;
        int error;

        error = routes_set_family(kb, families[i], name, ifindex, present,
                                  &s);
        if (error && !retval) {
            retval = error;
            *errorp = s;
        } else {
            free(s);
        }
    }
    return retval;
}

struct rule_dump {
    const struct sset *keep;
    struct xfrm_nl_rule *rules; /* Those not to keep. */
    size_t n, allocated;
};

static void
rule_dump_restart(void *dump_)
{
    struct rule_dump *dump = dump_;

    dump->n = 0;
}

static void
rule_dump_cb(const void *msg, size_t len, void *dump_)
{
    struct rule_dump *dump = dump_;
    struct xfrm_nl_rule rule;

    if (xfrm_nl_parse_rule(msg, len, &rule)
        || sset_contains(dump->keep, rule.oif)) {
        return;
    }
    if (dump->n >= dump->allocated) {
        dump->rules = x2nrealloc(dump->rules, &dump->allocated,
                                 sizeof *dump->rules);
    }
    dump->rules[dump->n++] = rule;
}

int
kernel_routes_prune(struct xfrm_backend *backend, const char *const *names,
                    size_t n)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    struct sset keep = SSET_INITIALIZER(&keep);
    int retval = 0;

    for (size_t i = 0; i < n; i++) {
        sset_add(&keep, names[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        struct rule_dump dump = { .keep = &keep };
        struct nl_msg *msg = xfrm_nl_msg_new();
        struct xfrm_nl_answer answer;
        int error;

        error = xfrm_nl_encode_rule_dump(msg, families[i]);
        if (!error) {
            error = kernel_dump(&kb->route, msg, rule_dump_cb,
                                rule_dump_restart, &dump);
        }
        xfrm_nl_msg_destroy(msg);
        if (no_ipv6(families[i], error)) {
            error = 0;
        }
        for (size_t j = 0; j < dump.n && !error; j++) {
            error = rule_delete(kb, &dump.rules[j], &answer);
        }
        free(dump.rules);
        retval = retval ? retval : error;
    }
    sset_destroy(&keep);
    return retval;
}

struct route_get {
    int ifindex;
    uint32_t mtu;
    bool found;
};

static void
route_get_cb(const void *msg, size_t len, void *get_)
{
    struct route_get *get = get_;

    if (!get->found) {
        get->found = !xfrm_nl_parse_route_get(msg, len, &get->ifindex,
                                              &get->mtu);
    }
}

int
kernel_route_mtu(struct xfrm_backend *backend, const struct xfrm_addr *src,
                 const struct xfrm_addr *dst, int *mtu)
{
    struct kernel_backend *kb = kernel_backend_cast(backend);
    static const struct xfrm_addr any;
    struct route_get get;
    int error = 0;

    *mtu = 0;

    /* The source may be an address that is not there yet, and then IPv4 knows
     * no way: any source will do. */
    for (int i = 0; i < 2; i++) {
        struct nl_msg *msg = xfrm_nl_msg_new();
        struct xfrm_nl_answer answer;

        memset(&get, 0, sizeof get);
        error = xfrm_nl_encode_route_get(msg, i ? &any : src, dst);
        if (!error) {
            error = kernel_transact(&kb->route, msg, route_get_cb, &get,
                                    &answer);
        }
        xfrm_nl_msg_destroy(msg);
        if (!error || src->family == AF_UNSPEC) {
            break;
        }
    }
    if (!error && !get.found) {
        error = EBADMSG;
    }
    if (error) {
        return error;
    }

    if (!get.mtu) {
        struct link_get link;

        if (!get.ifindex) {
            return ENODEV;
        }
        error = link_get__(kb, NULL, get.ifindex, &link);
        if (error) {
            return error;
        }
        get.mtu = link.link.mtu;
    }
    *mtu = MIN(get.mtu, INT32_MAX);
    return 0;
}

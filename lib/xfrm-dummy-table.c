/* SPDX-License-Identifier: Apache-2.0 */

/* The dummy datapath: the table of SAs, policies, devices and what else there
 * is, how it begins, and how something is found in it, put into it and taken
 * out of it.  Whether that may be, and who hears of it, others say.
 *
 * See xfrm-dummy-table.h, which names those who stand above. */

#include <config.h>

#include "xfrm-dummy-table.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "timeval.h"
#include "util.h"

const char *const xdummy_counter_names[XDUMMY_N_COUNTERS] = {
    "XfrmInError", "XfrmInNoStates", "XfrmInStateProtoError",
    "XfrmInStateSeqError", "XfrmInTmplMismatch", "XfrmInNoPols",
    "XfrmInPolBlock", "XfrmOutError", "XfrmOutNoStates",
    "XfrmOutStateSeqError", "XfrmOutPolBlock",
};

struct ovs_mutex xdummy_mutex = OVS_MUTEX_INITIALIZER;
struct xdummy xdummy;

static uint32_t
hash_sa(const struct xfrm_addr *dst, uint32_t spi, uint8_t proto)
{
    return hash_2words(hash_bytes(dst, sizeof *dst, proto), spi);
}

struct dummy_sa *
xdummy_find_sa(const struct xfrm_addr *dst, uint32_t spi, uint8_t proto)
    OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_sa *sa;

    HMAP_FOR_EACH_WITH_HASH (sa, node, hash_sa(dst, spi, proto), &xdummy.sas) {
        if (sa->state.spec.spi == spi && sa->state.spec.proto == proto
            && xfrm_addr_equals(&sa->state.spec.dst, dst)) {
            return sa;
        }
    }
    return NULL;
}

/* Same with any protocol. */
struct dummy_sa *
xdummy_find_sa_any(const struct xfrm_addr *dst, uint32_t spi)
    OVS_REQUIRES(xdummy_mutex)
{
    static const uint8_t protos[] = { IPPROTO_ESP, IPPROTO_AH, IPPROTO_COMP };
    struct dummy_sa *sa = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(protos) && !sa; i++) {
        sa = xdummy_find_sa(dst, spi, protos[i]);
    }
    return sa;
}

void
xdummy_insert_sa(struct dummy_sa *sa) OVS_REQUIRES(xdummy_mutex)
{
    sa->state.added = time_wall();
    sa->state.valid = true;
    hmap_insert(&xdummy.sas, &sa->node,
                hash_sa(&sa->state.spec.dst, sa->state.spec.spi,
                        sa->state.spec.proto));
}

void
xdummy_remove_sa(struct dummy_sa *sa) OVS_REQUIRES(xdummy_mutex)
{
    hmap_remove(&xdummy.sas, &sa->node);
    xfrm_sa_spec_destroy(&sa->state.spec);
    free(sa);
}

/* Removes the acquire with number 'seq', or, if 'sa' is nonnull, all that wait
 * for an SA like it. */
void
xdummy_remove_acquires(uint32_t seq, const struct xfrm_sa_spec *sa)
    OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_acquire *acquire;

    LIST_FOR_EACH_SAFE (acquire, node, &xdummy.acquires) {
        const struct xfrm_event *event = &acquire->event;

        if (sa ? (event->if_id == sa->if_id && event->proto == sa->proto
                  && xfrm_addr_equals(&event->src, &sa->src)
                  && xfrm_addr_equals(&event->dst, &sa->dst))
            : event->seq == seq) {
            ovs_list_remove(&acquire->node);
            free(acquire);
        }
    }
}

struct dummy_policy *
xdummy_find_policy(const struct xfrm_policy_spec *spec)
    OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_policy *policy;

    HMAP_FOR_EACH_WITH_HASH (policy, node, xfrm_policy_spec_hash_id(spec),
                             &xdummy.policies) {
        if (xfrm_policy_spec_same_id(&policy->spec, spec)) {
            return policy;
        }
    }
    return NULL;
}

void
xdummy_set_policy(const struct xfrm_policy_spec *spec)
    OVS_REQUIRES(xdummy_mutex)
{
    static uint32_t last_index;         /* Protected by 'xdummy_mutex'. */
    struct dummy_policy *policy = xdummy_find_policy(spec);
    uint32_t index;

    if (!policy) {
        policy = xzalloc(sizeof *policy);
        hmap_insert(&xdummy.policies, &policy->node,
                    xfrm_policy_spec_hash_id(spec));
    }
    index = policy->spec.index ? policy->spec.index : ++last_index;
    policy->spec = *spec;
    policy->spec.index = index;
}

void
xdummy_remove_policy(struct dummy_policy *policy) OVS_REQUIRES(xdummy_mutex)
{
    hmap_remove(&xdummy.policies, &policy->node);
    free(policy);
}

struct dummy_link *
xdummy_find_link(const char *name) OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_link *link;

    LIST_FOR_EACH (link, node, &xdummy.links) {
        if (!strcmp(link->state.spec.name, name)) {
            return link;
        }
    }
    return NULL;
}

bool
xdummy_if_id_is_taken(uint32_t if_id) OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_link *link;

    LIST_FOR_EACH (link, node, &xdummy.links) {
        if (link->state.is_xfrm && link->state.spec.if_id == if_id) {
            return true;
        }
    }
    return false;
}

struct dummy_link *
xdummy_add_link(const struct xfrm_link_spec *spec, const char *kind)
    OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_link *link = xzalloc(sizeof *link);

    link->state.spec = *spec;
    link->state.ifindex = ++xdummy.next_ifindex;
    link->state.is_xfrm = !strcmp(kind, "xfrm");
    link->state.external = link->state.is_xfrm && !spec->if_id;
    link->state.mtu = 1500;
    link->kind = xstrdup(kind);
    ovs_list_push_back(&xdummy.links, &link->node);
    return link;
}

void
xdummy_remove_link(struct dummy_link *link) OVS_REQUIRES(xdummy_mutex)
{
    ovs_list_remove(&link->node);
    free(link->kind);
    free(link);
}

void
xdummy_flush_objects(void) OVS_REQUIRES(xdummy_mutex)
{
    struct dummy_acquire *acquire;
    struct dummy_policy *policy;
    struct dummy_sa *sa;

    HMAP_FOR_EACH_SAFE (sa, node, &xdummy.sas) {
        xdummy_remove_sa(sa);
    }
    HMAP_FOR_EACH_SAFE (policy, node, &xdummy.policies) {
        xdummy_remove_policy(policy);
    }
    LIST_FOR_EACH_POP (acquire, node, &xdummy.acquires) {
        free(acquire);
    }
}

void
xdummy_set_first_state(void) OVS_REQUIRES(xdummy_mutex)
{
    struct xfrm_link_spec lo;

    memset(&lo, 0, sizeof lo);
    ovs_strlcpy(lo.name, "lo", sizeof lo.name);
    xdummy.next_ifindex = 0;
    xdummy_add_link(&lo, "loopback")->state.up = true;

    memset(&xdummy.caps, 0, sizeof xdummy.caps);
    ovs_strlcpy(xdummy.caps.datapath, "dummy", sizeof xdummy.caps.datapath);
    xdummy.caps.enforces_inbound = true;
    xdummy.caps.sends_transport = true;
    xdummy.caps.needs_routes = true;
    memset(&xdummy.missing_algos, 0, sizeof xdummy.missing_algos);
    xdummy.lacks_module = false;
    xdummy.route_mtu = 1500;
    xdummy.delay = 0;
    memset(xdummy.counters, 0, sizeof xdummy.counters);
    memset(xdummy.failures, 0, sizeof xdummy.failures);
    memset(xdummy.calls, 0, sizeof xdummy.calls);
}

void
xdummy_lock(void) OVS_ACQUIRES(xdummy_mutex)
{
    static bool initialized;            /* Protected by 'xdummy_mutex'. */

    ovs_mutex_lock(&xdummy_mutex);
    if (!initialized) {
        initialized = true;
        hmap_init(&xdummy.sas);
        hmap_init(&xdummy.policies);
        ovs_list_init(&xdummy.links);
        ovs_list_init(&xdummy.acquires);
        sset_init(&xdummy.rules);
        ovs_list_init(&xdummy.handles);
        ds_init(&xdummy.log);
        xdummy_set_first_state();
    }
}

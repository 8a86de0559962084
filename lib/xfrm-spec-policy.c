/* SPDX-License-Identifier: Apache-2.0 */

/* Value types: policies (see xfrm-spec.h).  Uses xfrm-selector; beside
 * xfrm-spec, above it stands everything that handles policies. */

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

static char *
check_policy(const struct xfrm_policy_spec *spec)
{
    char *reason;

    if (!spec->if_id) {
        return xstrdup("if_id 0: it must be 1..4294967295");
    }
    if (spec->dir >= XFRM_N_DIRS) {
        return xasprintf("direction %d: it must be in, out or fwd",
                         spec->dir);
    }
    if (spec->action >= XFRM_N_ACTIONS) {
        return xasprintf("action %d: it must be protect or discard",
                         spec->action);
    }
    if (spec->mark.value & ~spec->mark.mask) {
        return xasprintf("mark 0x%"PRIx32"/0x%"PRIx32": the value must have "
                         "no bits outside the mask", spec->mark.value,
                         spec->mark.mask);
    }
    if (spec->offload != XFRM_OFF_NO && spec->offload != XFRM_OFF_PACKET) {
        return xasprintf("offload \"%s\": for a policy it must be no or "
                         "packet", xfrm_offload_name(spec->offload));
    }
    if ((spec->offload != XFRM_OFF_NO) != (spec->offload_dev[0] != '\0')) {
        return xasprintf("offload \"%s\" and offload_dev \"%s\": there must "
                         "be both packet and a device, or neither",
                         xfrm_offload_name(spec->offload), spec->offload_dev);
    }
    if (xfrm_sel_is_any(&spec->sel)) {
        return xstrdup("selector \"any\": for a policy src or dst must say "
                       "whether it is for IPv4 or IPv6, for instance "
                       "src=0.0.0.0/0");
    }
    reason = xfrm_sel_check(&spec->sel);
    if (reason) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&ds, "selector \"");
        xfrm_sel_format(&spec->sel, &ds);
        ds_put_format(&ds, "\": %s", reason);
        free(reason);
        return ds_steal_cstr(&ds);
    }
    return NULL;
}

/* Checks 't', which gets packets of '*family', and stores there that of those
 * that leave it. */
static char *
check_template(const struct xfrm_template *t, enum xfrm_dir dir,
               uint16_t *family)
{
    bool tunnel = t->mode != XFRM_SPEC_TRANSPORT;
    uint16_t src = t->src.family;
    uint16_t dst = t->dst.family;

    if (t->proto != IPPROTO_ESP && t->proto != IPPROTO_AH
        && t->proto != IPPROTO_COMP) {
        return xasprintf("proto %"PRIu8": it must be %d (ESP), %d (AH) or %d "
                         "(IPComp)", t->proto, IPPROTO_ESP, IPPROTO_AH,
                         IPPROTO_COMP);
    }
    if (t->mode >= XFRM_SPEC_N_MODES) {
        return xasprintf("mode %d: it must be tunnel, transport or beet",
                         t->mode);
    }
    if (t->mode == XFRM_SPEC_BEET && t->proto != IPPROTO_ESP) {
        return xasprintf("mode \"beet\": with proto %s it must be tunnel or "
                         "transport", xfrm_proto_name(t->proto));
    }
    if (t->spi && (t->spi < XFRM_SPI_MIN
                   || (t->proto == IPPROTO_COMP && t->spi > XFRM_CPI_MAX))) {
        return xasprintf("spi %"PRIu32": it must be 0 for any, or %d..%"PRIu32,
                         t->spi, XFRM_SPI_MIN, t->proto == IPPROTO_COMP
                         ? XFRM_CPI_MAX : UINT32_MAX);
    }
    if (tunnel && (!xfrm_addr_is_unicast(&t->src)
                   || !xfrm_addr_is_unicast(&t->dst))) {
        return xasprintf("src and dst: in %s mode both must be unicast "
                         "addresses", xfrm_mode_name(t->mode));
    }
    if (src && dst && src != dst) {
        return xstrdup("src and dst: both must be IPv4 or both IPv6");
    }
    if (!tunnel && ((src && src != *family) || (dst && dst != *family))) {
        return xasprintf("src and dst: transport mode does not change %s "
                         "into another family",
                         *family == AF_INET ? "IPv4" : "IPv6");
    }
    if (tunnel && t->optional && dir == XFRM_DIR_OUT) {
        return xasprintf("optional: in %s mode it must be false for "
                         "direction out", xfrm_mode_name(t->mode));
    }
    if (tunnel) {
        *family = dst;
    }
    return NULL;
}

/* Checks every rule that a policy must keep.  Returns 0, or EINVAL with
 * '*errorp' a malloc'd text that names the field, its value and what is
 * allowed. */
int
xfrm_policy_spec_validate(const struct xfrm_policy_spec *spec, char **errorp)
{
    bool protect = spec->action == XFRM_ACTION_PROTECT;
    uint16_t family = spec->sel.src.addr.family;
    bool required = false;

    *errorp = check_policy(spec);
    if (!*errorp && protect
        && (!spec->n_templates || spec->n_templates > XFRM_MAX_TEMPLATES)) {
        *errorp = xasprintf("%"PRIuSIZE" templates: with action protect "
                            "there must be 1..%d",
                            spec->n_templates, XFRM_MAX_TEMPLATES);
    }
    if (!*errorp && !protect && spec->n_templates) {
        *errorp = xasprintf("%"PRIuSIZE" templates: with action discard there "
                            "must be none", spec->n_templates);
    }
    for (size_t i = 0; i < spec->n_templates && !*errorp; i++) {
        const struct xfrm_template *t = &spec->templates[i];
        char *reason = check_template(t, spec->dir, &family);

        if (reason) {
            *errorp = xasprintf("template %"PRIuSIZE": %s", i, reason);
            free(reason);
        }
        required = required || (!t->optional && t->proto != IPPROTO_COMP);
    }
    if (!*errorp && protect && !required) {
        *errorp = xstrdup("templates: at least one must be esp or ah and not "
                          "optional, otherwise nothing protects the packets");
    }
    return *errorp ? EINVAL : 0;
}

/* Would the kernel take 'a' and 'b' for the same policy? */
bool
xfrm_policy_spec_same_id(const struct xfrm_policy_spec *a,
                         const struct xfrm_policy_spec *b)
{
    return (a->if_id == b->if_id
            && a->dir == b->dir
            && xfrm_sel_equals(&a->sel, &b->sel)
            && xfrm_mark_equals(&a->mark, &b->mark));
}

/* Member by member: the structure has padding. */
static bool
template_equals(const struct xfrm_template *a, const struct xfrm_template *b)
{
    return (xfrm_addr_equals(&a->src, &b->src)
            && xfrm_addr_equals(&a->dst, &b->dst)
            && a->reqid == b->reqid
            && a->spi == b->spi
            && a->proto == b->proto
            && a->mode == b->mode
            && a->optional == b->optional);
}

/* Is 'a' what 'b' asks for?  The index is the kernel's and does not count. */
bool
xfrm_policy_spec_equals(const struct xfrm_policy_spec *a,
                        const struct xfrm_policy_spec *b)
{
    if (!xfrm_policy_spec_same_id(a, b)
        || a->priority != b->priority
        || a->action != b->action
        || a->offload != b->offload
        || strcmp(a->offload_dev, b->offload_dev)
        || a->n_templates != b->n_templates) {
        return false;
    }
    for (size_t i = 0; i < MIN(a->n_templates, XFRM_MAX_TEMPLATES); i++) {
        if (!template_equals(&a->templates[i], &b->templates[i])) {
            return false;
        }
    }
    return true;
}

/* A hash that is equal whenever xfrm_policy_spec_same_id() is true. */
uint32_t
xfrm_policy_spec_hash_id(const struct xfrm_policy_spec *spec)
{
    return xfrm_sel_hash(&spec->sel,
                         hash_3words(spec->if_id, spec->dir,
                                     hash_2words(spec->mark.value,
                                                 spec->mark.mask)));
}

/* Appends one line without a new-line. */
void
xfrm_policy_spec_format(const struct xfrm_policy_spec *spec, struct ds *ds)
{
    ds_put_format(ds, "%s ", xfrm_dir_name(spec->dir));
    xfrm_sel_format(&spec->sel, ds);
    ds_put_format(ds, " if_id %"PRIu32" priority %"PRIu32" %s",
                  spec->if_id, spec->priority,
                  xfrm_action_name(spec->action));
    if (spec->mark.mask) {
        ds_put_cstr(ds, " mark ");
        xfrm_mark_format(&spec->mark, ds);
    }
    if (spec->offload != XFRM_OFF_NO) {
        ds_put_format(ds, " offload %s dev %s",
                      xfrm_offload_name(spec->offload), spec->offload_dev);
    }
    for (size_t i = 0; i < MIN(spec->n_templates, XFRM_MAX_TEMPLATES); i++) {
        const struct xfrm_template *t = &spec->templates[i];

        ds_put_cstr(ds, " tmpl ");
        xfrm_proto_format(t->proto, ds);
        ds_put_format(ds, " %s ", xfrm_mode_name(t->mode));
        xfrm_addr_format(&t->src, ds);
        ds_put_cstr(ds, " -> ");
        xfrm_addr_format(&t->dst, ds);
        ds_put_format(ds, " reqid %"PRIu32, t->reqid);
        if (t->spi) {
            ds_put_format(ds, " spi 0x%08"PRIx32, t->spi);
        }
        if (t->optional) {
            ds_put_cstr(ds, " optional");
        }
    }
}


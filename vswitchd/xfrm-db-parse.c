/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of the OVS_XFRM database -> validated specs: see xfrm-db-parse.h. */

#include <config.h>

#include "xfrm-db-parse.h"

#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "ovsdb-schema/xfrm-idl.h"
#include "smap.h"
#include "util.h"
#include "xfrm-plan.h"

/* The longest key file: hexadecimal digits, a prefix, a line break. */
#define KEY_FILE_MAX ((size_t) 2 * XFRM_SECRET_MAX + 16)

/* Priority of policies whose row has none. */
#define DEFAULT_PRIORITY 1000

static const char wait_for_key[] =
    "keymat, key_file: exactly one of them is needed";

/* Takes ownership of 'text'; returns it with the column in front. */
static char *
in_column(const char *column, char *text)
{
    char *result = xasprintf("%s: %s", column, text);

    free(text);
    return result;
}

static char *
parse_addr(const char *column, const char *value, struct xfrm_addr *addr)
{
    if (!xfrm_addr_from_string(value, addr)) {
        return xasprintf("%s=%s: must be an IPv4 or IPv6 address", column,
                         value[0] ? value : "\"\"");
    }
    return NULL;
}

static char *
parse_proto(const char *value, uint8_t *proto)
{
    char *error;

    return (xfrm_proto_from_name(value, proto, &error)
            ? in_column("proto", error)
            : NULL);
}

static char *
parse_mode(const char *value, enum xfrm_mode *mode)
{
    if (!xfrm_mode_from_name(value, mode)) {
        return xasprintf("mode=%s: must be tunnel, transport or beet", value);
    }
    return NULL;
}

static char *
parse_selector(const struct smap *map, struct xfrm_sel *sel)
{
    const struct smap_node *node;
    char *error;

    SMAP_FOR_EACH (node, map) {
        if (xfrm_sel_set(sel, node->key, node->value, &error)) {
            return in_column("selector", error);
        }
    }
    if (xfrm_sel_finish(sel, &error)) {
        return in_column("selector", error);
    }
    return NULL;
}

static char *
parse_mark(const char *column, const char *value, struct xfrm_mark *mark)
{
    char *error;

    if (value && xfrm_mark_from_string(value, mark, &error)) {
        return in_column(column, error);
    }
    return NULL;
}

static char *
parse_algorithm(const struct xfrmrec_sa *rec, struct xfrm_sa_spec *sa)
{
    sa->algo = xfrm_algo_from_name_of(sa->proto, rec->algorithm);
    if (!sa->algo) {
        const struct xfrm_algo *nearest
            = xfrm_algo_nearest_of(sa->proto, rec->algorithm);
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_format(&s, "algorithm=%s: ",
                      rec->algorithm[0] ? rec->algorithm : "\"\"");
        if (nearest) {
            ds_put_format(&s, "unknown; did you mean %s?  ", nearest->name);
        }
        ds_put_format(&s, "Allowed for proto=%s: ",
                      xfrm_proto_name(sa->proto));
        xfrm_algo_format_names_of(sa->proto, &s);
        return ds_steal_cstr(&s);
    }
    return NULL;
}

/* 'hex' is wiped by whoever owns it; no error repeats any of it. */
static char *
parse_key(const char *column, const char *hex, struct xfrm_sa_spec *sa)
{
    char *error;

    if (!strncasecmp(hex, "0x", 2)) {
        hex += 2;
    }
    if (xfrm_secret_from_hex(&sa->key, hex, &error)) {
        return in_column(column, error);
    }
    return NULL;
}

static char *
parse_keymat(const struct xfrmrec_sa *rec, struct xfrm_sa_spec *sa,
             struct xfrm_file_stamp *stamp)
{
    char *text, *error;
    size_t len;

    if (sa->algo->kind == XFRM_ALGO_COMP) {
        return (rec->keymat || rec->key_file
                ? xasprintf("%s: IPComp has no key",
                            rec->keymat ? "keymat" : "key_file")
                : NULL);
    }
    if (!rec->keymat == !rec->key_file) {
        if (rec->key_file) {
            xfrm_file_stamp_get(rec->key_file, stamp);
        }
        return xstrdup(wait_for_key);
    }
    if (rec->keymat) {
        return parse_key("keymat", rec->keymat, sa);
    }

    if (xfrm_file_read(rec->key_file, KEY_FILE_MAX, stamp, &text, &len,
                       &error)) {
        return in_column("key_file", error);
    }
    while (len && strchr(" \t\r\n", text[len - 1])) {
        text[--len] = '\0';
    }
    error = (memchr(text, '\0', len)
             ? xstrdup("key_file: contains a null byte")
             : parse_key("key_file", text, sa));
    xfrm_file_free(text, len);
    return error;
}

/* Whatever a column does not say is what an Interface option would have. */
static char *
parse_sequence(const struct xfrmrec_sa *rec, struct xfrm_sa_spec *sa)
{
    sa->esn = rec->esn;
    sa->replay_window = (rec->n_replay_window ? rec->replay_window[0]
                         : sa->proto == IPPROTO_COMP ? 0
                         : XFRM_REPLAY_WINDOW_DEFAULT);
    return NULL;
}

static char *
parse_lifetime(const struct xfrmrec_sa *rec, struct xfrm_lifetime *lifetime)
{
    const struct {
        const char *name;
        uint64_t *value;
    } limits[] = {
        { "soft-bytes", &lifetime->soft_bytes },
        { "hard-bytes", &lifetime->hard_bytes },
        { "soft-packets", &lifetime->soft_packets },
        { "hard-packets", &lifetime->hard_packets },
        { "soft-seconds", &lifetime->soft_seconds },
        { "hard-seconds", &lifetime->hard_seconds },
        { "soft-idle", &lifetime->soft_idle },
        { "hard-idle", &lifetime->hard_idle },
    };

    for (size_t i = 0; i < rec->n_lifetime; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(limits); j++) {
            if (!strcmp(rec->key_lifetime[i], limits[j].name)) {
                *limits[j].value = MAX(rec->value_lifetime[i], 0);
            }
        }
    }
    return NULL;
}

static char *
parse_flags(const struct xfrmrec_sa *rec, uint32_t *flags)
{
    for (size_t i = 0; i < rec->n_flags; i++) {
        uint32_t flag;
        char *error;

        if (xfrm_sa_flag_from_name(rec->flags[i], &flag, &error)) {
            return in_column("flags", error);
        }
        *flags |= flag;
    }
    return NULL;
}

static char *
parse_dev(const char *value, char dev[IFNAMSIZ])
{
    if (value && strlen(value) >= IFNAMSIZ) {
        return xasprintf("offload_dev=%s: a device's name has 1 to %d bytes",
                         value, IFNAMSIZ - 1);
    }
    ovs_strzcpy(dev, value ? value : "", IFNAMSIZ);
    return NULL;
}

static char *
parse_offload(const struct xfrmrec_sa *rec, struct xfrm_row_config *config)
{
    if (rec->offload) {
        if (!xfrm_offload_from_name(rec->offload, &config->offload)) {
            return xasprintf("offload=%s: must be no, crypto, packet or auto",
                             rec->offload);
        }
        config->has_offload = true;
    }
    return parse_dev(rec->offload_dev, config->offload_dev);
}

static char *
parse_encap(const struct xfrmrec_sa *rec, struct xfrm_encap *encap)
{
    char *error;

    if (rec->encap && xfrm_encap_from_string(rec->encap, encap, &error)) {
        return in_column("encap", error);
    }
    return NULL;
}

static char *
parse_range(const char *column, int64_t value, int64_t min, int64_t max)
{
    if (value < min || value > max) {
        return xasprintf("%s=%"PRId64": must be %"PRId64" to %"PRId64,
                         column, value, min, max);
    }
    return NULL;
}

static char *
parse_sa(const struct xfrmrec_sa *rec, struct xfrm_row_config *config,
         struct xfrm_file_stamp *stamp)
{
    struct xfrm_sa_spec *sa = &config->sa;
    struct xfrm_sel none;
    char *error;

    if ((error = parse_range("if_id", rec->if_id, 1, UINT32_MAX))
        || (error = parse_range("spi", rec->spi, 1, UINT32_MAX))
        || (error = parse_range("reqid", rec->reqid, 0, UINT32_MAX))) {
        return error;
    }
    sa->if_id = rec->if_id;
    sa->spi = rec->spi;
    sa->reqid = rec->reqid;
    if (!xfrm_dir_from_name(rec->direction, &sa->dir)
        || sa->dir == XFRM_DIR_FWD) {
        return xasprintf("direction=%s: must be in or out", rec->direction);
    }
    if ((error = parse_proto(rec->proto, &sa->proto))
        || (error = parse_mode(rec->mode, &sa->mode))
        || (error = parse_addr("src", rec->src, &sa->src))
        || (error = parse_addr("dst", rec->dst, &sa->dst))
        || (error = parse_algorithm(rec, sa))
        || (error = parse_sequence(rec, sa))
        || (error = parse_encap(rec, &sa->encap))
        || (error = parse_lifetime(rec, &sa->lifetime))
        || (error = parse_selector(&rec->selector, &sa->sel))
        || (error = parse_mark("mark", rec->mark, &sa->mark))
        || (error = parse_mark("output_mark", rec->output_mark,
                               &sa->output_mark))
        || (error = parse_flags(rec, &sa->flags))
        || (error = parse_offload(rec, config))
        || (error = parse_keymat(rec, sa, stamp))) {
        return error;
    }

    /* A BEET SA has the inner addresses in its selector, so that it has to
     * have one.  Other modes may leave it open. */
    memset(&none, 0, sizeof none);
    if (sa->mode == XFRM_SPEC_BEET && xfrm_sel_equals(&sa->sel, &none)) {
        sa->sel.src = xfrm_prefix_host(&sa->src);
        sa->sel.dst = xfrm_prefix_host(&sa->dst);
    }
    return xfrm_sa_spec_validate(sa, &error) ? error : NULL;
}

char *
xfrm_db_parse_sa(const struct xfrmrec_sa *rec, struct xfrm_row_config *config,
                 struct xfrm_file_stamp *stamp)
{
    char *error;

    memset(config, 0, sizeof *config);
    config->uuid = rec->header_.uuid;
    config->kind = XFRM_ROW_SA;
    config->enabled = !rec->n_enabled || rec->enabled[0];
    error = parse_sa(rec, config, stamp);
    if (error) {
        xfrm_row_config_destroy(config);
    }
    return error;
}

char *
xfrm_db_parse_template(const struct xfrmrec_template *rec,
                       struct xfrm_template *t)
{
    char *error;

    memset(t, 0, sizeof *t);
    if ((error = parse_proto(rec->proto, &t->proto))
        || (error = parse_mode(rec->mode, &t->mode))
        || (rec->src && (error = parse_addr("src", rec->src, &t->src)))
        || (rec->dst && (error = parse_addr("dst", rec->dst, &t->dst)))
        || (error = parse_range("reqid", rec->reqid, 0, UINT32_MAX))
        || (rec->n_spi
            && (error = parse_range("spi", rec->spi[0], 1, UINT32_MAX)))) {
        return error;
    }
    t->reqid = rec->reqid;
    t->spi = rec->n_spi ? rec->spi[0] : 0;
    t->optional = rec->optional;
    return NULL;
}

/* 'templates' are in the order of their numbers, which may have gaps. */
static char *
parse_templates(const struct xfrm_db_policy_template *templates, size_t n,
                struct xfrm_policy_spec *policy)
{
    for (size_t i = 0; i < n && i < XFRM_MAX_TEMPLATES; i++) {
        const struct xfrm_db_policy_template *t = &templates[i];

        if (t->template->error) {
            return xasprintf("templates[%"PRId64"]: %s", t->number,
                             t->template->error);
        }
        policy->templates[policy->n_templates++] = t->template->spec;
    }
    return NULL;
}

static char *
parse_policy_offload(const struct xfrmrec_policy *rec,
                     struct xfrm_policy_spec *policy)
{
    char *error;

    if (rec->offload && strcmp(rec->offload, "no")
        && strcmp(rec->offload, "auto")) {
        if (strcmp(rec->offload, "packet")) {
            return xasprintf("offload=%s: must be no, packet or auto",
                             rec->offload);
        }
        if (!rec->offload_dev || !rec->offload_dev[0]) {
            return xstrdup("offload=packet: offload_dev is needed");
        }
        policy->offload = XFRM_OFF_PACKET;
        error = parse_dev(rec->offload_dev, policy->offload_dev);
        return error;
    }
    return NULL;
}

static char *
parse_policy(const struct xfrmrec_policy *rec,
             const struct xfrm_db_policy_template *templates, size_t n,
             struct xfrm_policy_spec *policy)
{
    char *error;

    error = parse_range("if_id", rec->if_id, 1, UINT32_MAX);
    if (error) {
        return error;
    }
    policy->if_id = rec->if_id;
    if (!xfrm_dir_from_name(rec->direction, &policy->dir)) {
        return xasprintf("direction=%s: must be out, in or fwd",
                         rec->direction);
    }
    if (!xfrm_action_from_name(rec->action, &policy->action)) {
        return xasprintf("action=%s: must be protect or discard",
                         rec->action);
    }
    policy->priority = rec->n_priority ? rec->priority[0] : DEFAULT_PRIORITY;
    if ((error = parse_selector(&rec->selector, &policy->sel))) {
        return error;
    }
    if (policy->sel.src.addr.family == AF_UNSPEC) {
        return xstrdup("selector: src or dst is needed, since a policy is for "
                       "IPv4 or for IPv6; everything is src=0.0.0.0/0 or "
                       "src=::/0");
    }
    if ((error = parse_mark("mark", rec->mark, &policy->mark))
        || (error = parse_policy_offload(rec, policy))
        || (error = parse_templates(templates, n, policy))) {
        return error;
    }
    return xfrm_policy_spec_validate(policy, &error) ? error : NULL;
}

char *
xfrm_db_parse_policy(const struct xfrmrec_policy *rec,
                     const struct xfrm_db_policy_template *templates,
                     size_t n, struct xfrm_row_config *config)
{
    char *error;

    memset(config, 0, sizeof *config);
    config->uuid = rec->header_.uuid;
    config->kind = XFRM_ROW_POLICY;
    config->enabled = !rec->n_enabled || rec->enabled[0];
    config->policy = xzalloc(sizeof *config->policy);
    error = parse_policy(rec, templates, n, config->policy);
    if (error) {
        xfrm_row_config_destroy(config);
    }
    return error;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl sa-add, sa-del, sa-list.
 *
 * Below: the readers of arguments and keys.  What is checked here is what can
 * be said better before a transaction than after it; ovs-vswitchd checks
 * everything again. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <string.h>

#include "smap.h"
#include "util.h"
#include "xfrm-secret.h"
#include "xfrm-selector.h"
#include "xfrm-spec.h"
#include "xfrm-text.h"

static const char *const sa_directions[] = { "in", "out", NULL };
static const char *const protos[] = { "esp", "ah", "ipcomp", NULL };
static const char *const modes[] = { "tunnel", "transport", "beet", NULL };

/* A command "sa-add" as read before the transaction, which may be tried more
 * than once while standard input can be read only once. */
struct sa_add {
    struct sa_add *next;
    char **argv;                /* Which command this is. */
    uint32_t if_id;
    const char *direction;
    char *src, *dst;            /* Owned. */
    const char *proto;
    const char *mode;
    uint32_t spi;               /* 0: any that is free. */
    const char *algorithm;
    char *keymat;               /* Owned, NULL: in a file of the daemon. */
};

/* Lives as long as the program. */
static struct sa_add *sa_adds;

/* Returns the SA that the kernel would find by these, or NULL. */
const struct xfrmrec_sa *
xfrmctl_sa_find(const struct ovsdb_idl *idl, const char *dst, int64_t spi,
                const char *proto)
{
    const struct xfrmrec_sa *sa;

    XFRMREC_SA_FOR_EACH (sa, idl) {
        if (sa->spi == spi && !strcmp(sa->dst, dst)
            && !strcmp(sa->proto, proto)) {
            return sa;
        }
    }
    return NULL;
}

/* Appends what people call 'sa'. */
void
xfrmctl_sa_name(const struct xfrmrec_sa *sa, struct ds *ds)
{
    ds_put_format(ds, "SA of if_id %"PRId64" %s, %s to %s, %s spi "
                  "0x%08"PRIx64, sa->if_id, sa->direction, sa->src, sa->dst,
                  sa->proto, (uint64_t) sa->spi);
}

/* sa-add. */

/* Reads those of COLUMN=VALUE that other arguments depend on. */
static char *
read_columns(struct ctl_context *ctx, struct sa_add *add, bool *key_filep)
{
    char *error = NULL;

    for (int i = 7; i < ctx->argc && !error; i++) {
        const char *arg = ctx->argv[i];
        const struct ovsdb_idl_column *column;
        const char *value;

        if (xfrmctl_looks_like_key(arg)) {
            return xstrdup(xfrmctl_key_refusal);
        }
        column = xfrmctl_db_find_column(&xfrmrec_table_sa, arg, &error);
        if (!column) {
            return error;
        }
        value = strchr(arg, '=');
        value = value ? value + 1 : "";
        if (column == &xfrmrec_sa_col_proto) {
            xfrmctl_parse_choice("proto", value, protos, &add->proto, &error);
        } else if (column == &xfrmrec_sa_col_mode) {
            xfrmctl_parse_choice("mode", value, modes, &add->mode, &error);
        } else if (column == &xfrmrec_sa_col_key_file) {
            *key_filep = true;
            if (value[0] != '/' && value[0] != '"') {
                error = xasprintf("key_file must be an absolute path: it is "
                                  "ovs-vswitchd that reads it");
            }
        } else if (column == &xfrmrec_sa_col_if_id
                   || column == &xfrmrec_sa_col_direction
                   || column == &xfrmrec_sa_col_src
                   || column == &xfrmrec_sa_col_dst
                   || column == &xfrmrec_sa_col_spi
                   || column == &xfrmrec_sa_col_algorithm) {
            error = xasprintf("column %s is given twice: it is an argument "
                              "of its own (sa-add IF_ID in|out SRC DST SPI "
                              "ALGORITHM)", column->name);
        }
    }
    return error;
}

static char *
read_key(struct ctl_context *ctx, struct sa_add *add, bool key_file_column)
{
    const char *key_file = shash_find_data(&ctx->options, "--key-file");
    const char *save_key = shash_find_data(&ctx->options, "--save-key");
    bool generate = shash_find(&ctx->options, "--generate-key");
    size_t n_sources = (key_file != NULL) + generate + key_file_column;
    static bool stdin_used;
    size_t len;
    char *error;

    error = xfrmctl_key_len(add->proto, add->algorithm, &len);
    if (error) {
        return error;
    }
    if (save_key && !generate) {
        return xstrdup("--save-key needs --generate-key");
    }
    if (!len) {
        return (n_sources
                ? xstrdup("ipcomp compresses: it has no key") : NULL);
    }
    if (n_sources != 1) {
        return xasprintf("an SA needs %s of --key-file=FILE (- is standard "
                         "input), --generate-key and key_file=PATH (a file "
                         "that ovs-vswitchd reads)",
                         n_sources ? "only one" : "one");
    }
    if (key_file) {
        if (!strcmp(key_file, "-")) {
            if (stdin_used) {
                return xstrdup("--key-file=-: standard input was used for "
                               "another SA already");
            }
            stdin_used = true;
        }
        return xfrmctl_key_read(key_file, add->proto, add->algorithm,
                                &add->keymat);
    }
    if (generate) {
        error = xfrmctl_key_generate(add->proto, add->algorithm,
                                     &add->keymat);
        if (!error && save_key) {
            error = xfrmctl_key_save(save_key, add->keymat);
        }
        return error;
    }
    return NULL;
}

static void
pre_sa_add(struct ctl_context *ctx)
{
    struct sa_add *add = xzalloc(sizeof *add);
    struct xfrm_addr src, dst;
    bool key_file = false;
    uint32_t spi_max;
    char *error;

    add->argv = ctx->argv;
    add->algorithm = ctx->argv[6];
    add->proto = "esp";
    add->mode = "tunnel";
    add->next = sa_adds;
    sa_adds = add;

    if (xfrmctl_looks_like_key(add->algorithm)) {
        ctx->error = xstrdup(xfrmctl_key_refusal);
        return;
    }
    if (!xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &add->if_id,
                           &error)
        || !xfrmctl_parse_choice("the direction", ctx->argv[2], sa_directions,
                                 &add->direction, &error)
        || !(add->src = xfrmctl_parse_addr("SRC", ctx->argv[3], &error))
        || !(add->dst = xfrmctl_parse_addr("DST", ctx->argv[4], &error))
        || (error = read_columns(ctx, add, &key_file)) != NULL) {
        ctx->error = error;
        return;
    }
    xfrm_addr_from_string(add->src, &src);
    xfrm_addr_from_string(add->dst, &dst);
    if (src.family != dst.family) {
        ctx->error = xasprintf("SRC %s and DST %s must be both IPv4 or both "
                               "IPv6", add->src, add->dst);
        return;
    }
    spi_max = strcmp(add->proto, "ipcomp") ? UINT32_MAX : UINT16_MAX;
    if (strcmp(ctx->argv[5], "auto")
        && !xfrmctl_parse_u32(strcmp(add->proto, "ipcomp") ? "SPI"
                              : "the CPI of ipcomp", ctx->argv[5],
                              XFRM_SPI_MIN, spi_max, &add->spi, &error)) {
        ctx->error = error;
        return;
    }
    ctx->error = read_key(ctx, add, key_file);
}

static struct sa_add *
find_sa_add(const struct ctl_context *ctx)
{
    struct sa_add *add = sa_adds;

    while (add->argv != ctx->argv) {
        add = add->next;
    }
    return add;
}

static void
cmd_sa_add(struct ctl_context *ctx)
{
    struct sa_add *add = find_sa_add(ctx);
    const struct xfrmrec_sa *other, *sa;
    bool automatic = !add->spi;

    if (automatic) {
        do {
            add->spi = xfrmctl_random_spi(add->proto);
        } while (xfrmctl_sa_find(ctx->idl, add->dst, add->spi, add->proto));
    }
    other = xfrmctl_sa_find(ctx->idl, add->dst, add->spi, add->proto);
    if (other) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        xfrmctl_sa_name(other, &ds);
        ctl_error(ctx, "there is already an %s; destination, SPI and "
                  "protocol together must be unique", ds_cstr(&ds));
        ds_destroy(&ds);
        return;
    }

    sa = xfrmrec_sa_insert(ctx->txn);
    xfrmrec_sa_set_if_id(sa, add->if_id);
    xfrmrec_sa_set_direction(sa, add->direction);
    xfrmrec_sa_set_src(sa, add->src);
    xfrmrec_sa_set_dst(sa, add->dst);
    xfrmrec_sa_set_proto(sa, add->proto);
    xfrmrec_sa_set_mode(sa, add->mode);
    xfrmrec_sa_set_spi(sa, add->spi);
    xfrmrec_sa_set_algorithm(sa, add->algorithm);
    if (add->keymat) {
        xfrmrec_sa_set_keymat(sa, add->keymat);
    }
    for (int i = 7; i < ctx->argc; i++) {
        ctx->error = xfrmctl_set_column(ctx, &sa->header_, ctx->argv[i]);
        if (ctx->error) {
            return;
        }
    }
    xfrmctl_touch(ctx, &sa->header_);
    if (!xfrmctl_context_cast(ctx)->global) {
        ovs_error(0, "warning: the database has no row XFRM_Global, without "
                  "which ovs-vswitchd does nothing; \"ovs-xfrmctl init\" "
                  "creates it");
    }
    if (automatic) {
        ds_put_format(&ctx->output, "0x%08"PRIx32"\n", add->spi);
        add->spi = 0;
    }
}

/* sa-del. */

static void
delete_all_sas(struct ctl_context *ctx, uint32_t if_id)
{
    const struct xfrmrec_sa *sa, *next;

    XFRMREC_SA_FOR_EACH_SAFE (sa, next, ctx->idl) {
        if (sa->if_id == if_id) {
            xfrmrec_sa_delete(sa);
        }
    }
}

static void
cmd_sa_del(struct ctl_context *ctx)
{
    bool must_exist = !shash_find(&ctx->options, "--if-exists");
    bool all = shash_find(&ctx->options, "--all");
    const struct xfrmrec_sa *sa, *found = NULL;
    uint32_t if_id, spi;
    char *dst = NULL;
    char *error;

    if (all != (ctx->argc == 2)) {
        ctl_error(ctx, "sa-del takes IF_ID SPI [DST], or --all IF_ID");
        return;
    }
    if (!xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &if_id,
                           &error)
        || (!all && !xfrmctl_parse_u32("SPI", ctx->argv[2], 1, UINT32_MAX,
                                       &spi, &error))
        || (ctx->argc > 3
            && !(dst = xfrmctl_parse_addr("DST", ctx->argv[3], &error)))) {
        ctx->error = error;
        return;
    }
    if (all) {
        delete_all_sas(ctx, if_id);
        return;
    }
    XFRMREC_SA_FOR_EACH (sa, ctx->idl) {
        if (sa->if_id != if_id || sa->spi != spi
            || (dst && strcmp(sa->dst, dst))) {
            continue;
        }
        if (found) {
            ctl_error(ctx, "if_id %"PRIu32" has SAs with SPI 0x%08"PRIx32" to "
                      "%s (%s) and to %s (%s): say which with DST, or delete "
                      "one with \"destroy SA UUID\"", if_id, spi, found->dst,
                      found->proto, sa->dst, sa->proto);
            free(dst);
            return;
        }
        found = sa;
    }
    free(dst);
    if (found) {
        xfrmrec_sa_delete(found);
    } else if (must_exist) {
        ctl_error(ctx, "if_id %"PRIu32" has no SA with SPI 0x%08"PRIx32"%s%s; "
                  "\"sa-list\" shows those there are", if_id, spi,
                  ctx->argc > 3 ? " to " : "",
                  ctx->argc > 3 ? ctx->argv[3] : "");
    }
}

/* sa-list. */

static int
compare_sas(const void *a_, const void *b_)
{
    const struct xfrmrec_sa *const *ap = a_, *const *bp = b_;
    const struct xfrmrec_sa *a = *ap, *b = *bp;
    int cmp = a->if_id < b->if_id ? -1 : a->if_id > b->if_id;

    cmp = cmp ? cmp : strcmp(a->direction, b->direction);
    cmp = cmp ? cmp : strcmp(a->dst, b->dst);
    cmp = cmp ? cmp : a->spi < b->spi ? -1 : a->spi > b->spi;
    return cmp ? cmp : strcmp(a->proto, b->proto);
}

/* The columns of sa-list, in their order; a key in addition with
 * --show-keys. */
static const struct ovsdb_idl_column *const listed[] = {
    &xfrmrec_sa_col_if_id, &xfrmrec_sa_col_direction, &xfrmrec_sa_col_src,
    &xfrmrec_sa_col_dst, &xfrmrec_sa_col_proto, &xfrmrec_sa_col_spi,
    &xfrmrec_sa_col_mode, &xfrmrec_sa_col_algorithm, &xfrmrec_sa_col_state,
    &xfrmrec_sa_col_error, &xfrmrec_sa_col_keymat,
};

static void
pre_sa_list(struct ctl_context *ctx)
{
    if (xfrmctl.show_keys) {
        ovsdb_idl_add_column(ctx->idl, &xfrmrec_sa_col_keymat);
    }
}

static void
add_sa_to_table(const struct xfrmrec_sa *sa, size_t n_columns,
                struct table *table)
{
    table_add_row(table);
    for (size_t i = 0; i < n_columns; i++) {
        const struct ovsdb_idl_column *column = listed[i];
        struct cell *cell = table_add_cell(table);

        if (column == &xfrmrec_sa_col_spi) {
            /* As "ip xfrm state" and everybody else writes it. */
            cell->text = xasprintf("0x%08"PRIx64, (uint64_t) sa->spi);
        } else {
            xfrmctl_fill_cell(cell, &sa->header_, column);
        }
    }
}

static void
cmd_sa_list(struct ctl_context *ctx)
{
    size_t n_columns = ARRAY_SIZE(listed) - !xfrmctl.show_keys;
    const struct xfrmrec_sa **sas = NULL;
    size_t n = 0, allocated = 0;
    const struct xfrmrec_sa *sa;
    uint32_t if_id = 0;
    char *error;

    if (ctx->argc > 1
        && !xfrmctl_parse_u32("IF_ID", ctx->argv[1], 1, UINT32_MAX, &if_id,
                              &error)) {
        ctx->error = error;
        return;
    }
    XFRMREC_SA_FOR_EACH (sa, ctx->idl) {
        if (!if_id || sa->if_id == if_id) {
            if (n >= allocated) {
                sas = x2nrealloc(sas, &allocated, sizeof *sas);
            }
            sas[n++] = sa;
        }
    }
    if (n) {
        qsort(sas, n, sizeof *sas, compare_sas);
    }

    ctx->table = xmalloc(sizeof *ctx->table);
    table_init(ctx->table);
    for (size_t i = 0; i < n_columns; i++) {
        table_add_column(ctx->table, "%s", listed[i]->name);
    }
    for (size_t i = 0; i < n; i++) {
        add_sa_to_table(sas[i], n_columns, ctx->table);
    }
    free(sas);
}

const struct ctl_command_syntax xfrmctl_sa_commands[] = {
    {"sa-add", 6, INT_MAX,
     "IF_ID DIRECTION SRC DST SPI ALGORITHM [COLUMN=VALUE]...",
     pre_sa_add, cmd_sa_add, NULL,
     "--key-file=,--generate-key,--save-key=", RW},
    {"sa-del", 1, 3, "IF_ID [SPI] [DST]", NULL, cmd_sa_del, NULL,
     "--if-exists,--all", RW},
    {"sa-list", 0, 1, "[IF_ID]", pre_sa_list, cmd_sa_list, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

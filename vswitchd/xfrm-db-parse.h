/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_PARSE_H
#define XFRM_DB_PARSE_H 1

/* Rows of the OVS_XFRM database -> validated specs.  The edge: what passes
 * here is never checked again.  Above xfrm-spec, xfrm-file; below xfrm-db. */

#include "xfrm-file.h"
#include "xfrm-row.h"

struct xfrmrec_policy;
struct xfrmrec_sa;
struct xfrmrec_template;

/* A row of Template, which policies may share. */
struct xfrm_db_template {
    struct hmap_node node;      /* By uuid. */
    struct uuid uuid;
    struct xfrm_template spec;
    char *error;                /* Why it makes no sense, or NULL. */
};

/* One of a policy's templates.  'number' is its key in the column. */
struct xfrm_db_policy_template {
    int64_t number;
    const struct xfrm_db_template *template;
};

/* All return NULL and fill in 'config', which the caller owns, or return a
 * malloc'd sentence that names the column, its value and what is allowed.
 *
 * 'stamp' is that of the key file if the row names one, whatever came of it;
 * otherwise it is left alone. */
char *xfrm_db_parse_sa(const struct xfrmrec_sa *, struct xfrm_row_config *,
                       struct xfrm_file_stamp *stamp);
char *xfrm_db_parse_policy(const struct xfrmrec_policy *,
                           const struct xfrm_db_policy_template *, size_t n,
                           struct xfrm_row_config *);
char *xfrm_db_parse_template(const struct xfrmrec_template *,
                             struct xfrm_template *);

#endif /* xfrm-db-parse.h */

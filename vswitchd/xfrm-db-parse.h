/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_PARSE_H
#define XFRM_DB_PARSE_H 1

/* Rows of the OVS_XFRM database -> validated specs.  The edge: what passes
 * here is never checked again.  Above xfrm-spec, xfrm-file; below xfrm-db. */

#include "xfrm-file.h"
#include "xfrm-row.h"

struct xfrmrec_policy;
struct xfrmrec_sa;

/* Both return NULL and fill in 'config', which the caller owns, or return a
 * malloc'd sentence that names the column, its value and what is allowed.
 *
 * 'stamp' is that of the key file if the row names one, whatever came of it;
 * otherwise it is left alone. */
char *xfrm_db_parse_sa(const struct xfrmrec_sa *, struct xfrm_row_config *,
                       struct xfrm_file_stamp *stamp);
char *xfrm_db_parse_policy(const struct xfrmrec_policy *,
                           struct xfrm_row_config *);

#endif /* xfrm-db-parse.h */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_HOST_H
#define XFRM_DB_HOST_H 1

/* What XFRM_Global says of this host: what it can do, and what it counts.
 * Above xfrm-engine; below xfrm-db, which writes the row. */

#include <stdbool.h>

struct json;
struct xfrm_db_feed;

/* Looks whether the row is to say something else. */
bool xfrm_db_host_changed(void);

/* When to look again, at the latest. */
long long int xfrm_db_host_next(void);

/* Puts it into the columns of the row. */
void xfrm_db_host_describe(const struct xfrm_db_feed *, struct json *columns);

void xfrm_db_host_destroy(void);

#endif /* xfrm-db-host.h */

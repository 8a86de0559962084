/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DB_NOTES_H
#define XFRM_DB_NOTES_H 1

/* Notes of the engine -> rows of Notification, of which only the newest are
 * kept.  Above xfrm-engine; below xfrm-db-status. */

#include "xfrm-db-private.h"

#define XFRM_DB_KEEP_NOTES 1000 /* Without other_config:max-notifications. */

void xfrm_db_notes_take(void);
bool xfrm_db_notes_pending(void);
void xfrm_db_notes_write(xfrm_db_find_func *, struct json *operations,
                         size_t max);
void xfrm_db_notes_destroy(void);

#endif /* xfrm-db-notes.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* The schema that ovs-xfrmctl was built with: what "init" creates, and which
 * columns are the daemon's reports.
 *
 * The text is that of ovsdb-schema/ovs-xfrm.ovsschema, made part of the
 * program by utilities/automake.mk.  Above: init and export. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include "util.h"

static const char schema_text[] =
#include "utilities/ovs-xfrmctl-schema.inc"
    ;

/* Returns the schema; the caller must not change or free it. */
struct json *
xfrmctl_schema_json(void)
{
    static struct json *schema;

    if (!schema) {
        schema = json_from_string(schema_text);
        ovs_assert(schema->type == JSON_OBJECT);
    }
    return schema;
}

static const struct json *
member(const struct json *json, const char *name)
{
    return json ? shash_find_data(json_object(json), name) : NULL;
}

/* Is 'column' written by ovs-vswitchd, not by whoever configures it? */
bool
xfrmctl_column_is_status(const struct ovsdb_idl_table_class *table,
                         const struct ovsdb_idl_column *column)
{
    const struct json *t, *c, *ephemeral;

    t = member(member(xfrmctl_schema_json(), "tables"), table->name);
    c = member(member(t, "columns"), column->name);
    ephemeral = member(c, "ephemeral");
    return (ephemeral && ephemeral->type == JSON_TRUE)
           || column == &xfrmrec_xfrm_global_col_cur_cfg;
}

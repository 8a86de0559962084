/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_XFRMCTL_H
#define OVS_XFRMCTL_H 1

/* What the parts of ovs-xfrmctl share.
 *
 * ovs-xfrmctl.c runs a command line as one transaction; the other files hold
 * the commands.  Below: Open vSwitch's db-ctl-base and IDL, and the tables of
 * lib/xfrm-algo.c and lib/xfrm-selector.c.  Nothing stands above. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "compiler.h"
#include "db-ctl-base.h"
#include "openvswitch/json.h"
#include "openvswitch/uuid.h"
#include "ovsdb-schema/xfrm-idl.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "ovsdb-idl-provider.h"
#include "table.h"
#include "xfrm-ovs-json.h"
#include "xfrm-version.h"

struct jsonrpc;

/* The command line before the first command. */
struct xfrmctl_options {
    const char *db;             /* Where ovsdb-server listens. */
    bool wait;                  /* --wait: until the kernel has it. */
    bool show_keys;             /* --show-keys. */
    bool dry_run;               /* --dry-run: commit nothing. */
    bool format_given;          /* Was there a --format? */
    unsigned int timeout;       /* Seconds, 0: none. */
    long long int deadline;     /* In terms of time_msec(), or LLONG_MAX. */
    struct table_style style;
};
extern struct xfrmctl_options xfrmctl;

char **xfrmctl_permute(int argc, char *argv[]);
void xfrmctl_parse_options(int argc, char *argv[],
                           struct shash *local_options);

/* A row that a command named or made.  With --wait its error decides whether
 * the command worked. */
struct xfrmctl_touched {
    const struct ovsdb_idl_table_class *table;
    struct uuid uuid;
};

struct xfrmctl_context {
    struct ctl_context base;
    const struct xfrmrec_xfrm_global *global;   /* NULL if there is none. */
    struct xfrmctl_touched *touched;            /* Owned. */
    size_t n_touched, allocated_touched;
};

struct xfrmctl_context *xfrmctl_context_cast(struct ctl_context *);
void xfrmctl_touch(struct ctl_context *, const struct ovsdb_idl_row *);
struct ovsdb_idl *xfrmctl_connect(const char *db, bool with_keys);
void xfrmctl_idl_run(struct ovsdb_idl *, const char *db);
void xfrmctl_check_deadline(const char *what);
OVS_NO_RETURN void xfrmctl_refused(const char *db,
                                   const struct ovsdb_idl_txn *);
OVS_NO_RETURN void xfrmctl_exit(int status);

/* Commands that are no transaction: they run alone on a command line. */
struct xfrmctl_standalone {
    const char *name;
    int (*run)(struct ctl_command *);           /* Returns an exit status. */
};

extern const struct ctl_command_syntax xfrmctl_sa_commands[];
extern const struct ctl_command_syntax xfrmctl_policy_commands[];
extern const struct ctl_command_syntax xfrmctl_show_commands[];
extern const struct ctl_command_syntax xfrmctl_export_commands[];
extern const struct ctl_command_syntax xfrmctl_standalone_commands[];

int xfrmctl_init_run(struct ctl_command *);
char *xfrmctl_default_db_file(void);
int xfrmctl_monitor_run(struct ctl_command *);
int xfrmctl_rekey_run(struct ctl_command *);

/* ovs-xfrmctl-db.c: the generic verbs, made safe for keys. */
void xfrmctl_db_guard(struct ctl_command *);
void xfrmctl_db_finish(struct ctl_context *, struct ctl_command *);
const struct ovsdb_idl_column *xfrmctl_db_find_column(
    const struct ovsdb_idl_table_class *, const char *arg, char **errorp);
char *xfrmctl_set_column(struct ctl_context *, const struct ovsdb_idl_row *,
                         const char *arg);
void xfrmctl_fill_cell(struct cell *, const struct ovsdb_idl_row *,
                       const struct ovsdb_idl_column *);

/* ovs-xfrmctl-arg.c: arguments. */
bool xfrmctl_parse_u32(const char *what, const char *s, uint32_t min,
                       uint32_t max, uint32_t *, char **errorp);
char *xfrmctl_parse_addr(const char *what, const char *s, char **errorp);
bool xfrmctl_parse_choice(const char *what, const char *s,
                          const char *const choices[], const char **,
                          char **errorp);
char *xfrmctl_one_of(const char *s, const char *const choices[]);
bool xfrmctl_looks_like_key(const char *);
extern const char xfrmctl_key_refusal[];

/* ovs-xfrmctl-key.c: keys. */
char *xfrmctl_key_len(const char *proto, const char *algorithm, size_t *lenp);
char *xfrmctl_key_read(const char *file_name, const char *proto,
                       const char *algorithm, char **hexp);
char *xfrmctl_key_generate(const char *proto, const char *algorithm,
                           char **hexp);
char *xfrmctl_key_save(const char *file_name, const char *hex);
void xfrmctl_key_free(char *hex);
uint32_t xfrmctl_random_spi(const char *proto);

/* ovs-xfrmctl-sa.c and ovs-xfrmctl-policy.c. */
const struct xfrmrec_sa *xfrmctl_sa_find(const struct ovsdb_idl *,
                                         const char *dst, int64_t spi,
                                         const char *proto);
void xfrmctl_sa_name(const struct xfrmrec_sa *, struct ds *);
void xfrmctl_selector_format(const struct smap *, struct ds *);
void xfrmctl_template_format(const struct xfrmrec_template *, struct ds *);

/* ovs-xfrmctl-schema.c: what the schema says. */
struct json *xfrmctl_schema_json(void);
bool xfrmctl_column_is_status(const struct ovsdb_idl_table_class *,
                              const struct ovsdb_idl_column *);

/* ovs-xfrmctl-export.c. */
void xfrmctl_import(const struct json *, struct ovsdb_idl_txn *,
                    const struct xfrmrec_xfrm_global *, char **errorp);
char *xfrmctl_import_read(const char *file_name, struct json **);

/* ovs-xfrmctl-rpc.c: requests that the IDL has no words for. */
char *xfrmctl_rpc(const char *db, const char *method, struct json *params,
                  struct json **resultp);
bool xfrmctl_rpc_has_database(const char *db, char **errorp);
char *xfrmctl_unixctl_owner(const char *target, uid_t *, gid_t *);
char *xfrmctl_unixctl(const char *target, const char *command,
                      const char *argument, bool *refused);

#endif /* ovs-xfrmctl.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-xfrmctl init: from nothing, or from any step in between, to a database
 * that ovs-vswitchd works with.  What is there already is left as it is.
 *
 * Below: the schema, the requests of ovs-xfrmctl-rpc.c, and Open vSwitch's
 * database files (libovsdb). */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "lockfile.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-error.h"
#include "ovsdb/log.h"
#include "timeval.h"
#include "util.h"

/* Who runs the server and will open the file. */
struct server {
    const char *target;         /* For ovs-appctl. */
    uid_t uid;
    gid_t gid;
};

/* Until back_to_root() we are who runs 'server', if we are root and it is not.
 * What root made, in a directory where somebody else may put links as well,
 * would be none of the server's: neither the file nor the lock beside it. */
static void
become(const struct server *server)
{
    if (!geteuid() && server->uid
        && (setegid(server->gid) || seteuid(server->uid))) {
        ctl_fatal("cannot become user %ju, who runs ovsdb-server (%s)",
                  (uintmax_t) server->uid, ovs_strerror(errno));
    }
}

static void
back_to_root(void)
{
    if (geteuid() != getuid() && (seteuid(getuid()) || setegid(getgid()))) {
        ctl_fatal("cannot become root again (%s)", ovs_strerror(errno));
    }
}

/* Removes the new database file and its lock. */
static void
remove_file(const char *file_name)
{
    char *lock_name = lockfile_name(file_name);

    unlink(file_name);
    unlink(lock_name);
    free(lock_name);
}

/* Creates the database file 'file_name', with nothing in it. */
static void
create_file(const char *file_name, const struct server *server)
{
    char *dir = dir_name(file_name);
    struct ovsdb_error *error;
    struct ovsdb_log *log;

    /* It will hold keys. */
    umask(077);
    become(server);
    /* What Open vSwitch says of a lock that it cannot make is no help. */
    if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS)) {
        ctl_fatal("cannot create database file %s as user %ju: %s: %s",
                  file_name, (uintmax_t) geteuid(), dir, ovs_strerror(errno));
    }
    free(dir);
    error = ovsdb_log_open(file_name, OVSDB_MAGIC, OVSDB_LOG_CREATE_EXCL, -1,
                           &log);
    if (!error) {
        error = ovsdb_log_write(log, xfrmctl_schema_json());
        if (!error) {
            error = ovsdb_log_commit_block(log);
        }
        ovsdb_log_close(log);
        if (error) {
            remove_file(file_name);
        }
    }
    if (error) {
        char *s = ovsdb_error_to_string_free(error);

        ctl_fatal("cannot create database file %s as user %ju: %s", file_name,
                  (uintmax_t) geteuid(), s);
    }
    back_to_root();
}

/* What to do about a file that was there, and that the server did not take: a
 * clause to put behind the reason, malloc'd, maybe empty. */
static char *
advise_owner(const char *file_name, const struct server *server)
{
    char *lock_name = lockfile_name(file_name);
    const char *files[] = { file_name, lock_name };
    struct ds advice = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        struct stat st;

        if (server->uid && !lstat(files[i], &st)
            && st.st_uid != server->uid) {
            if (!advice.length) {
                ds_put_format(&advice, ": it belongs to user %ju, and "
                              "ovsdb-server runs as user %ju: run chown "
                              "%ju:%ju", (uintmax_t) st.st_uid,
                              (uintmax_t) server->uid,
                              (uintmax_t) server->uid,
                              (uintmax_t) server->gid);
            }
            ds_put_format(&advice, " %s", files[i]);
        }
    }
    free(lock_name);
    return ds_steal_cstr(&advice);
}

/* Has the server open 'file_name', which is new if 'created' says so. */
static void
add_file(const char *file_name, const struct server *server, bool created)
{
    bool refused;
    char *error = xfrmctl_unixctl(server->target, "ovsdb-server/add-db",
                                  file_name, &refused);

    if (!error) {
        return;
    }
    if (!created) {
        ctl_fatal("cannot add %s to ovsdb-server: %s%s", file_name, error,
                  advise_owner(file_name, server));
    }
    /* Without an answer the server may have it. */
    if (refused) {
        become(server);
        remove_file(file_name);
    }
    ctl_fatal("cannot add %s to ovsdb-server: %s", file_name, error);
}

/* Where the database file is to be, malloc'd.  The server has a working
 * directory of its own, so the name is absolute. */
static char *
database_file(const char *db_file)
{
    char *file_name = (db_file ? abs_file_name(NULL, db_file)
                       : xfrmctl_default_db_file());

    if (!file_name) {
        ctl_fatal("the working directory is gone");
    }
    return file_name;
}

/* What is added to a running server is forgotten when it stops. */
static void
advise(const char *file_name)
{
    printf("To have ovsdb-server serve it from its start, let ovs-ctl know:\n"
           "  Debian, /etc/default/openvswitch-switch: "
           "OVS_CTL_OPTS=\"--extra-dbs=%s\"\n"
           "  Red Hat, /etc/sysconfig/openvswitch: "
           "OPTIONS=\"--extra-dbs=%s\"\n"
           "or name the file on the server's command line.  Otherwise run "
           "\"ovs-xfrmctl init\"\nagain after each start of the server.\n",
           file_name, file_name);
}

/* Makes the server have the database.  Returns false if it has not, because
 * of --dry-run. */
static bool
add_database(const struct ctl_command *c)
{
    const char *target = shash_find_data(&c->options, "--server");
    struct server server = { .target = target ? target : "ovsdb-server" };
    const char *file = shash_find_data(&c->options, "--db-file");
    char *file_name, *error;
    bool exists;

    if (xfrmctl_rpc_has_database(xfrmctl.db, &error)) {
        return true;
    }
    if (error) {
        ctl_fatal("%s: %s", xfrmctl.db, error);
    }
    file_name = database_file(file);
    exists = !access(file_name, F_OK);
    if (xfrmctl.dry_run) {
        printf("%s %s; ovsdb-server does not serve it\n", file_name,
               exists ? "exists" : "does not exist");
        free(file_name);
        return false;
    }
    error = xfrmctl_unixctl_owner(server.target, &server.uid, &server.gid);
    if (error) {
        ctl_fatal("cannot add %s to ovsdb-server: %s", file_name, error);
    }
    if (!exists) {
        create_file(file_name, &server);
    }
    add_file(file_name, &server, !exists);
    if (!xfrmctl_rpc_has_database(xfrmctl.db, &error)) {
        ctl_fatal("%s was added to ovsdb-server, but %s has no database "
                  "OVS_XFRM%s%s; are they the same server (--server, --db)?",
                  file_name, xfrmctl.db, error ? ": " : "",
                  error ? error : "");
    }
    printf(exists ? "%s existed, but ovsdb-server did not serve it; now it "
           "does.\n" : "%s was created, and ovsdb-server serves it now.\n",
           file_name);
    advise(file_name);
    free(file_name);
    return true;
}

/* Returns the name of the file that "init" creates, malloc'd. */
char *
xfrmctl_default_db_file(void)
{
    return xasprintf("%s/ovs-xfrm.db", ovs_dbdir());
}

/* Is version 'a' older than 'b'?  Versions are "X.Y.Z" (RFC 7047, section
 * 3.1). */
static bool
is_older(const char *a, const char *b)
{
    unsigned int x[3], y[3];

    if (!ovs_scan(a, "%u.%u.%u", &x[0], &x[1], &x[2])
        || !ovs_scan(b, "%u.%u.%u", &y[0], &y[1], &y[2])) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(x); i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i];
        }
    }
    return false;
}

/* Gives a database of an older version our schema; its rows stay.  One of a
 * newer version stays as it is: it has all columns that we know. */
static void
upgrade_schema(void)
{
    const char *name = xfrmrec_idl_class.database;
    const char *ours = xfrmrec_get_db_version();
    const struct json *version = NULL;
    struct json *schema, *result;
    char *error;

    error = xfrmctl_rpc(xfrmctl.db, "get_schema",
                        json_array_create_1(json_string_create(name)),
                        &schema);
    if (!error && schema && schema->type == JSON_OBJECT) {
        version = shash_find_data(json_object(schema), "version");
    }
    if (version && version->type == JSON_STRING
        && is_older(json_string(version), ours) && !xfrmctl.dry_run) {
        error = xfrmctl_rpc(xfrmctl.db, "convert",
                            json_array_create_2(
                                json_string_create(name),
                                json_clone(xfrmctl_schema_json())),
                            &result);
        json_destroy(result);
        if (error) {
            ctl_fatal("cannot convert the database from schema version %s to "
                      "%s: %s", json_string(version), ours, error);
        }
    }
    if (error) {
        ctl_fatal("%s: %s", xfrmctl.db, error);
    }
    json_destroy(schema);
}

static bool
is_empty(const struct ovsdb_idl *idl)
{
    return !xfrmrec_sa_first(idl) && !xfrmrec_policy_first(idl);
}

/* Makes the row XFRM_Global, and puts 'export' in if it is nonnull.  Returns
 * false if the database changed meanwhile. */
static bool
try_fill(struct ovsdb_idl *idl, const struct json *export,
         const char *export_name)
{
    const struct xfrmrec_xfrm_global *global = xfrmrec_xfrm_global_first(idl);
    enum ovsdb_idl_txn_status status;
    struct ovsdb_idl_txn *txn;
    char *error = NULL;

    if (global && !export) {
        return true;
    }
    if (export && !is_empty(idl)) {
        ctl_fatal("the database has SAs or policies already; \"init --from\" "
                  "fills an empty one (\"destroy --all SA -- destroy --all "
                  "Policy\" empties it)");
    }
    txn = ovsdb_idl_txn_create(idl);
    ovsdb_idl_txn_add_comment(txn, "ovs-xfrmctl: init");
    if (xfrmctl.dry_run) {
        ovsdb_idl_txn_set_dry_run(txn);
    }
    if (!global) {
        global = xfrmrec_xfrm_global_insert(txn);
    }
    if (export) {
        xfrmctl_import(export, txn, global, &error);
        if (error) {
            ctl_fatal("%s: %s", export_name, error);
        }
    }
    status = ovsdb_idl_txn_commit_block(txn);
    if (status != TXN_SUCCESS && status != TXN_UNCHANGED
        && status != TXN_TRY_AGAIN) {
        xfrmctl_refused(NULL, txn);
    }
    ovsdb_idl_txn_destroy(txn);
    return status != TXN_TRY_AGAIN;
}

int
xfrmctl_init_run(struct ctl_command *c)
{
    const char *from = shash_find_data(&c->options, "--from");
    struct json *export = NULL;
    struct ovsdb_idl *idl;
    unsigned int seqno;

    if (xfrmctl.wait) {
        ctl_fatal("init does not wait; \"ovs-xfrmctl --wait show\" does");
    }
    if (from) {
        /* First, so that a bad file leaves nothing behind. */
        char *error = xfrmctl_import_read(from, &export);

        if (error) {
            ctl_fatal("%s", error);
        }
    }
    if (!add_database(c)) {
        json_destroy(export);
        return EXIT_SUCCESS;
    }
    upgrade_schema();

    idl = xfrmctl_connect(xfrmctl.db, false);
    seqno = ovsdb_idl_get_seqno(idl);
    for (;;) {
        xfrmctl_idl_run(idl, xfrmctl.db);
        if (seqno != ovsdb_idl_get_seqno(idl)) {
            seqno = ovsdb_idl_get_seqno(idl);
            if (try_fill(idl, export, from)) {
                break;
            }
        }
        xfrmctl_check_deadline("the database did not answer");
        ovsdb_idl_wait(idl);
        poll_timer_wait_until(xfrmctl.deadline);
        poll_block();
    }
    ovsdb_idl_destroy(idl);
    json_destroy(export);
    return EXIT_SUCCESS;
}

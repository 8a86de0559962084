/* SPDX-License-Identifier: Apache-2.0 */

/* Requests to ovsdb-server that the IDL has no words for: which databases
 * there are, and (through its control socket) to serve one more.
 *
 * Above: init, and whoever connects.  Below: Open vSwitch's jsonrpc. */

#include <config.h>

#include "ovs-xfrmctl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "daemon.h"
#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/poll-loop.h"
#include "packets.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

/* Sends 'request', which this function takes, and waits for the reply, until
 * --timeout.  Returns 0 and the reply, which the caller destroys, in
 * '*replyp', or a positive errno or EOF. */
static int
transact(struct jsonrpc *rpc, struct jsonrpc_msg *request,
         struct jsonrpc_msg **replyp)
{
    struct json *id = json_clone(request->id);
    int error = jsonrpc_send(rpc, request);

    *replyp = NULL;
    while (!error) {
        struct jsonrpc_msg *msg;

        jsonrpc_run(rpc);
        error = jsonrpc_recv(rpc, &msg);
        if (!error) {
            if ((msg->type == JSONRPC_REPLY || msg->type == JSONRPC_ERROR)
                && json_equal(msg->id, id)) {
                *replyp = msg;
                break;
            }
            jsonrpc_msg_destroy(msg);
        } else if (error == EAGAIN && time_msec() >= xfrmctl.deadline) {
            error = ETIMEDOUT;
        } else if (error == EAGAIN) {
            error = 0;
            jsonrpc_wait(rpc);
            jsonrpc_recv_wait(rpc);
            poll_timer_wait_until(xfrmctl.deadline);
            poll_block();
        }
    }
    json_destroy(id);
    return error;
}

/* Milliseconds until --timeout, for stream_open_block(). */
static long long int
patience(void)
{
    return (xfrmctl.deadline == LLONG_MAX ? -1
            : MAX(xfrmctl.deadline - time_msec(), 0));
}

/* Sends the request 'method' with 'params' (which this function takes) to the
 * server at 'db', which is a list of remotes like the one that the IDL takes,
 * and stores the result, which the caller destroys.  Returns NULL, or a
 * malloc'd reason. */
char *
xfrmctl_rpc(const char *db, const char *method, struct json *params,
            struct json **resultp)
{
    char *remotes = xstrdup(db);
    char *save_ptr = NULL;
    char *error = NULL;
    struct jsonrpc *rpc = NULL;

    *resultp = NULL;
    for (char *remote = strtok_r(remotes, ",", &save_ptr); remote && !rpc;
         remote = strtok_r(NULL, ",", &save_ptr)) {
        struct stream *stream;
        int retval;

        retval = stream_open_block(jsonrpc_stream_open(remote, &stream,
                                                       DSCP_DEFAULT),
                                   patience(), &stream);
        if (!retval) {
            rpc = jsonrpc_open(stream);
        } else {
            free(error);
            error = (retval == EAFNOSUPPORT
                     ? xstrdup("is no database server; it must be unix:FILE, "
                               "tcp:HOST:PORT or ssl:HOST:PORT")
                     : xasprintf("database connection failed (%s)",
                                 ovs_retval_to_string(retval)));
        }
    }
    free(remotes);
    if (!rpc) {
        json_destroy(params);
        return error ? error : xstrdup("names no database server");
    }
    free(error);
    error = NULL;

    struct jsonrpc_msg *reply;
    int retval = transact(rpc, jsonrpc_create_request(method, params, NULL),
                          &reply);
    if (retval) {
        error = xasprintf("no answer to \"%s\" (%s)", method,
                          ovs_retval_to_string(retval));
    } else {
        if (reply->error && reply->error->type != JSON_NULL) {
            char *s = json_to_string(reply->error, 0);

            error = xasprintf("\"%s\" failed: %s", method, s);
            free(s);
        } else {
            *resultp = json_nullable_clone(reply->result);
        }
        jsonrpc_msg_destroy(reply);
    }
    jsonrpc_close(rpc);
    return error;
}

/* Does the server at 'db' have OVS_XFRM?  If the answer is no because of an
 * error, '*errorp' is a malloc'd reason, otherwise NULL. */
bool
xfrmctl_rpc_has_database(const char *db, char **errorp)
{
    struct json *result;
    bool found = false;

    *errorp = xfrmctl_rpc(db, "list_dbs", json_array_create_empty(), &result);
    if (*errorp) {
        return false;
    }
    if (result && result->type == JSON_ARRAY) {
        for (size_t i = 0; i < xfrm_ovs_json_n(result); i++) {
            const struct json *name = xfrm_ovs_json_at(result, i);

            found |= (name->type == JSON_STRING
                      && !strcmp(json_string(name),
                                 xfrmrec_idl_class.database));
        }
    }
    json_destroy(result);
    return found;
}

/* Where 'target' (a program's name, or the path of a socket) listens for
 * commands, malloc'd; or NULL with a malloc'd reason. */
static char *
unixctl_path(const char *target, char **errorp)
{
    char *pidfile, *path;
    pid_t pid;

    *errorp = NULL;
    if (target[0] == '/') {
        return xstrdup(target);
    }
    pidfile = xasprintf("%s/%s.pid", ovs_rundir(), target);
    pid = read_pidfile(pidfile);
    if (pid < 0) {
        *errorp = xasprintf("cannot read %s (%s); does %s run, and on this "
                            "host?", pidfile, ovs_strerror(-pid), target);
    }
    free(pidfile);
    if (*errorp) {
        return NULL;
    }
    path = xasprintf("%s/%s.%ld.ctl", ovs_rundir(), target, (long int) pid);
    return path;
}

/* Who runs the program that listens at 'target'.  Returns NULL, or a malloc'd
 * reason. */
char *
xfrmctl_unixctl_owner(const char *target, uid_t *uid, gid_t *gid)
{
    struct stat st;
    char *error;
    char *path = unixctl_path(target, &error);

    if (path && stat(path, &st)) {
        error = xasprintf("cannot talk to %s (%s)", path, ovs_strerror(errno));
    } else if (path) {
        *uid = st.st_uid;
        *gid = st.st_gid;
    }
    free(path);
    return error;
}

/* Sends 'command' with one argument to 'target'.  Returns NULL, or a malloc'd
 * reason, and then tells in '*refused' whether it is certain that nothing was
 * done. */
char *
xfrmctl_unixctl(const char *target, const char *command, const char *argument,
                bool *refused)
{
    char *args[] = { CONST_CAST(char *, argument) };
    struct jsonrpc *client;
    char *result = NULL, *complaint = NULL;
    char *error, *path;
    int retval;

    *refused = true;
    path = unixctl_path(target, &error);
    if (!path) {
        return error;
    }
    retval = unixctl_client_create(path, &client);
    if (!retval) {
        retval = unixctl_client_transact(client, command, ARRAY_SIZE(args),
                                         args, &result, &complaint);
        *refused = !retval;
        jsonrpc_close(client);
    }
    if (retval) {
        error = xasprintf("cannot talk to %s (%s)", path,
                          ovs_strerror(retval));
    } else if (complaint) {
        error = xasprintf("%s: %s", command, complaint);
        error[strcspn(error, "\n")] = '\0';
    }
    free(path);
    free(result);
    free(complaint);
    return error;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Whether an OVSDB server has a database: see xfrm-db-probe.h.  RFC 7047
 * section 4.1.1, "list_dbs". */

#include <config.h>

#include "xfrm-db-probe.h"

#include <string.h>

#include "jsonrpc.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"
#include "xfrm-ovs-json.h"

#define INTERVAL 1000           /* Milliseconds between two questions. */
#define MAX_BACKOFF 1000        /* Milliseconds between two connections. */

struct xfrm_db_probe {
    struct jsonrpc_session *session;
    char *database;
    struct json *request_id;    /* Of the question that is open, or NULL. */
    unsigned int seqno;
    long long int next;
    enum xfrm_db_presence presence;
    bool returned;              /* See xfrm_db_probe_has_returned(). */
    bool greeted;               /* It answered on this connection. */
};

struct xfrm_db_probe *
xfrm_db_probe_create(const char *remote, const char *database)
{
    struct xfrm_db_probe *probe = xzalloc(sizeof *probe);

    probe->session = jsonrpc_session_open(remote, true);
    jsonrpc_session_set_max_backoff(probe->session, MAX_BACKOFF);
    probe->database = xstrdup(database);
    return probe;
}

void
xfrm_db_probe_destroy(struct xfrm_db_probe *probe)
{
    if (probe) {
        jsonrpc_session_close(probe->session);
        json_destroy(probe->request_id);
        free(probe->database);
        free(probe);
    }
}

static void
take_answer(struct xfrm_db_probe *probe, const struct json *result)
{
    if (!result || result->type != JSON_ARRAY) {
        return;
    }
    if (!probe->greeted) {
        probe->greeted = probe->returned = true;
    }
    probe->presence = XFRM_DB_ABSENT;
    for (size_t i = 0; i < xfrm_ovs_json_n(result); i++) {
        const struct json *name = xfrm_ovs_json_at(result, i);

        if (name->type == JSON_STRING
            && !strcmp(json_string(name), probe->database)) {
            probe->presence = XFRM_DB_PRESENT;
        }
    }
}

enum xfrm_db_presence
xfrm_db_probe_run(struct xfrm_db_probe *probe)
{
    unsigned int seqno;

    jsonrpc_session_run(probe->session);
    seqno = jsonrpc_session_get_seqno(probe->session);
    if (seqno != probe->seqno) {
        probe->seqno = seqno;
        probe->next = 0;
        probe->greeted = false;
        json_destroy(probe->request_id);
        probe->request_id = NULL;
    }
    if (!jsonrpc_session_is_connected(probe->session)) {
        return probe->presence;
    }

    for (int i = 0; i < 10; i++) {
        struct jsonrpc_msg *msg = jsonrpc_session_recv(probe->session);

        if (!msg) {
            break;
        }
        if (msg->type == JSONRPC_REPLY && probe->request_id
            && json_equal(msg->id, probe->request_id)) {
            take_answer(probe, msg->result);
            json_destroy(probe->request_id);
            probe->request_id = NULL;
            probe->next = time_msec() + INTERVAL;
        }
        jsonrpc_msg_destroy(msg);
    }
    if (!probe->request_id && time_msec() >= probe->next) {
        struct jsonrpc_msg *msg = jsonrpc_create_request(
            "list_dbs", json_array_create_empty(), &probe->request_id);

        if (jsonrpc_session_send(probe->session, msg)) {
            json_destroy(probe->request_id);
            probe->request_id = NULL;
            probe->next = time_msec() + INTERVAL;
        }
    }
    return probe->presence;
}

bool
xfrm_db_probe_has_returned(struct xfrm_db_probe *probe)
{
    bool returned = probe->returned;

    probe->returned = false;
    return returned;
}

void
xfrm_db_probe_wait(struct xfrm_db_probe *probe)
{
    jsonrpc_session_wait(probe->session);
    jsonrpc_session_recv_wait(probe->session);
    if (!probe->request_id && jsonrpc_session_is_connected(probe->session)) {
        poll_timer_wait_until(probe->next);
    }
}

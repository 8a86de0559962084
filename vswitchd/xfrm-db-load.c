/* SPDX-License-Identifier: Apache-2.0 */

/* All rows of some tables of OVS_XFRM: see xfrm-db-load.h.
 *
 * Each table is a "monitor_cond" of its own that selects nothing but the first
 * contents.  (Of ovsdb-server's ways to tell what is in a table this is the
 * cheapest: it leaves out what has its default.)  All of them are asked for at
 * once.  The server has one thread, which begins with a reply when the last one
 * has been taken from it: so a reply is taken in as a whole before rows are
 * parsed, while the server composes the next one.
 *
 * Text with keys in it is wiped before its memory is freed. */

#include <config.h>

#include "xfrm-db-load.h"

#include <errno.h>
#include <string.h>

#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/type-props.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "stream.h"
#include "util.h"
#include "uuid.h"
#include "xfrm-json-text.h"
#include "xfrm-secret.h"

VLOG_DEFINE_THIS_MODULE(xfrm_db_load);

#define DATABASE "OVS_XFRM"
#define ROOM (64u << 10)        /* Bytes to receive at once, at least. */
#define MAX_RECEIVE 50          /* Times to receive in one turn. */

struct text {
    char *data;
    size_t n, allocated;
};

struct xfrm_db_load {
    struct stream *stream;
    bool connected;
    enum xfrm_db_table tables[XFRM_DB_N_TABLES];
    struct json *columns[XFRM_DB_N_TABLES];
    size_t n_tables;
    bool failed;

    char *request;              /* Being sent, or NULL. */
    size_t sent;
    size_t received;            /* Tables that are here. */

    struct text incoming;       /* What has come and is not taken yet... */
    size_t scanned;             /* ...of which so much was looked at... */
    struct xfrm_json_end end;   /* ...for the end of the first message. */

    struct text replies[XFRM_DB_N_TABLES];
    struct xfrm_json_span results[XFRM_DB_N_TABLES];    /* In 'replies'. */
    size_t table;               /* Whose rows come next. */
    bool open;                  /* 'rows' is valid. */
    struct xfrm_json_span rows; /* What is left of them. */
};

static void
text_clear(struct text *text)
{
    xfrm_wipe(text->data, text->n);
    free(text->data);
    memset(text, 0, sizeof *text);
}

/* Makes room for at least 'n' more bytes. */
static void
text_reserve(struct text *text, size_t n)
{
    if (text->allocated - text->n < n) {
        struct text bigger = { .n = text->n };

        bigger.allocated = MAX(text->allocated * 2, text->n + n);
        bigger.data = xmalloc(bigger.allocated);
        if (text->n) {
            memcpy(bigger.data, text->data, text->n);
        }
        text_clear(text);
        *text = bigger;
    }
}

struct xfrm_db_load *
xfrm_db_load_create(const char *remote, struct json *columns[], size_t n)
{
    struct xfrm_db_load *load = xzalloc(sizeof *load);
    int error = stream_open_with_default_port(remote, OVSDB_PORT,
                                              &load->stream, DSCP_DEFAULT);

    if (error) {
        load->stream = NULL;
        load->failed = true;
    }
    for (size_t i = 0; i < n; i++) {
        if (columns[i]) {
            load->columns[load->n_tables] = columns[i];
            load->tables[load->n_tables++] = i;
        }
    }
    return load;
}

void
xfrm_db_load_destroy(struct xfrm_db_load *load)
{
    if (load) {
        stream_close(load->stream);
        for (size_t i = 0; i < load->n_tables; i++) {
            json_destroy(load->columns[i]);
            text_clear(&load->replies[i]);
        }
        text_clear(&load->incoming);
        free(load->request);
        free(load);
    }
}

static void
fail(struct xfrm_db_load *load, const char *why)
{
    if (!load->failed) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

        VLOG_INFO_RL(&rl, "%s: cannot be read: %s", DATABASE, why);
        load->failed = true;
    }
}

/* Sending. */

/* Appends a request for the table with index 'i'. */
static void
put_request(const struct xfrm_db_load *load, size_t i, struct ds *s)
{
    static const char *const never[] = { "insert", "delete", "modify" };
    struct json *select = json_object_create();
    struct json *request = json_object_create();
    struct json *tables = json_object_create();
    struct json *message = json_object_create();

    for (size_t j = 0; j < ARRAY_SIZE(never); j++) {
        json_object_put(select, never[j], json_boolean_create(false));
    }
    json_object_put(request, "columns", json_clone(load->columns[i]));
    json_object_put(request, "select", select);
    json_object_put(tables, xfrm_db_table_class(load->tables[i])->name,
                    json_array_create_1(request));
    json_object_put_string(message, "method", "monitor_cond");
    json_object_put(message, "params",
                    json_array_create_3(json_string_create(DATABASE),
                                        json_integer_create(i), tables));
    json_object_put(message, "id", json_integer_create(i));
    json_to_ds(message, 0, s);
    json_destroy(message);
}

static void
ask(struct xfrm_db_load *load)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < load->n_tables; i++) {
        put_request(load, i, &s);
    }
    load->request = ds_steal_cstr(&s);
    load->sent = 0;
}

static void
send_request(struct xfrm_db_load *load)
{
    while (load->request) {
        size_t left = strlen(load->request) - load->sent;
        int n = stream_send(load->stream, load->request + load->sent, left);

        if (n < 0) {
            if (n != -EAGAIN) {
                fail(load, ovs_strerror(-n));
            }
            return;
        }
        load->sent += n;
        if ((size_t) n == left) {
            free(load->request);
            load->request = NULL;
        }
    }
}

/* Receiving. */

/* The server wants to know whether we are there.  Our answer is not worth a
 * queue: a connection that was silent for so long can be made anew. */
static void
answer_echo(struct xfrm_db_load *load, const struct xfrm_json_span *id)
{
    char *answer;
    size_t n;

    if (load->request) {
        return;
    }
    answer = xasprintf("{\"id\":%.*s,\"result\":[],\"error\":null}",
                       (int) (id->end - id->begin), id->begin);
    n = strlen(answer);
    if (stream_send(load->stream, answer, n) != (int) n) {
        fail(load, "the server does not take an answer");
    }
    free(answer);
}

/* Whether 'span' says 'number'. */
static bool
is_number(const struct xfrm_json_span *span, size_t number)
{
    char text[INT_STRLEN(size_t) + 1];
    size_t n = snprintf(text, sizeof text, "%"PRIuSIZE, number);

    return (span->begin && (size_t) (span->end - span->begin) == n
            && !memcmp(span->begin, text, n));
}

/* Takes the message that has been received.  Replies come in the order of the
 * requests. */
static void
take_message(struct xfrm_db_load *load)
{
    struct xfrm_json_span at = { load->incoming.data,
                                 load->incoming.data + load->incoming.n };
    struct xfrm_json_span name, value, id = { NULL, NULL };
    struct xfrm_json_span result = { NULL, NULL };
    bool refused = false, request = false, echo = false;

    while (xfrm_json_next_member(&at, &name, &value)) {
        if (xfrm_json_span_is_string(&name, "method")) {
            request = true;
            echo = xfrm_json_span_is_string(&value, "echo");
        } else if (xfrm_json_span_is_string(&name, "id")) {
            id = value;
        } else if (xfrm_json_span_is_string(&name, "error")) {
            refused = *value.begin != 'n';      /* null */
        } else if (xfrm_json_span_is_string(&name, "result")) {
            result = value;
        }
    }
    if (request) {
        if (echo && id.begin) {
            answer_echo(load, &id);
        }
    } else if (refused || !result.begin || *result.begin != '{') {
        fail(load, "the server refuses to tell");
    } else if (!is_number(&id, load->received)) {
        fail(load, "the server answers what it was not asked");
    } else {
        load->replies[load->received] = load->incoming;
        load->results[load->received++] = result;
        memset(&load->incoming, 0, sizeof load->incoming);
    }
    text_clear(&load->incoming);
}

/* Takes the messages of which the last bytes have come. */
static void
take_messages(struct xfrm_db_load *load)
{
    struct text *in = &load->incoming;

    while (load->scanned < in->n && !load->failed
           && load->received < load->n_tables) {
        struct text rest = { .data = NULL };
        bool complete;

        load->scanned += xfrm_json_end_feed(&load->end,
                                            in->data + load->scanned,
                                            in->n - load->scanned, &complete);
        if (!complete) {
            break;
        }
        if (load->scanned < in->n) {
            rest.n = in->n - load->scanned;
            rest.allocated = MAX(rest.n, ROOM);
            rest.data = xmalloc(rest.allocated);
            memcpy(rest.data, in->data + load->scanned, rest.n);
            xfrm_wipe(in->data + load->scanned, rest.n);
            in->n = load->scanned;
        }
        take_message(load);
        *in = rest;
        load->scanned = 0;
        memset(&load->end, 0, sizeof load->end);
    }
}

static void
receive(struct xfrm_db_load *load)
{
    struct text *in = &load->incoming;

    for (int i = 0; (i < MAX_RECEIVE && !load->failed
                     && load->received < load->n_tables); i++) {
        int n;

        text_reserve(in, ROOM);
        n = stream_recv(load->stream, in->data + in->n, in->allocated - in->n);
        if (n <= 0) {
            if (n != -EAGAIN) {
                fail(load, n ? ovs_strerror(-n) : "connection closed");
            }
            return;
        }
        in->n += n;
        take_messages(load);
    }
}

void
xfrm_db_load_run(struct xfrm_db_load *load)
{
    int error;

    if (load->failed || load->received >= load->n_tables) {
        return;
    }
    stream_run(load->stream);
    if (!load->connected) {
        error = stream_connect(load->stream);
        if (error) {
            if (error != EAGAIN) {
                fail(load, ovs_strerror(error));
            }
            return;
        }
        load->connected = true;
        ask(load);
    }
    send_request(load);
    receive(load);
}

bool
xfrm_db_load_has_all(const struct xfrm_db_load *load)
{
    return load->received >= load->n_tables;
}

/* Rows. */

/* Parses a row, of which 'at' begins with the value, and goes on to its end.
 * Its name is its UUID, its value an object whose only member, "initial", has
 * the columns. */
static bool
parse_row(const struct xfrm_json_span *name, struct xfrm_json_span *at,
          struct uuid *uuid, struct json **columns)
{
    struct json_parser *parser;
    struct json *row;

    if (name->end - name->begin != UUID_LEN + 2
        || !uuid_from_string_prefix(uuid, name->begin + 1)) {
        return false;
    }
    /* The parser stops at the end by itself. */
    parser = json_parser_create(0);
    at->begin += json_parser_feed(parser, at->begin, at->end - at->begin);
    row = json_parser_finish(parser);
    *columns = (row->type == JSON_OBJECT && shash_count(json_object(row)) == 1
                ? shash_find_and_delete(json_object(row), "initial")
                : NULL);
    json_destroy(row);
    if (*columns && (*columns)->type != JSON_OBJECT) {
        json_destroy(*columns);
        *columns = NULL;
    }
    return *columns != NULL;
}

enum xfrm_db_load_status
xfrm_db_load_next(struct xfrm_db_load *load, enum xfrm_db_table *table,
                  struct uuid *uuid, struct json **columns)
{
    while (!load->failed && load->table < load->received) {
        struct xfrm_json_span name;
        bool empty = false;

        *table = load->tables[load->table];
        if (!load->open) {
            load->open = true;
            load->rows = load->results[load->table];
            empty = !xfrm_json_enter(&load->rows,
                                     xfrm_db_table_class(*table)->name);
        }
        if (!empty && xfrm_json_next_name(&load->rows, &name)) {
            if (parse_row(&name, &load->rows, uuid, columns)) {
                return XFRM_DB_LOAD_ROW;
            }
            fail(load, "a row is not understood");
            break;
        }
        if (!xfrm_json_ended(&load->rows)) {
            fail(load, "a table is not understood");
            break;
        }
        text_clear(&load->replies[load->table]);
        load->open = false;
        load->table++;
    }
    return (load->failed ? XFRM_DB_LOAD_FAILED
            : load->table >= load->n_tables ? XFRM_DB_LOAD_DONE
            : XFRM_DB_LOAD_WAIT);
}

void
xfrm_db_load_wait(struct xfrm_db_load *load)
{
    if (load->failed || load->table < load->received
        || load->received >= load->n_tables) {
        poll_immediate_wake();
    }
    if (!load->failed && load->received < load->n_tables) {
        stream_run_wait(load->stream);
        /* What the last turn knew counts.  If the connection were looked at here,
         * it could be complete by now, and nobody would have asked anything. */
        if (!load->connected) {
            stream_connect_wait(load->stream);
        } else {
            if (load->request) {
                stream_send_wait(load->stream);
            }
            stream_recv_wait(load->stream);
        }
    }
}

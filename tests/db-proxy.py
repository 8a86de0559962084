# SPDX-License-Identifier: Apache-2.0
#
# Stands between ovs-vswitchd and ovsdb-server, both Unix sockets, and is told
# what to do by files in the working directory.  Used by tests/database.at.
#
# usage: db-proxy.py LISTEN CONNECT TEXT...
#
# Passes everything on.  But while there is a file "hold", what a client sends
# from the first message on that contains each TEXT stays here, and when all that
# it asked before is answered a file "held" says so, once.  If there is a file
# "cut" then, the connection of that client is closed and "cut" removed.  "drop"
# is removed and closes all connections.

import json
import os
import select
import socket
import sys

LISTEN, CONNECT = sys.argv[1:3]
TEXTS = [text.encode() for text in sys.argv[3:]]

server = socket.socket(socket.AF_UNIX)
server.bind(LISTEN)
server.listen(10)


class Stream:
    """What comes from one end, cut into messages."""

    def __init__(self, peer, asks):
        self.peer = peer        # Socket of the other end.
        self.asks = asks        # Requests count, else replies.
        self.rest = ""
        self.n = 0              # So many of them so far.

    def cut(self, data):
        self.rest += data.decode("latin-1")
        while self.rest:
            try:
                message, end = json.JSONDecoder().raw_decode(self.rest)
            except ValueError:
                return
            self.n += (message["id"] is not None
                       and ("method" in message) == self.asks)
            yield self.rest[:end].encode("latin-1")
            self.rest = self.rest[end:]


streams, held = {}, {}
clients = set()


def told(name):
    return os.path.exists(name)


def close(sock):
    stream = streams.pop(sock, None)
    for one in (sock, stream and stream.peer):
        if one:
            streams.pop(one, None)
            clients.discard(one)
            held.pop(one, None)
            one.close()


def take(sock, data):
    stream = streams[sock]
    for message in stream.cut(data):
        if sock in held:
            held[sock].append(message)
        elif (sock in clients and told("hold")
              and all(text in message for text in TEXTS)):
            held[sock] = [message]
            stream.asked, stream.told = stream.n - 1, False
        else:
            stream.peer.sendall(message)


while True:
    for sock in select.select([server] + list(streams), [], [], 0.02)[0]:
        if sock is server:
            client = server.accept()[0]
            there = socket.socket(socket.AF_UNIX)
            try:
                there.connect(CONNECT)
            except OSError:
                client.close()
                continue
            streams[client] = Stream(there, True)
            streams[there] = Stream(client, False)
            clients.add(client)
            continue
        if sock not in streams:
            continue
        try:
            data = sock.recv(1 << 16)
            if data:
                take(sock, data)
                continue
        except OSError:
            pass
        close(sock)
    for sock in list(held):
        stream = streams[sock]
        if streams[stream.peer].n < stream.asked:
            continue
        if not stream.told:
            stream.told = True
            open("held", "w").close()
        if told("cut"):
            os.unlink("cut")
            close(sock)
    if held and not told("hold"):
        for sock, messages in list(held.items()):
            del held[sock]
            streams[sock].peer.sendall(b"".join(messages))
    if told("drop"):
        os.unlink("drop")
        for sock in list(clients):
            close(sock)

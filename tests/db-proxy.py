# SPDX-License-Identifier: Apache-2.0
#
# Stands between ovs-vswitchd and ovsdb-server, both Unix sockets, and is told
# what to do by files in the working directory.  Used by tests/database.at.
#
# usage: db-proxy.py LISTEN CONNECT TEXT...
#
# Passes everything on.  But while there is a file "hold", what a client sends
# and contains each TEXT stays here, and a file "held" says so.  If there is a file
# "cut", the connection of that client is closed once and "cut" removed.  "drop"
# is removed and closes all connections.

import os
import select
import socket
import sys

LISTEN, CONNECT = sys.argv[1:3]
TEXTS = [text.encode() for text in sys.argv[3:]]

server = socket.socket(socket.AF_UNIX)
server.bind(LISTEN)
server.listen(10)
peer, held = {}, {}


def told(name):
    return os.path.exists(name)


def close(sock):
    for one in (sock, peer.pop(sock, None)):
        if one:
            peer.pop(one, None)
            clients.discard(one)
            held.pop(one, None)
            one.close()


clients = set()
while True:
    for sock in select.select([server] + list(peer), [], [], 0.02)[0]:
        if sock is server:
            client = server.accept()[0]
            there = socket.socket(socket.AF_UNIX)
            try:
                there.connect(CONNECT)
            except OSError:
                client.close()
                continue
            peer[client], peer[there] = there, client
            clients.add(client)
            continue
        if sock not in peer:
            continue
        try:
            data = sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            close(sock)
        elif (sock in clients and all(text in data for text in TEXTS)
              and told("hold")):
            held[sock] = data
            open("held", "w").close()
        else:
            try:
                peer[sock].sendall(data)
            except OSError:
                close(sock)
    if held and told("cut"):
        os.unlink("cut")
        close(next(iter(held)))
    if held and not told("hold"):
        for sock, data in list(held.items()):
            del held[sock]
            peer[sock].sendall(data)
    if told("drop"):
        os.unlink("drop")
        for sock in list(clients):
            close(sock)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Tells what becomes of the SAs of an OVS_XFRM database, and when.

usage: watch-sas.py SOCKET

For each SA that is there or changes it prints a line with milliseconds since
the epoch, the SPI, the state and the number of packets in the statistics (-1:
none).  It waits for the server if that is not there.
"""

import json
import socket
import sys
import time


def connect(path):
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
            time.sleep(0.05)


def messages(sock):
    decoder = json.JSONDecoder()
    text = ""
    while True:
        data = sock.recv(65536)
        if not data:
            return
        text += data.decode()
        while text:
            try:
                message, end = decoder.raw_decode(text)
            except ValueError:
                break
            yield message
            text = text[end:].lstrip()


def watch(sock):
    columns = ["spi", "state", "statistics"]
    sock.sendall(json.dumps({
        "id": 0, "method": "monitor",
        "params": ["OVS_XFRM", None, {"SA": [{"columns": columns}]}],
    }).encode())
    for message in messages(sock):
        now = int(time.time() * 1000)
        if message.get("method") == "echo":
            sock.sendall(json.dumps({"id": message["id"], "error": None,
                                     "result": message["params"]}).encode())
            continue
        if message.get("method") == "update":
            tables = message["params"][1]
        elif message.get("error"):
            return              # The database is not there yet.
        else:
            tables = message["result"]
        for update in tables.get("SA", {}).values():
            row = update.get("new")
            if row:
                counters = dict(row["statistics"][1])
                state = row["state"] if isinstance(row["state"], str) else "-"
                print(now, row["spi"], state or "-",
                      counters.get("packets", -1), flush=True)


def main():
    while True:
        try:
            with connect(sys.argv[1]) as sock:
                watch(sock)
        except OSError:
            pass


main()

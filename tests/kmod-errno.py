#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the kernel for xfrm interfaces and prints its answers as errnos.

Each line of the standard input is a request, which comes before its answer:

    create|change NAME [if_id=N] [link=N] [external] [empty]

"ip" prints either the kernel's words or the errno, so that it hides the errno
of a refusal that comes with words.  "empty" sends an empty IFLA_INFO_DATA.
Stands below tests/kmod-dropin.
"""

import errno
import socket
import struct
import sys

RTM_NEWLINK = 16
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
IFLA_IFNAME, IFLA_LINKINFO = 3, 18
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_XFRM_LINK, IFLA_XFRM_IF_ID, IFLA_XFRM_COLLECT_METADATA = 1, 2, 3


def attr(kind, data):
    pad = b"\0" * (-len(data) % 4)
    return struct.pack("=HH", 4 + len(data), kind) + data + pad


def ask(verb, name, *options):
    data = b""
    send_data = False
    for option in options:
        key, _, value = option.partition("=")
        send_data = True
        if key == "if_id":
            data += attr(IFLA_XFRM_IF_ID, struct.pack("=I", int(value, 0)))
        elif key == "link":
            data += attr(IFLA_XFRM_LINK, struct.pack("=I", int(value, 0)))
        elif key == "external":
            data += attr(IFLA_XFRM_COLLECT_METADATA, b"")
        elif key != "empty":
            sys.exit("unknown option " + option)
    info = attr(IFLA_INFO_KIND, b"xfrm\0")
    if send_data:
        info += attr(IFLA_INFO_DATA, data)
    body = (struct.pack("=BxHiII", 0, 0, 0, 0, 0)
            + attr(IFLA_IFNAME, name.encode() + b"\0")
            + attr(IFLA_LINKINFO, info))
    flags = NLM_F_REQUEST | NLM_F_ACK
    if verb == "create":
        flags |= NLM_F_CREATE | NLM_F_EXCL
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.bind((0, 0))
    sock.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, flags, 1, 0)
              + body)
    code = -struct.unpack_from("=i", sock.recv(65536), 16)[0]
    return errno.errorcode.get(code, code) if code else "ok"


for line in sys.stdin:
    print("$", line.rstrip())
    print(ask(*line.split()), flush=True)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the kernel for xfrm interfaces and prints its answers as errnos.

Each line of the standard input is a request, which comes before its answer:

    create|change NAME [if_id=N] [link=N] [external] [empty]
    route NAME

"ip" prints either the kernel's words or the errno, so that it hides the errno
of a refusal that comes with words, and some requests it does not make.
"empty" sends an empty IFLA_INFO_DATA.  "route" adds a route into an external
interface that names no if_id.  With --texts the kernel's words follow the
errno.
Stands below tests/kmod-dropin and tests/system-kmod-link.at.
"""

import errno
import socket
import struct
import sys

RTM_NEWLINK, RTM_NEWROUTE = 16, 24
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
IFLA_IFNAME, IFLA_LINKINFO = 3, 18
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_XFRM_LINK, IFLA_XFRM_IF_ID, IFLA_XFRM_COLLECT_METADATA = 1, 2, 3
RTA_DST, RTA_OIF, RTA_ENCAP_TYPE, RTA_ENCAP, ENCAP_XFRM = 1, 4, 21, 22, 10
NLA_F_NESTED = 0x8000
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLM_F_ACK_TLVS, NLMSGERR_ATTR_MSG = 0x200, 1


def attr(kind, data):
    pad = b"\0" * (-len(data) % 4)
    return struct.pack("=HH", 4 + len(data), kind) + data + pad


def link(verb, name, *options):
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
    return RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL if verb == "create" else 0, \
        body


def route(name):
    # 10.9.0.0/16, by hand, a unicast route of the main table to a link.
    return RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, (
        struct.pack("=BBBBBBBBI", socket.AF_INET, 16, 0, 0, 254, 4, 253, 1, 0)
        + attr(RTA_DST, bytes((10, 9, 0, 0)))
        + attr(RTA_OIF, struct.pack("=I", socket.if_nametoindex(name)))
        + attr(RTA_ENCAP_TYPE, struct.pack("=H", ENCAP_XFRM))
        + attr(RTA_ENCAP | NLA_F_NESTED, b""))


def text_of(answer):
    """The kernel's words in a refusal, behind the header of the request."""
    flags = struct.unpack_from("=H", answer, 6)[0]
    rest = answer[36:] if flags & NLM_F_ACK_TLVS else b""
    while len(rest) >= 4:
        length, kind = struct.unpack_from("=HH", rest)
        if kind == NLMSGERR_ATTR_MSG:
            return rest[4:length].rstrip(b"\0").decode()
        rest = rest[(length + 3) & ~3:]
    return ""


def ask(kind, flags, body, texts):
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.bind((0, 0))
    if texts:
        for option in NETLINK_CAP_ACK, NETLINK_EXT_ACK:
            sock.setsockopt(SOL_NETLINK, option, 1)
    sock.send(struct.pack("=IHHII", 16 + len(body), kind,
                          NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0) + body)
    answer = sock.recv(65536)
    code = -struct.unpack_from("=i", answer, 16)[0]
    if not code:
        return "ok"
    name = errno.errorcode.get(code, code)
    return "%s: %s" % (name, text_of(answer)) if texts else name


for line in sys.stdin:
    words = line.split()
    request = route(*words[1:]) if words[0] == "route" else link(*words)
    print("$", line.rstrip())
    print(ask(*request, "--texts" in sys.argv), flush=True)

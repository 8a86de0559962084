#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Packets that no honest peer sends: malformed and truncated ESP, outer and
# inner headers.  The system tests (tests/system-kmod-health.at) send them to a
# port, from the peer with "esp", from the host behind the bridge with "plain",
# and look with "check" at what came out on the other side.
#
# The SAs have the null cipher and no authentication, so that anything can be
# said to come from an authenticated peer.  The same seed makes the same
# packets.
#
# usage: hostile.py esp [--version 4|6] [--mode MODE] [--class CLASS]
#                       [--count N] [--seed N] [--spi SPI] DEVICE DSTMAC
#        hostile.py plain [--count N] [--seed N] DEVICE DSTMAC
#        hostile.py gso [--version 4|6] [--may-fragment] DEVICE DSTMAC
#        hostile.py check [--mode MODE] FILE.pcap
#        hostile.py listen READY
#        hostile.py one HEX-OF-INNER [--version 4|6] [--next N] [--outer HEX]
#                       [--spi SPI] DEVICE DSTMAC
#
# "gso" sends one large TCP segment.  "esp" and "plain" print how many packets
# they have sent.  "check" prints every packet that the tests' policy forbids or
# that no host should see, and last the number of those that are as they should
# be.  "listen" does the same for what this host's own stack delivers, until it
# is killed; it creates the file READY when it listens.

import argparse
import random
import select
import socket
import struct
import sys

OUTER = {4: ("192.0.2.2", "192.0.2.1"),
         6: ("2001:db8::2", "2001:db8::1")}
INNER = {4: ("10.2.0.10", "10.1.0.10"),
         6: ("fd00:2::10", "fd00:1::10")}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
UDP, TCP, ICMP, ICMP6, ESP, AH, COMP, BEETPH = 17, 6, 1, 58, 50, 51, 108, 94
PORT = 7777

rnd = random.Random()


def addr(text, version):
    return socket.inet_pton(FAMILY[version], text)


def noise(n):
    return bytes(rnd.getrandbits(8) for _ in range(n))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ip4(src, dst, proto, payload, options=b"", version=4, ihl=None,
        length=None, frag=0, ident=None, tos=0):
    options += b"\0" * (-len(options) % 4)
    if ihl is None:
        ihl = 5 + len(options) // 4
    if length is None:
        length = 20 + len(options) + len(payload)
    if ident is None:
        ident = rnd.getrandbits(16)
    h = struct.pack("!BBHHHBBH4s4s", (version << 4) | (ihl & 15), tos,
                    length & 0xffff, ident, frag, 64, proto, 0,
                    addr(src, 4), addr(dst, 4)) + options
    h = h[:10] + struct.pack("!H", checksum(h)) + h[12:]
    return h + payload


def ip6(src, dst, nexthdr, payload, version=6, length=None):
    if length is None:
        length = len(payload)
    return struct.pack("!IHBB16s16s", version << 28, length & 0xffff, nexthdr,
                       64, addr(src, 6), addr(dst, 6)) + payload


def udp(n):
    return struct.pack("!HHHH", 1234, PORT, 8 + n, 0) + noise(n)


def some_length(actual):
    return rnd.choice([0, 1, 19, 20, 39, 40, actual - 1, actual + 1,
                       actual + rnd.randrange(2000), 65535,
                       rnd.randrange(max(actual, 1))])


def option4():
    """An IPv4 option, well formed or not."""
    kind = rnd.choice([7, 68, 131, 137, 148, 0, 1, 130, rnd.getrandbits(8)])
    if kind in (0, 1):
        return bytes([kind])
    n = rnd.choice([3, 7, 11, rnd.randrange(40)])
    body = bytes([rnd.choice([4, 5, 8, rnd.getrandbits(8)])]) + noise(n)
    length = rnd.choice([len(body) + 2, 0, 1, 2, rnd.getrandbits(8)])
    return (bytes([kind, length]) + body)[:36]


def honest_option4():
    """One that a router accepts: record route, or time stamps."""
    slots = rnd.randrange(1, 8)
    if rnd.random() < 0.5:
        return bytes([7, 3 + 4 * slots, 4]) + bytes(4 * slots)
    return bytes([68, 4 + 4 * slots, 5, 0]) + bytes(4 * slots)


def extension6(payload, last):
    """PAYLOAD of protocol LAST behind extension headers, and the first's
    number."""
    nexthdr = last
    for _ in range(rnd.randrange(1, 4)):
        kind = rnd.choice([0, 43, 44, 60, 135, 51, 59, 139, 140, 253])
        if kind == 44:
            h = struct.pack("!BBHI", nexthdr, 0, rnd.getrandbits(16),
                            rnd.getrandbits(32))
        else:
            n = rnd.choice([0, 0, 1, 2, rnd.getrandbits(8)])
            h = bytes([nexthdr, n]) + noise(rnd.choice([6, 6, 14, 3]))
        payload = h + payload
        nexthdr = kind
    return payload, nexthdr


def icmp_error(version):
    """An ICMP error that quotes a packet, more or less of it."""
    if rnd.random() < 0.5:
        quoted = ip4("192.0.2.1", "192.0.2.2", rnd.choice([ESP, AH, COMP]),
                     struct.pack("!II", rnd.choice([0x1001, 0x3001]), 7),
                     ihl=rnd.choice([5, 5, 15, 0]))
    else:
        quoted = ip6("2001:db8::1", "2001:db8::2",
                     rnd.choice([ESP, AH, COMP]),
                     struct.pack("!II", rnd.choice([0x1001, 0x3001]), 7))
    quoted = quoted[:rnd.choice([len(quoted), rnd.randrange(len(quoted) + 1)])]
    if version == 4:
        h = struct.pack("!BBHHH", rnd.choice([3, 3, 5, 11]),
                        rnd.choice([4, 4, 1]), 0, 0, rnd.getrandbits(11))
    else:
        h = struct.pack("!BBHI", rnd.choice([2, 2, 1, 3, 137]), 0, 0,
                        rnd.getrandbits(11))
    return h + quoted


def inner(version):
    """A packet that is wrong somewhere, or may be."""
    src, dst = INNER[version]
    if rnd.random() < 0.3:
        src = rnd.choice([("10.3.0.1", "127.0.0.1", "224.0.0.1", "0.0.0.0"),
                          ("fd00:3::1", "::1", "ff02::1", "::")]
                         [version == 6])
    payload = rnd.choice([
        lambda: udp(rnd.randrange(200)),
        lambda: noise(rnd.randrange(60)),
        lambda: icmp_error(version),
        lambda: struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 1, 1),
        lambda: b""])()
    proto = rnd.choice([UDP, UDP, TCP, ICMP, ICMP6, 4, 41, 47, ESP, AH, COMP,
                        132, 33, 136, 0, 59, 255, rnd.getrandbits(8)])
    if version == 4:
        kw = {}
        if rnd.random() < 0.3:
            kw["options"] = b"".join(option4() for _ in range(2))[:40]
        if rnd.random() < 0.2:
            kw["ihl"] = rnd.randrange(16)
        if rnd.random() < 0.2:
            kw["version"] = rnd.randrange(16)
        if rnd.random() < 0.2:
            kw["length"] = some_length(20 + len(payload))
        if rnd.random() < 0.2:
            kw["frag"] = rnd.choice([0x2000, 0x2001, 0x1fff, 0x4000, 0xffff,
                                     rnd.getrandbits(16)])
        p = ip4(src, dst, proto, payload, **kw)
    else:
        kw = {}
        if rnd.random() < 0.5:
            payload, proto = extension6(payload, proto)
        if rnd.random() < 0.2:
            kw["version"] = rnd.randrange(16)
        if rnd.random() < 0.2:
            kw["length"] = some_length(len(payload))
        p = ip6(src, dst, proto, payload, **kw)
    if rnd.random() < 0.2:
        p = p[:rnd.randrange(len(p) + 1)]
    if rnd.random() < 0.1:
        # More than the header says, as traffic flow confidentiality does it.
        p += noise(rnd.randrange(100))
    return p


def trailer(data, nexthdr, wrong=False):
    pad = -(len(data) + 2) % 4
    if wrong:
        return data + bytes([rnd.getrandbits(8), nexthdr])
    return data + bytes(range(1, pad + 1)) + bytes([pad, nexthdr])


def beet_pseudo(payload, proto):
    length = rnd.choice([0, 1, 2, 3, rnd.getrandbits(8)])
    return bytes([proto, length, rnd.getrandbits(3), 0]) + \
        noise(4 * rnd.randrange(4)) + payload


def esp_body(mode):
    """What an SA of MODE finds after its header."""
    v = rnd.choice([4, 6])
    if mode == "tunnel":
        data, nexthdr = inner(v), 4 if v == 4 else 41
    else:
        data = rnd.choice([lambda: udp(rnd.randrange(100)),
                           lambda: inner(v),
                           lambda: icmp_error(v),
                           lambda: noise(rnd.randrange(80)),
                           lambda: b""])()
        nexthdr = rnd.choice([UDP, UDP, TCP, ICMP, ICMP6, 4, 41, 0, 43, 44,
                              60, ESP, AH, COMP, 59, rnd.getrandbits(8)])
        if mode == "beet" and rnd.random() < 0.4:
            data, nexthdr = beet_pseudo(data, nexthdr), BEETPH
    if rnd.random() < 0.1:
        nexthdr = rnd.choice([59, 4, 41, 0, 255, rnd.getrandbits(8)])
    if mode == "transport" and nexthdr in (ESP, AH, COMP):
        # That is what "nested" is for.
        nexthdr = UDP
    return trailer(data, nexthdr, rnd.random() < 0.1)


def nested_body():
    """IPsec in IPsec, in transport mode: the kernel looks for an SA again."""
    data = rnd.choice([
        lambda: noise(rnd.randrange(60)),
        lambda: esp(rnd.choice([0x3001, 0x1001, rnd.getrandbits(32)]),
                    esp_body("transport")),
        lambda: b""])()
    return trailer(data, rnd.choice([ESP, ESP, AH, COMP]))


seq = 0


def esp(spi, body):
    global seq
    seq += 1
    return struct.pack("!II", spi, seq) + body


def outer(version, payload, options=b""):
    src, dst = OUTER[version]
    if version == 4:
        return ip4(src, dst, ESP, payload, options)
    if options:
        return ip6(src, dst, 0, options[:0] + bytes([ESP]) + options[1:] +
                   payload)
    return ip6(src, dst, ESP, payload)


def outer_options(version):
    if version == 4:
        if rnd.random() < 0.8:
            return honest_option4()
        o = option4()
        while o[0] in (131, 137):
            # The stack drops source routes and counts them nowhere.
            o = option4()
        return o
    n = rnd.randrange(4)
    # One option that nobody knows and everybody skips.
    fill = 8 * n + 4
    return bytes([0, n, 0x1e, fill]) + bytes(fill)


def fragments(version, payload):
    """PAYLOAD in two outer fragments or more, some of them missing."""
    src, dst = OUTER[version]
    step = rnd.choice([8, 64, 1400]) if len(payload) < 3000 else 1400
    ident = rnd.getrandbits(16)
    out = []
    for o in range(0, len(payload), step):
        part = payload[o:o + step]
        more = o + step < len(payload)
        if version == 4:
            out.append(ip4(src, dst, ESP, part, ident=ident,
                           frag=(o // 8) | (0x2000 if more else 0)))
        else:
            out.append(ip6(src, dst, 44,
                           struct.pack("!BBHI", ESP, 0, o | more, ident) +
                           part))
    return out


def hostile(version, mode, kind, spi):
    """The frames that carry one packet."""
    if kind == "esp":
        return [outer(version, rnd.choice([
            lambda: esp(spi, noise(rnd.randrange(40)))
            [:rnd.choice([99, rnd.randrange(12)])],
            lambda: esp(spi, trailer(noise(rnd.randrange(20)),
                                     rnd.getrandbits(8), True)),
            lambda: esp(spi, trailer(b"", rnd.getrandbits(8))),
            lambda: esp(rnd.getrandbits(32), noise(20))])())]
    if kind == "nested":
        return [outer(version, esp(spi, nested_body()))]
    body = esp(spi, esp_body(mode))
    if kind == "inner":
        return [outer(version, body)]
    if kind == "outer":
        return [outer(version, body, outer_options(version))]
    if kind == "fragments":
        if rnd.random() < 0.1:
            # As large as a packet can be.
            n = 65535 - 40 - 8 - 40 - 20
            data = ip4(*INNER[4], UDP, udp(n - 28))
            body = esp(spi, trailer(data, 4))
        return fragments(version, body)
    raise SystemExit("no class '%s'" % kind)


def open_device(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    s.bind((device, 0))
    return s


def frame(s, mac, packet, version):
    ethertype = 0x0800 if version == 4 else 0x86dd
    return bytes.fromhex(mac.replace(":", "")) + s.getsockname()[4] + \
        struct.pack("!H", ethertype) + packet


def check(name, mode):
    """Reads what the host has received."""
    # 24 bits of IPv4 addresses, 48 of IPv6's.
    prefix = [addr(a, v)[:{4: 3, 6: 6}[v]] for v in (4, 6)
              for a in (OUTER if mode == "transport" else INNER)[v]]
    with open(name, "rb") as f:
        data = f.read()
    endian = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at, good = 24, 0
    while at + 16 <= len(data):
        caplen, = struct.unpack(endian + "I", data[at + 8:at + 12])
        p = data[at + 16:at + 16 + caplen]
        at += 16 + caplen
        ethertype, p = struct.unpack("!H", p[12:14])[0], p[14:]
        why = None
        if ethertype == 0x0800:
            if len(p) < 20 or p[0] >> 4 != 4 or p[0] & 15 < 5:
                why = "header"
            elif not (p[0] & 15) * 4 <= struct.unpack("!H", p[2:4])[0] \
                    <= len(p):
                why = "length"
            elif len(p) > max(struct.unpack("!H", p[2:4])[0], 46):
                why = "padding"
            elif p[12:15] != prefix[0] or p[16:19] != prefix[1]:
                why = "address"
            elif p[9] != UDP:
                why = "protocol"
        elif ethertype == 0x86dd:
            if len(p) < 40 or p[0] >> 4 != 6:
                why = "header"
            elif len(p) < 40 + struct.unpack("!H", p[4:6])[0]:
                why = "length"
            elif len(p) > max(40 + struct.unpack("!H", p[4:6])[0], 46):
                why = "padding"
            elif p[8:14] != prefix[2] or p[24:30] != prefix[3]:
                why = "address"
            elif not udp_behind(p):
                why = "protocol"
        else:
            why = "ethertype"
        if why:
            print("%s: %04x %s" % (why, ethertype, p[:96].hex()))
        else:
            good += 1
    print(good)


def udp_behind(p):
    """Whether UDP is what the headers of the IPv6 packet P lead to."""
    nexthdr, at = p[6], 40
    while nexthdr in (0, 43, 44, 60):
        if at + 2 > len(p):
            return False
        step = 8 if nexthdr == 44 else 8 + 8 * p[at + 1]
        nexthdr, at = p[at], at + step
    return nexthdr == UDP


def send_gso(device, mac, version, may_fragment):
    """One large TCP segment, not malformed at all, as a virtual machine with
    a virtio device sends it; its segments have 1,000 bytes of data."""
    tcp = struct.pack("!HHIIBBHHH", 1234, PORT, 1, 1, 5 << 4, 0x10, 1000, 0, 0)
    dst, src = INNER[version]
    pseudo = addr(src, version) + addr(dst, version)
    size = 8000
    part = ~checksum(pseudo + struct.pack("!HH", TCP, 20 + size)) & 0xffff
    tcp = tcp[:16] + struct.pack("!H", part) + tcp[18:] + bytes(size)
    if version == 4:
        p = ip4(src, dst, TCP, tcp, frag=0 if may_fragment else 0x4000)
    else:
        p = ip6(src, dst, TCP, tcp)
    s = open_device(device)
    s.setsockopt(263, 15, 1)        # SOL_PACKET, PACKET_VNET_HDR
    # Needs a checksum; GSO of TCP over IPv4 or IPv6; headers, segment, checksum.
    start = 34 if version == 4 else 54
    s.send(struct.pack("=BBHHHH", 1, 1 if version == 4 else 4, start + 20, 1000,
                       start, 16) + frame(s, mac, p, version))


def listen(ready):
    """Raw sockets get what has passed the stack's own policy check."""
    socks = [socket.socket(FAMILY[v], socket.SOCK_RAW, p)
             for v, p in ((4, ICMP), (4, TCP), (4, UDP),
                          (6, ICMP6), (6, TCP), (6, UDP))]
    open(ready, "w").close()
    while True:
        for s in select.select(socks, [], [])[0]:
            data, (src, *_) = s.recvfrom(65536)
            src = src.split("%")[0]
            if src.startswith(("10.3.", "fd00:3:")) or \
               src.startswith(("10.2.", "fd00:2:")) and s.proto != UDP:
                print("%d %s %s" % (s.proto, src, data[:96].hex()),
                      flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("what", choices=["esp", "plain", "check", "one", "listen", "gso"])
    a.add_argument("--version", type=int, choices=[4, 6], default=4)
    a.add_argument("--mode", default="tunnel")
    a.add_argument("--class", dest="kind", default="inner")
    a.add_argument("--count", type=int, default=1000)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--spi", type=lambda s: int(s, 0), default=0x3001)
    a.add_argument("--next", type=lambda s: int(s, 0), default=4)
    a.add_argument("--outer", default="")
    a.add_argument("--may-fragment", action="store_true")
    a.add_argument("args", nargs="*")
    o = a.parse_intermixed_args()
    if o.what == "check":
        check(o.args[0], o.mode)
        return
    if o.what == "listen":
        listen(o.args[0])
    rnd.seed("%d %s %s %d" % (o.seed, o.mode, o.kind, o.version))
    if o.what == "one":
        packet, device, mac = o.args
        s = open_device(device)
        p = outer(o.version, esp(o.spi, trailer(bytes.fromhex(packet),
                                                o.next)),
                  bytes.fromhex(o.outer))
        s.send(frame(s, mac, p, o.version))
        return
    device, mac = o.args
    if o.what == "gso":
        send_gso(device, mac, o.version, o.may_fragment)
        return
    s = open_device(device)
    sent = 0
    for _ in range(o.count):
        if o.what == "plain":
            v = rnd.choice([4, 6])
            s.send(frame(s, mac, inner(v), v))
        else:
            for p in hostile(o.version, o.mode, o.kind, o.spi):
                s.send(frame(s, mac, p, o.version))
        sent += 1
    print(sent)


main()

# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/benchpacket.py: frames, and a network device that receives one of
# them again and again, or many in turn, while the kernel looks at its watch.
#
# The frames begin where those of a network card do: the kernel's test run of
# an XDP program hands them to the stack from a NAPI context, with the headroom
# that cards leave.  No socket, no system call and no other device adds to the
# figure.  The program writes the whole frame each time, since IPsec works in
# place and pages come back.
#
# Above: tests/vm/bench-data-guest and benchpeer.py.  Only Python's standard
# library.

import ctypes
import os
import socket
import struct

BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM = 0, 2
BPF_PROG_LOAD, BPF_PROG_TEST_RUN = 5, 10
BPF_PROG_TYPE_XDP, BPF_MAP_TYPE_ARRAY = 6, 2
BPF_F_TEST_XDP_LIVE_FRAMES = 2
SYS_BPF = 321                           # x86-64
XDP_PASS = 2

HERE, THERE = bytes([10, 1, 0, 10]), bytes([10, 2, 0, 10])
ETH = 14                                # Bytes of an Ethernet header.
IP_SUM, IP_DST, UDP_SUM = ETH + 10, ETH + 16, ETH + 20 + 6

libc = ctypes.CDLL(None, use_errno=True)


def fold(data, start=0):
    """The Internet checksum's sum, not yet inverted."""
    total = start + sum(struct.unpack("!%dH" % (len(data) // 2),
                                      data[:len(data) & ~1]))
    if len(data) & 1:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def udp_frame(dst_mac, src_mac, source, destination, size):
    """An Ethernet frame with an IPv4 packet of 'size' bytes, UDP in it, both
    with their checksums."""
    payload = bytes(i & 255 for i in range(size - 28))
    head = struct.pack("!HHHH", 40000, 5001, size - 20, 0)
    pseudo = source + destination + struct.pack("!HH", 17, size - 20)
    head = head[:6] + struct.pack("!H", 0xffff ^ fold(pseudo + head + payload))
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0, 64, 17, 0,
                     source, destination)
    ip = ip[:10] + struct.pack("!H", 0xffff ^ fold(ip)) + ip[12:]
    return dst_mac + src_mac + b"\x08\x00" + ip + head + payload


def turned(frame, dst_mac):
    """What was captured on its way out, as if the peer had sent it."""
    kind = frame[12:14]
    at, length = (26, 4) if kind == b"\x08\x00" else (22, 16)
    source = frame[at:at + length]
    destination = frame[at + length:at + 2 * length]
    return (dst_mac + frame[6:12] + frame[12:at] + destination + source
            + frame[at + 2 * length:])


def transport(frame):
    """Number of the protocol in the outermost IP header, or None."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        return frame[ETH + 9]
    return frame[ETH + 6] if kind == b"\x86\xdd" else None


def capture(device, provoke, n=1):
    """The first 'n' frames that 'device' sends while provoke() runs or after,
    but for what looks for neighbours."""
    frames = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                       socket.htons(3)) as sock:
        # SO_RCVBUFFORCE
        sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        sock.bind((device, 0))
        sock.settimeout(5)
        provoke()
        while len(frames) < n:
            frame, address = sock.recvfrom(65536)
            if (address[2] == socket.PACKET_OUTGOING
                    and transport(frame) not in (None, socket.IPPROTO_ICMPV6)):
                frames.append(frame)
    return frames


def bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr, max(len(attr), 128))
    rc = libc.syscall(SYS_BPF, cmd, buf, len(buf))
    if rc < 0:
        e = ctypes.get_errno()
        raise OSError(e, "bpf(%d): %s" % (cmd, os.strerror(e)))
    return rc, buf


def pointer(buf):
    return ctypes.cast(buf, ctypes.c_void_p).value


def bpf_array(size, entries):
    return bpf(BPF_MAP_CREATE, struct.pack(
        "<IIII", BPF_MAP_TYPE_ARRAY, 4, size, entries))[0]


def bpf_store(array, n, data):
    key = ctypes.create_string_buffer(struct.pack("<I", n), 4)
    data = ctypes.create_string_buffer(data, len(data))
    bpf(BPF_MAP_UPDATE_ELEM, struct.pack("<IIQQQ", array, 0, pointer(key),
                                         pointer(data), 0))


class Program:
    """Instructions of eBPF, as they are written."""

    def __init__(self):
        self.code = []

    def emit(self, op, dst=0, src=0, off=0, imm=0):
        self.code.append(struct.pack(
            "<BBhi", op, src << 4 | dst, off,
            imm - (1 << 32) if imm >= 1 << 31 else imm))

    def load64(self, reg, value, src=0):
        self.emit(0x18, reg, src, 0, value & 0xffffffff)
        self.emit(0, 0, 0, 0, value >> 32)

    def jump_behind(self, at, op, dst, src):
        """Makes instruction 'at' jump to where we are."""
        self.code[at] = struct.pack("<BBhi", op, src << 4 | dst,
                                    len(self.code) - at - 1, 0)

    def look_up(self, map_fd):
        """r0 = the map's entry number *(u32 *)(fp - 4)."""
        self.load64(1, map_fd, 1)       # r1 = map
        self.emit(0xbf, 2, 10)          # r2 = fp - 4
        self.emit(0x07, 2, imm=-4 & 0xffffffff)
        self.emit(0x85, imm=1)          # r0 = bpf_map_lookup_elem()
        self.emit(0x55, 0, off=2)       # if r0 != 0 skip
        self.emit(0xb7, 0, imm=XDP_PASS)
        self.emit(0x95)

    def take_number(self, map_fd, modulus):
        """r6 = n; n = (n + 1) % modulus."""
        self.emit(0x62, 10, 0, -4, 0)   # *(u32 *)(fp - 4) = 0
        self.look_up(map_fd)
        self.emit(0x61, 6, 0)
        self.emit(0xbf, 7, 6)
        self.emit(0x07, 7, imm=1)
        self.emit(0xa5, 7, off=1, imm=modulus)
        self.emit(0xb7, 7)
        self.emit(0x63, 0, 7)


def writer(frame, flows, counter):
    """Writes 'frame' over the packet.  With several 'flows', packet number n
    goes to the address 10.0.0.0 + n % flows, with the checksums that this
    needs; the map 'counter' has n."""
    p = Program()
    p.emit(0xbf, 9, 1)                  # r9 = ctx
    if flows > 1:
        p.take_number(counter, flows)
    p.emit(0x61, 2, 9, 0)               # r2 = data, r3 = data_end
    p.emit(0x61, 3, 9, 4)
    p.emit(0xbf, 4, 2)
    p.emit(0x07, 4, imm=len(frame))
    short = len(p.code)
    p.emit(0x2d, 4, 3)                  # if r4 > r3 goto end
    whole = len(frame) - len(frame) % 8
    for i in range(0, whole, 8):
        p.load64(1, struct.unpack_from("<Q", frame, i)[0])
        p.emit(0x7b, 2, 1, i)
    for i in range(whole, len(frame)):
        p.emit(0x72, 2, 0, i, frame[i])
    if flows > 1:
        net = b"\x0a\0\0\0"
        for at in IP_SUM, UDP_SUM:
            # What the sum is without the last three bytes of the address.
            base = struct.unpack_from("!H", frame, at)[0] ^ 0xffff
            for word in struct.unpack_from("!HH", frame, IP_DST):
                base += 0xffff ^ word
            base = fold(net, base)
            p.emit(0xbf, 1, 6)          # r1 = n >> 16
            p.emit(0x77, 1, imm=16)
            p.emit(0xbf, 5, 6)          # r5 = n & 0xffff
            p.emit(0x57, 5, imm=0xffff)
            p.emit(0x0f, 1, 5)          # r1 += r5 + base
            p.emit(0x07, 1, imm=base)
            for _ in range(2):
                p.emit(0xbf, 5, 1)      # r1 = (r1 & 0xffff) + (r1 >> 16)
                p.emit(0x77, 5, imm=16)
                p.emit(0x57, 1, imm=0xffff)
                p.emit(0x0f, 1, 5)
            p.emit(0xa7, 1, imm=0xffff)  # r1 = htons(r1 ^ 0xffff)
            p.emit(0xdc, 1, imm=16)
            p.emit(0x6b, 2, 1, at)      # *(u16 *)(r2 + at) = r1
        p.emit(0x72, 2, 0, IP_DST, net[0])
        for i in 3, 2, 1:
            p.emit(0x73, 2, 6, IP_DST + i)
            p.emit(0x77, 6, imm=8)
    p.jump_behind(short, 0x2d, 4, 3)
    p.emit(0xb7, 0, imm=XDP_PASS)
    p.emit(0x95)
    return b"".join(p.code)


def copier(frames, counter, store):
    """Copies frame number n over the packet; the map 'counter' has n, the map
    'store' the frames, which are all of one length."""
    length = len(frames[0])
    p = Program()
    p.emit(0xbf, 9, 1)                  # r9 = ctx
    p.take_number(counter, len(frames))
    p.emit(0x63, 10, 6, -4)             # *(u32 *)(fp - 4) = n
    p.look_up(store)
    p.emit(0x61, 2, 9, 0)               # r2 = data, r3 = data_end
    p.emit(0x61, 3, 9, 4)
    p.emit(0xbf, 4, 2)
    p.emit(0x07, 4, imm=length)
    short = len(p.code)
    p.emit(0x2d, 4, 3)                  # if r4 > r3 goto end
    whole = length - length % 8
    for i in range(0, whole, 8):
        p.emit(0x79, 1, 0, i)           # r1 = *(u64 *)(r0 + i)
        p.emit(0x7b, 2, 1, i)
    for i in range(whole, length):
        p.emit(0x71, 1, 0, i)
        p.emit(0x73, 2, 1, i)
    p.jump_behind(short, 0x2d, 4, 3)
    p.emit(0xb7, 0, imm=XDP_PASS)
    p.emit(0x95)
    return b"".join(p.code)


class Injector:
    """Lets 'device' receive the one of 'frames' again and again, as if a card
    had brought it, as one flow or as several; or, one after the other, frames
    that are all of one length."""

    def __init__(self, device, frames, flows=1):
        self.frame = frames[0]
        with open("/sys/class/net/%s/ifindex" % device) as f:
            self.ifindex = int(f.read())
        self.prog = self.store = self.counter = None
        log = ctypes.create_string_buffer(65536)
        try:
            self.counter = bpf_array(4, 1)
            if len(frames) == 1:
                code = writer(self.frame, flows, self.counter)
            else:
                self.store = bpf_array(len(self.frame), len(frames))
                for n, frame in enumerate(frames):
                    bpf_store(self.store, n, frame)
                code = copier(frames, self.counter, self.store)
            code = ctypes.create_string_buffer(code, len(code))
            self.prog = bpf(BPF_PROG_LOAD, struct.pack(
                "<IIQQIIQ", BPF_PROG_TYPE_XDP, len(code) // 8,
                pointer(code), pointer(ctypes.c_char_p(b"GPL")), 1, len(log),
                pointer(log)))[0]
        except OSError as error:
            self.close()
            raise OSError(error.errno, "%s %s" % (
                error.strerror, log.value.decode()[-300:])) from None

    def close(self):
        for fd in self.prog, self.store, self.counter:
            if fd is not None:
                os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, count):
        """Returns the nanoseconds per packet."""
        data = ctypes.create_string_buffer(self.frame, len(self.frame))
        ctx = struct.pack("<IIIIII", 0, len(self.frame), 0, self.ifindex, 0,
                          0)
        ctx_buf = ctypes.create_string_buffer(ctx, len(ctx))
        _, attr = bpf(BPF_PROG_TEST_RUN, struct.pack(
            "<IIIIQQIIIIQQIII", self.prog, 0, len(self.frame), 0,
            pointer(data), 0, count, 0, len(ctx), 0, pointer(ctx_buf), 0,
            BPF_F_TEST_XDP_LIVE_FRAMES, 0, 0))
        # The kernel's own watch: without making and freeing the run's pages.
        return struct.unpack_from("<I", attr, 36)[0]

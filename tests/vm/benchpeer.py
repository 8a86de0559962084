# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/benchpeer.py: the other end of a WireGuard device, for a site whose
# underlay is a dummy.  WireGuard sends nothing before a handshake and takes
# each frame once, so somebody must answer, and encrypt as many frames as are
# to be received.  That is a peer in a network namespace of its own, which is
# heard only for the time of a handshake:
#
#   [ site ] -- under0 (dummy)
#        \----- peer0 == under0 [ peer ]
#
# Above: tests/vm/bench-data-guest.  Below: benchlib.py, benchpacket.py and
# benchsites.py.

import array
import fcntl
import socket
import struct

import benchpacket
from benchlib import NotMeasured, in_netns, run, wait_for
from benchsites import End, UNDERLAY_MTU

NETNS, LINK = "peer", "peer0"
LINK_MAC, PEER_MAC = "02:00:00:00:ff:01", "02:00:00:00:ff:02"
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
DATA = 4                                # Type of a WireGuard message.
PORTION = 500                           # WireGuard's queues hold 1,024.


def checksums_in_software(device):
    """Frames that are captured there are complete."""
    value = array.array("I", [ETHTOOL_STXCSUM, 0])
    request = struct.pack("16sP", device.encode(), value.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))


def check_data(frame):
    """WireGuard's payload, no handshake."""
    message = benchpacket.ETH + 8 + (20 if frame[12:14] == b"\x08\x00" else 40)
    if (benchpacket.transport(frame) != socket.IPPROTO_UDP
            or frame[message] != DATA):
        raise NotMeasured("this is no data of WireGuard, but its message %d"
                          % frame[message])


class Peer:
    def __init__(self, site, end, system):
        self.site, self.end, self.system = site, end, system
        self.other = End(3 - end.number, end.outer, ())
        try:
            self.setup()
        except Exception:
            self.close()
            raise

    def ip(self, *args):
        return run("ip", "-n", NETNS, *args)

    def inside(self, *args):
        return run("ip", "netns", "exec", NETNS, *args)

    def setup(self):
        run("ip", "netns", "add", NETNS)
        run("ip", "link", "add", LINK, "address", LINK_MAC, "type", "veth",
            "peer", "name", "under0", "netns", NETNS, "address", PEER_MAC)
        for ip, device, address, mac in (
                (self.site.ip, LINK, self.end.remote, PEER_MAC),
                (self.ip, "under0", self.end.local, LINK_MAC)):
            ip("link", "set", device, "mtu", str(UNDERLAY_MTU), "up")
            ip("neigh", "replace", address, "lladdr", mac, "dev", device,
               "nud", "permanent")
        self.ip("address", "add", "%s/%d" % (self.end.remote, self.end.length),
                "dev", "under0",
                *(("nodad",) if self.end.outer == "6" else ()))
        in_netns(NETNS, lambda: checksums_in_software("under0"))
        self.system.link(self.ip, self.inside, self.other)
        self.ip("route", "add", "10.0.0.0/8", "dev", self.system.device)
        run("tc", "qdisc", "add", "dev", LINK, "clsact")
        self.mute()

    def close(self):
        """Also what is only half there."""
        for command in (["link", "del", LINK],
                        ["-n", NETNS, "link", "del", self.system.device],
                        ["netns", "del", NETNS]):
            try:
                run("ip", *command)
            except NotMeasured:
                pass

    def mute(self):
        """The site does not get what the peer sends."""
        run("tc", "filter", "add", "dev", LINK, "ingress", "matchall",
            "action", "drop")

    def handshake(self):
        """A new session, good for three minutes.  For its time only do the ends
        reach each other: then the site sends to its dummy again."""
        run("tc", "filter", "del", "dev", LINK, "ingress")
        try:
            self.site.ip("route", "add", self.end.remote, "dev", LINK, "src",
                         self.end.local)
            self.system.meet(self.site.inside, self.end)
            self.system.meet(self.inside, self.other)
            in_netns(NETNS, lambda: self.send(64, 1))
            # The peer began, so ours is done once it has got a packet with the
            # new keys, and may send with them then.
            wait_for("a handshake of WireGuard", lambda: self.site.inside(
                "wg", "show", self.system.device,
                "latest-handshakes").split()[1] != "0", 60)
        finally:
            self.mute()
            self.site.ip("route", "del", self.end.remote, "dev", LINK)

    @staticmethod
    def send(size, n):
        packet = benchpacket.udp_frame(b"", b"", benchpacket.THERE,
                                       benchpacket.HERE, size)[2:]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW,
                           socket.IPPROTO_RAW) as sock:
            for _ in range(n):
                sock.sendto(packet, (socket.inet_ntoa(benchpacket.HERE), 0))

    def frames(self, size, n, mac):
        """'n' frames that the site has not received yet, for its device with
        the address 'mac'."""
        frames = []
        while len(frames) < n:
            portion = min(PORTION, n - len(frames))
            frames += in_netns(NETNS, lambda: benchpacket.capture(
                "under0", lambda: self.send(size, portion), portion))
        for frame in frames:
            check_data(frame)
        return [mac + frame[6:] for frame in frames]

# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/benchsites.py: what the bench compares, ready to carry packets.  A
# site is a host at the edge of a network: ovs-vswitchd with the bridge br0, the
# port "p0" towards the hosts behind it, and "under0" towards the peer.  A
# system is one way to bring what comes from p0 to the peer and back.
#
# Above: tests/vm/bench-data-guest and benchpeer.py.  Below: benchlib.py.

import os

from benchlib import Daemons, NotMeasured, run, wait_for

UNDERLAY_MTU = 1600         # Room for 1,400 bytes in Geneve, ESP and IPv6.
IF_ID = 42
HOST_MTU = 1400


class End:
    """Addresses of one end; 'spis' are (out, in)."""

    def __init__(self, number, outer, spis):
        other = 3 - number
        form = {"4": "192.0.2.%d", "6": "fd00:f::%d"}[outer]
        self.number = number
        self.outer = outer
        self.local, self.remote = form % number, form % other
        self.length = {"4": 24, "6": 64}[outer]
        self.host = "10.%d.0.10" % number
        self.gateway = "10.%d.0.1" % number
        self.host_mac = "02:00:00:00:%02x:10" % number
        self.gateway_mac = "02:00:00:00:%02x:01" % number
        self.spis = spis


class Site:
    """A site in network namespace 'netns', or in ours; p0 and under0 are there
    already."""

    def __init__(self, directory, netns=None):
        self.netns = netns
        os.makedirs(directory)
        self.ovs = Daemons(directory, os.environ["OVS_SRCDIR"]
                           + "/vswitchd/vswitch.ovsschema", netns=netns)
        self.ovs.start()
        self.ovs.vsctl("add-br", "br0", "--", "set", "Bridge", "br0",
                       "fail_mode=secure")

    def ip(self, *args):
        return run("ip", *(("-n", self.netns) if self.netns else ()), *args)

    def batch(self, lines):
        path = self.ovs.dir + "/batch"
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        self.ip("-batch", path)

    def inside(self, *args):
        """Runs a command in the site's namespace."""
        return run(*(("ip", "netns", "exec", self.netns) if self.netns
                     else ()), *args)

    def sysctl(self, *settings):
        self.inside("sysctl", "-qw", *settings)

    def flows(self, flows):
        path = self.ovs.dir + "/flows"
        with open(path, "w") as out:
            out.write("\n".join(flows) + "\n")
        self.ovs.ofctl("replace-flows", "br0", path)

    def clear(self):
        """Neither ports, flows, devices nor SAs of the system before."""
        self.flows([])
        # All but the bridge's own.
        self.ovs.vsctl(*[word for port in self.ovs.vsctl(
            "list-ports", "br0").split()
            for word in ("--", "del-port", "br0", port)] or ["show"])
        self.ip("xfrm", "state", "flush")
        self.ip("xfrm", "policy", "flush")
        for device in "ipsec0", "wg0":
            try:
                self.ip("link", "del", device)
            except NotMeasured:
                pass

    def address(self, end):
        """Outer addresses."""
        self.ip("address", "flush", "dev", "under0", "scope", "global")
        self.ip("address", "add", "%s/%d" % (end.local, end.length), "dev",
                "under0", *(("nodad",) if end.outer == "6" else ()))


def sa(end, cipher, mode, n=0, if_id=None):
    """Lines for "ip -batch": a pair of SAs.  No replay window, so that one
    captured packet can be received often."""
    for src, dst, spi in ((end.local, end.remote, end.spis[0] + n),
                          (end.remote, end.local, end.spis[1] + n)):
        if cipher == "null":
            words = "enc ecb(cipher_null) ''"
        else:
            words = "aead rfc4106(gcm(aes)) 0x%032x%08x 128" % (spi, spi)
        yield ("xfrm state add src %s dst %s proto esp spi 0x%x reqid %d "
               "mode %s flag af-unspec %s %s"
               % (src, dst, spi, IF_ID + n, mode,
                  "if_id %d" % if_id if if_id else "", words))


def policies(end, ways, selectors, mode, n=0, if_id=None):
    for way in ways:
        src, dst = ((end.local, end.remote) if way == "out"
                    else (end.remote, end.local))
        yield ("xfrm policy add %s dir %s %s tmpl src %s dst %s proto esp "
               "reqid %d mode %s"
               % (selectors[way], way,
                  "if_id %d" % if_id if if_id else "", src, dst, IF_ID + n,
                  mode))


def has_carrier(site, device):
    return "LOWER_UP" in site.ip("link", "show", "dev", device)


ANY = "src 0.0.0.0/0 dst 0.0.0.0/0"


class Floor:
    """Open vSwitch from port to port, without protection."""

    name = "floor"
    handshake = False

    def setup(self, site, end, cipher, ports):
        site.ovs.vsctl("add-port", "br0", "p0", "--", "add-port", "br0",
                       "under0")
        self.steer(site, end, "under0")

    def reflect(self, site, end, on):
        """While 'on', what comes from p0 for the host behind p0 goes to the
        peer, too."""

    def steer(self, site, end, port):
        site.flows(["in_port=p0,ip,actions=output:" + port,
                    "in_port=%s,ip,actions=mod_dl_dst:%s,output:p0"
                    % (port, end.host_mac)])


class XfrmPort(Floor):
    """Our port, in tunnel mode, with whatever module the kernel has."""

    name = "port"

    def setup(self, site, end, cipher, ports):
        arguments = ["add-port", "br0", "p0"]
        lines, flows = [], []
        for n in range(ports):
            if_id = IF_ID + n
            arguments += ["--", "add-port", "br0", "xfrm%d" % n, "--", "set",
                          "Interface", "xfrm%d" % n, "type=xfrm",
                          "options:if_id=%d" % if_id,
                          "options:keying=external"]
            lines += sa(end, cipher, "tunnel", n, if_id)
            lines += policies(end, ("out", "in"), {"out": ANY, "in": ANY},
                              "tunnel", n, if_id)
            # What benchpacket.py makes of many flows.
            flows.append("in_port=p0,ip,nw_dst=10.%d.%d.%d,"
                         "actions=output:xfrm%d"
                         % (n >> 16, n >> 8 & 255, n & 255, n))
        site.batch(lines)
        site.ovs.vsctl(*arguments)
        last = "xfrm%d" % (ports - 1)
        wait_for(last, lambda: has_carrier(site, last), 60)
        if ports == 1:
            self.steer(site, end, "xfrm0")
        else:
            site.flows(flows + [
                # To be turned round.
                "in_port=p0,ip,nw_dst=%s,actions=output:xfrm0" % end.host,
                "in_port=xfrm0,ip,actions=mod_dl_dst:%s,output:p0"
                % end.host_mac])


class Routed:
    """No Open vSwitch: the kernel routes into an xfrm interface."""

    name = "routed"
    handshake = False
    device = "ipsec0"

    def setup(self, site, end, cipher, ports):
        site.sysctl("net.ipv4.ip_forward=1")
        site.ip("link", "add", "ipsec0", "type", "xfrm", "if_id", str(IF_ID))
        site.ip("link", "set", "ipsec0", "up")
        site.batch(list(sa(end, cipher, "tunnel", 0, IF_ID)) + list(policies(
            end, ("out", "in", "fwd"), {"out": ANY, "in": ANY, "fwd": ANY},
            "tunnel", 0, IF_ID)))
        self.route(site, end)

    def route(self, site, end, device="p0"):
        site.ip("neigh", "replace", end.host, "lladdr", end.host_mac, "dev",
                device, "nud", "permanent")
        site.ip("route", "replace", "10.0.0.0/8", "dev", self.device)
        site.ip("route", "replace", end.host, "dev", device)

    def reflect(self, site, end, on):
        site.ip("route", "replace", end.host, "dev",
                self.device if on else "p0")


class Geneve(Floor):
    """What Open vSwitch documents: a tunnel port, and SAs in transport mode
    for its packets."""

    name = "geneve"
    selectors = {"out": "proto udp dport 6081", "in": "proto udp dport 6081"}
    port_options = {"4": ("type=geneve", "options:key=42"),
                    "6": ("type=geneve", "options:key=42")}

    def setup(self, site, end, cipher, ports):
        site.ovs.vsctl("add-port", "br0", "p0", "--", "add-port", "br0",
                       "tun0", "--", "set", "Interface", "tun0",
                       *self.port_options[end.outer],
                       "options:local_ip=" + end.local, "options:remote_ip=" + end.remote)
        selectors = {}
        for way, words in self.selectors.items():
            src, dst = ((end.local, end.remote) if way == "out"
                        else (end.remote, end.local))
            selectors[way] = "src %s dst %s %s" % (src, dst, words)
        site.batch(list(sa(end, cipher, "transport")) + list(policies(
            end, ("out", "in"), selectors, "transport")))
        self.steer(site, end, "tun0")


class Gre(Geneve):
    """The same with GRE."""

    name = "gre"
    selectors = {"out": "proto gre", "in": "proto gre"}
    port_options = {"4": ("type=gre",), "6": ("type=ip6gre",)}


class WireGuard(Routed):
    """Open vSwitch takes a WireGuard device for an Ethernet port and loses what
    it gets from there: a bridge reaches it by its own port and the host's
    routes.  Its threads encrypt."""

    name = "wireguard"
    device = "wg0"
    handshake = True
    PORT = 51820

    def __init__(self):
        self.keys = {}

    def key(self, number):
        """(file of the private key, public key) of an end."""
        if number not in self.keys:
            private = run("wg", "genkey")
            path = "/tmp/wg-%d" % number
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600),
                      "w") as out:
                out.write(private)
            self.keys[number] = (path, run("wg", "pubkey",
                                           input=private).strip())
        return self.keys[number]

    def link(self, ip, inside, end):
        """wg0 of one end."""
        ip("link", "add", self.device, "type", "wireguard")
        ip("link", "set", self.device, "mtu", str(UNDERLAY_MTU - 80), "up")
        inside("wg", "set", self.device, "listen-port", str(self.PORT),
               "private-key", self.key(end.number)[0])
        self.meet(inside, end)

    def meet(self, inside, end):
        """Makes the other end known to one end, which forgets every session
        with it."""
        other = self.key(3 - end.number)[1]
        inside("wg", "set", self.device, "peer", other, "remove", "peer",
               other, "allowed-ips", "10.0.0.0/8", "endpoint", "%s:%d" % (
                   end.remote if end.outer == "4" else "[%s]" % end.remote,
                   self.PORT))

    def setup(self, site, end, cipher, ports):
        try:
            run("wg", "--version")
        except FileNotFoundError:
            raise NotMeasured("the program wg is not here (tests/vm/packages"
                              " wireguard gets it)")
        site.sysctl("net.ipv4.ip_forward=1")
        self.link(site.ip, site.inside, end)
        site.ovs.vsctl("add-port", "br0", "p0")
        site.ip("link", "set", "br0", "mtu", str(UNDERLAY_MTU), "up")
        mac = site.ovs.vsctl("get", "Interface", "br0",
                             "mac_in_use").strip().strip('"')
        site.flows(["in_port=p0,ip,actions=mod_dl_dst:%s,LOCAL" % mac,
                    "in_port=LOCAL,ip,actions=output:p0"])
        self.route(site, end, "br0")


SYSTEMS = {system.name: system for system in
           (Floor(), XfrmPort(), Routed(), Geneve(), Gre(), WireGuard())}

# SPDX-License-Identifier: Apache-2.0
#
# What the guests of the benches measure with: the daemons, the databases, an
# OpenFlow client and the kernel's own counts.  Nothing here knows what is
# measured.  Only Python's standard library.
#
# Above: tests/vm/bench-control-guest, bench-data-guest and benchsites.py.

import ctypes
import json
import os
import select
import signal
import socket
import statistics
import struct
import subprocess
import time


CLONE_NEWNET = 0x40000000


class NotMeasured(Exception):
    """Why a figure could not be taken."""


def now():
    return time.monotonic()


def wait_for(what, check, timeout, interval=0.02):
    """Returns the first true value of check().  Looks at least as often as
    'timeout' has intervals: with --icount the clock leaps."""
    deadline = now() + timeout
    left = int(timeout / interval)
    while True:
        value = check()
        if value:
            return value
        left -= 1
        if left < 0 and now() > deadline:
            raise NotMeasured("%s: not within %d s" % (what, timeout))
        time.sleep(interval)


def run(*args, **kwargs):
    """Runs a command, which has to succeed; returns what it printed."""
    done = subprocess.run(args, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **kwargs)
    if done.returncode:
        raise NotMeasured("%s: %s" % (" ".join(args),
                                      done.stdout.strip()[-300:]))
    return done.stdout


def timed(*args):
    """Runs a command with its output thrown away; returns the seconds."""
    begin = now()
    done = subprocess.run(args, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    end = now()
    if done.returncode:
        raise NotMeasured("%s: %s" % (" ".join(args),
                                      done.stderr.strip()[-300:]))
    return end - begin


def in_netns(name, function):
    """Calls 'function' in another network namespace; what sockets it makes
    stay there."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    with open("/proc/self/ns/net") as ours, open("/run/netns/" + name) as new:
        if setns(new.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns " + name)
        try:
            return function()
        finally:
            setns(ours.fileno(), CLONE_NEWNET)


def kernel_threads():
    """Nanoseconds that the kernel's own threads have run."""
    total = 0
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name) as f:
                parent = f.read().rpartition(")")[2].split()[1]
            if parent == "2":           # kthreadd
                with open("/proc/%s/schedstat" % name) as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass                        # No process, or none any more.
    return total


def median(values):
    return statistics.median(values)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class Jsonrpc:
    """JSON-RPC over a Unix socket, as ovsdb-server and ovs-appctl speak it."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.text = bytearray()
        self.next_id = 0
        self.notes = []

    def close(self):
        self.sock.close()

    def send(self, method, params):
        self.next_id += 1
        message = {"method": method, "params": params, "id": self.next_id}
        self.sock.sendall(json.dumps(message).encode())
        return self.next_id

    def receive(self, timeout):
        """One message, or None after 'timeout' seconds."""
        deadline = now() + timeout
        decoder = json.JSONDecoder()
        while True:
            # Long messages come in many pieces: look only when a pause says
            # that one may be complete.
            if self.text and not select.select([self.sock], [], [], 0)[0]:
                try:
                    text = self.text.decode().lstrip()
                    message, end = decoder.raw_decode(text)
                    self.text = bytearray(text[end:].encode())
                    return message
                except ValueError:
                    pass
            left = deadline - now()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                return None
            piece = self.sock.recv(1 << 20)
            if not piece:
                raise NotMeasured("connection closed")
            self.text += piece

    def handle(self, message):
        if message.get("method") == "echo":
            reply = {"result": message["params"], "error": None,
                     "id": message["id"]}
            self.sock.sendall(json.dumps(reply).encode())
        elif "method" in message:
            self.notes.append(message)

    def call(self, method, params, timeout=300):
        wanted = self.send(method, params)
        deadline = now() + timeout
        while True:
            message = self.receive(max(0, deadline - now()))
            if message is None:
                raise NotMeasured("%s: no answer within %d s"
                                  % (method, timeout))
            if "method" in message:
                self.handle(message)
            elif message["id"] == wanted:
                if message.get("error"):
                    raise NotMeasured("%s: %s" % (method, message["error"]))
                return message["result"]


class Database:
    """One database of an ovsdb-server."""

    def __init__(self, path, name):
        self.rpc = Jsonrpc(path)
        self.name = name

    def transact(self, operations):
        for result in self.rpc.call("transact", [self.name] + operations):
            if result and "error" in result:
                raise NotMeasured("transaction: %s %s"
                                  % (result["error"],
                                     result.get("details", "")))


class Config:
    """XFRM_Global's next_cfg and cur_cfg."""

    def __init__(self, path):
        self.db = Database(path, "OVS_XFRM")
        self.db.transact([{"op": "insert", "table": "XFRM_Global", "row": {}}])
        self.watch = Jsonrpc(path)
        self.cur = 0
        self.next = 0
        self.update(self.watch.call("monitor", [
            "OVS_XFRM", None, {"XFRM_Global": {"columns": ["cur_cfg"]}}]))

    def update(self, tables):
        for row in tables.get("XFRM_Global", {}).values():
            self.cur = row["new"]["cur_cfg"]

    def bump(self):
        """The operation that asks to be told."""
        self.next += 1
        return {"op": "update", "table": "XFRM_Global", "where": [],
                "row": {"next_cfg": self.next}}

    def wait(self, timeout):
        """Until the daemon says that everything is done."""
        deadline = now() + timeout
        while self.cur != self.next:
            message = self.watch.receive(max(0, deadline - now()))
            if message is None:
                raise NotMeasured("cur_cfg did not follow next_cfg within "
                                  "%d s" % timeout)
            self.watch.handle(message)
            for note in self.watch.notes:
                if note["method"] == "update":
                    self.update(note["params"][1])
            self.watch.notes = []
        return now()


# From <linux/xfrm.h>.
GETSADINFO, GETSPDINFO = 0x23, 0x25
GROUP_SA, GROUP_POLICY = 1 << 2, 1 << 3


class Kernel:
    """The SAs and policies of this network namespace, counted by the kernel
    itself, and who changes them."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
        self.sock.bind((0, 0))
        self.witness = None

    def ask(self, kind):
        self.sock.send(struct.pack("=LHHLLL", 20, kind, 1, 1, 0, 0))
        return self.sock.recv(4096)[20:]

    def count(self):
        """(SAs, policies)."""
        info = self.ask(GETSADINFO)
        sas = 0
        while len(info) >= 4:
            length, kind = struct.unpack_from("=HH", info)
            if kind == 1:       # XFRMA_SAD_CNT
                sas = struct.unpack_from("=L", info, 4)[0]
            info = info[(length + 3) & ~3:]
        info = self.ask(GETSPDINFO)
        policies = 0
        while len(info) >= 4:
            length, kind = struct.unpack_from("=HH", info)
            if kind == 1:       # XFRMA_SPD_INFO: in, out, fwd, ...
                policies = sum(struct.unpack_from("=LLL", info, 4))
            info = info[(length + 3) & ~3:]
        return sas, policies

    def watch(self):
        """Hears every change from now on, as "ip xfrm monitor" does."""
        self.witness = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
        # SO_RCVBUFFORCE
        self.witness.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        self.witness.bind((0, GROUP_SA | GROUP_POLICY))
        self.witness.setblocking(False)

    def changes(self):
        """Number of changes since watch()."""
        n = 0
        while True:
            try:
                data = self.witness.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as error:
                raise NotMeasured("changes of the kernel: %s" % error)
            while len(data) >= 16:
                n += 1
                data = data[(struct.unpack_from("=L", data)[0] + 3) & ~3:]
        self.witness.close()
        return n


class Daemons:
    """ovsdb-server with Open_vSwitch and perhaps OVS_XFRM, and our
    ovs-vswitchd, in a network namespace or ours."""

    def __init__(self, directory, ovs_schema, xfrm_schema=None, netns=None):
        self.dir = directory
        self.sock = os.path.join(directory, "db.sock")
        self.pid = None
        self.netns = netns
        self.env = dict(os.environ)
        for name in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR"):
            self.env["OVS_" + name] = directory
        self.run("ovsdb-tool", "create", "conf.db", ovs_schema)
        databases = ["conf.db"]
        if xfrm_schema:
            self.run("ovsdb-tool", "create", "xfrm.db", xfrm_schema)
            databases.append("xfrm.db")
        self.run("ovsdb-server", "--detach", "--no-chdir", "--pidfile",
                 "--log-file", "--remote=punix:db.sock", *databases)
        self.vsctl("--no-wait", "init")

    def run(self, *args):
        return run(*args, cwd=self.dir, env=self.env)

    def start(self):
        self.run(*(("ip", "netns", "exec", self.netns) if self.netns else ()),
                 "ovs-vswitchd", "--detach", "--no-chdir", "--pidfile",
                 "--log-file", "unix:" + self.sock)
        with open(os.path.join(self.dir, "ovs-vswitchd.pid")) as pidfile:
            self.pid = int(pidfile.read())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        wait_for("end of ovs-vswitchd",
                 lambda: not os.path.exists("/proc/%d" % self.pid), 30)
        self.pid = None

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--db=unix:" + self.sock, *args)

    def ofctl(self, *args):
        return self.run("ovs-ofctl", *args)

    def memory(self):
        """(VmRSS, VmHWM) of ovs-vswitchd in bytes."""
        values = {}
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith(("VmRSS:", "VmHWM:")):
                    name, value = line.split()[:2]
                    values[name] = int(value) * 1024
        return values["VmRSS:"], values["VmHWM:"]

    def used(self):
        """Seconds of CPU that both daemons have used."""
        ticks = 0
        for name in ("ovs-vswitchd.pid", "ovsdb-server.pid"):
            with open(os.path.join(self.dir, name)) as pidfile:
                pid = int(pidfile.read())
            with open("/proc/%d/stat" % pid) as stat:
                # After the name, which may have blanks: utime and stime.
                fields = stat.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait_idle(self, share=0.1, timeout=120):
        """Waits until both daemons use less than 'share' of one CPU over two
        seconds: what they do now and then is all that they do."""
        period = 2
        last = [self.used()]

        def idle():
            time.sleep(period)
            before, last[0] = last[0], self.used()
            return last[0] - before < share * period

        wait_for("daemons with nothing to do", idle, timeout, period)

    def reset_peak(self):
        with open("/proc/%d/clear_refs" % self.pid, "w") as clear:
            clear.write("5")

    def appctl(self, *args):
        control = Jsonrpc(os.path.join(self.dir, "ovs-vswitchd.%d.ctl"
                                       % self.pid))
        try:
            return control.call(args[0], list(args[1:]))
        finally:
            control.close()

    def counters(self):
        """What the daemon asked of the kernel so far."""
        return {name: int(self.appctl("coverage/read-counter",
                                      "xfrm_" + name))
                for name in ("dump", "get", "write")}


class OpenFlow:
    """A controller that asks and waits, over and over, in a process of its
    own, so that nothing here disturbs it."""

    def __init__(self, path):
        self.reader, writer = os.pipe()
        self.child = os.fork()
        if not self.child:
            signal.signal(signal.SIGTERM, self.stop)
            self.times = []
            self.going = True
            status = 1
            try:
                self.probe(path)
                with os.fdopen(writer, "w") as out:
                    json.dump(self.times, out)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)

    def stop(self, *_):
        self.going = False

    def results(self):
        """Seconds that each question took, by its sort."""
        os.kill(self.child, signal.SIGTERM)
        with os.fdopen(self.reader) as answers:
            text = answers.read()
        if os.waitpid(self.child, 0)[1] or not text:
            raise NotMeasured("the OpenFlow client failed")
        return json.loads(text)

    # The child's part.

    def probe(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.sock.sendall(struct.pack("!BBHL", 1, 0, 8, 0))
        match = struct.pack("!L36x", 0x3fffff)
        number = 0
        while self.going:
            number += 1
            flow = match + struct.pack("!QHHHHLHH", 0, 0, 0, 0, number % 100,
                                       0xffffffff, 0xffff, 0)
            stats = struct.pack("!HH", 1, 0) + match + struct.pack(
                "!BxH", 0xff, 0xffff)
            for sort, messages, answer in (
                    ("echo", [(2, b"")], 3),
                    ("flow", [(14, flow), (18, b"")], 19),
                    ("dump", [(16, stats)], 17)):
                begin = now()
                self.ask(messages, answer)
                self.times.append((sort, now() - begin))
            time.sleep(0.005)

    def ask(self, messages, wanted):
        self.sock.sendall(b"".join(
            struct.pack("!BBHL", 1, kind, 8 + len(body), 1) + body
            for kind, body in messages))
        while True:
            kind, body = self.message()
            if kind == wanted and (kind != 17
                                   or not struct.unpack_from("!HH",
                                                             body)[1] & 1):
                return
            if kind == 2:
                self.sock.sendall(struct.pack("!BBHL", 1, 3, 8 + len(body), 0)
                                  + body)
            elif kind == 1:
                raise NotMeasured("OpenFlow error %s" % body.hex())

    def message(self):
        head = self.read(8)
        kind, length = struct.unpack_from("!xBH", head)
        return kind, self.read(length - 8)

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.sock.recv(length - len(data))
            if not piece:
                raise NotMeasured("OpenFlow connection closed")
            data += piece
        return data

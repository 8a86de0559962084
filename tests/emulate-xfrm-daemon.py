#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does in OVS_XFRM databases what ovs-vswitchd does there, without a kernel.

usage: emulate-xfrm-daemon.py NAME...

For each NAME serves the database at unix:NAME.sock.  The file NAME.mode says
how, from one moment to the next:

    ok              all SAs become "installed"
    deaf            nothing is confirmed, as if there were no daemon
    refuse DIR      SAs of direction DIR get an error, others as above

NAME.serving has the mode that is in force: nothing is under way that belongs
to another.

For tests of ovs-xfrmctl, which run it in the background."""

import json
import os
import subprocess
import sys
import time


def transact(name, *ops):
    p = subprocess.run(["ovsdb-client", "transact", "unix:%s.sock" % name,
                        json.dumps(["OVS_XFRM"] + list(ops))],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(p.stdout) if p.returncode == 0 else None


def serve(name):
    with open(name + ".mode") as f:
        text = f.read()
    with open(name + ".serving", "w") as f:
        f.write(text)
    mode = text.split()
    if not mode or mode[0] == "deaf":
        return
    result = transact(name, {"op": "select", "table": "XFRM_Global",
                             "where": [], "columns": ["next_cfg"]})
    if not result or not result[0]["rows"]:
        return
    fresh = ["state", "==", ["set", []]]
    ops = []
    if mode[0] == "refuse":
        ops.append({"op": "update", "table": "SA",
                    "where": [fresh, ["direction", "==", mode[1]]],
                    "row": {"state": "error",
                            "error": "the kernel refuses this"}})
    ops.append({"op": "update", "table": "SA", "where": [fresh],
                "row": {"state": "installed"}})
    ops.append({"op": "update", "table": "XFRM_Global", "where": [],
                "row": {"cur_cfg": result[0]["rows"][0]["next_cfg"]}})
    transact(name, *ops)


def main():
    while os.path.exists(sys.argv[1] + ".mode"):
        for name in sys.argv[1:]:
            serve(name)
        time.sleep(0.1)


main()

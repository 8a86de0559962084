# SPDX-License-Identifier: Apache-2.0
#
# Sends one transaction that is too long for the arguments of ovsdb-client.
#
# usage: many-rows.py SOCKET DATABASE N OPERATION...
#
# Each OPERATION is there N times, with @i@ replaced by 1 to N, @ip@ by an
# address 10.9.x.y and @key@ by a key of 20 bytes, different each time.  An
# OPERATION that begins with "once:" is there once.

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "vm"))

from benchlib import Database  # noqa: E402


def expand(text, i):
    return (text.replace("@i@", str(i))
            .replace("@ip@", "10.9.%d.%d" % (i >> 8, i & 255))
            .replace("@key@", "%040x" % (0xabc00000 + i)))


def main():
    path, database, n = sys.argv[1:4]
    operations = []
    for text in sys.argv[4:]:
        if text.startswith("once:"):
            operations.append(json.loads(text[len("once:"):]))
            continue
        operations += [json.loads(expand(text, i))
                       for i in range(1, int(n) + 1)]
    Database(path, database).transact(operations)


main()

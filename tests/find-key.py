#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for key bytes in files, in every way that a program may write them.

    find-key.py KEY[,KEY]... FILE...

KEYs are hexadecimal.  Eight bytes in a row are taken for the key: raw, in
either order or with the bytes of each word of 2, 4 or 8 bytes swapped; the same
in hexadecimal of either case, also with blanks, colons, commas, dashes, "0x",
"\\x", "\\u00" or "%" between bytes or words; as decimal numbers, signed or not,
or octal ones or escapes with anything between; in base64, also of URLs, at each
of the three offsets.  FILE may be a directory, which is read with all that is
below.

Prints FILE, encoding and place for each find and exits with 1; with 0 if there
is none, with 2 if FILE cannot be read or holds nothing at all.
"""

import base64
import os
import re
import stat
import sys

WINDOW = 8


def windows(key):
    return [key[i:i + WINDOW] for i in range(len(key) - WINDOW + 1)]


def swapped(part):
    """'part' as words of the other byte order."""
    for size in 2, 4:
        yield b"".join(part[i:i + size][::-1]
                       for i in range(0, len(part), size))


def base64_cores(part):
    """What base64 makes of 'part' wherever it begins, neighbours aside."""
    for skip in range(3):
        text = base64.b64encode(b"\0" * skip + part)
        first = (skip * 8 + 5) // 6
        last = (skip + len(part)) * 8 // 6
        yield text[first:last]


class Searcher:
    def __init__(self, keys):
        self.raw = set()
        self.hex = set()
        self.base64 = set()
        self.numbers = {"decimal": set(), "signed": set(), "octal": set()}
        for key in keys:
            for order in key, key[::-1]:
                for part in windows(order):
                    self.raw.add(part)
                    self.hex.add(part.hex().encode())
                    self.numbers["decimal"].add(
                        b" ".join(b"%d" % byte for byte in part))
                    self.numbers["signed"].add(
                        b" ".join(b"%d" % (byte - 256 * (byte > 127))
                                  for byte in part))
                    self.numbers["octal"].add(
                        b" ".join(b"%o" % byte for byte in part))
            for part in windows(key):
                # Words of 8 bytes are what the reverse order has, too.
                for words in swapped(part):
                    self.raw.add(words)
                    self.hex.add(words.hex().encode())
                self.base64.update(base64_cores(part))

    def search(self, text):
        """Yields (encoding, offset) of what is found in 'text'."""
        for part in self.raw:
            if part in text:
                yield "raw", text.index(part)
        # Hexadecimal, once with everything between the digits taken away.
        squeezed = re.sub(rb"(0x|\\x|\\u00|[\s:,;\-_.\"'(){}\[\]%])+", b"",
                          text.lower())
        for name, where in (("hexadecimal", text.lower()),
                            ("hexadecimal in pieces", squeezed)):
            for part in self.hex:
                if part in where:
                    yield name, where.index(part)
                    break
        # Line breaks are common in base64.
        for where in (text, re.sub(rb"\s+", b"", text)):
            where = where.replace(b"-", b"+").replace(b"_", b"/")
            for part in self.base64:
                if part in where:
                    yield "base64", where.index(part)
                    break
        for name, others in (("decimal", rb"[^0-9]+"),
                             ("signed", rb"[^0-9-]+"),
                             ("octal", rb"[^0-7]+")):
            where = b" " + re.sub(others, b" ", text) + b" "
            if name == "signed":
                where = re.sub(rb" *-", b" -", where)
            # Numbers with leading zeros, as in "\001".
            where = re.sub(rb" 0+(?=[0-9])", b" ", where)
            for part in self.numbers[name]:
                if b" " + part + b" " in where:
                    yield name, where.index(part)
                    break


def files_of(path):
    if os.path.isdir(path) and not os.path.islink(path):
        for name in sorted(os.listdir(path)):
            yield from files_of(os.path.join(path, name))
    elif stat.S_ISREG(os.lstat(path).st_mode):
        yield path


def main(args):
    if len(args) < 2:
        sys.stderr.write(__doc__)
        return 2
    searcher = Searcher([bytes.fromhex(key) for key in args[0].split(",")])
    found = total = 0
    for path in args[1:]:
        for name in files_of(path):
            with open(name, "rb") as f:
                text = f.read()
            total += len(text)
            for encoding, offset in searcher.search(text):
                print("%s: %s at %d" % (name, encoding, offset))
                found += 1
    if not total:
        sys.stderr.write("find-key.py: there is nothing in these files\n")
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

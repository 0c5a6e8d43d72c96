#!/usr/bin/python3
"""Exports of many sizes, checked by rfc6962_peer.py, which shares no code with what wrote them: rfc6962_test.py MAKE_EXPORT."""
import hashlib
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rfc6962_peer as peer

SIZES = list(range(0, 18)) + [31, 32, 33, 127, 128, 129, 255, 256, 257, 258, 300, 384, 511, 512, 513, 599, 600]


def expected_root(size):
    return peer.mth([hashlib.sha256(b"\x00entry %d" % i).digest() for i in range(size)])


def main():
    for size in SIZES:
        with tempfile.TemporaryDirectory() as d:
            vkey = subprocess.run([sys.argv[1], d, str(size)], check=True, capture_output=True, text=True).stdout.strip()
            got = peer.check(d, vkey)
            assert got == (size, expected_root(size)), size
            # the peer itself must be able to refuse
            path = os.path.join(d, "checkpoint")
            with open(path, "r+b") as f:
                note = f.read().replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1))
                f.seek(0)
                f.write(note)
                f.truncate()
            try:
                peer.check(d, vkey)
            except peer.Refused:
                continue
            raise AssertionError("a changed size was accepted")
    print("%d sizes agree" % len(SIZES))


main()

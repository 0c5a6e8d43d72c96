#!/usr/bin/python3
"""Check an exported log from RFC 6962 and the C2SP formats alone: rfc6962_peer.py DIR VKEY.

Shares no code with the product. Reads every entry bundle and tile that the checkpoint's size asks for, hashes them
recursively as RFC 6962 2.1 writes it, and checks the note's Ed25519 signature. Exit 0 accepted, 1 refused."""
import base64
import hashlib
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    pass


def need(what, text):
    if not what:
        raise Refused(text)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mth(hashes):
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\x01", mth(hashes[:k]), mth(hashes[k:]))


def open_note(note, vkey):
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    need(key[0] == 1 and len(key) == 33, "vkey is not Ed25519")
    need(sha(name.encode(), b"\n", key)[:4].hex() == key_id, "vkey id")
    text, signatures = note.rsplit(b"\n\n", 1)
    text += b"\n"
    good = 0
    for line in signatures.decode().splitlines():
        dash, who, blob = line.split(" ")
        need(dash == "\u2014", "signature line")
        blob = base64.b64decode(blob, validate=True)
        if who == name and blob[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text)
            except InvalidSignature:
                raise Refused("the log's signature")
            good += 1
    need(good, "not signed by the log")
    origin, size, root = text.decode().splitlines()[:3]
    need(origin == name, "origin")
    return int(size), base64.b64decode(root, validate=True)


def index_path(n):
    digits = "%d" % n
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    return "/".join(["x" + g for g in groups[:-1]] + groups[-1:])


def tile_file(directory, level, n, width):
    path = os.path.join(directory, "tile", level, index_path(n) + ("" if width == 256 else ".p/%d" % width))
    with open(path, "rb") as f:
        return f.read()


def widths(count):
    return [256] * (count // 256) + ([count % 256] if count % 256 else [])


def read_entries(directory, size):
    entries = []
    for n, width in enumerate(widths(size)):
        data = tile_file(directory, "entries", n, width)
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            need(len(data) >= 2 + length, "bundle %d is cut" % n)
            entries.append(data[2:2 + length])
            data = data[2 + length:]
        need(not data, "bundle %d is too long" % n)
    return entries


def check(directory, vkey):
    with open(os.path.join(directory, "checkpoint"), "rb") as f:
        size, root = open_note(f.read(), vkey)
    row = [sha(b"\x00", e) for e in read_entries(directory, size)]
    need(mth(row) == root, "root")
    level = 0
    while row:
        for n, width in enumerate(widths(len(row))):
            need(tile_file(directory, str(level), n, width) == b"".join(row[256 * n:256 * n + width]), "tile %d/%d" % (level, n))
        row = [mth(row[i:i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
    return size, root


def main():
    try:
        size, root = check(sys.argv[1], sys.argv[2])
    except (Refused, ValueError, OSError) as e:
        print("refused: %s" % e)
        return 1
    print("%d %s" % (size, root.hex()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

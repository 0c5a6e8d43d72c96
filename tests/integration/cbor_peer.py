#!/usr/bin/python3
"""Our CBOR against python3-cbor2, an independent implementation: cbor_peer.py PROGRAM [SEED]

Random items encoded by cbor2 canonically are taken by ours and written anew to the same bytes. Mutated encodings: what
ours takes, cbor2 decodes, and encodes canonically to the same bytes. The seed is printed; a run is repeatable.
"""
import io
import random
import struct
import subprocess
import sys

import cbor2

ITEMS = 1500
MUTANTS = 12


class Peer:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, data):
        """The item written anew, or None when refused."""
        self.process.stdin.write(struct.pack(">I", len(data)) + data)
        self.process.stdin.flush()
        verdict = self.process.stdout.read(1)
        if verdict == b"-":
            return None
        assert verdict == b"+", "the program ended on %s" % data.hex()
        (length,) = struct.unpack(">I", self.process.stdout.read(4))
        return self.process.stdout.read(length)

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=20)


def integer(rnd):
    bits = rnd.choice([3, 5, 8, 9, 16, 17, 32, 33, 63])
    value = rnd.getrandbits(bits)
    return value if rnd.random() < 0.6 else -1 - value


def text(rnd):
    return "".join(chr(rnd.choice([rnd.randrange(1, 128), rnd.randrange(0xA0, 0xD800), rnd.randrange(0x10000, 0x110000)]))
                   for _ in range(rnd.choice([0, 1, 5, 23, 24, 40, 90])))


def item(rnd, depth):
    kind = rnd.randrange(8 if depth > 0 else 5)
    if kind == 0:
        return integer(rnd)
    if kind == 1:
        return rnd.randbytes(rnd.choice([0, 1, 23, 24, 255, 256, 300]))
    if kind == 2:
        return text(rnd)
    if kind == 3:
        return rnd.choice([True, False])
    if kind == 4:
        return None
    count = rnd.choice([0, 1, 2, 3, 5, 24])
    if kind == 5:
        return [item(rnd, depth - 1) for _ in range(count)]
    return {(integer(rnd) if rnd.random() < 0.7 else text(rnd)): item(rnd, depth - 1) for _ in range(count)}


def bytewise(value):
    """Maps in the key order of RFC 8949 4.2.1, which is bytewise; cbor2's canonical form is the older, length-first one."""
    if isinstance(value, dict):
        pairs = sorted(((cbor2.dumps(k), k, bytewise(v)) for k, v in value.items()), key=lambda p: p[0])
        return {k: v for _, k, v in pairs}
    if isinstance(value, (list, tuple)):
        return [bytewise(v) for v in value]
    return value


def encode(value):
    return cbor2.dumps(bytewise(value))


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max((depth_of(v) for v in value.values()), default=0)
    if isinstance(value, (list, tuple)):
        return 1 + max((depth_of(v) for v in value), default=0)
    return 0


def mutate(rnd, data):
    out = bytearray(data)
    for _ in range(rnd.choice([1, 1, 1, 2, 3])):
        how, at = rnd.randrange(5), rnd.randrange(len(out)) if out else 0
        if not out or how == 0:
            out.insert(at, rnd.randrange(256))
        elif how == 1:
            del out[at]
        elif how == 2:
            out[at] ^= 1 << rnd.randrange(8)
        elif how == 3:
            out[at] = rnd.choice([0, 0x18, 0x19, 0x1B, 0x5F, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC2, 0xF4, 0xF6, 0xF7, 0xF9, 0xFB, 0xFF])
        else:
            end = min(len(out), at + rnd.randrange(1, 9))
            out[at:at] = out[at:end]
    return bytes(out)


def check_taken(data, ours):
    """Ours took data: so must cbor2, to the last byte, and both must write it the same."""
    assert ours == data, "written anew as %s" % ours.hex()
    stream = io.BytesIO(data)
    value = cbor2.load(stream)
    assert stream.read() == b"", "bytes after it"
    assert encode(value) == data, "cbor2 writes %s" % encode(value).hex()


def has_tag_or_float(data):
    """Either is outside our form; and cbor2 computes what some tags mean, which a mutant can make last for minutes."""
    at = 0
    while at < len(data):
        major, info, at = data[at] >> 5, data[at] & 31, at + 1
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
        if major == 6 or major == 7 and info >= 24:
            return True
        value = int.from_bytes(data[at:at + width], "big") if width else info
        at += width + (value if major in (2, 3) else 0)
    return False


def judge(data):
    """Is data in our form? By cbor2's decoder and encoder alone; floats, tags and the like do not survive the test below."""
    def plain(value):
        if value is None or isinstance(value, (bool, bytes)):
            return True
        if isinstance(value, int):
            return -(2**63) <= value < 2**64
        if isinstance(value, str):
            return "\0" not in value
        if isinstance(value, (list, tuple)):
            return all(plain(v) for v in value)
        return isinstance(value, dict) and all(isinstance(k, (int, str)) and not isinstance(k, bool) and plain(k) and plain(v) for k, v in value.items())
    if has_tag_or_float(data):
        return False
    try:
        stream = io.BytesIO(data)
        value = cbor2.load(stream)
        return stream.read() == b"" and plain(value) and depth_of(value) <= 16 and encode(value) == data
    except Exception:  # whatever a decoder says of hostile bytes is a no
        return False


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    print("seed", seed)
    rnd = random.Random(seed)
    peer = Peer(sys.argv[1])
    taken = refused = 0
    for _ in range(ITEMS):
        data = encode(item(rnd, rnd.randrange(5)))
        ours = peer.ask(data)
        assert ours is not None, "refused %s" % data.hex()
        check_taken(data, ours)
        for _ in range(MUTANTS if len(data) < 2000 else 1):
            mutant = mutate(rnd, data)
            ours = peer.ask(mutant)
            if ours is not None:
                check_taken(mutant, ours)
                taken += 1
            else:
                assert not judge(mutant), "refused the good %s" % mutant.hex()
                refused += 1
    assert peer.close() == 0, "the program failed"
    print("%d items both ways; of their mutants %d taken by both, %d refused by both" % (ITEMS, taken, refused))
    assert taken > 100 and refused > 100, "the mutants prove nothing"


if __name__ == "__main__":
    main()

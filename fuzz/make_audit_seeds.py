#!/usr/bin/python3
"""Write the seeds of fuzz_note, fuzz_checkpoint, fuzz_ticket, fuzz_entry, fuzz_frontier and fuzz_bundle into fuzz/corpus/."""
import os
import cbor2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
VKEY = b"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
LINE = "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".encode()
OTHER = "\u2014 other.example AAAAAAE=\n".encode()
NOTE = b"This is an example message.\n\n" + LINE
CHECKPOINT = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
EMPTY = b"a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def write(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as f:
        f.write(data)


def enc(item):
    return cbor2.dumps(item, canonical=True)


write("note", "published", NOTE)
write("note", "two", b"text\n\nmore\n\n" + OTHER + LINE)
write("note", "vkey", VKEY)
write("checkpoint", "published", CHECKPOINT)
write("checkpoint", "empty", EMPTY)
write("checkpoint", "extensions", CHECKPOINT + b"one\ntwo\n")
write("ticket", "small", enc({1: 0, 2: b"", 3: CHECKPOINT + b"\n" + LINE}))
write("ticket", "proof", enc({1: 5, 2: bytes(96), 3: CHECKPOINT + b"\n" + OTHER}))
least = {1: 1, 2: 7, 3: 1700000000, 4: "default", 5: "cert.issue", 6: "server", 7: "", 8: bytes(32), 9: "ok"}
write("entry", "least", enc(least))
write("entry", "full", enc({**least, 9: "denied", 10: "why", 11: bytes(32), 12: bytes(32), 13: bytes(32), 14: {1: [1, "a"]}}))
write("frontier", "empty", bytes(8))
write("frontier", "five", (5).to_bytes(8, "big") + bytes(range(64)))
write("bundle", "three", b"\x03" + b"\0\x02ab" + b"\0\0" + b"\0\x01c")
write("bundle", "path", b"tile/entries/x001/234.p/17")

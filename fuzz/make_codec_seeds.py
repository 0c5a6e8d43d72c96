#!/usr/bin/python3
"""Write the seeds of fuzz_cbor, fuzz_cose, fuzz_statement, fuzz_der and fuzz_appraisal into fuzz/corpus/."""
import os
import cbor2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as f:
        f.write(data)


def enc(item):
    return cbor2.dumps(item, canonical=True)


def tlv(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def sign1(kind, payload, kid=b"k" * 32):
    header = enc({1: -7, 3: kind, 4: kid})
    return enc(cbor2.CBORTag(18, [header, {}, payload, bytes(range(64))]))


cbor = {
    "ints": [0, 23, 24, 255, 256, 65535, 65536, 2**32, 2**64 - 1, -1, -25, -(2**64)],
    "thing": {1: 7, 2: -3, 3: b"abc", 4: "text", 5: True, 6: None, 7: [1, [2]], 24: {1: 2, "a": []}},
    "nested": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]],
    "map": {1: 2, -1: [False, None], "k": {"a": b""}},
}
for name, item in cbor.items():
    write("cbor", name, enc(item))
write("cbor", "tagged", bytes.fromhex("d81801"))
write("cbor", "indefinite", bytes.fromhex("bf01029f0102ffff"))

write("cose", "plain", sign1("text/plain", b"hello"))
write("cose", "empty", sign1("t", b"", b"k"))

payload = {1: b"0123456789abcdef", 2: "agent", 3: "default", 4: 1000000, 5: 1000060, 6: 5, 7: enc({1: 2})}
write("statement", "verdict", sign1("muster/v1/verdict", enc(payload)))
write("statement", "version2", sign1("muster/v2/verdict", enc(payload)))

P256 = tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06082a8648ce3d030107")), tlv(3, b"\0\4" + bytes(64)))
RSA = tlv(0x30, tlv(0x30, bytes.fromhex("06092a864886f70d010101"), b"\5\0"),
          tlv(3, b"\0", tlv(0x30, tlv(2, b"\0\x80" + bytes(126) + b"\1"), tlv(2, b"\1\0\1"))))
NAME = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403"), tlv(12, b"device"))))
SAN = tlv(0x30, bytes.fromhex("0603551d11"), tlv(4, tlv(0x30, tlv(0x82, b"a.example"))))
USAGE = tlv(0x30, bytes.fromhex("0603551d0f"), tlv(1, b"\xff"), tlv(4, bytes.fromhex("03020780")))
ATTRS = tlv(0xA0, tlv(0x30, bytes.fromhex("06092a864886f70d01090e"), tlv(0x31, tlv(0x30, SAN, USAGE))))
ECDSA = tlv(0x30, bytes.fromhex("06082a8648ce3d040302"))
SIG = tlv(0x30, tlv(2, b"\1" * 32), tlv(2, b"\0" + b"\x81" * 32))
write("der", "p256", P256)
write("der", "rsa", RSA)
write("der", "sig", SIG)
write("der", "csr", tlv(0x30, tlv(0x30, tlv(2, b"\0"), NAME, P256, ATTRS), ECDSA, tlv(3, b"\0" + SIG)))
write("der", "utctime", tlv(0x17, b"260131235959Z"))
write("der", "generalized", tlv(0x18, b"20520229000000Z"))
write("der", "misc", tlv(0x30, tlv(1, b"\xff"), tlv(2, b"\x7f"), tlv(5), tlv(6, b"\x2a\x03"), tlv(3, b"\5\xa0")))

tuples = b"".join(bytes([pcr, 1]) + bytes(12) + bytes([fill]) * 32 for pcr, fill in [(0, 0x11), (7, 0x22)])
seen_file = bytes(4) + bytes([0, 0, 4, 32, 0]) + (7).to_bytes(2, "big") + bytes(32) + b"/bin/sh"
write("appraisal", "empty", enc({6: []}))
write("appraisal", "boot", enc({1: 3, 2: tuples, 6: [["attester.kind", True, "tpm"]]}))
write("appraisal", "ima", enc({3: tuples, 4: 5, 5: seen_file, 6: []}))

#!/usr/bin/python3
"""Write the seeds of fuzz_cbor_any, fuzz_cose_any and fuzz_corim into fuzz/corpus/. The seeds of fuzz_attester are written by
tests/unit/test_attester.c (MUSTER_WRITE_SEEDS), which signs them."""
import os
import cbor2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as f:
        f.write(data)


tag = cbor2.CBORTag
for name, text in {
    "long_heads": "a2 1800 190001 1b0000000000000002 5803010203",
    "indefinite": "bf 01 9f 5f 4101 4102 ff 7f 6161 6162 ff ff 02 bf ff ff",
    "tags": "d9d9f7 82 c1 1a514b67b0 c2 4101",
    "floats": "85 f93e00 fa47c35000 fb3ff199999999999a f97e00 f97c00",
    "simple": "86 f4 f5 f6 f7 f0 f8ff",
    "twice": "a2 01 00 1801 00",
    "deep": "81" * 32 + "00",
}.items():
    write("cbor_any", name, bytes.fromhex(text))

protected = cbor2.dumps({1: -7, 2: [1], 3: "application/x", 4: b"kid"})
write("cose_any", "tagged", cbor2.dumps(tag(18, [protected, {}, b"payload", bytes(64)])))
write("cose_any", "bare", cbor2.dumps([cbor2.dumps({1: -35}), {4: b"kid", "x": 1}, b"", bytes(96)]))
write("cose_any", "unprotected", cbor2.dumps([b"", {1: -8}, b"payload", bytes(64)]))
write("cose_any", "key_ec", cbor2.dumps({1: 2, 3: -7, 4: [2], -1: 1, -2: bytes(32), -3: bytes(32)}))
write("cose_any", "key_okp", cbor2.dumps({1: 1, -1: 6, -2: bytes(range(32))}))
write("cose_any", "key_jwk", b'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}')
write("cose_any", "key_pem", b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n")


def environment(layer):
    return {0: {0: tag(37, bytes(range(16))), 1: "Example Ltd", 2: "Board", 3: layer, 4: 0}, 1: tag(550, b"\x01" + bytes(16)), 2: tag(37, bytes(16))}


values = {0: {0: "1.0", 1: 16384}, 1: tag(553, 3), 2: [[1, bytes(32)], [7, bytes(48)], ["x", b"y"]], 3: {0: True, 3: False},
          4: tag(563, [b"ab", b"cd"]), 8: "serial", 9: tag(550, b"\x01" + bytes(16)), 10: bytes(16), 11: "BL", 13: [tag(560, bytes(32))],
          14: {0: [[1, bytes(32)]], "r": [[1, bytes(32)]]}, -1: "extension"}
comid = {0: "en", 1: {0: bytes(16)}, 2: [{0: "Example Ltd", 2: [0]}],
         4: {0: [[environment(1), [{0: 4, 1: values}, {0: tag(111, b"\x55\x04"), 1: {1: 7}}]]], 1: [[environment(2), [{1: {5: 1}}]]], 3: [[]]}}
corim = {0: "an id", 1: [tag(506, cbor2.dumps(comid)), tag(505, b"\xa0")], 3: tag(32, "http://example.com/profile"),
         4: {0: tag(1, 1700000000), 1: tag(1, 1800000000)}}
meta = cbor2.dumps({0: {0: "signer", 1: tag(32, "https://example.com")}, 1: {1: tag(1, 1800000000)}})
write("corim", "comid", cbor2.dumps(comid))
write("corim", "unsigned", cbor2.dumps(tag(501, corim)))
write("corim", "signed", cbor2.dumps(tag(18, [cbor2.dumps({1: -7, 3: "application/rim+cbor", 4: b"1", 8: meta}), {}, cbor2.dumps(tag(501, corim)), bytes(64)])))
write("corim", "old_tags", cbor2.dumps(tag(500, tag(501, {0: bytes(16), 1: [], 3: [tag(111, b"\x55\x04")]}))))

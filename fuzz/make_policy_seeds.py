#!/usr/bin/python3
"""Writes the seeds of policy_cbor, policy_yaml and reference with an encoder that is not ours."""
import glob
import os
import shutil

import cbor2

HERE = os.path.dirname(os.path.abspath(__file__))


def save(parser, name, data):
    path = os.path.join(HERE, "corpus", parser)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "wb") as f:
        f.write(data)


def policy(rules):
    return cbor2.dumps({1: 1, 2: "p", 3: "sha256", 4: 0x7FFF, 5: 600, 6: rules, 7: 0x5B95, 8: 86400, 9: 600, 10: True}, canonical=True)


rule = {1: "r", 2: False, 3: ["m", "n"], 4: 0x11, 5: ["a"], 6: True}
save("policy_cbor", "initial", policy([]))
save("policy_cbor", "rules", policy([rule, {1: "s", 2: True, 3: [], 4: 1, 5: ["a", "b"], 6: False}]))
save("policy_cbor", "twice", policy([rule, rule]))
one, two = bytes(range(32)), bytes(range(1, 33))
save("reference", "one", cbor2.dumps({1: "a", 2: 1, 3: "m", 4: {0: [one]}, 5: "", 6: 0}, canonical=True))
save("reference", "two", cbor2.dumps({1: "a", 2: 7, 3: "m", 4: {0: [one, two], 14: [two]}, 5: "dev-1", 6: 1700000000}, canonical=True))
save("reference", "falling", cbor2.dumps({1: "a", 2: 1, 3: "m", 4: {0: [two, one]}, 5: "", 6: 0}, canonical=True))
files = [b"/bin/a", bytes([4, 0]) + one, b"/bin/a", bytes([4, 1]) + two, b"/bin/b", bytes([2, 2]) + one[:20]]
everything = {1: "a", 2: 1, 4: {4: [one, two]}, 5: "", 6: 5, 7: [["x", 1], ["y", 2]], 8: bytes([0, 2]), 9: {0: [one], 4: [one, two]},
              10: bytes([1, 0, 0]), 11: files, 13: [b"key a", b"key b"], 14: True}
save("reference", "everything", cbor2.dumps(everything, canonical=True))
part = cbor2.dumps(files, canonical=True)
save("reference", "part", part)
save("reference", "in_parts", cbor2.dumps({1: "a", 2: 1, 3: "m", 4: {}, 5: "", 6: 5, 12: [[one, len(part), 3]]}, canonical=True))
os.makedirs(os.path.join(HERE, "corpus", "policy_yaml"), exist_ok=True)
for f in glob.glob(os.path.join(HERE, "../docs/examples/policy/*.yaml")):
    shutil.copy(f, os.path.join(HERE, "corpus", "policy_yaml"))
save("policy_yaml", "whole", b"""version: 1
name: p
attest:
  pcrs: [0, 1, 2, 4, 7]
  interval: 90s
  rules:
    - {name: r, match: {models: [m, "n \\"o"]}, require: {pcrs: [0, 4], references: [a]}, identity: true}
    - {name: s, match: {all: true}, require: {pcrs: [0], references: [b]}}
seal: {pcrs: [0, 4]}
identity: {life: 1h}
secrets: {max_age: 1d}
enrolment: {unlisted: deny}
""")

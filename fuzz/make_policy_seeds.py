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
everything = {
    1: "r", 2: False, 3: ["m"], 4: 0x11, 5: ["a", "b", "c"], 6: True, 7: ["g"], 8: ["b1", "b2"], 9: ["d"], 10: ["t"], 11: {0: True, 1: 1800000000},
    12: [["boot.secure-boot", 0, True], ["boot.sbat.shim", 8, "4"], ["boot.db.cert", 3, [b"\x00", b"\xff"]], ["boot.db.entries", 1, [1, 2]],
         ["boot.kernel.cmdline", 12, ["init=", "single"]]],
    13: {1: 0x90, 2: ["boot"], 3: {0: 1800000000}},
    14: {1: ["debian"], 3: ["/tmp/", "/x"], 4: True, 5: [bytes(32)], 6: True}, 15: 3, 16: ["boot.sbat.shim"]}
whole = {1: 1, 2: "p", 3: "sha256", 4: 0x7FFF, 5: 600, 6: [everything], 7: 0x5B95, 8: 86400, 9: 600, 10: True, 11: [["g", ["d"], ["b"], ["m"]]],
         12: [{1: "w", 3: "g", 4: ["claim-mismatch", "pcr-mismatch"], 5: "why", 6: "who", 7: 1800000000, 8: 16, 9: ["ek.model"], 10: ["/x/"]}],
         13: True, 14: True}
save("policy_cbor", "everything", cbor2.dumps(whole, canonical=True))
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
save("policy_yaml", "everything", b"""version: 1
name: p
groups: {g: {devices: [d], batches: [b], models: [m]}}
attest:
  boot_log: required
  ima: required
  rules:
    - name: base
      template: true
      require: {claims: [{claim: boot.secure-boot, is: true}, {claim: boot.sbat.shim, version_min: "4"}]}
    - name: r
      extends: base
      match: {models: [m], groups: [g], batches: [b], devices: [d], tenants: [t]}
      require:
        pcrs: [0, 4]
        references: [{name: a, until: moved}, {name: b, until: 2026-12-31}, c]
        claims:
          - {claim: boot.db.cert, any_of: ["00", "ff"], none_of: ["aa"]}
          - {claim: boot.db.entries, in: [1, 2], min: 1, max: 9}
          - {claim: boot.kernel.cmdline, words: [ro], no_words: [init=], prefix: BOOT}
        events: {pcrs: [4, 7], references: [boot]}
        files: {references: [debian], exclude: [/tmp/], unknown: allow, by: digest, signed_by: ["%s"]}
        assurance: hardware
      allow_unproven: [boot.sbat.shim]
      identity: true
waivers:
  - {name: w, group: g, allow: [pcr-mismatch], pcrs: [4], claims: [ek.model], paths: [/x/], reason: a, approver: b, expires: 2026-12-31T00:00:00Z}
""" % (b"00" * 32))

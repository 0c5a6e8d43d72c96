#!/usr/bin/python3
"""Seeds for what the policy commands read: test files, reference sets as text, exported evidence."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))
from muster_peer import SoftTpm, dec, enc

RECORDED = HERE.parent / "tests" / "data" / "measured-boot"
TESTS = b"""version: 1
tests:
  - name: good
    device: {model: gateway, listed: true, batch: b1, id: x, serial: s, last_reference: old}
    evidence: {pcrs: good.json, boot_log: log, ima: list, replace: {4: """ + b"ab" * 32 + b"""}, claims: {attester.kind: tpm}}
    now: 2026-12-31
    expect: fail
    reason: pcr-mismatch
    pcr: 4
  - name: bundle
    device: {model: gateway}
    evidence: {bundle: one.evidence}
    expect: pass
    rule: r
    reference: s
"""


def put(target, name, data):
    d = HERE / "corpus" / target
    d.mkdir(exist_ok=True)
    (d / name).write_bytes(data)


def text(yaml, file=b""):
    """fuzz_reference_text.c: the first byte says, in 16 bytes, where the file begins that the text names."""
    yaml += b"#" * (-len(yaml) % 16)
    return bytes([len(yaml) // 16]) + yaml + file


def evidence(**more):
    tpm = SoftTpm()
    attest, signature = tpm.quote(b"\1" * 32)
    m = {1: 1, 2: "default", 3: tpm.device, 4: "gw-1", 5: "gateway", 6: "S1", 7: "trusted", 8: "b1", 9: True, 10: 1700000000,
         11: dec(tpm.pcr_values()), 12: attest, 13: signature, 14: tpm.ak_public, 20: "pass", 21: [], 22: "fleet", 23: 7, 24: b"\1" * 32}
    m.update({int(k[1:]): v for k, v in more.items()})
    return enc(m)


put("policy_tests", "both", TESTS)
pcrs = b"version: 1\nname: r\nmodel: m\nsource: \"a b\"\ncaptured: 2026-01-02T03:04:05Z\npcrs:\n  0: [" + b"11" * 32 + b"]\n  4: [" + b"22" * 32 + b", " + b"33" * 32 + b"]\nevents:\n  7: [" + b"44" * 32 + b"]\n"
put("reference_text", "pcrs", text(pcrs))
put("reference_text", "sums", text(b"version: 1\nname: r\nall_models: true\nfiles: f\n", b"ab" * 32 + b"  /bin/sh\n\\" + b"cd" * 20 + b"  ./odd\\nname\n"))
put("reference_text", "pcrs_file", text(b"version: 1\nname: r\nmodel: m\npcrs: f\n", b'{"sha256":{"0":"' + b"11" * 32 + b'"}}'))
put("reference_text", "ima", text(b"version: 1\nname: r\nmodel: m\nima: [f]\n", (RECORDED / "good" / "ima_binary").read_bytes()[:700]))
put("reference_text", "boot_log", text(b"version: 1\nname: r\nmodel: m\nboot_log: {file: f, pcrs: [0], events: [0]}\n", (RECORDED / "good" / "binary_bios_measurements").read_bytes()[:900]))
put("evidence_file", "quote", evidence())
put("evidence_file", "logs", evidence(_15=(RECORDED / "good" / "binary_bios_measurements").read_bytes()[:900], _16=(RECORDED / "good" / "ima_binary").read_bytes()[:500], _17=3, _18=1, _19="old"))

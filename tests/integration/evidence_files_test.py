#!/usr/bin/python3
"""evidence verify on recorded machines: quote, boot log and IMA list agree, each way in which they do not is named, and a policy
directory judges them. evidence_files_test.py MUSTER"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

MUSTER = str(pathlib.Path(sys.argv[1]).resolve())
DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "measured-boot"
NONCE = "00112233445566778899aabbccddeeff00112233"
POLICY = """version: 1
name: fleet
attest:
  pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14]
  interval: 10m
%s  rules:
    - name: laptops
      match: {models: [m1]}
      require:
        pcrs: [0, 2, 4, 7, 8, 9]
        references: [good]
        claims:
          - {claim: boot.secure-boot, is: true}
seal:
  pcrs: [0, 2, 4, 7]
"""
failures = 0


def check(ok, text):
    global failures
    if not ok:
        failures += 1
        print("FAIL", text)


def verify(variant, *more, log=None, ima="ima_binary", pcrs=True):
    d = DATA / variant
    argv = [MUSTER, "evidence", "verify", "--quote", d / "quote.attest", "--signature", d / "quote.sig", "--ak", d / "ak.tpmt", "--nonce", NONCE]
    argv += ["--pcrs", d / "quote.pcrs"] if pcrs else []
    argv += ["--boot-log", DATA / log / "binary_bios_measurements"] if log else []
    argv += ["--ima", ima if isinstance(ima, pathlib.Path) else d / ima] if ima else []
    done = subprocess.run([str(a) for a in argv + list(more)] + ["--json"], capture_output=True, text=True, timeout=60)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"text": done.stdout + done.stderr}


def accepted(what, answer):
    code, a = answer
    check(code == 0 and a.get("result") == "accepted", f"{what}: exit {code}, {a.get('reason')}: {a.get('detail', a.get('text'))}")
    return a


def refused(what, reason, answer):
    code, a = answer
    check(code == 1 and a.get("reason") == reason, f"{what}: exit {code}, {a.get('reason')} where {reason} is due: {a.get('detail', a.get('text'))}")
    return a


def test_agreement():
    for variant in ("good", "cmdline", "banks"):
        for ima in ("ima_ascii", "ima_binary"):
            a = accepted(f"{variant} {ima}", verify(variant, log=variant, ima=ima))
            check("unexplained" not in a and "contradicted" not in a, f"{variant}: {a.get('unexplained')}")
            check(a["claims"]["boot.secure-boot"] is True and a["boot-aggregate"] == "pcrs-0-9", f"{variant}: claims")
            check(any("nothing was judged" in n for n in a["notes"]), f"{variant}: {a['notes']}")
        a = accepted(f"{variant} without values", verify(variant, log=variant, pcrs=False))
        check(a["pcr-values"] == "computed from the logs" and "10" in a["pcrs"]["sha256"], f"{variant}: {a.get('pcr-values')}")
    a = accepted("without an IMA list", verify("good", log="good", ima=None))
    check(a["unexplained"] == ["sha256: 10"], f"without an IMA list: {a.get('unexplained')}")
    a = accepted("without a boot log", verify("good"))
    check("14" in a["unexplained"][0] and "10" not in a["unexplained"][0].split(), f"without a boot log: {a.get('unexplained')}")
    a = refused("the log of another boot", "log-does-not-replay", verify("good", log="cmdline"))
    check(a["contradicted"] == ["sha256: 8 and 9"] and "claims" not in a, f"the log of another boot: {a.get('contradicted')}")
    refused("the list of another boot", "ima-does-not-replay", verify("good", log="good", ima=DATA / "cmdline" / "ima_binary"))
    refused("logs of another boot, without values", "log-does-not-replay", verify("good", log="cmdline", pcrs=False))
    code, a = verify("good", pcrs=False)
    check(code == 2, f"a list without values or log: exit {code} {a}")


def test_changed_lists(tmp):
    lines = (DATA / "good" / "ima_ascii").read_text().splitlines(True)
    grown, cut, swapped = tmp / "grown", tmp / "cut", tmp / "swapped"
    grown.write_text("".join(lines + lines[-1:]))
    a = accepted("a list that has grown", verify("good", log="good", ima=grown))
    check(a["ima-entries"] == a["ima-quoted"] + 1 and any("after the quote" in n for n in a["notes"]), f"grown: {a['notes']}")
    check(a["claims"]["ima.entries"] == len(lines), f"grown: {a['claims']['ima.entries']}")
    cut.write_text("".join(lines[:-1]))
    refused("a list that ends early", "ima-does-not-replay", verify("good", ima=cut))
    swapped.write_text("".join(lines[:5] + [lines[6], lines[5]] + lines[7:]))
    refused("a list in another order", "ima-does-not-replay", verify("good", ima=swapped))
    swapped.write_text("".join(lines[:5]) + lines[5].replace("/", "\\", 1) + "".join(lines[6:]))
    code, a = verify("good", ima=swapped)
    check(code == 1, f"a list with a changed path: exit {code} {a.get('reason')}")
    swapped.write_text("hello\n")
    refused("no list", "ima-malformed", verify("good", ima=swapped))


def reference(variant):
    rows, bank = [], None
    for line in (DATA / variant / "pcrs_all.txt").read_text().splitlines():
        if m := re.match(r"\s*(sha\d+):", line):
            bank = m.group(1)
        elif (m := re.match(r"\s*(\d+)\s*: 0x([0-9A-Fa-f]+)", line)) and bank == "sha256":
            rows.append(f'  {m.group(1)}: ["{m.group(2).lower()}"]\n')
    return "version: 1\nname: good\nmodel: m1\npcrs:\n" + "".join(rows)


def test_policy(tmp):
    d = tmp / "policy"
    (d / "references").mkdir(parents=True)
    (d / "policy.yaml").write_text(POLICY % "  boot_log: required\n  ima: required\n")
    (d / "references" / "good.yaml").write_text(reference("good"))
    judge = ("--policy", str(d), "--model", "m1")
    a = accepted("the good machine", verify("good", *judge, log="good"))
    check(a["verdict"] == "pass" and a["rule"] == "laptops" and a["reference"] == "good" and len(a["steps"]) > 3, f"good: {a.get('verdict')}")
    a = refused("another command line", "pcr-mismatch", verify("cmdline", *judge, log="cmdline"))
    check(a["verdict"] == "fail" and any("pcr=8" in r for r in a["reasons"]), f"cmdline: {a.get('reasons')}")
    refused("another model", "no-rule", verify("good", "--policy", str(d), "--model", "m2", log="good"))
    refused("no boot log", "boot-log-missing", verify("good", *judge))
    refused("no IMA list", "ima-missing", verify("good", *judge, log="good", ima=None))
    refused("what does not agree is not judged", "log-does-not-replay", verify("good", *judge, log="cmdline"))
    (d / "policy.yaml").write_text(POLICY.replace("10, 14]", "10, 11, 14]") % "")
    a = refused("a PCR that was not quoted", "pcr-selection", verify("good", *judge, log="good"))
    check("11" in a["detail"], f"not quoted: {a['detail']}")
    (d / "policy.yaml").write_text(POLICY.replace("is: true", "is: maybe") % "")
    code, a = verify("good", *judge, log="good")
    check(code == 2 and "policy.yaml" in json.dumps(a), f"a bad policy: exit {code} {a}")


def main():
    with tempfile.TemporaryDirectory() as directory:
        tmp = pathlib.Path(directory)
        test_agreement()
        test_changed_lists(tmp)
        test_policy(tmp)
    print(f"evidence: {failures} failures")
    sys.exit(1 if failures else 0)


main()

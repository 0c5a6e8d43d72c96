#!/usr/bin/python3
"""Policy as code on the command line: what a directory says, what would change, what runs beside it.
Usage: policycli_test.py BUILD-DIRECTORY [unittest arguments]"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import cbor2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
from muster_logs import Machine
from muster_peer import Operator, SoftTpm, msg
from muster_server import Server

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
LIBEXEC = MUSTERD = MUSTER = None
ENV = {**os.environ, "NO_COLOR": "1"}
ENV.pop("MUSTER_DEPLOYMENT", None)
ALL = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]"
POLICY = f"""version: 1
name: fleet
attest:
  pcrs: {ALL}
  interval: 10m
  rules:
    - name: a
      match: {{models: [model-a]}}
      require: {{pcrs: [0, 4, 7], references: [good]}}
      identity: true
    - name: b
      match: {{models: [model-b]}}
      require: {{pcrs: [0, 4, 7], references: [other]}}
"""


def reference(name, pcrs, model="model-a"):
    return f"version: 1\nname: {name}\nmodel: {model}\npcrs:\n" + "".join(f"  {i}: [{v.hex()}]\n" for i, v in pcrs.items())


class Cli(unittest.TestCase):
    deployment = None

    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="muster-policy-"))
        self.addCleanup(shutil.rmtree, self.tmp, True)

    def run_cli(self, *argv, code=0):
        env = dict(ENV, **({"MUSTER_DEPLOYMENT": self.deployment} if self.deployment else {}))
        done = subprocess.run([MUSTER, *map(str, argv)], capture_output=True, text=True, env=env, timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, f"muster {' '.join(map(str, argv))}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def json(self, *argv, code=0):
        return json.loads(self.run_cli(*argv, "--json", code=code))

    def directory(self, policy=POLICY, references=(), name="policy"):
        d = self.tmp / name
        (d / "references").mkdir(parents=True)
        (d / "10-policy.yaml").write_text(policy)
        for i, text in enumerate(references):
            (d / "references" / f"{i}.yaml").write_text(text)
        return d


class OfflineTest(Cli):
    """Files in, verdict out: no server is asked."""

    def good(self):
        return {0: b"\1" * 32, 4: b"\2" * 32, 7: b"\3" * 32}

    def wrong(self, d, *says):
        text = self.json("policy", "check", d, code=2)["text"]
        for s in says:
            self.assertIn(s, text)

    def test_a_good_directory_counts_rules_and_sets(self):
        out = self.json("policy", "check", self.directory(references=[reference("good", self.good())]))
        self.assertEqual((out["policy"], out["rules"], out["references"]), ("fleet", 2, 1))

    def test_a_typo_in_a_key_of_a_policy_names_file_line_and_key(self):
        self.wrong(self.directory(POLICY.replace("  interval", "  intervall")), "10-policy.yaml:5", "intervall")

    def test_a_typo_in_a_key_of_a_reference_names_file_line_and_key(self):
        self.wrong(self.directory(references=[reference("good", self.good()).replace("model:", "modell:")]), "references/0.yaml:", "model")
        shutil.rmtree(self.tmp / "policy")
        self.wrong(self.directory(references=[reference("good", self.good()) + "pcr: {}\n"]), "references/0.yaml:8", "pcr")

    def test_reference_texts_that_are_wrong_are_refused_with_what_was_expected(self):
        good = reference("good", self.good())
        for text, says in ((good.replace("01" * 32, "01" * 31), "64 hexadecimal digits"), (good.replace("  4:", "  24:"), "0 to 23"),
                           (good.replace("  4:", "  04:"), "0 to 23"), (good.replace("version: 1", "version: 2"), "version 1"),
                           (good.replace("name: good", "name: Good!"), "a-z0-9"), (good.replace("[" + "02" * 32 + "]", "[]"), "at least one"),
                           (good.replace("  4: [", "  4: [" + "02" * 32 + ", "), "twice"), ("version: 1\nname: x\nmodel: m\n", "at least one value"),
                           (good.replace("  4:", "  0:"), "0"), (good.replace("model: model-a\n", ""), "model is missing"),
                           (good + "---\n" + good, "document"), (good.replace("pcrs:", "pcrs: &x"), "anchor")):
            with self.subTest(says=says, text=text[:80]):
                shutil.rmtree(self.tmp / "policy", True)
                self.wrong(self.directory(references=[text]), "references/0.yaml", says)

    def test_two_sets_of_one_name_are_refused_with_both_files(self):
        self.wrong(self.directory(references=[reference("good", self.good())] * 2), "references/1.yaml", "references/0.yaml")

    def test_a_directory_that_is_not_there_or_empty_is_unreadable(self):
        self.run_cli("policy", "check", self.tmp / "nowhere", code=2)
        (self.tmp / "empty").mkdir()
        self.run_cli("policy", "check", self.tmp / "empty", code=2)


RECORDED = SOURCE / "tests" / "data" / "measured-boot"
RULE = f"""version: 1
name: fleet
attest:
  pcrs: {ALL}
  rules:
    - name: gateways
      match: {{models: [gateway]}}
      require: {{pcrs: [0, 2, 4, 7, 8, 9], references: [stable]}}
"""
TESTS = """version: 1
tests:
  - name: the good recording passes
    device: {model: gateway}
    evidence: {pcrs: good.json}
    expect: pass
    rule: gateways
    reference: stable
  - name: another kernel command line is caught
    device: {model: gateway}
    evidence: {pcrs: cmdline.json}
    expect: fail
    reason: pcr-mismatch
    pcr: 8
  - name: secure boot off is caught
    device: {model: gateway}
    evidence: {pcrs: nosb.json}
    expect: fail
    reason: pcr-mismatch
    pcr: 7
  - name: another model has no rule
    device: {model: toaster}
    evidence: {pcrs: good.json}
    expect: deny
    reason: no-rule
"""


class TestTest(Cli):
    """policy test: evidence in, verdict expected."""

    def policy(self, tests=TESTS, rule=RULE):
        d = self.directory(rule)
        (d / "tests").mkdir()
        for v in ("good", "cmdline", "nosb", "initrd"):
            shutil.copy(RECORDED / v / "pcrs.json", d / "tests" / f"{v}.json")
        self.run_cli("reference", "build", "--name", "stable", "--model", "gateway", "--pcrs-file", RECORDED / "good" / "pcrs.json",
                     "-o", d / "references" / "stable.yaml")
        (d / "tests" / "gateways.yaml").write_text(tests)
        return d

    def test_tests_of_both_signs_come_out_as_they_should(self):
        out = self.json("policy", "test", self.policy())
        self.assertEqual((out["passed"], out["failed"], out["warnings"]), (4, 0, []))
        self.assertEqual([t["got"].split()[0] for t in out["tests"]], ["pass", "fail", "fail", "deny"])

    def test_an_expectation_that_is_wrong_fails_and_shows_the_trace(self):
        for wrong, right in (("expect: pass", "expect: deny"), ("pcr: 8", "pcr: 4"), ("reason: no-rule", "reason: no-reference"),
                             ("pcr: 7", "pcr: 2"), ("rule: gateways", "rule: other"), ("reference: stable", "reference: older"),
                             ("expect: deny\n    reason: no-rule", "expect: fail"), ("{pcrs: cmdline.json}", "{pcrs: good.json}"),
                             ("{pcrs: good.json}\n    expect: pass", "{pcrs: good.json, replace: {9: " + "0" * 64 + "}}\n    expect: pass")):
            with self.subTest(wrong=wrong, right=right):
                shutil.rmtree(self.tmp / "policy", True)
                self.assertIn(wrong, TESTS)
                d = self.policy(TESTS.replace(wrong, right, 1))
                out = self.json("policy", "test", d, code=1)
                self.assertEqual(out["failed"], 1)
                failed = [t for t in out["tests"] if not t["met"]][0]
                self.assertTrue(failed["steps"])
                self.assertNotEqual(failed["expected"], failed["got"])
                text = self.run_cli("policy", "test", d, code=1)
                self.assertIn("FAIL", text)
                self.assertIn("expected " + failed["expected"], text)
                self.assertIn("got      " + failed["got"], text)

    def test_a_reference_that_moves_makes_the_tests_fail(self):
        d = self.policy()
        path = d / "references" / "stable.yaml"
        value = json.loads((RECORDED / "good" / "pcrs.json").read_text())["sha256"]["4"]
        path.write_text(path.read_text().replace(value, "ab" * 32))
        out = self.json("policy", "test", d, code=1)
        self.assertEqual([t["name"] for t in out["tests"] if not t["met"]], ["the good recording passes"])

    def test_a_rule_without_a_negative_test_is_warned_of(self):
        d = self.policy(TESTS[:TESTS.index("  - name: another kernel")])
        self.assertEqual(self.json("policy", "test", d)["warnings"], ["rule gateways has no test that expects fail or deny"])
        shutil.rmtree(d)
        d = self.policy("version: 1\ntests:\n" + TESTS[TESTS.index("  - name: another kernel"):])
        self.assertEqual(self.json("policy", "test", d)["warnings"], ["rule gateways has no test that expects pass"])
        shutil.rmtree(d)
        d = self.policy("version: 1\ntests:\n" + TESTS[TESTS.index("  - name: another model"):])
        self.assertEqual(self.json("policy", "test", d)["warnings"], ["rule gateways has no test that expects anything"])

    def test_what_is_wrong_in_a_test_file_is_named_with_file_line_and_what_was_expected(self):
        for old, new, says in (("expect: pass", "expects: pass", ":3: tests: expect is missing"), ("expect: pass", "expect: good", ":6: tests.expect: \"good\": pass, fail or deny"),
                               ("pcr: 8", "pcr: 24", ":14: tests.pcr: \"24\" is no PCR"), ("pcr: 8", "pcrs: 8", ":14: tests.pcrs: unknown key"), ("reason: no-rule", "reason: norule", ":25: tests.reason: \"norule\""),
                               ("device: {model: gateway}", "device: {serial: x}", ":4: tests.device: model is missing"), ("version: 1", "version: 9", ":1: version"),
                               ("    reference: stable", "    reason: no-rule", "a pass has no reason"), ("{pcrs: good.json}", "{}", ":5: tests.evidence: there is no evidence"),
                               ("  - name: secure boot off is caught", "  - name: the good recording passes", "the test in line 3"),
                               ("evidence: {pcrs: good.json}", "evidence: {pcrs: good.json, replace: {9: 00}}", "64 hexadecimal"),
                               ("evidence: {pcrs: good.json}", "evidence: {pcrs: good.json, claims: {boot.nonsense: 1}}", "boot.nonsense"),
                               ("evidence: {pcrs: good.json}", "evidence: {pcrs: good.json, bundle: x}", "one or the other"),
                               ("tests:", "tests: []\nmore:", "1 to"), ("    rule: gateways", "    now: tomorrow", "2026-12-31")):
            with self.subTest(new=new):
                shutil.rmtree(self.tmp / "policy", True)
                self.assertIn(old, TESTS)
                text = self.json("policy", "test", self.policy(TESTS.replace(old, new, 1)), code=2)["text"]
                self.assertIn("tests/gateways.yaml:", text)
                self.assertIn(says, text)

    def test_evidence_that_cannot_be_read_is_named_with_its_test(self):
        for new, says in (("nowhere.json", "nowhere.json"), ("/etc/passwd", "relative"), ("gateways.yaml", "gateways.yaml:3")):
            with self.subTest(new=new):
                shutil.rmtree(self.tmp / "policy", True)
                text = self.json("policy", "test", self.policy(TESTS.replace("good.json", new, 1)), code=2)["text"]
                self.assertIn("tests/gateways.yaml:3: evidence", text)
                self.assertIn(says, text)

    def test_a_log_that_contradicts_the_pcrs_is_no_evidence(self):
        d = self.policy(TESTS.replace("{pcrs: good.json}", "{pcrs: good.json, boot_log: log}", 1))
        shutil.copy(RECORDED / "cmdline" / "binary_bios_measurements", d / "tests" / "log")
        self.assertIn("does not explain PCR", self.json("policy", "test", d, code=2)["text"])
        shutil.copy(RECORDED / "good" / "binary_bios_measurements", d / "tests" / "log")
        self.assertEqual(self.json("policy", "test", d)["failed"], 0)

    def test_an_ima_list_that_does_not_lead_to_pcr_10_is_no_evidence(self):
        d = self.policy(TESTS.replace("{pcrs: good.json}", "{pcrs: good.json, ima: list}", 1))
        good = (RECORDED / "good" / "ima_binary").read_bytes()
        (d / "tests" / "list").write_bytes(good)
        self.assertEqual(self.json("policy", "test", d)["failed"], 0)
        shutil.copy(RECORDED / "cmdline" / "ima_binary", d / "tests" / "list")
        self.assertIn("PCR 10", self.json("policy", "test", d, code=2)["text"])

    def test_a_directory_without_tests_shows_nothing(self):
        d = self.policy()
        shutil.rmtree(d / "tests")
        self.run_cli("policy", "test", d, code=2)


class ReferenceTest(Cli):
    """reference build, show and diff, from files."""

    def build(self, *more, name="r.yaml", code=0):
        return self.run_cli("reference", "build", "--name", "r", "--model", "gateway", *more, "-o", self.tmp / name, "--json", code=code)

    def test_what_is_built_of_files_compiles_to_the_same_set(self):
        good = RECORDED / "good"
        self.build("--boot-log", good / "binary_bios_measurements", "--ima", good / "ima_binary", "--pcrs-file", good / "pcrs.json")
        one = self.json("reference", "show", self.tmp / "r.yaml")
        self.assertEqual((len(one["pcrs"]), len(one["files"])), (14, 47))
        pcrs = json.loads((good / "pcrs.json").read_text())["sha256"]
        self.assertEqual({k: v for k, v in one["pcrs"].items()}, {str(i): [pcrs[str(i)]] for i in range(15) if i != 10})
        self.assertEqual([f["path"] for f in one["files"] if "busybox" in f["path"]], ["/bin/busybox"])
        self.run_cli("reference", "show", self.tmp / "r.yaml", "-o", self.tmp / "again.yaml")
        self.assertEqual(self.json("reference", "show", self.tmp / "again.yaml")["id"], one["id"])
        self.assertEqual(self.json("reference", "diff", self.tmp / "r.yaml", self.tmp / "again.yaml"), [])

    def test_pcr_values_of_a_boot_log_are_those_that_the_tpm_had(self):
        for v in ("good", "cmdline", "initrd"):
            with self.subTest(v=v):
                self.build("--boot-log", RECORDED / v / "binary_bios_measurements", name=f"{v}.yaml")
                got = self.json("reference", "show", self.tmp / f"{v}.yaml")["pcrs"]
                pcrs = json.loads((RECORDED / v / "pcrs.json").read_text())["sha256"]
                self.assertTrue({"0", "4", "7", "8", "9"} <= set(got))
                self.assertEqual(got, {k: [pcrs[k]] for k in got})

    def test_diff_tells_two_boots_apart_by_the_events_that_differ(self):
        for v in ("good", "cmdline"):
            self.build("--boot-log", RECORDED / v / "binary_bios_measurements", name=f"{v}.yaml")
        out = self.json("reference", "diff", self.tmp / "good.yaml", self.tmp / "cmdline.yaml", code=1)
        self.assertEqual({r["what"] for r in out} - {"pcr 8", "pcr 9", "event 8", "event 9"}, set())
        self.assertIn("pcr 8", {r["what"] for r in out})

    def test_lists_and_values_that_are_wrong_make_no_set(self):
        sha = "ab" * 32
        for text, says in ((f"{sha} /bin/sh\n", "line 1"), (f"{sha}  bin/sh\n", "begins with /"), (f"{sha[:-2]}  /bin/sh\n", "line 1"),
                           (f"{sha}  /bin/sh\n{sha}\n", "line 2"), ("", "empty"), (f"\\{sha}  /a\\x\n", "escaped"), (f"zz{sha[2:]}  /bin/sh\n", "line 1")):
            with self.subTest(text=text):
                (self.tmp / "sums").write_text(text)
                self.assertIn(says, json.loads(self.build("--files", self.tmp / "sums", code=2))["text"])
        (self.tmp / "pcrs").write_text('{"sha256": {"0": "' + "00" * 32 + '"}}')
        self.assertIn("all zero", json.loads(self.build("--pcrs-file", self.tmp / "pcrs", code=2))["text"])
        (self.tmp / "pcrs").write_text('{"sha1": {"0": "' + "11" * 20 + '"}}')
        self.assertIn("sha256", json.loads(self.build("--pcrs-file", self.tmp / "pcrs", code=2))["text"])
        for option in ("--boot-log", "--ima", "--key", "--pcrs-file"):
            self.build(option, "/dev/null", code=2)
            self.build(option, self.tmp / "nowhere", code=2)
        self.build(code=2)
        self.assertFalse((self.tmp / "r.yaml").exists())

    def test_paths_are_read_as_sha256sum_and_find_write_them(self):
        sha = "ab" * 32
        (self.tmp / "sums").write_text(f"{sha}  ./usr/bin/a b\n{sha} */bin/sh\n\\{sha}  /odd\\nname\\\\\n{'cd' * 20}  /sha1\n")
        self.build("--files", self.tmp / "sums")
        files = self.json("reference", "show", self.tmp / "r.yaml")["files"]
        self.assertEqual([f["path"] for f in files], ["/bin/sh", "/odd\nname\\", "/sha1", "/usr/bin/a b"])
        self.run_cli("reference", "show", self.tmp / "r.yaml", "-o", self.tmp / "again.yaml")
        self.assertEqual(self.json("reference", "show", self.tmp / "again.yaml")["files"], files)

    def test_nothing_is_written_over(self):
        (self.tmp / "r.yaml").write_text("mine")
        self.build("--pcrs-file", RECORDED / "good" / "pcrs.json", code=1)
        self.assertEqual((self.tmp / "r.yaml").read_text(), "mine")
        self.build("--pcrs-file", RECORDED / "good" / "pcrs.json", name="r.txt", code=2)

    def test_sets_are_joined(self):
        for v in ("good", "cmdline"):
            self.build("--pcrs-file", RECORDED / v / "pcrs.json", "--pcrs", "4,8", name=f"{v}.yaml")
        self.build(self.tmp / "good.yaml", self.tmp / "cmdline.yaml")
        pcrs = self.json("reference", "show", self.tmp / "r.yaml")["pcrs"]
        self.assertEqual((sorted(pcrs), len(pcrs["4"]), len(pcrs["8"])), (["4", "8"], 1, 2))

    def test_a_private_key_is_no_key_for_a_set(self):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        key = ec.generate_private_key(ec.SECP256R1())
        (self.tmp / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.build("--key", self.tmp / "key.pem", code=2)
        (self.tmp / "pub.pem").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        self.build("--key", self.tmp / "pub.pem")
        self.run_cli("reference", "show", self.tmp / "r.yaml", "-o", self.tmp / "again.yaml")
        self.assertEqual((self.tmp / "again.yaml").read_text().count("BEGIN PUBLIC KEY"), 1)
        self.assertEqual(self.json("reference", "diff", self.tmp / "r.yaml", self.tmp / "again.yaml"), [])


class ServerTest(Cli):
    """Beside a real server."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(LIBEXEC, MUSTERD, MUSTER)
        cls.tpm, cls.key = cls.server.prepare()
        cls.deployment = cls.server.deployment.path

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def setUp(self):
        super().setUp()
        self.good = reference("good", {i: v for i, v in self.tpm.pcrs.items() if i in (0, 4, 7)})
        self.other = reference("other", SoftTpm(b"other").pcrs, "model-b")

    def applied(self):
        d = self.directory(references=[self.good, self.other])
        self.run_cli("policy", "apply", d)
        return d

    def test_plan_says_what_apply_then_does_and_drift_finds_nothing_after_it(self):
        d = self.directory(POLICY.replace("10m", "7m"), references=[self.good, self.other])
        plan = self.json("policy", "plan", d)
        self.assertTrue(plan["differs"])
        self.assertIn(self.tpm.device, plan["devices"])
        self.json("policy", "drift", d, code=1)
        self.run_cli("policy", "apply", d)
        self.assertFalse(self.json("policy", "plan", d)["differs"])
        self.assertIn("no drift", self.run_cli("policy", "drift", d))
        self.assertIn("nothing to do", self.run_cli("policy", "apply", d))
        version = self.json("policy", "show")["version"]
        self.run_cli("policy", "apply", d)
        self.assertEqual(self.json("policy", "show")["version"], version)

    def test_plan_changes_nothing(self):
        before = self.json("policy", "show")
        d = self.directory(POLICY.replace("10m", "11m"), references=[self.other])
        self.json("policy", "plan", d)
        self.json("policy", "drift", d, code=1)
        self.assertEqual(self.json("policy", "show"), before)

    def test_drift_names_one_changed_setting_and_who_set_what_runs(self):
        d = self.applied()
        (d / "10-policy.yaml").write_text(POLICY.replace("10m", "9m"))
        out = self.json("policy", "drift", d, code=1)
        self.assertEqual([(x["kind"], x["where"], x["text"]) for x in out["differences"]], [("changed", "attest.interval", "600s -> 540s")])
        self.assertEqual(out["references"], [])
        self.assertIn("operator:", out["set_by"])
        text = self.run_cli("policy", "drift", d, code=1)
        self.assertIn("attest.interval", text)
        self.assertIn("by admin", text)

    def test_drift_finds_one_changed_byte_of_a_reference(self):
        d = self.applied()
        path = d / "references" / "0.yaml"
        text = path.read_text()
        value = self.tpm.pcrs[4].hex()
        changed = value[:-1] + ("0" if value[-1] != "0" else "1")
        path.write_text(text.replace(value, changed))
        out = self.json("policy", "drift", d, code=1)
        self.assertEqual(out["differences"], [])
        self.assertEqual([(r["name"], r["kind"], r["adds"], r["drops"]) for r in out["references"]], [("good", "changed", 1, 1)])
        self.assertEqual(sorted(out["references"][0]["values"]), [f"adds pcr 4 {changed}", f"drops pcr 4 {value}"])
        path.write_text(text)
        self.json("policy", "drift", d)

    def test_drift_sees_a_change_that_another_operator_made_on_the_server(self):
        d = self.applied()
        line = self.server.connect()
        operator = Operator(self.server.root, line.ask, self.key)
        pcrs = {**self.tpm.pcrs, 7: b"\x66" * 32}
        self.server.must(operator, "reference.set", msg(deployment.reference("good", "model-a", {i: pcrs[i] for i in (0, 4, 7)}, self.tpm.device)))
        line.close()
        out = self.json("policy", "drift", d, code=1)
        self.assertIn(f"drops pcr 7 {'66' * 32}", out["references"][0]["values"])
        self.run_cli("policy", "apply", d)
        self.json("policy", "drift", d)

    def test_a_set_that_is_not_on_the_server_is_drift(self):
        d = self.applied()
        (d / "references" / "9.yaml").write_text(reference("fresh", {0: b"\5" * 32}))
        out = self.json("policy", "drift", d, code=1)
        self.assertEqual([(r["name"], r["kind"]) for r in out["references"]], [("fresh", "added")])

    def test_plan_concerns_the_devices_of_the_changed_rule_only(self):
        d = self.applied()
        (d / "10-policy.yaml").write_text(POLICY.replace("[0, 4, 7], references: [other]", "[0, 4], references: [other]"))
        self.assertNotIn(self.tpm.device, self.json("policy", "plan", d)["devices"])
        (d / "10-policy.yaml").write_text(POLICY.replace("[0, 4, 7], references: [good]", "[0, 4], references: [good]"))
        self.assertIn(self.tpm.device, self.json("policy", "plan", d)["devices"])
        (d / "10-policy.yaml").write_text(POLICY)
        (d / "references" / "1.yaml").write_text(self.other.replace(SoftTpm(b"other").pcrs[4].hex(), "77" * 32))
        self.assertNotIn(self.tpm.device, self.json("policy", "plan", d)["devices"])
        (d / "references" / "0.yaml").write_text(self.good.replace(self.tpm.pcrs[4].hex(), "77" * 32))
        self.assertIn(self.tpm.device, self.json("policy", "plan", d)["devices"])

    # ---- recorded evidence ----

    def attest(self, machine, model="model-a", **more):
        line = self.server.connect()
        d = self.server.device(line, machine)
        d.model = model
        reply = d.attest(**more)
        line.close()
        return reply

    def enroll(self, machine, model):
        line = self.server.connect()
        operator, d = Operator(self.server.root, line.ask, self.key), self.server.device(line, machine)
        d.model = model
        self.server.must(operator, "batch.import", msg(operator.manifest(f"batch-{time.time_ns()}", [d], int(time.time()))))
        status, reply = d.enroll()
        self.assertEqual((status, reply[1]), (200, "enrolled"))
        line.close()

    def other_device(self):
        machine = SoftTpm(b"other")
        self.enroll(machine, "model-b")
        return machine

    def test_simulate_finds_exactly_the_device_that_would_change_and_changes_nothing(self):
        d = self.applied()
        other = self.other_device()
        self.assertEqual((self.attest(self.tpm)[0], self.attest(other, "model-b")[0]), (200, 200))
        self.assertEqual(self.json("policy", "simulate", d)["changes"], [])
        before = self.json("policy", "show"), len(self.json("change", "list"))
        wrong = "77" * 32
        path = d / "references" / "1.yaml"
        path.write_text(path.read_text().replace(other.pcrs[4].hex(), wrong))
        out = self.json("policy", "simulate", d, code=1)
        self.assertEqual([(c["device"], c["from"], c["to"]) for c in out["changes"]], [(other.device, "pass", "fail")])
        self.assertIn("pcr-mismatch pcr=4", out["changes"][0]["why"])
        self.assertIn(wrong, out["changes"][0]["why"])
        self.assertGreaterEqual(out["devices"], 2)
        text = self.run_cli("policy", "simulate", d, "--since", "1h", code=1)
        self.assertIn("pass -> fail", text)
        self.assertNotIn(self.tpm.device[:12], text)
        self.assertEqual((self.json("policy", "show"), len(self.json("change", "list"))), before)

    def test_simulate_since_looks_at_all_evidence_since_then(self):
        d = self.applied()
        machine = self.other_device()
        for _ in range(3):
            self.assertEqual(self.attest(machine, "model-b")[0], 200)
        last = self.json("policy", "simulate", d)["records"]
        self.assertGreaterEqual(self.json("policy", "simulate", d, "--since", "1h")["records"], last + 2)
        self.assertEqual(self.json("policy", "simulate", d, "--since", "2099-01-01")["records"], 0)
        for wrong in ("yesterday", "", "7", "7w", "2026-13-01", "-1h"):
            self.run_cli("policy", "simulate", d, f"--since={wrong}", code=2)

    def test_explain_tells_the_operator_what_was_expected_and_the_device_never(self):
        self.applied()
        machine = self.other_device()
        good = machine.pcrs[4].hex()
        self.assertEqual(self.attest(machine, "model-b")[0], 200)
        self.assertEqual(self.json("policy", "explain", machine.device)["verdict"]["outcome"], "pass")
        machine.extend(4)
        status, reply = self.attest(machine, "model-b")
        self.assertEqual(status, 403)
        self.assertNotIn(good, repr(reply) + repr([v.hex() for v in reply.values() if isinstance(v, bytes)]))
        self.assertNotIn(bytes.fromhex(good), b"".join(v for v in reply.values() if isinstance(v, bytes)))
        out = self.json("policy", "explain", machine.device, code=1)
        reason = out["verdict"]["reasons"][0]
        self.assertEqual((reason["code"], reason["pcr"], reason["found"]), ("pcr-mismatch", 4, machine.pcrs[4].hex()))
        self.assertEqual((reason["nearest"]["value"], reason["nearest"]["reference"]), (good, "other"))
        self.assertTrue(any(s["outcome"] == "fails" for s in out["steps"]))
        text = self.run_cli("policy", "explain", machine.device, code=1)
        self.assertIn(good, text)
        self.assertIn("reference other", text)

    def test_exported_evidence_is_explained_without_a_server_and_a_changed_byte_is_refused(self):
        d = self.applied()
        self.assertEqual(self.attest(self.tpm)[0], 200)
        path = self.tmp / "a.evidence"
        self.run_cli("evidence", "export", self.tpm.device, "-o", path)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.run_cli("evidence", "export", self.tpm.device, "-o", path, code=1)
        keep, self.deployment = self.deployment, None
        try:
            out = self.json("policy", "explain", path, "--policy", d)
            self.assertEqual((out["device"], out["verdict"]["outcome"]), (self.tpm.device, "pass"))
            self.assertEqual(self.json("policy", "explain", path, "--policy", self.directory(RULE, name="other"), code=1)["verdict"]["reasons"][0]["code"], "no-rule")
            wire = path.read_bytes()
            m = cbor2.loads(wire)
            for key, change in ((11, {**m[11], 4: b"\x77" * 32}), (12, m[12][:-1] + bytes([m[12][-1] ^ 1])), (13, m[13][:-1] + bytes([m[13][-1] ^ 1])), (24, bytes(32))):
                with self.subTest(key=key):
                    (self.tmp / "changed").write_bytes(cbor2.dumps({**m, key: change}, canonical=True))
                    self.assertIn("quote", self.json("policy", "explain", self.tmp / "changed", "--policy", d, code=1)["text"])
            for bad in (b"", wire[:-1], wire + b"\0", b"not it", cbor2.dumps({**m, 1: 2}, canonical=True), cbor2.dumps({**m, 99: 0}, canonical=True)):
                (self.tmp / "changed").write_bytes(bad)
                self.run_cli("policy", "explain", self.tmp / "changed", "--policy", d, code=2)
            (d / "tests").mkdir()
            shutil.copy(path, d / "tests" / "a.evidence")
            (d / "tests" / "a.yaml").write_text("version: 1\ntests:\n  - {name: exported, device: {model: model-a}, evidence: {bundle: a.evidence}, expect: pass}\n")
            self.assertEqual(self.json("policy", "test", d)["failed"], 0)
        finally:
            self.deployment = keep

    def test_capture_takes_events_and_files_of_a_list_that_came_in_pieces(self):
        machine = Machine(files=3)
        self.enroll(machine, "logs")
        d = self.directory(f"version: 1\nname: fleet\nattest:\n  pcrs: {ALL}\n  boot_log: required\n  rules:\n    - name: logs\n      match: {{models: [logs]}}\n"
                           "      require: {pcrs: [0], references: [logs]}\n", [reference("logs", {0: machine.pcrs[0]}, "logs")])
        self.run_cli("policy", "apply", d)
        self.assertEqual(self.attest(machine, "logs", logs={9: machine.log, 11: machine.list_from(), 12: 0})[0], 200)
        first = len(machine.files)
        machine.run(2)
        status, reply = self.attest(machine, "logs", logs={9: machine.log, 11: machine.list_from(first), 12: first})
        self.assertEqual(status, 200, reply)
        out = self.tmp / "logs.yaml"
        self.run_cli("reference", "capture", machine.device, "--name", "logs-2", "--events", "4,7", "--files", "-o", out)
        got = self.json("reference", "show", out)
        self.assertEqual(len(got["files"]), 5)
        self.assertEqual(set(got["events"]), {"4", "7"})
        self.assertEqual(got["pcrs"]["0"], [machine.pcrs[0].hex()])
        rows = self.json("evidence", "list", machine.device)
        self.assertEqual([r["judged"] for r in rows], ["pass", "pass"])
        self.run_cli("reference", "capture", self.tpm.device, "--name", "x", "--files", code=1)
        self.run_cli("evidence", "list", "nosuch", code=1)
        self.run_cli("evidence", "export", "nosuch", "-o", self.tmp / "x", code=1)
        self.run_cli("policy", "explain", "nosuch", code=1)

    def test_a_set_too_large_for_a_message_goes_up_in_parts_and_comes_back_whole(self):
        sums = "".join("%s  /usr/lib/file-%06d\n" % (hashlib.sha256(b"%d" % i).hexdigest(), i) for i in range(20000))
        (self.tmp / "sums").write_text(sums)
        d = self.directory(references=[self.good, self.other])
        self.run_cli("reference", "build", "--name", "many", "--model", "model-a", "--files", self.tmp / "sums", "-o", d / "references" / "many.yaml")
        self.run_cli("policy", "apply", d)
        self.json("policy", "drift", d)
        self.assertEqual(len(self.json("reference", "show", "many")["files"]), 20000)
        path = d / "references" / "many.files"
        path.write_text(path.read_text().replace("file-019999", "file-02zzzz"))
        out = self.json("policy", "drift", d, code=1)
        self.assertEqual([(r["name"], r["adds"], r["drops"]) for r in out["references"]], [("many", 1, 1)])

    def test_a_directory_that_does_not_compile_is_no_drift_but_an_error(self):
        d = self.directory(POLICY.replace("name: fleet", "name: Fleet!"))
        for verb in ("drift", "plan", "apply"):
            self.assertIn("10-policy.yaml:2", self.json("policy", verb, d, code=2)["text"])

    def test_an_unreachable_server_is_neither_drift_nor_agreement(self):
        d = self.directory()
        for verb in ("drift", "plan", "apply"):
            self.run_cli("policy", verb, d, "--server", "https://127.0.0.1:1", code=3)


if __name__ == "__main__":
    BUILD = os.path.abspath(sys.argv.pop(1))
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    MUSTERD = os.path.join(BUILD, "src", "server", "supervisor", "musterd")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

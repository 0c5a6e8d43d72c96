#!/usr/bin/python3
"""Policy as code on the command line: what a directory says, what would change, what runs beside it.
Usage: policycli_test.py BUILD-DIRECTORY [unittest arguments]"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
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
                           (good.replace("  4: [", "  4: [" + "02" * 32 + ", "), "twice"), ("version: 1\nname: x\nmodel: m\n", "pcrs"),
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
        self.assertIn("operator:", text)

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
        self.assertEqual(self.json("policy", "plan", d)["devices"], [])
        (d / "10-policy.yaml").write_text(POLICY.replace("[0, 4, 7], references: [good]", "[0, 4], references: [good]"))
        self.assertEqual(self.json("policy", "plan", d)["devices"], [self.tpm.device])
        (d / "10-policy.yaml").write_text(POLICY)
        (d / "references" / "1.yaml").write_text(self.other.replace(SoftTpm(b"other").pcrs[4].hex(), "77" * 32))
        self.assertEqual(self.json("policy", "plan", d)["devices"], [])
        (d / "references" / "0.yaml").write_text(self.good.replace(self.tpm.pcrs[4].hex(), "77" * 32))
        self.assertEqual(self.json("policy", "plan", d)["devices"], [self.tpm.device])

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

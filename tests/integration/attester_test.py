"""muster evidence verify --attester and attester list, from files: attester_test.py MUSTER

Evidence is that of the fuzz target's seeds: `kind | u16 anchor | u16 endorsement | evidence`, good at the time NOW."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MUSTER = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = pathlib.Path(os.environ.get("MUSTER_VECTORS", ROOT.parent / "shared" / "vectors"))
NOW = "1800000000"
NONCE = bytes(range(0xa0, 0xe0))
# seed: attester, bytes of nonce, a claim and its value
SEEDS = {
    "dice-tcg": ("dice", 0, "dice.form", "x509"),
    "dice-open": ("dice", 0, "dice.layers", 3),
    "dice-cbor": ("dice", 0, "dice.form", "cbor"),
    "psa": ("psa", 32, "psa.lifecycle", "secured"),
    "cca": ("cca", 32, "cca.platform.lifecycle", "secured"),
    "eat": ("eat", 16, "eat.boot-count", 12),
    "snp": ("sev-snp", 64, "snp.vmpl", 1),
    "tdx": ("tdx", 64, "tdx.debug", False),
    "join": ("join-token", 32, "join.model", "m1"),
}


class Attesters(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def file(self, name, data):
        path = os.path.join(self.dir.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def seed(self, name):
        b = (ROOT / "fuzz" / "corpus" / "attester" / name).read_bytes()[1:]
        parts = []
        for _ in range(2):
            n = int.from_bytes(b[:2], "big")
            parts.append(b[2:2 + n])
            b = b[2 + n:]
        return parts[0], parts[1], b

    def run_muster(self, *args):
        return subprocess.run([MUSTER, *args], capture_output=True, text=True, timeout=60)

    def verify(self, name, *more, evidence=None, anchor=None, nonce=None, time=NOW):
        attester, n, _, _ = SEEDS[name]
        good_anchor, chain, good = self.seed(name)
        args = ["evidence", "verify", "--json", "--attester", attester, "--evidence", self.file("evidence", good if evidence is None else evidence),
                "--key", self.file("anchor", good_anchor if anchor is None else anchor), "--time", time]
        if chain:
            args += ["--chain", self.file("chain", chain)]
        nonce = NONCE[:n] if nonce is None else nonce
        if nonce:
            args += ["--nonce", nonce.hex()]
        done = self.run_muster(*args, *more)
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr

    def test_every_kind_is_accepted_with_its_claims(self):
        for name, (attester, n, claim, value) in SEEDS.items():
            with self.subTest(name):
                code, said, text = self.verify(name)
                self.assertEqual(code, 0, said or text)
                self.assertEqual(said["claims"][claim], value)
                self.assertEqual(said["claims"]["attester.kind"], attester)
                self.assertEqual(said["claims"]["attester.fresh"], n > 0)
                self.assertTrue(any("no policy" in note for note in said["notes"]))

    def test_what_is_wrong_is_refused_by_name(self):
        anchors = {name: self.seed(name)[0] for name in SEEDS}
        for name in SEEDS:
            with self.subTest(name):
                evidence = self.seed(name)[2]
                code, said, _ = self.verify(name, evidence=evidence[:-40])
                self.assertEqual(code, 1)
                self.assertIn(said["reason"], ("malformed", "bad-chain", "untrusted"))
                other = anchors["join" if name != "join" else "psa"]
                code, said, _ = self.verify(name, anchor=other)
                self.assertEqual(code, 1)
                self.assertIn(said["reason"], ("untrusted", "bad-signature", "no-anchor"))
                if SEEDS[name][1]:
                    code, said, _ = self.verify(name, nonce=b"\1" * SEEDS[name][1])
                    self.assertEqual((code, said["reason"]), (1, "nonce-mismatch"))
                else:
                    code, said, _ = self.verify(name, nonce=b"\1" * 32)
                    self.assertEqual((code, said["reason"]), (1, "nonce-missing"))
                if name not in ("psa", "cca", "dice-cbor"):  # these have no time
                    code, said, _ = self.verify(name, time="1900000000")
                    self.assertEqual((code, said["reason"]), (1, "expired"))

    def test_low_assurance_is_said_in_words(self):
        code, said, _ = self.verify("join")
        self.assertEqual((code, said["claims"]["attester.assurance"]), (0, "low"))
        self.assertTrue(any("low assurance" in note for note in said["notes"]))

    def test_a_policy_judges_the_claims(self):
        policy = """version: 1
name: tokens
attest:
  rules:
    - name: boards
      match: {all: true}
      require:
        assurance: hardware
        claims:
          - {claim: psa.lifecycle, is: secured}
          - {claim: psa.implementation-id, is: "%s"}
"""
        for value, code in (("77" * 32, 0), ("78" * 32, 1)):
            self.file(f"policy{code}/policy.yaml", (policy % value).encode())
            got, said, text = self.verify("psa", "--policy", os.path.join(self.dir.name, f"policy{code}"), "--model", "m1")
            self.assertEqual(got, code, said or text)
            self.assertEqual(said["verdict"], "pass" if code == 0 else "fail")
            if code:
                self.assertEqual(said["reason"], "claim-mismatch")
        self.file("policy2/policy.yaml", (policy % ("77" * 32)).encode())
        got, said, _ = self.verify("join", "--policy", os.path.join(self.dir.name, "policy2"))
        self.assertEqual(got, 1)
        self.assertEqual(said["reason"], "assurance-too-low")

    def test_options_and_files_that_cannot_be_used_exit_2(self):
        evidence = self.file("e", b"x")
        key = self.file("k", self.seed("psa")[0])
        for args in (["--attester", "psa", "--evidence", evidence], ["--attester", "psa", "--key", key], ["--attester", "tpm", "--evidence", evidence, "--key", key],
                     ["--attester", "nothing", "--evidence", evidence, "--key", key], ["--attester", "psa", "--evidence", "/nowhere", "--key", key],
                     ["--attester", "psa", "--evidence", evidence, "--key", "/nowhere"], ["--attester", "psa", "--evidence", evidence, "--key", key, "--nonce", "0"],
                     ["--attester", "psa", "--evidence", evidence, "--roots", self.dir.name + "/empty"]):
            self.assertEqual(self.run_muster("evidence", "verify", *args).returncode, 2, args)

    def test_roots_may_be_a_directory(self):
        anchor, chain, evidence = self.seed("snp")
        self.file("roots/ark.der", anchor)
        self.file("roots/ask.pem", chain)
        self.file("roots/README", b"not a certificate")
        done = self.run_muster("evidence", "verify", "--attester", "sev-snp", "--evidence", self.file("evidence", evidence), "--roots", self.dir.name + "/roots",
                               "--chain", self.file("chain", chain), "--time", NOW)
        self.assertEqual(done.returncode, 1, "the chip's certificate is no CA's, so it is no root")
        os.remove(self.dir.name + "/roots/ask.pem")
        done = self.run_muster("evidence", "verify", "--attester", "sev-snp", "--evidence", self.file("evidence", evidence), "--roots", self.dir.name + "/roots",
                               "--chain", self.file("chain", chain), "--time", NOW)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("accepted", done.stdout)

    def test_list_has_a_row_for_each(self):
        rows = json.loads(self.run_muster("attester", "list", "--json").stdout)
        self.assertEqual({row["name"]: row["assurance"] for row in rows}["join-token"], "low")
        self.assertEqual({a for a, _, _, _ in SEEDS.values()} | {"tpm"}, {row["name"] for row in rows})

    @unittest.skipUnless((VECTORS / "eat-corim").is_dir(), "no shared vectors")
    def test_the_cca_token_of_others(self):
        cca = VECTORS / "eat-corim" / "cca"
        done = self.run_muster("evidence", "verify", "--json", "--attester", "cca", "--evidence", str(cca / "cca-example-token.cbor"), "--key", str(cca / "cpak-pub.json"))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(json.loads(done.stdout)["claims"]["cca.realm.measurement"]), 4)


unittest.main(argv=sys.argv[:1], verbosity=2)

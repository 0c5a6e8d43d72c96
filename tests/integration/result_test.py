#!/usr/bin/python3
"""Attestation results: devices get them, and a relying party that shares no code with Muster checks them with the served key set. core
is driven as a net that was broken into would (what a broken core could ask of keeper is in test_keeper_result.c).
Usage: result_test.py BUILD [unittest arguments]"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_peer as peer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from muster_peer import dec, enc, msg
from muster_world import World

LIBEXEC = MUSTER = None
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NONCE, GATE = bytes(range(16)), "https://gate.example"
JWKS = 9


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def relying_party(token, jwks, nonce=None, audience=None, now=None):
    """What the guide tells a relying party to do: the claims of a token that is to be believed, or ValueError."""
    header_text, payload_text, sig_text = token.split(".")
    header = json.loads(unb64(header_text))
    if header.get("alg") != "ES256" or "crit" in header or header.get("typ") != "eat+jwt":
        raise ValueError("header")
    keys = [k for k in jwks["keys"] if k["kid"] == header["kid"] and k["kty"] == "EC" and k["crv"] == "P-256"]
    if len(keys) != 1:
        raise ValueError("kid")
    key = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64(keys[0]["x"]), "big"), int.from_bytes(unb64(keys[0]["y"]), "big"),
                                        ec.SECP256R1()).public_key()
    sig = unb64(sig_text)
    try:
        key.verify(encode_dss_signature(int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")),
                   (header_text + "." + payload_text).encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ValueError("signature") from None
    claims = json.loads(unb64(payload_text))
    now = now or time.time()
    if claims["eat_profile"] != "tag:ietf.org,2026:rats/ear#04" or not claims["iat"] - 300 <= now < claims["exp"]:
        raise ValueError("profile or time")
    if claims.get("aud") != audience or (nonce is not None and unb64(claims.get("eat_nonce", "")) != nonce):
        raise ValueError("audience or nonce")
    return claims


class ResultTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(LIBEXEC, MUSTER, start=False, extra=("--reader-key",))
        cls.good = cls.world.begin()
        status, body = cls.world.net.ask(JWKS, "", b"")
        assert status == 200, body
        cls.jwks = json.loads(body)

    @classmethod
    def tearDownClass(cls):
        cls.world.remove()

    def issued(self, device, **more):
        status, reply = device.result(**more)
        self.assertEqual(status, 200, reply)
        return reply[6].decode(), reply

    def background(self, device, tenant=None):
        name = device if isinstance(device, str) else device.tpm.device
        operator = self.world.operator if tenant is None else peer.Operator(self.world.root, self.world.net.ask,
                                                                            self.world.deployment.operator_key(), tenant)
        time.sleep(0.001)
        status, reply = operator.do("device.result", msg(name), int(time.time()), sequence=time.time_ns() // 1000)
        return status, dec(reply[3]) if status == 200 else reply

    # ---- it works ----

    def test_a_relying_party_checks_a_result_with_nothing_but_the_key_set(self):
        token, reply = self.issued(self.good, nonce=NONCE, audience=GATE)
        claims = relying_party(token, self.jwks, NONCE, GATE)
        self.assertEqual(claims["sub"], "spiffe://%s/device/%s" % (self.world.root.trust_domain, self.good.tpm.device))
        self.assertEqual(claims["ear_status"], "affirming")
        tpm = claims["submods"]["tpm"]
        self.assertEqual(tpm["ear_status"], "affirming")
        vector = tpm["ear_trustworthiness_vector"]
        # the policy judges all PCRs by value; no maker's certificate, no file list
        self.assertEqual((vector["instance-identity"], vector["executables"], vector["configuration"]), (2, 3, 2))
        self.assertEqual((vector["hardware"], vector["file-system"], vector["runtime-opaque"]), (0, 0, 0))
        self.assertEqual(unb64(tpm["ear_attester_claims"]["ueid"]), b"\x01" + self.good.tpm.ek_hash)
        said = tpm["ear_verifier_claims"]
        self.assertEqual((said["muster_device"], said["muster_tenant"], said["muster_assurance"]),
                         (self.good.tpm.device, "default", "software"))
        self.assertEqual(said["muster_deployment"], self.world.root.deployment.hex())
        entry = dec(reply[4])
        self.assertEqual(tpm["ear_appraisal_policy_ids"], ["ni:///sha-256;" + b64(entry[11])])
        self.assertEqual(said["muster_evidence"], entry[12].hex())

    def test_a_common_library_takes_it_and_refuses_it_for_another(self):
        import jwt
        token, _ = self.issued(self.good, nonce=NONCE, audience=GATE)
        keys = jwt.PyJWKSet.from_dict(self.jwks)
        key = next(k for k in keys.keys if k.key_id == jwt.get_unverified_header(token)["kid"]).key
        must = {"require": ["exp", "iat", "aud"]}
        self.assertEqual(jwt.decode(token, key, algorithms=["ES256"], audience=GATE, options=must)["ear_status"], "affirming")
        with self.assertRaises(jwt.InvalidAudienceError):
            jwt.decode(token, key, algorithms=["ES256"], audience="https://another.example", options=must)
        with self.assertRaises(jwt.InvalidSignatureError):
            jwt.decode(token[:-8] + "AAAAAAAA", key, algorithms=["ES256"], audience=GATE, options=must)

    def test_I2_the_entry_that_a_result_names_is_in_the_log_and_says_the_same(self):
        token, reply = self.issued(self.good)
        claims = relying_party(token, self.jwks)
        said = claims["submods"]["tpm"]["ear_verifier_claims"]
        root, _, note = peer.ticket_root(reply[5], reply[4])
        self.assertEqual(base64.b64decode(note.split(b"\n")[2]), root)
        self.assertEqual(note.split(b"\n")[0].decode(), said["muster_log_origin"])
        self.assertEqual(peer.leaf_hash(reply[4]).hex(), said["muster_log_leaf"])
        self.assertEqual(b64(peer.leaf_hash(reply[4])), claims["jti"])
        entry = dec(reply[4])
        self.assertEqual((entry[2], entry[5], entry[9]), (said["muster_log_index"], "result.issue", "ok"))
        self.assertEqual((entry[3], entry[14][4]), (claims["iat"], claims["exp"]))
        self.assertEqual((entry[14][1] & 6, entry[14][2], entry[14][3]), (6, 0, 0))

    def test_I14_a_result_ends_with_the_pass_that_it_is_of(self):
        token, reply = self.issued(self.good)
        claims = relying_party(token, self.jwks)
        self.assertEqual(claims["exp"] - claims["iat"], 600)  # the policy's interval
        self.assertEqual(claims["exp"], dec(reply[2])[14][6])  # the deadline that device.attest set
        with self.assertRaises(ValueError):
            relying_party(token, self.jwks, now=claims["exp"])

    def test_the_key_set_is_that_of_the_deployment_root(self):
        key = self.jwks["keys"][0]
        got = b"\4" + unb64(key["x"]) + unb64(key["y"])
        self.assertEqual(got, self.world.root.body[12])
        thumbprint = peer.sha256(json.dumps({k: key[k] for k in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True).encode())
        self.assertEqual((len(self.jwks["keys"]), key["kid"], key["use"], key["alg"]), (1, b64(thumbprint), "sig", "ES256"))
        self.assertNotIn(got, (self.world.root.body[6], self.world.root.body[7]))  # I16

    # ---- who gets none ----

    def test_I7_a_result_request_works_once(self):
        body = self.good.result_body(NONCE, GATE)
        status, reply = self.world.net.ask("attested", "default", body)
        self.assertEqual(status, 200)
        status, reply = self.world.net.ask("attested", "default", body)
        self.assertGreaterEqual(status, 400)
        self.assertNotIn(6, dec(reply))

    def test_I7_a_nonce_for_another_purpose_or_a_changed_request_is_refused(self):
        request = msg(NONCE, GATE, os.urandom(16))
        cases = [self.good.attested_body("result", request, self.good.challenge("attest")),
                 self.good.attested_body("result", request, self.good.challenge("result"), bound_purpose="attest")]
        changed = dec(self.good.attested_body("result", request, self.good.challenge("result")))
        changed[5] = msg(NONCE, "https://another.example", os.urandom(16))  # as a broken net would
        for body in cases + [enc(changed)]:
            status, reply = self.world.net.ask("attested", "default", body)
            self.assertGreaterEqual(status, 400)
            self.assertNotIn(6, dec(reply))

    def test_I10_requests_out_of_form_are_refused(self):
        for request in (msg(bytes(7), None, os.urandom(16)), msg(bytes(65), None, os.urandom(16)), msg(None, "", os.urandom(16)),
                        msg(None, "x" * 257, os.urandom(16)), msg(None, None, bytes(15)), msg(), enc({**dec(msg(None, None, bytes(16))), 4: 1})):
            status, reply = self.world.net.ask("attested", "default", self.good.attested_body("result", request, self.good.challenge("result")))
            self.assertIn(status, (400, 413), reply)

    def test_I13_another_devices_quote_gets_no_result(self):
        other = self.world.listed(peer.SoftTpm(b"good"))
        request, nonce = msg(None, None, os.urandom(16)), self.good.challenge("result")
        body = dec(other.attested_body("result", request, nonce))
        body[3] = self.good.tpm.device
        status, reply = self.world.net.ask("attested", "default", enc(body))
        self.assertGreaterEqual(status, 400)
        self.assertNotIn(6, dec(reply))

    def test_a_device_that_no_rule_names_gets_none_and_the_refusal_is_logged(self):
        d = self.world.device(peer.SoftTpm(b"good"))
        d.model = "model-unknown"
        self.world.must("batch.import", msg(self.world.operator.manifest("b-%d" % time.time_ns(), [d], int(time.time()))))
        self.assertEqual(d.enroll()[1][1], "enrolled")
        status, reply = d.result()
        self.assertEqual(status, 403)
        self.assertNotIn(6, reply)
        self.assertEqual((dec(reply[4])[5], dec(reply[4])[9]), ("result.refuse", "denied"))
        self.assertEqual(self.background(d)[0], 404)

    # ---- background check ----

    def test_the_newest_result_is_there_for_an_operator_who_asks(self):
        d = self.world.listed(peer.SoftTpm(b"good"))
        self.assertEqual(self.background(d)[0], 404)
        self.assertEqual(d.attest()[0], 200)
        self.assertEqual(self.background(d)[0], 404)  # attesting alone makes none
        self.issued(d)
        token, _ = self.issued(d, audience=GATE)
        status, answer = self.background(d)
        self.assertEqual((status, answer["result"], answer["status"], answer["state"]), (200, token, "affirming", "trusted"))
        self.assertEqual(answer["device"], d.tpm.device)

    def test_I5_a_reader_may_ask_for_results_and_nothing_else(self):
        self.issued(self.good)
        reader = peer.Operator(self.world.root, self.world.net.ask, self.world.deployment.operator_key("reader"))
        for operation, status in (("device.result", 200), ("device.show", 403), ("device.evidence", 403), ("device.revoke", 403)):
            time.sleep(0.001)
            got, reply = reader.do(operation, msg(self.good.tpm.device, "x"), int(time.time()), sequence=time.time_ns() // 1000)
            self.assertEqual(got, status, (operation, reply))

    def test_I8_another_tenant_does_not_learn_of_it(self):
        self.issued(self.good)
        there, absent = self.background(self.good, "other"), self.background("0" * 64 + "-1", "other")
        self.assertEqual(there[0], 404)
        self.assertEqual(there[1][2], absent[1][2])

    def test_failed_evidence_makes_a_contraindicated_result_for_those_who_ask_and_none_to_carry(self):
        d = self.world.listed(peer.SoftTpm(b"good"))
        self.issued(d)
        before = dict(d.tpm.pcrs)
        d.tpm.extend(4)
        status, reply = d.result(nonce=NONCE)
        self.assertEqual(status, 403)
        self.assertNotIn(6, reply)
        self.assertEqual(dec(reply[4])[5], "result.issue")
        status, answer = self.background(d)
        self.assertEqual((status, answer["status"], answer["state"]), (200, "contraindicated", "quarantined"))
        claims = relying_party(answer["result"], self.jwks, NONCE)
        vector = claims["submods"]["tpm"]["ear_trustworthiness_vector"]
        self.assertEqual((claims["ear_status"], vector["executables"], vector["configuration"]), ("contraindicated", 96, 2))
        d.tpm.pcrs = before
        status, reply = d.result()  # quarantine is sticky: nothing good is said of it
        self.assertEqual(status, 403)
        self.assertEqual(dec(reply[4])[5], "result.refuse")
        self.assertEqual(self.background(d)[1]["status"], "contraindicated")

    def test_I6_good_news_is_not_told_of_a_device_that_is_not_trusted_any_more(self):
        for operation in ("device.quarantine", "device.revoke"):
            d = self.world.listed(peer.SoftTpm(b"good"))
            self.issued(d)
            self.assertEqual(self.background(d)[0], 200)
            self.world.must(operation, msg(d.tpm.device, "seen open"))
            status, reply = self.background(d)
            self.assertEqual(status, 403, reply)
            self.assertIn("no longer holds", reply[2])

    # ---- I3 ----

    def test_I3_replay_is_exact_with_results_in_the_log(self):
        self.issued(self.good)
        self.world.roles.stop()
        copy = tempfile.mkdtemp(prefix="muster-replay-")
        try:
            for suffix in ("", "-wal", "-shm"):
                path = os.path.join(self.world.roles.state, "core", "store.db" + suffix)
                if os.path.exists(path):
                    shutil.copy(path, os.path.join(copy, "store.db" + suffix))
            run = subprocess.run([MUSTER, "audit", "replay", "--store", os.path.join(copy, "store.db")], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        finally:
            shutil.rmtree(copy)
            self.world.roles.start()
            self.world.net.chan = self.world.roles.chan("core", "net")

    # ---- the guide ----

    def test_the_examples_of_the_guide_do_what_it_says(self):
        with open(os.path.join(SOURCE, "docs", "attestation-results.md"), encoding="utf-8") as f:
            text = f.read()
        blocks = {kind: text.split("```%s\n" % kind)[1].split("```")[0] for kind in ("python", "bash")}
        token, _ = self.issued(self.good, nonce=bytes.fromhex("8f0c41d2a97be653"), audience=GATE)
        other, _ = self.issued(self.good, nonce=NONCE, audience=GATE)
        commands = {"python": ["/usr/bin/python3", "-c"], "bash": ["bash", "-ec"]}
        with tempfile.TemporaryDirectory() as home:
            def run(kind, shown):
                for name, content in (("result.jwt", shown + "\n"), ("jwks.json", json.dumps(self.jwks, separators=(",", ":")))):
                    with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                        f.write(content)
                return subprocess.run([*commands[kind], blocks[kind]], capture_output=True, text=True, cwd=home, check=False)
            for kind, said in (("python", "affirming spiffe://"), ("bash", "Verified OK")):
                p = run(kind, token)
                self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
                self.assertIn(said, p.stdout)
                broken = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")
                self.assertNotEqual(run(kind, broken).returncode, 0)
            self.assertIn("not an answer to this nonce", run("python", other).stderr)

    # ---- the command line, offline ----

    def verify(self, token, *more, rc=0):
        with tempfile.TemporaryDirectory() as home:
            paths = [os.path.join(home, n) for n in ("token", "jwks")]
            for path, text in zip(paths, (token, json.dumps(self.jwks))):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            run = subprocess.run([MUSTER, "token", "verify", paths[0], "--jwks", paths[1], *more], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, rc, run.stdout + run.stderr)
        return run.stdout

    def test_token_verify_accepts_what_a_relying_party_may_and_says_it_in_words(self):
        token, _ = self.issued(self.good, nonce=NONCE, audience=GATE)
        out = self.verify(token + "\n", "--nonce", NONCE.hex(), "--audience", GATE)
        for text in ("affirming attestation result", "approved code only, at boot", self.good.tpm.device):
            self.assertIn(text, out)
        answer = json.loads(self.verify(token, "--nonce", NONCE.hex(), "--audience", GATE, "--json"))
        trust = answer["attesters"]["tpm"]["trust"]
        self.assertEqual((trust["executables"]["value"], trust["executables"]["tier"], trust["hardware"]["tier"]), (3, "affirming", "none"))

    def test_token_verify_refuses_by_name(self):
        token, _ = self.issued(self.good, nonce=NONCE, audience=GATE)
        right = ["--nonce", NONCE.hex(), "--audience", GATE]
        head, payload, sig = token.split(".")
        changed = payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
        none = b64(b'{"alg":"none"}') + "." + payload + "."
        for what, bad, args in (("signature", ".".join((head, changed, sig)), right), ("alg-none", none, right),
                                ("nonce", token, ["--nonce", "ff" * 16, "--audience", GATE]), ("audience", token, right[:2]),
                                ("audience", token, right[:2] + ["--audience", "https://other.example"]),
                                ("expired", token, right + ["--time", "2099-01-01T00:00:00Z"]),
                                ("not-yet", token, right + ["--time", "2020-01-01T00:00:00Z"])):
            with self.subTest(what):
                answer = json.loads(self.verify(bad, *args, "--json", rc=1))
                self.assertIn(what, json.dumps(answer))
        self.verify("no token", rc=2)
        self.verify(token, "--nonce", "12", rc=2)


if __name__ == "__main__":
    build = os.path.abspath(sys.argv.pop(1))
    MUSTER = os.path.join(build, "src", "cli", "muster")
    LIBEXEC = deployment.libexec(build)
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC, ignore_errors=True)

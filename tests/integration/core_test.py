#!/usr/bin/python3
"""core, driven as a net that was broken into would: the real core, notary, keeper, tokens and appraiser, with this test at
net's end of the channel. Two devices' messages to mix, replay, delay and re-target.
Usage: core_test.py BUILD [unittest arguments]"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_peer as peer
import muster_roles as roles_module
from muster_peer import dec, enc, msg
from muster_roles import Ended, Net, Roles

LIBEXEC = MUSTER = BUILD = None


def code(reply):
    """The code of an error form, or None."""
    return reply.get(1) if isinstance(reply, dict) and isinstance(reply.get(1), str) else None


class CoreTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = deployment.Deployment(MUSTER)
        cls.roles = Roles(cls.deployment.dir, LIBEXEC).start()
        cls.net = Net(cls.roles)
        cls.root = cls.net.root()
        cls.operator = peer.Operator(cls.root, cls.net.ask, cls.deployment.operator_key())
        cls.good = cls.listed_device()
        cls.set_policy()

    @classmethod
    def tearDownClass(cls):
        cls.roles.stop()
        cls.deployment.remove()

    @classmethod
    def device(cls, seed=b"good", **more):
        return peer.Device(cls.root, cls.net.ask, cls.net.exporter, tpm=peer.SoftTpm(seed), **more)

    @classmethod
    def listed_device(cls, seed=b"good", enroll=True):
        d = cls.device(seed)
        cls.import_batch([d])
        if enroll:
            status, reply = d.enroll()
            assert status == 200 and reply[1] == "enrolled", (status, reply)
        return d

    @classmethod
    def op(cls, operation, args, **more):
        time.sleep(0.001)
        return cls.operator.do(operation, args, int(time.time()), sequence=time.time_ns() // 1000, **more)

    @classmethod
    def import_batch(cls, devices):
        manifest = cls.operator.manifest("b-%d" % time.time_ns(), devices, int(time.time()))
        status, reply = cls.op("batch.import", msg(manifest))
        assert status == 200, reply
        return status

    @classmethod
    def set_policy(cls):
        reference = deployment.reference("good", "model-a", cls.good.tpm.pcrs, cls.good.tpm.device)
        for operation, args in (("reference.set", msg(reference)), ("policy.set", msg(cls.deployment.policy("good")))):
            status, reply = cls.op(operation, args)
            assert status == 200, reply

    def setUp(self):
        if not all(self.roles.alive(r) for r in ("core", "keeper", "notary")):
            self.__class__.tearDownClass()
            self.__class__.setUpClass()

    # ---- it works ----

    def test_a_listed_device_enrols_passes_and_gets_a_certificate_that_is_in_the_log(self):
        status, reply = self.good.identity()
        self.assertEqual(status, 200, reply)
        from cryptography import x509
        cert = x509.load_der_x509_certificate(dec(reply[6])[1])
        uri = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier)
        self.assertEqual(uri, ["spiffe://%s/device/%s" % (self.root.trust_domain, self.good.tpm.device)])
        root, size, note = peer.ticket_root(reply[5], reply[4])
        import base64
        self.assertEqual(base64.b64decode(note.split(b"\n")[2]), root)
        entry = dec(reply[4])
        self.assertEqual(entry[5], "cert.issue")
        self.assertEqual(entry[14][2], peer.sha256(cert.tbs_certificate_bytes))

    def test_a_secret_reaches_the_entitled_device_only_and_opens(self):
        status, reply = self.op("secret.put", self.operator.put_args("db/password", "model=model-a", b"hunter2"))
        self.assertEqual(status, 200, reply)
        status, reply, nonce = self.good.secret("db/password")
        self.assertEqual(status, 200, reply)
        self.assertEqual(self.good.open_secret(reply, nonce), b"hunter2")
        status, reply = self.op("secret.put", self.operator.put_args("db/other", "model=model-b", b"x"))
        self.assertEqual(status, 200, reply)
        status, reply, _ = self.good.secret("db/other")
        self.assertEqual(status, 403)
        self.assertNotIn(6, reply)
        self.assertEqual(dec(reply[4])[5], "secret.refuse")

    # ---- I6, I12: unauthentic evidence moves nothing ----

    def refused(self, status, reply, text=None):
        self.assertGreaterEqual(status, 400, reply)
        self.assertNotIn(6, reply)
        if text:
            self.assertIn(text, reply.get(2, "") + " " + str(reply.get(1, "")))

    def state_of(self, device):
        status, reply = device.attest()
        return status, dec(dec(dec(reply[1]).value[2])[7])[3] if status in (200, 403) and isinstance(reply.get(1), bytes) else None

    def attested(self, device, **change):
        return device.attest(**change)

    def test_I6_a_flipped_bit_anywhere_in_the_quote_or_signature_is_refused_and_moves_nothing(self):
        for at in (5, 6):
            nonce = self.good.challenge("attest")
            body = dec(self.good.attested_body("attest", msg("test"), nonce))
            for byte in range(0, len(body[at]), 7):
                bad = dict(body)
                bad[at] = body[at][:byte] + bytes([body[at][byte] ^ 0x40]) + body[at][byte + 1:]
                status, reply = self.net.ask("attested", "default", enc(bad))
                self.refused(status, dec(reply))
        self.assertEqual(self.state_of(self.good), (200, "trusted"))

    def test_I6_evidence_of_every_wrong_kind_is_refused_by_name(self):
        cases = {
            "wrong-type": {"kind": peer.NV}, "wrong-magic": {"magic": 0xFF544346}, "wrong-signer": {"signer": b"\0\x0b" + bytes(32)},
            "nonce-mismatch": {"extra": bytes(32)}, "clock-unsafe": {"safe": 0}, "pcr-selection": {"mask": 0x3FFF},
            "clock-back": {"clock": 1}, "reset-count-back": {"reset_count": 0},
        }
        for text, change in cases.items():
            with self.subTest(text):
                status, reply = self.attested(self.good, **change)
                self.refused(status, reply)
                self.assertTrue(any(w in reply[2] for w in (text, "malformed", "pcr-values")), reply)
        self.assertEqual(self.state_of(self.good), (200, "trusted"))

    def test_I6_all_zero_pcr_0_is_refused_by_name(self):
        d = self.listed_device()
        d.tpm.pcrs[0] = bytes(32)
        status, reply = d.attest()
        self.refused(status, reply, "pcr0-all-zero")

    def test_I6_a_device_is_denied_before_any_policy_and_by_a_policy_without_its_model(self):
        d = self.device()
        d.model = "model-unknown"
        self.import_batch([d])
        self.assertEqual(d.enroll()[1][1], "enrolled")
        status, reply = d.attest()
        self.assertEqual(status, 403)
        verdict = dec(dec(dec(reply[1]).value[2])[7])
        self.assertEqual((verdict[2], verdict[3]), ("deny", "enrolled"))
        status, reply = d.identity()
        self.assertEqual(status, 403)
        self.assertNotIn(6, reply)

    def test_I6_fail_is_sticky_names_the_pcr_and_only_a_signed_release_and_a_pass_lift_it(self):
        d = self.listed_device()
        self.assertEqual(self.state_of(d), (200, "trusted"))
        self.assertEqual(d.identity()[0], 200)
        before = dict(d.tpm.pcrs)
        d.tpm.extend(4)
        status, reply = d.attest()
        self.assertEqual(status, 403)
        verdict = dec(dec(dec(reply[1]).value[2])[7])
        self.assertEqual((verdict[2], verdict[3]), ("fail", "quarantined"))
        self.assertTrue(any("pcr=4" in r for r in verdict[6]), verdict[6])
        self.assertFalse(any(before[4].hex() in r for r in verdict[6]))  # never the expected value
        d.tpm.pcrs = before
        self.assertEqual(self.state_of(d), (403, "quarantined"))
        self.assertEqual(d.identity()[0], 403)
        status, reply = self.op("device.release", msg(d.tpm.device, "inspected"))
        self.assertEqual(status, 200, reply)
        self.assertEqual(self.state_of(d), (200, "trusted"))

    def test_I6_revoked_and_retired_devices_do_not_come_back(self):
        for operation in ("device.revoke", "device.retire"):
            d = self.listed_device()
            self.assertEqual(self.op(operation, msg(d.tpm.device, "gone"))[0], 200)
            self.refused(*d.attest())
            self.refused(*d.enroll())
            self.assertEqual(self.op("device.release", msg(d.tpm.device, "please"))[0], 409)

    # ---- I7: once ----

    def test_I7_a_nonce_raced_by_100_uses_grants_once(self):
        nonce = self.good.challenge("attest")
        bodies = [self.good.attested_body("attest", msg("test"), nonce) for _ in range(100)]
        idents = [self.net.post("attested", "default", b) for b in bodies]
        statuses = [self.net.answer(i)[0] for i in idents]
        self.assertEqual(statuses.count(200), 1, statuses)

    def test_I7_a_nonce_is_good_for_its_purpose_tenant_and_request_only(self):
        nonce = self.good.challenge("attest")
        request = self.good.identity_request(nonce)
        self.refused(*self._send(self.good.attested_body("identity", request, nonce)))
        self.refused(*self._send(self.good.attested_body("identity", request, nonce, bound_purpose="attest")))
        self.refused(*self._send(self.good.attested_body("attest", msg("test"), nonce), tenant="other"))
        body = dec(self.good.attested_body("attest", msg("test"), nonce))
        body[5] = msg("another")  # the request is not the one that was quoted
        self.refused(*self._send(enc(body)))

    def _send(self, body, tenant="default", op="attested", **more):
        status, reply = self.net.ask(op, tenant, body, **more)
        return status, dec(reply)

    def test_I7_a_forged_or_altered_nonce_is_refused(self):
        nonce = self.good.challenge("attest")
        for i in range(40):
            bad = nonce[:i] + bytes([nonce[i] ^ 1]) + nonce[i + 1:]
            self.refused(*self._send(self.good.attested_body("attest", msg("test"), bad)))

    def test_I7_no_nonce_outlives_a_restart(self):
        nonce = self.good.challenge("attest")
        self.roles.stop()
        self.roles.start()
        self.net.chan = self.roles.chan("core", "net")
        self.refused(*self._send(self.good.attested_body("attest", msg("test"), nonce)))
        self.assertEqual(self.state_of(self.good), (200, "trusted"))

    def test_I7_a_failing_random_source_refuses_and_nothing_is_guessed(self):
        flag = os.path.join(self.deployment.home, "random-fails")
        with open(flag, "wb") as f:
            f.write(b"\0")
        self.roles.stop()
        self.roles.preload = {"core": {"LD_PRELOAD": os.path.join(BUILD, "tests", "librandshim.so"), "RANDSHIM_FILE": flag,
                                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}}
        try:
            self.roles.start()
            self.net.chan = self.roles.chan("core", "net")
            self.assertEqual(self._send(msg(1, "attest"), op="challenge")[0], 200)
            with open(flag, "r+b") as f:
                f.write(b"\1")
            status, reply = self._send(msg(1, "attest"), op="challenge")
            self.assertEqual((status, reply[1]), (503, "crypto"))
            with open(flag, "r+b") as f:
                f.write(b"\0")
            self.assertEqual(self.state_of(self.good), (200, "trusted"))
        finally:
            self.roles.stop()
            self.roles.preload = {}
            self.roles.start()
            self.net.chan = self.roles.chan("core", "net")

    def test_I7_an_enrolment_answer_works_once(self):
        d = self.listed_device(enroll=False)
        nonce = d.challenge("enroll")
        transcript = d.transcript(nonce)
        cred = dec(d.enroll_begin(transcript)[1])
        proof = peer.hmac_module.new(d.tpm.activate(cred[1], cred[2]), transcript, "sha256").digest()
        body = d.finish_body(transcript, nonce, proof)
        self.assertEqual(self._send(body, op="enroll/finish")[0], 200)
        self.refused(*self._send(body, op="enroll/finish"))

    # ---- I13: net's word is nothing ----

    def test_I13_an_exporter_of_another_connection_is_refused(self):
        nonce = self.good.challenge("attest")
        body = self.good.attested_body("attest", msg("test"), nonce)
        self.refused(*self._send(body, exporter=os.urandom(32)), "nonce-mismatch")
        self.refused(*self._send(self.good.attested_body("attest", msg("test"), nonce, exporter=bytes(32))), "nonce-mismatch")

    def test_I13_another_devices_evidence_certification_or_key_is_refused(self):
        other = self.listed_device()
        nonce = self.good.challenge("attest")
        body = dec(other.attested_body("attest", msg("test"), nonce, device=self.good.tpm.device))
        self.refused(*self._send(enc(body)), "bad-signature")
        nonce = self.good.challenge("identity")
        request = dec(self.good.identity_request(nonce))
        theirs = dec(other.identity_request(nonce))
        for keys in ((1, 2, 3, 4), (2, 3), (1,), (1, 4)):
            mixed = dict(request)
            for k in keys:
                mixed[k] = theirs[k]
            self.refused(*self._send(self.good.attested_body("identity", enc(mixed), nonce)))

    def test_I13_a_csr_for_another_key_gets_no_certificate(self):
        nonce = self.good.challenge("identity")
        request = self.good.identity_request(nonce, csr_key=peer.ec.generate_private_key(peer.ec.SECP256R1()))
        status, reply = self._send(self.good.attested_body("identity", request, nonce))
        self.assertEqual(status, 403)
        self.assertNotIn(6, reply)

    def test_I13_a_sealing_key_that_is_not_bound_to_the_quoted_state_gets_no_secret(self):
        self.assertEqual(self.op("secret.put", self.operator.put_args("bound", "model=model-a", b"v"))[0], 200)
        for change in ({"attributes": 0x20472}, {"attributes": 0x204B2}, {"attributes": 0x20032}, {"mask": 0x1}):
            nonce = self.good.challenge("secret")
            request = self.good.secret_request(nonce, "bound", **change)
            status, reply = self._send(self.good.attested_body("secret", request, nonce))
            self.assertEqual(status, 403, change)
            self.assertNotIn(6, reply)

    def test_I13_a_proof_without_the_tpm_enrols_nobody(self):
        victim, thief = self.listed_device(enroll=False), peer.SoftTpm()
        thief.ek_public, thief.ek_hash = victim.tpm.ek_public, victim.tpm.ek_hash  # claims the victim's EK with its own AK
        d = peer.Device(self.root, self.net.ask, self.net.exporter, tpm=thief)
        nonce = d.challenge("enroll")
        transcript = d.transcript(nonce)
        self.assertEqual(d.enroll_begin(transcript)[0], 200)
        self.refused(*self._send(d.finish_body(transcript, nonce, os.urandom(32)), op="enroll/finish"))
        self.assertEqual(victim.enroll()[1][1], "enrolled")

    # ---- enrolment ----

    def test_a_device_in_no_manifest_without_a_makers_certificate_is_told_what_to_do(self):
        d = self.device()
        status, reply = d.enroll()
        self.refused(status, reply, "ek-certificate-absent")
        self.assertIn("batch", reply[3])

    def test_a_device_in_no_manifest_waits_and_an_approval_of_exactly_it_lets_it_in(self):
        d = self.device()
        d.ek_cert = self.deployment.ek_certificate(d.tpm.ek)
        status, reply = d.enroll()
        self.assertEqual((status, reply[1]), (200, "pending"), reply)
        binding = dec(peer.statement_open(reply[4], self.root.release, "binding")[7])
        status, refusal = d.attest()
        self.assertEqual((status, refusal[1]), (202, "pending"))
        self.assertNotIn(6, refusal)
        wrong = msg(d.tpm.device, d.tpm.ek_hash, d.tpm.ak_name, bytes(32))
        self.assertEqual(self.op("device.approve", wrong)[0], 409)
        status, answer = self.op("device.approve", msg(d.tpm.device, d.tpm.ek_hash, d.tpm.ak_name, binding[5]))
        self.assertEqual(status, 200, answer)
        status, again = self._send(msg(1, reply[4]), op="enroll/status")
        self.assertEqual((status, again[1]), (200, "enrolled"))
        peer.statement_open(again[3], self.root.release, "admission")
        self.assertEqual(self.state_of(d), (200, "trusted"))

    def test_an_ek_certificate_of_no_known_maker_or_for_another_key_is_its_own_clear_error(self):
        d = self.device()
        d.ek_cert = self.deployment.ek_certificate(d.tpm.ek, unknown=True)
        self.refused(*d.enroll(), "maker-root-missing")
        d.ek_cert = self.deployment.ek_certificate(peer.SoftTpm().ek)
        self.refused(*d.enroll(), "ek-certificate")

    def test_a_taken_name_with_another_tpm_is_a_new_device_that_waits(self):
        first = self.listed_device()
        second = self.device(name=first.name)
        self.import_batch([second])
        status, reply = second.enroll()
        self.assertEqual((status, reply[1]), (200, "pending"))

    def test_transcripts_of_another_deployment_tenant_or_key_shape_are_refused(self):
        d = self.listed_device(enroll=False)
        nonce = d.challenge("enroll")
        good = dec(d.transcript(nonce))
        rsa_ak = bytearray(good[9])
        rsa_ak[4:8] = struct.pack(">I", peer.IDENTITY_ATTRIBUTES)  # not restricted: could sign anything
        for key, value in ((2, bytes(16)), (3, "other"), (9, bytes(rsa_ak)), (7, good[9]), (8, b"\1" * 32), (4, "A B"), (1, "muster/v2/enroll")):
            bad = dict(good)
            bad[key] = value
            self.refused(*[(s, dec(r)) for s, r in [d.enroll_begin(enc(bad))]][0])

    # ---- operators: I5, I7, I8 ----

    def test_I5_an_operation_by_an_unknown_key_or_altered_or_expired_is_refused(self):
        now = int(time.time())
        stranger = peer.Operator(self.root, self.net.ask, peer.ec.generate_private_key(peer.ec.SECP256R1()))
        self.refused(*stranger.do("device.release", msg(self.good.tpm.device, "x"), now))
        wire = self.operator.statement("device.quarantine", msg(self.good.tpm.device, "x"), now)
        for i in range(0, len(wire), 11):
            bad = wire[:i] + bytes([wire[i] ^ 4]) + wire[i + 1:]
            self.refused(*self._send(bad, op="op"))
        for change in ({"life": 301}, {"kind": "manifest"}, {"audience": "agent"}, {"tenant": "other"}):
            self.refused(*self.operator.do("device.quarantine", msg(self.good.tpm.device, "x"), now, **change))
        self.refused(*self.operator.do("device.quarantine", msg(self.good.tpm.device, "x"), now - 5000))
        self.assertEqual(self.state_of(self.good), (200, "trusted"))

    def test_I5_an_operation_is_executed_once_and_the_sequence_rises(self):
        d = self.listed_device()
        now, seq = int(time.time()), time.time_ns() // 1000
        wire = self.operator.statement("device.quarantine", msg(d.tpm.device, "x"), now, sequence=seq)
        status, first = self._send(wire, op="op")
        self.assertEqual(status, 200, first)
        status, again = self._send(wire, op="op")
        self.assertEqual((status, again[4]), (200, first[4]))
        self.refused(*self.operator.do("device.release", msg(d.tpm.device, "x"), now, sequence=seq))
        self.refused(*self.operator.do("device.release", msg(d.tpm.device, "x"), now, sequence=seq - 1))

    def test_I5_an_operation_based_on_an_older_version_is_refused(self):
        self.refused(*self.op("device.quarantine", msg(self.good.tpm.device, "x"), bases=[("device:" + self.good.tpm.device, 1)]))
        self.refused(*self.op("policy.set", msg(self.deployment.policy("good")), bases=[("policy", 99)]))

    def test_I5_a_manifest_with_changed_rows_is_refused(self):
        d = self.device()
        manifest = dec(self.operator.manifest("b-bad", [d], int(time.time())))
        row = dec(manifest[2][0])
        row[3] = bytes(32)
        manifest[2][0] = enc(row)
        self.refused(*self.op("batch.import", msg(enc(manifest))))
        stranger = peer.Operator(self.root, self.net.ask, peer.ec.generate_private_key(peer.ec.SECP256R1()))
        self.refused(*self.op("batch.import", msg(stranger.manifest("b-bad2", [d], int(time.time())))))

    def test_I8_a_tenant_does_not_learn_of_anothers_devices_or_of_tenants_there_are_not(self):
        other = peer.Operator(self.root, self.net.ask, self.operator.key, tenant="other")
        there = other.do("device.quarantine", msg(self.good.tpm.device, "x"), int(time.time()), sequence=time.time_ns() // 1000)
        nowhere = other.do("device.quarantine", msg(peer.SoftTpm().device, "x"), int(time.time()), sequence=time.time_ns() // 1000)
        self.assertEqual((there[0], there[1][1]), (nowhere[0], nowhere[1][1]))
        self.assertEqual(self._send(msg(1, "attest"), op="challenge", tenant="absent")[0], 404)

    def test_I9_a_secret_that_does_not_exist_and_one_that_is_not_yours_look_the_same(self):
        self.assertEqual(self.op("secret.put", self.operator.put_args("theirs", "model=model-b", b"x"))[0], 200)
        replies = []
        for path in ("theirs", "absent", "../theirs", "Theirs", "theirs/"):
            status, reply, _ = self.good.secret(path)
            replies.append((status, sorted(reply)))
        self.assertEqual(len(set(map(str, replies))), 1, replies)

    # ---- I10: any frame, order, length ----

    def test_I10_frames_outside_the_table_end_the_channel_and_nothing_else(self):
        frames = [(99, b"x"), (2, bytes(7)), (1, b""), (1, struct.pack(">HB", 77, 0) + bytes(48)), (1, struct.pack(">HB", 1, 200)),
                  (3, bytes(300)), (5, b"x")]
        for kind, payload in frames:
            with self.subTest(kind=kind, n=len(payload)):
                self.net.chan.send(kind, 7, payload)
                with self.assertRaises(Ended):
                    for _ in range(100):
                        self.net.chan.receive(10)
                self.roles.stop()
                self.roles.start()
                self.net.chan = self.roles.chan("core", "net")

    def test_I10_a_huge_length_or_a_cut_frame_ends_the_channel(self):
        for raw in (struct.pack(">IHHQ", 0xFFFFFFFF, 1, 0, 1), struct.pack(">IHHQ", 10, 1, 1, 1) + bytes(10)):
            self.net.chan.raw(raw)
            with self.assertRaises(Ended):
                for _ in range(100):
                    self.net.chan.receive(10)
            self.roles.stop()
            self.roles.start()
            self.net.chan = self.roles.chan("core", "net")

    def test_I10_bodies_of_noise_are_refused_and_core_goes_on(self):
        import random
        rng = random.Random(7)
        samples = [self.good.attested_body("attest", msg("test"), self.good.challenge("attest")), msg(1, "attest"),
                   self.operator.statement("status", msg(), int(time.time()))]
        for op in ("challenge", "enroll/begin", "enroll/finish", "enroll/status", "attested", "op"):
            for sample in samples + [b"", b"\xa0", b"\xff", b"\x9f", os.urandom(200)]:
                for _ in range(12):
                    b = bytearray(sample)
                    for _ in range(rng.randrange(4)):
                        if b:
                            b[rng.randrange(len(b))] = rng.randrange(256)
                    status, _ = self.net.ask(op, "default", bytes(b[:rng.randrange(len(b) + 1)]))
                    self.assertLess(status, 500)
        self.assertEqual(self.state_of(self.good), (200, "trusted"))

    # ---- I2, I3: the log ----

    def test_I2_every_refusal_of_authentic_evidence_and_every_release_is_in_the_exported_log(self):
        self.assertEqual(self.op("secret.put", self.operator.put_args("logged", "model=model-a", b"v"))[0], 200)
        status, reply, _ = self.good.secret("logged")
        self.assertEqual(status, 200)
        entry = reply[4]
        time.sleep(1.5)
        found = subprocess.run([MUSTER, "audit", "verify", os.path.join(self.roles.state, "core", "log"), "--root", self.deployment.root], check=False,
                               capture_output=True, text=True)
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)
        bundles = b"".join(open(os.path.join(d, f), "rb").read() for d, _, files in os.walk(os.path.join(self.roles.state, "core", "log", "tile", "entries"))
                           for f in files)
        self.assertIn(entry, bundles)

    def test_I3_replay_finds_the_database_as_the_log_says_and_names_a_changed_row(self):
        copy = tempfile.mkdtemp(prefix="muster-replay-")
        try:
            self.roles.stop()
            store = os.path.join(copy, "store.db")
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(os.path.join(self.roles.state, "core", "store.db" + suffix)):
                    shutil.copy(os.path.join(self.roles.state, "core", "store.db" + suffix), store + suffix)
            run = subprocess.run([MUSTER, "audit", "replay", "--store", store], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            import sqlite3
            db = sqlite3.connect(store)
            for key, value in db.execute("select key, value from devices").fetchall():
                db.execute("update devices set value = ? where key = ?", (value.replace(b"trusted", b"revoked"), key))
            db.commit()
            db.close()
            run = subprocess.run([MUSTER, "audit", "replay", "--store", store], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
            self.assertIn("devices", run.stdout + run.stderr)
        finally:
            shutil.rmtree(copy)
            self.roles.start()
            self.net.chan = self.roles.chan("core", "net")

    def test_I3_a_database_older_than_the_log_is_refused_at_start(self):
        self.roles.stop()
        core = os.path.join(self.roles.state, "core")
        kept = tempfile.mkdtemp(prefix="muster-old-")
        try:
            shutil.copytree(core, os.path.join(kept, "core"))
            self.roles.start()
            self.net.chan = self.roles.chan("core", "net")
            self.assertEqual(self.state_of(self.good), (200, "trusted"))
            self.roles.stop()
            shutil.move(core, os.path.join(kept, "new"))
            shutil.copytree(os.path.join(kept, "core"), core)
            with self.assertRaises(RuntimeError) as raised:
                self.roles.start()
            self.assertIn("the log has", str(raised.exception))
            self.roles.stop()
            shutil.rmtree(core)
            shutil.move(os.path.join(kept, "new"), core)
        finally:
            shutil.rmtree(kept)
            self.roles.start()
            self.net.chan = self.roles.chan("core", "net")

    def test_I14_evidence_of_before_a_reboot_and_counters_that_go_back_are_refused(self):
        d = self.listed_device()
        d.tpm.reset_count = 5
        self.assertEqual(self.state_of(d), (200, "trusted"))
        d.tpm.reset_count = 4
        self.refused(*d.attest(), "reset-count-back")


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

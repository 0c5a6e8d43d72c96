#!/usr/bin/python3
"""core, driven as an appraiser that was broken into would: the test plays the appraiser and its workers. Their word admits
no device (I13), and their failing is no verdict (I12).
Usage: appraiser_test.py BUILD-DIRECTORY [unittest arguments]"""
import hmac
import os
import shutil
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_logs as logs
import muster_peer as peer
from muster_peer import dec, enc, msg
from muster_roles import Channel, Ended
from muster_world import World

LIBEXEC = MUSTER = None
WORKER, EVIDENCE, CLAIMS, ERROR = 1, 1, 2, 3
MALFORMED, TOO_BIG, UNSUPPORTED = 2, 3, 4  # include/muster/rc.h


class AppraiserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(LIBEXEC, MUSTER, take=("net", "appraiser"))

    @classmethod
    def tearDownClass(cls):
        cls.world.remove()

    def setUp(self):
        if not self.world.roles.alive("core"):
            self.restart()
        self.held = []

    def tearDown(self):
        for chan in self.held:
            chan.sock.close()

    def restart(self):
        self.world.stop()
        self.world.start()

    def frame(self, kind, payload, fds=(), ident=1):
        head = struct.pack(">IHHQ", len(payload), kind, 0, ident)
        socket.send_fds(self.world.roles.chan("core", "appraiser").sock, [head + payload], list(fds))

    def worker(self):
        """One more worker; this end is ours."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.frame(WORKER, struct.pack(">I", 1), [theirs.fileno()])
        theirs.close()
        self.held.append(Channel(ours))
        return self.held[-1]

    def unlisted(self):
        """A device in no manifest with its maker's certificate, one frame before its enrolment: (device, finish body)."""
        d = self.world.device()
        d.ek_cert = self.world.deployment.ek_certificate(d.tpm.ek)
        nonce = d.challenge("enroll")
        transcript = d.transcript(nonce)
        status, body = d.enroll_begin(transcript)
        self.assertEqual(status, 200)
        cred = dec(body)
        proof = hmac.new(d.tpm.activate(cred[1], cred[2]), transcript, "sha256").digest()
        return d, d.finish_body(transcript, nonce, proof)

    def post(self, body):
        return self.world.net.post("enroll/finish", "default", body)

    def answer(self, ident, timeout=20):
        status, reply = self.world.net.answer(ident, timeout)
        return status, dec(reply)

    def unknown(self, device):
        status, reply = self.world.op("device.show", msg(device.tpm.device))
        self.assertEqual((status, reply[1]), (404, "not-found"))

    def honest(self, device, body):
        """The same message again with a worker that does its work: no earlier failure stands against it."""
        w = self.worker()
        ident = self.post(body)
        kind, job, payload = w.receive()
        self.assertEqual((kind, dec(payload)), (EVIDENCE, {1: "ekcert", 2: device.ek_cert}))
        w.send(CLAIMS, job, device.ek_cert)
        status, reply = self.answer(ident)
        self.assertEqual((status, reply[1]), (200, "pending"), reply)

    def lie(self, say):
        """A worker that says what `say(channel, job, device)` has it say: (status, reply, device, body)."""
        d, body = self.unlisted()
        w = self.worker()
        ident = self.post(body)
        _, job, _ = w.receive()
        say(w, job, d)
        status, reply = self.answer(ident)
        self.unknown(d)
        return status, reply, d, body

    def test_an_honest_worker_has_the_device_wait_for_approval(self):
        self.honest(*self.unlisted())

    def test_I13_another_devices_certificate_admits_nobody(self):
        other = self.world.deployment.ek_certificate(peer.SoftTpm().ek)
        self_signed = self.world.deployment.ek_certificate(peer.SoftTpm().ek, unknown=True)
        for claim in (other, self_signed, b"", b"\x30", b"\xff" * 2000, other[:-1], other + b"\0", os.urandom(1 << 20)):
            with self.subTest(n=len(claim)):
                status, reply, _, _ = self.lie(lambda w, job, d, claim=claim: w.send(CLAIMS, job, claim))
                self.assertEqual((status, reply[1]), (403, "denied"), reply)

    def test_I13_the_maker_that_a_worker_made_up_is_not_believed(self):
        """A certificate for the device's own EK by a maker of the worker's."""
        status, reply, _, _ = self.lie(lambda w, job, d: w.send(CLAIMS, job, self.world.deployment.ek_certificate(d.tpm.ek, unknown=True)))
        self.assertEqual((status, reply[2]), (403, "maker-root-missing"), reply)

    def test_I12_a_worker_that_fails_is_no_verdict_and_the_same_message_passes_with_another(self):
        def dies(w, job, d):
            w.sock.close()

        def nonsense(w, job, d):
            w.raw(os.urandom(64))

        def huge(w, job, d):
            w.send(CLAIMS, job, b"", length=(16 << 20) + 1)

        def other_job(w, job, d):
            w.send(CLAIMS, job ^ 1, d.ek_cert)

        def own_code(w, job, d):
            w.send(ERROR, job, struct.pack(">H", 0) + b"passed")

        def auth_code(w, job, d):
            w.send(ERROR, job, struct.pack(">H", 6))

        def unknown_kind(w, job, d):
            w.send(9, job, d.ek_cert)

        for say in (dies, nonsense, huge, other_job, own_code, auth_code, unknown_kind):
            with self.subTest(say.__name__):
                status, reply, d, body = self.lie(say)
                self.assertEqual((status, reply[1]), (503, "unavailable"), reply)
                self.honest(d, body)

    def test_a_worker_that_calls_it_malformed_gets_it_refused(self):
        for rc in (MALFORMED, TOO_BIG, UNSUPPORTED):
            status, reply, _, _ = self.lie(lambda w, job, d, rc=rc: w.send(ERROR, job, struct.pack(">H", rc) + b"text"))
            self.assertEqual(status, 403, reply)

    def test_I12_silence_is_a_timeout_and_a_late_answer_is_heard_by_nobody(self):
        d, body = self.unlisted()
        w = self.worker()
        ident = self.post(body)
        _, job, _ = w.receive()
        status, reply = self.answer(ident)
        self.assertEqual((status, reply[1]), (504, "timeout"), reply)
        try:
            w.send(CLAIMS, job, d.ek_cert)
            with self.assertRaises(Ended):
                w.receive(5)
        except Ended:
            pass
        self.unknown(d)
        self.honest(d, body)

    def test_I12_no_worker_at_all_is_a_timeout_and_listed_devices_need_none(self):
        d, body = self.unlisted()
        ident = self.post(body)
        self.world.listed()
        self.assertEqual(self.world.device(self.world.tpm).attest()[0], 200)
        status, reply = self.answer(ident)
        self.assertEqual((status, reply[1]), (504, "timeout"), reply)
        self.honest(d, body)

    def test_I13_a_worker_speaks_once(self):
        """A refusal, then the claims that would have passed; and claims before any question."""
        def twice(w, job, d):
            head = struct.pack(">IHHQ", 2, ERROR, 0, job) + struct.pack(">H", MALFORMED)
            w.raw(head + struct.pack(">IHHQ", len(d.ek_cert), CLAIMS, 0, job) + d.ek_cert)
        self.assertEqual(self.lie(twice)[0], 403)
        d, body = self.unlisted()
        early = self.worker()
        early.send(CLAIMS, 0, d.ek_cert)
        time.sleep(0.2)
        self.honest(d, body)

    def test_I13_one_workers_answer_is_not_anothers(self):
        first, second = self.unlisted(), self.unlisted()
        a, ident_a = self.worker(), None
        ident_a = self.post(first[1])
        _, job_a, _ = a.receive()
        b = self.worker()
        ident_b = self.post(second[1])
        _, job_b, _ = b.receive()
        self.assertNotEqual(job_a, job_b)
        a.send(CLAIMS, job_b, second[0].ek_cert)
        b.send(CLAIMS, job_a, first[0].ek_cert)
        for ident, (d, _) in ((ident_a, first), (ident_b, second)):
            self.assertEqual(self.answer(ident)[0], 503)
            self.unknown(d)

    # ---- logs ----

    def tuples(self, events):
        return b"".join(struct.pack(">BBIII", e.pcr, 1, e.kind, 0, 0) + e.digest for e in events)

    def appraisal(self, events=None, files=None, first=0, claims=()):
        wire = {6: [list(c) for c in claims]}
        if events is not None:
            wire.update({1: 0, 2: self.tuples(events)})
        if files is not None:
            wire.update({3: b"".join(struct.pack(">BBIII", 10, 1, 1, 0, 0) + f.template for f in files), 4: first, 5: b""})
        return enc(wire)

    def logged(self):
        """A device with logs that the policy would pass, and its message."""
        tpm = logs.Machine(files=3)
        pcrs = {i: sorted({v, self.world.tpm.pcrs[i]}) for i, v in tpm.pcrs.items() if i != 10}
        self.world.must("reference.set", msg(msg("good", int(time.time()), "model-a", pcrs, "test", 1700000000)))
        return self.world.listed(tpm)

    def with_logs(self, d, say, timeout=20):
        nonce = d.challenge("attest")
        parts = {9: d.tpm.log, 11: d.tpm.list_from(0), 12: 0}
        w = self.worker()
        ident = self.world.net.post("attested", "default", d.attested_body("attest", msg("test"), nonce, logs=parts))
        kind, job, payload = w.receive()
        self.assertEqual((kind, dec(payload)[1]), (EVIDENCE, "tpm"))
        say(w, job)
        status, reply = self.world.net.answer(ident, timeout)
        return status, dec(reply)

    def state(self, d):
        reply = dec(self.world.must("device.show", msg(d.tpm.device))[3])
        return reply["state"], reply["version"]

    def test_I13_what_a_worker_says_of_logs_is_replayed_by_core_and_a_lie_moves_nothing(self):
        d = self.logged()
        good, files = d.tpm.events, d.tpm.files
        other = logs.usual_boot(cmdline="init=/bin/sh")
        lies = [
            (self.appraisal(other, files), "log-does-not-replay"),
            (self.appraisal(good[1:], files), "log-does-not-replay"),
            (self.appraisal([], files), "log-does-not-replay"),
            (self.appraisal(good, files[1:]), "ima-does-not-replay"),
            (self.appraisal(good, []), "ima-does-not-replay"),
        ]
        before = self.state(d)
        for wire, name in lies:
            status, reply = self.with_logs(d, lambda w, job, wire=wire: w.send(CLAIMS, job, wire))
            self.assertEqual((status, reply[2].split(" ")[0]), (403, name), reply)
            self.assertEqual(self.state(d), before)
        status, reply = self.with_logs(d, lambda w, job: w.send(CLAIMS, job, self.appraisal(good, files)))
        self.assertEqual(status, 200, reply)

    def test_I12_nonsense_about_logs_is_a_workers_failure_and_no_verdict(self):
        d = self.logged()
        good, files = d.tpm.events, d.tpm.files
        nonsense = [
            b"", b"\xa0", os.urandom(500), self.appraisal(good, files)[:-1], self.appraisal(good, files) + b"\0",
            self.appraisal(good),                     # of one log, when both were sent
            self.appraisal(None, files),
            self.appraisal(good, files, first=3),     # of another part of the list
            self.appraisal(good, files, claims=[("attester.assurance", True, "hardware")]),  # of what a log cannot say
            self.appraisal(good, files, claims=[("ek.maker", True, "me")]),
            self.appraisal(good, files, claims=[("boot.no-such-claim", True, True)]),
        ]
        before = self.state(d)
        for wire in nonsense:
            status, reply = self.with_logs(d, lambda w, job, wire=wire: w.send(CLAIMS, job, wire))
            self.assertEqual((status, reply[1]), (503, "unavailable"), reply)
            self.assertEqual(self.state(d), before)
        status, reply = self.with_logs(d, lambda w, job: w.sock.close())
        self.assertEqual((status, reply[1]), (503, "unavailable"), reply)
        status, reply = self.with_logs(d, lambda w, job: None)
        self.assertEqual((status, reply[1]), (504, "timeout"), reply)
        self.assertEqual(self.state(d), before)
        status, reply = self.with_logs(d, lambda w, job: w.send(CLAIMS, job, self.appraisal(good, files)))
        self.assertEqual(status, 200, reply)

    def test_what_a_worker_says_of_unreadable_logs_reaches_the_device_harmless(self):
        d = self.logged()
        words = b"IMA list: entry 3: \n\x1b[31m" + b"x" * 100
        status, reply = self.with_logs(d, lambda w, job: w.send(ERROR, job, struct.pack(">H", MALFORMED) + words))
        self.assertEqual((status, reply[2].split(" ")[0]), (400, "log-malformed"), reply)
        self.assertNotIn("\x1b", reply[2])
        self.assertNotIn("\n", reply[2])

    def test_I10_what_is_no_worker_ends_the_set_and_nothing_is_lost(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        frames = [(WORKER, struct.pack(">I", 1), ()), (WORKER, b"123", (theirs,)), (7, b"1234", (theirs,)), (WORKER, b"1234", (theirs, ours))]
        for kind, payload, fds in frames:
            with self.subTest(kind=kind, n=len(fds)):
                self.frame(kind, payload, [s.fileno() for s in fds])
                with self.assertRaises(Ended):
                    self.world.net.chan.receive(20)
                self.restart()
                self.assertEqual(self.world.device(self.world.tpm).attest()[0], 200)
        for _ in range(200):  # more workers than an appraiser has
            try:
                self.worker()
            except OSError:
                break
        with self.assertRaises(Ended):
            self.world.net.chan.receive(20)
        self.restart()
        ours.close()
        theirs.close()


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

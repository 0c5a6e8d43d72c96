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
import muster_peer as peer
from muster_peer import dec, msg
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

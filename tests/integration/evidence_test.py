#!/usr/bin/python3
"""Boot logs and IMA lists at core: the real core, notary, keeper, tokens and appraiser, with this test as net and its devices. What
explains the quote is accepted, everything else is refused by name and moves nothing.
Usage: evidence_test.py BUILD [unittest arguments]"""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_logs as logs
import muster_peer as peer
from muster_peer import dec, enc, msg
from muster_world import World

LIBEXEC = MUSTER = BUILD = None
BOOT_LOG, BOOT_LOG_HASH, IMA, IMA_FROM = 9, 10, 11, 12
CAPS = {"evidence.boot_log_bytes": 65536, "evidence.boot_log_events": 200, "evidence.boot_log_event_bytes": 4096, "evidence.ima_bytes": 262144,
        "evidence.ima_entries": 1000, "evidence.keep_per_device": 4}


def verdict_of(reply):
    return dec(dec(dec(reply[1]).value[2])[7])


def compile_policy(text):
    run = subprocess.run([os.path.join(BUILD, "tests", "integration", "policyc")], input=text.encode(), capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


class EvidenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(LIBEXEC, MUSTER, start=False)
        with open(os.path.join(cls.world.deployment.dir, "musterd.yaml"), "a", encoding="utf-8") as f:
            f.write("evidence:\n" + "".join("  %s: %d\n" % (k.split(".")[1], v) for k, v in CAPS.items()))
        cls.world.start()
        cls.reference(logs.Machine())
        cls.policy()

    @classmethod
    def tearDownClass(cls):
        cls.world.remove()

    @classmethod
    def reference(cls, machine, name="good"):
        pcrs = {i: v for i, v in machine.pcrs.items() if i != 10}
        cls.world.must("reference.set", msg(deployment.reference(name, "model-a", pcrs, "test")))

    @classmethod
    def policy(cls):
        cls.world.must("policy.set", msg(cls.world.deployment.policy("good")))

    def setUp(self):
        if not all(self.world.roles.alive(r) for r in ("core", "keeper", "notary", "appraiser")):
            self.world.stop()
            self.world.start()

    def machine(self, files=3):
        return self.world.listed(logs.Machine(files=files))

    # ---- sending ----

    def send(self, device, logs_of, purpose="attest", request=None, **change):
        nonce = device.challenge(purpose)
        body = device.attested_body(purpose, request or msg("test"), nonce, logs=logs_of, **change)
        status, reply = self.world.net.ask("attested", device.tenant, body)
        return status, dec(reply)

    def whole(self, d):
        return {BOOT_LOG: d.tpm.log, IMA: d.tpm.list_from(0), IMA_FROM: 0}

    def passes(self, device, logs_of, **change):
        status, reply = self.send(device, logs_of, **change)
        self.assertEqual(status, 200, reply)
        v = verdict_of(reply)
        self.assertEqual((v[2], v[3]), ("pass", "trusted"), v)
        return v

    def row(self, device):
        reply = dec(self.world.must("device.show", msg(device.tpm.device))[3])
        return {k: reply.get(k) for k in ("state", "version", "outcome", "attested_s")}

    def refused(self, device, logs_of, name, status=None, **change):
        """By name, and nothing moves: the device's row is as before."""
        before = self.row(device)
        got, reply = self.send(device, logs_of, **change)
        self.assertGreaterEqual(got, 400, reply)
        self.assertIsInstance(reply[1], str)
        self.assertEqual(reply[2].split(" ")[0], name, reply)
        if status:
            self.assertEqual(got, status, reply)
        self.assertEqual(self.row(device), before)
        return reply[2]

    # ---- boot log ----

    def test_a_boot_log_that_explains_the_quote_is_accepted_and_logged(self):
        d = self.machine()
        status, reply = self.send(d, {BOOT_LOG: d.tpm.log})
        self.assertEqual(status, 200, reply)
        data = dec(reply[2])[14]
        self.assertEqual(data[8], peer.sha256(d.tpm.log))
        self.assertEqual(verdict_of(reply)[8], peer.sha256(d.tpm.log))

    def test_an_agent_without_logs_is_judged_as_before_and_told_nothing_new(self):
        d = self.machine()
        v = self.passes(d, None)
        self.assertEqual(set(v), set(range(1, 8)))

    def test_the_hash_of_an_accepted_boot_log_stands_for_it_in_this_boot_only(self):
        d = self.machine()
        self.passes(d, {BOOT_LOG: d.tpm.log})
        by_hash = {BOOT_LOG_HASH: peer.sha256(d.tpm.log)}
        v = self.passes(d, by_hash)
        self.assertEqual(v[8], by_hash[BOOT_LOG_HASH])
        self.passes(d, by_hash)
        self.refused(d, {BOOT_LOG_HASH: peer.sha256(b"another")}, "boot-log-resend", 409)
        d.tpm.boot(d.tpm.events)
        self.refused(d, by_hash, "boot-log-resend", 409)
        self.passes(d, {BOOT_LOG: d.tpm.log})

    def test_I8_the_hash_of_another_devices_boot_log_is_not_known_here(self):
        a, b = self.machine(), self.machine()
        self.passes(a, {BOOT_LOG: a.tpm.log})
        self.refused(b, {BOOT_LOG_HASH: peer.sha256(a.tpm.log)}, "boot-log-resend", 409)

    def test_I6_a_boot_log_that_leaves_a_pcr_unexplained_is_refused_and_says_which(self):
        d = self.machine()
        events = d.tpm.events

        def swapped(i, k):
            e = list(events)
            e[i], e[k] = e[k], e[i]
            return logs.boot_log(e)

        edited = [logs.Event(e.pcr, e.kind, e.data.replace(b"ro\0", b"rw\0")) for e in events]
        edited = [logs.Event(e.pcr, e.kind, e.data, None if b"rw" in e.data else o.digest) for e, o in zip(edited, events)]
        other = logs.usual_boot(cmdline="root=/dev/vda2 rw init=/bin/sh", loader=b"other shim")
        cases = [
            (logs.boot_log(edited), "pcr=8"),                             # an event's data and digest edited
            (swapped(1, 9), "pcr=7"),                                     # two events of one PCR the other way around
            (logs.boot_log(other), "pcr=4,8"),                            # of another machine
            (logs.boot_log(events[:-1]), "pcr=8"),                        # the last event left out
            (logs.boot_log([]), "pcr=0,1,2,3,4,5,6,7,8"),                 # nothing at all
            (logs.boot_log(events + [logs.Event(9, logs.IPL, b"initrd")]), "pcr=9"),
            (logs.boot_log(events + [logs.Event(10, logs.IPL, b"x")]), "pcr=10"),
            (logs.boot_log(events + [logs.Event(23, logs.IPL, b"x")]), "pcr=23"),  # of a PCR that no quote covers
        ]
        for log, where in cases:
            with self.subTest(where):
                self.assertIn(where, self.refused(d, {BOOT_LOG: log}, "log-does-not-replay", 403))
        self.passes(d, {BOOT_LOG: d.tpm.log})

    def test_I10_a_boot_log_that_cannot_be_read_is_refused_by_name(self):
        d = self.machine()
        log = d.tpm.log
        for bad in (log[:-1], log + b"\1", log[:40], b"\0", b"\xff" * 64, os.urandom(4096)):
            with self.subTest(n=len(bad)):
                self.assertIn("boot log", self.refused(d, {BOOT_LOG: bad}, "log-malformed", 400))

    def test_each_cap_is_named_when_it_is_hit(self):
        d = self.machine()
        many = [logs.Event(5, logs.IPL, b"x") for _ in range(201)]
        big = [logs.Event(5, logs.IPL, bytes(5000))]
        cases = [
            ({BOOT_LOG: bytes(65537)}, "evidence.boot_log_bytes"),
            ({BOOT_LOG: logs.boot_log(many)}, "evidence.boot_log_events"),
            ({BOOT_LOG: logs.boot_log(big)}, "evidence.boot_log_event_bytes"),
            ({IMA: bytes(262145), IMA_FROM: 0}, "evidence.ima_bytes"),
            ({IMA: logs.ima_list([logs.File("/x", b"")] * 1001), IMA_FROM: 0}, "evidence.ima_entries"),
        ]
        for parts, key in cases:
            with self.subTest(key):
                self.assertIn(key, self.refused(d, parts, "log-too-big", 413))

    def test_I10_members_that_contradict_each_other_are_malformed(self):
        d = self.machine()
        for parts in ({BOOT_LOG: d.tpm.log, BOOT_LOG_HASH: bytes(32)}, {IMA: b""}, {IMA_FROM: 0}, {13: b""}, {BOOT_LOG: b""}):
            status, reply = self.send(d, parts)
            self.assertEqual((status, reply[1]), (400, "malformed"), (parts.keys(), reply))

    # ---- IMA ----

    def test_an_ima_list_is_sent_once_and_then_by_its_tail(self):
        d = self.machine(files=20)
        v = self.passes(d, self.whole(d))
        self.assertEqual(v[9], 21)
        d.tpm.run(3)
        tail = {BOOT_LOG_HASH: peer.sha256(d.tpm.log), IMA: d.tpm.list_from(21), IMA_FROM: 21}
        self.assertEqual(self.passes(d, tail)[9], 24)
        nothing = {BOOT_LOG_HASH: peer.sha256(d.tpm.log), IMA: b"", IMA_FROM: 24}
        time.sleep(0.5)
        workers = self.workers()
        self.assertEqual(self.passes(d, nothing)[9], 24)
        self.assertEqual(self.workers(), workers)  # there was nothing to read
        d.tpm.run(1)
        self.refused(d, nothing, "ima-does-not-replay", 403)

    def test_a_list_that_grew_after_the_quote_is_accepted_up_to_the_quote(self):
        d = self.machine(files=5)
        grown = logs.ima_list(d.tpm.files + [logs.File("/late-%d" % i, b"") for i in range(3)])
        self.assertEqual(self.passes(d, {IMA: grown, IMA_FROM: 0})[9], 6)
        d.tpm.execute("/late-0", b"")
        self.assertEqual(self.passes(d, {IMA: d.tpm.list_from(6), IMA_FROM: 6})[9], 7)

    def test_I6_a_list_that_does_not_lead_to_the_quoted_pcr_10_is_refused(self):
        d = self.machine(files=5)
        files = d.tpm.files
        cases = [files[:-1], files[:2] + files[3:], files[:2] + [files[3], files[2]] + files[4:], files[1:], [],
                 files[:3] + [logs.File("/usr/bin/tool-2", b"evil")] + files[4:]]
        for bad in cases:
            self.refused(d, {IMA: logs.ima_list(bad), IMA_FROM: 0}, "ima-does-not-replay", 403)
        self.passes(d, self.whole(d))

    def test_I6_a_tail_goes_on_exactly_where_the_list_stood(self):
        d = self.machine(files=5)
        self.refused(d, {IMA: d.tpm.list_from(3), IMA_FROM: 3}, "ima-resend", 409)  # nothing was sent before
        self.passes(d, self.whole(d))
        d.tpm.run(4)
        self.refused(d, {IMA: d.tpm.list_from(7), IMA_FROM: 7}, "ima-resend", 409)  # a gap
        self.refused(d, {IMA: d.tpm.list_from(5), IMA_FROM: 5}, "ima-resend", 409)  # from before it
        self.refused(d, {IMA: d.tpm.list_from(7), IMA_FROM: 6}, "ima-does-not-replay", 403)  # a gap that is not said
        self.passes(d, {IMA: d.tpm.list_from(6), IMA_FROM: 6})

    def test_I6_a_tail_of_another_boot_is_not_taken(self):
        d = self.machine(files=5)
        self.passes(d, self.whole(d))
        d.tpm.boot(d.tpm.events)
        d.tpm.run(8)
        self.refused(d, {IMA: d.tpm.list_from(6), IMA_FROM: 6}, "ima-resend", 409)
        self.passes(d, self.whole(d))

    def test_I6_a_list_whose_first_entry_is_of_another_boot_is_refused(self):
        d = self.machine()
        d.tpm.files = [logs.aggregate({i: bytes(32) for i in range(10)} | {0: b"\1" * 32})] + d.tpm.files[1:]
        d.tpm.pcrs[10] = logs.ima_pcr(d.tpm.files)
        self.refused(d, {IMA: d.tpm.list_from(0), IMA_FROM: 0}, "ima-boot-aggregate", 403)

    def test_a_changed_policy_or_reference_set_has_the_whole_list_judged_again(self):
        self.files_policy()
        try:
            d = self.machine(files=5)
            self.passes(d, self.whole(d))
            d.tpm.run(1)
            self.passes(d, {IMA: d.tpm.list_from(6), IMA_FROM: 6})
            self.file_reference(version=self.next_version())
            d.tpm.run(1)
            self.refused(d, {IMA: d.tpm.list_from(7), IMA_FROM: 7}, "ima-resend", 409)
            self.passes(d, self.whole(d))
        finally:
            self.policy()

    def file_reference(self, version=1, count=40):
        names = ["/usr/bin/tool-%d" % i for i in range(1, count)] + ["version-%d" % version]
        files = []
        for path in sorted(n.encode() for n in names):
            files += [path, b"\x04\x00" + peer.sha256(b"good")]
        object_ = enc({1: "files", 2: version, 3: "model-a", 4: {}, 5: "test", 6: 1700000000, 11: files})
        self.world.must("reference.set", msg(object_))

    def files_policy(self):
        self.file_reference(version=self.next_version())
        self.world.must("policy.set", msg(compile_policy("""
version: 1
name: files
attest:
  ima: required
  rules:
    - name: base
      match: {models: [model-a]}
      require:
        pcrs: [0, 2, 4, 7]
        references: [good]
        files: {references: [files], unknown: fail}
""")))

    versions = 0

    def next_version(self):
        EvidenceTest.versions += 1
        return EvidenceTest.versions

    def test_I6_an_unlisted_file_fails_and_its_device_shows_the_whole_list_before_it_passes_again(self):
        self.files_policy()
        try:
            d = self.machine(files=5)
            self.passes(d, self.whole(d))
            before = dict(d.tpm.pcrs), list(d.tpm.files)
            d.tpm.execute("/tmp/evil", b"evil")
            status, reply = self.send(d, {IMA: d.tpm.list_from(6), IMA_FROM: 6})
            self.assertEqual(status, 403)
            v = verdict_of(reply)
            self.assertEqual((v[2], v[3], v[9]), ("fail", "quarantined", 0), v)
            self.assertTrue(any("file-unknown" in r and "/tmp/evil" in r for r in v[6]), v[6])
            self.world.must("device.release", msg(d.tpm.device, "looked at"))
            d.tpm.run(1)
            self.refused(d, {IMA: d.tpm.list_from(7), IMA_FROM: 7}, "ima-resend", 409)  # the bad one is not forgotten
            self.assertEqual(verdict_of(self.send(d, self.whole(d))[1])[2], "fail")
            self.world.must("device.release", msg(d.tpm.device, "booted anew"))
            d.tpm.boot(d.tpm.events)
            self.passes(d, self.whole(d))
            self.assertNotEqual(before[0][10], d.tpm.pcrs[10])
        finally:
            self.policy()

    # ---- required ----

    def test_I6_missing_logs_are_a_refusal_by_name_when_the_policy_wants_them(self):
        self.world.must("policy.set", msg(compile_policy("""
version: 1
name: strict
attest:
  boot_log: required
  ima: required
  rules:
    - name: base
      match: {models: [model-a]}
      require: {pcrs: [0, 2, 4, 7], references: [good]}
""")))
        try:
            d = self.machine()
            cases = [(None, "boot-log-missing"), ({IMA: d.tpm.list_from(0), IMA_FROM: 0}, "boot-log-missing"), ({BOOT_LOG: d.tpm.log}, "ima-missing")]
            for parts, reason in cases:
                status, reply = self.send(d, parts)
                self.assertEqual(status, 403, reply)
                v = verdict_of(reply)
                self.assertEqual((v[2], v[3]), ("deny", "enrolled"), v)
                self.assertTrue(any(r.startswith(reason) for r in v[6]), v[6])
            self.passes(d, self.whole(d))
            self.assertEqual(self.send(d, None)[0], 403)
            self.assertEqual(self.row(d)["state"], "trusted")
        finally:
            self.policy()

    def test_claims_of_a_boot_log_are_judged_and_of_another_log_they_are_not(self):
        self.world.must("policy.set", msg(compile_policy("""
version: 1
name: claims
attest:
  boot_log: required
  rules:
    - name: base
      match: {models: [model-a]}
      require:
        claims:
          - {claim: boot.secure-boot, is: true}
""")))
        try:
            d = self.machine()
            self.passes(d, {BOOT_LOG: d.tpm.log})
            self.passes(d, {BOOT_LOG_HASH: peer.sha256(d.tpm.log)})
            off = self.world.listed(logs.Machine(logs.usual_boot(secure=False)))
            status, reply = self.send(off, {BOOT_LOG: off.tpm.log})
            self.assertEqual((status, verdict_of(reply)[2]), (403, "fail"))
            self.assertTrue(any(r.startswith("claim-mismatch") for r in verdict_of(reply)[6]))
        finally:
            self.policy()

    # ---- workers ----

    def workers(self):
        children = open("/proc/%d/task/%d/children" % ((self.world.roles.procs["appraiser"].pid,) * 2)).read().split()
        return sorted(int(c) for c in children)

    def test_I6_unauthentic_evidence_burns_no_worker(self):
        d = self.machine()
        self.passes(d, None)
        time.sleep(0.5)
        before = self.workers()
        self.assertGreater(len(before), 0)
        junk = {BOOT_LOG: os.urandom(30000), IMA: os.urandom(30000), IMA_FROM: 0}
        for change in ({"extra": bytes(32)}, {"magic": 1}, {"clock": 1}, {"exporter": bytes(32)}, {"mask": 0xFF}, {"reset_count": 0}):
            status, _ = self.send(d, junk, **change)
            self.assertGreaterEqual(status, 400)
        nonce = d.challenge("attest")
        self.world.net.ask("attested", "default", d.attested_body("attest", msg("test"), nonce))
        status, reply = self.world.net.ask("attested", "default", d.attested_body("attest", msg("test"), nonce, logs=junk))  # used before
        self.assertGreaterEqual(status, 400)
        stranger = peer.Device(d.root, d.ask, d.exporter, tpm=logs.Machine())
        self.assertGreaterEqual(self.send(stranger, junk)[0], 400)
        self.assertEqual(self.workers(), before)
        self.send(d, junk)
        time.sleep(0.5)
        self.assertNotEqual(self.workers(), before)  # the control: authentic evidence has one read it

    def test_I12_a_killed_worker_is_no_verdict(self):
        d = self.machine(files=5)
        for pid in self.workers():
            os.kill(pid, signal.SIGSTOP)
        before = self.row(d)
        nonce = d.challenge("attest")
        ident = self.world.net.post("attested", "default", d.attested_body("attest", msg("test"), nonce, logs=self.whole(d)))
        time.sleep(0.3)
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)
        status, reply = self.world.net.answer(ident)
        self.assertEqual((status, dec(reply)[1]), (503, "unavailable"), dec(reply))
        self.assertEqual(self.row(d), before)
        self.passes(d, self.whole(d))

    # ---- purposes ----

    def test_logs_go_with_every_purpose(self):
        d = self.machine()
        nonce = d.challenge("identity")
        body = d.attested_body("identity", d.identity_request(nonce), nonce, logs=self.whole(d))
        status, reply = self.world.net.ask("attested", "default", body)
        self.assertEqual(status, 200, dec(reply))
        self.assertEqual(dec(dec(reply)[4])[5], "cert.issue")

    def test_I7_evidence_with_logs_works_once(self):
        d = self.machine()
        nonce = d.challenge("attest")
        body = d.attested_body("attest", msg("test"), nonce, logs=self.whole(d))
        idents = [self.world.net.post("attested", "default", body) for _ in range(8)]
        statuses = [self.world.net.answer(i)[0] for i in idents]
        self.assertEqual(statuses.count(200), 1, statuses)

    # ---- what is recorded ----

    def get(self, operation, *args):
        return dec(self.world.must(operation, msg(*args))[3])

    def test_evidence_is_kept_whole_and_as_many_pieces_as_the_configuration_says(self):
        d = self.machine(files=5)
        v = self.passes(d, self.whole(d))
        got = self.get("evidence.get", d.tpm.device)
        self.assertEqual((got["boot_log"], got["ima"], got["ima_from"], got["ima_used"]), (d.tpm.log, d.tpm.list_from(0), 0, 6))
        self.assertEqual((got["outcome"], got["device"], got["reference"]), ("pass", d.tpm.device, "good"))
        self.assertEqual(got["policy_id"], v[7].hex())
        self.assertEqual(got["ak"], d.tpm.ak_public)
        for _ in range(6):
            self.passes(d, {BOOT_LOG_HASH: peer.sha256(d.tpm.log), IMA: b"", IMA_FROM: 6})
        rows = self.get("evidence.list", None, None, d.tpm.device)["rows"]
        self.assertEqual(len(rows), CAPS["evidence.keep_per_device"])
        self.assertEqual([r["time_s"] for r in rows], sorted(r["time_s"] for r in rows))
        last = self.get("evidence.get", rows[-1]["id"])
        self.assertEqual(last["boot_log"], d.tpm.log)  # shared by those that were sent by its hash, and still there
        self.assertEqual(last["ima"], b"")
        status, reply = self.world.op("evidence.get", msg("99999999"))
        self.assertEqual(status, 404, reply)

    def test_evidence_lists_by_pages_and_by_time(self):
        d = self.machine()
        for _ in range(3):
            self.passes(d, None)
        page = self.get("evidence.list", None, 2, d.tpm.device)
        self.assertEqual(len(page["rows"]), 2)
        rest = self.get("evidence.list", page["next"], 2, d.tpm.device)
        self.assertEqual((len(rest["rows"]), rest["next"]), (1, ""))
        self.assertEqual(self.get("evidence.list", None, 100, d.tpm.device, int(time.time()) + 100)["rows"], [])

    def test_I8_recorded_evidence_is_of_its_tenant_only(self):
        d = self.machine()
        self.passes(d, {BOOT_LOG: d.tpm.log})
        ident = self.get("evidence.list", None, None, d.tpm.device)["rows"][0]["id"]
        stranger = peer.Operator(self.world.root, self.world.net.ask, self.world.deployment.operator_key(), tenant="other")
        for name in (ident, d.tpm.device, d.name):
            status, reply = stranger.do("evidence.get", msg(name), int(time.time()), sequence=time.time_ns() // 1000)
            self.assertEqual(status, 404, reply)
        status, reply = stranger.do("evidence.list", msg(None, None), int(time.time()), sequence=time.time_ns() // 1000)
        self.assertEqual(dec(reply[3])["rows"], [])

    # ---- on demand ----

    def test_an_operator_asks_for_evidence_and_only_the_device_hears_of_it(self):
        d = self.machine()
        self.passes(d, None)
        transcript = bytes.fromhex(self.get("device.show", d.tpm.device)["transcript_sha256"])
        d.challenge("attest")
        self.assertEqual(set(d.last_challenge), {1, 2, 3})
        d.challenge("attest", d.tpm.device, transcript)
        self.assertEqual((d.last_challenge[5], d.last_challenge[6]), (False, 300))
        self.world.must("device.attest-now", msg(d.tpm.device, "curious"))
        d.challenge("attest", d.tpm.device, bytes(32))
        self.assertEqual(set(d.last_challenge), {1, 2, 3})
        self.world.stop()
        self.world.start()  # it is durable
        d = self.world.device(d.tpm)
        d.challenge("attest", d.tpm.device, transcript)
        self.assertTrue(d.last_challenge[5])
        self.passes(d, None)
        d.challenge("attest", d.tpm.device, transcript)
        self.assertFalse(d.last_challenge[5])

    # ---- large reference sets ----

    def test_a_reference_set_in_parts_is_used_and_a_part_is_read_through_its_set_only(self):
        paths = sorted(b"/usr/bin/tool-%d" % i for i in range(1, 3000))
        rows = []
        for p in paths:
            rows += [p, b"\x04\x00" + peer.sha256(b"good")]
        half = len(rows) // 4 * 2
        parts = [enc(rows[:half]), enc(rows[half:])]
        ids = [dec(self.world.must("reference.part", msg(p))[3])["id"] for p in parts]
        self.assertEqual(ids, [peer.sha256(p).hex() for p in parts])
        counts = [half // 2, (len(rows) - half) // 2]
        header = enc({1: "large", 2: 1, 3: "model-a", 4: {}, 5: "test", 6: 1700000000,
                      12: [[peer.sha256(p), len(p), n] for p, n in zip(parts, counts)]})
        self.world.must("reference.set", msg(header))
        row = [r for r in self.get("reference.list", None, None)["rows"] if r["name"] == "large"][0]
        self.assertEqual(row["files"], len(paths))
        self.assertEqual(self.get("reference.part.get", "large/" + ids[0])["object"], parts[0])
        for name in ("good/" + ids[0], "large/" + "00" * 32, "none/" + ids[0]):
            self.assertEqual(self.world.op("reference.part.get", msg(name))[0], 404)
        missing = enc({1: "lacks", 2: 1, 3: "model-a", 4: {}, 5: "test", 6: 1700000000, 12: [[bytes(32), 10, 1]]})
        self.assertGreaterEqual(self.world.op("reference.set", msg(missing))[0], 400)
        self.assertGreaterEqual(self.world.op("reference.part", msg(b"junk"))[0], 400)

    def test_zz_I3_replay_finds_what_the_log_says_with_logs_and_records_in_the_store(self):
        d = self.machine(files=5)
        self.passes(d, self.whole(d))
        d.tpm.run(2)
        self.passes(d, {BOOT_LOG_HASH: peer.sha256(d.tpm.log), IMA: d.tpm.list_from(6), IMA_FROM: 6})
        self.world.must("device.attest-now", msg(d.tpm.device))
        self.world.stop()
        store = os.path.join(self.world.roles.state, "core", "store.db")
        run = subprocess.run([MUSTER, "audit", "replay", "--store", store], capture_output=True, text=True, check=False)
        self.world.start()
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

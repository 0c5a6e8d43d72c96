#!/usr/bin/python3
"""I15 on the real roles: their wall clock is moved, before a start and under way, by a preloaded shim.
Usage: clock_test.py BUILD-DIRECTORY [unittest arguments]"""
import os
import shutil
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_peer as peer
from muster_peer import dec, msg
from muster_world import World

LIBEXEC = MUSTER = SHIM = None


class ClockTest(unittest.TestCase):
    def setUp(self):
        self.world = World(LIBEXEC, MUSTER, env={"LD_PRELOAD": SHIM, "CLOCKSHIM_FILE": "/dev/null"}, start=False)
        self.file = os.path.join(self.world.deployment.home, "clock")
        self.set(0)
        self.world.env = {"LD_PRELOAD": SHIM, "CLOCKSHIM_FILE": self.file,
                          "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.device = self.world.begin()

    def tearDown(self):
        self.world.remove()

    def set(self, seconds):
        self.offset = seconds
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as f:
            f.write(struct.pack("=q", seconds))

    def now(self):
        return int(time.time()) + self.offset

    def said(self):
        """What core says the time is, in a signed challenge."""
        self.device.challenge("attest")
        return self.device.last_challenge[3]

    def refused_for_the_clock(self):
        nonce = self.device.challenge("attest")
        status, reply = self.world.net.ask("attested", "default", self.device.attested_body("attest", msg("test"), nonce))
        self.assertEqual((status, dec(reply)[1]), (503, "clock"))

    def test_I15_a_jump_stops_grants_and_not_refusals_and_time_never_goes_back(self):
        self.assertEqual(self.device.attest()[0], 200)
        before = self.said()
        for jump in (1000, -1000, 86400 * 365, -86400 * 365):
            self.set(jump)
            self.assertGreaterEqual(self.said(), before)
            self.assertLess(self.said(), before + 120)
            before = self.said()
            self.refused_for_the_clock()
            nonce = self.device.challenge("attest")
            body = dec(self.device.attested_body("attest", msg("test"), nonce))
            body[6] = body[6][:-1] + bytes([body[6][-1] ^ 1])
            self.assertGreaterEqual(self.world.net.ask("attested", "default", peer.enc(body))[0], 400)
            status, reply = self.world.op("secret.put", self.world.operator.put_args("late", "model=model-a", b"x"))
            self.assertEqual((status, reply[1]), (503, "clock"))
        status, reply = self.world.op("device.quarantine", msg(self.device.tpm.device, "in the middle of a jump"))
        self.assertEqual(status, 200, reply)
        self.set(0)
        self.assertEqual(self.device.attest()[0], 403)  # quarantined
        self.assertEqual(self.world.op("device.release", msg(self.device.tpm.device, "the clock is right"))[0], 200)
        self.assertEqual(self.device.attest()[0], 200)

    def test_I15_five_minutes_off_is_within_what_is_borne(self):
        for off in (290, -290):
            self.set(off)
            self.assertEqual(self.device.attest()[0], 200)

    def test_I15_a_start_before_the_last_entry_grants_nothing_until_the_clock_is_right(self):
        self.world.stop()
        self.set(500)
        self.device = self.world.begin_again()
        self.assertEqual(self.device.attest()[0], 200)
        last = self.said()
        self.world.stop()
        self.set(0)
        self.device = self.world.begin_again()
        self.assertGreaterEqual(self.said(), last)
        self.refused_for_the_clock()
        self.set(500)
        self.assertGreaterEqual(self.said(), last)
        self.assertEqual(self.device.attest()[0], 200)

    def test_I15_a_start_long_before_the_last_entry_is_refused_with_the_reason(self):
        self.world.stop()
        self.set(7200)
        self.device = self.world.begin_again()
        self.assertEqual(self.device.attest()[0], 200)
        last = self.said()
        self.world.stop()
        self.set(0)
        with self.assertRaises(RuntimeError) as refused:
            self.world.start()
        self.assertIn("rc=clock the wall clock is", str(refused.exception))
        self.set(7200)
        self.device = self.world.begin_again()
        self.assertGreaterEqual(self.said(), last)
        self.assertEqual(self.device.attest()[0], 200)

    def test_I15_an_old_nonce_stays_old_when_the_clock_goes_back(self):
        nonce = self.device.challenge("attest")
        body = self.device.attested_body("attest", msg("test"), nonce)
        self.assertEqual(self.world.net.ask("attested", "default", body)[0], 200)
        self.set(-200)
        status, reply = self.world.net.ask("attested", "default", body)
        self.assertEqual((status, dec(reply)[1]), (403, "replayed"))


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    SHIM = os.path.join(BUILD, "tests", "libclockshim.so")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

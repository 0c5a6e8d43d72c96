#!/usr/bin/python3
"""A full disk: requests are refused with a clear code, nothing is half done, and with space it goes on.
Usage: disk_test.py BUILD-DIRECTORY [unittest arguments]; needs root (it mounts small file systems)."""
import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_log
from muster_peer import dec, msg
from muster_roles import Ended
from muster_world import World

LIBEXEC = MUSTER = None
SIZE = "16m"


def mount(path):
    """A small file system in the place of a directory, with what was in it; False where that may not be done."""
    kept = path + ".kept"
    os.rename(path, kept)
    os.mkdir(path, 0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + SIZE + ",mode=0700", "tmpfs", path], capture_output=True, check=False).returncode != 0:
        os.rmdir(path)
        os.rename(kept, path)
        return False
    shutil.copytree(kept, path, dirs_exist_ok=True)
    return True


def fill(path):
    name = os.path.join(path, "filler")
    with open(name, "ab", 0) as f:
        for piece in (1 << 16, 4096, 512, 1):
            try:
                while True:
                    f.write(bytes(piece))
            except OSError:
                pass
    return name


class DiskTest(unittest.TestCase):
    def setUp(self):
        self.world, self.mounted = World(LIBEXEC, MUSTER, start=False), []
        self.addCleanup(self.clean)
        state = os.path.join(self.world.deployment.dir, "state")
        self.mounted = [p for p in (os.path.join(state, "core"), os.path.join(state, "notary")) if mount(p)]
        if len(self.mounted) != 2:
            self.skipTest("no file system can be mounted here")
        self.core, self.notary = self.mounted
        self.world.begin()
        self.log, self.acks = muster_log.Log(), []

    def clean(self):
        self.world.stop()
        for path in self.mounted:
            subprocess.run(["umount", path], check=False)
        self.world.remove()

    def ask(self, body):
        status, reply = self.world.net.ask("attested", "default", body)
        form = dec(reply)
        if status == 200:
            self.acks.append((form[2], form[3]))
        return status, form

    def attest(self):
        d = self.world.device(self.world.tpm)
        return self.ask(d.attested_body("attest", msg("test"), d.challenge("attest")))

    def agree(self):
        """Log, state and acknowledgements; the exported log follows."""
        end = time.monotonic() + 20
        checkpoint = os.path.join(self.core, "log", "checkpoint")
        while True:
            with open(checkpoint, "rb") as f:
                note = f.read()
            self.log.read(os.path.join(self.core, "store.db"))
            size, _ = self.log.checkpoint(note, self.world.root)
            if size == len(self.log.entries) or time.monotonic() > end:
                break
            time.sleep(0.1)
        for entry, ticket in self.acks:
            self.assertLess(self.log.ticket(entry, ticket, self.world.root)[0], size)
        for args in (["replay", "--store", os.path.join(self.core, "store.db")],
                     ["verify", os.path.join(self.core, "log"), "--root", self.world.deployment.root]):
            run = subprocess.run([MUSTER, "audit", *args], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def refused_until_space(self, *full):
        """Full disks: refused by code, the role goes on, and so does the device once there is space."""
        self.assertEqual(self.attest()[0], 200)
        fillers = [fill(p) for p in full]
        replies = []
        for _ in range(300):  # what is allotted already may still be used up
            replies.append(self.attest())
            if replies[-1][0] != 200:
                break
        self.assertEqual((replies[-1][0], replies[-1][1][1]), (503, "io"))
        before = len(self.acks)
        for _ in range(5):
            status, reply = self.attest()
            self.assertEqual((status, reply[1]), (503, "io"))
        operator = self.world.operator
        status, reply = self.world.op("secret.put", operator.put_args("full", "model=model-a", os.urandom(2000)))
        self.assertEqual((status, reply[1]), (503, "io"))
        self.assertEqual(len(self.acks), before)
        for f in fillers:
            os.unlink(f)
        end = time.monotonic() + 20
        while self.attest()[0] != 200:
            self.assertLess(time.monotonic(), end, "it does not go on")
            time.sleep(0.1)
        d = self.world.device(self.world.tpm)
        self.assertEqual(d.secret("full")[0], 403)  # the put that was refused left nothing to release
        self.world.must("secret.put", operator.put_args("full", "model=model-a", b"value"))
        status, reply, nonce = d.secret("full")
        self.assertEqual((status, d.open_secret(reply, nonce)), (200, b"value"))
        self.agree()

    def test_a_full_disk_under_core_refuses_with_io_and_nothing_is_half_done(self):
        self.refused_until_space(self.core)
        self.assertTrue(all(self.world.roles.alive(r) for r in ("core", "notary", "keeper")))

    def test_a_full_disk_under_notary_refuses_with_io_and_nothing_is_half_done(self):
        self.refused_until_space(self.notary)
        self.assertTrue(all(self.world.roles.alive(r) for r in ("core", "notary", "keeper")))

    def test_both_full_then_killed_then_started_with_space_agree(self):
        fillers = [fill(self.core), fill(self.notary)]
        try:
            for _ in range(60):
                if self.attest()[0] != 200:
                    break
        except Ended:
            pass
        for p in self.world.roles.procs.values():
            p.kill()
        self.world.stop()
        for f in fillers:
            os.unlink(f)
        self.world.begin_again()
        self.assertEqual(self.attest()[0], 200)
        self.agree()


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

#!/usr/bin/python3
"""I9: a random secret is put and released again and again while the memory of the server's processes is read: net, core and
appraiser never hold it, nor do logs, files, arguments or environments. A process that does hold it is found.
Usage: memory_test.py BUILD-DIRECTORY [unittest arguments]; needs root (it reads other processes)."""
import base64
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_peer as peer
from muster_server import Server, status

LIBEXEC = MUSTERD = MUSTER = None
SECONDS = 8
HOLDER = """
import base64, sys
canary = sys.stdin.buffer.read(32)
forms = [canary + b"", canary.hex(), canary.hex().upper(), base64.b64encode(b"x" + canary), base64.urlsafe_b64encode(b"xy" + canary)]
print("holds", flush=True)
sys.stdin.buffer.read()
"""


def needles(canary):
    """Name of a form -> the bytes to look for; base64 at each of the three places that the secret can begin at."""
    out = {"raw": canary, "hex": canary.hex().encode(), "HEX": canary.hex().upper().encode()}
    for shift in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            text = encode(bytes(shift) + canary + bytes(3))
            out["%s+%d" % (name, shift)] = text[(shift * 8 + 5) // 6:(shift + len(canary)) * 8 // 6]
    return out


def memory(pid):
    """Each readable piece of a process's memory."""
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            where, mode = line.split()[:2]
            begin, end = (int(x, 16) for x in where.split("-"))
            if mode[0] != "r" or "[vvar" in line or "[vsyscall]" in line:
                continue
            overlap = b""
            for at in range(begin, end, 1 << 24):
                try:
                    mem.seek(at)
                    piece = mem.read(min(1 << 24, end - at))
                except OSError:
                    break
                yield overlap + piece
                overlap = piece[-128:]


def found_in_memory(pid, forms):
    out = set()
    try:
        for piece in memory(pid):
            out.update(name for name, n in forms.items() if n in piece)
    except (FileNotFoundError, ProcessLookupError):
        pass  # a worker that is gone
    return out


@unittest.skipUnless(os.geteuid() == 0, "needs root: it reads the memory of processes that do not let themselves be read")
class MemoryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(LIBEXEC, MUSTERD, MUSTER)
        cls.tpm, cls.key = cls.server.prepare()
        cls.canary = os.urandom(32)
        cls.forms = needles(cls.canary)

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def work(self):
        """Puts and releases until told to stop; what went wrong is in self.trouble."""
        line = self.server.connect()
        operator, device = peer.Operator(self.server.root, line.ask, self.key), self.server.device(line, self.tpm)
        try:
            while not self.enough.is_set():
                self.server.must(operator, "secret.put", operator.put_args("canary", "model=model-a", self.canary))
                code, reply, nonce = device.secret("canary")
                if code != 200 or device.open_secret(reply, nonce) != self.canary:
                    raise AssertionError((code, reply))
                self.rounds += 1
        except Exception as e:  # noqa: B902: reported by the test
            self.trouble.append(repr(e))
        finally:
            line.close()

    def cli(self):
        """The command line's own put, from its standard input."""
        client = os.path.join(self.server.deployment.dir, "client")
        return subprocess.run([MUSTER, "secret", "put", "canary-cli", "--for", "model=model-a", "--deployment", client, "--passphrase-file",
                               os.path.join(client, "passphrase")], input=self.canary, capture_output=True, check=False)

    def scan(self, pids, forms):
        out = {}
        for pid in pids:
            try:
                name = status(pid)["Name"]
            except OSError:
                continue
            out.setdefault(name, set()).update(found_in_memory(pid, forms))
        return out

    def test_I9_the_secret_is_in_no_memory_of_net_core_and_appraiser_and_the_control_is_found(self):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdin.write(self.canary)
        holder.stdin.flush()
        self.assertEqual(holder.stdout.readline(), b"holds\n")
        self.enough, self.rounds, self.trouble = threading.Event(), 0, []
        worker = threading.Thread(target=self.work)
        worker.start()
        seen, scans, end = {}, 0, time.monotonic() + SECONDS
        try:
            while scans < 3 or (time.monotonic() < end and worker.is_alive()):
                for name, forms in self.scan(self.server.everyone(), self.forms).items():
                    seen.setdefault(name, set()).update(forms)
                scans += 1
        finally:
            self.enough.set()
            worker.join(60)
        run = self.cli()
        time.sleep(0.5)
        after = self.scan(self.server.everyone(), self.forms)
        for name, forms in after.items():
            seen.setdefault(name, set()).update(forms)
        control = found_in_memory(holder.pid, self.forms)
        holder.stdin.close()
        holder.wait(10)
        print("%d scans over %d puts and releases; keeper: %s and %s afterwards, token: %s" % (
            scans, self.rounds, sorted(seen["muster-keeper"]), sorted(after["muster-keeper"]), sorted(seen["muster-token"])), flush=True)
        self.assertEqual((self.trouble, run.returncode), ([], 0), run.stderr)
        self.assertGreater(self.rounds, 1)
        self.assertLessEqual({"raw", "hex", "HEX", "base64+1", "base64url+2"}, control)
        for name in ("musterd", "muster-net", "muster-core", "muster-notary", "muster-apprais"):
            hits = [forms for n, forms in seen.items() if n.startswith(name)]
            self.assertTrue(hits, (name, seen.keys()))
            self.assertEqual(set().union(*hits), set(), name)

    def test_I9_the_secret_is_in_no_log_file_argument_or_environment(self):
        self.enough, self.rounds, self.trouble = threading.Event(), 0, []
        worker = threading.Thread(target=self.work)
        worker.start()
        texts = {}
        while self.rounds < 3 and worker.is_alive():
            for pid in self.server.everyone():
                for what in ("cmdline", "environ", "status", "comm"):
                    try:
                        with open("/proc/%d/%s" % (pid, what), "rb") as f:
                            texts[(pid, what)] = f.read()
                    except OSError:
                        pass
        self.enough.set()
        worker.join(60)
        self.assertEqual(self.trouble, [])
        time.sleep(1.5)  # the export follows
        for top in (self.server.deployment.home,):
            for at, _, names in os.walk(top):
                for name in names:
                    with open(os.path.join(at, name), "rb") as f:
                        texts[os.path.join(at, name)] = f.read()
        self.assertTrue(any("tile/entries" in str(k) for k in texts) and any("store.db" in str(k) for k in texts))
        for where, data in texts.items():
            for form, needle in self.forms.items():
                self.assertNotIn(needle, data, "%s in %s" % (form, where))
        self.assertEqual([n for n in os.listdir("/") if n.startswith("core")], [])


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    MUSTERD = os.path.join(BUILD, "src", "server", "supervisor", "musterd")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

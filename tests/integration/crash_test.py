#!/usr/bin/python3
"""What is acknowledged survives: the real roles under load, killed at seeded points, with a shim under core and notary that
drops all that was not synced. After each restart log, state and acknowledgements must agree.
Usage: crash_test.py BUILD-DIRECTORY [unittest arguments]; $MUSTER_CRASH_POINTS points for each role (long run).
The programs must be built with -Dshim=true."""
import os
import queue
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from cryptography import x509

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
import muster_log
import muster_peer as peer
from muster_peer import dec, msg
from muster_roles import Ended, Net, Roles, read_config

LIBEXEC = MUSTER = SHIM = None
ROLES = ("core", "notary", "keeper", "token-notary", "token-keeper", "appraiser")
DROPCRASH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "dropcrash")
ENTRY_KEYS = {"attested": ((2, 3), (4, 5)), "enroll/finish": ((5, 6),), "op": ((5, 6),)}


Loss = muster_log.Disagree


def want(ok, *what):
    if not ok:
        raise Loss(*what)


class Line:
    """net's channel, shared by threads: each asks and waits for its own answer; all that is acknowledged is noted."""

    def __init__(self, net):
        self.net, self.lock, self.waiting, self.ended = net, threading.Lock(), {}, False
        self.acks, self.used, self.unsure = [], [], []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            while True:
                _, ident, payload = self.net.chan.receive(3600)
                with self.lock:
                    q = self.waiting.pop(ident)
                q.put(payload)
        except (Ended, TimeoutError):
            with self.lock:
                self.ended = True
                left, self.waiting = list(self.waiting.values()), {}
            for q in left:
                q.put(None)

    def ask(self, op, tenant, body):
        q = queue.Queue()
        with self.lock:
            if self.ended:
                raise Ended("closed")
            ident, self.net.chan.next_id = self.net.chan.next_id, self.net.chan.next_id + 1
            self.waiting[ident] = q
            self.net.chan.send(1, ident, self.net.request(op, tenant, body))
        payload = q.get(timeout=60)
        if payload is None:
            raise Ended("no answer")
        status, reply = int.from_bytes(payload[:2], "big"), payload[7:]
        if status in (200, 403):
            self.note(op, body, reply)
        return status, reply

    def note(self, op, body, reply):
        form = dec(reply) if op in ENTRY_KEYS else {}
        for entry, ticket in ENTRY_KEYS.get(op, ()):
            if isinstance(form.get(entry), bytes):
                self.acks.append((op, form[entry], form[ticket]))
                if op == "attested":
                    self.used.append(body)


class Load:
    """Devices and an operator, each in a thread, all on one channel; `wish` is what was asked last, `done` what was answered."""

    def __init__(self, world, line, rng):
        self.world, self.line, self.rng = world, line, rng
        self.secrets, self.certs, self.failures = {}, [], []
        self.victim = (world.victim_state, world.victim_state)  # asked, acknowledged
        self.replays = []
        jobs = [self.attests, self.attests, self.identifies, self.fetches, self.operates, self.enrols]
        self.threads = [threading.Thread(target=self.run, args=(job, i), daemon=True) for i, job in enumerate(jobs)]
        for t in self.threads:
            t.start()

    def run(self, job, i):
        try:
            device = peer.Device(self.world.root, self.line.ask, self.line.net.exporter, tpm=self.world.tpms[i], name="d%d" % i)
            while True:
                job(device)
        except Ended:
            pass
        except Exception as e:  # noqa: B902: what a thread found is the test's finding
            self.failures.append("%s: %r" % (job.__name__, e))

    def attests(self, device):
        status, reply = device.attest()
        want(status == 200, status, reply)

    def identifies(self, device):
        status, reply = device.identity()
        want(status == 200, status, reply)
        self.certs.append(dec(reply[6])[1])

    def fetches(self, device):
        path = self.rng.choice(sorted(self.world.secrets))
        status, reply, nonce = device.secret(path)
        want(status == 200 and device.open_secret(reply, nonce) == self.world.secrets[path], status, reply)

    def enrols(self, device):
        status, reply = device.enroll()
        want(status == 200 and reply[1] == "enrolled", status, reply)
        status, reply = device.attest()
        want(status == 200, status, reply)

    def operates(self, device):
        operator = self.world.operator(self.line.ask)
        path, value = "p%d/s" % time.time_ns(), os.urandom(24)
        self.world.do(operator, "secret.put", operator.put_args(path, "model=model-a", value), self.replays)
        self.secrets[path] = value
        for operation, state in (("device.quarantine", "quarantined"), ("device.release", "enrolled")):
            self.victim = (state, self.victim[1])
            self.world.do(operator, operation, msg(device.tpm.device, "crash test"), self.replays)
            self.victim = (state, state)


class World:
    """One deployment with six devices, started and crashed again and again."""

    def __init__(self):
        self.deployment = deployment.Deployment(MUSTER)
        self.journal = os.path.join(self.deployment.home, "undo")
        os.mkdir(self.journal, 0o700)
        self.tpms = [peer.SoftTpm() for _ in range(6)]
        self.secrets, self.victim_state = {"first": b"value"}, "enrolled"
        self.log = muster_log.Log()
        self.largest = 0
        self.running = False
        self.start()
        net = Net(self.roles)
        self.root = net.root()
        self.prepare(net)

    def preload(self, lies=()):
        state = self.roles_state()
        env = {"LD_PRELOAD": SHIM, "DROPSHIM_DIR": state, "DROPSHIM_JOURNAL": self.journal}
        asan = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        return {r: dict(env, **asan, **({"DROPSHIM_LIES": "1"} if r in lies else {})) for r in ("core", "notary")}

    def roles_state(self):
        return read_config(os.path.join(self.deployment.dir, "musterd.yaml"))["state_dir"]

    def start(self, lies=()):
        self.roles = Roles(self.deployment.dir, LIBEXEC, preload=self.preload(lies))
        try:
            self.roles.start()
        except RuntimeError:
            self.roles.stop()
            raise
        self.running = True

    def stop(self):
        self.running = False
        self.roles.stop()
        for f in os.listdir(self.journal):
            os.unlink(os.path.join(self.journal, f))

    def ended(self):
        self.running = False
        self.roles.stop()

    def operator(self, ask):
        return peer.Operator(self.root, ask, self.deployment.operator_key())

    def do(self, operator, operation, args, replays=None):
        time.sleep(0.001)
        wire = operator.statement(operation, args, int(time.time()), sequence=time.time_ns() // 1000)
        status, body = operator.ask("op", "default", wire)
        want(status == 200, operation, status, body)
        if replays is not None:
            replays.append((wire, dec(body)))
        return dec(body)

    def prepare(self, net):
        operator = self.operator(net.ask)
        devices = [peer.Device(self.root, net.ask, net.exporter, tpm=t, name="d%d" % i) for i, t in enumerate(self.tpms)]
        now = int(time.time())
        self.do(operator, "batch.import", msg(operator.manifest("batch", devices, now)))
        for d in devices:
            status, reply = d.enroll()
            want(status == 200 and reply[1] == "enrolled", status, reply)
        reference = deployment.reference("good", "model-a", self.tpms[0].pcrs, self.tpms[0].device)
        self.do(operator, "reference.set", msg(reference))
        self.do(operator, "policy.set", msg(self.deployment.policy("good")))
        self.do(operator, "secret.put", operator.put_args("first", "model=model-a", b"value"))

    # ---- a crash ----

    def drop(self, seed):
        run = subprocess.run([sys.executable, DROPCRASH, self.roles.state, self.journal] + ([] if seed is None else [str(seed)]),
                             capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return int(run.stdout)

    def crash(self, role, seed, lies=()):
        """Load, kill one role at a seeded point, a little later all, and take back what was not synced."""
        rng = random.Random(seed)
        if lies or not self.running:
            self.stop()
            self.start(lies)
        line = Line(Net(self.roles))
        load = Load(self, line, rng)
        wait_for = rng.randrange(1, 40)
        end = time.monotonic() + 20
        while len(line.acks) < wait_for and not line.ended and not load.failures and time.monotonic() < end:
            time.sleep(0.0005)
        early = line.ended
        time.sleep(rng.random() * 0.03)
        self.roles.procs[role].kill()
        machine = bool(lies) or rng.random() < 0.75  # a crash of the machine; else of the process only: the rest is asked to end
        time.sleep(rng.random() * 0.02)
        for p in self.roles.procs.values():
            if machine:
                p.kill()
            else:
                p.terminate()
        logs = {r: self.roles.log(r) for r in self.roles.procs}
        for p in self.roles.procs.values():
            p.wait(30)
        for t in load.threads:
            t.join(30)
        line.reader.join(30)
        self.stop() if not machine else self.ended()
        want(not early and not load.failures, load.failures, logs["core"])
        want(len(line.acks) >= wait_for, "the load stalled", len(line.acks), logs)
        if machine:
            self.drop(None if seed % 3 == 0 else seed)
        return line, load

    # ---- do they agree? ----

    def check(self, line, load, rng):
        self.start()
        self.check_answers(line, load, rng)
        self.check_log(line, load)
        self.check_tools()

    def check_log(self, line, load):
        with open(os.path.join(self.roles.state, "core", "log", "checkpoint"), "rb") as f:
            note = f.read()
        self.log.read(os.path.join(self.roles.state, "core", "store.db"))
        size, _ = self.log.checkpoint(note, self.root)
        want(size >= self.largest, "the log went back", size, self.largest)
        for _, entry, ticket in line.acks:
            index, ticket_size = self.log.ticket(entry, ticket, self.root)
            want(index < size, "an acknowledged entry is not under the checkpoint", index, size)
            self.largest = max(self.largest, ticket_size)
        want(size >= self.largest, "the checkpoint is older than a ticket", size, self.largest)
        for der in load.certs:
            tbs = peer.sha256(x509.load_der_x509_certificate(der).tbs_certificate_bytes)
            want(tbs in self.log.certificates, "an acknowledged certificate is not in the log")

    def check_tools(self):
        state = os.path.join(self.roles.state, "core")
        for args in (["replay", "--store", os.path.join(state, "store.db")], ["verify", os.path.join(state, "log"), "--root", self.deployment.root]):
            run = subprocess.run([MUSTER, "audit", *args], capture_output=True, text=True, check=False)
            want(run.returncode == 0, args[0], run.stdout[-1000:] + run.stderr[-1000:])

    def check_answers(self, line, load, rng):
        net = Net(self.roles)
        net.exporter = line.net.exporter
        for body in line.used[-20:]:
            status, _ = net.ask("attested", "default", body)
            want(status == 403, "a used nonce was taken again", status)
        device = peer.Device(self.root, net.ask, net.exporter, tpm=self.tpms[0], name="d0")
        for path, value in rng.sample(sorted(load.secrets.items()), min(3, len(load.secrets))) + [("first", b"value")]:
            status, reply, nonce = device.secret(path)
            want(status == 200 and device.open_secret(reply, nonce) == value, "a stored secret is lost", path, status)
        self.secrets.update(load.secrets)
        operator = self.operator(net.ask)
        for wire, reply in load.replays[-5:]:
            status, again = net.ask("op", "default", wire)
            want(status == 200 and dec(again).get(4) == reply.get(4), "a retry got another answer", status, reply)
        victim = self.tpms[4].device
        state = dec(self.do(operator, "device.show", msg(victim))[3])["state"]
        want(state in load.victim, "the victim is", state, load.victim)
        self.victim_state = state
        if state == "quarantined":
            self.do(operator, "device.release", msg(victim, "go on"))
            self.victim_state = "enrolled"
        for t in (self.tpms[1], self.tpms[5]):
            d = peer.Device(self.root, net.ask, net.exporter, tpm=t)
            status, reply = d.attest()
            if status == 202:  # the crash came between its binding and its admission: it asks again
                want(d.enroll()[1].get(1) == "enrolled", "a device cannot enrol again")
                status, reply = d.attest()
            want(status == 200, "a device does not go on", status, reply)

    def remove(self):
        self.roles.stop()
        self.deployment.remove()


def points(role):
    n = os.environ.get("MUSTER_CRASH_POINTS")
    return int(n) if n else {"core": 6, "notary": 6}.get(role, 2)  # 20 in all


class CrashTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # in memory where that can be: what is lost is the shim's business, and a sync costs nothing
        tempfile.tempdir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.remove()

    def run_points(self, role, first):
        for seed in range(first, first + points(role)):
            with self.subTest(role=role, seed=seed):
                line, load = self.world.crash(role, seed)
                self.world.check(line, load, random.Random(seed))

    def test_I2_without_durable_syncs_the_same_checks_see_the_loss(self):
        state, undo = self.world.roles_state(), self.world.deployment.home + "/kept"
        seen = 0
        self.world.stop()
        for seed, lies in ((3, ("core",)), (6, ("core", "notary")), (7, ("core",)), (8, ("core", "notary"))):
            largest, secrets, victim = self.world.largest, dict(self.world.secrets), self.world.victim_state
            shutil.copytree(state, undo)
            try:
                line, load = self.world.crash("core", seed, lies)
                self.world.check(line, load, random.Random(seed))
            except (Loss, RuntimeError, sqlite3.DatabaseError) as e:
                seen += 1
                print("seen:", str(e).strip().splitlines()[-1][:200], flush=True)
            finally:
                self.world.stop()
                shutil.rmtree(state)
                shutil.move(undo, state)
                self.world.log = muster_log.Log()
                self.world.largest, self.world.secrets, self.world.victim_state = largest, secrets, victim
        self.assertGreaterEqual(seen, 3)


for _i, _role in enumerate(ROLES):
    def _test(self, role=_role, first=1000 * _i + 1):
        self.run_points(role, first)
    setattr(CrashTest, "test_I2_what_is_acknowledged_survives_the_kill_of_" + _role.replace("-", "_"), _test)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    SHIM = os.path.join(BUILD, "tests", "libdropshim.so")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

#!/usr/bin/python3
"""muster-agent with a boot log and an IMA list, on a software TPM that was extended with them, against a real server.
Usage: agent_logs_test.py BUILD_DIR [unittest arguments]"""
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import agent_test
import deployment
import muster_logs as logs
import muster_peer as peer
from agent_test import MODEL, Device, Server, read, until
from muster_peer import dec, msg

POLICY = """version: 1
name: logs
attest:
  boot_log: required
  ima: required
  interval: 10m
  rules:
    - name: gateways
      match: {models: [%s]}
      require:
        claims:
          - {claim: boot.secure-boot, is: true}
""" % MODEL


class Machine(Device):
    """Booted with events that its files hold; the TPM has them."""

    def __init__(self, home, name):
        self.model = logs.Machine()
        super().__init__(home, name)
        self.boot_log, self.ima = os.path.join(home, name + ".bootlog"), os.path.join(home, name + ".ima")

    def script(self, verb, *more):
        if verb != "boot":
            super().script(verb, *more)

    def tpm_extend(self, pairs):
        subprocess.run(["tpm2_pcrextend"] + ["%d:sha256=%s" % (i, d.hex()) for i, d in pairs], check=True, env=self.env, capture_output=True)

    def boot(self, events=None):
        self.model.boot(events)
        self.tpm_extend([(e.pcr, e.digest) for e in self.model.events])
        self.measured = 0
        self.measure(0)

    def measure(self, count, path=None):
        """More files are run: the kernel extends, and its list grows."""
        if path:
            self.model.execute(path)
        self.model.run(count)
        new = self.model.files[self.measured:]
        self.measured = len(self.model.files)
        self.tpm_extend([(10, f.template) for f in new])
        self.write()

    def write(self, late=()):
        with open(self.boot_log, "wb") as f:
            f.write(self.model.log)
        with open(self.ima, "wb") as f:
            f.write(self.model.list_from(0) + logs.ima_list(late))

    def logs(self):
        return ["--boot-log", self.boot_log, "--ima", self.ima]

    def attest(self, rc=0):
        return self.agent("attest", *self.logs(), rc=rc)


class AgentLogsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="muster-agent-test-")
        os.chmod(cls.home, 0o755)
        cls.devices = {}
        cls.addClassCleanup(cls.clean_up)
        cls.server = Server(cls.home, "server")
        with open(os.path.join(cls.server.dir, "musterd.yaml"), "a", encoding="utf-8") as f:
            f.write("poll_s: 10\nevidence:\n  ima_entries: 100\n")
        cls.server.start()
        cls.root = peer.Root(open(cls.server.root, "rb").read())
        key = os.path.join(cls.server.dir, "client")
        passphrase = [f for f in os.listdir(key) if "passphrase" in f][0]
        keyfile = [f for f in os.listdir(key) if f.endswith(".key")][0]
        secret = open(os.path.join(key, passphrase), "rb").read().rstrip(b"\n")
        cls.operator = peer.Operator(cls.root, cls.ask, deployment.open_key_file(os.path.join(key, keyfile), secret))
        cls.set_policy(POLICY)

    @classmethod
    def clean_up(cls):
        cls.server.stop()
        for d in cls.devices.values():
            d.script("stop")
        shutil.rmtree(cls.home)

    @classmethod
    def set_policy(cls, text):
        policy = tempfile.mkdtemp(dir=cls.home)
        with open(os.path.join(policy, "policy.yaml"), "w", encoding="utf-8") as f:
            f.write(text)
        cls.server.run("policy", "apply", policy)

    @classmethod
    def ask(cls, op, tenant, body):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request("%s/v1/t/%s/%s" % (cls.server.url, tenant, op), body, {"Content-Type": "application/cbor"})
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as r:
                return r.status, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()

    def records(self, name):
        """What the server recorded of a device, oldest first."""
        status, reply = self.operator.do("evidence.list", msg(None, None, name), int(time.time()), sequence=time.time_ns() // 1000)
        self.assertEqual(status, 200, reply)
        return dec(reply[3])["rows"]

    def machine(self, name):
        d = self.devices[name] = Machine(self.home, name)
        d.boot()
        row = d.agent("identify", "--csv", "--serial", "SN-" + name, "--model", MODEL).stdout
        csv, manifest = os.path.join(self.home, name + ".csv"), os.path.join(self.home, name + ".manifest")
        with open(csv, "w", encoding="utf-8") as f:
            f.write("serial,model,ek_hash\n" + row)
        self.server.run("batch", "create", csv, "-o", manifest, "--id", "b-" + name, "--maker", "test")
        self.server.run("batch", "import", manifest)
        d.enroll(self.server)
        return d

    def test_logs_are_sent_whole_once_in_a_boot_then_as_a_hash_and_a_tail(self):
        d = self.machine("tails")
        d.measure(5)
        d.attest()
        d.measure(3)
        d.attest()
        d.attest()
        self.assertEqual([(r["ima_from"], r["ima_used"]) for r in self.records("tails")], [(0, 6), (6, 3), (9, 0)])
        d.script("reboot")
        d.boot()
        d.measure(4)
        d.attest()
        last = self.records("tails")[-1]
        self.assertEqual((last["ima_from"], last["ima_used"], last["outcome"]), (0, 5, "pass"))

    def test_a_list_that_grows_while_it_is_read_is_no_harm(self):
        d = self.machine("grows")
        d.measure(2)
        d.write(late=[logs.File("/late", b"")])
        d.attest()
        self.assertEqual(self.records("grows")[-1]["ima_used"], 3)

    def test_when_the_server_asks_for_all_the_agent_sends_all_at_once(self):
        d = self.machine("resend")
        d.attest()
        d.measure(2)
        # what the agent keeps is lost, or of another time: the server says so and the agent goes on
        state = os.path.join(d.state, "agent.cbor")
        kept = read(state)
        d.measure(1)
        d.attest()
        with open(state, "wb") as f:
            f.write(kept.encode("latin-1"))
        d.measure(1)
        d.attest()
        self.assertEqual(self.records("resend")[-1]["ima_from"], 0)

    def test_a_log_that_cannot_be_read_is_said_and_the_policy_decides(self):
        d = self.machine("lacks")
        os.rename(d.boot_log, d.boot_log + ".away")
        p = d.attest(rc=1)
        self.assertIn("the boot log is not sent", p.stderr)
        self.assertIn("boot-log-missing", p.stdout)
        os.rename(d.boot_log + ".away", d.boot_log)
        d.attest()
        p = d.agent("attest", "--boot-log", d.boot_log, "--ima", "none", rc=1)
        self.assertIn("ima-missing", p.stdout)

    def test_a_log_that_does_not_replay_is_said_and_left_out(self):
        d = self.machine("other")
        d.model.events = logs.usual_boot(cmdline="init=/bin/sh")
        d.write()
        p = d.attest(rc=1)
        self.assertIn("log-does-not-replay pcr=8", p.stderr)
        self.assertIn("boot-log-missing", p.stdout)

    def test_a_list_over_a_cap_is_said_by_the_name_of_the_key(self):
        d = self.machine("large")
        d.measure(120)
        p = d.attest(rc=1)
        self.assertIn("evidence.ima_entries", p.stderr)
        self.assertIn("ima-missing", p.stdout)

    def test_I6_an_unlisted_boot_fails_with_its_reason(self):
        d = self.machine("insecure")
        d.attest()
        d.script("reboot")
        d.boot(logs.usual_boot(secure=False))
        p = d.attest(rc=1)
        self.assertIn("claim-mismatch", p.stdout)

    def test_an_operator_asks_for_evidence_and_the_running_agent_brings_it(self):
        d = self.machine("wanted")
        log = os.path.join(self.home, "wanted.log")
        with open(log, "wb") as f:
            process = subprocess.Popen(d.command("run", *d.logs()), env=d.env, stdout=f, stderr=f)
        try:
            self.assertTrue(until(lambda: len(self.records("wanted")) == 1), read(log))
            self.server.run("device", "attest-now", "wanted", "--reason", "curious")
            self.assertTrue(until(lambda: len(self.records("wanted")) == 2, 30), read(log))
            self.assertIn("agent.wanted", read(log))
            rss = [int(line.split()[1]) for line in open("/proc/%d/status" % process.pid) if line.startswith("VmRSS")][0]
            print("agent at rest: %d kB" % rss)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        self.assertEqual(json.loads(d.agent("status", "--json").stdout)["outcome"], "pass")


if __name__ == "__main__":
    agent_test.BUILD = sys.argv.pop(1)
    unittest.main(verbosity=2, warnings="ignore")

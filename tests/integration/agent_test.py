#!/usr/bin/python3
"""muster-agent on a software TPM against a real server: every process of musterd, the network and TLS between.
Usage: agent_test.py BUILD_DIR [unittest arguments]"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")
BUILD = None
MODEL = "gateway-1"
POLICY = """version: 1
name: test
attest:
  pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
  bank: sha256
  interval: 10m
  rules:
    - name: gateways
      match:
        models: [%s]
      require:
        pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14]
        references: [good]
      identity: true
identity:
  life: 1h
""" % MODEL


def free_port():
    while True:
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            try:
                b.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue


def read(path):
    with open(path, "rb") as f:
        return f.read().decode("latin-1")


def until(fn, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fn():
            return True
        time.sleep(0.1)
    return False


class Server:
    def __init__(self, home, name, names=("localhost", "127.0.0.1")):
        self.dir = os.path.join(home, name)
        self.port = free_port()
        self.url = "https://127.0.0.1:%d" % self.port
        self.libexec = os.path.join(home, "libexec")
        self.log = os.path.join(home, name + ".log")
        self.muster = os.path.join(BUILD, "src/cli/muster")
        self.run("init", "--dir", self.dir, "--name", name, "--trust-domain", "example.org", "--backend", "keyfile", "--uid-base", "64400",
                 "--listen", "127.0.0.1:%d" % self.port, *(a for n in names for a in ("--server-name", n)))
        self.root = next(os.path.join(d, "root.cbor") for d, _, files in os.walk(self.dir) if "root.cbor" in files)
        self.process = None

    def run(self, *args, rc=0):
        env = dict(os.environ, MUSTER_DEPLOYMENT=os.path.join(self.dir, "client"))
        p = subprocess.run([self.muster, *args], capture_output=True, text=True, env=env, timeout=60, check=False)
        assert rc is None or p.returncode == rc, (args, p.returncode, p.stdout, p.stderr)
        return p

    def start(self):
        if not os.path.isdir(self.libexec):
            os.mkdir(self.libexec)
            for role in ("net", "core", "keeper", "notary", "token", "appraiser"):
                shutil.copy(os.path.join(BUILD, "src/server", role, "muster-" + role), self.libexec)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, "src/server/supervisor/musterd"), "--config",
                                             os.path.join(self.dir, "musterd.yaml"), "--development"], stderr=log, stdout=log,
                                            env=dict(os.environ, MUSTER_LIBEXECDIR=self.libexec))
        if not until(lambda: self.process.poll() is not None or self.run("status", rc=None).returncode == 0) or self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise RuntimeError(f.read()[-3000:])

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None


class Device:
    def __init__(self, home, name):
        self.name, self.dir, self.state = name, os.path.join(home, name), os.path.join(home, name + "-state")
        self.port = free_port()
        self.tcti = "swtpm:host=127.0.0.1,port=%d" % self.port
        self.env = dict(os.environ, SWTPM_DEVICE_CA=os.path.join(home, "maker"), TPM2TOOLS_TCTI=self.tcti, MUSTER_TCTI=self.tcti,
                        MUSTER_TPM_HELPER=os.path.join(BUILD, "src/agent/muster-tpm"))
        self.script("start")
        self.script("boot", MODEL, "1.0")

    def script(self, verb, *more):
        subprocess.run([os.path.join(SOURCE, "scripts/swtpm-device"), verb, self.dir, str(self.port), *more], check=True, env=self.env,
                       stdout=subprocess.DEVNULL)

    def reboot(self):
        self.script("reboot")
        self.script("boot", MODEL, "1.0")

    def command(self, *args):
        return [os.path.join(BUILD, "src/agent/muster-agent"), *args, "--state", self.state]

    def agent(self, *args, rc=0):
        p = subprocess.run(self.command(*args), capture_output=True, text=True, env=self.env, timeout=120, check=False)
        assert p.returncode == rc, (args, p.returncode, p.stdout, p.stderr)
        return p

    def extend(self, pcr):
        subprocess.run(["tpm2_pcrextend", "%d:sha256=%s" % (pcr, "ee" * 32)], check=True, env=self.env, capture_output=True)

    def enroll(self, server, *more, rc=0):
        return self.agent("enroll", "--server", server.url, "--root", server.root, "--name", self.name, "--serial", "SN-" + self.name,
                          "--model", MODEL, *more, rc=rc)


class AgentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="muster-agent-test-")
        os.chmod(cls.home, 0o755)
        cls.ram = os.path.join(cls.home, "ram")
        os.mkdir(cls.ram)
        subprocess.run(["mount", "-t", "ramfs", "-o", "mode=0700", "ramfs", cls.ram], check=True)
        cls.devices = {}
        cls.addClassCleanup(cls.clean_up)
        cls.server = Server(cls.home, "server")
        cls.server.start()
        cls.good = cls.listed("good")
        cls.good.enroll(cls.server)
        cls.good.agent("attest", rc=1)
        cls.server.run("reference", "capture", "good", "--name", "good")
        policy = os.path.join(cls.home, "policy")
        os.mkdir(policy)
        with open(os.path.join(policy, "policy.yaml"), "w", encoding="utf-8") as f:
            f.write(POLICY)
        cls.server.run("policy", "apply", policy)
        cls.put("app/db", "first value")

    @classmethod
    def clean_up(cls):
        cls.server.stop()
        for d in cls.devices.values():
            d.script("stop")
        subprocess.run(["umount", cls.ram], check=True)
        shutil.rmtree(cls.home)

    @classmethod
    def device(cls, name):
        d = cls.devices[name] = Device(cls.home, name)
        return d

    @classmethod
    def listed(cls, name):
        d = cls.device(name)
        row = d.agent("identify", "--csv", "--serial", "SN-" + name, "--model", MODEL).stdout
        csv, manifest = os.path.join(cls.home, name + ".csv"), os.path.join(cls.home, name + ".manifest")
        with open(csv, "w", encoding="utf-8") as f:
            f.write("serial,model,ek_hash\n" + row)
        cls.server.run("batch", "create", csv, "-o", manifest, "--id", "b-" + name, "--maker", "test")
        cls.server.run("batch", "import", manifest)
        return d

    @classmethod
    def put(cls, path, value):
        file = os.path.join(cls.ram, "put")
        with open(file, "w", encoding="utf-8") as f:
            f.write(value)
        cls.server.run("secret", "put", path, "--for", "model=" + MODEL, "--file", file)

    def test_a_device_in_good_state_passes_and_gets_a_certificate(self):
        p = self.good.agent("attest", "--identity", "--json")
        self.assertEqual(json.loads(p.stdout)["outcome"], "pass")
        pem = os.path.join(self.good.state, "identity.pem")
        text = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
        self.assertIn("spiffe://example.org/device/", text)
        self.assertEqual(os.stat(pem).st_mode & 0o777, 0o600)
        status = json.loads(self.good.agent("status", "--json").stdout)
        self.assertEqual((status["state"], status["status"]), ("trusted", "enrolled"))

    def test_a_result_is_carried_and_checked_offline_and_asked_for_of_the_server(self):
        nonce, gate = "00112233445566778899aabbccddeeff", "https://gate.example"
        out, jwks = os.path.join(self.home, "result.jwt"), os.path.join(self.home, "jwks.json")
        p = self.good.agent("result", "--nonce", nonce, "--audience", gate, "--out", out, "--json")
        told = json.loads(p.stdout)
        self.assertEqual((told["outcome"], told["status"]), ("pass", "affirming"))
        self.assertEqual(read(out).strip(), told["result"])
        self.assertEqual(read(os.path.join(self.good.state, "result.jwt")), read(out))
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o644)
        # the relying party has the key set from the root file, or from the server: they are one
        self.server.run("root", "jwks", "--root", self.server.root, "--out", jwks)
        self.assertEqual(read(jwks).strip(), self.https("/v1/jwks", "application/jwk-set+json"))
        self.assertEqual(read(jwks).strip(), self.https("/.well-known/jwks.json", "application/jwk-set+json"))
        check = ["token", "verify", out, "--jwks", jwks]
        answer = json.loads(self.server.run(*check, "--nonce", nonce, "--audience", gate, "--json").stdout)
        trust = answer["attesters"]["tpm"]["trust"]
        self.assertEqual([trust[k]["tier"] for k in ("instance-identity", "executables", "configuration")], ["affirming"] * 3)
        self.assertEqual(trust["hardware"]["tier"], "none")  # a batch lists it, no maker's certificate was judged
        self.assertIn("refused", self.server.run(*check, "--nonce", nonce, rc=1).stdout)
        self.assertIn("nonce", self.server.run(*check, "--nonce", "ff" * 16, "--audience", gate, rc=1).stdout)
        # background check
        asked = json.loads(self.server.run("device", "result", "good", "--json").stdout)
        self.assertEqual((asked["token"], asked["state"]), (told["result"], "trusted"))
        self.good.agent("result", "--nonce", "0011", rc=2)

    def https(self, path, kind):
        import ssl
        import urllib.request
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what it says is checked against the pinned root
        with urllib.request.urlopen(self.server.url + path, context=context, timeout=20) as r:
            self.assertEqual(r.headers["Content-Type"], kind)
            return r.read().decode()

    def test_a_device_that_fails_carries_no_new_result(self):
        d = self.listed("fails")
        d.enroll(self.server)
        d.agent("result")
        before = read(os.path.join(d.state, "result.jwt"))
        d.extend(9)
        p = d.agent("result", rc=1)
        self.assertIn("pcr=9", p.stdout)
        self.assertEqual(read(os.path.join(d.state, "result.jwt")), before)
        self.assertIn("contraindicated", self.server.run("device", "result", "fails", rc=1).stdout)

    def test_a_wrong_deployment_root_hash_is_refused(self):
        d = self.device("pinned")
        p = d.agent("enroll", "--server", self.server.url, "--root", "00" * 32, rc=1)
        self.assertIn("another deployment root", p.stdout)
        self.assertFalse(os.path.exists(os.path.join(d.state, "root.cbor")))

    def test_the_root_is_fetched_by_its_hash_and_a_server_of_another_deployment_is_refused(self):
        other = Server(self.home, "other")
        d = self.device("strange")
        p = d.agent("enroll", "--server", self.server.url, "--root", other.root, rc=1)
        self.assertIn("not a server of this deployment", p.stdout)

    def test_I9_a_secret_is_delivered_to_memory_only_and_never_shown(self):
        self.put("app/db", "the secret words")
        out = os.path.join(self.ram, "db")
        p = self.good.agent("secret", "get", "app/db", "--out", out)
        self.assertEqual(read(out), "the secret words")
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o400)
        self.assertNotIn("secret words", p.stdout + p.stderr)
        p = self.good.agent("secret", "get", "app/db", "--out", os.path.join(self.home, "on-disk"), rc=1)
        self.assertIn("mount -t ramfs", p.stdout)
        self.assertFalse(os.path.exists(os.path.join(self.home, "on-disk")))
        p = self.good.agent("secret", "get", "app/db", "--stdout")
        self.assertEqual(p.stdout, "the secret words")
        for base, _, files in os.walk(self.good.state):
            for name in files:
                self.assertNotIn("secret words", read(os.path.join(base, name)))

    def test_a_secret_of_nobody_is_refused(self):
        p = self.good.agent("secret", "get", "app/none", "--out", os.path.join(self.ram, "none"), rc=1)
        self.assertIn("no-such-secret", p.stdout)

    def test_the_kept_secret_opens_in_the_same_state_and_boot_only(self):
        d = self.listed("sealed")
        d.enroll(self.server)
        out = os.path.join(self.ram, "sealed")
        d.agent("secret", "get", "app/db", "--out", out)
        d.agent("secret", "get", "app/db", "--cached", "--out", out)
        d.extend(4)
        p = d.agent("secret", "get", "app/db", "--cached", "--out", out, rc=1)
        self.assertIn("not in the state", p.stdout)
        p = d.agent("attest", rc=1)
        self.assertIn("4", p.stdout)
        d.reboot()
        p = d.agent("secret", "get", "app/db", "--cached", "--out", out, rc=1)
        self.assertIn("reboot", p.stdout)

    def test_after_a_reboot_a_new_secret_comes(self):
        d = self.listed("rebooted")
        d.enroll(self.server)
        out = os.path.join(self.ram, "rebooted")
        d.agent("secret", "get", "app/db", "--out", out)
        d.reboot()
        d.agent("secret", "get", "app/db", "--out", out)

    def test_run_stays_proven_delivers_secrets_and_outlives_the_server(self):
        d = self.listed("runner")
        d.enroll(self.server)
        out = os.path.join(self.ram, "run")
        with open(os.path.join(self.home, "run.log"), "wb") as log:
            p = subprocess.Popen(d.command("run", "--interval", "1", "--secret", "app/db=" + out), env=d.env, stderr=log, stdout=log)
        try:
            self.assertTrue(until(lambda: os.path.exists(out)))
            self.put("app/db", "rotated while running")
            self.assertTrue(until(lambda: read(out) == "rotated while running"))
            self.server.stop()
            time.sleep(3)
            self.assertIsNone(p.poll())
            self.server.start()
            self.put("app/db", "after the server came back")
            self.assertTrue(until(lambda: read(out) == "after the server came back", 90))
        finally:
            p.send_signal(signal.SIGTERM)
            self.assertEqual(p.wait(30), 0)

    def test_no_server_and_no_tpm_are_told_apart_from_refusals(self):
        d = self.device("alone")
        p = d.agent("enroll", "--server", "https://127.0.0.1:1", "--root", self.server.root, rc=3)
        self.assertIn("127.0.0.1:1", p.stderr)
        d.script("stop")
        d.agent("identify", rc=3)
        d.script("start")
        d.agent("attest", rc=1)

    def test_an_enrolled_device_enrols_again_without_harm(self):
        before = json.loads(self.good.agent("status", "--json").stdout)["device"]
        self.good.enroll(self.server)
        self.good.enroll(self.server, "--again")
        self.assertEqual(json.loads(self.good.agent("status", "--json").stdout)["device"], before)
        self.good.agent("attest")


if __name__ == "__main__":
    BUILD = os.path.abspath(sys.argv.pop(1))
    if os.geteuid() != 0:
        print("needs root, to mount a ramfs")
        sys.exit(77)
    unittest.main(verbosity=2)

#!/usr/bin/python3
"""A real machine, not only fixtures: Debian's kernel under QEMU with measuring firmware, Secure Boot and a TPM runs muster-agent with
IMA on and attests to a server on this host. Then what an attacker would change is changed, and each change must be caught for the right
stated reason. Usage: vm_test.py BUILD_DIR WORK_DIR [unittest arguments]. Takes minutes."""
import json
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration"), os.path.join(HERE, "..", "support")]
import agent_test
from machine import Image, Machine

BUILD = WORK = None
MODEL = "vm-1"
CODE = re.compile(r"[a-z]{5}(-[a-z]{5}){7}")  # what a person compares, as the machine shows it
AGENT = "muster-agent %s --state /run/job/state --tpm-helper /usr/bin/muster-tpm"
POLICY = """version: 1
name: vm
attest:
  boot_log: required
  ima: required
  rules:
    - name: machines
      match:
        models: [%s]
      require:
        pcrs: [0, 2, 4, 7, 8, 9, 14]
        references: [good]
        claims:
          - {claim: boot.secure-boot, is: true}
        files: {references: [good]}
""" % MODEL


def wait_for(what, seconds=200):
    if not agent_test.until(what, seconds):
        raise AssertionError("it did not happen in %d s" % seconds)


class VmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = agent_test.Server(WORK, "server", names=("localhost", "127.0.0.1", "10.0.2.2"))
        cls.machine = Machine(WORK)
        with open(os.path.join(cls.server.dir, "musterd.yaml"), "a", encoding="utf-8") as f:
            f.write("maker_roots: %s\n" % cls.machine.roots())
        cls.server.start()
        cls.good = cls.image("good")
        cls.addClassCleanup(cls.server.stop)
        cls.addClassCleanup(cls.machine.stop)
        cls.first_boot()

    @staticmethod
    def image(name, **more):
        programs = {os.path.join(BUILD, "src/agent", p): "/usr/bin/" + p for p in ("muster-agent", "muster-tpm")}
        return Image(WORK, name, programs, **more)

    @classmethod
    def first_boot(cls):
        """The machine enrols, is approved, and what it measured becomes the reference; it passes in the same boot."""
        m = cls.machine
        with open(cls.server.root, "rb") as f, open(os.path.join(m.job, "root.cbor"), "wb") as out:
            out.write(f.read())
        enroll = AGENT % ("enroll --server https://10.0.2.2:%d --root /run/job/root.cbor --name vm --serial SN-1 --model %s" % (cls.server.port, MODEL))
        m.start(cls.good, "%s | tee /dev/ttyS0\n%s --wait || exit 9\nfor i in $(seq 90); do %s && exit 0; sleep 2; done; exit 1\n" % (enroll, enroll, AGENT % "attest"))
        wait_for(lambda: CODE.search(m.read_console()) is not None)
        device = json.loads(cls.muster("device", "list", "--json"))[0]
        cls.muster("device", "approve", device["id"], "--code", CODE.search(m.read_console()).group())
        wait_for(lambda: cls.server.run("reference", "capture", "vm", "--name", "good", "--pcrs", "0,2,4,7,8,9,14", "--files", rc=None).returncode == 0)
        cls.apply(POLICY)
        status, output = m.finish()
        assert status == 0, output

    @classmethod
    def muster(cls, *args, rc=0):
        return cls.server.run(*args, rc=rc).stdout

    @classmethod
    def apply(cls, policy):
        directory = os.path.join(WORK, "policy")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "policy.yaml"), "w", encoding="utf-8") as f:
            f.write(policy)
        cls.muster("policy", "apply", directory)

    def attest(self, image, secure=True, before=""):
        status, output = self.machine.boot(image, before + AGENT % "attest" + "\n", secure)
        return status, output, json.loads(self.muster("device", "show", "vm", "--json"))

    def caught(self, image, *reasons, **more):
        """Each is a fail: the quote is valid, and what it proves is not what policy accepts. A person lets the machine back in."""
        status, output, device = self.attest(image, **more)
        self.assertEqual(status, 1, output)
        for reason in reasons:
            self.assertRegex(output, reason)
        self.assertEqual(device["state"], "quarantined", output)
        self.muster("device", "release", "vm", "--reason", "seen")

    def test_1_the_same_machine_passes_after_a_reboot(self):
        status, output, device = self.attest(self.good)
        self.assertEqual(status, 0, output)
        self.assertEqual(device["state"], "trusted")

    def test_2_a_changed_kernel_command_line_is_caught(self):
        self.caught(self.image("cmdline", cmdline="evil=1"), r"pcr-mismatch pcr=8 ")

    def test_3_a_changed_initramfs_is_caught(self):
        self.caught(self.image("initrd", initrd_file="added.sh"), r"pcr-mismatch pcr=9 ")

    def test_4_secure_boot_off_leaves_no_boot_log_and_that_is_refused_by_name(self):
        self.caught(self.good, r"boot-log-missing", r"pcr-mismatch pcr=7 ", secure=False)

    def test_5_an_unlisted_binary_is_caught(self):
        self.caught(self.good, r"file-unknown.*/usr/bin/unlisted", before="(cat /bin/busybox; echo more) > /usr/bin/unlisted; chmod 755 /usr/bin/unlisted; /usr/bin/unlisted true\n")


if __name__ == "__main__":
    BUILD, WORK = (os.path.abspath(a) for a in sys.argv[1:3])
    agent_test.BUILD = BUILD
    os.makedirs(WORK, exist_ok=True)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)

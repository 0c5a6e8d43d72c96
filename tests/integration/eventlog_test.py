"""muster eventlog replay, verify and diff on recorded machines: eventlog_test.py MUSTER. What the TPM held is in pcrs.json."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MUSTER = os.path.abspath(sys.argv[1])
HERE = pathlib.Path(__file__).resolve().parent.parent
DATA = HERE / "data" / "measured-boot"
VECTORS = pathlib.Path(os.environ.get("MUSTER_VECTORS", HERE.parent.parent / "shared" / "vectors"))
LOG = "binary_bios_measurements"


def run(*argv):
    p = subprocess.run([MUSTER, "eventlog", *map(str, argv)], capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, timeout=60, check=False)
    return p.returncode, p.stdout + p.stderr


class EventlogTest(unittest.TestCase):
    def setUp(self):
        self.tmp = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="muster-eventlog-")))

    def write(self, name, data):
        path = self.tmp / name
        path.write_bytes(data)
        return path

    def pcrs(self, machine, change=None):
        values = json.loads((DATA / machine / "pcrs.json").read_text())
        values = {bank: {i: v for i, v in rows.items() if int(i) in (*range(10), 14)} for bank, rows in values.items()}
        if change is not None:
            change(values)
        return self.write("pcrs.json", json.dumps(values).encode())

    def test_every_recorded_log_explains_what_its_tpm_held(self):
        for machine in ("good", "cmdline", "initrd", "banks"):
            code, text = run("verify", DATA / machine / LOG, "--pcrs", self.pcrs(machine))
            self.assertEqual(code, 0, machine + text)

    def test_a_log_of_another_boot_is_refused_and_each_unexplained_pcr_is_named(self):
        code, text = run("verify", DATA / "cmdline" / LOG, "--pcrs", self.pcrs("good"), "--json")
        self.assertEqual(code, 1, text)
        code, text = run("verify", DATA / "cmdline" / LOG, "--pcrs", self.pcrs("good"))
        self.assertEqual(code, 1)
        for word in (r"\b8\b", r"\b9\b"):
            self.assertRegex(text, word)

    def test_a_pcr_that_no_event_explains_is_refused(self):
        def extended(values):
            values["sha256"]["3"] = "11" * 32
        code, text = run("verify", DATA / "good" / LOG, "--pcrs", self.pcrs("good", extended))
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r"\b3\b")

    def test_replay_says_what_the_machine_is_and_the_pcrs_of_each_bank(self):
        held = [line.split() for line in (DATA / "banks" / "sysfs_pcrs").read_text().splitlines()]
        self.assertEqual(len({bank for bank, _, _ in held}), 3)
        for bank, pcr, value in held:
            if pcr != "10":
                code, text = run("replay", DATA / "banks" / LOG, "--bank", bank)
                self.assertEqual(code, 0, text)
                self.assertIn(value.lower(), text)
        for word in ("Secure Boot      on", "Exit Boot Services", "kernel_cmdline: /vmlinuz", "unproven"):
            self.assertIn(word, text)

    def test_diff_says_in_words_what_changed_and_nothing_of_equal_boots(self):
        code, text = run("diff", DATA / "good" / LOG, DATA / "cmdline" / LOG)
        self.assertEqual(code, 1)
        self.assertRegex(text, r'kernel command line changed from ".*" to ".* evil=1"')
        code, text = run("diff", DATA / "good" / LOG, DATA / "initrd" / LOG)
        self.assertEqual(code, 1)
        self.assertIn("/initrd.gz replaced", text)
        self.assertEqual(run("diff", DATA / "good" / LOG, DATA / "good" / LOG)[0], 0)

    def test_what_cannot_be_read_is_2_and_says_so(self):
        whole = (DATA / "good" / LOG).read_bytes()
        for name, data in (("empty", b""), ("cut", whole[:-7]), ("text", b"not a log at all, only words\n" * 9)):
            code, text = run("replay", self.write(name, data))
            self.assertEqual(code, 2, name + text)
            self.assertIn(name, text)
        self.assertEqual(run("replay", self.tmp / "absent")[0], 2)
        self.assertEqual(run("verify", DATA / "good" / LOG)[0], 2)
        self.assertEqual(run("replay", DATA / "good" / LOG, "--bank", "md5")[0], 2)
        self.assertEqual(run("verify", DATA / "good" / LOG, "--pcrs", self.write("p.json", b'{"sha256":{"0":"00"}}'))[0], 2)
        self.assertEqual(run("verify", DATA / "good" / LOG, "--pcrs", self.write("p.json", b'{"sha256":{}}'))[0], 2)

    def test_logs_of_others_are_read_or_refused_as_their_makers_say(self):
        logs = VECTORS / "eventlog-keylime"
        if not logs.is_dir():
            self.skipTest("no vectors by others here")
        for name, code in ((LOG, 0), (LOG + "-secureboot", 0), (LOG + "-bogus", 2), (LOG + "-empty", 2)):
            self.assertEqual(run("replay", logs / name)[0], code, name)
        self.assertRegex(run("replay", logs / (LOG + "-secureboot"))[1], r"Secure Boot +on")
        self.assertRegex(run("replay", logs / LOG)[1], r"Secure Boot +off")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)

#!/usr/bin/python3
"""docs/policy-tutorial.md is true: its files are written, its commands are run in their order, and what it says that they print is
what they print. Usage: tutorial_test.py BUILD-DIRECTORY

```yaml PATH writes a file (DEVICE in it is gw-1's id); ```console [STATUS] has commands ("$ ...") and the lines that each prints, "..." standing for anything;
```device NAME RECORDING lets the device prove what was recorded on that machine."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
from muster_peer import Operator, SoftTpm, msg
from muster_server import Server

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
RECORDED = SOURCE / "tests" / "data" / "measured-boot"
FILES = {"binary_bios_measurements": "boot_log", "ima_binary": "ima", "pcrs.json": "pcrs.json"}


def blocks(text):
    """(kind and arguments, body, line) of each fenced block."""
    for m in re.finditer(r"^```([^\n]+)\n(.*?)^```$", text, re.M | re.S):
        yield m[1].split(), m[2], text.count("\n", 0, m.start()) + 1


def commands(body):
    """(command, lines that it prints)"""
    out = []
    for line in body.splitlines():
        if line.startswith("$ "):
            out.append((line[2:], []))
        else:
            out[-1][1].append(line)
    return out


def printed(want, got):
    pattern = "".join(r"(?:.*\n)*?" if w == "..." else ".*".join(map(re.escape, w.split("..."))) + r"\n" for w in want)
    return re.fullmatch(pattern, got) is not None


class Device:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.tpm = SoftTpm()

    def load(self, recording):
        pcrs = json.loads((RECORDED / recording / "pcrs.json").read_text())["sha256"]
        self.tpm.pcrs = {i: bytes.fromhex(pcrs[str(i)]) for i in range(15)}
        self.logs = {9: (RECORDED / recording / "binary_bios_measurements").read_bytes(), 11: (RECORDED / recording / "ima_binary").read_bytes(), 12: 0}
        self.tpm.reset_count += 1

    def peer(self, line):
        d = self.server.device(line, self.tpm, name=self.name)
        d.model = "gateway"
        return d

    def enroll(self, key):
        line = self.server.connect()
        operator, d = Operator(self.server.root, line.ask, key), self.peer(line)
        self.server.must(operator, "batch.import", msg(operator.manifest("batch", [d], int(time.time()))))
        status, reply = d.enroll()
        assert status == 200, reply
        line.close()

    def prove(self, recording):
        self.load(recording)
        line = self.server.connect()
        self.peer(line).attest(logs=self.logs)
        line.close()


def run(tutorial, server, tmp, env):
    device = Device(server, "gw-1")
    device.load("good")
    device.enroll(server.deployment.operator_key())
    count = 0
    for (kind, *args), body, at in blocks(tutorial.read_text()):
        where = f"{tutorial.name}:{at}"
        if kind == "yaml":
            path = tmp / args[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60 * 86400))  # the page's date passes, its meaning does not
            path.write_text(body.replace("DEVICE", device.tpm.device).replace("2027-06-30T00:00:00Z", soon))
        elif kind == "device":
            device.prove(args[1])
        elif kind == "console":
            for command, want in commands(body):
                words = shlex.split(command)
                assert words[0] == "muster", f"{where}: {command}"
                done = subprocess.run(words, cwd=tmp, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
                expected = int(args[0]) if args else 0
                if done.returncode != expected or not printed(want, done.stdout):
                    raise SystemExit(f"FAILED {where}: {command}\nexit {done.returncode}, not {expected}\n--- printed\n{done.stdout}{done.stderr}\n--- the page says\n" + "\n".join(want))
                print("ok", where, command, flush=True)
                count += 1
        else:
            raise SystemExit(f"{where}: what is a block of {kind}?")
    assert count > 15, count
    print(f"{count} commands")


def main():
    build = os.path.abspath(sys.argv[1])
    libexec, muster = deployment.libexec(build), os.path.join(build, "src", "cli", "muster")
    server = Server(libexec, os.path.join(build, "src", "server", "supervisor", "musterd"), muster)
    with tempfile.TemporaryDirectory(prefix="muster-tutorial-") as name:
        tmp = pathlib.Path(name)
        for v in ("good", "cmdline"):
            (tmp / v).mkdir()
            for old, new in FILES.items():
                shutil.copy(RECORDED / v / old, tmp / v / new)
        (tmp / "policy" / "references").mkdir(parents=True)
        (tmp / "bin").mkdir()
        (tmp / "bin" / "muster").symlink_to(muster)
        env = {**os.environ, "NO_COLOR": "1", "MUSTER_DEPLOYMENT": server.deployment.path, "PATH": f"{tmp / 'bin'}:{os.environ['PATH']}"}
        try:
            run(SOURCE / "docs" / "policy-tutorial.md", server, tmp, env)
        finally:
            server.remove()
            shutil.rmtree(libexec)


main()

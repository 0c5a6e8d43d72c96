"""A deployment whose keys are sealed to a software TPM: tpm_init_test.py MUSTER MUSTERD MUSTER_TPM ROLE_PROGRAM...

muster init makes it, musterd starts it, before and after a reboot of the TPM; in another state and on another TPM it refuses and
says why."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

MUSTER, MUSTERD, HELPER, *ROLES = map(os.path.abspath, sys.argv[1:])
DEVICE = pathlib.Path(__file__).resolve().parents[2] / "scripts/swtpm-device"
ENV = {**os.environ, "NO_COLOR": "1", "ASAN_OPTIONS": "detect_leaks=0", "SWTPM_DEVICE_NO_CERT": "1"}


def check(what, good, detail=""):
    if not good:
        raise SystemExit(f"FAILED: {what}\n{detail}")
    print("ok", what, flush=True)


def free_port():
    """A port, and the one after it."""
    while True:
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            try:
                b.bind(("127.0.0.1", a.getsockname()[1] + 1))
                return a.getsockname()[1]
            except OSError:
                pass


class Tpm:
    def __init__(self, where):
        self.where, self.port = where, free_port()
        self.tcti = f"swtpm:host=127.0.0.1,port={self.port}"
        self.do("start")

    def do(self, verb, *more):
        subprocess.run([DEVICE, verb, self.where, str(self.port), *more], check=True, env=ENV, timeout=60, stdout=subprocess.DEVNULL)


def init(d, tcti, *more, exit=0):
    argv = [MUSTER, "init", "--dir", d, "--name", "works", "--trust-domain", "example.org", "--backend", "tpm", "--tpm-helper", HELPER,
            "--listen", f"127.0.0.1:{free_port()}", *(["--tcti", tcti] if tcti else []), *more]
    if os.geteuid() == 0:
        argv += ["--uid-base", "61000"]
    done = subprocess.run(argv, capture_output=True, text=True, env=ENV, timeout=120)
    if done.returncode != exit:
        raise SystemExit(f"FAILED: {argv}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def serves(tmp, d, libexec):
    """Does musterd come to serve? Its log."""
    path = tmp / "musterd.log"
    with open(path, "w") as log:
        server = subprocess.Popen([MUSTERD, "--development", "--config", d / "musterd.yaml"], stdout=log, stderr=log,
                                  env={**ENV, "MUSTER_LIBEXECDIR": str(libexec)})
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and server.poll() is None:
            text = path.read_text()
            if "supervisor.ready" in text:
                return True, text
            if "token.start" in text:
                return False, text
            time.sleep(0.1)
        return False, path.read_text()
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.wait(30)


def run(tmp, tpms):
    tpm = Tpm(tmp / "tpm")
    tpms.append(tpm)
    tpm.do("boot", "server", "1")
    libexec = tmp / "libexec"
    libexec.mkdir()
    for p in [*ROLES, HELPER]:
        (libexec / pathlib.Path(p).name).symlink_to(p)
    for bad in ([None], [tpm.tcti, "--tpm-pcrs", "24"], [tpm.tcti, "--tpm-pcrs", "0,0"], [tpm.tcti, "--tpm-pcrs", "0,"],
                [tpm.tcti, "--tpm-pcrs", "01"], [tpm.tcti, "--tpm-pcrs", "0x1"], [tpm.tcti, "--tpm-pcrs", ""], ["a\"b"]):
        init(tmp / "bad", *bad, exit=2)
    check("init refuses what it cannot use and makes nothing", not (tmp / "bad").exists())

    d = tmp / "any"
    init(d, tpm.tcti)
    names = {str(p.relative_to(d)) for p in d.rglob("*") if p.name in ("keys", "passphrase", "pin")}
    check("only the root and the operator's key, which are taken away, have a passphrase", names == {"state/token-keeper/keys", "state/token-notary/keys",
                                                                        "offline/keys", "offline/passphrase", "client/passphrase"}, names)
    ok, log = serves(tmp, d, libexec)
    check("musterd serves with keys that are sealed to the TPM", ok, log)
    tpm.do("reboot")
    ok, log = serves(tmp, d, libexec)
    check("and after a reboot", ok, log)

    tpm.do("boot", "server", "1")
    s = tmp / "state"
    init(s, tpm.tcti, "--tpm-pcrs", "0,4,7")
    check("the configuration names the PCRs", (s / "musterd.yaml").read_text().count("tpm_pcrs: [0, 4, 7]") == 2)
    ok, log = serves(tmp, s, libexec)
    check("musterd serves in the state that the keys are sealed to", ok, log)
    tpm.do("reboot")
    tpm.do("boot", "server", "2")
    ok, log = serves(tmp, s, libexec)
    check("other software in PCRs outside the list is nothing to it", ok, log)
    tpm.do("reboot")
    tpm.do("boot", "another", "2")
    ok, log = serves(tmp, s, libexec)
    check("in another state it refuses and says so", not ok and "not in the state (PCRs)" in log, log)

    other = Tpm(tmp / "other")
    tpms.append(other)
    config = d / "musterd.yaml"
    config.write_text(config.read_text().replace(tpm.tcti, other.tcti))
    ok, log = serves(tmp, d, libexec)
    check("with another TPM it refuses and says so", not ok and "sealed by another TPM" in log, log)
    other.do("stop")
    ok, log = serves(tmp, d, libexec)
    check("without its TPM it refuses and says so", not ok and "cannot open" in log, log)


def main():
    tmp, tpms = pathlib.Path(tempfile.mkdtemp(prefix="muster-tpm-init-")), []
    tmp.chmod(0o711)
    try:
        run(tmp, tpms)
    finally:
        for t in tpms:
            t.do("stop")
        shutil.rmtree(tmp, ignore_errors=True)


main()

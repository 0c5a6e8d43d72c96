#!/usr/bin/python3
"""quote verify, evidence verify, ek verify and ak verify on what tpm2-tools and swtpm really write. offline_test.py MUSTER

RSA and ECC keys, every bank that swtpm has and several at once, every format of quote, signature, key and PCR file; tpm2_checkquote
must accept what muster accepts. Then each way it can be wrong.
"""
import json
import os
import pathlib
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

MUSTER = str(pathlib.Path(sys.argv[1]).resolve())
TOOLS = ["swtpm", "swtpm_setup", "swtpm_localca", "tpm2_createek", "tpm2_createak", "tpm2_quote", "tpm2_checkquote", "tpm2_nvcertify", "openssl"]
NONCE = "00112233445566778899aabbccddeeff"
failures = 0


def check(ok, text):
    global failures
    if not ok:
        failures += 1
        print("FAIL", text)


def run(*argv, ok=True):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=120)
    if ok and done.returncode != 0:
        sys.exit(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def muster(*argv):
    """exit status, and the JSON answer."""
    done = run(MUSTER, *argv, "--json", ok=False)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"text": done.stdout + done.stderr}


def refused(reason, *argv):
    code, answer = muster(*argv)
    check(code == 1 and answer.get("reason") == reason, f"{reason}: exit {code}, {answer.get('reason')}, {answer.get('detail')}: {argv}")


class Tpm:
    def __init__(self, directory):
        self.dir = directory
        ca = directory / "ca"
        (directory / "localca.conf").write_text(f"statedir = {ca}\nsigningkey = {ca}/signkey.pem\nissuercert = {ca}/issuercert.pem\n"
                                                f"certserial = {ca}/certserial\n")
        (directory / "localca.options").write_text("--platform-manufacturer Muster\n--platform-version 1\n--platform-model Test\n")
        (directory / "setup.conf").write_text(f"create_certs_tool = {shutil.which('swtpm_localca')}\n"
                                              f"create_certs_tool_config = {directory}/localca.conf\n"
                                              f"create_certs_tool_options = {directory}/localca.options\n")
        ca.mkdir()
        (directory / "state").mkdir()
        run("swtpm_setup", "--runas", pwd.getpwuid(os.getuid()).pw_name, "--tpm2", "--tpmstate", directory / "state", "--config",
            directory / "setup.conf", "--create-ek-cert", "--pcr-banks", "sha1,sha256,sha384,sha512", "--lock-nvram", "--overwrite")
        for _ in range(5):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={directory}/state", "--server", f"type=tcp,port={port},bindaddr=127.0.0.1",
                 "--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            os.environ["TPM2TOOLS_TCTI"] = f"swtpm:host=127.0.0.1,port={port}"
            os.environ["TSS2_LOG"] = "all+none"
            for _ in range(50):
                if self.process.poll() is not None:
                    break
                if run("tpm2_getcap", "properties-fixed", ok=False).returncode == 0:
                    return
                time.sleep(0.1)
            self.process.kill()
            self.process.wait()
        sys.exit("swtpm does not start")

    def stop(self):
        run("tpm2_shutdown", "-c", ok=False)
        self.process.terminate()
        self.process.wait(timeout=20)


def quote(ak, banks, name, *more):
    _, scheme, digest = ak.split("-")
    run("tpm2_quote", "-c", f"{ak}.ctx", "--scheme", scheme, "-g", digest, "-l", banks, "-q", NONCE, "-m", f"{name}.attest", "-s", f"{name}.sig", "-o", f"{name}.pcrs", *more)
    run("tpm2_flushcontext", "-t")
    return ["quote", "verify", "--quote", f"{name}.attest", "--signature", f"{name}.sig", "--nonce", NONCE]


def make_keys():
    """(name, hash of its signatures) of AKs below the RSA EK."""
    run("tpm2_createek", "-c", "ek.ctx", "-G", "rsa", "-u", "ek.pub")
    run("tpm2_readpublic", "-c", "ek.ctx", "-f", "tpmt", "-o", "ek.tpmt")
    kinds = [("rsa", "rsassa", "sha256"), ("rsa", "rsapss", "sha256"), ("rsa", "rsapss", "sha384"), ("ecc", "ecdsa", "sha256"), ("ecc384", "ecdsa", "sha384"), ("ecc", "ecdsa", "sha512"),
             ("rsa", "rsassa", "sha1"), ("ecc", "ecdsa", "sha1")]
    made = []
    for algorithm, scheme, digest in kinds:
        name = f"{algorithm}-{scheme}-{digest}"
        run("tpm2_flushcontext", "-t")
        done = run("tpm2_createak", "-C", "ek.ctx", "-c", f"{name}.ctx", "-G", algorithm, "-s", scheme, "-g", digest, "-u", f"{name}.tss", ok=False)
        if done.returncode != 0:
            print(f"note: this tpm2_createak makes no {name}")
            continue
        run("tpm2_flushcontext", "-t")
        for form in ("pem", "tpmt"):
            run("tpm2_readpublic", "-c", f"{name}.ctx", "-f", form, "-o", f"{name}.{form}")
            run("tpm2_flushcontext", "-t")
        made.append((name, digest))
    return made


SELECTIONS = ["sha256:0,1,2,10", "sha1:0,7+sha256:0,7,23", "sha384:0,1,2,3,4,5,6,7,8,9", "sha512:16+sha1:3",
              "sha1:0,1,2,3,4,5,6,7+sha256:0,1,2,3,4,5,6,7+sha384:0,1,2,3,4,5,6,7+sha512:0,1,2,3,4,5,6,7"]


def test_every_form(keys):
    for n, (ak, digest) in enumerate(keys):
        allow = ["--allow-hash", "sha1"] if digest == "sha1" else []
        for i, banks in enumerate(SELECTIONS if "ecdsa-sha256" in ak else [SELECTIONS[n % len(SELECTIONS)], SELECTIONS[1]]):
            name = f"q{n}-{i}"
            argv = quote(ak, banks, name) + allow
            for form in ("pem", "tpmt", "tss"):
                code, answer = muster(*argv, "--ak", f"{ak}.{form}", "--pcrs", f"{name}.pcrs")
                check(code == 0 and answer.get("result") == "accepted", f"{ak} {banks} {form}: {code} {answer}")
                check(answer.get("ak-attributes") == ("unknown" if form == "pem" else "restricted, fixed to its TPM"), f"attributes: {answer}")
                got = {b: sorted(map(int, v)) for b, v in answer.get("pcrs", {}).items()}
                want = {b.split(":")[0]: sorted(map(int, b.split(":")[1].split(","))) for b in banks.split("+")}
                check(got == want, f"{ak} {banks}: values {got}")
            code, answer = muster(*argv, "--ak", f"{ak}.tpmt", "--ak-parent", "ek.tpmt")
            check(code == 0 and answer["ak-hierarchy"].startswith("child") and not answer["pcrs-checked"], f"{ak} below its EK: {answer}")
            if i in (0, 1) and "rsapss" not in ak:  # which tpm2_checkquote 5.4 does not know
                peer = run("tpm2_checkquote", "-u", f"{ak}.pem", "-m", f"{name}.attest", "-s", f"{name}.sig", "-f", f"{name}.pcrs", "-g", digest,
                           "-q", NONCE, ok=False)
                check(peer.returncode == 0, f"tpm2_checkquote {ak} {banks}: {peer.stdout}{peer.stderr}")
            if digest == "sha1":
                refused("signature-algorithm", *argv[:-2], "--ak", f"{ak}.tpmt")
            plain = quote(ak, banks, name + "p", "-f", "plain", "-F", "values") + allow
            for form in ("pem", "tpmt"):
                code, answer = muster(*plain, "--ak", f"{ak}.{form}", "--pcrs", f"{name}p.pcrs")
                check(code == 0, f"plain {ak} {banks} {form}: {code} {answer}")
            if digest == "sha1":
                refused("signature-algorithm", *plain[:-2], "--ak", f"{ak}.pem")


def test_json_values(keys):
    ak = keys[0][0]
    argv = quote(ak, "sha256:0,1", "j") + ["--ak", f"{ak}.tpmt"]
    code, answer = muster(*argv, "--pcrs", "j.pcrs")
    check(code == 0, "json: the dump")
    values = answer["pcrs"]
    values["sha256"]["5"] = "00" * 32
    pathlib.Path("j.json").write_text(json.dumps(values))
    code, answer = muster(*argv, "--pcrs", "j.json")
    check(code == 0 and any("ignored" in n for n in answer["notes"]), f"json: {answer}")
    values["sha256"]["1"] = "00" * 31 + "01"
    pathlib.Path("j.json").write_text(json.dumps(values))
    refused("pcr-digest", *argv, "--pcrs", "j.json")
    del values["sha256"]["1"]
    pathlib.Path("j.json").write_text(json.dumps(values))
    refused("pcr-values", *argv, "--pcrs", "j.json")


def test_refusals(keys):
    rsa, ecc = keys[0][0], next(k for k, _ in keys if k.startswith("ecc-"))
    base = quote(rsa, "sha256:0,1,2", "r")
    full = base + ["--ak", f"{rsa}.tpmt", "--pcrs", "r.pcrs"]
    at = full.index(NONCE)
    for wrong in (NONCE[:-2] + "00", "", NONCE + "00", NONCE[:-2]):
        refused("nonce-mismatch", *full[:at], wrong, *full[at + 1:])
    refused("signature-algorithm", *base, "--ak", f"{ecc}.tpmt")
    other = next(k for k, d in keys if k.startswith("rsa") and k != rsa and "rsapss-sha256" in k)
    refused("signature-algorithm", *base, "--ak", f"{other}.tpmt")
    refused("bad-signature", *base, "--ak", f"{other}.pem")
    refused("key-attributes", *base, "--ak", "ek.tpmt")
    refused("wrong-signer", *base, "--ak", f"{rsa}.tpmt", "--ak-parent", f"{ecc}.tpmt")
    quote(rsa, "sha256:0,1,3", "r2")
    refused("pcr-values", *full[:-1], "r2.pcrs")
    run("tpm2_pcrextend", "1:sha256=" + "11" * 32)
    quote(rsa, "sha256:0,1,2", "r3")
    refused("pcr-digest", *full[:-1], "r3.pcrs")
    code, _ = muster(*full[:-1], "absent.pcrs")
    check(code == 2, f"an absent file: exit {code}")
    pathlib.Path("empty").write_bytes(b"")
    refused("pcr-values", *full[:-1], "empty")
    code, _ = muster(*base, "--ak", "empty")
    check(code == 2, f"an empty key: exit {code}")
    code, _ = muster(*base[:-2], "--ak", f"{rsa}.tpmt")
    check(code == 2, f"no nonce: exit {code}")
    # an NV certificate in place of a quote: same key, same nonce, made in the same TPM
    run("tpm2_nvdefine", "-C", "o", "-s", "32", "-a", "ownerread|ownerwrite", "0x1500016")
    pathlib.Path("data").write_bytes(b"\0" * 32)
    run("tpm2_nvwrite", "-C", "o", "-i", "data", "0x1500016")
    run("tpm2_nvcertify", "-C", f"{rsa}.ctx", "-c", "o", "-g", "sha256", "-s", "rsassa", "-q", NONCE, "-o", "nv.sig", "--attestation", "nv.attest",
        "--size", "32", "0x1500016")
    run("tpm2_flushcontext", "-t")
    refused("wrong-type", "quote", "verify", "--quote", "nv.attest", "--signature", "nv.sig", "--ak", f"{rsa}.tpmt", "--nonce", NONCE)


def test_flips(keys):
    """A seeded few through the command itself; the 10,000 are in the unit test."""
    rng = random.Random(20261122)
    ak = keys[0][0]
    argv = quote(ak, "sha256:0,1,2", "f") + ["--ak", f"{ak}.tpmt", "--pcrs", "f.pcrs"]
    for name in ("f.attest", "f.sig"):
        good = pathlib.Path(name).read_bytes()
        for _ in range(20):
            bad = bytearray(good)
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            pathlib.Path(name).write_bytes(bad)
            code, answer = muster(*argv)
            check(code == 1 and answer.get("reason"), f"{name} flipped: exit {code} {answer}")
        pathlib.Path(name).write_bytes(good)
    check(muster(*argv)[0] == 0, "what was flipped is put back")


def test_evidence_without_logs(keys):
    ak = keys[0][0]
    argv = ["evidence"] + quote(ak, "sha256:0,1,2,16", "e")[1:] + ["--ak", f"{ak}.tpmt", "--pcrs", "e.pcrs"]
    code, answer = muster(*argv)
    check(code == 0 and answer["unexplained"] == ["sha256: 1"], f"evidence: PCR 1 was extended by no log: {answer}")
    check(any("nothing was judged" in n for n in answer["notes"]), f"evidence: {answer['notes']}")
    refused("boot-log-malformed", *argv, "--boot-log", "e.pcrs")
    refused("ima-not-quoted", *argv, "--ima", "empty")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=AK CA")
    pathlib.Path("ak.ext").write_text("extendedKeyUsage=2.23.133.8.3\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:false\n")
    # the AK cannot sign a request: it is restricted
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "x.key", "-subj", "/CN=vm7.TrustedVM.Azure.windows.net", "-out", "x.csr")
    run("openssl", "x509", "-req", "-in", "x.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ak.ext",
        "-force_pubkey", f"{ak}.pem", "-out", "ak.crt")
    pathlib.Path("akroots").mkdir()
    shutil.copy("ca.pem", "akroots/ca.pem")
    code, answer = muster(*argv, "--ak-cert", "ak.crt", "--roots", "akroots")
    check(code == 0 and answer["claims"]["ak.azure.vm"] == "vm7" and answer["claims"]["attester.assurance"] == "hardware", f"AK certificate: {answer}")
    code, answer = muster("ak", "verify", "ak.crt", "--roots", "akroots", "--ak-public", f"{ak}.tpmt")
    check(code == 0 and answer["key"] == "the one given", f"ak verify: {answer}")
    refused("other-key", "ak", "verify", "ak.crt", "--roots", "akroots", "--ak-public", f"{keys[1][0]}.tpmt")
    refused("wrong-purpose", "ek", "verify", "ak.crt", "--roots", "akroots")
    refused("other-key", *argv, "--ak-cert", "ekcert.der", "--roots", "roots")
    refused("no-root", *argv, "--ak-cert", "ak.crt", "--roots", "roots")


def test_ek(tpm):
    roots = pathlib.Path("roots")
    roots.mkdir()
    for name in ("issuercert.pem", "swtpm-localca-rootca-cert.pem"):
        shutil.copy(tpm.dir / "ca" / name, roots / name)
    run("tpm2_nvread", "0x1c00002", "-o", "ekcert.der")
    pathlib.Path("padded.der").write_bytes(pathlib.Path("ekcert.der").read_bytes() + b"\xff" * 700)
    for cert in ("ekcert.der", "padded.der"):
        code, answer = muster("ek", "verify", cert, "--roots", "roots", "--ek-public", "ek.tpmt")
        check(code == 0 and answer["chain-root"] == "CN=swtpm-localca-rootca" and answer["key"] == "the one given", f"{cert}: {answer}")
        check(answer["claims"]["ek.model"] == "swtpm" and answer["claims"]["ek.maker-id"] == "id:00001014", f"{cert}: {answer['claims']}")
    run("openssl", "x509", "-inform", "DER", "-in", "ekcert.der", "-out", "ekcert.pem")
    check(muster("ek", "verify", "ekcert.pem", "--roots", "roots")[0] == 0, "ek verify of PEM")
    (roots / "issuercert.pem").rename("issuer.pem")
    refused("no-root", "ek", "verify", "ekcert.der", "--roots", "roots")
    check(muster("ek", "verify", "ekcert.der", "--roots", "roots", "--chain", "issuer.pem")[0] == 0, "ek verify --chain")
    refused("crl-missing", "ek", "verify", "ekcert.der", "--roots", "roots", "--chain", "issuer.pem", "--crl-required")
    refused("not-yet-valid", "ek", "verify", "ekcert.der", "--roots", "roots", "--chain", "issuer.pem", "--time", "2001-01-01T00:00:00Z")
    pathlib.Path("part").mkdir()
    shutil.copy("issuer.pem", "part/issuer.pem")
    refused("partial-chain", "ek", "verify", "ekcert.der", "--roots", "part")
    code, answer = muster("ek", "verify", "ekcert.der", "--roots", "part", "--partial-chain")
    check(code == 0 and answer["partial-chain"] is True, f"partial chain: {answer}")
    (pathlib.Path("part") / "rubbish.pem").write_text("hello")
    code, answer = muster("ek", "verify", "ekcert.der", "--roots", "part", "--partial-chain")
    check(code == 2 and "rubbish.pem" in json.dumps(answer), f"a bad file is named: {code} {answer}")
    code, _ = muster("ek", "verify", "ekcert.der")
    check(code == 2, f"no roots: exit {code}")
    (roots / "issuercert.pem").write_bytes(pathlib.Path("issuer.pem").read_bytes())


def main():
    for tool in TOOLS:
        if shutil.which(tool) is None:
            print(f"{tool} is missing: skipped")
            sys.exit(77)
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        os.environ["HOME"] = directory
        tpm = Tpm(pathlib.Path(directory))
        try:
            keys = make_keys()
            test_every_form(keys)
            test_json_values(keys)
            test_refusals(keys)
            test_flips(keys)
            test_ek(tpm)
            test_evidence_without_logs(keys)
        finally:
            tpm.stop()
    print(f"offline: {len(keys)} keys, {len(SELECTIONS)} selections, {failures} failures")
    sys.exit(1 if failures else 0)


main()

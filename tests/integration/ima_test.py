"""muster ima replay and ima verify from files: ima_test.py MUSTER. PCR 10 is computed here, by another implementation."""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

MUSTER = os.path.abspath(sys.argv[1])
HERE = pathlib.Path(__file__).resolve().parent.parent
DATA = HERE / "data" / "measured-boot"
VECTORS = pathlib.Path(os.environ.get("MUSTER_VECTORS", HERE.parent.parent / "shared" / "vectors")) / "ima-keylime"
tmp = pathlib.Path(tempfile.mkdtemp(prefix="muster-ima-"))
passed = 0


def check(what, good, detail=""):
    global passed
    if not good:
        raise SystemExit(f"FAILED: {what}\n{detail}")
    passed += 1
    print("ok", what, flush=True)


def ima(*argv, exit=0):
    done = subprocess.run([MUSTER, "ima", *map(str, argv)], capture_output=True, env={**os.environ, "NO_COLOR": "1"}, timeout=60)
    text = f"muster ima {' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    if done.returncode != exit:
        raise SystemExit(f"FAILED: exit {exit} was expected\n{text}")
    return done.stdout.decode() + done.stderr.decode()


def field(b):
    return struct.pack("<I", len(b)) + b


def digest_ng(text):
    head, value = text.rsplit(":", 1)
    return field(head.encode() + b":\0" + bytes.fromhex(value))


def data_of(line):
    """Template data of one ASCII line of the three templates that the files here have; paths in them have no spaces."""
    _, listed, template, digest, path, *rest = line.rstrip("\n").split(" ")
    data = digest_ng(digest) + field(path.encode() + b"\0")
    return listed, data + (field(bytes.fromhex(rest[0] if rest else "")) if template in ("ima-sig", "ima-buf") else b"")


def pcr10(lines, bank="sha256", padded=False):
    size = hashlib.new(bank).digest_size
    pcr = bytes(size)
    for line in lines:
        listed, data = data_of(line)
        digest = hashlib.sha1(data).digest().ljust(size, b"\0") if padded else hashlib.new(bank, data).digest()
        if not int(listed, 16):
            digest = b"\xff" * size
        pcr = hashlib.new(bank, pcr + digest).digest()
    return pcr.hex()


def write(name, text):
    (tmp / name).write_text(text)
    return tmp / name


def recorded(machine):
    with open(DATA / machine / "sysfs_pcrs", encoding="ascii") as f:
        rows = [row.split() for row in f]
    return {(row[0], int(row[1])): row[2].lower() for row in rows if len(row) == 3}


def replays():
    for machine in ("good", "banks"):
        pcrs = recorded(machine)
        both = [json.loads(ima("replay", DATA / machine / form, "--json")) for form in ("ima_ascii", "ima_binary")]
        for out in both:
            for e in out["entries"]:
                e.pop("line", None)
        check(f"{machine}: both forms of the list are the same entries", both[0] == both[1])
        check(f"{machine}: PCR 10 is the machine's", both[0]["pcr10"]["sha256"] == pcrs["sha256", 10])
    check("banks: SHA-1, and SHA-384 as its kernel fills it up",
          (both[0]["pcr10"]["sha1"], both[0]["pcr10-padded"]["sha384"]) == (pcrs["sha1", 10], pcrs["sha384", 10]))
    lines = ima("replay", DATA / "good" / "ima_ascii").splitlines()
    check("people see number, template, digest and path in columns",
          lines[1].split()[0] == "1" and lines[1].endswith("  /init") and len({line.index("sha256:") for line in lines[:40]}) == 1, lines[1])
    shown = ima("replay", DATA / "good" / "ima_ascii", "--bank", "sha384")
    check("--bank shows only that bank, and the other way to extend it", "sha256 " not in shown.split("PCR 10")[1] and "fills up SHA-1" in shown)
    odd = write("odd", f"10 {'0' * 40} ima-ng sha1:{'0' * 40} /tmp/\x1b[2J\n")
    check("control characters are escaped", "\x1b" not in ima("replay", odd) and "\\x1b" in ima("replay", odd))
    ima("replay", tmp / "absent", exit=2)
    ima("replay", write("text", "hello\n"), exit=2)
    ima("replay", DATA / "good" / "ima_ascii", "--bank", "md5", exit=2)


def verifies():
    text = (DATA / "good" / "ima_ascii").read_text()
    lines = text.splitlines(keepends=True)
    good = recorded("good")["sha256", 10]
    files = "".join(f"{line.split()[3][7:]}  {line.split()[4]}\n" for line in lines[1:])
    policy = write("files", files)
    list_ = DATA / "good" / "ima_ascii"
    check("PCR 10 computed here is the machine's", pcr10(lines) == good)
    check("without a policy nothing is judged, and that is said", "nothing was judged" in ima("verify", list_, "--pcr10", good))
    out = json.loads(ima("verify", DATA / "good" / "ima_binary", "--pcr10", good, "--policy", policy, "--json"))
    check("with the files of the machine it is accepted", out["result"] == "accepted" and out["entries"] == len(lines))
    early = pcr10(lines[:30])
    out = json.loads(ima("verify", list_, "--pcr10", early, "--json"))
    check("a list that grew after the quote is judged up to it", out["entries"] == 30 and str(len(lines) - 30) in out["notes"][0], out)

    def refused(what, reason, says, *argv):
        out = json.loads(ima("verify", *argv, "--json", exit=1))
        check(f"{what}: {reason}", out["reason"] == reason and says in json.dumps(out), json.dumps(out, indent=1))

    refused("another PCR 10", "ima-does-not-replay", "after none of", list_, "--pcr10", "00" * 31 + "01")
    refused("a zero PCR 10", "pcr-zero", "measured nothing", list_, "--pcr10", "00" * 32)
    refused("a line changed", "ima-does-not-replay", "entry 4 (line 5), /mod/virtua.ko", write("changed", text.replace("/virtio.ko", "/virtua.ko")),
            "--pcr10", good)
    refused("a line dropped", "ima-does-not-replay", "after none of", write("dropped", "".join(lines[:7] + lines[8:])), "--pcr10", good)
    refused("two lines swapped", "ima-does-not-replay", "after none of", write("swapped", "".join(lines[:7] + [lines[8], lines[7]] + lines[9:])),
            "--pcr10", good)
    refused("a line taken for a violation", "ima-does-not-replay", "after none of",
            write("zeroed", "".join(lines[:7] + [lines[7].replace(lines[7].split()[1], "0" * 40)] + lines[8:])), "--pcr10", good)
    less = write("less", "".join(files.splitlines(keepends=True)[:10] + files.splitlines(keepends=True)[11:]))
    refused("a file that no line lists", "file-unknown", f"entry 11 (line 12), {lines[11].split()[4]}", list_, "--pcr10", good, "--policy", less)
    other = write("other", files.replace(files[:8], "deadbeef", 1))
    refused("a file with another digest", "file-mismatch", "which has sha256:deadbeef", list_, "--pcr10", good, "--policy", other)
    out = ima("verify", list_, "--pcr10", good, "--policy", less, "--exclude", "/lib64/")
    check("--exclude leaves paths out", "accepted" in out)
    ima("verify", list_, "--pcr10", good, "--exclude", "", exit=2)
    ima("verify", list_, "--pcr10", "00", exit=2)
    ima("verify", list_, exit=2)
    ima("verify", list_, "--pcr10", good, "--policy", write("nonsense", "what is this\n"), exit=2)
    ima("verify", list_, "--pcr10", good, "--policy", write("empty", ""), exit=2)
    ima("verify", list_, "--pcr10", good, "--policy", tmp / "absent", exit=2)
    ima("verify", list_, "--pcr10", good, "--key", policy, exit=2)
    unsigned = json.loads(ima("verify", list_, "--pcr10", good, "--key", ec_key(), "--json", exit=1))
    check("with keys alone, files that nobody signed are refused, each by its line",
          unsigned["reason"] == "file-unsigned" and len(unsigned["problems"]) == len(lines) - 1)
    return lines, good, policy, refused


def ec_key():
    key, pub = tmp / "ec.key", tmp / "ec.pub"
    if not pub.exists():
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True, capture_output=True)
        subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", pub], check=True, capture_output=True)
    return pub


def openssl(*argv):
    return subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True).stdout


def sign(key, bank, digest, skid):
    """security.ima as evmctl writes it: version 2, over the digest of the file."""
    (tmp / "digest").write_bytes(digest)
    sig = openssl("pkeyutl", "-sign", "-inkey", key, "-in", tmp / "digest", "-pkeyopt", f"digest:{bank}")
    return b"\x03\x02" + bytes([{"sha256": 4, "sha384": 5, "sha512": 6, "sha1": 2}[bank]]) + skid + struct.pack(">H", len(sig)) + sig


def line(path, value, signature, bank="sha256"):
    data = digest_ng(f"{bank}:" + value.hex()) + field(path.encode() + b"\0") + field(signature)
    return f"10 {hashlib.sha1(data).hexdigest()} ima-sig {bank}:{value.hex()} {path} {signature.hex()}\n"


def every_kind_of_key():
    """Certificates, so that the key is named by their SubjectKeyIdentifier, in PEM and in DER."""
    kinds = [(["-newkey", "rsa:2048"], "sha256", 0), (["-newkey", "rsa:4096"], "sha512", 0), (["-newkey", "rsa:3072"], "sha384", 0),
             (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "sha512", 0), (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "sha384", 0),
             (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "sha256", 0), (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "sha512", 0),
             (["-newkey", "rsa:2048"], "sha1", 1), (["-newkey", "rsa:1024"], "sha256", 2), (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "sha512", 2)]
    for i, (new, bank, exit) in enumerate(kinds):
        key, cert = tmp / "k.pem", tmp / "c"
        form = "DER" if i % 2 else "PEM"
        openssl("req", "-x509", *new, "-nodes", "-keyout", key, "-subj", "/CN=ima", "-outform", form, "-out", cert)
        ext = openssl("x509", "-in", cert, "-inform", form, "-noout", "-ext", "subjectKeyIdentifier").decode()
        skid = bytes.fromhex(ext.splitlines()[1].strip().replace(":", ""))
        digest = hashlib.new(bank, b"file").digest()
        list_ = [line("/opt/f", digest, sign(key, bank, digest, skid[-4:]), bank)]
        out = ima("verify", write("l", "".join(list_)), "--pcr10", pcr10(list_), "--key", cert, exit=exit)
        check(f"{new[-1]} with {bank}: exit {exit}", exit != 1 or "made with a hash that is not taken" in out, out)


def signatures_and_violations(lines, policy, refused):
    pub = ec_key()
    der = openssl("pkey", "-pubin", "-in", pub, "-outform", "DER")
    digest = hashlib.sha256(b"signed file").digest()
    body = sign(tmp / "ec.key", "sha256", digest, hashlib.sha1(der[-65:]).digest()[-4:])
    signed = lines + [line("/opt/signed", digest, body)]
    out = ima("verify", write("signed", "".join(signed)), "--pcr10", pcr10(signed), "--policy", policy, "--key", pub)
    check("a file that is not listed but signed by a given key is accepted", "accepted" in out)
    refused("the same without the key", "file-unknown", "/opt/signed", tmp / "signed", "--pcr10", pcr10(signed), "--policy", policy)
    forged = lines + [line("/opt/forged", hashlib.sha256(b"other").digest(), body)]
    refused("a signature of another file", "file-signature-bad", "/opt/forged", write("forged", "".join(forged)), "--pcr10", pcr10(forged),
            "--policy", policy, "--key", pub)
    violation = lines + [f"10 {'0' * 40} ima-sig sha256:{'0' * 64} /tmp/x \n"]
    args = write("violation", "".join(violation)), "--pcr10", pcr10(violation), "--policy", policy
    refused("a violation, whatever path it says it has", "file-violation", "/tmp/x", *args, "--exclude", "/tmp/")
    check("--allow-violations", "violations        1" in ima("verify", *args, "--allow-violations"))


def aggregates(good):
    banks = {}
    for row in (DATA / "good" / "pcrs_all.txt").read_text().splitlines():
        name, _, value = row.partition(":")
        if not value.strip():
            bank = banks.setdefault(name.strip(), {})
        else:
            bank[name.strip()] = value.strip()[2:].lower()
    banks = {k: v for k, v in banks.items() if v}
    list_ = DATA / "good" / "ima_binary"
    out = ima("verify", list_, "--pcr10", good, "--boot-log-pcrs", write("pcrs", json.dumps(banks)))
    check("the boot aggregate is the digest of the machine's PCRs 0 to 9", "boot-aggregate    pcrs-0-9" in out, out)
    banks["sha256"]["4"] = "11" * 32
    out = json.loads(ima("verify", list_, "--pcr10", good, "--boot-log-pcrs", write("pcrs", json.dumps(banks)), "--json", exit=1))
    check("another PCR 4 is refused, and entry 0 named", out["reason"] == "boot-aggregate-differs" and "entry 0" in out["detail"], out)
    del banks["sha256"]["4"]
    ima("verify", list_, "--pcr10", good, "--boot-log-pcrs", write("pcrs", json.dumps(banks)), exit=1)
    ima("verify", list_, "--pcr10", good, "--boot-log-pcrs", write("pcrs", "[]"), exit=2)


def keylime():
    if not VECTORS.is_dir():
        print("skipped: the shared vectors are not here")
        return
    strings = VECTORS / "strings"
    pcr = {}
    for name in ("MEASUREMENTS", "SIGNATURES", "COMBINED", "KEYRINGS"):
        lines = [line for line in (strings / f"{name}.txt").read_text().splitlines() if line]
        pcr[name] = pcr10(lines)

    def verify(name, *argv, exit=0):
        return ima("verify", strings / f"{name}.txt", "--pcr10", pcr[name], *argv, exit=exit)

    policy, wrong = strings / "RUNTIME_POLICY_TEST.json", strings / "RUNTIME_POLICY_WRONG.json"
    rsa = VECTORS / "rsa2048pub.pem"
    excludes = [x for path in json.loads((strings / "EXCLUDES.json").read_text()) for x in ("--exclude", path)]
    verify("MEASUREMENTS", "--policy", policy)
    verify("MEASUREMENTS", "--policy", wrong, exit=1)
    verify("SIGNATURES", "--policy", policy)
    verify("SIGNATURES", "--key", rsa, exit=1)  # the other file's key is on secp256k1, which is not taken
    verify("SIGNATURES", "--key", rsa, "--exclude", "/usr/bin/zmore")
    verify("KEYRINGS", "--policy", policy)
    verify("KEYRINGS", "--policy", write("other.json", policy.read_text().replace("a7d52aaa", "deadbeef")), exit=1)
    verify("COMBINED", "--policy", policy)
    verify("COMBINED", "--policy", wrong, exit=1)
    verify("COMBINED", "--policy", wrong, *excludes)
    verify("COMBINED", "--key", rsa, *excludes)
    out = ima("replay", strings / "BAD_SIGNATURES.txt", exit=1)
    check("Keylime's lists and policies give the answers that they should", "template digest" in out)
    ima("verify", strings / "MEASUREMENTS.txt", "--pcr10", pcr["MEASUREMENTS"], "--policy",
        write("regex.json", policy.read_text().replace('"excludes": []', '"excludes": ["/tmp/.*"]')), exit=2)
    ima("verify", strings / "MEASUREMENTS.txt", "--pcr10", pcr["MEASUREMENTS"], "--key", VECTORS / "secp256k1.pem", exit=2)
    check("regular expressions, private keys and secp256k1 are refused as such", True)


replays()
LINES, GOOD, POLICY, REFUSED = verifies()
signatures_and_violations(LINES, POLICY, REFUSED)
every_kind_of_key()
aggregates(GOOD)
keylime()
print(f"{passed} checks passed")

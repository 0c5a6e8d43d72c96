"""The muster command, offline and against a real server: cli_test.py MUSTER MUSTERD ROLE_PROGRAM...

Makes deployments with key files and with SoftHSM, checks what they are, refuses what must be refused, runs musterd on one of
them and works with it as an operator, a factory and an auditor do."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import cbor2

MUSTER, MUSTERD, *ROLES = [os.path.abspath(p) for p in sys.argv[1:]]
ROOT = os.geteuid() == 0
# The PKCS#11 module leaks a little at its end; what is ours is looked for in the runs without it.
ENV = {**os.environ, "NO_COLOR": "1", "ASAN_OPTIONS": "detect_leaks=0"}
ENV.pop("MUSTER_DEPLOYMENT", None)
passed = 0


def check(what, good, detail=""):
    global passed
    if not good:
        raise SystemExit(f"FAILED: {what}\n{detail}")
    passed += 1
    print("ok", what, flush=True)


def muster(*argv, exit=0, stdin=b"", deployment=None):
    env = dict(ENV, **({"MUSTER_DEPLOYMENT": str(deployment)} if deployment else {}))
    done = subprocess.run([MUSTER, *map(str, argv)], input=stdin, capture_output=True, env=env, timeout=120)
    text = f"muster {' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    if done.returncode != exit:
        raise SystemExit(f"FAILED: exit {exit} was expected\n{text}")
    return done.stdout.decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def init(where, backend, port=8443, **more):
    options = [x for k, v in more.items() for x in ([f"--{k.replace('_', '-')}"] + ([] if v is None else [v]))]
    if ROOT:
        options += ["--uid-base", 61000]
    return json.loads(muster("init", "--dir", where, "--name", "test works", "--trust-domain", "example.org", "--backend", backend,
                             "--listen", f"127.0.0.1:{port}", "--json", *options))


def offline_init(tmp):
    keyfile, softhsm = tmp / "keyfile", tmp / "softhsm"
    out = init(keyfile, "keyfile", factory_key=None)
    check("init prints the hash of root.cbor", out["root_sha256"] == hashlib.sha256((keyfile / "root.cbor").read_bytes()).hexdigest())
    secret_files = [p for p in keyfile.rglob("*") if p.name in ("keys", "passphrase", "operator.key")]
    check("I4 key files and passphrases are for their owner only", len(secret_files) == 10 and
          all(p.stat().st_mode & 0o77 == 0 for p in secret_files), secret_files)
    if ROOT:
        check("each role owns its directory", (keyfile / "state/core").stat().st_uid == 61005 and
              (keyfile / "state/token-keeper/keys").stat().st_uid == 61001 and (keyfile / "state/token-notary/keys").stat().st_uid == 61000)
    before = {p: p.read_bytes() for p in keyfile.rglob("*") if p.is_file()}
    muster("init", "--dir", keyfile, "--name", "x", "--trust-domain", "x.org", "--backend", "keyfile", exit=1)
    check("init overwrites nothing", before == {p: p.read_bytes() for p in keyfile.rglob("*") if p.is_file()})
    for bad in (["--backend", "paper"], ["--backend", "keyfile", "--trust-domain", "Bad Domain"], ["--backend", "keyfile", "--listen", "8443"],
                ["--backend", "keyfile", "--name", 'a"b'], ["--backend", "keyfile", "--uid-base", "0"],
                ["--backend", "softhsm", "--pkcs11-module", "/nonexistent.so"]):
        muster("init", "--dir", tmp / "bad", "--name", "x", "--trust-domain", "x.org", *bad, exit=2)
    check("init refuses what it cannot use and makes nothing", not (tmp / "bad").exists())
    if pathlib.Path("/usr/lib/softhsm/libsofthsm2.so").exists():
        init(softhsm, "softhsm")
        raw = b"".join(p.read_bytes() for p in (softhsm / "state").rglob("*.object"))
        check("softhsm keys are in two tokens and one apart", len(raw) > 0 and (softhsm / "offline/tokens").is_dir())
    for d in (keyfile, softhsm):
        if d.exists():
            done = subprocess.run([MUSTERD, "--config", d / "musterd.yaml", "--check-config"], capture_output=True, text=True, env=ENV)
            wrong = [x for x in done.stdout.splitlines() if x.startswith("FAILED") and "program" not in x and "listen" not in x and "user" not in x]
            check(f"musterd takes the configuration of {d.name}", wrong == [] and "ok     deployment root" in done.stdout, done.stdout + done.stderr)
    return keyfile


def offline_batch(tmp, d):
    good = "serial,model,ek_hash\n" + "".join(f"S{i},press,{hashlib.sha256(b'%d' % i).hexdigest()}\n" for i in range(5))
    (tmp / "good.csv").write_text(good)
    (tmp / "bad.csv").write_text(good + "S9,press,zz\n")
    muster("batch", "create", tmp / "good.csv", "-o", tmp / "m", "--id", "b1", "--maker", "Works", deployment=d)
    file = cbor2.loads((tmp / "m").read_bytes())
    payload = cbor2.loads(cbor2.loads(file[1]).value[2])
    body = cbor2.loads(payload[7])
    leaves = [hashlib.sha256(b"\0" + r).digest() for r in file[2]]

    def root(x):
        if len(x) == 1:
            return x[0]
        k = 1
        while k * 2 < len(x):
            k *= 2
        return hashlib.sha256(b"\1" + root(x[:k]) + root(x[k:])).digest()
    check("a manifest's root is that of its rows, in the order of the file", body[3] == 5 and body[4] == root(leaves) and
          cbor2.loads(file[2][3])[1] == "S3" and payload[2] == "server")
    out = muster("batch", "create", tmp / "bad.csv", "-o", tmp / "m2", "--id", "b", "--maker", "W", "--json", exit=2, deployment=d)
    check("a bad line of CSV is named", "bad.csv:7: ek_hash" in json.loads(out)["text"] and not (tmp / "m2").exists())
    muster("batch", "create", tmp / "good.csv", "-o", tmp / "m", "--id", "b", "--maker", "W", exit=1, deployment=d)
    muster("batch", "create", tmp / "good.csv", "-o", tmp / "m3", "--id", "B!", "--maker", "W", exit=2, deployment=d)
    (tmp / "wrong").write_text("not it")
    (tmp / "wrong").chmod(0o600)
    muster("batch", "create", tmp / "good.csv", "-o", tmp / "m3", "--id", "b", "--maker", "W", "--passphrase-file", tmp / "wrong", exit=1,
           deployment=d)
    (tmp / "wrong").chmod(0o644)
    muster("batch", "create", tmp / "good.csv", "-o", tmp / "m3", "--id", "b", "--maker", "W", "--passphrase-file", tmp / "wrong", exit=2,
           deployment=d)
    check("a wrong or readable passphrase makes no manifest", not (tmp / "m3").exists())


def offline_policy(tmp, d, source):
    policy = source / "docs/examples/policy"
    out = json.loads(muster("policy", "check", policy, "--json"))
    check("the example policy is good", out["rules"] > 0 and len(out["id"]) == 64)
    shutil.copytree(policy, tmp / "policy")
    with open(sorted((tmp / "policy").glob("*.yaml"))[0], "a") as f:
        f.write("\nsurprise: 1\n")
    out = json.loads(muster("policy", "check", tmp / "policy", "--json", exit=2))
    check("an error in a policy names file, line and key", ".yaml:" in out["text"] and "surprise" in out["text"], out)
    muster("policy", "check", tmp / "nowhere", exit=2)
    muster("status", "--server", f"https://127.0.0.1:{free_port()}", exit=3, deployment=d)
    muster("secret", "put", "a/b", exit=2, stdin=b"x", deployment=d)
    check("a secret for no one and a server that is not there are told apart", True)


def backup(tmp, d):
    muster("backup", "create", "-o", tmp / "b.tar", "--deployment", d)
    check("a backup is for its owner only", (tmp / "b.tar").stat().st_mode & 0o777 == 0o600)
    muster("backup", "create", "-o", tmp / "b.tar", "--deployment", d, exit=1)
    muster("backup", "restore", tmp / "b.tar", "--dir", tmp / "restored")
    same = [p for p in d.rglob("*") if p.is_file() and "offline" not in p.parts and "store.db" not in p.name and
            not {"log", "run"} & set(p.parts)]
    check("a restored deployment has the same files, modes and owners", len(same) > 10 and all(
        (tmp / "restored" / p.relative_to(d)).read_bytes() == p.read_bytes() and
        (tmp / "restored" / p.relative_to(d)).stat().st_mode == p.stat().st_mode and
        (tmp / "restored" / p.relative_to(d)).stat().st_uid == p.stat().st_uid for p in same))
    check("the CA root key is in no backup", not (tmp / "restored/offline").exists())
    muster("backup", "restore", tmp / "b.tar", "--dir", tmp / "restored", exit=1)
    import io
    import tarfile
    for name in ("../evil", "/evil", "a/../../evil", "./x"):
        with tarfile.open(tmp / "evil.tar", "w", format=tarfile.USTAR_FORMAT) as t:
            t.addfile(tarfile.TarInfo(name), io.BytesIO())
        muster("backup", "restore", tmp / "evil.tar", "--dir", tmp / "evil-out", exit=2)
        shutil.rmtree(tmp / "evil-out", ignore_errors=True)
    link = tarfile.TarInfo("client")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(tmp / "evil.tar", "w") as t:
        t.addfile(link)
    muster("backup", "restore", tmp / "evil.tar", "--dir", tmp / "evil-out", exit=2)
    check("I10 an archive that reaches outside is refused", not (tmp.parent / "evil").exists() and not pathlib.Path("/evil").exists())


def online(tmp, source):
    d, port = tmp / "online", free_port()
    init(d, "keyfile", port, factory_key=None)
    libexec = tmp / "libexec"
    libexec.mkdir()
    for p in ROLES:
        (libexec / pathlib.Path(p).name).symlink_to(p)
    log = open(tmp / "musterd.log", "w+")
    server = subprocess.Popen([MUSTERD, "--development", "--config", d / "musterd.yaml"], stdout=log, stderr=log,
                              env={**ENV, "MUSTER_LIBEXECDIR": str(libexec)})
    try:
        end = time.monotonic() + 60
        while "supervisor.ready" not in (tmp / "musterd.log").read_text():
            if time.monotonic() > end or server.poll() is not None:
                raise SystemExit("FAILED: musterd does not serve\n" + (tmp / "musterd.log").read_text())
            time.sleep(0.2)
        work(tmp, d, source)
        backup(tmp, d)
    except BaseException:
        print((tmp / "musterd.log").read_text())
        raise
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    audit(tmp, d)


def work(tmp, d, source):
    muster("batch", "create", tmp / "good.csv", "-o", tmp / "good.m", "--id", "b1", "--maker", "Works", deployment=d / "factory")
    status = json.loads(muster("status", "--json", deployment=d))
    check("status of a new server: no device, no policy", status["devices"] == {} and status["policy_version"] == 0 and status["entries"] > 0)
    out = json.loads(muster("batch", "import", tmp / "good.m", "--json", deployment=d / "factory"))
    check("the factory's key imports a batch as a change", "5 devices" in out["done"] and int(out["change"]) > 0)
    muster("policy", "apply", source / "docs/examples/policy", exit=1, deployment=d / "factory")
    muster("secret", "list", exit=1, deployment=d / "factory")
    for argv in (["policy", "plan", source / "docs/examples/policy"], ["policy", "drift", source / "docs/examples/policy"], ["policy", "explain", "any"],
                 ["policy", "simulate", source / "docs/examples/policy"], ["evidence", "list"], ["evidence", "export", "any", "-o", tmp / "e"], ["reference", "show", "any"]):
        out = json.loads(muster(*argv, "--json", exit=1, deployment=d / "factory"))
        check(f"what only operators may see is not shown to the factory: {argv[0]} {argv[1]}", out["code"] == "denied", out)
    check("the factory's key does nothing else", json.loads(muster("policy", "show", "--json", deployment=d))["version"] == 0)
    muster("batch", "import", tmp / "good.m", exit=1, deployment=d)
    muster("batch", "import", tmp / "m", exit=1, deployment=d)
    check("a batch is imported once, and only this deployment's", len(json.loads(muster("batch", "list", "--json", deployment=d))) == 1)
    muster("policy", "apply", source / "docs/examples/policy", deployment=d)
    shown = json.loads(muster("policy", "show", "--json", deployment=d))
    checked = json.loads(muster("policy", "check", source / "docs/examples/policy", "--json"))
    check("the policy in force is the one that was checked", shown["version"] == 1 and
          hashlib.sha256(bytes.fromhex(shown["object"])).hexdigest() == checked["id"])
    (tmp / "yaml").mkdir()
    (tmp / "yaml/p.yaml").write_text(shown["yaml"])
    check("policy show compiles to the same policy", json.loads(muster("policy", "check", tmp / "yaml", "--json"))["id"] == checked["id"])
    canary = b"canary-" + os.urandom(8).hex().encode()
    muster("secret", "put", "line4/pw", "--for", "model=press", stdin=canary, deployment=d)
    muster("secret", "put", "line4/pw", "--for", "model=press", stdin=b"", exit=2, deployment=d)
    muster("secret", "put", "line4/pw", "--for", "anyone", stdin=b"x", exit=2, deployment=d)
    rows = json.loads(muster("secret", "list", "--json", deployment=d))
    check("a secret is listed without its value", rows[0]["path"] == "line4/pw" and rows[0]["stored_version"] == 1 and
          canary.decode() not in json.dumps(rows))
    stored = b"".join(p.read_bytes() for p in (d / "state").rglob("*") if p.is_file()) + (tmp / "musterd.log").read_bytes()
    check("I9 its value is in no file of the server", canary not in stored and canary.hex().encode() not in stored)
    changes = json.loads(muster("change", "list", "--json", deployment=d))
    check("changes are listed, newest first", [c["operation"] for c in changes] == ["secret.put", "policy.set", "reference.set", "reference.set", "batch.import"], changes)
    one = json.loads(muster("change", "show", changes[-1]["entry"], "--json", deployment=d))
    check("a change is shown as its author signed it", one["signed_by"] == "factory" and one["operation"] == "batch.import")
    check("a limited list is the beginning of the whole", json.loads(muster("change", "list", "--limit", 2, "--json", deployment=d)) == changes[:2])
    operators = {o["name"]: o["role"] for o in json.loads(muster("operator", "list", "--json", deployment=d))}
    check("operators are those of the root", operators == {"admin": "admin", "factory": "factory"})
    for argv in (["device", "show", "nosuch"], ["device", "revoke", "nosuch", "--yes"], ["cert", "show", "0" * 32], ["change", "show", "9999"],
                 ["secret", "delete", "no/such"], ["reference", "capture", "nosuch", "--name", "r"]):
        muster(*argv, exit=1, deployment=d)
    for name in ("device", "cert"):
        check(f"{name} list is empty and says so", json.loads(muster(name, "list", "--json", deployment=d)) == [])
    tail = json.loads(muster("audit", "tail", "--limit", 3, "--json", deployment=d))
    check("audit tail shows the newest entries in order", len(tail) == 3 and tail[0]["entry"] + 2 == tail[2]["entry"])
    for argv in (["change", "list"], ["batch", "list"], ["status"]):
        out = json.loads(muster(*argv, "--tenant", "other", "--json", exit=1, deployment=d))
        check(f"I8 {' '.join(argv)} tells nothing of another tenant", out["code"] == "not-found", out)


def audit(tmp, d):
    log, store = tmp / "log", d / "state/core/store.db"
    shutil.copytree(d / "state/core/log", log)
    root = d / "root.cbor"
    out = json.loads(muster("audit", "verify", log, "--root", root, "--json"))
    n = out["entries"]
    check("the exported log verifies", n > 8)
    muster("audit", "verify", log, "--root", tmp / "keyfile/root.cbor", exit=1)
    muster("audit", "verify", tmp / "nowhere", "--root", root, exit=2)
    muster("audit", "verify", log, "--vkey", "nonsense", exit=2)
    muster("audit", "prove", log, n - 1, "-o", tmp / "t", "--root", root)
    muster("audit", "prove", "--check", tmp / "t", tmp / "t.entry", "--root", root)
    entry = bytearray((tmp / "t.entry").read_bytes())
    entry[-1] ^= 1
    (tmp / "t2").write_bytes(entry)
    muster("audit", "prove", "--check", tmp / "t", tmp / "t2", "--root", root, exit=1)
    muster("audit", "prove", log, n, "-o", tmp / "t3", "--root", root, exit=1)
    check("a ticket proves its entry and no other", True)
    for f in sorted(p for p in log.rglob("*") if p.is_file()):
        good = f.read_bytes()
        f.write_bytes(good[:len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1:])
        out = json.loads(muster("audit", "verify", log, "--root", root, "--json", exit=1))
        check(f"a changed byte in {f.relative_to(log)} is refused", str(f.relative_to(log).parts[0]) in out["text"], out)
        f.write_bytes(good)
    out = json.loads(muster("audit", "replay", "--store", store, "--json"))
    check("I3 the database is what the log says", out["entries"] == n and out["rows"] > 0, out)
    import sqlite3
    copy = tmp / "copy.db"
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    with sqlite3.connect(copy) as into:
        db.backup(into)
    into.close()
    check("I3 a copy replays as well", json.loads(muster("audit", "replay", "--store", copy, "--json"))["entries"] == n)


def main():
    source = pathlib.Path(__file__).resolve().parent.parent.parent
    with tempfile.TemporaryDirectory(prefix="muster-cli-") as name:
        tmp = pathlib.Path(name)
        tmp.chmod(0o711)
        d = offline_init(tmp)
        offline_batch(tmp, d)
        offline_policy(tmp, d, source)
        if ROOT:
            online(tmp, source)
        else:
            backup(tmp, d)
    print(f"{passed} passed")


main()

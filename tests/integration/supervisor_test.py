"""musterd with stand-in roles and the real appraiser: starting, cages, hand-over of listeners, restart, stop.

supervisor_test.py MUSTERD STANDIN APPRAISER"""
import os, shutil, signal, socket, subprocess, sys, tempfile, time

MUSTERD, STANDIN, APPRAISER = sys.argv[1:4]
ROOT = os.geteuid() == 0
UID_BASE = 64200
PROGRAMS = ["muster-token", "muster-notary", "muster-keeper", "muster-core", "muster-net"]
ROLES = 8  # two tokens, notary, keeper, appraiser, core, two net
failures = 0


def check(ok, what):
    global failures
    print(("ok   " if ok else "FAIL ") + what, flush=True)
    failures += not ok


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(fn, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fn():
            return True
        time.sleep(0.02)
    return False


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def name(pid):
    try:
        return status(pid)["Name"]
    except OSError:
        return ""


def make(dir):
    libexec, state = dir + "/libexec", dir + "/state"
    os.chmod(dir, 0o755)
    os.mkdir(libexec)
    os.makedirs(state + "/core/sub")
    os.mkdir(state + "/deployment")
    for path in ("/deployment/root.cbor", "/core/sub/made-by-init"):
        open(state + path, "w").close()
    for p in PROGRAMS:
        shutil.copy(STANDIN, f"{libexec}/{p}")
    shutil.copy(APPRAISER, libexec + "/muster-appraiser")
    os.mkdir(state + "/token-keeper", 0o700)
    key = state + "/token-keeper/key"
    with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write("k")
    port = free_port()
    config = f"""state_dir: {state}
listen: ["127.0.0.1:{port}"]
net_processes: 2
uid_base: {UID_BASE if ROOT else 0}
keeper: {{keyfile: {key}, passphrase_file: {key}}}
notary: {{keyfile: {key}, passphrase_file: {key}}}
"""
    with open(dir + "/musterd.yaml", "w") as f:
        f.write(config)
    return libexec, state, port


def ask(port, seconds=30):
    with socket.create_connection(("127.0.0.1", port), seconds) as s:
        s.settimeout(seconds)
        return s.recv(100).decode()


def check_cages(pid, state):
    ok = uids = True
    seen = set()
    for p in [pid] + children(pid):
        st = status(p)
        ok = ok and st["Seccomp"] == "2" and st["NoNewPrivs"] == "1"
        if p != pid:
            uid = int(st["Uid"].split()[0])
            seen.add(uid)
            uids = uids and st["CapEff"].strip("0") == "" and st["CapBnd"].strip("0") == "" if ROOT else uids
    check(ok, "supervisor and every role: Seccomp 2, NoNewPrivs 1")
    workers = [w for p in children(pid) if name(p) == "muster-appraise" for w in children(p)]
    check(len(workers) == 4 and all(status(w)["Seccomp"] == "2" and status(w)["NoNewPrivs"] == "1" for w in workers), "so do the appraiser's workers")
    fds = [len(os.listdir(f"/proc/{w}/fd")) for w in workers] if ROOT else [4]
    check(all(n <= 4 for n in fds), f"a worker holds its channel and the log and nothing else {fds}")
    if ROOT:
        check(uids, "no role has a capability")
        check(seen == set(range(UID_BASE, UID_BASE + 7)), f"each role has a user of its own {sorted(seen)}")
        caps = int(status(pid)["CapEff"], 16)
        check(caps & ~((1 << 2) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 14)) == 0, f"the supervisor has but the capabilities to start and signal roles ({caps:x})")
        st = os.stat(state + "/core/sub/made-by-init")
        check(st.st_uid == UID_BASE + 5 and os.stat(state + "/core").st_mode & 0o777 == 0o700, "core's directory and what is in it are core's")


def check_restart(m, state, port):
    before = set(children(m.pid))
    victim = next(p for p in before if name(p) == "muster-notary")
    os.kill(victim, signal.SIGKILL)
    answer = ask(port)  # waits in the backlog while nobody serves, or meets the old net
    check(answer.startswith("net "), "a client that comes during the restart is served")
    check(until(lambda: not before & set(children(m.pid)) and os.path.exists(state + "/run/ready") and len(children(m.pid)) == ROLES),
          "one role killed: the whole set is started again")
    check(int(ask(port).split()[3]) in children(m.pid), "the new net serves on the old listener")


def check_stop(m, state, port):
    pids = children(m.pid) + [w for p in children(m.pid) for w in children(p)]
    start = time.monotonic()
    m.send_signal(signal.SIGTERM)
    code = m.wait(20)
    check(code == 0 and time.monotonic() - start < 9, f"SIGTERM stops it in order (status {code})")
    check(until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 5), "no process is left")
    check(not os.path.exists(state + "/run/ready"), "the ready file is gone")
    try:
        ask(port, 2)
        check(False, "the port is closed")
    except OSError:
        check(True, "the port is closed")


def check_orphans(start):
    m = start()
    check(until(lambda: len(children(m.pid)) == ROLES), "it starts again")
    pids = children(m.pid)
    m.kill()
    m.wait()
    check(until(lambda: not any(os.path.exists(f"/proc/{p}") and status(p)["State"][0] != "Z" for p in pids), 5), "a killed supervisor leaves no role behind")


def run(*args, **kw):
    return subprocess.run([MUSTERD, *args], capture_output=True, text=True, **kw)


def check_refusals(dir, config, env):
    check(run("--help").returncode == 0 and "Example" in run("--help").stdout, "--help has an example")
    check(run("--config-keys").stdout.count("default:") > 30, "--config-keys lists the keys")
    check(run("--nonsense").returncode == 2 and run("extra").returncode == 2, "wrong usage ends with 2")
    r = run("--config", config, "--development", "--check-config", env=env)
    check(r.returncode == 0 and "FAILED" not in r.stdout, "--check-config passes")
    if r.returncode:
        print(r.stdout, r.stderr)
    os.chmod(dir + "/state/token-keeper/key", 0o644)
    r = run("--config", config, "--development", "--check-config", env=env)
    check(r.returncode == 2 and "others may read it" in r.stdout, "--check-config names a key file that others may read")
    os.chmod(dir + "/state/token-keeper/key", 0o600)
    with open(dir + "/bad.yaml", "w") as f:
        f.write(open(config).read() + "colour: red\n")
    r = run("--config", dir + "/bad.yaml", "--development", env=env)
    check(r.returncode == 2 and "bad.yaml:7: colour: unknown key" in r.stderr, f"an unknown key is refused with file, line and key {r.stderr.strip()}")
    r = run("--config", config, "--check-config", env=env)
    check("/libexec/muster/muster-core" in r.stdout and dir not in [l for l in r.stdout.split("\n") if "muster-core" in l][0],
          "MUSTER_LIBEXECDIR counts only with --development")
    if ROOT:
        drop = dict(user=65534, group=65534, extra_groups=[])
        os.chmod(config, 0o644)
        r = run("--config", config, env=env, **drop)
        check(r.returncode == 2 and "--development" in r.stderr, "without root it refuses to start")
    r = subprocess.run([dir + "/libexec/muster-core"], capture_output=True, text=True)
    check(r.returncode != 0 and "started by musterd" in r.stderr, "a role program started by hand refuses")


def main():
    dir = tempfile.mkdtemp(prefix="muster-supervisor-")
    libexec, state, port = make(dir)
    config = dir + "/musterd.yaml"
    env = {**os.environ, "MUSTER_LIBEXECDIR": libexec}
    log = open(dir + "/log", "w")

    def start():
        return subprocess.Popen([MUSTERD, "--config", config, "--development"], env=env, stderr=log, stdin=subprocess.DEVNULL)

    check_refusals(dir, config, env)
    m = start()
    try:
        check(until(lambda: os.path.exists(state + "/run/ready") or m.poll() is not None) and m.poll() is None, "all roles start and are ready")
        check(open(state + "/run/musterd.pid").read().strip() == str(m.pid), "the pid file names it")
        check(ask(port).startswith("net "), "a network process serves on the inherited listener")
        r = run("--config", config, "--development", env=env)
        check(r.returncode == 2 and "another musterd" in r.stderr, "a second one on the same state is refused")
        check_cages(m.pid, state)
        check_restart(m, state, port)
        check_stop(m, state, port)
        check_orphans(start)
    finally:
        m.poll() is None and m.kill()
        log.close()
        if failures:
            print(open(dir + "/log").read())
        check("good=14 malformed=13 unsupported=13 other=0" in open(dir + "/log").read(), "workers answered core, each piece of evidence by itself")
        shutil.rmtree(dir)
    print(f"{failures} failed")
    return 1 if failures else 0


sys.exit(main())

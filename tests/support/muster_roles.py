"""Starts the real roles of a deployment with the test in the place of one of them (net, core, appraiser ...).

The deployment comes from `muster init`; each role is the real program, in its real cage, with the descriptors that
musterd would hand it. The test holds the other end of the channel it took over and may say what it likes."""
import fcntl
import os
import select
import socket
import struct
import subprocess
import time

import cbor2

import muster_peer as peer

PEERS = {
    "token-notary": ["notary"], "token-keeper": ["keeper"], "notary": ["core", "token-notary"], "keeper": ["core", "token-keeper"],
    "appraiser": ["core"], "core": ["notary", "keeper", "appraiser", "net"], "net": ["core"],
}
PROGRAMS = {"token-notary": "muster-token", "token-keeper": "muster-token"}
OPS = {"root": 1, "crl": 2, "challenge": 3, "enroll/begin": 4, "enroll/finish": 5, "enroll/status": 6, "attested": 7, "op": 8}
REQUEST, RESPONSE, TLS_REQUEST, TLS_CERT, PING, PONG = range(1, 7)
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Ended(Exception):
    """The role at the other end closed its channel."""


class Channel:
    """Frames over a socket, as ipc/chan.h has them."""

    def __init__(self, sock):
        self.sock, self.buffer, self.next_id, self.late = sock, b"", 1, {}

    def send(self, kind, ident, payload=b"", reserved=0, length=None):
        head = struct.pack(">IHHQ", len(payload) if length is None else length, kind, reserved, ident)
        self.raw(head + payload)

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Ended(str(e)) from e

    def receive(self, timeout=20):
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 16:
                n, kind, _, ident = struct.unpack(">IHHQ", self.buffer[:16])
                if len(self.buffer) >= 16 + n:
                    payload, self.buffer = self.buffer[16:16 + n], self.buffer[16 + n:]
                    return kind, ident, payload
            if not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("no frame")
            try:
                piece = self.sock.recv(1 << 16)
            except OSError as e:
                raise Ended(str(e)) from e
            if not piece:
                raise Ended("closed")
            self.buffer += piece

    def ask(self, kind, payload=b"", timeout=20):
        ident, self.next_id = self.next_id, self.next_id + 1
        self.send(kind, ident, payload)
        return self.answer(ident, timeout)

    def answer(self, ident, timeout=20):
        while ident not in self.late:
            kind, got, payload = self.receive(timeout)
            self.late[got] = (kind, payload)
        return self.late.pop(ident)


def sealed(config):
    fd = os.memfd_create("config", os.MFD_ALLOW_SEALING)
    os.write(fd, cbor2.dumps(config, canonical=True))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def read_config(path):
    """musterd.yaml of `muster init`: scalars, nested maps of two levels, lists of scalars."""
    out, section, last = {}, "", None
    for line in open(path, encoding="utf-8"):
        text = line.split("#")[0].rstrip()
        if not text.strip():
            continue
        indent, body = len(text) - len(text.lstrip()), text.strip()
        if body.startswith("- "):
            out.setdefault(last, []).append(body[2:].strip().strip('"'))
            continue
        key, _, value = body.partition(":")
        section = "" if indent == 0 else section
        last = section + key.strip()
        value = value.strip().strip('"')
        if value.startswith("["):
            out[last] = [v.strip().strip('"') for v in value[1:-1].split(",") if v.strip()]
        elif value:
            out[last] = value
        elif indent == 0:
            section = key.strip() + "."
    return out


class Roles:
    """take: the roles that the test plays. `channel[role]` is the other side's channel to it: `roles.chan("core", "net")`."""

    def __init__(self, directory, libexec, take=("net",), preload=None, env=None):
        self.dir, self.libexec, self.take = directory, libexec, take
        self.config = read_config(os.path.join(directory, "musterd.yaml"))
        self.state = self.config["state_dir"]
        self.preload, self.env = preload or {}, env or {}
        self.procs, self.ends, self.channels = {}, {}, {}

    def start(self, wait=True):
        self.ends = {}
        for a, peers in PEERS.items():
            for b in peers:
                if (a, b) not in self.ends:
                    x, y = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
                    self.ends[(a, b)], self.ends[(b, a)] = x, y
        ready = {}
        for role in PEERS:
            if role not in self.take:
                ready[role] = self.spawn(role)
        for (a, b), sock in list(self.ends.items()):
            if a in self.take and b not in self.take:
                self.channels[(b, a)] = Channel(sock)
            else:
                sock.close()
        try:
            for role, fd in ready.items() if wait else ():
                self.wait_ready(role, fd)
        except RuntimeError:
            self.stop()
            raise
        return self

    def role_config(self, role):
        config = {"role": role, "state_dir": os.path.join(self.state, role), "deployment_dir": os.path.join(self.state, "deployment"),
                  "index": 0, "listeners": 0, "uid": 0, "gid": 0, "drop_user": False, "development": True, "net_processes": 1,
                  "log_level": "info", "server_names": ["localhost", "127.0.0.1"], "tenants": ["default", "other"], "appraiser_workers": 2,
                  "tls_life_s": 21600}
        owner = {"token-keeper": "keeper.", "token-notary": "notary."}.get(role)
        for key, value in self.config.items():
            if owner and key.startswith(owner):
                config[key[len(owner):]] = value
            if key.startswith("evidence.") and role in ("core", "net"):
                config[key[len("evidence."):]] = int(value)
        if "maker_roots" in self.config:
            config["maker_roots"] = self.config["maker_roots"]
        return config

    def spawn(self, role):
        config = sealed(self.role_config(role))
        reader, writer = os.pipe()
        want = [config, writer] + [self.ends[(role, p)].fileno() for p in PEERS[role]]
        # out of the way of 3.., then down to 3.. in the child
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in want]

        def place():
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(high), 4096)

        program = os.path.join(self.libexec, PROGRAMS.get(role, "muster-" + role))
        env = dict(os.environ, **self.env)
        if role in self.preload:
            env.update(self.preload[role])
        log = open(os.path.join(self.dir, role + ".log"), "ab")
        self.procs[role] = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False, preexec_fn=place, env=env)
        log.close()
        for fd in high + [config, writer]:
            os.close(fd)
        return reader

    def wait_ready(self, role, fd, timeout=60):
        ok = select.select([fd], [], [], timeout)[0] and os.read(fd, 1) == b"r"
        os.close(fd)
        if not ok:
            raise RuntimeError("%s did not start:\n%s" % (role, self.log(role)))

    def log(self, role):
        with open(os.path.join(self.dir, role + ".log"), errors="replace") as f:
            return f.read()[-4000:]

    def chan(self, real, played):
        return self.channels[(real, played)]

    def alive(self, role):
        return self.procs[role].poll() is None

    def stop(self):
        for chan in self.channels.values():
            chan.sock.close()
        for role in reversed(list(self.procs)):
            p = self.procs[role]
            if p.poll() is None:
                p.terminate()
        for p in self.procs.values():
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.procs, self.channels = {}, {}


class Net:
    """A (possibly hostile) net: asks core for anything, with any exporter."""

    def __init__(self, roles):
        self.chan = roles.chan("core", "net")
        self.exporter = os.urandom(32)

    def request(self, op, tenant, body, exporter=None):
        t = tenant.encode()
        number = op if isinstance(op, int) else OPS[op]
        return struct.pack(">HB", number, len(t)) + t + (exporter or self.exporter) + bytes(10) + b"\xff\xff\x7f\0\0\1" + body

    def ask(self, op, tenant, body, exporter=None, timeout=20):
        kind, payload = self.chan.ask(REQUEST, self.request(op, tenant, body, exporter), timeout)
        assert kind == RESPONSE, kind
        return struct.unpack(">H", payload[:2])[0], payload[7:]

    def post(self, op, tenant, body, exporter=None):
        """Without waiting; answer(ident) later."""
        ident, self.chan.next_id = self.chan.next_id, self.chan.next_id + 1
        self.chan.send(REQUEST, ident, self.request(op, tenant, body, exporter))
        return ident

    def answer(self, ident, timeout=20):
        _, payload = self.chan.answer(ident, timeout)
        return struct.unpack(">H", payload[:2])[0], payload[7:]

    def root(self):
        return peer.Root(self.ask("root", "", b"")[1])

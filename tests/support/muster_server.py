"""The whole server: musterd of a new deployment, every role a real process with a user of its own where root runs the test, and
a TLS client for devices and operators."""
import os
import select
import socket
import subprocess
import time

from OpenSSL import SSL, crypto

import deployment
import muster_peer as peer

UID_BASE = 64300
PATHS = {"root": "/v1/root", "crl": "/v1/crl"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def status(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


class Https:
    """One TLS connection; `exporter` is its RFC 8446 exporter, `ask` what a Device or Operator wants."""

    def __init__(self, port, ca_der, seconds=30):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.get_cert_store().add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, ca_der))
        context.set_verify(SSL.VERIFY_PEER, lambda conn, cert, error, depth, ok: bool(ok))
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.sock.setblocking(False)
        self.conn, self.end = SSL.Connection(context, self.sock), seconds
        self.conn.set_connect_state()
        self.retry(self.conn.do_handshake)
        self.exporter = self.conn.export_keying_material(b"EXPORTER-muster-v1", 32, b"")
        self.buffer = b""

    def retry(self, call, *args):
        end = time.monotonic() + self.end
        while True:
            try:
                return call(*args)
            except SSL.WantReadError:
                ready = select.select([self.sock], [], [], max(0, end - time.monotonic()))
            except SSL.WantWriteError:
                ready = select.select([], [self.sock], [], max(0, end - time.monotonic()))
            if not any(ready):
                raise TimeoutError("no answer")

    def ask(self, op, tenant, body):
        path = PATHS.get(op) or "/v1/t/%s/%s" % (tenant, op)
        head = "%s %s HTTP/1.1\r\nHost: localhost\r\n" % ("GET" if op in PATHS else "POST", path)
        if op not in PATHS:
            head += "Content-Type: application/cbor\r\nContent-Length: %d\r\n" % len(body)
        data = head.encode() + b"\r\n" + body
        while data:
            data = data[self.retry(self.conn.send, data):]
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.retry(self.conn.recv, 65536)
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        n = int(fields.get(b"content-length", 0))
        while len(rest) < n:
            rest += self.retry(self.conn.recv, 65536)
        self.buffer = rest[n:]
        return int(head.split(b" ")[1]), rest[:n]

    def close(self):
        self.sock.close()


class Server:
    def __init__(self, libexec, musterd, muster):
        self.port = free_port()
        self.deployment = deployment.Deployment(muster, extra=("--listen", "127.0.0.1:%d" % self.port))
        self.musterd, self.env = musterd, dict(os.environ, MUSTER_LIBEXECDIR=libexec)
        self.config = os.path.join(self.deployment.dir, "musterd.yaml")
        self.state = os.path.join(self.deployment.dir, "state")
        with open(self.config, "a", encoding="utf-8") as f:
            f.write("uid_base: %d\nnet_processes: 2\n" % (UID_BASE if os.geteuid() == 0 else 0))
        self.log = os.path.join(self.deployment.home, "server.log")
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen([musterd, "--config", self.config, "--development"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        self.wait_ready()
        with open(self.deployment.root, "rb") as f:
            self.root = peer.Root(f.read())

    def ready(self):
        return os.path.exists(os.path.join(self.state, "run", "ready"))

    def wait_ready(self, seconds=120):
        end = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() > end or self.proc.poll() is not None:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise RuntimeError("musterd is not ready:\n" + f.read()[-4000:])
            time.sleep(0.02)

    def roles(self):
        """Name of a program -> pids: direct children of musterd."""
        out = {}
        for pid in children(self.proc.pid):
            try:
                out.setdefault(status(pid)["Name"], []).append(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended since it was listed
        return out

    def everyone(self):
        """All processes: musterd, roles, appraiser's workers."""
        pids, todo = [], [self.proc.pid]
        while todo:
            pids.append(todo.pop())
            todo += children(pids[-1])
        return pids

    def connect(self):
        return Https(self.port, self.root.body[4])

    def device(self, line, tpm, **more):
        return peer.Device(self.root, line.ask, line.exporter, tpm=tpm, **more)

    def prepare(self):
        """A device that passes, and the operator: (tpm, operator's key)."""
        line, key, tpm = self.connect(), self.deployment.operator_key(), peer.SoftTpm()
        operator, d, now = peer.Operator(self.root, line.ask, key), self.device(line, tpm), int(time.time())
        self.must(operator, "batch.import", peer.msg(operator.manifest("batch", [d], now)))
        reply = d.enroll()
        assert reply[0] == 200, reply
        self.must(operator, "reference.set", peer.msg(deployment.reference("good", "model-a", tpm.pcrs, tpm.device)))
        self.must(operator, "policy.set", peer.msg(self.deployment.policy("good")))
        line.close()
        return tpm, key

    @staticmethod
    def must(operator, operation, args):
        time.sleep(0.001)
        code, reply = operator.do(operation, args, int(time.time()), sequence=time.time_ns() // 1000)
        assert code == 200, (operation, code, reply)
        return reply

    def stop(self):
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(30)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()

    def remove(self):
        self.stop()
        self.deployment.remove()

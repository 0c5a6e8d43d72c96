"""Starts the real muster-net with this process in core's place, at the other end of its channel."""
import fcntl, os, queue, signal, socket, ssl, struct, subprocess, tempfile, threading, time

import cbor2

REQUEST, RESPONSE, TLS_REQUEST, TLS_CERT, PING, PONG = range(1, 7)
OPS = {"root": 1, "crl": 2, "challenge": 3, "begin": 4, "finish": 5, "status": 6, "attested": 7, "op": 8}


def run(*argv, data=None):
    return subprocess.run(argv, input=data, check=True, capture_output=True).stdout


class Authority:
    """A throw-away issuing CA, by the openssl command."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="muster-net-")
        self.ca, self.key, self.csr = (os.path.join(self.dir.name, n) for n in ("ca.pem", "ca.key", "any.csr"))
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.ca,
            "-days", "2", "-subj", "/CN=test issuing", "-addext", "basicConstraints=critical,CA:TRUE")
        other = os.path.join(self.dir.name, "other.key")
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", other, "-out", self.csr,
            "-subj", "/CN=muster.test")
        self.other_spki = run("openssl", "pkey", "-in", other, "-pubout", "-outform", "DER")
        self.ext = os.path.join(self.dir.name, "ext")
        with open(self.ext, "w") as f:
            f.write("subjectAltName=DNS:muster.test,IP:127.0.0.1\n")

    def certificate(self, spki):
        pem = run("openssl", "pkey", "-pubin", "-inform", "DER", "-pubout", data=spki)
        path = os.path.join(self.dir.name, "spki.%d.pem" % time.monotonic_ns())
        with open(path, "wb") as f:
            f.write(pem)
        leaf = run("openssl", "x509", "-req", "-in", self.csr, "-force_pubkey", path, "-CA", self.ca, "-CAkey", self.key, "-days", "1",
                   "-extfile", self.ext, "-set_serial", str(time.monotonic_ns()), "-outform", "DER")
        issuing = run("openssl", "x509", "-in", self.ca, "-outform", "DER")
        return leaf, issuing


class Core(threading.Thread):
    """Answers as its table says: what a request's body begins with decides how."""

    def __init__(self, sock, authority, life_s=3600):
        super().__init__(daemon=True)
        self.sock, self.authority, self.life_s = sock, authority, life_s
        self.lock = threading.Lock()
        self.seen = queue.Queue()   # every request
        self.held = queue.Queue()   # (id, request): bodies that begin with b"hold"
        self.spkis = []
        self.silent = False         # answer no pings
        self.wrong_key_first = False

    def frame(self, kind, ident, payload=b""):
        with self.lock:
            self.sock.sendall(struct.pack(">IHHQ", len(payload), kind, 0, ident) + payload)

    def respond(self, ident, body=b"", status=200, kind=0, retry=0):
        self.frame(RESPONSE, ident, struct.pack(">HBI", status, kind, retry) + body)

    def exact(self, n):
        out = bytearray()
        while len(out) < n:
            piece = self.sock.recv(n - len(out))
            if not piece:
                raise EOFError
            out += piece
        return bytes(out)

    def certify(self, spki):
        self.spkis.append(spki)
        if self.wrong_key_first and len(self.spkis) == 1:
            spki = self.authority.other_spki
        chain = self.authority.certificate(spki)
        body = bytes([len(chain)]) + b"".join(struct.pack(">H", len(c)) + c for c in chain)
        self.frame(TLS_CERT, 0, body + struct.pack(">Q", int(time.time()) + self.life_s))

    def request(self, ident, payload):
        op, n = struct.unpack(">HB", payload[:3])
        r = {"op": op, "tenant": payload[3:3 + n].decode(), "exporter": payload[3 + n:35 + n], "peer": payload[35 + n:51 + n], "body": payload[51 + n:]}
        self.seen.put(r)
        body = r["body"]
        if body.startswith(b"hold"):
            self.held.put((ident, r))
        elif body.startswith(b"big"):
            self.respond(ident, b"\xa5" * int(body[3:]), kind=1)
        elif body.startswith(b"status"):
            self.respond(ident, body[9:], status=int(body[6:9]), retry=7)
        else:
            self.respond(ident, cbor2.dumps(r))

    def run(self):
        try:
            while True:
                length, kind, zero, ident = struct.unpack(">IHHQ", self.exact(16))
                payload = self.exact(length)
                if kind == TLS_REQUEST:
                    self.certify(payload)
                elif kind == PING and not self.silent:
                    self.frame(PONG, ident)
                elif kind == REQUEST:
                    self.request(ident, payload)
        except (EOFError, OSError):
            pass


def sealed_config(settings):
    fd = os.memfd_create("config", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, cbor2.dumps(settings, canonical=True))
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, 1033, 0x0F)  # F_ADD_SEALS: seal, shrink, grow, write
    return fd


class Net:
    """One muster-net with its core; use with `with`."""

    def __init__(self, program, authority, life_s=3600, wrong_key_first=False, wait=True, **settings):
        self.program, self.authority = program, authority
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        ours, theirs = socket.socketpair()
        for s in (ours, theirs):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        ready_r, ready_w = os.pipe()
        config = sealed_config({"role": "net", "listeners": 1, "development": True, "log_level": "info", "state_dir": "/nonexistent", "deployment_dir": "/nonexistent", **settings})
        fds = [fcntl.fcntl(f, fcntl.F_DUPFD_CLOEXEC, 100) for f in (config, ready_w, theirs.fileno(), self.listener.fileno())]

        def place():
            for i, f in enumerate(fds):
                os.dup2(f, 3 + i, inheritable=True)

        self.log = tempfile.TemporaryFile()
        self.core = Core(ours, authority, life_s)
        self.core.wrong_key_first = wrong_key_first
        self.process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, close_fds=False,
                                        preexec_fn=place, env={"PATH": "/usr/bin:/bin"})
        for f in fds + [config, ready_w]:
            os.close(f)
        theirs.close()
        self.core.start()
        self.ready_fd = ready_r
        if wait:
            self.wait_ready()

    def wait_ready(self):
        if os.read(self.ready_fd, 1) == b"":
            raise AssertionError("muster-net did not start: " + self.output())

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        alive = self.process.poll() is None
        if alive:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.core.sock.close()
        self.listener.close()
        os.close(self.ready_fd)
        text = self.output()
        self.log.close()
        if exc[0] is None and ("Sanitizer" in text or "runtime error" in text):
            raise AssertionError(text)
        if exc[0] is not None and text:
            print(text)

    def context(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.load_verify_locations(self.authority.ca)
        return c

    def tcp(self, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def tls(self, timeout=10):
        return self.context().wrap_socket(self.tcp(timeout), server_hostname="muster.test")


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    o = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="muster.test")
    try:
        o.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def post(path, body=b"", extra=b"", type_=b"application/cbor"):
    return (b"POST %s HTTP/1.1\r\nHost: muster.test\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (path.encode(), type_, len(body), extra)) + body


def get(path, extra=b""):
    return b"GET %s HTTP/1.1\r\nHost: muster.test\r\n%s\r\n" % (path.encode(), extra)


class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


class Reader:
    """Replies of one connection, in order. None at its end."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def fill(self):
        try:
            piece = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            piece = b""
        self.buffer += piece
        return piece != b""

    def reply(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                assert self.buffer == b"", self.buffer
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = {k.lower(): v.strip() for k, v in (l.split(":", 1) for l in lines[1:])}
        want = int(fields["content-length"])
        while len(self.buffer) < want:
            assert self.fill(), "cut short"
        body, self.buffer = self.buffer[:want], self.buffer[want:]
        return Reply(int(lines[0].split()[1]), fields, body)


def ask(sock, request):
    sock.sendall(request)
    return Reader(sock).reply()

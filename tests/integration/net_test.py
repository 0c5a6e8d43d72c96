#!/usr/bin/python3
"""muster-net as it is installed, over real sockets; core is played by tests/support/net_stand.py.
Usage: net_test.py PATH-OF-muster-net [unittest arguments]"""
import os, resource, select, socket, ssl, subprocess, sys, time, unittest

import cbor2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from net_stand import Authority, Net, Reader, ask, client_hello, get, post

PROGRAM = None
AUTHORITY = None
H = b"Host: muster.test\r\n"
OP = "/v1/t/default/op"
POST = b"POST /v1/t/default/op HTTP/1.1\r\nContent-Type: application/cbor\r\n"


def net(**settings):
    return Net(PROGRAM, AUTHORITY, **settings)


def closes_within(sock, seconds):
    """Seconds until the peer closes, reading away what it says; fails after `seconds`."""
    begin = time.monotonic()
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except (ConnectionResetError, ssl.SSLError):
        pass
    return time.monotonic() - begin


class Tls(unittest.TestCase):
    def test_only_tls_1_3_is_spoken(self):
        with net() as n:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1):
                c = n.context()
                c.set_ciphers("DEFAULT@SECLEVEL=0")
                c.minimum_version, c.maximum_version = ssl.TLSVersion.TLSv1, version
                with self.assertRaises((ssl.SSLError, ConnectionResetError)):
                    c.wrap_socket(n.tcp(), server_hostname="muster.test")
            with n.tls() as s:
                self.assertEqual(s.version(), "TLSv1.3")

    def test_chain_verifies_without_tickets_or_resumption(self):
        with net() as n:
            c = n.context()
            with c.wrap_socket(n.tcp(), server_hostname="muster.test") as s:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)
                self.assertFalse(s.session.has_ticket)
                with c.wrap_socket(n.tcp(), server_hostname="muster.test", session=s.session) as t:
                    self.assertEqual(ask(t, get("/v1/root")).status, 200)
                    self.assertFalse(t.session_reused)

    def test_a_client_that_does_not_speak_http_1_1_is_refused_in_the_handshake(self):
        with net() as n:
            c = n.context()
            c.set_alpn_protocols(["h2"])
            with self.assertRaises((ssl.SSLError, ConnectionResetError)):
                c.wrap_socket(n.tcp(), server_hostname="muster.test")
            c.set_alpn_protocols(["h2", "http/1.1"])
            with c.wrap_socket(n.tcp(), server_hostname="muster.test") as s:
                self.assertEqual(s.selected_alpn_protocol(), "http/1.1")

    def test_exporter_that_core_gets_is_the_one_of_the_connection(self):
        with net() as n:
            p = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % n.port, "-keymatexport", "EXPORTER-muster-v1",
                                  "-keymatexportlen", "32", "-CAfile", AUTHORITY.ca],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            p.stdin.write(get("/v1/root"))
            p.stdin.flush()
            seen = n.core.seen.get(timeout=10)
            p.stdin.close()
            text = p.stdout.read().decode(errors="replace")
            p.stdout.close()
            p.wait(10)
            self.assertIn("keying material: " + seen["exporter"].hex(), text.lower())
            with n.tls() as a, n.tls() as b:
                ask(a, get("/v1/root")), ask(a, get("/v1/root")), ask(b, get("/v1/root"))
                x, y, z = (n.core.seen.get(timeout=10)["exporter"] for _ in range(3))
                self.assertEqual(x, y)
                self.assertNotEqual(x, z)
                self.assertNotEqual(x, bytes(32))

    def test_key_is_renewed_at_half_life_and_old_connections_live_on(self):
        with net(life_s=5) as n, n.tls() as old:
            first = old.getpeercert(True)
            deadline = time.monotonic() + 20
            while len(n.core.spkis) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertGreaterEqual(len(set(n.core.spkis)), 2)
            latest = first
            while latest == first and time.monotonic() < deadline:
                with n.tls() as new:
                    latest = new.getpeercert(True)
            self.assertNotEqual(latest, first)
            self.assertEqual(ask(old, get("/v1/root")).status, 200)

    def test_a_certificate_for_another_key_opens_nothing(self):
        with net(wrong_key_first=True, wait=False) as n:
            ready, _, _ = select.select([n.ready_fd], [], [], 1.5)
            self.assertEqual(ready, [])
            s = n.tcp()  # the kernel's backlog takes it, nobody serves it
            s.sendall(client_hello())
            s.settimeout(0.5)
            with self.assertRaises(socket.timeout):
                s.recv(1)
            s.close()
            self.assertIn("another key", n.output())


class Requests(unittest.TestCase):
    def test_each_route_reaches_core_as_its_operation(self):
        rows = [("/v1/t/a/challenge", 3), ("/v1/t/b.c/enroll/begin", 4), ("/v1/t/a/enroll/finish", 5), ("/v1/t/a/enroll/status", 6),
                ("/v1/t/a/attested", 7), ("/v1/t/x_y/op", 8)]
        with net() as n, n.tls() as s:
            for path, op in rows:
                r = ask(s, post(path, b"payload"))
                self.assertEqual((r.status, r.fields["content-type"]), (200, "application/cbor"))
                echo = cbor2.loads(r.body)
                self.assertEqual((echo["op"], echo["tenant"], echo["body"]), (op, path.split("/")[3], b"payload"))
                self.assertEqual(echo["peer"], b"\0" * 10 + b"\xff\xff" + socket.inet_aton("127.0.0.1"))
            for path, op in (("/v1/root", 1), ("/v1/crl", 2)):
                echo = cbor2.loads(ask(s, get(path)).body)
                self.assertEqual((echo["op"], echo["tenant"], echo["body"]), (op, "", b""))

    def test_unknown_paths_methods_and_types_are_refused_and_reach_nobody(self):
        cases = [(get("/v1/nothing"), 404), (get("/v1/t/UP/op"), 404), (post("/v1/t/../op", b"x"), 400), (post("/v1/t/-a/op", b"x"), 404),
                 (get(OP), 405), (post("/v1/root", b""), 405), (b"DELETE /v1/root HTTP/1.1\r\n" + H + b"\r\n", 405),
                 (b"HEAD /v1/root HTTP/1.1\r\n" + H + b"\r\n", 405),
                 (post(OP, b"x", type_=b"application/json"), 415), (post(OP, b"x", type_=b"application/cbor; charset=x"), 415),
                 (b"POST /v1/t/a/op HTTP/1.1\r\n" + H + b"Content-Length: 1\r\n\r\nx", 415)]
        with net() as n:
            for request, status in cases:
                with n.tls() as s:
                    r = ask(s, request)
                    self.assertEqual(r.status, status, request)
                    self.assertEqual(sorted(cbor2.loads(r.body)), [1, 2, 3, 4])
            self.assertTrue(n.core.seen.empty())

    def test_core_decides_status_and_retry(self):
        with net() as n, n.tls() as s:
            r = ask(s, post(OP, b"status403because"))
            self.assertEqual((r.status, r.body, r.fields["retry-after"]), (403, b"because", "7"))
            self.assertEqual(ask(s, post(OP, b"x")).status, 200)

    def test_bodies_end_at_the_cap_of_their_route(self):
        logs = (512 << 10) + (4 << 20) + (64 << 10)  # evidence.boot_log_bytes, evidence.ima_bytes and what is around them
        caps = [("challenge", 4096), ("enroll/begin", 65536), ("enroll/finish", 262144), ("enroll/status", 4096), ("attested", logs), ("op", 1048576)]
        with net() as n:
            for path, cap in caps:
                with n.tls() as s:
                    size = min(cap, 2 << 20)  # the answer has the body in it, and a cap of its own
                    r = ask(s, post("/v1/t/a/" + path, b"z" * size))
                    self.assertEqual((r.status, len(cbor2.loads(r.body)["body"])), (200, size))
                    n.core.seen.get(timeout=5)
                    s.sendall(post("/v1/t/a/" + path, b"z" * (cap + 1))[:300])  # the head is enough to refuse
                    reader = Reader(s)
                    self.assertEqual(reader.reply().status, 413)
                    self.assertIsNone(reader.reply())
            self.assertTrue(n.core.seen.empty())

    def test_a_large_answer_arrives_whole_also_at_a_slow_reader(self):
        with net() as n, n.tls() as s:
            size = 4 << 20
            s.sendall(post(OP, b"big%d" % size))
            time.sleep(0.3)
            r = Reader(s).reply()
            self.assertEqual((r.status, r.fields["content-type"], r.body), (200, "application/octet-stream", b"\xa5" * size))
            self.assertEqual(ask(s, post(OP, b"x")).status, 200)

    def test_health_follows_core_pings(self):
        with net() as n, n.tls() as s:
            time.sleep(0.2)
            self.assertEqual(ask(s, get("/v1/health")).status, 200)
            n.core.silent = True
            end = time.monotonic() + 15
            while time.monotonic() < end and ask(s, get("/v1/health")).status == 200:
                time.sleep(0.5)
            self.assertEqual(ask(s, get("/v1/health")).status, 503)
            self.assertEqual(ask(s, get("/v1/root")).status, 200)

    def test_connection_close_is_obeyed(self):
        with net() as n, n.tls() as s:
            s.sendall(post(OP, b"x", extra=b"Connection: close\r\n"))
            reader = Reader(s)
            r = reader.reply()
            self.assertEqual((r.status, r.fields["connection"]), (200, "close"))
            self.assertIsNone(reader.reply())


class Strictness(unittest.TestCase):
    PROBES = {
        "te and cl": POST + H + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "chunked": POST + H + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "two lengths": POST + H + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "list of lengths": POST + H + b"Content-Length: 1, 1\r\n\r\nx",
        "bare cr": POST + H + b"X: a\rb\r\nContent-Length: 1\r\n\r\nx",
        "bare lf": b"GET /v1/root HTTP/1.1\nHost: a\n\n",
        "lf in field": POST + H + b"X: a\nContent-Length: 1\r\n\r\nx",
        "space before colon": POST + H + b"Content-Length : 1\r\n\r\nx",
        "no host": b"GET /v1/root HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /v1/root HTTP/1.1\r\n" + H + b"Host: other.test\r\n\r\n",
        "fold": POST + H + b"X: a\r\n b\r\nContent-Length: 1\r\n\r\nx",
        "200 kB header": b"GET /v1/root HTTP/1.1\r\n" + H + b"X: " + b"a" * 200000 + b"\r\n\r\n",
        "absolute form": b"GET http://other.test/v1/root HTTP/1.1\r\n" + H + b"\r\n",
        "http/1.0": b"GET /v1/root HTTP/1.0\r\n" + H + b"\r\n",
        "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9,
        "http/0.9": b"GET /v1/root\r\n\r\n",
        "rtsp": b"GET /v1/root RTSP/1.1\r\n" + H + b"\r\n",
        "nul": b"GET /v1/root HTTP/1.1\r\n" + H + b"X: a\0b\r\n\r\n",
        "control byte": b"GET /v1/root HTTP/1.1\r\n" + H + b"X: a\x07b\r\n\r\n",
        "high byte": b"GET /v1/root HTTP/1.1\r\n" + H + b"X\xe9: a\r\n\r\n",
        "huge length": POST + H + b"Content-Length: 18446744073709551617\r\n\r\nx",
        "negative length": POST + H + b"Content-Length: -1\r\n\r\nx",
        "no length": POST + H + b"\r\nx",
        "get with body": b"GET /v1/root HTTP/1.1\r\n" + H + b"Content-Length: 1\r\n\r\nx",
        "leading empty line": b"\r\n" + get("/v1/root"),
        "upgrade": get("/v1/root", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
        "connect": b"CONNECT other.test:443 HTTP/1.1\r\n" + H + b"\r\n",
        "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    }

    def test_every_probe_is_refused_closed_and_reaches_nobody(self):
        with net() as n:
            for name, probe in self.PROBES.items():
                with self.subTest(name), n.tls() as s:
                    try:
                        s.sendall(probe + get("/v1/crl"))  # what a smuggler would have us serve
                    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
                        pass
                    reader = Reader(s)
                    r = reader.reply()
                    if r is not None:  # a reset may overtake the answer to what was sent after it
                        self.assertIn(r.status, (400, 405, 411, 413, 431, 501, 505))
                        self.assertEqual(r.fields["connection"], "close")
                        self.assertIsNone(reader.reply())
            self.assertTrue(n.core.seen.empty())
            with n.tls() as s:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)

    def test_requests_in_a_row_are_answered_in_order(self):
        with net() as n, n.tls() as s:
            bodies = [b"%d" % i for i in range(20)]
            s.sendall(b"".join(post(OP, b) for b in bodies))
            reader = Reader(s)
            self.assertEqual([cbor2.loads(reader.reply().body)["body"] for _ in bodies], bodies)

    def test_a_request_waits_for_the_answer_to_the_one_before(self):
        with net() as n, n.tls() as s:
            s.sendall(post(OP, b"hold1") + post(OP, b"2"))
            ident, r = n.core.held.get(timeout=5)
            self.assertEqual(n.core.seen.get(timeout=5)["body"], b"hold1")
            time.sleep(0.3)
            self.assertTrue(n.core.seen.empty())
            n.core.respond(ident, b"1")
            reader = Reader(s)
            self.assertEqual(reader.reply().body, b"1")
            self.assertEqual(cbor2.loads(reader.reply().body)["body"], b"2")

    def test_too_many_requests_in_a_row_end_the_connection(self):
        with net() as n, n.tls() as s:
            s.sendall(get("/v1/root") * 100)
            reader, replies = Reader(s), []
            while (r := reader.reply()) is not None:
                replies.append(r.status)
            self.assertEqual(replies[-1], 400)
            self.assertEqual(set(replies[:-1]), {200})
            self.assertTrue(30 <= len(replies) <= 40, replies)


class Deadlines(unittest.TestCase):
    """Deadlines are absolute: bytes that keep coming do not move them. (Lower bounds are exact, upper ones generous.)"""
    SHORT = {"handshake_timeout_ms": 1000, "head_timeout_ms": 1000, "body_timeout_ms": 1000, "idle_timeout_ms": 1500, "answer_timeout_ms": 1000}

    def drip(self, sock, data, every_s=0.1, limit_s=8):
        """Send byte by byte until the peer closes; seconds it took, and what it said."""
        begin, said = time.monotonic(), b""
        for i in range(len(data)):
            try:
                sock.sendall(data[i:i + 1])
                sock.settimeout(every_s)
                piece = sock.recv(65536)
                said += piece
                if not piece:
                    return time.monotonic() - begin, said
            except (socket.timeout, TimeoutError):
                pass
            except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
                return time.monotonic() - begin, said
            if time.monotonic() - begin > limit_s:
                break
        self.fail("still open")

    def check(self, seconds, at_least):
        self.assertGreaterEqual(seconds, at_least - 0.15)
        self.assertLess(seconds, at_least + 4)

    def test_slow_handshake(self):
        with net(**self.SHORT) as n:
            for _ in range(2):
                with n.tcp() as s:
                    seconds, said = self.drip(s, client_hello())
                    self.check(seconds, 1.0)
                    self.assertEqual(said, b"")

    def test_silent_connection(self):
        with net(**self.SHORT) as n, n.tcp() as s:
            self.check(closes_within(s, 8), 1.0)

    def test_slow_head(self):
        with net(**self.SHORT) as n, n.tls() as s:
            seconds, said = self.drip(s, get("/v1/root", b"X: " + b"a" * 500 + b"\r\n"))
            self.check(seconds, 1.0)
            self.assertTrue(said == b"" or b" 408 " in said, said)

    def test_slow_body(self):
        with net(**self.SHORT) as n, n.tls() as s:
            request = post(OP, b"x" * 500)
            s.sendall(request[:-400])
            seconds, said = self.drip(s, request[-400:])
            self.check(seconds, 1.0)
            self.assertTrue(said == b"" or b" 408 " in said, said)
            self.assertTrue(n.core.seen.empty())

    def test_idle_connection_closes_and_one_in_use_does_not(self):
        with net(**self.SHORT) as n, n.tls() as s, n.tls() as used:
            self.assertEqual(ask(s, get("/v1/root")).status, 200)
            begin = time.monotonic()
            while time.monotonic() - begin < 2.5:
                self.assertEqual(ask(used, get("/v1/root")).status, 200)
                time.sleep(0.2)
            self.assertLess(closes_within(s, 8), 2)

    def test_core_that_does_not_answer_is_504_and_its_late_answer_is_dropped(self):
        with net(**self.SHORT) as n, n.tls() as s:
            s.sendall(post(OP, b"hold"))
            ident, _ = n.core.held.get(timeout=5)
            reader = Reader(s)
            self.assertEqual(reader.reply().status, 504)
            with n.tls() as t:
                t.sendall(post(OP, b"hold other"))
                other, _ = n.core.held.get(timeout=5)
                self.assertNotEqual(other, ident)
                n.core.respond(ident, b"late")
                n.core.respond(other, b"right")
                self.assertEqual(Reader(t).reply().body, b"right")
            self.assertIsNone(reader.reply())

    def test_late_answer_to_a_closed_connection_reaches_nobody(self):
        with net(max_connections=2) as n:  # two places: the next connection gets a used one
            idents = []
            for _ in range(4):
                with n.tls() as s:
                    s.sendall(post(OP, b"hold"))
                    idents.append(n.core.held.get(timeout=5)[0])
            self.assertEqual(len(set(idents)), 4)
            time.sleep(0.3)
            with n.tls() as s:
                s.sendall(post(OP, b"hold"))
                ident, _ = n.core.held.get(timeout=5)
                for old in idents:
                    n.core.respond(old, b"late")
                n.core.respond(ident, b"right")
                self.assertEqual(Reader(s).reply().body, b"right")


class Crowds(unittest.TestCase):
    def test_a_request_is_served_while_1000_half_open_connections_are_held(self):
        hello = client_hello()
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) + resource.getrlimit(resource.RLIMIT_NOFILE)[1:])
        with net(handshake_timeout_ms=60000) as n:
            held = [n.tcp() for _ in range(1000)]
            for i, s in enumerate(held):
                if i % 3 == 1:
                    s.sendall(hello[:len(hello) // 2])
                if i % 3 == 2:
                    s.sendall(hello)  # and no answer to what comes back
            with n.tls() as s:
                self.assertEqual(ask(s, post(OP, b"x")).status, 200)
            for s in held:  # none of them was closed to get there
                s.setblocking(False)
                try:
                    while s.recv(65536):
                        pass
                    self.fail("a held connection was closed")
                except BlockingIOError:
                    pass
                s.close()

    def test_full_house_drops_the_oldest_half_open_connection(self):
        with net(max_connections=10, handshake_timeout_ms=60000) as n:
            held = [n.tcp() for _ in range(10)]
            time.sleep(0.3)
            with n.tls() as s:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)
                self.assertLess(closes_within(held[0], 5), 5)
                held[9].settimeout(0.2)
                with self.assertRaises(socket.timeout):
                    held[9].recv(1)
            for s in held:
                s.close()

    def test_one_address_gets_its_share_of_connections(self):
        with net(per_address_connections=3) as n:
            held = [n.tls() for _ in range(3)]
            with n.tcp() as s:
                self.assertLess(closes_within(s, 3), 3)
            for s in held:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)
            held[0].close()
            time.sleep(0.3)
            with n.tls() as s:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)
            for s in held:
                s.close()

    def test_requests_over_the_rate_get_429_and_the_connection_stays(self):
        with net(requests_per_s=2, requests_burst=5) as n, n.tls() as s:
            got = [ask(s, get("/v1/root")) for _ in range(20)]
            statuses = [r.status for r in got]
            self.assertEqual(statuses[:5], [200] * 5)
            self.assertIn(429, statuses)
            limited = got[statuses.index(429)]
            self.assertEqual((limited.fields["retry-after"], cbor2.loads(limited.body)[1]), ("1", "limited"))
            time.sleep(1.2)
            self.assertEqual(ask(s, get("/v1/root")).status, 200)

    def test_requests_over_what_core_may_hold_get_503(self):
        with net(max_in_flight=2) as n:
            held = [n.tls() for _ in range(2)]
            for s in held:
                s.sendall(post(OP, b"hold"))
            idents = [n.core.held.get(timeout=5)[0] for _ in held]
            with n.tls() as s:
                r = ask(s, post(OP, b"x"))
                self.assertEqual((r.status, r.fields["retry-after"]), (503, "1"))
                for ident in idents:
                    n.core.respond(ident, b"done")
                for h in held:
                    self.assertEqual(Reader(h).reply().body, b"done")
                    h.close()
                self.assertEqual(ask(s, post(OP, b"x")).status, 200)

    def test_accepting_goes_on_after_descriptors_ran_out(self):
        with net(handshake_timeout_ms=60000) as n:
            with n.tls() as kept:
                self.assertEqual(ask(kept, get("/v1/root")).status, 200)
                _, hard = resource.prlimit(n.process.pid, resource.RLIMIT_NOFILE)
                resource.prlimit(n.process.pid, resource.RLIMIT_NOFILE, (40, hard))
                crowd = [n.tcp() for _ in range(200)]
                time.sleep(0.5)
                with n.tls() as s:
                    self.assertEqual(ask(s, get("/v1/root")).status, 200)
                self.assertEqual(ask(kept, get("/v1/root")).status, 200)
                for s in crowd:
                    s.close()


    def test_a_connection_beyond_the_descriptors_is_closed_at_once_and_does_not_block_later_ones(self):
        with net() as n:
            _, hard = resource.prlimit(n.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(n.process.pid, resource.RLIMIT_NOFILE, (30, hard))
            held = []  # all with a finished handshake: there is no half-open one to drop
            for _ in range(40):
                try:
                    held.append(n.tls())
                except (ssl.SSLError, ConnectionResetError):
                    break
            self.assertTrue(5 < len(held) < 30, len(held))
            with n.tcp() as s:
                self.assertLess(closes_within(s, 3), 3)
            held.pop().close()
            time.sleep(0.3)
            with n.tls() as s:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)
            for s in held:
                self.assertEqual(ask(s, get("/v1/root")).status, 200)
                s.close()


class Process(unittest.TestCase):
    def test_runs_caged(self):
        with net() as n:
            with open("/proc/%d/status" % n.process.pid) as f:
                status = dict(line.split(":", 1) for line in f)
            self.assertEqual(status["NoNewPrivs"].strip(), "1")
            self.assertEqual(status["Seccomp"].strip(), "2")

    def test_ends_when_core_closes(self):
        with net() as n:
            n.core.sock.shutdown(socket.SHUT_RDWR)
            self.assertNotEqual(n.process.wait(10), 0)

    def test_I10_ends_on_a_frame_that_is_not_in_its_table(self):
        frames = {"unknown type": (99, b""), "request from core": (1, b"x" * 60), "short answer": (2, b"\0"), "bad status": (2, b"\0\1\0\0\0\0\0"),
                  "answer nobody asked for": (2, b"\0\xc8\0\0\0\0\0"), "pong with a body": (6, b"x"), "bad certificate": (4, b"\1\0\1x" + b"\0" * 9)}
        for name, (kind, payload) in frames.items():
            with self.subTest(name), net() as n:
                n.core.frame(kind, 1 << 16, payload)
                self.assertNotEqual(n.process.wait(10), 0)

    def test_without_a_certificate_nothing_is_served(self):
        with net(wait=False, wrong_key_first=True) as n:
            ready, _, _ = select.select([n.ready_fd], [], [], 1)
            self.assertEqual(ready, [])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    AUTHORITY = Authority()
    unittest.main(verbosity=2, warnings="ignore")  # old TLS is offered on purpose

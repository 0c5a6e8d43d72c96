#!/usr/bin/python3
"""The whole server as it runs: the cages that its processes are in, what becomes of it when one of them ends, and an
attestation while a thousand connections are held half open.
Usage: status_test.py BUILD-DIRECTORY [unittest arguments]"""
import os
import select
import shutil
import signal
import socket
import stat
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment
from muster_server import Server, children, status

LIBEXEC = MUSTERD = MUSTER = None
ROLES = {"muster-token": 2, "muster-notary": 1, "muster-keeper": 1, "muster-appraise": 1, "muster-core": 1, "muster-net": 2}
HALF_OPEN = 1000


class StatusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(LIBEXEC, MUSTERD, MUSTER)
        cls.tpm, cls.key = cls.server.prepare()

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def names(self):
        return {name[:15]: pids for name, pids in self.server.roles().items()}

    def attest(self):
        line = self.server.connect()
        try:
            return self.server.device(line, self.tpm).attest()[0]
        finally:
            line.close()

    def test_every_process_has_its_filter_no_new_privileges_no_core_files(self):
        found = self.names()
        self.assertEqual({n: len(p) for n, p in found.items()}, ROLES)
        everyone = self.server.everyone()
        self.assertGreater(len(everyone), sum(ROLES.values()) + 1)  # and the appraiser's workers
        for pid in everyone:
            with self.subTest(name=status(pid)["Name"], pid=pid):
                s = status(pid)
                self.assertEqual((s["Seccomp"], s["NoNewPrivs"]), ("2", "1"))
                with open("/proc/%d/limits" % pid, encoding="ascii") as f:
                    core = [line.split() for line in f if line.startswith("Max core file size")][0]
                self.assertEqual(core[4:6], ["0", "0"])

    def test_roles_have_no_capabilities_and_the_supervisor_only_what_it_needs(self):
        for pid in self.server.everyone():
            s = status(pid)
            caps = [int(s[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
            with self.subTest(name=s["Name"], pid=pid):
                if pid == self.server.proc.pid:
                    self.assertEqual(caps[2] & ~(1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 14), 0)  # dac_read_search, kill, setgid, setuid, setpcap, ipc_lock
                elif os.geteuid() == 0:
                    self.assertEqual(caps, [0] * 5)
                else:
                    self.assertEqual(caps[1:3], [0, 0])

    @unittest.skipUnless(os.geteuid() == 0, "roles get users of their own only when root starts them")
    def test_each_role_has_a_user_of_its_own_no_other_group_and_is_not_dumpable(self):
        users = {}
        for pid in children(self.server.proc.pid):
            s = status(pid)
            uids, gids = s["Uid"].split(), s["Gid"].split()
            with self.subTest(name=s["Name"], pid=pid):
                self.assertEqual(len(set(uids + gids)), 1)
                self.assertNotEqual(uids[0], "0")
                self.assertEqual(s["Groups"].split(), [])
                self.assertEqual(os.stat("/proc/%d/environ" % pid).st_uid, 0)  # a dumpable process's are its user's
                users.setdefault(uids[0], set()).add(s["Name"])
        self.assertEqual(len(users), len(ROLES) + 1)  # the two tokens differ, the two nets do not
        self.assertTrue(all(len(names) == 1 for names in users.values()), users)

    def test_net_holds_no_file_and_nobody_but_net_holds_a_listener(self):
        for name, pids in self.names().items():
            for pid in pids:
                for fd in os.listdir("/proc/%d/fd" % pid):
                    try:
                        target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
                        mode = os.stat("/proc/%d/fd/%s" % (pid, fd)).st_mode
                    except FileNotFoundError:
                        continue
                    if name in ("muster-net", "muster-appraise", "muster-keeper") and fd not in ("1", "2"):
                        self.assertFalse(stat.S_ISREG(mode) or stat.S_ISDIR(mode), (name, fd, target))
        listening = set()
        with open("/proc/net/tcp", encoding="ascii") as f:
            for line in f.readlines()[1:]:
                columns = line.split()
                if columns[1].endswith(":%04X" % self.server.port) and columns[3] == "0A":
                    listening.add("socket:[%s]" % columns[9])
        holders = {status(pid)["Name"] for pid in self.server.everyone() for fd in os.listdir("/proc/%d/fd" % pid)
                   if os.readlink("/proc/%d/fd/%s" % (pid, fd)) in listening}
        self.assertEqual(holders - {"musterd"}, {"muster-net"})

    def test_an_attestation_finishes_while_a_thousand_connections_are_half_open(self):
        held = []
        try:
            for i in range(HALF_OPEN):
                s = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
                if i % 2:
                    s.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # a ClientHello that does not go on
                held.append(s)
            poll = select.poll()
            for s in held[-HALF_OPEN // 2:]:
                poll.register(s, select.POLLIN | select.POLLHUP)
            begin = time.monotonic()
            self.assertEqual(self.attest(), 200)
            took = time.monotonic() - begin
            closed = [e for e in poll.poll(0)]
            print("attested in %.3f s beside %d half-open connections" % (took, HALF_OPEN), flush=True)
            self.assertEqual(closed, [])
            end = time.monotonic() + 60  # and they are closed, each in its time
            for s in held:
                s.settimeout(max(0.1, end - time.monotonic()))
                try:
                    while s.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        finally:
            for s in held:
                s.close()

    def test_the_end_of_any_role_restarts_the_set_and_devices_go_on(self):
        for name in ROLES:
            with self.subTest(name):
                before = {p for pids in self.names().values() for p in pids}
                os.kill(self.names()[name][0], signal.SIGKILL)
                end = time.monotonic() + 120
                while time.monotonic() < end and ({p for pids in self.names().values() for p in pids} & before or not self.server.ready()):
                    time.sleep(0.05)
                self.assertFalse({p for pids in self.names().values() for p in pids} & before)
                self.assertIsNone(self.server.proc.poll())
                self.assertEqual(self.attest(), 200)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    LIBEXEC, MUSTER = deployment.libexec(BUILD), os.path.join(BUILD, "src", "cli", "muster")
    MUSTERD = os.path.join(BUILD, "src", "server", "supervisor", "musterd")
    try:
        unittest.main(verbosity=2, warnings="ignore")
    finally:
        shutil.rmtree(LIBEXEC)

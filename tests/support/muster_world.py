"""A deployment with one device that passes, on real roles: what most whole-server tests begin with."""
import time

import deployment
import muster_peer as peer
from muster_peer import msg
from muster_roles import Net, Roles


class World:
    def __init__(self, libexec, muster, take=("net",), env=None, preload=None, start=True, extra=()):
        self.deployment = deployment.Deployment(muster, extra=extra)
        self.libexec, self.take, self.env, self.preload = libexec, take, env or {}, preload or {}
        self.root = self.roles = self.tpm = None
        if start:
            self.begin()

    def start(self):
        self.roles = Roles(self.deployment.dir, self.libexec, take=self.take, env=self.env, preload=self.preload)
        try:
            self.roles.start()
        except RuntimeError:
            self.roles.stop()
            raise
        self.net = Net(self.roles)
        self.root = self.net.root()
        self.operator = peer.Operator(self.root, self.net.ask, self.deployment.operator_key())

    def stop(self):
        if self.roles is not None:
            self.roles.stop()

    def remove(self):
        self.stop()
        self.deployment.remove()

    def device(self, tpm=None, **more):
        return peer.Device(self.root, self.net.ask, self.net.exporter, tpm=tpm or peer.SoftTpm(), **more)

    def op(self, operation, args, **more):
        time.sleep(0.001)
        return self.operator.do(operation, args, int(time.time()), sequence=time.time_ns() // 1000, **more)

    def must(self, operation, args):
        status, reply = self.op(operation, args)
        assert status == 200, (operation, status, reply)
        return reply

    def listed(self, tpm=None):
        d = self.device(tpm)
        self.must("batch.import", msg(self.operator.manifest("b-%d" % time.time_ns(), [d], int(time.time()))))
        status, reply = d.enroll()
        assert status == 200 and reply[1] == "enrolled", (status, reply)
        return d

    def begin(self):
        """Start, a device enrolled and its state the policy's: it passes. The device is returned."""
        self.start()
        d = self.listed()
        self.tpm = d.tpm
        self.must("reference.set", msg(deployment.reference("good", "model-a", d.tpm.pcrs, d.tpm.device)))
        self.must("policy.set", msg(self.deployment.policy("good")))
        return d

    def begin_again(self):
        """After stop(): the same device, without any word of an operator."""
        self.start()
        return self.device(self.tpm)

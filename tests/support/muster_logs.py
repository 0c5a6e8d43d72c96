"""Boot logs (TCG PC Client PFP, crypto-agile form) and IMA lists (the kernel's binary form), built and replayed by this test's own
code, and a SoftTpm that was booted with them."""
import hashlib
import struct

import muster_peer as peer

NO_ACTION, SEPARATOR, CRTM_VERSION, IPL = 3, 4, 8, 0xD
VARIABLE_DRIVER_CONFIG, BOOT_SERVICES = 0x80000001, 0x80000003
GLOBAL = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")  # EFI_GLOBAL_VARIABLE, as in memory


def variable(name, data, guid=GLOBAL):
    text = name.encode("utf-16-le")
    return guid + struct.pack("<QQ", len(name), len(data)) + text + data


class Event:
    """One event; its digest is that of its data unless another is given."""

    def __init__(self, pcr, kind, data, digest=None):
        self.pcr, self.kind, self.data = pcr, kind, data
        self.digest = digest or peer.sha256(data)

    def wire(self):
        sha1 = hashlib.sha1(self.data).digest()
        head = struct.pack("<III", self.pcr, self.kind, 2) + struct.pack("<H", 0x0004) + sha1 + struct.pack("<H", 0x000B) + self.digest
        return head + struct.pack("<I", len(self.data)) + self.data


def boot_log(events, locality=0):
    spec = (b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2) + struct.pack("<I", 2) + struct.pack("<HHHH", 0x0004, 20, 0x000B, 32)
            + b"\0")
    wire = struct.pack("<II", 0, NO_ACTION) + bytes(20) + struct.pack("<I", len(spec)) + spec
    return wire + b"".join(e.wire() for e in events)


def boot_pcrs(events):
    pcrs = {i: bytes(32) for i in range(15)}
    for e in events:
        pcrs[e.pcr] = peer.sha256(pcrs[e.pcr], e.digest)
    return pcrs


def usual_boot(secure=True, cmdline="root=/dev/vda1 ro", loader=b"shim"):
    """What firmware and boot loader measure."""
    return ([Event(0, CRTM_VERSION, "1.0".encode("utf-16-le")), Event(7, VARIABLE_DRIVER_CONFIG, variable("SecureBoot", b"\1" if secure else b"\0"))]
            + [Event(i, SEPARATOR, bytes(4)) for i in range(8)]
            + [Event(4, BOOT_SERVICES, bytes(32), peer.sha256(loader)), Event(8, IPL, ("kernel_cmdline: /vmlinuz " + cmdline + "\0").encode())])


class File:
    """One entry of template ima-ng."""

    def __init__(self, path, content):
        digest = b"sha256:\0" + peer.sha256(content)
        name = path.encode() + b"\0"
        self.data = struct.pack("<I", len(digest)) + digest + struct.pack("<I", len(name)) + name
        self.template = peer.sha256(self.data)

    def wire(self):
        head = struct.pack("<I", 10) + hashlib.sha1(self.data).digest() + struct.pack("<I", 6) + b"ima-ng"
        return head + struct.pack("<I", len(self.data)) + self.data


def aggregate(pcrs):
    """Entry 0, of a kernel from 5.8 on."""
    f = File("boot_aggregate", b"")
    digest = b"sha256:\0" + peer.sha256(*[pcrs[i] for i in range(10)])
    f.data = struct.pack("<I", len(digest)) + digest + struct.pack("<I", 15) + b"boot_aggregate\0"
    f.template = peer.sha256(f.data)
    return f


def ima_list(files):
    return b"".join(f.wire() for f in files)


def ima_pcr(files, start=bytes(32)):
    for f in files:
        start = peer.sha256(start, f.template)
    return start


class Machine(peer.SoftTpm):
    """A SoftTpm whose PCRs are those of a boot that it can show."""

    def __init__(self, events=None, files=0):
        super().__init__()
        self.boot(events)
        self.run(files)

    def boot(self, events=None):
        """Again: another reset count, and nothing of the list before."""
        self.events = usual_boot() if events is None else events
        self.pcrs = boot_pcrs(self.events)
        self.reset_count += 1
        self.files = [aggregate(self.pcrs)]
        self.pcrs[10] = ima_pcr(self.files)

    def run(self, count, prefix="/usr/bin/tool", content=b"good"):
        for _ in range(count):
            self.execute("%s-%d" % (prefix, len(self.files)), content)

    def execute(self, path, content=b"good"):
        self.files.append(File(path, content))
        self.pcrs[10] = peer.sha256(self.pcrs[10], self.files[-1].template)

    @property
    def log(self):
        return boot_log(self.events)

    def list_from(self, first=0):
        return ima_list(self.files[first:])

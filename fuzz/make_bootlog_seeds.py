#!/usr/bin/python3
"""Write the seeds of fuzz_eventlog, fuzz_bootlog and fuzz_uefi into fuzz/corpus/, from our own recordings in tests/data/measured-boot/:
one event of each kind, so that seeds are small."""
import hashlib
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "tests", "data", "measured-boot")
SEPARATOR = 4
IPL = 0xD
CONFIG = 0x80000001


def write(target, name, data):
    os.makedirs(os.path.join(HERE, "corpus", target), exist_ok=True)
    with open(os.path.join(HERE, "corpus", target, name), "wb") as f:
        f.write(data)


def events(log):
    """(whole event, pcr, type, data) of a crypto-agile log, the header first."""
    size = struct.unpack_from("<I", log, 28)[0]
    header = log[:32 + size]
    n = struct.unpack_from("<I", header, 56)[0]
    sizes = dict(struct.unpack_from("<HH", header, 60 + 4 * i) for i in range(n))
    yield header, 0, 3, header[32:]
    at = len(header)
    while at < len(log):
        begin = at
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        for _ in range(count):
            at += 2 + sizes[struct.unpack_from("<H", log, at)[0]]
        size = struct.unpack_from("<I", log, at)[0]
        at += 4 + size
        yield log[begin:at], pcr, kind, log[at - size:at]


def event(pcr, kind, data, algorithm=0x0B, name="sha256", hashed=None):
    digest = hashlib.new(name, data if hashed is None else hashed).digest()
    return struct.pack("<IIIH", pcr, kind, 1, algorithm) + digest + struct.pack("<I", len(data)) + data


def header(algorithm, size, vendor=b""):
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBIHH", 0, 0, 2, 0, 2, 1, algorithm, size) + bytes([len(vendor)]) + vendor
    return struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(spec)) + spec


def sampled(variant):
    """Header, and one event of each type in each PCR, large ones left out."""
    with open(os.path.join(DATA, variant, "binary_bios_measurements"), "rb") as f:
        log = f.read()
    seen, parts = set(), []
    for whole, pcr, kind, data in events(log):
        if (pcr, kind) not in seen and len(whole) < 1200:
            seen.add((pcr, kind))
            parts.append(whole)
    return b"".join(parts)


def tag(number, data):
    return struct.pack("<II", number, len(data)) + data


for variant in ("good", "banks"):
    write("eventlog", variant, sampled(variant))
    write("bootlog", variant, sampled(variant))
cc = header(0x0C, 48) + event(1, SEPARATOR, bytes(4), 0x0C, "sha384") + event(3, IPL, "console".encode("utf-16-le"), 0x0C, "sha384") + b"\xff" * 64
write("eventlog", "cc", cc)
write("bootlog", "cc", cc)
old = struct.pack("<II", 0, SEPARATOR) + hashlib.sha1(bytes(4)).digest() + struct.pack("<I", 4) + bytes(4)
write("eventlog", "sha1", old)
write("bootlog", "sha1", struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", 17) + b"StartupLocality\0\3" + old)
write("eventlog", "vendor", header(0x0B, 32, b"vendor") + event(7, SEPARATOR, b"\1\0\0\0"))
windows = tag(0x40010001, tag(0x20002, bytes(8)) + tag(0x40010003, tag(0x50001, b"\1")) + tag(0x50003, b"\0"))
write("bootlog", "windows", header(0x0B, 32) + event(12, 6, windows) + event(13, 6, windows) + event(12, SEPARATOR, b"WBCL"))
name = ".linux\0"
write("bootlog", "uki", header(0x0B, 32) + event(11, IPL, name.encode("utf-16-le"), hashed=name.encode())
      + event(11, IPL, name.encode("utf-16-le"), hashed=b"a kernel"))
write("uefi", "windows", windows)
write("uefi", "sbat", b"sbat,1,2025021800\nshim,4\ngrub,5\n")
with open(os.path.join(DATA, "good", "binary_bios_measurements"), "rb") as f:
    kinds = set()
    for whole, pcr, kind, data in events(f.read()):
        if kind >= CONFIG and kind not in kinds and 32 < len(data) < 1500:
            kinds.add(kind)
            write("uefi", f"event-{kind:08x}", data)
            if kind == CONFIG:
                kinds.discard(kind)

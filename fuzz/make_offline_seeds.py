#!/usr/bin/python3
"""Write the seeds of fuzz_quotefile and fuzz_tpmcert into fuzz/corpus/, from the recordings and certificates of tests/data."""
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
CERTS, BOOT, QUOTES = (ROOT / "tests/data" / d for d in ("tpmcerts", "measured-boot/good", "quotes"))


def write(target, name, *parts):
    directory = ROOT / "fuzz/corpus" / target
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(b"".join(parts))


def sized(path):
    data = path.read_bytes() if path else b""
    return struct.pack(">H", len(data)) + data


for name in ("ek.der", "ek-unsorted.der", "iak.der", "ak-google.der", "ek-in-subject.der", "ek-explicit-curve.der", "ek-control-bytes.der", "inter.crl"):
    write("tpmcert", name.replace(".der", "").replace(".crl", "-crl"), (CERTS / name).read_bytes())
write("tpmcert", "ak-azure", (CERTS / "ak-azure.der").read_bytes().rstrip(b"\0"))
write("quotefile", "key-pem", b"\0", (BOOT / "ak.pem").read_bytes())
write("quotefile", "key-tpmt", b"\0", (BOOT / "ak.tpmt").read_bytes())
write("quotefile", "key-rsa", b"\0", (QUOTES / "ak-rsa.pub").read_bytes())
write("quotefile", "pcrs-dump", b"\1\x47\xff\x00", (BOOT / "quote.pcrs").read_bytes())
write("quotefile", "pcrs-json", b"\1\x00\x01\x00", b'{"sha256":{"0":"' + b"ab" * 32 + b'"}}')
write("quotefile", "pcrs-bare", b"\1\x00\x03\x00", b"x" * 64)
write("quotefile", "set", b"\2", sized(BOOT / "ak.tpmt"), sized(BOOT / "quote.attest"), sized(BOOT / "quote.sig"), sized(None),
      (BOOT / "quote.pcrs").read_bytes())
write("quotefile", "set-child", b"\2", sized(QUOTES / "ak-child.pub"), sized(QUOTES / "quote-ak-child.attest"), sized(QUOTES / "quote-ak-child.sig"),
      sized(QUOTES / "ak-child-parent.pub"))

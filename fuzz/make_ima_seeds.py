#!/usr/bin/python3
"""Seeds of the fuzz targets imalist, ima and imakey: one entry or two of every template, in both forms, made here from the format's
description. fuzz/make_ima_seeds.py writes fuzz/corpus/{imalist,ima,imakey}/."""
import hashlib, os, struct, subprocess, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DIGEST = hashlib.sha256(b"file").digest()


def write(target, name, data):
    os.makedirs(os.path.join(HERE, "corpus", target), exist_ok=True)
    with open(os.path.join(HERE, "corpus", target, name), "wb") as f:
        f.write(data)


def fields(*parts):
    return b"".join(struct.pack("<I", len(p)) + p for p in parts)


def digest_ng(kind=b""):
    return kind + b"sha256:\0" + DIGEST


TEMPLATES = {
    "ima-ng": (digest_ng(), b"/bin/a b\0"),
    "ima-sig": (digest_ng(), b"/bin/sh\0", b"\x03\x02\x04abcd\x00\x08" + bytes(8)),
    "ima-buf": (b"sha256:\0" + hashlib.sha256(b"root=/dev/sda").digest(), b"kexec-cmdline\0", b"root=/dev/sda"),
    "ima-modsig": (digest_ng(), b"/m.ko\0", b"", digest_ng(), b"\x30\x00"),
    "ima-ngv2": (digest_ng(b"verity:"), b"/v\0"),
    "ima-sigv2": (digest_ng(b"ima:"), b"/v\0", b"\x06\x03\x04abcd\x00\x02\x30\x00"),
    "evm-sig": (digest_ng(), b"/e\0", b"\x05\x02", b"security.ima\0", b"\1\0\0\0", b"\1", struct.pack("<I", 0), struct.pack("<I", 0), struct.pack("<H", 0o644)),
    "d-ng|n-ng": (digest_ng(), b"/c\0"),
}


def show(template, i, part):
    if part.startswith((b"sha256:\0", b"ima:", b"verity:")):
        head, rest = part.split(b"\0", 1)
        return head.decode() + rest.hex()
    if i == 1 or (template == "evm-sig" and i == 3):
        return part[:-1].decode()
    if template == "evm-sig" and i >= 6:
        return str(int.from_bytes(part, "little"))
    return part.hex()


def binary(template, data, listed):
    name = template.encode()
    return struct.pack("<I", 10) + listed + struct.pack("<I", len(name)) + name + struct.pack("<I", len(data)) + data


def main():
    every = ascii_every = b""
    for template, parts in TEMPLATES.items():
        data = fields(*parts)
        listed = hashlib.sha1(data).digest()
        one = binary(template, data, listed)
        line = f"10 {listed.hex()} {template} {' '.join(show(template, i, p) for i, p in enumerate(parts))}\n".encode()
        for target in ("imalist", "ima"):
            write(target, template.replace("|", "_"), one)
        write("imalist", template.replace("|", "_") + ".txt", line)
        every, ascii_every = every + one, ascii_every + line
    name = b"/bin/sh"
    old = struct.pack("<I", 10) + hashlib.sha1(DIGEST[:20] + name.ljust(256, b"\0")).digest() + struct.pack("<I", 3) + b"ima" + DIGEST[:20]
    old += struct.pack("<I", len(name)) + name
    violation = binary("ima-ng", fields(b"sha1:\0" + bytes(20), b"/var/log/x\0"), bytes(20))
    for target in ("imalist", "ima"):
        write(target, "ima", old)
        write(target, "violation", violation)
        write(target, "every", old + every + violation)
        write(target, "every.txt", ascii_every)
    write("imalist", "sha256-list", binary("ima-ng", fields(*TEMPLATES["ima-ng"]), hashlib.sha256(b"x").digest()))
    keys()


def keys():
    with tempfile.TemporaryDirectory() as d:
        key, pub, cert, digest, sig = (os.path.join(d, n) for n in ("key", "pub", "cert", "digest", "sig"))
        run = lambda *a: subprocess.run(("openssl",) + a, check=True, capture_output=True)
        run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        run("ec", "-in", key, "-pubout", "-outform", "DER", "-out", pub)
        run("req", "-x509", "-key", key, "-subj", "/CN=seed", "-outform", "DER", "-out", cert)
        open(digest, "wb").write(DIGEST)
        run("pkeyutl", "-sign", "-inkey", key, "-in", digest, "-out", sig)
        read = lambda p: open(p, "rb").read()
        short = hashlib.sha1(read(pub)[-65:]).digest()[-4:]
        body = b"\x03\x02\x04" + short + struct.pack(">H", len(read(sig))) + read(sig)
        pem = subprocess.run(("openssl", "ec", "-in", key, "-pubout"), check=True, capture_output=True).stdout
        for name, ring in (("spki", read(pub)), ("certificate", read(cert)), ("pem", pem)):
            write("imakey", name, struct.pack(">H", len(ring)) + ring + struct.pack(">H", len(body)) + body + DIGEST)


main()

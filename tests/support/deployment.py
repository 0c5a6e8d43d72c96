"""A whole deployment in a temporary directory, by `muster init`, with the operator's key in the test's hands, a TPM maker of
its own, and policy and reference sets built from their documented forms."""
import datetime
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID, ObjectIdentifier

from muster_peer import msg

SEAL = 0x5A95  # PCRs 0, 2, 4, 7, 9, 11, 12, 14: the default set without 8, so that tests see a set of their own
POLICY_PCRS = 0x7FFF & ~(1 << 10)


def reference(name, model, pcrs, device, version=1):
    return msg(name, version, model, {i: [v] for i, v in sorted(pcrs.items()) if i != 10}, device, 1700000000)


def open_key_file(path, passphrase):
    """crypto/scryptbox.c: the P-256 scalar in an operator's key file."""
    data = open(path, "rb").read()
    assert data[:8] == b"MUSTERKF" and data[8] == 1
    log_n, r, p, n = data[9], data[10], data[11], data[12]
    head = 13 + n + 16 + 12
    salt, iv = data[13 + n:29 + n], data[29 + n:41 + n]
    key = hashlib.scrypt(passphrase, salt=salt, n=1 << log_n, r=r, p=p, dklen=32, maxmem=1 << 30)
    raw = AESGCM(key).decrypt(iv, data[head:], data[:head])
    return ec.derive_private_key(int.from_bytes(raw[-32:], "big"), ec.SECP256R1())


def libexec(build):
    """The role programs of a build tree in one directory, as an installation has them."""
    directory = tempfile.mkdtemp(prefix="muster-libexec-")
    for program in glob.glob(os.path.join(build, "src", "server", "*", "muster-*")):
        if os.path.isfile(program):
            os.symlink(program, os.path.join(directory, os.path.basename(program)))
    return directory


class Maker:
    """A TPM maker: a root CA that certifies EKs."""

    def __init__(self, name):
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = self.build(self.name, self.key.public_key(), True)

    def build(self, subject, public, ca):
        now = datetime.datetime.utcnow()
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public).serial_number(x509.random_serial_number())
             .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
             .add_extension(x509.BasicConstraints(ca, None), True))
        if ca:
            b = b.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        else:
            b = b.add_extension(x509.KeyUsage(False, False, True, False, False, False, False, False, False), True)
            b = b.add_extension(x509.ExtendedKeyUsage([ObjectIdentifier("2.23.133.8.1")]), False)
            maker = x509.Name([x509.NameAttribute(ObjectIdentifier("2.23.133.2.1"), "id:54455354"),
                               x509.NameAttribute(ObjectIdentifier("2.23.133.2.2"), "test"),
                               x509.NameAttribute(ObjectIdentifier("2.23.133.2.3"), "id:00000001")])
            b = b.add_extension(x509.SubjectAlternativeName([x509.DirectoryName(maker)]), True)
        return b.sign(self.key, hashes.SHA256())

    def certify(self, ek):
        return self.build(x509.Name([]), ek.public_key(), False).public_bytes(serialization.Encoding.DER)


class Deployment:
    def __init__(self, muster, backend="keyfile", extra=()):
        self.dir = tempfile.mkdtemp(prefix="muster-test-")
        os.chmod(self.dir, 0o755)
        self.makers = os.path.join(self.dir, "makers")
        os.mkdir(self.makers)
        self.maker, self.unknown = Maker("Test TPM maker"), Maker("Some other maker")
        with open(os.path.join(self.makers, "maker.pem"), "wb") as f:
            f.write(self.maker.cert.public_bytes(serialization.Encoding.PEM))
        self.path = os.path.join(self.dir, "d")
        run = subprocess.run([muster, "init", "--dir", self.path, "--name", "test", "--trust-domain", "example.org", "--backend", backend, *extra],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise RuntimeError("muster init: %s%s" % (run.stdout, run.stderr))
        self.home, self.dir = self.dir, self.path
        with open(os.path.join(self.dir, "musterd.yaml"), "a", encoding="utf-8") as f:
            f.write("maker_roots: %s\n" % self.makers)
        self.root = glob.glob(os.path.join(self.path, "**", "root.cbor"), recursive=True)[0]

    def operator_key(self, whose="client"):
        key = glob.glob(os.path.join(self.path, whose, "*.key"))[0]
        with open(glob.glob(os.path.join(self.path, whose, "*passphrase*"))[0], "rb") as f:
            return open_key_file(key, f.read().rstrip(b"\n"))

    def ek_certificate(self, ek, unknown=False):
        return (self.unknown if unknown else self.maker).certify(ek)

    @staticmethod
    def policy(reference_name, models=("model-a",), interval=600, life=3600):
        rules = [{1: "test", 2: False, 3: list(models), 4: POLICY_PCRS, 5: [reference_name], 6: True}]
        return msg(1, "test", "sha256", 0x7FFF, interval, rules, SEAL, life, 600, True)

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)

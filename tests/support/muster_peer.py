"""An independent peer for tests: the protocol of docs/protocol.md and a TPM in software, in Python.

Shares no code with Muster: CBOR by cbor2, crypto by the cryptography package. A SoftTpm signs what a TPM would
(and, when a test asks, what no TPM would)."""
import hashlib
import hmac as hmac_module
import os
import struct

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

QUOTE, CERTIFY, NV = 0x8018, 0x8017, 0x8014
EH, NULL_HIERARCHY = 0x4000000B, 0x40000007
POLICY_A = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
AK_ATTRIBUTES, IDENTITY_ATTRIBUTES, SEALING_ATTRIBUTES = 0x50472, 0x40072, 0x20432


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def enc(item):
    return cbor2.dumps(item, canonical=True)


def dec(data):
    return cbor2.loads(data)


def msg(*values):
    """A message map {1: values[0], 2: ...}; None leaves a key out."""
    return enc({i: v for i, v in enumerate(values, 1) if v is not None})


def tpm2b(data):
    return struct.pack(">H", len(data)) + data


def point_of(key):
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def spki_of(key):
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def raw_sign(key, data):
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def ecc_public(key, attributes, policy=b"", signs=True):
    point = point_of(key)
    scheme = struct.pack(">HH", 0x0018, 0x000B) if signs else struct.pack(">H", 0x0010)
    return (struct.pack(">HHI", 0x0023, 0x000B, attributes) + tpm2b(policy) + struct.pack(">H", 0x0010) + scheme
            + struct.pack(">HH", 0x0003, 0x0010) + tpm2b(point[1:33]) + tpm2b(point[33:]))


def rsa_public(key):
    n = key.public_key().public_numbers().n.to_bytes(256, "big")
    return (struct.pack(">HHI", 0x0001, 0x000B, 0x300B2) + tpm2b(POLICY_A) + struct.pack(">HHH", 0x0006, 128, 0x0043)
            + struct.pack(">HHI", 0x0010, 2048, 0) + tpm2b(n))


def name_of(public):
    return b"\x00\x0b" + sha256(public)


def qualified(hierarchy, name):
    return b"\x00\x0b" + sha256(struct.pack(">I", hierarchy), name)


def selection(mask):
    return struct.pack(">IHB", 1, 0x000B, 3) + bytes([mask & 0xFF, mask >> 8 & 0xFF, mask >> 16 & 0xFF])


def pcr_digest(pcrs, mask):
    return sha256(*[pcrs[i] for i in range(24) if mask >> i & 1])


def policy_pcr(pcrs, mask):
    return sha256(bytes(32), struct.pack(">I", 0x17F), selection(mask), pcr_digest(pcrs, mask))


def kdfa(key, label, context_u, context_v, bits):
    data = struct.pack(">I", 1) + label + b"\0" + context_u + context_v + struct.pack(">I", bits)
    return hmac_module.new(key, data, hashlib.sha256).digest()[:bits // 8]


class SoftTpm:
    """One device: an RSA EK, an AK, PCRs 0-14 with values that are not zero."""

    def __init__(self, seed=b"good"):
        self.ek = rsa.generate_private_key(65537, 2048)
        self.ak = ec.generate_private_key(ec.SECP256R1())
        self.pcrs = {i: sha256(seed, bytes([i])) for i in range(15)}
        self.clock, self.reset_count, self.restart_count = 1000, 1, 0
        self.ek_public = rsa_public(self.ek)
        self.ak_public = ecc_public(self.ak, AK_ATTRIBUTES)
        self.ak_name = name_of(self.ak_public)
        self.ek_hash = sha256(spki_of(self.ek))

    @property
    def device(self):
        return self.ek_hash.hex() + "-1"

    def extend(self, index, data=b"evil"):
        self.pcrs[index] = sha256(self.pcrs[index], sha256(data))

    def attest(self, kind, extra, body, **change):
        self.clock += 10
        head = struct.pack(">IH", change.get("magic", 0xFF544347), kind)
        return (head + tpm2b(change.get("signer", qualified(EH, self.ak_name))) + tpm2b(extra)
                + struct.pack(">QIIB", change.get("clock", self.clock), change.get("reset_count", self.reset_count),
                              self.restart_count, change.get("safe", 1)) + struct.pack(">Q", 0x20240101) + body)

    def signature(self, data, key=None):
        raw = raw_sign(key or self.ak, data)
        return struct.pack(">HH", 0x0018, 0x000B) + tpm2b(raw[:32]) + tpm2b(raw[32:])

    def quote(self, extra, mask=0x7FFF, **change):
        attest = self.attest(change.pop("kind", QUOTE), extra, selection(mask) + tpm2b(pcr_digest(self.pcrs, mask)), **change)
        return attest, self.signature(attest)

    def certify(self, public, extra, hierarchy=0x40000001, **change):
        name = name_of(public)
        attest = self.attest(CERTIFY, extra, tpm2b(name) + tpm2b(qualified(hierarchy, name)), **change)
        return attest, self.signature(attest)

    def pcr_values(self, mask=0x7FFF):
        return enc({i: self.pcrs[i] for i in range(24) if mask >> i & 1})

    def activate(self, blob, secret):
        """TPM2_ActivateCredential, Part 1 24."""
        seed = self.ek.decrypt(secret, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0"))
        size = struct.unpack(">H", blob[:2])[0]
        mac, wrapped = blob[2:2 + size], blob[2 + size:]
        key = kdfa(seed, b"INTEGRITY", b"", b"", 256)
        if hmac_module.new(key, wrapped + self.ak_name, hashlib.sha256).digest() != mac:
            raise ValueError("credential: integrity")
        aes = kdfa(seed, b"STORAGE", self.ak_name, b"", 128)
        plain = Cipher(algorithms.AES(aes), modes.CFB(bytes(16))).decryptor().update(wrapped)
        return plain[2:2 + struct.unpack(">H", plain[:2])[0]]


# ---- statements ----

def statement_build(key, kind, deployment, audience, tenant, body, issued, expires, epoch=0):
    typ = "muster/v1/" + kind
    protected = enc({1: -7, 3: typ, 4: sha256(spki_of(key))})
    payload = msg(deployment, audience, tenant, issued, expires, epoch, body)
    tbs = enc(["Signature1", protected, typ.encode(), payload])
    return enc(cbor2.CBORTag(18, [protected, {}, payload, raw_sign(key, tbs)]))


def statement_open(wire, public, kind):
    """Verify by an EllipticCurvePublicKey and return the payload map."""
    tag = dec(wire)
    assert tag.tag == 18
    protected, unprotected, payload, sig = tag.value
    typ = "muster/v1/" + kind
    assert unprotected == {} and dec(protected) == {1: -7, 3: typ, 4: sha256(spki_of(public))}
    tbs = enc(["Signature1", protected, typ.encode(), payload])
    der = encode_dss_signature(int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big"))
    public.verify(der, tbs, ec.ECDSA(hashes.SHA256()))
    return dec(payload)


def public_of(point):
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


class Root:
    """The deployment root file."""

    def __init__(self, wire):
        self.wire = wire
        payload = dec(dec(wire).value[2])
        self.deployment = payload[1]
        self.body = dec(payload[7])
        self.trust_domain = self.body[3]
        self.release = public_of(self.body[6])
        self.intake = self.body[7]
        self.authority = sha256(spki_of(self.release))
        self.log_vkey = self.body[8]


# ---- bindings ----

def bind_quote(root, purpose, tenant, device, nonce, request, exporter):
    return sha256(enc(["muster/v1/" + purpose, tenant, device, nonce, sha256(request), root.authority, exporter]))


def bind_certify(purpose, tenant, device, nonce):
    return sha256(enc(["muster/v1/certify/" + purpose, tenant, device, nonce]))


# ---- HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM ----

def _extract(salt, ikm):
    return hmac_module.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def _expand(prk, info, length):
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac_module.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def _labeled_extract(suite, salt, label, ikm):
    return _extract(salt, b"HPKE-v1" + suite + label + ikm)


def _labeled_expand(suite, prk, label, info, length):
    return _expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def _hpke_key(dh, enc_point, public_point, info):
    kem = b"KEM" + struct.pack(">H", 0x0010)
    prk = _labeled_extract(kem, b"", b"eae_prk", dh)
    shared = _labeled_expand(kem, prk, b"shared_secret", enc_point + public_point, 32)
    suite = b"HPKE" + struct.pack(">HHH", 0x0010, 0x0001, 0x0001)
    context = b"\0" + _labeled_extract(suite, b"", b"psk_id_hash", b"") + _labeled_extract(suite, b"", b"info_hash", info)
    secret = _labeled_extract(suite, shared, b"secret", b"")
    return _labeled_expand(suite, secret, b"key", context, 16), _labeled_expand(suite, secret, b"base_nonce", context, 12)


def hpke_open(private, enc_point, ct, info, aad=b""):
    dh = private.exchange(ec.ECDH(), public_of(enc_point))
    key, nonce = _hpke_key(dh, enc_point, point_of(private), info)
    return AESGCM(key).decrypt(nonce, ct, aad)


def hpke_seal(public_point, pt, info, aad=b""):
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    dh = ephemeral.exchange(ec.ECDH(), public_of(public_point))
    key, nonce = _hpke_key(dh, point_of(ephemeral), public_point, info)
    return point_of(ephemeral), AESGCM(key).encrypt(nonce, pt, aad)


# ---- the log ----

def leaf_hash(entry):
    return sha256(b"\0", entry)


def ticket_root(ticket, entry):
    """Root and size that the ticket's proof leads to (RFC 9162 2.1.3.2), and its checkpoint note."""
    t = dec(ticket)
    index, proof, note = t[1], t[2], t[3]
    size = int(note.split(b"\n")[1])
    nodes = [proof[i:i + 32] for i in range(0, len(proof), 32)]
    fn, sn, r = index, size - 1, leaf_hash(entry)
    for p in nodes:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = sha256(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r, size, note


# ---- what a device sends ----

class Device:
    """A SoftTpm that speaks the protocol through `ask(op, tenant, body) -> (status, body)` on one connection (exporter)."""

    def __init__(self, root, ask, exporter, tenant="default", tpm=None, name=None):
        self.root, self.ask, self.exporter, self.tenant = root, ask, exporter, tenant
        self.tpm = tpm or SoftTpm()
        self.name = name or "dev-" + self.tpm.ek_hash.hex()[:8]
        self.serial, self.model, self.ek_cert = "SN-" + self.name, "model-a", b""

    def challenge(self, purpose, device=None, transcript_hash=None):
        status, body = self.ask("challenge", self.tenant, msg(1, purpose, device, transcript_hash))
        assert status == 200, (status, body)
        r = dec(body)
        key = dec(statement_open(r[1], self.root.release, "challenge-key")[7])[1]
        c = dec(statement_open(r[2], public_of(key), "challenge")[7])
        assert c[2] == purpose
        self.boot_key, self.last_challenge = public_of(key), c
        return c[1]

    def transcript(self, nonce):
        cert_hash = sha256(self.ek_cert) if self.ek_cert else bytes(32)
        return msg("muster/v1/enroll", self.root.deployment, self.tenant, self.name, self.serial, self.model, self.tpm.ek_public,
                   cert_hash, self.tpm.ak_public, "test", sha256(b"agent"), nonce)

    def enroll_begin(self, transcript):
        return self.ask("enroll/begin", self.tenant, msg(1, transcript, self.ek_cert))

    def finish_body(self, transcript, nonce, proof, device=None):
        extra = bind_quote(self.root, "enroll", self.tenant, device or self.tpm.ek_hash.hex(), nonce, transcript, self.exporter)
        attest, sig = self.tpm.quote(extra)
        return msg(1, transcript, self.ek_cert, proof, attest, sig, self.tpm.pcr_values())

    def enroll(self):
        """Whole enrolment; returns (status, reply map)."""
        nonce = self.challenge("enroll")
        transcript = self.transcript(nonce)
        status, body = self.enroll_begin(transcript)
        if status != 200:
            return status, dec(body)
        cred = dec(body)
        secret = self.tpm.activate(cred[1], cred[2])
        proof = hmac_module.new(secret, transcript, hashlib.sha256).digest()
        status, body = self.ask("enroll/finish", self.tenant, self.finish_body(transcript, nonce, proof))
        return status, dec(body)

    def attested_body(self, purpose, request, nonce, logs=None, **change):
        """`logs`: members 9 to 12 by number."""
        device = change.pop("device", self.tpm.device)
        bound = bind_quote(self.root, change.pop("bound_purpose", purpose), change.pop("bound_tenant", self.tenant), device, nonce, request,
                           change.pop("exporter", self.exporter))
        attest, sig = self.tpm.quote(change.pop("extra", bound), **change)
        return enc({1: 1, 2: purpose, 3: device, 4: nonce, 5: request, 6: attest, 7: sig, 8: self.tpm.pcr_values(), **(logs or {})})

    def attest(self, **change):
        nonce = self.challenge("attest")
        status, body = self.ask("attested", self.tenant, self.attested_body("attest", msg("test"), nonce, **change))
        return status, dec(body)

    def identity_request(self, nonce, key=None, csr_key=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        self.identity_key = key
        public = ecc_public(key, IDENTITY_ATTRIBUTES)
        attest, sig = self.tpm.certify(public, bind_certify("identity", self.tenant, self.tpm.device, nonce))
        return msg(public, attest, sig, make_csr(csr_key or key), os.urandom(16))

    def identity(self):
        nonce = self.challenge("identity")
        status, body = self.ask("attested", self.tenant, self.attested_body("identity", self.identity_request(nonce), nonce))
        return status, dec(body)

    def secret_request(self, nonce, path, mask=None, attributes=SEALING_ATTRIBUTES, least=0):
        mask = mask or self.last_challenge.get(4, 0x5A95)
        self.sealing_key = ec.generate_private_key(ec.SECP256R1())
        public = ecc_public(self.sealing_key, attributes, policy_pcr(self.tpm.pcrs, mask), signs=False)
        attest, sig = self.tpm.certify(public, bind_certify("secret", self.tenant, self.tpm.device, nonce), NULL_HIERARCHY)
        return msg(path, public, attest, sig, least, os.urandom(16))

    def secret(self, path, **change):
        nonce = self.challenge("secret")
        request = self.secret_request(nonce, path, **change)
        status, body = self.ask("attested", self.tenant, self.attested_body("secret", request, nonce))
        return status, dec(body), nonce

    def result_body(self, nonce=None, audience=None, **change):
        return self.attested_body("result", msg(nonce, audience, os.urandom(16)), self.challenge("result"), **change)

    def result(self, nonce=None, audience=None, **change):
        status, body = self.ask("attested", self.tenant, self.result_body(nonce, audience, **change))
        return status, dec(body)

    def open_secret(self, reply, nonce):
        body = dec(statement_open(reply[6], self.root.release, "secret")[7])
        path, version, enc_point, ct, got_nonce, evidence, leaf, _ = [body[i] for i in range(1, 9)]
        assert got_nonce == nonce and leaf == leaf_hash(reply[4])
        info = enc(["muster/v1/secret", self.root.deployment, self.tenant, self.tpm.device, path, version, nonce, evidence, leaf])
        return hpke_open(self.sealing_key, enc_point, ct, info)


def make_csr(key):
    from cryptography import x509
    from cryptography.x509.oid import NameOID
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Operator:
    """Signs operations with a key; `ask` as for Device."""

    def __init__(self, root, ask, key, tenant="default"):
        self.root, self.ask, self.key, self.tenant = root, ask, key, tenant

    def statement(self, operation, args, now, sequence=None, bases=(), op_id=None, life=120, kind="op", tenant=None, audience="server"):
        body = msg(operation, args, sequence or now * 1000000 + int.from_bytes(os.urandom(2), "big"), [list(b) for b in bases],
                   op_id or os.urandom(16))
        return statement_build(self.key, kind, self.root.deployment, audience, tenant or self.tenant, body, now, now + life)

    def do(self, operation, args, now, **more):
        status, body = self.ask("op", self.tenant, self.statement(operation, args, now, **more))
        return status, dec(body)

    def manifest(self, batch, devices, now):
        rows = [msg(d.serial, d.model, d.tpm.ek_hash) for d in devices]
        body = msg(batch, "test-maker", len(rows), tree_root([leaf_hash(r) for r in rows]))
        header = statement_build(self.key, "manifest", self.root.deployment, "server", self.tenant, body, now, now + 86400)
        return msg(header, rows)

    def put_args(self, path, rule, value):
        info = enc(["muster/v1/intake", self.root.deployment, self.tenant, path, rule, "device"])
        enc_point, ct = hpke_seal(self.root.intake, value, info)
        return msg(path, rule, "device", enc_point, ct)


def tree_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1", tree_root(leaves[:k]), tree_root(leaves[k:]))

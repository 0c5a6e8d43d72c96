#!/usr/bin/python3
"""Seeds of fuzz_jws, fuzz_jwks and fuzz_ear: small, well-formed and nearly well-formed. Usage: fuzz/make_jose_seeds.py"""
import base64
import json
import os

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
PROFILE = "tag:ietf.org,2026:rats/ear#04"


def write(target, name, data):
    directory = os.path.join(CORPUS, target)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def b64(data):
    data = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(header, payload, sig=bytes(64)):
    return f"{b64(json.dumps(header, separators=(',', ':')))}.{b64(payload)}.{b64(sig)}"


write("jws", "es256", token({"alg": "ES256", "kid": "1", "typ": "eat+jwt"}, "{}"))
write("jws", "eddsa", token({"alg": "EdDSA", "kid": "2"}, b"\xff" * 7))
write("jws", "mismatch", token({"alg": "EdDSA", "kid": "1"}, "{}"))
write("jws", "none", token({"alg": "none"}, "{}", b""))
write("jws", "crit", token({"alg": "ES256", "crit": ["exp"], "exp": 1}, "{}"))
write("jws", "own_key", token({"alg": "ES256", "jwk": {"kty": "EC"}}, "{}"))
write("jws", "short", token({"alg": "ES256"}, "", b"\1"))

EC = {"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}
OKP = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
write("jwks", "one", json.dumps(EC))
write("jwks", "two", json.dumps({"keys": [{**EC, "kid": "a", "use": "sig", "alg": "ES256"}, {**OKP, "kid": "b", "key_ops": ["verify"]}]}))
write("jwks", "skips", json.dumps({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {**EC, "use": "enc"}, OKP]}))
write("jwks", "private", json.dumps({**OKP, "d": "AA"}))
write("jwks", "off_curve", json.dumps({**EC, "y": EC["x"]}))

HEAD = {"eat_profile": PROFILE, "iat": 1799999990, "exp": 1800000600, "ear_verifier_id": {"developer": "d", "build": "b"}}
VECTOR = {"instance-identity": 2, "configuration": 2, "executables": 3, "file-system": 0, "hardware": 2, "runtime-opaque": 0}
SUB = {"ear_status": "affirming", "ear_trustworthiness_vector": VECTOR, "ear_appraisal_policy_ids": ["ni:///sha-256;AA"]}
write("ear", "good", json.dumps({**HEAD, "ear_status": "affirming", "submods": {"tpm": SUB}}))
write("ear", "two", json.dumps({**HEAD, "submods": {"a": {"ear_status": "none"}, "b": {"ear_status": "warning"}}}))
write("ear", "liar", json.dumps({**HEAD, "submods": {"tpm": {**SUB, "ear_trustworthiness_vector": {"hardware": 97}}}}))
write("ear", "for_someone", json.dumps({**HEAD, "aud": ["gate"], "eat_nonce": "AAAAAAAAAAAAAA", "nbf": 1, "submods": {"tpm": SUB}}))

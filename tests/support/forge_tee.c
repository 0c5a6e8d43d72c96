/* SEV-SNP reports and TDX quotes by makers of our own. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "codec/der.h"
#include "crypto/hash.h"
#include "support/forge.h"

enum { ROOT = 31, SUB, PCK, ATTESTATION, OTHER };

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* ---- the chip's key: nothing in Muster signs with P-384 ---- */

static EVP_PKEY *
chip_key(void)
{
	static EVP_PKEY *k;
	if (k == NULL)
		must((k = EVP_EC_gen("P-384")) != NULL);
	return k;
}

static void
chip_sign(struct ms_span msg, uint8_t field[static 144])
{
	uint8_t der[256], big[48];
	size_t len = sizeof der;
	const uint8_t *p = der;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, chip_key()) == 1);
	must(EVP_DigestSign(ctx, der, &len, msg.p, msg.len) == 1);
	EVP_MD_CTX_free(ctx);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	must(sig != NULL);
	for (int part = 0; part < 2; part++) {
		must(BN_bn2binpad(part == 0 ? ECDSA_SIG_get0_r(sig) : ECDSA_SIG_get0_s(sig), big, sizeof big) == sizeof big);
		for (size_t i = 0; i < sizeof big; i++)
			field[72 * (size_t)part + i] = big[sizeof big - 1 - i];
	}
	ECDSA_SIG_free(sig);
}

static void
chip_spki(struct ms_buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(chip_key(), &der);
	must(len > 0);
	ms_buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* ---- SEV-SNP ---- */

#define AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01"

static void
put_svn(struct ms_buf *ext, uint8_t n, uint8_t v)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 3, n};
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 16);
	ms_der_put_uint(&b, v);
	forge_extension(ext, oid, sizeof oid, false, ms_buf_span(&b));
}

static void
put_vcek(struct ms_buf *out, const uint8_t chip[static 64], enum forge_wrong wrong)
{
	bool turin = wrong == FORGE_TURIN;
	MS_OWN(ms_buf_fini) struct ms_buf ext, spki;
	ms_buf_init(&ext, 4096);
	ms_buf_init(&spki, 512);
	chip_spki(&spki);
	forge_extension(&ext, AMD "\x02", 9, false, ms_span("\x16\x08Milan-B0", 10));
	put_svn(&ext, 1, 3);
	put_svn(&ext, 2, 1);
	put_svn(&ext, 3, wrong == FORGE_TCB_LEVEL ? 9 : 10);
	if (wrong != FORGE_TCB_MISSING)
		put_svn(&ext, 8, 169);
	if (turin)
		put_svn(&ext, 9, 4);
	if (wrong == FORGE_VLEK || wrong == FORGE_KEY_KIND)
		forge_extension(&ext, AMD "\x05", 9, false,
		    ms_span("\x16\x05"
			    "a csp",
			7));
	else
		forge_extension(&ext, AMD "\x04", 9, false, ms_span(chip, turin ? 8 : 64));
	struct forge_cert c = {.subject = "SEV-VCEK",
	    .issuer = "SEV-Example",
	    .spki = wrong == FORGE_SIGNER_P256 ? ms_pubkey_spki(ms_softkey_public(forge_key(PCK))) : ms_buf_span(&spki),
	    .signer = forge_key(wrong == FORGE_LINK_SIGNATURE ? OTHER : SUB),
	    .path_length = -1,
	    .extensions = ms_buf_span(&ext),
	    .to_s = wrong == FORGE_EXPIRED_LEAF ? FORGE_NOW - 1 : 0};
	forge_cert(&c, out);
}

static void
put_report(struct forge *f, uint8_t r[static 1184], const uint8_t chip[static 64], enum forge_wrong wrong)
{
	memset(r, 0, 1184);
	put_le(r, wrong == FORGE_VERSION_LOW ? 1 : wrong == FORGE_VERSION_HIGH ? 6 : wrong == FORGE_TURIN ? 3 : 2, 4);
	put_le(r + 4, 5, 4);
	put_le(r + 8, 0x30000 | (wrong == FORGE_DEBUG ? 0x80000u : 0), 8);
	memset(r + 16, 0x16, 16);
	memset(r + 32, 0x32, 16);
	put_le(r + 48, 1, 4);
	put_le(r + 52, wrong == FORGE_ALGO ? 2 : 1, 4);
	put_le(r + 64, 1, 8);
	put_le(r + 72, wrong == FORGE_VLEK ? 1u << 2 : 0, 4);
	memcpy(r + 80, f->nonce, 64);
	memset(r + 144, 0x14, 48);
	memset(r + 192, 0x19, 32);
	memset(r + 224, 0x22, 48);
	memset(r + 320, 0x33, 32);
	static const uint8_t tcb[8] = {3, 1, 0, 0, 0, 0, 10, 169}, turin[8] = {4, 3, 1, 10, 0, 0, 0, 169};
	memcpy(r + 384, wrong == FORGE_TURIN ? turin : tcb, 8);
	if (wrong == FORGE_TURIN)
		r[392] = 0x1a;
	memcpy(r + 416, chip, 64);
	if (wrong == FORGE_CHIP)
		r[420] ^= 1;
	chip_sign(ms_span(r, 672), r + 672);
	if (wrong == FORGE_R_TOO_LONG)
		r[672 + 48] = 1;
}

/* GUID, offset, length; a row of zeros ends it. */
static void
put_table(struct ms_buf *out, struct ms_span vcek, enum forge_wrong wrong)
{
	static const uint8_t guid[16] = {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
	uint8_t row[48] = {0};
	memcpy(row, guid, sizeof guid);
	put_le(row + 16, sizeof row, 4);
	put_le(row + 20, vcek.len + (wrong == FORGE_TABLE_BROKEN), 4);
	ms_buf_put(out, row, sizeof row);
	ms_buf_put_span(out, vcek);
}

void
forge_snp(struct forge *f, enum forge_wrong wrong)
{
	uint8_t report[1184], chip[64];
	struct forge_cert root = {.subject = "ARK-Example",
	    .issuer = "ARK-Example",
	    .key = forge_key(ROOT),
	    .signer = forge_key(ROOT),
	    .ca = true,
	    .path_length = -1};
	struct forge_cert sub = {.subject = "SEV-Example",
	    .issuer = "ARK-Example",
	    .key = forge_key(SUB),
	    .signer = forge_key(ROOT),
	    .ca = wrong != FORGE_NOT_CA,
	    .path_length = -1};
	MS_OWN(ms_buf_fini) struct ms_buf vcek, ask;
	ms_buf_init(&vcek, 8192);
	ms_buf_init(&ask, 8192);
	forge_start(f, "sev-snp", 64);
	memset(chip, 0x3a, sizeof chip);
	if (wrong == FORGE_TURIN)
		memset(chip + 8, 0, sizeof chip - 8);
	put_report(f, report, chip, wrong);
	put_vcek(&vcek, chip, wrong);
	forge_cert(&root, &f->anchor);
	forge_cert(&sub, &ask);
	ms_buf_put(&f->evidence, report, sizeof report);
	bool table = wrong == FORGE_TABLE || wrong == FORGE_TABLE_BROKEN;
	if (table)
		put_table(&f->evidence, ms_buf_span(&vcek), wrong);
	else if (wrong != FORGE_NO_CERT)
		forge_pem(ms_buf_span(&vcek), "CERTIFICATE", &f->endorsement);
	forge_pem(ms_buf_span(&ask), "CERTIFICATE", &f->endorsement);
	forge_done(f);
}

/* ---- TDX ---- */

#define SGX "\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01"

static void
put_pck(struct ms_buf *pem, enum forge_wrong wrong)
{
	MS_OWN(ms_buf_fini) struct ms_buf ext, value, der;
	ms_buf_init(&ext, 1024);
	ms_buf_init(&value, 1024);
	ms_buf_init(&der, 8192);
	size_t list = ms_der_open(&value, MS_DER_SEQUENCE);
	for (uint8_t n = 3; n <= 4; n++) { /* PCE-ID, FMSPC */
		const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, n};
		size_t row = ms_der_open(&value, MS_DER_SEQUENCE);
		ms_der_put(&value, MS_DER_OID, ms_span(oid, sizeof oid));
		ms_der_put_octets(&value, ms_span("\x00\x80\x6f\x05\x00\x00", n == 3 ? 2 : 6));
		ms_der_close(&value, row);
	}
	ms_der_close(&value, list);
	forge_extension(&ext, SGX, 9, false, ms_buf_span(&value));
	struct forge_cert c = {.subject = "PCK",
	    .issuer = "Platform CA",
	    .key = forge_key(PCK),
	    .signer = forge_key(wrong == FORGE_LINK_SIGNATURE ? OTHER : SUB),
	    .path_length = -1,
	    .extensions = ms_buf_span(&ext),
	    .to_s = wrong == FORGE_EXPIRED_LEAF ? FORGE_NOW - 1 : 0};
	struct forge_cert sub = {.subject = "Platform CA",
	    .issuer = "SGX Root",
	    .key = forge_key(SUB),
	    .signer = forge_key(ROOT),
	    .ca = wrong != FORGE_NOT_CA,
	    .path_length = -1};
	forge_cert(&c, &der);
	forge_pem(ms_buf_span(&der), "CERTIFICATE", pem);
	ms_buf_reset(&der);
	forge_cert(&sub, &der);
	forge_pem(ms_buf_span(&der), "CERTIFICATE", pem);
}

static void
put_le_n(struct ms_buf *b, uint64_t v, size_t n)
{
	uint8_t p[8];
	put_le(p, v, n);
	ms_buf_put(b, p, n);
}

static void
put_header(struct ms_buf *b, enum forge_wrong wrong)
{
	static const uint8_t vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
	uint8_t id[20] = {7};
	bool v5 = wrong == FORGE_V5 || wrong == FORGE_V5_TD15 || wrong == FORGE_V5_SIZE;
	put_le_n(b, wrong == FORGE_VERSION_LOW ? 3 : wrong == FORGE_VERSION_HIGH ? 6 : v5 ? 5 : 4, 2);
	put_le_n(b, wrong == FORGE_KEY_TYPE ? 3 : 2, 2);
	put_le_n(b, wrong == FORGE_TEE ? 0 : 0x81, 4);
	put_le_n(b, 0, 4);
	ms_buf_put(b, vendor, wrong == FORGE_VENDOR ? 15 : 16);
	if (wrong == FORGE_VENDOR)
		ms_buf_u8(b, 0);
	ms_buf_put(b, id, sizeof id);
	if (v5) {
		put_le_n(b, wrong == FORGE_V5_TD15 ? 3 : 2, 2);
		put_le_n(b, wrong == FORGE_V5_TD15 ? 648 : wrong == FORGE_V5_SIZE ? 648 : 584, 4);
	}
}

const uint8_t (*forge_rtmr)[48];

static void
put_body(struct forge *f, struct ms_buf *b, enum forge_wrong wrong)
{
	uint8_t body[648];
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i / 8);
	memset(body + 112, 0, 16); /* SEAM and TD attributes */
	body[120] = wrong == FORGE_DEBUG;
	if (forge_rtmr != NULL)
		memcpy(body + 328, forge_rtmr, 4 * sizeof *forge_rtmr);
	memcpy(body + 520, f->nonce, 64);
	ms_buf_put(b, body, wrong == FORGE_V5_TD15 || wrong == FORGE_V5_SIZE ? 648 : 584);
}

static void
put_qe(struct ms_buf *b, struct ms_span key, enum forge_wrong wrong)
{
	static const uint8_t signer[32] = {0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
	    0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};
	uint8_t report[384] = {0}, sig[MS_SIG_LEN], auth[32];
	memset(auth, 0x0a, sizeof auth);
	report[48] = (uint8_t)(0x15 | (wrong == FORGE_QE_DEBUG ? 2 : 0));
	memcpy(report + 128, signer, sizeof signer);
	report[130] ^= wrong == FORGE_QE_SIGNER;
	put_le(report + 256, wrong == FORGE_QE_PRODUCT ? 1 : 2, 2);
	put_le(report + 258, 4, 2);
	ms_sha256v((const struct ms_span[]){key, ms_span(auth, sizeof auth)}, 2, report + 320);
	forge_sign(forge_key(wrong == FORGE_QE_SIGNATURE ? OTHER : PCK), ms_span(report, sizeof report), sig);
	auth[0] ^= wrong == FORGE_AUTH_DATA;
	ms_buf_put(b, report, sizeof report);
	ms_buf_put(b, sig, sizeof sig);
	put_le_n(b, sizeof auth, 2);
	ms_buf_put(b, auth, sizeof auth);
}

void
forge_tdx(struct forge *f, enum forge_wrong wrong)
{
	uint8_t sig[MS_SIG_LEN];
	struct ms_span point = ms_pubkey_point(ms_softkey_public(forge_key(ATTESTATION))), key = ms_span(point.p + 1, 64);
	struct forge_cert root = {
	    .subject = "SGX Root", .issuer = "SGX Root", .key = forge_key(ROOT), .signer = forge_key(ROOT), .ca = true, .path_length = -1};
	MS_OWN(ms_buf_fini) struct ms_buf pem, qe;
	ms_buf_init(&pem, 16384);
	ms_buf_init(&qe, 32768);
	forge_start(f, "tdx", 64);
	put_header(&f->evidence, wrong);
	put_body(f, &f->evidence, wrong);
	forge_sign(forge_key(wrong == FORGE_SIGNED_BY_OTHER ? OTHER : ATTESTATION), ms_buf_span(&f->evidence), sig);
	put_pck(&pem, wrong);
	ms_buf_u8(&pem, 0);
	put_qe(&qe, key, wrong);
	put_le_n(&qe, wrong == FORGE_PCK_TYPE ? 1 : 5, 2);
	put_le_n(&qe, pem.len, 4);
	ms_buf_put_span(&qe, ms_buf_span(&pem));
	put_le_n(&f->evidence, 64 + 64 + 6 + qe.len, 4);
	ms_buf_put(&f->evidence, sig, sizeof sig);
	ms_buf_put_span(&f->evidence, key);
	put_le_n(&f->evidence, wrong == FORGE_CERT_TYPE ? 5 : 6, 2);
	put_le_n(&f->evidence, qe.len, 4);
	ms_buf_put_span(&f->evidence, ms_buf_span(&qe));
	if (wrong == FORGE_PADDED)
		ms_buf_put(&f->evidence, "\0\0\0\0\0\0\0\0", 8);
	if (wrong == FORGE_TRAILING)
		ms_buf_u8(&f->evidence, 1);
	forge_cert(&root, &f->anchor);
	forge_done(f);
}

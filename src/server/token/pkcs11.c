/* Keys in a PKCS#11 token, through the module itself. The module is loaded before the sandbox; everything else, its
 * files included, happens inside. Keys are found by label and class; each must be unique, sensitive and not extractable. */
#include "server/token/pkcs11_int.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/io.h"

/* PKCS#11 2.40, 2.3.1: OBJECT IDENTIFIER of the curve. */
static const uint8_t p256_oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t ed25519_oid[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

enum ms_rc
ms_p11_fail(struct ms_err *err, CK_RV rv, const char *what)
{
	switch (rv) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return ms_fail(err, MS_ERR_AUTH, "%s: the token refuses the PIN (0x%lx)", what, rv);
	case CKR_PIN_LOCKED:
		return ms_fail(err, MS_ERR_AUTH, "%s: the token's PIN is locked", what);
	case CKR_HOST_MEMORY:
	case CKR_DEVICE_MEMORY:
		return ms_fail(err, MS_ERR_NOMEM, "%s: the token is out of memory", what);
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_DEVICE_REMOVED:
	case CKR_SESSION_HANDLE_INVALID:
		return ms_fail(err, MS_ERR_UNAVAILABLE, "%s: the token is gone (0x%lx)", what, rv);
	default:
		return ms_fail(err, MS_ERR_CRYPTO, "%s: PKCS#11 error 0x%lx", what, rv);
	}
}

static void
p11_free(void *ctx)
{
	struct ms_p11 *p = ctx;
	if (p == NULL)
		return;
	if (p->session != 0)
		(void)p->f->C_CloseSession(p->session);
	if (p->initialised)
		(void)p->f->C_Finalize(NULL);
	/* the module stays loaded: what it registered with other libraries must not dangle */
	ms_secret_free(p->pin);
	free(p);
}

static enum ms_rc
load_module(struct ms_p11 *p, const struct ms_token_config *c, struct ms_err *err)
{
	CK_C_GetFunctionList get = NULL;
	if (c->module == NULL)
		return ms_fail(err, MS_ERR_USAGE, "the PKCS#11 module is not set");
	if (c->module_conf != NULL && setenv("SOFTHSM2_CONF", c->module_conf, 1) != 0)
		return ms_fail(err, MS_ERR_NOMEM, "environment");
	(void)setlogmask(LOG_MASK(LOG_DEBUG)); /* a module that reports to syslog would want a socket, which kills in the sandbox */
	p->module = dlopen(c->module, RTLD_NOW | RTLD_LOCAL);
	if (p->module == NULL)
		return ms_fail(err, MS_ERR_NOT_FOUND, "PKCS#11 module: %s", dlerror());
	void *symbol = dlsym(p->module, "C_GetFunctionList");
	memcpy(&get, &symbol, sizeof get); /* ISO C has no cast from object to function pointers */
	if (get == NULL || get(&p->f) != CKR_OK || p->f == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "%s is not a PKCS#11 module", c->module);
	return MS_OK;
}

static enum ms_rc
p11_prepare(const struct ms_token_config *c, void **ret, struct ms_err *err)
{
	struct ms_p11 *p = calloc(1, sizeof *p);
	if (p == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "PKCS#11");
	enum ms_rc rc = ms_token_uri_parse(ms_span_str(c->uri), &p->uri, err);
	if (rc == MS_OK)
		rc = ms_token_read_line(c->pin_file, 4, 255, &p->pin, err);
	if (rc == MS_OK)
		rc = load_module(p, c, err);
	if (rc != MS_OK) {
		p11_free(p);
		return rc;
	}
	*ret = p;
	return MS_OK;
}

/* ---- the token and its session ---- */

/* Fields of CK_TOKEN_INFO are padded with blanks. */
static bool
field_is(const uint8_t *field, size_t cap, const char *want)
{
	size_t n = strlen(want);
	if (n == 0)
		return true;
	if (n > cap || memcmp(field, want, n) != 0)
		return false;
	for (; n < cap; n++)
		if (field[n] != ' ')
			return false;
	return true;
}

static bool
token_is(const CK_TOKEN_INFO *t, const struct ms_token_uri *u)
{
	return field_is(t->label, sizeof t->label, u->token) && field_is(t->manufacturerID, sizeof t->manufacturerID, u->manufacturer) &&
	       field_is(t->model, sizeof t->model, u->model) && field_is(t->serialNumber, sizeof t->serialNumber, u->serial);
}

enum ms_rc
ms_p11_initialise(struct ms_p11 *p, struct ms_err *err)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS};
	CK_RV rv = p->f->C_Initialize(&args);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_Initialize");
	p->initialised = true;
	return MS_OK;
}

/* The slot whose token the URI names; with `fresh`, the first one without a token of its own. */
enum ms_rc
ms_p11_find_slot(struct ms_p11 *p, bool fresh, CK_SLOT_ID *ret, struct ms_err *err)
{
	CK_SLOT_ID slots[MS_P11_SLOTS_MAX];
	CK_ULONG n = MS_P11_SLOTS_MAX;
	CK_TOKEN_INFO info;
	size_t found = 0;
	CK_RV rv = p->f->C_GetSlotList(CK_TRUE, slots, &n);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_GetSlotList");
	for (CK_ULONG i = 0; i < n; i++) {
		if (p->f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
			continue;
		bool empty = (info.flags & CKF_TOKEN_INITIALIZED) == 0;
		if (fresh ? empty && found == 0 : !empty && token_is(&info, &p->uri)) {
			*ret = slots[i];
			found++;
		}
	}
	if (found == 0)
		return ms_fail(err, MS_ERR_NOT_FOUND, fresh ? "no empty slot" : "no token \"%s\"", p->uri.token);
	return found == 1 ? MS_OK : ms_fail(err, MS_ERR_CONFLICT, "%zu tokens \"%s\": add serial= to the URI", found, p->uri.token);
}

enum ms_rc
ms_p11_login(struct ms_p11 *p, CK_SLOT_ID slot, bool writes, struct ms_err *err)
{
	CK_RV rv = p->f->C_OpenSession(slot, CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0), NULL, NULL, &p->session);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_OpenSession");
	rv = p->f->C_Login(p->session, CKU_USER, ms_secret_bytes(p->pin), ms_secret_len(p->pin));
	ms_secret_free(p->pin);
	p->pin = NULL;
	return rv == CKR_OK ? MS_OK : ms_p11_fail(err, rv, "C_Login");
}

/* ---- finding keys ---- */

/* Objects of this class and label, at most two. */
enum ms_rc
ms_p11_find(struct ms_p11 *p, CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE ret[static 2], size_t *ret_n, struct ms_err *err)
{
	char name[32] = {0};
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG n = 0;
	size_t len = strlen(label);
	if (len >= sizeof name)
		return ms_fail(err, MS_ERR_INTERNAL, "label");
	memcpy(name, label, len);
	CK_ATTRIBUTE want[] = {{CKA_CLASS, &class, sizeof class}, {CKA_TOKEN, &yes, sizeof yes}, {CKA_LABEL, name, len}};
	CK_RV rv = p->f->C_FindObjectsInit(p->session, want, sizeof want / sizeof *want);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_FindObjectsInit");
	rv = p->f->C_FindObjects(p->session, ret, 2, &n);
	(void)p->f->C_FindObjectsFinal(p->session);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_FindObjects");
	*ret_n = n;
	return MS_OK;
}

static enum ms_rc
find_one(struct ms_p11 *p, CK_OBJECT_CLASS class, unsigned slot, CK_OBJECT_HANDLE *ret, struct ms_err *err)
{
	const char *label = ms_slot_row(slot)->label;
	CK_OBJECT_HANDLE found[2];
	size_t n = 0;
	enum ms_rc rc = ms_p11_find(p, class, label, found, &n, err);
	if (rc != MS_OK)
		return rc;
	if (n != 1)
		return ms_fail(
		    err, n == 0 ? MS_ERR_NOT_FOUND : MS_ERR_CONFLICT, "%s key \"%s\" in the token", n == 0 ? "no" : "more than one", label);
	*ret = found[0];
	return MS_OK;
}

/* I4: what signs, derives or wraps must not be able to leave the token. */
static enum ms_rc
check_stays(struct ms_p11 *p, unsigned slot, struct ms_err *err)
{
	CK_BBOOL sensitive = CK_FALSE, extractable = CK_TRUE;
	CK_ATTRIBUTE got[] = {{CKA_SENSITIVE, &sensitive, sizeof sensitive}, {CKA_EXTRACTABLE, &extractable, sizeof extractable}};
	CK_RV rv = p->f->C_GetAttributeValue(p->session, p->key[slot], got, sizeof got / sizeof *got);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_GetAttributeValue");
	if (sensitive != CK_TRUE || extractable != CK_FALSE)
		return ms_fail(err, MS_ERR_AUTH, "key \"%s\" could be taken out of the token", ms_slot_row(slot)->label);
	return MS_OK;
}

/* CKA_EC_POINT is a DER OCTET STRING; some tokens give the bytes alone. */
static enum ms_rc
read_point(struct ms_p11 *p, unsigned slot, CK_OBJECT_HANDLE pub, struct ms_err *err)
{
	uint8_t value[128];
	size_t want = ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519 ? MS_ED25519_LEN : MS_POINT_LEN;
	CK_ATTRIBUTE got = {CKA_EC_POINT, value, sizeof value};
	CK_RV rv = p->f->C_GetAttributeValue(p->session, pub, &got, 1);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "CKA_EC_POINT");
	const uint8_t *at = value;
	if (got.ulValueLen == want + 2 && value[0] == 0x04 && value[1] == want)
		at += 2;
	else if (got.ulValueLen != want)
		return ms_fail(
		    err, MS_ERR_UNSUPPORTED, "key \"%s\" has a public half of %lu bytes", ms_slot_row(slot)->label, got.ulValueLen);
	memcpy(p->pub[slot], at, want);
	return MS_OK;
}

enum ms_rc
ms_p11_open_key(struct ms_p11 *p, unsigned slot, struct ms_err *err)
{
	CK_OBJECT_HANDLE pub = 0;
	bool wraps = ms_slot_row(slot)->use == MS_SLOT_WRAPS;
	enum ms_rc rc = find_one(p, wraps ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, slot, &p->key[slot], err);
	if (rc == MS_OK)
		rc = check_stays(p, slot, err);
	if (rc != MS_OK || wraps)
		return rc;
	rc = find_one(p, CKO_PUBLIC_KEY, slot, &pub, err);
	return rc == MS_OK ? read_point(p, slot, pub, err) : rc;
}

static enum ms_rc
p11_start(void *ctx, uint32_t slots, struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	CK_SLOT_ID slot = 0;
	enum ms_rc rc = ms_p11_initialise(p, err);
	if (rc == MS_OK)
		rc = ms_p11_find_slot(p, false, &slot, err);
	if (rc == MS_OK)
		rc = ms_p11_login(p, slot, false, err);
	for (unsigned key = 0; rc == MS_OK && key < MS_SLOT_END; key++)
		if ((slots & MS_SLOT_BIT(key)) != 0)
			rc = ms_p11_open_key(p, key, err);
	return rc;
}

struct ms_span
ms_p11_curve(enum ms_slot_use use)
{
	return use == MS_SLOT_SIGNS_ED25519 ? ms_span(ed25519_oid, sizeof ed25519_oid) : ms_span(p256_oid, sizeof p256_oid);
}

/* ---- use ---- */

static enum ms_rc
p11_public(void *ctx, unsigned slot, uint8_t raw[static MS_POINT_LEN], MS_UNUSED struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	memcpy(raw, p->pub[slot], MS_POINT_LEN);
	return MS_OK;
}

static enum ms_rc
p11_sign(void *ctx, unsigned slot, struct ms_span in, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	CK_MECHANISM m = {.mechanism = ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519 ? CKM_EDDSA : CKM_ECDSA};
	uint8_t out[MS_SIG_LEN];
	CK_ULONG len = sizeof out;
	CK_RV rv = p->f->C_SignInit(p->session, &m, p->key[slot]);
	if (rv == CKR_OK)
		rv = p->f->C_Sign(p->session, (CK_BYTE *)(uintptr_t)in.p, in.len, out, &len); /* it only reads them */
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_Sign");
	if (len != sizeof out)
		return ms_fail(err, MS_ERR_CRYPTO, "a signature of %lu bytes", len);
	memcpy(sig, out, sizeof out);
	return MS_OK;
}

/* The shared value as a session object, read at once and destroyed. */
static enum ms_rc
p11_derive(void *ctx, unsigned slot, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG len = MS_ECDH_Z_LEN;
	CK_OBJECT_HANDLE shared = 0;
	CK_ATTRIBUTE form[] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}, {CKA_TOKEN, &no, sizeof no},
	    {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SENSITIVE, &no, sizeof no}, {CKA_EXTRACTABLE, &yes, sizeof yes},
	    {CKA_VALUE_LEN, &len, sizeof len}};
	CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL, .public_data = (CK_BYTE *)(uintptr_t)peer, .public_data_len = MS_POINT_LEN};
	CK_MECHANISM m = {.mechanism = CKM_ECDH1_DERIVE, .pParameter = &params, .ulParameterLen = sizeof params};
	CK_RV rv = p->f->C_DeriveKey(p->session, &m, p->key[slot], form, sizeof form / sizeof *form, &shared);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_DeriveKey");
	CK_ATTRIBUTE value = {CKA_VALUE, ms_secret_bytes(z), MS_ECDH_Z_LEN};
	rv = p->f->C_GetAttributeValue(p->session, shared, &value, 1);
	(void)p->f->C_DestroyObject(p->session, shared);
	if (rv != CKR_OK || value.ulValueLen != MS_ECDH_Z_LEN)
		return ms_p11_fail(err, rv != CKR_OK ? rv : CKR_GENERAL_ERROR, "shared value");
	ms_secret_set_len(z, MS_ECDH_Z_LEN);
	return MS_OK;
}

static CK_GCM_PARAMS
gcm_of(const struct ms_aead *a)
{
	return (CK_GCM_PARAMS){.iv_ptr = (CK_BYTE *)(uintptr_t)a->iv,
	    .iv_len = MS_AEAD_IV_LEN,
	    .iv_bits = MS_AEAD_IV_LEN * 8,
	    .aad_ptr = (CK_BYTE *)(uintptr_t)a->aad.p,
	    .aad_len = a->aad.len,
	    .tag_bits = MS_AEAD_TAG_LEN * 8};
}

static enum ms_rc
p11_wrap(void *ctx, unsigned slot, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	CK_GCM_PARAMS params = gcm_of(a);
	CK_MECHANISM m = {.mechanism = CKM_AES_GCM, .pParameter = &params, .ulParameterLen = sizeof params};
	CK_ULONG want = ms_secret_len(pt) + MS_AEAD_TAG_LEN, len = want;
	CK_BYTE *ct = malloc(want);
	if (ct == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "wrapping");
	CK_RV rv = p->f->C_EncryptInit(p->session, &m, p->key[slot]);
	if (rv == CKR_OK)
		rv = p->f->C_Encrypt(p->session, (CK_BYTE *)(uintptr_t)ms_secret_peek(pt), ms_secret_len(pt), ct, &len);
	enum ms_rc rc = MS_OK;
	if (rv != CKR_OK || len != want)
		rc = ms_p11_fail(err, rv != CKR_OK ? rv : CKR_GENERAL_ERROR, "C_Encrypt");
	else
		ms_buf_put(out, ct, len);
	free(ct);
	return rc == MS_OK ? ms_buf_check(out, err) : rc;
}

static enum ms_rc
p11_unwrap(void *ctx, unsigned slot, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	CK_GCM_PARAMS params = gcm_of(a);
	CK_MECHANISM m = {.mechanism = CKM_AES_GCM, .pParameter = &params, .ulParameterLen = sizeof params};
	CK_ULONG len = ct.len; /* some modules want room for the tag, too */
	enum ms_rc rc = ms_secret_new(ct.len, &pt, err);
	if (rc != MS_OK)
		return rc;
	CK_RV rv = p->f->C_DecryptInit(p->session, &m, p->key[slot]);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_DecryptInit");
	rv = p->f->C_Decrypt(p->session, (CK_BYTE *)(uintptr_t)ct.p, ct.len, ms_secret_bytes(pt), &len);
	if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE || rv == CKR_GENERAL_ERROR)
		return ms_fail(err, MS_ERR_AUTH, "not wrapped by this key so (0x%lx)", rv);
	if (rv != CKR_OK || len != ct.len - MS_AEAD_TAG_LEN)
		return ms_p11_fail(err, rv != CKR_OK ? rv : CKR_DEVICE_ERROR, "C_Decrypt");
	ms_secret_set_len(pt, len);
	*ret = pt;
	pt = NULL;
	return MS_OK;
}

const struct ms_token_ops ms_token_pkcs11 = {
    .name = "pkcs11",
    .prepare = p11_prepare,
    .generate = ms_p11_generate,
    .start = p11_start,
    .free = p11_free,
    .public = p11_public,
    .sign = p11_sign,
    .derive = p11_derive,
    .wrap = p11_wrap,
    .unwrap = p11_unwrap,
};

/* Making the keys of a deployment inside a PKCS#11 token. */
#include <string.h>

#include "base/io.h"
#include "server/token/pkcs11_int.h"

#define SO_PIN_LEN 32u
#define TOKEN_LABEL_LEN 32u

/* The user PIN, by a security officer whose own PIN nobody keeps. */
static enum ms_rc
set_pin(struct ms_p11 *p, CK_SLOT_ID slot, char so_pin[static SO_PIN_LEN + 1], struct ms_err *err)
{
	CK_SESSION_HANDLE session = 0;
	CK_RV rv = p->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK)
		return ms_p11_fail(err, rv, "C_OpenSession");
	rv = p->f->C_Login(session, CKU_SO, (CK_BYTE *)so_pin, SO_PIN_LEN);
	if (rv == CKR_OK)
		rv = p->f->C_InitPIN(session, ms_secret_bytes(p->pin), ms_secret_len(p->pin));
	(void)p->f->C_Logout(session);
	(void)p->f->C_CloseSession(session);
	return rv == CKR_OK ? MS_OK : ms_p11_fail(err, rv, "C_InitPIN");
}

static enum ms_rc
init_token(struct ms_p11 *p, CK_SLOT_ID slot, struct ms_err *err)
{
	uint8_t random[SO_PIN_LEN / 2], label[TOKEN_LABEL_LEN];
	char so_pin[SO_PIN_LEN + 1];
	enum ms_rc rc = ms_random(random, sizeof random, err);
	if (rc != MS_OK)
		return rc;
	ms_hex(random, sizeof random, so_pin);
	memset(label, ' ', sizeof label);
	memcpy(label, p->uri.token, strlen(p->uri.token));
	CK_RV rv = p->f->C_InitToken(slot, (CK_BYTE *)so_pin, SO_PIN_LEN, label);
	rc = rv == CKR_OK ? set_pin(p, slot, so_pin, err) : ms_p11_fail(err, rv, "C_InitToken");
	ms_wipe(random, sizeof random);
	ms_wipe(so_pin, sizeof so_pin);
	return rc;
}

static enum ms_rc
generate_pair(struct ms_p11 *p, unsigned slot, struct ms_err *err)
{
	const struct ms_slot_row *row = ms_slot_row(slot);
	struct ms_span curve = ms_p11_curve(row->use);
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL signs = row->use == MS_SLOT_DERIVES ? CK_FALSE : CK_TRUE, derives = signs == CK_TRUE ? CK_FALSE : CK_TRUE;
	CK_BYTE *label = (CK_BYTE *)(uintptr_t)row->label;
	CK_BYTE id = (CK_BYTE)slot;
	CK_ATTRIBUTE pub[] = {{CKA_EC_PARAMS, (CK_BYTE *)(uintptr_t)curve.p, curve.len}, {CKA_TOKEN, &yes, sizeof yes},
	    {CKA_PRIVATE, &no, sizeof no}, {CKA_VERIFY, &signs, sizeof signs}, {CKA_LABEL, label, strlen(row->label)}, {CKA_ID, &id, 1}};
	CK_ATTRIBUTE priv[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SENSITIVE, &yes, sizeof yes},
	    {CKA_EXTRACTABLE, &no, sizeof no}, {CKA_SIGN, &signs, sizeof signs}, {CKA_DERIVE, &derives, sizeof derives},
	    {CKA_LABEL, label, strlen(row->label)}, {CKA_ID, &id, 1}};
	CK_MECHANISM m = {.mechanism = row->use == MS_SLOT_SIGNS_ED25519 ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN};
	CK_OBJECT_HANDLE made[2];
	CK_RV rv =
	    p->f->C_GenerateKeyPair(p->session, &m, pub, sizeof pub / sizeof *pub, priv, sizeof priv / sizeof *priv, &made[0], &made[1]);
	return rv == CKR_OK ? MS_OK : ms_p11_fail(err, rv, "C_GenerateKeyPair");
}

static enum ms_rc
generate_wrap(struct ms_p11 *p, unsigned slot, struct ms_err *err)
{
	const struct ms_slot_row *row = ms_slot_row(slot);
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BYTE *label = (CK_BYTE *)(uintptr_t)row->label;
	CK_BYTE id = (CK_BYTE)slot;
	CK_ULONG len = 32;
	CK_ATTRIBUTE form[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SENSITIVE, &yes, sizeof yes},
	    {CKA_EXTRACTABLE, &no, sizeof no}, {CKA_ENCRYPT, &yes, sizeof yes}, {CKA_DECRYPT, &yes, sizeof yes}, {CKA_WRAP, &no, sizeof no},
	    {CKA_UNWRAP, &no, sizeof no}, {CKA_VALUE_LEN, &len, sizeof len}, {CKA_LABEL, label, strlen(row->label)}, {CKA_ID, &id, 1}};
	CK_MECHANISM m = {.mechanism = CKM_AES_KEY_GEN};
	CK_OBJECT_HANDLE made = 0;
	CK_RV rv = p->f->C_GenerateKey(p->session, &m, form, sizeof form / sizeof *form, &made);
	return rv == CKR_OK ? MS_OK : ms_p11_fail(err, rv, "C_GenerateKey");
}

static enum ms_rc
is_absent(struct ms_p11 *p, unsigned slot, struct ms_err *err)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_SECRET_KEY, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
	const char *label = ms_slot_row(slot)->label;
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		CK_OBJECT_HANDLE found[2];
		size_t n = 0;
		enum ms_rc rc = ms_p11_find(p, classes[i], label, found, &n, err);
		if (rc != MS_OK)
			return rc;
		if (n > 0)
			return ms_fail(err, MS_ERR_CONFLICT, "token \"%s\" holds a key \"%s\" already", p->uri.token, label);
	}
	return MS_OK;
}

static enum ms_rc
generate_all(struct ms_p11 *p, uint32_t slots, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (unsigned slot = 0; rc == MS_OK && slot < MS_SLOT_END; slot++)
		if ((slots & MS_SLOT_BIT(slot)) != 0)
			rc = is_absent(p, slot, err);
	for (unsigned slot = 0; rc == MS_OK && slot < MS_SLOT_END; slot++) {
		if ((slots & MS_SLOT_BIT(slot)) == 0)
			continue;
		rc = ms_slot_row(slot)->use == MS_SLOT_WRAPS ? generate_wrap(p, slot, err) : generate_pair(p, slot, err);
		if (rc == MS_OK)
			rc = ms_p11_open_key(p, slot, err);
	}
	return rc;
}

enum ms_rc
ms_p11_generate(void *ctx, uint32_t slots, struct ms_err *err)
{
	struct ms_p11 *p = ctx;
	CK_SLOT_ID slot = 0;
	enum ms_rc rc = ms_p11_initialise(p, err);
	if (rc == MS_OK)
		rc = ms_p11_find_slot(p, false, &slot, err);
	if (rc == MS_ERR_NOT_FOUND) {
		rc = ms_p11_find_slot(p, true, &slot, err);
		if (rc == MS_OK)
			rc = init_token(p, slot, err);
	}
	if (rc == MS_OK)
		rc = ms_p11_login(p, slot, true, err);
	return rc == MS_OK ? generate_all(p, slots, err) : rc;
}

/* Shared by the two halves of the PKCS#11 backend: use (pkcs11.c) and making keys (pkcs11_generate.c). */
#ifndef MS_TOKEN_PKCS11_INT_H
#define MS_TOKEN_PKCS11_INT_H
#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

#include "server/token/token_int.h"

#define MS_P11_SLOTS_MAX 64u
struct ms_p11 {
	void *module;
	CK_FUNCTION_LIST *f;
	struct ms_token_uri uri;
	struct ms_secret *pin; /* until the login */
	bool initialised;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key[MS_SLOT_END];
	uint8_t pub[MS_SLOT_END][MS_POINT_LEN];
};

enum ms_rc ms_p11_fail(struct ms_err *err, CK_RV rv, const char *what);
MS_MUST_USE enum ms_rc ms_p11_initialise(struct ms_p11 *p, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_p11_find_slot(struct ms_p11 *p, bool fresh, CK_SLOT_ID *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_p11_login(struct ms_p11 *p, CK_SLOT_ID slot, bool writes, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_p11_find(
    struct ms_p11 *p, CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE ret[static 2], size_t *ret_n, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_p11_open_key(struct ms_p11 *p, unsigned slot, struct ms_err *err);
struct ms_span ms_p11_curve(enum ms_slot_use use);
MS_MUST_USE enum ms_rc ms_p11_generate(void *ctx, uint32_t slots, struct ms_err *err);

#endif

#include "crypto/lib.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "crypto/lib_int.h"

/* Private keys that the library holds are put here: locked, left out of core dumps. Room for some 500 keys. */
#define SECURE_HEAP_BYTES (256u << 10)
#define SECURE_HEAP_MIN 32u

static struct {
	struct ms_lib lib;
	OSSL_PROVIDER *provider;
	bool ready;
	bool at_exit; /* ms_crypto_fini is registered */
} state;

enum ms_rc
ms_lib_fail(struct ms_err *err, const char *what)
{
	char reason[160] = "no reason given";
	unsigned long code = ERR_get_error();
	if (code != 0)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return ms_fail(err, MS_ERR_CRYPTO, "%s: %s", what, reason);
}

static bool
make_digests(struct ms_lib *l)
{
	static const char *const names[MS_LIB_HASHES] = {[MS_HASH_SHA256] = "SHA2-256",
	    [MS_HASH_SHA384] = "SHA2-384",
	    [MS_HASH_SHA512] = "SHA2-512",
	    [MS_HASH_SHA1] = "SHA1",
	    [MS_HASH_SM3] = "SM3"};
	for (size_t i = 0; i < MS_LIB_HASHES; i++) {
		l->md[i] = EVP_MD_fetch(l->ctx, names[i], NULL);
		if (l->md[i] == NULL && i == MS_HASH_SM3) { /* builds of the library may be without it */
			ERR_clear_error();
			continue;
		}
		l->md_ctx[i] = EVP_MD_CTX_new();
		if (l->md[i] == NULL || l->md_ctx[i] == NULL || EVP_DigestInit_ex2(l->md_ctx[i], l->md[i], NULL) != 1)
			return false;
	}
	return true;
}

static bool
make_hmac(struct ms_lib *l)
{
	char digest[] = "SHA2-256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(l->ctx, "HMAC", NULL);
	l->hmac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac); /* the context holds it */
	return l->hmac != NULL && EVP_MAC_CTX_set_params(l->hmac, params) == 1;
}

static bool
make_ciphers(struct ms_lib *l)
{
	l->aes128_gcm = EVP_CIPHER_fetch(l->ctx, "AES-128-GCM", NULL);
	l->aes256_gcm = EVP_CIPHER_fetch(l->ctx, "AES-256-GCM", NULL);
	l->aes128_cfb = EVP_CIPHER_fetch(l->ctx, "AES-128-CFB", NULL);
	return l->aes128_gcm != NULL && l->aes256_gcm != NULL && l->aes128_cfb != NULL;
}

static EVP_PKEY *
make_curve(OSSL_LIB_CTX *lib, char *name)
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0), OSSL_PARAM_construct_end()};
	MS_OWN(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lib, "EC", NULL);
	EVP_PKEY *k = NULL;
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEY_PARAMETERS, params) != 1)
		return NULL;
	return k;
}

static bool
make_curves(struct ms_lib *l)
{
	char p256[] = "P-256", p384[] = "P-384";
	l->p256 = make_curve(l->ctx, p256);
	l->p384 = make_curve(l->ctx, p384);
	return l->p256 != NULL && l->p384 != NULL;
}

static bool
make_context(void)
{
	/* No openssl.cnf: a file must not be able to change what crypto does here. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return false;
	state.lib.ctx = OSSL_LIB_CTX_new();
	if (state.lib.ctx == NULL)
		return false;
	state.provider = OSSL_PROVIDER_load(state.lib.ctx, "default");
	/* seeds the generators now, with whatever system calls that takes: a cage comes later */
	uint8_t first[1];
	return state.provider != NULL && RAND_bytes_ex(state.lib.ctx, first, sizeof first, 0) == 1;
}

enum ms_rc
ms_crypto_init(struct ms_err *err)
{
	if (state.ready)
		return MS_OK;
	if (!CRYPTO_secure_malloc_initialized() && CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_MIN) != 1)
		return ms_fail(err, MS_ERR_NOMEM, "crypto: memory for keys cannot be locked: raise LimitMEMLOCK");
	if (!make_context() || !make_digests(&state.lib) || !make_hmac(&state.lib) || !make_ciphers(&state.lib) ||
	    !make_curves(&state.lib)) {
		enum ms_rc rc = ms_lib_fail(err, "crypto: init");
		ms_crypto_fini();
		return rc;
	}
	if (!state.at_exit) /* before OpenSSL's own handler: what it frees must not hold ours */
		state.at_exit = atexit(ms_crypto_fini) == 0;
	state.ready = true;
	return MS_OK;
}

void
ms_crypto_fini(void)
{
	struct ms_lib *l = &state.lib;
	for (size_t i = 0; i < MS_LIB_HASHES; i++) {
		EVP_MD_CTX_free(l->md_ctx[i]);
		EVP_MD_free(l->md[i]);
	}
	EVP_MAC_CTX_free(l->hmac);
	EVP_CIPHER_free(l->aes128_gcm);
	EVP_CIPHER_free(l->aes256_gcm);
	EVP_CIPHER_free(l->aes128_cfb);
	EVP_PKEY_free(l->p256);
	EVP_PKEY_free(l->p384);
	if (state.provider != NULL)
		(void)OSSL_PROVIDER_unload(state.provider);
	OSSL_LIB_CTX_free(l->ctx);
	bool at_exit = state.at_exit;
	memset(&state, 0, sizeof state);
	state.at_exit = at_exit;
}

enum ms_rc
ms_lib_get(const struct ms_lib **ret, struct ms_err *err)
{
	enum ms_rc rc = ms_crypto_init(err);
	if (rc == MS_OK)
		*ret = &state.lib;
	return rc;
}

const struct ms_lib *
ms_lib_must(void)
{
	enum ms_rc rc = ms_crypto_init(NULL);
	assert(rc == MS_OK);
	return &state.lib;
}

#include "server/net/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct ms_net_tls {
	EVP_PKEY *fresh; /* waits for its certificate */
	SSL_CTX *ctx;    /* NULL until the first certificate */
};

static enum ms_rc
fail_crypto(struct ms_err *err, const char *what)
{
	char text[256];
	ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
	ERR_clear_error();
	return ms_fail(err, MS_ERR_CRYPTO, "tls: %s: %s", what, text);
}

enum ms_rc
ms_net_tls_new(struct ms_net_tls **ret, struct ms_err *err)
{
	struct ms_net_tls *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "tls");
	*ret = t;
	return MS_OK;
}

void
ms_net_tls_free(struct ms_net_tls *t)
{
	if (t == NULL)
		return;
	EVP_PKEY_free(t->fresh);
	SSL_CTX_free(t->ctx);
	free(t);
}

enum ms_rc
ms_net_tls_fresh_key(struct ms_net_tls *t, struct ms_buf *spki, struct ms_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	if (key == NULL)
		return fail_crypto(err, "key");
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	if (len <= 0) {
		EVP_PKEY_free(key);
		return fail_crypto(err, "public key");
	}
	ms_buf_put(spki, der, (size_t)len);
	OPENSSL_free(der);
	EVP_PKEY_free(t->fresh);
	t->fresh = key;
	return ms_buf_check(spki, err);
}

/* RFC 7301: a client that offers protocols must offer ours. */
static int
choose_alpn(
    MS_UNUSED SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len, MS_UNUSED void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
set_up(SSL_CTX *ctx)
{
	char groups[] = "X25519:P-256"; /* the macro that takes it casts const away */
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(
	    ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	SSL_CTX_set_quiet_shutdown(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
	       SSL_CTX_set_recv_max_early_data(ctx, 0) == 1 && SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1;
}

/* One certificate, all of the bytes. */
static X509 *
parse_certificate(struct ms_span der)
{
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	if (x != NULL && p != der.p + der.len) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

static enum ms_rc
add_certificate(SSL_CTX *ctx, struct ms_span der, EVP_PKEY *leaf_key, struct ms_err *err)
{
	X509 *x = parse_certificate(der);
	if (x == NULL)
		return fail_crypto(err, "certificate from core");
	if (leaf_key == NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, x) == 1)
			return MS_OK; /* x is ctx's now */
		X509_free(x);
		return fail_crypto(err, "issuing certificate");
	}
	bool same = X509_get0_pubkey(x) != NULL && EVP_PKEY_eq(X509_get0_pubkey(x), leaf_key) == 1;
	bool ok = same && SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, leaf_key) == 1;
	X509_free(x);
	if (!same)
		return ms_fail(err, MS_ERR_AUTH, "tls: certificate of another key");
	return ok ? MS_OK : fail_crypto(err, "certificate");
}

enum ms_rc
ms_net_tls_install(struct ms_net_tls *t, const struct ms_net_tls_cert *c, struct ms_err *err)
{
	if (t->fresh == NULL || c->n == 0)
		return ms_fail(err, MS_ERR_USAGE, "tls: no key waits for a certificate");
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || !set_up(ctx)) {
		SSL_CTX_free(ctx);
		return fail_crypto(err, "context");
	}
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < c->n; i++)
		rc = add_certificate(ctx, c->chain[i], i == 0 ? t->fresh : NULL, err);
	if (rc != MS_OK) {
		SSL_CTX_free(ctx);
		return rc;
	}
	SSL_CTX_free(t->ctx); /* connections hold their own reference */
	t->ctx = ctx;
	EVP_PKEY_free(t->fresh);
	t->fresh = NULL;
	return MS_OK;
}

SSL *
ms_net_tls_connection(struct ms_net_tls *t)
{
	SSL *ssl = t->ctx == NULL ? NULL : SSL_new(t->ctx);
	if (ssl == NULL)
		ERR_clear_error();
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

bool
ms_net_tls_exporter(SSL *ssl, uint8_t out[static MS_NET_EXPORTER_LEN])
{
	static const char label[] = MS_NET_EXPORTER_LABEL;
	if (SSL_export_keying_material(ssl, out, MS_NET_EXPORTER_LEN, label, sizeof label - 1, NULL, 0, 0) == 1)
		return true;
	ERR_clear_error();
	return false;
}

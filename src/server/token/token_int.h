/* What a backend of token.h is: one table of operations. Slots that reach a backend were checked in token.c. */
#ifndef MS_TOKEN_INT_H
#define MS_TOKEN_INT_H
#include "server/token/token.h"

struct ms_token_ops {
	const char *name;
	enum ms_rc (*prepare)(const struct ms_token_config *c, void **ret, struct ms_err *err);
	/* New keys for `slots`, which are open afterwards. Instead of start. */
	enum ms_rc (*generate)(void *ctx, uint32_t slots, struct ms_err *err);
	enum ms_rc (*start)(void *ctx, uint32_t slots, struct ms_err *err);
	void (*free)(void *ctx);
	/* The raw public half (point or Ed25519 key, as the slot's use says); not for slots that wrap. */
	enum ms_rc (*public)(void *ctx, unsigned slot, uint8_t raw[static MS_POINT_LEN], struct ms_err *err);
	enum ms_rc (*sign)(void *ctx, unsigned slot, struct ms_span in, uint8_t sig[static MS_SIG_LEN], struct ms_err *err);
	/* z has room for MS_ECDH_Z_LEN, and its length is set. */
	enum ms_rc (*derive)(void *ctx, unsigned slot, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err);
	enum ms_rc (*wrap)(
	    void *ctx, unsigned slot, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err);
	enum ms_rc (*unwrap)(
	    void *ctx, unsigned slot, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err);
};
extern const struct ms_token_ops ms_token_pkcs11, ms_token_keyfile, ms_token_tpm;

/* A PIN or passphrase file: one line, without its newline, min to max bytes. */
MS_MUST_USE enum ms_rc ms_token_read_line(const char *path, size_t min, size_t max, struct ms_secret **ret, struct ms_err *err);

/* token= and what narrows it, from an RFC 7512 URI. Empty: not given. */
#define MS_TOKEN_URI_FIELD_MAX 32u
struct ms_token_uri {
	char token[MS_TOKEN_URI_FIELD_MAX + 1];
	char manufacturer[MS_TOKEN_URI_FIELD_MAX + 1];
	char model[MS_TOKEN_URI_FIELD_MAX + 1];
	char serial[MS_TOKEN_URI_FIELD_MAX + 1];
};
/* MS_ERR_MALFORMED; MS_ERR_UNSUPPORTED for any other attribute: one that is not understood is not ignored. */
MS_MUST_USE enum ms_rc ms_token_uri_parse(struct ms_span text, struct ms_token_uri *ret, struct ms_err *err);

#endif

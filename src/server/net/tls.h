/* net's TLS: 1.3 only, a key that lives hours and never leaves this process, certificates from core. No tickets, no
 * resumption, no early data, no client certificates: who a device is shows in what its TPM signs. */
#ifndef MS_NET_TLS_H
#define MS_NET_TLS_H
#include <openssl/types.h>
#include "ipc/net_core.h"

struct ms_net_tls;
MS_MUST_USE enum ms_rc ms_net_tls_new(struct ms_net_tls **ret, struct ms_err *err);
void ms_net_tls_free(struct ms_net_tls *t);
MS_CLEANUP(struct ms_net_tls, ms_net_tls_free)

/* Make a new P-256 key, to be used once a certificate for it is installed; appends its SubjectPublicKeyInfo DER.
 * A key that still waits for its certificate is dropped. */
MS_MUST_USE enum ms_rc ms_net_tls_fresh_key(struct ms_net_tls *t, struct ms_buf *spki, struct ms_err *err);
/* The certificate of the fresh key: from now on new connections use it, old ones keep what they have.
 * MS_ERR_AUTH when the leaf holds another key. The chain is not verified here: clients do that. */
MS_MUST_USE enum ms_rc ms_net_tls_install(struct ms_net_tls *t, const struct ms_net_tls_cert *c, struct ms_err *err);
/* A server-side object for one connection; the caller owns it (SSL_free). NULL when out of memory. */
SSL *ms_net_tls_connection(struct ms_net_tls *t);
/* After the handshake. */
MS_MUST_USE bool ms_net_tls_exporter(SSL *ssl, uint8_t out[static MS_NET_EXPORTER_LEN]);

#endif

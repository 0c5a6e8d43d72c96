/* All that keeper does: one row an act. */
#include "server/keeper/keeper_int.h"

#define FITS(T) _Static_assert(sizeof(struct T) <= MS_KEEPER_PARAMS_MAX, #T)
FITS(ms_act_credential);
FITS(ms_act_proof);
FITS(ms_act_challenge_key);
FITS(ms_act_tls_cert);
FITS(ms_act_bind);
FITS(ms_act_admit);
FITS(ms_act_identity);
FITS(ms_act_secret_put);
FITS(ms_act_secret_release);
FITS(ms_act_crl);
FITS(ms_act_result);

static const struct ms_keeper_row rows[MS_ACT_END] = {
    [MS_ACT_CREDENTIAL] = {.name = "credential", .params = &ms_act_credential_table, .act = ms_keeper_credential},
    [MS_ACT_PROOF] = {.name = "proof", .params = &ms_act_proof_table, .act = ms_keeper_proof},
    [MS_ACT_CHALLENGE_KEY] = {.name = "challenge-key",
	.kind = "server.start",
	.server = true,
	.params = &ms_act_challenge_key_table,
	.act = ms_keeper_challenge_key},
    [MS_ACT_TLS_CERT] =
	{.name = "tls-cert", .kind = "server.tls", .server = true, .params = &ms_act_tls_cert_table, .act = ms_keeper_tls_cert},
    [MS_ACT_BIND] = {.name = "bind", .kind = "device.bind", .params = &ms_act_bind_table, .act = ms_keeper_bind},
    [MS_ACT_ADMIT] = {.name = "admit", .kind = "device.admit", .params = &ms_act_admit_table, .act = ms_keeper_admit},
    [MS_ACT_IDENTITY] = {.name = "identity", .kind = "cert.issue", .params = &ms_act_identity_table, .act = ms_keeper_identity},
    [MS_ACT_SECRET_PUT] = {.name = "secret-put", .kind = "secret.put", .params = &ms_act_secret_put_table, .act = ms_keeper_secret_put},
    [MS_ACT_SECRET_RELEASE] = {.name = "secret-release",
	.kind = "secret.release",
	.params = &ms_act_secret_release_table,
	.act = ms_keeper_secret_release},
    [MS_ACT_RESULT] = {.name = "result", .kind = "result.issue", .params = &ms_act_result_table, .act = ms_keeper_result},
    [MS_ACT_CRL] = {.name = "crl", .kind = "crl.issue", .server = true, .refuses = true, .params = &ms_act_crl_table, .act = ms_keeper_crl},
};

const struct ms_keeper_row *
ms_keeper_row(unsigned type)
{
	return type < MS_ACT_END && rows[type].act != NULL ? &rows[type] : NULL;
}

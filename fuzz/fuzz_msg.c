/* Every message, entry data and row: the first byte picks the table. What parses builds back to the same bytes. */
#include <assert.h>
#include <stdlib.h>
#include "fold/rows.h"
#include "proto/data.h"
#include "proto/msg.h"

static const struct ms_cbor_table *const tables[] = {&ms_error_table, &ms_root_body_table, &ms_root_operator_table,
    &ms_challenge_key_body_table, &ms_challenge_body_table, &ms_binding_body_table, &ms_admission_body_table, &ms_verdict_body_table,
    &ms_secret_body_table, &ms_manifest_body_table, &ms_manifest_row_table, &ms_manifest_file_table, &ms_op_body_table,
    &ms_challenge_req_table, &ms_challenge_resp_table, &ms_transcript_table, &ms_enroll_begin_table, &ms_credential_table,
    &ms_enroll_finish_table, &ms_enroll_resp_table, &ms_enroll_status_table, &ms_attested_table, &ms_attest_req_table,
    &ms_identity_req_table, &ms_secret_req_table, &ms_attested_resp_table, &ms_identity_result_table, &ms_op_resp_table, &ms_act_table,
    &ms_act_done_table, &ms_act_credential_table, &ms_act_proof_table, &ms_act_challenge_key_table, &ms_act_tls_cert_table,
    &ms_act_bind_table, &ms_act_admit_table, &ms_act_identity_table, &ms_act_secret_put_table, &ms_act_secret_release_table,
    &ms_act_crl_table, &ms_wrapped_table, &ms_wrapped_header_table, &ms_args_name_table, &ms_args_list_table, &ms_args_approve_table,
    &ms_args_bytes_table, &ms_args_secret_put_table, &ms_data_start_table, &ms_data_cert_table, &ms_data_batch_table, &ms_data_bind_table,
    &ms_data_admit_table, &ms_data_attest_table, &ms_data_life_table, &ms_data_crl_table, &ms_data_secret_put_table,
    &ms_data_secret_store_table, &ms_data_secret_release_table, &ms_data_path_table, &ms_data_object_table, &ms_data_change_table,
    &ms_data_refusals_table, &ms_device_claims_table, &ms_evidence_record_table, &ms_row_device_table, &ms_row_index_table,
    &ms_row_batch_table, &ms_row_expected_table, &ms_row_cert_table, &ms_row_revoked_table, &ms_row_crl_table, &ms_row_secret_table,
    &ms_row_object_table, &ms_row_change_table, &ms_row_operator_table};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct ms_cbor_table *t = tables[data[0] % (sizeof tables / sizeof *tables)];
	void *obj = calloc(1, t->size);
	struct ms_buf out;
	if (obj == NULL)
		return 0;
	ms_buf_init(&out, 8u << 20);
	if (ms_cbor_parse_map(t, ms_span(data + 1, size - 1), obj, NULL) == MS_OK) {
		assert(ms_cbor_build_map(t, obj, &out, NULL) == MS_OK);
		assert(ms_span_eq(ms_buf_span(&out), ms_span(data + 1, size - 1)));
	}
	ms_buf_fini(&out);
	free(obj);
	return 0;
}

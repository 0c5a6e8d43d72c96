/* What an offline check found: accepted or refused first, then what was checked, what could not be, and the claims. Printed for people,
 * aligned, or as one JSON object. All texts may come from hostile files: printing escapes them. */
#ifndef MS_CLI_REPORT_H
#define MS_CLI_REPORT_H
#include "cli/cli.h"
#include "evidence/claims.h"
#include "evidence/pcrbank.h"

struct ms_report {
	json_t *j; /* owned */
};
MS_MUST_USE enum ms_rc ms_report_init(struct ms_report *r, struct ms_err *err);
void ms_report_fini(struct ms_report *r);
MS_CLEANUP_FINI(struct ms_report, ms_report_fini)
/* Members, in the order in which people see them. A key that ends in _s is a time. No memory: the member is left out, and
 * ms_report_print() fails. */
void ms_report_text(struct ms_report *r, const char *key, const char *fmt, ...) MS_PRINTF(3, 4);
void ms_report_uint(struct ms_report *r, const char *key, uint64_t v);
void ms_report_bool(struct ms_report *r, const char *key, bool v);
void ms_report_put(struct ms_report *r, const char *key, json_t *v); /* takes v */
/* A sentence about what was not or could not be checked. */
void ms_report_note(struct ms_report *r, const char *fmt, ...) MS_PRINTF(2, 3);
/* "claims": {name: value or [values]} and "unproven": [names]. */
void ms_report_claims(struct ms_report *r, const struct ms_claims *claims);
/* "pcrs", in the form of evidence/pcrbank.h. */
void ms_report_pcrs(struct ms_report *r, const struct ms_pcr_banks *b);

/* Say how it ended: `headline` for people. Refused: `reason` is a stable name, and the command's exit status becomes 1. */
MS_MUST_USE enum ms_rc ms_report_accept(struct ms_cli *c, struct ms_report *r, const char *headline, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_report_refuse(struct ms_cli *c, struct ms_report *r, const char *reason, const char *detail, struct ms_err *err);

/* ---- options that these commands share ---- */

/* --time: 2026-12-31T00:00:00Z or seconds since 1970; now when it is absent. */
MS_MUST_USE enum ms_rc ms_cli_time(const struct ms_cli *c, const char *option, uint64_t *ret, struct ms_err *err);
/* A required option's value. MS_ERR_USAGE names it. */
MS_MUST_USE enum ms_rc ms_cli_need(const struct ms_cli *c, const char *option, const char **ret, struct ms_err *err);
/* --nonce HEX of at most `max` bytes; *ret_len of them. Required. */
MS_MUST_USE enum ms_rc ms_cli_hex(
    const struct ms_cli *c, const char *option, uint8_t *out, size_t max, size_t *ret_len, struct ms_err *err);
/* The file that an option names, into `out`; left alone when the option is absent. */
MS_MUST_USE enum ms_rc ms_cli_option_file(const struct ms_cli *c, const char *option, size_t max, struct ms_buf *out, struct ms_err *err);

#endif

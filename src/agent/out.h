/* What a command tells: lines for people, or one JSON object; the same facts, said once. Text that came from elsewhere is
 * escaped. Never given a secret. */
#ifndef MS_AGENT_OUT_H
#define MS_AGENT_OUT_H
#include "base/bytes.h"

struct ms_out;
MS_MUST_USE enum ms_rc ms_out_new(bool json, struct ms_out **ret, struct ms_err *err);
void ms_out_free(struct ms_out *o);
MS_CLEANUP(struct ms_out, ms_out_free)
/* key: of the JSON member; label: of the line, NULL for JSON only. */
void ms_out_text(struct ms_out *o, const char *key, const char *label, struct ms_span value);
void ms_out_str(struct ms_out *o, const char *key, const char *label, const char *value);
void ms_out_hex(struct ms_out *o, const char *key, const char *label, struct ms_span value);
void ms_out_uint(struct ms_out *o, const char *key, const char *label, uint64_t value);
void ms_out_bool(struct ms_out *o, const char *key, const char *label, bool value);
void ms_out_time(struct ms_out *o, const char *key, const char *label, uint64_t wall_s);
/* A CBOR array of text, one line each. */
void ms_out_list(struct ms_out *o, const char *key, const char *label, struct ms_span cbor_array);
/* An array of objects: open an item, fill it through *o as above, close it. */
void ms_out_item_begin(struct ms_out *o, const char *key);
void ms_out_item_end(struct ms_out *o);
/* A line for people only. */
void ms_out_line(struct ms_out *o, const char *fmt, ...) MS_PRINTF(2, 3);
/* Print an error: reason on standard output when it is a refusal, on standard error otherwise; the exit status. */
int ms_out_error(struct ms_out *o, const struct ms_err *err);
/* Print what was gathered; `status` unless that fails. */
int ms_out_done(struct ms_out *o, int status);

#endif

/* Shared by the reading operations: one page of a table as a list of records. */
#ifndef MS_CORE_READ_H
#define MS_CORE_READ_H
#include "server/core/operator.h"
#include "server/core/record.h"

#define MS_LIST_LIMIT 100u /* rows of a page when none is asked for */

struct ms_listing_page {
	struct ms_core *c;
	struct ms_span tenant;
	struct ms_record record; /* of the row under way */
	struct ms_buf rows;      /* maps, in a row */
	uint64_t n, limit;
	char last[300]; /* `after` of the next page */
	struct ms_err *err;
};
/* Fill p->record from a row; `name` is its key without the tenant. */
typedef enum ms_rc (*ms_list_row_fn)(struct ms_listing_page *p, struct ms_span name, struct ms_span val);
/* How a key of the table is written in `after`, and read back. */
enum ms_list_key { MS_LIST_TEXT, MS_LIST_HEX, MS_LIST_SEQ };
struct ms_list_spec {
	enum ms_table table;
	enum ms_list_key key;
	bool newest_first;
	ms_list_row_fn row;
};
/* Answer with {"next": text, "rows": array}. `next` is empty on the last page. */
MS_MUST_USE enum ms_rc ms_list_run(
    struct ms_core *c, struct ms_job *j, struct ms_operation *o, const struct ms_list_spec *spec, struct ms_err *err);
void ms_list_page_init(struct ms_listing_page *p, struct ms_core *c, struct ms_job *j, struct ms_err *err);
void ms_list_page_fini(struct ms_listing_page *p);
MS_CLEANUP_FINI(struct ms_listing_page, ms_list_page_fini)
MS_MUST_USE enum ms_rc ms_list_page_build(struct ms_listing_page *p, struct ms_operation *o, struct ms_err *err);

/* ---- read_device.c ---- */
/* The device that the operation names, by id, name or the beginning of its id; `id` gets its id. *d is the caller's to free. */
MS_MUST_USE enum ms_rc ms_read_named_device(
    struct ms_core *c, struct ms_job *j, struct ms_operation *o, char id[static 81], struct ms_device *d, struct ms_err *err);
/* The same for a text that is one. */
MS_MUST_USE enum ms_rc ms_read_find_device(
    struct ms_core *c, struct ms_span tenant, struct ms_span text, char id[static 81], struct ms_err *err);
enum ms_rc ms_read_device_list(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err);
enum ms_rc ms_read_device_show(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err);
enum ms_rc ms_read_device_evidence(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err);
enum ms_rc ms_read_device_result(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err); /* result.c */
enum ms_rc ms_read_cert_list(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err);
enum ms_rc ms_read_cert_show(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err);

#endif

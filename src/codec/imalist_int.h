/* Inside codec/ only: templates of IMA lists as sequences of fields, which both forms of a list share. */
#ifndef MS_IMALIST_INT_H
#define MS_IMALIST_INT_H
#include "codec/imalist.h"

enum ms_ima_form { MS_IMA_FORM_DIGEST, MS_IMA_FORM_DIGEST_NG, MS_IMA_FORM_TEXT, MS_IMA_FORM_HEX, MS_IMA_FORM_UINT };
/* False: no kernel has this template. */
bool ms_ima_format_find(struct ms_span name, struct ms_ima_format *ret);
enum ms_ima_form ms_ima_field_form(uint8_t field);
size_t ms_ima_field_uint_len(uint8_t field); /* of MS_IMA_FORM_UINT */
bool ms_ima_field_is_name(uint8_t field);    /* the path, which may hold spaces in an ASCII line */

/* e->data into e's fields. e->violation is set: the digest of such an entry may have any length. */
MS_MUST_USE enum ms_rc ms_ima_fields_parse(const struct ms_ima_format *f, struct ms_ima_entry *e, struct ms_err *err);

/* One line of an ASCII list, without its end, into template digest and data as the kernel had them: appended to scratch in
 * this order. The spans of *ret are set but for the fields. */
struct ms_ima_line {
	uint8_t pcr;
	struct ms_span template_name;
	struct ms_ima_format format;
	size_t listed_len, data_len;
};
MS_MUST_USE enum ms_rc ms_ima_line_parse(struct ms_span line, struct ms_buf *scratch, struct ms_ima_line *ret, struct ms_err *err);

#endif

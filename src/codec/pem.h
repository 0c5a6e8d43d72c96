/* PEM (RFC 7468): blocks in a text. Lines of any length, text between blocks is passed over. */
#ifndef MS_PEM_H
#define MS_PEM_H
#include "base/bytes.h"

#define MS_PEM_BLOCK_MAX 65536u /* bytes of one block, decoded */
#define MS_PEM_LABEL_MAX 64u

/* The next block from *from on, of whatever label: its bytes are appended to der, *from is moved past it, label gets its name.
 * MS_ERR_NOT_FOUND: there is no more; MS_ERR_MALFORMED: a block without its end, with another end, or not base64. */
MS_MUST_USE enum ms_rc ms_pem_next(
    struct ms_span text, size_t *from, char label[static MS_PEM_LABEL_MAX], struct ms_buf *der, struct ms_err *err);
bool ms_pem_is(struct ms_span s); /* does it begin as such a text does, rather than as DER or CBOR? */

#endif

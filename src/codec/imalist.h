/* IMA runtime measurement lists of the Linux kernel (security/integrity/ima), as securityfs shows them: binary (little-endian,
 * which is also ima_canonical_fmt) or ASCII, with the SHA-1 of each entry or, on newer kernels, that of another bank. Pure
 * parsing: nothing here is compared with a TPM. What an entry means is proven by its template data alone (evidence/ima.h);
 * what a list says of a violation entry beside that it is one is proven by nothing. */
#ifndef MS_IMALIST_H
#define MS_IMALIST_H
#include "base/rd.h"

#define MS_IMA_DIGEST_MAX 64u
#define MS_IMA_NAME_MAX 256u            /* bytes of a template's name or format */
#define MS_IMA_FIELDS_MAX 16u           /* of a template */
#define MS_IMA_FIELD_LEN_MAX (1u << 20) /* bytes of one field of an entry */
#define MS_IMA_PATH_MAX 4096u           /* bytes of a path: the kernel's PATH_MAX */
#define MS_IMA_PARTS_MAX 3u

/* linux/hash_info.h, enum hash_algo. MS_IMA_HASH_COUNT: a name that no kernel has. */
#define MS_IMA_HASH_SHA1 2u
#define MS_IMA_HASH_SHA256 4u
#define MS_IMA_HASH_SHA384 5u
#define MS_IMA_HASH_SHA512 6u
#define MS_IMA_HASH_SM3 17u
#define MS_IMA_HASH_COUNT 23u
const char *ms_ima_hash_name(uint8_t hash); /* "sha256"; "?" past the end */
size_t ms_ima_hash_len(uint8_t hash);       /* bytes of such a digest; 0 past the end */
uint8_t ms_ima_hash_find(struct ms_span name);

enum ms_ima_template {
	MS_IMA_TEMPLATE_IMA,
	MS_IMA_TEMPLATE_NG,
	MS_IMA_TEMPLATE_SIG,
	MS_IMA_TEMPLATE_BUF,
	MS_IMA_TEMPLATE_MODSIG,
	MS_IMA_TEMPLATE_NGV2,
	MS_IMA_TEMPLATE_SIGV2,
	MS_IMA_TEMPLATE_EVM_SIG,
	MS_IMA_TEMPLATE_CUSTOM, /* ima_template_fmt=: the name is the format, "d-ng|n-ng|sig" */
	MS_IMA_TEMPLATE_COUNT
};
const char *ms_ima_template_name(enum ms_ima_template t); /* "ima-ng"; "custom" */

enum ms_ima_digest_type { MS_IMA_DIGEST_PLAIN, MS_IMA_DIGEST_IMA, MS_IMA_DIGEST_VERITY }; /* d-ngv2 says "ima:" or "verity:" */
struct ms_ima_digest {
	struct ms_span value; /* empty: the entry has none */
	uint8_t hash;
	uint8_t type;
};
/* One entry. All spans borrow: of a binary list from the list, of an ASCII list until the next entry is read. */
struct ms_ima_entry {
	uint32_t number;    /* in the list since boot, from 0 */
	size_t offset, len; /* in the list: the whole entry, an ASCII line without its newline */
	uint8_t pcr;
	bool violation; /* the digest is zero: the kernel could not measure, and extended all ones. Nothing below is proven then */
	enum ms_ima_template template;
	struct ms_span template_name;
	struct ms_span listed; /* template digest that the list has: recompute, never believe */
	struct ms_span data;   /* template data; of template "ima" without the padding of the name: see ms_ima_entry_parts() */
	struct ms_ima_digest digest;
	struct ms_span path; /* without its NUL; of buffers their name, such as ".ima" */
	struct ms_span signature;
	struct ms_span buffer;
	struct ms_ima_digest modsig_digest;
	struct ms_span modsig, evm_signature, xattr_names, xattr_lengths, xattr_values;
	uint32_t uid, gid, mode; /* evm-sig */
};
/* The bytes that the kernel hashed to get the template digest, as parts in a row; how many. `ima`: digest and name, padded
 * with zeros to 256 bytes; others: fields with their lengths. Borrows from the entry. */
size_t ms_ima_entry_parts(const struct ms_ima_entry *e, struct ms_span ret[static MS_IMA_PARTS_MAX]);

/* What a template is made of: rows of a table that is inside. */
struct ms_ima_format {
	enum ms_ima_template template;
	uint8_t n;
	uint8_t field[MS_IMA_FIELDS_MAX];
};
struct ms_imalist_caps {
	size_t bytes;     /* evidence.ima_bytes */
	uint32_t entries; /* evidence.ima_entries */
};
/* Reads one list from its start to its end. A value type: the list is borrowed and must outlive it. */
struct ms_imalist {
	struct ms_span list;
	struct ms_imalist_caps caps;
	size_t off;
	uint32_t first, next; /* numbers of entries */
	uint32_t line;        /* of an ASCII list, from 1: where the last entry was */
	bool ascii;
	uint8_t digest_len; /* of `listed`, the same in all of a list: 20 (SHA-1), 32, 48, 64 */
	struct ms_buf scratch;
	struct ms_span format_name; /* template of the last binary entry, nearly always also that of the next; and what it is */
	struct ms_ima_format format;
};
/* Which of the two forms it has is seen from the bytes. `first` is the number of its first entry, when it is the tail of a
 * longer one. MS_ERR_TOO_BIG names the cap; MS_ERR_MALFORMED; MS_ERR_UNSUPPORTED: a big-endian list. An empty list is one. */
MS_MUST_USE enum ms_rc ms_imalist_init(
    struct ms_imalist *it, struct ms_span list, uint32_t first, const struct ms_imalist_caps *caps, struct ms_err *err);
void ms_imalist_fini(struct ms_imalist *it);
MS_CLEANUP_FINI(struct ms_imalist, ms_imalist_fini)
bool ms_imalist_done(const struct ms_imalist *it);
/* The next entry; not at the end of the list. The text of an error begins with the entry's number, for ASCII with its line.
 * MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED (a template or hash that no kernel has), MS_ERR_TOO_BIG, MS_ERR_NOMEM. */
MS_MUST_USE enum ms_rc ms_imalist_next(struct ms_imalist *it, struct ms_ima_entry *ret, struct ms_err *err);

#endif

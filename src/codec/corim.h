/* CoRIM (draft-ietf-rats-corim): reference values as makers publish them, in a tagged map (501), alone or signed
 * (COSE_Sign1), with CoMIDs (506) inside; a bare CoMID is taken as well. What is read here is what policy can use: whose
 * environment, which measurement, which digests, which security version. Extensions, and triples of other kinds, are left
 * aside and counted. Nothing here says that the signer of a CoRIM is trusted: crypto/cosesig_any.h verifies. */
#ifndef MS_CORIM_H
#define MS_CORIM_H
#include "codec/cbor_any.h"
#include "codec/cose_any.h"

#define MS_CORIM_MAX (4u << 20)
#define MS_CORIM_VALUES_MAX 100000u

enum ms_corim_triple { MS_CORIM_REFERENCE, MS_CORIM_ENDORSED };
enum ms_corim_kind {
	MS_CORIM_DIGEST,   /* alg, value */
	MS_CORIM_REGISTER, /* alg, value; key and key_number name the register: a PCR, an RTMR */
	MS_CORIM_SVN,      /* number: exactly this */
	MS_CORIM_MIN_SVN,  /* number: at least this */
	MS_CORIM_VERSION,  /* value: text */
	MS_CORIM_RAW,      /* value, mask (empty: all bits count) */
	MS_CORIM_SERIAL,   /* value: text */
	MS_CORIM_NAME,     /* value: text */
	MS_CORIM_UEID,     /* value */
	MS_CORIM_UUID,     /* value */
	MS_CORIM_FLAG,     /* key_number: which (0 configured, 1 secure, 2 recovery, 3 debug, ...), number: 0 or 1 */
};
/* Who it is about; empty when the environment does not say. */
struct ms_corim_environment {
	struct ms_span class_id; /* content of a UUID, OID or bytes */
	enum { MS_CORIM_CLASS_NONE, MS_CORIM_CLASS_UUID, MS_CORIM_CLASS_OID, MS_CORIM_CLASS_BYTES, MS_CORIM_CLASS_OTHER } class_type;
	struct ms_span vendor, model; /* text */
	bool has_layer, has_index;
	uint64_t layer, index;
	struct ms_span instance; /* content of a UEID, UUID or bytes */
	struct ms_span group;
};
/* One value of one measurement. Spans borrow from the CoRIM's bytes. */
struct ms_corim_value {
	enum ms_corim_triple triple;
	enum ms_corim_kind kind;
	struct ms_corim_environment env;
	bool has_key_number;
	uint64_t key_number;    /* which measurement of the environment, when it is a number */
	struct ms_span key;     /* or as text, or as the content of a UUID or OID */
	struct ms_span reg;     /* MS_CORIM_REGISTER: the register's name, when it is text */
	uint64_t reg_number;    /* or its number */
	struct ms_span label;   /* the measurement's name (PSA: its type, "BL"); empty: none */
	struct ms_span signer;  /* who signed what was measured (PSA, CCA: signer id); empty: none */
	uint32_t measurement;   /* number of the measurement in this CoRIM: values of one number hold together */
	struct ms_span version; /* the measurement's version, when it has one beside digests */
	uint64_t alg;           /* digests: named information hash algorithm (1 SHA-256, 7 SHA-384, 8 SHA-512); 0: other, see alg_name */
	struct ms_span alg_name;
	uint64_t number;
	struct ms_span value, mask;
};

struct ms_corim {
	struct ms_span id; /* text, or the bytes of a UUID */
	bool id_is_text;
	bool is_signed;
	struct ms_cose_any cose;    /* when it is signed: to verify */
	struct ms_span signer_name; /* as the signed header says; empty: it does not */
	struct ms_span profile;     /* text of a URI, or an OID's content; of the CoRIM or the first CoMID that has one */
	bool has_not_before, has_not_after;
	int64_t not_before_s, not_after_s; /* validity of the CoRIM, or else of its signature */
	size_t comids, coswids, other_tags;
	size_t skipped;               /* members, triples and values that were left aside */
	struct ms_corim_value *value; /* owned */
	size_t n, cap;
};
/* MS_OK: caller ends *ret with ms_corim_fini(). MS_ERR_MALFORMED (what this says must be there is not, or of another type),
 * MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED, MS_ERR_NOMEM. The bytes must outlive it. */
MS_MUST_USE enum ms_rc ms_corim_parse(struct ms_span s, struct ms_corim *ret, struct ms_err *err);
void ms_corim_fini(struct ms_corim *c);
MS_CLEANUP_FINI(struct ms_corim, ms_corim_fini)
const char *ms_corim_alg_name(uint64_t alg); /* "sha256"; NULL: not one that we know */

#endif

/* What UEFI firmware and boot loaders put into the data of events (UEFI 2.10; TCG PFP): variables, signature lists, boot options,
 * device paths, image loads, partition tables, firmware blobs, SBAT, Windows boot configuration. Pure parsing of bytes that
 * are nobody's word: whether a digest covers them is for evidence/bootlog.h to say. Spans borrow from the input; everything
 * is bounded and nothing recurses. */
#ifndef MS_UEFI_H
#define MS_UEFI_H
#include "base/rd.h"

/* EFI_GUID as it lies in memory: first three fields little-endian. */
#define MS_GUID_LEN 16u
#define MS_GUID_TEXT 37u
void ms_guid_text(const uint8_t g[static MS_GUID_LEN], char out[static MS_GUID_TEXT]);
const char *ms_guid_name(const uint8_t g[static MS_GUID_LEN]); /* "global", "image-security", "shim", ...; NULL: unknown */

/* UTF-16LE as UTF-8, appended; a lone surrogate becomes U+FFFD; stops at a NUL. False: an odd number of bytes. */
bool ms_utf16_text(struct ms_span utf16, struct ms_buf *out);
/* Whether all of s is UTF-16LE text that is mostly ASCII, without control characters but white space, NULs only at its end. */
bool ms_utf16_plausible(struct ms_span s);
/* Whether all of s is printable ASCII or white space, at most one NUL at its end. Empty: no. */
bool ms_ascii_plausible(struct ms_span s);

/* UEFI_VARIABLE_DATA (PFP 10.2.6). */
#define MS_UEFI_NAME_MAX 512u /* bytes of a name as UTF-8 */
struct ms_uefi_variable {
	const uint8_t *guid; /* MS_GUID_LEN */
	struct ms_span name; /* UTF-16LE, without a NUL */
	struct ms_span data;
	size_t trailing; /* bytes after the data, which mean nothing: shim 15 and older left some */
};
MS_MUST_USE enum ms_rc ms_uefi_variable_parse(struct ms_span s, struct ms_uefi_variable *ret, struct ms_err *err);
/* Name and vendor: "SecureBoot" of the global GUID, "db" of image security, and so on. */
enum ms_uefi_vendor { MS_UEFI_GLOBAL, MS_UEFI_IMAGE_SECURITY, MS_UEFI_SHIM, MS_UEFI_LOADER };
const uint8_t *ms_uefi_vendor_guid(enum ms_uefi_vendor vendor); /* static */
bool ms_uefi_variable_is(const struct ms_uefi_variable *v, enum ms_uefi_vendor vendor, const char *name);

/* EFI_SIGNATURE_LISTs in a row (UEFI 32.4.1): db, dbx, KEK, PK. */
enum ms_uefi_sig_type { MS_UEFI_SIG_X509, MS_UEFI_SIG_SHA256, MS_UEFI_SIG_X509_SHA256, MS_UEFI_SIG_OTHER };
struct ms_uefi_sig {
	enum ms_uefi_sig_type type;
	const uint8_t *type_guid, *owner;
	struct ms_span data; /* a certificate in DER, a hash */
};
struct ms_uefi_sigs {
	struct ms_rd rd;   /* the lists */
	struct ms_rd list; /* what is left of the one being read */
	const uint8_t *type;
	uint32_t size; /* of one signature, its owner with it */
};
struct ms_uefi_sigs ms_uefi_sigs_over(struct ms_span s);
/* The next signature. False at the end, or where the lists do not follow their format: ms_uefi_sigs_ok() tells which. */
bool ms_uefi_sigs_next(struct ms_uefi_sigs *l, struct ms_uefi_sig *ret);
bool ms_uefi_sigs_ok(const struct ms_uefi_sigs *l);

/* The common name of a certificate's subject, else its organization, else its first attribute; at most 64 characters and
 * "..."; "(no name)". False: not DER as far as the subject. It verifies nothing. */
#define MS_UEFI_SUBJECT_MAX 80u
bool ms_uefi_cert_subject(struct ms_span der, char out[static MS_UEFI_SUBJECT_MAX]);

/* EFI_LOAD_OPTION (UEFI 3.1.3): the data of Boot####. */
struct ms_uefi_load_option {
	uint32_t attributes;
	struct ms_span description; /* UTF-16LE */
	struct ms_span path, optional;
};
MS_MUST_USE enum ms_rc ms_uefi_load_option_parse(struct ms_span s, struct ms_uefi_load_option *ret, struct ms_err *err);

/* Device path as text, as EFI_DEVICE_PATH_TO_TEXT writes it where that is of use: "HD(1,GPT,...)/\EFI\BOOT\BOOTX64.EFI". What
 * does not parse ends the text with "(...)". */
void ms_uefi_path_text(struct ms_span path, struct ms_buf *out);
/* The file at the end of a path: "\EFI\BOOT\BOOTX64.EFI"; empty when it names none. */
void ms_uefi_path_file(struct ms_span path, struct ms_buf *out);
/* Where the image of a path lies: "option-rom" (of a card), "firmware", "network", "disk", "memory", "other". Static. */
const char *ms_uefi_path_source(struct ms_span path);

/* UEFI_IMAGE_LOAD_EVENT (PFP 10.2.3). */
struct ms_uefi_image_load {
	uint64_t location, length, link_address;
	struct ms_span path;
};
MS_MUST_USE enum ms_rc ms_uefi_image_load_parse(struct ms_span s, struct ms_uefi_image_load *ret, struct ms_err *err);

/* UEFI_GPT_DATA (PFP 10.2.5). */
struct ms_uefi_gpt {
	const uint8_t *disk;    /* GUID */
	uint64_t count;         /* partitions that are in use */
	uint32_t entry_size;    /* at least 128 */
	struct ms_span entries; /* count times entry_size */
};
struct ms_uefi_partition {
	const uint8_t *type, *id;
	uint64_t first, last;
	struct ms_span name; /* UTF-16LE */
};
MS_MUST_USE enum ms_rc ms_uefi_gpt_parse(struct ms_span s, struct ms_uefi_gpt *ret, struct ms_err *err);
void ms_uefi_gpt_at(const struct ms_uefi_gpt *g, uint64_t i, struct ms_uefi_partition *ret); /* i < count */

/* UEFI_PLATFORM_FIRMWARE_BLOB and 2 (PFP 10.2.1): the first has no description. */
struct ms_uefi_blob {
	struct ms_span description; /* ASCII */
	uint64_t base, length;
};
MS_MUST_USE enum ms_rc ms_uefi_blob_parse(struct ms_span s, bool second, struct ms_uefi_blob *ret, struct ms_err *err);
/* UEFI_HANDOFF_TABLE_POINTERS and 2 (PFP 10.2.4): how many tables, and the GUID of each. */
struct ms_uefi_tables {
	struct ms_span description;
	uint64_t count;
	struct ms_span rows; /* count times GUID | pointer u64 */
};
MS_MUST_USE enum ms_rc ms_uefi_tables_parse(struct ms_span s, bool second, struct ms_uefi_tables *ret, struct ms_err *err);

/* SBAT text (shim): lines of "component,generation[,...]". */
struct ms_sbat_row {
	struct ms_span component, generation, rest;
};
/* The next line from *text, which is moved past it. False at the end or at a line that is none (*text is then not empty). */
bool ms_sbat_next(struct ms_span *text, struct ms_sbat_row *ret);

/* Tagged events (PFP 10.4.1, EV_EVENT_TAG) in a row: Windows (WBCL, "SIPA" events) nests them in aggregates. */
struct ms_tagged {
	uint32_t id;
	struct ms_span data;
};
#define MS_TAGGED_NESTING_MAX 3u
/* Ids of Windows (wbcl.h) that claims are made of. */
#define MS_SIPA_BOOT_COUNTER 0x00020002u
#define MS_SIPA_BITLOCKER_UNLOCK 0x00020005u
#define MS_SIPA_BOOT_DEBUGGING 0x00040001u
#define MS_SIPA_OS_KERNEL_DEBUG 0x00050001u
#define MS_SIPA_CODE_INTEGRITY 0x00050002u
#define MS_SIPA_TEST_SIGNING 0x00050003u
#define MS_SIPA_SAFE_MODE 0x00050005u
#define MS_SIPA_WINPE 0x00050006u
#define MS_SIPA_HYPERVISOR_DEBUG 0x0005000du
#define MS_SIPA_FLIGHT_SIGNING 0x00050021u
struct ms_tagged_walk {
	struct ms_rd level[MS_TAGGED_NESTING_MAX + 1];
	unsigned depth;
};
struct ms_tagged_walk ms_tagged_over(struct ms_span s);
/* The next leaf; aggregates are walked into, at most MS_TAGGED_NESTING_MAX deep. False at the end or at bytes that are none:
 * ms_tagged_ok() tells which. */
bool ms_tagged_next(struct ms_tagged_walk *w, struct ms_tagged *ret);
bool ms_tagged_ok(const struct ms_tagged_walk *w);
const char *ms_sipa_name(uint32_t id); /* "TestSigning"; NULL: not one that we know */

#endif

/* Authority state = fold(log): one apply function for each kind of entry, used by core when it commits and by
 * `muster audit replay`, which compares the result with the database row by row. */
#ifndef MS_FOLD_H
#define MS_FOLD_H
#include "audit/entry.h"
#include "fold/rows.h"

/* Where to apply: folded tables of `state` are written (inside the caller's transaction), blobs are read from `blobs`
 * (the same store when live). */
struct ms_fold {
	struct ms_store *state;
	struct ms_store *blobs;
};

/* One kind of entry. The function trusts the entry's decision (it was taken before) but not its bytes. */
typedef enum ms_rc (*ms_apply_fn)(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err);
struct ms_apply_row {
	const char *kind;
	ms_apply_fn apply; /* NULL: the kind changes no folded table */
};
/* One list a domain, ended by a row without a kind. */
extern const struct ms_apply_row ms_apply_fleet[];
extern const struct ms_apply_row ms_apply_identity[];
extern const struct ms_apply_row ms_apply_secrets[];
extern const struct ms_apply_row ms_apply_governance[];

/* Apply one entry. MS_ERR_UNSUPPORTED for a kind no row names, MS_ERR_MALFORMED for data not in its form,
 * MS_ERR_CONFLICT or MS_ERR_NOT_FOUND where the state does not admit it. */
MS_MUST_USE enum ms_rc ms_fold_apply(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err);

struct ms_replay {
	uint64_t entries;                                                                   /* folded */
	uint64_t rows;                                                                      /* compared */
	uint64_t differing;                                                                 /* rows that are not what the log says */
	void (*differs)(void *ctx, const char *table, struct ms_span key, const char *how); /* may be NULL */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);                         /* may be NULL */
	void *ctx;
};
/* Fold every entry of `live` into an empty store in memory and compare. MS_ERR_DENIED when anything differs; the
 * first difference is in err. */
MS_MUST_USE enum ms_rc ms_fold_replay(struct ms_store *live, struct ms_replay *r, struct ms_err *err);

#endif

/* Between the files of evidence/ima*.c. */
#ifndef MS_IMA_INT_H
#define MS_IMA_INT_H
#include "evidence/ima.h"

bool ms_ima_hash_to(uint8_t hash, enum ms_hash *ret); /* false: a hash that we do not compute */
/* What holds of every entry in every bank: its PCR is 10, and a buffer's digest is that of the buffer. */
MS_MUST_USE enum ms_rc ms_ima_entry_check(const struct ms_ima_entry *e, struct ms_err *err);
bool ms_ima_is_boot_aggregate(const struct ms_ima_file *f);

#endif

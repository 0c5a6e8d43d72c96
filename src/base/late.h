/* Libraries that are loaded when they are first needed: of a command line most runs need none, and loading libcurl or libarchive with
 * all that they bring costs more than what the run is for. */
#ifndef MS_LATE_H
#define MS_LATE_H
#include <stddef.h>
#include "muster/rc.h"

/* Load a library by its soname, as the dynamic linker would, and find n functions in it. `table` is a struct of n function
 * pointers in the order of `names`. The library stays. MS_ERR_UNAVAILABLE says what is missing; *table is then untouched. */
MS_MUST_USE enum ms_rc ms_late_load(const char *soname, const char *const *names, size_t n, void *table, struct ms_err *err);

#endif

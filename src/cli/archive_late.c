#include "cli/archive_late.h"

#include <stdbool.h>

#include "base/late.h"

#define SONAME "libarchive.so.13"
#define NAME(f) #f,

static struct {
	struct ms_archive archive;
	bool loaded;
} state;

enum ms_rc
ms_archive_load(struct ms_err *err)
{
	static const char *const names[] = {MS_ARCHIVE_FUNCTIONS(NAME)};
	_Static_assert(sizeof state.archive == sizeof names, "a name for each function");
	if (state.loaded)
		return MS_OK;
	enum ms_rc rc = ms_late_load(SONAME, names, sizeof names / sizeof *names, &state.archive, err);
	state.loaded = rc == MS_OK;
	return rc;
}

const struct ms_archive *
ms_archive(void)
{
	return &state.archive;
}

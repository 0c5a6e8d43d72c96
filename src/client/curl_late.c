#include "client/curl_late.h"

#include <stdbool.h>

#include "base/late.h"

#define SONAME "libcurl.so.4"
#define NAME(f) #f,

static struct {
	struct ms_curl curl;
	bool loaded;
} state;

enum ms_rc
ms_curl_load(struct ms_err *err)
{
	static const char *const names[] = {MS_CURL_FUNCTIONS(NAME)};
	_Static_assert(sizeof state.curl == sizeof names, "a name for each function");
	if (state.loaded)
		return MS_OK;
	enum ms_rc rc = ms_late_load(SONAME, names, sizeof names / sizeof *names, &state.curl, err);
	state.loaded = rc == MS_OK;
	return rc;
}

const struct ms_curl *
ms_curl(void)
{
	return &state.curl;
}

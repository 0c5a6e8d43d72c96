#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

#define FUNCTIONS_MAX 64u

enum ms_rc
ms_late_load(const char *soname, const char *const *names, size_t n, void *table, struct ms_err *err)
{
	void *found[FUNCTIONS_MAX];
	if (n > FUNCTIONS_MAX)
		return ms_fail(err, MS_ERR_INTERNAL, "%s: %zu functions", soname, n);
	void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL) {
		const char *why = dlerror();
		return ms_fail(err, MS_ERR_UNAVAILABLE, "%s: %s", soname, why != NULL ? why : "cannot be loaded");
	}
	for (size_t i = 0; i < n; i++) {
		found[i] = dlsym(lib, names[i]);
		if (found[i] == NULL)
			return ms_fail(err, MS_ERR_UNAVAILABLE, "%s has no %s", soname, names[i]);
	}
	memcpy(table, found, n * sizeof *found);
	return MS_OK;
}

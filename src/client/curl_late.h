/* libcurl, loaded when a server is first asked. After ms_curl_load() its functions are called by their own names. */
#ifndef MS_CURL_LATE_H
#define MS_CURL_LATE_H
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "muster/rc.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo
#define MS_CURL_FUNCTIONS(X) \
	X(curl_easy_init) \
	X(curl_easy_cleanup) \
	X(curl_easy_setopt) \
	X(curl_easy_getinfo) \
	X(curl_easy_perform) \
	X(curl_easy_strerror) \
	X(curl_slist_append) \
	X(curl_slist_free_all)
#define MS_CURL_MEMBER(f) __typeof__(f) *f;
struct ms_curl {
	MS_CURL_FUNCTIONS(MS_CURL_MEMBER)
};
/* MS_ERR_UNAVAILABLE when the library is not there. */
MS_MUST_USE enum ms_rc ms_curl_load(struct ms_err *err);
const struct ms_curl *ms_curl(void); /* once it is loaded */

#define curl_easy_init ms_curl()->curl_easy_init
#define curl_easy_cleanup ms_curl()->curl_easy_cleanup
#define curl_easy_setopt ms_curl()->curl_easy_setopt
#define curl_easy_getinfo ms_curl()->curl_easy_getinfo
#define curl_easy_perform ms_curl()->curl_easy_perform
#define curl_easy_strerror ms_curl()->curl_easy_strerror
#define curl_slist_append ms_curl()->curl_slist_append
#define curl_slist_free_all ms_curl()->curl_slist_free_all

#endif

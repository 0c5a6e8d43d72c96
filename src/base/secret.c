#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#else /* a secret used after its end is seen by the sanitizer only */
#define ASAN_POISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#endif

/* guard page | data pages, secret at their start | guard page */
struct ms_secret {
	uint8_t *map;
	size_t map_len;
	uint8_t *data;
	size_t data_len; /* whole pages */
	size_t cap, len;
};

/* Mappings of the usual size that were given back: wiped, and guarded and locked still. To make one anew is six system calls and
 * a page fault, which costs as much as a signature where the machine is virtual. */
#define SPARES_MAX 64u
#define SPARE_MARK 0xa5u /* first byte of a spare; a forked child finds 0 there, and its pages are not locked */
static uint8_t *spares[SPARES_MAX];
static size_t n_spares;

static uint8_t *
spare_take(size_t page)
{
	if (n_spares == 0)
		return NULL;
	uint8_t *map = spares[--n_spares];
	ASAN_UNPOISON_MEMORY_REGION(map + page, page);
	if (map[page] != SPARE_MARK) {
		n_spares = 0;
		return NULL;
	}
	map[page] = 0;
	return map;
}

static bool
spare_keep(uint8_t *map, size_t page)
{
	if (n_spares == SPARES_MAX)
		return false;
	map[page] = SPARE_MARK;
	ASAN_POISON_MEMORY_REGION(map + page, page);
	spares[n_spares++] = map;
	return true;
}

static enum ms_rc
secret_map(struct ms_secret *s, size_t cap, struct ms_err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded;
	if (!ms_add_size(cap == 0 ? 1 : cap, page - 1, &rounded) || rounded > SIZE_MAX / 2)
		return ms_fail(err, MS_ERR_NOMEM, "secret: %zu bytes", cap);
	s->data_len = rounded / page * page;
	s->map_len = s->data_len + 2 * page;
	s->map = s->data_len == page ? spare_take(page) : NULL;
	if (s->map != NULL) {
		s->data = s->map + page;
		s->cap = cap;
		return MS_OK;
	}
	void *p = mmap(NULL, s->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return ms_fail(err, MS_ERR_NOMEM, "secret: mmap: %s", strerror(errno));
	s->map = p;
	s->data = s->map + page;
	if (mprotect(s->data, s->data_len, PROT_READ | PROT_WRITE) != 0)
		return ms_fail(err, MS_ERR_NOMEM, "secret: mprotect: %s", strerror(errno));
	if (mlock(s->data, s->data_len) != 0)
		return ms_fail(err, MS_ERR_NOMEM, "secret: memory cannot be locked (%s): raise LimitMEMLOCK", strerror(errno));
	if (madvise(s->data, s->data_len, MADV_DONTDUMP) != 0 || madvise(s->data, s->data_len, MADV_WIPEONFORK) != 0)
		return ms_fail(err, MS_ERR_NOMEM, "secret: madvise: %s", strerror(errno));
	s->cap = cap;
	return MS_OK;
}

enum ms_rc
ms_secret_new(size_t cap, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "secret");
	enum ms_rc rc = secret_map(s, cap, err);
	if (rc != MS_OK)
		return rc;
	*ret = s;
	s = NULL;
	return MS_OK;
}

void
ms_secret_free(struct ms_secret *s)
{
	if (s == NULL)
		return;
	if (s->cap > 0)
		ms_wipe(s->data, s->data_len);
	bool kept = s->cap > 0 && s->map_len == 3 * s->data_len && spare_keep(s->map, s->data_len);
	if (s->map != NULL && !kept)
		(void)munmap(s->map, s->map_len);
	free(s);
}

enum ms_rc
ms_secret_from(const void *p, size_t len, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_secret *s = NULL;
	enum ms_rc rc = ms_secret_new(len, &s, err);
	if (rc != MS_OK)
		return rc;
	if (len > 0)
		memcpy(s->data, p, len);
	s->len = len;
	*ret = s;
	return MS_OK;
}

size_t
ms_secret_len(const struct ms_secret *s)
{
	return s->len;
}

size_t
ms_secret_cap(const struct ms_secret *s)
{
	return s->cap;
}

uint8_t *
ms_secret_bytes(struct ms_secret *s)
{
	return s->data;
}

const uint8_t *
ms_secret_peek(const struct ms_secret *s)
{
	return s->data;
}

void
ms_secret_set_len(struct ms_secret *s, size_t len)
{
	assert(len <= s->cap);
	s->len = len;
}

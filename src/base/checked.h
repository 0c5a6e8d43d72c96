/* Sums and products that say when they wrap. */
#ifndef MS_CHECKED_H
#define MS_CHECKED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
static inline bool
ms_add_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}
static inline bool
ms_mul_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}
static inline bool
ms_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}
#endif

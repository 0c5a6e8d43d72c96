/* Compiler attributes, all of them: nothing else in the tree spells __attribute__. */
#ifndef MS_COMPILER_H
#define MS_COMPILER_H

#define MS_MUST_USE __attribute__((warn_unused_result))
#define MS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MS_NORETURN __attribute__((noreturn))
#define MS_UNUSED __attribute__((unused))
#define MS_CONSTRUCTOR __attribute__((constructor))

/* MS_CLEANUP(struct ms_x, ms_x_free) in a header lets callers write
 * MS_OWN(ms_x_free) struct ms_x *x = NULL; and return early: x is freed when it goes out of scope. */
#define MS_CLEANUP(type, free_fn) \
	static inline void free_fn##_own(type **p) \
	{ \
		free_fn(*p); \
	}
/* The same for objects in the caller's memory: fini(&object). */
#define MS_CLEANUP_FINI(type, fini_fn) \
	static inline void fini_fn##_own(type *p) \
	{ \
		fini_fn(p); \
	}
#define MS_OWN(free_fn) __attribute__((cleanup(free_fn##_own)))

#endif

/* CHECK(): a bug of ours. On in release; says where and aborts. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

_Noreturn void check_failed(const char *what, const char *file, int line);

#define CHECK(x)                                                               \
	do {                                                                   \
		if (__builtin_expect(!(x), 0))                                 \
			check_failed(#x, __FILE__, __LINE__);                  \
	} while (0)

#endif

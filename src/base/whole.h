/*
 * A file read or written whole: short reads, short writes and signals are no
 * reason to stop.
 */
#ifndef BASE_WHOLE_H
#define BASE_WHOLE_H

#include <stdbool.h>
#include <stddef.h>

/* All n octets from `at` on. false: errno; 0: there are not so many. */
bool whole_read(int fd, void *ret_p, size_t n, size_t at);
/* All n octets, from where the descriptor stands. false: errno. */
bool whole_write(int fd, const void *p, size_t n);
/* A regular file or memfd from its beginning, with a NUL behind it. ret_n may
 * be NULL. Caller frees. NULL: not readable, longer than `most`, no memory. */
char *whole_text(int fd, size_t most, size_t *ret_n);

#endif

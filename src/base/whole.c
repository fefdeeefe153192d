/*
 * A file read or written whole (see whole.h).
 */
#include "whole.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool whole_read(int fd, void *ret_p, size_t n, size_t at)
{
	uint8_t *to = ret_p;

	errno = 0;
	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return true;
}

bool whole_write(int fd, const void *p, size_t n)
{
	const uint8_t *from = p;

	while (n > 0) {
		ssize_t put = write(fd, from, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		from += put;
		n -= (size_t)put;
	}
	return true;
}

char *whole_text(int fd, size_t most, size_t *ret_n)
{
	struct stat st;
	char *text;
	size_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
		(uint64_t)st.st_size > most)
		return NULL;
	n = (size_t)st.st_size;
	text = malloc(n + 1);
	if (!text)
		return NULL;
	if (!whole_read(fd, text, n, 0)) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	if (ret_n)
		*ret_n = n;
	return text;
}

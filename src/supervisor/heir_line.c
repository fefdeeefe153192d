/*
 * The line between a supervisor and the one that takes over from it.
 */
#include "heir_line.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ROOM_MOST_MS = 2000 };

static bool send_one(int line, const char *text, size_t n, int passed)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)(uintptr_t)text, n};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct pollfd p = {.fd = line, .events = POLLOUT};
	struct cmsghdr *c;

	if (passed >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof passed);
	}
	return poll(&p, 1, ROOM_MOST_MS) == 1 &&
	       sendmsg(line, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		       (ssize_t)n;
}

bool heir_say(int line, int passed, const char *format, ...)
{
	char text[HEIR_LINE_LONGEST];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n <= 0)
		return false;
	if ((size_t)n >= sizeof text)
		n = (int)sizeof text - 1;
	return send_one(line, text, (size_t)n, passed);
}

enum heir_heard heir_hear(int line, int wait_ms,
	char ret_text[HEIR_LINE_LONGEST], int *ret_passed)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {ret_text, HEIR_LINE_LONGEST - 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	struct pollfd p = {.fd = line, .events = POLLIN};
	const struct cmsghdr *c;
	ssize_t n;

	*ret_passed = -1;
	if (poll(&p, 1, wait_ms) <= 0)
		return HEIR_NOTHING;
	n = recvmsg(line, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return HEIR_GONE;
	ret_text[n] = 0;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_passed, CMSG_DATA(c), sizeof *ret_passed);
	return HEIR_HEARD;
}

bool heir_word(const char *text, const char *word, const char **ret_rest)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) != 0 || (text[n] != ' ' && text[n] != 0))
		return false;
	*ret_rest = text[n] == ' ' ? text + n + 1 : text + n;
	return true;
}

bool heir_number(
	const char **text, int base, uint64_t most, uint64_t *ret_number)
{
	const char *from = *text + (**text == ' ');
	unsigned long long number;
	char *end;

	if (!isxdigit((unsigned char)*from)) /* no sign, no more blanks */
		return false;
	errno = 0;
	number = strtoull(from, &end, base);
	if (end == from || errno != 0 || number > most)
		return false;
	*text = end;
	*ret_number = number;
	return true;
}

/*
 * Texts in a room of a fixed size (see text.h).
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_put(char *out, size_t room, const char *text)
{
	(void)snprintf(out, room, "%s", text ? text : ""); /* cut */
}

void text_add(char *out, size_t room, const char *format, ...)
{
	size_t n = strlen(out);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(out + n, room - n, format, args); /* cut */
	va_end(args);
}

void text_tame(char *text, size_t room)
{
	text[room - 1] = '\0';
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

char *text_number(char *out, uint64_t number)
{
	char digits[TEXT_NUMBER_LONGEST];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(out, digits + at, sizeof(digits) - at);
	return out + sizeof(digits) - at;
}

char *text_hex(char *out, uint64_t number)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[number >> shift & 15];
	return out;
}

/*
 * Texts in a room of a fixed size: always ended, cut where the room is.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_NUMBER_LONGEST = 20, TEXT_HEX_DIGITS = 16 };

/* room: of out, with NUL; not 0. text: NULL is "". */
void text_put(char *out, size_t room, const char *text);
/* Behind what stands in out. */
void text_add(char *out, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Another process's words: ends them at room, and leaves nothing in them that
 * is no printable ASCII; a ? stands for it. */
void text_tame(char *text, size_t room);

/* Without an end, and in less than a tenth of printf's time: for what is said
 * with each session. They return where they stop. */
char *text_number(char *out, uint64_t number); /* TEXT_NUMBER_LONGEST at most */
char *text_hex(char *out, uint64_t number);    /* TEXT_HEX_DIGITS, always */

#endif

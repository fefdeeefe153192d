/* What posternctl was told: options, and the words of the command. */
#ifndef TOOLS_WORDS_H
#define TOOLS_WORDS_H

#include <stdbool.h>

enum word {
#define WORD(id, name, argument, commands) WORD_##id,
#include "words.def"
#undef WORD
	WORDS_ALL,
};

#define WORD_TAKES(id) (1u << WORD_##id)

struct words {
	const char *socket;
	bool json;
	const char *given[WORDS_ALL]; /* NULL: not; "": without a value */
	const char *const *args;
	int count;
};

enum words_end { WORDS_FINE, WORDS_WRONG, WORDS_HELP, WORDS_VERSION };

/* WORDS_WRONG: it was said on standard error. All is borrowed of argv. */
enum words_end words_read(int argc, char **argv, struct words *words);
/* Are only these given (WORD_TAKES)? Else says to whom another belongs. */
bool words_belong(const struct words *words, unsigned bits);
/* A number above 0 and not above `most`; 0: it is none, or
 * was not given. */
long words_number(const struct words *words, enum word word, long most);
/* "posternctl: WHAT: WHICH" on standard error. Returns EXIT_USAGE. */
int words_wrong(const char *what, const char *which);

#endif

/*
 * What posternctl was told: options, and the words of the command.
 *
 * Options stand anywhere; which command takes which is a table (words.def), so
 * that one on the wrong command is said to be, not ignored. Called by
 * posternctl.
 */
#include "words.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit_code.h"

int words_wrong(const char *what, const char *which)
{
	(void)fprintf(stderr, "posternctl: %s%s%s (see posternctl --help)\n",
		what, which[0] != '\0' ? ": " : "", which);
	return EXIT_USAGE;
}

static enum words_end wrong(const char *what, const char *which)
{
	(void)words_wrong(what, which);
	return WORDS_WRONG;
}

enum words_end words_read(int argc, char **argv, struct words *words)
{
	static const struct option options[] = {
#define WORD(id, name, argument, commands)                                     \
	{(name), (argument), NULL, WORD_##id},
#include "words.def"
#undef WORD
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0; /* our own words */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option >= 0 && option < WORDS_ALL) {
			words->given[option] = optarg != NULL ? optarg : "";
			continue;
		}
		switch (option) {
		case 's': words->socket = optarg; break;
		case 'j': words->json = true; break;
		case 'h': return WORDS_HELP;
		case 'V': return WORDS_VERSION;
		case ':':
			return wrong(
				"this option needs a value", argv[optind - 1]);
		default: /* a character of getopt's, no enum of ours */
			return wrong("no such option", argv[optind - 1]);
		}
	}
	words->args = (const char *const *)argv + optind;
	words->count = argc - optind;
	return WORDS_FINE;
}

bool words_belong(const struct words *words, unsigned bits)
{
	static const char *const texts[WORDS_ALL] = {
#define WORD(id, name, argument, commands)                                     \
	[WORD_##id] = "--" name " belongs to " commands,
#include "words.def"
#undef WORD
	};

	for (unsigned i = 0; i < WORDS_ALL; i++)
		if (words->given[i] != NULL && (bits & 1u << i) == 0) {
			(void)words_wrong(texts[i], "");
			return false;
		}
	return true;
}

long words_number(const struct words *words, enum word word, long most)
{
	const char *text = words->given[word];
	char *end;
	long number;

	if (text == NULL)
		return 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || number < 1 || number > most)
		return 0;
	return number;
}

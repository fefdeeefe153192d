/*
 * The nearest of some names, for "did you mean …?".
 *
 * Pure. Counts the slips of a typing hand: a letter too much, too few or
 * wrong, or two letters swapped (Damerau, 1964: four of five misspellings).
 * A word may be off by a third of its length, else nothing is said: a bad
 * guess helps nobody.
 */
#include "near.h"

#include <stdbool.h>
#include <string.h>

enum { NAME_LONGEST = 40 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Three rows of the table: the one before last knows of swapped letters. */
static size_t slips(const char *a, size_t a_n, const char *b, size_t b_n)
{
	size_t rows[3][NAME_LONGEST + 1];

	for (size_t j = 0; j <= b_n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_n; i++) {
		size_t *row = rows[i % 3], *before = rows[(i + 2) % 3];
		const size_t *older = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_n; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);

			row[j] = least(before[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], before[j - 1] + !same);
			if (i > 1 && j > 1 &&
				fold(a[i - 1]) == fold(b[j - 2]) &&
				fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = least(row[j], older[j - 2] + 1);
		}
	}
	return rows[a_n % 3][b_n];
}

struct near near_begin(const char *word)
{
	return (struct near){word, NULL, 1 + strlen(word) / 3};
}

void near_offer(struct near *near, const char *name)
{
	size_t word_n = strlen(near->word), name_n = strlen(name);
	size_t distance;

	if (word_n > NAME_LONGEST || name_n > NAME_LONGEST || !name_n)
		return;
	distance = slips(near->word, word_n, name, name_n);
	/* A short word that shares no letter is not near. */
	if (distance >= word_n || (near->best ? distance >= near->distance
					      : distance > near->distance))
		return;
	near->best = name;
	near->distance = distance;
}

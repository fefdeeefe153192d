/*
 * Two lines for one login: older and newer releases word a failure
 * differently, and some write both forms. It counts once.
 */
#ifndef LOGS_TWINS_H
#define LOGS_TWINS_H

#include "entry.h"

enum { TWINS_SLOTS = 256, TWINS_FORMS = 4, TWINS_WINDOW_S = 2 };

/* Zero is empty. Of fixed size: an old entry gives way to a new one. */
struct twins {
	struct twin {
		uint64_t key; /* 0: free */
		uint64_t since_s;
		unsigned most; /* of one form */
		struct {
			unsigned form, count;
		} forms[TWINS_FORMS];
	} slots[TWINS_SLOTS];
};

/* Is it a login of its own? Within two seconds as many are as the form with
 * the most lines has: three lines of one form and two of another are three. */
bool twins_first(
	struct twins *twins, uint64_t now_s, const struct entry *entry);

#endif

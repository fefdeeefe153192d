/*
 * A row of the journal: what the core was told, and what it said.
 *
 * Rows in their order are a run of the core: the same events at the same
 * times, given to a core that is made with the same numbers, bring the same
 * verdicts and actions. A password is not among them: its tag is keyed anew
 * for each run, so that equal ones are equal and tell nothing.
 */
#ifndef JOURNAL_ROW_H
#define JOURNAL_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/units.h"
#include "../policy/policy.h"

enum {
	JOURNAL_USER_LONGEST = 128, /* octets as they were sent; cut */
	JOURNAL_TEXT_LONGEST = 255,
};

enum journal_kind {
	JOURNAL_START,	    /* policy_new(numbers of words, number) */
	JOURNAL_CONFIGURED, /* policy_configure(); words */
	JOURNAL_TICK,	    /* policy_tick() */
	JOURNAL_GAP,	    /* `number` rows are missing here */
	JOURNAL_REFUSAL,    /* to a client: session, addr; number: the reply */
	JOURNAL_EVENT,	    /* policy_step(); event, verdict */
	JOURNAL_ACTION,	    /* policy_next_action() gave it */
};

struct journal_row {
	enum journal_kind kind;
	wall_s_t at;	 /* for people */
	mono_ms_t now;	 /* of the call; compare within a run only */
	uint64_t number; /* see the kinds; START: the seed */
	union {		 /* by kind */
		struct policy_event event; /* its slices lie in `words` */
		struct policy_action action;
		struct addr addr; /* REFUSAL */
	};
	struct policy_verdict verdict; /* EVENT */
	struct prefix source; /* of an address, when it is wider; else bits 0 */
	uint64_t session;     /* 0: none */
	uint32_t code;	      /* of the server's reply; 0: none */
	/*
	 * EVENT: what its slices show. START, CONFIGURED: the configuration as
	 * conf_parse() reads it, with our own addresses as comments in front
	 * (journal_own). Owned; NULL: none.
	 */
	char *words;
};

/* Gives back its words. */
void journal_row_done(struct journal_row *row);
/* Copies the words that its event's slices show. false: no memory. */
bool journal_row_own(struct journal_row *row);

/*
 * The addresses that were never banned besides what the configuration says,
 * in a configuration's words: "# own 192.0.2.1". *cursor starts at 0.
 */
bool journal_own(const char *words, size_t *cursor, struct prefix *ret_prefix);

/* Stable names; in the store and in the documents. */
const char *journal_row_name(const struct journal_row *row);
/* Sets kind, event.kind or action.kind. false: a newer postern's. */
bool journal_row_named(struct journal_row *row, const char *name);
const char *journal_outcome_name(enum policy_outcome outcome);
bool journal_outcome_named(const char *name, enum policy_outcome *ret_outcome);
const char *journal_verdict_name(enum policy_verdict_kind kind);
bool journal_verdict_named(
	const char *name, enum policy_verdict_kind *ret_kind);
const char *journal_mode_name(enum policy_mode mode);
bool journal_mode_named(const char *name, enum policy_mode *ret_mode);

/* Is it a question, so that there is a verdict to keep? */
bool journal_row_judged(const struct journal_row *row);

#endif

/*
 * Writes the journal: all that the core is told and says.
 *
 * A secret's tag, keyed by the workers, is keyed once more before the core
 * hears it, with a key that nobody else has and that dies with the process: so
 * the journal can hold what the core heard, and two files never tell that two
 * secrets are equal. Names stand in it as the log may show them; where it may
 * not, as a number that is the same for the same name until the next start.
 *
 * Called by the judge, peers and the load of the store. Nothing here waits:
 * the store sheds what it has no room for.
 */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"
#include "decisions.h"
#include "judge.h"
#include "store.h"

enum { MS_PER_S = 1000, WAITING_MOST = 65536, LINE_LONGEST = 64 };

struct recorder {
	uint8_t tag_key[16];
	size_t restored; /* room that the start needs besides */
};

struct recorder *recorder_new(void)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	if (recorder != NULL)
		secret_random(recorder->tag_key, sizeof(recorder->tag_key));
	return recorder;
}

void recorder_free(struct recorder **recorder)
{
	if (*recorder == NULL)
		return;
	secret_wipe((*recorder)->tag_key, sizeof((*recorder)->tag_key));
	free(*recorder);
	*recorder = NULL;
}

uint64_t recorder_tag(const struct recorder *recorder, uint64_t tag)
{
	uint64_t keyed;

	if (tag == 0) /* not known */
		return 0;
	keyed = siphash(recorder->tag_key, &tag, sizeof(tag));
	return keyed != 0 ? keyed : 1;
}

static bool is_on(const struct hub *hub)
{
	return hub->store != NULL && hub->conf->journal.keep_ms > 0;
}

static struct journal_row row_of(struct hub *hub, enum journal_kind kind)
{
	struct journal_row row;

	memset(&row, 0, sizeof(row));
	row.kind = kind;
	row.at = hub_wall(hub);
	row.now = hub_now(hub);
	return row;
}

/* Of an address that is counted under something wider. */
static struct prefix source_of(struct hub *hub, const struct addr *addr)
{
	struct prefix source = judge_source(hub, addr);
	const struct prefix nothing = {.bits = 0};

	return source.bits == 128 ? nothing : source;
}

void recorder_event(struct hub *hub, const struct policy_event *event,
	const struct policy_verdict *verdict, uint64_t session, uint32_t code)
{
	struct journal_row row;
	char shown[HISTORY_USER_LONGEST];

	if (!is_on(hub))
		return;
	row = row_of(hub, JOURNAL_EVENT);
	row.event = *event;
	row.verdict = *verdict;
	row.session = session;
	row.code = code;
	if (event->prefix.bits == 0)
		row.source = source_of(hub, &event->addr);
	if (hub->conf->log.users != CONF_USERS_FULL && event->user.n > 0)
		row.event.user =
			slice_str(decisions_pseudonym(hub, event->user, shown));
	if (journal_row_own(&row))
		store_put_journal(hub->store, &row);
}

void recorder_action(struct hub *hub, const struct policy_action *action)
{
	struct journal_row row;

	if (!is_on(hub))
		return;
	row = row_of(hub, JOURNAL_ACTION);
	row.action = *action;
	if (hub->conf->log.users != CONF_USERS_FULL && action->user[0] != '\0')
		(void)decisions_pseudonym(
			hub, slice_str(action->user), row.action.user);
	store_put_journal(hub->store, &row);
}

void recorder_tick(struct hub *hub)
{
	struct journal_row row;

	if (!is_on(hub))
		return;
	row = row_of(hub, JOURNAL_TICK);
	store_put_journal(hub->store, &row);
}

void recorder_refusal(struct hub *hub, const struct message_note *note)
{
	struct journal_row row;

	if (!is_on(hub))
		return;
	row = row_of(hub, JOURNAL_REFUSAL);
	row.addr = note->addr;
	row.source = source_of(hub, &note->addr);
	row.session = note->session;
	row.number = note->reply;
	store_put_journal(hub->store, &row);
}

/* ---- the configuration ---- */

/* What conf_parse() and allowed_fill() need for the same numbers. NULL without
 * memory. Caller frees. */
static char *words_of(struct hub *hub)
{
	char *dump = conf_dump(hub->conf, true);
	size_t room =
		dump == NULL ? 0
			     : strlen(dump) + hub->own_count * LINE_LONGEST + 1;
	char *words = dump == NULL ? NULL : malloc(room);
	size_t n = 0;

	for (size_t i = 0; words != NULL && i < hub->own_count; i++) {
		char text[PREFIX_TEXT_LONGEST];

		n += (size_t)snprintf(words + n, room - n, "# own %s\n",
			prefix_format(&hub->own[i], text));
	}
	if (words != NULL)
		memcpy(words + n, dump, strlen(dump) + 1);
	free(dump);
	return words;
}

static void set_keep(struct hub *hub)
{
	store_set_keep(hub->store,
		&(struct store_keep){
			.journal_s = (wall_s_t)(hub->conf->journal.keep_ms /
						MS_PER_S),
			.file_bytes = hub->conf->journal.file_most_bytes,
			.waiting_count = WAITING_MOST + hub->recorder->restored,
		});
}

static void put_words(struct hub *hub, enum journal_kind kind, uint64_t number)
{
	struct journal_row row;

	if (!is_on(hub))
		return;
	row = row_of(hub, kind);
	row.number = number;
	row.words = words_of(hub);
	if (row.words != NULL)
		store_put_journal(hub->store, &row);
}

void recorder_start(struct hub *hub, uint64_t seed, size_t waiting)
{
	hub->recorder->restored = waiting;
	set_keep(hub);
	put_words(hub, JOURNAL_START, seed);
}

void recorder_configured(struct hub *hub)
{
	set_keep(hub);
	put_words(hub, JOURNAL_CONFIGURED, 0);
}

void recorder_continue(struct hub *hub)
{
	recorder_configured(hub);
}

void recorder_save(const struct recorder *recorder, struct octets *out)
{
	octets_put(out, recorder->tag_key, sizeof(recorder->tag_key));
}

bool recorder_load(struct recorder *recorder, struct octets *in)
{
	return octets_take(in, recorder->tag_key, sizeof(recorder->tag_key));
}

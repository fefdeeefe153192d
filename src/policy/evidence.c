/*
 * What a counted failure and a success mean beyond the ladder.
 *
 * failure.c says each failure that counts here, ladder.c each success, and the
 * rules get them in a fixed order: the source's own first, so that a source
 * that is banned by itself is counted for its prefix all the same.
 *
 * Memory, all of it allocated once and stated where each table is described:
 * with 262,144 sources 11 MB for days, 6 MB for
 * 65,536 prefixes, 3 MB for what lists said of 65,536 sources.
 *
 * Decides nothing itself. What can go wrong: no memory in evidence_new().
 */
#include "evidence.h"

#include <stdlib.h>

#include "flight.h"
#include "list_score.h"
#include "offence.h"
#include "place.h"
#include "prefix_limit.h"
#include "sentence.h"
#include "source_days.h"
#include "source_users.h"

enum { TABLE_LEAST = 1024 };

static size_t share(size_t most, unsigned parts)
{
	return most / parts > TABLE_LEAST ? most / parts : TABLE_LEAST;
}

static size_t at_least_one(size_t most)
{
	return most > 0 ? most : 1;
}

struct evidence *evidence_new(const struct policy_conf *conf,
	const struct hash_key *key, const struct domains *domains)
{
	struct evidence *evidence = calloc(1, sizeof(*evidence));

	if (evidence == NULL)
		return NULL;
	evidence->said = keyed_table_new(SENTENCE_SAID_MOST, SENTENCE_BYTES);
	evidence->days = keyed_table_new(
		share(conf->sources_most, 2), SOURCE_DAYS_BYTES);
	prefix_limit_init(evidence, conf);
	evidence->offences = offences_new(conf, key, domains);
	evidence->places = places_new(&conf->places);
	evidence->scores = keyed_table_new(
		at_least_one(conf->lists.sources_most), LIST_SCORE_BYTES);
	if (!evidence->said || !evidence->days || !evidence->prefixes ||
		!evidence->offences || !evidence->places || !evidence->scores)
		evidence_free(&evidence);
	return evidence;
}

void evidence_free(struct evidence **evidence)
{
	if (*evidence == NULL)
		return;
	keyed_table_free(&(*evidence)->said);
	keyed_table_free(&(*evidence)->days);
	keyed_table_free(&(*evidence)->prefixes);
	offences_free(&(*evidence)->offences);
	places_free(&(*evidence)->places);
	keyed_table_free(&(*evidence)->scores);
	free(*evidence);
	*evidence = NULL;
}

enum policy_rule evidence_failed(struct policy *policy, mono_ms_t now,
	struct source *source, uint64_t user, uint64_t tag,
	enum policy_rule banned_by)
{
	if (source_users_failed(policy, now, source))
		banned_by = RULE_SOURCE_USERS;
	if (source_days_failed(policy, now, source, user, tag))
		banned_by = RULE_SOURCE_DAYS;
	if (offence_decoy(policy, now, source, user))
		banned_by = RULE_DECOY;
	prefix_limit_failed(policy, now, &source->key);
	flight_end(policy, source); /* now it is one that failed */
	return banned_by;
}

void evidence_succeeded(
	struct policy *policy, mono_ms_t now, const struct source *source)
{
	source_days_forget(policy, &source->key);
	prefix_limit_forget(policy, &source->key);
}

void evidence_pardon(struct policy *policy, const struct prefix *prefix)
{
	source_days_forget(policy, prefix);
	prefix_limit_pardon(policy, prefix);
}

void evidence_save(const struct evidence *evidence, struct octets *out)
{
	keyed_save(evidence->said, out);
	keyed_save(evidence->days, out);
	keyed_save(evidence->prefixes, out);
	offences_save(evidence->offences, out);
	keyed_save(evidence->scores, out);
}

bool evidence_load(struct evidence *evidence, struct octets *in)
{
	return keyed_load(evidence->said, in, NULL) &&
	       keyed_load(evidence->days, in, source_days_sound) &&
	       keyed_load(evidence->prefixes, in, prefix_limit_sound) &&
	       offences_load(evidence->offences, in) &&
	       keyed_load(evidence->scores, in, NULL);
}

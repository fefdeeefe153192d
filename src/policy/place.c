/*
 * Logins by where their source is.
 *
 * Who looks the source up (the keeper, from databases) puts its country and
 * autonomous system into the event; here they are compared with three lists.
 * What is not known passes: a database that is old or gone locks nobody out.
 * A source that somebody logged in from passes, too: he is on a journey, or
 * the database is wrong about his home.
 *
 * Nothing is counted and nobody is banned: 454 to whatever secret tells a
 * guesser nothing, and what the server does not hear locks no account.
 *
 * Memory: 184 octets and 4 for each autonomous system. Called by ladder.c.
 */
#include "place.h"

#include <stdlib.h>

#include "evidence.h"
#include "known.h"
#include "mode.h"

enum { LETTERS = 26, WORD_BITS = 64, COUNTRY_WORDS = 11 };

struct countries {
	uint64_t bits[COUNTRY_WORDS];
	bool some;
};

struct places {
	struct countries deny, allow;
	uint32_t *deny_asn;
	size_t deny_asn_count;
};

static bool letter(unsigned c)
{
	return c >= 'A' && c <= 'Z';
}

/* Of a country's two letters; LETTERS * LETTERS: it is none. */
static unsigned place_of(unsigned first, unsigned second)
{
	if (!letter(first) || !letter(second))
		return LETTERS * LETTERS;
	return (first - 'A') * LETTERS + second - 'A';
}

static void countries_add(struct countries *countries, const char *name)
{
	unsigned place;

	if (name[0] == '\0')
		return;
	place = place_of(
		(unsigned)name[0] & ~0x20u, (unsigned)name[1] & ~0x20u);
	if (place >= LETTERS * LETTERS)
		return; /* the caller has checked */
	countries->bits[place / WORD_BITS] |= UINT64_C(1) << place % WORD_BITS;
	countries->some = true;
}

static bool countries_have(const struct countries *countries, uint16_t country)
{
	unsigned place = place_of(country >> 8, country & 0xff);

	return place < LETTERS * LETTERS &&
	       (countries->bits[place / WORD_BITS] >> place % WORD_BITS & 1);
}

/* "AS64500" or "64500"; 0: it is none. */
static uint32_t asn_parse(const char *text)
{
	uint64_t asn = 0;

	if ((text[0] & ~0x20) == 'A' && (text[1] & ~0x20) == 'S')
		text += 2;
	for (; *text >= '0' && *text <= '9' && asn <= UINT32_MAX; text++)
		asn = asn * 10 + (uint64_t)(*text - '0');
	return *text == '\0' && asn <= UINT32_MAX ? (uint32_t)asn : 0;
}

struct places *places_new(const struct policy_places *conf)
{
	struct places *places = calloc(1, sizeof(*places));

	if (places == NULL)
		return NULL;
	places->deny_asn = calloc(conf->deny_asn_count + 1, sizeof(uint32_t));
	if (places->deny_asn == NULL) {
		places_free(&places);
		return NULL;
	}
	for (size_t i = 0; i < conf->deny_asn_count; i++)
		places->deny_asn[places->deny_asn_count++] =
			asn_parse(conf->deny_asn[i]);
	for (size_t i = 0; i < conf->deny_country_count; i++)
		countries_add(&places->deny, conf->deny_countries[i]);
	for (size_t i = 0; i < conf->allow_country_count; i++)
		countries_add(&places->allow, conf->allow_countries[i]);
	return places;
}

void places_free(struct places **places)
{
	if (*places == NULL)
		return;
	free((*places)->deny_asn);
	free(*places);
	*places = NULL;
}

bool places_configure(struct places **places, const struct policy_places *conf)
{
	struct places *fresh = places_new(conf);

	if (fresh == NULL)
		return false;
	places_free(places);
	*places = fresh;
	return true;
}

static enum policy_rule rule_against(
	const struct places *places, const struct policy_event *event)
{
	if (event->country != 0 &&
		(countries_have(&places->deny, event->country) ||
			(places->allow.some && !countries_have(&places->allow,
						       event->country))))
		return RULE_COUNTRY;
	for (size_t i = 0; event->asn != 0 && i < places->deny_asn_count; i++)
		if (places->deny_asn[i] == event->asn)
			return RULE_ASN;
	return RULE_NONE;
}

/* The rule that refuses this login in this mode. */
static enum policy_rule judge(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	enum policy_mode mode)
{
	enum policy_rule rule = rule_against(policy->evidence->places, event);

	if (rule == RULE_NONE || mode_of_rule(policy, rule) != mode ||
		known_prefix(policy, now, key))
		return RULE_NONE;
	return rule;
}

bool place_refuses(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict)
{
	enum policy_rule rule = judge(policy, now, event, key, POLICY_ENFORCE);

	if (rule == RULE_NONE)
		return false;
	verdict->kind = VERDICT_ANSWER_TEMPORARY;
	verdict->rule = rule;
	verdict->mode = POLICY_ENFORCE;
	return true;
}

void place_would(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict)
{
	enum policy_rule rule;

	if (verdict->kind != VERDICT_PASS || verdict->rule != RULE_NONE)
		return;
	rule = judge(policy, now, event, key, POLICY_OBSERVE);
	if (rule == RULE_NONE)
		return;
	verdict->rule = rule;
	verdict->mode = POLICY_OBSERVE;
}

/*
 * Telling two lines for one login from two logins.
 */
#include "twins.h"

#include "../base/siphash.h"

/* Who collides on purpose spares himself nothing: his lines count twice. */
static uint64_t key_of(const struct entry *entry)
{
	static const uint8_t key[16];
	struct {
		struct addr addr;
		uint64_t user;
		uint32_t service, outcome;
	} all = {
		.addr = entry->addr,
		.user = siphash(key, entry->user.n ? entry->user.p : key,
			entry->user.n),
		.service = entry->service,
		.outcome = entry->outcome,
	};

	return siphash(key, &all, sizeof all) | 1;
}

static bool in_window(const struct twin *twin, uint64_t now_s)
{
	return now_s >= twin->since_s && now_s - twin->since_s < TWINS_WINDOW_S;
}

bool twins_first(struct twins *twins, uint64_t now_s, const struct entry *entry)
{
	uint64_t key = key_of(entry);
	struct twin *twin = &twins->slots[(key >> 1) % TWINS_SLOTS];
	unsigned i = 0;

	if (twin->key != key || !in_window(twin, now_s))
		*twin = (struct twin){.key = key, .since_s = now_s};
	while (i < TWINS_FORMS && twin->forms[i].count > 0 &&
		twin->forms[i].form != entry->form)
		i++;
	if (i == TWINS_FORMS)
		return true;
	twin->forms[i].form = entry->form;
	if (++twin->forms[i].count <= twin->most)
		return false;
	twin->most = twin->forms[i].count;
	return true;
}

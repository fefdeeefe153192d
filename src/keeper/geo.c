/*
 * Where a source is.
 *
 * The supervisor sends a sealed copy of each database, at the start and when a
 * reload finds it changed; here it is mapped and asked at each login. Without
 * one, or where it is damaged, a source is of nowhere, and the rules pass it.
 *
 * Memory: the copies, shared with the supervisor, in full. What can go wrong:
 * a copy cannot be mapped; damage, said once for each copy and counted.
 */
#include "geo.h"

#include <stdlib.h>
#include <unistd.h>

#include "../base/log.h"
#include "../ipc/message.h"

struct base {
	struct geo_file *file; /* NULL: none */
	bool trouble;	       /* one is wanted */
	bool damage_told;
	uint64_t found, unknown, damaged;
};

struct geo {
	struct base bases[GEO_KIND_COUNT];
};

static const char *const names[GEO_KIND_COUNT] = {
	[GEO_COUNTRY] = "country_db",
	[GEO_ASN] = "asn_db",
};

struct geo *geo_new(void)
{
	return calloc(1, sizeof(struct geo));
}

void geo_done(struct geo **geo)
{
	if (*geo == NULL)
		return;
	for (unsigned i = 0; i < GEO_KIND_COUNT; i++)
		geo_free(&(*geo)->bases[i].file);
	free(*geo);
	*geo = NULL;
}

void geo_take(struct hub *hub, uint32_t kind, int fd, bool trouble)
{
	char error[GEO_ERROR_LONGEST];
	struct geo_file *file = NULL;
	struct base *base;

	if (kind < GEO_KIND_COUNT) {
		base = &hub->geo->bases[kind];
		if (fd >= 0 && (file = geo_open(fd, error)) == NULL) {
			trouble = true;
			log_say(LOG_ERROR, "geo", "%s: %s", names[kind], error);
		}
		geo_free(&base->file);
		base->file = file;
		base->damage_told = false;
		base->trouble = trouble;
	}
	if (fd >= 0)
		(void)close(fd);
}

static void look(struct base *base, const char *name, const struct addr *addr,
	struct geo_place *place)
{
	struct geo_place before = *place;

	if (base->file == NULL)
		return;
	if (!geo_look(base->file, addr, place)) {
		base->damaged++;
		if (!base->damage_told)
			log_say(LOG_WARN, "geo",
				"%s is damaged: what it cannot say is taken "
				"for unknown, and passes",
				name);
		base->damage_told = true;
	} else if (place->country == before.country &&
		   place->asn == before.asn) {
		base->unknown++;
	} else {
		base->found++;
	}
}

struct geo_place geo_find(struct hub *hub, const struct addr *addr)
{
	struct geo_place place = {0};

	if (hub->conf->geo.mode == CONF_MODE_OFF)
		return place;
	for (unsigned i = 0; i < GEO_KIND_COUNT; i++)
		look(&hub->geo->bases[i], names[i], addr, &place);
	return place;
}

static const char *state_of(const struct base *base)
{
	if (base->trouble)
		return "trouble";
	return base->file != NULL ? "open" : "none";
}

json_t *geo_object(const struct hub *hub)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < GEO_KIND_COUNT; i++) {
		const struct base *base = &hub->geo->bases[i];

		(void)json_object_set_new(object, names[i],
			json_pack("{s:s, s:I, s:I, s:I}", "state",
				state_of(base), "found",
				(json_int_t)base->found, "unknown",
				(json_int_t)base->unknown, "damaged",
				(json_int_t)base->damaged));
	}
	return object;
}

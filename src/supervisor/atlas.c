/*
 * The databases of places: read with the configuration, told to the keeper.
 *
 * A plan has the copies that were there when it was made, so that all of a
 * configuration is of one moment, and a keeper that is started anew gets the
 * same. A file that is away or damaged stops neither a start nor a reload:
 * these rules may fail, mail may not.
 */
#include "atlas.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/siphash.h"
#include "../geo/geo_file.h"
#include "internal.h"

struct wanted {
	const char *option, *path;
};

static struct wanted wanted_of(const struct conf *conf, unsigned kind)
{
	const struct wanted all[GEO_KIND_COUNT] = {
		[GEO_COUNTRY] = {"country_db", conf->geo.country_db},
		[GEO_ASN] = {"asn_db", conf->geo.asn_db},
	};

	return all[kind];
}

static uint64_t mark_of(int fd)
{
	static const uint8_t key[16];
	struct stat st;
	uint64_t mark = 0;
	void *all;

	if (fstat(fd, &st) != 0 || st.st_size == 0)
		return 0;
	all = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (all == MAP_FAILED)
		return 0;
	mark = siphash(key, all, (size_t)st.st_size);
	(void)munmap(all, (size_t)st.st_size);
	return mark;
}

void atlas_begin(struct atlas *atlas, const struct conf *conf)
{
	char error[GEO_ERROR_LONGEST];

	for (unsigned i = 0; i < GEO_KIND_COUNT; i++) {
		struct wanted wanted = wanted_of(conf, i);

		atlas->fds[i] = -1;
		atlas->marks[i] = 0;
		atlas->trouble[i] = false;
		if (wanted.path[0] == 0)
			continue;
		atlas->fds[i] = geo_copy(wanted.path, error);
		if (atlas->fds[i] >= 0) {
			atlas->marks[i] = mark_of(atlas->fds[i]);
			continue;
		}
		atlas->trouble[i] = true;
		log_say(LOG_WARN, "geo",
			"%s: %s: %s; what it would say is taken for unknown, "
			"and passes",
			wanted.option, wanted.path, error);
	}
}

void atlas_done(struct atlas *atlas)
{
	for (unsigned i = 0; i < GEO_KIND_COUNT; i++) {
		if (atlas->fds[i] >= 0)
			(void)close(atlas->fds[i]);
		atlas->fds[i] = -1;
	}
}

bool atlas_same(const struct atlas *a, const struct atlas *b)
{
	for (unsigned i = 0; i < GEO_KIND_COUNT; i++)
		if (a->marks[i] != b->marks[i] ||
			a->trouble[i] != b->trouble[i])
			return false;
	return true;
}

unsigned atlas_wrong(const struct conf *conf, FILE *out)
{
	char error[GEO_ERROR_LONGEST];
	unsigned count = 0;

	for (unsigned i = 0; i < GEO_KIND_COUNT; i++) {
		struct wanted wanted = wanted_of(conf, i);
		int fd;

		if (wanted.path[0] == 0)
			continue;
		fd = geo_copy(wanted.path, error);
		if (fd >= 0) {
			(void)close(fd);
			continue;
		}
		(void)fprintf(out, "geo: %s: %s: %s\n", wanted.option,
			wanted.path, error);
		count++;
	}
	return count;
}

void atlas_tell(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	/* While a reload is prepared the old one is in force. */
	const struct plan *plan = s->old_plan ? s->old_plan : s->plan;

	for (uint32_t i = 0; keeper && keeper->channel && i < GEO_KIND_COUNT;
		i++) {
		const struct message_geo body = {
			.kind = i, .trouble = plan->atlas.trouble[i]};
		int fd = plan->atlas.fds[i];
		enum channel_result told =
			fd < 0 ? channel_send(keeper->channel, MESSAGE_GEO,
					 &body, sizeof body)
			       : channel_send_fd(keeper->channel, MESSAGE_GEO,
					 &body, sizeof body, fd);

		if (told != CHANNEL_OK)
			log_say(LOG_WARN, "geo",
				"cannot tell the keeper of a database");
	}
}

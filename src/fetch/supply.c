/*
 * Where one list comes from, and what it said last.
 *
 * What is refused leaves all as it was: the entries that were good last count
 * until they expire. A list that was full and is empty, or a tenth of what it
 * was, is taken for a mistake of whoever writes it, until then.
 *
 * Called by fetch.c. What can go wrong: whatever a file or a server does.
 */
#include "supply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SHRINK_LEAST = 20, /* entries; shorter ones may change as they like */
	SHRINK_PART = 10,
	MS_PER_S = 1000,
};

const char *supply_place(const struct supply *supply)
{
	return supply_is_file(supply) ? supply->conf->file : supply->conf->url;
}

bool supply_is_file(const struct supply *supply)
{
	return supply->conf->file[0] != '\0';
}

struct list_rules supply_rules(const struct supply *supply,
	const struct prefix *never, size_t never_count)
{
	return (struct list_rules){
		.most = (size_t)supply->conf->max_count,
		.bad_percent = (unsigned)supply->conf->bad_percent_count,
		.never = never,
		.never_count = never_count,
	};
}

/* ---- files ---- */

static enum supply_result trouble(
	struct supply *supply, const char *what, const char *why)
{
	(void)snprintf(supply->why, sizeof(supply->why), "%s%s", what, why);
	return SUPPLY_TROUBLE;
}

/* Another content, another mark. */
static void mark_of(const struct stat *st, char mark[SUPPLY_MARK_LONGEST])
{
	(void)snprintf(mark, SUPPLY_MARK_LONGEST, "%llx.%llx.%lld.%09ld",
		(unsigned long long)st->st_ino, (unsigned long long)st->st_size,
		(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* All that there is, up to the size that it had. */
static bool read_whole(int fd, char *text, size_t size, size_t *ret_n)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, text + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret_n = n;
	return true;
}

static enum supply_result read_open(
	struct supply *supply, int fd, char **ret_text, size_t *ret_n)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return trouble(supply, "", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return trouble(supply, "it is no file", "");
	if (st.st_size > SUPPLY_BYTES_MOST)
		return trouble(supply, "it is longer than 16 MiB", "");
	mark_of(&st, supply->new_modified);
	if (supply->good_at != 0 &&
		strcmp(supply->modified, supply->new_modified) == 0)
		return SUPPLY_SAME;
	*ret_text = malloc((size_t)st.st_size + 1);
	if (*ret_text == NULL)
		return trouble(supply, "no memory", "");
	if (read_whole(fd, *ret_text, (size_t)st.st_size, ret_n))
		return SUPPLY_NEW;
	free(*ret_text);
	*ret_text = NULL;
	return trouble(supply, "it cannot be read: ", strerror(errno));
}

enum supply_result supply_read_file(
	struct supply *supply, char **ret_text, size_t *ret_n)
{
	enum supply_result result;
	int fd = open(supply->conf->file,
		O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*ret_text = NULL;
	supply->new_etag[0] = '\0';
	if (fd < 0)
		return trouble(supply, "it cannot be read: ", strerror(errno));
	result = read_open(supply, fd, ret_text, ret_n);
	(void)close(fd);
	return result;
}

/* ---- what it says ---- */

bool supply_expired(const struct supply *supply, wall_s_t now)
{
	wall_s_t span_s = (wall_s_t)(supply->conf->expire_ms / MS_PER_S);

	return supply->good_at == 0 || now - supply->good_at >= span_s;
}

static bool shrank(struct supply *supply, const struct list_entries *fresh)
{
	size_t before = supply->entries.count;

	if (before == 0 || (fresh->count > 0 && before < SHRINK_LEAST) ||
		(fresh->count > 0 && fresh->count >= before / SHRINK_PART))
		return false;
	(void)snprintf(supply->why, sizeof(supply->why),
		"it has %zu entries and had %zu: what it had counts until it "
		"expires",
		fresh->count, before);
	return true;
}

bool supply_take(struct supply *supply, const char *text, size_t n,
	const struct list_rules *rules, wall_s_t now)
{
	struct list_entries fresh;
	bool good = list_text_read(text, n, rules, &fresh, supply->why);

	if (good && !supply_expired(supply, now) && shrank(supply, &fresh))
		good = false;
	if (!good) {
		list_entries_done(&fresh);
		return false;
	}
	list_entries_done(&supply->entries);
	supply->entries = fresh;
	memcpy(supply->etag, supply->new_etag, sizeof(supply->etag));
	memcpy(supply->modified, supply->new_modified,
		sizeof(supply->modified));
	supply_confirm(supply, now);
	return true;
}

void supply_confirm(struct supply *supply, wall_s_t now)
{
	supply->good_at = now;
	supply->why[0] = '\0';
	supply->untold = true;
}

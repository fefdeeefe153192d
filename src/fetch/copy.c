/*
 * The last good copy of a list: a file of its name in a folder of ours.
 *
 *	postern list 1
 *	place https://…		whose copy it is
 *	good 1790000000		when that was last said, in wall seconds
 *	etag …			as the server gave them; a file's state
 *	modified …
 *	entries 2
 *	192.0.2.0/24
 *	198.51.100.7
 *
 * It is read by the rules of the day, as if it came now: one that has become
 * wrong (a new server is in it) is no copy. A damaged one is none either. Names
 * of lists are names of files: conf takes no others.
 */
#include "copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/whole.h"

enum { NAME_LONGEST = 80, LINE_MOST = 4096 };

#define FIRST_LINE "postern list 1"

/* ---- reading ---- */

/* The next line without its end; NULL: there is none. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

/* What stands behind "key "; NULL: it is another line. */
static const char *field(char **at, const char *key)
{
	const char *line = next_line(at);
	size_t n = strlen(key);

	if (line == NULL || strncmp(line, key, n) != 0 || line[n] != ' ')
		return NULL;
	return line + n + 1;
}

static bool take_mark(char **at, const char *key, char *mark)
{
	const char *text = field(at, key);

	if (text == NULL || strlen(text) >= SUPPLY_MARK_LONGEST)
		return false;
	(void)snprintf(mark, SUPPLY_MARK_LONGEST, "%s", text);
	return true;
}

/* A clock that went back makes no list younger than now. */
static bool take_head(
	struct supply *supply, char **at, wall_s_t now, size_t *ret_count)
{
	const char *line = next_line(at), *text;
	char *end;

	if (line == NULL || strcmp(line, FIRST_LINE) != 0)
		return false;
	text = field(at, "place");
	if (text == NULL || strcmp(text, supply_place(supply)) != 0)
		return false;
	text = field(at, "good");
	if (text == NULL)
		return false;
	supply->good_at = strtoll(text, &end, 10);
	if (*end != '\0' || supply->good_at <= 0)
		return false;
	if (supply->good_at > now)
		supply->good_at = now;
	if (!take_mark(at, "etag", supply->etag) ||
		!take_mark(at, "modified", supply->modified))
		return false;
	text = field(at, "entries");
	if (text == NULL)
		return false;
	*ret_count = strtoul(text, &end, 10);
	return *end == '\0';
}

static void forget(struct supply *supply)
{
	list_entries_done(&supply->entries);
	supply->good_at = 0;
	supply->etag[0] = supply->modified[0] = '\0';
}

static void take_copy(struct supply *supply, char *text, size_t n,
	const struct list_rules *rules, wall_s_t now)
{
	char why[LIST_WHY_LONGEST], *at = text;
	size_t count;

	if (!take_head(supply, &at, now, &count) ||
		supply_expired(supply, now) ||
		!list_text_read(at, n - (size_t)(at - text), rules,
			&supply->entries, why) ||
		supply->entries.count != count || supply->entries.bad_count > 0)
		forget(supply);
}

void copy_read(int folder, struct supply *supply,
	const struct list_rules *rules, wall_s_t now)
{
	int fd = folder < 0 ? -1
			    : openat(folder, supply->conf->title,
				      O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
					      O_NONBLOCK);
	char *text;
	size_t n = 0;

	if (fd < 0)
		return;
	text = whole_text(fd, 2 * (size_t)SUPPLY_BYTES_MOST, &n);
	(void)close(fd);
	/* A NUL would end a line early. */
	if (text != NULL && strlen(text) == n)
		take_copy(supply, text, n, rules, now);
	free(text);
}

/* ---- writing ---- */

static bool print_all(FILE *f, const struct supply *supply)
{
	char text[PREFIX_TEXT_LONGEST];

	(void)fprintf(f,
		FIRST_LINE "\nplace %s\ngood %lld\netag %s\nmodified %s\n"
			   "entries %zu\n",
		supply_place(supply), (long long)supply->good_at, supply->etag,
		supply->modified, supply->entries.count);
	for (size_t i = 0; i < supply->entries.count; i++)
		(void)fprintf(f, "%s\n",
			prefix_format(&supply->entries.items[i], text));
	return fflush(f) == 0 && ferror(f) == 0;
}

bool copy_write(int folder, const struct supply *supply)
{
	char name[NAME_LONGEST];
	FILE *f = NULL;
	bool good;
	int fd;

	/* No list's name has a tilde in it. */
	(void)snprintf(name, sizeof(name), "%s~", supply->conf->title);
	fd = openat(folder, name,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		f = fdopen(fd, "w");
	if (f == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	good = print_all(f, supply);
	good = fclose(f) == 0 && good;
	if (good && renameat(folder, name, folder, supply->conf->title) == 0)
		return true;
	(void)unlinkat(folder, name, 0);
	return false;
}

static bool is_wanted(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->address_list_count; i++)
		if (strcmp(conf->address_lists[i].title, name) == 0)
			return true;
	return false;
}

void copy_tidy(int folder, const struct conf *conf)
{
	int fd = folder < 0 ? -1 : dup(folder);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && !is_wanted(conf, entry->d_name))
			(void)unlinkat(folder, entry->d_name, 0);
	(void)closedir(dir);
}

/*
 * What the store holds, brought back into force before anybody is served.
 *
 * The policy may refuse a row and have it removed, for which the store must
 * be open: so the rows are gathered while it opens and given on afterwards.
 * Called by keeper.c, once. Without memory the rest stays on disk.
 */
#include "loading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "backends.h"
#include "judge.h"
#include "notes.h"
#include "recorder.h"
#include "store.h"
#include "sums.h"
#include "trend.h"

enum { US_PER_MS = 1000, STORE_SPARE_ROWS = 65536, ROOM_FIRST = 1024 };

struct ban_row {
	struct store_ban ban;
	char rule[32];
	char note[STORE_NOTE_LONGEST + 1];
};

struct passport_row {
	struct store_passport passport;
	char user[STORE_USER_LONGEST + 1];
};

struct device_row {
	struct store_device device;
	char user[STORE_USER_LONGEST + 1], name[STORE_DEVICE_LONGEST + 1];
};

struct loading {
	struct hub *hub;
	struct ban_row *bans;
	struct passport_row *passports;
	struct device_row *devices;
	struct prefix *allows;
	size_t allow_count, allow_room;
	size_t ban_count, ban_room;
	size_t passport_count, passport_room;
	size_t device_count, device_room;
};

/* Room for one more behind `count`. NULL: no memory, all stays as it was. */
static void *more(void *rows, size_t count, size_t *room, size_t row_bytes)
{
	size_t wanted = *room == 0 ? (size_t)ROOM_FIRST : *room * 2;
	void *grown;

	if (count < *room)
		return rows;
	grown = realloc(rows, wanted * row_bytes);
	if (grown != NULL)
		*room = wanted;
	return grown;
}

static void on_ban(void *arg, const struct store_ban *ban)
{
	struct loading *loading = arg;
	struct ban_row *rows = more(loading->bans, loading->ban_count,
		&loading->ban_room, sizeof(*rows));
	struct ban_row *row;

	if (rows == NULL)
		return;
	loading->bans = rows;
	row = &rows[loading->ban_count++];
	row->ban = *ban;
	(void)snprintf(row->rule, sizeof(row->rule), "%s", ban->rule);
	(void)snprintf(row->note, sizeof(row->note), "%s", ban->note);
}

static void on_passport(void *arg, const struct store_passport *passport)
{
	struct loading *loading = arg;
	struct passport_row *rows =
		more(loading->passports, loading->passport_count,
			&loading->passport_room, sizeof(*rows));
	struct passport_row *row;

	if (rows == NULL)
		return;
	loading->passports = rows;
	row = &rows[loading->passport_count++];
	row->passport = *passport;
	(void)snprintf(row->user, sizeof(row->user), "%s", passport->user);
}

static void on_device(void *arg, const struct store_device *device)
{
	struct loading *loading = arg;
	struct device_row *rows = more(loading->devices, loading->device_count,
		&loading->device_room, sizeof(*rows));
	struct device_row *row;

	if (rows == NULL)
		return;
	loading->devices = rows;
	row = &rows[loading->device_count++];
	row->device = *device;
	(void)snprintf(row->user, sizeof(row->user), "%s", device->user);
	(void)snprintf(row->name, sizeof(row->name), "%s", device->name);
}

static void on_allow(void *arg, const struct store_allow *allow)
{
	struct loading *loading = arg;
	struct prefix *rows = more(loading->allows, loading->allow_count,
		&loading->allow_room, sizeof(*rows));

	if (rows == NULL)
		return;
	loading->allows = rows;
	rows[loading->allow_count++] = allow->prefix;
	notes_put(loading->hub->notes, &allow->prefix, allow->note);
}

static void on_drain(void *arg, const struct store_drain *drain)
{
	const struct loading *loading = arg;

	backends_restore(loading->hub, drain);
}

static void on_point(void *arg, const struct store_point *point)
{
	const struct loading *loading = arg;

	trend_restore(loading->hub, point);
}

static void on_day(void *arg, const struct store_day *day)
{
	struct loading *loading = arg;

	sums_restore(loading->hub->sums, day);
}

/* The core has them all already. */
static void restore_words(struct loading *loading)
{
	recorder_continue(loading->hub);
	judge_inherited(loading->hub);
	for (size_t i = 0; i < loading->ban_count; i++) {
		struct ban_row *row = &loading->bans[i];

		row->ban.note = row->note;
		judge_restore_note(loading->hub, &row->ban);
	}
}

static void restore(struct loading *loading)
{
	recorder_start(loading->hub, judge_seed(loading->hub->judge),
		loading->allow_count + loading->passport_count +
			loading->device_count + loading->ban_count);
	for (size_t i = 0; i < loading->allow_count; i++)
		judge_restore_allow(loading->hub, &loading->allows[i]);
	for (size_t i = 0; i < loading->passport_count; i++) {
		struct passport_row *row = &loading->passports[i];

		row->passport.user = row->user;
		judge_restore_passport(loading->hub, &row->passport);
	}
	for (size_t i = 0; i < loading->device_count; i++) {
		struct device_row *row = &loading->devices[i];

		row->device.user = row->user;
		row->device.name = row->name;
		judge_restore_device(loading->hub, &row->device);
	}
	for (size_t i = 0; i < loading->ban_count; i++) {
		struct ban_row *row = &loading->bans[i];

		row->ban.rule = row->rule;
		row->ban.note = row->note;
		judge_restore_ban(loading->hub, &row->ban);
	}
}

bool loading_run(struct hub *hub)
{
	struct loading loading = {.hub = hub};
	const struct store_readers readers = {
		.ban = on_ban,
		.allow = on_allow,
		.passport = on_passport,
		.device = on_device,
		.drain = on_drain,
		.day = on_day,
		.point = on_point,
		.arg = &loading,
	};
	size_t most = (size_t)hub->conf->source_limit.bans_most_count +
		      STORE_SPARE_ROWS;
	uint64_t before_us = clock_mono_us();

	hub->store = store_open(
		hub->conf->global.state_dir, most, hub_wall(hub), &readers);
	if (hub->store != NULL && hub->inherited)
		restore_words(&loading);
	else if (hub->store != NULL)
		restore(&loading);
	log_begin(LOG_INFO, "loaded");
	log_int("rows", (int64_t)loading.ban_count);
	log_int("passports", (int64_t)loading.passport_count);
	log_int("ms", (int64_t)((clock_mono_us() - before_us) / US_PER_MS));
	log_end();
	free(loading.allows);
	free(loading.bans);
	free(loading.passports);
	free(loading.devices);
	return hub->store != NULL && store_start(hub->store);
}

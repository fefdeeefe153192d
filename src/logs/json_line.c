/*
 * Reading postern's own log.
 *
 * auth-failed of the keeper is a failure; a session that ends with auth = ok
 * was a success, at its end. Names are in it only with `users = full`.
 */
#include "json_line.h"

#include <jansson.h>

static bool event_of(const json_t *line, struct entry *entry)
{
	static const struct {
		const char *name;
		enum entry_outcome outcome;
	} events[] = {
		{"auth-failed", ENTRY_FAILED},
		{"session", ENTRY_OK},
		{"ban", ENTRY_BAN},
		{"unban", ENTRY_UNBAN},
	};
	const char *name = json_string_value(json_object_get(line, "event"));
	const char *auth = json_string_value(json_object_get(line, "auth"));

	for (size_t i = 0; name && i < sizeof events / sizeof *events; i++) {
		if (strcmp(name, events[i].name) != 0)
			continue;
		entry->outcome = events[i].outcome;
		return entry->outcome != ENTRY_OK ||
		       (auth && strcmp(auth, "ok") == 0);
	}
	return false;
}

/* Bans are of prefixes: the first address stands for them. */
static bool source_of(const json_t *line, struct entry *entry)
{
	const char *text = json_string_value(json_object_get(line, "src"));
	struct prefix prefix;

	if (!text || !prefix_parse(text, &prefix))
		return false;
	entry->addr = prefix.addr;
	return true;
}

static void service_of(const json_t *line, struct entry *entry)
{
	const char *text = json_string_value(json_object_get(line, "service"));

	entry->service = ENTRY_SMTP;
	if (text)
		(void)entry_service_parse(slice_str(text), &entry->service);
}

static void name_of(const json_t *line, struct json_entry *entry)
{
	const json_t *user = json_object_get(line, "user");
	size_t n = json_string_length(user);

	if (n > ENTRY_USER_LONGEST)
		n = ENTRY_USER_LONGEST;
	if (n > 0)
		memcpy(entry->name, json_string_value(user), n);
	entry->entry.user = slice_of(entry->name, n);
}

bool json_line_read(struct slice line, struct json_entry *ret_entry)
{
	const char *time;
	struct head head;
	json_t *object;
	bool good;

	object = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL, NULL);
	memset(&ret_entry->entry, 0, sizeof ret_entry->entry);
	time = json_string_value(json_object_get(object, "time"));
	good = time && head_read(slice_str(time), &head) &&
	       event_of(object, &ret_entry->entry) &&
	       source_of(object, &ret_entry->entry);
	if (good) {
		ret_entry->entry.stamp = head.stamp;
		service_of(object, &ret_entry->entry);
		name_of(object, ret_entry);
	}
	json_decref(object);
	return good;
}

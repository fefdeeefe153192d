/*
 * The command `sessions`: what the workers are asked for it.
 *
 * Reads the request's filters; the workers apply them, so that a few sessions
 * of thousands cost a few rows. Called by commands.
 */
#include "sessions.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "peers.h"
#include "roster.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000 };

static bool is_listener(const struct conf *conf, const char *title)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (strcmp(conf->listeners[i].title, title) == 0)
			return true;
	return false;
}

/* NULL: *ret_ask is fine. */
static json_t *read_request(struct hub *hub, const json_t *request,
	struct message_sessions_ask *ret_ask)
{
	const json_t *from = json_object_get(request, "from");
	const json_t *title = json_object_get(request, "listener");
	const json_t *limit = json_object_get(request, "limit");
	json_int_t most =
		limit != NULL ? json_integer_value(limit) : LIMIT_DEFAULT;
	const char *listener =
		title != NULL ? json_string_value(title) : ret_ask->listener;

	if (most < 1 || most > LIMIT_MOST)
		return commands_error(COMMANDS_USAGE,
			"limit is no number from 1 to 1000",
			"to find one of more, name a source or a listener");
	if (from != NULL && (json_string_value(from) == NULL ||
				    !prefix_parse(json_string_value(from),
					    &ret_ask->within)))
		return commands_error(COMMANDS_USAGE,
			"from is no address and no prefix",
			"for example 192.0.2.7 or 192.0.2.0/24");
	if (title != NULL &&
		(listener == NULL || !is_listener(hub->conf, listener)))
		return commands_error(COMMANDS_NOT_FOUND,
			"the configuration has no such listener",
			"listeners are named as in the configuration");
	ret_ask->limit = (uint32_t)most;
	if (title != NULL)
		(void)snprintf(ret_ask->listener, sizeof(ret_ask->listener),
			"%s", listener); /* cut, as workers do */
	return NULL;
}

json_t *sessions_ask(
	struct hub *hub, const json_t *request, uint64_t *ret_question)
{
	struct message_sessions_ask ask = {.limit = 0};
	json_t *wrong = read_request(hub, request, &ask);

	if (wrong != NULL)
		return wrong;
	ask.question = roster_begin(hub->roster, hub_now(hub), ask.limit);
	if (ask.question == 0)
		return commands_error(COMMANDS_UNAVAILABLE,
			"four others ask for the sessions just now",
			"try again in a few seconds");
	if (peers_ask_sessions(hub, &ask)) {
		*ret_question = ask.question;
		return NULL;
	}
	roster_drop(hub->roster, ask.question);
	return commands_error(COMMANDS_UNAVAILABLE,
		"no memory to ask the workers", "try again in a moment");
}

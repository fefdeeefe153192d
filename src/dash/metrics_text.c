/*
 * Metrics as text (see metrics_text.h).
 *
 * Labels are names of the configuration, of rules, and words of ours: never an
 * address, a user or anything else that a peer chooses, or he could fill the
 * memory of whoever collects. (A server's label is its name as configured.)
 */
#include "metrics_text.h"

#include <event2/buffer.h>
#include <stdbool.h>
#include <stdarg.h>
#include <string.h>

static void head(struct evbuffer *out, const char *name, const char *type,
	const char *help)
{
	(void)evbuffer_add_printf(
		out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value, escaped as the format wants it. */
static void add_value(struct evbuffer *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)evbuffer_add(out, "\\", 1);
		if (*value == '\n')
			(void)evbuffer_add(out, "\\n", 2);
		else
			(void)evbuffer_add(out, value, 1);
	}
}

static void add_label(struct evbuffer *out, const char *before,
	const char *name, const char *value)
{
	(void)evbuffer_add_printf(out, "%s%s=\"", before, name);
	add_value(out, value ? value : "");
	(void)evbuffer_add(out, "\"", 1);
}

static long long integer(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

/* ---- single numbers ---- */

/* "a.b" of an object. */
static const json_t *member_of(const json_t *object, const char *path)
{
	char name[64];

	while (object && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		object = json_object_get(object, name);
		path += n + (path[n] == '.');
	}
	return object;
}

static const struct {
	const char *name, *type, *path, *help;
	int divide; /* what the status counts in one of our unit */
} singles[] = {
#define SINGLE(name, type, path, divide, help) {name, type, path, help, divide},
#include "metrics.def"
#undef SINGLE
};

static void add_singles(struct evbuffer *out, const json_t *status)
{
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		const json_t *value = member_of(status, singles[i].path);

		if (!json_is_integer(value) && !json_is_boolean(value))
			continue;
		head(out, singles[i].name, singles[i].type, singles[i].help);
		if (json_is_boolean(value))
			(void)evbuffer_add_printf(out, "%s %d\n",
				singles[i].name, json_is_true(value));
		else if (singles[i].divide == 1)
			(void)evbuffer_add_printf(out, "%s %lld\n",
				singles[i].name,
				(long long)json_integer_value(value));
		else
			(void)evbuffer_add_printf(out, "%s %.3f\n",
				singles[i].name,
				(double)json_integer_value(value) /
					singles[i].divide);
	}
}

/* ---- numbers with labels ---- */

/* Of each member of an object: its name is the label. */
static void add_members(struct evbuffer *out, const json_t *object,
	const char *name, const char *label, const char *help)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return;
	head(out, name, "counter", help);
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		(void)evbuffer_add_printf(out, "%s{", name);
		add_label(out, "", label, key);
		(void)evbuffer_add_printf(
			out, "} %lld\n", (long long)json_integer_value(value));
	}
}

/* Of each row of an array: its members of these names are the labels. */
static void add_rows(struct evbuffer *out, const json_t *rows, const char *name,
	const char *const labels[3], const char *help)
{
	if (!json_is_array(rows))
		return;
	head(out, name, "counter", help);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *before = "{";

		(void)evbuffer_add_printf(out, "%s", name);
		for (size_t l = 0; l < 3 && labels[l]; l++) {
			add_label(out, before, labels[l],
				json_string_value(
					json_object_get(row, labels[l])));
			before = ",";
		}
		(void)evbuffer_add_printf(
			out, "} %lld\n", integer(row, "count"));
	}
}

static void add_tallies(struct evbuffer *out, const json_t *tallies)
{
	static const char *const listener[3] = {"listener"};
	static const char *const login[3] = {"listener", "mechanism", "result"};
	static const char *const verdict[3] = {"rule", "verdict", "mode"};
	static const char *const handshake[3] = {"leg", "version", "result"};
	static const char *const hook[3] = {"hook", "result"};

	add_rows(out, json_object_get(tallies, "connections"),
		"postern_connections_total", listener,
		"Connections of clients, banned ones as well.");
	add_rows(out, json_object_get(tallies, "logins"), "postern_auth_total",
		login, "Logins by what became of them.");
	add_rows(out, json_object_get(tallies, "verdicts"),
		"postern_verdicts_total", verdict,
		"Verdicts on logins, by the rule that gave them.");
	add_rows(out, json_object_get(tallies, "handshakes"),
		"postern_tls_handshakes_total", handshake,
		"TLS handshakes with clients and with servers.");
	if (json_array_size(json_object_get(tallies, "hooks")) > 0)
		add_rows(out, json_object_get(tallies, "hooks"),
			"postern_hook_total", hook,
			"Events for webhooks and programs, by what became of "
			"them.");
}

static void add_histogram(struct evbuffer *out, const json_t *object,
	const char *name, const char *help)
{
	const json_t *buckets = json_object_get(object, "buckets");

	if (!json_is_array(buckets))
		return;
	head(out, name, "histogram", help);
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		const json_t *bucket = json_array_get(buckets, i);

		(void)evbuffer_add_printf(out, "%s_bucket{le=\"%g\"} %lld\n",
			name,
			(double)json_integer_value(json_array_get(bucket, 0)) /
				1000,
			(long long)json_integer_value(
				json_array_get(bucket, 1)));
	}
	(void)evbuffer_add_printf(out, "%s_bucket{le=\"+Inf\"} %lld\n", name,
		integer(object, "count"));
	(void)evbuffer_add_printf(out, "%s_sum %.3f\n%s_count %lld\n", name,
		(double)integer(object, "sum_ms") / 1000, name,
		integer(object, "count"));
}

/* ---- servers, loops ---- */

static bool same_member(const json_t *a, const json_t *b, const char *member)
{
	return json_equal(
		json_object_get(a, member), json_object_get(b, member));
}

static bool same_server(const json_t *a, const json_t *b)
{
	return same_member(a, b, "backend") && same_member(a, b, "server");
}

enum server_value { VALUE_UP, VALUE_DRAINED, VALUE_SESSIONS };

static long long value_of(const json_t *row, enum server_value what)
{
	const char *state = json_string_value(json_object_get(row, "state"));

	switch (what) {
	case VALUE_UP: return state && strcmp(state, "up") == 0;
	case VALUE_DRAINED:
		return json_is_true(json_object_get(row, "drained"));
	case VALUE_SESSIONS: break;
	}
	return integer(row, "sessions");
}

/*
 * A name may have several addresses, and an address is no label: up is whether
 * any is, sessions are those of all. false from the second row of a name on.
 */
static bool server_value(const json_t *rows, size_t at, enum server_value what,
	long long *ret_value)
{
	const json_t *row = json_array_get(rows, at);
	long long value = 0;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *other = json_array_get(rows, i);
		long long theirs = value_of(other, what);

		if (!same_server(row, other))
			continue;
		if (i < at)
			return false;
		if (what == VALUE_SESSIONS)
			value += theirs;
		else if (theirs > value)
			value = theirs;
	}
	*ret_value = value;
	return true;
}

static void add_server_rows(struct evbuffer *out, const json_t *rows,
	const char *name, enum server_value what, const char *help)
{
	long long value;

	head(out, name, "gauge", help);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		if (!server_value(rows, i, what, &value))
			continue;
		(void)evbuffer_add_printf(out, "%s", name);
		add_label(out, "{", "backend",
			json_string_value(json_object_get(row, "backend")));
		add_label(out, ",", "server",
			json_string_value(json_object_get(row, "server")));
		(void)evbuffer_add_printf(out, "} %lld\n", value);
	}
}

static void add_servers(struct evbuffer *out, const json_t *backends)
{
	const json_t *rows = json_object_get(backends, "backends");

	if (!json_is_array(rows))
		return;
	add_server_rows(out, rows, "postern_backend_up", VALUE_UP,
		"Is the server up, as postern finds it?");
	add_server_rows(out, rows, "postern_backend_drained", VALUE_DRAINED,
		"Was the server drained by an operator?");
	add_server_rows(out, rows, "postern_backend_sessions", VALUE_SESSIONS,
		"Sessions with the server now.");
}

/* ---- lists of others ---- */

/* What is null is not known, and has no line. */
static void add_list_rows(struct evbuffer *out, const json_t *lists,
	const char *name, const char *type, const char *member,
	const char *help)
{
	head(out, name, type, help);
	for (size_t i = 0; i < json_array_size(lists); i++) {
		const json_t *row = json_array_get(lists, i);

		if (!json_is_integer(json_object_get(row, member)))
			continue;
		(void)evbuffer_add_printf(out, "%s", name);
		add_label(out, "{", "list",
			json_string_value(json_object_get(row, "list")));
		(void)evbuffer_add_printf(
			out, "} %lld\n", integer(row, member));
	}
}

static void add_lists(struct evbuffer *out, const json_t *lists)
{
	if (json_array_size(lists) == 0)
		return;
	add_list_rows(out, lists, "postern_list_entries", "gauge", "entries",
		"Entries of a list of others.");
	add_list_rows(out, lists, "postern_list_age_seconds", "gauge", "age_s",
		"Since a list of others was last good.");
	add_list_rows(out, lists, "postern_list_refused_total", "counter",
		"refused", "Times that a list of others was no good.");
}

static void add_loops(struct evbuffer *out, const json_t *status)
{
	static const char name[] = "postern_loop_stall_seconds";
	const json_t *loops = json_object_get(status, "loops");

	if (!json_is_object(loops))
		return;
	head(out, name, "gauge",
		"The longest turn of an event loop since the start.");
	(void)evbuffer_add_printf(out,
		"%s{process=\"worker\"} %.3f\n%s{process=\"keeper\"} %.3f\n",
		name, (double)integer(loops, "worker_stall_ms") / 1000, name,
		(double)integer(loops, "keeper_stall_ms") / 1000);
}

static void add_info(struct evbuffer *out, const json_t *status)
{
	head(out, "postern_up", "gauge", "Does the keeper answer?");
	(void)evbuffer_add_printf(out, "postern_up %d\n", status != NULL);
	if (!status)
		return;
	head(out, "postern_info", "gauge", "The version and the mode.");
	(void)evbuffer_add_printf(out, "postern_info");
	add_label(out, "{", "version",
		json_string_value(json_object_get(status, "version")));
	add_label(out, ",", "mode",
		json_string_value(json_object_get(status, "mode")));
	(void)evbuffer_add_printf(out, "} 1\n");
}

static void add_own(struct evbuffer *out, const struct metrics_own *own)
{
	head(out, "postern_http_requests_total", "counter",
		"Requests to the page, metrics and feeds.");
	(void)evbuffer_add_printf(out, "postern_http_requests_total %llu\n",
		(unsigned long long)own->requests);
	head(out, "postern_http_refused_total", "counter",
		"Connections and requests beyond a limit of the page.");
	(void)evbuffer_add_printf(out, "postern_http_refused_total %llu\n",
		(unsigned long long)own->refused);
	head(out, "postern_http_wrong_tokens_total", "counter",
		"Requests with a wrong token.");
	(void)evbuffer_add_printf(out, "postern_http_wrong_tokens_total %llu\n",
		(unsigned long long)own->wrong_tokens);
	head(out, "postern_http_connections", "gauge",
		"Connections to the page now.");
	(void)evbuffer_add_printf(
		out, "postern_http_connections %u\n", own->connections);
	head(out, "postern_http_watchers", "gauge", "Pages that watch now.");
	(void)evbuffer_add_printf(
		out, "postern_http_watchers %u\n", own->watchers);
}

void metrics_text(struct evbuffer *out, const json_t *status,
	const json_t *tallies, const json_t *backends,
	const struct metrics_own *own)
{
	add_info(out, status);
	add_singles(out, status);
	add_members(out, json_object_get(status, "rules"),
		"postern_rule_hits_total", "rule", "Times that a rule spoke.");
	add_members(out, json_object_get(status, "limits"),
		"postern_limits_total", "limit",
		"Times that a limit of workers was reached.");
	add_loops(out, status);
	add_tallies(out, tallies);
	add_histogram(out, json_object_get(tallies, "replies"),
		"postern_backend_reply_seconds",
		"How long sessions waited for a reply of the server.");
	add_histogram(out, json_object_get(tallies, "firewall_syncs"),
		"postern_firewall_sync_seconds",
		"How long it took to make the kernel equal to the bans.");
	add_servers(out, backends);
	add_lists(out, json_object_get(status, "lists"));
	add_own(out, own);
}

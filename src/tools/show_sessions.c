/*
 * The live sessions, for eyes: a row each, the oldest first, and below how many
 * there are and who did not answer. Called by posternctl.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../base/duration.h"
#include "member.h"
#include "show.h"
#include "table.h"

enum { TEXT_LONGEST = 80 };

static const char *octets(const json_t *row, const char *name, char *out)
{
	static const char units[] = " KMGT";
	uint64_t n = (uint64_t)member_number(row, name);
	size_t unit = 0;

	for (; n >= 100000 && unit + 2 < sizeof(units); unit++)
		n /= 1024;
	if (unit == 0)
		(void)snprintf(out, TEXT_LONGEST, "%" PRIu64, n);
	else
		(void)snprintf(
			out, TEXT_LONGEST, "%" PRIu64 "%c", n, units[unit]);
	return out;
}

/* In the dialogue its own state says more. */
static const char *doing(const json_t *row, char *out)
{
	(void)snprintf(out, TEXT_LONGEST, "%s%s%s", member_text(row, "phase"),
		member_text(row, "state")[0] != '\0' ? " " : "",
		member_text(row, "state"));
	return out;
}

static void add_session(struct table *table, const json_t *row)
{
	char age[DURATION_TEXT_LONGEST], phase[TEXT_LONGEST];
	char in[TEXT_LONGEST], out[TEXT_LONGEST], worker[TEXT_LONGEST];
	const char *cells[] = {
		duration_format(
			(uint64_t)member_number(row, "age_ms") / 1000 * 1000,
			age),
		member_text(row, "address"), member_text(row, "listener"),
		doing(row, phase), member_text(row, "tls"),
		member_text(row, "user"), octets(row, "client_bytes", in),
		octets(row, "server_bytes", out), member_text(row, "server"),
		worker};

	(void)snprintf(
		worker, sizeof(worker), "%" PRId64, member_number(row, "slot"));
	table_add(table, cells);
}

static void print_silent(const json_t *silent)
{
	for (size_t i = 0; i < json_array_size(silent); i++) {
		const json_t *worker = json_array_get(silent, i);

		(void)printf("worker %" PRId64 " (pid %" PRId64
			     ") %s: some of its sessions may be missing\n",
			member_number(worker, "slot"),
			member_number(worker, "pid"),
			json_is_true(json_object_get(worker, "gone"))
				? "has died"
				: "did not answer in time");
	}
}

void show_sessions(const json_t *answer)
{
	static const char *const heads[] = {"AGE", "FROM", "LISTENER", "PHASE",
		"TLS", "USER", "IN", "OUT", "SERVER", "WORKER"};
	const json_t *rows = json_object_get(answer, "sessions");
	struct table *table = NULL;

	if (json_array_size(rows) > 0)
		table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	for (size_t i = 0; table != NULL && i < json_array_size(rows); i++)
		add_session(table, json_array_get(rows, i));
	if (table != NULL) {
		table_print(table, stdout);
		(void)putchar('\n');
	}
	table_free(&table);
	(void)printf("%zu shown of %" PRId64 " that match; %" PRId64
		     " open, %" PRId64 " in the tarpit\n",
		json_array_size(rows), member_number(answer, "matched"),
		member_number(answer, "open"), member_number(answer, "tarpit"));
	print_silent(json_object_get(answer, "silent"));
}

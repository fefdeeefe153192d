/*
 * What a keeper costs: memory with many sources, and the time to begin with a
 * full store. A whole keeper in a child; this is its worker.
 *
 *	keeperload sources N     N sources fail once each
 *	keeperload store B P J   begins with B bans, P passports, J journal rows
 *	                         and looks a source up in the journal
 *
 * Numbers are of the machine that it runs on; docs/store.md has ours.
 */
#include <sqlite3.h>

#include "../../src/base/clock.h"
#include "../unit/keeper_world.h"

enum { IN_FLIGHT = 256 };

static size_t status_kib(const char *member)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)keeper_pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, member, strlen(member)) == 0)
			kib = strtoul(line + strlen(member), NULL, 10);
	fclose(file);
	return kib;
}

/* The n-th of 2001:db8::/32, a /64 each. */
static struct addr source(uint32_t n)
{
	struct addr a = addr("2001:db8::1");

	for (unsigned i = 0; i < 4; i++)
		a.octets[4 + i] = (uint8_t)(n >> (24 - 8 * i));
	return a;
}

static void hear_all(unsigned count)
{
	heard_count = 0;
	while (heard_count < count)
		receive(worker);
}

static void fail_once_each(uint32_t first)
{
	for (uint32_t i = 0; i < IN_FLIGHT; i++) {
		const struct message_ask body = {
			.attempt = first + i,
			.addr = source(first + i),
			.secret_tag = first + i + 1,
			.session = first + i + 1,
			.user_n = 4,
			.user = "anna",
		};

		(void)channel_send(worker, MESSAGE_ASK, &body, sizeof(body));
	}
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	hear_all(IN_FLIGHT);
	for (uint32_t i = 0; i < IN_FLIGHT; i++) {
		const struct message_settle body = {
			.attempt = first + i,
			.addr = source(first + i),
			.session = first + i + 1,
			.outcome = OUTCOME_FAILED,
			.code = 535,
		};

		(void)channel_send(worker, MESSAGE_SETTLE, &body, sizeof(body));
	}
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	hear_all(IN_FLIGHT);
}

static void sources(uint32_t count)
{
	uint64_t before;
	json_t *answer;

	set_conf("mode = enforce sources_most = 1048576");
	start_keeper();
	start_worker();
	printf("empty: %zu MiB\n", status_kib("VmRSS:") / 1024);
	before = clock_mono_us();
	for (uint32_t n = 0; n < count; n += IN_FLIGHT)
		fail_once_each(n);
	answer = ask("{'command':'status'}");
	printf("%u sources: %zu MiB, %.1f us each\n",
		(unsigned)number_in(answer, "sources"),
		status_kib("VmRSS:") / 1024,
		(double)(clock_mono_us() - before) / count);
	answer = json_object_get(answer, "store");
	printf("journal: %u written, %u waiting, %u shed\n",
		(unsigned)number_in(answer, "journal_written"),
		(unsigned)number_in(answer, "journal_waiting"),
		(unsigned)number_in(answer, "journal_shed"));
	before = clock_mono_us();
	answer = ask("{'command':'explain','subject':'2001:db8:0:7::1'}");
	printf("explain: %u events in %u ms\n",
		(unsigned)json_array_size(json_object_get(answer, "events")),
		(unsigned)((clock_mono_us() - before) / 1000));
}

static void fill(unsigned bans, unsigned passports, unsigned rows)
{
	char path[128], text[1024];
	sqlite3 *db;

	set_conf("");
	start_keeper(); /* makes the tables */
	end_keeper(SIGTERM);
	close_ends();
	snprintf(path, sizeof(path), "%s/postern.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(text, sizeof(text),
		"BEGIN;"
		"WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE"
		" i + 1 < %u) INSERT INTO ban (prefix, since, until, rule,"
		" repeat_count, failure_count, note) SELECT "
		"format('10.%%d.%%d.%%d',"
		" i >> 16, i >> 8 & 255, i & 255), unixepoch(), unixepoch() +"
		" 3600, 'source-limit', 0, 5, '' FROM n;"
		"WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE"
		" i + 1 < %u) INSERT INTO passport SELECT format('user%%d', i),"
		" format('172.%%d.%%d.0/24', 16 + (i >> 8), i & 255),"
		" unixepoch(), unixepoch() + 86400, unixepoch() FROM n;"
		"WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE"
		" i + 1 < %u) INSERT INTO journal (at, now, kind, addr, user,"
		" tag, attempt, outcome, verdict, mode, failures, wait, code)"
		" SELECT unixepoch(), i, 'auth-settled', "
		"format('192.0.%%d.%%d',"
		" i >> 8 & 255, i & 255), 'anna', '0123456789abcdef', i,"
		" 'failed', 'delay', 'enforce', 1, 1000, 535 FROM n;"
		"COMMIT;",
		bans, passports, rows);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void store(unsigned bans, unsigned passports, unsigned rows)
{
	uint64_t before;
	json_t *answer;

	fill(bans, passports, rows);
	before = clock_mono_us();
	start_keeper();
	printf("%u bans, %u passports, %u rows: serves after %u ms\n", bans,
		passports, rows, (unsigned)((clock_mono_us() - before) / 1000));
	before = clock_mono_us();
	answer = ask("{'command':'explain','subject':'192.0.2.7'}");
	printf("explain: %u events in %u ms, journal %s\n",
		(unsigned)json_array_size(json_object_get(answer, "events")),
		(unsigned)((clock_mono_us() - before) / 1000),
		json_is_true(json_object_get(answer, "journal")) ? "read"
								 : "not read");
	answer = ask("{'command':'status'}");
	printf("in force: %u\n", (unsigned)number_in(answer, "bans"));
}

int main(int argc, char **argv)
{
	char command[128];

	strcpy(dir, "/tmp/postern-load-XXXXXX");
	assert_non_null(mkdtemp(dir));
	firewall_fd = -1;
	if (argc == 3 && strcmp(argv[1], "sources") == 0)
		sources((uint32_t)strtoul(argv[2], NULL, 10));
	else if (argc == 5 && strcmp(argv[1], "store") == 0)
		store((unsigned)strtoul(argv[2], NULL, 10),
			(unsigned)strtoul(argv[3], NULL, 10),
			(unsigned)strtoul(argv[4], NULL, 10));
	else
		return 2;
	end_keeper(SIGTERM);
	close_ends();
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : 1;
}

/* The control socket: what operators may say, and what they hear. */
#include <sqlite3.h>

#include "keeper_world.h"

static void explain_tells_the_story_and_the_way_out(void **state)
{
	const json_t *events, *event;
	json_t *answer;

	fail_three_times("203.0.113.7");
	answer = ask("{'command':'explain','subject':'203.0.113.7'}");
	assert_true(json_is_true(json_object_get(answer, "banned")));
	assert_string_equal(
		text_in(answer, "lift"), "posternctl bans del 203.0.113.7");
	assert_string_equal(text_in(json_object_get(answer, "ban"), "rule"),
		"source-limit");
	events = json_object_get(answer, "events");
	assert_int_equal(json_array_size(events), 4);
	event = json_array_get(events, 0);
	assert_string_equal(text_in(event, "event"), "auth-failed");
	assert_string_equal(text_in(event, "user"), "anna");
	assert_int_equal(number_in(event, "code"), 535);
	assert_string_equal(text_in(json_array_get(events, 3), "event"), "ban");
	json_decref(answer);
}

static void send_refusal(const char *from, uint64_t session)
{
	struct message_note note = {
		.addr = addr(from),
		.session = session,
		.kind = NOTE_REFUSAL,
	};

	assert_int_equal(
		channel_send(worker, MESSAGE_NOTE, &note, sizeof(note)),
		CHANNEL_OK);
	(void)begin(from, "x"); /* answered after the note */
}

static json_t *explain(const char *subject)
{
	char request[128];

	snprintf(request, sizeof(request),
		"{'command':'explain','subject':'%s'}", subject);
	return ask(request);
}

static void restart(void)
{
	assert_int_equal(end_keeper(SIGTERM), 0);
	close_ends();
	start_keeper();
	start_worker();
}

static void reference_leads_to_the_address(void **state)
{
	const uint64_t session = 0x123456789abcdef0;
	char text[REFERENCE_TEXT_LONGEST];
	json_t *answer;

	send_refusal("203.0.113.9", session);
	answer = explain(reference_format(session, text));
	assert_string_equal(text_in(answer, "address"), "203.0.113.9");
	json_decref(answer);
	assert_refused("{'command':'explain','subject':'ZZZZ'}", "not-found",
		"no refusal", "log");
	assert_refused("{'command':'explain','subject':'no!'}", "not-found",
		"no login of a user", "journal.keep");
}

/* What memory had is gone; the journal knows. */
static void reference_is_explained_after_a_restart(void **state)
{
	char text[REFERENCE_TEXT_LONGEST];
	const json_t *event;
	json_t *answer;

	fail_three_times("203.0.113.7");
	assert_int_equal(begin("203.0.113.7", "anna")->kind, VERDICT_TURN_AWAY);
	send_refusal("203.0.113.9", 0x123456789abcdef0);
	restart();
	answer = explain(reference_format(77, text)); /* of the harness */
	assert_string_equal(text_in(answer, "address"), "203.0.113.7");
	assert_true(json_is_true(json_object_get(answer, "banned")));
	assert_string_equal(
		text_in(answer, "lift"), "posternctl bans del 203.0.113.7");
	assert_int_equal(json_array_size(json_object_get(answer, "events")), 4);
	event = json_array_get(json_object_get(answer, "events"), 3);
	assert_string_equal(text_in(event, "event"), "turned-away");
	assert_string_equal(text_in(event, "rule"), "banned");
	json_decref(answer);
	answer = explain(reference_format(0x123456789abcdef0, text));
	assert_string_equal(text_in(answer, "address"), "203.0.113.9");
	json_decref(answer);
}

static void address_keeps_its_story_after_a_restart(void **state)
{
	const json_t *events;
	json_t *answer;

	fail_three_times("203.0.113.7");
	assert_ok("{'command':'bans.add','prefix':'203.0.113.0/24'}");
	restart();
	answer = explain("203.0.113.7");
	assert_true(json_is_true(json_object_get(answer, "journal")));
	events = json_object_get(answer, "events");
	/* Three failures, the ban, the order and what it brought. */
	assert_int_equal(json_array_size(events), 6);
	assert_string_equal(text_in(json_array_get(events, 0), "user"), "anna");
	assert_int_equal(number_in(json_array_get(events, 0), "code"), 535);
	assert_string_equal(text_in(json_array_get(events, 3), "event"), "ban");
	assert_string_equal(
		text_in(json_array_get(events, 3), "rule"), "source-limit");
	assert_string_equal(
		text_in(json_array_get(events, 5), "prefix"), "203.0.113.0/24");
	assert_non_null(strstr(text_in(answer, "summary"), "is banned"));
	json_decref(answer);
}

static void user_is_explained_place_by_place(void **state)
{
	const json_t *place;
	json_t *answer;

	fail_three_times("203.0.113.7");
	(void)begin("192.0.2.1", "Anna@example.com");
	(void)settle("192.0.2.1", OUTCOME_OK);
	(void)begin("192.0.2.1", "berta");
	(void)settle("192.0.2.1", OUTCOME_OK);
	answer = explain("anna");
	assert_string_equal(text_in(answer, "user"), "anna");
	assert_int_equal(json_array_size(json_object_get(answer, "places")), 2);
	place = json_array_get(json_object_get(answer, "places"), 0);
	assert_string_equal(text_in(place, "source"), "192.0.2.1");
	assert_int_equal(number_in(place, "successes"), 1);
	place = json_array_get(json_object_get(answer, "places"), 1);
	assert_string_equal(text_in(place, "source"), "203.0.113.7");
	assert_int_equal(number_in(place, "failures"), 3);
	json_decref(answer);
}

static void passport_of_the_store_is_shown_of_its_user(void **state)
{
	static const char text[] =
		"INSERT INTO passport VALUES ('anna', '192.0.2.0/24',"
		" unixepoch() - 9, unixepoch() + 900, unixepoch() - 5)";
	const json_t *passport;
	char path[128];
	json_t *answer;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/postern.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, WAIT_MS);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	answer = explain("Anna");
	passport = json_array_get(json_object_get(answer, "passports"), 0);
	assert_string_equal(text_in(passport, "prefix"), "192.0.2.0/24");
	assert_int_equal(
		number_in(passport, "until") - number_in(passport, "since"),
		909);
	json_decref(answer);
}

static void shielded_user_is_explained_and_forgotten(void **state)
{
	static const char *const from[] = {"203.0.113.7", "192.0.2.1"};
	const json_t *about;
	json_t *answer;

	assert_int_equal(end_keeper(SIGTERM), 0);
	close_ends();
	strcat(conf_text, "lockout_shield { lockout = 3 spare = 1 }\n");
	start_keeper();
	start_worker();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(begin(from[i], "anna")->kind, VERDICT_PASS);
		(void)settle(from[i], OUTCOME_FAILED);
	}
	assert_int_equal(
		begin("198.51.100.1", "anna")->kind, VERDICT_ANSWER_TEMPORARY);
	answer = explain("Anna");
	about = json_object_get(answer, "state");
	assert_int_equal(number_in(about, "server_failures"), 2);
	assert_int_equal(number_in(about, "lockout"), 3);
	assert_int_equal(number_in(about, "refused_pairs"), 2);
	assert_true(json_is_true(json_object_get(about, "shielded")));
	assert_string_equal(
		text_in(answer, "lift"), "posternctl user forget 'Anna'");
	json_decref(answer);
	assert_ok("{'command':'user.forget','user':'Anna'}");
	assert_refused("{'command':'user.forget'}", "usage", "no user", "name");
	answer = explain("anna");
	about = json_object_get(answer, "state");
	assert_true(json_is_false(json_object_get(about, "shielded")));
	assert_true(json_is_integer(json_object_get(about, "released_until")));
	assert_null(json_object_get(answer, "lift"));
	assert_int_equal(number_in(about, "refused_pairs"), 0);
	json_decref(answer);
	assert_int_equal(begin("198.51.100.1", "anna")->kind, VERDICT_PASS);
}

/* No folder, no journal: memory answers at once. */
static void address_is_explained_without_a_store(void **state)
{
	json_t *answer;
	char command[256];

	assert_int_equal(end_keeper(SIGTERM), 0);
	close_ends();
	snprintf(command, sizeof(command),
		"rm -f '%s'/postern.db*; mkdir '%s'/postern.db", dir, dir);
	assert_int_equal(system(command), 0);
	start_keeper();
	start_worker();
	fail_three_times("203.0.113.7");
	answer = explain("203.0.113.7");
	assert_true(json_is_false(json_object_get(answer, "journal")));
	assert_int_equal(json_array_size(json_object_get(answer, "events")), 4);
	json_decref(answer);
	assert_refused("{'command':'explain','subject':'ZZZZZZZZZZZZ'}",
		"unavailable", "cannot be read", "posternctl status");
}

static void days_are_counted_and_outlive_a_restart(void **state)
{
	const json_t *day;
	json_t *answer;

	fail_three_times("203.0.113.7");
	(void)begin("203.0.113.7", "anna"); /* turned away */
	(void)begin("192.0.2.1", "berta");
	(void)settle("192.0.2.1", OUTCOME_OK);
	restart();
	assert_ok("{'command':'bans.del','prefix':'203.0.113.7'}");
	(void)begin("203.0.113.7", "anna");
	(void)settle("203.0.113.7", OUTCOME_OK);
	answer = ask("{'command':'days'}");
	day = json_array_get(json_object_get(answer, "days"), 0);
	assert_int_equal(number_in(day, "guesses"), 4);
	assert_int_equal(number_in(day, "guesses_passed"), 3);
	assert_int_equal(number_in(day, "successes"), 2);
	assert_int_equal(number_in(day, "sources"), 2);
	assert_int_equal(
		number_in(json_object_get(day, "bans"), "source-limit"), 1);
	json_decref(answer);
}

/* She was refused, and then she came in from there. */
static void refused_one_who_comes_in_was_hurt(void **state)
{
	json_t *answer;

	fail_three_times("203.0.113.7");
	(void)begin("203.0.113.7", "anna");
	assert_ok("{'command':'bans.del','prefix':'203.0.113.7'}");
	(void)begin("203.0.113.7", "berta");
	(void)settle("203.0.113.7", OUTCOME_OK);
	(void)begin("203.0.113.7", "Anna");
	(void)settle("203.0.113.7", OUTCOME_OK);
	answer = ask("{'command':'days','days':1}");
	assert_int_equal(json_array_size(json_object_get(answer, "days")), 1);
	assert_int_equal(
		number_in(json_array_get(json_object_get(answer, "days"), 0),
			"people_hurt"),
		1);
	json_decref(answer);
}

static void operator_bans_lists_and_lifts(void **state)
{
	json_t *answer;
	const json_t *ban;

	answer = ask("{'command':'bans.add','prefix':'192.0.2.0/24',"
		     "'for':'1h','reason':'noise'}");
	ban = json_object_get(answer, "ban");
	assert_string_equal(text_in(ban, "prefix"), "192.0.2.0/24");
	assert_string_equal(text_in(ban, "note"), "noise");
	assert_in_range(number_in(ban, "left_s"), 3590, 3600);
	json_decref(answer);
	(void)expect(MESSAGE_BAN);
	assert_refused("{'command':'bans.del','prefix':'192.0.2.7'}",
		"not-found", "banned by 192.0.2.0/24",
		"posternctl bans del 192.0.2.0/24");
	assert_ok("{'command':'bans.del','prefix':'192.0.2.0/24'}");
	(void)expect(MESSAGE_UNBAN);
	assert_refused("{'command':'bans.del','prefix':'192.0.2.0/24'}",
		"not-found", "not banned", "bans list");
}

static void flush_lifts_more_than_one_turn_can_tell(void **state)
{
	enum { MANY = 1000 };
	json_t *answer;
	int fd = connect_control();
	unsigned unbans = 0;

	for (int i = 0; i < MANY; i++) {
		char line[100];
		int n = snprintf(line, sizeof(line),
			"{\"command\":\"bans.add\",\"prefix\":\"10.1.%d.%d\"}"
			"\n",
			i / 250, i % 250);

		assert_int_equal(send(fd, line, (size_t)n, 0), n);
		json_decref(read_answer(fd));
	}
	close(fd);
	assert_int_equal(bans_listed(LIST_BANS), MANY);
	answer = ask("{'command':'bans.flush'}");
	assert_int_equal(number_in(answer, "lifted"), MANY);
	json_decref(answer);
	assert_int_equal(bans_listed(LIST_BANS), 0);
	while (unbans < MANY) {
		unbans = 0;
		receive(worker);
		for (unsigned i = 0; i < heard_count; i++)
			unbans += heard[i].type == MESSAGE_UNBAN;
	}
}

static void long_list_comes_in_pages(void **state)
{
	json_t *answer;
	char request[100];

	assert_ok("{'command':'bans.add','prefix':'192.0.2.1'}");
	assert_ok("{'command':'bans.add','prefix':'192.0.2.2'}");
	assert_ok("{'command':'bans.add','prefix':'192.0.2.3'}");
	answer = ask("{'command':'bans.list','limit':2}");
	assert_int_equal(json_array_size(json_object_get(answer, "bans")), 2);
	assert_int_equal(number_in(answer, "total"), 3);
	snprintf(request, sizeof(request),
		"{'command':'bans.list','limit':2,'cursor':%d}",
		(int)number_in(answer, "next"));
	json_decref(answer);
	answer = ask(request);
	assert_int_equal(json_array_size(json_object_get(answer, "bans")), 1);
	assert_true(json_is_null(json_object_get(answer, "next")));
	json_decref(answer);
}

static void allow_lifts_the_ban_and_spares(void **state)
{
	fail_three_times("203.0.113.7");
	assert_ok("{'command':'allow.add','prefix':'203.0.113.0/24',"
		  "'reason':'office'}");
	(void)expect(MESSAGE_UNBAN);
	(void)expect(MESSAGE_ALLOW);
	assert_int_equal(begin("203.0.113.7", "x")->kind, VERDICT_PASS);
	assert_refused("{'command':'bans.add','prefix':'203.0.113.7'}",
		"refused", "allow list", "allow list");
	assert_ok("{'command':'allow.del','prefix':'203.0.113.0/24'}");
	(void)expect(MESSAGE_DISALLOW);
	assert_refused("{'command':'allow.del','prefix':'203.0.113.0/24'}",
		"not-found", "not on the allow list", "allow list");
	assert_refused("{'command':'allow.del','prefix':'127.0.0.0/8'}",
		"refused", "our own", "always");
}

static void wrong_requests_get_an_error_each(void **state)
{
	static const struct {
		const char *request, *code, *error;
	} table[] = {
		{"", "usage", "not a JSON object"},
		{"[]", "usage", "not a JSON object"},
		{"{", "usage", "not a JSON object"},
		{"{}", "usage", "no such command"},
		{"{'command':5}", "usage", "no such command"},
		{"{'command':'status','command':'status'}", "usage",
			"not a JSON object"},
		{"{'command':'bans.add'}", "usage", "no prefix"},
		{"{'command':'bans.add','prefix':7}", "usage", "no prefix"},
		{"{'command':'bans.add','prefix':'host'}", "usage", "not an"},
		{"{'command':'bans.add','prefix':'0.0.0.0/0'}", "refused",
			"too wide"},
		{"{'command':'bans.add','prefix':'::/0'}", "refused",
			"too wide"},
		{"{'command':'bans.add','prefix':'10.0.0.0/7'}", "refused",
			"too wide"},
		{"{'command':'allow.add','prefix':'2000::/3'}", "refused",
			"too wide"},
		{"{'command':'bans.add','prefix':'192.0.2.1','for':'5'}",
			"usage", "span"},
		{"{'command':'bans.add','prefix':'192.0.2.1','for':'-1h'}",
			"usage", "span"},
		{"{'command':'bans.add','prefix':'192.0.2.1','for':'99999d'}",
			"usage", "span"},
		{"{'command':'bans.list','rule':'nonsense'}", "usage",
			"no rule"},
		{"{'command':'explain'}", "usage", "nothing"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_refused(
			table[i].request, table[i].code, table[i].error, "");
	assert_ok("{'command':'status'}");
}

/* Cut to be shown: half a character would be no JSON, and no answer. */
static void long_foreign_words_are_refused_like_others(void **state)
{
	enum { A_LOT = 45 };
	static const char *const requests[] = {
		"'command':'bans.del','prefix'",
		"'command':'bans.add','prefix'",
		"'command':'allow.del','prefix'",
		"'command':'bans.list','rule'",
		"'command':'bans.add','prefix':'192.0.2.1','for'",
	};
	char word[4 + A_LOT * 2], line[sizeof(word) + 100];

	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24'}");
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (size_t skip = 0; skip < 4; skip++) {
			size_t at = skip;

			memset(word, 'a', skip);
			for (int n = 0; n < A_LOT; n++, at += 2)
				memcpy(word + at, "\xc3\xa9", 2);
			word[at] = '\0';
			snprintf(line, sizeof(line), "{%s:'%s'}", requests[i],
				word);
			assert_refused(line, "usage", "\xc3\xa9\"", "");
		}
	assert_int_equal(bans_listed(LIST_BANS), 1);
}

static void line_of_4096_octets_is_the_longest(void **state)
{
	static char line[8192];
	json_t *answer;

	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"command\":\"version\"}", 21);
	line[CONTROL_LINE_LONGEST - 1] = '\n';
	answer = ask_raw(line, CONTROL_LINE_LONGEST);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	line[CONTROL_LINE_LONGEST - 1] = ' ';
	line[CONTROL_LINE_LONGEST] = '\n';
	answer = ask_raw(line, CONTROL_LINE_LONGEST + 1);
	assert_string_equal(text_in(answer, "code"), "usage");
	json_decref(answer);
	line[CONTROL_LINE_LONGEST] = ' '; /* no end at all */
	answer = ask_raw(line, sizeof(line));
	assert_string_equal(text_in(answer, "code"), "usage");
	json_decref(answer);
}

static void request_octet_by_octet_is_one_request(void **state)
{
	static const char text[] = "{\"command\":\"version\"}\n";
	int fd = connect_control();
	json_t *answer;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(send(fd, text + i, 1, 0), 1);
	answer = read_answer(fd);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	close(fd);
}

/* NULL: one client too many. */
static json_t *try_status(int fd)
{
	static const char ask[] = "{\"command\":\"status\"}\n";
	json_t *answer;

	(void)send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL);
	answer = read_answer(fd);
	assert_non_null(answer);
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	json_decref(answer);
	return NULL;
}

static void client_beyond_the_limit_hears_why(void **state)
{
	int fds[CONTROL_CLIENTS_MOST], surplus, refused = 1;
	json_t *answer;

	for (int i = 0; i < CONTROL_CLIENTS_MOST; i++)
		fds[i] = connect_control();
	surplus = connect_control();
	answer = read_answer(surplus);
	assert_string_equal(text_in(answer, "code"), "unavailable");
	json_decref(answer);
	assert_null(read_answer(surplus)); /* and is closed */
	close(surplus);
	close(fds[0]);
	do { /* until the keeper has seen that one left */
		fds[0] = connect_control();
		answer = try_status(fds[0]);
		refused += answer == NULL;
		if (answer == NULL)
			close(fds[0]);
	} while (answer == NULL);
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(answer, "control"), "refused")),
		refused);
	json_decref(answer);
	for (int i = 0; i < CONTROL_CLIENTS_MOST; i++)
		close(fds[i]);
}

static void reload_asks_the_supervisor_and_tells_all_who_wait(void **state)
{
	static const char text[] = "{\"command\":\"reload\"}\n";
	static struct message_text done = {.ok = 1, .n = 7, .text = "a: 1->2"};
	int one = connect_control(), two = connect_control();
	json_t *answer;

	assert_int_equal(
		send(one, text, sizeof(text) - 1, 0), sizeof(text) - 1);
	assert_int_equal(
		send(two, text, sizeof(text) - 1, 0), sizeof(text) - 1);
	heard_count = 0;
	while (heard_count < 2)
		receive(supervisor);
	assert_int_equal(heard[0].type, MESSAGE_RELOAD_ASK);
	assert_int_equal(channel_send(supervisor, MESSAGE_RELOAD_DONE, &done,
				 sizeof(done)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(supervisor), CHANNEL_OK);
	answer = read_answer(one);
	assert_string_equal(text_in(answer, "text"), "a: 1->2");
	json_decref(answer);
	answer = read_answer(two);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	close(one);
	close(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(explain_tells_the_story_and_the_way_out),
		KEEPER_TEST(reference_leads_to_the_address),
		KEEPER_TEST(reference_is_explained_after_a_restart),
		KEEPER_TEST(address_keeps_its_story_after_a_restart),
		KEEPER_TEST(user_is_explained_place_by_place),
		KEEPER_TEST(passport_of_the_store_is_shown_of_its_user),
		KEEPER_TEST(shielded_user_is_explained_and_forgotten),
		KEEPER_TEST(address_is_explained_without_a_store),
		KEEPER_TEST(days_are_counted_and_outlive_a_restart),
		KEEPER_TEST(refused_one_who_comes_in_was_hurt),
		KEEPER_TEST(operator_bans_lists_and_lifts),
		KEEPER_TEST(flush_lifts_more_than_one_turn_can_tell),
		KEEPER_TEST(long_list_comes_in_pages),
		KEEPER_TEST(allow_lifts_the_ban_and_spares),
		KEEPER_TEST(wrong_requests_get_an_error_each),
		KEEPER_TEST(long_foreign_words_are_refused_like_others),
		KEEPER_TEST(line_of_4096_octets_is_the_longest),
		KEEPER_TEST(request_octet_by_octet_is_one_request),
		KEEPER_TEST(client_beyond_the_limit_hears_why),
		KEEPER_TEST(reload_asks_the_supervisor_and_tells_all_who_wait),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

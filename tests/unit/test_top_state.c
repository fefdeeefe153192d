/*
 * What `posternctl top` shows: rows, filter, cursor, questions, rates, head.
 */
#include "../../src/tools/top_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 100000, SECOND = 1000, HEAD_LONGEST = 4096 };

static json_t *parse(const char *text)
{
	json_t *object = json_loads(text, 0, NULL);

	if (object == NULL)
		fail_msg("no JSON: %s", text);
	return object;
}

static void take(
	struct top_state *state, enum top_topic topic, const char *text)
{
	assert_true(top_state_take(state, topic, parse(text), SECOND));
}

#define BAN_OF_A                                                               \
	"{\"prefix\":\"192.0.2.0/24\",\"since\":99000,\"until\":101798,"       \
	"\"left_s\":1798,\"rule\":\"prefix-limit\",\"text\":\"many\","         \
	"\"acts\":\"login\",\"repeat\":0,\"failures\":9,\"note\":\"\"}"
#define BAN_OF_B                                                               \
	"{\"prefix\":\"198.51.100.9\",\"since\":99000,\"until\":null,"         \
	"\"left_s\":null,\"rule\":\"operator\",\"text\":\"by hand\","          \
	"\"acts\":\"connection\",\"repeat\":0,\"failures\":0,"                 \
	"\"note\":\"it \\u001b[31m\"}"

static const char watched[] =
	"{\"ok\":true,\"now\":100000,\"serial\":4,\"started\":1,\"pid\":7,"
	"\"guessing\":3,\"hurt\":0,\"people\":[],"
	"\"guessers\":["
	"{\"source\":\"192.0.2.7\",\"guesses\":9,\"since\":1,\"last\":99998,"
	"\"user\":\"anna\",\"banned\":true,\"ban\":" BAN_OF_A "},"
	"{\"source\":\"203.0.113.1\",\"guesses\":5,\"since\":1,\"last\":99990,"
	"\"user\":\"\\\\x1b]0;x\",\"banned\":false,\"ban\":null},"
	"{\"source\":\"2001:db8::/64\",\"guesses\":2,\"since\":1,"
	"\"last\":99940,\"user\":\"Otto\",\"banned\":false,\"ban\":null}],"
	"\"decisions\":[{\"id\":2,\"at\":99995,\"kind\":\"ban\","
	"\"prefix\":\"192.0.2.0/24\",\"user\":\"\",\"rule\":\"prefix-limit\","
	"\"text\":\"many\"},{\"id\":1,\"at\":99700,\"kind\":\"alarm\","
	"\"prefix\":\"\",\"user\":\"anna\",\"rule\":\"compromise\","
	"\"text\":\"anna may be lost\"}]}";
static const char banned[] =
	"{\"ok\":true,\"serial\":4,\"started\":1,\"pid\":7,\"total\":2,"
	"\"bans\":[" BAN_OF_A "," BAN_OF_B "]}";
static const char servers[] =
	"{\"ok\":true,\"backends\":["
	"{\"backend\":\"domino\",\"server\":\"a\",\"address\":\"10.0.0.1:25\","
	"\"state\":\"up\",\"drained\":false,\"sessions\":3,\"since\":99000,"
	"\"why\":\"\"},"
	"{\"backend\":\"domino\",\"server\":\"b\",\"address\":\"10.0.0.2:25\","
	"\"state\":\"down\",\"drained\":false,\"sessions\":0,\"since\":99000,"
	"\"why\":\"refused\"}]}";

static const char sessions[] =
	"{\"ok\":true,\"matched\":3,\"silent\":[],\"sessions\":["
	"{\"ref\":\"A\",\"age_ms\":125900,\"slot\":1,\"pid\":9,"
	"\"address\":\"192.0.2.7\",\"port\":4000,\"listener\":\"mx\","
	"\"phase\":\"dialog\",\"state\":\"data\",\"tls\":\"TLSv1.3\","
	"\"user\":\"anna\\u001b\",\"client_bytes\":9999,"
	"\"server_bytes\":12000,\"server\":\"10.0.0.1:25\","
	"\"tarpit\":false},"
	"{\"ref\":\"\",\"age_ms\":900,\"address\":\"2001:db8::7\","
	"\"port\":1,\"listener\":\"mx\",\"phase\":\"tarpit\","
	"\"state\":\"\",\"tls\":\"\",\"user\":\"\","
	"\"client_bytes\":0,\"server_bytes\":0,\"server\":\"\","
	"\"tarpit\":true},"
	"{\"ref\":\"B\",\"age_ms\":1,\"address\":\"192.0.2.7\","
	"\"port\":4001}]}";

static int set_up(void **state)
{
	static struct top_state one;

	one = (struct top_state){.pane = TOP_PANE_ATTACK};
	take(&one, TOP_WATCH, watched);
	take(&one, TOP_BANS, banned);
	take(&one, TOP_BACKENDS, servers);
	*state = &one;
	return 0;
}

static int tear_down(void **state)
{
	top_state_done(*state);
	return 0;
}

/* ---- rows ---- */

static const char *cell(const struct top_state *state, size_t row, size_t i)
{
	assert_true(row < state->rows.count);
	return state->rows.all[row].cells[i];
}

static void attack_has_the_order_of_the_answer(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	assert_int_equal(one->rows.count, 3);
	assert_string_equal(cell(one, 0, 0), "192.0.2.7");
	assert_string_equal(cell(one, 0, 1), "9");
	assert_string_equal(cell(one, 0, 2), "2s");
	assert_string_equal(cell(one, 0, 3), "anna");
	assert_string_equal(cell(one, 0, 4), "no login 29m 58s");
	assert_string_equal(cell(one, 0, 5), "prefix-limit");
	assert_string_equal(cell(one, 1, 3), "\\x1b]0;x");
	assert_string_equal(cell(one, 1, 4), "guesses");
	assert_string_equal(cell(one, 2, 0), "2001:db8::/64");
	assert_string_equal(one->rows.all[0].ban, "192.0.2.0/24");
	assert_string_equal(one->rows.all[1].ban, "");
}

static void bans_say_what_is_left_and_why(void **state)
{
	struct top_state *one = *state;

	top_state_show(one, TOP_PANE_BANS);
	top_state_fill(one, NOW + 8);
	assert_int_equal(one->rows.count, 2);
	assert_string_equal(cell(one, 0, 1), "29m 50s");
	assert_string_equal(cell(one, 0, 5), "login");
	assert_string_equal(cell(one, 0, 6), "many");
	assert_string_equal(cell(one, 1, 1), "ever");
	assert_string_equal(cell(one, 1, 5), "all");
	assert_string_equal(cell(one, 1, 6), "it \\x1b[31m");
	top_state_fill(one, NOW * 2); /* over, and not yet told */
	assert_string_equal(cell(one, 0, 1), "0s");
}

static void sessions_say_who_does_what(void **state)
{
	struct top_state *one = *state;

	top_state_show(one, TOP_PANE_SESSIONS);
	assert_string_equal(top_pane_empty(one->pane, one->answers), "asking");
	take(one, TOP_SESSIONS, sessions);
	top_state_fill(one, NOW);
	assert_int_equal(one->rows.count, 3);
	assert_string_equal(cell(one, 0, 0), "2m 5s");
	assert_string_equal(cell(one, 0, 1), "192.0.2.7");
	assert_string_equal(cell(one, 0, 2), "anna\\x1b");
	assert_string_equal(cell(one, 0, 3), "data");
	assert_string_equal(cell(one, 0, 5), "TLSv1.3");
	assert_string_equal(cell(one, 0, 6), "9999");
	assert_string_equal(cell(one, 0, 7), "11K");
	assert_string_equal(cell(one, 1, 3), "tarpit");
	assert_int_equal(one->rows.all[1].mood, TOP_DIM);
	assert_string_equal(one->rows.all[1].source, "2001:db8::7");
	/* Two of one address are two, by their ports. */
	assert_string_not_equal(one->rows.all[0].key, one->rows.all[2].key);
	take(one, TOP_CONFIG, "{\"ok\":true,\"source_limit\":{\"ban\":60000}}");
	assert_true(top_state_ask_ban(one));
	assert_string_equal(one->question, "Ban 192.0.2.7 for 1m? y/n");
	/* What was, is not shown when somebody looks again. */
	top_state_show(one, TOP_PANE_BANS);
	assert_false(top_state_take(
		one, TOP_SESSIONS, parse(sessions), SECOND)); /* too late */
	top_state_show(one, TOP_PANE_SESSIONS);
	top_state_fill(one, NOW);
	assert_int_equal(one->rows.count, 0);
}

static void servers_that_are_down_come_first(void **state)
{
	struct top_state *one = *state;

	top_state_show(one, TOP_PANE_SERVERS);
	top_state_fill(one, NOW);
	assert_int_equal(one->rows.count, 2);
	assert_string_equal(cell(one, 0, 0), "10.0.0.2:25");
	assert_string_equal(cell(one, 0, 5), "refused");
	assert_int_equal(one->rows.all[0].mood, TOP_BAD);
	assert_string_equal(cell(one, 1, 0), "10.0.0.1:25");
}

static void filter_looks_into_all_cells_whatever_the_case(void **state)
{
	static const struct {
		const char *filter;
		size_t count;
	} cases[] = {{"", 3}, {"OTTO", 1}, {"192.0", 1}, {"prefix-", 1},
		{"guesses", 2}, {"nobody", 0}, {"\\x1b", 1}};
	struct top_state *one = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)strcpy(one->filter, cases[i].filter);
		top_state_fill(one, NOW);
		assert_int_equal(one->rows.count, cases[i].count);
		assert_int_equal(one->rows.hidden, 3 - cases[i].count);
		assert_int_equal(
			top_state_row(one) != NULL, cases[i].count > 0);
	}
}

static void filter_takes_and_gives_whole_characters(void **state)
{
	struct top_state *one = *state;

	top_state_filter_more(one, "a");
	top_state_filter_more(one, "\xc3\xbc");
	top_state_filter_more(one, "\xe6\xbc\xa2");
	top_state_filter_less(one);
	assert_string_equal(one->filter, "a\xc3\xbc");
	top_state_filter_less(one);
	assert_string_equal(one->filter, "a");
	top_state_filter_less(one);
	top_state_filter_less(one);
	assert_string_equal(one->filter, "");
	for (size_t i = 0; i < 1000; i++)
		top_state_filter_more(one, "\xe6\xbc\xa2");
	assert_true(strlen(one->filter) < TOP_FILTER_LONGEST);
	assert_int_equal(strlen(one->filter) % 3, 0);
}

static void row_that_answers_nothing_is_none(void **state)
{
	struct top_state *one = *state;

	take(one, TOP_WATCH, "{\"ok\":true}");
	top_state_fill(one, NOW);
	assert_int_equal(one->rows.count, 0);
	take(one, TOP_WATCH, "{\"ok\":true,\"guessers\":[null,7,\"x\",{}]}");
	top_state_fill(one, NOW);
	assert_int_equal(one->rows.count, 4);
	assert_null(json_object_get(one->answers[TOP_WATCH], "serial"));
}

/* ---- the cursor ---- */

static void cursor_stays_with_its_row(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	top_state_move(one, 1);
	assert_string_equal(top_state_row(one)->source, "203.0.113.1");
	take(one, TOP_WATCH,
		"{\"ok\":true,\"guessers\":["
		"{\"source\":\"203.0.113.1\",\"guesses\":50,\"last\":1},"
		"{\"source\":\"192.0.2.7\",\"guesses\":9,\"last\":1}]}");
	top_state_fill(one, NOW);
	assert_int_equal(one->cursor, 0);
	assert_string_equal(top_state_row(one)->source, "203.0.113.1");
	take(one, TOP_WATCH, "{\"ok\":true,\"guessers\":[]}");
	top_state_fill(one, NOW);
	assert_null(top_state_row(one));
}

static void cursor_goes_as_far_as_there_are_rows(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	top_state_move(one, TOP_ROWS_MOST);
	assert_int_equal(one->cursor, 2);
	top_state_move(one, -1);
	assert_int_equal(one->cursor, 1);
	top_state_move(one, -TOP_ROWS_MOST);
	assert_int_equal(one->cursor, 0);
	top_state_show(one, TOP_PANE_BANS);
	top_state_move(one, 1); /* its rows are not there yet */
	assert_int_equal(one->cursor, 0);
}

static void screen_scrolls_with_the_cursor(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	top_state_scroll(one, 2);
	assert_int_equal(one->first, 0);
	top_state_move(one, 2);
	top_state_scroll(one, 2);
	assert_int_equal(one->first, 1);
	top_state_scroll(one, 10); /* the window grew */
	assert_int_equal(one->first, 0);
	top_state_scroll(one, 0);
	assert_true(one->first <= one->rows.count);
}

/* ---- widths ---- */

static size_t whole_of(const size_t widths[TOP_COLUMNS_MOST])
{
	size_t whole = 0;

	for (size_t i = 0; i < TOP_COLUMNS_MOST; i++)
		if (widths[i] > 0)
			whole += widths[i] + (whole > 0 ? TOP_GAP : 0);
	return whole;
}

static void columns_fit_any_width(void **state)
{
	struct top_state *one = *state;
	size_t widths[TOP_COLUMNS_MOST];

	for (unsigned pane = 0; pane < TOP_PANES; pane++) {
		top_state_show(one, (enum top_pane)pane);
		top_state_fill(one, NOW);
		for (size_t width = 0; width < 200; width++) {
			top_rows_widths(&one->rows, one->pane, width, widths);
			assert_true(whole_of(widths) <= width);
		}
		/* At 200 nothing is cut. */
		for (size_t i = 0;
			i < TOP_COLUMNS_MOST && top_columns(one->pane)[i].head;
			i++)
			assert_true(widths[i] >=
				    strlen(top_columns(one->pane)[i].head));
	}
}

/* ---- orders ---- */

static void is_order(json_t *order, const char *expected)
{
	json_t *wanted = parse(expected);

	if (!json_equal(order, wanted))
		fail_msg("%s", json_dumps(order, 0));
	json_decref(wanted);
	json_decref(order);
}

static void unban_asks_with_address_and_time(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	assert_true(top_state_ask_unban(one));
	assert_int_equal(one->doing, TOP_ASKING);
	assert_string_equal(one->question,
		"Unban 192.0.2.0/24 and all inside it "
		"(left: 29m 58s)? y/n");
	/* Whatever comes meanwhile, the answer is to what was asked. */
	take(one, TOP_WATCH,
		"{\"ok\":true,\"guessers\":[{\"source\":\"203.0.113.1\"}]}");
	top_state_fill(one, NOW);
	is_order(top_state_answer(one, true),
		"{\"command\":\"bans.del\",\"prefix\":\"192.0.2.0/24\"}");
	assert_int_equal(one->doing, TOP_LOOKING);
	assert_null(top_state_answer(one, true)); /* once */
}

/* Else y would be to what nobody can see. */
static void no_answer_hides_an_open_question(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	assert_true(top_state_ask_unban(one));
	take(one, TOP_ORDER, "{\"ok\":true,\"lifted\":1}");
	assert_false(top_state_take(one, TOP_WATCH,
		parse("{\"ok\":false,\"error\":\"busy\",\"hint\":\"\"}"),
		SECOND));
	assert_int_equal(one->doing, TOP_ASKING);
	assert_non_null(strstr(one->question, "Unban 192.0.2.0/24"));
}

static void no_is_no_order(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	assert_true(top_state_ask_unban(one));
	assert_null(top_state_answer(one, false));
	assert_int_equal(one->doing, TOP_LOOKING);
	assert_null(top_state_answer(one, true));
}

static void ban_asks_for_how_long_and_sends_just_that(void **state)
{
	struct top_state *one = *state;

	top_state_fill(one, NOW);
	top_state_move(one, 1);
	assert_false(top_state_ask_ban(one)); /* it does not know yet */
	take(one, TOP_CONFIG,
		"{\"ok\":true,\"source_limit\":{\"ban\":1800000}}");
	assert_true(top_state_ask_ban(one));
	assert_string_equal(one->question, "Ban 203.0.113.1 for 30m? y/n");
	take(one, TOP_CONFIG, "{\"ok\":true,\"source_limit\":{\"ban\":1000}}");
	is_order(top_state_answer(one, true),
		"{\"command\":\"bans.add\",\"prefix\":\"203.0.113.1\","
		"\"for\":\"1800000ms\",\"reason\":\"by hand, in top\"}");
}

static void what_cannot_be_ordered_says_why(void **state)
{
	struct top_state *one = *state;

	take(one, TOP_CONFIG,
		"{\"ok\":true,\"source_limit\":{\"ban\":1800000}}");
	top_state_fill(one, NOW);
	top_state_move(one, 1);
	assert_false(top_state_ask_unban(one));
	assert_string_equal(one->said, "this line is not banned");
	top_state_show(one, TOP_PANE_SERVERS);
	top_state_fill(one, NOW);
	assert_false(top_state_ask_ban(one));
	assert_string_equal(one->said, "this line is no source to ban");
	(void)strcpy(one->filter, "nobody");
	top_state_fill(one, NOW);
	assert_false(top_state_ask_ban(one));
	assert_false(top_state_ask_unban(one));
	assert_int_equal(one->doing, TOP_LOOKING);
}

static void answers_to_orders_are_said(void **state)
{
	static const struct {
		const char *answer, *said;
	} cases[] = {
		{"{\"ok\":true,\"prefix\":\"192.0.2.1\",\"ban\":{}}",
			"192.0.2.1 is banned"},
		{"{\"ok\":true,\"prefix\":\"192.0.2.1\",\"observed\":true}",
			"192.0.2.1 would be banned, but mode is not enforce"},
		{"{\"ok\":true,\"lifted\":1}", "1 ban lifted"},
		{"{\"ok\":true,\"lifted\":2,\"still\":{\"prefix\":\"a/8\"}}",
			"2 lifted; it is still banned by a/8"},
	};
	struct top_state *one = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take(one, TOP_ORDER, cases[i].answer);
		assert_string_equal(one->said, cases[i].said);
	}
	assert_false(top_state_take(one, TOP_ORDER,
		parse("{\"ok\":false,\"error\":\"\\u001bno\",\"hint\":\"b\"}"),
		SECOND));
	assert_string_equal(one->said, "\\x1bno; b");
}

static void bans_are_wanted_when_the_serial_differs(void **state)
{
	struct top_state *one = *state;

	assert_false(top_state_wants_bans(one));
	take(one, TOP_WATCH,
		"{\"ok\":true,\"serial\":5,\"started\":1,\"pid\":7}");
	assert_true(top_state_wants_bans(one));
	take(one, TOP_WATCH,
		"{\"ok\":true,\"serial\":4,\"started\":1,\"pid\":8}");
	assert_true(top_state_wants_bans(one));
}

/* ---- the head ---- */

static void count(struct top_state *state, mono_ms_t at, int pid, int failed)
{
	json_t *status = json_pack("{s:b, s:i, s:s, s:s, s:{s:i}, s:{s:i}}",
		"ok", 1, "pid", pid, "mode", "enforce", "version", "9",
		"logins", "failed", failed, "sessions", "total", 2 * failed);

	assert_true(top_state_take(state, TOP_STATUS, status, at));
}

static void is_near(double value, double wanted)
{
	assert_true(value > wanted - 0.001 && value < wanted + 0.001);
}

static void rates_are_those_of_the_last_seconds(void **state)
{
	struct top_state *one = *state;

	count(one, 1000, 7, 100);
	assert_true(top_rates_of(&one->rates, TOP_RATE_LOGINS_FAILED) < 0);
	count(one, 3000, 7, 110);
	is_near(top_rates_of(&one->rates, TOP_RATE_LOGINS_FAILED), 5);
	is_near(top_rates_of(&one->rates, TOP_RATE_CONNECTIONS), 10);
	is_near(top_rates_of(&one->rates, TOP_RATE_LOGINS_OK), 0);
	for (int i = 1; i <= 5; i++)
		count(one, (mono_ms_t)(3000 + 1000 * i), 7, 110 + i);
	is_near(top_rates_of(&one->rates, TOP_RATE_LOGINS_FAILED), 1);
	count(one, 9000, 8, 3); /* another keeper */
	assert_true(top_rates_of(&one->rates, TOP_RATE_LOGINS_FAILED) < 0);
	count(one, 10000, 8, 1); /* a worker that died */
	assert_true(top_rates_of(&one->rates, TOP_RATE_LOGINS_FAILED) < 0);
}

static const char *head_of(
	struct top_state *state, const char *link, char out[HEAD_LONGEST])
{
	struct top_item items[TOP_ITEMS_MOST];
	size_t count = top_head(
		&state->rates, state->answers, NOW, link, state->paused, items);

	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		(void)strcat(out, items[i].line && i > 0 ? "\n" : "|");
		(void)strcat(out, items[i].text);
	}
	return out;
}

static void says(struct top_state *state, const char *link, const char *what)
{
	char text[HEAD_LONGEST];

	if (strstr(head_of(state, link, text), what) == NULL)
		fail_msg("no \"%s\" in: %s", what, text);
}

static void head_says_what_is_wrong(void **state)
{
	static const struct {
		const char *status, *says;
	} cases[] = {
		{"\"mode\":\"observe\"", "|observe|"},
		{"\"firewall\":{\"backend\":\"null\"}", "firewall none"},
		{"\"firewall\":{\"backend\":\"nft\",\"connected\":true,"
		 "\"synced_at\":9}",
			"firewall nft in sync"},
		{"\"firewall\":{\"backend\":\"nft\",\"connected\":false}",
			"firewall nft AWAY"},
		{"\"firewall\":{\"backend\":\"nft\",\"connected\":true,"
		 "\"synced_at\":8,\"failed_at\":9,\"failure\":\"no rights\"}",
			"firewall nft FAILS: no rights"},
		{"\"firewall\":{\"backend\":\"nft\",\"connected\":true,"
		 "\"drift\":2}",
			"firewall nft drift 2"},
		{"\"store\":{\"failing\":true,\"error\":\"full\"}",
			"store FAILS: full"},
		{"\"domino_log\":{\"state\":\"trouble\",\"error\":\"gone\"}",
			"domino_log: gone"},
		{"\"bans\":17,\"would_bans\":2", "bans 17 in force|would be 2"},
		{"\"sessions\":{\"tarpit\":5}", "tarpitted 5"},
	};
	struct top_state *one = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		(void)snprintf(text, sizeof(text), "{\"ok\":true,%s}",
			cases[i].status);
		take(one, TOP_STATUS, text);
		says(one, "", cases[i].says);
	}
	says(one, "", "backends 1 up, 1 DOWN: 10.0.0.2:25 refused");
	says(one, "", "ALARM 5m ago: anna may be lost");
	says(one, "", "|3 guessing now");
	says(one, "GONE", "|GONE|");
	one->paused = true;
	says(one, "", "|PAUSED");
}

static void head_needs_no_answer(void **state)
{
	struct top_state *one = *state;

	top_state_done(one);
	says(one, "GONE", "|postern|GONE");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		T(attack_has_the_order_of_the_answer),
		T(bans_say_what_is_left_and_why),
		T(sessions_say_who_does_what),
		T(servers_that_are_down_come_first),
		T(filter_looks_into_all_cells_whatever_the_case),
		T(filter_takes_and_gives_whole_characters),
		T(row_that_answers_nothing_is_none),
		T(cursor_stays_with_its_row),
		T(cursor_goes_as_far_as_there_are_rows),
		T(screen_scrolls_with_the_cursor),
		T(columns_fit_any_width),
		T(unban_asks_with_address_and_time),
		T(no_answer_hides_an_open_question),
		T(no_is_no_order),
		T(ban_asks_for_how_long_and_sends_just_that),
		T(what_cannot_be_ordered_says_why),
		T(answers_to_orders_are_said),
		T(bans_are_wanted_when_the_serial_differs),
		T(rates_are_those_of_the_last_seconds),
		T(head_says_what_is_wrong),
		T(head_needs_no_answer),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}

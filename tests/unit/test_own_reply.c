/*
 * postern's own replies: each a legal reply line, none of which accepts a
 * message (D-01), with no octet that a log or a client could trip over.
 */
#include "../../proto/own_reply.h"
#include "../../proto/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define REFERENCE "0123456789abcdef" /* 16 octets: the longest */

static struct guard guard;

static struct slice compose(enum reply_id id, bool enhanced, const char *ref)
{
	char *out = (char *)guard_room(&guard, OWN_REPLY_LONGEST);

	memset(out, '?', OWN_REPLY_LONGEST);
	return slice_of(out, own_reply_compose(id, enhanced, ref, out));
}

static bool is(struct slice reply, const char *text)
{
	return slice_eq(reply, slice_str(text));
}

static void each_is_one_whole_line_of_its_code(void **state)
{
	for (unsigned id = 0; id < REPLY_COUNT; id++)
		for (unsigned way = 0; way < 4; way++) {
			struct slice reply = compose((enum reply_id)id, way & 1,
				way & 2 ? REFERENCE : NULL);
			struct reply_line line;
			size_t used;

			assert_true(reply.n <= OWN_REPLY_LONGEST);
			assert_int_equal(reply_next(reply, OWN_REPLY_LONGEST,
						 &line, &used),
				REPLY_OK);
			assert_int_equal(used, reply.n);
			assert_true(line.last);
			assert_int_equal(
				line.code, own_reply_code((enum reply_id)id));
			for (size_t i = 0; i + 2 < reply.n; i++)
				assert_in_range(reply.p[i], ' ', '~');
			/* Nothing was cut: the reference has its bracket. */
			if ((way & 2) &&
				own_reply_referenced((enum reply_id)id))
				assert_int_equal(reply.p[reply.n - 3], ')');
		}
}

static void none_but_220_is_a_2yz(void **state)
{
	for (unsigned id = 0; id < REPLY_COUNT; id++) {
		unsigned code = own_reply_code((enum reply_id)id);

		assert_in_range(code, 220, 599);
		if (id != REPLY_TLS_READY)
			assert_true(code >= 400);
	}
}

/* RFC 3463 §2: the class of the enhanced code is that of the code. */
static void enhanced_code_has_the_class_of_the_code(void **state)
{
	for (unsigned id = 1; id < REPLY_COUNT; id++) {
		struct slice reply = compose((enum reply_id)id, true, NULL);

		assert_int_equal(reply.p[4], reply.p[0]);
		assert_int_equal(reply.p[5], '.');
	}
}

static void message_of_unknown_fate_is_never_refused_for_good(void **state)
{
	static const enum reply_id temporary[] = {REPLY_MESSAGE_UNKNOWN,
		REPLY_SERVER_LOST, REPLY_SERVER_AWAY, REPLY_SERVER_CONFUSED,
		REPLY_TIMEOUT, REPLY_STOPPING};

	for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
		assert_int_equal(own_reply_code(temporary[i]) / 100, 4);
}

static void reference_stands_where_one_belongs(void **state)
{
	assert_true(is(compose(REPLY_BANNED, false, "ab12"),
		"554 Access denied (ref ab12)\r\n"));
	assert_true(is(compose(REPLY_BANNED, true, "ab12"),
		"554 5.7.1 Access denied (ref ab12)\r\n"));
	assert_true(is(
		compose(REPLY_BANNED, false, NULL), "554 Access denied\r\n"));
	assert_true(is(compose(REPLY_EHLO_FIRST, true, "ab12"),
		"503 5.5.1 Send EHLO first\r\n"));
	assert_true(own_reply_referenced(REPLY_BANNED));
	assert_false(own_reply_referenced(REPLY_EHLO_FIRST));
}

static void what_is_no_reply_is_still_a_line(void **state)
{
	assert_true(is(compose(REPLY_COUNT, false, NULL), "421 Closing\r\n"));
	assert_int_equal(own_reply_code(REPLY_COUNT), 421);
	assert_false(own_reply_referenced(REPLY_COUNT));
	assert_string_equal(own_reply_name(REPLY_COUNT), "NONE");
	assert_string_equal(own_reply_name(REPLY_TLS_FIRST), "TLS_FIRST");
}

/* A reference that is too long is cut, the line is not. */
static void too_long_a_reference_overflows_nothing(void **state)
{
	char reference[400];
	struct slice reply;

	memset(reference, 'r', sizeof reference - 1);
	reference[sizeof reference - 1] = 0;
	reply = compose(REPLY_PIPELINED_PAST, true, reference);
	assert_int_equal(reply.n, OWN_REPLY_LONGEST);
	assert_memory_equal(reply.p + reply.n - 3, "r\r\n", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_one_whole_line_of_its_code),
		cmocka_unit_test(none_but_220_is_a_2yz),
		cmocka_unit_test(enhanced_code_has_the_class_of_the_code),
		cmocka_unit_test(
			message_of_unknown_fate_is_never_refused_for_good),
		cmocka_unit_test(reference_stands_where_one_belongs),
		cmocka_unit_test(what_is_no_reply_is_still_a_line),
		cmocka_unit_test(too_long_a_reference_overflows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

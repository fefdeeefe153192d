/*
 * ehlo_filter and ehlo_caps: a table of Domino's lists and hostile ones
 * (CMD-16). Every row also runs with each room too small for it, and cut at
 * each octet, where it must be EHLO_BAD.
 */
#include "../../proto/ehlo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { HIDE = 1, OFFER = 2, UNKNOWN = 4, PASS = 8 };

struct row {
	const char *name;
	const char *in;
	unsigned rules;
	const char *out; /* NULL: EHLO_BAD */
	uint32_t caps;
};

#define DOMINO                                                                 \
	"250-earth.nashcom.loc Hello c ([127.0.0.1]), pleased to meet you\r\n"
#define HOSTILE                                                                \
	"250-h\r\n250-XCLIENT NAME ADDR\r\n250-XFORWARD NAME\r\n"              \
	"250-BURL imap\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-STARTTLS\r\n"  \
	"250-X-FOO a b\r\n250-REQUIRETLS\r\n250-ETRN\r\n250-ATRN\r\n"          \
	"250-TURN\r\n250-XEXCH50\r\n250 LIMITS RCPTMAX=9\r\n"

static const struct row rows[] = {
	{"Domino's own list passes octet for octet",
		DOMINO "250-HELP\r\n250-SIZE\r\n250 PIPELINING\r\n", HIDE,
		DOMINO "250-HELP\r\n250-SIZE\r\n250 PIPELINING\r\n",
		EHLO_SIZE | EHLO_PIPELINING},
	{"its STARTTLS gives way to ours, in its place",
		"250-h\r\n250-HELP\r\n250-starttls\r\n250 SIZE 5\r\n", OFFER,
		"250-h\r\n250-HELP\r\n250-STARTTLS\r\n250 SIZE 5\r\n",
		EHLO_STARTTLS | EHLO_SIZE},
	{"its STARTTLS goes where we offer none",
		"250-h\r\n250-STARTTLS\r\n250 SIZE\r\n", 0,
		"250-h\r\n250 SIZE\r\n", EHLO_STARTTLS | EHLO_SIZE},
	{"its own passes where it is asked for, in its words",
		"250-h\r\n250-starttls\r\n250-SIZE\r\n250 STARTTLS x\r\n", PASS,
		"250-h\r\n250-starttls\r\n250-SIZE\r\n250 STARTTLS x\r\n",
		EHLO_STARTTLS | EHLO_SIZE},
	{"and none where it has none", "250-h\r\n250 SIZE\r\n", PASS,
		"250-h\r\n250 SIZE\r\n", EHLO_SIZE},
	{"ours comes last where it has none", "250-h\r\n250 SIZE\r\n", OFFER,
		"250-h\r\n250-SIZE\r\n250 STARTTLS\r\n", EHLO_SIZE},
	{"ours comes once",
		"250-h\r\n250-STARTTLS\r\n250-STARTTLS x\r\n250 DSN\r\n", OFFER,
		"250-h\r\n250-STARTTLS\r\n250 DSN\r\n", EHLO_STARTTLS},
	{"a last line that goes leaves the one before last",
		"250-h\r\n250-SIZE\r\n250 STARTTLS\r\n", 0,
		"250-h\r\n250 SIZE\r\n", EHLO_STARTTLS | EHLO_SIZE},
	{"all gone but the greeting", "250-h\r\n250 XCLIENT NAME\r\n", 0,
		"250 h\r\n", EHLO_XCLIENT},
	{"only a greeting", "250 h\r\n", 0, "250 h\r\n", 0},
	{"only a greeting, and ours", "250 h\r\n", OFFER,
		"250-h\r\n250 STARTTLS\r\n", 0},
	{"bare 250 and ours", "250\r\n", OFFER, "250-\r\n250 STARTTLS\r\n", 0},
	{"a greeting is no keyword", "250-XCLIENT\r\n250 SIZE\r\n", 0,
		"250-XCLIENT\r\n250 SIZE\r\n", EHLO_SIZE},
	{"AUTH passes", "250-h\r\n250-AUTH LOGIN PLAIN\r\n250 AUTH=LOGIN\r\n",
		0, "250-h\r\n250-AUTH LOGIN PLAIN\r\n250 AUTH=LOGIN\r\n",
		EHLO_AUTH},
	{"AUTH hides in all its forms",
		"250-h\r\n250-AUTH LOGIN\r\n250-auth=LOGIN\r\n250-AUTH\r\n"
		"250 DSN\r\n",
		HIDE, "250-h\r\n250 DSN\r\n", EHLO_AUTH},
	{"all known ones pass, spacing and case kept",
		"250-h\r\n250-PIPELINING\r\n250-SIZE  9 \r\n250-8BitMIME\r\n"
		"250-HELP\r\n250-DSN\r\n250-VRFY\r\n250-EXPN\r\n250-AUTH X\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n"
		"250-DELIVERBY 9\r\n250-NO-SOLICITING\r\n"
		"250-MT-PRIORITY MIXER\r\n250 FUTURERELEASE 1 2\r\n",
		0,
		"250-h\r\n250-PIPELINING\r\n250-SIZE  9 \r\n250-8BitMIME\r\n"
		"250-HELP\r\n250-DSN\r\n250-VRFY\r\n250-EXPN\r\n250-AUTH X\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n"
		"250-DELIVERBY 9\r\n250-NO-SOLICITING\r\n"
		"250-MT-PRIORITY MIXER\r\n250 FUTURERELEASE 1 2\r\n",
		EHLO_PIPELINING | EHLO_SIZE | EHLO_8BITMIME | EHLO_AUTH |
			EHLO_ENHANCED | EHLO_CHUNKING},
	{"CMD-16 what we cannot frame goes", HOSTILE, 0,
		"250-h\r\n250 CHUNKING\r\n",
		EHLO_XCLIENT | EHLO_CHUNKING | EHLO_STARTTLS},
	{"CMD-16 and unknown ones pass where asked for", HOSTILE, UNKNOWN,
		"250-h\r\n250-CHUNKING\r\n250 X-FOO a b\r\n",
		EHLO_XCLIENT | EHLO_CHUNKING | EHLO_STARTTLS},
	{"what is no keyword goes, also where unknown ones pass",
		"250-h\r\n250- XCLIENT\r\n250-STARTTLS\tx\r\n250-X_FOO\r\n"
		"250--X\r\n250-\r\n250-X\x0b"
		"CLIENT\r\n250-X=1\r\n250-\xc3\x9c\r\n"
		"250-XCLIENT\t\r\n250-DSN\x01\r\n250 AUTHX=1\r\n",
		UNKNOWN, "250 h\r\n", 0},
	{"a prefix of a known one is unknown",
		"250-h\r\n250-SIZ\r\n250 SIZE5\r\n", 0, "250 h\r\n", 0},
	{"another code", "550 no\r\n", 0, NULL, 0},
	{"codes that disagree", "250-h\r\n550 SIZE\r\n", 0, NULL, 0},
	{"251 is not 250", "251 h\r\n", 0, NULL, 0},
	{"lines behind the last", "250-h\r\n250 SIZE\r\n250 DSN\r\n", 0, NULL,
		0},
	{"no last line", "250-h\r\n250-SIZE\r\n", 0, NULL, 0},
	{"bare LF", "250-h\r\n250 SIZE\n", 0, NULL, 0},
	{"bare CR", "250-h\r\n250 SI\rZE\r\n", 0, NULL, 0},
	{"nothing", "", 0, NULL, 0},
};

static struct guard in_guard, out_guard;

static struct ehlo_rules rules_of(unsigned bits)
{
	return (struct ehlo_rules){.hide_auth = bits & HIDE,
		.offer_starttls = bits & OFFER,
		.pass_starttls = bits & PASS,
		.pass_unknown = bits & UNKNOWN};
}

static enum ehlo_result filter(const struct row *row, size_t in_n, size_t room,
	uint8_t **out, size_t *n, uint32_t *caps)
{
	struct ehlo_rules rules = rules_of(row->rules);

	*out = guard_room(&out_guard, room);
	*n = 12345;
	*caps = 0xabcdef;
	return ehlo_filter(slice_of(guard_copy(&in_guard, row->in, in_n), in_n),
		&rules, *out, room, n, caps);
}

static void check_good(const struct row *row)
{
	size_t want = strlen(row->out), n;
	uint32_t caps;
	uint8_t *out;

	assert_int_equal(
		filter(row, strlen(row->in), want, &out, &n, &caps), EHLO_OK);
	assert_int_equal(n, want);
	assert_memory_equal(out, row->out, want);
	assert_int_equal(caps, row->caps);
	assert_int_equal(ehlo_caps(slice_str(row->in)), row->caps);
	for (size_t room = 0; room < want; room++) {
		assert_int_equal(
			filter(row, strlen(row->in), room, &out, &n, &caps),
			EHLO_NO_SPACE);
		assert_int_equal(n, 12345);
		assert_int_equal(caps, 0xabcdef);
	}
}

static void check_bad(const struct row *row, size_t in_n)
{
	uint32_t caps;
	uint8_t *out;
	size_t n;

	assert_int_equal(filter(row, in_n, 4096, &out, &n, &caps), EHLO_BAD);
	assert_int_equal(n, 12345);
	assert_int_equal(caps, 0xabcdef);
	assert_int_equal(
		ehlo_caps(slice_of(guard_copy(&in_guard, row->in, in_n), in_n)),
		0);
}

static void ehlo_list_comes_out_as_the_rules_say(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("  %s\n", rows[i].name);
		if (rows[i].out)
			check_good(&rows[i]);
		else
			check_bad(&rows[i], strlen(rows[i].in));
	}
}

static void ehlo_reply_cut_anywhere_is_bad(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t n = 0; rows[i].out && n < strlen(rows[i].in); n++)
			check_bad(&rows[i], n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ehlo_list_comes_out_as_the_rules_say),
		cmocka_unit_test(ehlo_reply_cut_anywhere_is_bad),
	};

	return cmocka_run_group_tests_name("ehlo", tests, NULL, NULL);
}

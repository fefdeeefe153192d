/*
 * command_parse, command_alien and command_bdat, in tables. BDT-06 and
 * BDT-07 are the sizes and forms that two programs may read differently.
 */
#include "../../proto/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define LIT(s)	 (s), sizeof(s) - 1
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct guard guard;

static struct slice guarded(const char *p, size_t n)
{
	return slice_of(guard_copy(&guard, p, n), n);
}

static void assert_slice(struct slice is, const char *want, size_t n)
{
	assert_int_equal(is.n, n);
	if (n)
		assert_memory_equal(is.p, want, n);
}

static const struct {
	const char *in;
	size_t n;
	enum verb verb;
	bool masked;
	const char *word;
	const char *args;
} lines[] = {
	{LIT("EHLO client.test"), VERB_EHLO, false, "EHLO", "client.test"},
	{LIT("ehlo client.test"), VERB_EHLO, false, "ehlo", "client.test"},
	{LIT("MaIl FROM:<>"), VERB_MAIL, false, "MaIl", "FROM:<>"},
	{LIT("DATA"), VERB_DATA, false, "DATA", ""},
	{LIT("QUIT "), VERB_QUIT, false, "QUIT", ""},
	{LIT("QUIT  "), VERB_QUIT, false, "QUIT", " "},
	{LIT("NOOP x  "), VERB_NOOP, false, "NOOP", "x  "},
	{LIT("EHLO  x"), VERB_EHLO, false, "EHLO", " x"},
	{LIT("starttls foo"), VERB_STARTTLS, false, "starttls", "foo"},
	{LIT("XEXCH50 10 2"), VERB_XEXCH50, false, "XEXCH50", "10 2"},
	{LIT("XDATA 5 LAST"), VERB_XDATA, false, "XDATA", "5 LAST"},
	{LIT("BURL imap://x LAST"), VERB_BURL, false, "BURL", "imap://x LAST"},
	{LIT(""), VERB_UNKNOWN, false, "", ""},
	{LIT("B52"), VERB_UNKNOWN, false, "B52", ""},
	{LIT("FROP \xf1\x80"), VERB_UNKNOWN, false, "FROP", "\xf1\x80"},
	{LIT("INSANELYRIDICULOUSLYLONGCOMMANDNAME"), VERB_UNKNOWN, false,
		"INSANELYRIDICULOUSLYLONGCOMMANDNAME", ""},
	{LIT("AUTHPLAIN x"), VERB_UNKNOWN, false, "AUTHPLAIN", "x"},
	{LIT("XCLIENTX y"), VERB_UNKNOWN, false, "XCLIENTX", "y"},
	{LIT("MAI"), VERB_UNKNOWN, false, "MAI", ""},
	{LIT("MAIL:"), VERB_UNKNOWN, false, "MAIL:", ""},
	/* What a server that skips or drops odd octets may take for a verb. */
	{LIT("BDAT\t5"), VERB_UNKNOWN, true, "BDAT", "5"},
	{LIT("auth\tplain AHUAcA=="), VERB_UNKNOWN, true, "auth",
		"plain AHUAcA=="},
	{LIT("\tSTARTTLS"), VERB_UNKNOWN, true, "", "STARTTLS"},
	{LIT(" AUTH LOGIN"), VERB_UNKNOWN, true, "", "AUTH LOGIN"},
	{LIT("AUTH\x0bPLAIN x"), VERB_UNKNOWN, true, "AUTH\x0bPLAIN", "x"},
	{LIT("DATA\x0c"), VERB_UNKNOWN, true, "DATA\x0c", ""},
	{LIT("BELL\x08"), VERB_UNKNOWN, true, "BELL\x08", ""},
	{LIT("DA\x7fTA"), VERB_UNKNOWN, true, "DA\x7fTA", ""},
	{LIT("\xc1UTH PLAIN"), VERB_UNKNOWN, true, "\xc1UTH", "PLAIN"},
	{LIT(" "), VERB_UNKNOWN, true, "", ""},
};

static void command_splits_verb_and_arguments(void **state)
{
	struct command command;

	for (size_t i = 0; i < COUNT(lines); i++) {
		print_message("  \"%s\"\n", lines[i].in);
		command_parse(guarded(lines[i].in, lines[i].n), &command);
		assert_int_equal(command.verb, lines[i].verb);
		assert_int_equal(command.masked, lines[i].masked);
		assert_slice(
			command.word, lines[i].word, strlen(lines[i].word));
		assert_slice(
			command.args, lines[i].args, strlen(lines[i].args));
	}
}

static const struct {
	enum verb verb;
	const char *name;
	enum verb_class class;
} table[] = {
#define VERB(id, name, class) {VERB_##id, name, VERB_CLASS_##class},
#include "../../proto/verbs.def"
#undef VERB
};

/* A verb that somebody puts into verbs.def alone is found here. */
static void command_knows_each_verb_of_the_table_in_any_case(void **state)
{
	struct command command;
	char word[16];

	assert_int_equal(COUNT(table) + 1, VERB_COUNT);
	for (size_t i = 0; i < COUNT(table); i++) {
		size_t n = strlen(table[i].name);

		for (unsigned mask = 0; mask < 1u << n; mask++) {
			for (size_t k = 0; k < n; k++)
				word[k] = mask & 1u << k
						  ? (char)slice_lower(
							    (uint8_t)table[i]
								    .name[k])
						  : table[i].name[k];
			command_parse(guarded(word, n), &command);
			assert_int_equal(command.verb, table[i].verb);
		}
		assert_string_equal(verb_name(table[i].verb), table[i].name);
		assert_int_equal(verb_class(table[i].verb), table[i].class);
	}
	assert_string_equal(verb_name(VERB_UNKNOWN), "UNKNOWN");
	assert_int_equal(verb_class(VERB_UNKNOWN), VERB_CLASS_PASS);
}

/* No octet but the letter's two cases may do for a letter. */
static void command_with_one_octet_changed_is_another_verb(void **state)
{
	struct command command;
	char word[16];

	for (size_t i = 0; i < COUNT(table); i++) {
		size_t n = strlen(table[i].name);

		for (size_t at = 0; at < n; at++)
			for (int c = 1; c < 256; c++) {
				uint8_t low = slice_lower((uint8_t)c);

				memcpy(word, table[i].name, n);
				word[at] = (char)c;
				command_parse(guarded(word, n), &command);
				if (command.verb == table[i].verb)
					assert_int_equal(low,
						slice_lower((uint8_t)table[i]
								    .name[at]));
			}
	}
}

static const struct {
	const char *in;
	size_t n;
	enum alien alien;
} firsts[] = {
	{LIT("GET / HTTP/1.1\r\n"), ALIEN_HTTP},
	{LIT("POST / HTTP/1.1\r\nHost: x\r\n"), ALIEN_HTTP},
	{LIT("PUT /"), ALIEN_HTTP},
	{LIT("HEAD /"), ALIEN_HTTP},
	{LIT("DELETE /"), ALIEN_HTTP},
	{LIT("OPTIONS * HTTP/1.0"), ALIEN_HTTP},
	{LIT("CONNECT mail.test:25 HTTP/1.1"), ALIEN_HTTP},
	{LIT("PRI * HTTP/2.0"), ALIEN_HTTP},
	{LIT("TRACE /"), ALIEN_HTTP},
	{LIT("PATCH /"), ALIEN_HTTP},
	{LIT("GETX"), ALIEN_NO},
	{LIT("\x16\x03\x01\x02\x00\x01"), ALIEN_TLS},
	{LIT("\x80\x2e\x01\x00\x02"), ALIEN_TLS},
	{LIT("\x80\x2e\x01\x03\x01"), ALIEN_TLS},
	{LIT("\x80\x2e\x02\x03\x01"), ALIEN_NO},
	{LIT("\xd0\x9f\xd1\x80"), ALIEN_NO},
	{LIT("SSH-2.0-OpenSSH_9.2\r\n"), ALIEN_SSH},
	{LIT("\x03\x00\x00\x13\x0e\xe0"), ALIEN_RDP},
	{LIT("EHLO x\r\n"), ALIEN_NO},
	{LIT("HELO x\r\n"), ALIEN_NO},
	{LIT("HELP\r\n"), ALIEN_NO},
	{LIT("STARTTLS\r\n"), ALIEN_NO},
	{LIT("PROXY TCP4"), ALIEN_NO},
	{LIT("\r\n"), ALIEN_NO},
	{LIT(""), ALIEN_MAYBE},
};

/* Each shorter beginning must be MAYBE until the verdict, then keep to it. */
static void alien_is_known_from_its_first_octets(void **state)
{
	for (size_t i = 0; i < COUNT(firsts); i++) {
		enum alien seen = ALIEN_MAYBE;

		print_message("  %zu \"%s\"\n", i, firsts[i].in);
		for (size_t n = 0; n <= firsts[i].n; n++) {
			enum alien now =
				command_alien(guarded(firsts[i].in, n));

			if (seen != ALIEN_MAYBE)
				assert_int_equal(now, seen);
			seen = now;
		}
		assert_int_equal(seen, firsts[i].alien);
	}
}

static const struct {
	const char *in;
	size_t n;
	bool legal;
	bool last;
	uint64_t size;
} sizes[] = {
	{LIT("0"), true, false, 0},
	{LIT("0 LAST"), true, true, 0},
	{LIT("86"), true, false, 86},
	{LIT("88 LAST"), true, true, 88},
	{LIT("5 last"), true, true, 5},
	{LIT("5 LaSt"), true, true, 5},
	{LIT("2147483648"), true, false, 2147483648u},
	{LIT("4294967297 LAST"), true, true, 4294967297u},
	{LIT("5000000000 LAST"), true, true, 5000000000u},
	{LIT("9223372036854775807"), true, false, INT64_MAX},
	{LIT("9223372036854775808"), false, false, 0},
	{LIT("18446744073709551615"), false, false, 0},
	{LIT("18446744073709551616"), false, false, 0},
	{LIT("18446744073709551617"), false, false, 0},
	{LIT("-1"), false, false, 0},
	{LIT("+5"), false, false, 0},
	{LIT("0x10"), false, false, 0},
	{LIT("010"), false, false, 0},
	{LIT("00"), false, false, 0},
	{LIT("5.0"), false, false, 0},
	{LIT("\xd9\xa5"), false, false, 0},
	{LIT(""), false, false, 0},
	{LIT(" "), false, false, 0},
	{LIT("LAST"), false, false, 0},
	{LIT(" LAST"), false, false, 0},
	{LIT("5 LAST x"), false, false, 0},
	{LIT("5LAST"), false, false, 0},
	{LIT(" 5 LAST"), false, false, 0},
	{LIT("5  LAST"), false, false, 0},
	{LIT("5 LAST "), false, false, 0},
	{LIT("5 "), false, false, 0},
	{LIT("5\tLAST"), false, false, 0},
	{LIT("5 LAS"), false, false, 0},
	{LIT("5 LASTS"), false, false, 0},
	{LIT("5 6"), false, false, 0},
	{LIT("5\0"), false, false, 0},
};

static void bdat_takes_the_legal_forms_and_no_other(void **state)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t size = 4711;
		bool last = !sizes[i].last;

		print_message("  \"%s\"\n", sizes[i].in);
		assert_int_equal(command_bdat(guarded(sizes[i].in, sizes[i].n),
					 &size, &last),
			sizes[i].legal);
		if (sizes[i].legal) {
			assert_true(size == sizes[i].size);
			assert_int_equal(last, sizes[i].last);
		} else {
			assert_true(size == 4711);
			assert_int_equal(last, !sizes[i].last);
		}
	}
}

static void bdat_of_400_digits_is_refused(void **state)
{
	char digits[400];
	uint64_t size;
	bool last;

	for (char c = '1'; c <= '9'; c++) {
		memset(digits, c, sizeof(digits));
		assert_false(command_bdat(
			guarded(digits, sizeof(digits)), &size, &last));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_splits_verb_and_arguments),
		cmocka_unit_test(
			command_knows_each_verb_of_the_table_in_any_case),
		cmocka_unit_test(
			command_with_one_octet_changed_is_another_verb),
		cmocka_unit_test(alien_is_known_from_its_first_octets),
		cmocka_unit_test(bdat_takes_the_legal_forms_and_no_other),
		cmocka_unit_test(bdat_of_400_digits_is_refused),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}

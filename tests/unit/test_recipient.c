/*
 * Whom a RCPT is for: every form by which a relay was ever found open is not
 * local, whatever stands around it, and the plain form is.
 */
#include "../../proto/recipient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const listed[] = {
	"example.test", ".sub.example.test", "xn--bcher-kva.test"};
static const struct recipient_domains domains = {listed, COUNT(listed)};
static const struct recipient_domains nothing = {NULL, 0};

struct row {
	const char *args;
	enum recipient is;
};

static const struct row rows[] = {
	{"TO:<anna@example.test>", RECIPIENT_LOCAL},
	{"to:<anna@EXAMPLE.Test>", RECIPIENT_LOCAL},
	{"TO: <anna@example.test>", RECIPIENT_LOCAL},
	{"TO:<a.n+na=x'#/y@example.test>", RECIPIENT_LOCAL},
	{"TO:<prvs=1234567890=anna@example.test>", RECIPIENT_LOCAL},
	{"TO:<anna@example.test> NOTIFY=SUCCESS,FAILURE "
	 "ORCPT=rfc822;x+40y@foreign.test",
		RECIPIENT_LOCAL},
	{"TO:<\"anna b\"@example.test>", RECIPIENT_LOCAL},
	{"TO:<\"anna.b\"@example.test>", RECIPIENT_LOCAL},
	{"TO:<Postmaster>", RECIPIENT_LOCAL},
	{"TO:<postMASTER> NOTIFY=NEVER", RECIPIENT_LOCAL},
	{"TO:<a@x.sub.example.test>", RECIPIENT_LOCAL},
	{"TO:<a@x.y.sub.example.test>", RECIPIENT_LOCAL},
	{"TO:<a@xn--bcher-kva.test>", RECIPIENT_LOCAL},
	/* Other domains, and those that only look alike. */
	{"TO:<a@foreign.test>", RECIPIENT_FOREIGN},
	{"TO:<a@sub.example.test>", RECIPIENT_FOREIGN},
	{"TO:<a@xsub.example.test>", RECIPIENT_FOREIGN},
	{"TO:<a@mail.example.test>", RECIPIENT_FOREIGN},
	{"TO:<a@xexample.test>", RECIPIENT_FOREIGN},
	{"TO:<a@example.test.foreign.test>", RECIPIENT_FOREIGN},
	{"TO:<a@test>", RECIPIENT_FOREIGN},
	{"TO:<postmaster@foreign.test>", RECIPIENT_FOREIGN},
	/* REL-01: percent hack, bang paths, source routes, two "@". */
	{"TO:<user%foreign.test@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"user%foreign.test\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<foreign.test!user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"foreign.test!user\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@foreign.test@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test@foreign.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"user@foreign.test\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<@example.test:user@foreign.test>", RECIPIENT_UNCLEAR},
	{"TO:<@foreign.test:user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<@a.test,@b.test:user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<foreign.test:user@example.test>", RECIPIENT_UNCLEAR},
	/* No domain, a literal, a name that ends in a dot. */
	{"TO:<\"user@foreign.test\">", RECIPIENT_UNCLEAR},
	{"TO:<\"user%foreign.test\">", RECIPIENT_UNCLEAR},
	{"TO:<foreign.test!user>", RECIPIENT_UNCLEAR},
	{"TO:<user>", RECIPIENT_UNCLEAR},
	{"TO:<>", RECIPIENT_UNCLEAR},
	{"TO:<@>", RECIPIENT_UNCLEAR},
	{"TO:<user@>", RECIPIENT_UNCLEAR},
	{"TO:<@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"postmaster\">", RECIPIENT_UNCLEAR},
	{"TO:<user@[192.0.2.1]>", RECIPIENT_UNCLEAR},
	{"TO:<user@192.0.2.1>", RECIPIENT_FOREIGN},
	{"TO:<user@example.test.>", RECIPIENT_UNCLEAR},
	{"TO:<user@.example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@x..sub.example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@.sub.example.test>", RECIPIENT_UNCLEAR},
	/* Where another ends the path, or finds a second one. */
	{"TO:user@example.test", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test", RECIPIENT_UNCLEAR},
	{"TO:user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<<user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test>>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test><a@foreign.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test> <a@foreign.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test>,<a@foreign.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test>\ta", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test> a\tb", RECIPIENT_UNCLEAR},
	{"TO:<\"a>\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:a <user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:\t<user@example.test>", RECIPIENT_UNCLEAR},
	{"TO :<user@example.test>", RECIPIENT_UNCLEAR},
	{" TO:<user@example.test>", RECIPIENT_UNCLEAR},
	{"T0:<user@example.test>", RECIPIENT_UNCLEAR},
	{"FROM:<user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:", RECIPIENT_UNCLEAR},
	{"TO", RECIPIENT_UNCLEAR},
	{"", RECIPIENT_UNCLEAR},
	/* Octets that another reads as others, or not at all. */
	{"TO:<us er@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@example.test >", RECIPIENT_UNCLEAR},
	{"TO:< user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user @example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"a\\@b\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<a\\@b@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"a\"b\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"a\".b@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<\"a@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<a\"@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<(x)user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user(a@foreign.test)@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<a,b@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<a;b@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<.user@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user.@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<us..er@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user\xef\xbc\x85"
	 "foreign.test@example.test>",
		RECIPIENT_UNCLEAR},
	{"TO:<user\xef\xbc\xa0"
	 "foreign.test@example.test>",
		RECIPIENT_UNCLEAR},
	{"TO:<user@ex\xe4mple.test>", RECIPIENT_UNCLEAR},
	{"TO:<user\x01@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user\x7f@example.test>", RECIPIENT_UNCLEAR},
	{"TO:<user@exam_ple.test>", RECIPIENT_UNCLEAR},
	/* Longer than RFC 5321 §4.5.3.1 has it: another may cut. */
	{"TO:<0123456789012345678901234567890123456789012345678901234567890123"
	 "@example.test>",
		RECIPIENT_LOCAL},
	{"TO:<01234567890123456789012345678901234567890123456789012345678901234"
	 "@example.test>",
		RECIPIENT_UNCLEAR},
	{"TO:<a@"
	 "0123456789012345678901234567890123456789012345678901234567890123"
	 ".sub.example.test>",
		RECIPIENT_UNCLEAR},
};

static void each_form_is_read_one_way(void **state)
{
	static struct guard guard;

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].args);
		struct slice args =
			slice_of(guard_copy(&guard, rows[i].args, n), n);
		enum recipient is = recipient_read(args, &domains);

		if (is != rows[i].is)
			fail_msg("%s: is %d, should be %d", rows[i].args, is,
				rows[i].is);
	}
}

static void with_nothing_listed_only_postmaster_is_local(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strstr(rows[i].args, "ostm") &&
			!strstr(rows[i].args, "ostMASTER"))
			assert_int_not_equal(
				recipient_read(
					slice_str(rows[i].args), &nothing),
				RECIPIENT_LOCAL);
}

/* Whatever octet stands wherever in a good one: it is the same mailbox's
 * domain, or not local. */
static void one_octet_more_opens_nothing(void **state)
{
	static const char good[] = "TO:<anna@example.test>";
	char text[sizeof good + 1];
	size_t local = 0;

	for (size_t at = 0; at < sizeof good; at++)
		for (unsigned c = 0; c < 256; c++) {
			struct slice args = slice_of(text, sizeof good);
			const uint8_t *end;

			memcpy(text, good, at);
			text[at] = (char)c;
			memcpy(text + at + 1, good + at, sizeof good - at);
			if (recipient_read(args, &domains) != RECIPIENT_LOCAL)
				continue;
			local++;
			end = memchr(args.p, '>', args.n);
			assert_non_null(end);
			assert_memory_equal(end - 13, "@example.test", 13);
			assert_null(memchr(args.p, '%', args.n));
			assert_null(memchr(args.p, '!', args.n));
		}
	assert_true(local > 300); /* the test itself reaches some */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read_one_way),
		cmocka_unit_test(with_nothing_listed_only_postmaster_is_local),
		cmocka_unit_test(one_octet_more_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

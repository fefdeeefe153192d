/*
 * Syntax: what is refused before and by the parser, unknown names, includes,
 * and that each message names the right file and line.
 */
#include "../../src/conf/draft.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../src/conf/unknown.h"
#include "conf_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void broken_texts_say_what_and_where(void **state)
{
	static const struct conf_case cases[] = {
		{"\n\nlog {\n level = info\n",
			"x:3: a \"{\" without its \"}\"\n"},
		{"log { }\n}", "x:2: a \"}\" without its \"{\"\n"},
		{"/* a\n b\n", "x:1: a comment without its end (*/)\n"},
		{"mode = off\nhostname = \"a\nb\"\n",
			"x:2: a string without its end (a string ends on its "
			"line)\n"},
		{"hostname = 'a", "x:1: a string without its end (a string "
				  "ends on its line)\n"},
		{"hostname = \"a\\x41\"",
			"x:1: an unknown escape in a string (allowed: \\\\ "
			"\\\" \\' \\$)\n"},
		{"hostname = \"\x01\"",
			"x:1: a control character in a string\n"},
		{"\x02", "x:1: a control character\n"},
		{"hostname = ${HOME}",
			"x:1: ${…} is not replaced here (write the value)\n"},
		{"hostname = \"${HOME}\"",
			"x:1: ${…} is not replaced here (write \\${)\n"},
		{"allow = *",
			"x:1: a value with * + or | needs quotes (\"…\")\n"},
		{"user = a+b",
			"x:1: a value with * + or | needs quotes (\"…\")\n"},
		{"allow += {1.2.3.4}",
			"x:1: \"+=\" is not allowed (give the whole list with "
			"=)\n"},
		{"a {{{{{{{{{ }}}}}}}}}", "x:1: braces nested too deeply\n"},
		{"mode off", "x:1: missing equal sign after option 'mode'\n"},
		{"mode = = off", "x:1: unexpected token '='\n"},
		{"log = 5", "x:1: missing opening brace for section 'log'\n"},
		{"listener { }", "x:1: missing title for section "
				 "'listener'\n"},
		{"allow = {1.2.3.4 5.6.7.8}",
			"x:1: unexpected token '5.6.7.8'\n"},
		{"\"\" = 5", "x:1: this is no statement (allowed: name = "
			     "value, name { … })\n"},
		{"log|level = debug",
			"x:1: a value with * + or | needs quotes (\"…\")\n"},
		{"\"log|level\" = debug",
			"x:1: no sub-section title/index for 'log'\n"},
	};

	conf_all_say(cases, COUNT(cases));
}

static void unknown_names_are_all_said_with_a_guess(void **state)
{
	static const struct conf_case cases[] = {
		{"colour = red", "x:1: unknown option \"colour\"\n"},
		{"source_limit {\n failurs = 3\n windwo = {a, \"}\"}\n}\n"
		 "mdoe = off",
			"x:2: unknown option \"failurs\" in source_limit (did "
			"you mean \"failures\"?)\n"
			"x:3: unknown option \"windwo\" in source_limit (did "
			"you mean \"window\"?)\n"
			"x:5: unknown option \"mdoe\" (did you mean "
			"\"mode\"?)\n"},
		{"window = 5m", "x:1: unknown option \"window\" (it belongs "
				"into source_limit)\n"},
		{"log { mode = off }",
			"x:1: unknown option \"mode\" in log (it belongs "
			"outside of log)\n"},
		{"log { window = 1m }",
			"x:1: unknown option \"window\" in log (it belongs "
			"into source_limit)\n"},
		{"log { include(\"x\") }",
			"x:1: unknown option \"include\" in log (it belongs "
			"outside of log)\n"},
		{"log { firewall { backend = nft } }",
			"x:1: unknown block \"firewall\" in log (it belongs "
			"outside of log)\n"},
		{"listner a { bind = b }\nfirewal\n{ x { } }",
			"x:1: unknown block \"listner\" (did you mean "
			"\"listener\"?)\n"
			"x:2: unknown block \"firewal\" (did you mean "
			"\"firewall\"?)\n"},
		{"hostname = my host\n",
			"x:1: \"host\" stands alone (a value with spaces needs "
			"quotes)\n"},
		{"call(a, b)", "x:1: unknown option \"call\"\n"},
		/* The same word as a value before it stands as a name. */
		{"hostname = colour colour = red",
			"x:1: unknown option \"colour\"\n"},
		{"mdoe = off mdoe = on",
			"x:1: unknown option \"mdoe\" (did you mean "
			"\"mode\"?)\n"},
	};

	conf_all_say(cases, COUNT(cases));
}

static void titles_and_repeats_are_checked(void **state)
{
	static const struct conf_case cases[] = {
		{"mode = off\nmode = off", "x:2: mode is set already (x:1)\n"},
		{"log { level = info }\nlog { level = warn }",
			"x:2: level is set already (x:1)\n"},
		{"log { level = info }\nlog { format = json }", ""},
		{"backend a { servers = a:1 }\n\nbackend a { servers = a:1 }",
			"x:3: backend \"a\" exists already (x:1)\n"},
		{"backend \"a b\" { servers = a:1 }",
			"x:1: backend \"a b\": not a good name (allowed: up to "
			"64 of A-Z a-z 0-9 . _ -)\n"},
		{"backend \"\" { servers = a:1 }",
			"x:1: backend \"\": not a good name (allowed: up to 64 "
			"of A-Z a-z 0-9 . _ -)\n"},
		{"workers = {}", "x: workers takes one value, not a list\n"},
		{"log {\nlevel = {}\n}",
			"x:3: log.level takes one value, not a list\n"},
		{"workers = {1, 2}",
			"x:1: workers: takes one value, not a list\n"},
		{"allow = {}", ""},
		{"allow = 192.0.2.0/24", ""},
	};

	conf_all_say(cases, COUNT(cases));
}

static void comments_do_not_move_lines(void **state)
{
	static const struct conf_case cases[] = {
		{"# one\n// two\n/* three\n four */\r\nmode = bad # six\n",
			"x:5: mode: \"bad\" is none of its words (allowed: "
			"off, observe, enforce)\n"},
		{"/* one\ntwo */ # three\n\"",
			"x:3: a string without its end (a string ends on its "
			"line)\n"},
		{"hostname = \"# no comment // nor this\"", ""},
		{"state_dir = /a//b", ""},
		{"\xef\xbb\xbfmode = off", ""},
		{"log { # {\n level = info # }\n}", ""},
	};

	conf_all_say(cases, COUNT(cases));
}

/* ---- includes ---- */

static char folder[] = "/tmp/test_draft.XXXXXX";

static void file_write(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static int folder_begin(void **state)
{
	char path[256];

	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/conf.d", folder);
	return mkdir(path, 0700);
}

static int folder_end(void **state)
{
	static const char *const names[] = {"main", "own", "loop", "bad",
		"conf.d/a.conf", "conf.d/b.conf", "conf.d/c.txt", "conf.d",
		"."};
	char path[256];
	int failed = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (i + 1 == COUNT(names))
			failed = rmdir(folder);
		else
			(void)remove(path); /* some tests write fewer */
	}
	return failed;
}

/* The messages of a file, with the folder's name as "D". */
static void file_says(const char *name, const char *want)
{
	struct conf_errors errors;
	char path[256], got[4096], *to = got;
	struct conf *conf;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	conf = conf_read(path, &errors);
	for (const char *p = errors.text ? errors.text : ""; *p;) {
		if (strncmp(p, folder, strlen(folder)) == 0) {
			*to++ = 'D';
			p += strlen(folder);
			continue;
		}
		*to++ = *p++;
	}
	*to = '\0';
	assert_string_equal(got, want);
	assert_int_equal(!conf, errors.error_count > 0);
	conf_free(&conf);
	conf_errors_done(&errors);
}

static void includes_are_beside_their_file_and_keep_lines(void **state)
{
	file_write("main",
		"# remark\ninclude(\"own\")\ninclude(\"conf.d\")\nwrong = 1\n"
		"include('missing')\n");
	file_write("own", CONF_REST "\nbad = 2\n");
	file_write("conf.d/b.conf", "log { lvel = info }\n");
	file_write("conf.d/a.conf", "\nmode = of\n");
	file_write("conf.d/c.txt", "not read\n");
	file_says("main",
		"D/main:4: unknown option \"wrong\"\n"
		"D/main:5: D/missing cannot be read: No such file or "
		"directory\n"
		"D/own:3: unknown option \"bad\"\n"
		"D/conf.d/a.conf:2: mode: \"of\" is none of its words "
		"(allowed: "
		"off, observe, enforce; did you mean \"off\"?)\n"
		"D/conf.d/b.conf:1: unknown option \"lvel\" in log (did you "
		"mean \"level\"?)\n");
}

static void good_includes_make_one_configuration(void **state)
{
	struct conf_errors errors;
	struct conf *conf;
	char path[256];

	file_write("main", "include(\"conf.d\")\nlog { level = warn }\n");
	file_write("conf.d/a.conf", CONF_REST);
	file_write("conf.d/b.conf", "log { format = json }\n");
	snprintf(path, sizeof(path), "%s/main", folder);
	conf = conf_read(path, &errors);
	assert_non_null(conf);
	assert_null(errors.text);
	assert_int_equal(conf->listener_count, 1);
	assert_int_equal(conf->log.level, CONF_LEVEL_WARN);
	assert_int_equal(conf->log.format, CONF_FORMAT_JSON);
	conf_free(&conf);
}

static void a_broken_include_does_not_hide_the_rest(void **state)
{
	file_write("main", "include(\"bad\")\nmode = x\n");
	file_write("bad", "\nhostname = \"\n");
	file_says("main",
		"D/main:2: mode: \"x\" is none of its words (allowed: off, "
		"observe, enforce)\n"
		"D/bad:2: a string without its end (a string ends on its "
		"line)\n");
}

static void a_file_that_includes_itself_ends(void **state)
{
	file_write("loop", "include(\"loop\")\ninclude(\"loop\")\n");
	file_says("loop",
		"D/loop:1: too many files in each other (allowed: 10 deep, "
		"256 in all)\n");
}

static void what_is_no_file_is_said(void **state)
{
	file_says("nothing", "D/nothing: D/nothing cannot be read: No such "
			     "file or directory\n");
	file_says("conf.d", "D/conf.d: D/conf.d cannot be read: Is a "
			    "directory\n");
}

/* The parser's lexer is one for the process: nothing may stick to it. */
static void a_bad_text_leaves_nothing_for_the_next(void **state)
{
	static const char *const bad[] = {"hostname = \"", "/*", "log {",
		"mode = = x", "include(", "\"", "allow = {", "hostname = '"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct conf_errors errors;
		struct conf *conf = conf_parse(bad[i], "x", &errors);

		assert_null(conf);
		conf_errors_done(&errors);
		conf_says(CONF_REST, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_texts_say_what_and_where),
		cmocka_unit_test(unknown_names_are_all_said_with_a_guess),
		cmocka_unit_test(titles_and_repeats_are_checked),
		cmocka_unit_test(comments_do_not_move_lines),
		cmocka_unit_test(includes_are_beside_their_file_and_keep_lines),
		cmocka_unit_test(a_broken_include_does_not_hide_the_rest),
		cmocka_unit_test(good_includes_make_one_configuration),
		cmocka_unit_test(a_file_that_includes_itself_ends),
		cmocka_unit_test(what_is_no_file_is_said),
		cmocka_unit_test(a_bad_text_leaves_nothing_for_the_next),
	};

	return cmocka_run_group_tests(tests, folder_begin, folder_end);
}

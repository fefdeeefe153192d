/*
 * A configuration file. Input: the file's text.
 *
 *	- it is refused with a reason, or it is taken;
 *	- what is dumped is taken again, and means the same: whole and changed
 *	  settings alone;
 *	- a reload of the same changes nothing.
 */
#include "../../src/conf/conf.h"
#include "fuzz.h"

enum { INPUT_MOST = 8192 };

static struct conf *parse(const char *text, const char *name)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_parse(text, name, &errors);

	MUST((conf == NULL) == (errors.error_count > 0));
	if (errors.error_count + errors.warning_count > 0)
		MUST(errors.text && errors.n > 0 && errors.text[errors.n] == 0);
	conf_errors_done(&errors);
	return conf;
}

static void check_dump(const struct conf *conf, bool changed_only)
{
	char *text = conf_dump(conf, changed_only);
	struct conf *again;
	char *diff, *twice;

	MUST(text);
	again = parse(text, "dump");
	if (!again)
		fprintf(stderr, "%s", text);
	MUST(again);
	diff = conf_diff(conf, again);
	if (!diff || diff[0])
		fprintf(stderr, "%s\n%s", text, diff);
	MUST(diff && diff[0] == 0);
	twice = conf_dump(again, changed_only);
	MUST(twice && strcmp(text, twice) == 0);
	free(twice);
	free(diff);
	free(text);
	conf_free(&again);
}

/* Files of this machine are not to be read: an include would. */
static bool includes(struct slice in)
{
	return memmem(in.p, in.n, "include", 7) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[INPUT_MOST + 1];
	struct conf *conf;

	if (n > INPUT_MOST || memchr(p, 0, n) || includes(slice_of(p, n)))
		return 0;
	memcpy(text, p, n);
	text[n] = 0;
	conf = parse(text, "fuzz");
	if (!conf)
		return 0;
	check_dump(conf, false);
	check_dump(conf, true);
	conf_free(&conf);
	return 0;
}

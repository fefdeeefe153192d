/*
 * Lists of others. Input: the text.
 *
 *	- what is taken is sorted, each once, no wider than allowed, apart from
 *	  what is never to be named, and not more than the limit;
 *	- written as lines and read again it is the same;
 *	- what is refused leaves nothing, and says why in one line of ours.
 */
#include "../../src/fetch/list_text.h"
#include "fuzz.h"

enum { MOST = 1000 };

static struct guard guard_in;

static struct list_rules rules_of(struct prefix never[2])
{
	MUST(prefix_parse("10.0.0.0/24", &never[0]) &&
		prefix_parse("2001:db8::25", &never[1]));
	return (struct list_rules){.most = MOST,
		.bad_percent = 5,
		.never = never,
		.never_count = 2};
}

static void check_again(
	const struct list_entries *entries, const struct list_rules *rules)
{
	char *text = calloc(entries->count + 1, PREFIX_TEXT_LONGEST);
	char why[LIST_WHY_LONGEST];
	struct list_entries again;
	size_t n = 0;

	MUST(text);
	for (size_t i = 0; i < entries->count; i++) {
		char one[PREFIX_TEXT_LONGEST];

		n += (size_t)sprintf(text + n, "%s\n",
			prefix_format(&entries->items[i], one));
	}
	MUST(list_text_read(text, n, rules, &again, why));
	MUST(again.count == entries->count);
	for (size_t i = 0; i < again.count; i++)
		MUST(prefix_eq(&again.items[i], &entries->items[i]));
	list_entries_done(&again);
	free(text);
}

static void check_taken(
	const struct list_entries *entries, const struct list_rules *rules)
{
	MUST(entries->count <= MOST);
	MUST(entries->bad_count * 20 <= entries->line_count);
	for (size_t i = 0; i < entries->count; i++) {
		const struct prefix *one = &entries->items[i];

		MUST(i == 0 || prefix_order(one - 1, one) < 0);
		MUST(!list_too_wide(one));
		MUST(!prefix_overlaps(one, &rules->never[0]) &&
			!prefix_overlaps(one, &rules->never[1]));
	}
	check_again(entries, rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = fuzz_guarded(&guard_in, slice_of(p, n));
	char why[LIST_WHY_LONGEST];
	struct prefix never[2];
	struct list_rules rules = rules_of(never);
	struct list_entries entries;

	if (list_text_read((const char *)in.p, in.n, &rules, &entries, why)) {
		check_taken(&entries, &rules);
	} else {
		MUST(!entries.items && entries.count == 0);
		MUST(why[0] && !strchr(why, '\n'));
	}
	list_entries_done(&entries);
	return 0;
}

/*
 * The reader of logs. Input: one octet that chooses a line of Domino's, one of
 * the size of pieces, then a user's name.
 *
 *	- a name without a newline never changes what is found: one entry, and
 *	  its address is the line's own;
 *	- one with newlines neither, as long as it has no head of this log's
 *	  shape (the name's digits are made letters for that);
 *	- the same octets as a log of their own, whole and in pieces, say the
 *	  same, and the counts agree.
 */
#include "../../src/logs/reader.h"
#include "fuzz.h"

enum { HEARD_MOST = 64 };

struct heard {
	unsigned count;
	struct entry entries[HEARD_MOST];
};

static struct patterns *patterns;

static void on_entry(void *arg, const struct entry *entry)
{
	struct heard *heard = arg;

	MUST(entry->user.n <= ENTRY_USER_LONGEST);
	MUST(entry->outcome < ENTRY_OUTCOME_COUNT);
	MUST(entry->service < ENTRY_SERVICE_COUNT);
	MUST(entry->form < patterns_count(patterns));
	if (heard->count < HEARD_MOST)
		heard->entries[heard->count] = *entry;
	heard->count++;
}

static void read_pieces(
	struct slice text, size_t piece, struct heard *ret_heard)
{
	struct reader *reader;
	const struct reader_counts *counts;

	memset(ret_heard, 0, sizeof *ret_heard);
	reader = reader_new(patterns, READER_TEXT, on_entry, ret_heard);
	MUST(reader != NULL);
	counts = reader_counts(reader);
	while (text.n > 0) {
		reader_feed(reader, 1, slice_head(text, piece));
		text = slice_skip(text, piece);
	}
	reader_end(reader);
	MUST(counts->entries == ret_heard->count);
	MUST(counts->entries + counts->twins + counts->skipped <=
		counts->lines);
	reader_free(&reader);
}

static void check_pieces(struct slice text, size_t piece)
{
	struct heard whole, pieces;

	read_pieces(text, text.n, &whole);
	read_pieces(text, piece, &pieces);
	MUST(whole.count == pieces.count);
	for (unsigned i = 0; i < whole.count && i < HEARD_MOST; i++)
		MUST(addr_eq(&whole.entries[i].addr, &pieces.entries[i].addr) &&
			whole.entries[i].form == pieces.entries[i].form);
}

/* Digits would make heads: this log's shape is no secret to the fuzzer. */
static uint8_t no_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? (uint8_t)(c - '0' + 'g') : c;
}

static void check_name(unsigned which, struct slice name, size_t piece)
{
	static const char *const frames[][2] = {
		{"SMTP Server: Authentication failed for user ",
			" ; connecting host 192.0.2.1"},
		{"http: ", " [192.0.2.1] authentication failure using internet "
			   "password: User is locked out"},
		{"IMAP Server: ", " logged in from 192.0.2.1"},
		{"POP3 Server: ", " logged in; connecting host [192.0.2.1]"},
	};
	const char *const *frame = frames[which % 4];
	bool lines = memchr(name.p ? name.p : (const uint8_t *)"", '\n',
			     name.n) != NULL;
	size_t room = name.n + 512, n = 0;
	char *text = malloc(room);
	struct heard heard;
	struct addr own;

	MUST(text != NULL && addr_parse("192.0.2.1", &own));
	n = (size_t)snprintf(text, room,
		"05-11-2022 14:18:50 begins\n05-11-2022 14:18:50 %s", frame[0]);
	for (size_t i = 0; i < name.n; i++)
		text[n++] = (char)(lines ? no_digit(name.p[i]) : name.p[i]);
	n += (size_t)snprintf(text + n, room - n,
		"%s\r\n05-11-2022 14:18:50 goes on\n", frame[1]);
	read_pieces(slice_of(text, n), piece, &heard);
	MUST(heard.count == 1 && addr_eq(&heard.entries[0].addr, &own));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	unsigned which = fuzz_octet(&in);
	size_t piece = (size_t)fuzz_octet(&in) + 1;
	char error[PATTERNS_ERROR_LONGEST];

	if (patterns == NULL)
		patterns = patterns_parse(
			patterns_builtin(), "built in", false, error);
	MUST(patterns != NULL);
	check_pieces(in, piece);
	check_name(which, in, piece);
	return 0;
}

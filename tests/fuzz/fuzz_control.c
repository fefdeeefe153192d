/*
 * The control socket: lines of JSON in any cut, from one who may connect.
 * Input: octets; 0xff: what stands before it comes alone; 0xfe: a second goes
 * by; 0xfd: the client has said all.
 *
 *	- each answer is one line, a JSON object with "ok", and with a code and
 *	  an error where that is false;
 *	- not more answers than lines, and one for each as long as the keeper
 *	  did not close behind a line that was too long;
 *	- whatever is ordered, what must never be banned is not (keeper_play.h).
 */
#include "keeper_play.h"

#include <jansson.h>

#include "../../src/keeper/control.h"

enum { INPUT_MOST = 16384, ANSWER_MOST = 1 << 20 };

static struct slice input;
static char answer[ANSWER_MOST];
static size_t answer_n, answers, lines, line_n, waited_s;
static bool came;
static bool closing; /* a line was too long, or the end was said or silence */

static void check_answer(void)
{
	json_t *object = json_loadb(answer, answer_n, 0, NULL);
	const json_t *ok = json_object_get(object, "ok");

	MUST(json_is_object(object) && json_is_boolean(ok));
	if (json_is_false(ok)) {
		MUST(json_is_string(json_object_get(object, "code")));
		MUST(json_is_string(json_object_get(object, "error")));
	}
	json_decref(object);
	MUST(++answers <= lines + 1);
	answer_n = 0;
}

static void play_answer(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n') {
			check_answer();
			continue;
		}
		MUST(p[i] >= 0x20 && p[i] < 0x7f);
		MUST(answer_n < ANSWER_MOST);
		answer[answer_n++] = (char)p[i];
	}
}

static void count_lines(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (++line_n >= CONTROL_LINE_LONGEST)
			closing = true;
		if (p[i] != '\n')
			continue;
		lines++;
		line_n = 0;
	}
}

static bool play_step(void)
{
	size_t n = 0;
	ssize_t sent;

	if (!came) {
		play_connect();
		came = true;
		return true;
	}
	if (play.client < 0 || input.n == 0)
		return false;
	while (n < input.n && input.p[n] < 0xfd)
		n++;
	if (n == 0) {
		uint8_t mark = fuzz_octet(&input);

		if (mark == 0xfe) {
			play_wait(1000);
			closing |= ++waited_s >= CONTROL_IDLE_S;
		}
		if (mark == 0xfd) {
			(void)shutdown(play.client, SHUT_WR);
			closing = true;
		}
		return true;
	}
	sent = send(play.client, input.p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0)
		count_lines(input.p, (size_t)sent);
	input = slice_skip(input, n);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > INPUT_MOST)
		return 0;
	input = slice_of(p, n);
	answer_n = answers = lines = line_n = waited_s = 0;
	came = closing = false;
	play_keeper();
	if (!closing)
		MUST(answers == lines);
	return 0;
}

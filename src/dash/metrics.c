/*
 * Metrics: three questions to the keeper, one text (see metrics.h).
 */
#include "metrics.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "asker.h"
#include "doors.h"
#include "live.h"
#include "metrics_text.h"
#include "pending.h"
#include "reply.h"

enum { QUESTIONS = 3 };

/* Of one scrape. */
struct scrape {
	struct pending *pending;
	json_t *answers[QUESTIONS];
	unsigned asked, answered;
};

static void send_text(struct dash *dash, struct evhttp_request *request,
	json_t *const answers[QUESTIONS])
{
	const struct metrics_own own = {
		.requests = dash->request_total,
		.refused = dash->refused_total,
		.wrong_tokens = dash->wrong_token_total,
		.connections = doors_count(dash->doors),
		.watchers = live_count(dash->live),
	};
	struct evbuffer *text = evbuffer_new();

	if (!text) {
		reply_error(request, 503, "no memory");
		return;
	}
	metrics_text(text, answers[0], answers[1], answers[2], &own);
	reply_text(request, HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
		evbuffer_pullup(text, -1), evbuffer_get_length(text));
	evbuffer_free(text);
}

static void finish(struct scrape *scrape)
{
	struct dash *dash = scrape->pending->dash;
	struct evhttp_request *request = pending_done(scrape->pending);

	if (request)
		send_text(dash, request, scrape->answers);
	for (unsigned i = 0; i < QUESTIONS; i++)
		json_decref(scrape->answers[i]);
	free(scrape);
}

/* Answers come in the order of the questions. */
static void on_answer(void *arg, const char *line, size_t n)
{
	struct scrape *scrape = arg;
	json_t *answer = line ? json_loadb(line, n, 0, NULL) : NULL;

	if (!json_is_true(json_object_get(answer, "ok"))) {
		json_decref(answer);
		answer = NULL;
	}
	scrape->answers[scrape->answered++] = answer;
	if (scrape->answered == scrape->asked)
		finish(scrape);
}

void metrics_answer(struct dash *dash, struct evhttp_request *request)
{
	static const char *const questions[QUESTIONS] = {
		"status", "metrics", "backends.list"};
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	if (scrape)
		scrape->pending = pending_new(dash, request);
	if (!scrape || !scrape->pending) {
		free(scrape);
		reply_error(request, 503, "no memory");
		return;
	}
	while (scrape->asked < QUESTIONS &&
		asker_ask(dash->asker,
			json_pack("{s:s}", "command", questions[scrape->asked]),
			on_answer, scrape))
		scrape->asked++;
	if (scrape->asked == 0)
		finish(scrape);
}

/*
 * The second ear.
 *
 * Reads what is new in the log every tenth of a second, a bounded piece a loop
 * turn, and hands logins to the judge. A timer, not the kernel's word: that
 * works on any file system, and a pipe without a writer is always "readable".
 *
 * The keeper cannot open a path; the supervisor opens the log, watches its
 * name, and sends a new descriptor when it means another file. The offset is
 * that of the open file, which the supervisor keeps: a new keeper reads on
 * where the last one stopped, and nothing counts twice.
 *
 * What can go wrong: the log is away (what is open is read on), a read fails
 * (tried again), patterns that do not compile (checked before: a bug).
 */
#include "ear.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "../logs/reader.h"
#include "judge.h"

enum {
	EVERY_MS = 100,
	PIECE_BYTES = 16384, /* some milliseconds, whatever is in it */
	US_PER_MS = 1000,
};

struct ear {
	struct hub *hub;
	struct patterns *patterns;
	struct reader *reader; /* NULL: no patterns yet */
	struct event *timer;
	int fd, next_fd; /* next: waits for the end of fd; -1: none */
	int error;	 /* of the path; 0: it leads somewhere */
	int read_error;	 /* of the last read */
	bool on;
	uint64_t files, failures, successes, ignored;
	struct reader_counts before; /* of readers that are gone */
	uint8_t piece[PIECE_BYTES];
};

/* ---- what is heard ---- */

static bool counts(const struct conf *conf, enum entry_service service)
{
	const struct conf_list *services = &conf->domino_log.services;

	if (services->count == 0)
		return service != ENTRY_SMTP || conf->listener_count == 0;
	for (size_t i = 0; i < services->count; i++)
		if (strcmp(services->items[i], entry_service_name(service)) ==
			0)
			return true;
	return false;
}

static void on_entry(void *arg, const struct entry *entry)
{
	struct ear *ear = arg;

	if (!counts(ear->hub->conf, entry->service) ||
		!judge_hear(ear->hub, entry)) {
		ear->ignored++;
		return;
	}
	ear->failures += entry->outcome == ENTRY_FAILED;
	ear->successes += entry->outcome == ENTRY_OK;
}

/* ---- reading ---- */

static void next_file(struct ear *ear)
{
	if (ear->fd >= 0)
		(void)close(ear->fd);
	ear->fd = ear->next_fd;
	ear->next_fd = -1;
	ear->read_error = 0;
	ear->files++;
	reader_break(ear->reader);
}

/* Cut by its writer, who goes on at its beginning. */
static bool was_cut(const struct ear *ear)
{
	struct stat st;
	off_t at;

	if (fstat(ear->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	at = lseek(ear->fd, 0, SEEK_CUR);
	return at > st.st_size && lseek(ear->fd, 0, SEEK_SET) == 0;
}

/* true: there is more. */
static bool at_end(struct ear *ear)
{
	reader_quiet(ear->reader);
	if (ear->next_fd >= 0) {
		next_file(ear);
		return true;
	}
	if (!was_cut(ear))
		return false;
	ear->files++;
	reader_break(ear->reader);
	return true;
}

static bool read_failed(struct ear *ear, int error)
{
	if (ear->read_error != error)
		log_say(LOG_WARN, "domino-log",
			"cannot read %s: %s; trying again",
			ear->hub->conf->domino_log.path, strerror(error));
	ear->read_error = error;
	if (ear->next_fd < 0)
		return false;
	next_file(ear);
	return true;
}

/* A piece. true: there is more. */
static bool read_piece(struct ear *ear)
{
	ssize_t n = read(ear->fd, ear->piece, sizeof(ear->piece));

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return read_failed(ear, errno);
	if (n <= 0)
		return at_end(ear);
	ear->read_error = 0;
	reader_feed(ear->reader, hub_now(ear->hub),
		slice_of(ear->piece, (size_t)n));
	return n == (ssize_t)sizeof(ear->piece);
}

static void arm(struct ear *ear, unsigned wait_ms)
{
	struct timeval tv = {.tv_usec = (suseconds_t)(wait_ms * US_PER_MS)};

	(void)event_add(ear->timer, &tv); /* there is memory for a timer */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ear *ear = arg;
	bool more = false;

	if (!ear->on || ear->reader == NULL)
		return; /* armed anew when there is something to read */
	if (ear->fd < 0 && ear->next_fd >= 0)
		next_file(ear);
	if (ear->fd >= 0)
		more = read_piece(ear);
	arm(ear, more ? 0 : EVERY_MS);
}

/* ---- what the supervisor says ---- */

static void close_files(struct ear *ear)
{
	if (ear->fd >= 0)
		(void)close(ear->fd);
	if (ear->next_fd >= 0)
		(void)close(ear->next_fd);
	ear->fd = ear->next_fd = -1;
}

void ear_off(struct hub *hub)
{
	struct ear *ear = hub->ear;

	close_files(ear);
	ear->error = ear->read_error = 0;
	ear->on = false;
}

void ear_trouble(struct hub *hub, int error)
{
	hub->ear->on = true;
	hub->ear->error = error;
}

static void forget_patterns(struct ear *ear)
{
	if (ear->reader != NULL)
		reader_counts_add(&ear->before, reader_counts(ear->reader));
	reader_free(&ear->reader);
	patterns_free(&ear->patterns);
}

void ear_patterns(struct hub *hub, const char *text)
{
	char error[PATTERNS_ERROR_LONGEST];
	struct ear *ear = hub->ear;

	forget_patterns(ear);
	ear->patterns = patterns_parse(text, "patterns", false, error);
	if (ear->patterns != NULL)
		ear->reader =
			reader_new(ear->patterns, READER_FOLLOW, on_entry, ear);
	if (ear->reader == NULL)
		log_say(LOG_ERROR, "domino-log", "cannot use the patterns: %s",
			error);
	else if (ear->fd >= 0 || ear->next_fd >= 0)
		arm(ear, 0);
}

void ear_file(struct hub *hub, int fd)
{
	struct ear *ear = hub->ear;

	if (ear->next_fd >= 0)
		(void)close(ear->next_fd); /* nobody read it in its second */
	ear->next_fd = fd;
	ear->error = 0;
	ear->on = true;
	arm(ear, 0);
}

/* ---- life ---- */

struct ear *ear_new(struct hub *hub)
{
	struct ear *ear = calloc(1, sizeof(*ear));

	if (ear == NULL)
		return NULL;
	ear->hub = hub;
	ear->fd = ear->next_fd = -1;
	ear->timer = evtimer_new(hub->base, on_timer, ear);
	if (ear->timer == NULL)
		ear_free(&ear);
	return ear;
}

void ear_free(struct ear **ear)
{
	if (*ear == NULL)
		return;
	close_files(*ear);
	forget_patterns(*ear);
	if ((*ear)->timer != NULL)
		event_free((*ear)->timer);
	free(*ear);
	*ear = NULL;
}

static const char *state_of(const struct ear *ear)
{
	if (!ear->on)
		return "off";
	if (ear->error != 0 || ear->read_error != 0)
		return "trouble";
	return ear->fd >= 0 ? "following" : "waiting";
}

json_t *ear_object(const struct hub *hub)
{
	const struct ear *ear = hub->ear;
	struct reader_counts sum = ear->before;
	int error = ear->error != 0 ? ear->error : ear->read_error;

	if (ear->reader != NULL)
		reader_counts_add(&sum, reader_counts(ear->reader));
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I, s:I, s:I}",
		"path", hub->conf->domino_log.path, "state", state_of(ear),
		"error", error != 0 ? strerror(error) : "", "files",
		(json_int_t)ear->files, "octets", (json_int_t)sum.octets,
		"lines", (json_int_t)sum.lines, "entries",
		(json_int_t)sum.entries, "failures", (json_int_t)ear->failures,
		"successes", (json_int_t)ear->successes, "ignored",
		(json_int_t)ear->ignored, "skipped", (json_int_t)sum.skipped,
		"twins", (json_int_t)sum.twins, "limits",
		(json_int_t)sum.limits, "cut", (json_int_t)sum.cut);
}

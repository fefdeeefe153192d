/*
 * One event, one line.
 *
 * A line is built in `line`, a finished one is appended to `wait`, and
 * log_flush() writes that in few large pieces. The descriptor belongs to the
 * supervisor; a process that serves clients must never wait for what is behind
 * it, so nothing here blocks: what finds no room is counted and dropped, and
 * a later line says how many were lost.
 *
 *   wait: | finished lines ... \n | room |     lines are whole, but for the
 *         0                       wait_n       first after a short write
 *
 * A field that does not fit into its line is left out whole and the line says
 * cut=true: a line always ends properly. Not for signal handlers or threads.
 */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

enum {
	WAIT_BYTES = 16 * 1024,
	DATAGRAM_LONGEST = 8 * 1024,
	/* What a pipe takes at once when poll(2) calls it writable. */
	PIECE_LONGEST = 4096,
	/* Kept for ` cut=true`, `,"cut":true}` and the newline. */
	TAIL_BYTES = 16,
	OWN_VALUE_LONGEST = 2048,
	TIME_BYTES = 32,
	KINDS_MOST = 64, /* more events share the last place */
};

/* Lines of one event: event names are static, so a pointer is enough. */
struct kind {
	const char *event;
	wall_s_t second;
	unsigned count;
	uint64_t unsaid_count;
};

enum log_sink {
	SINK_NONE,
	SINK_DATAGRAM, /* whole lines in each message */
	SINK_STREAM,   /* a stream socket: journald */
	SINK_FILE,     /* file, pipe, terminal */
};

static struct {
	const char *process;
	int fd;
	enum log_sink sink;
	enum log_level level;
	enum log_format format;
	char line[LOG_LINE_LONGEST];
	size_t line_n;
	bool building, cut;
	char wait[WAIT_BYTES];
	size_t wait_n;
	uint64_t dropped_count, unsaid_count;
	struct kind kinds[KINDS_MOST];
	unsigned lines_most; /* of a kind in a second; 0: no limit */
	uint64_t suppressed_count;
	wall_s_t time_s; /* what `time` says */
	char time[TIME_BYTES];
} log_state = {.fd = -1};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* ---- escaping ---- */

static const char hex_digits[] = "0123456789abcdef";

/* Stands for itself between quotes. */
static bool octet_passes(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Octets at its beginning that do. */
static size_t run_passes(struct slice in)
{
	size_t n = 0;

	while (n < in.n && octet_passes(in.p[n]))
		n++;
	return n;
}

/* Writes the escape of one octet, at most six; returns its length. */
static size_t escape_octet(uint8_t c, enum log_format format, char out[6])
{
	size_t n = 0;

	out[n++] = '\\';
	if (c == '"' || c == '\\') {
		out[n++] = (char)c;
		return n;
	}
	out[n++] = format == LOG_JSON ? 'u' : 'x';
	if (format == LOG_JSON) {
		out[n++] = '0';
		out[n++] = '0';
	}
	out[n++] = hex_digits[c >> 4];
	out[n++] = hex_digits[c & 15];
	return n;
}

size_t log_escape(
	struct slice in, enum log_format format, char *out, size_t room)
{
	size_t n = 0;

	while (in.n > 0) {
		size_t run = run_passes(slice_head(in, room - n));
		char octet[6];
		size_t octet_n;

		memcpy(out + n, in.p, run);
		n += run;
		in = slice_skip(in, run);
		if (in.n == 0 || n == room)
			break;
		octet_n = escape_octet(in.p[0], format, octet);
		if (octet_n > room - n)
			break;
		memcpy(out + n, octet, octet_n);
		n += octet_n;
		in = slice_skip(in, 1);
	}
	return n;
}

/* -1: not one of ours. */
static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t log_unescape(struct slice in, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n < room; i++) {
		if (in.p[i] == '\\' && in.n - i > 3 && in.p[i + 1] == 'x' &&
			hex_value(in.p[i + 2]) >= 0 &&
			hex_value(in.p[i + 3]) >= 0) {
			out[n++] = (char)(hex_value(in.p[i + 2]) << 4 |
					  hex_value(in.p[i + 3]));
			i += 3;
			continue;
		}
		if (in.p[i] == '\\' && in.n - i > 1)
			i++;
		out[n++] = (char)in.p[i];
	}
	return n;
}

static bool octet_plain(uint8_t c)
{
	uint8_t lower = slice_lower(c);

	return (lower >= 'a' && lower <= 'z') || (c >= '-' && c <= ':') ||
	       c == '@' || c == '_' || c == '+';
}

/* Values of these alone need no quotes: an operator's grep stays simple. */
static bool value_plain(struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!octet_plain(value.p[i]))
			return false;
	return value.n > 0;
}

/* ---- building a line ---- */

static bool line_add(const char *p, size_t n)
{
	if (n > sizeof(log_state.line) - TAIL_BYTES - log_state.line_n)
		return false;
	memcpy(log_state.line + log_state.line_n, p, n);
	log_state.line_n += n;
	return true;
}

static bool line_add_str(const char *s)
{
	return line_add(s, strlen(s));
}

static bool line_add_key(const char *key)
{
	if (log_state.format == LOG_TEXT)
		return line_add(" ", 1) && line_add_str(key) &&
		       line_add("=", 1);
	return line_add(",\"", 2) && line_add_str(key) && line_add("\":", 2);
}

static bool line_add_quoted(struct slice value, size_t longest)
{
	char text[OWN_VALUE_LONGEST];
	size_t n = log_escape(value, log_state.format, text, longest);

	return line_add("\"", 1) && line_add(text, n) && line_add("\"", 1);
}

/* A field goes in whole or not at all. */
static void field_add(
	const char *key, struct slice value, bool bare, size_t longest)
{
	size_t before = log_state.line_n;
	bool fits = line_add_key(key);

	if (fits && bare)
		fits = line_add((const char *)value.p, value.n);
	else if (fits)
		fits = line_add_quoted(value, longest);
	if (fits)
		return;
	log_state.line_n = before;
	log_state.cut = true;
}

static void field_add_text(const char *key, struct slice value, size_t longest)
{
	bool bare = log_state.format == LOG_TEXT && value.n <= longest &&
		    value_plain(value);

	field_add(key, value, bare, longest);
}

static const char *time_text(void)
{
	wall_s_t now = clock_wall_s();
	time_t t = (time_t)now;
	struct tm tm;

	if (log_state.time[0] && now == log_state.time_s)
		return log_state.time;
	log_state.time_s = now;
	if (!gmtime_r(&t, &tm) || !strftime(log_state.time, TIME_BYTES,
					  "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(log_state.time, "-");
	return log_state.time;
}

/* "worker 1" would be two words of a text line. */
static void line_add_process(void)
{
	size_t at = log_state.line_n;

	line_add_str(log_state.process);
	for (; at < log_state.line_n; at++)
		if (log_state.line[at] == ' ')
			log_state.line[at] = '-';
}

static void line_start(enum log_level level, const char *event)
{
	log_state.building = true;
	log_state.cut = false;
	log_state.line_n = 0;
	if (log_state.format == LOG_TEXT) {
		line_add_str(time_text());
		line_add(" ", 1);
		line_add_str(level_names[level]);
		line_add(" ", 1);
		line_add_process();
		line_add(" ", 1);
		line_add_str(event);
		return;
	}
	line_add_str("{\"time\":\"");
	line_add_str(time_text());
	line_add("\"", 1);
	log_str("level", level_names[level]);
	log_str("process", log_state.process);
	log_str("event", event);
}

static void line_finish(void)
{
	const char *tail = log_state.format == LOG_JSON ? "}\n" : "\n";

	if (log_state.cut && log_state.format == LOG_JSON)
		tail = ",\"cut\":true}\n";
	else if (log_state.cut)
		tail = " cut=true\n";
	_Static_assert(sizeof(",\"cut\":true}\n") <= TAIL_BYTES, "tail");
	memcpy(log_state.line + log_state.line_n, tail, strlen(tail));
	log_state.line_n += strlen(tail);
	log_state.building = false;
}

/* ---- writing ---- */

/* Whole lines of at most `most` octets (a line is always shorter). */
static size_t lines_within(size_t most)
{
	const char *end;

	if (log_state.wait_n <= most)
		return log_state.wait_n;
	end = memrchr(log_state.wait, '\n', most);
	return end ? (size_t)(end - log_state.wait) + 1 : most;
}

static ssize_t piece_write(void)
{
	struct pollfd poll_fd = {.fd = log_state.fd, .events = POLLOUT};
	size_t n = log_state.wait_n;

	switch (log_state.sink) {
	case SINK_DATAGRAM:
		return send(log_state.fd, log_state.wait,
			lines_within(DATAGRAM_LONGEST),
			MSG_DONTWAIT | MSG_NOSIGNAL);
	case SINK_STREAM:
		return send(log_state.fd, log_state.wait, n,
			MSG_DONTWAIT | MSG_NOSIGNAL);
	case SINK_FILE:
		/* The flag O_NONBLOCK is shared with others and not ours. */
		if (poll(&poll_fd, 1, 0) != 1) {
			errno = EAGAIN;
			return -1;
		}
		return write(log_state.fd, log_state.wait,
			n < PIECE_LONGEST ? n : PIECE_LONGEST);
	case SINK_NONE: break;
	}
	errno = EBADF;
	return -1;
}

static void lines_drop(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (log_state.wait[i] != '\n')
			continue;
		log_state.dropped_count++;
		log_state.unsaid_count++;
	}
}

static void wait_remove(size_t n)
{
	log_state.wait_n -= n;
	memmove(log_state.wait, log_state.wait + n, log_state.wait_n);
}

static void wait_write(void)
{
	while (log_state.wait_n) {
		ssize_t n = piece_write();

		if (n > 0) {
			wait_remove((size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
				     errno == ENOBUFS))
			return;
		/* Full disk, dead reader: old lines make room for new ones. */
		lines_drop(log_state.wait_n);
		log_state.wait_n = 0;
	}
}

static void line_queue(void)
{
	if (log_state.line_n > sizeof(log_state.wait) - log_state.wait_n)
		wait_write();
	if (log_state.line_n > sizeof(log_state.wait) - log_state.wait_n) {
		log_state.dropped_count++;
		log_state.unsaid_count++;
		return;
	}
	memcpy(log_state.wait + log_state.wait_n, log_state.line,
		log_state.line_n);
	log_state.wait_n += log_state.line_n;
}

/* Whatever the level: a log that lies by leaving out is worse than none. */
static void say_dropped(void)
{
	uint64_t count = log_state.unsaid_count;

	/* Only into ample room, or it would be dropped itself. */
	if (!count || sizeof(log_state.wait) - log_state.wait_n < 512)
		return;
	log_state.unsaid_count = 0;
	line_start(LOG_WARN, "log-dropped");
	log_int("lines", (int64_t)count);
	line_finish();
	line_queue();
}

/* ---- the interface ---- */

static enum log_sink sink_of(int fd)
{
	socklen_t n = sizeof(int);
	int type;

	if (fd < 0)
		return SINK_NONE;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
		return SINK_FILE;
	return type == SOCK_STREAM ? SINK_STREAM : SINK_DATAGRAM;
}

void log_init(const char *process, int fd, enum log_level level,
	enum log_format format)
{
	/* What waits here after a fork is the parent's to write. */
	log_state.wait_n = 0;
	log_state.building = false;
	log_state.dropped_count = log_state.unsaid_count = 0;
	log_state.suppressed_count = 0;
	log_state.lines_most = 0;
	memset(log_state.kinds, 0, sizeof(log_state.kinds));
	log_state.process = process;
	log_state.fd = fd;
	log_state.sink = sink_of(fd);
	log_state.level = level;
	log_state.format = format;
}

void log_done(void)
{
	log_flush();
	log_state.fd = -1;
	log_state.sink = SINK_NONE;
	log_state.wait_n = 0;
	log_state.building = false;
}

void log_limit(unsigned lines_most)
{
	log_state.lines_most = lines_most;
}

uint64_t log_suppressed_count(void)
{
	return log_state.suppressed_count;
}

static struct kind *kind_of(const char *event)
{
	struct kind *kind = log_state.kinds;

	while (kind->event && kind->event != event &&
		kind < &log_state.kinds[KINDS_MOST - 1])
		kind++;
	kind->event = event;
	return kind;
}

/* May one more be made? *ret_unsaid: those before it that were not. */
static bool kind_has_room(const char *event, uint64_t *ret_unsaid)
{
	struct kind *kind = kind_of(event);
	wall_s_t now = clock_wall_s();

	if (kind->second != now) {
		kind->second = now;
		kind->count = 0;
	}
	if (kind->count >= log_state.lines_most) {
		kind->unsaid_count++;
		log_state.suppressed_count++;
		return false;
	}
	kind->count++;
	*ret_unsaid = kind->unsaid_count;
	kind->unsaid_count = 0;
	return true;
}

bool log_wants(enum log_level level)
{
	return log_state.sink != SINK_NONE && level <= log_state.level;
}

void log_begin(enum log_level level, const char *event)
{
	uint64_t unsaid = 0;

	log_state.building = false;
	if (!log_wants(level))
		return;
	if (level != LOG_DEBUG && log_state.lines_most > 0 &&
		!kind_has_room(event, &unsaid))
		return;
	say_dropped();
	line_start(level, event);
	if (unsaid > 0)
		log_int("suppressed", (int64_t)unsaid);
}

void log_str(const char *key, const char *value)
{
	if (log_state.building)
		field_add_text(key, slice_str(value), OWN_VALUE_LONGEST);
}

void log_peer(const char *key, struct slice value)
{
	if (log_state.building)
		field_add_text(key, value, LOG_VALUE_LONGEST);
}

/* Numbers need neither quotes nor a look at each octet. */
static void field_add_bare(const char *key, const char *text, const char *end)
{
	field_add(key, slice_of(text, (size_t)(end - text)), true, 0);
}

void log_int(const char *key, int64_t value)
{
	char text[1 + TEXT_NUMBER_LONGEST], *at = text;
	uint64_t size = (uint64_t)value;

	if (!log_state.building)
		return;
	if (value < 0) {
		*at++ = '-';
		size = -size;
	}
	field_add_bare(key, text, text_number(at, size));
}

void log_hex(const char *key, uint64_t value)
{
	char text[TEXT_HEX_DIGITS + 1];

	if (!log_state.building)
		return;
	*text_hex(text, value) = '\0';
	log_str(key, text);
}

void log_addr(const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_LONGEST];

	if (log_state.building)
		log_str(key, addr_format(addr, text));
}

void log_prefix(const char *key, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LONGEST];

	if (log_state.building)
		log_str(key, prefix_format(prefix, text));
}

void log_bool(const char *key, bool value)
{
	if (log_state.building)
		field_add(key, slice_str(value ? "true" : "false"), true, 0);
}

void log_end(void)
{
	if (!log_state.building)
		return;
	line_finish();
	line_queue();
}

void log_say(enum log_level level, const char *event, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut is fine */
	va_end(args);
	log_begin(level, event);
	log_str("message", text);
	log_end();
}

void log_phrase(const char *text)
{
	if (!log_wants(LOG_INFO) || log_state.building)
		return;
	say_dropped();
	log_state.line_n = 0;
	line_add_str(time_text());
	line_add("   ", 3);
	/* Whole or not at all: who reads it looks for its end. */
	if (!line_add_str(text) || !line_add("\n", 1))
		return;
	line_queue();
}

void log_flush(void)
{
	wait_write();
	/* Never into a line that is being built. */
	if (log_state.wait_n || log_state.building || !log_state.unsaid_count)
		return;
	say_dropped();
	wait_write();
}

bool log_waiting(void)
{
	return log_state.wait_n > 0;
}

size_t log_dropped_line(uint64_t lines, char *out, size_t room)
{
	size_t n;

	if (log_state.building)
		return 0;
	line_start(LOG_WARN, "log-dropped");
	log_int("lines", (int64_t)lines);
	line_finish();
	n = log_state.line_n < room ? log_state.line_n : 0;
	memcpy(out, log_state.line, n);
	return n;
}

uint64_t log_dropped_count(void)
{
	return log_state.dropped_count;
}

/*
 * One event, one line: key=value text or JSON.
 *
 * A line is built in a buffer of fixed size; peer octets are escaped and cut;
 * a full buffer loses whole fields, never the frame. Finished lines wait in a
 * process-wide buffer and leave in few large writes to a descriptor that the
 * supervisor owns: a process that serves clients never waits for a disk. When
 * the descriptor would block, lines are counted and dropped.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "addr.h"
#include "units.h"

enum log_level {
	LOG_ERROR, /* somebody has to act */
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

enum log_format {
	LOG_TEXT, /* 2026-11-23T15:04:05Z info session event=… key=value */
	LOG_JSON, /* {"time":"…","level":"info","event":"…",…} */
};

enum { LOG_LINE_LONGEST = 4000, LOG_VALUE_LONGEST = 512 };

/*
 * process: "worker 1", "keeper"…; static. fd: a SOCK_SEQPACKET or a file;
 * borrowed until log_done(). Lines above `level` are not made.
 */
void log_init(const char *process, int fd, enum log_level level,
	enum log_format format);
void log_done(void); /* flushes */

/*
 * Lines of the same event in a second, at most; the others are counted, and
 * the next one that is made says so (`suppressed`). 0: all are made. Lines of
 * level debug are not limited.
 */
void log_limit(unsigned lines_most);
uint64_t log_suppressed_count(void);

bool log_wants(enum log_level level);

/*
 * Builds one line: log_begin, any fields, log_end. Fields between a begin that
 * was not wanted and its end cost next to nothing. Keys are ours and static.
 */
void log_begin(enum log_level level, const char *event);
void log_str(const char *key, const char *value);   /* ours: escaped all the
						       same */
void log_peer(const char *key, struct slice value); /* a peer's: escaped, cut
							at LOG_VALUE_LONGEST */
void log_int(const char *key, int64_t value);
void log_hex(const char *key, uint64_t value);
void log_addr(const char *key, const struct addr *addr);
void log_prefix(const char *key, const struct prefix *prefix);
void log_bool(const char *key, bool value);
void log_end(void);

/* A line with only a message: printf for our own words. */
void log_say(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A line in somebody else's words: the time, three blanks, the text, whatever
 * the format. The caller escaped what strangers chose. Level info.
 */
void log_phrase(const char *text);

/* Writes what waits; call at the end of a loop turn. Never blocks. */
void log_flush(void);
bool log_waiting(void); /* something waits for log_flush() */
uint64_t log_dropped_count(void);
/* For who writes what comes out of the descriptor, and lost lines there: a
 * whole line that says so. 0: not now, or no room. */
size_t log_dropped_line(uint64_t lines, char *out, size_t room);

/*
 * The escaper alone (fuzzed): printable ASCII passes, `"` and `\` get a
 * backslash, all else becomes \xNN (text) or \u00NN (JSON, octet by octet).
 * Returns the octets written, at most room; cuts between escapes.
 */
size_t log_escape(
	struct slice in, enum log_format format, char *out, size_t room);
/* The octets that log_escape(…, LOG_TEXT, …) made `in` of; at most room. */
size_t log_unescape(struct slice in, char *out, size_t room);

#endif

/* A log as a file: plain or gzip, its time stamps made into times. */
#ifndef TOOLS_LOGFILE_H
#define TOOLS_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "../logs/reader.h"

struct logfile;

/* false: stop. at_ms: since 1970, in the log's own clock. */
typedef bool logfile_tell(void *arg, int64_t at_ms, const struct entry *entry);
/* done, whole: octets of the file; whole 0: not known. */
typedef void logfile_progress(void *arg, uint64_t done, uint64_t whole);

struct logfile_setup {
	const struct patterns *patterns;
	enum stamp_order order; /* STAMP_UNKNOWN: find out */
	logfile_tell *tell;
	logfile_progress *progress;
	void *arg;
};

/* What was read, of all files. */
struct logfile_counts {
	struct reader_counts read;
	uint64_t timeless; /* entries without a time, at that of the last */
	uint64_t backward; /* earlier than the one before */
	int64_t first_ms, last_ms;
	bool any;
	enum stamp_order order; /* that was found or given */
};

/* path "-": standard input. false: errno says why; ECANCELED: told to stop.
 * Adds to *counts. */
bool logfile_read(const char *path, const struct logfile_setup *setup,
	struct logfile_counts *counts);

#endif

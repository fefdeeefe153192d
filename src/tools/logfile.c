/*
 * Reading a log from a file.
 *
 * zlib reads both plain files and gzip. The order of a date's numbers is that
 * of the first line which leaves no doubt, in the first mebibyte; then the
 * file before; then what is usual with its separator.
 */
#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE_BYTES = 1024 * 1024 };

struct logfile {
	const struct logfile_setup *setup;
	struct logfile_counts *counts;
	gzFile file;
	uint64_t whole;
	bool stop;
	uint8_t piece[PIECE_BYTES];
};

/* ---- times ---- */

static void find_order(struct logfile *f, struct slice text)
{
	if (f->setup->order != STAMP_UNKNOWN) {
		f->counts->order = f->setup->order;
		return;
	}
	while (text.n > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		enum stamp_order order = STAMP_UNKNOWN;
		struct head head;

		if (head_read(slice_head(text, n), &head))
			order = stamp_order_of(&head.stamp);
		if (order != STAMP_UNKNOWN) {
			f->counts->order = order;
			return;
		}
		text = slice_skip(text, n + 1);
	}
}

/* Of the line, or of the one before it. */
static int64_t time_of(struct logfile *f, const struct stamp *stamp)
{
	struct logfile_counts *counts = f->counts;
	enum stamp_order order = counts->order;
	int64_t at_ms = counts->last_ms;

	if (order == STAMP_UNKNOWN)
		order = stamp_order_usual(stamp);
	if (!stamp_ms(stamp, order, &at_ms)) {
		counts->timeless++;
		return counts->last_ms;
	}
	if (counts->any && at_ms < counts->last_ms) {
		counts->backward++;
		return counts->last_ms;
	}
	return at_ms;
}

static void on_entry(void *arg, const struct entry *entry)
{
	struct logfile *f = arg;
	int64_t at_ms;

	if (f->stop)
		return;
	at_ms = time_of(f, &entry->stamp);
	if (!f->counts->any)
		f->counts->first_ms = at_ms;
	f->counts->any = true;
	f->counts->last_ms = at_ms;
	f->stop = !f->setup->tell(f->setup->arg, at_ms, entry);
}

/* ---- octets ---- */

static bool open_file(struct logfile *f, const char *path)
{
	int fd = strcmp(path, "-") == 0
			 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			 : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {0};

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		f->whole = (uint64_t)st.st_size;
	if (S_ISDIR(st.st_mode)) {
		(void)close(fd);
		errno = EISDIR;
		return false;
	}
	f->file = gzdopen(fd, "rb");
	if (f->file == NULL) {
		(void)close(fd);
		errno = ENOMEM;
		return false;
	}
	(void)gzbuffer(f->file, 256 * 1024);
	return true;
}

/* 0: good; else errno. */
static int read_pieces(struct logfile *f, struct reader *reader)
{
	bool first = true;
	int n, error = Z_OK;

	while (!f->stop &&
		(n = gzread(f->file, f->piece, sizeof(f->piece))) > 0) {
		if (first)
			find_order(f, slice_of(f->piece, (size_t)n));
		first = false;
		reader_feed(reader, 0, slice_of(f->piece, (size_t)n));
		f->setup->progress(
			f->setup->arg, (uint64_t)gzoffset(f->file), f->whole);
	}
	reader_end(reader);
	if (f->stop)
		return ECANCELED;
	(void)gzerror(f->file, &error);
	if (error == Z_OK || error == Z_STREAM_END)
		return 0;
	return error == Z_ERRNO ? errno : EBADMSG;
}

bool logfile_read(const char *path, const struct logfile_setup *setup,
	struct logfile_counts *counts)
{
	struct logfile *f = calloc(1, sizeof(*f));
	struct reader *reader = NULL;
	int error = ENOMEM;

	if (f == NULL)
		return false;
	f->setup = setup;
	f->counts = counts;
	if (open_file(f, path))
		reader = reader_new(setup->patterns, READER_GUESS, on_entry, f);
	else
		error = errno;
	if (reader != NULL) {
		error = read_pieces(f, reader);
		reader_counts_add(&counts->read, reader_counts(reader));
	}
	reader_free(&reader);
	if (f->file != NULL)
		(void)gzclose(f->file);
	free(f);
	errno = error;
	return error == 0;
}

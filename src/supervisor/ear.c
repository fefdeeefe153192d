/*
 * Opening the server's log, and opening it again after its rotation.
 *
 * The path is looked at once a second. What it leads to is opened by its
 * inode, so that a name which changes hands in between does not matter, and
 * only a file or a pipe is taken: opening a device may do something. Nothing in
 * the log is ever read here.
 *
 * The descriptor stays open here, too: its offset then outlives the keeper, and
 * a pipe's writer does not lose its only reader.
 */
#include "ear.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "../logs/patterns.h"
#include "../logs/samples.h"
#include "internal.h"

enum { LOOK_EACH_MS = 1000 };

/* ---- patterns ---- */

/* What the samples say, cut at what `error` holds. */
static bool samples_fine(
	const struct patterns *patterns, const char *name, char *error)
{
	FILE *out = fmemopen(error, EAR_ERROR_LONGEST, "w");
	unsigned tried, wrong;

	if (!out)
		return false;
	(void)setvbuf(out, NULL, _IONBF, 0); /* what does not fit is cut */
	wrong = samples_check(patterns, name, out, &tried);
	(void)fclose(out);
	error[EAR_ERROR_LONGEST - 1] = 0;
	return wrong == 0;
}

static bool patterns_fine(const char *text, const char *name, char *error)
{
	struct patterns *patterns = patterns_parse(text, name, false, error);
	bool fine = patterns && samples_fine(patterns, name, error);

	patterns_free(&patterns);
	return fine;
}

char *ear_patterns_text(const struct conf *conf, char error[EAR_ERROR_LONGEST])
{
	const char *path = conf->domino_log.patterns;
	char *text;

	if (conf->domino_log.path[0] == 0)
		return strdup("");
	text = patterns_file(path);
	if (!text) {
		(void)snprintf(error, EAR_ERROR_LONGEST,
			"domino_log: patterns: %s: %s", path, strerror(errno));
		return NULL;
	}
	if (patterns_fine(text, path[0] ? path : "built in", error))
		return text;
	free(text);
	return NULL;
}

/* ---- the file ---- */

/* -1: errno. ret_st: of what it is. */
static int open_log(const char *path, struct stat *ret_st)
{
	int fd = open(path, O_PATH | O_CLOEXEC), again = -1;
	char by_inode[64];

	if (fd < 0)
		return -1;
	if (fstat(fd, ret_st) == 0) {
		errno = EINVAL;
		(void)snprintf(
			by_inode, sizeof by_inode, "/proc/self/fd/%d", fd);
		if (S_ISREG(ret_st->st_mode) || S_ISFIFO(ret_st->st_mode))
			again = open(by_inode,
				O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	(void)close(fd);
	return again;
}

const char *ear_path_wrong(const struct conf *conf)
{
	struct stat st;
	int fd;

	if (conf->domino_log.path[0] == 0)
		return NULL;
	fd = open_log(conf->domino_log.path, &st);
	if (fd >= 0) {
		(void)close(fd);
		return NULL;
	}
	return errno == EINVAL ? "neither a file nor a pipe" : strerror(errno);
}

void ear_begin(struct ear *ear)
{
	*ear = (struct ear){.fd = -1};
}

void ear_done(struct ear *ear)
{
	if (ear->fd >= 0)
		(void)close(ear->fd);
	free(ear->path);
	free(ear->told);
	ear_begin(ear);
}

void ear_adopt(struct ear *ear, const char *path, int fd)
{
	struct stat st;

	ear_done(ear);
	ear->path = strdup(path);
	if (!ear->path || fstat(fd, &st) < 0) {
		(void)close(fd);
		return;
	}
	ear->fd = fd;
	ear->dev = st.st_dev;
	ear->ino = st.st_ino;
	ear->looked = ear->untold = true;
}

static void trouble(struct ear *ear, int error)
{
	if (error == ear->error)
		return;
	ear->error = error;
	ear->untold = true;
	if (error != 0)
		log_say(LOG_WARN, "domino-log",
			"cannot follow %s: %s; looking for it again each "
			"second",
			ear->path,
			error == EINVAL ? "neither a file nor a pipe"
					: strerror(error));
}

/* What was there at the first look is old: only what comes counts. */
static void take_file(struct ear *ear, int fd, const struct stat *st)
{
	if (ear->fd >= 0)
		(void)close(ear->fd);
	ear->fd = fd;
	ear->dev = st->st_dev;
	ear->ino = st->st_ino;
	ear->untold = true;
	if (!ear->looked && S_ISREG(st->st_mode))
		(void)lseek(fd, 0, SEEK_END);
	log_begin(LOG_INFO, "domino-log");
	log_str("following", ear->path);
	log_bool("from_end", !ear->looked);
	log_end();
}

static void look(struct ear *ear)
{
	struct stat st;
	int fd;

	if (ear->fd >= 0 && stat(ear->path, &st) == 0 &&
		st.st_dev == ear->dev && st.st_ino == ear->ino) {
		trouble(ear, 0);
		return;
	}
	fd = open_log(ear->path, &st);
	trouble(ear, fd < 0 ? errno : 0);
	if (fd >= 0)
		take_file(ear, fd, &st);
	ear->looked = true;
}

/* ---- the keeper ---- */

static bool say(struct child *keeper, enum ear_word word, int error, int fd)
{
	const struct message_ear body = {
		.word = word, .error = (uint32_t)error};

	if (fd < 0)
		return channel_send(keeper->channel, MESSAGE_EAR, &body,
			       sizeof body) == CHANNEL_OK;
	return channel_send_fd(keeper->channel, MESSAGE_EAR, &body, sizeof body,
		       fd) == CHANNEL_OK;
}

static void tell_file(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct ear *ear = &s->ear;
	bool told = true;

	if (!ear->untold || !keeper || !keeper->channel || keeper->pid == 0)
		return;
	if (!ear->path)
		told = say(keeper, EAR_OFF, 0, -1);
	if (ear->path && ear->fd >= 0)
		told = say(keeper, EAR_FILE, 0, ear->fd);
	if (told && ear->error != 0)
		told = say(keeper, EAR_TROUBLE, ear->error, -1);
	(void)channel_flush(keeper->channel);
	ear->untold = !told; /* or at the next turn */
}

/* The one whose keeper runs; while a reload is prepared that is the old. */
static const struct plan *in_force(const struct supervisor *s)
{
	return s->old_plan ? s->old_plan : s->plan;
}

static void tell_patterns(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	const char *text = in_force(s)->ear_patterns;
	int fd;
	ssize_t n = (ssize_t)strlen(text);

	if (s->ear.told && strcmp(s->ear.told, text) == 0)
		return;
	fd = memfd_create("patterns", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t)n) == n && keeper &&
		keeper->channel && say(keeper, EAR_PATTERNS, 0, fd)) {
		free(s->ear.told);
		s->ear.told = strdup(text);
	}
	if (fd >= 0)
		(void)close(fd);
}

static bool same_path(const struct ear *ear, const char *path)
{
	return ear->path ? strcmp(ear->path, path) == 0 : path[0] == 0;
}

void ear_plan(struct supervisor *s)
{
	const char *path = in_force(s)->conf->domino_log.path;
	struct ear *ear = &s->ear;

	if (!same_path(ear, path)) {
		ear_done(ear);
		ear->path = path[0] ? strdup(path) : NULL;
		if (ear->path)
			look(ear);
		ear->due = s->now + LOOK_EACH_MS;
		ear->untold = true;
	}
	if (ear->path)
		tell_patterns(s);
	tell_file(s);
}

void ear_tell(struct supervisor *s)
{
	free(s->ear.told);
	s->ear.told = NULL;
	s->ear.untold = true;
	ear_plan(s);
}

void ear_tick(struct supervisor *s)
{
	struct ear *ear = &s->ear;

	if (ear->path && s->now >= ear->due) {
		ear->due = s->now + LOOK_EACH_MS;
		look(ear);
	}
	if (ear->path && !ear->told)
		tell_patterns(s);
	tell_file(s);
}

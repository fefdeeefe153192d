/*
 * Taking over from another supervisor: the side of the one that comes.
 *
 * Whatever fails here ends this process; the one before notices and goes on.
 */
#include "heir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "heir_line.h"
#include "internal.h"

enum { PATIENCE_MS = 40000 };

void heir_init(struct heir *heir, int line)
{
	heir->line = line;
	if (line >= 0) /* it came through an exec, and goes through none */
		(void)fcntl(line, F_SETFD, FD_CLOEXEC);
	heir->control = heir->state = heir->ear = -1;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void heir_free(struct heir *heir)
{
	close_one(&heir->line);
	close_one(&heir->control);
	close_one(&heir->state);
	close_one(&heir->ear);
	free(heir->ear_path);
	heir->ear_path = NULL;
	for (size_t i = 0; i < heir->line_count; i++)
		(void)close(heir->lines[i].fd);
	heir->line_count = 0;
	listeners_free(&heir->doors);
}

void heir_failed(struct heir *heir, const char *why)
{
	if (heir->line >= 0)
		(void)heir_say(heir->line, -1, "failed %s", why);
}

/* "ADDRESS PORT". Takes the descriptor over. */
static bool take_door(struct heir *heir, const char *text, int fd)
{
	char host[ADDR_TEXT_LONGEST];
	size_t n = strcspn(text, " ");
	const char *rest = text + n;
	struct addr addr;
	uint64_t port;

	(void)snprintf(host, sizeof host, "%.*s", (int)n, text);
	if (fd >= 0 && heir_number(&rest, 10, UINT16_MAX, &port) &&
		addr_parse(host, &addr) &&
		listeners_adopt(&heir->doors, &addr, (uint16_t)port, fd))
		return true;
	if (fd >= 0)
		(void)close(fd);
	return false;
}

static bool take_key(struct supervisor *s, const char *hex)
{
	for (size_t i = 0; i < sizeof s->tag_key; i++) {
		char pair[] = {hex[0], hex[0] != '\0' ? hex[1] : '\0', '\0'};
		const char *at = pair;
		uint64_t octet;

		if (!heir_number(&at, 16, UINT8_MAX, &octet) || *at != '\0' ||
			pair[1] == '\0')
			return false;
		hex += 2;
		s->tag_key[i] = (uint8_t)octet;
	}
	return true;
}

/* Of a version that counts otherwise there is none to share: then the limit
 * holds for the old sessions and the new ones apart. */
static void take_census(struct supervisor *s, int fd)
{
	census_free(&s->census);
	s->census = census_adopt(fd, CHILDREN_MOST);
	if (!s->census)
		log_say(LOG_WARN, "census",
			"the sessions of the program before are not counted "
			"in sessions_per_source: it is another version");
}

/* What cannot be taken over is for a restart. */
static bool take_path(
	struct heir *heir, int *place, int fd, const char *is, const char *was)
{
	char why[HEIR_LINE_LONGEST];

	*place = fd;
	if (strcmp(is, was) == 0 && fd >= 0)
		return true;
	(void)snprintf(why, sizeof why,
		"the configuration names %.300s in place of %.300s, which "
		"takes a restart",
		is, was);
	heir_failed(heir, why);
	return false;
}

static bool take(
	struct supervisor *s, const struct conf *conf, const char *text, int fd)
{
	struct heir *heir = &s->heir;
	const char *rest;

	if (heir_word(text, "door", &rest))
		return take_door(heir, rest, fd);
	if (heir_word(text, "control", &rest))
		return take_path(
			heir, &heir->control, fd, conf->global.control, rest);
	if (heir_word(text, "state", &rest))
		return take_path(
			heir, &heir->state, fd, conf->global.state_dir, rest);
	if (heir_word(text, "tag", &rest))
		return take_key(s, rest);
	if (heir_word(text, "census", &rest) && fd >= 0) {
		take_census(s, fd);
		return true;
	}
	if (heir_word(text, "ear", &rest)) {
		free(heir->ear_path);
		heir->ear_path = strdup(rest);
		heir->ear = fd;
		return heir->ear_path && fd >= 0;
	}
	if (fd >= 0)
		(void)close(fd); /* of a later version: not needed here */
	return true;
}

bool heir_receive(struct supervisor *s, const struct conf *conf)
{
	char text[HEIR_LINE_LONGEST];
	int passed;

	if (!heir_say(s->heir.line, -1, "hello %s %s %llx", HEIR_LINE_VERSION,
		    POSTERN_VERSION, (unsigned long long)channel_signature()))
		return false;
	while (heir_hear(s->heir.line, PATIENCE_MS, text, &passed) ==
		HEIR_HEARD) {
		if (strcmp(text, "end") == 0)
			return true;
		if (!take(s, conf, text, passed)) {
			heir_failed(&s->heir, "what is handed over is not "
					      "understood");
			return false;
		}
	}
	return false;
}

static void take_line(struct heir *heir, const char *text, int fd)
{
	uint64_t slot, pid;

	if (fd < 0)
		return;
	if (heir->line_count == HEIR_LINES_MOST ||
		!heir_number(&text, 10, UINT32_MAX, &slot) ||
		!heir_number(&text, 10, UINT32_MAX, &pid)) {
		(void)close(fd);
		return;
	}
	heir->lines[heir->line_count].slot = (uint32_t)slot;
	heir->lines[heir->line_count].pid = (uint32_t)pid;
	heir->lines[heir->line_count++].fd = fd;
}

bool heir_wait(struct supervisor *s)
{
	char text[HEIR_LINE_LONGEST];
	const char *rest;
	int passed;

	if (!heir_say(s->heir.line, -1, "up"))
		return false;
	while (heir_hear(s->heir.line, PATIENCE_MS, text, &passed) ==
		HEIR_HEARD) {
		if (strcmp(text, "go") == 0)
			return true;
		if (heir_word(text, "line", &rest))
			take_line(&s->heir, rest, passed);
		else if (heir_word(text, "memory", &rest) && s->memory_fd < 0)
			s->memory_fd = passed;
		else if (passed >= 0)
			(void)close(passed);
	}
	return false;
}

void heir_keeper(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct heir *heir = &s->heir;

	if (heir->line >= 0 && keeper->pid > 0)
		(void)heir_say(heir->line, -1, "keeper %d", (int)keeper->pid);
	for (size_t i = 0; i < heir->line_count; i++) {
		const struct message_channel body = {
			.slot = heir->lines[i].slot, .pid = heir->lines[i].pid};

		if (keeper->channel)
			(void)channel_send_fd(keeper->channel, MESSAGE_CHANNEL,
				&body, sizeof body, heir->lines[i].fd);
		(void)close(heir->lines[i].fd);
	}
	heir->line_count = 0;
}

void heir_child_died(struct supervisor *s)
{
	if (s->heir.line < 0 || s->heir.said)
		return;
	heir_failed(&s->heir, "a process of the new program ended before it "
			      "served; see the log");
	s->orphaned = true;
}

void heir_ready(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	static struct message_text message;

	if (s->heir.line < 0 || s->heir.said)
		return;
	s->heir.said = true;
	(void)heir_say(s->heir.line, -1, "ready");
	message.ok = 1;
	message.n = (uint32_t)snprintf(message.text, sizeof message.text,
		"postern %s, process %d, serves now; sessions that were open "
		"end in the old processes\n",
		POSTERN_VERSION, (int)getpid());
	if (keeper && keeper->channel) {
		(void)channel_send(keeper->channel, MESSAGE_UPGRADE_DONE,
			&message, sizeof message);
		(void)channel_flush(keeper->channel);
	}
}

void heir_read(struct supervisor *s)
{
	char text[HEIR_LINE_LONGEST];
	int passed;

	if (s->heir.line < 0)
		return;
	switch (heir_hear(s->heir.line, 0, text, &passed)) {
	case HEIR_GONE:
		close_one(&s->heir.line);
		if (!s->heir.said) /* it took it back, or is dead */
			s->orphaned = true;
		break;
	case HEIR_HEARD:
		if (passed >= 0)
			(void)close(passed);
		break;
	case HEIR_NOTHING: break;
	}
}

void heir_stop(struct supervisor *s)
{
	if (s->heir.line >= 0)
		(void)heir_say(s->heir.line, -1, "stop");
}

/*
 * posternctl log: the lines of the log as they are written.
 *
 * Each line is out before the next is waited for, so that a pipe sees it at
 * once. A terminal that is not read holds this program up, and then the daemon
 * drops it. Called by posternctl.
 */
#include "follow.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "../base/log_line.h"
#include "exit_code.h"
#include "member.h"

/* ---- a line ---- */

/* Texts all: the format text does not tell a name of digits from a number. */
static json_t *value_of(
	const struct log_reader *reader, const struct log_field *field)
{
	char text[LOG_LINE_LONGEST];
	size_t n = log_field_text(reader, field, text, sizeof(text));
	json_t *value = json_stringn(text, n);

	/* No UTF-8: as it stands, with its escapes. */
	return value != NULL ? value
			     : json_stringn((const char *)field->value.p,
				       field->value.n);
}

static json_t *object_of(const char *line)
{
	json_t *object = json_object();
	struct log_reader reader;
	struct log_field field;

	log_reader_begin(&reader, slice_str(line));
	while (log_reader_next(&reader, &field))
		(void)json_object_setn_new(object, (const char *)field.key.p,
			field.key.n, value_of(&reader, &field));
	return object;
}

static void print_object(const char *line)
{
	json_t *object = json_loads(line, 0, NULL);

	if (!json_is_object(object)) {
		json_decref(object);
		object = object_of(line);
	}
	(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	(void)putchar('\n');
	json_decref(object);
}

/* postern escapes what strangers chose; nothing else steers a terminal. */
static void print_text(const char *line)
{
	for (; *line != '\0'; line++) {
		unsigned char c = (unsigned char)*line;

		(void)putchar(c < 0x20 || c >= 0x7f ? '?' : c);
	}
	(void)putchar('\n');
}

/* ---- answers ---- */

static int refusal(const json_t *answer)
{
	(void)fprintf(stderr, "posternctl: %s\n  %s\n",
		member_text(answer, "error"), member_text(answer, "hint"));
	return strcmp(member_text(answer, "code"), "usage") == 0 ? EXIT_USAGE
								 : EXIT_REFUSED;
}

/* -1: go on. */
static int take(const json_t *answer, long *left, bool json)
{
	const char *line = json_string_value(json_object_get(answer, "line"));

	if (json_is_false(json_object_get(answer, "ok")))
		return refusal(answer);
	if (line == NULL)
		return -1; /* it begins */
	if (json)
		print_object(line);
	else
		print_text(line);
	if (fflush(stdout) != 0) {
		(void)fprintf(stderr, "posternctl: cannot write\n");
		return EXIT_REFUSED;
	}
	return *left > 0 && --*left == 0 ? (int)EXIT_DONE : -1;
}

int follow_run(
	struct client *client, const json_t *request, long count, bool json)
{
	struct pollfd p = {.fd = client_fd(client), .events = POLLIN};
	int code = -1;

	(void)client_say(client, request);
	while (code < 0) {
		json_t *answer;

		switch (client_hear(client, &answer)) {
		case CLIENT_NOTHING: (void)poll(&p, 1, -1); break;
		case CLIENT_ANSWER:
			code = take(answer, &count, json);
			json_decref(answer);
			break;
		case CLIENT_GONE:
			(void)fprintf(
				stderr, "posternctl: the daemon has ended\n");
			code = EXIT_NO_DAEMON;
			break;
		}
	}
	return code;
}

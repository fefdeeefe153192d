/*
 * The process that fetches lists of others (see fetch.h).
 *
 * One loop: what is due is begun, what has come is read, what has changed is
 * told. Transfers go on side by side, so a server that hangs holds nobody up
 * but itself. A list goes to the keeper as sorted prefixes in a memfd: all of
 * it each time, so that a keeper that is new, or that has missed one, needs no
 * other word. The end of the keeper's line is the end of this process, which is
 * started anew with the next keeper, and begins with its copies.
 *
 * What can go wrong: whatever a file or a server does (said once, until it is
 * another thing), a disk that takes no copy (likewise), no memory at the start.
 */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "../base/whole.h"
#include "../ipc/channel.h"
#include "copy.h"
#include "transfer.h"

enum {
	CHANNEL_QUEUE_BYTES = 1 << 16,
	RETRY_MOST_MS = 5 * 60 * 1000, /* after what is no fault of the list */
	UNTOLD_MS = 100,	       /* the keeper's line was full */
	TURN_LONGEST_MS = 60 * 1000,
};

_Static_assert((int)LIST_WHY_LONGEST == (int)MESSAGE_LIST_WHY_LONGEST, "why");

struct fetch {
	const struct fetch_setup *setup;
	struct channel *keeper;
	CURLM *multi;
	struct supply *supplies;
	size_t supply_count;
	bool copy_failed; /* said */
	bool ends;
};

/* ---- tokens ---- */

/* RFC 6750 §2.1: what may stand behind Bearer. */
static bool token_sound(const char *token, size_t n)
{
	return n > 0 && n < FETCH_TOKEN_LONGEST &&
	       strspn(token, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "0123456789-._~+/=") == n;
}

static void token_read(
	const struct conf_address_list *list, char token[FETCH_TOKEN_LONGEST])
{
	char text[FETCH_TOKEN_LONGEST + 1] = "";
	int fd = open(list->token_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		log_say(LOG_ERROR, "list-trouble",
			"%s: its token_file cannot be read: %s", list->title,
			strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	text[strcspn(text, "\r\n")] = '\0';
	if (token_sound(text, strlen(text)))
		memcpy(token, text, strlen(text) + 1);
	else if (n >= 0)
		log_say(LOG_ERROR, "list-trouble",
			"%s: its token_file holds no line of up to 255 "
			"letters, digits and -._~+/=",
			list->title);
	secret_wipe(text, sizeof(text));
}

bool fetch_tokens(const struct conf *conf, struct fetch_setup *setup)
{
	setup->tokens =
		calloc(conf->address_list_count + 1, sizeof(*setup->tokens));
	if (setup->tokens == NULL)
		return false;
	for (size_t i = 0; i < conf->address_list_count; i++)
		if (conf->address_lists[i].token_file[0] != '\0')
			token_read(&conf->address_lists[i], setup->tokens[i]);
	return true;
}

/* ---- telling the keeper ---- */

static struct message_list message_of(
	const struct supply *supply, enum list_word word)
{
	struct message_list message;
	wall_s_t age_s = clock_wall_s() - supply->good_at;

	memset(&message, 0, sizeof(message));
	message.word = word;
	(void)snprintf(message.title, sizeof(message.title), "%s",
		supply->conf->title);
	(void)snprintf(message.why, sizeof(message.why), "%s", supply->why);
	message.count = (uint32_t)supply->entries.count;
	if (supply->good_at != 0 && age_s > 0)
		message.age_s = (uint64_t)age_s;
	return message;
}

/* -1: errno. */
static int entries_fd(const struct list_entries *entries)
{
	int fd = memfd_create("postern.list", MFD_CLOEXEC);

	if (fd >= 0 && !whole_write(fd, entries->items,
			       entries->count * sizeof(*entries->items))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static enum channel_result tell_entries(
	struct fetch *fetch, const struct supply *supply)
{
	const struct message_list message = message_of(supply, LIST_ENTRIES);
	int fd = entries_fd(&supply->entries);
	enum channel_result result;

	if (fd < 0)
		return CHANNEL_FULL;
	result = channel_send_fd(
		fetch->keeper, MESSAGE_LIST, &message, sizeof(message), fd);
	(void)close(fd);
	return result;
}

static enum channel_result tell_word(
	struct fetch *fetch, const struct supply *supply, enum list_word word)
{
	const struct message_list message = message_of(supply, word);

	return channel_send(
		fetch->keeper, MESSAGE_LIST, &message, sizeof(message));
}

static void tell(struct fetch *fetch, struct supply *supply)
{
	enum channel_result result = CHANNEL_OK;

	if (!supply->untold)
		return;
	if (supply->why[0] != '\0')
		result = tell_word(fetch, supply, LIST_TROUBLE);
	else if (supply->good_at != 0)
		result = tell_entries(fetch, supply);
	else
		result = tell_word(fetch, supply, LIST_NONE);
	if (result == CHANNEL_OK)
		supply->untold = false;
	else if (result == CHANNEL_CLOSED)
		fetch->ends = true;
}

/* ---- what came ---- */

static void say_copy(struct fetch *fetch, const struct supply *supply)
{
	int folder = fetch->setup->copies_fd;

	if (folder >= 0 && copy_write(folder, supply)) {
		fetch->copy_failed = false;
		return;
	}
	if (!fetch->copy_failed)
		log_say(LOG_WARN, "list-copy",
			"%s: no copy can be kept for the next start: %s",
			supply->conf->title, strerror(errno));
	fetch->copy_failed = true;
}

/* The same trouble is not said again. */
static void say_trouble(struct supply *supply, const char *before)
{
	supply->untold = true;
	if (strcmp(before, supply->why) == 0)
		return;
	log_begin(LOG_WARN, "list-trouble");
	log_str("list", supply->conf->title);
	log_str("text", supply->why);
	log_bool("kept", supply->good_at != 0);
	log_end();
}

static void wait_for_next(struct supply *supply, bool fault_of_list)
{
	uint64_t wait_ms = supply->conf->every_ms;

	if (supply->why[0] != '\0' && !fault_of_list && wait_ms > RETRY_MOST_MS)
		wait_ms = RETRY_MOST_MS;
	supply->due = clock_mono_ms() + wait_ms;
}

static void finish(struct fetch *fetch, struct supply *supply,
	enum supply_result result, const char *text, size_t n)
{
	const struct fetch_setup *setup = fetch->setup;
	const struct list_rules rules =
		supply_rules(supply, setup->never, setup->never_count);
	char before[LIST_WHY_LONGEST];
	bool good = result == SUPPLY_SAME;

	memcpy(before, supply->before, sizeof(before));
	if (good)
		supply_confirm(supply, clock_wall_s());
	else if (result == SUPPLY_NEW)
		good = supply_take(supply, text, n, &rules, clock_wall_s());
	if (good)
		say_copy(fetch, supply);
	else
		say_trouble(supply, before);
	wait_for_next(supply, result == SUPPLY_NEW);
}

static void look_at_file(struct fetch *fetch, struct supply *supply)
{
	char *text = NULL;
	size_t n = 0;
	enum supply_result result = supply_read_file(supply, &text, &n);

	finish(fetch, supply, result, text, n);
	free(text);
}

static void begin(struct fetch *fetch, struct supply *supply)
{
	memcpy(supply->before, supply->why, sizeof(supply->before));
	supply->due = MONO_NEVER;
	if (supply_is_file(supply))
		look_at_file(fetch, supply);
	else if (supply->conf->token_file[0] != '\0' &&
		 supply->token[0] == '\0') {
		(void)snprintf(supply->why, sizeof(supply->why),
			"its token_file cannot be used");
		finish(fetch, supply, SUPPLY_TROUBLE, NULL, 0);
	} else if (!transfer_begin(fetch->multi, supply))
		finish(fetch, supply, SUPPLY_TROUBLE, NULL, 0);
}

static void end_transfers(struct fetch *fetch)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		char *private = NULL;
		enum supply_result result;
		struct supply *supply;
		const char *text = NULL;
		size_t n = 0;

		if (message->msg != CURLMSG_DONE ||
			curl_easy_getinfo(message->easy_handle,
				CURLINFO_PRIVATE, &private) != CURLE_OK)
			continue;
		supply = (struct supply *)(void *)private;
		/* Not within the call: it sets the others. */
		result = transfer_result(supply, code, &text, &n);
		finish(fetch, supply, result, text, n);
		transfer_end(fetch->multi, supply);
	}
}

/* ---- the loop ---- */

static int patience_ms(const struct fetch *fetch)
{
	mono_ms_t now = clock_mono_ms();
	uint64_t ms = TURN_LONGEST_MS;

	for (size_t i = 0; i < fetch->supply_count; i++) {
		const struct supply *supply = &fetch->supplies[i];

		if (supply->untold && ms > UNTOLD_MS)
			ms = UNTOLD_MS;
		if (supply->due <= now)
			ms = 0;
		else if (supply->due - now < ms)
			ms = supply->due - now;
	}
	return (int)ms;
}

/* The keeper says nothing: what can be read is the end of its line. */
static bool nothing_heard(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return true;
}

static void turn(struct fetch *fetch)
{
	mono_ms_t now = clock_mono_ms();
	struct curl_waitfd line = {
		.fd = channel_fd(fetch->keeper), .events = CURL_WAIT_POLLIN};
	int running;

	for (size_t i = 0; i < fetch->supply_count; i++)
		if (fetch->supplies[i].due <= now)
			begin(fetch, &fetch->supplies[i]);
	(void)curl_multi_perform(fetch->multi, &running);
	end_transfers(fetch);
	for (size_t i = 0; i < fetch->supply_count && !fetch->ends; i++)
		tell(fetch, &fetch->supplies[i]);
	if (channel_flush(fetch->keeper) == CHANNEL_CLOSED)
		fetch->ends = true;
	log_flush();
	if (fetch->ends)
		return;
	(void)curl_multi_poll(fetch->multi, &line, 1, patience_ms(fetch), NULL);
	if (line.revents != 0 && channel_receive(fetch->keeper, nothing_heard,
					 NULL) == CHANNEL_CLOSED)
		fetch->ends = true;
}

static bool make_supplies(struct fetch *fetch)
{
	const struct fetch_setup *setup = fetch->setup;
	const struct conf *conf = setup->conf;

	fetch->supplies =
		calloc(conf->address_list_count + 1, sizeof(*fetch->supplies));
	if (fetch->supplies == NULL)
		return false;
	fetch->supply_count = conf->address_list_count;
	for (size_t i = 0; i < fetch->supply_count; i++) {
		struct supply *supply = &fetch->supplies[i];
		struct list_rules rules;

		supply->conf = &conf->address_lists[i];
		supply->token = setup->tokens[i];
		supply->untold = true;
		rules = supply_rules(supply, setup->never, setup->never_count);
		copy_read(setup->copies_fd, supply, &rules, clock_wall_s());
	}
	copy_tidy(setup->copies_fd, conf);
	return true;
}

static void free_supplies(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->supply_count; i++) {
		transfer_end(fetch->multi, &fetch->supplies[i]);
		list_entries_done(&fetch->supplies[i].entries);
	}
	free(fetch->supplies);
}

int fetch_run(const struct fetch_setup *setup)
{
	struct fetch fetch = {.setup = setup};
	bool good = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;

	fetch.keeper = channel_new(setup->keeper_fd, CHANNEL_QUEUE_BYTES);
	fetch.multi = good ? curl_multi_init() : NULL;
	good = fetch.keeper != NULL && fetch.multi != NULL &&
	       make_supplies(&fetch);
	if (!good)
		log_say(LOG_ERROR, "list-trouble", "cannot start: no memory");
	/* What the copies say, before anything is waited for. */
	for (size_t i = 0; good && i < fetch.supply_count; i++)
		tell(&fetch, &fetch.supplies[i]);
	while (good && !fetch.ends)
		turn(&fetch);
	free_supplies(&fetch);
	if (fetch.multi != NULL)
		(void)curl_multi_cleanup(fetch.multi);
	channel_free(&fetch.keeper);
	curl_global_cleanup();
	return good ? EX_OK : EX_OSERR;
}

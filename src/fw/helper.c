/*
 * The firewall helper's loop: one descriptor, blocking, no libevent.
 *
 * Reads datagrams of whole records, hands them to the ledger, and sends the
 * answers. It may block in the kernel or for the program of backend exec:
 * nobody waits for it but the keeper, and that one not synchronously. It knows
 * nothing of mail, bans or reasons. Called by the supervisor in the child.
 *
 * What can go wrong: a keeper that does not read. Its answers are dropped and
 * counted after a second; the next sync tells it all that matters.
 */
#include "helper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "backend.h"
#include "ledger.h"

enum { FW_SEND_PATIENCE_MS = 1000 };

enum helper_received {
	HELPER_DATAGRAM,
	HELPER_NOTHING,
	HELPER_GONE,
	HELPER_BROKEN,
};

struct helper {
	int fd;
	struct fw_ledger *ledger;
	size_t answer_count;
	uint64_t answers_dropped_count;
	struct fw_answer answers[FW_ANSWERS_MOST];
	/* One octet more than allowed: what is too long is cut to a length that
	   is no whole number of records. */
	_Alignas(struct fw_record) char datagram[FW_DATAGRAM_LONGEST_BYTES + 1];
};

static bool helper_writable(const struct helper *helper)
{
	struct pollfd writable = {.fd = helper->fd, .events = POLLOUT};

	return poll(&writable, 1, FW_SEND_PATIENCE_MS) == 1 &&
	       (writable.revents & POLLOUT);
}

static void helper_send(struct helper *helper)
{
	size_t n = helper->answer_count * sizeof(helper->answers[0]);
	ssize_t sent;

	if (n == 0)
		return;
	do {
		sent = send(helper->fd, helper->answers, n,
			MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 &&
		 (errno == EINTR ||
			 (errno == EAGAIN && helper_writable(helper))));
	if (sent < 0)
		helper->answers_dropped_count += helper->answer_count;
	helper->answer_count = 0;
}

static void helper_answer(void *arg, const struct fw_answer *answer)
{
	struct helper *helper = arg;

	if (helper->answer_count == FW_ANSWERS_MOST)
		helper_send(helper);
	helper->answers[helper->answer_count++] = *answer;
}

static void helper_take(struct helper *helper, size_t n, mono_ms_t now)
{
	struct fw_record record;

	if (n == 0 || n % sizeof(record) != 0) {
		fw_ledger_garbage(helper->ledger, n, now);
		return;
	}
	for (size_t at = 0; at < n; at += sizeof(record)) {
		memcpy(&record, helper->datagram + at, sizeof(record));
		fw_ledger_take(helper->ledger, &record, now);
	}
}

/* How long poll(2) may sleep; rounded up by its millisecond. */
static int helper_patience_ms(const struct helper *helper, mono_ms_t now)
{
	mono_ms_t deadline = fw_ledger_deadline(helper->ledger);

	if (deadline == MONO_NEVER)
		return -1;
	if (deadline <= now)
		return 0;
	return deadline - now > 3600000 ? 3600000 : (int)(deadline - now);
}

/*
 * recv(2) gives 0 for an empty datagram as for the end: only poll(2) tells
 * them apart.
 */
static enum helper_received helper_receive(
	struct helper *helper, mono_ms_t now, size_t *ret_n)
{
	struct pollfd readable = {
		.fd = helper->fd, .events = POLLIN | POLLRDHUP};
	int ready = poll(&readable, 1, helper_patience_ms(helper, now));
	ssize_t n;

	if (ready == 0 || (ready < 0 && errno == EINTR))
		return HELPER_NOTHING;
	if (ready < 0 || (readable.revents & POLLNVAL))
		return HELPER_BROKEN;
	n = recv(helper->fd, helper->datagram, sizeof(helper->datagram),
		MSG_DONTWAIT);
	if (n < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return HELPER_NOTHING;
		return errno == ECONNRESET ? HELPER_GONE : HELPER_BROKEN;
	}
	if (n == 0 && (readable.revents & (POLLHUP | POLLRDHUP)))
		return HELPER_GONE;
	*ret_n = (size_t)n;
	return HELPER_DATAGRAM;
}

static int helper_loop(struct helper *helper)
{
	for (;;) {
		size_t n = 0;
		enum helper_received received =
			helper_receive(helper, clock_mono_ms(), &n);
		mono_ms_t now = clock_mono_ms(); /* it slept in between */

		switch (received) {
		case HELPER_DATAGRAM: helper_take(helper, n, now); break;
		case HELPER_NOTHING: break;
		case HELPER_GONE: return EX_OK;
		case HELPER_BROKEN:
			log_say(LOG_ERROR, "firewall-helper",
				"reading from the keeper: %s", strerror(errno));
			return EX_OSERR;
		}
		fw_ledger_settle(helper->ledger, now);
		helper_send(helper);
		log_flush();
	}
}

static int helper_out_of_memory(void)
{
	log_say(LOG_ERROR, "firewall-helper", "out of memory");
	log_flush();
	return EX_OSERR;
}

int fw_helper_run(int fd, const struct fw_conf *conf)
{
	const char *wrong = fw_conf_wrong(conf);
	struct helper *helper;
	int status;

	if (wrong) {
		log_say(LOG_ERROR, "firewall-helper", "%s", wrong);
		log_flush();
		return EX_CONFIG;
	}
	if (conf->backend != FW_BACKEND_NFT && fw_backend_nft_forget(conf))
		log_say(LOG_INFO, "firewall-helper",
			"the table that backend nft left is deleted");
	helper = calloc(1, sizeof(*helper));
	if (!helper)
		return helper_out_of_memory();
	helper->fd = fd;
	helper->ledger = fw_ledger_new(conf, helper_answer, helper);
	if (!helper->ledger) {
		free(helper);
		return helper_out_of_memory();
	}
	log_flush();
	status = helper_loop(helper);
	log_say(LOG_INFO, "firewall-helper",
		"keeper gone; %zu entries stay in force; %llu answers lost",
		fw_ledger_count(helper->ledger),
		(unsigned long long)helper->answers_dropped_count);
	log_flush();
	fw_ledger_free(&helper->ledger);
	free(helper);
	return status;
}

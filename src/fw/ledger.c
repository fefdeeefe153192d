/*
 * What should be in force (see ledger.h).
 *
 * Three tables: `mirror` is what should be in force, `told` is the sync that
 * the keeper is telling, `waiting` are the prefixes that this datagram
 * changes: the last word on a prefix counts, and a batch names it once.
 *
 * A failure of the backend never ends the helper. It is put right at once by
 * one reconciliation where that may help; else `broken` is set and logged once,
 * and until the next sync the backend is tried only now and then: each try may
 * cost five seconds (exec) and a line on stderr (libnftables).
 */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "backend.h"
#include "guard.h"
#include "reconcile.h"
#include "table.h"

enum {
	FW_WAITS_DELETE = 0, /* marks in `waiting` */
	FW_WAITS_ADD = 1,
	FW_EXPIRE_PAUSE_MS = 1000, /* between two sweeps of the mirror */
	FW_RETRY_PAUSE_MS = 30000, /* between two tries while broken */
	FW_LINES_MOST = 10,	   /* refusals logged a second */
};

struct fw_ledger {
	const struct fw_conf *conf;
	const struct fw_backend *backend;
	void *self; /* the backend's */
	fw_answer_cb *answer;
	void *arg;
	struct fw_guard guard;
	struct fw_table *mirror;
	struct fw_table *told; /* NULL: no sync is being told */
	struct fw_table *waiting;
	mono_ms_t swept;
	bool broken;
	mono_ms_t tried;
	mono_ms_t lines_began;
	uint32_t lines_count; /* refusals in this second */
};

size_t fw_ledger_count(const struct fw_ledger *ledger)
{
	return fw_table_count(ledger->mirror);
}

static void ledger_answer(struct fw_ledger *ledger, uint8_t word,
	enum fw_status status, uint32_t token, size_t drift)
{
	const struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC,
		.word = word,
		.status = (uint8_t)status,
		.token = token,
		.count = (uint32_t)fw_ledger_count(ledger),
		.drift = (uint32_t)drift,
	};

	ledger->answer(ledger->arg, &answer);
}

static void ledger_answer_prefix(struct fw_ledger *ledger, uint8_t word,
	enum fw_status status, uint32_t token, const uint8_t octets[16],
	uint8_t bits)
{
	struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC,
		.word = word,
		.status = (uint8_t)status,
		.token = token,
		.count = (uint32_t)fw_ledger_count(ledger),
		.bits = bits,
	};

	memcpy(answer.octets, octets, sizeof(answer.octets));
	ledger->answer(ledger->arg, &answer);
}

/* A taken-over keeper could fill the disk with refusals: few a second. */
static bool ledger_may_log(struct fw_ledger *ledger, mono_ms_t now)
{
	if (now - ledger->lines_began >= 1000) {
		if (ledger->lines_count > FW_LINES_MOST)
			log_say(LOG_WARN, "firewall-refused",
				"%u refusals more, not logged",
				ledger->lines_count - FW_LINES_MOST);
		ledger->lines_began = now;
		ledger->lines_count = 0;
	}
	return ledger->lines_count++ < FW_LINES_MOST;
}

static void ledger_refuse(struct fw_ledger *ledger,
	const struct fw_record *record, enum fw_verdict verdict, mono_ms_t now)
{
	struct prefix prefix = {.bits = record->bits};

	memcpy(prefix.addr.octets, record->octets, 16);
	if (ledger_may_log(ledger, now)) {
		log_begin(LOG_WARN, "firewall-refused");
		log_int("word", record->word);
		if (prefix.bits <= 128)
			log_prefix("prefix", &prefix);
		log_str("why", fw_verdict_text(verdict));
		log_end();
	}
	ledger_answer_prefix(ledger, record->word,
		verdict == FW_VERDICT_TOO_FAST ? FW_STATUS_LATER
					       : FW_STATUS_REFUSED,
		record->token, record->octets, record->bits);
}

void fw_ledger_garbage(struct fw_ledger *ledger, size_t bytes, mono_ms_t now)
{
	if (!ledger_may_log(ledger, now))
		return;
	log_begin(LOG_WARN, "firewall-garbage");
	log_int("bytes", (int64_t)bytes);
	log_str("why", fw_verdict_text(FW_VERDICT_GARBAGE));
	log_end();
}

static void ledger_note_broken(
	struct fw_ledger *ledger, const char *doing, mono_ms_t now)
{
	ledger->tried = now;
	ledger->broken = true;
	log_begin(LOG_ERROR, "firewall-helper-failed");
	log_str("backend", ledger->backend->name);
	log_str("doing", doing);
	log_str("why", ledger->backend->why(ledger->self));
	log_str("until", "the next sync; postern itself turns the banned away");
	log_end();
}

static void ledger_note_whole(struct fw_ledger *ledger)
{
	if (ledger->broken)
		log_say(LOG_INFO, "firewall-works", "backend %s works again",
			ledger->backend->name);
	ledger->broken = false;
}

/* Makes what is in force equal to the mirror. */
static enum fw_status ledger_reconcile(struct fw_ledger *ledger,
	const char *doing, mono_ms_t now, size_t *ret_drift)
{
	if (fw_reconcile(ledger->backend, ledger->self, ledger->mirror, now,
		    ret_drift) != FW_OK) {
		ledger_note_broken(ledger, doing, now);
		return FW_STATUS_FAILED;
	}
	ledger_note_whole(ledger);
	return FW_STATUS_OK;
}

static bool ledger_make(struct fw_ledger *ledger)
{
	ledger->backend = fw_backend_of(ledger->conf->backend);
	ledger->self = ledger->backend->open(ledger->conf);
	ledger->mirror = fw_table_new(ledger->conf->entries_most);
	ledger->waiting = fw_table_new(
		FW_DATAGRAM_LONGEST_BYTES / sizeof(struct fw_record));
	return ledger->self && ledger->mirror && ledger->waiting;
}

struct fw_ledger *fw_ledger_new(
	const struct fw_conf *conf, fw_answer_cb *answer, void *arg)
{
	struct fw_ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return NULL;
	ledger->conf = conf;
	ledger->answer = answer;
	ledger->arg = arg;
	fw_guard_init(&ledger->guard, conf);
	if (!ledger_make(ledger)) {
		fw_ledger_free(&ledger);
		return NULL;
	}
	if (ledger->backend->prepare(ledger->self, false) != FW_OK &&
		ledger->backend->prepare(ledger->self, true) != FW_OK)
		ledger_note_broken(ledger, "preparing", 0);
	return ledger;
}

void fw_ledger_free(struct fw_ledger **ledger)
{
	struct fw_ledger *gone = *ledger;

	if (!gone)
		return;
	*ledger = NULL;
	if (gone->self)
		gone->backend->close(gone->self);
	fw_table_free(&gone->mirror);
	fw_table_free(&gone->told);
	fw_table_free(&gone->waiting);
	free(gone);
}

static bool ledger_wait(struct fw_ledger *ledger, const struct prefix *prefix,
	mono_ms_t deadline, uint8_t mark, mono_ms_t now)
{
	enum fw_table_result result =
		fw_table_put(ledger->waiting, prefix, deadline, mark);

	if (result == FW_TABLE_FULL) {
		fw_ledger_settle(ledger, now);
		result = fw_table_put(ledger->waiting, prefix, deadline, mark);
	}
	return result == FW_TABLE_OK;
}

static enum fw_verdict ledger_may_add(
	struct fw_ledger *ledger, const struct prefix *prefix, mono_ms_t now)
{
	enum fw_verdict verdict = fw_guard_judge(&ledger->guard, prefix);

	if (verdict == FW_VERDICT_PASS && !ledger->told)
		verdict = fw_guard_hurry(&ledger->guard, now);
	return verdict;
}

static void ledger_fail(
	struct fw_ledger *ledger, const struct fw_record *record)
{
	ledger_answer_prefix(ledger, record->word, FW_STATUS_FAILED,
		record->token, record->octets, record->bits);
}

static void ledger_add(struct fw_ledger *ledger, const struct fw_record *record,
	const struct prefix *prefix, mono_ms_t now)
{
	enum fw_verdict verdict = ledger_may_add(ledger, prefix, now);
	mono_ms_t deadline = MONO_NEVER;

	if (verdict != FW_VERDICT_PASS) {
		ledger_refuse(ledger, record, verdict, now);
		return;
	}
	if (record->ttl_s)
		deadline = now + (mono_ms_t)record->ttl_s * 1000;
	switch (fw_table_put(ledger->told ? ledger->told : ledger->mirror,
		prefix, deadline, 0)) {
	case FW_TABLE_OK: break;
	case FW_TABLE_FULL:
		ledger_refuse(ledger, record, FW_VERDICT_FULL, now);
		return;
	case FW_TABLE_NO_MEMORY: ledger_fail(ledger, record); return;
	}
	if (!ledger->told &&
		!ledger_wait(ledger, prefix, deadline, FW_WAITS_ADD, now))
		ledger_fail(ledger, record);
}

static void ledger_delete(struct fw_ledger *ledger,
	const struct fw_record *record, const struct prefix *prefix,
	mono_ms_t now)
{
	if (ledger->told) {
		/* Not told before is as good as taken back. */
		(void)fw_table_delete(ledger->told, prefix);
		return;
	}
	if (fw_guard_hurry(&ledger->guard, now) != FW_VERDICT_PASS) {
		ledger_refuse(ledger, record, FW_VERDICT_TOO_FAST, now);
		return;
	}
	/* In force without being known here, before the first sync: lift. */
	(void)fw_table_delete(ledger->mirror, prefix);
	if (!ledger_wait(ledger, prefix, MONO_NEVER, FW_WAITS_DELETE, now))
		ledger_fail(ledger, record);
}

static void ledger_sync_begin(
	struct fw_ledger *ledger, const struct fw_record *record)
{
	fw_table_free(&ledger->told); /* a sync that was broken off */
	ledger->told = fw_table_new(ledger->conf->entries_most);
	if (!ledger->told)
		ledger_answer(ledger, record->word, FW_STATUS_FAILED,
			record->token, 0);
}

static void ledger_sync_end(
	struct fw_ledger *ledger, const struct fw_record *record, mono_ms_t now)
{
	enum fw_status status;
	size_t drift = 0;

	if (!ledger->told) {
		ledger_refuse(ledger, record, FW_VERDICT_UNBEGUN, now);
		return;
	}
	fw_table_free(&ledger->mirror);
	ledger->mirror = ledger->told;
	ledger->told = NULL;
	fw_table_clear(ledger->waiting); /* what was said before is outdated */
	status = ledger_reconcile(ledger, "sync", now, &drift);
	log_begin(drift ? LOG_INFO : LOG_DEBUG, "firewall-sync");
	log_int("entries", (int64_t)fw_ledger_count(ledger));
	log_int("drift", (int64_t)drift);
	log_bool("ok", status == FW_STATUS_OK);
	log_end();
	ledger_answer(ledger, FW_SYNC_END, status, record->token, drift);
}

static void ledger_flush(
	struct fw_ledger *ledger, const struct fw_record *record, mono_ms_t now)
{
	size_t drift;

	if (fw_guard_hurry(&ledger->guard, now) != FW_VERDICT_PASS) {
		ledger_refuse(ledger, record, FW_VERDICT_TOO_FAST, now);
		return;
	}
	fw_table_clear(ledger->mirror);
	fw_table_clear(ledger->waiting);
	if (ledger->told)
		fw_table_clear(ledger->told);
	log_say(LOG_INFO, "firewall-flush", "all entries are lifted");
	if (ledger->backend->flush(ledger->self) == FW_OK)
		return;
	if (ledger_reconcile(ledger, "flush", now, &drift) != FW_STATUS_OK)
		ledger_answer(
			ledger, FW_FLUSH, FW_STATUS_FAILED, record->token, 0);
}

static void ledger_ping(
	struct fw_ledger *ledger, const struct fw_record *record, mono_ms_t now)
{
	fw_ledger_settle(ledger, now);
	ledger_answer(ledger, FW_PING,
		ledger->broken ? FW_STATUS_FAILED : FW_STATUS_OK, record->token,
		0);
}

void fw_ledger_take(
	struct fw_ledger *ledger, const struct fw_record *record, mono_ms_t now)
{
	struct prefix prefix = {.bits = 0};
	enum fw_verdict verdict = fw_guard_read(record, &prefix);

	if (verdict == FW_VERDICT_GARBAGE) {
		fw_ledger_garbage(ledger, sizeof(*record), now);
		return;
	}
	if (verdict != FW_VERDICT_PASS) {
		ledger_refuse(ledger, record, verdict, now);
		return;
	}
	switch ((enum fw_word)record->word) {
	case FW_ADD: ledger_add(ledger, record, &prefix, now); return;
	case FW_DELETE: ledger_delete(ledger, record, &prefix, now); return;
	case FW_SYNC_BEGIN: ledger_sync_begin(ledger, record); return;
	case FW_SYNC_END: ledger_sync_end(ledger, record, now); return;
	case FW_FLUSH: ledger_flush(ledger, record, now); return;
	case FW_PING: ledger_ping(ledger, record, now); return;
	}
}

static bool ledger_any_done(const struct fw_changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		if (changes->items[i].done)
			return true;
	return false;
}

/* A try, unless the last one has failed just now. */
static enum fw_result ledger_apply(
	struct fw_ledger *ledger, struct fw_changes *changes, mono_ms_t now)
{
	bool was_broken = ledger->broken;
	size_t drift;

	if (was_broken && now - ledger->tried < FW_RETRY_PAUSE_MS)
		return FW_FAILED;
	ledger->tried = now;
	if (ledger->backend->apply(
		    ledger->self, changes->items, changes->n, now) == FW_OK)
		return FW_OK;
	if (was_broken)
		return FW_FAILED; /* said; the next sync mends it or says why */
	if (ledger->backend->mends)
		return ledger_reconcile(ledger, "change", now, &drift) ==
				       FW_STATUS_OK
			       ? FW_OK
			       : FW_FAILED;
	ledger_note_broken(ledger, "change", now);
	/* A program may refuse one prefix and take the next. */
	ledger->broken = !ledger_any_done(changes);
	return FW_FAILED;
}

/* Entries of the mirror end; where the kernel does not see to it, we do. */
static void ledger_expire(struct fw_ledger *ledger, mono_ms_t now)
{
	struct fw_changes changes = {.items = NULL};
	struct fw_change lift = {.add = false};

	if (now - ledger->swept < FW_EXPIRE_PAUSE_MS)
		return;
	ledger->swept = now;
	while (fw_table_expire(ledger->mirror, now, &lift.prefix))
		if (!ledger->backend->expires)
			fw_changes_push(&changes, &lift);
	/* What fails stays in the backend's list: the next sync lifts it. */
	if (changes.n > 0)
		(void)ledger_apply(ledger, &changes, now);
	fw_changes_done(&changes);
}

static void ledger_collect(
	struct fw_ledger *ledger, struct fw_changes *changes, mono_ms_t now)
{
	const struct fw_entry *entry;
	size_t cursor = 0;

	while ((entry = fw_table_next(ledger->waiting, &cursor))) {
		struct fw_change change = {
			.prefix = entry->prefix,
			.add = entry->mark == FW_WAITS_ADD,
		};

		if (change.add)
			change.ttl_s = fw_ttl_left_s(entry->deadline, now);
		fw_changes_push(changes, &change);
	}
	/* Without memory for the list the next sync brings the rest. */
	fw_table_clear(ledger->waiting);
}

void fw_ledger_settle(struct fw_ledger *ledger, mono_ms_t now)
{
	struct fw_changes changes = {.items = NULL};

	ledger_expire(ledger, now);
	ledger_collect(ledger, &changes, now);
	if (changes.n > 0 && ledger_apply(ledger, &changes, now) != FW_OK) {
		for (size_t i = 0; i < changes.n; i++) {
			const struct fw_change *change = &changes.items[i];

			if (!change->done)
				ledger_answer_prefix(ledger,
					change->add ? FW_ADD : FW_DELETE,
					FW_STATUS_FAILED, 0,
					change->prefix.addr.octets,
					change->prefix.bits);
		}
	}
	fw_changes_done(&changes);
}

mono_ms_t fw_ledger_deadline(const struct fw_ledger *ledger)
{
	mono_ms_t soonest = fw_table_soonest(ledger->mirror);
	mono_ms_t sweep = ledger->swept + FW_EXPIRE_PAUSE_MS;

	if (ledger->backend->expires || soonest == MONO_NEVER)
		return MONO_NEVER;
	return soonest > sweep ? soonest : sweep;
}

/*
 * Counts by what they are of (see tally.h).
 *
 * A table a kind, as large as there can be values: what a peer says chooses a
 * place among them and can add none.
 */
#include "tally.h"

#include <stdlib.h>

#include "decisions.h"
#include "firewall.h"
#include "hooks.h"
#include "peers.h"

enum { MECHS = 7, OUTCOMES = 6, VERDICTS = 6, MODES = 3, MS_PER_S = 1000 };

/* What became of a login, the server's word or ours. */
enum result {
	RESULT_FIRST_OF_OURS = OUTCOMES,
	RESULT_ANSWERED = RESULT_FIRST_OF_OURS,
	RESULT_REFUSED,
	RESULT_TURNED_AWAY,
	RESULTS,
};

static const char *const result_names[RESULTS] = {
	[OUTCOME_OK] = "ok",
	[OUTCOME_FAILED] = "failed",
	[OUTCOME_TEMPORARY] = "temporary",
	[OUTCOME_CANCELLED] = "cancelled",
	[OUTCOME_OTHER] = "other",
	[OUTCOME_ABANDONED] = "abandoned",
	[RESULT_ANSWERED] = "postern-454",
	[RESULT_REFUSED] = "postern-535",
	[RESULT_TURNED_AWAY] = "turned-away",
};

struct tally {
	uint64_t logins[MESSAGE_LISTENERS_MOST][MECHS][RESULTS];
	uint64_t verdicts[RULE_COUNT][VERDICTS][MODES];
};

struct tally *tally_new(void)
{
	return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally **tally)
{
	free(*tally);
	*tally = NULL;
}

static void count_login(
	struct hub *hub, const struct message_ask *ask, unsigned result)
{
	unsigned mech = ask->mech < MECHS ? ask->mech : MECHS - 1;

	if (ask->listener < MESSAGE_LISTENERS_MOST)
		hub->tally->logins[ask->listener][mech][result]++;
}

void tally_outcome(struct hub *hub, const struct message_ask *ask,
	enum policy_outcome outcome)
{
	count_login(hub, ask, outcome);
}

void tally_verdict(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict)
{
	hub->tally->verdicts[verdict->rule][verdict->kind][verdict->mode]++;
	if (ask == NULL)
		return;
	switch (verdict->kind) {
	case VERDICT_PASS:
	case VERDICT_DELAY:
	case VERDICT_HOLD: break; /* it is not over */
	case VERDICT_ANSWER_TEMPORARY:
		count_login(hub, ask, RESULT_ANSWERED);
		break;
	case VERDICT_ANSWER_REFUSED:
		count_login(hub, ask, RESULT_REFUSED);
		break;
	case VERDICT_TURN_AWAY:
		count_login(hub, ask, RESULT_TURNED_AWAY);
		break;
	}
}

void tally_save(const struct tally *tally, struct octets *out)
{
	octets_put(out, tally, sizeof(*tally));
}

bool tally_load(struct tally *tally, struct octets *in)
{
	return octets_take(in, tally, sizeof(*tally));
}

/* ---- shown ---- */

static const char *listener_name(const struct hub *hub, unsigned i)
{
	return i < hub->conf->listener_count ? hub->conf->listeners[i].title
					     : NULL;
}

static json_t *logins_array(const struct hub *hub)
{
	const struct tally *tally = hub->tally;
	json_t *array = json_array();

	for (unsigned l = 0; l < MESSAGE_LISTENERS_MOST; l++)
		for (unsigned i = 0; i < MECHS * RESULTS; i++) {
			unsigned mech = i / RESULTS, result = i % RESULTS;
			uint64_t count = tally->logins[l][mech][result];

			if (count == 0 || listener_name(hub, l) == NULL)
				continue;
			(void)json_array_append_new(array,
				json_pack("{s:s, s:s, s:s, s:I}", "listener",
					listener_name(hub, l), "mechanism",
					decisions_mech(mech), "result",
					result_names[result], "count",
					(json_int_t)count));
		}
	return array;
}

static json_t *verdicts_array(const struct tally *tally)
{
	static const char *const kinds[VERDICTS] = {
		"pass", "delay", "hold", "answer", "refuse", "turn-away"};
	static const char *const modes[MODES] = {"off", "observe", "enforce"};
	json_t *array = json_array();

	for (unsigned rule = 0; rule < RULE_COUNT; rule++)
		for (unsigned i = 0; i < VERDICTS * MODES; i++) {
			unsigned kind = i / MODES, mode = i % MODES;
			uint64_t count = tally->verdicts[rule][kind][mode];
			const char *name = "none";

			if (rule != RULE_NONE)
				name = policy_rule_name((enum policy_rule)rule);
			if (count > 0)
				(void)json_array_append_new(
					array, json_pack("{s:s, s:s, s:s, s:I}",
						       "rule", name, "verdict",
						       kinds[kind], "mode",
						       modes[mode], "count",
						       (json_int_t)count));
		}
	return array;
}

static json_t *connections_array(
	const struct hub *hub, const struct message_stats *sum)
{
	json_t *array = json_array();

	for (unsigned l = 0; l < MESSAGE_LISTENERS_MOST; l++)
		if (listener_name(hub, l) != NULL)
			(void)json_array_append_new(array,
				json_pack("{s:s, s:I}", "listener",
					listener_name(hub, l), "count",
					(json_int_t)sum->connections[l]));
	return array;
}

static json_t *handshakes_array(const struct message_stats *sum)
{
	static const char *const legs[LEG_COUNT] = {"client", "server"};
	static const char *const versions[HANDSHAKE_COUNT] = {
		"none", "1.0", "1.1", "1.2", "1.3"};
	json_t *array = json_array();

	for (unsigned i = 0; i < LEG_COUNT * HANDSHAKE_COUNT * 2; i++) {
		unsigned leg = i / (HANDSHAKE_COUNT * 2);
		unsigned version = i / 2 % HANDSHAKE_COUNT;
		uint64_t count = sum->handshakes[leg][version][i % 2];

		if (count > 0)
			(void)json_array_append_new(array,
				json_pack("{s:s, s:s, s:s, s:I}", "leg",
					legs[leg], "version", versions[version],
					"result", i % 2 ? "failed" : "ok",
					"count", (json_int_t)count));
	}
	return array;
}

/* As a histogram of Prometheus has them: each bound counts all below. */
static json_t *histogram_object(
	const uint64_t counts[MESSAGE_BUCKETS], uint64_t total, uint64_t sum_ms)
{
	static const uint64_t bounds[MESSAGE_BUCKETS] = MESSAGE_BUCKETS_MS;
	json_t *buckets = json_array();
	uint64_t count = 0;

	for (unsigned i = 0; i < MESSAGE_BUCKETS; i++) {
		count += counts[i];
		(void)json_array_append_new(
			buckets, json_pack("[I, I]", (json_int_t)bounds[i],
					 (json_int_t)count));
	}
	return json_pack("{s:o, s:I, s:I}", "buckets", buckets, "count",
		(json_int_t)total, "sum_ms", (json_int_t)sum_ms);
}

json_t *tally_object(struct hub *hub)
{
	struct firewall_state firewall;
	struct message_stats sum;

	peers_totals(hub->peers, &sum);
	firewall_state(hub->firewall, &firewall);
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ok", 1,
		"hooks", hooks_results(hub), "connections",
		connections_array(hub, &sum), "logins", logins_array(hub),
		"verdicts", verdicts_array(hub->tally), "handshakes",
		handshakes_array(&sum), "replies",
		histogram_object(
			sum.replies, sum.replies_total, sum.replies_ms),
		"firewall_syncs",
		histogram_object(firewall.syncs, firewall.sync_count,
			firewall.sync_ms_total));
}

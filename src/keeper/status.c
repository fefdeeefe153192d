/*
 * The answer to `status`: the whole in one object.
 *
 * Only reads. Names of members are documented in docs/control.md and never
 * change their meaning. Called by commands.
 */
#include "status.h"

#include <unistd.h>

#include "../base/log.h"
#include "control.h"
#include "dns_lists.h"
#include "ear.h"
#include "firewall.h"
#include "geo.h"
#include "hooks.h"
#include "judge.h"
#include "listings.h"
#include "peers.h"
#include "store.h"

enum { MS_PER_S = 1000 };

static const char *mode_name(const struct conf *conf)
{
	static const char *const names[] = {"off", "observe", "enforce"};

	return names[conf->global.mode];
}

static const char *backend_name(const struct conf *conf)
{
	static const char *const names[] = {"null", "nft", "exec"};

	return names[conf->firewall.backend];
}

static json_t *workers_array(const struct peers *peers)
{
	json_t *workers = json_array();
	struct peer_info info;
	size_t cursor = 0;

	while (peers_next(peers, &cursor, &info)) {
		const struct message_stats *stats = &info.stats;

		(void)json_array_append_new(workers,
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "slot",
				(json_int_t)info.slot, "pid",
				(json_int_t)info.pid, "sessions",
				(json_int_t)stats->sessions_open, "tarpit",
				(json_int_t)stats->tarpit_open, "logins",
				(json_int_t)info.attempts_count, "stall_ms",
				(json_int_t)stats->loop_stall_longest_ms,
				"run_ms",
				(json_int_t)stats->loop_run_longest_ms));
	}
	return workers;
}

/* The longest turns, of all workers that there were, and of the keeper. */
static json_t *loops_object(
	const struct message_stats *sum, const struct stall *keeper)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "worker_stall_ms",
		(json_int_t)sum->loop_stall_longest_ms, "worker_run_ms",
		(json_int_t)sum->loop_run_longest_ms, "keeper_stall_ms",
		(json_int_t)keeper->longest_ms, "keeper_run_ms",
		(json_int_t)keeper->run_longest_ms);
}

static json_t *sessions_object(const struct message_stats *sum)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "open",
		(json_int_t)sum->sessions_open, "buffers",
		(json_int_t)sum->buffers_open, "total",
		(json_int_t)sum->sessions_total, "messages",
		(json_int_t)sum->messages_total, "turned_away",
		(json_int_t)sum->turned_away_total, "tarpit",
		(json_int_t)sum->tarpit_open, "server_errors",
		(json_int_t)sum->server_errors_total);
}

static json_t *limits_object(const struct message_stats *sum)
{
	static const char *const names[LIMIT_COUNT] = {
#define LIMIT(id, name) [LIMIT_##id] = (name),
#include "../ipc/limits.def"
#undef LIMIT
	};
	json_t *limits = json_object();

	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		(void)json_object_set_new(limits, names[i],
			json_integer((json_int_t)sum->limits[i]));
	return limits;
}

static json_t *logins_object(const struct policy_stats *stats)
{
	const uint64_t *outcomes = stats->outcomes;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ok",
		(json_int_t)outcomes[OUTCOME_OK], "failed",
		(json_int_t)outcomes[OUTCOME_FAILED], "temporary",
		(json_int_t)outcomes[OUTCOME_TEMPORARY], "cancelled",
		(json_int_t)outcomes[OUTCOME_CANCELLED], "other",
		(json_int_t)outcomes[OUTCOME_OTHER], "abandoned",
		(json_int_t)outcomes[OUTCOME_ABANDONED], "under_way",
		(json_int_t)stats->attempts);
}

static json_t *verdicts_object(const struct policy_stats *stats)
{
	const uint64_t *verdicts = stats->verdicts;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "pass",
		(json_int_t)verdicts[VERDICT_PASS], "delay",
		(json_int_t)verdicts[VERDICT_DELAY], "hold",
		(json_int_t)verdicts[VERDICT_HOLD], "answer",
		(json_int_t)verdicts[VERDICT_ANSWER_TEMPORARY], "refuse",
		(json_int_t)verdicts[VERDICT_ANSWER_REFUSED], "turn_away",
		(json_int_t)verdicts[VERDICT_TURN_AWAY]);
}

static json_t *rules_object(const struct policy_stats *stats)
{
	json_t *rules = json_object();

	for (unsigned rule = RULE_NONE + 1; rule < RULE_COUNT; rule++)
		(void)json_object_set_new(rules,
			policy_rule_name((enum policy_rule)rule),
			json_integer((json_int_t)stats->rule_hits[rule]));
	return rules;
}

static json_t *firewall_object(struct hub *hub)
{
	struct firewall_state state;

	firewall_state(hub->firewall, &state);
	return json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, "
			 "s:I}",
		"backend", backend_name(hub->conf), "connected",
		state.connected, "syncing", state.syncing, "entries",
		(json_int_t)state.entries_count, "drift",
		(json_int_t)state.drift_count, "drift_total",
		(json_int_t)state.drift_total, "refused",
		(json_int_t)state.refused_total, "failed",
		(json_int_t)state.failed_total, "synced_at",
		(json_int_t)state.synced_at, "failure", state.failure,
		"failed_at", (json_int_t)state.failed_at);
}

static json_t *store_object(struct hub *hub)
{
	struct store_state state;

	store_state(hub->store, &state);
	return json_pack("{s:b, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, "
			 "s:I}",
		"failing", state.failing, "waiting",
		(json_int_t)state.waiting_count, "written",
		(json_int_t)state.written_total, "lost",
		(json_int_t)state.lost_total, "error", state.error, "set_aside",
		state.set_aside, "journal_waiting",
		(json_int_t)state.journal_waiting_count, "journal_written",
		(json_int_t)state.journal_written_total, "journal_shed",
		(json_int_t)state.journal_shed_total, "days_shed",
		(json_int_t)state.days_shed_total, "bytes",
		(json_int_t)state.file_bytes);
}

static json_t *sandbox_object(const struct hub *hub)
{
	return json_pack("{s:b, s:b}", "seccomp", hub->setup->seccomp,
		"landlock", hub->setup->landlock);
}

json_t *status_object(struct hub *hub)
{
	struct policy_stats stats;
	struct message_stats sum;

	policy_stats(judge_policy(hub->judge), &stats);
	peers_totals(hub->peers, &sum);
	return json_pack(
		"{s:b, s:s, s:o, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, "
		"s:o, s:I, "
		"s:o, s:{s:I, s:I, s:i}, s:o, s:o, s:o, s:o}",
		"ok", 1, "version", POSTERN_VERSION, "hooks", hooks_array(hub),
		"pid", (json_int_t)getpid(), "uptime_s",
		(json_int_t)((hub_now(hub) - hub->started) / MS_PER_S), "mode",
		mode_name(hub->conf), "workers", workers_array(hub->peers),
		"loops", loops_object(&sum, &hub->stall), "sessions",
		sessions_object(&sum), "logins", logins_object(&stats),
		"verdicts", verdicts_object(&stats), "rules",
		rules_object(&stats), "bans", (json_int_t)stats.bans,
		"would_bans", (json_int_t)judge_would_bans(hub->judge),
		"spared", (json_int_t)judge_spared(hub->judge), "alarms",
		(json_int_t)judge_alarms(hub->judge), "notes",
		(json_int_t)judge_notes(hub->judge), "sources",
		(json_int_t)stats.sources, "sources_evicted",
		(json_int_t)stats.evicted_sources, "firewall",
		firewall_object(hub), "store", store_object(hub), "sandbox",
		sandbox_object(hub), "log_dropped",
		(json_int_t)(sum.log_dropped_total + log_dropped_count()),
		"limits", limits_object(&sum), "control", "refused",
		(json_int_t)control_refused_count(hub->control), "dropped",
		(json_int_t)control_dropped_count(hub->control), "followers",
		(int)control_follower_count(hub->control), "domino_log",
		ear_object(hub), "geo", geo_object(hub), "dns_lists",
		dns_lists_object(hub), "lists", listings_array(hub));
}

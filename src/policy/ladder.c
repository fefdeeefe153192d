/*
 * The ladder: the rules for one source.
 *
 *	begins	is the source banned? else is a place free? a place is a
 *		failure that it may still add: limit - failures - places of
 *		attempts under way, in both windows. A surplus attempt is held
 *		and asks again, then it is answered 454.
 *	settled	a failure delays its own reply, twice as long each time; the
 *		one that reaches a limit bans. A success drops the failures of
 *		that user, and of nobody else.
 *
 * So of any number of guesses, at once or one by one, exactly `limit` are
 * passed before the ban, in whatever order they are settled. So it is with the
 * sources of a prefix (flight.c).
 *
 * A guess that failed already, or that is under way with a place of its own,
 * needs none: it can add no failure (see failure.c). In observe mode all pass.
 *
 * An allowed address is counted (to say that it was spared), under the allowed
 * prefix if that is narrower than a source: its failures never ban neighbours.
 *
 * Called by policy.c only. Bans by penalty.c. What can go wrong: a full table;
 * then an attempt that cannot be counted is held, never passed uncounted.
 */
#include "ladder.h"

#include <string.h>

#include "device.h"
#include "evidence.h"
#include "failure.h"
#include "flight.h"
#include "gate.h"
#include "known.h"
#include "list_score.h"
#include "mode.h"
#include "penalty.h"
#include "passport.h"
#include "place.h"

enum { LADDER_TICK_MOST = 1024 }; /* attempts lapsed in one call */

struct prefix ladder_key(
	const struct policy *policy, const struct addr *addr, bool *ret_allowed)
{
	struct prefix key =
		prefix_of(addr, policy->conf.v4_bits, policy->conf.v6_bits);
	struct prefix allowed;

	*ret_allowed = allow_match(policy->allow, addr, &allowed);
	if (*ret_allowed && allowed.bits > key.bits)
		return allowed;
	return key;
}

/* Says so when a fresh source pushed out one whose failures still counted. */
static struct source *take_source(
	struct policy *policy, mono_ms_t now, const struct prefix *key)
{
	uint64_t before = source_table_evicted_count(policy->sources);
	struct source *source = source_take(policy->sources, key, now);

	if (source_table_evicted_count(policy->sources) != before)
		penalty_tell_limit(policy, now, RULE_SOURCES_FULL, key);
	return source;
}

/*
 * A source may stand at its limit without being banned: counts are kept when a
 * ban ends, when it is taken off the allow list, when a reload lowers the
 * limit. Then one login at a time passes, and the first that fails bans it.
 * Where there is no room for that ban nothing passes.
 */
static bool room_for(const struct policy *policy, const struct source *source,
	unsigned failed, unsigned limit)
{
	if (failed >= limit)
		return source->place_count == 0 && ban_room(policy->bans);
	return failed + source->place_count < limit;
}

static bool place_free(
	const struct policy *policy, mono_ms_t now, const struct source *source)
{
	if (!room_for(policy, source, failure_count_fast(policy, now, source),
		    policy->failure_limit))
		return false;
	return policy->slow_limit == 0 ||
	       room_for(policy, source, failure_count_slow(policy, now, source),
		       policy->slow_limit);
}

/* It failed already, or it is under way with a place of its own. */
static bool guess_known(const struct policy *policy, mono_ms_t now,
	const struct source *source, uint64_t user, uint64_t tag)
{
	const struct guess *guess = guess_find(policy->attempts,
		source_index(policy->sources, source), user, tag);

	if (guess != NULL && guess->charged)
		return true;
	return source_failed_same(policy->sources, source, now, user, tag);
}

static void charge(struct source *source, struct guess *guess)
{
	source->place_count += !guess->charged;
	guess->charged = true;
}

/* Lets go of an open attempt; lapse: its id is kept. */
static void attempt_done(
	struct policy *policy, struct attempt *attempt, bool lapse)
{
	struct source *source = core_source(policy, attempt);
	bool freed = lapse ? attempt_lapse(policy->attempts, attempt)
			   : attempt_close(policy->attempts, attempt);

	source->place_count -= freed;
	if (source->place_count == 0)
		flight_end(policy, source);
	source_flight_end(policy->sources, source);
}

/* Nobody says how it ended: a failure. Bans by itself. */
static void fail_unsettled(
	struct policy *policy, mono_ms_t now, struct attempt *attempt)
{
	struct gate_end end = gate_end_of(policy, attempt, OUTCOME_ABANDONED);
	struct policy_verdict ignored;

	memset(&ignored, 0, sizeof(ignored));
	gate_settled(policy, now, &end, &ignored);
	if (policy->ladder_mode != POLICY_OFF)
		(void)failure_of_attempt(policy, now, attempt);
}

/* ---- AUTH begins ---- */

void ladder_hold(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict)
{
	uint64_t longest_ms = policy->conf.hold_longest_ms;
	uint64_t step_ms = policy->conf.hold_step_ms;
	uint64_t held_ms = 0;

	if (event->held_since != 0 && event->held_since < now)
		held_ms = now - event->held_since;
	if (held_ms >= longest_ms) {
		verdict->kind = VERDICT_ANSWER_TEMPORARY;
		return;
	}
	verdict->kind = VERDICT_HOLD;
	verdict->wait_ms = longest_ms - held_ms;
	if (step_ms < verdict->wait_ms)
		verdict->wait_ms = step_ms > 0 ? step_ms : 1;
}

static void hold(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, enum policy_rule rule,
	struct policy_verdict *verdict)
{
	verdict->rule = rule;
	verdict->mode = mode_of_rule(policy, rule);
	ladder_hold(policy, now, event, verdict);
}

/*
 * What could not be counted must not reach the server: held, or passed where
 * nothing would be done about it anyway.
 */
static void no_room(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	enum policy_rule rule, bool passes, struct policy_verdict *verdict)
{
	penalty_tell_limit(policy, now, rule, key);
	if (passes)
		verdict->rule = rule;
	else
		hold(policy, now, event, rule, verdict);
}

/* An id that is open already: a worker lost it and began anew. */
static void forget_id(struct policy *policy, mono_ms_t now, uint64_t id)
{
	struct attempt *attempt = attempt_find(policy->attempts, id);

	if (attempt == NULL)
		return;
	if (attempt_lapsed(attempt)) {
		(void)attempt_close(policy->attempts, attempt); /* no place */
		return;
	}
	fail_unsettled(policy, now, attempt);
	attempt_done(policy, attempt, false);
}

/* How it is to be told from one that is passed in earnest. */
static enum attempt_standing standing(const struct policy *policy,
	mono_ms_t now, const struct policy_event *event, bool allowed,
	bool place)
{
	if (policy->ladder_mode == POLICY_OFF)
		return ATTEMPT_IGNORED;
	if (allowed)
		return ATTEMPT_COUNTED;
	if (policy->ladder_mode == POLICY_OBSERVE &&
		ban_match(policy->bans, &event->addr, now, true) != NULL)
		return ATTEMPT_IGNORED;
	return place ? ATTEMPT_COUNTED : ATTEMPT_SURPLUS;
}

static void open_attempt(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct source *source,
	const struct gate_pass *pass, enum attempt_standing as, bool passes,
	struct policy_verdict *verdict)
{
	bool known = pass->excused ||
		     guess_known(policy, now, source, pass->user, pass->tag);
	struct attempt *attempt;

	attempt = attempt_open(policy->attempts, now, event->attempt,
		source_index(policy->sources, source), pass->user, pass->tag);
	if (attempt == NULL) {
		no_room(policy, now, event, &source->key, RULE_ATTEMPTS_FULL,
			passes, verdict);
		return;
	}
	source_flight_begin(policy->sources, source);
	attempt->standing = (uint8_t)as;
	gate_opened(policy, now, pass, attempt);
	if (as == ATTEMPT_COUNTED && !known) {
		charge(source, attempt_guess(policy->attempts, attempt));
		if (pass->relation < RELATION_HOLDER)
			flight_begin(policy, now, source);
	}
	if (as == ATTEMPT_SURPLUS)
		verdict->rule = RULE_IN_FLIGHT;
	if (as == ATTEMPT_IGNORED && policy->ladder_mode != POLICY_OFF)
		verdict->rule = RULE_BANNED;
}

/* Its neighbours have all that their prefix has left under way. */
static bool prefix_stops(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct source *source,
	const struct gate_pass *pass, struct policy_verdict *verdict)
{
	enum policy_mode mode = mode_of_rule(policy, RULE_PREFIX_IN_FLIGHT);

	if (pass->relation >= RELATION_HOLDER ||
		flight_room(policy, now, source))
		return false;
	if (mode == POLICY_ENFORCE)
		hold(policy, now, event, RULE_PREFIX_IN_FLIGHT, verdict);
	else
		verdict->rule = RULE_PREFIX_IN_FLIGHT;
	verdict->mode = mode;
	return mode == POLICY_ENFORCE;
}

static void admit(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct source *source,
	const struct gate_pass *pass, bool allowed,
	struct policy_verdict *verdict)
{
	bool passes = allowed || policy->ladder_mode != POLICY_ENFORCE;
	bool known = pass->excused ||
		     guess_known(policy, now, source, pass->user, pass->tag);
	bool place = known || place_free(policy, now, source);

	verdict->failure_count = failure_count_fast(policy, now, source);
	if (!place && !passes) {
		hold(policy, now, event, RULE_IN_FLIGHT, verdict);
		return;
	}
	if (place && !known &&
		prefix_stops(policy, now, event, source, pass, verdict))
		return;
	if (!place && allowed)
		verdict->rule = RULE_ALLOWED;
	open_attempt(policy, now, event, source, pass,
		standing(policy, now, event, allowed, place), passes, verdict);
}

/*
 * Operators' bans hold even where the ladder is observed or off. *ret_soft: it
 * is for the gate to say whom the ban stops; NULL: none is.
 */
static bool turned_away(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict, const struct ban **ret_soft)
{
	bool enforce = policy->conf.mode == POLICY_ENFORCE;
	const struct ban *ban =
		ban_match(policy->bans, &event->addr, now, !enforce);
	const struct source *source = source_find(policy->sources, key);

	*ret_soft = NULL;
	if (ban == NULL)
		return false;
	if (source != NULL)
		verdict->failure_count =
			failure_count_fast(policy, now, source);
	if (ban->soft && (policy->conf.soft.mode == POLICY_ENFORCE ||
				 ban->rule == RULE_PREFIX_LIMIT)) {
		*ret_soft = ban;
		return false;
	}
	verdict->rule = RULE_BANNED;
	verdict->mode = policy->conf.mode;
	if (enforce)
		verdict->kind = VERDICT_TURN_AWAY;
	return enforce;
}

/* The rules of the source itself. */
static void climb(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	const struct gate_pass *pass, bool allowed,
	struct policy_verdict *verdict)
{
	struct source *source = take_source(policy, now, key);

	if (source != NULL)
		admit(policy, now, event, source, pass, allowed, verdict);
	else
		no_room(policy, now, event, key, RULE_SOURCES_FULL,
			allowed || policy->ladder_mode != POLICY_ENFORCE,
			verdict);
}

/* Nobody is a stranger on the allow list. */
static struct gate_pass pass_allowed(
	const struct policy *policy, const struct policy_event *event)
{
	uint64_t user = hash_user(&policy->key, event->user);

	return (struct gate_pass){
		.user = user,
		.tag = user != 0 ? event->secret_tag : 0,
		.relation = RELATION_HOLDER,
	};
}

void ladder_begin(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict)
{
	const struct ban *soft = NULL;
	bool allowed;
	struct prefix key = ladder_key(policy, &event->addr, &allowed);
	struct gate_pass pass = pass_allowed(policy, event);

	if (policy->conf.mode == POLICY_OFF)
		return;
	forget_id(policy, now, event->attempt);
	if (!allowed &&
		(turned_away(policy, now, event, &key, verdict, &soft) ||
			place_refuses(policy, now, event, &key, verdict) ||
			list_score_refuses(policy, now, event, &key, verdict) ||
			!gate_begin(policy, now, event, soft, verdict, &pass)))
		return;
	climb(policy, now, event, &key, &pass, allowed, verdict);
	if (allowed)
		return;
	place_would(policy, now, event, &key, verdict);
	list_score_would(policy, now, event, &key, verdict);
}

/* ---- AUTH settled ---- */

static void succeed(struct policy *policy, mono_ms_t now, struct source *source,
	uint64_t user)
{
	source->success_count++;
	source->last_success = now;
	evidence_succeeded(policy, now, source);
	if (user != 0)
		source_forgive(policy->sources, source, user);
}

static void answer_failure(const struct policy *policy, mono_ms_t now,
	const struct source *source, enum policy_rule banned_by,
	struct policy_verdict *verdict)
{
	uint64_t wait_ms = failure_delay(policy, verdict->failure_count);

	if (allow_covers(policy->allow, &source->key)) {
		verdict->rule = RULE_ALLOWED;
		return;
	}
	if (wait_ms == 0 && banned_by == RULE_NONE)
		return;
	verdict->rule = banned_by != RULE_NONE ? banned_by : RULE_SOURCE_DELAY;
	if (wait_ms != 0)
		verdict->kind = VERDICT_DELAY;
	if (policy->ladder_mode == POLICY_ENFORCE)
		verdict->wait_ms = wait_ms;
}

static bool is_failure(enum policy_outcome outcome)
{
	return outcome == OUTCOME_FAILED || outcome == OUTCOME_ABANDONED;
}

/*
 * An attempt that nobody has open: of before a start of the keeper, or one
 * that lapsed and was counted then. Who it was is known of the latter only.
 */
static enum policy_rule settle_stray(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct attempt *lapsed,
	struct source *source)
{
	uint64_t user = lapsed != NULL ? lapsed->user : 0;

	if (event->outcome == OUTCOME_OK) {
		known_succeeded(policy, now, &source->key);
		succeed(policy, now, source, user);
	}
	if (lapsed != NULL) {
		(void)attempt_close(policy->attempts, lapsed); /* no place */
		return RULE_NONE;
	}
	if (!is_failure(event->outcome))
		return RULE_NONE;
	source->failure_total++;
	source->last_failure = now;
	return failure_add(policy, now, source, 0, 0);
}

/* Whose login it was the event says only where the name is still known; it must
 * be the one that began. */
static void close_gate(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct attempt *attempt,
	struct policy_verdict *verdict)
{
	struct gate_end end = gate_end_of(policy, attempt, event->outcome);

	end.addr = event->addr;
	if (hash_user(&policy->key, event->user) == end.user)
		end.name = event->user;
	if (device_hash(policy, event->text) == end.device)
		end.helo = event->text;
	gate_settled(policy, now, &end, verdict);
}

static bool at_home(const struct policy *policy, const struct attempt *attempt)
{
	return attempt->relation == RELATION_HOME &&
	       policy->conf.soft.mode == POLICY_ENFORCE &&
	       policy->conf.soft.failures > 0;
}

/* believed: a success is one (compromise.h). */
static enum policy_rule settle_open(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct attempt *attempt,
	bool believed)
{
	struct source *source = core_source(policy, attempt);
	enum policy_rule banned_by = RULE_NONE;
	bool ignored = attempt->standing == ATTEMPT_IGNORED;

	/* A login that enforce would have turned away forgives nobody; nor does
	 * one from home, where the user's first failures of a day count for
	 * nothing anyway: else whoever shares his address with him would be
	 * forgiven at each of his logins. */
	if (event->outcome == OUTCOME_OK && believed)
		succeed(policy, now, source,
			ignored || at_home(policy, attempt) ? 0
							    : attempt->user);
	if (is_failure(event->outcome))
		banned_by = failure_of_attempt(policy, now, attempt);
	attempt_done(policy, attempt, false);
	return banned_by;
}

/* Off: what was begun before is closed, and nothing is counted. */
static void settle_off(struct policy *policy, struct attempt *attempt)
{
	if (attempt == NULL)
		return;
	if (attempt_lapsed(attempt))
		(void)attempt_close(policy->attempts, attempt); /* no place */
	else
		attempt_done(policy, attempt, false);
}

void ladder_settle(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict)
{
	struct attempt *attempt =
		attempt_find(policy->attempts, event->attempt);
	enum policy_rule banned_by;
	struct source *source;
	struct prefix key;
	bool allowed;

	if (attempt != NULL && !attempt_lapsed(attempt))
		close_gate(policy, now, event, attempt, verdict);
	if (policy->ladder_mode == POLICY_OFF) {
		settle_off(policy, attempt);
		return;
	}
	if (attempt != NULL && !attempt_lapsed(attempt)) {
		source = core_source(policy, attempt);
		banned_by = settle_open(policy, now, event, attempt,
			verdict->rule != RULE_COMPROMISE);
	} else {
		key = ladder_key(policy, &event->addr, &allowed);
		source = take_source(policy, now, &key);
		if (source == NULL) {
			penalty_tell_limit(
				policy, now, RULE_SOURCES_FULL, &key);
			return;
		}
		banned_by = settle_stray(policy, now, event, attempt, source);
	}
	verdict->failure_count = failure_count_fast(policy, now, source);
	if (event->outcome == OUTCOME_FAILED)
		answer_failure(policy, now, source, banned_by, verdict);
	else if (verdict->kind == VERDICT_PASS && banned_by != RULE_NONE)
		verdict->rule = banned_by;
}

/* ---- attempts that are never settled ---- */

mono_ms_t ladder_deadline(const struct policy *policy)
{
	const struct attempt *attempt = attempt_oldest(policy->attempts);

	if (attempt == NULL)
		return MONO_NEVER;
	return later(attempt->began, policy->conf.attempt_longest_ms);
}

void ladder_expire(struct policy *policy, mono_ms_t now)
{
	for (unsigned i = 0; i < LADDER_TICK_MOST; i++) {
		struct attempt *attempt = attempt_oldest(policy->attempts);

		if (ladder_deadline(policy) > now || attempt == NULL ||
			!action_room(&policy->actions))
			break;
		fail_unsettled(policy, now, attempt);
		attempt_done(policy, attempt, true);
	}
}

/*
 * source-users: too many different users fail from one source.
 *
 * A man mistypes his own password; who tries four names in a day looks for
 * somebody. Where people are known to log in (an office, a carrier) it takes
 * twice as many. Counted from the failures that the source's record has anyway,
 * so a user who logs in after all no longer counts, and no memory is needed.
 *
 * What can go wrong: a record of fewer failures than the limit; policy.c makes
 * it long enough at the start.
 */
#include "source_users.h"

#include "known.h"
#include "mode.h"
#include "sentence.h"

bool source_users_failed(
	struct policy *policy, mono_ms_t now, const struct source *source)
{
	const struct policy_source_users *conf = &policy->conf.source_users;
	unsigned limit = conf->limit;
	unsigned count;

	if (conf->mode == POLICY_OFF)
		return false;
	if (known_prefix(policy, now, &source->key))
		limit = conf->known_limit;
	count = source_users(policy->sources, source, now, conf->window_ms);
	return count >= limit &&
	       sentence_pass(policy, now, &source->key, RULE_SOURCE_USERS,
		       conf->ban_ms, count);
}

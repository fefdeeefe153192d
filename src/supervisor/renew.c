/*
 * Names of servers that are in use, looked up again when their TTL is over.
 *
 * The plan in force gets the new addresses and its workers are told; those of
 * earlier generations only finish what they have. Whoever starts anew has it
 * from the plan. Keeper and helper are told only of an address that was never
 * there before, for it is never to be banned. A reload looks names up by itself
 * and lets this one go.
 */
#include "internal.h"

#include "../base/log.h"

void renew_forget(struct supervisor *s)
{
	names_free(&s->renewal);
	s->renewal_until = MONO_NEVER;
}

void renew_plan(struct supervisor *s)
{
	s->names_due = s->plan->names_ttl_ms > 0
			       ? s->now + s->plan->names_ttl_ms
			       : MONO_NEVER;
}

static void tell_workers(struct supervisor *s)
{
	static struct message_addresses message;

	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];

		if (!c->used || c->kind != CHILD_WORKER || !c->channel ||
			c->generation != s->generation)
			continue;
		for (size_t k = 0; k < s->plan->conf->backend_count; k++) {
			plan_addresses(s->plan, k, &message);
			(void)channel_send(c->channel, MESSAGE_ADDRESSES,
				&message, sizeof message);
		}
		(void)channel_flush(c->channel);
	}
}

static void log_addresses(const struct supervisor *s)
{
	for (size_t i = 0; i < s->plan->conf->backend_count; i++) {
		const struct worker_backend *b = &s->plan->backends[i];

		log_begin(LOG_INFO, "names-changed");
		log_str("backend", b->conf->title);
		for (size_t k = 0; k < b->server_count; k++)
			log_addr("address", &b->servers[k].addr);
		log_end();
	}
}

static void finish(struct supervisor *s)
{
	static char error[PLAN_ERROR_LONGEST];
	unsigned found = plan_renew(s->plan, s->renewal, error);

	renew_forget(s);
	renew_plan(s);
	if ((found & PLAN_KEPT) && !s->names_kept)
		log_say(LOG_WARN, "names-kept", "%s; the addresses in use stay",
			error);
	s->names_kept = found & PLAN_KEPT;
	if (found & PLAN_CHANGED) {
		log_addresses(s);
		tell_workers(s);
	}
	if (found & PLAN_JOINED)
		reload_tell_others(s);
}

void renew_read(struct supervisor *s)
{
	if (s->renewal &&
		(names_read(s->renewal) || s->renewal_until <= s->now))
		finish(s);
}

void renew_tick(struct supervisor *s)
{
	if (s->renewal || s->now < s->names_due || reload_busy(s) ||
		s->stop_until != MONO_NEVER)
		return;
	s->renewal = names_new(s->plan->conf, &s->user);
	if (s->renewal)
		s->renewal_until = s->now + NAMES_MOST_MS;
	else
		s->names_due = s->now + NAMES_TTL_LEAST_MS;
}

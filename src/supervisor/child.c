/*
 * One process of postern's, as its parent knows it: plain bookkeeping.
 */
#include "child.h"

#include <stdio.h>
#include <string.h>

enum { QUICK_MS = 2000, WAIT_FIRST_MS = 100, WAIT_MOST_MS = 5000 };

struct child *child_new(struct children *children, enum child_kind kind)
{
	struct child *c = NULL;

	for (size_t i = 0; i < children->count && !c; i++)
		if (!children->all[i].used)
			c = &children->all[i];
	if (!c && children->count < CHILDREN_MOST)
		c = &children->all[children->count++];
	if (!c)
		return NULL;
	memset(c, 0, sizeof *c);
	c->used = true;
	c->kind = kind;
	return c;
}

void child_free(struct child *c)
{
	channel_free(&c->channel);
	memset(c, 0, sizeof *c);
}

struct child *child_by_pid(struct children *children, pid_t pid)
{
	for (size_t i = 0; i < children->count; i++)
		if (children->all[i].used && children->all[i].pid == pid)
			return &children->all[i];
	return NULL;
}

struct child *child_first(struct children *children, enum child_kind kind)
{
	for (size_t i = 0; i < children->count; i++)
		if (children->all[i].used && children->all[i].kind == kind)
			return &children->all[i];
	return NULL;
}

mono_ms_t child_restart_at(struct child *c, mono_ms_t now)
{
	uint64_t wait = WAIT_FIRST_MS;

	if (now - c->started_ms > QUICK_MS) {
		c->quick_deaths = 0;
		return now;
	}
	for (unsigned i = 0; i < c->quick_deaths && wait < WAIT_MOST_MS; i++)
		wait *= 2;
	c->quick_deaths++;
	return now + (wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
}

const char *child_name(const struct child *c)
{
	static char name[32];

	switch (c->kind) {
	case CHILD_KEEPER: return "keeper";
	case CHILD_FIREWALL: return "firewall";
	case CHILD_DASH: return "dash";
	case CHILD_HOOK: return "hook";
	case CHILD_FETCH: return "fetch";
	case CHILD_WORKER: break;
	}
	(void)snprintf(name, sizeof name, "worker-%u", c->slot);
	return name;
}

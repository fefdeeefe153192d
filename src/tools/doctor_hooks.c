/*
 * What doctor says of webhooks and programs: did the last event get there, and
 * were any dropped? Nothing is sent for it.
 */
#include "doctor.h"

static void look_at_last(struct doctor *d, const json_t *hook)
{
	const char *name = doctor_text(hook, "hook");

	if (doctor_number(hook, "last_at") == 0)
		finding(&d->findings, FINDING_OK, "hook", NULL,
			"%s has been told nothing yet; posternctl hook test %s "
			"tries it",
			name, name);
	else if (doctor_number(hook, "last_ok") != 0)
		finding(&d->findings, FINDING_OK, "hook", NULL,
			"%s took the last event (%ld so far)", name,
			doctor_number(hook, "delivered"));
	else
		finding(&d->findings, FINDING_WARN, "hook",
			"mend that, then try: posternctl hook test NAME",
			"%s did not take the last event: %s", name,
			doctor_text(hook, "last"));
}

void doctor_hooks(struct doctor *d)
{
	const json_t *hooks = json_object_get(d->status, "hooks");
	const json_t *hook;
	size_t i;

	json_array_foreach(hooks, i, hook)
	{
		const char *name = doctor_text(hook, "hook");

		if (!json_is_true(json_object_get(hook, "connected"))) {
			finding(&d->findings, FINDING_FAIL, "hook",
				"the log says why it does not start",
				"%s: the process of the hooks is not there",
				name);
			continue;
		}
		look_at_last(d, hook);
		if (doctor_number(hook, "dropped") > 0)
			finding(&d->findings, FINDING_WARN, "hook",
				"it is too slow, or was away: see the log",
				"%s: %ld events were dropped from its queue",
				name, doctor_number(hook, "dropped"));
	}
}

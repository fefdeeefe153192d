/*
 * What doctor says of lists in the DNS: does a name server answer, and do the
 * lists do what RFC 5782 asks of them? The daemon tests them all the time; here
 * is what it found, and what to do about it.
 */
#include "doctor.h"

#include <string.h>

static void look_at_resolvers(struct doctor *d, const json_t *lists)
{
	const json_t *resolvers = json_object_get(lists, "resolvers");
	const char *error = doctor_text(lists, "error");
	const json_t *resolver;
	size_t i;

	if (json_array_size(resolvers) == 0)
		finding(&d->findings, FINDING_FAIL, "dns-lists",
			"set resolvers in dns_lists, or mend /etc/resolv.conf",
			"no name server can be asked about lists%s%s",
			error[0] != '\0' ? ": " : "", error);
	json_array_foreach(resolvers, i, resolver)
	{
		bool answers =
			json_is_true(json_object_get(resolver, "answers_now"));

		finding(&d->findings, answers ? FINDING_OK : FINDING_WARN,
			"dns-lists",
			answers ? NULL
				: "start it, or take it out of resolvers in "
				  "dns_lists",
			answers ? "the name server %s answers (%ld)"
				: "the name server %s does not answer (%ld "
				  "answers so far)",
			doctor_text(resolver, "address"),
			doctor_number(resolver, "answers"));
	}
}

static const char *cure_of(const char *why)
{
	if (strstr(why, "refuses") != NULL)
		return "use a name server of your own (resolvers in "
		       "dns_lists), or ask the list's operator for access";
	if (strstr(why, "127.0.0") != NULL || strstr(why, "no list") != NULL)
		return "look at the list's web page; take it out of the "
		       "configuration if it is gone";
	return "ask for 2.0.0.127.ZONE by hand (dig), at the name server that "
	       "postern asks";
}

void doctor_lists(struct doctor *d)
{
	const json_t *lists = json_object_get(d->status, "dns_lists");
	const json_t *all = json_object_get(lists, "lists");
	const json_t *list;
	size_t i;

	if (json_array_size(all) == 0)
		return;
	look_at_resolvers(d, lists);
	json_array_foreach(all, i, list)
	{
		const char *title = doctor_text(list, "list");
		const char *why = doctor_text(list, "why");
		bool on = strcmp(doctor_text(list, "state"), "on") == 0;

		if (on)
			finding(&d->findings, FINDING_OK, "dns-lists", NULL,
				"%s (%s) answers, and its test entries are "
				"right",
				title, doctor_text(list, "zone"));
		else
			finding(&d->findings, FINDING_WARN, "dns-lists",
				cure_of(why), "%s (%s) is off: %s", title,
				doctor_text(list, "zone"), why);
	}
}

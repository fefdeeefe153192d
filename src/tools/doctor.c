/*
 * posternctl doctor: asks the daemon how it is configured, then looks.
 *
 * Changes nothing, sends no message and, unless it is told to, tries no login.
 * What it finds is for people: each finding is one sentence and what to type.
 */
#include "doctor.h"
#include "exit_code.h"

#include <string.h>

const char *doctor_text(const json_t *block, const char *option)
{
	const char *text = json_string_value(json_object_get(block, option));

	return text != NULL ? text : "";
}

long doctor_number(const json_t *block, const char *option)
{
	return (long)json_integer_value(json_object_get(block, option));
}

bool doctor_transparent(const struct doctor *doctor)
{
	json_t *backend;
	size_t i;

	json_array_foreach(
		json_object_get(doctor->config, "backend"), i, backend)
	{
		if (strcmp(doctor_text(backend, "client_address"),
			    "transparent") == 0)
			return true;
	}
	return false;
}

static json_t *ask(struct client *client, const char *command)
{
	json_t *request = json_pack("{s:s}", "command", command);
	json_t *answer = request != NULL ? client_ask(client, request) : NULL;

	json_decref(request);
	return answer;
}

static bool strangers(struct doctor *doctor, const char *as)
{
	struct addr addr;

	/* RFC 5737, RFC 3849: nobody has these. */
	if (!addr_parse("2001:db8::1", &doctor->as[0]) ||
		!addr_parse("192.0.2.1", &doctor->as[1]))
		return false;
	if (as == NULL)
		return true;
	if (!addr_parse(as, &addr))
		return false;
	doctor->as[addr_is_v4(&addr)] = addr;
	return true;
}

static void look(struct doctor *doctor)
{
	doctor_rights(doctor);
	doctor_servers(doctor);
	doctor_relay(doctor);
	doctor_lockout(doctor);
	doctor_intercept(doctor);
	doctor_firewall(doctor);
	doctor_certificates(doctor);
	doctor_clock(doctor);
	doctor_log(doctor);
	doctor_lists(doctor);
	doctor_hooks(doctor);
}

static int code_of(enum finding_level worst)
{
	switch (worst) {
	case FINDING_OK: break;
	case FINDING_WARN: return EXIT_REFUSED;
	case FINDING_FAIL: return EXIT_FAILURES;
	}
	return EXIT_DONE;
}

int doctor_run(
	struct client *client, const struct doctor_words *words, bool json)
{
	struct doctor doctor = {
		.config = ask(client, "config"), .words = words};
	int code = EXIT_NO_DAEMON;

	doctor.status = ask(client, "status");
	if (findings_init(&doctor.findings) && strangers(&doctor, words->as) &&
		json_is_true(json_object_get(doctor.config, "ok")) &&
		json_is_true(json_object_get(doctor.status, "ok"))) {
		look(&doctor);
		findings_print(&doctor.findings, json);
		code = code_of(doctor.findings.worst);
	}
	findings_done(&doctor.findings);
	json_decref(doctor.config);
	json_decref(doctor.status);
	return code;
}

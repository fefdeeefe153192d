/*
 * The attack brief as a letter, by SMTP through the site's own server.
 *
 * libcurl makes the MIME and speaks SMTP. Addresses come from the
 * configuration or the command line; one with a control character or blank is
 * refused, so that nothing can be put into the header. What can go wrong: the
 * server is away or refuses the letter; the error says which server said what.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

enum {
	LINE_LONGEST = 600,
	ADDRESS_LONGEST = 320, /* RFC 5321 §4.5.3.1: 64 and 255 */
	MAIL_MOST_S = 60,
	CONNECT_MOST_S = 15,
};

struct letter {
	CURL *curl;
	struct curl_slist *to, *head;
	curl_mime *mime;
	char *text, *html;
	char from[ADDRESS_LONGEST + 1], url[LINE_LONGEST];
};

/* What may stand in a header and in an envelope, and has an @. */
static bool is_address(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > ADDRESS_LONGEST || strchr(text, '@') == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f ||
			strchr("<>,;\"\\", text[i]))
			return false;
	return true;
}

static bool add_address(struct letter *letter, const char *address, char *error,
	size_t error_room)
{
	struct curl_slist *list;

	if (!is_address(address)) {
		(void)snprintf(error, error_room,
			"%.80s is no mail address (such as admin@example.com)",
			address);
		return false;
	}
	list = curl_slist_append(letter->to, address);
	if (list != NULL)
		letter->to = list;
	return list != NULL;
}

static bool add_addresses(struct letter *letter, const struct conf *conf,
	const char *to, char *error, size_t error_room)
{
	if (to != NULL)
		return add_address(letter, to, error, error_room);
	for (size_t i = 0; i < conf->report.mail.count; i++)
		if (!add_address(letter, conf->report.mail.items[i], error,
			    error_room))
			return false;
	return true;
}

static bool set_from(struct letter *letter, const json_t *report,
	const struct conf *conf, char *error, size_t error_room)
{
	const char *host = json_string_value(json_object_get(report, "host"));

	if (conf->report.from[0] != '\0')
		(void)snprintf(letter->from, sizeof(letter->from), "%s",
			conf->report.from);
	else
		(void)snprintf(
			letter->from, sizeof(letter->from), "postern@%s", host);
	if (is_address(letter->from))
		return true;
	(void)snprintf(error, error_room,
		"%.80s is no mail address; set report.from", letter->from);
	return false;
}

/* Where it goes, and whether inside TLS, as sessions of that backend do. */
static bool set_server(struct letter *letter, const struct conf *conf,
	char *error, size_t error_room)
{
	const struct conf_backend *backend = &conf->backends[0];
	const char *server =
		conf->report.server[0] != '\0' || backend->servers.count == 0
			? conf->report.server
			: backend->servers.items[0];
	bool implicit = backend->tls == CONF_BACKEND_TLS_IMPLICIT;
	long ssl = backend->tls == CONF_BACKEND_TLS_OFF	       ? CURLUSESSL_NONE
		   : backend->tls == CONF_BACKEND_TLS_STARTTLS ? CURLUSESSL_TRY
							       : CURLUSESSL_ALL;

	if (server[0] == '\0') {
		(void)snprintf(error, error_room,
			"no server takes the letter; set report.server");
		return false;
	}
	(void)snprintf(letter->url, sizeof(letter->url), "smtp%s://%s",
		implicit ? "s" : "", server);
	(void)curl_easy_setopt(letter->curl, CURLOPT_USE_SSL, ssl);
	(void)curl_easy_setopt(letter->curl, CURLOPT_SSL_VERIFYPEER,
		backend->tls_verify == CONF_VERIFY_OFF ? 0L : 1L);
	(void)curl_easy_setopt(letter->curl, CURLOPT_SSL_VERIFYHOST,
		backend->tls_verify == CONF_VERIFY_NAME ? 2L : 0L);
	if (backend->tls_ca[0] != '\0')
		(void)curl_easy_setopt(
			letter->curl, CURLOPT_CAINFO, backend->tls_ca);
	return true;
}

static char *form_of(
	const json_t *report, void (*print)(const json_t *report, FILE *out))
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	print(report, out);
	return fclose(out) == 0 ? text : NULL;
}

static bool head_add(struct letter *letter, const char *line)
{
	struct curl_slist *list = curl_slist_append(letter->head, line);

	if (list != NULL)
		letter->head = list;
	return list != NULL;
}

/* The counts of the section "summary", for the subject. */
static json_int_t figure(const json_t *report, const char *key)
{
	const json_t *first =
		json_array_get(json_object_get(report, "sections"), 0);
	const json_t *row = json_array_get(json_object_get(first, "rows"), 0);

	return json_integer_value(json_object_get(row, key));
}

static bool set_head(struct letter *letter, const json_t *report)
{
	const char *host = json_string_value(json_object_get(report, "host"));
	char line[LINE_LONGEST], date[64];
	time_t now = time(NULL);
	struct tm tm;

	(void)snprintf(line, sizeof(line), "From: postern <%s>", letter->from);
	if (!head_add(letter, line))
		return false;
	for (struct curl_slist *to = letter->to; to != NULL; to = to->next) {
		(void)snprintf(line, sizeof(line), "To: %s", to->data);
		if (to == letter->to && !head_add(letter, line))
			return false;
	}
	(void)snprintf(line, sizeof(line),
		"Subject: postern on %.60s: %lld guesses arrived, %lld "
		"stopped, "
		"%lld bans",
		host, (long long)figure(report, "guesses_arrived"),
		(long long)figure(report, "guesses_stopped"),
		(long long)figure(report, "bans"));
	if (!head_add(letter, line) || localtime_r(&now, &tm) == NULL)
		return false;
	(void)strftime(
		date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S %z", &tm);
	(void)snprintf(line, sizeof(line), "Message-ID: <%lld.%ld@%.200s>",
		(long long)now, (long)getpid(), host);
	return head_add(letter, date) && head_add(letter, line) &&
	       head_add(letter, "Auto-Submitted: auto-generated");
}

/* Text first: a reader shows the last form that it can. */
static bool set_body(struct letter *letter, const json_t *report)
{
	curl_mime *both;
	curl_mimepart *part;

	letter->text = form_of(report, report_print_text);
	letter->html = form_of(report, report_print_html);
	letter->mime = curl_mime_init(letter->curl);
	both = curl_mime_init(letter->curl);
	if (letter->text == NULL || letter->html == NULL ||
		letter->mime == NULL || both == NULL) {
		curl_mime_free(both);
		return false;
	}
	part = curl_mime_addpart(both);
	(void)curl_mime_data(part, letter->text, CURL_ZERO_TERMINATED);
	(void)curl_mime_type(part, "text/plain; charset=utf-8");
	(void)curl_mime_encoder(part, "quoted-printable");
	part = curl_mime_addpart(both);
	(void)curl_mime_data(part, letter->html, CURL_ZERO_TERMINATED);
	(void)curl_mime_type(part, "text/html; charset=utf-8");
	(void)curl_mime_encoder(part, "quoted-printable");
	part = curl_mime_addpart(letter->mime);
	/* From here on `mime` owns `both`. */
	(void)curl_mime_subparts(part, both);
	(void)curl_mime_type(part, "multipart/alternative");
	return true;
}

static bool send_letter(struct letter *letter, char *error, size_t error_room)
{
	char said[CURL_ERROR_SIZE] = "";
	CURL *curl = letter->curl;
	CURLcode code;

	(void)curl_easy_setopt(curl, CURLOPT_URL, letter->url);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, letter->from);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, letter->to);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, letter->head);
	(void)curl_easy_setopt(curl, CURLOPT_MIMEPOST, letter->mime);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)MAIL_MOST_S);
	(void)curl_easy_setopt(
		curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_MOST_S);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		return true;
	(void)snprintf(error, error_room,
		"%s does not take the letter: %s; report.server names another "
		"server",
		letter->url, said[0] != '\0' ? said : curl_easy_strerror(code));
	return false;
}

static bool write_and_send(struct letter *letter, const json_t *report,
	const struct conf *conf, const char *to, char *error, size_t error_room)
{
	if (!add_addresses(letter, conf, to, error, error_room) ||
		!set_from(letter, report, conf, error, error_room) ||
		!set_server(letter, conf, error, error_room))
		return false;
	if (set_head(letter, report) && set_body(letter, report))
		return send_letter(letter, error, error_room);
	(void)snprintf(error, error_room, "no memory");
	return false;
}

bool report_mail(const json_t *report, const struct conf *conf, const char *to,
	char *error, size_t error_room)
{
	struct letter letter = {.curl = curl_easy_init()};
	bool done = false;

	(void)snprintf(error, error_room, "no memory");
	if (letter.curl != NULL)
		done = write_and_send(
			&letter, report, conf, to, error, error_room);
	curl_slist_free_all(letter.to);
	curl_slist_free_all(letter.head);
	curl_mime_free(letter.mime);
	curl_easy_cleanup(letter.curl);
	free(letter.text);
	free(letter.html);
	return done;
}

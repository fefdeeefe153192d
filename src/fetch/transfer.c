/*
 * One list on its way from a server, by libcurl.
 *
 * Everything has an end: the time, the size, the redirects. A redirect leads to
 * https and nowhere else, and a token goes to the server that it is for and to
 * no other. What libcurl cannot check (the name in a certificate, a length that
 * was promised) is not taken.
 *
 * Called by fetch.c. What can go wrong: all that a network has.
 */
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REDIRECTS_MOST = 3,
	CONNECT_MOST_MS = 15000,
	HTTP_OK = 200,
	HTTP_NOT_MODIFIED = 304,
	ROOM_FIRST = 65536,
	HEADER_LONGEST = SUPPLY_MARK_LONGEST + 32,
};

struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	char *text;
	size_t n, room;
	bool too_long;
	char error[CURL_ERROR_SIZE];
};

static size_t on_text(char *text, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t room = t->room == 0 ? (size_t)ROOM_FIRST : t->room;
	char *grown;

	if (n > SUPPLY_BYTES_MOST - t->n) {
		t->too_long = true;
		return 0; /* libcurl gives up */
	}
	while (room < t->n + n)
		room *= 2;
	if (room != t->room) {
		grown = realloc(t->text, room);
		if (grown == NULL)
			return 0;
		t->text = grown;
		t->room = room;
	}
	memcpy(t->text + t->n, text, n);
	t->n += n;
	return n * one;
}

static bool add_header(struct transfer *t, const char *name, const char *value)
{
	char line[HEADER_LONGEST];
	struct curl_slist *longer;

	if (value[0] == '\0')
		return true;
	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(t->headers, line);
	if (longer != NULL)
		t->headers = longer;
	return longer != NULL;
}

/* What the last good one is known by. */
static bool add_marks(struct transfer *t, const struct supply *supply)
{
	if (supply->good_at == 0)
		return true;
	if (supply->etag[0] != '\0')
		return add_header(t, "If-None-Match", supply->etag);
	return add_header(t, "If-Modified-Since", supply->modified);
}

static void set_limits(CURL *easy, const struct supply *supply)
{
	long timeout_ms = (long)supply->conf->timeout_ms;

	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		timeout_ms < CONNECT_MOST_MS ? timeout_ms
					     : (long)CONNECT_MOST_MS);
	(void)curl_easy_setopt(
		easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)SUPPLY_BYTES_MOST);
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

/* false: this libcurl cannot be held to it. */
static bool set_protocols(CURL *easy, const struct supply *supply)
{
	const char *ca = supply->conf->ca_file;

	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION,
		       (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       (ca[0] == '\0' || (curl_easy_setopt(easy, CURLOPT_CAINFO, ca) ==
						 CURLE_OK &&
					 curl_easy_setopt(easy, CURLOPT_CAPATH,
						 (char *)NULL) == CURLE_OK));
}

/* Only the server that the URL names hears it: libcurl keeps it back from one
 * that a redirect leads to. */
static bool set_token(CURL *easy, const char *token)
{
	return token[0] == '\0' ||
	       (curl_easy_setopt(easy, CURLOPT_HTTPAUTH,
			(unsigned long)CURLAUTH_BEARER) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, token) ==
			       CURLE_OK);
}

static bool set_all(struct transfer *t, struct supply *supply)
{
	CURL *easy = t->easy;

	set_limits(easy, supply);
	return curl_easy_setopt(easy, CURLOPT_URL, supply->conf->url) ==
		       CURLE_OK &&
	       set_protocols(easy, supply) && set_token(easy, supply->token) &&
	       add_marks(t, supply) &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT,
		       "postern/" POSTERN_VERSION) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_text) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PRIVATE, supply) == CURLE_OK;
}

bool transfer_begin(CURLM *multi, struct supply *supply)
{
	struct transfer *t = calloc(1, sizeof(*t));

	supply->transfer = t;
	if (t != NULL)
		t->easy = curl_easy_init();
	if (t != NULL && t->easy != NULL && set_all(t, supply) &&
		curl_multi_add_handle(multi, t->easy) == CURLM_OK)
		return true;
	(void)snprintf(supply->why, sizeof(supply->why),
		"it cannot be asked for: no memory, or an unfit libcurl");
	transfer_end(multi, supply);
	return false;
}

/* ---- how it went ---- */

/* An answer's field that we may send back; "" where it is odd. */
static void take_mark(
	CURL *easy, const char *name, char mark[SUPPLY_MARK_LONGEST])
{
	struct curl_header *header;

	mark[0] = '\0';
	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) !=
			CURLHE_OK ||
		strlen(header->value) >= SUPPLY_MARK_LONGEST)
		return;
	for (const char *c = header->value; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return;
	(void)snprintf(mark, SUPPLY_MARK_LONGEST, "%s", header->value);
}

static enum supply_result failed(struct supply *supply, CURLcode code)
{
	const struct transfer *t = supply->transfer;

	if (t->too_long || code == CURLE_FILESIZE_EXCEEDED)
		(void)snprintf(supply->why, sizeof(supply->why),
			"it is longer than 16 MiB");
	else if (code == CURLE_PARTIAL_FILE)
		(void)snprintf(supply->why, sizeof(supply->why),
			"it is cut: the server promised more");
	else
		(void)snprintf(supply->why, sizeof(supply->why), "%.150s",
			t->error[0] != '\0' ? t->error
					    : curl_easy_strerror(code));
	return SUPPLY_TROUBLE;
}

enum supply_result transfer_result(struct supply *supply, CURLcode code,
	const char **ret_text, size_t *ret_n)
{
	struct transfer *t = supply->transfer;
	long status = 0;

	if (code != CURLE_OK)
		return failed(supply, code);
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == HTTP_NOT_MODIFIED && supply->good_at != 0)
		return SUPPLY_SAME;
	if (status != HTTP_OK) {
		(void)snprintf(supply->why, sizeof(supply->why),
			"the server answers %ld", status);
		return SUPPLY_TROUBLE;
	}
	take_mark(t->easy, "ETag", supply->new_etag);
	take_mark(t->easy, "Last-Modified", supply->new_modified);
	*ret_text = t->n > 0 ? t->text : "";
	*ret_n = t->n;
	return SUPPLY_NEW;
}

void transfer_end(CURLM *multi, struct supply *supply)
{
	struct transfer *t = supply->transfer;

	supply->transfer = NULL;
	if (t == NULL)
		return;
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	free(t->text);
	free(t);
}

/*
 * One POST to a web server (see post.h).
 *
 * The status is the answer: once it has come, whatever happens to the body
 * behind it changes nothing. What can go wrong is the network's, which is worth
 * another try, and the server's word, which is only for 429 and 5yz. No text
 * from the server goes anywhere.
 */
#include "post.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tls/hmac.h"
#include "../base/check.h"

enum {
	ANSWER_MOST_BYTES = 64 * 1024,
	HEADER_LONGEST = 160,
	STATUS_TOO_MANY = 429,
};

struct post {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t read_bytes;
	void *owner;
};

/* ---- what comes back ---- */

/* Headers as well: they could be without end, too. */
static size_t on_octets(char *p, size_t size, size_t n, void *arg)
{
	struct post *post = arg;

	post->read_bytes += size * n;
	return post->read_bytes > ANSWER_MOST_BYTES ? 0 : size * n;
}

static void judge_status(long status, struct end *end)
{
	bool busy = status == STATUS_TOO_MANY || status >= 500;

	if (status >= 200 && status < 300)
		end->kind = END_OK;
	else
		end->kind = busy ? END_AGAIN : END_FAILED;
	(void)snprintf(end->text, sizeof(end->text), "the server says %ld%s",
		status,
		status >= 300 && status < 400 ? "; redirects are not followed"
					      : "");
}

static void judge(struct post *post, CURLcode code, struct end *end)
{
	long status = 0, error = 0;

	(void)curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) {
		judge_status(status, end);
		return;
	}
	(void)curl_easy_getinfo(post->easy, CURLINFO_OS_ERRNO, &error);
	end->kind = code == CURLE_URL_MALFORMAT ||
				    code == CURLE_UNSUPPORTED_PROTOCOL ||
				    code == CURLE_SSL_CACERT_BADFILE
			    ? END_FAILED
			    : END_AGAIN;
	(void)snprintf(end->text, sizeof(end->text), "%s%s%s",
		curl_easy_strerror(code), error ? ": " : "",
		error ? strerror((int)error) : "");
}

void *post_next(CURLM *multi, struct end *ret_end)
{
	struct post *post = NULL;
	const CURLMsg *message;
	int left;

	do
		message = curl_multi_info_read(multi, &left);
	while (message && message->msg != CURLMSG_DONE);
	if (!message)
		return NULL;
	(void)curl_easy_getinfo(
		message->easy_handle, CURLINFO_PRIVATE, (char **)&post);
	judge(post, message->data.result, ret_end);
	return post->owner;
}

/* ---- what goes out ---- */

bool post_signature(
	const char *secret, int64_t wall, const char *body, char ret_hex[65])
{
	size_t room = strlen(body) + 32;
	char *text = malloc(room);
	bool good;
	int n;

	if (!text)
		return false;
	n = snprintf(text, room, "%" PRId64 ".%s", wall, body);
	good = n > 0 && hmac_sha256_hex(secret, strlen(secret), text, (size_t)n,
				ret_hex);
	free(text);
	return good;
}

static bool header(struct post *post, const char *name, const char *value)
{
	char line[2 * HEADER_LONGEST];
	struct curl_slist *longer;

	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(post->headers, line);
	if (longer)
		post->headers = longer;
	return longer != NULL;
}

static bool headers(
	struct post *post, const char *secret, const char *event, int64_t wall)
{
	char hex[HMAC_HEX_LONGEST], value[HEADER_LONGEST];

	(void)snprintf(value, sizeof(value), "%" PRId64, wall);
	if (!header(post, "Content-Type", "application/json") ||
		!header(post, "Postern-Event", event) ||
		!header(post, "Postern-Timestamp", value))
		return false;
	if (!*secret)
		return true;
	if (!post_signature(secret, wall, post->body, hex))
		return false;
	(void)snprintf(value, sizeof(value), "sha256=%s", hex);
	return header(post, "Postern-Signature", value);
}

/* What is not said here stays as libcurl has it: verified, no cookies, no
 * files of anybody's home. */
static bool options(struct post *post, const struct post_aim *aim)
{
	CURL *easy = post->easy;
	int bad = 0;

#define SET(option, value)                                                     \
	(bad |= curl_easy_setopt(easy, CURLOPT_##option, value) != CURLE_OK)
	SET(PROTOCOLS_STR, "http,https");
	SET(URL, aim->url);
	SET(PROXY, "");
	SET(FOLLOWLOCATION, 0L);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(SSL_VERIFYPEER, 1L);
	SET(SSL_VERIFYHOST, 2L);
	if (*aim->ca)
		SET(CAINFO, aim->ca);
	SET(TIMEOUT_MS, (long)aim->timeout_ms);
	SET(NOSIGNAL, 1L);
	SET(QUICK_EXIT, 1L); /* never waits for a thread that asks the DNS */
	SET(USERAGENT, "postern/" POSTERN_VERSION);
	SET(POSTFIELDSIZE, (long)strlen(post->body));
	SET(POSTFIELDS, post->body);
	SET(HTTPHEADER, post->headers);
	SET(WRITEFUNCTION, on_octets);
	SET(WRITEDATA, post);
	SET(HEADERFUNCTION, on_octets);
	SET(HEADERDATA, post);
	SET(PRIVATE, post);
#undef SET
	return !bad;
}

struct post *post_new(CURLM *multi, const struct post_aim *aim,
	const char *event, const char *body, int64_t wall, void *owner)
{
	struct post *post = calloc(1, sizeof(*post));

	if (!post)
		return NULL;
	post->owner = owner;
	post->easy = curl_easy_init();
	post->body = strdup(body);
	if (post->easy && post->body &&
		headers(post, aim->secret, event, wall) && options(post, aim) &&
		curl_multi_add_handle(multi, post->easy) == CURLM_OK)
		post->multi = multi;
	else
		post_free(&post);
	return post;
}

void post_free(struct post **post)
{
	if (!*post)
		return;
	if ((*post)->multi)
		(void)curl_multi_remove_handle((*post)->multi, (*post)->easy);
	if ((*post)->easy)
		curl_easy_cleanup((*post)->easy);
	curl_slist_free_all((*post)->headers);
	free((*post)->body);
	free(*post);
	*post = NULL;
}

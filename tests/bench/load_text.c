/*
 * What the load generator sends: one message and one AUTH line, made once.
 *
 * The message has lines of 78 octets, as mail has them, and ends with
 * CRLF.CRLF; a QUIT stands behind it for sessions that pipeline.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

char load_auth_line[256];
char *load_body;
size_t load_body_n;
char load_bdat_line[40];

static const char header[] = "From: <sender@example.org>\r\n"
			     "To: <user@example.com>\r\n"
			     "Subject: load\r\n\r\n";
static const char tail[] = "\r\n.\r\nQUIT\r\n";

static void fill_lines(char *text, size_t from, size_t to)
{
	int column = 0;

	for (size_t i = from; i < to; i++, column++) {
		if (column % 78 == 76 && i + 3 < to) {
			text[i++] = '\r';
			text[i] = '\n';
			column = -1;
		} else {
			text[i] = (char)('a' + i * 7 % 26);
		}
	}
}

static void make_body(void)
{
	size_t size = load_options.size_bytes;

	if (size < sizeof header + 2)
		size = load_options.size_bytes = sizeof header + 2;
	load_body = malloc(size + sizeof tail);
	if (!load_body)
		load_die("malloc");
	memcpy(load_body, header, sizeof header - 1);
	fill_lines(load_body, sizeof header - 1, size - 2);
	memcpy(load_body + size - 2, tail, sizeof tail);
	load_body_n = size + 3;
	if (!load_options.chunking)
		return;
	load_body_n = size; /* RFC 3030 §2: its length is its end */
	(void)snprintf(load_bdat_line, sizeof load_bdat_line,
		"BDAT %zu LAST\r\n", size);
}

/* RFC 4616: NUL user NUL password; a bad one has an octet too many. */
static void make_auth(void)
{
	unsigned char raw[130], coded[180];
	char login[128];
	char *colon;
	int n;

	n = snprintf(login, sizeof login, "%s%s", load_options.login,
		load_options.auth == LOAD_AUTH_BAD ? "x" : "");
	raw[0] = 0;
	memcpy(raw + 1, login, (size_t)n);
	colon = strchr(login, ':');
	raw[1 + (colon - login)] = 0;
	EVP_EncodeBlock(coded, raw, n + 1);
	snprintf(load_auth_line, sizeof load_auth_line, "AUTH PLAIN %s\r\n",
		(char *)coded);
}

void load_text_init(void)
{
	make_body();
	make_auth();
}

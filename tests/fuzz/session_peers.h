/*
 * The two scripted peers of fuzz_session and what must hold between them.
 *
 * The server numbers its final replies, " #0007" in front of the CRLF (not
 * those to EHLO), and keeps what each was the answer to. So the client knows
 * of each 2yz and 3yz whether it was meant for it:
 *	D-01 D-08	none but the server's, each once, in order, and for the
 *			command that the client takes it for
 *	D-02		2yz to a message only behind its last octet
 *	D-04 D-06	the message that the server has is the one that it is
 *	D-05		postern's own 5yz only for what the server has not got
 *	D-03 D-07 S-01	all that the server hears, and each message that is
 *			whole there, the client has said, in this order
 *	S-05		no verb that changes who speaks or how
 *	TLS-01 RSP-01	with STARTTLS passed on: behind the 220 each hears what
 *			the other says from there on, which begins as TLS does,
 *			and nothing else
 */
#ifndef TESTS_FUZZ_SESSION_PEERS_H
#define TESTS_FUZZ_SESSION_PEERS_H

#include <poll.h>

#include "session_net.h"
#include "session_reader.h"

enum { RECORDS_MOST = 1 << 15, LINE_MOST = 1 << 16 };

struct record {
	struct entry entry;
	unsigned code;
};

struct line {
	uint8_t p[LINE_MOST];
	size_t n;
	bool cr; /* held back: the number goes in front of it */
};

static struct {
	struct reader says;
	struct line hears; /* the reply that comes in */
	unsigned last_tag;
	bool stopped;	/* does not read */
	bool over;	/* its end is closed, or it saw the other's */
	bool last_said; /* a reply to nothing was the last one */
	size_t replies;
	bool tls; /* it heard the 220 */
	size_t tls_heard;
} client;

static struct {
	struct reader hears;
	struct line says;
	struct record records[RECORDS_MOST]; /* by number, from 1 */
	unsigned tag, auth_code, challenges;
	unsigned auth_tag; /* of the last final reply to AUTH */
	unsigned withheld; /* the client must not see it; 0: none */
	size_t origin; /* in what the client says: all before is accounted for
			*/
	bool stopped, over;
	bool left;		/* it closed by itself */
	uint8_t out[LINE_MOST]; /* said, and not taken yet */
	size_t out_n;
	size_t peeked;	  /* octets that it has heard without taking them */
	unsigned tls_tag; /* of its 220 to STARTTLS; 0: none */
	bool tls;	  /* and that is out */
	uint8_t tls_said[READER_ROOM];
	size_t tls_said_n;
} server;

static bool own_banner, normalizes, passes_tls;

static inline bool is_message(enum kind kind)
{
	return kind == KIND_END || kind == KIND_LAST;
}

static inline struct slice entry_text(
	const struct reader *r, const struct entry *e)
{
	return slice_of(r->p + e->from, e->n);
}

/* What NORMALIZE changes: a bare newline, and a dot with a NUL behind it. */
static inline bool has_bare(struct slice text)
{
	if (memmem(text.p, text.n, "\r\n.\0", 4) ||
		(text.n > 1 && memcmp(text.p, ".\0", 2) == 0))
		return true;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			return true;
		if (text.p[i] == '\r' &&
			(i + 1 == text.n || text.p[i + 1] != '\n'))
			return true;
	}
	return false;
}

static inline void hold_verb(struct slice line)
{
	static const char *const never[] = {"XCLIENT", "XFORWARD", "PROXY",
		"STARTTLS", "BURL", "TURN", "ATRN", "ETRN", "XEXCH50", "XDATA"};

	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
		size_t n = strlen(never[i]);

		if (passes_tls && strcmp(never[i], "STARTTLS") == 0)
			continue;
		MUST(line.n < n + 2 ||
			strncasecmp((const char *)line.p, never[i], n) != 0 ||
			(line.p[n] != ' ' && line.p[n] != '\r'));
	}
}

/* The server has a line, a message or a chunk. */
static inline void server_saw(struct reader *r, const struct entry *e)
{
	struct slice text = entry_text(r, e);
	const uint8_t *at, *from = client.says.p + server.origin;

	if (e->kind == KIND_END)
		text.n += 3;		/* with its dot */
	else if (e->kind == KIND_OTHER) /* an answer to AUTH may be any line */
		hold_verb(text);
	if (e->kind == KIND_AUTH && slice_eq(text, slice_str("*\r\n")))
		return; /* postern may say that by itself */
	at = text.n == 0 ? from
			 : memmem(from, client.says.n - server.origin, text.p,
				   text.n);
	if (!at && e->kind == KIND_END && normalizes)
		return;
	MUST(at != NULL);
	server.origin = (size_t)(at - client.says.p) + text.n;
}

static inline void hold_body(const struct entry *mine, const struct record *rec)
{
	struct slice body = entry_text(&client.says, mine);

	MUST(mine->complete && rec->entry.complete);
	if (normalizes && mine->kind == KIND_END && has_bare(body))
		return;
	MUST(slice_eq(body, entry_text(&server.hears, &rec->entry)));
}

/* The number of a reply's last line; 0: it is postern's own. */
static inline unsigned tag_of(const struct line *line)
{
	unsigned tag = 0;

	if (line->n < 9 || line->p[line->n - 6] != ' ' ||
		line->p[line->n - 5] != '#')
		return 0;
	for (size_t i = line->n - 4; i < line->n; i++) {
		uint8_t c = line->p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return 0;
		tag = tag * 16 + (c <= '9' ? c - '0' : c - 'a' + 10u);
	}
	return tag;
}

/* Is the next thing that the server has to answer a whole message? */
static inline bool server_has_message(void)
{
	const struct reader *r = &server.hears;

	return r->first < r->count && is_message(r->entries[r->first].kind) &&
	       r->entries[r->first].complete;
}

static inline bool is_starttls(struct slice text)
{
	return passes_tls && slice_eq_nocase(text, "STARTTLS\r\n");
}

/* As far as it goes: a record of a handshake, or of an alert in answer. */
static inline void hold_tls(struct slice in, bool answer)
{
	MUST(in.n < 1 || in.p[0] == 22 || (answer && in.p[0] == 21));
	MUST(in.n < 2 || in.p[1] == 3);
	MUST(answer || in.n < 6 || in.p[5] == 1);
}

/* All that the server has heard behind its 220 is what the client has said
 * behind STARTTLS. */
static inline void server_hold_tls(void)
{
	const struct reader *r = &server.hears;
	struct slice in = slice_of(r->p + r->at, r->n - r->at);

	MUST(in.n <= client.says.n - server.origin);
	MUST(memcmp(client.says.p + server.origin, in.p, in.n) == 0);
	hold_tls(in, false);
}

static inline void client_hear_tls(const uint8_t *p, size_t n)
{
	const uint8_t *said = server.tls_said;

	MUST(n <= server.tls_said_n - client.tls_heard);
	MUST(memcmp(said + client.tls_heard, p, n) == 0);
	client.tls_heard += n;
	hold_tls(slice_of(said, client.tls_heard), true);
	MUST(server.hears.n - server.hears.at >= 6);
}

static inline void client_reply(const struct line *line, unsigned code)
{
	unsigned tag = tag_of(line);
	const struct entry *mine = reader_reply(&client.says, code);
	const struct record *rec = &server.records[tag];

	MUST(!client.last_said);
	client.replies++;
	if (tag != 0) {
		MUST(tag > client.last_tag && tag <= server.tag);
		client.last_tag = tag;
		MUST(tag != server.withheld);
		MUST(rec->code == code);
	}
	client.last_said = mine->kind == KIND_NONE && !client.says.answered;
	if (code >= 400) {
		if (tag == 0 && code >= 500 && is_message(mine->kind))
			MUST(!server_has_message());
		return;
	}
	MUST(mine->kind != KIND_NONE);
	if (mine->kind == KIND_EHLO ||
		(mine->kind == KIND_GREETING && own_banner))
		return;
	MUST(tag != 0);
	MUST(rec->entry.kind == mine->kind);
	if (tag == server.tls_tag) {
		MUST(is_starttls(entry_text(&client.says, mine)));
		client.says.mode = READ_TLS;
		client.tls = true;
	}
	if (is_message(mine->kind))
		hold_body(mine, rec);
}

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The code of a reply's last line; 0: another follows, or it is none. */
static inline unsigned last_code(const struct line *line)
{
	const uint8_t *p = line->p;

	if (line->n < 3 || !is_digit(p[0]) || !is_digit(p[1]) ||
		!is_digit(p[2]) || (line->n > 3 && p[3] != ' '))
		return 0;
	return (p[0] - '0') * 100u + (p[1] - '0') * 10u + (p[2] - '0');
}

static inline void client_hear(const uint8_t *p, size_t n)
{
	struct line *line = &client.hears;

	for (size_t i = 0; i < n; i++) {
		if (client.tls) {
			client_hear_tls(p + i, n - i);
			return;
		}
		MUST(line->n < LINE_MOST);
		line->p[line->n++] = p[i];
		if (p[i] != '\n')
			continue;
		MUST(line->n >= 2 && line->p[line->n - 2] == '\r');
		line->n -= 2;
		if (last_code(line))
			client_reply(line, last_code(line));
		else /* a line of a longer one: never anything else */
			MUST(line->n >= 4 && line->p[3] == '-');
		line->n = 0;
	}
}

/* The last words may stop anywhere, the tarpit's never come to an end. */
static inline bool client_read(void)
{
	static uint8_t p[65536];
	ssize_t n;

	if (net.client < 0 || client.stopped || client.over)
		return false;
	n = __real_recv(net.client, p, sizeof p, 0);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0)
		client_hear(p, (size_t)n);
	else
		client.over = true;
	return true;
}

/*
 * D-03: what is not whole must not look as if it were. (Of a 354 that postern
 * never read, with nothing behind it, there is nothing to be taken for whole.)
 */
static inline void server_lost(void)
{
	const struct reader *r = &server.hears;

	server.over = true;
	if (server.left)
		return;
	if (r->mode == READ_CHUNK || (r->mode == READ_TEXT && r->n > r->at))
		MUST(net.server_reset);
}

static inline void server_hear(const uint8_t *p, size_t n)
{
	reader_add(&server.hears, p, n);
	if (server.tls)
		server_hold_tls();
}

static inline bool server_read(void)
{
	static uint8_t p[65536];
	size_t known = server.peeked;
	ssize_t n;

	if (net.server < 0 || server.stopped || server.over || server.out_n)
		return false;
	n = __real_recv(net.server, p, sizeof p, 0);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		server_lost();
		return true;
	}
	if (known > (size_t)n)
		known = (size_t)n;
	server.peeked -= known;
	server_hear(p + known, (size_t)n - known);
	return true;
}

/*
 * A server that does not read may speak all the same: it knows what has come
 * to its socket, and takes none of it, so that the rest waits in postern.
 */
static inline void server_peek(void)
{
	static uint8_t p[65536];
	ssize_t n;

	if (net.server < 0 || server.over || server.out_n)
		return;
	n = __real_recv(net.server, p, sizeof p, MSG_PEEK);
	if (n <= (ssize_t)server.peeked)
		return;
	server_hear(p + server.peeked, (size_t)n - server.peeked);
	server.peeked = (size_t)n;
}

static inline void client_send(const uint8_t *p, size_t n)
{
	ssize_t sent;

	if (net.client < 0 || client.over || n == 0)
		return;
	if (server.tls && n > READER_ROOM - client.says.n)
		return; /* nothing but room bounds it there */
	sent = __real_send(net.client, p, n, MSG_NOSIGNAL);
	if (sent > 0)
		reader_add(&client.says, p, (size_t)sent);
}

static inline void server_put(const void *p, size_t n)
{
	MUST(n <= sizeof server.out - server.out_n);
	memcpy(server.out + server.out_n, p, n);
	server.out_n += n;
}

/* True: something went out. */
static inline bool server_flush(void)
{
	ssize_t n;

	if (server.out_n == 0 || net.server < 0)
		return false;
	n = __real_send(net.server, server.out, server.out_n, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		n = (ssize_t)server.out_n; /* nobody hears it */
	if (n <= 0)
		return false;
	server.out_n -= (size_t)n;
	memmove(server.out, server.out + n, server.out_n);
	return true;
}

/* A reply's last line goes out: what is it the answer to? */
static inline void server_number(struct line *line)
{
	unsigned code = last_code(line);
	const struct reader *r = &server.hears;
	const struct entry *e;
	char tag[8];

	if (code == 0)
		return;
	if (r->first < r->count && r->entries[r->first].kind == KIND_EHLO) {
		(void)reader_reply(&server.hears, code);
		return;
	}
	MUST(++server.tag < RECORDS_MOST);
	e = reader_reply(&server.hears, code);
	server.records[server.tag] = (struct record){*e, code};
	if (e->kind == KIND_OTHER && code == 220 &&
		is_starttls(entry_text(r, e))) {
		MUST(r->first == r->count && r->at == r->n);
		server.tls_tag = server.tag;
	}
	if (e->kind == KIND_AUTH && code != 334)
		server.auth_code = code, server.auth_tag = server.tag;
	else if (e->kind == KIND_AUTH)
		server.challenges++;
	(void)snprintf(tag, sizeof tag, " #%04x", server.tag);
	server_put(tag, 6);
}

/* Has postern closed? One that does not read cannot tell by reading. */
static inline bool server_hung_up(void)
{
	struct pollfd p = {.fd = net.server, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0;
}

static inline void server_begin_tls(void)
{
	if (server.tls_tag == 0 || server.tls)
		return;
	server.tls = true;
	server.hears.mode = READ_TLS;
}

static inline void server_say_tls(const uint8_t *p, size_t n)
{
	if (n > sizeof server.tls_said - server.tls_said_n)
		return; /* it has said enough */
	memcpy(server.tls_said + server.tls_said_n, p, n);
	server.tls_said_n += n;
	server_put(p, n);
}

/* A server hears before it speaks. */
static inline void server_say(const void *octets, size_t n)
{
	struct line *line = &server.says;
	const uint8_t *p = octets;

	while (server_read())
		;
	if (server.stopped)
		server_peek();
	if (net.server < 0 || server.over || server.left || server.out_n ||
		server_hung_up())
		return;
	for (size_t i = 0; i < n; i++) {
		if (server.tls) {
			server_say_tls(p + i, n - i);
			break;
		}
		if (line->cr && p[i] == '\n')
			server_number(line);
		if (line->cr)
			server_put("\r", 1);
		line->cr = p[i] == '\r';
		if (line->cr)
			continue;
		server_put(p + i, 1);
		if (p[i] == '\n') {
			line->n = 0;
			server_begin_tls();
		} else if (line->n < LINE_MOST)
			line->p[line->n++] = p[i];
	}
	(void)server_flush();
}

/* What a server would say now. */
static inline const char *server_word(unsigned count)
{
	const struct reader *r = &server.hears;
	const struct entry *e = &r->entries[r->first];
	bool more;

	if (server.tls)
		return "\x16\x03\x03 any";
	if (r->first == r->count)
		return NULL;
	if (is_starttls(entry_text(r, e)))
		return count % 4 ? "220 go\r\n" : "454 no\r\n";
	switch (e->kind) {
	case KIND_GREETING: return "220 d ESMTP\r\n";
	case KIND_EHLO:
		if (passes_tls)
			return "250-d\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
		return "250-d\r\n250-PIPELINING\r\n250-CHUNKING\r\n"
		       "250 AUTH PLAIN LOGIN CRAM-MD5\r\n";
	case KIND_AUTH:
		more = e->n > 5 && strncasecmp((const char *)r->p + e->from,
					   "AUTH ", 5) == 0;
		more = more && !memchr(r->p + e->from + 5, ' ', e->n - 5);
		return more	   ? "334 VXNlcm5hbWU6\r\n"
		       : count % 2 ? "535 no\r\n"
				   : "235 in\r\n";
	case KIND_DATA: return "354 go\r\n";
	case KIND_NONE:
	case KIND_OTHER:
	case KIND_END:
	case KIND_CHUNK:
	case KIND_LAST: break;
	}
	return e->n > 4 && strncasecmp(
				   (const char *)r->p + e->from, "QUIT", 4) == 0
		       ? "221 bye\r\n"
		       : "250 ok\r\n";
}

static inline void peers_begin(void)
{
	reader_begin(&client.says, NULL);
	reader_begin(&server.hears, server_saw);
	client.hears.n = server.says.n = 0;
	client.hears.cr = server.says.cr = false;
	client.last_tag = server.tag = server.auth_code = 0;
	server.challenges = server.auth_tag = server.withheld = 0;
	client.stopped = client.over = client.last_said = false;
	server.stopped = server.over = server.left = false;
	server.peeked = 0;
	server.origin = server.out_n = client.replies = 0;
	client.tls = server.tls = false;
	client.tls_heard = server.tls_said_n = server.tls_tag = 0;
}

#endif

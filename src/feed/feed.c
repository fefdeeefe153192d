/*
 * The bans as other machines want them (see feed.h).
 *
 * What is written here is carried out by firewalls: nothing but prefixes that
 * were parsed, numbers and words of ours gets into a command. An operator's
 * note is in JSON alone, where it is quoted.
 */
#include "feed.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/siphash.h"

enum { LINE_LONGEST = 256 };

struct printer {
	feed_out *out;
	void *arg;
	const struct feed_ban *bans;
	size_t count;
	size_t chunk;
	wall_s_t now;
};

static const struct {
	const char *name, *media;
} formats[FEED_FORMAT_COUNT] = {
	[FEED_PLAIN] = {"plain", "text/plain; charset=utf-8"},
	[FEED_JSON] = {"json", "application/json"},
	[FEED_NFT] = {"nft", "text/plain; charset=utf-8"},
	[FEED_MIKROTIK] = {"mikrotik", "text/plain; charset=utf-8"},
	[FEED_CISCO] = {"cisco", "text/plain; charset=utf-8"},
	[FEED_WINDOWS] = {"windows", "text/plain; charset=utf-8"},
};

bool feed_format_find(const char *name, enum feed_format *ret_format)
{
	for (unsigned i = 0; i < FEED_FORMAT_COUNT; i++)
		if (strcmp(formats[i].name, name) == 0) {
			*ret_format = (enum feed_format)i;
			return true;
		}
	return false;
}

const char *feed_format_name(enum feed_format format)
{
	return formats[format].name;
}

const char *feed_format_media(enum feed_format format)
{
	return formats[format].media;
}

/* ---- order and tag ---- */

static int by_prefix(const void *a, const void *b)
{
	const struct prefix *x = &((const struct feed_ban *)a)->prefix;
	const struct prefix *y = &((const struct feed_ban *)b)->prefix;
	bool v4 = addr_is_v4(&x->addr);
	int order;

	if (v4 != addr_is_v4(&y->addr))
		return v4 ? -1 : 1;
	order = memcmp(x->addr.octets, y->addr.octets, sizeof(x->addr.octets));
	return order != 0 ? order : (int)x->bits - (int)y->bits;
}

void feed_sort(struct feed_ban *bans, size_t count)
{
	if (count > 0)
		qsort(bans, count, sizeof(*bans), by_prefix);
}

static uint64_t mix(uint64_t tag, const void *p, size_t n)
{
	uint8_t key[16] = "postern feed 1";

	memcpy(key + 8, &tag, sizeof(tag));
	return siphash(key, p, n);
}

uint64_t feed_tag(const struct feed_ban *bans, size_t count)
{
	uint64_t tag = count;

	for (size_t i = 0; i < count; i++) {
		tag = mix(tag, bans[i].prefix.addr.octets,
			sizeof(bans[i].prefix.addr.octets));
		tag = mix(tag, &bans[i].prefix.bits, 1);
		tag = mix(tag, &bans[i].until, sizeof(bans[i].until));
		tag = mix(tag, bans[i].rule, strlen(bans[i].rule) + 1);
		tag = mix(tag, bans[i].note, strlen(bans[i].note) + 1);
	}
	return tag;
}

/* ---- words ---- */

static void say(const struct printer *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct printer *p, const char *format, ...)
{
	char line[LINE_LONGEST];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(line))
		p->out(p->arg, line, (size_t)n);
}

static bool is_over(const struct printer *p, const struct feed_ban *ban)
{
	return ban->until != 0 && ban->until <= p->now;
}

static bool is_v4(const struct feed_ban *ban)
{
	return addr_is_v4(&ban->prefix.addr) &&
	       ban->prefix.bits >= ADDR_V4_BITS;
}

/* The next one of this family from *at on; NULL: none. */
static const struct feed_ban *next_of(
	const struct printer *p, bool v4, size_t *at)
{
	while (*at < p->count) {
		const struct feed_ban *ban = &p->bans[(*at)++];

		if (is_v4(ban) == v4 && !is_over(p, ban))
			return ban;
	}
	return NULL;
}

static void print_plain(const struct printer *p)
{
	char text[PREFIX_TEXT_LONGEST];

	for (size_t i = 0; i < p->count; i++)
		if (!is_over(p, &p->bans[i]))
			say(p, "%s\n", prefix_format(&p->bans[i].prefix, text));
}

/* ---- JSON ---- */

static void print_json_ban(const struct printer *p, const struct feed_ban *ban)
{
	char text[PREFIX_TEXT_LONGEST];
	json_t *row = json_pack("{s:s, s:o, s:s, s:s}", "prefix",
		prefix_format(&ban->prefix, text), "until",
		ban->until != 0 ? json_integer((json_int_t)ban->until)
				: json_null(),
		"rule", ban->rule, "reason", ban->note);
	char *line =
		row ? json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	if (line)
		p->out(p->arg, line, strlen(line));
	free(line);
	json_decref(row);
}

static void print_json(const struct printer *p)
{
	const char *between = "\n";

	say(p, "{\"version\":%d,\"bans\":[", FEED_VERSION);
	for (size_t i = 0; i < p->count; i++) {
		if (is_over(p, &p->bans[i]))
			continue;
		say(p, "%s", between);
		print_json_ban(p, &p->bans[i]);
		between = ",\n";
	}
	say(p, "\n]}\n");
}

/* ---- nft ---- */

static void print_nft_ban(const struct printer *p, const struct feed_ban *ban,
	const char *between)
{
	char text[PREFIX_TEXT_LONGEST];

	say(p, "%s%s", between, prefix_format(&ban->prefix, text));
	if (ban->until != 0)
		say(p, " timeout %llds", (long long)(ban->until - p->now));
}

static void print_nft_set(const struct printer *p, bool v4)
{
	const char *set = v4 ? "postern_v4" : "postern_v6";
	const struct feed_ban *ban, *wider = NULL;
	size_t at = 0, n = 0;

	say(p,
		"add set inet postern_feed %s { type %s; "
		"flags interval, timeout; }\nflush set inet postern_feed %s\n",
		set, v4 ? "ipv4_addr" : "ipv6_addr", set);
	while ((ban = next_of(p, v4, &at)) != NULL) {
		/* Intervals must not overlap; the wider one stands first. */
		if (wider && prefix_overlaps(&wider->prefix, &ban->prefix))
			continue;
		wider = ban;
		if (n % p->chunk == 0)
			say(p, "%sadd element inet postern_feed %s {",
				n > 0 ? " }\n" : "", set);
		print_nft_ban(p, ban, n % p->chunk == 0 ? " " : ", ");
		n++;
	}
	if (n > 0)
		say(p, " }\n");
}

/* Sets in a table of its own: rules that use them are the reader's. */
static void print_nft(const struct printer *p)
{
	say(p, "# postern feed %d\nadd table inet postern_feed\n",
		FEED_VERSION);
	print_nft_set(p, true);
	print_nft_set(p, false);
}

/* ---- MikroTik ---- */

static void print_mikrotik_list(const struct printer *p, bool v4)
{
	const char *menu = v4 ? "/ip" : "/ipv6";
	char text[PREFIX_TEXT_LONGEST];
	const struct feed_ban *ban;
	size_t at = 0;

	say(p, "%s firewall address-list remove [find list=postern]\n", menu);
	while ((ban = next_of(p, v4, &at)) != NULL) {
		say(p, "%s firewall address-list add list=postern address=%s",
			menu, prefix_format(&ban->prefix, text));
		if (ban->until != 0)
			say(p, " timeout=%llds",
				(long long)(ban->until - p->now));
		say(p, " comment=%s\n", ban->rule);
	}
}

static void print_mikrotik(const struct printer *p)
{
	say(p, "# postern feed %d\n", FEED_VERSION);
	print_mikrotik_list(p, true);
	print_mikrotik_list(p, false);
}

/* ---- Cisco ---- */

static void print_cisco_group(const struct printer *p, bool v4)
{
	const char *kind = v4 ? "network POSTERN-V4" : "v6-network POSTERN-V6";
	const unsigned whole = v4 ? 32 : 128;
	char text[PREFIX_TEXT_LONGEST];
	const struct feed_ban *ban;
	size_t at = 0;

	say(p, "no object-group %s\nobject-group %s\n", kind, kind);
	while ((ban = next_of(p, v4, &at)) != NULL) {
		const char *host =
			prefix_length(&ban->prefix) == whole ? "host " : "";
		char *slash;

		(void)prefix_format(&ban->prefix, text);
		slash = v4 ? strchr(text, '/') : NULL;
		if (slash != NULL)
			*slash++ = '\0'; /* "192.0.2.0 /24" */
		say(p, " %s%s%s%s\n", host, text, slash ? " /" : "",
			slash ? slash : "");
	}
	say(p, "exit\n");
}

static void print_cisco(const struct printer *p)
{
	say(p, "! postern feed %d\n", FEED_VERSION);
	print_cisco_group(p, true);
	print_cisco_group(p, false);
}

/* ---- Windows ---- */

/* New rules stand before the old ones go: no moment is without. */
static void print_windows(const struct printer *p)
{
	char text[PREFIX_TEXT_LONGEST];
	size_t n = 0;

	say(p,
		"# postern feed %d\n"
		"$old = @(Get-NetFirewallRule -Group postern "
		"-ErrorAction SilentlyContinue)\n",
		FEED_VERSION);
	for (size_t i = 0; i < p->count; i++) {
		if (is_over(p, &p->bans[i]))
			continue;
		if (n % p->chunk == 0)
			say(p,
				"%sNew-NetFirewallRule -Group postern "
				"-DisplayName 'postern %zu' -Direction Inbound "
				"-Action Block -RemoteAddress @(",
				n > 0 ? ") | Out-Null\n" : "",
				n / p->chunk + 1);
		say(p, "%s'%s'", n % p->chunk == 0 ? "" : ",",
			prefix_format(&p->bans[i].prefix, text));
		n++;
	}
	say(p, "%s$old | Remove-NetFirewallRule\n",
		n > 0 ? ") | Out-Null\n" : "");
}

void feed_print(enum feed_format format, const struct feed_ban *bans,
	size_t count, wall_s_t now, size_t chunk, feed_out *out, void *arg)
{
	const struct printer p = {out, arg, bans, count,
		chunk > 0 && chunk <= FEED_CHUNK_MOST ? chunk
						      : (size_t)FEED_CHUNK,
		now};

	switch (format) {
	case FEED_PLAIN: print_plain(&p); break;
	case FEED_JSON: print_json(&p); break;
	case FEED_NFT: print_nft(&p); break;
	case FEED_MIKROTIK: print_mikrotik(&p); break;
	case FEED_CISCO: print_cisco(&p); break;
	case FEED_WINDOWS: print_windows(&p); break;
	case FEED_FORMAT_COUNT: break;
	}
}

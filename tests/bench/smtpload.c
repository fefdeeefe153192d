/*
 * smtpload: SMTP load from one thread. Closed loop (-c), open loop (-r) or
 * idle sessions that are only held (-H).
 *
 * Prints one line of JSON when done; with -H also {"held":N} as soon as all
 * sessions are where they shall stay. Sessions that fail are counted by kind
 * and do not stop the run.
 */
#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

struct load_options load_options = {
	.total_count = 1,
	.concurrent_count = 1,
	.message_count = 1,
	.try_count = 1,
	.size_bytes = 1024,
	.hold_s = -1,
	.session_longest_s = 30,
	.run_longest_s = 120,
	.source_count = 1,
	.login = "user@example.org:secret",
};
struct load_counts load_counts;

double load_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void load_die(const char *what)
{
	perror(what);
	exit(2);
}

__attribute__((noreturn)) static void usage(void)
{
	fputs("usage: smtpload [options] ADDR:PORT\n"
	      " -c N sessions at once  -n N sessions in all  -m N messages a\n"
	      "    session (0: none)  -S N message bytes  -p pipelining\n"
	      " -C messages by BDAT, each one chunk (not with -p)\n"
	      " -N each message is a NOOP, timed as mail\n"
	      " -t none|starttls|tls  -R resume TLS sessions  -2 TLS 1.2 at "
	      "most\n"
	      " -a none|good|bad  -u USER:PASS  -k N AUTH tries a session\n"
	      " -r N sessions a second (open loop; -c caps the open ones)\n"
	      " -b ADDR first source address  -B N number of them\n"
	      " -H S open -n sessions and hold them S seconds after EHLO (or\n"
	      "    AUTH); prints {\"held\":N} first  -G hold before the "
	      "greeting\n"
	      " -T S a session may take  -L S the run may take\n",
		stderr);
	exit(2);
}

static enum load_tls tls_word(const char *word)
{
	if (strcmp(word, "starttls") == 0)
		return LOAD_TLS_STARTTLS;
	return strcmp(word, "tls") == 0 ? LOAD_TLS_IMPLICIT : LOAD_TLS_NONE;
}

static enum load_auth auth_word(const char *word)
{
	if (strcmp(word, "good") == 0)
		return LOAD_AUTH_GOOD;
	return strcmp(word, "bad") == 0 ? LOAD_AUTH_BAD : LOAD_AUTH_NONE;
}

/* A pure switch: one line an option. */
static void take_option(int letter, const char *value)
{
	struct load_options *o = &load_options;

	switch (letter) {
	case 'c': o->concurrent_count = atoi(value); break;
	case 'n': o->total_count = atol(value); break;
	case 'm': o->message_count = atoi(value); break;
	case 'S': o->size_bytes = strtoul(value, NULL, 10); break;
	case 'p': o->pipelining = true; break;
	case 'C': o->chunking = true; break;
	case 'N': o->noop = true; break;
	case 't': o->tls = tls_word(value); break;
	case 'R': o->resume = true; break;
	case '2': o->tls12 = true; break;
	case 'a': o->auth = auth_word(value); break;
	case 'u': o->login = value; break;
	case 'k': o->try_count = atoi(value); break;
	case 'r': o->rate = atof(value); break;
	case 'b': o->source_base = ntohl(inet_addr(value)); break;
	case 'B': o->source_count = atoi(value); break;
	case 'H': o->hold_s = atof(value); break;
	case 'G': o->hold_at_greeting = true; break;
	case 'T': o->session_longest_s = atof(value); break;
	case 'L': o->run_longest_s = atof(value); break;
	default: usage(); /* getopt's "?" */
	}
}

static void take_server(char *text)
{
	struct sockaddr_in *server = &load_options.server;
	char *colon = text ? strrchr(text, ':') : NULL;

	if (!colon)
		usage();
	*colon = '\0';
	server->sin_family = AF_INET;
	server->sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, text, &server->sin_addr) != 1)
		usage();
}

static void take_arguments(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv,
			"c:n:m:S:pCNt:R2a:u:k:r:b:B:H:GT:L:")) != -1)
		take_option(letter, optarg);
	take_server(argv[optind]);
	if ((load_options.pipelining && load_options.chunking) ||
		!strchr(load_options.login, ':') ||
		strlen(load_options.login) > 100)
		usage();
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* what there is must do */
}

/* In an open loop sessions fall due; in a closed one a place falls free. */
static void start_sessions(int epoll_fd, double elapsed_s)
{
	const struct load_options *o = &load_options;
	double due = o->rate > 0 ? o->rate * elapsed_s : (double)o->total_count;
	struct load_counts *c = &load_counts;

	while (c->started < o->total_count && (double)c->started < due &&
		c->active - c->held < o->concurrent_count)
		load_session_start(epoll_fd);
	if (o->rate > 0 && c->active >= o->concurrent_count &&
		(double)c->started < due)
		c->late++;
}

static void end_late_sessions(double now_s)
{
	struct load_session *s = load_sessions, *next;

	for (; s; s = next) {
		next = s->next;
		if (now_s - s->began_s > load_options.session_longest_s)
			load_session_finish(s, LOAD_TIMEOUT);
	}
}

static bool all_are_held(void)
{
	return load_options.hold_s >= 0 &&
	       load_counts.started >= load_options.total_count &&
	       load_counts.held == load_counts.active;
}

static double announce_held(double now_s)
{
	printf("{\"held\":%ld}\n", load_counts.held);
	fflush(stdout);
	return now_s;
}

static void wait_events(int epoll_fd)
{
	struct epoll_event events[256];
	int n = epoll_wait(
		epoll_fd, events, 256, load_options.rate > 0 ? 1 : 100);

	for (int i = 0; i < n; i++)
		load_session_event(events[i].data.ptr, events[i].events);
}

static void run(int epoll_fd, double began_s)
{
	double held_since_s = 0, scanned_s = began_s;

	while (load_counts.done < load_options.total_count) {
		double now_s = load_now_s();

		start_sessions(epoll_fd, now_s - began_s);
		if (held_since_s <= 0 && all_are_held())
			held_since_s = announce_held(now_s);
		if (held_since_s > 0 &&
			now_s - held_since_s > load_options.hold_s)
			break;
		if (now_s - began_s > load_options.run_longest_s)
			break;
		wait_events(epoll_fd);
		if (load_options.hold_s < 0 && now_s - scanned_s > 0.1) {
			scanned_s = now_s;
			end_late_sessions(now_s);
		}
	}
}

int main(int argc, char **argv)
{
	int epoll_fd;
	double began_s;

	take_arguments(argc, argv);
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	load_text_init();
	if (load_options.tls != LOAD_TLS_NONE)
		load_tls_init();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		load_die("epoll_create1");
	began_s = load_now_s();
	run(epoll_fd, began_s);
	load_report(load_now_s() - began_s);
	return 0;
}

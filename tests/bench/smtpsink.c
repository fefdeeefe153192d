/*
 * smtpsink: an SMTP server that answers as Domino would and throws mail away.
 * One thread. Listeners: ADDR:PORT[/pp][/tls]; pp: a PROXY header (v1 or v2)
 * comes first; tls: TLS from the first octet. With a certificate STARTTLS is
 * offered on the others.
 *
 * Prints its counts as JSON when it is stopped by SIGTERM.
 */
#include "sink.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, BACKLOG = 65535 };

struct sink_counts sink_counts;
SSL_CTX *sink_tls;
static int epoll_fd;
static volatile sig_atomic_t stopping;

void sink_die(const char *what)
{
	perror(what);
	exit(2);
}

static void on_term(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static void watch(struct sink_session *s)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event) < 0)
		sink_die("epoll_ctl");
}

static int listen_on(const char *host, const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	address.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		sink_die(host);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		listen(fd, BACKLOG) < 0)
		sink_die("listen");
	return fd;
}

static void add_listener(char *text)
{
	struct sink_session *listener = calloc(1, sizeof *listener);
	char *colon = strchr(text, ':');

	if (!listener || !colon)
		sink_die("ADDR:PORT[/pp][/tls]");
	*colon++ = '\0';
	listener->listener = true;
	listener->proxy_header = strstr(colon, "/pp") != NULL;
	listener->implicit_tls = strstr(colon, "/tls") != NULL;
	listener->fd = listen_on(text, colon);
	watch(listener);
}

static bool accept_one(const struct sink_session *listener)
{
	struct sink_session *s;
	int one = 1;
	int fd =
		accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return false;
	s = calloc(1, sizeof *s);
	if (!s)
		sink_die("calloc");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	s->fd = fd;
	s->proxy_header = listener->proxy_header;
	s->implicit_tls = listener->implicit_tls;
	sink_session_begin(s);
	watch(s);
	return true;
}

static void serve(void)
{
	struct epoll_event events[256];
	int n = epoll_wait(epoll_fd, events, 256, 1000);

	for (int i = 0; i < n; i++) {
		struct sink_session *s = events[i].data.ptr;

		if (!s->listener) {
			sink_session_event(s);
			continue;
		}
		for (int k = 0; k < ACCEPTS_A_TURN; k++)
			if (!accept_one(s))
				break;
	}
}

static void tls_init(const char *chain, const char *key)
{
	static const unsigned char id[] = "sink";

	sink_tls = SSL_CTX_new(TLS_server_method());
	if (!sink_tls ||
		SSL_CTX_use_certificate_chain_file(sink_tls, chain) != 1 ||
		SSL_CTX_use_PrivateKey_file(sink_tls, key, SSL_FILETYPE_PEM) !=
			1)
		sink_die("certificate");
	SSL_CTX_set_mode(sink_tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(sink_tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_id_context(sink_tls, id, sizeof id - 1);
}

static void process_init(void)
{
	struct sigaction action = {.sa_handler = on_term};
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		sink_die("epoll_create1");
}

static void report(void)
{
	const struct sink_counts *c = &sink_counts;

	printf("{\"connections\":%lu,\"messages\":%lu,\"bytes\":%llu,",
		c->sessions, c->messages, c->bytes);
	printf("\"auth_ok\":%lu,\"auth_bad\":%lu,\"handshakes\":%lu,"
	       "\"resumed\":%lu}\n",
		c->auth_ok, c->auth_bad, c->handshakes, c->resumed);
}

int main(int argc, char **argv)
{
	const char *chain = NULL, *key = NULL;
	const char *login = "user@example.org:secret";
	int letter;

	while ((letter = getopt(argc, argv, "c:k:u:")) != -1) {
		switch (letter) {
		case 'c': chain = optarg; break;
		case 'k': key = optarg; break;
		case 'u': login = optarg; break;
		default: /* getopt's "?" */
			fputs("usage: smtpsink [-c CERT [-k KEY]] "
			      "[-u USER:PASS] ADDR:PORT[/pp][/tls]...\n",
				stderr);
			return 2;
		}
	}
	process_init();
	sink_login_init(login);
	if (chain)
		tls_init(chain, key ? key : chain);
	for (; optind < argc; optind++)
		add_listener(argv[optind]);
	while (!stopping)
		serve();
	report();
	return 0;
}

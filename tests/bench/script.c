/*
 * A worker with a script to live through, for counting its instructions:
 *
 *	script NAME COUNT	COUNT sessions of plain | auth | pipelined |
 *				refused | text (1 MB), one after the other
 *
 * The worker is this process, started whole and as it is; client, server and
 * keeper are others, which are executed anew so that who counts counts the
 * worker alone. Each octet is awaited before the next is sent: the same calls
 * in each run. The count for one session is that of a long run less that of a
 * short one.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/census.h"
#include "../../src/base/log.h"
#include "../../src/ipc/channel.h"
#include "../../src/policy/policy.h"
#include "../../src/worker/worker.h"

enum { TEXT_BYTES = 1 << 20, LINE = 78 };

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* ---- one end of a connection ---- */

static void say(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		need(done > 0, "send");
		p += done;
		n -= (size_t)done;
	}
}

static void say_line(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

/* Until what came ends with `end`; false: the connection did. */
static bool hear(int fd, const char *end)
{
	static char in[1 << 17];
	size_t n = 0, want = strlen(end);

	for (;;) {
		ssize_t done = recv(fd, in + n, sizeof(in) - n, 0);

		if (done <= 0)
			return false;
		n += (size_t)done;
		if (n >= want && memcmp(in + n - want, end, want) == 0)
			return true;
		if (n > sizeof(in) / 2) { /* its end is what counts */
			memmove(in, in + n - want, want);
			n = want;
		}
	}
}

/* ---- scripts ---- */

struct line {
	const char *client; /* NULL: the server greets; "": the text */
	const char *server; /* NULL: the worker answers by itself */
};

static const char pipelined[] = "MAIL FROM:<sender@example.org>\r\n"
				"RCPT TO:<user@example.com>\r\nDATA\r\n";

/* clang-format off */
#define BEGIN {NULL, "220 sink ESMTP\r\n"}, \
	{"EHLO load.example.org\r\n", "250-sink\r\n250-PIPELINING\r\n" \
	"250-AUTH PLAIN LOGIN\r\n250 SIZE\r\n"}
#define MAIL {"MAIL FROM:<sender@example.org>\r\n", "250 sender ok\r\n"}, \
	{"RCPT TO:<user@example.com>\r\n", "250 recipient ok\r\n"}, \
	{"DATA\r\n", "354 go on\r\n"}
#define END {"QUIT\r\n", "221 bye\r\n"}, {0}
#define LOGIN "AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=\r\n"

static const struct line plain[] = {BEGIN, MAIL,
	{"one line\r\n.\r\n", "250 accepted\r\n"}, END};
static const struct line auth[] = {BEGIN, {LOGIN, "235 in\r\n"}, MAIL,
	{"one line\r\n.\r\n", "250 accepted\r\n"}, END};
static const struct line together[] = {BEGIN,
	{pipelined, "250 ok\r\n250 ok\r\n354 go on\r\n"},
	{"one line\r\n.\r\n", "250 accepted\r\n"}, END};
static const struct line refused[] = {BEGIN, {LOGIN, "535 no\r\n"}, END};
static const struct line text[] = {BEGIN, MAIL,
	{"", "250 accepted\r\n"}, END};
/* clang-format on */

static const struct script {
	const char *name;
	const struct line *lines;
} scripts[] = {
	{"plain", plain},
	{"auth", auth},
	{"pipelined", together},
	{"refused", refused},
	{"text", text},
};

static const struct line *script_find(const char *name)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(scripts[i].name, name) == 0)
			return scripts[i].lines;
	return NULL;
}

/* A megabyte in pieces that the sockets take. */
static void say_text(int client, int server)
{
	static char piece[LINE * 800];

	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = i % LINE == LINE - 2	  ? '\r'
			   : i % LINE == LINE - 1 ? '\n'
						  : 'x';
	for (size_t n = 0; n < TEXT_BYTES; n += sizeof(piece)) {
		piece[0] = 'x';
		say(client, piece, sizeof(piece));
		for (size_t heard = 0; heard < sizeof(piece);) {
			static char in[sizeof(piece)];
			ssize_t done = recv(server, in, sizeof(in), 0);

			need(done > 0, "recv");
			heard += (size_t)done;
		}
	}
	say_line(client, ".\r\n");
	need(hear(server, ".\r\n"), "the end of the text");
}

static void live_through(const struct line *line, int client, int server)
{
	for (; line->server; line++) {
		const char *last = strrchr(line->server, '\r');

		while (last > line->server && last[-1] != '\n')
			last--;
		if (line->client && *line->client == '\0')
			say_text(client, server);
		else if (line->client) {
			const char *end = strrchr(line->client, '\r');

			while (end > line->client && end[-1] != '\n')
				end--;
			say_line(client, line->client);
			need(hear(server, end), line->client);
		}
		say_line(server, line->server);
		need(hear(client, last), line->server);
	}
	(void)hear(client, "\n");
	(void)hear(server, "\n");
}

/* ---- the peers ---- */

static bool keeper_hears(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct channel *keeper = arg;
	struct message_verdict verdict = {.kind = VERDICT_PASS};

	(void)n;
	(void)fd;
	if (type == MESSAGE_HELLO)
		(void)channel_send(keeper, MESSAGE_SYNC_DONE, NULL, 0);
	else if (type == MESSAGE_ASK)
		verdict.attempt = ((const struct message_ask *)body)->attempt;
	else if (type == MESSAGE_SETTLE)
		verdict.attempt =
			((const struct message_settle *)body)->attempt;
	if (verdict.attempt)
		(void)channel_send(
			keeper, MESSAGE_VERDICT, &verdict, sizeof(verdict));
	(void)channel_flush(keeper);
	return true;
}

static void keep(int fd)
{
	struct channel *keeper = channel_new(fd, 1 << 20);
	struct pollfd in = {.fd = fd, .events = POLLIN};

	while (poll(&in, 1, -1) > 0 &&
		channel_receive(keeper, keeper_hears, keeper) != CHANNEL_CLOSED)
		;
	channel_free(&keeper);
}

static void attack(
	const char *name, unsigned count, int listening, struct sockaddr_in to)
{
	const struct line *lines = script_find(name);

	while (count-- > 0) {
		int client = socket(AF_INET, SOCK_STREAM, 0), server;

		need(connect(client, (struct sockaddr *)&to, sizeof(to)) == 0,
			"connect");
		server = accept(listening, NULL, NULL);
		need(server >= 0, "accept");
		live_through(lines, client, server);
		close(client);
		close(server);
	}
}

/* script peers NAME COUNT LISTENING PORT KEEPER SUPERVISOR */
static int peers(char **argv)
{
	struct sockaddr_in door = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argv[3])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int keeper = atoi(argv[4]), supervisor = atoi(argv[5]);
	pid_t pid = fork();

	if (pid == 0) {
		close(supervisor);
		keep(keeper);
		_exit(0);
	}
	close(keeper);
	attack(argv[0], (unsigned)atoi(argv[1]), atoi(argv[2]), door);
	close(supervisor); /* the worker's end */
	return 0;
}

/* ---- the worker ---- */

static int door_open(uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	need(fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 &&
			listen(fd, 16) == 0 &&
			getsockname(fd, (struct sockaddr *)&at, &n) == 0,
		"a listening socket");
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void peers_start(
	char **argv, int listening, uint16_t port, int keeper, int supervisor)
{
	char words[4][16], role[] = "peers";
	char *args[] = {argv[0], role, argv[1], argv[2], words[0], words[1],
		words[2], words[3], NULL};
	int numbers[] = {listening, port, keeper, supervisor};

	for (int i = 0; i < 4; i++)
		snprintf(words[i], sizeof(words[i]), "%d", numbers[i]);
	if (fork() != 0)
		return;
	for (int i = 0; i < 4; i++)
		if (i != 1)
			need((numbers[i] = dup(numbers[i])) >= 0, "dup");
	for (int i = 0; i < 4; i++)
		snprintf(words[i], sizeof(words[i]), "%d", numbers[i]);
	execv(argv[0], args);
	_exit(127);
}

static int work(struct conf *conf, int door, uint16_t server_port, int keeper,
	int supervisor)
{
	struct worker_server server = {.port = server_port, .name = "sink"};
	struct worker_backend backend = {.conf = &conf->backends[0],
		.servers = &server,
		.server_count = 1};
	struct worker_listener listener = {
		.conf = &conf->listeners[0], .fds = &door, .fd_count = 1};
	struct worker_setup setup = {.slot = 1,
		.worker_count = 1,
		.conf = conf,
		.hostname = "postern.example",
		.listeners = &listener,
		.listener_count = 1,
		.backends = &backend,
		.backend_count = 1,
		.keeper_fd = keeper,
		.supervisor_fd = supervisor,
		.tickets_at_ms = MONO_NEVER,
		.census = census_new(1)};

	need(setup.census && addr_parse("127.0.0.1", &server.addr), "memory");
	census_clear(setup.census, 0);
	return worker_run(&setup);
}

int main(int argc, char **argv)
{
	struct conf_errors errors;
	struct conf *conf =
		conf_parse("mode = enforce "
			   "listener l { bind = \"127.0.0.1:1\" backend = b } "
			   "backend b { servers = \"127.0.0.1:2\" }",
			"script", &errors);
	int keeper[2], supervisor[2], door, listening, result, log;
	uint16_t port, server_port;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 8 && strcmp(argv[1], "peers") == 0)
		return peers(argv + 2);
	if (argc != 3 || !script_find(argv[1])) {
		fprintf(stderr, "usage: script plain|auth|pipelined|refused|"
				"text COUNT\n");
		return 2;
	}
	need(conf && channel_pair(keeper) && channel_pair(supervisor), "begin");
	log = open("/dev/null", O_WRONLY);
	log_init("worker", log, LOG_INFO, LOG_TEXT);
	door = door_open(&port);
	listening = door_open(&server_port);
	peers_start(argv, listening, port, keeper[0], supervisor[0]);
	close(keeper[0]);
	close(supervisor[0]);
	close(listening);
	(void)fcntl(door, F_SETFL, O_NONBLOCK);
	result = work(conf, door, server_port, keeper[1], supervisor[1]);
	while (wait(NULL) > 0)
		;
	conf_free(&conf);
	return result;
}

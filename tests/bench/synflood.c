/*
 * synflood: what a refused source costs: N times socket, bind, connect and
 * close from many source addresses, non-blocking (a dropped SYN is never
 * waited for). Mode 0 leaves connect() out: the price of the loop itself.
 *
 * synflood MODE N ADDR:PORT SOURCE_BASE SOURCES; prints microseconds a turn.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void turn(uint32_t source_address, const struct sockaddr_in *server)
{
	struct sockaddr_in source = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	source.sin_addr.s_addr = htonl(source_address);
	(void)bind(fd, (struct sockaddr *)&source, sizeof source);
	/* The result does not matter: the SYN was sent. */
	if (server)
		(void)connect(
			fd, (const struct sockaddr *)server, sizeof *server);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = {.sin_family = AF_INET};
	uint32_t base, source_count;
	char *colon = argc == 6 ? strchr(argv[3], ':') : NULL;
	int connects, turn_count;
	double began_s;

	if (!colon)
		return 2;
	*colon = '\0';
	connects = atoi(argv[1]);
	turn_count = atoi(argv[2]);
	source_count = (uint32_t)atoi(argv[5]);
	base = ntohl(inet_addr(argv[4]));
	server.sin_port = htons((unsigned short)atoi(colon + 1));
	if (inet_pton(AF_INET, argv[3], &server.sin_addr) != 1)
		return 2;
	began_s = now_s();
	for (int i = 0; i < turn_count; i++)
		turn(base + (uint32_t)i % source_count,
			connects ? &server : NULL);
	printf("{\"us\":%.3f,\"cpu_us\":%.3f}\n",
		(now_s() - began_s) / turn_count * 1e6, cpu_us() / turn_count);
	return 0;
}

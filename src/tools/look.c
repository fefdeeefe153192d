/*
 * Looking at this host: files of /proc, and what other programs say.
 */
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What does not fit is read and dropped, or the writer would wait. */
static void read_all(int fd, char *out, size_t room)
{
	char drop[4096];
	size_t n = 0;
	ssize_t got;

	do {
		bool full = n + 1 >= room;

		got = full ? read(fd, drop, sizeof(drop))
			   : read(fd, out + n, room - n - 1);
		if (got > 0 && !full)
			n += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	out[n] = '\0';
}

bool look_file(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	out[0] = '\0';
	if (fd < 0)
		return false;
	read_all(fd, out, room);
	(void)close(fd);
	return true;
}

long look_number(const char *path, long fallback)
{
	char text[64], *end;
	long number;

	if (!look_file(path, text, sizeof(text)))
		return fallback;
	number = strtol(text, &end, 10);
	return end == text ? fallback : number;
}

static int spawn(const char *const *argv, int out, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	(void)posix_spawn_file_actions_addopen(
		&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	error = posix_spawnp(ret_pid, argv[0], &actions, NULL,
		(char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return error;
}

int look_run(const char *const *argv, char *out, size_t room)
{
	int ends[2], status = 0, error;
	pid_t pid;

	out[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	error = spawn(argv, ends[1], &pid);
	(void)close(ends[1]);
	if (error == 0)
		read_all(ends[0], out, room);
	(void)close(ends[0]);
	if (error != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

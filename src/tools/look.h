/* Looking at this host: files of /proc, and what other programs say. */
#ifndef TOOLS_LOOK_H
#define TOOLS_LOOK_H

#include <stdbool.h>
#include <stddef.h>

/* The file's text, cut at room. false: there is none. */
bool look_file(const char *path, char *out, size_t room);
/* Its first number; fallback when there is none. */
long look_number(const char *path, long fallback);
/*
 * Runs argv[0] as the PATH has it, without a shell. out: what it wrote, cut at
 * room. Its exit code; -1: it could not be run.
 */
int look_run(const char *const *argv, char *out, size_t room);

#endif

/*
 * The server's log, opened for the keeper, which cannot open paths.
 */
#ifndef SUPERVISOR_EAR_H
#define SUPERVISOR_EAR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../base/units.h"
#include "../conf/conf.h"

struct supervisor;

/* What is open. */
struct ear {
	char *path; /* NULL: nothing is to be followed */
	int fd;	    /* -1: not there yet */
	dev_t dev;
	ino_t ino;
	int error;     /* of the last look */
	bool looked;   /* a file that was not there then is read from its
			  beginning */
	bool untold;   /* the keeper lacks something */
	char *told;    /* the patterns that it has; NULL: none */
	mono_ms_t due; /* of the next look */
};

enum { EAR_ERROR_LONGEST = 1024 };

/*
 * The patterns that a configuration names, as text: read, compiled, and its
 * samples tried. "" when there is no log to follow. NULL: error says what is
 * wrong. Caller frees.
 */
char *ear_patterns_text(const struct conf *conf, char error[EAR_ERROR_LONGEST]);
/* For `postern check`: why the log cannot be followed now; NULL: it can. */
const char *ear_path_wrong(const struct conf *conf);

void ear_begin(struct ear *ear); /* before anything else */
void ear_done(struct ear *ear);
/* A file that somebody else has followed up to where its descriptor stands,
 * which is taken over. */
void ear_adopt(struct ear *ear, const char *path, int fd);
/* The keeper is new: it is told everything. */
void ear_tell(struct supervisor *s);
/* The plan is: what it changes. A file that stays is read on in mid-line. */
void ear_plan(struct supervisor *s);
/* Looks whether the path means another file now. */
void ear_tick(struct supervisor *s);

#endif

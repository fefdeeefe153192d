/*
 * One POST to a web server, by libcurl.
 *
 * No redirect is followed, certificates are verified, what the server says
 * behind its status is read up to 64 KiB and thrown away.
 */
#ifndef HOOK_POST_H
#define HOOK_POST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "end.h"

struct post_aim {
	const char *url;
	const char *ca;	    /* file; "": the system's */
	const char *secret; /* "": no signature */
	uint64_t timeout_ms;
};

struct post;

/* Borrows aim for the call, copies the body. wall: of the signature. owner:
 * comes back from post_next(). NULL: no memory. */
struct post *post_new(CURLM *multi, const struct post_aim *aim,
	const char *event, const char *body, int64_t wall, void *owner);
void post_free(struct post **post); /* also one under way */
/* One that is over, and how; its owner frees it. NULL: none. */
void *post_next(CURLM *multi, struct end *ret_end);

/* Of one that is signed, as hex: HMAC-SHA256 of "wall.body". */
bool post_signature(
	const char *secret, int64_t wall, const char *body, char ret_hex[65]);

#endif

/*
 * Answers: headers that each has, and the ways to send one.
 */
#ifndef DASH_REPLY_H
#define DASH_REPLY_H

#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>

/* What nobody may do with any answer of ours, whatever it is. */
void reply_headers(struct evhttp_request *request);
/* Also for what may be kept: `tag` with its quotes; NULL: nothing may. */
void reply_tag(struct evhttp_request *request, const char *tag);
void reply_text(struct evhttp_request *request, int status, const char *media,
	const void *text, size_t n);
/* {"ok":false,"error":…} with a status of 400 and more. */
void reply_error(struct evhttp_request *request, int status, const char *why);
void reply_not_modified(struct evhttp_request *request, const char *tag);
/* Is it the answer that the client has? (RFC 9110 §13.1.2) */
bool reply_is_known(struct evhttp_request *request, const char *tag);
const char *reply_header(struct evhttp_request *request, const char *name);
/* The client's address; "" when it is not known. */
const char *reply_client(struct evhttp_request *request);

#endif

/*
 * What the process of the page and the feeds is given: sockets, and the secrets
 * that it reads before it gives its rights up.
 */
#ifndef SUPERVISOR_WEB_H
#define SUPERVISOR_WEB_H

#include "../conf/conf.h"
#include "../dash/dash.h"
#include "listeners.h"

enum { WEB_ERROR_LONGEST = 700 };

/* In the order of the doors of dash: of admin, of feed. */
enum { WEB_ADMIN, WEB_FEED, WEB_COUNT };

struct web_secrets {
	char tokens[WEB_COUNT][DASH_TOKEN_LONGEST]; /* "": none */
	struct tls_context *tls[WEB_COUNT];	    /* NULL: none */
};

/* Opens the sockets, or shares those of old (may be NULL); as listeners_new(),
 * for one worker. Never NULL for want of anything to open. */
struct listeners *web_open(const struct conf *conf, struct listeners *old,
	char error[LISTENERS_ERROR_LONGEST]);
/* Is there a page or a feed at all? */
bool web_wanted(const struct conf *conf);
/* Reads tokens and keys. false: `error` says what is wrong with which file;
 * there is nothing to be done. */
bool web_secrets_read(const struct conf *conf, struct web_secrets *ret_secrets,
	char error[WEB_ERROR_LONGEST]);
void web_secrets_done(struct web_secrets *secrets);

#endif

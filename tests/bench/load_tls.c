/*
 * TLS of the load generator: no verification, and a pool of sessions to
 * resume. A TLS 1.3 ticket serves once, so each that comes is kept.
 */
#include "load.h"

#include <stdlib.h>

static SSL_CTX *context;
static SSL_SESSION **pool;
static size_t pool_n, pool_room;

static int pool_keep(SSL_SESSION *session)
{
	if (pool_n == pool_room) {
		pool_room = pool_room * 2 + 64;
		pool = realloc(pool, pool_room * sizeof *pool);
		if (!pool)
			load_die("realloc");
	}
	pool[pool_n++] = session;
	return 1;
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	return load_options.resume ? pool_keep(session) : 0;
}

void load_tls_init(void)
{
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		load_die("SSL_CTX_new");
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(
		context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_new_session);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (load_options.tls12)
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

SSL *load_tls_new(int fd)
{
	SSL *ssl = SSL_new(context);

	if (!ssl || SSL_set_fd(ssl, fd) != 1)
		load_die("SSL_new");
	if (pool_n > 0) {
		SSL_set_session(ssl, pool[--pool_n]);
		SSL_SESSION_free(pool[pool_n]);
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

void load_tls_free(SSL *ssl, bool ended_well)
{
	if (!ssl)
		return;
	if (ended_well) {
		/* TLS 1.3 sessions came by the callback already. */
		if (load_options.resume && SSL_version(ssl) < TLS1_3_VERSION)
			pool_keep(SSL_get1_session(ssl));
		SSL_set_shutdown(
			ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	SSL_free(ssl);
}

/*
 * Who the client is, told to the server: as a PROXY header in front of all
 * else, or for the dialogue to say as XCLIENT.
 *
 * Only what the kernel or a listed balancer's header said is told; no octet of
 * a client gets into either.
 */
#include "internal.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "../../proto/proxy_header.h"

/* Both ends as the client sees them: it meant to reach its socket's end here,
 * unless more is known. */
static bool ends_find(const struct session *s, struct xclient *ret_ends)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	struct addr target = s->target;
	uint16_t port = s->target_port;

	if (!s->target_known &&
		(getsockname(s->client.fd, (struct sockaddr *)&sa, &n) < 0 ||
			!addr_from_sockaddr(
				(struct sockaddr *)&sa, &target, &port)))
		return false;
	memcpy(ret_ends->source, s->addr.octets, 16);
	memcpy(ret_ends->target, target.octets, 16);
	ret_ends->source_port = s->port;
	ret_ends->target_port = port;
	return true;
}

static size_t compose(
	const struct session *s, bool text, uint8_t out[PROXY_WRITTEN_LONGEST])
{
	struct proxy_header header = {0};
	struct xclient ends;

	header.unknown = !ends_find(s, &ends);
	if (!header.unknown) {
		memcpy(header.source, ends.source, 16);
		memcpy(header.target, ends.target, 16);
		header.source_port = ends.source_port;
		header.target_port = ends.target_port;
	}
	return text ? proxy_header_write_v1(&header, out)
		    : proxy_header_write_v2(&header, out);
}

bool identity_tell(struct session *s)
{
	uint8_t header[PROXY_WRITTEN_LONGEST];
	size_t n = 0;

	switch (s->worker->setup->backends[s->listener->backend]
			.conf->client_address) {
	case CONF_CLIENT_ADDRESS_PROXY_V1: n = compose(s, true, header); break;
	case CONF_CLIENT_ADDRESS_PROXY_V2: n = compose(s, false, header); break;
	case CONF_CLIENT_ADDRESS_NONE:
	case CONF_CLIENT_ADDRESS_TRANSPARENT:
	case CONF_CLIENT_ADDRESS_XCLIENT: break;
	}
	/* A new socket takes so few octets at once, and TLS must not overtake
	 * them in a queue. */
	return n == 0 ||
	       (stream_write(&s->server, slice_of(header, n)) == STREAM_OK &&
		       !stream_unsent(&s->server));
}

size_t identity_own(
	const struct conf_backend *conf, uint8_t out[PROXY_WRITTEN_LONGEST])
{
	const struct proxy_header header = {.unknown = true};

	if (conf->client_address == CONF_CLIENT_ADDRESS_PROXY_V1)
		return proxy_header_write_v1(&header, out);
	if (conf->client_address == CONF_CLIENT_ADDRESS_PROXY_V2)
		return proxy_header_write_v2(&header, out);
	return 0;
}

const struct xclient *identity_xclient(const struct session *s)
{
	struct xclient *client = &s->worker->xclient;

	return s->dialog.state < DIALOG_STATE_COMMAND &&
			       s->dialog.conf->xclient && ends_find(s, client)
		       ? client
		       : NULL;
}

/*
 * TLS settings made once and shared by many connections.
 *
 * Everything that is the same for all connections of a listener or a backend
 * is decided here: versions, ciphers, what is switched off and why. Made
 * before rights are dropped and before the workers are forked; a worker only
 * rotates ticket keys and frees.
 *
 * A context is counted: each connection holds it, so that a reload may free
 * the old one while sessions go on with it. Not for several threads.
 *
 * Must not know: configuration files, listeners, logs. Called by the
 * supervisor (and by the check of a configuration). What can go wrong is in
 * the files, and is said in `error`.
 */
#include "context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "inside.h"
#include "message.h"
#include "verify.h"

/* TLS 1.2: forward secrecy and AEAD only. ECDSA first where both fit: it is
 * cheaper for us. */
static const char ciphers_usual[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/* TLS 1.3: its key schedule runs on the suite's hash, and processors have
 * instructions for SHA-256, seldom for SHA-384: 128 first, as in 1.2. */
static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			     "TLS_CHACHA20_POLY1305_SHA256";
/* TLS 1.0 and 1.1 have no AEAD; only where the operator asks for them. */
static const char ciphers_old[] =
	":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
	"ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";
/* Named so that the finite-field groups of TLS 1.3 (slow, and a way to make
 * us work) are off. */
static const char groups[] = "X25519:P-256:P-384:P-521:X448";

/* Where distributions keep the system's CAs in one file. Not a folder of
 * hashes: that would be read in the middle of a handshake. */
static const char *const system_ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
};

static int version_number(enum tls_version version)
{
	switch (version) {
	case TLS_1_0: return TLS1_VERSION;
	case TLS_1_1: return TLS1_1_VERSION;
	case TLS_1_2: return TLS1_2_VERSION;
	case TLS_1_3: return TLS1_3_VERSION;
	}
	return TLS1_2_VERSION;
}

/* What holds for both ends. */
static bool set_common(SSL_CTX *ctx, enum tls_version version_least)
{
	/* No renegotiation: CVE-2011-1473, CVE-2009-3555. No compression:
	 * CRIME. */
	SSL_CTX_clear_options(ctx,
		SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Without AUTO_RETRY one call handles one record that is no data, so
	 * that a flood of KeyUpdates cannot hold the loop (connection.c
	 * counts them too). */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				      SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(ctx, 0); /* STARTTLS: not one octet too many */
	/* A cache grows without bound when tickets are off (CVE-2024-2511);
	 * tickets need none. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(
		       ctx, version_number(version_least)) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, suites) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1;
}

static struct tls_context *context_new(bool is_server, const char *name)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	if (context == NULL)
		return NULL;
	context->holders_count = 1;
	context->is_server = is_server;
	context->name = strdup(name);
	context->ctx = SSL_CTX_new(
		is_server ? TLS_server_method() : TLS_client_method());
	if (context->name == NULL || context->ctx == NULL)
		tls_context_free(&context);
	else
		SSL_CTX_set_app_data(context->ctx, context);
	return context;
}

struct tls_context *tls_context_hold(struct tls_context *context)
{
	context->holders_count++;
	return context;
}

void tls_context_free(struct tls_context **context)
{
	struct tls_context *old = *context;

	*context = NULL;
	if (old == NULL || --old->holders_count > 0)
		return;
	SSL_CTX_free(old->ctx);
	certificate_set_done(&old->certificates);
	ticket_keys_done(&old->tickets);
	free(old->name);
	free(old->verify_name);
	free(old->ca_file);
	free(old);
}

/* Server */

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	const struct tls_context *context =
		SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	int result = ticket_handle(
		&context->tickets, name, iv, cipher, mac, sealing);

	/* RFC 8446 §C.4: in TLS 1.3 a client uses a ticket once, so it gets
	 * another one for the next time. */
	if (!sealing && result == 1 && SSL_version(ssl) == TLS1_3_VERSION)
		return 2;
	return result;
}

/* ALPACA (CVE-2021-3618): a client that came for another protocol is not
 * ours. One that says nothing is: no mail client speaks ALPN (RFC 7301). */
static int on_alpn(SSL *ssl, const unsigned char **ret_out,
	unsigned char *ret_length, const unsigned char *in,
	unsigned int in_bytes, void *arg)
{
	const char *protocol = arg;
	size_t n = strlen(protocol);

	(void)ssl;
	for (unsigned int i = 0; i < in_bytes; i += 1U + in[i]) {
		if (in[i] != n || i + 1 + n > in_bytes ||
			memcmp(in + i + 1, protocol, n) != 0)
			continue;
		*ret_out = in + i + 1;
		*ret_length = in[i];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Any name is welcome; certificate_on_hello looks at it. Without this OpenSSL
 * would not keep the name for resumed sessions. */
static int on_name(SSL *ssl, int *ret_alert, void *arg)
{
	(void)ssl;
	(void)ret_alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_ciphers(SSL_CTX *ctx, const struct tls_server_conf *conf)
{
	char list[1024] = "";

	SSL_CTX_set_security_level(ctx, conf->version_least < TLS_1_2 ? 0 : 2);
	if (conf->ciphers != NULL && conf->ciphers[0] != '\0') {
		if (strlen(conf->ciphers) > sizeof(list) - 16)
			return false;
		message_append(
			list, sizeof(list), "%s:!aNULL:!eNULL", conf->ciphers);
	} else {
		message_append(list, sizeof(list), "%s%s", ciphers_usual,
			conf->version_least < TLS_1_2 ? ciphers_old : "");
	}
	return SSL_CTX_set_cipher_list(ctx, list) == 1;
}

/* Sessions of another listener are refused (TLS-14): its own id here, and
 * its own ticket keys. */
static bool set_session_id(SSL_CTX *ctx, const char *name)
{
	unsigned char id[SSL_MAX_SID_CTX_LENGTH];

	return EVP_Digest(name, strlen(name), id, NULL, EVP_sha256(), NULL) ==
		       1 &&
	       SSL_CTX_set_session_id_context(ctx, id, sizeof(id)) == 1;
}

static bool set_server(
	struct tls_context *context, const struct tls_server_conf *conf)
{
	SSL_CTX *ctx = context->ctx;

	(void)snprintf(context->protocol, sizeof(context->protocol), "%s",
		conf->protocol != NULL ? conf->protocol : "smtp");
	SSL_CTX_set_options(ctx,
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	/* No client certificates are asked for: bounds what one may send. */
	SSL_CTX_set_max_cert_list(ctx, 4096);
	SSL_CTX_set_dh_auto(ctx, 0);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, context->protocol);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	SSL_CTX_set_cert_cb(ctx, certificate_on_hello, &context->certificates);
	/* One ticket: a mail client seldom resumes twice at a time. */
	return set_common(ctx, conf->version_least) &&
	       SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
	       SSL_CTX_set_recv_max_early_data(ctx, 0) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1 &&
	       set_session_id(ctx, conf->name) &&
	       ticket_keys_init(&context->tickets);
}

static bool server_init(struct tls_context *context,
	const struct tls_server_conf *conf, char error[TLS_ERROR_LONGEST])
{
	if (!set_server(context, conf)) {
		message_of_openssl(error, TLS_ERROR_LONGEST);
		return false;
	}
	if (!set_ciphers(context->ctx, conf)) {
		message_add(error, TLS_ERROR_LONGEST,
			"listener %s: no usable cipher in \"%.200s\"",
			conf->name, conf->ciphers);
		return false;
	}
	return certificate_set_init(&context->certificates, conf->certificates,
		       conf->certificate_count, error) &&
	       certificate_set_use(&context->certificates, context->ctx,
		       conf->certificates, error);
}

struct tls_context *tls_server_new(
	const struct tls_server_conf *conf, char error[TLS_ERROR_LONGEST])
{
	struct tls_context *context;

	error[0] = '\0';
	ERR_clear_error();
	if (conf->certificate_count == 0) {
		message_add(error, TLS_ERROR_LONGEST,
			"listener %s: TLS needs a certificate", conf->name);
		return NULL;
	}
	context = context_new(true, conf->name);
	if (context == NULL)
		message_add(error, TLS_ERROR_LONGEST, "out of memory");
	else if (!server_init(context, conf, error))
		tls_context_free(&context);
	ERR_clear_error();
	return context;
}

void tls_context_rotate_tickets(struct tls_context *context)
{
	if (context->is_server)
		ticket_keys_rotate(&context->tickets);
}

struct ssl_st *tls_ssl_new(struct tls_context *context)
{
	return SSL_new(context->ctx);
}

void tls_ssl_free(struct ssl_st **ssl)
{
	SSL_free(*ssl);
	*ssl = NULL;
}

/* Client */

static const char *system_ca_file(void)
{
	size_t count = sizeof(system_ca_files) / sizeof(system_ca_files[0]);

	for (size_t i = 0; i < count; i++)
		if (access(system_ca_files[i], R_OK) == 0)
			return system_ca_files[i];
	return NULL;
}

static bool set_ca(struct tls_context *context, const char *given,
	char error[TLS_ERROR_LONGEST])
{
	const char *file = given;
	char why[200] = "";

	if (file == NULL || file[0] == '\0')
		file = system_ca_file();
	if (file == NULL) {
		message_add(error, TLS_ERROR_LONGEST,
			"backend %s: the system has no file of CAs (package "
			"ca-certificates); give one",
			context->name);
		return false;
	}
	context->ca_file = strdup(file);
	if (context->ca_file != NULL &&
		SSL_CTX_load_verify_file(context->ctx, file) == 1)
		return true;
	message_of_openssl(why, sizeof(why));
	message_add(error, TLS_ERROR_LONGEST,
		"backend %s: CA file %s cannot be used: %s", context->name,
		file, why);
	return false;
}

static bool set_name(struct tls_context *context, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context->ctx);
	ASN1_OCTET_STRING *address;

	/* Also for a certificate of an own making or of a CA in the middle:
	 * what the operator put into the file is trusted. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (name == NULL || name[0] == '\0')
		return true;
	context->verify_name = strdup(name);
	if (context->verify_name == NULL)
		return false;
	address = a2i_IPADDRESS(name);
	context->name_is_address = address != NULL;
	ASN1_OCTET_STRING_free(address);
	ERR_clear_error();
	if (context->verify != TLS_VERIFY_NAME)
		return true;
	if (context->name_is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static void set_level(SSL_CTX *ctx, const struct tls_client_conf *conf,
	char error[TLS_ERROR_LONGEST])
{
	if (conf->level >= 0)
		SSL_CTX_set_security_level(ctx, conf->level);
	if (SSL_CTX_get_security_level(ctx) > 0) {
		if (conf->version_least < TLS_1_2)
			message_add(error, TLS_ERROR_LONGEST,
				"backend %s: TLS 1.0 and 1.1 work with "
				"security level 0 only",
				conf->name);
		return;
	}
	/* Level 0 is for servers from before RFC 5746 (2010), too. We never
	 * renegotiate; what is lost is only the proof of it. */
	SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
}

static bool client_check(const struct tls_client_conf *conf, uint8_t *ret_pin,
	char error[TLS_ERROR_LONGEST])
{
	if (conf->verify == TLS_VERIFY_NAME &&
		(conf->verify_name == NULL || conf->verify_name[0] == '\0')) {
		message_add(error, TLS_ERROR_LONGEST,
			"backend %s: verification by name needs the name",
			conf->name);
		return false;
	}
	if (conf->pin_sha256 != NULL && conf->pin_sha256[0] != '\0' &&
		!verify_pin_parse(conf->pin_sha256, ret_pin)) {
		message_add(error, TLS_ERROR_LONGEST,
			"backend %s: the pin must be the SHA-256 of its "
			"public key: 64 hexadecimal digits",
			conf->name);
		return false;
	}
	return true;
}

static bool set_client(struct tls_context *context,
	const struct tls_client_conf *conf, char error[TLS_ERROR_LONGEST])
{
	SSL_CTX *ctx = context->ctx;
	bool is_verified;

	context->verify = conf->verify;
	context->has_pin =
		conf->pin_sha256 != NULL && conf->pin_sha256[0] != '\0';
	is_verified = context->has_pin || conf->verify != TLS_VERIFY_OFF;
	SSL_CTX_set_verify(
		ctx, is_verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(
		ctx, tls_connection_on_verify, context);
	/* "DEFAULT": not what the system's settings of OpenSSL say. */
	if (!set_common(ctx, conf->version_least) ||
		SSL_CTX_set_cipher_list(ctx, "DEFAULT") != 1 ||
		!set_name(context, conf->verify_name)) {
		message_of_openssl(error, TLS_ERROR_LONGEST);
		return false;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); /* resumes nothing */
	set_level(ctx, conf, error);
	return conf->verify == TLS_VERIFY_OFF ||
	       set_ca(context, conf->ca_file, error);
}

struct tls_context *tls_client_new(
	const struct tls_client_conf *conf, char error[TLS_ERROR_LONGEST])
{
	uint8_t pin[PIN_BYTES] = {0};
	struct tls_context *context;

	error[0] = '\0';
	ERR_clear_error();
	if (!client_check(conf, pin, error))
		return NULL;
	context = context_new(false, conf->name);
	if (context == NULL) {
		message_add(error, TLS_ERROR_LONGEST, "out of memory");
		return NULL;
	}
	memcpy(context->pin, pin, sizeof(pin));
	if (!set_client(context, conf, error))
		tls_context_free(&context);
	ERR_clear_error();
	return context;
}

/*
 * Texts for people.
 *
 * Used by every file of tls/ that can fail. Texts are made here and logged by
 * whoever called tls/: nothing in this folder logs. Names that come out of a
 * certificate are a stranger's octets and are cut to printable ASCII before
 * they get near a log line.
 *
 * What can go wrong: a text is cut when its buffer is full. OpenSSL's queue
 * is per thread and keeps what earlier calls left behind, so every caller
 * empties it before an operation and here after a failure.
 */
#include "message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

void message_add(char *out, size_t room, const char *format, ...)
{
	va_list args;
	size_t n = strlen(out);

	if (n > 0 && n + 3 < room) {
		memcpy(out + n, "; ", 3);
		n += 2;
	}
	va_start(args, format);
	(void)vsnprintf(out + n, room - n, format, args); /* cut is fine */
	va_end(args);
}

void message_append(char *out, size_t room, const char *format, ...)
{
	va_list args;
	size_t n = strlen(out);

	va_start(args, format);
	(void)vsnprintf(out + n, room - n, format, args); /* cut is fine */
	va_end(args);
}

void message_add_foreign(char *out, size_t room, const char *p, size_t n)
{
	size_t at = strlen(out);

	for (size_t i = 0; i < n && at + 1 < room; i++)
		out[at++] = p[i] > ' ' && p[i] < 127 ? p[i] : '?';
	out[at] = '\0';
}

/* What a reader can do something with, where OpenSSL's own words do not say. */
static const char *reason_in_words(int reason)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST: return "the peer speaks HTTP, not TLS";
	case SSL_R_WRONG_VERSION_NUMBER: return "the peer does not speak TLS";
	case SSL_R_UNSUPPORTED_PROTOCOL:
		return "the peer's TLS version is too old";
	case SSL_R_NO_SHARED_CIPHER: return "no cipher in common with the peer";
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
		return "no certificate that the peer could use";
	case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
		return "the peer lacks safe renegotiation (RFC 5746); "
		       "security level 0 allows it";
	case SSL_R_DH_KEY_TOO_SMALL:
		return "the peer's DH key is too small for the security level";
	case SSL_R_EE_KEY_TOO_SMALL:
		return "the certificate's key is too small for the security "
		       "level";
	case SSL_R_CA_KEY_TOO_SMALL:
		return "an issuer's key is too small for the security level";
	case SSL_R_CA_MD_TOO_WEAK:
		return "a certificate's signature is too weak for the "
		       "security level";
	default: return NULL;
	}
}

void message_of_openssl(char *out, size_t room)
{
	unsigned long e = ERR_get_error();
	bool is_ssl = e != 0 && ERR_GET_LIB(e) == ERR_LIB_SSL;
	const char *words = NULL;

	ERR_clear_error();
	/* Reasons above the offset are alerts that the peer sent. */
	if (is_ssl && ERR_GET_REASON(e) > SSL_AD_REASON_OFFSET) {
		message_add(out, room, "the peer refused: %s",
			SSL_alert_desc_string_long(
				ERR_GET_REASON(e) - SSL_AD_REASON_OFFSET));
		return;
	}
	if (is_ssl)
		words = reason_in_words(ERR_GET_REASON(e));
	if (words == NULL && e != 0 && ERR_SYSTEM_ERROR(e))
		words = strerror(ERR_GET_REASON(e));
	if (words == NULL && e != 0)
		words = ERR_reason_error_string(e);
	message_add(out, room, "%s",
		words != NULL ? words : "unknown error in OpenSSL");
}

/*
 * Is the backend who it should be?
 *
 * Runs inside the handshake, in place of OpenSSL's own verification, so that
 * a wrong backend is left before it gets one octet of mail. Chain and name
 * are OpenSSL's business (the caller gave it both); the pin and the words are
 * ours. Pin and chain must both hold when both are asked for; a pin alone is
 * enough where verification is off, as for a Domino with a certificate of its
 * own making.
 *
 * The words are for the administrator: what is wrong, what was found, what
 * to write in the configuration. Names come from the peer's certificate and
 * are cut to printable ASCII.
 *
 * Must not know: sockets. Called by connection.c. OpenSSL reads the clock for
 * the dates.
 */
#include "verify.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "message.h"

enum { NAMES_SHOWN_MOST = 4 };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool verify_pin_parse(const char *text, uint8_t ret_pin[PIN_BYTES])
{
	uint8_t pin[PIN_BYTES] = {0};
	size_t count = 0;

	for (; *text != '\0'; text++) {
		int value = hex_value(*text);

		if (*text == ':' && count > 0 && count % 2 == 0)
			continue;
		if (value < 0 || count == sizeof(pin) * 2)
			return false;
		pin[count / 2] = (uint8_t)(pin[count / 2] << 4 | value);
		count++;
	}
	if (count != sizeof(pin) * 2)
		return false;
	memcpy(ret_pin, pin, sizeof(pin));
	return true;
}

/* SHA-256 over the SubjectPublicKeyInfo (RFC 7469 §2.4). */
static bool pin_of(X509 *leaf, uint8_t ret_pin[PIN_BYTES])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, ret_pin, NULL,
				   EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

static bool pin_holds(
	const struct tls_context *context, X509 *leaf, char *why, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t pin[PIN_BYTES];
	char hex[PIN_BYTES * 2 + 1];

	if (leaf == NULL || !pin_of(leaf, pin)) {
		message_add(why, room, "%s has no usable public key",
			context->name);
		return false;
	}
	if (memcmp(pin, context->pin, sizeof(pin)) == 0)
		return true;
	for (size_t i = 0; i < sizeof(pin); i++) {
		hex[2 * i] = digits[pin[i] >> 4];
		hex[2 * i + 1] = digits[pin[i] & 15];
	}
	hex[sizeof(hex) - 1] = '\0';
	message_add(why, room,
		"the public key of %s is not the pinned one; its SHA-256 is %s",
		context->name, hex);
	return false;
}

static void add_names(X509 *leaf, char *why, size_t room)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	char common[256];
	int shown = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *text = name->d.dNSName;

		if (name->type != GEN_DNS)
			continue;
		if (shown++ > 0)
			message_add_foreign(why, room, ",", 1);
		if (shown > NAMES_SHOWN_MOST) {
			message_add_foreign(why, room, "...", 3);
			break;
		}
		message_add_foreign(why, room,
			(const char *)ASN1_STRING_get0_data(text),
			(size_t)ASN1_STRING_length(text));
	}
	GENERAL_NAMES_free(names);
	if (shown == 0 && X509_NAME_get_text_by_NID(X509_get_subject_name(leaf),
				  NID_commonName, common, sizeof(common)) > 0)
		message_add_foreign(why, room, common, strlen(common));
	else if (shown == 0)
		message_add_foreign(why, room, "nobody", 6);
}

static void explain_name(
	const struct tls_context *context, X509 *leaf, char *why, size_t room)
{
	message_add(why, room, "the certificate of %s is for ", context->name);
	add_names(leaf, why, room);
	message_append(why, room, ", not %s", context->verify_name);
}

static const char *certificate_at(int depth)
{
	return depth == 0 ? "the certificate" : "the certificate of an issuer";
}

static void explain_chain(const struct tls_context *context, int error,
	int depth, char *why, size_t room)
{
	const char *which = certificate_at(depth);

	switch (error) { /* OpenSSL's numbers, not an enum of ours */
	case X509_V_ERR_CERT_HAS_EXPIRED:
		message_add(why, room, "%s of %s has expired", which,
			context->name);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		message_add(why, room,
			"%s of %s is not valid yet: is the clock right?", which,
			context->name);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		message_add(why, room,
			"self-signed certificate of %s: give it as the CA "
			"file, or pin its key",
			context->name);
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: /* the root came along */
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		message_add(why, room,
			"no issuer of the certificate of %s is in %s",
			context->name, context->ca_file);
		break;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		message_add(why, room,
			"%s of %s is too weak for the security level", which,
			context->name);
		break;
	default:
		message_add(why, room, "%s of %s: %s", which, context->name,
			X509_verify_cert_error_string(error));
		break;
	}
}

static bool chain_holds(const struct tls_context *context,
	X509_STORE_CTX *store, char *why, size_t room)
{
	int error;

	if (X509_verify_cert(store) == 1)
		return true;
	error = X509_STORE_CTX_get_error(store);
	if (error == X509_V_ERR_HOSTNAME_MISMATCH ||
		error == X509_V_ERR_IP_ADDRESS_MISMATCH)
		explain_name(
			context, X509_STORE_CTX_get0_cert(store), why, room);
	else
		explain_chain(context, error,
			X509_STORE_CTX_get_error_depth(store), why, room);
	return false;
}

bool verify_peer(const struct tls_context *context, X509_STORE_CTX *store,
	char *why, size_t room)
{
	if (context->verify != TLS_VERIFY_OFF &&
		!chain_holds(context, store, why, room))
		return false;
	if (context->has_pin &&
		!pin_holds(
			context, X509_STORE_CTX_get0_cert(store), why, room)) {
		X509_STORE_CTX_set_error(
			store, X509_V_ERR_APPLICATION_VERIFICATION);
		return false;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return true;
}

/* Texts for people: what is wrong with a file, why a handshake failed. */
#ifndef TLS_MESSAGE_H
#define TLS_MESSAGE_H

#include <stddef.h>

/* Adds to what stands in `out` already, "; " between; cuts at `room`. */
void message_add(char *out, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same without "; ". */
void message_append(char *out, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A certificate's text, made fit for a log: printable ASCII, the rest '?'. */
void message_add_foreign(char *out, size_t room, const char *p, size_t n);

/* The first entry in OpenSSL's queue (the cause) as words; empties it. */
void message_of_openssl(char *out, size_t room);

#endif

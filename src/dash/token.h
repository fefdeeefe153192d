/*
 * Who has the token: "Authorization: Bearer TOKEN" (RFC 6750 §2.1), in a header
 * and never in an address, which would stand in logs and histories.
 */
#ifndef DASH_TOKEN_H
#define DASH_TOKEN_H

#include <stdbool.h>

/*
 * header: as it came, or NULL. token: "": nobody has it. The time that it takes
 * tells nothing of the token.
 */
bool token_fits(const char *header, const char *token);

#endif

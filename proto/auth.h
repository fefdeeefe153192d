/*
 * SASL as seen by a bystander (RFC 4954): who tries to log in, and with what.
 *
 * postern never answers an AUTH exchange for Domino; it only reads along to
 * learn the user name (authcid) and the secret, of which the caller makes a
 * keyed tag. What cannot be decoded passes unchanged with an unknown user.
 */
#ifndef PROTO_AUTH_H
#define PROTO_AUTH_H

#include "slice.h"

enum auth_mech {
	AUTH_MECH_NONE = 0, /* "AUTH" without a word that can be a mechanism */
	AUTH_MECH_PLAIN,
	AUTH_MECH_LOGIN,
	AUTH_MECH_CRAM_MD5,
	AUTH_MECH_XOAUTH2,
	AUTH_MECH_OAUTHBEARER,
	AUTH_MECH_OPAQUE, /* any other mechanism */
};

enum { AUTH_USER_LONGEST = 255 };

/* Where an exchange stands; a value, no memory of its own. */
struct auth {
	uint8_t mech;	      /* enum auth_mech */
	uint8_t answer_count; /* answers seen, the initial response included */
	bool complete;	      /* the secret has been seen, and decoded */
};

enum auth_step {
	AUTH_STEP_PROMPT, /* no secret yet: pass it on and wait for 334 */
	AUTH_STEP_SECRET, /* the line carries the secret: ask before passing */
	AUTH_STEP_CANCEL, /* "*" */
	AUTH_STEP_SYNTAX, /* not a legal AUTH command: no mechanism */
};

/* Slices point into `scratch` (LOGIN's user into `user_room`), or are empty
   when not known. */
struct auth_credential {
	struct slice user;   /* raw; one above AUTH_USER_LONGEST is empty */
	struct slice secret; /* password, digest or token, raw */
};

/*
 * auth_begin: `args` are the AUTH command's arguments: mechanism, optional
 * initial response ("=" is an empty one). auth_answer: `line` is an answer to
 * a 334 (without CRLF).
 * scratch: room for the decoded octets, at least as large as the line; holds
 * secrets afterwards: the caller wipes it.
 * On AUTH_STEP_SECRET *ret_credential is set (its slices may be empty); for
 * LOGIN the user was seen an answer earlier: it is kept in `user_room`
 * (AUTH_USER_LONGEST octets of the caller, *user_n its length) across calls.
 * PLAIN: authzid NUL authcid NUL password; the authcid is the user
 * (RFC 4616). Other than exactly two NULs: user unknown, secret the whole.
 * CRAM-MD5: "user SP digest" (split at the last SP), tag not comparable
 * between tries: the secret stays empty (RFC 2195). XOAUTH2 and OAUTHBEARER:
 * user= / a= field, the auth= value (RFC 7628). An opaque mechanism's first
 * line with data is AUTH_STEP_SECRET, later ones AUTH_STEP_PROMPT.
 * What cannot be decoded where the secret is due is AUTH_STEP_SECRET with
 * empty slices, and so is the next answer, should a 334 follow after all.
 * After the secret every further answer is AUTH_STEP_PROMPT (OAUTHBEARER's
 * empty answer to an error challenge).
 * SP and HT in front of, behind and between the arguments are skipped: a lax
 * server would read them so.
 */
enum auth_step auth_begin(struct auth *auth, struct slice args,
	uint8_t *scratch, size_t room, uint8_t *user_room, size_t *user_n,
	struct auth_credential *ret_credential);
enum auth_step auth_answer(struct auth *auth, struct slice line,
	uint8_t *scratch, size_t room, uint8_t *user_room, size_t *user_n,
	struct auth_credential *ret_credential);

const char *auth_mech_name(enum auth_mech mech); /* "PLAIN" …; static */

#endif

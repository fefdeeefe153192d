/*
 * Memory that is kept for reading requests when there is no other.
 *
 * jansson does not look whether the text of a token could grow, and reads past
 * its end when it could not. So what it asks for while it reads is always
 * there: a request has 4,096 octets at the most, and one is read at a time.
 */
#ifndef KEEPER_SPARE_H
#define KEEPER_SPARE_H

void spare_init(void); /* for all of jansson; once, before it is used */

#endif

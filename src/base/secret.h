/* Random keys, and memory that held a secret. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

void secret_random(void *out, size_t n); /* getrandom(2); never fails */
void secret_wipe(void *p, size_t n);	 /* explicit_bzero(3) */

#endif

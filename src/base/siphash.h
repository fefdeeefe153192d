/* SipHash-2-4 (Aumasson, Bernstein 2012): the keyed hash of every table. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint8_t key[16], const void *data, size_t n);

#endif

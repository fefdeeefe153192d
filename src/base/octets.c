/*
 * Octets put and taken (see octets.h). Knows nothing of what they mean.
 */
#include "octets.h"

#include <string.h>

enum { BITS = 128, OCTET_BITS = 8 };

struct octets octets_to(void *to, size_t room)
{
	return (struct octets){.to = to, .room = room};
}

struct octets octets_of(const void *from, size_t n)
{
	return (struct octets){.from = from, .room = n};
}

void octets_fail(struct octets *octets)
{
	octets->failed = true;
}

void octets_put(struct octets *octets, const void *p, size_t n)
{
	if (octets->to != NULL && octets->room - octets->n < n)
		octets->failed = true;
	if (octets->failed)
		return;
	if (octets->to != NULL && n > 0)
		memcpy(octets->to + octets->n, p, n);
	octets->n += n;
}

void octets_put_number(struct octets *octets, uint64_t number)
{
	octets_put(octets, &number, sizeof(number));
}

const uint8_t *octets_borrow(struct octets *octets, size_t n)
{
	const uint8_t *at;

	if (octets->room - octets->n < n)
		octets->failed = true;
	if (octets->failed)
		return NULL;
	at = octets->from + octets->n;
	octets->n += n;
	return at;
}

bool octets_take(struct octets *octets, void *ret_p, size_t n)
{
	const uint8_t *at = octets_borrow(octets, n);

	if (at == NULL)
		memset(ret_p, 0, n);
	else
		memcpy(ret_p, at, n);
	return at != NULL;
}

uint64_t octets_take_number(struct octets *octets, uint64_t most)
{
	uint64_t number;

	if (!octets_take(octets, &number, sizeof(number)) || number > most) {
		octets->failed = true;
		return 0;
	}
	return number;
}

/* As octets: a bool that is neither must not be looked at as one. */
bool octets_bool_sound(const bool *value)
{
	uint8_t octet;

	memcpy(&octet, value, sizeof(octet));
	return octet <= 1;
}

bool octets_prefix_sound(const struct prefix *prefix)
{
	if (prefix->bits > BITS)
		return false;
	for (unsigned i = prefix->bits; i < BITS; i++)
		if (prefix->addr.octets[i / OCTET_BITS] >>
				(OCTET_BITS - 1 - i % OCTET_BITS) &
			1)
			return false;
	return true;
}

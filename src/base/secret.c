/*
 * Random keys, and memory that held a secret.
 *
 * The kernel's generator is asked each time: keys are made at a start and for
 * a new connection at most, so nothing is gained by a generator of our own,
 * and a fork cannot give two processes the same stream.
 */
#include "secret.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "check.h"

void secret_random(void *out, size_t n)
{
	uint8_t *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		/* Fails on kernels before 3.17 only; no key is no option. */
		CHECK(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void secret_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n); /* which the compiler may not drop */
}

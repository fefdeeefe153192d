/*
 * All that the core has in memory, for the core that comes after it.
 *
 * A new program that takes over (docs/decisions/0016-upgrade.md) goes on
 * counting where the one before it stopped. Entries are written one by one, in
 * the order in which they would give way: tables of other sizes take them over
 * as well. Structs lie as in memory, so both must be of one shape.
 */
#ifndef POLICY_IMAGE_H
#define POLICY_IMAGE_H

#include <stddef.h>

#include "policy.h"

/*
 * Writes it to `to`, which has room; all actions must have been taken. Returns
 * its size, whatever the room is; to NULL: only that.
 */
size_t policy_image_save(const struct policy *policy, void *to, size_t room);

enum policy_image {
	POLICY_IMAGE_SOUND,
	POLICY_IMAGE_TORN,  /* cut, or changed on the way */
	POLICY_IMAGE_OTHER, /* of a core of another shape */
};
/* Is it one, whole and of this shape? SOUND: the seed for policy_new(). */
enum policy_image policy_image_look(
	const void *image, size_t n, uint64_t *ret_seed);

/*
 * Into a core that was made with its seed and has heard nothing. now: not
 * before the image. Then the core is as after policy_configure(): what the new
 * numbers lift is told. false: refused, and the core is to be freed.
 */
bool policy_image_load(
	struct policy *policy, mono_ms_t now, const void *image, size_t n);

#endif

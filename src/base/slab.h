/*
 * Fixed-size objects from large blocks, with a cap.
 *
 * For sessions and the buffers that they borrow while they cannot decide. An
 * empty block goes back to the system, but for one.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

struct slab;

/* most: objects that may live at a time (0: no cap). NULL without memory. */
struct slab *slab_new(size_t object_bytes, size_t most);
void slab_free(struct slab **slab); /* all objects must be back */
void *slab_take(struct slab *slab); /* zeroed; NULL at the cap or no memory */
void slab_give(struct slab *slab, void *object); /* NULL is fine; wiped */
size_t slab_count(const struct slab *slab);

#endif

/* Text of any length in fixed memory: its beginning and its end. */
#ifndef LOGS_CLIP_H
#define LOGS_CLIP_H

#include "../../proto/slice.h"

enum {
	CLIP_BEGIN_BYTES = 1024,
	CLIP_END_BYTES = 3072,
	CLIP_LONGEST = CLIP_BEGIN_BYTES + CLIP_END_BYTES,
	CLIP_ROOM = 4 * CLIP_LONGEST,
};

/* Zero is empty. */
struct clip {
	uint8_t octets[CLIP_ROOM];
	size_t n;
	bool cut; /* something in the middle is gone */
};

void clip_clear(struct clip *clip);
void clip_add(struct clip *clip, struct slice text);
/* At most CLIP_LONGEST octets; until the next call. */
struct slice clip_text(struct clip *clip);

#endif

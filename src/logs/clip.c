/*
 * Keeping the two ends of a text.
 *
 * What was written by the server stands at the two ends of a record: the words
 * it begins with and the address at its end. A name of a megabyte between them
 * costs no more than one of four thousand octets.
 */
#include "clip.h"

void clip_clear(struct clip *clip)
{
	clip->n = 0;
	clip->cut = false;
}

static void shorten(struct clip *clip)
{
	if (clip->n <= CLIP_LONGEST)
		return;
	memmove(clip->octets + CLIP_BEGIN_BYTES,
		clip->octets + clip->n - CLIP_END_BYTES, CLIP_END_BYTES);
	clip->n = CLIP_LONGEST;
	clip->cut = true;
}

void clip_add(struct clip *clip, struct slice text)
{
	while (text.n > 0) {
		size_t n = CLIP_ROOM - clip->n;

		if (n == 0) {
			shorten(clip);
			continue;
		}
		if (n > text.n)
			n = text.n;
		memcpy(clip->octets + clip->n, text.p, n);
		clip->n += n;
		text = slice_skip(text, n);
	}
}

struct slice clip_text(struct clip *clip)
{
	shorten(clip);
	return slice_of(clip->octets, clip->n);
}

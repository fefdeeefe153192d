/*
 * Operators' words on prefixes: a keyed, chained hash with a cap.
 *
 * The policy core knows numbers only; the words of people are kept here and
 * in the store. Called by commands, explain and the load of the store. At the
 * cap a note is lost, never a ban.
 */
#include "notes.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"

enum { BUCKET_COUNT = 1024 };

struct note {
	struct note *next;
	struct prefix prefix;
	char text[]; /* NUL-terminated */
};

struct notes {
	uint8_t key[16];
	size_t count;
	struct note *buckets[BUCKET_COUNT];
};

struct notes *notes_new(void)
{
	struct notes *notes = calloc(1, sizeof(*notes));

	if (notes != NULL)
		secret_random(notes->key, sizeof(notes->key));
	return notes;
}

void notes_free(struct notes **notes)
{
	if (*notes == NULL)
		return;
	for (size_t i = 0; i < BUCKET_COUNT; i++) {
		struct note *note = (*notes)->buckets[i];

		while (note != NULL) {
			struct note *next = note->next;

			free(note);
			note = next;
		}
	}
	free(*notes);
	*notes = NULL;
}

static size_t bucket_of(const struct notes *notes, const struct prefix *prefix)
{
	uint8_t octets[sizeof(prefix->addr.octets) + 1];

	memcpy(octets, prefix->addr.octets, sizeof(prefix->addr.octets));
	octets[sizeof(octets) - 1] = prefix->bits;
	return siphash(notes->key, octets, sizeof(octets)) % BUCKET_COUNT;
}

const char *notes_find(const struct notes *notes, const struct prefix *prefix)
{
	const struct note *note = notes->buckets[bucket_of(notes, prefix)];

	while (note != NULL && !prefix_eq(&note->prefix, prefix))
		note = note->next;
	return note == NULL ? NULL : note->text;
}

static void notes_remove(struct notes *notes, const struct prefix *prefix)
{
	struct note **place = &notes->buckets[bucket_of(notes, prefix)];
	struct note *note;

	while (*place != NULL && !prefix_eq(&(*place)->prefix, prefix))
		place = &(*place)->next;
	note = *place;
	if (note == NULL)
		return;
	*place = note->next;
	free(note);
	notes->count--;
}

void notes_put(
	struct notes *notes, const struct prefix *prefix, const char *text)
{
	size_t n = text == NULL ? 0 : strnlen(text, NOTE_LONGEST);
	struct note **place = &notes->buckets[bucket_of(notes, prefix)];
	struct note *note;

	notes_remove(notes, prefix);
	if (n == 0 || notes->count >= NOTES_MOST)
		return;
	note = calloc(1, sizeof(*note) + n + 1);
	if (note == NULL)
		return;
	note->prefix = *prefix;
	memcpy(note->text, text, n);
	note->next = *place;
	*place = note;
	notes->count++;
}

/*
 * The buffer of waiting octets, against a plain array: any order of appends
 * and drops gives the same octets, and an empty buffer is no buffer.
 */
#include "../../src/worker/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

enum { MODEL_ROOM = 1 << 20 };

static uint8_t model[MODEL_ROOM];
static size_t model_n;
static struct guard guard;

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void hold(const struct buffer *buffer)
{
	struct slice is = buffer_peek(buffer);

	assert_int_equal(is.n, model_n);
	assert_true((buffer == NULL) == (model_n == 0));
	assert_int_equal(buffer_count(), buffer != NULL);
	if (model_n)
		assert_memory_equal(is.p, model, model_n);
}

static void append(struct buffer **buffer, size_t n, unsigned *seed)
{
	uint8_t *in = guard_room(&guard, n);

	for (size_t i = 0; i < n; i++)
		in[i] = (uint8_t)next_random(seed);
	memcpy(model + model_n, in, n);
	model_n += n;
	assert_true(buffer_append(buffer, slice_of(in, n)));
	hold(*buffer);
}

static void drop(struct buffer **buffer, size_t n)
{
	memmove(model, model + n, model_n - n);
	model_n -= n;
	buffer_drop(buffer, n);
	hold(*buffer);
}

static void octets_come_out_as_they_went_in(void **state)
{
	struct buffer *buffer = NULL;
	unsigned seed = 5;

	model_n = 0;
	for (unsigned i = 0; i < 20000; i++) {
		if (next_random(&seed) % 2 && model_n < 4000)
			append(&buffer, next_random(&seed) % 700, &seed);
		else if (model_n > 0)
			drop(&buffer, next_random(&seed) % (model_n + 1));
	}
	drop(&buffer, model_n);
	assert_null(buffer);
}

static void sizes_around_each_room_fit(void **state)
{
	unsigned seed = 7;

	for (size_t room = 240; room < 200000; room *= 2)
		for (size_t n = room - 1; n <= room + 1; n++)
			for (size_t first = 0; first <= 2; first++) {
				struct buffer *buffer = NULL;

				model_n = 0;
				append(&buffer, first, &seed);
				append(&buffer, n - first, &seed);
				assert_true(buffer->room >= n);
				assert_true(buffer->room < 2 * n + 240);
				drop(&buffer, n / 2);
				append(&buffer, 1, &seed);
				drop(&buffer, model_n);
				assert_null(buffer);
			}
}

static void nothing_appended_is_no_buffer(void **state)
{
	struct buffer *buffer = NULL;

	assert_true(buffer_append(&buffer, slice_of(NULL, 0)));
	assert_null(buffer);
	assert_int_equal(buffer_peek(NULL).n, 0);
	buffer_drop(&buffer, 10);
	buffer_free(&buffer);
	assert_null(buffer);
}

static void dropping_more_than_waits_empties_it(void **state)
{
	struct buffer *buffer = NULL;

	assert_true(buffer_append(&buffer, slice_str("abc")));
	buffer_drop(&buffer, 0);
	assert_non_null(buffer);
	buffer_drop(&buffer, 4);
	assert_null(buffer);
}

/* However many sessions have a queue: see payload_room(). */
static void reads_are_small_while_much_waits(void **state)
{
	enum { MOST = WAITING_MUCH_BYTES / READ_PAYLOAD_BYTES + 1 };
	static const uint8_t octets[READ_PAYLOAD_BYTES];
	struct buffer *queues[MOST] = {NULL};
	size_t n = 0, waiting = 0;

	assert_int_equal(buffer_bytes(), 0);
	while (payload_room() == READ_PAYLOAD_BYTES) {
		assert_true(n < MOST);
		assert_true(buffer_append(
			&queues[n], slice_of(octets, payload_room())));
		waiting += queues[n++]->room;
		assert_int_equal(buffer_bytes(), waiting);
	}
	assert_int_equal(payload_room(), READ_COMMAND_BYTES);
	buffer_drop(&queues[0], READ_PAYLOAD_BYTES - 1);
	assert_int_equal(payload_room(), READ_COMMAND_BYTES);
	buffer_drop(&queues[0], 1);
	assert_int_equal(payload_room(), READ_PAYLOAD_BYTES);
	while (n > 0)
		buffer_free(&queues[--n]);
	assert_int_equal(buffer_bytes(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_come_out_as_they_went_in),
		cmocka_unit_test(sizes_around_each_room_fit),
		cmocka_unit_test(nothing_appended_is_no_buffer),
		cmocka_unit_test(dropping_more_than_waits_empties_it),
		cmocka_unit_test(reads_are_small_while_much_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Events that wait for a hook. */
#include "../../src/hook/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct parcel *parcel(uint64_t id, mono_ms_t due)
{
	struct parcel *one = parcel_new(&(struct message_hook){.id = id});

	assert_non_null(one);
	one->due = due;
	return one;
}

static void expect_taken(struct queue *queue, mono_ms_t now, uint64_t id)
{
	struct parcel *one = queue_take(queue, now);

	assert_non_null(one);
	assert_int_equal(one->what.id, id);
	parcel_free(&one);
}

static void they_leave_in_order(void **state)
{
	struct queue queue;

	queue_init(&queue, 10);
	for (uint64_t id = 1; id <= 5; id++)
		assert_null(queue_put(&queue, parcel(id, 0)));
	for (uint64_t id = 1; id <= 5; id++)
		expect_taken(&queue, 0, id);
	assert_null(queue_take(&queue, 0));
	assert_int_equal(queue.count, 0);
	assert_true(queue_due(&queue) == MONO_NEVER);
}

static void one_that_waits_holds_up_nobody(void **state)
{
	struct queue queue;

	queue_init(&queue, 10);
	assert_null(queue_put(&queue, parcel(1, 900)));
	assert_null(queue_put(&queue, parcel(2, 0)));
	assert_null(queue_put(&queue, parcel(3, 500)));
	assert_int_equal(queue_due(&queue), 0);
	expect_taken(&queue, 100, 2);
	assert_null(queue_take(&queue, 100));
	assert_int_equal(queue_due(&queue), 500);
	expect_taken(&queue, 500, 3);
	expect_taken(&queue, 900, 1);
	/* The last one went from its end: it takes new ones. */
	assert_null(queue_put(&queue, parcel(4, 0)));
	expect_taken(&queue, 900, 4);
}

static void of_too_many_the_oldest_goes(void **state)
{
	struct queue queue;

	queue_init(&queue, 3);
	for (uint64_t id = 1; id <= 3; id++)
		assert_null(queue_put(&queue, parcel(id, 0)));
	for (uint64_t id = 4; id <= 1000; id++) {
		struct parcel *oldest = queue_put(&queue, parcel(id, 0));

		assert_non_null(oldest);
		assert_int_equal(oldest->what.id, id - 3);
		assert_int_equal(queue.count, 3);
		parcel_free(&oldest);
	}
	queue_clear(&queue);
	assert_int_equal(queue.count, 0);
	assert_true(TAILQ_EMPTY(&queue.all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_leave_in_order),
		cmocka_unit_test(one_that_waits_holds_up_nobody),
		cmocka_unit_test(of_too_many_the_oldest_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * SipHash-2-4 against the authors' vectors (vectors.h of the reference
 * implementation): key 00 01 … 0f, input 00 01 … of each length below 64.
 */
#include "../../src/base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static const uint64_t vectors[64] = {
	0x726fdb47dd0e0e31ull,
	0x74f839c593dc67fdull,
	0x0d6c8009d9a94f5aull,
	0x85676696d7fb7e2dull,
	0xcf2794e0277187b7ull,
	0x18765564cd99a68dull,
	0xcbc9466e58fee3ceull,
	0xab0200f58b01d137ull,
	0x93f5f5799a932462ull,
	0x9e0082df0ba9e4b0ull,
	0x7a5dbbc594ddb9f3ull,
	0xf4b32f46226bada7ull,
	0x751e8fbc860ee5fbull,
	0x14ea5627c0843d90ull,
	0xf723ca908e7af2eeull,
	0xa129ca6149be45e5ull,
	0x3f2acc7f57c29bdbull,
	0x699ae9f52cbe4794ull,
	0x4bc1b3f0968dd39cull,
	0xbb6dc91da77961bdull,
	0xbed65cf21aa2ee98ull,
	0xd0f2cbb02e3b67c7ull,
	0x93536795e3a33e88ull,
	0xa80c038ccd5ccec8ull,
	0xb8ad50c6f649af94ull,
	0xbce192de8a85b8eaull,
	0x17d835b85bbb15f3ull,
	0x2f2e6163076bcfadull,
	0xde4daaaca71dc9a5ull,
	0xa6a2506687956571ull,
	0xad87a3535c49ef28ull,
	0x32d892fad841c342ull,
	0x7127512f72f27cceull,
	0xa7f32346f95978e3ull,
	0x12e0b01abb051238ull,
	0x15e034d40fa197aeull,
	0x314dffbe0815a3b4ull,
	0x027990f029623981ull,
	0xcadcd4e59ef40c4dull,
	0x9abfd8766a33735cull,
	0x0e3ea96b5304a7d0ull,
	0xad0c42d6fc585992ull,
	0x187306c89bc215a9ull,
	0xd4a60abcf3792b95ull,
	0xf935451de4f21df2ull,
	0xa9538f0419755787ull,
	0xdb9acddff56ca510ull,
	0xd06c98cd5c0975ebull,
	0xe612a3cb9ecba951ull,
	0xc766e62cfcadaf96ull,
	0xee64435a9752fe72ull,
	0xa192d576b245165aull,
	0x0a8787bf8ecb74b2ull,
	0x81b3e73d20b49b6full,
	0x7fa8220ba3b2eceaull,
	0x245731c13ca42499ull,
	0xb78dbfaf3a8d83bdull,
	0xea1ad565322a1a0bull,
	0x60e61c23a3795013ull,
	0x6606d7e446282b93ull,
	0x6ca4ecb15c5f91e1ull,
	0x9f626da15c9625f3ull,
	0xe51b38608ef25f57ull,
	0x958a324ceb064572ull,
};

static uint8_t key[16], input[64];

static int vectors_begin(void **state)
{
	for (uint8_t i = 0; i < 64; i++)
		input[i] = i;
	memcpy(key, input, sizeof(key));
	return 0;
}

static void official_vectors_hold(void **state)
{
	for (size_t n = 0; n < 64; n++)
		if (siphash(key, input, n) != vectors[n])
			fail_msg("length %zu", n);
}

static void alignment_does_not_matter(void **state)
{
	uint8_t room[64 + 8];

	for (size_t shift = 0; shift < 8; shift++) {
		memcpy(room + shift, input, 64);
		for (size_t n = 0; n < 64; n++)
			assert_true(
				siphash(key, room + shift, n) == vectors[n]);
	}
}

static void nothing_behind_the_input_is_read(void **state)
{
	uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	for (size_t n = 0; n < 64; n++) {
		memcpy(pages + 4096 - n, input, n);
		assert_true(siphash(key, pages + 4096 - n, n) == vectors[n]);
	}
	munmap(pages, 8192);
}

static void nothing_may_be_hashed(void **state)
{
	assert_true(siphash(key, NULL, 0) == vectors[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_vectors_hold),
		cmocka_unit_test(alignment_does_not_matter),
		cmocka_unit_test(nothing_behind_the_input_is_read),
		cmocka_unit_test(nothing_may_be_hashed),
	};

	return cmocka_run_group_tests(tests, vectors_begin, NULL);
}

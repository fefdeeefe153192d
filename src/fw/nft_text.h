/*
 * The words of nftables: commands made, listings read. Pure text.
 *
 * Only fixed words, numbers, inet_ntop(3)'s addresses and a table name that
 * fw_conf_wrong() has passed go into a command: nothing that a stranger wrote
 * can get there. Knows no library and no kernel, so it is tested alone.
 *
 * One set per family and prefix length, named v4_24, v6_64…; its number is
 * the "slot" here.
 */
#ifndef FW_NFT_TEXT_H
#define FW_NFT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "backend.h"

enum {
	NFT_V4_LENGTHS = 33,
	NFT_V6_LENGTHS = 129,
	NFT_SLOTS = NFT_V4_LENGTHS + NFT_V6_LENGTHS,
	NFT_NAME_LONGEST = 16, /* "v6_128", with NUL */
};

/* Grows; after a failed growth it takes no more and `failed` is true. */
struct nft_text {
	char *data; /* NUL-terminated; NULL: empty */
	size_t n;
	size_t room;
	bool failed;
};

void nft_text_done(struct nft_text *text);
void nft_text_add(struct nft_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

unsigned nft_slot_of(const struct prefix *prefix);
bool nft_slot_is_v4(unsigned slot);
unsigned nft_slot_length(unsigned slot); /* 0-32, 0-128 */
const char *nft_slot_name(unsigned slot, char out[NFT_NAME_LONGEST]);

/* Deletes the table with all that is in it; well also without one. */
void nft_text_away(struct nft_text *text, const char *table);
/* Table and base chain, the chain empty. */
void nft_text_ground(struct nft_text *text, const char *table);
/* Set, counter, its chain and the jump into it. */
void nft_text_slot(
	struct nft_text *text, const struct fw_conf *conf, unsigned slot);
/* The changes that belong into `slot`. */
void nft_text_changes(struct nft_text *text, const char *table, unsigned slot,
	const struct fw_change *changes, size_t n);

/* Marks the slots whose chains `list chains inet` shows in our table. */
void nft_read_chains(
	const char *listing, const char *table, bool known[NFT_SLOTS]);
/* Tells each element of a `list set` of that slot. */
void nft_read_set(
	const char *listing, unsigned slot, fw_listed_cb *listed, void *arg);
/* "1d2h3m4s500ms" in milliseconds; -1: none such. *end: behind it. */
int64_t nft_read_duration(const char *text, const char **ret_end);

#endif

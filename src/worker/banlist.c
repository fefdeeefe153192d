/*
 * Who is banned now, and who is never to be: two tables of prefixes, each with
 * open addressing, linear probing, keyed hash, doubled at three quarters; the
 * keeper bounds how many there are. A ban whose time is over is none; the
 * keeper says so too, or the next telling leaves it out.
 */
#include "banlist.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"

enum { TABLE_LEAST = 256 };

struct slot {
	struct prefix prefix;
	uint32_t told;	 /* the telling that it came with */
	mono_ms_t until; /* 0: free */
};

struct table {
	struct slot *slots;
	size_t room, used;     /* used counts overdue entries, too */
	uint32_t lengths[129]; /* entries by prefix length */
	const uint8_t *key;    /* the list's */
	const uint32_t *telling;
};

struct banlist {
	struct table bans, allows;
	uint32_t telling;
	uint8_t key[16];
};

static bool table_init(struct table *table, const struct banlist *list)
{
	table->slots = calloc(TABLE_LEAST, sizeof *table->slots);
	table->room = TABLE_LEAST;
	table->key = list->key;
	table->telling = &list->telling;
	return table->slots != NULL;
}

struct banlist *banlist_new(void)
{
	struct banlist *list = calloc(1, sizeof *list);

	if (!list)
		return NULL;
	if (!table_init(&list->bans, list) ||
		!table_init(&list->allows, list)) {
		banlist_free(&list);
		return NULL;
	}
	secret_random(list->key, sizeof list->key);
	return list;
}

void banlist_free(struct banlist **list)
{
	if (!*list)
		return;
	free((*list)->bans.slots);
	free((*list)->allows.slots);
	free(*list);
	*list = NULL;
}

/* The slot that holds it, or the free one where it would go. */
static struct slot *slot_of(const struct table *table, struct slot *slots,
	size_t room, const struct prefix *prefix)
{
	uint8_t bytes[17];
	size_t at;

	memcpy(bytes, prefix->addr.octets, 16);
	bytes[16] = prefix->bits;
	at = (size_t)siphash(table->key, bytes, sizeof bytes) & (room - 1);
	while (slots[at].until && !prefix_eq(&slots[at].prefix, prefix))
		at = (at + 1) & (room - 1);
	return &slots[at];
}

/* Moves what is kept into a fresh table; nothing changes without memory. */
static bool table_rebuild(struct table *table, size_t room, bool told_only)
{
	struct slot *slots = calloc(room, sizeof *slots);

	if (!slots)
		return false;
	for (size_t i = 0; i < table->room; i++) {
		const struct slot *from = &table->slots[i];

		if (!from->until)
			continue;
		if (told_only && from->told != *table->telling) {
			table->used--;
			table->lengths[from->prefix.bits]--;
			continue;
		}
		*slot_of(table, slots, room, &from->prefix) = *from;
	}
	free(table->slots);
	table->slots = slots;
	table->room = room;
	return true;
}

static bool table_add(
	struct table *table, const struct prefix *prefix, mono_ms_t until)
{
	struct slot *slot;

	if (table->used * 4 >= table->room * 3 &&
		!table_rebuild(table, table->room * 2, false))
		return false;
	slot = slot_of(table, table->slots, table->room, prefix);
	if (!slot->until) {
		table->used++;
		table->lengths[prefix->bits]++;
	}
	slot->prefix = *prefix;
	slot->until = until ? until : 1;
	slot->told = *table->telling;
	return true;
}

/* Linear probing without gravestones: what follows moves up. */
static void table_remove(struct table *table, const struct prefix *prefix)
{
	struct slot *slot = slot_of(table, table->slots, table->room, prefix);
	size_t at = (size_t)(slot - table->slots);

	if (!slot->until)
		return;
	table->used--;
	table->lengths[prefix->bits]--;
	slot->until = 0;
	for (;;) {
		struct slot moved;
		at = (at + 1) & (table->room - 1);
		if (!table->slots[at].until)
			return;
		moved = table->slots[at];
		table->slots[at].until = 0;
		*slot_of(table, table->slots, table->room, &moved.prefix) =
			moved;
	}
}

/* Is it in one that lasts? The families stay apart. */
static bool table_holds(
	const struct table *table, mono_ms_t now, const struct addr *addr)
{
	for (unsigned bits = 0; table->used > 0 && bits <= 128; bits++) {
		struct prefix prefix;

		if (!table->lengths[bits])
			continue;
		if (bits < ADDR_V4_BITS && addr_is_v4(addr))
			continue;
		prefix = prefix_of(addr,
			bits > ADDR_V4_BITS ? bits - ADDR_V4_BITS : 0, bits);
		if (slot_of(table, table->slots, table->room, &prefix)->until >
			now)
			return true;
	}
	return false;
}

bool banlist_add(
	struct banlist *list, const struct prefix *prefix, mono_ms_t until)
{
	return table_add(&list->bans, prefix, until);
}

void banlist_remove(struct banlist *list, const struct prefix *prefix)
{
	table_remove(&list->bans, prefix);
}

bool banlist_allow(struct banlist *list, const struct prefix *prefix)
{
	return table_add(&list->allows, prefix, MONO_NEVER);
}

void banlist_disallow(struct banlist *list, const struct prefix *prefix)
{
	table_remove(&list->allows, prefix);
}

void banlist_telling(struct banlist *list)
{
	list->telling++;
}

void banlist_told(struct banlist *list)
{
	/* Without memory bans run out, and all else goes the next time. */
	(void)table_rebuild(&list->bans, list->bans.room, true);
	(void)table_rebuild(&list->allows, list->allows.room, true);
	list->telling++; /* for the next, and for what comes one by one */
}

bool banlist_allows(const struct banlist *list, const struct addr *addr)
{
	return table_holds(&list->allows, 0, addr);
}

bool banlist_bans(struct banlist *list, mono_ms_t now, const struct addr *addr)
{
	return table_holds(&list->bans, now, addr) &&
	       !banlist_allows(list, addr);
}

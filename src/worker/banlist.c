/*
 * Who is banned now: open addressing with linear probing, keyed hash, doubled
 * at three quarters; the keeper bounds how many there are. An entry whose time
 * is over is no ban; the keeper says so too, or the next telling leaves it out.
 */
#include "banlist.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"

enum { BANLIST_LEAST = 256, ALLOW_MOST = 4096 };

struct ban_slot {
	struct prefix prefix;
	uint32_t told;	 /* the telling that it came with */
	mono_ms_t until; /* 0: free */
};

struct banlist {
	struct ban_slot *slots;
	size_t room, used; /* used counts overdue entries, too */
	uint32_t telling;
	uint32_t lengths[129]; /* entries by prefix length */
	struct allow_entry {
		struct prefix prefix;
		uint32_t told;
	} * allow;
	size_t allow_count;
	uint8_t key[16];
};

struct banlist *banlist_new(void)
{
	struct banlist *list = calloc(1, sizeof *list);

	if (!list)
		return NULL;
	list->slots = calloc(BANLIST_LEAST, sizeof *list->slots);
	if (!list->slots) {
		free(list);
		return NULL;
	}
	list->room = BANLIST_LEAST;
	secret_random(list->key, sizeof list->key);
	return list;
}

void banlist_free(struct banlist **list)
{
	if (!*list)
		return;
	free((*list)->slots);
	free((*list)->allow);
	free(*list);
	*list = NULL;
}

/* The slot that holds it, or the free one where it would go. */
static struct ban_slot *slot_of(const struct banlist *list,
	struct ban_slot *slots, size_t room, const struct prefix *prefix)
{
	uint8_t bytes[17];
	size_t at;

	memcpy(bytes, prefix->addr.octets, 16);
	bytes[16] = prefix->bits;
	at = (size_t)siphash(list->key, bytes, sizeof bytes) & (room - 1);
	while (slots[at].until && !prefix_eq(&slots[at].prefix, prefix))
		at = (at + 1) & (room - 1);
	return &slots[at];
}

/* Moves what is kept into a fresh table; nothing changes without memory. */
static bool banlist_rebuild(struct banlist *list, size_t room, bool told_only)
{
	struct ban_slot *slots = calloc(room, sizeof *slots);

	if (!slots)
		return false;
	for (size_t i = 0; i < list->room; i++) {
		const struct ban_slot *from = &list->slots[i];

		if (!from->until)
			continue;
		if (told_only && from->told != list->telling) {
			list->used--;
			list->lengths[from->prefix.bits]--;
			continue;
		}
		*slot_of(list, slots, room, &from->prefix) = *from;
	}
	free(list->slots);
	list->slots = slots;
	list->room = room;
	return true;
}

bool banlist_add(
	struct banlist *list, const struct prefix *prefix, mono_ms_t until)
{
	struct ban_slot *slot;

	if (list->used * 4 >= list->room * 3 &&
		!banlist_rebuild(list, list->room * 2, false))
		return false;
	slot = slot_of(list, list->slots, list->room, prefix);
	if (!slot->until) {
		list->used++;
		list->lengths[prefix->bits]++;
	}
	slot->prefix = *prefix;
	slot->until = until ? until : 1;
	slot->told = list->telling;
	return true;
}

/* Linear probing without gravestones: what follows moves up. */
void banlist_remove(struct banlist *list, const struct prefix *prefix)
{
	struct ban_slot *slot = slot_of(list, list->slots, list->room, prefix);
	size_t at = (size_t)(slot - list->slots);

	if (!slot->until)
		return;
	list->used--;
	list->lengths[prefix->bits]--;
	slot->until = 0;
	for (;;) {
		struct ban_slot moved;
		at = (at + 1) & (list->room - 1);
		if (!list->slots[at].until)
			return;
		moved = list->slots[at];
		list->slots[at].until = 0;
		*slot_of(list, list->slots, list->room, &moved.prefix) = moved;
	}
}

bool banlist_allow(struct banlist *list, const struct prefix *prefix)
{
	struct allow_entry *grown;

	for (size_t i = 0; i < list->allow_count; i++)
		if (prefix_eq(&list->allow[i].prefix, prefix)) {
			list->allow[i].told = list->telling;
			return true;
		}
	if (list->allow_count >= ALLOW_MOST)
		return false;
	grown = realloc(
		list->allow, (list->allow_count + 1) * sizeof *list->allow);
	if (!grown)
		return false;
	list->allow = grown;
	list->allow[list->allow_count++] =
		(struct allow_entry){*prefix, list->telling};
	return true;
}

void banlist_disallow(struct banlist *list, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->allow_count; i++)
		if (prefix_eq(&list->allow[i].prefix, prefix)) {
			list->allow[i] = list->allow[--list->allow_count];
			return;
		}
}

void banlist_telling(struct banlist *list)
{
	list->telling++;
}

void banlist_told(struct banlist *list)
{
	(void)banlist_rebuild(list, list->room, true); /* or they run out */
	for (size_t i = list->allow_count; i-- > 0;)
		if (list->allow[i].told != list->telling)
			list->allow[i] = list->allow[--list->allow_count];
	list->telling++; /* for the next, and for what comes one by one */
}

bool banlist_allows(const struct banlist *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->allow_count; i++)
		if (prefix_holds(&list->allow[i].prefix, addr))
			return true;
	return false;
}

bool banlist_bans(struct banlist *list, mono_ms_t now, const struct addr *addr)
{
	if (list->used == 0)
		return false;
	for (unsigned bits = 0; bits <= 128; bits++) {
		struct prefix prefix;
		struct ban_slot *slot;

		if (!list->lengths[bits])
			continue;
		if (bits < ADDR_V4_BITS && addr_is_v4(addr))
			continue;
		prefix = prefix_of(addr,
			bits > ADDR_V4_BITS ? bits - ADDR_V4_BITS : 0, bits);
		slot = slot_of(list, list->slots, list->room, &prefix);
		if (slot->until > now)
			return !banlist_allows(list, addr);
	}
	return false;
}

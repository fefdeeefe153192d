/*
 * Domains that a server takes user names with.
 *
 * Domino has one directory: anna and anna@example.com are the same person, with
 * the same password and the same count of failures before the lock. If they
 * were two here, whoever guesses would have twice of everything that is granted
 * for each user, and the lockout shield would see half of what the server sees.
 * A domain that is not the server's own belongs to a name that it does not
 * have; such names stay apart.
 *
 * Called by policy.c, before any rule hears of an event, and for the names of
 * decoys. Knows no rule. What can go wrong: a server for which anna@a.example
 * and anna@b.example are two people; its operator leaves the domains out.
 */
#include "domains.h"

#include <stdlib.h>
#include <string.h>

struct domains {
	char **items;
	size_t count;
};

static char *copy_of(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = calloc(n, 1);

	if (copy != NULL)
		memcpy(copy, text, n);
	return copy;
}

struct domains *domains_new(const char *const *items, size_t count)
{
	struct domains *domains = calloc(1, sizeof(*domains));

	if (domains == NULL)
		return NULL;
	domains->items = calloc(count + 1, sizeof(*domains->items));
	while (domains->items != NULL && domains->count < count) {
		char *copy = copy_of(items[domains->count]);

		if (copy == NULL)
			break;
		domains->items[domains->count++] = copy;
	}
	if (domains->items == NULL || domains->count < count)
		domains_free(&domains);
	return domains;
}

void domains_free(struct domains **domains)
{
	if (*domains == NULL)
		return;
	for (size_t i = 0; i < (*domains)->count; i++)
		free((*domains)->items[i]);
	free((*domains)->items);
	free(*domains);
	*domains = NULL;
}

static bool same(struct slice domain, const char *text)
{
	size_t n = strlen(text);

	if (domain.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (slice_lower(domain.p[i]) != slice_lower((uint8_t)text[i]))
			return false;
	return true;
}

static bool stands_for(const char *item, struct slice domain)
{
	size_t n = strlen(item);

	if (item[0] != '.')
		return same(domain, item);
	return domain.n > n && same(slice_skip(domain, domain.n - n), item);
}

struct slice domains_bare(const struct domains *domains, struct slice user)
{
	size_t at = user.n;
	struct slice domain;

	while (at > 0 && user.p[at - 1] != '@')
		at--;
	if (at < 2 || at == user.n)
		return user;
	domain = slice_skip(user, at);
	for (size_t i = 0; i < domains->count; i++)
		if (stands_for(domains->items[i], domain))
			return slice_head(user, at - 1);
	return user;
}

/*
 * What the keeper told: who is banned now, and who is never to be.
 *
 * Asked at each accept, without a question to anybody. A hash by prefix, one
 * probe for each prefix length in use; an allow entry beats all bans. The
 * keeper bounds both.
 */
#ifndef WORKER_BANLIST_H
#define WORKER_BANLIST_H

#include "../base/addr.h"
#include "../base/units.h"

struct banlist;

struct banlist *banlist_new(void);
void banlist_free(struct banlist **list);
/* Adds or prolongs. false: no memory. */
bool banlist_add(
	struct banlist *list, const struct prefix *prefix, mono_ms_t until);
void banlist_remove(struct banlist *list, const struct prefix *prefix);
/* Of such addresses nobody is banned. false: no memory. */
bool banlist_allow(struct banlist *list, const struct prefix *prefix);
void banlist_disallow(struct banlist *list, const struct prefix *prefix);
/*
 * A telling: the keeper says all there is. telling() at its begin, told() at
 * its end: what did not come with it (or since) is forgotten.
 */
void banlist_telling(struct banlist *list);
void banlist_told(struct banlist *list);
bool banlist_allows(const struct banlist *list, const struct addr *addr);
bool banlist_bans(struct banlist *list, mono_ms_t now, const struct addr *addr);

#endif

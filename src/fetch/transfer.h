/* One list on its way from a server. */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include <curl/curl.h>

#include "supply.h"

/* Begins; supply->transfer is set. false: why is in supply->why. */
bool transfer_begin(CURLM *multi, struct supply *supply);
/* It has come to its end: how, and its text, borrowed until transfer_end(). */
enum supply_result transfer_result(struct supply *supply, CURLcode code,
	const char **ret_text, size_t *ret_n);
/* Ends it, whatever it has come to. */
void transfer_end(CURLM *multi, struct supply *supply);

#endif

/* Metrics: what the keeper knows, as text for Prometheus (version 0.0.4). */
#ifndef DASH_METRICS_H
#define DASH_METRICS_H

#include <event2/http.h>

#include "inside.h"

/* Asks the keeper and answers. */
void metrics_answer(struct dash *dash, struct evhttp_request *request);

#endif

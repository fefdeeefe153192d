/* How a delivery ended. */
#ifndef HOOK_END_H
#define HOOK_END_H

#include "../ipc/message.h"

enum end_kind {
	END_OK,
	END_AGAIN,  /* it may go better soon */
	END_FAILED, /* for good */
};

struct end {
	enum end_kind kind;
	char text[HOOK_TEXT_LONGEST]; /* ours; no URL in it */
};

#endif

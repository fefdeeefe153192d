/* `posternctl top`: postern at a glance, once a second. */
#ifndef TOOLS_TOP_H
#define TOOLS_TOP_H

enum top_end {
	TOP_LEFT,	 /* by q */
	TOP_NO_TERMINAL, /* *ret_why says why */
	TOP_NO_DAEMON,	 /* errno says why */
};

/*
 * Takes the terminal over until somebody leaves, and gives it back as it was;
 * a signal that ends programs ends it then. A daemon that goes away later is
 * waited for. *ret_why: a sentence, static.
 */
enum top_end top_run(const char *socket, const char **ret_why);

#endif

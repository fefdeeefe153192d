/* posternctl patterns check: the samples of a file of patterns, as tests. */
#ifndef TOOLS_PATTERNS_CHECK_H
#define TOOLS_PATTERNS_CHECK_H

/* path "": the patterns that postern comes with. Prints what is wrong to
 * standard error. 0: nothing is; 1. */
int patterns_check_run(const char *path);

#endif

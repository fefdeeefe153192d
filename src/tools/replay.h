/* posternctl replay: old logs through the rules. */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

/* argv[0] is the word itself. Returns the exit code. */
int replay_main(int argc, char **argv);

#endif

"""The yardstick: people and guessers under virtual time.

world     the clock and the agents
front     who stands before the server: postern, a log watcher, nobody
domino    the server: users, secrets, its lockout, its directory
places    where connections come from
people    persons, their devices, their mail programs
bots      guessers, by kind
ledger    what is counted, and what the counts mean
scenario  one scenario from data to figures
catalogue the scenarios
"""

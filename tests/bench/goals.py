"""What postern wants to reach: figures beside which the tables are printed.

CPU goals are multiples of the raw relay's (plain) or of the terminating
sink's (TLS), taken within each round. A claim of less than 10 per cent rests
on a median of many rounds, or on nothing: the summary says which.
"""

import statistics

CPU = {
    "tiny": 1.05,
    "tiny-auth": 1.10,
    "tiny-pipelined": 1.05,
    "big": 1.05,
    "big-bdat": 1.0,
    "tls-ecdsa": 1.20,
    "tls-rsa": 1.12,
    "tls-resumed": 1.25,
    "tls-big": 1.30,
    "attack": 1.10,
}
ATTACK_BANNED = 0.6  # the same attack once bans act, x raw
# 21.0 us on a machine where the raw relay added 20.1.
ADDED_A_COMMAND = {"latency-1": 1.045}
# 16 us on a machine where accepting and resetting cost 16.
REFUSAL = 1.0
REFUSAL_KERNEL_US = 1  # none, but for what postern does when idle
# Below the least delay of an acknowledgment that Linux knows.
STALL_MS = {"tiny-pipelined": 40}
MEMORY_BYTES = {"plain": 1500, "tls": 16384, "tarpit": 512}
TURNS_GROWTH = 1.02  # whoever has left the tarpit leaves nothing
FLAT = 1.10  # a session's CPU, x where there is less of something
STALLED = 2  # p99 of NOOP beside peers that stall, x that of idle
CALLS_A_SESSION = 35
CALLS_OF_KEEPER = 0.1

FINE_MARGIN, FINE_ROUNDS = 0.10, 15

lines = []  # (goal's name, figures reached, figure wanted, unit, rounds or 0)


def rounds_least(wanted, unit):
    """How many rounds a claim needs: many where it is about a few per cent."""
    fine = unit == "x" and abs(wanted - 1) <= FINE_MARGIN + 1e-9
    return FINE_ROUNDS if fine else 1


def note(name, reached, wanted, unit):
    """reached: one figure, or that of each round."""
    rounds = len(reached) if isinstance(reached, list) else 0
    lines.append((name, reached if rounds else [reached], wanted, unit, rounds))


def verdict(figures, wanted, unit):
    met = statistics.median(figures) <= wanted
    word = "met" if met else "**missed**"
    if len(figures) >= rounds_least(wanted, unit):
        return word
    return f"too few rounds ({len(figures)} of {FINE_ROUNDS}): {word} so far"


def missed():
    return [
        name
        for name, figures, wanted, unit, _ in lines
        if verdict(figures, wanted, unit) != "met"
    ]


def summary():
    if not lines:
        return
    print("\n### postern and its goals\n")
    print("| what | reached | goal | rounds | |\n|---|---|---|---|---|")
    for name, figures, wanted, unit, rounds in lines:
        middle = f"{statistics.median(figures):.2f}"
        if rounds > 1:
            middle += f" [{min(figures):.2f}-{max(figures):.2f}]"
        print(
            f"| {name} | {middle} {unit} | <= {wanted:g} | {rounds or '-'} "
            f"| {verdict(figures, wanted, unit)} |"
        )

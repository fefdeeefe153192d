"""The goals, and whether the figures of a scenario meet them.

Figures of several seeds are put together: people's add up, of guesses put to
the test the worst run counts.
"""

import statistics

LOST_MOST = LATE_MOST_QUIET = 1 / 1000
LATE_MOST, LATE_MEDIAN = 1 / 10, 120

SUMS = ("right", "lost", "late", "locked", "turned_away", "taken")
WORST = ("guesses", "reached", "tested")


def together(runs):
    """Figures of one front over several seeds."""
    whole = {key: sum(run[key] for run in runs) for key in SUMS}
    whole |= {key: max(run[key] for run in runs) for key in WORST}
    late = sorted(s for run in runs for s in run["late_s"])
    whole["late_median"] = statistics.median(late) if late else 0
    whole["late_worst"] = late[-1] if late else 0
    for key in ("verdicts", "alarms", "lost_by", "late_by"):
        whole[key] = {}
        for run in runs:
            for name, count in run[key].items():
                whole[key][name] = whole[key].get(name, 0) + count
    return whole


def missed(scenario, figures):
    """What does not hold, as words; empty: all goals are met."""
    found = []
    right = figures["right"]
    if (scenario.tested_most is not None
            and figures["tested"] > scenario.tested_most):
        found.append("tested")
    if figures["lost"] > (0 if scenario.quiet else right * LOST_MOST):
        found.append("lost")
    if scenario.quiet:
        if figures["late"] > right * LATE_MOST_QUIET:
            found.append("late")
    elif figures["late"] > right * LATE_MOST:
        found.append("late")
    elif (figures["late"] > right * LATE_MOST_QUIET
          and figures["late_median"] > LATE_MEDIAN):
        found.append("median")
    if figures["locked"]:
        found.append("locked")
    return found

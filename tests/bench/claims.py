"""One table of all that is claimed, of runs kept by ./dev bench --json:

	/usr/bin/python3 tests/bench/claims.py FILE...

A scenario that several files have is the last one's. docs/performance.md has
the table of the day it names.
"""

import json
import statistics
import sys

import goals
import refusal
import report
import scenarios

COLUMNS = {
    "haproxy": "HAProxy",
    "haproxy-stick": "with PROXY and stick-table",
    "haproxy-splice": "with splice",
    "nginx": "nginx",
    "postern": "**postern**",
}
# The peer that stands for postern where it is not the one of that name.
STANDS_FOR = {"attack": "postern-observe"}


def ratio_cell(runs, peer, base, key):
    found = report.ratios(runs, peer, key, base)
    return f"{statistics.median(found):.2f}" if found else "–"


def cpu_row(item, runs):
    base = report.base_of(item)
    absolute = statistics.median(run["proxy_cpu"] for run in runs[base])
    cells = [f"{item.name}: {item.text}", f"{absolute:.2f} s/{item.unit} ({base})"]
    for peer in COLUMNS:
        who = STANDS_FOR.get(item.name, peer) if peer == "postern" else peer
        cells.append(ratio_cell(runs, who, base, lambda r: r["proxy_cpu"]))
    return cells + goal_cells(goals.CPU.get(item.name), runs[base])


def goal_cells(goal, of_rounds):
    return [f"≤ {goal}" if goal else "", len(of_rounds)]


def banned_row(item, runs):
    """The attack once bans act."""
    base = report.base_of(item)
    cell = ratio_cell(runs, "postern-banned", base, lambda r: r["proxy_cpu"])
    others = ["–"] * (len(COLUMNS) - 1)
    return [f"{item.name}, once bans act", "", *others, cell,
            *goal_cells(goals.ATTACK_BANNED, runs[base])]  # fmt: skip


def latency_row(item, runs):
    raw = report.added_us(runs, "raw")
    cells = [f"{item.name}: added a command", f"{statistics.median(raw):.1f} µs (raw)"]
    for peer in COLUMNS:
        pairs = zip(report.added_us(runs, peer), raw)
        found = [x / y for x, y in pairs]
        cells.append(f"{statistics.median(found):.2f}" if found else "–")
    return cells + goal_cells(goals.ADDED_A_COMMAND[item.name], raw)


def refusal_row(found):
    runs = found["runs"]
    raw = [run["proxy_us"] for run in runs[refusal.RAW]]

    def cell(way):
        own = [run["proxy_us"] for run in runs.get(way, [])]
        ratios = [x / y for x, y in zip(own, raw)]
        return f"{statistics.median(ratios):.2f}" if ratios else "–"

    return ["refusing a banned source in user space",
            f"{statistics.median(raw):.1f} µs (raw)",
            cell("haproxy reject, list"), cell("haproxy reject, stick-table"),
            "–", "–", cell(refusal.OURS), *goal_cells(goals.REFUSAL, raw)]  # fmt: skip


def memory_rows(found):
    """Octets of a session whose server is connected: nginx's after AUTH."""
    held = {(one["peer"], one["kind"], one["auth"]): one["session_bytes"]
            for one in found if one and "auth" in one}  # fmt: skip

    def cell(peer, kind):
        auth = "good" if peer == "nginx" else "none"
        octets = held.get((peer, kind, auth))
        return f"{octets:,.0f} B" if octets else "–"

    for kind, base, text in (("plain", "raw", "an idle plain session"),
                             ("ecdsa", "direct", "an idle TLS session")):  # fmt: skip
        goal = goals.MEMORY_BYTES["plain" if kind == "plain" else "tls"]
        cells = [cell(peer, kind) for peer in COLUMNS]
        yield [f"memory, {text}", f"{cell(base, kind)} ({base})", *cells,
               f"≤ {goal:,} B", ""]  # fmt: skip


def rows(kept):
    for item in scenarios.ALL:
        runs = kept.get(item.name)
        if not runs or report.base_of(item) not in runs:
            continue
        if item.name in goals.ADDED_A_COMMAND:
            yield latency_row(item, runs)
        elif not item.name.startswith("latency"):
            yield cpu_row(item, runs)
        if item.name == "attack" and "postern-banned" in runs:
            yield banned_row(item, runs)
    if "refusal" in kept:
        yield refusal_row(kept["refusal"])
    if "memory" in kept:
        yield from memory_rows(kept["memory"])


def main():
    kept = {}
    for path in sys.argv[1:]:
        with open(path) as file:
            kept |= json.load(file)
    report.head("", "the base", *COLUMNS.values(), "goal", "rounds")
    for cells in rows(kept):
        report.row(*cells)


if __name__ == "__main__":
    main()

"""Tables of the scenarios, in Markdown: medians, and [least-most]."""

import statistics

import goals
import peers
from scenarios import PER_BYTES

# Whose CPU the others' is compared with: the terminating sink's in TLS.
BASES = {
    "plain": "raw",
    "passed": "raw-passed",
    "big-bdat": "haproxy-splice",
}

STEPS = ["greet", "ehlo", "mail", "rcpt", "data", "body", "quit"]


def base_of(item):
    return BASES.get(item.name, BASES.get(item.kind, "direct"))


def spread(figures, form="{:.2f}"):
    if not figures:
        return "-"
    middle, least, most = (
        form.format(pick(figures)) for pick in (statistics.median, min, max)
    )
    return f"{middle} [{least}-{most}]"


def ratios(runs, peer, key, base):
    """Peer to base, each within its own round."""
    pairs = zip(runs.get(peer, []), runs.get(base, []))
    return [key(x) / key(y) for x, y in pairs if key(y)]


def median_of(runs, key):
    return statistics.median([key(run) for run in runs])


def head(*titles):
    print("| " + " | ".join(titles) + " |")
    print("|---" * len(titles) + "|")


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def command_us(run):
    """A short command's round trip: the mean of MAIL and RCPT."""
    return (run["us"]["mail"][0] + run["us"]["rcpt"][0]) / 2


def added_us(runs, peer):
    pairs = zip(runs.get(peer, []), runs.get("direct", []))
    return [command_us(x) - command_us(y) for x, y in pairs]


def judge_added(item, runs, peer):
    """The round trips of the machine are in it: so beside the raw relay's."""
    pairs = zip(added_us(runs, peer), added_us(runs, "raw"))
    found = [ours / raw for ours, raw in pairs]
    if found:
        name = f"{item.name}: added a command, x raw"
        goals.note(name, found, goals.ADDED_A_COMMAND[item.name], "x")


def latency_table(item, runs):
    head("peer", "messages/s", *(f"{step} p50 us" for step in STEPS),
         "mail p99 us", "added a command us", "x direct",
         "proxy CPU s/10k messages")  # fmt: skip
    for peer, peer_runs in runs.items():
        medians = [
            f"{median_of(peer_runs, lambda r, s=step: r['us'].get(s, [0])[0]):.0f}"
            for step in STEPS
        ]
        per_message = [
            run["proxy_cpu"] * run["ok"] / max(run["msgs"], 1)
            for run in peer_runs
        ]
        row(
            peer,
            f"{median_of(peer_runs, lambda r: r['msgs'] / r['wall']):.0f}",
            *medians,
            f"{median_of(peer_runs, lambda r: r['us']['mail'][1]):.0f}",
            spread(added_us(runs, peer), "{:.1f}"),
            spread(ratios(runs, peer, command_us, "direct")),
            spread(per_message),
        )
        if peer == "postern" and item.name in goals.ADDED_A_COMMAND:
            judge_added(item, runs, peer)


def session_us(run, which):
    return run["us"].get("session", [0, 0, 0])[which]


def goal_of(item, peer):
    if peer == "postern-banned":
        return goals.ATTACK_BANNED
    return goals.CPU.get(item.name) if peer in peers.OURS else None


def judge(item, peer, peer_runs, cpu, base):
    goal = goal_of(item, peer)
    if goal and cpu and peer != "postern-quiet":
        acting = ", bans acting" if peer == "postern-banned" else ""
        goals.note(f"{item.name}: CPU x {base}{acting}", cpu, goal, "x")
    stall = goals.STALL_MS.get(item.name)
    if stall and peer == "postern":
        longest = [session_us(run, 2) / 1000 for run in peer_runs]
        goals.note(f"{item.name}: the longest session", longest, stall, "ms")


def rate_of(item):
    return "mb_s" if item.unit == PER_BYTES else "rate"


def load_table(item, runs):
    base = base_of(item)
    rate = rate_of(item)
    head("peer", "MB/s" if rate == "mb_s" else "sessions/s", "x direct",
         f"proxy CPU s/{item.unit}", f"CPU x {base}", "goal", "helper CPU",
         "load CPU", "session p50/p99/longest us", "ok")  # fmt: skip
    for peer, peer_runs in runs.items():
        cpu = ratios(runs, peer, lambda r: r["proxy_cpu"], base)
        goal = goal_of(item, peer)
        row(
            peer,
            spread([run[rate] for run in peer_runs], "{:.0f}"),
            spread(ratios(runs, peer, lambda r: r[rate], "direct")),
            spread([run["proxy_cpu"] for run in peer_runs], "{:.3f}"),
            spread(cpu),
            f"<= {goal}" if goal else "",
            f"{median_of(peer_runs, lambda r: r['side_cpu']):.2f}",
            f"{median_of(peer_runs, lambda r: r['load_cpu']):.2f}",
            "/".join(
                f"{median_of(peer_runs, lambda r, w=w: session_us(r, w)):.0f}"
                for w in range(3)
            ),
            f"{min(r['ok'] / max(r['sessions'], 1) for r in peer_runs):.3f}",
        )
        judge(item, peer, peer_runs, cpu, base)


def tls_lines(runs):
    for peer, peer_runs in runs.items():
        last = peer_runs[-1]
        p50_us = last["us"].get("handshake", [0])[0]
        print(
            f"\n{peer}: handshake p50 {p50_us:.0f} us, "
            f"resumed {last['resumed']} of {last['sessions']}"
        )


def reply_lines(runs):
    for peer, peer_runs in runs.items():
        last = peer_runs[-1]
        print(f"\n{peer}: replies {last['replies']}, errors {last['errors']}")


def rounds_text(runs):
    return rounds_of(max(map(len, runs.values()), default=0))


def rounds_of(rounds):
    few = rounds < goals.FINE_ROUNDS
    return f"{rounds} rounds" + (
        f"; too few for claims below 10 % ({goals.FINE_ROUNDS})" if few else ""
    )


def table(item, runs):
    print(f"\n### {item.name}: {item.text}\n\n`smtpload {item.args}`")
    print(f"({rounds_text(runs)})\n")
    if item.name.startswith("latency"):
        latency_table(item, runs)
        return
    load_table(item, runs)
    if item.kind != "plain":
        tls_lines(runs)
    if item.name == "attack":
        reply_lines(runs)

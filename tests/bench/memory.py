"""Memory of idle sessions: private memory of a fresh proxy before and with N
sessions held, divided by N; and the same for sessions in the tarpit.

Before sessions are held that have logged in, as many others log in and leave,
with all peers."""

import json
import subprocess
import sys
import time

import control
import goals
import machine
import peers
import report

PLAIN = ["direct", "raw", "haproxy", "haproxy-stick", "nginx", "postern"]
TLS = ["direct", "haproxy", "nginx", "postern"]
WITH_AUTH = ("nginx", "postern")
HELD_S = 2
SOURCES = 100_000


def hold(port, count, *more, hold_s=HELD_S):
    """Starts smtpload with idle sessions; (process, sessions held)."""
    args = ["-n", count, "-c", 200, "-m", 1, "-H", hold_s, "-L", 90, *more]
    command = machine.load_command(args, port)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    return process, json.loads(line).get("held", 0) if line else 0


def measure(process, port, count, *more):
    """Octets a held session: (held, before, after, kernel's)."""
    time.sleep(0.3)
    before, slab_before = machine.private_bytes(process), machine.slab_bytes()
    holder, held = hold(port, count, *more)
    time.sleep(1)
    after, slab_after = machine.private_bytes(process), machine.slab_bytes()
    holder.stdout.read()
    holder.wait()
    each = max(held, 1)
    return dict(
        held=held,
        before_kib=before // 1024,
        after_kib=after // 1024,
        session_bytes=(after - before) / each,
        slab_bytes=(slab_after - slab_before) / each,
    )


def print_row(peer, what, result, goal):
    report.row(
        peer,
        f"{what} ({result['held']})",
        f"{result['before_kib']} KiB",
        f"{result['after_kib']} KiB",
        f"{result['session_bytes']:.0f}",
        f"<= {goal}" if goal else "",
        f"{result['slab_bytes']:.0f}",
    )


def log_in_before(port, count, *more):
    """As many logins as there will be, few at once. What a proxy remembers of
    them is bounded, and it remembers it of those who have left, too: it is
    not what a session that is open needs."""
    machine.load(["-c", 20, "-n", count, "-m", 0, *more], port)


def one(peer, kind, auth, count):
    process, port, tls = peers.start_peer(peer, kind)
    machine.stop(process)
    peers.start_peer(peer, kind)
    more = ["-a", auth, "-b", machine.CLIENTS, "-B", 1000]
    if tls != "none":
        more += ["-t", tls]
    if auth == "good":
        log_in_before(port, count, *more)
    result = measure(process, port, count, *more)
    machine.stop(process)
    goal_kind = "plain" if kind == "plain" else "tls"
    ours = peer in peers.OURS
    what = ("" if kind == "plain" else "TLS, ") + (
        "after AUTH" if auth == "good" else "after EHLO"
    )
    wanted = goals.MEMORY_BYTES[goal_kind] if ours else None
    print_row(peer, what, result, wanted)
    if ours:
        name = f"memory of a session, {what}"
        goals.note(name, result["session_bytes"], wanted, "bytes")
    return dict(result, peer=peer, kind=kind, auth=auth)


def plan(wanted):
    for kind, names in (("plain", PLAIN), ("ecdsa", TLS)):
        for peer in names:
            for auth in ("none", "good"):
                if wanted(peer) and (auth == "none" or peer in WITH_AUTH):
                    yield peer, kind, auth


def tarpit(count):
    """Banned clients that hang on the greeting."""
    name = "postern-tarpit"
    peers.start("sink")
    peers.start(name)
    control.ban(name, [machine.BANNED_PREFIX])
    more = ["-G", "-b", machine.BANNED, "-B", count]
    result = measure(name, 3441, count, *more)
    machine.stop(name)
    wanted = goals.MEMORY_BYTES["tarpit"]
    print_row("postern", "in the tarpit", result, wanted)
    name = "memory of a session in the tarpit"
    goals.note(name, result["session_bytes"], wanted, "bytes")
    return dict(result, peer="postern", kind="tarpit")


def turn(name, first, count):
    """So many sources that nobody has seen are held; private memory then."""
    more = ["-G", "-b", first, "-B", count]
    holder, held = hold(port_of(name), count, *more)
    if held < count:
        sys.exit(f"{name}: only {held} of {count} are held")
    most = machine.private_bytes(name)
    holder.stdout.read()
    holder.wait()
    return most


def port_of(name):
    return peers.PROCESSES[name]()[2]


def run_tarpit(at_once):
    """SOURCES of banned sources in turn, as many at once as can be held."""
    name = "postern-turns"
    peers.start("sink")
    peers.start(name)
    control.ban(name, [machine.BANNED_PREFIX])
    before, most = machine.private_bytes(name), []
    firsts = machine.addresses(machine.BANNED, SOURCES)[::at_once]
    for first in firsts:
        most.append(turn(name, first, at_once))
    after = machine.private_bytes(name)
    machine.stop(name)
    print(f"\n### tarpit: {len(firsts) * at_once:,} banned sources in turn\n")
    report.head("at once", "private before", "first turn", "last turn",
                "after", "bytes/session held", "bytes/source in all")  # fmt: skip
    each = (max(most) - before) / at_once
    kib = [f"{figure // 1024} KiB" for figure in (before, most[0], most[-1], after)]
    report.row(at_once, *kib, f"{each:.0f}",
               f"{(max(most) - before) / (len(firsts) * at_once):.1f}")  # fmt: skip
    goals.note(f"tarpit, {SOURCES:,} sources in turn: a session", each,
               goals.MEMORY_BYTES["tarpit"], "bytes")  # fmt: skip
    grown = most[-1] / most[len(most) // 2]
    goals.note("tarpit: memory of the last turn, x one half way", grown,
               goals.TURNS_GROWTH, "times")  # fmt: skip
    return dict(before=before, most=most, after=after)


def run(count, wanted):
    print(f"\n### memory: {count} idle sessions held\n")
    report.head("peer", "held at", "private before", "private held",
                "bytes/session", "goal",
                "kernel slab bytes/session (both ends, load and sink too)")  # fmt: skip
    results = [one(*item, count) for item in plan(wanted)]
    if wanted("postern"):
        results.append(tarpit(count))
    return results

"""Memory of idle sessions: private memory of a fresh proxy before and with N
sessions held, divided by N; and the same for sessions in the tarpit."""

import json
import subprocess
import time

import goals
import machine
import peers
import report

PLAIN = ["direct", "raw", "haproxy", "haproxy-stick", "nginx", "postern"]
TLS = ["direct", "haproxy", "nginx", "postern"]
WITH_AUTH = ("nginx", "postern")
HELD_S = 3


def hold(port, count, *more):
    """Starts smtpload with idle sessions; (process, sessions held)."""
    args = ["-n", count, "-c", 200, "-m", 1, "-H", HELD_S, "-L", 90, *more]
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
        f"<= {goal[0]} (aim {goal[1]})" if goal else "",
        f"{result['slab_bytes']:.0f}",
    )


def figures(kind):
    return goals.MEMORY_BYTES[kind], goals.MEMORY_AIM_BYTES[kind]


def one(peer, kind, auth, count):
    process, port, tls = peers.start_peer(peer, kind)
    machine.stop(process)
    peers.start_peer(peer, kind)
    more = ["-a", auth, "-b", machine.CLIENTS, "-B", 1000]
    if tls != "none":
        more += ["-t", tls]
    result = measure(process, port, count, *more)
    machine.stop(process)
    goal_kind = "plain" if kind == "plain" else "tls"
    ours = peer in peers.OURS
    what = ("" if kind == "plain" else "TLS, ") + (
        "after AUTH" if auth == "good" else "after EHLO"
    )
    print_row(peer, what, result, figures(goal_kind) if ours else None)
    if ours:
        wanted = goals.MEMORY_BYTES[goal_kind]
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
    words = peers.control(name, "bans", "add", machine.BANNED_PREFIX)
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        print(f"\nno tarpit: {done.stdout}{done.stderr}")
        return None
    more = ["-G", "-b", machine.BANNED, "-B", count]
    result = measure(name, 3441, count, *more)
    machine.stop(name)
    print_row("postern", "in the tarpit", result, figures("tarpit"))
    goals.note(
        "memory of a session in the tarpit",
        result["session_bytes"],
        goals.MEMORY_BYTES["tarpit"],
        "bytes",
    )
    return dict(result, peer="postern", kind="tarpit")


def run(count, wanted):
    print(f"\n### memory: {count} idle sessions held\n")
    report.head("peer", "held at", "private before", "private held",
                "bytes/session", "goal",
                "kernel slab bytes/session (both ends, load and sink too)")  # fmt: skip
    results = [one(*item, count) for item in plan(wanted)]
    if wanted("postern"):
        results.append(tarpit(count))
    return results

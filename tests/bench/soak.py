"""Hours of mixed load against one postern; what must not grow is watched.

Each turn runs good sessions, logins, TLS, large messages, bad logins and
clients that leave. After the first turns (caches and pools fill) the private
memory and the descriptors of the idle program are the base; growth beyond
the allowance, a lost session or a restarted process fails the run.
"""

import sys
import time

import machine
import peers

TURN = [
    ("plain", "-c 50 -n 2000 -m 2 -S 4096", True),
    ("plain", "-c 50 -n 1000 -m 1 -a good -p", True),
    ("ecdsa", "-c 20 -n 300 -m 1 -t starttls -a good", True),
    ("rsa", "-c 20 -n 200 -m 1 -t starttls -R", True),
    ("plain", "-c 4 -n 8 -m 1 -S 10000000", True),
    ("ecdsa", "-c 4 -n 4 -m 1 -S 10000000 -t starttls", True),
    ("plain", "-c 200 -n 500 -m 0 -a bad -b 10.97.0.2 -B 500 -T 10", False),
    # Their time is up in mid-session: clients that just go.
    ("plain", "-c 200 -n 400 -m 4 -S 5000000 -T 0.3 -L 3", False),
]
WARM_TURNS = 3
GROWTH_MOST = 0.10
GROWTH_MOST_BYTES = 2 << 20


def turn(name):
    """Runs each load once; what went wrong, as text."""
    wrong = []
    kinds = peers.PEERS[name][1]
    for kind, args, must_succeed in TURN:
        result = machine.load(args.split(), kinds[kind][0])
        if must_succeed and result["ok"] != result["sessions"]:
            wrong.append(f"{args}: {result['errors']} {result['replies']}")
    return wrong


def look(name):
    time.sleep(2)  # what is over is freed; stray sessions end
    return dict(
        bytes=machine.private_bytes(name),
        fds=machine.descriptors(name),
        pids=sorted(machine.tree(name)),
    )


def judge(now, base):
    wrong = []
    allowed = base["bytes"] * (1 + GROWTH_MOST) + GROWTH_MOST_BYTES
    if now["bytes"] > allowed:
        wrong.append(f"memory grew from {base['bytes']} to {now['bytes']}")
    if now["fds"] > base["fds"] + 8:
        wrong.append(f"descriptors grew from {base['fds']} to {now['fds']}")
    if now["pids"] != base["pids"]:
        wrong.append("a process was restarted")
    return wrong


def run(minutes, name="postern"):
    """Prints a line a turn; the exit code."""
    peers.start("sink")
    peers.start(name)
    ends, count, base = time.monotonic() + minutes * 60, 0, None
    while time.monotonic() < ends or count <= WARM_TURNS:
        wrong = turn(name)
        now = look(name)
        if count == WARM_TURNS:
            base = now
        if base:
            wrong += judge(now, base)
        count += 1
        print(
            f"turn {count}: {now['bytes'] // 1024} KiB private, "
            f"{now['fds']} descriptors, {len(now['pids'])} processes",
            *wrong,
            sep="\n  ! " if wrong else "",
            flush=True,
        )
        if wrong:
            print(machine.log_tail(name))
            return 1
    print(f"soak: {count} turns, nothing grew", file=sys.stderr)
    return 0

"""Many bans: how soon a new one is in the kernel, and how soon all are in
force again after a start. With real nftables, in the bench's own namespace.
"""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import goals
import report

TOP = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("POSTERN_BUILD", "build/release")
sys.path.insert(0, str(TOP / "tests/e2e"))

# The end-to-end tests' own tools: a client, a server, postern, the kernel.
import attack  # noqa: E402
from harness import netlink  # noqa: E402
from harness.postern import Postern  # noqa: E402
from scripted import Scripted  # noqa: E402

PRESENT = (0, 100_000)
STARTS = (100_000, 262_144)
GUESSES = 3
SOURCES = 60
ROOM = 300_000
LONGEST_S = 60


def address(number):
    return socket.inet_ntoa((0x0a600000 + 256 + number).to_bytes(4, "big"))


class Refuser(Scripted):
    """A server that takes no password, and knows when it last said so."""

    def __init__(self):
        self.said_at = 0.0
        super().__init__(self.serve)

    def serve(self, peer):
        while peer.serve_until("AUTH") is not None:
            self.said_at = time.monotonic()
            peer.say("535 no")
            return


def make(folder, server):
    return Postern(folder, {"mx": {}}, [server.address], options={
        "source_limit": {"failures": GUESSES, "delay": "0s", "ban": "1h",
                         "bans_most": ROOM},
        "banned": {"answer": "close"},
        "firewall": {"backend": "nft", "entries_most": ROOM},
        "log": {"level": "info"}})


def add(front, begin, end):
    """Bans of the operator's, all of them on disk."""
    attack.order_bans(front, (address(1_000 + n) for n in range(begin, end)))
    attack.stored(front)


def latencies(front, server, first):
    found, elements = [], netlink.Elements()
    for n in range(first, first + SOURCES):
        # Of a user and with words of its own: else other rules answer.
        attack.guesses(front.ports["mx"], address(n), GUESSES,
                       user=f"user{n}", word=f"guess-{n}")
        seen, _ = elements.wait_for(address(n))
        found.append((seen - server.said_at) * 1000)
    elements.close()
    return found


def restart(front, count):
    """Milliseconds from exec to ready, and to the kernel's last element. The
    kernel has none before: it is as after a boot."""
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    os.truncate(front.log_path, 0)  # it is read again and again below
    begun = time.monotonic()
    front.spawn()
    front.wait_ready()
    ready = time.monotonic() - begun
    attack.wait_entries(front, count, LONGEST_S)
    kernel = time.monotonic() - begun
    loaded = front.events("loaded")[-1]
    return ready * 1000, kernel * 1000, loaded["ms"]


def run():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-bench-"))
    folder.chmod(0o755)
    server = Refuser()
    front = make(folder, server).start()
    found, present, first = {}, 0, 0
    print("\n### bans: from the server's 535 to the kernel\n")
    report.head("bans before", "median ms", "9 of 10 ms", "longest ms")
    try:
        for wanted in PRESENT:
            add(front, present, wanted)
            present = wanted
            attack.wait_entries(front, present + first, LONGEST_S)
            times = found[f"kernel_{wanted}"] = latencies(
                front, server, first)
            first += SOURCES
            middle = statistics.median(times)
            report.row(f"{wanted:,}", f"{middle:.2f}",
                       f"{statistics.quantiles(times, n=10)[-1]:.2f}",
                       f"{max(times):.2f}")
            goals.note(f"ban in the kernel, {wanted:,} present", middle,
                       10, "ms")
        print("\n### bans: from a start to all of them in force\n")
        report.head("bans", "store read ms", "accepts clients ms",
                    "in the kernel ms")
        for wanted in STARTS:
            add(front, present, wanted)
            present = wanted
            front.stop()
            ready, kernel, loaded = found[f"start_{wanted}"] = restart(
                front, wanted)
            report.row(f"{wanted:,}", f"{loaded}", f"{ready:.0f}",
                       f"{kernel:.0f}")
            most = 1000 if wanted <= 100_000 else 2000
            goals.note(f"start with {wanted:,} bans", kernel, most, "ms")
    finally:
        front.stop()
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    return found

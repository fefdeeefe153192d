"""What is watched: memory, descriptors, loop stalls, processes."""

import json
import os
import socket
import statistics

import machine

ROLES = ("keeper", "firewall", "worker")
STALL_MOST_MS = 50
GROWTH_MOST_BYTES = 2 << 20
SLOPE_MOST_BYTES_H = 1 << 20
SLOPE_LEAST_S = 1200  # below it a slope says nothing


def role_of(pid, supervisor):
    if pid == supervisor:
        return "supervisor"
    with open(f"/proc/{pid}/comm") as file:
        name = file.read()
    found = [r for r in ROLES if name.startswith(f"postern-{r}"[:15])]
    return found[0] if found else "other"


def look(name):
    """{role: {count, bytes, fds (most of one), pids}}; a role's sums."""
    seen = {}
    supervisor = machine.running[name].pid
    for pid in machine.tree(name):
        try:
            role = role_of(pid, supervisor)
            fds = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
        row = seen.setdefault(role, dict(count=0, bytes=0, fds=0, pids=[]))
        row["count"] += 1
        row["bytes"] += machine.pid_private_bytes(pid)
        row["fds"] = max(row["fds"], fds)
        row["pids"].append(pid)
    return seen


def ask(path, **request):
    """One request at the control socket; {} while nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(path))
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile() as file:
                return json.loads(file.readline() or "{}")
    except OSError:
        return {}


def waited_ms(pid):
    """How long a process was runnable without a processor."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e6
    except OSError:
        return None


class Stalls:
    """The longest turns, and whether the scheduler explains them.

    On a machine that is shared a turn may be long by the clock because
    others ran; the kernel says for how long. A turn is held against postern
    by its run time, or by what of its time the kernel's figure does not
    explain.
    """

    def __init__(self, control):
        self.control = control
        self.waits = {}  # pid -> the last figures of the kernel
        self.known = {}  # pid -> its longest turn
        self.longest = dict(worker_stall_ms=0, worker_run_ms=0,
                            keeper_stall_ms=0, keeper_run_ms=0)  # fmt: skip
        self.unexplained_ms, self.explained = 0, 0

    def sample(self):
        """Once a second; the status, {} if there was none."""
        status = ask(self.control, command="status")
        for key, value in status.get("loops", {}).items():
            self.longest[key] = max(self.longest[key], value)
        rows = [(w["pid"], w["stall_ms"]) for w in status.get("workers", [])]
        if status:
            stall = status["loops"]["keeper_stall_ms"]
            rows.append((status["pid"], stall))
        for pid, stall_ms in rows:
            self.weigh(pid, stall_ms)
        return status

    def weigh(self, pid, stall_ms):
        wait_ms = waited_ms(pid)
        if wait_ms is None:
            return
        # Workers tell once a second: the last few samples hold the turn.
        waits = (self.waits.get(pid, [0.0]) + [wait_ms])[-4:]
        self.waits[pid] = waits
        if stall_ms > max(STALL_MOST_MS, self.known.get(pid, 0)) - 1:
            self.known[pid] = stall_ms + 1
            left = stall_ms - (waits[-1] - waits[0])
            self.unexplained_ms = max(self.unexplained_ms, left)
            self.explained += left < STALL_MOST_MS

    def wrong(self):
        found = []
        for key in ("worker_run_ms", "keeper_run_ms"):
            if self.longest[key] >= STALL_MOST_MS:
                found.append(f"{key} {self.longest[key]}")
        if self.unexplained_ms >= STALL_MOST_MS:
            found.append(f"a stall of {self.unexplained_ms:.0f} ms that no "
                         "scheduling explains")  # fmt: skip
        return found


def slope_h(points):
    """Theil and Sen: the median of all slopes, by the hour."""
    slopes = [
        (b[1] - a[1]) / (b[0] - a[0])
        for i, a in enumerate(points)
        for b in points[i + 1:]
    ]  # fmt: skip
    return statistics.median(slopes) * 3600 if slopes else 0.0


def grown(series):
    """[(at_s, look)] after warm-up: {role: figures}, and what is wrong."""
    figures, wrong = {}, []
    for role in ("supervisor", *ROLES):
        points = [(at, seen[role]["bytes"]) for at, seen in series
                  if role in seen]  # fmt: skip
        fds = [seen[role]["fds"] for _, seen in series if role in seen]
        counts = {seen[role]["count"] for _, seen in series if role in seen}
        if not points:
            wrong.append(f"no {role}")
            continue
        tail = statistics.median(v for _, v in points[-5:])
        head = statistics.median(v for _, v in points[:5])
        slope = slope_h(points)
        figures[role] = dict(
            first_kib=points[0][1] >> 10,
            last_kib=points[-1][1] >> 10,
            most_kib=max(v for _, v in points) >> 10,
            slope_kib_h=round(slope / 1024, 1),
            fds_first=fds[0],
            fds_last=fds[-1],
            fds_most=max(fds),
        )
        long = points[-1][0] - points[0][0] >= SLOPE_LEAST_S
        if tail - head > GROWTH_MOST_BYTES:
            wrong.append(f"{role} grew from {head} to {tail} octets")
        if long and slope > SLOPE_MOST_BYTES_H:
            wrong.append(f"{role} grows by {slope / 1024:.0f} KiB an hour")
        if max(fds) > fds[0] + 2:
            wrong.append(f"{role}: descriptors from {fds[0]} to {max(fds)}")
        if len(counts) > 1:
            wrong.append(f"{role}: {sorted(counts)} processes")
    return figures, wrong

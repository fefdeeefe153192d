"""An hour of mixed load against one postern, with faults, reloads and deaths.

Each minute: sessions at a rate, a reload under load, now and then with a
changed option or a new certificate, now and then a server or a worker is
killed. Then the load ends for a moment, the books of clients and servers are
held against each other, and memory, descriptors and processes are looked at.
Anything wrong makes the exit code 1.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import time

import machine
import peers
import soak_book
import soak_clients
import soak_watch
from machine import HERE, RUN

NAME = "soak"
PORTS = dict(plain=3451, backtls=3452, rsa=3453, ecdsa=3454, tls=3455)
SERVERS = dict(first=3461, second=3462)
MINUTE_S = 60
LOAD_S = 50
RELOAD_AT_S, SERVER_KILL_AT_S, WORKER_KILL_AT_S = 25, 10, 40
QUIET_MOST_S = 30
WARM_SHARE, WARM_MOST = 0.2, 10
WORKERS = 2
# What deaths of our own making may say in the log.
EXCUSED_ERRORS = ("process-ended",)


def certificates():
    """Two of each kind, put in place by turns."""
    for which in "ab":
        machine.certificate(f"soak-rsa-{which}", "-newkey", "rsa:2048")
        curve = "ec_paramgen_curve:P-256"
        machine.certificate(f"soak-ecdsa-{which}", "-newkey", "ec",
                            "-pkeyopt", curve)  # fmt: skip
    certificates_use("a")


def certificates_use(which):
    for kind in ("rsa", "ecdsa"):
        path = RUN / f"soak-{kind}.pem"
        shutil.copy(RUN / f"soak-{kind}-{which}.pem", f"{path}.new")
        os.replace(f"{path}.new", path)


class Soak:
    def __init__(self, options):
        self.options = options
        self.state = machine.folder(f"{NAME}-state", peers.USER)
        self.control = self.state / "control"
        self.books = {n: self.state.parent / f"soak-{n}.book" for n in SERVERS}
        for path in self.books.values():
            path.write_text("")
        self.book = soak_book.Book(self.books.values())
        self.clients = soak_clients.Clients(
            self.book, PORTS, options.faults, options.rate
        )
        self.stalls = soak_watch.Stalls(self.control)
        self.series, self.wrong, self.deaths = [], [], []
        self.counts = dict(reloads=0, changed=0, certificates=0,
                           workers_killed=0, servers_killed=0)  # fmt: skip
        self.status, self.setting = {}, 0

    # What is started

    def server(self, name):
        command = [sys.executable, HERE / "soak_backend.py",
               SERVERS[name], self.books[name], RUN / "rsa.pem"]
        self.start(f"soak-{name}", command, SERVERS[name])

    def start(self, name, command, port):
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        machine.start(name, command, cpus, port)

    def configure(self):
        machine.render(
            "soak.conf",
            dict(PORTS, **SERVERS, run=RUN, state=self.state,
                 hostname=f"mx{self.setting}.example.test",
                 bad=20 + self.setting),
            f"{NAME}.conf",
        )  # fmt: skip

    def start_all(self):
        certificates()
        for name in SERVERS:
            self.server(name)
        self.configure()
        first = ["nice", "-n", str(self.options.priority)]
        if self.options.realtime:
            first = ["chrt", "--fifo", "10"]
        command = [*first, peers.POSTERN, "run", "-c", RUN / f"{NAME}.conf"]
        self.start(NAME, command, PORTS["plain"])

    # What happens in a minute

    async def reload(self, minute):
        if minute % 3 == 2:
            self.setting += 1
            self.configure()
            self.counts["changed"] += 1
        if minute % 5 == 4:
            certificates_use("ab"[self.counts["certificates"] % 2 - 1])
            self.counts["certificates"] += 1
        answer = await asyncio.to_thread(
            soak_watch.ask, self.control, command="reload"
        )
        self.counts["reloads"] += 1
        if not answer.get("ok"):
            self.wrong.append(f"minute {minute}: reload: {answer}")

    async def kill_server(self):
        process = machine.running.pop("soak-first")
        self.deaths.append(time.monotonic())
        process.kill()
        process.wait()
        self.counts["servers_killed"] += 1
        await asyncio.sleep(3)
        await asyncio.to_thread(self.server, "first")

    async def kill_worker(self):
        pids = [w["pid"] for w in self.status.get("workers", [])]
        if pids:
            self.deaths.append(time.monotonic())
            os.kill(random.choice(pids), signal.SIGKILL)
            self.counts["workers_killed"] += 1

    async def later(self, began, at_s, happening):
        await asyncio.sleep(max(0, began + at_s - time.monotonic()))
        await happening

    def happenings(self, minute, began):
        every = self.options.reload_every
        todo = []
        if every and minute % every == 0:
            todo.append(self.later(began, RELOAD_AT_S, self.reload(minute)))
        if self.options.kills and minute % 5 == 3:
            todo.append(self.later(began, SERVER_KILL_AT_S,
                                   self.kill_server()))
        if self.options.kills and minute % 10 == 7:
            todo.append(self.later(began, WORKER_KILL_AT_S,
                                   self.kill_worker()))  # fmt: skip
        return todo

    async def watch(self):
        while True:
            status = await asyncio.to_thread(self.stalls.sample)
            self.status = status or self.status
            await asyncio.sleep(1)

    async def quiet(self):
        """No session, no worker but those that serve."""
        ends = time.monotonic() + QUIET_MOST_S
        await self.clients.drained()
        while time.monotonic() < ends:
            await asyncio.sleep(0.5)
            seen = soak_watch.look(NAME)
            status = self.stalls.sample()
            # What a worker tells is at most a second old.
            if status.get("sessions", {}).get("open") == 0 and \
                    seen.get("worker", {}).get("count") == WORKERS:
                return seen
        self.wrong.append(f"not quiet: {seen} {status.get('sessions')}")
        return seen

    def lost(self):
        """Failures that no fault and no death explains."""
        return [
            text for began, ended, text in self.clients.lost
            if not any(began - 0.5 <= t <= ended for t in self.deaths)
        ]  # fmt: skip

    async def minute(self, minute):
        began = time.monotonic()
        tasks = [asyncio.create_task(one)
                 for one in self.happenings(minute, began)]  # fmt: skip
        await self.clients.run_until(began + LOAD_S)
        for task in tasks:
            await task
        seen = await self.quiet()
        self.book.judge()
        self.series.append((time.monotonic() - self.began, seen))
        self.say(minute, seen)
        await asyncio.sleep(max(0, began + MINUTE_S - time.monotonic()))

    def say(self, minute, seen):
        counts, stalls = self.book.counts, self.stalls.longest
        memory = " ".join(f"{role} {row['bytes'] >> 10}"
                          for role, row in sorted(seen.items()))
        fds = " ".join(f"{row['fds']}" for _, row in sorted(seen.items()))
        sessions = self.status.get("sessions", {}).get("total", 0)
        print(
            f"{minute + 1:3} min: {sessions} sessions, "
            f"{counts['accepted']} accepted, {counts['arrived']} arrived, "
            f"{sum(self.clients.faults.values())} faults, "
            f"{len(self.lost())} lost; KiB: {memory}; fds: {fds}; "
            f"stall {stalls['worker_stall_ms']} ms (run "
            f"{stalls['worker_run_ms']}), keeper "
            f"{stalls['keeper_stall_ms']} ({stalls['keeper_run_ms']})",
            *self.book.wrong[-5:], *self.wrong[-5:], *self.lost()[-5:],
            sep="\n  ! ", flush=True,
        )  # fmt: skip

    async def main(self):
        self.began = time.monotonic()
        watch = asyncio.create_task(self.watch())
        for minute in range(max(1, round(self.options.minutes))):
            await self.minute(minute)
        watch.cancel()
        self.status = self.stalls.sample()
        self.book.judge_last()
        if self.status.get("sessions", {}).get("open") != 0 or \
                self.status.get("logins", {}).get("under_way") != 0:
            self.wrong.append(f"left open: {self.status}")

    # What it comes to

    def stop(self):
        process = machine.running[NAME]
        machine.stop(NAME)
        if process.returncode != 0:
            self.wrong.append(f"postern ended with {process.returncode}")

    def errors(self):
        """Error lines of the log, by event."""
        found = {}
        with open(self.state / "log", errors="replace") as file:
            for line in file:
                _, level, _, event = (line.split() + [""] * 4)[:4]
                if level == "error":
                    found[event] = found.get(event, 0) + 1
        return found

    def summary(self):
        warm = min(WARM_MOST, int(len(self.series) * WARM_SHARE) + 1)
        figures, grown = soak_watch.grown(self.series[warm - 1:])
        errors = self.errors()
        alien = dict(errors)
        for event in EXCUSED_ERRORS:
            if alien.get(event) == self.counts["workers_killed"]:
                del alien[event]
        wrong = self.wrong + self.book.wrong + grown + self.stalls.wrong()
        wrong += [f"lost: {text}" for text in self.lost()]
        wrong += [f"error lines in the log: {alien}"] if alien else []
        return dict(
            minutes=len(self.series), rate=self.options.rate, warm=warm,
            sessions=self.status.get("sessions"),
            logins=self.status.get("logins"), bans=self.status.get("rules"),
            messages=dict(self.book.counts), kinds=dict(self.clients.counts),
            faults=dict(self.clients.faults), happened=self.counts,
            excused=len(self.clients.lost) - len(self.lost()),
            lost=len(self.lost()), memory=figures, errors=errors,
            stalls=dict(self.stalls.longest,
                        unexplained_ms=round(self.stalls.unexplained_ms),
                        over_but_explained=self.stalls.explained),
            wrong=wrong,
        )  # fmt: skip


def run(options):
    """Prints a line a minute and the summary; the exit code."""
    soak = Soak(options)
    soak.start_all()
    asyncio.run(soak.main())
    soak.stop()
    summary = soak.summary()
    text = json.dumps(summary, indent=1, default=str)
    path = options.json or str(RUN / "soak.json")
    with open(path, "w") as file:
        file.write(text + "\n")
    print(text)
    wrong = summary["wrong"]
    print(f"soak: {len(wrong)} violations" if wrong else "soak: all held",
          f"({path})")  # fmt: skip
    return 1 if wrong else 0

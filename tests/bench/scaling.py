"""What a session costs where there is more of everything: workers, sessions
that are held, bans, tracked sources, peers that stall. It is to stay flat.

Each case is a postern of its own. All of them run beside each other, all but
one idle, so that each round can measure every one in turn, like peers.
"""

import dataclasses
import os
import pathlib
import shutil
import sys
import time

import control
import goals
import machine
import memory
import peers
import report
import stallers

HELD = (100, 1000, 9000)
BANS, SOURCES = 100_000, 1_000_000
FILL_LONGEST_S = 600
WORKS = {
    "session": "-c 50 -n 4000 -m 1 -S 1024",
    "login": "-c 50 -n 4000 -m 0 -a good",
}
# So many a session are not yet too many without mail.
NOOPS = "-c 1 -n 40 -m 150 -N"


@dataclasses.dataclass
class Case:
    text: str
    port: int
    base: str = ""  # the case that it is compared with; none: it is one
    workers: int = 1
    mode: str = "enforce"
    held: int = 0
    fill: object = None  # makes more of something, once, at the start
    works: tuple = tuple(WORKS)


def name_of(case):
    return f"scaling-{case.port}"


def start(case):
    name = name_of(case)
    state = machine.folder(f"{name}-state", peers.USER)
    log = pathlib.Path(state) / "console.log"
    log.touch()
    shutil.chown(log, peers.USER)
    conf = machine.render(
        "scaling.conf",
        peers.values(
            mode=case.mode,
            workers=case.workers,
            plain_port=case.port,
            ecdsa_port=case.port + 1,
            stuck_port=case.port + 2,
            stuck_server=case.port + 3,
            state=state,
        ),
        f"{name}.conf",
    )
    command = [peers.POSTERN, "run", "-c", conf]
    machine.start(name, command, machine.PEER_CPU, case.port)
    peers.wait_workers(name)
    if case.fill:
        case.fill(case)


def await_store(name):
    """What fills the tables writes rows, too; they are no session's cost."""
    ends = time.monotonic() + FILL_LONGEST_S
    while time.monotonic() < ends:
        store = control.ask(name, "status")["store"]
        if not store["waiting"] and not store["journal_waiting"]:
            return
        time.sleep(0.1)
    sys.exit(f"{name}: its store is not done")


def fill_bans(case):
    control.ban(name_of(case), machine.addresses(machine.BANNED, BANS))
    await_store(name_of(case))


def line_of(number):
    """A failure in Domino's log, from a network of its own."""
    octets = (11 + (number >> 16), number >> 8 & 255, number & 255, 1)
    source = ".".join(map(str, octets))
    return (
        "[000738:000012-00007F1164B21700] 05-11-2022 14:18:50   "
        f"http: user{number} [{source}] authentication failure using "
        "internet password\n"
    )


def fill_sources(case):
    """By the second ear: a million failures would take long over SMTP."""
    name = name_of(case)
    path = machine.RUN / f"{name}-state/console.log"
    began = time.monotonic()
    with open(path, "a") as log:
        log.writelines(map(line_of, range(SOURCES)))
    ends = began + FILL_LONGEST_S
    while control.ask(name, "status")["domino_log"]["lines"] < SOURCES:
        if time.monotonic() > ends:
            sys.exit(f"{name}: still reads its log")
        time.sleep(0.1)
    path.write_text("")
    tracked = control.ask(name, "status")["sources"]
    if tracked < SOURCES * 0.999:
        sys.exit(f"{name}: tracks {tracked} sources")
    await_store(name)
    took_s = time.monotonic() - began
    print(f"\n({SOURCES:,} sources in {took_s:.0f} s by the second ear; "
          f"{machine.private_bytes(name) >> 20} MiB)")  # fmt: skip


def cases():
    found = {
        "flat": Case("1 worker, nothing held, no bans", 3500),
        "workers-2": Case("2 workers", 3504, "flat", workers=2),
    }
    for at, count in enumerate(HELD):
        found[f"held-{count}"] = Case(
            f"{count:,} idle sessions held", 3508 + 4 * at, "flat", held=count
        )
    found["bans"] = Case(f"{BANS:,} bans", 3520, "flat", fill=fill_bans)
    found["observe"] = Case(
        "observing, no sources", 3524, mode="observe", works=("login",)
    )
    found["sources"] = Case(
        f"{SOURCES:,} tracked sources", 3528, "observe", mode="observe",
        fill=fill_sources, works=("login",),
    )  # fmt: skip
    return found


def cpu_of(case, args):
    """CPU seconds for ten thousand sessions. Each worker has as many at once
    as one alone: what a loop turn costs is shared by those that it serves."""
    name = name_of(case)
    args = args.replace("-c 50", f"-c {50 * case.workers}")
    before_s = machine.cpu_s(name)
    result = machine.load(args.split(), case.port)
    if result["ok"] != result["sessions"]:
        sys.exit(f"{name}: {result['errors']} {result['replies']}")
    return (machine.cpu_s(name) - before_s) / result["ok"] * 1e4


def hold_all(found):
    """Idle sessions of all cases, until their holders are ended."""
    holders = []
    for case in found.values():
        if not case.held:
            continue
        args = ["-b", machine.BANNED, "-B", case.held, "-L", FILL_LONGEST_S]
        holder, held = memory.hold(case.port, case.held, *args,
                                   hold_s=FILL_LONGEST_S)  # fmt: skip
        holders.append(holder)
        if held < case.held:
            sys.exit(f"{name_of(case)}: only {held} are held")
    return holders


def costs(rounds, found):
    runs = {(key, work): [] for key in found for work in found[key].works}
    for key, work in runs:  # a fresh process serves a few first
        cpu_of(found[key], WORKS[work].replace("4000", "500"))
    for _ in range(rounds):
        for key, work in runs:
            case = found[key]
            runs[key, work].append(cpu_of(case, WORKS[work]))
    return runs


def print_costs(rounds, found, runs):
    print("\n### scaling: CPU of a session where there is more of something")
    print(f"\n`smtpload {WORKS['session']}`; a login: `{WORKS['login']}` "
          f"({report.rounds_of(rounds)})\n")  # fmt: skip
    report.head("case", "of a", "CPU s/10k", "x", "beside", "goal")
    for (key, work), figures in runs.items():
        case = found[key]
        base = runs.get((case.base, work), [])
        ratios = [x / y for x, y in zip(figures, base)]
        goal = f"<= {goals.FLAT}" if ratios else ""
        report.row(case.text, work, report.spread(figures, "{:.3f}"),
                   report.spread(ratios), case.base or "-", goal)  # fmt: skip
        if ratios:
            goals.note(f"{case.text}: CPU of a {work}, x {case.base}", ratios,
                       goals.FLAT, "x")  # fmt: skip


def run_costs(rounds):
    peers.start("sink")
    found = cases()
    holders = []
    try:
        for case in found.values():
            start(case)
        holders = hold_all(found)
        runs = costs(rounds, found)
        print_costs(rounds, found, runs)
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
        for case in found.values():
            machine.stop(name_of(case))
    return {f"{key} {work}": figures for (key, work), figures in runs.items()}


def noop_us(case):
    """Median, 99th of 100 and longest of one client's NOOPs."""
    result = machine.load(NOOPS.split(), case.port)
    if result["ok"] != result["sessions"]:
        sys.exit(f"{name_of(case)}: {result['errors']} {result['replies']}")
    return result["us"]["mail"]


def still_there(case, count):
    opened = control.ask(name_of(case), "status")["sessions"]["open"]
    if opened < count:
        sys.exit(f"{case.text}: {opened} of {count} are left")


def run_stalled(rounds):
    """One postern idle, one for each kind of peer that stalls."""
    peers.start("sink")
    found = {"idle": Case("idle", 3540)}
    kinds = dict(zip(stallers.KINDS, range(3544, 3600, 4)))
    found |= {kind: Case(stallers.KINDS[kind].__doc__, port)
              for kind, port in kinds.items()}  # fmt: skip
    crowds, runs = [], {key: [] for key in found}
    try:
        for key, case in found.items():
            start(case)
            if key in kinds:
                crowds.append(stallers.KINDS[key](case.port))
        for case in found.values():
            noop_us(case)
        for _ in range(rounds):
            for key, case in found.items():
                runs[key].append(noop_us(case))
        for key in kinds:
            still_there(found[key], stallers.KINDS[key].COUNT)
    finally:
        for crowd in crowds:
            crowd.close()
        for case in found.values():
            machine.stop(name_of(case))
    print_stalled(rounds, found, runs)
    return runs


def print_stalled(rounds, found, runs):
    print("\n### stalled: NOOP of one client while others stall")
    print(f"\n`smtpload {NOOPS}` ({report.rounds_of(rounds)})\n")
    report.head("others", "p50 us", "p99 us", "longest us", "p99 x idle", "goal")
    idle = [run[1] for run in runs["idle"]]
    for key, figures in runs.items():
        columns = [report.spread([run[i] for run in figures], "{:.0f}")
                   for i in range(3)]  # fmt: skip
        ratios = [run[1] / base for run, base in zip(figures, idle)]
        report.row(found[key].text, *columns, report.spread(ratios),
                   f"<= {goals.STALLED}" if key != "idle" else "")  # fmt: skip
        if key != "idle":
            goals.note(f"NOOP's p99 beside {found[key].text}, x idle", ratios,
                       goals.STALLED, "x")  # fmt: skip


def run(name, rounds):
    """name: scaling, or stalled."""
    os.sched_setaffinity(0, {machine.LOAD_CPU})
    return run_costs(rounds) if name == "scaling" else run_stalled(rounds)

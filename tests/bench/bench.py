"""postern beside other proxies and a direct connection. Start it through
./dev bench (or run.sh): it wants a network namespace of its own.

Load and sink run on one CPU, the proxy under test on the other. Peers run in
turn in every round, so a drift of the machine meets all of them; ratios are
taken within a round, then the median."""

import argparse
import json
import pathlib
import signal
import sys
import time

import bans
import goals
import instructions
import limits
import machine
import memory
import peers
import refusal
import report
import scaling
import scenarios
import soak

SPECIAL = ["memory", "tarpit", "refusal", "scaling", "stalled", "syscalls",
           "limits", "bans"]  # fmt: skip
DEFAULT_SPECIAL = ["memory"]
PROOF_SPECIAL = ["memory", "tarpit", "refusal", "scaling", "stalled",
                 "syscalls"]  # fmt: skip
ONLY_IN_PROOF = ["haproxy", "haproxy-splice", "raw-splice"]
PROOF_PEERS = ONLY_IN_PROOF + ["raw-passed", "raw-splice-passed",
                               "postern-observe", "postern-banned"]  # fmt: skip


def parse(args):
    names = list(scenarios.BY_NAME) + SPECIAL
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=0, help="default 3")
    add("--scenarios", default="", help="some of " + ", ".join(names))
    add("--peers", default="", help="some of " + ", ".join(peers.PEERS))
    add("--all", action="store_true", help="every scenario and every peer")
    add("--proof", action="store_true",
        help="what is claimed: its scenarios and peers, "
        f"{goals.FINE_ROUNDS} rounds")  # fmt: skip
    add("--judge", action="store_true",
        help="fail where a goal is missed or has too few rounds")  # fmt: skip
    add("--scale", type=float, default=1, help="times so many sessions")
    add("--hold", type=int, default=peers.hold_most(),
        help="idle sessions in the memory scenario")  # fmt: skip
    add("--json", default="", help="keep every run in this file")
    add("--soak", action="store_true", help="mixed load for --minutes")
    add("--minutes", type=float, default=60, help="of the soak")
    add("--rate", type=float, default=30, help="its sessions a second")
    add("--faults", type=float, default=1, help="per cent of them")
    add("--reload-every", type=int, default=1, help="minutes; 0: never")
    add("--no-kills", dest="kills", action="store_false",
        help="kill neither workers nor servers")  # fmt: skip
    add("--priority", type=int, default=-5, help="nice value of postern")
    add("--realtime", action="store_true",
        help="postern before all others: stalls are its own")  # fmt: skip
    add("--check", action="store_true",
        help="instructions of a session: fail where they have grown")  # fmt: skip
    add("--renew", metavar="WHY", default="",
        help="take today's instructions for tests/bench/baseline.json")  # fmt: skip
    opt = parser.parse_args(args)
    opt.rounds = opt.rounds or (goals.FINE_ROUNDS if opt.proof else 3)
    return opt


def chosen(opt):
    if opt.scenarios:
        names = opt.scenarios.split(",")
    elif opt.all:
        names = list(scenarios.BY_NAME) + SPECIAL
    else:
        names = [item.name for item in scenarios.ALL if item.default]
        names += PROOF_SPECIAL if opt.proof else DEFAULT_SPECIAL
    unknown = set(names) - set(scenarios.BY_NAME) - set(SPECIAL)
    if unknown:
        sys.exit(f"no scenario {', '.join(sorted(unknown))}")
    return names


def wish(opt):
    """Is this peer wanted? Default: the few that everybody knows."""
    if opt.peers:
        names = opt.peers.split(",")
    elif opt.all:
        names = list(peers.PEERS)
    else:
        names = scenarios.FEW + PROOF_PEERS
    if not peers.POSTERN.exists():
        names = [name for name in names if name not in peers.OURS]
    return lambda peer: peer in names


def fewer(names, item):
    """Of those that cost time and show little, the ones that goals need."""
    spared = set(ONLY_IN_PROOF) - {report.base_of(item)}
    return [peer for peer in names if peer not in spared]


def compare(item, opt, wanted):
    names = [peer for peer in item.peers if wanted(peer)]
    if not (opt.all or opt.peers or opt.proof) and item.kind == "plain":
        names = fewer(names, item)
    item = item.scaled(opt.scale)
    runs = {peer: [] for peer in names}
    for _ in range(opt.rounds):
        for peer in names:
            runs[peer].append(scenarios.run_one(item, peer))
    report.table(item, runs)
    return runs


def run(name, opt, wanted):
    if name == "memory":
        return memory.run(round(opt.hold * min(opt.scale, 1)), wanted)
    if name == "tarpit":
        return memory.run_tarpit(round(opt.hold * min(opt.scale, 1)))
    if name in ("scaling", "stalled"):
        return scaling.run(name, opt.rounds)
    if name == "refusal":
        return refusal.run(opt.rounds, wanted)
    if name == "syscalls":
        return limits.run_syscalls(scenarios.PLAIN, wanted)
    if name == "bans":
        return bans.run()
    if name == "limits":
        return limits.run_limits(opt.rounds)
    return compare(scenarios.BY_NAME[name], opt, wanted)


def run_all(opt):
    keep, wanted = {}, wish(opt)
    for name in chosen(opt):
        began = time.monotonic()
        keep[name] = run(name, opt, wanted)
        took = time.monotonic() - began
        print(f"\n({name}: {took:.0f} s)", file=sys.stderr, flush=True)
    goals.summary()
    if opt.json:
        pathlib.Path(opt.json).write_text(json.dumps(keep))
    return 1 if opt.judge and goals.missed() else 0


def main():
    opt = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine.prepare()
    try:
        if opt.check:
            return instructions.check()
        if opt.renew:
            return instructions.renew(opt.renew)
        return soak.run(opt) if opt.soak else run_all(opt)
    finally:
        machine.stop_all()


if __name__ == "__main__":
    sys.exit(main())

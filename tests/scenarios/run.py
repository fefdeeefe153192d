#!/usr/bin/python3
"""./dev yardstick: people and guessers against the real core.

Runs the scenarios under virtual time, each before three fronts (nobody, a log
watcher with its defaults, postern), and prints what each let happen. Exit 0:
all goals are met; 1: some are not; 2: wrong usage.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import pathlib
import re
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE))

from yard import catalogue, config, goals, scenario, table, twin  # noqa: E402

DOCUMENT = TOP / "docs/protection.md"


def arguments():
    parser = argparse.ArgumentParser(
        prog="./dev yardstick",
        description="Attacks and ordinary days against the real rules, beside "
        "a log watcher with its defaults and no protection.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="by name; none: all")
    parser.add_argument("--off", action="append", default=[], metavar="RULE",
                        help="one rule off (a section with a mode)")
    parser.add_argument("--each-rule", action="store_true",
                        help="all scenarios once more with each rule off: "
                        "what it gains and what it costs")
    parser.add_argument("--config", type=pathlib.Path, metavar="FILE",
                        help="other numbers than the defaults")
    parser.add_argument("--seeds", type=int, default=1, metavar="N",
                        help="seeds 1 to N instead of 1")
    parser.add_argument("--seed", type=int, metavar="N", help="this one alone")
    parser.add_argument("--after", action="store_true",
                        help="the second set, for rules that are frozen")
    parser.add_argument("--twins", type=int, metavar="N",
                        help="instead: N guesses of each attack, that the "
                        "server never heard, made right; is anything that "
                        "guessers are told different then?")
    parser.add_argument("--why", action="store_true",
                        help="show who was told what by which rule, and who "
                        "was hurt")
    parser.add_argument("--write", action="store_true",
                        help=f"put the tables into {DOCUMENT.name}")
    parser.add_argument("--list", action="store_true",
                        help="the scenarios and the rules")
    args = parser.parse_args()
    known = config.rules()
    for rule in args.off:
        if rule not in known:
            parser.error(f"no rule {rule}: {' '.join(known)}")
    if args.config and not args.config.is_file():
        parser.error(f"no file {args.config}")
    if args.seeds < 1 or (args.twins is not None and args.twins < 1):
        parser.error("--seeds and --twins: at least 1")
    if args.write and (args.scenarios or args.off or args.config):
        parser.error("--write takes all scenarios with the defaults")
    return args, parser


def chosen(args, parser):
    names = [s.name for s in every(args.after)]
    for name in args.scenarios:
        if name not in names:
            parser.error(f"no scenario {name}: {' '.join(names)}")
    return [s for s in every(args.after)
            if not args.scenarios or s.name in args.scenarios]


class Progress:
    """One line that is written over, where somebody looks."""

    def __init__(self, total):
        self.total, self.done, self.began = total, 0, time.monotonic()
        self.seen = sys.stderr.isatty()

    def __call__(self, name):
        self.done += 1
        spent = time.monotonic() - self.began
        text = f"-- {self.done} of {self.total} runs, {spent:.0f} s: {name}"
        if self.seen:
            print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)
        elif self.done % 10 == 0 or self.done == self.total:
            print(text, file=sys.stderr, flush=True)
        if self.seen and self.done == self.total:
            print(file=sys.stderr)


def every(after):
    """All scenarios of one of the two sets."""
    if not after:
        return catalogue.SCENARIOS
    from after import scenarios as second
    return second.SCENARIOS


def one(name, seed, front, posternctl, conf, after):
    """In a process of its own, where the scenario is found by its name."""
    what = next(s for s in every(after) if s.name == name)
    return scenario.Run(what, seed, front, posternctl, conf).play()


def twins_of(name, after, seed, posternctl, conf, count):
    """In a process of its own; the words for it, and whether all is well."""
    what = next(s for s in every(after) if s.name == name)
    chosen, apart = twin.telling(what, seed, posternctl, count, conf)
    words = f"{what.name}: {len(chosen)} guesses, {len(apart)} told apart"
    return words + "".join(f"\n  {u} {s}" for u, s in apart), not apart


def play_twins(scenarios, after, seeds, posternctl, conf, count):
    well = True
    with concurrent.futures.ProcessPoolExecutor(
            min(os.cpu_count() or 1, 8),
            multiprocessing.get_context("fork")) as pool:
        futures = [pool.submit(twins_of, what.name, after, seed, posternctl,
                               conf[what.lockout], count)
                   for what in scenarios if what.attackers for seed in seeds]
        for future in futures:
            words, good = future.result()
            print(words, flush=True)
            well = well and good
    return 0 if well else 1


def weight(job):
    """The long ones first, so that none is left over at the end."""
    what, _, front, _ = job
    return -(what.days + what.warm) * (4 if front == "postern" else 1)


def play(jobs, posternctl, after):
    """{job: figures}; a job is (scenario, seed, front, file or None)."""
    progress = Progress(len(jobs))
    results = {}
    with concurrent.futures.ProcessPoolExecutor(
            min(os.cpu_count() or 1, 8),
            multiprocessing.get_context("fork")) as pool:
        under_way = {}
        for what, seed, front, conf in sorted(jobs, key=weight):
            future = pool.submit(one, what.name, seed, front, posternctl,
                                 conf, after)
            under_way[future] = (what.name, seed, front, conf)
        for future in concurrent.futures.as_completed(under_way):
            results[under_way[future]] = future.result()
            progress(under_way[future][0])
    return results


def gathered(results, scenarios, seeds, conf):
    """{scenario: {front: figures}}; what no rule changes was run once."""
    whole = {}
    for what in scenarios:
        whole[what.name] = {}
        for front in scenario.FRONTS:
            key = conf[what.lockout] if front == "postern" else None
            runs = [results[(what.name, seed, front, key)] for seed in seeds
                    if (what.name, seed, front, key) in results]
            if runs:
                whole[what.name][front] = goals.together(runs)
    return whole


def put(document, name, text):
    """The document with the text between the marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(rf"{begin}.*{end}", re.DOTALL)
    if not pattern.search(document):
        sys.exit(f"yardstick: {DOCUMENT} has no marks for {name}")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document)


def write(scenarios, whole, seeds, after):
    """The second set has marks of its own, and is listed as well."""
    tables = (f"Seeds: {', '.join(map(str, seeds))}.\n\n"
              + table.both(scenarios, whole))
    name = "after" if after else "yardstick"
    text = put(DOCUMENT.read_text(), name, tables)
    name = "after-scenarios" if after else "scenarios"
    DOCUMENT.write_text(put(text, name, table.texts(scenarios)))
    print(f"-- written into {DOCUMENT.relative_to(TOP)}")


def show_missed(scenarios, whole):
    lines = [f"{what.name}: {', '.join(found)}" for what in scenarios
             if (found := goals.missed(what, whole[what.name]["postern"]))]
    print(f"\n{len(scenarios) - len(lines)} of {len(scenarios)} scenarios meet "
          "their goals" + (". Missed:" if lines else "."))
    for line in lines:
        print(f"  {line}")
    return bool(lines)


def main():
    args, parser = arguments()
    scenarios = chosen(args, parser)
    if args.list:
        print(table.texts(scenarios))
        print("\nrules: " + " ".join(config.rules()))
        return 0
    build = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))
    posternctl = str(build / "src/tools/posternctl")
    seeds = [args.seed] if args.seed is not None else range(1, 1 + args.seeds)
    text = args.config.read_text() if args.config else ""
    with tempfile.TemporaryDirectory() as folder:
        return run(args, scenarios, seeds, posternctl, text,
                   pathlib.Path(folder))


def run(args, scenarios, seeds, posternctl, text, folder):
    def conf(name, off):
        """A file for each lockout that the scenarios have."""
        paths = {}
        for lockout in {what.lockout for what in scenarios}:
            path = folder / f"{name}-{lockout}.conf"
            path.write_text(config.compose(text, off, lockout))
            paths[lockout] = str(path)
        return paths

    base = conf("base", args.off)
    if args.twins:
        return play_twins(scenarios, args.after, seeds, posternctl, base,
                          args.twins)
    without = {rule: conf(f"no-{rule}", [*args.off, rule])
               for rule in config.rules()} if args.each_rule else {}
    jobs = [(what, seed, front,
             base[what.lockout] if front == "postern" else None)
            for what in scenarios for seed in seeds
            for front in scenario.FRONTS]
    jobs += [(what, seed, "postern", paths[what.lockout])
             for what in scenarios for seed in seeds
             for paths in without.values()]
    results = play(jobs, posternctl, args.after)
    whole = gathered(results, scenarios, seeds, base)
    print("\n" + table.both(scenarios, whole))
    others = {rule: gathered(results, scenarios, seeds, paths)
              for rule, paths in without.items()}
    for rule, other in others.items():
        print(f"\n{rule}:\n\n{table.changes(scenarios, whole, other)}")
    if others:
        print("\n" + table.balance(scenarios, whole, others))
    if args.why:
        for what in scenarios:
            figures = whole[what.name]["postern"]
            print(f"\n{what.name}:\n\n{table.reasons(figures)}\n\n"
                  + table.hurt(figures))
    if args.write:
        write(scenarios, whole, seeds, args.after)
    return show_missed(scenarios, whole)


if __name__ == "__main__":
    sys.exit(main())

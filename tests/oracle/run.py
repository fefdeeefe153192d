#!/usr/bin/python3
"""./dev soak --oracle [N] [--seed S]... [--from S]: random scripts.

Prints the seed of every difference; --seed S runs that script alone and
shows it whole. Exit 1 where there was a difference.
"""

import argparse
import collections
import pathlib
import shutil
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]

from harness import net             # noqa: E402
from harness.certs import Certs     # noqa: E402

SHOWN_MOST = 20
A_STRETCH = 600     # after so many the mailboxes are compared and emptied


def arguments():
    parser = argparse.ArgumentParser(
        prog="./dev soak --oracle",
        description="The same random client scripts directly against the "
        "double, Postfix and Exim, and through postern: equal but for the "
        "listed changes?")
    parser.add_argument("scripts", nargs="?", type=int, default=10000)
    parser.add_argument("--seed", type=int, action="append", default=[],
                        help="only this script, shown whole")
    parser.add_argument("--from", type=int, default=1, dest="first",
                        metavar="SEED", help="the first seed")
    return parser.parse_args()


class Progress:
    def __init__(self, total):
        self.total, self.count, self.shown = total, 0, 0
        self.began = self.last = time.monotonic()

    def __call__(self, found):
        self.count += 1
        now = time.monotonic()
        if now - self.last < 10 and self.count < self.total:
            return
        self.last = now
        pace = self.count / (now - self.began)
        print(f"-- {self.count} of {self.total} scripts, {pace:.0f}/s, "
              f"{self.shown + len(found)} with a difference", flush=True)


def tell(found):
    for (where, seed), whats in found.items():
        print(f"seed {seed} ({where}):")
        for what in whats:
            print(f"    {what}")


def show(world, seeds):
    from oracle import generate
    for seed in seeds:
        script = generate.script(seed)
        print(f"== {script.name} on {world.variant_of(seed).name}")
        for step in script.steps:
            print("   ", *step)
    return world.run_seeds(seeds)


def stretches(world, first, total):
    progress, all_found = Progress(total), {}
    for at in range(first, first + total, A_STRETCH):
        found = world.run_seeds(
            range(at, min(at + A_STRETCH, first + total)), progress)
        stored = world.delivered()
        if stored:
            found["mailbox", f"{at}.."] = stored
        world.empty_mailboxes()
        tell(found)
        all_found.update(found)
        progress.shown += len(found)
        if len(all_found) > SHOWN_MOST:
            print("-- too many differences")
            break
    return all_found


def summary(world, found):
    from oracle import listed
    counts = sum((v.counts for v in world.variants), collections.Counter())
    scripts = sum(v.scripts for v in world.variants)
    print(f"-- {scripts} scripts, {sum(v.changed for v in world.variants)} "
          f"with a listed change, {world.delivered_count} messages compared "
          f"in mailboxes, {len(found)} differences")
    for name, count in sorted(counts.items()):
        print(f"   {count:7} {name}: {listed.NAMES[name]}")


def main():
    args = arguments()
    if not net.enter():
        sys.exit("oracle: needs root for a network of its own")
    import servers
    from oracle import lanes
    servers.get_servers()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-oracle-"))
    folder.chmod(0o755)
    world = lanes.World(folder, Certs(folder / "certs"))
    try:
        found = show(world, args.seed) if args.seed else \
            stretches(world, args.first, args.scripts)
        if args.seed:
            tell(found)
        summary(world, found)
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a session costs a worker in instructions, beside what it did cost.

./dev bench --check          fails where one has grown by more than 5 per cent
./dev bench --renew "WHY"    takes today's figures for the new ones, and why

A worker lives through a script (script.c) under callgrind, which counts what
it runs outside of the kernel: the same in each run, on a busy machine, too.
Callgrind's processor has AVX2 whatever the machine's own is.
"""

import json
import subprocess
import sys

import machine

BASELINE = machine.HERE / "baseline.json"
GROWTH_MOST = 1.05
# Sessions of a short run and of a long one; what lies between them counts.
COUNTS = {
    "plain": (20, 120),
    "auth": (20, 120),
    "pipelined": (20, 120),
    "refused": (20, 120),
    "text": (2, 12),
}


def total(path):
    for line in path.read_text().splitlines():
        if line.startswith("totals:"):
            return int(line.split()[1])
    sys.exit(f"callgrind wrote no total into {path}")


def run(name, count):
    out = machine.RUN / f"callgrind.{name}.{count}"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
         machine.TOOLS / "script", name, str(count)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"script {name} {count}:\n{done.stderr}")
    return total(out)


def measure():
    figures = {}
    for name, (few, many) in COUNTS.items():
        figures[name] = round((run(name, many) - run(name, few)) / (many - few))
    return figures


def grown(figures, before):
    """Names of those that cost too much more, or of which nothing is known."""
    return [
        name
        for name, figure in figures.items()
        if figure > before.get(name, 0) * GROWTH_MOST
    ]


def table(figures, before):
    print("| session | instructions | in the baseline | |\n|---|---|---|---|")
    for name, figure in figures.items():
        old = before.get(name)
        ratio = f"{figure / old:.3f}" if old else "new"
        print(f"| {name} | {figure} | {old or '-'} | {ratio} |")


def check():
    kept = json.loads(BASELINE.read_text())
    figures = measure()
    table(figures, kept["instructions"])
    names = grown(figures, kept["instructions"])
    if not names:
        return 0
    print(
        f"\n{', '.join(names)}: more than {GROWTH_MOST - 1:.0%} above "
        "tests/bench/baseline.json. If that is worth it:\n"
        './dev bench --renew "what was bought with it"',
        file=sys.stderr,
    )
    return 1


def renew(why):
    kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    figures = measure()
    table(figures, kept.get("instructions", {}))
    notes = kept.get("notes", []) + [why]
    BASELINE.write_text(
        json.dumps({"instructions": figures, "notes": notes}, indent=1) + "\n"
    )
    return 0

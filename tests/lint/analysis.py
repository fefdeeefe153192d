"""Analysers run over the product's units, and what they say.

What a unit was told last time is kept below build/lint/, under a hash of all
that it is made of: the unit, its headers, its command and the tool.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
from typing import NamedTuple

import tree

BUILD = tree.TOP / "build/release"
KEPT = tree.TOP / "build/lint"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# FILE:LINE:COLUMN: KIND: TEXT [CHECK]
SAID = re.compile(
    r"^(?P<file>[^\s:]+):(?P<line>\d+):\d+: (?P<kind>\w+): (?P<text>.*?)"
    r"(?: \[(?P<check>[^\]\s]+)\])?$"
)


class Finding(NamedTuple):
    path: str
    line: int
    check: str
    text: str

    def key(self):
        """FILE:FUNCTION:CHECK, as exceptions.txt names it."""
        return f"{self.path}:{function_at(self.path, self.line)}:{self.check}"

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}\n    {self.key()}"


def function_at(path, line):
    """The name of the function that holds the line, or '-'."""
    lines = tree.text(path).splitlines()
    for first, length, _ in tree.functions(tree.text(path)):
        head = first - 1
        while head > 0 and lines[head - 1].strip() and \
                not lines[head - 1].rstrip().endswith(("*/", ";", "}")):
            head -= 1
        if head < line <= first + length + 1:
            name = re.search(r"(\w+)\(", " ".join(lines[head:first]))
            return name[1] if name else "-"
    return "-"


def relative(name, base=BUILD):
    """The path below the top, or None."""
    path = os.path.normpath(os.path.join(base, name))
    top = str(tree.TOP) + os.sep
    return path[len(top):] if path.startswith(top) else None


class Unit(NamedTuple):
    path: str
    argv: tuple     # the compiler with its options, without input and output


def units():
    """The product's units with the release build's options."""
    commands = BUILD / "compile_commands.json"
    assert commands.exists(), f"{BUILD} is not built: ./dev test lint does it"
    found = {}
    for entry in json.loads(commands.read_text()):
        path = relative(entry["file"])
        if path and path.startswith(tuple(f"{f}/" for f in tree.PRODUCT)):
            found[path] = Unit(path, options(entry["command"]))
    return [found[path] for path in sorted(found)]


def options(command):
    argv, skip = [], False
    for word in shlex.split(command):
        if skip or word in ("-MD", "-c", "ccache"):
            skip = False
        elif word in ("-o", "-MF", "-MQ"):
            skip = True
        elif not word.endswith(".c"):
            argv.append(word)
    return tuple(argv)


def parts(path, seen):
    """The file and all of the project's files that it includes."""
    if path in seen or not (tree.TOP / path).exists():
        return seen
    seen[path] = tree.text(path)
    for name in INCLUDE.findall(seen[path]):
        found = relative(name, (tree.TOP / path).parent)
        if found:
            parts(found, seen)
    return seen


def kept(tool, argv, unit):
    """What the tool says of this unit: kept, or said anew."""
    made_of = json.dumps([argv, unit, parts(unit.path, {})])
    place = KEPT / tool / hashlib.sha256(made_of.encode()).hexdigest()
    if place.exists():
        return place.read_text()
    done = subprocess.run(
        argv,
        cwd=BUILD,
        env=dict(os.environ, LC_ALL="C"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0 or ": error: " in said or \
        ": warning: " in said, f"{argv}: {done.returncode}\n{said}"
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(f".{os.getpid()}")
    new.write_text(said)
    new.rename(place)
    return said


def groups(said):
    """Each warning with the notes that follow it."""
    found = []
    for line in said.splitlines():
        match = SAID.match(line)
        if match and match["kind"] in ("warning", "error"):
            found.append([match])
        elif match and found:
            found[-1].append(match)
    return found


def findings(said, unit):
    """In a header, that is where the unit led to it, if it is said where."""
    found = []
    for group in groups(said):
        places = [(relative(m["file"]), int(m["line"])) for m in group]
        inside = [place for place in places if place[0] == unit]
        path, line = inside[0] if inside else places[0]
        found.append(Finding(path or unit, line if path else 0,
                             group[0]["check"] or "-", group[0]["text"]))
    return found


def run_all(tool, version, argv_of):
    """{finding} of the tool over every unit, as many at once as can run."""
    version = subprocess.run(version, check=True, capture_output=True,
                             text=True).stdout + tree.text(".clang-tidy")

    def one(unit):
        said = kept(tool, argv_of(unit), unit._replace(
            argv=(*unit.argv, version)))
        return findings(said, unit.path)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return {f for found in pool.map(one, units()) for f in found}


def judge(tool, found):
    """What no line of exceptions.txt excuses, and which lines excuse none."""
    excused = tree.listed("exceptions.txt", tool)
    keys = {finding.key() for finding in found}
    wrong = [str(f) for f in sorted(found) if f.key() not in excused]
    wrong += [f"no longer said: {tool} {key}"
              for key in sorted(set(excused) - keys)]
    return wrong

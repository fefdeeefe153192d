"""Secrets that can be found again, and where to look for them.

Each secret is a word of twelve octets over and over, so that no rest of it is
without the word; twelve are a whole number of base64 groups. All words begin
alike: that is what is looked for, as it is and in the three ways that it can
lie in base64.
"""

import base64
import os
import pathlib
import re

LARGEST = 200 << 20     # larger is a sanitizer's shadow: no octets in it
TIMES = 4
BEGIN = b"Zq9vK7xT"
AROUND = 80


def shapes():
    """The beginning, and what of its base64 depends on nothing else."""
    found = [BEGIN]
    for before in range(3):
        text = base64.b64encode(b"\0" * before + BEGIN)
        found.append(text[-(-before * 8 // 6):(before + len(BEGIN)) * 8 // 6])
    return found


SHAPES = shapes()


class Canaries:
    """A new secret for each way that is tried."""

    def __init__(self):
        self.ways = []

    def new(self, way):
        self.ways.append(way)
        word = BEGIN + b"%04d" % (len(self.ways) - 1)
        return (word * TIMES).decode()

    def way(self, octets):
        """Whose this is, as far as can be read."""
        for before in range(4):
            text = octets
            if before < 3:
                usable = octets[before:]
                text = base64.b64decode(usable[:len(usable) // 4 * 4] + b"==",
                                        b"-_")
            match = re.search(BEGIN + rb"([0-9]{4})", text)
            if match:
                return self.ways[int(match[1])]
        return "?"

    def found(self, octets):
        """[(way, what surrounds it)] of all that is in there."""
        hits = []
        for shape in SHAPES:
            at = octets.find(shape)
            if at >= 0:
                there = octets[max(0, at - AROUND):at + AROUND]
                hits.append((self.way(octets[at:at + AROUND]), there))
        return hits


def mappings(pid):
    """The octets of each mapping that the process may write to."""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text() \
                .splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not match:
                continue
            start, end = (int(text, 16) for text in match.groups())
            if end - start > LARGEST:
                continue
            try:
                yield line, os.pread(memory.fileno(), end - start, start)
            except OSError:
                continue    # the kernel's own, not to be read


def in_memory(front, canaries):
    return [(pid, line, hit)
            for pid in [front.process.pid, *front.pids()]
            for line, octets in mappings(pid)
            for hit in canaries.found(octets)]


def answers(front, sources):
    """All that posternctl says."""
    words = [("status",), ("bans", "list"), ("allow", "list"), ("version",)]
    words += [("explain", source) for source in sources]
    return "".join(front.ctl(*one, check=False) for one in words).encode()


def written(front, sources):
    """{where: octets} of what is kept and what is said."""
    places = {"log": front.log_path.read_bytes(),
              "control": answers(front, sources)}
    for path in front.state.rglob("*"):
        if path.is_file():
            places[path.name] = path.read_bytes()
    for pid in [front.process.pid, *front.pids()]:
        for name in "cmdline", "environ", "comm":
            places[f"{pid} {name}"] = \
                pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    return places


def told(front, canaries, sources):
    return [(place, hit) for place, octets in written(front, sources).items()
            for hit in canaries.found(octets)]

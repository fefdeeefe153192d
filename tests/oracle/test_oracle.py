"""The differential oracle: a script, directly and through postern.

Whatever the client sees and the server gets must be the same in both runs,
but for the listed changes (listed.py). `./dev soak --oracle` runs more.
POSTERN_ORACLE_SCRIPTS  how many random scripts (default 500)
"""

import collections
import os
import re
import time

import pytest
import servers
from harness import wait
from harness.fixtures import binary

from . import compare, direct, lanes, listed, mutations, script
from .shim import Shim

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = int(os.environ.get("POSTERN_ORACLE_SCRIPTS", "500"))
CLASSIC = script.parse(open(f"{HERE}/scripts/classic.txt").read())


@pytest.fixture(scope="module")
def the_world(session_folder, certs):
    if not binary().exists():
        pytest.skip(f"{binary()} is not built")
    servers.get_servers()
    folder = session_folder / "oracle"
    folder.mkdir()
    world = lanes.World(folder, certs)
    yield world
    world.stop()


@pytest.fixture
def world(the_world, request):
    request.node.programs = [the_world.postern]
    return the_world


def told(found):
    return "\n".join(f"{where}: {what}" for where, whats in found.items()
                     for what in whats)


def test_fixed_scripts(world):
    found = world.run_lanes([(v, [(s.name, s) for s in CLASSIC])
                             for v in world.variants])
    assert not found, told(found)
    counts = sum((v.counts for v in world.variants), collections.Counter())
    # A change that no script makes is one that nobody looks at.
    assert not set(listed.NAMES) - {"server-desync"} - set(+counts), counts


def test_random_scripts(world):
    before = sum(v.scripts for v in world.variants)
    found = world.run_seeds(range(1, SCRIPTS + 1))
    assert not found, told(found)
    assert sum(v.scripts for v in world.variants) - before == SCRIPTS


def test_what_was_accepted_was_delivered_alike(world):
    world.run_seeds(range(100001, 100013))
    assert any(v.accepted for v in world.variants)
    assert not world.delivered()


class Damage:
    """One thing changed once, and whether that came to pass."""

    def __init__(self, way, pattern, instead):
        self.way, self.pattern, self.instead = way, pattern, instead
        self.done = False

    def __call__(self, way, octets):
        if way != self.way or self.done or \
                not re.search(self.pattern, octets):
            return octets
        self.done = True
        return None if self.instead is None else \
            re.sub(self.pattern, self.instead, octets, count=1)


def undamaged(variant, one, context, beside):
    """What was counted for this variant, with this change among it.

    The change may need some runs: a date differs only where a second ends
    between the direct run's banner and the other's.
    """
    ends = time.monotonic() + wait.DEADLINE_S
    while True:
        assert not variant.run(one, context)
        if not beside or variant.counts[beside] or time.monotonic() > ends:
            return +variant.counts


@pytest.mark.parametrize(
    "name, beside, where, text, way, pattern, instead", mutations.ROWS,
    ids=[row[0].replace(" ", "-") for row in mutations.ROWS])
def test_one_thing_damaged_is_a_difference(
        world, name, beside, where, text, way, pattern, instead):
    variant = world.variant(where)
    one = script.parse(f"== {name}\n{text}")[0]
    one.whole = True
    before = undamaged(variant, one, world.context, beside)
    damage = Damage(way, pattern, instead)
    relay = Shim(variant.front, damage)
    try:
        found = variant.run(one, world.context, relay.port, patience_s=1)
    finally:
        relay.stop()
    assert damage.done, "nothing was damaged"
    assert found, "the oracle saw nothing"
    if beside:
        assert before[beside], f"this script has no {beside}"


# What no relay in front of postern can do.

class Run:
    """As much of either run as compare.py looks at."""

    def __init__(self, parts=(), octets=b"", slots=(), replies=()):
        self.parts, self.octets = list(parts), octets
        self.answers, self.exact, self.least = [], True, 0
        self.slots, self.replies = slots, list(replies)
        self.early = self.trouble = None
        self.counts = collections.Counter()


@pytest.mark.parametrize("got, same", [
    ([b"EHLO a\r\nEHLO b\r\n", b"EHLO b\r\nQUIT\r\n"], True),
    ([b"EHLO a\r\nEHLO b\r\n", b"QUIT\r\n"], False),
    ([b"EHLO a\r\nEHLO b\r\n"], False),
    ([b"EHLO a\r\n", b"EHLO b\r\nQUIT\r\n"], False),
    ([b"EHLO a\r\nEHLO b\r\n", b"EHLO b\r\nQUIT\r\n", b""], False)])
def test_server_again(got, same):
    wanted = Run([b"EHLO a\r\nEHLO b\r\n", b"EHLO b\r\nQUIT\r\n"])
    found = compare.at_server(wanted, Run(), [Run(octets=o) for o in got])
    assert (not found) == same


def test_a_cut_message_has_its_commands_and_no_end():
    wanted = Run([b"DATA\r\nhalf a message\r\n"])
    wanted.exact, wanted.least = False, 6
    for got, same in ((b"DATA\r\n", True), (b"DATA\r\nhalf", True),
                      (b"DATA", False), (b"", False),
                      (b"DATA\r\nhalf.", False),
                      (b"DATA\r\nhalf a message\r\n.\r\n", False)):
        found = compare.at_server(wanted, Run(), [Run(octets=got)])
        assert (not found) == same, got


BYE, BAD, LOST = (b"221 bye\r\n", b"500 Command not recognized\r\n",
                  b"421 Lost the mail server, try again later\r\n")


@pytest.mark.parametrize("got, same", [
    ([BYE, BAD, LOST], True), ([BYE, LOST], True), ([BYE, BAD], False),
    ([BYE], False), ([BYE, LOST, BAD], False), ([LOST], False),
    ([BYE, b"500 Command unknown\r\n", LOST], False),
    ([BYE, BAD, BAD, LOST], False), ([BYE, BAD, LOST, LOST], False)])
def test_a_refusal_behind_the_end_comes_whole_or_not_at_all(got, same):
    slots = [direct.Slot(b""), direct.Slot("own", listed.own_pattern(
        "NOT_A_COMMAND", False)), direct.Slot("own", listed.own_pattern(
            "SERVER_LOST", False))]
    slots[0].reply, slots[1].maybe = BYE, True
    found = compare.replies("postfix", Run(slots=slots), Run(replies=got))
    assert (not found) == same


def test_every_tolerated_difference_has_a_neighbour():
    beside = {row[1] for row in mutations.ROWS} - {""}
    # server-again above; server-desync is a script that is cut, and no
    # difference at all.
    assert beside | {"server-again", "server-desync"} == set(listed.NAMES)

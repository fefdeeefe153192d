"""An attack from 500 sources on the running program, people in between.

The same attack is played in the yardstick's simulator, before the core with
this very configuration; what reached the server must agree.

    10 networks   ten addresses each, one after another: twenty guesses, next
    1 dictionary  fifty connections at the same moment
    399 bots      two guesses each, every one from a network of its own
"""

import concurrent.futures
import pathlib
import sys

import pytest

import attack
from attack import guess
from harness import net
from harness.postern import BESIDE_THE_LADDER, binary

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "scenarios"))

from yard import bots, domino, front as fronts, ledger, world  # noqa: E402

PEOPLE = {f"person{n}": f"right-{n}" for n in range(20)}
NAMES = list(PEOPLE)
HOMES = {name: f"198.51.100.{n + 1}" for n, name in enumerate(NAMES)}
ROTATING = [[f"10.{96 + n}.0.{k}" for k in range(1, 11)] for n in range(10)]
AT_EACH = 20
DICTIONARY, AT_ONCE = "203.0.113.9", 50
BOTS = [f"10.{120 + n // 256}.{n % 256}.1" for n in range(399)]
BOT_TRIES = 2
AT_A_TIME = 40

# Live and simulated may differ by so much: whose guess comes first is another
# one each time.
TOLERANCE, TOLERANCE_LEAST = 0.05, 20


def bot_guesses(number):
    return [(NAMES[(number + k) % len(NAMES)], f"bot-{number}-{k}")
            for k in range(BOT_TRIES)]


def network_guesses(addresses):
    return [(src, (NAMES[n % len(NAMES)], f"{src}-{n}"))
            for src in addresses for n in range(AT_EACH)]


def test_there_are_500_sources():
    sources = [DICTIONARY, *BOTS, *(a for one in ROTATING for a in one)]
    assert len(set(sources)) == len(sources) == 500


# Live

@pytest.fixture
def site(double, postern, strangers):
    net.ip("route", "add", "local", "10.96.0.0/11", "dev", "lo")
    server = double(auth_clear="LOGIN PLAIN", users=PEOPLE)
    front = postern({"mx": {}}, [server.address], options={
        # Refusals come at once, or the attack would take an hour.
        "source_limit": {"delay": "0s"},
        "banned": {"answer": "close"},
        **{rule: {"mode": "enforce"} for rule in BESIDE_THE_LADDER}})
    yield server, front
    net.ip("route", "del", "local", "10.96.0.0/11", "dev", "lo")


def log_in(front, name):
    return guess(front.ports["mx"], HOMES[name], name, PEOPLE[name])


def attackers(port):
    """Each is a call that plays one of them to his end."""
    def rotate(addresses):
        for src, (user, secret) in network_guesses(addresses):
            guess(port, src, user, secret)

    def bot(number):
        for user, secret in bot_guesses(number):
            guess(port, BOTS[number], user, secret)

    def dictionary():
        attack.at_once([
            lambda n=n: guess(port, DICTIONARY, NAMES[0], f"word-{n}")
            for n in range(AT_ONCE)])
    return [dictionary, *(lambda a=a: rotate(a) for a in ROTATING),
            *(lambda n=n: bot(n) for n in range(len(BOTS)))]


def live(server, front):
    """(guesses that reached the server, people who were not let in)."""
    lost = [name for name in NAMES if log_in(front, name) != 235]
    jobs = attackers(front.ports["mx"])
    between = {len(jobs) * n // len(NAMES): name
               for n, name in enumerate(NAMES)}
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        under_way, people = [], []
        for n, job in enumerate(jobs):
            under_way.append(pool.submit(job))
            if n in between:
                people.append((between[n],
                               pool.submit(log_in, front, between[n])))
        for one in under_way:
            one.result()
        lost += [name for name, one in people if one.result() != 235]
    attack.settled(front)
    return len(attack.reached(server, ok=False)), lost


# Simulated

class Person:
    patience = float("inf")

    def note(self, verdict, why, wait):
        """Nothing to count."""

    def turned_away(self, src):
        """His code says it."""


class Simulated:
    def __init__(self, config):
        self.world = world.World(1)
        self.domino = domino.Domino(self.world)
        for name, secret in PEOPLE.items():
            self.domino.add(name, secret)
        self.ledger = ledger.Ledger(self.world)
        self.front = fronts.Postern(self.world, self.domino, self.ledger,
                                    binary("posternctl"), config)
        self.lost = []

    def person(self, name):
        who = Person()
        met, conn = yield from self.front.connect(who, HOMES[name])
        code = yield from self.front.auth(who, HOMES[name], name,
                                          PEOPLE[name], conn=conn)
        if (met, code) != ("accept", "235"):
            self.lost.append(name)

    def bot(self, guesses):
        """One after another, each from its source."""
        for src, (user, secret) in guesses:
            bot = bots.Bot(self.world, self.front, self.ledger, src,
                           bots.POLITE)
            yield from bot.attempt(user, secret)

    def play(self):
        for n, name in enumerate(NAMES):
            self.world.start(self.person(name), n)
        begins = len(NAMES) + 1
        for n in range(AT_ONCE):
            self.world.start(self.bot([(DICTIONARY,
                                        (NAMES[0], f"word-{n}"))]), begins)
        for addresses in ROTATING:
            self.world.start(self.bot(network_guesses(addresses)), begins)
        for n, src in enumerate(BOTS):
            self.world.start(self.bot([(src, one) for one in bot_guesses(n)]),
                             begins + n / AT_A_TIME)
        for n, name in enumerate(NAMES):
            self.world.start(self.person(name), begins + n / 2)
        self.world.run(begins + 86400)
        self.front.close()
        return self.ledger.figures()["reached"], self.lost


def test_500_sources_live_as_in_the_simulator(site):
    server, front = site
    reached, lost = live(server, front)
    expected, lost_there = Simulated(front.conf_path).play()
    made = AT_ONCE + 10 * 10 * AT_EACH + len(BOTS) * BOT_TRIES
    print(f"\nguesses made {made:,}; at the server {reached:,} live, "
          f"{expected:,} simulated; people lost {len(lost)} and "
          f"{len(lost_there)}")
    assert lost == [] and lost_there == []
    assert abs(reached - expected) <= max(TOLERANCE_LEAST,
                                          TOLERANCE * expected)
    # Of the fifty at once, as many as one source may fail.
    words = [e for e in attack.reached(server, ok=False)
             if e["secret"].startswith("word-")]
    assert 0 < len(words) <= 5

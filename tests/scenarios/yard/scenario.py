"""One scenario, from data to figures.

A scenario is a site, what befalls it (attackers and events) and for how long.
First comes ordinary life without an attack, so that whoever learns has learnt;
then it begins, on a Monday at half past seven, and is measured. The same seed
gives the same people and the same guessers, whoever stands before the server.
"""

import dataclasses

from .domino import Domino
from .front import LogWatcher, Nobody, Postern
from .ledger import Ledger
from .people import PATIENCE, Site
from .world import DAY, HOUR, World

FRONTS = ("nobody", "watcher", "postern")
BEGINS_AT = 7.5 * HOUR


@dataclasses.dataclass
class Scenario:
    name: str
    text: str                   # half a line for the table
    days: float                 # measured
    attackers: tuple = ()
    events: tuple = ()          # callables: what else befalls the people
    warm: float = 14            # days of ordinary life before
    lockout: int = 0            # the server's own, by user
    tested_most: int = None     # the goal; None: none is set
    quiet: bool = False         # nobody lost, 1 in 1,000 late
    staff: int = 100
    holidays: float = 0         # days that nobody writes, before it begins


class Run:
    """A scenario under way before one front."""

    def __init__(self, scenario, seed, front, posternctl=None, config=None,
                 secrets=None):
        self.scenario = scenario
        self.world = World(seed)
        self.ledger = Ledger(self.world)
        self.domino = Domino(self.world, scenario.lockout)
        if front == "postern":
            self.front = Postern(self.world, self.domino, self.ledger,
                                 posternctl, config)
        else:
            kind = {"nobody": Nobody, "watcher": LogWatcher}[front]
            self.front = kind(self.world, self.domino, self.ledger)
        self.site = Site(self.world, self.front, self.domino, self.ledger,
                         scenario.staff, secrets)

    def play(self):
        scenario, world = self.scenario, self.world
        warm = scenario.warm * DAY
        begins = warm + scenario.holidays * DAY + BEGINS_AT
        ends = begins + scenario.days * DAY
        self.ledger.measuring = False
        self.site.live(ends, (warm, begins - BEGINS_AT))
        world.run(begins)
        self.ledger.measuring = True
        locks = self.domino.locks
        for attacker in scenario.attackers:
            attacker.start(self, begins)
        for event in scenario.events:
            event(self, begins)
        world.run(ends + PATIENCE + HOUR)
        self.front.close()
        figures = self.ledger.figures()
        figures["locked"] = self.domino.locks - locks
        figures["events"] = world.started
        return figures


def measure(scenario, seed, posternctl, config=None, fronts=FRONTS):
    """{front: figures}"""
    return {
        front: Run(scenario, seed, front, posternctl, config).play()
        for front in fronts
    }

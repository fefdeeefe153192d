"""Guessers, by kind.

A kind is data (how many sources, whom they try, how fast) with one method,
`start`. All share the way in which one guess is made: `attempt`, with the
manners of the bot. Bots have all time: they wait for replies that come late,
unless they are hasty.
"""

import dataclasses

from . import places
from .world import DAY, HOUR, MINUTE

COMMON = ("123456", "password", "qwerty", "letmein", "welcome1", "sommer2025",
          "passw0rd", "abc123", "iloveyou", "admin123")


@dataclasses.dataclass(frozen=True)
class Manners:
    """What a bot does when it was neither let in nor refused."""

    comes_back: int = 0         # so often with the same guess
    after: tuple = (30.0, 90.0)
    patience: float = float("inf")      # for a reply that comes late


POLITE = Manners()
RETURNING = Manners(2, (60.0, 900.0))
PATIENT = Manners(12, (2 * MINUTE, 20 * MINUTE))
STUBBORN = Manners(3, (5.0, 60.0))
HASTY = Manners(0, patience=2.0)


class Bot:
    """One source. It has the face of a person for the front."""

    helo = "ylmf-pc"

    def __init__(self, world, front, ledger, src, manners, port=587):
        self.world, self.front, self.ledger = world, front, ledger
        self.src, self.manners = src, manners
        self.patience = manners.patience
        self.port = port
        self.random = world.random("bot", src)

    def note(self, verdict, why, wait):
        self.ledger.note("bots", verdict, why)
        if self.ledger.transcript is not None:
            self.ledger.transcript.append(
                (round(self.world.now, 3), self.src, verdict, wait))

    def turned_away(self, src):
        """That is none of the figures."""

    def attempt(self, user, secret):
        """One guess, until it was answered or the bot has enough."""
        guess = self.ledger.guess(user, secret)
        for turn in range(1 + self.manners.comes_back):
            if turn:
                yield self.random.uniform(*self.manners.after)
            told = yield from self.present(guess)
            if told in ("235", "535"):
                break
        guess.told = told
        return told

    def present(self, guess):
        met, conn = yield from self.front.connect(self, self.src, self.port,
                                                  self.helo)
        if met != "accept":
            return met
        return (yield from self.front.auth(self, self.src, guess.user,
                                           guess.secret, guess, self.port,
                                           conn))


class Kind:
    """What all kinds have in common."""

    manners = POLITE
    helos = ("ylmf-pc",)        # names in EHLO, one of them for each bot;
                                # none: each bot has its own

    def bot(self, run, src, port=587):
        bot = Bot(run.world, run.front, run.ledger, src, self.manners,
                  port=port)
        random = run.world.random("helo", src)
        bot.helo = (random.choice(self.helos) if self.helos else
                    f"WIN-{random.getrandbits(40):X}")
        return bot


def words(random, user):
    """Guesses at one user, without end: the common ones, then made up ones."""
    common = list(COMMON)
    random.shuffle(common)
    yield from common
    number = 0
    while True:
        number += 1
        yield f"{user}?{number}-{random.randrange(1 << 30)}"


def victims(run, count):
    """Names that a harvester found: some work here."""
    names = [p.name for p in run.site.people][:count]
    return names or ["nobody"]


STRANGERS = ("postmaster", "guest", "backup", "abc", "nologin", "drweb",
             "stevens", "honors", "lhy", "slice", "heshuai", "gaohuan",
             "hepin", "info", "sales", "test", "scanner", "admin")


@dataclasses.dataclass
class Dictionary(Kind):
    """A list of secrets from one source, on one connection or on many."""

    src: str = "5.34.207.52"
    user: str = "user07"
    pace: float = 0.1           # seconds between two guesses of a connection
    parallel: int = 1
    count: int = 2000           # guesses; then it leaves
    lasts: float = DAY
    manners: Manners = POLITE
    begins: float = 0.0

    def start(self, run, begins):
        random = run.world.random("dictionary", self.src)
        guesses = words(random, self.user)
        todo = iter(range(self.count))
        ends = begins + self.begins + self.lasts
        for _ in range(self.parallel):
            run.world.start(self.work(run, todo, guesses, ends),
                            begins + self.begins)

    def work(self, run, todo, guesses, ends):
        bot = self.bot(run, self.src)
        for _ in todo:
            if run.world.now > ends:
                return
            told = yield from bot.attempt(self.user, next(guesses))
            if told == "refuse":
                yield 20.0      # the door is shut: not at once again
            yield self.pace * bot.random.uniform(0.8, 1.2)


@dataclasses.dataclass
class SlowGuesser(Kind):
    """The published one: a guess every 6 to 21 hours, for weeks."""

    src: str = "93.123.39.7"
    days: float = 60
    gap: tuple = (6 * HOUR, 21 * HOUR)
    one_user: bool = True
    manners: Manners = RETURNING

    def start(self, run, begins):
        run.world.start(self.work(run, begins + self.days * DAY), begins)

    def work(self, run, ends):
        bot = self.bot(run, self.src, 465)
        names = victims(run, 1 if self.one_user else 20)
        lists = {name: words(bot.random, name) for name in names}
        while run.world.now < ends:
            name = bot.random.choice(names)
            yield from bot.attempt(name, next(lists[name]))
            yield bot.random.uniform(*self.gap)


@dataclasses.dataclass
class Rotating(Kind):
    """A guess from each address of a network, one after the other or many at
    once; or some from each."""

    network: str = "141.98.11.0/24"
    pace: float = 30.0
    count: int = 2000
    user: str = "user07"
    at_once: int = 1            # addresses
    each: int = 1               # guesses of an address, one after the other
    manners: Manners = POLITE

    def start(self, run, begins):
        run.world.start(self.work(run), begins)

    def work(self, run):
        random = run.world.random("rotating", self.network)
        guesses = words(random, self.user)
        done = 0
        while done < self.count:
            for src in places.inside(random, self.network, 250):
                if done >= self.count:
                    return
                run.world.start(self.one(run, src, guesses))
                done += self.each
                if done // self.each % self.at_once == 0:
                    yield self.pace * random.uniform(0.5, 1.5)

    def one(self, run, src, guesses):
        bot = self.bot(run, src)
        for _ in range(self.each):
            yield from bot.attempt(self.user, next(guesses))


@dataclasses.dataclass
class Botnet(Kind):
    """Many sources, a few guesses each, at any time of the span."""

    sources: int = 5000
    tries: int = 3
    days: float = 30
    user: str = None            # None: names that work here, and others
    near: float = 0.3           # of the sources have neighbours in their /24
    manners: Manners = POLITE
    helos: tuple = Kind.helos
    name: str = "botnet"

    def start(self, run, begins):
        random = run.world.random(self.name, self.sources)
        names = victims(run, 40) + list(STRANGERS)
        for src in self.addresses(random):
            for _ in range(self.tries):
                user = self.user or random.choice(names)
                secret = f"{user}~{random.randrange(1 << 40)}"
                run.world.start(self.one(run, src, user, secret),
                                begins + random.uniform(0, self.days) * DAY)

    def addresses(self, random):
        return places.scattered(random, self.sources, self.near)

    def one(self, run, src, user, secret):
        yield from self.bot(run, src).attempt(user, secret)


@dataclasses.dataclass
class Carried(Botnet):
    """Infected telephones: a new shared address for every guess, those of the
    people's own carriers."""

    def start(self, run, begins):
        random = run.world.random("carried", self.sources)
        names = victims(run, 40)
        for number in range(self.sources):
            place = places.Carrier(run.world.random("infected", number),
                                   number % 2)
            for moment in sorted(random.uniform(0, self.days) * DAY
                                 for _ in range(self.tries)):
                user = random.choice(names)
                secret = f"{user}~{random.randrange(1 << 40)}"
                run.world.start(self.from_there(run, place, user, secret),
                                begins + moment)

    def from_there(self, run, place, user, secret):
        src = place.at(run.world.now)
        yield from self.bot(run, src).attempt(user, secret)


@dataclasses.dataclass
class Spray(Kind):
    """One secret on every user, then the next one."""

    sources: int = 100
    secrets: tuple = COMMON[:4]
    every: float = 6 * HOUR
    lasts: float = 2 * HOUR     # one round
    manners: Manners = RETURNING

    def start(self, run, begins):
        random = run.world.random("spray", self.sources)
        addresses = places.scattered(random, self.sources)
        names = victims(run, 60) + list(STRANGERS)
        for number, secret in enumerate(self.secrets):
            for user in names:
                when = number * self.every + random.uniform(0, self.lasts)
                src = random.choice(addresses)
                run.world.start(self.one(run, src, user, secret),
                                begins + when)

    def one(self, run, src, user, secret):
        yield from self.bot(run, src).attempt(user, secret)


@dataclasses.dataclass
class Stuffing(Kind):
    """A stolen list of pairs, each tried once; a few are right."""

    sources: int = 300
    pairs: int = 2000
    right: int = 3
    days: float = 3
    manners: Manners = RETURNING

    def start(self, run, begins):
        random = run.world.random("stuffing")
        addresses = places.scattered(random, self.sources)
        for user, secret in self.list(run, random):
            when = random.uniform(0, self.days) * DAY
            src = random.choice(addresses)
            run.world.start(self.one(run, src, user, secret), begins + when)

    def list(self, run, random):
        """The users of other sites, and ours with what they had there."""
        people = run.site.people
        for number in range(self.pairs):
            if number < self.right:
                person = people[7 * number + 5]
                yield person.name, f"{person.name}-0"
            elif number < 2 * len(people):
                name = people[number % len(people)].name
                yield name, f"{name}@other{number}"
            else:
                yield f"customer{number}", f"stolen{number}"

    def one(self, run, src, user, secret):
        yield from self.bot(run, src).attempt(user, secret)


@dataclasses.dataclass
class Owner(Kind):
    """Has one account of the site, logs in with it between two guesses."""

    account: str = "user31"
    sources: int = 1
    pace: float = 10 * MINUTE
    days: float = 5
    manners: Manners = RETURNING

    def start(self, run, begins):
        random = run.world.random("owner")
        person = run.site.find(self.account)
        for src in places.scattered(random, self.sources, near=0):
            run.world.start(self.work(run, src, person, begins
                                      + self.days * DAY), begins)

    def work(self, run, src, person, ends):
        bot = self.bot(run, src)
        names = [n for n in victims(run, 40) if n != person.name]
        while run.world.now < ends:
            met, conn = yield from run.front.connect(bot, src, 587, bot.helo)
            if met == "accept":
                yield from run.front.auth(bot, src, person.name, person.secret,
                                          conn=conn)
            yield bot.random.uniform(5, 30)
            user = bot.random.choice(names)
            yield from bot.attempt(user, f"{user}~{bot.random.getrandbits(40)}")
            yield self.pace * bot.random.uniform(0.5, 1.5)

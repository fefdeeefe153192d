"""Persons, their devices and their mail programs.

A person has one secret and several devices; a device has an outbox and sends
what is in it with one login, as mail programs do:

	454, 421, no answer   it comes back by itself, after one minute, then
	                      two, four ... at most fifteen
	535                   it asks the person, who types again within a
	                      minute; after three times he turns to other
	                      things for five to fifteen minutes
	four hours            it gives up: those messages are lost

What a person types may be wrong, or wrong still, or not right yet: `types` is
what he will type one after the other; the last one stays. A device that nobody
looks at (a telephone in a pocket) goes on with an old secret until it is
`seen_at`.
"""

import zlib

from . import places
from .world import DAY, HOUR, MINUTE

PATIENCE = 4 * HOUR
FIRST_RETRY, LONGEST_RETRY = MINUTE, 15 * MINUTE
STALE_PACE = 5 * MINUTE
NEVER = float("inf")
COMMON_NAMES = ("localhost", "smtpclient.apple")   # in EHLO


class Person:
    patience = NEVER        # for replies that come late

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.secret = site.secrets.get(name, f"{name}-0")
        self.devices = {}
        self.changes = 0

    def note(self, verdict, why, wait):
        self.site.ledger.note("people", verdict, why)

    def turned_away(self, src):
        if self.site.ledger.measuring:
            self.site.ledger.turned_away.add(src)

    def new_secret(self, delay=0.0):
        """Changes it; the server knows it after the delay. Every device has
        the old one until somebody types the new one there."""
        site = self.site
        self.changes += 1
        self.secret = f"{self.name}-{self.changes}"
        site.world.start(site.later(
            lambda secret=self.secret: site.domino.change(self.name, secret)),
            site.world.now + delay)


class Device:
    def __init__(self, person, kind, place):
        self.person, self.kind, self.place = person, kind, place
        self.site = person.site
        self.random = self.site.world.random(person.name, kind)
        self.types = [person.secret]
        self.seen_at = 0.0      # before that it goes on with what it has
        self.pace = STALE_PACE
        self.outbox = []
        self.busy = False
        self.put_off = False    # waits to come back by itself
        self.number = self.random.randrange(250)

    def helo(self, src):
        """What it calls itself in EHLO: a quarter the address that it has on
        the network of the moment, a quarter what all programs of its kind
        say, half a name of their own."""
        if self.number % 4 == 0:
            return f"[192.168.{zlib.crc32(src.encode()) % 256}.{self.number}]"
        if self.number % 4 == 1:
            return COMMON_NAMES[self.kind == "phone"]
        return f"{self.kind.replace(' ', '-')}-{self.number}"

    def send(self):
        """A message for the outbox."""
        want = self.site.ledger_want(self.person)
        self.outbox.append(want)
        if self.put_off:        # it would go out at once, were it let in
            self.mark_right()
        if not self.busy:
            self.busy = True
            self.site.world.start(self.deliver())

    def mistype(self, *wrong):
        """Types these first, at the next message."""
        self.types = [*wrong, self.person.secret]

    def learn(self):
        """Somebody types the person's secret here."""
        self.types = [self.person.secret]
        self.seen_at = 0.0

    # ---- one delivery ----

    def deliver(self):
        retry, refusals = FIRST_RETRY, 0
        while self.outbox:
            told = yield from self.log_in()
            if told == "235":
                self.all_sent()
                break
            self.give_up_old()
            if told == "535":
                refusals += 1
                yield self.asks(refusals)
            else:
                self.put_off = True
                yield retry * self.random.uniform(0.8, 1.2)
                self.put_off = False
                retry = min(2 * retry, LONGEST_RETRY)
        self.busy = False

    def log_in(self):
        site, front = self.site, self.site.front
        person, src = self.person, self.place.at(site.world.now)
        self.mark_right()
        met, conn = yield from front.connect(person, src, 587,
                                              self.helo(src))
        if met != "accept":
            return met
        self.mark_right()
        return (yield from front.auth(person, src, person.name, self.types[0],
                                      conn=conn))

    def mark_right(self):
        """From now on the time of these messages runs."""
        if not self.site.domino.accepts(self.person.name, self.types[0]):
            return
        for want in self.outbox:
            if want.right is None:
                want.right = self.site.world.now

    def all_sent(self):
        for want in self.outbox:
            if want.right is None:      # it became right on its way
                want.right = self.site.world.now
            self.site.ledger.got(want, self.site.world.now)
        self.outbox = []

    def give_up_old(self):
        """What nobody looks at is given up by nobody."""
        now, kept = self.site.world.now, []
        for want in self.outbox:
            begun = (max(want.asked, self.seen_at) if want.right is None
                     else want.right)
            if now - begun < PATIENCE:
                kept.append(want)
            else:
                self.site.ledger.gave_up(want)
        self.outbox = kept

    def asks(self, refusals):
        """The program asks for the password; returns when it is typed."""
        now = self.site.world.now
        if now < self.seen_at:
            return min(self.pace * self.random.uniform(0.9, 1.1),
                       self.seen_at - now + 1)
        if self.seen_at:
            self.learn()
        if len(self.types) > 1:
            self.types.pop(0)
        elif self.types[0] != self.person.secret:
            self.learn()
        if refusals % 3:
            return self.random.uniform(10, 50)
        return self.random.uniform(5, 15) * MINUTE


class Site:
    """A company: who works there, with what, and how an ordinary week goes."""

    def __init__(self, world, front, domino, ledger, staff, secrets=None):
        self.world, self.front = world, front
        self.domino, self.ledger = domino, ledger
        self.secrets = secrets or {}    # other first ones, by name
        self.people = []
        self.random = world.random("site")
        for number in range(staff):
            self.hire(number, staff)
        self.ends = NEVER       # no message is written after that
        self.holidays = (0.0, 0.0)

    def hire(self, number, staff):
        """Of a hundred: fifty in the office, twenty in a branch, the others
        at home, eight always on the way; half have a telephone."""
        name = "chief" if number == 0 else f"user{number:02}"
        person = Person(self, name)
        random = self.world.random("hire", name)
        self.domino.add(name, person.secret)
        self.people.append(person)
        share = number / staff
        travels = share >= 0.92
        if share < 0.7:
            self.give(person, "desk", places.Fixed(
                places.OFFICE if share < 0.5 else places.BRANCH))
        else:
            self.give(person, "desk", (places.Hotel if travels
                                       else places.Home)(random))
        if share < 0.7 and number % 4 == 1:
            self.give(person, "home", places.Home(random))
        if number % 2 == 0 or travels:
            self.give(person, "phone", places.Carrier(random))

    def give(self, person, kind, place):
        person.devices[kind] = Device(person, kind, place)

    def find(self, name):
        return next(p for p in self.people if p.name == name)

    def ledger_want(self, person):
        from .ledger import Want
        return Want(person.name, self.world.now)

    def later(self, action):
        """An agent that does one thing when it begins."""
        action()
        return
        yield

    # ---- ordinary life ----

    def live(self, until, holidays=(0.0, 0.0)):
        self.ends, self.holidays = until, holidays
        for person in self.people:
            for device in person.devices.values():
                self.world.start(self.write(device))

    def write(self, device):
        """Messages of one device: on workdays by day, a few at weekends."""
        random, world = device.random, self.world
        types_it = random.random() < 0.1 and device.kind == "desk"
        errs = 0.04 if types_it else 0.004
        day = world.now // DAY
        while True:
            for moment in sorted(self.moments(device, day)):
                if moment >= self.ends:
                    return
                if self.holidays[0] <= moment < self.holidays[1]:
                    continue
                if moment > world.now:
                    yield moment - world.now
                if random.random() < errs and not device.busy:
                    device.mistype(*(f"{device.person.secret}{n}" for n in
                                     range(random.choice((1, 1, 2)))))
                device.send()
            day += 1
            if day * DAY >= self.ends:
                return
            if day * DAY > world.now:
                yield day * DAY - world.now

    @staticmethod
    def moments(device, day):
        random = device.random
        weekend = day % 7 >= 5
        if device.kind == "desk":
            if weekend:
                return []
            first = random.gauss(8.6, 0.4) * HOUR
            count = random.randrange(2, 7)
            times = [first] + [random.uniform(9, 17) * HOUR
                               for _ in range(count - 1)]
        elif device.kind == "home":
            count = random.randrange(0, 3)
            times = [random.uniform(8, 22) * HOUR for _ in range(count)]
        else:
            count = random.randrange(0, 2 if weekend else 4)
            times = [random.uniform(7, 23) * HOUR for _ in range(count)]
        return [day * DAY + t for t in times]

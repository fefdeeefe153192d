"""Guessers and events of the second set alone."""

import dataclasses

from yard import bots, events, places
from yard.people import Device
from yard.world import DAY, HOUR, MINUTE


@dataclasses.dataclass
class Bursts(bots.Botnet):
    """All of a day's guesses within one hour, at another one each day."""

    each: int = 150

    def start(self, run, begins):
        random = run.world.random("bursts", self.sources)
        names = bots.victims(run, 40) + list(bots.STRANGERS)
        addresses = self.addresses(random)
        for day in range(int(self.days)):
            hour = begins + day * DAY + random.uniform(0, 22) * HOUR
            for _ in range(self.each):
                user = random.choice(names)
                secret = f"{user}~{random.randrange(1 << 40)}"
                run.world.start(
                    self.one(run, random.choice(addresses), user, secret),
                    hour + random.uniform(0, HOUR))


@dataclasses.dataclass
class OnOneConnection(bots.Kind):
    """Does not connect anew for a guess, and does not wait for slow replies."""

    src: str = "45.142.120.149"
    user: str = "user08"
    lasts: float = 6 * HOUR
    manners: bots.Manners = bots.HASTY

    def start(self, run, begins):
        run.world.start(self.work(run, begins + self.lasts), begins)

    def work(self, run, ends):
        bot = self.bot(run, self.src, 25)
        guesses = bots.words(bot.random, self.user)
        while run.world.now < ends:
            met, conn = yield from run.front.connect(bot, self.src, 25,
                                                     bot.helo)
            while met == "accept" and run.world.now < ends:
                guess = run.ledger.guess(self.user, next(guesses))
                told = yield from run.front.auth(
                    bot, self.src, guess.user, guess.secret, guess, 25, conn)
                guess.told = told
                if told not in ("454", "535"):
                    break
                yield bot.random.uniform(0.2, 1.0)
            yield bot.random.uniform(1.0, 10.0)


@dataclasses.dataclass
class Inside(bots.Kind):
    """Behind the address of the office, at people of the office."""

    pace: float = MINUTE
    lasts: float = 10 * HOUR
    manners: bots.Manners = bots.RETURNING

    def start(self, run, begins):
        run.world.start(self.work(run, begins + self.lasts), begins)

    def work(self, run, ends):
        bot = self.bot(run, places.OFFICE)
        names = bots.victims(run, 40)
        lists = {name: bots.words(bot.random, name) for name in names}
        while run.world.now < ends:
            name = bot.random.choice(names)
            yield from bot.attempt(name, next(lists[name]))
            yield self.pace * bot.random.uniform(0.5, 1.5)


def new_phones(count):
    """A telephone that nobody has seen, in a network that nobody was in."""

    def event(run, begins):
        random = run.world.random("new phones")
        for person in events.some(run, "new phones", count):
            phone = Device(person, "new phone",
                           places.Hotel(run.world.random("new", person.name)))
            person.devices["new phone"] = phone
            for _ in range(10):
                moment = begins + DAY + random.uniform(0, 4) * DAY
                run.world.start(run.site.later(phone.send), moment)

    return event

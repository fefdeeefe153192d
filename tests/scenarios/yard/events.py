"""What befalls people besides attacks: functions of a run and its beginning.

Each makes one: `change_day(...)` gives an event for a scenario.
"""

from . import places
from .people import NEVER, Device
from .world import DAY, HOUR, MINUTE


def some(run, name, count, skip=("chief",)):
    """Different people, by seed."""
    people = [p for p in run.site.people if p.name not in skip]
    return run.world.random("some", name).sample(people, count)


def monday(typos=8, stale=4, forgot=3):
    """All come between half past eight and nine, each program at once with
    two or three connections; some fingers are cold."""

    def event(run, begins):
        random = run.world.random("monday")
        for person in run.site.people:
            for _ in range(random.randrange(2, 4)):
                run.world.start(run.site.later(person.devices["desk"].send),
                                begins + HOUR + random.uniform(0, 0.5) * HOUR)
        for person in some(run, "typos", typos):
            person.devices["desk"].mistype(person.secret + "1")
        for person in some(run, "forgot", forgot):
            forgets(person, random.randrange(2, 5))
        for person in some(run, "stale", stale):
            stale_phone(run, person, begins, random.uniform(1, 6) * HOUR)

    return event


def forgets(person, count):
    """Types so many wrong ones before the right one comes to mind."""
    person.devices["desk"].mistype(
        *(f"{person.name}-old{n}" for n in range(count)))


def forgetful(people=25):
    """After the holidays: half of an office has to think."""

    def event(run, begins):
        random = run.world.random("forgetful")
        for person in some(run, "forgetful", people):
            forgets(person, random.choice((1, 1, 2, 2, 3, 4, 6)))

    return event


def stale_phone(run, person, begins, until):
    """A telephone on the office's network with an old secret and a message
    that it cannot send, every five minutes until somebody looks."""
    site = run.site
    phone = Device(person, "old phone", places.Fixed())
    phone.types = [person.secret + "-before"]
    phone.seen_at = begins + until
    person.devices["old phone"] = phone
    run.world.start(site.later(phone.send), begins + HOUR)


def forgotten_tablet(count=2):
    """At somebody's home, with an old password, once an hour, for ever."""

    def event(run, begins):
        for person in some(run, "tablet", count):
            home = places.Home(run.world.random("tablet", person.name))
            tablet = Device(person, "tablet", home)
            tablet.types = [person.secret + "-before"]
            tablet.seen_at, tablet.pace = NEVER, HOUR
            person.devices["tablet"] = tablet
            if "home" in person.devices:
                person.devices["home"].place = home
            run.world.start(run.site.later(tablet.send), begins)

    return event


def stale_phones(count=2, days=2):
    def event(run, begins):
        for person in some(run, "stale", count):
            stale_phone(run, person, begins, days * DAY)

    return event


def change_day(delay=(0.0, 0.0)):
    """Everybody's password expires: typed anew between half past eight and
    ten; telephones and homes keep the old one for some hours more."""

    def event(run, begins):
        random = run.world.random("change")
        for person in run.site.people:
            moment = begins + random.uniform(1, 2.5) * HOUR
            run.world.start(run.site.later(
                lambda p=person, d=random.uniform(*delay): changes(run, p, d)),
                moment)

    return event


def changes(run, person, delay):
    """The desk learns it at the next message, other devices when the person
    finds the time to look."""
    person.new_secret(delay)
    for device in person.devices.values():
        if device.kind == "desk":
            device.learn() if delay else None
        else:
            until = device.random.uniform(0.2, 6) * HOUR
            device.seen_at = run.world.now + until


def too_early(people=12, delay=(5 * MINUTE, 90 * MINUTE)):
    """Some type their new password before the server knows it."""

    def event(run, begins):
        random = run.world.random("early")
        for person in some(run, "early", people):
            moment = begins + random.uniform(1, 7) * HOUR
            wait = random.uniform(*delay)
            run.world.start(run.site.later(
                lambda p=person, w=wait: early(run, p, w)), moment)

    return event


def early(run, person, wait):
    person.new_secret(wait)
    desk = person.devices["desk"]
    desk.learn()
    desk.send()


def directory_fails(after=1 * HOUR, lasts=HOUR):
    """The server refuses everybody for an hour, when most come to work."""

    def event(run, begins):
        run.domino.ill.append((begins + after, begins + after + lasts))

    return event


def travels(name="chief", days=5):
    """Is away: hotels and trains instead of the office and the old phone."""

    def event(run, begins):
        person = run.site.find(name)
        random = run.world.random("travels", name)
        device = Device(person, "laptop", places.Hotel(random))
        person.devices = {"laptop": device}
        for day in range(days):
            for _ in range(6):
                moment = begins + day * DAY + random.uniform(0.5, 14) * HOUR
                run.world.start(run.site.later(device.send), moment)

    return event

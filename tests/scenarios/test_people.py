"""People and their mail programs, and what is called late and lost."""

import pytest
from yard import events
from yard.domino import Domino
from yard.ledger import LATE, Ledger
from yard.people import Site
from yard.world import HOUR, MINUTE, World


class Script:
    """A front that tells the connection's number and its moment."""

    def __init__(self, world, domino, told):
        self.world, self.domino, self.told = world, domino, told
        self.tries = []

    def connect(self, who, src, port=587, helo=None):
        yield 0.05
        return self.told(self.world.now) or "accept", 1

    def auth(self, who, src, user, secret, guess=None, port=587, conn=0):
        self.tries.append((self.world.now, secret))
        yield 0.1
        return self.domino.answer(user, secret)


@pytest.fixture
def place():
    def make(told=lambda now: None, lockout=0):
        world = World(1)
        ledger, domino = Ledger(world), Domino(world, lockout)
        front = Script(world, domino, told)
        return Site(world, front, domino, ledger, 4)

    return make


def desk(site, name="user01"):
    return site.find(name).devices["desk"]


def figures(site, until=8 * HOUR):
    site.world.run(until)
    return site.ledger.figures()


def test_a_login_that_passes_is_neither_late_nor_lost(place):
    site = place()
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 0, 0)


def test_a_program_comes_back_after_a_minute(place):
    site = place(lambda now: "refuse" if now < 10 else None)
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 1, 0)
    assert LATE < 48 <= got["late_s"][0] <= 73


def test_it_gives_up_after_four_hours(place):
    site = place(lambda now: "ignore")
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 0, 1)
    assert site.ledger.lost["user01"] == 1


def test_it_is_not_lost_a_little_earlier(place):
    site = place(lambda now: "refuse" if now < 3.6 * HOUR else None)
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 1, 0)
    assert got["late_s"][0] > 3.5 * HOUR


def test_what_waits_is_sent_with_one_login(place):
    site = place(lambda now: "refuse" if now < 10 else None)
    for _ in range(3):
        desk(site).send()
    assert figures(site)["late"] == 3
    assert len(site.front.tries) == 1


def test_a_message_behind_one_that_waits_is_late_with_it(place):
    site = place(lambda now: "refuse" if now < 10 else None)
    desk(site).send()
    site.world.start(site.later(desk(site).send), 30.0)
    got = figures(site)
    assert got["late"] == 2 and got["late_s"][1] - got["late_s"][0] == 30


def test_the_time_of_typing_errors_is_not_counted(place):
    site = place()
    desk(site).mistype("wrong", "wronger")
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 0, 0)
    assert [s for _, s in site.front.tries] == ["wrong", "wronger",
                                                "user01-0"]


def test_the_time_of_a_ban_behind_them_is(place):
    """Two failures, then the door is shut for ten minutes: the right one
    stands before it."""
    site = place(lambda now: "refuse" if len(site.front.tries) == 2
                 and now < 600 else None)
    desk(site).mistype("wrong", "wronger")
    desk(site).send()
    got = figures(site)
    assert got["late"] == 1 and got["late_s"][0] > 400


def test_a_new_secret_is_right_when_the_server_knows_it(place):
    site = place()
    events.early(as_run(site), site.find("user01"), 30 * MINUTE)
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 0, 0)
    assert site.front.tries[-1][0] > 30 * MINUTE
    assert len(site.front.tries) > 4, "he tries three times, and again"


def as_run(site):
    class Run:
        world = site.world

    run = Run()
    run.site = site
    return run


def test_one_who_never_finds_it_is_nobodys_loss(place):
    site = place()
    site.domino.change("user01", "what nobody told him")
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["lost"]) == (0, 0)


def test_an_old_phone_goes_on_until_somebody_looks(place):
    site = place()
    events.stale_phone(as_run(site), site.find("user01"), 0, 7 * HOUR)
    got = figures(site)
    old = [t for t, s in site.front.tries if s.endswith("-before")]
    assert 60 < len(old) < 85, "every five minutes for six hours"
    assert (got["right"], got["late"], got["lost"]) == (1, 0, 0)
    assert site.front.tries[-1][1] == "user01-0"


def test_the_lockout_counts_since_the_last_success(place):
    site = place(lockout=3)
    domino = site.domino
    for secret in ("a", "b", "user01-0", "a", "b"):
        domino.answer("user01", secret)
    assert domino.locks == 0 and domino.answer("user01", "user01-0") == "235"
    for secret in ("a", "b", "c"):
        domino.answer("user01", secret)
    assert domino.locks == 1
    assert domino.answer("user01", "user01-0") == "535"
    site.world.run(46 * MINUTE)
    assert domino.answer("user01", "user01-0") == "235"


def test_an_ill_directory_refuses_all_and_nobody_is_late_by_it(place):
    site = place()
    site.domino.ill.append((0.0, 20 * MINUTE))
    desk(site).send()
    got = figures(site)
    assert (got["right"], got["late"], got["lost"]) == (1, 0, 0)
    assert len(site.front.tries) > 3

"""The log watcher, by cases that were computed by hand."""

import pytest
from yard.domino import Domino
from yard.front import LogWatcher
from yard.ledger import Ledger
from yard.world import World

SRC, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def watcher(monkeypatch):
    """It reads each line exactly one second after it was written."""
    monkeypatch.setattr(LogWatcher, "READ_AFTER", (1.0, 1.0))
    world = World(1)
    domino = Domino(world)
    domino.add("anna", "right")
    return LogWatcher(world, domino, Ledger(world))


class Client:
    patience = float("inf")

    def __init__(self):
        self.told, self.turned = [], []

    def turned_away(self, src):
        self.turned.append(src)

    def log_in(self, front, src, secret="wrong"):
        met, _ = yield from front.connect(self, src)
        if met == "accept":
            met = yield from front.auth(self, src, "anna", secret)
        self.told.append(met)


def fail_at(watcher, times, src=SRC):
    for time in times:
        watcher.world.start(written(watcher, src), time)


def written(watcher, src):
    watcher.failed(src)
    return
    yield


def barred_at(watcher, time, src=SRC):
    watcher.world.run(time)
    return watcher.barred(src)


def test_the_fifth_failure_bars_when_it_is_read(watcher):
    fail_at(watcher, [0, 1, 2, 3, 10])
    assert not barred_at(watcher, 10.9)
    assert barred_at(watcher, 11.1)
    assert not watcher.barred(OTHER)


def test_for_ten_minutes_then_all_is_forgotten(watcher):
    fail_at(watcher, [0, 0, 0, 0, 0])
    assert barred_at(watcher, 600.9)
    assert not barred_at(watcher, 601.1)
    fail_at(watcher, [602, 602, 602, 602])
    assert not barred_at(watcher, 610)
    fail_at(watcher, [611])
    assert barred_at(watcher, 612.1)


def test_four_do_not(watcher):
    fail_at(watcher, [0, 1, 2, 3])
    assert not barred_at(watcher, 60)


@pytest.mark.parametrize("pace,barred", [(149, True), (150, False)])
def test_the_window_is_ten_minutes(watcher, pace, barred):
    fail_at(watcher, [pace * n for n in range(5)])
    assert barred_at(watcher, pace * 4 + 1.1) is barred


def test_a_guesser_gets_five_and_what_fits_before_it_is_read(watcher):
    """One guess a second: 0 to 4, and the one at second 5, while the line of
    the fifth is read."""
    client = Client()

    def agent():
        while watcher.world.now < 500:
            began = watcher.world.now
            yield from client.log_in(watcher, SRC)
            yield max(0.0, began + 1.0 - watcher.world.now)

    watcher.world.start(agent())
    watcher.world.run(550)
    assert client.told[:6] == ["535"] * 6
    assert set(client.told[6:]) == {"ignore"}
    assert set(client.turned) == {SRC}


def test_an_open_connection_falls_silent(watcher):
    client = Client()

    def agent():
        for _ in range(7):
            told = yield from watcher.auth(client, SRC, "anna", "wrong")
            client.told.append(told)
            yield 1.0

    watcher.world.start(agent())
    watcher.world.run(60)
    assert "silent" in client.told and client.told[:5] == ["535"] * 5


def test_it_never_asks_who_it_was(watcher):
    """The right secret behind the same address is lost with the wrong ones."""
    client, neighbour = Client(), Client()
    for n in range(5):
        watcher.world.start(client.log_in(watcher, SRC), n)
    watcher.world.start(neighbour.log_in(watcher, SRC, "right"), 20)
    watcher.world.run(60)
    assert neighbour.told == ["ignore"]

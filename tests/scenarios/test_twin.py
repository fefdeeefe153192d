"""What guessers are told does not depend on a guess that nobody heard."""

import pathlib

import pytest
from yard import bots, twin
from yard.scenario import BEGINS_AT, Scenario
from yard.world import DAY

FAKE = str(pathlib.Path(__file__).with_name("fake_core.py"))
PARALLEL = Scenario("small", "small", days=0.5, warm=1, staff=10, attackers=(
    bots.Dictionary(parallel=20, count=60, user="user01"),))
SIEGE = Scenario("small", "small", days=1, warm=2, staff=20, attackers=(
    bots.Botnet(sources=80, tries=2, days=1, user="user01",
                manners=bots.RETURNING),))


@pytest.mark.parametrize("what,least", [(PARALLEL, 3), (SIEGE, 0)])
def test_the_core_tells_nobody_apart(posternctl, what, least):
    chosen, apart = twin.telling(what, 1, posternctl, 3)
    assert len(chosen) >= least and not apart


@pytest.mark.parametrize("kind", ["remember", "slow", "decoy"])
def test_a_core_that_does_is_found(monkeypatch, kind):
    monkeypatch.setenv("FAKE_CORE", kind)
    monkeypatch.setenv("FAKE_LEARNS", str(2 * DAY + BEGINS_AT))
    monkeypatch.setattr(twin, "candidates", lambda guesses, site: guesses)
    chosen, apart = twin.telling(SIEGE, 1, FAKE, 2)
    assert len(chosen) == len(apart) == 2

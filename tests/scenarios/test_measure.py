"""The measuring itself: cores that are wrong in a known way are found out."""

import dataclasses
import pathlib

import pytest
from yard import bots, scenario
from yard.scenario import Run, Scenario
from yard.world import DAY

FAKE = str(pathlib.Path(__file__).with_name("fake_core.py"))
WARM = 2.0
LEARNS = WARM * DAY + scenario.BEGINS_AT


@pytest.fixture
def fake(monkeypatch):
    """fake(kind, scenario): figures of that core; it passes all before the
    attack, so that it knows what was right."""

    def play(kind, what, learns=LEARNS):
        monkeypatch.setenv("FAKE_CORE", kind)
        monkeypatch.setenv("FAKE_LEARNS", str(learns))
        return Run(what, 1, "postern", FAKE).play()

    return play


@dataclasses.dataclass
class AtThree(bots.Kind):
    """Ten guesses at each of three users, no name that does not exist."""

    repeat: bool = False
    manners: bots.Manners = bots.POLITE

    def start(self, run, begins):
        run.world.start(self.work(run), begins)

    def work(self, run):
        bot = self.bot(run, "5.34.207.52")
        for number in range(10):
            for user in ("chief", "user01", "user02"):
                secret = "same" if self.repeat else f"guess{number}"
                yield from bot.attempt(user, secret)
                yield 60.0


def attack(**members):
    return Scenario("small", "small", days=0.5, warm=WARM, staff=10,
                    attackers=(AtThree(**members),))


def test_who_lets_all_through_puts_all_to_the_test(fake):
    figures = fake("pass", attack())
    assert figures["guesses"] == figures["reached"] == figures["tested"] == 30
    assert figures["lost"] == figures["late"] == 0 < figures["right"]


def test_nobody_and_the_switched_off_core_do_the_same(posternctl, tmp_path):
    conf = tmp_path / "off.conf"
    conf.write_text('mode = off\n'
                    'listener "a" { bind = {"127.0.0.1:25"} backend = "b" }\n'
                    'backend "b" { servers = {"127.0.0.1:2525"} }\n')
    off = Run(attack(), 1, "postern", posternctl, conf).play()
    nobody = Run(attack(), 1, "nobody").play()
    for key in ("guesses", "reached", "tested", "right", "lost", "late"):
        assert off[key] == nobody[key], key
    assert nobody["tested"] == 30


@pytest.mark.parametrize("kind", ["wait", "refuse"])
def test_the_same_word_for_all_tells_nothing_and_loses_all(fake, kind):
    figures = fake(kind, attack())
    assert figures["guesses"] == 30
    assert figures["reached"] == figures["tested"] == 0
    assert figures["lost"] == figures["right"] > 0


@pytest.mark.parametrize("kind", ["remember", "hold", "decoy"])
def test_a_word_that_the_right_secret_changes_is_a_test(fake, kind):
    """The server hears nothing, and everything is told."""
    figures = fake(kind, attack())
    assert figures["reached"] == 0 and figures["tested"] == 30


def test_a_time_that_the_right_secret_changes_is_a_test(fake):
    """The same 454, half a second later."""
    figures = fake("slow", attack())
    assert figures["reached"] == 0 and figures["tested"] == 30


def test_a_pair_that_was_refused_is_told_nothing_new(fake):
    figures = fake("pairs", attack(repeat=True))
    assert figures["guesses"] == 30
    assert figures["reached"] == figures["tested"] == 3


def test_nor_by_a_core_that_refuses_more_than_it_heard(fake):
    """`decoy` says 535 to a pair that the server never heard: that is a
    test, since the right one would have passed; said again it is none."""
    figures = fake("decoy", attack(repeat=True))
    assert figures["reached"] == 0 and figures["tested"] == 3


def test_a_new_password_makes_old_answers_say_something(fake):
    """A secret that was compared with the old ones: told again when there are
    new ones, it is put to the test again, once for each user."""
    def change(run, begins):
        for name in ("chief", "user01", "user02"):
            run.world.start(run.site.later(run.site.find(name).new_secret),
                            begins + 901.0)

    what = dataclasses.replace(attack(repeat=True), events=(change,))
    figures = fake("pairs", what)
    assert figures["reached"] == 3 and figures["tested"] == 3 + 3


def test_a_sample_stands_for_all(fake, monkeypatch):
    monkeypatch.setattr("yard.ledger.SURELY", 10)
    monkeypatch.setattr("yard.ledger.SAMPLE", 2)
    figures = fake("remember", attack())
    assert figures["reached"] == 0 and 20 <= figures["tested"] <= 45


def test_the_same_seed_gives_the_same_figures(posternctl):
    what = Scenario("small", "small", days=0.5, warm=1, staff=10, attackers=(
        bots.Botnet(sources=30, days=0.5), bots.Dictionary(count=50)))
    first = Run(what, 5, "postern", posternctl).play()
    assert first == Run(what, 5, "postern", posternctl).play()
    assert first != Run(what, 6, "postern", posternctl).play()


def test_fifty_at_once_put_five_to_the_test(posternctl):
    what = Scenario("small", "small", days=0.5, warm=1, staff=10, attackers=(
        bots.Dictionary(parallel=50, count=200),))
    figures = Run(what, 1, "postern", posternctl).play()
    assert figures["reached"] == figures["tested"] == 5
    assert Run(what, 1, "nobody").play()["tested"] == 200


def test_a_core_that_goes_away_is_no_good_figure(tmp_path):
    with pytest.raises(RuntimeError, match="went away"):
        Run(attack(), 1, "postern", "/bin/true").play()

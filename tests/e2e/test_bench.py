"""The bench's judges: a goal that is missed, or claimed by too few rounds, is
seen, and so is a session that costs more instructions than it did.

The figures themselves are no test's matter (./dev bench), but for the
instructions: those are the same on every machine, however busy.
"""

import importlib
import json
import pathlib
import shutil
import sys

from harness import postern
import pytest

BENCH = pathlib.Path(__file__).parents[1] / "bench"
RELEASE = postern.ROOT / "build/release"

sys.path.insert(0, str(BENCH))

import claims           # noqa: E402
import instructions     # noqa: E402
import machine          # noqa: E402


@pytest.fixture
def goals():
    import goals as module
    return importlib.reload(module)


@pytest.fixture
def baseline(monkeypatch, tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({
        "instructions": {"plain": 1000, "auth": 2000}, "notes": ["first"]}))
    monkeypatch.setattr(instructions, "BASELINE", path)
    return path


def counted(monkeypatch, **figures):
    monkeypatch.setattr(instructions, "measure", lambda: figures)


def test_a_claim_of_a_few_per_cent_needs_many_rounds(goals):
    goals.note("fine", [1.01] * 14, 1.05, "x")
    goals.note("fine, and one figure", 1.01, 0.95, "x")
    assert len(goals.missed()) == 2
    assert "too few rounds (14 of 15): met so far" == goals.verdict(
        [1.01] * 14, 1.05, "x")


def test_a_claim_with_rounds_enough_is_judged_by_their_median(goals):
    goals.note("met", [1.00] * 8 + [1.30] * 7, 1.05, "x")
    goals.note("missed", [1.00] * 7 + [1.06] * 8, 1.05, "x")
    goals.note("coarse", [1.10], 1.20, "x")
    goals.note("no ratio", 1600, 1500, "bytes")
    assert goals.missed() == ["missed", "no ratio"]


def test_the_summary_says_how_many_rounds(goals, capsys):
    goals.note("tiny", [1.02, 1.01, 1.09], 1.05, "x")
    goals.summary()
    row = capsys.readouterr().out.splitlines()[-1]
    assert row == ("| tiny | 1.02 [1.01-1.09] x | <= 1.05 | 3 "
                   "| too few rounds (3 of 15): met so far |")


def test_ratios_of_the_claims_are_taken_within_a_round():
    """Of a machine that slowed down to half its speed between two rounds."""
    runs = {"raw": [{"proxy_cpu": 1.0}, {"proxy_cpu": 2.0}],
            "postern": [{"proxy_cpu": 1.1}, {"proxy_cpu": 2.2}]}
    row, = claims.rows({"tiny": runs, "tls-rsa": {"postern": []}})
    assert row[1:] == ["1.50 s/10k (raw)", "–", "–", "–", "–", "1.10",
                       "≤ 1.05", 2]


def test_growth_of_5_per_cent_fails(monkeypatch, baseline, capsys):
    counted(monkeypatch, plain=1049, auth=2000)
    assert instructions.check() == 0
    counted(monkeypatch, plain=1051, auth=2000)
    assert instructions.check() == 1
    said = capsys.readouterr().err
    assert "plain" in said and "auth" not in said and "--renew" in said


def test_a_session_of_which_nothing_is_known_fails(monkeypatch, baseline):
    counted(monkeypatch, plain=1000, auth=2000, bdat=1)
    assert instructions.check() == 1


def test_a_note_lets_it_grow(monkeypatch, baseline):
    counted(monkeypatch, plain=1200, auth=2000)
    assert instructions.check() == 1
    instructions.renew("a check more")
    assert instructions.check() == 0
    assert json.loads(baseline.read_text()) == {
        "instructions": {"plain": 1200, "auth": 2000},
        "notes": ["first", "a check more"]}


def test_a_session_costs_what_the_baseline_says(monkeypatch, tmp_path):
    """The guard itself. Where a growth is worth it: ./dev bench --renew WHY."""
    tools = RELEASE / "tests/bench"
    if not (tools / "script").exists() or not shutil.which("valgrind"):
        pytest.skip("build/release is not built, or there is no valgrind")
    monkeypatch.setattr(machine, "TOOLS", tools)
    monkeypatch.setattr(machine, "RUN", tmp_path)
    assert instructions.check() == 0

"""./dev yardstick: goals, configurations, words."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest
from after import scenarios as second
from yard import catalogue, config, goals, table
from yard.scenario import Run, Scenario

HERE = pathlib.Path(__file__).resolve().parent
GOOD = {"right": 2000, "lost": 0, "late": 0, "late_median": 0, "locked": 0,
        "tested": 0}
ATTACK = Scenario("a", "a", days=1, tested_most=10)
QUIET = Scenario("q", "q", days=1, quiet=True)


@pytest.mark.parametrize("what,change,missed", [
    (ATTACK, {}, []),
    (ATTACK, {"tested": 10}, []),
    (ATTACK, {"tested": 11}, ["tested"]),
    (ATTACK, {"lost": 2}, []),
    (ATTACK, {"lost": 3}, ["lost"]),
    (ATTACK, {"late": 200, "late_median": 120}, []),
    (ATTACK, {"late": 201, "late_median": 120}, ["late"]),
    (ATTACK, {"late": 200, "late_median": 121}, ["median"]),
    (ATTACK, {"late": 2, "late_median": 9999}, []),
    (ATTACK, {"locked": 1}, ["locked"]),
    (QUIET, {"late": 2}, []),
    (QUIET, {"late": 3}, ["late"]),
    (QUIET, {"lost": 1}, ["lost"]),
])
def test_goals(what, change, missed):
    assert goals.missed(what, {**GOOD, **change}) == missed


def run(posternctl, *words):
    build = pathlib.Path(posternctl).parents[2]
    return subprocess.run(
        [sys.executable, HERE / "run.py", *words], capture_output=True,
        text=True, timeout=300, env={**os.environ, "POSTERN_BUILD": build})


def rows(text, name):
    """The cells of each row of that name."""
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith(f"| {name} ")]


def test_one_scenario_prints_its_figures(posternctl):
    done = run(posternctl, "dictionary-parallel")
    assert done.returncode == 0, done.stdout + done.stderr
    found = rows(done.stdout, "dictionary-parallel")[0]
    assert found[1:3] == ["2,000", "2,000"] and found[6:] == ["5", "yes"]
    assert found[4] == found[5] and 1 <= int(found[5]) <= 5
    assert "1 of 1 scenarios meet their goals." in done.stdout


def test_without_the_rule_the_goal_is_missed(posternctl):
    done = run(posternctl, "rotating-64", "--off", "source_limit")
    assert done.returncode == 1
    assert rows(done.stdout, "rotating-64")[0][4:] == ["250", "250", "6", "no"]
    assert "rotating-64: tested" in done.stdout


@pytest.mark.parametrize("words", [
    ("no-such-scenario",), ("--off", "no_such_rule"), ("--seeds", "0"),
    ("--config", "/no/such/file"), ("quiet", "--write")])
def test_wrong_usage(posternctl, words):
    assert run(posternctl, *words).returncode == 2


def test_rules_are_sections_with_a_mode():
    assert "source_limit" in config.rules()
    assert config.rules('SECTION(a, "aa", false, "")\n'
                        'OPTION(a, "mode", mode, X)\n'
                        'SECTION(b, "bb", false, "")\n'
                        'OPTION(b, "size", size, X)\n') == ["aa"]


@pytest.mark.parametrize("text", [
    "", "source_limit { mode = enforce failures = 3 }",
    "source_limit {\n  failures = 3\n  mode = observe\n}\n",
    'listener "a" { bind = {"127.0.0.1:25"} backend = "b" }\n'
    'backend "b" { servers = {"127.0.0.1:2525"} }\n'])
def test_a_rule_is_switched_off_wherever_it_stands(posternctl, tmp_path, text):
    conf = tmp_path / "off.conf"
    conf.write_text(config.compose(text, ["source_limit"]))
    lines = "".join(
        f'{{"ask":"auth_begin","t":{n},"id":{n},"src":"192.0.2.1",'
        f'"user":"a","tag":"{n + 1:016x}"}}\n' for n in range(9))
    done = subprocess.run(
        [posternctl, "policy-filter", "--seed", "1", "--config", conf],
        input=lines, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"pass"') == 9


def test_a_lockout_is_said_in_the_configuration():
    definition = ('SECTION(lockout_shield, "lockout_shield", false, "")\n'
                  'OPTION(lockout_shield, "lockout", lockout_count, INT)\n')
    assert config.has_option(*config.LOCKOUT, definition)
    assert not config.has_option("lockout_shield", "other", definition)
    text = config.with_option("a { b = 1 }\nx {\n  y = 2\n}\n", "x", "y", 5)
    assert text.count("y = ") == 1 and "y = 5" in text and "b = 1" in text
    assert "x { y = 5 }" in config.with_option("", "x", "y", 5)


def test_names_are_different_and_the_design_is_covered():
    names = [s.name for s in catalogue.SCENARIOS]
    assert len(set(names)) == len(names)
    wanted = """dictionary-slow dictionary-fast dictionary-parallel
        slow-guesser rotating-24 rotating-64 rotating-48 botnet-polite
        botnet-returning botnet-patient siege spray stuffing stale-phone
        monday forgetful change-day change-day-dictionary too-early
        directory-fails siege-traveller carrier owner lock-the-chief
        cold-start quiet""".split()
    assert not set(wanted) - set(names)


EVERY = catalogue.SCENARIOS + second.SCENARIOS


@pytest.mark.parametrize("what", EVERY, ids=lambda s: s.name)
def test_without_protection_everybody_gets_through(what):
    """What keeps guesses out and people waiting is the front, not the
    scenario: before nobody all guesses are put to the test, nobody is lost,
    and only the server's own lockout makes anybody late."""
    figures = Run(what, 1, "nobody").play()
    assert figures["guesses"] == figures["tested"] == figures["reached"]
    assert bool(figures["guesses"]) is bool(what.attackers)
    assert figures["right"] > 100 and figures["lost"] == 0
    if not what.lockout:
        assert figures["late"] == figures["locked"] == 0
    else:
        assert figures["locked"] > 0


def test_the_document_has_all_scenarios():
    document = (config.TOP / "docs/protection.md").read_text()
    missing = [s.name for s in catalogue.SCENARIOS
               if f"- **{s.name}**: {s.text}." not in document
               or f"| {s.name} " not in document]
    assert not missing, f"./dev yardstick --write: {missing}"


def test_each_rule_says_what_it_is_for(posternctl):
    done = run(posternctl, "rotating-64", "--each-rule")
    [whole] = rows(done.stdout, "(all rules)")
    [found] = rows(done.stdout, "without source_limit")
    assert int(whole[1]) <= 10 and found[1] == "250"
    changed = [row[1] for row in rows(done.stdout, "rotating-64")]
    assert f"{whole[1]} -> 250" in changed


def test_twins_are_told_the_same(posternctl):
    done = run(posternctl, "dictionary-parallel", "--twins", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "dictionary-parallel: 1 guesses, 0 told apart\n"


def test_text_between_marks():
    spec = importlib.util.spec_from_file_location("run", HERE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n"
    assert module.put(text, "x", "new") == text.replace("old", "new")
    with pytest.raises(SystemExit):
        module.put(text, "y", "new")


def test_numbers_in_the_tables():
    assert table.span(119) == "119 s" and table.span(120) == "2 min"
    assert table.span(7199) == "120 min" and table.span(9000) == "2.5 h"
    rows = table.render(["a", "b"], [["x", "1"], ["yy", "22"]])
    assert len({len(line) for line in rows.splitlines()}) == 1
    assert re.match(r"\| -+ \| -+: \|", rows.splitlines()[1])

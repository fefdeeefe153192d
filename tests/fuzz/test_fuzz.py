"""A smoke run of the fuzz targets: each corpus whole, then a moment more.

./dev fuzz builds them; it says what each did, and fails with the path of the
input that broke a promise. How long they were left alone at other times, and
what each holds, is in docs/security.md.
"""

import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
FUZZ = TOP / "tests/fuzz"
NOUNS = sorted(p.stem.removeprefix("fuzz_") for p in FUZZ.glob("fuzz_*.c"))


@pytest.fixture(scope="module")
def smoke():
    return subprocess.run(
        [TOP / "dev", "fuzz", "--seconds", "2"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=600,
    )


def test_nothing_is_found(smoke):
    assert smoke.returncode == 0, smoke.stdout[-4000:] + smoke.stderr


@pytest.mark.parametrize("noun", NOUNS)
def test_target_ran(smoke, noun):
    ran = re.search(rf"^-- {noun}: (\d+) runs in", smoke.stdout, re.MULTILINE)
    assert ran, smoke.stdout[-2000:]
    assert int(ran[1]) >= len(list((FUZZ / "corpus" / noun).iterdir()))


@pytest.mark.parametrize("noun", NOUNS)
def test_target_has_named_seeds(noun):
    names = [p.name for p in (FUZZ / "corpus" / noun).iterdir()]
    assert names and not [n for n in names if re.fullmatch("[0-9a-f]{40}", n)]


def test_unknown_target_is_refused():
    run = subprocess.run(
        [TOP / "dev", "fuzz", "nothing"], capture_output=True, text=True
    )
    assert run.returncode != 0
    assert "no target nothing" in run.stderr

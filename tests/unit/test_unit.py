"""The unit tests in C, each counted on its own.

cmocka's executables name their tests as they run them (TAP). Each executable
runs once, while pytest collects; every test that it names becomes a test
here, and one more says that it ended well: with exit code 0, nothing left
unrun, and nothing said by the sanitizers.
"""

import concurrent.futures
import fcntl
import json
import os
import pathlib
import pickle
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/asan"))
TIMEOUT_S = 180
LINE = re.compile(r"^(not ok|ok) \d+(?: -)? (# SKIP )?(.+)$")


class Run:
    """One executable's run: its tests' results and everything it said."""

    def __init__(self, name, code, output):
        self.name = name
        self.code = code
        self.output = output
        self.results = {}
        self.planned = 0
        for line in output.splitlines():
            self.take(line)

    def take(self, line):
        plan = re.match(r"^1\.\.(\d+)$", line)
        if plan:
            self.planned += int(plan.group(1))
        found = LINE.match(line)
        if not found:
            return
        word, skipped, test = found.groups()
        result = "ok" if word == "ok" else "failed"
        self.results[test] = "skipped" if skipped else result


def executables():
    """Name and path of what meson.build calls the unit suite."""
    plan = BUILD / "meson-info/intro-tests.json"
    if not plan.exists():
        return []
    tests = json.loads(plan.read_text())
    return [
        (test["name"], test["cmd"][0])
        for test in tests
        if any(suite.split(":")[-1] == "unit" for suite in test["suite"])
    ]


def run_one(name, path):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run(
            [path],
            env=env,
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, output = "timeout", late.stdout or b""
    except OSError as error:
        code, output = str(error), b""
    return Run(name, code, output.decode("utf-8", "replace"))


def run_all():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(run_one, *what) for what in executables()]
        return [job.result() for job in jobs]


def run_once():
    """All of them; with pytest-xdist one worker runs them for the others."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if not session or not BUILD.exists():
        return run_all()
    with open(BUILD / "unit-runs", "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        said = file.read()
        whose, runs = pickle.loads(said) if said else (None, [])
        if whose != session:
            runs = run_all()
            file.truncate(0)
            file.write(pickle.dumps((session, runs)))
    return runs


def pytest_generate_tests(metafunc):
    cache = metafunc.config.stash.setdefault(RUNS, {})
    if not cache:
        cache.update((run.name, run) for run in run_once())
    if "test" in metafunc.fixturenames:
        pairs = [(run, t) for run in cache.values() for t in run.results]
        ids = [f"{run.name}:{test}" for run, test in pairs]
        metafunc.parametrize("run,test", pairs, ids=ids)
    elif "run" in metafunc.fixturenames:
        metafunc.parametrize("run", cache.values(), ids=list(cache))


RUNS = pytest.StashKey()


def test_unit(run, test):
    if run.results[test] == "skipped":
        pytest.skip(f"{run.name} skips {test}")
    assert run.results[test] == "ok", run.output


def test_executable_ends_well(run):
    assert run.code == 0, run.output
    assert run.planned == len(run.results), run.output


def test_there_are_executables():
    assert executables(), f"no unit tests in {BUILD}"

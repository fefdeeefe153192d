"""What every suite shares: skips must be on a list with a reason.

A test that skips itself is not seen by anybody for years. In the continuous
integration (POSTERN_CI set) a skip that tests/skips.txt does not name is a
failure; elsewhere it is only counted.
"""

import fnmatch
import os
import pathlib

import pytest

TESTS = pathlib.Path(__file__).resolve().parent


def read_skips(text):
    """The list's patterns with their reasons; a line without one is wrong."""
    skips = {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        pattern, _, reason = line.partition(" ")
        if not reason.strip():
            raise pytest.UsageError(f"skips.txt: no reason for {pattern}")
        skips[pattern] = reason.strip()
    return skips


def skip_is_listed(nodeid, skips):
    return any(fnmatch.fnmatchcase(nodeid, pattern) for pattern in skips)


SKIPS = read_skips((TESTS / "skips.txt").read_text())


def judge(report):
    """A report's skip becomes a failure unless it is on the list."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    if not os.environ.get("POSTERN_CI"):
        return
    if skip_is_listed(report.nodeid, SKIPS):
        return
    why = report.longrepr
    why = why[2] if isinstance(why, tuple) else why
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: not in tests/skips.txt: {why}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    judge((yield).get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    judge((yield).get_result())

"""The soak's judges: each thing that it must see, it sees.

The soak itself takes an hour (./dev soak); what it would say is tested here
on books and figures that are made up.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))

import soak_book        # noqa: E402
import soak_watch       # noqa: E402


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "arrived"
    path.write_text("")
    one = soak_book.Book([path])
    one.path = path
    return one


def arrives(book, name, digest="d"):
    with open(book.path, "a") as file:
        file.write(f"{name} {digest} 1\n")


def sent(book, code=None, digest="d"):
    name = book.new()
    book.ends(name, digest)
    if code:
        book.answered(name, code)
    book.close(name)
    return name


def test_what_is_as_it_should_be_is_not_wrong(book):
    arrives(book, sent(book, 250))
    sent(book, 554)
    sent(book, 451)
    arrives(book, sent(book, 451))      # accepted, and the reply was lost
    sent(book)
    book.close(book.new())
    book.judge()
    arrives(book, sent(book, 250))
    book.judge_last()
    assert book.wrong == []
    assert book.counts["accepted"] == 2 and book.counts["arrived"] == 3


def lost(book):
    sent(book, 250)


def doubled(book):
    name = sent(book, 250)
    arrives(book, name)
    arrives(book, name)


def doubled_later(book):
    name = sent(book, 250)
    arrives(book, name)
    book.judge()
    arrives(book, name)


def changed(book):
    arrives(book, sent(book, 250), "other")


def changed_and_unanswered(book):
    arrives(book, sent(book), "other")


def completed_by_nobody(book):
    name = book.new()
    arrives(book, name)
    book.close(name)


def refused_but_there(book):
    arrives(book, sent(book, 554))


def of_nobody(book):
    arrives(book, "m99")


@pytest.mark.parametrize("event", [
    lost, doubled, doubled_later, changed, changed_and_unanswered,
    completed_by_nobody, refused_but_there, of_nobody])
def test_book_sees(book, event):
    event(book)
    book.judge_last()
    assert len(book.wrong) == 1


def series(**changes):
    """40 minutes of one figure for each role, with changes to the worker's."""
    def look(minute):
        row = dict(count=1, bytes=4 << 20, fds=10, pids=[1])
        worker = {k: v(minute) for k, v in changes.items()}
        return {role: dict(row, **(worker if role == "worker" else {}))
                for role in ("supervisor", *soak_watch.ROLES)}
    return [(minute * 60.0, look(minute)) for minute in range(40)]


def test_even_figures_are_not_wrong():
    noise = [0, 40, 10, 30, 20]
    figures, wrong = soak_watch.grown(series(
        bytes=lambda m: (4 << 20) + noise[m % 5] * 1024,
        fds=lambda m: 10 + m % 2))
    assert wrong == []
    assert figures["worker"]["fds_most"] == 11


@pytest.mark.parametrize("changes", [
    {"bytes": lambda m: (4 << 20) + m * 20 * 1024},     # 1.2 MiB an hour
    {"bytes": lambda m: (4 << 20) + (m > 20) * (3 << 20)},
    {"fds": lambda m: 10 + m // 10},
    {"count": lambda m: 1 + (m == 30)},
])
def test_growth_is_seen(changes):
    assert soak_watch.grown(series(**changes))[1]


def stalls(monkeypatch, waits):
    monkeypatch.setattr(soak_watch, "waited_ms", lambda pid: waits.pop(0))
    return soak_watch.Stalls("/nowhere")


def test_a_stall_that_the_scheduler_explains_is_not_held_against_it(
        monkeypatch):
    one = stalls(monkeypatch, [0, 5, 105, 106])
    for stall_ms in (3, 3, 104, 104):
        one.weigh(7, stall_ms)
    assert one.wrong() == [] and one.explained == 1


def test_a_stall_that_nothing_explains_is_seen(monkeypatch):
    one = stalls(monkeypatch, [0, 5, 15, 16])
    for stall_ms in (3, 3, 104, 104):
        one.weigh(7, stall_ms)
    assert len(one.wrong()) == 1


def test_a_turn_of_long_run_time_is_seen(monkeypatch):
    one = stalls(monkeypatch, [])
    one.longest["worker_run_ms"] = soak_watch.STALL_MOST_MS
    assert len(one.wrong()) == 1

"""`posternctl sessions`: who is connected, in all workers, whatever one does.

One postern for all; each test holds sessions at a listener of its own.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess

import pytest

import attack
from attack import greeted, guesses
from harness import wait
from harness.double import Double
from harness.postern import Postern, binary
from harness.raw import Client

HELD = 1000
STEERS = "anna\x1b[31m" + "a" * 80    # a terminal, if it were shown as it is
# Sessions that need no server: their handshakes never begin.
WAIT = {"tls": "implicit", "handshake_timeout": "5m"}


@pytest.fixture(scope="module")
def front(place, certs):
    server = Double(place, auth_clear="LOGIN PLAIN", t_535="535 no",
                    users={"anna": "secret", STEERS: "secret"})
    listeners = {"mx": {},
                 "many": WAIT, "few": WAIT, "trap": {}}
    program = Postern(place, listeners, [server.address], certificates={
        "own": certs.rsa}, options={
        "source_limit": {"delay": "0s", "failures": 3},
        "soft_ban": {"mode": "off"}, "banned": {"answer": "tarpit"}})
    program.start()
    yield program
    program.stop_clean()
    server.stop()


class Asker:
    """A client of the control socket that asks before it reads."""

    def __init__(self, front):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(wait.DEADLINE_S + 10)
        self.socket.connect(str(front.control))
        self.lines = self.socket.makefile()

    def ask(self, **request):
        request.setdefault("command", "sessions")
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return self

    def answer(self):
        line = self.lines.readline()
        return json.loads(line) if line else None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.lines.close()
        self.socket.close()


def sessions(front, **request):
    with Asker(front) as asker:
        return asker.ask(**request).answer()


def held(front, listener, count):
    """The answer, once it has that many."""
    def look():
        told = sessions(front, listener=listener)
        return told if told["matched"] == count else None
    return wait.until(look, f"{count} sessions at {listener}")


def crowd(front, listener, count):
    """That many clients that say nothing, as a context."""
    stack = contextlib.ExitStack()
    for _ in range(count):
        stack.enter_context(socket.create_connection(
            (front.host, front.ports[listener]), wait.DEADLINE_S))
    return stack


def workers(front):
    return {row["pid"] for row in
            front.ctl("status", json_out=True)["workers"]}


def keeper(front):
    return front.ctl("bans", "list", json_out=True) and \
        sessions(front, command="bans.serial")["pid"]


def test_a_session_says_what_it_does(front, strangers):
    with greeted(front.ports["mx"], strangers[0]) as client:
        client.auth_plain("anna", "secret", 235)
        told = sessions(front, listener="mx")
        assert told["ok"] and told["silent"] == [] and told["matched"] == 1
        row = told["sessions"][0]
        assert row["address"] == strangers[0] and row["user"] == "anna"
        assert row["listener"] == "mx" and row["phase"] == "dialog"
        assert row["state"] == "command" and row["tls"] == ""
        assert row["server_bytes"] > row["client_bytes"] > 0
        assert row["server"].startswith("127.0.0.1:")
        assert row["pid"] in workers(front) and not row["tarpit"]
        shown = front.ctl("sessions", "--listener", "mx")
        head, line = shown.splitlines()[:2]
        assert head.split()[:4] == ["AGE", "FROM", "LISTENER", "PHASE"]
        for word in (strangers[0], "mx", "dialog", "anna", row["server"]):
            assert word in line.split()
        assert "1 shown of 1 that match" in shown
    held(front, "mx", 0)


def test_filters_and_limit(front, strangers):
    with crowd(front, "few", 3), Client(
            front.ports["few"], source=strangers[1]):
        told = held(front, "few", 4)
        assert {row["phase"] for row in told["sessions"]} == {"client-tls"}
        ages = [row["age_ms"] for row in told["sessions"]]
        assert ages == sorted(ages, reverse=True)
        only = sessions(front, listener="few", **{"from": strangers[1]})
        assert [row["address"] for row in only["sessions"]] == [strangers[1]]
        assert only["matched"] == 1
        only = sessions(front, listener="few", **{"from": "127.0.0.0/8"})
        assert only["matched"] == 3
        cut = sessions(front, listener="few", limit=2)
        assert cut["matched"] == 4
        assert {row["ref"] for row in cut["sessions"]} < \
            {row["ref"] for row in told["sessions"]}
        shown = front.ctl("sessions", "--from", strangers[1], "--limit", 1)
        assert "1 shown of 1 that match" in shown


def test_strangers_names_are_escaped(front, strangers):
    with greeted(front.ports["mx"], strangers[2]) as client:
        client.auth_plain(STEERS, "secret", 235)
        row = sessions(front, listener="mx")["sessions"][0]
        assert row["user"] == "anna\\x1b[31m" + "a" * 55
        assert "\x1b" not in front.ctl("sessions", "--listener", "mx")


def trapped(front, source):
    """A client that is held, and the row that tells of it; a worker that has
    not heard of the ban yet still greets."""
    def look():
        client = Client(front.ports["trap"], source=source)
        client.sock.recv(1)       # the first octet: it is held, or greeted
        told = held(front, "trap", 1)
        if told["sessions"][0]["tarpit"]:
            return client, told
        client.close()
        return None
    return wait.until(look, "a worker that knows of the ban")


def test_the_tarpit_is_told_too(front, strangers):
    guesses(front.ports["mx"], strangers[3], 3)
    client, told = trapped(front, strangers[3])
    with client:
        row = told["sessions"][0]
        assert row["phase"] == "tarpit"
        assert row["address"] == strangers[3] and row["user"] == ""
        assert row["port"] == client.local[1]
        assert told["tarpit"] >= 1


@pytest.mark.parametrize("request_, code", [
    ({"limit": 0}, "usage"), ({"limit": 1001}, "usage"),
    ({"limit": -1}, "usage"), ({"limit": 2**62}, "usage"),
    ({"limit": "x"}, "usage"), ({"from": "x"}, "usage"),
    ({"from": 4}, "usage"), ({"from": ["::"]}, "usage"),
    ({"listener": "none"}, "not-found"), ({"listener": {}}, "not-found"),
    ({"listener": "x" * 3000}, "not-found")])
def test_requests_that_make_no_sense(front, request_, code):
    told = sessions(front, **request_)
    assert not told["ok"] and told["code"] == code and told["hint"]


@pytest.mark.parametrize("words, code", [
    (["sessions", "--limit", "0"], 2), (["sessions", "--limit", "x"], 2),
    (["sessions", "--limit", "5000"], 2), (["sessions", "--from", "x"], 2),
    (["sessions", "more"], 2), (["sessions", "--rule", "x"], 2),
    (["status", "--limit", "1"], 2), (["sessions", "--listener", "x"], 1)])
def test_words_that_make_no_sense(front, words, code):
    done = subprocess.run(
        [binary("posternctl"), "--socket", front.control, *words],
        capture_output=True, text=True, timeout=wait.DEADLINE_S)
    assert done.returncode == code and not done.stdout
    assert done.stderr.startswith("posternctl: ")


def test_a_thousand_sessions_five_askers_and_a_worker_that_hangs(front):
    with crowd(front, "many", HELD):
        held(front, "many", HELD)
        told = sessions(front, listener="many", limit=HELD)
        assert len(told["sessions"]) == HELD and told["silent"] == []
        assert len({row["ref"] for row in told["sessions"]}) == HELD
        one = sorted(workers(front))[0]
        mine = sum(row["pid"] == one for row in told["sessions"])
        with attack.stopped(one), contextlib.ExitStack() as stack:
            askers = [stack.enter_context(Asker(front)) for _ in range(5)]
            # It hears them all in one moment, however loaded the machine.
            with attack.stopped(keeper(front)):
                for asker in askers:
                    asker.ask(listener="many", limit=HELD)
            told = [asker.answer() for asker in askers]
        refused = [answer for answer in told if not answer["ok"]]
        assert [answer["code"] for answer in refused] == ["unavailable"]
        for answer in told:
            if answer["ok"]:
                assert [row["pid"] for row in answer["silent"]] == [one]
                assert not answer["silent"][0]["gone"]
                assert len(answer["sessions"]) == HELD - mine
        # It is back, and what it still says of them disturbs nobody.
        def whole():
            told = sessions(front, listener="many")
            return told["ok"] and not told["silent"] and \
                told["matched"] == HELD
        wait.until(whole, "an answer of all")


def test_a_worker_that_dies_amid_an_answer(front):
    with crowd(front, "few", 20), Asker(front) as asker:
        held(front, "few", 20)
        one = sorted(workers(front))[0]
        os.kill(one, signal.SIGSTOP)
        asker.ask()
        os.kill(one, signal.SIGKILL)
        told = asker.answer()
        assert told["ok"] and all(row["gone"] for row in told["silent"])
        wait.until(lambda: len(workers(front) - {one}) == 2, "a new worker")
        wait.until(lambda: not sessions(front)["silent"], "all to answer")


def test_sessions_that_end_amid_an_answer(front):
    """The question stands at sessions that are gone when it is worked at."""
    with crowd(front, "few", 50) as first, crowd(front, "few", 50), \
            Asker(front) as asker:
        held(front, "few", 100)
        with contextlib.ExitStack() as hang:
            for pid in workers(front):
                hang.enter_context(attack.stopped(pid))
            asker.ask(listener="few")
            first.close()       # each worker begins with these
        told = asker.answer()
        assert told["silent"] == [] and 50 <= told["matched"] <= 100
        assert {row["phase"] for row in told["sessions"]} == {"client-tls"}
        held(front, "few", 50)


def test_askers_that_go_away_or_never_read_leave_nothing(front):
    line = b'{"command":"sessions","limit":1000}\n'
    with crowd(front, "many", 200):
        held(front, "many", 200)
        with Asker(front) as deaf:
            deaf.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(2000):
                    deaf.socket.send(line)
            for _ in range(20):
                with Asker(front) as gone:
                    gone.socket.sendall(line)
            for junk in (b"\0" * 100 + b"\n", b"[" * 4000 + b"\n", b"\xff" * 9,
                         b'{"command":"sessions","from":"\xff"}\n',
                         b"x" * 5000):
                with Asker(front) as noise:
                    noise.socket.sendall(junk)

            def served():
                told = sessions(front, listener="many")
                return told["ok"] and told["matched"] == 200
            wait.until(served, "an answer beside the one who never reads")

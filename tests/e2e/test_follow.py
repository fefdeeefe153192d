"""`posternctl log`: lines as they are written, for who follows them.

One postern for all; each test looks for lines of addresses of its own.
"""

import contextlib
import json
import signal
import socket
import subprocess
import threading

import pytest

import attack
from attack import guess, guesses
from harness import wait
from harness.double import Double
from harness.postern import Postern, binary

FOLLOWERS_MOST = 8
ASK = b'{"command":"log"}\n'


def make(place, name, form):
    server = Double(place, name=f"double-{name}", auth_clear="LOGIN PLAIN",
                    t_535="535 no")
    program = Postern(place, {"mx": {}}, [server.address], name=name, options={
        "source_limit": {"delay": "0s", "failures": 3},
        "soft_ban": {"mode": "off"}, "log": {"format": form}})
    return server, program.start()


@pytest.fixture(scope="module")
def front(place):
    server, program = make(place, "json", "json")
    yield program
    program.stop_clean()
    server.stop()


@pytest.fixture(autouse=True)
def nobody(front):
    """Those of the test before have been seen to leave."""
    wait.until(lambda: followers(front) == 0, "nobody to follow")


def followers(front):
    return ask(front, command="status")["control"]["followers"]


class Follower:
    """Follows by the control socket; it begins when it has been told so."""

    def __init__(self, front, **request):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(wait.DEADLINE_S)
        self.socket.connect(str(front.control))
        request["command"] = "log"
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        self.lines = self.socket.makefile()
        self.begun = self.answer()

    def answer(self):
        line = self.lines.readline()
        return json.loads(line) if line else None

    def until(self, wanted):
        """The events up to the first that is wanted(event)."""
        seen = []
        while not seen or not wanted(seen[-1]):
            seen.append(json.loads(self.answer()["line"]))
        return seen

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.lines.close()
        self.socket.close()


@contextlib.contextmanager
def following(front, *words, json_out=True):
    """posternctl log as a process, and what it has been told to print."""
    argv = [binary("posternctl"), "--socket", front.control, "log", *words]
    with subprocess.Popen([*argv, *(["--json"] if json_out else [])],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(front, source, process):
    """It prints lines of this source: the last of them."""
    lines = []
    reader = threading.Thread(
        target=lambda: [lines.append(line) for line in process.stdout],
        daemon=True)
    reader.start()

    def look():
        guess(front.ports["mx"], source, secret="secret")
        return [line for line in list(lines) if source in line]
    return wait.until(look, f"a line of {source}")[-1]


def ask(front, **request):
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(wait.DEADLINE_S)
        one.connect(str(front.control))
        one.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(one.makefile().readline())


def test_lines_of_all_processes(front, strangers):
    with Follower(front) as follower:
        assert follower.begun["ok"]
        guesses(front.ports["mx"], strangers[0], 3, word="never-shown")
        seen = follower.until(lambda e: e["event"] == "ban")
        rest = follower.until(lambda e: e["event"] == "session"
                              and e["src"] == strangers[0])
    processes = {event["process"].split("-")[0] for event in seen + rest}
    assert {"keeper", "worker"} <= processes
    assert all(event["time"] and event["level"] for event in seen)
    assert "never-shown" not in json.dumps(seen + rest)
    for event in seen + rest:
        front.wait_event(event["event"], time=event["time"])


def test_filters(front, strangers):
    port = front.ports["mx"]
    with Follower(front, **{"from": strangers[1]}) as source, \
            Follower(front, event="ban", rule="source-limit") as bans, \
            Follower(front, user="BERTA") as name:
        guess(port, strangers[2], "cesar")
        guesses(port, strangers[1], 3, "berta")
        guess(port, strangers[2], "cesar")
        seen = source.until(lambda e: e["event"] == "ban")
        assert all(strangers[1] in (e.get("src"), e.get("prefix"),
                                    e.get("address")) for e in seen)
        seen = bans.until(lambda e: e["src"] == strangers[1])
        assert {(e["event"], e["rule"]) for e in seen} == \
            {("ban", "source-limit")}
        seen = name.until(lambda e: e["event"] == "session")
        assert {e["user"] for e in seen} == {"berta"}


@pytest.mark.parametrize("request_", [
    {"from": "x"}, {"from": 1}, {"event": ""}, {"event": 7}, {"user": {}},
    {"rule": "x" * 200}])
def test_filters_that_make_no_sense(front, request_):
    told = ask(front, command="log", **request_)
    assert not told["ok"] and told["code"] == "usage" and told["hint"]


def test_eight_follow_and_a_ninth_is_told_why(front):
    with contextlib.ExitStack() as stack:
        for _ in range(FOLLOWERS_MOST):
            assert stack.enter_context(Follower(front)).begun["ok"]
        told = ask(front, command="log")
        assert told["code"] == "unavailable" and "eight" in told["error"]
    wait.until(lambda: followers(front) == 0, "their places to be free")


def test_count_ends_it(front, strangers):
    with following(front, "--count", "2", "--from", strangers[3]) as process, \
            Follower(front) as follower:
        # One sees what the other does: both follow.
        def both():
            guess(front.ports["mx"], strangers[3], secret="secret")
            return process.poll() is not None
        wait.until(both, "two lines")
        out, err = process.communicate(timeout=wait.DEADLINE_S)
        assert process.returncode == 0 and not err
        events = [json.loads(line) for line in out.splitlines()]
        assert len(events) == 2
        assert all(strangers[3] in json.dumps(event) for event in events)
        assert follower.begun["ok"]


def test_a_follower_that_does_not_read_is_dropped(front, strangers):
    port = front.ports["mx"]
    with Follower(front) as deaf, \
            Follower(front, **{"from": strangers[4]}) as other:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

        def dropped():
            guesses(port, None, 20, "u" * 120)     # loopback: never banned
            return ask(front, command="status")["control"]["dropped"] > 0
        wait.until(dropped, "the deaf one to be dropped", 3 * wait.DEADLINE_S)
        guess(port, strangers[4], secret="secret")
        other.until(lambda e: e["event"] == "session")
        last, octets = None, 0
        while (answer := deaf.answer()) is not None:
            last, octets = answer, octets + len(str(answer))
        assert octets < 1 << 20     # what the kernel holds, and 64 KiB
        assert not last["ok"] and "64 KiB" in last["error"]
        assert ask(front, command="version")["ok"]


def test_who_talks_or_leaves_is_nobody_s_trouble(front, strangers):
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as gone:
            gone.connect(str(front.control))
            gone.sendall(ASK * 50)
    with Follower(front) as follower:
        follower.socket.sendall(b"x" * 200000 + b"\n" + ASK)
        guess(front.ports["mx"], strangers[5], secret="secret")
        follower.until(lambda e: e["event"] == "session")
    wait.until(lambda: followers(front) == 0, "all places to be free again")


def test_the_end_of_postern_and_of_who_follows(place, strangers):
    """Text format, too."""
    server, front = make(place, "text", "text")
    with following(front, json_out=False) as process, \
            following(front) as parsed, following(front) as other:
        line = heard(front, strangers[6], process)
        assert f"src={strangers[6]}" in line
        event = json.loads(heard(front, strangers[6], parsed))
        assert event["event"] and event["process"] and event["level"]
        heard(front, strangers[6], other)
        other.send_signal(signal.SIGINT)
        assert other.wait(wait.DEADLINE_S) == -signal.SIGINT
        front.stop_clean()
        for one in (process, parsed):
            assert one.wait(wait.DEADLINE_S) == 3
            assert "has ended" in one.stderr.read()
    server.stop()


@pytest.mark.parametrize("words, code", [
    (["log", "--count", "0"], 2), (["log", "--from", "x"], 2),
    (["log", "more"], 2), (["log", "--limit", "1"], 2),
    (["status", "--count", "1"], 2), (["bans", "--event", "x"], 2)])
def test_words_that_make_no_sense(front, words, code):
    done = subprocess.run(
        [binary("posternctl"), "--socket", front.control, *words],
        capture_output=True, text=True, timeout=wait.DEADLINE_S)
    assert done.returncode == code and not done.stdout
    assert done.stderr.startswith("posternctl: ")


def test_the_log_is_followed_again_by_a_new_keeper(front, strangers):
    keeper = ask(front, command="bans.serial")["pid"]
    with following(front) as process:
        heard(front, strangers[7], process)
        attack.shoot(keeper, signal.SIGKILL)
        assert process.wait(wait.DEADLINE_S) == 3

    def back():
        try:
            return ask(front, command="log")["ok"]
        except (OSError, ValueError):
            return False
    wait.until(back, "the next keeper")

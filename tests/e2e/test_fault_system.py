"""The system says no, stumbles or jumps, while 50 clients go on."""

import contextlib
import errno
import os
import time

import pytest

import attack
from attack import guess, processes
from harness import wait
from harness.postern import Postern
from load import MANY, Before, Load, clean
from shim import Trouble

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

LIMIT = 3
YEARS_10_S = 10 * 365 * 86400
HOUR_S = 3600


@pytest.fixture
def site(double, postern):
    """site(**options): (server, front, trouble), not yet started."""
    def make(name="postern", **options):
        server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
        front = postern({"mx": {}}, [server.address], run=False, name=name,
                        options={
            "source_limit": {"delay": "0s", "failures": LIMIT,
                             "ban": "1h", **options.pop("limit", {})},
            "banned": {"answer": "close"}, **options})
        return server, front, Trouble(front)
    return make


# accept, recv, send

PASSING = ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EPERM",
           "EINTR", "EPROTO", "EAGAIN")


def test_accept_fails(site, strangers):
    """The door is paused and opens again; nobody inside notices."""
    server, front, trouble = site()
    front.start()
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        for name in PASSING:
            trouble.fail("accept", getattr(errno, name), 4)
            wait.until(lambda: trouble.left("accept") == 0, name)
            load.more(MANY)
    assert load.wrong == [] and load.book.check(server) >= MANY
    # Whoever was at the door came in, or was told to come again.
    assert load.book.losses <= 4 * len(PASSING)
    before.check(strangers[60])


def test_accept_fails_for_ever_without_a_busy_loop(site, strangers):
    server, front, trouble = site()
    front.start()
    before = Before(front)
    inside = attack.greeted(front.ports["mx"], strangers[0])
    with Load(front, strangers[1:MANY]) as load:
        for name in ("EMFILE", "EPERM", "EBADF"):
            trouble.fail("accept", getattr(errno, name), 1 << 30)
            time.sleep(1)       # what would spin is counted
            tried = (1 << 30) - trouble.left("accept")
            trouble.fail("accept", 0, 0)
            assert 0 < tried < 30, (name, tried)
            inside.message(b"Subject: -1\r\n\r\nx\r\n")
            load.more(MANY)
    assert front.events("no-descriptors") and front.events("accept-failed")
    assert len(front.events(level="error")) < 30
    inside.quit()
    inside.close()
    before.check(strangers[60])


def test_reads_and_writes_stumble(site, strangers):
    """EINTR, EAGAIN without end, one octet at a time."""
    server, front, trouble = site()
    front.start()
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        trouble.storm(True)
        load.more(2 * MANY)
        assert trouble.stumbles() > 1000
        trouble.storm(False)
        load.more(MANY)
    assert load.wrong == [] and load.book.losses == 0
    assert load.book.check(server) >= MANY
    before.check(strangers[60])


# The clock (BAN-07)

def left_s(front, source):
    for ban in front.ctl("bans", "list", json_out=True)["bans"]:
        if ban["prefix"].split("/")[0] == source:
            return ban["left_s"]
    return None


def ban(front, source):
    for n in range(LIMIT):
        assert guess(front.ports["mx"], source, secret=f"g{n}") == 535
    assert guess(front.ports["mx"], source, secret="secret") is None


def again(front, count):
    front.stop_clean()
    front.spawn()
    front.wait_ready(count)


def test_BAN_07_clock_jumps(site, strangers):
    """What runs counts its own time; what is stored is never longer than it
    was meant, whatever the clock says at the next start."""
    server, front, trouble = site()
    a, b, c = strangers[100:103]
    front.start()
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        ban(front, a)
        front.ctl("bans", "add", c, "--for", "3s")
        began = time.monotonic()
        for offset in (-HOUR_S, YEARS_10_S):
            trouble.clock(offset)
            load.more(MANY)
            assert HOUR_S - 60 < left_s(front, a) <= HOUR_S
            assert guess(front.ports["mx"], a, secret="secret") is None
        ban(front, b)       # its end stands in the file as of 2036
        wait.until(lambda: guess(front.ports["mx"], c, secret="secret") == 235,
                   "an end of three seconds")
        assert 2 < time.monotonic() - began < 8
        attack.stored(front, journal=False)
    assert load.wrong == [] and load.book.losses == 0
    before.check(strangers[60])
    trouble.clock(0)
    again(front, 2)
    assert HOUR_S - 60 < left_s(front, b) <= HOUR_S
    assert HOUR_S - 60 < left_s(front, a) <= HOUR_S
    trouble.clock(-HOUR_S)  # a step back is no longer ban
    again(front, 3)
    assert left_s(front, a) <= HOUR_S and left_s(front, b) <= HOUR_S
    trouble.clock(YEARS_10_S + 2 * HOUR_S)
    again(front, 4)
    assert left_s(front, a) is None and left_s(front, b) is None
    clean(front, a)


# fork, exec, randomness

def test_fork_refused(site, strangers):
    """At the start, and when one is to be replaced: tried again, told."""
    server, front, trouble = site()
    trouble.fail("fork", errno.EAGAIN, 3)
    front.start()
    assert len(front.events("process", level="error")) == 3
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        trouble.fail("fork", errno.EAGAIN, 1)
        attack.kill_pid(processes(front)["worker"][0])
        front.wait_event("process", 4, level="error")
        load.more(MANY)
        wait.until(lambda: len(processes(front)["worker"]) == 2, "both")
        load.more(MANY)
    said = front.events("process", level="error")[0]["message"]
    assert "cannot be started: Resource temporarily unavailable" in said
    assert load.wrong == [] and load.book.check(server) >= MANY
    before.check(strangers[60])


def test_exec_refused(site, strangers):
    """Without keeper and helper mail passes; the log says what is wrong."""
    server, front, trouble = site(policy_unavailable="allow")
    trouble.fail("exec", errno.EACCES, 1 << 30)
    front.start()
    front.wait_event("process", 2, level="error")
    said = front.events("process", level="error")[0]["message"]
    assert "cannot be executed: Permission denied" in said
    clean(front, strangers[0])
    trouble.fail("exec", 0, 0)
    wait.until(lambda: processes(front)["keeper"], "a keeper")
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        load.more(MANY)
    assert load.book.check(server) >= MANY
    before.check(strangers[60])


def test_randomness_refused(site):
    """No keys, no start."""
    server, front, trouble = site()
    trouble.fail("random", errno.ENOSYS, 1 << 30)
    front.spawn()
    assert front.process.wait(wait.DEADLINE_S) != 0
    assert "secret.c" in front.log()
    front.process = None


# Two copies

def test_second_copy(site, postern, folder, strangers):
    """It leaves with a word, whatever of the first it would share."""
    server, front, _ = site()
    front.start()
    before = Before(front)
    ban(front, strangers[100])
    attack.stored(front, journal=False)
    with Load(front, strangers[1:MANY]) as load:
        same = Postern(folder, {"mx": {}}, [server.address], name="same")
        ports = Postern(folder, {"mx": {}}, [server.address], name="ports")
        state = Postern(folder, {"mx": {}}, [server.address], name="state",
                        options={"state_dir": front.state})
        same.conf_path.write_text(front.conf_path.read_text())
        ports.conf_path.write_text(ports.conf_path.read_text().replace(
            str(ports.control), str(front.control)))
        for second, word in ((same, "another program (a second postern?)"),
                             (ports, "another postern answers"),
                             (state, "another postern")):
            with contextlib.ExitStack() as stack:
                stack.callback(second.kill)
                second.spawn()
                assert second.process.wait(wait.DEADLINE_S) in (71, 78)
                assert word in second.log(), second.name
        load.more(MANY)
        assert front.ctl("status", json_out=True)["bans"] == 1
    assert load.wrong == [] and load.book.losses == 0
    assert load.book.check(server) >= MANY
    before.check(strangers[60])

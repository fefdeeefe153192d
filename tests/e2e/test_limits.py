"""Limits: sessions, memory, descriptors. Reaching one is 421, not a crash."""

import os
import pathlib
import resource
import socket
import subprocess
import threading
import time

import pytest

from attack import processes, timed
from harness import wait
from harness.postern import USER
from harness.raw import Broken

PAGE = resource.getpagesize()
TICKS = os.sysconf("SC_CLK_TCK")
FEW_MB = 16     # of all sessions together


@pytest.fixture
def mx(double, postern, monkeypatch):
    """One worker, so that what one is allowed can be counted."""
    # What was freed shall not count as memory in use.
    monkeypatch.setenv("POSTERN_ASAN_OPTIONS", "detect_leaks=1:"
                       "abort_on_error=0:quarantine_size_mb=1")

    def start(listener=None, options=None, backend=None, **params):
        params.setdefault("auth_clear", "LOGIN PLAIN")
        server = double(**params)
        front = postern({"mx": listener or {}},
                        {"domino": {"servers": [server.address],
                                    **(backend or {})}},
                        options={"workers": 1, **(options or {})})
        return server, front
    return start


@pytest.fixture
def greeted(client):
    def connect(front, **more):
        one = client(front.ports["mx"], **more)
        one.reply(220)
        one.ehlo()
        return one
    return connect


def worker(front):
    pids = processes(front)["worker"]
    assert len(pids) == 1
    return pids[0]


def resident_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/statm").read_text()
    return int(text.split()[1]) * PAGE / 1e6


def cpu_s(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def limit_descriptors(pid, count):
    # As its user: root in a container may not have CAP_SYS_RESOURCE.
    subprocess.run(["setpriv", "--reuid", USER, "--regid", USER,
                    "--clear-groups", "prlimit", "--pid", str(pid),
                    f"--nofile={count}:"], check=True)


def stand_still(server):
    """Wait until the server has had nothing to do for a moment."""
    seen = [-1, 0.0]

    def look():
        count = len(server.events())
        if count != seen[0]:
            seen[:] = [count, time.monotonic()]
        return time.monotonic() - seen[1] > 0.5
    wait.until(look, "quiet")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# Sessions

def test_one_session_more_than_allowed_is_421(mx, client, greeted):
    server, front = mx(options={"sessions_most": 10})
    inside = [greeted(front) for _ in range(10)]
    for _ in range(3):
        c = client(front.ports["mx"])
        c.reply(421)
        c.expect_closed()
    assert len(server.of("connect")) == 10
    for c in inside:
        c.message(b"x\r\n")
    inside[0].quit()
    inside[0].close()
    front.wait_event("session")
    greeted(front).message(b"y\r\n")
    assert len(server.messages()) == 11


def test_thousand_short_sessions_leave_nothing_behind(mx, greeted):
    server, front = mx(options={"log": {"level": "info"}})

    def some(count):
        for number in range(count):
            c = greeted(front)
            if number % 4 == 0:
                c.auth_plain()
                c.message(b"x\r\n")
            if number % 4 == 1:
                c.line("HELP")
                c.reset()
            c.close()
    some(50)
    front.wait_event("session", 50)
    pid = worker(front)
    fds, mb = descriptors(pid), resident_mb(pid)
    some(400)
    front.wait_event("session", 450)
    assert descriptors(pid) == fds
    assert resident_mb(pid) - mb < FEW_MB


# Memory

def test_clients_that_do_not_read_cost_little(mx, client, small_queues):
    """RES-02, PIP-09: postern stops reading, and no queue grows."""
    many = "".join(f"214-{'x' * 400}\\n" for _ in range(60)) + "214 x"
    server, front = mx({"idle_commands_most": 100000},
                       faults=["say=help:" + many])
    pid = worker(front)
    deaf = []
    for _ in range(200):
        c = client(front.ports["mx"])
        c.reply(220)
        c.ehlo()
        deaf.append(c)
    before = resident_mb(pid)
    flood = b"HELP\r\n" * 400
    for c in deaf:
        c.sock.setblocking(False)
        c.sock.send(flood)
    stand_still(server)
    assert resident_mb(pid) - before < FEW_MB
    # What nobody reads is not asked for.
    assert len(server.commands()) < 200 * 400
    with timed(longest_s=5):
        c = client(front.ports["mx"])
        c.reply(220)
        c.ehlo()
        c.message(b"x\r\n")


def test_server_that_does_not_read_stops_the_client(mx, greeted):
    server, front = mx(faults=["stop-in-body=1000"],
                       options={"shutdown_grace": "1s"})
    pid = worker(front)
    cs = [greeted(front) for _ in range(8)]
    before = resident_mb(pid)
    taken = 0
    for c in cs[:1]:
        c.envelope()
        c.cmd("DATA", 354)
        c.sock.settimeout(1)
        chunk = b"x" * 998 + b"\r\n"
        with pytest.raises(socket.timeout):
            while taken < 200_000_000:
                taken += c.sock.send(chunk * 64)
    # What the kernel's queues hold, and no more.
    assert taken < 64_000_000
    assert resident_mb(pid) - before < FEW_MB
    # A session that is stuck slows no other one.
    server.clear_faults()
    with timed(longest_s=5):
        for c in cs[1:]:
            c.message(b"x\r\n")


def test_large_message_to_a_slow_server_streams(mx, greeted):
    server, front = mx(faults=["slow-body=20000000"])
    pid = worker(front)
    c = greeted(front)
    before = resident_mb(pid)
    body = b"x" * 998 + b"\r\n"
    c.envelope()
    c.cmd("DATA", 354)
    highest = 0
    for _ in range(100):
        c.send(body * 200)
        highest = max(highest, resident_mb(pid))
    c.send(b".\r\n")
    c.reply(250)
    assert server.wait_for("message")["octets"] == 20_000_000
    assert highest - before < FEW_MB


# Descriptors

def test_out_of_descriptors_neither_spins_nor_lasts(mx, client, greeted):
    """RES-05"""
    server, front = mx(options={"log": {"level": "info"}})
    inside = greeted(front)
    pid = worker(front)
    limit_descriptors(pid, descriptors(pid) + 20)
    crowd = [socket.create_connection(("127.0.0.1", front.ports["mx"]))
             for _ in range(50)]
    front.wait_event("no-descriptors")
    before, lines = cpu_s(pid), len(front.events())
    crowd[0].settimeout(1.0)    # a second to look at
    inside.silent(1.0)
    assert cpu_s(pid) - before < 0.25
    assert len(front.events("no-descriptors")) < 10
    assert len(front.events()) - lines < 100
    # Who is inside goes on.
    inside.message(b"x\r\n")
    answers = []
    for one in crowd:
        one.setblocking(False)
        try:
            answers.append(one.recv(100)[:3])
        except BlockingIOError:
            pass        # it waits in the queue
    assert set(answers) <= {b"220", b"421"} and len(answers) < 50
    for one in crowd:
        one.close()

    def again():
        try:
            c = client(front.ports["mx"], timeout_s=2)
            return c.reply().code == 220 and c
        except (Broken, OSError):
            return None
    c = wait.until(again, "a greeting, since there is room again")
    c.ehlo()
    c.message(b"y\r\n")


def test_storm_of_resets_is_survived(mx, client, greeted):
    """RES-04"""
    server, front = mx(options={"log": {"level": "info"}})
    pid = worker(front)
    fds = descriptors(pid)

    def storm():
        for _ in range(150):
            client(front.ports["mx"]).reset()
    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    greeted(front).quit()
    wait.until(lambda: descriptors(pid) == fds, "end of all sessions")
    assert worker(front) == pid

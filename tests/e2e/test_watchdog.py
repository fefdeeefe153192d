"""What the service manager is told, and who hangs is started anew.

The service manager is a socket of the test's. A process that is stopped is one
that hangs: it does not die, so nobody would start it again.
"""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

import page
from attack import greeted, guess
from harness import wait
from harness.postern import Postern
from test_upgrade import Upgraded, running

PERIOD_MS = 4500        # of the watchdog: who is silent for a third hangs
CALM_MS = 12000         # where nobody is to be taken for one who hangs


class Manager:
    """Hears what is notified: (when, who, {name: value})."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.heard, self.lock = [], threading.Lock()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o777)
        self.thread = threading.Thread(target=self._hear, daemon=True)
        self.thread.start()

    def _hear(self):
        while True:
            text, ancillary, _, _ = self.sock.recvmsg(4096, 256)
            if text == b"END":
                return
            pid = int.from_bytes(ancillary[0][2][:4], "little")
            words = dict(line.split("=", 1)
                         for line in text.decode().splitlines())
            with self.lock:
                self.heard.append((time.monotonic(), pid, words))

    def all(self, name, pid=None):
        with self.lock:
            return [(at, words[name], words) for at, who, words in self.heard
                    if name in words and pid in (None, who)]

    def wait(self, name, count=1, pid=None):
        wait.until(lambda: len(self.all(name, pid)) >= count,
                   f"{name} for the {count}. time", 60)
        return self.all(name, pid)[count - 1]

    def more(self, name, pid=None):
        return self.wait(name, len(self.all(name, pid)) + 1, pid)

    def names(self):
        """In their order, without the watchdog's."""
        with self.lock:
            return [name for _, _, words in self.heard for name in words
                    if name not in ("WATCHDOG", "MONOTONIC_USEC")]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"END", self.path)
        self.thread.join(wait.DEADLINE_S)
        self.sock.close()


@pytest.fixture
def manager(folder):
    one = Manager(folder)
    yield one
    one.close()


def started(front, manager, **env):
    front.env["NOTIFY_SOCKET"] = manager.path
    front.env.update({name: str(value) for name, value in env.items()})
    front.start()
    return front


@pytest.fixture
def site(double, folder, manager):
    """With all its processes; and what it told."""
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    place = folder / "site"
    place.mkdir()
    web, door = page.options(place)
    front = Postern(place, {"mx": {}}, [server.address], options={
        **web, "answer_within": "1h", "shutdown_grace": "1s",
        "source_limit": {"delay": "0s"}})
    started(front, manager, WATCHDOG_USEC=PERIOD_MS * 1000)
    yield front, manager, door
    if front.alive():
        front.stop()
    report = front.sanitizer_report()
    assert report is None, report


def role(front, name):
    """Its last process; None: it is no more."""
    pids = [one["pid"] for one in front.events("process")
            if one["name"] == name]
    return pids[-1] if pids and running(pids[-1]) else None


def test_who_hangs_is_killed_and_started_anew(site):
    """Each of them at once; mail goes on, and the watchdog is content."""
    front, manager, door = site
    manager.wait("READY")
    kinds = ("keeper", "firewall", "dash", "worker-1")
    hung = {kind: wait.until(lambda k=kind: role(front, k), kind)
            for kind in kinds}
    manager.more("WATCHDOG")
    for pid in hung.values():
        os.kill(pid, signal.SIGSTOP)
    for kind, pid in hung.items():
        # The helper has six times as long.
        said = wait.until(lambda p=pid: [
            one for one in front.events("process-hung") if one["pid"] == p],
            f"a word of the {kind} that hangs", 120)
        assert said[0]["ms"] >= PERIOD_MS // 3 and said[0]["name"]
        front.wait_event("process-ended", pid=pid, signal=9)
    for kind, pid in hung.items():
        wait.until(lambda k=kind, p=pid: role(front, k) not in (None, p),
                   f"another {kind}")
    wait.until(lambda: guess(front.ports["mx"], None, secret="secret") == 235,
               "a login")
    wait.until(lambda: page_answers(door), "the page")
    manager.more("WATCHDOG")
    assert manager.names() == ["READY"]


def page_answers(door):
    with contextlib.suppress(OSError):
        return door.get("/")[0] == 200
    return False


def test_what_no_new_start_mends_is_not_called_well(site):
    """A keeper that dies each time, and then one that lives."""
    front, manager, _ = site
    manager.wait("WATCHDOG")

    def silent():
        pid = role(front, "keeper")
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return time.monotonic() - manager.all("WATCHDOG")[-1][0] > \
            PERIOD_MS / 1000
    wait.until(silent, "silence for a period", 90)
    manager.more("WATCHDOG")
    assert front.alive()


def test_reload_and_stop_are_told(site):
    front, manager, _ = site
    manager.wait("READY")
    front.process.send_signal(signal.SIGHUP)
    at = int(manager.wait("RELOADING")[2]["MONOTONIC_USEC"])
    assert 0 < at <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.wait("READY", 2)
    front.conf_path.write_text(front.conf_path.read_text() + "wrong = 1\n")
    front.process.send_signal(signal.SIGHUP)    # refused: it is ready still
    manager.wait("RELOADING", 2)
    manager.wait("READY", 3)
    front.stop()
    manager.wait("STOPPING")
    names = manager.names()
    assert names[0] == "READY" and names[-1] == "STOPPING", names
    assert names.count("STOPPING") == 1


def test_the_watchdog_of_another_process_is_not_ours(double, folder, manager):
    server = double()
    front = started(Postern(folder, {"mx": {}}, [server.address]), manager,
                    WATCHDOG_USEC=100000, WATCHDOG_PID=1)
    try:
        manager.wait("READY")
        front.ctl("reload")
        manager.wait("READY", 2)
    finally:
        front.stop()
    manager.wait("STOPPING")
    assert manager.all("WATCHDOG") == []


def test_the_new_program_is_named_and_goes_on_with_the_watchdog(
        double, folder, manager):
    """Also where the environment names the first process."""
    server = double(auth_clear="LOGIN PLAIN")
    front = Upgraded(folder, {"mx": {}}, [server.address])
    front.argv = ["/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$0" "$@"',
                  *front.argv]
    started(front, manager, WATCHDOG_USEC=CALM_MS * 1000)
    try:
        first = front.process.pid
        manager.wait("WATCHDOG", pid=first)
        with greeted(front.ports["mx"]) as old:
            assert front.upgrade()[0] == 0
            new = front.main()
            assert int(manager.wait("MAINPID", pid=first)[1]) == new
            told = len(manager.all("WATCHDOG", first))
            manager.more("WATCHDOG", pid=new)
            assert running(first), "it has a session open"
            assert len(manager.all("WATCHDOG", first)) == told
            old.quit()
        wait.until(lambda: not running(first), "the old one's end")
        manager.more("WATCHDOG", pid=new)
    finally:
        front.end()
    manager.wait("STOPPING", pid=new)
    assert manager.all("STOPPING", first) == []
    assert front.sanitizer_report() is None

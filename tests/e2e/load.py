"""Clients that go on while something breaks, and what must hold of them.

Senders give each message a number of its own and keep book of what they saw:
a message whose client saw 250 is at the server exactly once, and nothing is
there whose client did not end it. `Before` is the rule U: what there was
before the trouble is there again behind it, and a clean session succeeds.
"""

import contextlib
import itertools
import os
import pathlib
import re
import threading
import time

import attack
from attack import greeted, processes
from harness import wait
from harness.raw import Broken, Client

MANY = 50
LINE = b"a line that makes it long enough for several segments\r\n"


class Book:
    """What the senders know of their messages, by number."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count()
        self.state = {}
        self.losses = 0

    def new(self):
        with self.lock:
            number = next(self.numbers)
            self.state[number] = "new"
            return number

    def check(self, server):
        """Against what the server has stored; gives how many were seen."""
        stored = {}
        for path in (pathlib.Path(server.maildir) / "new").iterdir():
            head, _, body = path.read_bytes().partition(b"\r\n\r\n")
            number = int(head.removeprefix(b"Subject: "))
            if number < 0:
                continue    # of no sender: see clean()
            assert body == text(number).partition(b"\r\n\r\n")[2], number
            stored[number] = stored.get(number, 0) + 1
        acked = {n for n, state in self.state.items() if state == "acked"}
        ended = {n for n, state in self.state.items() if state == "ended"}
        assert all(count == 1 for count in stored.values()), stored
        assert acked <= stored.keys(), f"lost: {acked - stored.keys()}"
        extra = stored.keys() - acked - ended
        assert not extra, f"never ended by a client: {extra}"
        return len(acked)


def text(number):
    return b"Subject: %d\r\n\r\n%b.\r\n%d\r\n" % (number, LINE * 40, number)


def send(client, book, number):
    """In some writes, so that death may come anywhere."""
    client.envelope()
    client.cmd("DATA", 354)
    octets = text(number).replace(b"\r\n.", b"\r\n..")
    for start in range(0, len(octets), 500):
        client.send(octets[start:start + 500])
    book.state[number] = "ended"
    client.send(b".\r\n")
    client.reply(250)
    book.state[number] = "acked"


class Load:
    """Senders, and a banned source that knocks; all until the end."""

    def __init__(self, front, sources, banned=None):
        self.front, self.port = front, front.ports["mx"]
        self.book, self.banners, self.wrong = Book(), [], []
        self.more_args = {}     # of each client
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._send, args=(source,),
                                         daemon=True) for source in sources]
        if banned:
            self.threads.append(threading.Thread(
                target=self._knock, args=(banned,), daemon=True))

    def _send(self, source):
        while not self.stop.is_set():
            try:
                with greeted(self.port, source,
                             **self.more_args) as client:
                    code = client.auth_plain("anna", "secret").code
                    if code == 421:     # told that postern stops
                        raise Broken("stopping")
                    if code != 235:
                        self.wrong.append(code)
                    for _ in range(3):
                        send(client, self.book, self.book.new())
                    client.quit()
            except (Broken, OSError):
                with self.book.lock:
                    self.book.losses += 1
                # Nobody listens for a moment; a client comes again later.
                self.stop.wait(0.02)

    def _knock(self, source):
        while not self.stop.is_set():
            with contextlib.suppress(Broken, OSError):
                with Client(self.port, source=source, timeout_s=5) as client:
                    self.banners.append(client.read_line())
            self.stop.wait(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for thread in self.threads:
            thread.join(attack.NEVER_S)

    def acked(self):
        return list(self.book.state.values()).count("acked")

    def more(self, count=20, timeout_s=wait.DEADLINE_S):
        """Wait for that many more messages."""
        wanted = self.acked() + count
        wait.until(lambda: self.acked() >= wanted, f"{count} more messages",
                   timeout_s)


# The rule U

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Before:
    """What an idle postern has; `check` when the load is over."""

    def __init__(self, front):
        self.front = front
        wait.until(lambda: all(processes(front).values()) and
                   not self.sessions(), "all processes at rest")
        self.fds = wait.until(self._still, "an end of all beginnings")

    def _still(self):
        """The descriptors, if they are the same for a moment."""
        with contextlib.suppress(FileNotFoundError):
            seen = self.now()
            for _ in range(5):
                time.sleep(0.03)
                if self.now() != seen:
                    return None
            return seen
        return None

    def now(self):
        """Descriptors: supervisor, keeper, helper, each worker."""
        found = {"supervisor": [descriptors(self.front.process.pid)]}
        for role, pids in processes(self.front).items():
            found[role] = sorted(map(descriptors, pids))
        return found

    def _same(self):
        with contextlib.suppress(FileNotFoundError, AssertionError):
            return not self.sessions() and self.now() == self.fds
        return False

    def sessions(self):
        status = self.front.ctl("status", json_out=True)
        return sum(worker["sessions"] for worker in status["workers"])

    def check(self, source, log=None, **more):
        front = self.front
        assert front.alive() and front.sanitizer_report() is None
        try:
            wait.until(self._same, "all as before")
        except wait.TooLate:
            raise AssertionError(f"{self.sessions()} sessions, before "
                                 f"{self.fds}, now {self.now()}") from None
        clean(front, source, **more)
        text = front.log() if log is None else log
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def clean(front, source, **more):
    """A whole session, as it should be."""
    with greeted(front.ports["mx"], source, **more) as client:
        client.auth_plain("anna", "secret", 235)
        client.message(b"Subject: -1\r\n\r\nclean\r\n")
        client.quit()

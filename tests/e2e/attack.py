"""What attackers and their neighbours do, in one line each.

A guess is one connection, one login and its answer. Whatever postern does to
it (a refusal, a close, a tarpit that never ends a line) is an answer too, not
an error: the tests ask what reached the server, and what others noticed.
"""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import threading
import time

from harness import wait
from harness.raw import Broken, Client

NEVER_S = 60        # a thread that is not back then hangs


def greeted(port, source=None, **more):
    """A client behind banner and EHLO."""
    one = Client(port, source=source, **more)
    try:
        one.reply(220)
        one.ehlo()
    except BaseException:
        one.close()
        raise
    return one


def guess(port, source, user="anna", secret="x", login="auth_plain", **more):
    """The code that a login got, or None: no answer at all."""
    try:
        with greeted(port, source, **more) as one:
            return getattr(one, login)(user, secret).code
    except (Broken, OSError):
        return None


def guesses(port, source, count, user="anna", word="guess", **more):
    """That many different secrets, one after another; their codes."""
    return [guess(port, source, user, f"{word}-{n}", **more)
            for n in range(count)]


def at_once(jobs):
    """Call all of them at the same moment; their results, in order."""
    results, start = [None] * len(jobs), threading.Barrier(len(jobs))

    def work(place, job):
        start.wait(NEVER_S)
        try:
            results[place] = job()
        except BaseException as error:
            results[place] = error
    threads = [threading.Thread(target=work, args=pair, daemon=True)
               for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NEVER_S)
        assert not thread.is_alive(), "a client hangs"
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def plain_token(user, secret):
    """What AUTH PLAIN takes."""
    return base64.b64encode(f"\0{user}\0{secret}".encode()).decode()


class Neighbours:
    """Right logins of others, all the time; each must succeed."""

    def __init__(self, port, sources, user="anna", secret="secret", **more):
        self.port, self.sources, self.more = port, sources, more
        self.user, self.secret = user, secret
        self.waits_s, self.troubles = [], []
        self.stop = threading.Event()

    def _live(self, source):
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                with greeted(self.port, source, **self.more) as one:
                    one.auth_plain(self.user, self.secret, 235)
                    one.quit()
            except (Broken, OSError) as error:
                self.troubles.append((source, repr(error)))
                return
            self.waits_s.append(time.monotonic() - began)

    def __enter__(self):
        self.threads = [threading.Thread(target=self._live, args=(source,),
                                         daemon=True)
                        for source in self.sources]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for thread in self.threads:
            thread.join(NEVER_S)

    def check(self, least, longest_s):
        assert not self.troubles, self.troubles
        assert len(self.waits_s) >= least
        assert max(self.waits_s) < longest_s


def explain(front, address):
    return front.ctl("explain", address, json_out=True)


def counted(front, address):
    """Failures of that source in its window, as postern says."""
    return explain(front, address)["failures"]["count"]


def settled(front):
    """Wait until no login is under way any more."""
    def look():
        status = front.ctl("status", json_out=True)
        return status["logins"]["under_way"] == 0
    wait.until(look, "end of all logins under way")


def stored(front, journal=True):
    """Wait until the store has on disk what the keeper has told it. journal:
    that, too; under load its rows never all are."""
    def look():
        store = front.ctl("status", json_out=True)["store"]
        return store["waiting"] == 0 and \
            not (journal and store["journal_waiting"])
    wait.until(look, "write of the store")


def reached(server, **fields):
    """The logins that the server judged."""
    return server.of("auth", **fields)


@contextlib.contextmanager
def timed(least_s=0.0, longest_s=wait.DEADLINE_S):
    """What happens inside takes that long."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert least_s <= took <= longest_s, f"took {took:.3f} s"


@contextlib.contextmanager
def within_a_second(front):
    """What an order of posternctl does inside is done within a second; what
    the program's own start costs on this machine now is not counted."""
    began = time.monotonic()
    front.ctl("status")
    start_s = time.monotonic() - began
    with timed(longest_s=1 + max(0.5, 3 * start_s)):
        yield


def order_bans(front, addresses, at_once=500):
    """Bans of the operator's, as fast as the keeper takes them; so many are
    on their way at a time."""
    addresses = list(addresses)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(front.control))
        answers = sock.makefile("rb")
        for at in range(0, len(addresses), at_once):
            some = addresses[at:at + at_once]
            asking = threading.Thread(target=sock.sendall, args=(b"".join(
                json.dumps({"command": "bans.add", "for": "1d",
                            "prefix": address}).encode() + b"\n"
                for address in some),))
            asking.start()
            for address in some:
                answer = json.loads(answers.readline())
                assert answer["ok"], (address, answer)
            asking.join()


def wait_entries(front, count, timeout_s=wait.DEADLINE_S):
    """Until the firewall says that it has so many entries in force."""
    wait.until(lambda: front.ctl("status", json_out=True)
               ["firewall"]["entries"] >= count,
               f"{count} entries in force", timeout_s)


# postern's processes

def processes(front):
    """{role: [pid, ...]}: keeper, firewall, worker, and dash with a page."""
    found = {"keeper": [], "firewall": [], "worker": []}
    if front.options.get("admin"):
        found["dash"] = []
    for pid in front.pids():
        try:
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for role, pids in found.items():
            if name.startswith(f"postern-{role}"[:15]):
                pids.append(pid)
    return found


def process_of(front, role):
    pids = wait.until(lambda: processes(front)[role], f"process of {role}")
    assert len(pids) == 1
    return pids[0]


def worker_of(front, client, name="mx"):
    """The worker that has this client's connection."""
    here = f":{front.ports[name]:04X}"
    there = f":{client.local[1]:04X}"
    for line in pathlib.Path("/proc/self/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1].endswith(here) and fields[2].endswith(there):
            wanted = f"socket:[{fields[9]}]"
    for pid in processes(front)["worker"]:
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(fd) == wanted:
                    return pid
    raise AssertionError("nobody has it")


def kill(front, role):
    """kill -9; returns once it is gone."""
    for pid in processes(front)[role]:
        kill_pid(pid)


def shoot(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_pid(pid):
    shoot(pid)
    wait.until(lambda: not alive(pid), f"end of {pid}")


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@contextlib.contextmanager
def stopped(pid):
    """The process hangs for that long."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        shoot(pid, signal.SIGCONT)

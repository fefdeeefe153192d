"""kill -9 of each process, under load: what may be lost and what may not.

Senders give each message a number of its own and keep book of what they saw.
Whatever dies: a message whose client saw 250 is at the server exactly once,
and nothing is there whose client did not end it. Bans hold, sessions that do
not need the dead one go on, and all is back within two seconds.
"""

import contextlib
import itertools
import time

import pytest

import attack
from attack import greeted, guess, processes, worker_of
from harness import wait
from harness.raw import Client
from load import Book, Load, send, text

LIMIT = 3
BACK_S = 2
SENDERS = 50


@pytest.fixture
def site(double, postern, strangers):
    """site(**options): a double, postern and a source that it has banned."""
    def start(workers=2, **options):
        server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
        front = postern({"mx": {}}, [server.address], options={
            "source_limit": {"delay": "0s", "failures": LIMIT},
            "banned": {"answer": "close"}, "workers": workers, **options})
        for n in range(LIMIT):
            assert guess(front.ports["mx"], strangers[0],
                         secret=f"g{n}") == 535
        assert attack.explain(front, strangers[0])["banned"]
        attack.stored(front)
        return server, front
    return start


def back(front, source, workers, began):
    """All processes, the keeper's word and mail: within two seconds."""
    def look():
        now = {role: len(pids) for role, pids in processes(front).items()}
        if now != {"keeper": 1, "firewall": 1, "worker": workers}:
            return False
        with contextlib.suppress(AssertionError):
            status = front.ctl("status", json_out=True)
            return len(status["workers"]) == workers and \
                status["firewall"]["connected"] and \
                guess(front.ports["mx"], source, secret="secret") == 235
        return False
    wait.until(look, "all that was there before",
               max(0.1, BACK_S - (time.monotonic() - began)))


@pytest.mark.parametrize("role, may_lose", [
    ("worker", True), ("keeper", False), ("firewall", False)])
def test_one_process_dies_under_load(site, strangers, role, may_lose):
    server, front = site(workers=3)
    with Load(front, strangers[1:1 + SENDERS], strangers[0]) as load:
        for _ in range(3):
            began = time.monotonic()
            attack.kill_pid(processes(front)[role][0])
            back(front, strangers[9], 3, began)
            load.more()
        assert attack.explain(front, strangers[0])["banned"]
    assert load.banners == [] and load.wrong == []
    assert bool(load.book.losses) <= may_lose, load.book.losses
    assert load.book.check(server) >= 60


def test_all_die_one_by_one_under_load(site, strangers):
    server, front = site()
    with Load(front, strangers[1:1 + SENDERS], strangers[0]) as load:
        # The helper ends with its keeper: the pids are those of the moment.
        for role in ("worker", "keeper", "firewall", "worker") * 2:
            began = time.monotonic()
            attack.kill_pid(processes(front)[role][-1])
            back(front, strangers[9], 2, began)
            load.more(10)
    assert load.banners == [] and load.wrong == []
    load.book.check(server)


def test_all_children_die_at_once_under_load(site, strangers):
    server, front = site()
    with Load(front, strangers[1:1 + SENDERS], strangers[0]) as load:
        began = time.monotonic()
        for pid in front.pids():
            attack.shoot(pid)
        back(front, strangers[9], 2, began)
        load.more()
        assert attack.explain(front, strangers[0])["banned"]
    assert load.banners == [] and load.wrong == []
    load.book.check(server)


@pytest.mark.parametrize("whom", ["all", "supervisor"])
def test_the_whole_dies_and_is_started_again(site, strangers, whom):
    server, front = site()
    with Load(front, strangers[1:1 + SENDERS], strangers[0]) as load:
        pids = [front.process.pid]
        children = list(front.pids())
        for pid in pids + (children if whom == "all" else []):
            attack.shoot(pid)
        front.process.wait()
        # Nobody keeps serving without a supervisor.
        wait.until(lambda: not any(map(attack.alive, children)),
                   "end of all its processes", 10)
        began = time.monotonic()
        front.spawn()
        back(front, strangers[9], 2, began)
        load.more()
        assert attack.explain(front, strangers[0])["banned"]
    assert load.banners == [] and load.wrong == []
    load.book.check(server)


# Which sessions go on

class Session:
    """One client, parked at some point of its session."""

    def __init__(self, front, source, book, where):
        self.client = greeted(front.ports["mx"], source)
        self.book, self.where = book, where
        self.number = book.new()
        if where != "idle":
            self.client.auth_plain("anna", "secret", 235)
        if where == "data":
            self.client.envelope()
            self.client.cmd("DATA", 354)
            self.client.send(text(self.number)[:200])
        self.worker = worker_of(front, self.client)

    def go_on(self):
        if self.where == "data":
            self.book.state[self.number] = "ended"
            rest = text(self.number).replace(b"\r\n.", b"\r\n..")[200:]
            self.client.send(rest + b".\r\n")
            self.client.reply(250)
            self.book.state[self.number] = "acked"
        else:
            if self.where == "idle":
                self.client.auth_plain("anna", "secret", 235)
            send(self.client, self.book, self.number)
        self.client.quit()


def parked(front, sources, book, workers):
    """Sessions at all points, until each worker has one of each."""
    sessions, missing = [], None
    for source in itertools.cycle(sources):
        for where in ("idle", "logged in", "data"):
            sessions.append(Session(front, source, book, where))
        missing = {(pid, where) for pid in processes(front)["worker"]
                   for where in ("idle", "logged in", "data")} - \
            {(one.worker, one.where) for one in sessions}
        if not missing:
            return sessions
        assert len(sessions) < 300, missing


@pytest.mark.parametrize("role", ["keeper", "firewall"])
def test_no_session_needs_the_keeper_or_the_helper(site, strangers, role):
    server, front = site()
    book = Book()
    sessions = parked(front, strangers[1:9], book, 2)
    began = time.monotonic()
    attack.kill(front, role)
    for session in sessions[::2]:   # at once, while it is away
        session.go_on()
    back(front, strangers[9], 2, began)
    for session in sessions[1::2]:
        session.go_on()
    assert book.check(server) == len(sessions)


def test_a_ban_is_as_hard_as_before(site, strangers):
    """Next door to people it shuts the door, where they log in it does not;
    the store knows which is which."""
    server, front = site(workers=1, prefix_limit={"mode": "off"})
    port, home = front.ports["mx"], strangers[7]
    assert guess(port, home, secret="secret") == 235
    for n in range(LIMIT):
        assert guess(port, home, "postmaster", f"g{n}") == 535
    assert attack.explain(front, home)["banned"]
    attack.stored(front)
    for _ in range(2):
        assert guess(port, strangers[0], secret="secret") is None
        assert guess(port, home, "postmaster", "right") == 454
        began = time.monotonic()
        attack.kill(front, "keeper")
        back(front, strangers[9], 1, began)


def test_a_dead_worker_takes_its_own_sessions_only(site, strangers):
    server, front = site()
    book = Book()
    sessions = parked(front, strangers[1:9], book, 2)
    victim = processes(front)["worker"][0]
    theirs = [one for one in sessions if one.worker == victim]
    others = [one for one in sessions if one.worker != victim]
    began = time.monotonic()
    attack.kill_pid(victim)
    for session in others:
        session.go_on()
    for session in theirs:
        assert session.client.expect_closed() == b""
    back(front, strangers[9], 2, began)
    # What they had begun was not completed by anybody.
    cut = sum(one.where == "data" for one in theirs)
    server.wait_for("partial", count=cut)
    assert book.check(server) == len(others)
    assert guess(front.ports["mx"], strangers[0], secret="secret") is None


def test_a_dead_workers_backlog_is_served_by_the_next(site, strangers):
    server, front = site(workers=1)
    worker = attack.process_of(front, "worker")
    with attack.stopped(worker):
        # In the kernel's queue, of a socket that the supervisor keeps too.
        waiting = [Client(front.ports["mx"], source=strangers[n])
                   for n in range(1, 20)]
        attack.kill_pid(worker)
        for client in waiting:
            client.reply(220)
            client.close()


def test_attempts_of_a_dead_worker_do_not_hold_their_source(site, strangers):
    server, front = site(workers=1)
    server.set("delay_auth", 60000)
    port, source = front.ports["mx"], strangers[1]
    clients = [greeted(port, source) for _ in range(LIMIT)]
    for n, client in enumerate(clients):
        client.line("AUTH PLAIN " + attack.plain_token("anna", f"hang{n}"))
    server.wait_for(lambda e: e["event"] == "command" and
                    "AUTH" in e["line"], count=2 * LIMIT)
    server.set("delay_auth", 0)
    attack.kill(front, "worker")
    with attack.timed(longest_s=5):
        wait.until(lambda: guess(port, source, secret="secret") == 235,
                   "a right login")

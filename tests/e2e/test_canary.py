"""A password is where it must be and nowhere else (SEC-01, SEC-02).

Many ways to send one, each with a word of its own; then all that postern
writes, says and remembers is searched for every one of them.
"""

import base64
import contextlib
import os
import pathlib
import resource
import signal
import sqlite3
import threading

import pytest

import attack
import canary
from attack import Client, greeted, process_of
from harness import wait
from harness.raw import Broken
from scripted import Scripted

LIMIT = 5
USER = "anna"
RIGHT = "the-right-one"     # of the double's user: no canary


def b64(text):
    return base64.b64encode(text.encode()).decode()


def token(secret, user=USER):
    return b64(f"\0{user}\0{secret}")


def heard(client, *lines):
    """Say them, each behind the answer to the last."""
    for line in lines:
        client.cmd(line)


# {name: how to send a secret}; what is answered is for other tests to judge.
WAYS = {
    "plain": lambda c, s: heard(c, f"AUTH PLAIN {token(s)}"),
    "plain-334": lambda c, s: heard(c, "AUTH PLAIN", token(s)),
    "login": lambda c, s: heard(c, "AUTH LOGIN", b64(USER), b64(s)),
    "login-initial": lambda c, s: heard(c, f"AUTH LOGIN {b64(USER)}", b64(s)),
    "login-clear": lambda c, s: heard(c, "AUTH LOGIN", USER, s),
    "cram-md5": lambda c, s: heard(c, "AUTH CRAM-MD5", b64(f"{USER} {s}")),
    "xoauth2": lambda c, s: heard(
        c, "AUTH XOAUTH2 " + b64(f"user={USER}\1auth=Bearer {s}\1\1")),
    "oauthbearer": lambda c, s: heard(
        c, "AUTH OAUTHBEARER " + b64(
            f"n,a={USER},\1host=h\1auth=Bearer {s}\1\1")),
    "unknown-mechanism": lambda c, s: heard(c, f"AUTH X-OWN {b64(s)}"),
    "two-spaces": lambda c, s: heard(c, f"AUTH  PLAIN {token(s)}"),
    "no-space": lambda c, s: heard(c, f"AUTHPLAIN {token(s)}"),
    "tabs": lambda c, s: heard(c, f"auth\tplain {token(s)}"),
    "no-auth": lambda c, s: heard(c, f"PLAIN {token(s)}"),
    "not-base64": lambda c, s: heard(c, f"AUTH PLAIN {s}!"),
    "two-words": lambda c, s: heard(c, f"AUTH PLAIN {token(s)} {token(s)}"),
    "pop3": lambda c, s: heard(c, f"USER {USER}", f"PASS {s}"),
    "at-the-prompt": lambda c, s: heard(
        c, f"AUTH PLAIN {token('nonsense')}", s),
    "base64-at-the-prompt": lambda c, s: heard(
        c, f"AUTH PLAIN {token('nonsense')}", b64(s)),
    "behind-helo": lambda c, s: heard(c, f"NOOP {s}", f"HELP {s}"),
    "too-long": lambda c, s: heard(c, "AUTH PLAIN " + token(s * 400)),
    "too-long-334": lambda c, s: heard(c, "AUTH PLAIN", token(s * 400)),
    "octets": lambda c, s: trickled(c, f"AUTH PLAIN {token(s)}\r\n"),
    "octets-334": lambda c, s: (heard(c, "AUTH LOGIN", b64(USER)),
                                trickled(c, b64(s) + "\r\n")),
    "pipelined": lambda c, s: (
        c.send(f"NOOP\r\nRSET\r\nAUTH PLAIN {token(s)}\r\nNOOP\r\n"),
        c.reply(), c.reply(), c.reply()),
}


def trickled(client, text):
    client.trickle(text.encode())
    client.reply()


# Leaving: what was sent until then, and no answer is waited for.
PARTS = {
    "half-a-line": lambda c, s: c.send(f"AUTH PLAIN {token(s)}"[:60]),
    "no-line-end": lambda c, s: c.send(f"AUTH PLAIN {token(s)}"),
    "half-an-answer": lambda c, s: (heard(c, "AUTH LOGIN", b64(USER)),
                                    c.send(b64(s)[:30])),
    "line-and-half": lambda c, s: (
        heard(c, "AUTH LOGIN", b64(USER)), c.send(b64(s) + "\r\n" + s)),
    "at-once": lambda c, s: c.send(f"AUTH PLAIN {token(s)}\r\n"),
    "prompt": lambda c, s: c.send(s),
}
LEAVE = {
    "close": lambda c: c.close(),
    "reset": lambda c: c.reset(),
    "half-close": lambda c: (c.half_close(), c.expect_closed(), c.close()),
}


class Site:
    def __init__(self, front, certs, sources):
        self.front, self.sources = front, iter(sources)
        self.context = certs.client_context()
        self.canaries = canary.Canaries()
        self.used = []

    def source(self):
        self.used.append(next(self.sources))
        return self.used[-1]

    def client(self, leg="clear", source=None):
        more = {"source": source or self.source()}
        if leg == "implicit":
            more["tls"] = self.context
        name = "smtps" if leg == "implicit" else "mx"
        client = greeted(self.front.ports[name], **more)
        if leg == "starttls":
            client.starttls(self.context)
            client.ehlo()
        return client

    def nothing_is_told(self):
        """Neither written nor said, and forgotten by who is still there."""
        attack.settled(self.front)
        attack.stored(self.front)
        with self.client() as client:   # what a buffer's next use covers
            client.cmd("NOOP " + "x" * 200)
            client.quit()
        assert canary.told(self.front, self.canaries, self.used) == []
        assert canary.in_memory(self.front, self.canaries) == []


@pytest.fixture
def site(double, postern, certs, strangers):
    if os.geteuid() != 0:
        pytest.skip("needs root to read the memory of others")

    def start(server=None, form="json", **options):
        if server is None:
            server = double(
                auth_clear="LOGIN PLAIN CRAM-MD5 XOAUTH2 OAUTHBEARER",
                t_535="535 no", users={USER: RIGHT}).address
        limit = {"delay": "0s", "failures": LIMIT}
        limit.update(options.pop("source_limit", {}))
        front = postern(
            {"mx": {"starttls": "optional"}, "smtps": {"tls": "implicit"}},
            [server], certificates={"mail": certs.rsa},
            options={"workers": 1, "source_limit": limit,
                     **{"log": {"format": form}, **options}})
        return Site(front, certs, strangers)
    return start


@pytest.mark.parametrize("form", ["json", "text"])
def test_SEC_01_no_way_to_send_a_password_leaves_it_anywhere(site, form):
    here = site(form=form)
    for leg in "clear", "starttls", "implicit":
        for name, way in WAYS.items():
            secret = here.canaries.new(f"{name} {leg}")
            with here.client(leg) as client, \
                    contextlib.suppress(Broken, OSError):
                way(client, secret)
    here.nothing_is_told()


@pytest.mark.parametrize("users", ["full", "hash", "none"])
def test_SEC_01_names_are_kept_as_the_log_may_show_them(site, users):
    """In the journal, too; there it is seen that somebody was there."""
    here = site(log={"format": "json", "users": users})
    for name in "carla", "Carla":
        with here.client() as client:
            # Another secret, or it would be a pair that was refused before.
            heard(client, f"AUTH PLAIN {token('not ' + name, name)}")
    here.nothing_is_told()
    written = {place: octets.lower() for place, octets
               in canary.written(here.front, here.used).items()}
    shown = {place for place, octets in written.items() if b"carla" in octets}
    if users == "full":
        assert {"log", "control"} <= shown
        assert shown & {"postern.db", "postern.db-wal"}
    else:
        assert not shown
    with contextlib.closing(sqlite3.connect(
            here.front.state / "postern.db")) as store:
        names = {row[0] for row in store.execute(
            "SELECT user FROM journal WHERE kind = 'auth-settled'")}
    assert names == {"carla", "Carla"} if users == "full" else \
        len(names) == 1 and names.pop().startswith("#")


def test_SEC_01_nor_does_one_that_is_right(site, double):
    """The success: the word is the user's own, and it passes."""
    word = canary.Canaries().new("right")
    server = double(auth_clear="LOGIN PLAIN", name="right",
                    users={USER: word})
    here = site(server.address)
    assert here.canaries.new("right") == word
    for leg in "clear", "starttls", "implicit":
        for name in "plain", "plain-334", "login", "octets":
            with here.client(leg) as client:
                WAYS[name](client, word)
                client.message(b"Subject: x\r\n\r\nx\r\n")
                client.quit()
    assert len(server.of("auth", ok=True) or server.messages()) >= 12
    here.nothing_is_told()


def test_SEC_01_nor_does_a_client_that_leaves(site):
    here = site()
    for leg in "clear", "starttls":
        for name, part in PARTS.items():
            for how, leave in LEAVE.items():
                secret = here.canaries.new(f"{name} {leg} {how}")
                client = here.client(leg)
                with contextlib.suppress(Broken, OSError):
                    part(client, secret)
                    leave(client)
                client.close()
    here.front.wait_until(
        lambda: here.front.ctl("status", json_out=True)["sessions"]["open"]
        == 0, "end of all sessions")
    here.nothing_is_told()


def test_SEC_01_nor_does_a_ban_or_the_tarpit(site):
    here = site(banned={"answer": "tarpit", "tarpit_pace": "1s"})
    source = here.source()
    late = here.client(source=source)
    for n in range(LIMIT):
        with here.client(source=source) as client:
            WAYS["plain"](client, here.canaries.new(f"guess {n}"))
    here.front.wait_until(
        lambda: here.front.ctl("status", json_out=True)["bans"] == 1, "ban")
    with late, contextlib.suppress(Broken, OSError):
        WAYS["plain"](late, here.canaries.new("banned meanwhile"))
    stuck = Client(here.front.ports["mx"], source=source)
    secret = here.canaries.new("in the tarpit")
    stuck.send(f"EHLO x\r\nAUTH PLAIN {token(secret)}\r\n{secret}\r\n")
    here.front.wait_until(
        lambda: here.front.ctl("status", json_out=True)["sessions"]["tarpit"]
        == 1, "the tarpit")
    here.nothing_is_told()
    stuck.close()


def test_SEC_01_nor_does_a_keeper_that_is_away(site):
    here = site()
    with attack.stopped(process_of(here.front, "keeper")):
        with here.client() as client:
            WAYS["plain"](client, here.canaries.new("keeper hangs"))
        gone = here.client()
        gone.send(f"AUTH PLAIN {token(here.canaries.new('asking'))}\r\n")
        gone.reset()
    attack.kill(here.front, "keeper")
    with here.client() as client:
        WAYS["login"](client, here.canaries.new("keeper died"))
    here.nothing_is_told()


class Gate:
    """A server that keeps every login until it is told."""

    def __init__(self):
        self.open, self.count = threading.Event(), 0
        self.server = Scripted(self.serve)

    def serve(self, peer):
        if peer.serve_until("AUTH") is None:
            return
        self.count += 1
        self.open.wait(attack.NEVER_S)
        peer.say("535 no")
        while peer.line() is not None:
            peer.say("250 ok")


@pytest.fixture
def gate():
    one = Gate()
    yield one
    one.open.set()
    one.server.close()


def test_SEC_01_nor_does_a_hold(site, gate):
    """Some are at the server, some wait for a place, some leave it."""
    here = site(gate.server.address, source_limit={"hold": "2s"})
    source = here.source()
    clients = [here.client(source=source) for _ in range(3 * LIMIT)]
    for n, client in enumerate(clients):
        client.send(f"AUTH PLAIN {token(here.canaries.new(f'hold {n}'))}\r\n")
    wait.until(lambda: gate.count == LIMIT, "full places")
    here.front.wait_until(
        lambda: here.front.ctl("status", json_out=True)["verdicts"]["hold"],
        "a hold")
    for client in clients[-3:]:
        client.reset()
    gate.open.set()
    for client in clients[:-3]:
        with client, contextlib.suppress(Broken, OSError):
            client.reply()
    here.nothing_is_told()


def cores(front):
    return [path for path in pathlib.Path(front.folder).rglob("*")
            if "core" in path.name]


def test_SEC_02_a_crash_in_mid_auth_leaves_no_core(site, gate):
    """Even where the system would write one of any size."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        here = site(gate.server.address)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    with here.client() as client:
        secret = here.canaries.new("crash")
        client.send(f"AUTH PLAIN {token(secret)}\r\n")
        wait.until(lambda: gate.count == 1, "the login")
        pid = process_of(here.front, "worker")
        os.kill(pid, signal.SIGABRT)
        event = here.front.wait_event("process-ended", pid=pid)
    assert "signal" in event or event["code"] != 0
    assert cores(here.front) == []
    attack.settled(here.front)
    assert canary.told(here.front, here.canaries, here.used) == []

"""Bans in the kernel, with all of postern: who guessed is not heard any more.

A client's namespace is joined to the server's by a veth pair; postern and the
double live in the latter. Everything is seen from outside: SYNs that get no
answer, the counter of the rule that dropped them, elements of the set.
"""

import contextlib
import os
import socket
import threading

import pytest

import attack
from attack import guess
from harness import firewall, netlink, wait
from harness.raw import Broken, Client

HOST, PORT = "203.0.113.1", 25
A, B, C = "203.0.113.5", "203.0.113.6", "203.0.113.7"
SET = "v4_32"
LIMIT = 3
MANY = 2000
SHORT_S = 1.5   # a SYN that is dropped: nobody waits longer for it

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def network():
    made = firewall.Network(f"{os.getpid()}e")
    try:
        made.build()
        for listener in made.listeners:
            listener.close()    # postern needs the port
        made.listeners.clear()
        yield made
    finally:
        made.remove()


@pytest.fixture
def site(network, double, postern):
    """site(limit): a double and postern, both in the server's namespace."""
    def start(limit=None, **options):
        with network.inside(network.server):
            server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
            front = postern({"mx": {}}, [server.address], bind_ip=HOST,
                            run=False, options={
                "source_limit": {"delay": "0s", "failures": LIMIT,
                                 "ban": "1h", **(limit or {})},
                "banned": {"answer": "close"},
                "firewall": {"backend": "nft"}, **options})
            front.ports["mx"] = PORT
            front.listeners["mx"]["bind"] = [f"{HOST}:{PORT}"]
            front.write_conf()
            front.start()
        # Its table is there: else nothing below would mean anything.
        wait.until(lambda: SET in network.nft("list", "ruleset"), "table")
        return server, front
    return start


def try_login(network, source, secret="secret", user="anna"):
    """The code of a login, or None; the SYN must be answered."""
    with network.inside(network.client):
        return guess(PORT, source, user, secret, host=HOST)


def ban(network, source):
    for n in range(LIMIT):
        assert try_login(network, source, f"guess-{n}") == 535
    wait.until(lambda: source in network.elements(SET), "element in the set")


def dropped(network, source):
    """True: the SYN was dropped by our rule; False: it was answered."""
    before = network.dropped(SET)
    if network.connects(source, PORT, SHORT_S):
        return False
    assert network.dropped(SET) > before, "lost, but not dropped by us"
    return True


def gone(network, source):
    """Wait until the kernel has forgotten; then the source gets in."""
    wait.until(lambda: source not in network.elements(SET),
               f"end of {source} in the kernel")
    assert network.connects(source, PORT)


def test_a_guesser_is_dropped_and_his_neighbour_is_not(network, site):
    server, front = site()
    with network.inside(network.client):
        open_session = attack.greeted(PORT, A, host=HOST)
    ban(network, A)
    assert dropped(network, A)
    # What was open had its 421 before the kernel closed the door.
    with contextlib.suppress(Broken):
        open_session.reply(421)
    open_session.close()
    assert try_login(network, B) == 235
    assert len(server.of("auth", ok=False)) == LIMIT
    assert 3500 < network.elements(SET)[A] <= 3600


def test_the_source_is_free_again_when_its_time_is_over(network, site):
    server, front = site({"ban": "3s", "window": "1s"})
    ban(network, A)
    assert dropped(network, A)
    gone(network, A)
    wait.until(lambda: try_login(network, A) == 235, "a login")


def test_unban_and_allow_reach_the_kernel_within_a_second(network, site):
    server, front = site(soft_ban={"mode": "off"})  # he logs in between
    for order in (["bans", "del", A], ["allow", "add", A]):
        ban(network, A)
        assert dropped(network, A)
        with attack.within_a_second(front):
            front.ctl(*order)
            gone(network, A)
        assert try_login(network, A) == 235
    # An allowed one is never again in the kernel, whatever it does.
    for n in range(LIMIT * 2):
        assert try_login(network, A, f"more-{n}") == 535
    front.ctl("bans", "add", "203.0.113.0/24", "--for", "1h", check=False)
    assert try_login(network, A) == 235


def test_an_operators_ban_reaches_the_kernel(network, site):
    server, front = site()
    front.ctl("bans", "add", B, "--for", "1h")
    wait.until(lambda: B in network.elements(SET), "element in the set", 2)
    assert dropped(network, B) and try_login(network, A) == 235


def test_one_ban_more_changes_one_element_among_many(network, site):
    server, front = site(firewall={"backend": "nft", "changes_most": 500})
    # More than it takes one by one in a second: a sync soon brings the rest.
    attack.order_bans(front, (f"192.0.{n >> 8}.{n & 255}"
                              for n in range(MANY)))
    attack.wait_entries(front, MANY)
    attack.stored(front)
    with network.inside(network.server):
        elements = netlink.Elements()
    for n in range(LIMIT):
        assert try_login(network, A, f"guess-{n}") == 535
    # What is in force is not touched for it.
    assert elements.wait_for(A)[1] == 0
    elements.close()
    assert dropped(network, A) and try_login(network, B) == 235


def test_a_soft_ban_acts_at_AUTH_alone(network, site):
    server, front = site(soft_ban={"mode": "enforce", "retry": "0s"})
    assert try_login(network, A) == 235     # people log in from there
    with network.inside(network.client):
        session = attack.greeted(PORT, A, host=HOST)
    for n in range(LIMIT):
        assert try_login(network, A, f"guess-{n}", "postmaster") == 535
    wait.until(lambda: attack.explain(front, A)["banned"], "ban")
    ban(network, B)     # who is told behind it
    assert A not in network.elements(SET)
    assert session.cmd("NOOP", 250)
    # A stranger's login is answered, the server hears none of it.
    judged = len(server.of("auth"))
    assert try_login(network, A, "guess-x", "postmaster") == 454
    assert len(server.of("auth")) == judged
    # A mail program of the one who is known there comes back, and is let in.
    assert session.auth_plain("anna", "secret").code == 454
    assert session.auth_plain("anna", "secret").code == 235
    session.quit()


# A network without the server's own address, which no ban covers.
AFAR, V4_24 = "192.0.2.0/24", "v4_24"
GUESSERS, NEIGHBOUR = ("192.0.2.5", "192.0.2.6"), "192.0.2.7"


def rotate(network, front):
    """Two addresses fail; then all of their network is banned."""
    network.ip("-n", network.server, "route", "add", AFAR, "dev", "veth0")
    for source in (*GUESSERS, NEIGHBOUR):
        network.ip("-n", network.client, "addr", "add", source, "dev", "veth0")
    for n, source in enumerate(GUESSERS):
        assert try_login(network, source, f"guess-{n}") == 535
    front.wait_event("ban", src=AFAR)


def test_a_networks_ban_keeps_nobodys_mail_away(network, site):
    server, front = site(prefix_limit={"mode": "enforce", "sources": 2})
    rotate(network, front)
    [row] = front.ctl("bans", "list", json_out=True)["bans"]
    assert row["rule"] == "prefix-limit" and row["acts"] == "login"
    front.ctl("bans", "add", A)     # who is told behind it
    wait.until(lambda: A in network.elements(SET), "that one")
    assert not network.elements(V4_24)
    with network.inside(network.client):
        neighbour = attack.greeted(PORT, NEIGHBOUR, host=HOST)
    neighbour.message(b"Subject: mail of a neighbour\r\n\r\nx\r\n")
    judged = len(server.of("auth"))
    assert neighbour.auth_plain("anna", "secret").code == 454
    neighbour.quit()
    assert len(server.of("auth")) == judged
    assert "mail comes in" in front.ctl("explain", NEIGHBOUR)


def test_at_connection_it_is_in_the_kernel(network, site):
    server, front = site(prefix_limit={"mode": "enforce", "sources": 2,
                                       "acts": "connection"})
    rotate(network, front)
    wait.until(lambda: network.elements(V4_24), "element in the set")
    with network.inside(network.client), pytest.raises(TimeoutError):
        socket.create_connection((HOST, PORT), SHORT_S, (NEIGHBOUR, 0))
    assert network.dropped(V4_24) > 0 and try_login(network, B) == 235


def test_a_foreign_flush_is_repaired(network, site):
    server, front = site()
    ban(network, A)
    network.nft("flush", "ruleset")
    assert network.connects(A, PORT), "nothing was flushed"
    # In the meantime postern itself turns the source away.
    assert try_login(network, A) is None
    # The next ban finds out; without one the keeper looks each minute.
    front.ctl("bans", "add", C, "--for", "1h")
    wait.until(lambda: {A, C} <= set(network.elements(SET)), "repair", 10)
    assert dropped(network, A) and dropped(network, C)
    assert try_login(network, B) == 235


def test_observe_drops_nobody(network, site):
    server, front = site(mode="observe")
    for n in range(LIMIT * 2):
        assert try_login(network, A, f"guess-{n}") == 535
    front.wait_event("would-ban")
    assert network.elements(SET) == {}
    assert try_login(network, A) == 235


# After a crash

def kill_all(front):
    """kill -9 of the supervisor and all below it, at the same moment."""
    pids = list(front.pids()) + [front.process.pid]
    for pid in pids:
        attack.shoot(pid)
    front.process.wait()
    wait.until(lambda: not any(map(attack.alive, pids)), "end of all")


class Knocking:
    """A client that connects again and again; what it was greeted with."""

    def __init__(self, network, source):
        self.network, self.source = network, source
        self.stop, self.banners, self.tries = threading.Event(), [], 0
        self.thread = threading.Thread(target=self._knock, daemon=True)

    def _knock(self):
        with self.network.inside(self.network.client):
            while not self.stop.is_set():
                self.tries += 1
                with contextlib.suppress(Broken, OSError):
                    with Client(PORT, HOST, source=self.source,
                                timeout_s=0.5) as one:
                        self.banners.append(one.read_line())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join(attack.NEVER_S)


@pytest.mark.parametrize("kernel", ["kept", "flushed"])
def test_bans_are_in_force_after_a_crash_before_the_first_banner(
        network, site, kernel):
    server, front = site()
    ban(network, A)
    front.ctl("bans", "add", "203.0.113.7/32", "--for", "ever")
    attack.stored(front)
    kill_all(front)
    if kernel == "flushed":     # as after a new start of the machine
        network.nft("flush", "ruleset")
    else:
        assert A in network.elements(SET), "bans outlive a crash"
    with Knocking(network, A) as guesser, Knocking(network, C) as other, \
            Knocking(network, B) as right:
        wait.until(lambda: guesser.tries and other.tries, "first knock")
        with network.inside(network.server):
            front.spawn()
        front.wait_ready(2)
        wait.until(lambda: right.banners, "banner for who is not banned")
        wait.until(lambda: {A, C} <= set(network.elements(SET)),
                   "bans in the kernel", 5)
        assert front.ctl("status", json_out=True)["bans"] == 2
    assert guesser.banners == [] and other.banners == []
    assert attack.explain(front, A)["banned"]
    assert 3400 < network.elements(SET)[A] <= 3600
    assert network.elements(SET)[C] is None
    assert dropped(network, A) and dropped(network, C)

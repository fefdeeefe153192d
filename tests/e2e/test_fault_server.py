"""The server in trouble, while 50 clients go on: accepted is what arrived."""

import contextlib
import os
import time

import pytest

import attack
from harness import firewall, wait
from harness.raw import Broken, Client
from load import MANY, Before, Load, clean

FEW_S = {"connect_timeout": "1s", "greeting_timeout": "1s",
         "reply_timeout": "1s", "data_reply_timeout": "1s"}
DEATHS = ["close-in-body=500", "reset-in-body=500", "close-before=dot",
          "reset-before=dot", "close-in-reply=dot:9", "close-after=data",
          "reset-after=data", "half-close-after=data", "421=dot",
          "early=500:552 too big", "early-close=500:552 too big",
          "early-stop=500:552 too big", "premature=500:250 ok",
          "reset-before=connect", "close-before=mail", "stall=connect"]


@pytest.fixture
def site(double, postern):
    """Two servers behind two doors: the other one is never in trouble."""
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    other = double(auth_clear="LOGIN PLAIN", t_535="535 no", name="other")
    front = postern({"mx": {"backend": "one"}, "more": {"backend": "two"}},
                    {"one": {"servers": [server.address], **FEW_S},
                     "two": {"servers": [other.address]}},
                    options={"source_limit": {"mode": "off"}})
    return server, other, front


class Elsewhere:
    """The same postern, seen by clients of its other door."""

    def __init__(self, front):
        self.ports = {"mx": front.ports["more"]}


def test_server_breaks_off_or_lies(site, strangers):
    """25 times each, in the middle of what 50 clients send."""
    server, other, front = site
    before = Before(front)
    with Load(front, strangers[:MANY]) as load, \
            Load(Elsewhere(front), strangers[MANY:MANY + 5]) as calm:
        for fault in DEATHS:
            server.fault(f"{fault}#25")
            load.more(MANY)
        server.clear_faults()
        load.more(MANY)
    assert load.wrong == [] and load.book.losses >= 25 * 10
    assert load.book.check(server) >= MANY * len(DEATHS)
    assert calm.book.losses == 0 and calm.book.check(other)
    before.check(strangers[60])


def test_server_silent(site, strangers):
    """It is stopped: time limits; who has the other server sees nothing."""
    server, other, front = site
    before = Before(front)
    with Load(front, strangers[:MANY]) as load, \
            Load(Elsewhere(front), strangers[MANY:MANY + 5]) as calm:
        with attack.stopped(server.process.pid):
            lost, began = load.book.losses, time.monotonic()
            wait.until(lambda: load.book.losses >= lost + MANY,
                       "an end for all inside", 5)
            assert time.monotonic() - began > 0.5
            calm.more(MANY)
        load.more(MANY)
    assert load.wrong == [] and load.book.check(server) >= MANY
    assert calm.book.losses == 0 and calm.book.check(other) >= MANY
    before.check(strangers[60])


def comes_in(front, source):
    with contextlib.suppress(Broken, AssertionError):
        clean(front, source)
        return True
    return False


def test_all_servers_down_then_up(site, strangers):
    """421 at once, none waits, and nobody storms the server that is back."""
    server, other, front = site
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        server.listen(False)
        wait.until(lambda: front.events("server-failed"), "a failure")
        for _ in range(5):
            with attack.timed(longest_s=2), \
                    Client(front.ports["mx"]) as client:
                client.reply(421)
        connects = len(server.of("connect"))
        sessions = len(front.events("session"))
        server.listen(True)
        # Who comes while another one tries is told 421, and comes again.
        wait.until(lambda: comes_in(front, strangers[60]), "a clean one", 5)
        load.more(MANY)
        connects = len(server.of("connect")) - connects
        sessions = len(front.events("session")) - sessions
    # One connection for each client that came, and those inside now.
    assert connects <= sessions + 2 * MANY
    assert load.wrong == [] and load.book.check(server) >= MANY
    before.check(strangers[60])


# A network that drops, cuts and delays

HOST = "203.0.113.1"


@pytest.fixture
def network():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = firewall.Network(f"{os.getpid()}f")
    try:
        made.build()
        for listener in made.listeners:
            listener.close()
        made.listeners.clear()
        yield made
    finally:
        made.remove()


@pytest.fixture
def apart(network, double, postern):
    """postern in one namespace, the server and the clients in the other."""
    def start(**backend):
        with network.inside(network.client):
            server = double(auth_clear="LOGIN PLAIN", t_535="535 no",
                            host_ip="203.0.113.5")
        with network.inside(network.server):
            front = postern({"mx": {}},
                            {"domino": {"servers": [server.address],
                                        **backend}}, bind_ip=HOST,
                            options={"source_limit": {"mode": "off"}})
        return server, front
    return start


class Inside(Load):
    """Its senders live in the other namespace."""

    def __init__(self, network, front, sources):
        super().__init__(front, sources)
        self.network, self.more_args = network, {"host": HOST}

    def _send(self, source):
        with self.network.inside(self.network.client):
            super()._send(source)


SOURCES = ["203.0.113.6", "203.0.113.7"] * (MANY // 2)


def check(network, load, server, front, before):
    assert load.wrong == []
    assert load.book.check(server)
    with network.inside(network.client):
        before.check("203.0.113.6", host=HOST)


def test_server_in_a_black_hole(network, apart):
    """Every packet to and from it is dropped; then none."""
    server, front = apart(**FEW_S)
    before = Before(front)
    with Inside(network, front, SOURCES) as load:
        network.nft("add table ip hole; add chain ip hole in { type filter "
                    "hook input priority 0; }; add rule ip hole in "
                    f"tcp sport {server.port} drop")
        lost = load.book.losses
        wait.until(lambda: load.book.losses >= lost + 2 * MANY,
                   "an end for all", 15)
        network.nft("delete table ip hole")
        load.more(MANY)
    check(network, load, server, front, before)


def test_small_packets_loss_and_no_ipv6(network, apart):
    """MTU 576, one packet in twenty lost on either side, IPv6 off."""
    for name in (network.server, network.client):
        network.ip("netns", "exec", name, "sysctl", "-qw",
                   "net.ipv6.conf.all.disable_ipv6=1")
        network.ip("-n", name, "link", "set", "veth0", "mtu", "576")
    server, front = apart()
    before = Before(front)
    network.nft("add table ip loss; add chain ip loss in { type filter hook "
                "input priority 0; }; add rule ip loss in numgen random mod "
                "100 < 5 drop")
    network.ip("netns", "exec", network.client, "nft",
               "add table ip loss; add chain ip loss in { type filter hook "
               "input priority 0; }; add rule ip loss in ip saddr "
               f"{HOST} numgen random mod 100 < 5 drop")
    with Inside(network, front, SOURCES) as load:
        load.more(2 * MANY, 40)
    network.nft("delete table ip loss")
    assert load.book.losses == 0
    check(network, load, server, front, before)

"""Logins on hold: a source has more of them than it has places.

They wait in the worker, and each place that comes free is given to the one
that has waited longest. Who leaves meanwhile, or is left by the server, takes
nobody's turn with him.
"""

import threading

import pytest

import attack
from attack import greeted, guess
from harness import wait
from scripted import Scripted

LIMIT = 5
MANY = 150
STEP_S = 2          # as long as may be: then each asks again by itself


class Gate:
    """A server that lets the first logins wait, and takes all of them; or
    refuses them."""

    def __init__(self):
        self.answer = "235 ok"
        self.open = threading.Event()
        self.auths = []
        self.server = Scripted(self.serve)

    def serve(self, peer):
        line = peer.serve_until("AUTH")
        if line is None:
            return
        self.auths.append(line)
        self.open.wait(attack.NEVER_S)
        peer.say(self.answer)
        while peer.line() is not None:
            peer.say("250 ok")


@pytest.fixture
def gate():
    one = Gate()
    yield one
    one.open.set()
    one.server.close()


def leave(gate, client, place, how):
    """The client leaves (it may not be noticed before its turn), or the
    server leaves the session."""
    if how == "server":
        gate.server.hang_up(place)
    else:
        getattr(client, how)()


@pytest.mark.parametrize("old", [False, True], ids=["new", "old worker"])
@pytest.mark.parametrize("how", ["reset", "close", "server"])
def test_who_ends_on_hold_blocks_nobody(gate, postern, strangers, how, old):
    front = postern({"mx": {}}, [gate.server.address], options={
        "workers": 1,
        "source_limit": {"failures": LIMIT, "hold": f"{STEP_S}s"}})
    clients = [greeted(front.ports["mx"], strangers[0])
               for _ in range(MANY)]
    # Without a wake each handful of places would wait for a step of its own.
    with attack.timed(longest_s=3 * STEP_S):
        for place, client in enumerate(clients):
            client.line("AUTH PLAIN " + attack.plain_token(f"user{place}",
                                                           "secret"))
            if place == LIMIT - 1:
                wait.until(lambda: len(gate.auths) == LIMIT, "full places")
        held = list(enumerate(clients))[LIMIT:]
        if old:
            front.reload()
            front.wait_event("reload")
        for place, client in held[::2]:
            leave(gate, client, place, how)
        if how == "server":
            for place, client in held[::2]:
                client.reply(421)
        assert len(gate.auths) == LIMIT
        gate.open.set()
        for client in clients[:LIMIT]:
            client.reply(235)
        for place, client in held[1::2]:
            client.reply(235)
    for client in clients:
        client.close()
    front.wait_event("session", count=MANY)
    attack.settled(front)
    wait.until(lambda: front.ctl("status", json_out=True)["sessions"]
               ["open"] == 0, "a status of none", 5)


NETWORKS = {
    "a /24": ("127.0.0.1", "203.0.113.{n}", "203.0.113.0/24"),
    "a /56": ("::1", "2001:db8:7:11{n:02x}::1", "2001:db8:7:1100::/56"),
    "a /48": ("::1", "2001:db8:8:{n:02x}00::1", "2001:db8:8::/48"),
}
AT_ONCE = 60


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_that_asks_all_at_once_brings_5(gate, postern, strangers,
                                                  network):
    host, source, banned = NETWORKS[network]
    gate.answer = "535 no"
    front = postern({"mx": {}}, [gate.server.address], bind_ip=host, options={
        "workers": 1, "source_limit": {"delay": "0s", "hold": f"{STEP_S}s"},
        "prefix_limit": {"mode": "enforce"}})
    clients = [greeted(front.ports["mx"], source.format(n=n), host=host)
               for n in range(1, AT_ONCE + 1)]
    for place, client in enumerate(clients):
        client.line("AUTH PLAIN " + attack.plain_token(f"user{place}", "x"))
    wait.until(lambda: front.ctl("status", json_out=True)["verdicts"]["hold"]
               >= AT_ONCE - LIMIT, "all others on hold")
    assert {line["rule"] for line in front.events("verdict")} == {
        "prefix-in-flight"}
    assert len(gate.auths) == LIMIT
    gate.open.set()
    codes = [client.reply().code for client in clients]
    assert codes.count(535) == LIMIT
    assert len(gate.auths) == LIMIT
    front.wait_event("ban")
    assert [line["src"] for line in front.events("ban")] == [banned]
    for client in clients:
        client.close()


def test_a_network_with_people_asks_as_it_likes(gate, postern, strangers):
    gate.open.set()
    front = postern({"mx": {}}, [gate.server.address], options={
        "workers": 1, "prefix_limit": {"mode": "enforce"}})
    assert guess(front.ports["mx"], strangers[200]) == 235
    gate.open.clear()
    clients = [greeted(front.ports["mx"], source)
               for source in strangers[:AT_ONCE]]
    for place, client in enumerate(clients):
        client.line("AUTH PLAIN " + attack.plain_token(f"user{place}", "x"))
    wait.until(lambda: len(gate.auths) == 1 + AT_ONCE, "all of them")
    gate.open.set()
    for client in clients:
        client.reply(235)
        client.close()
    assert front.events("verdict") == []

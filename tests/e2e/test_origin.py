"""Whose address the server sees: the client's, a fixed one, or postern's.

All on one host, where addresses of the documentation networks are local; that
the answers find back over real links is test_layouts.py's business.
"""

import os

import pytest

from attack import greeted
from harness import net
from harness.raw import Client

FRONT = {4: "203.0.113.1", 6: "2001:db8:1::1"}
SERVER = {4: "203.0.113.2", 6: "2001:db8:1::2"}
GUEST = {4: "203.0.113.9", 6: "2001:db8:9::9"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module", autouse=True)
def addresses():
    """IPv6 binds only to what an interface has."""
    words = [(f"{one}/128", "dev", "lo")
             for one in (FRONT[6], SERVER[6], "2001:db8:25::25")]
    for one in words:
        net.ip("-6", "addr", "add", *one, "nodad")
    yield
    for one in words:
        net.ip("-6", "addr", "del", *one)


@pytest.fixture
def site(double, postern):
    def start(families=(4,), listener=None, **backend):
        servers = {n: double(host_ip=SERVER[n], auth_clear="LOGIN PLAIN")
                   for n in families}
        front = postern(
            {"mx": listener or {}},
            {"domino": {"servers": [servers[n].address for n in families],
                        **backend}},
            bind_ip=FRONT[4], run=False)
        port = front.ports["mx"]
        front.listeners["mx"]["bind"] = [f"{FRONT[4]}:{port}",
                                         f"[{FRONT[6]}]:{port}",
                                         f"127.0.0.1:{port}"]
        front.write_conf()
        return servers, front.start()
    return start


def enter(front, host, source):
    with greeted(front.ports["mx"], source, host=host) as client:
        client.quit()


def seen(server):
    return [event["ip"] for event in server.of("connect")]


def test_each_family_gets_to_a_server_of_its_own(site):
    servers, front = site((4, 6), client_address="transparent")
    for n in (6, 4, 6):
        enter(front, FRONT[n], GUEST[n])
    assert seen(servers[4]) == [GUEST[4]]
    assert seen(servers[6]) == [GUEST[6]] * 2
    assert not front.events("server-failed")


def test_without_a_server_of_its_family_a_client_hears_421(site):
    servers, front = site((4,), client_address="transparent")
    for _ in range(3):
        with Client(front.ports["mx"], FRONT[6], source=GUEST[6]) as client:
            client.reply(421)
    said = front.wait_event("no-server")
    assert "add one to servers" in said["why"]
    assert said["src"] == GUEST[6]
    # Once for each worker, and the server is not held to be at fault.
    assert len(front.events("no-server")) <= 2
    assert not front.events("server-failed") and seen(servers[4]) == []
    enter(front, FRONT[4], GUEST[4])


def test_a_client_of_this_host_comes_from_the_fixed_address(site):
    """Loopback means nothing to another host."""
    servers, front = site((4,), client_address="transparent",
                          source=["198.51.100.25", "2001:db8:25::25"])
    enter(front, "127.0.0.1", None)
    enter(front, FRONT[4], GUEST[4])
    # A server that connects to us would take its own address for forged.
    enter(front, FRONT[4], SERVER[4])
    assert seen(servers[4]) == ["198.51.100.25", GUEST[4], "198.51.100.25"]


def test_a_fixed_source_for_each_family(site):
    servers, front = site((4, 6), source=["198.51.100.25",
                                          "2001:db8:25::25"])
    enter(front, FRONT[4], GUEST[4])
    servers[4].listen(False)
    enter(front, FRONT[4], GUEST[4])
    assert seen(servers[4]) == ["198.51.100.25"]
    assert seen(servers[6]) == ["2001:db8:25::25"]


def test_a_source_that_is_not_ours_is_named_in_the_log(site):
    _, front = site((4,), source=["10.99.99.99"])
    with Client(front.ports["mx"], FRONT[4], source=GUEST[4]) as client:
        client.reply(421)
    assert "no address of this host" in front.wait_event("server-failed")["why"]


def test_many_clients_at_once_have_their_addresses(site):
    servers, front = site((4,), client_address="transparent")
    guests = [f"203.0.113.{n}" for n in range(20, 60)]
    clients = [greeted(front.ports["mx"], guest, host=FRONT[4])
               for guest in guests for _ in range(2)]
    assert sorted(seen(servers[4])) == sorted(guests * 2)
    for client in clients:
        client.quit()
        client.close()


@pytest.mark.parametrize("intercept", ["redirect", "tproxy"])
def test_who_came_without_a_rule_meant_our_address(site, intercept):
    _, front = site((4,), {"intercept": intercept})
    for n in (4, 6):
        enter(front, FRONT[n], GUEST[n])
        line = front.wait_event("session", src=GUEST[n])
        assert (line["target"], line["target_port"]) == (
            FRONT[n], front.ports["mx"])


def test_without_the_right_postern_says_what_to_type(folder, postern):
    front = postern({"mx": {}},
                    {"domino": {"servers": ["203.0.113.2:25"],
                                "client_address": "transparent"}},
                    bind_ip=FRONT[4], run=False)
    front.argv = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw",
                  *front.argv]
    front.spawn()
    assert front.process.wait(20) == 78
    assert "postern-transparent.conf" in front.log()
    front.process = None    # it is over

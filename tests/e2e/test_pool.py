"""Several servers behind one backend: one that fails is nobody's trouble."""

import concurrent.futures
import contextlib
import itertools
import pathlib
import shutil
import signal
import socket
import sqlite3
import threading
import time

import attack
import pytest
from attack import greeted, processes
from dns_stub import Dns, asks_stub
from harness import wait
from harness.raw import Client
from load import MANY, Before, Load
from scripted import Scripted

QUICK = {"connect_timeout": "1s", "health_timeout": "500ms"}
NO_THROTTLE = {"source_limit": {"mode": "off"}}


@pytest.fixture
def doubles(double):
    def start(count, **params):
        return [double(auth_clear="LOGIN PLAIN", t_535="535 no", name=name,
                       **params)
                for name in ("one", "two", "three")[:count]]
    return start


@pytest.fixture
def front(postern):
    def start(servers, options=NO_THROTTLE, **backend):
        return postern({"mx": {}}, {"domino": {
            "servers": [getattr(s, "address", s) for s in servers],
            **QUICK, **backend}}, options=options)
    return start


@pytest.fixture
def black_hole():
    """An address that answers nothing: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        def start():
            hole = stack.enter_context(socket.socket())
            hole.bind(("127.0.0.1", 0))
            hole.listen(0)
            for _ in range(2):
                one = stack.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(hole.getsockname())
            return "127.0.0.1:%d" % hole.getsockname()[1]
        yield start


def rows(front):
    """{address: row} of posternctl backends."""
    found = front.ctl("backends", json_out=True)["backends"]
    return {row["address"]: row for row in found}


def state(front, server):
    address = getattr(server, "address", server)
    return rows(front).get(address, {}).get("state")


def said(server, word):
    return [line for line in server.commands() if line.startswith(word)]


def served_by(front, servers, source):
    """The one that a new message went to."""
    before = [len(server.messages()) for server in servers]
    with greeted(front.ports["mx"], source) as client:
        client.message(b"Subject: -1\r\n\r\nhello\r\n")
        client.quit()
    now = [len(server.messages()) for server in servers]
    grown = [n for n, (a, b) in enumerate(zip(before, now)) if b > a]
    assert len(grown) == 1, (before, now)
    return grown[0]


def test_failover_and_return(doubles, front, strangers):
    servers = one, two = doubles(2)
    site = front(servers, health_interval="500ms")
    assert served_by(site, servers, strangers[0]) == 0
    one.listen(False)
    with attack.timed(longest_s=1):
        assert served_by(site, servers, strangers[0]) == 1
    site.wait_event("server-down", backend="domino", server=one.address)
    assert state(site, one) == "down" and state(site, two) == "up"
    for number in range(8):     # whatever worker it comes to
        assert served_by(site, servers, strangers[number]) == 1
    one.listen(True)
    assert site.wait_event("server-up", server=one.address)["down_ms"] > 0
    assert served_by(site, servers, strangers[0]) == 0
    assert len(site.events("server-down")) == 1
    assert rows(site)[one.address]["why"] == ""
    assert "one" not in site.ctl("backends") and "up" in site.ctl("backends")


def test_return_without_a_health_dialogue(doubles, front, strangers):
    """A session tries when the back-off is over."""
    servers = one, two = doubles(2)
    site = front(servers, health_interval="0s", options={
        **NO_THROTTLE, "workers": 1})
    one.listen(False)
    assert served_by(site, servers, strangers[0]) == 1
    one.listen(True)
    wait.until(lambda: served_by(site, servers, strangers[0]) == 0,
               "the first server again")
    assert state(site, one) == "up"


def test_least_connections(doubles, front, strangers):
    servers = doubles(3)
    site = front(servers, balance="least_connections",
                 health_interval="0s")
    with contextlib.ExitStack() as stack:
        for number in range(60):
            stack.enter_context(greeted(site.ports["mx"],
                                        strangers[number]))

        def spread():
            found = [row["sessions"] for row in rows(site).values()]
            return found if sum(found) == 60 else None
        found = wait.until(spread, "60 sessions")
        # Each of two workers spreads its own.
        assert max(found) - min(found) <= 2, found
        print(f"60 sessions over three servers: {found}")
    wait.until(lambda: not any(row["sessions"] for row in
                               rows(site).values()), "none")


def took(port, source, code):
    """How long a client waits for its banner."""
    began = time.monotonic()
    with Client(port, source=source) as client:
        client.reply(code)
    return time.monotonic() - began


def test_dead_server_costs_one_timeout_once(doubles, front, black_hole,
                                            strangers):
    (two,) = doubles(1)
    site = front([black_hole(), two], health_interval="1h")
    first = took(site.ports["mx"], strangers[0], 220)
    # Who comes to the other worker waits until it has been told, too.
    wait.until(lambda: "down" in [row["state"] for row in
                                  rows(site).values()], "one that is down")
    later = [took(site.ports["mx"], source, 220)
             for source in strangers[1:41]]
    print(f"the first waited {first:.2f} s, of 40 later ones the slowest "
          f"{max(later):.3f} s")
    # Who pays as well waits a whole second; less is a busy machine.
    assert 0.9 < first < 1.9 and max(later) < 0.9


def test_all_down_is_421_at_once(front, black_hole, strangers):
    site = front([black_hole(), black_hole()], health_interval="1h",
                 options={**NO_THROTTLE, "workers": 1})
    port = site.ports["mx"]
    first = took(port, strangers[0], 421)
    assert 1.8 < first < 3
    site.wait_event("session")      # its own tries stand in the log now
    tries = len(site.events("phase", to="connect"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        trial = pool.submit(took, port, strangers[1], 421)
        wait.until(lambda: len(site.events("phase", to="connect")) > tries,
                   "one that tries")
        others = [took(port, source, 421) for source in strangers[2:22]]
        print(f"the first waited {first:.2f} s, one tried for "
              f"{trial.result():.2f} s, of 20 others the slowest waited "
              f"{max(others):.3f} s")
        assert max(others) < trial.result() / 2


def test_nobody_storms_a_server_that_is_back(doubles, front, strangers):
    """Fifty knock; until it has greeted one, each worker sends it one."""
    (server,) = doubles(1)
    site = front([server], health_interval="1h", connect_timeout="3s")
    before = Before(site)
    with Load(site, strangers[:MANY]) as load:
        server.listen(False)
        site.wait_event("server-down")
        server.fault("delay=connect:1000")
        lost = load.book.losses
        wait.until(lambda: load.book.losses > lost + 4 * MANY, "421s")
        connects, lost = len(server.of("connect")), load.book.losses
        server.listen(True)
        time.sleep(0.8)     # the banner takes a second
        connects = len(server.of("connect")) - connects
        refused = load.book.losses - lost
        server.clear_faults()
        site.wait_event("server-up")
        load.more(MANY)
    print(f"{connects} connections while {refused} clients knocked")
    assert 1 <= connects <= 3 and refused > MANY
    assert load.wrong == [] and load.book.check(server) >= MANY
    before.check(strangers[60])


def test_drain(doubles, front, strangers):
    servers = one, two = doubles(2)
    site = front(servers, health_interval="500ms")
    with greeted(site.ports["mx"], strangers[0]) as inside:
        assert site.ctl("backends", "drain", one.address,
                        json_out=True)["servers"] == 1
        for number in range(8):
            assert served_by(site, servers, strangers[number]) == 1
        inside.message(b"Subject: -1\r\n\r\ngoes on\r\n")
        inside.quit()
    row = rows(site)[one.address]
    assert row["drained"] and row["state"] == "up"
    assert not rows(site)[two.address]["drained"]
    # A new keeper hears of it from the workers, new workers from the keeper.
    attack.kill_pid(attack.process_of(site, "keeper"))
    wait.until(lambda: drained(site, one), "the same")
    site.listeners["mx"]["banner"] = "new"
    site.write_conf()
    site.ctl("reload")
    assert served_by(site, servers, strangers[0]) == 1
    site.ctl("backends", "drain", two.address)
    with Client(site.ports["mx"]) as client:
        client.reply(421)
    site.ctl("backends", "undrain", one.address)
    assert served_by(site, servers, strangers[0]) == 0
    with pytest.raises(AssertionError, match=": 1"):
        site.ctl("backends", "drain", "127.0.0.1:1")
    with pytest.raises(AssertionError, match=": 2"):
        site.ctl("backends", "drain")


def kept(site):
    """What the store has in its table of drains."""
    with contextlib.closing(sqlite3.connect(
            f"file:{site.state}/postern.db?mode=ro", uri=True)) as store:
        return {f"{address}:{port}" for address, port in store.execute(
            "SELECT address, port FROM drain WHERE backend = 'domino'")}


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_drain_survives_a_restart(doubles, front, strangers, end):
    """Kept in the store, in force before the first client, and said."""
    servers = one, two = doubles(2)
    site = front(servers, health_interval="0s")
    site.ctl("backends", "drain", one.address)
    wait.until(lambda: kept(site) == {one.address}, "a row in the store")

    def again():
        if end == "stopped":
            site.stop_clean()
        else:
            site.kill_with(signal.SIGKILL)
            site.process.wait(wait.DEADLINE_S)
        count = len(site.events("ready"))
        site.spawn()
        site.wait_ready(count + 1)
        for number in range(4):
            connects = len(one.of("connect"))
            to = served_by(site, servers, strangers[number])
            assert to == 0 or len(one.of("connect")) == connects
        return to
    assert again() == 1
    row = wait.until(lambda: rows(site).get(one.address), "the row")
    assert row["drained"] and row["state"] == "up"
    assert "drained" in site.ctl("backends")
    assert site.events("server-drained", server=one.address)
    site.ctl("backends", "undrain", one.address)
    wait.until(lambda: kept(site) == set(), "no row")
    assert again() == 0
    assert not rows(site)[one.address]["drained"]
    # A server that is configured no more is forgotten with its drain.
    site.ctl("backends", "drain", one.address)
    wait.until(lambda: kept(site) == {one.address}, "a row in the store")
    site.backends["domino"]["servers"] = [two.address]
    site.write_conf()
    site.ctl("reload")
    wait.until(lambda: kept(site) == set(), "no row")
    assert set(rows(site)) == {two.address}


def drained(site, server):
    with contextlib.suppress(AssertionError):
        return rows(site)[server.address]["drained"]
    return False


def test_one_process_asks(doubles, front):
    """One dialogue an interval in all, not one for each worker."""
    (server,) = doubles(1)
    front([server], health_interval="1s", options={"workers": 4,
                                                   "hostname": "mx.test"})
    wait.until(lambda: said(server, "EHLO"), "the first")
    begun, count = time.monotonic(), len(said(server, "EHLO"))
    wait.until(lambda: len(said(server, "EHLO")) >= count + 3, "three more")
    span = time.monotonic() - begun
    assert 2.4 < span < 4.8, span
    assert len(server.of("connect")) <= count + 4
    assert len(said(server, "QUIT")) >= count + 2


def test_health_dialogue_finds(double, doubles, front, strangers, postern,
                               certs):
    """A server that takes connections and nothing else is down, before any
    client has met it; and so over TLS."""
    bad = {"421=connect": "a connection was answered with 421",
           "raw=connect:garbage\\r\\n": "what it says is no SMTP",
           "close-before=connect": "closed without a banner",
           "stall=connect": "no answer in time",
           "reply=ehlo:550 no": "EHLO was answered with 550",
           "long-line=ehlo:9000": "what it says is no SMTP"}
    servers = {fault: double(name=f"bad{n}", faults=[fault])
               for n, fault in enumerate(bad)}
    good = doubles(1)
    secret = double(name="secret", tls_port=True)
    clear = double(name="clear")
    site = postern({"mx": {}}, {
        "domino": {"servers": [*(s.address for s in servers.values()),
                               good[0].address],
                   **QUICK, "health_interval": "300ms"},
        "tls": {"servers": [f"127.0.0.1:{secret.tls_port}", clear.address],
                "tls": "implicit", **QUICK, "health_interval": "300ms"}},
                   options=NO_THROTTLE)
    wait.until(lambda: len(site.events("server-down")) >= len(bad) + 1,
               "all of them")
    found = rows(site)
    for fault, server in servers.items():
        row = found[server.address]
        assert (row["state"], row["why"]) == ("down", bad[fault]), fault
    assert found[good[0].address]["state"] == "up"
    assert found[f"127.0.0.1:{secret.tls_port}"]["state"] == "up"
    assert found[clear.address]["state"] == "down"
    assert served_by(site, good, strangers[0]) == 0
    wait.until(lambda: said(secret, "QUIT"), "a whole dialogue over TLS")
    # One that lets clients down in this way is looked at at once.
    assert len(site.events("server-down")) == len(bad) + 1


def test_health_dialogue_makes_tls_as_sessions_do(double, postern, certs,
                                                  strangers):
    """A server whose TLS is broken serves nobody who needs it, so it is down
    before anybody has met it; and it is up where it is not needed."""
    def server(name, *faults, **params):
        return double(name=name, faults=faults, **{
            "starttls": "enabled", "auth_tls": "PLAIN", **params})
    bad = {"it offers no STARTTLS": server("off", starttls="off"),
           "STARTTLS was answered with 454": server(
               "454", "reply=starttls:454 no"),
           "closed at STARTTLS": server("close", "close-before=starttls"),
           "it says more than it was asked": server(
               "inject", "starttls-inject"),
           "certificate": server("stranger", cert=certs.stranger),
           "no answer in time": server("plain", "starttls-plain")}
    good = server("good")
    loose = {name: server(f"loose{name}", *faults, starttls=starttls)
             for name, starttls, faults in (
                 ("off", "off", []),
                 ("454", "enabled", ["reply=starttls:454 no"]))}
    tls = {"tls_verify": "name", "tls_name": "mail.example.test",
           "tls_ca": certs.ca, **QUICK, "health_interval": "300ms"}
    site = postern({"mx": {}}, {
        "domino": {"servers": [*(s.address for s in bad.values()),
                               good.address], "tls": "required", **tls},
        "loose": {"servers": [s.address for s in loose.values()],
                  "tls": "starttls", **tls}}, options=NO_THROTTLE)
    wait.until(lambda: len(site.events("server-down")) >= len(bad),
               "all of them")
    found = rows(site)
    for why, one in bad.items():
        row = found[one.address]
        assert row["state"] == "down" and why in row["why"], (why, row)
    # The whole dialogue, and again inside TLS.
    wait.until(lambda: said(good, "QUIT"), "a whole dialogue")
    assert [(e["line"].split()[0], e["tls"])
            for e in good.of("command")][:4] == [
        ("EHLO", False), ("STARTTLS", False), ("EHLO", True), ("QUIT", True)]
    for one in loose.values():
        wait.until(lambda: said(one, "QUIT"), "a whole dialogue")
        assert state(site, one) == "up"
    with Client(site.ports["mx"], source=strangers[0]) as client:
        client.reply(220)
        client.ehlo()
        client.message(b"Subject: -1\r\n\r\nhello\r\n")
    assert len(good.messages()) == 1
    assert len(site.events("server-down")) == len(bad)


def test_broken_tls_costs_one_client_once(double, postern, strangers):
    """The handshake speaks of the server: whoever met it is the last."""
    bad = double(name="bad", starttls="enabled", faults=["starttls-plain"])
    good = double(name="good", starttls="enabled")
    site = postern({"mx": {}}, {"domino": {
        "servers": [bad.address, good.address], "tls": "required",
        "health_interval": "1h", "connect_timeout": "300ms"}},
                   options=NO_THROTTLE)
    with Client(site.ports["mx"], source=strangers[0]) as client:
        client.reply(220)
        client.reply(421)
    assert "handshake" in site.wait_event("server-down")["why"]
    for source in strangers[1:5]:
        with greeted(site.ports["mx"], source) as client:
            client.quit()
    assert not site.events("server-up")


# PROXY UNKNOWN, and LOCAL with no addresses: of nobody.
NOBODY = {"proxy-v1": b"PROXY UNKNOWN\r\n",
          "proxy-v2": b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"}


@pytest.mark.parametrize("how", NOBODY)
def test_health_dialogue_has_a_proxy_header(front, strangers, how):
    """A server that insists on one, as it must, hears it from all that
    postern sends: clients, its own dialogue, doctor."""
    heads, whole = [], threading.Event()

    def insist(peer):
        wanted = NOBODY[how]
        while len(peer.buf) < len(wanted):
            data = peer.sock.recv(4096)
            if not data:
                return
            peer.buf += data
        head, peer.buf = peer.buf[:len(wanted)], peer.buf[len(wanted):]
        heads.append(head)
        if head == wanted:
            if peer.serve_until("QUIT") is not None:
                peer.say("221 bye")
                whole.set()

    server = Scripted(insist)
    with contextlib.closing(server):
        site = front([server], health_interval="200ms", client_address=how)
        assert whole.wait(wait.DEADLINE_S)
        assert state(site, server) == "up"
        assert set(heads) == {NOBODY[how]}      # no stray connection
        assert f"{server.address} answers" in site.ctl("doctor", check=False)
        # A client is somebody; this server knows nobody but nobody.
        with Client(site.ports["mx"], source=strangers[0]) as client:
            client.reply(421)
        assert set(heads) > {NOBODY[how]}


def test_no_banner_has_the_server_looked_at(doubles, front, strangers):
    """It may be about that one client, so it alone shuts no server."""
    servers = one, two = doubles(2)
    site = front(servers, health_interval="1h")
    one.fault("421=connect#1")
    assert served_by(site, servers, strangers[0]) == 1
    wait.until(lambda: said(one, "QUIT"), "the health dialogue")
    assert state(site, one) == "up" and not site.events("server-down")
    one.fault("421=connect")
    assert served_by(site, servers, strangers[0]) == 1
    site.wait_event("server-down", server=one.address)
    assert served_by(site, servers, strangers[0]) == 1


UNWILLING = {"421=connect": "its banner is no 220",
             "reply=connect:450 later": "its banner is no 220",
             "reply=connect:220 one\n220 two": "its banner is no 220",
             "raw=connect:garbage\\r\\n": "its banner is no 220",
             "close-before=connect": "closed without a banner",
             "close-in-reply=connect:3": "closed without a banner",
             "reset-before=connect": "closed without a banner",
             "stall=connect": "no banner in time"}


RESET = "Connection reset by peer"


@pytest.mark.parametrize("health", ["1h", "0s"])
def test_a_server_that_does_not_greet_costs_one_timeout(
        doubles, double, front, strangers, health):
    """The client hears the next one's banner, and this is no server that
    clients can shut for others."""
    bad = {fault: double(name=f"bad{n}", faults=[fault])
           for n, fault in enumerate(UNWILLING)}
    good, = doubles(1)
    # Two: the first is one of them, the second is good.
    site = front([next(iter(bad.values())), good], health_interval=health,
                 options={**NO_THROTTLE, "workers": 1})
    for fault, server in bad.items():
        site.backends["domino"]["servers"] = [server.address, good.address]
        site.write_conf()
        site.ctl("reload")
        waited = took(site.ports["mx"], strangers[0], 220)
        slow = fault == "stall=connect"
        assert (0.9 < waited < 1.9) if slow else waited < 0.9, fault
        line = site.wait_event("server-failed", server=server.address)
        # A reset may be here before the connection was looked at.
        assert line["why"] in (UNWILLING[fault], RESET), fault
        if health != "0s":
            site.wait_event("server-down", server=server.address)
    assert len(site.events("server-failed")) == len(bad)
    if health == "0s":      # what may be about one client shuts no server
        assert {line["why"] for line in site.events("server-down")} <= {RESET}


def test_no_server_greets(double, front, strangers):
    """All are tried once, the last one's words are passed on, and the time
    for it all is bounded; with one that is silent more is waited."""
    servers = [double(name="a", faults=["421=connect"]),
               double(name="b", faults=["close-before=connect"]),
               double(name="c", faults=["reply=connect:421 c is busy"])]
    site = front(servers, health_interval="0s", greeting_timeout="2s",
                 connect_timeout="500ms")
    with Client(site.ports["mx"], source=strangers[0]) as client:
        assert b"c is busy" in client.reply(421).raw
    assert [len(server.of("connect")) for server in servers] == [1, 1, 1]
    for server in servers:
        server.clear_faults()
        server.fault("stall=connect")
    waited = took(site.ports["mx"], strangers[0], 421)
    assert 1.9 < waited < 3.5, waited
    assert [len(server.of("connect")) for server in servers] == [2, 2, 2]


def test_a_slow_banner_is_waited_for_where_nobody_else_is(
        double, front, strangers):
    """Longer than for a connection: it may look up names."""
    one = double(name="one", delay_220=1500)
    site = front([one], health_interval="0s", connect_timeout="300ms")
    assert took(site.ports["mx"], strangers[0], 220) > 1.4


def test_a_refusal_is_nobody_else_s_to_judge(doubles, front, strangers):
    """A 554 of the first is not taken to the second, which may be laxer; the
    health dialogue knows one that says so to everybody."""
    servers = one, two = doubles(2)
    site = front(servers, health_interval="1h")
    one.fault("reply=connect:554 you are on my list#1")
    with Client(site.ports["mx"], source=strangers[0]) as client:
        assert b"on my list" in client.reply(554).raw
    assert not two.of("connect")
    one.fault("reply=connect:554 no mail here")
    with Client(site.ports["mx"], source=strangers[0]) as client:
        client.reply(554)
    site.wait_event("server-down", server=one.address)
    assert served_by(site, servers, strangers[0]) == 1


def leave(client, how):
    if how == "reset":
        client.reset()
    elif how == "tls":      # a close_notify, and no FIN before its answer
        with contextlib.suppress(OSError):
            client.sock.unwrap()
    client.close()


@pytest.mark.parametrize("how", ["closed", "reset", "tls", "tls closed"])
def test_a_client_that_leaves_before_the_banner(double, postern, certs,
                                                strangers, how):
    """The server's connection is free at once, and no server is blamed."""
    tls = how.startswith("tls")
    server = double(name="one", faults=["stall=connect"])
    site = postern({"mx": {"tls": "implicit" if tls else "off"}},
                   {"domino": {"servers": [server.address],
                               "health_interval": "1h"}},
                   certificates={"mail": certs.rsa}, options=NO_THROTTLE)
    client = Client(site.ports["mx"], source=strangers[0],
                    tls=certs.client_context() if tls else None)
    server.wait_for("connect")
    leave(client, how)
    server.wait_for("disconnect")       # not in five minutes
    assert site.wait_event("session")["end"] == "client-closed"
    assert len(server.of("connect")) == 1


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_a_client_that_said_all_before_the_banner(double, postern, certs,
                                                  strangers, tls):
    """It may have closed its side and still wait for every answer."""
    server = double(name="one", delay_220=300)
    site = postern({"mx": {"tls": "implicit" if tls else "off"}},
                   [server.address], certificates={"mail": certs.rsa},
                   options=NO_THROTTLE)
    with Client(site.ports["mx"], source=strangers[0],
                tls=certs.client_context() if tls else None) as client:
        client.send(b"EHLO x\r\n")
        server.wait_for("connect")
        client.send(b"NOOP\r\nQUIT\r\n")
        if not tls:
            client.half_close()
        for code in (220, 250, 250, 221):
            client.reply(code)


# Names

@pytest.fixture
def dns():
    one = Dns(ttl_s=1)
    yield one
    one.close()


@pytest.fixture
def two_addresses(double):
    """The same port at 127.0.0.1 and 127.0.0.2."""
    one, two = double(name="one"), double(name="two", host_ip="127.0.0.2")
    two.kill()
    two.argv[two.argv.index("--listen") + 1] = f"127.0.0.2:{one.port}"
    two.spawn()
    two.wait_for("listening", 2)
    return one, two


def test_name_is_asked_again_at_its_ttl(dns, two_addresses, postern, folder,
                                        strangers):
    """Several addresses are tried; a change comes by itself and drops nobody;
    a failure keeps what was known; the new one is never banned."""
    servers = one, two = two_addresses
    place = f"mail.pool.test:{one.port}"
    site = asks_stub(postern({"mx": {}}, {"domino": {"servers": [place],
                                                     **QUICK}},
                             run=False, options=NO_THROTTLE),
                     folder, "ndots:1")
    dns.addresses = ["127.0.0.3", "127.0.0.1"]  # nobody is at the first
    site.start()
    workers = sorted(processes(site)["worker"])
    assert served_by(site, servers, strangers[0]) == 0
    assert set(rows(site)) == {f"127.0.0.3:{one.port}",
                               f"127.0.0.1:{one.port}"}
    with greeted(site.ports["mx"], strangers[0]) as inside:
        dns.addresses = ["127.0.0.2"]
        site.wait_event("names-changed", address="127.0.0.2", timeout_s=9)
        site.wait_event("configured", process="keeper")
        wait.until(lambda: set(rows(site)) == {f"127.0.0.2:{one.port}"},
                   "the new one alone")
        assert served_by(site, servers, strangers[1]) == 1
        inside.message(b"Subject: -1\r\n\r\ngoes on\r\n")
        inside.quit()
    assert "127.0.0.2" in site.ctl("allow", "list")
    # Three look-ups that fail: one line, and what is known stays.
    for mode in ("failure", "unknown", "garbage"):
        dns.mode, asked = mode, dns.asked
        wait.until(lambda: dns.asked > asked, "a question", 9)
    site.wait_event("names-kept")
    assert served_by(site, servers, strangers[2]) == 1
    dns.mode, dns.addresses = "right", ["127.0.0.1"]
    site.wait_event("names-changed", count=2, timeout_s=18)
    assert served_by(site, servers, strangers[3]) == 0
    assert len(site.events("names-kept")) == 1
    assert len(site.events("names-changed")) == 2
    assert sorted(processes(site)["worker"]) == workers


# Killed and revived

class Revived:
    """A double that is killed and started anew; its mail is kept."""

    def __init__(self, server, folder):
        self.server, self.numbers = server, itertools.count(1)
        self.maildirs, self.all = [pathlib.Path(server.maildir)], folder

    def kill(self):
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(wait.DEADLINE_S)

    def revive(self):
        at = self.server.argv.index("--maildir") + 1
        mail = self.maildirs[0].with_name(f"mail{next(self.numbers)}")
        self.maildirs.append(mail)
        self.server.argv[at] = mail
        count = len(self.server.of("listening"))
        self.server.spawn()
        self.server.wait_for("listening", count + 1)

    def gather(self):
        for number, maildir in enumerate(self.maildirs):
            for path in (maildir / "new").glob("*"):
                shutil.copy(path, self.all / "new" / (
                    f"{self.server.name}-{number}-{path.name}"))


class Mail:
    """All that arrived, wherever."""

    def __init__(self, folder):
        self.maildir = folder / "all"
        (self.maildir / "new").mkdir(parents=True)


@pytest.mark.parametrize("balance", ["failover", "least_connections"])
def test_kill_and_revive_under_load(doubles, front, folder, strangers,
                                    balance):
    """What clients saw accepted is there once, whoever was killed."""
    servers, mail = doubles(2), Mail(folder)
    ends = [Revived(server, mail.maildir) for server in servers]
    site = front(servers, health_interval="300ms", balance=balance,
                 slow_start="1s")
    before = Before(site)
    with Load(site, strangers[:MANY]) as load:
        for turn in range(6):
            end = ends[turn % 2]
            load.more(MANY)
            end.kill()
            site.wait_event("server-down", count=turn + 1)
            load.more(MANY)     # by way of the other one
            end.revive()
            site.wait_event("server-up", count=turn + 1)
        load.more(MANY)
    for end in ends:
        end.gather()
    arrived = load.book.check(mail)
    print(f"{balance}: 6 kills, {arrived} messages accepted, "
          f"{len(list((mail.maildir / 'new').iterdir()))} arrived, "
          f"{load.book.losses} sessions broken off")
    assert load.wrong == [] and arrived >= 13 * MANY
    before.check(strangers[60])

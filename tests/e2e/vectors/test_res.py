"""RES: what a peer can make postern spend, and where it ends."""

import concurrent.futures
import ssl
import time

import pytest

from harness import wait
from harness.raw import Broken, Client

SHORT_S = 2
DOORS = {
    name: {"command_timeout": f"{SHORT_S}s", "data_timeout": f"{SHORT_S}s",
           "handshake_timeout": f"{SHORT_S}s", **more}
    for name, more in {
        "mx": {}, "tls": {"starttls": "optional"},
        "implicit": {"tls": "implicit"},
        "patient": {"greeting_delay": "30s"},
    }.items()}
PER_SOURCE = 6


@pytest.fixture(scope="module")
def the_stage(new_stage):
    return new_stage(
        doors=DOORS,
        options={"sessions_per_source": PER_SOURCE},
        backend={"reply_timeout": f"{SHORT_S}s",
                 "greeting_timeout": f"{SHORT_S}s",
                 "data_reply_timeout": f"{SHORT_S}s"})


def limits(stage):
    return stage.status()["limits"]


def grown(stage, before, **wanted):
    """Wait until these counters have grown by so much, and no more."""
    def look():
        now = limits(stage)
        return all(now[name] - before[name] == by
                   for name, by in wanted.items())
    stage.front.wait_until(look, f"{wanted} more than {before}")


# RES-01: slow in each phase

def drip(sock, data, pause_s=0.15):
    """An octet now and then, until the other end has enough. Gives the time
    that it took and what came."""
    began, answer = time.monotonic(), b""
    sock.settimeout(pause_s)
    for at in range(1000):
        try:
            sock.sendall(data[at % len(data):][:1])
        except (ConnectionError, ssl.SSLError):
            break
        try:
            octets = sock.recv(4096)
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except (ConnectionError, ssl.SSLError):
            break
        if not octets:
            break
        answer += octets
    return time.monotonic() - began, answer


def in_command(stage):
    with stage.greeted() as c:
        return drip(c.sock, b"EHLO " + b"x" * 400)


def in_answer(stage):
    with stage.greeted() as c:
        c.cmd("AUTH LOGIN", 334)
        return drip(c.sock, b"YW5u" * 99)


def in_data(stage):
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        return drip(c.sock, b"line\r\n" * 99)


def in_chunk(stage):
    with stage.greeted() as c:
        c.envelope()
        c.line("BDAT 100000")
        return drip(c.sock, b"line\r\n" * 99)


def in_tls(stage):
    """Each octet a record of its own."""
    with stage.upgraded() as c:
        return drip(c.sock, b"NOOP " + b"x" * 400)


def in_record(stage):
    """A TLS record octet by octet."""
    with stage.greeted("tls") as c:
        c.cmd("STARTTLS", 220)
        return drip(c.sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                    + b"x" * 500)


def in_handshake(stage):
    with stage.client("implicit") as c:
        return drip(c.sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                    + b"x" * 500)


PHASES = {"command": in_command, "answer": in_answer, "data": in_data,
          "chunk": in_chunk, "tls": in_tls, "record": in_record,
          "handshake": in_handshake}


def test_RES_01_an_octet_now_and_then_stretches_no_deadline(stage):
    before = limits(stage)
    took = stage.at_once({name: (phase, stage)
                          for name, phase in PHASES.items()})
    for name, (seconds, answer) in took.items():
        assert SHORT_S - 0.5 < seconds < SHORT_S * 3, (name, seconds)
        told = b"" if name in ("record", "handshake") \
            else b"421 Timeout, closing the connection\r\n"
        assert answer.endswith(told), (name, answer)
    grown(stage, before, client_time=5, data_rate=2, handshake_time=2)
    # Nothing of what was begun was stored.
    assert not stage.arrived(b"line")


def test_RES_01_a_slow_but_steady_message_passes(stage):
    """Twice the least rate, for longer than the deadline."""
    word = stage.name("slow")
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.line(f"Subject: {word}")
        ends = time.monotonic() + 2.5 * SHORT_S
        while time.monotonic() < ends:
            c.send(b"x" * 248 + b"\r\n")
            assert c.silent(0.2)
        c.line(".")
        c.reply(250)
        c.quit()
    assert len(stage.arrived(word)) == 1


def test_RES_01_bursts_are_no_account_for_long_silence(stage):
    """What came fast before buys no more than one deadline."""
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.send((b"x" * 998 + b"\r\n") * 500)
        began = time.monotonic()
        c.reply(421)
        assert SHORT_S - 0.5 < time.monotonic() - began < SHORT_S * 2
        c.expect_closed()


@pytest.mark.parametrize("point", ["greeting", "reply", "multiline"])
def test_RES_01_server_octet_by_octet_is_given_up(stage, point):
    """REP-04: the reply must be whole in its time, from the first octet."""
    before = limits(stage)
    if point == "greeting":
        stage.server.fault("drip=150")
        with stage.client() as c:
            began = time.monotonic()
            c.reply(421)
    else:
        with stage.greeted() as c:
            stage.server.fault("drip=150")
            if point == "multiline":
                stage.server.fault(r"say=help:214-a\n214-b\n214-c\n214 d")
            began = time.monotonic()
            c.cmd("HELP", 421)
    assert SHORT_S - 0.5 < time.monotonic() - began < SHORT_S * 2
    stage.server.clear_faults()
    grown(stage, before, server_time=1)


def test_RES_01_commands_stretch_no_time_of_the_server(stage):
    """A server that owes a reply gets no time for what the client says."""
    stage.server.fault("stall=noop")
    with stage.greeted() as c:
        began = time.monotonic()
        c.line("NOOP")
        for _ in range(60):
            try:
                c.line("VRFY x")
            except ConnectionError:
                break
            if not c.silent(SHORT_S / 8):
                break
        c.reply(421)
        assert time.monotonic() - began < SHORT_S * 2


# RES-06: connections of one source

def knock(stage, source, door="mx"):
    """A client that has heard its first line, and the code of that."""
    c = Client(stage.front.ports[door], source=source)
    return c, c.reply().code


def opened(stage, source, count):
    """So many that were greeted; workers learn of an end a moment later."""
    return [c for c, code in (knock(stage, source) for _ in range(count))
            if code == 220]


def sources_of(kind):
    """Addresses of one source: the same IPv4, or one /64."""
    if kind == "ipv4":
        return ["203.0.113.60"] * (PER_SOURCE + 3)
    return [f"2001:db8:0:6::{n:x}" for n in range(1, PER_SOURCE + 4)]


def test_RES_06_one_more_than_a_source_may_have_is_421(stage, strangers):
    """n-1 and n are in, n+1 hears why; a place is free when one leaves."""
    source, before = strangers[60], limits(stage)
    heard = len(stage.server.of("connect"))
    inside = opened(stage, source, PER_SOURCE)
    assert len(inside) == PER_SOURCE
    for _ in range(3):
        with Client(stage.front.ports["mx"], source=source) as c:
            assert c.reply(421).raw == b"421 Too many connections from " \
                b"your address, try again later\r\n"
            c.expect_closed()
    # Nobody but the six has cost the server a connection.
    assert len(stage.server.of("connect")) == heard + PER_SOURCE
    grown(stage, before, source_sessions=3)
    other, code = knock(stage, strangers[61])
    assert code == 220
    inside.pop().quit()

    def again():
        c, code = knock(stage, source)
        inside.append(c)
        return code == 220
    stage.front.wait_until(again, "a place that is free again")
    for c in (other, *inside):
        c.close()


def test_RES_06_no_handshake_is_spent(stage, strangers):
    source = strangers[62]
    inside = opened(stage, source, PER_SOURCE)
    with Client(stage.front.ports["implicit"], source=source) as c:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            c.wrap(stage.certs.client_context(verify=False))
    for c in inside:
        c.close()


def test_RES_06_allowed_addresses_are_exempt(stage):
    """Loopback is always allowed."""
    inside = opened(stage, None, PER_SOURCE * 3)
    assert len(inside) == PER_SOURCE * 3
    for c in inside:
        c.close()


def test_RES_06_a_storm_of_one_source_never_gets_more(stage, strangers):
    """From many threads into two workers: never more than the limit."""
    source = strangers[63]

    def one(_):
        return knock(stage, source)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(one, range(100)))
    codes = [code for _, code in got]
    assert set(codes) == {220, 421}
    assert codes.count(220) <= PER_SOURCE
    assert stage.status()["sessions"]["open"] <= PER_SOURCE
    for c, _ in got:
        c.close()

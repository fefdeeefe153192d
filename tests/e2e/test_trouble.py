"""Servers that are away, leave, stall or refuse; clients that break off.

Whatever the server does, the client gets a reply or an end, nothing hangs,
and no client sees an acceptance that the server did not give.
"""

import re
import socket
import threading

import pytest

from attack import timed
from harness import net
from harness.raw import Broken, Closed, stuff

BODY = b"Subject: x\r\n\r\nhello\r\n"
QUICK_S = 2.0       # a loaded machine; an answer at once is meant


@pytest.fixture
def mx(double, postern):
    """mx(listener={...}, backend={...}, **double): (server, front)."""
    def start(listener=None, backend=None, options=None, **params):
        params.setdefault("auth_clear", "LOGIN PLAIN")
        server = double(**params)
        front = postern({"mx": listener or {}},
                        {"domino": {"servers": [server.address],
                                    **(backend or {})}},
                        options={"source_limit": {"delay": "0s"},
                                 **(options or {})})
        return server, front
    return start


@pytest.fixture
def greeted(client):
    def connect(front, **more):
        one = client(front.ports["mx"], **more)
        one.reply(220)
        one.ehlo()
        return one
    return connect


@pytest.fixture
def blackhole():
    """The address of a server that lets connects time out."""
    socks = [socket.socket()]
    socks[0].bind(("127.0.0.1", 0))
    socks[0].listen(0)
    place = socks[0].getsockname()
    # Its queue is full now: further SYNs are dropped.
    for _ in range(3):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(place)
        socks.append(one)
    yield f"{place[0]}:{place[1]}"
    for one in socks:
        one.close()


def nobody():
    """An address where nobody listens."""
    return f"127.0.0.1:{net.free_port()}"


def ended(front, c, reason, count=1):
    c.expect_closed()
    c.close()   # else postern waits for us a moment
    return front.wait_event("session", count, end=reason)


# Away

def test_server_that_is_away_is_421_at_once(postern, client):
    front = postern({"mx": {}}, [nobody()])
    with timed(longest_s=QUICK_S):
        c = client(front.ports["mx"])
        c.reply(421)
        ended(front, c, "server-away")
    front.wait_event("server-failed", why="Connection refused")


def test_server_that_swallows_connects_is_421_in_time(postern, client,
                                                      blackhole):
    front = postern({"mx": {}}, {"domino": {
        "servers": [blackhole], "connect_timeout": "700ms"}})
    with timed(0.7, 0.7 + QUICK_S):
        c = client(front.ports["mx"])
        c.reply(421)
        ended(front, c, "server-away")


@pytest.mark.parametrize("first", ["refuses", "swallows"])
def test_next_server_is_used_when_the_first_is_down(postern, double, client,
                                                    blackhole, first):
    server = double()
    front = postern({"mx": {}}, {"domino": {
        "servers": [nobody() if first == "refuses" else blackhole,
                    server.address], "connect_timeout": "500ms"}})
    with timed(longest_s=0.5 + QUICK_S):
        c = client(front.ports["mx"])
        c.reply(220)
    c.ehlo()
    c.message(BODY)
    assert server.octets(server.wait_for("message")) == BODY


def test_second_server_is_used_while_the_first_is_away(postern, double,
                                                       client):
    """Back to the first: test_pool.py."""
    first, second = double(), double()
    front = postern({"mx": {}}, [first.address, second.address])
    for listening, used in ((True, first), (False, second)):
        if not listening:
            first.listen(False)
        before = len(used.of("connect"))
        c = client(front.ports["mx"])
        c.reply(220)
        c.ehlo()
        c.quit()
        assert len(used.of("connect")) == before + 1


def test_sessions_go_on_while_the_server_takes_no_new_ones(mx, greeted,
                                                           client):
    server, front = mx()
    c = greeted(front)
    server.listen(False)
    client(front.ports["mx"]).reply(421)
    c.message(BODY)
    server.listen(True)
    greeted(front).quit()


# Death at each point of the dialogue

DEATHS = [
    # fault, the verb that meets it, the reply to it
    ("close-before=connect", None, 421),
    ("reset-before=connect", None, 421),
    ("close-in-reply=connect", None, 421),
    ("stall=connect", None, 421),
    ("raw=connect:hello\\r\\n", None, 421),
    ("close-before=ehlo", "EHLO x", 421),
    ("reset-before=ehlo", "EHLO x", 421),
    ("close-in-reply=ehlo", "EHLO x", 421),
    ("close-in-reply=ehlo:60", "EHLO x", 421),
    ("stall=ehlo", "EHLO x", 421),
    ("raw=ehlo:250-a\\r\\n;endless=ehlo", "EHLO x", 421),
    ("long-line=ehlo:200000", "EHLO x", 421),
    ("raw=ehlo:250-a\\r\\n251 b\\r\\n", "EHLO x", 421),
    ("close-before=noop", "NOOP", 421),
    ("close-in-reply=noop", "NOOP", 421),
    ("stall=noop", "NOOP", 421),
    ("raw=noop:25\\r\\n", "NOOP", 421),
    ("raw=noop:250 ok\\n", "NOOP", 421),
    ("raw=noop:999 x\\r\\n", "NOOP", 421),
    ("raw=noop:354 go\\r\\n", "NOOP", 421),
    ("raw=noop:334 x\\r\\n", "NOOP", 421),
    ("421=noop", "NOOP", 421),
    ("421-stay=noop", "NOOP", 421),
    ("close-in-reply=auth-final:3", "AUTH PLAIN AGFubmEAc2VjcmV0", 421),
    ("reset-before=auth-final", "AUTH PLAIN AGFubmEAc2VjcmV0", 421),
    ("stall=auth-final", "AUTH PLAIN AGFubmEAc2VjcmV0", 421),
]


def test_server_that_dies_or_babbles_is_421_and_the_end(mx, client):
    server, front = mx(backend={"greeting_timeout": "1s",
                                "reply_timeout": "1s"})
    for count, (fault, verb, code) in enumerate(DEATHS, 1):
        server.clear_faults()
        for part in fault.split(";"):
            server.fault(part)
        c = client(front.ports["mx"])
        try:
            if verb:
                c.reply(220)
                if not verb.startswith("EHLO"):
                    c.ehlo()
                c.line(verb)
            assert c.reply().code == code, fault
            # Exactly that one, and then the end.
            assert c.expect_closed() == b"", fault
        except Broken as error:
            raise AssertionError(f"{fault}: {error}") from error
        c.close()
        front.wait_event("session", count)
    # Each end has the reason that fits it.
    ends = {fault: end["end"] for (fault, _, _), end in
            zip(DEATHS, front.events("session"))}
    for fault, end in ends.items():
        wanted = "server-timeout" if fault.startswith("stall") else \
            "server-protocol" if fault.startswith(("raw", "long")) \
            else "server-closed"
        # A reset may be there before the connection is looked at.
        assert end == wanted or (
            end == "server-away" and fault == "reset-before=connect"), fault
    server.clear_faults()
    c = client(front.ports["mx"])
    c.reply(220)
    c.ehlo()
    c.message(BODY)


def test_server_that_dies_in_a_reply_of_several_lines(mx, greeted):
    server, front = mx(faults=["close-in-reply=help:60"])
    c = greeted(front)
    c.line("HELP")
    # A reply passes whole or not at all: no client sees one with two codes.
    rest = c.expect_closed()
    assert re.fullmatch(rb"421 [^\r\n]*\r\n", rest), rest
    c.close()
    front.wait_event("session", end="server-closed")


# (fault, is the message at the server all the same)
MESSAGE_DEATHS = [
    ("close-after=data", False), ("reset-after=data", False),
    ("half-close-after=data", None), ("close-in-body=20", False),
    ("reset-in-body=20", False), ("close-before=dot", False),
    ("reset-before=dot", False), ("close-in-reply=dot:2", True),
    ("close-in-reply=dot:20", True), ("421=dot", False),
    ("stall=dot", True), ("raw=dot:hello\\r\\n", False),
    ("raw=dot:354 go on\\r\\n", False), ("premature=20", None),
    ("premature-354", None),
]


def test_message_of_unknown_fate_is_never_accepted(mx, client):
    """REP-05, REP-08: 421 or 451 and the end, no 2yz and no 5yz."""
    server, front = mx(backend={"data_reply_timeout": "1s",
                                "reply_timeout": "1s"})
    for count, (fault, kept) in enumerate(MESSAGE_DEATHS, 1):
        server.clear_faults()
        server.fault(fault)
        before = len(server.messages())
        c = client(front.ports["mx"])
        try:
            c.reply(220)
            c.ehlo()
            c.envelope()
            code = c.cmd("DATA").code
            if code == 354:
                c.send(b"x" * 30 + b"\r\n")
                if "body" in fault or fault == "premature=20":
                    server.wait_for("disconnect", count)
                c.send(BODY + b".\r\n")
                code = c.reply().code
            assert code in (421, 451), fault
            if code == 451:
                # The session may go on with a 421 to say that it does not.
                rest = c.expect_closed()
                assert rest == b"" or rest.startswith(b"421 "), fault
            else:
                assert c.expect_closed() == b"", fault
        except (Broken, OSError) as error:
            raise AssertionError(f"{fault}: {error!r}") from error
        c.close()
        end = front.wait_event("session", count)
        assert end["end"].startswith("server-") and not end["messages"], fault
        server.wait_for("disconnect", count)
        if kept is not None:
            assert len(server.messages()) - before == kept, fault


def test_chunks_of_unknown_fate_are_never_accepted(mx, greeted):
    server, front = mx(f_chunking=True, backend={"data_reply_timeout": "1s"})
    for fault, codes in (
            ("close-before=bdat", [421]), ("reset-before=bdat", [421]),
            ("close-before=dot", [250, 451]), ("reset-before=dot", [250, 451]),
            ("close-in-reply=dot:9", [250, 451]), ("stall=dot", [250, 451])):
        server.clear_faults()
        server.fault(fault)
        c = greeted(front)
        c.envelope()
        for code, line in zip(codes, (b"BDAT 5\r\nhello",
                                      b"BDAT 5 LAST\r\nworld")):
            c.send(line)
            assert c.reply().code == code, fault
        rest = c.expect_closed()
        assert rest == b"" or rest.startswith(b"421 "), fault


# Refused early

LARGE = (b"x" * 998 + b"\r\n") * 4000


@pytest.mark.parametrize("fault", ["early", "early-close", "early-stop"])
def test_early_refusal_is_the_answer_to_the_dot(mx, greeted, fault):
    """REP-11: the client is drained, and gets it once."""
    server, front = mx(faults=[f"{fault}=100000:552 too big"])
    c = greeted(front)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(LARGE[:200000])
    server.wait_for("disconnect")   # postern has seen it, and dropped it
    c.send(LARGE + b".\r\n")
    assert c.reply().raw == b"552 too big\r\n"
    rest = c.expect_closed()
    assert rest == b"" or rest.startswith(b"421 ")
    assert not server.messages()


@pytest.mark.parametrize("fault", ["early", "early-close", "early-stop"])
def test_early_refusal_of_who_does_not_look_is_no_acceptance(mx, greeted,
                                                             fault):
    """All in one go: the refusal may come before or behind the dot, and
    behind a write that failed."""
    server, front = mx(faults=[f"{fault}=100000:552 too big"],
                       backend={"reply_timeout": "1s"})
    c = greeted(front)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(LARGE + b".\r\n")
    assert c.reply().code == 552
    c.line("QUIT")
    rest = c.expect_closed()
    assert rest == b"" or rest.startswith((b"421 ", b"221 "))
    assert not server.messages()


def test_refusal_at_the_dot_leaves_the_session_as_it_was(mx, greeted):
    server, front = mx(size_limit=1000)
    c = greeted(front)
    c.cmd("MAIL FROM:<a@sender.test> SIZE=2000", 552)
    c.envelope()
    c.data(LARGE, 552)
    # PIP-07: no transaction is left, here or there.
    c.cmd("RCPT TO:<anna@example.test>", 503)
    c.cmd("DATA", 503)
    c.message(BODY)
    c.quit()
    assert [server.octets(m) for m in server.messages()] == [BODY]


# 535, then gone

@pytest.mark.parametrize("way", ["yes", "fin_before_reply_read", "rst"])
def test_535_arrives_though_the_server_leaves_at_once(mx, greeted, strangers,
                                                      way):
    server, front = mx(close_after_535=way, t_535="535-no\n535 go away",
                       options={"source_limit": {"delay": "300ms",
                                                 "failures": 20}})
    for count in range(1, 4):
        c = greeted(front, source=strangers[count])
        with timed(0.3):
            # Each another: a refused pair does not reach the server again.
            c.auth_plain(password=f"wrong {count}", code=535)
        rest = c.expect_closed()
        assert rest == b"" or rest.startswith(b"421 ")
        c.close()
        end = front.wait_event("session", src=strangers[count])
        assert end["end"] == "server-closed" and end["auth"] == "failed"
        explained = front.ctl("explain", strangers[count], json_out=True)
        assert explained["failures"]["count"] == 1


# Clients that leave or stall

@pytest.mark.parametrize("way", ["close", "reset", "half_close"])
def test_message_that_breaks_off_is_never_completed(mx, greeted, way):
    """D-03"""
    server, front = mx()
    c = greeted(front)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(BODY)
    server.wait_until(lambda: server.of("reply", point="data"), "354")
    getattr(c, way)()
    front.wait_event("session", end="client-left")
    server.wait_for("disconnect")
    assert server.of("partial") and not server.messages()


def test_reply_still_reaches_who_has_closed_his_half(mx, greeted):
    server, front = mx(faults=["delay=dot:200"])
    c = greeted(front)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(BODY + b".\r\n")
    c.half_close()
    c.reply(250)
    c.expect_closed()
    assert len(server.messages()) == 1


def test_silent_clients_are_told_and_closed(mx, greeted):
    server, front = mx({"command_timeout": "1s", "data_timeout": "1s"})
    idle, talking = greeted(front), greeted(front)
    talking.envelope()
    talking.cmd("DATA", 354)
    talking.send(BODY)
    for count, c in enumerate((idle, talking), 1):
        c.reply(421)
        ended(front, c, "client-timeout", count)
    server.wait_for("disconnect", 2)
    assert not server.messages()


def test_command_octet_by_octet_does_not_stretch_its_time(mx, greeted):
    """RES-01: the deadline is that of the whole command."""
    server, front = mx({"command_timeout": "1s"})
    c = greeted(front)
    with timed(0.9, 1 + QUICK_S), pytest.raises((Closed, OSError)):
        for _ in range(100):
            c.send(b"x")
            if not c.silent(0.1):
                c.reply(421)
                raise Closed("as it should be")
    c.close()
    front.wait_event("session", end="client-timeout")


# The greeting's delay

def test_early_talker_is_refused_and_the_server_left_alone(mx, client):
    server, front = mx({"greeting_delay": "1s"})
    for count, way in enumerate(("at once", "later"), 1):
        c = client(front.ports["mx"])
        if way == "later":
            assert c.silent(0.3)
        with timed(longest_s=0.5 + QUICK_S):
            c.send(b"EHLO x\r\n")
            assert re.search(r"\(ref \w+\)", c.reply(554).text)
            ended(front, c, "early-talk", count)
    assert not server.of("connect")


def test_patient_client_is_greeted_after_the_delay(mx, client):
    server, front = mx({"greeting_delay": "1s"})
    gone = client(front.ports["mx"])
    gone.close()
    front.wait_event("session", end="client-closed")
    with timed(0.9, 1 + QUICK_S):
        c = client(front.ports["mx"])
        c.reply(220)
    c.ehlo()
    c.message(BODY)
    assert len(server.of("connect")) == 1


# Stopping

def test_stop_lets_a_message_past_354_finish(mx, greeted, client):
    server, front = mx(faults=["delay=dot:300"])
    idle, busy, late = greeted(front), greeted(front), greeted(front)
    for c in (busy, late):
        c.envelope()
        c.cmd("DATA", 354)
    late.send(BODY + b".\r\n")
    front.process.terminate()
    idle.reply(421)
    idle.expect_closed()
    late.reply(250)
    busy.send(stuff(BODY) + b".\r\n")
    busy.reply(250)
    for c in (late, busy):
        c.reply(421)
        c.expect_closed()
    for c in (idle, late, busy):
        c.close()
    assert front.process.wait(20) == 0
    assert [server.octets(m) for m in server.messages()] == [BODY, BODY]
    assert {e["end"] for e in front.events("session")} == {"stopping"}
    with pytest.raises(OSError):
        client(front.ports["mx"])


def test_stop_waits_for_nobody_longer_than_its_grace(mx, greeted):
    server, front = mx(options={"shutdown_grace": "1s"})
    c = greeted(front)
    c.envelope()
    c.cmd("DATA", 354)
    with timed(0.8, 4 + QUICK_S):
        assert front.stop() == 0
    assert not server.messages()


def test_stop_under_load_loses_no_accepted_message(mx, client):
    server, front = mx(faults=["delay=dot:20"])
    accepted, refused = [], []

    def live(number):
        try:
            for count in range(1000):
                c = client(front.ports["mx"])
                if c.reply().code != 220:
                    return
                c.ehlo()
                c.envelope()
                c.cmd("DATA", 354)
                text = b"%d-%d\r\n" % (number, count)
                c.send(text + b".\r\n")
                (accepted if c.reply().code == 250 else refused).append(text)
                c.close()
        except (Broken, OSError):
            return
    threads = [threading.Thread(target=live, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    server.wait_for("message", 30)
    assert front.stop() == 0
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    stored = [server.octets(m) for m in server.messages()]
    assert len(accepted) >= 30 and set(accepted) <= set(stored)
    # Each client has one reply on its way at most.
    assert len(stored) - len(accepted) <= 8

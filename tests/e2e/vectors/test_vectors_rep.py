"""REP-: replies of a server that is broken, hostile or gone.

The server's octets are cut in every way; what the client gets must be one
whole reply a command, or 421 and the end, and never an acceptance that the
server did not give.
"""

import socket
import struct
import threading
import time

import pytest

from harness.raw import Broken, Closed
from inet_diag import wait_read
from liar import BANNER, HONEST, Liar, ehlo_reply
from stage import closed
from ways import WHOLE


@pytest.fixture(scope="module")
def the_stage(new_stage, session_folder):
    return new_stage(
        server=Liar(session_folder),
        doors={"mx": {}},
        backend={"reply_timeout": "2s", "greeting_timeout": "2s",
                 "data_reply_timeout": "3s"})


def session(stage, way, replies, steps, said=None):
    """Says the steps (a line, or octets behind 354) until the session ends;
    the codes of the replies, "closed" at its end. said: gets each step before
    it is sent."""
    said = [] if said is None else said
    word = stage.name("rep") + "x.test"
    stage.server.case(word, way, replies)
    seen = []
    with stage.client() as c:
        try:
            seen.append(c.reply().code)
            for step in (f"EHLO {word}".encode(), *steps):
                said.append(step)
                c.send(step if step.endswith(b".\r\n") else step + b"\r\n")
                seen.append(c.reply().code)
        except Closed:
            pass
        if seen[-1:] in ([421], [451]) or len(seen) < len(steps) + 2:
            assert closed(c) == b""
            seen.append("closed")
    return seen


def every_way(stage, lie, replies, steps, wanted):
    """The lie cut everywhere: each time the same."""
    def case(way):
        seen = session(stage, way, replies, steps)
        assert seen == wanted, seen
    stage.play(case, lie)


GOOD = [b"250\r\n", b"250 \r\n", b"250-a\r\n250\r\n", b"250-a\r\n250 \r\n",
        b"250-\r\n250 b\r\n", b"250 5.7.2\r\n"]
SHORT = [b"2\r\n", b"25\r\n", b"\r\n", b"250-a\r\n2\r\n", b"250-a\r\n\r\n"]


@pytest.mark.parametrize("lie", GOOD)
def test_REP_01_replies_without_text_are_replies(stage, lie):
    every_way(stage, lie, {"NOOP": lie}, [b"NOOP", b"QUIT"],
              [220, 250, 250, 221])


BAD = [b"200-This is\r\n250 inconsistent.\r\n", b"22X OK\r\n", b"220OK\r\n",
       b"699 x\r\n", b"100 x\r\n", b"400 This \r is wrong\r\n",
       b"000 x\r\n", b"250=x\r\n", b"HTTP/1.1 200 OK\r\n", b"\x16\x03\x01\r\n"]


@pytest.mark.parametrize("lie", SHORT)
def test_REP_01_short_lines_are_421(stage, lie):
    every_way(stage, lie, {"NOOP": lie}, [b"NOOP", b"NOOP"],
              [220, 250, 421, "closed"])


@pytest.mark.parametrize("lie", BAD)
@pytest.mark.parametrize("verb,step", [
    ("NOOP", b"NOOP"), ("MAIL", b"MAIL FROM:<a@b.test>")])
def test_REP_02_malformed_replies_are_421_and_the_end(stage, lie, verb, step):
    every_way(stage, lie, {verb: lie}, [step, b"NOOP"],
              [220, 250, 421, "closed"])


def test_REP_03_a_reply_too_many_answers_nothing(stage):
    """Begun before the client's next command was passed on, it is surplus.
    (One that comes whole behind that cannot be told from an answer, by
    anybody: the split between the two is left out.)"""
    lie = b"250 ok\r\n250 extra\r\n"

    def case(way):
        seen = session(stage, way, {"NOOP": lie},
                       [b"NOOP", b"VRFY x", b"VRFY y"])
        if way.at == len(b"250 ok\r\n"):
            return
        # 421 in place of a reply, or behind the honest one.
        assert seen[2:] in ([421, "closed"], [250, 421, "closed"],
                            [250, "closed"]), seen
    stage.play(case, lie)


def test_REP_03_a_surplus_ehlo_reply_answers_nothing(stage):
    lie = b"250-liar\r\n250 PIPELINING\r\n250 extra\r\n"

    def case(way):
        if way.at == lie.index(b"250 extra"):
            return      # as above
        seen = session(stage, way, {"EHLO": lie}, [b"MAIL FROM:<a@b.test>"])
        assert seen[1:] in ([421, "closed"], [250, 421, "closed"],
                            [250, "closed"]), seen
    stage.play(case, lie)


@pytest.mark.parametrize("verb", ["EHLO", "NOOP", "DOT"])
@pytest.mark.parametrize("lie", ["lines", "line"])
def test_REP_04_endless_replies_are_cut_off(stage, verb, lie):
    given = []

    def flood(peer, line):
        piece = b"250-x and so on\r\n" * 64 if lie == "lines" else b"x" * 4096
        if lie == "line":
            peer.send(b"250 ")
        sent = 0
        try:
            while sent < 100_000_000:
                peer.send(piece)
                sent += len(piece)
        finally:
            given.append(sent)
    steps = [b"MAIL FROM:<a@b.test>", b"RCPT TO:<c@d.test>", b"DATA",
             b"x\r\n.\r\n"] if verb == "DOT" else [b"NOOP"]
    seen = session(stage, WHOLE, {verb: flood}, steps)
    before = {"EHLO": [220], "NOOP": [220, 250],
              "DOT": [220, 250, 250, 250, 354]}[verb]
    assert seen == [*before, 451 if verb == "DOT" else 421, "closed"], seen
    stage.front.wait_until(lambda: given, "the end of the flood")
    assert given[0] < 16 << 20          # what the kernel holds


def test_REP_04_a_reply_octet_by_octet_does_not_stretch_its_time(stage):
    def drip(peer, line):
        while True:
            peer.send(b"2")
            time.sleep(0.3)     # slower than the deadline, never silent
    began = time.monotonic()
    seen = session(stage, WHOLE, {"NOOP": drip}, [b"NOOP"])
    assert seen == [220, 250, 421, "closed"], seen
    assert time.monotonic() - began < 15


def test_REP_05_a_verdict_before_its_end_of_data_is_none(stage):
    go, rest = b"354 go\r\n", b"250 taken already\r\n"
    message = b"x\r\n.\r\n"

    def case(way):
        said, quick = [], []

        def tell(peer, line):
            """The lie; did the client send before its rest had begun?"""
            count = 0
            for piece in way.pieces(b"", go + rest, b""):
                peer.send(piece)
                wait_read(peer.sock)
                count += len(piece)
                if count > len(go) and not quick:
                    quick.append(message in said)
        seen = session(stage, way, {"DATA": tell}, [
            b"MAIL FROM:<a@b.test>", b"RCPT TO:<c@d.test>", b"DATA", message],
            said)
        stage.front.wait_until(lambda: quick, "the end of the lie")
        if quick[0] and (way.name == "octets" or way.at == len(go)):
            return      # it may be the message's own reply: nobody can tell
        assert 250 not in seen[4:], seen
        assert seen[-1] == "closed"
    stage.play(case, go + rest)


MISFIT = [
    ("NOOP", b"354 go\r\n", [b"NOOP"], 421),
    ("MAIL", b"354 go\r\n", [b"MAIL FROM:<a@b.test>"], 421),
    ("RCPT", b"334 go\r\n", [b"MAIL FROM:<a@b.test>",
                             b"RCPT TO:<c@d.test>"], 421),
    ("MAIL", b"221 bye\r\n", [b"MAIL FROM:<a@b.test>"], 221),
    ("DATA", b"250 what\r\n", [b"MAIL FROM:<a@b.test>",
                               b"RCPT TO:<c@d.test>", b"DATA"], 250),
    ("RSET", b"334 VXNlcg==\r\n", [b"RSET"], 421),
]


@pytest.mark.parametrize("verb,lie,steps,code", MISFIT)
def test_REP_06_a_code_alone_switches_no_mode(stage, verb, lie, steps, code):
    """Behind it a line is a command still, or the session has ended."""
    def case(way):
        seen = session(stage, way, {verb: lie}, [*steps, b"NOOP", b"QUIT"])
        behind = seen[1 + len(steps):]
        if code == 421:
            assert behind == [421, "closed"], seen
        else:
            assert behind in ([code, 250, 221], [421, "closed"]), seen
    stored = len(stage.server.messages())
    stage.play(case, lie)
    assert len(stage.server.messages()) == stored


STEPS = [b"NOOP", b"MAIL FROM:<a@b.test>", b"RCPT TO:<c@d.test>", b"DATA",
         b"Subject: x\r\n\r\nx\r\n.\r\n", b"QUIT"]
VERBS = ["EHLO", "NOOP", "MAIL", "RCPT", "DATA", "DOT"]


@pytest.mark.parametrize("leave", [False, True])
@pytest.mark.parametrize("verb", VERBS)
def test_REP_07_421_is_forwarded_once_at_each_state(stage, verb, leave):
    lie = b"421 bye\r\n"
    place = VERBS.index(verb) + 1

    def then_leave(peer, line):
        peer.send(lie)
    replies = {verb: then_leave if leave else lie}

    def case(way):
        seen = session(stage, way, replies, STEPS)
        assert seen[place:] == [421, "closed"], seen
        assert seen.count(421) == 1
    stage.play(case, lie if not leave else b"")


HONEST_CODES = [220, 250, 250, 250, 250, 354, 250, 221]


def leave_at(verb, octets):
    """Say so many octets of the honest reply to this verb, then leave."""
    honest = ehlo_reply(["PIPELINING", "SIZE"]) if verb == "EHLO" \
        else HONEST[verb]

    def lie(peer, line):
        peer.send(honest[:octets])
    return lie, len(honest)


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("verb", VERBS)
def test_REP_08_a_server_that_leaves_in_any_reply(stage, verb, how):
    """After every number of octets of each reply: the client gets the reply
    if all of it was said, else 421, or 451 where a message is at stake."""
    place = VERBS.index(verb) + 1
    _, length = leave_at(verb, 0)

    def case(octets):
        lie, _ = leave_at(verb, octets)

        def say(peer, line):
            lie(peer, line)
            if how == "rst":
                reset(peer.sock)
        seen = session(stage, WHOLE, {verb: say}, STEPS)
        lost = 451 if verb == "DOT" else 421
        if octets < length:
            assert seen[place:] == [lost, "closed"], seen
        elif how == "fin" or len(seen) > place + 1:
            assert seen[place] == HONEST_CODES[place], seen
            lost = 451 if verb == "DATA" else 421   # at its next step
            assert seen[place + 1:] in ([lost, "closed"], ["closed"]), seen
        else:
            assert seen[place:] == [lost, "closed"], seen
    stage.at_once({f"{n} octets": (case, n) for n in range(length + 1)})


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


@pytest.mark.parametrize("octets", range(len(BANNER) + 1))
def test_REP_08_a_server_that_leaves_in_its_banner(stage, octets):
    def lie(peer, line):
        peer.send(BANNER[:octets])
    stage.server.banner = (lie, WHOLE)
    try:
        with stage.client() as c:
            code = c.reply().code
            if octets < len(BANNER):
                assert code == 421
            assert set(closed(c)) <= set(b"421 .4abcdefghijklmnopqrstuvwxyz"
                                         b"ABCDEFGHIJKLMNOPQRSTUVWXYZ,\r\n")
    finally:
        stage.server.banner = (BANNER, WHOLE)


TEXT = [b"250 caf\xc3\xa9\r\n", b"250 \x1b[2J\x9b31m\r\n", b"250 a\tb\r\n",
        b"250 \xff\xfe\x80\r\n"]


@pytest.mark.parametrize("lie", TEXT)
def test_REP_09_odd_octets_in_a_text_pass_and_are_escaped_in_logs(stage, lie):
    """The rule U behind it holds for the log."""
    every_way(stage, lie, {"NOOP": lie}, [b"NOOP", b"QUIT"],
              [220, 250, 250, 221])


@pytest.mark.parametrize("lie", [b"250 a\0b\r\n", b"\0250 ok\r\n"])
def test_REP_09_nul_is_421(stage, lie):
    every_way(stage, lie, {"NOOP": lie}, [b"NOOP"], [220, 250, 421, "closed"])


@pytest.mark.parametrize("lie", [b"250 ok\n", b"250-a\n250 b\r\n",
                                 b"250 ok\n250 more\r\n", b"250 ok\r250\r\n"])
def test_REP_10_bare_newlines_end_no_reply(stage, lie):
    every_way(stage, lie, {"NOOP": lie}, [b"NOOP"], [220, 250, 421, "closed"])


@pytest.mark.parametrize("reads_on", [True, False])
def test_REP_11_an_early_refusal_is_the_answer_to_the_dot(new_stage,
                                                          reads_on):
    stage = new_stage()
    fault = "early" if reads_on else "early-stop"
    stage.server.fault(f"{fault}=1000000:552 too big")
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.send(b"x" * 70 + b"\r\n")
        line = b"y" * 998 + b"\r\n"
        for _ in range(100):
            c.send(line * 100)          # 10 MB in all: nobody may block
        c.send(b".\r\n")
        c.reply(552)
        closed(c)       # the server was left in mid-message (D-03)
    assert not stage.arrived("y" * 998)
    stage.server.clear_faults()
    stage.hold_u()


def test_REP_12_a_half_close_behind_354_is_a_lost_server(new_stage):
    stage = new_stage()
    stage.server.fault("half-close-after=data")
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.send(b"Subject: half\r\n\r\nx\r\n.\r\n")
        assert c.reply().code in (421, 451)
        closed(c)       # whether it was taken is not known: sent again
    stage.server.clear_faults()
    stage.hold_u()


def test_REP_13_slow_replies_are_waited_for(new_stage, folder):
    """Near the server's deadline at each state, with clients that time out
    sooner for their own silence: they are not idled out meanwhile."""
    stage = new_stage(server=Liar(folder),
                      doors={"mx": {"command_timeout": "1s",
                                    "data_timeout": "1s"}},
                      backend={"reply_timeout": "10s",
                               "greeting_timeout": "10s",
                               "data_reply_timeout": "10s"})
    late = threading.Event()

    def lie_for(verb):
        def slow(peer, line):
            late.wait(2.5)      # nobody sets it: longer than the client's
            return ehlo_reply(["PIPELINING"]) if verb == "EHLO" \
                else HONEST[verb]
        return slow

    def case(verb):
        seen = session(stage, WHOLE, {verb: lie_for(verb)}, STEPS)
        assert seen == HONEST_CODES, seen
    stage.at_once({verb: (case, verb) for verb in VERBS})
    stage.hold_u()

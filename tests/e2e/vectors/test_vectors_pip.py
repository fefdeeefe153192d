"""PIP-: pipelining and what a session remembers."""

import base64
import itertools
import socket
import threading

import pytest

from harness import wait
from harness.raw import Closed
from liar import Liar
from stage import closed
from ways import WHOLE

BODY = b"Subject: %s\r\n\r\nx\r\n.\r\n"


def envelope(word, rcpt=2):
    lines = [b"MAIL FROM:<%s@x.test>\r\n" % word]
    lines += [b"RCPT TO:<r%d@example.test>\r\n" % n for n in range(rcpt)]
    return b"".join(lines) + b"DATA\r\n"


def read_all(client):
    """The codes of all replies up to the end."""
    seen = []
    with pytest.raises(Closed):
        while True:
            seen.append(client.reply().code)
    return seen


def codes(client, count):
    return [client.reply().code for _ in range(count)]


def test_PIP_01_replies_come_in_order(stage):
    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            assert way.send(c, b">\r\nDATA\r\n", envelope(word)[:-9])
            replies = [c.reply() for _ in range(4)]
            assert [r.code for r in replies] == [250, 250, 250, 354]
            assert word.decode() in replies[0].text
            assert "r0@" in replies[1].text and "r1@" in replies[2].text
            c.send(BODY % word)
            c.reply(250)
            c.quit()
        assert len(stage.arrived(word)) == 1
    stage.play(case, b">\r\nDATA\r\n")


@pytest.mark.parametrize("chunks", ["whole", "line", "byte", "crlf",
                                    "coalesced"])
def test_PIP_02_in_order_from_a_server_that_delays_and_cuts(
        pieces, chunks):
    stage = pieces
    stage.server.set("chunks", chunks)
    for point in ("mail", "rcpt", "data", "noop", "dot"):
        stage.server.fault(f"delay={point}:{sum(point.encode()) % 200}#12")

    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            assert way.send(c, b"NOOP\r\n", after=envelope(word))
            assert codes(c, 5) == [250, 250, 250, 250, 354]
            c.send(BODY % word)
            c.reply(250)
            c.quit()
        assert len(stage.arrived(word)) == 1
    stage.play(case, b"NOOP\r\n")
    stage.server.clear_faults()
    stage.hold_u()


@pytest.fixture(scope="module")
def pieces(new_stage):
    return new_stage()


@pytest.mark.parametrize("refused", [False, True])
def test_PIP_03_text_ahead_of_354_is_no_message_and_no_command(stage,
                                                               refused):
    # The server takes its time, so whatever way the octets are cut, some of
    # the text is there before its reply.
    stage.server.fault("delay=data:300")
    if refused:
        stage.server.fault("reply=data:554 no valid recipients")
    text = b"Subject: x\r\n\r\nMAIL FROM:<inj-%s@x.test>\r\n.\r\n"

    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            c.send(envelope(word)[:-6])
            assert codes(c, 3) == [250, 250, 250]
            way.send(c, b"DATA\r\n", after=text % word)
            seen = read_all(c)
        at_once = way.name == "whole" or (way.at or 9) < 6
        assert seen == [503] if at_once else \
            seen == [554 if refused else 451, 503] or seen == [503], seen
        return word
    words = stage.play(case, b"DATA\r\n")
    for word in words.values():
        assert not stage.heard(f"inj-{word.decode()}")
        assert not stage.arrived(word)


def test_PIP_04_bad_pipelined_data_is_errors_only(stage):
    lines = (b"MAIL FROM:<s@x.test>\r\nRCPT TO:<<r@x.test>\r\nDATA\r\n"
             b"FROP!\r\nDATA\r\nFROP!\r\n.\r\nQUIT\r\n")
    stored = len(stage.server.messages())

    def case(way):
        with stage.greeted() as c:
            before, critical, after = lines.partition(b"DATA\r\nFROP!\r\n")
            way.send(c, critical, before, after)
            seen = read_all(c)
        assert seen[0] == 250
        assert all(code in (221, *range(500, 560)) for code in seen[1:])
    stage.play(case, b"DATA\r\nFROP!\r\n")
    assert len(stage.server.messages()) == stored


def test_PIP_05_commands_out_of_order_are_errors_only(stage):
    verbs = [b"MAIL", b"DATA", b"RCPT", b"BDAT 0", b"DATA x"]
    before = len(stage.server.messages())

    def case(order):
        with stage.greeted() as c:
            for verb in order:
                c.send(verb + b"\r\n")
                assert c.reply().code >= 500
            c.quit()
    stage.at_once({b" ".join(order): (case, order)
                   for order in itertools.permutations(verbs, 3)})

    def at_once(way):
        with stage.greeted() as c:
            way.send(c, b"MAIL\r\nDATA\r\n",
                     after=b"DATA\r\nRCPT\r\nBDAT 0\r\nQUIT\r\n")
            seen = read_all(c)
        assert seen and all(code == 221 or code >= 500 for code in seen)
    stage.play(at_once, b"MAIL\r\nDATA\r\n")
    assert len(stage.server.messages()) == before


def test_PIP_06_a_second_mail_changes_nothing(stage):
    def case(way):
        word = stage.name().encode()
        lines = envelope(b"a" + word)[:-6]
        with stage.greeted() as c:
            assert way.send(c, b"MAIL FR", lines,
                            b"OM:<b%s@x.test>\r\nDATA\r\n" % word)
            assert codes(c, 5) == [250, 250, 250, 503, 354]
            c.send(BODY % word)
            c.reply(250)
            c.quit()
        stored = [m for m in stage.server.messages()
                  if m["sender"] == f"a{word.decode()}@x.test"]
        assert len(stored) == 1 and len(stored[0]["recipients"]) == 2
        assert len(stage.arrived(word)) == 1
    stage.play(case, b"MAIL FR")


@pytest.mark.parametrize("how", ["data", "bdat"])
def test_PIP_07_nothing_is_left_of_a_refused_message(stage, how):
    stage.server.fault("reply=dot:550 no")
    last = b"RCPT TO:<z@example.test>\r\nDATA\r\n"

    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            c.send(envelope(word)[:-6])
            codes(c, 3)
            if how == "data":
                c.cmd("DATA", 354)
                c.send(BODY % word)
            else:
                c.send(b"BDAT 9 LAST\r\n" + word[:9].ljust(9))
            c.reply(550)
            assert way.send(c, last)
            assert codes(c, 2) == [503, 503]
            c.quit()
        return word
    words = stage.play(case, last)
    stage.server.clear_faults()
    assert not any(stage.arrived(word) for word in words.values())


@pytest.mark.parametrize("password,code", [("secret", 235), ("wrong", 535)])
def test_PIP_08_nothing_passes_an_outstanding_auth(stage, password, code):
    token = base64.b64encode(f"\0anna\0{password}".encode())
    failed = stage.status()["logins"]["failed"]

    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            way.send(c, b"\r\nMAIL", b"AUTH PLAIN " + token,
                     b" FROM:<%s@x.test>\r\n" % word)
            seen = []
            with pytest.raises(Closed):
                while True:
                    seen.append(c.reply().code)
                    if len(seen) == 2 and seen[0] == code:
                        c.line("QUIT")
        # Read at once: refused. Read behind the reply: a client in step.
        assert seen in ([503], [code, 503], [code, 250, 221]), seen
        if way.name == "whole":
            assert seen == [503]
            assert not stage.heard(word.decode())
        return seen[0] == code
    tried = stage.play(case, b"\r\nMAIL")
    if code == 535:
        # The same secret: each is asked about, and counted once in the ban.
        assert stage.status()["logins"]["failed"] - failed == \
            sum(tried.values())


def test_PIP_09_a_client_that_never_reads_is_not_read(new_stage):
    # By default 200 commands without progress are the end; here they are not.
    stage = new_stage(doors={"mx": {"idle_commands_most": 100000}})
    with stage.greeted() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        c.sock.settimeout(1)
        with pytest.raises(TimeoutError):   # the kernel holds it back
            for _ in range(1000):
                c.sock.sendall(b"NOOP\r\n" * 10000)
        stage.front.wait_until(
            lambda: 0 < stage.status()["sessions"]["buffers"] <= 4,
            "a bounded queue")
        # Another session is served meanwhile.
        stage.clean_session()
    stage.hold_u()


def test_PIP_10_nothing_counts_behind_quit(stage):
    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            way.send(c, b"QUIT\r\nMAIL", after=b" FROM:<%s@x.test>\r\n" % word)
            c.reply(221)
            assert closed(c) == b""
        return word.decode()
    words = stage.play(case, b"QUIT\r\nMAIL")
    assert not any(stage.heard(word) for word in words.values())


def test_PIP_10_the_reply_to_quit_comes_whatever_stands_behind(
        new_stage, session_folder):
    """A close behind octets that nobody read is a reset: the reply must be
    on its way by then."""
    folder = session_folder / "pip-quit"
    folder.mkdir()
    folder.chmod(0o755)
    stage, word = new_stage(server=Liar(folder)), "quit.x.test"
    asked, go_on = threading.Event(), threading.Event()

    def bye(peer, line):
        asked.set()
        assert go_on.wait(wait.DEADLINE_S)
        return b"221 bye\r\n"
    stage.server.case(word, WHOLE, {"QUIT": bye})
    with stage.client() as c:
        c.reply(220)
        c.cmd(f"EHLO {word}", 250)
        c.line("QUIT")
        assert asked.wait(wait.DEADLINE_S)
        c.line("NOOP")
        go_on.set()
        c.reply(221)
    stage.hold_u()


def test_PIP_11_rset_and_ehlo_reset_both_ends(stage):
    def case(reset):
        for steps in range(4):
            word = stage.name().encode()
            with stage.greeted() as c:
                for line in envelope(word).splitlines()[:steps]:
                    c.cmd(line, 250)
                c.cmd(reset, 250)
                c.cmd("RCPT TO:<r@example.test>", 503)
                c.cmd("DATA", 503)
                c.message(BODY[:-3] % word)
                c.quit()
            assert len(stage.arrived(word)) == 1
    stage.at_once({reset: (case, reset) for reset in
                   ("RSET", "EHLO again", "HELO again", "rset")})


def test_PIP_12_a_thousand_transactions_grow_nothing(stage):
    with stage.greeted() as c:
        seen = []
        for number in range(1000):
            c.send(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<r@example.test>\r\n"
                   b"DATA\r\n")
            assert codes(c, 3) == [250, 250, 354]
            c.send(b"Subject: many\r\n\r\n%d\r\n.\r\n" % number)
            c.reply(250)
            if number in (100, 999):
                seen.append(stage.private_bytes())
        c.quit()
    assert len(stage.arrived("Subject: many")) == 1000
    assert seen[1] - seen[0] < 512 * 1024

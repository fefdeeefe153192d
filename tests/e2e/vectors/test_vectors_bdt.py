"""BDT-: chunks are framed by their size and by nothing else (RFC 3030)."""

import os
import socket
import ssl
import time

import pytest

from liar import Liar
from stage import closed
from ways import WHOLE

FULL = bool(os.environ.get("POSTERN_VECTORS_FULL"))
MIB = 1 << 20


def chunk(octets, last=True):
    head = f"BDAT {len(octets)}{' LAST' if last else ''}\r\n"
    return head.encode() + octets


def chunks_make_one(stage, octets_of, codes, critical):
    """Behind an envelope these octets get these replies, and are one message:
    octets_of(word) gives (octets, the message)."""
    def case(way):
        word = stage.name()
        octets, message = octets_of(word)
        at = octets.index(critical)
        with stage.greeted() as c:
            c.envelope()
            assert way.send(c, critical, octets[:at],
                            octets[at + len(critical):])
            for code in codes:
                c.reply(code)
            c.quit()
        assert stage.arrived(word) == [message], way
        return word
    return stage.play(case, critical)


def padded(word, octets):
    return f"Subject: {word}\r\n\r\n".encode().ljust(octets, b"x")


def test_BDT_01_one_chunk_is_one_message(stage):
    def octets(word):
        message = padded(word, 88)
        return chunk(message), message
    chunks_make_one(stage, octets, [250], b"BDAT 88 LAST\r\nSub")


def test_BDT_02_an_empty_last_chunk_ends_it(stage):
    def octets(word):
        message = padded(word, 100)
        return chunk(message, False) + b"NOOP\r\n" + chunk(b""), message
    chunks_make_one(stage, octets, [250, 250, 250],
                    b"xNOOP\r\nBDAT 0 LAST\r\n")


def test_BDT_03_a_chunk_may_end_in_mid_line(stage):
    def octets(word):
        first, last = b"To: Susan@", padded(word, 78)
        return chunk(first, False) + b"bdat 78 LAST\r\n" + last, first + last
    chunks_make_one(stage, octets, [250, 250], b"Susan@bdat 78 LAST\r\nS")


INNER = b"\r\n.\r\nQUIT\r\nMAIL FROM:<inj@x.test>\r\n"


def test_BDT_04_what_is_in_a_chunk_is_no_command(stage):
    def octets(word):
        message = padded(word, 60) + INNER
        return chunk(message) + b"NOOP\r\n", message
    chunks_make_one(stage, octets, [250, 250], INNER + b"NOOP\r\n")
    assert not stage.heard("inj@x.test")


@pytest.mark.parametrize("answer", [None, 504])
def test_BDT_05_a_chunk_of_nothing_leaves_the_mode_as_it_was(stage, answer):
    if answer:
        stage.server.fault(f"reply=bdat:{answer} nothing in it")

    def case(way):
        with stage.greeted() as c:
            c.envelope()
            assert way.send(c, b"BDAT 0\r\nNOOP\r\n")
            c.reply(answer or 250)
            c.reply(250)
            c.quit()
    stage.play(case, b"BDAT 0\r\nNOOP\r\n")


# What may have been meant as its octets comes right behind.
NO_SIZES = ["18446744073709551616", "18446744073709551615",
            "9223372036854775808", "-1", "+5", "0x10", "010", "00", "5.0",
            "\u0665", "", " ", "1" * 400, "five", "5 LAST x", "5LAST",
            " 5 LAST", "5  LAST", "5 LAST ", "5\tLAST", "5 LASTLY", "LAST",
            "LAST 5", "5 5", "5,0"]


def refused_chunk(stage, line, critical, code):
    """The command gets an error and the end; the server hears nothing."""
    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            c.envelope(sender=f"{word}@x.test")
            at = line.index(critical)
            way.send(c, critical, line[:at], line[at + len(critical):]
                     + f"RSET {word}\r\nNOOP {word}\r\n".encode())
            c.reply(code)
            assert closed(c) == b""
        return word
    for way, word in stage.play(case, critical).items():
        assert stage.heard(word) == [f"MAIL FROM:<{word}@x.test>"], way


@pytest.mark.parametrize("size", NO_SIZES)
def test_BDT_06_a_size_that_is_none_is_the_end(stage, size):
    line = f"BDAT {size}\r\n".encode()
    refused_chunk(stage, line, line[-9:], 501)


@pytest.mark.parametrize("size", ["4294967297 LAST", "2147483648",
                                  "9007199254740993 LAST"])
def test_BDT_06_a_large_size_is_what_it_says(stage, size):
    """None of its digits is lost: all that follows is the chunk's, also what
    would be the end as a command."""
    before = len(stage.server.of("partial"))

    def case(way):
        word = stage.name()
        octets = b"x\r\nXCLIENT\r\n\0\r\nQUIT\r\n" + word.encode()
        with stage.greeted() as c:
            c.envelope()
            c.line(f"BDAT {size}")
            assert way.send(c, octets[:12], after=octets[12:])
            assert c.silent(0.1)
        return word, len(octets)
    seen = stage.play(case, b"x\r\nXCLIENT\r\n").values()
    stage.server.wait_for("partial", before + len(seen))
    parts = [e["octets"] for e in stage.server.of("partial")[before:]]
    assert sorted(parts) == sorted(octets for _, octets in seen)
    for word, _ in seen:
        assert not stage.heard(word) and not stage.arrived(word)


@pytest.mark.parametrize("line, code", [
    (b"BDAT\t5\r\n", 501), (b"BDAT\t5 LAST\r\n", 501), (b"\tBDAT 5\r\n", 501),
    (b" BDAT 5\r\n", 501), (b"BDAT5 LAST\r\n", 501), (b"bdat\xa05\r\n", 501),
    (b"BDAT:5\r\n", 501), (b"BDAT 5 LAST\n", 500), (b"BDAT 5 LAST\r", 500),
    (b"BDAT 5\0LAST\r\n", 500), (b"BDAT 5 \0\r\n", 500)])
def test_BDT_07_a_form_that_two_may_read_differently_is_the_end(stage, line,
                                                                code):
    refused_chunk(stage, line, line[-7:], code)


@pytest.mark.parametrize("word", [b"LAST", b"last", b"lAsT"])
def test_BDT_07_last_in_any_case_is_last(stage, word):
    def octets(name):
        message = padded(name, 40)
        return b"bDaT 40 " + word + b"\r\n" + message, message
    chunks_make_one(stage, octets, [250], b"bDaT 40 " + word + b"\r\n")


def test_BDT_08_data_and_rcpt_behind_a_chunk_are_refused(stage):
    critical = b"xDATA\r\nRCPT TO:<anna@example.test>\r\nBDAT 0 LAST\r\n"

    def case(way):
        word = stage.name()
        message = padded(word, 50)
        with stage.greeted() as c:
            c.envelope()
            c.send(b"BDAT 50\r\n" + message[:-1])
            # Behind DATA nothing may come before its reply.
            assert way.send(c, b"xDATA\r\n")
            c.reply(250), c.reply(503)
            assert way.send(c, critical[7:])
            c.reply(503), c.reply(250)
            c.quit()
        assert stage.arrived(word) == [message], way
    stage.play(case, b"xDATA\r\n")


def test_BDT_08_bdat_in_a_text_is_text(stage):
    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            c.envelope()
            c.cmd("DATA", 354)
            assert way.send(c, b"\r\nBDAT 5 LAST\r\n.\r\n", word.encode())
            c.reply(250)
            c.quit()
        assert stage.arrived(word) == [
            word.encode() + b"\r\nBDAT 5 LAST\r\n"], way
    stage.play(case, b"\r\nBDAT 5 LAST\r\n.\r\n")


def test_BDT_09_refused_chunks_are_consumed(stage):
    first = b"RSET\r\n".ljust(86, b"n")
    octets = chunk(first, False) + chunk(b"QUIT\r\n") + b"NOOP\r\n"

    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            c.cmd(f"MAIL FROM:<{word}@x.test>", 250)
            c.cmd("RCPT TO:<v@y.test>", 554)
            assert way.send(c, octets[86:], octets[:86])
            for code in (503, 503, 250):
                c.reply(code)
            c.quit()
        return word
    for word in stage.play(case, octets[86:]).values():
        assert stage.heard(word) == [f"MAIL FROM:<{word}@x.test>"]
        assert not stage.arrived(word)


@pytest.fixture(scope="module")
def liar(new_stage, session_folder):
    folder = session_folder / "bdt"
    folder.mkdir()
    return new_stage(server=Liar(folder))


@pytest.fixture(scope="module")
def lean(new_stage, session_folder):
    """The same, and what was freed is not in use, whatever a sanitizer has."""
    folder = session_folder / "bdt-lean"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("POSTERN_ASAN_OPTIONS", "detect_leaks=1:"
                           "abort_on_error=0:quarantine_size_mb=0:"
                           "thread_local_quarantine_size_kb=0")
        return new_stage(server=Liar(folder))


def lied_to(stage, word):
    c = stage.client()
    c.reply(220)
    c.cmd(f"EHLO {word}", 250)
    c.envelope()
    return c


def test_BDT_10_an_early_refusal_comes_once_and_the_rest_is_consumed(liar):
    refusal = b"552 5.3.4 too big\r\n"

    def case(way):
        word = liar.name()
        liar.server.case(word, way, {"BDAT": refusal})
        with lied_to(liar, word) as c:
            c.send(b"BDAT 100\r\n" + b"y" * 50)
            assert c.reply().raw == refusal
            c.send(b"\r\nQUIT\r\n".ljust(50, b"y") + b"NOOP\r\n")
            c.reply(250)
            c.quit()
    liar.play(case, refusal)
    assert not [line for line in liar.server.commands() if "yy" in line]
    liar.hold_u()


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_BDT_11_a_chunk_that_breaks_off_is_no_message(stage, how):
    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            c.envelope(sender=f"{word}@x.test")
            message = padded(word, 50)
            assert way.send(c, message[-8:], b"BDAT 89 LAST\r\n"
                            + message[:-8])
            getattr(c, how)()
            if how == "half_close":
                assert closed(c).startswith((b"", b"421"))
        return word
    before = len(stage.server.of("partial"))
    words = stage.play(case, b"8 octets")
    stage.server.wait_for("partial", before + len(words))
    for word in words.values():
        assert not stage.arrived(word)
        assert stage.heard(word) == [f"MAIL FROM:<{word}@x.test>"]


def close_notify(c):
    """Say that TLS ends, and give the socket below it."""
    below = socket.socket(fileno=os.dup(c.sock.fileno()))
    c.sock.setblocking(False)
    try:
        c.sock.unwrap()
    except (ssl.SSLError, OSError):
        pass        # said; the answer is not waited for
    below.settimeout(20)
    return below


@pytest.mark.parametrize("octets", [0, 1, 50, 99])
def test_BDT_12_clear_octets_behind_the_end_of_tls_are_no_chunk(stage,
                                                                octets):
    def case(way):
        word = stage.name()
        with stage.client("implicit", tls=True) as c:
            c.reply(220)
            c.ehlo()
            c.envelope(sender=f"{word}@x.test")
            message = padded(word, 100)
            c.send(b"BDAT 100 LAST\r\n" + message[:octets])
            with close_notify(c) as below:
                way.send(below, b"AAAAAAAA", after=message[octets + 8:])
                try:
                    while below.recv(4096):
                        pass
                except OSError:
                    pass
        return word
    words = stage.play(case, b"AAAAAAAA")
    for word in words.values():
        assert not stage.arrived(word) and not stage.arrived("AAAAAAAA")
        assert stage.heard(word) == [f"MAIL FROM:<{word}@x.test>"]


def test_BDT_13_many_small_chunks_cost_no_memory(liar):
    count = 1000000 if FULL else 30000
    block = 500

    def take(peer, line):
        """All chunks but the last octet, an answer to each in its turn."""
        came, said, whole = len(peer.buf) + 8, 0, 9 * count - 1
        while said < count - 1:
            done = min(came // 9, count - 1)
            peer.sock.sendall(b"250 1\r\n" * (done - said))
            said = done
            if said < count - 1:
                came += len(peer.sock.recv(65536))
        while came < whole + 1:
            came += len(peer.sock.recv(65536))
        peer.buf = b"x"
        return b"250 last\r\n"
    word = liar.name()
    liar.server.case(word, WHOLE, {"BDAT": take})
    with lied_to(liar, word) as c:
        before = None
        for index in range(count // block):
            if index == 10:     # warm
                before = liar.private_bytes()
            c.send(b"BDAT 1\r\nx" * block)
            for _ in range(block):
                assert c.read_line().startswith(b"250 ")
        # Within the run, and not only behind it.
        assert liar.private_bytes() - before < MIB
        c.quit()
    liar.hold_u()


@pytest.mark.parametrize("fault", [None, "reply=dot:550 no",
                                   "reply=bdat:552 no"])
def test_BDT_14_data_behind_the_last_chunk_is_refused(stage, fault):
    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            c.envelope(sender=f"{word}@x.test")
            first = b"BDAT 5\r\nhello" if fault and "bdat" in fault else \
                b"BDAT 5 LAST\r\nhello"
            assert way.send(c, b"lloDATA\r\n", first[:-3])
            c.reply(int(fault[-6:-3]) if fault else 250)
            c.reply(503)
            c.cmd("RSET", 250)
            c.cmd("DATA", 503)
            c.cmd("BDAT 0 LAST", 552 if fault and "bdat" in fault else 503)
            c.quit()
    before = len(stage.server.messages())
    if fault:
        stage.server.fault(fault)
    ways = stage.play(case, b"lloDATA\r\n")
    assert len(stage.server.messages()) - before == \
        (0 if fault else len(ways))


def sink(seen, octets, pace_s):
    """Reads that many octets of a chunk, a MiB in `pace_s`."""
    def take(peer, line):
        seen["octets"] = len(peer.buf)
        while seen["octets"] < octets:
            data = peer.sock.recv(min(MIB, octets - seen["octets"]))
            if not data:
                return None
            seen["octets"] += len(data)
            time.sleep(pace_s * len(data) / MIB)
        peer.buf, peer.taken = b"", octets
        return b"250 all of it\r\n"
    return take


def test_BDT_15_a_chunk_of_5_gb_to_a_slow_server_costs_no_memory(lean):
    """At 1 MB/s for some seconds: what is ahead of the server is bounded."""
    word, seen, sent, most = lean.name(), {}, 0, 0
    lean.server.case(word, WHOLE, {"BDAT": sink(seen, 5000000000, 1.0)})
    with lied_to(lean, word) as c:
        before = lean.private_bytes()
        c.line("BDAT 5000000000 LAST")
        c.sock.settimeout(0.2)
        until = time.monotonic() + 2.5
        piece = memoryview(b"z" * MIB)
        while time.monotonic() < until:
            try:
                sent += c.sock.send(piece)
            except TimeoutError:
                most = max(most, lean.private_bytes() - before)
        assert sent > 2 * MIB           # more than one queue would hold
        assert most < MIB
        c.reset()
    lean.hold_u()
    assert 1 * MIB < seen["octets"] <= sent
    assert not lean.arrived("z" * 100)


def test_BDT_15_a_chunk_arrives_whole_whatever_its_size(lean):
    octets = 5000000000 if FULL else 50000000
    word, seen = lean.name(), {}
    lean.server.case(word, WHOLE, {"BDAT": sink(seen, octets, 0)})
    with lied_to(lean, word) as c:
        before = lean.private_bytes()
        c.line(f"BDAT {octets} LAST")
        piece = memoryview(b"z" * MIB)
        for at in range(0, octets, MIB):
            c.sock.sendall(piece[:min(MIB, octets - at)])
        c.reply(250)
        assert lean.private_bytes() - before < MIB
        c.quit()
    assert seen["octets"] == octets
    lean.hold_u()


def test_BDT_16_no_chunk_where_the_server_offers_none(new_stage):
    stage = new_stage(server={"f_chunking": False})

    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            c.envelope(sender=f"{word}@x.test")
            way.send(c, b"BDAT 9 LAST\r\nQUIT\r\nxx\r\n")
            c.reply(503)
            assert closed(c) == b""
        return word
    words = stage.play(case, b"BDAT 9 LAST\r\nQUIT\r\nxx\r\n")
    for word in words.values():
        assert not stage.arrived(word)
    assert not stage.heard("BDAT") and not stage.heard("xx")
    assert stage.heard("QUIT") == ["QUIT"]      # the clean session's
    stage.hold_u()

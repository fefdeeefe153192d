"""EOD-: where a message ends, and what cannot be made to end it."""

import os

import pytest

from endings import (ALL, END, ODD, is_ambiguous, normalized, parts,
                     smuggle, stored, unstuffed)
from stage import MODES, closed

FULL = bool(os.environ.get("POSTERN_VECTORS_FULL"))


def hold(stage, sents):
    """REJ or ONE, as the door and the octets want it; never two."""
    found = stored(stage)
    for (door, way), sent in sents.items():
        got = found.get(sent.word, [])
        where = f"{door}, {way}: {sent.octets[-120:]!r}"
        if door == "reject" and is_ambiguous(sent.octets):
            assert sent.codes == [550] and not got, where
            continue
        assert sent.codes == [250, 221] and sent.whole, \
            (where, sent.codes)
        text = normalized(sent.octets) if door == "normalize" \
            else unstuffed(sent.octets)
        assert got == [text], (where, got)
    assert not [line for line in stage.heard("MAIL FROM:<smuggled")
                if any(s.word in line for s in sents.values())]


def run(stage, number):
    for odd in ODD[number]:
        for door in MODES:
            sents = stage.play(lambda way, door=door, odd=odd:
                               smuggle(stage, door, odd, way), odd)
            hold(stage, {(door, way): sent for way, sent in sents.items()})


def test_EOD_01_lf_dot_lf_is_no_end(stage):
    run(stage, 1)


def test_EOD_02_lf_dot_crlf_is_no_end(stage):
    run(stage, 2)


def test_EOD_03_crlf_dot_lf_is_no_end(stage):
    run(stage, 3)


def test_EOD_04_cr_dot_crlf_is_no_end(stage):
    run(stage, 4)


def test_EOD_05_cr_dot_lf_is_no_end(stage):
    run(stage, 5)


def test_EOD_06_lf_dot_cr_is_no_end(stage):
    run(stage, 6)


def test_EOD_07_cr_dot_cr_is_no_end(stage):
    run(stage, 7)


def test_EOD_08_crlf_dot_cr_is_no_end(stage):
    run(stage, 8)


def test_EOD_09_crlf_dot_cr_crlf_is_no_end(stage):
    run(stage, 9)


def test_EOD_10_cr_crlf_on_both_sides_is_no_end(stage):
    run(stage, 10)


def test_EOD_11_nul_before_the_dot_is_text_and_stays(stage):
    run(stage, 11)


def test_EOD_12_nul_behind_the_dot_is_no_end_and_stays(stage):
    run(stage, 12)


def test_EOD_13_stuffed_dot_passes_as_two(stage):
    run(stage, 13)


def test_EOD_14_dot_and_blank_is_text(stage):
    run(stage, 14)


def second_message(c, way, word):
    """A message and, pipelined behind its end, a second one's beginning."""
    before = f"Subject: {word}\r\n\r\ntext".encode()
    behind = (f"MAIL FROM:<next{word}@x.test>\r\n"
              "RCPT TO:<anna@example.test>\r\nDATA\r\n").encode()
    c.envelope()
    c.cmd("DATA", 354)
    way.send(c, END, before, behind)
    for code in (250, 250, 250, 354):
        c.reply(code)


def test_EOD_15_next_message_may_be_pipelined_up_to_its_data(stage):
    def case(way):
        word = stage.name("odd")
        with stage.greeted() as c:
            second_message(c, way, word)
            c.send(f"Subject: second {word}\r\n\r\nb".encode() + END)
            c.reply(250)
            c.quit()
        return word
    words = stage.play(case, END)
    found = stored(stage)
    for way, word in words.items():
        first, second = sorted(found[word])
        assert first == f"Subject: {word}\r\n\r\ntext\r\n".encode(), way
        assert second == f"Subject: second {word}\r\n\r\nb\r\n".encode(), way


def test_EOD_15_text_pipelined_past_data_is_the_end(stage):
    """The first is whole and accepted; the second's text came before the
    server asked for it. Octet by octet it comes in time, or not."""
    def case(way):
        word = stage.name("odd")
        before, behind = parts(word, END)
        with stage.greeted() as c:
            c.envelope()
            c.cmd("DATA", 354)
            way.send(c, END, before, behind)
            codes = [c.reply().code for _ in range(3)]
            assert codes == [250, 250, 250]
            last = c.reply().code
            if last == 354:
                assert way.name == "octets"
                c.reply(250)
                c.quit()
                return word, 2
            assert last == 503
            assert closed(c) == b""
            return word, 1
    seen = stage.play(case, END)
    found = stored(stage)
    assert {way: len(found[word]) for way, (word, _) in seen.items()} == \
        {way: count for way, (_, count) in seen.items()}
    assert [count for _, count in seen.values()].count(1) >= len(END) + 1


def test_EOD_16_an_empty_message_is_one(stage):
    before = len(stage.server.messages())

    def case(way):
        with stage.greeted() as c:
            c.envelope()
            c.cmd("DATA", 354)
            assert way.send(c, b".\r\n")
            c.reply(250)
            c.quit()
    cases = stage.play(case, b".\r\n")
    new = stage.server.messages()[before:]
    assert [m["octets"] for m in new] == [0] * len(cases)


def test_EOD_17_the_end_is_seen_at_its_last_octet(stage):
    pause_s = 10 if FULL else 0.4

    def case(cut):
        word = stage.name("odd")
        with stage.greeted() as c:
            c.envelope()
            c.cmd("DATA", 354)
            text = f"Subject: {word}\r\n\r\ntext".encode()
            c.send(text + END[:cut])
            assert c.silent(pause_s)
            assert not stage.arrived(word)
            c.send(END[cut:])
            c.reply(250)
            c.quit()
        assert stage.arrived(word) == [text + b"\r\n"]
    stage.at_once({f"cut at {cut}": (case, cut) for cut in range(1, 5)})


def test_EOD_17_the_end_in_five_segments(stage):
    def case(way):
        word = stage.name("odd")
        with stage.greeted() as c:
            c.envelope()
            c.cmd("DATA", 354)
            assert way.send(c, END, f"Subject: {word}\r\n\r\nx".encode())
            c.reply(250)
            c.quit()
        return word
    words = stage.play(case, END)
    found = stored(stage)
    for way, word in words.items():
        assert found[word] == [f"Subject: {word}\r\n\r\nx\r\n".encode()], way


def test_EOD_18_other_line_ends_are_text(stage):
    run(stage, 18)


LAX_ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\0\r\n"]


@pytest.fixture(scope="module")
def lax(new_stage):
    """A server that ends DATA at LF . LF and LF . CRLF, and one that sees no
    more of a line than a C string has."""
    return new_stage(server={"data_ends": ["lf.lf", "lf.crlf", "crlf.nul"],
                             "chunks": "coalesced"})


@pytest.mark.parametrize("odd", LAX_ENDS)
@pytest.mark.parametrize("door", ["reject", "normalize"])
def test_EOD_19_a_lax_server_never_sees_its_end(lax, door, odd):
    sents = lax.play(
        lambda way: smuggle(lax, door, odd, way), odd)
    hold(lax, {(door, way): sent for way, sent in sents.items()})
    lax.hold_u()


@pytest.mark.parametrize("odd", LAX_ENDS)
def test_EOD_19_only_pass_lets_a_lax_server_be_smuggled_to(lax, odd):
    """The documented risk of bare_newline = pass. What is smuggled arrives
    with a server that answers a pipeline at once; the replies are too many,
    and the session ends."""
    word = lax.name("odd")
    before, behind = parts(word, odd)
    with lax.greeted("pass") as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.send(before + odd + behind)
        c.reply(250)
        c.reply(421)
        assert closed(c) == b""
    lax.server.wait_for(
        lambda e: e["event"] == "message" and word in e["sender"])
    lax.hold_u()


def test_EOD_20_a_chunk_holds_any_end_octet_for_octet(stage):
    def case(way, door):
        word = stage.name("odd")
        body = b"".join(sum((parts(word, odd) + (odd,) for odd in (*ALL, END)),
                            ()))
        with stage.greeted(door) as c:
            c.envelope()
            critical = body[-len(END):] + b"NOOP\r\n"
            head = f"BDAT {len(body)} LAST\r\n".encode()
            if way.name == "octets":    # of the end only: it is long
                c.send(head + body[:-len(END)])
                assert way.send(c, critical)
            else:
                assert way.send(c, critical, head + body[:-len(END)])
            c.reply(250)
            c.reply(250)
            c.quit()
        return word, body
    for door in MODES:
        seen = stage.play(lambda way, door=door: case(way, door),
                          END + b"NOOP\r\n")
        found = stored(stage)
        for way, (word, body) in seen.items():
            assert found[word] == [body], (door, way)

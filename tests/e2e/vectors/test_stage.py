"""The stage itself: it sees what it is there to see."""

import os
import signal

import pytest

from ways import all_ways


def test_ways_are_whole_octets_and_every_split():
    ways = all_ways(b"ab")
    cut = [way.pieces(b"1", b"ab", b"2") for way in ways]
    assert cut == [[b"1ab2"], [b"1", b"a", b"b", b"2"],
                   [b"1", b"ab2"], [b"1a", b"b2"], [b"1ab", b"2"]]


def test_a_way_that_fails_is_named(the_stage):
    def case(way):
        assert way.name != "octets", "broken"
    with pytest.raises(AssertionError, match="octets: .*broken"):
        the_stage.play(case, b"xy")


def test_each_piece_is_read_before_the_next(stage):
    """Octet by octet means as many reads: the server gets it all the same."""
    def case(way):
        word = stage.name()
        with stage.greeted() as client:
            assert way.send(client, f"NOOP {word}\r\n".encode())
            client.reply(250)
            client.quit()
        return word
    words = stage.play(case, b"NOOP 12")
    assert all(len(stage.heard(word)) == 1 for word in words.values())


def breaks_u(stage, why):
    with pytest.raises(AssertionError, match=why):
        stage.hold_u(timeout_s=1)


def test_a_session_that_stays_breaks_u(the_stage):
    with the_stage.greeted():
        breaks_u(the_stage, "not back")


def test_a_descriptor_that_stays_breaks_u_and_one_less_is_the_new_base(
        new_stage):
    stage = new_stage(backend={"health_interval": "0s"})
    stage.hold_u()
    few = stage.base["descriptors"]
    stage.base = {**stage.base, "descriptors": [n - 1 for n in few]}
    breaks_u(stage, "not back")
    stage.base = {**stage.base, "descriptors": [n + 1 for n in few]}
    stage.hold_u()
    assert stage.base["descriptors"] == few


def test_a_raw_octet_in_the_log_breaks_u(new_stage):
    stage = new_stage()
    size = stage.front.log_path.stat().st_size
    with open(stage.front.log_path, "ab") as log:
        log.write(b'{"text":"\x1b[2J"}\n')
    breaks_u(stage, "raw octet")
    os.truncate(stage.front.log_path, size)
    stage.hold_u()


def test_a_process_that_was_replaced_breaks_u(new_stage):
    stage = new_stage()
    os.kill(stage.workers()[0], signal.SIGKILL)
    stage.front.wait_event("process-ended")
    breaks_u(stage, "not back")
    stage.rest()


def test_a_reply_too_few_breaks_u(new_stage, monkeypatch):
    stage = new_stage()
    honest = stage.server.events
    stage.front.wait_until(
        lambda: stage.server.of("disconnect", why="quit"), "an orderly end")

    def events():
        # One that ended in order, as clean_session's does; another that is
        # still open (a check of health) owes no reply.
        found = honest()
        ended = [event["conn"] for event in found
                 if event["event"] == "disconnect" and event["why"] == "quit"]
        return found + [{"event": "command", "line": "NOOP",
                         "conn": ended[-1]}] * 9
    monkeypatch.setattr(stage.server, "events", events)
    breaks_u(stage, "commands, ")

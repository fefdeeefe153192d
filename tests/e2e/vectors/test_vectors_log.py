"""LOG-, FW-01: what peers say stays words, in every place where it is kept."""

import base64
import json
import pathlib
import socket
import subprocess
import tempfile

import pytest

from attack import stored
from harness import net
from harness.postern import Postern
from harness.raw import Broken
from liar import Liar

BAD = [b"\x1b[2J", b"\x1b]0;x\x07", b"\x9b31m", b"%n%s%n", b'"', b"\\",
       "\u202e".encode(), b"\xc3\xa9", b"<0>", b"\t", b"{} PRIORITY=0",
       b"x" * 1500]
NAMES = ["esc", "title", "csi", "format", "quote", "backslash", "bidi", "utf8",
         "syslog", "tab", "field", "long"]


@pytest.fixture(scope="module")
def the_stage(new_stage, session_folder):
    folder = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    return new_stage(server=Liar(folder), doors={
        "mx": {"starttls": "optional"}})


def everywhere(stage, bad, source=None):
    """The octets in every word that a client or the server can say."""
    word = stage.name("log")
    reply = b"250 " + bad[:1500] + b"\r\n"
    for name in (word, bad.decode("latin-1")):
        stage.server.case(name, replies={
            "VRFY": reply, "AUTH": b"535 " + bad[:1500] + b"\r\n"})
    lines = [b"EHLO " + word.encode(), b"VRFY x", b"HELO " + bad,
             b"EHLO " + bad, b"MAIL FROM:<" + bad + b"@x.test>",
             b"RCPT TO:<" + bad + b"@x.test>", bad + b" x", b"NOOP " + bad,
             b"RSET", b"AUTH PLAIN " + base64.b64encode(
                 b"\0" + bad[:200] + b"\0pw" + word.encode())]
    with stage.client(source=source) as c:
        c.reply(220)
        for line in lines:
            c.line(line)
            c.reply()
        c.quit()


@pytest.mark.parametrize("bad", BAD, ids=NAMES)
def test_LOG_01_every_peers_word_is_one_escaped_field(stage, bad, strangers):
    """The rule U behind it reads each line as JSON and finds no raw octet."""
    source = strangers[BAD.index(bad)]
    everywhere(stage, bad, source)
    ends = stage.front.wait_event("session", src=source)
    assert len(ends["helo"]) <= 4 * 40 + 8
    said = stage.front.wait_event("auth-failed", src=source)
    assert len(said["user"]) <= 4 * 256
    size = max(len(line) for line in stage.front.log().splitlines())
    assert size < 8192


def test_LOG_01_text_lines_hold_one_event_too(new_stage, session_folder,
                                              strangers):
    """The other format: KEY=VALUE, quoted where it must be."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    stage = new_stage(server=Liar(folder), doors={"mx": {}})
    stage.front.options["log"] = {"format": "text"}
    stage.front.write_conf()
    stage.front.ctl("reload")
    start = stage.front.log_path.stat().st_size
    for number, bad in enumerate(BAD):
        everywhere(stage, bad, strangers[100 + number])
    for number in range(len(BAD)):
        stage.front.wait_log(
            rf"auth-failed src={strangers[100 + number]} ".replace(".", r"\."))
    with open(stage.front.log_path, "rb") as log:
        log.seek(start)
        text = log.read()
    assert all(0x20 <= octet < 0x7f or octet == 0x0a for octet in text)
    events = {"session", "auth-failed", "refused", "log-dropped", "suppressed",
              "alarm"}     # so many strangers that fail are a campaign
    lines = [line for line in text.decode().splitlines() if "src=203." in line]
    assert lines and not [line for line in lines
                          if not events & set(line.split())]
    stage.log_at = len(stage.front.log_path.read_bytes())
    stage.rest()


def test_LOG_02_a_line_never_begins_as_syslog_or_journal_would_read(stage,
                                                                    strangers):
    """"<0>" and "\\nPRIORITY=0" in every word: no line of the log begins with
    anything but postern's own first member."""
    for number, bad in enumerate([b"<0>kernel: panic", b"<0>",
                                  b"PRIORITY=0", b"x PRIORITY=0"]):
        everywhere(stage, bad, strangers[50 + number])
        stage.front.wait_event("session", src=strangers[50 + number])
    with open(stage.front.log_path, encoding="ascii") as log:
        log.seek(stage.log_at)
        for line in log:
            if line.endswith("\n"):
                assert line.startswith('{"time":"'), line


SHELL = [b"x; nft flush ruleset", b"$(reboot)", b"} add rule inet x y drop",
         b"-f /etc/shadow", b"`id`", b"a|b", b"--help", b"'; --"]


@pytest.mark.parametrize("backend", ["nft", "exec"])
def test_FW_01_no_peers_word_reaches_the_firewall(new_stage, session_folder,
                                                  strangers, backend):
    """The helper is told addresses; what it runs is written down."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    folder.chmod(0o777)
    calls = folder / "calls"
    program = folder / "program"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{calls}\n'
                       f'echo >>{calls}\n')
    program.chmod(0o755)
    stage = new_stage(
        server=Liar(folder), doors={"mx": {}},
        options={"source_limit": {"failures": 1, "ban": "1h"},
                 "banned": {"answer": "close"},
                 "firewall": {"backend": backend, "exec": program}})
    for number, bad in enumerate(SHELL):
        with pytest.raises((Broken, OSError)):
            everywhere(stage, bad, strangers[150 + number])
            everywhere(stage, bad, strangers[150 + number])
    banned = set(strangers[150:150 + len(SHELL)])
    if backend == "exec":
        def added():
            said = calls.read_text().splitlines() if calls.exists() else []
            words = [line.split("|")[:-1] for line in said]
            return [one for one in words if one[0] == "add"]
        stage.front.wait_until(
            lambda: {one[1] for one in added()} >= banned, "the calls")
        assert {one[1] for one in added()} == banned
        assert all(len(one) == 3 and one[2].isdigit() for one in added())
    else:
        def elements():
            text = subprocess.run(
                ["nft", "-j", "list", "set", "inet", "postern", "v4_32"],
                capture_output=True, text=True, check=False).stdout
            return json.dumps(json.loads(text)) if text else ""
        stage.front.wait_until(
            lambda: all(source in elements() for source in banned), "the set")
    stored(stage.front)
    stage.front.ctl("bans", "flush")
    stage.hold_u()


@pytest.mark.parametrize("source,kept", [
    ("::ffff:192.0.2.77", "192.0.2.77"), ("2001:db8:77::1",
                                          "2001:db8:77::/64"),
    ("2002:c000:204::1", "2002:c000:204::/64")])
def test_FW_02_addresses_are_canonical_everywhere(folder, certs, source,
                                                  kept):
    """A mapped address is its IPv4 address; no scope, no text, anywhere."""
    net.ip("-6", "route", "replace", "local", "2002:c000:204::/48", "dev",
           "lo")
    liar = Liar(folder)
    here = "127.0.0.1" if kept.startswith("192") else "::1"
    front = Postern(folder, {"mx": {}}, [liar.address], bind_ip=here,
                    options={"source_limit": {"failures": 1},
                             "banned": {"answer": "close"}})
    front.start()
    try:
        liar.case("x", replies={"AUTH": b"535 no\r\n"})
        with socket.socket(socket.AF_INET6) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, net.IPV6_FREEBIND, 1)
            sock.bind((source, 0))
            sock.settimeout(10)
            sock.connect(("::ffff:127.0.0.1" if here != "::1" else here,
                          front.ports["mx"]))
            sock.recv(100)
            sock.sendall(b"EHLO x\r\n")
            sock.recv(1000)
            sock.sendall(b"AUTH PLAIN AGEAYg==\r\n")
            sock.recv(1000)
        ban = front.wait_event("ban")
        assert ban["src"] == kept
        assert front.wait_event("firewall-would")["prefix"] == kept
        listed = front.ctl("bans", "list", json_out=True)
        assert [row["prefix"] for row in listed["bans"]] == [kept]
        assert "%" not in front.log()
    finally:
        front.stop_clean()
        liar.close()

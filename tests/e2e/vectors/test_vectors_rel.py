"""REL-: behind a server that trusts postern's address nobody relays."""

import re
import subprocess

import pytest

from liar import Liar
from servers import get_servers
from ways import WHOLE

HERE, AWAY, IP, NAME = "example.test", "away.test", "127.0.0.1", "mx.test"
PRX = {"proxy": "required", "proxy_from": ["127.0.0.1"]}
OWN = "10.9.0.0/16"

# Source and target as nmap's smtp-open-relay tries them: percent hack, bang
# paths, source routes, quotes, literals.
FORMS = [
    ("", f"user@{AWAY}"), (f"user@{AWAY}", f"user@{AWAY}"),
    (f"user@{NAME}", f"user@{AWAY}"), (f"user@[{IP}]", f"user@{AWAY}"),
    *[(f"user@[{IP}]", to) for to in (
        f"user%{AWAY}@[{IP}]", f"user%{AWAY}@{HERE}", f'"user@{AWAY}"',
        f'"user%{AWAY}"', f"user@{AWAY}@[{IP}]", f'"user@{AWAY}"@[{IP}]',
        f"user@{AWAY}@{HERE}", f"@[{IP}]:user@{AWAY}",
        f"@{HERE}:user@{AWAY}", f"{AWAY}!user", f"{AWAY}!user@[{IP}]",
        f"{AWAY}!user@{HERE}")]]
# And what else some parser has been caught with.
MORE = [("a@b.test", to) for to in (
    f'"user%{AWAY}"@{HERE}', f'"user@{AWAY}"@{HERE}', f"user@{HERE}@{AWAY}",
    f"user@{AWAY},a@{HERE}", f"user@{HERE}.{AWAY}", f"user@{HERE}.",
    f"@{HERE},@b.test:user@{AWAY}", f"user%{AWAY}", f"<user@{AWAY}",
    f"user@{AWAY}><a@{HERE}", f"user@sub.{AWAY}", f"user\\@{AWAY}@{HERE}",
    f"(x)user@{AWAY}", "user", f"user@{AWAY} (@{HERE})",
    f"user\uff20{AWAY}@{HERE}")]


@pytest.fixture(scope="module")
def the_stage(new_stage, session_folder):
    folder = session_folder / "trusting"
    folder.mkdir()
    folder.chmod(0o755)
    return new_stage(
        server=Liar(folder), doors={"mx": {}, "prx": PRX},
        options={"local_domains": [HERE, f".{HERE}"], "relay_from": [OWN]})


def heard_rcpts(stage, word):
    return [line for line in stage.heard("RCPT") if word in line]


def test_REL_01_all_sixteen_forms_are_refused(stage):
    assert len(FORMS) == 16
    before = len(stage.heard("RCPT"))

    def case(source, to):
        with stage.greeted() as c:
            c.cmd(f"MAIL FROM:<{source}>", 250)
            reply = c.cmd(f"RCPT TO:<{to}>".encode(), 550)
            assert "Relaying denied" in reply.lines[0]
            c.cmd(f"RCPT TO:<anna@{HERE}>", 250)
            c.quit()
    stage.at_once({f"{source} {to}": (case, source, to)
                   for source, to in FORMS + MORE})
    new = stage.heard("RCPT")[before:]
    assert set(new) == {f"RCPT TO:<anna@{HERE}>"}
    assert len(new) == len(FORMS + MORE)


def test_REL_01_however_it_is_cut(stage):
    line = f"RCPT TO:<user%{AWAY}@{HERE}>\r\n".encode()

    def case(way):
        with stage.greeted() as c:
            c.cmd("MAIL FROM:<>", 250)
            way.send(c, line)
            c.reply(550)
            c.quit()
    stage.play(case, line)
    assert not stage.heard(f"user%{AWAY}")


@pytest.mark.parametrize("line", [
    "RCPT TO:user@WORD", "RCPT TO <user@WORD>", "RCPT  TO:<user@WORD>",
    "RCPT\tTO:<user@WORD>", "RCPTTO:<user@WORD>", "RCPT:<user@WORD>",
    "rcpt to:<user@WORD>", "RCPT TO:<user@WORD> NOTIFY=NEVER",
    f"RCPT TO:<anna@{HERE}> <user@WORD>", f"RCPT TO:<anna@{HERE}><user@WORD>",
    " RCPT TO:<user@WORD>", "SEND TO:<user@WORD>", "RCPT TO:\t<user@WORD>",
    "RCPT TO:<\"a\" <user@WORD>>"])
def test_REL_01_no_way_around_the_verb(stage, line):
    word = stage.name().strip("-") + ".test"
    with stage.greeted() as c:
        c.cmd("MAIL FROM:<>", 250)
        assert c.cmd(line.replace("WORD", word)).code >= 500
        c.quit()
    assert not stage.heard(word)


def test_REL_01_in_a_pipeline_and_before_mail(stage):
    with stage.greeted() as c:
        c.cmd(f"RCPT TO:<user@{AWAY}>", 550)
        c.send(f"MAIL FROM:<>\r\nRCPT TO:<user@{AWAY}>\r\n"
               f"RCPT TO:<anna@{HERE}>\r\nRCPT TO:<a@x.{HERE}>\r\n"
               "RCPT TO:<postmaster>\r\n".encode())
        assert [c.reply().code for _ in range(5)] == \
            [250, 550, 250, 250, 250]
        c.quit()


def test_REL_01_too_many_are_the_end(stage):
    with stage.greeted() as c:
        c.cmd("MAIL FROM:<>", 250)
        for number in range(19):
            c.cmd(f"RCPT TO:<u{number}@{AWAY}>", 550)
        c.cmd(f"RCPT TO:<u@{AWAY}>", 421)


def test_REL_01_explained_to_the_operator(stage):
    # Of an address whose refusals have not filled this second's notes.
    with stage.greeted(source="127.0.0.9") as c:
        reply = c.cmd(f"RCPT TO:<user@{AWAY}>", 550)
        c.quit()
    reference = reply.lines[0].partition("(ref ")[2].rstrip(")")
    assert stage.front.wait_until(
        lambda: explained(stage, reference), "what explain says")


def explained(stage, reference):
    text = stage.front.ctl("explain", reference, check=False)
    return text if reference and "127.0.0.9" in text else None


def nmap(port):
    done = subprocess.run(
        ["nmap", "-Pn", "-n", "-p", str(port), "--script",
         "+smtp-open-relay", "--script-args",
         f"smtp-open-relay.domain={NAME},smtp-open-relay.to=relay@{AWAY}",
         IP], capture_output=True, text=True, timeout=60)
    return done.stdout


def test_REL_01_nmap_finds_the_server_open_and_postern_not(stage):
    get_servers()
    assert re.search(r"Server is an open relay", nmap(stage.server.port))
    said = nmap(stage.front.ports["mx"])
    # It takes "530" anywhere in a reply, as in the reference of a session,
    # for "authentication needed"; that is a no as well.
    assert re.search("Server (doesn't seem to be|isn't) an open relay",
                     said), said


@pytest.mark.parametrize("source, code", [
    ("10.9.1.2", 250), ("::ffff:10.9.1.2", 250), ("10.8.1.2", 550),
    ("2001:db8::10.9.1.2", 550), ("127.0.0.1", 550)])
def test_REL_02_who_may_relay_is_known_by_its_own_address(
        stage, source, code):
    family = 6 if ":" in source else 4
    target = "::1" if family == 6 else "192.0.2.25"
    with stage.client("prx") as c:
        c.send(f"PROXY TCP{family} {source} {target} 1 25\r\n".encode())
        c.reply(220)
        c.ehlo()
        c.cmd("MAIL FROM:<>", 250)
        c.cmd(f"RCPT TO:<user@{AWAY}>", code)
        c.quit()


def test_REL_03_a_login_is_its_sessions_alone(stage):
    word = stage.name()
    with stage.greeted() as first, stage.greeted() as second:
        first.auth_plain(code=235)
        first.cmd("MAIL FROM:<>", 250)
        first.cmd(f"RCPT TO:<{word}@{AWAY}>", 250)
        second.cmd("MAIL FROM:<>", 250)
        second.cmd(f"RCPT TO:<{word}@{AWAY}>", 550)
        first.quit()
        second.quit()
    with stage.greeted() as third:
        third.cmd("MAIL FROM:<>", 250)
        third.cmd(f"RCPT TO:<{word}@{AWAY}>", 550)
        third.quit()
    assert len(heard_rcpts(stage, word)) == 1


def test_REL_03_a_refused_login_lets_nobody_relay(stage):
    word = stage.name()
    stage.server.case(word, WHOLE, {"AUTH": b"535 no\r\n",
                                    "NOOP": b"235 in\r\n"})
    with stage.greeted(ehlo=False) as c:
        c.ehlo(word)
        c.cmd("MAIL FROM:<>", 250)
        c.auth_plain(code=535)
        c.cmd("NOOP", 235)
        c.cmd(f"RCPT TO:<{word}@{AWAY}>", 550)
        c.quit()
    assert not heard_rcpts(stage, word)

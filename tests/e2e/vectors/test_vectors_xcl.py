"""XCL-: XCLIENT is postern's to say, and only where a server asks for it."""

import pytest

from liar import BANNER, Liar
from stage import closed
from ways import WHOLE, all_ways

ALL = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
TAKEN = b"220 liar.example.test again\r\n"
HEADER = b"PROXY TCP4 203.0.113.5 192.0.2.25 4711 587\r\n"
DOORS = {"mx": {}, "prx": {"proxy": "required", "proxy_from": ["127.0.0.1"]}}


class Asks(Liar):
    """Offers XCLIENT; says to it what stands in `answer`, cut `way`."""

    def __init__(self, folder):
        super().__init__(folder, keywords=("PIPELINING", "AUTH LOGIN PLAIN",
                                           ALL, "SIZE"))
        self.way = WHOLE
        self.honest["XCLIENT"] = TAKEN

    def _say(self, peer, conn, way, replies, verb, line):
        if verb != "XCLIENT":
            return super()._say(peer, conn, way, replies, verb, line)
        return super()._say(peer, conn, self.way,
                            {"XCLIENT": self.honest["XCLIENT"]}, verb, line)


@pytest.fixture(scope="module")
def the_stage(new_stage, session_folder):
    folder = session_folder / "asks"
    folder.mkdir()
    folder.chmod(0o755)
    return new_stage(server=Asks(folder), doors=DOORS,
                     backend={"client_address": "xclient"})


def said(stage):
    return [line for line in stage.server.commands()
            if line.upper().startswith("XCLIENT")]


def session_lines(stage, word):
    """The lines of the connection that this EHLO name was said in."""
    events = stage.server.of("command")
    conn = next(e["conn"] for e in events if e["line"] == f"EHLO {word}")
    return [e["line"] for e in events if e["conn"] == conn]


def test_XCL_01_a_client_can_never_say_it(stage):
    lines = [b"XCLIENT ADDR=127.0.0.1 LOGIN=admin\r\n",
             b"xclient NAME=x ADDR=127.0.0.1\r\n",
             b"XFORWARD ADDR=127.0.0.1\r\n"]
    own = "XCLIENT NAME=[UNAVAILABLE] ADDR=127.0.0.1 PORT="

    def case(way, line):
        word = stage.name()
        with stage.greeted(ehlo=False) as c:
            c.ehlo(word)
            way.send(c, line, before=b"NOOP\r\n", after=b"NOOP\r\n")
            assert [c.reply().code for _ in range(3)] == [250, 502, 250]
            c.auth_plain(code=235)
            c.line(line[:-2])
            c.reply(502)
            c.quit()
        return word
    for line in lines:
        stage.play(lambda way, line=line: case(way, line), line)
    assert said(stage) and all(
        line.startswith(own) and "LOGIN" not in line for line in said(stage))
    assert not stage.heard("XFORWARD") and not stage.heard("xclient")


@pytest.mark.parametrize("name", [
    "a b", "a=b", "a+b ADDR=1.2.3.4", "\xe4\xff", "x" * 300, "+0D+0A",
    "[UNAVAILABLE] ADDR=1.2.3.4"])
def test_XCL_02_nothing_of_a_client_gets_into_it(stage, name):
    """HELO and LOGIN are not said: the client's own EHLO and AUTH follow."""
    before = len(said(stage))
    with stage.client("prx") as c:
        c.send(HEADER)
        c.reply(220)
        c.line(f"EHLO {name}".encode("latin-1"))
        c.reply(250)
        c.auth_plain(user=name, code=235)
        c.quit()
    new = said(stage)[before:]
    assert new == ["XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.5 PORT=4711 "
                   "DESTADDR=192.0.2.25 DESTPORT=587"]


def test_XCL_02_an_ipv6_client(stage):
    before = len(said(stage))
    with stage.client("prx") as c:
        c.send(b"PROXY TCP6 2001:db8::5 2001:db8::25 4711 25\r\n")
        c.reply(220)
        c.quit()
    assert said(stage)[before:] == [
        "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8:0:0:0:0:0:5 PORT=4711 "
        "DESTADDR=IPV6:2001:db8:0:0:0:0:0:25 DESTPORT=25"]


def test_XCL_the_first_banner_is_the_clients(stage):
    """Of the second nothing is seen, however it is cut."""
    def case():
        word = stage.name()
        with stage.client("mx") as c:
            assert c.reply(220).raw == BANNER
            c.ehlo(word)
            c.quit()
        own, xclient, client = session_lines(stage, word)[:3]
        assert own.startswith("EHLO ") and xclient.startswith("XCLIENT ")
        assert client == f"EHLO {word}"
    for way in all_ways(TAKEN):
        stage.server.way = way
        case()
    stage.server.way = WHOLE


@pytest.mark.parametrize("answer", [
    b"502 5.5.1 no\r\n", b"550-no\r\n550 no\r\n", b"503 no\r\n"])
def test_XCL_04_a_5yz_is_taken_as_no(stage, answer):
    stage.server.honest["XCLIENT"] = answer
    try:
        for way in all_ways(answer):
            stage.server.way = way
            with stage.greeted() as c:
                c.quit()
        stage.hold_u()
    finally:
        stage.server.honest["XCLIENT"] = TAKEN
        stage.server.way = WHOLE
    told = stage.front.events("xclient-refused")
    assert 1 <= len(told) <= 2, "once for each worker"


@pytest.mark.parametrize("answer", [
    b"421 bye\r\n", b"451 later\r\n", b"354 go\r\n", b"nonsense\r\n",
    b"220 a\r\n220 b\r\n"])
def test_XCL_04_anything_else_is_trouble(stage, answer):
    stage.server.honest["XCLIENT"] = answer
    word = stage.name()
    try:
        with stage.client("mx") as c:
            c.reply(220)
            c.send(f"EHLO {word}\r\n".encode())
            c.reply(421)
            assert closed(c) == b""
    finally:
        stage.server.honest["XCLIENT"] = TAKEN
    assert not stage.heard(word)


@pytest.mark.parametrize("offer", ["SIZE", "XCLIENT NAME LOGIN",
                                   "XCLIENTX ADDR", "X-XCLIENT ADDR"])
def test_XCL_04_not_offered_not_said(stage, offer):
    before, usual = len(said(stage)), stage.server.keywords
    stage.server.keywords = ("PIPELINING", offer)
    try:
        with stage.greeted() as c:
            c.message(b"Subject: x\r\n\r\nx\r\n")
            c.quit()
        assert len(said(stage)) == before
    finally:
        stage.server.keywords = usual

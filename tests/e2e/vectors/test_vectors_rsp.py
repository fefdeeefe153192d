"""RSP-: a server that speaks before, beside and instead of its TLS.

The servers lie to one session at a time, since what they say before TLS is
said to postern and not to a client.
"""

import ssl

import pytest

from liar import BANNER, Left, Liar, ehlo_reply
from scripted import KEYWORDS
from ways import WHOLE, all_ways

HOST = "front.example.test"     # what postern calls itself
VERIFY = {"tls_verify": "name", "tls_name": "mail.example.test",
          "reply_timeout": "2s", "connect_timeout": "2s"}
FAKES = (b"fake", b"injected", b"XCLI")


class TlsLiar(Liar):
    """With TLS behind STARTTLS, or at once (implicit). What it says there in
    clear, and how cut, is `clear`."""

    def __init__(self, folder, pair, implicit=False):
        self.implicit = implicit
        self.clear = (b"", WHOLE)
        self.use(pair)
        super().__init__(folder, (*KEYWORDS, "AUTH LOGIN PLAIN"))

    def use(self, pair):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)

    def wrap(self, peer):
        try:
            peer.sock.settimeout(10)
            peer.sock = self.context.wrap_socket(peer.sock, server_side=True)
        except OSError:
            raise Left from None
        peer.buf = b""

    def serve(self, peer):
        if self.implicit:
            octets, way = self.clear
            try:
                if octets:
                    way.send(peer, octets)
                self.wrap(peer)
            except Left:
                return
        try:
            super().serve(peer)
        except ssl.SSLError:
            pass        # it left

    def starttls(self, peer, line):
        """Honest: 220, and what is said then is said inside."""
        peer.sock.sendall(b"220 go\r\n")
        self.wrap(peer)
        return b""

    def _say(self, peer, conn, way, replies, verb, line):
        said = super()._say(peer, conn, way, replies, verb, line)
        if verb == "STARTTLS" and said.startswith(b"220 go\r\n"):
            self.wrap(peer)
        return said


def offered(*more):
    return ehlo_reply([*KEYWORDS, *more])


@pytest.fixture(scope="module")
def behind(new_stage, session_folder, certs):
    """behind(tls): the stage with a server whose leg has this TLS."""
    made = {}

    def make(tls):
        if tls in made:
            return made[tls]
        folder = session_folder / f"rsp-{tls}"
        folder.mkdir()
        if tls == "off":
            server, backend = Liar(folder), {}
        else:
            server = TlsLiar(folder, certs.rsa, tls == "implicit")
            backend = {"tls": tls, "tls_ca": certs.ca, **VERIFY}
        if tls == "required":
            honest(server)
        made[tls] = new_stage(server=server, backend=backend,
                              options={"hostname": HOST})
        return made[tls]
    return make


def honest(server):
    server.case(HOST, WHOLE, {"EHLO": offered("STARTTLS"),
                              "STARTTLS": server.starttls})


def sent_away(stage):
    """The client of a server that cannot be trusted: 421 or 454, nothing of
    what it said, and no word of the client's reaches it."""
    word = stage.name()
    with stage.client() as c:
        seen = b""
        try:
            reply = c.reply()
            seen += reply.raw
            if reply.code == 220:       # the banner passes before its TLS
                c.line(f"EHLO {word}")
                reply = c.reply()
                seen += reply.raw
            c.line(f"AUTH PLAIN AGFubmEAc2VjcmV0-{word}")
            c.line(f"MAIL FROM:<{word}@x.test>")
        except OSError:
            pass
        seen += c.expect_closed()
    assert reply.code in (421, 454), seen
    assert b"\n250" not in b"\n" + seen, seen
    assert not [fake for fake in FAKES if fake in seen], seen
    assert not stage.heard(word), stage.heard(word)


def each_way(stage, octets, lie):
    """lie(way) makes the server lie; then a client is sent away."""
    for way in all_ways(octets):
        lie(way)
        try:
            sent_away(stage)
        except Exception as error:
            raise AssertionError(f"{way!r}: {error!r}") from error


def lies_at_starttls(stage, octets):
    server = stage.server
    each_way(stage, octets, lambda way: server.case(HOST, way, {
        "EHLO": offered("STARTTLS"), "STARTTLS": octets}))
    honest(server)
    stage.hold_u()


def test_RSP_01_replies_in_clear_behind_220_are_never_used(behind):
    lies_at_starttls(behind("required"), b"220 go\r\n250-injected\r\n"
                     b"250 AUTH LOGIN XCLIENT\r\n")


def test_RSP_02_half_a_line_behind_220_is_not_glued_on(behind):
    lies_at_starttls(behind("required"), b"220 go\r\n250-XCLI")


def test_RSP_03_clear_text_before_implicit_tls_is_the_end(behind):
    stage = behind("implicit")
    octets = b"220 fake\r\n"

    def lie(way):
        stage.server.clear = (octets, way)
    each_way(stage, octets, lie)
    stage.server.clear = (b"", WHOLE)
    stage.hold_u()


@pytest.mark.parametrize("code", [502, 454, 354, 421, 501, 530, 250, 334,
                                  535])
def test_RSP_04_refused_starttls_is_no_way_in(behind, code):
    lies_at_starttls(behind("required"), f"{code} fake\r\n".encode())


@pytest.mark.parametrize("reply", [
    offered(), offered("AUTH LOGIN PLAIN"), offered("XSTARTTLS"),
    b"250 fake\r\n", b"500 fake\r\n", b"502 fake\r\n", b"421 fake\r\n"])
def test_RSP_04_no_starttls_offered_is_no_way_in(behind, reply):
    stage = behind("required")
    critical = reply[-12:]
    for way in all_ways(critical):
        stage.server.case(HOST, way, {"EHLO": reply})
        sent_away(stage)
    honest(stage.server)
    stage.hold_u()


@pytest.mark.parametrize("tls", ["required", "implicit"])
@pytest.mark.parametrize("name", ["selfsigned", "wrong", "expired",
                                  "stranger", "rsa", "ecdsa"])
def test_RSP_05_only_the_right_certificate_is_taken(behind, certs, tls,
                                                    name):
    stage = behind(tls)
    stage.server.use(getattr(certs, name))
    try:
        if name in ("rsa", "ecdsa"):
            stage.clean_session()
        else:
            sent_away(stage)
    finally:
        stage.server.use(certs.rsa)
    stage.hold_u()


BANNERS = [f"{code} fake\r\n".encode() for code in
           (554, 421, 354, 221, 250, 500, 501, 530, 235, 334, 450)]


@pytest.mark.parametrize("banner", [
    *BANNERS, b"554-fake\r\n554 fake\r\n", b"220-fake\r\n554 fake\r\n",
    b"fake\r\n", b"22"])
def test_RSP_06_any_greeting_but_220_is_no_way_in(behind, banner):
    """A refusal passes in the server's own words; all else is 421."""
    stage = behind("off")
    refusal = banner[:1] in (b"4", b"5") and banner.endswith(b"\r\n")

    def leave(peer, line):
        peer.sock.sendall(banner)
    for way in all_ways(banner):
        stage.server.banner = (banner if banner != b"22" else leave, way)
        try:
            with stage.client() as c:
                seen = c.reply()
                assert c.expect_closed() == b""
        finally:
            stage.server.banner = (BANNER, WHOLE)
        assert seen.raw == banner if refusal else seen.code == 421, \
            (way, seen)
    stage.hold_u()


CODES = (220, 221, 235, 251, 334, 354, 421, 450, 454, 500, 501, 502, 504, 530,
         535, 550, 554)


@pytest.mark.parametrize("verb", ["EHLO", "HELO", "RSET", "QUIT"])
def test_RSP_06_other_codes_make_no_success(behind, verb):
    """A refusal passes as it is; a code that makes no sense is the end or
    passes as it is: never is a success made of it."""
    stage = behind("off")

    def case(way, code):
        word, lie = stage.name(), f"{code} lie\r\n".encode()
        stage.server.case(word, way, {verb: lie})
        with stage.client() as c:
            c.reply(220)
            if verb in ("RSET", "QUIT"):
                c.cmd(f"EHLO {word}", 250)
            seen = c.cmd(f"{verb} {word}" if "LO" in verb else verb)
            assert seen.raw == lie or seen.code == 421, seen
            if 300 <= code < 400 or verb == "EHLO" and code < 300:
                assert seen.code == 421, seen
    stage.at_once({f"{code} {way!r}": (case, way, code) for code in CODES
                   for way in all_ways(b"220 lie\r\n")})
    stage.hold_u()

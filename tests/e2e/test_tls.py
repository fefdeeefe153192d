"""TLS with clients: who is let in, what is forgotten, what is refused.

Names like TLS-01 are those of the attacks that are played. The server's leg
has its own file; here are only its pins, its reasons, and both legs at once.
"""

import hashlib
import itertools
import os
import ssl
import subprocess

import pytest

from attack import timed
from flight import last_flight_with, said
from harness.double import Double
from harness.postern import Postern, binary
from harness.raw import Closed

SOURCES = itertools.count(1)
LISTENERS = {
    "off": {},
    "optional": {"starttls": "optional"},
    "required": {"starttls": "required"},
    "implicit": {"tls": "implicit"},
    "twin": {"tls": "implicit"},
    "patient": {"tls": "implicit", "greeting_delay": "1s"},
    "ecdsa": {"tls": "implicit", "certificates": ["ec"]},
    "old": {"tls": "implicit", "tls_least": "1.0"},
    "new": {"tls": "implicit", "tls_least": "1.3"},
    "hasty": {"tls": "implicit", "handshake_timeout": "1s"},
    "hasty-starttls": {"starttls": "optional", "handshake_timeout": "1s"},
}


@pytest.fixture(scope="module")
def pair(session_folder, certs):
    """One double, and one postern with a listener of each kind."""
    if not binary().exists():
        pytest.skip(f"{binary()} is not built")
    folder = session_folder / "tls"
    folder.mkdir()
    server = Double(folder, auth_clear="LOGIN PLAIN", starttls="enabled",
                    cert=certs.rsa, t_535="535 no")
    front = Postern(folder, LISTENERS, [server.address], certificates={
        "rsa": certs.rsa, "ec": certs.ecdsa, "other": certs.other},
        options={"source_limit": {"delay": "0s"}}).start()
    yield server, front
    front.stop_clean()
    server.stop()


@pytest.fixture
def server(pair, request):
    request.node.programs = list(pair)
    pair[0].clear_faults()
    return pair[0]


@pytest.fixture
def front(pair, server):
    return pair[1]


@pytest.fixture
def trust(certs):
    return certs.client_context()


@pytest.fixture
def client(client):
    """Each from an address of its own, by which its log line is found."""
    def connect(port, **more):
        number = next(SOURCES)
        more.setdefault("source", f"127.9.{number >> 8}.{number & 255}")
        one = client(port, **more)
        one.source = more["source"]     # its socket may be gone by then
        return one
    return connect


def heard(server, since):
    """The commands since then, over all connections."""
    return server.commands()[since:]


def greeted(client, front, name, tls=None):
    c = client(front.ports[name], tls=tls)
    c.reply(220)
    c.ehlo()
    return c


def end_of(front, c):
    """The reason for the end of the session."""
    c.close()
    return front.wait_event("session", src=c.source)["end"]


def between(least, most, ciphers="ALL:@SECLEVEL=0"):
    """A client of these versions, that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version, context.maximum_version = least, most
    return context


V = ssl.TLSVersion
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")


def s_client(port, *words, said="Q\n"):
    """What openssl's client shows."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *words],
        input=said, capture_output=True, text=True, timeout=20)
    return done.stdout + done.stderr


# Offered, wished, demanded

def test_starttls_is_not_there_where_it_is_off(front, server, client, trust):
    c = client(front.ports["off"])
    c.reply(220)
    assert "STARTTLS" not in c.ehlo()   # the server's own is left out
    since = len(server.commands())
    c.cmd("STARTTLS", 502)
    assert not heard(server, since)


def test_starttls_is_a_wish_where_it_is_optional(front, server, client,
                                                 trust):
    c = client(front.ports["optional"])
    c.reply(220)
    assert "STARTTLS" in c.ehlo()
    c.message(b"clear\r\n")
    c.starttls(trust)
    words = c.ehlo()
    assert "STARTTLS" not in words and "AUTH" in words
    c.auth_plain(code=235)
    c.message(b"hidden\r\n")
    c.quit()
    end = front.wait_event("session", src=c.source)
    assert end["tls"].startswith("TLSv1.3") and end["messages"] == 2
    assert "STARTTLS" not in server.commands()


def test_nothing_but_hello_goes_before_tls_where_it_is_required(
        front, server, client, trust):
    c = client(front.ports["required"])
    c.reply(220)
    assert "STARTTLS" in c.ehlo()
    since = len(server.commands())
    for line in ("MAIL FROM:<a@sender.test>", "AUTH PLAIN AGFubmEAc2VjcmV0",
                 "AUTH LOGIN", "RCPT TO:<anna@example.test>", "DATA", "RSET",
                 "VRFY x", "HELP", "FOO"):
        c.cmd(line, 530)
    assert not heard(server, since)     # TLS-09
    c.cmd("NOOP", 250)
    c.cmd("EHLO again", 250)
    c.starttls(trust)
    c.ehlo()
    c.auth_plain(code=235)
    c.message(b"x\r\n")


def test_chunk_before_tls_is_the_end(front, server, client):
    # Its octets follow unasked: refused, they would be commands.
    c = client(front.ports["required"])
    c.reply(220)
    c.ehlo()
    since = len(server.commands())
    c.send(b"BDAT 6 LAST\r\nNOOP\r\n")
    c.reply(530)
    c.expect_closed()
    assert not heard(server, since)


def test_implicit_tls_is_there_from_the_first_octet(front, client, trust):
    c = greeted(client, front, "implicit", trust)
    assert "STARTTLS" not in c.ehlo()
    c.auth_login(code=235)
    c.message(b"x\r\n")
    c.quit()


# Versions, certificates, names

@pytest.mark.parametrize("name, least, most, good", [
    ("implicit", V.TLSv1, V.TLSv1, None),
    ("implicit", V.TLSv1_1, V.TLSv1_1, None),
    ("implicit", V.TLSv1_2, V.TLSv1_2, "TLSv1.2"),
    ("implicit", V.TLSv1, V.TLSv1_3, "TLSv1.3"),
    ("old", V.TLSv1, V.TLSv1, "TLSv1"),
    ("old", V.TLSv1_1, V.TLSv1_1, "TLSv1.1"),
    ("new", V.TLSv1_2, V.TLSv1_2, None),
    ("new", V.TLSv1_3, V.TLSv1_3, "TLSv1.3")])
def test_versions(front, server, client, name, least, most, good):
    before = len(server.of("connect"))
    if good:
        c = greeted(client, front, name, between(least, most))
        assert c.sock.version() == good
        return
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client(front.ports[name], tls=between(least, most))
    assert len(server.of("connect")) == before


@pytest.mark.parametrize("ciphers", [
    "AES128-SHA", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256",
    "AECDH-AES128-SHA:ADH-AES128-SHA", "AES128-GCM-SHA256"])
def test_ciphers_without_forward_secrecy_or_aead_are_refused(
        front, client, ciphers):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client(front.ports["implicit"], tls=between(
            V.TLSv1_2, V.TLSv1_2, ciphers + ":@SECLEVEL=0"))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("offer, kind", [
    ("RSA-PSS+SHA256", "RSA-PSS"), ("ECDSA+SHA256", "ECDSA")])
def test_certificate_is_of_the_kind_that_the_client_takes(front, version,
                                                          offer, kind):
    shown = s_client(front.ports["implicit"], version, "-sigalgs", offer,
                     "-servername", "mail.example.test")
    assert f"Peer signature type: {kind}" in shown
    assert "CN = mail.example.test" in shown


@pytest.mark.parametrize("asked, shown", [
    ("mail.example.test", "mail.example.test"),
    ("smtp.other.test", "smtp.other.test"),
    ("SMTP.OTHER.TEST", "smtp.other.test"),
    ("unknown.example.test", "mail.example.test"),
    ("x" * 60 + ".example.test", "mail.example.test"),
    (None, "mail.example.test")])
def test_certificate_is_that_of_the_name_asked_for(front, asked, shown):
    words = ["-servername", asked] if asked else ["-noservername"]
    assert f"CN = {shown}" in s_client(front.ports["implicit"], *words)
    assert f"CN = {shown}" in s_client(front.ports["optional"], *words,
                                       "-starttls", "smtp")


def test_listener_shows_only_the_certificates_that_it_names(front):
    shown = s_client(front.ports["ecdsa"], "-servername", "smtp.other.test")
    assert "CN = mail.example.test" in shown
    assert "Peer signature type: ECDSA" in shown
    assert "no peer certificate" in s_client(
        front.ports["ecdsa"], "-sigalgs", "RSA-PSS+SHA256")


@pytest.mark.parametrize("offer, good", [
    (["http/1.1"], False), (["h2", "http/1.1"], False), (["smtp"], True),
    (["h2", "smtp"], True), ([], True)])
def test_client_that_came_for_another_protocol_is_refused(front, client,
                                                          certs, offer, good):
    """TLS-16, ALPACA"""
    context = certs.client_context()
    if offer:
        context.set_alpn_protocols(offer)
    if good:
        greeted(client, front, "implicit", context)
        return
    with pytest.raises(ssl.SSLError):
        client(front.ports["implicit"], tls=context)


def test_renegotiation_is_the_end(front, server):
    """TLS-13: at the first try."""
    since = len(server.commands())
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:"
             f"{front.ports['implicit']}", "-tls1_2", "-crlf"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as openssl:
        # Its commands are lines that come alone.
        for said, shown in (("EHLO before", "250 "), ("R", "RENEGOTIATING")):
            openssl.stdin.write(said + "\n")
            openssl.stdin.flush()
            assert any(shown in line for line in openssl.stdout), said
        openssl.stdin.write("EHLO behind\n")
        openssl.stdin.flush()
        assert openssl.wait(20) != 0
    assert heard(server, since) == ["EHLO before"]


# What comes in one piece with the handshake's last flight

def test_words_with_the_last_flight_are_early_talk(front, client, certs):
    """No event of the socket tells of them: they were read with it."""
    context = certs.client_context()
    context.minimum_version = V.TLSv1_3
    c = client(front.ports["patient"])
    tls, into = last_flight_with(c.sock, context, b"EHLO x\r\n")
    assert said(c.sock, tls, into).startswith(b"554 ")


def test_command_with_the_last_flight_is_answered(front, client, certs):
    context = certs.client_context()
    context.minimum_version = V.TLSv1_3
    c = client(front.ports["optional"])
    c.reply(220)
    c.ehlo()
    c.cmd("STARTTLS", 220)
    tls, into = last_flight_with(c.sock, context, b"EHLO x\r\nNOOP\r\n")
    assert said(c.sock, tls, into).startswith(b"250-")


# Tickets

def resumed(client, front, name, context, session=None):
    """(was it resumed, the session for the next time)."""
    c = client(front.ports[name])
    c.sock = context.wrap_socket(c.sock, server_hostname=c.sni,
                                 session=session)
    c.reply(220)
    c.ehlo()
    c.quit()
    return c.sock.session_reused, c.sock.session


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_ticket_is_good_at_its_listener_in_any_worker(front, client, certs,
                                                      version):
    context = certs.client_context()
    context.maximum_version = version
    before, session = resumed(client, front, "implicit", context)
    assert not before
    for _ in range(8):  # two workers: some of these meet the other one
        again, session = resumed(client, front, "implicit", context, session)
        assert again
    ports = {e["process"] for e in front.events("session",
                                                listener="implicit")}
    assert len(ports) == 2, "the test has met one worker only"


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_ticket_is_worthless_at_another_listener(front, client, certs,
                                                 version):
    """TLS-14"""
    context = certs.client_context()
    context.maximum_version = version
    _, session = resumed(client, front, "implicit", context)
    for name in ("twin", "old"):
        again, _ = resumed(client, front, name, context, session)
        assert not again


# STARTTLS: what stands behind it

INJECTED = {
    "TLS-01": b"STARTTLS\r\nEHLO commandinjectiontester\r\n",
    "TLS-02": b"STARTTLS\r\nRSET\r\nMAIL FROM:<inj@x.test>\r\n"
              b"RCPT TO:<anna@example.test>\r\nDATA\r\n",
    "TLS-03": b"STARTTLS\r\nNOO",
    "TLS-04 empty line": b"STARTTLS\r\n\r\n",
    "TLS-04 blank": b"starttls \r\nNOOP\r\n",
    "TLS-05": b"NOOP\r\nSTARTTLS\r\nNOOP\r\n",
    "TLS-06": b"STARTTLS\r\n" + b"NOOP\r\n" * 11000,
}


@pytest.mark.parametrize("name", INJECTED)
@pytest.mark.parametrize("pieces", ["whole", "cut"])
def test_octets_behind_starttls_are_the_end(front, server, client, trust,
                                            name, pieces):
    """Whole: postern sees them. Cut: they may lie in the kernel still."""
    c = greeted(client, front, "optional")
    since, mails = len(server.commands()), len(server.messages())
    data = INJECTED[name]
    behind = data.lower().index(b"starttls") + data[
        data.lower().index(b"starttls"):].index(b"\r\n") + 2
    try:
        c.send_split(data, *([behind] if pieces == "cut" else []))
        if name == "TLS-05":
            c.reply(250)
        if c.reply().code == 220:
            # They came behind our reply: then they are no ClientHello.
            assert pieces == "cut"
            c.wrap(trust)
            pytest.fail("a handshake behind octets in clear")
    except (Closed, ssl.SSLError, OSError):
        pass
    reasons = ["starttls-injection", "client-tls"]
    assert end_of(front, c) in reasons[:1 if pieces == "whole" else 2]
    # Nothing of it has been taken for commands.
    assert heard(server, since) == (["NOOP"] if name == "TLS-05" else [])
    assert len(server.messages()) == mails


def test_octets_behind_a_starttls_that_waits_are_the_end(front, server,
                                                         client):
    """Its 220 stands behind a reply that is late."""
    server.fault("delay=noop:300")
    c = greeted(client, front, "optional")
    since = len(server.commands())
    c.send(b"NOOP\r\nSTARTTLS\r\n")
    server.wait_until(lambda: heard(server, since), "the NOOP")
    c.send(b"RSET\r\n")
    c.expect_closed()
    assert end_of(front, c) == "starttls-injection"
    assert heard(server, since) == ["NOOP"]


def test_starttls_with_an_argument_is_501_and_no_tls(front, server, client):
    """TLS-04: the pipeline goes on in clear, as nothing has changed."""
    c = greeted(client, front, "optional")
    c.send(b"STARTTLS foo\r\nNOOP\r\n")
    c.reply(501)
    c.reply(250)
    since = len(server.commands())
    for line in (b"STARTTLS\n", b"STARTTLS\r\r\n", b"STARTTLS\0\r\n"):
        c = greeted(client, front, "optional")
        c.send(line + b"NOOP\r\n")
        c.reply(500)
        c.expect_closed()
        c.close()
    assert set(heard(server, since)) == {"EHLO client.example.test"}


def test_what_was_said_before_tls_is_forgotten(front, server, client, trust):
    """TLS-07: here and at the server."""
    c = greeted(client, front, "optional")
    c.cmd("STARTTLS now", 501)
    c.starttls(trust)
    since = len(server.commands())
    for line in ("MAIL FROM:<a@sender.test>", "RCPT TO:<anna@example.test>",
                 "DATA", "AUTH PLAIN AGFubmEAc2VjcmV0"):
        c.cmd(line, 503)
    assert not heard(server, since)
    c.ehlo()
    c.cmd("RCPT TO:<anna@example.test>", 503)
    c.message(b"x\r\n")


def test_starttls_at_the_wrong_time(front, server, client, trust):
    """TLS-08"""
    c = greeted(client, front, "implicit", trust)
    c.cmd("STARTTLS", 503)
    c = greeted(client, front, "optional")
    c.starttls(trust)
    c.cmd("STARTTLS", 503)
    c.ehlo()
    c.cmd("STARTTLS", 503)
    c = greeted(client, front, "optional")
    c.envelope()
    c.cmd("STARTTLS", 503)
    c.data(b"x\r\n")
    c.cmd("AUTH LOGIN", 334)
    since = len(server.of("answer"))
    c.cmd("STARTTLS")       # an answer, and no good one
    assert [e["line"] for e in server.of("answer")[since:]] == ["STARTTLS"]
    c = client(front.ports["optional"])
    c.reply(220)
    c.starttls(trust)       # before EHLO: allowed
    c.ehlo()
    c.message(b"x\r\n")


# Handshakes that fail, connections that break off

@pytest.mark.parametrize("name", ["hasty", "hasty-starttls"])
@pytest.mark.parametrize("hello", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
def test_handshake_must_end_in_time(front, server, client, name, hello):
    """TLS-10: and no server is bothered before."""
    before = len(server.of("connect"))
    c = client(front.ports[name])
    if name == "hasty-starttls":
        c.reply(220)
        c.cmd("STARTTLS", 220)
        before += 1
    with timed(0.5, 4):
        if hello:
            c.send(hello)
        c.expect_closed()
    assert end_of(front, c) == "client-tls"
    assert len(server.of("connect")) == before


def test_clear_text_to_implicit_tls_is_no_session(front, server, client):
    """TLS-17"""
    before = len(server.of("connect"))
    for hello in (b"EHLO x\r\n", b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n",
                  b"\x17\x03\x03\0\5hello", bytes(range(256))):
        c = client(front.ports["implicit"])
        c.send(hello)
        c.expect_closed()
        assert end_of(front, c) == "client-tls"
    assert len(server.of("connect")) == before
    front.wait_event("tls-failed", listener="implicit")


@pytest.mark.parametrize("way", ["cut", "close-notify", "reset"])
def test_message_that_breaks_off_inside_tls_is_not_delivered(
        front, server, client, trust, way):
    """TLS-12, D-03: also when the end looks orderly."""
    before, parts = len(server.messages()), len(server.of("partial"))
    c = greeted(client, front, "implicit", trust)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(b"Subject: half\r\n\r\nhalf")
    if way == "close-notify":
        c.sock.settimeout(2)
        try:
            c.sock.unwrap().sendall(b"\r\n.\r\n")
        except (OSError, ssl.SSLError):
            pass
    c.reset() if way == "reset" else c.close()
    assert end_of(front, c) == "client-left"
    server.wait_for("partial", parts + 1)
    assert len(server.messages()) == before


def test_clear_text_behind_the_end_of_tls_is_not_read(front, server, client,
                                                      trust):
    """TLS-11"""
    c = greeted(client, front, "implicit", trust)
    since = len(server.commands())
    try:
        plain = c.sock.unwrap()
        plain.sendall(b"QUIT\r\nNOOP\r\n")
        plain.settimeout(5)
        assert plain.recv(100) == b""
    except (OSError, ssl.SSLError):
        pass
    assert end_of(front, c).startswith("client-")
    assert not heard(server, since)


def test_records_of_one_octet_make_the_same_session(front, client, trust):
    c = client(front.ports["implicit"], tls=trust)
    c.reply(220)
    c.trickle(b"EHLO x\r\n")
    c.reply(250)
    c.trickle(b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<anna@example.test>\r\n")
    c.reply(250)
    c.reply(250)
    c.data(b"x\r\n")


# The server's leg

def pin_of(pair):
    der = subprocess.run(
        f"openssl x509 -in {pair[0]} -noout -pubkey | "
        "openssl pkey -pubin -outform DER", shell=True, check=True,
        capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("cert, options, good", [
    ("selfsigned", {"pin": "selfsigned"}, True),
    ("expired", {"pin": "expired"}, True),
    ("selfsigned", {"pin": "rsa"}, False),
    ("rsa", {"pin": "ecdsa", "tls_verify": "ca"}, False),
    ("wrong", {"tls_verify": "ca"}, True),
    ("stranger", {"tls_verify": "ca"}, False)])
def test_server_is_known_by_its_pin_or_its_authority(
        double, postern, client, certs, cert, options, good):
    server = double(cert=getattr(certs, cert), starttls="enabled",
                    auth_tls="PLAIN")
    leg = {"servers": [server.address], "tls": "required",
           "tls_ca": certs.ca, **options}
    if "pin" in leg:
        leg["tls_pin"] = pin_of(getattr(certs, leg.pop("pin")))
    front = postern({"mx": {}}, {"domino": leg})
    c = client(front.ports["mx"])
    if not good:
        # Its banner may have passed before its certificate was seen.
        code = c.reply().code
        if code == 220:
            c.line("EHLO x")
            code = c.reply().code
        assert code == 421
        c.expect_closed()
        assert end_of(front, c) == "server-tls"
        assert front.wait_event("server-failed")["why"]
        assert not server.of("command", tls=True)
        return
    c.reply(220)
    c.ehlo()
    c.auth_plain(code=235)
    c.message(b"x\r\n")
    assert server.messages()[0]["tls"]


@pytest.mark.parametrize("fault, end", [
    ("starttls-inject", "server-injection"),
    ("starttls-partial", "server-injection"),
    ("reply=starttls:454 no", "server-tls"),
    ("starttls-plain", "server-tls"),
    ("raw=starttls:hello\\r\\n", "server-protocol")])
def test_end_tells_what_the_server_did_to_starttls(double, postern, client,
                                                   certs, fault, end):
    server = double(starttls="enabled", faults=[fault])
    front = postern({"mx": {}}, {"domino": {
        "servers": [server.address], "tls": "required",
        "connect_timeout": "1s"}})
    c = client(front.ports["mx"])
    code = c.reply().code
    if code == 220:
        c.line("EHLO x")
        code = c.reply().code
    assert code == 421
    c.expect_closed()
    assert end_of(front, c) == end
    assert not [e for e in server.of("command", tls=False)
                if not e["line"].startswith(("EHLO", "STARTTLS"))]


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_large_message_passes_both_legs_intact(double, postern, client, certs,
                                               trust, mode):
    server = double(tls_port=True, cert=certs.rsa, starttls="enabled",
                    tls_profile="tls13")
    port = server.tls_port if mode == "implicit" else server.port
    front = postern(
        {"mx": {"tls": "implicit"} if mode == "implicit"
         else {"starttls": "required"}},
        {"domino": {"servers": [f"127.0.0.1:{port}"], "tls_ca": certs.ca,
                    "tls": mode if mode == "implicit" else "required",
                    "tls_verify": "name", "tls_name": "mail.example.test"}},
        certificates={"main": certs.ecdsa})
    c = client(front.ports["mx"], tls=trust if mode == "implicit" else None)
    c.reply(220)
    if mode == "starttls":
        c.ehlo()
        c.starttls(trust)
    c.ehlo()
    body = b"".join(b".%s\r\n" % os.urandom(75).hex().encode()
                    for _ in range(130000))
    assert len(body) > 20_000_000 * 0.95
    c.message(body)
    message = server.wait_for("message")
    assert message["sha256"] == hashlib.sha256(body).hexdigest()
    assert message["tls"]



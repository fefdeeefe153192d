"""The leg behind postern in TLS: strangers, injection, refusal (RSP-01..05).

Where TLS is required and cannot be had as configured, the client is sent
away for now and nothing secret goes out in clear.
"""

import queue
import ssl

import pytest

from flight import last_flight_with, said
from harness.raw import Broken, Closed
from harness.wait import DEADLINE_S
from scripted import Scripted

VERIFY = {"tls_verify": "name", "tls_name": "mail.example.test"}


@pytest.fixture
def behind(double, postern, client, certs):
    """behind(leg options, double's options): (double, connect function)."""
    def start(leg, **domino):
        tls_port = leg["tls"] == "implicit"
        domino = {"auth_tls": "PLAIN", "tls_port": tls_port, **domino}
        server = double(**domino)
        port = server.tls_port if tls_port else server.port
        front = postern({"mx": {}}, {"domino": {
            "servers": [f"127.0.0.1:{port}"], "tls_ca": certs.ca, **leg}})
        return server, lambda: client(front.ports["mx"], timeout_s=10)
    return start


def gets_in(connect):
    """The EHLO keywords if the client is let in; None if sent away."""
    c = connect()
    try:
        c.reply(220)
        words = c.ehlo()
        c.auth_plain(code=235)
        c.message(b"x\r\n")
        return words
    except Closed:
        return None
    except Broken as broken:
        assert "421" in str(broken) or "454" in str(broken), broken
        return None


def in_clear(server):
    return [e["line"] for e in server.of("command", tls=False)
            if e["line"].split(" ")[0].upper() in ("AUTH", "MAIL")]


@pytest.mark.parametrize("tls, starttls", [
    ("required", "enabled"), ("starttls", "enabled"), ("implicit", "off")])
def test_good_certificate_is_taken(behind, tls, starttls):
    server, connect = behind({"tls": tls, **VERIFY}, starttls=starttls)
    words = gets_in(connect)
    assert "AUTH" in words and "STARTTLS" not in words
    assert server.messages()[0]["tls"] and not in_clear(server)
    assert server.of("tls")[0]["sni"] == "mail.example.test"


@pytest.mark.parametrize("tls", ["required", "implicit"])
@pytest.mark.parametrize("name", ["wrong", "expired", "stranger",
                                  "selfsigned"])
def test_bad_certificate_is_refused(behind, certs, tls, name):
    server, connect = behind({"tls": tls, **VERIFY}, starttls="enabled",
                             cert=getattr(certs, name))
    assert gets_in(connect) is None
    assert not server.messages() and not in_clear(server)


@pytest.mark.parametrize("name", ["wrong", "expired", "selfsigned"])
def test_unverified_leg_takes_any_certificate(behind, certs, name):
    server, connect = behind({"tls": "required", "tls_verify": "off"},
                             starttls="enabled", cert=getattr(certs, name))
    assert gets_in(connect) is not None


@pytest.mark.parametrize("faults", [
    ["starttls-inject"], ["starttls-partial"], ["starttls-plain"],
    *[[f"reply=starttls:{code} x"] for code in
      (502, 454, 354, 421, 501, 530, 250)],
    *[[f"{name}=starttls"] for name in ("close-before", "reset-before",
                                        "close-after")]])
def test_starttls_that_is_spoilt_is_no_way_in(behind, faults):
    server, connect = behind({"tls": "required", "reply_timeout": "2s",
                              "connect_timeout": "1s"},
                             starttls="enabled", faults=faults)
    assert gets_in(connect) is None
    assert not in_clear(server)


def test_missing_starttls_where_it_is_required_is_no_way_in(behind):
    server, connect = behind({"tls": "required"}, starttls="off",
                             auth_clear="PLAIN")
    assert gets_in(connect) is None
    assert not in_clear(server)


def test_missing_starttls_where_it_is_a_wish_is_clear(behind):
    server, connect = behind({"tls": "starttls"}, starttls="off",
                             auth_clear="PLAIN")
    assert gets_in(connect) is not None
    assert in_clear(server)


def test_clear_octets_before_implicit_tls_are_refused(behind):
    server, connect = behind({"tls": "implicit"}, faults=["clear-first"])
    assert gets_in(connect) is None


@pytest.mark.parametrize("profile, least, level, good", [
    ("tls10", "1.0", 0, True), ("tls10", "1.2", 2, False),
    ("tls12-pfs", "1.2", 2, True), ("tls12", "1.3", 2, False),
    ("tls13", "1.3", 2, True)])
def test_old_dominos_need_the_options_for_them(behind, profile, least, level,
                                               good):
    server, connect = behind({"tls": "implicit", "tls_least": least,
                              "tls_level": level}, tls_profile=profile)
    assert (gets_in(connect) is not None) == good


def test_a_banner_with_the_last_flight_is_heard_by_the_health_dialogue(
        postern, certs, request):
    """No event of the socket tells of it: it was read with the handshake."""
    context, heard = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), queue.Queue()
    context.load_cert_chain(*certs.rsa)
    # There the last word of a handshake is the server's.
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def serve(peer):
        heard.put(said(peer.sock, *last_flight_with(
            peer.sock, context, b"220 here\r\n", server_side=True)))
    server = Scripted(serve)
    request.addfinalizer(server.close)
    postern({"mx": {}}, {"domino": {
        "servers": [server.address], "tls": "implicit",
        "health_interval": "200ms", "health_timeout": "1m"}})
    assert heard.get(timeout=DEADLINE_S).startswith(b"EHLO ")

"""Each client through each door to each server: the message must arrive.

What a server stores differs from what was sent in two stated ways, which are
taken back before the SHA-256 is compared: servers put headers on top (every
message here begins with a header X-Matrix, and all that stands above it is
cut off), and a maildir has LF for CRLF (both are taken as LF). Nothing else
may differ.

POSTERN_DIRECT=1 leaves postern out: that is the check of these clients and
servers themselves.
"""

import hashlib
import os

import pytest

import clients
import servers
from harness import net
from harness.postern import Postern, binary

DIRECT = bool(os.environ.get("POSTERN_DIRECT"))
MODE_OF_DOOR = {"plain": "plain", "submission": "starttls", "tls": "tls"}
LARGE_BYTES = 20 * 1000 * 1000

pytestmark = pytest.mark.skipif(
    not net.inside(), reason="needs root: namespaces, servers' accounts")


def message(mark, body):
    """What is sent: nothing is missing that anybody would add."""
    return b"\r\n".join([
        b"X-Matrix: " + mark, b"From: a@sender.test", b"To: anna@example.test",
        b"Subject: matrix", b"Date: Mon, 23 Nov 2026 12:00:00 +0000",
        b"Message-ID: <" + mark + b"@sender.test>", b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=iso-8859-1",
        b"Content-Transfer-Encoding: 8bit", b"", body])


SMALL = b"Hello.\r\n"
DOTS = (b".\r\n..\r\n...\r\n.x\r\nx.\r\n \r\n\r\n.\xe4\xf6\xfc \xc3\xa4 \xff"
        b"\x80\r\n" + b"y" * 990 + b"\r\n" + b"." * 900 + b"\r\n..\r\n.\r\n\r\n")
LARGE = (b".%06d \xe4 large\r\n" % 4711 + b"z" * 75 + b"\r\n") \
    * (LARGE_BYTES // 95)


def digest(octets):
    """SHA-256 from X-Matrix on, with LF for CRLF."""
    start = octets.find(b"X-Matrix: ")
    assert start >= 0
    assert start == 0 or octets[start - 1:start] == b"\n"
    return hashlib.sha256(octets[start:].replace(b"\r\n", b"\n")).hexdigest()


@pytest.fixture(scope="session")
def started(session_folder, certs):
    """Servers by name, each with its postern; made when first asked for."""
    made = {}
    folder = session_folder / "servers"
    folder.mkdir()
    servers.get_servers()

    def start(name):
        if name not in made:
            server = servers.ALL[name](folder, certs).start()
            made[name] = server, None if DIRECT else \
                postern_for(name, folder, server, certs)
        return made[name]
    yield start
    for server, postern in made.values():
        if postern:
            postern.stop_clean()
        server.stop()


def postern_for(name, folder, server, certs):
    """A postern with the three doors; the legs behind have them too."""
    def backend(door):
        behind, tls = server.doors[door]
        return {"servers": [f"127.0.0.1:{server.ports[behind]}"], "tls": tls,
                "tls_verify": "name", "tls_ca": certs.ca,
                "tls_name": "mail.example.test"}
    program = Postern(
        folder,
        {"plain": {"starttls": "optional", "auth": "hide",
                   "backend": "plain"},
         "submission": {"starttls": "required", "auth": "tls",
                        "backend": "submission"},
         "tls": {"tls": "implicit", "backend": "tls"}},
        {door: backend(door) for door in servers.DOORS},
        certificates={"rsa": certs.rsa, "ecdsa": certs.ecdsa},
        name=f"postern-{name}")
    return program.start()


@pytest.fixture
def deliver(request, started, certs):
    """deliver(client, server, door, body): send, wait, compare."""
    if not DIRECT and not binary().exists():
        pytest.skip(f"{binary()} is not built")

    def send(client, server_name, door, body):
        server, postern = started(server_name)
        request.node.programs = [p for p in (postern, server) if p]
        mark = os.urandom(8).hex().encode()
        octets = message(mark, body)
        port = (postern or server).ports[door]
        login = None if door == "plain" else server.login
        result = clients.CLIENTS[client](octets, port, MODE_OF_DOOR[door],
                                         login, certs.ca)
        assert result.ok, result.output[-3000:]
        assert digest(server.wait_stored(mark)) == digest(octets)
    return send


def ways(pairs, names=servers.ALL):
    """(server, client, door) for all that exist; no skips needed.

    s_client has no plain mode, and without postern there are only a server's
    own doors.
    """
    return [pytest.param(name, client, door)
            for name in names for client, door in pairs
            if (client, door) != ("s_client", "plain")
            and not (DIRECT and servers.ALL[name].doors[door][0] != door)]


@pytest.mark.parametrize("server, client, door", ways([
    (client, door) for client in clients.CLIENTS for door in servers.DOORS]))
def test_small_message(deliver, server, client, door):
    deliver(client, server, door, SMALL)


@pytest.mark.parametrize("server, client, door", ways([
    ("swaks", "plain"), ("curl", "submission"), ("msmtp", "tls"),
    ("smtplib", "plain"), ("s_client", "submission")]))
def test_dots_and_8_bit_octets(deliver, server, client, door):
    deliver(client, server, door, DOTS)


@pytest.mark.parametrize("client, server, door", [
    ("swaks", "domino", "plain"), ("curl", "postfix", "plain"),
    ("msmtp", "opensmtpd", "plain"), ("smtplib", "exim", "tls"),
    ("s_client", "postfix", "tls"), ("smtplib", "domino", "submission"),
    ("curl", "domino", "tls")])
def test_large_message(deliver, client, server, door):
    deliver(client, server, door, LARGE)


@pytest.mark.parametrize("server", [name for name in servers.ALL
                                    if servers.ALL[name].login])
@pytest.mark.parametrize("client", clients.CLIENTS)
def test_wrong_password_is_told_and_stores_nothing(started, request, certs,
                                                   server, client):
    if not DIRECT and not binary().exists():
        pytest.skip(f"{binary()} is not built")
    behind, postern = started(server)
    request.node.programs = [p for p in (postern, behind) if p]
    mark = os.urandom(8).hex().encode()
    result = clients.CLIENTS[client](
        message(mark, SMALL), (postern or behind).ports["submission"],
        "starttls", ("anna", "wrong"), certs.ca)
    assert not result.ok
    assert "535" in result.output or "uthent" in result.output or \
        "denied" in result.output, result.output[-2000:]
    assert behind.stored(mark) is None

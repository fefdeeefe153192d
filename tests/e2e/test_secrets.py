"""Secrets in memory: once a login was answered, no process has it any more.

Read from outside, as one with root's rights or a core file would: all that
the processes may write to. One more command comes first, for what the last
line left in a buffer that is used again; what it does not cover must be
wiped, and any part of the secret counts.
"""

import base64
import os

import pytest

from attack import greeted, processes
from canary import mappings

# The same word over and over, so that no rest of the secret is without it;
# six octets, so that its base64 is the same eight over and over, too.
WORD = b"Zq9vK7"
SECRET = WORD.decode() * 9
WANTED = WORD, base64.b64encode(WORD)
KNOWN, UNKNOWN = "anna.marchesi", "anna.nessuno!"
SEEN = b"memory-is-read.example.test"

# In AUTH PLAIN the name before it must not shift the groups of three.
assert len(KNOWN) == len(UNKNOWN) and len(f"\0{KNOWN}\0") % 3 == 0


def found(pid, wanted):
    """[(mapping, what surrounds it)] of all that is there."""
    hits = []
    for line, octets in mappings(pid):
        for one in wanted:
            at = octets.find(one)
            if at >= 0:
                hits.append((line, octets[max(0, at - 40):at + 60]))
    return hits


@pytest.fixture
def site(double, postern, certs):
    if os.geteuid() != 0:
        pytest.skip("needs root to read the memory of others")
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no",
                    starttls="enabled", users={KNOWN: SECRET})

    def start(backend_tls):
        return postern({"mx": {"starttls": "optional"}},
                       {"domino": {"servers": [server.address],
                                   "tls": backend_tls}},
                       certificates={"mail": certs.rsa},
                       options={"workers": 1,
                                "source_limit": {"delay": "0s"}})
    return start


def token(user):
    return base64.b64encode(f"\0{user}\0{SECRET}".encode())


def plain(client, user):
    client.line(b"AUTH PLAIN " + token(user))


def plain_behind_334(client, user):
    client.cmd("AUTH PLAIN", 334)
    client.line(token(user))


def login(client, user):
    client.cmd("AUTH LOGIN", 334)
    client.cmd(base64.b64encode(user.encode()), 334)
    client.line(base64.b64encode(SECRET.encode()))


def plain_in_pieces(client, user):
    line = b"AUTH PLAIN " + token(user) + b"\r\n"
    client.send_split(line, 50, len(line) - 9, len(line) - 1)


def login_in_pieces(client, user):
    client.cmd("AUTH LOGIN", 334)
    client.cmd(base64.b64encode(user.encode()), 334)
    line = base64.b64encode(SECRET.encode()) + b"\r\n"
    client.send_split(line, 2, len(line) - 9, len(line) - 1)


def plain_behind_others(client, user):
    """It has to wait, until replies have come."""
    client.send(b"RSET\r\nNOOP\r\nAUTH PLAIN " + token(user) + b"\r\n")
    client.reply(250)
    client.reply(250)


def plain_behind_a_message(client, user):
    client.envelope()
    client.cmd("DATA", 354)
    client.send(b"Subject: x\r\n\r\n.\r\nAUTH PLAIN " + token(user) +
                b"\r\n")
    client.reply(250)


@pytest.mark.parametrize("log_in", [
    plain, plain_behind_334, login, plain_in_pieces, login_in_pieces,
    plain_behind_others, plain_behind_a_message])
@pytest.mark.parametrize("tls", ["off", "starttls"])
def test_SEC_02_no_process_keeps_a_secret(site, certs, strangers, tls, log_in):
    front = site("off" if tls == "off" else "required")
    for user, code in ((UNKNOWN, 535), (KNOWN, 235)):
        client = greeted(front.ports["mx"], strangers[0])
        if tls == "starttls":
            client.starttls(certs.client_context())
        client.ehlo(SEEN.decode())
        log_in(client, user)
        client.reply(code)
        client.cmd("NOOP", 250)
        pids = processes(front)
        assert len(pids["worker"]) == 1 and found(pids["worker"][0], [SEEN])
        for pid in [front.process.pid, *front.pids()]:
            assert found(pid, WANTED) == [], pid
        client.quit()

"""A refusal that is delayed for long: the server is not held meanwhile."""

import base64
import time

import pytest

from attack import processes
from harness.raw import Broken
from test_limits import cpu_s


@pytest.fixture
def site(double, postern):
    """site(delay): a server, and postern that delays refusals."""
    def start(delay):
        server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
        front = postern({"mx": {}}, [server.address], options={
            "source_limit": {"delay": delay, "failures": 9}})
        return server, front
    return start


def refused(front, client, source):
    c = client(front.ports["mx"], source=source, timeout_s=15)
    c.reply(220)
    c.ehlo()
    c.auth_plain(password="wrong", code=535)
    return c


def test_session_goes_on_behind_a_short_delay(site, client, strangers):
    server, front = site("1s")
    c = refused(front, client, strangers[0])
    c.auth_plain(code=235)
    c.quit()
    assert front.wait_event("session", end="quit")


def test_session_ends_in_its_own_words_behind_a_long_one(
        site, client, strangers):
    server, front = site("6s")
    c = refused(front, client, strangers[0])
    # Domino's session ended long before; the client hears why.
    assert c.reply(421).text.startswith("Too many failed logins")
    with pytest.raises(Broken):
        c.cmd("NOOP", 250)
    c.close()
    front.wait_event("session", end="login-delayed")
    assert len(server.of("disconnect")) == 1


def test_who_moves_meanwhile_does_not_keep_the_worker_busy(
        site, client, strangers):
    """The client is left armed while he waits: he may wake us once."""
    server, front = site("3s")
    talker, leaver = [client(front.ports["mx"], source=source, timeout_s=15)
                      for source in strangers[:2]]
    for c, guess in ((talker, b"\0anna\0wrong"), (leaver, b"\0bert\0bad")):
        c.reply(220)
        c.ehlo()
        c.line(b"AUTH PLAIN " + base64.b64encode(guess))
    server.wait_for("auth", 2)
    before = sum(map(cpu_s, processes(front)["worker"]))
    talker.line("NOOP")
    leaver.half_close()
    time.sleep(1)           # what would spin is counted
    assert sum(map(cpu_s, processes(front)["worker"])) - before < 0.25
    talker.reply(535)
    talker.reply(250)
    leaver.reply(535)
    talker.quit()

"""A refusal that is delayed for long: the server is not held meanwhile."""

import pytest

from harness.raw import Broken


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

"""A server whose add-in says no in its own way: the operator's patterns."""

import pytest

from harness.raw import Broken


@pytest.fixture
def site(double, postern):
    """site(text, patterns): a server that refuses with text, and postern."""
    def start(text, *patterns):
        server = double(auth_clear="LOGIN PLAIN", t_535=text)
        front = postern({"mx": {}}, backends={"b": {
            "servers": [server.address], "auth_failed": list(patterns)}},
            options={"source_limit": {"delay": "0s", "failures": 2},
                     "banned": {"answer": "close"}})
        return server, front.ports["mx"], front
    return start


def guess(client, port, source, secret, code):
    c = client(port, source=source)
    c.reply(220)
    c.ehlo()
    c.auth_plain(password=secret, code=code)
    c.close()


def test_reply_that_a_pattern_names_is_a_failed_login(
        site, client, strangers):
    server, port, front = site("554 falsches Kennwort", "^535 never",
                               "^554 .*KENNWORT")
    for secret in ("one", "two"):
        guess(client, port, strangers[0], secret, 554)
    front.wait_event("ban")
    with pytest.raises(Broken):
        client(port, source=strangers[0]).reply(220)


def test_other_replies_are_not(site, client, strangers):
    server, port, front = site("554 not today", "^554 .*kennwort", "^(a+)+$")
    for secret in ("one", "two", "three"):
        guess(client, port, strangers[0], secret, 554)
    c = client(port, source=strangers[0])
    c.reply(220)
    c.ehlo()
    c.auth_plain(code=235)
    assert not front.events("ban")

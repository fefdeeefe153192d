"""The shortest way through everything: mail passes, guessers do not."""

import pytest

from harness.raw import Broken

BODY = b"Subject: x\r\n\r\n.dot\r\n\xe4\r\n"


@pytest.fixture
def pair(double, postern):
    """A double that takes logins, and postern in front of it."""
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern({"mx": {}}, [server.address],
                    options={"source_limit": {"delay": "0s"},
                             "banned": {"answer": "refuse"}})
    return server, front


def test_message_passes_octet_for_octet(pair, client):
    server, front = pair
    c = client(front.ports["mx"])
    c.reply(220)
    words = c.ehlo()
    assert "PIPELINING" in words and "AUTH" in words
    c.auth_plain(code=235)
    c.message(BODY)
    c.quit()
    event = server.wait_for("message")
    assert server.octets(event) == BODY and event["user"] == "anna"


def test_guesser_is_banned_and_others_are_not(pair, client, strangers):
    server, front = pair
    for guess in range(5):
        c = client(front.ports["mx"], source=strangers[0])
        c.reply(220)
        c.ehlo()
        c.auth_plain(password=f"guess{guess}", code=535)
        c.close()
    front.wait_event("ban")
    before = len(server.of("connect"))
    c = client(front.ports["mx"], source=strangers[0])
    with pytest.raises(Broken):
        c.reply(220)
    assert len(server.of("connect")) == before
    c = client(front.ports["mx"], source=strangers[1])
    c.reply(220)
    c.ehlo()
    c.auth_plain(code=235)


def test_secrets_are_in_no_log(pair, client, strangers):
    server, front = pair
    c = client(front.ports["mx"], source=strangers[0])
    c.reply(220)
    c.ehlo()
    c.auth_plain(password="hush-hush", code=535)
    c.auth_login(password="hush-hush", code=535)
    c.auth_plain(code=235)
    c.quit()
    front.wait_event("session")
    # The words, and what they are in base64 in those lines.
    assert not front.secrets_in_log("hush-hush", "aHVzaC1odXNo",
                                    "AGFubmEAc2VjcmV0", "AGFubmEAaHVzaC1odXNo")

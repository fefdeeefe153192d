"""A server that breaks off, lies or stalls: what must hold at any fault.

For each fault of the double: the client is answered or left, never kept
waiting; it sees 2yz to its message only where the server said that to this
message's end; a clean session behind it succeeds; postern lives.
"""

import pytest

from harness.raw import Broken, Closed

BODY = b"Subject: x\r\n\r\n" + b"y" * 200000 + b"\r\n"
PATIENCE_S = 10

POINTS = ("connect", "ehlo", "auth-final", "mail", "rcpt", "data", "dot")
AT_EACH_POINT = ("close-before", "reset-before", "close-after", "reset-after",
                 "close-in-reply", "421", "421-stay", "half-close-after")
WRONG_REPLIES = (
    [f"reply={point}:{text}" for point in ("connect", "mail", "data", "dot")
     for text in ("22X OK", "699 x", "100 x", "25", "", "334 x", "354 x",
                  "221 x", "500 \\x03")
     # 221 to the dot would be an acceptance.
     if (point, text) != ("dot", "221 x")]
    + [f"extra={point}:250 more" for point in ("ehlo", "mail", "rcpt", "dot")]
    + ["long-line=mail:100000", "endless=mail", "endless=ehlo",
       "raw=mail:250 ok\\n", "raw=mail:200-This is\\r\\n250 inconsistent\\r\\n",
       "raw=dot:250", "raw=dot:250-a\\r\\n25", "greet-twice"])
IN_A_MESSAGE = (
    "early=1:552 no", "early=100000:552 no", "early-close=1000:552 no",
    "early-stop=1000:552 no", "close-in-body=1000", "reset-in-body=100000",
    "premature-354", "stall=dot#1", "delay=dot:300",
    "drip=1", "stop-reading=data")
FAULTS = [f"{name}={point}" for name in AT_EACH_POINT for point in POINTS] + \
    WRONG_REPLIES + list(IN_A_MESSAGE)


@pytest.fixture(scope="module")
def pair(session_folder, request, certs):
    """One double and one postern for all of them."""
    from harness.double import Double
    from harness.postern import Postern, binary
    if not binary().exists():
        pytest.skip(f"{binary()} is not built")
    folder = session_folder / "faults"
    folder.mkdir()
    server = Double(folder, auth_clear="PLAIN", t_535="535 no",
                    cert=certs.rsa, idle_s=30)
    front = Postern(folder, {"mx": {}}, {"domino": {
        "servers": [server.address], "reply_timeout": "2s",
        "greeting_timeout": "2s", "data_reply_timeout": "2s"}}, options={
            "source_limit": {"mode": "off"}}).start()
    yield server, front
    front.stop_clean()
    server.stop()


def session(client, port):
    """A whole session; the code that the message got, or None."""
    c = client(port, timeout_s=PATIENCE_S)
    try:
        c.reply(220)
        c.cmd("EHLO x", 250)
        c.auth_plain(code=235)
        c.envelope()
        c.cmd("DATA", 354)
        c.send(BODY)
        c.send(b".\r\n")
        return c.reply().code
    except (Closed, OSError) as left:
        assert not isinstance(left, TimeoutError), "kept waiting"
    except Broken as broken:
        assert "no octet came" not in str(broken), "kept waiting"
        # Another code than a good session gets: an answer.
        assert "no reply" not in str(broken), broken
    finally:
        c.close()
    return None


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(pair, client, request, fault):
    server, front = pair
    request.node.programs = [front, server]
    before = len(server.messages())
    server.fault(fault)
    try:
        code = session(client, front.ports["mx"])
    finally:
        server.clear_faults()
    said = said_to_dot(server)
    if code and 200 <= code < 300:
        assert said and len(server.messages()) == before + 1
        assert server.octets(server.messages()[-1]) == BODY
    before = len(server.messages())
    assert session(client, front.ports["mx"]) == 250
    assert len(server.messages()) == before + 1
    assert front.alive() and front.sanitizer_report() is None


def said_to_dot(server):
    """The double's last connection answered an end of data."""
    last = server.of("connect")[-1]["conn"]
    return [e for e in server.of("reply", conn=last, point="dot")
            if e["text"].startswith("2")]


def test_verdict_before_the_end_of_data_is_none(pair, client, request):
    """D-02: a 250 that came before the dot was sent is a protocol error."""
    server, front = pair
    request.node.programs = [front, server]
    server.fault("premature=100:250 ok")
    try:
        c = client(front.ports["mx"], timeout_s=PATIENCE_S)
        c.reply(220)
        c.cmd("EHLO x", 250)
        c.envelope()
        c.cmd("DATA", 354)
        c.send(b"x" * 1000 + b"\r\n")
        server.wait_for("reply", point="body", text="250 ok")
        # The reply is on its way; what follows may meet it or not, but the
        # end of data is sent only when postern has had its time to read.
        got = c.expect_closed() if not c.silent(0.3) else end(c)
        assert not got.startswith(b"2"), got
    finally:
        server.clear_faults()
    assert session(client, front.ports["mx"]) == 250


def end(c):
    c.send(b".\r\n")
    return c.reply().raw

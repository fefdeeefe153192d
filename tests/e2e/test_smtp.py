"""The dialogue through postern: what passes octet for octet, what does not.

What the client got is held against what the double says that it sent, and
what the server got against what the client sent.
"""

import base64
import hashlib
import hmac
import re

import pytest

from harness.raw import Broken

BODY = b"Subject: x\r\n\r\n.dot\r\n..two\r\n\xe4\r\n"
KEYWORDS = ["ENHANCEDSTATUSCODES", "XFORWARD NAME ADDR", "X-FOO bar",
            "BURL imap", "BINARYMIME", "LIMITS RCPTMAX=3", "SMTPUTF8",
            "NO-SOLICITING net.example:ADV", "REQUIRETLS", "XEXCH50"]
DROPPED = re.compile(rb"250.(XFORWARD|X-FOO|BURL|BINARYMIME|LIMITS|"
                     rb"REQUIRETLS|XEXCH50|XCLIENT|ETRN|STARTTLS)\b")


@pytest.fixture
def mx(double, postern):
    """mx(listener={...}, options={...}, **double): (server, front)."""
    def start(listener=None, options=None, **params):
        params.setdefault("auth_clear", "LOGIN PLAIN")
        server = double(**params)
        front = postern({"mx": listener or {}}, [server.address],
                        options={"source_limit": {"delay": "0s"},
                                 **(options or {})})
        return server, front
    return start


@pytest.fixture
def greeted(client):
    """A client behind banner and EHLO."""
    def connect(front, **more):
        one = client(front.ports["mx"], **more)
        one.reply(220)
        one.ehlo()
        return one
    return connect


def sent(server, conn=1):
    """The octets of all replies that the double gave there."""
    return b"".join(e["text"].encode("latin-1")
                    for e in server.of("reply", conn=conn))


def heard(server, conn=1):
    """The commands of that connection."""
    return [e["line"] for e in server.of("command", conn=conn)]


def ended(front, c, reason, count=1):
    """The session is over, for that reason; its log line."""
    c.expect_closed()
    c.close()   # else postern waits for us a moment
    return front.wait_event("session", count, end=reason)


def filtered(reply):
    """What postern must make of an EHLO reply."""
    lines = [line for line in reply.splitlines(keepends=True)
             if not DROPPED.match(line)]
    return b"".join([b"250-" + line[4:] for line in lines[:-1]] +
                    [b"250 " + lines[-1][4:]])


# Banner and EHLO

@pytest.mark.parametrize("seed", range(1, 6))
def test_banner_and_ehlo_pass_but_for_keywords_left_out(mx, client, seed):
    chunks = ["whole", "line", "byte", "crlf", "coalesced"][seed - 1]
    server, front = mx(seed=seed, chunks=chunks, extra_keywords=KEYWORDS,
                       f_xclient=True, f_etrn=True, f_dsn=True, f_8bit=True,
                       f_vrfy=True, f_expn=True, f_chunking=True,
                       starttls="enabled", size_limit=52428800,
                       two_spaces=True, rdns="client.example.test")
    c = client(front.ports["mx"])
    assert c.reply(220).raw == sent(server)
    raw = c.cmd("EHLO client.example.test", 250).raw
    said = server.of("reply", point="ehlo")[0]["text"].encode("latin-1")
    assert raw == filtered(said)
    assert len(DROPPED.findall(said)) == 10 and not DROPPED.search(raw)
    # The same again: nothing is kept from the first.
    assert c.cmd("EHLO client.example.test", 250).raw == raw


def test_only_keyword_that_is_left_is_the_last(mx, greeted):
    server, front = mx(auth_clear="none", f_help=False, f_size=False,
                       f_pipelining=False, extra_keywords=["X-FOO"])
    c = greeted(front)
    assert re.fullmatch(rb"250 [^\r\n]+\r\n", c.cmd("EHLO x", 250).raw)


def test_unknown_keywords_pass_where_asked_for(mx, client):
    server, front = mx({"unknown_keywords": "pass"}, f_xclient=True,
                       extra_keywords=["X-FOO bar", "BURL imap"])
    c = client(front.ports["mx"])
    c.reply(220)
    words = c.ehlo()
    assert words["X-FOO"] == "bar"
    assert "BURL" not in words and "XCLIENT" not in words


def test_banner_of_several_lines_passes(mx, client):
    server, front = mx(faults=[r"say=connect:220-one\n220-two\n220 three"])
    assert client(front.ports["mx"]).reply(220).raw == \
        b"220-one\r\n220-two\r\n220 three\r\n"


def test_own_banner_is_said_in_place_of_the_servers(mx, client):
    server, front = mx({"banner": "mail.example.test ESMTP"})
    c = client(front.ports["mx"])
    assert c.reply().raw == b"220 mail.example.test ESMTP\r\n"
    assert "PIPELINING" in c.ehlo()


def test_server_that_refuses_by_its_banner_is_heard(mx, client):
    server, front = mx({"banner": "never said"},
                       faults=["say=connect:554 not you"])
    c = client(front.ports["mx"])
    assert c.reply().raw == b"554 not you\r\n"
    ended(front, c, "server-refused")


# Pipelining

@pytest.mark.parametrize("chunks", ["whole", "line", "byte", "coalesced"])
def test_pipelined_replies_are_the_servers_in_order(mx, greeted, chunks):
    server, front = mx(chunks=chunks, local_users=["anna@example.test"])
    pipeline(server, greeted(front), 1)
    server.fault("delay=mail:60")
    server.fault("delay=rcpt:30#1")
    pipeline(server, greeted(front), 2)


def pipeline(server, c, conn):
    before = len(sent(server, conn))
    c.send(b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<anna@example.test>\r\n"
           b"RCPT TO:<nobody@example.test>\r\nDATA\r\n")
    replies = [c.reply(code) for code in (250, 250, 550, 354)]
    c.send(b"Subject: x\r\n\r\nhello\r\n.\r\n")
    replies.append(c.reply(250))
    assert b"".join(r.raw for r in replies) == sent(server, conn)[before:]
    assert heard(server, conn)[1:] == [
        "MAIL FROM:<a@sender.test>", "RCPT TO:<anna@example.test>",
        "RCPT TO:<nobody@example.test>", "DATA"]
    assert server.octets(server.wait_for("message", conn)) == \
        b"Subject: x\r\n\r\nhello\r\n"


def test_next_message_may_be_pipelined_behind_the_dot(mx, greeted):
    server, front = mx(faults=["delay=dot:50"])
    c = greeted(front)
    head = (b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<anna@example.test>\r\n"
            b"DATA\r\n")
    c.send(head)
    for code in (250, 250, 354):
        c.reply(code)
    c.send(b"one\r\n.\r\n" + head)
    for code in (250, 250, 250, 354):
        c.reply(code)
    c.send(b"two\r\n.\r\nQUIT\r\nMAIL FROM:<late@sender.test>\r\n")
    c.reply(250)
    c.reply(221)
    c.expect_closed()
    assert [server.octets(m) for m in server.messages()] == \
        [b"one\r\n", b"two\r\n"]
    assert "MAIL FROM:<late@sender.test>" not in server.commands()


def test_three_thousand_noops_in_one_write_get_their_replies(mx, greeted):
    server, front = mx({"idle_commands_most": 5000})
    c = greeted(front)
    c.send(b"NOOP\r\n" * 3000)
    for _ in range(3000):
        c.reply(250)
    c.quit()
    assert server.commands().count("NOOP") == 3000


@pytest.mark.parametrize("faults", [[], ["reply=data:554 no"]],
                         ids=["go", "refused"])
def test_body_ahead_of_354_is_no_message_and_no_command(mx, greeted, faults):
    """PIP-03: one write with DATA and what would be the message."""
    server, front = mx(faults=faults)
    c = greeted(front)
    c.envelope()
    c.send(b"DATA\r\nSubject: x\r\n\r\nMAIL FROM:<inj@x.test>\r\n.\r\n")
    c.reply(503)
    ended(front, c, "pipelining")
    server.wait_for("disconnect")
    assert not server.messages()
    assert not any("inj@" in line for line in server.commands())


def test_commands_split_anywhere_get_the_same_replies(mx, greeted):
    server, front = mx()
    c = greeted(front)
    c.trickle(b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<anna@example.test>\r\n"
              b"DATA\r\n")
    for code in (250, 250, 354):
        c.reply(code)
    c.trickle(b"Subject: x\r\n\r\n..\r\n.\r\nRSET\r\n")
    c.reply(250)
    c.reply(250)
    assert server.octets(server.wait_for("message")) == \
        b"Subject: x\r\n\r\n.\r\n"


def test_hundreds_of_messages_in_one_session(mx, greeted):
    server, front = mx()
    c = greeted(front)
    each = (b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<anna@example.test>\r\n"
            b"DATA\r\n")
    for _ in range(300):
        c.send(each)
        for code in (250, 250, 354):
            c.reply(code)
        c.send(b"x\r\n.\r\n")
        c.reply(250)
    c.quit()
    assert len(server.messages()) == 300
    assert front.wait_event("session")["messages"] == 300


# BDAT

def test_bdat_is_framed_by_its_count_alone(mx, greeted):
    server, front = mx(f_chunking=True)
    c = greeted(front)
    chunk = b"x\r\n.\r\nQUIT\r\nMAIL FROM:<inj@x.test>\r\n\n.\n\r.\r\0"
    c.envelope()
    c.send(b"BDAT %d\r\n%sNOOP\r\n" % (len(chunk), chunk))
    c.reply(250)
    c.reply(250)
    c.send(b"bdat 10\r\nTo: Susan@BDAT 3 LAST\r\nab\n")
    c.reply(250)
    c.reply(250)
    c.envelope()
    c.send(b"BDAT 5\r\nhello")
    c.reply(250)
    c.send(b"BDAT 0 LAST\r\n")
    c.reply(250)
    c.quit()
    assert [server.octets(m) for m in server.messages()] == \
        [chunk + b"To: Susan@ab\n", b"hello"]


def test_bdat_where_none_is_offered_ends_the_session(mx, greeted):
    server, front = mx()
    c = greeted(front)
    c.envelope()
    c.send(b"BDAT 9 LAST\r\nQUIT\r\nxx\r\n")
    c.reply(503)
    ended(front, c, "bad-chunk")
    assert not any(line.startswith(("BDAT", "QUIT"))
                   for line in server.commands())


def test_bdat_of_no_readable_size_ends_the_session(mx, greeted):
    sizes = ["18446744073709551616", "-1", "+5", "0x10", "", "5LAST",
             "5 LAST x", "5.0"]
    server, front = mx(f_chunking=True)
    for count, size in enumerate(sizes, 1):
        c = greeted(front)
        c.envelope()
        c.send(f"BDAT {size}\r\nhello\r\nQUIT\r\n")
        c.reply(501)
        ended(front, c, "bad-chunk", count)
        assert len(heard(server, count)) == 3, size
    assert not server.messages()


# Verbs

def test_other_verbs_get_the_servers_answers(mx, greeted):
    server, front = mx(f_vrfy=True, chunks="byte")
    c = greeted(front)
    before = len(sent(server))
    lines = ["HELP", "VRFY anna", "EXPN list", "NOOP x y", "RSET", "FOO bar",
             "RSET now", "DATA", "RCPT TO:<a@b.test>",
             "MAIL FROM:broken", "vrfy", "HELO again"]
    raw = b"".join(c.cmd(line).raw for line in lines)
    assert raw == sent(server)[before:]
    assert server.commands()[1:] == lines


def test_verbs_that_switch_framing_or_identity_stay_here(mx, greeted):
    lines = ["XCLIENT ADDR=127.0.0.1 LOGIN=admin", "XFORWARD NAME=x",
             "ETRN example", "TURN", "ATRN x", "BURL imap://x LAST",
             "XEXCH50 10 2", "XDATA 5 LAST", "xclient addr=1",
             "PROXY TCP4 10.0.0.5 10.0.0.1 1 25"]
    server, front = mx(f_xclient=True, f_etrn=True)
    c = greeted(front)
    for line in lines:
        c.cmd(line, 502)
    c.cmd("XCLIENT\tADDR=127.0.0.1", 500)  # a laxer server might see a verb
    c.cmd("NOOP", 250)
    assert server.commands()[1:] == ["NOOP"]


def test_too_many_bad_commands_are_the_end(mx, greeted):
    server, front = mx({"bad_commands_most": 4})
    c = greeted(front)
    for n in range(3):
        c.cmd(f"WHAT{n}", 502)
    c.cmd("WHAT3", 421)
    ended(front, c, "too-many-errors")
    assert "WHAT3" not in server.commands()


def test_too_many_idle_commands_are_the_end(mx, greeted):
    server, front = mx({"idle_commands_most": 10})
    c = greeted(front)
    for _ in range(9):
        c.cmd("NOOP", 250)
    c.cmd("NOOP", 421)
    ended(front, c, "too-many-commands")


# AUTH

def cram(c, user, password):
    challenge = base64.b64decode(c.cmd("AUTH CRAM-MD5", 334).text)
    digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
    return c.cmd(base64.b64encode(f"{user} {digest}".encode()))


def b64(text):
    return base64.b64encode(text.encode()).decode()


def bearer(c, line, dummy):
    reply = c.cmd(line)
    return c.cmd(dummy) if reply.code == 334 else reply


LOGINS = {
    "plain": lambda c, u, p: c.auth_plain(u, p),
    "plain-asked": lambda c, u, p: (
        c.cmd("AUTH PLAIN", 334), c.cmd(b64(f"\0{u}\0{p}")))[1],
    "plain-authzid": lambda c, u, p: c.cmd(
        "AUTH PLAIN " + b64(f"{u}\0{u}\0{p}")),
    "login": lambda c, u, p: c.auth_login(u, p),
    "login-initial": lambda c, u, p: (
        c.cmd("AUTH LOGIN " + b64(u), 334), c.cmd(b64(p)))[1],
    "lower-case": lambda c, u, p: c.cmd("auth plain " + b64(f"\0{u}\0{p}")),
    "cram-md5": cram,
    "xoauth2": lambda c, u, p: bearer(c, "AUTH XOAUTH2 " + b64(
        f"user={u}\1auth=Bearer {p}\1\1"), ""),
    "oauthbearer": lambda c, u, p: bearer(c, "AUTH OAUTHBEARER " + b64(
        f"n,a={u},\1host=h\1auth=Bearer {p}\1\1"), "AQ=="),
    "opaque": lambda c, u, p: (
        c.cmd("AUTH X-SECRET", 334), c.cmd(b64(u), 334), c.cmd(b64(p)))[2],
}


def test_login_by_each_mechanism_right_and_wrong(mx, greeted, strangers):
    server, front = mx(
        auth_clear="LOGIN PLAIN CRAM-MD5 XOAUTH2 OAUTHBEARER X-SECRET",
        t_535="535 no")
    for count, (name, login) in enumerate(LOGINS.items(), 1):
        source = strangers[count]
        c = greeted(front, source=source)
        assert login(c, "anna", "wrong").code == 535, name
        explained = front.ctl("explain", source, json_out=True)
        assert explained["failures"]["count"] == 1, name
        assert login(c, "anna", "secret").code == 235, name
        c.message(BODY)
        c.quit()
        message = server.wait_for("message", count)
        assert message["user"] == "anna", name
        assert server.octets(message) == BODY
        assert [e["ok"] for e in server.of("auth", conn=count)] == \
            [False, True]
        end = front.wait_event("session", end="quit", src=source)
        assert end["auth"] == "ok" and end["auth_failed"] == 1
        # Opaque answers are not looked into: no name is known.
        assert end.get("user") == (None if name == "opaque" else "anna")


def test_cancelled_and_garbled_logins_are_no_failures(mx, greeted, strangers):
    server, front = mx(t_garbage="501 Syntax error",
                       t_504="504 Mechanism not supported")
    c = greeted(front, source=strangers[0])
    c.cmd("AUTH LOGIN", 334)
    c.cmd("*", 501)
    c.cmd("AUTH PLAIN !!!!", 501)
    c.cmd("AUTH LOGIN", 334)
    c.cmd("QUIT", 334)      # AUT-03: it is an answer, no command
    c.cmd("*", 501)
    c.cmd("AUTH NTLM", 504)
    explained = front.ctl("explain", strangers[0], json_out=True)
    assert explained["failures"]["count"] == 0
    c.auth_plain(code=235)


def test_hidden_auth_is_neither_offered_nor_passed(mx, greeted):
    server, front = mx({"auth": "hide"})
    c = greeted(front)
    assert "AUTH" not in c.ehlo()
    c.auth_plain(code=502)
    c.cmd("AUTH", 502)
    c.message(BODY)
    assert not any(line.startswith("AUTH") for line in server.commands())


def test_auth_only_inside_tls(mx, client, postern, certs, double):
    server = double(auth_clear="LOGIN PLAIN")
    front = postern({"mx": {"auth": "tls", "starttls": "optional"}},
                    [server.address], certificates={"main": certs.rsa})
    c = client(front.ports["mx"])
    c.reply(220)
    assert "AUTH" not in c.ehlo()
    c.auth_plain(code=538)
    c.starttls(certs.client_context())
    assert c.ehlo()["AUTH"].split() == ["LOGIN", "PLAIN"]
    c.auth_plain(code=235)
    assert len(server.of("auth")) == 1


def test_server_without_auth_answers_for_it_here(mx, greeted):
    server, front = mx(auth_clear="none")
    c = greeted(front)
    c.auth_plain(code=502)
    assert not any(line.startswith("AUTH") for line in server.commands())


def test_octets_behind_auth_are_refused(mx, greeted):
    server, front = mx()
    c = greeted(front)
    c.send(b"AUTH PLAIN AGFubmEAc2VjcmV0\r\nMAIL FROM:<a@sender.test>\r\n")
    c.reply(503)
    ended(front, c, "pipelining")
    assert len(server.commands()) == 1


# Lines

@pytest.mark.parametrize("longest", [512, 2048])
def test_command_line_up_to_the_limit_and_no_longer(mx, greeted, longest):
    server, front = mx({"command_longest": longest})
    c = greeted(front)
    fits = "NOOP " + "x" * (longest - 7)
    c.cmd(fits, 250)
    assert server.commands()[-1] == fits
    c.send(fits + "x\r\nNOOP\r\n")
    c.reply(500)
    ended(front, c, "line-too-long")
    assert server.commands()[-1] == fits


def test_endless_line_is_cut_off_early(mx, greeted):
    server, front = mx()
    c = greeted(front)
    with pytest.raises((OSError, Broken)):
        while True:
            c.send(b"x" * 65536)
    c.close()
    end = front.wait_event("session", end="line-too-long")
    assert end["client_bytes"] < 100 and end["duration_ms"] < 5000


def test_line_with_bare_newline_or_nul_ends_the_session(mx, greeted):
    lines = [b"NOOP\nQUIT\r\n", b"RSET\rQUIT\r\n", b"NO\0OP\r\n", b"EHLO a\n",
             b"MAIL FROM:<a@b.test>\0\r\n"]
    server, front = mx()
    for count, line in enumerate(lines, 1):
        c = greeted(front)
        c.send(line + b"NOOP\r\n")
        c.reply(500)
        ended(front, c, "line-bad", count)
        assert len(heard(server, count)) == 1, line


def test_other_protocols_are_closed_at_once(mx, client):
    hellos = [b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n",
              b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
              b"SSH-2.0-x\r\n"]
    server, front = mx()
    for count, hello in enumerate(hellos, 1):
        c = client(front.ports["mx"])
        c.reply(220)
        c.send(hello)
        ended(front, c, "alien", count)
    assert not server.commands()


# Newlines

BARE = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r.\n", b"\n.\r",
        b"\r.\r", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n",
        b"\r\n.\0\r\n"]
FINE = [b"\r\n\0.\r\n", b"\r\n..\r\n", b"\r\n. \r\n",
        b"\r\n.\t\r\n", b"\x85.\x85", b"\x0b.\x0b", b"\xe2\x80\xa8.\xe2\x80"]
SMUGGLED = (b"MAIL FROM:<smuggled@x.test>\r\nRCPT TO:<v@example.test>\r\n"
            b"DATA\r\nSubject: s\r\n\r\nb")


def smuggle(c, ends):
    """The wire form of a message around these octets, in one write."""
    text = b"Subject: x\r\n\r\ntext" + ends + SMUGGLED
    c.envelope()
    c.cmd("DATA", 354)
    c.send(text + b"\r\n.\r\n")
    return text + b"\r\n"


def unstuffed(text):
    return text.replace(b"\r\n.", b"\r\n")


def not_two(server):
    assert not any("smuggled" in line for line in server.commands())


def test_bare_newlines_are_refused_and_nothing_arrives(mx, greeted):
    server, front = mx()
    for count, ends in enumerate(BARE, 1):
        c = greeted(front)
        smuggle(c, ends)
        assert c.reply().code == 550, ends
        ended(front, c, "bare-newline", count)
    server.wait_for("disconnect", len(BARE))
    not_two(server)
    assert not server.messages()


@pytest.mark.parametrize("rule", ["reject", "pass", "normalize"])
def test_message_without_bare_newlines_arrives_as_it_is(mx, greeted, rule):
    server, front = mx({"bare_newline": rule})
    c = greeted(front)
    for ends in FINE:
        text = smuggle(c, ends)
        c.reply(250)
        assert server.octets(server.messages()[-1]) == unstuffed(text), ends
    not_two(server)


def test_bare_newlines_are_made_whole_where_asked_for(mx, greeted):
    server, front = mx({"bare_newline": "normalize"})
    c = greeted(front)
    for ends in BARE:
        text = smuggle(c, ends)
        c.reply(250)
        got = server.octets(server.messages()[-1])
        assert re.sub(rb"\r\n|\r|\n", b"\r\n", got) == got, ends
        # Not a letter is lost and no line but for bare ends is new.
        assert got.replace(b"\r\n", b"").replace(b".", b"") == \
            re.sub(rb"[\r\n.]", b"", text), ends
    not_two(server)
    assert len(server.messages()) == len(BARE)


def test_bare_newlines_pass_where_asked_for(mx, greeted):
    server, front = mx({"bare_newline": "pass"})
    c = greeted(front)
    for ends in BARE:
        text = smuggle(c, ends)
        c.reply(250)
        assert server.octets(server.messages()[-1]) == unstuffed(text), ends
    not_two(server)


def test_end_of_data_may_come_in_any_pieces(mx, greeted):
    server, front = mx()
    c = greeted(front)
    for cut in range(1, 6):
        c.envelope()
        c.cmd("DATA", 354)
        c.send_split(b"text\r\n.\r\n", 3 + cut, 4 + cut)
        c.reply(250)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(b".\r\n")        # EOD-16: of no octets
    c.reply(250)
    assert [server.octets(m) for m in server.messages()] == \
        [b"text\r\n"] * 5 + [b""]


# Received

FIELD = re.compile(
    rb"Received: from (?P<helo>\S+) \(\[(?P<ip>[^\]]+)\]\)\r\n\tby "
    rb"front\.example\.test \(postern\) with (?P<with>\w+) id \w+;\r\n"
    rb"\t\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n")


def received(server, count):
    """The field on top, and what is below it."""
    text = server.octets(server.wait_for("message", count))
    match = FIELD.match(text)
    assert match, text[:300]
    return match, text[match.end():]


def test_received_is_put_on_top_once(mx, greeted, strangers):
    server, front = mx({"received": True}, f_chunking=True,
                       options={"hostname": "front.example.test"})
    c = greeted(front, source=strangers[3])
    c.message(BODY)
    match, rest = received(server, 1)
    assert rest == BODY and b"Received" not in rest
    assert match["ip"].decode() == strangers[3]
    assert match["helo"] == b"client.example.test"
    assert match["with"] == b"ESMTP"
    c.auth_plain(code=235)
    c.message(b".dot\r\n")
    match, rest = received(server, 2)
    assert rest == b".dot\r\n" and match["with"] == b"ESMTPA"
    # BDAT: the first chunk's size is the longer one, the others are as is.
    c.envelope()
    for chunk in (b"BDAT 4\r\nab\r\n", b"BDAT 0\r\n", b"BDAT 2 LAST\r\nc\n"):
        c.send(chunk)
        c.reply(250)
    assert received(server, 3)[1] == b"ab\r\nc\n"
    c.envelope()
    c.send(b"BDAT 0 LAST\r\n")
    c.reply(250)
    assert received(server, 4)[1] == b""


def test_received_takes_no_harm_from_a_strange_name(mx, greeted):
    server, front = mx({"received": True},
                       options={"hostname": "front.example.test"})
    c = greeted(front)
    c.cmd("EHLO x)\tby\x1b[2J (evil; \"\\", 250)
    c.message(BODY)
    match, rest = received(server, 1)
    assert rest == BODY and re.fullmatch(rb"[\w.:?\[\]-]+", match["helo"])

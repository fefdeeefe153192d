"""The double itself, by smtplib and by the octet: no postern in between."""

import hashlib
import re
import smtplib

import pytest

from harness.raw import Broken, Closed

PLAIN = {"auth_clear": "LOGIN PLAIN"}
BASE = [b"domino.example.test Hello x ([127.0.0.1]), pleased to meet you",
        b"HELP", b"SIZE", b"PIPELINING"]
BODY = b"Subject: x\r\n\r\n.one\r\n..two\r\n.\xe4\x00\r\n"


def smtp(server, **more):
    return smtplib.SMTP("127.0.0.1", server.port, timeout=20, **more)


# Dialogue

@pytest.mark.parametrize("given, shape", [
    ({}, r"220 domino\.example\.test ESMTP Service \(HCL Domino Release "
         r"14\.0FP4\) ready at \w{3}, [1-9]\d? \w{3} \d{4} [\d:]{8} [+-]\d{4}"),
    ({"profile": "r5"}, r".*\(Lotus Domino Release 5\.0\.12\) .*"),
    ({"profile": "ibm9", "two_spaces": True}, r"220 domino\.example\.test  "
                                              r"ESMTP Service \(IBM .*"),
    ({"host": ""}, r"220  ESMTP Service .*"),
    ({"banner_lang": "it"}, r".*Lotus Domino Versione.*|.*Domino Versione.*"),
    ({"greeting_custom": "go %s"}, r"220 go \w{3}, .*"),
])
def test_banner_has_the_profiles_shape(double, client, given, shape):
    reply = client(double(**given).port).reply(220)
    assert re.fullmatch(shape, reply.raw.decode().rstrip("\r\n"))


def test_base_ehlo_is_help_size_pipelining_exactly(double):
    with smtp(double()) as s:
        assert s.ehlo("x")[1].split(b"\n") == BASE


def test_ehlo_without_keywords_is_one_line(double, client):
    c = client(double(f_help=False, f_size=False, f_pipelining=False).port)
    c.reply(220)
    assert c.cmd("EHLO x", 250).raw.startswith(b"250 domino")


def test_ehlo_keywords_are_all_there_whatever_the_seed(double):
    on = dict(f_8bit=True, f_dsn=True, f_vrfy=True, f_expn=True, f_etrn=True,
              f_chunking=True, f_xclient=True, starttls="enabled",
              extra_keywords=["X-FOO", "LIMITS RCPTMAX=5"], size_limit=1000)
    orders = set()
    for seed in range(4):
        with smtp(double(seed=seed, **on, **PLAIN)) as s:
            code, text = s.ehlo("x")
            lines = text.split(b"\n")[1:]
            assert lines[0] == b"HELP" and b"SIZE 1000" in lines
            assert b"AUTH LOGIN PLAIN" in lines and len(lines) == 14
            orders.add(text)
    assert len(orders) > 1


@pytest.mark.parametrize("line, wanted", [
    ("EHLO", '501 Command "EHLO" requires an argument'),
    ("HELO", '501 Command "HELO" requires an argument'),
    ("FROP x  y", '502 Command "FROP x  y" not implemented'),
    ("AUTH PLAIN AGEAYg==", '502 Command "AUTH PLAIN AGEAYg==" not '
                            'implemented'),
    ("XCLIENT ADDR=1.2.3.4", '502 Command "XCLIENT ADDR=1.2.3.4" not '
                             'implemented'),
    ("BDAT 5 LAST", '502 Command "BDAT 5 LAST" not implemented'),
    ("STARTTLS", '502 Command "STARTTLS" not implemented'),
    ("VRFY anna", '502 Command "VRFY anna" not implemented'),
    ("RSET", "250 Reset state"),
    ("NOOP", "250 OK"),
    ("QUIT", "221 domino.example.test SMTP Service closing transmission "
             "channel"),
])
def test_replies_are_dominos(double, client, line, wanted):
    c = client(double().port)
    c.reply(220)
    assert c.cmd(line).raw == wanted.encode() + b"\r\n"


def test_help_ends_with_a_space(double, client):
    c = client(double().port)
    c.reply(220)
    assert c.cmd("HELP").raw.endswith(b"\r\n214 HELP \r\n")


def test_bare_lf_ends_no_line(double, client):
    server = double()
    c = client(server.port)
    c.reply(220)
    c.send(b"NOOP\nQUIT\r\n")
    c.reply(502)
    assert server.of("framing") and server.commands() == ["NOOP\nQUIT"]


def test_lax_line_mode_ends_lines_at_anything(double, client):
    server = double(line_mode="lax")
    c = client(server.port)
    c.reply(220)
    c.send(b"NOOP\nNOOP\rNOOP\r\nQUIT\n")
    c.reply(250), c.reply(250), c.reply(250), c.reply(221)


# Messages

@pytest.mark.parametrize("name, end", [
    ("lf.lf", b"\n.\n"), ("lf.crlf", b"\n.\r\n"), ("crlf.lf", b"\r\n.\n"),
    ("cr.cr", b"\r.\r"), ("crlf.nul", b"\r\n.\0"), ("crlf.crcrlf", b"\r\n.\r\r\n")])
def test_lax_end_of_data_is_one_of_those_named(double, client, name, end):
    server = double(data_ends=[name])
    for index in (len(end), 2):
        c = client(server.port)
        c.reply(220)
        c.ehlo()
        c.envelope()
        c.cmd("DATA", 354)
        c.send_split(b"x" + end + b"NOOP\r\n.\r\n", 1 + index)
        c.reply(250), c.reply(250), c.reply(502)
    first = server.octets(server.messages()[0])
    assert first == b"x" + end[:end.index(b".")]
    assert len(server.messages()) == 2


def test_message_is_stored_octet_for_octet(double, client):
    server = double()
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    c.message(BODY)
    event = server.wait_for("message")
    assert server.octets(event) == BODY
    assert event["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert event["recipients"] == ["anna@example.test"]
    c.message(b"")
    assert server.wait_for("message", count=2)["octets"] == 0
    c.quit()
    assert server.wait_for("disconnect")["why"] == "quit"


@pytest.mark.parametrize("body", [BODY, b".\r\n..\r\n...\r\n", b"\r\n\r\n",
                                  b"a\r\n.\n.\r\r\n.\r.\r\nb\r\n",
                                  b"a\n.\r\nb\n.\nc\r.\r\nd\r\n"])
def test_end_is_found_at_any_split(double, client, body):
    server = double(idle_s=20)
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    c.envelope()
    c.cmd("DATA", 354)
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    stuffed = b"." + stuffed if body.startswith(b".") else stuffed
    c.trickle(stuffed + b".\r\nNOOP\r\n", pause_s=0.001)
    c.reply(250)
    assert c.reply(250).text == "OK"
    assert server.octets(server.messages()[0]) == body


def test_end_behind_a_long_line_is_found_at_any_split(double, client):
    server = double()
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    for index, offset in enumerate(range(5000, 5008)):
        c.envelope()
        c.cmd("DATA", 354)
        c.send_split(b"x" * 5000 + b"\r\n..\r\n.\r\n", offset)
        c.reply(250)
        event = server.wait_for("message", count=index + 1)
        assert server.octets(event) == b"x" * 5000 + b"\r\n.\r\n"


def test_large_message_keeps_its_sum(double):
    server = double()
    body = (b".dots and \xe4\r\n" + b"y" * 70 + b"\r\n") * 100000 + \
        b"z" * 300000 + b"\r\n"
    with smtp(server) as s:
        s.sendmail("a@s.test", ["anna@example.test"], body)
    assert server.messages()[0]["sha256"] == hashlib.sha256(body).hexdigest()


def test_bdat_counts_and_scans_nothing(double, client):
    server = double(f_chunking=True)
    c = client(server.port)
    c.reply(220)
    assert "CHUNKING" in c.ehlo()
    c.envelope()
    c.send(b"BDAT 9\r\na\r\n.\r\nQUI")
    c.reply(250)
    c.send(b"BDAT 0\r\nBDAT 3 LAST\r\nT\r\n")
    c.reply(250), c.reply(250)
    assert server.octets(server.wait_for("message")) == b"a\r\n.\r\nQUIT\r\n"


def test_client_that_leaves_in_mid_message_leaves_none(double, client):
    server = double()
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    c.envelope()
    c.cmd("DATA", 354)
    c.send(b"half\r\n.\r")
    c.close()
    assert server.wait_for("partial")["ended"] in ("eof", "reset")
    assert not server.messages()


def test_pipelined_commands_are_answered_in_order(double, client):
    server = double(chunks="coalesced")
    c = client(server.port)
    c.reply(220)
    c.send(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@foreign.test>\r\n"
           b"RCPT TO:<anna@example.test>\r\nDATA\r\n")
    codes = [c.reply().code for _ in range(5)]
    assert codes == [250, 250, 554, 250, 354]


@pytest.mark.parametrize("chunks", ["whole", "line", "byte", "crlf",
                                    "coalesced"])
def test_replies_are_the_same_however_cut(double, chunks):
    with smtp(double(chunks=chunks)) as s:
        assert s.ehlo("x")[1].split(b"\n") == BASE
        assert s.noop()[0] == 250


@pytest.mark.parametrize("given, codes", [
    ({}, (250, 554, 250)),
    ({"relay_from": ["127.0.0.1"]}, (250, 250, 250)),
    ({"local_users": ["bert@example.test"]}, (250, 554, 550)),
    ({"access": "denied_at_mail"}, (554, 503, 503)),
    ({"access": "denied_at_rcpt"}, (250, 554, 554)),
    ({"deny_from": ["a@b.test"]}, (554, 503, 503)),
])
def test_refusals(double, client, given, codes):
    c = client(double(**given).port)
    c.reply(220)
    c.ehlo()
    got = [c.cmd("MAIL FROM:<a@b.test>").code,
           c.cmd("RCPT TO:<x@foreign.test>").code,
           c.cmd("RCPT TO:<anna@example.test>").code]
    assert tuple(got) == codes
    c.cmd("QUIT", 221)


def test_size_limit_is_held_at_mail_and_at_the_dot(double, client):
    server = double(size_limit=100)
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    c.cmd("MAIL FROM:<a@b.test> SIZE=101", 552)
    c.envelope()
    c.data(b"x" * 200 + b"\r\n", 552)
    assert not server.messages()


def test_error_limit_is_421_and_the_end(double, client):
    c = client(double(error_limit=2).port)
    c.reply(220)
    for _ in range(3):
        c.cmd("FROP", 502)
    c.reply(421)
    c.expect_closed()


# Login

@pytest.mark.parametrize("mech", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_smtplib_logs_in(double, mech):
    server = double(auth_clear=mech, users={"Anna Bo/ACME": "sé cret"
                                            if mech != "CRAM-MD5" else "x"})
    secret = next(iter(["x"] if mech == "CRAM-MD5" else ["sé cret"]))
    with smtp(server) as s:
        s.ehlo()
        s.user, s.password = "anna bo/acme", secret
        method = {"PLAIN": s.auth_plain, "LOGIN": s.auth_login,
                  "CRAM-MD5": s.auth_cram_md5}[mech]
        if mech == "CRAM-MD5":
            assert s.auth(mech, method)[0] == 235
            assert s.docmd("AUTH " + mech)[0] == 503
            return
        # smtplib speaks ASCII only; the octets are what counts.
        s.close()
    c_ok(server, mech, "anna bo/acme", secret)


def c_ok(server, mech, user, secret):
    from harness.raw import Client
    import base64
    with Client(server.port) as c:
        c.reply(220)
        c.ehlo()
        if mech == "PLAIN":
            token = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
            c.cmd("AUTH PLAIN " + token, 235)
        else:
            c.auth_login(user, secret, 235)
    assert server.of("auth", ok=True, user=user, secret=secret)


@pytest.mark.parametrize("lines", [
    ["AUTH XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHNlY3JldAEB", 235],
    ["AUTH XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIG5vAQE=", 334, "", 535],
    ["AUTH OAUTHBEARER bixhPWFubmEsAWF1dGg9QmVhcmVyIHNlY3JldAEB", 235],
    ["AUTH OAUTHBEARER bixhPWFubmEsAWF1dGg9QmVhcmVyIG5vAQE=", 334, "AQ==",
     535],
    ["AUTH X-FOO", 334, "YW5uYQ==", 334, "c2VjcmV0", 235],
    ["AUTH X-FOO YW5uYQ==", 334, "bm8=", 535],
    ["AUTH PLAIN", 334, "AGFubmEAc2VjcmV0", 235],
    ["AUTH LOGIN YW5uYQ==", 334, "c2VjcmV0", 235],
    ["AUTH LOGIN", 334, "*", 501],
    ["AUTH PLAIN =", 501],
    ["AUTH PLAIN !!!!", 501],
    ["AUTH", 501],
    ["AUTH NTLM", 504],
])
def test_auth_dialogues(double, client, lines):
    server = double(auth_clear="LOGIN PLAIN XOAUTH2 OAUTHBEARER X-FOO",
                    t_garbage="501 no", t_504="504 no")
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    for text, code in zip(lines[::2], lines[1::2]):
        c.cmd(text, code)
    c.cmd("NOOP", 250)
    finals = [e["ok"] for e in server.of("auth")]
    assert finals == [lines[-1] == 235] * (lines[-1] in (235, 535))


def test_all_535_texts_are_drawn_and_parse(double, client):
    texts = set()
    for seed in range(12):
        c = client(double(seed=seed, **PLAIN).port)
        c.reply(220)
        c.ehlo()
        texts.add(c.auth_plain(password="no", code=535).raw)
    assert len(texts) >= 4


@pytest.mark.parametrize("how", ["yes", "fin_before_reply_read", "rst"])
def test_close_after_535(double, client, how):
    c = client(double(close_after_535=how, t_535="535 no", **PLAIN).port)
    c.reply(220)
    c.ehlo()
    if how == "rst":
        c.line("AUTH PLAIN AGFubmEAbm8=")
        with pytest.raises(Closed):
            c.reply(535), c.reply()
        return
    c.auth_plain(password="no", code=535)
    assert c.expect_closed() == b""


def test_ip_lockout_refuses_the_right_password_too(double, client):
    server = double(ip_lockout=2, **PLAIN)

    def login(source, password):
        c = client(server.port, source=source)
        c.reply(220)
        c.ehlo()
        return c.auth_plain(password=password).code
    assert [login("127.0.1.1", "no"), login("127.0.1.1", "no"),
            login("127.0.1.1", "secret"), login("127.0.1.2", "secret")] == \
        [535, 535, 535, 235]


def test_user_lockout_hits_every_address(double, client):
    server = double(user_lockout=1, users={"anna": "a", "bert": "b"}, **PLAIN)
    for source, user, password, code in (
            ("127.0.1.1", "anna", "no", 535), ("127.0.1.2", "anna", "a", 535),
            ("127.0.1.2", "bert", "b", 235)):
        c = client(server.port, source=source)
        c.reply(220)
        c.ehlo()
        c.auth_plain(user, password, code)


def test_console_lines_are_dominos(double, client):
    server = double(log_stamp="none", **PLAIN)
    c = client(server.port, source="127.0.3.4")
    c.reply(220)
    c.ehlo()
    c.auth_plain("bad hacker", "no", 535)
    c.auth_plain(code=235)
    c.quit()
    server.wait_for("disconnect")
    server.wait_log("disconnected")
    assert server.log().splitlines()[1:] == [
        "SMTP Server: 127.0.3.4 connected",
        "SMTP Server: Authentication failed for user bad hacker ; connecting "
        "host 127.0.3.4",
        "smtp: bad hacker [127.0.3.4] authentication failure using internet "
        "password",
        "SMTP Server: Authentication succeeded for user anna; connecting "
        "host 127.0.3.4",
        "SMTP Server: 127.0.3.4 disconnected. 0 message[s] received"]


# TLS

def test_starttls_forgets_and_hides_itself(double, client, certs):
    server = double(starttls="required", auth_tls="PLAIN",
                    mail_without_helo=False)
    c = client(server.port)
    c.reply(220)
    assert "STARTTLS" in c.ehlo()
    assert c.cmd("MAIL FROM:<a@b.test>").code in (530, 554)
    c.starttls(certs.client_context())
    c.cmd("MAIL FROM:<a@b.test>", 503)
    words = c.ehlo()
    assert "STARTTLS" not in words and words["AUTH"] == "PLAIN"
    c.auth_plain(code=235)
    tls = server.wait_for("tls")
    assert tls["version"] == "TLSv1.2" and tls["clear_behind"] == ""
    assert tls["sni"] == "mail.example.test"


def test_clear_octets_behind_starttls_are_seen(double, client, certs):
    server = double(starttls="enabled")
    c = client(server.port)
    c.reply(220)
    c.send(b"STARTTLS\r\nNOOP\r\n")
    c.reply(220)
    c.wrap(certs.client_context())
    c.cmd("EHLO x", 250)
    assert server.wait_for("tls")["clear_behind"] == "NOOP\r\n"


def test_implicit_tls_and_a_big_message(double, certs):
    server = double(tls_port=True, auth_tls="PLAIN")
    body = b"x" * 78 + b"\r\n"
    context = certs.client_context(verify=False)
    with smtplib.SMTP_SSL("127.0.0.1", server.tls_port, context=context) as s:
        s.login("anna", "secret")
        s.sendmail("a@s.test", ["anna@example.test"], body * 50000)
    assert server.messages()[0]["octets"] == 80 * 50000


# Faults: one line each says what the client must meet.

def gone(c):
    with pytest.raises(Closed):
        c.reply()


@pytest.mark.parametrize("fault, check", [
    ("close-before=connect", gone),
    ("reset-before=connect", gone),
    ("close-after=connect", lambda c: (c.reply(220), gone(c))),
    ("421=connect", lambda c: (c.reply(421), gone(c))),
    ("421-stay=connect", lambda c: (c.reply(421), c.cmd("NOOP", 250))),
    ("reply=noop:354 go", lambda c: (c.reply(220), c.cmd("NOOP", 354))),
    ("reply=noop:250 x#1", lambda c: (c.reply(220), c.cmd("NOOP"),
                                      c.cmd("NOOP", 250).text == "OK")),
    (r"raw=noop:250 ok\n250 x\r\n", lambda c: (c.reply(220),
                                               c.cmd("NOOP", 250))),
    ("close-in-reply=noop:2", lambda c: (c.reply(220), c.line("NOOP"),
                                         gone(c), c.buf == b"25" or 1 / 0)),
    ("extra=noop:250 more", lambda c: (c.reply(220), c.cmd("NOOP", 250),
                                       c.reply(250).text == "more"
                                       or 1 / 0)),
    ("greet-twice", lambda c: (c.reply(220), c.reply(220))),
    ("drip=1", lambda c: (c.reply(220), c.cmd("NOOP", 250))),
    ("delay=noop:50", lambda c: (c.reply(220), c.cmd("NOOP", 250))),
    ("stall=noop", lambda c: (c.reply(220), c.line("NOOP"),
                              c.silent(0.1) or 1 / 0)),
    ("long-line=noop:5000", lambda c: (
        c.reply(220), len(c.cmd("NOOP", 250).raw) == 5000 or 1 / 0)),
    ("half-close-after=noop", lambda c: (c.reply(220), c.cmd("NOOP", 250),
                                         gone(c))),
    ("stop-reading=noop", lambda c: (c.reply(220), c.cmd("NOOP", 250),
                                     c.line("NOOP"),
                                     c.silent(0.1) or 1 / 0)),
    ("endless=noop", lambda c: (c.reply(220), c.line("NOOP"),
                                [c.read_line() for _ in range(5000)])),
])
def test_fault_in_a_reply(double, client, fault, check):
    check(client(double(faults=[fault]).port))


@pytest.mark.parametrize("fault, stored, wanted", [
    ("reply=dot:451 later", 0, [451]),
    ("say=dot:250 2.0.0 yes", 1, [250]),
    ("421=dot", 0, [421, None]),
    ("close-before=dot", 0, [None]),
    ("close-after=dot", 1, [250, None]),
    ("early=1000:552 no", 0, [552]),
    ("early-close=1000", 0, [552, None]),
    ("premature=10", 1, [250]),
    ("premature-354", 1, [250, 250]),
    ("close-in-body=1000", 0, [None]),
    ("reset-in-body=1000", 0, [None]),
    ("slow-body=100000", 1, [250]),
])
def test_fault_in_a_message(double, client, fault, stored, wanted):
    server = double(faults=[fault])
    c = client(server.port)
    c.reply(220)
    c.ehlo()
    c.envelope()
    c.cmd("DATA", 354)
    try:
        c.send(b"x" * 5000 + b"\r\n.\r\n")
    except OSError:
        assert None in wanted
    for code in wanted:
        if code:
            c.reply(code)
        else:
            gone(c)
    if stored:
        server.wait_for("message")
    c.close()
    server.wait_for("disconnect")
    assert len(server.messages()) == (1 if stored else 0)


@pytest.mark.parametrize("fault, behind", [
    ("starttls-inject", b"250-injected\r\n250 AUTH LOGIN XCLIENT\r\n"),
    ("starttls-partial", b"250-XCLI"),
])
def test_clear_replies_behind_starttls(double, client, certs, fault, behind):
    c = client(double(starttls="enabled", faults=[fault]).port)
    c.reply(220)
    c.cmd("STARTTLS", 220)
    assert c.buf == behind
    c.buf = b""
    c.wrap(certs.client_context())
    c.cmd("NOOP", 250)


def test_clear_first_comes_before_tls(double, client):
    server = double(tls_port=True, faults=["clear-first"])
    c = client(server.tls_port)
    assert c.reply(220).text == "fake"


def test_control_changes_a_running_double(double, client):
    server = double()
    c = client(server.port)
    c.reply(220)
    server.fault("reply=noop:451 no")
    c.cmd("NOOP", 451)
    server.clear_faults()
    server.set("t_noop", "250 other")
    assert c.cmd("NOOP", 250).text == "other"
    server.listen(False)
    with pytest.raises(ConnectionRefusedError):
        client(server.port)
    server.listen(True)
    client(server.port).reply(220)
    with pytest.raises(AssertionError, match="no fault"):
        server.order("fault frop=1")


def test_wrong_parameter_is_told(double):
    with pytest.raises(AssertionError, match="close_after_535: one of"):
        double(close_after_535="maybe")


def test_idle_ends_the_session(double, client):
    server = double(idle_s=1, idle_form="421")
    c = client(server.port)
    c.reply(220)
    c.reply(421)
    gone(c)
    assert server.wait_for("disconnect")["why"] == "idle"


def test_raw_client_sees_a_broken_reply(double, client):
    c = client(double(faults=["reply=noop:22X no"]).port)
    c.reply(220)
    with pytest.raises(Broken):
        c.cmd("NOOP")

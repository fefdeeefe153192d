"""What counts as a failed login, and the tricks of those who want it not to.

A guess counts when it was put to the test, whatever the server's words are and
however the client leaves. What is no guess does not count.
"""

import base64
import hashlib
import hmac

import pytest

import attack
from attack import at_once, counted, greeted, guess, guesses, reached
from harness import wait
from harness.raw import Broken

LIMIT = 5
MECHANISMS = "LOGIN PLAIN CRAM-MD5 XOAUTH2 OAUTHBEARER X-OTHER"


def b64(text):
    if isinstance(text, str):
        text = text.encode()
    return base64.b64encode(text).decode()


@pytest.fixture
def pair(double, postern):
    """pair(**of the double): it, and postern's port in front of it."""
    def start(limit=None, listener=None, certs=None, **server):
        server.setdefault("t_535", "535 5.7.8 no")
        behind = double(auth_clear=MECHANISMS, auth_tls=MECHANISMS, **server)
        front = postern({"mx": listener or {}}, [behind.address],
                        certificates=certs,
                        options={"source_limit": {
                            "delay": "0s", "failures": LIMIT, "hold": "50ms",
                            **(limit or {})},
                            # The same guess in each wording and mechanism.
                            "refused_pair": {"mode": "off"},
                            "banned": {"answer": "close"}})
        return behind, front
    return start


# How a login is made

def plain(c, user, secret):
    return c.auth_plain(user, secret)


def plain_asked(c, user, secret):
    c.cmd("AUTH PLAIN", 334)
    return c.cmd(b64(f"\0{user}\0{secret}"))


def login(c, user, secret):
    return c.auth_login(user, secret)


def login_at_once(c, user, secret):
    c.cmd("AUTH LOGIN " + b64(user), 334)
    return c.cmd(b64(secret))


def lower_case(c, user, secret):
    return c.cmd("auth plain " + b64(f"\0{user}\0{secret}"))


def cram_md5(c, user, secret):
    challenge = base64.b64decode(c.cmd("AUTH CRAM-MD5", 334).lines[0])
    digest = hmac.new(secret.encode(), challenge, hashlib.md5).hexdigest()
    return c.cmd(b64(f"{user} {digest}"))


def xoauth2(c, user, secret):
    c.cmd("AUTH XOAUTH2 " + b64(f"user={user}\1auth=Bearer {secret}\1\1"),
          334)
    return c.cmd("")


def oauthbearer(c, user, secret):
    c.cmd("AUTH OAUTHBEARER " +
          b64(f"n,a={user},\1auth=Bearer {secret}\1\1"), 334)
    return c.cmd(b64("\1"))


def opaque(c, user, secret):
    c.cmd("AUTH X-OTHER", 334)
    c.cmd(b64(user), 334)
    return c.cmd(b64(secret))


LOGINS = [plain, plain_asked, login, login_at_once, lower_case, cram_md5,
          xoauth2, oauthbearer, opaque]


def test_every_mechanism_counts_once(pair, strangers):
    server, front = pair()
    counts, port = {}, front.ports["mx"]
    for how, source in zip(LOGINS, strangers):
        with greeted(port, source) as c:
            assert how(c, "anna", "wrong").code == 535, how
        counts[how.__name__] = counted(front, source)
    assert counts == {how.__name__: 1 for how in LOGINS}


def test_every_mechanism_is_limited(pair, strangers):
    server, front = pair()
    counts, port = {}, front.ports["mx"]
    for how, source in zip(LOGINS, strangers):
        before = len(reached(server))
        with pytest.raises((Broken, OSError)):
            for n in range(20):
                with greeted(port, source) as c:
                    how(c, "anna", f"wrong-{n}")
        counts[how.__name__] = len(reached(server)) - before
    assert counts == {how.__name__: LIMIT for how in LOGINS}


WORDS_535 = ["535 Authentication failed", "535", "535 ",
             r"535-Authentication failed\n535 Contact your administrator",
             r"535-\n535-\n535", "535 Anmeldung fehlgeschlagen \xfc",
             "535 5.7.8 Error: authentication failed",
             "535 250 OK 235 Authentication successful"]


def test_every_wording_of_535_counts_once(pair, strangers):
    server, front = pair()
    counts, port = {}, front.ports["mx"]
    for words, source in zip(WORDS_535, strangers):
        server.set("t_535", words)
        assert guess(port, source) == 535, words
        counts[words] = counted(front, source)
    assert counts == {words: 1 for words in WORDS_535}


def test_a_535_in_pieces_counts_once(pair, strangers):
    server, front = pair(t_535=r"535-one\n535-two\n535 three")
    port = front.ports["mx"]
    for chunks, source in zip(("line", "byte", "crlf", "coalesced"),
                              strangers):
        server.set("chunks", chunks)
        assert guess(port, source) == 535, chunks
        assert counted(front, source) == 1, chunks


@pytest.mark.parametrize("close", ["yes", "fin_before_reply_read", "rst"])
def test_a_server_that_leaves_behind_its_535_counts(pair, strangers, close):
    server, front = pair(close_after_535=close)
    codes = guesses(front.ports["mx"], strangers[0], 20)
    attack.settled(front)
    assert len(reached(server)) == LIMIT
    # The first may have been let in before its worker knew of the ban.
    assert codes[LIMIT] in (None, 421)
    assert codes[LIMIT + 1:] == [None] * (19 - LIMIT)
    assert attack.explain(front, strangers[0])["banned"]


def test_what_is_no_failed_login_does_not_count(pair, strangers):
    server, front = pair()
    port = front.ports["mx"]

    def case(source, talk, *faults):
        for fault in faults:
            server.fault(fault)
        with greeted(port, source) as c:
            code = talk(c).code
        server.clear_faults()
        return code, counted(front, source)

    def cancel_plain(c):
        c.cmd("AUTH PLAIN", 334)
        return c.cmd("*")

    def cancel_login(c):
        c.cmd("AUTH LOGIN", 334)
        c.cmd(b64("anna"), 334)
        return c.cmd("*")

    def mail(c):
        return c.cmd("MAIL FROM:<a@sender.test>")

    def right(c):
        return c.auth_plain("anna", "secret")

    def wrong(c):
        return c.auth_plain("anna", "wrong")
    cases = {
        "454": (wrong, 454, "say=auth-final:454 4.7.0 later"),
        "421": (wrong, 421, "421=auth-final"),
        "cancel of PLAIN": (cancel_plain, 501),
        "cancel of LOGIN": (cancel_login, 501),
        "502": (wrong, 502, "reply=auth-final:502 not implemented"),
        "503": (wrong, 503, "reply=auth-final:503 not now"),
        "504": (lambda c: c.cmd("AUTH X-NONE"), 504),
        "535 to MAIL": (mail, 535, "reply=mail:535 5.7.8 no"),
        "535 to NOOP": (lambda c: c.cmd("NOOP"), 535, "reply=noop:535 no"),
        "success": (right, 235),
    }
    server.set("t_504", "504 what?")
    found = {name: case(source, talk, *faults)
             for (name, (talk, _, *faults)), source
             in zip(cases.items(), strangers)}
    assert found == {name: (code, 0)
                     for name, (_, code, *_) in cases.items()}


def test_a_success_forgives_that_user_only(pair, strangers):
    server, front = pair(users={"anna": "secret", "ben": "key"})
    port, source = front.ports["mx"], strangers[0]
    guess(port, source, "anna", "old")
    guess(port, source, "ben", "old")
    assert counted(front, source) == 2
    assert guess(port, source, "ben", "key") == 235
    assert counted(front, source) == 1


def test_the_same_secret_counts_once(pair, strangers):
    server, front = pair(limit={"failures": 3})
    port = front.ports["mx"]
    # From many connections, so that all workers see it.
    assert at_once([lambda: guess(port, strangers[0], "anna", "old")
                    for _ in range(12)]) == [535] * 12
    assert counted(front, strangers[0]) == 1
    # It is one of that user: with another name it is another guess.
    guess(port, strangers[0], "ben", "old")
    assert counted(front, strangers[0]) == 2


# Tricks

def send_and(c, line, then):
    c.line(line)
    getattr(c, then)()


def trick_close(c, n):
    send_and(c, "AUTH PLAIN " + b64(f"\0anna\0g{n}"), "close")


def trick_reset(c, n):
    send_and(c, "AUTH PLAIN " + b64(f"\0anna\0g{n}"), "reset")


def trick_half_close(c, n):
    send_and(c, "AUTH PLAIN " + b64(f"\0anna\0g{n}"), "half_close")
    c.expect_closed()


def trick_login_close(c, n):
    c.cmd("AUTH LOGIN", 334)
    c.cmd(b64("anna"), 334)
    send_and(c, b64(f"g{n}"), "close")


def trick_more_behind(c, n):
    """A command behind the secret, in the same segment."""
    c.send("AUTH PLAIN " + b64(f"\0anna\0g{n}") + "\r\nNOOP\r\n")
    c.expect_closed()


def trick_more_later(c, n):
    """The same in the next segment, before the reply."""
    c.line("AUTH PLAIN " + b64(f"\0anna\0g{n}"))
    c.line("NOOP")
    c.reply()
    c.expect_closed()


def trick_bad_line_later(c, n):
    c.line("AUTH PLAIN " + b64(f"\0anna\0g{n}"))
    c.send(b"\0\n\r\n")
    c.reply()
    c.expect_closed()


def trick_no_padding(c, n):
    c.cmd("AUTH PLAIN " + b64(f"\0anna\0guess{n:03}").rstrip("="))


def trick_authzid(c, n):
    c.cmd("AUTH PLAIN " + b64(f"user{n}\0anna\0g{n}"), 535)


TRICKS = [trick_close, trick_reset, trick_half_close, trick_login_close,
          trick_more_behind, trick_more_later, trick_bad_line_later,
          trick_no_padding, trick_authzid]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda t: t.__name__)
def test_no_trick_brings_more_to_the_server(pair, strangers, trick):
    server, front = pair(delay_auth=10)
    tried = 0
    for n in range(200):
        try:
            with greeted(front.ports["mx"], strangers[0]) as c:
                tried += 1
                trick(c, n)
        except (Broken, OSError):
            if attack.explain(front, strangers[0])["banned"]:
                break
    attack.settled(front)
    assert tried >= LIMIT
    assert len(reached(server)) <= LIMIT
    if reached(server):
        assert attack.explain(front, strangers[0])["banned"]


def test_leaving_without_waiting_brings_5_of_200(pair, strangers):
    server, front = pair(delay_auth=50)
    port = front.ports["mx"]

    def leave(n):
        try:
            trick_close(greeted(port, strangers[0]), n)
        except (Broken, OSError):
            pass
    at_once([lambda k=k: [leave(k * 10 + n) for n in range(10)]
             for k in range(20)])
    attack.settled(front)
    assert len(reached(server)) == LIMIT
    assert attack.explain(front, strangers[0])["banned"]
    assert guess(port, strangers[1], secret="secret") == 235


def cancelled(c, n):
    assert c.cmd("*").code in (501, 535)


def left(c, n):
    c.close()


def broken_off(c, n):
    c.send(b"\n\r\n")
    c.expect_closed()


def answered_twice(c, n):
    c.send(b"=\r\n=\r\n")
    c.expect_closed()


def no_base64(c, n):
    assert c.cmd("!").code in (501, 535)


@pytest.mark.parametrize("end", [cancelled, no_base64, left, broken_off,
                                 answered_twice], ids=lambda t: t.__name__)
def test_a_secret_that_was_judged_by_a_334_counts(pair, strangers, end):
    # XOAUTH2 tells that the secret is wrong by a challenge: whoever has seen
    # it knows, and must not get away by ending the exchange in his own way.
    server, front = pair()
    tried = 0
    for n in range(30):
        text = b64(f"user=anna\1auth=Bearer g{n}\1\1")
        try:
            with greeted(front.ports["mx"], strangers[0]) as c:
                c.cmd("AUTH XOAUTH2 " + text, 334)
                tried += 1
                end(c, n)
        except (Broken, OSError):
            if attack.explain(front, strangers[0])["banned"]:
                break
    attack.settled(front)
    heard = [line for line in server.commands() if "XOAUTH2" in line]
    assert len(heard) == tried == LIMIT


@pytest.mark.parametrize("how", [plain, plain_asked, login, login_at_once],
                         ids=lambda t: t.__name__)
@pytest.mark.parametrize("octets", [130, 300])
def test_long_names_are_not_one_user(pair, strangers, how, octets):
    # They must not pass for the name in front of them, nor for one another.
    server, front = pair()
    with greeted(front.ports["mx"], strangers[0]) as c:
        assert how(c, "anna", "same").code == 535
        with pytest.raises((Broken, OSError)):
            for n in range(30):
                how(c, "a" * octets + str(n), "same")
    assert len(reached(server)) == LIMIT


def test_guesses_inside_tls_count_however_they_end(pair, strangers, certs):
    server, front = pair(listener={"starttls": "optional"},
                         certs={"one": certs.rsa}, delay_auth=10)
    context = certs.client_context()

    def one(n, end):
        with greeted(front.ports["mx"], strangers[0]) as c:
            c.starttls(context)
            c.ehlo()
            c.line("AUTH PLAIN " + b64(f"\0anna\0g{n}"))
            if end == "garbage":    # clear octets within TLS
                raw = c.sock.detach()
                import socket
                with socket.socket(fileno=raw) as sock:
                    sock.sendall(b"garbage" * 10)
            elif end == "reset":
                c.reset()
    for n in range(30):
        try:
            one(n, ("close", "reset", "garbage")[n % 3])
        except (Broken, OSError):
            break
    attack.settled(front)
    assert len(reached(server)) <= LIMIT
    wait.until(lambda: attack.explain(front, strangers[0])["banned"], "ban")

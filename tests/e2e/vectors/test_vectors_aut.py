"""AUT-: logins. What counts, what passes, and what is left behind."""

import base64
import hashlib
import hmac
import pathlib
import statistics
import tempfile
import time

import pytest

from harness.raw import Closed
from liar import Liar
from stage import closed
from ways import WHOLE

MECHANISMS = "LOGIN PLAIN CRAM-MD5"
ANSWER_LONGEST = 12288      # answer_longest by default, CRLF included


def b64(text):
    if isinstance(text, str):
        text = text.encode("latin-1")
    return base64.b64encode(text)


def outcomes(stage):
    """Settled logins by outcome, when none is under way."""
    def look():
        logins = stage.status()["logins"]
        return logins if logins.pop("under_way") == 0 else None
    return stage.front.wait_until(look, "all logins settled")


class Counted:
    """The outcomes that a test brought about."""

    def __init__(self, stage):
        self.stage = stage
        self.before = outcomes(stage)

    def since(self):
        now = outcomes(self.stage)
        return {name: now[name] - self.before[name] for name in now
                if now[name] != self.before[name]}


def test_AUT_01_a_right_login_passes_and_is_seen(stage):
    counted = Counted(stage)

    def case(way):
        with stage.greeted() as c:
            assert way.send(c, b"AUTH PLAIN A", after=b64(
                "\0anna\0secret")[1:] + b"\r\n")
            c.reply(235)
            c.quit()
    results = stage.play(case, b"AUTH PLAIN A")
    assert counted.since() == {"ok": len(results)}


def test_AUT_01_success_forgives_what_was_counted(stage, strangers):
    source = strangers[0]
    with stage.greeted(source=source) as c:
        c.auth_plain(password="wrong", code=535)
        assert explained(stage, source)["failures"]["count"] == 1
        c.auth_plain(code=235)
        c.quit()
    assert explained(stage, source)["failures"]["count"] == 0


def explained(stage, source):
    return stage.front.ctl("explain", source, json_out=True)


@pytest.mark.parametrize("behind", [1, 2])
def test_AUT_02_a_cancelled_login_is_not_counted(stage, behind):
    counted = Counted(stage)

    def case(way):
        with stage.greeted() as c:
            c.cmd("AUTH LOGIN", 334)
            if behind == 2:
                c.cmd(b64("anna"), 334)
            assert way.send(c, b"*\r\n")
            c.reply(501)
            c.cmd("NOOP", 250)
            c.quit()
    stage.play(case, b"*\r\n")
    assert "failed" not in counted.since()


@pytest.mark.parametrize("line", [b"QUIT", b"STARTTLS", b"RSET",
                                  b"MAIL FROM:<inj@b.test>"])
def test_AUT_03_commands_as_answers_are_answers(stage, line):
    def case(way):
        with stage.greeted("tls") as c:
            c.cmd("AUTH LOGIN", 334)
            assert way.send(c, line + b"\r\n")
            assert c.reply().code in (334, 501, 535)
            c.send(b"*\r\n")        # an answer, or a bad command
            assert c.reply().code >= 500
            c.cmd("NOOP", 250)
            c.quit()
    stage.play(case, line + b"\r\n")
    assert line.decode() not in stage.server.commands() or line == b"QUIT"
    answers = [e["line"] for e in stage.server.of("answer")]
    assert line.decode() in answers


@pytest.mark.parametrize("line", [b"AUTH PLAIN =", b"AUTH LOGIN =",
                                  b"AUTH PLAIN ", b"AUTH", b"AUTH ",
                                  b"AUTH =", b"AUTH  PLAIN =", b"AUTHPLAIN x"])
def test_AUT_04_empty_and_missing_responses_are_the_servers(stage, line):
    def case(way):
        with stage.greeted() as c:
            assert way.send(c, line + b"\r\n")
            reply = c.reply()
            if reply.code == 334:
                c.send(b"*\r\n")
                reply = c.reply()
            assert reply.code in (500, 501, 502, 504, 535), reply
            c.cmd("NOOP", 250)
            c.quit()
    stage.play(case, line + b"\r\n")


ODD_PLAIN = [b"YQBiAGMAZA==", b"anVzdHVzZXI=", b"AAA=",
             b"YWRtaW4AdXNlcgBwYXNz", b"AHVzZXIAcGEAc3M="]


@pytest.mark.parametrize("token", ODD_PLAIN)
def test_AUT_05_odd_plain_messages_pass_as_they_are(stage, token, strangers):
    source = strangers[10 + ODD_PLAIN.index(token)]

    def case(way):
        with stage.greeted(source=source) as c:
            assert way.send(c, token, b"AUTH PLAIN ", b"\r\n")
            assert c.reply().code in (501, 535)
            c.quit()
    stage.play(case, token)
    assert f"AUTH PLAIN {token.decode()}" in stage.heard("AUTH PLAIN")
    users = {e.get("user") for e in stage.front.events("auth-failed")
             if e.get("src") == source}
    # The authcid, or nobody: never the authzid, never a mix.
    assert users <= {"user", None, "", "unknown"}, users


NAMES = ["\x1b[2J\x1b]0;pwn\x07root", "u\r\nRCPT TO:<x@y.test>",
         "x\n ip=203.0.113.7 event=ban", "adm\u202enimda", " ",
         "q\"u\\o'te", "%n%s", "\u2028line", "\x9b31m"]


@pytest.mark.parametrize("name", NAMES)
def test_AUT_06_user_names_are_escaped_and_ban_nobody_else(stage, name,
                                                           strangers):
    """The rule U behind it looks for raw octets and broken lines."""
    source = strangers[20 + NAMES.index(name)]
    for guess in range(6):
        token = b64(b"\0" + name.encode() + b"\0p%d" % guess)
        with stage.greeted(source=source) as c:
            c.cmd(b"AUTH PLAIN " + token, 535)
            c.quit()
    # Repeats are limited in the log: it may say the sixth as `suppressed`.
    stage.front.wait_event("auth-failed", count=5, src=source)
    assert explained(stage, source)["failures"]["count"] == 6
    assert explained(stage, "203.0.113.7")["failures"]["count"] == 0
    assert not stage.heard("RCPT TO:<x@y.test>")


JUNK = [b"!!!!", b"A", b"A===", b"AHVz ZXI=", b"AHVzZX", b"AHVzZXIAcGFzcw",
        b"AHVzZXIAcGFzcw==junk", b"====", b"\xff\xfe", b"AHVzZXIAcGFzcx=="]


@pytest.mark.parametrize("token", JUNK)
def test_AUT_07_broken_base64_is_the_servers_to_judge(stage, token):
    def case(way):
        with stage.greeted() as c:
            assert way.send(c, token, b"AUTH PLAIN ", b"\r\n")
            assert c.reply().code in (500, 501, 504, 535)
            c.cmd("NOOP", 250)
            c.quit()
    stage.play(case, token)


@pytest.mark.parametrize("octets", [ANSWER_LONGEST - 1, ANSWER_LONGEST,
                                    ANSWER_LONGEST + 1, 65536, 10 << 20])
@pytest.mark.parametrize("after_small", [False, True])
def test_AUT_08_answers_up_to_the_limit_pass(stage, octets, after_small):
    line = b"A" * (octets - 2) + b"\r\n"

    def case(way):
        if way.name == "octets":
            return
        with stage.greeted() as c:
            if after_small:
                c.cmd("AUTH PLAIN AAAA")
            c.cmd("AUTH PLAIN", 334)
            whole = way.send(c, line[-6:], line[:-6])
            if octets > ANSWER_LONGEST:
                c.reply(500)
                closed(c)
            else:
                assert whole
                assert c.reply().code in (501, 535)
                c.quit()
    stage.play(case, line[-6:])
    lengths = {len(e["line"]) + 2 for e in stage.server.of("answer")}
    assert (octets in lengths) == (octets <= ANSWER_LONGEST)


def test_AUT_09_in_three_pieces_and_all_at_once(stage):
    token = b64("\0anna\0secret")

    def pieces(cut):
        with stage.greeted() as c:
            line = b"AUTH PLAIN " + token + b"\r\n"
            c.send_split(line, 4, cut)
            c.reply(235)
            c.quit()
    stage.at_once({f"cut at {n}": (pieces, n) for n in range(5, 20)})
    with stage.greeted() as c:          # pipelined before its 334
        c.send(b"AUTH LOGIN\r\n" + b64("anna") + b"\r\n" + b64("secret")
               + b"\r\n")
        c.reply(503)
        closed(c)
    assert not [e for e in stage.server.of("auth") if e["mech"] == "LOGIN"]


def cram(challenge, user, secret):
    digest = hmac.new(secret.encode(), base64.b64decode(challenge),
                      hashlib.md5).hexdigest()
    return b64(f"{user} {digest}")


def test_AUT_10_mechanisms_in_turn_leave_nothing_stale(stage, strangers):
    source = strangers[40]
    with stage.greeted(source=source) as c:
        c.auth_plain(password="wrong-1", code=535)
        c.auth_login(password="wrong-2", code=535)
        c.cmd("AUTH LOGIN", 334)
        c.cmd("*", 501)
        assert explained(stage, source)["failures"]["count"] == 2
        challenge = c.cmd("AUTH CRAM-MD5", 334).lines[0]
        c.cmd(cram(challenge, "anna", "secret"), 235)
        c.cmd("MAIL FROM:<a@x.test>", 250)
        c.quit()
    last = stage.server.of("auth")[-1]
    assert last["mech"] == "CRAM-MD5" and last["user"] == "anna"


def test_AUT_11_who_leaves_behind_334_is_not_counted(stage):
    counted = Counted(stage)

    def case(number):
        c = stage.greeted()
        c.cmd("AUTH LOGIN" if number % 2 else "AUTH PLAIN", 334)
        if number % 3 == 0:
            c.send(b"YW5u")             # half an answer
        c.reset() if number % 4 == 0 else c.close()
    for _ in range(5):
        stage.at_once({f"client {n}": (case, n) for n in range(200)})
    assert "failed" not in counted.since()


def test_AUT_12_auth_at_the_wrong_time_is_503(stage):
    def in_transaction(way):
        with stage.greeted() as c:
            c.cmd("MAIL FROM:<a@x.test>", 250)
            assert way.send(c, b"AUTH PLAIN", after=b" AGFubmEAc2VjcmV0\r\n")
            c.reply(503)
            c.quit()

    def twice(way):
        with stage.greeted() as c:
            c.auth_plain(code=235)
            assert way.send(c, b"AUTH PLAIN", after=b" AGFubmEAc2VjcmV0\r\n")
            c.reply(503)
            c.quit()

    def before_ehlo(way):
        with stage.greeted(ehlo=False) as c:
            assert way.send(c, b"AUTH PLAIN", after=b" AGFubmEAc2VjcmV0\r\n")
            c.reply(503)
            c.quit()
    for case in (in_transaction, twice, before_ehlo):
        stage.play(case, b"AUTH PLAIN")


@pytest.fixture(scope="module")
def liar_stage(new_stage, session_folder):
    folder = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    return new_stage(server=Liar(folder), doors={"mx": {}})


@pytest.fixture
def liars(liar_stage):
    yield liar_stage
    liar_stage.hold_u()


FINALS = [(b"535 5.7.8 x\r\n", True), (b"535-a\r\n535 b\r\n", True),
          (b"535\r\n", True)] + [
    (b"%d x\r\n" % code, False)
    for code in (454, 432, 534, 538, 530, 500, 501, 504, 421, 554, 250, 235)]


@pytest.mark.parametrize("lie,counts", FINALS)
def test_AUT_13_only_a_final_535_counts_and_once(liars, lie, counts):
    counted = Counted(liars)

    def case(way):
        word = liars.name("aut") + "x"
        liars.server.case(word, way, {"AUTH": lie})
        with liars.client() as c:
            c.reply(220)
            c.cmd(f"EHLO {word}", 250)
            c.auth_plain(password=word, code=int(lie[:3]))
    played = liars.play(case, lie)
    assert counted.since().get("failed", 0) == (len(played) if counts else 0)


@pytest.mark.parametrize("verb,line", [
    ("MAIL", "MAIL FROM:<a@b.test>"), ("NOOP", "NOOP"), ("RSET", "RSET")])
def test_AUT_13_535_to_another_command_counts_nothing(liars, verb, line):
    counted = Counted(liars)

    def case(way):
        word = liars.name("aut") + "x"
        liars.server.case(word, way, {verb: b"535 5.7.8 x\r\n"})
        with liars.client() as c:
            c.reply(220)
            c.cmd(f"EHLO {word}", 250)
            c.cmd(line, 535)
            c.quit()
    liars.play(case, b"535 5.7.8 x\r\n")
    assert counted.since() == {}


@pytest.mark.parametrize("lie", [
    b"250 ok 535 5.7.8 203.0.113.9\r\n", b"235 in 535 203.0.113.9\r\n",
    b"454 535 authentication failed [203.0.113.9]\r\n"])
def test_AUT_14_the_servers_text_is_not_read(liars, lie):
    counted = Counted(liars)

    def case(way):
        word = liars.name("aut") + "x"
        liars.server.case(word, way, {"AUTH": lie})
        with liars.client() as c:
            c.reply(220)
            c.cmd(f"EHLO {word}", 250)
            c.auth_plain(password=word, code=int(lie[:3]))
    liars.play(case, lie)
    assert "failed" not in counted.since()
    assert explained(liars, "203.0.113.9")["failures_total"] == 0


@pytest.mark.parametrize("lie,code", [
    (b"334 " + b"A" * 100_000 + b"\r\n", 421), (b"334 QUI=\n", 421),
    (b"334 !not base64!\r\n", 334), (b"334\r\n", 334), (b"334 \r\n", 334)])
def test_AUT_15_absurd_challenges_are_bounded(liars, lie, code):
    def case(way):
        if way.name == "octets" and len(lie) > 1000:
            return
        word = liars.name("aut") + "x"
        liars.server.case(word, way, {"AUTH": lie})
        with liars.client() as c:
            c.reply(220)
            c.cmd(f"EHLO {word}", 250)
            reply = c.cmd("AUTH LOGIN")
            assert reply.code == code
            if code == 421:
                closed(c)
            else:
                c.cmd("YQ==", 235)
                c.quit()
    if len(lie) > 1000:
        liars.at_once({"whole": (case, WHOLE)})
    else:
        liars.play(case, lie)


def test_AUT_16_limits_reached_within_auth_are_clean(new_stage, strangers):
    """A ban, the limit of bad commands and of idle ones, in mid-AUTH."""
    stage = new_stage(options={"source_limit": {"failures": 2},
                               "banned": {"answer": "refuse"}},
                      doors={"mx": {"bad_commands_most": 3}, "idle": {
                          "idle_commands_most": 10}})
    waiting = stage.greeted(source=strangers[50])
    waiting.cmd("AUTH LOGIN", 334)
    for number in range(2):
        with stage.greeted(source=strangers[50]) as c:
            c.auth_plain(password=f"x{number}", code=535)
    waiting.reply(421)
    closed(waiting)
    with stage.greeted() as c:
        for _ in range(2):
            c.cmd("AUTH", 501)
            c.cmd("TURN", 502)
        c.cmd("TURN", 421)
        closed(c)
    with stage.greeted("idle") as c:
        seen = []
        with pytest.raises(Closed):
            while True:
                seen.append(c.cmd("*" if seen[-1:] == [334]
                                  else "AUTH LOGIN").code)
        assert seen == [334, 501] * (len(seen) // 2) + [421]
        assert len(seen) <= 2 * 10 + 1
    stage.hold_u()


def median_ms(greet, user, count):
    times = []
    for number in range(count):
        with greet() as c:
            began = time.monotonic()
            c.auth_plain(user, f"wrong-{number}", code=535)
            times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


def test_AUT_17_a_refusal_takes_as_long_for_any_name(new_stage, strangers):
    """The delay comes from the count of the source: by log and by clock."""
    stage = new_stage(options={"source_limit": {
        "failures": 100, "delay": "40ms", "delay_longest": "40ms"}})
    took = {}
    for source, user in zip(strangers[60:], ("anna", "nobody") * 8):
        took.setdefault(user, []).append(median_ms(
            lambda s=source: stage.greeted(source=s), user, 3))
    delays = {}
    for event in stage.front.events("auth-failed"):
        delays.setdefault(event["user"], set()).add(event.get("delay_ms"))
    assert delays["anna"] == delays["nobody"] == {40}
    assert min(took["anna"]) >= 40 and min(took["nobody"]) >= 40
    stage.hold_u()


@pytest.mark.parametrize("line", [b"AUTH FOO abc", b"AUTH NTLM",
                                  b"AUTH EXTERNAL =", b"AUTH GSSAPI"])
def test_AUT_18_unknown_mechanisms_are_the_servers_to_refuse(stage, line):
    def case(way):
        with stage.greeted() as c:
            assert way.send(c, line + b"\r\n")
            assert c.reply().code in (500, 502, 504)
            c.cmd("NOOP", 250)
            c.quit()
    stage.play(case, line + b"\r\n")


def test_AUT_18_a_mechanism_that_is_offered_passes_unread(new_stage):
    stage = new_stage(server={"auth_clear": "LOGIN PLAIN X-OTHER"})
    with stage.greeted() as c:
        c.cmd("AUTH X-OTHER", 334)
        c.cmd(b64("anna"), 334)
        c.cmd(b64("secret"), 235)
        c.quit()
    stage.hold_u()

"""What odd clients do is noted, for the rules and for who asks.

The worker tells the keeper; plain sessions are not told of at all, and a
flood of notes is shed before it could hold up a login.
"""

import contextlib

import pytest

import attack
from attack import greeted
from harness import wait
from harness.raw import Broken, Client

OURS = "anna@example.test"
FLOOD = 600


@pytest.fixture
def site(double, postern, certs):
    """Doors: mx; tls, inside TLS from the first octet; plain, without AUTH."""
    def start(listener=None, **options):
        behind = double(auth_clear="LOGIN PLAIN", local_users=[OURS],
                        f_pipelining=True)
        front = postern(
            {"mx": listener or {}, "plain": {"auth": "hide"},
             "slow": {"greeting_delay": "20s"},
             "tls": {"tls": "implicit", "certificates": ["rsa"]}},
            [behind.address],
            certificates={"rsa": certs.rsa},
            # Noted, and nobody banned for it, unless a test asks for that.
            options={"auth_refused": {"mode": "off"},
                     "relay_probes": {"mode": "off"}, **options})
        return behind, front
    return start


def noted(front, source):
    """But for passports, which are told of a network."""
    return [event["event"] for event in
            attack.explain(front, source)["events"]
            if event["event"] != "passport"]


def wait_noted(front, source, event, count=1):
    wait.until(lambda: noted(front, source).count(event) == count,
               f"{count} of {event}")


def rcpt(front, source, to, login=False, count=1):
    with greeted(front.ports["mx"], source) as client:
        if login:
            client.auth_plain("anna", "secret", 235)
        client.cmd("MAIL FROM:<a@b.test>", 250)
        codes = [client.cmd(f"RCPT TO:<{to}>").code for _ in range(count)]
        client.quit()
    return codes


def no_tls(front, source):
    with Client(front.ports["tls"], source=source) as client:
        client.send(b"EHLO me\r\n" * 4)
        client.expect_closed()


def no_auth(front, source):
    with greeted(front.ports["plain"], source) as client:
        client.auth_plain("anna", "secret", 502)
        client.quit()


def early(front, source):
    with Client(front.ports["slow"], source=source) as client:
        client.line("EHLO me")
        client.reply(554)


def errors(front, source):
    with greeted(front.ports["mx"], source) as client:
        with pytest.raises(Broken):
            while True:
                client.cmd("ETRN x", 502)


def bare(front, source):
    with greeted(front.ports["mx"], source) as client:
        client.envelope()
        client.cmd("DATA", 354)
        client.send(b"a\nb\r\n.\r\n")
        client.reply(550)


ODD = [
    ("recipient-refused", lambda f, s: rcpt(f, s, "nobody@example.test")),
    ("relay-refused", lambda f, s: rcpt(f, s, "x@elsewhere.test")),
    ("tls-failure", no_tls),
    ("auth-refused", no_auth),
    ("early-talk", early),
    ("protocol-error", errors),
    ("protocol-error", bare),
]


def test_what_odd_clients_do_is_noted_once(site, strangers):
    server, front = site()
    attack.at_once([lambda act=act, source=source: act(front, source)
                    for (_, act), source in zip(ODD, strangers)])
    for (event, _), source in zip(ODD, strangers):
        wait_noted(front, source, event)


def test_what_local_domains_refuses_is_a_relay_probe(site, strangers):
    server, front = site(local_domains=["example.test"])
    assert rcpt(front, strangers[0], "x@elsewhere.test", count=3) == [550] * 3
    wait_noted(front, strangers[0], "relay-refused", 3)
    assert not [c for c in server.commands() if "elsewhere" in c]


def test_plain_sessions_are_not_told_of(site, strangers):
    server, front = site()
    with greeted(front.ports["mx"], strangers[0]) as client:
        client.message(b"Subject: x\r\n\r\nhello\r\n")
        client.quit()
    # Who has logged in may mistype an address; the server's word is enough.
    rcpt(front, strangers[1], "nobody@example.test", login=True)
    # What comes behind it on the same line to the keeper was heard.
    rcpt(front, strangers[2], "nobody@example.test")
    wait_noted(front, strangers[2], "recipient-refused")
    assert noted(front, strangers[0]) == []
    assert noted(front, strangers[1]) == ["auth-ok"]


def test_a_flood_of_notes_is_shed_and_others_log_in(site, strangers):
    server, front = site(workers=1,
                         listener={"idle_commands_most": 2 * FLOOD})
    port = front.ports["mx"]
    with attack.Neighbours(port, strangers[1:3]) as neighbours:
        with greeted(port, strangers[0]) as client:
            client.cmd("MAIL FROM:<a@b.test>", 250)
            for _ in range(FLOOD // 20):
                client.send(b"RCPT TO:<nobody@example.test>\r\n" * 20)
                for _ in range(20):
                    client.reply(550)
    neighbours.check(least=2, longest_s=5)

    def shed():
        limits = front.ctl("status", json_out=True)["limits"]
        return limits["notes"]
    wait.until(lambda: shed() > 0, "notes that were shed")
    assert front.ctl("status", json_out=True)["limits"]["keeper_queue"] == 0
    # The next second is another one, and nobody else was meant.
    rcpt(front, strangers[5], "nobody@example.test")
    wait_noted(front, strangers[5], "recipient-refused")


def gone(front, source):
    """Its next connection is turned away."""
    with Client(front.ports["mx"], source=source) as client:
        client.reply(554)
        client.expect_closed()


def wait_banned(front, source, rule):
    def banned():
        bans = front.ctl("bans", "list", json_out=True)["bans"]
        return [ban["rule"] for ban in bans
                if ban["prefix"].split("/")[0] == source] == [rule]
    wait.until(banned, f"{source} banned by {rule}")


def test_bad_manners_ban_a_stranger_and_nobody_who_logged_in(site, strangers):
    ours, probe, noauth, decoy = strangers[:4]
    server, front = site(
        local_domains=["example.test"], auth_refused={"times": 1},
        relay_probes={"times": 3}, decoys={"users": ["backup"]},
        banned={"answer": "refuse"})
    rcpt(front, ours, OURS, login=True)
    no_auth(front, ours)
    for act in (lambda: no_auth(front, noauth),
                lambda: rcpt(front, probe, "x@elsewhere.test", count=3)):
        with contextlib.suppress(Broken):   # its QUIT may meet the ban's 421
            act()
    with greeted(front.ports["mx"], decoy) as client:
        assert client.auth_plain("backup", "x").code == 535
    for source, rule in ((probe, "relay-probes"), (noauth, "auth-refused"),
                         (decoy, "decoy")):
        wait_banned(front, source, rule)
        gone(front, source)
    rcpt(front, ours, OURS, login=True)


def call_itself(front, source, *names):
    with Client(front.ports["mx"], source=source) as client:
        client.reply(220)
        for name in names:
            client.ehlo(name)
        with contextlib.suppress(Broken):   # or the ban's 421
            client.quit()


def test_a_name_that_guessers_give_is_noted_once_a_session(site, strangers):
    bot, other = strangers[:2]
    server, front = site(helo={"mode": "enforce", "names": ["^ylmf-pc$"],
                               "times": 2}, banned={"answer": "refuse"})
    call_itself(front, other, "ylmf-pc.example.test", "x", "x" * 300)
    call_itself(front, bot, "YLMF-pc", "ylmf-pc")
    wait_noted(front, bot, "helo")
    with contextlib.suppress(Broken):   # the 421 may come before the 250
        call_itself(front, bot, "ylmf-pc")
    wait_banned(front, bot, "helo")
    gone(front, bot)
    assert noted(front, other) == []


def knock(front, source, count):
    for _ in range(count):
        with contextlib.suppress(Broken, OSError), \
                Client(front.ports["mx"], source=source) as client:
            client.reply(220)


def test_who_connects_too_often_is_banned(site, strangers):
    server, front = site(workers=1, banned={"answer": "refuse"}, connections={
        "mode": "enforce", "times": 32, "window": "1h"})
    ours, often, seldom = "127.0.0.1", *strangers[:2]
    knock(front, seldom, 27)
    knock(front, ours, 40)
    knock(front, often, 32)
    wait_banned(front, often, "connections")
    gone(front, often)
    knock(front, seldom, 1)
    # Told by eights of the limit; what is read here came behind them.
    rcpt(front, seldom, "nobody@example.test")
    wait_noted(front, seldom, "recipient-refused")
    rcpt(front, ours, OURS)
    assert [ban["prefix"] for ban in front.ctl(
        "bans", "list", json_out=True)["bans"]] == [often]

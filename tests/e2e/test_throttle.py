"""The throttle, as an attacker meets it and as his neighbours live with it.

How many guesses of one source reach the server, what others notice of it, how
bans begin, grow and end, and who is never banned.
"""

import threading
import time

import pytest

import attack
from attack import at_once, counted, explain, greeted, guess, guesses, reached
from harness import wait

LIMIT = 5
TEXT_535 = "535 5.7.8 no"


@pytest.fixture
def throttle(double, postern):
    """throttle(limit={...}, **options): a double and postern before it."""
    def start(limit=None, users=None, listener=None, server=None, bind=None,
              **options):
        behind = double(auth_clear="LOGIN PLAIN", t_535=TEXT_535,
                        users=users or {"anna": "secret"}, **(server or {}))
        options.setdefault("banned", {"answer": "close"})
        options["source_limit"] = {"delay": "0s", "failures": LIMIT,
                                   "hold": "50ms", **(limit or {})}
        more = {"bind_ip": bind} if bind else {}
        front = postern({"mx": listener or {}}, [behind.address],
                        options=options, **more)
        return behind, front
    return start


# The limit

def test_200_guesses_in_a_row_bring_5_to_the_server(throttle, strangers):
    server, front = throttle()
    port = front.ports["mx"]
    with attack.Neighbours(port, strangers[1:4]) as neighbours:
        codes = guesses(port, strangers[0], 200)
    assert codes == [535] * LIMIT + [None] * (200 - LIMIT)
    assert len(reached(server, ok=False)) == LIMIT
    neighbours.check(least=3, longest_s=5)
    assert len(front.events("ban")) == 1


def test_50_guesses_at_once_bring_5_to_the_server(throttle, strangers):
    server, front = throttle(workers=4, server={"delay_auth": 50})
    port = front.ports["mx"]
    clients = [greeted(port, strangers[0]) for _ in range(50)]

    def one(place):
        def call():
            with clients[place] as client:
                return client.auth_plain("anna", f"guess-{place}").code
        return call
    with attack.Neighbours(port, strangers[1:4]) as neighbours:
        codes = at_once([one(place) for place in range(50)])
    attack.settled(front)
    assert len(reached(server, ok=False)) == LIMIT
    assert codes.count(535) == LIMIT and codes.count(421) == 50 - LIMIT
    neighbours.check(least=3, longest_s=5)


def test_50_connections_that_go_on_bring_5_to_the_server(throttle, strangers):
    server, front = throttle(workers=3)
    port = front.ports["mx"]
    with attack.Neighbours(port, strangers[1:4]) as neighbours:
        at_once([lambda n=n: guesses(port, strangers[0], 4, word=f"w{n}")
                 for n in range(50)])
    attack.settled(front)
    assert len(reached(server, ok=False)) == LIMIT
    neighbours.check(least=3, longest_s=5)


def test_users_and_secrets_of_a_sweep_count_alike(throttle, strangers):
    server, front = throttle()
    for n in range(20):
        guess(front.ports["mx"], strangers[0], f"user{n}", "Summer2024")
    assert len(reached(server)) == LIMIT


def test_many_logins_of_one_session_bring_5_to_the_server(throttle,
                                                          strangers):
    server, front = throttle()
    client = greeted(front.ports["mx"], strangers[0])
    codes = []
    with pytest.raises(attack.Broken):
        for n in range(200):
            codes.append(client.auth_plain("anna", f"guess-{n}").code)
    client.close()
    assert codes in ([535] * LIMIT, [535] * LIMIT + [421])
    assert len(reached(server)) == LIMIT


def test_a_v6_network_of_64_bits_is_one_source(throttle, strangers):
    server, front = throttle(bind="::1")
    port = front.ports["mx"]
    for n in range(20):
        guess(port, f"2001:db8:1:2:{n:x}::{n + 1:x}", secret=f"g{n}",
              host="::1")
    assert len(reached(server)) == LIMIT
    assert explain(front, "2001:db8:1:2:ffff::1")["banned"]
    assert guess(port, "2001:db8:1:3::1", secret="secret", host="::1") == 235
    assert front.events("ban")[0]["src"] == "2001:db8:1:2::/64"


# The delay

def test_each_refusal_is_delayed_twice_as_long(throttle, strangers):
    server, front = throttle({"failures": 50, "slow_failures": 0,
                              "delay": "100ms", "delay_longest": "800ms"})
    port = front.ports["mx"]
    for n, least_s in enumerate([0.1, 0.2, 0.4, 0.8, 0.8]):
        # The delay is the source's: another connection does not help.
        client = greeted(port, strangers[0])
        with attack.timed(least_s - 0.002, least_s + 2):
            client.auth_plain("anna", f"guess-{n}", 535)
        client.close()
    client = greeted(port, strangers[1])
    with attack.timed(0.098, 0.75):
        client.auth_plain("anna", "guess", 535)
    client.close()


def test_a_right_login_is_not_delayed(throttle, strangers):
    server, front = throttle({"delay": "10s", "failures": 50})
    client = greeted(front.ports["mx"], strangers[0])
    client.line("AUTH PLAIN AGFubmEAd3Jvbmc=")
    server.wait_for("auth", ok=False)
    with attack.timed(longest_s=2):
        assert guess(front.ports["mx"], strangers[0], "anna", "secret") == 235
    client.close()


# Bans, their length and their end

def test_a_ban_ends_and_the_next_is_longer(throttle, strangers):
    server, front = throttle({"failures": 2, "window": "1s", "ban": "2s",
                              "ban_growth": 3}, soft_ban={"mode": "off"})
    port = front.ports["mx"]
    assert at_once([lambda n=n: guess(port, strangers[0], secret=f"a{n}")
                    for n in range(2)]) == [535, 535]
    ban = front.ctl("bans", "list", json_out=True)["bans"][0]
    assert ban["until"] - ban["since"] == 2 and ban["repeat"] == 0
    assert guess(port, strangers[0], secret="secret") is None
    wait.until(lambda: guess(port, strangers[0], secret="secret") == 235,
               "end of the ban", 6)
    assert front.events("unban")[0]["why"] == "expired"
    assert at_once([lambda n=n: guess(port, strangers[0], secret=f"b{n}")
                    for n in range(2)]) == [535, 535]
    ban = front.ctl("bans", "list", json_out=True)["bans"][0]
    assert ban["until"] - ban["since"] == 6 and ban["repeat"] == 1


def test_the_slow_window_bans_who_is_patient(throttle, strangers):
    server, front = throttle({"failures": 3, "window": "1s",
                              "slow_failures": 4, "slow_window": "1h",
                              "slow_ban": "1h"})
    port = front.ports["mx"]
    for n in range(4):
        # Once the short window has forgotten the one before.
        wait.until(lambda: counted(front, strangers[0]) == 0, "calm", 5)
        assert guess(port, strangers[0], secret=f"slow{n}") == 535
    ban = front.wait_event("ban")
    assert ban["rule"] == "source-slow"
    assert guess(port, strangers[0], secret="slow4") is None
    assert len(reached(server)) == 4


def test_an_operator_bans_and_lifts(throttle, strangers):
    server, front = throttle()
    port = front.ports["mx"]
    front.ctl("bans", "add", "203.0.113.0/24", "--for", "1h")
    wait.until(lambda: guess(port, strangers[9], secret="secret") is None,
               "ban of the network", 2)
    assert guess(port, "198.51.100.9", secret="secret") == 235
    front.ctl("bans", "del", "203.0.113.0/24")
    wait.until(lambda: guess(port, strangers[9], secret="secret") == 235,
               "end of the ban", 2)


# Modes

@pytest.mark.parametrize("option", ["mode", "source_limit.mode"])
def test_observe_says_what_it_would_do_and_does_nothing(throttle, strangers,
                                                        option):
    if option == "mode":
        server, front = throttle({"delay": "5s"}, mode="observe")
    else:
        server, front = throttle({"delay": "5s", "mode": "observe"})
    port = front.ports["mx"]
    with attack.timed(longest_s=10):
        assert guesses(port, strangers[0], 20) == [535] * 20
    assert guess(port, strangers[0], secret="secret") == 235
    assert len(reached(server, ok=False)) == 20
    would = front.wait_event("would-ban")
    assert would["src"] == strangers[0] and would["rule"] == "source-limit"
    assert not front.events("ban")
    assert front.ctl("bans", "list", json_out=True)["bans"] == []


def test_off_does_nothing_and_says_nothing(throttle, strangers):
    server, front = throttle({"delay": "5s"}, mode="off")
    with attack.timed(longest_s=10):
        assert guesses(front.ports["mx"], strangers[0], 20) == [535] * 20
    assert len(reached(server)) == 20
    assert not front.events("ban") and not front.events("would-ban")


# Who is never banned

def test_the_allow_list_is_never_banned(throttle, strangers):
    server, front = throttle(allow=["203.0.113.0/28"])
    port = front.ports["mx"]
    assert guesses(port, strangers[4], 20) == [535] * 20
    assert guess(port, strangers[4], secret="secret") == 235
    # Right behind the end of the prefix (strangers[n] is .n+1).
    assert guesses(port, strangers[15], 7)[LIMIT:] == [None] * 2
    assert front.wait_event("spared")["src"] == strangers[4]
    front.ctl("bans", "add", strangers[4], check=False)
    assert guess(port, strangers[4], secret="secret") == 235


def test_loopback_is_never_banned(throttle):
    server, front = throttle()
    assert guesses(front.ports["mx"], None, 20) == [535] * 20
    assert guess(front.ports["mx"], None, secret="secret") == 235


def test_allowing_a_source_lifts_its_ban_within_a_second(throttle, strangers):
    server, front = throttle()
    port = front.ports["mx"]
    guesses(port, strangers[0], LIMIT)
    assert guess(port, strangers[0], secret="secret") is None
    with attack.within_a_second(front):
        front.ctl("allow", "add", strangers[0])
        wait.until(lambda: guess(port, strangers[0], secret="secret") == 235,
                   "the allowed source's login")
    assert guesses(port, strangers[0], 20, word="more") == [535] * 20
    assert not explain(front, strangers[0])["banned"]


def test_an_allowed_one_gets_in_from_a_banned_network(throttle, strangers):
    server, front = throttle()
    port = front.ports["mx"]
    front.ctl("bans", "add", "203.0.113.0/24", "--for", "1h")
    front.ctl("allow", "add", strangers[6])
    wait.until(lambda: guess(port, strangers[6], secret="secret") == 235,
               "the allowed source's login")
    assert guess(port, strangers[7], secret="secret") is None


# An office

def test_a_stale_phone_does_not_hurt_its_office(throttle, strangers):
    people = {f"user{n}": f"right-{n}" for n in range(50)}
    server, front = throttle({"delay": "1s", "hold": "200ms"}, workers=4,
                             users={**people, "anna": "new"},
                             server={"delay_auth": 5})
    port, office = front.ports["mx"], strangers[0]
    done, phones, told = threading.Event(), [], []

    def phone():
        one = threading.Thread(target=lambda: told.append(
            guess(port, office, "anna", "old")), daemon=True)
        one.start()
        phones.append(one)

    def phones_try():
        while not done.wait(0.2):
            phone()

    def person(name):
        with greeted(port, office) as one:
            began = time.monotonic()
            one.auth_plain(name, people[name], 235)
            waited_s = time.monotonic() - began
            one.quit()
        return waited_s
    phone()
    server.wait_for("auth", user="anna")
    clock = threading.Thread(target=phones_try, daemon=True)
    clock.start()
    waits_s = []
    for _ in range(3):
        waits_s += at_once([lambda name=name: person(name)
                            for name in people])
    wait.until(lambda: len(told) >= 12, "a dozen tries of the phone")
    done.set()
    for one in (clock, *phones):
        one.join(attack.NEVER_S)
    assert set(told) == {535}
    assert len(reached(server, user="anna")) == 1
    assert max(waits_s) < 2, sorted(waits_s)[-5:]
    assert counted(front, office) == 1
    assert not front.events("ban")


# The keeper is away

@pytest.mark.parametrize("how, code", [("allow", 235), ("tempfail", 454)])
def test_logins_while_the_keeper_hangs(throttle, strangers, how, code):
    server, front = throttle(policy_unavailable=how)
    port = front.ports["mx"]
    guesses(port, strangers[0], LIMIT)
    assert explain(front, strangers[0])["banned"]
    with attack.stopped(attack.process_of(front, "keeper")):
        client = greeted(port, strangers[1])
        with attack.timed(longest_s=12):
            assert client.auth_plain("anna", "secret").code == code
        client.close()
        # Bans hold without it, and mail needs it not at all.
        assert guess(port, strangers[0], secret="secret") is None
        with greeted(port, strangers[2]) as client:
            client.message(b"Subject: x\r\n\r\nhello\r\n")
            client.quit()
    wait.until(lambda: guess(port, strangers[1], secret="secret") == 235,
               "the keeper's word")
    front.wait_event("policy-unavailable")


@pytest.mark.parametrize("how, codes", [("allow", {235}),
                                        ("tempfail", {235, 454})])
def test_logins_while_the_keeper_dies(throttle, strangers, how, codes):
    server, front = throttle(policy_unavailable=how)
    port = front.ports["mx"]
    clients = [greeted(port, strangers[n]) for n in range(20)]
    attack.kill(front, "keeper")
    with attack.timed(longest_s=5):
        for client in clients:
            assert client.auth_plain("anna", "secret").code in codes
            client.close()
    with attack.timed(longest_s=5):
        wait.until(lambda: guess(port, strangers[1], secret="x") == 535,
                   "the new keeper's word")

"""Logins by what lists in the DNS say, with a real rbldnsd and with bad ones."""

import json
import re
import socket
import subprocess

import pytest

import attack
from attack import greeted, guess, reached
from dns_lists import Rbldnsd, Stub, list_state, state, until_on
from dns_stub import asks_stub
from harness import wait
from harness.postern import binary

BAD, WORSE, GOOD, CLEAN, OTHER = (f"203.0.113.{n}" for n in (7, 8, 9, 10, 11))
HOME, HOME_LATER = "198.51.100.7", "198.51.100.99"
V6, V6_NEXT, V6_CLEAN = "2001:db8:7::1", "2001:db8:7::2", "2001:db8:8::1"
SLOW = "30s"


@pytest.fixture
def rbldnsd(folder, programs):
    def start(zones, **more):
        program = Rbldnsd(folder, zones, **more)
        programs.append(program)
        return program.start()
    return start


@pytest.fixture
def stub():
    opened = []

    def start(*words, **more):
        opened.append(Stub(*words, **more))
        return opened[-1]
    yield start
    for one in opened:
        one.close()


@pytest.fixture
def listed(double, postern):
    """(server, postern): lists are {title: options}."""
    def start(resolver, lists, run=True, **score):
        behind = double(auth_clear="LOGIN PLAIN")
        front = postern({"mx": {}}, [behind.address], run=False, options={
            "dns_lists": {"mode": "enforce", "threshold": 1,
                          "resolvers": [resolver] if resolver else [],
                          **score},
            "source_limit": {"delay": "0s", "failures": 100,
                             "slow_failures": 0},
            "workers": 1,
            **{f"dns_list {title}": options
               for title, options in lists.items()}})
        front.listeners["mx"]["bind"].append(f"[::1]:{front.ports['mx']}")
        front.write_conf()
        return behind, front.start() if run else front
    return start


def told(front, source):
    """The lists' word on it has come."""
    return front.wait_event("listed", src=source)


def host(source):
    return "::1" if ":" in source else "127.0.0.1"


def tries(front, source, user="anna", secret="x"):
    return guess(front.ports["mx"], source, user, secret, host=host(source))


def seen(front, source):
    """It connects, and is asked about."""
    with greeted(front.ports["mx"], source, host=host(source)) as one:
        one.quit()


def reload(front):
    before = len(front.events("reload"))
    front.write_conf()
    front.reload()
    front.wait_event("reload", before + 1)


def replay(*words):
    done = subprocess.run(
        [binary("posternctl"), "replay", "--json", *map(str, words)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["replays"][0]


def test_strangers_that_a_real_list_has_are_answered_454(
        listed, rbldnsd, strangers):
    lists = rbldnsd({"bl.test": {BAD: "127.0.0.2", WORSE: "127.0.0.4"},
                     "wl.test": {WORSE: "127.0.0.2", GOOD: "127.0.0.2"},
                     "bl2.test": {GOOD: "127.0.0.6", V6: "127.0.0.2"}},
                    v6=["bl2.test"])
    server, front = listed(lists.address, {
        "bl": {"zone": "bl.test", "weight": 2},
        "exploits": {"zone": "BL.test", "answers": ["127.0.0.4"],
                     "weight": 5},
        "wl": {"zone": "wl.test", "kind": "good", "weight": 4},
        "bits": {"zone": "bl2.test", "answers": ["&4"], "weight": 3},
        "all": {"zone": "bl2.test", "weight": 2},
    }, threshold=2)
    until_on(front, "bl", "exploits", "wl", "bits", "all")
    assert list_state(front, "all")["ipv6"]
    for source in BAD, WORSE, GOOD, CLEAN, V6:
        seen(front, source)
    assert told(front, BAD)["score"] == 2
    assert told(front, WORSE)["score"] == 2 + 5 - 4
    assert told(front, WORSE)["lists"] == "bl,exploits,wl"
    assert told(front, GOOD)["score"] == 2 + 3 - 4
    assert told(front, V6)["lists"] == "all"
    for source in BAD, WORSE, V6, V6_NEXT:
        assert tries(front, source, "anna", "secret") == 454, source
        assert tries(front, source, "anna", "wrong") == 454, source
    assert reached(server) == []
    for source in GOOD, CLEAN, V6_CLEAN:
        assert tries(front, source) == 535, source
    assert front.ctl("status", json_out=True)["rules"]["dns-lists"] == 8
    said = front.events("verdict", verdict="answer-454")
    assert {e["rule"] for e in said} == {"dns-lists"}
    # Mail without a login is nobody's business here.
    with greeted(front.ports["mx"], BAD) as one:
        one.cmd("MAIL FROM:<a@sender.test>", 250)
        one.cmd("RCPT TO:<anna@example.test>", 250)
    # Said to people.
    about = attack.explain(front, WORSE)
    assert about["listed"]["score"] == 3
    assert about["listed"]["lists"] == "bl,exploits,wl"
    assert 0 < about["listed"]["left_s"] <= 300
    assert attack.explain(front, CLEAN)["listed"] is None
    assert "bl,exploits,wl" in front.ctl("explain", WORSE)
    assert "exploits" in front.ctl("status")
    # Who is allowed or known is let in, listed or not.
    front.ctl("allow", "add", BAD)
    assert tries(front, BAD, "anna", "secret") == 235
    asked = list_state(front, "bl")["asked"]
    assert asked == 6 and list_state(front, "bl")["hits"] == 2
    # One question each: all else was remembered.
    assert state(front)["asked"] == 6


def test_people_pass_and_a_reload_begins_anew(listed, rbldnsd, strangers):
    lists = rbldnsd({"bl.test": {}, "bl2.test": {}})
    server, front = listed(lists.address, {"bl": {"zone": "bl.test"}},
                           keep_clean="1s")
    until_on(front, "bl")
    assert tries(front, HOME, "anna", "secret") == 235
    everybody = {address: "127.0.0.2"
                 for address in (HOME, HOME_LATER, BAD)}
    lists.change("bl.test", everybody)
    # From where she logs in nobody is asked about.
    asked = list_state(front, "bl")["asked"]
    assert tries(front, HOME) == 535
    assert list_state(front, "bl")["asked"] == asked
    # Her provider's network is hers: only strangers are refused there.
    seen(front, HOME_LATER)
    told(front, HOME_LATER)
    assert tries(front, HOME_LATER, "bert", "x") == 454
    assert tries(front, HOME_LATER, "anna", "secret") == 235
    # Observed: they pass, and it is said.
    front.options["dns_lists"]["mode"] = "observe"
    front.options["dns_list bl2"] = {"zone": "bl2.test"}
    lists.change("bl2.test", {OTHER: "127.0.0.9"})
    reload(front)
    until_on(front, "bl", "bl2")
    seen(front, OTHER)
    told(front, OTHER)
    assert tries(front, OTHER, "bert") == 535
    front.wait_event("verdict", verdict="would-answer-454", rule="dns-lists")
    assert state(front)["asked"] == 3
    front.options["dns_lists"]["mode"] = "off"
    reload(front)
    wait.until(lambda: state(front)["lists"] == [], "no lists")
    assert tries(front, BAD) == 535


def test_verdicts_come_again_in_a_replay(listed, rbldnsd, strangers, folder):
    lists = rbldnsd({"bl.test": {BAD: "127.0.0.2"}})
    server, front = listed(lists.address, {"bl": {"zone": "bl.test"}})
    until_on(front, "bl")
    seen(front, BAD)
    told(front, BAD)
    assert tries(front, BAD) == 454
    assert tries(front, CLEAN) == 535
    front.stop_clean()
    only = replay(front.state / "postern.db")
    assert (only["stopped"], only["arrived"]) == (1, 1)
    assert (only["same"], only["different"]) == (3, 0)


# Name servers and lists that do wrong

WRONG = {"world": "whole world", "empty": "no 127.0.0.2",
         "refusing": "refuses to answer us (127.255.255.254)",
         "foreign": "no list any more (it answers 192.0.2.80)",
         "failing": "says that it failed", "silent": "no answer in time",
         "truncated": "truncated", "huge": "makes no sense",
         "garbage": "no answer in time", "question": "makes no sense",
         "lying": "no answer in time", "other": "no answer in time"}


def test_a_list_that_fails_its_test_is_off_until_it_passes(
        listed, stub, strangers):
    bad = stub(listed={BAD: "127.0.0.2"})
    server, front = listed(bad.address, {
        "bl": {"zone": "bl.test", "timeout": "300ms"}}, test_each="100ms")
    for n, (word, why) in enumerate(WRONG.items()):
        until_on(front, "bl")
        bad.does = lambda name, test, word=word: word
        wait.until(lambda why=why: why in list_state(front, "bl")["why"],
                   f"{word}: {why}")
        assert list_state(front, "bl")["state"] == "off"
        asked = list_state(front, "bl")["asked"]
        assert tries(front, f"203.0.113.{100 + n}") == 535
        assert list_state(front, "bl")["asked"] == asked, word
        bad.does = lambda name, test: "right"
    until_on(front, "bl")
    seen(front, BAD)
    told(front, BAD)
    assert tries(front, BAD) == 454
    # A line is a change, not a test.
    said = [(event["state"], event.get("why"))
            for event in front.events("dns-list")]
    assert all(one != other for one, other in zip(said, said[1:]))


def test_a_name_server_that_does_wrong_refuses_nobody(
        listed, stub, strangers):
    """The test entries are right; what else is asked is not."""
    bad = stub()
    server, front = listed(bad.address, {
        "bl": {"zone": "bl.test", "timeout": "300ms"}}, test_each="100ms")
    words = [word for word in WRONG if word not in ("world", "empty")]
    for n, word in enumerate(words):
        source = f"203.0.113.{100 + n}"
        until_on(front, "bl")
        bad.does = lambda name, test, word=word: "right" if test else word
        before = list_state(front, "bl")["failures"]
        wait.until(lambda source=source: tries(front, source) == 535 and
                   bad.asked_about(source), f"{source} asked about")
        wait.until(lambda before=before: list_state(front, "bl")["failures"] >
                   before, f"{word} found out")
        assert tries(front, source, "anna", "secret") == 235, word
    assert front.ctl("status", json_out=True)["rules"]["dns-lists"] == 0
    assert front.events("listed") == []


def test_silence_switches_a_list_off_and_a_dead_server_is_passed_over(
        listed, stub, strangers):
    bad = stub(listed={BAD: "127.0.0.2"})
    server, front = listed(bad.address, {
        "bl": {"zone": "bl.test", "timeout": "100ms"}}, test_each="1d")
    until_on(front, "bl")
    bad.does = lambda name, test: "silent"
    for n in range(20):
        seen(front, f"203.0.113.{100 + n}")
    wait.until(lambda: list_state(front, "bl")["state"] == "off", "off")
    assert list_state(front, "bl")["failures"] >= 10
    # Where nobody listens the other name server is asked.
    bad.does = lambda name, test: "right"
    front.options["dns_lists"]["resolvers"] = ["127.0.0.1:9", bad.address]
    front.options["dns_list bl"]["timeout"] = SLOW
    reload(front)
    until_on(front, "bl")
    seen(front, BAD)
    told(front, BAD)
    assert tries(front, BAD) == 454

    def server_at(port):
        return next(one for one in state(front)["resolvers"]
                    if one["port"] == port)

    sources = (f"198.51.100.{n}" for n in range(1, 250))
    wait.until(lambda: seen(front, next(sources)) or
               server_at(9)["failures"] > 0, "a question to nobody")
    assert server_at(9)["answers"] == 0 and not server_at(9)["answers_now"]
    assert server_at(bad.port)["answers_now"]


def test_nobody_waits_for_an_answer(listed, stub, strangers):
    """Whole sessions come and go while it is on its way; then it counts."""
    slow = stub(listed={BAD: "127.0.0.2"})
    server, front = listed(slow.address, {
        "bl": {"zone": "bl.test", "timeout": SLOW}})
    until_on(front, "bl")
    slow.does = lambda name, test: "held"
    for secret, code in (("x", 535), ("secret", 235)):
        with greeted(front.ports["mx"], BAD) as one:
            one.auth_plain("bert" if code == 535 else "anna", secret, code)
            one.quit()
        assert state(front)["under_way"] == 1
    # One question, whatever came meanwhile. She is at home there now.
    wait.until(lambda: slow.asked_about(BAD), "the question")
    assert slow.asked_about(BAD) == 1
    slow.release()
    told(front, BAD)
    assert state(front)["under_way"] == 0
    assert tries(front, BAD, "anna", "secret") == 235
    assert server.of("auth")[-1]["ok"]


def test_more_questions_than_allowed_are_shed(listed, stub, strangers):
    slow = stub()
    server, front = listed(slow.address, {
        "bl": {"zone": "bl.test", "timeout": SLOW}}, questions_most=2)
    until_on(front, "bl")
    slow.does = lambda name, test: "silent"
    for n in range(5):
        seen(front, f"203.0.113.{100 + n}")
    wait.until(lambda: state(front)["shed"] == 3, "three shed")
    assert state(front)["under_way"] == 2
    assert len(front.events("dns-lists", level="warn")) == 1
    assert tries(front, "203.0.113.104") == 535
    assert state(front)["shed"] >= 4


def test_forged_answers_cost_a_socket(listed, stub, strangers):
    """Off the path they do not arrive, on it they need the id."""
    real = stub()
    server, front = listed(real.address, {
        "bl": {"zone": "bl.test", "timeout": SLOW}})
    until_on(front, "bl")
    real.does = lambda name, test: "held"
    seen(front, CLEAN)
    wait.until(lambda: real.held, "the question")
    query, keeper, name = real.held[0]
    right = real._world(query, name)[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
        forger.bind(("127.0.0.9", 0))
        for _ in range(100):
            forger.sendto(right, keeper)
    for wrong in real._lying(query, name)[:10]:
        real.sock.sendto(wrong, keeper)
    wait.until(lambda: state(front)["strays"] == 10, "the ten of the server")
    for wrong in real._lying(query, name):
        real.sock.sendto(wrong, keeper)
    # That port is worth nothing any more: the question is asked from another.
    wait.until(lambda: len(real.held) == 2, "the question again")
    assert real.held[1][1] != keeper and real.held[1][0][:2] != query[:2]
    wait.until(lambda: state(front)["sockets"] == 8, "another socket")
    real.sock.sendto(right, keeper)
    real.release()
    wait.until(lambda: state(front)["under_way"] == 0, "the answer")
    assert tries(front, CLEAN) == 535
    assert front.events("listed") == []


def test_check_and_doctor_say_what_is_wrong(listed, stub, strangers):
    bad = stub()
    server, front = listed(bad.address, {
        "bl": {"zone": "bl.test", "timeout": "100ms"}}, test_each="100ms")
    until_on(front, "bl")

    def findings():
        said = front.ctl("--json", "doctor", check=False)
        # How often it answered goes on while the test looks.
        return {(one["level"], re.sub(r" \(\d+\)$", "", one["text"]))
                for one in json.loads(said)["findings"]
                if one["check"] == "dns-lists"}

    assert findings() == {
        ("ok", "the name server 127.0.0.1 answers"),
        ("ok", "bl (bl.test) answers, and its test entries are right")}
    bad.does = lambda name, test: "refusing"
    wait.until(lambda: list_state(front, "bl")["state"] == "off", "off")
    assert ("warn", "bl (bl.test) is off: it refuses to answer us "
            "(127.255.255.254)") in findings()
    front.options["dns_list bl"] = {"zone": "bl..test", "answers": ["1.2.3.4"]}
    front.write_conf()
    done = subprocess.run([binary(), "check", "-c", front.conf_path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert "\"bl..test\" is no name" in done.stderr
    assert "\"1.2.3.4\" is none that counts" in done.stderr


def test_the_name_servers_of_the_system_are_asked_by_default(
        listed, rbldnsd, folder, strangers):
    rbldnsd({"bl.test": {BAD: "127.0.0.2"}}, port=53)
    server, front = listed(None, {"bl": {"zone": "bl.test"}}, run=False)
    asks_stub(front, folder, "timeout:1").start()
    until_on(front, "bl")
    seen(front, BAD)
    told(front, BAD)
    assert tries(front, BAD) == 454
    assert state(front)["resolvers"][0]["port"] == 53


def test_a_keeper_that_dies_asks_again(listed, rbldnsd, strangers):
    lists = rbldnsd({"bl.test": {BAD: "127.0.0.2"}})
    server, front = listed(lists.address, {"bl": {"zone": "bl.test"}})
    until_on(front, "bl")
    attack.kill(front, "keeper")
    front.wait_event("dns-list", 2, state="on")
    wait.until(lambda: tries(front, BAD) == 454, "its lists")

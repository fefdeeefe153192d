"""posternctl doctor on one host; wrong layouts are test_layouts.py's.

Each case is a site with one fault, which doctor must name, and one without.
"""

import json
import os
import subprocess

import pytest

from harness import net
from harness.postern import binary

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def examine(front, *words, typed=""):
    """Its exit code, and {check: [finding]}."""
    done = subprocess.run(
        [binary("posternctl"), "--socket", front.control, "--json", "doctor",
         *words], input=typed, capture_output=True, text=True, check=False)
    found = {}
    for one in json.loads(done.stdout)["findings"]:
        assert one["text"] and (one["do"] or one["level"] != "fail")
        found.setdefault(one["check"], []).append(one)
    return done.returncode, found


def levels(found, check):
    return [one["level"] for one in found[check]]


def test_a_server_that_relays_for_postern(double, postern):
    """The trap of every proxy that hides its clients."""
    open_one = double(relay_from=["127.0.0.1"])
    front = postern({"mx": {}}, [open_one.address], options={"workers": 1})
    code, found = examine(front)
    assert code == 4 and levels(found, "open relay") == ["fail"]
    assert "anti-relay" in found["open relay"][0]["do"]
    assert levels(found, "address lockout") == ["warn"]
    assert levels(found, "server") == levels(found, "rights") == ["ok"]
    assert "PIPELINING" in found["server"][0]["text"]
    # No message was sent and no login tried.
    said = [line.split()[0].upper() for line in open_one.commands()]
    assert "RCPT" in said and not {"DATA", "AUTH", "BDAT"} & set(said)


def test_a_server_that_does_not_relay(double, postern, certs):
    front = postern({"mx": {"starttls": "optional"}},
                    [double().address],
                    certificates={"mail": certs.rsa},
                    options={"workers": 1, "hostname": "other.test"})
    _, found = examine(front)
    assert levels(found, "open relay") == ["ok"]
    assert levels(found, "certificate") == ["warn"]
    assert "is not for other.test" in found["certificate"][0]["text"]
    assert levels(found, "descriptors")[0] in ("ok", "warn")


def probed(double, postern, *words, typed="", source=None, name="postern",
           **params):
    """Its one finding of a lock, as (level, text, do), and the server."""
    server = double(users={"anna": "secret"}, **{
        "auth_clear": "PLAIN", "t_535": "535 no", **params})
    backend = {"servers": [server.address]}
    if source:
        backend["source"] = [source]
    front = postern({"mx": {}}, {"domino": backend}, name=name,
                    options={"workers": 1})
    _, found = examine(front, *words, typed=typed)
    (one,) = found["address lockout"]
    return (one["level"], one["text"], one["do"]), server


@pytest.mark.parametrize("form, sign", [("421", "an answer of 421"),
                                        ("close", "no answer")])
def test_a_lock_that_shuts_the_door(double, postern, form, sign):
    """Found without anybody's password, and left at its first sign."""
    (level, text, cure), server = probed(
        double, postern, "--probe-lockout", ip_lockout=3,
        ip_lockout_form=form)
    assert level == "fail" and "after 3 failed logins" in text
    assert sign in text
    assert "inetlockout.nsf" in cure and "client_address" in cure
    assert len(server.of("auth")) == 3
    assert {one["ok"] for one in server.of("auth")} == {False}


def test_a_lock_that_says_535_to_everybody(double, postern):
    """Domino's own. A right login shows it, a wrong one never can."""
    login = ["--probe-lockout=4", "--login", "anna"]
    locks = {"ip_lockout": 4}
    (level, text, cure), server = probed(
        double, postern, "--probe-lockout=4", **locks)
    assert level == "warn" and "shut no connection" in text
    assert "--login" in cure and len(server.of("auth")) == 5
    (level, text, cure), server = probed(
        double, postern, *login, typed="secret\n", name="again", **locks)
    assert level == "fail" and "an answer of 535" in text
    assert "inetlockout.nsf" in cure
    # It was right, five were wrong, and then it was wrong, too.
    assert [one["user"] == "anna" for one in server.of("auth")] == \
        [True] + 5 * [False] + [True]


def test_a_server_that_locks_nobody_s_address(double, postern):
    """From the address that postern would have."""
    (level, text, _), server = probed(
        double, postern, "--probe-lockout", "--login", "anna",
        typed="secret\n", source="127.0.0.9", user_lockout=3)
    assert level == "ok" and "anna may still log in" in text
    assert {one["ip"] for one in server.of("auth")} == {"127.0.0.9"}


@pytest.mark.parametrize("tls", ["off", "starttls", "required", "implicit"])
def test_a_lock_where_logins_are_inside_tls(double, postern, tls):
    """As most Dominos have it, whatever postern's own leg is."""
    implicit = tls == "implicit"
    server = double(users={"anna": "secret"}, auth_tls="PLAIN",
                    t_535="535 no", ip_lockout=4, tls_port=implicit,
                    starttls="off" if implicit else "enabled")
    port = server.tls_port if implicit else server.port
    front = postern({"mx": {}}, {"domino": {
        "servers": [f"127.0.0.1:{port}"], "tls": tls}},
        options={"workers": 1})
    _, found = examine(front, "--probe-lockout=4", "--login", "anna",
                       typed="secret\n")
    (one,) = found["address lockout"]
    assert one["level"] == "fail" and "535" in one["text"], one
    assert len(server.of("auth")) == 7
    assert {e["tls"] for e in server.of("command")
            if e["line"].startswith("AUTH")} == {True}


def test_what_cannot_be_probed_for_a_lock(double, postern):
    (level, text, _), server = probed(
        double, postern, "--probe-lockout", auth_clear="none")
    assert level == "warn" and "no AUTH PLAIN" in text
    (level, text, _), server = probed(
        double, postern, "--probe-lockout", "--login", "anna",
        typed="wrong\n", name="again")
    assert level == "warn" and "to begin with, got an answer of 535" in text
    assert len(server.of("auth")) == 1      # nothing more was tried


def test_a_server_that_is_away_and_one_that_is_not_known(double, postern):
    port = net.free_port()
    front = postern({"mx": {}}, [f"127.0.0.1:{port}"],
                    options={"workers": 1, "sessions_most": 1000000})
    code, found = examine(front)
    assert code == 4 and levels(found, "server") == ["fail"]
    assert "refused" in found["server"][0]["text"]
    assert levels(found, "descriptors") == ["warn"]


def test_transparent_on_one_host(double, postern):
    """The answers are here already; the server sees the stranger."""
    server = double(host_ip="203.0.113.2")
    front = postern({"mx": {}}, {"domino": {
        "servers": [server.address], "client_address": "transparent"}},
        bind_ip="203.0.113.1", options={"workers": 1})
    _, found = examine(front, "--as", "198.51.100.9")
    assert levels(found, "return path") == levels(found, "open relay") \
        == levels(found, "rights") == ["ok"]
    assert "CAP_NET_RAW" in found["rights"][0]["text"]
    assert server.of("connect")[-1]["ip"] == "198.51.100.9"


def test_for_eyes_and_wrong_words(double, postern):
    front = postern({"mx": {}}, [double().address], options={"workers": 1})
    text = front.ctl("doctor", check=False)
    assert "ok    server: " in text and "      -> " in text
    for option, *words in (
            ["--as", "doctor", "--as", "nobody"],
            ["--as", "status", "--as", "::1"],
            ["--probe-lockout", "doctor", "--probe-lockout=0"],
            ["--probe-lockout", "doctor", "--probe-lockout=101"],
            ["--probe-lockout", "status", "--probe-lockout"],
            ["--probe-lockout", "doctor", "--login", "anna"],
            ["no password", "doctor", "--probe-lockout", "--login", "anna"]):
        done = subprocess.run(
            [binary("posternctl"), "--socket", front.control, *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 2 and option in done.stderr, words
    done = subprocess.run(
        [binary("posternctl"), "--socket", "/nonexistent", "doctor"],
        capture_output=True, text=True)
    assert done.returncode == 3

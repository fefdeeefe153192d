"""The core under events that nobody sane would send, in any order.

Whatever comes: the same lines bring the same answers; who is on the allow list
passes; nobody is refused without a ban that was said and is not over; of one
source no more guesses that fail pass in a window than its limit.
"""

import collections
import ipaddress
import json
import random
import subprocess

import pytest

LIMIT, WINDOW_S, LAPSE_S = 5, 600, 120
LINES = 2500
ALLOWED = [ipaddress.ip_network(text) for text in
           ("10.9.0.0/16", "2001:db8:a::/48", "127.0.0.0/8", "::1/128")]
CONFIG = """
listener "a" { bind = {"127.0.0.1:25"} backend = "b" }
backend "b" { servers = {"127.0.0.1:2525"} }
allow = {"10.9.0.0/16", "2001:db8:a::/48"}
"""
MORE = {
    "defaults": "",
    "connection": "prefix_limit { acts = connection }",
    "strangers only": "soft_ban { mode = off }\ncampaign { mode = off }",
    "strict": "helo { mode = enforce names = {\"ylmf-pc\"} }\n"
    "connections { mode = enforce times = 50 }\n"
    "compromise { mode = enforce }\nlockout_shield { lockout = 5 }",
}
NAMES = ["anna", "ANNA", "anna@x.example", "", "\0", "a" * 5000, "\u202eanna",
         "x\r\n535", "\x7f", *(f"user{n}" for n in range(30))]
ODD = ["0.0.0.0", "::", "255.255.255.255", "ff02::1", "127.0.0.1", "::1",
       "::ffff:192.0.1.1", "fe80::1"]


class Stream:
    """Questions; whoever may begin a login begins, ends or forgets it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now, self.last_id, self.open = 0.0, 0, {}
        self.rush = []      # addresses of logins that come at once

    def address(self):
        r, kind = self.random, self.random.random()
        if kind < 0.5:      # a few sources with many guesses each
            return f"192.0.{r.randrange(3)}.{r.randrange(r.choice([3, 3, 254]))}"
        if kind < 0.6:
            return r.choice([f"10.9.1.{r.randrange(3)}",
                             f"2001:db8:a:{r.randrange(3)}::1"])
        if kind < 0.75:
            return f"2001:db8:{r.randrange(1, 3)}:{r.randrange(600):x}::1"
        if kind < 0.8:
            return r.choice(ODD)
        return f"{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.1"

    def begin(self):
        r = self.random
        if self.open and r.random() < 0.2:
            number = r.choice(list(self.open))
        else:
            self.last_id = number = self.last_id + 1
            self.open[number] = {
                "src": self.rush.pop() if self.rush else self.address(),
                "user": r.choice(NAMES),
                "tag": r.choice([f"{r.randrange(5):016x}",
                                 f"{r.getrandbits(64):016x}", None])}
        return {"ask": "auth_begin", "id": number, **self.open[number],
                "lockout": r.random() < 0.01}

    def end(self):
        r = self.random
        number = r.choice(list(self.open))
        told = {"id": number, "src": self.open.pop(number)["src"]}
        if r.random() < 0.1:
            return {"ask": "auth_abandoned", **told}
        return {"ask": "auth_settled", **told, "code": r.choice(
            ["535"] * 8 + ["235", "454", None, "501", "503", "421"])}

    def next(self):
        r = self.random
        if self.rush:
            return {**self.begin(), "t": round(self.now, 3)}
        if r.random() < 0.01:
            self.rush = [self.address()] * 12
        self.now += r.choice([0, 0, 0, 0.001, 0.1, 1, 5, 30]) \
            if r.random() < 0.995 else r.choice([600, 3600, 86400, 31 * 86400])
        kind = r.random()
        if kind < 0.2:
            what = {"ask": "connect", "conn": r.randrange(1, 1 << 40),
                    "src": self.address(), "listener": r.choice([25, 587, 0]),
                    "helo": r.choice(["", "ylmf-pc", "x" * 300, "\0"])}
        else:
            what = self.begin() if kind < 0.65 or not self.open else self.end()
        return {**what, "t": round(self.now, 3)}


def answers(posternctl, config, asked):
    done = subprocess.run(
        [posternctl, "policy-filter", "--seed", "3", "--config", config],
        input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def address_of(text):
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def inside(address, networks):
    return any(address in one for one in networks
               if one.version == address.version)


def refused_without_a_ban(asked, said):
    bans = []
    for one, answer in zip(asked, said):
        bans += [(ipaddress.ip_network(prefix), until)
                 for prefix, until, _ in answer["bans"]]
        if answer.get("verdict") not in ("refuse", "ignore"):
            continue
        held = [prefix for prefix, until in bans
                if until is None or until >= one["t"]]
        if not inside(address_of(one["src"]), held):
            yield one, answer


def failures(asked, said):
    """{source: {guess: when it failed first}} of those with no success."""
    passed, found, people = {}, collections.defaultdict(dict), set()
    for one, answer in zip(asked, said):
        address = address_of(one["src"])
        source = ipaddress.ip_network(
            (address, 32 if address.version == 4 else 64), strict=False)
        if one["ask"] == "auth_begin":
            passed.pop(one["id"], None)
            if answer["verdict"] == "pass":
                known = one["user"] and one["tag"]
                passed[one["id"]] = one["t"], (
                    one["user"].lower(), one["tag"],
                    None if known else one["id"])
        elif one["ask"] != "connect" and one["id"] in passed:
            began, guess = passed.pop(one["id"])
            if one.get("code") == "235":
                people.add(source)
            if one.get("code") in ("535", None) and not (
                    one["ask"] == "auth_settled" and one["code"] is None):
                found[source].setdefault(guess,
                                         min(one["t"], began + LAPSE_S))
    return {source: sorted(of.values()) for source, of in found.items()
            if source not in people
            and not inside(source.network_address, ALLOWED)}


@pytest.mark.parametrize("more", MORE)
def test_hostile_streams_break_no_promise(posternctl, tmp_path, more):
    config = tmp_path / "postern.conf"
    config.write_text(CONFIG + MORE[more])
    stream = Stream(more)
    asked = [stream.next() for _ in range(LINES)]
    said = answers(posternctl, config, asked)
    assert said == answers(posternctl, config, asked)
    for one, answer in zip(asked, said):
        if one["ask"].startswith("auth_b") and inside(
                address_of(one["src"]), ALLOWED):
            assert answer["verdict"] == "pass", (one, answer)
    assert not list(refused_without_a_ban(asked, said))
    tried = failures(asked, said)
    for source, times in tried.items():
        for first, sixth in zip(times, times[LIMIT:]):
            assert sixth - first >= WINDOW_S, (source, times)
    # Else the stream is too tame to say anything.
    assert any(answer.get("verdict") == "hold" for answer in said)
    assert sum(len(answer["bans"]) for answer in said) > 5

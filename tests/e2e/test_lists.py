"""Lists of others, from files and from real HTTP and HTTPS servers."""

import os
import signal
import time
import urllib.request

import pytest

from attack import greeted, guess
from harness import wait
from harness.raw import Broken, Client
from list_server import (ListServer, Page, cut, dribbles, endless, hangs,
                         moved)

LISTED, NEAR, OTHER, FREE = (f"203.0.113.{n}" for n in (7, 8, 70, 200))
FILLER = [f"198.51.100.{n}" for n in range(40)]


def text_of(*entries):
    return "\n".join(["# a list", *entries, ""])


@pytest.fixture
def server():
    opened = []

    def start(pages, **more):
        opened.append(ListServer(pages, **more))
        return opened[-1]
    yield start
    for one in opened:
        one.close()


@pytest.fixture
def front(double, postern):
    """postern with these lists: {title: options}."""
    def start(lists, run=True, **options):
        behind = double(auth_clear="LOGIN PLAIN")
        one = postern({"mx": {}}, [behind.address], run=False, options={
            "workers": 1, "source_limit": {"delay": "0s", "failures": 100,
                                           "slow_failures": 0},
            **options,
            **{f"list {title}": {"every": "1s", **more}
               for title, more in lists.items()}})
        one.behind = behind
        return one.start() if run else one
    return start


def state(one, title):
    return next((row for row in one.ctl("status", json_out=True)["lists"]
                 if row["list"] == title), None)


def banned(one, source):
    """The ban that holds this address, or None."""
    return one.ctl("explain", source, json_out=True)["ban"]


def until_banned(one, source):
    return wait.until(lambda: banned(one, source), f"a ban of {source}")


def until_free(one, source):
    wait.until(lambda: not banned(one, source), f"no ban of {source}")


def until_refused(one, title, because):
    def look():
        row = state(one, title)
        return row if row and row["refused"] and because in row["error"] \
            else None
    return wait.until(look, f"{title} refused: {because}")


def turned_away(one, source):
    """The worker meets it at the door, before any banner."""
    def look():
        try:
            with Client(one.ports["mx"], source=source) as client:
                return client.reply(220) is None
        except (Broken, OSError, AssertionError):
            return True
    wait.until(look, f"{source} turned away")


def write(path, text):
    """As whoever writes such files should."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.rename(path)


def reload(one):
    before = len(one.events("reload"))
    one.write_conf()
    one.reload()
    one.wait_event("reload", before + 1)


class hosts:
    """A name for 127.0.0.1, for the resolver of this network namespace."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        with open("/etc/hosts", encoding="ascii") as text:
            self.before = text.read()
        if self.name not in self.before:
            with open("/etc/hosts", "a", encoding="ascii") as text:
                text.write(f"127.0.0.1 {self.name}\n")

    def __exit__(self, *_):
        with open("/etc/hosts", "w", encoding="ascii") as text:
            text.write(self.before)


# ---- bans ----

def test_a_list_bans_before_the_banner_until_it_names_one_no_more(
        front, server, strangers):
    source = server({"/list": text_of(LISTED, "203.0.113.64/28", *FILLER)})
    one = front({"drop": {"url": source.url()}}, banned={"answer": "close"})
    ban = until_banned(one, LISTED)
    assert (ban["rule"], ban["note"], ban["acts"]) == \
        ("list", "drop", "connection")
    assert 2 * 86400 - 60 < ban["left_s"] <= 2 * 86400 * 9 // 8
    assert until_banned(one, OTHER)["prefix"] == "203.0.113.64/28"
    turned_away(one, LISTED)
    turned_away(one, OTHER)
    assert guess(one.ports["mx"], FREE) == 535
    told = one.ctl("explain", LISTED, json_out=True)
    assert told["on_lists"] == ["drop"] and "(\"drop\")" in told["summary"]
    assert "on lists" in one.ctl("explain", LISTED)
    row = state(one, "drop")
    assert (row["as"], row["entries"], row["banned"], row["error"]) == \
        ("ban", 42, 42, "")
    assert "drop" in one.ctl("status")
    source["/list"] = text_of(LISTED, *FILLER)
    until_free(one, OTHER)
    assert banned(one, LISTED)
    assert guess(one.ports["mx"], OTHER) == 535


def test_what_is_the_operators_or_another_rules_stays(
        front, server, strangers):
    source = server({"/list": text_of(*FILLER)})
    one = front({"drop": {"url": source.url()}},
                source_limit={"failures": 2, "delay": "0s",
                              "slow_failures": 0, "ban": "1h"})
    wait.until(lambda: state(one, "drop")["banned"] == 40, "40 bans")
    one.ctl("bans", "add", NEAR, "--for", "3h", "--reason", "my own")
    one.ctl("allow", "add", FREE)
    for secret in "ab":
        guess(one.ports["mx"], OTHER, secret=secret)
    until_banned(one, OTHER)
    source["/list"] = text_of(LISTED, NEAR, OTHER, FREE, *FILLER)
    until_banned(one, LISTED)
    row = wait.until(lambda: state(one, "drop")
                     if state(one, "drop")["others"] else None, "named")
    assert (row["entries"], row["banned"], row["others"], row["allowed"]) \
        == (44, 41, 2, 1)
    assert banned(one, NEAR)["note"] == "my own"
    assert banned(one, OTHER)["rule"] == "source-limit"
    assert guess(one.ports["mx"], FREE) == 535
    source["/list"] = text_of(*FILLER)
    until_free(one, LISTED)
    assert banned(one, NEAR)["rule"] == "operator"
    assert banned(one, OTHER)["rule"] == "source-limit"
    # An order lifts one, until the list names it again; allow is for good.
    one.ctl("bans", "del", FILLER[0])
    until_banned(one, FILLER[0])
    one.ctl("allow", "add", FILLER[0])
    assert not banned(one, FILLER[0])


def test_what_is_fetched_no_more_expires(front, server, strangers):
    source = server({"/list": text_of(LISTED, *FILLER)})
    one = front({"drop": {"url": source.url(), "expire": "3s"}})
    until_banned(one, LISTED)
    source["/list"] = Page(status=503)
    row = until_refused(one, "drop", "the server answers 503")
    assert row["entries"] == 41
    until_free(one, LISTED)
    assert one.ctl("bans", "list", json_out=True)["bans"] == []


def test_scores_of_lists_add_up_and_strangers_are_answered_454(
        front, server, strangers):
    source = server({"/one": text_of(LISTED, "203.0.113.64/26", *FILLER),
                     "/two": text_of(OTHER, *FILLER)})
    one = front({"one": {"url": source.url("/one"), "as": "score"},
                 "two": {"url": source.url("/two"), "as": "score",
                         "score": 2}},
                dns_lists={"mode": "enforce", "threshold": 3})
    wait.until(lambda: state(one, "one")["entries"] == 42 and
               state(one, "two")["entries"] == 41, "both lists")
    for address, score, names in ((OTHER, 3, "one,two"),
                                  (LISTED, 1, "one")):
        with greeted(one.ports["mx"], address) as client:
            client.quit()
        told = one.wait_event("listed", src=address)
        assert (told["score"], told["lists"]) == (score, names)
    assert guess(one.ports["mx"], OTHER) == 454
    assert guess(one.ports["mx"], LISTED) == 535
    assert one.ctl("bans", "list", json_out=True)["bans"] == []
    assert one.ctl("explain", OTHER, json_out=True)["on_lists"] == \
        ["one", "two"]
    source["/two"] = text_of(*FILLER)
    wait.until(lambda: state(one, "two")["entries"] == 40, "it is dropped")
    wait.until(lambda: guess(one.ports["mx"], OTHER) == 535, "let in again")


# ---- where they come from ----

def test_a_list_that_is_as_it_was_is_not_sent_again(
        front, server, strangers):
    source = server({"/list": Page(text_of(LISTED, *FILLER), etag='"v1"')})
    one = front({"drop": {"url": source.url(), "expire": "3s"}})
    until_banned(one, LISTED)
    # Longer than the life of a ban: each 304 names it again.
    wait.until(lambda: source.count(status=304) >= 6, "304 again and again")
    assert source.count(status=200) == 1
    until_banned(one, LISTED)   # on a slow machine: again
    source["/list"] = Page(text_of(NEAR, *FILLER), etag='"v2"')
    until_free(one, LISTED)
    assert banned(one, NEAR)
    assert source.count(status=200) == 2


def test_a_file_is_read_and_looked_at_again(front, folder, strangers):
    path = folder / "list.txt"
    one = front({"own": {"file": path}}, run=False)
    write(path, text_of(LISTED))
    one.start()
    until_banned(one, LISTED)
    write(path, text_of(NEAR))
    until_free(one, LISTED)
    assert until_banned(one, NEAR)["note"] == "own"
    path.unlink()
    until_refused(one, "own", "No such file")
    assert banned(one, NEAR)
    os.mkfifo(path)
    until_refused(one, "own", "it is no file")
    path.unlink()
    path.write_text(text_of(LISTED))
    path.chmod(0)
    until_refused(one, "own", "Permission denied")


def test_https_is_checked_and_redirects_stay_with_it(
        front, server, certs, strangers):
    token = "0123456789abcdef"
    plain = server({"/list": text_of(LISTED, *FILLER)})
    forged = server({"/list": text_of(LISTED, *FILLER)},
                    pair=certs.stranger)
    other = server({"/list": text_of(NEAR, *FILLER)}, pair=certs.rsa)
    name = "mail.example.test"
    good = server({
        "/list": text_of(OTHER, *FILLER),
        "/away": moved(other.url(host=name)),
        "/down": moved(plain.url()),
        "/file": moved("file:///etc/passwd"),
        "/round": moved("/round"),
    }, pair=certs.rsa)
    path = certs.folder / "token"
    path.write_text(token + "\n")
    path.chmod(0o600)
    lists = {title: {"url": url, "ca_file": certs.ca, "timeout": "20s"}
             for title, url in {
                 "good": good.url(host=name),
                 "away": good.url("/away", host=name),
                 "down": good.url("/down", host=name),
                 "other-scheme": good.url("/file", host=name),
                 "round": good.url("/round", host=name),
                 "forged": forged.url(host=name),
                 "name": good.url(host="localhost")}.items()}
    lists["good"]["token_file"] = lists["away"]["token_file"] = path
    with hosts(name):
        one = front(lists)
        until_banned(one, OTHER)
        until_banned(one, NEAR)
        until_refused(one, "down", "not supported")
        until_refused(one, "other-scheme", "not supported")
        until_refused(one, "round", "Maximum (3) redirects")
        until_refused(one, "forged", "certificate")
        until_refused(one, "name", "certificate")
    assert not banned(one, LISTED) and plain.asked == []
    assert {o["headers"].get("Authorization") for o in good.asked
            if o["path"] in ("/list", "/away")} == {f"Bearer {token}"}
    # A token is for the server that it was given for... whose port differs.
    assert all("Authorization" not in o["headers"] for o in other.asked)
    assert one.secrets_in_log(token) == []


# ---- what is no list ----

ABSURD = {      # title: (what it says after it was good, the reason)
    "empty": ("", "it has 0 entries and had 41"),
    "comments": ("# only words\n", "it has 0 entries and had 41"),
    "shrunk": (text_of(NEAR, NEAR), "it has 1 entries and had 41"),
    "too-many": (text_of(*(f"198.18.0.{n}" for n in range(101))),
                 "more than 100 entries"),
    "nonsense": (text_of(*FILLER, "Please", "come", "back", "later"),
                 "4 of its 44 lines"),
    "all": (text_of(*FILLER, "0.0.0.0/0"), "0.0.0.0/0, which is too wide"),
    "wide": (text_of(*FILLER, "64.0.0.0/7"), "too wide"),
    "wide-v6": (text_of(*FILLER, "2000::/18"), "too wide"),
    "own": (text_of(*FILLER, "127.0.0.1"), "one of our own"),
    "html": ("<!DOCTYPE html><title>Sign in</title>", "HTML"),
    "cut": (cut(text_of(*FILLER)), "the server promised more"),
    "json-cut": ('{"version":1,"bans":[\n{"prefix":"192.0.2.1"},\n',
                 "the end of the feed is missing"),
    "gone": (Page(status=404), "the server answers 404"),
    "hangs": (Page(play=hangs), "timed out"),
    "dribbles": (Page(play=dribbles), "timed out"),
    "endless": (Page(play=endless), "longer than 16 MiB"),
}


def test_what_is_no_list_changes_nothing_and_is_said_once(
        front, server, strangers):
    entries = {title: f"203.0.113.{n}"
               for n, title in enumerate(ABSURD, start=100)}
    source = server({f"/{title}": text_of(entry, *FILLER)
                     for title, entry in entries.items()})
    one = front({title: {"url": source.url(f"/{title}"), "max": 100,
                         "timeout": "2s"} for title in ABSURD},
                admin={"bind": ["127.0.0.1:8025"]})
    wait.until(lambda: all(state(one, title)["entries"] == 41
                           for title in ABSURD), "all lists read")
    for title, (page, _) in ABSURD.items():
        source[f"/{title}"] = page
    for title, (_, because) in ABSURD.items():
        row = until_refused(one, title, because)
        assert row["entries"] == 41, title
        assert banned(one, entries[title])["note"] == title
    # Whom an absurd list named besides is not banned.
    assert not banned(one, NEAR) and not banned(one, "198.18.0.1")
    # Again and again, and said once each.
    counted = {title: source.count(f"/{title}") for title in ABSURD}
    quick = [title for title in ABSURD if title not in
             ("hangs", "dribbles", "endless")]
    wait.until(lambda: all(source.count(f"/{title}") > counted[title] + 1
                           for title in quick), "asked again")
    for title in quick:
        assert len(one.events("list-trouble", list=title)) == 1, title
    # And it comes to its senses.
    source["/html"] = text_of(LISTED, *FILLER)
    until_banned(one, LISTED)
    assert state(one, "html")["error"] == ""
    metrics = read_metrics(8025)
    assert metrics['postern_list_entries{list="html"}'] == 41
    assert metrics['postern_list_age_seconds{list="html"}'] < 60
    assert metrics['postern_list_refused_total{list="own"}'] >= 1


def read_metrics(port):
    with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        rows = [line.rsplit(" ", 1) for line in
                answer.read().decode().splitlines() if line[:1] != "#"]
    return {name: float(value) for name, value in rows}


# ---- starts, ends, reloads ----

def test_lists_outlive_starts_without_a_network(front, server, strangers):
    source = server({"/list": Page(text_of(LISTED, *FILLER), etag='"v1"'),
                     "/score": text_of(OTHER, *FILLER)})
    one = front({"drop": {"url": source.url()},
                 "score": {"url": source.url("/score"), "as": "score"}},
                dns_lists={"mode": "enforce", "threshold": 1},
                banned={"answer": "close"})
    until_banned(one, LISTED)
    wait.until(lambda: state(one, "score")["entries"] == 41, "the score")
    one.stop_clean()
    source.close()
    one.spawn()
    one.wait_ready(2)
    assert banned(one, LISTED)["note"] in ("drop", "")
    wait.until(lambda: "connect" in state(one, "drop")["error"],
               "that it says so")
    row = state(one, "drop")
    assert (row["entries"], row["banned"]) == (41, 41) and row["age_s"] >= 0
    assert banned(one, LISTED)["note"] == "drop"
    turned_away(one, LISTED)
    assert one.ctl("explain", OTHER, json_out=True)["on_lists"] == ["score"]
    # Its processes die: nobody notices but the log.
    for role in ("fetch", "keeper"):
        pid = pid_of(one, role)
        os.kill(pid, signal.SIGKILL)
        wait.until(lambda: pid_of(one, role, pid), f"another {role}")
    wait.until(lambda: state_or_none(one, "drop", 41), "the list again")
    wait.until(lambda: (banned(one, LISTED) or {}).get("note") == "drop",
               "whose it is")
    assert guess(one.ports["mx"], FREE) == 535


def state_or_none(one, title, entries):
    """While a keeper is on its way there is nobody to ask."""
    try:
        return state(one, title)["entries"] == entries
    except AssertionError:
        return None


def pid_of(one, role, not_this=None):
    pids = [pid for pid, line in one.pids().items()
            if f"postern-{role}" in line and pid != not_this]
    return pids[0] if pids else None


def test_a_reload_adds_lists_and_removes_them(front, server, strangers):
    source = server({"/one": text_of(LISTED, *FILLER),
                     "/two": text_of(LISTED, NEAR)})
    one = front({"one": {"url": source.url("/one")}})
    until_banned(one, LISTED)
    one.options["list two"] = {"url": source.url("/two"), "every": "1s"}
    reload(one)
    until_banned(one, NEAR)
    wait.until(lambda: banned(one, LISTED)["note"] == "one,two", "both")
    del one.options["list one"]
    reload(one)
    until_free(one, FILLER[0])
    assert banned(one, LISTED)["note"] == "two" and banned(one, NEAR)
    # Another place is another list.
    source["/three"] = text_of(OTHER)
    one.options["list two"]["url"] = source.url("/three")
    reload(one)
    until_banned(one, OTHER)
    until_free(one, NEAR)
    del one.options["list two"]
    reload(one)
    until_free(one, OTHER)
    wait.until(lambda: pid_of(one, "fetch") is None, "no process for it")
    assert one.ctl("status", json_out=True)["lists"] == []
    left = one.state / "lists"
    assert sorted(path.name for path in left.iterdir()) == ["two"]


def test_two_that_listen_to_each_other_do_not_ban_for_ever(
        front, server, strangers):
    source = server({"/list": text_of(LISTED, *FILLER)})
    one = front({"drop": {"url": source.url()}})
    until_banned(one, LISTED)
    one.ctl("bans", "add", NEAR)
    assert one.ctl("feed", "plain").split() == [NEAR]


# ---- how long it takes ----

def test_a_hundred_thousand_come_into_force_while_others_are_served(
        front, folder, strangers):
    path = folder / "list.txt"
    one = front({"big": {"file": path, "every": "1h"}}, run=False)
    write(path, "".join(f"100.{n >> 16}.{n >> 8 & 255}.{n & 255}\n"
                        for n in range(100000)))
    one.start()
    began, waits = time.monotonic(), []
    with greeted(one.ports["mx"], FREE) as client:
        def look():
            at = time.monotonic()
            client.cmd("NOOP")
            waits.append(time.monotonic() - at)
            return state(one, "big")["banned"] == 100000
        wait.until(look, "a hundred thousand bans", 120)
    took = time.monotonic() - began
    assert banned(one, "100.1.134.159")["note"] == "big"
    stall = one.ctl("status", json_out=True)["loops"]["keeper_stall_ms"]
    print(f"100,000 in force after {took:.1f} s; of {len(waits)} NOOP the "
          f"slowest {max(waits) * 1000:.0f} ms; the keeper's longest turn "
          f"{stall} ms")

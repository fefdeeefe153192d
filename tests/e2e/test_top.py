"""`posternctl top` in a real terminal: what it shows, what keys do, how it ends.

A postern that all share is attacked from other addresses in each test. What no
postern says is said by a stand-in at a control socket.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from attack import greeted, guesses
from harness import wait
from harness.double import Double
from harness.postern import ROOT, Postern, binary
from tmux import Terminal

OPTIONS = {"source_limit": {"failures": 5, "delay": "0s", "ban": "30m"},
           "banned": {"answer": "refuse"}}
LIVE = "enforce"
PICTURES = os.environ.get("POSTERN_PICTURES")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*[34][0-7](?:;\d+)*m")


@pytest.fixture(scope="module")
def front(place):
    """One postern for all tests; each has addresses of its own."""
    server = Double(place, auth_clear="LOGIN PLAIN", t_535="535 no")
    program = Postern(place, {"mx": {}}, [server.address], options=OPTIONS)
    program.start()
    yield program
    program.stop_clean()
    server.stop()


@pytest.fixture
def terminal(folder):
    """Open a terminal: terminal(width=80, height=24)."""
    opened = []

    def start(**more):
        opened.append(Terminal(folder, **more))
        return opened[-1]
    yield start
    for one in opened:
        one.close()


def begin(one, control, before=""):
    """Type it; how it ended stands on the screen afterwards."""
    one.type(f"{before} {binary('posternctl')} --socket {control} top;"
             " echo left with $?")
    one.keys("Enter")
    return one


def guess(front, source, count, user="anna"):
    """Wrong passwords that nobody has tried before."""
    return guesses(front.ports["mx"], source, count, user, word=source)


def bans(front):
    answer = front.ctl("bans", "list", json_out=True)
    return {ban["prefix"]: ban for ban in answer["bans"]}


class StandIn:
    """A control socket that answers what it is told to."""

    def __init__(self, path):
        self.answers = {"status": {"mode": LIVE, "version": "1", "pid": 1},
                        "watch": {"serial": 1, "guessers": []},
                        "bans.recent": {"serial": 1, "bans": []},
                        "backends.list": {"backends": []}}
        self.asked, self.connections, self.ended = [], 0, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(one,),
                             daemon=True).start()

    def _serve(self, one):
        # Who leaves with answers unread resets the connection.
        with one, one.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                one.sendall(self._answer(json.loads(line)["command"]))
        self.ended += 1

    def _answer(self, command):
        self.asked.append(command)
        answer = self.answers[command]
        if isinstance(answer, list):    # one after the other
            answer = answer.pop(0)
        if isinstance(answer, dict):
            answer = json.dumps({"ok": True, **answer}).encode()
        return answer + b"\n"

    def close(self):
        self.listener.close()


@pytest.fixture
def stand_in(folder):
    one = StandIn(folder / "control")
    yield one
    one.close()


def guesser(source, user, count=9, last=2, **more):
    return {"source": source, "guesses": count, "since": 1, "last": last,
            "user": user, "banned": "ban" in more, "ban": None, **more}


# What it shows

def test_shows_who_guesses_who_is_banned_and_the_servers(
        front, terminal, strangers):
    guesser, banned = strangers[0], strangers[1]
    one = begin(terminal(), front.control)
    one.wait(LIVE, "backends 1 up", "firewall none", "a attack")
    guess(front, guesser, 3, user="boris")
    guess(front, banned, 5)
    seen = one.wait(f"{guesser} ", f"{banned} ", "banned 29m",
                    "LAST DECISIONS", "too many failed logins")
    line = next(line for line in seen.splitlines() if f"{guesser} " in line)
    assert re.search(r" 3 +\d+s +boris +guesses", line), line
    one.keys("b")
    one.wait("PREFIX", banned, "source-limit", without=("FAILED  LAST",))
    one.keys("Tab")
    one.wait("SERVER", next(iter(front.backends.values()))["servers"][0],
             without=("PREFIX",))
    one.keys("Tab")
    one.wait("SOURCE", guesser)
    one.keys("?")
    help_text = one.wait("any key goes back", without=("SOURCE",))
    assert len(help_text.rstrip("\n").splitlines()) <= 24
    for word in ("lift the ban", "ban the source", "stand still", "leave"):
        assert word in help_text
    one.keys("x")
    one.wait("SOURCE", guesser)


def test_rates_are_counted(front, terminal, strangers):
    one = begin(terminal(), front.control)
    one.wait("logins 0.0/s ok, 0.0/s failed")
    for n in range(3):
        guess(front, strangers[10 + n], 4)
    one.wait("failed", without=("0.0/s failed", "connections 0.0/s"))


def ban(prefix, now, left, rule, text, **more):
    return {"prefix": prefix, "since": now - 60, "until": now + left,
            "left_s": left, "rule": rule, "text": text, "acts": "connection",
            "repeat": 0, "failures": 5, "note": "", **more}


def an_attack(stand_in, now):
    """What a postern says of one, for the picture in docs/top.md."""
    text = "too many failed logins from this source in the short window"
    first = ban("198.51.100.9", now, 1742, "source-limit", text)
    wide = ban("203.0.113.0/24", now, 980, "prefix-limit",
               "too many failed logins from this network", acts="login")
    rows = [guesser("198.51.100.9", "anna", 5, now - 58, ban=first),
            guesser("203.0.113.77", "administrator", 4, now - 31, ban=wide),
            guesser("203.0.113.12", "info", 4, now - 22, ban=wide),
            guesser("192.0.2.61", "bert.jansen@example.com", 3, now - 4),
            guesser("2001:db8:6:12::/64", "\\x1b]0;you\\x07", 2, now - 1)]
    rows += [guesser(f"198.51.100.{n}", "sales", 1, now - n)
             for n in range(21, 26)]
    decisions = [(7, "ban", wide), (58, "ban", first)]
    stand_in.answers.update({
        "watch": {"serial": 1, "guessing": len(rows), "guessers": rows, "decisions": [
            {"at": now - age, "kind": kind, "prefix": one["prefix"],
             "rule": one["rule"], "text": one["text"]}
            for age, kind, one in decisions]},
        "bans.recent": {"serial": 1, "bans": [wide, first]},
        "backends.list": {"backends": [
            {"backend": "domino", "address": "10.0.0.25:25", "state": "up",
             "since": now - 90000, "sessions": 31}]}})


def counts(n):
    """A status whose counters grow with n."""
    return {"version": "0.1.0", "mode": LIVE, "pid": 1, "uptime_s": 93784,
            "bans": 2, "alarms": 0,
            "sessions": {"open": 31, "tarpit": 4, "total": 22 * n,
                         "turned_away": 57 * n, "messages": 3 * n},
            "logins": {"ok": 2 * n, "failed": 6 * n},
            "firewall": {"backend": "nft", "connected": True,
                         "synced_at": 1, "drift": 0}}


def test_picture_in_the_document_is_what_is_shown(stand_in, folder, terminal):
    """POSTERN_PICTURES makes it anew."""
    an_attack(stand_in, int(time.time()))
    stand_in.answers["status"] = [counts(n) for n in range(1, 500)]
    one = begin(terminal(), folder / "control")
    one.wait("UNDER ATTACK", "198.51.100.9", without=("-/s",))
    shown = one.screen().rstrip("\n")
    path = ROOT / "docs/top.md"
    before, picture, behind = path.read_text().split("```\n", 2)
    if PICTURES:
        picture = shown + "\n"
        path.write_text("```\n".join([before, picture, behind]))
    assert lasting(shown) == lasting(picture)


def lasting(text):
    """All words but what passes: spans, rates, and what these cut short."""
    text = re.sub(r"[\d.]+/s|\d+[smhd]( \d+[smhd])?", "N", text)
    return [word for word in text.split() if not word.endswith("~")]


def session(address, **more):
    return {"ref": "AB", "age_ms": 61000, "slot": 1, "pid": 9, "port": 4000,
            "address": address, "listener": "mx", "phase": "dialog",
            "state": "data", "tls": "TLSv1.3", "user": "", "tarpit": False,
            "client_bytes": 812, "server_bytes": 99000, "server": "", **more}


def test_shows_sessions_and_asks_for_them_only_then(
        stand_in, folder, terminal):
    stand_in.answers["config"] = {"source_limit": {"ban": 3600000}}
    stand_in.answers["sessions"] = {"silent": [{"slot": 2}], "sessions": [
        session("192.0.2.7", user="anna", port=n) for n in (1, 2)] + [
        session("198.51.100.9", phase="tarpit", state="", tarpit=True)]}
    one = begin(terminal(), folder / "control")
    one.wait(LIVE, "s sessions", "quiet")
    assert "sessions" not in stand_in.asked
    one.keys("s")
    seen = one.wait("192.0.2.7", "tarpit", "1 worker SILENT", "DOES")
    assert seen.count("192.0.2.7") == 2
    assert re.search(r"1m 1s +192.0.2.7 +anna +data +mx +TLSv1.3 +812 +96K",
                     seen), seen
    one.keys("End", "B")
    one.wait("Ban 198.51.100.9 for 1h? y/n")
    one.keys("n", "a")
    one.wait("SOURCE", without=("SILENT",))


def test_shows_the_sessions_of_a_postern(front, terminal, strangers):
    source = strangers[40]
    one = begin(terminal(), front.control)
    one.wait(LIVE)
    one.keys("s")
    with greeted(front.ports["mx"], source):
        seen = one.wait(source)
        assert re.search(rf"{source} +command +mx", seen), seen
    one.wait("no session is open")


# What keys do

def test_bans_and_unbans_the_source_under_the_cursor(
        front, terminal, strangers):
    source, other = strangers[20], strangers[21]
    guess(front, other, 4, user="clara")
    guess(front, source, 3, user="clara")
    one = begin(terminal(), front.control)
    one.wait(source, other)
    one.type(f"/{source}")
    one.wait(f"lines with: {source}_", "1 of ", without=(other,))
    one.keys("Enter")
    one.wait("B ban", f": {source}", "1 of ")
    one.keys("B")
    one.wait(f"Ban {source} for 30m? y/n")
    one.keys("n")
    one.wait("B ban", without=("y/n",))
    assert source not in bans(front)
    one.keys("B")
    one.wait(f"Ban {source} for 30m? y/n")
    one.keys("y")
    one.wait(f"{source} is banned", f"{source} ", "banned 29m", "operator")
    ban = bans(front)[source]
    assert ban["rule"] == "operator" and ban["note"] == "by hand, in top"
    assert 0 < ban["left_s"] <= 1800
    one.keys("b")
    one.wait("PREFIX", "by hand, in top")
    one.keys("u")
    one.wait(f"Unban {source} (left: 29m", "y/n")
    one.keys("y")
    one.wait("1 ban lifted", "no line has these letters")
    assert source not in bans(front)
    one.keys("Escape", "a")
    one.wait(source, other, "guesses")


def test_says_why_an_order_was_refused(front, terminal, strangers):
    source = strangers[25]
    guess(front, source, 3, user="dora")
    front.ctl("allow", "add", source)
    one = begin(terminal(), front.control)
    one.wait(source)
    one.type(f"/{source}")
    one.keys("Enter")
    one.wait("1 of ")
    one.keys("u")
    one.wait("this line is not banned")
    one.keys("B")
    one.wait("y/n")
    one.keys("y")
    one.wait(f"{source} is on the allow list")


def test_question_stays_whatever_comes(stand_in, folder, terminal):
    stand_in.answers["config"] = {"source_limit": {"ban": 3600000}}
    stand_in.answers["bans.add"] = {"prefix": "192.0.2.1"}
    stand_in.answers["watch"]["guessers"] = [guesser("192.0.2.1", "anna")]
    one = begin(terminal(), folder / "control")
    one.wait("192.0.2.1 ")
    one.keys("B")
    one.wait("Ban 192.0.2.1 for 1h? y/n")
    stand_in.answers["watch"] = {"serial": 1, "guessers": [
        guesser("198.51.100.9", "otto")]}
    one.wait("198.51.100.9 ", "Ban 192.0.2.1 for 1h? y/n")
    one.resize(100, 30)
    one.wait("198.51.100.9 ", "Ban 192.0.2.1 for 1h? y/n")
    assert "bans.add" not in stand_in.asked
    one.keys("y")
    one.wait("192.0.2.1 is banned")
    assert stand_in.asked.count("bans.add") == 1


def test_moves_and_scrolls(stand_in, folder, terminal):
    stand_in.answers["watch"]["guessers"] = [
        guesser(f"192.0.2.{n}", f"user{n}.") for n in range(1, 61)]
    one = begin(terminal(), folder / "control")
    one.wait("user1.", "user5.", without=("user30.",))
    for keys, there, gone in (
            (["End"], "user60.", "user1."), (["Up"], "user60.", "user1."),
            (["PPage"] * 6, "user1.", "user60."),
            (["Down"] * 18, "user19.", "user1."),
            (["NPage"] * 6, "user60.", "user19."),
            (["Home"], "user1.", "user60.")):
        one.keys(*keys)
        one.wait(there, without=(gone,))


def test_pauses_and_goes_on(stand_in, folder, terminal):
    one = begin(terminal(), folder / "control")
    one.wait(LIVE, "quiet")
    one.keys("p")
    one.wait("PAUSED")
    # Not a word to the daemon meanwhile, not even a connection.
    wait.until(lambda: stand_in.ended == 1, "end of the connection")
    stand_in.answers["watch"]["guessers"] = [guesser("192.0.2.1", "anna")]
    before = list(stand_in.asked)
    one.keys("b")
    one.wait("PREFIX")
    one.keys("a")
    seen = one.wait("SOURCE", "PAUSED", without=("GONE",))
    assert "192.0.2.1" not in seen
    assert stand_in.asked == before and stand_in.connections == 1
    one.keys("p")
    one.wait("192.0.2.1", without=("PAUSED",))


# The window

def test_fits_any_window(stand_in, folder, terminal):
    stand_in.answers["watch"] = {"serial": 1, "guessing": 60, "guessers": [
        guesser(f"2001:db8:aaaa:{n}::/64", f"somebody{n}@a-long-name.test")
        for n in range(1, 61)]}
    one = begin(terminal(), folder / "control")
    one.wait("2001:db8:aaaa:1::/64", "somebody1@", without=("aaaa:30:",))
    one.resize(160, 50)
    one.wait("2001:db8:aaaa:30::/64", "somebody30@a-long-name.test")
    one.resize(30, 8)
    one.wait("30x8: too small (40x10)", without=("2001",))
    one.resize(40, 10)
    one.wait("2001:db8:aaaa:1::/64", without=("too small",))
    one.resize(10, 2)
    one.wait("10x2: too")
    one.resize(80, 24)
    one.wait("2001:db8:aaaa:1::/64", "somebody1@", "q quit")
    one.keys("q")
    one.wait("left with 0")


# Postern goes

def test_waits_for_a_postern_that_went(double, postern, terminal, strangers):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern({"mx": {}}, [server.address], options=OPTIONS)
    one = begin(terminal(), front.control)
    one.wait(LIVE)
    front.kill()
    one.wait("GONE for ", "trying again")
    front.spawn()
    front.wait_ready(2)
    one.wait(LIVE, without=("GONE",))
    guess(front, strangers[0], 3)
    one.wait(strangers[0])
    front.stop_clean()
    one.wait("GONE for ")
    one.keys("q")
    one.wait("left with 0")
    assert one.value("alternate_on") == "0"


def test_keys_work_while_a_daemon_is_silent(folder, terminal):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "control"))
        silent.listen()
        one = begin(terminal(), folder / "control")
        one.wait("postern", "q quit")
        one.keys("b")
        one.wait("PREFIX")
        one.keys("q")
        one.wait("left with 0")


def test_nonsense_is_as_good_as_gone(stand_in, folder, terminal):
    one = begin(terminal(), folder / "control")
    one.wait(LIVE, "quiet")
    good = stand_in.answers["watch"]
    stand_in.answers["watch"] = b'{"ok":true,"guessers":[{"user":"\xff\x1b"}]}'
    one.wait("GONE for ")
    stand_in.answers["watch"] = good
    one.wait(LIVE, "quiet", without=("GONE",))


# Strangers' octets

STEERING = {
    "title": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "c1": ("\u009b2J\u009d0;owned\u009c", r"\xc2\x9b2J\xc2\x9d0;owned"),
    "lines": ("a\r\n\x0b\x0cb", r"a\x0d\x0a\x0b\x0cb"),
    "turned": ("\u202egnp.exe", r"\xe2\x80\xaegnp.exe"),
    "accents": ("e\u0301\u0301\u0301", r"e\xcc\x81\xcc\x81\xcc\x81"),
}


def test_names_cannot_steer_the_terminal(stand_in, folder, terminal):
    users = {f"192.0.2.{n}": pair for n, pair in
             enumerate(STEERING.values(), 1)}
    users["192.0.2.90"] = ("\u6f22" * 100, "\u6f22\u6f22\u6f22~")
    stand_in.answers["watch"] = {
        "serial": 1, "guessing": 1, "decisions": [
            {"at": 1, "kind": "ban", "prefix": "\x1b[2J", "text": "\u009b2J"}],
        "guessers": [guesser(source, user)
                     for source, (user, _) in users.items()]}
    stand_in.answers["bans.recent"] = {"serial": 1, "bans": [
        {"prefix": "192.0.2.1", "note": "\x1b]0;owned\x07", "rule": "\x1bc"}]}
    stand_in.answers["status"]["version"] = "9\x1b]0;owned\x07"
    one = terminal(width=120, height=40)
    one.tmux("set-option", "-g", "set-titles", "on")
    one.tmux("select-pane", "-T", "mine")
    begin(one, folder / "control")
    seen = one.wait("192.0.2.90", r"\x1b[2J", r"9\x1b]0;owned\x07")
    for source, (_, shown) in users.items():
        line = next(line for line in seen.splitlines() if source in line)
        assert shown.rstrip("~") in line, line
    assert "\u6f22" * 3 in seen and "\u6f22" * 60 not in seen
    one.keys("b")
    one.wait("PREFIX", r"\x1b]0;owned\x07", r"\x1bc")
    assert one.value("pane_title") == "mine"


def test_name_from_the_wire_cannot_steer_the_terminal(
        front, terminal, strangers):
    one = terminal()
    one.tmux("select-pane", "-T", "mine")
    begin(one, front.control)
    guess(front, strangers[30], 3, user="\x1b]0;owned\x07\u009b2J")
    one.wait(strangers[30], r"\x1b]0;owned\x07")
    assert one.value("pane_title") == "mine"


# How it ends

def settings(one, mark):
    """What stty knows of the terminal."""
    one.type(f"echo {mark}=$(stty -g)=")
    one.keys("Enter")
    seen = re.sub(r"\n", "", one.wait(f"{mark}=", ":"))
    return wait.until(
        lambda: re.search(rf"{mark}=([0-9a-f:]+)=", re.sub(
            r"\n", "", one.screen())), f"settings {mark} in {seen}")[1]


ENDINGS = {"q": 0, "C-c": 128 + signal.SIGINT, "C-\\": 128 + signal.SIGQUIT,
           signal.SIGTERM: 128 + signal.SIGTERM,
           signal.SIGHUP: 128 + signal.SIGHUP}


def pid_of_top(one):
    """The process in the foreground of the terminal's shell."""
    for pid in one.below(int(one.value("pane_pid"))):
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            if b"\0top\0" in words.read():
                return pid
    raise AssertionError("top does not run")


def test_gives_the_terminal_back(stand_in, folder, terminal):
    one = terminal(width=100)
    before = settings(one, "before")
    for way, code in ENDINGS.items():
        # Not in one line: bash ends a list that Ctrl-C has ended.
        one.type(f"{binary('posternctl')} --socket {folder}/control top")
        one.keys("Enter")
        one.wait(LIVE, "q quit", without=("shell>",))
        assert one.value("alternate_on") == "1"
        if isinstance(way, str):
            one.keys(way)
        else:
            os.kill(pid_of_top(one), way)
        one.wait("shell>", without=("q quit",))
        one.type("echo left with $?")
        one.keys("Enter")
        one.wait(f"left with {code}\n")
        assert one.value("alternate_on") == "0"
        assert one.value("cursor_flag") == "1"
        one.keys("C-l")
        one.wait("shell>", without=("left with",))
    assert settings(one, "after") == before


def test_can_be_stopped_and_goes_on(stand_in, folder, terminal):
    one = begin(terminal(), folder / "control")
    one.wait(LIVE, "q quit")
    one.keys("C-z")
    one.wait("shell>", without=("q quit",))
    one.type("fg")
    one.keys("Enter")
    one.wait(LIVE, "q quit", without=("shell>",))
    one.keys("q")
    one.wait("left with")


# Where it does not begin

def run(*words, **env):
    return subprocess.run(
        [binary("posternctl"), *words], capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**os.environ, **env},
        timeout=wait.DEADLINE_S)


def test_without_a_terminal_is_wrong_usage(stand_in, folder):
    done = run("--socket", str(folder / "control"), "top")
    assert done.returncode == 2 and not done.stdout
    assert "top needs a terminal" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert run("--json", "top").returncode == 2
    assert run("top", "more").returncode == 2
    assert not stand_in.asked


@pytest.mark.parametrize("term, why", [
    ("", "TERM is not set"), ("no-such-terminal", "does not know"),
    ("dumb", "cursor")])
def test_with_a_terminal_that_will_not_do_is_wrong_usage(
        stand_in, folder, terminal, term, why):
    one = begin(terminal(width=200), folder / "control", f"TERM={term}")
    one.wait(why, "left with 2", "shell>")


def test_without_a_daemon_is_3(folder, terminal):
    one = begin(terminal(width=200), folder / "nowhere")
    one.wait("no daemon at", "left with 3")


@pytest.mark.parametrize("before, coloured", [
    ("", True), ("NO_COLOR=1", False), ("TERM=vt100", False),
    ("NO_COLOR=", True)])
def test_colours_are_for_who_has_and_wants_them(
        stand_in, folder, terminal, before, coloured):
    stand_in.answers["watch"]["guessers"] = [guesser("192.0.2.1", "anna")]
    one = begin(terminal(), folder / "control", before)
    one.wait("192.0.2.1", LIVE)
    seen = one.screen(escapes=True)
    assert bool(COLOUR.search(seen)) == coloured
    assert re.search(r"\x1b\[[\d;]*7", seen), "the cursor's line is reversed"

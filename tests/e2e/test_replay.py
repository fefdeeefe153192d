"""posternctl replay: old logs through the rules, at their own times."""

import contextlib
import gzip
import json
import os
import pty
import signal
import sqlite3
import subprocess

import pytest

import attack
from harness.postern import binary

FRONT = """
listener smtp { bind = "127.0.0.1:25" backend = server }
backend server { servers = "127.0.0.1:25" }
"""
SHIELD = "firewall { backend = nft ports = all }\n"


def replay(*words, check=True, text=None, as_json=True):
    """The JSON of a replay; or (exit code, standard output, error)."""
    argv = [str(binary("posternctl")), "replay", *map(str, words)]
    done = subprocess.run(argv + (["--json"] if as_json else []),
                          input=text, capture_output=True, timeout=60)
    if not check:
        return done.returncode, done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, done.stderr
    out = done.stdout.decode()
    return json.loads(out) if as_json else out


def at(second, form="{d:02}-{m:02}-2022 {h:02}:{i:02}:{s:02}   "):
    """A head; second 0 is midnight of the 5th of November 2022."""
    day, rest = divmod(second, 86400)
    return form.format(d=5 + day, m=11, h=rest // 3600, i=rest // 60 % 60,
                       s=rest % 60)


MIDNIGHT = 1667606400       # of 2022-11-05, as if it were UTC


def smtp(second, source, user="anna", **form):
    return f"{at(second, **form)}SMTP Server: Authentication failed for " \
           f"user {user} ; connecting host {source}\n"


def http(second, source, user="anna"):
    return f"{at(second)}http: {user} [{source}] authentication failure " \
           "using internet password\n"


def imap_ok(second, source, user="anna"):
    return f"{at(second)}IMAP Server: {user} logged in from {source}\n"


@pytest.fixture
def log(folder):
    def write(*lines, name="console.log"):
        path = folder / name
        path.write_text("".join(lines))
        return path
    return write


@pytest.fixture
def conf(folder):
    def write(more="", name="new.conf", front=FRONT + SHIELD):
        path = folder / name
        path.write_text(front + more)
        return path
    return write


def test_who_is_banned_when_and_what_still_arrives(log, conf):
    path = log(f"{at(0)}begins\n",
               *[smtp(60 * n, "192.0.2.1") for n in range(10)],
               *[smtp(900 + n, "192.0.2.1") for n in range(5)],
               *[http(2000 + n, "2001:db8::1") for n in range(7)])
    new = conf("source_limit { ban = 10m slow_ban = 1d }\n")
    said = replay(path, "--config", new)
    only = said["replays"][0]
    # 5 of the ten, then while the ban of ten minutes lasts none; it ends
    # at 240 + 600 s; the slow window has 10 at its fifth; and 5 over HTTP.
    assert only["failures"] == 22 and only["arrived"] == 15
    assert [(b["prefix"], b["at"] - MIDNIGHT, b["rule"]) for b in
            only["bans"]] == [
        ("192.0.2.1", 240, "source-limit"), ("192.0.2.1", 904, "source-slow"),
        ("2001:db8::/64", 2004, "source-limit")]
    assert only["bans"][0]["until"] - only["bans"][0]["at"] == 600
    assert only["sources_banned"] == 2 and only["refused"] == 0
    assert said["log"]["lines"] == 23 and said["log"]["entries"] == 22
    assert said["log"]["first"] == MIDNIGHT
    shown = replay(path, "--config", new, as_json=False)
    assert "2022-11-05 00:04:00  192.0.2.1      source-limit" in shown


def test_people_who_would_have_been_refused(log, conf):
    path = log(*[http(n, "192.0.2.1", "eve") for n in range(5)],
               imap_ok(60, "192.0.2.1", "anna"),
               imap_ok(90, "192.0.2.1", "anna"),
               imap_ok(95, "192.0.2.1", "Bert Ö\x1b[31m"),
               imap_ok(700, "192.0.2.1", "carl"),
               imap_ok(96, "192.0.2.2", "dora"))
    new = conf("source_limit { ban = 10m }\n")
    only = replay(path, "--config", new)["replays"][0]
    assert [(r["user"], r["at"] - MIDNIGHT) for r in only["refusals"]] == [
        ("anna", 60), ("anna", 90), ("Bert Ö\x1b[31m", 95)]
    assert only["refused"] == 3 and only["users_refused"] == 2
    assert only["successes"] == 5
    assert "\x1b" not in replay(path, "--config", new, as_json=False)
    # Where a ban does not reach HTTP and IMAP, nobody is refused there, and
    # each guess arrives.
    open_door = replay(path, "--config", conf(name="x", front=FRONT))
    assert open_door["replays"][0]["refused"] == 0
    assert open_door["replays"][0]["arrived"] == 5


def test_two_configurations_and_what_differs(log, conf):
    path = log(*[http(n, "192.0.2.1") for n in range(6)],
               *[http(10 + n, "192.0.2.2") for n in range(12)],
               *[http(30 + n, "192.0.2.3") for n in range(3)])
    wish = conf("source_limit { failures = 10 ban = 60m slow_failures = 0 }\n",
                "wish.conf")
    strict = conf("source_limit { failures = 3 }\nallow = {192.0.2.2}\n",
                  "strict.conf")
    said = replay(path, "--config", wish, "--compare", strict)
    assert said["banned_only"] == [["192.0.2.2"], ["192.0.2.1", "192.0.2.3"]]
    assert [s["arrived"] for s in said["replays"]] == [6 + 10 + 3, 3 + 12 + 3]
    assert said["replays"][0]["bans"][0]["until"] - MIDNIGHT == 19 + 3600
    shown = replay(path, "--config", wish, "--compare", strict, as_json=False)
    assert f"banned only with {strict}: 2\n  192.0.2.1\n  192.0.2.3" in shown


FORMS = {
    "dmy": "{d:02}.{m:02}.2022 {h:02}:{i:02}:{s:02}   ",
    "mdy": "{m:02}/{d:02}/2022 {h:02}:{i:02}:{s:02}   ",
    "ymd": "2022-{m:02}-{d:02} {h:02}:{i:02}:{s:02} ",
    "thread": "[000738:000012-00007F1164B21700] {d:02}-{m:02}-2022 "
              "{h:02}:{i:02}:{s:02} ",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_each_form_of_time_and_file(log, form, folder):
    days = [86400 * n for n in range(10)]
    text = "".join(smtp(day + n, f"198.51.{day // 86400}.1", form=form)
                   for day in days for n in range(5))
    want = [MIDNIGHT + day + 4 for day in days]
    path = log(text)
    assert [b["at"] for b in replay(path)["replays"][0]["bans"]] == want
    packed = folder / "console.log.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert [b["at"] for b in replay(packed)["replays"][0]["bans"]] == want
    # In two parts: the first leaves the order open, and so it is said.
    halves = text.splitlines(keepends=True)
    first, second = log(*halves[:25], name="1"), log(*halves[25:], name="2")
    order = {"mdy": ["--date-order", "mdy"]}.get(
        "mdy" if "/" in form else "", ["--date-order", "dmy"])
    said = replay(*order, first, second)
    assert [b["at"] for b in said["replays"][0]["bans"]] == want
    said = replay("-", text=text.encode())
    assert [b["at"] for b in said["replays"][0]["bans"]] == want


def test_fail2ban_s_log_and_a_log_without_times(log):
    path = log(*[f"2022-11-05 00:00:0{n},12{n} fail2ban.filter [7]: INFO "
                 f"[domino] Found 192.0.2.1 - 2022-11-05 00:00:0{n}\n"
                 for n in range(5)],
               "2022-11-05 00:00:05,001 fail2ban.actions [7]: NOTICE "
               "[domino] Ban 192.0.2.1\n")
    said = replay(path)
    assert [b["prefix"] for b in said["replays"][0]["bans"]] == ["192.0.2.1"]
    assert said["log"]["others_bans"] == 1
    bare = "smtp: brian [192.0.2.1] authentication failure using internet " \
           "password\n"
    said = replay(log(bare * 5, name="bare"))
    assert said["log"]["timeless"] == 5


def test_a_live_run_and_its_replay_ban_the_same(double, postern, strangers,
                                                folder):
    """postern's own log, read by the configuration that it ran with."""
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern({"mx": {}}, [server.address], options={
        "source_limit": {"delay": "0s", "failures": 3},
        "banned": {"answer": "close"}, "allow": [strangers[3]]})
    port = front.ports["mx"]
    attack.guesses(port, strangers[0], 3, user="x ; connecting host 9.9.9.9")
    attack.guesses(port, strangers[1], 2, word="other")
    assert attack.guess(port, strangers[1], secret="secret") == 235
    attack.guesses(port, strangers[1], 2, word="other")
    attack.guesses(port, strangers[3], 5)
    front.wait_event("ban", src=strangers[0])
    front.wait_event("session", src=strangers[1], auth="ok")
    path = folder / "live.log"
    path.write_text(front.log())
    said = replay(path, "--config", front.conf_path)["replays"][0]
    assert [b["prefix"] for b in said["bans"]] == [strangers[0]]
    assert said["arrived"] == said["failures"] and said["refused"] == 0


def test_wrong_words_and_files(log, conf, folder):
    path = log(smtp(0, "192.0.2.1"))
    for words, code in [((), 2), (("--what", path), 2), (("--config",), 2),
                        (("--date-order", "xyz", path), 2),
                        ((folder / "none",), 1), ((folder,), 1),
                        (("--config", folder / "none", path), 1),
                        (("--patterns", folder / "none", path), 1)]:
        got, out, err = replay(*words, check=False)
        assert got == code and not out and err, words
    torn = folder / "torn.gz"
    torn.write_bytes(gzip.compress(path.read_bytes() * 1000)[:-40])
    got, out, err = replay(torn, check=False)
    assert got == 1 and "torn.gz" in err
    got, out, err = replay("--help", check=False)
    assert got == 0 and len(out.splitlines()) <= 24


def test_a_terminal_sees_how_far_it_is(log):
    path = log(*[http(n % 80000, f"192.0.{n % 200}.1") for n in range(40000)])
    leader, follower = pty.openpty()
    done = subprocess.run([str(binary("posternctl")), "replay", str(path)],
                          stderr=follower, capture_output=False, timeout=60,
                          stdout=subprocess.DEVNULL)
    os.close(follower)
    seen = os.read(leader, 4096)
    os.close(leader)
    assert done.returncode == 0 and b"%" in seen and seen.endswith(b"\x1b[K")


def on_disk(front):
    """Rows wait for up to a second."""
    store = front.ctl("status", json_out=True)["store"]
    return store["journal_written"] and not store["journal_waiting"]


@pytest.fixture
def lived(double, postern, strangers, folder):
    """A postern with a life behind it: guesses in line and in the log, orders,
    a reload, a new keeper. Its journal is whole on the disk."""
    heard = folder / "console.log"
    heard.write_text("")
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern({"mx": {}}, [server.address], options={
        "source_limit": {"delay": "0s", "failures": 3, "ban": "1h"},
        "banned": {"answer": "close"}, "domino_log": {"path": heard}})
    port = front.ports["mx"]
    attack.guesses(port, strangers[0], 3)
    front.wait_event("ban", src=strangers[0])
    assert attack.guess(port, strangers[0]) is None
    attack.guesses(port, strangers[1], 2, word="other")
    assert attack.guess(port, strangers[1], secret="secret") == 235
    with heard.open("a") as out:
        out.write(http(0, "192.0.2.77") * 3 + imap_ok(1, "192.0.2.78"))
    front.wait_event("ban", src="192.0.2.77")
    front.ctl("bans", "add", "192.0.2.0/29")
    front.options["source_limit"]["failures"] = 4
    front.write_conf()
    front.ctl("reload")
    attack.at_once([lambda n=n: attack.guess(port, strangers[2], "bert",
                                             f"at-once-{n}")
                    for n in range(6)])
    front.wait_event("ban", src=strangers[2])
    front.wait_until(lambda: on_disk(front), "the journal on the disk")
    keeper = next(pid for pid, line in front.pids().items()
                  if "postern-keeper" in line)
    os.kill(keeper, signal.SIGKILL)
    front.wait_event("loaded", 2)
    front.wait_until(lambda: attack.guess(port, strangers[3]) == 535, "a guess")
    attack.guesses(port, strangers[3], 3, user="carl")
    front.wait_event("ban", src=strangers[3])
    front.stop_clean()
    front.process = None
    return front, strangers


def test_a_journal_replays_to_the_verdicts_that_stand_in_it(lived, folder):
    front, strangers = lived
    journal = front.state / "postern.db"
    only = replay(journal)["replays"][0]
    assert only["different"] == 0 and only["uncompared"] == 0
    assert only["same"] > 20
    assert {strangers[0], strangers[2], strangers[3], "192.0.2.77",
            "192.0.2.0/29"} <= {ban["prefix"] for ban in only["bans"]}
    assert "different, 0 not compared" in replay(journal, as_json=False)
    # What clients call themselves in EHLO is part of what the rules heard.
    with contextlib.closing(sqlite3.connect(journal)) as db:
        assert set(db.execute("SELECT DISTINCT text FROM journal WHERE kind ="
                              " 'auth-begins'")) == {("client.example.test",)}
        assert db.execute("SELECT user, name FROM device").fetchall() == \
            [("anna", "client.example.test")]
        assert db.execute("SELECT user, text FROM journal WHERE kind ="
                          " 'restore-device'").fetchall() == \
            [("anna", "client.example.test")]
    # Under other rules: nobody is banned by himself, the order stands.
    loose = folder / "loose.conf"
    loose.write_text(FRONT + SHIELD + "source_limit { failures = 50 }\n")
    strict = folder / "strict.conf"
    strict.write_text(FRONT + SHIELD + "source_limit { failures = 1 }\n")
    said = replay("--config", loose, "--compare", strict, journal)
    loosely, strictly = said["replays"]
    assert [b["prefix"] for b in loosely["bans"]] == ["192.0.2.0/29"]
    assert loosely["arrived"] == loosely["failures"] == only["failures"]
    assert strictly["arrived"] < loosely["arrived"]
    assert [r["user"] for r in strictly["refusals"]] == ["anna"]
    # A copy with one verdict changed is found out.
    forged = folder / "forged.db"
    source = sqlite3.connect(journal)
    target = sqlite3.connect(forged)
    with source, target:
        source.backup(target)
        target.execute("UPDATE journal SET failures = failures + 1 WHERE id ="
                       " (SELECT max(id) FROM journal WHERE kind LIKE"
                       " '%settled%')")
    source.close()
    target.close()
    assert replay(forged)["replays"][0]["different"] == 1
    code, _, err = replay(journal, front.conf_path, check=False)
    assert code == 2 and "need --config" in err

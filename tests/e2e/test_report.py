"""posternctl report: who guessed, who was hurt, and the morning's letter."""

import email
import email.policy
import json
import sqlite3
import subprocess
import time

import pytest
from attack import guess, settled, stored
from harness.postern import binary
from servers import Postfix, get_servers

NASTY = "<script>alert(1)</script>\"&'"
LATER = "anna\r\nBcc: eve@example.org"


@pytest.fixture
def site(double, postern, strangers):
    """A day: one who guesses until he is banned, a phone, a user at home."""
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no", name="one")
    front = postern(
        {"mx": {}}, {"domino": {"servers": [server.address]}},
        options={"source_limit": {"failures": 3, "delay": "0s"}})
    port, (bad, home) = front.ports["mx"], strangers[:2]
    for n, user in enumerate((NASTY, LATER, "anna")):
        guess(port, bad, user=user, secret=f"guess{n}")
    front.wait_event("ban")
    assert guess(port, home, secret="secret") == 235
    for _ in range(4):      # the first is heard, the others are not
        assert guess(port, home, secret="of last year") == 535
    settled(front)
    stored(front)
    front.bad, front.home, front.server = bad, home, server
    return front


def report(front, *words, code=0):
    done = subprocess.run(
        [str(binary("posternctl")), "report",
         "--config", str(front.folder / "postern.conf"), *words],
        capture_output=True, text=True, check=False)
    assert done.returncode == code, done
    return done


def test_what_all_words_take_may_stand_before_it(site):
    done = subprocess.run(
        [str(binary("posternctl")), "--socket", "/nowhere", "--json",
         "report", "--config", str(site.folder / "postern.conf")],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sections"]


def section(front, name, *words):
    whole = json.loads(report(front, "--json", *words).stdout)
    (found,) = [s for s in whole["sections"] if s["name"] == name]
    return found["rows"]


def test_who_guessed_and_whose_phone_is_old(site):
    (short,) = section(site, "summary")
    assert short == {"guesses_arrived": 4, "guesses_stopped": 3,
                     "sources": 2, "users": 3, "logins": 1, "bans": 1,
                     "would_bans": 0, "banned_now": 1}
    by = {row["source"]: row for row in section(site, "sources")}
    assert by[site.bad]["arrived"] == 3 and by[site.bad]["users"] == 3
    assert by[site.bad]["banned_by"] == "source-limit"
    assert by[site.home]["banned_by"] == ""
    (stale,) = section(site, "stale")
    assert (stale["user"], stale["source"], stale["times"]) == \
        ("anna", site.home, 3)


WRONG, RIGHT = ("auth-settled", "failed", None, None, "source-delay"), \
    ("auth-settled", "ok", None, None, None)
STOPPED = ("auth-begins", None, "answer-454", "enforce", "prefix-in-flight")


def test_near_misses_people_and_places(site, tmp_path):
    """Rows as the journal has them, in a copy of the store."""
    path = tmp_path / "postern.db"
    with sqlite3.connect(f"file:{site.folder}/state/postern.db?mode=ro",
                         uri=True) as live, sqlite3.connect(path) as copy:
        live.backup(copy)
        at = int(time.time()) - 600

        def add(source, user, kinds):
            for n, (kind, outcome, verdict, mode, rule) in enumerate(kinds):
                copy.execute(
                    "INSERT INTO journal(at, now, kind, addr, user, outcome,"
                    " verdict, mode, rule) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?)",
                    (at + n, kind, source, user, outcome, verdict, mode, rule))
        for source in ("10.1.0.1", "10.2.0.1", "10.3.0.1"):
            add(source, "bob", [WRONG] * 2)
        for n, prefix in enumerate(("10.2.0.1", "10.3.0.0/24")):
            copy.execute("INSERT INTO journal(at, now, kind, prefix, rule)"
                         " VALUES (?, 0, 'ban', ?, 'prefix-limit')",
                         (at + n, prefix))
        add("10.4.0.1", "eve", [STOPPED, STOPPED, RIGHT])
        for place in (5, 6):
            for user in ("carl", "dora", "emil"):
                add(f"10.{place}.0.1", user, [WRONG, RIGHT])
        copy.execute("INSERT INTO allow(prefix, since) VALUES"
                     " ('10.6.0.0/16', 0)")
    store = ("--store", str(path), "--top", "99")
    assert [row["source"] for row in section(site, "near", *store)
            if row["source"].startswith("10.")] == \
        ["10.5.0.1", "10.6.0.1", "10.1.0.1"]
    by = {row["source"]: row["banned_by"]
          for row in section(site, "sources", *store)}
    assert [by[f"10.{n}.0.1"] for n in (1, 2, 3)] == \
        ["", "prefix-limit", "prefix-limit"]
    (hurt,) = section(site, "hurt", *store)
    assert (hurt["user"], hurt["source"], hurt["refused"], hurt["rule"]) == \
        ("eve", "10.4.0.1", 2, "prefix-in-flight")
    assert [row["network"] for row in section(site, "allow", *store)] == \
        ["10.5.0.0/24"]


def test_what_a_stranger_says_steers_nothing(site):
    page = report(site, "--html").stdout
    assert "<script" not in page and "&lt;script&gt;" in page
    text = report(site).stdout
    assert "\r" not in text and "\nBcc" not in text
    assert "<script>alert(1)<" in text, text


def letter_of(octets):
    found = email.message_from_bytes(octets, policy=email.policy.default)
    kinds = {part.get_content_type(): part.get_content()
             for part in found.walk() if not part.is_multipart()}
    return found, kinds


def test_the_letter(site):
    """Through the first server, as text and as HTML."""
    report(site, "--mail", "admin@example.test")
    (message,) = site.server.messages()
    found, kinds = letter_of(site.server.octets(message))
    assert found["to"] == "admin@example.test" and found["bcc"] is None
    assert found["auto-submitted"] == "auto-generated"
    assert "4 guesses arrived, 3 stopped" in found["subject"]
    assert found.get_content_type() in ("multipart/alternative",
                                        "multipart/mixed")
    assert set(kinds) == {"text/plain", "text/html"}
    assert "Who guessed most" in kinds["text/plain"]
    assert "<script" not in kinds["text/html"]


def test_the_letter_at_a_real_server(site, certs, session_folder):
    get_servers()
    folder = session_folder / "letter"
    folder.mkdir()
    server = Postfix(folder, certs).start()
    try:
        config = site.folder / "letter.conf"
        config.write_text(
            (site.folder / "postern.conf").read_text() +
            'report { mail = "anna@example.test" from = "p@example.test" '
            f'server = "127.0.0.1:{server.ports["plain"]}" }}\n')
        report(site, "--config", str(config), "--mail")
        octets = server.wait_stored(b"postern on")
    finally:
        server.stop()
    found, kinds = letter_of(octets)
    assert found["from"] == "postern <p@example.test>"
    assert set(kinds) == {"text/plain", "text/html"}


CANNOT_BE = [
    (["--mail"], 0, "report.mail is empty"),
    (["--mail", "a@b.example\r\nRCPT TO:<x@y>"], 1, "no mail address"),
    (["--mail", "nobody"], 1, "no mail address"),
    (["--since", "x"], 2, "--since"),
    (["--top", "0"], 2, "--top"),
    (["--store", "/nowhere"], 1, "/nowhere"),
    (["more"], 2, "too many"),
]


def test_what_cannot_be_is_said(site):
    for words, code, why in CANNOT_BE:
        done = report(site, *words, code=code)
        assert why in done.stdout + done.stderr, words
    assert site.server.messages() == []


def test_a_server_that_takes_no_letter(site):
    site.server.listen(False)
    done = report(site, "--mail", "admin@example.test", code=1)
    assert site.server.address in done.stderr
    assert "report.server" in done.stderr

"""Webhooks and programs: who is told what, and what a bad one cannot do."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

import attack
from harness import wait
from harness.double import Double
from harness.postern import USER, Postern, binary
from receiver import Receiver, dead_port, program, signed

SECRET = "hmac-secret-0123456789abcdef"
CAMPAIGN = {"botnet_sources": 2, "siege_sources": 2, "learned": 0,
            "learn": "0s", "mode": "observe"}
QUICK = {"timeout": "20s", "retry_first": "20ms"}
BAN, LIFTED = "203.0.113.7", "198.51.100.9"

TELL = 'test -e "$1/in" && exit\ncat > "$1/in.new" && env > "$1/env" && ls /proc/self/fd > "$1/fds"' \
    ' && id -u > "$1/uid" && mv "$1/in.new" "$1/in"\n'
HANG = 'trap "" TERM\nsleep 5000 &\necho $! $$ > "$1/pids.new"\n' \
    'mv "$1/pids.new" "$1/pids"\nwait\nsleep 5000\n'
FLOOD = 'printf "first\\033[31m\\n"\nyes flood | head -c 300000\n' \
    'echo last >&2\n'


def local_cert(place):
    """Of 127.0.0.1, signed by itself; its path, the key beside it."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
         "-keyout", place / "local.key", "-out", place / "local.pem",
         "-days", "30", "-subj", "/CN=local", "-addext",
         "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return place / "local.pem"


class Site:
    """One postern with one hook of each kind."""

    def __init__(self, place, certs):
        self.place = place
        self.receiver, self.tls = Receiver(), Receiver(certs.rsa)
        self.local = local_cert(place)
        self.sure = Receiver((self.local, place / "local.key"))
        self.held, dead = dead_port()
        self.server = Double(place, auth_clear="LOGIN PLAIN", cert=certs.rsa)
        self.out = place / "out"
        self.out.mkdir()
        shutil.chown(self.out, USER)
        (place / "secret").write_text(SECRET + "\n")
        (place / "secret").chmod(0o600)
        (place / "url").write_text(
            self.sure.base + "/from-file-5ecret\n")
        (place / "url").chmod(0o600)
        (place / "plain").write_text("not executable\n")
        self.front = Postern(
            place, {"mx": {}}, {"domino": {
                "servers": [self.server.address],
                "health_interval": "500ms", "health_timeout": "500ms"}},
            options={
                "campaign": CAMPAIGN, "source_limit": {"delay": "0s"}, "hostname": "front.example.test",
                "hook good": {"url": self.url("good"),
                              "secret": place / "secret"},
                "hook slow": {"url": self.url("never"), "on": ["ban"],
                              **QUICK, "timeout": "1s", "tries": 2},
                "hook dead": {"url": f"http://127.0.0.1:{dead}/x",
                              "on": ["ban"], **QUICK},
                "hook flaky": {"url": self.url("flaky"), "on": ["ban"],
                               **QUICK},
                "hook busy": {"url": self.url("busy"), "on": ["ban"],
                              **QUICK},
                "hook refused": {"url": self.url("no"), "on": ["ban"],
                                 **QUICK},
                "hook away": {"url": self.url("away"), "on": ["ban"],
                              **QUICK},
                "hook endless": {"url": self.url("endless"), "on": ["ban"],
                                 "timeout": "20s"},
                "hook trusts": {"url": self.tls.base + "/trusted",
                                "on": ["ban"], **QUICK},
                "hook sure": {"url_file": place / "url",
                              "tls_ca": self.local, "on": ["ban"],
                              "timeout": "20s"},
                "hook tell": {"exec": [self.script("tell", TELL), self.out],
                              "on": ["ban"], "timeout": "20s"},
                "hook hang": {"exec": [self.script("hang", HANG), self.out],
                              "on": ["ban"], "timeout": "3s"},
                "hook flood": {"exec": [self.script("flood", FLOOD)],
                               "on": ["ban"], "timeout": "20s"},
                "hook sad": {"exec": [self.script("sad", "exit 3\n")],
                             "on": ["ban"]},
                "hook gone": {"exec": [place / "gone"], "on": ["ban"]},
                "hook plain": {"exec": [place / "plain"], "on": ["ban"]},
            })

    def url(self, path):
        return f"{self.receiver.base}/{path}"

    def script(self, name, text):
        return program(self.place, name, text)

    def state(self, hook):
        for row in self.front.ctl("status", json_out=True)["hooks"]:
            if row["hook"] == hook:
                return row
        return None

    def all_over(self):
        """How each took the first ban, once all have ended."""
        rows = self.front.ctl("status", json_out=True)["hooks"]
        if all(row["delivered"] + row["failed"] == 1 for row in rows):
            return {row["hook"]: row for row in rows}
        return None

    def stop(self):
        self.receiver.stop()
        self.tls.stop()
        self.sure.stop()
        self.held.close()
        self.server.stop()


@pytest.fixture(scope="module")
def site(place, certs):
    """Banned once, so that every hook has been told."""
    one = Site(place, certs)
    try:
        one.front.start()
        wait.until(lambda: one.state("good")["connected"], "the hooks")
        one.front.ctl("bans", "add", BAN, "--for", "1h", "--reason", "test")
        one.rows = one.front.wait_until(one.all_over, "all hooks")
        yield one
        one.front.stop_clean()
    finally:
        one.front.stop()
        one.stop()


def test_a_ban_is_posted_and_signed(site):
    site.receiver.wait("good", "ban")
    headers, body = site.receiver.bodies("good")[0]
    told = json.loads(body)
    assert headers["Postern-Event"] == told["event"] == "ban"
    assert headers["Content-Type"] == "application/json"
    assert headers["Postern-Signature"] == signed(SECRET, headers, body)
    assert told["source"] == BAN and told["rule"] == "operator"
    assert told["node"] == "front.example.test" and told["hook"] == "good"
    assert told["time"] < told["until"] and BAN in told["text"]
    assert told["id"] and told["reason"]


def test_an_unban_is_posted(site):
    site.front.ctl("bans", "add", LIFTED, "--for", "1h")
    site.front.ctl("bans", "del", LIFTED)
    _, told = site.receiver.wait("good", "unban")
    assert told["source"] == LIFTED and told["reason"] == "lifted"


def test_a_server_that_goes_and_comes_is_posted(site):
    site.server.listen(False)
    _, down = site.receiver.wait("good", "backend_down")
    site.server.listen(True)
    _, up = site.receiver.wait("good", "backend_up")
    assert down["backend"] == up["backend"] == "domino"
    assert down["server"] == up["server"] == site.server.address
    assert down["reason"] and "reason" not in up


def test_an_alarm_is_posted(site, strangers):
    for source in strangers[100:104]:
        attack.guess(site.front.ports["mx"], source, user="anna",
                     secret="guess-" + source)
    _, told = site.receiver.wait("good", "alarm")
    assert told["rule"] and told["reason"]


def test_a_known_authority_and_a_url_from_a_file_in_no_log(site):
    assert site.sure.got("from-file-5ecret", "ban")
    assert site.rows["sure"]["delivered"] == 1
    everything = site.front.log() + site.front.ctl("status", json_out=False)
    everything += subprocess.run(
        [binary(), "dump", site.front.conf_path], check=True, text=True,
        capture_output=True).stdout
    everything += json.dumps(site.front.ctl("status", json_out=True))
    for secret in (SECRET, "from-file-5ecret"):
        assert secret not in everything


@pytest.mark.parametrize("hook, counts, tries, words", [
    ("slow", {"failed": 1, "retried": 1}, 2, "Timeout"),
    ("dead", {"failed": 1, "retried": 2}, 0, "refused"),
    ("flaky", {"delivered": 1, "retried": 1}, 2, "200"),
    ("busy", {"failed": 1, "retried": 2}, 3, "429"),
    ("refused", {"failed": 1, "retried": 0}, 1, "403"),
    ("away", {"failed": 1, "retried": 0}, 1, "redirects are not followed"),
    ("endless", {"delivered": 1, "retried": 0}, 1, "200"),
    ("trusts", {"failed": 1, "retried": 2}, 0, "certificate"),
])
def test_a_bad_web_server(site, hook, counts, tries, words):
    path = {"slow": "never", "refused": "no"}.get(hook, hook)
    row = site.rows[hook]
    assert {name: row[name] for name in counts} == counts
    assert words in row["last"]

    def came():
        return [told["id"] for _, told in site.receiver.got(path)
                if told["source"] == BAN]
    # One that was given up may still lie in the server's queue.
    wait.until(lambda: len(came()) == tries, f"{tries} requests")
    assert len(set(came())) <= 1
    assert not site.receiver.got("elsewhere")
    assert not site.tls.requests


def test_a_program_gets_the_event_and_nothing_else(site):
    wait.until((site.out / "in").exists, "the program")
    told = json.loads((site.out / "in").read_text())
    assert told["event"] == "ban" and told["source"] == BAN
    given = dict(line.split("=", 1) for line in
                 (site.out / "env").read_text().splitlines())
    for name in ("PWD", "_", "SHLVL", "OLDPWD"):    # the shell's own
        given.pop(name, None)
    assert {name for name in given if not name.startswith("POSTERN_")} == \
        {"PATH"}
    assert given["POSTERN_SOURCE"] == BAN
    assert given["POSTERN_EVENT"] == "ban"
    # Its three, and that of ls itself to read the folder.
    assert set((site.out / "fds").read_text().split()) <= {"0", "1", "2", "3"}
    assert (site.out / "uid").read_text().strip() != "0"
    assert site.rows["tell"]["delivered"] == 1


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text() \
            .rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_program_that_hangs_is_killed_with_its_children(site):
    row = site.rows["hang"]
    assert "killed after 3000 ms" in row["last"]
    pids = (site.out / "pids").read_text().split()
    assert len(pids) == 2
    wait.until(lambda: all(gone(pid) for pid in pids), "their end")


def test_a_flood_of_output_is_cut(site):
    assert site.rows["flood"]["delivered"] == 1
    lines = site.front.events("hook-output", hook="flood")[:8]
    assert lines[0]["text"].startswith("first")
    assert "\x1b" not in site.front.log()
    assert {line["text"] for line in lines[1:]} == {"flood"}
    assert lines[7]["more_bytes"] == 4096 - len("first.[31m.") - 7 * 6


@pytest.mark.parametrize("hook, words", [
    ("sad", "exit status 3"), ("gone", "No such file"),
    ("plain", "Permission denied")])
def test_a_program_that_fails(site, hook, words):
    row = site.rows[hook]
    assert row["failed"] == 1 and words in row["last"] and row["retried"] == 0
    assert site.front.wait_event("hook-failed", hook=hook)["how"] == \
        row["last"]


def test_a_test_event_goes_to_one(site):
    site.front.ctl("hook", "test", "good")
    _, told = site.receiver.wait("good", "test")
    assert told["hook"] == "good" and not site.receiver.got("no", "test")
    with pytest.raises(AssertionError, match="no hook"):
        site.front.ctl("hook", "test", "nobody")


def orders(front, lines):
    """All at once on the control socket; the answers."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(wait.DEADLINE_S)
        sock.connect(str(front.control))
        answers = sock.makefile("rb")
        found = []
        for at in range(0, len(lines), 100):
            some = lines[at:at + 100]
            sock.sendall(b"".join(json.dumps(one).encode() + b"\n"
                                  for one in some))
            found += [json.loads(answers.readline()) for _ in some]
    return found


@pytest.fixture
def crowd(folder, postern, double):
    """A postern whose one web server never answers."""
    receiver = Receiver()
    server = double(auth_clear="LOGIN PLAIN")
    shutil.chown(folder, USER)

    def start(path="never", **options):
        front = postern({"mx": {}}, [server.address], options={
            "hook crowd": {"url": f"{receiver.base}/{path}", **options}})
        wait.until(lambda: front.ctl("status", json_out=True)
                   ["hooks"][0]["connected"], "the hook")
        return front, receiver
    yield start
    receiver.stop()


def row_of(front):
    return front.ctl("status", json_out=True)["hooks"][0]


def test_a_mass_ban_is_bounded_and_blocks_nobody(crowd):
    front, receiver = crowd(limit=200, queue_most=50, at_once=3,
                            timeout="1m", on=["ban", "unban"])
    found = orders(front, [
        {"command": "bans.add", "prefix": f"198.51.{n // 250}.{n % 250 + 1}",
         "for": "1h"} for n in range(2000)])
    assert all(one["ok"] for one in found)
    row = front.wait_until(
        lambda: (lambda r: r if r["merged"] == 1800 else None)(row_of(front)),
        "the rest to be counted")
    assert row["waiting"] <= 50 and row["running"] == 3
    assert row["dropped"] == 200 - row["waiting"] - 3
    assert row["delivered"] == row["failed"] == row["retried"] == 0
    assert receiver.most_open <= 3
    # Mail goes on, and another kind of event is not held up by it.
    assert attack.guess(front.ports["mx"], "203.0.113.99") == 535
    front.wait_event("hook-dropped")
    table = front.ctl("status")
    assert "SUMMED UP" in table and "1800" in table


def test_those_beyond_the_limit_are_summed_up(crowd):
    front, receiver = crowd("sum", limit=3, limit_each="1s", on=["ban"])
    found = orders(front, [
        {"command": "bans.add", "prefix": f"198.51.100.{n + 1}",
         "for": "1h"} for n in range(100)])
    assert all(one["ok"] for one in found)

    def all_told():
        singles = len(receiver.got("sum", "ban"))
        more = sum(told["more"]["ban"]
                   for _, told in receiver.got("sum", "more"))
        return singles + more == 100 and more > 0
    wait.until(all_told, "all of them, one by one or as a number")
    _, told = receiver.got("sum", "more")[0]
    assert f"and {told['count']} more" in told["text"]
    assert len(receiver.requests) < 60


def hook_pids(front):
    return [pid for pid, line in front.pids().items()
            if "postern-hook" in line]


def test_its_process_has_no_rights(site, crowd):
    front, _ = crowd("one")
    for one in (site.front, front):
        pid, = hook_pids(one)
        fields = dict(line.split(":\t", 1) for line in pathlib.Path(
            f"/proc/{pid}/status").read_text().splitlines())
        assert "0" not in fields["Uid"].split() + fields["Gid"].split()
        assert not fields["Groups"].split()
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(fields[name], 16) == 0
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_its_process_is_started_again_and_follows_a_reload(crowd):
    front, receiver = crowd("one", on=["ban"])
    first, = hook_pids(front)
    os.kill(first, signal.SIGKILL)
    front.wait_until(lambda: hook_pids(front) not in ([], [first]) and
                     row_of(front)["connected"], "a new process")
    front.ctl("bans", "add", "198.51.100.1")
    receiver.wait("one", "ban")
    front.options["hook crowd"]["url"] = receiver.base + "/two"
    front.write_conf()
    front.ctl("reload")
    front.ctl("bans", "add", "198.51.100.2")   # it may wait for the new one
    assert receiver.wait("two", "ban")[1]["source"] == "198.51.100.2"
    del front.options["hook crowd"]
    front.write_conf()
    front.ctl("reload")
    front.wait_until(lambda: not hook_pids(front), "its end")
    front.ctl("bans", "add", "198.51.100.3")
    assert front.ctl("status", json_out=True)["hooks"] == []


def test_a_new_keeper_is_heard(crowd):
    front, receiver = crowd("one", on=["ban"])
    keeper, = (pid for pid, line in front.pids().items()
               if "postern-keeper" in line)
    os.kill(keeper, signal.SIGKILL)

    def told():
        front.ctl("bans", "add", "198.51.100.7", check=False)
        return receiver.got("one", "ban")
    wait.until(told, "the new keeper's ban")
    assert row_of(front)["connected"]

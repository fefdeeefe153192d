"""The second ear: bans that come from the server's log alone."""

import errno
import os
import signal
import threading

import pytest

import attack
from harness import firewall, wait

LIMIT = 3
HEAD = "[000738:000012-00007F1164B21700] 05-11-2022 14:18:50   "


def http(user, source):
    return f"{HEAD}http: {user} [{source}] authentication failure using " \
           "internet password\n"


def smtp(user, source):
    return f"{HEAD}SMTP Server: Authentication failed for user {user} ; " \
           f"connecting host {source}\n"


class Log:
    """Domino's console log, as Domino writes it."""

    def __init__(self, folder, name="console.log"):
        self.path = folder / name

    def write(self, *texts):
        with self.path.open("ab", buffering=0) as log:
            for text in texts:
                log.write(text if isinstance(text, bytes) else text.encode())
        return self


@pytest.fixture
def log(folder):
    return Log(folder).write("")


@pytest.fixture
def deaf(postern):
    """deaf(path, **of domino_log): a postern with no listener at all."""
    def start(path, more=None, **options):
        return postern({}, {}, options={
            "domino_log": {"path": path, **options}, "workers": 1,
            "source_limit": {"failures": LIMIT}, **(more or {})})
    return start


def status(front):
    return front.ctl("status", json_out=True)["domino_log"]


def until(front, **fields):
    """What the status says of the ear, once it says that."""
    def look():
        said = status(front)
        return said if fields.items() <= said.items() else None
    return wait.until(look, f"the ear with {fields}")


def banned(front):
    bans = front.ctl("bans", "list", json_out=True)["bans"]
    return sorted(ban["prefix"] for ban in bans)


def heard_of(front, source):
    events = attack.explain(front, source)["events"]
    return [e["user"] for e in events if e["event"] == "log-failure"]


def test_failures_in_the_log_ban_without_any_listener(log, deaf):
    log.write(http("old", "192.0.2.66") * 9)
    front = deaf(log.path)
    until(front, state="following", lines=0)    # from its end
    log.write(http("anna", "192.0.2.1") * (LIMIT - 1),
              smtp("bert", "2001:db8::7"), smtp("carl", "2001:db8::8") * 2,
              f"{HEAD}Router: nothing of interest\n")
    until(front, lines=6, failures=5)
    assert banned(front) == ["2001:db8::/64"]   # smtp counts: no listener
    log.write(http("anna", "192.0.2.1"))
    front.wait_event("ban", src="192.0.2.1", rule="source-limit")
    told = attack.explain(front, "192.0.2.1")
    assert told["banned"] and told["failures"]["count"] == LIMIT
    # From the journal, whose rows wait a moment.
    wait.until(lambda: heard_of(front, "192.0.2.1") == ["anna"] * LIMIT,
               "three failures in explain")
    line = front.wait_event("auth-failed", src="192.0.2.1")
    assert line["service"] == "http" and line["user"] == "anna"
    assert line["from"] == "domino-log"
    assert not attack.explain(front, "192.0.2.66")["known"]
    shown = front.ctl("status")
    assert "domino_log" in shown and str(log.path) in shown


def test_a_success_in_the_log_forgives_its_user(log, deaf):
    front = deaf(log.path)
    until(front, state="following")
    for _ in range(3):
        log.write(http("anna", "192.0.2.1") * (LIMIT - 1),
                  f"{HEAD}IMAP Server: anna logged in from 192.0.2.1\n")
    until(front, successes=3, failures=3 * (LIMIT - 1))
    assert not banned(front)


HOSTILE = [
    "x [203.0.113.9] authentication failure using internet password",
    "x ; connecting host 203.0.113.9",
    "x ; connecting host [203.0.113.9]\ny",
    "x\n" + smtp("z", "203.0.113.9").replace("05-11-2022", "2022.11.05"),
    "x\n\r\n" + http("z", "203.0.113.9")[len(HEAD):],
    "\"'`$(reboot)\\" + "\xff",
    "[203.0.113.9] " * 700,
    "host " * 2000 + "203.0.113.9",
]


def test_no_name_has_another_banned(log, deaf):
    """Each name in each form of line; every failure is its own source's."""
    front = deaf(log.path)
    until(front, state="following")
    log.write(f"{HEAD}the log begins\n")
    sources = []
    for number, name in enumerate(HOSTILE):
        for form in (http, smtp):
            source = f"192.0.2.{len(sources) + 1}"
            sources.append(source)
            log.write(*[form(name, source)] * LIMIT)
    wanted = len(sources) * LIMIT
    said = until(front, failures=wanted)
    assert said["limits"] == 0
    assert banned(front) == sorted(sources)
    assert not attack.explain(front, "203.0.113.9")["known"]


def test_the_log_is_followed_through_its_rotation(log, deaf):
    front = deaf(log.path)
    until(front, state="following", files=1)
    log.write(http("a", "192.0.2.1"))
    # Moved away, while its writer still writes to it.
    with log.path.open("ab", buffering=0) as old:
        log.path.rename(log.path.with_suffix(".1"))
        old.write(http("b", "192.0.2.1").encode())
        log.write(http("c", "192.0.2.2") * 2)   # the new one, from its start
        until(front, failures=4, files=2)
    # Cut, and begun anew; half a line first.
    log.path.write_bytes(b"")
    until(front, files=3)
    line, before = http("d", "192.0.2.1"), status(front)["octets"]
    log.write(line[:70])
    until(front, octets=before + 70, failures=4)
    log.write(line[70:])
    until(front, failures=5)
    front.wait_event("ban", src="192.0.2.1")
    assert banned(front) == ["192.0.2.1"]


def doctor_says(front, level):
    """What it finds of the log. Of this machine it may find more."""
    done = front.ctl("doctor", check=False, json_out=True)
    return next(f["text"] for f in done["findings"]
                if f["check"] == "domino-log" and f["level"] == level)


def test_a_log_that_comes_later_is_read_from_its_beginning(log, deaf):
    log.path.unlink()
    front = deaf(log.path)
    said = until(front, state="trouble")
    assert said["error"] == os.strerror(errno.ENOENT)
    front.wait_event("domino-log", level="warn")
    assert "No such file" in doctor_says(front, "fail")
    log.write(http("a", "192.0.2.1") * LIMIT)
    until(front, state="following", failures=LIMIT)
    assert banned(front) == ["192.0.2.1"]
    assert f"{log.path} is followed" in doctor_says(front, "ok")
    # Away: what is open is read on. A folder is no log.
    log.path.unlink()
    log.path.mkdir()
    until(front, state="trouble")
    log.path.rmdir()
    log.write(http("b", "192.0.2.2") * LIMIT)
    until(front, state="following", failures=2 * LIMIT)


def test_a_log_that_cannot_be_read_is_said_and_tried_again(log, deaf):
    """A file whose every read fails: the memory at 0 of a process."""
    front = deaf("/proc/self/mem")
    said = until(front, state="trouble")
    assert said["error"] == os.strerror(errno.EIO)
    warned = front.wait_event("domino-log", level="warn", process="keeper")
    assert os.strerror(errno.EIO) in warned["message"]
    front.options["domino_log"] = {"path": log.path}
    front.write_conf()
    front.ctl("reload")
    until(front, state="following", error="")
    log.write(http("a", "192.0.2.1") * LIMIT)
    until(front, failures=LIMIT)
    assert len(front.events("domino-log", level="warn")) == 1   # said once


def test_a_pipe_is_followed_from_writer_to_writer(log, deaf):
    log.path.unlink()
    os.mkfifo(log.path)
    front = deaf(log.path)
    until(front, state="following")     # nobody writes yet
    for count in (1, 2, 3):
        log.write(http("a", "192.0.2.1"))       # opens, writes, leaves
        until(front, failures=count)
    assert banned(front) == ["192.0.2.1"]
    # The keeper dies; the pipe has a reader all the same.
    writer = os.open(log.path, os.O_WRONLY | os.O_NONBLOCK)
    kill_keeper(front)
    os.write(writer, http("b", "192.0.2.2").encode() * LIMIT)
    os.close(writer)
    wait.until(lambda: "192.0.2.2" in banned_or_none(front), "the second ban")


def kill_keeper(front):
    keeper = next(pid for pid, line in front.pids().items()
                  if "postern-keeper" in line)
    os.kill(keeper, signal.SIGKILL)
    front.wait_event("process-ended", pid=keeper)


def banned_or_none(front):
    """While a keeper starts nobody answers."""
    try:
        return banned(front)
    except AssertionError:
        return []


def test_a_new_keeper_reads_on_where_the_last_one_stopped(log, deaf):
    front = deaf(log.path)
    until(front, state="following")
    log.write(http("a", "192.0.2.1") * (LIMIT - 1))
    until(front, failures=LIMIT - 1)
    kill_keeper(front)
    log.write(http("b", "192.0.2.2") * LIMIT)
    wait.until(lambda: banned_or_none(front) == ["192.0.2.2"], "the ban")
    assert status(front)["failures"] == LIMIT   # none of the old lines


def test_smtp_counts_once_where_postern_stands_in_line(
        log, double, postern, strangers):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern({"mx": {}}, [server.address], options={
        "domino_log": {"path": log.path}, "banned": {"answer": "close"},
        "source_limit": {"delay": "0s", "failures": LIMIT}})
    until(front, state="following")
    source = strangers[0]
    for number in range(LIMIT - 1):
        assert attack.guess(front.ports["mx"], source, secret=f"g{number}") \
            == 535
        log.write(smtp("anna", source))
    until(front, ignored=LIMIT - 1)
    assert not banned(front)
    log.write(http("anna", source))     # the third guess, at another door
    front.wait_event("ban", src=source)
    assert attack.guess(front.ports["mx"], source) is None


def test_services_and_patterns_change_with_a_reload(log, deaf, folder):
    front = deaf(log.path, services=["imap"])
    until(front, state="following")
    log.write(http("a", "192.0.2.1") * LIMIT)
    until(front, ignored=LIMIT)
    mine = folder / "patterns.conf"
    mine.write_text("""[mine]
outcome = failed
service = http
pattern = gate: (?<user>.*) from (?<addr>[0-9.]{7,15}) turned away
sample = gate: anna from 192.0.2.1 turned away
finds = 192.0.2.1 http failed anna
""")
    front.options["domino_log"] = {"path": log.path, "patterns": mine}
    front.write_conf()
    front.ctl("reload")
    log.write(f"{HEAD}gate: x from 203.0.113.9 turned away from 192.0.2.2 "
              "turned away\n" * LIMIT, http("a", "192.0.2.1") * LIMIT)
    until(front, failures=LIMIT)
    assert banned(front) == ["192.0.2.2"]
    # One that can be forged is refused; the old one stays.
    mine.write_text(mine.read_text().replace("(?<user>.*)", "(?<user>.*?)")
                    .replace(" turned away\nsample", ".*\nsample"))
    front.ctl("reload", check=False)
    refused = front.wait_event("reload-refused")
    assert "a name forges an address" in refused["message"]
    log.write(f"{HEAD}gate: x from 192.0.2.3 turned away\n" * LIMIT)
    until(front, failures=2 * LIMIT)
    front.options["domino_log"] = {}
    front.listeners["mx"] = {"bind": ["127.0.0.1:0"]}   # no such port
    front.write_conf()
    front.ctl("reload", check=False)
    until(front, state="following")


def test_a_reload_in_mid_line_takes_nothing_away(log, deaf):
    front = deaf(log.path)
    until(front, state="following", files=1)
    log.write(f"{HEAD}begins\n")
    for number in range(LIMIT):
        line = http(f"u{number}", "192.0.2.1")
        log.write(line[:90])
        until(front, octets=log.path.stat().st_size)
        front.options["source_limit"]["delay"] = f"{number + 2}s"
        front.write_conf()
        front.ctl("reload")
        log.write(line[90:])
        until(front, failures=number + 1)
    assert banned(front) == ["192.0.2.1"] and status(front)["files"] == 1


FLOOD_LINES = 100_000


def test_a_flood_of_lines_keeps_nobody_waiting(log, deaf):
    """All of it is read, and the keeper answers in between."""
    front = deaf(log.path)
    until(front, state="following")
    noise = f"{HEAD}SMTP Server: mail.example.com (192.0.2.250) connected\n"
    some = noise * 999 + http("x" * 40, "192.0.2.9")
    writer = threading.Thread(
        target=lambda: [log.write(some) for _ in range(FLOOD_LINES // 1000)])
    writer.start()
    asked = 0
    while status(front)["lines"] < FLOOD_LINES:
        asked += 1      # each answer comes in its time, or ctl fails
    writer.join()
    said = until(front, lines=FLOOD_LINES, failures=FLOOD_LINES // 1000)
    assert asked > 0 and said["limits"] == 0 and said["cut"] == 0
    loops = front.ctl("status", json_out=True)["loops"]
    assert loops["keeper_run_ms"] < 1000
    assert banned(front) == ["192.0.2.9"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_kernel_drops_who_guessed_at_another_door(log, deaf):
    network = firewall.Network(f"{os.getpid()}l")
    try:
        network.build()
        with network.inside(network.server):
            front = deaf(log.path, more={
                "firewall": {"backend": "nft", "ports": "all"}})
        wait.until(lambda: "v4_32" in network.nft("list", "ruleset"), "table")
        until(front, state="following")
        log.write(http("a", "203.0.113.5") * LIMIT)
        wait.until(lambda: "203.0.113.5" in network.elements("v4_32"),
                   "element in the set")
    finally:
        network.remove()

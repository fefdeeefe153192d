"""A new program takes over: nobody is refused, lost or forgotten.

`posternctl upgrade` starts the file that lies where the running one was read
from. Sessions that are open end in the old processes, new ones begin in the
new; when the new program does not come up, the old one goes on.
"""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import attack
from attack import greeted, guess, guesses
from harness import wait
from harness.postern import Postern, binary
from load import Book, Load, send
from receiver import Receiver


IMPOSTOR = """#!/usr/bin/python3
import os, signal, socket, sys
line = socket.socket(fileno=int(sys.argv[-1]))
line.send(b"hello postern-heir-1 9 0")
while True:
    text, fds, _, _ = socket.recv_fds(line, 4096, 4)
    if not text:
        sys.exit()
    if text == b"end" and "UNTIL" != "end":
        line.send(b"up")
    if text.split()[0] == b"UNTIL" or "UNTIL" == "hello":
        os.kill(os.getpid(), signal.SIGKILL)
"""

# The real one, whose messages have another signature.
RELAY = """#!/usr/bin/python3
import os, select, socket, subprocess, sys
line = socket.socket(fileno=int(sys.argv[-1]))
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.set_inheritable(theirs.fileno(), True)
real = subprocess.Popen(
    [os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), "real"),
     *sys.argv[1:-1], str(theirs.fileno())], close_fds=False)
theirs.close()
while True:
    for one in select.select([line, ours], [], [])[0]:
        text, fds, _, _ = socket.recv_fds(one, 4096, 4)
        if not text:
            sys.exit()
        if text.startswith(b"hello"):
            text = text.rsplit(b" ", 1)[0] + b" 1"
        socket.send_fds(line if one is ours else ours, [text], fds)
        for fd in fds:
            os.close(fd)
"""


class Upgraded(Postern):
    """Its program is a copy that can be replaced; its main process changes."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.program = self.folder / "program"
        shutil.copy(binary(), self.program)
        self.argv[0] = str(self.program)
        self.mains = []

    def replace(self, text=None, mode=0o755):
        """Another file in its place, as a package puts it there."""
        new = self.program.with_name("program.new")
        if text is None:
            shutil.copy(binary(), new)
        else:
            new.write_text(text)
        new.chmod(mode)
        new.rename(self.program)

    def upgrade(self):
        """(exit code, what was said)."""
        done = subprocess.run(
            [binary("posternctl"), "--socket", self.control, "upgrade"],
            capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            self.mains.append(int(done.stdout.split("process ")[1]
                                  .split(",")[0]))
        return done.returncode, done.stdout + done.stderr

    def main(self):
        return self.mains[-1] if self.mains else self.process.pid

    def alive(self):
        return super().alive() or any(map(running, self.mains))

    def end(self):
        """All of them; the newest first, which takes the others along."""
        for pid in reversed(self.mains):
            if running(pid):
                os.kill(pid, signal.SIGTERM)
                wait.until(lambda pid=pid: not running(pid),
                           f"the end of {pid}")
        self.stop()


def running(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture
def pair(double, folder):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = Upgraded(
        folder, {"mx": {}}, [server.address],
        options={"shutdown_grace": "3s",
                 "source_limit": {"delay": "0s", "failures": 5},
                 "banned": {"answer": "refuse"}})
    front.start()
    yield server, front
    front.end()
    report = front.sanitizer_report()
    assert report is None, report


def logins(server):
    return sum(event["event"] == "auth" for event in server.events())


def banned(front):
    return [ban["prefix"] for ban in
            front.ctl("bans", "list", json_out=True)["bans"]]


def test_sessions_go_on_and_new_ones_begin_in_the_new(pair):
    server, front = pair
    book = Book()
    with greeted(front.ports["mx"]) as old:
        front.replace()
        code, said = front.upgrade()
        assert code == 0, said
        assert running(front.process.pid), "it has a session open"
        send(old, book, book.new())
        old.quit()
    wait.until(lambda: front.process.poll() is not None, "the old one's end")
    assert front.process.returncode == 0
    with greeted(front.ports["mx"]) as new:
        send(new, book, book.new())
    book.check(server)
    assert front.ctl("status")


@pytest.mark.parametrize("text, mode, why", [
    ("#!/bin/sh\nexit 3\n", 0o755, "ended before it served"),
    ("#!/bin/sh\nexit 0\n", 0o644, "cannot execute"),
    ("#!/nonexistent\n", 0o755, "cannot execute"),
    ("#!/bin/sh\nkill -9 $$\n", 0o755, "ended before it served"),
])
def test_a_program_that_does_not_start_changes_nothing(pair, text, mode, why):
    _, front = pair
    before = front.roles()
    front.replace(text, mode)
    code, said = front.upgrade()
    assert code == 1 and why in said, said
    wait.until(lambda: front.roles() == before, "the same processes")
    with greeted(front.ports["mx"]):
        pass


def test_a_wrong_configuration_changes_nothing(pair):
    _, front = pair
    before = front.roles()
    good = front.conf_path.read_text()
    front.conf_path.write_text(good + "nonsense = 1\n")
    code, said = front.upgrade()
    assert code == 1 and "nonsense" in said, said
    wait.until(lambda: front.roles() == before, "the same processes")
    front.conf_path.write_text(good)
    assert front.upgrade()[0] == 0


def test_no_ban_is_forgotten(pair, strangers):
    server, front = pair
    guesses(front.ports["mx"], strangers[0], 5)
    assert banned(front) == [strangers[0]]
    assert front.upgrade()[0] == 0
    assert banned(front) == [strangers[0]]
    before = logins(server)
    guess(front.ports["mx"], strangers[0])
    assert logins(server) == before


def test_a_guesser_in_an_old_session_is_banned_by_the_new_keeper(pair, strangers):
    _, front = pair
    with greeted(front.ports["mx"], strangers[0]) as old:
        assert front.upgrade()[0] == 0
        for n in range(5):
            assert old.auth_plain("anna", f"old-{n}").code in (535, 421)
    wait.until(lambda: banned(front) == [strangers[0]], "the ban")


def test_under_load_thrice_nobody_is_refused_and_nothing_lost(pair, strangers):
    """Senders, a banned source that knocks, and one that guesses."""
    server, front = pair
    out, knocker, slow = strangers[0], strangers[1], strangers[2]
    guesses(front.ports["mx"], knocker, 5)
    assert banned(front) == [knocker]
    with Load(front, strangers[10:30], banned=knocker) as load:
        for round_ in range(3):
            load.more()
            code, said = front.upgrade()
            assert code == 0, said
            assert knocker in banned(front)
            guess(front.ports["mx"], slow, "anna", f"slow-{round_}")
        load.more()
    assert load.book.losses == 0, "a sender was refused or lost its session"
    assert not load.wrong
    assert load.book.check(server) >= 80
    assert not [b for b in load.banners if b and b.startswith(b"220")]
    assert knocker in banned(front)
    assert out not in banned(front)


@pytest.mark.parametrize("until", ["hello", "end", "go"])
def test_the_new_one_killed_in_the_middle_changes_nothing(
        pair, strangers, until):
    """go: it has the store and the lines already; the old one is back."""
    server, front = pair
    guesses(front.ports["mx"], strangers[0], 5)
    front.replace(IMPOSTOR.replace("UNTIL", until))
    with Load(front, strangers[10:20]) as load:
        code, said = front.upgrade()
        load.more()
    assert code == 1 and "ended before it served" in said, said
    assert load.book.losses == 0 and not load.wrong
    load.book.check(server)
    assert banned(front) == [strangers[0]]
    front.replace()
    assert front.upgrade()[0] == 0
    assert banned(front) == [strangers[0]]


def test_another_version_of_the_line_is_refused(pair):
    _, front = pair
    front.replace(IMPOSTOR.replace("UNTIL", "never")
                  .replace("heir-1", "heir-99"))
    code, said = front.upgrade()
    assert code == 1 and "cannot take over from this version" in said


def test_with_other_messages_old_sessions_are_told_to_come_again(
        pair, strangers):
    """Their logins would have nobody who counts them."""
    server, front = pair
    shutil.copy(binary(), front.program.with_name("real"))
    front.replace(RELAY)
    with greeted(front.ports["mx"], strangers[0]) as old:
        code, said = front.upgrade()
        assert code == 0, said
        assert old.read_line().startswith(b"421 ")
    wait.until(lambda: front.process.poll() is not None, "the old one's end")
    guesses(front.ports["mx"], strangers[0], 5)
    wait.until(lambda: banned(front) == [strangers[0]], "the ban")


def test_old_sessions_end_when_drain_longest_is_over(pair):
    _, front = pair
    front.options["drain_longest"] = "1s"
    front.write_conf()
    front.ctl("reload")
    with greeted(front.ports["mx"]) as old:
        assert front.upgrade()[0] == 0
        assert old.read_line().startswith(b"421 ")
    wait.until(lambda: front.process.poll() is not None, "the old one's end")


def test_a_store_that_fails_keeps_the_old_one(pair, strangers):
    """What is banned then is in memory only."""
    _, front = pair
    front.state.chmod(0)
    front.stop()
    front.spawn()
    front.wait_ready(2)
    guesses(front.ports["mx"], strangers[0], 5)
    code, said = front.upgrade()
    assert code == 1 and "the store cannot be written" in said
    assert banned(front) == [strangers[0]]


def test_sockets_that_systemd_opened_are_taken_and_handed_on(double, folder):
    """One that does not share its port, for two workers."""
    server = double(auth_clear="LOGIN PLAIN")
    front = Upgraded(folder, {"mx": {}}, [server.address])
    front.argv = ["systemd-socket-activate",
                  *(f"--setenv={name}={front.env[name]}"
                    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")),
                  "-l", front.listeners["mx"]["bind"][0], *front.argv]
    front.spawn()
    front.wait_log("Listening on")
    try:
        with greeted(front.ports["mx"]):     # which starts it
            for _ in range(2):
                code, said = front.upgrade()
                assert code == 0, said
                with greeted(front.ports["mx"]):
                    pass
    finally:
        front.end()
    assert front.sanitizer_report() is None


def test_hooks_are_told_before_and_after_it(double, folder):
    receiver = Receiver()
    server = double(auth_clear="LOGIN PLAIN")
    front = Upgraded(folder, {"mx": {}}, [server.address], options={
        "hook one": {"url": receiver.base + "/one", "on": ["ban"]}})
    try:
        front.start()
        front.ctl("bans", "add", "198.51.100.1")
        receiver.wait("one", "ban")
        code, said = front.upgrade()
        assert code == 0, said
        front.ctl("bans", "add", "198.51.100.2")
        receiver.wait("one", "ban", count=2)
        assert [told["source"] for _, told in receiver.got("one", "ban")] == \
            ["198.51.100.1", "198.51.100.2"]
    finally:
        front.end()
        receiver.stop()
    report = front.sanitizer_report()
    assert report is None, report

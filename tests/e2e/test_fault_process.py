"""Processes that die or hang, while 50 clients go on.

That each of them may be killed is in test_kill.py, with the same load.
"""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

import attack
from attack import guess, process_of
from harness import net, wait
from load import MANY, Before, Load, clean
from test_fault_reload import control

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

LIMIT = 3
KILLS = 10
BACK_S = 2


@pytest.fixture
def site(double, postern):
    """site(**options): (server, front), not yet started."""
    def make(**options):
        server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
        front = postern({"mx": {}}, [server.address], run=False, options={
            "source_limit": {"delay": "0s", "failures": LIMIT},
            "banned": {"answer": "close"}, **options})
        return server, front
    return make


def ban(front, source):
    for n in range(LIMIT):
        assert guess(front.ports["mx"], source, secret=f"g{n}") == 535
    assert guess(front.ports["mx"], source, secret="secret") is None


# kill -9 of all, in the middle of saving (BAN-08)

class Bans(threading.Thread):
    """An operator who bans without a pause; whom he has banned."""

    def __init__(self, front):
        super().__init__(daemon=True)
        self.front, self.stop = front, threading.Event()
        self.count = 0

    def run(self):
        while not self.stop.is_set():
            try:
                with control(self.front) as sock:
                    answers = sock.makefile()
                    while not self.stop.is_set():
                        self._ban(sock, answers)
            except (OSError, ValueError):
                self.stop.wait(0.01)    # nobody is there; again

    def _ban(self, sock, answers):
        number = self.count + 1
        sock.sendall(b'{"command":"bans.add","prefix":"2001:db8:%x:%x::/64",'
                     b'"for":"1h"}\n' % (number >> 16, number & 0xffff))
        if '"ok":true' not in answers.readline().replace(" ", ""):
            raise ValueError("not now")
        self.count = number
        self.stop.wait(0.002)


def test_BAN_08_killed_at_any_instant_while_it_saves(site, strangers):
    """The store is the old one or the new one; the last that was known to be
    on the disk is in force; the door is open again within two seconds."""
    server, front = site()
    front.start()
    before = Before(front)
    dice, least = random.Random(1), 0
    with Load(front, strangers[:MANY]) as load:
        operator = Bans(front)
        operator.start()
        for number in range(KILLS):
            wanted = operator.count + 5
            wait.until(lambda: operator.count >= wanted, "some bans")
            if number % 5 == 0:
                known = operator.count  # answered, and then all written
                attack.stored(front, journal=False)
                least = known
            time.sleep(dice.random() * 0.05)    # any instant is meant
            front.kill_with(signal.SIGSTOP)     # it starts nobody any more
            pids = [front.process.pid, *front.pids()]
            for pid in pids:
                attack.shoot(pid)
            front.process.wait()
            wait.until(lambda: not any(map(attack.alive, pids)), "the end")
            with sqlite3.connect(front.state / "postern.db") as db:
                assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
            db.close()
            front.spawn()
            wait.until(lambda: net.listens("127.0.0.1", front.ports["mx"]),
                       "a door", BACK_S)
            front.wait_ready(number + 2)
            bans = front.ctl("status", json_out=True)["bans"]
            assert bans >= least, (number, bans, least)
        operator.stop.set()
        operator.join(attack.NEVER_S)
        load.more(MANY)
    assert not front.events("store-damaged")
    assert load.wrong == [] and load.book.check(server) >= MANY
    before.check(strangers[60])


def test_terminated_under_load(site, strangers):
    """Who is past 354 may finish; all others are told; nothing is lost."""
    server, front = site()
    front.start()
    with Load(front, strangers[:MANY]) as load:
        load.more(MANY)
        with attack.timed(longest_s=8):
            assert front.stop() == 0
    assert load.wrong == [] and load.book.check(server) >= MANY
    assert front.sanitizer_report() is None
    assert not net.listens("127.0.0.1", front.ports["mx"])
    assert {e["end"] for e in front.events("session")} <= {
        "quit", "stopping", "client-left", "client-closed"}


# A keeper that hangs

@pytest.mark.parametrize("word, code", [("allow", 235), ("tempfail", 454)])
def test_keeper_hangs(site, strangers, word, code):
    server, front = site(policy_unavailable=word)
    front.start()
    before = Before(front)
    ban(front, strangers[100])
    inside = attack.greeted(front.ports["mx"], strangers[101])
    inside.auth_plain("anna", "secret", 235)
    with Load(front, strangers[:MANY]) as load:
        with attack.stopped(process_of(front, "keeper")):
            # Who needs no verdict is not slower; a ban stays a ban.
            inside.message(b"Subject: -1\r\n\r\nx\r\n")
            assert guess(front.ports["mx"], strangers[100],
                         secret="secret") is None
            assert guess(front.ports["mx"], strangers[102],
                         secret="secret") == code
        load.more(MANY)
    assert set(load.wrong) <= ({454} if word == "tempfail" else set())
    assert load.book.check(server) >= MANY
    inside.quit()
    inside.close()
    before.check(strangers[60])


# A helper that dies, hangs, may not, or talks nonsense (FW-03)

GARBAGE = """#!/bin/sh
head -c 300 /dev/urandom
exit 3
"""


def in_kernel(source):
    said = subprocess.run(["nft", "list", "ruleset"], capture_output=True,
                          text=True, check=True).stdout
    return source in said


def test_FW_03_helper_dies_and_hangs(site, strangers):
    """Bans are enforced at the door meanwhile, and in the kernel after."""
    server, front = site(firewall={"backend": "nft"})
    front.start()
    front.ctl("bans", "add", strangers[102], "--for", "1h")
    wait.until(lambda: in_kernel(strangers[102]), "the first ban", 5)
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        with attack.stopped(process_of(front, "firewall")):
            ban(front, strangers[100])
            load.more(MANY)
            assert not in_kernel(strangers[100])
        wait.until(lambda: in_kernel(strangers[100]), "the ban", 5)
        attack.kill(front, "firewall")
        front.ctl("bans", "add", strangers[101], "--for", "1h")
        wait.until(lambda: in_kernel(strangers[101]), "the ban", 5)
        load.more(MANY)
    assert load.wrong == [] and load.book.losses == 0
    assert load.book.check(server) >= MANY
    before.check(strangers[60])


@pytest.mark.parametrize("way", ["no right", "garbage", "hangs"])
def test_FW_03_helper_cannot(site, folder, strangers, way):
    program = folder / "program"
    program.write_text(GARBAGE if way == "garbage" else
                       "#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    server, front = site(firewall={"backend": "nft"} if way == "no right" else
                         {"backend": "exec", "exec": program})
    if way == "no right":       # EPERM from the kernel
        front.argv = ["setpriv", "--bounding-set", "-net_admin",
                      *front.argv]
    front.start()
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        ban(front, strangers[100])
        load.more(MANY)
        assert not front.events("rights"), "no helper"
        if way != "hangs":
            front.wait_until(lambda: front.events("firewall-helper-failed") or
                             front.events("firewall-failed"), "word of it")
        assert guess(front.ports["mx"], strangers[100],
                     secret="secret") is None
    assert load.wrong == [] and load.book.losses == 0
    assert load.book.check(server) >= MANY
    if way != "hangs":  # its child stands on its line
        before.check(strangers[60])
    clean(front, strangers[60])

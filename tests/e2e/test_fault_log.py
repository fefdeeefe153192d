"""The disk and the log in trouble, while 50 clients go on.

SMTP goes on; no log line is waited for, what was lost is counted, and the
supervisor still answers. Bans go on in memory and are written when they can.
"""

import contextlib
import fcntl
import io
import json
import os
import shutil
import socket
import subprocess

import pytest

import attack
from attack import guess
from harness import net, wait
from harness.postern import USER
from load import MANY, Before, Load, clean

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

LIMIT = 3
IN_DEV = ('mount -t tmpfs -o mode=755 tmpfs /dev && '
          'mknod -m 666 /dev/null c 1 3 && '
          'mknod -m 666 /dev/urandom c 1 9 && '
          'ln -s "$1" /dev/log && shift && exec "$@"')


@pytest.fixture
def small(folder):
    """A file system of one MB, to be filled."""
    place = folder / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755",
                    "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place):
    """Until not one octet more goes in; gives the file to remove."""
    path = place / "filler"
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return path


@pytest.fixture
def site(double, postern):
    """site(log={...}, **options): (server, front), not yet started."""
    def make(log=None, **options):
        server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
        front = postern({"mx": {}}, [server.address], run=False, options={
            "source_limit": {"delay": "0s", "failures": LIMIT},
            "banned": {"answer": "close"}, "log": log or {}, **options})
        return server, front
    return make


def serving(front):
    """For who cannot see the line `ready`."""
    wait.until(lambda: net.listens("127.0.0.1", front.ports["mx"]), "a door")
    wait.until(lambda: attack.processes(front)["keeper"], "the keeper")


def check(load, server, front, before, source, log=None):
    assert load.wrong == [] and load.book.losses == 0
    assert load.book.check(server) >= MANY
    before.check(source, log=log)


def still_answers(front):
    """The supervisor does what it is told, soon."""
    with attack.timed(longest_s=8):
        front.ctl("reload")


def lost_lines(text):
    """How many lines were lost, as the log itself says; all lines but those
    that were cut by the trouble are whole."""
    lost, broken = 0, 0
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            broken += 1
            continue
        if event["event"] == "log-dropped":
            lost += event["lines"]
    return lost, broken


def test_disk_full_where_the_log_is(site, small, strangers):
    server, front = site({"to": small / "log"})
    front.log_path = small / "log"
    front.start()
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        filler = fill(small)
        load.more(2 * MANY)
        still_answers(front)
        assert front.log_path.stat().st_size < 1 << 20
        full = len(front.log())
        filler.unlink()
        wait.until(lambda: "log-dropped" in front.log()[full:],
                   "word of the lost lines")
    lost, broken = lost_lines(front.log())
    assert lost > 100 and broken <= 2, (lost, broken)
    check(load, server, front, before, strangers[60])


def test_log_folder_gone(site, folder, strangers):
    place = folder / "logs"
    place.mkdir()
    server, front = site({"to": place / "log"})
    front.log_path = place / "log"
    front.start()
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        kept = folder / "kept"
        os.link(front.log_path, kept)
        shutil.rmtree(place)
        front.kill_with(10)     # SIGUSR1: there is nowhere to open it again
        load.more(MANY)
        assert "cannot open" in kept.read_text()
        place.mkdir()
        front.kill_with(10)
        wait.until(front.log_path.exists, "a new log file")
        load.more(MANY)
    check(load, server, front, before, strangers[60])


def read_until_lost(reader, wanted):
    """The text up to word of that many lost lines; one may be cut in two."""
    text, lost, broken = "", 0, 0
    for line in io.BufferedReader(reader):
        text += line.decode()
        more = lost_lines(line.decode())
        lost, broken = lost + more[0], broken + more[1]
        if lost >= wanted:
            assert broken <= 2
            return text
    raise AssertionError("an end of the log")


def test_log_pipe_blocked(site, strangers):
    """The reader of standard error hangs: the pipe is full."""
    server, front = site()
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    front.process = subprocess.Popen(front.argv, stdout=theirs, stderr=theirs,
                                     env=front.env, cwd=front.folder)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as reader:
        serving(front)
        before = Before(front)
        with Load(front, strangers[:MANY]) as load:
            load.more(2 * MANY)
            still_answers(front)
            lines = read_until_lost(reader, 100)
        check(load, server, front, before, strangers[60], lines)
        # Nobody reads any more: no signal, no end.
    clean(front, strangers[60])
    front.stop_clean()


@pytest.fixture
def daemon(folder):
    """A syslog daemon that reads when it is asked to."""
    class Daemon:
        path = folder / "devlog"

        def __init__(self):
            self.sock = None
            self.begin()

        def begin(self):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.sock.bind(str(self.path))
            self.path.chmod(0o666)
            self.sock.settimeout(wait.DEADLINE_S)

        def end(self):
            self.sock.close()
            self.path.unlink()

        def until(self, word):
            lines = [self.sock.recv(65536)]
            while word not in lines[-1]:
                lines.append(self.sock.recv(65536))
            return lines
    one = Daemon()
    yield one
    one.end()


def test_syslog_blocked_gone_and_back(site, daemon, strangers):
    server, front = site({"to": "syslog"})
    front.argv = ["unshare", "--mount", "--propagation", "private", "sh",
                  "-c", IN_DEV, "sh", str(daemon.path), *front.argv]
    front.spawn()
    serving(front)
    daemon.until(b'"event":"ready"')
    before = Before(front)
    with Load(front, strangers[:MANY]) as load:
        load.more(2 * MANY)     # it does not read: its queue is full
        still_answers(front)
        lines = daemon.until(b"log-dropped")
        daemon.end()
        load.more(MANY)
        still_answers(front)
        daemon.begin()
        lines += daemon.until(b"log-dropped")
    for line in lines:
        head, _, text = line.partition(b"]: ")
        assert head.startswith(b"<22>") and b" postern[" in head
        assert json.loads(text)["event"]
    check(load, server, front, before, strangers[60], "")


@pytest.mark.parametrize("way", ["full", "read-only"])
def test_BAN_10_state_folder_takes_nothing(site, small, strangers, way):
    """BAN-10: bans go on in memory, are told, and written when they can."""
    state = small / "state"
    state.mkdir()
    shutil.chown(state, USER, USER)
    server, front = site(state_dir=state)
    if way == "read-only":  # from the start: no open file may be made so
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    front.start()
    before = None if way == "read-only" else Before(front)
    with Load(front, strangers[:MANY]) as load:
        if way == "full":
            filler = fill(small)
        for source in strangers[100:140]:
            front.ctl("bans", "add", source, "--for", "1h",
                      "--reason", "x" * 100)
        for n in range(LIMIT):
            assert guess(front.ports["mx"], strangers[99],
                         secret=f"g{n}") == 535
        front.wait_event("store-failed")
        store = front.ctl("status", json_out=True)["store"]
        assert store["failing"] and store["waiting"]
        for source in (strangers[99], strangers[139]):
            assert guess(front.ports["mx"], source, secret="secret") is None
        load.more(MANY)
        if way == "full":
            filler.unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        attack.stored(front, journal=False)
    before = before or Before(front)    # its files are open only now
    check(load, server, front, before, strangers[60])
    # What had waited is on the disk: it is known after a start.
    front.stop_clean()
    front.spawn()
    front.wait_ready(2)
    assert front.ctl("status", json_out=True)["bans"] == 41

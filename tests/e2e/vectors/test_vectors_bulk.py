"""Large chunks, which pass unread from socket to socket, as BDT- has it for all;
and the same inside TLS that is the server's own, where all is unread.

The server tells what came to it by a digest. Each case is played on a postern
as it was built, and on ones of which it is known that they spliced, that they
could not, and that a socket took nothing by splice.
"""

import errno
import hashlib
import os
import socket
import threading

import pytest

from harness import wait
from liar import Liar
from starve import Starve
from test_vectors_passthrough import (ANSWER, HELLO, KEY, Pair, Server, ended,
                                      is_reset, take)
from ways import WHOLE

KIB, MIB = 1 << 10, 1 << 20
FAULTS = {"built": None, "spliced": {},
          "copied": {"splice_in_error": errno.EINVAL},
          "half": {"splice_out_error": errno.ENOMEM}}
CASES = ["half", "copied", "spliced", "built"]
DOORS = {"mx": {"data_timeout": "20s"}, "tls": {"starttls": "optional"},
         "hasty": {"data_timeout": "1s"},
         "passed": {"tls": "passthrough", "backend": "inside"}}


@pytest.fixture(scope="module")
def stages(new_stage, session_folder, request):
    """One for each case: a worker that could not splice once tries no more."""
    made = {}

    def start(name):
        folder = session_folder / f"bulk-{name}"
        folder.mkdir()
        folder.chmod(0o755)
        starve = Starve(folder / "starve")
        inside = Server(starttls=False)
        request.addfinalizer(inside.close)
        more = {"server": Liar(folder), "doors": DOORS,
                "options": {"workers": 1}, "more_backends": {
                    "inside": {"servers": [inside.address],
                               "tls": "implicit"}}}
        if FAULTS[name] is None:
            stage = new_stage(**more)
            stage.lean = False      # a sanitizer keeps what was freed
            stage.inside = inside
            return stage, starve
        with starve.environment():
            stage = new_stage(**more)
        stage.lean, stage.inside = True, inside
        starve.pid = stage.workers()[0]
        for field, value in FAULTS[name].items():
            setattr(starve, field, value)
        whole(stage)    # the pipe goes where it is of no use
        stage.rest()
        return stage, starve

    def get(name):
        if name not in made:
            made[name] = start(name)
        return made[name]
    return get


@pytest.fixture(params=CASES)
def bulk(stages, request):
    """The stage of a case; behind it is known what was spliced."""
    stage, starve = stages(request.param)
    request.node.programs = [stage.front]
    starve.spliced = 0
    yield stage
    if request.param == "spliced":
        assert starve.spliced > 0
    elif request.param != "built":
        assert starve.spliced == 0 and starve.refused > 0
    if not getattr(request.node, "failed", False):
        stage.hold_u()


def noise(octets):
    return os.urandom(octets)


class Chunks:
    """What a server does with chunks: takes them, and stops where it is told
    to. `digest` is that of all octets that came."""

    def __init__(self, stop_at=None, then=None):
        self.sha, self.count = hashlib.sha256(), 0
        self.stop_at, self.then = stop_at, then
        self.stopped, self.go_on = threading.Event(), threading.Event()
        self.over = threading.Event()

    def __call__(self, peer, line):
        peer.taken = int(line.split()[1])
        try:
            self.take(peer, peer.taken)
        finally:
            self.over.set()
        return b"250 taken\r\n" if self.then != "refuse" else b""

    def take(self, peer, left):
        while left:
            most = min(left, 64 * KIB)
            if self.stop_at is not None:
                most = min(most, self.stop_at - self.count)
                if most == 0:
                    self.stop(peer)
                    continue
            data, peer.buf = peer.buf[:most], peer.buf[most:]
            data = data or peer.sock.recv(most)
            if not data:
                raise ConnectionError("it broke off")
            self.sha.update(data)
            self.count += len(data)
            left -= len(data)

    def stop(self, peer):
        self.stop_at = None
        self.stopped.set()
        if self.then == "reset":
            peer.reset()
            raise ConnectionError("as told")
        if self.then == "close":
            peer.sock.shutdown(socket.SHUT_RDWR)
            raise ConnectionError("as told")
        if self.then == "refuse":
            peer.send(b"552 5.3.4 too big\r\n")
        if self.then == "stall":
            assert self.go_on.wait(wait.DEADLINE_S)

    def hold(self, *pieces):
        assert self.count == sum(map(len, pieces))
        assert self.sha.digest() == hashlib.sha256(b"".join(pieces)).digest()


def begin(stage, chunks, door="mx"):
    """A client behind its envelope."""
    word = stage.name()
    stage.server.case(word, WHOLE, {"BDAT": chunks})
    c = stage.client(door)
    c.reply(220)
    c.cmd(f"EHLO {word}", 250)
    if door == "tls":
        c.starttls(stage.certs.client_context(verify=False))
        c.cmd(f"EHLO {word}", 250)
    c.envelope()
    return c


def last(octets):
    return b"BDAT %d LAST\r\n" % len(octets) + octets


def whole(stage, octets=2 * MIB, door="mx"):
    """Nothing of anybody else's comes with it."""
    chunks, text = Chunks(), noise(octets)
    with begin(stage, chunks, door) as c:
        c.send(last(text))
        c.reply(250)
        c.quit()
    chunks.hold(text)


def send_in_background(c, octets):
    def send():
        try:
            c.send(octets)
        except OSError:
            pass        # it was cut off
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def test_BDT_17_chunks_of_all_sizes_in_one_go(bulk):
    """Commands stand right behind, and an empty chunk ends it."""
    sizes = [3 * MIB, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 0, 300_000]
    chunks, pieces = Chunks(), [noise(n) for n in sizes]
    with begin(bulk, chunks) as c:
        c.send(b"".join(b"BDAT %d\r\n" % len(p) + p for p in pieces)
               + b"NOOP\r\nBDAT 0 LAST\r\nNOOP\r\n")
        for _ in range(len(sizes) + 3):
            c.reply(250)
        c.quit()
    chunks.hold(*pieces)


def test_BDT_17_a_large_chunk_octet_by_octet(bulk):
    chunks, text = Chunks(), noise(300_000)
    with begin(bulk, chunks) as c:
        c.send(b"BDAT %d LAST\r\n" % len(text))
        for at in range(700):
            c.send(text[at:at + 1])
        c.send(text[700:100_000])
        c.send(text[100_000:-1])
        c.send(text[-1:])
        c.reply(250)
        c.quit()
    chunks.hold(text)


def descriptors(stage):
    return len(os.listdir(f"/proc/{stage.workers()[0]}/fd"))


def test_BDT_17_who_stalls_costs_little_and_mixes_with_nobody(
        bulk, small_queues):
    """Its rest waits where it can meet no octets of another session."""
    chunks, text = Chunks(stop_at=MIB, then="stall"), noise(4 * MIB)
    whole(bulk)         # warm
    with begin(bulk, chunks) as c:
        before = bulk.private_bytes(), descriptors(bulk)
        sending = send_in_background(c, last(text))
        assert chunks.stopped.wait(wait.DEADLINE_S)
        bulk.front.wait_until(lambda: bulk.level()["buffers"], "a queue")
        bulk.at_once({n: (whole, bulk) for n in range(3)})
        if bulk.lean:
            assert bulk.private_bytes() - before[0] < MIB
        assert descriptors(bulk) == before[1]
        assert sending.is_alive()
        chunks.go_on.set()
        c.reply(250)
        sending.join()
        c.quit()
    chunks.hold(text)


@pytest.mark.parametrize("at", [0, 100_000, MIB])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_BDT_17_a_server_that_dies_leaves_nothing_to_the_next(bulk, how, at):
    chunks, text = Chunks(stop_at=at, then=how), noise(2 * MIB)
    with begin(bulk, chunks) as c:
        sending = send_in_background(c, last(text) + b"NOOP\r\n")
        assert c.reply().code in (421, 451)
        c.expect_closed()
        sending.join()
    assert chunks.count <= at
    whole(bulk, 256 * KIB)


@pytest.mark.parametrize("at", [0, 70_000, MIB])
@pytest.mark.parametrize("how", ["reset", "close", "half_close"])
def test_BDT_17_a_client_that_dies_completes_nothing(bulk, how, at):
    chunks, text = Chunks(), noise(at)
    with begin(bulk, chunks) as c:
        c.send(b"BDAT %d LAST\r\n" % (2 * MIB) + text)
        getattr(c, how)()
        assert chunks.over.wait(wait.DEADLINE_S)
    assert chunks.count <= at
    whole(bulk, 256 * KIB)


def test_BDT_17_an_early_refusal_comes_at_once_and_the_rest_is_consumed(bulk):
    chunks, text = Chunks(stop_at=200_000, then="refuse"), noise(MIB)
    with begin(bulk, chunks) as c:
        c.send(b"BDAT %d\r\n" % len(text) + text[:300_000])
        c.reply(552)
        c.send(text[300_000:] + b"NOOP\r\n")
        c.reply(250)
        c.quit()
    chunks.hold(text)


def test_BDT_17_an_urgent_octet_stops_no_chunk(bulk):
    """splice(2) does not go past it, and the socket says that there is more:
    a client would keep a worker busy with one octet. As wherever octets are
    read, it is no part of the stream."""
    chunks, text = Chunks(), noise(MIB)
    with begin(bulk, chunks) as c:
        c.send(b"BDAT %d LAST\r\n" % len(text) + text[:300_000])
        c.sock.send(b"!", socket.MSG_OOB)
        c.send(text[300_000:])
        c.reply(250)
        c.quit()
    chunks.hold(text)


def test_BDT_17_a_chunk_that_stops_short_is_ended_in_time(bulk):
    chunks = Chunks()
    with begin(bulk, chunks, "hasty") as c:
        c.send(b"BDAT %d\r\n" % MIB + noise(500_000))
        c.reply(421)
        c.expect_closed()
    assert chunks.over.wait(wait.DEADLINE_S)


def test_BDT_17_inside_tls_nothing_is_spliced(stages):
    stage, starve = stages("spliced")
    starve.spliced = 0
    whole(stage, door="tls")
    assert starve.spliced == 0
    stage.hold_u()


# Inside TLS that is the server's own

OPENING = threading.Lock()      # or one has the end of another


def opened(stage):
    """Both ends behind what looks like the beginning of TLS."""
    with OPENING:
        c = stage.client("passed")
        c.send(HELLO)
        pair = Pair(c, stage.inside.peer())
    assert take(pair.s, len(HELLO)) == HELLO
    pair.down(ANSWER)
    pair.up(KEY)
    return pair


def arrives(pair, text):
    got = hashlib.sha256(take(pair.s, len(text))).digest()
    assert got == hashlib.sha256(text).digest()


def carried(stage, octets=4 * MIB):
    """Much, then little, then an end."""
    text = noise(octets)
    with opened(stage) as pair:
        sending = send_in_background(pair.c, text)
        arrives(pair, text)
        sending.join()
        pair.down(b"250")
        pair.up(b"QUIT")
        pair.c.half_close()
        assert ended(pair.s) == b""


def test_much_that_is_inside_tls_arrives_and_then_little(bulk):
    carried(bulk)
    bulk.at_once({n: (carried, bulk) for n in range(3)})


def test_an_urgent_octet_stops_nothing_inside_tls(bulk):
    text = noise(5 * MIB)
    with opened(bulk) as pair:
        def send():
            pair.c.send(text[:4 * MIB])
            pair.c.sock.send(b"!", socket.MSG_OOB)
            pair.c.send(text[4 * MIB:])
        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        arrives(pair, text)
        sending.join()


def test_who_stalls_inside_tls_mixes_with_nobody(bulk):
    """The queues of the kernel are large, and of a size of its own choice."""
    text = noise(48 * MIB)
    with opened(bulk) as pair:
        before = descriptors(bulk)
        sending = send_in_background(pair.c, text)
        bulk.front.wait_until(lambda: bulk.level()["buffers"], "a queue")
        bulk.at_once({n: (carried, bulk, MIB) for n in range(3)})
        assert descriptors(bulk) == before
        arrives(pair, text)
        sending.join()


@pytest.mark.parametrize("who", ["client", "server"])
def test_who_dies_inside_tls_leaves_nothing_to_the_next(bulk, who):
    with opened(bulk) as pair:
        sending = send_in_background(pair.c, noise(16 * MIB))
        take(pair.s, MIB)
        if who == "client":
            pair.c.reset()
            assert is_reset(pair.s)
        else:
            pair.peer.reset()
        sending.join()
    carried(bulk, MIB)

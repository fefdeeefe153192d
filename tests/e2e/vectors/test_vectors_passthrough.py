"""TLS-, RSP-, RES-: TLS of the client with the server itself, passed through.

The server is scripted: what both ends say behind the hello is no TLS at all,
which postern could not tell, so each octet can be held and compared. Real TLS
has its tests in test_passthrough.py. Where it matters both roads are tried:
behind STARTTLS, and from the first octet (`tls = passthrough`).
"""

import concurrent.futures
import contextlib
import hashlib
import os
import queue
import select
import signal
import socket
import struct
import threading

import pytest

from harness.double import Double
from harness.raw import Broken, Closed
from harness.wait import DEADLINE_S
from scripted import Scripted
from stage import CALM, closed
from ways import WHOLE, all_ways

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03client"
ANSWER = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03server"
KEY = b"\x14\x03\x03\x00\x01\x01\x17\x03\x03"
MIB = 1 << 20
LARGE = 10 * MIB
# Of the 40 MB of two sessions' four queues. A sanitizer takes its part, too.
FLAT = 10 * MIB
ROADS = ["starttls", "first"]
PASSED = {"starttls": {"starttls": "passthrough", "backend": "scripted"},
          "first": {"tls": "passthrough", "backend": "scripted-tls"}}
HASTY = {"handshake_timeout": "1s", "command_timeout": "1s"}
TIMES = {"data_reply_timeout": "1s"}


class Server(Scripted):
    """Gives up each of its connections to the test, behind its 220."""

    def __init__(self, starttls):
        self.starttls = starttls
        self.arrived = queue.Queue()
        self.ready = b"220 go\r\n"
        super().__init__(self.serve)

    def serve(self, peer):
        peer.sock.settimeout(DEADLINE_S)
        peer.done = threading.Event()
        if self.starttls:
            peer.say("220 scripted.example.test ESMTP")
            while (line := peer.line()) is not None:
                if line.upper().startswith(b"EHLO"):
                    peer.say("250-scripted.example.test", "250 STARTTLS")
                elif line.upper() == b"STARTTLS":
                    peer.send(self.ready)
                    break
                else:
                    peer.say("250 ok")
            else:
                return
        self.arrived.put(peer)
        peer.done.wait(DEADLINE_S * 3)

    def peer(self):
        return self.arrived.get(timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def scripted():
    servers = {road: Server(road == "starttls") for road in ROADS}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(scope="module")
def the_stage(new_stage, scripted, certs, session_folder, request):
    folder = session_folder / "passed"
    folder.mkdir()
    folder.chmod(0o755)
    server = Double(folder, cert=certs.rsa, starttls="enabled", tls_port=True,
                    auth_clear="LOGIN PLAIN", f_8bit=True, t_535="535 no")
    doors = {"mx": {}, "double": {"starttls": "passthrough"},
             "double-first": {"tls": "passthrough", "backend": "secure"},
             "careful": {"starttls": "passthrough", "auth": "tls"}}
    for road in ROADS:
        doors[road] = PASSED[road]
        doors[f"hasty-{road}"] = {**PASSED[road], **HASTY,
                                  "backend": f"hasty-{road}"}
    monkeypatch = pytest.MonkeyPatch()
    request.addfinalizer(monkeypatch.undo)
    # Freed memory that a sanitizer keeps would look like queues.
    monkeypatch.setenv("POSTERN_ASAN_OPTIONS", "detect_leaks=1:"
                       "abort_on_error=0:quarantine_size_mb=1:"
                       "thread_local_quarantine_size_kb=64")
    return new_stage(server=server, doors=doors, options=CALM, more_backends={
        "secure": {"servers": [f"127.0.0.1:{server.tls_port}"],
                   "tls": "implicit"},
        "scripted": {"servers": [scripted["starttls"].address]},
        "scripted-tls": {"servers": [scripted["first"].address],
                         "tls": "implicit"},
        "hasty-starttls": {"servers": [scripted["starttls"].address],
                           **TIMES},
        "hasty-first": {"servers": [scripted["first"].address],
                        "tls": "implicit", **TIMES}})


class Pair:
    """Both ends of one session: `c` the client, `s` the server's end."""

    def __init__(self, c, peer):
        self.c, self.peer, self.s = c, peer, peer.sock

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.c.close()
        self.peer.done.set()
        with contextlib.suppress(OSError):
            self.s.close()

    def up(self, octets):
        """The client's octets, which the server must get."""
        self.c.send(octets)
        assert take(self.s, len(octets)) == octets

    def down(self, octets):
        self.s.sendall(octets)
        assert take(self.c.sock, len(octets)) == octets


def take(sock, count):
    """So many octets; fewer: the other end has closed before."""
    got = bytearray()
    while len(got) < count:
        data = sock.recv(min(count - len(got), 1 << 16))
        if not data:
            break
        got += data
    return bytes(got)


def ended(sock):
    """What comes to its end, with a FIN or a reset."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65536):
            got += data
    return got


@pytest.fixture
def ready(stage, scripted):
    """A client behind the 220 (road "first": just connected)."""
    def connect(road, hasty=False, **more):
        door = f"hasty-{road}" if hasty else road
        if road == "first":
            return stage.client(door, **more)
        c = stage.greeted(door, **more)
        c.cmd("STARTTLS", 220)
        return c
    return connect


@pytest.fixture
def opened(ready, scripted):
    """A pair behind hello, answer and key."""
    def connect(road, **more):
        c = ready(road, **more)
        c.send(HELLO)
        pair = Pair(c, scripted[road].peer())
        assert take(pair.s, len(HELLO)) == HELLO
        pair.down(ANSWER)
        pair.up(KEY)
        return pair
    return connect


SOURCES = iter(f"127.8.{n >> 8}.{n & 255}" for n in range(1, 65536))


@pytest.fixture
def source():
    return next(SOURCES)


def end_of(stage, source):
    return stage.front.wait_event("session", src=source)


# The beginning

@pytest.mark.parametrize("road", ROADS)
def test_octets_pass_however_they_are_cut(stage, ready, scripted, road):
    for way in all_ways(HELLO[:7]):
        c = ready(road)
        assert way.send(c, HELLO[:7], after=HELLO[7:])
        with Pair(c, scripted[road].peer()) as pair:
            assert take(pair.s, len(HELLO)) == HELLO, way
            assert way.send(pair.s, ANSWER[:4], after=ANSWER[4:]) \
                if way.at is None or way.at <= 4 else \
                WHOLE.send(pair.s, ANSWER)
            assert take(pair.c.sock, len(ANSWER)) == ANSWER, way
            pair.up(KEY)
            pair.down(b"\0")


@pytest.mark.parametrize("first", [
    b"EHLO inside\r\n", b"\r\n", b"MAIL FROM:<a@b.test>\r\n",
    b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x03\x01",
    b"\x15\x03\x01\x00\x02\x01\x00", b"\x16\x03\x01\x00\x05\x02",
    b"\x16EHLO inside\r\n", b"\x16\x03\x01EHLO\r\n"])
@pytest.mark.parametrize("road", ROADS)
def test_TLS_17_what_is_no_hello_goes_nowhere(stage, ready, scripted, source,
                                              road, first):
    c = ready(road, source=source)
    with contextlib.suppress(OSError):
        c.send(first)
    assert closed(c) == b""
    line = end_of(stage, source)
    assert line["end"] == "client-tls"
    if road == "starttls":
        peer = scripted[road].peer()
        assert ended(peer.sock) == b"" and peer.buf == b""
        peer.done.set()
    else:       # nobody was asked for a connection
        assert line["client_bytes"] == 0
        assert scripted[road].arrived.empty()


def test_TLS_10_no_server_is_spent_before_the_hello(stage, scripted):
    with stage.client("first") as c:
        c.send(HELLO[:5])
        assert c.silent(0.3) and scripted["first"].arrived.empty()
        c.send(HELLO[5:])
        with Pair(c, scripted["first"].peer()) as pair:
            assert take(pair.s, len(HELLO)) == HELLO


def test_TLS_10_a_handshake_that_stalls_ends_in_time(stage, ready, scripted):
    """On both roads, all at once: at the same moment, whatever was said."""
    def case(road, octets, drips):
        source = next(SOURCES)
        c = ready(road, hasty=True, source=source)
        c.send(octets)
        while drips and not select.select([c.sock], [], [], 0.05)[0]:
            with contextlib.suppress(OSError):
                c.send(b"x")    # buys no time
        assert closed(c) == b""
        assert end_of(stage, source)["end"] == "client-tls"
    stage.at_once({f"{road} {name}": (case, road, octets, name == "drips")
                   for road in ROADS for name, octets in {
                       "no hello": b"", "half a hello": HELLO[:4],
                       "no answer": HELLO, "drips": HELLO[:6]}.items()})
    for server in scripted.values():
        while not server.arrived.empty():
            server.peer().done.set()


@pytest.mark.parametrize("road", ROADS)
def test_TLS_10_a_client_that_stalls_behind_the_answer_ends_in_time(
        stage, ready, scripted, source, road):
    c = ready(road, hasty=True, source=source)
    c.send(HELLO)
    with Pair(c, scripted[road].peer()) as pair:
        pair.down(ANSWER)
        assert closed(c) == b"" and ended(pair.s) == HELLO
    assert end_of(stage, source)["end"] == "client-tls"


@pytest.mark.parametrize("order", ["client first", "server first"])
@pytest.mark.parametrize("octets", [b"EHLO x\r\n", HELLO])
def test_TLS_06_what_lies_unread_when_the_220_comes_was_sent_in_clear(
        stage, scripted, source, order, octets):
    """Both at the same moment, since postern sleeps: also a hello is early."""
    server = scripted["starttls"]
    server.ready = b""
    try:
        c = stage.greeted("starttls", source=source)
        c.line("STARTTLS")
        peer = server.peer()
    finally:
        server.ready = b"220 go\r\n"
    workers = stage.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        says = [(c.sock, octets), (peer.sock, b"220 go\r\n")]
        for sock, said in says if order == "client first" else says[::-1]:
            sock.sendall(said)
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    assert closed(c) == b"" and ended(peer.sock) == b""
    c.close()
    peer.done.set()
    assert end_of(stage, source)["end"] == "starttls-injection"


# A server that lies

@pytest.mark.parametrize("more", [b"250-injected\r\n250 AUTH\r\n", b"250-XCLI",
                                  b"\n", b"2", ANSWER])
def test_RSP_01_clear_octets_behind_the_servers_220(stage, scripted, source,
                                                    more):
    server = scripted["starttls"]

    def case(way):
        server.ready = b""
        with stage.greeted("starttls", source=source) as c:
            c.line("STARTTLS")
            peer = server.peer()
            whole = b"220 go\r\n" + more
            way.send(peer.sock, whole[6:9], whole[:6], whole[9:])
            # Together they are one fault; apart the 220 was true, and what
            # comes behind it is no answer to a hello.
            rest = closed(c)
            assert rest in (b"", b"220 go\r\n") or rest.startswith(b"421 ")
            peer.done.set()
    try:
        for way in all_ways(b"\r\n2"):
            case(way)
    finally:
        server.ready = b"220 go\r\n"
    ends = {line["end"] for line in stage.front.events("session", src=source)}
    assert ends <= {"server-injection", "client-closed"}, ends
    assert "server-injection" in ends


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("answer", [b"220 x\r\n", b"\x16\x02\x00", b"\x17\x03",
                                    b"\x16250 x\r\n"])
def test_RSP_02_a_word_in_clear_is_no_answer(stage, ready, scripted, source,
                                             road, answer):
    def case(way):
        c = ready(road, source=source)
        c.send(HELLO)
        with Pair(c, scripted[road].peer()) as pair:
            way.send(pair.s, answer)
            got = closed(c)
            # What could still be a record's head may have passed.
            assert got == b"" or answer.startswith(got) and len(got) <= 2
    for way in all_ways(answer[:3]):
        case(way)
    ends = {line["end"] for line in stage.front.events("session", src=source)}
    assert ends == {"server-injection" if road == "starttls"
                    else "server-protocol"}


@pytest.mark.parametrize("code", [454, 502, 554, 421])
def test_RSP_04_a_refusal_leaves_all_in_clear_and_looked_at(stage, code):
    word = stage.name()
    stage.server.fault(f"reply=starttls:{code} no#1")
    with stage.greeted("careful") as c:
        c.cmd("STARTTLS", code)
        if code == 421:
            assert closed(c) == b""
            return
        c.auth_plain(code=538)
        c.cmd("BURL x", 502)
        c.envelope()
        c.cmd("DATA", 354)
        c.send(f"Subject: {word}\r\n\r\na\n.\nb\r\n.\r\n".encode())
        c.reply(550)
    assert not stage.arrived(word)


@pytest.mark.parametrize("reply", ["250 go", "354 go", "334 go"])
def test_RSP_04_what_is_no_220_ends_it(stage, source, reply):
    stage.server.fault(f"reply=starttls:{reply}#1")
    with stage.greeted("double", source=source) as c:
        c.cmd("STARTTLS", 421)
        assert closed(c) == b""
    assert end_of(stage, source)["end"] == "server-protocol"


def test_starttls_is_offered_when_the_server_offers_it(stage):
    with stage.greeted("double") as c:
        assert "STARTTLS" in c.ehlo()
    stage.server.set("starttls", "off")
    try:
        with stage.greeted("double") as c:
            assert "STARTTLS" not in c.ehlo()
            c.cmd("STARTTLS", 502)
            c.quit()
        assert "STARTTLS" not in stage.server.commands()[-2:]
    finally:
        stage.server.set("starttls", "enabled")


def test_TLS_09_auth_in_clear_is_as_the_option_says(stage, certs):
    context = certs.client_context(verify=False)
    with stage.greeted("careful") as c:
        assert "AUTH" not in c.ehlo()
        c.auth_plain(code=538)
        c.starttls(context)
        assert "AUTH" in c.ehlo()
        c.auth_plain(code=235)
        c.quit()
    with stage.greeted("double") as c:
        c.auth_plain("anna", "wrong", 535)


# Both ways, slow ends

def digest(sock, count):
    sha, left = hashlib.sha256(), count
    while left:
        data = sock.recv(min(left, 1 << 16))
        assert data, f"{left} octets are missing"
        sha.update(data)
        left -= len(data)
    return sha.digest()


def fill(sock, octets):
    """Sends until nobody takes more for a while; how many octets went."""
    sent, sock_was = 0, sock.gettimeout()
    sock.settimeout(0.5)
    try:
        while sent < len(octets):
            sent += sock.send(octets[sent:sent + (1 << 16)])
    except socket.timeout:
        pass
    finally:
        sock.settimeout(sock_was)
    return sent


@pytest.mark.parametrize("road", ROADS)
def test_RES_05_10_mb_each_way_with_memory_flat(stage, opened, small_queues,
                                                road):
    """Neither end reads before both have written what they can; then both
    read, and have it all."""
    up = hashlib.sha256(b"up").digest() * (LARGE // 32)
    down = hashlib.sha256(b"down").digest() * (LARGE // 32)
    before = stage.private_bytes()
    with opened(road) as first, opened(road) as second:
        rest = []
        for pair in (first, second):
            rest.append((pair.c.sock, up, fill(pair.c.sock, up)))
            rest.append((pair.s, down, fill(pair.s, down)))
        assert all(n < LARGE for _, _, n in rest), "somebody read all of it"
        grown = stage.private_bytes() - before
        assert grown < FLAT, f"{grown} octets for {LARGE} in transit"
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(sock.sendall, octets[n:])
                    for sock, octets, n in rest]
            reads = [(pool.submit(digest, sock, LARGE), octets)
                     for pair in (first, second)
                     for sock, octets in ((pair.s, up), (pair.c.sock, down))]
            for job in jobs:
                job.result()
            for job, octets in reads:
                assert job.result() == hashlib.sha256(octets).digest()
        assert stage.private_bytes() - before < FLAT


def test_BAN_a_client_that_does_not_read_is_ended_all_the_same(
        stage, opened, small_queues, request):
    """It speaks last, always; but what it was told waits for it."""
    source = "203.0.113.99"
    with opened("starttls", source=source) as pair:
        fill(pair.s, bytes(LARGE))
        stage.front.wait_until(lambda: stage.level()["buffers"], "a queue")
        pair.up(b"one more guess")
        request.addfinalizer(lambda: stage.front.ctl("bans", "del", source))
        stage.front.ctl("bans", "add", source)
        assert is_reset(pair.s)
    assert end_of(stage, source)["end"] == "banned"


def test_BAN_who_is_banned_hears_one_answer_and_no_other(stage, opened,
                                                         request):
    source = "203.0.113.97"
    with opened("starttls", source=source) as pair:
        pair.up(b"a guess")
        request.addfinalizer(lambda: stage.front.ctl("bans", "del", source))
        stage.front.ctl("bans", "add", source)
        pair.up(b"and another")
        pair.s.sendall(b"535")
        assert closed(pair.c) == b"535"
    assert end_of(stage, source)["end"] == "banned"


def test_BAN_a_client_that_never_stops_talking_wins_no_time(
        stage, opened, request):
    """It might be in a message; but of one that is banned that ends, too."""
    source = "203.0.113.98"
    with opened("starttls", hasty=True, source=source) as pair:
        pair.up(b"a message")
        request.addfinalizer(lambda: stage.front.ctl("bans", "del", source))
        stage.front.ctl("bans", "add", source)
        with contextlib.suppress(OSError):
            while not select.select([pair.c.sock], [], [], 0.05)[0]:
                pair.c.send(b"x")
        assert is_reset(pair.s) and closed(pair.c) == b""
    assert end_of(stage, source)["end"] == "banned"


# Ends

@pytest.mark.parametrize("road", ROADS)
def test_an_end_of_the_client_passes_and_the_other_way_goes_on(
        stage, opened, source, road):
    with opened(road, source=source) as pair:
        pair.c.send(b"last words")
        pair.c.half_close()
        assert ended(pair.s) == b"last words"
        for n in range(3):
            pair.down(b"still here %d" % n)
        pair.s.close()
        assert closed(pair.c) == b""
    assert end_of(stage, source)["end"] == "client-left"


@pytest.mark.parametrize("road", ROADS)
def test_an_end_of_the_server_passes_and_the_other_way_goes_on(
        stage, opened, source, road):
    with opened(road, source=source) as pair:
        pair.s.sendall(b"last words")
        pair.s.shutdown(socket.SHUT_WR)
        assert closed(pair.c) == b"last words"
        for n in range(3):
            pair.up(b"still here %d" % n)
        pair.c.half_close()
        assert ended(pair.s) == b""
    assert end_of(stage, source)["end"] == "server-closed"


@pytest.mark.parametrize("road", ROADS)
def test_an_end_waits_for_what_was_said_before(stage, opened, road):
    """10 MB behind which the end was said, to one who reads late."""
    octets = hashlib.sha256(b"end").digest() * (LARGE // 32)
    with opened(road) as pair, concurrent.futures.ThreadPoolExecutor() as pool:
        def say():
            pair.c.send(octets)
            pair.c.half_close()
        job = pool.submit(say)
        assert digest(pair.s, LARGE) == hashlib.sha256(octets).digest()
        assert pair.s.recv(1) == b""
        job.result()


def is_reset(sock):
    try:
        while sock.recv(65536):
            pass
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("road", ROADS)
def test_D_03_a_reset_of_the_client_is_one_for_the_server(stage, opened,
                                                          source, road):
    with opened(road, source=source) as pair:
        pair.up(b"half a message")
        pair.c.reset()
        assert is_reset(pair.s)
    assert end_of(stage, source)["end"] == "client-left"


@pytest.mark.parametrize("road", ROADS)
def test_a_server_that_dies_ends_it(stage, opened, source, road):
    with opened(road, source=source) as pair:
        pair.up(b"half a message")
        pair.down(b"last words")
        pair.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
        pair.s.close()
        assert closed(pair.c) == b""
    assert end_of(stage, source)["end"] == "server-closed"


# Time

@pytest.mark.parametrize("road", ROADS)
def test_silence_of_the_client_ends_it(stage, opened, source, road):
    with opened(road, hasty=True, source=source) as pair:
        pair.down(b"your turn")
        assert closed(pair.c) == b"" and ended(pair.s) == b""
    assert end_of(stage, source)["end"] == "client-timeout"


@pytest.mark.parametrize("road", ROADS)
def test_silence_of_the_server_ends_it_with_a_reset(stage, opened, source,
                                                    road):
    """It may have a message and owe the word on it (D-03, D-05)."""
    with opened(road, hasty=True, source=source) as pair:
        pair.up(b"your turn")
        assert closed(pair.c) == b"" and is_reset(pair.s)
    assert end_of(stage, source)["end"] == "server-timeout"


def test_the_line_of_the_log_says_what_was_passed(stage, certs, source):
    context = certs.client_context(verify=False)
    with stage.greeted("double", source=source) as c:
        c.starttls(context)
        c.ehlo()
        c.auth_plain("anna", "wrong", 535)
        c.message(b"Subject: x\r\n\r\n" + b"x" * 5000 + b"\r\n")
        c.quit()
    line = end_of(stage, source)
    assert line["tls"] == "passthrough" and line["doing"] == "passthrough"
    assert line["client_bytes"] > 5000 and line["server_bytes"] > 1000
    assert not {"auth", "mail", "messages"} & set(line)
    assert not stage.front.events("auth-failed", src=source)


def test_octets_of_sessions_never_meet(opened):
    """Many at once through the workers' one scratch, each with its own."""
    with contextlib.ExitStack() as stack, \
            concurrent.futures.ThreadPoolExecutor(32) as pool:
        pairs = [stack.enter_context(opened(ROADS[n % 2])) for n in range(16)]
        words = [b"%04d" % n * (16 << 10) for n in range(len(pairs))]
        said = [pool.submit(sock.sendall, word)
                for pair, word in zip(pairs, words)
                for sock in (pair.c.sock, pair.s)]
        for pair, word in zip(pairs, words):
            assert take(pair.s, len(word)) == word
            assert take(pair.c.sock, len(word)) == word
        for job in said:
            job.result()

"""RES-15, RES-05: memory and descriptors run out at every place.

Each kind of session is played again and again; the first time its first
allocation fails, then its second, and so on until none was left to fail; and
again with all that follow failing, too. Whatever happens: the process lives,
the client hears 421 or is closed, no message is accepted that did not arrive
whole, and the next session is as ever.
"""

import contextlib
import errno
import json
import os
import pathlib
import socket
import ssl
import time

import pytest

from attack import process_of
from harness.double import Double
from harness.raw import Broken, Client, Closed
from starve import FOR_EVER, Starve

TICKS = os.sysconf("SC_CLK_TCK")
BODY = b"".join(b"line %06d of the text\r\n" % n for n in range(2000))
DOORS = {
    name: {"command_timeout": "2s", "data_timeout": "2s",
           "handshake_timeout": "2s", **more}
    for name, more in {
        "mx": {}, "tls": {"starttls": "optional"},
        "implicit": {"tls": "implicit"},
        "inside": {"backend": "inside"},
        "passed": {"starttls": "passthrough"},
        "passed-first": {"tls": "passthrough", "backend": "port-465"},
    }.items()}
TIMES = {"reply_timeout": "1s", "greeting_timeout": "1s",
         "data_reply_timeout": "1s", "connect_timeout": "1s"}


@pytest.fixture(scope="module")
def orders(session_folder):
    return Starve(session_folder / "starve")


@pytest.fixture
def starve(orders):
    yield orders
    orders.clear()


@pytest.fixture(scope="module")
def the_stage(new_stage, orders, certs, session_folder):
    folder = session_folder / "starved"
    folder.mkdir()
    folder.chmod(0o755)
    server = Double(folder, cert=certs.rsa, f_chunking=True, f_8bit=True,
                    starttls="enabled", tls_port=True,
                    auth_clear="LOGIN PLAIN", t_535="535 no",
                    users={"anna": "secret"})
    with orders.environment():
        stage = new_stage(
            server=server, doors=DOORS,
            options={"workers": 1, "log": {"level": "info"},
                     "banned": {"tarpit_pace": "100ms"}},
            backend=TIMES, more_backends={
                "inside": {"servers": [server.address], "tls": "required",
                           **TIMES},
                "port-465": {"servers": [f"127.0.0.1:{server.tls_port}"],
                             "tls": "implicit", **TIMES}})
    return stage


@pytest.fixture
def pid(stage):
    return stage.workers()[0]


# Sessions of each kind; each gives True when its message was accepted.

def plain(stage, word):
    with stage.greeted(timeout_s=4) as c:
        c.cmd("NOOP", 250)
        c.quit()


def login(stage, word):
    with stage.greeted(timeout_s=4) as c:
        c.auth_login(code=235)
        c.quit()


def failed_login(stage, word):
    with stage.greeted(timeout_s=4) as c:
        c.auth_plain("anna", word, 535)
        c.quit()


def by_data(stage, word):
    with stage.greeted(timeout_s=4) as c:
        c.message(f"Subject: {word}\r\n\r\n".encode() + BODY)
        return True


def by_chunks(stage, word):
    with stage.greeted(timeout_s=4) as c:
        c.envelope()
        head = f"Subject: {word}\r\n\r\n".encode()
        c.send(b"BDAT %d\r\n" % len(head) + head)
        c.reply(250)
        c.send(b"BDAT %d LAST\r\n" % len(BODY) + BODY)
        c.reply(250)
        return True


def pipelined(stage, word):
    """In pieces that leave a tail, so that it is kept."""
    with stage.greeted(timeout_s=4) as c:
        c.send(b"NOOP\r\nMAIL FROM:<a@sender.test>\r\nRCPT TO:<anna@exa")
        c.reply(250)
        c.reply(250)
        c.send(b"mple.test>\r\nNO")
        c.reply(250)
        c.send(b"OP\r\n")
        c.reply(250)


def by_starttls(stage, word):
    with stage.upgraded(timeout_s=4) as c:
        c.message(f"Subject: {word}\r\n\r\n".encode() + BODY)
        return True


def by_implicit(stage, word):
    with stage.greeted("implicit", tls=True, timeout_s=4) as c:
        c.message(f"Subject: {word}\r\n\r\n".encode() + BODY)
        return True


def by_server_tls(stage, word):
    with stage.greeted("inside", timeout_s=4) as c:
        c.message(f"Subject: {word}\r\n\r\n".encode() + BODY)
        return True


def by_passthrough(stage, word):
    with stage.upgraded("passed", timeout_s=4) as c:
        c.message(f"Subject: {word}\r\n\r\n".encode() + BODY)
        return True


def by_passthrough_first(stage, word):
    with stage.greeted("passed-first", tls=True, timeout_s=4) as c:
        c.message(f"Subject: {word}\r\n\r\n".encode() + BODY)
        return True


def crowd(stage, word):
    """More than a block of memory holds."""
    with contextlib.ExitStack() as stack:
        for _ in range(70):
            c = stack.enter_context(stage.client(timeout_s=4))
            with contextlib.suppress(Closed):
                c.reply()


def banned(stage, word):
    with Client(stage.front.ports["mx"], source="203.0.113.77",
                timeout_s=4) as c:
        c.sock.recv(1)


KINDS = {f.__name__: f for f in (
    plain, login, failed_login, by_data, by_chunks, pipelined, by_starttls,
    by_implicit, by_server_tls, by_passthrough, by_passthrough_first, crowd,
    banned)}


def play(stage, kind):
    """Did the session go as ever? What must never be is looked for."""
    word = stage.name("mem")
    good = told = False
    try:
        told = kind(stage, word)
        good = True
    except Closed:
        pass
    except (Broken, OSError, ssl.SSLError) as error:
        assert "no octet came" not in repr(error) \
            and "timed out" not in repr(error), f"it hangs: {error!r}"
    for octets in stage.arrived(word):
        assert octets.endswith(BODY), "a part of a message arrived"
    if told:
        assert len(stage.arrived(word)) == 1
    return good


def every_allocation(stage, starve, pid, kind, last_of, step=1):
    """How many there are; the n-th fails, for each n."""
    n = 1
    while True:
        with starve.allocations(pid, n, last_of(n)):
            try:
                good = play(stage, kind)
            except AssertionError as error:
                raise AssertionError(f"allocation {n}: {error}") from error
            failed = starve.failed
        assert pathlib.Path(f"/proc/{pid}").exists(), f"allocation {n}"
        if not failed:
            assert good, "without a fault it fails, too"
            return n
        n += step


@pytest.mark.parametrize("kind", KINDS)
def test_RES_15_each_allocation_of_a_session_may_fail(stage, starve, pid,
                                                      strangers, kind):
    kind = KINDS[kind]
    # What both have in common was looked at whole by the first.
    step = {by_implicit: 5, by_server_tls: 20}.get(kind, 1)
    if kind is banned:
        stage.front.ctl("bans", "add", "203.0.113.77", "--for", "1m")
    alone = every_allocation(stage, starve, pid, kind, lambda n: n, step)
    every_allocation(stage, starve, pid, kind, lambda n: FOR_EVER,
                     1 + alone // 30)
    print(f"{kind.__name__}: {alone} allocations")
    if kind is banned:
        stage.front.ctl("bans", "del", "203.0.113.77")
    assert stage.workers() == [pid]


# The keeper

def order(stage, **request):
    """The control socket's answer; {}: it was closed."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(stage.front.control))
        try:
            sock.sendall(json.dumps(request).encode() + b"\n")
            line = sock.makefile().readline()
        except ConnectionError:
            return {}
    return json.loads(line) if line.endswith("\n") else {}


def asks_status(stage):
    return order(stage, command="status").get("ok")


def bans(stage):
    """What was said to be done is done."""
    who = f"198.51.100.{1 + next(stage.numbers) % 250}"
    said = order(stage, command="bans.add", prefix=who, **{"for": "1h"})
    return said.get("ok"), who


def explains(stage):
    return order(stage, command="explain", subject="198.51.100.9").get("ok")


@pytest.mark.parametrize("last", [0, FOR_EVER], ids=["one", "all"])
@pytest.mark.parametrize("what", [asks_status, bans, explains])
def test_RES_15_each_allocation_of_the_keeper_may_fail(stage, starve, what,
                                                       last):
    """One of them, or all from there on."""
    keeper = process_of(stage.front, "keeper")
    done, n = [], 0
    while n < 2000:
        n += 1
        with starve.allocations(keeper, n, last or n):
            said = what(stage)
            failed = starve.failed
        assert pathlib.Path(f"/proc/{keeper}").exists(), f"allocation {n}"
        if what is bans and said[0]:
            done.append(said[1])
        if not failed:
            break
    assert not failed and (said[0] if what is bans else said)
    print(f"{what.__name__}: {n} allocations")
    if what is bans:
        kept = {ban["prefix"] for ban in
                order(stage, command="bans.list")["bans"]}
        assert set(done) <= kept
        assert order(stage, command="bans.flush")["ok"]
    assert process_of(stage.front, "keeper") == keeper


def test_RES_15_memory_that_is_gone_and_comes_back(stage, starve, pid):
    """A crowd is too much for it: who is refused hears 421 or is closed, who
    is in stays, and all is well again later."""
    held, refused = [], 0
    with starve.allocations(pid, 10000, FOR_EVER):
        for _ in range(60):
            c = Client(stage.front.ports["implicit"], timeout_s=4)
            try:
                c.wrap(stage.certs.client_context(verify=False))
                c.reply(220)
                held.append(c)
            except (Broken, OSError, ssl.SSLError):
                refused += 1
        assert refused and held
    for c in held:
        c.cmd("NOOP", 250)
        c.close()
    assert stage.workers() == [pid]


# RES-05

def cpu_ticks(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("error", ["ENFILE", "EMFILE", "ENOBUFS", "ENOMEM"])
def test_RES_05_accept_that_fails_neither_spins_nor_floods(
        stage, starve, pid, error):
    lines = len(stage.front.events("no-descriptors"))
    inside = stage.greeted()
    starve.accept_error = getattr(errno, error)
    starve.pid = pid
    began, ticks = time.monotonic(), cpu_ticks(pid)
    crowd = [Client(stage.front.ports["mx"]) for _ in range(30)]
    inside.cmd("NOOP", 250)
    inside.silent(1.2)
    inside.cmd("NOOP", 250)
    took = time.monotonic() - began
    assert (cpu_ticks(pid) - ticks) / TICKS < 0.1 * took
    assert starve.refused < 4 * (took + 1)
    told = len(stage.front.events("no-descriptors")) - lines
    assert 1 <= told <= took + 1
    starve.clear()
    for c in crowd:
        c.reply(220)
        c.close()
    inside.quit()


@pytest.mark.parametrize("error", ["ECONNABORTED", "EPROTO", "EPERM"])
def test_RES_04_accept_that_loses_a_client_goes_on(stage, starve, pid, error):
    starve.accept_error = getattr(errno, error)
    starve.pid = pid
    waiting = Client(stage.front.ports["mx"])
    stage.front.wait_until(lambda: starve.refused > 0, "a lost client")
    starve.clear()
    waiting.reply(220)
    waiting.close()


def test_RES_05_no_descriptor_for_the_server_is_421(stage, starve, pid):
    """Not the server's fault: nobody says that it failed."""
    failed = len(stage.front.events("server-failed"))
    inside = stage.greeted()
    starve.socket_error = errno.EMFILE
    starve.pid = pid
    with stage.client() as c:
        assert b"Too many connections" in c.reply(421).raw
        c.expect_closed()
    starve.clear()
    inside.quit()
    assert len(stage.front.events("server-failed")) == failed
    stage.front.wait_until(lambda: accepts(stage), "doors open again")


def accepts(stage):
    with stage.client() as c:
        return c.reply().code == 220


# nobody keeps the loop from the others

TURN_MOST = 512 * 1024      # src/worker/room.h: TURN_MOST_BYTES


@pytest.mark.parametrize("door", ["mx", "implicit"])
def test_RES_01_one_turn_takes_little_of_one_client(stage, starve, pid, door):
    """Whatever waits in its socket: then the others have their turn."""
    with stage.greeted(door, tls=door == "implicit") as c:
        c.envelope()
        c.cmd("DATA", 354)
        starve.pid = pid
        c.send(BODY * 400)
        c.line(".")
        c.reply(250)
        assert 50_000 < starve.turn_octets <= TURN_MOST


def test_RES_01_one_turn_takes_little_of_one_server(stage, starve, pid):
    many = "".join(f"214-{'x' * 500}\\n" for _ in range(55)) + "214 x"
    stage.server.fault("say=help:" + many)
    with stage.greeted() as c:
        starve.pid = pid
        c.send(b"HELP\r\n" * 30)
        for _ in range(30):
            c.reply(214)
    assert 20_000 < starve.turn_octets <= 4 * 16 * 1024

"""RES: what a peer can make postern spend, and where it ends."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import ssl
import subprocess
import threading
import time

import pytest

from attack import processes
from harness.postern import USER
from harness.raw import Client
from stage import THREADS

SHORT_S = 2
DOORS = {
    name: {"command_timeout": f"{SHORT_S}s", "data_timeout": f"{SHORT_S}s",
           "handshake_timeout": f"{SHORT_S}s", **more}
    for name, more in {
        "mx": {}, "tls": {"starttls": "optional"},
        "implicit": {"tls": "implicit"},
        "patient": {"greeting_delay": "30s"},
    }.items()}
PER_SOURCE = 6
TARPIT = 10     # of one worker
SET_MOST = 16   # the least that may be configured


@pytest.fixture(scope="module")
def the_stage(new_stage):
    return new_stage(
        doors=DOORS,
        options={"sessions_per_source": PER_SOURCE,
                 "banned": {"tarpit_most": TARPIT, "tarpit_pace": "300ms"}},
        backend={"auth_failed": ["^554 (a+)+$"],
                 "reply_timeout": f"{SHORT_S}s",
                 "greeting_timeout": f"{SHORT_S}s",
                 "data_reply_timeout": f"{SHORT_S}s"})


@pytest.fixture(scope="module")
def full_set(new_stage):
    return new_stage(doors={"mx": {}}, options={
        "banned": {"answer": "close"},
        "firewall": {"backend": "nft", "entries_most": SET_MOST}})


def limits(stage):
    return stage.status()["limits"]


def grown(stage, before, **wanted):
    """Wait until these counters have grown by so much, and no more."""
    def look():
        now = limits(stage)
        return all(now[name] - before[name] == by
                   for name, by in wanted.items())
    stage.front.wait_until(look, f"{wanted} more than {before}")


# RES-01: slow in each phase

def drip(sock, data, pause_s=0.15):
    """An octet now and then, until the other end has enough. Gives the time
    that it took and what came."""
    began, answer = time.monotonic(), b""
    sock.settimeout(pause_s)
    for at in range(1000):
        try:
            sock.sendall(data[at % len(data):][:1])
        except (ConnectionError, ssl.SSLError):
            break
        try:
            octets = sock.recv(4096)
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except (ConnectionError, ssl.SSLError):
            break
        if not octets:
            break
        answer += octets
    return time.monotonic() - began, answer


def in_command(stage):
    with stage.greeted() as c:
        return drip(c.sock, b"EHLO " + b"x" * 400)


def in_answer(stage):
    with stage.greeted() as c:
        c.cmd("AUTH LOGIN", 334)
        return drip(c.sock, b"YW5u" * 99)


def in_data(stage):
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        return drip(c.sock, b"line\r\n" * 99)


def in_chunk(stage):
    with stage.greeted() as c:
        c.envelope()
        c.line("BDAT 100000")
        return drip(c.sock, b"line\r\n" * 99)


def in_tls(stage):
    """Each octet a record of its own."""
    with stage.upgraded() as c:
        return drip(c.sock, b"NOOP " + b"x" * 400)


def in_record(stage):
    """A TLS record octet by octet."""
    with stage.greeted("tls") as c:
        c.cmd("STARTTLS", 220)
        return drip(c.sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                    + b"x" * 500)


def in_handshake(stage):
    with stage.client("implicit") as c:
        return drip(c.sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                    + b"x" * 500)


PHASES = {"command": in_command, "answer": in_answer, "data": in_data,
          "chunk": in_chunk, "tls": in_tls, "record": in_record,
          "handshake": in_handshake}


def test_RES_01_an_octet_now_and_then_stretches_no_deadline(stage):
    before = limits(stage)
    took = stage.at_once({name: (phase, stage)
                          for name, phase in PHASES.items()})
    for name, (seconds, answer) in took.items():
        assert SHORT_S - 0.5 < seconds < SHORT_S * 3, (name, seconds)
        told = b"" if name in ("record", "handshake") \
            else b"421 Timeout, closing the connection\r\n"
        assert answer.endswith(told), (name, answer)
    grown(stage, before, client_time=5, data_rate=2, handshake_time=2)
    # Nothing of what was begun was stored.
    assert not stage.arrived(b"line")


def test_RES_01_a_slow_but_steady_message_passes(stage):
    """Twice the least rate, for longer than the deadline."""
    word = stage.name("slow")
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.line(f"Subject: {word}")
        ends = time.monotonic() + 2.5 * SHORT_S
        while time.monotonic() < ends:
            c.send(b"x" * 248 + b"\r\n")
            assert c.silent(0.2)
        c.line(".")
        c.reply(250)
        c.quit()
    assert len(stage.arrived(word)) == 1


def test_RES_01_bursts_are_no_account_for_long_silence(stage):
    """What came fast before buys no more than one deadline."""
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.send((b"x" * 998 + b"\r\n") * 500)
        began = time.monotonic()
        c.reply(421)
        assert SHORT_S - 0.5 < time.monotonic() - began < SHORT_S * 2
        c.expect_closed()


@pytest.mark.parametrize("point", ["greeting", "reply", "multiline"])
def test_RES_01_server_octet_by_octet_is_given_up(stage, point):
    """REP-04: the reply must be whole in its time, from the first octet."""
    before = limits(stage)
    if point == "greeting":
        stage.server.fault("drip=150")
        with stage.client() as c:
            began = time.monotonic()
            c.reply(421)
    else:
        with stage.greeted() as c:
            stage.server.fault("drip=150")
            if point == "multiline":
                stage.server.fault(r"say=help:214-a\n214-b\n214-c\n214 d")
            began = time.monotonic()
            c.cmd("HELP", 421)
    assert SHORT_S - 0.5 < time.monotonic() - began < SHORT_S * 2
    stage.server.clear_faults()
    grown(stage, before, server_time=1)


def test_RES_01_commands_stretch_no_time_of_the_server(stage):
    """A server that owes a reply gets no time for what the client says."""
    stage.server.fault("stall=noop")
    with stage.greeted() as c:
        began = time.monotonic()
        c.line("NOOP")
        for _ in range(60):
            try:
                c.line("VRFY x")
            except ConnectionError:
                break
            if not c.silent(SHORT_S / 8):
                break
        c.reply(421)
        assert time.monotonic() - began < SHORT_S * 2


# RES-06: connections of one source

def knock(stage, source, door="mx"):
    """A client that has heard its first line, and the code of that."""
    c = Client(stage.front.ports[door], source=source)
    return c, c.reply().code


def opened(stage, source, count):
    """So many that were greeted; workers learn of an end a moment later."""
    return [c for c, code in (knock(stage, source) for _ in range(count))
            if code == 220]


def sources_of(kind):
    """Addresses of one source: the same IPv4, or one /64."""
    if kind == "ipv4":
        return ["203.0.113.60"] * (PER_SOURCE + 3)
    return [f"2001:db8:0:6::{n:x}" for n in range(1, PER_SOURCE + 4)]


def test_RES_06_one_more_than_a_source_may_have_is_421(stage, strangers):
    """n-1 and n are in, n+1 hears why; a place is free when one leaves."""
    source, before = strangers[60], limits(stage)
    heard = len(stage.server.of("connect"))
    inside = opened(stage, source, PER_SOURCE)
    assert len(inside) == PER_SOURCE
    for _ in range(3):
        with Client(stage.front.ports["mx"], source=source) as c:
            assert c.reply(421).raw == b"421 Too many connections from " \
                b"your address, try again later\r\n"
            c.expect_closed()
    # Nobody but the six has cost the server a connection.
    assert len(stage.server.of("connect")) == heard + PER_SOURCE
    grown(stage, before, source_sessions=3)
    other, code = knock(stage, strangers[61])
    assert code == 220
    inside.pop().quit()

    def again():
        c, code = knock(stage, source)
        inside.append(c)
        return code == 220
    stage.front.wait_until(again, "a place that is free again")
    for c in (other, *inside):
        c.close()


def test_RES_06_no_handshake_is_spent(stage, strangers):
    source = strangers[62]
    inside = opened(stage, source, PER_SOURCE)
    with Client(stage.front.ports["implicit"], source=source) as c:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            c.wrap(stage.certs.client_context(verify=False))
    for c in inside:
        c.close()


def test_RES_06_allowed_addresses_are_exempt(stage):
    """Loopback is always allowed."""
    inside = opened(stage, None, PER_SOURCE * 3)
    assert len(inside) == PER_SOURCE * 3
    for c in inside:
        c.close()


def test_RES_06_a_storm_of_one_source_never_gets_more(stage, strangers):
    """From many threads into two workers: never more than the limit."""
    source = strangers[63]

    def one(_):
        return knock(stage, source)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(one, range(100)))
    codes = [code for _, code in got]
    assert set(codes) == {220, 421}
    assert codes.count(220) <= PER_SOURCE
    assert stage.status()["sessions"]["open"] <= PER_SOURCE
    for c, _ in got:
        c.close()


# RES-02: slow and deaf readers

def test_RES_02_a_client_that_does_not_read_is_closed(stage, small_queues):
    """Also one that takes some now and then: a reply is due as a whole."""
    before = limits(stage)
    many = "".join(f"214-{'x' * 500}\\n" for _ in range(55)) + "214 x"
    stage.server.fault("say=help:" + many)
    over = threading.Event()

    def deaf(octets):
        with stage.greeted() as c:
            c.send(b"HELP\r\n" * 4)
            while not over.wait(0.2):
                with contextlib.suppress(ConnectionError, TimeoutError):
                    c.sock.settimeout(0.1)
                    c.sock.recv(octets)

    def look():
        began = time.monotonic()
        try:
            grown(stage, before, client_time=2)
            return time.monotonic() - began
        finally:
            over.set()
    took = stage.at_once({"none": (deaf, 0), "few": (deaf, 2500),
                          "seen": (look,)})
    assert SHORT_S - 0.5 < took["seen"] < SHORT_S * 3


# RES-03: half of a close

def test_RES_03_half_close_behind_quit_and_dot_is_answered(stage):
    word = stage.name("half")
    with stage.greeted() as c:
        c.envelope()
        c.cmd("DATA", 354)
        c.send(f"Subject: {word}\r\n\r\nx\r\n.\r\n".encode())
        c.half_close()
        c.reply(250)
        c.expect_closed()
    assert len(stage.arrived(word)) == 1
    with stage.greeted() as c:
        c.line("QUIT")
        c.half_close()
        c.reply(221)
        c.expect_closed()


@pytest.mark.parametrize("how", ["DATA", "BDAT 1000 LAST"])
def test_RES_03_half_close_in_a_message_completes_nothing(stage, how):
    word = stage.name("half")
    before = len(stage.server.of("partial"))
    with stage.greeted() as c:
        c.envelope()
        c.line(how)
        if how == "DATA":
            c.reply(354)
        c.send(f"Subject: {word}\r\n\r\nx\r\n".encode())
        c.half_close()
        assert b"250" not in c.expect_closed()
    stage.server.wait_for("partial", before + 1)
    assert not stage.arrived(word)


# RES-04: storms of resets

def test_RES_04_a_storm_of_resets_leaves_nothing(stage):
    def storm(count):
        for n in range(count):
            with contextlib.suppress(ConnectionError):
                c = stage.client("mx" if n % 2 else "implicit")
                if n % 3 == 0:
                    c.send(b"\x16\x03\x01\x02\x00\x01" if n % 2 == 0
                           else b"EHLO x\r\n")
                c.reset()
    stage.at_once({n: (storm, 125) for n in range(16)})


# RES-10: patterns

def test_RES_10_a_pattern_that_never_ends_is_given_up(stage, strangers):
    """The reply passes at once; the login counts as neither."""
    before = limits(stage)
    stage.server.fault(f"reply=auth-final:554 {'a' * 40}!#1")
    with stage.greeted(source=strangers[70]) as c:
        began = time.monotonic()
        c.auth_plain("anna", "wrong", 554)
        assert time.monotonic() - began < 1
    grown(stage, before, pattern=1)
    answer = stage.front.ctl("explain", strangers[70], json_out=True)
    assert answer["failures"]["count"] == 0
    assert stage.front.events("pattern-limit")


# RES-13: no finite fields

def test_RES_13_no_finite_field_is_agreed_on(stage):
    """DHE in TLS 1.2, and its groups in 1.3."""
    for words, good in (
            (["-tls1_2", "-cipher", "DHE"], False),
            (["-tls1_2", "-cipher", "ECDHE"], True),
            (["-tls1_3", "-groups", "ffdhe2048:ffdhe3072"], False),
            (["-tls1_3", "-groups", "X25519"], True)):
        done = subprocess.run(
            ["openssl", "s_client", "-connect",
             f"127.0.0.1:{stage.front.ports['implicit']}", *words],
            input=b"QUIT\r\n", capture_output=True, timeout=20)
        new = re.search(rb"^New, (\S+), Cipher is (\S+)$", done.stdout, re.M)
        assert new and (new[2] != b"(NONE)") == good, (words, done.stdout)


# RES-14: the tarpit's own cost

def test_RES_14_the_tarpit_is_bounded_and_holds_no_server(stage, strangers):
    source, before = strangers[80], limits(stage)
    heard = len(stage.server.of("connect"))
    stage.front.ctl("bans", "add", source, "--for", "1m")
    inside = [Client(stage.front.ports["mx"], source=source)
              for _ in range(2 * TARPIT + 15)]

    def told():
        status = stage.status()
        return status["sessions"]["tarpit"] + status["limits"]["tarpit"] \
            - before["tarpit"] == len(inside) and status
    status = stage.front.wait_until(told, "all of them in or out")
    # Two workers; how many came to each is the kernel's choice.
    assert TARPIT <= status["sessions"]["tarpit"] <= 2 * TARPIT
    assert status["limits"]["tarpit"] - before["tarpit"] >= 15
    assert status["sessions"]["open"] == 0
    assert len(stage.server.of("connect")) == heard
    for c in inside:
        c.close()
    stage.front.ctl("bans", "del", source)


# RES-16: a server that refuses, or does not answer

@pytest.mark.parametrize("how", ["refuses", "silent"])
def test_RES_16_one_attempt_a_client_and_no_herd(stage, how):
    clients = 60
    failed = len(stage.front.events("server-failed"))
    heard = len(stage.server.of("connect"))
    before = limits(stage)
    if how == "refuses":
        stage.server.listen(False)
    else:
        stage.server.fault("stall=connect")

    def one():
        began = time.monotonic()
        with stage.client() as c:
            c.reply(421)
            c.expect_closed()
        return time.monotonic() - began
    took = stage.at_once({n: (one,) for n in range(clients)})
    late = SHORT_S * 2 * (clients // THREADS + 1)
    assert max(took.values()) < (SHORT_S if how == "refuses" else late)
    if how == "refuses":
        # One tries at a time; the others are told at once.
        stage.front.wait_event("server-failed", failed + 1)
        assert len(stage.front.events("server-failed")) <= failed + clients
        stage.server.listen(True)
    else:
        assert len(stage.server.of("connect")) == heard + clients
        grown(stage, before, server_time=clients)
        stage.server.clear_faults()
    # Nobody comes but who is new.
    heard = len(stage.server.of("connect"))
    stage.clean_session()
    assert len(stage.server.of("connect")) == heard + 1


# RES-09: the kernel's set is full

def in_kernel():
    text = subprocess.run(["nft", "list", "set", "inet", "postern", "v4_32"],
                          capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"198\.51\.100\.\d+", text))


def test_RES_09_bans_beyond_the_kernels_set_act_in_postern(full_set):
    front = full_set.front
    sources = [f"198.51.100.{n}" for n in range(1, SET_MOST + 5)]
    for source in sources:
        front.ctl("bans", "add", source, "--for", "1h")
    front.wait_until(lambda: full_set.status()["firewall"]["refused"] == 4,
                     "refusals beyond the set")
    front.wait_until(lambda: in_kernel() == set(sources[:SET_MOST]),
                     "a full set")
    assert full_set.status()["bans"] == len(sources)
    assert front.events("firewall-refused")
    with Client(front.ports["mx"], source=sources[-1]) as c:
        assert c.expect_closed() == b""
    front.ctl("bans", "flush")
    front.wait_until(lambda: not in_kernel(), "an empty set")
    front.ctl("bans", "add", sources[-1], "--for", "1h")
    front.wait_until(lambda: in_kernel() == {sources[-1]}, "room again")
    front.ctl("bans", "flush")


# RES-05: few descriptors

def limit_descriptors(pid, count):
    # As its user: root in a container may not have CAP_SYS_RESOURCE.
    subprocess.run(["setpriv", "--reuid", USER, "--regid", USER,
                    "--clear-groups", "prlimit", "--pid", str(pid),
                    f"--nofile={count}:"], check=True)


def test_RES_05_two_hundred_clients_with_64_descriptors(stage):
    """Each is greeted or hears 421, or waits in the queue until then."""
    ticks = os.sysconf("SC_CLK_TCK")
    pids = processes(stage.front)["worker"]
    lines = len(stage.front.events("no-descriptors"))
    for pid in pids:
        limit_descriptors(pid, 64)
    crowd = [stage.client() for _ in range(200)]
    began = time.monotonic()
    spent = {pid: cpu_ticks(pid) for pid in pids}
    assert crowd[0].reply().code in (220, 421)
    crowd[0].silent(1.0)    # a second to look at
    took = time.monotonic() - began
    for pid in pids:
        assert (cpu_ticks(pid) - spent[pid]) / ticks < 0.2 * took
    told = len(stage.front.events("no-descriptors")) - lines
    assert 1 <= told <= len(pids) * (took + 2)
    for pid in pids:
        limit_descriptors(pid, 4096)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(lambda c: c.reply().code, crowd[1:]))
    assert set(codes) == {220, 421}
    for c in crowd:
        c.close()


def cpu_ticks(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])

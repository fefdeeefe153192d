"""TLS-: the client's leg. What comes in clear is never inside, nor after."""

import base64
import concurrent.futures
import os
import resource
import socket
import ssl
import subprocess

import pytest

from harness import net
from harness.raw import Closed
from records import DATA, Hello, Records, cpu_s
from stage import DOORS, closed

FULL = bool(os.environ.get("POSTERN_VECTORS_FULL"))
MIB = 1 << 20
V = ssl.TLSVersion


@pytest.fixture(scope="module")
def the_stage(new_stage):
    return new_stage(server={"starttls": "enabled"}, doors={
        **DOORS, "twin": {"tls": "implicit"},
        "patient": {"tls": "implicit", "greeting_delay": "30s"},
        "passed": {"starttls": "passthrough"},
        "wish": {"starttls": "optional", "auth": "tls"},
        "hasty": {"tls": "implicit", "handshake_timeout": "1s"},
        "hasty-starttls": {"starttls": "optional",
                           "handshake_timeout": "1s"}})


@pytest.fixture
def trust(stage):
    return stage.certs.client_context(verify=False)


# What stands behind STARTTLS, postern's own or the server's

@pytest.fixture(params=["tls", "passed"])
def door(request):
    return request.param


def no_tls_behind(stage, c, trust, codes):
    """What must come: these replies, then the end, or a 220 and no TLS."""
    try:
        for code in codes:
            c.reply(code)
        if c.reply().code != 220:
            raise AssertionError("neither 220 nor the end")
        c.wrap(trust)
        c.line("FAKE x")
        reply = c.reply()
    except (Closed, OSError):       # ssl.SSLError is one of these
        return
    raise AssertionError(f"inside TLS: {reply!r}")


def injected(stage, trust, door, octets, critical, codes=()):
    """Octets in clear behind STARTTLS: never answered inside TLS, and of all
    of them the server hears what stands before STARTTLS alone."""
    def case(way):
        word = stage.name()
        line = octets.replace(b"WORD", word.encode())
        at = line.index(critical)
        with stage.greeted(door) as c:
            way.send(c, critical, line[:at], line[at + len(critical):])
            no_tls_behind(stage, c, trust, codes)
        return word
    words = stage.play(case, critical)
    for way, word in words.items():
        assert not stage.heard(word) and not stage.arrived(word), way


def test_TLS_01_octets_behind_starttls_are_never_answered_inside(stage, trust,
                                                                 door):
    injected(stage, trust, door,
             b"STARTTLS\r\nEHLO commandinjectiontester-WORD\r\n",
             b"STARTTLS\r\nEHLO")


def test_TLS_02_no_login_gets_into_an_injected_message(stage, trust, door):
    """The connection is over before a login could be said in it; the next
    one is nobody's message."""
    injected(stage, trust, door, b"STARTTLS\r\nRSET\r\n"
             b"MAIL FROM:<inj-WORD@x.test>\r\n"
             b"RCPT TO:<anna@example.test>\r\nDATA\r\n",
             b"STARTTLS\r\nRSET\r\n")
    assert not stage.heard("inj-")
    with stage.upgraded(door) as c:
        word = stage.name()
        c.auth_plain(code=235)
        c.message(word.encode() + b"\r\n")
        c.quit()
    assert stage.arrived(word) == [word.encode() + b"\r\n"]


def test_TLS_03_half_a_command_is_not_glued_to_one_inside(stage, trust, door):
    injected(stage, trust, door, b"STARTTLS\r\nNOO", b"STARTTLS\r\nNOO")
    assert not stage.heard("NOOP")


@pytest.mark.parametrize("octets", [
    b"starttls \r\nNOOP WORD\r\n", b"STARTTLS\r\n\r\nNOOP WORD\r\n",
    b"StartTLS\r\nNOOP WORD\r\n"])
def test_TLS_04_every_starttls_takes_the_same_road(stage, trust, door, octets):
    injected(stage, trust, door, octets, octets[:14])


@pytest.mark.parametrize("line, code", [
    (b"STARTTLS\n", 500), (b"STARTTLS\r\r\n", 500), (b"STARTTLS\0\r\n", 500)])
def test_TLS_04_a_bad_line_is_no_starttls(stage, door, line, code):
    def case(way):
        word = stage.name()
        with stage.greeted(door) as c:
            way.send(c, line[-4:], line[:-4], f"NOOP {word}\r\n".encode())
            c.reply(code)
            assert closed(c) == b""
        assert not stage.heard(word)
    stage.play(case, line[-4:])


@pytest.mark.parametrize("line, code", [
    (b"STARTTLS foo\r\n", 501), (b"\tSTARTTLS\r\n", 500),
    (b" STARTTLS\r\n", 500), (b"STARTTLS\t\r\n", 500)])
def test_TLS_04_what_is_no_starttls_changes_nothing(stage, door, line, code):
    def case(way):
        word = stage.name()
        with stage.greeted(door) as c:
            assert way.send(c, line, after=f"NOOP {word}\r\n".encode())
            c.reply(code)
            c.reply(250)
            c.quit()
        assert stage.heard(word) == [f"NOOP {word}"]
    stage.play(case, line)


def test_TLS_05_starttls_ends_a_pipeline(stage, trust, door):
    injected(stage, trust, door, b"NOOP\r\nSTARTTLS\r\nNOOP WORD\r\n",
             b"NOOP\r\nSTARTTLS\r\nN", codes=(250,))


def test_TLS_06_64_kib_behind_starttls_are_never_answered(stage, trust, door):
    injected(stage, trust, door, b"STARTTLS\r\n" + b"NOOP WORD\r\n" * 6000,
             b"STARTTLS\r\nNOOP")


# What is forgotten, and when

def test_TLS_07_all_is_forgotten_on_both_legs(stage, trust):
    def case(way):
        word = stage.name()
        with stage.greeted("tls", ehlo=False) as c:
            c.ehlo(f"before{word}")
            assert way.send(c, b"STARTTLS\r\n")
            c.reply(220)
            c.wrap(trust)
            for line in ("RCPT TO:<anna@example.test>", "DATA",
                         f"MAIL FROM:<{word}@b.test>"):
                c.cmd(line, 503)
            c.ehlo(f"after{word}")
            c.cmd("RCPT TO:<anna@example.test>", 503)
            c.message(word.encode() + b"\r\n")
            c.quit()
        assert stage.heard(word) == [
            f"EHLO before{word}", f"EHLO after{word}"]
        assert len(stage.arrived(word)) == 1
    stage.play(case, b"STARTTLS\r\n")
    helos = {m["helo"] for m in stage.server.messages()}
    assert not [name for name in helos if name.startswith("before")]


def test_TLS_07_a_transaction_does_not_go_through_tls(stage, trust):
    with stage.greeted("tls") as c:
        c.cmd("MAIL FROM:<a@b.test>", 250)
        c.cmd("STARTTLS", 503)
        c.cmd("RSET", 250)
        c.starttls(trust)
        c.cmd("RCPT TO:<anna@example.test>", 503)
        c.ehlo()
        c.cmd("RCPT TO:<anna@example.test>", 503)
        c.quit()


def test_TLS_08_starttls_inside_tls_is_refused(stage):
    def case(way, door):
        with (stage.upgraded() if door == "tls" else
              stage.greeted("implicit", tls=True)) as c:
            assert way.send(c, b"STARTTLS\r\n")
            c.reply(503)
            c.quit()
    for door in ("tls", "implicit"):
        stage.play(lambda way, door=door: case(way, door), b"STARTTLS\r\n")


def test_TLS_08_starttls_inside_a_transaction_is_refused(stage):
    def case(way):
        word = stage.name()
        with stage.greeted("tls") as c:
            c.envelope()
            assert way.send(c, b"STARTTLS\r\n")
            c.reply(503)
            c.data(word.encode() + b"\r\n")
            c.quit()
        assert len(stage.arrived(word)) == 1
    stage.play(case, b"STARTTLS\r\n")


def test_TLS_08_starttls_before_ehlo_is_allowed(stage, trust):
    def case(way):
        with stage.greeted("tls", ehlo=False) as c:
            assert way.send(c, b"STARTTLS\r\n")
            c.reply(220)
            c.wrap(trust)
            c.ehlo()
            c.quit()
    stage.play(case, b"STARTTLS\r\n")


def test_TLS_08_starttls_as_an_answer_is_an_answer(stage):
    def case(way):
        with stage.greeted("tls") as c:
            c.cmd("AUTH LOGIN", 334)
            assert way.send(c, b"STARTTLS\r\n")
            assert c.reply().code in (334, 501, 535)
        return None
    before = len(stage.server.of("answer", line="STARTTLS"))
    # Other doors pass it on.
    said = stage.server.commands().count("STARTTLS")
    cases = stage.play(case, b"STARTTLS\r\n")
    assert len(stage.server.of("answer", line="STARTTLS")) == \
        before + len(cases)
    assert stage.server.commands().count("STARTTLS") == said


@pytest.mark.parametrize("door, code", [("required", 530), ("wish", 538)])
def test_TLS_09_no_login_goes_out_in_clear(stage, door, code):
    token = base64.b64encode(b"\0user\0pass")

    def case(way):
        with stage.greeted(door) as c:
            assert way.send(c, b"AUTH PLAIN ", after=token + b"\r\n")
            c.reply(code)
            c.quit()
    logins = stage.status()["logins"]
    stage.play(case, b"AUTH PLAIN ")
    assert stage.status()["logins"] == logins
    assert not stage.heard(token.decode())


# Handshakes that do not end, connections that do

def test_TLS_10_5000_stalled_hellos_end_in_time_and_reach_nobody(stage):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = 5000
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (min(hard, max(soft, count + 1000)), hard))
    before = len(stage.server.of("connect"))
    port, socks = stage.front.ports["hasty"], []
    try:
        for _ in range(count):
            socks.append(net.connect("127.0.0.1", port))
            socks[-1].sendall(b"\x16")
        for sock in socks:      # each waits for the end, not for a time
            assert sock.recv(100) == b""
    finally:
        for sock in socks:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(stage.server.of("connect")) == before


@pytest.mark.parametrize("hello", [b"", b"\x16", b"\x16\x03\x01\x02\0\x01"])
def test_TLS_10_a_stalled_hello_behind_starttls_ends_in_time(stage, hello):
    with stage.greeted("hasty-starttls") as c:
        c.cmd("STARTTLS", 220)
        if hello:
            c.send(hello)
        assert closed(c, 8) == b""


def close_notify(c):
    """Say that TLS ends, and give the socket below it."""
    below = socket.socket(fileno=os.dup(c.sock.fileno()))
    c.sock.setblocking(False)
    try:
        c.sock.unwrap()
    except (ssl.SSLError, OSError):
        pass        # said; the answer is not waited for
    below.settimeout(20)
    return below


def all_of(sock):
    out = b""
    try:
        while data := sock.recv(65536):
            out += data
    except OSError:
        pass
    return out


@pytest.mark.parametrize("clear", [b"QUIT\r\n", b"N"])
@pytest.mark.parametrize("door", ["tls", "implicit"])
def test_TLS_11_clear_text_behind_the_end_of_tls_is_not_read(stage, door,
                                                             clear):
    def case(way):
        word = stage.name()
        with (stage.upgraded() if door == "tls" else
              stage.greeted("implicit", tls=True)) as c:
            with close_notify(c) as below:
                way.send(below, clear, after=f"NOOP {word}\r\n".encode())
                answer = all_of(below)
        assert b"221" not in answer and b"250" not in answer
        assert not stage.heard(word)
    stage.play(case, clear)


@pytest.mark.parametrize("how", ["close", "fin", "reset", "close_notify"])
def test_TLS_12_a_message_that_breaks_off_is_none(stage, how):
    tail = b"half\r\n.\r"        # one octet is missing

    def case(way):
        word = stage.name()
        with stage.greeted("implicit", tls=True) as c:
            c.envelope()
            c.cmd("DATA", 354)
            assert way.send(c, tail, f"Subject: {word}\r\n\r\n".encode())
            if how == "fin":
                below = socket.socket(fileno=os.dup(c.sock.fileno()))
                below.shutdown(socket.SHUT_WR)
                assert b"250" not in all_of(below)
                below.close()
            elif how == "close_notify":
                with close_notify(c) as below:
                    with pytest.raises(OSError):
                        for _ in range(1000):
                            below.sendall(b"\n")
                            all_of(below)
            else:
                getattr(c, how)()
        return word
    before = len(stage.server.of("partial"))
    words = stage.play(case, tail)
    stage.server.wait_for("partial", before + len(words))
    for word in words.values():
        assert not stage.arrived(word)


def test_TLS_13_renegotiation_is_the_end_at_the_first_try(stage):
    word = stage.name()
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:"
             f"{stage.front.ports['implicit']}", "-tls1_2", "-crlf"],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as openssl:
        # Its commands are lines that come alone.
        for said, shown in ((f"EHLO before{word}", "250 "),
                            ("R", "RENEGOTIATING")):
            openssl.stdin.write(said + "\n")
            openssl.stdin.flush()
            assert any(shown in line for line in openssl.stdout), said
        try:
            for _ in range(9):
                openssl.stdin.write("R\n")
                openssl.stdin.flush()
            openssl.stdin.write(f"EHLO behind{word}\n")
            openssl.stdin.flush()
        except BrokenPipeError:
            pass
        assert openssl.wait(20) != 0
        openssl.stdin = None    # it may be gone with something unsaid
    assert stage.heard(word) == [f"EHLO before{word}"]


def records(stage, **more):
    one = Records(stage.front.ports["implicit"],
                  stage.certs.client_context(verify=False), **more)
    assert one.line().startswith(b"220 ")
    return one


def test_TLS_13_some_key_updates_are_taken(stage):
    with records(stage) as c:
        for _ in range(40):
            c.send(c.key_update())
        c.say(b"NOOP")
        assert c.line().startswith(b"250 ")


def test_TLS_13_behind_a_key_update_early_talk_is_heard(stage):
    """They were read together: no event of the socket tells of the second."""
    with Records(stage.front.ports["patient"],
                 stage.certs.client_context(verify=False)) as c:
        c.send(c.key_update(), c.record(DATA, b"NOOP\r\n"))
        assert c.line().startswith(b"554 ")


def test_TLS_13_100000_key_updates_are_cut_off_early(stage):
    pids = stage.workers()
    before = cpu_s(pids)
    with records(stage) as c:
        sent = c.flood(c.key_update, 100000)
    assert sent < 100000
    assert cpu_s(pids) - before < 1
    print(f"cut off behind {sent}")


def resumed(stage, door, context, session=None):
    """(was it resumed, the session for the next time)."""
    c = stage.client(door)
    if stage.front.listeners[door].get("starttls"):
        c.reply(220)
        c.ehlo()
        c.cmd("STARTTLS", 220)
    c.sock = context.wrap_socket(c.sock, server_hostname=c.sni,
                                 session=session)
    if stage.front.listeners[door].get("tls"):
        c.reply(220)
    c.ehlo()
    c.quit()
    return c.sock.session_reused, c.sock.session


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_TLS_14_a_ticket_is_worthless_at_another_listener(stage, version):
    context = stage.certs.client_context(verify=False)
    context.maximum_version = version
    _, session = resumed(stage, "implicit", context)
    again, session = resumed(stage, "implicit", context, session)
    assert again        # it is good where it was given
    for door in ("twin", "tls", "required"):
        assert not resumed(stage, door, context, session)[0], door


def resident_bytes(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
            total += sum(int(line.split()[1]) * 1024 for line in text
                         if line.startswith("Private_"))
    return total


def test_TLS_15_handshakes_without_tickets_cost_no_memory(
        postern, certs, monkeypatch):
    """Half of the clients cannot resume, the others could and do not."""
    # What is freed shall be free again, also with a sanitizer.
    monkeypatch.setenv("POSTERN_ASAN_OPTIONS", "detect_leaks=1:"
                       "abort_on_error=0:quarantine_size_mb=1:"
                       "thread_local_quarantine_size_kb=64")
    count, threads = (200000 if FULL else 6000), 8
    front = postern({"in": {"tls": "implicit"}}, [
        f"127.0.0.1:{net.free_port()}"],        # nobody is there
        certificates={"ecdsa": certs.ecdsa},
        options={"log": {"level": "info", "sessions": False}})
    pids = [worker["pid"] for worker in
            front.ctl("status", json_out=True)["workers"]]
    contexts = []
    for options in (0, ssl.OP_NO_TICKET):
        contexts.append(certs.client_context(verify=False))
        contexts[-1].minimum_version = V.TLSv1_3
        contexts[-1].options |= options

    def shake(number):
        done = 0
        for index in range(number):
            with net.connect("127.0.0.1", front.ports["in"]) as sock:
                with contexts[index & 1].wrap_socket(
                        sock, server_hostname="mail.example.test") as tls:
                    # Its ticket is in front of that.
                    done += all_of(tls).startswith(b"421 ")
        return done

    def run(number):
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            done = sum(pool.map(shake, [number // threads] * threads))
        assert done == number // threads * threads
    run(count // 3)
    before = resident_bytes(pids)
    run(count - count // 3)
    grown = resident_bytes(pids) - before
    print(f"{count} handshakes, the last two thirds grew {grown} octets")
    # A session that were kept for each would be at least 4 MB more.
    assert grown < 2 * MIB


# Odd hellos, other protocols

@pytest.mark.parametrize("offer, good", [
    (["http/1.1"], False), (["h2", "http/1.1"], False), (["smtp"], True),
    (["h2", "smtp"], True)])
def test_TLS_16_who_came_for_another_protocol_is_refused(stage, offer, good):
    for door in ("implicit", "tls"):
        context = stage.certs.client_context(verify=False)
        context.set_alpn_protocols(offer)
        c = stage.client(door)
        if door == "tls":
            c.reply(220)
            c.cmd("STARTTLS", 220)
        try:
            c.wrap(context)
        except (ssl.SSLError, ConnectionError):
            assert not good
        else:
            assert good and c.sock.selected_alpn_protocol() == "smtp"
        c.close()


NAMES = [b"unknown.example.test", b"mail.example.test\\", b"mail\0example.test",
         b"a." * 127 + b"a", b"." * 17, b"\\" * 30, b"mail.example.test\0",
         b"%n%s%n" * 4, b"\xff" * 40, b"\x1b[2J.example.test", b"*.test"]


@pytest.mark.parametrize("name", NAMES)
def test_TLS_16_an_odd_server_name_is_no_harm(stage, trust, name):
    """The name is put into a ready hello in place of one as long. The server
    answers with its hello or an alert."""
    usual = (b"a." * 128)[:len(name) - 1] + b"a"
    hello = Hello(trust, usual.decode())
    assert hello.octets.count(usual) == 1
    octets = hello.octets.replace(usual, name)

    def case(way):
        with stage.client("implicit") as c:
            assert way.send(c, octets[:16], after=octets[16:])
            c._fill()
            assert c.buf[0] in (21, 22)
    stage.play(case, octets[:16])


ALIENS = [
    (b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<WORD@b.test>"
     b"\r\n", b"POST / HTTP/1.1\r\n"),
    (b"GET / HTTP/1.1\r\nHost: WORD\r\n\r\n", b"GET / HTTP"),
    (b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=WORD\r\n", b"\x03\0\0"),
    (b"SSH-2.0-OpenSSH_9.2 WORD\r\nNOOP WORD\r\n", b"SSH-2.0"),
]


@pytest.mark.parametrize("octets, critical", ALIENS)
@pytest.mark.parametrize("door", ["mx", "tls", "required", "implicit"])
def test_TLS_17_other_protocols_are_ended_at_once(stage, door, octets,
                                                  critical):
    def case(way):
        word = stage.name()
        line = octets.replace(b"WORD", word.encode())
        at = line.index(critical)
        with stage.client(door) as c:
            if door != "implicit":
                c.reply(220)
            way.send(c, critical, line[:at], line[at + len(critical):])
            said = all_of(c.sock)
        assert not said or said[:1] in (b"4", b"5", b"\x15"), said
        return word
    for way, word in stage.play(case, critical).items():
        assert not stage.heard(word), way
    assert not stage.heard("mstshash") and not stage.heard("SSH-")


def test_TLS_17_a_tls_hello_to_the_plain_port_is_ended_at_once(stage, trust):
    before = len(stage.server.commands())

    def case(way):
        hello = Hello(trust).octets
        with stage.client("mx") as c:
            c.reply(220)
            way.send(c, hello[:12], after=hello[12:])
            said = all_of(c.sock)
        assert not said or said[:1] in (b"4", b"5"), said
    stage.play(case, b"first twelve")
    assert len(stage.server.commands()) == before


def test_TLS_18_a_hello_in_records_of_one_octet_is_one(stage):
    for octets in (1, 2, 7):
        with records(stage, hello=octets) as c:
            c.say(b"EHLO x")
            while c.line()[3:4] == b"-":
                pass


def test_TLS_18_some_empty_records_are_taken(stage):
    with records(stage) as c:
        for _ in range(10):
            c.send(*[c.record(DATA) for _ in range(10)])
            c.say(b"NOOP")
            assert c.line().startswith(b"250 ")


def test_TLS_18_100000_empty_records_cost_little(stage):
    pids = stage.workers()
    before = cpu_s(pids)
    with records(stage) as c:
        sent = c.flood(lambda: c.record(DATA), 100000)
        with stage.greeted() as other:      # the loop turns for others
            other.cmd("NOOP", 250)
    assert cpu_s(pids) - before < 2
    print(f"cut off behind {sent}")

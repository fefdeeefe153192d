"""How a banned source is met: at the door, in the tarpit, in open sessions."""

import threading
import time

import pytest

import attack
from attack import greeted, guess, guesses
from harness import net, wait
from harness.raw import Broken, Client

LIMIT = 3
BODY = b"Subject: x\r\n\r\n" + b"line of a long message\r\n" * 50


@pytest.fixture
def pair(double, postern):
    """pair(**of the section banned): a double, and postern before it."""
    def start(workers=2, listener=None, certificates=None, **banned):
        behind = double(auth_clear="LOGIN PLAIN", t_535="535 no")
        front = postern({"mx": listener or {}}, [behind.address],
                        certificates=certificates, options={
            "source_limit": {"delay": "0s", "failures": LIMIT},
            "soft_ban": {"mode": "off"}, "banned": banned,
            "workers": workers})
        return behind, front
    return start


def ban(front, source):
    """As guessers are; returns when all workers know."""
    guesses(front.ports["mx"], source, LIMIT)
    assert attack.explain(front, source)["banned"]


def all_said(client):
    """The octets until the end."""
    return client.expect_closed()


def test_close_says_nothing(pair, strangers):
    server, front = pair(answer="close")
    ban(front, strangers[0])
    before = len(server.of("connect"))
    for _ in range(5):
        with Client(front.ports["mx"], source=strangers[0]) as c:
            assert all_said(c) == b""
    assert len(server.of("connect")) == before
    assert guess(front.ports["mx"], strangers[1], secret="secret") == 235


def test_refuse_says_554_and_what_to_quote(pair, strangers):
    server, front = pair(answer="refuse")
    ban(front, strangers[0])
    before = len(server.of("connect"))
    c = Client(front.ports["mx"], source=strangers[0])
    reply = c.reply(554)
    assert all_said(c) == b"" and len(reply.lines) == 1
    reference = reply.text.rpartition("(ref ")[2].rstrip(")")
    told = wait.until(lambda: explained(front, reference), "the reference", 5)
    assert told["address"] == strangers[0] and told["banned"]
    assert told["ban"]["rule"] == "source-limit"
    assert told["lift"] == f"posternctl bans del {strangers[0]}"
    assert len(server.of("connect")) == before


def explained(front, reference):
    try:
        return attack.explain(front, reference)
    except AssertionError:
        return None     # the note of the refusal is on its way


def test_the_door_knows_a_ban_in_all_workers(pair, strangers):
    server, front = pair(answer="refuse", workers=4)
    ban(front, strangers[0])
    for _ in range(40):     # connections spread over the workers
        with Client(front.ports["mx"], source=strangers[0]) as c:
            c.reply(554)


# The tarpit

def test_the_tarpit_gives_an_octet_at_a_time(pair, strangers):
    server, front = pair(answer="tarpit", tarpit_pace="400ms", workers=1)
    ban(front, strangers[0])
    before = len(server.of("connect"))
    c = Client(front.ports["mx"], source=strangers[0])
    times, octets = [time.monotonic()], b""
    while len(octets) < 3:
        octets += c.sock.recv(1000)
        times.append(time.monotonic())
        assert len(octets) == len(times) - 1, "more than one at a time"
    assert octets == b"421"
    waits_s = [b - a for a, b in zip(times, times[1:])]
    assert all(0.35 < waited < 2 for waited in waits_s), waits_s
    # Its own words change nothing, and the server never hears of it.
    c.send(b"EHLO x\r\nQUIT\r\n")
    assert c.sock.recv(1000) == b"-"
    assert len(server.of("connect")) == before
    c.close()


def test_the_tarpit_lets_go_in_the_end(pair, strangers):
    server, front = pair(answer="tarpit", tarpit_pace="200ms",
                         tarpit_longest="1s", workers=1)
    ban(front, strangers[0])
    c = Client(front.ports["mx"], source=strangers[0])
    with attack.timed(0.8, 5):
        assert b"421-4.7.0 Access".startswith(all_said(c))


def test_a_full_tarpit_closes(pair, strangers):
    server, front = pair(answer="tarpit", tarpit_pace="300ms",
                         tarpit_most=4, workers=1)
    ban(front, strangers[0])
    port = front.ports["mx"]
    held = [Client(port, source=strangers[0]) for _ in range(4)]
    # One worker accepts in their order: who comes now finds it full.
    for _ in range(10):
        with Client(port, source=strangers[0]) as c:
            assert c.sock.recv(1) == b""
    for c in held:
        assert c.sock.recv(1) == b"4"
    tarpit(front, 4)
    held.pop().close()
    tarpit(front, 3)
    again = Client(port, source=strangers[0])
    assert again.sock.recv(1) == b"4"
    # A full tarpit is nobody else's trouble.
    assert guess(port, strangers[1], secret="secret") == 235
    for c in (again, *held):
        c.close()


def tarpit(front, count):
    def look():
        status = front.ctl("status", json_out=True)
        return status["sessions"]["tarpit"] == count
    wait.until(look, f"{count} clients in the tarpit")


def test_a_login_of_a_banned_session_goes_into_the_tarpit(pair, strangers):
    # Logins that were held when the ban came; the server has no session of
    # them any more.
    server, front = pair(answer="tarpit", tarpit_pace="200ms")
    server.set("delay_auth", 300)
    port = front.ports["mx"]
    clients = [greeted(port, strangers[0]) for _ in range(LIMIT + 3)]
    for n, c in enumerate(clients):
        c.line("AUTH PLAIN " + attack.plain_token("anna", f"guess-{n}"))
    server.wait_for("auth", count=LIMIT)
    front.wait_event("ban")
    said = [c.sock.recv(1000) for c in clients]
    assert sum(one.startswith(b"535") for one in said) == LIMIT
    assert all(one.startswith((b"535", b"421", b"4")) for one in said), said
    wait.until(lambda: len(server.of("disconnect")) == len(clients),
               "end of the server's sessions")
    assert len(server.of("auth")) == LIMIT
    for c in clients:
        c.close()


# Sessions that are open when the ban comes

def test_open_sessions_end_with_421_but_never_past_354(pair, strangers):
    server, front = pair(answer="refuse")
    port, source = front.ports["mx"], strangers[0]
    idle, logged_in, halfway, in_data, other = [
        greeted(port, source) for _ in range(4)] + [greeted(port,
                                                            strangers[1])]
    logged_in.auth_plain("anna", "secret", 235)
    halfway.envelope()
    for c in (in_data, other):
        c.envelope()
        c.cmd("DATA", 354)
        c.send(BODY[:300])
    ban(front, source)
    for c in (idle, logged_in, halfway):
        assert "(ref " in c.reply(421).text
        assert all_said(c) == b""
    for c in (in_data, other):
        c.send(BODY[300:] + b".\r\n")
        c.reply(250)
    in_data.reply(421)
    assert all_said(in_data) == b""
    other.quit()
    server.wait_for("message", count=2)
    wait.until(lambda: len(server.of("disconnect")) ==
               len(server.of("connect")), "end of all the server's sessions")
    assert [server.octets(m) for m in server.messages()] == [BODY, BODY]
    assert not server.of("partial")


def test_a_ban_in_data_does_not_complete_what_the_client_leaves(pair,
                                                                strangers):
    server, front = pair(answer="close")
    c = greeted(front.ports["mx"], strangers[0])
    c.envelope()
    c.cmd("DATA", 354)
    c.send(BODY[:300])
    ban(front, strangers[0])
    c.close()
    server.wait_for("partial")
    assert not server.messages()


def test_a_ban_between_dot_and_250_waits_for_the_250(pair, strangers):
    server, front = pair(answer="refuse")
    c = greeted(front.ports["mx"], strangers[0])
    c.envelope()
    c.cmd("DATA", 354)
    server.fault("delay=dot:1500")
    c.send(BODY + b".\r\n")
    ban(front, strangers[0])
    assert not server.of("reply", point="dot"), "the ban came too late"
    c.reply(250)
    c.reply(421)
    assert len(server.messages()) == 1


def test_a_banned_client_that_reads_nothing_is_no_trouble(pair, strangers):
    server, front = pair(answer="tarpit", tarpit_pace="100ms", workers=1)
    ban(front, strangers[0])
    port = front.ports["mx"]
    held = [Client(port, source=strangers[0]) for _ in range(20)]
    for c in held:
        c.sock.setblocking(False)
        try:
            while True:     # until nothing more goes out
                c.sock.send(b"x" * 65536)
        except BlockingIOError:
            pass
    with attack.timed(longest_s=3):
        assert guess(port, strangers[1], secret="secret") == 235
    for c in held:
        c.close()
    tarpit(front, 0)


def test_a_ban_before_tls_costs_no_handshake(pair, strangers, certs):
    server, front = pair(answer="refuse", listener={"tls": "implicit"},
                         certificates={"one": certs.rsa})
    port = front.ports["mx"]
    front.ctl("bans", "add", strangers[0], "--for", "1h")

    def closed():
        sock = net.connect("127.0.0.1", port, strangers[0])
        with sock:
            sock.sendall(b"\x16\x03\x01")
            try:
                return sock.recv(1000) == b""
            except ConnectionError:
                return True
    wait.until(closed, "close without a word", 5)
    c = Client(port, source=strangers[1], tls=certs.client_context())
    c.reply(220)
    c.close()


def test_neighbours_of_banned_networks_notice_nothing(pair, strangers):
    server, front = pair(answer="close")
    port = front.ports["mx"]
    with attack.Neighbours(port, strangers[:3]) as neighbours:
        for part in range(4):
            front.ctl("bans", "add", f"198.51.100.{part * 64}/26",
                      "--for", "1h")
        stop = threading.Event()

        def knock(n):
            while not stop.is_set():
                try:
                    all_said(Client(port, source=f"198.51.100.{n}"))
                except (Broken, OSError):
                    pass
        threads = [threading.Thread(target=knock, args=(n,), daemon=True)
                   for n in range(1, 9)]
        for one in threads:
            one.start()
        wait.until(lambda: front.ctl("status", json_out=True)[
            "sessions"]["turned_away"] > 300, "300 turned away")
        stop.set()
        for one in threads:
            one.join(attack.NEVER_S)
    neighbours.check(least=3, longest_s=5)

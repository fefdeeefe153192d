"""A leg that is lost while octets for it wait.

The loss shows when a queue is written out, not when something is read: the
session must notice, the other leg gets the best answer that there is, and
none lives on.
"""

import pathlib
import socket
import threading

import pytest

import attack
from attack import greeted
from harness import net, wait
from scripted import Scripted

LINE = b"x" * 70 + b"\r\n"
SOON_S = 2
REFUSAL = "552 Message exceeds the maximum size"


@pytest.fixture
def small_buffers():
    """Sockets that take little, so that queues come about in postern."""
    if not net.inside():
        pytest.skip("needs root for a network of its own")
    kept = {}
    for name in ("tcp_wmem", "tcp_rmem"):
        path = pathlib.Path("/proc/sys/net/ipv4") / name
        kept[path] = path.read_text()
        path.write_text("4096 16384 65536")
    yield
    for path, text in kept.items():
        path.write_text(text)


@pytest.fixture
def scripted(postern):
    """scripted(script): postern before a server that follows the script."""
    servers = []

    def start(script):
        servers.append(Scripted(script))
        return postern({"mx": {}}, [servers[0].address],
                       options={"workers": 1})
    yield start
    for server in servers:
        server.close()


def queues():
    """What waits in each socket, in and out."""
    table = pathlib.Path("/proc/self/net/tcp").read_text()
    lines = map(str.split, table.splitlines()[1:])
    return sorted((line[1], line[2], line[4]) for line in lines)


def until_nothing_moves():
    """Everybody waits for somebody: the queues stay as they are."""
    last, same = None, 0

    def look():
        nonlocal last, same
        now = queues()
        same = same + 1 if now == last else 0
        last = now
        return same >= 30       # for a third of a second
    wait.until(look, "standstill")


def sessions_open(front):
    return front.ctl("status", json_out=True)["sessions"]["open"]


# The server

def test_server_resets_with_the_end_of_a_message_unsent(scripted,
                                                        small_buffers):
    """At each of many lengths, for where the queue ends decides."""
    go = threading.Event()

    def script(peer):
        if peer.serve_until("DATA") is not None:
            peer.say("354 go")
            go.wait(attack.NEVER_S)     # and reads nothing
            peer.reset()
    front = scripted(script)
    lengths = range(20_000, 400_000, 10_000)
    clients, codes = [], {}

    def one(client, octets):
        client.send(LINE * (octets // len(LINE)) + b".\r\n")
        go.wait(attack.NEVER_S)
        codes[octets] = client.reply().code
    for _ in lengths:
        clients.append(greeted(front.ports["mx"], timeout_s=attack.NEVER_S))
        clients[-1].envelope()
        clients[-1].cmd("DATA", 354)
    threads = [threading.Thread(target=one, args=pair, daemon=True)
               for pair in zip(clients, lengths)]
    for thread in threads:
        thread.start()
    until_nothing_moves()
    with attack.timed(longest_s=SOON_S):
        go.set()
        wait.until(lambda: len(codes) == len(lengths), "all the replies")
    assert set(codes.values()) <= {421, 451}, codes
    for client in clients:
        client.close()
    wait.until(lambda: sessions_open(front) == 0, "end of all sessions", 5)


@pytest.mark.parametrize("tls", ["off", "required"])
def test_an_early_refusal_is_heard_though_the_server_leaves(double, postern,
                                                            tls):
    server = double(starttls="enabled",
                    faults=[f"early-close=5000:{REFUSAL}"])
    front = postern({"mx": {}}, {"domino": {"servers": [server.address],
                                            "tls": tls}},
                    options={"workers": 1})
    for _ in range(4):
        server.clear_faults()
        server.fault(f"early-close=5000:{REFUSAL}")
        with greeted(front.ports["mx"]) as client:
            client.envelope()
            client.cmd("DATA", 354)
            client.send(LINE * 40_000 + b".\r\n")
            assert client.reply().raw == REFUSAL.encode() + b"\r\n"
    assert server.messages() == []


# The client

@pytest.mark.parametrize("how, ends", [
    ("reset", {"client-left"}), ("close", {"client-left", "client-closed"})])
def test_clients_leave_while_replies_wait(scripted, small_buffers, how, ends):
    """They sent many commands and read nothing."""
    help_text = ["250-" + "h" * 94] * 30 + ["250 h"]

    def script(peer):
        line = peer.serve_until("HELP")
        while line is not None:
            peer.say(*help_text)
            line = peer.line()
    front = scripted(script)
    clients = [greeted(front.ports["mx"]) for _ in range(44)]
    for count, client in enumerate(clients, 2):
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(b"HELP\r\n" * count)
    until_nothing_moves()
    with attack.timed(longest_s=SOON_S):
        for client in clients:
            getattr(client, how)()
        front.wait_event("session", count=len(clients))
    assert {e["end"] for e in front.events("session")} <= ends
    wait.until(lambda: sessions_open(front) == 0, "a status of none", 5)

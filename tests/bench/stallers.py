"""Peers that stall: crowds of clients that keep a postern waiting.

A crowd is set up once and stays for as long as it is let: who has been thrown
out slows nobody.
"""

import select
import socket
import ssl
import sys
import threading
import time

import machine

PATIENCE_S = 10
NOOPS = b"NOOP\r\n" * 150  # more without mail would be too many
LONG = 40 * (b"250-" + b"x" * 74 + b"\r\n")
LINE = b"x" * 998 + b"\r\n"


def connect(port, turn, small=False):
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    sock.settimeout(PATIENCE_S)
    sock.bind((machine.addresses(machine.CLIENTS, 1000)[turn % 1000], 0))
    sock.connect(("127.0.0.1", port))
    return sock


def reply(sock):
    """A reply, an octet at a time: nothing behind it is taken."""
    text = b""
    while not (text.endswith(b"\n") and text.split(b"\n")[-2][3:4] != b"-"):
        octet = sock.recv(1)
        if not octet:
            sys.exit(f"a staller was thrown out: {text}")
        text += octet
    return text


def say(sock, line):
    sock.sendall(line + b"\r\n")
    return reply(sock)


def greet(sock):
    reply(sock)
    say(sock, b"EHLO stall.example.org")


def pour(sock, text):
    """Writes until nothing more is taken."""
    sock.setblocking(False)
    writable = select.poll()
    writable.register(sock, select.POLLOUT)
    while writable.poll(50):
        try:
            sock.send(text)
        except BlockingIOError:
            continue


class Crowd:
    COUNT = 0

    def __init__(self, port):
        self.socks = []
        for turn in range(self.COUNT):
            self.socks.append(self.begin(port, turn))

    def begin(self, port, turn):
        raise NotImplementedError

    def close(self):
        for sock in self.socks:
            sock.close()


class Slow(Crowd):
    """500 clients that send an octet a second of a line without end"""

    COUNT, TURNS = 500, 50

    def __init__(self, port):
        super().__init__(port)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.drip, daemon=True)
        self.thread.start()

    def begin(self, port, turn):
        sock = connect(port, turn)
        greet(sock)
        return sock

    def drip(self):
        turn = 0
        while not self.ended.wait(1 / self.TURNS):
            for sock in self.socks[turn :: self.TURNS]:
                sock.send(b"x")
            turn = (turn + 1) % self.TURNS

    def close(self):
        self.ended.set()
        self.thread.join()
        super().close()


def in_message(port, turn):
    """A client whose DATA was answered."""
    sock = connect(port, turn)
    greet(sock)
    say(sock, b"MAIL FROM:<a@example.org>")
    say(sock, b"RCPT TO:<b@example.com>")
    say(sock, b"DATA")
    return sock


class Stopped(Crowd):
    """200 clients that stop in the midst of a message"""

    COUNT = 200

    def begin(self, port, turn):
        sock = in_message(port, turn)
        sock.sendall(LINE * 200)
        return sock


class Handshakes(Crowd):
    """200 clients that stop in the midst of a handshake"""

    COUNT = 200

    def begin(self, port, turn):
        context, told = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO()
        hello = context.wrap_bio(ssl.MemoryBIO(), told, server_hostname="x")
        try:
            hello.do_handshake()
        except ssl.SSLWantReadError:
            pass
        sock = connect(port + 1, turn)
        greet(sock)
        say(sock, b"STARTTLS")
        sock.sendall(told.read()[:100])
        return sock


class Server:
    """Answers at length, and takes nothing of a message."""

    def __init__(self, port):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(100)
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                peer = self.sock.accept()[0]
                self.kept.append(peer)
                threading.Thread(
                    target=self.serve, args=(peer,), daemon=True
                ).start()
        except OSError:
            return

    def serve(self, peer):
        peer.sendall(b"220 stuck.example.com\r\n")
        lines = peer.makefile("rb")
        for line in lines:
            if line.upper().startswith(b"DATA"):
                peer.sendall(b"354 go on\r\n")
                return
            noop = line.upper().startswith(b"NOOP")
            peer.sendall((LONG if noop else b"") + b"250 ok\r\n")

    def close(self):
        self.sock.close()
        for peer in self.kept:
            peer.close()


class Served(Crowd):
    """Clients of a server of their own."""

    def __init__(self, port):
        self.server = Server(port + 3)
        super().__init__(port + 2)

    def close(self):
        super().close()
        self.server.close()


class Unread(Served):
    """50 clients that send commands and read no reply"""

    COUNT = 50

    def begin(self, port, turn):
        sock = connect(port, turn, small=True)
        greet(sock)
        sock.sendall(NOOPS)
        return sock


class Stuck(Served):
    """20 messages of which the server takes nothing"""

    COUNT = 20

    def begin(self, port, turn):
        sock = in_message(port, turn)
        pour(sock, LINE * 1000)
        return sock


KINDS = {
    "slow": Slow,
    "unread": Unread,
    "stopped": Stopped,
    "handshakes": Handshakes,
    "stuck": Stuck,
}

#!/usr/bin/env python3
"""A server that errs at the named point of a session, and keeps book.

    dying_server.py BOOK [CHAIN KEY] < orders

A process for each connection, so that its death is a real one. A client
names point and fault of its session: EHLO POINT.FAULT.TOKEN.test; the ports
of the second and later listeners have a fault before EHLO: the points
`accept` and `banner`. All replies to a session carry its token and say what
they answer. The book has a line of JSON for each thing that happens, written
with one write; a message is there before its reply is sent.

Points: accept, banner; each of EHLO MAIL RCPT DATA BDAT LAST EOD QUIT with
-before, -mid and -after its reply; body; chunk; EOD-kept and LAST-kept (in
the book, no reply yet). Faults: delay, rst, close, half, death, silence;
premature (an acceptance too early), surplus (one reply too many), wait (for
a file TOKEN.go beside the book). With EHLO modes.modes.TOKEN.test the book
tells at the end which octets were read as what.
"""

import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import sys
import time

DELAY_S = 0.1
BEFORE_EHLO = [f"{point}.{fault}"
               for point in ("accept", "banner-mid", "banner-after")
               for fault in ("delay", "rst", "close", "half", "death",
                             "silence", "surplus")]
KEYWORDS = ["PIPELINING", "CHUNKING", "AUTH LOGIN PLAIN", "SIZE"]


WORDS = {"premature": b"250 too early\r\n", "surplus": b"250 surplus\r\n"}


class Gone(Exception):
    """The other end has left."""


class Session:
    def __init__(self, sock, book, tls, fault):
        self.sock, self.book, self.tls = sock, book, tls
        self.point, _, self.fault = fault.partition(".")
        self.buf, self.token, self.id = b"", "-", "-"
        self.chunks, self.refused = b"", False
        self.modes, self.bdats = [], 0
        self.folder = os.path.dirname(sys.argv[1])
        # A process each; their numbers come round again on a busy machine.
        self.name = f"{os.getpid()}-{time.monotonic_ns()}"
        self.note("connect")

    def note(self, event, **more):
        more.update(event=event, session=self.name, token=self.token)
        os.write(self.book, json.dumps(more).encode() + b"\n")

    def took(self, mode, octets):
        if not octets:
            return
        if self.modes and self.modes[-1][0] == mode:
            self.modes[-1][1] += octets
        else:
            self.modes.append([mode, octets])

    # Octets

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buf += data

    def line(self, mode="command"):
        while b"\r\n" not in self.buf:
            self.fill()
        line, self.buf = self.buf.split(b"\r\n", 1)
        self.took(mode, line + b"\r\n")
        return line

    def send(self, octets):
        try:
            self.sock.sendall(octets)
        except OSError:
            if self.fault != "half":    # its own half is closed
                raise

    # Faults

    def err(self, point):
        if point != self.point:
            return
        self.note("fault", point=point, fault=self.fault)
        getattr(self, self.fault)()

    def delay(self):
        time.sleep(DELAY_S)

    def rst(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        raise Gone

    def close(self):
        raise Gone

    def death(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def silence(self):
        while True:
            self.buf = b""
            self.fill()

    def half(self):
        # Behind TLS as well: without a word of it.
        with socket.socket(fileno=os.dup(self.sock.fileno())) as same:
            same.shutdown(socket.SHUT_WR)

    def premature(self):
        self.send(WORDS["premature"])

    def surplus(self):
        self.send(WORDS["surplus"])

    def wait(self):
        while not os.path.exists(f"{self.folder}/{self.token}.go"):
            time.sleep(0.005)

    # Replies

    def reply(self, name, code, *words):
        text = " ".join(["%s", name, self.token, *words]) + "\r\n"
        octets = (text % code).encode()
        self.err(f"{name}-before")
        if self.point == f"{name}-mid":
            self.send(octets[:len(octets) // 2])
            self.err(self.point)
            octets = octets[len(octets) // 2:]
        more = self.fault in WORDS and self.point == f"{name}-after"
        # One reply too many comes in the same segment.
        self.send(octets + (WORDS[self.fault] if more else b""))
        if more:
            self.note("fault", point=self.point, fault=self.fault)
        else:
            self.err(f"{name}-after")

    def on_ehlo(self, line):
        name = line.split()[1].decode()
        if name.endswith(".test"):
            point, fault, self.token = name.split(".")[:3]
            if point != "none":
                self.point, self.fault = point, fault
        words = KEYWORDS + (["STARTTLS"] if self.tls and not
                            isinstance(self.sock, ssl.SSLSocket) else [])
        lines = [f"250-EHLO {self.token}"] + [f"250-{word}" for word in words]
        self.send("\r\n".join([*lines, ""]).encode())
        self.reply("EHLO", 250)

    def on_starttls(self, line):
        self.send(b"220 go\r\n")
        self.sock = self.tls.wrap_socket(self.sock, server_side=True)

    def on_mail(self, line):
        self.chunks, self.refused, self.bdats = b"", False, 0
        self.id = line.partition(b"<")[2].partition(b"@")[0].decode()
        self.note("mail", id=self.id)
        self.reply("MAIL", 250)

    def on_rcpt(self, line):
        self.note("rcpt", to=line.partition(b"<")[2].decode())
        self.refused = b"-refused@" in line
        self.reply("RCPT", 550 if self.refused else 250)

    def on_data(self, line):
        if self.refused:
            self.reply("DATA", 554)
            return
        self.reply("DATA", 354)
        end = -1
        erred = False
        while end < 0:
            self.fill()
            if self.point == "body" and not erred:
                erred = True
                self.err("body")
            end = 0 if self.buf.startswith(b".\r\n") else \
                self.buf.find(b"\r\n.\r\n") + 2 or -1
            end = end if end != 1 else -1
        text, self.buf = self.buf[:end], self.buf[end + 3:]
        self.took("data", text + b".\r\n")
        self.keep("EOD", text)

    def keep(self, name, text):
        self.err(f"{name}-before")
        point, self.point = self.point, \
            "" if self.point == f"{name}-before" else self.point
        digest = hashlib.sha256(text).hexdigest()
        stamp = f"at {time.monotonic_ns()}"
        self.note("kept", id=self.id, sha=digest, stamp=stamp)
        self.err(f"{name}-kept")
        self.reply(name, 250, self.id, stamp)
        self.point = point

    def on_bdat(self, line):
        words = line.split()
        size = int(words[1])
        self.err("chunk")
        while len(self.buf) < size:
            self.fill()
        chunk, self.buf = self.buf[:size], self.buf[size:]
        self.took("chunk", chunk)
        self.chunks += chunk
        self.bdats += 1
        if self.refused:
            self.reply("BDAT", 554)
        elif len(words) > 2:
            self.keep("LAST", self.chunks)
        else:
            self.reply("BDAT", 250, str(self.bdats))

    def on_auth(self, line):
        words = line.split()
        if words[1] == b"REFUSED":
            self.reply("AUTH", 504)
            return
        if len(words) < 3:
            for _ in range(2 if words[1].upper() == b"LOGIN" else 1):
                self.reply("AUTH", 334, "VXNlcjo=")
                last = self.line("auth")
                if last == b"*":
                    self.reply("AUTH", 501)
                    return
            words.append(last)
        bad = b"bad" in base64.b64decode(words[-1])
        self.reply("AUTH", 535 if bad else 235)

    def on_quit(self, line):
        self.reply("QUIT", 221)
        raise Gone

    def on_other(self, line):
        self.reply("OTHER", 250)

    def run(self):
        self.err("accept")
        self.reply("banner", 220, "ESMTP")
        while True:
            line = self.line()
            verb = line.split(b" ")[0].decode("latin-1")
            self.note("command", verb=verb.upper())
            getattr(self, f"on_{verb.lower()}", self.on_other)(line)

    def serve(self):
        try:
            self.run()
        except (Gone, OSError):
            pass
        modes = [[mode, base64.b64encode(octets).decode()]
                 for mode, octets in self.modes if self.fault == "modes"]
        self.note("gone", left=len(self.buf), modes=modes)
        self.sock.close()


def listener():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    return sock


def main(book_path, *pair):
    book = os.open(book_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    tls = None
    if pair:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*pair)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    doors = [(listener(), fault) for fault in ["none."] + BEFORE_EHLO]
    print(*[sock.getsockname()[1] for sock, _ in doors], flush=True)
    for sock, fault in doors[1:]:
        if os.fork() == 0:
            accept_all(sock, book, tls, fault)
    accept_all(doors[0][0], book, tls, "none.")


def accept_all(door, book, tls, fault):
    while True:
        sock = door.accept()[0]
        if os.fork() == 0:
            door.close()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Session(sock, book, tls, fault).serve()
            os._exit(0)
        sock.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

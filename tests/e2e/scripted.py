"""A server that does what one function says, octet by octet.

For what the double of Domino does not do on purpose: to hold its reset back
until the test says so, or to answer in floods. The function gets a Peer and
runs in a thread of its own for each connection; what it raises is kept.
"""

import contextlib
import socket
import struct
import threading

KEYWORDS = ["PIPELINING", "AUTH LOGIN PLAIN", "SIZE"]


class Peer:
    """One connection, at the server's end."""

    def __init__(self, sock):
        self.sock = sock
        self.buf = b""

    def line(self):
        """The next line without its end; None: no more will come."""
        while b"\r\n" not in self.buf:
            data = self.sock.recv(4096)
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b"\r\n", 1)
        return line

    def send(self, octets):
        """One write."""
        self.sock.sendall(octets)

    def say(self, *lines):
        self.sock.sendall(b"".join(line.encode() + b"\r\n"
                                   for line in lines))

    def serve_until(self, verb):
        """Banner, EHLO and what goes with it; the first line with the verb."""
        self.say("220 scripted.example.test ESMTP")
        while True:
            line = self.line()
            if line is None or line.upper().startswith(verb.encode()):
                return line
            if line.upper().startswith(b"EHLO"):
                self.say("250-scripted.example.test",
                         *[f"250-{word}" for word in KEYWORDS[:-1]],
                         f"250 {KEYWORDS[-1]}")
            elif line.upper() == b"QUIT":
                self.say("221 bye")
                return None
            else:
                self.say("250 ok")

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


class Scripted:
    """Listens from the start; script(peer) serves each connection."""

    def __init__(self, script):
        self.script = script
        self.socks, self.troubles, self.closing = [], [], False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):      # the listener was closed
            while True:
                sock = self.listener.accept()[0]
                self.socks.append(sock)
                threading.Thread(target=self._serve, args=(sock,),
                                 daemon=True).start()

    def _serve(self, sock):
        try:
            with sock:
                self.script(Peer(sock))
        except ConnectionError:
            pass        # it left; the test knows
        except Exception as error:
            if not self.closing:    # else its socket went under its hands
                self.troubles.append(repr(error))

    def hang_up(self, place):
        """Leave the connection that came as number `place`, from 0."""
        self.socks[place].shutdown(socket.SHUT_RDWR)

    def close(self):
        self.closing = True
        for sock in (self.listener, *self.socks):
            # A thread that waits in accept or recv comes back.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        assert not self.troubles, self.troubles

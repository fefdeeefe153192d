"""The same client through postern: it does what the direct run's trace says.

It waits where the script waits, for as many replies as postern has to give;
what comes is kept octet for octet and judged by compare.py.
"""

import socket
import ssl
import struct

from harness import net

from . import script as scripts
from .direct import Reader, Stuck, send


class Proxied:
    def __init__(self, port, context, sleep, patience_s=15):
        self.sock = net.connect("127.0.0.1", port, timeout_s=patience_s)
        self.reader = Reader(self.sock)
        self.context = context
        self.sleep = sleep
        self.replies = []
        self.answers = []
        self.trouble = None
        self.closed = False     # the other end closed

    def run(self, trace):
        try:
            for operation in trace:
                if self.trouble:
                    break
                getattr(self, "do_" + operation[0])(*operation[1:])
        except Stuck as stuck:
            self.trouble = str(stuck)
        except (OSError, ssl.SSLError) as error:
            self.trouble = repr(error)
        finally:
            self.sock.close()
        return self

    def do_write(self, octets, cuts):
        try:
            send(self.sock, octets, cuts, self.sleep)
        except (ConnectionError, ssl.SSLError):
            pass                # what was said before may still be read

    def do_wait(self, count):
        while len(self.replies) < count:
            reply = self.reader.reply()
            if reply is None:
                self.trouble = f"closed, with {len(self.replies)} of " \
                               f"{count} replies"
                return
            self.replies.append(reply)

    def do_cram(self, user, secret):
        line = scripts.cram(self.replies[-1], user, secret)
        self.answers.append(line)
        self.do_write(line, [])

    def do_tls(self):
        if self.reader.buf:
            self.trouble = f"clear octets behind 220: {self.reader.buf!r}"
            return
        self.sock = self.context.wrap_socket(
            self.sock, server_hostname="mail.example.test")
        self.reader.sock = self.sock

    def do_eof(self):
        while (reply := self.reader.reply()) is not None:
            self.replies.append(reply)
        self.closed = True
        if self.reader.buf:
            self.trouble = f"half a reply: {self.reader.buf!r}"

    def do_half(self):
        self.sock.shutdown(socket.SHUT_WR)
        self.do_eof()

    def do_close(self, early):
        if not early:
            self.surplus()
        self.sock.close()

    def do_reset(self, early):
        if not early:
            self.surplus()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def surplus(self):
        """What came and was not due."""
        self.sock.settimeout(0)
        try:
            self.reader.buf += self.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        if self.reader.buf:
            self.trouble = f"surplus octets: {self.reader.buf!r}"

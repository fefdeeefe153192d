"""An SMTP client at the level of octets, for tests that misbehave.

Sends exactly what it is told, in the writes that it is told. Reads replies
strictly: a reply that is no reply is a Broken.
"""

import base64
import re
import socket
import ssl
import struct
import time

from . import net
from .wait import DEADLINE_S

LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.S)


class Broken(AssertionError):
    """What came is not what SMTP allows, or not what the test expects."""


class Closed(Broken):
    """The other end has closed, with a FIN or a reset."""


class Reply:
    def __init__(self, code, lines, raw):
        self.code = code
        self.lines = lines
        self.raw = raw

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return f"Reply({self.raw!r})"


class Client:
    """Connected at once. tls: a context for TLS from the first octet."""

    def __init__(self, port, host="127.0.0.1", source=None, tls=None,
                 sni="mail.example.test", timeout_s=DEADLINE_S):
        self.sock = net.connect(host, port, source, timeout_s)
        self.sni = sni
        self.buf = b""
        self.sent = b""
        if tls:
            self.wrap(tls)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    @property
    def local(self):
        return self.sock.getsockname()[:2]

    # Out

    def send(self, data):
        """One write."""
        if isinstance(data, str):
            data = data.encode("latin-1")
        self.sock.sendall(data)
        self.sent += data if len(self.sent) < 65536 else b""

    def line(self, text):
        self.send(text.encode() + b"\r\n" if isinstance(text, str)
                  else text + b"\r\n")

    def send_split(self, data, *offsets, pause_s=0.002):
        """Several writes, cut at these offsets."""
        cuts = [0, *sorted(offsets), len(data)]
        for start, end in zip(cuts, cuts[1:]):
            self.send(data[start:end])
            # Nothing can be seen between two writes; the pause lets the
            # other end read the first alone.
            time.sleep(pause_s)

    def trickle(self, data, pause_s=0.0):
        """Octet by octet, each a segment of its own."""
        for index in range(len(data)):
            self.send(data[index:index + 1])
            if pause_s:
                time.sleep(pause_s)

    # In

    def _fill(self):
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            raise Broken(f"no octet came; behind {self.sent[-200:]!r} "
                         f"there is {self.buf!r}") from None
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(repr(error)) from None
        if not data:
            raise Closed(f"closed behind {self.sent[-200:]!r}; "
                         f"left {self.buf!r}")
        self.buf += data

    def read_line(self):
        while b"\r\n" not in self.buf:
            self._fill()
        line, self.buf = self.buf.split(b"\r\n", 1)
        return line

    def reply(self, code=None):
        """One whole reply; with a code it must be that one."""
        raw, lines, first = b"", [], None
        while True:
            line = self.read_line()
            raw += line + b"\r\n"
            match = LINE.fullmatch(line)
            if not match or first not in (None, match[1]):
                raise Broken(f"no reply: {raw!r}")
            first = match[1]
            lines.append((match[3] or b"").decode("utf-8", "replace"))
            if match[2] != b"-":
                break
        reply = Reply(int(first), lines, raw)
        if code is not None and reply.code != code:
            raise Broken(f"wanted {code}, got {raw!r} "
                         f"to {self.sent[-200:]!r}")
        return reply

    def expect_closed(self, timeout_s=None):
        """Nothing more comes but the end; gives what came before it."""
        if timeout_s:
            self.sock.settimeout(timeout_s)
        try:
            while True:
                self._fill()
        except Closed:
            rest, self.buf = self.buf, b""
            return rest

    def silent(self, for_s):
        """True if nothing comes in that time, not even an end."""
        if self.buf:
            return False
        before = self.sock.gettimeout()
        self.sock.settimeout(for_s)
        try:
            self.buf = self.sock.recv(65536)
            return False
        except socket.timeout:
            return True
        except (ConnectionError, ssl.SSLError):
            return False
        finally:
            self.sock.settimeout(before)

    # Both

    def cmd(self, text, code=None):
        self.line(text)
        return self.reply(code)

    def ehlo(self, name="client.example.test"):
        """The keywords, upper case, with their parameters."""
        reply = self.cmd(f"EHLO {name}", 250)
        words = [line.partition(" ") for line in reply.lines[1:]]
        return {word.upper(): rest for word, _, rest in words}

    def wrap(self, context):
        self.sock = context.wrap_socket(self.sock, server_hostname=self.sni)

    def starttls(self, context):
        self.cmd("STARTTLS", 220)
        if self.buf:
            raise Broken(f"clear octets behind 220: {self.buf!r}")
        self.wrap(context)

    def auth_plain(self, user="anna", password="secret", code=None):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.cmd(f"AUTH PLAIN {token}", code)

    def auth_login(self, user="anna", password="secret", code=None):
        self.cmd("AUTH LOGIN", 334)
        self.cmd(base64.b64encode(user.encode()), 334)
        return self.cmd(base64.b64encode(password.encode()), code)

    def envelope(self, sender="a@sender.test", to=("anna@example.test",)):
        self.cmd(f"MAIL FROM:<{sender}>", 250)
        for rcpt in to:
            self.cmd(f"RCPT TO:<{rcpt}>", 250)

    def data(self, body, code=250):
        """DATA and the body, stuffed; the reply to the dot."""
        self.cmd("DATA", 354)
        self.send(stuff(body) + b".\r\n")
        return self.reply(code)

    def message(self, body, **envelope):
        self.envelope(**envelope)
        return self.data(body)

    def quit(self):
        self.cmd("QUIT", 221)
        self.expect_closed()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST at once."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


def stuff(body):
    """Dots doubled at the start of a line (CRLF lines)."""
    body = body.replace(b"\r\n.", b"\r\n..")
    return b"." + body if body.startswith(b".") else body

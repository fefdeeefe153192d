"""A server that lies where a case says so, in the pieces that its way says.

A case is registered under a word; the client says the word as its EHLO name,
so that many cases run at once on one server:

    server.case(word, way, {"MAIL": b"250 ok\\r\\n"})

`replies` has octets, or a function (peer, line), in place of the honest reply
to a verb; "DOT" is the end of data, "ANSWER" what follows a 334, "BANNER" the
greeting (set by `server.banner`: nobody has said a word yet). A function
returns octets to say, or None to leave; of a chunk it may have read
peer.taken octets itself. It looks like the double of Domino to
a Stage: same events.
"""

import contextlib
import itertools
import pathlib
import threading

from scripted import KEYWORDS, Scripted
from ways import WHOLE

BANNER = b"220 liar.example.test ESMTP\r\n"
HONEST = {
    "HELO": b"250 liar\r\n", "MAIL": b"250 sender ok\r\n",
    "RCPT": b"250 recipient ok\r\n", "DATA": b"354 go\r\n",
    "DOT": b"250 taken\r\n", "RSET": b"250 reset\r\n",
    "NOOP": b"250 noop\r\n", "QUIT": b"221 bye\r\n",
    "AUTH": b"235 in\r\n", "ANSWER": b"235 in\r\n", "VRFY": b"252 maybe\r\n",
    "BDAT": b"250 chunk\r\n", "STARTTLS": b"502 no\r\n",
}


def ehlo_reply(keywords):
    lines = ["liar.example.test", *keywords]
    return "".join(f"250{' ' if n == len(lines) - 1 else '-'}{line}\r\n"
                   for n, line in enumerate(lines)).encode()


class Left(Exception):
    """The case says: leave now."""


class Liar(Scripted):
    def __init__(self, folder, keywords=(*KEYWORDS, "CHUNKING")):
        self.folder = pathlib.Path(folder) / "liar"
        self.folder.mkdir()
        self.keywords = keywords
        self.honest = dict(HONEST)      # of this one, to everybody
        self.cases = {}
        self.banner = (BANNER, WHOLE)
        self.book = []
        self.lock = threading.Lock()
        self.conns = itertools.count(1)
        super().__init__(self.serve)

    def case(self, word, way=WHOLE, replies=None):
        self.cases[word] = (way, replies or {})

    # As the double

    def events(self):
        with self.lock:
            return list(self.book)

    def of(self, name, **fields):
        return [e for e in self.events() if e["event"] == name
                and all(e.get(k) == v for k, v in fields.items())]

    def commands(self):
        return [e["line"] for e in self.of("command")]

    def messages(self):
        return self.of("message")

    @staticmethod
    def octets(message):
        return message["text"]

    def stop(self):
        self.close()

    def _note(self, event, **fields):
        with self.lock:
            self.book.append({"event": event, **fields})

    # One connection

    def serve(self, peer):
        conn = next(self.conns)
        self._note("connect", conn=conn)
        why = "eof"
        try:
            why = self._talk(peer, conn)
        except Left:
            why = "lie"
        except ConnectionError:
            why = "reset"
        finally:
            self._note("disconnect", conn=conn, why=why)

    def _talk(self, peer, conn):
        octets, way = self.banner
        replies = {"BANNER": octets}
        self._say(peer, conn, way, replies, "BANNER", b"")
        while True:
            line = peer.line()
            if line is None:
                return "eof"
            self._note("command", conn=conn, line=line.decode("latin-1"))
            verb, _, rest = line.partition(b" ")
            verb = verb.upper().decode("latin-1")
            if verb in ("EHLO", "HELO"):
                way, replies = self.cases.get(rest.decode("latin-1"),
                                              (WHOLE, {}))
            said = self._say(peer, conn, way, replies, verb, line)
            if verb == "DATA" and said.startswith(b"354"):
                self._data(peer, conn, way, replies)
            elif verb == "BDAT":
                self._chunk(peer, conn, way, replies, rest)
            while verb == "AUTH" and said.startswith(b"334"):
                line = peer.line()
                if line is None:
                    return "eof"
                said = self._say(peer, conn, way, replies, "ANSWER", line)
            if verb == "QUIT" and said.startswith(b"221"):
                return "quit"

    def _say(self, peer, conn, way, replies, verb, line):
        octets = replies.get(verb)
        if callable(octets):
            octets = octets(peer, line)
            if octets is None:
                raise Left
        if octets is None:
            octets = ehlo_reply(self.keywords) if verb == "EHLO" \
                else self.honest.get(verb, b"502 what\r\n")
        self._note("reply", conn=conn, point=verb, text=octets)
        if verb == "BDAT" and "BDAT" not in replies:
            return octets       # said behind the chunk
        cut = way if verb in replies else WHOLE
        if not cut.send(peer, octets):
            raise Left
        return octets

    def _data(self, peer, conn, way, replies):
        end = peer.buf.startswith(b".\r\n") and b".\r\n" or b"\r\n.\r\n"
        while end not in peer.buf and not peer.buf.startswith(b".\r\n"):
            data = peer.sock.recv(65536)
            if not data:
                raise Left
            peer.buf += data
        if peer.buf.startswith(b".\r\n"):
            text, peer.buf = b"", peer.buf[3:]
        else:
            text, peer.buf = peer.buf.split(b"\r\n.\r\n", 1)
        self._keep(conn, text + b"\r\n", replies)
        self._say(peer, conn, way, replies, "DOT", b".")

    def _chunk(self, peer, conn, way, replies, rest):
        words = rest.split()
        left = int(words[0]) - getattr(peer, "taken", 0)
        while len(peer.buf) < left:
            data = peer.sock.recv(65536)
            if not data:
                raise Left
            peer.buf += data
        text, peer.buf = peer.buf[:left], peer.buf[left:]
        if len(words) > 1:
            self._keep(conn, text, replies)
        if "BDAT" not in replies:
            way.send(peer, HONEST["BDAT"])

    def _keep(self, conn, text, replies):
        """Kept where the verdict is an acceptance; lies keep nothing."""
        if "DOT" not in replies:
            self._note("message", conn=conn, text=text)

    def close(self):
        with contextlib.suppress(OSError):
            super().close()

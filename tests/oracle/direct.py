"""A script, run directly against the server, with the listed changes applied.

What comes out is what postern has to give: the transcript at the client, the
octets at the server, and the trace of operations that the same client does on
its way through postern (proxied.py). A script without a listed change runs as
it is written; where listed.py knows one, it is made here and counted, and
only there the direct session differs from the script.
"""

import collections
import re
import socket

from harness import net

from . import listed
from . import script as scripts

PATIENCE_S = 15
LINE = re.compile(rb"([2-5][0-9][0-9])(?:[ -].*)?\r\n", re.S)


class Stuck(Exception):
    """The server alone does not what the script counts on."""


class Desync(Exception):
    """Exim 4.96 takes the next chunk for commands: no proxy that counts
    octets can be in step with it, and there is nothing to compare."""


class Reader:
    """Replies of a socket, one at a time; strict."""

    def __init__(self, sock):
        self.sock = sock
        self.buf = b""
        self.closed = False

    def fill(self):
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            raise Stuck(f"silence; unread {self.buf!r}") from None
        except OSError:
            data = b""
        self.closed = self.closed or not data
        self.buf += data

    def reply(self):
        """A whole reply with its octets; None at the end."""
        at = 0
        while True:
            end = self.buf.find(b"\n", at)
            if end < 0:
                if self.closed:
                    return None
                self.fill()
                continue
            line = self.buf[at:end + 1]
            if not LINE.fullmatch(line):
                raise Stuck(f"no reply: {line!r}")
            at = end + 1
            if line[3:4] != b"-":
                reply, self.buf = self.buf[:at], self.buf[at:]
                return reply


def send(sock, octets, cuts, sleep):
    at = 0
    for offset, pause in cuts + [(len(octets), 0)]:
        sock.sendall(octets[at:offset])
        at = offset
        if pause:
            sleep(pause)


SPOILT = (b"503 only BDAT permissible after non-LAST BDAT\r\n",
          b"503 only RSET accepted now\r\n",
          b"504 zero size for BDAT command\r\n")
MARK = re.compile(rb"^X-Oracle-Mark: (\S+)", re.M)


class Slot:
    """One reply of the transcript: the server's or postern's own."""

    def __init__(self, verb, own=None, name=None):
        self.verb = verb
        self.own = own          # pattern of postern's reply
        self.name = name
        self.reply = None       # the server's octets, as the client sees them
        self.message = b""      # what an acceptance accepts
        self.is_local = False   # a recipient whose mailbox we see
        self.maybe = False      # whether it comes hangs on the clock

    def done(self):
        return self.own is not None or self.reply is not None

    def __repr__(self):
        return f"<{self.verb} {self.name or self.reply}>"


class Direct:
    def __init__(self, port, starttls, sleep):
        self.port = port
        self.local_ports = []
        self.connect()
        self.sleep = sleep
        self.rules = listed.Rules(starttls)
        self.counts = collections.Counter()
        self.slots = [Slot("banner")]
        self.trace = []
        self.inbuf = self.out = b""
        self.cuts = []
        self.one_write = False
        self.mode = "command"
        self.chunk_left = 0
        self.message = b""      # of the chunks until now
        self.is_local = False
        self.accepted = []      # marks of accepted messages
        self.waited = 0         # replies that came for certain
        self.spoilt = False     # Exim reads the next chunk as commands
        self.parts = [b""]      # octets at the server, by connection
        self.least = 0          # of the last part: these must have come
        self.exact = True
        self.answers = []       # CRAM-MD5's, which differ from run to run
        self.ended = None       # why nothing more is sent
        self.quit = self.half = self.fresh_tls = False
        self.early = None       # slots that were awaited when it left

    def connect(self):
        self.sock = net.connect("127.0.0.1", self.port, timeout_s=PATIENCE_S)
        self.reader = Reader(self.sock)
        self.local_ports.append(self.sock.getsockname()[1])

    # The transcript

    def own(self, name, change):
        self.counts[change] += 1
        self.slots.append(Slot("own", listed.own_pattern(
            name, self.rules.enhanced), name))

    def fill(self):
        """Read what the server owes."""
        for slot in self.slots:
            if not slot.done():
                reply = self.reader.reply()
                if reply is None:
                    self.lost()
                    return
                self.replied(slot, reply)
                if self.ended:
                    return
        self.least = len(self.parts[-1])

    def replied(self, slot, reply):
        code = int(reply[:3])
        slot.reply = reply
        if slot.verb == b"EHLO" and self.fresh_tls:
            self.fresh_tls = False
            if code >= 500:
                reply = self.ask_again()
                code = int(reply[:3])
                slot.reply = reply
        if slot.verb == b"EHLO" and code == 250:
            slot.reply, self.rules.words, names = listed.ehlo(
                reply, self.rules.offers_starttls)
            self.counts.update(names)
        self.rules.replied(slot.verb, code)
        if slot.verb in (b"MAIL", b"RCPT") and code == 250:
            self.is_local = slot.verb == b"RCPT" and (
                self.is_local or slot.is_local)
        if slot.verb in (b"dot", b"last") and code == 250 and self.is_local:
            self.accepted += [m.decode() for m in MARK.findall(slot.message)]
        self.spoilt = reply in SPOILT or (
            self.spoilt and (slot.verb, code) != (b"RSET", 250))
        if code == 421 or slot.verb == "banner" and code != 220:
            self.drop_behind(slot)
        elif slot.verb == b"QUIT":
            self.drop_behind(slot)
        elif code == 221:
            self.goodbye()

    def ask_again(self):
        """The EHLO behind TLS, in a connection of its own."""
        self.counts["server-again"] += 1
        line = self.hello
        self.parts.append(line)
        self.sock.close()
        self.connect()
        banner = self.reader.reply()
        if banner is None or banner[:3] != b"220":
            raise Stuck(f"the server says {banner!r} to a second connection")
        self.sock.sendall(line)
        reply = self.reader.reply()
        if reply is None:
            raise Stuck("the server closed at the second EHLO")
        return reply

    def goodbye(self):
        """Postfix has had enough: 221 to some command, and it closes."""
        if self.reader.reply() is not None:
            raise Stuck("a reply behind 221")
        self.lost()

    def drop_behind(self, slot):
        """The server's last word."""
        del self.slots[self.slots.index(slot) + 1:]
        self.stop("last word")

    def lost(self):
        """The server closed, and not by a word of its own."""
        awaited = [s for s in self.slots if not s.done()]
        if self.half:
            pass
        elif self.mode in ("data", "chunk"):
            # The client learns it at the end of its message, D-05; a
            # script of ours does not go there.
            raise Stuck("the server closed within a message")
        del self.slots[self.slots.index(awaited[0]) if awaited else
                       len(self.slots):]
        # What it had not read when it closed may not have been passed, nor
        # need postern have read what it would have refused behind that.
        for slot in reversed(self.slots[self.waited:]):
            if slot.own is None:
                break
            slot.maybe = True
            self.exact = False
        self.exact = self.exact and not awaited
        # To a QUIT alone the close is answer enough.
        if not self.half and not (self.quit and len(awaited) <= 1):
            unknown = any(s.verb in (b"dot", b"last") for s in awaited)
            self.own("MESSAGE_UNKNOWN" if unknown else "SERVER_LOST",
                     "server-lost")
        self.stop("closed")

    def stop(self, why):
        """Nothing more is sent; the client reads to the end."""
        self.ended = why
        if why in ("closed", "last word"):
            self.exact = self.exact and not self.inbuf
            self.counts["behind-the-end"] += not self.exact

    # Out

    def flush(self):
        if not self.out:
            return
        cuts = self.cuts if self.out == self.whole else []
        try:
            send(self.sock, self.out, cuts, self.sleep)
        except OSError:
            pass                # its last words may still be read
        self.parts[-1] += self.out
        self.out = b""

    def settle(self):
        self.flush()
        self.fill()

    # In: one octet stream, in the modes that the server's replies enter

    def feed(self, octets, cuts):
        self.whole, self.cuts = octets, cuts
        self.inbuf += octets
        while self.inbuf and not self.ended:
            if not getattr(self, "in_" + self.mode)():
                break
        self.flush()

    def line(self, most):
        what, found = listed.take_line(self.inbuf, most)
        if what == "end":
            self.end(found)
        if what != "line":
            return None
        self.inbuf = self.inbuf[len(found):]
        return found

    def end(self, name):
        """Postern's last word, in its turn."""
        self.inbuf = b""
        self.settle()
        if self.ended:
            return
        if name:
            self.own(name, "own-end")
        else:
            self.counts["silent-end"] += 1
        self.stop("own")

    def in_command(self):
        if self.rules.alien(self.inbuf):
            self.end(None)
            return False
        line = self.line(listed.COMMAND_LONGEST)
        if line is None:
            return False
        what, name = self.rules.command(line[:-2], self.inbuf)
        if self.inbuf and line[:4].upper() in (b"DATA", b"AUTH", b"STAR",
                                               b"QUIT"):
            self.one_write = True
        if what == "pass":
            self.passed(line, name)
        elif what == "refuse":
            self.own(name, "own-reply")
        elif what == "tls":
            self.starttls()
        else:
            self.end(name)
        return True

    def passed(self, line, verb):
        if verb == b"BDAT":
            self.begin_chunk(line)
            return
        self.out += line
        self.slots.append(Slot(verb))
        self.slots[-1].is_local = b"@example.test" in line.lower()
        if verb == b"QUIT":
            self.quit = True
            self.inbuf = b""
            self.settle()
        elif verb in (b"EHLO", b"HELO"):
            self.hello = line
            self.settle()
        elif verb in (b"DATA", b"AUTH"):
            self.settle()
            code = self.last_code()
            if verb == b"DATA" and code == b"354":
                self.mode, self.body = "data", b""
                self.least = len(self.parts[-1])
            elif verb == b"AUTH" and code == b"334":
                self.mode = "answer"

    def last_code(self):
        reply = self.slots[-1].reply
        return reply[:3] if reply and not self.ended else None

    def begin_chunk(self, line):
        match = listed.BDAT.fullmatch(line[5:-2])
        self.settle()
        if self.ended:
            return
        if self.spoilt:
            raise Desync
        self.least = len(self.parts[-1])
        self.out += line
        if self.slots[-1].verb != b"BDAT":
            self.message = b""
        self.slots.append(Slot(b"last" if match[2] else b"BDAT"))
        self.slots[-1].message = self.message
        self.chunk_left = int(match[1])
        self.mode = "chunk" if self.chunk_left else "command"

    def in_chunk(self):
        part = self.inbuf[:self.chunk_left]
        self.inbuf = self.inbuf[len(part):]
        self.out += part
        self.message += part
        self.chunk_left -= len(part)
        self.slots[-1].message = self.message
        if self.chunk_left == 0:
            self.mode = "command"
        return True

    def in_data(self):
        """A message: self.body is what passed of it already."""
        what, n = listed.message_piece(self.body + self.inbuf)
        new = n - len(self.body)
        self.out += self.inbuf[:new]
        self.body += self.inbuf[:new]
        self.inbuf = self.inbuf[new:]
        if what == "end":
            self.slots.append(Slot(b"dot"))
            self.slots[-1].message = self.body
            self.mode = "command"
            return True
        if what == "bare":
            self.flush()
            self.cut()
            self.inbuf = b""
            self.own("BARE_NEWLINE", "own-end")
            self.stop("own")
        return False

    def cut(self):
        self.exact = False
        self.counts["message-cut"] += 1

    def in_answer(self):
        line = self.line(listed.ANSWER_LONGEST)
        if line is None:
            return False
        if self.inbuf:
            self.one_write = True
            self.end("PIPELINED_PAST")
            return False
        self.out += line
        self.slots.append(Slot(b"AUTH"))
        self.settle()
        if self.last_code() != b"334":
            self.mode = "command"
        return True

    # STARTTLS is between the client and postern: this client stays in clear

    def starttls(self):
        self.settle()
        if self.ended:
            return
        self.own("TLS_READY", "starttls")
        self.rules.tls_began()
        self.fresh_tls = True

    # Steps

    def note(self, *operation):
        self.trace.append(operation)

    def write(self, index, octets, script):
        if self.ended:
            return
        cuts = script.cuts(index, octets)
        self.one_write = False
        self.note("write", octets, cuts)
        self.feed(octets, cuts)
        if self.one_write:
            self.trace[-1] = ("write", octets, [])

    def wait(self):
        if self.mode == "chunk" or self.mode == "data" and self.body:
            return      # nothing is due before it is whole
        if not self.ended:
            self.settle()
        if not self.ended:
            self.note("wait", len(self.slots))
            self.waited = len(self.slots)

    def step(self, index, step, script):
        kind = step[0]
        if kind == "write":
            self.write(index, step[1], script)
            if step[2]:
                self.wait()
        elif kind == "data":
            self.write(index, step[1], script)
            self.wait()
            if self.mode == "data" and not self.ended:
                self.write(index + 0.5, step[2], script)
                self.wait()
        elif kind == "auth":
            self.write(index, step[1], script)
            self.wait()
            self.answer_all(index, list(step[2]), script)
        elif kind == "tls":
            self.tls_step(index, script)
        elif kind == "half":
            self.half_close()
        else:
            self.leave(kind)

    def answer_all(self, index, answers, script):
        while self.mode == "answer" and not self.ended:
            answer = answers.pop(0) if answers else b"*\r\n"
            if isinstance(answer, tuple):
                line = scripts.cram(self.slots[-1].reply, *answer[1:])
                self.counts["challenge"] += 1
                self.answers.append(line)
                self.note("cram", *answer[1:])
                self.feed(line, [])
            else:
                index += 0.01
                self.write(index, answer, script)
            self.wait()

    def tls_step(self, index, script):
        began = self.rules.tls
        self.wait()     # what is under way may open a transaction
        self.write(index, b"STARTTLS\r\n", script)
        self.wait()
        if self.rules.tls and not began and not self.ended:
            self.note("tls")

    def half_close(self):
        if self.rules.tls:      # TLS has no half of an end
            self.leave("close")
            return
        self.flush()
        self.note("half")
        self.half = True
        self.unfinished()
        if self.mode == "chunk":
            self.slots.pop()    # no reply is due to half a chunk
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self.fill()
        if not self.ended:
            self.farewell()
            self.stop("half")

    def farewell(self):
        """What a server says to one who has left."""
        while (reply := self.reader.reply()) is not None:
            if reply[:3] != b"421" and self.mode != "answer":
                raise Stuck(f"{reply!r} to a half-close")
            self.counts["farewell"] += 1

    def unfinished(self):
        if self.mode in ("data", "chunk"):
            self.cut()
        elif self.inbuf:
            self.counts["unfinished-line"] += 1

    def leave(self, how):
        self.flush()
        self.unfinished()
        awaited = [s for s in self.slots if not s.done()]
        if awaited:
            self.counts["left-early"] += 1
            self.exact = False
            self.early = self.slots.index(awaited[0])
            del self.slots[self.early:]
        self.note(how, bool(awaited))
        self.stop(how)

    def run(self, script):
        try:
            self.fill()
            self.note("wait", 1)
            for index, step in enumerate(script.steps):
                if self.ended:
                    break
                self.step(index, step, script)
            self.finish()
        finally:
            self.sock.close()
        return self

    def finish(self):
        if not self.ended and self.quit:
            self.settle()
        if not self.ended:
            self.leave("close")
        if self.ended in ("own", "closed", "last word"):
            self.note("eof")

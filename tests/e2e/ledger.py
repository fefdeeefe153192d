"""Two books of the same mail: what clients saw, and what the server has.

A Session is one client with a token of its own in all that it says; it sends
one message or more in one of the ways (WAYS) and notes what it was answered.
Check.all holds the sessions against the server's book (dying_server.py); what
it asserts are the delivery properties D-01 to D-08, each by its name.
"""

import collections
import hashlib
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from harness import wait
from harness.raw import Broken, Client, Closed, stuff

TOKENS = itertools.count(1)
MESSAGES = {}       # all that any client of this run has begun
LINE = b".a line with a dot, to be doubled\r\nQUIT\r\n"


class Server:
    """The server as a process group; .ports by the fault before EHLO."""

    def __init__(self, folder, certs):
        self.name = "dying-server"
        self.book = pathlib.Path(folder) / "book"
        self.book.touch()
        self.lock, self.offset, self.rows = threading.Lock(), 0, []
        self.by_token = collections.defaultdict(list)
        script = pathlib.Path(__file__).with_name("dying_server.py")
        self.process = subprocess.Popen(
            [sys.executable, "-S", str(script), str(self.book),
             *map(str, certs.rsa)],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            start_new_session=True)
        from dying_server import BEFORE_EHLO
        ports = list(map(int, self.process.stdout.readline().split()))
        self.ports = dict(zip(["none."] + BEFORE_EHLO, ports))

    def address(self, fault="none."):
        return f"127.0.0.1:{self.ports[fault]}"

    def events(self, event=None, **fields):
        with self.lock:
            self.read()
            rows = list(self.by_token[fields["token"]] if "token" in fields
                        else self.rows)
        return [e for e in rows if event in (None, e["event"]) and
                all(e.get(k) == v for k, v in fields.items())]

    def read(self):
        with open(self.book, "rb") as file:
            file.seek(self.offset)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self.offset += len(text)
        for row in map(json.loads, text.splitlines()):
            self.rows.append(row)
            self.by_token[row["token"]].append(row)

    def wait_for(self, event, count=1, **fields):
        def look():
            found = self.events(event, **fields)
            return found[count - 1] if len(found) >= count else None
        return wait.until(look, f"the server's {event} {fields}")

    def tail(self, lines=60):
        events = [e for e in self.events() if e["event"] != "gone"]
        return "\n".join(map(str, events[-min(lines, 40):]))

    def stop(self):
        """It serves the other tests too: see end."""

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Message:
    def __init__(self, name, text):
        self.name, self.text = name, text
        self.state = "begun"    # ended: its end of data was sent
        self.code = None        # to its end of data
        self.raw = b""
        self.heard_ns = 0
        MESSAGES[name] = self

    @property
    def accepted(self):
        return self.code is not None and 200 <= self.code < 300


class Session(threading.Thread):
    """One client. way: see WAYS. point, fault: what the server is to do."""

    def __init__(self, port, way="lockstep", point="none", fault="none",
                 messages=1, tls=None, source=None, octets=600):
        super().__init__(daemon=True)
        self.port, self.way, self.tls = port, way, tls
        self.point, self.fault, self.source = point, fault, source
        self.token = f"t{next(TOKENS)}"
        self.messages = [self.compose(n, octets) for n in range(messages)]
        self.said, self.replies = [], []    # what is owed, what came
        self.end, self.client, self.rest = None, None, b""

    def compose(self, number, octets):
        name = f"{self.token}-{number}"
        text = b"Subject: %s\r\n\r\n" % name.encode()
        return Message(name, text + LINE * (octets // len(LINE) + 1))

    def __repr__(self):
        seen = [r.raw for r in self.replies]
        return f"<{self.token} {self.way} {self.point}.{self.fault} {seen} " \
            f"{self.end} {self.rest}>"

    # What it does

    def run(self):
        try:
            self.open()
            for message in self.messages:
                getattr(self, self.way)(message)
            self.ask(b"QUIT")
            self.end = "quit"
        except (Broken, OSError) as error:
            self.end = repr(error)
        self.hear_out()

    def open(self):
        context = self.tls
        implicit = context if self.way == "implicit" else None
        self.client = Client(self.port, tls=implicit, source=self.source)
        self.hear("banner")
        ehlo = f"EHLO {self.point}.{self.fault}.{self.token}.test".encode()
        if self.way == "starttls":
            # In clear under another name: the fault is for what follows.
            self.ask(b"EHLO none.none.%b.test" % self.token.encode())
            self.client.starttls(context)
        self.ask(ehlo)

    def hear(self, what, code=None):
        """The next reply is to this; more than 399 ends a session."""
        self.said.append(what)
        reply = self.client.reply()
        self.replies.append(reply)
        if reply.code >= 400:
            raise Broken(f"{reply.code} to {what}")
        return reply

    def ask(self, line):
        self.client.send(line + b"\r\n")
        return self.hear(line.split()[0].decode())

    def end_of_data(self, message, what):
        self.said.append(what)
        reply = self.client.reply()
        self.replies.append(reply)
        message.heard_ns = time.monotonic_ns()
        message.code, message.raw = reply.code, reply.raw
        if reply.code >= 400:
            raise Broken(f"{reply.code} to the end of data")

    def envelope(self, message):
        return [b"MAIL FROM:<%b@x.test>" % message.name.encode(),
                b"RCPT TO:<%b@example.test>" % self.token.encode()]

    def lockstep(self, message):
        for line in self.envelope(message):
            self.ask(line)
        self.ask(b"DATA")
        octets = stuff(message.text) + b".\r\n"
        self.client.send(octets[:len(octets) // 2])
        self.half_way(message)
        message.state = "ended"
        self.client.send(octets[len(octets) // 2:])
        self.end_of_data(message, "EOD")

    def half_way(self, message):
        pass

    starttls = implicit = backend_tls = lockstep

    def pipelined(self, message):
        lines = [*self.envelope(message), b"DATA"]
        self.client.send(b"\r\n".join(lines) + b"\r\n")
        for what in ("MAIL", "RCPT", "DATA"):
            self.hear(what)
        message.state = "ended"
        self.client.send(stuff(message.text) + b".\r\n")
        self.end_of_data(message, "EOD")

    def parts(self, message):
        third = len(message.text) // 3
        return (message.text[:third], message.text[third:2 * third],
                message.text[2 * third:])

    def chunks(self, message):
        for line in self.envelope(message):
            self.ask(line)
        first, second, last = self.parts(message)
        for part in (first, second):
            self.client.send(b"BDAT %d\r\n%b" % (len(part), part))
            self.hear("BDAT")
        message.state = "ended"
        self.client.send(b"BDAT %d LAST\r\n%b" % (len(last), last))
        self.end_of_data(message, "LAST")

    def chunks_at_once(self, message):
        first, second, last = self.parts(message)
        octets = b"".join(line + b"\r\n" for line in self.envelope(message))
        for part in (first, second):
            octets += b"BDAT %d\r\n%b" % (len(part), part)
        message.state = "ended"
        self.client.send(octets + b"BDAT %d LAST\r\n%b" % (len(last), last))
        for what in ("MAIL", "RCPT", "BDAT", "BDAT"):
            self.hear(what)
        self.end_of_data(message, "LAST")

    def hear_out(self):
        """What else comes, to the end; then it is gone."""
        if not self.client:
            return
        try:
            if self.end != "quit":
                self.client.send(b"QUIT\r\n")
        except (Broken, OSError):
            pass
        try:
            self.rest = self.client.expect_closed(wait.DEADLINE_S)
        except Broken as error:
            self.end = f"hangs: {error}"
        except OSError:
            pass
        self.client.close()


WAYS = ["lockstep", "pipelined", "starttls", "implicit", "backend_tls",
        "chunks", "chunks_at_once"]


def run_all(sessions, at_once=96):
    """All of them, so many at a time."""
    todo, lock = collections.deque(sessions), threading.Lock()

    def work():
        while True:
            with lock:
                if not todo:
                    return
                one = todo.popleft()
            one.run()
    threads = [threading.Thread(target=work, daemon=True)
               for _ in range(min(at_once, len(todo)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a client hangs"
    return sessions


class Check:
    """The sessions, held against the server's book."""

    def __init__(self, server, sessions):
        self.sessions = sessions
        self.events = server.events()
        self.kept = collections.defaultdict(list)
        for event in self.events:
            if event["event"] == "kept":
                self.kept[event["id"]].append(event)

    def messages(self):
        for one in self.sessions:
            for message in one.messages:
                yield one, message

    def all(self):
        for name in dir(self):
            if name.startswith("d_"):
                getattr(self, name)()
        return self

    def d_01_no_own_acceptance(self):
        """Each 2yz to an end of data is, octet by octet, the server's."""
        for one, message in self.messages():
            if message.accepted:
                kept = self.kept.get(message.name, ())
                stamps = [e["stamp"] for e in kept]
                says = {f"250 {what} {one.token} {message.name} {stamp}\r\n"
                        for stamp in stamps for what in ("EOD", "LAST")}
                assert message.raw.decode() in says, (one, says)

    def d_03_no_completion(self):
        """Nothing is there whose end no client has sent."""
        for name in self.kept:
            assert name in MESSAGES, name
            assert MESSAGES[name].state == "ended", name

    def d_04_no_loss(self):
        for one, message in self.messages():
            count = len(self.kept.get(message.name, ()))
            assert count <= 1, (one, "is there twice")
            assert not message.accepted or count == 1, (one, "lost")

    def d_05_no_false_refusal(self):
        """No 5yz for a message that is there or may be there."""
        for one, message in self.messages():
            assert message.code in (None, 250, 421, 451), one
            for reply in one.replies:
                assert reply.code < 500, one
            assert not one.rest.startswith(b"5"), one

    def d_06_identity(self):
        for one, message in self.messages():
            whole = stuff(message.text) if "chunks" not in one.way \
                else message.text
            digest = hashlib.sha256(whole).hexdigest()
            for event in self.kept.get(message.name, ()):
                assert event["sha"] == digest, one

    def d_07_one_origin(self):
        """A server's session has one client, a client one server session."""
        of_session = collections.defaultdict(set)
        of_token = collections.defaultdict(set)
        for event in self.events:
            if event["token"] != "-":
                of_session[event["session"]].add(event["token"])
                of_token[event["token"]].add(event["session"])
            told = {event[key].partition("@")[0].partition("-")[0]
                    for key in ("id", "to") if key in event}
            assert told <= {event["token"]}, event
        wrong = [t for t in [*of_session.values(), *of_token.values()]
                 if len(t) != 1]
        assert not wrong, wrong

    def d_08_pairing(self):
        """The k-th reply names the k-th command and this client."""
        for one in self.sessions:
            for what, reply in zip(one.said, one.replies):
                if reply.code >= 400 or what == "STARTTLS":
                    continue
                words = reply.lines[0].split()
                assert words[0] == what, one
                assert words[1] in (one.token, "-"), one
            rest = one.rest.split(b"\r\n")[:-1]
            assert len(rest) <= 1, one
            assert all(line[:4] in (b"421 ", b"221 ") for line in rest), one
            assert one.end and "hangs" not in one.end, one

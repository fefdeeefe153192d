"""Where the vectors are played: one postern, one server, and the rule U.

The rule U of the vectors, held after each of them:

    postern is alive and no process was replaced; no sanitizer has spoken;
    descriptors, sessions and buffers are back where they were; a new clean
    session passes a message; the server's connections saw as many replies as
    commands; no line of the log has a raw octet outside 0x20-0x7e.
"""

import concurrent.futures
import itertools
import json
import os
import re
import socket

from harness import wait
from harness.double import Double
from harness.postern import Postern
from harness.raw import Broken, Client
from ways import all_ways

THREADS = 24
RAW_OCTET = re.compile(rb"[^\x20-\x7e\n]")
MODES = ("reject", "normalize", "pass")

# A door for each kind of client; `bare_newline` has a door for each mode.
DOORS = {
    "mx": {},
    "tls": {"starttls": "optional"},
    "required": {"starttls": "required", "auth": "tls"},
    "implicit": {"tls": "implicit"},
    **{mode: {"bare_newline": mode} for mode in MODES},
}

# No vector may be refused for being the sixth of its kind, or wait.
CALM = {
    "source_limit": {"failures": 100, "slow_failures": 0, "delay": "0s"},
}


def merged(first, second):
    out = {key: dict(value) if isinstance(value, dict) else value
           for key, value in first.items()}
    for key, value in (second or {}).items():
        if isinstance(value, dict):
            out.setdefault(key, {}).update(value)
        else:
            out[key] = value
    return out


class Stage:
    """One postern (self.front) before one double (self.server).

    server: parameters of the double, or an object with an `address` (and, for
    the rule U, `of(event)`); doors: {name: listener options}; options,
    backend: of postern's configuration.
    """

    def __init__(self, folder, certs, server=None, doors=None, options=None,
                 backend=None, more_backends=None):
        self.certs = certs
        self.folder = folder
        self.numbers = itertools.count(1)
        self.log_at = 0
        if server is None or isinstance(server, dict):
            known = {"auth_clear": "LOGIN PLAIN CRAM-MD5", "cert": certs.rsa,
                     "f_chunking": True, "f_8bit": True, "t_535": "535 no",
                     "mail_without_helo": False, **(server or {})}
            server = Double(folder, **known)
        self.server = server
        backends = {"domino": {"servers": [server.address],
                               **(backend or {})},
                    **(more_backends or {})}
        self.front = Postern(
            folder, doors or DOORS, backends, options=merged(CALM, options),
            certificates={"rsa": certs.rsa, "ecdsa": certs.ecdsa})
        self.base = None
        try:
            self.front.start()
            self.log_at = self.front.log_path.stat().st_size
            self.clean_session()
            self.rest()
        except BaseException:
            self.abandon()
            raise

    # Clients

    def client(self, door="mx", tls=None, **more):
        """A raw client, connected. tls=True: inside TLS at once."""
        context = self.certs.client_context(verify=False) \
            if tls is True else tls
        return Client(self.front.ports[door], tls=context, **more)

    def greeted(self, door="mx", ehlo=True, **more):
        """A client behind the banner and, unless told otherwise, EHLO."""
        client = self.client(door, **more)
        client.reply(220)
        if ehlo:
            client.ehlo()
        return client

    def upgraded(self, door="tls", **more):
        """A client inside STARTTLS, behind the second EHLO."""
        client = self.greeted(door, **more)
        client.starttls(self.certs.client_context(verify=False))
        client.ehlo()
        return client

    def name(self, stem="v"):
        """A word that no other case of this stage uses, nor is part of."""
        return f"{stem}-{next(self.numbers)}-"

    # Ways

    def play(self, case, critical):
        """case(way) for every way to cut the critical octets, many at a time;
        what fails is told with its way. Gives the results by way's name."""
        return self.at_once({repr(way): (case, way)
                             for way in all_ways(critical)})

    @staticmethod
    def at_once(cases, threads=THREADS):
        """{name: (function, argument…)} in threads; all failures as one."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            jobs = {name: pool.submit(*call) for name, call in cases.items()}
            wrong = [(name, job.exception()) for name, job in jobs.items()
                     if job.exception()]
        if wrong:
            text = "\n".join(f"  {name}: {error!r}" for name, error in wrong)
            raise AssertionError(
                f"{len(wrong)} of {len(jobs)} ways:\n{text}") from wrong[0][1]
        return {name: job.result() for name, job in jobs.items()}

    # What the server saw

    def arrived(self, word):
        """The stored messages that hold this word, as octets."""
        word = word.encode() if isinstance(word, str) else word
        found = [self.server.octets(m) for m in self.server.messages()]
        return [octets for octets in found if word in octets]

    def heard(self, word):
        """Command lines of all connections that hold this word."""
        return [line for line in self.server.commands() if word in line]

    # The rule U

    def status(self):
        """`status` over the control socket, without a process."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(wait.DEADLINE_S)
            sock.connect(str(self.front.control))
            sock.sendall(b'{"command":"status"}\n')
            return json.loads(sock.makefile().readline())

    def workers(self):
        return sorted(worker["pid"] for worker in self.status()["workers"])

    def private_bytes(self):
        """Memory that the workers have for themselves alone."""
        total = 0
        for pid in self.workers():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
                total += sum(int(line.split()[1]) * 1024 for line in text
                             if line.startswith("Private_"))
        return total

    def level(self):
        """What must be the same again when everybody has left."""
        status = self.status()
        pids = sorted(worker["pid"] for worker in status["workers"]
                      if worker["pid"])     # 0: it has not said yet
        return {
            "processes": sorted(self.front.pids()),
            "descriptors": [len(os.listdir(f"/proc/{pid}/fd"))
                            for pid in pids],
            "sessions": status["sessions"]["open"],
            "tarpit": status["sessions"]["tarpit"],
            "buffers": status["sessions"]["buffers"],
            "under_way": status["logins"]["under_way"],
        }

    def rest(self):
        """Wait until nobody is left; the level then is the base."""
        self.base = self.front.wait_until(
            lambda: self._quiet(self.level()), "an idle postern")

    def _quiet(self, level):
        """This level if nobody is left in it, and no program of exec runs."""
        idle = ("sessions", "tarpit", "buffers", "under_way")
        busy = any(level[key] for key in idle) or \
            not set(level["processes"]) <= self.front.roles()
        return None if busy else level

    def is_base(self, level):
        """The level of before. With fewer descriptors it is a better one:
        the first was taken while a look at a server was under way, and from
        now on counts no more."""
        now, then = level["descriptors"], self.base["descriptors"]
        same = {**level, "descriptors": then} == self.base
        if same and len(now) == len(then) and \
                all(few <= many for few, many in zip(now, then)):
            self.base = level
            return True
        return False

    def clean_session(self):
        """A message of its own by a client without fault."""
        word = self.name("clean")
        with self.greeted() as client:
            client.message(f"Subject: {word}\r\n\r\nx\r\n".encode())
            client.quit()
        # A real server delivers behind its 250.
        self.front.wait_until(lambda: self.arrived(word), f"message {word}")
        assert len(self.arrived(word)) == 1, f"{word} did not arrive once"

    def hold_u(self, timeout_s=wait.DEADLINE_S):
        """The rule U; so long it may take until the last has left."""
        assert self.front.alive(), self.front.tail()
        report = self.front.sanitizer_report()
        assert report is None, report
        self.clean_session()
        seen = {}

        def back():
            seen.clear()
            seen.update(self.level())
            return self.is_base(dict(seen))
        try:
            self.front.wait_until(back, "the level of before", timeout_s)
        except wait.TooLate:
            raise AssertionError(
                f"not back: {seen}, before: {self.base}") from None
        self.hold_replies()
        self.hold_log()

    def hold_replies(self):
        """Every connection that ended in order saw a reply to each line."""
        asked, answered = {}, {}
        events = self.server.events()
        for event in events:
            book = {"command": asked, "reply": answered}.get(event["event"])
            if book is not None:
                book[event["conn"]] = book.get(event["conn"], 0) + 1
        orderly = [event["conn"] for event in events
                   if event["event"] == "disconnect"
                   and event["why"] == "quit"]
        for conn in orderly:
            # AUTH answers and messages are answered, too, but are no
            # commands; the banner is a reply to nothing.
            assert answered.get(conn, 0) > asked.get(conn, 0), \
                f"connection {conn}: {asked.get(conn)} commands, " \
                f"{answered.get(conn)} replies"

    def hold_log(self):
        """Only what can be read, a line an event."""
        with open(self.front.log_path, "rb") as log:
            log.seek(self.log_at)
            text = log.read()
        whole = text[:text.rfind(b"\n") + 1]
        raw = RAW_OCTET.search(whole)
        assert raw is None, \
            f"raw octet in the log: {whole[max(0, raw.start() - 99):][:200]}"
        for line in whole.splitlines():
            json.loads(line)
        self.log_at += len(whole)

    def hold_fresh(self):
        """The level again, told by the workers behind all that was played:
        a session must first be seen to come, then to go."""
        def are_open(wanted):
            return self.status()["sessions"]["open"] == wanted
        with self.greeted():
            self.front.wait_until(lambda: are_open(1), "one session")
        self.front.wait_until(lambda: are_open(0), "no session")
        self.front.wait_until(lambda: self.is_base(self.level()),
                              "the level of before")

    def abandon(self):
        """It did not come to be: leave no process behind."""
        self.front.kill()
        stop = getattr(self.server, "stop", None)
        if stop:
            stop()

    def close(self):
        try:
            self.front.stop_clean()
        finally:
            stop = getattr(self.server, "stop", None)
            if stop:
                stop()


def closed(client, timeout_s=None):
    """Did the other end close, with nothing more said? Else what it said."""
    try:
        rest = client.expect_closed(timeout_s)
    except Broken as broken:
        raise AssertionError(f"not closed: {broken}") from None
    return rest

"""D-01 to D-12: postern never owns a message, whatever dies and whenever.

At every point of a session, with every fault of the server: what a client
saw accepted is at the server, once and octet by octet; nothing is there that
no client completed; and what is not known is never refused for good.
"""

import base64
import contextlib
import itertools
import random
import re
import ssl
import threading

import pytest

import attack
import ledger
from harness import wait
from harness.postern import ROOT
from harness.raw import Broken, Client, stuff
from ledger import Check, Message, Server, Session, run_all

SHORT_S = 4     # deadlines of the server's replies; a busy machine's DELAY
BACKEND = {"greeting_timeout": f"{SHORT_S}s", "reply_timeout": f"{SHORT_S}s",
           "data_reply_timeout": f"{SHORT_S}s"}
FAULTS = ["delay", "rst", "close", "half", "death", "silence"]
SOON_S = 0.9    # D-12; below the shortest delay of the test


@pytest.fixture(scope="module")
def server(session_folder, certs):
    folder = session_folder / "delivery"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    one = Server(folder, certs)
    yield one
    one.end()


@pytest.fixture
def front(server, postern, certs, programs):
    """front(**more): postern before the server, a listener for each way."""
    programs.append(server)     # its book is shown when a test fails

    def start(doors=False, **options):
        backends = {"sink": {"servers": [server.address()], **BACKEND},
                    "backtls": {"servers": [server.address()],
                                "tls": "required", **BACKEND}}
        listeners = {"mx": {"starttls": "optional", "backend": "sink"},
                     "tls": {"tls": "implicit", "backend": "sink"},
                     "backtls": {"backend": "backtls"}}
        for count, fault in enumerate(server.ports if doors else ()):
            backends[f"b{count}"] = {"servers": [server.address(fault)],
                                     **BACKEND}
            listeners[f"door{count}"] = {"backend": f"b{count}"}
        for one in listeners.values():
            one.update({"auth": "offer", "data_timeout": f"{SHORT_S}s",
                        "command_timeout": "20s"})
        return postern(listeners, backends,
                       certificates={"main": certs.rsa},
                       options={"workers": 2, **options})
    return start


@pytest.fixture(scope="module")
def trust(certs):
    return ssl.create_default_context(cafile=certs.ca)


def session(front, trust, way="lockstep", *args, kind=Session, **more):
    listener = {"implicit": "tls", "backend_tls": "backtls"}.get(way, "mx")
    return kind(front.ports[listener], way, *args,
                tls=trust if way in ("implicit", "starttls") else None,
                **more)


def points(way):
    """All points of a session behind its EHLO that can be named."""
    chunks = "chunks" in way
    verbs = ["EHLO", "MAIL", "RCPT",
             *(["BDAT", "LAST"] if chunks else ["DATA", "EOD"]), "QUIT"]
    found = [f"{verb}-{where}" for verb in verbs
             for where in ("before", "mid", "after")]
    return found + (["chunk", "LAST-kept"] if chunks
                    else ["body", "EOD-kept"])


def must_be_accepted(one):
    """What a fault at that point leaves no choice about; None: either."""
    if one.fault == "delay" or one.point.startswith("QUIT"):
        return True
    if one.point in ("EOD-after", "LAST-after"):
        # Its reply is out whole; a reset may overtake it.
        return True if one.fault in ("close", "half", "silence") else None
    if one.fault == "half" and one.way in ("pipelined", "chunks_at_once"):
        return None
    return False


def outcome(one):
    wanted, message = must_be_accepted(one), one.messages[0]
    assert wanted is None or message.accepted == wanted, one
    if not message.accepted:
        last = one.replies[-1].code if one.replies else None
        assert last in (421, 451) or one.rest[:3] in (b"421", b"451") or \
            message.code is None, one


# The matrix

def test_D_04_every_point_and_every_fault(front, server, trust):
    """Check holds D-01 and D-03 to D-08 for all of it."""
    postern = front()
    sessions = [session(postern, trust, way, point, fault)
                for way in ledger.WAYS for point in points(way)
                for fault in FAULTS]
    random.Random(1).shuffle(sessions)
    run_all(sessions)
    for one in sessions:
        outcome(one)
    check = Check(server, sessions).all()
    accepted = sum(m.accepted for _, m in check.messages())
    kept = sum(bool(check.kept.get(m.name)) for _, m in check.messages())
    met = {e["token"] for e in check.events if e["event"] == "fault"}
    missed = [one for one in sessions if one.token not in met]
    assert not missed, missed
    assert len(sessions) // 4 < accepted < kept < len(sessions)


def test_D_05_before_and_in_the_banner(front, server):
    """No session without a banner; a lost server is 421, never 5yz."""
    postern = front(doors=True)
    sessions = []
    for name, listener in zip(server.ports, list(postern.ports)[3:]):
        point, _, fault = name.partition(".")
        # In mid-banner it would be the rest of the banner's own line.
        if point != "none" and name != "banner-mid.surplus":
            sessions.append(Session(postern.ports[listener], point=point,
                                    fault=fault))
    run_all(sessions)
    for one in sessions:
        if one.fault == "delay":
            assert one.messages[0].accepted, one
        elif one.fault != "surplus":
            assert one.replies[0].code == 421 or \
                one.point == "banner-after" and one.end != "quit", one
        assert b"surplus" not in b"".join(r.raw for r in one.replies), one
    Check(server, sessions).all()


# D-01, D-02

def test_D_01_postern_has_no_acceptance_of_its_own():
    """Its only 2yz are the ones to STARTTLS and to a client's QUIT."""
    text = (ROOT / "proto/replies.def").read_text()
    own = re.findall(r"^REPLY\((\w+), (2\d\d),", text, re.M)
    assert own == [("TLS_READY", "220")]


class Waiting(Session):
    """In mid-message, until the server's connection was dropped."""

    server = None

    def half_way(self, message):
        self.server.wait_for("fault", token=self.token)
        self.server.wait_for("gone", token=self.token)


def test_D_02_acceptance_that_comes_too_early_is_none(front, server, trust):
    postern = front()
    Waiting.server = server
    sessions = []
    for way in ("lockstep", "starttls", "implicit", "backend_tls"):
        for point in ("DATA-after", "body"):
            sessions.append(session(postern, trust, way, point, "premature",
                                    kind=Waiting))
    for way, point in (("pipelined", "DATA-after"), ("chunks", "BDAT-after"),
                       ("chunks", "RCPT-after"), ("lockstep", "RCPT-after")):
        sessions.append(session(postern, trust, way, point, "premature"))
    run_all(sessions)
    for one in sessions:
        message = one.messages[0]
        assert message.code in (None, 421, 451), one
        assert one.replies[-1].code in (354, 421, 451) or \
            one.rest[:4] == b"421 ", one
        assert "early" not in repr(one), one
    Check(server, sessions).all()


# D-03: the client's end

class Leaver(Session):
    """Sends so many octets of a message and then leaves, its way."""

    cut, leave = 0, "close"

    def lockstep(self, message):
        for line in self.envelope(message):
            self.ask(line)
        self.ask(b"DATA")
        self.send_cut(stuff(message.text) + b".\r\n")

    starttls = implicit = backend_tls = lockstep

    def chunks(self, message):
        first, second, last = self.parts(message)
        for line in self.envelope(message):
            self.ask(line)
        self.send_cut(b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (
            len(first), first, len(second + last), second + last))

    def send_cut(self, octets):
        self.client.send(octets[:len(octets) // 2 if self.cut == 0
                                else self.cut])
        if self.leave == "silent":
            raise Broken("says nothing more")
        if self.leave == "unwrap":
            with contextlib.suppress(OSError):
                self.client.sock.settimeout(1)
                self.client.sock.unwrap()
        getattr(self.client, {"unwrap": "close"}.get(self.leave, self.leave))()
        raise Broken("gone")

    def hear_out(self):
        if self.leave in ("silent", "half_close"):
            with contextlib.suppress(Broken, OSError):
                self.rest = self.client.expect_closed(wait.DEADLINE_S)
        self.client.close()


def test_D_03_who_leaves_in_mid_message_has_sent_none(front, server, trust):
    postern = front()
    sessions = []
    for way in ("lockstep", "starttls", "implicit", "backend_tls", "chunks"):
        leaves = ["close", "reset", "half_close", "silent"]
        leaves += ["unwrap"] if way in ("starttls", "implicit") else []
        # In the first octets, half way (0), behind the text, and in the
        # end of data itself.
        for cut, leave in itertools.product((12, 0, -3, -2, -1), leaves):
            one = session(postern, trust, way, kind=Leaver)
            one.cut, one.leave = cut, leave
            sessions.append(one)
    run_all(sessions)
    for one in sessions:
        server.wait_for("gone", token=one.token)
        assert one.replies[-1].code in (250, 354), one
        assert not one.rest or one.rest[:3] in (b"421", b"250"), one
        one.end = "left"
    check = Check(server, sessions)
    assert not [m for _, m in check.messages() if m.name in check.kept]
    begun = {e["id"] for e in server.events("mail")}
    assert all(m.name in begun for _, m in check.messages())


# D-04: workers die

class Load:
    """Sessions of all ways, one after another in each thread."""

    def __init__(self, postern, trust, threads=8):
        self.postern, self.trust = postern, trust
        self.stop, self.sessions = threading.Event(), []
        self.threads = [threading.Thread(target=self.live, args=(seed,),
                                         daemon=True)
                        for seed in range(threads)]

    def live(self, seed):
        draw = random.Random(seed)
        while not self.stop.is_set():
            one = session(self.postern, self.trust, draw.choice(ledger.WAYS),
                          messages=draw.randrange(1, 4),
                          octets=draw.choice((100, 3000, 60000)))
            one.run()
            self.sessions.append(one)
            if one.client is None:      # nobody listens at the moment
                self.stop.wait(0.02)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more(10)
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def done(self):
        return sum(one.end == "quit" for one in list(self.sessions))

    def more(self, count):
        wanted = self.done() + count
        wait.until(lambda: self.done() >= wanted, f"{count} more sessions")


def test_D_04_workers_killed_at_random(front, server, trust):
    postern, draw = front(), random.Random(4)
    with Load(postern, trust) as load:
        for _ in range(8):
            pids = wait.until(lambda: attack.processes(postern)["worker"],
                              "a worker")
            attack.kill_pid(draw.choice(pids))
            load.more(draw.randrange(2, 12))
    check = Check(server, load.sessions).all()
    assert sum(m.accepted for _, m in check.messages()) >= 20
    assert any(one.end != "quit" for one in load.sessions)


# D-06, D-07

def test_D_06_octets_of_any_kind_arrive_as_they_are(front, server, trust):
    postern = front()
    every = bytes(b for b in range(256) if b not in b"\r\n")
    texts = [b"", b".\r\n", b"\r\n", b"..\r\n.\r\n", b"x\r\n" * 20000,
             (b"y" * 998 + b"\r\n") * 400, every[1:] + b"\r\n",
             b"QUIT\r\nDATA\r\nBDAT 5 LAST\r\n", b".x" * 300 + b"\r\n"]
    sessions = []
    for way, text in itertools.product(ledger.WAYS, texts):
        one = session(postern, trust, way)
        head = one.messages[0].text.partition(b"\r\n\r\n")[0]
        one.messages[0].text = head + b"\r\n\r\n" + text
        sessions.append(one)
    run_all(sessions, at_once=16)
    assert all(one.messages[0].accepted for one in sessions), \
        [one for one in sessions if not one.messages[0].accepted]
    Check(server, sessions).all()


class Quitter(Session):
    """Leaves in a transaction that it has not ended."""

    def lockstep(self, message):
        self.ask(self.envelope(message)[0])
        raise Broken("gone")

    def hear_out(self):
        self.client.close()


def test_D_07_sessions_share_nothing(front, server, trust):
    """As many at the server as at the door, none used twice."""
    postern = front()
    before = len(server.events("connect"))
    sessions = [session(postern, trust, way, messages=3)
                for way in ledger.WAYS for _ in range(6)]
    sessions += [session(postern, trust, kind=Quitter) for _ in range(20)]
    random.Random(7).shuffle(sessions)
    run_all(sessions, at_once=24)
    assert sum(one.end == "quit" for one in sessions) == \
        6 * len(ledger.WAYS)
    for one in sessions:
        server.wait_for("gone", token=one.token)
    assert len(server.events("connect")) - before == len(sessions)
    Check(server, sessions).d_07_one_origin()


class Told:
    """A server's book that is made up."""

    def __init__(self, *rows):
        self.rows = [dict(event="mail", session=session, token=token, id=name)
                     for session, token, name in rows]

    def events(self):
        return self.rows


@pytest.mark.parametrize("rows", [
    [(1, "t1", "t1-0"), (1, "t2", "t2-0")],     # a session used twice
    [(1, "t1", "t1-0"), (2, "t1", "t1-1")],     # a client in two sessions
    [(1, "t1", "t2-0")],                        # another's command
])
def test_D_07_what_is_shared_is_seen(rows):
    Check(Told((9, "t9", "t9-0")), []).d_07_one_origin()
    with pytest.raises(AssertionError):
        Check(Told(*rows), []).d_07_one_origin()


# D-08

def test_D_08_surplus_reply_is_never_delivered(front, server, trust):
    postern = front()
    sessions = [session(postern, trust, way, f"{verb}-after", "surplus",
                        messages=2)
                for way in ("lockstep", "starttls", "implicit", "backend_tls",
                            "chunks")
                for verb in ("EHLO", "MAIL", "RCPT", "DATA", "BDAT", "EOD",
                             "LAST", "QUIT")
                if verb not in (("DATA", "EOD") if way == "chunks"
                                else ("BDAT", "LAST"))]
    run_all(sessions)
    for one in sessions:
        assert b"surplus" not in b"".join(r.raw for r in one.replies), one
        assert b"surplus" not in one.rest, one
        # What was answered before it stands.
        done = {"EOD-after": 1, "LAST-after": 1, "QUIT-after": 2}
        assert sum(m.accepted for m in one.messages) == \
            done.get(one.point, 0), one
    Check(server, sessions).all()


# D-09

EVIL = [b"QUIT\r\n", b"..\r\n", b"BDAT 9 LAST\r\n", b"\r\n", b"*\r\n",
        b"MAIL FROM:<x@y.test>\r\n", b"..QUIT\r\n", b"AUTH LOGIN\r\n"]
CHUNK_EVIL = [*EVIL, b".\r\n", b"\0", b".",
              b"\r\n.\r\nMAIL FROM:<v@w.test>\r\n"]


class Talker(Session):
    """A random script, cut anywhere; it notes in which mode each octet is."""

    def run(self):
        self.draw = random.Random(self.token)
        self.modes, self.name_count = [], 0
        try:
            self.open()
            self.note("command", b"EHLO modes.modes.%b.test\r\n" %
                      self.token.encode())
            for _ in range(8):
                self.draw.choice([self.plain, self.login, self.mail,
                                  self.refused, self.bdat,
                                  self.refused_bdat])()
            self.say(("command", b"QUIT\r\n"))
            self.want(221)
            self.end = "quit"
        except (Broken, OSError) as error:
            self.end = repr(error)
        self.client.close()

    def note(self, mode, octets):
        if self.modes and self.modes[-1][0] == mode:
            self.modes[-1][1] += octets
        else:
            self.modes.append([mode, octets])

    def say(self, *parts):
        octets = b"".join(part for _, part in parts)
        for mode, part in parts:
            if part:
                self.note(mode, part)
        cuts = sorted(self.draw.randrange(len(octets))
                      for _ in range(self.draw.randrange(4)))
        for start, end in zip([0, *cuts], [*cuts, len(octets)]):
            self.client.send(octets[start:end])

    def want(self, *codes):
        for code in codes:
            self.client.reply(code)

    def head(self, rcpt=""):
        name = f"{self.token}-{self.name_count}"
        self.name_count += 1
        message = Message(name, b"")
        message.state = "ended"
        return [("command", b"MAIL FROM:<%b@x.test>\r\n" % name.encode()),
                ("command", b"RCPT TO:<%b%b@example.test>\r\n" %
                 (self.token.encode(), rcpt.encode()))]

    def plain(self):
        self.say(("command", self.draw.choice(
            [b"NOOP\r\n", b"RSET\r\n", b"HELP\r\n", b"noop data\r\n"])))
        self.want(250)

    def login(self):
        way = self.draw.randrange(3)
        if way == 0:
            self.say(("command", b"AUTH PLAIN\r\n"))
            self.want(334)
            self.say(("auth", b"*\r\n"))
            self.want(501)
        elif way == 1:
            self.say(("command", b"AUTH LOGIN\r\n"))
            self.want(334)
            self.say(("auth", b"UVVJVA==\r\n"))
            self.want(334)
            self.say(("auth", b"YmFk\r\n"))
            self.want(535)
        else:
            self.say(("command", b"AUTH PLAIN AGFubmEAYmFk\r\n"))
            self.want(535)

    def text(self, evil):
        return b"".join(self.draw.choice(evil)
                        for _ in range(self.draw.randrange(30)))

    def mail(self):
        self.say(*self.head(), ("command", b"DATA\r\n"))
        self.want(250, 250, 354)
        self.say(("data", self.text(EVIL) + b".\r\n"))
        self.want(250)

    def refused(self):
        self.say(*self.head("-refused"), ("command", b"DATA\r\n"))
        self.want(250, 550, 554)
        self.plain()

    def chunk_parts(self):
        first, last = self.text(CHUNK_EVIL), self.text(CHUNK_EVIL)
        return [("command", b"BDAT %d\r\n" % len(first)), ("chunk", first),
                ("command", b"BDAT %d LAST\r\n" % len(last)),
                ("chunk", last)]

    def bdat(self):
        self.say(*self.head(), *self.chunk_parts(), ("command", b"NOOP\r\n"))
        self.want(250, 250, 250, 250, 250)

    def refused_bdat(self):
        self.say(*self.head("-refused"), *self.chunk_parts(),
                 ("command", b"RSET\r\n"))
        self.want(250, 550, 554, 554, 250)


def test_D_09_both_sides_agree_on_the_mode_of_each_octet(front, server,
                                                         trust):
    """The server's own account of what it read as what, octet by octet."""
    postern = front()
    sessions = []
    for way in ("lockstep", "starttls", "implicit") * 40:
        sessions.append(session(postern, trust, way, "modes", "modes",
                                kind=Talker))
    run_all(sessions, at_once=24)
    for one in sessions:
        assert one.end == "quit", (one.token, one.end, one.modes[-3:])
        gone = server.wait_for("gone", token=one.token)
        seen = [[mode, base64.b64decode(octets)]
                for mode, octets in gone["modes"]]
        if one.way == "starttls":       # its EHLO in clear
            line, rest = seen[0][1].split(b"\r\n", 1)
            assert line == b"EHLO none.none.%b.test" % one.token.encode()
            seen[0][1] = rest
        assert seen == one.modes, one.token
        assert gone["left"] == 0


# D-10

class Banned(Session):
    """Banned in mid-message by whatever `ban` does; then it goes on."""

    ban = None

    def half_way(self, message):
        self.ban(self)


def test_D_10_ban_in_mid_message_lets_it_end(front, server, trust,
                                             strangers):
    postern = front(banned={"answer": "close"})

    def ban(one):
        """In force: others of the same source are turned away."""
        postern.ctl("bans", "add", one.source, "--for", "1h")
        wait.until(lambda: turned_away(one.source), "the ban at the door")

    def turned_away(source):
        with contextlib.suppress(Broken, OSError):
            with Client(postern.ports["mx"], source=source) as other:
                other.reply(220)
                return False
        return True

    sessions = []
    for count, way in enumerate(("lockstep", "starttls", "implicit",
                                 "backend_tls")):
        one = session(postern, trust, way, messages=2,
                      source=strangers[count], kind=Banned)
        one.ban = ban
        sessions.append(one)
    late = [session(postern, trust, way, point, "wait", messages=2,
                    source=strangers[10 + count])
            for count, (way, point) in enumerate((
                ("lockstep", "EOD-before"), ("pipelined", "EOD-kept"),
                ("implicit", "EOD-kept"), ("backend_tls", "EOD-before"),
                ("chunks", "LAST-kept"), ("chunks_at_once", "LAST-before")))]
    for one in sessions + late:
        one.start()
    for one in late:    # banned between the dot and its reply
        server.wait_for("fault", token=one.token)
        ban(one)
        (server.book.parent / f"{one.token}.go").touch()
    for one in sessions + late:
        one.join(60)
        assert not one.is_alive(), one
        first, second = one.messages
        assert first.accepted, one
        assert not second.accepted and one.end != "quit", one
    Check(server, sessions + late).all()


# D-11

def test_D_11_reload_and_stop_under_load_lose_nothing(front, server, trust):
    postern = front()
    with Load(postern, trust) as load:
        for count in range(1, 7):
            postern.options["source_limit"] = {"failures": 5 + count}
            postern.write_conf()
            postern.reload()
            postern.wait_event("reload", count)
            load.more(5)
        before = list(load.sessions)
        postern.process.terminate()
        assert postern.process.wait(40) == 0
    # A reload is seen by nobody.
    assert all(one.end == "quit" for one in before), \
        [one for one in before if one.end != "quit"]
    check = Check(server, load.sessions).all()
    assert sum(m.accepted for _, m in check.messages()) >= 60


# D-12

class Guesser(Session):
    """Has guessed before it sends: its source is delayed from then on."""

    def lockstep(self, message):
        self.client.auth_plain("anna", f"bad {message.name}", 535)
        super().lockstep(message)

    starttls = implicit = backend_tls = lockstep

    def chunks(self, message):
        self.client.auth_plain("anna", f"bad {message.name}", 535)
        super().chunks(message)


def test_D_12_acceptance_is_never_held_back(front, server, trust, strangers):
    """Though the next 535 of that source would wait, its message does not;
    and the ban that its neighbour has begun changes nothing."""
    postern = front(source_limit={"delay": "1s", "failures": 3})
    sessions = []
    for count, way in enumerate(("lockstep", "starttls", "implicit",
                                 "backend_tls", "chunks")):
        sessions.append(session(postern, trust, way, messages=2, kind=Guesser,
                                source=strangers[20 + count]))
    with attack.timed(least_s=3):       # 1 s and 2 s: the delays are there
        run_all(sessions)
    for one in sessions:
        assert all(m.accepted for m in one.messages), one
        for message in one.messages:
            kept = server.events("kept", id=message.name)[0]
            sent_ns = int(kept["stamp"].split()[1])
            late_s = (message.heard_ns - sent_ns) / 1e9
            assert 0 <= late_s < SOON_S, (one, late_s)
    Check(server, sessions).all()

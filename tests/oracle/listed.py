"""The listed changes: what docs/ARCHITECTURE.md lets postern do to a session.

Written from the documents, as plain rules over one line or one reply, so
that it says what postern *must* do, not what it may: where a rule applies,
its own reply stands in the transcript, word for word, and the server hears
nothing; where none applies, every octet passes. Every rule has a name here
and is counted by who applies it (direct.py).

Knows no sockets. The texts are those of proto/replies.def, read from there;
when they are to be said is said here.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name: why a difference is no fault. compare.py and direct.py count them.
NAMES = {
    "ehlo-keyword": "an EHLO keyword that is left out (proto/ehlo.c)",
    "ehlo-starttls": "STARTTLS in EHLO is postern's own",
    "own-reply": "a refusal of postern's own (proto/replies.def)",
    "own-end": "postern's last words; the session ends behind them",
    "silent-end": "another protocol, or octets in clear behind STARTTLS",
    "starttls": "STARTTLS is answered by postern; the server is in clear",
    "server-lost": "421 or 451 for commands that a server left unanswered",
    "message-cut": "a message that no end of data completes is not passed "
                   "to its last octet",
    "unfinished-line": "a command line without its end stays with postern",
    "farewell": "a server's 421 to a client that has left already",
    "behind-the-end": "what a client sends behind a server's last word",
    "left-early": "what a client did not wait for when it left",
    "server-again": "a server that refuses the first EHLO behind postern's "
                    "TLS hears it again in a connection of its own",
    "server-desync": "no script is compared in which Exim takes a chunk for "
                     "commands",
    "date": "the date in a server's banner",
    "queue-id": "the number that a server gives to a message",
    "challenge": "the challenge of CRAM-MD5, and with it the answer",
}

COMMAND_LONGEST = 2048
ANSWER_LONGEST = 12288
BAD_COMMANDS_MOST = 20
IDLE_COMMANDS_MOST = 200

KNOWN = set("""PIPELINING SIZE 8BITMIME HELP DSN VRFY EXPN AUTH
ENHANCEDSTATUSCODES CHUNKING SMTPUTF8 DELIVERBY NO-SOLICITING MT-PRIORITY
FUTURERELEASE""".split())
# Those that make a list of offers one (the engine looks at these alone).
OFFERS = {"PIPELINING", "SIZE", "8BITMIME", "AUTH", "ENHANCEDSTATUSCODES",
          "CHUNKING", "STARTTLS", "XCLIENT"}
REFUSED = set(b"""SEND SOML SAML TURN ATRN ETRN BURL XDATA XEXCH50 XCLIENT
XFORWARD PROXY""".split())
NEED_EHLO = {b"MAIL", b"RCPT", b"DATA", b"BDAT", b"AUTH"}
PASSED = {b"HELO", b"EHLO", b"MAIL", b"RCPT", b"DATA", b"BDAT", b"RSET",
          b"VRFY", b"EXPN", b"HELP", b"NOOP", b"QUIT", b"AUTH"}
NOT_IDLE = {b"RCPT", b"DATA", b"BDAT", b"QUIT"}

ALIEN = re.compile(
    rb"(GET|POST|PUT|HEAD|DELETE|OPTIONS|CONNECT|PRI|TRACE|PATCH) |SSH-|"
    rb"\x16\x03|\x03\x00|[\x80-\xff].\x01[\0\x03]", re.S)
BDAT = re.compile(rb"(0|[1-9][0-9]{0,18})( LAST)?", re.I)


def read_replies():
    """{id: (code, enhanced, text, referenced)} from proto/replies.def."""
    text = (ROOT / "proto/replies.def").read_text()
    rows = re.findall(r'^REPLY\((\w+),\s*(\d+),\s*"([^"]*)",\s*"([^"]*)",'
                      r"\s*(true|false)\)", text, re.M | re.S)
    assert len(rows) == text.count("\nREPLY("), "replies.def: unread rows"
    return {row[0]: (row[1], row[2], row[3], row[4] == "true")
            for row in rows}


REPLIES = read_replies()


def own_pattern(name, enhanced):
    """The regular expression of a whole reply of postern's own."""
    code, status, text, referenced = REPLIES[name]
    words = [code] + ([status] if enhanced else []) + [text]
    pattern = re.escape(" ".join(words).encode())
    if referenced:
        # src/base/reference.h: 64 bits, no leading zeros
        pattern += rb" \(ref [1-9A-HJKMNP-TV-Z][0-9A-HJKMNP-TV-Z]{0,12}\)"
    return re.compile(pattern + rb"\r\n")


def ehlo(reply, offer_starttls):
    """(what the client sees, keywords of the server, names of changes)."""
    lines = [line[4:] for line in reply.split(b"\r\n")[:-1]]
    kept, words, names = [lines[0]], set(), []
    for line in lines[1:]:
        match = re.match(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?: |$)", line)
        word = match[1].upper().decode() if match else "?"
        if re.match(rb"AUTH=", line, re.I):
            word = "AUTH"       # as clients before RFC 2554 have it
        words.add(word)
        if word == "STARTTLS" and offer_starttls:
            kept.append(b"STARTTLS")
            offer_starttls = False
            if line != b"STARTTLS":
                names.append("ehlo-starttls")
        elif word in KNOWN:
            kept.append(line)
        else:
            names.append("ehlo-starttls" if word == "STARTTLS"
                         else "ehlo-keyword")
    if offer_starttls:
        kept.append(b"STARTTLS")
        names.append("ehlo-starttls")
    block = [b"250-" + line for line in kept]
    block[-1] = b"250 " + kept[-1]
    return b"\r\n".join(block) + b"\r\n", words, names


def take_line(octets, most=COMMAND_LONGEST):
    """("line", octets with CRLF), ("more", None), or ("end", reply's name).

    Decided on the first `most` octets alone, however they come.
    """
    head = octets[:most]
    at = head.find(b"\n")
    text = head if at < 0 else head[:at]
    ended = text.endswith(b"\r")
    if ended:
        text = text[:-1]
    if re.search(rb"[\r\0]", text) or (at >= 0 and not ended):
        return "end", "LINE_BAD"
    if at >= 0:
        return "line", head[:at + 1]
    return ("end", "LINE_TOO_LONG") if len(octets) >= most \
        else ("more", None)


def masked(line):
    """A laxer reader might find a verb in it: no verb, and then no space."""
    return bool(line) and not re.match(rb"[!-~]+( |$)", line)


class Rules:
    """A session as far as the listed changes depend on it."""

    def __init__(self, starttls):
        self.starttls = starttls        # of the listener: optional or not
        self.words = set()              # the server's last EHLO keywords
        self.greeted = self.tls = self.authed = False
        self.ehlo_needed = self.in_transaction = False
        self.bad_count = self.idle_count = 0

    @property
    def enhanced(self):
        return "ENHANCEDSTATUSCODES" in self.words

    @property
    def offers_starttls(self):
        return self.starttls and not self.tls and not self.authed

    def alien(self, octets):
        return not self.greeted and bool(ALIEN.match(octets))

    def command(self, line, behind):
        """What becomes of a command line (without CRLF).

        ("pass", verb) or (what, reply's name): what is "refuse" (the session
        goes on), "end", "silent" (the end without a word) or "tls". `behind`:
        octets that came with it.
        """
        verb = line.partition(b" ")[0].upper()
        if masked(line):
            return self.bad("NOT_A_COMMAND")
        if verb not in NOT_IDLE:
            self.idle_count += 1
            if self.idle_count > IDLE_COMMANDS_MOST:
                return "end", "TOO_MANY_COMMANDS"
        if self.ehlo_needed and verb in NEED_EHLO:
            return ("end", "EHLO_FIRST") if verb == b"BDAT" \
                else self.bad("EHLO_FIRST")
        if verb == b"STARTTLS":
            return self.command_starttls(line, behind)
        if verb == b"AUTH":
            return self.command_auth(behind)
        if verb == b"DATA" and behind:
            return "end", "PIPELINED_PAST"
        if verb == b"BDAT":
            return self.command_bdat(line)
        if verb in REFUSED:
            return self.bad("NOT_IMPLEMENTED")
        if verb not in PASSED:
            self.bad_count += 1
            if self.bad_count >= BAD_COMMANDS_MOST:
                return "end", "TOO_MANY_ERRORS"
            return "pass", b""
        return "pass", verb

    def bad(self, name):
        self.bad_count += 1
        if self.bad_count >= BAD_COMMANDS_MOST:
            return "end", "TOO_MANY_ERRORS"
        return "refuse", name

    def command_starttls(self, line, behind):
        if line[9:]:
            return self.bad("BAD_ARGUMENT")
        if behind:
            return "silent", None
        if not self.starttls and not self.tls:
            return self.bad("NO_STARTTLS")
        if self.tls or self.authed or self.in_transaction:
            return self.bad("STARTTLS_NOT_NOW")
        return "tls", "TLS_READY"

    def command_auth(self, behind):
        if "AUTH" not in self.words:
            return self.bad("NO_AUTH" if self.greeted and self.words & OFFERS
                            else "EHLO_FIRST")
        return ("end", "PIPELINED_PAST") if behind else ("pass", b"AUTH")

    def command_bdat(self, line):
        if "CHUNKING" not in self.words:
            return "end", "NO_CHUNKING"
        match = BDAT.fullmatch(line[5:])
        if not match or int(match[1]) > 2**63 // 2:
            return "end", "BAD_CHUNK"
        return "pass", b"BDAT"

    def replied(self, verb, code):
        """A server's whole reply to a verb (or "dot", the end of data)."""
        good = 200 <= code < 300
        if verb == b"MAIL" and good:
            self.in_transaction = True
        elif verb == b"RSET" and good or verb in (b"dot", b"last"):
            self.in_transaction = False
            if verb != b"RSET" and good:
                self.idle_count = 0
        elif verb == b"HELO" and code == 250:
            self.greeted, self.words = True, set()
            self.ehlo_needed = self.in_transaction = False
        elif verb == b"EHLO" and code == 250:
            self.greeted = True
            self.ehlo_needed = self.in_transaction = False
        elif verb == b"AUTH" and good:
            self.authed = True

    def tls_began(self):
        self.tls = self.ehlo_needed = True
        self.words = set()


BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def message_piece(octets):
    """Of octets that begin on a line: (what, how many of them).

    "end": up to and with CRLF . CRLF; "bare": in front of a bare CR or LF;
    "more": all of them, and no end yet.
    """
    end = (b"\r\n" + octets).find(b"\r\n.\r\n")
    end = end + 3 if end >= 0 else None
    # A CR that is the last octet may still get its LF.
    whole = octets[:-1] if octets.endswith(b"\r") else octets
    bare = BARE.search(whole)
    if bare and (end is None or bare.start() < end):
        return "bare", bare.start()
    return ("end", end) if end is not None else ("more", len(octets))

"""A client's script: what it sends, and where it waits. And its text form.

Steps are tuples:

    ("write", octets, wait)     in one or more segments
    ("data", line, body)        the body only where the server says 354
    ("auth", line, answers)     one answer for each 334, "*" when they end;
                                an answer may be ("cram", user, secret)
    ("tls",)                    STARTTLS, and the handshake where 220 comes
    ("half",)                   half-close, then read to the end
    ("close",) ("reset",)       leave, by a FIN or a RST

A script without an end of its own is read to the end behind a QUIT and closed
otherwise. The text form is that of scripts/*.txt:

    == NAME
    > text      a line, written alone (or with what `+` has gathered); waits
    + text      a line, kept for the next `>` or `!`
    ! text      octets without CRLF, kept likewise; `!!` writes them and
                goes on, `?` writes them and waits
    d text      DATA, its body in the lines `| text` behind it
    a text      AUTH, its answers in the lines `= text` (`=* user secret`
                is CRAM-MD5's)
    tls half close reset

with the escapes \\r \\n \\0 \\t \\xNN \\\\, and {TEXT*N} for repetition.
"""

import base64
import dataclasses
import hashlib
import hmac
import random
import re


@dataclasses.dataclass
class Script:
    name: str
    steps: list
    seed: int = 0
    whole: bool = False         # every write in one segment

    def cuts(self, index, octets):
        """Offsets where a write is cut, with pauses in seconds."""
        rng = random.Random(f"{self.seed}/{self.name}/{index}")
        if self.whole or len(octets) < 2 or rng.random() < 0.6:
            return []
        if len(octets) < 40 and rng.random() < 0.2:
            return [(i, 0) for i in range(1, len(octets))]
        count = rng.randint(1, 4)
        return [(i, rng.choice((0, 0, 0.001)))
                for i in sorted({rng.randrange(1, len(octets))
                                 for _ in range(count)})]


def cram(challenge, user, secret):
    """The line that answers `334 ...` (RFC 2195)."""
    text = base64.b64decode(challenge[4:])
    digest = hmac.new(secret, text, hashlib.md5).hexdigest()
    return base64.b64encode(user + b" " + digest.encode()) + b"\r\n"


def octets_of(text):
    text = re.sub(r"\{(.+?)\*(\d+)\}", lambda m: m[1] * int(m[2]), text)
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", _escape, text).encode("latin-1")


def _escape(match):
    word = match[1]
    if word[0] == "x" and len(word) == 3:
        return chr(int(word[1:], 16))
    return {"r": "\r", "n": "\n", "0": "\0", "t": "\t"}.get(word, word)


def parse(text):
    """All scripts of a text."""
    scripts, kept = [], b""
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        octets = octets_of(rest)
        if word == "==":
            scripts.append(Script(rest, [], number))
            continue
        steps = scripts[-1].steps
        if word == "+":
            kept += octets + b"\r\n"
        elif word == "!":
            kept += octets
        elif word in ("!!", "?"):
            steps.append(("write", kept + octets, word == "?"))
            kept = b""
        elif word == ">":
            steps.append(("write", kept + octets + b"\r\n", True))
            kept = b""
        elif word in ("d", "a"):
            steps.append(({"d": "data", "a": "auth"}[word],
                          kept + octets + b"\r\n", b"" if word == "d" else []))
            kept = b""
        elif word == "|":
            kind, first, body = steps[-1]
            steps[-1] = (kind, first, body + octets + b"\r\n")
        elif word == "|!":
            kind, first, body = steps[-1]
            steps[-1] = (kind, first, body + octets)
        elif word == "=":
            steps[-1][2].append(octets + b"\r\n")
        elif word == "=*":
            user, secret = octets.split(b" ")
            steps[-1][2].append(("cram", user, secret))
        elif word in ("tls", "half", "close", "reset"):
            if kept:
                steps.append(("write", kept, False))
                kept = b""
            steps.append((word,))
        else:
            raise ValueError(f"line {number}: what is {word}?")
    return scripts

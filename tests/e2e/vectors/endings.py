"""Odd ends of data, what is smuggled behind them, and what became of it.

Each case has a word of its own: in the header of the message that the client
means to send, in the envelope of the one that it smuggles, and in the header
of that. So what a server took as one or as two is counted by the word.
"""

import contextlib
import re

from harness.raw import Closed

# By the vector's number. None of these is an end.
ODD = {
    1: [b"\n.\n"],
    2: [b"\n.\r\n"],
    3: [b"\r\n.\n"],
    4: [b"\r.\r\n"],
    5: [b"\r.\n"],
    6: [b"\n.\r"],
    7: [b"\r.\r"],
    8: [b"\r\n.\r"],
    9: [b"\r\n.\r\r\n"],
    10: [b"\r\r\n.\r\r\n"],
    11: [b"\r\n\0.\r\n"],
    12: [b"\r\n.\0\r\n"],
    13: [b"\r\n..\r\n"],
    14: [b"\r\n. \r\n", b"\r\n.\t\r\n"],
    18: [b"\x85.\x85", b"\x0b.\x0b", b"\x0c.\x0c",
         b"\xe2\x80\xa8.\xe2\x80\xa8"],
}
NEWLINES = (b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\r", b"\r\n\0", b"\0\r\n")
END = b"\r\n.\r\n"
# Those, and every pair of newlines around a dot that is no end: more than
# any of the known tools has.
ALL = sorted({odd for odds in ODD.values() for odd in odds} |
             {first + b"." + second for first in NEWLINES
              for second in NEWLINES if END not in first + b"." + second})

# What servers read differently: a bare CR or LF, and a NUL behind a leading
# dot, behind which a server that keeps lines as C strings sees nothing.
AMBIGUOUS = re.compile(rb"\r(?!\n)|(?<!\r)\n|(?<=\r\n)\.\0")


def is_ambiguous(octets):
    return AMBIGUOUS.search(octets) is not None


def parts(word, odd):
    """(in front of the odd end, behind it); the true end is the last."""
    before = f"Subject: {word}\r\n\r\ntext".encode()
    inner = (f"MAIL FROM:<smuggled{word}@x.test>\r\n"
             "RCPT TO:<anna@example.test>\r\nDATA\r\n"
             f"Subject: smuggled {word}\r\n\r\nb").encode()
    return before, inner + END


def unstuffed(sent):
    """What a strict server stores of these octets, their end included."""
    assert sent.endswith(END)
    text = sent[:-len(END)] + b"\r\n"
    text = b"\r\n" + text
    return text.replace(b"\r\n.", b"\r\n")[2:]


def normalized(sent):
    """The same behind `bare_newline = normalize`, by lines: a bare CR or LF
    is a line end, and a dot between two line ends, or in front of a NUL, is
    text."""
    assert sent.endswith(END)
    lines = sent[:-len(END)].split(b"\r\n")
    for index, line in enumerate(lines):
        if line[:1] == b"." and line[1:2] not in (b"\r", b"\n", b"\0"):
            line = line[1:]
        lines[index] = re.sub(rb"[\r\n]", b"\r\n", line)
    return b"\r\n".join(lines) + b"\r\n"


class Sent:
    """What one client did and saw."""

    def __init__(self, word, octets):
        self.word = word
        self.octets = octets    # behind 354, the true end included
        self.codes = []         # of the replies behind 354
        self.whole = True       # all octets went out

    @property
    def accepted(self):
        return self.codes.count(250)


def smuggle(stage, door, odd, way):
    """One message with the odd end in it, then QUIT; every reply counts."""
    word = stage.name("odd")
    before, behind = parts(word, odd)
    sent = Sent(word, before + odd + behind)
    with stage.greeted(door) as c:
        c.envelope()
        c.cmd("DATA", 354)
        sent.whole = way.send(c, odd, before, behind)
        sent.codes.append(c.reply().code)
        with contextlib.suppress(OSError):
            c.line("QUIT")
        with contextlib.suppress(Closed):
            while True:
                sent.codes.append(c.reply().code)
    return sent


def stored(stage):
    """{word: [octets of each stored message that holds it]}."""
    found = {}
    for message in stage.server.messages():
        octets = stage.server.octets(message)
        for word in set(re.findall(rb"odd-\d+-", octets)):
            found.setdefault(word.decode(), []).append(octets)
    return found
